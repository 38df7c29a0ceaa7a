/* SPDX-License-Identifier: MIT */
/* content.c - see content.h. */
#include "content.h"

#include <string.h>

#define STEP UINT64_C(0x9e3779b97f4a7c15)

static uint64_t word_at(uint64_t index)
{
	return (index + 1) * STEP;
}

void content_fill(const struct content *content, uint64_t number, void *out)
{
	const size_t count = content->payload_bytes / sizeof(uint64_t);
	uint64_t word = word_at(number * count);
	uint8_t *to = out;

	for (size_t i = 0; i < count; i++) {
		memcpy(to + i * sizeof(word), &word, sizeof(word));
		word += STEP;
	}
}

static bool part_right(uint64_t at, const uint8_t *bytes, size_t size)
{
	const uint64_t word = word_at(at / sizeof(word));

	return memcmp((const uint8_t *)&word + at % sizeof(word), bytes,
		      size) == 0;
}

/* `at`: a position in the row of words. */
static bool payload_right(uint64_t at, const uint8_t *bytes, size_t size)
{
	const size_t first = (size_t)(-at % sizeof(uint64_t));
	uint64_t wrong = 0;
	uint64_t expected;
	uint64_t word;

	if (size <= first)
		return part_right(at, bytes, size);
	if (first > 0 && !part_right(at, bytes, first))
		return false;
	at += first;
	bytes += first;
	size -= first;
	expected = word_at(at / sizeof(word));
	for (; size >= sizeof(word); size -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		wrong |= word ^ expected;
		expected += STEP;
		bytes += sizeof(word);
		at += sizeof(word);
	}
	return wrong == 0 && part_right(at, bytes, size);
}

bool content_right(const struct content *content, uint64_t position,
		   const void *bytes, size_t size)
{
	const size_t message = content_message(content);
	const size_t end = content->head_bytes + content->payload_bytes;
	uint64_t number = position / message;
	size_t offset = (size_t)(position % message);
	const uint8_t *at = bytes;

	while (size > 0) {
		size_t stop = offset < content->head_bytes ? content->head_bytes
			      : offset < end		   ? end
							   : message;
		size_t n = stop - offset < size ? stop - offset : size;
		uint64_t payload = number * content->payload_bytes + offset -
				   content->head_bytes;

		if (stop == end && !payload_right(payload, at, n))
			return false;
		at += n;
		size -= n;
		offset += n;
		if (offset == message) {
			offset = 0;
			number++;
		}
	}
	return true;
}
