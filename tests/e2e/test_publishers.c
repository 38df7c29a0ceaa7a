/* SPDX-License-Identifier: MIT */
/*
 * test_publishers.c - what a local process publishes reaches everybody, as it
 * was published, as soon as it was, and as fast as receivers take it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "takers.h"

#define KIB 1024u
#define MIB (1024u * KIB)

static struct daemon_fixture daemon_;
static struct takers takers;
static struct test_child child;

static void start_with(bool packets, const char *ring, const char *policy,
		       const char *sndbuf)
{
	const char *options[] = {"--ring-size",
				 ring,
				 "--slow-policy",
				 policy,
				 "--sndbuf",
				 sndbuf,
				 "--egress",
				 "127.0.0.1:0",
				 "--format",
				 packets ? "packet" : "raw",
				 NULL};

	daemon_ = (struct daemon_fixture){0};
	daemon_fixture_start(&daemon_, options);
	takers_open(&takers, &daemon_, packets);
}

static void start(bool packets, const char *ring, const char *policy)
{
	start_with(packets, ring, policy, "0");
}

static int prepare(void **state)
{
	(void)state;
	daemon_ = (struct daemon_fixture){0};
	takers = (struct takers){0};
	child = (struct test_child){0};
	return 0;
}

static int close_all(void **state)
{
	test_kill(&child);
	takers_close(&takers);
	return daemon_fixture_cleanup(state);
}

/* A child that publishes `count` times, sizes up to `most`, and ends well. */
static void publish_in_child(uint64_t count, size_t most)
{
	struct publishing publishing = {
		.name = daemon_.name,
		.id = "writer",
		.most = most,
		.count = count,
	};

	child = test_fork(publishing_child, &publishing);
}

static uint64_t last_tail(void)
{
	struct bcast_stream_info info;
	struct bcast_monitor *monitor;

	assert_int_equal(bcast_monitor_open(daemon_.name, &monitor), 0);
	(void)bcast_monitor_stream(monitor, &info);
	bcast_monitor_close(monitor);
	return takers.packets ? info.sequence : info.tail;
}

static bool child_has_ended(void *argument)
{
	struct bcast_writer_info writer;
	struct bcast_monitor *monitor;

	(void)argument;
	assert_int_equal(bcast_monitor_open(daemon_.name, &monitor), 0);
	(void)bcast_monitor_writer(monitor, &writer);
	bcast_monitor_close(monitor);
	return writer.kind == BCAST_WRITER_NONE;
}

/* Take until the child has published all; then until all have all of that. */
static void take_all(void)
{
	takers_run_until(&takers, child_has_ended, NULL);
	assert_int_equal(test_join(&child), 0);
	takers_settle(&takers, last_tail());
}

/* ---- Everybody gets everything ----------------------------------------- */

/* Less than the ring, at full speed, so that local readers are not lapped. */
static void publish_less_than_the_ring(bool packets)
{
	start(packets, "16M", "disconnect");
	takers.most = 64 * KIB;
	for (unsigned i = 0; i < 4; i++)
		takers_receive(&takers, 0);
	takers_read_local(&takers);

	publish_in_child(200, 64 * KIB);
	take_all();

	for (unsigned i = 1; i < takers.count; i++)
		assert_int_equal(takers.all[i].bytes, takers.all[0].bytes);
	assert_true(takers.all[0].bytes > 200 * 16 * KIB);
	daemon_fixture_stop(&daemon_);
}

static void everybody_gets_the_published_bytes(void **state)
{
	(void)state;
	publish_less_than_the_ring(false);
}

static void everybody_gets_the_published_records(void **state)
{
	(void)state;
	publish_less_than_the_ring(true);
}

static void publish_many_rings_full(bool packets, unsigned receivers,
				    size_t most)
{
	start(packets, "64K", "block");
	for (unsigned i = 0; i < receivers; i++)
		takers_receive(&takers, 0);

	publish_in_child(4000, most);
	take_all();

	for (unsigned i = 0; i < receivers; i++)
		assert_int_equal(takers.all[i].bytes, takers.all[0].bytes);
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers_dropped"),
			 0);
	daemon_fixture_stop(&daemon_);
	takers_close(&takers);
}

static void small_ring_loses_nothing_by_block(void **state)
{
	(void)state;
	for (int packets = 0; packets <= 1; packets++) {
		/* 0: up to the limit of a publication */
		publish_many_rings_full(packets != 0, 1, 0);
		publish_many_rings_full(packets != 0, 1, 300);
		publish_many_rings_full(packets != 0, 3, 0);
		publish_many_rings_full(packets != 0, 4, 5 * KIB);
	}
}

/* ---- Slow receivers ---------------------------------------------------- */

/*
 * What the kernel takes for the stalled one puts it ahead of the other: that
 * has to be little beside the ring, or it is the other who looks slow.
 */
