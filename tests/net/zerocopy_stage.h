/* SPDX-License-Identifier: MIT */
/*
 * zerocopy_stage.h - one io_uring backend, one TCP connection, some memory.
 *
 * On loopback the receiving side makes a copy, but only when a packet gets
 * there. What waits in the send queue of a stalled receiver is in our own
 * pages and nowhere else; the tests use that.
 */
#ifndef TESTS_ZEROCOPY_STAGE_H
#define TESTS_ZEROCOPY_STAGE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support.h"

#include "net/backend.h"

#define STAGE_SKIPPED	    77
#define STAGE_MEMORY_BYTES  ((size_t)4 << 20)
#define STAGE_SHORT_WAIT_NS INT64_C(1000000)
#define STAGE_LONG_WAIT_NS  (INT64_C(1000000) * DEADLINE_MS)
#define STAGE_SMALL_RCVBUF  4096

/* All there is; the fixture of each test makes and ends it. */
struct stage {
	struct bc_backend *backend;
	sigset_t no_change;
	unsigned char *memory;
	int ours, theirs; /* a TCP connection; -1: none */
};
extern struct stage stage;

/* stage_works_here - can zero copy be had? Says why not. */
bool stage_works_here(void);

/* cmocka's setup and teardown. */
int stage_open(void **state);
int stage_close(void **state);

/* stage_connect - make the connection; rcvbuf_bytes 0: the system's choice. */
void stage_connect(int rcvbuf_bytes);

/* stage_stall - connect, and send much that is not taken. Returns how much. */
uint64_t stage_stall(uint64_t token);

/* stage_send - send, and wait for the result. */
int stage_send(const void *bytes, size_t size, uint64_t token);

/* stage_next - the next event, which must have this token. */
struct bc_event stage_next(uint64_t token);

/* stage_no_event, stage_notified - there is none; it is the notification. */
void stage_no_event(void);
void stage_notified(uint64_t token);

/* stage_count - how many of the next `size` bytes that they get are `byte`. */
uint64_t stage_count(uint64_t size, unsigned char byte);

/* stage_abort - reset the connection. */
void stage_abort(void);

#endif
