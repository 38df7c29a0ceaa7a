/* SPDX-License-Identifier: MIT */
/*
 * SIGHUP: what a daemon that runs takes from its file, what it keeps, and that
 * nobody is dropped for it who should not be. Every byte is compared.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "client.h"
#include "crowd_stage.h"

#define MIB (1u << 20)

static char path[64];
static unsigned reloads; /* asked for, of this daemon */

static void write_file(const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void hang_up(void)
{
	assert_int_equal(kill(daemon_.pid, SIGHUP), 0);
}

/* It has read the file, and says so. */
static void reload(const char *text)
{
	write_file(text);
	hang_up();
	daemon_fixture_await_log(&daemon_, "config_reloaded", ++reloads);
}

static void says(const char *text)
{
	if (daemon_fixture_logged(&daemon_, text) == 0)
		fail_msg("no '%s' in:\n%s", text, daemon_fixture_log(&daemon_));
}

static void start(const char *text)
{
	const char *const options[] = {
		"--config",	   path, "--sndbuf", "256K", "--rcvbuf", "256K",
		"--drain-timeout", "5s", NULL,
	};

	write_file(text);
	daemon_fixture_launch(&daemon_, options);
	daemon_fixture_await_log(&daemon_, "info listening ", 2);
	crowd_open(&crowd, &daemon_);
}

static const char *fact(const char *key)
{
	static struct bcast_fact fact;
	struct bcast_monitor *monitor;
	uint32_t next = 0;
	bool found = false;

	assert_int_equal(bcast_monitor_open(daemon_.name, &monitor), 0);
	while (!found && bcast_monitor_fact(monitor, &next, &fact) == 1)
		found = strcmp(fact.key, key) == 0;
	bcast_monitor_close(monitor);
	return found ? fact.value : "";
}

/* ---- What is said ------------------------------------------------------ */

#define BASE                     \
	"ring-size = 16M\n"      \
	"ingest = 127.0.0.1:0\n" \
	"egress = 127.0.0.1:0\n"

static void what_can_change_does(void **state)
{
	(void)state;
	start(BASE);
	reload(BASE "slow-policy = block\nmax-lag = 50%\nlog-rate = 7\n"
		    "max-receivers = 3\nkeepalive = 0\n");

	says("info config_changed option=slow-policy from=disconnect to=block");
	says("info config_changed option=max-lag from=75% to=50%");
	says("info config_changed option=log-rate from=100 to=7");
	says("info config_changed option=max-receivers from=1024 to=3");
	says("info config_changed option=keepalive from=30s to=0");
	says("info config_reloaded changed=5 kept=0\n");
	assert_string_equal(fact("slow_policy"), "block");
	assert_string_equal(fact("max_lag_bytes"), "8388608");
	reload(BASE "slow-policy = block\nmax-lag = 50%\nlog-rate = 7\n"
		    "max-receivers = 3\nkeepalive = 0\n");
	says("info config_reloaded changed=0 kept=0\n");
	daemon_fixture_stop(&daemon_);
}

static void what_cannot_change_is_kept(void **state)
{
	(void)state;
	start(BASE);
	for (unsigned i = 1; i <= 2; i++) {
		reload("ring-size = 32M\ningest = 127.0.0.1:0\n"
		       "echo = 127.0.0.1:0\nmax-receivers = 2000\n"
		       "drain-timeout = 1s\n");

		assert_int_equal(
			daemon_fixture_logged(
				&daemon_,
				"warn config_kept option=ring-size running=16M "
				"wanted=32M fix=restart\n"),
			i);
		assert_int_equal(
			daemon_fixture_logged(
				&daemon_,
				"warn config_kept option=egress "
				"running=127.0.0.1:0 wanted=\"\" fix=restart"),
			i);
		assert_int_equal(
			daemon_fixture_logged(
				&daemon_,
				"warn config_kept option=echo running=\"\" "
				"wanted=127.0.0.1:0 fix=restart"),
			i);
		assert_int_equal(daemon_fixture_logged(
					 &daemon_,
					 "config_kept option=max-receivers "
					 "running=1024 wanted=2000"),
				 i);
	}
	/* the command line says another one, before and now */
	assert_int_equal(daemon_fixture_logged(&daemon_, "drain-timeout"), 0);
	daemon_fixture_stop(&daemon_);
}

static void what_stands_behind_an_address_can_change(void **state)
{
	(void)state;
	start("ring-size = 16M\negress = 127.0.0.1:0,slow-policy=skip\n"
	      "egress = 127.0.0.1:0,max-lag=4M,congestion=reno\n");
	reload("ring-size = 16M\negress = 127.0.0.1:0\n"
	       "egress = 127.0.0.1:0,max-lag=50%,congestion=cubic\n");

	says("config_changed option=egress "
	     "from=\"127.0.0.1:0,slow-policy=skip\" to=127.0.0.1:0\n");
	says("config_kept option=congestion addr=127.0.0.1:0 running=reno "
	     "wanted=cubic fix=restart");
	says("config_reloaded changed=2 kept=1\n");
	assert_null(strstr(fact("listener_0"), "slow_policy"));
	assert_non_null(strstr(fact("listener_1"), "max_lag_bytes=8388608"));
	daemon_fixture_stop(&daemon_);
}

static void a_wrong_file_changes_nothing(void **state)
{
	char line[160];

	(void)state;
	start(BASE);
	write_file(BASE "slow-policy = block\ncpu = x\nrign-size = 1M\n");
	hang_up();
	daemon_fixture_await_log(&daemon_, "warn config_invalid error=", 2);
	snprintf(line, sizeof(line),
		 "warn config_invalid error=\"%s:5: cpu: x is not a whole",
		 path);
	says(line);
	snprintf(line, sizeof(line),
		 "error=\"%s:6: rign-size is no option; did you mean "
		 "ring-size?\"\n",
		 path);
	says(line);
	assert_string_equal(fact("slow_policy"), "disconnect");
	(void)unlink(path);
	hang_up();
	daemon_fixture_await_log(&daemon_, "No such file or directory", 1);
	assert_int_equal(daemon_fixture_logged(&daemon_, "config_changed"), 0);

	/* and the next one is taken */
	reload(BASE "slow-policy = block\n");
	assert_string_equal(fact("slow_policy"), "block");
	daemon_fixture_stop(&daemon_);
}

/* By itself it would do; but with the ring that there is it does not. */
static void a_lag_that_does_not_fit_changes_nothing(void **state)
{
	(void)state;
	start(BASE);
	write_file("ring-size = 64M\nmax-lag = 32M\ningest = 127.0.0.1:0\n"
		   "egress = 127.0.0.1:0\nslow-policy = block\n");
	hang_up();
	daemon_fixture_await_log(&daemon_, "for a ring of 16M", 1);
	assert_string_equal(fact("slow_policy"), "disconnect");
	daemon_fixture_stop(&daemon_);
}

static void without_a_file_there_is_nothing_new(void **state)
{
	const char *const options[] = {"--ring-size", "1M", "--listen",
				       "127.0.0.1:0", NULL};

	(void)state;
	daemon_fixture_start(&daemon_, options);
	hang_up();
	daemon_fixture_await_log(&daemon_, "config_reloaded changed=0 kept=0",
				 1);
	daemon_fixture_stop(&daemon_);
}

static void the_level_of_the_log_changes(void **state)
{
	(void)state;
	start(BASE);
	reload(BASE "log-level = warn\n");
	says("config_changed option=log-level from=info to=warn");
	crowd_receive(&crowd);
	assert_int_equal(daemon_fixture_logged(&daemon_, "receiver_joined"), 0);
	reload(BASE);
	says("config_changed option=log-level from=warn to=info");
	crowd_receive(&crowd);
	says("receiver_joined");
	daemon_fixture_stop(&daemon_);
}

static void every_hangup_counts_in_the_end(void **state)
{
	(void)state;
	start(BASE);
	for (unsigned i = 0; i < 50; i++)
		hang_up();
	reload(BASE "slow-policy = skip\n");
	daemon_fixture_await_log(
		&daemon_, "option=slow-policy from=disconnect to=skip", 1);
	assert_string_equal(fact("slow_policy"), "skip");
	daemon_fixture_stop(&daemon_);
}

/* ---- Who is there ------------------------------------------------------ */

/*
 * Large beside what the kernel takes for one receiver and not for another,
 * which else makes one slow that is as good as the others.
 */
#define LARGE                    \
	"ring-size = 64M\n"      \
	"ingest = 127.0.0.1:0\n" \
	"egress = 127.0.0.1:0\n"

static struct consumer *receive(bool stalled)
{
	struct consumer *consumer =
		stalled ? crowd_receive_small(&crowd) : crowd_receive(&crowd);

	consumer->stalled = stalled;
	return consumer;
}

static bool has_ended(void *argument)
{
	return ((const struct consumer *)argument)->ended;
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

/* The stalled one holds the sender, until it is no longer waited for. */
static void a_blocker_can_be_given_up(void **state)
{
	struct consumer *good[2], *stalled;
	struct held held = {.least = 32 * MIB};

	(void)state;
	start(LARGE "slow-policy = block\n");
	crowd_send_from(&crowd, "ingest");
	good[0] = receive(false);
	stalled = receive(true);
	good[1] = receive(false);
	crowd_send(&crowd, 128 * MIB);
	crowd_run_until(&crowd, sender_is_held, &held);
	assert_in_range(held.last, 32 * MIB, 80 * MIB);

	reload(LARGE "slow-policy = disconnect\n");
	crowd_settle(&crowd);

	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(good[i]->bytes, 128 * MIB);
	daemon_fixture_await(&daemon_, "receivers_dropped", 1);
	stalled->stalled = false;
	crowd_run_until(&crowd, has_ended, stalled);
	assert_int_equal(stalled->error, -ECONNRESET);
	daemon_fixture_stop(&daemon_);
}

/* Without the reload it would be dropped for being slow. */
static void who_stalls_can_be_waited_for(void **state)
{
	struct consumer *good, *stalled;
	struct held held = {.least = 32 * MIB};

	(void)state;
	start(LARGE);
	crowd_send_from(&crowd, "ingest");
	good = receive(false);
	stalled = receive(true);
	crowd_send(&crowd, 2 * MIB);
	crowd_settle(&crowd);
	reload(LARGE "slow-policy = block\n");

	crowd_send(&crowd, 128 * MIB);
	crowd_run_until(&crowd, sender_is_held, &held);
	assert_true(held.last < 80 * MIB);
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers_dropped"),
			 0);
	stalled->stalled = false;
	crowd_settle(&crowd);
	assert_int_equal(good->bytes, 130 * MIB);
	assert_int_equal(stalled->bytes, 130 * MIB);
	daemon_fixture_stop(&daemon_);
}

/* Back and forth while all is busy; those who keep up stay. */
static void nobody_is_dropped_who_keeps_up(void **state)
{
	static const char *const texts[] = {
		LARGE "slow-policy = block\n",
		LARGE "max-lag = 50%\nslow-policy = block\n",
		LARGE "max-lag = 80%\n",
		LARGE "send-timeout = 20s\nlog-level = debug\n",
	};
	struct consumer *all[4];

	(void)state;
	start(LARGE);
	crowd_send_from(&crowd, "ingest");
	for (unsigned i = 0; i < 4; i++)
		all[i] = receive(false);
	for (unsigned i = 0; i < 40; i++) {
		write_file(texts[i % 4]);
		hang_up();
		crowd_send(&crowd, 8 * MIB);
		crowd_settle(&crowd);
	}

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(all[i]->bytes, 320 * MIB);
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers_dropped"),
			 0);
	assert_int_equal(daemon_fixture_logged(&daemon_, "config_invalid"), 0);
	daemon_fixture_stop(&daemon_);
}

