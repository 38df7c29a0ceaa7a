/* SPDX-License-Identifier: MIT */
/*
 * lane_link.h - what the daemon's thread and the threads of lanes tell each
 * other. Plain words, each with one writer; no lock.
 *
 *	daemon  --- tail, leader, order; newcomers -->  lane
 *	        <-- floor, leader, bound; gone --------
 *
 * Downwards: all lanes read one struct lane_news. Its `word` changes after the
 * rest and is a futex, which lanes sleep on. A newcomer is a connection with
 * the position it joins at; there is room for as many as the lane has slots, so
 * giving one never waits.
 *
 * A change of the configuration (reload.c) goes the same way: each lane has a
 * copy of its own, which only its thread writes, when `config_number` differs
 * from the one that it has `taken`; and the daemon writes the next one only
 * when all have taken the last. So nobody locks, and nobody reads while another
 * one writes. (The fields that can change could be atomic words that all read;
 * but then each use of them would have to be one, and two of them could be seen
 * in the middle of a change.) The number is stored before the tails that the
 * sender may reach by it, and read after them.
 *
 * Upwards: a lane reports after each turn. The daemon may have bytes before
 * `floor` overwritten, so a lane stores it only when the sends that needed them
 * have ended, and lowers it for a newcomer *before* it counts it as `taken`;
 * the daemon reads `taken` first and adds the newcomers beyond it by itself.
 * hold and hold_floor are no such promise: they keep the sender near receivers
 * that it has to wait for, and may be a turn late. But a receiver that neither
 * leads nor holds must not be seen, not for an instant, since a local publisher
 * needs no longer to run away from it: so what a newcomer holds is stored
 * before it is `taken`, as is that it leads; and who ceases to hold leads
 * before that. The daemon reads in the order taken, hold, leader. `bound` keeps
 * the sender from running away from a thread that has not got to it yet,
 * because it waits for a processor or is still busy with sends: its receivers
 * would look slow without having been offered a byte. Only a daemon that waits
 * is told at once: it sets `wanted`, looks once more, and sleeps; the lane
 * reports, looks at `wanted`, and then writes the eventfd (both with a fence
 * between, so one of them sees the other).
 */
#ifndef SRC_LANE_LINK_H
#define SRC_LANE_LINK_H

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include "shm/segment.h"
#include "src/backpressure.h"
#include "src/config.h"

#define LANE_LINE      128u /* two cache lines: they are fetched in pairs */
#define LANE_NO_FLOOR  UINT64_MAX /* the lane needs no byte at all */
#define LANE_NO_LEADER UINT64_MAX /* it has no receivers */

/* How far the end has come; only grows. */
enum lane_order {
	LANE_SERVE = 0,
	LANE_FINISH, /* the tail is final: let those go that have all of it */
	LANE_HURRY,  /* the others too */
	LANE_STOP,   /* at once, whatever is left */
};

/* How far a hot upgrade has come (upgrade.h). */
enum lane_upgrade {
	LANE_NO_UPGRADE = 0,
	LANE_SETTLE, /* no more zero-copy sends: those owed have to be settled */
	LANE_REST,   /* stand still, until this is another word again */
};

/* The daemon's thread writes. */
struct lane_news {
	alignas(LANE_LINE) bc_u32 word; /* + 1 for each change of the others */
	bc_u32 order;			/* enum lane_order */
	bc_u32 upgrade;			/* enum lane_upgrade */
	bc_u32 rests;	 /* orders to rest so far; before `upgrade` says so */
	bc_u32 given_up; /* ingest_given_up(): all receivers are stalled */
	bc_u64 tail;
	bc_u64 leader; /* the furthest cursor over all lanes */
	bc_u64 config_number;
	struct config config;
	struct backpressure_limits limits;
};

struct session;

struct lane_newcomer {
	int fd;
	uint32_t listener;
	uint32_t door; /* where it came in: index in config.listens */
	uint64_t position;
	struct session *session; /* of a client that has been welcomed */
	uint64_t hold; /* of one that replays (lag.h), which leads nobody */
};

struct lane_link {
	/* the lane's thread writes */
	alignas(LANE_LINE) bc_u64 floor;
	bc_u64 hold; /* as in struct backpressure_positions */
	bc_u64 hold_floor;
	bc_u64 leader;
	bc_u64 bound; /* how far the tail may go: egress_headway() */
	bc_u64 last_progress_ns;
	bc_u64 lag_max;
	bc_u64 taken; /* newcomers, since the start */
	bc_u64 gone;  /* slots that were freed again */
	bc_u64 config_taken;
	bc_u32 stopped;
	bc_u32 error;  /* the errno that ended it; 0: none */
	bc_u32 owed;   /* zero-copy sends that are not settled */
	bc_u32 rested; /* news.rests that it rests for, or did: while this is
			  the last one, the daemon's thread has the lane */

	/* the daemon's thread writes */
	alignas(LANE_LINE) bc_u64 given;
	bc_u32 wanted;			 /* both write: see above */
	struct lane_newcomer *newcomers; /* of `slots`, by number modulo it */
	uint32_t slots;
	int eventfd; /* that the daemon polls; one for all lanes */
};

#endif
