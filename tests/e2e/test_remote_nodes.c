/* SPDX-License-Identifier: MIT */
/* Nodes beyond TCP: they come, are seen, go, and leave nothing behind. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crowd.h"
#include "remote_stage.h"

#define ENTRIES 256u

/* ---- Being seen -------------------------------------------------------- */

static struct bcast_node_info infos[ENTRIES];

static unsigned list(void)
{
	struct bcast_nodes *nodes;
	int count;

	assert_int_equal(bcast_nodes_open(daemon_.name, &nodes), 0);
	count = bcast_nodes_list(nodes, infos, ENTRIES);
	bcast_nodes_close(nodes);
	assert_in_range(count, 0, ENTRIES);
	return (unsigned)count;
}

static const struct bcast_node_info *info_of(const char *id)
{
	unsigned count = list();

	for (unsigned i = 0; i < count; i++)
		if (strcmp(infos[i].id, id) == 0)
			return &infos[i];
	return NULL;
}

static void ask(struct client *client, uint64_t sequence)
{
	const struct bcast_packet_header question = {
		.type = BCAST_PACKET_NODES,
		.sequence = sequence,
	};

	client_say(client, &question, NULL);
}

/* Read an answer. Returns how many entries there are. */
static unsigned answer(struct client *client, uint64_t sequence,
		       struct bcast_node_entry *entries)
{
	unsigned count = 0, here;

	do {
		client_expect(client, BCAST_PACKET_NODES);
		assert_int_equal(client->header.sequence, sequence);
		here = client->header.length / sizeof(*entries);
		assert_int_equal(client->header.length,
				 here * sizeof(*entries));
		assert_true(count + here <= ENTRIES);
		if (here > 0)
			memcpy(entries + count, client->payload,
			       client->header.length);
		count += here;
	} while (here > 0);
	return count;
}

static void both_sides_see_both_kinds(void **state)
{
	static struct bcast_node_entry entries[ENTRIES];
	const struct bcast_node_info *info;

	(void)state;
	remote_start(NULL, NULL, NULL, NULL);
	(void)local_join(0, "here");
	remote_join(&remotes[0], "there");

	info = info_of("there");
	assert_non_null(info);
	assert_int_equal(info->state, BCAST_NODE_ALIVE);
	assert_int_equal(info->roles, BCAST_NODE_REMOTE);
	assert_int_equal(info->pid, daemon_.pid);
	assert_int_equal(info_of("here")->roles, 0);

	ask(&remotes[0], 42);
	assert_int_equal(answer(&remotes[0], 42, entries), 2);
	assert_string_equal(entries[0].id, "here");
	assert_int_equal(entries[0].remote, 0);
	assert_string_equal(entries[1].id, "there");
	assert_int_equal(entries[1].remote, 1);
	assert_int_equal(entries[1].slot, 1);
	assert_int_equal(entries[1].state, BCAST_NODE_ALIVE);
	assert_true(entries[1].joined_realtime_ns > 0);
	daemon_fixture_stop(&daemon_);
}

static bool has_read_on(void *unused)
{
	const struct bcast_node_info *info = info_of("there");

	(void)unused;
	return info && info->cursor == bcast_packet_size(6) && info->lag == 0;
}

static void subscriber_may_be_a_node_too(void **state)
{
	struct bc_hello hello = remote_hello("there");
	struct bcast_publisher *publisher;
	struct bc_welcome welcome;
	struct bcast_node *here;

	(void)state;
	remote_start(NULL, NULL, NULL, NULL);
	here = local_join(0, "here");
	hello.fixed.roles |= BCAST_CLIENT_SUBSCRIBE;
	client_connect(&remotes[0], &daemon_);
	client_greet(&remotes[0], &hello, &welcome);
	assert_int_equal(info_of("there")->roles,
			 BCAST_NODE_REMOTE | BCAST_NODE_READER);

	assert_int_equal(bcast_publisher_open(here, NULL, &publisher), 0);
	assert_int_equal(bcast_publish(publisher, "stream", 6), 0);
	client_expect(&remotes[0], BCAST_PACKET_DATA);
	assert_int_equal(bcast_send(here, "there", 1, "aside", 5, 0), 0);
	remote_expect(&remotes[0], "here", 1, "aside", 5);
	assert_true(test_within(DEADLINE_MS, has_read_on, NULL));

	bcast_publisher_close(publisher);
	daemon_fixture_stop(&daemon_);
}

