/* SPDX-License-Identifier: MIT */
/* shown.c - see shown.h. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "shm/clock.h"
#include "shown.h"

int shown_set_up(void **state)
{
	struct shown *shown = calloc(1, sizeof(*shown));

	*state = shown;
	if (!shown)
		return -1;
	shown->name = test_name();
	shown->dead = test_name();
	shown->foreign = test_name();
	return 0;
}

int shown_tear_down(void **state)
{
	struct shown *shown = *state;

	json_object_put(shown->json);
	run_program_end(&shown->tool);
	for (int i = 0; i < SHOWN_NODES; i++)
		bcast_leave(shown->nodes[i]);
	tool_stream_remove_nodes(shown->name);
	tool_stream_destroy(&shown->stream);
	tool_stream_remove(shown->name);
	tool_stream_remove(shown->dead);
	tool_stream_remove(shown->foreign);
	free(shown);
	return 0;
}

int shown_run(struct shown *shown, const char *first, const char *second,
	      const char *third)
{
	const char *const argv[] = {TOOL, first, second, third, NULL};

	run_program_end(&shown->tool);
	return run_program(&shown->tool, argv);
}

int shown_run_as_nobody(struct shown *shown, const char *first,
			const char *second, const char *third)
{
	const char *const argv[] = {"/usr/bin/setpriv",
				    "--reuid=65534",
				    "--regid=65534",
				    "--clear-groups",
				    TOOL,
				    first,
				    second,
				    third,
				    NULL};
	int code;

	if (geteuid() != 0)
		return shown_run(shown, first, second, third);
	run_program_end(&shown->tool);
	code = run_program(&shown->tool, argv);
	if (code == 126 || code == 127)
		skip();
	return code;
}

void shown_json(struct shown *shown, const char *first, const char *second)
{
	json_object_put(shown->json);
	shown->json = NULL;
	assert_int_equal(shown_run(shown, "--json", first, second), 0);
	shown->json = json_tokener_parse(shown->tool.out.bytes);
	assert_non_null(shown->json);
}

struct json_object *shown_get(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	assert_true(json_object_object_get_ex(object, key, &value));
	return value;
}

const char *shown_text(const struct shown *shown, const char *section,
		       const char *key)
{
	return json_object_get_string(
		shown_get(shown_get(shown->json, section), key));
}

uint64_t shown_number(const struct shown *shown, const char *section,
		      const char *key)
{
	struct json_object *value =
		shown_get(shown_get(shown->json, section), key);

	assert_int_equal(json_object_get_type(value), json_type_int);
	return json_object_get_uint64(value);
}

void shown_assert_printed(const struct shown *shown, const char *text)
{
	if (!strstr(shown->tool.out.bytes, text))
		fail_msg("no '%s' in:\n%s", text, shown->tool.out.bytes);
}

void shown_assert_complained(const struct shown *shown, const char *text)
{
	const char *error = shown->tool.error.bytes;
	const char *newline = strchr(error, '\n');

	if (!strstr(error, text))
		fail_msg("no '%s' in: %s", text, error);
	assert_non_null(newline);
	assert_int_equal(newline[1], '\0');
	assert_int_equal(shown->tool.out.size, 0);
}

void shown_connect(struct shown *shown, uint32_t slot, uint32_t role,
		   const char *peer, uint64_t position)
{
	const struct bc_peer_opening opening = {
		.role = role,
		.peer = peer,
		.local = "127.0.0.1:7400",
		.position = position,
		.now_ns = bc_monotonic_ns(),
	};

	bc_peers_open(bc_peers_slot(&shown->stream, slot), &opening);
}

struct bc_counter_shm *shown_counters(struct shown *shown)
{
	return (struct bc_counter_shm *)(void *)shown->stream
		.regions[BC_REGION_COUNTERS]
		.base;
}
