/* SPDX-License-Identifier: MIT */
/*
 * Policies by address: who comes in at one is judged by what stands there, at
 * the same time as others are judged otherwise. Every byte is compared.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "crowd_stage.h"

#define MIB (1u << 20)

static const char *threads = "0"; /* --egress-threads */

/* What stands behind the two addresses for receivers. */
static void start_with(const char *ring_size, const char *first,
		       const char *second)
{
	char addresses[2][96];
	const char *options[] = {
		"--egress-threads", threads,	   "--ring-size", ring_size,
		"--sndbuf",	    "256K",	   "--rcvbuf",	  "256K",
		"--ingest",	    "127.0.0.1:0", "--egress",	  addresses[0],
		"--egress",	    addresses[1],  NULL};

	snprintf(addresses[0], sizeof(addresses[0]), "127.0.0.1:0%s", first);
	snprintf(addresses[1], sizeof(addresses[1]), "127.0.0.1:0%s", second);
	daemon_fixture_start(&daemon_, options);
	crowd_open(&crowd, &daemon_);
	crowd_send_from(&crowd, "ingest");
}

static void start(const char *first, const char *second)
{
	start_with("16M", first, second);
}

static struct consumer *receive(unsigned address, bool stalled)
{
	uint64_t before = daemon_fixture_counter(&daemon_, "receivers_joined");
	uint16_t port = daemon_fixture_port_of(&daemon_, "egress", address);
	struct consumer *consumer =
		crowd_adopt(&crowd, crowd_connect(port, stalled ? 16384 : 0));

	daemon_fixture_await(&daemon_, "receivers_joined", before + 1);
	consumer->stalled = stalled;
	return consumer;
}

static bool has_ended(void *argument)
{
	return ((const struct consumer *)argument)->ended;
}

static bool has_what_it_gets(void *argument)
{
	return ((const struct consumer *)argument)->bytes +
		       daemon_fixture_counter(&daemon_, "skipped_bytes") ==
	       crowd.sent;
}

/* Has it come to a stand behind `least`? */
struct held {
	uint64_t least;
	uint64_t last; /* bytes_in, at the last look */
	uint64_t since_ms;
};

static bool sender_is_held(void *argument)
{
	struct held *held = argument;
	uint64_t now = daemon_fixture_counter(&daemon_, "bytes_in");

	if (now != held->last)
		held->since_ms = test_now_ms();
	held->last = now;
	return now > held->least && test_now_ms() - held->since_ms > 300;
}

/* ---- Two addresses ----------------------------------------------------- */

static void one_skips_while_another_is_disconnected(void **state)
{
	struct consumer *skips, *leaves, *good[2];

	(void)state;
	/* large beside what the kernel takes for one and not for another */
	start_with("64M", "", ",slow-policy=skip");
	good[0] = receive(0, false);
	good[1] = receive(1, false);
	leaves = receive(0, true);
	skips = receive(1, true);
	skips->may_jump = true;

	crowd_send(&crowd, 96 * MIB);
	crowd_settle(&crowd);

	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers_dropped"),
			 1);
	assert_true(daemon_fixture_counter(&daemon_, "receivers_skips") > 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(good[i]->bytes, 96 * MIB);
	leaves->stalled = false;
	crowd_run_until(&crowd, has_ended, leaves);
	assert_int_equal(leaves->error, -ECONNRESET);
	skips->stalled = false;
	crowd_run_until(&crowd, has_what_it_gets, skips);
	crowd_send(&crowd, 1000);
	crowd_settle(&crowd);
	assert_int_equal(skips->skipped,
			 daemon_fixture_counter(&daemon_, "skipped_bytes"));
	daemon_fixture_stop(&daemon_);
}