static bool is_stuck(void *unused)
{
	const struct bcast_node_info *info = info_of("there");

	(void)unused;
	return info && info->state == BCAST_NODE_STUCK;
}

static void silent_one_is_stuck_then_gone(void **state)
{
	(void)state;
	remote_start("--idle-timeout", "1s", NULL, NULL);
	remote_join(&remotes[0], "there");

	assert_true(test_within(DEADLINE_MS, is_stuck, NULL));
	client_expect_reject(&remotes[0], BCAST_REJECT_TIMEOUT);
	assert_null(info_of("there"));
	daemon_fixture_stop(&daemon_);
}

static void questions_are_answered_in_order_up_to_a_limit(void **state)
{
	static struct bcast_node_entry entries[ENTRIES];
	unsigned char frames[9 * sizeof(struct bcast_packet_header)];
	size_t size = 0;

	(void)state;
	remote_start(NULL, NULL, NULL, NULL);
	remote_join(&remotes[0], "there");
	for (unsigned i = 0; i < 9; i++) {
		const struct bcast_packet_header question = {
			.type = BCAST_PACKET_NODES,
			.sequence = 1 + i,
		};

		size += bc_packet_write(frames + size, &question, NULL);
	}

	client_say_bytes(&remotes[0], frames, size / 9 * 8);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(answer(&remotes[0], 1 + i, entries), 1);

	client_say_bytes(&remotes[0], frames, size);
	do
		assert_true(client_next(&remotes[0]));
	while (remotes[0].header.type == BCAST_PACKET_NODES);
	assert_int_equal(remotes[0].header.type, BCAST_PACKET_REJECT);
	daemon_fixture_stop(&daemon_);
}

static void client_that_is_no_node_may_not_send(void **state)
{
	(void)state;
	remote_start(NULL, NULL, NULL, NULL);
	client_join(&remotes[0], &daemon_, 0);
	remote_send(&remotes[0], "x", 1, 1, "x", 1);
	client_expect_reject(&remotes[0], BCAST_REJECT_PROTOCOL);

	client_join(&remotes[1], &daemon_, 0);
	ask(&remotes[1], 1);
	client_expect_reject(&remotes[1], BCAST_REJECT_PROTOCOL);
	daemon_fixture_stop(&daemon_);
}

/* ---- Ids and slots ----------------------------------------------------- */

static void id_that_is_taken_is_refused_on_both_sides(void **state)
{
	struct bc_hello here = remote_hello("here");
	struct bc_hello there = remote_hello("there");
	struct bcast_node *node;

	(void)state;
	remote_start(NULL, NULL, NULL, NULL);
	(void)local_join(0, "here");
	remote_join(&remotes[0], "there");

	remote_refused(&here, BCAST_REJECT_NODE_ID);
	remote_refused(&there, BCAST_REJECT_NODE_ID);
	assert_int_equal(bcast_join(daemon_.name, "there", NULL, &node),
			 -EEXIST);
	assert_int_equal(list(), 2);
	daemon_fixture_stop(&daemon_);
}

static void same_client_takes_the_place_of_its_old_connection(void **state)
{
	struct bc_hello hello = remote_hello("there");
	struct bc_hello other = hello;
	struct bc_welcome welcome;
	struct bcast_node *here;

	(void)state;
	remote_start(NULL, NULL, NULL, NULL);
	here = local_join(0, "here");
	hello.fixed.publisher_id = 4711;
	other.fixed.publisher_id = 4712;
	client_connect(&remotes[0], &daemon_);
	client_greet(&remotes[0], &hello, &welcome);

	remote_refused(&other, BCAST_REJECT_NODE_ID);
	client_connect(&remotes[1], &daemon_);
	client_greet(&remotes[1], &hello, &welcome);

	client_expect_reject(&remotes[0], BCAST_REJECT_REPLACED);
	assert_int_equal(bcast_send(here, "there", 1, "x", 1, 0), 0);
	remote_expect(&remotes[1], "here", 1, "x", 1);
	daemon_fixture_stop(&daemon_);
}

