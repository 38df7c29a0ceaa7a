/* SPDX-License-Identifier: MIT */
/* test_client.c - bcast/client.h with the real daemon: the doors are one. */
#include <errno.h>
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
	assert_memory_equal(&(struct bcast_client_place){0},
			    &(struct bcast_client_place){0}, 8);
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
		CASE(the_way_is_found_without_being_told),
		CASE(an_end_in_order_is_told_at_both_doors),
		CASE(nobody_there_is_said_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
