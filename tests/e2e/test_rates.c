/* SPDX-License-Identifier: MIT */
/*
 * Rate limits of senders and receivers: the rate is held, every byte arrives,
 * and nobody else is the slower for it. Rates are measured by what has come in
 * a time, with room for a machine that is busy with other things.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crowd_stage.h"

#define MIB (1u << 20)
#define KIB 1024u

/* What stands behind the address of senders, and two of receivers. */
static void start(const char *const more[], const char *sender,
		  const char *first, const char *second)
{
	char addresses[3][96];
	const char *options[DAEMON_FIXTURE_OPTIONS] = {
		"--ingest", addresses[0], "--egress", addresses[1],
		"--egress", addresses[2], "--sndbuf", "256K",
		"--rcvbuf", "256K"};
	unsigned count = 10;

	while (*more)
		options[count++] = *more++;
	snprintf(addresses[0], sizeof(addresses[0]), "127.0.0.1:0%s", sender);
	snprintf(addresses[1], sizeof(addresses[1]), "127.0.0.1:0%s", first);
	snprintf(addresses[2], sizeof(addresses[2]), "127.0.0.1:0%s", second);
	daemon_fixture_start(&daemon_, options);
	crowd_open(&crowd, &daemon_);
	crowd_send_from(&crowd, "ingest");
}

static const char *const ring_16m[] = {"--ring-size", "16M", NULL};
static const char *const ring_64m[] = {"--ring-size", "64M", NULL};

static struct consumer *receive(unsigned address)
{
	uint64_t before = daemon_fixture_counter(&daemon_, "receivers_joined");
	uint16_t port = daemon_fixture_port_of(&daemon_, "egress", address);
	struct consumer *consumer = crowd_adopt(&crowd, crowd_connect(port, 0));

	daemon_fixture_await(&daemon_, "receivers_joined", before + 1);
	return consumer;
}

static uint64_t counter(const char *name)
{
	return daemon_fixture_counter(&daemon_, name);
}

/* So many bytes in this time are the rate, more or less. */
static void assert_rate(uint64_t bytes, uint64_t ms, uint64_t rate)
{
	uint64_t measured = bytes * 1000 / (ms > 0 ? ms : 1);

	if (measured < rate / 2 || measured > rate / 10 * 11)
		fail_msg("%llu bytes in %llu ms are not %llu a second",
			 (unsigned long long)bytes, (unsigned long long)ms,
			 (unsigned long long)rate);
}

static bool has_all(void *argument)
{
	const struct consumer *consumer = argument;

	return crowd.sent == crowd.goal && consumer->bytes == crowd.goal;
}

/* ---- Senders ----------------------------------------------------------- */

static void sender_is_read_at_its_rate_and_loses_nothing(void **state)
{
	struct consumer *remote, *local;
	uint64_t began_ms;

	(void)state;
	start(ring_16m, ",ingest-rate=4M", "", "");
	remote = receive(0);
	local = crowd_read_local(&crowd);

	began_ms = test_now_ms();
	crowd_send(&crowd, 10 * MIB);
	crowd_settle(&crowd);

	assert_rate(10 * MIB, test_now_ms() - began_ms, 4 * MIB);
	assert_int_equal(remote->bytes, 10 * MIB);
	assert_int_equal(local->bytes, 10 * MIB);
	assert_true(counter("ingest_rate_waits") > 0);
	assert_int_equal(counter("egress_rate_waits"), 0);
	assert_int_equal(counter("sender_pauses"), 0);
	daemon_fixture_stop(&daemon_);
}

static bool half_is_there(void *argument)
{
	(void)argument;
	return counter("bytes_in") >= 4 * MIB;
}

