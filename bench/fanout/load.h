/* SPDX-License-Identifier: MIT */
/*
 * load.h - the state of the load program, and its parts in order of use:
 * join.c connects all, stall.c those that never read, stream.c moves the
 * bytes, load.c measures.
 */
#ifndef BENCH_FANOUT_LOAD_H
#define BENCH_FANOUT_LOAD_H

#include "join.h"
#include "protocol.h"
#include "stall.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RECEIVERS_MAX 1024u

/* The least that the sender writes at once: small messages go in batches. */
#define WRITE_MIN ((size_t)1 << 20)

struct options {
	struct joining joining; /* ingest NULL: nobody sends */
	unsigned stalled;	/* that many more never read */
	size_t message_bytes;
	size_t window_bytes;
	size_t buffer_bytes;
	double warmup_s;
	double window_s;
	pid_t server;
};

/* On lines of its own: each is written by its thread all the time. */
struct receiver {
	_Alignas(128) atomic_uint_fast64_t bytes;
	atomic_bool ended;
	int fd;
	pthread_t thread;
	uint8_t *buffer;
	size_t buffer_bytes;
};

struct load {
	struct options options;
	struct receiver receivers[RECEIVERS_MAX];
	struct stalled stalled;
	/* The sender's */
	int fd;
	pthread_t thread;
	uint8_t *batch;		/* some whole messages, as sent */
	size_t batch_bytes;	/* of the batch, on its way in */
	size_t message_bytes;	/* of one in it */
	uint64_t numbered;	/* messages so far, if they have numbers */
	size_t delivered_bytes; /* of the batch, on its way to a receiver */
	_Alignas(128) atomic_uint_fast64_t sent; /* in delivered bytes */
	atomic_bool stop;
	atomic_bool failed;
};

/*
 * stream_prepare - memory for all, and a batch of messages. Before anybody is
 * joined. Returns 0 or -errno.
 */
int stream_prepare(struct load *load);

/* stream_start - set all threads going. Returns 0 or -errno. */
int stream_start(struct load *load);

#endif
