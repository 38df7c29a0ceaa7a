/* SPDX-License-Identifier: MIT */
/*
 * test_publisher_table.c - what a TCP publisher is told of its own records,
 * whenever the daemon died.
 */
#include "each_step.h"
#include "nodes.h"
#include "records.h"

#include <errno.h>
#include <string.h>

#include <bcast/monitor.h>

#include "shm/lease.h"
#include "shm/publisher_table.h"

#define ALICE UINT64_C(0xa11ce)
#define BOB   UINT64_C(0xb0b)

static struct test_nodes nodes;
static struct bc_segment *segment;
static struct bc_publisher_shm *entries;
static const uint64_t nobody[BC_PUBLISHER_WORDS];

static int open_stream(void **state)
{
	(void)state;
	test_nodes_open_packets(&nodes, 2);
	segment = &nodes.stream.segment;
	entries = (struct bc_publisher_shm *)(void *)segment
			  ->regions[BC_REGION_PUBLISHERS]
			  .base;
	return 0;
}

static int close_stream(void **state)
{
	(void)state;
	test_nodes_close(&nodes);
	return 0;
}

static uint64_t tail(void)
{
	return bc_ring_tail(&segment->ring);
}

/* The tail moves on by `bytes`, by a daemon or a local publisher. */
static void move_tail(uint64_t bytes)
{
	uint64_t to = tail() + bytes;

	records_reserve(&segment->ring, to + BC_RECORD_HEADER);
	bc_record_publish(&segment->ring, to, to / 32 + 1, 1);
}

static uint32_t slot_of(uint64_t id)
{
	int slot = bc_publisher_table_find(segment, id, nobody);

	assert_true(slot >= 0);
	return (uint32_t)slot;
}

static uint64_t accepted(uint64_t id)
{
	return bc_publisher_table_accepted(segment, slot_of(id));
}

/* `id` publishes records up to `number`, 64 bytes in all. */
static void publish(uint64_t id, uint64_t number)
{
	bc_publisher_table_prepare(segment, slot_of(id), number, tail() + 64);
	move_tail(64);
}

static void use(uint64_t in_use[BC_PUBLISHER_WORDS], uint32_t slot)
{
	in_use[slot / 64] |= UINT64_C(1) << (slot % 64);
}

/* ---- Slots ------------------------------------------------------------- */

static void a_new_publisher_gets_a_slot_of_its_own(void **state)
{
	(void)state;
	assert_int_equal(accepted(ALICE), 0);
	assert_int_not_equal(slot_of(ALICE), slot_of(BOB));
	assert_int_equal(slot_of(ALICE), slot_of(ALICE));
	assert_int_equal(bc_publisher_table_source(slot_of(ALICE)),
			 slot_of(ALICE) + 1);
	assert_int_equal(entries[slot_of(BOB)].source, slot_of(BOB) + 1);
}

static void id_0_is_none(void **state)
{
	(void)state;
	assert_int_equal(bc_publisher_table_find(segment, 0, nobody), -EINVAL);
}

static void a_stream_of_bytes_has_no_table(void **state)
{
	struct test_stream raw;

	(void)state;
	assert_int_equal(test_stream_open(&raw, test_name()), 0);
	assert_int_equal(bc_publisher_table_find(&raw.segment, 1, nobody),
			 -EOPNOTSUPP);
	bc_publisher_table_settle(&raw.segment);
	test_stream_close(&raw);
}

static void the_table_has_its_size(void **state)
{
	(void)state;
	assert_int_equal(segment->regions[BC_REGION_PUBLISHERS].count,
			 BC_PUBLISHER_SLOTS);
	for (uint32_t i = 0; i < BC_PUBLISHER_SLOTS; i++)
		assert_int_equal(slot_of(1000 + i), i);
}

