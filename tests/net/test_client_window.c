/* SPDX-License-Identifier: MIT */
/* test_client_window.c - a publisher's records until they are acknowledged. */
#include "support.h"

#include <errno.h>
#include <string.h>

#include "net/client_window.h"

#define ROOM 256u /* four records of 64 bytes */

static struct bc_client_window window;

static int setup(void **state)
{
	(void)state;
	return bc_client_window_init(&window, ROOM);
}

static int teardown(void **state)
{
	(void)state;
	bc_client_window_fini(&window);
	return 0;
}

static void put(const char *key, const char *data)
{
	const struct bc_client_payload payload = {
		.key = key,
		.key_size = strlen(key),
		.data = data,
		.size = strlen(data),
		.crc32c = 5,
	};

	bc_client_window_put(&window, &payload);
}

/* All that is unsent, in one piece. Returns how much. */
static size_t unsent(unsigned char bytes[ROOM])
{
	struct iovec pieces[2];
	int count = bc_client_window_unsent(&window, pieces);
	size_t size = 0;

	for (int i = 0; i < count; i++) {
		memcpy(bytes + size, pieces[i].iov_base, pieces[i].iov_len);
		size += pieces[i].iov_len;
	}
	return size;
}

static void records_are_as_they_are_sent(void **state)
{
	static const unsigned char zeros[27];
	unsigned char bytes[ROOM];
	struct bcast_packet_header header;

	(void)state;
	put("ab", "cde");
	put("", "x");

	assert_int_equal(unsent(bytes), 128);

	memcpy(&header, bytes, sizeof(header));
	assert_int_equal(header.length, 5);
	assert_int_equal(header.type, BCAST_PACKET_DATA);
	assert_int_equal(header.sequence, 1);
	assert_int_equal(header.key_length, 2);
	assert_int_equal(header.crc32c, 5);
	assert_memory_equal(bytes + 32, "abcde", 5);
	assert_memory_equal(bytes + 37, zeros, 27);
	memcpy(&header, bytes + 64, sizeof(header));
	assert_int_equal(header.sequence, 2);
}

static void room_is_exact(void **state)
{
	(void)state;
	assert_true(bc_client_window_has_room(&window, ROOM - 32));
	assert_false(bc_client_window_has_room(&window, ROOM - 31));
	for (unsigned i = 0; i < 3; i++)
		put("", "x");
	assert_true(bc_client_window_has_room(&window, 32));
	assert_false(bc_client_window_has_room(&window, 33));
	put("", "x");
	assert_false(bc_client_window_has_room(&window, 0));
}

static void records_lie_across_the_end(void **state)
{
	static const char text[] = "0123456789012345678901234567890123456789"
				   "0123456789012345678901234567890123456789";
	unsigned char bytes[ROOM];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		put("", "x");
	bc_client_window_was_sent(&window, 192);
	assert_int_equal(bc_client_window_accept(&window, 2), 2);

	put("", text); /* 128 bytes, of which 64 are at the end */

	assert_int_equal(unsent(bytes), 128);
	assert_memory_equal(bytes + 32, text, 80);
}

static void what_was_never_sent_cannot_be_accepted(void **state)
{
	(void)state;
	put("", "1");
	put("", "2");
	assert_int_equal(bc_client_window_accept(&window, 1), -EPROTO);
	bc_client_window_was_sent(&window, 127);
	assert_int_equal(bc_client_window_accept(&window, 3), -EPROTO);
	assert_int_equal(bc_client_window_accept(&window, 1), 1);
	assert_int_equal(bc_client_window_accept(&window, 1), 0);
	assert_int_equal(bc_client_window_accept(&window, 0), 0);
	assert_int_equal(bc_client_window_accept(&window, 2), -EPROTO);
	bc_client_window_was_sent(&window, 1);
	assert_int_equal(bc_client_window_accept(&window, 2), 1);
	assert_int_equal(window.count, 0);
}

static void a_record_sent_in_part_is_torn(void **state)
{
	(void)state;
	put("", "1");
	put("", "2");
	assert_int_equal(bc_client_window_torn(&window), 0);
	bc_client_window_was_sent(&window, 1);
	assert_int_equal(bc_client_window_torn(&window), 63);
	bc_client_window_was_sent(&window, 63);
	assert_int_equal(bc_client_window_torn(&window), 0);
	bc_client_window_was_sent(&window, 33);
	assert_int_equal(bc_client_window_torn(&window), 31);
}

static void a_new_connection_begins_anew(void **state)
{
	unsigned char bytes[ROOM];
	struct bcast_packet_header header;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		put("", "x");
	bc_client_window_was_sent(&window, 65);
	assert_int_equal(bc_client_window_accept(&window, 1), 1);

	assert_int_equal(bc_client_window_rewind(&window, 10), 1);

	assert_int_equal(unsent(bytes), 128);
	memcpy(&header, bytes, sizeof(header));
	assert_int_equal(header.sequence, 10);
	memcpy(&header, bytes + 64, sizeof(header));
	assert_int_equal(header.sequence, 11);
	assert_int_equal(bc_client_window_torn(&window), 0);
	put("", "y");
	assert_int_equal(unsent(bytes), 192);
	memcpy(&header, bytes + 128, sizeof(header));
	assert_int_equal(header.sequence, 12);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(records_are_as_they_are_sent),
		CASE(room_is_exact),
		CASE(records_lie_across_the_end),
		CASE(what_was_never_sent_cannot_be_accepted),
		CASE(a_record_sent_in_part_is_torn),
		CASE(a_new_connection_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
