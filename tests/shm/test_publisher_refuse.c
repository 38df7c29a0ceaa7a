/* SPDX-License-Identifier: MIT */
/*
 * test_publisher_refuse.c - client_publisher.c: its bounds and options, every
 * error, children, and two who want the lease.
 */
#include "scene.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

/* ---- Bounds ------------------------------------------------------------ */

static unsigned char bytes[1 << 15];

static void limit_is_a_limit(void **state)
{
	(void)state;
	for (unsigned packets = 0; packets < 2; packets++) {
		struct bcast_publisher *publisher;
		struct scene scene;
		size_t limit;
		void *data;

		scene_open(&scene, packets == 1);
		publisher = scene.publisher;
		limit = bcast_publisher_limit(publisher);
		assert_int_equal(limit, TEST_CAPACITY / 4 - 32);
		assert_int_equal(bcast_publish(publisher, bytes, limit - 1), 0);
		assert_int_equal(bcast_publish(publisher, bytes, limit), 0);
		assert_int_equal(bcast_publish(publisher, bytes, limit + 1),
				 -EMSGSIZE);
		assert_int_equal(bcast_publish(publisher, bytes, SIZE_MAX),
				 -EMSGSIZE);
		assert_int_equal(bcast_claim(publisher, limit + 1, &data),
				 -EMSGSIZE);
		assert_int_equal(bcast_claim(publisher, limit, &data), 0);
		assert_int_equal(bcast_commit(publisher, limit), 0);
		scene_close(&scene);
	}
}

static void batch_is_as_large_as_a_record(void **state)
{
	struct bcast_batch batch;
	struct scene scene;
	size_t most = TEST_CAPACITY / 4;

	(void)state;
	scene_open(&scene, true);
	assert_int_equal(bcast_batch_begin(scene.publisher, most + 1, &batch),
			 -EMSGSIZE);
	assert_int_equal(bcast_batch_begin(scene.publisher, most, &batch), 0);
	while (bcast_batch_add(&batch, 0))
		;
	assert_int_equal(bcast_batch_commit(scene.publisher, &batch), 0);
	for (unsigned i = 1; i <= most / 32; i++)
		scene_expect(scene.reader, i, "");
	assert_int_equal(bcast_batch_begin(scene.publisher, 0, &batch), 0);
	assert_null(bcast_batch_add(&batch, 0));
	assert_int_equal(bcast_batch_commit(scene.publisher, &batch), 0);
	scene_say(&scene, "after");
	scene_expect(scene.reader, (unsigned)most / 32 + 1, "after");
	scene_close(&scene);
}

static void batch_that_was_not_begun_is_refused(void **state)
{
	struct bcast_batch batch, other;
	struct scene scene;
	void *data;

	(void)state;
	scene_open(&scene, true);
	assert_int_equal(bcast_batch_begin(scene.publisher, 128, &batch), 0);
	assert_int_equal(bcast_batch_begin(scene.publisher, 128, &other),
			 -EBUSY);
	assert_int_equal(bcast_commit(scene.publisher, 1), -EINVAL);
	assert_non_null(bcast_batch_add(&batch, 0));
	other = batch;
	other.end += 32;
	assert_int_equal(bcast_batch_commit(scene.publisher, &other), -EINVAL);
	other = batch;
	other.next = other.end + 32;
	assert_int_equal(bcast_batch_commit(scene.publisher, &other), -EINVAL);
	other.next = batch.next - 1;
	assert_int_equal(bcast_batch_commit(scene.publisher, &other), -EINVAL);
	assert_int_equal(bcast_batch_commit(scene.publisher, &batch), 0);
	assert_int_equal(bcast_batch_commit(scene.publisher, &batch), -EINVAL);
	assert_int_equal(bcast_claim(scene.publisher, 128, &data), 0);
	assert_int_equal(bcast_batch_commit(scene.publisher, &batch), -EINVAL);
	bcast_abort(scene.publisher);
	scene_expect(scene.reader, 1, "");
	scene_close(&scene);
}

