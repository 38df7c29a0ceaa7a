/* SPDX-License-Identifier: MIT */
/*
 * upgrade_own.c - see upgrade_taking.h. In the order of who waits for it: the
 * owner's words, what others see, then receivers and the sender.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "shm/counters.h"
#include "shm/peers.h"
#include "shm/segment_inherit.h"
#include "src/lanes_rest.h"
#include "src/local.h"
#include "src/upgrade_taking.h"
#include "src/zerocopy.h"

/* epoll sets it by itself; io_uring would not wait for what has it. */
static void make_blocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0 && (flags & O_NONBLOCK) != 0)
		(void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

static void make_all_blocking(const struct daemon *daemon,
			      const struct upgrade_taking *taking)
{
	if (bc_backend_which(daemon->backend) != BC_BACKEND_IO_URING)
		return;
	/* of --admin's, admin.c has its own ideas */
	for (uint32_t i = 0; i < daemon->listener_count; i++)
		if (daemon->listeners[i].role != CONFIG_ROLE_ADMIN)
			make_blocking(daemon->listeners[i].fd);
	for (uint32_t i = 0; i < taking->count; i++)
		make_blocking(taking->fds[i]);
}

static uint64_t get(const bc_u64 *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static void set(bc_u64 *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

/* An entry that moves: its numbers go with it. */
static void open_entry(struct bc_peer_shm *to, const struct bc_peer_shm *from,
		       uint64_t now_ns)
{
	const struct bc_peer_opening opening = {
		.role = atomic_load_explicit(&from->role, memory_order_relaxed),
		.peer = from->peer,
		.local = from->local,
		.position = get(&from->cursor),
		.now_ns = now_ns,
	};

	bc_peers_open(to, &opening);
	set(&to->release, get(&from->release));
	set(&to->bytes, get(&from->bytes));
	set(&to->operations, get(&from->operations));
	set(&to->short_sends, get(&from->short_sends));
	set(&to->lag_max, get(&from->lag_max));
	set(&to->start_position, get(&from->start_position));
	set(&to->discarded, get(&from->discarded));
	set(&to->skipped, get(&from->skipped));
	set(&to->connected_realtime_ns, get(&from->connected_realtime_ns));
}

/* Whom the old one's end has closed. */
static void bury_entry(struct daemon *daemon, struct bc_peer_shm *entry)
{
	char peer[BC_ADDRESS];

	memcpy(peer, entry->peer, sizeof(peer));
	peer[sizeof(peer) - 1] = '\0';
	lane_remember(&daemon->home,
		      &(struct bc_peer_closing){
			      .role = atomic_load_explicit(
				      &entry->role, memory_order_relaxed),
			      .reason = BCAST_CLOSE_SHUTDOWN,
			      .peer = peer,
			      .cursor = get(&entry->cursor),
			      .bytes = get(&entry->bytes),
			      .connected_realtime_ns =
				      get(&entry->connected_realtime_ns),
		      });
	bc_peers_close(entry);
}

static uint32_t entry_of(const struct upgrade_unpacked *one)
{
	return one->lane->first_slot +
	       bc_conn_slot(&one->lane->conns, one->conn);
}

static bool moves(const struct daemon *daemon,
		  const struct upgrade_unpacked *one)
{
	return one->conn->shown != bc_peers_slot(&daemon->segment, one->shown);
}

/* What will stand elsewhere is taken out of the table; what stays, is noted. */
static void lift(struct daemon *daemon, struct upgrade_taking *taking,
		 struct upgrade_unpacked *one)
{
	struct bc_peer_shm *entry = bc_peers_slot(&daemon->segment, one->shown);

	one->conn->shown = bc_peers_slot(&daemon->segment, entry_of(one));
	if (!moves(daemon, one)) {
		taking->stays[one->shown] = true;
		return;
	}
	memcpy(&one->entry, entry, sizeof(one->entry));
	bc_peers_close(entry);
}

/* The table of connections: lift all that move, bury the rest, put down. */
static void show_all(struct daemon *daemon, struct upgrade_taking *taking)
{
	uint32_t entries = daemon->segment.regions[BC_REGION_PEERS].count;

	for (uint32_t i = 0; i < taking->count; i++)
		lift(daemon, taking, &taking->all[i]);
	for (uint32_t slot = 0; slot < entries; slot++) {
		struct bc_peer_shm *entry =
			bc_peers_slot(&daemon->segment, slot);

		if (!taking->stays[slot] &&
		    atomic_load_explicit(&entry->role, memory_order_relaxed) !=
			    0)
			bury_entry(daemon, entry);
	}
	for (uint32_t i = 0; i < taking->count; i++) {
		const struct upgrade_unpacked *one = &taking->all[i];

		if (moves(daemon, one))
			open_entry(one->conn->shown, &one->entry,
				   one->lane->now_ns);
	}
}

static void introduce_zerocopy(const struct upgrade_unpacked *one)
{
	struct bc_conn *conn = one->conn;
	struct sockaddr_storage local = {0}, peer = {0};
	socklen_t local_length = sizeof(local), peer_length = sizeof(peer);

	conn->zerocopy = BC_CONN_ZEROCOPY_NO;
	if (conn->role == BCAST_ROLE_RECEIVER) {
		(void)getsockname(conn->fd, (struct sockaddr *)&local,
				  &local_length);
		(void)getpeername(conn->fd, (struct sockaddr *)&peer,
				  &peer_length);
		zerocopy_choose(one->lane, conn, &local, &peer);
		if (one->copied && conn->zerocopy == BC_CONN_ZEROCOPY_YES)
			conn->zerocopy = BC_CONN_ZEROCOPY_COPIED;
	}
	zerocopy_show(conn);
}

/* Gauges, which another daemon's words have been until now. */
static void gauge(struct daemon *daemon, const struct upgrade_taking *taking)
{
	struct bc_counter_shm *counters = daemon->counters;
	uint64_t receivers = 0;

	for (uint32_t i = 0; i < taking->count; i++)
		receivers += taking->all[i].conn->role == BCAST_ROLE_RECEIVER;
	bc_counters_adopt(counters);
	bc_counter_set(counters, BC_COUNTER_receivers, receivers);
	bc_counter_set(counters, BC_COUNTER_senders, daemon->ingest.line_count);
	bc_counter_set(counters, BC_COUNTER_publishers,
		       daemon->publishing.count);
	bc_counter_add(counters, BC_COUNTER_upgrades, 1);
	bc_counter_add(counters, BC_COUNTER_upgrade_left_behind,
		       taking->stream.left_behind);
}

void upgrade_own(struct daemon *daemon, struct upgrade_taking *taking)
{
	const struct upgrade_stream_wire *stream = &taking->stream;
	struct local known = {
		.holder = stream->holder,
		.sequence = stream->sequence,
	};

	bc_segment_become_owner(&daemon->segment, daemon->config.max_receivers,
				stream->closed_count);
	memcpy(known.who, stream->who, sizeof(known.who));
	local_inherit(daemon, &known);
	daemon->home.tail = stream->tail;
	show_all(daemon, taking);
	gauge(daemon, taking);
	make_all_blocking(daemon, taking);
	for (uint32_t i = 0; i < taking->count; i++)
		introduce_zerocopy(&taking->all[i]);
	upgrade_resume(daemon);
	lanes_resume(daemon);
	upgrade_close_unused(daemon->upgrade);
	(void)close(daemon->upgrade->giver_fd);
	daemon->upgrade->giver_fd = -1;
}
