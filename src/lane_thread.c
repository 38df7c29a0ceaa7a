/* SPDX-License-Identifier: MIT */
/*
 * lane_thread.c - see lane_thread.h.
 *
 * A turn is the daemon's turn without the sender: wait, dispatch, take what is
 * new, pump, report. The backend is opened and closed in here, since a ring of
 * requests belongs to the thread that made it.
 */
#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "net/fault.h"
#include "shm/clock.h"
#include "shm/lease.h"
#include "shm/notify.h"
#include "src/closing.h"
#include "src/egress.h"
#include "src/introduce.h"
#include "src/lane_events.h"
#include "src/lane_still.h"
#include "src/lane_time.h"
#include "src/lane_thread.h"
#include "src/log.h"
#include "src/progress.h"
#include "src/send_queue.h"
#include "src/slow.h"
#include "src/zerocopy.h"

#define EVENTS_PER_TURN 512u
#define REST_LOOK_NS	((int64_t)BC_NS_PER_MS)
#define REST_SLEEP_NS	((int64_t)(100 * BC_NS_PER_MS))

static uint64_t get(const bc_u64 *word)
{
	return atomic_load_explicit(word, memory_order_acquire);
}

/* Returns whether it was another value before. */
static bool set(bc_u64 *word, uint64_t value)
{
	if (atomic_load_explicit(word, memory_order_relaxed) == value)
		return false;
	atomic_store_explicit(word, value, memory_order_release);
	return true;
}

/* ---- Reports ----------------------------------------------------------- */

/* Not worth a scan of all slots as long as it holds nobody up. */
static struct backpressure_positions claims_of(struct lane *lane)
{
	struct backpressure_positions at = {.tail = lane->tail};

	progress_claims(lane, &at);
	if (!backpressure_will_do(lane->limits, &at, true) ||
	    bc_lease_wants_room(lane->segment)) {
		progress_refresh(lane);
		progress_claims(lane, &at);
	}
	if (egress_is_empty(lane))
		return (struct backpressure_positions){.floor = LANE_NO_FLOOR};
	return at;
}

static uint64_t leader_of(struct lane *lane)
{
	return progress_has_leader(lane) ? progress_leader(lane)
					 : LANE_NO_LEADER;
}

