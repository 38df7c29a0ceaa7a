/* SPDX-License-Identifier: MIT */
/*
 * test_publisher.c - local publishers: what they publish is read, in order.
 * What they refuse is in test_publisher_refuse.c.
 */
#include "scene.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "shm/lease.h"
#include "shm/record_index.h"
#include "shm/registry.h"

static void records_are_read_as_they_were_published(void **state)
{
	struct bcast_packet packet;
	struct scene scene;

	(void)state;
	scene_open(&scene, true);

	assert_int_equal(bcast_next(scene.reader, &packet), 0);
	scene_say(&scene, "one");
	scene_say(&scene, "");
	scene_say(&scene, "a record of exactly 32 bytes: ab");

	scene_expect(scene.reader, 1, "one");
	scene_expect(scene.reader, 2, "");
	scene_expect(scene.reader, 3, "a record of exactly 32 bytes: ab");
	assert_int_equal(bcast_next(scene.reader, &packet), 0);
	scene_close(&scene);
}

static void bytes_are_read_as_they_were_published(void **state)
{
	struct bcast_packet packet;
	struct scene scene;
	char buffer[16];

	(void)state;
	scene_open(&scene, false);
	scene_say(&scene, "bytes");
	scene_say(&scene, ", more");

	assert_int_equal(bcast_read(scene.reader, buffer, sizeof(buffer)), 11);
	assert_memory_equal(buffer, "bytes, more", 11);
	assert_int_equal(bcast_next(scene.reader, &packet), -EOPNOTSUPP);
	scene_close(&scene);
}

static void many_laps_are_read_without_a_gap(void **state)
{
	struct scene scene;
	char text[200];

	(void)state;
	scene_open(&scene, true);
	for (unsigned i = 1; i <= 20000; i++) {
		snprintf(text, sizeof(text), "%0*u", (int)(i % 150) + 1, i);
		scene_say(&scene, text);
		scene_expect(scene.reader, i, text);
	}
	scene_close(&scene);
}

static void batch_is_seen_at_its_commit(void **state)
{
	struct bcast_packet packet;
	struct bcast_batch batch;
	struct scene scene;

	(void)state;
	scene_open(&scene, true);
	for (unsigned round = 0; round < 1000; round++) {
		assert_int_equal(
			bcast_batch_begin(scene.publisher, 192, &batch), 0);
		memcpy(bcast_batch_add(&batch, 3), "abc", 3);
		memcpy(bcast_batch_add(&batch, 33),
		       "0123456789012345678901234567890123", 33);
		assert_non_null(bcast_batch_add(&batch, 0));
		assert_null(bcast_batch_add(&batch, 0));
		assert_int_equal(bcast_next(scene.reader, &packet), 0);
		assert_int_equal(bcast_batch_commit(scene.publisher, &batch),
				 0);

		scene_expect(scene.reader, 3 * round + 1, "abc");
		scene_expect(scene.reader, 3 * round + 2,
			     "012345678901234567890123456789012");
		scene_expect(scene.reader, 3 * round + 3, "");
	}
	scene_close(&scene);
}

static void span_shows_all_records_at_once(void **state)
{
	const struct bcast_packet_header *header;
	struct scene scene;
	const void *span;
	uint64_t sequence = 0;
	size_t at = 0;
	int64_t size;

	(void)state;
	scene_open(&scene, true);
	for (unsigned i = 0; i < 100; i++)
		scene_say(&scene, "a span of them");
	assert_int_equal(bcast_flush(scene.publisher), 0);
	size = bcast_peek(scene.reader, &span);

	assert_int_equal(size, 100 * 64);
	while ((header = bcast_packet_in(span, (size_t)size, at))) {
		assert_int_equal(header->sequence, ++sequence);
		at += bcast_packet_size(header->length);
	}
	assert_int_equal(sequence, 100);
	assert_int_equal(bcast_consume(scene.reader, 65), -EINVAL);
	assert_int_equal(bcast_consume(scene.reader, 64), 0);
	assert_int_equal(bcast_consume(scene.reader, 98 * 64), 0);
	scene_expect(scene.reader, 100, "a span of them");
	scene_say(&scene, "next");
	scene_expect(scene.reader, 101, "next");
	scene_close(&scene);
}

