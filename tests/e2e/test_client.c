/* SPDX-License-Identifier: MIT */
/* test_client.c - bcast/client.h with the real daemon: the doors are one. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "daemon_fixture.h"
#include "numbered.h"

static struct daemon_fixture daemon_;
static char shm[64], tcp[64], any[64];

static int start(void **state)
{
	static const char *const options[] = {
		"--format",    "packet", "--packet", "127.0.0.1:0",
		"--ring-size", "8M",	 NULL};
	unsigned port;

	(void)state;
	daemon_ = (struct daemon_fixture){0};
	daemon_fixture_start(&daemon_, options);
	port = daemon_fixture_port(&daemon_, "packet");
	snprintf(shm, sizeof(shm), "shm:%s", daemon_.name);
	snprintf(tcp, sizeof(tcp), "tcp://127.0.0.1:%u", port);
	snprintf(any, sizeof(any), "127.0.0.1:%u", port);
	return 0;
}

static void both_doors_show_the_same_records(void **state)
{
	struct bcast_client *publisher =
		numbered_open(shm, BCAST_CLIENT_PUBLISH, 0);
	struct bcast_client *near =
		numbered_open(shm, BCAST_CLIENT_SUBSCRIBE, BCAST_START_LIVE);
	struct bcast_client *far =
		numbered_open(tcp, BCAST_CLIENT_SUBSCRIBE, BCAST_START_LIVE);

	(void)state;
	assert_int_equal(bcast_client_door(near), BCAST_DOOR_SHM);
	assert_int_equal(bcast_client_door(far), BCAST_DOOR_TCP);

	numbered_publish(publisher, 1, 2000);

	numbered_expect(near, 1, 2000);
	numbered_expect(far, 1, 2000);
	assert_int_equal(bcast_client_position(near).position,
			 bcast_client_position(far).position);
	assert_int_equal(bcast_client_position(near).epoch,
			 bcast_client_position(far).epoch);
	numbered_expect_nothing(near);
	numbered_expect_nothing(far);
	bcast_close(far);
	bcast_close(near);
	bcast_close(publisher);
	daemon_fixture_stop(&daemon_);
}

static void what_is_published_over_tcp_is_seen_at_both_doors(void **state)
{
	struct bcast_client *publisher =
		numbered_open(tcp, BCAST_CLIENT_PUBLISH, 0);
	struct bcast_client *near =
		numbered_open(shm, BCAST_CLIENT_SUBSCRIBE, BCAST_START_LIVE);
	struct bcast_client *far =
		numbered_open(tcp, BCAST_CLIENT_SUBSCRIBE, BCAST_START_LIVE);

	(void)state;
	numbered_publish(publisher, 1, 2000);
	assert_int_equal(bcast_client_flush(publisher, DEADLINE_MS), 0);

	assert_int_equal(bcast_client_accepted(publisher), 2000);
	numbered_expect(near, 1, 2000);
	numbered_expect(far, 1, 2000);
	assert_int_equal(bcast_client_position(near).position,
			 bcast_client_position(far).position);
	bcast_close(far);
	bcast_close(near);
	bcast_close(publisher);
	daemon_fixture_stop(&daemon_);
}

/* Key and checksum, as they come out at a door. */
static void expect_keyed(struct bcast_client *client)
{
	struct bcast_packet packet;

	assert_int_equal(bcast_client_next(client, &packet, DEADLINE_MS), 1);
	assert_int_equal(packet.key_length, 4);
	assert_int_equal(packet.length, 9);
	assert_int_equal(packet.crc32c, 0xe3069283);
	assert_memory_equal(packet.payload, "123456789", 9);
}

static void expect_keys(const char *address)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client *publisher = NULL, *near = NULL, *far = NULL;

	how.flags = BCAST_CLIENT_CHECKSUM;
	how.key = "123";
	how.key_size = 3;
	assert_int_equal(bcast_open(shm, &how, &near), 0);
	assert_int_equal(bcast_open(tcp, &how, &far), 0);
	how.roles = BCAST_CLIENT_PUBLISH;
	assert_int_equal(bcast_open(address, &how, &publisher), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(bcast_client_publish(publisher, "12", 2, "x",
						      1, DEADLINE_MS),
				 0);
		assert_int_equal(bcast_client_publish(publisher, "1234", 4,
						      "56789", 5, DEADLINE_MS),
				 0);
	}
	assert_int_equal(bcast_client_flush(publisher, DEADLINE_MS), 0);
	for (int i = 0; i < 2; i++) {
		expect_keyed(near);
		expect_keyed(far);
	}
	assert_int_equal(bcast_client_consume(near), 0);
	assert_int_equal(bcast_client_consume(far), 0);
	assert_int_equal(bcast_client_position(near).position,
			 bcast_client_position(far).position);
	assert_int_equal(bcast_client_gap(far).gaps, 0);
	bcast_close(publisher);
	bcast_close(near);
	bcast_close(far);
}

static void keys_and_checksums_are_the_same_at_both_doors(void **state)
{
	(void)state;
	expect_keys(shm);
	expect_keys(tcp);
	daemon_fixture_stop(&daemon_);
}