static void stream_of_bytes_has_no_batches(void **state)
{
	struct bcast_batch batch;
	struct scene scene;

	(void)state;
	scene_open(&scene, false);
	assert_int_equal(bcast_batch_begin(scene.publisher, 128, &batch),
			 -EOPNOTSUPP);
	scene_close(&scene);
}

static void nothing_needs_no_address(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, true);
	assert_int_equal(bcast_publish(scene.publisher, NULL, 0), 0);
	scene_expect(scene.reader, 1, "");
	scene_close(&scene);
	scene_open(&scene, false);
	assert_int_equal(bcast_publish(scene.publisher, NULL, 0), 0);
	assert_int_equal(bcast_publisher_position(scene.publisher), 0);
	scene_close(&scene);
}

static void padding_is_zero_whatever_was_there(void **state)
{
	struct bcast_packet packet;
	struct scene scene;
	char zeros[32] = {0};

	(void)state;
	scene_open(&scene, true);
	memset(bytes, 0xff, sizeof(bytes));
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(bcast_publish(scene.publisher, bytes, 16000),
				 0);
	assert_int_equal(bcast_seek(scene.reader, BCAST_FROM_LIVE, 0), 0);
	for (uint32_t length = 0; length < 70; length++) {
		assert_int_equal(bcast_publish(scene.publisher, bytes, length),
				 0);
		assert_int_equal(bcast_next(scene.reader, &packet), 1);
		assert_memory_equal((const char *)packet.payload + length,
				    zeros, packet.size - 32 - length);
		assert_int_equal(bcast_consume(scene.reader, packet.size), 0);
	}
	scene_close(&scene);
}

/* ---- Options ----------------------------------------------------------- */

static void options_that_cannot_be_are_refused(void **state)
{
	const struct bcast_publisher_options good = BCAST_PUBLISHER_DEFAULTS;
	struct bcast_publisher_options bad[4] = {good, good, good, good};
	struct bcast_publisher *publisher = NULL;
	struct scene scene;

	(void)state;
	scene_open(&scene, true);
	bcast_publisher_close(scene.publisher);
	bad[0].size--;
	bad[1].lease_wait_ms = -2;
	bad[2].room_wait_ms = -2;
	bad[3].stamp = BCAST_STAMP_NONE + 1;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(
			bcast_publisher_open(scene.node, &bad[i], &publisher),
			-EINVAL);
	assert_null(publisher);
	assert_int_equal(
		bcast_publisher_open(scene.node, &good, &scene.publisher), 0);
	scene_close(&scene);
}

static void header_says_what_the_options_said(void **state)
{
	struct bcast_publisher_options options = BCAST_PUBLISHER_DEFAULTS;
	struct bcast_packet packet;
	struct scene scene;

	(void)state;
	scene_open(&scene, true);
	options.source = 4711;
	for (uint16_t stamp = 0; stamp <= BCAST_STAMP_NONE; stamp++) {
		bcast_publisher_close(scene.publisher);
		options.stamp = stamp;
		assert_int_equal(bcast_publisher_open(scene.node, &options,
						      &scene.publisher),
				 0);
		scene_say(&scene, "who");
		assert_int_equal(bcast_next(scene.reader, &packet), 1);
		assert_int_equal(packet.source, 4711);
		assert_int_equal(packet.timestamp_ns == 0,
				 stamp == BCAST_STAMP_NONE);
		assert_int_equal(packet.crc32c, 0);
		assert_int_equal(packet.flags, 0);
		assert_int_equal(bcast_consume(scene.reader, packet.size), 0);
	}
	scene_close(&scene);
}

/* ---- When it cannot be ------------------------------------------------- */

