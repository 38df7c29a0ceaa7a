/* SPDX-License-Identifier: MIT */
/*
 * Receivers that take nothing, and peers that do not even answer. These are
 * made by a socket filter that drops all that comes in for them: their kernel
 * then never acknowledges a byte, as if the cable were cut.
 */
#include <errno.h>
#include <linux/filter.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "crowd_stage.h"

#define MIB (1u << 20)

static const char *threads = "0"; /* --egress-threads */

static void start(const char *ring_size, const char *at_ingest,
		  const char *at_egress)
{
	char ingest[96], egress[96];
	const char *options[] = {"--egress-threads",
				 threads,
				 "--ring-size",
				 ring_size,
				 "--sndbuf",
				 "256K",
				 "--rcvbuf",
				 "256K",
				 "--ingest",
				 ingest,
				 "--egress",
				 egress,
				 NULL};

	snprintf(ingest, sizeof(ingest), "127.0.0.1:0%s", at_ingest);
	snprintf(egress, sizeof(egress), "127.0.0.1:0%s", at_egress);
	daemon_fixture_start(&daemon_, options);
	crowd_open(&crowd, &daemon_);
	crowd_send_from(&crowd, "ingest");
}

static void drop_all_packets(int fd)
{
	struct sock_filter drop = {.code = BPF_RET | BPF_K, .k = 0};
	const struct sock_fprog program = {.len = 1, .filter = &drop};

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
				    sizeof(program)),
			 0);
}

static bool has_ended(void *argument)
{
	return ((const struct consumer *)argument)->ended;
}

struct awaited {
	const char *counter;
	uint64_t value;
};

/* While the crowd moves on, which a plain wait would not let it. */
static bool has_reached(void *argument)
{
	const struct awaited *wait = argument;

	return daemon_fixture_counter(&daemon_, wait->counter) >= wait->value;
}

static void run_until_counted(const char *counter, uint64_t value)
{
	struct awaited wait = {counter, value};

	crowd_run_until(&crowd, has_reached, &wait);
}

/* The newest entry of the memory of closed connections. */
static struct bcast_closed_info last_closed(void)
{
	struct bcast_closed_info info = {0};
	struct bcast_monitor *monitor;
	uint32_t next = 0;

	assert_int_equal(bcast_monitor_open(daemon_.name, &monitor), 0);
	assert_int_equal(bcast_monitor_closed(monitor, &next, &info), 1);
	bcast_monitor_close(monitor);
	return info;
}

/* ---- Stalled ----------------------------------------------------------- */

static void stalled_one_of_eight_delays_nobody(void **state)
{
	struct consumer *stalled;

	(void)state;
	start("64M", "", "");
	for (unsigned i = 0; i < 7; i++)
		crowd_receive(&crowd);
	stalled = crowd_receive_small(&crowd);
	stalled->stalled = true;

	crowd_send(&crowd, 40 * MIB);
	crowd_settle(&crowd);

	/* the others have all of it, and it is still there, and still stalls */
	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(crowd.consumers[i].bytes, 40 * MIB);
	assert_int_equal(stalled->bytes, 0);
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers"), 8);
	stalled->stalled = false;
	crowd_settle(&crowd);
	assert_int_equal(stalled->bytes, 40 * MIB);
	daemon_fixture_stop(&daemon_);
}

