/* SPDX-License-Identifier: MIT */
/*
 * test_node_sweep.c - the sweep: all of the dead, none of the living, whoever
 * else is at it and whatever stands in the pages.
 */
#include "nodes.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/node_info.h"
#include "shm/node_lock.h"
#include "shm/node_sweep.h"
#include "shm/process.h"

/* A slot as a node that died has left it. */
static void leave_dead(const struct bc_node_table *table, uint32_t index)
{
	atomic_store(&bc_node_table_slot(table, index)->claim,
		     bc_node_claim_make(BC_NODE_JOINED, 7));
}

static uint32_t state_in(const struct bc_node_table *table, uint32_t index)
{
	return bc_node_claim_state(
		atomic_load(&bc_node_table_slot(table, index)->claim));
}

static uint32_t sweep(const struct bc_node_table *table)
{
	struct bc_node_census census;

	assert_int_equal(bc_node_sweep_all(table, &census), 0);
	return census.swept;
}

static void slots_of_the_dead_are_cleared_in_every_state(void **state)
{
	static const uint64_t claims[] = {
		UINT64_C(1) << 56,
		UINT64_C(2) << 56 | 5,
		UINT64_C(3) << 56 | 9,
		UINT64_C(4) << 56,
		UINT64_C(0xff) << 56,
		UINT64_MAX,
		UINT64_C(2) << 56 | UINT32_MAX,
	};
	const uint32_t count = sizeof(claims) / sizeof(claims[0]);
	struct bc_node_table table;
	struct test_nodes nodes;

	(void)state;
	test_nodes_open(&nodes, 64);
	test_nodes_attach(&nodes, &table);
	for (uint32_t i = 0; i < count; i++)
		atomic_store(&bc_node_table_slot(&table, i)->claim, claims[i]);

	assert_int_equal(sweep(&table), count);

	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(state_in(&table, i), BC_NODE_FREE);
	assert_int_equal(sweep(&table), 0);
	bc_node_table_detach(&table);
	test_nodes_close(&nodes);
}

/* ---- Several at it ----------------------------------------------------- */

#define DEAD	 60
#define SWEEPERS 4

static void *sweep_in_thread(void *argument)
{
	const struct test_nodes *nodes = argument;
	static _Thread_local struct bc_node_census census;
	struct bc_node_table table;
	uintptr_t swept = 0;

	if (bc_node_table_attach(&table, nodes->name, true) == 0 &&
	    bc_node_sweep_all(&table, &census) == 0)
		swept = census.swept;
	bc_node_table_detach(&table);
	return (void *)swept;
}

static void each_dead_is_swept_once_however_many_sweep(void **state)
{
	struct bc_node_table table;
	struct test_nodes nodes;
	struct bcast_node *alive[4];
	pthread_t threads[SWEEPERS];

	(void)state;
	test_nodes_open(&nodes, 64);
	test_nodes_attach(&nodes, &table);
	alive[0] = test_nodes_join(&nodes, "n0");
	alive[1] = test_nodes_join(&nodes, "n1");
	alive[2] = test_nodes_join(&nodes, "n2");
	alive[3] = test_nodes_join(&nodes, "n3");

	for (unsigned round = 0; round < 20; round++) {
		uintptr_t swept = 0;

		for (uint32_t i = 4; i < 64; i++)
			leave_dead(&table, i);
		for (int i = 0; i < SWEEPERS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL,
							sweep_in_thread,
							&nodes),
					 0);
		for (int i = 0; i < SWEEPERS; i++) {
			void *count;

			assert_int_equal(pthread_join(threads[i], &count), 0);
			swept += (uintptr_t)count;
		}

		assert_int_equal(swept, DEAD);
		for (int i = 0; i < 4; i++)
			assert_int_equal(bcast_node_beat(alive[i]), 0);
	}
	for (int i = 0; i < 4; i++)
		bcast_leave(alive[i]);
	bc_node_table_detach(&table);
	test_nodes_close(&nodes);
}

struct sweeper {
	const struct test_nodes *nodes;
	bool half_cleared;
};