static void lapped_reader_is_told_records_and_bytes(void **state)
{
	struct bcast_packet packet;
	struct bcast_loss loss;
	struct scene scene;
	char text[96];

	(void)state;
	scene_open(&scene, true);
	for (unsigned i = 1; i <= 5000; i++) {
		snprintf(text, sizeof(text), "%090u", i);
		scene_say(&scene, text);
	}

	assert_int_equal(bcast_next(scene.reader, &packet), BCAST_ELAPPED);
	loss = bcast_loss(scene.reader);
	assert_int_equal(loss.bytes, loss.packets * 128);
	assert_true(loss.packets > 5000 - 512 && loss.packets < 5000);
	snprintf(text, sizeof(text), "%090u", (unsigned)loss.packets + 1);
	scene_expect(scene.reader, loss.packets + 1, text);
	scene_close(&scene);
}

static void second_publisher_is_told_who_has_the_lease(void **state)
{
	struct bcast_publisher_options options = BCAST_PUBLISHER_DEFAULTS;
	struct bcast_writer_info holder;
	struct bcast_publisher *second;
	struct bcast_node *node;
	struct scene scene;

	(void)state;
	scene_open(&scene, true);
	node = test_nodes_join(&scene.nodes, "second");
	options.holder = &holder;

	assert_int_equal(bcast_publisher_open(node, &options, &second), -EBUSY);
	assert_int_equal(holder.kind, BCAST_WRITER_NODE);
	assert_string_equal(holder.who, "writer");
	assert_int_equal(holder.pid, getpid());
	assert_int_equal(bcast_publisher_open(scene.node, NULL, &second),
			 -EALREADY);
	bcast_publisher_close(scene.publisher);
	scene.publisher = NULL;
	assert_int_equal(bcast_publisher_open(node, &options, &second), 0);
	bcast_publisher_close(second);
	bcast_leave(node);
	scene_close(&scene);
}

static void next_publisher_goes_on_with_the_numbers(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, true);
	scene_say(&scene, "first");
	bcast_publisher_close(scene.publisher);
	assert_int_equal(
		bcast_publisher_open(scene.node, NULL, &scene.publisher), 0);
	scene_say(&scene, "second");

	scene_expect(scene.reader, 1, "first");
	scene_expect(scene.reader, 2, "second");
	scene_close(&scene);
}

static void aborted_claim_is_seen_by_nobody(void **state)
{
	struct bcast_packet packet;
	struct scene scene;
	void *data;

	(void)state;
	scene_open(&scene, true);
	assert_int_equal(bcast_claim(scene.publisher, 100, &data), 0);
	memset(data, 'x', 100);
	assert_int_equal(bcast_publish(scene.publisher, "", 0), -EBUSY);
	bcast_abort(scene.publisher);
	assert_int_equal(bcast_commit(scene.publisher, 1), -EINVAL);
	assert_int_equal(bcast_next(scene.reader, &packet), 0);
	assert_int_equal(bcast_claim(scene.publisher, 100, &data), 0);
	memcpy(data, "kept", 4);
	assert_int_equal(bcast_commit(scene.publisher, 101), -EINVAL);
	assert_int_equal(bcast_commit(scene.publisher, 4), 0);
	scene_expect(scene.reader, 1, "kept");
	scene_close(&scene);
}

