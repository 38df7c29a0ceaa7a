/* SPDX-License-Identifier: MIT */
/*
 * What the daemon refuses to start with, and how it says so: one line, the
 * right exit code, nothing left behind. And what its log looks like.
 */
#include <errno.h>
#include <netinet/in.h>
#include <regex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "crowd.h"

static struct daemon_fixture daemon_, other;
static struct crowd crowd;

static int prepare(void **state)
{
	(void)state;
	daemon_ = (struct daemon_fixture){0};
	other = (struct daemon_fixture){0};
	crowd_open(&crowd, &daemon_);
	return 0;
}

static int close_all(void **state)
{
	crowd_close(&crowd);
	return daemon_fixture_cleanup(state);
}

static unsigned lines_of(const char *text)
{
	unsigned lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

/* It ends with this code after one line that has all of these words. */
static void assert_refused(const char *const options[], int code,
			   const char *const words[])
{
	int seen;

	daemon_fixture_launch(&daemon_, options);
	seen = daemon_fixture_wait(&daemon_);
	if (seen != code)
		fail_msg("exit code %d, not %d:\n%s", seen, code,
			 daemon_fixture_log(&daemon_));
	if (lines_of(daemon_fixture_log(&daemon_)) != 1)
		fail_msg("not one line:\n%s", daemon_fixture_log(&daemon_));
	for (; *words; words++)
		if (!strstr(daemon_.log, *words))
			fail_msg("no '%s' in: %s", *words, daemon_.log);
	daemon_fixture_forget(&daemon_);
}

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- Options ----------------------------------------------------------- */

static void unknown_or_out_of_range_options_exit_64(void **state)
{
	(void)state;
	assert_refused(OPTIONS("--no-such-option"), EX_USAGE,
		       OPTIONS("no-such-option"));
	assert_refused(OPTIONS("--rign-size", "1M"), EX_USAGE,
		       OPTIONS("ring-size"));
	assert_refused(OPTIONS("--ring-size", "1000"), EX_USAGE,
		       OPTIONS("--ring-size", "1000", "64K", "1T"));
	assert_refused(OPTIONS("--ring-size", "100K"), EX_USAGE,
		       OPTIONS("--ring-size", "power of two"));
	assert_refused(OPTIONS("--max-receivers", "0"), EX_USAGE,
		       OPTIONS("--max-receivers", "1", "65536"));
	assert_refused(OPTIONS("--max-receivers", "65537"), EX_USAGE,
		       OPTIONS("--max-receivers", "1", "65536"));
	assert_refused(OPTIONS("--listen", "127.0.0.1:65536"), EX_USAGE,
		       OPTIONS("--listen", "65536"));
	assert_refused(OPTIONS("--slow-policy", "drop"), EX_USAGE,
		       OPTIONS("--slow-policy", "disconnect"));
	assert_refused(OPTIONS("--drain-timeout", "11m"), EX_USAGE,
		       OPTIONS("--drain-timeout"));
	assert_refused(OPTIONS("--listen"), EX_USAGE, OPTIONS("--listen"));
	assert_refused(OPTIONS("stray"), EX_USAGE, OPTIONS("stray"));
}

/* ---- Addresses --------------------------------------------------------- */

static void port_in_use_is_named(void **state)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char text[32];

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length),
			 0);
	snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(address.sin_port));

	assert_refused(OPTIONS("--ring-size", "1M", "--listen", text),
		       EX_UNAVAILABLE, OPTIONS(text, "in use", "fix="));
	(void)close(fd);
}

static void address_of_another_machine_is_named(void **state)
{
	(void)state;
	assert_refused(OPTIONS("--ring-size", "1M", "--listen", "192.0.2.1:0"),
		       EX_UNAVAILABLE, OPTIONS("192.0.2.1:0", "fix="));
}

static void unknown_congestion_control_is_named(void **state)
{
	(void)state;
	assert_refused(OPTIONS("--ring-size", "1M", "--listen", "127.0.0.1:0",
			       "--congestion", "nosuch"),
		       EX_UNAVAILABLE, OPTIONS("nosuch", "fix="));
}

/* ---- Names and memory -------------------------------------------------- */