static void who_has_not_published_for_longest_is_forgotten_first(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < BC_PUBLISHER_SLOTS; i++)
		publish(1000 + i, 10 + i);
	publish(1000, 5000);

	assert_int_equal(slot_of(ALICE), 1);

	assert_int_equal(accepted(ALICE), 0);
	assert_int_equal(accepted(1000), 5000);
	assert_int_equal(accepted(1002), 12);
	/* to be found is to be used */
	move_tail(32);
	assert_int_equal(slot_of(1003), 3);
	assert_int_equal(slot_of(BOB), 4);
}

static void slots_of_connections_are_not_taken(void **state)
{
	uint64_t in_use[BC_PUBLISHER_WORDS] = {0};

	(void)state;
	for (uint32_t i = 0; i < BC_PUBLISHER_SLOTS; i++) {
		publish(1000 + i, 1);
		if (i != 77)
			use(in_use, i);
	}

	assert_int_equal(bc_publisher_table_find(segment, ALICE, in_use), 77);
	use(in_use, 77);

	assert_int_equal(bc_publisher_table_find(segment, BOB, in_use),
			 BCAST_EFULL);
	assert_int_equal(bc_publisher_table_find(segment, 1005, in_use), 5);
}

static void a_pending_slot_is_not_taken(void **state)
{
	uint64_t in_use[BC_PUBLISHER_WORDS];

	(void)state;
	memset(in_use, 0xff, sizeof(in_use));
	in_use[0] &= ~UINT64_C(1);
	assert_int_equal(slot_of(ALICE), 0);
	bc_publisher_table_prepare(segment, 0, 1, 64);
	assert_int_equal(bc_publisher_table_find(segment, BOB, in_use),
			 BCAST_EFULL);
	bc_publisher_table_settle(segment);
	assert_int_equal(bc_publisher_table_find(segment, BOB, in_use), 0);
}

/* ---- Numbers ----------------------------------------------------------- */

static void a_number_is_accepted_as_the_tail_passes_it(void **state)
{
	(void)state;
	publish(ALICE, 7);
	bc_publisher_table_prepare(segment, slot_of(ALICE), 9, tail() + 96);

	assert_int_equal(accepted(ALICE), 7);
	move_tail(64);
	assert_int_equal(accepted(ALICE), 7);
	move_tail(32);
	assert_int_equal(accepted(ALICE), 9);
}

static void the_later_of_two_preparations_counts(void **state)
{
	uint32_t slot = slot_of(ALICE);

	(void)state;
	publish(ALICE, 3);
	bc_publisher_table_prepare(segment, slot, 4, tail() + 64);
	bc_publisher_table_prepare(segment, slot, 6, tail() + 128);

	assert_int_equal(accepted(ALICE), 3);
	move_tail(128);
	assert_int_equal(accepted(ALICE), 6);
}

static void what_was_not_published_is_taken_back(void **state)
{
	(void)state;
	publish(ALICE, 3);
	publish(BOB, 8);
	bc_publisher_table_prepare(segment, slot_of(ALICE), 4, tail() + 64);

	bc_publisher_table_settle(segment);
	move_tail(640);

	assert_int_equal(accepted(ALICE), 3);
	assert_int_equal(accepted(BOB), 8);
}

static void who_takes_the_lease_settles(void **state)
{
	struct bc_segment other;

	(void)state;
	publish(ALICE, 3);
	bc_publisher_table_prepare(segment, slot_of(ALICE), 4, tail() + 64);
	assert_int_equal(bc_segment_attach(&other, nodes.name, BC_VIEW_WRITE),
			 0);

	assert_int_equal(bc_lease_take(&other, 0), 1);

	assert_int_equal(entries[slot_of(ALICE)].new_number, 3);
	assert_true(entries[slot_of(ALICE)].at <= tail());
	bc_lease_give(&other);
	bc_segment_close(&other);
}