/* At the addresses where somebody comes in who has them. */
static void limits_are_told_where_they_hold(void **state)
{
	static const char *const options[] = {
		"--ring-size", "16M", "--ingest-rate", "3M", "--egress-rate",
		"1K",	       NULL};

	(void)state;
	start(options, "", "", ",egress-rate=0,slow-policy=skip");

	assert_int_equal(
		daemon_fixture_logged(&daemon_,
				      " role=ingest ingest_rate=3145728\n"),
		1);
	assert_int_equal(daemon_fixture_logged(
				 &daemon_, " role=egress egress_rate=1024\n"),
			 1);
	daemon_fixture_await_log(&daemon_, " send_timeout_ms=0\n", 1);
	daemon_fixture_stop(&daemon_);
}

/* What it may not put in stays in its own kernel, and in its hands. */
static void sender_is_held_up_by_tcp(void **state)
{
	uint64_t ahead;

	(void)state;
	start(ring_16m, ",ingest-rate=4M", "", "");

	crowd_send(&crowd, 64 * MIB);
	crowd_run_until(&crowd, half_is_there, NULL);

	ahead = crowd.sent - counter("bytes_in");
	assert_true(ahead < 24 * MIB);
	crowd_reset_sender(&crowd);
	daemon_fixture_await(&daemon_, "senders", 0);
	daemon_fixture_stop(&daemon_);
}

static void who_comes_next_has_a_rate_of_its_own(void **state)
{
	struct consumer *remote;

	(void)state;
	start(ring_16m, ",ingest-rate=1M", "", "");
	remote = receive(0);
	crowd_send(&crowd, 300 * KIB);
	crowd_settle(&crowd);
	crowd_end_sender(&crowd);
	crowd_send_from(&crowd, "ingest");

	crowd_send(&crowd, 300 * KIB);
	crowd_settle(&crowd);

	assert_int_equal(remote->bytes, 600 * KIB);
	daemon_fixture_stop(&daemon_);
}

/* ---- Receivers --------------------------------------------------------- */

static void one_is_limited_and_the_others_are_not(const char *const options[])
{
	struct consumer *limited, *others[2];
	uint64_t began_ms, others_ms, all_ms;

	start(options, "", "", ",egress-rate=8M");
	others[0] = receive(0);
	limited = receive(1);
	others[1] = crowd_read_local(&crowd);

	began_ms = test_now_ms();
	crowd_send(&crowd, 24 * MIB);
	crowd_run_until(&crowd, has_all, others[0]);
	crowd_run_until(&crowd, has_all, others[1]);
	others_ms = test_now_ms() - began_ms;
	crowd_settle(&crowd);
	all_ms = test_now_ms() - began_ms;

	assert_rate(24 * MIB, all_ms, 8 * MIB);
	assert_true(others_ms < all_ms / 2);
	assert_int_equal(limited->bytes, 24 * MIB);
	assert_true(counter("egress_rate_waits") > 0);
	assert_int_equal(counter("ingest_rate_waits"), 0);
	assert_int_equal(counter("receivers_dropped"), 0);
	daemon_fixture_stop(&daemon_);
}

static void limited_receiver_has_its_rate_and_others_all(void **state)
{
	(void)state;
	one_is_limited_and_the_others_are_not(ring_64m);
}

static void limited_receiver_without_copies_likewise(void **state)
{
	static const char *const options[] = {"--ring-size", "64M",
					      "--zerocopy", "on", NULL};
	const char *with = getenv("BCAST_TEST_OPTIONS");

	(void)state;
	if (with && strstr(with, "epoll"))
		skip();
	one_is_limited_and_the_others_are_not(options);
}

/*
 * As with any that are slow: they set the pace together, and none is dropped.
 */
static void all_limited_receivers_pace_the_sender(void **state)
{
	static const char *const options[] = {"--ring-size", "8M",
					      "--egress-rate", "4M", NULL};
	struct consumer *all[2];
	uint64_t began_ms;

	(void)state;
	start(options, "", "", "");
	all[0] = receive(0);
	all[1] = receive(1);

	began_ms = test_now_ms();
	crowd_send(&crowd, 16 * MIB);
	crowd_settle(&crowd);

	assert_rate(16 * MIB, test_now_ms() - began_ms, 4 * MIB);
	assert_int_equal(all[0]->bytes, 16 * MIB);
	assert_int_equal(all[1]->bytes, 16 * MIB);
	assert_int_equal(counter("receivers_dropped"), 0);
	assert_true(counter("sender_pauses") > 0);
	daemon_fixture_stop(&daemon_);
}

