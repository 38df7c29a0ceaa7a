/* SPDX-License-Identifier: MIT */
/*
 * session.h - one measurement: the distance of the processors, the members at
 * work (crew.h), a warm-up, a window, and the distance again.
 */
#ifndef BENCH_SESSION_H
#define BENCH_SESSION_H

#include <stdint.h>
#include <stdio.h>

#include "crew.h"
#include "line.h"

struct session_plan {
	unsigned readers;
	unsigned warm_up_ms;
	unsigned window_ms;
	bool real_time;	 /* before everybody else on this machine */
	crew_work *work; /* every member's, the writer's and the readers' */
	void *context;	 /* of all of them, as it is at the fork */
};

struct session {
	struct crew *crew;
	double ticks_per_ns;
	struct line_state before;
	struct line_state after;
	uint64_t window_ns;
	uint64_t waited_ns;	    /* see crew_waited_ns() */
	uint64_t counted[CREW_MAX]; /* messages within the window */
};

/* 0, or < 0 and the reason was printed. session_fini() in any case. */
int session_init(struct session *session, const struct session_plan *plan);
int session_run(struct session *session, const struct session_plan *plan);
void session_fini(struct session *session);

/* The fields that all results have, without the braces. */
void session_print(const struct session *session,
		   const struct session_plan *plan, FILE *out);

/* A number from the command line; ends the program if it is none. */
unsigned session_number(const char *text, unsigned low, unsigned high);

#endif
