/* SPDX-License-Identifier: MIT */
/*
 * test_shmstat.c - the real bcast-shmstat, looking at segments in every state
 * that a daemon can leave them in.
 */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "manual.h"
#include "run_program.h"
#include "shm/clock.h"
#include "shm/counters.h"
#include "shm/facts.h"
#include "shm/peers.h"
#include "support.h"
#include "tool_stream.h"

#define RECEIVERS_MANY 200

/* What a test uses; freed whether it passes or not. */
struct shown {
	const char *name;
	const char *dead; /* two more, for the list */
	const char *foreign;
	struct bc_segment stream;
	struct run_program tool;
	struct json_object *json;
};

static int set_up(void **state)
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

static int tear_down(void **state)
{
	struct shown *shown = *state;

	json_object_put(shown->json);
	run_program_end(&shown->tool);
	tool_stream_destroy(&shown->stream);
	tool_stream_remove(shown->name);
	tool_stream_remove(shown->dead);
	tool_stream_remove(shown->foreign);
	free(shown);
	return 0;
}

/* ---- Run and look ------------------------------------------------------ */

static int run(struct shown *shown, const char *first, const char *second,
	       const char *third)
{
	const char *const argv[] = {TOOL, first, second, third, NULL};

	run_program_end(&shown->tool);
	return run_program(&shown->tool, argv);
}

static void run_json(struct shown *shown, const char *first, const char *second)
{
	json_object_put(shown->json);
	shown->json = NULL;
	assert_int_equal(run(shown, "--json", first, second), 0);
	shown->json = json_tokener_parse(shown->tool.out.bytes);
	assert_non_null(shown->json);
}

static struct json_object *get(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	assert_true(json_object_object_get_ex(object, key, &value));
	return value;
}

static const char *text_at(const struct shown *shown, const char *section,
			   const char *key)
{
	return json_object_get_string(get(get(shown->json, section), key));
}

static uint64_t number_at(const struct shown *shown, const char *section,
			  const char *key)
{
	struct json_object *value = get(get(shown->json, section), key);

	assert_int_equal(json_object_get_type(value), json_type_int);
	return json_object_get_uint64(value);
}

static void assert_printed(const struct shown *shown, const char *text)
{
	if (!strstr(shown->tool.out.bytes, text))
		fail_msg("no '%s' in:\n%s", text, shown->tool.out.bytes);
}

/* One line on standard error, with this in it; nothing on standard output. */
static void assert_complained(const struct shown *shown, const char *text)
{
	const char *error = shown->tool.error.bytes;
	const char *newline = strchr(error, '\n');

	if (!strstr(error, text))
		fail_msg("no '%s' in: %s", text, error);
	assert_non_null(newline);
	assert_int_equal(newline[1], '\0');
	assert_int_equal(shown->tool.out.size, 0);
}