/* With policy block, it would hold up everybody for ever. */
static void who_takes_nothing_is_dropped_in_time(void **state)
{
	struct bcast_closed_info closed;
	struct consumer *stalled, *good;

	(void)state;
	start("4M", "", ",slow-policy=block,send-timeout=1s");
	good = crowd_receive(&crowd);
	stalled = crowd_receive_small(&crowd);
	stalled->stalled = true;

	crowd_send(&crowd, 24 * MIB);
	crowd_settle(&crowd);

	assert_int_equal(good->bytes, 24 * MIB);
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers_stalled"),
			 1);
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers_dropped"),
			 0);
	daemon_fixture_await_log(&daemon_, "warn receiver_dropped peer=", 1);
	daemon_fixture_await_log(&daemon_, " reason=send_timeout\n", 1);
	closed = last_closed();
	assert_int_equal(closed.reason, BCAST_CLOSE_SEND_TIMEOUT);
	assert_int_equal(closed.role, BCAST_ROLE_RECEIVER);
	assert_int_equal(closed.cursor, closed.bytes);
	/* held at the lag, and one more read at most */
	assert_in_range(closed.lag, 2 * MIB, 4 * MIB);
	/* by a reset: it does not take that for the stream's end */
	stalled->stalled = false;
	crowd_run_until(&crowd, has_ended, stalled);
	assert_int_equal(stalled->error, -ECONNRESET);
	daemon_fixture_stop(&daemon_);
}

static void stalled_skipper_is_dropped_in_time_too(void **state)
{
	struct consumer *stalled, *good;
	struct awaited wait = {"receivers_stalled", 1};

	(void)state;
	start("4M", "", ",slow-policy=skip,send-timeout=1s");
	good = crowd_receive(&crowd);
	stalled = crowd_receive_small(&crowd);
	stalled->stalled = true;

	/* it skips again and again, which is no progress */
	while (!has_reached(&wait)) {
		crowd_send(&crowd, MIB);
		crowd_settle(&crowd);
	}

	assert_true(daemon_fixture_counter(&daemon_, "receivers_skips") > 0);
	assert_int_equal(good->bytes, crowd.sent);
	daemon_fixture_stop(&daemon_);
}

static bool is_past(void *argument)
{
	return test_now_ms() >= *(uint64_t *)argument;
}

static void who_takes_a_little_or_is_owed_nothing_stays(void **state)
{
	struct consumer *slow;
	uint64_t end_ms;

	(void)state;
	start("4M", "", ",slow-policy=block,send-timeout=2s");
	crowd_receive(&crowd);
	slow = crowd_receive_small(&crowd);

	/* nothing is published: nothing is owed */
	end_ms = test_now_ms() + 2500;
	crowd_run_until(&crowd, is_past, &end_ms);
	/* a little at a time, for longer than the timeout */
	slow->sip = 1000;
	crowd_send(&crowd, 16 * MIB);
	end_ms = test_now_ms() + 2500;
	crowd_run_until(&crowd, is_past, &end_ms);
	slow->sip = 0;
	crowd_settle(&crowd);

	assert_int_equal(slow->bytes, 16 * MIB);
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers_stalled"),
			 0);
	daemon_fixture_stop(&daemon_);
}

/* ---- Half dead --------------------------------------------------------- */

static void half_dead_receiver_is_dropped_by_the_user_timeout(void **state)
{
	struct bcast_closed_info closed;
	struct consumer *dead, *good;

	(void)state;
	/* it would be waited for otherwise, and what it is owed is little */
	start("64M", "", ",slow-policy=block,user-timeout=1s");
	good = crowd_receive(&crowd);
	dead = crowd_receive(&crowd);
	drop_all_packets(dead->fd);
	dead->stalled = true;

	crowd_send(&crowd, 8 * MIB);
	crowd_settle(&crowd);

	assert_int_equal(good->bytes, 8 * MIB);
	run_until_counted("receivers_left", 1);
	closed = last_closed();
	assert_int_equal(closed.reason, BCAST_CLOSE_RESET);
	assert_int_equal(closed.error, -ETIMEDOUT);
	assert_int_equal(closed.lag, 8 * MIB - closed.bytes);
	daemon_fixture_await_log(
		&daemon_, " reason=broken error=\"Connection timed out\"", 1);
	daemon_fixture_stop(&daemon_);
}