/* As far as a sweeper may get before it dies or is stopped. */
static void sweep_half(void *argument)
{
	const struct sweeper *sweeper = argument;
	struct bc_node_table table;

	test_child_check(
		bc_node_table_attach(&table, sweeper->nodes->name, true) == 0);
	test_child_check(bc_node_lock_try(table.fd, bc_node_lock_guard(0)) ==
			 1);
	if (sweeper->half_cleared)
		atomic_store(&bc_node_table_slot(&table, 0)->claim,
			     bc_node_claim_make(BC_NODE_SWEPT, 7));
	test_child_ready();
	test_child_sleep();
}

static void sweeper_that_dies_leaves_its_work_to_the_next(void **state)
{
	struct bc_node_table table;
	struct test_nodes nodes;
	struct sweeper sweeper = {.nodes = &nodes};
	struct test_child child;

	(void)state;
	test_nodes_open(&nodes, 4);
	test_nodes_attach(&nodes, &table);
	for (int i = 0; i < 2; i++) {
		leave_dead(&table, 0);
		sweeper.half_cleared = i == 1;
		child = test_fork(sweep_half, &sweeper);
		test_kill(&child);

		assert_int_equal(sweep(&table), 1);
		assert_int_equal(state_in(&table, 0), BC_NODE_FREE);
	}
	bc_node_table_detach(&table);
	test_nodes_close(&nodes);
}

static void sweeper_that_is_stopped_costs_one_slot_and_no_lies(void **state)
{
	struct bcast_node_info info = {0};
	struct bc_node_table table;
	struct test_nodes nodes;
	struct sweeper sweeper = {.nodes = &nodes};
	struct bcast_node *node, *late = NULL;
	struct test_child child;

	(void)state;
	test_nodes_open(&nodes, 2);
	test_nodes_attach(&nodes, &table);
	leave_dead(&table, 0);
	child = test_fork(sweep_half, &sweeper);

	assert_int_equal(sweep(&table), 0);
	assert_int_equal(bc_node_info_read(&table, 0, false, &info), 1);
	assert_int_equal(info.state, BCAST_NODE_DEAD);
	node = test_nodes_join(&nodes, "a");
	assert_int_equal(bcast_join(nodes.name, "b", NULL, &late), BCAST_EFULL);

	test_kill(&child);
	late = test_nodes_join(&nodes, "b");
	assert_int_equal(state_in(&table, 0), BC_NODE_JOINED);
	bcast_leave(node);
	bcast_leave(late);
	bc_node_table_detach(&table);
	test_nodes_close(&nodes);
}

static void slot_under_guard_is_nobodys_to_take(void **state)
{
	struct bc_node_table table;
	struct test_nodes nodes;
	struct bcast_node *node = NULL;

	(void)state;
	test_nodes_open(&nodes, 1);
	test_nodes_attach(&nodes, &table);
	assert_int_equal(bc_node_lock_try(table.fd, bc_node_lock_guard(0)), 1);

	assert_int_equal(bcast_join(nodes.name, "a", NULL, &node), BCAST_EFULL);

	bc_node_lock_drop(table.fd, bc_node_lock_guard(0));
	bcast_leave(test_nodes_join(&nodes, "a"));
	bc_node_table_detach(&table);
	test_nodes_close(&nodes);
}

/* ---- The living -------------------------------------------------------- */

/* As a sweeper finds it that looked just before the node moved in. */
static void sweep_of_a_slot_asks_again_whether_it_is_dead(void **state)
{
	struct bc_node_table table;
	struct test_nodes nodes;
	struct bcast_node *node;

	(void)state;
	test_nodes_open(&nodes, 1);
	test_nodes_attach(&nodes, &table);
	node = test_nodes_join(&nodes, "a");

	assert_int_equal(bc_node_sweep_slot(&table, 0), 0);

	assert_int_equal(bcast_node_beat(node), 0);
	bcast_leave(node);
	assert_int_equal(bc_node_sweep_slot(&table, 0), 0);
	bc_node_table_detach(&table);
	test_nodes_close(&nodes);
}

struct expectation {
	const struct test_nodes *nodes;
	const char *id;
	uint32_t state;
};