static void connect_peer(struct shown *shown, uint32_t slot, uint32_t role,
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

static struct bc_counter_shm *counters_of(struct shown *shown)
{
	return (struct bc_counter_shm *)(void *)shown->stream
		.regions[BC_REGION_COUNTERS]
		.base;
}

/* ---- A live stream ----------------------------------------------------- */

static void live_stream_is_shown_as_text(void **state)
{
	struct shown *shown = *state;
	char line[128];

	tool_stream_create(&shown->stream, shown->name);
	tool_stream_publish(&shown->stream, 100000);
	bc_counter_set(counters_of(shown), BC_COUNTER_bytes_in, 1 << 20);
	bc_facts_set(&shown->stream, "backend", "io_uring");
	connect_peer(shown, 3, BCAST_ROLE_SENDER, "10.0.0.2:4100", 0);

	assert_int_equal(run(shown, shown->name, NULL, NULL), 0);

	snprintf(line, sizeof(line), "stream      %s (raw)\n", shown->name);
	assert_printed(shown, line);
	assert_printed(shown, "state       live\n");
	assert_printed(shown, "ring        64.0 KiB, holds 64.0 KiB: positions "
			      "34464 to 100000\n");
	assert_printed(shown, "in          1.00 MiB in 0 receives, from "
			      "10.0.0.2:4100\n");
	assert_printed(shown, "receivers   0 of 7, lag max 0 B; 0 dropped, 0 "
			      "refused\n");
	assert_printed(shown, "backend     io_uring\n");
	snprintf(line, sizeof(line), "owner       pid %ld, up 0.",
		 (long)getpid());
	assert_printed(shown, line);
	assert_string_equal(shown->tool.error.bytes, "");
}

static void json_of_live_stream_is_exact(void **state)
{
	struct shown *shown = *state;
	char epoch[32];

	tool_stream_create(&shown->stream, shown->name);
	tool_stream_publish(&shown->stream, 70001);
	bc_facts_set(&shown->stream, "listen", "127.0.0.1:7400 [::1]:7400");
	snprintf(epoch, sizeof(epoch), "0x%016" PRIx64,
		 shown->stream.control->identity.epoch);

	run_json(shown, shown->name, NULL);

	assert_string_equal(text_at(shown, "stream", "name"), shown->name);
	assert_string_equal(text_at(shown, "stream", "state"), "live");
	assert_string_equal(text_at(shown, "stream", "epoch"), epoch);
	assert_string_equal(text_at(shown, "stream", "writer_alive"), "true");
	assert_int_equal(number_at(shown, "stream", "tail"), 70001);
	assert_int_equal(number_at(shown, "stream", "oldest"), 70001 - 65536);
	assert_int_equal(number_at(shown, "stream", "capacity_bytes"), 65536);
	assert_int_equal(number_at(shown, "stream", "owner_pid"), getpid());
	assert_int_equal(number_at(shown, "stream", "incarnation"), 1);
	assert_string_equal(text_at(shown, "facts", "listen"),
			    "127.0.0.1:7400 [::1]:7400");
	assert_false(json_object_object_get_ex(shown->json, "counters", NULL));
	assert_false(json_object_object_get_ex(shown->json, "closed", NULL));
	assert_false(json_object_object_get_ex(shown->json, "receivers", NULL));
}

static void numbers_of_64_bits_survive(void **state)
{
	static const uint64_t values[] = {
		(UINT64_C(1) << 53) - 1, UINT64_C(1) << 53,
		(UINT64_C(1) << 53) + 1, INT64_MAX,
		UINT64_C(1) << 63,	 UINT64_MAX,
	};
	struct shown *shown = *state;

	tool_stream_create(&shown->stream, shown->name);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct json_object *counter;

		bc_counter_set(counters_of(shown), BC_COUNTER_bytes_out,
			       values[i]);

		run_json(shown, shown->name, "--counters");

		counter = get(get(shown->json, "counters"), "bytes_out");
		assert_true(json_object_get_uint64(get(counter, "value")) ==
			    values[i]);
		assert_true(number_at(shown, "summary", "bytes_out") ==
			    values[i]);
	}
}

static void every_counter_is_shown_with_unit_and_help(void **state)
{
	struct shown *shown = *state;
	struct json_object *counter;

	tool_stream_create(&shown->stream, shown->name);

	run_json(shown, shown->name, "--counters");

	assert_int_equal(
		json_object_object_length(get(shown->json, "counters")),
		BC_COUNTER_COUNT);
	counter = get(get(shown->json, "counters"), "sender_paused_ns");
	assert_string_equal(json_object_get_string(get(counter, "unit")), "ns");
	assert_string_equal(json_object_get_string(get(counter, "kind")),
			    "counter");
	assert_int_equal(run(shown, shown->name, "--counters", NULL), 0);
	assert_printed(shown, "sender_paused_ns ");
	assert_printed(shown, " ns    time for which the sender was not read");
}

