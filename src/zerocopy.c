/* SPDX-License-Identifier: MIT */
/*
 * zerocopy.c - see zerocopy.h.
 *
 * owner.zerocopy_owed counts the lanes that owe. It is raised before the first
 * send is asked for, and lowered by the tick after the last was settled, so
 * that a stream of small sends does not write to it with each. If it is raised
 * for nothing when the daemon dies, the next one begins a new ring for nothing.
 *
 * The ring is registered at the start, or when the first receiver comes that
 * needs it, where none was to be expected: it takes 10 to 40 ms for 256 MiB,
 * and pins the pages. One of the two mappings of it does, and half the memory
 * to lock: a send ends where the ring does.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include <bcast/monitor.h>

#include "net/zerocopy.h"
#include "shm/peers.h"
#include "src/lag.h"
#include "src/log.h"
#include "src/request.h"
#include "src/zerocopy.h"

static const char *mode_name(enum config_zerocopy mode)
{
	switch (mode) {
	case CONFIG_ZEROCOPY_AUTO:
		return "auto";
	case CONFIG_ZEROCOPY_ON:
		return "on";
	case CONFIG_ZEROCOPY_OFF:
		return "off";
	}
	return "unknown";
}

/* ---- Start ------------------------------------------------------------- */

static void state(struct daemon *daemon, const char *mode, const char *why)
{
	char quoted[300];

	daemon->zerocopy_mode = mode;
	(void)snprintf(daemon->zerocopy_why, sizeof(daemon->zerocopy_why), "%s",
		       why);
	log_event(LOG_LEVEL_INFO, "zerocopy", "mode=%s reason=%s", mode,
		  log_quote(why, quoted, sizeof(quoted)));
}

static void register_ring(struct lane *lane)
{
	const struct bc_ring *ring = &lane->segment->ring;
	int ret;

	if (lane->zerocopy.registered)
		return;
	lane->zerocopy.registered = true; /* or tried, which is as good */
	ret = bc_backend_register_memory(lane->backend, ring->base,
					 ring->capacity);
	if (ret < 0)
		log_event(lane->config->zerocopy == CONFIG_ZEROCOPY_ON
				  ? LOG_LEVEL_WARN
				  : LOG_LEVEL_INFO,
			  "ring_not_registered",
			  "bytes=%llu error=\"%s\" fix=\"raise the limit of "
			  "locked memory (ulimit -l, LimitMEMLOCK=) to more "
			  "than the ring: zero copy is slower without\"",
			  (unsigned long long)ring->capacity, strerror(-ret));
}

/* Can a receiver of another machine, or any for "on", come to this lane? */
static bool expects_receivers(const struct daemon *daemon)
{
	if (daemon->config.egress_threads > 0)
		return false;
	for (uint32_t i = 0; i < daemon->listener_count; i++) {
		const struct listener *listener = &daemon->listeners[i];
		const char *address = listener->address;

		if (config_role_receives(listener->role) &&
		    (daemon->config.zerocopy == CONFIG_ZEROCOPY_ON ||
		     (strncmp(address, "127.", 4) != 0 &&
		      strncmp(address, "[::1]", 5) != 0 &&
		      strncmp(address, "unix:", 5) != 0)))
			return true;
	}
	return false;
}

/* Of all addresses where receivers come in, if there are any. */
static bool all_skip(const struct config *config)
{
	bool any = false;

	for (uint32_t i = 0; i < config->listen_count; i++) {
		const struct config_listen *door = &config->listens[i];

		if (!config_role_receives(door->role))
			continue;
		if (door->slow_policy != CONFIG_SLOW_SKIP)
			return false;
		any = true;
	}
	return any;
}