static void key_is_the_beginning_of_what_is_committed(void **state)
{
	struct bcast_packet packet;
	struct scene scene;
	void *data;

	(void)state;
	scene_open(&scene, true);
	assert_int_equal(bcast_commit_key(scene.publisher, 1, 1), -EINVAL);
	assert_int_equal(bcast_claim(scene.publisher, 10, &data), 0);
	memcpy(data, "keyvalue", 8);
	assert_int_equal(bcast_commit_key(scene.publisher, 8, 9), -EINVAL);
	assert_int_equal(bcast_commit_key(scene.publisher, 8, 65536), -EINVAL);
	assert_int_equal(bcast_commit_key(scene.publisher, 8, 3), 0);
	assert_int_equal(bcast_next(scene.reader, &packet), 1);
	assert_int_equal(packet.length, 8);
	assert_int_equal(packet.key_length, 3);
	assert_memory_equal(packet.payload, "keyvalue", 8);
	assert_int_equal(bcast_consume(scene.reader, packet.size), 0);

	/* all of it; and the next one has none again */
	assert_int_equal(bcast_claim(scene.publisher, 4, &data), 0);
	memcpy(data, "keys", 4);
	assert_int_equal(bcast_commit_key(scene.publisher, 4, 4), 0);
	assert_int_equal(bcast_next(scene.reader, &packet), 1);
	assert_int_equal(packet.key_length, 4);
	assert_int_equal(bcast_consume(scene.reader, packet.size), 0);
	assert_int_equal(bcast_claim(scene.publisher, 4, &data), 0);
	memcpy(data, "none", 4);
	assert_int_equal(bcast_commit(scene.publisher, 4), 0);
	assert_int_equal(bcast_next(scene.reader, &packet), 1);
	assert_int_equal(packet.key_length, 0);
	scene_close(&scene);
}

static void stream_of_bytes_has_no_keys(void **state)
{
	struct scene scene;
	void *data;

	(void)state;
	scene_open(&scene, false);
	assert_int_equal(bcast_claim(scene.publisher, 4, &data), 0);
	memcpy(data, "data", 4);
	assert_int_equal(bcast_commit_key(scene.publisher, 4, 1), -EOPNOTSUPP);
	assert_int_equal(bcast_commit(scene.publisher, 4), 0);
	scene_close(&scene);
}

/* The daemon dies, and another one takes its segment over, but no more yet. */
static void change_daemons(struct scene *scene)
{
	struct bc_segment *segment = &scene->nodes.stream.segment;
	struct bc_segment_config config = test_stream_config(scene->nodes.name);
	const char *reason = NULL;

	config.format = BCAST_FORMAT_PACKET;
	config.index_entries = BC_RECORD_INDEX_ENTRIES;
	bc_segment_close(segment);
	scene_say(scene, "meanwhile");
	assert_int_equal(bc_segment_adopt(segment, &config, &reason), 0);
}

static void replace_registry(struct scene *scene)
{
	const struct bc_registry_config config = {
		.name = scene->nodes.name,
		.epoch = scene->nodes.stream.segment.control->identity.epoch,
		.node_count = 8,
		.inbox_bytes = BC_PAGE,
		.mode = 0660,
		.group = (gid_t)-1,
	};

	assert_int_equal(bc_registry_create(&config), 0);
}

static void go_live(struct scene *scene)
{
	bc_segment_set_state(&scene->nodes.stream.segment, BC_STATE_LIVE);
}

/* Records of 1 KiB: what was not 0, or 0 if a whole ring went through. */
static int publish_a_ring(struct bcast_publisher *publisher)
{
	static const char kilobyte[1024 - sizeof(struct bcast_packet_header)];
	int ret = 0;

	for (uint64_t done = 0; done <= TEST_CAPACITY && ret == 0; done += 1024)
		ret = bcast_publish(publisher, kilobyte, sizeof(kilobyte));
	return ret;
}

static void publisher_goes_on_through_an_adoption(void **state)
{
	const struct bc_segment *segment;
	struct scene scene;

	(void)state;
	scene_open(&scene, true);
	segment = &scene.nodes.stream.segment;
	scene_say(&scene, "before");
	change_daemons(&scene);
	go_live(&scene);
	assert_int_equal(bc_lease_held(segment), 1);
	assert_int_equal(segment->control->head.publish_rule, BC_RULE_HEADER);
	scene_say(&scene, "after");

	scene_expect(scene.reader, 1, "before");
	scene_expect(scene.reader, 2, "meanwhile");
	scene_expect(scene.reader, 3, "after");
	assert_int_equal(publish_a_ring(scene.publisher), 0);
	scene_close(&scene);
}

