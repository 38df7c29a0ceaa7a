/* SPDX-License-Identifier: MIT */
/* test_node_tool.c - the real bcast-node: what it shows, and what it says. */
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "manual.h"
#include "run_program.h"
#include "shm/registry.h"
#include "support.h"
#include "tool_stream.h"

/* What a test uses; freed whether it passes or not. */
struct noded {
	const char *name;
	struct bc_segment stream;
	struct run_program tool, second;
	struct bcast_node *node;
	struct json_object *json;
};

static int set_up(void **state)
{
	struct noded *noded = calloc(1, sizeof(*noded));

	*state = noded;
	if (!noded)
		return -1;
	noded->name = test_name();
	tool_stream_create(&noded->stream, noded->name);
	tool_stream_add_nodes(&noded->stream, noded->name, 3);
	return 0;
}

static int tear_down(void **state)
{
	struct noded *noded = *state;

	json_object_put(noded->json);
	run_program_end(&noded->tool);
	run_program_end(&noded->second);
	bcast_leave(noded->node);
	tool_stream_remove_nodes(noded->name);
	tool_stream_destroy(&noded->stream);
	tool_stream_remove(noded->name);
	free(noded);
	return 0;
}

static void start(struct run_program *tool, const char *a, const char *b,
		  const char *c, const char *d)
{
	const char *const argv[] = {TOOL, a, b, c, d, NULL};

	run_program_end(tool);
	assert_int_equal(run_program_start(tool, argv), 0);
}

static int run(struct noded *noded, const char *a, const char *b, const char *c,
	       const char *d)
{
	start(&noded->tool, a, b, c, d);
	return run_program_wait(&noded->tool);
}

static void join(struct run_program *tool, const struct noded *noded,
		 const char *id, const char *option)
{
	start(tool, noded->name, "join", id, option);
	assert_true(run_program_read_out(tool, strlen("joined\n")));
}

static void assert_said(const struct run_program *tool, const char *text)
{
	if (!strstr(tool->error.bytes, text))
		fail_msg("'%s' is not in '%s'", text, tool->error.bytes);
}

/* The only node of --json. */
static struct json_object *only(struct noded *noded)
{
	json_object_put(noded->json);
	assert_int_equal(run(noded, noded->name, "list", "--json", NULL), 0);
	noded->json = json_tokener_parse(noded->tool.out.bytes);
	assert_int_equal(json_object_array_length(noded->json), 1);
	return json_object_array_get_idx(noded->json, 0);
}

static struct json_object *get(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	assert_true(json_object_object_get_ex(object, key, &value));
	return value;
}

static void joined_node_is_listed_in_both_forms(void **state)
{
	struct noded *noded = *state;
	struct json_object *node;

	join(&noded->second, noded, "alpha", "--read");
	tool_stream_publish(&noded->stream, 100);

	assert_int_equal(run(noded, noded->name, "list", NULL, NULL), 0);
	assert_non_null(strstr(noded->tool.out.bytes, "alpha"));
	assert_non_null(strstr(noded->tool.out.bytes, "alive"));
	node = only(noded);

	assert_string_equal(json_object_get_string(get(node, "id")), "alpha");
	assert_string_equal(json_object_get_string(get(node, "state")),
			    "alive");
	assert_int_equal(json_object_get_int64(get(node, "pid")),
			 noded->second.pid);
	assert_true(json_object_get_boolean(get(node, "reader")));
	assert_false(json_object_get_boolean(get(node, "publisher")));
}

static bool has_read_all(void *argument)
{
	return json_object_get_int64(get(only(argument), "cursor")) == 5000;
}

static void reading_node_keeps_up_and_shows_it(void **state)
{
	struct noded *noded = *state;

	join(&noded->second, noded, "alpha", "--read");
	tool_stream_publish(&noded->stream, 5000);

	assert_true(test_within(DEADLINE_MS, has_read_all, noded));

	assert_int_equal(json_object_get_int64(get(only(noded), "bytes")),
			 5000);
	assert_int_equal(json_object_get_int64(get(only(noded), "lag_bytes")),
			 0);
}

static void node_beyond_tcp_is_shown_as_such(void **state)
{
	struct bcast_join_options options = BCAST_JOIN_DEFAULTS;
	struct noded *noded = *state;
	struct json_object *node;

	options.roles = BCAST_NODE_REMOTE;
	assert_int_equal(
		bcast_join(noded->name, "alpha", &options, &noded->node), 0);

	assert_int_equal(run(noded, noded->name, "list", NULL, NULL), 0);
	assert_non_null(strstr(noded->tool.out.bytes, " remote "));
	node = only(noded);

	assert_true(json_object_get_boolean(get(node, "remote")));
	assert_int_equal(json_object_get_int64(get(node, "pid")), getpid());
	assert_false(json_object_get_boolean(get(node, "reader")));
}

static void nobody_is_an_empty_list(void **state)
{
	struct noded *noded = *state;

	assert_int_equal(run(noded, noded->name, "list", "--json", NULL), 0);

	noded->json = json_tokener_parse(noded->tool.out.bytes);
	assert_int_equal(json_object_array_length(noded->json), 0);
}

static void id_in_use_names_its_holder(void **state)
{
	struct noded *noded = *state;
	char holder[64];

	join(&noded->second, noded, "alpha", NULL);
	snprintf(holder, sizeof(holder), "in use by process %d",
		 noded->second.pid);

	assert_int_equal(run(noded, noded->name, "join", "alpha", NULL),
			 EX_UNAVAILABLE);

	assert_said(&noded->tool, holder);
}

