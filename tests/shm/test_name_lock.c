/* SPDX-License-Identifier: MIT */
/* test_name_lock.c - one owner a name, whatever way the last one ended. */
#include "support.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "shm/name_lock.h"

static void lock_is_an_object_of_mode_0600(void **state)
{
	const char *name = test_name();
	struct bc_name_lock lock;
	struct stat status;

	(void)state;

	assert_int_equal(bc_name_lock_take(&lock, name), 0);
	assert_int_equal(fstat(lock.fd, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_true(test_object_exists(name, ".lock"));
	bc_name_lock_drop(&lock);
	assert_false(test_object_exists(name, ".lock"));
}

static void second_taker_is_refused(void **state)
{
	const char *name = test_name();
	struct bc_name_lock first, second;

	(void)state;
	assert_int_equal(bc_name_lock_take(&first, name), 0);

	assert_int_equal(bc_name_lock_take(&second, name), BCAST_EOWNED);
	assert_int_equal(second.fd, -1);

	/* and dropping what was never taken takes nothing away */
	bc_name_lock_drop(&second);
	assert_true(test_object_exists(name, ".lock"));
	bc_name_lock_drop(&first);
	assert_int_equal(bc_name_lock_take(&second, name), 0);
	bc_name_lock_drop(&second);
	bc_name_lock_drop(&second);
}

static void bad_name_is_refused(void **state)
{
	struct bc_name_lock lock;

	(void)state;

	assert_int_equal(bc_name_lock_take(&lock, "../x"), BCAST_ENAME);
	assert_int_equal(lock.fd, -1);
	bc_name_lock_drop(&lock);
}

static void take_and_sleep(void *argument)
{
	struct bc_name_lock lock;

	test_child_check(bc_name_lock_take(&lock, argument) == 0);
	test_child_ready();
	test_child_sleep();
}

static void killed_owner_frees_the_name(void **state)
{
	char name[64];
	struct bc_name_lock lock;
	struct test_child child;

	(void)state;
	snprintf(name, sizeof(name), "%s", test_name());
	child = test_fork(take_and_sleep, name);
	assert_int_equal(bc_name_lock_take(&lock, name), BCAST_EOWNED);

	test_kill(&child);

	/* its object is still there, and is taken over */
	assert_true(test_object_exists(name, ".lock"));
	assert_int_equal(bc_name_lock_take(&lock, name), 0);
	bc_name_lock_drop(&lock);
}

#define ROUNDS 2000

/* Another user has made the object, and let everybody in. */
static void plant(const char *name, uid_t user)
{
	char path[128];

	snprintf(path, sizeof(path), "/dev/shm/bcast.%s.lock", name);
	test_object_create(name, ".lock", 0);
	assert_int_equal(chown(path, user, user), 0);
	assert_int_equal(chmod(path, 0666), 0);
}

static void object_of_another_user_is_replaced_by_root(void **state)
{
	const char *name = test_name();
	struct bc_name_lock lock;
	struct stat status;

	(void)state;
	if (geteuid() != 0)
		skip();
	plant(name, 65534);

	assert_int_equal(bc_name_lock_take(&lock, name), 0);

	/* or he could lock it, and unlink it under us */
	assert_int_equal(fstat(lock.fd, &status), 0);
	assert_int_equal(status.st_uid, 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	bc_name_lock_drop(&lock);
}

static void take_as_nobody(void *name)
{
	struct bc_name_lock lock;

	test_child_check(setgroups(0, NULL) == 0);
	test_child_check(setgid(65534) == 0 && setuid(65534) == 0);
	test_child_check(bc_name_lock_take(&lock, name) == -EACCES);
	test_child_check(lock.fd == -1);
}

static void object_of_another_user_is_refused_to_others(void **state)
{
	char name[64];
	struct bc_name_lock lock;
	struct test_child child;

	(void)state;
	if (geteuid() != 0)
		skip();
	snprintf(name, sizeof(name), "%s", test_name());

	/* open to all, but not to be trusted */
	plant(name, 0);
	child = test_fork(take_as_nobody, name);
	assert_int_equal(test_join(&child), 0);
	test_object_unlink(name, ".lock");
	/* and not open at all */
	assert_int_equal(bc_name_lock_take(&lock, name), 0);
	child = test_fork(take_as_nobody, name);
	assert_int_equal(test_join(&child), 0);
	bc_name_lock_drop(&lock);
}

static void lock_whose_object_was_removed_is_no_longer_held(void **state)
{
	const char *name = test_name();
	struct bc_name_lock first, second;

	(void)state;
	assert_int_equal(bc_name_lock_take(&first, name), 0);
	assert_true(bc_name_lock_is_held(&first));
	test_object_unlink(name, ".lock");
	assert_false(bc_name_lock_is_held(&first));

	/* the next one has one of its own, which the first does not unlink */
	assert_int_equal(bc_name_lock_take(&second, name), 0);
	bc_name_lock_drop(&first);
	assert_false(bc_name_lock_is_held(&first));
	assert_true(bc_name_lock_is_held(&second));
	assert_true(test_object_exists(name, ".lock"));
	bc_name_lock_drop(&second);
	assert_false(test_object_exists(name, ".lock"));
}

static void what_is_no_file_is_refused(void **state)
{
	const char *name = test_name();
	struct bc_name_lock lock;
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "/dev/shm/bcast.%s.lock", name);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(bc_name_lock_take(&lock, name), BCAST_EFOREIGN);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(bc_name_lock_take(&lock, name), BCAST_EFOREIGN);
	assert_int_equal(rmdir(path), 0);
}

struct contest {
	_Atomic int holders, rounds;
	char name[64];
};

/* Only its holder unlinks the object: while it is held it has its name. */
static bool is_named(const struct bc_name_lock *lock)
{
	struct stat held, named;
	char path[128];

	snprintf(path, sizeof(path), "/dev/shm%s", lock->object);
	return fstat(lock->fd, &held) == 0 && stat(path, &named) == 0 &&
	       held.st_ino == named.st_ino;
}

/* Take and drop; while it is held nobody else may hold it. */
static void compete(void *argument)
{
	struct contest *contest = argument;
	int taken = 0;

	test_child_ready();
	while (taken < ROUNDS) {
		struct bc_name_lock lock;
		int ret = bc_name_lock_take(&lock, contest->name);

		if (ret == BCAST_EOWNED || ret == -EAGAIN)
			continue;
		test_child_check(ret == 0);
		test_child_check(++contest->holders == 1);
		test_child_check(is_named(&lock));
		contest->rounds++;
		taken++;
		contest->holders--;
		bc_name_lock_drop(&lock);
	}
}

static void takers_and_unlinkers_never_hold_it_together(void **state)
{
	struct contest *contest =
		mmap(NULL, sizeof(*contest), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct test_child children[3];

	(void)state;
	assert_true(contest != MAP_FAILED);
	snprintf(contest->name, sizeof(contest->name), "%s", test_name());
	for (unsigned i = 0; i < 3; i++)
		children[i] = test_fork(compete, contest);

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(test_join(&children[i]), 0);
	assert_int_equal(contest->rounds, 3 * ROUNDS);
	assert_false(test_object_exists(contest->name, ".lock"));
	(void)munmap(contest, sizeof(*contest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lock_is_an_object_of_mode_0600),
		cmocka_unit_test(second_taker_is_refused),
		cmocka_unit_test(bad_name_is_refused),
		cmocka_unit_test(killed_owner_frees_the_name),
		cmocka_unit_test(
			lock_whose_object_was_removed_is_no_longer_held),
		cmocka_unit_test(what_is_no_file_is_refused),
		cmocka_unit_test(object_of_another_user_is_replaced_by_root),
		cmocka_unit_test(object_of_another_user_is_refused_to_others),
		cmocka_unit_test(takers_and_unlinkers_never_hold_it_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