/* No daemon, and a local publisher that has never heard of the table. */
static void a_local_publisher_settles_without_knowing(void **state)
{
	struct bcast_publisher *publisher;
	struct bcast_node *node = test_nodes_join(&nodes, "local");
	char bytes[1000] = "";

	(void)state;
	publish(ALICE, 3);
	bc_publisher_table_prepare(segment, slot_of(ALICE), 4, tail() + 64);
	assert_int_equal(bcast_publisher_open(node, NULL, &publisher), 0);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(bcast_publish(publisher, bytes, sizeof(bytes)),
				 0);
	bcast_publisher_close(publisher);
	bcast_leave(node);

	assert_true(tail() > 10000);
	assert_int_equal(accepted(ALICE), 3);
}

static void the_next_daemon_knows_all_numbers(void **state)
{
	struct bc_segment_config config = test_stream_config(nodes.name);
	const char *reason = NULL;

	(void)state;
	config.format = BCAST_FORMAT_PACKET;
	config.index_entries = 512;
	publish(ALICE, 3);
	publish(BOB, 5);
	bc_publisher_table_prepare(segment, slot_of(BOB), 6, tail() + 64);
	bc_segment_close(segment);

	assert_int_equal(bc_segment_adopt(segment, &config, &reason), 0);

	assert_int_equal(accepted(ALICE), 3);
	assert_int_equal(accepted(BOB), 5);
}

/* ---- Death at any instruction ------------------------------------------ */

/* A small table: each instruction costs some microseconds. */
static int open_small_table(void **state)
{
	(void)open_stream(state);
	segment->regions[BC_REGION_PUBLISHERS].count = 3;
	return 0;
}

/* What both publishers have below a tail; and what is done at each step. */
struct story {
	uint32_t alice, bob;
	uint64_t start; /* the tail before */
	uint64_t seen[2][sizeof(struct bc_publisher_shm) / 8];
	uint64_t seen_tail;
	unsigned states; /* of memory that were different */
	uint64_t (*expected)(const struct story *story, uint64_t tail,
			     bool alice);
};

static void assert_numbers(const struct story *story, uint64_t at)
{
	assert_int_equal(bc_publisher_table_accepted(segment, story->alice),
			 story->expected(story, at, true));
	assert_int_equal(bc_publisher_table_accepted(segment, story->bob),
			 story->expected(story, at, false));
}

/*
 * If it died here: the numbers hold; and they hold too after the next holder
 * has settled, and others have published a lot.
 */
static void look_at_death(void *argument)
{
	struct bc_head_shm *head = segment->ring.head;
	struct story *story = argument;
	uint64_t saved[2][sizeof(struct bc_publisher_shm) / 8];
	uint64_t at = tail();

	memcpy(saved[0], &entries[story->alice], sizeof(saved[0]));
	memcpy(saved[1], &entries[story->bob], sizeof(saved[1]));
	if (story->states > 0 && story->seen_tail == at &&
	    memcmp(story->seen, saved, sizeof(saved)) == 0)
		return;
	memcpy(story->seen, saved, sizeof(saved));
	story->seen_tail = at;
	story->states++;
	assert_numbers(story, at);
	bc_publisher_table_settle(segment);
	assert_numbers(story, at);
	atomic_store(&head->tail, at + 100000);
	assert_numbers(story, at);
	atomic_store(&head->tail, at);
	memcpy(&entries[story->alice], saved[0], sizeof(saved[0]));
	memcpy(&entries[story->bob], saved[1], sizeof(saved[1]));
}

static uint64_t three_publications(const struct story *story, uint64_t at,
				   bool alice)
{
	if (at < story->start + 64)
		return alice ? 10 : 20;
	if (at < story->start + 128)
		return alice ? 12 : 21;
	if (at < story->start + 192)
		return alice ? 12 : 25;
	return alice ? 13 : 25;
}

static void publish_three_times(void *argument)
{
	const struct story *story = argument;
	const struct bc_ring *ring = &segment->ring;
	uint64_t at = story->start;

	bc_publisher_table_prepare(segment, story->alice, 11, at + 64);
	bc_publisher_table_prepare(segment, story->bob, 21, at + 64);
	bc_publisher_table_prepare(segment, story->alice, 12, at + 64);
	bc_record_publish(ring, at + 64, 100, 1);
	bc_publisher_table_prepare(segment, story->bob, 25, at + 128);
	bc_record_publish(ring, at + 128, 101, 1);
	bc_publisher_table_prepare(segment, story->alice, 13, at + 192);
	bc_record_publish(ring, at + 192, 102, 1);
}

