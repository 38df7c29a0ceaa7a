/* SPDX-License-Identifier: MIT */
/*
 * test_publisher_checksum.c - BCAST_CHECKSUM and bcast_packet_verify(): by each
 * way of publishing, from the publisher to the reader.
 */
#include "scene.h"

#include <errno.h>
#include <string.h>

#include "shm/checksum.h"

static struct scene scene;

static int open_scene(void **state)
{
	struct bcast_publisher_options options = BCAST_PUBLISHER_DEFAULTS;

	(void)state;
	scene_open(&scene, true);
	bcast_publisher_close(scene.publisher);
	options.flags = BCAST_CHECKSUM;
	assert_int_equal(
		bcast_publisher_open(scene.node, &options, &scene.publisher),
		0);
	return 0;
}

static int close_scene(void **state)
{
	(void)state;
	scene_close(&scene);
	return 0;
}

/* The next record has this payload, and its checksum. */
static void expect(const void *payload, uint32_t length)
{
	struct bcast_packet packet;

	assert_int_equal(bcast_next(scene.reader, &packet), 1);
	assert_int_equal(packet.length, length);
	assert_memory_equal(packet.payload, payload, length);
	assert_int_equal(packet.crc32c, bc_checksum(0, payload, length));
	assert_int_equal(bcast_packet_verify(&packet), 1);
	assert_int_equal(bcast_consume(scene.reader, packet.size), 0);
}

static void published_records_carry_their_checksum(void **state)
{
	static const size_t lengths[] = {1, 8, 31, 32, 33, 256, 257, 16352};
	static unsigned char bytes[16352];

	(void)state;
	test_pattern_fill(1, 0, bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		assert_int_equal(
			bcast_publish(scene.publisher, bytes, lengths[i]), 0);
		expect(bytes, (uint32_t)lengths[i]);
	}
}

static void checksum_is_crc32c(void **state)
{
	struct bcast_packet packet;

	(void)state;
	scene_say(&scene, "123456789");
	assert_int_equal(bcast_next(scene.reader, &packet), 1);
	assert_int_equal(packet.crc32c, 0xe3069283);
}

static void empty_record_has_none(void **state)
{
	(void)state;
	assert_int_equal(bcast_publish(scene.publisher, NULL, 0), 0);
	expect("", 0);
}

static void committed_claim_has_that_of_what_was_committed(void **state)
{
	void *data;

	(void)state;
	assert_int_equal(bcast_claim(scene.publisher, 100, &data), 0);
	memset(data, 'x', 100);
	assert_int_equal(bcast_commit(scene.publisher, 60), 0);
	expect("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
	       60);
}

static void each_record_of_a_batch_has_its_own(void **state)
{
	struct bcast_batch batch = {.next = NULL};

	(void)state;
	assert_int_equal(bcast_batch_begin(scene.publisher, 4096, &batch), 0);
	memcpy(bcast_batch_add(&batch, 3), "one", 3);
	assert_non_null(bcast_batch_add(&batch, 0));
	memcpy(bcast_batch_add(&batch, 32), "a record of exactly 32 bytes: ab",
	       32);
	memcpy(bcast_batch_add(&batch, 4), "last", 4);
	assert_int_equal(bcast_batch_commit(scene.publisher, &batch), 0);

	expect("one", 3);
	expect("", 0);
	expect("a record of exactly 32 bytes: ab", 32);
	expect("last", 4);
}

static void batch_that_was_written_over_is_refused(void **state)
{
	struct bcast_packet packet;
	struct bcast_batch batch = {.next = NULL};
	uint32_t *length;
	void *payload;

	(void)state;
	assert_int_equal(bcast_batch_begin(scene.publisher, 4096, &batch), 0);
	payload = bcast_batch_add(&batch, 3);
	length = (uint32_t *)(void *)((unsigned char *)payload - 32);
	*length = UINT32_MAX;
	assert_int_equal(bcast_batch_commit(scene.publisher, &batch), -EINVAL);
	assert_int_equal(bcast_next(scene.reader, &packet), 0);
	scene_say(&scene, "on");
	expect("on", 2);
}

static void change_of_any_byte_is_found(void **state)
{
	struct bcast_packet packet;
	unsigned char *payload;

	(void)state;
	scene_say(&scene, "some bytes that will not stay as they are");
	assert_int_equal(bcast_next(scene.reader, &packet), 1);
	payload = bc_ring_address(&scene.nodes.stream.segment.ring, 32);
	for (uint32_t i = 0; i < packet.length; i++) {
		payload[i] ^= 0x40;
		assert_int_equal(bcast_packet_verify(&packet), 0);
		payload[i] ^= 0x40;
		assert_int_equal(bcast_packet_verify(&packet), 1);
	}
}

static void without_the_flag_there_is_none_and_nothing_is_wrong(void **state)
{
	struct bcast_packet packet;

	(void)state;
	bcast_publisher_close(scene.publisher);
	assert_int_equal(
		bcast_publisher_open(scene.node, NULL, &scene.publisher), 0);
	scene_say(&scene, "no checksum");
	assert_int_equal(bcast_next(scene.reader, &packet), 1);
	assert_int_equal(packet.crc32c, 0);
	assert_int_equal(bcast_packet_verify(&packet), 1);
}

static void flags_that_are_none_are_refused(void **state)
{
	struct bcast_publisher_options options = BCAST_PUBLISHER_DEFAULTS;
	struct bcast_publisher *publisher;

	(void)state;
	options.flags = 2;
	assert_int_equal(bcast_publisher_open(scene.node, &options, &publisher),
			 -EINVAL);
	options.flags = 0;
	options.reserved_zero = 1;
	assert_int_equal(bcast_publisher_open(scene.node, &options, &publisher),
			 -EINVAL);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, open_scene, close_scene)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(published_records_carry_their_checksum),
		TEST(checksum_is_crc32c),
		TEST(empty_record_has_none),
		TEST(committed_claim_has_that_of_what_was_committed),
		TEST(each_record_of_a_batch_has_its_own),
		TEST(batch_that_was_written_over_is_refused),
		TEST(change_of_any_byte_is_found),
		TEST(without_the_flag_there_is_none_and_nothing_is_wrong),
		TEST(flags_that_are_none_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
