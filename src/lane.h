/* SPDX-License-Identifier: MIT */
/*
 * lane.h - receivers that one event loop serves, and what it serves them with.
 *
 * The daemon's own thread has the home lane. Without --egress-threads all
 * receivers are in it; with them, each thread has a lane of its own, and only
 * senders are in the home lane. A lane is touched by its thread alone; what
 * lanes and the daemon's thread tell each other stands in lane_link.h.
 */
#ifndef SRC_LANE_H
#define SRC_LANE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/backend.h"
#include "net/conn.h"
#include "net/peer_socket.h"
#include "shm/counters.h"
#include "shm/peers.h"
#include "shm/segment.h"
#include "src/backpressure.h"
#include "src/bucket.h"
#include "src/busy_poll.h"
#include "src/config.h"
#include "src/socket_memory.h"
#include "src/timers.h"

/* The receivers' side: the lists are send_queue.c's, the rest progress.c's. */
struct egress {
	struct bc_conn_list ready;     /* idle, bytes to send */
	struct bc_conn_list caught_up; /* idle, cursor at the tail */
	struct bc_conn_list later;     /* within a pump: ready, next time */
	struct bc_conn_list held;      /* idle, bytes to send: LANE_HELD */
	uint32_t looks; /* of this pump, that filters have left (filter.h) */
	uint32_t receivers;
	uint32_t replaying; /* of these: they lead nobody */
	uint32_t half_closed;
	uint32_t sending; /* sends in flight, closing connections' too */
	uint64_t floor;	  /* no send needs a byte before it; may be too low */
	uint64_t last;	  /* the least cursor, when floor was computed */
	uint64_t hold;	  /* as in struct backpressure_positions, likewise */
	uint64_t hold_floor;
	uint64_t patience;  /* of the others, the least of cursor + --max-lag */
	uint64_t leader;    /* of the furthest, its floor; see leader_valid */
	uint64_t steady;    /* that of those who have proved it; 0: none has */
	uint64_t steady_ns; /* when one of these last took something */
	bool leader_valid;  /* of both */
	uint64_t last_progress_ns;
	unsigned char watch_byte;  /* where peeks go */
	unsigned char scrap[4096]; /* where bytes go that nobody reads */
};

/* Sends without a copy. Only zerocopy.c writes it. */
struct zerocopy {
	bool usable;	 /* by this backend, and not switched off */
	bool registered; /* the ring is, or it was tried */
	bool told;	 /* the segment says that we owe */
	bool held;	 /* for now, all is copied: upgrade.h */
	uint32_t owed;	 /* sends not settled */
};

/* What the loop of a lane has to wake for, beside its connections. */
enum lane_timer {
	LANE_TICK,  /* lane_time.h */
	LANE_PRESS, /* gating.c: to look after local readers again */
	LANE_ECHO,  /* echo.c: what is gathered is to go */
	LANE_READ,  /* rates.c: who puts in may go on */
	LANE_HELD,  /* rates.c: a receiver may, of egress.held */
	LANE_TIMERS,
};

/* One rate of a connection. Only rates.c writes it. */
struct rates_state {
	struct bucket bucket;
	bool waits; /* it may do nothing now */
};

struct rates {
	struct rates_state states[CONFIG_RATES];
};

struct daemon;

struct lane {
	/* constant while it runs */
	struct daemon *daemon; /* of the home lane; else NULL: no senders */
	/* a connection is ending, and in no list of the lane's; or NULL */
	void (*left)(struct daemon *daemon, struct bc_conn *conn);
	struct bc_segment *segment;
	const struct config *config;
	const struct backpressure_limits *limits;
	struct bc_counter_shm *counters; /* the segment's: flush the tally */
	struct bc_backend *backend;
	pthread_mutex_t *closed_lock; /* of the memory of closed connections */
	uint32_t first_slot; /* where its slots begin in the table of peers */

	struct bc_conn_table conns;
	struct timers timers; /* by slot; then those of enum lane_timer */
	struct rates *rates;  /* one a connection */
	struct bc_peer_socket peer_socket;
	struct egress egress;
	struct zerocopy zerocopy;
	struct bc_counter_tally tally; /* since the last turn */
	struct socket_memory socket_memory;
	struct busy_poll busy_poll;
	uint64_t tail;	 /* of the stream, as this turn of the loop sees it */
	uint64_t now_ns; /* CLOCK_MONOTONIC, read once a turn of the loop */
	uint32_t probe_slot;  /* where the round of half-closed ones goes on */
	uint32_t clients;     /* connections with a session */
	uint32_t subscribers; /* those of them that receive */
	uint64_t rests_bytes; /* of all their sessions */
};

/*
 * lane_init - no connections yet, up to max_connections. The constant fields
 * are set. Returns 0 or -ENOMEM.
 */
int lane_init(struct lane *lane, uint32_t max_connections);

/* lane_fini - free it. The backend is closed by now. Safe on a zeroed one. */
void lane_fini(struct lane *lane);

/* lane_arm - the loop wakes by then; TIMERS_NEVER: not for this. */
void lane_arm(struct lane *lane, enum lane_timer timer, uint64_t due_ns);

/* lane_arm_by - the same, unless it will wake for this earlier anyway. */
void lane_arm_by(struct lane *lane, enum lane_timer timer, uint64_t due_ns);

/* lane_is_due - has that come? Until lane_time_pass(), at the turn's end. */
bool lane_is_due(const struct lane *lane, enum lane_timer timer);

/*
 * lane_look_soon - the connection has a deadline that it did not have, or an
 * earlier one: lane_time.c looks at all that it has, in this turn of the loop
 * or the next. One that is put off, as by each message, need not be told.
 */
void lane_look_soon(struct lane *lane, const struct bc_conn *conn);

/* lane_remember - add to the memory of closed connections. */
void lane_remember(struct lane *lane, const struct bc_peer_closing *closing);

#endif