static struct story begin(uint64_t (*expected)(const struct story *, uint64_t,
					       bool))
{
	struct story story = {
		.alice = slot_of(ALICE),
		.bob = slot_of(BOB),
		.expected = expected,
	};

	publish(ALICE, 10);
	publish(BOB, 20);
	story.start = tail();
	records_reserve(&segment->ring, story.start + 4096);
	return story;
}

static void death_at_any_instruction_of_a_publication(void **state)
{
	struct story story = begin(three_publications);

	(void)state;
	(void)each_step(publish_three_times, look_at_death, &story);

	/* old_number does not always change */
	assert_true(story.states >= 1 + 3 * 3);
	assert_int_equal(tail(), story.start + 192);
	assert_int_equal(accepted(ALICE), 13);
	assert_int_equal(accepted(BOB), 25);
}

static uint64_t nothing_published(const struct story *story, uint64_t at,
				  bool alice)
{
	(void)story;
	(void)at;
	return alice ? 10 : 20;
}

static void settle(void *argument)
{
	(void)argument;
	bc_publisher_table_settle(segment);
}

static void death_at_any_instruction_of_settling(void **state)
{
	struct story story = begin(nothing_published);

	(void)state;
	bc_publisher_table_prepare(segment, story.alice, 11, story.start + 64);
	bc_publisher_table_prepare(segment, story.bob, 21, story.start + 64);

	(void)each_step(settle, look_at_death, &story);

	assert_int_equal(story.states, 5);
	move_tail(64);
	assert_int_equal(accepted(ALICE), 10);
	assert_int_equal(accepted(BOB), 20);
}

/* ---- */

#define CAROL UINT64_C(0xca401)

static void find_carol(void *argument)
{
	(void)argument;
	(void)bc_publisher_table_find(segment, CAROL, nobody);
}

/* Whoever stands in the slot has the number that is its own. */
static void look_at_heir(void *argument)
{
	uint64_t id = entries[0].id;
	uint64_t number = bc_publisher_table_accepted(segment, 0);

	(void)argument;
	if (id == 1000)
		assert_int_equal(number, 42);
	else if (id == CAROL)
		assert_int_equal(number, 0);
	else
		assert_int_equal(id, 0);
}

static void death_at_any_instruction_of_taking_a_slot(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		publish(1000 + i, 42);

	(void)each_step(find_carol, look_at_heir, NULL);

	assert_int_equal(entries[0].id, CAROL);
	assert_int_equal(slot_of(CAROL), 0);
}

int main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, open_stream, close_stream)
	const struct CMUnitTest tests[] = {
		TEST(a_new_publisher_gets_a_slot_of_its_own),
		TEST(id_0_is_none),
		TEST(a_stream_of_bytes_has_no_table),
		TEST(the_table_has_its_size),
		TEST(who_has_not_published_for_longest_is_forgotten_first),
		TEST(slots_of_connections_are_not_taken),
		TEST(a_pending_slot_is_not_taken),
		TEST(a_number_is_accepted_as_the_tail_passes_it),
		TEST(the_later_of_two_preparations_counts),
		TEST(what_was_not_published_is_taken_back),
		TEST(who_takes_the_lease_settles),
		TEST(a_local_publisher_settles_without_knowing),
		TEST(the_next_daemon_knows_all_numbers),
#define TEST_SMALL(name) \
	cmocka_unit_test_setup_teardown(name, open_small_table, close_stream)
		TEST_SMALL(death_at_any_instruction_of_a_publication),
		TEST_SMALL(death_at_any_instruction_of_settling),
		TEST_SMALL(death_at_any_instruction_of_taking_a_slot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
