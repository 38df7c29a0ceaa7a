/* SPDX-License-Identifier: MIT */
/* test_client_read.c - a subscriber over TCP, whatever the daemon does. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client_double.h"

static struct client_double double_;

static int teardown(void **state)
{
	(void)state;
	test_kill(&double_.child);
	return 0;
}

/* ---- All is well ------------------------------------------------------- */

static void script_records(struct client_double *daemon)
{
	double_greet(daemon);
	test_child_check(daemon->hello.fixed.roles == BCAST_CLIENT_SUBSCRIBE);
	test_child_check(daemon->hello.fixed.from == BCAST_START_LIVE);
	double_records(daemon, 3000);
	double_end(daemon);
}

static void records_come_in_order_and_then_the_end(void **state)
{
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_records);
	client = double_open(&double_, NULL);

	numbered_expect(client, 1, 3000);

	assert_int_equal(double_next(client), BCAST_ECLOSED);
	assert_int_equal(bcast_client_stats(client).records, 3000);
	bcast_close(client);
	double_join(&double_);
}

static void script_pieces(struct client_double *daemon)
{
	double_greet(daemon);
	for (unsigned i = 0; i < 20; i++) {
		unsigned char bytes[NUMBERED_MAX + 64];
		size_t size = double_record_bytes(daemon, bytes);

		for (size_t at = 0; at < size; at++)
			double_say_bytes(daemon, bytes + at, 1);
		daemon->sequence++;
		daemon->position += size;
	}
	double_await_close(daemon);
}

static void records_may_come_byte_by_byte(void **state)
{
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_pieces);
	client = double_open(&double_, NULL);

	numbered_expect(client, 1, 20);

	bcast_close(client);
	double_join(&double_);
}

#define LARGE (3u << 20)

static void script_large(struct client_double *daemon)
{
	unsigned char *payload = malloc(LARGE);
	struct bcast_packet_header header = {
		.length = LARGE,
		.type = BCAST_PACKET_DATA,
	};

	daemon->welcome.fixed.payload_max = LARGE;
	double_greet(daemon);
	test_child_check(payload != NULL);
	for (header.sequence = 1; header.sequence <= 4; header.sequence++) {
		test_pattern_fill(5, header.sequence * LARGE, payload, LARGE);
		double_say_header(daemon, &header, payload);
	}
	free(payload);
	double_await_close(daemon);
}

static void records_larger_than_the_buffer_are_whole(void **state)
{
	struct bcast_client *client;
	struct bcast_packet packet;

	(void)state;
	double_start(&double_, script_large);
	client = double_open(&double_, NULL);

	for (uint64_t i = 1; i <= 4; i++) {
		assert_int_equal(
			bcast_client_next(client, &packet, DEADLINE_MS), 1);
		assert_int_equal(packet.length, LARGE);
		assert_int_equal(
			test_pattern_check(5, i * LARGE, packet.payload, LARGE),
			-1);
	}

	bcast_close(client);
	double_join(&double_);
}

static void script_asides(struct client_double *daemon)
{
	static const struct bcast_packet_header unknown = {
		.length = 40,
		.type = 0x8ffe,
		.sequence = 7,
	};
	const struct bcast_heartbeat beat = {640, 11};
	unsigned char zeros[64] = {0};

	double_greet(daemon);
	double_records(daemon, 1);
	double_say(daemon, BCAST_PACKET_PING, "are you there", 13);
	double_say(daemon, BCAST_PACKET_HEARTBEAT, &beat, sizeof(beat));
	double_say_header(daemon, &unknown, zeros);
	double_records(daemon, 1);
	double_say_header(daemon,
			  &(struct bcast_packet_header){
				  .length = 64,
				  .type = BCAST_PACKET_PAD,
				  .sequence = daemon->sequence++,
			  },
			  zeros);
	daemon->position += 96;
	double_records(daemon, 1);
	double_expect(daemon, BCAST_PACKET_PONG);
	test_child_check(daemon->header.length == 13);
	test_child_check(memcmp(daemon->payload, "are you there", 13) == 0);
	double_await_close(daemon);
}

static void what_is_no_record_is_answered_or_skipped(void **state)
{
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_asides);
	client = double_open(&double_, NULL);

	numbered_expect(client, 1, 2);
	numbered_expect(client, 4, 1);

	assert_int_equal(bcast_client_stats(client).tail, 640);
	numbered_expect_nothing(client);
	bcast_close(client);
	double_join(&double_);
}

/* ---- Gaps -------------------------------------------------------------- */

static void script_gap(struct client_double *daemon)
{
	double_greet(daemon);
	double_records(daemon, 2);
	double_gap(daemon, 10, BCAST_GAP_SKIPPED);
	double_records(daemon, 2);
	double_gap(daemon, 100, BCAST_GAP_FILTERED);
	double_records(daemon, 2);
	double_await_close(daemon);
}