/* ---- Connections ------------------------------------------------------- */

static void many_receivers_are_all_shown(void **state)
{
	struct shown *shown = *state;
	struct json_object *receivers;

	tool_stream_create_big(&shown->stream, shown->name, TOOL_STREAM_RING,
			       RECEIVERS_MANY + 1);
	tool_stream_publish(&shown->stream, 5000);
	connect_peer(shown, 0, BCAST_ROLE_SENDER, "10.0.0.1:1", 0);
	for (uint32_t i = 1; i <= RECEIVERS_MANY; i++)
		connect_peer(shown, i, BCAST_ROLE_RECEIVER, "10.0.0.2:2",
			     5000 - i);

	run_json(shown, shown->name, "--receivers");

	receivers = get(shown->json, "receivers");
	assert_int_equal(json_object_array_length(receivers), RECEIVERS_MANY);
	for (uint32_t i = 1; i <= RECEIVERS_MANY; i++) {
		struct json_object *one =
			json_object_array_get_idx(receivers, i - 1);

		assert_int_equal(json_object_get_uint64(get(one, "slot")), i);
		assert_int_equal(json_object_get_uint64(get(one, "lag_bytes")),
				 i);
		assert_string_equal(json_object_get_string(get(one, "role")),
				    "receiver");
	}
	assert_int_equal(number_at(shown, "summary", "receivers"),
			 RECEIVERS_MANY);
	assert_int_equal(number_at(shown, "summary", "senders"), 1);
	assert_int_equal(number_at(shown, "summary", "lag_max_bytes"),
			 RECEIVERS_MANY);
	assert_int_equal(json_object_array_length(get(shown->json, "senders")),
			 1);
}

static void table_of_receivers_counts_its_rows(void **state)
{
	struct shown *shown = *state;
	size_t newlines = 0, newlines_with_table = 0;

	tool_stream_create(&shown->stream, shown->name);
	for (uint32_t i = 0; i < 3; i++)
		connect_peer(shown, i, BCAST_ROLE_RECEIVER,
			     "[2001:db8::1]:40123", 0);

	assert_int_equal(run(shown, shown->name, NULL, NULL), 0);
	for (const char *c = shown->tool.out.bytes; *c; c++)
		newlines += *c == '\n';
	assert_int_equal(run(shown, shown->name, "--receivers", NULL), 0);
	for (const char *c = shown->tool.out.bytes; *c; c++)
		newlines_with_table += *c == '\n';

	/* a blank line, a heading, three rows */
	assert_int_equal(newlines_with_table - newlines, 5);
	assert_printed(shown, "    2 [2001:db8::1]:40123 127.0.0.1:7400 "
			      "receiver      0 B");
}

static void closed_connections_are_told_newest_first(void **state)
{
	struct shown *shown = *state;
	struct bc_peer_closing closing = {
		.role = BCAST_ROLE_RECEIVER,
		.reason = BCAST_CLOSE_RESET,
		.error = -ECONNRESET,
		.peer = "10.0.0.2:1",
		.bytes = 10,
	};
	struct json_object *closed, *newest, *oldest;

	tool_stream_create(&shown->stream, shown->name);
	bc_peers_remember(&shown->stream, &closing);
	closing.reason = BCAST_CLOSE_SLOW;
	closing.error = 0;
	closing.peer = "10.0.0.3:2";
	closing.lag = UINT64_C(3) << 20;
	bc_peers_remember(&shown->stream, &closing);

	run_json(shown, shown->name, "--closed");

	closed = get(shown->json, "closed");
	assert_int_equal(json_object_array_length(closed), 2);
	newest = json_object_array_get_idx(closed, 0);
	oldest = json_object_array_get_idx(closed, 1);
	assert_string_equal(json_object_get_string(get(newest, "reason")),
			    "slow");
	assert_string_equal(json_object_get_string(get(newest, "peer")),
			    "10.0.0.3:2");
	assert_int_equal(json_object_get_uint64(get(newest, "lag_bytes")),
			 3 << 20);
	assert_int_equal(json_object_get_uint64(get(oldest, "error_number")),
			 ECONNRESET);
	assert_int_equal(run(shown, shown->name, "--closed", NULL), 0);
	assert_printed(shown, " 10.0.0.3:2 receiver slow           3.00 MiB");
}

