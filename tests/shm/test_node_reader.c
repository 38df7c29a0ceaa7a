/* SPDX-License-Identifier: MIT */
/* test_node_reader.c - a node's reader shows in the slot what it does. */
#include "nodes.h"

#include <errno.h>
#include <pthread.h>

struct pair {
	struct test_nodes nodes;
	struct bcast_node *node;
	struct bcast_reader *reader;
};

static void pair_open(struct pair *pair)
{
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;

	options.flags = BCAST_MEASURE_LATENCY;
	options.spin_ns = 0;
	test_nodes_open(&pair->nodes, 4);
	pair->node = test_nodes_join(&pair->nodes, "reader");
	assert_int_equal(bcast_node_reader(pair->node, &options, &pair->reader),
			 0);
}

static void pair_close(struct pair *pair)
{
	bcast_leave(pair->node);
	bcast_detach(pair->reader);
	test_nodes_close(&pair->nodes);
}

static struct bcast_node_info look(const struct pair *pair)
{
	struct bcast_node_info info = {0};

	assert_int_equal(test_nodes_list(&pair->nodes, &info, 1), 1);
	return info;
}

static void position_and_lag_are_seen_by_all(void **state)
{
	unsigned char buffer[700];
	struct bcast_node_info info;
	struct pair pair;

	(void)state;
	pair_open(&pair);
	test_stream_write(&pair.nodes.stream, 1000);

	assert_int_equal(bcast_read(pair.reader, buffer, sizeof(buffer)), 700);
	info = look(&pair);

	assert_int_equal(info.roles, BCAST_NODE_READER);
	assert_int_equal(info.cursor, 700);
	assert_int_equal(info.lag, 300);
	assert_int_equal(info.bytes, 700);
	assert_int_equal(bcast_seek(pair.reader, BCAST_FROM_OLDEST, 0), 0);
	assert_int_equal(look(&pair).cursor, 0);
	pair_close(&pair);
}

static void laps_and_losses_are_seen_by_all(void **state)
{
	struct bcast_node_info info;
	struct pair pair;

	(void)state;
	pair_open(&pair);
	for (int i = 0; i < 3; i++)
		test_stream_write(&pair.nodes.stream, TEST_CAPACITY / 2);

	assert_int_equal(bcast_wait(pair.reader, 0), BCAST_ELAPPED);
	info = look(&pair);

	assert_int_equal(info.laps, 1);
	assert_int_equal(info.lost_bytes, bcast_loss(pair.reader).bytes);
	assert_int_equal(info.cursor, bcast_position(pair.reader));
	pair_close(&pair);
}

static bool is_waiting(void *argument)
{
	return look(argument).waiting == 1;
}

static void *wait_once(void *argument)
{
	const struct pair *pair = argument;

	return (void *)(intptr_t)bcast_wait(pair->reader, DEADLINE_MS);
}

static void waiting_and_its_latency_are_seen_by_all(void **state)
{
	struct bcast_node_info info;
	struct pair pair;
	pthread_t thread;
	void *result;

	(void)state;
	pair_open(&pair);
	assert_int_equal(pthread_create(&thread, NULL, wait_once, &pair), 0);
	assert_true(test_within(DEADLINE_MS, is_waiting, &pair));

	test_stream_write(&pair.nodes.stream, 64);
	assert_int_equal(pthread_join(thread, &result), 0);
	info = look(&pair);

	assert_int_equal((intptr_t)result, 1);
	assert_int_equal(info.waiting, 0);
	assert_int_equal(info.waits, 1);
	assert_int_equal(info.parks, 1);
	assert_int_equal(info.latency_count, 1);
	assert_true(info.latency_max_ns > 0);
	assert_true(info.latency_p50_ns >= info.latency_max_ns);
	assert_int_equal(info.latency_p99_ns, info.latency_p50_ns);
	pair_close(&pair);
}

