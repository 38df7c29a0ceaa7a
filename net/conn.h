/* SPDX-License-Identifier: MIT */
/*
 * conn.h - the daemon's connections: slots, their states, and lists of them.
 *
 * All slots are allocated at start; nothing is after. A slot's life:
 *
 *	FREE --open--> OPEN --end--> ENDED --begin_close--> CLOSING
 *	  ^------------------------- release --------------------+
 *
 * ENDED: somebody found a reason to close it, and it waits for the one place
 * that does. CLOSING lasts until the last event has come. Until the last
 * request in flight has given its own, the descriptor stays open. Zero-copy
 * sends may then still be owed (owed.h): they hold the slot, but not the
 * descriptor, since what they wait for may be the reset that comes with its
 * close; fd is -1 from then on. As long as any of this lasts, ring bytes from
 * bc_conn_floor() on stay claimed. release() is refused before (asserted) and
 * changes the generation, so that no late event can reach the next tenant. A
 * slot is in at most one list.
 *
 * Or OPEN --withdraw--> FREE: the connection goes on elsewhere.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "net/owed.h"
#include "net/token.h"
#include "shm/layout.h"

#define BC_CONN_NONE UINT32_MAX

enum bc_conn_state {
	BC_CONN_FREE = 0,
	BC_CONN_OPEN,
	BC_CONN_ENDED,
	BC_CONN_CLOSING,
};

/* Requests in flight, as bits. */
#define BC_CONN_SEND	1u
#define BC_CONN_RECV	2u
#define BC_CONN_WATCH	4u
#define BC_CONN_DISCARD 8u
#define BC_CONN_SEND_ZC 16u /* until its result */
#define BC_CONN_EACH	32u /* receives until ended */
#define BC_CONN_HELLO	64u
#define BC_CONN_PUBLISH 128u /* a receive into a publisher's own buffer */
#define BC_CONN_SENDS	(BC_CONN_SEND | BC_CONN_SEND_ZC)

/* Are its sends to be without a copy? As shown in bc_peer_shm.zerocopy. */
enum bc_conn_zerocopy {
	BC_CONN_ZEROCOPY_NO = 0,
	BC_CONN_ZEROCOPY_YES = 1,
	BC_CONN_ZEROCOPY_COPIED = 2, /* they were, and the kernel copied */
};

struct session;

struct bc_conn {
	int fd; /* -1: closed; CLOSING may go on */
	uint32_t generation;
	enum bc_conn_state state;
	uint32_t role;		   /* enum bcast_peer_role */
	uint32_t in_flight;	   /* BC_CONN_SEND | ... */
	uint32_t prev, next, list; /* neighbours, and which list; see below */

	uint64_t cursor;  /* receiver: next position to send */
	uint64_t held;	  /* bytes before it that are needed yet */
	uint64_t offered; /* bytes of the send in flight */
	uint64_t bytes;	  /* sent or received, in this role */
	uint64_t connected_realtime_ns;
	uint64_t owed_since_ns; /* receiver: it has taken none since; 0: n/a */
	uint32_t listener;	/* index of where it came in */
	uint32_t door;		/* and of that address in the configuration */
	bool unix_socket;	/* not TCP */
	bool half_closed;	/* the peer sends no more */
	bool skip;		/* to be moved to live once its send is back */
	bool overdue; /* beyond the send timeout, when last looked at */

	enum bc_conn_zerocopy zerocopy;
	uint32_t copies;      /* plain sends before the next try without */
	uint64_t settled_ns;  /* when it last came to owe less, or anything */
	uint64_t abort_at_ns; /* closing in order: how long; 0: not yet */
	struct bc_owed owed;  /* zero-copy sends not settled */

	uint32_t close_reason; /* enum bcast_close_reason; from ENDED on */
	int close_error;       /* -errno or 0 */
	uint32_t next_ended;   /* the ended are a list of their own */

	struct session *session;   /* of a client of --packet; or NULL */
	struct bc_peer_shm *shown; /* its entry in the segment */
	char peer[BC_ADDRESS];
};

