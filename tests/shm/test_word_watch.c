/* SPDX-License-Identifier: MIT */
/*
 * test_word_watch.c - a word's change makes a descriptor readable, once, for
 * the arming in force and no other. The watch sees a read-only mapping.
 */
#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/notify.h"
#include "shm/word_watch.h"

#define PAGE_BYTES 4096
#define OTHER	   32 /* index of a second word, on a line of its own */
#define ROUNDS	   10000u
#define NEVER_NS   INT64_C(-1)
/* How long we look at what must not happen. */
#define SHORT_MS 20

/* The same page twice, as a writer and as a reader maps it; and the watch. */
struct scene {
	bc_u32 *words;
	const bc_u32 *read_only;
	struct bc_word_watch watch;
};

static struct scene scene;

static int map_page(void)
{
	int fd = memfd_create("word", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, PAGE_BYTES) < 0)
		return -1;
	scene.words = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			   fd, 0);
	scene.read_only = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	(void)close(fd);
	return scene.words == MAP_FAILED || scene.read_only == MAP_FAILED;
}

static void unmap_words_read_only(void)
{
	(void)munmap((void *)(uintptr_t)scene.read_only, PAGE_BYTES);
}

static int open_scene(void **state)
{
	(void)state;
	return map_page() < 0 ? -1 : bc_word_watch_open(&scene.watch);
}

static int close_scene(void **state)
{
	(void)state;
	bc_word_watch_close(&scene.watch);
	unmap_words_read_only();
	return munmap(scene.words, PAGE_BYTES);
}

static bool readable_within(int timeout_ms)
{
	struct pollfd fd = {.fd = bc_word_watch_fd(&scene.watch),
			    .events = POLLIN};

	return poll(&fd, 1, timeout_ms) == 1;
}

static void arm(unsigned index, uint32_t seen)
{
	bc_word_watch_arm(&scene.watch, &scene.read_only[index], seen,
			  NEVER_NS);
}

static void change(unsigned index)
{
	(void)atomic_fetch_add(&scene.words[index], 1);
	(void)bc_notify_wake(&scene.words[index]);
}

static bool wakes_one(void *word)
{
	return bc_notify_wake(word) == 1;
}

/* ---- What signals ------------------------------------------------------ */

static void word_that_differs_signals_at_once(void **state)
{
	(void)state;
	atomic_store(&scene.words[0], 5);

	arm(0, 4);

	assert_true(readable_within(0));
}

static void change_word_0(void *argument)
{
	(void)argument;
	change(0);
}

static void change_in_another_process_signals(void **state)
{
	struct test_child child;

	(void)state;
	arm(0, 0);

	child = test_fork(change_word_0, NULL);

	assert_true(readable_within(DEADLINE_MS));
	assert_int_equal(test_join(&child), 0);
}

static void wake_without_a_change_signals_too(void **state)
{
	(void)state;
	arm(0, 0);

	assert_true(test_within(DEADLINE_MS, wakes_one, &scene.words[0]));

	assert_true(readable_within(DEADLINE_MS));
}

static void timeout_signals_and_not_before(void **state)
{
	static const int64_t timeouts_ms[] = {0, 1, 150};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		uint64_t start_ns = bc_monotonic_ns();
		int64_t timeout_ns = timeouts_ms[i] * BC_NS_PER_MS;

		bc_word_watch_arm(&scene.watch, scene.read_only, 0, timeout_ns);

		assert_true(readable_within(DEADLINE_MS));
		assert_true(bc_monotonic_ns() - start_ns >=
			    (uint64_t)timeout_ns);
	}
}

static void longest_timeout_is_no_timeout(void **state)
{
	(void)state;
	bc_word_watch_arm(&scene.watch, scene.read_only, 0, INT64_MAX);
	assert_false(readable_within(SHORT_MS));

	change(0);

	assert_true(readable_within(DEADLINE_MS));
}

/* ---- What does not ----------------------------------------------------- */

static void arming_signals_once(void **state)
{
	eventfd_t count = 0;

	(void)state;
	arm(0, 0);
	change(0);
	assert_true(readable_within(DEADLINE_MS));
	assert_int_equal(eventfd_read(bc_word_watch_fd(&scene.watch), &count),
			 0);
	assert_int_equal(count, 1);

	change(0);

	assert_false(readable_within(SHORT_MS));
	/* read or not, it has fired */
	assert_true(bc_word_watch_disarm(&scene.watch));
}

