/* SPDX-License-Identifier: MIT */
/*
 * resume.h - what the processes of bench/resume share: a publisher and a
 * subscriber around a server, and the one that kills them.
 *
 * Each is a process of its own, so that SIGKILL is what it is. What they know
 * of each other stands in a page of memory that outlives them: so a subscriber
 * that is started again goes on where the one before it was.
 */
#ifndef BENCH_RESUME_H
#define BENCH_RESUME_H

#include <stdatomic.h>
#include <stdint.h>

#define RESUME_PAYLOAD 64u

/* What a message holds, at its beginning; the rest is zeros. */
struct resume_message {
	uint64_t number;  /* from 1, whoever publishes */
	uint64_t sent_ns; /* CLOCK_MONOTONIC */
};

/* One writer each: the subscriber, or the publisher where it says so. */
struct resume_shared {
	atomic_uint_fast64_t sent_ns; /* of the newest message seen */
	atomic_uint_fast64_t seen_ns; /* when that was */
	atomic_uint_fast64_t number;  /* its number */
	atomic_uint_fast64_t lost;    /* numbers left out */
	atomic_uint_fast64_t doubled; /* or seen before */
	atomic_uint_fast64_t epoch;   /* where to go on */
	atomic_uint_fast64_t position;
	atomic_uint_fast64_t published; /* by the publisher: the last number */
	atomic_int failed;		/* a result that ended one of them */
};

struct resume_options {
	const char *address;  /* of the server; for bcast, of bcast_open() */
	const char *protocol; /* bcast, redis, nats */
	uint32_t pause_us;    /* between two messages */
	uint64_t publisher_id;
	struct resume_shared *shared;
};

/* resume_note - the subscriber has a message. */
void resume_note(struct resume_shared *shared,
		 const struct resume_message *message);

/* The processes; they end only by being killed, or when all is lost. */
void resume_publish(const struct resume_options *options);
void resume_subscribe(const struct resume_options *options);
void resume_publish_peer(const struct resume_options *options);
void resume_subscribe_peer(const struct resume_options *options);

#endif