static void stream_that_ends_takes_no_more(void **state)
{
	struct bcast_publisher *second;
	struct bcast_packet packet;
	struct bcast_batch batch;
	struct scene scene;
	void *data;

	(void)state;
	scene_open(&scene, true);
	scene_say(&scene, "last");
	assert_int_equal(bcast_claim(scene.publisher, 10, &data), 0);
	bc_segment_set_state(&scene.nodes.stream.segment, BC_STATE_DRAINING);
	assert_int_equal(bcast_commit(scene.publisher, 10), BCAST_ECLOSED);
	assert_int_equal(bcast_publish(scene.publisher, "", 0), BCAST_ECLOSED);
	assert_int_equal(bcast_claim(scene.publisher, 1, &data), BCAST_ECLOSED);
	assert_int_equal(bcast_batch_begin(scene.publisher, 64, &batch),
			 BCAST_ECLOSED);
	assert_int_equal(bcast_flush(scene.publisher), BCAST_ECLOSED);
	scene_expect(scene.reader, 1, "last");
	assert_int_equal(bcast_next(scene.reader, &packet), 0);
	bcast_publisher_close(scene.publisher);
	scene.publisher = NULL;
	assert_int_equal(bcast_publisher_open(scene.node, NULL, &second),
			 BCAST_ECLOSED);
	bc_segment_set_state(&scene.nodes.stream.segment, BC_STATE_CLOSED);
	test_stream_close(&scene.nodes.stream);
	assert_int_equal(bcast_publisher_open(scene.node, NULL, &second),
			 BCAST_ECLOSED);
	scene_close(&scene);
}

static void publisher_without_room_says_so_in_time(void **state)
{
	struct bcast_publisher_options options = BCAST_PUBLISHER_DEFAULTS;
	struct bc_lease_shm *lease;
	struct scene scene;
	uint64_t begin_ms;
	void *data;

	(void)state;
	scene_open(&scene, true);
	bcast_publisher_close(scene.publisher);
	options.room_wait_ms = 30;
	assert_int_equal(
		bcast_publisher_open(scene.node, &options, &scene.publisher),
		0);
	lease = &scene.nodes.stream.segment.control->lease;
	atomic_store(&lease->limit, 0);
	begin_ms = test_now_ms();
	assert_int_equal(bcast_publish(scene.publisher, "x", 1), BCAST_EFULL);
	assert_in_range(test_now_ms() - begin_ms, 30, DEADLINE_MS);
	assert_int_equal(bcast_claim(scene.publisher, 1, &data), BCAST_EFULL);
	atomic_store(&lease->limit, UINT64_MAX);
	scene_say(&scene, "room");
	scene_expect(scene.reader, 1, "room");
	scene_close(&scene);
}

static void try_all_in_a_child(void *argument)
{
	const struct scene *scene = argument;
	struct bcast_publisher *other, *mine = scene->publisher;
	struct bcast_batch batch;
	void *data;

	test_child_check(bcast_publish(mine, "child", 5) == -ECHILD);
	test_child_check(bcast_claim(mine, 5, &data) == -ECHILD);
	test_child_check(bcast_batch_begin(mine, 64, &batch) == -ECHILD);
	test_child_check(bcast_commit(mine, 5) == -ECHILD);
	test_child_check(bcast_flush(mine) == -ECHILD);
	test_child_check(bcast_publisher_open(scene->node, NULL, &other) ==
			 -ECHILD);
	bcast_publisher_close(mine);
	bcast_leave(scene->node);
}

static void child_can_only_close_its_copy(void **state)
{
	struct test_child child;
	struct bcast_node *node;
	struct bcast_publisher *second;
	struct scene scene;

	(void)state;
	scene_open(&scene, true);
	scene_say(&scene, "before");
	child = test_fork(try_all_in_a_child, &scene);
	assert_int_equal(test_join(&child), 0);
	/* the lease is still ours, and so is the ring */
	node = test_nodes_join(&scene.nodes, "second");
	assert_int_equal(bcast_publisher_open(node, NULL, &second), -EBUSY);
	scene_say(&scene, "after");
	scene_expect(scene.reader, 1, "before");
	scene_expect(scene.reader, 2, "after");
	bcast_leave(node);
	scene_close(&scene);
}

