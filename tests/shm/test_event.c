/* SPDX-License-Identifier: MIT */
/*
 * test_event.c - client_event.c: a reader's descriptor in the loops that there
 * are, with a writer that wakes always (as the daemon does) or only those who
 * are counted (a local publisher).
 */
#include "nodes.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "shm/notify.h"

#define RECORD_BYTES 64u

enum writer {
	WRITER_DAEMON, /* publishes, and wakes each time */
	WRITER_LOCAL,
};

struct scene {
	struct test_nodes nodes;
	enum writer writer;
	struct bcast_node *publishing;
	struct bcast_publisher *publisher;
	struct bcast_node *node; /* NULL: an anonymous reader */
	struct bcast_reader *reader;
	int fd;
};

static void attach(struct scene *scene, bool anonymous)
{
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;

	options.spin_ns = 0;
	options.gone_after_ms = 0;
	if (anonymous) {
		assert_int_equal(bcast_attach(scene->nodes.name, &options,
					      &scene->reader),
				 0);
	} else {
		scene->node = test_nodes_join(&scene->nodes, "reader");
		assert_int_equal(bcast_node_reader(scene->node, &options,
						   &scene->reader),
				 0);
	}
	scene->fd = bcast_event_fd(scene->reader);
	assert_true(scene->fd >= 0);
}

static void scene_open(struct scene *scene, bool packets, enum writer writer,
		       bool anonymous)
{
	*scene = (struct scene){.writer = writer};
	if (packets)
		test_nodes_open_packets(&scene->nodes, 4);
	else
		test_nodes_open(&scene->nodes, 4);
	if (writer == WRITER_LOCAL) {
		scene->publishing = test_nodes_join(&scene->nodes, "writer");
		assert_int_equal(bcast_publisher_open(scene->publishing, NULL,
						      &scene->publisher),
				 0);
	}
	attach(scene, anonymous);
}

static void scene_close(struct scene *scene)
{
	bcast_detach(scene->reader);
	bcast_leave(scene->node);
	bcast_publisher_close(scene->publisher);
	bcast_leave(scene->publishing);
	test_nodes_close(&scene->nodes);
}

static void publish(struct scene *scene)
{
	static const char record[RECORD_BYTES];

	if (scene->writer == WRITER_LOCAL)
		(void)bcast_publish(scene->publisher, record, sizeof(record));
	else
		test_stream_write(&scene->nodes.stream, RECORD_BYTES);
}

static uint64_t take_all(struct bcast_reader *reader)
{
	uint64_t bytes = 0;
	const void *data;
	int64_t n;

	while ((n = bcast_peek(reader, &data)) > 0) {
		assert_int_equal(bcast_consume(reader, (size_t)n), 0);
		bytes += (uint64_t)n;
	}
	assert_int_equal(n, 0);
	return bytes;
}

static bool is_readable(int fd, int timeout_ms)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, timeout_ms) == 1;
}

/* How many are counted asleep, as a writer sees it. */
static uint32_t sleepers(const struct scene *scene)
{
	struct bc_node_table table;
	uint32_t count;

	test_nodes_attach(&scene->nodes, &table);
	count = atomic_load(&table.header->sleepers);
	bc_node_table_detach(&table);
	return count;
}

/* ---- Loops ------------------------------------------------------------- */

struct loop {
	bool (*wait)(struct loop *loop);
	int fd;
	int epoll;
	struct io_uring ring;
};

static bool wait_by_poll(struct loop *loop)
{
	return is_readable(loop->fd, DEADLINE_MS);
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
			bc_notify_pause();
		publish(&duel->scene);
	}
	return NULL;
}

static void read_by_events(struct duel *duel, struct loop *loop)
{
	uint64_t goal = duel->rounds * duel->record_bytes;
	uint64_t total = 0;

	while (total < goal) {
		int ret = bcast_event_arm(duel->scene.reader);

		assert_true(ret == 0 || ret == 1);
		if (ret == 0)
			assert_true(loop->wait(loop));
		total += take_all(duel->scene.reader);
		atomic_store(&duel->taken, total);
	}
}

static void run_duel(bool packets, enum writer writer, bool anonymous,
		     struct loop *loop, uint64_t rounds)
{
	struct duel duel = {
		.rounds = rounds,
		.record_bytes = RECORD_BYTES + (packets ? 32 : 0),
	};
	pthread_t thread;

