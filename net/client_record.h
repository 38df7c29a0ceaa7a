/* SPDX-License-Identifier: MIT */
/*
 * client_record.h - what came down a connection, as records and gaps.
 *
 * Pure: bytes in a buffer in, one record out, in place. Everything is judged
 * here before anybody uses it: the header by net/packet_stream.h, and that
 * positions and numbers go on just where they stopped. Fuzzed.
 */
#ifndef NET_CLIENT_RECORD_H
#define NET_CLIENT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bcast/packet.h>

#include "net/packet_stream.h"

/* Where a subscriber is, by what has been taken out of its buffer. */
struct bc_client_count {
	struct bc_packet_limits limits;
	uint64_t position; /* of the next record of the stream */
	uint64_t sequence; /* its number; 0: not known */
	bool begun;	   /* some of the stream has come */
};

/* A record of a connection. */
struct bc_client_record {
	struct bcast_packet_header header; /* a copy */
	const unsigned char *payload;	   /* header.length bytes, in place */
	size_t size;			   /* of all of it */
	uint64_t position;    /* of the stream: its own; else of the next */
	struct bcast_gap gap; /* GAP: its numbers completed by what we know */
};

/*
 * bc_client_record_next - the record at the beginning of `bytes`.
 *
 * Returns 1 with *record, and *count moved on behind it; 0 if it is not whole:
 * record->size is then how many bytes it takes at least; or
 *	-EPROTO		not a record that may come here: also one of the stream
 *			with another number than the next, or a GAP or END that
 *			does not begin where we are
 *	-EMSGSIZE	longer than its kind may be
 * Types that are not known come out like others, to be skipped.
 */
int bc_client_record_next(struct bc_client_count *count,
			  const unsigned char *bytes, size_t size,
			  struct bc_client_record *record);

#endif
