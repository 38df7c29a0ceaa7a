/* SPDX-License-Identifier: MIT */
/*
 * loop.c - one turn: wait, dispatch, publish, pump, arm, tick.
 *
 * Everything that has happened is taken in before anything is published, so a
 * receiver whose connection was made before the sender's bytes were sent gets
 * those bytes. Publishing comes before pumping: local readers are woken, by
 * the first request of the batch, before the kernel starts on the sends. The
 * receive is last in the batch: while the sends ran, more has come in for it.
 *
 * The clock is read once a turn. Nothing here allocates, locks or logs, but
 * for the edges of a connection's life.
 */
#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "shm/clock.h"
#include "src/busy_poll.h"
#include "src/closing.h"
#include "src/drain.h"
#include "src/egress.h"
#include "src/follow.h"
#include "src/gating.h"
#include "src/greeting.h"
#include "src/ingest.h"
#include "src/lane_events.h"
#include "src/lane_time.h"
#include "src/lanes.h"
#include "src/local.h"
#include "src/log.h"
#include "src/loop.h"
#include "src/nodes.h"
#include "src/post.h"
#include "src/publishing.h"
#include "src/receivers.h"
#include "src/reload.h"
#include "src/roles.h"
#include "src/send_queue.h"
#include "src/signals.h"
#include "src/slow.h"
#include "src/tick.h"
#include "src/upgrade.h"

#define EVENTS_PER_TURN 512u

/* Without a failure for so long, the next one is news again. */
#define QUIET_NS (UINT64_C(10) * (uint64_t)BC_NS_PER_S)

static void on_accept(struct daemon *daemon, uint32_t index,
		      const struct bc_event *event)
{
	struct listener *listener = &daemon->listeners[index];
	bool quiet;

	if ((event->flags & BC_EVENT_MORE) == 0)
		listener->armed = false;
	if (event->result >= 0) {
		roles_accepted(daemon, index, event->result);
		return;
	}
	if (event->result == -ECANCELED)
		return;
	/* out of descriptors or memory: tried again with the next tick */
	bc_counter_add(daemon->counters, BC_COUNTER_accept_errors, 1);
	quiet = listener->failed_ns == 0 ||
		daemon->home.now_ns - listener->failed_ns >= QUIET_NS;
	listener->failed_ns = daemon->home.now_ns;
	if (!quiet)
		return;
	log_event(LOG_LEVEL_WARN, "accept_failed",
		  "addr=%s error=\"%s\" "
		  "fix=\"tried again ten times a second\"",
		  listener->address, strerror(-event->result));
}

static void on_recv(struct daemon *daemon, struct bc_token token, int result)
{
	struct bc_conn *conn = bc_conn_by_token(&daemon->home.conns, token);

	BC_ASSERT(conn); /* a slot is not freed with requests in flight */
	conn->in_flight &= ~BC_CONN_RECV;
	if (conn->session)
		publishing_on_recv(daemon, conn, result);
	else
		ingest_on_recv(daemon, conn, result);
	closing_settle(&daemon->home, conn);
}

static void on_publish(struct daemon *daemon, struct bc_token token, int result)
{
	struct bc_conn *conn = bc_conn_by_token(&daemon->home.conns, token);

	BC_ASSERT(conn);
	conn->in_flight &= ~BC_CONN_PUBLISH;
	publishing_on_recv(daemon, conn, result);
	closing_settle(&daemon->home, conn);
}

static void on_hello(struct daemon *daemon, struct bc_token token, int result)
{
	struct bc_conn *conn = bc_conn_by_token(&daemon->home.conns, token);

	BC_ASSERT(conn);
	conn->in_flight &= ~BC_CONN_HELLO;
	greeting_on_recv(daemon, conn, result);
	closing_settle(&daemon->home, conn);
}

static void on_receiver(struct daemon *daemon, struct bc_token token,
			const struct bc_event *event)
{
	struct bc_conn *talks =
		lane_events_dispatch(&daemon->home, token, event);

	if (talks && !roles_offer_promotion(daemon, talks))
		egress_discard(&daemon->home, talks);
}