static void disarmed_watch_does_not_signal(void **state)
{
	(void)state;
	assert_false(bc_word_watch_disarm(&scene.watch));
	arm(0, 0);

	assert_false(bc_word_watch_disarm(&scene.watch));
	change(0);

	assert_false(readable_within(SHORT_MS));
	assert_false(bc_word_watch_disarm(&scene.watch));
}

static void disarm_takes_the_signal_back(void **state)
{
	(void)state;
	arm(0, 0);
	change(0);
	assert_true(readable_within(DEADLINE_MS));

	assert_true(bc_word_watch_disarm(&scene.watch));

	assert_false(readable_within(0));
}

static void new_arming_replaces_the_last_one(void **state)
{
	(void)state;
	arm(0, 0);
	arm(OTHER, 0);

	change(0);
	assert_false(readable_within(SHORT_MS));
	change(OTHER);
	assert_true(readable_within(DEADLINE_MS));

	/* the signal that nobody has read goes with its arming */
	arm(0, 1);
	assert_false(readable_within(SHORT_MS));
	change(0);
	assert_true(readable_within(DEADLINE_MS));
}

static void replaced_timeout_does_not_signal(void **state)
{
	(void)state;
	bc_word_watch_arm(&scene.watch, scene.read_only, 0, 5 * BC_NS_PER_MS);
	arm(0, 0);
	/* unless it was over before it was replaced: then taken back */

	assert_false(readable_within(SHORT_MS));
}

/* ---- The word, the thread, the process --------------------------------- */

static void word_may_go_once_disarmed(void **state)
{
	(void)state;
	arm(0, 0);
	assert_true(test_within(DEADLINE_MS, wakes_one, &scene.words[0]) &&
		    readable_within(DEADLINE_MS));
	arm(0, 0);
	(void)bc_word_watch_disarm(&scene.watch);

	assert_int_equal(mprotect((void *)(uintptr_t)scene.read_only,
				  PAGE_BYTES, PROT_NONE),
			 0);
	change(0);
	assert_false(readable_within(SHORT_MS));

	bc_word_watch_arm(&scene.watch, &scene.words[OTHER], 0, NEVER_NS);
	change(OTHER);
	assert_true(readable_within(DEADLINE_MS));
}

/* The signals that the thread of this name blocks; 0 if there is none. */
static unsigned long long blocked_by(const char *task, const char *thread)
{
	unsigned long long blocked = 0;
	char path[64], line[128];
	bool named = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%.20s/status", task);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, "Name:\t", 6) == 0)
			named = strncmp(line + 6, thread, strlen(thread)) == 0;
		(void)sscanf(line, "SigBlk: %llx", &blocked);
	}
	(void)fclose(file);
	return named ? blocked : 0;
}

static unsigned long long blocked_by_the_watch(void)
{
	DIR *tasks = opendir("/proc/self/task");
	unsigned long long blocked = 0;
	struct dirent *task;

	assert_non_null(tasks);
	while (blocked == 0 && (task = readdir(tasks)))
		blocked = blocked_by(task->d_name, "bcast-watch");
	(void)closedir(tasks);
	return blocked;
}

static void thread_has_a_name_and_takes_no_signal(void **state)
{
	static const int signals[] = {SIGINT,  SIGTERM, SIGCHLD, SIGUSR1,
				      SIGPIPE, SIGSEGV, SIGALRM, SIGHUP};
	unsigned long long blocked = blocked_by_the_watch();
	sigset_t ours;

	(void)state;
	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		assert_true((blocked & 1ULL << (signals[i] - 1)) != 0);
	(void)sigprocmask(SIG_BLOCK, NULL, &ours);
	assert_false(sigismember(&ours, SIGUSR1));
}

static void close_ends_every_state(void **state)
{
	uint64_t start_ms = test_now_ms();

	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		struct bc_word_watch watch;

		assert_int_equal(bc_word_watch_open(&watch), 0);
		if (i % 4 > 0)
			bc_word_watch_arm(&watch, scene.read_only, i % 4 == 2,
					  NEVER_NS);
		if (i % 4 == 3)
			(void)bc_word_watch_disarm(&watch);
		bc_word_watch_close(&watch);
		assert_int_equal(fcntl(watch.fd, F_GETFD), -1);
	}
	assert_true(test_now_ms() - start_ms < DEADLINE_MS);
}

static void close_the_copy(void *argument)
{
	(void)argument;
	bc_word_watch_close(&scene.watch);
}

