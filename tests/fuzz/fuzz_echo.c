/* SPDX-License-Identifier: MIT */
/*
 * fuzz_echo.c - whatever an echo client sends, in whatever pieces: it gets back
 * the same bytes with the types changed, up to where it breaks the rules; what
 * is owed to it comes out of the queue as it went in.
 *
 * Input: a byte that chooses the limit, a byte from which the pieces' sizes
 * follow, then what is sent.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "net/echo_stream.h"
#include "src/echo_queue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
	if (!condition)
		abort();
}

static uint32_t word(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
	       (uint32_t)at[2] << 8 | at[3];
}

/*
 * The plain way, with all bytes at hand. Changes types; returns how many bytes
 * go back, and what ends it: 0 or -errno.
 */
static size_t expect(unsigned char *bytes, size_t size, uint32_t length_max,
		     int *end)
{
	size_t at = 0;

	*end = 0;
	while (size - at >= BCAST_ECHO_HEADER_BYTES) {
		uint32_t type = word(bytes + at);
		uint32_t length = word(bytes + at + 4);

		if (type != BCAST_ECHO_SEND || length > length_max) {
			*end = type != BCAST_ECHO_SEND ? -EPROTO : -EMSGSIZE;
			return at;
		}
		bytes[at + 3] = BCAST_ECHO_ECHO;
		at += BCAST_ECHO_HEADER_BYTES;
		if (length > size - at)
			return size;
		at += length;
	}
	return at; /* a header that is not whole stays */
}

/* All that is in the queue, to `to`. */
static size_t empty(struct echo_queue *queue, struct echo_store *store,
		    unsigned char *to, size_t room, unsigned step)
{
	const unsigned char *bytes;
	size_t part, sum = 0;

	while ((part = echo_queue_peek(queue, &bytes)) > 0) {
		if (part > step)
			part = step;
		must(part <= room - sum);
		memcpy(to + sum, bytes, part);
		echo_queue_drop(queue, store, part);
		sum += part;
	}
	must(queue->bytes == 0);
	return sum;
}

static int feed(struct bc_echo_stream *stream, struct echo_queue *queue,
		struct echo_store *store, const uint8_t *data, size_t size,
		unsigned step)
{
	for (size_t from = 0; from < size; from += step) {
		size_t left = size - from < step ? size - from : step;
		/* of its own, so that a sanitizer sees its end */
		unsigned char *piece = malloc(left), *at = piece;
		struct bc_echo_part part;
		int found = 0;

		must(piece != NULL);
		memcpy(piece, data + from, left);
		while (left > 0 && found >= 0) {
			found = bc_echo_stream_next(stream, at, left, &part);
			if (found < 0)
				break;
			must(part.taken > 0 && part.taken <= left);
			must(echo_queue_add(queue, store, part.bytes,
					    part.size) == 0);
			at += part.taken;
			left -= part.taken;
		}
		free(piece);
		if (found < 0)
			return found;
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bc_echo_stream stream;
	struct echo_queue queue = {0};
	struct echo_store store = {0};
	unsigned char *expected, *back;
	uint32_t length_max;
	unsigned step;
	size_t count;
	int end;

	if (size < 2)
		return 0;
	length_max = (uint32_t)data[0] * 16;
	step = 1u + data[1];
	data += 2;
	size -= 2;
	expected = malloc(size + 1);
	back = malloc(size + 1);
	must(expected != NULL && back != NULL);
	if (size > 0)
		memcpy(expected, data, size);
	count = expect(expected, size, length_max, &end);

	bc_echo_stream_init(&stream, length_max);
	must(feed(&stream, &queue, &store, data, size, step) == end);
	must(queue.bytes == count);
	must(empty(&queue, &store, back, size, step) == count);
	must(memcmp(back, expected, count) == 0);

	echo_store_fini(&store);
	free(expected);
	free(back);
	return 0;
}