static void dispatch_one(struct daemon *daemon, const struct bc_event *event)
{
	struct bc_token token = bc_token_unpack(event->token);

	if (token.op == BC_OP_ECHO_RECV || token.op == BC_OP_ECHO_SEND) {
		echo_on_event(daemon, token, event);
		return;
	}
	if (token.op == BC_OP_ACCEPT) {
		on_accept(daemon, token.slot, event);
		return;
	}
	if (token.op == BC_OP_NODE) {
		nodes_on_event(daemon, token.slot);
		return;
	}
	if (token.op == BC_OP_LOCAL) {
		local_on_event(daemon);
		return;
	}
	if (token.op == BC_OP_LANES) {
		lanes_on_event(daemon);
		return;
	}
	if (token.op == BC_OP_MAIL) {
		post_on_event(daemon);
		return;
	}
	if (token.op == BC_OP_UPGRADE) {
		upgrade_on_event(daemon, token.slot);
		return;
	}
	if (token.op == BC_OP_RECV)
		on_recv(daemon, token, event->result);
	else if (token.op == BC_OP_PUBLISH)
		on_publish(daemon, token, event->result);
	else if (token.op == BC_OP_HELLO)
		on_hello(daemon, token, event->result);
	else
		on_receiver(daemon, token, event);
}

/*
 * How long may we sleep? Not at all while there are sends left to post or
 * --busy-poll says so; else until the first timer of the home lane.
 */
static int64_t wait_ns(const struct daemon *daemon)
{
	uint64_t until_ns = timers_next(&daemon->home.timers);
	uint64_t now_ns;

	if (send_queue_has_ready(&daemon->home) || post_has_work(daemon) ||
	    publishing_has_more(daemon))
		return 0;
	now_ns = bc_monotonic_ns();
	if (busy_poll_goes_on(&daemon->home.busy_poll, now_ns))
		return 0;
	return until_ns > now_ns ? (int64_t)(until_ns - now_ns) : 0;
}

static void arm(struct daemon *daemon)
{
	struct backpressure_positions at;
	uint64_t bytes = 0;

	if (publishing_arm(daemon))
		return;
	if (ingest_wants_to_read(daemon))
		bytes = ingest_allowance(daemon);
	if (bytes == 0) {
		gating_pass(daemon);
		return;
	}
	at = receivers_positions(daemon);
	at.gate = gating_floor(daemon);
	ingest_arm(daemon, &at, bytes);
}

static int turn(struct daemon *daemon)
{
	struct bc_event events[EVENTS_PER_TURN];
	uint64_t tail = daemon_tail(daemon);
	int count = bc_backend_wait(daemon->backend, events, EVENTS_PER_TURN,
				    local_sleep(daemon, wait_ns(daemon)),
				    signals_wait_mask());

	local_awake(daemon);
	if (count < 0)
		return count;
	daemon->home.now_ns = bc_monotonic_ns();
	bc_counter_add(daemon->counters, BC_COUNTER_loop_passes, 1);
	for (int i = 0; i < count; i++) {
		dispatch_one(daemon, &events[i]);
		closing_run(&daemon->home);
	}
	greeting_resume(daemon);
	if (ingest_publish(daemon) || publishing_turn(daemon))
		receivers_published(daemon);
	follow_stream(daemon);
	if (count > 0 || daemon_tail(daemon) != tail)
		busy_poll_extend(&daemon->home.busy_poll, daemon->home.now_ns);
	slow_enforce(&daemon->home, receivers_lag_limit(daemon));
	closing_run(&daemon->home);
	post_pump(daemon);
	egress_pump(&daemon->home);
	echo_flush(daemon);
	arm(daemon);
	local_pace(daemon);
	ingest_release(daemon);
	bc_tally_flush(&daemon->home.tally, daemon->counters);
	if (lane_time_pass(&daemon->home)) {
		tick(daemon);
		reload_tick(daemon);
	}
	drain_step(daemon, signals_take());
	lanes_arm(daemon);
	post_arm(daemon);
	upgrade_turn(daemon, dispatch_one);
	return -lanes_failed(daemon);
}

int loop_run(struct daemon *daemon)
{
	int ret = 0;

	daemon->home.now_ns = bc_monotonic_ns();
	tick(daemon); /* the first arms the listeners, and the next */
	while (daemon->phase < DAEMON_STOPPED && ret == 0)
		ret = turn(daemon);
	bc_tally_flush(&daemon->home.tally, daemon->counters);
	if (ret == 0)
		return 0;
	log_event(LOG_LEVEL_ERROR, "backend_failed", "backend=%s error=\"%s\"",
		  daemon->backend->ops->name, strerror(-ret));
	return EX_OSERR;
}
