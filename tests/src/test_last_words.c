/* SPDX-License-Identifier: MIT */
/*
 * test_last_words.c - children that die of each kind of bug, for real, while
 * they own a stream; what they leave is read from outside.
 */
#include "stream.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "shm/assert.h"
#include "shm/last_words.h"
#include "src/last_words.h"

static struct test_stream stream;
static struct bcast_stream_info info;
static volatile int zero;
static int *volatile nowhere = (int *)8;

/* ---- Bugs -------------------------------------------------------------- */

static void touch_nothing(void)
{
	*nowhere = 1;
}

static void touch_what_was_cut_off(void)
{
	char name[] = "/tmp/bcast-words-XXXXXX";
	int fd = mkstemp(name);
	char *page;

	(void)unlink(name);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	page[0] = 1;
}

static void divide(void)
{
	(void)raise(SIGFPE); /* not all processors trap */
}

static void trap(void)
{
#if defined(__x86_64__)
	__asm__ volatile("ud2");
#else
	(void)raise(SIGILL);
#endif
}

static void assert_wrongly(void)
{
	BC_ASSERT(zero == 1 + 1);
}

/* In frames that the compiler cannot fold. */
static int recurse(int depth)
{
	volatile char room[4096];

	room[depth & 4095] = (char)depth;
	return depth < zero ? 0 : recurse(depth + 1) + room[0];
}

static void overflow_the_stack(void)
{
	(void)recurse(1);
}

static void *die_blocked(void *argument)
{
	(void)argument;
	(void)pthread_setname_np(pthread_self(), "deaf");
	touch_nothing();
	return NULL;
}

/* As threads of the daemon are. */
static void die_in_a_thread_that_blocks_signals(void)
{
	pthread_t thread;
	sigset_t all;

	(void)sigfillset(&all);
	last_words_unblock(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, NULL);
	(void)pthread_create(&thread, NULL, die_blocked, NULL);
	(void)pthread_join(thread, NULL);
}

static void be_told(void)
{
	(void)kill(getpid(), SIGSEGV);
	for (;;)
		(void)pause();
}

/* ---- Dying ------------------------------------------------------------- */

struct bug {
	void (*meet)(void);
	bool adopt;
};

