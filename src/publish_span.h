/* SPDX-License-Identifier: MIT */
/*
 * publish_span.h - a publisher's records, checked and stamped where they stand.
 *
 *	0            done        from                 have
 *	| good, tight | (gone)   | not looked at yet  |
 *
 * What came from the socket stands in a row in memory: records for the stream,
 * records for the daemon, and at the end the beginning of one more. Here the
 * stream's are checked, get the stream's number, source and time, and are moved
 * together where something stood between them that is not of the stream.
 *
 * Pure: no system call, no clock. Each byte is moved at most once for what came
 * with one receive, so that nobody makes it cost more by what he sends.
 *
 * Rejected: to leave a record of type PAD where something was taken out. It
 * would take up position and number for what has neither (bcast/packet.h).
 */
#ifndef SRC_PUBLISH_SPAN_H
#define SRC_PUBLISH_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/packet_stream.h"

/* What holds for one publisher. */
struct publish_rules {
	struct bc_packet_limits limits;
	bool checksums;	 /* every DATA has its crc32c */
	uint16_t source; /* that its records get */
};

/* What becomes of a record, by its publisher's own number. */
enum publish_number {
	PUBLISH_NUMBER_NEXT,
	PUBLISH_NUMBER_DUPLICATE, /* accepted before */
	PUBLISH_NUMBER_GAP,	  /* some were left out */
};

struct publish_span {
	unsigned char *bytes; /* aligned as records are */
	size_t have;
	size_t from;
	size_t done;
	uint64_t accepted;     /* the publisher's number of the last good one */
	uint64_t sequence;     /* the stream's, of the next */
	uint64_t timestamp_ns; /* CLOCK_REALTIME, for those without */
	uint64_t duplicates;   /* dropped by now */
	uint64_t most;	       /* records to be taken; the others stay */
	bool left;	       /* there are such, or there may be */
};

/* publish_number_of - what is a record with this number, after `accepted`? */
static inline enum publish_number publish_number_of(uint64_t accepted,
						    uint64_t number)
{
	if (number <= accepted)
		return PUBLISH_NUMBER_DUPLICATE;
	return number == accepted + 1 ? PUBLISH_NUMBER_NEXT
				      : PUBLISH_NUMBER_GAP;
}

/*
 * publish_span_next - check and stamp what stands there, up to the next record
 * that is for the daemon. `have` bytes have come; from and done are 0 at first.
 *
 * Returns 1 with *control, valid until the next call; 0 at the end: [0, done)
 * are good records, and behind them, up to `have`, is what has come of the
 * next, or, if `left`, what has not been looked at, since `most` have been
 * taken; or, with [0, done) likewise, and nothing behind it that is of use,
 *	-EMSGSIZE, -EPROTO, -EBADMSG	as bc_packet_stream_next()
 *	-ENOKEY		crc32c is not there, and is to be
 *	-ERANGE		a number that leaves out some
 *	-ENOMSG		a record of the stream that is not DATA
 */
int publish_span_next(struct publish_span *span,
		      const struct publish_rules *rules,
		      struct bc_packet_frame *control);

/*
 * publish_stamp - the header of a good record of the publisher as it is to
 * stand in the stream.
 */
static inline void publish_stamp(struct bcast_packet_header *header,
				 const struct publish_rules *rules,
				 uint64_t sequence, uint64_t timestamp_ns)
{
	header->sequence = sequence;
	header->source = rules->source;
	if (header->timestamp_ns == 0)
		header->timestamp_ns = timestamp_ns;
}

/*
 * publish_has_checksum - false if a checksum is asked for and none is there. 0
 * is one, too, of few payloads.
 */
bool publish_has_checksum(const struct publish_rules *rules,
			  const struct bcast_packet_header *header,
			  const unsigned char *payload);

#endif
