/* SPDX-License-Identifier: MIT */
/*
 * Receivers come and go as they like, send what they should not, and are more
 * than may be. Nobody else notices, and nothing of them stays behind.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crowd_stage.h"

#define MIB (1u << 20)

static void start(const char *option, const char *value)
{
	const char *options[] = {"--ring-size", "4M",	    "--ingest",
				 "127.0.0.1:0", "--egress", "127.0.0.1:0",
				 option,	value,	    NULL};

	daemon_fixture_start(&daemon_, options);
	crowd_open(&crowd, &daemon_);
}

/* Or fewer: the start, when they were counted, may just have read a file. */
static bool descriptors_are_back(void *argument)
{
	return daemon_fixture_descriptors(&daemon_) <= *(unsigned *)argument;
}

static void assert_descriptors_are_back(unsigned before)
{
	if (!test_within(DEADLINE_MS, descriptors_are_back, &before))
		fail_msg("%u descriptors, %u before",
			 daemon_fixture_descriptors(&daemon_), before);
}

/* ---- Going ------------------------------------------------------------- */

static void vanishing_receivers_cost_the_others_nothing(void **state)
{
	unsigned before;

	(void)state;
	start("--slow-policy", "block");
	before = daemon_fixture_descriptors(&daemon_);
	crowd_send_from(&crowd, "ingest");
	for (unsigned i = 0; i < 4; i++)
		crowd_receive(&crowd);

	for (unsigned i = 0; i < 30; i++) {
		struct consumer *closes = crowd_receive(&crowd);
		struct consumer *resets = crowd_receive(&crowd);

		crowd_send(&crowd, MIB);
		for (unsigned step = 0; step < 3; step++)
			crowd_step(&crowd);
		crowd_leave(closes);
		crowd_leave_by_reset(resets);
	}
	crowd_settle(&crowd);

	daemon_fixture_await(&daemon_, "receivers", 4);
	daemon_fixture_await(&daemon_, "receivers_left", 60);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(crowd.consumers[i].bytes, 30 * MIB);
	assert_descriptors_are_back(before + 5);
	daemon_fixture_stop(&daemon_);
}

static void killed_receivers_cost_the_others_nothing(void **state)
{
	struct test_child takers[8];
	unsigned before;

	(void)state;
	start("--slow-policy", "block");
	before = daemon_fixture_descriptors(&daemon_);
	crowd_receive(&crowd);
	crowd_send_from(&crowd, "ingest");
	for (unsigned i = 0; i < 8; i++)
		takers[i] = crowd_spawn_receiver(&crowd, true);
	daemon_fixture_await(&daemon_, "receivers", 9);

	crowd_send(&crowd, 32 * MIB);
	for (unsigned i = 0; i < 8; i++) {
		crowd_step(&crowd);
		test_kill(&takers[i]);
	}
	crowd_settle(&crowd);

	daemon_fixture_await(&daemon_, "receivers", 1);
	assert_descriptors_are_back(before + 2);
	daemon_fixture_stop(&daemon_);
}

static void hundreds_join_and_leave(void **state)
{
	unsigned before;

	(void)state;
	start("--max-receivers", "400");
	before = daemon_fixture_descriptors(&daemon_);
	crowd_send_from(&crowd, "ingest");

	for (unsigned i = 0; i < 300; i++)
		crowd_receive(&crowd);
	crowd_send(&crowd, MIB);
	crowd_settle(&crowd);
	for (unsigned i = 0; i < 300; i++) {
		if (i % 2 == 0)
			crowd_leave(&crowd.consumers[i]);
		else
			crowd_leave_by_reset(&crowd.consumers[i]);
	}

	daemon_fixture_await(&daemon_, "receivers", 0);
	daemon_fixture_await(&daemon_, "receivers_left", 300);
	assert_descriptors_are_back(before + 1);
	daemon_fixture_stop(&daemon_);
}

static void close_is_noticed_while_nothing_flows(void **state)
{
	struct consumer *closes, *resets, *half_closes, *half_resets;
	unsigned before;

	(void)state;
	start(NULL, NULL);
	before = daemon_fixture_descriptors(&daemon_);
	closes = crowd_receive(&crowd);
	resets = crowd_receive(&crowd);
	half_closes = crowd_receive(&crowd);
	half_resets = crowd_receive(&crowd);
	assert_int_equal(shutdown(half_closes->fd, SHUT_WR), 0);
	assert_int_equal(shutdown(half_resets->fd, SHUT_WR), 0);

	crowd_leave(closes);
	crowd_leave_by_reset(resets);
	daemon_fixture_await(&daemon_, "receivers", 2);
	crowd_leave(half_closes);
	crowd_leave_by_reset(half_resets);

	daemon_fixture_await(&daemon_, "receivers", 0);
	assert_descriptors_are_back(before);
	daemon_fixture_stop(&daemon_);
}

/* ---- Bytes from a receiver --------------------------------------------- */

static void what_receivers_send_is_discarded_and_counted(void **state)
{
	static unsigned char garbage[100000];
	struct consumer *talker;
	uint64_t spoken = 0;

	(void)state;
	start(NULL, NULL);
	talker = crowd_receive(&crowd);
	crowd_receive(&crowd);
	crowd_send_from(&crowd, "ingest");

	for (unsigned i = 0; i < 200; i++) {
		ssize_t n = send(talker->fd, garbage, sizeof(garbage),
				 MSG_DONTWAIT);

		if (n > 0)
			spoken += (uint64_t)n;
		crowd_send(&crowd, 100000);
		crowd_step(&crowd);
	}
	crowd_settle(&crowd);

	daemon_fixture_await(&daemon_, "discarded_bytes", spoken);
	assert_true(spoken > 0);
	assert_int_equal(daemon_fixture_counter(&daemon_, "bytes_in"),
			 crowd.sent);
	daemon_fixture_stop(&daemon_);
}

