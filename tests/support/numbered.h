/* SPDX-License-Identifier: MIT */
/*
 * numbered.h - records that say of themselves which they are: the number, then
 * bytes that follow from it, of a length that follows from it. Published and
 * read by bcast/client.h, at whichever door.
 */
#ifndef TESTS_NUMBERED_H
#define TESTS_NUMBERED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bcast/client.h>

#define NUMBERED_MAX 2048u

/* numbered_fill - record number `number`. Returns its length. */
size_t numbered_fill(uint64_t number, unsigned char bytes[NUMBERED_MAX]);

/* numbered_of - which one it is; UINT64_MAX: none, or damaged. */
uint64_t numbered_of(const struct bcast_packet *packet);

/* numbered_open - bcast_open() that must succeed, with these roles. */
struct bcast_client *numbered_open(const char *address, uint32_t roles,
				   uint32_t from);

/* numbered_publish - the records [first, first + count), or fail the test. */
void numbered_publish(struct bcast_client *client, uint64_t first,
		      uint64_t count);

/* numbered_expect - that the next are [first, first + count). */
void numbered_expect(struct bcast_client *client, uint64_t first,
		     uint64_t count);

/* numbered_expect_nothing - not within a moment. */
void numbered_expect_nothing(struct bcast_client *client);

#endif