/* It lags as much as it might; the sender has to be slowed down first. */
static void a_smaller_lag_holds_a_little_later(void **state)
{
	struct consumer *good, *stalled;

	(void)state;
	start(LARGE "max-lag = 80%\n");
	crowd_send_from(&crowd, "ingest");
	good = receive(false);
	stalled = receive(true);
	crowd_send(&crowd, 45 * MIB);
	crowd_settle(&crowd);
	reload(LARGE "max-lag = 25%\n");

	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers_dropped"),
			 0);
	daemon_fixture_await(&daemon_, "receivers_dropped", 1);
	assert_int_equal(good->bytes, 45 * MIB);
	stalled->stalled = false;
	crowd_run_until(&crowd, has_ended, stalled);
	daemon_fixture_stop(&daemon_);
}

static void fewer_receivers_leave_those_alone_that_there_are(void **state)
{
	struct consumer *first, *second, *third;
	int fd;

	(void)state;
	start(LARGE);
	crowd_send_from(&crowd, "ingest");
	first = receive(false);
	second = receive(false);
	third = receive(false);
	reload(LARGE "max-receivers = 2\n");
	fd = crowd_connect(daemon_fixture_port(&daemon_, "egress"), 0);
	daemon_fixture_await(&daemon_, "receivers_refused", 1);
	crowd_send(&crowd, MIB);
	crowd_settle(&crowd);
	assert_int_equal(first->bytes + second->bytes + third->bytes, 3 * MIB);
	(void)close(fd);
	reload(LARGE "max-receivers = 4\n");
	receive(false);
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers"), 4);
	daemon_fixture_stop(&daemon_);
}

