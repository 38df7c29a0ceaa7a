/* SPDX-License-Identifier: MIT */
/*
 * content.h - what is sent: every byte is known by its position.
 *
 * The payload of all messages, one after the other, is a row of 64-bit words,
 * each a multiple of an odd constant: no two are alike, and to check a span
 * costs an addition and a comparison a word, with no memory but the span. What
 * a protocol puts around a payload is of one length and not looked at; if it
 * were longer or shorter, the payload behind it would be wrong.
 */
#ifndef BENCH_SCALE_CONTENT_H
#define BENCH_SCALE_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A message on its way to a receiver. */
struct content {
	size_t head_bytes;
	size_t payload_bytes; /* a multiple of 8 */
	size_t tail_bytes;
};

static inline size_t content_message(const struct content *content)
{
	return content->head_bytes + content->payload_bytes +
	       content->tail_bytes;
}

/* content_fill - the payload of message `number`. */
void content_fill(const struct content *content, uint64_t number, void *out);

/*
 * content_right - whether these bytes, with head and tail, are what stands at
 * `position` of what a receiver gets.
 */
bool content_right(const struct content *content, uint64_t position,
		   const void *bytes, size_t size);

#endif