static void half_dead_receiver_holds_a_blocking_sender_only_so_long(
	void **state)
{
	struct consumer *dead, *good;

	(void)state;
	start("4M", "", ",slow-policy=block,user-timeout=1s");
	good = crowd_receive(&crowd);
	dead = crowd_receive(&crowd);
	drop_all_packets(dead->fd);
	dead->stalled = true;

	crowd_send(&crowd, 24 * MIB);
	crowd_settle(&crowd);

	assert_int_equal(good->bytes, 24 * MIB);
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers"), 1);
	daemon_fixture_stop(&daemon_);
}

static void half_dead_receiver_is_dropped_by_the_send_timeout(void **state)
{
	struct consumer *dead, *good;

	(void)state;
	start("4M", "",
	      ",slow-policy=block,send-timeout=1s,keepalive=0,user-timeout=0");
	good = crowd_receive(&crowd);
	dead = crowd_receive(&crowd);
	drop_all_packets(dead->fd);
	dead->stalled = true;

	crowd_send(&crowd, 24 * MIB);
	crowd_settle(&crowd);

	assert_int_equal(good->bytes, 24 * MIB);
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers_stalled"),
			 1);
	assert_int_equal(last_closed().reason, BCAST_CLOSE_SEND_TIMEOUT);
	daemon_fixture_stop(&daemon_);
}

/* As after a power cut: no end, no reset, and nothing is sent to it either. */
static void vanished_receiver_is_found_by_keepalive(void **state)
{
	struct consumer *gone;

	(void)state;
	start("1M", "", ",keepalive=1s,user-timeout=0");
	crowd_receive(&crowd);
	gone = crowd_receive(&crowd);
	drop_all_packets(gone->fd);
	gone->stalled = true;

	daemon_fixture_await(&daemon_, "receivers", 1);

	assert_int_equal(last_closed().reason, BCAST_CLOSE_RESET);
	assert_int_equal(last_closed().error, -ETIMEDOUT);
	crowd_send(&crowd, MIB);
	crowd_settle(&crowd);
	daemon_fixture_stop(&daemon_);
}

static void vanished_sender_is_found_by_keepalive(void **state)
{
	int gone;

	(void)state;
	start("1M", ",keepalive=1s", "");
	crowd_receive(&crowd);
	crowd_send(&crowd, 1000);
	crowd_settle(&crowd);
	gone = crowd.sender;
	drop_all_packets(gone);
	crowd.sender = -1;

	daemon_fixture_await(&daemon_, "senders", 0);
	crowd_send_from(&crowd, "ingest");
	crowd_send(&crowd, 1000);
	crowd_settle(&crowd);

	assert_int_equal(crowd.consumers[0].bytes, 2000);
	(void)close(gone);
	daemon_fixture_stop(&daemon_);
}

int main(void)
{
#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, crowd_stage_open, crowd_stage_close)
	const struct CMUnitTest tests[] = {
		TEST(stalled_one_of_eight_delays_nobody),
		TEST(who_takes_nothing_is_dropped_in_time),
		TEST(stalled_skipper_is_dropped_in_time_too),
		TEST(who_takes_a_little_or_is_owed_nothing_stays),
		TEST(half_dead_receiver_is_dropped_by_the_user_timeout),
		TEST(half_dead_receiver_holds_a_blocking_sender_only_so_long),
		TEST(half_dead_receiver_is_dropped_by_the_send_timeout),
		TEST(vanished_receiver_is_found_by_keepalive),
		TEST(vanished_sender_is_found_by_keepalive),
	};

	const struct CMUnitTest with_threads[] = {
		TEST(stalled_one_of_eight_delays_nobody),
		TEST(who_takes_nothing_is_dropped_in_time),
		TEST(stalled_skipper_is_dropped_in_time_too),
		TEST(half_dead_receiver_holds_a_blocking_sender_only_so_long),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	threads = "2";
	return failed + cmocka_run_group_tests(with_threads, NULL, NULL);
}
