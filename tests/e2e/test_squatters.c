/* SPDX-License-Identifier: MIT */
/*
 * test_squatters.c - /dev/shm is open to all, so another user may have been
 * there first. The daemon refuses what it cannot make its own, says whose it is
 * and what, and leaves it as it was; a reader does not take it for a stream.
 * Real user ids; skipped unless run by root.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "daemon_fixture.h"
#include "run_program.h"

#define SKIPPED	 77
#define OWNER	 54321
#define SQUATTER 65534 /* nobody */

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const char *const suffixes[] = {"", ".nodes", ".lock"};

static struct daemon_fixture daemon_;
static struct run_program tool;

/* What was there, and is to be removed. */
static char planted[128];

static void be_owner(void *argument)
{
	(void)argument;
	if (setgroups(0, NULL) < 0 || setgid(OWNER) < 0 || setuid(OWNER) < 0)
		_exit(SKIPPED);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static int prepare(void **state)
{
	(void)state;
	daemon_ = (struct daemon_fixture){.in_child = be_owner};
	snprintf(daemon_.name, sizeof(daemon_.name), "%s", test_name());
	planted[0] = '\0';
	return 0;
}

static int clean(void **state)
{
	if (planted[0])
		(void)remove(planted);
	run_program_end(&tool);
	return daemon_fixture_cleanup(state);
}

/* ---- What a squatter can put there ------------------------------------- */

static void plant_file(const char *path, mode_t mode)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	assert_int_equal(pwrite(fd, "squatted", 8, 0), 8);
	assert_int_equal(fchmod(fd, mode), 0);
	(void)close(fd);
}

static void plant_private(const char *path)
{
	plant_file(path, 0600);
}

static void plant_open(const char *path)
{
	plant_file(path, 0666);
}

static void plant_link(const char *path)
{
	assert_int_equal(symlink("/dev/shm/bcast.elsewhere", path), 0);
}

static void plant_directory(const char *path)
{
	assert_int_equal(mkdir(path, 0777), 0);
	assert_int_equal(chmod(path, 0777), 0);
}

static void plant_pipe(const char *path)
{
	assert_int_equal(mkfifo(path, 0666), 0);
	assert_int_equal(chmod(path, 0666), 0);
}

static void plant_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	assert_int_equal(chmod(path, 0666), 0);
	(void)close(fd);
}

static const struct squat {
	const char *kind; /* as the log says it */
	const char *mode;
	void (*plant)(const char *path);
	int attach; /* what a reader gets who is not its owner */
} squats[] = {
	{"kind=file", "mode=0600", plant_private, -EACCES},
	{"kind=file", "mode=0666", plant_open, BCAST_EFOREIGN},
	{"kind=link", "mode=0777", plant_link, BCAST_EFOREIGN},
	{"kind=directory", "mode=0777", plant_directory, BCAST_EFOREIGN},
	{"kind=pipe", "mode=0666", plant_pipe, BCAST_EFOREIGN},
	{"kind=socket", "mode=0666", plant_socket, BCAST_EFOREIGN},
};

static void plant(const struct squat *squat, const char *suffix)
{
	snprintf(planted, sizeof(planted), "/dev/shm/bcast.%s%s", daemon_.name,
		 suffix);
	squat->plant(planted);
	assert_int_equal(lchown(planted, SQUATTER, SQUATTER), 0);
}

/* ---- The daemon -------------------------------------------------------- */

static void assert_logged(const char *text)
{
	if (!strstr(daemon_fixture_log(&daemon_), text))
		fail_msg("no '%s' in: %s", text, daemon_.log);
}

static void assert_refused(const struct squat *squat, const char *suffix)
{
	struct stat before, after;
	char object[160];
	int code;

	plant(squat, suffix);
	assert_int_equal(lstat(planted, &before), 0);

	daemon_fixture_launch(&daemon_, OPTIONS("--ring-size", "1M", "--listen",
						"127.0.0.1:0"));
	code = daemon_fixture_wait(&daemon_);

	if (code != EX_NOPERM && code != EX_CANTCREAT)
		fail_msg("%s%s: code %d: %s", squat->kind, suffix, code,
			 daemon_fixture_log(&daemon_));
	snprintf(object, sizeof(object), " object=%s ", planted);
	assert_logged("error start_failed name=");
	assert_logged(object);
	assert_logged(squat->kind);
	assert_logged(squat->mode);
	assert_logged(" owner=nobody ");
	assert_logged(" fix=\"");
	assert_ptr_equal(strchr(daemon_.log, '\n'),
			 daemon_.log + strlen(daemon_.log) - 1);
	/* it is as it was, and nothing of ours is beside it */
	assert_int_equal(lstat(planted, &after), 0);
	assert_int_equal(after.st_ino, before.st_ino);
	assert_int_equal(after.st_size, before.st_size);
	assert_int_equal(remove(planted), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_false(test_object_exists(daemon_.name, suffixes[i]));
	daemon_fixture_forget(&daemon_);
	(void)prepare(NULL);
}

static void squatted_name_is_refused_with_whose_and_what_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(squats) / sizeof(squats[0]); i++)
		for (unsigned j = 0; j < 3; j++)
			assert_refused(&squats[i], suffixes[j]);
}

