/* SPDX-License-Identifier: MIT */
/*
 * test_users.c - the stream of one user, and what others can do with it: real
 * user ids, taken by the children of a test that runs as root; else skipped.
 *
 * The daemon runs as OWNER, who is in TEAM too. STRANGER is in no group of its,
 * MEMBER is in TEAM; neither number need be known to the system.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "crowd.h"
#include "run_program.h"

#define SKIPPED	 77
#define OWNER	 54321
#define MEMBER	 54322
#define STRANGER 65534 /* nobody */
#define TEAM	 54320
#define TEAM_OPT "54320"
#define BYTES	 (UINT64_C(300) * 1000)

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct daemon_fixture daemon_;
static struct crowd crowd;
static struct run_program tool;

/* ---- Be somebody ------------------------------------------------------- */

/* Own group, and one more unless that is 0. */
static bool become(uid_t user, gid_t extra)
{
	return setgroups(extra != 0, &extra) == 0 && setgid(user) == 0 &&
	       setuid(user) == 0 && prctl(PR_SET_PDEATHSIG, SIGTERM) == 0;
}

static void be_owner(void *argument)
{
	(void)argument;
	if (!become(OWNER, TEAM))
		_exit(SKIPPED);
}

static int prepare(void **state)
{
	(void)state;
	daemon_ = (struct daemon_fixture){.in_child = be_owner};
	crowd_open(&crowd, &daemon_);
	return 0;
}

static int close_all(void **state)
{
	run_program_end(&tool);
	crowd_close(&crowd);
	return daemon_fixture_cleanup(state);
}

/* A daemon of OWNER's with BYTES published. */
static void serve(const char *mode, const char *group)
{
	daemon_fixture_start(&daemon_, OPTIONS("--ring-size", "1M", "--listen",
					       "127.0.0.1:0", "--mode", mode,
					       "--group", group));
	crowd_send_from(&crowd, "any");
	crowd_send(&crowd, BYTES);
	crowd_settle(&crowd);
	daemon_fixture_await(&daemon_, "bytes_in", BYTES);
}

struct visitor {
	uid_t user;
	gid_t extra; /* 0: none */
	int attaches, joins;
};

/* All bytes from the oldest on, each compared. */
static void read_all(struct bcast_reader *reader)
{
	static unsigned char bytes[1 << 16];
	uint64_t position = 0;

	test_child_check(bcast_position(reader) == 0);
	while (position < BYTES) {
		int64_t n = bcast_read(reader, bytes, sizeof(bytes));

		if (n == 0)
			test_child_check(bcast_wait(reader, DEADLINE_MS) == 1);
		test_child_check(n >= 0);
		test_child_check(test_pattern_check(crowd.seed, position, bytes,
						    (size_t)n) == -1);
		position += (uint64_t)n;
	}
	test_child_check(bcast_wait(reader, 0) == 0);
}

/* What the owner alone may do, done by another. */
static void try_to_harm(const char *suffix, bool may_write)
{
	char path[128];

	snprintf(path, sizeof(path), "/dev/shm/bcast.%s%s", daemon_.name,
		 suffix);
	test_child_check(chmod(path, 0666) < 0 && errno == EPERM);
	test_child_check(chown(path, (uid_t)-1, STRANGER) < 0 &&
			 errno == EPERM);
	test_child_check(unlink(path) < 0 &&
			 (errno == EPERM || errno == EACCES));
	test_child_check(rename(path, "/dev/shm/bcast.elsewhere") < 0);
	if (may_write)
		return;
	test_child_check(truncate(path, 0) < 0 && errno == EACCES);
	test_child_check(open(path, O_RDWR | O_CLOEXEC) < 0 && errno == EACCES);
}

