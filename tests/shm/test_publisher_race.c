/* SPDX-License-Identifier: MIT */
/*
 * test_publisher_race.c - a publisher at full speed in one thread, readers in
 * others: by record, by span, by copy, asleep and awake. What they are given is
 * right or counted as lost.
 *
 * ThreadSanitizer goes by addresses, so it knows nothing of two mappings of one
 * page. For it, the first test puts all of them on the publisher's mapping. The
 * publisher waits there before it would lap anybody: then nothing needs the
 * fences that the sanitizer does not know, and no race is suppressed. The
 * second test is the public API as it is, lapping on purpose.
 */
#include "records.h"
#include "scene.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "shm/client_node.h"
#include "shm/writer.h"

#define READERS 3
#define RECORDS 60000u
#define BATCH	3u
#define TEXT	40u
#define SIZE	96u /* bcast_packet_size(TEXT) */

struct reading {
	struct bcast_reader *reader;
	struct bcast_node *node; /* NULL: it is not one's */
	_Atomic uint64_t position;
	uint64_t next, lost;
	int64_t (*take)(struct reading *reading);
};

static struct scene scene;
static struct bc_writer writer;
static struct reading readings[READERS];

static bool is_right(const struct reading *reading, uint64_t sequence,
		     const void *payload, uint32_t length)
{
	return sequence == reading->next && length == TEXT &&
	       records_is_right(sequence, payload, length);
}

static void must(bool condition, const char *what)
{
	if (condition)
		return;
	print_error("%s\n", what);
	abort();
}

static int64_t take_record(struct reading *reading)
{
	struct bcast_packet packet;
	int ret = bcast_next(reading->reader, &packet);
	bool right;

	if (ret <= 0)
		return ret;
	right = is_right(reading, packet.sequence, packet.payload,
			 packet.length);
	ret = bcast_consume(reading->reader, packet.size);
	if (ret < 0)
		return ret;
	must(right, "a record is wrong");
	reading->next++;
	return 1;
}

/* Whole records of a span: how many are right, from the first on. */
static uint64_t count_right(struct reading *reading, const void *span,
			    size_t size)
{
	const struct bcast_packet_header *header;
	uint64_t count = 0;
	size_t at = 0;

	while ((header = bcast_packet_in(span, size, at))) {
		struct reading here = {.next = reading->next + count};

		if (!is_right(&here, header->sequence, header + 1,
			      header->length))
			return count;
		at += SIZE;
		count++;
	}
	return count;
}

static int64_t take_span(struct reading *reading)
{
	const void *span;
	int64_t size = bcast_peek(reading->reader, &span);
	uint64_t count;
	int ret;

	if (size <= 0)
		return size;
	count = count_right(reading, span, (size_t)size);
	ret = bcast_consume(reading->reader, (size_t)size);
	if (ret < 0)
		return ret;
	must(count * SIZE == (uint64_t)size, "a span is wrong");
	reading->next += count;
	return 1;
}

static int64_t take_copy(struct reading *reading)
{
	unsigned char copy[4096];
	int64_t size = bcast_read(reading->reader, copy, sizeof(copy));
	uint64_t count;

	if (size <= 0)
		return size;
	count = count_right(reading, copy, (size_t)size);
	must(count * SIZE == (uint64_t)size, "a copy is wrong");
	reading->next += count;
	return 1;
}

static void *read_all(void *argument)
{
	struct reading *reading = argument;

	while (reading->next <= RECORDS) {
		int64_t ret = reading->take(reading);

		if (ret == 0)
			ret = bcast_wait(reading->reader, DEADLINE_MS);
		if (ret == BCAST_ELAPPED) {
			struct bcast_loss loss = bcast_loss(reading->reader);

			must(loss.packets > 0, "a loss of nothing");
			reading->next += loss.packets;
			reading->lost += loss.packets;
		}
		must(ret == 1 || ret == BCAST_ELAPPED, "no data in time");
		atomic_store_explicit(&reading->position,
				      bcast_position(reading->reader),
				      memory_order_release);
	}
	return NULL;
}

static void begin(struct reading *reading, unsigned number)
{
	static int64_t (*const takes[READERS])(struct reading *) = {
		take_record, take_span, take_copy};
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;
	char id[2] = {(char)('a' + number), 0};

	/* one that never spins */
	options.spin_ns = number == 0 ? 0 : BCAST_SPIN_DEFAULT;
	*reading = (struct reading){.next = 1, .take = takes[number]};
	reading->node = test_nodes_join(&scene.nodes, id);
	assert_int_equal(
		bcast_node_reader(reading->node, &options, &reading->reader),
		0);
}

