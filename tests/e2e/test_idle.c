/* SPDX-License-Identifier: MIT */
/*
 * With nothing to do the daemon does nothing: ten turns of its loop a second
 * and next to no time on the CPU, whatever it is that keeps it from going on.
 */
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crowd_stage.h"

#define CALM_MS	    50
#define MIB	    (1u << 20)
#define PASSES	    15u
#define AT_LEAST_MS 1000u /* 15 turns at 10 a second, with room */
#define CPU_MS_MAX  60u	  /* of these 1.5 s; under sanitizers as well */

static void start(const char *policy)
{
	const char *options[] = {
		"--ring-size", "4M",	      "--ingest",      "127.0.0.1:0",
		"--egress",    "127.0.0.1:0", "--sndbuf",      "64K",
		"--rcvbuf",    "256K",	      "--slow-policy", policy,
		NULL};

	daemon_fixture_start(&daemon_, options);
}

/*
 * Its last turns have been idle ones: a spinning loop never gets there. Over a
 * while, since also one that spins may not be running just now.
 */
static bool is_calm(void *argument)
{
	uint64_t *last = argument;
	uint64_t before = daemon_fixture_counter(&daemon_, "loop_passes");

	(void)poll(NULL, 0, CALM_MS);
	*last = daemon_fixture_counter(&daemon_, "loop_passes");
	return *last <= before + 1;
}

static void assert_idle(void)
{
	uint64_t passes = 0, start_ms, cpu_ns;

	if (!test_within(DEADLINE_MS, is_calm, &passes))
		fail_msg("the daemon spins");
	start_ms = test_now_ms();
	cpu_ns = daemon_fixture_cpu_ns(&daemon_);

	daemon_fixture_await_at_least(&daemon_, "loop_passes", passes + PASSES);

	if (test_now_ms() - start_ms < AT_LEAST_MS)
		fail_msg("%u turns in %llu ms", PASSES,
			 (unsigned long long)(test_now_ms() - start_ms));
	cpu_ns = daemon_fixture_cpu_ns(&daemon_) - cpu_ns;
	if (cpu_ns / 1000000 > CPU_MS_MAX)
		fail_msg("%llu ms of CPU for %u turns",
			 (unsigned long long)cpu_ns / 1000000, PASSES);
}

static void alone_it_is_idle(void **state)
{
	(void)state;
	start("disconnect");

	assert_idle();

	daemon_fixture_stop(&daemon_);
}

static void caught_up_and_half_closed_receivers_leave_it_idle(void **state)
{
	struct consumer *half;

	(void)state;
	start("disconnect");
	crowd_receive(&crowd);
	half = crowd_receive(&crowd);
	crowd_send_from(&crowd, "ingest");
	crowd_send(&crowd, MIB);
	crowd_settle(&crowd);
	assert_int_equal(shutdown(half->fd, SHUT_WR), 0);

	assert_idle();

	daemon_fixture_stop(&daemon_);
}

static void paused_sender_leaves_it_idle(void **state)
{
	struct consumer *stalled;

	(void)state;
	start("block");
	stalled = crowd_receive_small(&crowd);
	stalled->stalled = true;
	crowd_send_from(&crowd, "ingest");
	crowd_send(&crowd, 16 * MIB);
	while (daemon_fixture_counter(&daemon_, "bytes_in") < 3 * MIB)
		crowd_step(&crowd);

	assert_idle();

	stalled->stalled = false;
	crowd_settle(&crowd);
	daemon_fixture_stop(&daemon_);
}

static void stalled_receiver_with_skip_leaves_it_idle(void **state)
{
	struct consumer *stalled;

	(void)state;
	start("skip");
	stalled = crowd_receive_small(&crowd);
	stalled->stalled = true;
	crowd_send_from(&crowd, "ingest");
	crowd_send(&crowd, 16 * MIB);
	crowd_settle(&crowd);
	daemon_fixture_await(&daemon_, "bytes_in", 16 * MIB);

	assert_idle();

	daemon_fixture_stop(&daemon_);
}