/* Else it would heed no new gates, and wake no new sleepers. */
static void publisher_of_a_replaced_registry_is_told_to_leave(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, true);
	change_daemons(&scene);
	/* a look in between is not the last one */
	assert_int_equal(publish_a_ring(scene.publisher), 0);
	replace_registry(&scene);
	go_live(&scene);

	assert_int_equal(publish_a_ring(scene.publisher), BCAST_ECLOSED);
	assert_int_equal(bcast_publish(scene.publisher, "", 0), BCAST_ECLOSED);

	bcast_publisher_close(scene.publisher);
	scene.publisher = NULL;
	assert_int_equal(
		bcast_publisher_open(scene.node, NULL, &scene.publisher),
		BCAST_ECLOSED);
	bcast_leave(scene.node);
	scene.node = test_nodes_join(&scene.nodes, "writer");
	assert_int_equal(
		bcast_publisher_open(scene.node, NULL, &scene.publisher), 0);
	assert_int_equal(publish_a_ring(scene.publisher), 0);
	scene_close(&scene);
}

/* One that was killed while it waited for room would wait for ever. */
static void wish_for_room_does_not_outlive_who_had_it(void **state)
{
	struct scene scene;
	struct bc_lease_shm *lease;

	(void)state;
	scene_open(&scene, true);
	bcast_publisher_close(scene.publisher);
	lease = &scene.nodes.stream.segment.control->lease;
	atomic_store(&lease->room_wanted, 1);

	assert_int_equal(
		bcast_publisher_open(scene.node, NULL, &scene.publisher), 0);
	assert_int_equal(atomic_load(&lease->room_wanted), 0);
	scene_close(&scene);
}

static void monitor_shows_who_writes_and_how_much(void **state)
{
	struct bcast_monitor *monitor;
	struct bcast_stream_info stream;
	struct bcast_writer_info writer;
	struct scene scene;

	(void)state;
	scene_open(&scene, true);
	assert_int_equal(bcast_monitor_open(scene.nodes.name, &monitor), 0);
	(void)bcast_monitor_stream(monitor, &stream);
	assert_int_equal(stream.sequence, 1);
	scene_say(&scene, "one");
	scene_say(&scene, "two");
	assert_int_equal(bcast_flush(scene.publisher), 0);

	(void)bcast_monitor_stream(monitor, &stream);
	assert_int_equal(bcast_monitor_writer(monitor, &writer), 0);
	assert_int_equal(stream.sequence, 3);
	assert_int_equal(writer.kind, BCAST_WRITER_NODE);
	assert_string_equal(writer.who, "writer");
	assert_int_equal(writer.pid, getpid());
	assert_int_equal(writer.grants, 1);
	bcast_publisher_close(scene.publisher);
	scene.publisher = NULL;
	(void)bcast_monitor_writer(monitor, &writer);
	assert_int_equal(writer.kind, BCAST_WRITER_NONE);
	assert_string_equal(writer.who, "");
	bcast_monitor_close(monitor);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_read_as_they_were_published),
		cmocka_unit_test(bytes_are_read_as_they_were_published),
		cmocka_unit_test(many_laps_are_read_without_a_gap),
		cmocka_unit_test(batch_is_seen_at_its_commit),
		cmocka_unit_test(span_shows_all_records_at_once),
		cmocka_unit_test(lapped_reader_is_told_records_and_bytes),
		cmocka_unit_test(second_publisher_is_told_who_has_the_lease),
		cmocka_unit_test(next_publisher_goes_on_with_the_numbers),
		cmocka_unit_test(aborted_claim_is_seen_by_nobody),
		cmocka_unit_test(key_is_the_beginning_of_what_is_committed),
		cmocka_unit_test(stream_of_bytes_has_no_keys),
		cmocka_unit_test(publisher_goes_on_through_an_adoption),
		cmocka_unit_test(
			publisher_of_a_replaced_registry_is_told_to_leave),
		cmocka_unit_test(monitor_shows_who_writes_and_how_much),
		cmocka_unit_test(wish_for_room_does_not_outlive_who_had_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
