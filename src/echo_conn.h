/* SPDX-License-Identifier: MIT */
/*
 * echo_conn.h - one echo client, and the way of its bytes.
 *
 *	receive (see below)
 *	  -> net/echo_stream.h: headers are changed where they are
 *	  -> the same bytes go back, at once if the socket takes them
 *	  -> what it does not take: copied into the client's queue, and sent
 *	     when it does
 *
 * So a byte is copied only by the kernel, for every client that takes what it
 * gets, and a payload goes back before it is whole.
 *
 * Small pieces are received by requests of many, into the backend's buffers:
 * that spares a system call each. A client whose pieces are large, as a new
 * one's are taken to be, is received from by recv(2) when it is readable, into
 * one buffer for all: that buffer stays in the cache, and then a call is
 * nothing.
 *
 * With --echo-mode batch, small pieces go into the queue first, for the rest
 * of the turn or for --echo-batch-delay, and all clients' queues are handed to
 * the kernel together. Large ones are not worth a copy.
 *
 * What a client does not take is bounded: a packet that would make it more
 * than --echo-budget is dropped, whole. Only one that comes while nothing is
 * owed may be larger than the budget; the client is then not read while more
 * than that is owed.
 *
 * Measured beside each other (2 cores, loopback, 100 clients), packets a
 * second of 64 bytes and of 64 KiB: an epoll server that receives and sends
 * 178,000 and 52,000; polls and receives into one buffer 183,000 and 54,000;
 * receives of many and a send each 188,000 and 31,000 to 52,000, for want of
 * cache; with the sends as requests, 191,000, but with 1000 clients 105,000 to
 * 145,000 instead of 150,000.
 */
#ifndef SRC_ECHO_CONN_H
#define SRC_ECHO_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/echo_stream.h"
#include "src/daemon.h"
#include "src/echo_queue.h"

enum echo_state {
	ECHO_FREE = 0,
	ECHO_OPEN,
	ECHO_LAST, /* reads no more, but is owed something */
	ECHO_CLOSING,
};

/* Why one ends. */
enum echo_reason {
	ECHO_REASON_PEER,     /* it has, and has got everything */
	ECHO_REASON_SHUTDOWN, /* the daemon stops, and it has got everything */
	ECHO_REASON_LATE,     /* the daemon stops, and it has not */
	ECHO_REASON_ERROR,    /* of its socket */
	ECHO_REASON_TYPE,     /* not the protocol */
	ECHO_REASON_LENGTH,   /* more than --echo-max */
	ECHO_REASON_MEMORY,   /* of ours */
};

struct echo_conn {
	int fd;
	uint32_t generation;
	enum echo_state state;
	enum echo_reason reason; /* from CLOSING on */
	bool receiving;		 /* a recv_each, or a poll, is in flight */
	bool polling;		 /* it is a poll */
	bool large;		 /* its pieces are: received by recv(2) */
	uint8_t small_pieces;	 /* the last ones, of a large one */
	bool sending;		 /* a send of the queue's first bytes */
	bool paused;		 /* not to be read: too much is owed */
	bool dropping; /* the payload that comes is of a dropped one */
	bool gathered; /* in that list */
	bool peer_ended;
	struct bc_echo_stream stream;
	struct echo_queue queue; /* what is owed */
	uint64_t dropped;	 /* packets */
	uint64_t due_ns;	 /* gathered: when to send */
	struct echo_conn *next;	 /* in the list of free, or gathered, ones */
	struct echo_conn *prev;	 /* gathered */
};

/* echo_conn_token - of a request for it. */
uint64_t echo_conn_token(const struct daemon *daemon,
			 const struct echo_conn *conn, enum bc_op op);

/* echo_conn_arm - receive from it, unless that goes on, or is not to be. */
void echo_conn_arm(struct daemon *daemon, struct echo_conn *conn);

/*
 * echo_conn_receive - a large one is readable: receive, into the buffer of
 * all. Returns as recv(2) does, or -errno; -EAGAIN: nothing has come.
 */
int32_t echo_conn_receive(struct daemon *daemon, const struct echo_conn *conn);

/* echo_conn_take - what it has sent. The bytes are changed. May end it. */
void echo_conn_take(struct daemon *daemon, struct echo_conn *conn,
		    unsigned char *bytes, size_t size);

/* echo_conn_sent - the send of its queue has ended well. May end it. */
void echo_conn_sent(struct daemon *daemon, struct echo_conn *conn, size_t size);

/* echo_conn_flush - send what is gathered for it. */
void echo_conn_flush(struct daemon *daemon, struct echo_conn *conn);

/* echo_conn_ungather - it is not in that list any more. */
void echo_conn_ungather(struct echo *echo, struct echo_conn *conn);

/* echo_conn_end - of echo.c: it is over. Once; ignored afterwards. */
void echo_conn_end(struct daemon *daemon, struct echo_conn *conn,
		   enum echo_reason reason, int error);

#endif