int zerocopy_start(struct daemon *daemon)
{
	const struct config *config = &daemon->config;
	char why[200] = "";

	if (config->zerocopy == CONFIG_ZEROCOPY_OFF) {
		state(daemon, "off", "as asked for");
		return 0;
	}
	if (config->zerocopy == CONFIG_ZEROCOPY_AUTO && all_skip(config)) {
		state(daemon, "off",
		      "--slow-policy skip: what the kernel has taken cannot be "
		      "skipped");
		return 0;
	}
	if (bc_zerocopy_check(daemon->backend, why, sizeof(why)) == 0) {
		daemon->home.zerocopy.usable = true;
		if (expects_receivers(daemon))
			register_ring(&daemon->home);
		state(daemon, mode_name(config->zerocopy),
		      config->zerocopy == CONFIG_ZEROCOPY_ON
			      ? "all TCP receivers, as asked for"
			      : "receivers on other machines, 16K or more at "
				"a time");
		return 0;
	}
	if (config->zerocopy == CONFIG_ZEROCOPY_AUTO) {
		state(daemon, "off", why);
		return 0;
	}
	log_event(LOG_LEVEL_ERROR, "start_failed",
		  "option=--zerocopy value=on error=\"%s\" "
		  "fix=\"leave it at auto, or do as the error says\"",
		  why);
	return EX_UNAVAILABLE;
}

/* ---- Whom, and when ---------------------------------------------------- */

void zerocopy_show(const struct bc_conn *conn)
{
	atomic_store_explicit(&conn->shown->zerocopy, conn->zerocopy,
			      memory_order_relaxed);
}

static bool is_tcp(const struct sockaddr_storage *peer)
{
	return peer->ss_family == AF_INET || peer->ss_family == AF_INET6;
}

void zerocopy_choose(const struct lane *lane, struct bc_conn *conn,
		     const struct sockaddr_storage *local,
		     const struct sockaddr_storage *peer)
{
	if (!lane->zerocopy.usable || !is_tcp(peer) ||
	    (lane->backend->features & BC_BACKEND_ZEROCOPY) == 0 ||
	    (lane->config->zerocopy == CONFIG_ZEROCOPY_AUTO &&
	     (bc_sockaddr_same_host(local, peer) ||
	      lag_policy(lane, conn) == CONFIG_SLOW_SKIP)))
		return;
	conn->zerocopy = BC_CONN_ZEROCOPY_YES;
	zerocopy_show(conn);
}

void zerocopy_introduce(struct lane *lane, struct bc_conn *conn,
			const struct sockaddr_storage *local,
			const struct sockaddr_storage *peer)
{
	zerocopy_choose(lane, conn, local, peer);
	if (conn->zerocopy == BC_CONN_ZEROCOPY_YES)
		register_ring(lane);
}

void zerocopy_resume(struct lane *lane)
{
	for (uint32_t slot = 0; slot < lane->conns.count; slot++) {
		const struct bc_conn *conn = &lane->conns.conns[slot];

		if (conn->state == BC_CONN_OPEN &&
		    conn->zerocopy == BC_CONN_ZEROCOPY_YES)
			register_ring(lane);
	}
}

bool zerocopy_suits(const struct lane *lane, struct bc_conn *conn,
		    uint64_t size)
{
	if (conn->zerocopy != BC_CONN_ZEROCOPY_YES || lane->zerocopy.held ||
	    bc_owed_is_full(&conn->owed))
		return false;
	if (conn->copies > 0) {
		conn->copies--;
		return false;
	}
	return size >= ZEROCOPY_BYTES_MIN ||
	       lane->config->zerocopy == CONFIG_ZEROCOPY_ON;
}

/* ---- Sends ------------------------------------------------------------- */

static void owe(struct lane *lane)
{
	if (!lane->zerocopy.told)
		atomic_fetch_add_explicit(
			&lane->segment->control->owner.zerocopy_owed, 1,
			memory_order_relaxed);
	lane->zerocopy.told = true;
	lane->zerocopy.owed++;
}

void zerocopy_tick(struct lane *lane)
{
	if (!lane->zerocopy.told || lane->zerocopy.owed > 0)
		return;
	atomic_fetch_sub_explicit(&lane->segment->control->owner.zerocopy_owed,
				  1, memory_order_relaxed);
	lane->zerocopy.told = false;
}

int zerocopy_send(struct lane *lane, struct bc_conn *conn, const void *bytes,
		  size_t size)
{
	int ret;

	owe(lane);
	if (conn->owed.count == 0)
		conn->settled_ns = lane->now_ns;
	ret = request_send_zc(lane, conn, bytes, size);
	if (ret < 0)
		lane->zerocopy.owed--;
	else
		bc_tally_add(&lane->tally, BC_COUNTER_zerocopy_sends, 1);
	return ret;
}
