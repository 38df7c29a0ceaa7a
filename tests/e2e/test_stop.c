/* SPDX-License-Identifier: MIT */
/* The end, in order and out of it, and what comes after. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crowd_stage.h"

#define MIB (1u << 20)

static struct test_child sender;

/*
 * However late this one thread is scheduled, nobody may be too slow here, so
 * the sender waits; and the ring has room for what it may lag and for what all
 * the buffers in the kernel hold, so that no local reader is lapped either.
 */
static void start(const char *option, const char *value)
{
	const char *options[] = {"--ring-size",	  "64M",      "--ingest",
				 "127.0.0.1:0",	  "--egress", "127.0.0.1:0",
				 "--slow-policy", "block",    "--sndbuf",
				 "64K",		  "--rcvbuf", "256K",
				 option,	  value,      NULL};

	daemon_fixture_start(&daemon_, options);
	crowd_open(&crowd, &daemon_);
}

static int prepare(void **state)
{
	sender = (struct test_child){0};
	return crowd_stage_open(state);
}

static int close_all(void **state)
{
	test_kill(&sender);
	return crowd_stage_close(state);
}

static bool has_some(void *argument)
{
	return ((const struct consumer *)argument)->bytes > 8 * MIB;
}

static void assert_ended_well(void)
{
	assert_int_equal(daemon_fixture_wait(&daemon_), 0);
	daemon_fixture_assert_clean(&daemon_);
	daemon_fixture_forget(&daemon_);
}

/* ---- In order ---------------------------------------------------------- */

static void end_under_load_gives_everybody_the_same_prefix(void **state)
{
	struct consumer *reader;

	(void)state;
	start(NULL, NULL);
	for (unsigned i = 0; i < 8; i++)
		crowd_receive(&crowd);
	reader = crowd_read_local(&crowd);
	sender = crowd_spawn_sender(&crowd);
	crowd_run_until(&crowd, has_some, reader);

	assert_int_equal(kill(daemon_.pid, SIGTERM), 0);
	crowd_run_to_end(&crowd);

	assert_int_equal(reader->error, BCAST_ECLOSED);
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(crowd.consumers[i].error, 0);
		assert_int_equal(crowd.consumers[i].start, 0);
		assert_int_equal(crowd.consumers[i].position, reader->position);
	}
	assert_ended_well();
}

/*
 * Receivers that take everything at once keep the loop from ever waiting, and
 * signals are let in while it waits: one could be kept out for half a minute.
 */
static void busy_loop_hears_the_signal(void **state)
{
	static const char *const options[] = {
		"--ring-size", "64M",	      "--ingest", "127.0.0.1:0",
		"--egress",    "127.0.0.1:0", NULL};
	struct test_child takers[16];
	uint64_t start_ms;

	(void)state;
	daemon_fixture_start(&daemon_, options);
	for (unsigned i = 0; i < 16; i++)
		takers[i] = crowd_spawn_receiver(&crowd, false);
	daemon_fixture_await(&daemon_, "receivers", 16);
	sender = crowd_spawn_flood(&crowd);
	daemon_fixture_await_at_least(&daemon_, "bytes_in", 512 * MIB);

	start_ms = test_now_ms();
	assert_int_equal(kill(daemon_.pid, SIGTERM), 0);
	daemon_fixture_await_log(&daemon_, "info draining ", 1);

	/* the next tick is less than 100 ms away; the rest is for the noise */
	assert_in_range(test_now_ms() - start_ms, 0, 3000);
	assert_ended_well();
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(test_join(&takers[i]), 0);
}

static void interrupt_ends_it_as_well(void **state)
{
	(void)state;
	start(NULL, NULL);

	assert_int_equal(kill(daemon_.pid, SIGHUP), 0);
	assert_int_equal(kill(daemon_.pid, SIGPIPE), 0);
	assert_int_equal(kill(daemon_.pid, SIGINT), 0);

	assert_ended_well();
}

static void stall(struct consumer *consumer)
{
	consumer->stalled = true;
	crowd_send_from(&crowd, "ingest");
	crowd_send(&crowd, 4 * MIB);
	crowd_settle(&crowd);
	daemon_fixture_await(&daemon_, "bytes_in", 4 * MIB);
}

