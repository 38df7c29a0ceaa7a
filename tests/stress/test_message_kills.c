/* SPDX-License-Identifier: MIT */
/*
 * A node beyond TCP, by the library, gives back what a local node sends it,
 * while the daemon between them is killed at random instants: each message that
 * arrives is whole, in order and there once, the dead daemon's slot is free at
 * once, and nobody is hindered; in the last life all of them arrive.
 * BCAST_KILLS says how often.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "numbered.h"
#include "restart.h"

#define KILLS_DEFAULT 12u
#define LIFE_NS	      30000000 /* of a daemon, once the node is there */
#define UNDER_WAY     64u
#define LAST	      2000u

static struct daemon_fixture daemon_;
static char address[32], name[32];
static struct bcast_node *here, *witness;
static struct bcast_nodes *nodes;
static struct test_child child;
static uint64_t sent, received; /* numbers, from 1 */
static uint64_t killed_at;	/* sent by then */

static int prepare(void **state)
{
	(void)state;
	daemon_ = (struct daemon_fixture){0};
	child = (struct test_child){0};
	here = witness = NULL;
	nodes = NULL;
	sent = received = killed_at = 0;
	restart_choose_address(address, sizeof(address));
	snprintf(name, sizeof(name), "%s", test_name());
	return 0;
}

static int close_all(void **state)
{
	test_kill(&child);
	bcast_leave(here);
	bcast_leave(witness);
	bcast_nodes_close(nodes);
	return daemon_fixture_cleanup(state);
}

static void start(void)
{
	const char *options[] = {"--ring-size",	 "1M",	     "--format",
				 "packet",	 "--packet", address,
				 "--inbox-size", "256K",     NULL};

	memcpy(daemon_.name, name, sizeof(name));
	daemon_fixture_start(&daemon_, options);
}

/* ---- The node beyond TCP ----------------------------------------------- */

static void give_back(void *argument)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client *client;
	struct bcast_message message;
	char tcp[64];

	(void)argument;
	how.roles = BCAST_CLIENT_NODE;
	how.id = "there";
	how.heartbeat_ms = 100;
	snprintf(tcp, sizeof(tcp), "tcp://%s", address);
	test_child_check(bcast_open(tcp, &how, &client) == 0);
	test_child_ready();
	for (;;)
		if (bcast_client_recv(client, &message, 1000) == 1)
			/* if it cannot: it is lost, as the daemon may be */
			(void)bcast_client_send(client, message.from,
						message.type, message.data,
						message.size, 1000);
}

/* ---- The local one ----------------------------------------------------- */

static bool is_listed(void *unused)
{
	static struct bcast_node_info entries[8];
	int count = bcast_nodes_list(nodes, entries, 8);

	(void)unused;
	assert_true(count >= 0);
	for (int i = 0; i < count; i++)
		if (strcmp(entries[i].id, "there") == 0)
			return true;
	return false;
}

static void send_one(void)
{
	unsigned char bytes[NUMBERED_MAX];
	size_t size;
	int ret;

	if (sent - (received > killed_at ? received : killed_at) >= UNDER_WAY)
		return;
	size = numbered_fill(sent + 1, bytes);
	ret = bcast_send(here, "there", 1, bytes, size, 0);
	if (ret == 0)
		sent++;
	else if (ret != BCAST_EFULL && ret != -ENOENT)
		fail_msg("bcast_send: %s", bcast_strerror(ret));
}

/* Returns whether one came. */
static bool take_one(int timeout_ms)
{
	struct bcast_message message;
	struct bcast_packet packet = {0};
	uint64_t number;
	int ret = bcast_recv(here, &message, timeout_ms);

	assert_in_range(ret, 0, 1);
	if (ret == 0)
		return false;
	assert_string_equal(message.from, "there");
	packet.payload = message.data;
	packet.length = (uint32_t)message.size;
	number = numbered_of(&packet);
	assert_true(number > received && number <= sent);
	received = number;
	return true;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void talk_for_a_while(void)
{
	uint64_t end_ns = now_ns() + (uint64_t)random() % LIFE_NS;

	do {
		send_one();
		while (take_one(0))
			;
	} while (now_ns() < end_ns);
}

static void kill_it(void)
{
	assert_int_equal(kill(daemon_.pid, SIGKILL), 0);
	assert_int_equal(daemon_fixture_wait(&daemon_), 128 + SIGKILL);
	daemon_fixture_forget(&daemon_);

	assert_false(is_listed(NULL));
	assert_int_equal(bcast_send(here, "there", 1, "x", 1, 0), -ENOENT);
	/* what it may have been writing to */
	assert_int_equal(bcast_send(witness, "here", 2, "x", 1, 0), 0);
	for (;;) {
		struct bcast_message message;

		assert_int_equal(bcast_recv(here, &message, DEADLINE_MS), 1);
		if (message.type == 2)
			break;
	}
	/* what was under way is lost, unless the client had it already */
	killed_at = sent;
}

static unsigned kill_count(void)
{
	const char *text = getenv("BCAST_KILLS");
	int count = text ? atoi(text) : 0;

	return count > 0 ? (unsigned)count : KILLS_DEFAULT;
}

static void messages_survive_daemons_whole_and_once(void **state)
{
	unsigned kills = kill_count();
	uint64_t goal;

	(void)state;
	start();
	assert_int_equal(bcast_join(name, "here", NULL, &here), 0);
	assert_int_equal(bcast_join(name, "witness", NULL, &witness), 0);
	assert_int_equal(bcast_nodes_open(name, &nodes), 0);
	child = test_fork(give_back, NULL);

	for (unsigned i = 0; i < kills; i++) {
		assert_true(test_within(DEADLINE_MS, is_listed, NULL));
		talk_for_a_while();
		kill_it();
		start();
	}
	assert_true(test_within(DEADLINE_MS, is_listed, NULL));
	for (goal = sent + LAST; received < goal;) {
		uint64_t before = received;

		if (sent < goal)
			send_one();
		if (take_one(sent < goal ? 0 : DEADLINE_MS) &&
		    received > killed_at + 1)
			assert_int_equal(received, before + 1);
	}

	test_kill(&child);
	daemon_fixture_stop(&daemon_);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			messages_survive_daemons_whole_and_once, prepare,
			close_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
