/* SPDX-License-Identifier: MIT */
/*
 * test_shmstat_refuse.c - the real bcast-shmstat, given what it cannot show,
 * what is made to harm it, and command lines that are wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "manual.h"
#include "shm/facts.h"
#include "shown.h"

/* ---- What cannot be opened --------------------------------------------- */

static void absent_stream_is_told_with_a_remedy(void **state)
{
	struct shown *shown = *state;
	char remedy[128];

	assert_int_equal(shown_run(shown, shown->name, NULL, NULL),
			 EX_UNAVAILABLE);

	snprintf(remedy, sizeof(remedy), "no stream '%s' on this machine",
		 shown->name);
	shown_assert_complained(shown, remedy);
	snprintf(remedy, sizeof(remedy), "bcastd --name %s\n", shown->name);
	shown_assert_complained(shown, remedy);
}

static void absent_stream_is_told_with_those_there_are(void **state)
{
	struct shown *shown = *state;

	tool_stream_create(&shown->stream, shown->name);

	assert_int_equal(shown_run(shown, "no-such-stream", NULL, NULL),
			 EX_UNAVAILABLE);
	/* other tests have streams too: ours may not be among the first */
	shown_assert_complained(shown, "on this machine; there ");
	shown_assert_complained(shown,
				"; or start it with: bcastd --name no-such");
}

static void foreign_object_is_refused(void **state)
{
	static const char bytes[] = "this is somebody else's file";
	struct shown *shown = *state;

	tool_stream_foreign(shown->name, bytes, sizeof(bytes), 1 << 20);

	assert_int_equal(shown_run(shown, shown->name, NULL, NULL),
			 EX_PROTOCOL);
	shown_assert_complained(shown, "not a bcast segment");
}

static void short_object_is_refused(void **state)
{
	struct shown *shown = *state;

	tool_stream_foreign(shown->name, "short", 5, 5);

	assert_int_not_equal(shown_run(shown, shown->name, NULL, NULL), 0);
	shown_assert_complained(shown, shown->name);
}

static void unfinished_segment_is_to_be_tried_again(void **state)
{
	struct shown *shown = *state;

	tool_stream_foreign(shown->name, "", 0, 4 << 20);

	assert_int_equal(shown_run(shown, shown->name, NULL, NULL),
			 EX_TEMPFAIL);
	shown_assert_complained(shown, "still being created");
}

static void other_version_is_refused(void **state)
{
	struct shown *shown = *state;

	tool_stream_create(&shown->stream, shown->name);
	shown->stream.control->identity.layout_version++;

	assert_int_equal(shown_run(shown, shown->name, NULL, NULL),
			 EX_PROTOCOL);
	shown_assert_complained(shown,
				"another version of bcast (this is version ");
}

static void truncated_segment_is_refused(void **state)
{
	struct shown *shown = *state;

	tool_stream_create(&shown->stream, shown->name);
	shown->stream.control->identity.segment_size *= 2;

	assert_int_equal(shown_run(shown, shown->name, NULL, NULL),
			 EX_PROTOCOL);
	shown_assert_complained(shown, "truncated");
}

static void missing_permission_is_named(void **state)
{
	struct shown *shown = *state;

	tool_stream_create(&shown->stream, shown->name);
	/* root may read everything */
	if (geteuid() != 0)
		assert_int_equal(fchmod(shown->stream.fd, 0), 0);

	assert_int_equal(shown_run_as_nobody(shown, shown->name, NULL, NULL),
			 EX_NOPERM);

	assert_non_null(strstr(shown->tool.error.bytes, "Permission denied"));
	assert_non_null(strstr(shown->tool.error.bytes, "it has mode 0"));
	assert_non_null(
		strstr(shown->tool.error.bytes, "you need read permission"));
}

/* ---- Hostile contents -------------------------------------------------- */

static void hostile_texts_are_made_harmless(void **state)
{
	static const char hostile[] = "\"\\\n\x1b[31m\t\xff_</\x7f";
	struct shown *shown = *state;

	tool_stream_create(&shown->stream, shown->name);
	bc_facts_set(&shown->stream, hostile, hostile);
	shown_connect(shown, 0, BCAST_ROLE_RECEIVER, hostile, 0);

	shown_json(shown, shown->name, "--receivers");
	assert_string_equal(shown_text(shown, "facts", "\"\\??[31m??_</?"),
			    "\"\\??[31m??_</?");
	assert_int_equal(shown_run(shown, shown->name, "--receivers", NULL), 0);

	for (size_t i = 0; i < shown->tool.out.size; i++) {
		char c = shown->tool.out.bytes[i];

		assert_true(c == '\n' || (c >= ' ' && c <= '~'));
	}
}

