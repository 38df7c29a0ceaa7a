/* SPDX-License-Identifier: MIT */
/*
 * test_checksum.c - it is the crc32c of RFC 3720, in one piece or in several.
 */
#include "support.h"

#include <string.h>

#include "shm/checksum.h"

#define BYTES 32

/* RFC 3720 B.4 prints the bytes of the value in order: these are the values. */
static void vectors_of_rfc_3720_come_out(void **state)
{
	static const unsigned char read_command[48] = {
		0x01, 0xc0, 0, 0,    0,	   0, 0, 0,    0,    0, 0,    0,
		0,    0,    0, 0,    0x14, 0, 0, 0,    0,    0, 0x04, 0,
		0,    0,    0, 0x14, 0,	   0, 0, 0x18, 0x28, 0, 0,    0,
		0,    0,    0, 0,    0x02, 0, 0, 0,    0,    0, 0,    0,
	};
	unsigned char bytes[BYTES];

	(void)state;

	memset(bytes, 0, BYTES);
	assert_int_equal(bc_checksum(0, bytes, BYTES), 0x8a9136aa);
	memset(bytes, 0xff, BYTES);
	assert_int_equal(bc_checksum(0, bytes, BYTES), 0x62a8ab43);
	for (unsigned i = 0; i < BYTES; i++)
		bytes[i] = (unsigned char)i;
	assert_int_equal(bc_checksum(0, bytes, BYTES), 0x46dd794e);
	for (unsigned i = 0; i < BYTES; i++)
		bytes[i] = (unsigned char)(BYTES - 1 - i);
	assert_int_equal(bc_checksum(0, bytes, BYTES), 0x113fdb5c);
	assert_int_equal(bc_checksum(0, read_command, sizeof(read_command)),
			 0xd9963a56);
	assert_int_equal(bc_checksum(0, "123456789", 9), 0xe3069283);
}

static void nothing_changes_nothing(void **state)
{
	(void)state;

	assert_int_equal(bc_checksum(0, NULL, 0), 0);
	assert_int_equal(bc_checksum(0x12345678, NULL, 0), 0x12345678);
}

/* A bit at a time: the definition. */
static uint32_t plain(const unsigned char *bytes, size_t size)
{
	uint32_t value = UINT32_MAX;

	for (size_t i = 0; i < size; i++) {
		value ^= bytes[i];
		for (unsigned bit = 0; bit < 8; bit++)
			value = value >> 1 ^
				(value & 1 ? UINT32_C(0x82f63b78) : 0);
	}
	return ~value;
}

static void any_piece_at_any_place_is_as_by_definition(void **state)
{
	static unsigned char bytes[5000];

	(void)state;
	test_pattern_fill(1, 0, bytes, sizeof(bytes));

	for (size_t from = 0; from < 70; from++)
		for (size_t size = 0; size < 3000; size += 1 + size / 3)
			assert_int_equal(bc_checksum(0, bytes + from, size),
					 plain(bytes + from, size));
}

static void pieces_in_a_row_are_as_the_whole(void **state)
{
	static unsigned char bytes[3000];
	uint32_t whole;

	(void)state;
	test_pattern_fill(2, 0, bytes, sizeof(bytes));
	whole = bc_checksum(0, bytes, sizeof(bytes));

	for (size_t first = 0; first <= sizeof(bytes); first += 97) {
		uint32_t sum = bc_checksum(0, bytes, first);

		sum = bc_checksum(sum, bytes + first, sizeof(bytes) - first);
		assert_int_equal(sum, whole);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_rfc_3720_come_out),
		cmocka_unit_test(nothing_changes_nothing),
		cmocka_unit_test(any_piece_at_any_place_is_as_by_definition),
		cmocka_unit_test(pieces_in_a_row_are_as_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