static void slow_one_is_dropped(bool packets, size_t most)
{
	struct taker *slow;

	start_with(packets, "1M", "disconnect", "64K");
	takers_receive(&takers, 0);
	slow = takers_receive(&takers, 4 * KIB);
	slow->stalled = true;

	publish_in_child(1200, most);
	take_all();

	daemon_fixture_await(&daemon_, "receivers_dropped", 1);
	slow->stalled = false;
	daemon_fixture_stop(&daemon_);
	takers_run_to_end(&takers);
	assert_int_equal(slow->error, -ECONNRESET);
	assert_int_equal(takers.all[0].error, 0);
	takers_close(&takers);
}

static void slow_receiver_is_dropped_and_others_go_on(void **state)
{
	(void)state;
	slow_one_is_dropped(false, 64 * KIB);
	slow_one_is_dropped(true, 64 * KIB);
	slow_one_is_dropped(true, 0);
}

/* The only one there, and it never reads: the stall time, and no longer. */
static void who_never_reads_cannot_stop_it(bool packets, size_t most)
{
	uint64_t begin_ms;
	struct taker *never;

	start(packets, "64K", "disconnect");
	never = takers_receive(&takers, 4 * KIB);
	never->stalled = true;
	begin_ms = test_now_ms();

	/* more than all the sockets' buffers */
	publish_in_child(2000, most);
	take_all();

	print_message("with a receiver that never reads: %llu ms\n",
		      (unsigned long long)(test_now_ms() - begin_ms));
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers_dropped"),
			 1);
	daemon_fixture_stop(&daemon_);
	takers_close(&takers);
}

static void receiver_that_never_reads_cannot_stop_a_publisher(void **state)
{
	(void)state;
	who_never_reads_cannot_stop_it(true, 0);
	who_never_reads_cannot_stop_it(false, 0);
	who_never_reads_cannot_stop_it(true, 10 * KIB);
}

/* Asked again and again, the daemon must find out that there is room. */
static void who_does_not_wait_for_room_gets_it_too(void **state)
{
	struct publishing publishing = {.id = "writer", .impatient = true};

	(void)state;
	for (int packets = 0; packets <= 1; packets++) {
		uint64_t deadline_ms = test_now_ms() + DEADLINE_MS;
		unsigned done = 0;

		start(packets != 0, "1M", "block");
		takers_receive(&takers, 0);
		publishing.name = daemon_.name;
		publishing.most = 0;
		assert_int_equal(publishing_try(&publishing), 0);
		while (done < 200) {
			int ret = publishing_one(&publishing);

			assert_true(ret == 0 || ret == BCAST_EFULL);
			assert_true(test_now_ms() < deadline_ms);
			done += ret == 0;
			takers_settle(&takers, publishing.next);
		}
		publishing_close(&publishing);
		daemon_fixture_stop(&daemon_);
		takers_close(&takers);
	}
}

/* ---- At once ----------------------------------------------------------- */

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) +
	       (uint64_t)now.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The daemon's tick is 100 ms: waiting for it would cost 50 on average. */
static void idle_receiver_gets_a_publication_at_once(void **state)
{
	struct publishing publishing = {.id = "writer", .most = 100};
	uint64_t took_ns[41];
	const size_t rounds = sizeof(took_ns) / sizeof(took_ns[0]);

	(void)state;
	for (int packets = 0; packets <= 1; packets++) {
		start(packets != 0, "1M", "disconnect");
		takers_receive(&takers, 0);
		publishing.name = daemon_.name;
		assert_int_equal(publishing_try(&publishing), 0);
		for (size_t i = 0; i < rounds; i++) {
			uint64_t begin_ns = now_ns();

			assert_int_equal(publishing_one(&publishing), 0);
			takers_settle(&takers, publishing.next);
			took_ns[i] = now_ns() - begin_ns;
		}
		publishing_close(&publishing);

		qsort(took_ns, rounds, sizeof(took_ns[0]), by_value);
		print_message("to an idle TCP receiver: p50 %llu us, max "
			      "%llu us\n",
			      (unsigned long long)took_ns[rounds / 2] / 1000,
			      (unsigned long long)took_ns[rounds - 1] / 1000);
		assert_true(took_ns[rounds / 2] < 20 * UINT64_C(1000000));
		daemon_fixture_stop(&daemon_);
		takers_close(&takers);
	}
}

int main(void)
{
#define PUBLISHER_TEST(f) cmocka_unit_test_setup_teardown(f, prepare, close_all)
	const struct CMUnitTest tests[] = {
		PUBLISHER_TEST(everybody_gets_the_published_bytes),
		PUBLISHER_TEST(everybody_gets_the_published_records),
		PUBLISHER_TEST(small_ring_loses_nothing_by_block),
		PUBLISHER_TEST(slow_receiver_is_dropped_and_others_go_on),
		PUBLISHER_TEST(
			receiver_that_never_reads_cannot_stop_a_publisher),
		PUBLISHER_TEST(who_does_not_wait_for_room_gets_it_too),
		PUBLISHER_TEST(idle_receiver_gets_a_publication_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
