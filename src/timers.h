/* SPDX-License-Identifier: MIT */
/*
 * timers.h - who has to be looked after, and when: deadlines of one event loop.
 *
 * Pure memory: no clock, no system call, and no allocation after the start. The
 * clock is the caller's, who passes it in. A timer is a number below the
 * capacity; what it is for, its number says. There are no callbacks: the loop
 * takes what is due, one after the other, and acts.
 *
 *	wait until timers_next() -> while (timers_take()) look after it
 *
 * A deadline that moves with every message is not moved here with every
 * message. Who sends or receives stores the time, as it would anyway; the
 * timer, when it rings, looks whether it is really due, and is armed for when
 * it will be. So a busy connection costs what an idle one does: one ringing an
 * interval.
 *
 * A binary heap with a place for each timer, so that it can be moved and taken
 * out. Rejected: a wheel, which has to be turned by a tick, and rings when the
 * tick does; and a list for each length of interval, since these come from
 * clients. Also timers within what they are for: those would have to stand in
 * net/conn.h, and the heap would touch a cache line of theirs for each step.
 *
 * A turn ends: what is armed for a time that is past already rings with the
 * next take() of a later time, so one turn rings each timer once at most.
 */
#ifndef SRC_TIMERS_H
#define SRC_TIMERS_H

#include <stdint.h>

#define TIMERS_NEVER UINT64_MAX /* a time */
#define TIMERS_NONE  UINT32_MAX /* a timer */

/* A timer that is armed. */
struct timers_entry {
	uint64_t due_ns;
	uint32_t timer;
};

struct timers {
	struct timers_entry *heap; /* [0] is due first */
	uint32_t *places; /* of each timer: 1 + where in heap; 0: not armed */
	uint32_t capacity;
	uint32_t count;	 /* armed */
	uint64_t now_ns; /* of the last take */
};

/* timers_init - timers 0 to capacity - 1, none armed. 0 or -ENOMEM. */
int timers_init(struct timers *timers, uint32_t capacity);

/* timers_fini - free the memory. Safe on a zeroed struct. */
void timers_fini(struct timers *timers);

/*
 * timers_arm - it rings at due_ns, whatever it was armed for before.
 * TIMERS_NEVER disarms it.
 */
void timers_arm(struct timers *timers, uint32_t timer, uint64_t due_ns);

/* timers_arm_by - it rings at due_ns, unless it rings earlier anyway. */
void timers_arm_by(struct timers *timers, uint32_t timer, uint64_t due_ns);

/* timers_disarm - it does not ring. It need not have been armed. */
void timers_disarm(struct timers *timers, uint32_t timer);

/* timers_due - when it rings, or TIMERS_NEVER. */
uint64_t timers_due(const struct timers *timers, uint32_t timer);

/* timers_next - when the first of all rings, or TIMERS_NEVER. */
uint64_t timers_next(const struct timers *timers);

/*
 * timers_take - one that is due by now_ns, the longest overdue first; it is not
 * armed any more. TIMERS_NONE if there is none. Whoever bounds how many are
 * taken in a turn finds the others due in the next.
 */
uint32_t timers_take(struct timers *timers, uint64_t now_ns);

#endif
