/* SPDX-License-Identifier: MIT */
/*
 * token.h - what a request says of itself, in the 64 bits that the kernel
 * hands back with its completion: operation, slot, generation.
 *
 *	63      56 55                  32 31                           0
 *	+---------+----------------------+------------------------------+
 *	|   op    |         slot         |          generation          |
 *	+---------+----------------------+------------------------------+
 *
 * A slot is reused; its generation then differs, so that a late completion can
 * never be taken for one of the slot's next tenant. Token 0 belongs to nobody.
 */
#ifndef NET_TOKEN_H
#define NET_TOKEN_H

#include <stdint.h>

enum bc_op {
	BC_OP_NONE = 0,
	BC_OP_ACCEPT = 1,  /* slot: the listener's index */
	BC_OP_RECV = 2,	   /* a sender's bytes, into the ring */
	BC_OP_SEND = 3,	   /* ring bytes to a receiver */
	BC_OP_WATCH = 4,   /* a peek: has a receiver sent, or gone? */
	BC_OP_DISCARD = 5, /* throw away what a receiver sent */
	BC_OP_NODE = 6,	   /* a local node's process; slot: in the registry */
	BC_OP_LOCAL = 7,   /* a local publisher has published */
	BC_OP_LANES = 8,   /* an egress thread has reported something */
	BC_OP_NEWS = 9,	   /* an egress thread has been told something */
};

#define BC_TOKEN_SLOTS (UINT32_C(1) << 24)

struct bc_token {
	enum bc_op op;
	uint32_t slot;
	uint32_t generation;
};

static inline uint64_t bc_token_pack(enum bc_op op, uint32_t slot,
				     uint32_t generation)
{
	return (uint64_t)op << 56 |
	       (uint64_t)(slot & (BC_TOKEN_SLOTS - 1)) << 32 | generation;
}

static inline struct bc_token bc_token_unpack(uint64_t packed)
{
	return (struct bc_token){
		.op = (enum bc_op)(packed >> 56),
		.slot = (uint32_t)(packed >> 32) & (BC_TOKEN_SLOTS - 1),
		.generation = (uint32_t)packed,
	};
}

#endif
