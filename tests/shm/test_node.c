/* SPDX-License-Identifier: MIT */
/* test_node.c - join under an id, be refused, leave, and what fork() does. */
#include "nodes.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/node.h"
#include "shm/node_info.h"
#include "shm/node_lock.h"
#include "shm/registry.h"

#define RACERS 32

static void node_is_listed_as_it_says(void **state)
{
	struct bcast_join_options options = BCAST_JOIN_DEFAULTS;
	struct bcast_node_info info = {0};
	struct test_nodes nodes;
	struct bcast_node *node;

	(void)state;
	test_nodes_open(&nodes, 4);
	test_stream_write(&nodes.stream, 1000);
	options.roles = BCAST_NODE_PUBLISHER;
	options.stuck_after_ms = 1234;

	assert_int_equal(bcast_join(nodes.name, "a.Z_9-", &options, &node), 0);
	assert_int_equal(test_nodes_list(&nodes, &info, 1), 1);

	assert_string_equal(info.id, "a.Z_9-");
	assert_int_equal(info.slot, 0);
	assert_int_equal(info.state, BCAST_NODE_ALIVE);
	assert_int_equal(info.roles, BCAST_NODE_PUBLISHER);
	assert_int_equal(info.pid, getpid());
	assert_int_equal(info.stuck_after_ms, 1234);
	assert_int_equal(info.cursor, 1000);
	assert_int_equal(info.lag, 0);
	assert_true(info.pid_namespace != 0 && info.start_ticks != 0);
	assert_true(info.heartbeat_age_ns < UINT64_C(60) * 1000000000);
	assert_true(info.joined_realtime_ns != 0);
	bcast_leave(node);
	assert_int_equal(test_nodes_list(&nodes, &info, 1), 0);
	test_nodes_close(&nodes);
}

static void id_in_use_is_refused_and_the_holder_named(void **state)
{
	struct bcast_join_options options = BCAST_JOIN_DEFAULTS;
	struct bcast_refusal refusal;
	struct bcast_node *first, *second = NULL;
	struct test_nodes nodes;

	(void)state;
	test_nodes_open(&nodes, 4);
	first = test_nodes_join(&nodes, "same");
	options.refusal = &refusal;

	assert_int_equal(bcast_join(nodes.name, "same", &options, &second),
			 -EEXIST);

	assert_null(second);
	assert_int_equal(refusal.holder_pid, getpid());
	assert_int_equal(refusal.holder_state, BCAST_NODE_ALIVE);
	assert_int_equal(test_nodes_list(&nodes, NULL, 0), 1);
	bcast_leave(first);
	bcast_leave(test_nodes_join(&nodes, "same"));
	test_nodes_close(&nodes);
}

static void id_of_the_dead_is_free_at_once(void **state)
{
	struct test_nodes nodes;
	struct test_nodes_child wish = {&nodes, "same", 0};
	struct bc_node_table table;
	struct bcast_node *node;
	struct test_child child;

	(void)state;
	test_nodes_open(&nodes, 4);
	child = test_fork(test_nodes_member, &wish);
	assert_int_equal(test_nodes_state(&nodes, "same"), BCAST_NODE_ALIVE);
	test_kill(&child);

	node = test_nodes_join(&nodes, "same");

	/* and what the dead has left does not stand beside it */
	test_nodes_attach(&nodes, &table);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(bc_node_info_id_is(&table, i, "same"), i == 0);
	bc_node_table_detach(&table);
	bcast_leave(node);
	test_nodes_close(&nodes);
}

struct race {
	const struct test_nodes *nodes;
	_Atomic uint32_t go;
	_Atomic uint32_t won, lost, other, done;
	_Atomic uint32_t end;
};

static void race_for_the_id(void *argument)
{
	struct race *race = argument;
	struct bcast_node *node;
	int ret;

	test_child_ready();
	while (!race->go)
		;
	ret = bcast_join(race->nodes->name, "same", NULL, &node);
	if (ret == 0)
		race->won++;
	else if (ret == -EEXIST)
		race->lost++;
	else
		race->other++;
	race->done++;
	while (!race->end)
		usleep(1000);
}

