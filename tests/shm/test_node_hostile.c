/* SPDX-License-Identifier: MIT */
/*
 * test_node_hostile.c - other nodes write garbage wherever they may, once or
 * all the time: nobody crashes or hangs, what is shown is clean, and the slot
 * that was hit is the only one that suffers.
 */
#include "nodes.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

static uint32_t state_in(const struct bc_node_table *table, uint32_t index)
{
	return bc_node_claim_state(
		atomic_load(&bc_node_table_slot(table, index)->claim));
}

static bool is_clean(const struct bcast_node_info *info)
{
	size_t length = strnlen(info->id, sizeof(info->id));

	if (length == sizeof(info->id))
		return false;
	for (size_t i = 0; i < length; i++)
		if (info->id[i] < ' ' || info->id[i] > '~')
			return false;
	return true;
}

/* All slots, claim included or not. */
static void scribble(const struct bc_node_table *table, uint64_t seed,
		     bool claims)
{
	size_t skip = claims ? 0 : sizeof(bc_u64);

	for (uint32_t i = 0; i < table->geometry.node_count; i++)
		test_pattern_fill(
			seed, i * (uint64_t)BC_PAGE,
			(unsigned char *)bc_node_table_slot(table, i) + skip,
			BC_PAGE - skip);
	/* and the words of the header that everybody may write */
	test_pattern_fill(seed + 1, 0,
			  (unsigned char *)table->header +
				  offsetof(struct bc_registry_shm, membership),
			  256);
}

static void garbage_in_all_slots_harms_nobody(void **state)
{
	static struct bcast_node_info entries[16];
	struct bc_node_table table;
	struct test_nodes nodes;
	struct bcast_node *node;

	(void)state;
	test_nodes_open(&nodes, 16);
	test_nodes_attach(&nodes, &table);
	for (uint64_t round = 0; round < 300; round++) {
		int count;

		node = test_nodes_join(&nodes, "a");
		scribble(&table, round, round % 2 == 0);

		count = test_nodes_list(&nodes, entries, 16);

		/* those without a lock are gone; ours lives, hurt */
		assert_in_range(count, 0, 1);
		if (round % 2 == 1)
			assert_int_equal(count, 1);
		for (int i = 0; i < count; i++) {
			assert_true(is_clean(&entries[i]));
			assert_int_equal(entries[i].slot, 0);
			assert_int_equal(entries[i].state, BCAST_NODE_DAMAGED);
			assert_int_equal(entries[i].roles &
						 ~(uint32_t)BCAST_NODE_ROLES,
					 0);
		}
		assert_int_equal(bcast_node_beat(node),
				 round % 2 == 0 ? BCAST_EPROTO : 0);
		/* who meets the hurt one cannot take its id */
		assert_int_equal(bcast_join(nodes.name, "a", NULL,
					    &(struct bcast_node *){NULL}),
				 -EEXIST);
		bcast_leave(node);
	}
	for (uint32_t i = 0; i < 16; i++)
		assert_int_equal(state_in(&table, i), BC_NODE_FREE);
	bc_node_table_detach(&table);
	test_nodes_close(&nodes);
}

static void what_stood_in_a_free_slot_is_not_inherited(void **state)
{
	struct bcast_node_info info = {0};
	struct bc_node_table table;
	struct test_nodes nodes;
	struct bcast_node *node;

	(void)state;
	test_nodes_open(&nodes, 16);
	test_nodes_attach(&nodes, &table);
	scribble(&table, 1, false);

	node = test_nodes_join(&nodes, "a");
	assert_int_equal(test_nodes_list(&nodes, &info, 1), 1);

	assert_int_equal(info.state, BCAST_NODE_ALIVE);
	assert_string_equal(info.id, "a");
	assert_int_equal(info.laps | info.lost_bytes | info.waits, 0);
	assert_int_equal(info.latency_count | info.latency_max_ns, 0);
	assert_int_equal(info.waiting | info.bytes | info.messages_sent, 0);
	bcast_leave(node);
	bc_node_table_detach(&table);
	test_nodes_close(&nodes);
}

struct vandal {
	struct bc_node_table table;
	_Atomic uint32_t end;
};

static void *scribble_all_the_time(void *argument)
{
	struct vandal *vandal = argument;
	uint64_t seed = 0;

	while (!vandal->end) {
		uint32_t index = (uint32_t)(seed % 16);
		bc_u64 *words = (bc_u64 *)(void *)bc_node_table_slot(
			&vandal->table, index);
		uint64_t random[2];

		test_pattern_fill(seed++, 0, random, sizeof(random));
		atomic_store_explicit(&words[random[0] % 64], random[1],
				      memory_order_relaxed);
	}
	return NULL;
}

static void vandal_at_work_cannot_hang_or_crash_the_others(void **state)
{
	static struct bcast_node_info entries[16];
	struct test_nodes nodes;
	struct vandal vandal = {.end = 0};
	struct bcast_node *node;
	pthread_t thread;

	(void)state;
	test_nodes_open(&nodes, 16);
	test_nodes_attach(&nodes, &vandal.table);
	assert_int_equal(
		pthread_create(&thread, NULL, scribble_all_the_time, &vandal),
		0);
	for (unsigned round = 0; round < 300; round++) {
		int count = test_nodes_list(&nodes, entries, 16);
		int ret;

		assert_in_range(count, 0, 16);
		for (int i = 0; i < count; i++)
			assert_true(is_clean(&entries[i]));
		ret = bcast_join(nodes.name, "a", NULL, &node);
		assert_true(ret == 0 || ret == BCAST_EFULL);
		if (ret == 0)
			bcast_leave(node);
	}
	vandal.end = 1;
	assert_int_equal(pthread_join(thread, NULL), 0);

	assert_in_range(test_nodes_list(&nodes, NULL, 0), 0, 16);
	node = test_nodes_join(&nodes, "a");
	assert_int_equal(test_nodes_state(&nodes, "a"), BCAST_NODE_ALIVE);
	bcast_leave(node);
	bc_node_table_detach(&vandal.table);
	test_nodes_close(&nodes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(garbage_in_all_slots_harms_nobody),
		cmocka_unit_test(what_stood_in_a_free_slot_is_not_inherited),
		cmocka_unit_test(
			vandal_at_work_cannot_hang_or_crash_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
