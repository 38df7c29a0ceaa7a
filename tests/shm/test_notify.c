/* SPDX-License-Identifier: MIT */
/*
 * test_notify.c - sleeping and waking on a word, across processes, through a
 * mapping that the sleeper cannot write.
 */
#include "support.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include "shm/notify.h"
#include "shm/pause.h"

#define SECOND_NS INT64_C(1000000000)

/* The same page twice: as a writer and as a reader maps it. */
struct page {
	bc_u32 *words;
	const bc_u32 *read_only;
};

static struct page page;

static int map_page(void **state)
{
	int fd = memfd_create("word", MFD_CLOEXEC);

	(void)state;
	if (fd < 0 || ftruncate(fd, 4096) < 0)
		return -1;
	page.words =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	page.read_only = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	(void)close(fd);
	return page.words == MAP_FAILED || page.read_only == MAP_FAILED;
}

static int unmap_page(void **state)
{
	(void)state;
	(void)munmap(page.words, 4096);
	return munmap((void *)(uintptr_t)page.read_only, 4096);
}

static void changed_word_returns_at_once(void **state)
{
	(void)state;
	atomic_store(page.words, 5);

	assert_int_equal(bc_notify_wait(page.read_only, 4, -1), 0);
}

static void unchanged_word_times_out(void **state)
{
	uint64_t start = test_now_ms();

	(void)state;

	assert_int_equal(bc_notify_wait(page.read_only, 0, 20000000),
			 -ETIMEDOUT);
	assert_true(test_now_ms() - start >= 19);
	assert_int_equal(bc_notify_wait(page.read_only, 0, 0), -ETIMEDOUT);
}

static void one_changed_word_of_many_returns_at_once(void **state)
{
	struct bc_notify_item items[BC_NOTIFY_ITEMS_MAX];

	(void)state;
	for (unsigned i = 0; i < BC_NOTIFY_ITEMS_MAX; i++)
		items[i] = (struct bc_notify_item){&page.read_only[i], 0};
	atomic_store(&page.words[BC_NOTIFY_ITEMS_MAX - 1], 1);

	assert_int_equal(bc_notify_wait_any(items, BC_NOTIFY_ITEMS_MAX),
			 -EAGAIN);
	items[0].word = NULL;
	assert_int_equal(bc_notify_wait_any(items, 1), -EFAULT);
}

static void sleep_on_three(void *argument)
{
	const struct bc_notify_item items[] = {{&page.read_only[0], 0},
					       {&page.read_only[1], 0},
					       {&page.read_only[2], 0}};

	(void)argument;
	test_child_ready();
	test_child_check(bc_notify_wait_any(items, 3) == 2);
}

static bool wakes_the_third(void *argument)
{
	(void)argument;
	return bc_notify_wake(&page.words[2]) == 1;
}

static void sleeper_on_many_is_told_which_was_woken(void **state)
{
	struct test_child child = test_fork(sleep_on_three, NULL);

	(void)state;

	assert_true(test_within(DEADLINE_MS, wakes_the_third, NULL));

	assert_int_equal(test_join(&child), 0);
}

static void waking_without_sleepers_wakes_nobody(void **state)
{
	(void)state;

	assert_int_equal(bc_notify_wake(page.words), 0);
}

static void sleep_until_changed(void *argument)
{
	(void)argument;
	test_child_ready();
	while (atomic_load(page.read_only) == 0)
		test_child_check(bc_notify_wait(page.read_only, 0, -1) == 0);
}

static bool wakes_one(void *argument)
{
	(void)argument;
	return bc_notify_wake(page.words) == 1;
}

static void sleeper_in_another_process_is_woken(void **state)
{
	struct test_child child = test_fork(sleep_until_changed, NULL);

	(void)state;

	/* it sleeps: waking it finds one, and it goes back to sleep */
	assert_true(test_within(DEADLINE_MS, wakes_one, NULL));
	atomic_store(page.words, 1);
	(void)bc_notify_wake(page.words);

	assert_int_equal(test_join(&child), 0);
}

