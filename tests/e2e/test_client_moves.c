/* SPDX-License-Identifier: MIT */
/*
 * test_client_moves.c - bcast/client.h under load: from door to door by
 * position, through deaths of the daemon, and where shared memory is closed.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "daemon_fixture.h"
#include "deny.h"
#include "numbered.h"
#include "restart.h"

#define RECORDS UINT64_C(30000)
#define MOVES	12u
#define KILLS	4u

static struct daemon_fixture daemon_;
static char port[32], name[32];
static char shm[64], tcp[64];

static void launch(void)
{
	const char *const options[] = {"--format", "packet",	  "--packet",
				       port,	   "--ring-size", "16M",
				       NULL};

	strcpy(daemon_.name, name);
	daemon_fixture_start(&daemon_, options);
}

static int start(void **state)
{
	(void)state;
	daemon_ = (struct daemon_fixture){0};
	restart_choose_address(port, sizeof(port));
	snprintf(name, sizeof(name), "%s", test_name());
	snprintf(shm, sizeof(shm), "shm:%s", name);
	snprintf(tcp, sizeof(tcp), "tcp://%s", port);
	launch();
	return 0;
}

static void kill_and_restart(void)
{
	assert_int_equal(kill(daemon_.pid, SIGKILL), 0);
	assert_int_equal(daemon_fixture_wait(&daemon_), 128 + SIGKILL);
	daemon_fixture_forget(&daemon_);
	launch();
}

/* ---- A publisher in a child -------------------------------------------- */

struct source {
	const char *address;
	uint64_t count;
	bool paced;
};

static void publish_all(void *argument)
{
	const struct source *source = argument;
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client *client = NULL;

	how.roles = BCAST_CLIENT_PUBLISH;
	test_child_check(bcast_open(source->address, &how, &client) == 0);
	test_child_ready();
	for (uint64_t i = 1; i <= source->count; i++) {
		unsigned char bytes[NUMBERED_MAX];
		size_t length = numbered_fill(i, bytes);

		test_child_check(bcast_client_publish(client, NULL, 0, bytes,
						      length,
						      DEADLINE_MS) == 0);
		/* so that it is still at it when the daemon dies */
		if (source->paced && i % 100 == 0)
			test_child_check(
				bcast_client_flush(client, DEADLINE_MS) == 0);
	}
	test_child_check(bcast_client_flush(client, DEADLINE_MS) == 0);
	test_child_check(bcast_client_accepted(client) == source->count);
	bcast_close(client);
}

/* ---- Moving ------------------------------------------------------------ */

static struct bcast_client *open_at(const char *address,
				    const struct bcast_client_place *place)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client *client = NULL;

	how.from = BCAST_START_POSITION;
	how.epoch = place->epoch;
	how.position = place->position;
	assert_int_equal(bcast_open(address, &how, &client), 0);
	return client;
}

static void expect_moves(const char *publisher)
{
	struct source source = {publisher, RECORDS, false};
	struct bcast_client *client =
		numbered_open(shm, BCAST_CLIENT_SUBSCRIBE, BCAST_START_LIVE);
	struct test_child child = test_fork(publish_all, &source);
	uint64_t next = 1;

	for (unsigned i = 0; i < MOVES; i++) {
		struct bcast_client_place place;
		uint64_t share = RECORDS / MOVES;

		numbered_expect(client, next, share);
		next += share;
		place = bcast_client_position(client);
		assert_int_equal(place.sequence, next);
		bcast_close(client);
		client = open_at(i % 2 ? shm : tcp, &place);
		assert_int_equal(bcast_client_door(client),
				 i % 2 ? BCAST_DOOR_SHM : BCAST_DOOR_TCP);
	}
	numbered_expect_nothing(client);
	assert_int_equal(bcast_client_gap(client).gaps, 0);
	bcast_close(client);
	assert_int_equal(test_join(&child), 0);
	daemon_fixture_stop(&daemon_);
}

static void from_door_to_door_nothing_is_lost_or_repeated(void **state)
{
	(void)state;
	expect_moves(shm);
}

static void the_same_with_a_publisher_over_tcp(void **state)
{
	(void)state;
	expect_moves(tcp);
}

/* ---- Deaths ------------------------------------------------------------ */

static void expect_survival(const char *subscriber, const char *publisher)
{
	struct source source = {publisher, RECORDS, true};
	struct bcast_client *client = numbered_open(
		subscriber, BCAST_CLIENT_SUBSCRIBE, BCAST_START_LIVE);
	struct test_child child = test_fork(publish_all, &source);
	uint64_t share = RECORDS / (KILLS + 1);

	for (unsigned i = 0; i <= KILLS; i++) {
		numbered_expect(client, 1 + i * share, share);
		if (i < KILLS)
			kill_and_restart();
	}
	numbered_expect_nothing(client);
	assert_int_equal(bcast_client_gap(client).gaps, 0);
	bcast_close(client);
	assert_int_equal(test_join(&child), 0);
	daemon_fixture_stop(&daemon_);
}

