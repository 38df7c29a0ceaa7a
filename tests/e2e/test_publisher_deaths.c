/* SPDX-License-Identifier: MIT */
/*
 * test_publisher_deaths.c - publishers and daemons that are killed or asked to
 * stop in mid-stream: nobody else's calls fail, and no byte is wrong.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "takers.h"

#define KIB	    1024u
#define KILLS	    30u
#define TOO_LONG_NS (UINT64_C(2) * 1000 * 1000 * 1000)

static struct daemon_fixture daemon_;
static struct takers takers;
static struct publishing publishing;
static struct test_child child;

/* One thread takes for all: with disconnect, some might look slow. */
static void start(bool packets)
{
	const char *options[] = {"--ring-size",
				 "4M",
				 "--slow-policy",
				 "block",
				 "--egress",
				 "127.0.0.1:0",
				 "--format",
				 packets ? "packet" : "raw",
				 NULL};

	daemon_fixture_start(&daemon_, options);
}

static void begin(bool packets)
{
	daemon_ = (struct daemon_fixture){0};
	start(packets);
	takers_open(&takers, &daemon_, packets);
	publishing = (struct publishing){
		.name = daemon_.name,
		.id = "writer",
		.most = 20 * KIB,
	};
}

static int prepare(void **state)
{
	(void)state;
	daemon_ = (struct daemon_fixture){0};
	takers = (struct takers){0};
	publishing = (struct publishing){0};
	child = (struct test_child){0};
	return 0;
}

static int close_all(void **state)
{
	test_kill(&child);
	publishing_close(&publishing);
	takers_close(&takers);
	return daemon_fixture_cleanup(state);
}

static struct bcast_stream_info stream_info(void)
{
	struct bcast_stream_info info;
	struct bcast_monitor *monitor;

	assert_int_equal(bcast_monitor_open(daemon_.name, &monitor), 0);
	(void)bcast_monitor_stream(monitor, &info);
	bcast_monitor_close(monitor);
	return info;
}

/* A few publications, each taken by all before the next ones. */
static void publish(unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		assert_int_equal(publishing_one(&publishing), 0);
		if (i % 8 == 7)
			takers_settle(&takers, publishing.next);
	}
	takers_settle(&takers, publishing.next);
}

/* ---- Publishers that are killed ---------------------------------------- */

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

static bool receiver_has_more(void *argument)
{
	const uint64_t *bytes = argument;

	return takers.all[0].bytes >= *bytes;
}

/* From the kill until the next one may publish; for room it may yet wait. */
static uint64_t kill_and_take_over(bool claiming)
{
	struct publishing doomed = publishing;
	uint64_t bytes = takers.all[0].bytes + 300 * KIB;
	uint64_t begin_ns, took_ns;

	doomed.id = "doomed";
	doomed.node = NULL;
	doomed.count = UINT64_MAX;
	doomed.die_claiming = claiming;
	child = test_fork(publishing_child, &doomed);
	if (!claiming)
		takers_run_until(&takers, receiver_has_more, &bytes);

	begin_ns = now_ns();
	assert_int_equal(kill(child.pid, SIGKILL), 0);
	assert_int_equal(publishing_try(&publishing), 0);
	took_ns = now_ns() - begin_ns;
	test_kill(&child);
	return took_ns;
}

static void kill_many(bool packets, bool claiming)
{
	uint64_t took_ns[KILLS];

	begin(packets);
	publishing.lease_wait_ms = DEADLINE_MS;
	takers_receive(&takers, 0);
	takers_read_local(&takers)->may_lap = true;
	assert_int_equal(
		bcast_join(daemon_.name, "heir", NULL, &publishing.node), 0);

	for (unsigned i = 0; i < KILLS; i++) {
		took_ns[i] = kill_and_take_over(claiming);
		publish(16);
		bcast_publisher_close(publishing.publisher);
		publishing.publisher = NULL;
	}

	qsort(took_ns, KILLS, sizeof(took_ns[0]), by_value);
	print_message("%s, killed %s: the next one may after p50 %llu "
		      "us, max %llu us\n",
		      packets ? "packets" : "bytes",
		      claiming ? "in a claim" : "in mid-stream",
		      (unsigned long long)took_ns[KILLS / 2] / 1000,
		      (unsigned long long)took_ns[KILLS - 1] / 1000);
	assert_true(took_ns[KILLS / 2] < TOO_LONG_NS);
	if (claiming)
		assert_int_equal(takers.all[1].laps, 0);
	publishing_close(&publishing);
	daemon_fixture_stop(&daemon_);
	takers_close(&takers);
}

static void next_publisher_goes_on_after_a_kill(void **state)
{
	(void)state;
	kill_many(true, false);
	kill_many(false, false);
}

static void claim_of_a_dead_publisher_is_seen_by_nobody(void **state)
{
	(void)state;
	kill_many(true, true);
	kill_many(false, true);
}