static void slots_are_given_to_both_kinds_up_to_the_limit(void **state)
{
	struct bc_hello late = remote_hello("late");
	struct bcast_node *node;

	(void)state;
	remote_start("--nodes", "4", NULL, NULL);
	(void)local_join(0, "here");
	remote_join(&remotes[0], "r1");
	remote_join(&remotes[1], "r2");
	assert_int_equal(list(), 3);
	remote_join(&remotes[2], "r3");
	assert_int_equal(list(), 4);

	remote_refused(&late, BCAST_REJECT_LIMIT);
	assert_int_equal(bcast_join(daemon_.name, "late", NULL, &node),
			 BCAST_EFULL);

	client_close(&remotes[1]);
	daemon_fixture_await(&daemon_, "remote_nodes", 2);
	remote_join(&remotes[3], "late");
	assert_int_equal(list(), 4);
	daemon_fixture_stop(&daemon_);
}

/* ---- Going ------------------------------------------------------------- */

static void one_that_leaves_or_breaks_is_gone_at_once(void **state)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};
	struct bcast_node *node;

	(void)state;
	remote_start(NULL, NULL, NULL, NULL);
	for (unsigned round = 0; round < 20; round++) {
		remote_join(&remotes[0], "there");
		if (round % 2 == 1)
			(void)setsockopt(remotes[0].fd, SOL_SOCKET, SO_LINGER,
					 &now, sizeof(now));
		client_close(&remotes[0]);
		daemon_fixture_await(&daemon_, "remote_nodes", 0);
		assert_int_equal(bcast_join(daemon_.name, "there", NULL, &node),
				 0);
		bcast_leave(node);
	}
	assert_int_equal(list(), 0);
	daemon_fixture_stop(&daemon_);
}

static void nothing_is_kept_of_those_who_went(void **state)
{
	unsigned before;

	(void)state;
	remote_start(NULL, NULL, NULL, NULL);
	(void)local_join(0, "here");
	remote_join(&remotes[0], "there");
	client_close(&remotes[0]);
	daemon_fixture_await(&daemon_, "remote_nodes", 0);
	before = daemon_fixture_descriptors(&daemon_);

	for (unsigned round = 0; round < 20; round++) {
		remote_join(&remotes[0], "there");
		remote_send(&remotes[0], "here", 1, 1, "x", 1);
		assert_int_equal(remote_result(&remotes[0], 1), 0);
		client_close(&remotes[0]);
		daemon_fixture_await(&daemon_, "remote_nodes", 0);
	}

	/* the connection's own may close a moment later */
	assert_in_range(daemon_fixture_descriptors(&daemon_), before - 1,
			before + 1);
	daemon_fixture_stop(&daemon_);
}

static void stop_in_order_tells_nodes_the_end(void **state)
{
	(void)state;
	remote_start(NULL, NULL, NULL, NULL);
	remote_join(&remotes[0], "there");

	daemon_fixture_stop(&daemon_);

	client_expect(&remotes[0], BCAST_PACKET_END);
	client_expect_end(&remotes[0]);
}

static void killed_daemon_leaves_slots_free(void **state)
{
	char name[sizeof(daemon_.name)];
	struct bcast_node *here, *node;

	(void)state;
	remote_start("--nodes", "3", NULL, NULL);
	here = local_join(0, "here");
	remote_join(&remotes[0], "r1");
	remote_join(&remotes[1], "r2");
	assert_int_equal(kill(daemon_.pid, SIGKILL), 0);
	assert_int_equal(daemon_fixture_wait(&daemon_), 128 + SIGKILL);
	memcpy(name, daemon_.name, sizeof(name));
	daemon_fixture_forget(&daemon_);
	memcpy(daemon_.name, name, sizeof(name));

	/* nobody has to run for that */
	assert_int_equal(list(), 1);
	assert_int_equal(bcast_send(here, "r1", 1, "x", 1, 0), -ENOENT);
	assert_int_equal(bcast_join(daemon_.name, "r1", NULL, &node), 0);
	bcast_leave(node);

	client_close(&remotes[0]);
	client_close(&remotes[1]);
	remote_start("--nodes", "3", NULL, NULL);
	remote_join(&remotes[0], "r1");
	remote_join(&remotes[1], "r2");
	assert_int_equal(bcast_send(here, "r1", 1, "anew", 4, 0), 0);
	remote_expect(&remotes[0], "here", 1, "anew", 4);
	remote_send(&remotes[1], "here", 2, 0, "hello", 5);
	local_expect(here, "r2", 2, "hello", 5);
	daemon_fixture_stop(&daemon_);
}

