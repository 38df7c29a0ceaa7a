/* SPDX-License-Identifier: MIT */
/*
 * crowd.h - senders, receivers and local readers of one daemon, all moved by
 * one thread in one poll loop, so that a test says exactly who goes on and who
 * stalls.
 *
 * All senders of a crowd write one pattern stream, one after the other: the
 * byte at each position of the daemon's stream is known. Each consumer finds
 * its own place in it from the first bytes that it gets (test_pattern_locate)
 * and from there on checks every byte by position. A wrong byte fails the test
 * on the spot.
 */
#ifndef TESTS_CROWD_H
#define TESTS_CROWD_H

#include <stdbool.h>
#include <stdint.h>

#include <bcast/bcast.h>

#include "daemon_fixture.h"
#include "support.h"

#define CROWD_MAX 512u

/* One who takes the stream: over TCP, or in shared memory. */
struct consumer {
	int fd;			     /* TCP; -1: none, or closed */
	struct bcast_reader *reader; /* shared memory, or NULL */
	bool started;		     /* start is known */
	bool located;		     /* position is known */
	bool stalled;		     /* by the test: takes nothing */
	size_t sip;		     /* takes this many bytes a step; 0: all */
	bool may_jump;	   /* is located anew when the bytes do not fit */
	bool ended;	   /* no more will come */
	int error;	   /* the end: 0 or -errno; BCAST_E... of a reader */
	uint64_t start;	   /* position of its first byte */
	uint64_t position; /* of its next */
	uint64_t bytes;
	uint64_t skipped; /* by its jumps */
	unsigned char head[TEST_PATTERN_LOCATE];
	size_t head_size;
};

struct crowd {
	struct daemon_fixture *daemon;
	uint64_t seed;
	struct consumer consumers[CROWD_MAX];
	unsigned count;
	int sender;	 /* its descriptor; -1: none */
	bool send_error; /* it was reset */
	uint64_t sent;	 /* by all senders: the stream's length */
	uint64_t goal;	 /* what is to be sent */
};

/* crowd_open - nobody yet. */
void crowd_open(struct crowd *crowd, struct daemon_fixture *daemon);

/* crowd_close - close all connections and readers. */
void crowd_close(struct crowd *crowd);

/* crowd_connect - a blocking connection to a port of 127.0.0.1. */
int crowd_connect(uint16_t port, int rcvbuf_bytes);

/* crowd_receive - a receiver; returns once the daemon has it. */
struct consumer *crowd_receive(struct crowd *crowd);

/* crowd_receive_small - the same, with a small receive buffer. */
struct consumer *crowd_receive_small(struct crowd *crowd);

/* crowd_adopt - a connection made by the test becomes a consumer. */
struct consumer *crowd_adopt(struct crowd *crowd, int fd);

/*
 * crowd_spawn_receiver, crowd_spawn_sender - a process that takes all it can
 * (and keeps its connection when the stream ends, if it is to hold it), or
 * that writes the pattern stream from its start for as long as it can, or just
 * zeros, faster (flood). To be ended by test_kill().
 */
struct test_child crowd_spawn_receiver(struct crowd *crowd, bool hold);
struct test_child crowd_spawn_sender(struct crowd *crowd);
struct test_child crowd_spawn_flood(struct crowd *crowd);

/* crowd_read_local - a reader by bcast.h, from the live end. */
struct consumer *crowd_read_local(struct crowd *crowd);

/* crowd_adopt_reader - one made by the test, which the crowd detaches. */
struct consumer *crowd_adopt_reader(struct crowd *crowd,
				    struct bcast_reader *reader);

/* crowd_send_from - a new sender at the port of this role, accepted. */
void crowd_send_from(struct crowd *crowd, const char *role);

/* crowd_send - the sender is to send that much more. Moves nothing yet. */
void crowd_send(struct crowd *crowd, uint64_t bytes);

/* crowd_end_sender - close its connection; crowd_reset_sender: by a reset. */
void crowd_end_sender(struct crowd *crowd);
void crowd_reset_sender(struct crowd *crowd);

/* crowd_leave - the consumer closes; crowd_leave_by_reset: by a reset. */
void crowd_leave(struct consumer *consumer);
void crowd_leave_by_reset(struct consumer *consumer);

/* crowd_step - move everybody that can move, or wait a millisecond for it. */
void crowd_step(struct crowd *crowd);

/* crowd_run_until - step until the condition holds; fails when too late. */
void crowd_run_until(struct crowd *crowd, bool (*condition)(void *),
		     void *argument);

/*
 * crowd_settle - step until all is sent and all consumers that neither stall
 * nor have ended have all of it.
 */
void crowd_settle(struct crowd *crowd);

/* crowd_run_to_end - step until all consumers that do not stall have ended. */
void crowd_run_to_end(struct crowd *crowd);

#endif