/* ---- States ------------------------------------------------------------ */

static void dead_daemon_is_told_and_its_numbers_stay(void **state)
{
	struct shown *shown = *state;

	tool_stream_leave_dead(shown->name, 1234);

	run_json(shown, shown->name, "--receivers");

	assert_string_equal(text_at(shown, "stream", "state"), "dead");
	assert_string_equal(text_at(shown, "stream", "stored_state"), "live");
	assert_string_equal(text_at(shown, "stream", "writer_alive"), "false");
	assert_int_equal(number_at(shown, "stream", "tail"), 1234);
	assert_int_equal(number_at(shown, "summary", "lag_max_bytes"), 1234);
	assert_int_equal(run(shown, shown->name, NULL, NULL), 0);
	assert_printed(shown, "state       dead: daemon died, heartbeat ");
	assert_printed(shown, "1 of 7 at the end, lag max 1.21 KiB");
}

static void old_heartbeat_of_a_live_daemon_is_stuck(void **state)
{
	struct shown *shown = *state;
	uint64_t now_ns = bc_monotonic_ns();

	tool_stream_create(&shown->stream, shown->name);
	bc_segment_beat(&shown->stream, now_ns - 2 * (uint64_t)BC_NS_PER_S);

	run_json(shown, shown->name, NULL);

	assert_string_equal(text_at(shown, "stream", "state"), "stuck");
	assert_string_equal(text_at(shown, "stream", "writer_alive"), "true");
	assert_int_equal(run(shown, shown->name, NULL, NULL), 0);
	assert_printed(shown, "state       stuck: daemon is alive, but "
			      "heartbeat 2.");
}

static void draining_and_closed_are_told(void **state)
{
	struct shown *shown = *state;

	tool_stream_create(&shown->stream, shown->name);
	bc_segment_set_state(&shown->stream, BC_STATE_DRAINING);
	run_json(shown, shown->name, NULL);
	assert_string_equal(text_at(shown, "stream", "state"), "draining");

	bc_segment_set_state(&shown->stream, BC_STATE_CLOSED);
	run_json(shown, shown->name, NULL);
	assert_string_equal(text_at(shown, "stream", "state"), "closed");
	assert_true(number_at(shown, "stream", "ended_realtime_ns") > 0);
	assert_int_equal(run(shown, shown->name, NULL, NULL), 0);
	assert_printed(shown, "state       closed: ended in order, 20");
}

/* ---- What cannot be opened --------------------------------------------- */

static void absent_stream_is_told_with_a_remedy(void **state)
{
	struct shown *shown = *state;
	char remedy[128];

	assert_int_equal(run(shown, shown->name, NULL, NULL), EX_UNAVAILABLE);

	snprintf(remedy, sizeof(remedy), "no stream '%s' on this machine",
		 shown->name);
	assert_complained(shown, remedy);
	snprintf(remedy, sizeof(remedy), "bcastd --name %s\n", shown->name);
	assert_complained(shown, remedy);
}

static void foreign_object_is_refused(void **state)
{
	static const char bytes[] = "this is somebody else's file";
	struct shown *shown = *state;

	tool_stream_foreign(shown->name, bytes, sizeof(bytes), 1 << 20);

	assert_int_equal(run(shown, shown->name, NULL, NULL), EX_PROTOCOL);
	assert_complained(shown, "not a bcast segment");
}

static void short_object_is_refused(void **state)
{
	struct shown *shown = *state;

	tool_stream_foreign(shown->name, "short", 5, 5);

	assert_int_not_equal(run(shown, shown->name, NULL, NULL), 0);
	assert_complained(shown, shown->name);
}

