/* SPDX-License-Identifier: MIT */
/*
 * adopted.h - a stream whose owner dies and is followed by another, all of it
 * in this process. There is one at a time; what fails here fails the test.
 */
#ifndef TESTS_ADOPTED_H
#define TESTS_ADOPTED_H

#include "stream.h"

#include <bcast/monitor.h>

#include "shm/counters.h"

extern struct test_stream adopted_stream;

/* cmocka's setup and teardown: a live stream; nothing. */
int adopted_prepare(void **state);
int adopted_leave(void **state);

/* adopted_die - the owner dies; adopted_adopt - another goes on. */
void adopted_die(void);
void adopted_adopt(void);

/* adopted_attach - a reader with default options. */
struct bcast_reader *adopted_attach(enum bcast_from from);

/* adopted_read_all - read to the tail, every byte by its position. */
void adopted_read_all(struct bcast_reader *reader);

struct bc_counter_shm *adopted_counters(void);

/* adopted_open_peer - show a receiver; adopted_remember - one that closed. */
void adopted_open_peer(uint32_t slot, const char *peer);
void adopted_remember(const char *peer, uint64_t connected_realtime_ns);

/* adopted_closed_list - those that are remembered: "peer reason\n" each. */
const char *adopted_closed_list(void);

#endif