/* Through what a reader has mapped and opened for reading. */
static void try_to_write(const void *data)
{
	char path[128];
	/* the ring begins at a page, and so does a reader from the oldest */
	int fd;

	test_child_check(mprotect((void *)(uintptr_t)data, 4096,
				  PROT_READ | PROT_WRITE) < 0 &&
			 errno == EACCES);
	snprintf(path, sizeof(path), "/dev/shm/bcast.%s", daemon_.name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	test_child_check(fd >= 0);
	test_child_check(ftruncate(fd, 0) < 0);
	test_child_check(fchmod(fd, 0666) < 0 && errno == EPERM);
	(void)close(fd);
}

static void visit(void *argument)
{
	const struct visitor *visitor = argument;
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;
	struct bcast_join_options join = BCAST_JOIN_DEFAULTS;
	struct bcast_publisher *publisher;
	struct bcast_reader *reader;
	struct bcast_node *node;
	const void *data;

	options.from = BCAST_FROM_OLDEST;
	join.roles = BCAST_NODE_PUBLISHER;
	test_child_check(become(visitor->user, visitor->extra));
	test_child_check(bcast_attach(daemon_.name, &options, &reader) ==
			 visitor->attaches);
	test_child_check(bcast_join(daemon_.name, "visitor", &join, &node) ==
			 visitor->joins);
	if (visitor->joins == 0) {
		test_child_check(bcast_publisher_open(node, NULL, &publisher) ==
				 -EACCES);
		bcast_leave(node);
	}
	try_to_harm("", false);
	try_to_harm(".nodes", visitor->joins == 0);
	try_to_harm(".lock", false);
	if (visitor->attaches < 0)
		return;
	test_child_check(bcast_peek(reader, &data) == (int64_t)BYTES);
	try_to_write(data);
	test_child_check(bcast_owner_uid(reader) == OWNER);
	read_all(reader);
	bcast_detach(reader);
}

static void assert_visit(struct visitor visitor)
{
	struct test_child child = test_fork(visit, &visitor);

	assert_int_equal(test_join(&child), 0);
}

static void assert_right(const char *suffix, gid_t group, mode_t mode)
{
	char path[128];
	struct stat status;

	snprintf(path, sizeof(path), "/dev/shm/bcast.%s%s", daemon_.name,
		 suffix);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_uid, OWNER);
	assert_int_equal(status.st_gid, group);
	assert_int_equal(status.st_mode & 07777, mode);
}

/* ---- Who may ----------------------------------------------------------- */

static void by_default_members_of_the_group_read_and_nobody_else(void **state)
{
	(void)state;
	serve("0640", TEAM_OPT);

	assert_right("", TEAM, 0640);
	assert_right(".nodes", TEAM, 0660);
	assert_right(".lock", OWNER, 0600);
	assert_visit((struct visitor){MEMBER, TEAM, 0, 0});
	assert_visit((struct visitor){MEMBER, 0, -EACCES, -EACCES});
	assert_visit((struct visitor){STRANGER, 0, -EACCES, -EACCES});
	daemon_fixture_stop(&daemon_);
}

static void stream_for_all_is_read_by_all_and_joined_by_members(void **state)
{
	(void)state;
	serve("0644", TEAM_OPT);

	assert_right("", TEAM, 0644);
	assert_right(".nodes", TEAM, 0664);
	assert_visit((struct visitor){STRANGER, 0, 0, -EACCES});
	assert_visit((struct visitor){MEMBER, TEAM, 0, 0});
	daemon_fixture_stop(&daemon_);
}

static void stream_for_its_owner_is_read_by_nobody_else(void **state)
{
	(void)state;
	serve("0600", TEAM_OPT);

	assert_right(".nodes", TEAM, 0600);
	assert_visit((struct visitor){MEMBER, TEAM, -EACCES, -EACCES});
	assert_visit((struct visitor){STRANGER, 0, -EACCES, -EACCES});
	daemon_fixture_stop(&daemon_);
}

static void publish_as_member(void *argument)
{
	static unsigned char bytes[1000];
	struct bcast_publisher *publisher;
	struct bcast_node *node;

	(void)argument;
	test_child_check(become(MEMBER, TEAM));
	test_child_check(bcast_join(daemon_.name, "writer", NULL, &node) == 0);
	test_child_check(bcast_publisher_open(node, NULL, &publisher) == 0);
	test_pattern_fill(crowd.seed, BYTES, bytes, sizeof(bytes));
	test_child_check(bcast_publish(publisher, bytes, sizeof(bytes)) >= 0);
	bcast_publisher_close(publisher);
	bcast_leave(node);
}

static void members_publish_where_the_mode_lets_them_write(void **state)
{
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;
	static unsigned char bytes[2000];
	struct bcast_reader *reader;
	struct test_child child;

	(void)state;
	serve("0660", TEAM_OPT);
	crowd_end_sender(&crowd);
	daemon_fixture_await(&daemon_, "senders", 0);
	options.from = BCAST_FROM_POSITION;
	options.position = BYTES;
	assert_int_equal(bcast_attach(daemon_.name, &options, &reader), 0);

	child = test_fork(publish_as_member, NULL);
	assert_int_equal(test_join(&child), 0);

	assert_int_equal(bcast_wait(reader, DEADLINE_MS), 1);
	assert_int_equal(bcast_read(reader, bytes, sizeof(bytes)), 1000);
	assert_int_equal(test_pattern_check(crowd.seed, BYTES, bytes, 1000),
			 -1);
	bcast_detach(reader);
	daemon_fixture_stop(&daemon_);
}

/* ---- What the daemon may ----------------------------------------------- */

