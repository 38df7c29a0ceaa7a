/* SPDX-License-Identifier: MIT */
/*
 * scale.h - the state of the load program of thousands, and its parts in order
 * of use: load.c connects all (with fanout/join.h) and measures, send.c sends,
 * receive.c takes and checks, result.c says what came out.
 *
 * An update is one message. In a paced run update number n is due at
 * start + n * interval, and since every receiver's position is known, so is
 * when it had all of an update: its delay counts from when the update *was
 * due*, whoever was held up meanwhile.
 */
#ifndef BENCH_SCALE_SCALE_H
#define BENCH_SCALE_SCALE_H

#include "content.h"
#include "join.h"
#include "memory.h"
#include "stall.h"
#include "usage.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RECEIVERS_MAX 16384u
#define THREADS_MAX   16u
#define PHASES_MAX    256u

struct options {
	struct joining joining; /* ingest NULL: nobody sends */
	unsigned threads;	/* that receive */
	unsigned stalled;	/* receivers more that do not keep up */
	unsigned sip_bytes;	/* what those take in a second */
	unsigned phases;	/* windows, with stalled ones and without */
	bool unchecked;		/* do not look at the bytes */
	bool leaves;		/* at the window's end, with bytes to come */
	size_t message_bytes;
	double updates_s; /* 0: as fast as it goes */
	size_t window_bytes;
	size_t buffer_bytes; /* of each thread */
	double warmup_s;
	double window_s;
	pid_t server;
};

struct receiver {
	atomic_uint_fast64_t bytes; /* written by its thread only */
	int fd;
	atomic_bool ended;
	atomic_bool wrong;
};

/* What is read at both ends of the window. */
struct snapshot {
	double at_s;
	struct usage usage;
	uint64_t bytes[RECEIVERS_MAX];
};

/* A window with the stalled receivers, or without. */
struct phase {
	bool stalled;
	double seconds;
	double server_s;
	uint64_t bytes; /* as all got them */
};

struct scale {
	struct options options;
	struct content content;
	struct receiver receivers[RECEIVERS_MAX];
	struct stalled stalled;
	struct snapshot first, last;
	struct phase phases[PHASES_MAX];
	struct memory before, joined, loaded;
	/* Paced. */
	uint64_t updates;      /* how many in all */
	uint64_t counted_from; /* those before are warm-up */
	uint64_t interval_ns;
	atomic_uint_fast64_t start_ns;
	float *delays_us;   /* [update][receiver] */
	float *lateness_us; /* of the sender's call, by update */
	/* The sender's */
	int sender;
	pthread_t sending;
	atomic_uint_fast64_t sent; /* as a receiver gets it */
	atomic_bool stop;	   /* send no more */
	atomic_bool sent_all;
	atomic_bool failed;
	/* The receivers' */
	pthread_t receiving[THREADS_MAX];
	atomic_bool over;
};

/* Nanoseconds of the monotonic clock. */
uint64_t scale_now_ns(void);

/* send_start - set the sender going. Returns 0 or -errno. */
int send_start(struct scale *scale);

/* send_slowest - bytes that each receiver has by now, but for the ended. */
uint64_t send_slowest(const struct scale *scale);

/* receive_start - set the receiving threads going. Returns 0 or -errno. */
int receive_start(struct scale *scale);

/* result_print - one line of JSON. `complete`: all that was sent came. */
void result_print(struct scale *scale, bool complete);

#endif
