/* SPDX-License-Identifier: MIT */
/*
 * token.h - what a request says of itself, in the 64 bits that the kernel
 * hands back with its completion: operation, number, slot, generation.
 *
 *	63      56 55    52 51              32 31                      0
 *	+---------+--------+------------------+-------------------------+
 *	|   op    | number |       slot       |       generation        |
 *	+---------+--------+------------------+-------------------------+
 *
 * A slot is reused; its generation then differs, so that a late completion can
 * never be taken for one of the slot's next tenant. The number tells apart the
 * zero-copy sends of one slot (owed.h), of which several may be outstanding;
 * it is 0 for all else. Token 0 belongs to nobody.
 */
#ifndef NET_TOKEN_H
#define NET_TOKEN_H

#include <stdint.h>

enum bc_op {
	BC_OP_NONE = 0,	    /* a try at start: whatever comes of it late */
	BC_OP_ACCEPT = 1,   /* slot: the listener's index */
	BC_OP_RECV = 2,	    /* a sender's bytes, into the ring */
	BC_OP_SEND = 3,	    /* ring bytes to a receiver */
	BC_OP_WATCH = 4,    /* a peek: has a receiver sent, or gone? */
	BC_OP_DISCARD = 5,  /* throw away what a receiver sent */
	BC_OP_NODE = 6,	    /* a local node's process; slot: in the registry */
	BC_OP_LOCAL = 7,    /* a local publisher has published */
	BC_OP_LANES = 8,    /* an egress thread has reported something */
	BC_OP_NEWS = 9,	    /* an egress thread has been told something */
	BC_OP_SEND_ZC = 10, /* ring bytes to a receiver, by zero copy */
	BC_OP_HELLO = 11,   /* a client's first record */
	BC_OP_EACH = 12,    /* what a client says after that */
	BC_OP_PUBLISH = 13, /* records of one publisher among several */
	BC_OP_MAIL = 14,    /* something is in a remote node's inbox */
	BC_OP_UPGRADE = 15, /* a daemon wants to take over: slot 0, 1 talks */
	BC_OP_ECHO_RECV = 20, /* what echo clients send */
	BC_OP_ECHO_SEND = 21, /* what they get back, and did not take at once */
};

#define BC_TOKEN_SLOTS	 (UINT32_C(1) << 20)
#define BC_TOKEN_NUMBERS 16u

struct bc_token {
	enum bc_op op;
	uint32_t number;
	uint32_t slot;
	uint32_t generation;
};

static inline uint64_t bc_token_pack(enum bc_op op, uint32_t slot,
				     uint32_t generation)
{
	return (uint64_t)op << 56 |
	       (uint64_t)(slot & (BC_TOKEN_SLOTS - 1)) << 32 | generation;
}

/* bc_token_number - the same token with a number; the packed one has none. */
static inline uint64_t bc_token_number(uint64_t packed, uint32_t number)
{
	return packed | (uint64_t)(number & (BC_TOKEN_NUMBERS - 1)) << 52;
}

static inline struct bc_token bc_token_unpack(uint64_t packed)
{
	return (struct bc_token){
		.op = (enum bc_op)(packed >> 56),
		.number = (uint32_t)(packed >> 52) & (BC_TOKEN_NUMBERS - 1),
		.slot = (uint32_t)(packed >> 32) & (BC_TOKEN_SLOTS - 1),
		.generation = (uint32_t)packed,
	};
}

#endif
