/* SPDX-License-Identifier: MIT */
/*
 * test_gating.c - gating readers by bcast.h: a local publisher waits for them,
 * for as long as they move.
 */
#include "nodes.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include <bcast/bcast.h>

#define RECORD_BYTES 96u

struct scene {
	struct test_nodes nodes;
	struct bcast_node *writer;
	struct bcast_publisher *publisher;
	struct bcast_node *node;
	struct bcast_reader *reader;
};

static void scene_open(struct scene *scene, bool packets, int room_wait_ms)
{
	struct bcast_publisher_options options = BCAST_PUBLISHER_DEFAULTS;

	*scene = (struct scene){0};
	if (packets)
		test_nodes_open_packets(&scene->nodes, 8);
	else
		test_nodes_open(&scene->nodes, 8);
	options.room_wait_ms = room_wait_ms;
	scene->writer = test_nodes_join(&scene->nodes, "writer");
	assert_int_equal(bcast_publisher_open(scene->writer, &options,
					      &scene->publisher),
			 0);
	scene->node = test_nodes_join(&scene->nodes, "reader");
	assert_int_equal(bcast_node_reader(scene->node, NULL, &scene->reader),
			 0);
}

static void scene_close(struct scene *scene)
{
	bcast_detach(scene->reader);
	bcast_leave(scene->node);
	bcast_publisher_close(scene->publisher);
	bcast_leave(scene->writer);
	test_nodes_close(&scene->nodes);
}

/* Publish numbered records until it refuses. Returns how many it took. */
static uint64_t fill_up(struct scene *scene, uint64_t from)
{
	uint64_t record[RECORD_BYTES / 8] = {from};
	int ret;

	while ((ret = bcast_publish(scene->publisher, record,
				    sizeof(record))) == 0)
		record[0]++;
	assert_int_equal(ret, BCAST_EFULL);
	return record[0] - from;
}

/* Read numbered records until there is nothing. Returns how many there were. */
static uint64_t read_all(struct bcast_reader *reader, bool packets,
			 uint64_t from)
{
	uint64_t record[RECORD_BYTES / 8];
	struct bcast_packet packet;
	uint64_t next = from;

	if (packets) {
		while (bcast_next(reader, &packet) == 1) {
			memcpy(record, packet.payload, sizeof(record));
			assert_int_equal(record[0], next++);
			assert_int_equal(bcast_consume(reader, packet.size), 0);
		}
	} else {
		while (bcast_read(reader, record, sizeof(record)) > 0)
			assert_int_equal(record[0], next++);
	}
	return next - from;
}

static void gating_reader_is_not_lapped_as(bool packets)
{
	struct scene scene;
	uint64_t done = 0;

	scene_open(&scene, packets, 0);
	assert_int_equal(bcast_gate(scene.reader, 10000), 0);
	for (unsigned round = 0; round < 50; round++) {
		uint64_t taken = fill_up(&scene, done);

		/* nearly all of the ring is its own */
		assert_true(taken * (RECORD_BYTES + (packets ? 32 : 0)) >
			    TEST_CAPACITY * 9 / 10);
		assert_int_equal(read_all(scene.reader, packets, done), taken);
		done += taken;
	}
	assert_int_equal(bcast_loss(scene.reader).laps, 0);
	scene_close(&scene);
}

static void gating_reader_of_bytes_is_not_lapped(void **state)
{
	(void)state;
	gating_reader_is_not_lapped_as(false);
}

static void gating_reader_of_packets_is_not_lapped(void **state)
{
	(void)state;
	gating_reader_is_not_lapped_as(true);
}

static void largest_record_comes_through_in_the_end(void **state)
{
	static unsigned char large[TEST_CAPACITY];
	struct scene scene;
	size_t limit;

	(void)state;
	scene_open(&scene, true, 0);
	limit = bcast_publisher_limit(scene.publisher);
	assert_int_equal(bcast_gate(scene.reader, 10000), 0);
	for (unsigned round = 0; round < 20; round++) {
		struct bcast_packet packet;
		int ret = bcast_publish(scene.publisher, large, limit);

		if (ret == 0)
			continue;
		assert_int_equal(ret, BCAST_EFULL);
		while (bcast_next(scene.reader, &packet) == 1)
			assert_int_equal(
				bcast_consume(scene.reader, packet.size), 0);
		assert_int_equal(bcast_publish(scene.publisher, large, limit),
				 0);
	}
	assert_int_equal(bcast_loss(scene.reader).laps, 0);
	scene_close(&scene);
}