static void unfinished_segment_is_to_be_tried_again(void **state)
{
	struct shown *shown = *state;

	tool_stream_foreign(shown->name, "", 0, 4 << 20);

	assert_int_equal(run(shown, shown->name, NULL, NULL), EX_TEMPFAIL);
	assert_complained(shown, "still being created");
}

static void other_version_is_refused(void **state)
{
	struct shown *shown = *state;

	tool_stream_create(&shown->stream, shown->name);
	shown->stream.control->identity.layout_version++;

	assert_int_equal(run(shown, shown->name, NULL, NULL), EX_PROTOCOL);
	assert_complained(shown, "another version of bcast (this is version ");
}

static void truncated_segment_is_refused(void **state)
{
	struct shown *shown = *state;

	tool_stream_create(&shown->stream, shown->name);
	shown->stream.control->identity.segment_size *= 2;

	assert_int_equal(run(shown, shown->name, NULL, NULL), EX_PROTOCOL);
	assert_complained(shown, "truncated");
}

static void missing_permission_is_named(void **state)
{
	struct shown *shown = *state;
	/* root may read everything: be nobody */
	const char *const argv[] = {"/usr/bin/setpriv",
				    "--reuid=65534",
				    "--regid=65534",
				    "--clear-groups",
				    TOOL,
				    shown->name,
				    NULL};
	int code;

	tool_stream_create(&shown->stream, shown->name);
	if (geteuid() == 0) {
		code = run_program(&shown->tool, argv);
		if (code == 126 || code == 127)
			skip(); /* nobody may not run our binary */
	} else {
		assert_int_equal(fchmod(shown->stream.fd, 0), 0);
		code = run(shown, shown->name, NULL, NULL);
	}

	assert_int_equal(code, EX_NOPERM);
	assert_complained(shown, "Permission denied");
	assert_complained(shown, "you need read permission");
}

/* ---- Hostile contents -------------------------------------------------- */

static void hostile_texts_are_made_harmless(void **state)
{
	static const char hostile[] = "\"\\\n\x1b[31m\t\xff_</\x7f";
	struct shown *shown = *state;

	tool_stream_create(&shown->stream, shown->name);
	bc_facts_set(&shown->stream, hostile, hostile);
	connect_peer(shown, 0, BCAST_ROLE_RECEIVER, hostile, 0);

	run_json(shown, shown->name, "--receivers");
	assert_string_equal(text_at(shown, "facts", "\"\\??[31m??_</?"),
			    "\"\\??[31m??_</?");
	assert_int_equal(run(shown, shown->name, "--receivers", NULL), 0);

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
	connect_peer(shown, 0, 77, "10.0.0.2:1", 0);
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

	run_json(shown, shown->name, "--receivers");

	assert_string_equal(text_at(shown, "stream", "state"), "unknown");
	assert_string_equal(text_at(shown, "stream", "format"), "unknown");
	assert_int_equal(run(shown, shown->name, "--receivers", NULL), 0);
	assert_printed(shown, "holds 0 B: positions 5 to 5\n");
}

/* ---- List -------------------------------------------------------------- */

