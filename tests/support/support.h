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

/* Whether /dev/shm holds an object of this stream ("", ".nodes", ".lock"). */
bool test_object_exists(const char *name, const char *suffix);

#endif
