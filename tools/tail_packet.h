/* SPDX-License-Identifier: MIT */
/* tail_packet.h - bcast-tail's --payload, --lines and --headers. */
#ifndef TOOLS_TAIL_PACKET_H
#define TOOLS_TAIL_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bcast/bcast.h>

/* What is written of a record. */
enum tail_form {
	TAIL_FORM_ALL,	   /* all of it, as TCP receivers get it */
	TAIL_FORM_PAYLOAD, /* and nothing between two of them */
	TAIL_FORM_LINE,	   /* the payload and a newline */
	TAIL_FORM_HEADER, /* "SEQUENCE SECONDS SOURCE LENGTH CHECKSUM" and a newline */
};

/* Room that any record needs in any form but TAIL_FORM_ALL. */
#define TAIL_PACKET_ROOM(capacity) ((capacity) / 4 + 128)

/* tail_packet_format - is it a stream of packets? */
bool tail_packet_format(const char *name);

/*
 * tail_packet_gather - copy records in this form into the buffer, as many as
 * fit and begin before stop_at. All of *size bytes are intact. Returns 1 if
 * there were any, 0 for nothing yet, or what bcast_next() and bcast_consume()
 * have said, which then came after those *size bytes.
 */
int tail_packet_gather(struct bcast_reader *reader, enum tail_form form,
		       uint64_t stop_at, unsigned char *buffer, size_t room,
		       size_t *size);

#endif
