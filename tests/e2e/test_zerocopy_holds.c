/* SPDX-License-Identifier: MIT */
/*
 * What zero-copy sends hold, and until when: a receiver that does not take its
 * bytes leaves them in the ring, also when it is dropped, when the daemon is
 * stopped, and when it is killed. Buffers are small, so that little is taken.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "zerocopy_daemon.h"

#include "net/zerocopy.h"

#define KIB	(UINT64_C(1) << 10)
#define MIB	(UINT64_C(1) << 20)
#define SKIPPED 77

static void launch(const char *zerocopy, const char *policy, const char *option,
		   const char *value)
{
	const char *options[] = {"--ring-size",	  "4M",		"--ingest",
				 "127.0.0.1:0",	  "--egress",	"127.0.0.1:0",
				 "--sndbuf",	  "256K",	"--rcvbuf",
				 "256K",	  "--zerocopy", zerocopy,
				 "--slow-policy", policy,	option,
				 value,		  NULL};

	daemon_fixture_start(&daemon_, options);
	crowd_open(&crowd, &daemon_);
}

static void start(const char *zerocopy, const char *policy, const char *option,
		  const char *value)
{
	launch(zerocopy, policy, option, value);
	crowd_send_from(&crowd, "ingest");
}

/* All is with the receiver's kernel or in its send queue. */
static bool all_is_taken(void *argument)
{
	(void)argument;
	return crowd.sent == crowd.goal &&
	       daemon_fixture_counter(&daemon_, "bytes_in") == crowd.sent &&
	       zerocopy_receiver().lag == 0;
}

static bool has_ended(void *argument)
{
	return ((const struct consumer *)argument)->ended;
}

/* A stalled receiver for which some bytes are held in the ring. */
static struct consumer *hold_some(void)
{
	struct consumer *stalled = crowd_receive_small(&crowd);

	stalled->stalled = true;
	crowd_send(&crowd, 200 * KIB);
	crowd_run_until(&crowd, all_is_taken, NULL);
	assert_true(zerocopy_receiver().held > 50 * KIB);
	return stalled;
}

/* ---- Who does not acknowledge ------------------------------------------ */

static void what_is_not_acknowledged_counts_as_lag(void **state)
{
	struct consumer *stalled;

	/* one that leads: of two, our one thread may keep one waiting */
	(void)state;
	start("on", "disconnect", "--ring-size", "64M");
	crowd_receive(&crowd);
	stalled = crowd_receive_small(&crowd);
	stalled->stalled = true;

	crowd_send(&crowd, 96 * MIB);
	crowd_settle(&crowd);

	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers_dropped"),
			 1);
	stalled->stalled = false;
	crowd_run_until(&crowd, has_ended, stalled);
	assert_int_equal(stalled->error, -ECONNRESET);
	daemon_fixture_stop(&daemon_);
}

static bool is_blocked(void *argument)
{
	uint64_t *last = argument;
	uint64_t before = *last;

	*last = daemon_fixture_counter(&daemon_, "bytes_in");
	return *last == before && *last > 2 * MIB &&
	       daemon_fixture_counter(&daemon_, "sender_pauses") > 0;
}

static void with_block_the_sender_waits_for_acknowledgement(void **state)
{
	struct consumer *stalled;
	uint64_t last = 0;

	(void)state;
	start("on", "block", NULL, NULL);
	crowd_receive(&crowd);
	stalled = crowd_receive_small(&crowd);
	stalled->stalled = true;
	crowd_send(&crowd, 12 * MIB);
	crowd_run_until(&crowd, is_blocked, &last);

	stalled->stalled = false;
	crowd_settle(&crowd);

	assert_int_equal(stalled->bytes, 12 * MIB);
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers_dropped"),
			 0);
	daemon_fixture_stop(&daemon_);
}

