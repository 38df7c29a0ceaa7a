/* SPDX-License-Identifier: MIT */
/* test_client_node.c - over TCP: messages, who is there, PING, descriptors. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "client_double.h"

static struct client_double double_;

static int teardown(void **state)
{
	(void)state;
	test_kill(&double_.child);
	return 0;
}

static struct bcast_client *open_as(uint32_t roles)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client *client = NULL;

	how.roles = roles;
	how.id = roles & BCAST_CLIENT_NODE ? "me" : NULL;
	assert_int_equal(bcast_open(double_.address, &how, &client), 0);
	return client;
}

/* A message down: key and value in one text, the key `key` bytes of it. */
static void say_message(struct client_double *daemon, const char *text,
			size_t key, uint16_t type)
{
	const struct bcast_packet_header header = {
		.length = (uint32_t)strlen(text),
		.type = BCAST_PACKET_MESSAGE,
		.source = type,
		.key_length = (uint16_t)key,
	};

	double_say_header(daemon, &header, text);
}

static void say_result(struct client_double *daemon, uint64_t sequence,
		       int32_t value)
{
	const struct bcast_result result = {sequence, value, 0};

	double_say(daemon, BCAST_PACKET_RESULT, &result, sizeof(result));
}

/* ---- Messages ---------------------------------------------------------- */

static void script_messages(struct client_double *daemon)
{
	double_greet(daemon);
	test_child_check(daemon->hello.fixed.roles == BCAST_CLIENT_NODE);
	test_child_check(strcmp(daemon->hello.id, "me") == 0);
	say_message(daemon, "youhello", 3, 7);
	say_message(daemon, "you", 3, 8);
	double_expect(daemon, BCAST_PACKET_MESSAGE);
	test_child_check(daemon->header.source == 9);
	test_child_check(daemon->header.key_length == 3);
	test_child_check(daemon->header.length == 8);
	test_child_check(memcmp(daemon->payload, "youworld", 8) == 0);
	test_child_check(daemon->header.sequence != 0);
	/* of another question, and then of this */
	say_result(daemon, daemon->header.sequence + 1, -1);
	say_result(daemon, daemon->header.sequence, 0);
	double_await_close(daemon);
}

static void messages_go_both_ways(void **state)
{
	struct bcast_client *client;
	struct bcast_message message;

	(void)state;
	double_start(&double_, script_messages);
	client = open_as(BCAST_CLIENT_NODE);

	assert_int_equal(bcast_client_send(client, "you", 9, "world", 5, 1000),
			 0);
	assert_int_equal(bcast_client_recv(client, &message, DEADLINE_MS), 1);

	assert_string_equal(message.from, "you");
	assert_int_equal(message.type, 7);
	assert_int_equal(message.size, 5);
	assert_memory_equal(message.data, "hello", 5);
	assert_int_equal((uintptr_t)message.data % 64, 0);
	assert_int_equal(bcast_client_recv(client, &message, DEADLINE_MS), 1);
	assert_int_equal(message.type, 8);
	assert_int_equal(message.size, 0);
	assert_int_equal(bcast_client_recv(client, &message, 20), 0);
	bcast_close(client);
	double_join(&double_);
}

static void script_full_twice(struct client_double *daemon)
{
	double_greet(daemon);
	for (int i = 0; i < 3; i++) {
		double_expect(daemon, BCAST_PACKET_MESSAGE);
		say_result(daemon, daemon->header.sequence,
			   i < 2 ? BCAST_EFULL : 0);
	}
	double_expect(daemon, BCAST_PACKET_MESSAGE);
	say_result(daemon, daemon->header.sequence, -ENOENT);
	double_expect(daemon, BCAST_PACKET_MESSAGE);
	say_result(daemon, daemon->header.sequence, BCAST_EFULL);
	double_expect(daemon, BCAST_PACKET_MESSAGE);
	test_child_check(memcmp(daemon->payload, "*", 1) == 0);
	say_result(daemon, daemon->header.sequence, 5);
	double_await_close(daemon);
}