static bool state_is(void *argument)
{
	const struct expectation *expected = argument;

	return test_nodes_state(expected->nodes, expected->id) ==
	       expected->state;
}

static void stuck_is_told_and_never_swept(void **state)
{
	struct test_nodes nodes;
	struct test_nodes_child wish = {&nodes, "sleeper", 1};
	struct expectation stuck = {&nodes, "sleeper", BCAST_NODE_STUCK};
	struct bcast_node *node = NULL;
	struct bc_node_table table;
	struct test_child child;

	(void)state;
	test_nodes_open(&nodes, 1);
	test_nodes_attach(&nodes, &table);
	child = test_fork(test_nodes_member, &wish);
	assert_int_equal(kill(child.pid, SIGSTOP), 0);

	assert_true(test_within(DEADLINE_MS, state_is, &stuck));
	/* and for ages */
	atomic_store(&bc_node_table_slot(&table, 0)->heartbeat_ns, 1);
	for (int i = 0; i < 100; i++)
		assert_int_equal(test_nodes_list(&nodes, NULL, 0), 1);
	assert_int_equal(bcast_join(nodes.name, "sleeper", NULL, &node),
			 -EEXIST);
	assert_int_equal(bcast_join(nodes.name, "b", NULL, &node), BCAST_EFULL);

	assert_int_equal(test_nodes_state(&nodes, "sleeper"), BCAST_NODE_STUCK);
	test_kill(&child);
	assert_int_equal(test_nodes_list(&nodes, NULL, 0), 0);
	bc_node_table_detach(&table);
	test_nodes_close(&nodes);
}

static void silence_is_no_fault_of_who_never_promised_to_beat(void **state)
{
	struct bcast_join_options options = BCAST_JOIN_DEFAULTS;
	struct bc_node_table table;
	struct test_nodes nodes;
	struct bcast_node *node;

	(void)state;
	test_nodes_open(&nodes, 1);
	test_nodes_attach(&nodes, &table);
	options.stuck_after_ms = 0;
	assert_int_equal(bcast_join(nodes.name, "a", &options, &node), 0);

	atomic_store(&bc_node_table_slot(&table, 0)->heartbeat_ns, 1);

	assert_int_equal(test_nodes_state(&nodes, "a"), BCAST_NODE_ALIVE);
	bcast_leave(node);
	bc_node_table_detach(&table);
	test_nodes_close(&nodes);
}

/* ---- Other namespaces, other users ------------------------------------- */

struct container {
	const struct test_nodes *nodes;
};

/* Process 1 of a pid namespace joins. */
static void join_in_a_container(void *argument)
{
	const struct container *container = argument;
	struct bcast_node *node;
	pid_t inner;

	test_child_check(unshare(CLONE_NEWPID | CLONE_NEWNS) == 0);
	inner = fork();
	test_child_check(inner >= 0);
	if (inner != 0) {
		/* as a container's shim: lives as long as the inner one */
		(void)waitpid(inner, NULL, 0);
		_exit(0);
	}
	test_child_check(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
	test_child_check(getpid() == 1);
	test_child_check(
		bcast_join(container->nodes->name, "inside", NULL, &node) == 0);
	/* and from in there, the one outside is seen alive */
	test_child_check(test_nodes_state(container->nodes, "outside") ==
			 BCAST_NODE_ALIVE);
	test_child_ready();
	test_child_sleep();
}

/* The only process whose parent is `parent`. */
static pid_t child_of(pid_t parent)
{
	char path[64], line[64] = "";
	FILE *list;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent,
		 parent);
	list = fopen(path, "re");
	assert_non_null(list);
	assert_non_null(fgets(line, sizeof(line), list));
	(void)fclose(list);
	return (pid_t)strtol(line, NULL, 10);
}