/* All roles at once: over TCP that is two connections. */
static void expect_own(const char *address)
{
	struct bcast_client *client =
		numbered_open(address,
			      BCAST_CLIENT_SUBSCRIBE | BCAST_CLIENT_PUBLISH |
				      BCAST_CLIENT_NODE,
			      BCAST_START_LIVE);
	struct bcast_message message;
	uint64_t number = 1;

	for (int i = 0; i < 20; i++) {
		/* while much of what came before it is unread */
		numbered_publish(client, number, 1000);
		assert_int_equal(bcast_client_flush(client, DEADLINE_MS), 0);
		assert_int_equal(bcast_client_send(client, "numbered", 1, "x",
						   1, DEADLINE_MS),
				 0);
		number += 1000;
	}
	numbered_expect(client, 1, number - 1);
	for (int i = 0; i < 20; i++)
		assert_int_equal(
			bcast_client_recv(client, &message, DEADLINE_MS), 1);
	bcast_close(client);
}

static void a_client_may_have_all_roles_at_once(void **state)
{
	(void)state;
	expect_own(shm);
	expect_own(tcp);
	daemon_fixture_stop(&daemon_);
}

/* ---- Where a subscriber begins ----------------------------------------- */

static struct bcast_client *open_at_sequence(const char *address,
					     uint64_t sequence)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client *client = NULL;

	how.from = BCAST_START_SEQUENCE;
	how.sequence = sequence;
	assert_int_equal(bcast_open(address, &how, &client), 0);
	return client;
}

static int open_refused(const char *address, uint64_t sequence)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client_refusal refusal = {0};
	struct bcast_client *client = NULL;

	how.from = BCAST_START_SEQUENCE;
	how.sequence = sequence;
	how.refusal = &refusal;
	assert_int_equal(bcast_open(address, &how, &client), BCAST_EREFUSED);
	return (int)refusal.code;
}

static void both_doors_begin_at_the_same_record(void **state)
{
	const char *doors[] = {shm, tcp, any};
	struct bcast_client *publisher =
		numbered_open(shm, BCAST_CLIENT_PUBLISH, 0);

	(void)state;
	numbered_publish(publisher, 1, 1000);
	assert_int_equal(bcast_client_flush(publisher, 0), 0);
	for (int i = 0; i < 3; i++) {
		struct bcast_client *client = numbered_open(
			doors[i], BCAST_CLIENT_SUBSCRIBE, BCAST_START_OLDEST);

		numbered_expect(client, 1, 1000);
		bcast_close(client);
		client = open_at_sequence(doors[i], 500);
		numbered_expect(client, 500, 501);
		bcast_close(client);
		assert_int_equal(open_refused(doors[i], 5000),
				 BCAST_REJECT_POSITION);
	}
	bcast_close(publisher);
	daemon_fixture_stop(&daemon_);
}

/* ---- As a descriptor --------------------------------------------------- */

static void await_readable(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&poll_fd, 1, DEADLINE_MS), 1);
}

static void expect_by_descriptor(const char *address)
{
	struct bcast_client *publisher =
		numbered_open(shm, BCAST_CLIENT_PUBLISH, 0);
	struct bcast_client *client = numbered_open(
		address, BCAST_CLIENT_SUBSCRIBE, BCAST_START_LIVE);
	int fd = bcast_client_fd(client);
	struct bcast_packet packet;

	assert_true(fd >= 0);
	assert_int_equal(bcast_client_next(client, &packet, 0), 0);
	for (uint64_t i = 1; i <= 200; i++) {
		int ret;

		numbered_publish(publisher, i, 1);
		while ((ret = bcast_client_next(client, &packet, 0)) == 0)
			await_readable(fd);
		assert_int_equal(ret, 1);
		assert_int_equal(numbered_of(&packet), i);
		assert_int_equal(bcast_client_next(client, &packet, 0), 0);
	}
	bcast_close(client);
	bcast_close(publisher);
}

static void one_descriptor_wakes_at_either_door(void **state)
{
	(void)state;
	expect_by_descriptor(shm);
	expect_by_descriptor(tcp);
	daemon_fixture_stop(&daemon_);
}

/* ---- Nodes ------------------------------------------------------------- */

static struct bcast_client *open_node(const char *address, const char *id)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client *client = NULL;

	how.roles = BCAST_CLIENT_NODE;
	how.id = id;
	assert_int_equal(bcast_open(address, &how, &client), 0);
	return client;
}

static void expect_message(struct bcast_client *client, const char *from,
			   const char *text)
{
	struct bcast_message message;

	assert_int_equal(bcast_client_recv(client, &message, DEADLINE_MS), 1);
	assert_string_equal(message.from, from);
	assert_int_equal(message.type, 5);
	assert_int_equal(message.size, strlen(text));
	assert_memory_equal(message.data, text, message.size);
}

static void say(struct bcast_client *client, const char *to, const char *text,
		int expected)
{
	assert_int_equal(bcast_client_send(client, to, 5, text, strlen(text),
					   DEADLINE_MS),
			 expected);
}

