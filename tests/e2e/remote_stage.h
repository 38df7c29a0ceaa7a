/* SPDX-License-Identifier: MIT */
/*
 * remote_stage.h - a daemon with a --packet address, clients of it that are
 * nodes, and what they and local nodes say to each other. What does not come in
 * time, or is not what was expected, fails the test.
 */
#ifndef TESTS_REMOTE_STAGE_H
#define TESTS_REMOTE_STAGE_H

#include <bcast/bcast.h>

#include "client.h"

extern struct daemon_fixture daemon_;

#define REMOTES_MAX 8u
extern struct client remotes[REMOTES_MAX];
extern struct bcast_node *locals[2];

/* remote_stage_open, _close - setup and teardown of a test. */
int remote_stage_open(void **state);
int remote_stage_close(void **state);

/* remote_start - the daemon, with up to two options more; NULL: none. */
void remote_start(const char *option, const char *value, const char *option_2,
		  const char *value_2);

/* remote_hello - that of a node with this id. */
struct bc_hello remote_hello(const char *id);

/* remote_join - connect, and be a node. */
void remote_join(struct client *client, const char *id);

/* remote_refused - connect, and be told why not. */
void remote_refused(const struct bc_hello *hello, uint32_t code);

/* local_join - join as a local node. */
struct bcast_node *local_join(unsigned which, const char *id);

/* remote_send - a MESSAGE; sequence 0: no RESULT. */
void remote_send(struct client *client, const char *to, uint16_t type,
		 uint64_t sequence, const void *data, size_t size);

/* remote_result - read the next record, the RESULT for this one. */
int remote_result(struct client *client, uint64_t sequence);

/* remote_expect - the next record is this MESSAGE. */
void remote_expect(struct client *client, const char *from, uint16_t type,
		   const void *data, size_t size);

/* local_expect - the next message of a local node is this. */
void local_expect(struct bcast_node *node, const char *from, uint16_t type,
		  const void *data, size_t size);

#endif
