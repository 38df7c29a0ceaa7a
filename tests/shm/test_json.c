/* SPDX-License-Identifier: MIT */
/*
 * test_json.c - client_json.c: which sections there are, in buffers of any
 * size. What they say: tests/tools.
 */
#include <stdlib.h>
#include <string.h>

#include <bcast/monitor.h>
#include <json-c/json.h>

#include "nodes.h"

#define ROOM 65536

static struct test_nodes nodes;
static struct bcast_monitor *monitor;
static char whole[ROOM];
static char part[ROOM];

static int set_up(void **state)
{
	(void)state;
	test_nodes_open(&nodes, 2);
	return bcast_monitor_open(nodes.name, &monitor);
}

static int tear_down(void **state)
{
	(void)state;
	bcast_monitor_close(monitor);
	test_nodes_close(&nodes);
	return 0;
}

static void assert_sections(uint32_t sections, const char *expected)
{
	int64_t length =
		bcast_monitor_json(monitor, sections, whole, sizeof(whole));
	struct json_object *read;
	char keys[256] = "";

	assert_int_equal(length, strlen(whole));
	read = json_tokener_parse(whole);
	assert_non_null(read);
	json_object_object_foreach(read, key, value)
	{
		(void)value;
		strcat(strcat(keys, key), " ");
	}
	assert_string_equal(keys, expected);
	json_object_put(read);
}

static void only_the_sections_asked_for_are_there(void **state)
{
#define BASICS "stream writer facts summary senders "
	(void)state;
	assert_sections(0, BASICS);
	assert_sections(BCAST_JSON_RECEIVERS, BASICS "receivers ");
	assert_sections(BCAST_JSON_CLOSED, BASICS "closed ");
	assert_sections(BCAST_JSON_ERRORS, BASICS "errors ");
	assert_sections(BCAST_JSON_COUNTERS, BASICS "counters ");
	assert_sections(BCAST_JSON_NODES, BASICS "nodes ");
	assert_sections(31, BASICS "receivers closed errors counters nodes ");
}

static void nodes_out_of_reach_are_no_error(void **state)
{
	(void)state;
	test_object_unlink(nodes.name, ".nodes");

	assert_sections(BCAST_JSON_NODES, BASICS "nodes_error ");
}

static void text_is_cut_to_its_room_and_its_length_told(void **state)
{
	int64_t length;

	(void)state;
	length = bcast_monitor_json(monitor, 0, whole, sizeof(whole));

	for (size_t size = 0; size < 200; size++) {
		memset(part, '?', sizeof(part));
		assert_true(bcast_monitor_json(monitor, 0, part, size) > 200);
		if (size > 0)
			assert_int_equal(strlen(part), size - 1);
		assert_int_equal(part[size], '?');
	}
	assert_true(length > 200);
}

#define TEST(claim) cmocka_unit_test_setup_teardown(claim, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_the_sections_asked_for_are_there),
		TEST(nodes_out_of_reach_are_no_error),
		TEST(text_is_cut_to_its_room_and_its_length_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
