/* SPDX-License-Identifier: MIT */
/*
 * No receiver ever sees a byte that was overwritten before it was sent.
 *
 * A small ring, a sender that is faster than everybody, and receivers with
 * small buffers that stall at random, go on, leave and come; zero copy forced.
 * What a stalled receiver's kernel has not taken waits in the daemon's send
 * queue, in the ring's own pages and nowhere else (also on loopback, where the
 * copy is made on arrival). Overwritten too early it would arrive as bytes of
 * a later position, and every byte is checked by position.
 *
 * That the test finds this was tried: with bc_conn_floor() giving the cursor,
 * it fails in each policy within the first megabytes.
 *
 * BCAST_STRESS_MIB in the environment is the length of each stream (default
 * 16); BCAST_SEED repeats a run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "crowd.h"

#define KIB	    (UINT64_C(1) << 10)
#define MIB	    (UINT64_C(1) << 20)
#define RECEIVERS   8u
#define STEADY	    2u /* of these, who never stall */
#define DEFAULT_MIB 16u
#define PORTION	    (64 * KIB)

static struct daemon_fixture daemon_;
static struct crowd crowd;
static struct consumer *receivers[RECEIVERS];
static unsigned int random_state;
static unsigned comings, stalls;
static bool skips;

static int prepare(void **state)
{
	(void)state;
	daemon_ = (struct daemon_fixture){0};
	crowd_open(&crowd, &daemon_);
	comings = stalls = 0;
	return 0;
}

static int close_all(void **state)
{
	crowd_close(&crowd);
	return daemon_fixture_cleanup(state);
}

static void start(const char *policy, const char *ring_size,
		  const char *threads)
{
	const char *options[] = {
		"--ring-size", ring_size,     "--ingest",	  "127.0.0.1:0",
		"--egress",    "127.0.0.1:0", "--rcvbuf",	  "256K",
		"--sndbuf",    "256K",	      "--slow-policy",	  policy,
		"--zerocopy",  "on",	      "--egress-threads", threads,
		NULL};
	const char *seed = getenv("BCAST_SEED");

	random_state = seed ? (unsigned)atoi(seed) : (unsigned)getpid();
	print_message("BCAST_SEED=%u\n", random_state);
	daemon_fixture_start(&daemon_, options);
	crowd_open(&crowd, &daemon_);
	skips = strcmp(policy, "skip") == 0;
	crowd_send_from(&crowd, "ingest");
}

static bool one_in(int n)
{
	return rand_r(&random_state) % n == 0;
}

/* A new one in the place of one that has gone. */
static void come(unsigned i)
{
	if (crowd.count == CROWD_MAX)
		return;
	receivers[i] = crowd_receive_small(&crowd);
	receivers[i]->may_jump = skips;
	comings++;
}

static void change_one(unsigned i)
{
	struct consumer *receiver = receivers[i];

	if (receiver->ended) {
		come(i);
	} else if (i < STEADY) {
		return;
	} else if (receiver->stalled) {
		receiver->stalled = !one_in(4);
	} else if (one_in(8)) {
		receiver->stalled = true;
		stalls++;
	} else if (one_in(100)) {
		crowd_leave_by_reset(receiver);
	} else if (one_in(100)) {
		crowd_leave(receiver);
	} else {
		receiver->sip =
			one_in(2) ? 1 + (size_t)rand_r(&random_state) % 20000
				  : 0;
	}
}

static uint64_t length(void)
{
	const char *mib = getenv("BCAST_STRESS_MIB");

	return (mib ? strtoull(mib, NULL, 10) : DEFAULT_MIB) * MIB;
}

/* One that came at the very end has got nothing, so it knows no place. */
static bool is_everywhere(void *argument)
{
	(void)argument;
	for (unsigned i = 0; i < RECEIVERS; i++)
		if (!receivers[i]->ended && receivers[i]->located &&
		    receivers[i]->position < crowd.sent)
			return false;
	return crowd.sent == crowd.goal;
}

static bool nothing_is_held(void *argument)
{
	struct bcast_monitor *monitor;
	struct bcast_peer_info peer;
	uint32_t next = 0;
	bool none = true;

	(void)argument;
	assert_int_equal(bcast_monitor_open(daemon_.name, &monitor), 0);
	while (bcast_monitor_peer(monitor, &next, &peer) == 1)
		if (peer.role == BCAST_ROLE_RECEIVER &&
		    (peer.held > 0 || peer.lag > 0))
			none = false;
	bcast_monitor_close(monitor);
	return none;
}

static void run(void)
{
	uint64_t deadline_ms = test_now_ms() + 200000;

	for (unsigned i = 0; i < RECEIVERS; i++)
		come(i);
	while (crowd.sent < length() && test_now_ms() < deadline_ms) {
		if (crowd.goal - crowd.sent < 4 * PORTION)
			crowd_send(&crowd, PORTION);
		for (unsigned i = 0; i < 3; i++)
			crowd_step(&crowd);
		change_one((unsigned)rand_r(&random_state) % RECEIVERS);
	}
	assert_true(crowd.sent >= length());
	for (unsigned i = 0; i < RECEIVERS; i++) {
		receivers[i]->stalled = false;
		receivers[i]->sip = 0;
	}
	crowd_run_until(&crowd, nothing_is_held, NULL);
	crowd_run_until(&crowd, is_everywhere, NULL);
}

static void report(const char *policy)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < crowd.count; i++)
		bytes += crowd.consumers[i].bytes;
	print_message(
		"%s: %llu MiB in, %llu MiB checked, %u stalls, %u receivers, "
		"%llu dropped, %llu skips; zero copy: %llu of %llu sends\n",
		policy, (unsigned long long)(crowd.sent / MIB),
		(unsigned long long)(bytes / MIB), stalls, comings,
		(unsigned long long)daemon_fixture_counter(&daemon_,
							   "receivers_dropped"),
		(unsigned long long)daemon_fixture_counter(&daemon_,
							   "receivers_skips"),
		(unsigned long long)daemon_fixture_counter(&daemon_,
							   "zerocopy_sends"),
		(unsigned long long)daemon_fixture_counter(&daemon_, "sends"));
	assert_true(stalls > 0);
	assert_true(daemon_fixture_counter(&daemon_, "zerocopy_sends") > 100);
}

static void with_policy_block_no_byte_is_overwritten_early(void **state)
{
	(void)state;
	start("block", "256K", "0");
	run();
	report("block");
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers_dropped"),
			 0);
	daemon_fixture_stop(&daemon_);
}

static void with_policy_disconnect_no_byte_is_overwritten_early(void **state)
{
	(void)state;
	start("disconnect", "256K", "0");
	run();
	report("disconnect");
	daemon_fixture_stop(&daemon_);
}

/*
 * Overwritten bytes would look like a jump here, to bytes that then come once
 * more in their place: crowd.c takes no jump back.
 */
static void with_policy_skip_no_byte_is_overwritten_early(void **state)
{
	(void)state;
	start("skip", "1M", "0");
	run();
	report("skip");
	daemon_fixture_stop(&daemon_);
}

static void by_egress_threads_no_byte_is_overwritten_early(void **state)
{
	(void)state;
	start("block", "256K", "2");
	run();
	report("block, 2 egress threads");
	daemon_fixture_stop(&daemon_);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, prepare, close_all)
	const struct CMUnitTest tests[] = {
		TEST(with_policy_block_no_byte_is_overwritten_early),
		TEST(with_policy_disconnect_no_byte_is_overwritten_early),
		TEST(with_policy_skip_no_byte_is_overwritten_early),
		TEST(by_egress_threads_no_byte_is_overwritten_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