static void life_is_seen_across_pid_namespaces(void **state)
{
	struct test_nodes nodes;
	struct container container = {.nodes = &nodes};
	struct bcast_node_info entries[4] = {0};
	struct bcast_node *node;
	struct test_child child;
	pid_t inner;

	(void)state;
	if (geteuid() != 0)
		skip();
	test_nodes_open(&nodes, 4);
	node = test_nodes_join(&nodes, "outside");
	child = test_fork(join_in_a_container, &container);

	assert_int_equal(test_nodes_list(&nodes, entries, 4), 2);
	assert_string_equal(entries[1].id, "inside");
	assert_int_equal(entries[1].state, BCAST_NODE_ALIVE);
	/* a number that here means another process */
	assert_int_equal(entries[1].pid, 1);
	assert_true(entries[1].pid_namespace != bc_process_pid_namespace());

	inner = child_of(child.pid);
	assert_true(inner > 1);
	assert_int_equal(kill(inner, SIGKILL), 0);
	assert_int_equal(test_join(&child), 0);
	assert_int_equal(test_nodes_list(&nodes, entries, 4), 1);
	assert_string_equal(entries[0].id, "outside");
	bcast_leave(node);
	test_nodes_close(&nodes);
}

#define NOBODY 65534

static void look_as_somebody_else(void *argument)
{
	const struct test_nodes *nodes = argument;
	struct bcast_node *node;

	test_child_check(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
	test_child_check(bcast_join(nodes->name, "b", NULL, &node) == -EACCES);
	test_child_check(test_nodes_state(nodes, "a") == BCAST_NODE_ALIVE);
	test_child_ready();
	/* until the other has died */
	while (test_nodes_state(nodes, "a") == BCAST_NODE_ALIVE)
		usleep(1000);
	test_child_check(test_nodes_state(nodes, "a") == BCAST_NODE_DEAD);
}

static void who_may_only_read_sees_the_dead_and_leaves_them(void **state)
{
	struct test_nodes nodes;
	struct test_nodes_child wish = {&nodes, "a", 0};
	struct bc_node_table table;
	struct test_child member, observer;

	(void)state;
	if (geteuid() != 0)
		skip();
	test_nodes_open(&nodes, 4);
	test_nodes_attach(&nodes, &table);
	assert_int_equal(fchmod(table.fd, 0664), 0);
	assert_int_equal(fchmod(nodes.stream.segment.fd, 0644), 0);
	member = test_fork(test_nodes_member, &wish);
	observer = test_fork(look_as_somebody_else, &nodes);

	test_kill(&member);

	assert_int_equal(test_join(&observer), 0);
	assert_int_equal(state_in(&table, 0), BC_NODE_JOINED);
	assert_int_equal(sweep(&table), 1);
	bc_node_table_detach(&table);
	test_nodes_close(&nodes);
}

static void lock_that_any_reader_can_place_is_no_life(void **state)
{
	struct flock lock = {
		.l_type = F_RDLCK,
		.l_start = (off_t)bc_node_lock_life(0),
		.l_len = 1,
	};
	struct bc_node_table table, other;
	struct test_nodes nodes;

	(void)state;
	test_nodes_open(&nodes, 4);
	test_nodes_attach(&nodes, &table);
	test_nodes_attach(&nodes, &other);
	leave_dead(&table, 0);
	assert_int_equal(fcntl(other.fd, F_OFD_SETLK, &lock), 0);

	assert_int_equal(bc_node_table_is_alive(&table, 0), 0);

	assert_int_equal(sweep(&table), 1);
	bc_node_table_detach(&other);
	bc_node_table_detach(&table);
	test_nodes_close(&nodes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_of_the_dead_are_cleared_in_every_state),
		cmocka_unit_test(each_dead_is_swept_once_however_many_sweep),
		cmocka_unit_test(sweeper_that_dies_leaves_its_work_to_the_next),
		cmocka_unit_test(
			sweeper_that_is_stopped_costs_one_slot_and_no_lies),
		cmocka_unit_test(slot_under_guard_is_nobodys_to_take),
		cmocka_unit_test(sweep_of_a_slot_asks_again_whether_it_is_dead),
		cmocka_unit_test(stuck_is_told_and_never_swept),
		cmocka_unit_test(
			silence_is_no_fault_of_who_never_promised_to_beat),
		cmocka_unit_test(life_is_seen_across_pid_namespaces),
		cmocka_unit_test(
			who_may_only_read_sees_the_dead_and_leaves_them),
		cmocka_unit_test(lock_that_any_reader_can_place_is_no_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