static void gate_that_stands_still_is_given_up(void **state)
{
	struct bcast_packet packet;
	struct scene scene;
	uint64_t start_ms;
	char bytes[1000] = "";

	(void)state;
	scene_open(&scene, true, -1);
	assert_int_equal(bcast_gate(scene.reader, 200), 0);
	start_ms = test_now_ms();
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(
			bcast_publish(scene.publisher, bytes, sizeof(bytes)),
			0);

	/* once, and no more */
	assert_in_range(test_now_ms() - start_ms, 199, DEADLINE_MS);
	assert_int_equal(bcast_gate_state(scene.reader), BCAST_GATE_GIVEN_UP);
	assert_int_equal(bcast_next(scene.reader, &packet), BCAST_ELAPPED);
	assert_int_equal(bcast_gate_state(scene.reader), BCAST_GATE_GIVEN_UP);
	assert_int_equal(bcast_gate(scene.reader, 200), 0);
	assert_int_equal(bcast_gate_state(scene.reader), BCAST_GATE_SET);
	scene_close(&scene);
}

static void gate_set_too_late_says_so(void **state)
{
	struct scene scene;
	char bytes[1000] = "";

	(void)state;
	scene_open(&scene, false, 0);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(
			bcast_publish(scene.publisher, bytes, sizeof(bytes)),
			0);
	assert_int_equal(bcast_gate(scene.reader, 1000), BCAST_ELAPPED);
	assert_true(bcast_loss(scene.reader).bytes > 0);
	assert_int_equal(bcast_gate_state(scene.reader), BCAST_GATE_SET);
	while (bcast_publish(scene.publisher, bytes, sizeof(bytes)) == 0)
		;
	assert_int_equal(bcast_consume(scene.reader, 0), 0);
	assert_int_equal(bcast_loss(scene.reader).laps, 1);
	scene_close(&scene);
}

static void gate_is_asked_for_by_the_rules(void **state)
{
	struct bcast_reader *plain;
	struct bcast_node_info info[2];
	struct scene scene;

	(void)state;
	scene_open(&scene, false, 0);
	assert_int_equal(bcast_attach(scene.nodes.name, NULL, &plain), 0);
	assert_int_equal(bcast_gate(plain, 1000), -EOPNOTSUPP);
	assert_int_equal(bcast_gate_state(plain), BCAST_GATE_NONE);
	bcast_detach(plain);

	assert_int_equal(bcast_gate(scene.reader, -1), -EINVAL);
	assert_int_equal(bcast_gate(scene.reader, 60001), -EINVAL);
	assert_int_equal(bcast_gate_state(scene.reader), BCAST_GATE_NONE);
	assert_int_equal(bcast_gate(scene.reader, 0), 0);
	assert_int_equal(bcast_gate_state(scene.reader), BCAST_GATE_NONE);
	assert_int_equal(bcast_gate(scene.reader, 1), 0);
	assert_int_equal(bcast_gate(scene.reader, 60000), 0);
	assert_int_equal(bcast_gate_state(scene.reader), BCAST_GATE_SET);
	assert_int_equal(test_nodes_list(&scene.nodes, info, 2), 2);
	assert_int_equal(info[1].roles, BCAST_NODE_READER | BCAST_NODE_GATING);
	assert_int_equal(info[1].gate_timeout_ms, 60000);
	scene_close(&scene);
}

/* ---- Others ------------------------------------------------------------ */

static void gate_and_sleep(void *argument)
{
	const struct scene *scene = argument;
	struct bcast_reader *reader;
	struct bcast_node *node;

	test_child_check(bcast_join(scene->nodes.name, "mortal", NULL, &node) ==
			 0);
	test_child_check(bcast_node_reader(node, NULL, &reader) == 0);
	test_child_check(bcast_gate(reader, 60000) == 0);
	test_child_ready();
	test_child_sleep();
}

struct killer {
	struct test_child child;
	pthread_t thread;
	struct scene *scene;
	uint64_t killed_ms;
};

static bool is_waited_for(void *argument)
{
	const struct scene *scene = argument;
	const struct bc_lease_shm *lease =
		&scene->nodes.stream.segment.control->lease;

	return atomic_load(&lease->gate_waits) > 0;
}