static void end(struct reading *reading)
{
	assert_int_equal(reading->next, RECORDS + 1);
	assert_int_equal(bcast_loss(reading->reader).total_packets,
			 reading->lost);
	bcast_detach(reading->reader);
	bcast_leave(reading->node);
}

static void run(void (*publish_all)(void))
{
	pthread_t threads[READERS];

	for (unsigned i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_all,
						&readings[i]),
				 0);
	publish_all();
	for (unsigned i = 0; i < READERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* ---- On one mapping ---------------------------------------------------- */

/* So far may the publisher go without touching what somebody reads. */
static bool everybody_is_past(uint64_t position)
{
	for (unsigned i = 0; i < READERS; i++)
		if (atomic_load_explicit(&readings[i].position,
					 memory_order_acquire) < position)
			return false;
	return true;
}

static bool is_room(void *argument)
{
	uint64_t reach = writer.at.position + TEST_CAPACITY / 4;

	(void)argument;
	return reach <= TEST_CAPACITY ||
	       everybody_is_past(reach - TEST_CAPACITY);
}

/* As bcast_batch_begin() and bcast_batch_commit(). */
static void publish_batch(void)
{
	struct bcast_batch batch = {
		.next = bc_ring_address(&writer.ring, writer.at.position),
		.sequence = writer.at.sequence,
		.words = {(uint64_t)BCAST_PACKET_DATA << 32},
	};

	assert_int_equal(bc_writer_room(&writer, (uint64_t)BATCH * SIZE), 0);
	batch.end = batch.next + (size_t)BATCH * SIZE;
	for (unsigned i = 0; i < BATCH; i++) {
		uint64_t sequence = batch.sequence;
		void *data = bcast_batch_add(&batch, TEXT);

		assert_non_null(data);
		test_pattern_fill(sequence, 0, data, TEXT);
	}
	bc_writer_show(&writer, (uint64_t)BATCH * SIZE, BATCH);
}

static void publish_one(void)
{
	assert_int_equal(bc_writer_room(&writer, SIZE), 0);
	records_write(&writer.ring, writer.at, TEXT);
	bc_writer_show(&writer, SIZE, 1);
}

static void publish_gated(void)
{
	while (writer.at.sequence <= RECORDS) {
		if (!is_room(NULL))
			assert_true(test_within(DEADLINE_MS, is_room, NULL));
		if (writer.at.sequence % 5 == 0 &&
		    writer.at.sequence + BATCH <= RECORDS + 1)
			publish_batch();
		else
			publish_one();
	}
}

static void gated_publisher_and_its_readers_are_free_of_races(void **state)
{
	(void)state;
	scene_open(&scene, true);
	bcast_publisher_close(scene.publisher);
	scene.publisher = NULL;
	assert_int_equal(
		bc_writer_open(&writer, scene.nodes.name, &scene.node->node, 0),
		0);
	for (unsigned i = 0; i < READERS; i++) {
		begin(&readings[i], i);
		readings[i].reader->ring = writer.ring;
	}

	run(publish_gated);

	for (unsigned i = 0; i < READERS; i++) {
		assert_int_equal(readings[i].lost, 0);
		end(&readings[i]);
	}
	bc_writer_close(&writer);
	scene_close(&scene);
}

/* ---- Through the API --------------------------------------------------- */

static void publish_freely(void)
{
	unsigned char bytes[TEXT];

	for (uint64_t i = 1; i <= RECORDS; i++) {
		test_pattern_fill(i, 0, bytes, sizeof(bytes));
		assert_int_equal(
			bcast_publish(scene.publisher, bytes, sizeof(bytes)),
			0);
	}
}

static void free_running_publisher_slips_no_wrong_record_through(void **state)
{
	(void)state;
	scene_open(&scene, true);
	for (unsigned i = 0; i < READERS; i++)
		begin(&readings[i], i);

	run(publish_freely);

	for (unsigned i = 0; i < READERS; i++)
		end(&readings[i]);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			gated_publisher_and_its_readers_are_free_of_races),
		cmocka_unit_test(
			free_running_publisher_slips_no_wrong_record_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
