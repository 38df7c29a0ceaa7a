/* SPDX-License-Identifier: MIT */
/* lanes.c - see lanes.h, and lane_link.h for the words between the threads. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "shm/notify.h"
#include "shm/peers.h"
#include "src/lag.h"
#include "src/lane_thread.h"
#include "src/lanes.h"
#include "src/log.h"
#include "src/send_queue.h"
#include "src/session.h"

static uint64_t get(const bc_u64 *word)
{
	return atomic_load_explicit(word, memory_order_acquire);
}

static struct lane_thread *thread_of(const struct daemon *daemon, uint32_t i)
{
	return &daemon->lanes.threads[i];
}

/* ---- Downwards --------------------------------------------------------- */

static void ring_the_bell(struct daemon *daemon)
{
	struct lane_news *news = daemon->lanes.news;

	atomic_fetch_add_explicit(&news->word, 1, memory_order_release);
	(void)bc_backend_wake(daemon->backend, &news->word);
}

void lanes_publish(struct daemon *daemon)
{
	if (daemon->lanes.count == 0)
		return;
	atomic_store_explicit(&daemon->lanes.news->tail, daemon_tail(daemon),
			      memory_order_release);
	if (lanes_receivers(daemon) > 0)
		ring_the_bell(daemon);
}

void lanes_note(struct daemon *daemon, uint64_t leader)
{
	struct lane_news *news = daemon->lanes.news;

	if (daemon->lanes.count == 0)
		return;
	atomic_store_explicit(&news->leader, leader, memory_order_release);
	atomic_store_explicit(&news->given_up, daemon->ingest.given_up,
			      memory_order_relaxed);
}

void lanes_order(struct daemon *daemon, enum lane_order order)
{
	struct lane_news *news = daemon->lanes.news;

	if (daemon->lanes.count == 0 ||
	    atomic_load_explicit(&news->order, memory_order_relaxed) >= order)
		return;
	atomic_store_explicit(&news->tail, daemon_tail(daemon),
			      memory_order_release);
	atomic_store_explicit(&news->order, order, memory_order_release);
	ring_the_bell(daemon);
}

static bool have_taken(const struct daemon *daemon, uint64_t number)
{
	for (uint32_t i = 0; i < daemon->lanes.count; i++)
		if (get(&thread_of(daemon, i)->link.config_taken) != number)
			return false;
	return true;
}

bool lanes_configure(struct daemon *daemon)
{
	struct lane_news *news = daemon->lanes.news;
	uint64_t number;

	if (daemon->lanes.count == 0)
		return true;
	number = get(&news->config_number);
	if (!have_taken(daemon, number))
		return false;
	news->config = daemon->config;
	news->limits = daemon->limits;
	atomic_store_explicit(&news->config_number, number + 1,
			      memory_order_release);
	ring_the_bell(daemon);
	return true;
}

static uint32_t load_of(const struct lane_link *link)
{
	return (uint32_t)(get(&link->given) - get(&link->gone));
}

static struct lane_link *least_loaded(const struct daemon *daemon)
{
	struct lane_link *best = NULL;

	for (uint32_t i = 0; i < daemon->lanes.count; i++) {
		struct lane_link *link = &thread_of(daemon, i)->link;

		if (load_of(link) < link->slots &&
		    (!best || load_of(link) < load_of(best)))
			best = link;
	}
	return best;
}

void lanes_give(struct daemon *daemon, const struct lane_newcomer *newcomer)
{
	struct lane_link *link = least_loaded(daemon);
	uint64_t given;

	BC_ASSERT(link);
	given = get(&link->given);
	link->newcomers[given % link->slots] = *newcomer;
	atomic_store_explicit(&link->given, given + 1, memory_order_release);
	ring_the_bell(daemon);
}

void lanes_take_over(struct daemon *daemon, struct bc_conn *conn,
		     uint64_t position)
{
	struct lane *home = &daemon->home;
	const struct lane_newcomer newcomer = {
		.fd = conn->fd,
		.listener = conn->listener,
		.door = conn->door,
		.position = position,
		.session = conn->session,
		.hold = lag_would_replay(home, conn, position)
				? position + lag_held(home, conn)
				: 0,
	};

	send_queue_remove(home, conn);
	session_end(home, conn);
	conn->session = NULL;
	bc_peers_close(conn->shown);
	bc_backend_forget(daemon->backend, conn->fd);
	bc_conn_withdraw(&home->conns, conn);
	lanes_give(daemon, &newcomer);
}

/* ---- Upwards ----------------------------------------------------------- */

uint32_t lanes_receivers(const struct daemon *daemon)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < daemon->lanes.count; i++)
		count += load_of(&thread_of(daemon, i)->link);
	return count;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Of two leaders, either of which may be none. */
static uint64_t further(uint64_t a, uint64_t b)
{
	if (a == LANE_NO_LEADER || b == LANE_NO_LEADER)
		return min_u64(a, b);
	return max_u64(a, b);
}

