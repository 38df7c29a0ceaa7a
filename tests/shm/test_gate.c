/* SPDX-License-Identifier: MIT */
/*
 * test_gate.c - the writer's side of gates: what gating nodes hold up, and for
 * how long, whatever they write into their pages.
 */
#include "nodes.h"

#include <errno.h>

#include <bcast/bcast.h>

#include "shm/gate.h"

#define S UINT64_C(1000000000)

/* ---- Arithmetic -------------------------------------------------------- */

static void cursor_counts_within_the_ring_only(void **state)
{
	static const struct {
		uint64_t cursor, tail, reserved, needs;
	} rows[] = {
		{0, 0, 0, 0},
		{0, 1, 1, 0},
		{0, 1000, 1000, 0},
		{0, 1000, 1024, 0},
		{0, 1000, 1025, 1000}, /* lapped */
		{1, 1000, 1025, 1},
		{999, 1000, 1025, 999},
		{1000, 1000, 1025, 1000},
		{1001, 1000, 1025, 1000}, /* beyond the tail */
		{UINT64_MAX, 1000, 1025, 1000},
		{0, UINT64_C(1) << 40, UINT64_C(1) << 40, UINT64_C(1) << 40},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(bc_gate_needs(rows[i].cursor, rows[i].tail,
					       rows[i].reserved, 1024),
				 rows[i].needs);
}

static void late_is_longer_than_it_said_but_a_minute(void **state)
{
	static const struct {
		uint64_t timeout_ns, waited_ns;
		bool late;
	} rows[] = {
		{0, 0, false},
		{0, 1, true},
		{S, S - 1, false},
		{S, S, false},
		{S, S + 1, true},
		{60 * S, 60 * S, false},
		{60 * S, 60 * S + 1, true},
		{UINT64_MAX, 60 * S, false},
		{UINT64_MAX, 60 * S + 1, true},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bc_gate gate = {0};

		assert_false(bc_gate_is_late(&gate, 7, rows[i].timeout_ns, 5));
		assert_int_equal(bc_gate_is_late(&gate, 7, rows[i].timeout_ns,
						 5 + rows[i].waited_ns),
				 rows[i].late);
	}
}

static void moving_begins_the_time_anew(void **state)
{
	struct bc_gate gate = {0};

	(void)state;
	for (uint64_t i = 1; i < 100; i++)
		assert_false(bc_gate_is_late(&gate, i, S, i * S));
	assert_false(bc_gate_is_late(&gate, 99, S, 100 * S));
	assert_true(bc_gate_is_late(&gate, 99, S, 100 * S + 1));
}

/* ---- Pages ------------------------------------------------------------- */

struct scene {
	struct test_nodes nodes;
	struct bc_node_table table; /* the writer's */
	struct bc_gates gates;
	struct bcast_node *node;
	struct bcast_reader *reader;
};

static void scene_open(struct scene *scene)
{
	struct bc_segment *segment = &scene->nodes.stream.segment;

	*scene = (struct scene){0};
	test_nodes_open(&scene->nodes, 4);
	test_nodes_attach(&scene->nodes, &scene->table);
	assert_int_equal(bc_gates_open(&scene->gates, &scene->table, segment,
				       BC_GATE_NO_SLOT),
			 0);
	scene->node = test_nodes_join(&scene->nodes, "reader");
	assert_int_equal(bcast_node_reader(scene->node, NULL, &scene->reader),
			 0);
	assert_int_equal(bcast_gate(scene->reader, 1000), 0);
	test_stream_write(&scene->nodes.stream, 1000);
}

static void scene_close(struct scene *scene)
{
	bcast_detach(scene->reader);
	bcast_leave(scene->node);
	bc_gates_close(&scene->gates);
	bc_node_table_detach(&scene->table);
	test_nodes_close(&scene->nodes);
}

static uint64_t floor_of(struct scene *scene)
{
	return bc_gates_floor(&scene->gates, 1000, 1000);
}

static bool press(struct scene *scene, uint64_t now_ns)
{
	return bc_gates_press(&scene->gates, 1000, 1000, 1000, now_ns);
}

static void floor_is_where_the_slowest_gate_is(void **state)
{
	struct scene scene;
	char bytes[100];

	(void)state;
	scene_open(&scene);

	assert_int_equal(floor_of(&scene), 0);
	assert_int_equal(bcast_read(scene.reader, bytes, 100), 100);
	assert_int_equal(floor_of(&scene), 100);
	assert_int_equal(bcast_gate(scene.reader, 0), 0);
	assert_int_equal(floor_of(&scene), 1000);
	assert_int_equal(bcast_gate(scene.reader, 1), 0);
	assert_int_equal(floor_of(&scene), 100);
	scene_close(&scene);
}

static void gate_ends_with_its_reader_or_its_node(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	bcast_detach(scene.reader);
	assert_int_equal(floor_of(&scene), 1000);
	assert_int_equal(bcast_node_reader(scene.node, NULL, &scene.reader), 0);
	assert_int_equal(bcast_seek(scene.reader, BCAST_FROM_OLDEST, 0), 0);
	assert_int_equal(bcast_gate(scene.reader, 1), 0);
	assert_int_equal(floor_of(&scene), 0);

	bcast_leave(scene.node);
	scene.node = NULL;

	assert_int_equal(floor_of(&scene), 1000);
	assert_int_equal(bcast_gate_state(scene.reader), BCAST_GATE_NONE);
	assert_int_equal(bcast_gate(scene.reader, 1), -EOPNOTSUPP);
	scene_close(&scene);
}

static void own_slot_is_not_waited_for(void **state)
{
	struct bc_gates own;
	struct scene scene;

	(void)state;
	scene_open(&scene);
	assert_int_equal(bc_gates_open(&own, &scene.table,
				       &scene.nodes.stream.segment, 0),
			 0);
	assert_int_equal(bc_gates_floor(&own, 1000, 1000), 1000);
	bc_gates_close(&own);
	scene_close(&scene);
}

static void silent_gate_is_given_up_and_told(void **state)
{
	const struct bc_lease_shm *lease;
	struct bcast_node_info info;
	struct scene scene;

	(void)state;
	scene_open(&scene);
	lease = &scene.nodes.stream.segment.control->lease;

	assert_false(press(&scene, 10 * S));
	assert_false(press(&scene, 11 * S));
	assert_int_equal(bcast_gate_state(scene.reader), BCAST_GATE_SET);
	assert_int_equal(floor_of(&scene), 0);
	assert_true(press(&scene, 11 * S + 1));
	bc_gates_passed(&scene.gates, 12 * S);
	bc_gates_passed(&scene.gates, 13 * S);

	assert_int_equal(floor_of(&scene), 1000);
	assert_int_equal(bcast_gate_state(scene.reader), BCAST_GATE_GIVEN_UP);
	assert_int_equal(lease->gate_waits, 1);
	assert_int_equal(lease->gate_waited_ns, 2 * S);
	assert_int_equal(lease->gates_given_up, 1);
	assert_int_equal(test_nodes_list(&scene.nodes, &info, 1), 1);
	assert_int_equal(info.gates_given_up, 1);
	assert_int_equal(info.roles, BCAST_NODE_READER);
	/* until it asks again, with its time from the start */
	assert_int_equal(bcast_gate(scene.reader, 1000), 0);
	assert_int_equal(bcast_gate_state(scene.reader), BCAST_GATE_SET);
	assert_int_equal(floor_of(&scene), 0);
	assert_false(press(&scene, 100 * S));
	scene_close(&scene);
}

static void who_joins_meanwhile_buys_nobody_time(void **state)
{
	struct bcast_node *other;
	struct scene scene;

	(void)state;
	scene_open(&scene);
	assert_false(press(&scene, 10 * S));
	other = test_nodes_join(&scene.nodes, "other");
	assert_true(press(&scene, 11 * S + 1));
	bcast_leave(other);
	scene_close(&scene);
}

/* A faulty node may write anything; it holds nobody up for more than that. */
static void garbage_in_a_page_is_bounded(void **state)
{
	struct bc_node_shm *slot;
	struct scene scene;

	(void)state;
	scene_open(&scene);
	slot = bc_node_table_slot(&scene.table, 0);

	atomic_store(&slot->cursor, UINT64_MAX);
	assert_int_equal(floor_of(&scene), 1000);
	atomic_store(&slot->cursor, 0);
	assert_int_equal(bc_gates_floor(&scene.gates, 1 << 20, 1 << 20),
			 1 << 20);
	atomic_store(&slot->gate_timeout_ns, UINT64_MAX);
	assert_false(press(&scene, 10 * S));
	assert_false(press(&scene, 70 * S));
	assert_true(press(&scene, 70 * S + 1));
	/* a role and a claim where nobody lives */
	slot = bc_node_table_slot(&scene.table, 2);
	atomic_store(&slot->role, UINT32_MAX);
	bc_gate_changed(&scene.table);
	assert_int_equal(floor_of(&scene), 1000);
	atomic_store(&slot->claim, bc_node_claim_make(BC_NODE_JOINED, 1));
	bc_gate_changed(&scene.table);
	assert_int_equal(floor_of(&scene), 0);
	assert_true(press(&scene, 80 * S));
	assert_int_equal(floor_of(&scene), 1000);
	scene_close(&scene);
}

struct member {
	const struct test_nodes *nodes;
};

static void gate_and_sleep(void *argument)
{
	const struct member *member = argument;
	struct bcast_reader *reader;
	struct bcast_node *node;

	test_child_check(
		bcast_join(member->nodes->name, "mortal", NULL, &node) == 0);
	test_child_check(bcast_node_reader(node, NULL, &reader) == 0);
	test_child_check(bcast_seek(reader, BCAST_FROM_OLDEST, 0) == 0);
	test_child_check(bcast_gate(reader, BCAST_GATE_TIMEOUT_MS_MAX) == 0);
	test_child_ready();
	test_child_sleep();
}

static void dead_node_holds_nobody_up(void **state)
{
	struct test_child child;
	struct member member;
	struct scene scene;

	(void)state;
	scene_open(&scene);
	assert_int_equal(bcast_gate(scene.reader, 0), 0);
	member.nodes = &scene.nodes;
	child = test_fork(gate_and_sleep, &member);

	assert_int_equal(floor_of(&scene), 0);
	assert_false(press(&scene, 10 * S));
	test_kill(&child);
	assert_true(press(&scene, 10 * S + 1));
	assert_int_equal(floor_of(&scene), 1000);
	assert_false(press(&scene, 10 * S + 2));
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cursor_counts_within_the_ring_only),
		cmocka_unit_test(late_is_longer_than_it_said_but_a_minute),
		cmocka_unit_test(moving_begins_the_time_anew),
		cmocka_unit_test(floor_is_where_the_slowest_gate_is),
		cmocka_unit_test(gate_ends_with_its_reader_or_its_node),
		cmocka_unit_test(own_slot_is_not_waited_for),
		cmocka_unit_test(silent_gate_is_given_up_and_told),
		cmocka_unit_test(who_joins_meanwhile_buys_nobody_time),
		cmocka_unit_test(garbage_in_a_page_is_bounded),
		cmocka_unit_test(dead_node_holds_nobody_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
