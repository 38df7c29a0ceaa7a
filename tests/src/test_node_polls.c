/* SPDX-License-Identifier: MIT */
/*
 * What the daemon makes of a registry's pages, the events of the polls given by
 * hand: whom it watches, and that only the locks end a node.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "nodes.h"

#include "src/log.h"
#include "src/nodes.h"

#define SLOTS	   8u
#define SLICE_NS   INT64_C(100000000)
#define SLICES_MAX (DEADLINE_MS / 100)

static struct test_nodes nodes;
static struct daemon daemon_;
static struct test_child children[2];
static struct bc_node_table table;
static sigset_t no_change;

static int open_all(void **state)
{
	char why[BC_BACKEND_WHY_MAX];

	(void)state;
	log_open(LOG_LEVEL_ERROR);
	(void)sigprocmask(SIG_BLOCK, NULL, &no_change);
	test_nodes_open(&nodes, SLOTS);
	test_nodes_attach(&nodes, &table);
	daemon_ = (struct daemon){
		.counters =
			(struct bc_counter_shm *)(void *)nodes.stream.segment
				.regions[BC_REGION_COUNTERS]
				.base,
	};
	(void)snprintf(daemon_.config.name, sizeof(daemon_.config.name), "%s",
		       nodes.name);
	return bc_backend_open(&daemon_.backend, BC_BACKEND_AUTO, 64, why);
}

static int close_all(void **state)
{
	(void)state;
	bc_backend_close(daemon_.backend);
	nodes_stop(&daemon_);
	for (unsigned i = 0; i < 2; i++)
		test_kill(&children[i]);
	bc_node_table_detach(&table);
	test_nodes_close(&nodes);
	return 0;
}

static void fork_node(unsigned which, const char *id)
{
	struct test_nodes_child wish = {.nodes = &nodes, .id = id};

	children[which] = test_fork(test_nodes_member, &wish);
}

/* One event of a poll, handed over as the loop does. */
static int32_t next_event(void)
{
	struct bc_event event;
	struct bc_token token;

	for (unsigned i = 0; i < SLICES_MAX; i++) {
		int count = bc_backend_wait(daemon_.backend, &event, 1,
					    SLICE_NS, &no_change);

		assert_in_range(count, 0, 1);
		if (count == 0)
			continue;
		token = bc_token_unpack(event.token);
		assert_int_equal(token.op, BC_OP_NODE);
		nodes_on_event(&daemon_, token.slot);
		return event.result;
	}
	fail_msg("no event");
	return 0;
}

static void assert_seen(uint64_t now, uint64_t left, uint64_t died)
{
	const struct bc_counter_shm *counters = daemon_.counters;

	assert_int_equal(bc_counter_get(counters, BC_COUNTER_nodes), now);
	assert_int_equal(bc_counter_get(counters, BC_COUNTER_nodes_left), left);
	assert_int_equal(bc_counter_get(counters, BC_COUNTER_nodes_died), died);
}

static void node_that_was_there_first_is_watched(void **state)
{
	(void)state;
	fork_node(0, "early");
	nodes_start(&daemon_);
	nodes_tick(&daemon_);
	assert_seen(1, 0, 0);
	assert_int_equal(daemon_.nodes.armed, 1);

	test_kill(&children[0]);

	assert_true((next_event() & POLLIN) != 0);
	assert_seen(0, 0, 1);
	assert_int_equal(daemon_.nodes.armed, 0);
	assert_int_equal(test_nodes_list(&nodes, NULL, 0), 0);
}

/* Its page names a process that is not its own, and that process ends. */
static void wrong_pid_ends_no_living_node(void **state)
{
	(void)state;
	fork_node(0, "liar");
	fork_node(1, "other");
	atomic_store(&bc_node_table_slot(&table, 0)->pid,
		     (uint32_t)children[1].pid);
	nodes_start(&daemon_);
	nodes_tick(&daemon_);
	assert_int_equal(daemon_.nodes.armed, 2);

	test_kill(&children[1]);
	(void)next_event();
	(void)next_event();
	nodes_tick(&daemon_);

	assert_seen(1, 0, 1);
	assert_int_equal(test_nodes_state(&nodes, "liar"), BCAST_NODE_ALIVE);
	test_kill(&children[0]);
	nodes_tick(&daemon_);
	assert_seen(0, 0, 2);
}