/* A first-in first-out list of slots, linked through them. */
struct bc_conn_list {
	uint32_t id; /* not 0 */
	uint32_t head, tail;
};

struct bc_conn_table {
	struct bc_conn *conns;
	uint32_t count;
	uint32_t used;	   /* slots that are not FREE */
	uint64_t released; /* slots that became FREE again, since the start */
	struct bc_conn_list free;
	uint32_t ended; /* the first ENDED one, or BC_CONN_NONE */
};

/* bc_conn_table_init - `count` free slots. Returns 0 or -ENOMEM. */
int bc_conn_table_init(struct bc_conn_table *table, uint32_t count);

/* bc_conn_table_fini - free the memory. Safe on a zeroed struct. */
void bc_conn_table_fini(struct bc_conn_table *table);

/* bc_conn_open - take a slot for `fd`; NULL if there is none. */
struct bc_conn *bc_conn_open(struct bc_conn_table *table, int fd);

/* bc_conn_open_at - take this slot for `fd`; NULL if it is not FREE. */
struct bc_conn *bc_conn_open_at(struct bc_conn_table *table, int fd,
				uint32_t slot);

/*
 * bc_conn_end - OPEN -> ENDED, for a reason (enum bcast_close_reason) and an
 * error (-errno or 0). Does nothing to one that has ended: the first counts.
 */
void bc_conn_end(struct bc_conn_table *table, struct bc_conn *conn,
		 uint32_t reason, int error);

/* bc_conn_take_ended - one of the ENDED, each once; NULL if there is none. */
struct bc_conn *bc_conn_take_ended(struct bc_conn_table *table);

/* bc_conn_begin_close - ENDED -> CLOSING; the slot is in no list by now. */
void bc_conn_begin_close(struct bc_conn *conn);

/* bc_conn_release - CLOSING -> FREE; nothing is in flight or owed by now. */
void bc_conn_release(struct bc_conn_table *table, struct bc_conn *conn);

/*
 * bc_conn_withdraw - OPEN -> FREE: nothing is in flight or owed, the slot is in
 * no list, and the descriptor is the caller's.
 */
void bc_conn_withdraw(struct bc_conn_table *table, struct bc_conn *conn);

/* bc_conn_slot - the slot's number. */
static inline uint32_t bc_conn_slot(const struct bc_conn_table *table,
				    const struct bc_conn *conn)
{
	return (uint32_t)(conn - table->conns);
}

/*
 * bc_conn_floor - of a receiver, or one that was: the oldest byte that its
 * sends may still need.
 */
static inline uint64_t bc_conn_floor(const struct bc_conn *conn)
{
	return bc_owed_floor(&conn->owed, conn->cursor - conn->held);
}

/* bc_conn_token - names a request of this connection. */
static inline uint64_t bc_conn_token(const struct bc_conn_table *table,
				     const struct bc_conn *conn, enum bc_op op)
{
	return bc_token_pack(op, bc_conn_slot(table, conn), conn->generation);
}

/*
 * bc_conn_by_token - whose event this is; NULL if the slot has another tenant
 * by now (or the token is not one of ours).
 */
struct bc_conn *bc_conn_by_token(const struct bc_conn_table *table,
				 struct bc_token token);

/* bc_conn_list_init - an empty list; `id` tells it from others, and is > 0. */
void bc_conn_list_init(struct bc_conn_list *list, uint32_t id);

/* bc_conn_list_push - put at the end; the slot is in no list. */
void bc_conn_list_push(struct bc_conn_table *table, struct bc_conn_list *list,
		       struct bc_conn *conn);

/* bc_conn_list_pop - take the first; NULL if empty. */
struct bc_conn *bc_conn_list_pop(struct bc_conn_table *table,
				 struct bc_conn_list *list);

/* bc_conn_list_remove - take this one out, if it is in this list. */
void bc_conn_list_remove(struct bc_conn_table *table, struct bc_conn_list *list,
			 struct bc_conn *conn);

#endif
