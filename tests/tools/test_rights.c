/* SPDX-License-Identifier: MIT */
/*
 * test_rights.c - what is advised to whom, for files of other users; real user
 * ids, so root's to run. The words of the tools themselves: e2e/users.
 */
#include "support.h"

#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rights.h"

#define SKIPPED 77
#define OWNER	54321
#define TEAM	54320
#define VISITOR 54322

static char path[] = "/dev/shm/rights-XXXXXX";

struct visit {
	gid_t extra; /* 0: none */
	uid_t user;
	enum rights_use use;
	const char *advice; /* how it ends */
};

static void visit(void *argument)
{
	const struct visit *visit = argument;
	struct rights_text told;
	const char *end;

	test_child_check(setgroups(visit->extra != 0, &visit->extra) == 0);
	test_child_check(setgid(visit->user) == 0 && setuid(visit->user) == 0);
	told = rights_missing(path, visit->use);
	end = told.text + strlen(told.text) - strlen(visit->advice);
	if (end < told.text || strcmp(end, visit->advice) != 0)
		fprintf(stderr, "no '%s' at the end of: %s\n", visit->advice,
			told.text);
	test_child_check(end >= told.text && strcmp(end, visit->advice) == 0);
}

static void assert_advised(mode_t mode, gid_t group, struct visit wanted)
{
	struct test_child child;

	assert_int_equal(chown(path, OWNER, group), 0);
	assert_int_equal(chmod(path, mode), 0);
	child = test_fork(visit, &wanted);
	assert_int_equal(test_join(&child), 0);
}

static int prepare(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int clean(void **state)
{
	(void)state;
	return unlink(path);
}

static void strangers_are_told_of_group_and_mode(void **state)
{
	(void)state;
	assert_advised(0640, TEAM,
		       (struct visit){0, VISITOR, RIGHTS_READ,
				      ": join group 54320 and log in anew, or "
				      "ask 54321 to start bcastd with --group "
				      "54322, or with --mode 0644"});
	assert_advised(0600, TEAM,
		       (struct visit){0, VISITOR, RIGHTS_READ,
				      ": ask 54321 to start bcastd with "
				      "--group 54322 --mode 0640, or with "
				      "--mode 0644"});
	assert_advised(0664, TEAM,
		       (struct visit){0, VISITOR, RIGHTS_JOIN,
				      ": join group 54320 and log in anew, or "
				      "ask 54321 to start bcastd with --group "
				      "54322"});
	assert_advised(0644, TEAM,
		       (struct visit){0, VISITOR, RIGHTS_PUBLISH,
				      ": ask 54321 to start bcastd with "
				      "--group 54322 --mode 0660"});
}

static void nobody_is_told_to_join_root_s_group(void **state)
{
	(void)state;
	assert_advised(0640, 0,
		       (struct visit){0, VISITOR, RIGHTS_READ,
				      ": ask 54321 to start bcastd with "
				      "--group 54322, or with --mode 0644"});
}

static void members_are_told_of_the_mode(void **state)
{
	(void)state;
	assert_advised(0604, TEAM,
		       (struct visit){TEAM, VISITOR, RIGHTS_READ,
				      ": ask 54321 to start bcastd with --mode "
				      "0640"});
	assert_advised(0640, TEAM,
		       (struct visit){TEAM, VISITOR, RIGHTS_JOIN,
				      ": ask 54321 to start bcastd with --mode "
				      "0640"});
	assert_advised(0640, TEAM,
		       (struct visit){TEAM, VISITOR, RIGHTS_PUBLISH,
				      ": ask 54321 to start bcastd with --mode "
				      "0660"});
}

static void owner_is_told_to_help_himself(void **state)
{
	(void)state;
	assert_advised(0060, TEAM,
		       (struct visit){TEAM, OWNER, RIGHTS_READ,
				      ": it is yours: chmod u+r"});
	assert_advised(0460, TEAM,
		       (struct visit){TEAM, OWNER, RIGHTS_JOIN,
				      ": it is yours: chmod u+rw"});
}

static void what_the_mode_gives_something_else_forbids(void **state)
{
	(void)state;
	assert_advised(0640, TEAM,
		       (struct visit){TEAM, VISITOR, RIGHTS_READ,
				      ": an access control list, SELinux or "
				      "AppArmor"});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strangers_are_told_of_group_and_mode),
		cmocka_unit_test(nobody_is_told_to_join_root_s_group),
		cmocka_unit_test(members_are_told_of_the_mode),
		cmocka_unit_test(owner_is_told_to_help_himself),
		cmocka_unit_test(what_the_mode_gives_something_else_forbids),
	};

	if (geteuid() != 0) {
		print_message("not root, so nobody else either: skipped\n");
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, prepare, clean);
}
