/* SPDX-License-Identifier: MIT */
/*
 * Receivers that take little or nothing. Buffers are small here, so that what
 * a stalled receiver has not taken stands in the ring and not in the kernel.
 */
#include <errno.h>
#include <string.h>

#include "crowd_stage.h"

#define MIB (1u << 20)

static void start(const char *policy, const char *ring_size, const char *sndbuf)
{
	const char *options[] = {"--ring-size", ring_size,	 "--ingest",
				 "127.0.0.1:0", "--egress",	 "127.0.0.1:0",
				 "--sndbuf",	sndbuf,		 "--rcvbuf",
				 "256K",	"--slow-policy", policy,
				 NULL};

	daemon_fixture_start(&daemon_, options);
	crowd_open(&crowd, &daemon_);
	crowd_send_from(&crowd, "ingest");
}

static bool has_ended(void *argument)
{
	return ((const struct consumer *)argument)->ended;
}

/* ---- disconnect -------------------------------------------------------- */

static void stalled_receiver_is_dropped_and_others_lose_nothing(void **state)
{
	struct consumer *stalled;

	/* a ring that is large beside what the kernel's buffers hold */
	(void)state;
	start("disconnect", "64M", "0");
	for (unsigned i = 0; i < 4; i++)
		crowd_receive(&crowd);
	stalled = crowd_receive_small(&crowd);
	stalled->stalled = true;

	crowd_send(&crowd, 96 * MIB);
	crowd_settle(&crowd);

	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers_dropped"),
			 1);
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers"), 4);
	assert_int_equal(
		daemon_fixture_logged(&daemon_, "warn receiver_dropped peer="),
		1);
	daemon_fixture_await_log(&daemon_, " reason=slow\n", 1);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(crowd.consumers[i].bytes, 96 * MIB);
	/* it can tell that from an orderly end */
	stalled->stalled = false;
	crowd_run_until(&crowd, has_ended, stalled);
	assert_int_equal(stalled->error, -ECONNRESET);
	assert_true(stalled->bytes < 8 * MIB);
	daemon_fixture_stop(&daemon_);
}

static void slow_receiver_alone_slows_the_sender_and_stays(void **state)
{
	struct consumer *slow;

	(void)state;
	start("disconnect", "4M", "256K");
	slow = crowd_receive_small(&crowd);
	slow->sip = 65536;

	crowd_send(&crowd, 16 * MIB);
	crowd_settle(&crowd);

	assert_int_equal(slow->bytes, 16 * MIB);
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers_dropped"),
			 0);
	assert_true(daemon_fixture_counter(&daemon_, "sender_pauses") > 0);
	daemon_fixture_stop(&daemon_);
}

/* The sender is held up for a second, and then no more. */
static void all_stalled_receivers_do_not_stop_the_stream(void **state)
{
	struct consumer *first, *second, *reader;

	(void)state;
	/* larger than what is under way in the kernel, not to be lapped */
	start("disconnect", "16M", "256K");
	first = crowd_receive_small(&crowd);
	second = crowd_receive_small(&crowd);
	first->stalled = true;
	second->stalled = true;
	reader = crowd_read_local(&crowd);

	crowd_send(&crowd, 48 * MIB);
	crowd_settle(&crowd);

	assert_int_equal(reader->bytes, 48 * MIB);
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers_dropped"),
			 2);
	assert_true(daemon_fixture_counter(&daemon_, "sender_paused_ns") >=
		    900000000);
	daemon_fixture_stop(&daemon_);
}

/* ---- block ------------------------------------------------------------- */

static bool sender_is_paused(void *argument)
{
	uint64_t *last = argument;
	uint64_t before = *last;

	*last = daemon_fixture_counter(&daemon_, "bytes_in");
	return *last == before &&
	       daemon_fixture_counter(&daemon_, "sender_pauses") > 0 &&
	       *last > 3 * MIB;
}

static void stalled_receiver_blocks_and_then_everything_arrives(void **state)
{
	struct consumer *stalled, *other;
	uint64_t last = 0;

	(void)state;
	start("block", "4M", "256K");
	other = crowd_receive(&crowd);
	stalled = crowd_receive_small(&crowd);
	stalled->stalled = true;

	crowd_send(&crowd, 16 * MIB);
	crowd_run_until(&crowd, sender_is_paused, &last);
	assert_true(last < 12 * MIB);
	stalled->stalled = false;
	crowd_settle(&crowd);

	assert_int_equal(stalled->bytes, 16 * MIB);
	assert_int_equal(other->bytes, 16 * MIB);
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers_dropped"),
			 0);
	daemon_fixture_stop(&daemon_);
}