static void a_gap_says_exactly_what_is_gone(void **state)
{
	struct bcast_client_place before;
	struct bcast_client_gap gap;
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_gap);
	client = double_open(&double_, NULL);
	numbered_expect(client, 1, 2);
	before = bcast_client_position(client);

	assert_int_equal(double_next(client), BCAST_ELAPPED);
	gap = bcast_client_gap(client);

	assert_int_equal(gap.from, before.position);
	assert_int_equal(gap.to, before.position + 640);
	assert_int_equal(gap.from_sequence, 3);
	assert_int_equal(gap.to_sequence, 13);
	assert_int_equal(gap.bytes, 640);
	assert_int_equal(gap.records, 10);
	assert_int_equal(gap.reason, BCAST_GAP_SKIPPED);
	assert_int_equal(bcast_client_position(client).position, gap.to);
	numbered_expect(client, 13, 2);
	/* what was filtered is no loss */
	numbered_expect(client, 115, 2);
	assert_int_equal(bcast_client_gap(client).gaps, 1);
	assert_int_equal(bcast_client_gap(client).total_records, 10);
	bcast_close(client);
	double_join(&double_);
}

static void script_resumed_later(struct client_double *daemon)
{
	double_accept(daemon);
	test_child_check(daemon->hello.fixed.from == BCAST_START_POSITION);
	test_child_check(daemon->hello.fixed.position == 640);
	test_child_check(daemon->hello.fixed.epoch == DOUBLE_EPOCH);
	daemon->position = 6400;
	daemon->sequence = 101;
	double_welcome(daemon);
	double_records(daemon, 1);
	double_await_close(daemon);
}

static void a_position_that_is_gone_is_a_gap(void **state)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client_gap gap;
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_resumed_later);
	how.from = BCAST_START_POSITION;
	how.epoch = DOUBLE_EPOCH;
	how.position = 640;
	how.sequence = 11;
	client = double_open(&double_, &how);

	assert_int_equal(double_next(client), BCAST_ELAPPED);

	gap = bcast_client_gap(client);
	assert_int_equal(gap.from, 640);
	assert_int_equal(gap.to, 6400);
	assert_int_equal(gap.records, 90);
	assert_int_equal(gap.reason, BCAST_GAP_OVERWRITTEN);
	numbered_expect(client, 101, 1);
	bcast_close(client);
	double_join(&double_);
}

static void script_welcomed_where_asked_then_gap(struct client_double *daemon)
{
	double_accept(daemon);
	daemon->position = daemon->hello.fixed.position;
	daemon->sequence = 11;
	double_welcome(daemon);
	double_gap(daemon, 90, BCAST_GAP_OVERWRITTEN);
	double_records(daemon, 1);
	double_await_close(daemon);
}

static void a_gap_right_after_welcome_is_told_once(void **state)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_welcomed_where_asked_then_gap);
	how.from = BCAST_START_POSITION;
	how.epoch = DOUBLE_EPOCH;
	how.position = 640;
	client = double_open(&double_, &how);

	assert_int_equal(double_next(client), BCAST_ELAPPED);

	assert_int_equal(bcast_client_gap(client).bytes, 90 * 64);
	numbered_expect(client, 101, 1);
	assert_int_equal(bcast_client_gap(client).gaps, 1);
	bcast_close(client);
	double_join(&double_);
}

static void script_says_gap_twice(struct client_double *daemon)
{
	const struct bcast_gap gap = {
		.from = 640,
		.to = 6400,
		.to_sequence = 101,
		.reason = BCAST_GAP_OVERWRITTEN,
	};

	double_accept(daemon);
	daemon->position = 6400;
	daemon->sequence = 101;
	double_welcome(daemon);
	double_say(daemon, BCAST_PACKET_GAP, &gap, sizeof(gap));
	double_records(daemon, 1);
	double_await_close(daemon);
}

static void a_gap_that_welcome_told_already_is_not_told_again(void **state)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_says_gap_twice);
	how.from = BCAST_START_POSITION;
	how.epoch = DOUBLE_EPOCH;
	how.position = 640;
	client = double_open(&double_, &how);

	assert_int_equal(double_next(client), BCAST_ELAPPED);

	assert_int_equal(bcast_client_gap(client).bytes, 6400 - 640);
	numbered_expect(client, 101, 1);
	assert_int_equal(bcast_client_gap(client).gaps, 1);
	bcast_close(client);
	double_join(&double_);
}

static void script_other_epoch(struct client_double *daemon)
{
	daemon->welcome.fixed.flags = BCAST_WELCOME_OTHER_EPOCH;
	double_greet(daemon);
	double_records(daemon, 1);
	double_await_close(daemon);
}

