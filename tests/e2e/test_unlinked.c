/* SPDX-License-Identifier: MIT */
/*
 * test_unlinked.c - somebody removes the stream's objects under a running
 * daemon, as logind does with RemoveIPC: it says so once, serves on, and at its
 * end leaves alone what another daemon has made in the meantime.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "crowd.h"

#define OPTIONS                                                                \
	((const char *const[]){"--ring-size", "1M", "--listen", "127.0.0.1:0", \
			       NULL})

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

/* It has an error in its log, by design. */
static void stop(struct daemon_fixture *daemon)
{
	assert_int_equal(kill(daemon->pid, SIGTERM), 0);
	assert_int_equal(daemon_fixture_wait(daemon), 0);
	daemon_fixture_forget(daemon);
}

static void remove_all(const char *name)
{
	test_object_unlink(name, "");
	test_object_unlink(name, ".nodes");
	test_object_unlink(name, ".lock");
}

static void assert_left(const char *name, bool there)
{
	assert_int_equal(test_object_exists(name, ""), there);
	assert_int_equal(test_object_exists(name, ".nodes"), there);
	assert_int_equal(test_object_exists(name, ".lock"), there);
}

static void removal_is_told_once_and_the_attached_read_on(void **state)
{
	struct bcast_reader *reader;
	char name[32];

	(void)state;
	daemon_fixture_start(&daemon_, OPTIONS);
	snprintf(name, sizeof(name), "%s", daemon_.name);
	crowd_send_from(&crowd, "any");
	(void)crowd_read_local(&crowd);
	(void)crowd_receive(&crowd);
	crowd_send(&crowd, 100000);
	crowd_settle(&crowd);

	remove_all(name);
	daemon_fixture_await_log(&daemon_, "error segment_unlinked name=", 1);

	assert_int_equal(daemon_fixture_logged(&daemon_, " kind=nothing "), 1);
	assert_int_equal(daemon_fixture_logged(&daemon_, "RemoveIPC=no"), 1);
	assert_int_equal(bcast_attach(name, NULL, &reader), -ENOENT);
	/* in steps, so that the reader is not lapped by what is under way */
	for (int i = 0; i < 30; i++) {
		crowd_send(&crowd, 100000);
		crowd_settle(&crowd);
	}
	assert_int_equal(daemon_fixture_logged(&daemon_, "segment_unlinked"),
			 1);
	crowd_close(&crowd);
	stop(&daemon_);
	assert_left(name, false);
}

static void other_object_of_that_name_is_told_and_left_alone(void **state)
{
	struct stat status;
	char name[32], path[128];

	(void)state;
	daemon_fixture_start(&daemon_, OPTIONS);
	snprintf(name, sizeof(name), "%s", daemon_.name);
	remove_all(name);
	test_object_create(name, "", 4096);
	daemon_fixture_await_log(&daemon_, "error segment_unlinked name=", 1);
	assert_int_equal(daemon_fixture_logged(&daemon_, " kind=file "), 1);

	stop(&daemon_);

	snprintf(path, sizeof(path), "/dev/shm/bcast.%s", name);
	assert_int_equal(stat(path, &status), 0);
	test_object_unlink(name, "");
}

static void end_of_the_old_daemon_does_not_touch_the_new_one_s(void **state)
{
	char name[32];

	(void)state;
	daemon_fixture_start(&daemon_, OPTIONS);
	snprintf(name, sizeof(name), "%s", daemon_.name);
	remove_all(name);
	memcpy(other.name, name, sizeof(name));
	daemon_fixture_start(&other, OPTIONS);

	stop(&daemon_);

	assert_left(name, true);
	crowd_open(&crowd, &other);
	crowd_send_from(&crowd, "any");
	(void)crowd_read_local(&crowd);
	crowd_send(&crowd, 100000);
	crowd_settle(&crowd);
	crowd_close(&crowd);
	daemon_fixture_stop(&other);
	assert_left(name, false);
}

static void registry_goes_also_when_the_segment_is_gone(void **state)
{
	char name[32];

	(void)state;
	daemon_fixture_start(&daemon_, OPTIONS);
	snprintf(name, sizeof(name), "%s", daemon_.name);
	test_object_unlink(name, "");

	stop(&daemon_);

	assert_left(name, false);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, prepare, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(removal_is_told_once_and_the_attached_read_on),
		TEST(other_object_of_that_name_is_told_and_left_alone),
		TEST(end_of_the_old_daemon_does_not_touch_the_new_one_s),
		TEST(registry_goes_also_when_the_segment_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