static void with_skip_it_is_dropped_after_a_second(void **state)
{
	struct consumer *stalled;

	(void)state;
	start("on", "skip", NULL, NULL);
	crowd_receive(&crowd);
	stalled = crowd_receive_small(&crowd);
	stalled->stalled = true;
	stalled->may_jump = true;
	crowd_send(&crowd, 12 * MIB);
	crowd_settle(&crowd);
	assert_true(daemon_fixture_counter(&daemon_, "receivers_skips") > 0);
	daemon_fixture_await(&daemon_, "receivers_dropped", 1);
	daemon_fixture_stop(&daemon_);
}

/* ---- The end ----------------------------------------------------------- */

static void stop_waits_until_all_is_acknowledged(void **state)
{
	struct consumer *stalled;

	(void)state;
	start("on", "disconnect", "--drain-timeout", "20s");
	stalled = hold_some();
	assert_int_equal(kill(daemon_.pid, SIGTERM), 0);
	daemon_fixture_await_log(&daemon_, " reason=shutdown", 2);
	assert_int_equal(daemon_fixture_logged(&daemon_, "info stopped"), 0);

	stalled->stalled = false;
	crowd_run_until(&crowd, has_ended, stalled);

	assert_int_equal(stalled->error, 0);
	assert_int_equal(stalled->bytes, 200 * KIB);
	assert_int_equal(daemon_fixture_wait(&daemon_), 0);
	daemon_fixture_assert_clean(&daemon_);
	daemon_fixture_forget(&daemon_);
}

static void stop_resets_who_does_not_acknowledge_in_time(void **state)
{
	struct consumer *stalled;
	uint64_t begin_ms;

	(void)state;
	start("on", "disconnect", "--drain-timeout", "300ms");
	stalled = hold_some();
	begin_ms = test_now_ms();
	assert_int_equal(kill(daemon_.pid, SIGTERM), 0);
	assert_int_equal(daemon_fixture_wait(&daemon_), 0);
	assert_in_range(test_now_ms() - begin_ms, 300, DEADLINE_MS / 2);

	stalled->stalled = false;
	crowd_run_until(&crowd, has_ended, stalled);
	assert_int_equal(stalled->error, -ECONNRESET);
	daemon_fixture_assert_clean(&daemon_);
	daemon_fixture_forget(&daemon_);
}

static void receiver_that_leaves_gives_its_bytes_back(void **state)
{
	struct consumer *stalled;

	(void)state;
	start("on", "block", NULL, NULL);
	for (unsigned i = 0; i < 3; i++) {
		stalled = hold_some();
		if (i == 0)
			crowd_leave(stalled);
		else if (i == 1)
			crowd_leave_by_reset(stalled);
		else
			assert_int_equal(shutdown(stalled->fd, SHUT_WR), 0);
		if (i == 2)
			crowd_leave(stalled);
		daemon_fixture_await(&daemon_, "receivers", 0);
	}
	/* several times the ring: it would stop if anything were still held */
	crowd_receive(&crowd);
	crowd_send(&crowd, 12 * MIB);
	crowd_settle(&crowd);
	daemon_fixture_stop(&daemon_);
}

/* ---- Death ------------------------------------------------------------- */

/* SIGKILL, and the next one of the same name. */
static void succeed(void)
{
	const char *options[] = {"--ring-size", "4M",	    "--ingest",
				 "127.0.0.1:0", "--egress", "127.0.0.1:0",
				 NULL};
	char name[sizeof(daemon_.name)];

	memcpy(name, daemon_.name, sizeof(name));
	assert_int_equal(kill(daemon_.pid, SIGKILL), 0);
	assert_int_equal(daemon_fixture_wait(&daemon_), 128 + SIGKILL);
	daemon_fixture_forget(&daemon_);
	memcpy(daemon_.name, name, sizeof(name));
	daemon_fixture_start(&daemon_, options);
}

static uint64_t epoch(void)
{
	struct bcast_stream_info info;
	struct bcast_monitor *monitor;

	assert_int_equal(bcast_monitor_open(daemon_.name, &monitor), 0);
	assert_int_equal(bcast_monitor_stream(monitor, &info), 0);
	bcast_monitor_close(monitor);
	return info.epoch;
}

