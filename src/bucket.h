/* SPDX-License-Identifier: MIT */
/*
 * bucket.h - a token bucket: how much may go now, and when more may.
 *
 *	rate --> [ tokens, at most the burst ] --> bucket_take()
 *
 * A token is a byte or a record. Tokens come at `rate` a second and are kept up
 * to the burst: what the rate is in BUCKET_BURST_NS, and two more, so that a
 * low rate does not lose what comes while a token waits to be used. So in any T
 * seconds no more than rate * T and a burst can go; and who always wants, and
 * comes again in less time than it takes to fill, gets all of rate * T: parts
 * of a token are kept.
 *
 * Nothing is taken on credit. A record that is larger than the burst goes in
 * pieces, and so does not need any.
 *
 * The rate is not kept in here but passed, so that a changed one counts from
 * the next look on; it is 1 to BUCKET_RATE_MAX. Time is what the caller says,
 * in nanoseconds, and may stand still or go back. A zeroed bucket is full. Pure
 * integer arithmetic, without drift, for as long as 64 bits of nanoseconds
 * last.
 */
#ifndef SRC_BUCKET_H
#define SRC_BUCKET_H

#include <stdint.h>

#define BUCKET_BURST_NS (UINT64_C(100) * 1000 * 1000)
#define BUCKET_RATE_MAX (UINT64_C(100) << 30)

struct bucket {
	uint64_t tokens;
	uint64_t fraction;  /* of the next token, in 10^-9 */
	uint64_t filled_ns; /* when it was last; 0: never, it is full */
};

/* bucket_burst - the most that can go at once at this rate. */
uint64_t bucket_burst(uint64_t rate);

/*
 * bucket_portion - what to wait for once it is empty, rather than to move a few
 * bytes at a time: a quarter of the burst, at least one token.
 */
uint64_t bucket_portion(uint64_t rate);

/* bucket_allows - fill it up to now; returns how much may go. */
uint64_t bucket_allows(struct bucket *bucket, uint64_t rate, uint64_t now_ns);

/*
 * bucket_take - so much has gone, which it allowed. If that was at a higher
 * rate than it is filled by since, it is empty and owes nothing.
 */
void bucket_take(struct bucket *bucket, uint64_t tokens);

/*
 * bucket_ready_ns - when it will allow `wanted`, or a burst if that is less. As
 * of the last bucket_allows(), and not before it.
 */
uint64_t bucket_ready_ns(const struct bucket *bucket, uint64_t rate,
			 uint64_t wanted);

#endif