static void a_full_inbox_is_waited_for_and_other_results_passed_on(void **state)
{
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_full_twice);
	client = open_as(BCAST_CLIENT_NODE);

	assert_int_equal(
		bcast_client_send(client, "you", 0, NULL, 0, DEADLINE_MS), 0);
	assert_int_equal(bcast_client_send(client, "you", 0, NULL, 0, 1000),
			 -ENOENT);
	assert_int_equal(bcast_client_send(client, "you", 0, NULL, 0, 0),
			 BCAST_EFULL);
	assert_int_equal(bcast_client_send(client, "*", 0, NULL, 0, 0), 5);
	assert_int_equal(bcast_client_send(client, "not an id", 0, NULL, 0, 0),
			 BCAST_ENAME);

	bcast_close(client);
	double_join(&double_);
}

static void script_dies_before_the_result(struct client_double *daemon)
{
	double_greet(daemon);
	double_expect(daemon, BCAST_PACKET_MESSAGE);
	double_reset(daemon);
	double_greet(daemon);
	double_await_close(daemon);
}

static void a_break_before_the_answer_is_told(void **state)
{
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_dies_before_the_result);
	client = open_as(BCAST_CLIENT_NODE);

	assert_int_equal(bcast_client_send(client, "you", 0, NULL, 0, 1000),
			 -ECONNRESET);

	bcast_close(client);
	test_kill(&double_.child);
}

static void script_many_messages(struct client_double *daemon)
{
	static char text[40000];

	memset(text, 'x', sizeof(text) - 1);
	double_greet(daemon);
	for (int i = 0; i < 100; i++)
		say_message(daemon, text, 1, (uint16_t)i);
	double_expect_data(daemon, 1, 1);
	double_ack(daemon, 1);
	double_await_close(daemon);
}

static void messages_wait_and_none_is_lost(void **state)
{
	struct bcast_client *client;
	struct bcast_message message;

	(void)state;
	double_start(&double_, script_many_messages);
	client = open_as(BCAST_CLIENT_NODE | BCAST_CLIENT_PUBLISH);
	numbered_publish(client, 1, 1);
	/* 4 MB of messages stand before the acknowledgement */
	assert_int_equal(bcast_client_flush(client, 100), -ETIMEDOUT);

	for (int i = 0; i < 100; i++) {
		assert_int_equal(
			bcast_client_recv(client, &message, DEADLINE_MS), 1);
		assert_int_equal(message.type, i);
		assert_int_equal(message.size, 39998);
	}

	assert_int_equal(bcast_client_flush(client, DEADLINE_MS), 0);
	bcast_close(client);
	double_join(&double_);
}

/* ---- Who is there ------------------------------------------------------ */

static void script_nodes(struct client_double *daemon)
{
	struct bcast_node_entry entries[3] = {
		{.id = "a", .slot = 0},
		{.id = "b", .slot = 3, .remote = 1},
		{.id = "c", .slot = 4},
	};
	struct bcast_packet_header header = {.type = BCAST_PACKET_NODES};

	double_greet(daemon);
	double_expect(daemon, BCAST_PACKET_NODES);
	header.sequence = daemon->header.sequence;
	header.length = 2 * sizeof(entries[0]);
	double_say_header(daemon, &header, entries);
	header.length = sizeof(entries[0]);
	double_say_header(daemon, &header, entries + 2);
	header.length = 0;
	double_say_header(daemon, &header, NULL);
	double_await_close(daemon);
}

static void nodes_are_listed(void **state)
{
	struct bcast_node_entry entries[2];
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_nodes);
	client = open_as(BCAST_CLIENT_NODE);

	assert_int_equal(bcast_client_nodes(client, entries, 2, DEADLINE_MS),
			 3);

	assert_string_equal(entries[0].id, "a");
	assert_string_equal(entries[1].id, "b");
	assert_int_equal(entries[1].remote, 1);
	assert_int_equal(bcast_client_nodes(client, entries, 2, 20),
			 -ETIMEDOUT);
	bcast_close(client);
	double_join(&double_);
}

/* ---- PING -------------------------------------------------------------- */

