/* SPDX-License-Identifier: MIT */
/*
 * latency.h - what the systems under bench/latency share.
 *
 * Two ways of measuring:
 *
 *   round trip	the leader sends, the first reader sends it back on a way of its
 *		own, the leader takes half the time. One clock, so exact; the
 *		next message leaves when the last has come back, so a stall is
 *		one sample.
 *   schedule	the leader sends every so often, whatever happens. Each message
 *		says when it should have left, each reader takes the time since
 *		then: a stall counts for all that it held up. Two processors'
 *		counters are compared, which line.h checks against each other.
 *
 * Every message is copied in by the leader and out by each reader.
 */
#ifndef BENCH_LATENCY_LATENCY_H
#define BENCH_LATENCY_LATENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bare_ring.h"
#include "crew.h"

/* The least size of a message, and its first bytes. */
struct latency_stamp {
	uint64_t number; /* from 1 */
	uint64_t due;	 /* ticks: when it should have left */
};

struct latency_word; /* latency_word.c */

struct latency_task {
	const char *system;
	const char *stream; /* bcast: the way there */
	const char *back;   /* bcast: the way back */
	bool schedule;
	unsigned interval_ns;
	size_t size;
	unsigned readers;
	unsigned warm_up_ms;
	unsigned window_ms;
	bool real_time;
	double ticks_per_ns;
	struct bare_ring bare[2]; /* there, back */
	struct latency_word *words;
};

struct latency_system {
	const char *name;
	const char *about;
	bool parks; /* readers sleep in the kernel */
	/* In the parent, before any member starts; NULL: nothing to do. */
	int (*prepare)(struct latency_task *task);
	crew_work *work; /* every member's; see exchange_work() */
};

extern const struct latency_system latency_line;
extern const struct latency_system latency_futex;
extern const struct latency_system latency_bare;
extern const struct latency_system latency_bare_futex;
extern const struct latency_system latency_bcast_spin;
extern const struct latency_system latency_bcast_wait;
extern const struct latency_system latency_bcast_park;

#endif