static void hold_at(struct backpressure_positions *at, uint64_t hold_floor,
		    uint64_t hold)
{
	if (hold == 0)
		return;
	at->hold_floor = at->hold == 0 ? min_u64(hold_floor, at->tail)
				       : min_u64(hold_floor, at->hold_floor);
	at->hold = at->hold == 0 ? hold : min_u64(hold, at->hold);
}

/*
 * `taken` first, the leader last: see lane_link.h. The two of hold are stored
 * one after the other: torn, they err by a turn.
 */
static void narrow_by(const struct lane_link *link,
		      struct backpressure_positions *at, uint64_t *leader)
{
	uint64_t taken = get(&link->taken);
	uint64_t given = get(&link->given);
	uint64_t hold_floor = get(&link->hold_floor);

	hold_at(at, hold_floor, get(&link->hold));
	at->floor = min_u64(at->floor, get(&link->floor));
	*leader = further(*leader, get(&link->leader));
	for (; taken != given; taken++) {
		const struct lane_newcomer *newcomer =
			&link->newcomers[taken % link->slots];

		at->floor = min_u64(at->floor, newcomer->position);
		hold_at(at, newcomer->position, newcomer->hold);
		if (newcomer->hold == 0)
			*leader = further(*leader, newcomer->position);
	}
}

/*
 * How far behind a bound the leader is taken to be, so that who writes may go
 * on beyond it by one read; or, for a local publisher, by its largest record,
 * which would else never come to be sent while somebody is far behind.
 */
static uint64_t behind_bound(const struct daemon *daemon)
{
	const struct backpressure_limits *limits = &daemon->limits;
	uint64_t ahead = limits->pace_bytes + limits->read_bytes;
	uint64_t once = limits->read_bytes;

	if (!daemon->ingest.has_lease) {
		ahead = max_u64(ahead, limits->record_bytes);
		once = max_u64(once, limits->record_bytes);
	}
	return ahead - once;
}

void lanes_narrow(const struct daemon *daemon,
		  struct backpressure_positions *at, bool has_leader)
{
	uint64_t leader = has_leader ? at->leader : LANE_NO_LEADER;
	uint64_t behind = behind_bound(daemon);
	uint64_t bound = UINT64_MAX;

	for (uint32_t i = 0; i < daemon->lanes.count; i++) {
		const struct lane_link *link = &thread_of(daemon, i)->link;

		narrow_by(link, at, &leader);
		if (load_of(link) > 0)
			bound = min_u64(bound, get(&link->bound));
	}
	if (leader != LANE_NO_LEADER)
		at->leader =
			min_u64(leader, bound > behind ? bound - behind : 0);
}

void lanes_want(struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->lanes.count; i++)
		atomic_store_explicit(&thread_of(daemon, i)->link.wanted, 1,
				      memory_order_relaxed);
	/* pairs with the one in lane_thread.c */
	atomic_thread_fence(memory_order_seq_cst);
}

uint64_t lanes_last_progress_ns(const struct daemon *daemon)
{
	uint64_t last_ns = 0;

	for (uint32_t i = 0; i < daemon->lanes.count; i++)
		last_ns = max_u64(
			last_ns,
			get(&thread_of(daemon, i)->link.last_progress_ns));
	return last_ns;
}

uint64_t lanes_lag_max(const struct daemon *daemon)
{
	uint64_t lag_max = 0;

	for (uint32_t i = 0; i < daemon->lanes.count; i++)
		lag_max = max_u64(lag_max,
				  get(&thread_of(daemon, i)->link.lag_max));
	return lag_max;
}

void lanes_on_event(struct daemon *daemon)
{
	uint64_t count;

	daemon->lanes.armed = false;
	/* for its own sake: what was told stands in the links */
	(void)!read(daemon->lanes.eventfd, &count, sizeof(count));
}

static bool is_stopped(const struct lane_link *link)
{
	return atomic_load_explicit(&link->stopped, memory_order_acquire) != 0;
}

/* Also if there are none. */
static bool all_stopped(const struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->lanes.count; i++)
		if (!is_stopped(&thread_of(daemon, i)->link))
			return false;
	return true;
}

void lanes_arm(struct daemon *daemon)
{
	if (daemon->lanes.armed || all_stopped(daemon))
		return;
	if (bc_backend_poll(daemon->backend, daemon->lanes.eventfd,
			    bc_token_pack(BC_OP_LANES, 0, 0)) == 0)
		daemon->lanes.armed = true;
}

int lanes_failed(const struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->lanes.count; i++) {
		const struct lane_link *link = &thread_of(daemon, i)->link;
		uint32_t error;

		if (!is_stopped(link))
			continue;
		error = atomic_load_explicit(&link->error,
					     memory_order_relaxed);
		if (error != 0)
			return (int)error;
	}
	return 0;
}

bool lanes_are_quiet(const struct daemon *daemon)
{
	return all_stopped(daemon) && !daemon->lanes.armed;
}

/* ---- Start and stop ---------------------------------------------------- */

