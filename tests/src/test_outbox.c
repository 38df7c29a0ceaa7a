/* SPDX-License-Identifier: MIT */
/* What a client is told: in order, bounded, and a long record beside it. */
#include <errno.h>
#include <string.h>

#include "support.h"

#include "src/outbox.h"

static struct outbox outbox;
static unsigned char payload[OUTBOX_MAX * 4];

static int prepare(void **state)
{
	(void)state;
	outbox = (struct outbox){0};
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	outbox_fini(&outbox);
	return 0;
}

static struct bcast_packet_header header_of(uint32_t size)
{
	return (struct bcast_packet_header){
		.length = size - (uint32_t)sizeof(struct bcast_packet_header),
		.type = BCAST_PACKET_MESSAGE,
	};
}

/* A record of `size` bytes, header included. */
static int add(uint32_t size)
{
	const struct bcast_packet_header header = header_of(size);

	return outbox_add(&outbox, &header, payload);
}

static int add_bulk(uint32_t size)
{
	const struct bcast_packet_header header = header_of(size);

	return outbox_add_bulk(&outbox, &header, payload);
}

static size_t fly(void)
{
	const void *bytes;
	size_t size = outbox_next(&outbox, &bytes);

	outbox_sent(&outbox, size);
	return size;
}

static void box_is_full_at_its_limit(void **state)
{
	(void)state;

	assert_int_equal(add(OUTBOX_MAX - 32), 0);
	assert_int_equal(add(64), -ENOBUFS);
	assert_int_equal(add(32), 0);
	assert_int_equal(add(32), -ENOBUFS);
	assert_int_equal(fly(), OUTBOX_MAX);
	assert_int_equal(add(32), 0);
}

static void long_record_takes_nobodys_room(void **state)
{
	(void)state;

	assert_int_equal(add_bulk(OUTBOX_MAX * 2), 0);
	assert_int_equal(add(OUTBOX_MAX), 0);
	assert_int_equal(add(32), -ENOBUFS);
	assert_int_equal(fly(), OUTBOX_MAX * 3);

	/* and is not counted twice */
	assert_int_equal(add(OUTBOX_MAX), 0);
	assert_int_equal(add(32), -ENOBUFS);
}

static void records_fly_in_order(void **state)
{
	const struct bcast_packet_header *header;
	const void *bytes;

	(void)state;

	for (uint32_t i = 1; i <= 5; i++)
		assert_int_equal(i % 2 ? add(32 * i) : add_bulk(32 * i), 0);

	assert_int_equal(outbox_next(&outbox, &bytes), 32 * 15);
	for (uint32_t i = 1; i <= 5; i++) {
		header = bytes;
		assert_int_equal(header->length, 32 * (i - 1));
		bytes = (const unsigned char *)bytes + 32 * i;
	}
}

#define OUTBOX_TEST(f) cmocka_unit_test_setup_teardown(f, prepare, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OUTBOX_TEST(box_is_full_at_its_limit),
		OUTBOX_TEST(long_record_takes_nobodys_room),
		OUTBOX_TEST(records_fly_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