static void limited_receiver_with_block_limits_the_sender(void **state)
{
	struct consumer *limited, *other;
	uint64_t began_ms;

	(void)state;
	start(ring_16m, "", "", ",egress-rate=8M,slow-policy=block,max-lag=4M");
	other = receive(0);
	limited = receive(1);

	began_ms = test_now_ms();
	crowd_send(&crowd, 24 * MIB);
	crowd_settle(&crowd);

	assert_rate(24 * MIB, test_now_ms() - began_ms, 8 * MIB);
	assert_int_equal(limited->bytes, 24 * MIB);
	assert_int_equal(other->bytes, 24 * MIB);
	daemon_fixture_stop(&daemon_);
}

static bool has_ended(void *argument)
{
	return ((const struct consumer *)argument)->ended;
}

static void limited_receiver_that_lags_too_far_is_slow(void **state)
{
	struct consumer *limited, *other;

	(void)state;
	start(ring_16m, "", "", ",egress-rate=1M");
	other = receive(0);
	limited = receive(1);

	crowd_send(&crowd, 48 * MIB);
	crowd_run_until(&crowd, has_all, other);
	crowd_run_until(&crowd, has_ended, limited);

	assert_int_equal(counter("receivers_dropped"), 1);
	daemon_fixture_await_log(&daemon_, " reason=slow\n", 1);
	assert_int_equal(limited->error, -ECONNRESET);
	daemon_fixture_stop(&daemon_);
}

static bool has_what_it_gets(void *argument)
{
	return ((const struct consumer *)argument)->bytes +
		       counter("skipped_bytes") ==
	       crowd.sent;
}

static void limited_receiver_that_skips_goes_on_at_its_rate(void **state)
{
	struct consumer *limited, *other;

	(void)state;
	start(ring_16m, "", "", ",egress-rate=8M,slow-policy=skip");
	other = receive(0);
	limited = receive(1);
	limited->may_jump = true;

	crowd_send(&crowd, 64 * MIB);
	crowd_run_until(&crowd, has_all, other);
	crowd_run_until(&crowd, has_what_it_gets, limited);
	crowd_send(&crowd, 1000);
	crowd_settle(&crowd);

	assert_true(counter("receivers_skips") > 0);
	assert_int_equal(limited->skipped, counter("skipped_bytes"));
	assert_int_equal(counter("receivers_dropped"), 0);
	daemon_fixture_stop(&daemon_);
}

/* Half a second goes by between two bytes: our doing, not its. */
static void time_held_back_is_not_time_it_took_nothing(void **state)
{
	struct consumer *limited;
	uint64_t began_ms;

	(void)state;
	start(ring_16m, "", ",egress-rate=2,send-timeout=100ms", "");
	limited = receive(0);

	began_ms = test_now_ms();
	crowd_send(&crowd, 6);
	crowd_run_until(&crowd, has_all, limited);

	assert_true(test_now_ms() - began_ms > 1000);
	assert_int_equal(counter("receivers_stalled"), 0);
	daemon_fixture_stop(&daemon_);
}

/* A wait is slept through: some turns a portion, and not millions. */
static void nobody_spins_for_a_rate(void **state)
{
	struct consumer *limited;
	uint64_t passes;

	(void)state;
	start(ring_16m, ",ingest-rate=1M", ",egress-rate=1M", "");
	limited = receive(0);
	passes = counter("loop_passes");

	crowd_send(&crowd, 2 * MIB);
	crowd_run_until(&crowd, has_all, limited);

	assert_true(counter("loop_passes") - passes < 20000);
	daemon_fixture_stop(&daemon_);
}

/* ---- SIGHUP ------------------------------------------------------------ */

static char path[64];