static void publish_as_nobody(void *argument)
{
	const struct test_nodes *nodes = argument;
	struct bcast_publisher *publisher = NULL;
	struct bcast_node *node;

	test_child_check(bcast_join(nodes->name, "nobody", NULL, &node) == 0);
	test_child_check(setgid(65534) == 0 && setuid(65534) == 0);
	test_child_check(bcast_publisher_open(node, NULL, &publisher) ==
			 -EACCES);
	test_child_check(publisher == NULL);
	bcast_leave(node);
}

static void who_may_not_write_the_segment_is_told_so(void **state)
{
	struct test_nodes nodes;
	struct test_child child;

	(void)state;
	if (geteuid() != 0)
		skip();
	test_nodes_open_packets(&nodes, 4);
	child = test_fork(publish_as_nobody, &nodes);
	assert_int_equal(test_join(&child), 0);
	test_nodes_close(&nodes);
}

/* ---- Two of them ------------------------------------------------------- */

#define TURNS 200
#define EACH  5

struct rival {
	struct bcast_node *node;
	uint16_t source;
	int result;
};

static int take_a_turn(const struct rival *rival)
{
	struct bcast_publisher_options options = BCAST_PUBLISHER_DEFAULTS;
	struct bcast_publisher *publisher;
	int ret;

	options.lease_wait_ms = DEADLINE_MS;
	options.source = rival->source;
	ret = bcast_publisher_open(rival->node, &options, &publisher);
	for (unsigned i = 0; ret == 0 && i < EACH; i++)
		ret = bcast_publish(publisher, &i, sizeof(i));
	if (ret == 0)
		bcast_publisher_close(publisher);
	return ret;
}

static void *compete(void *argument)
{
	struct rival *rival = argument;

	for (unsigned i = 0; rival->result == 0 && i < TURNS; i++)
		rival->result = take_a_turn(rival);
	return NULL;
}

static void two_threads_take_turns_and_never_mix(void **state)
{
	struct rival rivals[2] = {{.source = 1}, {.source = 2}};
	unsigned count = 0, of[3] = {0};
	struct bcast_packet packet;
	pthread_t threads[2];
	struct scene scene;

	(void)state;
	scene_open(&scene, true);
	bcast_publisher_close(scene.publisher);
	scene.publisher = NULL;
	rivals[0].node = test_nodes_join(&scene.nodes, "one");
	rivals[1].node = test_nodes_join(&scene.nodes, "two");
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, compete, &rivals[i]),
			0);
	while (count < 2 * TURNS * EACH) {
		unsigned number;

		if (bcast_next(scene.reader, &packet) == 0) {
			assert_int_equal(bcast_wait(scene.reader, DEADLINE_MS),
					 1);
			continue;
		}
		memcpy(&number, packet.payload, sizeof(number));
		assert_int_equal(packet.sequence, ++count);
		assert_in_range(packet.source, 1, 2);
		assert_int_equal(number, of[packet.source]++ % EACH);
		assert_int_equal(bcast_consume(scene.reader, packet.size), 0);
	}
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(rivals[i].result, 0);
		bcast_leave(rivals[i].node);
	}
	assert_int_equal(of[1], of[2]);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limit_is_a_limit),
		cmocka_unit_test(batch_is_as_large_as_a_record),
		cmocka_unit_test(batch_that_was_not_begun_is_refused),
		cmocka_unit_test(stream_of_bytes_has_no_batches),
		cmocka_unit_test(nothing_needs_no_address),
		cmocka_unit_test(padding_is_zero_whatever_was_there),
		cmocka_unit_test(options_that_cannot_be_are_refused),
		cmocka_unit_test(header_says_what_the_options_said),
		cmocka_unit_test(stream_that_ends_takes_no_more),
		cmocka_unit_test(publisher_without_room_says_so_in_time),
		cmocka_unit_test(child_can_only_close_its_copy),
		cmocka_unit_test(who_may_not_write_the_segment_is_told_so),
		cmocka_unit_test(two_threads_take_turns_and_never_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