static bool all_have_raced(void *argument)
{
	const struct race *race = argument;

	return race->done == RACERS;
}

static void of_those_who_race_for_an_id_exactly_one_gets_it(void **state)
{
	struct test_child children[RACERS];
	struct test_nodes nodes;
	struct race *race;

	(void)state;
	test_nodes_open(&nodes, 64);
	race = mmap(NULL, sizeof(*race), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(race != MAP_FAILED);
	race->nodes = &nodes;
	for (int i = 0; i < RACERS; i++)
		children[i] = test_fork(race_for_the_id, race);

	race->go = 1;
	assert_true(test_within(DEADLINE_MS, all_have_raced, race));

	assert_int_equal(race->won, 1);
	assert_int_equal(race->lost, RACERS - 1);
	assert_int_equal(race->other, 0);
	assert_int_equal(test_nodes_list(&nodes, NULL, 0), 1);
	race->end = 1;
	for (int i = 0; i < RACERS; i++)
		assert_int_equal(test_join(&children[i]), 0);
	assert_int_equal(test_nodes_list(&nodes, NULL, 0), 0);
	(void)munmap(race, sizeof(*race));
	test_nodes_close(&nodes);
}

static void table_is_full_at_its_limit_and_says_so(void **state)
{
	struct bcast_join_options options = BCAST_JOIN_DEFAULTS;
	struct bcast_refusal refusal;
	struct bcast_node *joined[3], *node = NULL;
	struct bcast_nodes *view;
	struct test_nodes nodes;

	(void)state;
	test_nodes_open(&nodes, 3);
	options.refusal = &refusal;
	joined[0] = test_nodes_join(&nodes, "a");
	joined[1] = test_nodes_join(&nodes, "b");
	joined[2] = test_nodes_join(&nodes, "c");

	assert_int_equal(bcast_join(nodes.name, "d", &options, &node),
			 BCAST_EFULL);

	assert_int_equal(refusal.node_limit, 3);
	assert_int_equal(refusal.holder_pid, 0);
	assert_int_equal(bcast_nodes_open(nodes.name, &view), 0);
	assert_int_equal(bcast_nodes_limit(view), 3);
	bcast_nodes_close(view);
	/* and being refused has cost nothing: neither slot nor id */
	bcast_leave(joined[1]);
	joined[1] = test_nodes_join(&nodes, "d");
	for (int i = 0; i < 3; i++)
		bcast_leave(joined[i]);
	test_nodes_close(&nodes);
}

static void last_of_the_largest_table_can_be_had(void **state)
{
	struct bc_node_table table;
	struct bcast_node *node, *late = NULL;
	struct test_nodes nodes;

	(void)state;
	test_nodes_open(&nodes, BC_NODES_MAX);
	/* one description in the place of 4095 nodes */
	test_nodes_attach(&nodes, &table);
	for (uint32_t i = 0; i < BC_NODES_MAX - 1; i++) {
		assert_int_equal(
			bc_node_lock_try(table.fd, bc_node_lock_life(i)), 1);
		atomic_store(&bc_node_table_slot(&table, i)->claim,
			     bc_node_claim_make(BC_NODE_JOINED, 1));
	}

	node = test_nodes_join(&nodes, "last");
	assert_int_equal(bcast_join(nodes.name, "late", NULL, &late),
			 BCAST_EFULL);

	assert_int_equal(test_nodes_list(&nodes, NULL, 0), BC_NODES_MAX);
	assert_null(late);
	bcast_leave(node);
	bc_node_table_detach(&table);
	assert_int_equal(test_nodes_list(&nodes, NULL, 0), 0);
	test_nodes_close(&nodes);
}

static void bad_arguments_are_refused(void **state)
{
	static const char long_id[] = "0123456789012345678901234567890123456789"
				      "012345678901234567890123";
	struct bcast_join_options options = BCAST_JOIN_DEFAULTS;
	struct test_nodes nodes;
	struct bcast_node *node = NULL;
	const char *name;

	(void)state;
	test_nodes_open(&nodes, 4);
	name = nodes.name;

	assert_int_equal(strlen(long_id), BCAST_NODE_ID_MAX + 1);
	assert_int_equal(bcast_join(name, long_id, NULL, &node), BCAST_ENAME);
	assert_int_equal(bcast_join(name, "", NULL, &node), BCAST_ENAME);
	assert_int_equal(bcast_join(name, NULL, NULL, &node), BCAST_ENAME);
	assert_int_equal(bcast_join(name, "a b", NULL, &node), BCAST_ENAME);
	assert_int_equal(bcast_join(name, "a/b", NULL, &node), BCAST_ENAME);
	assert_int_equal(bcast_join("../x", "a", NULL, &node), BCAST_ENAME);
	assert_int_equal(bcast_join("no-such", "a", NULL, &node), -ENOENT);
	options.size--;
	assert_int_equal(bcast_join(name, "a", &options, &node), -EINVAL);
	options.size++;
	options.roles = 1u << 5;
	assert_int_equal(bcast_join(name, "a", &options, &node), -EINVAL);
	/* not for the caller to say: bcast_node_reader() does */
	options.roles = BCAST_NODE_READER;
	assert_int_equal(bcast_join(name, "a", &options, &node), -EINVAL);

	assert_null(node);
	for (size_t length = BCAST_NODE_ID_MAX - 1; length <= BCAST_NODE_ID_MAX;
	     length++)
		bcast_leave(test_nodes_join(
			&nodes, long_id + BCAST_NODE_ID_MAX + 1 - length));
	test_nodes_close(&nodes);
}

static void registry_that_does_not_go_with_the_segment_is_refused(void **state)
{
	struct test_nodes nodes;
	struct bcast_node *node = NULL;
	uint64_t epoch = 1;

	(void)state;
	test_nodes_open(&nodes, 4);
	test_object_write(nodes.name, ".nodes",
			  offsetof(struct bc_registry_shm, epoch), &epoch,
			  sizeof(epoch));
	assert_int_equal(bcast_join(nodes.name, "a", NULL, &node),
			 BCAST_ENOTREADY);
	assert_int_equal(bc_registry_unlink(nodes.name), 0);
	assert_int_equal(bcast_join(nodes.name, "a", NULL, &node),
			 BCAST_ENOTREADY);

	assert_null(node);
	test_nodes_close(&nodes);
}

static void node_is_told_when_its_registry_has_gone(void **state)
{
	struct test_nodes nodes;
	struct bcast_node *node;
	struct bcast_nodes *view;

	(void)state;
	test_nodes_open(&nodes, 4);
	node = test_nodes_join(&nodes, "a");
	assert_int_equal(bcast_nodes_open(nodes.name, &view), 0);
	assert_int_equal(bcast_node_beat(node), 0);

	assert_int_equal(bc_registry_unlink(nodes.name), 0);

	assert_int_equal(bcast_node_beat(node), BCAST_ECLOSED);
	assert_int_equal(bcast_nodes_list(view, NULL, 0), BCAST_ECLOSED);
	assert_int_equal(bcast_nodes_watch(view, -1), BCAST_ECLOSED);
	bcast_leave(node);
	bcast_nodes_close(view);
	test_nodes_close(&nodes);
}

static void stream_of_a_dead_daemon_can_be_joined(void **state)
{
	struct test_nodes nodes;
	struct bcast_node *node;

	(void)state;
	test_nodes_open(&nodes, 4);
	/* its lock goes with its descriptor */
	bc_segment_close(&nodes.stream.segment);
	bc_name_lock_drop(&nodes.stream.lock);

	node = test_nodes_join(&nodes, "a");

	assert_int_equal(test_nodes_state(&nodes, "a"), BCAST_NODE_ALIVE);
	bcast_leave(node);
	test_nodes_close(&nodes);
	test_stream_erase(nodes.name);
}

/* ---- Fork -------------------------------------------------------------- */

struct inheritance {
	struct bcast_node *node;
	struct bcast_reader *reader;
};

/* One that has failed a check has ended. */
static void assert_lives(const struct test_child *child)
{
	assert_int_equal(waitpid(child->pid, NULL, WNOHANG), 0);
}

static void use_what_was_inherited(void *argument)
{
	struct inheritance *got = argument;
	struct bcast_reader *other;

	test_child_check(bcast_node_beat(got->node) == -ECHILD);
	test_child_check(bcast_node_reader(got->node, NULL, &other) == -ECHILD);
	test_child_check(bcast_seek(got->reader, BCAST_FROM_LIVE, 0) == 0);
	test_child_check(bcast_wait(got->reader, 0) == 0);
	bcast_leave(got->node);
	bcast_detach(got->reader);
	test_child_ready();
	test_child_sleep();
}

static void child_cannot_disturb_its_parents_slot(void **state)
{
	struct test_nodes nodes;
	struct inheritance given;
	struct bcast_node_info info = {0};
	struct test_child child;

	(void)state;
	test_nodes_open(&nodes, 4);
	given.node = test_nodes_join(&nodes, "parent");
	assert_int_equal(bcast_node_reader(given.node, NULL, &given.reader), 0);
	test_stream_write(&nodes.stream, 100);

	child = test_fork(use_what_was_inherited, &given);
	assert_lives(&child);

	assert_int_equal(test_nodes_list(&nodes, &info, 1), 1);
	assert_string_equal(info.id, "parent");
	assert_int_equal(info.state, BCAST_NODE_ALIVE);
	assert_int_equal(info.cursor, 0);
	assert_int_equal(info.roles, BCAST_NODE_READER);
	assert_int_equal(bcast_node_beat(given.node), 0);
	/* the child still lives, and holds nothing */
	bcast_leave(given.node);
	bcast_detach(given.reader);
	bcast_leave(test_nodes_join(&nodes, "parent"));
	test_kill(&child);
	test_nodes_close(&nodes);
}

static void hold_what_was_inherited(void *argument)
{
	(void)argument;
	test_child_ready();
	test_child_sleep();
}

static void leaving_is_complete_though_a_child_holds_the_descriptor(
	void **state)
{
	struct test_nodes nodes;
	struct bcast_node *node;
	struct test_child child;

	(void)state;
	test_nodes_open(&nodes, 1);
	node = test_nodes_join(&nodes, "a");
	child = test_fork(hold_what_was_inherited, NULL);
	assert_lives(&child);

	bcast_leave(node);

	bcast_leave(test_nodes_join(&nodes, "a"));
	test_kill(&child);
	test_nodes_close(&nodes);
}

static void states_have_names(void **state)
{
	(void)state;
	assert_string_equal(bcast_node_state_name(BCAST_NODE_ALIVE), "alive");
	assert_string_equal(bcast_node_state_name(BCAST_NODE_STUCK), "stuck");
	assert_string_equal(bcast_node_state_name(BCAST_NODE_DEAD), "dead");
	assert_string_equal(bcast_node_state_name(BCAST_NODE_DAMAGED),
			    "damaged");
	assert_string_equal(bcast_node_state_name(0), "unknown");
	assert_string_equal(bcast_node_state_name(5), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(node_is_listed_as_it_says),
		cmocka_unit_test(id_in_use_is_refused_and_the_holder_named),
		cmocka_unit_test(id_of_the_dead_is_free_at_once),
		cmocka_unit_test(
			of_those_who_race_for_an_id_exactly_one_gets_it),
		cmocka_unit_test(table_is_full_at_its_limit_and_says_so),
		cmocka_unit_test(last_of_the_largest_table_can_be_had),
		cmocka_unit_test(bad_arguments_are_refused),
		cmocka_unit_test(
			registry_that_does_not_go_with_the_segment_is_refused),
		cmocka_unit_test(node_is_told_when_its_registry_has_gone),
		cmocka_unit_test(stream_of_a_dead_daemon_can_be_joined),
		cmocka_unit_test(child_cannot_disturb_its_parents_slot),
		cmocka_unit_test(
			leaving_is_complete_though_a_child_holds_the_descriptor),
		cmocka_unit_test(states_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
