/* SPDX-License-Identifier: MIT */
/* --zerocopy auto, on and off: who is sent to how, and what is said of it. */
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "zerocopy_daemon.h"

#define KIB	(UINT64_C(1) << 10)
#define MIB	(UINT64_C(1) << 20)
#define SKIPPED 77

static void launch(const char *zerocopy, const char *policy)
{
	const char *options[] = {"--ring-size",	  "4M",		"--ingest",
				 "127.0.0.1:0",	  "--egress",	"127.0.0.1:0",
				 "--sndbuf",	  "256K",	"--rcvbuf",
				 "256K",	  "--zerocopy", zerocopy,
				 "--slow-policy", policy,	NULL};

	daemon_fixture_start(&daemon_, options);
	crowd_open(&crowd, &daemon_);
}

static void start(const char *zerocopy, const char *policy)
{
	launch(zerocopy, policy);
	crowd_send_from(&crowd, "ingest");
}

static void assert_fact(const char *key, const char *text)
{
	struct bcast_monitor *monitor;
	struct bcast_fact fact;
	uint32_t next = 0;

	assert_int_equal(bcast_monitor_open(daemon_.name, &monitor), 0);
	while (bcast_monitor_fact(monitor, &next, &fact) == 1)
		if (strcmp(fact.key, key) == 0)
			break;
	bcast_monitor_close(monitor);
	assert_string_equal(fact.key, key);
	if (!strstr(fact.value, text))
		fail_msg("%s is %s", key, fact.value);
}

static bool nothing_is_held(void *argument)
{
	struct bcast_peer_info info = zerocopy_receiver();

	(void)argument;
	return info.role != BCAST_ROLE_RECEIVER ||
	       (info.held == 0 && info.lag == 0);
}

/* ---- Who gets it ------------------------------------------------------- */

static void auto_copies_for_receivers_on_this_machine(void **state)
{
	(void)state;
	start("auto", "disconnect");
	crowd_receive(&crowd);
	crowd_send(&crowd, 2 * MIB);
	crowd_settle(&crowd);
	assert_int_equal(daemon_fixture_counter(&daemon_, "zerocopy_sends"), 0);
	assert_int_equal(zerocopy_receiver().zerocopy, 0);
	assert_fact("zerocopy", "auto");
	assert_fact("zerocopy_why", "other machines");
	assert_int_equal(
		daemon_fixture_logged(&daemon_, "info zerocopy mode=auto"), 1);
	daemon_fixture_stop(&daemon_);
}

static void on_sends_everything_without_a_copy(void **state)
{
	(void)state;
	start("on", "disconnect");
	crowd_receive(&crowd);
	for (unsigned i = 0; i < 20; i++) {
		crowd_send(&crowd, 100);
		crowd_settle(&crowd);
	}
	crowd_send(&crowd, 2 * MIB);
	crowd_settle(&crowd);
	assert_true(test_within(DEADLINE_MS, nothing_is_held, NULL));

	assert_int_equal(daemon_fixture_counter(&daemon_, "zerocopy_sends"),
			 daemon_fixture_counter(&daemon_, "sends"));
	/* loopback copies; who said "on" is not asked again */
	assert_true(daemon_fixture_counter(&daemon_, "zerocopy_copied") > 0);
	assert_int_equal(zerocopy_receiver().zerocopy, 1);
	assert_fact("zerocopy", "on");
	daemon_fixture_stop(&daemon_);
}

static void off_is_off_and_skip_turns_auto_off(void **state)
{
	(void)state;
	launch("off", "disconnect");
	assert_fact("zerocopy", "off");
	daemon_fixture_stop(&daemon_);
	daemon_fixture_forget(&daemon_);

	daemon_ = (struct daemon_fixture){0};
	launch("auto", "skip");
	assert_fact("zerocopy", "off");
	assert_fact("zerocopy_why", "--slow-policy skip");
	daemon_fixture_stop(&daemon_);
}

static void backend_without_it_is_named(void **state)
{
	const char *on[] = {"--ring-size", "4M", "--backend", "epoll",
			    "--zerocopy",  "on", NULL};
	const char *dont_care[] = {"--ring-size", "4M",	      "--backend",
				   "epoll",	  "--listen", "127.0.0.1:0",
				   NULL};

	(void)state;
	daemon_fixture_launch(&daemon_, on);
	assert_int_equal(daemon_fixture_wait(&daemon_), EX_UNAVAILABLE);
	assert_int_equal(daemon_fixture_logged(&daemon_,
					       "error start_failed "
					       "option=--zerocopy value=on"),
			 1);
	daemon_fixture_forget(&daemon_);

	daemon_ = (struct daemon_fixture){0};
	daemon_fixture_start(&daemon_, dont_care);
	assert_fact("zerocopy", "off");
	assert_fact("zerocopy_why", "the epoll backend");
	daemon_fixture_stop(&daemon_);
}

/* ---- Where little memory may be locked --------------------------------- */

static void be_nobody_with_little(void *argument)
{
	const struct rlimit little = {512 * KIB, 512 * KIB};

	(void)argument;
	if (setrlimit(RLIMIT_MEMLOCK, &little) < 0 || setgroups(0, NULL) < 0 ||
	    setgid(65534) < 0 || setuid(65534) < 0)
		_exit(SKIPPED);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static bool has_been_refused(void *argument)
{
	(void)argument;
	return daemon_fixture_counter(&daemon_, "zerocopy_refused") > 0;
}

static void without_memory_to_lock_it_copies(void **state)
{
	struct consumer *stalled[4];

	(void)state;
	if (getuid() != 0)
		skip();
	daemon_.in_child = be_nobody_with_little;
	start("on", "block");
	for (unsigned i = 0; i < 4; i++) {
		stalled[i] = crowd_receive_small(&crowd);
		stalled[i]->stalled = true;
	}
	assert_int_equal(
		daemon_fixture_logged(&daemon_, "warn ring_not_registered"), 1);
	assert_int_equal(daemon_fixture_logged(&daemon_, "LimitMEMLOCK="), 1);
	crowd_send(&crowd, 12 * MIB);
	crowd_run_until(&crowd, has_been_refused, NULL);

	for (unsigned i = 0; i < 4; i++)
		stalled[i]->stalled = false;
	crowd_settle(&crowd);

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(stalled[i]->bytes, 12 * MIB);
	assert_true(daemon_fixture_counter(&daemon_, "zerocopy_sends") > 0);
	daemon_fixture_stop(&daemon_);
}

int main(void)
{
#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, crowd_stage_open, crowd_stage_close)
	const struct CMUnitTest tests[] = {
		TEST(auto_copies_for_receivers_on_this_machine),
		TEST(on_sends_everything_without_a_copy),
		TEST(off_is_off_and_skip_turns_auto_off),
		TEST(backend_without_it_is_named),
		TEST(without_memory_to_lock_it_copies),
	};

	if (!zerocopy_works_here())
		return SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