static void assert_refused(const char *group, const char *words)
{
	daemon_fixture_launch(&daemon_,
			      OPTIONS("--ring-size", "1M", "--listen",
				      "127.0.0.1:0", "--group", group));
	assert_int_equal(daemon_fixture_wait(&daemon_), EX_NOPERM);
	if (!strstr(daemon_fixture_log(&daemon_), words))
		fail_msg("no '%s' in: %s", words, daemon_.log);
	for (unsigned i = 0; i < 3; i++)
		assert_false(test_object_exists(
			daemon_.name,
			(const char *[]){"", ".nodes", ".lock"}[i]));
	daemon_fixture_forget(&daemon_);
}

static void group_that_the_daemon_is_not_in_is_refused(void **state)
{
	(void)state;

	assert_refused("54319", "fix=\"choose a --group that this user is in");
}

/* ---- What the tools say ------------------------------------------------ */

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void assert_tool_says(uid_t user, const char *groups,
			     const char *const command[], int code,
			     const char *const words[])
{
	char uid[32], gid[32];
	const char *argv[16] = {"/usr/bin/setpriv", uid, gid, groups};
	unsigned count = 4;

	snprintf(uid, sizeof(uid), "--reuid=%u", user);
	snprintf(gid, sizeof(gid), "--regid=%u", user);
	while (*command)
		argv[count++] = *command++;
	run_program_end(&tool);
	if (run_program(&tool, argv) == 126 || tool.code == 127)
		skip(); /* no setpriv, or a path that is closed to others */
	if (tool.code != code)
		fail_msg("exit code %d: %s", tool.code, tool.error.bytes);
	for (; *words; words++)
		if (!strstr(tool.error.bytes, *words))
			fail_msg("no '%s' in: %s", *words, tool.error.bytes);
	assert_ptr_equal(strchr(tool.error.bytes, '\n'),
			 tool.error.bytes + tool.error.size - 1);
}

static void tools_name_the_missing_right_and_who_can_give_it(void **state)
{
	const char *const name = daemon_.name;

	(void)state;
	serve("0640", TEAM_OPT);

	assert_tool_says(
		MEMBER, "--clear-groups", WORDS(TAIL, name), EX_NOPERM,
		WORDS("it has mode 0640, user 54321, group 54320; ",
		      "you need read permission, and are user 54322, group "
		      "54322: ",
		      "join group 54320 and log in anew, or ask 54321 to start "
		      "bcastd with --group 54322, or with --mode 0644"));
	assert_tool_says(STRANGER, "--clear-groups", WORDS(SHMSTAT, name),
			 EX_NOPERM,
			 WORDS("mode 0640, user 54321", "are user nobody"));
	assert_tool_says(STRANGER, "--clear-groups",
			 WORDS(NODE, name, "join", "n"), EX_NOPERM,
			 WORDS("you need read and write permission"));
	daemon_fixture_stop(&daemon_);
}

static void tools_tell_the_registry_from_the_stream(void **state)
{
	const char *const name = daemon_.name;

	(void)state;
	serve("0644", TEAM_OPT);

	assert_tool_says(
		MEMBER, "--clear-groups", WORDS(NODE, name, "join", "n"),
		EX_NOPERM,
		WORDS(".nodes: ", "it has mode 0664, user 54321, group 54320; ",
		      "you need read and write permission",
		      "join group 54320 and log in anew, or ask 54321 to start "
		      "bcastd with --group 54322\n"));
	daemon_fixture_stop(&daemon_);
}

static void tools_tell_a_member_about_the_mode(void **state)
{
	const char *const name = daemon_.name;

	(void)state;
	serve("0600", TEAM_OPT);

	assert_tool_says(MEMBER, "--groups=" TEAM_OPT, WORDS(TAIL, name),
			 EX_NOPERM,
			 WORDS("it has mode 0600",
			       "ask 54321 to start bcastd with --mode 0640\n"));
	assert_tool_says(MEMBER, "--clear-groups", WORDS(TAIL, name), EX_NOPERM,
			 WORDS("ask 54321 to start bcastd with --group 54322 "
			       "--mode 0640, or with --mode 0644\n"));
	daemon_fixture_stop(&daemon_);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, prepare, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(by_default_members_of_the_group_read_and_nobody_else),
		TEST(stream_for_all_is_read_by_all_and_joined_by_members),
		TEST(stream_for_its_owner_is_read_by_nobody_else),
		TEST(members_publish_where_the_mode_lets_them_write),
		TEST(group_that_the_daemon_is_not_in_is_refused),
		TEST(tools_name_the_missing_right_and_who_can_give_it),
		TEST(tools_tell_the_registry_from_the_stream),
		TEST(tools_tell_a_member_about_the_mode),
	};

	if (geteuid() != 0) {
		print_message("not root, so nobody else either: skipped\n");
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