/* ---- Many and idle ----------------------------------------------------- */

#define CROWD 260u

/* More than two threads watch: 127 each. */
static void each_of_hundreds_is_woken(void **state)
{
	static struct client many[CROWD];
	struct bcast_node *here;
	char id[16];

	(void)state;
	remote_start("--nodes", "300", "--inbox-size", "4K");
	here = local_join(0, "here");
	for (unsigned i = 0; i < CROWD; i++) {
		snprintf(id, sizeof(id), "r%u", i);
		remote_join(&many[i], id);
	}

	for (unsigned i = 0; i < CROWD; i++) {
		snprintf(id, sizeof(id), "r%u", i);
		assert_int_equal(bcast_send(here, id, 1, id, sizeof(id), 0), 0);
		remote_expect(&many[i], "here", 1, id, sizeof(id));
	}
	assert_int_equal(bcast_broadcast(here, 2, "all", 3, 0, NULL), CROWD);
	for (unsigned i = 0; i < CROWD; i++)
		remote_expect(&many[i], "here", 2, "all", 3);

	for (unsigned i = 0; i < CROWD; i++)
		client_close(&many[i]);
	daemon_fixture_await(&daemon_, "remote_nodes", 0);
	daemon_fixture_stop(&daemon_);
}

static void idle_daemon_with_remote_nodes_sleeps(void **state)
{
	struct bcast_node *here;
	uint64_t cpu_ns, start_ms, passes;

	(void)state;
	remote_start("--heartbeat", "100ms", "--idle-timeout", "60s");
	here = local_join(0, "here");
	for (unsigned i = 0; i < REMOTES_MAX; i++) {
		char id[] = {'r', (char)('0' + i), '\0'};

		remote_join(&remotes[i], id);
		assert_int_equal(bcast_send(here, id, 1, "x", 1, 0), 0);
		remote_expect(&remotes[i], "here", 1, "x", 1);
	}
	cpu_ns = daemon_fixture_cpu_ns(&daemon_);
	passes = daemon_fixture_counter(&daemon_, "loop_passes");
	start_ms = test_now_ms();

	/* what the client is told meanwhile is all that there is */
	for (unsigned i = 0; i < 10; i++) {
		assert_true(client_next(&remotes[0]));
		assert_int_equal(remotes[0].header.type,
				 BCAST_PACKET_HEARTBEAT);
	}

	cpu_ns = daemon_fixture_cpu_ns(&daemon_) - cpu_ns;
	passes = daemon_fixture_counter(&daemon_, "loop_passes") - passes;
	start_ms = test_now_ms() - start_ms;
	if (!TEST_SANITIZED)
		assert_true(cpu_ns < start_ms * 1000000 / 10);
	assert_true(passes < start_ms);
	daemon_fixture_stop(&daemon_);
}

#define REMOTE_TEST(f)                                        \
	cmocka_unit_test_setup_teardown(f, remote_stage_open, \
					remote_stage_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REMOTE_TEST(both_sides_see_both_kinds),
		REMOTE_TEST(subscriber_may_be_a_node_too),
		REMOTE_TEST(silent_one_is_stuck_then_gone),
		REMOTE_TEST(questions_are_answered_in_order_up_to_a_limit),
		REMOTE_TEST(client_that_is_no_node_may_not_send),
		REMOTE_TEST(id_that_is_taken_is_refused_on_both_sides),
		REMOTE_TEST(same_client_takes_the_place_of_its_old_connection),
		REMOTE_TEST(slots_are_given_to_both_kinds_up_to_the_limit),
		REMOTE_TEST(one_that_leaves_or_breaks_is_gone_at_once),
		REMOTE_TEST(nothing_is_kept_of_those_who_went),
		REMOTE_TEST(stop_in_order_tells_nodes_the_end),
		REMOTE_TEST(killed_daemon_leaves_slots_free),
		REMOTE_TEST(each_of_hundreds_is_woken),
		REMOTE_TEST(idle_daemon_with_remote_nodes_sleeps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
