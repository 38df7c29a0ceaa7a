/* SPDX-License-Identifier: MIT */
/* What is opened works; what is not opened is explained. */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "deny.h"
#include "support.h"

#include "net/backend_open.h"

#define CONNECTIONS 64

static const long io_uring_calls[] = {SYS_io_uring_setup, SYS_io_uring_enter,
				      SYS_io_uring_register};

static const char *name_of(enum bc_backend_which which)
{
	char why[BC_BACKEND_WHY_MAX];
	struct bc_backend *backend;
	const char *name, *what;

	if (bc_backend_open(&backend, which, CONNECTIONS, why) < 0)
		return why[0] ? "none" : "none, and no reason";
	name = backend->ops->name;
	/* a second trial finds everything as the first did */
	if (bc_backend_try(backend, &what) < 0)
		return what;
	bc_backend_close(backend);
	return name;
}

static void epoll_works_everywhere(void **state)
{
	(void)state;
	assert_string_equal(name_of(BC_BACKEND_EPOLL), "epoll");
}

static void auto_gives_one_that_works(void **state)
{
	const char *name = name_of(BC_BACKEND_AUTO);

	(void)state;
	assert_true(strcmp(name, "io_uring") == 0 ||
		    strcmp(name, "epoll") == 0);
}

static void trial_is_over_in_less_than_50_ms(void **state)
{
	uint64_t least_ms = UINT64_MAX;

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		uint64_t start_ms = test_now_ms();

		(void)name_of(BC_BACKEND_AUTO);
		if (test_now_ms() - start_ms < least_ms)
			least_ms = test_now_ms() - start_ms;
	}

	assert_in_range(least_ms, 0, 49);
}

/* ---- As other systems are ---------------------------------------------- */

static void check_without_io_uring(void *error)
{
	char why[BC_BACKEND_WHY_MAX] = "";
	struct bc_backend *backend;

	deny_calls(io_uring_calls, 3, *(const int *)error);
	test_child_check(bc_backend_open(&backend, BC_BACKEND_IO_URING,
					 CONNECTIONS,
					 why) == -*(const int *)error);
	test_child_check(strstr(why, "seccomp") || strstr(why, "sysctl"));
	test_child_check(bc_backend_open(&backend, BC_BACKEND_AUTO, CONNECTIONS,
					 why) == 0);
	test_child_check(strcmp(backend->ops->name, "epoll") == 0);
	test_child_check(strstr(why, "seccomp") || strstr(why, "sysctl"));
	bc_backend_close(backend);
}

static void without_io_uring_there_is_epoll_and_a_reason(void **state)
{
	static int errors[] = {EPERM, EACCES, ENOSYS};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct test_child child =
			test_fork(check_without_io_uring, &errors[i]);

		assert_int_equal(test_join(&child), 0);
	}
}

static void check_epoll_without_pwait2(void *error)
{
	static const long calls[] = {SYS_epoll_pwait2};

	deny_calls(calls, 1, *(const int *)error);
	test_child_check(strcmp(name_of(BC_BACKEND_EPOLL), "epoll") == 0);
}

static void epoll_does_without_epoll_pwait2(void **state)
{
	static int errors[] = {EPERM, ENOSYS};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct test_child child =
			test_fork(check_epoll_without_pwait2, &errors[i]);

		assert_int_equal(test_join(&child), 0);
	}
}

static void lack_of_descriptors_is_not_a_lack_of_io_uring(void **state)
{
	char why[BC_BACKEND_WHY_MAX] = "";
	struct bc_backend *backend = NULL;
	struct rlimit before, none;
	int ret;

	(void)state;
	if (strcmp(name_of(BC_BACKEND_AUTO), "io_uring") != 0)
		skip();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);

	ret = bc_backend_open(&backend, BC_BACKEND_AUTO, CONNECTIONS, why);

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(ret, -EMFILE);
	assert_non_null(strstr(why, "open files"));
	assert_null(backend);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(epoll_works_everywhere),
		cmocka_unit_test(auto_gives_one_that_works),
		cmocka_unit_test(trial_is_over_in_less_than_50_ms),
		cmocka_unit_test(without_io_uring_there_is_epoll_and_a_reason),
		cmocka_unit_test(epoll_does_without_epoll_pwait2),
		cmocka_unit_test(lack_of_descriptors_is_not_a_lack_of_io_uring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
