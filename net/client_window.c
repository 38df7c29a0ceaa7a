/* SPDX-License-Identifier: MIT */
/* client_window.c - see client_window.h. */
#include "net/client_window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shm/assert.h"

#define HEADER_SIZE sizeof(struct bcast_packet_header)

int bc_client_window_init(struct bc_client_window *window, uint64_t bytes)
{
	uint64_t room = (bytes + BCAST_PACKET_ALIGN - 1) / BCAST_PACKET_ALIGN *
			BCAST_PACKET_ALIGN;
	void *memory;

	if (posix_memalign(&memory, 64, room) != 0)
		return -ENOMEM;
	*window = (struct bc_client_window){
		.bytes = memory,
		.room = room,
		.first = 1,
	};
	return 0;
}

void bc_client_window_fini(struct bc_client_window *window)
{
	free(window->bytes);
	window->bytes = NULL;
}

bool bc_client_window_has_room(const struct bc_client_window *window,
			       size_t length)
{
	return bcast_packet_size((uint32_t)length) <=
	       window->room - (window->end - window->begin);
}

/* ---- Bytes in the ring ------------------------------------------------- */

static unsigned char *address(const struct bc_client_window *window,
			      uint64_t at)
{
	return window->bytes + at % window->room;
}

/* How much lies in one piece from there. */
static size_t straight(const struct bc_client_window *window, uint64_t at,
		       uint64_t size)
{
	uint64_t left = window->room - at % window->room;

	return size < left ? size : left;
}

/* Returns where the next byte goes. */
static uint64_t append(struct bc_client_window *window, uint64_t at,
		       const void *bytes, size_t size)
{
	size_t first = straight(window, at, size);

	if (first > 0)
		memcpy(address(window, at), bytes, first);
	if (size > first)
		memcpy(address(window, at + first),
		       (const unsigned char *)bytes + first, size - first);
	return at + size;
}

static struct bcast_packet_header *header_at(
	const struct bc_client_window *window, uint64_t at)
{
	return (struct bcast_packet_header *)(void *)address(window, at);
}

static uint64_t size_at(const struct bc_client_window *window, uint64_t at)
{
	return bcast_packet_size(header_at(window, at)->length);
}

/* ---- In ---------------------------------------------------------------- */

/* At the front again, where the memory is warm. */
static void restart(struct bc_client_window *window)
{
	if (window->begin == window->end)
		window->begin = window->boundary = window->sent = window->end =
			0;
}

void bc_client_window_put(struct bc_client_window *window,
			  const struct bc_client_payload *payload)
{
	static const unsigned char zeros[BCAST_PACKET_ALIGN];
	struct bcast_packet_header header = {
		.length = (uint32_t)(payload->key_size + payload->size),
		.type = BCAST_PACKET_DATA,
		.sequence = window->first + window->count,
		.crc32c = payload->crc32c,
		.key_length = (uint16_t)payload->key_size,
	};
	uint64_t at, end;

	restart(window);
	at = window->end;
	end = at + bcast_packet_size(header.length);
	BC_ASSERT(end - window->begin <= window->room);
	at = append(window, at, &header, sizeof(header));
	at = append(window, at, payload->key, payload->key_size);
	at = append(window, at, payload->data, payload->size);
	(void)append(window, at, zeros, end - at);
	window->end = end;
	window->count++;
}

/* ---- Out --------------------------------------------------------------- */

int bc_client_window_unsent(const struct bc_client_window *window,
			    struct iovec pieces[2])
{
	uint64_t size = window->end - window->sent;
	size_t first = straight(window, window->sent, size);

	if (size == 0)
		return 0;
	pieces[0].iov_base = address(window, window->sent);
	pieces[0].iov_len = first;
	pieces[1].iov_base = window->bytes;
	pieces[1].iov_len = size - first;
	return size > first ? 2 : 1;
}

void bc_client_window_was_sent(struct bc_client_window *window, size_t size)
{
	BC_ASSERT(size <= window->end - window->sent);
	window->sent += size;
}

size_t bc_client_window_torn(struct bc_client_window *window)
{
	while (window->boundary < window->sent) {
		uint64_t next =
			window->boundary + size_at(window, window->boundary);

		if (next > window->sent)
			return next - window->sent;
		window->boundary = next;
	}
	return 0;
}

/* ---- Gone -------------------------------------------------------------- */

int64_t bc_client_window_accept(struct bc_client_window *window,
				uint64_t accepted)
{
	int64_t left = 0;

	if (accepted >= window->first + window->count)
		return -EPROTO;
	while (window->first <= accepted) {
		uint64_t size = size_at(window, window->begin);

		if (window->begin + size > window->sent)
			return -EPROTO;
		window->begin += size;
		window->first++;
		window->count--;
		left++;
	}
	if (window->boundary < window->begin)
		window->boundary = window->begin;
	return left;
}

uint64_t bc_client_window_rewind(struct bc_client_window *window,
				 uint64_t first)
{
	uint64_t sent = 0, number = first;

	for (uint64_t at = window->begin; at < window->end;
	     at += size_at(window, at)) {
		header_at(window, at)->sequence = number++;
		sent += at < window->sent;
	}
	window->first = first;
	window->boundary = window->sent = window->begin;
	return sent;
}
