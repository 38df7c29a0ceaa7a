/* SPDX-License-Identifier: MIT */
/* test_pub_refuse.c - the real bcast-pub: who and what is in its way. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "manual.h"
#include "pubbed.h"

/* ---- Others ------------------------------------------------------------ */

static void holder_of_the_lease_is_named(void **state)
{
	struct pubbed *pubbed = *state;
	char pid[32];

	pubbed_open(pubbed, true);
	assert_int_equal(bcast_join(pubbed->name, "busy", NULL, &pubbed->node),
			 0);
	assert_int_equal(
		bcast_publisher_open(pubbed->node, NULL, &pubbed->publisher),
		0);
	snprintf(pid, sizeof(pid), "pid %d", (int)getpid());

	assert_int_equal(pubbed_run_text(pubbed, "", "x"), EX_TEMPFAIL);
	pubbed_assert_said(&pubbed->tool, "'busy'");
	pubbed_assert_said(&pubbed->tool, pid);
	assert_int_equal(pubbed_run_text(pubbed, "--wait=100ms", "x"),
			 EX_TEMPFAIL);
	pubbed_assert_said(&pubbed->tool, "waiting for the end of busy");

	pubbed_start(pubbed, &pubbed->second, "--wait", pubbed->files[0], NULL);
	assert_true(run_program_read_error(&pubbed->second, "waiting"));
	bcast_publisher_close(pubbed->publisher);
	pubbed->publisher = NULL;
	assert_int_equal(run_program_wait(&pubbed->second), 0);
	pubbed_expect_record(pubbed, "x");
}

static void id_in_use_is_refused(void **state)
{
	struct pubbed *pubbed = *state;

	pubbed_open(pubbed, true);
	assert_int_equal(bcast_join(pubbed->name, "mine", NULL, &pubbed->node),
			 0);
	assert_int_equal(pubbed_run_text(pubbed, "--id mine", "x"),
			 EX_UNAVAILABLE);
	pubbed_assert_said(&pubbed->tool, "id 'mine' is in use by process");
	assert_int_equal(pubbed_run_text(pubbed, "--id not/so", "x"), EX_USAGE);
}

static bool has_data(void *argument)
{
	const void *data;

	return bcast_peek(argument, &data) > 0;
}

/* A pipe that we write to, as if typing. */
static void start_typing(struct pubbed *pubbed, const char *options)
{
	assert_int_equal(mkfifo(pubbed->files[0], 0600), 0);
	pubbed_start(pubbed, &pubbed->tool, options, pubbed->files[0], NULL);
	pubbed->fifo = open(pubbed->files[0], O_WRONLY | O_CLOEXEC);
	assert_true(pubbed->fifo >= 0);
}

static void what_is_typed_is_seen_at_once(void **state)
{
	struct pubbed *pubbed = *state;

	pubbed_open(pubbed, true);
	start_typing(pubbed, "--stats");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(write(pubbed->fifo, "a line\nand a pa", 15),
				 15);
		assert_true(test_within(DEADLINE_MS, has_data, pubbed->reader));
		pubbed_expect_record(pubbed, i ? "and a paa line" : "a line");
	}
	pubbed_expect_nothing(pubbed);

	/* half a line is no line */
	assert_int_equal(kill(pubbed->tool.pid, SIGTERM), 0);
	assert_int_equal(run_program_wait(&pubbed->tool),
			 RUN_PROGRAM_SIGNAL(SIGTERM));
	pubbed_assert_said(&pubbed->tool, "{\"publications\":3,");
	pubbed_expect_nothing(pubbed);
}

static void end_of_the_stream_ends_it(void **state)
{
	struct pubbed *pubbed = *state;

	pubbed_open(pubbed, false);
	start_typing(pubbed, "");
	assert_int_equal(write(pubbed->fifo, "abc", 3), 3);
	assert_true(test_within(DEADLINE_MS, has_data, pubbed->reader));

	bc_segment_set_state(&pubbed->stream, BC_STATE_DRAINING);

	assert_int_equal(run_program_wait(&pubbed->tool), EX_UNAVAILABLE);
	pubbed_assert_said(&pubbed->tool,
			   "has ended, or its daemon is stopping; 3 "
			   "bytes");
	pubbed_file(pubbed->files[1], "", 0);
	assert_int_equal(pubbed_run(pubbed, "", pubbed->files[1], NULL),
			 EX_UNAVAILABLE);
}

