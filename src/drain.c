/* SPDX-License-Identifier: MIT */
/* drain.c - see drain.h. */
#include <string.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "shm/clock.h"
#include "shm/lease.h"
#include "src/closing.h"
#include "src/drain.h"
#include "src/follow.h"
#include "src/local.h"
#include "src/log.h"
#include "src/nodes.h"
#include "src/publishing.h"
#include "src/receivers.h"
#include "src/remote_nodes.h"

/*
 * How long after the deadline, by which all is cancelled, events may take to
 * come. None has ever failed to; but a daemon that was told to end must end.
 */
#define LAST_RESORT_NS ((uint64_t)BC_NS_PER_S)

/*
 * What a local publisher gets for what it has begun: microseconds, unless it is
 * not running at the moment. One that gives the lease back is not waited for.
 */
#define LAST_WORD_NS ((uint64_t)(100 * BC_NS_PER_MS))

static void stop_listening(struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->listener_count; i++)
		if (daemon->listeners[i].armed)
			(void)bc_backend_cancel(
				daemon->backend,
				bc_token_pack(BC_OP_ACCEPT, i, 0));
}

static void begin(struct daemon *daemon, int signal_number)
{
	struct ingest *ingest = &daemon->ingest;

	daemon->phase = DAEMON_DRAINING;
	daemon->drain_deadline_ns =
		daemon->home.now_ns +
		daemon->config.drain_timeout_ms * (uint64_t)BC_NS_PER_MS;
	log_event(LOG_LEVEL_INFO, "draining", "signal=%s receivers=%u",
		  strsignal(signal_number), receivers_count(daemon));
	atomic_store_explicit(&daemon->segment.control->owner.end_reason,
			      (uint32_t)signal_number, memory_order_relaxed);
	bc_segment_set_state(&daemon->segment, BC_STATE_DRAINING);
	service_notify_stopping(daemon);
	/* not when this turn began, which may have been a while ago */
	daemon->drain_began_ns = bc_monotonic_ns();
	stop_listening(daemon);
	nodes_drain(daemon);
	remote_nodes_drain(daemon);
	echo_drain(daemon, false);
	local_drain(daemon);
	for (uint32_t i = 0; i < ingest->line_count; i++)
		bc_conn_end(&daemon->home.conns, ingest->line[i],
			    BCAST_CLOSE_SHUTDOWN, 0);
	publishing_drain(daemon);
	closing_run(&daemon->home);
}

/* A publication that began before it could see the state: microseconds. */
static bool local_may_publish(const struct daemon *daemon)
{
	return bc_lease_is_local(&daemon->segment) &&
	       daemon->home.now_ns < daemon->drain_began_ns + LAST_WORD_NS;
}

/* Are all slots free, and all accepts and polls back? */
static bool is_quiet(const struct daemon *daemon)
{
	if (daemon->nodes.armed > 0 || daemon->local.armed ||
	    !remote_nodes_are_quiet(daemon))
		return false;
	for (uint32_t i = 0; i < daemon->listener_count; i++)
		if (daemon->listeners[i].armed)
			return false;
	return receivers_are_gone(daemon) && echo_is_gone(daemon);
}

void drain_step(struct daemon *daemon, int signal_number)
{
	if (daemon->phase == DAEMON_RUNNING) {
		if (signal_number == 0)
			return;
		begin(daemon, signal_number);
	} else if (signal_number != 0) {
		daemon->drain_deadline_ns = daemon->home.now_ns;
	}
	if (daemon->home.now_ns >= daemon->drain_deadline_ns)
		echo_drain(daemon, true);
	/* the last receive may still bring bytes, a publisher its last record */
	if (!daemon->ingest.receiving && !publishing_is_receiving(daemon) &&
	    !local_may_publish(daemon)) {
		/* which may have come since this turn looked for it */
		follow_stream(daemon);
		receivers_drain(daemon, daemon->home.now_ns >=
						daemon->drain_deadline_ns);
	}
	if (is_quiet(daemon) ||
	    daemon->home.now_ns >= daemon->drain_deadline_ns + LAST_RESORT_NS)
		daemon->phase = DAEMON_STOPPED;
}
