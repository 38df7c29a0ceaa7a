/* SPDX-License-Identifier: MIT */
/*
 * restart.h - one stream through the lives and deaths of many daemons.
 *
 * Ports and name stay the same. Three local readers, each in a thread of its
 * own and each with another way to read, stay attached all the time; they
 * check every byte by its position, and any result of theirs that is not data
 * or "nothing yet" is kept and ends them. Sender and receiver are TCP
 * connections of one life; a new sender goes on with the pattern at the
 * position where the stream stands.
 */
#ifndef TESTS_RESTART_H
#define TESTS_RESTART_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include <bcast/monitor.h>

#include "daemon_fixture.h"

#define RESTART_READERS 3u

enum restart_way {
	RESTART_PEEK, /* peek and consume, never waits */
	RESTART_READ, /* read, and wait in slices of 10 ms */
	RESTART_PARK, /* sleeps in one wait without a limit */
};

struct restart_reader {
	pthread_t thread;
	enum restart_way way;
	struct bcast_reader *handle;
	_Atomic uint64_t position; /* all before it was read and right */
	_Atomic int result;	   /* 0: still reading; else what ended it */
	_Atomic int wrong;	   /* bytes were not those of the pattern */
	_Atomic int stop;
	int running;
};

struct restart {
	struct daemon_fixture daemon;
	char name[32];
	char ingest[32], egress[32];
	const char *ring_size;
	unsigned life;		/* daemons so far */
	uint32_t gone_after_ms; /* of the readers; 0: the default */
	uint64_t epoch;
	struct restart_reader readers[RESTART_READERS];
	int sender, receiver; /* -1: none */
	uint64_t sent;	      /* position that the sender has come to */
	uint64_t received;    /* position that the receiver has come to */
};

/*
 * restart_choose_address - "127.0.0.1:PORT" that is free, and that the kernel
 * gives to nobody by itself while no daemon listens there.
 */
void restart_choose_address(char *text, size_t size);

/* restart_open - choose name and ports; no daemon yet. */
void restart_open(struct restart *restart, const char *ring_size);

/* restart_launch - start a daemon and do not wait for it. */
void restart_launch(struct restart *restart);

/* restart_live - start a daemon and wait until it listens. */
void restart_live(struct restart *restart);

/* restart_attach - start the three readers, at the live end. */
void restart_attach(struct restart *restart);

/* restart_connect - a receiver, then a sender, once the daemon has both. */
void restart_connect(struct restart *restart);

/*
 * restart_stream - send, and take what the receiver gets, until the tail has
 * come `bytes` further; more is then under way, up to 1 MiB.
 */
void restart_stream(struct restart *restart, uint64_t bytes);

/* restart_kill - SIGKILL, and wait for the process to be gone. */
void restart_kill(struct restart *restart);

/* restart_disconnect - check the receiver's last bytes; close both. */
void restart_disconnect(struct restart *restart);

/* restart_await_readers - until all three have read what is published now. */
void restart_await_readers(struct restart *restart);

/* restart_assert_ended - all three end with this result, at the tail. */
void restart_assert_ended(struct restart *restart, int result, uint64_t tail);

/* restart_info - what the segment says of the stream, now. */
struct bcast_stream_info restart_info(const struct restart *restart);

/* restart_close - whatever of it there still is, also after a failure. */
void restart_close(struct restart *restart);

#endif
