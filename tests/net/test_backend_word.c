/* SPDX-License-Identifier: MIT */
/* The wait for a word, beside other requests. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends.h"

#include "shm/clock.h"
#include "shm/notify.h"

#define PAGE_BYTES 4096
#define OTHER	   32 /* index of a second word, on a line of its own */
#define ROUNDS	   10000u
#define TOKEN	   UINT64_C(7)

/* The same page twice, as a writer and as a reader maps it. */
struct page {
	bc_u32 *words;
	const bc_u32 *read_only;
};

static struct page page;

static int open_page(void **state)
{
	int fd = memfd_create("word", MFD_CLOEXEC);

	(void)state;
	if (fd < 0 || ftruncate(fd, PAGE_BYTES) < 0)
		return -1;
	page.words = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			  fd, 0);
	page.read_only = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (page.words == MAP_FAILED || page.read_only == MAP_FAILED)
		return -1;
	return open_all(state);
}

static void unmap_read_only(void)
{
	(void)munmap((void *)(uintptr_t)page.read_only, PAGE_BYTES);
}

static int close_page(void **state)
{
	(void)close_all(state);
	unmap_read_only();
	return munmap(page.words, PAGE_BYTES);
}

static void wait_word(unsigned index, uint32_t seen, uint64_t token)
{
	assert_int_equal(bc_backend_wait_word(backend, &page.read_only[index],
					      seen, token),
			 0);
}

static void change(unsigned index)
{
	(void)atomic_fetch_add(&page.words[index], 1);
	(void)bc_notify_wake(&page.words[index]);
}

/* ---- What gives an event ----------------------------------------------- */

static void word_that_differs_already_gives_0(void **state)
{
	(void)state;
	atomic_store(&page.words[0], UINT32_MAX);

	wait_word(0, UINT32_MAX - 1, TOKEN);

	assert_int_equal(one_result(TOKEN), 0);
	assert_no_event();
}

static void change_before_the_submission_gives_0(void **state)
{
	(void)state;
	wait_word(0, 0, TOKEN);

	atomic_store(&page.words[0], 1);
	(void)bc_notify_wake(&page.words[0]);

	assert_int_equal(one_result(TOKEN), 0);
	assert_no_event();
}

static void change_word_0(void *argument)
{
	(void)argument;
	change(0);
}

static void change_in_another_process_gives_0(void **state)
{
	struct test_child child;

	(void)state;
	wait_word(0, 0, TOKEN);
	assert_no_event();

	child = test_fork(change_word_0, NULL);

	assert_int_equal(one_result(TOKEN), 0);
	assert_int_equal(test_join(&child), 0);
	change(0);
	assert_no_event();
}

static bool wakes_one(void *word)
{
	return bc_notify_wake(word) == 1;
}

static void wake_without_a_change_gives_0(void **state)
{
	(void)state;
	wait_word(0, 0, TOKEN);
	assert_no_event();

	assert_true(test_within(DEADLINE_MS, wakes_one, &page.words[0]));

	assert_int_equal(one_result(TOKEN), 0);
}

static void own_wake_is_a_wake_like_any(void **state)
{
	(void)state;
	wait_word(0, 0, TOKEN);
	assert_no_event();

	atomic_store(&page.words[0], 1);
	assert_int_equal(bc_backend_wake(backend, &page.words[0]), 0);

	assert_int_equal(one_result(TOKEN), 0);
	assert_no_event();
}

static void word_and_socket_do_not_disturb_each_other(void **state)
{
	char buffer[4];

	(void)state;
	assert_int_equal(bc_backend_recv(backend, pair[0], buffer, 4, 0, 8), 0);
	wait_word(0, 0, TOKEN);
	assert_no_event();

	assert_int_equal(write(pair[1], "x", 1), 1);
	assert_int_equal(one_result(8), 1);
	assert_int_equal(bc_backend_recv(backend, pair[0], buffer, 4, 0, 9), 0);
	change(0);
	assert_int_equal(one_result(TOKEN), 0);
	assert_int_equal(write(pair[1], "xy", 2), 2);
	assert_int_equal(one_result(9), 2);
}

/* ---- Cancel ------------------------------------------------------------ */

static void cancelled_wait_gives_its_event(void **state)
{
	(void)state;
	wait_word(0, 0, TOKEN);
	assert_no_event();

	assert_int_equal(bc_backend_cancel(backend, TOKEN), 0);

	assert_int_equal(one_result(TOKEN), -ECANCELED);
	change(0);
	assert_no_event();
}