static void absent_stream_is_waited_for_if_asked(void **state)
{
	struct pubbed *pubbed = *state;

	assert_int_equal(pubbed_run_text(pubbed, "", "x"), EX_UNAVAILABLE);
	pubbed_assert_said(&pubbed->tool, "no stream");
	assert_int_equal(pubbed_run_text(pubbed, "--wait=100ms", "x"),
			 EX_UNAVAILABLE);
	pubbed_start(pubbed, &pubbed->tool, "--wait", pubbed->files[0], NULL);
	assert_true(run_program_read_error(&pubbed->tool, "waiting for"));
	pubbed_open(pubbed, false);
	assert_int_equal(run_program_wait(&pubbed->tool), 0);
	assert_true(has_data(pubbed->reader) ||
		    bcast_position(pubbed->reader) == 1);
}

static int run_as_nobody(struct pubbed *pubbed)
{
	const char *const argv[] = {"/usr/bin/setpriv",
				    "--reuid=65534",
				    "--regid=65534",
				    "--clear-groups",
				    TOOL,
				    pubbed->name,
				    NULL};
	int code;

	run_program_end(&pubbed->tool);
	code = run_program(&pubbed->tool, argv);
	if (code == 126 || code == 127)
		skip();
	return code;
}

static void set_rights(const char *path, mode_t mode)
{
	/* of nobody's group */
	assert_int_equal(chown(path, 0, 65534), 0);
	assert_int_equal(chmod(path, mode), 0);
}

/* To read the stream, to publish, to join: one after the other. */
static void missing_right_is_named(void **state)
{
	struct pubbed *pubbed = *state;
	char path[64], registry[80];

	if (geteuid() != 0)
		skip();
	pubbed_open(pubbed, true);
	snprintf(path, sizeof(path), "/dev/shm/bcast.%s", pubbed->name);
	snprintf(registry, sizeof(registry), "%s.nodes", path);
	assert_int_equal(run_as_nobody(pubbed), EX_NOPERM);
	pubbed_assert_said(&pubbed->tool, path);

	set_rights(path, 0640);
	set_rights(registry, 0660);
	assert_int_equal(run_as_nobody(pubbed), EX_NOPERM);
	pubbed_assert_said(&pubbed->tool, path);
	pubbed_assert_said(&pubbed->tool, "--mode 0660");
	set_rights(path, 0660);
	set_rights(registry, 0640);
	assert_int_equal(run_as_nobody(pubbed), EX_NOPERM);
	pubbed_assert_said(&pubbed->tool, registry);
	set_rights(registry, 0660);
	assert_int_equal(run_as_nobody(pubbed), 0);
}

/* ---- What is wrong ----------------------------------------------------- */

static void bad_command_lines_are_refused(void **state)
{
	static const char *const bad[] = {
		"--source 65536", "--source x",	  "--stamp now",
		"--rate 10",	  "--rate 0/s",	  "--rate B/s",
		"--rate /s",	  "--rate 5MB",	  "--block 0",
		"--block x",	  "--wait=1h",	  "--lines --whole",
		"--nonsense",	  "--block 1 -l",
	};
	struct pubbed *pubbed = *state;
	const char *const no_stream[] = {TOOL, NULL};

	pubbed_open(pubbed, true);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(pubbed_run_text(pubbed, bad[i], "x"),
				 EX_USAGE);
		assert_int_equal(pubbed->tool.out.size, 0);
	}
	run_program_end(&pubbed->tool);
	assert_int_equal(run_program(&pubbed->tool, no_stream), EX_USAGE);
	pubbed_expect_nothing(pubbed);
}

static void absent_file_is_refused(void **state)
{
	struct pubbed *pubbed = *state;

	pubbed_open(pubbed, true);
	assert_int_equal(pubbed_run(pubbed, "", "/nonexistent/file", NULL),
			 EX_NOINPUT);
	pubbed_assert_said(&pubbed->tool, "/nonexistent/file: No such file");
	assert_int_equal(pubbed_run(pubbed, "", pubbed->folder, NULL),
			 EX_IOERR);
	pubbed_assert_said(&pubbed->tool, "Is a directory");
}

static void help_and_manual_agree(void **state)
{
	(void)state;
	manual_agrees(TOOL, MANUAL);
}

int main(void)
{
#define PUB_TEST(f) \
	cmocka_unit_test_setup_teardown(f, pubbed_set_up, pubbed_tear_down)
	const struct CMUnitTest tests[] = {
		PUB_TEST(holder_of_the_lease_is_named),
		PUB_TEST(id_in_use_is_refused),
		PUB_TEST(what_is_typed_is_seen_at_once),
		PUB_TEST(end_of_the_stream_ends_it),
		PUB_TEST(absent_stream_is_waited_for_if_asked),
		PUB_TEST(missing_right_is_named),
		PUB_TEST(bad_command_lines_are_refused),
		PUB_TEST(absent_file_is_refused),
		PUB_TEST(help_and_manual_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
