/* SPDX-License-Identifier: MIT */
/*
 * shown.h - a stream, and the bcast-shmstat that looks at it: for the tests of
 * that tool. TOOL is its path.
 */
#ifndef TESTS_SHOWN_H
#define TESTS_SHOWN_H

#include <json-c/json.h>

#include <bcast/monitor.h>

#include "run_program.h"
#include "shm/counters.h"
#include "shm/peers.h"
#include "support.h"
#include "tool_stream.h"

#define SHOWN_NODES 3

/* What a test uses; freed whether it passes or not. */
struct shown {
	const char *name;
	const char *dead; /* two more, for the list */
	const char *foreign;
	struct bc_segment stream;
	struct bcast_node *nodes[SHOWN_NODES];
	struct run_program tool;
	struct json_object *json;
};

int shown_set_up(void **state);
int shown_tear_down(void **state);

/* shown_run - run the tool with up to three arguments; returns its code. */
int shown_run(struct shown *shown, const char *first, const char *second,
	      const char *third);

/* shown_json - the same with --json; it must work: the result is shown->json.
 */
void shown_json(struct shown *shown, const char *first, const char *second);

/* What stands under a key; the test fails if there is none. */
struct json_object *shown_get(struct json_object *object, const char *key);
const char *shown_text(const struct shown *shown, const char *section,
		       const char *key);
uint64_t shown_number(const struct shown *shown, const char *section,
		      const char *key);

void shown_assert_printed(const struct shown *shown, const char *text);

/* One line on standard error, with this in it; nothing on standard output. */
void shown_assert_complained(const struct shown *shown, const char *text);

/* shown_connect - let a connection stand in the stream's table. */
void shown_connect(struct shown *shown, uint32_t slot, uint32_t role,
		   const char *peer, uint64_t position);

/*
 * shown_run_as_nobody - as shown_run(), by a user who owns nothing, if we are
 * root; else by ourselves. Skips the test if nobody may run our binary.
 */
int shown_run_as_nobody(struct shown *shown, const char *first,
			const char *second, const char *third);

struct bc_counter_shm *shown_counters(struct shown *shown);

#endif