static void child_may_close_its_copy(void **state)
{
	struct test_child child;

	(void)state;
	arm(0, 0);

	child = test_fork(close_the_copy, NULL);

	assert_int_equal(test_join(&child), 0);
	assert_false(readable_within(SHORT_MS));
	change(0);
	assert_true(readable_within(DEADLINE_MS));

	/* nor does it take the parent's signal */
	child = test_fork(close_the_copy, NULL);
	assert_int_equal(test_join(&child), 0);
	assert_true(readable_within(0));
}

/* ---- Many -------------------------------------------------------------- */

/* Changes word 0 each time that word OTHER says so. */
static void change_when_told(void *argument)
{
	(void)argument;
	test_child_ready();
	for (uint32_t round = 0; round < ROUNDS; round++) {
		while (atomic_load(&scene.words[OTHER]) == round)
			(void)bc_notify_wait(&scene.words[OTHER], round, -1);
		change(0);
	}
}

static void no_change_is_lost_around_the_arming(void **state)
{
	struct test_child child = test_fork(change_when_told, NULL);

	(void)state;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		/* before or after: the change meets the arming everywhere */
		if (round % 2 == 0)
			change(OTHER);
		arm(0, round);
		if (round % 2 == 1)
			change(OTHER);
		assert_true(readable_within(DEADLINE_MS));
		/* woken too early is allowed */
		while (atomic_load(&scene.words[0]) == round) {
			arm(0, round);
			assert_true(readable_within(DEADLINE_MS));
		}
	}

	assert_int_equal(test_join(&child), 0);
}

/* ---- A kernel without futex_waitv -------------------------------------- */

static void forbid_waitv(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex_waitv, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(filter[0]),
		.filter = filter,
	};

	test_child_check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	test_child_check(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) ==
			 0);
	test_child_check(syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0) == -1 &&
			 errno == ENOSYS);
}

static void watch_without_waitv(void *argument)
{
	uint64_t start_ns;

	(void)argument;
	forbid_waitv();
	test_child_check(bc_word_watch_open(&scene.watch) == 0);

	arm(0, 0);
	test_child_check(!readable_within(2 * SHORT_MS));
	change(0);
	test_child_check(readable_within(DEADLINE_MS));
	arm(0, 1);
	test_child_check(test_within(DEADLINE_MS, wakes_one, scene.words));
	test_child_check(readable_within(DEADLINE_MS));
	/* sleeping on the one, then told of the other */
	arm(0, 1);
	arm(OTHER, 0);
	test_child_check(!readable_within(4 * SHORT_MS));
	change(OTHER);
	test_child_check(readable_within(DEADLINE_MS));
	start_ns = bc_monotonic_ns();
	bc_word_watch_arm(&scene.watch, scene.read_only, 1, 70 * BC_NS_PER_MS);
	test_child_check(readable_within(DEADLINE_MS));
	test_child_check(bc_monotonic_ns() - start_ns >= 70 * BC_NS_PER_MS);
	arm(0, 1);
	test_child_check(!bc_word_watch_disarm(&scene.watch));
	change(0);
	test_child_check(!readable_within(4 * SHORT_MS));

	bc_word_watch_close(&scene.watch);
}

static void old_kernel_is_no_obstacle(void **state)
{
	struct test_child child;

	(void)state;
	assert_int_equal(map_page(), 0);

	child = test_fork(watch_without_waitv, NULL);

	assert_int_equal(test_join(&child), 0);
	unmap_words_read_only();
	(void)munmap(scene.words, PAGE_BYTES);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, open_scene, close_scene)

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* first: no thread has been started before the fork */
		cmocka_unit_test(old_kernel_is_no_obstacle),
		TEST(word_that_differs_signals_at_once),
		TEST(change_in_another_process_signals),
		TEST(wake_without_a_change_signals_too),
		TEST(timeout_signals_and_not_before),
		TEST(longest_timeout_is_no_timeout),
		TEST(arming_signals_once),
		TEST(disarmed_watch_does_not_signal),
		TEST(disarm_takes_the_signal_back),
		TEST(new_arming_replaces_the_last_one),
		TEST(replaced_timeout_does_not_signal),
		TEST(word_may_go_once_disarmed),
		TEST(thread_has_a_name_and_takes_no_signal),
		TEST(close_ends_every_state),
		TEST(child_may_close_its_copy),
		TEST(no_change_is_lost_around_the_arming),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
