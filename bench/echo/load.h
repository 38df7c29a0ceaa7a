/* SPDX-License-Identifier: MIT */
/* load.h - the load program of bench/echo: its parts. */
#ifndef BENCH_ECHO_LOAD_H
#define BENCH_ECHO_LOAD_H

#include "usage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEADER_BYTES 8u
#define STAMP_BYTES  16u /* of the payload: number and client */
#define PIPELINE_MAX 1024u
#define BUFFER_BYTES (256u << 10)

struct options {
	const char *address;
	const char *congestion; /* NULL: the system's */
	unsigned clients;
	unsigned pipeline; /* packets of each that are under way */
	size_t payload;
	double warmup_s;
	double window_s;
	int cpu; /* -1: any */
	pid_t server;
};

/* Round trips, in classes an eighth apart; from 64 ns to 68 s. */
#define SPANS_STEPS   8u
#define SPANS_CLASSES (SPANS_STEPS * 32u)

struct spans {
	uint64_t counts[SPANS_CLASSES];
	uint64_t count;
	uint64_t sum_ns;
	uint64_t max_ns;
};

void spans_add(struct spans *spans, uint64_t nanoseconds);

/* spans_quantile - the middle of the class where it lies, in microseconds. */
double spans_quantile(const struct spans *spans, double part);

struct client {
	int fd;
	uint64_t sent;	    /* packets begun; the last one is out but for */
	size_t unsent;	    /* so many bytes */
	uint64_t received;  /* packets that have come back whole */
	size_t have;	    /* bytes of the next one */
	uint64_t *begun_ns; /* of those under way, by number */
	unsigned char stamp[HEADER_BYTES + STAMP_BYTES]; /* of the next one */
};

struct load {
	struct options options;
	int epoll;
	struct client *clients;
	uint64_t *times;       /* all begun_ns */
	unsigned char *packet; /* the next one to send: header and payload */
	size_t packet_bytes;
	bool counting; /* within the window */
	bool stopping; /* send no more */
	struct spans spans;
	uint64_t done;	/* all that have come back */
	uint64_t wrong; /* that were not what had been sent */
	uint64_t window_done;
	double window_s;
	double connect_s;
	struct usage first, last;
};

/* client_open - connect. Returns 0, or -errno. */
int client_open(struct load *load, unsigned index);

/* client_fill - send until as many packets are under way as may be. */
int client_fill(struct load *load, struct client *client);

/* client_on_event - take what has come, and go on. Returns 0, or -errno. */
int client_on_event(struct load *load, struct client *client, bool readable);

uint64_t load_now_ns(void);

#endif