static void name_of_a_live_daemon_is_refused(void **state)
{
	(void)state;
	daemon_fixture_start(&other, OPTIONS("--ring-size", "1M", "--listen",
					     "127.0.0.1:0"));
	memcpy(daemon_.name, other.name, sizeof(other.name));

	assert_refused(OPTIONS("--ring-size", "1M", "--listen", "127.0.0.1:0"),
		       EX_CANTCREAT,
		       OPTIONS("live daemon owns this name", "fix="));

	/* and the first did not notice */
	crowd_open(&crowd, &other);
	crowd_send_from(&crowd, "any");
	crowd_receive(&crowd);
	crowd_send(&crowd, 100000);
	crowd_settle(&crowd);
	daemon_fixture_stop(&other);
}

static void tiny_dev_shm(void *argument)
{
	(void)argument;
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=4M") < 0)
		_exit(77);
}

static void too_little_dev_shm_is_told_with_figures(void **state)
{
	static const char *const options[] = {"--ring-size", "16M", "--listen",
					      "127.0.0.1:0", NULL};

	(void)state;
	daemon_.in_child = tiny_dev_shm;
	daemon_fixture_launch(&daemon_, options);
	if (daemon_fixture_wait(&daemon_) == 77) {
		daemon_fixture_forget(&daemon_);
		skip(); /* no mount namespaces for us */
	}
	daemon_fixture_forget(&daemon_);

	daemon_.in_child = tiny_dev_shm;
	assert_refused(options, EX_CANTCREAT,
		       OPTIONS("/dev/shm is too small", "needed_bytes=1",
			       "free_bytes=4", "size_bytes=4194304",
			       "fix=", "remount,size="));
}

/* ---- The log ----------------------------------------------------------- */

static void assert_matches(const regex_t *pattern, const char *line)
{
	if (regexec(pattern, line, 0, NULL, 0) != 0)
		fail_msg("not a log line: %s", line);
}

static void every_line_of_the_log_has_its_form(void **state)
{
	static const char form[] =
		"^(error|warn|info|debug) [a-z_]+"
		"( [a-z_]+=([^\" =]+|\"([^\"\\]|\\\\.)*\"))*$";
	struct consumer *closes;
	regex_t pattern;
	char *line, *rest;

	(void)state;
	assert_int_equal(regcomp(&pattern, form, REG_EXTENDED | REG_NOSUB), 0);
	daemon_fixture_start(&daemon_, OPTIONS("--ring-size", "1M", "--ingest",
					       "127.0.0.1:0", "--egress",
					       "127.0.0.1:0", "--max-receivers",
					       "2", "--log-level", "debug"));
	crowd_send_from(&crowd, "ingest");
	closes = crowd_receive(&crowd);
	crowd_receive(&crowd);
	crowd_send(&crowd, 1000);
	crowd_settle(&crowd);
	(void)close(crowd_connect(daemon_fixture_port(&daemon_, "egress"), 0));
	(void)close(crowd_connect(daemon_fixture_port(&daemon_, "ingest"), 0));
	daemon_fixture_await(&daemon_, "receivers_refused", 1);
	daemon_fixture_await(&daemon_, "senders_refused", 1);
	crowd_leave(closes);
	crowd_reset_sender(&crowd);
	daemon_fixture_await(&daemon_, "receivers", 1);
	daemon_fixture_await(&daemon_, "senders", 0);
	assert_int_equal(kill(daemon_.pid, SIGTERM), 0);
	assert_int_equal(daemon_fixture_wait(&daemon_), 0);

	(void)daemon_fixture_log(&daemon_);
	assert_true(lines_of(daemon_.log) >= 11);
	for (line = strtok_r(daemon_.log, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest))
		assert_matches(&pattern, line);
	regfree(&pattern);
	daemon_fixture_forget(&daemon_);
}

static void quiet_log_is_empty(void **state)
{
	(void)state;
	daemon_fixture_launch(&daemon_,
			      OPTIONS("--ring-size", "1M", "--listen",
				      "127.0.0.1:0", "--log-level", "error",
				      "--drain-timeout", "0"));
	/* a signal that comes before it listens is kept until it does */
	while (!test_object_exists(daemon_.name, ".nodes"))
		(void)sched_yield();
	daemon_fixture_stop(&daemon_);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, prepare, close_all)
	const struct CMUnitTest tests[] = {
		TEST(unknown_or_out_of_range_options_exit_64),
		TEST(port_in_use_is_named),
		TEST(address_of_another_machine_is_named),
		TEST(unknown_congestion_control_is_named),
		TEST(name_of_a_live_daemon_is_refused),
		TEST(too_little_dev_shm_is_told_with_figures),
		TEST(every_line_of_the_log_has_its_form),
		TEST(quiet_log_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
