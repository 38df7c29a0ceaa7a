/* SPDX-License-Identifier: MIT */
/* outbox.c - see outbox.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/packet_stream.h"
#include "shm/assert.h"
#include "src/outbox.h"

#define ROOM_FIRST 256u

void outbox_fini(struct outbox *outbox)
{
	free(outbox->flying);
	free(outbox->waiting);
	*outbox = (struct outbox){0};
}

/* Where `size` more bytes go; NULL: out of memory. */
static unsigned char *make_room(struct outbox *outbox, size_t size)
{
	size_t room = outbox->waiting_room;
	unsigned char *grown;

	if (room < ROOM_FIRST)
		room = ROOM_FIRST;
	while (room - outbox->waiting_size < size)
		room *= 2;
	if (room > outbox->waiting_room) {
		grown = realloc(outbox->waiting, room);
		if (!grown)
			return NULL;
		outbox->waiting = grown;
		outbox->waiting_room = room;
	}
	return outbox->waiting + outbox->waiting_size;
}

static int add(struct outbox *outbox, const struct bcast_packet_header *header,
	       const void *payload)
{
	unsigned char *to =
		make_room(outbox, bcast_packet_size(header->length));

	if (!to)
		return -ENOMEM;
	outbox->waiting_size += bc_packet_write(to, header, payload);
	return 0;
}

int outbox_add(struct outbox *outbox, const struct bcast_packet_header *header,
	       const void *payload)
{
	size_t size = bcast_packet_size(header->length);

	if (outbox->waiting_size - outbox->waiting_bulk + size > OUTBOX_MAX)
		return -ENOBUFS;
	return add(outbox, header, payload);
}

int outbox_add_bulk(struct outbox *outbox,
		    const struct bcast_packet_header *header,
		    const void *payload)
{
	int ret = add(outbox, header, payload);

	if (ret == 0)
		outbox->waiting_bulk += bcast_packet_size(header->length);
	return ret;
}

int outbox_add_bytes(struct outbox *outbox, const void *bytes, size_t size)
{
	unsigned char *to = make_room(outbox, size);

	if (!to)
		return -ENOMEM;
	memcpy(to, bytes, size);
	outbox->waiting_size += size;
	return 0;
}

int outbox_add_first(struct outbox *outbox, const void *bytes, size_t size)
{
	BC_ASSERT(outbox->flying_size == 0 && size > 0);
	outbox->flying = malloc(size);
	if (!outbox->flying)
		return -ENOMEM;
	memcpy(outbox->flying, bytes, size);
	outbox->flying_size = size;
	outbox->flown = 0;
	return 0;
}

bool outbox_is_empty(const struct outbox *outbox)
{
	return outbox->flying_size == 0 && outbox->waiting_size == 0;
}

size_t outbox_next(struct outbox *outbox, const void **bytes)
{
	if (outbox->flying_size == 0) {
		outbox->flying = outbox->waiting;
		outbox->flying_size = outbox->waiting_size;
		outbox->flown = 0;
		outbox->waiting = NULL;
		outbox->waiting_size = 0;
		outbox->waiting_room = 0;
		outbox->waiting_bulk = 0;
	}
	*bytes = outbox->flying + outbox->flown;
	return outbox->flying_size - outbox->flown;
}

void outbox_sent(struct outbox *outbox, size_t size)
{
	outbox->flown += size;
	if (outbox->flown < outbox->flying_size)
		return;
	free(outbox->flying);
	outbox->flying = NULL;
	outbox->flying_size = 0;
}
