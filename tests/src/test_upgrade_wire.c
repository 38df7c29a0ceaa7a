/* SPDX-License-Identifier: MIT */
/*
 * test_upgrade_wire.c - messages and image of a hot upgrade: bytes in and out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bcast/bcast.h>
#include <bcast/monitor.h>

#include "src/session.h"
#include "src/upgrade_wire.h"
#include "support.h"

static unsigned char message[UPGRADE_MESSAGE_MAX];
static struct upgrade_image image;

static int fini(void **state)
{
	(void)state;
	upgrade_image_fini(&image);
	return 0;
}

/* ---- Messages ---------------------------------------------------------- */

static void message_is_read_as_it_was_written(void **state)
{
	struct upgrade_head_wire head;
	size_t size = upgrade_wire_head(message, UPGRADE_STATE, 7, 3);

	(void)state;
	assert_int_equal(size, sizeof(head) + 3);
	assert_int_equal(upgrade_wire_check(message, size, &head), 0);
	assert_int_equal(head.type, UPGRADE_STATE);
	assert_int_equal(head.count, 7);
	assert_int_equal(head.size, 3);
}

static void message_of_another_version_is_told_apart(void **state)
{
	struct upgrade_head_wire head;
	size_t size = upgrade_wire_head(message, UPGRADE_HELLO, 0, 0);

	(void)state;
	memcpy(&head, message, sizeof(head));
	head.version++;
	memcpy(message, &head, sizeof(head));

	assert_int_equal(upgrade_wire_check(message, size, &head),
			 BCAST_EVERSION);
}

static void message_must_be_as_long_as_it_says(void **state)
{
	struct upgrade_head_wire head;
	size_t size = upgrade_wire_head(message, UPGRADE_REFUSED, 0, 5);

	(void)state;
	assert_int_equal(upgrade_wire_check(message, size - 1, &head), -EPROTO);
	assert_int_equal(upgrade_wire_check(message, size, &head), 0);
	assert_int_equal(upgrade_wire_check(message, size + 1, &head), -EPROTO);
	for (size_t i = 0; i < sizeof(head); i++)
		assert_int_equal(upgrade_wire_check(message, i, &head),
				 -EPROTO);
}

static void type_must_be_one_that_there_is(void **state)
{
	struct upgrade_head_wire head;

	(void)state;
	for (int type = UPGRADE_HELLO - 1; type <= UPGRADE_REFUSED + 1;
	     type++) {
		bool there = type >= UPGRADE_HELLO && type <= UPGRADE_REFUSED;
		size_t size = upgrade_wire_head(message,
						(enum upgrade_type)type, 0, 0);

		assert_int_equal(upgrade_wire_check(message, size, &head),
				 there ? 0 : -EPROTO);
	}
}

/* ---- The image --------------------------------------------------------- */

static const struct upgrade_conn_wire receiver = {
	.cursor = 1000,
	.held = 10,
	.role = BCAST_ROLE_RECEIVER,
	.peer = "10.0.0.2:4100",
};

static const struct upgrade_conn_wire client = {
	.flags = UPGRADE_SESSION,
	.role = BCAST_ROLE_CLIENT,
	.session_state = SESSION_SERVING,
	.wish = UINT16_MAX,
	.parts = {[UPGRADE_PART_WAITING] = 3, [UPGRADE_PART_KEY] = 8},
	.peer = "10.0.0.3:4100",
};

static const void *const client_parts[UPGRADE_PARTS] = {
	[UPGRADE_PART_WAITING] = "abc",
	[UPGRADE_PART_KEY] = "12345678",
};

static const void *const no_parts[UPGRADE_PARTS];

static void make_image(const struct upgrade_conn_wire *first)
{
	const struct upgrade_stream_wire stream = {
		.tail = 2000,
		.connections = 2,
		.has_lease = 1,
	};

	upgrade_image_fini(&image);
	upgrade_image_begin(&image);
	upgrade_image_conn(&image, first, no_parts);
	upgrade_image_conn(&image, &client, client_parts);
	assert_int_equal(upgrade_image_end(&image, &stream), 0);
}

/* What the first look says, or the first that does not say 1. */
static int read_all(const unsigned char *bytes, size_t size)
{
	const unsigned char *parts[UPGRADE_PARTS];
	struct upgrade_stream_wire stream;
	struct upgrade_conn_wire conn;
	struct upgrade_reader reader;
	int ret = upgrade_reader_open(&reader, bytes, size, &stream);

	if (ret < 0)
		return ret;
	do
		ret = upgrade_reader_next(&reader, &conn, parts);
	while (ret == 1);
	return ret;
}

static void image_is_read_as_it_was_written(void **state)
{
	const unsigned char *parts[UPGRADE_PARTS];
	struct upgrade_stream_wire stream;
	struct upgrade_conn_wire conn;
	struct upgrade_reader reader;

	(void)state;
	make_image(&receiver);
	assert_int_equal(
		upgrade_reader_open(&reader, image.bytes, image.size, &stream),
		0);
	assert_int_equal(stream.tail, 2000);

	assert_int_equal(upgrade_reader_next(&reader, &conn, parts), 1);
	assert_memory_equal(&conn, &receiver, sizeof(conn));
	assert_int_equal(upgrade_reader_next(&reader, &conn, parts), 1);
	assert_memory_equal(&conn, &client, sizeof(conn));
	assert_memory_equal(parts[UPGRADE_PART_WAITING], "abc", 3);
	assert_memory_equal(parts[UPGRADE_PART_KEY], "12345678", 8);
	assert_int_equal(upgrade_reader_next(&reader, &conn, parts), 0);
}

