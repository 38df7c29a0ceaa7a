/* SPDX-License-Identifier: MIT */
/* test_object.c - what may stand under an object's name. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "shm/object.h"

static const char *name;
static char object[96], path[128];

static int prepare(void **state)
{
	(void)state;
	name = test_name();
	snprintf(object, sizeof(object), "/bcast.%s", name);
	snprintf(path, sizeof(path), "/dev/shm/bcast.%s", name);
	return 0;
}

static int clean(void **state)
{
	(void)state;
	(void)remove(path);
	return 0;
}

static int opened(int access)
{
	int fd = bc_object_open(object, access);

	if (fd >= 0)
		(void)close(fd);
	return fd < 0 ? fd : 0;
}

static void object_is_opened_or_absent(void **state)
{
	(void)state;
	assert_int_equal(opened(O_RDONLY), -ENOENT);

	test_object_create(name, "", 1);

	assert_int_equal(opened(O_RDONLY), 0);
	assert_int_equal(opened(O_RDWR), 0);
}

static void open_as_nobody(void *argument)
{
	(void)argument;
	test_child_check(setgroups(0, NULL) == 0);
	test_child_check(setgid(65534) == 0 && setuid(65534) == 0);
	test_child_check(opened(O_RDONLY) == 0);
	test_child_check(opened(O_RDWR) == -EACCES);
}

static void permission_is_asked_for_what_is_wanted(void **state)
{
	struct test_child child;

	(void)state;
	if (geteuid() != 0)
		skip();
	test_object_create(name, "", 1);
	assert_int_equal(chmod(path, 0604), 0);

	child = test_fork(open_as_nobody, NULL);

	assert_int_equal(test_join(&child), 0);
}

static void link_is_not_followed(void **state)
{
	(void)state;
	assert_int_equal(symlink("/etc/passwd", path), 0);

	assert_int_equal(opened(O_RDONLY), BCAST_EFOREIGN);
	assert_int_equal(opened(O_RDWR), BCAST_EFOREIGN);
}

static void pipe_is_not_waited_for(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);

	assert_int_equal(opened(O_RDONLY), 0);
	assert_int_equal(opened(O_RDWR), 0);
}

static void directory_and_socket_are_foreign(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(opened(O_RDWR), BCAST_EFOREIGN);
	assert_int_equal(rmdir(path), 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%.107s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	assert_int_equal(opened(O_RDONLY), BCAST_EFOREIGN);
	assert_int_equal(opened(O_RDWR), BCAST_EFOREIGN);
	(void)close(fd);
}

static void name_leads_to_one_object_only(void **state)
{
	int first, second;

	(void)state;
	test_object_create(name, "", 1);
	first = bc_object_open(object, O_RDONLY);
	assert_int_equal(bc_object_is_named(first, object), 1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(bc_object_is_named(first, object), 0);
	test_object_create(name, "", 1);
	second = bc_object_open(object, O_RDONLY);

	assert_int_equal(bc_object_is_named(first, object), 0);
	assert_int_equal(bc_object_is_named(second, object), 1);
	/* whatever it is that has the name */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(bc_object_is_named(second, object), 0);
	(void)close(first);
	(void)close(second);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, prepare, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(object_is_opened_or_absent),
		TEST(permission_is_asked_for_what_is_wanted),
		TEST(link_is_not_followed),
		TEST(pipe_is_not_waited_for),
		TEST(directory_and_socket_are_foreign),
		TEST(name_leads_to_one_object_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
