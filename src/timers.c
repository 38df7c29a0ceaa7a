/* SPDX-License-Identifier: MIT */
/* timers.c - see timers.h. */
#include <errno.h>
#include <stdlib.h>

#include "shm/assert.h"
#include "src/timers.h"

int timers_init(struct timers *timers, uint32_t capacity)
{
	*timers = (struct timers){
		.heap = calloc(capacity, sizeof(*timers->heap)),
		.places = calloc(capacity, sizeof(*timers->places)),
		.capacity = capacity,
	};
	if (timers->heap && timers->places)
		return 0;
	timers_fini(timers);
	return -ENOMEM;
}

void timers_fini(struct timers *timers)
{
	free(timers->heap);
	free(timers->places);
	*timers = (struct timers){0};
}

/* ---- The heap: nobody is due before the one above it ------------------- */

static void put(struct timers *timers, uint32_t place,
		struct timers_entry entry)
{
	timers->heap[place] = entry;
	timers->places[entry.timer] = place + 1;
}

/* There is a gap at `place`: fill it with the entry, or with one above it. */
static void rise(struct timers *timers, uint32_t place,
		 struct timers_entry entry)
{
	while (place > 0) {
		uint32_t above = (place - 1) / 2;

		if (timers->heap[above].due_ns <= entry.due_ns)
			break;
		put(timers, place, timers->heap[above]);
		place = above;
	}
	put(timers, place, entry);
}

/* The same, or with one below it. */
static void sink(struct timers *timers, uint32_t place,
		 struct timers_entry entry)
{
	const struct timers_entry *heap = timers->heap;
	uint32_t below;

	while ((below = 2 * place + 1) < timers->count) {
		if (below + 1 < timers->count &&
		    heap[below + 1].due_ns < heap[below].due_ns)
			below++;
		if (heap[below].due_ns >= entry.due_ns)
			break;
		put(timers, place, heap[below]);
		place = below;
	}
	put(timers, place, entry);
}

static void settle(struct timers *timers, uint32_t place,
		   struct timers_entry entry)
{
	if (place > 0 && entry.due_ns < timers->heap[(place - 1) / 2].due_ns)
		rise(timers, place, entry);
	else
		sink(timers, place, entry);
}

/* ---- Timers ------------------------------------------------------------ */

void timers_arm(struct timers *timers, uint32_t timer, uint64_t due_ns)
{
	BC_ASSERT(timer < timers->capacity);
	if (due_ns <= timers->now_ns)
		due_ns = timers->now_ns + 1;
	if (due_ns == TIMERS_NEVER) {
		timers_disarm(timers, timer);
		return;
	}
	if (timers->places[timer] == 0)
		timers->places[timer] = ++timers->count;
	settle(timers, timers->places[timer] - 1,
	       (struct timers_entry){.due_ns = due_ns, .timer = timer});
}

void timers_arm_by(struct timers *timers, uint32_t timer, uint64_t due_ns)
{
	if (due_ns < timers_due(timers, timer))
		timers_arm(timers, timer, due_ns);
}

void timers_disarm(struct timers *timers, uint32_t timer)
{
	uint32_t place;

	BC_ASSERT(timer < timers->capacity);
	place = timers->places[timer];
	if (place == 0)
		return;
	timers->places[timer] = 0;
	timers->count--;
	/* the last one's place is gone: it gets this one, or finds its own */
	if (place - 1 != timers->count)
		settle(timers, place - 1, timers->heap[timers->count]);
}

uint64_t timers_due(const struct timers *timers, uint32_t timer)
{
	BC_ASSERT(timer < timers->capacity);
	if (timers->places[timer] == 0)
		return TIMERS_NEVER;
	return timers->heap[timers->places[timer] - 1].due_ns;
}

uint64_t timers_next(const struct timers *timers)
{
	return timers->count > 0 ? timers->heap[0].due_ns : TIMERS_NEVER;
}

uint32_t timers_take(struct timers *timers, uint64_t now_ns)
{
	uint32_t timer;

	BC_ASSERT(now_ns != TIMERS_NEVER);
	timers->now_ns = now_ns;
	if (timers_next(timers) > now_ns || timers->count == 0)
		return TIMERS_NONE;
	timer = timers->heap[0].timer;
	timers_disarm(timers, timer);
	return timer;
}
