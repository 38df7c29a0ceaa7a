/* SPDX-License-Identifier: MIT */
/*
 * outbox.h - what a client of --packet is to be told beside the stream: whole
 * control records, in the order in which they were put in.
 *
 *	outbox_add, _add -> waiting -> outbox_next -> flying -> outbox_sent
 *
 * What the kernel is sending stays where it is; what is added meanwhile waits
 * in a buffer of its own, and flies next. So a burst is one send. Both buffers
 * are there only while there is something in them: of ten thousand clients, few
 * are being told anything.
 */
#ifndef SRC_OUTBOX_H
#define SRC_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>

#include <bcast/packet.h>

/* More than this does not wait; a client that takes nothing costs no more. */
#define OUTBOX_MAX (64u * 1024u)

struct outbox {
	unsigned char *flying;
	size_t flying_size;
	size_t flown; /* of these, sent */
	unsigned char *waiting;
	size_t waiting_size;
	size_t waiting_room;
	size_t waiting_bulk; /* of waiting_size, by outbox_add_bulk() */
};

/* outbox_fini - throw all of it away; nothing is with the kernel. */
void outbox_fini(struct outbox *outbox);

/*
 * outbox_add - have a record sent. Returns 0, -ENOBUFS if too much waits
 * already, or -ENOMEM.
 */
int outbox_add(struct outbox *outbox, const struct bcast_packet_header *header,
	       const void *payload);

/*
 * outbox_add_bulk - the same for a record of whatever size, whose sender sees
 * to it that there are not many. It leaves the others the room that they have.
 * Returns 0 or -ENOMEM.
 */
int outbox_add_bulk(struct outbox *outbox,
		    const struct bcast_packet_header *header,
		    const void *payload);

/*
 * outbox_add_bytes - the same for bytes that are records already, or the rest
 * of one that was begun: however many, since the caller has a limit of its own.
 * Returns 0 or -ENOMEM.
 */
int outbox_add_bytes(struct outbox *outbox, const void *bytes, size_t size);

/*
 * outbox_add_first - the same for the rest of a record of which the beginning
 * has just been sent: before all that waits. Nothing is flying.
 */
int outbox_add_first(struct outbox *outbox, const void *bytes, size_t size);

/* outbox_is_empty - is there nothing to send? */
bool outbox_is_empty(const struct outbox *outbox);

/* outbox_next - what to send now; it stays there until outbox_sent(). */
size_t outbox_next(struct outbox *outbox, const void **bytes);

/* outbox_sent - the kernel has taken so much of it. */
void outbox_sent(struct outbox *outbox, size_t size);

#endif
