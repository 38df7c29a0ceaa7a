/* SPDX-License-Identifier: MIT */
/* test_client_record.c - records and gaps out of bytes, each bound. */
#include "support.h"

#include <errno.h>
#include <string.h>

#include "net/client_record.h"

#define LIMIT 256u

static struct bc_client_count count_;
static struct bc_client_record record;
static _Alignas(32) unsigned char bytes[1024];
static const unsigned char filling[LIMIT + 1];

static int setup(void **state)
{
	(void)state;
	count_ = (struct bc_client_count){
		.limits = {.data_max = LIMIT, .message_max = LIMIT},
		.position = 3200,
		.sequence = 100,
		.begun = true,
	};
	return 0;
}

static size_t put(uint16_t type, uint64_t sequence, const void *payload,
		  uint32_t length)
{
	const struct bcast_packet_header header = {
		.length = length,
		.type = type,
		.sequence = sequence,
	};

	return bc_packet_write(bytes, &header, payload);
}

static size_t put_gap(uint64_t from, uint64_t to, uint64_t from_sequence,
		      uint64_t to_sequence)
{
	const struct bcast_gap gap = {from,	   to, from_sequence,
				      to_sequence, 2,  0};

	return put(BCAST_PACKET_GAP, 0, &gap, sizeof(gap));
}

static int next(size_t size)
{
	return bc_client_record_next(&count_, bytes, size, &record);
}

static void a_record_is_taken_when_it_is_whole(void **state)
{
	size_t size = put(BCAST_PACKET_DATA, 100, "abc", 3);

	(void)state;
	assert_int_equal(size, 64);
	assert_int_equal(next(31), 0);
	assert_int_equal(record.size, 32);
	assert_int_equal(next(32), 0);
	assert_int_equal(record.size, 64);
	assert_int_equal(next(63), 0);
	assert_int_equal(count_.position, 3200);

	assert_int_equal(next(64), 1);

	assert_int_equal(record.position, 3200);
	assert_memory_equal(record.payload, "abc", 3);
	assert_int_equal(count_.position, 3264);
	assert_int_equal(count_.sequence, 101);
}

static void lengths_are_bounded_before_they_are_waited_for(void **state)
{
	(void)state;
	(void)put(BCAST_PACKET_DATA, 100, filling, LIMIT + 1);
	assert_int_equal(next(32), -EMSGSIZE);
	(void)put(BCAST_PACKET_DATA, 100, filling, LIMIT);
	assert_int_equal(next(32), 0);
	(void)put(BCAST_PACKET_MESSAGE, 0, filling, LIMIT + 1);
	assert_int_equal(next(32), -EMSGSIZE);
	count_.limits.data_max = 0;
	(void)put(BCAST_PACKET_DATA, 100, "", 0);
	assert_int_equal(next(32), -EPROTO);
}

static void numbers_go_on_one_by_one(void **state)
{
	(void)state;
	assert_int_equal(next(put(BCAST_PACKET_DATA, 99, "", 0)), -EPROTO);
	assert_int_equal(next(put(BCAST_PACKET_DATA, 101, "", 0)), -EPROTO);
	assert_int_equal(next(put(BCAST_PACKET_DATA, 100, "", 0)), 1);
	/* where it is not known, it is learned */
	count_.sequence = 0;
	assert_int_equal(next(put(BCAST_PACKET_PAD, 7, "", 0)), 1);
	assert_int_equal(count_.sequence, 8);
}

static void positions_do_not_wrap(void **state)
{
	(void)state;
	count_.position = UINT64_MAX - 31;
	assert_int_equal(next(put(BCAST_PACKET_DATA, 100, "", 0)), -EPROTO);
}

static void a_gap_begins_where_we_are_and_goes_forwards(void **state)
{
	(void)state;
	assert_int_equal(next(put_gap(3232, 6400, 100, 200)), -EPROTO);
	assert_int_equal(next(put_gap(3168, 6400, 100, 200)), -EPROTO);
	assert_int_equal(next(put_gap(3200, 3200, 100, 100)), -EPROTO);
	assert_int_equal(next(put_gap(3200, 3168, 100, 200)), -EPROTO);
	assert_int_equal(next(put_gap(3200, 6401, 100, 200)), -EPROTO);
	assert_int_equal(next(put_gap(3200, 6400, 101, 200)), -EPROTO);
	assert_int_equal(next(put_gap(3200, 6400, 100, 99)), -EPROTO);
	assert_int_equal(next(put_gap(3200, 6400, 0, 99)), -EPROTO);

	assert_int_equal(next(put_gap(3200, 6400, 0, 200)), 1);

	assert_int_equal(record.gap.from_sequence, 100);
	assert_int_equal(count_.position, 6400);
	assert_int_equal(count_.sequence, 200);
}

static void a_first_gap_may_end_where_we_are(void **state)
{
	(void)state;
	assert_int_equal(next(put_gap(32, 3200, 0, 100)), -EPROTO);
	count_.begun = false;

	assert_int_equal(next(put_gap(32, 3200, 0, 100)), 1);

	assert_int_equal(count_.position, 3200);
	assert_int_equal(count_.sequence, 100);
}

static void a_gap_that_is_too_short_is_none(void **state)
{
	const struct bcast_gap gap = {3200, 6400, 100, 200, 2, 0};

	(void)state;
	assert_int_equal(next(put(BCAST_PACKET_GAP, 0, &gap, sizeof(gap) - 1)),
			 -EPROTO);
	assert_int_equal(next(put(BCAST_PACKET_GAP, 0, &gap, sizeof(gap))), 1);
}

static void the_end_is_where_we_are(void **state)
{
	struct bcast_end end = {3232, 101};

	(void)state;
	assert_int_equal(next(put(BCAST_PACKET_END, 0, &end, sizeof(end))),
			 -EPROTO);
	end.position = 3200;
	assert_int_equal(next(put(BCAST_PACKET_END, 0, &end, sizeof(end))), 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		CASE(a_record_is_taken_when_it_is_whole),
		CASE(lengths_are_bounded_before_they_are_waited_for),
		CASE(numbers_go_on_one_by_one),
		CASE(positions_do_not_wrap),
		CASE(a_gap_begins_where_we_are_and_goes_forwards),
		CASE(a_first_gap_may_end_where_we_are),
		CASE(a_gap_that_is_too_short_is_none),
		CASE(the_end_is_where_we_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