static void absurd_pid_is_left_to_the_tick(void **state)
{
	static const uint32_t absurd[] = {0, INT32_MAX, (uint32_t)INT32_MAX + 1,
					  UINT32_MAX};

	(void)state;
	nodes_start(&daemon_);
	for (unsigned i = 0; i < 4; i++) {
		fork_node(0, "absurd");
		atomic_store(&bc_node_table_slot(&table, 0)->pid, absurd[i]);
		nodes_tick(&daemon_);
		assert_seen(1, 0, i);
		assert_int_equal(daemon_.nodes.armed, 0);

		test_kill(&children[0]);
		nodes_tick(&daemon_);
		assert_seen(0, 0, i + 1);
	}
}

static void node_of_another_pid_namespace_is_left_to_the_tick(void **state)
{
	bc_u64 *field = &bc_node_table_slot(&table, 0)->pid_namespace;

	(void)state;
	fork_node(0, "contained");
	atomic_fetch_add(field, 1);
	nodes_start(&daemon_);
	nodes_tick(&daemon_);
	assert_seen(1, 0, 0);
	assert_int_equal(daemon_.nodes.armed, 0);

	test_kill(&children[0]);
	nodes_tick(&daemon_);

	assert_seen(0, 0, 1);
}

/* The poll of the last tenant is still to end when the next is there. */
static void next_tenant_of_a_slot_is_watched_in_its_turn(void **state)
{
	struct bcast_node *node = test_nodes_join(&nodes, "first");

	(void)state;
	nodes_start(&daemon_);
	nodes_tick(&daemon_);
	bcast_leave(node);
	fork_node(0, "second");
	nodes_tick(&daemon_);
	assert_seen(0, 1, 0);

	assert_int_equal(next_event(), -ECANCELED);
	assert_seen(1, 1, 0);
	assert_int_equal(daemon_.nodes.armed, 1);

	test_kill(&children[0]);
	(void)next_event();
	assert_seen(0, 1, 1);
}

static void drain_ends_all_polls(void **state)
{
	(void)state;
	fork_node(0, "one");
	fork_node(1, "two");
	nodes_start(&daemon_);
	nodes_tick(&daemon_);
	assert_int_equal(daemon_.nodes.armed, 2);

	daemon_.phase = DAEMON_DRAINING;
	nodes_drain(&daemon_);

	assert_int_equal(next_event(), -ECANCELED);
	assert_int_equal(next_event(), -ECANCELED);
	assert_int_equal(daemon_.nodes.armed, 0);
	nodes_tick(&daemon_);
	assert_int_equal(daemon_.nodes.armed, 0);
}

/* SIGBUS, and never at the tick's look at the size: the event comes first. */
static void event_survives_a_registry_cut_short(void **state)
{
	(void)state;
	fork_node(0, "victim");
	nodes_start(&daemon_);
	nodes_tick(&daemon_);
	assert_int_equal(ftruncate(daemon_.nodes.table.fd, 0), 0);

	test_kill(&children[0]);
	(void)next_event();

	assert_null(daemon_.nodes.table.header);
	assert_int_equal(daemon_.nodes.armed, 0);
	assert_seen(0, 0, 0);
	nodes_tick(&daemon_);
}

static void stream_without_a_registry_is_served(void **state)
{
	(void)state;
	test_object_unlink(nodes.name, ".nodes");

	nodes_start(&daemon_);
	nodes_tick(&daemon_);
	nodes_drain(&daemon_);

	assert_null(daemon_.nodes.table.header);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_all, close_all)
	const struct CMUnitTest tests[] = {
		TEST(node_that_was_there_first_is_watched),
		TEST(wrong_pid_ends_no_living_node),
		TEST(absurd_pid_is_left_to_the_tick),
		TEST(node_of_another_pid_namespace_is_left_to_the_tick),
		TEST(next_tenant_of_a_slot_is_watched_in_its_turn),
		TEST(drain_ends_all_polls),
		TEST(event_survives_a_registry_cut_short),
		TEST(stream_without_a_registry_is_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