static void drain_timeout_resets_who_is_still_behind(void **state)
{
	struct consumer *stalled, *other;

	(void)state;
	start("--drain-timeout", "300ms");
	other = crowd_receive(&crowd);
	stalled = crowd_receive_small(&crowd);
	stall(stalled);

	assert_int_equal(kill(daemon_.pid, SIGTERM), 0);
	crowd_run_to_end(&crowd);
	assert_int_equal(other->error, 0);
	assert_int_equal(other->bytes, 4 * MIB);

	daemon_fixture_await_log(&daemon_, "reason=drain_timeout", 1);
	assert_ended_well();
	stalled->stalled = false;
	while (!stalled->ended)
		crowd_step(&crowd);
	assert_int_equal(stalled->error, -ECONNRESET);
}

static void second_signal_ends_it_at_once(void **state)
{
	struct consumer *stalled;

	(void)state;
	start("--drain-timeout", "10m");
	crowd_receive(&crowd);
	stalled = crowd_receive_small(&crowd);
	stall(stalled);

	assert_int_equal(kill(daemon_.pid, SIGTERM), 0);
	daemon_fixture_await_log(&daemon_, "info draining ", 1);
	assert_int_equal(kill(daemon_.pid, SIGTERM), 0);

	assert_ended_well();
}

static void draining_daemon_serves_who_is_merely_slow(void **state)
{
	struct consumer *slow;

	(void)state;
	start("--drain-timeout", "10m");
	crowd_receive(&crowd);
	slow = crowd_receive_small(&crowd);
	stall(slow);

	assert_int_equal(kill(daemon_.pid, SIGTERM), 0);
	daemon_fixture_await_log(&daemon_, "info draining ", 1);
	slow->stalled = false;
	crowd_run_to_end(&crowd);

	assert_int_equal(slow->error, 0);
	assert_int_equal(slow->bytes, 4 * MIB);
	assert_ended_well();
}

/* ---- Out of order ------------------------------------------------------ */

static void killed_daemon_leaves_readers_all_it_published(void **state)
{
	struct consumer *reader;
	uint64_t tail;

	(void)state;
	start(NULL, NULL);
	crowd_receive(&crowd);
	reader = crowd_read_local(&crowd);
	sender = crowd_spawn_sender(&crowd);
	crowd_run_until(&crowd, has_some, reader);

	assert_int_equal(kill(daemon_.pid, SIGKILL), 0);
	assert_int_equal(daemon_fixture_wait(&daemon_), 128 + SIGKILL);
	tail = daemon_fixture_counter(&daemon_, "bytes_in");
	crowd_run_to_end(&crowd);

	assert_int_equal(reader->error, BCAST_EABANDONED);
	/* counted when received, published a moment later */
	assert_in_range(tail - reader->position, 0, MIB);
	daemon_fixture_kill(&daemon_);
}

static void name_of_a_killed_daemon_is_taken_over(void **state)
{
	static const char *const options[] = {"--ring-size", "4M", "--listen",
					      "127.0.0.1:0", NULL};
	struct daemon_fixture next = {0};
	struct consumer *old_reader;

	(void)state;
	start(NULL, NULL);
	old_reader = crowd_read_local(&crowd);
	crowd_send_from(&crowd, "ingest");
	crowd_send(&crowd, MIB);
	crowd_settle(&crowd);
	memcpy(next.name, daemon_.name, sizeof(next.name));
	assert_int_equal(kill(daemon_.pid, SIGKILL), 0);
	assert_int_equal(daemon_fixture_wait(&daemon_), 128 + SIGKILL);
	daemon_fixture_forget(&daemon_);

	daemon_ = next;
	daemon_fixture_start(&daemon_, options);
	crowd_end_sender(&crowd);
	crowd_run_to_end(&crowd);
	assert_true(old_reader->error == BCAST_ECLOSED ||
		    old_reader->error == BCAST_EABANDONED);
	assert_int_equal(
		daemon_fixture_logged(&daemon_, "warn segment_replaced"), 1);

	crowd_open(&crowd, &daemon_);
	crowd_read_local(&crowd);
	crowd_send_from(&crowd, "any");
	crowd_receive(&crowd);
	crowd_send(&crowd, MIB);
	crowd_settle(&crowd);
	daemon_fixture_stop(&daemon_);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, prepare, close_all)
	const struct CMUnitTest tests[] = {
		TEST(end_under_load_gives_everybody_the_same_prefix),
		TEST(busy_loop_hears_the_signal),
		TEST(interrupt_ends_it_as_well),
		TEST(drain_timeout_resets_who_is_still_behind),
		TEST(second_signal_ends_it_at_once),
		TEST(draining_daemon_serves_who_is_merely_slow),
		TEST(killed_daemon_leaves_readers_all_it_published),
		TEST(name_of_a_killed_daemon_is_taken_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
