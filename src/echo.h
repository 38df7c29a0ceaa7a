/* SPDX-License-Identifier: MIT */
/*
 * echo.h - the clients of --echo addresses (bcast/echo.h): who they are, how
 * they come and go. What happens to their bytes is echo_conn.h's business.
 *
 * They have nothing to do with the stream: they hold no byte of the ring, are
 * no receivers, and have slots of their own. The daemon's own thread serves
 * them between the stream's events. A client that does nothing costs its slot
 * and its socket: received is into buffers that all share, and what is owed to
 * a client is in memory only while the client does not take it.
 *
 * A client's life, where receiving and sending are requests in flight:
 *
 *	FREE --accepted--> OPEN --its end, or a stop--> LAST --nothing owed--+
 *	  ^                  +---- reset, not the protocol ------------------+
 *	  +------------ the last request has ended -------- CLOSING <--------+
 *
 * Without such an address nothing here is allocated, and nothing is done.
 */
#ifndef SRC_ECHO_H
#define SRC_ECHO_H

#include <stdbool.h>
#include <stdint.h>

#include "net/backend.h"
#include "net/token.h"
#include "src/echo_queue.h"

/* Of the buffer of all. */
#define ECHO_BUFFER_BYTES ((size_t)256 << 10)

struct daemon;
struct echo_conn;

/* All of them. Only echo.c and echo_conn.c write it. */
struct echo {
	struct echo_conn *conns; /* NULL: there are no addresses */
	uint32_t count;		 /* slots */
	uint32_t used;
	struct echo_conn *free;
	struct echo_store store;
	unsigned char *buffer;	    /* of receives by recv(2) */
	struct echo_conn *gathered; /* batch: to be sent, soonest first */
	struct echo_conn *gathered_last;
	uint64_t refused_ns; /* when one was refused last; 0: never */
};

/* echo_start - have slots, if there is an address. Returns 0 or -ENOMEM. */
int echo_start(struct daemon *daemon);

/* echo_stop - free all. The backend is closed. Safe on a zeroed one. */
void echo_stop(struct daemon *daemon);

/* echo_accepted - a connection has come in at daemon->listeners[index]. */
void echo_accepted(struct daemon *daemon, uint32_t listener_index, int fd);

/* echo_on_event - BC_OP_ECHO_RECV or BC_OP_ECHO_SEND. */
void echo_on_event(struct daemon *daemon, struct bc_token token,
		   const struct bc_event *event);

/* echo_flush - all events of this turn are known: send what was gathered. */
void echo_flush(struct daemon *daemon);

/*
 * echo_drain - the daemon stops: take no more from them, and let each go that
 * has got all; if it has got late, the others too. Once, and once if late.
 */
void echo_drain(struct daemon *daemon, bool late);

/* echo_is_gone - is nothing left of any? */
bool echo_is_gone(const struct daemon *daemon);

#endif