static void full_table_names_its_limit(void **state)
{
	struct noded *noded = *state;
	struct bcast_node *nodes[3];

	for (int i = 0; i < 3; i++) {
		const char id[] = {(char)('a' + i), '\0'};

		assert_int_equal(bcast_join(noded->name, id, NULL, &nodes[i]),
				 0);
	}

	assert_int_equal(run(noded, noded->name, "join", "d", NULL),
			 EX_TEMPFAIL);

	for (int i = 0; i < 3; i++)
		bcast_leave(nodes[i]);
	assert_said(&noded->tool, "all 3 places");
	assert_said(&noded->tool, "--nodes");
}

static void signal_makes_it_leave(void **state)
{
	struct noded *noded = *state;

	join(&noded->second, noded, "alpha", NULL);

	assert_int_equal(kill(noded->second.pid, SIGTERM), 0);

	assert_int_equal(run_program_wait(&noded->second),
			 RUN_PROGRAM_SIGNAL(SIGTERM));
	assert_int_equal(bcast_join(noded->name, "alpha", NULL, &noded->node),
			 0);
}

static void watch_tells_who_is_there_and_comes_and_dies(void **state)
{
	static const char there[] = "joined first pid=";
	struct noded *noded = *state;
	char expected[256];

	assert_int_equal(bcast_join(noded->name, "first", NULL, &noded->node),
			 0);
	start(&noded->tool, noded->name, "watch", NULL, NULL);
	assert_true(run_program_read_out(&noded->tool, strlen(there)));
	join(&noded->second, noded, "second", NULL);
	snprintf(expected, sizeof(expected),
		 "joined first pid=%d slot=0\njoined second pid=%d slot=1\n",
		 getpid(), noded->second.pid);
	assert_true(run_program_read_out(&noded->tool, strlen(expected)));
	assert_string_equal(noded->tool.out.bytes, expected);
	snprintf(expected + strlen(expected),
		 sizeof(expected) - strlen(expected),
		 "left second pid=%d "
		 "slot=1\n",
		 noded->second.pid);

	assert_int_equal(kill(noded->second.pid, SIGKILL), 0);

	assert_true(run_program_read_out(&noded->tool, strlen(expected)));
	assert_string_equal(noded->tool.out.bytes, expected);
}

static void watch_in_json_is_a_line_an_event(void **state)
{
	struct noded *noded = *state;

	assert_int_equal(bcast_join(noded->name, "first", NULL, &noded->node),
			 0);
	start(&noded->tool, noded->name, "watch", "--json", "--timeout=1");
	assert_int_equal(run_program_wait(&noded->tool), 0);

	noded->json = json_tokener_parse(noded->tool.out.bytes);
	assert_string_equal(json_object_get_string(get(noded->json, "event")),
			    "joined");
	assert_string_equal(json_object_get_string(get(noded->json, "id")),
			    "first");
	assert_ptr_equal(strchr(noded->tool.out.bytes, '\n'),
			 noded->tool.out.bytes + noded->tool.out.size - 1);
}

static void end_of_the_registry_ends_all(void **state)
{
	struct noded *noded = *state;

	start(&noded->tool, noded->name, "watch", NULL, NULL);
	join(&noded->second, noded, "alpha", NULL);
	assert_true(run_program_read_out(&noded->tool, strlen("joined alpha")));

	assert_int_equal(bc_registry_unlink(noded->name), 0);

	assert_int_equal(run_program_wait(&noded->tool), EX_UNAVAILABLE);
	assert_int_equal(run_program_wait(&noded->second), EX_UNAVAILABLE);
}

static void wrong_command_lines_are_told(void **state)
{
	struct noded *noded = *state;
	const char *n = noded->name;

	assert_int_equal(run(noded, NULL, NULL, NULL, NULL), EX_USAGE);
	assert_int_equal(run(noded, n, NULL, NULL, NULL), EX_USAGE);
	assert_int_equal(run(noded, n, "dance", NULL, NULL), EX_USAGE);
	assert_int_equal(run(noded, n, "join", NULL, NULL), EX_USAGE);
	assert_int_equal(run(noded, n, "join", "a", "b"), EX_USAGE);
	assert_int_equal(run(noded, n, "join", "a b", NULL), EX_USAGE);
	assert_int_equal(run(noded, n, "join", "a", "--json"), EX_USAGE);
	assert_int_equal(run(noded, n, "list", "--read", NULL), EX_USAGE);
	assert_int_equal(run(noded, n, "list", "a", NULL), EX_USAGE);
	assert_int_equal(run(noded, n, "list", "--timeout=1", NULL), EX_USAGE);
	assert_int_equal(run(noded, n, "watch", "--timeout=x", NULL), EX_USAGE);
	assert_said(&noded->tool, "500ms");
	assert_int_equal(run(noded, "no-such", "list", NULL, NULL),
			 EX_UNAVAILABLE);
	assert_int_equal(run(noded, "a/b", "list", NULL, NULL), EX_USAGE);
}

static void help_and_manual_agree(void **state)
{
	(void)state;
	manual_agrees(TOOL, MANUAL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(joined_node_is_listed_in_both_forms),
		TEST(reading_node_keeps_up_and_shows_it),
		TEST(node_beyond_tcp_is_shown_as_such),
		TEST(nobody_is_an_empty_list),
		TEST(id_in_use_names_its_holder),
		TEST(full_table_names_its_limit),
		TEST(signal_makes_it_leave),
		TEST(watch_tells_who_is_there_and_comes_and_dies),
		TEST(watch_in_json_is_a_line_an_event),
		TEST(end_of_the_registry_ends_all),
		TEST(wrong_command_lines_are_told),
		TEST(help_and_manual_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