/* The receivers are dealt out evenly, and their entries in the segment too. */
static int init_lane(struct daemon *daemon, uint32_t i, uint32_t first_slot)
{
	struct lane_thread *thread = thread_of(daemon, i);
	uint32_t all = daemon->config.max_receivers;
	uint32_t threads = daemon->config.egress_threads;
	uint32_t slots = all / threads + (i < all % threads ? 1 : 0);

	thread->news = daemon->lanes.news;
	thread->config = daemon->config;
	thread->limits = daemon->limits;
	thread->link.floor = LANE_NO_FLOOR;
	thread->link.leader = LANE_NO_LEADER;
	thread->bound = daemon_tail(daemon) + daemon->limits.pace_bytes / 2;
	thread->link.bound = thread->bound;
	thread->link.eventfd = daemon->lanes.eventfd;
	thread->link.slots = slots;
	thread->link.newcomers =
		calloc(slots, sizeof(thread->link.newcomers[0]));
	thread->lane = (struct lane){
		.segment = &daemon->segment,
		.config = &thread->config,
		.limits = &thread->limits,
		.counters = daemon->counters,
		.closed_lock = &daemon->lanes.closed_lock,
		.first_slot = first_slot,
		.zerocopy.usable = daemon->home.zerocopy.usable,
		.tail = daemon_tail(daemon),
		.peer_socket.fd = -1,
	};
	daemon->lanes.count = i + 1;
	if (!thread->link.newcomers)
		return -ENOMEM;
	return lane_init(&thread->lane, slots);
}

void lanes_choose_cpus(const struct daemon *daemon, pthread_attr_t *attributes)
{
	cpu_set_t set = daemon->lanes.cpus;

	if (daemon->config.cpu < 0)
		return;
	CPU_CLR((unsigned)daemon->config.cpu, &set);
	if (CPU_COUNT(&set) > 0)
		(void)pthread_attr_setaffinity_np(attributes, sizeof(set),
						  &set);
}

static int explain(const char *why, int error)
{
	log_event(LOG_LEVEL_ERROR, "start_failed",
		  "option=--egress-threads error=\"%s\" "
		  "fix=\"ask for fewer threads or receivers\"",
		  why[0] ? why : strerror(-error));
	return EX_OSERR;
}

static int start_one(struct daemon *daemon, uint32_t i, uint32_t *first_slot,
		     const pthread_attr_t *attributes)
{
	struct lane_start start = {.thread = thread_of(daemon, i)};
	int ret = init_lane(daemon, i, *first_slot);

	if (ret == 0) {
		start.which = bc_backend_which(daemon->backend);
		start.connections = start.thread->link.slots;
		*first_slot += start.connections;
		ret = lane_thread_start(&start, attributes);
	}
	return ret < 0 ? explain(start.why, ret) : 0;
}

static int allocate(struct daemon *daemon)
{
	struct lanes *lanes = &daemon->lanes;
	uint32_t count = daemon->config.egress_threads;

	lanes->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (lanes->eventfd < 0)
		return -errno;
	lanes->threads =
		aligned_alloc(LANE_LINE, count * sizeof(lanes->threads[0]));
	lanes->news = aligned_alloc(LANE_LINE, sizeof(*lanes->news));
	if (!lanes->threads || !lanes->news)
		return -ENOMEM;
	memset(lanes->threads, 0, count * sizeof(lanes->threads[0]));
	memset(lanes->news, 0, sizeof(*lanes->news));
	lanes->news->tail = daemon_tail(daemon);
	/* until the connections are there: upgrade_take.c */
	if (daemon->taking) {
		lanes->news->rests = 1;
		lanes->news->upgrade = LANE_REST;
	}
	return 0;
}

int lanes_start(struct daemon *daemon)
{
	uint32_t first_slot = daemon_home_slots(&daemon->config);
	pthread_attr_t attributes;
	int ret = 0;

	if (daemon->config.egress_threads == 0)
		return 0;
	ret = allocate(daemon);
	if (ret < 0)
		return explain("", ret);
	if (pthread_attr_init(&attributes) != 0)
		return explain("", -ENOMEM);
	lanes_choose_cpus(daemon, &attributes);
	for (uint32_t i = 0; ret == 0 && i < daemon->config.egress_threads; i++)
		ret = start_one(daemon, i, &first_slot, &attributes);
	(void)pthread_attr_destroy(&attributes);
	return ret;
}

void lanes_stop(struct daemon *daemon)
{
	struct lanes *lanes = &daemon->lanes;

	if (lanes->count > 0) {
		atomic_store_explicit(&lanes->news->order, LANE_STOP,
				      memory_order_release);
		atomic_fetch_add_explicit(&lanes->news->word, 1,
					  memory_order_release);
		/* not by the backend, which may be closed */
		(void)bc_notify_wake(&lanes->news->word);
	}
	for (uint32_t i = 0; i < lanes->count; i++) {
		struct lane_thread *thread = &lanes->threads[i];

		lane_thread_join(thread);
		lane_fini(&thread->lane);
		free(thread->link.newcomers);
	}
	if (lanes->eventfd >= 0)
		(void)close(lanes->eventfd);
	free(lanes->threads);
	free(lanes->news);
	lanes->threads = NULL;
	lanes->news = NULL;
	lanes->count = 0;
	lanes->eventfd = -1;
}