static void all_sleepers_are_woken_by_one_wake(void **state)
{
	struct test_child children[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		children[i] = test_fork(sleep_until_changed, NULL);

	atomic_store(page.words, 1);
	(void)bc_notify_wake(page.words);

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(test_join(&children[i]), 0);
}

/* Sleeps on word 0 for the turn of the other side to come, many times. */
static void answer_turns(void *argument)
{
	unsigned turns = *(unsigned *)argument;

	test_child_ready();
	for (uint32_t turn = 0; turn < turns; turn++) {
		while (atomic_load(&page.words[0]) == turn)
			(void)bc_notify_wait(&page.read_only[0], turn, -1);
		atomic_store(&page.words[32], turn + 1);
		(void)bc_notify_wake(&page.words[32]);
	}
}

static void no_wake_is_lost_between_look_and_sleep(void **state)
{
	unsigned turns = 5000;
	struct test_child child = test_fork(answer_turns, &turns);

	(void)state;
	for (uint32_t turn = 0; turn < turns; turn++) {
		atomic_store(&page.words[0], turn + 1);
		(void)bc_notify_wake(&page.words[0]);
		while (atomic_load(&page.words[32]) == turn)
			assert_int_not_equal(bc_notify_wait(&page.read_only[32],
							    turn,
							    20 * SECOND_NS),
					     -ETIMEDOUT);
	}

	assert_int_equal(test_join(&child), 0);
}

/* ---- Two words --------------------------------------------------------- */

static int wait_two(uint32_t seen, uint32_t own_seen, int64_t timeout_ns)
{
	return bc_notify_wait_two(page.read_only, seen, &page.words[32],
				  own_seen, timeout_ns);
}

static void change_of_either_word_returns_at_once(void **state)
{
	(void)state;
	atomic_store(&page.words[0], 5);
	atomic_store(&page.words[32], UINT32_MAX);

	assert_int_equal(wait_two(4, UINT32_MAX, -1), 0);
	assert_int_equal(wait_two(5, 0, -1), 0);
	assert_int_equal(wait_two(4, 0, -1), 0);
}

static void two_unchanged_words_time_out(void **state)
{
	uint64_t start = test_now_ms();

	(void)state;

	assert_int_equal(wait_two(0, 0, 20000000), -ETIMEDOUT);
	assert_true(test_now_ms() - start >= 19);
	assert_int_equal(wait_two(0, 0, 0), -ETIMEDOUT);
}

static void word_that_is_not_mapped_is_told_apart(void **state)
{
	(void)state;
	assert_int_equal(mprotect(page.words, 4096, PROT_NONE), 0);

	assert_int_equal(bc_notify_wait_two(page.words, 0, page.read_only, 0,
					    20 * SECOND_NS),
			 -EFAULT);
}

static void sleep_on_two(void *argument)
{
	(void)argument;
	test_child_ready();
	while (atomic_load(&page.words[0]) == 0 ||
	       atomic_load(&page.words[32]) == 0)
		test_child_check(wait_two(atomic_load(&page.words[0]),
					  atomic_load(&page.words[32]),
					  -1) == 0);
}

static bool other_wakes_one(void *argument)
{
	(void)argument;
	return bc_notify_wake(&page.words[32]) == 1;
}

static void sleeper_on_two_words_is_woken_at_either(void **state)
{
	struct test_child child = test_fork(sleep_on_two, NULL);

	(void)state;
	assert_true(test_within(DEADLINE_MS, wakes_one, NULL));
	assert_true(test_within(DEADLINE_MS, other_wakes_one, NULL));

	atomic_store(&page.words[0], 1);
	(void)bc_notify_wake(&page.words[0]);
	atomic_store(&page.words[32], 1);
	(void)bc_notify_wake(&page.words[32]);

	assert_int_equal(test_join(&child), 0);
}

/* ---- Signals ----------------------------------------------------------- */

static void nothing(int signal)
{
	(void)signal;
}

static void signal_ends_a_sleep_with_eintr(void **state)
{
	const struct sigaction action = {.sa_handler = nothing};
	const struct itimerval soon = {.it_interval.tv_usec = 10000,
				       .it_value.tv_usec = 10000};
	const struct itimerval never = {{0, 0}, {0, 0}};

	(void)state;
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);

	assert_int_equal(bc_notify_wait(page.read_only, 0, 20 * SECOND_NS),
			 -EINTR);

	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
}

static void pause_returns(void **state)
{
	(void)state;

	bc_pause();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, map_page, unmap_page)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(changed_word_returns_at_once),
		TEST(unchanged_word_times_out),
		TEST(waking_without_sleepers_wakes_nobody),
		TEST(sleeper_in_another_process_is_woken),
		TEST(all_sleepers_are_woken_by_one_wake),
		TEST(no_wake_is_lost_between_look_and_sleep),
		TEST(change_of_either_word_returns_at_once),
		TEST(two_unchanged_words_time_out),
		TEST(word_that_is_not_mapped_is_told_apart),
		TEST(sleeper_on_two_words_is_woken_at_either),
		TEST(one_changed_word_of_many_returns_at_once),
		TEST(sleeper_on_many_is_told_which_was_woken),
		TEST(signal_ends_a_sleep_with_eintr),
		TEST(pause_returns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
