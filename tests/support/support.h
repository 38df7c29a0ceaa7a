/* SPDX-License-Identifier: MIT */
/*
 * support.h - what the tests of several layers need. Tests wait for conditions
 * with a deadline; nothing here sleeps for a fixed time.
 */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

/* cmocka wants these before itself */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>

/* How long any condition may take, on the slowest machine. */
#define DEADLINE_MS 20000

/*
 * test_name - a stream name that no other process uses now: "t-PID-N". Static
 * buffers, the last 8 stay valid.
 */
const char *test_name(void);

/*
 * test_within - call `condition` until it is true or `deadline_ms` is over,
 * with short pauses. Returns whether it came true.
 */
bool test_within(unsigned deadline_ms, bool (*condition)(void *),
		 void *argument);

/*
 * The pattern stream: the byte at each position is a function of seed and
 * position, so any span can be checked without knowing what came before.
 */
void test_pattern_fill(uint64_t seed, uint64_t position, void *bytes,
		       size_t size);

/* Index of the first wrong byte, or -1 if all are right. */
int64_t test_pattern_check(uint64_t seed, uint64_t position, const void *bytes,
			   size_t size);

/*
 * test_pattern_locate - the position at which these bytes stand in the pattern
 * stream, or -1 if nowhere. The words of the pattern can be turned back.
 */
#define TEST_PATTERN_LOCATE 32
int64_t test_pattern_locate(uint64_t seed,
			    const unsigned char bytes[TEST_PATTERN_LOCATE]);

/*
 * A forked child that runs one function. It dies with the test that started
 * it. A child must not use cmocka's asserts (they would go on with the rest of
 * the tests, twice): it uses test_child_check().
 */
struct test_child {
	int pid;
	int ready_fd;
};

/*
 * test_fork - run function(argument) in a child. Returns once the child has
 * called test_child_ready() or has ended; fails the test after DEADLINE_MS.
 */
struct test_child test_fork(void (*function)(void *), void *argument);

/* In the child: let test_fork() return. */
void test_child_ready(void);

/* In the child: end it with status 1 and a line on stderr, unless true. */
#define test_child_check(condition) \
	test_child_check_at((condition), #condition, __FILE__, __LINE__)
void test_child_check_at(bool condition, const char *text, const char *file,
			 int line);

/* In the child: sleep until killed. */
_Noreturn void test_child_sleep(void);

/* test_kill - SIGKILL the child and wait until it is gone. Idempotent. */
void test_kill(struct test_child *child);

/*
 * test_join - wait for the child's end. Returns its exit status, or 128 + the
 * signal that ended it; fails the test (and kills it) after DEADLINE_MS.
 */
int test_join(struct test_child *child);

/*
 * test_object_write, test_object_read - change (look at) bytes of an object of
 * this stream behind everybody's back. Fail the test if they cannot.
 */
void test_object_write(const char *name, const char *suffix, uint64_t offset,
		       const void *bytes, size_t size);
void test_object_read(const char *name, const char *suffix, uint64_t offset,
		      void *bytes, size_t size);

/* Make a file of this stream's object, mode 0600, of `size` zero bytes. */
void test_object_create(const char *name, const char *suffix, uint64_t size);
void test_object_unlink(const char *name, const char *suffix);

/* CLOCK_MONOTONIC in milliseconds. */
uint64_t test_now_ms(void);

/* Whether /dev/shm holds an object of this stream ("", ".nodes", ".lock"). */
bool test_object_exists(const char *name, const char *suffix);

#endif