static void dead_stream_of_another_user_is_left_alone(void **state)
{
	struct stat before, after;
	char name[32];

	(void)state;
	/* nobody's daemon, killed */
	daemon_.in_child = NULL;
	daemon_fixture_start(&daemon_,
			     OPTIONS("--ring-size", "1M", "--listen",
				     "127.0.0.1:0", "--mode", "0644"));
	snprintf(name, sizeof(name), "%s", daemon_.name);
	snprintf(planted, sizeof(planted), "/dev/shm/bcast.%s", name);
	assert_int_equal(kill(daemon_.pid, SIGKILL), 0);
	assert_int_equal(daemon_fixture_wait(&daemon_), 128 + SIGKILL);
	daemon_fixture_forget(&daemon_);
	test_object_unlink(name, ".lock");
	assert_int_equal(stat(planted, &before), 0);

	daemon_.in_child = be_owner;
	memcpy(daemon_.name, name, sizeof(name));
	daemon_fixture_launch(&daemon_, OPTIONS("--ring-size", "1M", "--listen",
						"127.0.0.1:0"));

	assert_int_equal(daemon_fixture_wait(&daemon_), EX_NOPERM);
	assert_logged(" owner=root mode=0644 ");
	assert_int_equal(stat(planted, &after), 0);
	assert_int_equal(after.st_ino, before.st_ino);
	daemon_fixture_forget(&daemon_);
	test_object_unlink(name, ".nodes");
}

/* ---- Readers ----------------------------------------------------------- */

static void attach_as_owner(void *argument)
{
	const struct squat *squat = argument;
	struct bcast_monitor *monitor;
	struct bcast_reader *reader;

	be_owner(NULL);
	test_child_check(bcast_attach(daemon_.name, NULL, &reader) ==
			 squat->attach);
	test_child_check(bcast_monitor_open(daemon_.name, &monitor) ==
			 squat->attach);
}

static void reader_does_not_take_it_for_a_stream(void **state)
{
	struct test_child child;
	struct squat squat;

	(void)state;
	for (size_t i = 0; i < sizeof(squats) / sizeof(squats[0]); i++) {
		squat = squats[i];
		plant(&squat, "");
		child = test_fork(attach_as_owner, &squat);
		assert_int_equal(test_join(&child), 0);
		assert_int_equal(remove(planted), 0);
	}
}

/* Who may write to it may truncate it, which would kill its readers. */
static void stream_that_all_may_write_to_is_refused(void **state)
{
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;
	const char *const argv[] = {TAIL, daemon_.name, NULL};
	struct bcast_reader *reader;
	struct bcast_nodes *nodes;
	char path[128];

	(void)state;
	daemon_.in_child = NULL;
	daemon_fixture_start(&daemon_, OPTIONS("--ring-size", "1M", "--listen",
					       "127.0.0.1:0"));
	snprintf(path, sizeof(path), "/dev/shm/bcast.%s", daemon_.name);
	assert_int_equal(chmod(path, 0642), 0);

	assert_int_equal(bcast_attach(daemon_.name, &options, &reader),
			 BCAST_EFOREIGN);
	assert_int_equal(run_program(&tool, argv), EX_PROTOCOL);
	assert_non_null(strstr(tool.error.bytes,
			       ": it belongs to user root, mode 0642, and "
			       "anybody may write to it"));

	/* the group may, if --mode says so */
	assert_int_equal(chmod(path, 0664), 0);
	assert_int_equal(bcast_attach(daemon_.name, &options, &reader), 0);
	bcast_detach(reader);
	/* and the registry likewise */
	snprintf(path, sizeof(path), "/dev/shm/bcast.%s.nodes", daemon_.name);
	assert_int_equal(chmod(path, 0662), 0);
	assert_int_equal(bcast_nodes_open(daemon_.name, &nodes),
			 BCAST_EFOREIGN);
	assert_int_equal(chmod(path, 0664), 0);
	assert_int_equal(bcast_nodes_open(daemon_.name, &nodes), 0);
	bcast_nodes_close(nodes);
	daemon_fixture_stop(&daemon_);
}

static void reader_learns_whose_stream_it_is(void **state)
{
	struct bcast_monitor *monitor;
	struct bcast_stream_info info;
	struct bcast_reader *reader;

	(void)state;
	daemon_fixture_start(&daemon_,
			     OPTIONS("--ring-size", "1M", "--listen",
				     "127.0.0.1:0", "--mode", "0644"));

	assert_int_equal(bcast_attach(daemon_.name, NULL, &reader), 0);
	assert_int_equal(bcast_owner_uid(reader), OWNER);
	bcast_detach(reader);
	assert_int_equal(bcast_monitor_open(daemon_.name, &monitor), 0);
	assert_int_equal(bcast_monitor_stream(monitor, &info), 0);
	bcast_monitor_close(monitor);

	assert_int_equal(info.owner_uid, OWNER);
	assert_int_equal(info.group_gid, OWNER);
	assert_int_equal(info.mode, 0644);
	daemon_fixture_stop(&daemon_);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, prepare, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(squatted_name_is_refused_with_whose_and_what_it_is),
		TEST(dead_stream_of_another_user_is_left_alone),
		TEST(reader_does_not_take_it_for_a_stream),
		TEST(stream_that_all_may_write_to_is_refused),
		TEST(reader_learns_whose_stream_it_is),
	};

	if (geteuid() != 0) {
		print_message("not root, so nobody else either: skipped\n");
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
