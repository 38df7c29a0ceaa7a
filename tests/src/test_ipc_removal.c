/* SPDX-License-Identifier: MIT */
/*
 * test_ipc_removal.c - logind's configuration, in a directory of our own that
 * stands for the root.
 */
#include "root.h"
#include "support.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/ipc_removal.h"

#define USER   ((uid_t)1000)
#define MAIN   "/etc/systemd/logind.conf"
#define ETC    "/etc/systemd/logind.conf.d/"
#define RUN    "/run/systemd/logind.conf.d/"
#define VENDOR "/usr/lib/systemd/logind.conf.d/"

/* A machine with logind, as it is installed. */
static int prepare(void **state)
{
	(void)state;
	root_make();
	root_write("/run/systemd/users/here", "");
	root_write("/run/systemd/system/here", "");
	return 0;
}

static int clean(void **state)
{
	(void)state;
	root_remove();
	return 0;
}

static void regular_users_lose_their_objects_by_default(void **state)
{
	(void)state;

	assert_true(ipc_removal_expected(root_path, USER));
	assert_true(ipc_removal_expected(root_path, 60000));
}

static void root_and_system_users_do_not(void **state)
{
	(void)state;

	assert_false(ipc_removal_expected(root_path, 0));
	assert_false(ipc_removal_expected(root_path, 998));
	assert_false(ipc_removal_expected(root_path, 999));
	assert_true(ipc_removal_expected(root_path, 1000));
	assert_false(ipc_removal_expected(root_path, 65534));
}

static void nothing_is_expected_without_logind(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/run/systemd/system/here", root_path);
	assert_int_equal(unlink(path), 0);
	*strrchr(path, '/') = '\0';
	assert_int_equal(rmdir(path), 0);

	assert_false(ipc_removal_expected(root_path, USER));
}

static void main_file_turns_it_off(void **state)
{
	(void)state;
	root_write(MAIN, "[Login]\n#RemoveIPC=no\n");
	assert_true(ipc_removal_expected(root_path, USER));

	root_write(MAIN, "[Login]\nRemoveIPC=no\n");
	assert_false(ipc_removal_expected(root_path, USER));
}

static void booleans_are_read_as_systemd_does(void **state)
{
	static const struct {
		const char *text;
		bool expected;
	} cases[] = {
		{"[Login]\nRemoveIPC=0", false},
		{"[Login]\n RemoveIPC = Off \r\n", false},
		{"[Login]\nRemoveIPC=FALSE\n", false},
		{"[Login]\nRemoveIPC=n\nRemoveIPC=yes\n", true},
		{"[Login]\nRemoveIPC=no\nRemoveIPC=perhaps\n", false},
		{"[Login]\nRemoveIPC=no\nRemoveIPC=\n", false},
		{"[Login]\n;RemoveIPC=no\n", true},
		{"[Login]\nRemoveIPCs=no\n", true},
		{"[Login]\nremoveipc=no\n", true},
		{"RemoveIPC=no\n", true},
		{"[Other]\nRemoveIPC=no\n", true},
		{"[Login]\n[Other]\nRemoveIPC=no\n", true},
		{"", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		root_write(MAIN, cases[i].text);
		if (ipc_removal_expected(root_path, USER) != cases[i].expected)
			fail_msg("case %zu: %s", i, cases[i].text);
	}
}

static void drop_ins_count_by_name_and_over_the_main_file(void **state)
{
	(void)state;
	root_write(MAIN, "[Login]\nRemoveIPC=yes\n");
	root_write(VENDOR "50-off.conf", "[Login]\nRemoveIPC=no\n");
	assert_false(ipc_removal_expected(root_path, USER));

	/* sorted by name, whatever directory */
	root_write(ETC "20-on.conf", "[Login]\nRemoveIPC=yes\n");
	assert_false(ipc_removal_expected(root_path, USER));
	root_write(RUN "60-on.conf", "[Login]\nRemoveIPC=yes\n");
	assert_true(ipc_removal_expected(root_path, USER));

	/* one name hides the same name further down */
	root_write(ETC "60-on.conf", "");
	assert_false(ipc_removal_expected(root_path, USER));
	/* and only .conf counts */
	root_write(ETC "70-on.txt", "[Login]\nRemoveIPC=yes\n");
	assert_false(ipc_removal_expected(root_path, USER));
}

static void lingering_user_keeps_them(void **state)
{
	const struct passwd *entry;
	char path[256];

	(void)state;
	/* any regular user that this system has */
	setpwent();
	while ((entry = getpwent()) &&
	       (entry->pw_uid < 1000 || entry->pw_uid == 65534))
		;
	if (!entry) {
		endpwent();
		skip();
	}
	snprintf(path, sizeof(path), "/var/lib/systemd/linger/%s",
		 entry->pw_name);
	root_write(path, "");

	assert_false(ipc_removal_expected(root_path, entry->pw_uid));
	endpwent();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, prepare, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(regular_users_lose_their_objects_by_default),
		TEST(root_and_system_users_do_not),
		TEST(nothing_is_expected_without_logind),
		TEST(main_file_turns_it_off),
		TEST(booleans_are_read_as_systemd_does),
		TEST(drop_ins_count_by_name_and_over_the_main_file),
		TEST(lingering_user_keeps_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