static void write_file(const char *sender, const char *receiver)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fprintf(file,
		"ring-size = 16M\nslow-policy = block\n"
		"ingest = 127.0.0.1:0%s\negress = 127.0.0.1:0%s\n",
		sender, receiver);
	assert_int_equal(fclose(file), 0);
}

static void reload(const char *sender, const char *receiver, unsigned times)
{
	write_file(sender, receiver);
	assert_int_equal(kill(daemon_.pid, SIGHUP), 0);
	daemon_fixture_await_log(&daemon_, "config_reloaded", times);
}

static bool a_part_is_there(void *argument)
{
	return ((const struct consumer *)argument)->bytes > 100 * KIB;
}

/* At the first rate it would all take a minute. */
static void a_limit_changes_for_who_is_there(void **state)
{
	const char *options[] = {"--config", path, NULL};
	struct consumer *remote;
	uint64_t began_ms;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/bcast-test-rates-%ld.conf",
		 (long)getpid());
	write_file(",ingest-rate=200K", "");
	daemon_fixture_launch(&daemon_, options);
	daemon_fixture_await_log(&daemon_, "info listening ", 2);
	crowd_open(&crowd, &daemon_);
	crowd_send_from(&crowd, "ingest");
	remote = crowd_receive(&crowd);
	crowd_send(&crowd, 12 * MIB);
	crowd_run_until(&crowd, a_part_is_there, remote);
	assert_true(remote->bytes < 12 * MIB);

	reload("", ",egress-rate=200K", 1);
	crowd_run_until(&crowd, half_is_there, NULL);
	assert_true(remote->bytes < 4 * MIB);
	reload("", ",egress-rate=4M", 2);
	began_ms = test_now_ms();
	crowd_settle(&crowd);
	assert_rate(12 * MIB, test_now_ms() - began_ms, 4 * MIB);
	reload("", "", 3);
	began_ms = test_now_ms();
	crowd_send(&crowd, 12 * MIB);
	crowd_settle(&crowd);

	assert_true(test_now_ms() - began_ms < 2500);
	assert_int_equal(remote->bytes, 24 * MIB);
	assert_int_equal(counter("receivers_dropped"), 0);
	daemon_fixture_stop(&daemon_);
}

static void none_is_no_limit(void **state)
{
	struct consumer *remote;

	(void)state;
	start(ring_16m, ",ingest-rate=0", ",egress-rate=0", "");
	remote = receive(0);

	crowd_send(&crowd, 32 * MIB);
	crowd_settle(&crowd);

	assert_int_equal(remote->bytes, 32 * MIB);
	assert_int_equal(counter("ingest_rate_waits"), 0);
	assert_int_equal(counter("egress_rate_waits"), 0);
	daemon_fixture_stop(&daemon_);
}

static int close_with_file(void **state)
{
	(void)unlink(path);
	return crowd_stage_close(state);
}

#define CROWD_TEST(f) \
	cmocka_unit_test_setup_teardown(f, crowd_stage_open, crowd_stage_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CROWD_TEST(sender_is_read_at_its_rate_and_loses_nothing),
		CROWD_TEST(limits_are_told_where_they_hold),
		CROWD_TEST(sender_is_held_up_by_tcp),
		CROWD_TEST(who_comes_next_has_a_rate_of_its_own),
		CROWD_TEST(limited_receiver_has_its_rate_and_others_all),
		CROWD_TEST(limited_receiver_without_copies_likewise),
		CROWD_TEST(all_limited_receivers_pace_the_sender),
		CROWD_TEST(limited_receiver_with_block_limits_the_sender),
		CROWD_TEST(limited_receiver_that_lags_too_far_is_slow),
		CROWD_TEST(limited_receiver_that_skips_goes_on_at_its_rate),
		CROWD_TEST(time_held_back_is_not_time_it_took_nothing),
		CROWD_TEST(nobody_spins_for_a_rate),
		cmocka_unit_test_setup_teardown(
			a_limit_changes_for_who_is_there, crowd_stage_open,
			close_with_file),
		CROWD_TEST(none_is_no_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