/* The sign of life as it stands in the slot. */
static uint64_t beat_of(const struct pair *pair)
{
	struct bc_node_table table;
	uint64_t beat_ns;

	test_nodes_attach(&pair->nodes, &table);
	beat_ns = atomic_load(&bc_node_table_slot(&table, 0)->heartbeat_ns);
	bc_node_table_detach(&table);
	return beat_ns;
}

static void forget_beat(const struct pair *pair)
{
	struct bc_node_table table;

	test_nodes_attach(&pair->nodes, &table);
	atomic_store(&bc_node_table_slot(&table, 0)->heartbeat_ns, 1);
	bc_node_table_detach(&table);
}

static void every_wait_is_a_sign_of_life(void **state)
{
	struct pair pair;

	(void)state;
	pair_open(&pair);
	forget_beat(&pair);
	assert_int_equal(look(&pair).state, BCAST_NODE_STUCK);

	/* nothing there */
	assert_int_equal(bcast_wait(pair.reader, 0), 0);
	assert_true(beat_of(&pair) > 1);
	assert_int_equal(look(&pair).state, BCAST_NODE_ALIVE);
	/* something there */
	test_stream_write(&pair.nodes.stream, 1);
	forget_beat(&pair);
	assert_int_equal(bcast_wait(pair.reader, -1), 1);
	assert_true(beat_of(&pair) > 1);
	/* asked for */
	forget_beat(&pair);
	assert_int_equal(bcast_node_beat(pair.node), 0);
	assert_true(beat_of(&pair) > 1);
	pair_close(&pair);
}

static bool has_beaten(void *argument)
{
	return beat_of(argument) > 1;
}

static void long_sleep_is_not_silence(void **state)
{
	struct pair pair;
	pthread_t thread;
	void *result;

	(void)state;
	pair_open(&pair);
	assert_int_equal(pthread_create(&thread, NULL, wait_once, &pair), 0);
	assert_true(test_within(DEADLINE_MS, is_waiting, &pair));

	for (int i = 0; i < 3; i++) {
		forget_beat(&pair);
		assert_true(test_within(DEADLINE_MS / 2, has_beaten, &pair));
	}

	test_stream_write(&pair.nodes.stream, 1);
	assert_int_equal(pthread_join(thread, &result), 0);
	pair_close(&pair);
}

static void node_has_one_reader_at_a_time(void **state)
{
	struct bcast_reader *second = NULL;
	struct pair pair;

	(void)state;
	pair_open(&pair);

	assert_int_equal(bcast_node_reader(pair.node, NULL, &second), -EBUSY);
	assert_null(second);
	bcast_detach(pair.reader);

	assert_int_equal(look(&pair).roles, 0);
	assert_int_equal(look(&pair).lag, 0);
	assert_int_equal(bcast_node_reader(pair.node, NULL, &pair.reader), 0);
	assert_int_equal(look(&pair).roles, BCAST_NODE_READER);
	pair_close(&pair);
}

static void reader_outlives_its_node_as_a_plain_one(void **state)
{
	unsigned char buffer[100];
	struct pair pair;

	(void)state;
	pair_open(&pair);

	bcast_leave(pair.node);
	pair.node = NULL;

	test_stream_write(&pair.nodes.stream, 100);
	assert_int_equal(bcast_wait(pair.reader, -1), 1);
	assert_int_equal(bcast_read(pair.reader, buffer, 100), 100);
	assert_int_equal(test_nodes_list(&pair.nodes, NULL, 0), 0);
	pair_close(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(position_and_lag_are_seen_by_all),
		cmocka_unit_test(laps_and_losses_are_seen_by_all),
		cmocka_unit_test(waiting_and_its_latency_are_seen_by_all),
		cmocka_unit_test(every_wait_is_a_sign_of_life),
		cmocka_unit_test(long_sleep_is_not_silence),
		cmocka_unit_test(node_has_one_reader_at_a_time),
		cmocka_unit_test(reader_outlives_its_node_as_a_plain_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