/* Numbers that no daemon writes must not break anything. */
static void hostile_numbers_are_shown(void **state)
{
	struct shown *shown = *state;
	struct bc_control_shm *control;
	struct bc_peer_shm *peer;

	tool_stream_create(&shown->stream, shown->name);
	shown_connect(shown, 0, 77, "10.0.0.2:1", 0);
	control = shown->stream.control;
	control->owner.state = 99;
	control->owner.heartbeat_ns = UINT64_MAX;
	control->owner.started_realtime_ns = UINT64_MAX;
	control->owner.ended_realtime_ns = UINT64_MAX;
	control->identity.created_realtime_ns = UINT64_MAX;
	control->identity.format = 12345;
	control->head.reserved = UINT64_MAX;
	control->head.tail = 5;
	peer = bc_peers_slot(&shown->stream, 0);
	peer->connected_realtime_ns = UINT64_MAX;
	peer->last_progress_ns = 0;

	shown_json(shown, shown->name, "--receivers");

	assert_string_equal(shown_text(shown, "stream", "state"), "unknown");
	assert_string_equal(shown_text(shown, "stream", "format"), "unknown");
	assert_int_equal(shown_run(shown, shown->name, "--receivers", NULL), 0);
	shown_assert_printed(shown, "holds 0 B: positions 5 to 5\n");
}

/* ---- List -------------------------------------------------------------- */

static struct json_object *listed(const struct shown *shown, const char *name)
{
	for (size_t i = 0; i < json_object_array_length(shown->json); i++) {
		struct json_object *one =
			json_object_array_get_idx(shown->json, i);
		const char *its =
			json_object_get_string(shown_get(one, "name"));

		if (strcmp(its, name) == 0)
			return one;
	}
	fail_msg("'%s' is not listed", name);
	return NULL;
}

static void list_shows_live_dead_and_unreadable(void **state)
{
	struct shown *shown = *state;
	char line[128];

	tool_stream_create(&shown->stream, shown->name);
	tool_stream_publish(&shown->stream, 77);
	tool_stream_leave_dead(shown->dead, 55);
	tool_stream_foreign(shown->foreign, "foreign!", 8, 1 << 20);

	shown_json(shown, "--list", NULL);
	assert_int_equal(shown_run(shown, "--list", NULL, NULL), 0);

	assert_string_equal(json_object_get_string(shown_get(
				    listed(shown, shown->name), "state")),
			    "live");
	assert_int_equal(json_object_get_uint64(
				 shown_get(listed(shown, shown->dead), "tail")),
			 55);
	assert_int_equal(json_object_get_uint64(shown_get(
				 listed(shown, shown->dead), "receivers")),
			 1);
	assert_string_equal(json_object_get_string(shown_get(
				    listed(shown, shown->foreign), "error")),
			    "not a bcast segment");
	snprintf(line, sizeof(line), "\n%s ", shown->dead);
	shown_assert_printed(shown, line);
	shown_assert_printed(shown,
			     " dead                       55         1\n");
	shown_assert_printed(shown, " not a bcast segment\n");
}

static void list_is_sorted(void **state)
{
	struct shown *shown = *state;

	tool_stream_create(&shown->stream, shown->name);

	shown_json(shown, "--list", NULL);

	for (size_t i = 1; i < json_object_array_length(shown->json); i++) {
		struct json_object *first =
			json_object_array_get_idx(shown->json, i - 1);
		struct json_object *second =
			json_object_array_get_idx(shown->json, i);

		assert_true(
			strcmp(json_object_get_string(shown_get(first, "name")),
			       json_object_get_string(
				       shown_get(second, "name"))) < 0);
	}
}

/* ---- Output and command line ------------------------------------------- */

static void closed_pipe_ends_quietly(void **state)
{
	struct shown *shown = *state;
	const char *const argv[] = {TOOL, shown->name, "--counters", "--json",
				    NULL};

	tool_stream_create(&shown->stream, shown->name);

	assert_int_equal(run_program_start(&shown->tool, argv), 0);
	run_program_deafen(&shown->tool);

	assert_int_equal(run_program_wait(&shown->tool), 0);
	assert_string_equal(shown->tool.error.bytes, "");
}

static void full_disk_is_an_error(void **state)
{
	struct shown *shown = *state;
	const char *const argv[] = {"/bin/sh", "-c",
				    "exec " TOOL " --help >/dev/full", NULL};

	assert_int_equal(run_program(&shown->tool, argv), EX_IOERR);
	shown_assert_complained(shown, "standard output: No space left");
}