static void another_epoch_is_said_before_its_records(void **state)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_other_epoch);
	how.from = BCAST_START_POSITION;
	how.epoch = DOUBLE_EPOCH + 1;
	how.position = 64000;
	client = double_open(&double_, &how);

	assert_int_equal(double_next(client), BCAST_EEPOCH);

	assert_int_equal(bcast_client_position(client).epoch, DOUBLE_EPOCH);
	assert_int_equal(bcast_client_position(client).position, 0);
	numbered_expect(client, 1, 1);
	bcast_close(client);
	double_join(&double_);
}

/* ---- Checksums, keys, the next stream ---------------------------------- */

static void script_checksums(struct client_double *daemon)
{
	struct bcast_packet_header header = {
		.length = 9,
		.type = BCAST_PACKET_DATA,
		.crc32c = 0xe3069283, /* of "123456789" */
	};

	double_greet(daemon);
	for (header.sequence = 1; header.sequence <= 3; header.sequence++) {
		double_say_header(daemon, &header, "123456789");
		header.crc32c ^= 1;
	}
	double_await_close(daemon);
}

static void a_damaged_record_is_told_and_passed_over(void **state)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client_gap gap;
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_checksums);
	how.flags = BCAST_CLIENT_CHECKSUM;
	client = double_open(&double_, &how);
	assert_int_equal(double_next(client), 1);

	assert_int_equal(double_next(client), -EBADMSG);

	gap = bcast_client_gap(client);
	assert_int_equal(gap.from, 64);
	assert_int_equal(gap.to, 128);
	assert_int_equal(gap.from_sequence, 2);
	assert_int_equal(gap.records, 1);
	assert_int_equal(gap.reason, BCAST_CLIENT_GAP_DAMAGED);
	assert_int_equal(double_next(client), 1);
	bcast_close(client);
	double_join(&double_);
}

static void script_keys(struct client_double *daemon)
{
	static const char *const payloads[] = {"ab1", "ac2", "ab3", "a4"};
	struct bcast_packet_header header = {
		.length = 3,
		.type = BCAST_PACKET_DATA,
		.key_length = 2,
	};

	double_greet(daemon);
	test_child_check(daemon->hello.fixed.key_length == 2);
	test_child_check(memcmp(daemon->hello.key, "ab", 2) == 0);
	for (header.sequence = 1; header.sequence <= 4; header.sequence++) {
		const char *payload = payloads[header.sequence - 1];

		header.length = (uint32_t)strlen(payload);
		header.key_length = (uint16_t)(header.length - 1);
		double_say_header(daemon, &header, payload);
	}
	double_await_close(daemon);
}

static void only_records_of_the_key_come(void **state)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client *client;
	struct bcast_packet packet;

	(void)state;
	double_start(&double_, script_keys);
	how.key = "ab";
	how.key_size = 2;
	client = double_open(&double_, &how);

	assert_int_equal(bcast_client_next(client, &packet, DEADLINE_MS), 1);
	assert_memory_equal(packet.payload, "ab1", 3);
	assert_int_equal(bcast_client_next(client, &packet, DEADLINE_MS), 1);
	assert_memory_equal(packet.payload, "ab3", 3);

	numbered_expect_nothing(client);
	assert_int_equal(bcast_client_position(client).position, 4 * 64);
	assert_int_equal(bcast_client_gap(client).gaps, 0);
	bcast_close(client);
	double_join(&double_);
}

static void script_two_streams(struct client_double *daemon)
{
	double_greet(daemon);
	double_records(daemon, 3);
	double_end(daemon);
	daemon->welcome.fixed.epoch++;
	daemon->welcome.fixed.flags = BCAST_WELCOME_OTHER_EPOCH;
	daemon->position = 0;
	daemon->sequence = 1;
	double_greet(daemon);
	double_records(daemon, 3);
	double_await_close(daemon);
}

static void who_follows_goes_on_with_the_next_stream(void **state)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_two_streams);
	how.flags = BCAST_CLIENT_FOLLOW;
	client = double_open(&double_, &how);
	numbered_expect(client, 1, 3);

	assert_int_equal(double_next(client), BCAST_EEPOCH);

	numbered_expect(client, 1, 3);
	bcast_close(client);
	double_join(&double_);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		CASE(records_come_in_order_and_then_the_end),
		CASE(records_may_come_byte_by_byte),
		CASE(records_larger_than_the_buffer_are_whole),
		CASE(what_is_no_record_is_answered_or_skipped),
		CASE(a_gap_says_exactly_what_is_gone),
		CASE(a_position_that_is_gone_is_a_gap),
		CASE(a_gap_right_after_welcome_is_told_once),
		CASE(a_gap_that_welcome_told_already_is_not_told_again),
		CASE(another_epoch_is_said_before_its_records),
		CASE(a_damaged_record_is_told_and_passed_over),
		CASE(only_records_of_the_key_come),
		CASE(who_follows_goes_on_with_the_next_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