static void *kill_when_waited_for(void *argument)
{
	struct killer *killer = argument;

	(void)test_within(DEADLINE_MS, is_waited_for, killer->scene);
	killer->killed_ms = test_now_ms();
	(void)kill(killer->child.pid, SIGKILL);
	return NULL;
}

static void writer_goes_on_when_its_gate_is_killed(void **state)
{
	struct killer killer;
	struct scene scene;
	char bytes[1000] = "";

	(void)state;
	scene_open(&scene, false, -1);
	killer.scene = &scene;
	killer.child = test_fork(gate_and_sleep, &scene);
	assert_int_equal(pthread_create(&killer.thread, NULL,
					kill_when_waited_for, &killer),
			 0);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(
			bcast_publish(scene.publisher, bytes, sizeof(bytes)),
			0);
	assert_int_equal(pthread_join(killer.thread, NULL), 0);

	print_message("%u ms from the kill to the last record\n",
		      (unsigned)(test_now_ms() - killer.killed_ms));
	assert_true(test_now_ms() - killer.killed_ms < 2000);
	test_kill(&killer.child);
	scene_close(&scene);
}

/* ---- Side by side ------------------------------------------------------ */

#define DUEL_RECORDS 200000u

struct duelist {
	struct bcast_reader *reader;
	bool packets;
	uint64_t wrong;
};

/* 1: took some, 0: there was nothing, or an error. */
static int take_some(struct duelist *duelist, uint64_t *next)
{
	const unsigned char *bytes;
	const void *span;
	int64_t n = bcast_peek(duelist->reader, &span);
	size_t header =
		duelist->packets ? sizeof(struct bcast_packet_header) : 0;
	int ret;

	if (n <= 0)
		return (int)n;
	bytes = span;
	for (size_t at = header; at < (size_t)n; at += header + RECORD_BYTES) {
		uint64_t number;

		memcpy(&number, bytes + at, sizeof(number));
		duelist->wrong += number != (*next)++;
	}
	ret = bcast_consume(duelist->reader, (size_t)n);
	return ret < 0 ? ret : 1;
}

static void *read_in_full(void *argument)
{
	struct duelist *duelist = argument;
	uint64_t next = 0;

	while (next < DUEL_RECORDS) {
		int ret = take_some(duelist, &next);

		if (ret == 0)
			ret = bcast_wait(duelist->reader, DEADLINE_MS) - 1;
		if (ret < 0) {
			duelist->wrong++;
			return NULL;
		}
	}
	return NULL;
}

static void duel(bool packets)
{
	struct duelist duelist = {.packets = packets};
	uint64_t record[RECORD_BYTES / 8] = {0};
	struct scene scene;
	pthread_t thread;

	scene_open(&scene, packets, DEADLINE_MS);
	duelist.reader = scene.reader;
	assert_int_equal(bcast_gate(scene.reader, 10000), 0);
	assert_int_equal(pthread_create(&thread, NULL, read_in_full, &duelist),
			 0);
	for (; record[0] < DUEL_RECORDS; record[0]++)
		if (bcast_publish(scene.publisher, record, sizeof(record)) != 0)
			break;
	assert_int_equal(bcast_flush(scene.publisher), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);

	assert_int_equal(record[0], DUEL_RECORDS);
	assert_int_equal(duelist.wrong, 0);
	assert_int_equal(bcast_loss(scene.reader).laps, 0);
	assert_int_equal(bcast_gate_state(scene.reader), BCAST_GATE_SET);
	scene_close(&scene);
}

static void every_byte_is_read_side_by_side(void **state)
{
	(void)state;
	duel(false);
}

static void every_record_is_read_side_by_side(void **state)
{
	(void)state;
	duel(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gating_reader_of_bytes_is_not_lapped),
		cmocka_unit_test(gating_reader_of_packets_is_not_lapped),
		cmocka_unit_test(largest_record_comes_through_in_the_end),
		cmocka_unit_test(gate_that_stands_still_is_given_up),
		cmocka_unit_test(gate_set_too_late_says_so),
		cmocka_unit_test(gate_is_asked_for_by_the_rules),
		cmocka_unit_test(writer_goes_on_when_its_gate_is_killed),
		cmocka_unit_test(every_byte_is_read_side_by_side),
		cmocka_unit_test(every_record_is_read_side_by_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
