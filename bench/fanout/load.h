/* SPDX-License-Identifier: MIT */
/*
 * load.h - the state of the load program, and its parts in order of use:
 * join.c connects all, stall.c those that never read, stream.c moves the
 * bytes, load.c measures.
 */
#ifndef BENCH_FANOUT_LOAD_H
#define BENCH_FANOUT_LOAD_H

#include "protocol.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RECEIVERS_MAX 1024u
#define STALLED_MAX   64u

/* The least that the sender writes at once: small messages go in batches. */
#define WRITE_MIN ((size_t)1 << 20)

struct options {
	const struct protocol *protocol;
	const char *egress;
	const char *ingest;	/* NULL: nobody sends */
	const char *congestion; /* NULL: the system's */
	unsigned receivers;
	unsigned stalled; /* that many more never read */
	size_t message_bytes;
	size_t window_bytes;
	size_t buffer_bytes;
	size_t rcvbuf_bytes; /* SO_RCVBUF of receivers; 0: the system's */
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
	/* Those that never read; see stall.c */
	struct pollfd stalled[STALLED_MAX];
	pthread_t stalled_thread;
	atomic_uint stalled_dropped;
	/* The sender's */
	int fd;
	pthread_t thread;
	uint8_t *batch;		/* some whole messages, as sent */
	size_t batch_bytes;	/* of the batch, on its way in */
	size_t delivered_bytes; /* of the batch, on its way to a receiver */
	_Alignas(128) atomic_uint_fast64_t sent; /* in delivered bytes */
	atomic_bool stop;
	atomic_bool failed;
};

/*
 * join_all - connect and subscribe all receivers, then the sender, so that from
 * now on all receive the same. Returns 0 or -errno; bounded in time.
 */
int join_all(struct load *load);

/* stall_start - connect the stalled receivers and keep them stalled. */
int stall_start(struct load *load);

/* stream_start - set all threads going. Returns 0 or -errno. */
int stream_start(struct load *load);

#endif