static void few_descriptors(void *argument)
{
	const struct rlimit limit = {.rlim_cur = 32, .rlim_max = 32};

	(void)argument;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void connections_that_cannot_be_accepted_leave_it_idle(void **state)
{
	int extra[40];
	uint16_t port;

	(void)state;
	daemon_.in_child = few_descriptors;
	start("disconnect");
	port = daemon_fixture_port(&daemon_, "egress");
	for (unsigned i = 0; i < 40; i++)
		extra[i] = crowd_connect(port, 0);
	daemon_fixture_await_at_least(&daemon_, "accept_errors", 1);

	/* each tick tries again, in a turn of its own */
	daemon_fixture_await_at_least(&daemon_, "accept_errors", 5);
	assert_true(daemon_fixture_cpu_ns(&daemon_) < 1000000000u);
	assert_true(daemon_fixture_logged(&daemon_, "accept_failed") <= 2);

	for (unsigned i = 0; i < 40; i++)
		(void)close(extra[i]);
	daemon_fixture_stop(&daemon_);
}

static void sender_waiting_in_line_leaves_it_idle(void **state)
{
	struct consumer *stalled;

	(void)state;
	start("block");
	stalled = crowd_receive_small(&crowd);
	stalled->stalled = true;
	crowd_send_from(&crowd, "ingest");
	crowd_send(&crowd, 5 * MIB);
	while (crowd.sent < crowd.goal)
		crowd_step(&crowd);
	crowd_end_sender(&crowd);
	crowd_send_from(&crowd, "ingest");
	daemon_fixture_await(&daemon_, "senders", 2);

	assert_idle();

	stalled->stalled = false;
	crowd_settle(&crowd);
	daemon_fixture_stop(&daemon_);
}

/* ---- --busy-poll ------------------------------------------------------- */

static void start_busy(const char *time)
{
	const char *options[] = {"--ring-size", "4M",	    "--ingest",
				 "127.0.0.1:0", "--egress", "127.0.0.1:0",
				 "--busy-poll", time,	    NULL};

	daemon_fixture_start(&daemon_, options);
}

static void busy_polling_ends_when_its_time_is_over(void **state)
{
	uint64_t passes;

	(void)state;
	start_busy("20ms");
	crowd_receive(&crowd);
	crowd_send_from(&crowd, "ingest");
	crowd_send(&crowd, MIB);
	passes = daemon_fixture_counter(&daemon_, "loop_passes");
	crowd_settle(&crowd);

	/* empty turns: far more than there were events */
	daemon_fixture_await_at_least(&daemon_, "loop_passes", passes + 1000);
	assert_idle();

	daemon_fixture_stop(&daemon_);
}

static void busy_polling_daemon_hears_signals(void **state)
{
	(void)state;
	start_busy("1s");
	crowd_receive(&crowd);
	crowd_send_from(&crowd, "ingest");
	crowd_send(&crowd, MIB);
	crowd_settle(&crowd);

	daemon_fixture_stop(&daemon_);
}

static void one_cpu(void *argument)
{
	cpu_set_t usable, first;

	(void)argument;
	CPU_ZERO(&first);
	(void)sched_getaffinity(0, sizeof(usable), &usable);
	for (int cpu = 0; CPU_COUNT(&first) == 0; cpu++)
		if (CPU_ISSET(cpu, &usable))
			CPU_SET(cpu, &first);
	(void)sched_setaffinity(0, sizeof(first), &first);
}

static void busy_polling_on_the_only_cpu_is_warned_of(void **state)
{
	(void)state;
	daemon_.in_child = one_cpu;
	start_busy("20ms");

	assert_int_equal(
		daemon_fixture_logged(&daemon_, "warn busy_poll_harmful "), 1);
	daemon_fixture_stop(&daemon_);
}

int main(void)
{
#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, crowd_stage_open, crowd_stage_close)
	const struct CMUnitTest tests[] = {
		TEST(alone_it_is_idle),
		TEST(caught_up_and_half_closed_receivers_leave_it_idle),
		TEST(paused_sender_leaves_it_idle),
		TEST(stalled_receiver_with_skip_leaves_it_idle),
		TEST(connections_that_cannot_be_accepted_leave_it_idle),
		TEST(sender_waiting_in_line_leaves_it_idle),
		TEST(busy_polling_ends_when_its_time_is_over),
		TEST(busy_polling_daemon_hears_signals),
		TEST(busy_polling_on_the_only_cpu_is_warned_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