	scene_open(&duel.scene, packets, writer, anonymous);
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
	scene_close(&duel.scene);
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

/* ---- One at a time ----------------------------------------------------- */

static void arming_finds_what_is_there_already(void **state)
{
	struct bcast_reader *plain;
	struct scene scene;

	(void)state;
	scene_open(&scene, false, WRITER_DAEMON, false);
	assert_int_equal(bcast_event_fd(scene.reader), scene.fd);
	assert_int_equal(bcast_attach(scene.nodes.name, NULL, &plain), 0);
	assert_int_equal(bcast_event_arm(plain), -EINVAL);
	bcast_detach(plain);

	publish(&scene);
	assert_int_equal(bcast_event_arm(scene.reader), 1);
	assert_false(is_readable(scene.fd, 0));
	(void)take_all(scene.reader);
	assert_int_equal(bcast_event_arm(scene.reader), 0);
	publish(&scene);
	assert_true(is_readable(scene.fd, DEADLINE_MS));
	assert_int_equal(bcast_event_arm(scene.reader), 1);
	assert_false(is_readable(scene.fd, 0));
	scene_close(&scene);
}

static void lap_is_told_by_the_arming(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, false, WRITER_DAEMON, false);
	for (unsigned i = 0; i < 2 * TEST_CAPACITY / RECORD_BYTES; i++)
		publish(&scene);
	assert_int_equal(bcast_event_arm(scene.reader), BCAST_ELAPPED);
	assert_true(bcast_loss(scene.reader).bytes > 0);
	assert_int_equal(bcast_event_arm(scene.reader), 1);
	scene_close(&scene);
}

static void only_the_armed_are_counted(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, true, WRITER_LOCAL, false);
	assert_int_equal(sleepers(&scene), 0);
	assert_int_equal(bcast_event_arm(scene.reader), 0);
	assert_int_equal(sleepers(&scene), 1);
	assert_int_equal(bcast_event_arm(scene.reader), 0);
	assert_int_equal(sleepers(&scene), 1);
	publish(&scene);
	assert_true(is_readable(scene.fd, DEADLINE_MS));
	assert_int_equal(sleepers(&scene), 0);
	(void)take_all(scene.reader);
	assert_int_equal(bcast_event_arm(scene.reader), 0);
	/* a wait takes its place */
	assert_int_equal(bcast_wait(scene.reader, 1), 0);
	assert_int_equal(sleepers(&scene), 0);
	assert_int_equal(bcast_event_arm(scene.reader), 0);
	bcast_detach(scene.reader);
	scene.reader = NULL;
	assert_int_equal(sleepers(&scene), 0);
	scene_close(&scene);
}

static void node_that_leaves_is_woken_and_goes_on(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, true, WRITER_LOCAL, false);
	assert_int_equal(bcast_event_arm(scene.reader), 0);
	bcast_leave(scene.node);
	scene.node = NULL;

	assert_int_equal(sleepers(&scene), 0);
	assert_true(is_readable(scene.fd, DEADLINE_MS));
	assert_int_equal(bcast_event_arm(scene.reader), 0);
	publish(&scene);
	assert_true(is_readable(scene.fd, DEADLINE_MS));
	assert_int_equal(bcast_event_arm(scene.reader), 1);
	scene_close(&scene);
}

static void wakes_that_are_no_news_are_kept_from_the_loop(void **state)
{
	struct bc_head_shm *head;
	struct scene scene;

	(void)state;
	scene_open(&scene, false, WRITER_DAEMON, true);
	head = scene.nodes.stream.segment.ring.head;
	assert_int_equal(bcast_event_arm(scene.reader), 0);
	for (unsigned i = 0; i < 100; i++) {
		atomic_fetch_add(&head->publish_count, 1);
		(void)bc_notify_wake(&head->publish_count);
		assert_false(is_readable(scene.fd, 1));
	}
	publish(&scene);
	assert_true(is_readable(scene.fd, DEADLINE_MS));
	scene_close(&scene);
}

static void two_readers_have_a_descriptor_each(void **state)
{
	struct bcast_reader *other;
	struct scene scene;
	int fd;

	(void)state;
	scene_open(&scene, true, WRITER_LOCAL, false);
	assert_int_equal(bcast_attach(scene.nodes.name, NULL, &other), 0);
	fd = bcast_event_fd(other);
	assert_true(fd >= 0 && fd != scene.fd);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(bcast_event_arm(scene.reader), 0);
		assert_int_equal(bcast_event_arm(other), 0);
		publish(&scene);
		assert_true(is_readable(scene.fd, DEADLINE_MS));
		assert_true(is_readable(fd, DEADLINE_MS));
		(void)take_all(scene.reader);
		(void)take_all(other);
	}
	bcast_detach(other);
	scene_close(&scene);
}

