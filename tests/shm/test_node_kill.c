/* SPDX-License-Identifier: MIT */
/*
 * test_node_kill.c - kill -9 of nodes at random instants of joining, living and
 * leaving, while a live one and several sweepers look on: no slot is lost, and
 * nobody alive is swept.
 */
#include "nodes.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KILLS	200
#define AT_ONCE 4
#define SLOTS	8

struct life {
	const struct test_nodes *nodes;
	unsigned number;
};

/* Join, beat, leave, for ever, under two ids in turn. */
static void live_until_killed(void *argument)
{
	const struct life *life = argument;
	char id[2][16];

	snprintf(id[0], sizeof(id[0]), "even%u", life->number);
	snprintf(id[1], sizeof(id[1]), "odd%u", life->number);
	test_child_ready();
	for (unsigned i = 0;; i++) {
		struct bcast_node *node;

		test_child_check(bcast_join(life->nodes->name, id[i % 2], NULL,
					    &node) == 0);
		test_child_check(bcast_node_beat(node) == 0);
		test_child_check(test_nodes_list(life->nodes, NULL, 0) >= 2);
		test_child_check(bcast_node_beat(node) == 0);
		bcast_leave(node);
	}
}

static void kill_after(struct test_child *child, uint64_t random)
{
	const struct timespec pause = {.tv_nsec = (long)(random % 2000000)};

	(void)nanosleep(&pause, NULL);
	/* one that has failed a check has ended by itself */
	assert_int_equal(waitpid(child->pid, NULL, WNOHANG), 0);
	test_kill(child);
}

static void killed_nodes_lose_no_slot_and_take_none_along(void **state)
{
	struct test_child children[AT_ONCE] = {{0}};
	struct life lives[AT_ONCE];
	struct bcast_node *witness, *joined[SLOTS];
	struct test_nodes nodes;
	char id[16];

	(void)state;
	test_nodes_open(&nodes, SLOTS);
	witness = test_nodes_join(&nodes, "witness");
	for (unsigned i = 0; i < KILLS; i++) {
		unsigned which = i % AT_ONCE;
		uint64_t random;

		test_pattern_fill(i, 0, &random, sizeof(random));
		if (children[which].pid > 0)
			kill_after(&children[which], random);
		lives[which] = (struct life){&nodes, which};
		children[which] = test_fork(live_until_killed, &lives[which]);
		assert_int_equal(bcast_node_beat(witness), 0);
	}
	for (unsigned i = 0; i < AT_ONCE; i++)
		kill_after(&children[i], i * 100000);

	assert_int_equal(test_nodes_list(&nodes, NULL, 0), 1);
	assert_int_equal(test_nodes_state(&nodes, "witness"), BCAST_NODE_ALIVE);
	for (unsigned i = 1; i < SLOTS; i++) {
		snprintf(id, sizeof(id), "even%u", i - 1);
		joined[i] = test_nodes_join(&nodes, id);
	}
	assert_int_equal(bcast_join(nodes.name, "more", NULL, &joined[0]),
			 BCAST_EFULL);
	for (unsigned i = 1; i < SLOTS; i++)
		bcast_leave(joined[i]);
	bcast_leave(witness);
	assert_int_equal(test_nodes_list(&nodes, NULL, 0), 0);
	test_nodes_close(&nodes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_nodes_lose_no_slot_and_take_none_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
