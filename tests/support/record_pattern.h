/* SPDX-License-Identifier: MIT */
/*
 * record_pattern.h - a stream of packets that can be checked record by record
 * by who may not fail a test: length and payload follow from the number. The
 * payload is that of published.h; here, lengths are small and fixed.
 */
#ifndef TESTS_RECORD_PATTERN_H
#define TESTS_RECORD_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bcast/bcast.h>

#define TEST_RECORD_MAX 3000u /* bytes of payload */

/* test_record_length - most are small, some are not. */
uint32_t test_record_length(uint64_t sequence);

/* test_record_fill - the payload of that record. */
void test_record_fill(uint64_t sequence, void *payload);

/* test_record_check - whether a payload is that record's, whole. */
bool test_record_check(uint64_t sequence, const void *payload, uint32_t length);

/*
 * Records as they come from a socket, in pieces. `expected` 0: the first one
 * may have any number.
 */
struct test_record_stream {
	uint64_t expected;
	uint64_t count;
	size_t filled;
	unsigned char buffer[4096];
};

/* test_record_take - false if something is wrong with these bytes. */
bool test_record_take(struct test_record_stream *stream, const void *bytes,
		      size_t size);

#endif