static void closing_makes_it_readable(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, false, WRITER_DAEMON, false);
	assert_int_equal(bcast_event_arm(scene.reader), 0);
	bc_segment_set_state(&scene.nodes.stream.segment, BC_STATE_CLOSED);
	assert_true(is_readable(scene.fd, DEADLINE_MS));
	assert_int_equal(bcast_event_arm(scene.reader), BCAST_ECLOSED);
	scene_close(&scene);
}

/* ---- Death and children ------------------------------------------------ */

static void own_a_stream(void *name)
{
	struct test_stream stream;

	test_child_check(test_stream_open(&stream, name) == 0);
	test_child_ready();
	test_child_sleep();
}

static void death_of_the_owner_makes_it_readable(void **state)
{
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;
	struct bcast_reader *reader;
	struct test_child child;
	char name[64];
	int fd, ret;

	(void)state;
	snprintf(name, sizeof(name), "%s", test_name());
	child = test_fork(own_a_stream, name);
	options.gone_after_ms = 250;
	assert_int_equal(bcast_attach(name, &options, &reader), 0);
	fd = bcast_event_fd(reader);
	assert_int_equal(bcast_event_arm(reader), 0);
	test_kill(&child);
	do
		assert_true(is_readable(fd, DEADLINE_MS));
	while ((ret = bcast_event_arm(reader)) == 0);
	assert_int_equal(ret, BCAST_EABANDONED);
	bcast_detach(reader);
	test_stream_erase(name);
}

static void arm_and_sleep(void *argument)
{
	const struct scene *scene = argument;
	struct bcast_reader *reader;
	struct bcast_node *node;

	test_child_check(bcast_join(scene->nodes.name, "mortal", NULL, &node) ==
			 0);
	test_child_check(bcast_node_reader(node, NULL, &reader) == 0);
	test_child_check(bcast_event_fd(reader) >= 0);
	test_child_check(bcast_event_arm(reader) == 0);
	test_child_ready();
	test_child_sleep();
}

static void who_dies_armed_is_counted_no_more(void **state)
{
	struct test_child child;
	struct scene scene;

	(void)state;
	scene_open(&scene, false, WRITER_DAEMON, false);
	child = test_fork(arm_and_sleep, &scene);
	assert_int_equal(sleepers(&scene), 1);
	test_kill(&child);
	assert_int_equal(test_nodes_state(&scene.nodes, "mortal"), 0);
	assert_int_equal(sleepers(&scene), 0);
	scene_close(&scene);
}

static void drop_the_copy(void *argument)
{
	struct scene *scene = argument;

	test_child_check(bcast_event_fd(scene->reader) == -ECHILD);
	test_child_check(bcast_event_arm(scene->reader) == -ECHILD);
	bcast_detach(scene->reader);
	bcast_leave(scene->node);
}

static void child_that_detaches_leaves_the_parents_armed(void **state)
{
	struct test_child child;
	struct scene scene;

	(void)state;
	scene_open(&scene, true, WRITER_LOCAL, false);
	assert_int_equal(bcast_event_arm(scene.reader), 0);
	child = test_fork(drop_the_copy, &scene);
	assert_int_equal(test_join(&child), 0);
	assert_int_equal(sleepers(&scene), 1);
	assert_false(is_readable(scene.fd, 0));
	publish(&scene);
	assert_true(is_readable(scene.fd, DEADLINE_MS));
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_wake_of_a_daemon_is_lost_by_epoll),
		cmocka_unit_test(no_wake_of_a_publisher_is_lost_by_poll),
		cmocka_unit_test(anonymous_reader_hears_a_publisher_too),
		cmocka_unit_test(no_wake_is_lost_by_io_uring),
		cmocka_unit_test(arming_finds_what_is_there_already),
		cmocka_unit_test(lap_is_told_by_the_arming),
		cmocka_unit_test(only_the_armed_are_counted),
		cmocka_unit_test(node_that_leaves_is_woken_and_goes_on),
		cmocka_unit_test(wakes_that_are_no_news_are_kept_from_the_loop),
		cmocka_unit_test(two_readers_have_a_descriptor_each),
		cmocka_unit_test(closing_makes_it_readable),
		cmocka_unit_test(death_of_the_owner_makes_it_readable),
		cmocka_unit_test(who_dies_armed_is_counted_no_more),
		cmocka_unit_test(child_that_detaches_leaves_the_parents_armed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