static struct json_object *listed(const struct shown *shown, const char *name)
{
	for (size_t i = 0; i < json_object_array_length(shown->json); i++) {
		struct json_object *one =
			json_object_array_get_idx(shown->json, i);
		const char *its = json_object_get_string(get(one, "name"));

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

	run_json(shown, "--list", NULL);
	assert_int_equal(run(shown, "--list", NULL, NULL), 0);

	assert_string_equal(json_object_get_string(
				    get(listed(shown, shown->name), "state")),
			    "live");
	assert_int_equal(
		json_object_get_uint64(get(listed(shown, shown->dead), "tail")),
		55);
	assert_int_equal(json_object_get_uint64(
				 get(listed(shown, shown->dead), "receivers")),
			 1);
	assert_string_equal(json_object_get_string(get(
				    listed(shown, shown->foreign), "error")),
			    "not a bcast segment");
	snprintf(line, sizeof(line), "\n%s ", shown->dead);
	assert_printed(shown, line);
	assert_printed(shown, " dead                       55         1\n");
	assert_printed(shown, " not a bcast segment\n");
}

static void list_is_sorted(void **state)
{
	struct shown *shown = *state;

	tool_stream_create(&shown->stream, shown->name);

	run_json(shown, "--list", NULL);

	for (size_t i = 1; i < json_object_array_length(shown->json); i++) {
		struct json_object *first =
			json_object_array_get_idx(shown->json, i - 1);
		struct json_object *second =
			json_object_array_get_idx(shown->json, i);

		assert_true(strcmp(json_object_get_string(get(first, "name")),
				   json_object_get_string(
					   get(second, "name"))) < 0);
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
	assert_complained(shown, "standard output: No space left");
}

static void wrong_command_lines_end_with_64(void **state)
{
	static const char *const wrong[][3] = {
		{"--nonsense", NULL, NULL}, {"-x", NULL, NULL},
		{"a", "b", NULL},	    {"--json=yes", NULL, NULL},
		{"--list", "a", NULL},	    {"--list", "--counters", NULL},
		{"", NULL, NULL},	    {"../etc", NULL, NULL},
		{".hidden", NULL, NULL},    {"a.nodes", NULL, NULL},
	};
	struct shown *shown = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(
			run(shown, wrong[i][0], wrong[i][1], wrong[i][2]),
			EX_USAGE);
		assert_complained(shown, "bcast-shmstat: ");
	}
}

static void name_length_is_bounded(void **state)
{
	struct shown *shown = *state;
	char name[BCAST_NAME_MAX + 2];

	memset(name, 'a', sizeof(name));
	name[BCAST_NAME_MAX + 1] = '\0';
	assert_int_equal(run(shown, name, NULL, NULL), EX_USAGE);
	name[BCAST_NAME_MAX] = '\0';
	assert_int_equal(run(shown, name, NULL, NULL), EX_UNAVAILABLE);
	name[BCAST_NAME_MAX - 1] = '\0';
	assert_int_equal(run(shown, name, NULL, NULL), EX_UNAVAILABLE);
}

static void version_is_the_library_s(void **state)
{
	struct shown *shown = *state;

	assert_int_equal(run(shown, "--version", NULL, NULL), 0);
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
	connect_peer(shown, 0, BCAST_ROLE_RECEIVER, "10.0.0.2:1", 0);
	bc_peers_remember(&shown->stream, &closing);

	run_json(shown, shown->name, "-rcC");

	assert_described(get(shown->json, "stream"), manual, "stream");
	assert_described(get(shown->json, "summary"), manual, "summary");
	assert_described(
		json_object_array_get_idx(get(shown->json, "receivers"), 0),
		manual, "senders, receivers");
	assert_described(
		json_object_array_get_idx(get(shown->json, "closed"), 0),
		manual, "closed");
	counter = get(get(shown->json, "counters"), "bytes_in");
	assert_described(counter, manual, "counters");
	free(manual);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(live_stream_is_shown_as_text),
		TEST(json_of_live_stream_is_exact),
		TEST(numbers_of_64_bits_survive),
		TEST(every_counter_is_shown_with_unit_and_help),
		TEST(many_receivers_are_all_shown),
		TEST(table_of_receivers_counts_its_rows),
		TEST(closed_connections_are_told_newest_first),
		TEST(dead_daemon_is_told_and_its_numbers_stay),
		TEST(old_heartbeat_of_a_live_daemon_is_stuck),
		TEST(draining_and_closed_are_told),
		TEST(absent_stream_is_told_with_a_remedy),
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
