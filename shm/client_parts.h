/* SPDX-License-Identifier: MIT */
/*
 * client_parts.h - reader.h's reader, for the files that it is made of. Each
 * calls only those above it in this list:
 *
 *	client_report.c	show in the node's slot how far it is (client_report.h)
 *	client_place.c	packets: where it may go
 *	client_look.c	is there anything at the position
 *	client_packet.c	peek and consume whole records, and bcast_next()
 *	client_gate.c	let the writer wait for it
 *	client_poll.c	look, and what is due when there is nothing to read
 *	client_event.c	wait in event loops: a descriptor
 *	client_wait.c	wait
 *	client_reader.c	attach, peek, consume, read, seek (client_reader.h)
 */
#ifndef BC_CLIENT_PARTS_H
#define BC_CLIENT_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include <bcast/bcast.h>

#include "shm/histogram.h"
#include "shm/ring.h"
#include "shm/segment.h"
#include "shm/spin.h"

struct bc_node_report;

struct bcast_reader {
	struct bc_segment segment;
	struct bc_ring ring; /* copy of segment.ring, one load nearer */
	uint64_t position;
	uint64_t peeked; /* bytes that the last peek showed */
	/* packets: numbers of the records at position and after peeked; 0: not
	 * known */
	uint64_t sequence;
	uint64_t peeked_sequence;
	uint64_t paced_ns; /* keep_away() of client_look.c */
	uint64_t paced_position;
	uint64_t paced_sequence;
	bool packets;
	bool unproved; /* packets: maybe no record begins at the position */
	bool measure;
	bool parked; /* the last wait slept in the kernel */
	uint64_t epoch;
	struct bc_spin spin;
	uint64_t gone_after_ns;
	uint64_t next_check_ns; /* when to ask for the owner again */
	uint64_t gone_since_ns; /* owner found dead at; 0: alive */
	uint32_t gone_count;	/* and the publish count was this then */
	struct bcast_loss loss;
	uint64_t bytes, waits, parks;
	uint64_t latency_max_ns;
	struct bc_histogram_shm latency;
	struct bc_node_report *report; /* NULL: not a node's */
	struct bc_client_event *event; /* NULL: no descriptor */
};

/* ---- client_place.c ---------------------------------------------------- */

/*
 * After a lap: go on where there is something. False: there is nowhere to go,
 * the head's numbers cannot be.
 */
bool bc_client_place_resync(struct bcast_reader *reader);
int bc_client_place_seek(struct bcast_reader *reader, enum bcast_from from,
			 uint64_t position);

/* ---- client_look.c ----------------------------------------------------- */

/*
 * bc_client_look - is there anything to read? 1 with *length bytes of it
 * (packets shown by header only: 0), 0 nothing yet, < 0 as bcast_peek().
 */
int bc_client_look(struct bcast_reader *reader, uint64_t *length);

/* The same of packets; and whether a record is there by its own number. */
int bc_client_look_packet(struct bcast_reader *reader, uint64_t *length);
bool bc_client_look_is_shown(const struct bcast_reader *reader);

/*
 * bc_client_look_lapped - note the loss, move on. BCAST_ELAPPED; or, of
 * packets, BCAST_EPROTO if there is nothing to move on to: the head's numbers
 * cannot be.
 */
int bc_client_look_lapped(struct bcast_reader *reader);

/* ---- client_packet.c --------------------------------------------------- */

int bc_client_packet_peek(struct bcast_reader *reader, uint64_t *length);
/* Whole records: bytes of them within n, and the number of the next. */
uint64_t bc_client_packet_whole(const struct bcast_reader *reader, uint64_t n,
				uint64_t *next_sequence);

/* ---- client_poll.c ----------------------------------------------------- */

/* bc_client_poll - bcast_wait() for no time at all. */
int bc_client_poll(struct bcast_reader *reader);

/*
 * bc_client_poll_due - there was nothing to read: ask for the owner, every 100
 * ms, and each time while it is missed.
 */
int bc_client_poll_due(struct bcast_reader *reader, uint64_t now_ns);

/*
 * bc_client_poll_sleepy - between being counted among the sleepers (`counted`:
 * we are) and the last look for data: what makes sure that publishers see it.
 * Returns for how long one may sleep without another look, in ns.
 */
uint64_t bc_client_poll_sleepy(const struct bc_segment *segment, bool counted);

/* ---- client_event.c ---------------------------------------------------- */

/* All do nothing without a descriptor. */
void bc_client_event_disarm(struct bcast_reader *reader);
/* The node is leaving: no more being counted; the descriptor fires. */
void bc_client_event_unbind(struct bcast_reader *reader);
void bc_client_event_close(struct bcast_reader *reader);

/* ---- client_wait.c ----------------------------------------------------- */

void bc_client_wait_init(struct bcast_reader *reader, int64_t spin_ns);

#endif