/* It waited for room, since a receiver read nothing; nobody waits any more. */
static void dead_publishers_wish_is_forgotten(void **state)
{
	static const char *const options[] = {
		"--ring-size", "256K", "--slow-policy", "block", "--egress",
		"127.0.0.1:0", NULL};
	uint64_t paused_ns;

	(void)state;
	daemon_fixture_start(&daemon_, options);
	takers_open(&takers, &daemon_, false);
	takers_receive(&takers, 4 * KIB)->stalled = true;
	publishing = (struct publishing){
		.name = daemon_.name,
		.id = "doomed",
		.count = UINT64_MAX,
	};
	child = test_fork(publishing_child, &publishing);
	daemon_fixture_await_at_least(&daemon_, "sender_pauses", 1);
	daemon_fixture_await(&daemon_, "publishers_joined", 1);
	paused_ns = daemon_fixture_counter(&daemon_, "sender_paused_ns");
	test_kill(&child);
	daemon_fixture_await(&daemon_, "publishers_left", 1);

	/* while it stands, the pause does not end */
	daemon_fixture_await_at_least(&daemon_, "sender_paused_ns",
				      paused_ns + 1);
	takers.all[0].stalled = false;
	takers_settle(&takers, stream_info().tail);
	daemon_fixture_stop(&daemon_);
}

/* ---- Daemons that are killed ------------------------------------------- */

static void kill_daemon(void)
{
	char name[sizeof(daemon_.name)];

	memcpy(name, daemon_.name, sizeof(name));
	assert_int_equal(kill(daemon_.pid, SIGKILL), 0);
	assert_int_equal(daemon_fixture_wait(&daemon_), 128 + SIGKILL);
	daemon_fixture_forget(&daemon_);
	daemon_ = (struct daemon_fixture){0};
	memcpy(daemon_.name, name, sizeof(name));
}

static void publisher_outlives_daemons(bool packets)
{
	uint64_t epoch;

	begin(packets);
	takers_receive(&takers, 0);
	takers_read_local(&takers);
	assert_int_equal(publishing_try(&publishing), 0);
	epoch = stream_info().epoch;
	publish(100);

	for (unsigned life = 2; life <= 4; life++) {
		struct taker *receiver;

		kill_daemon();
		publish(200); /* several rings full, and nobody there */
		start(packets);
		assert_int_equal(stream_info().incarnation, life);
		assert_int_equal(stream_info().epoch, epoch);
		publish(100);
		receiver = takers_receive(&takers, 0);
		receiver->next = packets ? 0 : publishing.next;
		publish(200);
		assert_int_equal(receiver->next, publishing.next);
		assert_false(receiver->ended);
	}
	publishing_close(&publishing);
	daemon_fixture_stop(&daemon_);
	takers_run_to_end(&takers);
	takers_close(&takers);
}

static void publisher_and_readers_outlive_the_daemon(void **state)
{
	(void)state;
	publisher_outlives_daemons(true);
	publisher_outlives_daemons(false);
}

/* ---- A daemon that stops ----------------------------------------------- */

static void stop_under_a_publisher(bool packets)
{
	struct taker *receiver, *local;
	uint64_t begin_ms, bytes = 3 * 1000 * KIB;

	begin(packets);
	receiver = takers_receive(&takers, 0);
	takers_receive(&takers, 0);
	local = takers_read_local(&takers);
	local->may_lap = true;
	publishing.count = UINT64_MAX;
	child = test_fork(publishing_child, &publishing);
	takers_run_until(&takers, receiver_has_more, &bytes);

	begin_ms = test_now_ms();
	assert_int_equal(kill(daemon_.pid, SIGTERM), 0);
	takers_run_to_end(&takers);
	assert_int_equal(daemon_fixture_wait(&daemon_), 0);

	print_message("%s: stopped under a publisher after %llu ms\n",
		      packets ? "packets" : "bytes",
		      (unsigned long long)(test_now_ms() - begin_ms));
	/* it was told BCAST_ECLOSED, and nothing else */
	assert_int_equal(test_join(&child), 0);
	assert_int_equal(local->error, BCAST_ECLOSED);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(takers.all[i].part_size, 0);
		assert_int_equal(takers.all[i].next, local->next);
	}
	assert_true(receiver->bytes >= bytes);
	daemon_fixture_assert_clean(&daemon_);
	daemon_fixture_forget(&daemon_);
	takers_close(&takers);
}

static void receivers_get_all_before_the_daemon_stops(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 5; round++) {
		stop_under_a_publisher(true);
		stop_under_a_publisher(false);
	}
}

int main(void)
{
#define DEATH_TEST(f) cmocka_unit_test_setup_teardown(f, prepare, close_all)
	const struct CMUnitTest tests[] = {
		DEATH_TEST(next_publisher_goes_on_after_a_kill),
		DEATH_TEST(claim_of_a_dead_publisher_is_seen_by_nobody),
		DEATH_TEST(dead_publishers_wish_is_forgotten),
		DEATH_TEST(publisher_and_readers_outlive_the_daemon),
		DEATH_TEST(receivers_get_all_before_the_daemon_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
