/* SPDX-License-Identifier: MIT */
/*
 * flip.h - what the echo servers of this bench do with what they have read:
 * change the type of each packet, where it is. Nothing of ours is in here.
 */
#ifndef BENCH_ECHO_FLIP_H
#define BENCH_ECHO_FLIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLIP_HEADER_BYTES 8u

/* Of a client. Zeroed: nothing has come. */
struct flip {
	unsigned char header[FLIP_HEADER_BYTES]; /* as far as it has come */
	size_t filled;
	uint32_t left; /* bytes of a payload that are to come */
};

/*
 * flip - these bytes have come, and there is room for a header before them.
 * Sets them to what is to go back: with the beginning of a header that had been
 * kept, and without one that is to be kept. False: it is not the protocol.
 */
bool flip(struct flip *flip, unsigned char **bytes, size_t *size);

#endif