static void cancel_in_the_same_batch_gives_one_event(void **state)
{
	(void)state;
	wait_word(0, 0, TOKEN);
	assert_int_equal(bc_backend_cancel(backend, TOKEN), 0);

	assert_int_equal(one_result(TOKEN), -ECANCELED);
	assert_no_event();
}

static void cancel_of_what_has_ended_gives_no_second_event(void **state)
{
	int result;

	(void)state;
	wait_word(0, 1, TOKEN);
	assert_int_equal(bc_backend_cancel(backend, TOKEN), 0);

	result = one_result(TOKEN);

	assert_true(result == 0 || result == -ECANCELED);
	assert_no_event();
	assert_int_equal(bc_backend_cancel(backend, TOKEN), 0);
	assert_no_event();
}

static void after_a_cancel_the_word_may_go_and_another_come(void **state)
{
	(void)state;
	wait_word(0, 0, TOKEN);
	assert_no_event();
	assert_int_equal(bc_backend_cancel(backend, TOKEN), 0);
	assert_int_equal(one_result(TOKEN), -ECANCELED);

	assert_int_equal(mprotect((void *)(uintptr_t)page.read_only, PAGE_BYTES,
				  PROT_NONE),
			 0);
	change(0);
	assert_int_equal(
		bc_backend_wait_word(backend, &page.words[OTHER], 0, TOKEN + 1),
		0);
	assert_no_event();
	change(OTHER);

	assert_int_equal(one_result(TOKEN + 1), 0);
}

/* ---- Close, and a bug of ours ------------------------------------------ */

static void close_with_a_wait_in_flight_ends_it(void **state)
{
	(void)state;
	wait_word(0, 0, TOKEN);
	assert_no_event();
	bc_backend_close(backend);
	assert_int_equal(open_backend(), 0);
	wait_word(0, 0, TOKEN); /* not handed over, this one */
	bc_backend_close(backend);

	assert_int_equal(open_backend(), 0);
	wait_word(0, 0, TOKEN);
	change(0);
	assert_int_equal(one_result(TOKEN), 0);
	assert_no_event();
}

static void wait_twice(void *argument)
{
	const struct rlimit no_core = {0, 0};

	(void)argument;
	(void)setrlimit(RLIMIT_CORE, &no_core);
	test_child_check(open_backend() == 0);
	test_child_check(bc_backend_wait_word(backend, page.words, 0, 1) == 0);
	(void)bc_backend_wait_word(backend, page.words, 0, 2);
}

static void second_wait_at_a_time_is_a_bug_of_the_caller(void **state)
{
	struct test_child child;

	(void)state;
	if (kind->has_thread)
		skip(); /* it would need a thread in a child that has none */

	child = test_fork(wait_twice, NULL);

	assert_int_equal(test_join(&child), 128 + SIGABRT);
}

/* ---- Many -------------------------------------------------------------- */

/* Changes word 0 each time that word OTHER says so. */
static void change_when_told(void *argument)
{
	(void)argument;
	test_child_ready();
	for (uint32_t round = 0; round < ROUNDS; round++) {
		while (atomic_load(&page.words[OTHER]) == round)
			(void)bc_notify_wait(&page.words[OTHER], round, -1);
		change(0);
	}
}

static void no_change_is_lost_around_the_request(void **state)
{
	struct test_child child = test_fork(change_when_told, NULL);

	(void)state;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		/* before or after: the change meets the request everywhere */
		if (round % 2 == 0)
			change(OTHER);
		wait_word(0, round, round + 1);
		if (round % 2 == 1)
			change(OTHER);
		assert_int_equal(one_result(round + 1), 0);
		/* told too early is allowed */
		while (atomic_load(&page.words[0]) == round) {
			wait_word(0, round, round + 1);
			assert_int_equal(one_result(round + 1), 0);
		}
	}

	assert_int_equal(test_join(&child), 0);
	assert_no_event();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_page, close_page)
	const struct CMUnitTest tests[] = {
		TEST(word_that_differs_already_gives_0),
		TEST(change_before_the_submission_gives_0),
		TEST(change_in_another_process_gives_0),
		TEST(wake_without_a_change_gives_0),
		TEST(own_wake_is_a_wake_like_any),
		TEST(word_and_socket_do_not_disturb_each_other),
		TEST(cancelled_wait_gives_its_event),
		TEST(cancel_in_the_same_batch_gives_one_event),
		TEST(cancel_of_what_has_ended_gives_no_second_event),
		TEST(after_a_cancel_the_word_may_go_and_another_come),
		TEST(close_with_a_wait_in_flight_ends_it),
		TEST(second_wait_at_a_time_is_a_bug_of_the_caller),
		TEST(no_change_is_lost_around_the_request),
	};

	return backends_run(tests, sizeof(tests) / sizeof(tests[0]));
}