static void nodes_of_both_doors_are_the_same(void **state)
{
	struct bcast_client *near = open_node(shm, "near");
	struct bcast_client *far = open_node(tcp, "far");
	struct bcast_client *farther = open_node(tcp, "farther");
	struct bcast_node_entry entries[4];
	uint64_t round_trip_ns;

	(void)state;
	say(near, "far", "hello", 0);
	say(far, "near", "yes", 0);
	say(far, "farther", "and you", 0);
	say(farther, "*", "all", 2);
	say(farther, "nobody", "x", -ENOENT);
	say(near, "nobody", "x", -ENOENT);

	expect_message(far, "near", "hello");
	expect_message(far, "farther", "all");
	expect_message(near, "far", "yes");
	expect_message(near, "farther", "all");
	expect_message(farther, "far", "and you");
	assert_int_equal(bcast_client_nodes(near, entries, 4, DEADLINE_MS), 3);
	assert_int_equal(entries[1].remote, 1);
	assert_int_equal(bcast_client_nodes(far, entries, 4, DEADLINE_MS), 3);
	assert_string_equal(entries[0].id, "near");
	assert_int_equal(entries[0].remote, 0);
	assert_int_equal(entries[1].remote, 1);
	assert_int_equal(bcast_client_ping(far, DEADLINE_MS, &round_trip_ns),
			 0);
	assert_int_equal(bcast_client_ping(near, DEADLINE_MS, &round_trip_ns),
			 -EOPNOTSUPP);
	bcast_close(farther);
	bcast_close(far);
	bcast_close(near);
	daemon_fixture_stop(&daemon_);
}

/* ---- Opening, and the end ---------------------------------------------- */

static void the_way_is_found_without_being_told(void **state)
{
	struct bcast_client *reader =
		numbered_open(any, BCAST_CLIENT_SUBSCRIBE, BCAST_START_LIVE);
	struct bcast_client *publisher =
		numbered_open(any, BCAST_CLIENT_PUBLISH, 0);

	(void)state;
	assert_int_equal(bcast_client_door(reader), BCAST_DOOR_SHM);
	assert_string_equal(bcast_client_why_tcp(reader), "");
	assert_int_equal(bcast_client_door(publisher), BCAST_DOOR_SHM);

	numbered_publish(publisher, 1, 100);

	numbered_expect(reader, 1, 100);
	bcast_close(reader);
	bcast_close(publisher);
	daemon_fixture_stop(&daemon_);
}

static void an_end_in_order_is_told_at_both_doors(void **state)
{
	struct bcast_client *publisher =
		numbered_open(shm, BCAST_CLIENT_PUBLISH, 0);
	struct bcast_client *near =
		numbered_open(shm, BCAST_CLIENT_SUBSCRIBE, BCAST_START_LIVE);
	struct bcast_client *far =
		numbered_open(tcp, BCAST_CLIENT_SUBSCRIBE, BCAST_START_LIVE);
	struct bcast_packet packet;

	(void)state;
	numbered_publish(publisher, 1, 10);
	numbered_expect(far, 1, 10);

	daemon_fixture_stop(&daemon_);

	assert_int_equal(bcast_client_next(far, &packet, DEADLINE_MS),
			 BCAST_ECLOSED);
	assert_int_equal(bcast_client_next(far, &packet, DEADLINE_MS),
			 BCAST_ECLOSED);
	numbered_expect(near, 1, 10);
	assert_int_equal(bcast_client_next(near, &packet, DEADLINE_MS),
			 BCAST_ECLOSED);
	assert_int_equal(bcast_client_publish(publisher, NULL, 0, "x", 1, 0),
			 BCAST_EFULL);
	bcast_close(far);
	bcast_close(near);
	bcast_close(publisher);
}

static void nobody_there_is_said_at_once(void **state)
{
	struct bcast_client *client = NULL;

	(void)state;
	daemon_fixture_stop(&daemon_);

	assert_int_equal(bcast_open(shm, NULL, &client), -ENOENT);
	assert_int_equal(bcast_open(tcp, NULL, &client), -ECONNREFUSED);
	assert_int_equal(bcast_open(any, NULL, &client), -ECONNREFUSED);
	assert_null(client);
}

int main(void)
{
#define CASE(name) \
	cmocka_unit_test_setup_teardown(name, start, daemon_fixture_cleanup)
	const struct CMUnitTest tests[] = {
		CASE(both_doors_show_the_same_records),
		CASE(what_is_published_over_tcp_is_seen_at_both_doors),
		CASE(keys_and_checksums_are_the_same_at_both_doors),
		CASE(a_client_may_have_all_roles_at_once),
		CASE(both_doors_begin_at_the_same_record),
		CASE(one_descriptor_wakes_at_either_door),
		CASE(nodes_of_both_doors_are_the_same),
		CASE(the_way_is_found_without_being_told),
		CASE(an_end_in_order_is_told_at_both_doors),
		CASE(nobody_there_is_said_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