static void a_killed_daemon_costs_nothing_over_tcp(void **state)
{
	(void)state;
	expect_survival(tcp, tcp);
}

static void a_killed_daemon_costs_nothing_in_shared_memory(void **state)
{
	(void)state;
	expect_survival(shm, shm);
}

static void a_killed_daemon_costs_nothing_in_between(void **state)
{
	(void)state;
	expect_survival(shm, tcp);
}

/* ---- The next stream of that name -------------------------------------- */

static struct bcast_client *open_follower(const char *address)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client *client = NULL;

	how.flags = BCAST_CLIENT_FOLLOW;
	assert_int_equal(bcast_open(address, &how, &client), 0);
	return client;
}

static void expect_other_epoch(struct bcast_client *client)
{
	struct bcast_packet packet;

	assert_int_equal(bcast_client_next(client, &packet, DEADLINE_MS),
			 BCAST_EEPOCH);
}

static void the_next_stream_is_gone_on_with_at_every_door(void **state)
{
	struct bcast_client *publisher =
		numbered_open(shm, BCAST_CLIENT_PUBLISH, 0);
	struct bcast_client *near = open_follower(shm);
	struct bcast_client *far = open_follower(tcp);
	struct bcast_client *any = open_follower(port);

	(void)state;
	assert_int_equal(bcast_client_door(any), BCAST_DOOR_SHM);
	numbered_publish(publisher, 1, 10);
	numbered_expect(near, 1, 10);
	numbered_expect(far, 1, 10);
	numbered_expect(any, 1, 10);
	daemon_fixture_stop(&daemon_);
	numbered_expect_nothing(near);
	numbered_expect_nothing(far);
	numbered_expect_nothing(any);

	launch();

	/* the first call is told, and nothing of it published */
	assert_int_equal(
		bcast_client_publish(publisher, NULL, 0, "x", 1, DEADLINE_MS),
		BCAST_EEPOCH);
	numbered_publish(publisher, 11, 10);
	expect_other_epoch(near);
	expect_other_epoch(far);
	expect_other_epoch(any);
	assert_int_equal(bcast_client_door(any), BCAST_DOOR_SHM);
	numbered_expect(near, 11, 10);
	numbered_expect(far, 11, 10);
	numbered_expect(any, 11, 10);
	bcast_close(any);
	bcast_close(far);
	bcast_close(near);
	bcast_close(publisher);
	daemon_fixture_stop(&daemon_);
}

/* ---- Where shared memory is closed ------------------------------------- */

static void without_permission(void *argument)
{
	static const long calls[] = {SYS_openat, SYS_open};
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client *client = NULL;
	struct bcast_packet packet;

	(void)argument;
	deny_calls(calls, 2, EACCES);
	how.from = BCAST_START_OLDEST;
	test_child_check(bcast_open(port, &how, &client) == 0);
	test_child_check(bcast_client_door(client) == BCAST_DOOR_TCP);
	test_child_check(strstr(bcast_client_why_tcp(client), name) != NULL);
	test_child_check(bcast_client_next(client, &packet, DEADLINE_MS) == 1);
	test_child_check(numbered_of(&packet) == 1);
	bcast_close(client);
	client = NULL;
	how.roles = BCAST_CLIENT_PUBLISH;
	test_child_check(bcast_open(port, &how, &client) == 0);
	test_child_check(bcast_client_door(client) == BCAST_DOOR_TCP);
	bcast_close(client);
}

static void without_permission_it_is_tcp(void **state)
{
	struct bcast_client *publisher =
		numbered_open(shm, BCAST_CLIENT_PUBLISH, 0);
	struct test_child child;
	int status;

	(void)state;
	numbered_publish(publisher, 1, 1);
	bcast_close(publisher);

	child = test_fork(without_permission, NULL);

	status = test_join(&child);
	if (status == 77)
		skip();
	assert_int_equal(status, 0);
	daemon_fixture_stop(&daemon_);
}

int main(void)
{
#define CASE(name) \
	cmocka_unit_test_setup_teardown(name, start, daemon_fixture_cleanup)
	const struct CMUnitTest tests[] = {
		CASE(from_door_to_door_nothing_is_lost_or_repeated),
		CASE(the_same_with_a_publisher_over_tcp),
		CASE(a_killed_daemon_costs_nothing_over_tcp),
		CASE(a_killed_daemon_costs_nothing_in_shared_memory),
		CASE(a_killed_daemon_costs_nothing_in_between),
		CASE(the_next_stream_is_gone_on_with_at_every_door),
		CASE(without_permission_it_is_tcp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