/* It ends by the orderly end, not by a reset, though it was not read out. */
static void talking_receiver_gets_all_at_the_end(void **state)
{
	struct consumer *talker;

	(void)state;
	start(NULL, NULL);
	talker = crowd_receive(&crowd);
	crowd_send_from(&crowd, "ingest");
	crowd_send(&crowd, MIB);
	crowd_settle(&crowd);

	assert_int_equal(send(talker->fd, "hello", 5, 0), 5);
	assert_int_equal(kill(daemon_.pid, SIGTERM), 0);
	crowd_run_to_end(&crowd);

	assert_int_equal(talker->error, 0);
	assert_int_equal(talker->bytes, MIB);
	assert_int_equal(daemon_fixture_wait(&daemon_), 0);
	daemon_fixture_assert_clean(&daemon_);
	daemon_fixture_forget(&daemon_);
}

/* ---- Limits ------------------------------------------------------------ */

static void no_more_than_max_receivers_are_served(void **state)
{
	uint16_t port;
	char byte;
	int fd;

	(void)state;
	start("--max-receivers", "3");
	port = daemon_fixture_port(&daemon_, "egress");
	crowd_send_from(&crowd, "ingest");
	daemon_fixture_await(&daemon_, "senders", 1);
	for (unsigned i = 0; i < 3; i++) {
		crowd_receive(&crowd);
		assert_int_equal(
			daemon_fixture_counter(&daemon_, "receivers_refused"),
			0);
	}

	fd = crowd_connect(port, 0);
	assert_true(read(fd, &byte, 1) <= 0);
	(void)close(fd);
	daemon_fixture_await(&daemon_, "receivers_refused", 1);
	daemon_fixture_await_log(&daemon_, "warn receiver_refused peer=", 1);
	daemon_fixture_await_log(&daemon_, " reason=max_receivers\n", 1);

	crowd_leave(&crowd.consumers[0]);
	daemon_fixture_await(&daemon_, "receivers", 2);
	crowd_receive(&crowd);
	crowd_send(&crowd, MIB);
	crowd_settle(&crowd);
	daemon_fixture_stop(&daemon_);
}

static void few_descriptors(void *argument)
{
	const struct rlimit limit = {.rlim_cur = 32, .rlim_max = 32};

	(void)argument;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void out_of_descriptors_it_serves_on_and_recovers(void **state)
{
	int extra[40];
	uint16_t port;
	uint64_t joined;

	(void)state;
	daemon_.in_child = few_descriptors;
	start(NULL, NULL);
	assert_int_equal(daemon_fixture_logged(&daemon_, "few_descriptors"), 1);
	port = daemon_fixture_port(&daemon_, "egress");
	crowd_send_from(&crowd, "ingest");
	crowd_receive(&crowd);

	for (unsigned i = 0; i < 40; i++)
		extra[i] = crowd_connect(port, 0);
	daemon_fixture_await_at_least(&daemon_, "accept_errors", 3);
	crowd_send(&crowd, MIB);
	crowd_settle(&crowd);

	joined = daemon_fixture_counter(&daemon_, "receivers_joined");
	assert_in_range(joined, 2, 32);
	for (unsigned i = 0; i < 40; i++)
		(void)close(extra[i]);
	/* those that waited outside come in, are found gone, and leave */
	daemon_fixture_await(&daemon_, "receivers_joined", 41);
	daemon_fixture_await(&daemon_, "receivers", 1);
	crowd_receive(&crowd);
	crowd_send(&crowd, MIB);
	crowd_settle(&crowd);
	assert_int_equal(daemon_fixture_logged(&daemon_, "accept_failed"), 1);
	daemon_fixture_stop(&daemon_);
}

static void private_memory_is_under_16_mib(void **state)
{
	static const char *const options[] = {
		"--ring-size", "64M",	      "--ingest", "127.0.0.1:0",
		"--egress",    "127.0.0.1:0", NULL};

	(void)state;
	if (TEST_SANITIZED)
		skip();
	daemon_fixture_start(&daemon_, options);
	for (unsigned i = 0; i < 16; i++)
		crowd_receive(&crowd);
	crowd_send_from(&crowd, "ingest");
	crowd_send(&crowd, 64 * MIB);
	crowd_settle(&crowd);

	print_message(
		"private memory: %llu KiB\n",
		(unsigned long long)daemon_fixture_private_bytes(&daemon_) /
			1024);
	assert_in_range(daemon_fixture_private_bytes(&daemon_), 1, 16 * MIB);
	daemon_fixture_stop(&daemon_);
}

int main(void)
{
#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, crowd_stage_open, crowd_stage_close)
	const struct CMUnitTest tests[] = {
		TEST(vanishing_receivers_cost_the_others_nothing),
		TEST(killed_receivers_cost_the_others_nothing),
		TEST(hundreds_join_and_leave),
		TEST(close_is_noticed_while_nothing_flows),
		TEST(what_receivers_send_is_discarded_and_counted),
		TEST(talking_receiver_gets_all_at_the_end),
		TEST(no_more_than_max_receivers_are_served),
		TEST(out_of_descriptors_it_serves_on_and_recovers),
		TEST(private_memory_is_under_16_mib),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