static void all_stalled_receivers_block_for_good(void **state)
{
	struct consumer *stalled;
	uint64_t last = 0, passes;

	(void)state;
	start("block", "4M", "256K");
	stalled = crowd_receive_small(&crowd);
	stalled->stalled = true;
	crowd_send(&crowd, 16 * MIB);
	crowd_run_until(&crowd, sender_is_paused, &last);

	/* past the second after which stalled receivers are given up */
	passes = daemon_fixture_counter(&daemon_, "loop_passes");
	daemon_fixture_await_at_least(&daemon_, "loop_passes", passes + 15);
	last = daemon_fixture_counter(&daemon_, "bytes_in");
	assert_true(last <= 6 * MIB);
	stalled->stalled = false;
	crowd_settle(&crowd);

	assert_int_equal(stalled->bytes, 16 * MIB);
	daemon_fixture_stop(&daemon_);
}

/* ---- skip -------------------------------------------------------------- */

static bool has_what_it_gets(void *argument)
{
	return ((const struct consumer *)argument)->bytes +
		       daemon_fixture_counter(&daemon_, "skipped_bytes") ==
	       crowd.sent;
}

static void slow_receiver_skips_and_the_count_is_exact(void **state)
{
	struct consumer *slow;

	(void)state;
	start("skip", "4M", "256K");
	crowd_receive(&crowd);
	slow = crowd_receive_small(&crowd);
	slow->may_jump = true;

	for (unsigned i = 0; i < 4; i++) {
		slow->stalled = true;
		crowd_send(&crowd, 12 * MIB);
		crowd_settle(&crowd);
		slow->stalled = false;
		crowd_run_until(&crowd, has_what_it_gets, slow);
		/* it finds its place by some bytes after the jump */
		crowd_send(&crowd, 1000);
		crowd_settle(&crowd);
	}

	assert_true(daemon_fixture_counter(&daemon_, "receivers_skips") >= 4);
	assert_int_equal(slow->skipped,
			 daemon_fixture_counter(&daemon_, "skipped_bytes"));
	assert_int_equal(slow->bytes + slow->skipped, crowd.sent);
	assert_int_equal(crowd.consumers[0].bytes, crowd.sent);
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers_dropped"),
			 0);
	daemon_fixture_stop(&daemon_);
}

/* Alone, it is waited for; stalled, it skips; and goes on without delay. */
static void lone_receiver_that_skipped_is_served_at_once(void **state)
{
	struct consumer *slow;
	uint64_t pauses, paused_ns;

	(void)state;
	start("skip", "4M", "256K");
	slow = crowd_receive_small(&crowd);
	slow->may_jump = true;
	slow->stalled = true;
	crowd_send(&crowd, 12 * MIB);
	crowd_settle(&crowd);
	assert_true(daemon_fixture_counter(&daemon_, "receivers_skips") > 0);

	slow->stalled = false;
	crowd_run_until(&crowd, has_what_it_gets, slow);
	pauses = daemon_fixture_counter(&daemon_, "sender_pauses");
	paused_ns = daemon_fixture_counter(&daemon_, "sender_paused_ns");
	crowd_send(&crowd, 1000);
	crowd_settle(&crowd);

	assert_int_equal(daemon_fixture_counter(&daemon_, "sender_pauses"),
			 pauses);
	assert_int_equal(daemon_fixture_counter(&daemon_, "sender_paused_ns"),
			 paused_ns);
	assert_int_equal(slow->bytes + slow->skipped, crowd.sent);
	daemon_fixture_stop(&daemon_);
}

int main(void)
{
#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, crowd_stage_open, crowd_stage_close)
	const struct CMUnitTest tests[] = {
		TEST(stalled_receiver_is_dropped_and_others_lose_nothing),
		TEST(slow_receiver_alone_slows_the_sender_and_stays),
		TEST(all_stalled_receivers_do_not_stop_the_stream),
		TEST(stalled_receiver_blocks_and_then_everything_arrives),
		TEST(all_stalled_receivers_block_for_good),
		TEST(slow_receiver_skips_and_the_count_is_exact),
		TEST(lone_receiver_that_skipped_is_served_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