static void image_that_is_cut_short_is_refused(void **state)
{
	unsigned char *copy;

	(void)state;
	make_image(&receiver);
	assert_int_equal(read_all(image.bytes, image.size), 0);
	for (size_t size = 0; size < image.size; size++) {
		const uint64_t says = size;

		/* of its own length, so that the end is found by the use */
		copy = malloc(size + 1);
		assert_non_null(copy);
		memcpy(copy, image.bytes, size);
		if (size >= sizeof(struct upgrade_stream_wire))
			memcpy(copy + offsetof(struct upgrade_stream_wire,
					       size),
			       &says, sizeof(says));
		assert_int_equal(read_all(copy, size), -EPROTO);
		free(copy);
	}
}

static void image_with_more_behind_is_refused(void **state)
{
	struct upgrade_stream_wire stream;

	(void)state;
	make_image(&receiver);
	memcpy(&stream, image.bytes, sizeof(stream));
	stream.connections = 1;
	memcpy(image.bytes, &stream, sizeof(stream));

	assert_int_equal(read_all(image.bytes, image.size), -EPROTO);
}

static void image_of_another_build_is_told_apart(void **state)
{
	struct upgrade_stream_wire stream;

	(void)state;
	make_image(&receiver);
	memcpy(&stream, image.bytes, sizeof(stream));
	stream.conn_size++;
	memcpy(image.bytes, &stream, sizeof(stream));

	assert_int_equal(read_all(image.bytes, image.size), BCAST_EVERSION);
}

static void assert_sound(struct upgrade_conn_wire conn, bool sound)
{
	make_image(&conn);
	assert_int_equal(read_all(image.bytes, image.size),
			 sound ? 0 : -EPROTO);
}

static void connection_that_cannot_be_is_refused(void **state)
{
	struct upgrade_conn_wire conn = receiver;

	(void)state;
	conn.held = conn.cursor;
	assert_sound(conn, true);
	conn.held = conn.cursor + 1;
	assert_sound(conn, false);
	conn = receiver;
	conn.role = BCAST_ROLE_CLIENT; /* but no session */
	assert_sound(conn, false);
	conn.role = 0;
	assert_sound(conn, false);
	conn.role = BCAST_ROLE_WAITING;
	assert_sound(conn, true);
	conn.flags = UPGRADE_SESSION;
	assert_sound(conn, false);
	conn = receiver;
	conn.flags = UPGRADE_SKIPS; /* but no session */
	assert_sound(conn, false);
	conn.flags = UPGRADE_FLAGS + 1;
	assert_sound(conn, false);
	conn = receiver;
	memset(conn.peer, 'x', sizeof(conn.peer));
	assert_sound(conn, false);
	conn = receiver;
	conn.cursor = UINT64_MAX;
	assert_sound(conn, false);
}

static void session_that_cannot_be_is_refused(void **state)
{
	struct upgrade_conn_wire conn = receiver;

	(void)state;
	conn.flags = UPGRADE_SESSION;
	conn.session_state = SESSION_LEAVING;
	conn.wish = UINT16_MAX;
	assert_sound(conn, true);
	conn.session_state++;
	assert_sound(conn, false);
	conn.session_state--;
	conn.wish++;
	assert_sound(conn, false);
	conn.wish--;
	conn.line = 1;
	assert_sound(conn, false);
}

/* Whatever stands there: an answer, and no byte beyond the end is read. */
static void image_of_nonsense_does_no_harm(void **state)
{
	uint64_t seed = 88172645463325252u;
	unsigned char *copy;

	(void)state;
	make_image(&receiver);
	for (unsigned i = 0; i < 20000; i++) {
		size_t at;

		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		copy = malloc(image.size);
		assert_non_null(copy);
		memcpy(copy, image.bytes, image.size);
		at = (size_t)(seed >> 16) % image.size;
		copy[at] ^= (unsigned char)(1u + seed % 255);
		(void)read_all(copy, image.size);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest claims[] = {
		cmocka_unit_test(message_is_read_as_it_was_written),
		cmocka_unit_test(message_of_another_version_is_told_apart),
		cmocka_unit_test(message_must_be_as_long_as_it_says),
		cmocka_unit_test(type_must_be_one_that_there_is),
		cmocka_unit_test(image_is_read_as_it_was_written),
		cmocka_unit_test(image_that_is_cut_short_is_refused),
		cmocka_unit_test(image_with_more_behind_is_refused),
		cmocka_unit_test(image_of_another_build_is_told_apart),
		cmocka_unit_test(connection_that_cannot_be_is_refused),
		cmocka_unit_test(session_that_cannot_be_is_refused),
		cmocka_unit_test(image_of_nonsense_does_no_harm),
	};

	return cmocka_run_group_tests(claims, NULL, fini);
}