/* Those of cmocka would go on with the tests; a sanitizer's would report. */
static void forget_handlers(void)
{
	static const int numbers[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		(void)signal(numbers[i], SIG_DFL);
}

static bool try_to_adopt(void *result)
{
	const struct bc_segment_config config = test_stream_config(stream.name);
	const char *reason;
	int *ret = result;

	*ret = bc_segment_adopt(&stream.segment, &config, &reason);
	return *ret != BCAST_EOWNED; /* only just dead */
}

static int adopt(void)
{
	int ret = bc_name_lock_take(&stream.lock, stream.name);

	if (ret == 0)
		(void)test_within(DEADLINE_MS, try_to_adopt, &ret);
	return ret;
}

static void live_and_die(void *argument)
{
	const struct rlimit none = {0, 0};
	const struct bug *bug = argument;
	int ret;

	(void)setrlimit(RLIMIT_CORE, &none);
	forget_handlers();
	ret = bug->adopt ? adopt() : test_stream_open(&stream, stream.name);
	test_child_check(ret == 0);
	last_words_open();
	bc_last_words_attach(&stream.segment);
	test_child_ready();
	if (bug->meet)
		bug->meet();
	test_child_sleep();
}

static void read_info(void)
{
	struct bcast_monitor *monitor;

	assert_int_equal(bcast_monitor_open(stream.name, &monitor), 0);
	assert_int_equal(bcast_monitor_stream(monitor, &info), 0);
	bcast_monitor_close(monitor);
}

/* Returns the status, as of test_join. */
static int die_of(void (*meet)(void), bool adopt)
{
	struct bug bug = {.meet = meet, .adopt = adopt};
	struct test_child child = test_fork(live_and_die, &bug);
	int status;

	if (!meet)
		test_kill(&child);
	status = meet ? test_join(&child) : 0;
	read_info();
	return status;
}

static void assert_died_of(void (*meet)(void), int number, const char *says)
{
	int status = die_of(meet, false);

	assert_int_equal(status, 128 + number);
	assert_int_equal(info.fatal_signal, number);
	assert_int_equal(info.fatal_incarnation, 1);
	assert_true(info.fatal_realtime_ns > info.started_realtime_ns);
	if (!strstr(info.fatal_text, says))
		fail_msg("no '%s' in: %s", says, info.fatal_text);
}

static int prepare(void **state)
{
	(void)state;
	stream = (struct test_stream){.name = test_name()};
	return 0;
}

static int clean(void **state)
{
	(void)state;
	test_stream_erase(stream.name);
	return 0;
}

/* ---- Claims ------------------------------------------------------------ */

static void bad_address_is_named(void **state)
{
	(void)state;
	assert_died_of(touch_nothing, SIGSEGV, "at address 0x8, in thread ");
}

static void missing_page_is_named(void **state)
{
	(void)state;
	assert_died_of(touch_what_was_cut_off, SIGBUS, "at address 0x");
}

static void arithmetic_and_traps_are_named(void **state)
{
	(void)state;
	assert_died_of(divide, SIGFPE, "sent by process ");
	test_stream_erase(stream.name);
	assert_died_of(trap, SIGILL, "");
}

static void abort_without_a_reason_is_named(void **state)
{
	char sender[64];

	(void)state;
	assert_died_of(abort, SIGABRT, "sent by process ");
	snprintf(sender, sizeof(sender), "sent by process %" PRIu32,
		 info.owner_pid);
	assert_string_equal(info.fatal_text, sender);
}

static void assertion_is_quoted_with_its_place(void **state)
{
	(void)state;
	assert_died_of(assert_wrongly, SIGABRT,
		       ": zero == 1 + 1 does not hold, "
		       "in thread ");
	assert_int_equal(strncmp(info.fatal_text, "src/test_last_words.c:", 22),
			 0);
}

static void stack_that_ran_out_is_no_obstacle(void **state)
{
	(void)state;
	assert_died_of(overflow_the_stack, SIGSEGV, "at address 0x");
}

static void every_thread_can_speak(void **state)
{
	(void)state;
	assert_died_of(die_in_a_thread_that_blocks_signals, SIGSEGV,
		       "at address 0x8, in thread deaf");
}

static void signal_from_outside_takes_its_course(void **state)
{
	(void)state;
	assert_died_of(be_told, SIGSEGV, "sent by process ");
}

static void killed_one_says_nothing(void **state)
{
	(void)state;
	(void)die_of(NULL, false);

	assert_int_equal(info.fatal_incarnation, 0);
	assert_int_equal(info.fatal_signal, 0);
	assert_int_equal(info.fatal_realtime_ns, 0);
	assert_string_equal(info.fatal_text, "");
}

static void words_outlive_the_next_daemon_until_it_has_some(void **state)
{
	(void)state;
	(void)die_of(touch_nothing, false);
	(void)die_of(NULL, true);
	assert_int_equal(info.incarnation, 2);
	assert_int_equal(info.fatal_incarnation, 1);
	assert_int_equal(info.fatal_signal, SIGSEGV);

	(void)die_of(assert_wrongly, true);
	assert_int_equal(info.fatal_incarnation, 3);
	assert_int_equal(info.fatal_signal, SIGABRT);
	(void)die_of(touch_nothing, true);
	assert_int_equal(info.fatal_incarnation, 4);
	assert_non_null(strstr(info.fatal_text, "at address 0x8"));
}

/* The library has assertions too, and no segment to write to. */
static void without_a_segment_nothing_is_left(void **state)
{
	const struct bc_last_words_signal signal = {.number = SIGSEGV};

	(void)state;
	bc_last_words_detach();
	bc_last_words_text("x", "y.c", 1);
	bc_last_words_signal(&signal);
}

static void long_conditions_are_cut(void **state)
{
	char condition[600];
	struct bc_last_words words;

	(void)state;
	assert_int_equal(test_stream_open(&stream, stream.name), 0);
	memset(condition, 'x', sizeof(condition));
	condition[sizeof(condition) - 1] = '\0';
	bc_last_words_attach(&stream.segment);

	bc_last_words_text(condition, "/a/b/c/long.c", 2147483647);

	bc_last_words_detach();
	bc_last_words_read(&stream.segment, &words);
	assert_int_equal(strncmp(words.text, "c/long.c:2147483647: xxx", 24),
			 0);
	assert_non_null(strstr(words.text, "xxx, in thread "));
	assert_int_equal(words.signal, 0);
	test_stream_close(&stream);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, prepare, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bad_address_is_named),
		TEST(missing_page_is_named),
		TEST(arithmetic_and_traps_are_named),
		TEST(abort_without_a_reason_is_named),
		TEST(assertion_is_quoted_with_its_place),
		TEST(stack_that_ran_out_is_no_obstacle),
		TEST(every_thread_can_speak),
		TEST(signal_from_outside_takes_its_course),
		TEST(killed_one_says_nothing),
		TEST(words_outlive_the_next_daemon_until_it_has_some),
		TEST(without_a_segment_nothing_is_left),
		TEST(long_conditions_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
