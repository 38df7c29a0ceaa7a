/* SPDX-License-Identifier: MIT */
/*
 * test_publisher_race.c - a publisher at full speed in one thread, readers in
 * others: by record, by span, by copy, asleep and awake. What they are given is
 * right or counted as lost.
 *
 * Under ThreadSanitizer the first test is without suppressions (tsan.supp): its
 * publisher waits before it would lap anybody, so that readers and writer never
 * touch the same byte at a time. The second laps on purpose.
 */
#include "scene.h"
#include "records.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define READERS 3
#define RECORDS 60000u
#define TEXT	40u

struct reading {
	struct bcast_reader *reader;
	struct bcast_node *node; /* NULL: it is not one's */
	_Atomic uint64_t position;
	uint64_t next, lost;
	int64_t (*take)(struct reading *reading);
};

static struct scene scene;
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
		at += bcast_packet_size(TEXT);
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
	must(count * bcast_packet_size(TEXT) == (uint64_t)size,
	     "a span is wrong");
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
	must(count * bcast_packet_size(TEXT) == (uint64_t)size,
	     "a copy is wrong");
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
	uint64_t position = bcast_publisher_position(scene.publisher);
	uint64_t reach = position + TEST_CAPACITY / 4;

	(void)argument;
	return reach <= TEST_CAPACITY ||
	       everybody_is_past(reach - TEST_CAPACITY);
}

static void publish_all(bool gated)
{
	unsigned char bytes[TEXT];

	for (uint64_t i = 1; i <= RECORDS; i++) {
		test_pattern_fill(i, 0, bytes, sizeof(bytes));
		if (gated && !is_room(NULL))
			assert_true(test_within(DEADLINE_MS, is_room, NULL));
		assert_int_equal(
			bcast_publish(scene.publisher, bytes, sizeof(bytes)),
			0);
	}
}

static void run(bool gated)
{
	static int64_t (*const takes[READERS])(struct reading *) = {
		take_record, take_span, take_copy};
	pthread_t threads[READERS];

	scene_open(&scene, true);
	for (unsigned i = 0; i < READERS; i++) {
		struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;
		char id[2] = {(char)('a' + i), 0};

		options.spin_ns = i == 0 ? 0 : BCAST_SPIN_DEFAULT;
		readings[i] = (struct reading){.next = 1, .take = takes[i]};
		readings[i].node = test_nodes_join(&scene.nodes, id);
		assert_int_equal(bcast_node_reader(readings[i].node, &options,
						   &readings[i].reader),
				 0);
	}
	for (unsigned i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_all,
						&readings[i]),
				 0);
	publish_all(gated);
	for (unsigned i = 0; i < READERS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(readings[i].next, RECORDS + 1);
		if (gated)
			assert_int_equal(readings[i].lost, 0);
		assert_int_equal(bcast_loss(readings[i].reader).total_packets,
				 readings[i].lost);
		bcast_detach(readings[i].reader);
		bcast_leave(readings[i].node);
	}
	scene_close(&scene);
}

static void gated_publisher_and_its_readers_are_free_of_races(void **state)
{
	(void)state;
	run(true);
}

static void free_running_publisher_slips_no_wrong_record_through(void **state)
{
	(void)state;
	run(false);
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