static bool nothing_is_owed(void *argument)
{
	uint32_t owed;

	(void)argument;
	test_object_read(daemon_.name, "",
			 offsetof(struct bc_control_shm, owner.zerocopy_owed),
			 &owed, sizeof(owed));
	return owed == 0;
}

static void ring_with_sends_of_the_dead_is_not_adopted(void **state)
{
	struct consumer *reader;
	uint64_t old_epoch;

	(void)state;
	start("on", "disconnect", NULL, NULL);
	reader = crowd_read_local(&crowd);
	(void)hold_some();
	crowd_settle(&crowd);
	assert_false(nothing_is_owed(NULL));
	old_epoch = epoch();
	succeed();

	assert_int_not_equal(epoch(), old_epoch);
	assert_int_equal(daemon_fixture_logged(
				 &daemon_, "zero-copy sends were outstanding"),
			 1);
	assert_int_equal(reader->bytes, 200 * KIB);
	assert_int_equal(bcast_wait(reader->reader, 0), BCAST_ECLOSED);
	daemon_fixture_stop(&daemon_);
}

static void ring_without_them_is_adopted(void **state)
{
	uint64_t old_epoch;

	(void)state;
	start("on", "disconnect", NULL, NULL);
	crowd_receive(&crowd);
	crowd_send(&crowd, 2 * MIB);
	crowd_settle(&crowd);
	assert_true(test_within(DEADLINE_MS, nothing_is_owed, NULL));
	old_epoch = epoch();
	succeed();

	assert_int_equal(epoch(), old_epoch);
	daemon_fixture_stop(&daemon_);
}

/* ---- A receiver that becomes the sender -------------------------------- */

static bool is_sent(void *argument)
{
	(void)argument;
	return crowd.sent == crowd.goal;
}

static bool second_has_joined(void *argument)
{
	(void)argument;
	return daemon_fixture_counter(&daemon_, "senders_joined") == 2;
}

/*
 * Its own bytes are held: if it were the sender at once and did not read, the
 * stream would wait for it for ever.
 */
static void receiver_becomes_the_sender_once_nothing_is_held(void **state)
{
	const char *options[] = {"--ring-size", "4M",	      "--listen",
				 "127.0.0.1:0", "--reassign", "any",
				 "--sndbuf",	"256K",	      "--zerocopy",
				 "on",		NULL};
	struct consumer *heir;

	(void)state;
	daemon_fixture_start(&daemon_, options);
	crowd_open(&crowd, &daemon_);
	crowd_send_from(&crowd, "any");
	heir = hold_some();
	crowd_end_sender(&crowd);
	daemon_fixture_await(&daemon_, "senders", 0);

	/* the pattern goes on where the old sender has left */
	crowd.sender = dup(heir->fd);
	crowd_send(&crowd, 1000);
	crowd_run_until(&crowd, is_sent, NULL);
	assert_int_equal(daemon_fixture_counter(&daemon_, "senders_joined"), 1);

	heir->stalled = false;
	crowd_run_until(&crowd, second_has_joined, NULL);
	heir->stalled = true;
	crowd_receive(&crowd);
	crowd_send(&crowd, 12 * MIB);
	crowd_settle(&crowd);

	assert_int_equal(heir->bytes, 200 * KIB);
	assert_int_equal(daemon_fixture_counter(&daemon_, "discarded_bytes"),
			 0);
	daemon_fixture_stop(&daemon_);
}

int main(void)
{
#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, crowd_stage_open, crowd_stage_close)
	const struct CMUnitTest tests[] = {
		TEST(what_is_not_acknowledged_counts_as_lag),
		TEST(with_block_the_sender_waits_for_acknowledgement),
		TEST(with_skip_it_is_dropped_after_a_second),
		TEST(stop_waits_until_all_is_acknowledged),
		TEST(stop_resets_who_does_not_acknowledge_in_time),
		TEST(receiver_that_leaves_gives_its_bytes_back),
		TEST(ring_with_sends_of_the_dead_is_not_adopted),
		TEST(ring_without_them_is_adopted),
		TEST(receiver_becomes_the_sender_once_nothing_is_held),
	};

	if (!zerocopy_works_here())
		return SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