static void tell(const struct lane_link *link)
{
	const uint64_t one = 1;

	/* full is told as well */
	while (write(link->eventfd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void lane_thread_report(struct lane_thread *self)
{
	struct lane *lane = &self->lane;
	struct lane_link *link = &self->link;
	struct backpressure_positions claims = claims_of(lane);
	bool changed = set(&link->floor, claims.floor);

	/* before hold: see lane_link.h */
	changed |= set(&link->leader, leader_of(lane));
	changed |= set(&link->hold_floor, claims.hold_floor);
	changed |= set(&link->hold, claims.hold);
	changed |= set(&link->bound, self->bound);
	set(&link->last_progress_ns, lane->egress.last_progress_ns);
	atomic_store_explicit(&link->owed, lane->zerocopy.owed,
			      memory_order_relaxed);
	set(&link->gone, lane->conns.released);
	bc_tally_flush(&lane->tally, lane->counters);
	/* pairs with the one in lanes.c: see lane_link.h */
	atomic_thread_fence(memory_order_seq_cst);
	if (!changed ||
	    atomic_load_explicit(&link->wanted, memory_order_relaxed) == 0)
		return;
	atomic_store_explicit(&link->wanted, 0, memory_order_relaxed);
	tell(link);
}

/* ---- News -------------------------------------------------------------- */

static void take_one(struct lane_thread *self,
		     const struct lane_newcomer *newcomer)
{
	struct lane *lane = &self->lane;
	struct bc_conn *conn = bc_conn_open(&lane->conns, newcomer->fd);

	BC_ASSERT(conn); /* the daemon counts our slots */
	conn->listener = newcomer->listener;
	conn->door = newcomer->door;
	conn->session = newcomer->session;
	if (conn->session)
		introduce_welcomed(lane, conn, newcomer->position);
	else
		introduce_receiver(lane, conn, newcomer->position);
	/* before it is taken: see lane_link.h */
	if (newcomer->position < get(&self->link.floor))
		set(&self->link.floor, newcomer->position);
	set(&self->link.hold_floor, lane->egress.hold_floor);
	set(&self->link.hold, lane->egress.hold);
	set(&self->link.leader, leader_of(lane));
}

static void take_newcomers(struct lane_thread *self, uint64_t given)
{
	struct lane_link *link = &self->link;

	for (uint64_t taken = get(&link->taken); taken != given; taken++) {
		take_one(self, &link->newcomers[taken % link->slots]);
		set(&link->taken, taken + 1);
	}
}

/* What was remembered of its receivers may be another one by it. */
static void take_config(struct lane_thread *self)
{
	uint64_t number = get(&self->news->config_number);

	if (number == get(&self->link.config_taken))
		return;
	self->config = self->news->config;
	self->limits = self->news->limits;
	progress_refresh(&self->lane);
	lane_time_changed(&self->lane);
	set(&self->link.config_taken, number);
}

static void take_news(struct lane_thread *self)
{
	struct lane *lane = &self->lane;
	uint64_t given, tail;

	self->order =
		atomic_load_explicit(&self->news->order, memory_order_acquire);
	lane->zerocopy.held =
		atomic_load_explicit(&self->news->upgrade,
				     memory_order_acquire) != LANE_NO_UPGRADE;
	/* then the tail, which has reached the newcomers' positions */
	given = get(&self->link.given);
	tail = get(&self->news->tail);
	take_config(self);
	if (tail != lane->tail) {
		lane->tail = tail;
		busy_poll_extend(&lane->busy_poll, lane->now_ns);
		send_queue_published(lane);
	}
	take_newcomers(self, given);
}

static uint64_t lag_limit(const struct lane_thread *self)
{
	const struct lane *lane = &self->lane;
	const struct backpressure_positions at = {
		.tail = lane->tail,
		.leader = get(&self->news->leader),
	};

	if (!bc_lease_wants_room(lane->segment) || at.leader > at.tail)
		return UINT64_MAX;
	return backpressure_lag_for_record(
		lane->limits, &at,
		atomic_load_explicit(&self->news->given_up,
				     memory_order_relaxed));
}

/* ---- The loop ---------------------------------------------------------- */

static bool is_over(const struct lane_thread *self)
{
	if (self->order == LANE_STOP)
		return true;
	return self->order != LANE_SERVE && egress_is_empty(&self->lane) &&
	       get(&self->link.taken) == get(&self->link.given);
}

static int64_t wait_ns(const struct lane_thread *self)
{
	uint64_t until_ns = timers_next(&self->lane.timers);
	uint64_t now_ns;

	if (send_queue_has_ready(&self->lane) || is_over(self))
		return 0;
	if (egress_is_empty(&self->lane))
		return BC_NS_PER_S; /* nobody to look after */
	now_ns = bc_monotonic_ns();
	if (busy_poll_goes_on(&self->lane.busy_poll, now_ns))
		return 0;
	return until_ns > now_ns ? (int64_t)(until_ns - now_ns) : 0;
}

/*
 * `seen` was read before the news were: a change since ends the wait at once.
 */
static void arm(struct lane_thread *self, uint32_t seen)
{
	if (self->armed || self->order >= LANE_HURRY)
		return;
	if (bc_backend_wait_word(self->lane.backend, &self->news->word, seen,
				 bc_token_pack(BC_OP_NEWS, 0, 0)) == 0)
		self->armed = true;
}

static void dispatch(struct lane_thread *self, const struct bc_event *event)
{
	struct bc_token token = bc_token_unpack(event->token);
	struct bc_conn *talks = NULL;

	if (token.op == BC_OP_NEWS)
		self->armed = false;
	else
		talks = lane_events_dispatch(&self->lane, token, event);
	if (talks)
		egress_discard(&self->lane, talks);
	closing_run(&self->lane);
}

static void pass_time(struct lane_thread *self)
{
	struct lane *lane = &self->lane;

	if (!lane_time_pass(lane))
		return;
	lane_time_tick(lane);
	set(&self->link.lag_max, progress_lag_max(lane));
}

static void drain(struct lane_thread *self)
{
	if (self->order == LANE_SERVE)
		return;
	egress_drain(&self->lane, self->order >= LANE_HURRY);
	closing_run(&self->lane);
	if (self->order >= LANE_HURRY)
		closing_press(&self->lane);
}

/* What was posted has been with the kernel since; or nothing was. */
static void set_bound(struct lane_thread *self)
{
	self->bound = self->lane.tail + egress_headway(&self->lane);
}

/*
 * With sends posted it does not sleep: they have to go to the kernel, and the
 * daemon's thread, which may wait for that, has to hear of it.
 */
static int turn(struct lane_thread *self, const sigset_t *mask)
{
	struct lane *lane = &self->lane;
	struct bc_event events[EVENTS_PER_TURN];
	uint32_t seen =
		atomic_load_explicit(&self->news->word, memory_order_acquire);
	bool posted;
	int count;

	take_news(self);
	slow_enforce(lane, lag_limit(self));
	closing_run(lane);
	drain(self);
	posted = send_queue_has_ready(lane);
	egress_pump(lane);
	if (!posted)
		set_bound(self);
	if (!send_queue_has_ready(lane))
		arm(self, seen);
	pass_time(self);
	lane_thread_report(self);
	count = bc_backend_wait(lane->backend, events, EVENTS_PER_TURN,
				posted ? 0 : wait_ns(self), mask);
	if (count < 0)
		return count;
	lane->now_ns = bc_monotonic_ns();
	if (count > 0)
		busy_poll_extend(&lane->busy_poll, lane->now_ns);
	bc_tally_add(&lane->tally, BC_COUNTER_loop_passes, 1);
	for (int i = 0; i < count; i++)
		dispatch(self, &events[i]);
	set_bound(self);
	/* as early as can be: the next turn begins with sends */
	lane_thread_report(self);
	return 0;
}

/* ---- Standing still ---------------------------------------------------- */

/* Is it that order, still? */
static bool is_to_rest(const struct lane_thread *self, uint32_t rests)
{
	const struct lane_news *news = self->news;

	return atomic_load_explicit(&news->upgrade, memory_order_acquire) ==
		       LANE_REST &&
	       atomic_load_explicit(&news->rests, memory_order_relaxed) ==
		       rests &&
	       /* pairs with lanes_stop(): the lane may have been changed */
	       atomic_load_explicit(&news->order, memory_order_acquire) ==
		       LANE_SERVE;
}

static int take_events(struct lane_thread *self, const sigset_t *mask)
{
	struct lane *lane = &self->lane;
	struct bc_event events[EVENTS_PER_TURN];
	int count = bc_backend_wait(lane->backend, events, EVENTS_PER_TURN,
				    REST_LOOK_NS, mask);

	if (count < 0)
		return count;
	lane->now_ns = bc_monotonic_ns();
	for (int i = 0; i < count; i++)
		if (!lane_still_swallow(lane, &events[i]))
			dispatch(self, &events[i]);
	return 0;
}

/* Until the daemon's thread says otherwise: it has the lane meanwhile. */
static void sleep_through(struct lane_thread *self, uint32_t rests)
{
	zerocopy_tick(&self->lane);
	lane_thread_report(self);
	atomic_store_explicit(&self->link.rested, rests, memory_order_release);
	tell(&self->link);
	while (is_to_rest(self, rests)) {
		uint32_t seen = atomic_load_explicit(&self->news->word,
						     memory_order_acquire);

		if (is_to_rest(self, rests))
			(void)bc_notify_wait(&self->news->word, seen,
					     REST_SLEEP_NS);
	}
}

static int rest(struct lane_thread *self, uint32_t rests, const sigset_t *mask)
{
	struct lane *lane = &self->lane;
	bool still = false;
	int ret = 0;

	take_news(self);
	while (ret == 0 && is_to_rest(self, rests) &&
	       !(still = lane_still_press(lane)))
		ret = take_events(self, mask);
	if (still)
		sleep_through(self, rests);
	lane->now_ns = bc_monotonic_ns();
	/* told to stop, the connections are not ours to ask: upgrade_take.c */
	if (atomic_load_explicit(&self->news->order, memory_order_acquire) ==
	    LANE_STOP)
		self->order = LANE_STOP;
	else
		lane_still_resume(lane);
	return ret;
}

static void serve(struct lane_thread *self)
{
	sigset_t mask;
	int ret = 0;

	(void)pthread_sigmask(SIG_BLOCK, NULL, &mask);
	self->lane.now_ns = bc_monotonic_ns();
	lane_time_tick(&self->lane); /* the first one starts it */
	while (ret == 0 && !is_over(self)) {
		uint32_t rests = atomic_load_explicit(&self->news->rests,
						      memory_order_acquire);

		ret = is_to_rest(self, rests) ? rest(self, rests, &mask)
					      : turn(self, &mask);
	}
	lane_thread_report(self);
	bc_backend_close(self->lane.backend);
	self->lane.backend = NULL;
	atomic_store_explicit(&self->link.error, (uint32_t)-ret,
			      memory_order_relaxed);
	atomic_store_explicit(&self->link.stopped, 1, memory_order_release);
	tell(&self->link);
}

/* ---- Start and end ----------------------------------------------------- */

struct beginning {
	struct lane_start *start;
	sem_t done;
};

static void *run(void *argument)
{
	struct beginning *beginning = argument;
	struct lane_start *start = beginning->start;
	struct lane_thread *self = start->thread;

	start->result = bc_backend_open(&self->lane.backend, start->which,
					start->connections, start->why);
	if (start->result == 0)
		start->result = bc_fault_from_environment(&self->lane.backend,
							  start->connections);
	if (start->result < 0) {
		bc_backend_close(self->lane.backend);
		self->lane.backend = NULL;
		(void)sem_post(&beginning->done);
		return NULL;
	}
	/* gone from the starter's stack after this */
	(void)sem_post(&beginning->done);
	serve(self);
	return NULL;
}

int lane_thread_start(struct lane_start *start,
		      const pthread_attr_t *attributes)
{
	struct lane_thread *self = start->thread;
	struct beginning beginning = {.start = start};
	int ret;

	if (sem_init(&beginning.done, 0, 0) < 0)
		return -errno;
	ret = pthread_create(&self->thread, attributes, run, &beginning);
	if (ret == 0) {
		while (sem_wait(&beginning.done) < 0 && errno == EINTR)
			;
		ret = -start->result;
		self->running = ret == 0;
		if (!self->running)
			(void)pthread_join(self->thread, NULL);
	}
	(void)sem_destroy(&beginning.done);
	return -ret;
}

void lane_thread_join(struct lane_thread *thread)
{
	if (!thread->running)
		return;
	(void)pthread_join(thread->thread, NULL);
	thread->running = false;
}
