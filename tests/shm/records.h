/* SPDX-License-Identifier: MIT */
/*
 * records.h - records written by hand, each step by itself, so that a test can
 * stop where a publisher might die. Their payload is the pattern of their
 * sequence: whoever reads one knows all of it by its number.
 */
#ifndef TESTS_RECORDS_H
#define TESTS_RECORDS_H

#include "support.h"

#include "shm/record.h"

/* records_reserve - as a publisher: everything before `end`. */
void records_reserve(const struct bc_ring *ring, uint64_t end);

/* records_write - all of a record but its sequence, which stays 0. */
void records_write(const struct bc_ring *ring, struct bc_record_place place,
		   uint32_t length);

/* records_put - reserve, write, show by header. Moves *place behind it. */
void records_put(const struct bc_ring *ring, struct bc_record_place *place,
		 uint32_t length);

/* records_is_right - is this payload the one of record `sequence`? */
bool records_is_right(uint64_t sequence, const void *payload, uint32_t length);

/* records_place - a place, in one word. */
static inline struct bc_record_place records_place(uint64_t position,
						   uint64_t sequence)
{
	return (struct bc_record_place){position, sequence};
}

#endif