/* The blocker's lag holds the sender, and so saves who lags no more. */
static void sender_waits_for_blockers_only(void **state)
{
	struct consumer *blocker, *other, *good;
	struct held held = {.least = 3 * MIB};

	(void)state;
	start("", ",slow-policy=block,max-lag=25%");
	good = receive(1, false);
	other = receive(0, true);
	blocker = receive(1, true);

	crowd_send(&crowd, 64 * MIB);
	crowd_run_until(&crowd, sender_is_held, &held);
	assert_true(held.last < 8 * MIB);
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers"), 3);

	blocker->stalled = false;
	crowd_settle(&crowd);

	/* the other one was in nobody's way, but beyond its own lag */
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers_dropped"),
			 1);
	assert_int_equal(blocker->bytes, 64 * MIB);
	assert_int_equal(good->bytes, 64 * MIB);
	other->stalled = false;
	crowd_run_until(&crowd, has_ended, other);
	daemon_fixture_stop(&daemon_);
}

static void stalled_skipper_does_not_hold_the_blockers_sender(void **state)
{
	struct consumer *blocker, *skips;

	(void)state;
	start(",slow-policy=block", ",slow-policy=skip,max-lag=25%");
	blocker = receive(0, false);
	skips = receive(1, true);
	skips->may_jump = true;

	crowd_send(&crowd, 48 * MIB);
	crowd_settle(&crowd);

	assert_int_equal(blocker->bytes, 48 * MIB);
	assert_true(daemon_fixture_counter(&daemon_, "skipped_bytes") >
		    32 * MIB);
	crowd_leave(skips);
	daemon_fixture_stop(&daemon_);
}

static void blockers_with_different_lags_lose_nothing(void **state)
{
	struct consumer *near, *far;
	struct held held = {.least = 3 * MIB};

	(void)state;
	start(",slow-policy=block,max-lag=25%", ",slow-policy=block");
	near = receive(0, true);
	far = receive(1, true);

	crowd_send(&crowd, 32 * MIB);
	crowd_run_until(&crowd, sender_is_held, &held);
	assert_true(held.last < 8 * MIB);
	near->stalled = false;
	held.least = 10 * MIB;
	crowd_run_until(&crowd, sender_is_held, &held);
	assert_in_range(held.last, 10 * MIB, 16 * MIB);
	far->stalled = false;
	crowd_settle(&crowd);

	assert_int_equal(near->bytes, 32 * MIB);
	assert_int_equal(far->bytes, 32 * MIB);
	daemon_fixture_stop(&daemon_);
}

static void each_is_slow_beyond_its_own_lag(void **state)
{
	struct consumer *strict, *patient;

	(void)state;
	start(",max-lag=25%", "");
	receive(1, false);
	strict = receive(0, true);
	patient = receive(1, true);

	crowd_send(&crowd, 8 * MIB);
	crowd_settle(&crowd);
	daemon_fixture_await(&daemon_, "receivers_dropped", 1);
	strict->stalled = false;
	crowd_run_until(&crowd, has_ended, strict);

	patient->stalled = false;
	crowd_settle(&crowd);
	assert_int_equal(patient->bytes, 8 * MIB);
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers_dropped"),
			 1);
	daemon_fixture_stop(&daemon_);
}

/* Nobody at the first address: its lag must not be in anybody's way. */
static void log_says_what_holds_where(void **state)
{
	(void)state;
	start("", ",slow-policy=skip,max-lag=4M,send-timeout=10s");

	assert_int_equal(daemon_fixture_logged(&daemon_,
					       "role=egress slow_policy=skip "
					       "max_lag_bytes=4194304 "
					       "send_timeout_ms=10000\n"),
			 1);
	assert_int_equal(daemon_fixture_logged(&daemon_, "role=egress\n"), 1);
	receive(0, false);
	crowd_send(&crowd, 16 * MIB);
	crowd_settle(&crowd);
	daemon_fixture_stop(&daemon_);
}

int main(void)
{
#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, crowd_stage_open, crowd_stage_close)
	const struct CMUnitTest tests[] = {
		TEST(one_skips_while_another_is_disconnected),
		TEST(sender_waits_for_blockers_only),
		TEST(stalled_skipper_does_not_hold_the_blockers_sender),
		TEST(blockers_with_different_lags_lose_nothing),
		TEST(each_is_slow_beyond_its_own_lag),
		TEST(log_says_what_holds_where),
	};

	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	threads = "2";
	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
