/* SPDX-License-Identifier: MIT */
/*
 * test_event_loops.c - client_event.c in the loops that there are: however
 * arming and publishing meet, no wake is lost.
 */
#include "events.h"

#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "shm/pause.h"

#define SECOND_NET_MS 95 /* client_event.c looks after 100 ms by itself */

/* ---- Loops ------------------------------------------------------------- */

struct loop {
	bool (*wait)(struct loop *loop);
	int fd;
	int epoll;
	struct io_uring ring;
};

static bool wait_by_poll(struct loop *loop)
{
	return events_is_readable(loop->fd, DEADLINE_MS);
}

static bool wait_by_epoll(struct loop *loop)
{
	struct epoll_event event;

	return epoll_wait(loop->epoll, &event, 1, DEADLINE_MS) == 1;
}

static bool wait_by_uring(struct loop *loop)
{
	struct __kernel_timespec limit = {.tv_sec = DEADLINE_MS / 1000};
	struct io_uring_sqe *sqe = io_uring_get_sqe(&loop->ring);
	struct io_uring_cqe *cqe;

	io_uring_prep_poll_add(sqe, loop->fd, POLLIN);
	if (io_uring_submit(&loop->ring) != 1 ||
	    io_uring_wait_cqe_timeout(&loop->ring, &cqe, &limit) < 0)
		return false;
	io_uring_cqe_seen(&loop->ring, cqe);
	return true;
}

/* ---- No wake is lost --------------------------------------------------- */

struct duel {
	struct scene scene;
	_Atomic uint64_t taken; /* by the reader, bytes */
	uint64_t rounds;
	size_t record_bytes; /* in the ring */
};

/* One record each time the last has been read, at any moment after that. */
static void *publish_one_by_one(void *argument)
{
	struct duel *duel = argument;
	uint64_t random = 88172645463325252u;

	for (uint64_t i = 0; i < duel->rounds; i++) {
		while (atomic_load(&duel->taken) < i * duel->record_bytes)
			sched_yield();
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		for (unsigned spins = random % 1024; spins > 0; spins--)
			bc_pause();
		events_publish(&duel->scene);
	}
	return NULL;
}

static void read_by_events(struct duel *duel, struct loop *loop)
{
	uint64_t goal = duel->rounds * duel->record_bytes;
	uint64_t total = 0, slow = 0;

	while (total < goal) {
		int ret = bcast_event_arm(duel->scene.reader);

		assert_true(ret == 0 || ret == 1);
		if (ret == 0) {
			uint64_t start_ms = test_now_ms();

			assert_true(loop->wait(loop));
			slow += test_now_ms() - start_ms >= SECOND_NET_MS;
		}
		total += events_take_all(duel->scene.reader);
		atomic_store(&duel->taken, total);
	}
	/*
	 * The thread's own look would hide a lost wake, but for the time. On a
	 * busy machine some rounds take that long for want of CPU.
	 */
	print_message("%u of %u rounds slow\n", (unsigned)slow,
		      (unsigned)duel->rounds);
	assert_true(slow <= 5 + duel->rounds / 500);
}

static void run_duel(bool packets, enum writer writer, bool anonymous,
		     struct loop *loop, uint64_t rounds)
{
	struct duel duel = {
		.rounds = rounds,
		.record_bytes = RECORD_BYTES + (packets ? 32 : 0),
	};
	pthread_t thread;

	events_open(&duel.scene, packets, writer, anonymous);
	loop->fd = duel.scene.fd;
	if (loop->wait == wait_by_epoll) {
		struct epoll_event event = {.events = EPOLLIN | EPOLLET};

		loop->epoll = epoll_create1(0);
		assert_int_equal(
			epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->fd, &event),
			0);
	}
	assert_int_equal(
		pthread_create(&thread, NULL, publish_one_by_one, &duel), 0);
	read_by_events(&duel, loop);
	assert_int_equal(pthread_join(thread, NULL), 0);
	if (loop->wait == wait_by_epoll)
		(void)close(loop->epoll);
	events_close(&duel.scene);
}

static void no_wake_of_a_daemon_is_lost_by_epoll(void **state)
{
	struct loop loop = {.wait = wait_by_epoll};

	(void)state;
	run_duel(false, WRITER_DAEMON, false, &loop, 10000);
	run_duel(false, WRITER_DAEMON, true, &loop, 10000);
}

static void no_wake_of_a_publisher_is_lost_by_poll(void **state)
{
	struct loop loop = {.wait = wait_by_poll};

	(void)state;
	run_duel(true, WRITER_LOCAL, false, &loop, 20000);
	run_duel(false, WRITER_LOCAL, false, &loop, 5000);
}

static void anonymous_reader_hears_a_publisher_too(void **state)
{
	struct loop loop = {.wait = wait_by_epoll};

	(void)state;
	run_duel(true, WRITER_LOCAL, true, &loop, 200);
	run_duel(false, WRITER_LOCAL, true, &loop, 200);
}

static void no_wake_is_lost_by_io_uring(void **state)
{
	struct loop loop = {.wait = wait_by_uring};

	(void)state;
	if (io_uring_queue_init(8, &loop.ring, 0) < 0)
		skip();
	run_duel(true, WRITER_LOCAL, false, &loop, 3000);
	run_duel(false, WRITER_DAEMON, true, &loop, 3000);
	io_uring_queue_exit(&loop.ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_wake_of_a_daemon_is_lost_by_epoll),
		cmocka_unit_test(no_wake_of_a_publisher_is_lost_by_poll),
		cmocka_unit_test(anonymous_reader_hears_a_publisher_too),
		cmocka_unit_test(no_wake_is_lost_by_io_uring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
