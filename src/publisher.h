/* SPDX-License-Identifier: MIT */
/* publisher.h - a client of --packet that publishes, or did. */
#ifndef SRC_PUBLISHER_H
#define SRC_PUBLISHER_H

#include "net/packet_stream.h"
#include "src/daemon.h"
#include "src/publish_span.h"

#define PUBLISHER_GONE UINT32_MAX

/* It belongs to its session. */
struct publisher {
	struct bc_conn *conn;
	uint64_t id;
	uint32_t index; /* in publishing.all, or PUBLISHER_GONE */
	uint32_t slot;	/* in the segment's table */
	struct publish_rules rules;
	uint64_t taken;	   /* its last number that was found good */
	uint64_t accepted; /* its last one below the tail */
	uint64_t acked;	   /* its last one that it was told */
	bool direct;

	/* publish_copy.c */
	unsigned char *buffer;
	size_t buffer_room;
	bool buffer_filled;	      /* by the last receive */
	struct bc_packet_piece piece; /* of it, not looked at yet */
	int error;		      /* what was wrong; 0: nothing */
};

/* publisher_is_live - does it still publish? */
bool publisher_is_live(const struct publisher *publisher);

/* publisher_free - what a session holds of it. NULL is allowed. */
void publisher_free(struct publisher *publisher);

/* publisher_none - nobody publishes, and the kernel writes no more for them. */
bool publisher_none(const struct daemon *daemon);

#endif