static void say_pong(struct client_double *daemon)
{
	const struct bcast_packet_header header = {
		.type = BCAST_PACKET_PONG,
		.sequence = daemon->header.sequence,
	};

	double_say_header(daemon, &header, NULL);
}

static void script_pongs(struct client_double *daemon)
{
	double_greet(daemon);
	double_expect(daemon, BCAST_PACKET_PING);
	double_records(daemon, 100);
	say_pong(daemon);
	double_records(daemon, 100);
	double_expect(daemon, BCAST_PACKET_PING);
	double_await_close(daemon);
}

static void a_ping_is_timed_and_no_record_lost_by_it(void **state)
{
	struct bcast_client *client;
	uint64_t round_trip_ns = 0;

	(void)state;
	double_start(&double_, script_pongs);
	client = open_as(BCAST_CLIENT_SUBSCRIBE);

	assert_int_equal(bcast_client_ping(client, DEADLINE_MS, &round_trip_ns),
			 0);

	assert_in_range(round_trip_ns, 1, UINT64_C(20000000000));
	numbered_expect(client, 1, 200);
	assert_int_equal(bcast_client_ping(client, 20, &round_trip_ns),
			 -ETIMEDOUT);
	bcast_close(client);
	double_join(&double_);
}

/* ---- As a descriptor --------------------------------------------------- */

static void await_readable(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&poll_fd, 1, DEADLINE_MS), 1);
}

static void script_now_and_then(struct client_double *daemon)
{
	for (unsigned i = 0; i < 3; i++) {
		double_greet(daemon);
		for (unsigned j = 0; j < 3; j++) {
			double_records(daemon, 10);
			double_expect(daemon, BCAST_PACKET_HEARTBEAT);
		}
		double_hang_up(daemon);
	}
	double_greet(daemon);
	double_records(daemon, 1);
	double_end(daemon);
}

static void one_descriptor_tells_of_all_that_happens(void **state)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client *client = NULL;
	struct bcast_packet packet;
	uint64_t number = 1;
	int fd, ret = 0;

	(void)state;
	double_start(&double_, script_now_and_then);
	how.heartbeat_ms = 20;
	assert_int_equal(bcast_open(double_.address, &how, &client), 0);
	fd = bcast_client_fd(client);
	assert_true(fd >= 0);

	while (ret >= 0) {
		while ((ret = bcast_client_next(client, &packet, 0)) == 1)
			assert_int_equal(numbered_of(&packet), number++);
		if (ret == 0)
			await_readable(fd);
		assert_int_equal(bcast_client_fd(client), fd);
	}

	assert_int_equal(ret, BCAST_ECLOSED);
	assert_int_equal(number, 92);
	bcast_close(client);
	double_join(&double_);
}

static void script_idle(struct client_double *daemon)
{
	double_greet(daemon);
	double_await_close(daemon);
}

static void without_the_role_nothing_is_done(void **state)
{
	struct bcast_message message;
	struct bcast_packet packet;
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_idle);
	client = open_as(BCAST_CLIENT_NODE);

	assert_int_equal(bcast_client_next(client, &packet, 0), -EOPNOTSUPP);
	assert_int_equal(bcast_client_publish(client, NULL, 0, "x", 1, 0),
			 -EOPNOTSUPP);
	assert_int_equal(bcast_client_flush(client, 0), -EOPNOTSUPP);
	bcast_close(client);
	double_join(&double_);
	double_start(&double_, script_idle);
	client = open_as(BCAST_CLIENT_SUBSCRIBE);
	assert_int_equal(bcast_client_send(client, "a", 0, NULL, 0, 0),
			 -EOPNOTSUPP);
	assert_int_equal(bcast_client_recv(client, &message, 0), -EOPNOTSUPP);
	bcast_close(client);
	double_join(&double_);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		CASE(messages_go_both_ways),
		CASE(a_full_inbox_is_waited_for_and_other_results_passed_on),
		CASE(a_break_before_the_answer_is_told),
		CASE(messages_wait_and_none_is_lost),
		CASE(nodes_are_listed),
		CASE(a_ping_is_timed_and_no_record_lost_by_it),
		CASE(one_descriptor_tells_of_all_that_happens),
		CASE(without_the_role_nothing_is_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