/* It has taken nothing for longer than that by then. */
static void who_stalls_already_can_be_timed_out(void **state)
{
	struct consumer *good, *stalled;
	struct held held = {.least = 32 * MIB};

	(void)state;
	start(LARGE "slow-policy = block\n");
	crowd_send_from(&crowd, "ingest");
	good = receive(false);
	stalled = receive(true);
	crowd_send(&crowd, 128 * MIB);
	crowd_run_until(&crowd, sender_is_held, &held);

	reload(LARGE "slow-policy = block\nsend-timeout = 200ms\n");
	crowd_settle(&crowd);

	assert_int_equal(good->bytes, 128 * MIB);
	stalled->stalled = false;
	crowd_run_until(&crowd, has_ended, stalled);
	daemon_fixture_stop(&daemon_);
}

/* Who was told the old times may keep to them; who comes now has the new. */
static void clients_are_held_to_what_they_were_told(void **state)
{
	static const char before[] =
		"format = packet\nring-size = 1M\npacket = 127.0.0.1:0\n"
		"egress = 127.0.0.1:0\n";
	static const char after[] =
		"format = packet\nring-size = 1M\npacket = 127.0.0.1:0\n"
		"egress = 127.0.0.1:0\nidle-timeout = 200ms\nheartbeat = "
		"100ms\n";
	struct bc_hello hello = client_hello(BCAST_CLIENT_SUBSCRIBE);
	struct client old = {.fd = -1}, new = {.fd = -1};
	struct bc_welcome welcome;

	(void)state;
	start(before);
	client_connect(&old, &daemon_);
	client_greet(&old, &hello, &welcome);
	assert_int_equal(welcome.fixed.idle_timeout_ms, 10000);
	reload(after);
	client_connect(&new, &daemon_);
	client_greet(&new, &hello, &welcome);

	assert_int_equal(welcome.fixed.idle_timeout_ms, 200);
	assert_int_equal(welcome.fixed.heartbeat_ms, 100);
	client_expect_reject(&new, BCAST_REJECT_TIMEOUT);
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers"), 1);
	client_close(&old);
	client_close(&new);
	daemon_fixture_stop(&daemon_);
}

static int open_stage(void **state)
{
	reloads = 0;
	snprintf(path, sizeof(path), "/tmp/bcast-test-reload-%ld.conf",
		 (long)getpid());
	return crowd_stage_open(state);
}

static int close_stage(void **state)
{
	(void)unlink(path);
	return crowd_stage_close(state);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_stage, close_stage)
	const struct CMUnitTest tests[] = {
		TEST(what_can_change_does),
		TEST(what_cannot_change_is_kept),
		TEST(what_stands_behind_an_address_can_change),
		TEST(a_wrong_file_changes_nothing),
		TEST(a_lag_that_does_not_fit_changes_nothing),
		TEST(without_a_file_there_is_nothing_new),
		TEST(the_level_of_the_log_changes),
		TEST(every_hangup_counts_in_the_end),
		TEST(a_blocker_can_be_given_up),
		TEST(who_stalls_can_be_waited_for),
		TEST(nobody_is_dropped_who_keeps_up),
		TEST(a_smaller_lag_holds_a_little_later),
		TEST(who_stalls_already_can_be_timed_out),
		TEST(clients_are_held_to_what_they_were_told),
		TEST(fewer_receivers_leave_those_alone_that_there_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
