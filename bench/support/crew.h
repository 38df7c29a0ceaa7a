/* SPDX-License-Identifier: MIT */
/*
 * crew.h - a writer and its readers, each a process of its own, pinned.
 *
 *	parent: crew_create, crew_start..., crew_ready   (all have opened)
 *	        crew_go                                  (all begin)
 *	        two looks at their counts                (the window)
 *	        crew_finish                              (all end, or are ended)
 *
 * The parent sleeps while they work, so that they need no clock: it reads
 * their counts at both ends of the window. Everything that they share lies in
 * one anonymous mapping, and what is written often on a line of its own.
 */
#ifndef BENCH_CREW_H
#define BENCH_CREW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "spread.h"

#define CREW_READERS_MAX 8
#define CREW_MAX	 (2 + CREW_READERS_MAX)
#define CREW_ERROR_MAX	 160

struct crew;

/* One of them, as it shows itself. Written by it alone. */
struct crew_member {
	_Alignas(128) atomic_uint_fast64_t messages; /* written or read */
	atomic_uint_fast64_t lost;  /* messages that it was too slow for */
	atomic_uint_fast64_t wrong; /* out of order, or not what was sent */
	_Alignas(128) atomic_bool ready;
	pid_t pid;
	char error[CREW_ERROR_MAX];
	struct crew *crew;
	struct spread times; /* in ticks */
};

struct crew {
	_Alignas(128) atomic_bool going;
	atomic_bool over;
	atomic_bool measuring; /* times count */
	_Alignas(128) unsigned count;
	bool real_time; /* see processor_real_time() */
	struct crew_member members[CREW_MAX];
};

/*
 * What a member does: it opens what it needs, calls crew_begin(), works until
 * crew_over(). 0, or < 0 with the reason by crew_fail().
 */
typedef int crew_work(struct crew_member *me, void *context);

struct crew *crew_create(void);
void crew_destroy(struct crew *crew);

/* Fork a member on a processor. 0 or -errno. */
int crew_start(struct crew *crew, int processor, crew_work *work,
	       void *context);

/* All are ready: 0; else the reason was printed. */
int crew_ready(struct crew *crew);
void crew_go(struct crew *crew);

/* End all: 0, or what the first that failed has said was printed. */
int crew_finish(struct crew *crew);

/*
 * For how long a member could have run but had to wait for its processor, since
 * it was started. More than nothing where each has one to itself means that
 * others are at work on this machine.
 */
uint64_t crew_waited_ns(const struct crew_member *member);

/* For members. crew_begin() is false if it never comes to it. */
bool crew_begin(struct crew_member *me);
int crew_fail(struct crew_member *me, const char *what, const char *why);

static inline bool crew_over(const struct crew_member *me)
{
	return atomic_load_explicit(&me->crew->over, memory_order_relaxed);
}

/* A count of which the caller is the only writer. */
static inline void crew_count(atomic_uint_fast64_t *count, uint64_t more)
{
	atomic_store_explicit(
		count, atomic_load_explicit(count, memory_order_relaxed) + more,
		memory_order_relaxed);
}

#endif
