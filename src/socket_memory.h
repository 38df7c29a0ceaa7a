/* SPDX-License-Identifier: MIT */
/*
 * socket_memory.h - what the kernel lets all TCP sockets of the machine hold,
 * and how large a receiver's send buffer may be so that this is enough.
 *
 * Sizes are as the kernel counts them (what SO_SNDBUF reads back): twice what
 * is asked for by --sndbuf or SO_SNDBUF.
 */
#ifndef SRC_SOCKET_MEMORY_H
#define SRC_SOCKET_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "src/check.h"

struct bc_conn;
struct lane;

/* Below this a send over loopback, which has segments of 64 KiB, stalls. */
#define SOCKET_MEMORY_SHARE_MIN (UINT64_C(64) << 10)

struct socket_memory {
	uint64_t calm_bytes;	 /* tcp_mem[0]: no pressure below it */
	uint64_t pressure_bytes; /* tcp_mem[1]: all sockets suffer from here */
	uint64_t limit_bytes;	 /* tcp_mem[2]: sends fail */
	uint64_t largest_bytes;	 /* tcp_wmem[2]: where a buffer stops growing */
	uint32_t planned_for;	 /* receivers; a power of two, or 0 */
	uint64_t share_bytes;	 /* of each; 0: the system's choice */
};

/*
 * socket_memory_share - the send buffer that each of so many receivers may
 * have; 0: as much as the system gives.
 */
uint64_t socket_memory_share(const struct socket_memory *memory,
			     uint32_t receivers);

/*
 * socket_memory_plan - there are now so many receivers. True if share_bytes
 * has become less, so that those from before have too much.
 */
bool socket_memory_plan(struct socket_memory *memory, uint32_t receivers);

/*
 * socket_memory_worst - what the daemon's sockets can come to hold: all
 * receivers stalled and the sender's buffer full.
 */
uint64_t socket_memory_worst(const struct socket_memory *memory,
			     const struct config *config);

/*
 * socket_memory_ask - ask the kernel; `root` as in check.h. Where it does not
 * say, all is 0 and there is no share.
 */
void socket_memory_ask(const char *root, struct socket_memory *memory);

/* socket_memory_judge - is the worst too much for the kernel? */
void socket_memory_judge(const struct socket_memory *memory,
			 const struct config *config,
			 struct check_result *result);

/* socket_memory_check - warn if the worst is too much for the kernel. */
void socket_memory_check(const struct config *config);

/*
 * socket_memory_admit - a receiver is about to join this lane, which has its
 * part of all. Does nothing where --sndbuf, or the option of its
 * address, says how large its buffer is; nor for unix sockets.
 */
void socket_memory_admit(struct lane *lane, const struct bc_conn *conn);

#endif