static void wrong_command_lines_end_with_64(void **state)
{
	static const char *const wrong[][3] = {
		{"--nonsense", NULL, NULL},
		{"-x", NULL, NULL},
		{"a", "b", NULL},
		{"--json=yes", NULL, NULL},
		{"--list", "a", NULL},
		{"--list", "--counters", NULL},
		{"--list", "--nodes", NULL},
		{"", NULL, NULL},
		{"../etc", NULL, NULL},
		{".hidden", NULL, NULL},
		{"a.nodes", NULL, NULL},
	};
	struct shown *shown = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(
			shown_run(shown, wrong[i][0], wrong[i][1], wrong[i][2]),
			EX_USAGE);
		shown_assert_complained(shown, "bcast-shmstat: ");
	}
}

static void name_length_is_bounded(void **state)
{
	struct shown *shown = *state;
	char name[BCAST_NAME_MAX + 2];

	memset(name, 'a', sizeof(name));
	name[BCAST_NAME_MAX + 1] = '\0';
	assert_int_equal(shown_run(shown, name, NULL, NULL), EX_USAGE);
	name[BCAST_NAME_MAX] = '\0';
	assert_int_equal(shown_run(shown, name, NULL, NULL), EX_UNAVAILABLE);
	name[BCAST_NAME_MAX - 1] = '\0';
	assert_int_equal(shown_run(shown, name, NULL, NULL), EX_UNAVAILABLE);
}

static void version_is_the_library_s(void **state)
{
	struct shown *shown = *state;

	assert_int_equal(shown_run(shown, "--version", NULL, NULL), 0);
	assert_string_equal(shown->tool.out.bytes,
			    "bcast-shmstat " BCAST_VERSION "\n");
}

static void help_and_manual_agree(void **state)
{
	(void)state;
	manual_agrees(TOOL, MANUAL);
}

/* Every key of an object has a paragraph after this place in the manual. */
static void assert_described(struct json_object *object, const char *manual,
			     const char *section)
{
	const char *place;
	char paragraph[80];

	snprintf(paragraph, sizeof(paragraph), "\n.SS %s", section);
	place = strstr(manual, paragraph);
	json_object_object_foreach(object, key, value)
	{
		(void)value;
		snprintf(paragraph, sizeof(paragraph), "\n.TP\n.B %s\n", key);
		place = place ? strstr(place, paragraph) : NULL;
		if (!place)
			fail_msg("%s.%s is not in the manual", section, key);
	}
}

static void every_key_is_in_the_manual(void **state)
{
	struct shown *shown = *state;
	const struct bc_peer_closing closing = {.peer = "10.0.0.2:1"};
	char *manual = manual_file(MANUAL);
	struct json_object *counter;

	tool_stream_create(&shown->stream, shown->name);
	shown_connect(shown, 0, BCAST_ROLE_RECEIVER, "10.0.0.2:1", 0);
	bc_peers_remember(&shown->stream, &closing);
	tool_stream_add_nodes(&shown->stream, shown->name, 1);
	assert_int_equal(bcast_join(shown->name, "a", NULL, &shown->nodes[0]),
			 0);

	shown_json(shown, shown->name, "-rcCn");

	assert_described(shown_get(shown->json, "stream"), manual, "stream");
	assert_described(shown_get(shown->json, "summary"), manual, "summary");
	assert_described(json_object_array_get_idx(
				 shown_get(shown->json, "receivers"), 0),
			 manual, "senders, receivers");
	assert_described(
		json_object_array_get_idx(shown_get(shown->json, "closed"), 0),
		manual, "closed");
	counter = shown_get(shown_get(shown->json, "counters"), "bytes_in");
	assert_described(counter, manual, "counters");
	assert_described(
		json_object_array_get_idx(shown_get(shown->json, "nodes"), 0),
		manual, "nodes");
	free(manual);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, shown_set_up, shown_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(absent_stream_is_told_with_a_remedy),
		TEST(absent_stream_is_told_with_those_there_are),
		TEST(foreign_object_is_refused),
		TEST(short_object_is_refused),
		TEST(unfinished_segment_is_to_be_tried_again),
		TEST(other_version_is_refused),
		TEST(truncated_segment_is_refused),
		TEST(missing_permission_is_named),
		TEST(hostile_texts_are_made_harmless),
		TEST(hostile_numbers_are_shown),
		TEST(list_shows_live_dead_and_unreadable),
		TEST(list_is_sorted),
		TEST(closed_pipe_ends_quietly),
		TEST(full_disk_is_an_error),
		TEST(wrong_command_lines_end_with_64),
		TEST(name_length_is_bounded),
		TEST(version_is_the_library_s),
		TEST(help_and_manual_agree),
		TEST(every_key_is_in_the_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
