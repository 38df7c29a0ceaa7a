/* SPDX-License-Identifier: MIT */
/*
 * test_hello.c - HELLO, WELCOME and REJECT: what one side writes the other
 * reads, of every version, and nothing else is taken for it.
 */
#include "net/hello.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

/* ---- Helpers ----------------------------------------------------------- */

static const struct bc_hello full = {
	.fixed =
		{
			.needs = BCAST_FEATURE_CHECKSUM,
			.wants = BCAST_FEATURE_CHECKSUM,
			.roles = BCAST_CLIENT_SUBSCRIBE | BCAST_CLIENT_PUBLISH |
				 BCAST_CLIENT_NODE,
			.from = BCAST_START_TIME,
			.policy = BCAST_WISH_SKIP,
			.epoch = 11,
			.position = 12,
			.sequence = 13,
			.time_ns = 14,
			.publisher_id = 15,
			.heartbeat_ms = 16,
			.key_length = 3,
		},
	.name = "prices",
	.id = "node-1",
	.key = {'a', 0, 'c'},
};

static struct bc_packet_frame frame_of(const unsigned char *bytes)
{
	struct bc_packet_frame frame = {.payload = bytes + 32};

	memcpy(&frame.header, bytes, sizeof(frame.header));
	return frame;
}

/* What a daemon says to it. */
static int answer(const struct bc_hello *hello, const char **why)
{
	unsigned char bytes[BC_HELLO_FRAME_MAX];
	struct bc_packet_frame frame;
	struct bc_hello read;

	*why = NULL;
	(void)bc_hello_write(bytes, hello);
	frame = frame_of(bytes);
	return bc_hello_read(&frame, &read, why);
}

static void assert_refused(const struct bc_hello *hello, int code)
{
	const char *why;

	assert_int_equal(answer(hello, &why), code);
	assert_non_null(why);
	assert_true(strlen(why) > 0 && strlen(why) < BC_HELLO_TEXT_MAX);
}

static void assert_taken(const struct bc_hello *hello)
{
	const char *why;

	assert_int_equal(answer(hello, &why), 0);
}

/* A HELLO with these bytes as its struct, and these as what follows. */
static struct bc_packet_frame hello_of(unsigned char *bytes, const void *fixed,
				       size_t fixed_size, const void *texts,
				       size_t texts_size)
{
	uint16_t told = (uint16_t)fixed_size;
	struct bcast_packet_header header = {
		.length = (uint32_t)(fixed_size + texts_size),
		.type = BCAST_PACKET_HELLO,
	};

	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + 32, fixed, fixed_size);
	memcpy(bytes + 32 + offsetof(struct bcast_hello, fixed_size), &told,
	       sizeof(told));
	if (texts_size > 0)
		memcpy(bytes + 32 + fixed_size, texts, texts_size);
	return frame_of(bytes);
}

static struct bcast_hello least_hello(void)
{
	return (struct bcast_hello){
		.magic = BCAST_HELLO_MAGIC,
		.version = 1,
		.fixed_size = sizeof(struct bcast_hello),
	};
}

/* ---- HELLO ------------------------------------------------------------- */

static void a_hello_arrives_as_it_was_sent(void **state)
{
	unsigned char bytes[BC_HELLO_FRAME_MAX];
	struct bc_packet_frame frame;
	struct bc_hello read;
	const char *why;
	size_t size = bc_hello_write(bytes, &full);

	(void)state;
	frame = frame_of(bytes);

	assert_int_equal(bc_hello_read(&frame, &read, &why), 0);

	assert_int_equal(size, bcast_packet_size(80 + 6 + 6 + 3));
	assert_int_equal(read.fixed.version, BCAST_PROTOCOL_VERSION);
	assert_int_equal(read.fixed.needs, full.fixed.needs);
	assert_int_equal(read.fixed.wants, full.fixed.wants);
	assert_int_equal(read.fixed.roles, full.fixed.roles);
	assert_int_equal(read.fixed.from, full.fixed.from);
	assert_int_equal(read.fixed.policy, full.fixed.policy);
	assert_int_equal(read.fixed.epoch, 11);
	assert_int_equal(read.fixed.position, 12);
	assert_int_equal(read.fixed.sequence, 13);
	assert_int_equal(read.fixed.time_ns, 14);
	assert_int_equal(read.fixed.publisher_id, 15);
	assert_int_equal(read.fixed.heartbeat_ms, 16);
	assert_string_equal(read.name, "prices");
	assert_string_equal(read.id, "node-1");
	assert_int_equal(read.fixed.key_length, 3);
	assert_memory_equal(read.key, "a\0c", 3);
}

static void a_hello_passes_the_check_of_its_header(void **state)
{
	const struct bc_packet_limits limits = {0, 0};
	unsigned char bytes[BC_HELLO_FRAME_MAX];
	struct bc_packet_frame frame;

	(void)state;
	(void)bc_hello_write(bytes, &full);
	frame = frame_of(bytes);
	assert_int_equal(bc_packet_check_header(&frame.header, &limits), 0);
}

static void a_hello_with_no_wish_is_taken(void **state)
{
	const struct bc_hello none = {.name = ""};

	(void)state;
	assert_taken(&none);
}

static void a_longer_struct_is_read_as_far_as_it_is_known(void **state)
{
	unsigned char bytes[BC_HELLO_FRAME_MAX];
	unsigned char fixed[sizeof(struct bcast_hello) + 40];
	struct bcast_hello known = least_hello();
	struct bc_packet_frame frame;
	struct bc_hello read;
	const char *why;

	(void)state;
	known.version = 9;
	known.roles = BCAST_CLIENT_NODE;
	known.id_length = 2;
	memset(fixed, 0xff, sizeof(fixed));
	memcpy(fixed, &known, sizeof(known));
	/* and a text behind those that we know */
	frame = hello_of(bytes, fixed, sizeof(fixed), "idmore", 6);

	assert_int_equal(bc_hello_read(&frame, &read, &why), 0);

	assert_int_equal(read.fixed.version, 9);
	assert_string_equal(read.id, "id");
	assert_string_equal(read.name, "");
}

static void a_shorter_struct_is_taken_as_0_where_it_ends(void **state)
{
	unsigned char bytes[BC_HELLO_FRAME_MAX];
	struct bcast_hello fixed = least_hello();
	struct bc_hello read;
	const char *why;

	(void)state;
	fixed.epoch = UINT64_MAX;
	fixed.heartbeat_ms = UINT32_MAX;
	for (size_t size = 8; size < sizeof(fixed); size++) {
		/* what follows is no text of ours: no length is there */
		struct bc_packet_frame frame =
			hello_of(bytes, &fixed, size, "\xff\xff\xff", 3);

		assert_int_equal(bc_hello_read(&frame, &read, &why), 0);
		assert_int_equal(read.fixed.name_length, 0);
		assert_int_equal(read.fixed.key_length, 0);
		assert_int_equal(
			read.fixed.epoch,
			size >= 32   ? UINT64_MAX
			: size <= 24 ? 0
				     : (UINT64_C(1) << (8 * (size - 24))) - 1);
		if (size <= 64)
			assert_int_equal(read.fixed.heartbeat_ms, 0);
	}
}

static void fixed_size_lies_between_its_own_end_and_the_record(void **state)
{
	unsigned char bytes[BC_HELLO_FRAME_MAX];
	struct bcast_hello fixed = least_hello();
	struct bc_packet_frame frame;
	struct bc_hello read;
	const char *why;
	static const struct {
		uint16_t fixed_size;
		int result;
	} rows[] = {
		{0, BCAST_REJECT_PROTOCOL},
		{7, BCAST_REJECT_PROTOCOL},
		{8, 0},
		{79, 0},
		{80, 0},
		{81, BCAST_REJECT_PROTOCOL},
		{0xffff, BCAST_REJECT_PROTOCOL},
	};

	(void)state;
	frame = hello_of(bytes, &fixed, sizeof(fixed), "", 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(bytes + 32 + 6, &rows[i].fixed_size, 2);
		assert_int_equal(bc_hello_read(&frame, &read, &why),
				 rows[i].result);
	}
}

static void what_is_no_hello_is_refused(void **state)
{
	unsigned char bytes[BC_HELLO_FRAME_MAX];
	struct bcast_hello fixed = least_hello();
	struct bc_packet_frame frame;
	struct bc_hello read;
	const char *why;

	(void)state;
	frame = hello_of(bytes, &fixed, sizeof(fixed), "", 0);
	frame.header.type = BCAST_PACKET_DATA;
	assert_int_equal(bc_hello_read(&frame, &read, &why),
			 BCAST_REJECT_PROTOCOL);
	fixed.magic ^= 1;
	frame = hello_of(bytes, &fixed, sizeof(fixed), "", 0);
	assert_int_equal(bc_hello_read(&frame, &read, &why),
			 BCAST_REJECT_PROTOCOL);
	frame.header.length = 0;
	frame.payload = NULL;
	assert_int_equal(bc_hello_read(&frame, &read, &why),
			 BCAST_REJECT_PROTOCOL);
}

static void every_cut_of_a_hello_is_refused_or_whole(void **state)
{
	unsigned char bytes[BC_HELLO_FRAME_MAX];
	struct bc_packet_frame frame;
	struct bc_hello read;
	const char *why;
	uint32_t length;

	(void)state;
	(void)bc_hello_write(bytes, &full);
	frame = frame_of(bytes);
	length = frame.header.length;
	for (uint32_t cut = 0; cut < length; cut++) {
		frame.header.length = cut;
		assert_int_equal(bc_hello_read(&frame, &read, &why),
				 BCAST_REJECT_PROTOCOL);
	}
	frame.header.length = length;
	assert_int_equal(bc_hello_read(&frame, &read, &why), 0);
}

static void any_version_but_0_is_taken(void **state)
{
	struct bc_hello hello = {.name = ""};
	unsigned char bytes[BC_HELLO_FRAME_MAX];
	struct bcast_hello fixed = least_hello();
	struct bc_packet_frame frame;
	struct bc_hello read;
	const char *why;

	(void)state;
	hello.fixed.version = BCAST_PROTOCOL_VERSION + 1;
	assert_taken(&hello);
	hello.fixed.version = UINT16_MAX;
	assert_taken(&hello);
	fixed.version = 0;
	frame = hello_of(bytes, &fixed, sizeof(fixed), "", 0);
	assert_int_equal(bc_hello_read(&frame, &read, &why),
			 BCAST_REJECT_VERSION);
}

static void unknown_needs_are_refused_and_unknown_wants_ignored(void **state)
{
	for (unsigned bit = 1; bit < 32; bit++) {
		unsigned char bytes[BC_HELLO_FRAME_MAX];
		struct bc_hello hello = full;
		struct bc_packet_frame frame;
		struct bc_hello read;
		const char *why;

		hello.fixed.wants |= UINT32_C(1) << bit;
		(void)bc_hello_write(bytes, &hello);
		frame = frame_of(bytes);
		assert_int_equal(bc_hello_read(&frame, &read, &why), 0);
		assert_int_equal(read.fixed.wants, BCAST_FEATURE_CHECKSUM);
		hello.fixed.needs = UINT32_C(1) << bit;
		assert_refused(&hello, BCAST_REJECT_NEEDS);
	}
	(void)state;
}

static void unknown_roles_starts_and_wishes_are_refused(void **state)
{
	struct bc_hello hello = full;

	(void)state;
	for (unsigned bit = 3; bit < 32; bit++) {
		hello.fixed.roles = UINT32_C(1) << bit;
		assert_refused(&hello, BCAST_REJECT_ROLE);
	}
	hello = full;
	for (unsigned from = 0; from <= BCAST_START_TIME; from++) {
		hello.fixed.from = (uint16_t)from;
		assert_taken(&hello);
	}
	hello.fixed.from = BCAST_START_TIME + 1;
	assert_refused(&hello, BCAST_REJECT_NEEDS);
	hello = full;
	for (unsigned policy = 0; policy <= BCAST_WISH_SKIP; policy++) {
		hello.fixed.policy = (uint16_t)policy;
		assert_taken(&hello);
	}
	hello.fixed.policy = BCAST_WISH_SKIP + 1;
	assert_refused(&hello, BCAST_REJECT_NEEDS);
}

static void a_publisher_has_an_id_of_its_own(void **state)
{
	struct bc_hello hello = full;

	(void)state;
	hello.fixed.publisher_id = 0;
	assert_refused(&hello, BCAST_REJECT_PROTOCOL);
	hello.fixed.roles &= ~(uint32_t)BCAST_CLIENT_PUBLISH;
	assert_taken(&hello);
}

static void a_node_has_an_id(void **state)
{
	struct bc_hello hello = full;

	(void)state;
	hello.id[0] = '\0';
	assert_refused(&hello, BCAST_REJECT_NODE_ID);
	hello.fixed.roles &= ~(uint32_t)BCAST_CLIENT_NODE;
	assert_taken(&hello);
}

static void names_ids_and_keys_have_their_limits(void **state)
{
	unsigned char bytes[BC_HELLO_FRAME_MAX];
	unsigned char texts[300];
	struct bc_hello read;
	const char *why;

	(void)state;
	memset(texts, 'x', sizeof(texts));
	for (uint16_t name = 62; name <= 64; name++) {
		for (uint16_t id = 62; id <= 64; id++) {
			for (uint16_t key = 127; key <= 129; key++) {
				struct bcast_hello fixed = least_hello();
				struct bc_packet_frame frame;
				int expected = name > 63 ? BCAST_REJECT_STREAM
					       : id > 63 ? BCAST_REJECT_NODE_ID
					       : key > 128
						       ? BCAST_REJECT_PROTOCOL
						       : 0;

				fixed.name_length = name;
				fixed.id_length = id;
				fixed.key_length = key;
				frame = hello_of(bytes, &fixed, sizeof(fixed),
						 texts,
						 (size_t)name + id + key);
				assert_int_equal(
					bc_hello_read(&frame, &read, &why),
					expected);
			}
		}
	}
}

static void texts_do_not_reach_beyond_the_record(void **state)
{
	static const size_t fields[] = {
		offsetof(struct bcast_hello, name_length),
		offsetof(struct bcast_hello, id_length),
		offsetof(struct bcast_hello, key_length),
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (uint16_t length = 9; length <= 11; length++) {
			unsigned char bytes[BC_HELLO_FRAME_MAX];
			struct bcast_hello fixed = least_hello();
			struct bc_packet_frame frame;
			struct bc_hello read;
			const char *why;

			memcpy((char *)&fixed + fields[i], &length, 2);
			frame = hello_of(bytes, &fixed, sizeof(fixed),
					 "0123456789", 10);
			assert_int_equal(bc_hello_read(&frame, &read, &why),
					 length > 10 ? BCAST_REJECT_PROTOCOL
						     : 0);
		}
	}
}

static void names_and_ids_follow_their_rules(void **state)
{
	static const char *const bad[] = {"a/b", "a b", "a\nb", "a\0b", "..\1"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		unsigned char bytes[BC_HELLO_FRAME_MAX];
		struct bcast_hello fixed = least_hello();
		struct bc_packet_frame frame;
		struct bc_hello read;
		const char *why;

		fixed.name_length = 3;
		frame = hello_of(bytes, &fixed, sizeof(fixed), bad[i], 3);
		assert_int_equal(bc_hello_read(&frame, &read, &why),
				 BCAST_REJECT_STREAM);
		fixed.name_length = 0;
		fixed.id_length = 3;
		frame = hello_of(bytes, &fixed, sizeof(fixed), bad[i], 3);
		assert_int_equal(bc_hello_read(&frame, &read, &why),
				 BCAST_REJECT_NODE_ID);
	}
}

static void a_refused_hello_leaves_nothing_behind(void **state)
{
	unsigned char bytes[BC_HELLO_FRAME_MAX];
	struct bc_hello hello = full, read = {.id = "before"};
	struct bc_packet_frame frame;
	const char *why;

	(void)state;
	hello.fixed.needs = 2;
	(void)bc_hello_write(bytes, &hello);
	frame = frame_of(bytes);
	assert_int_equal(bc_hello_read(&frame, &read, &why),
			 BCAST_REJECT_NEEDS);
	assert_string_equal(read.id, "before");
	assert_int_equal(read.fixed.roles, 0);
}

/* ---- WELCOME ----------------------------------------------------------- */

static void a_welcome_arrives_as_it_was_sent(void **state)
{
	const struct bc_welcome welcome = {
		.fixed = {.flags = BCAST_WELCOME_OTHER_EPOCH,
			  .roles = 7,
			  .granted = 1,
			  .epoch = 2,
			  .position = 64,
			  .sequence = 3,
			  .tail = 128,
			  .accepted = 4,
			  .capacity = 65536,
			  .payload_max = 5,
			  .message_max = 6,
			  .heartbeat_ms = 8,
			  .idle_timeout_ms = 9,
			  .source = 10},
		.name = "prices",
	};
	struct bcast_welcome expected = welcome.fixed;
	unsigned char bytes[BC_HELLO_FRAME_MAX];
	struct bc_packet_frame frame;
	struct bc_welcome read;

	(void)state;
	expected.version = BCAST_PROTOCOL_VERSION;
	expected.fixed_size = sizeof(expected);
	expected.name_length = 6;
	assert_int_equal(bc_welcome_write(bytes, &welcome),
			 bcast_packet_size(88 + 6));
	frame = frame_of(bytes);

	assert_int_equal(bc_welcome_read(&frame, &read), 0);

	assert_memory_equal(&read.fixed, &expected, sizeof(expected));
	assert_string_equal(read.name, "prices");
}

/* A WELCOME, changed by the test before it is read. */
static int read_welcome_with(size_t offset, uint16_t value, uint32_t length)
{
	const struct bc_welcome welcome = {.name = "prices"};
	unsigned char bytes[BC_HELLO_FRAME_MAX + 64] = {0};
	struct bc_packet_frame frame;
	struct bc_welcome read;

	(void)bc_welcome_write(bytes, &welcome);
	memcpy(bytes + 32 + offset, &value, sizeof(value));
	frame = frame_of(bytes);
	if (length > 0)
		frame.header.length = length;
	return bc_welcome_read(&frame, &read);
}

static void a_welcome_of_another_length_is_read_by_the_rule(void **state)
{
	const size_t fixed_size = offsetof(struct bcast_welcome, fixed_size);

	(void)state;
	assert_int_equal(read_welcome_with(fixed_size, 3, 0), -EPROTO);
	assert_int_equal(read_welcome_with(fixed_size, 4, 0), 0);
	assert_int_equal(read_welcome_with(fixed_size, 80, 0), 0);
	assert_int_equal(read_welcome_with(fixed_size, 95, 0), -EPROTO);
	assert_int_equal(read_welcome_with(fixed_size, 0xffff, 0), -EPROTO);
	/* the name is still 6 long, and stands behind the struct */
	assert_int_equal(read_welcome_with(fixed_size, 94, 99), -EPROTO);
}

static void a_welcome_of_a_higher_version_is_refused(void **state)
{
	(void)state;
	assert_int_equal(read_welcome_with(0, 0, 0), -EPROTO);
	assert_int_equal(read_welcome_with(0, BCAST_PROTOCOL_VERSION, 0), 0);
	assert_int_equal(read_welcome_with(0, BCAST_PROTOCOL_VERSION + 1, 0),
			 -EPROTO);
}

static void a_welcome_has_a_name_by_the_rule(void **state)
{
	const size_t at = offsetof(struct bcast_welcome, name_length);

	(void)state;
	assert_int_equal(read_welcome_with(at, 0, 0), 0);
	assert_int_equal(read_welcome_with(at, 7, 0), -EPROTO);
	assert_int_equal(read_welcome_with(at, 64, 88 + 64), -EPROTO);
	assert_int_equal(read_welcome_with(88, '/', 0), -EPROTO);
}

static void every_cut_of_a_welcome_is_refused(void **state)
{
	(void)state;
	for (uint32_t length = 1; length < 94; length++)
		assert_int_equal(read_welcome_with(2, 88, length), -EPROTO);
	assert_int_equal(read_welcome_with(2, 88, 94), 0);
}

/* ---- REJECT ------------------------------------------------------------ */

static void a_reject_arrives_as_it_was_sent(void **state)
{
	const struct bc_reject reject = {
		.code = BCAST_REJECT_BUSY,
		.retry_after_ms = 1000,
		.text = "somebody publishes",
	};
	unsigned char bytes[BC_HELLO_FRAME_MAX];
	struct bc_packet_frame frame;
	struct bc_reject read;

	(void)state;
	assert_int_equal(bc_reject_write(bytes, &reject),
			 bcast_packet_size(8 + 18));
	frame = frame_of(bytes);

	assert_int_equal(bc_reject_read(&frame, &read), 0);

	assert_int_equal(read.code, BCAST_REJECT_BUSY);
	assert_int_equal(read.retry_after_ms, 1000);
	assert_string_equal(read.text, "somebody publishes");
}

/* A REJECT of these bytes. */
static int read_reject(const void *payload, uint32_t length,
		       struct bc_reject *reject)
{
	struct bc_packet_frame frame = {
		.header = {.length = length, .type = BCAST_PACKET_REJECT},
		.payload = payload,
	};

	return bc_reject_read(&frame, reject);
}

static void the_text_of_a_reject_is_one_printable_line(void **state)
{
	struct bc_reject reject;

	(void)state;
	assert_int_equal(read_reject("\6\0\10\0\0\0\0\0a\n\0\x1b[1m~\x7f\xff",
				     18, &reject),
			 0);
	assert_int_equal(reject.code, BCAST_REJECT_BUSY);
	assert_string_equal(reject.text, "a???[1m~??");
}

static void the_text_of_a_reject_is_cut_where_it_is_too_long(void **state)
{
	unsigned char payload[8 + 201];
	struct bc_reject reject;

	(void)state;
	memset(payload, 'x', sizeof(payload));
	memcpy(payload, "\6\0\10\0\0\0\0\0", 8);
	for (uint32_t length = 198; length <= 201; length++) {
		assert_int_equal(read_reject(payload, 8 + length, &reject), 0);
		assert_int_equal(strlen(reject.text),
				 length < 199 ? length : 199);
	}
}

static void a_reject_of_another_length_is_read_by_the_rule(void **state)
{
	struct bc_reject reject;

	(void)state;
	assert_int_equal(read_reject("\6\0\4\0text", 8, &reject), 0);
	assert_int_equal(reject.retry_after_ms, 0);
	assert_string_equal(reject.text, "text");
	assert_int_equal(read_reject("\6\0\12\0\1\0\0\0zztext", 14, &reject),
			 0);
	assert_int_equal(reject.retry_after_ms, 1);
	assert_string_equal(reject.text, "text");
	assert_int_equal(read_reject("\6\0\3\0", 4, &reject), -EPROTO);
	assert_int_equal(read_reject("\6\0\5\0", 4, &reject), -EPROTO);
	assert_int_equal(read_reject("\6\0\4", 3, &reject), -EPROTO);
	assert_int_equal(read_reject("\0\0\4\0", 4, &reject), -EPROTO);
}

static void every_code_has_a_name(void **state)
{
	(void)state;
	for (uint32_t code = BCAST_REJECT_PROTOCOL; code <= BCAST_REJECT_SLOW;
	     code++)
		assert_string_not_equal(bc_reject_name(code), "unknown");
	assert_string_equal(bc_reject_name(BCAST_REJECT_VERSION), "version");
	assert_string_equal(bc_reject_name(0), "unknown");
	assert_string_equal(bc_reject_name(BCAST_REJECT_SLOW + 1), "unknown");
	assert_string_equal(bc_reject_name(UINT32_MAX), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hello_arrives_as_it_was_sent),
		cmocka_unit_test(a_hello_passes_the_check_of_its_header),
		cmocka_unit_test(a_hello_with_no_wish_is_taken),
		cmocka_unit_test(a_longer_struct_is_read_as_far_as_it_is_known),
		cmocka_unit_test(a_shorter_struct_is_taken_as_0_where_it_ends),
		cmocka_unit_test(
			fixed_size_lies_between_its_own_end_and_the_record),
		cmocka_unit_test(what_is_no_hello_is_refused),
		cmocka_unit_test(every_cut_of_a_hello_is_refused_or_whole),
		cmocka_unit_test(any_version_but_0_is_taken),
		cmocka_unit_test(
			unknown_needs_are_refused_and_unknown_wants_ignored),
		cmocka_unit_test(unknown_roles_starts_and_wishes_are_refused),
		cmocka_unit_test(a_publisher_has_an_id_of_its_own),
		cmocka_unit_test(a_node_has_an_id),
		cmocka_unit_test(names_ids_and_keys_have_their_limits),
		cmocka_unit_test(texts_do_not_reach_beyond_the_record),
		cmocka_unit_test(names_and_ids_follow_their_rules),
		cmocka_unit_test(a_refused_hello_leaves_nothing_behind),
		cmocka_unit_test(a_welcome_arrives_as_it_was_sent),
		cmocka_unit_test(
			a_welcome_of_another_length_is_read_by_the_rule),
		cmocka_unit_test(a_welcome_of_a_higher_version_is_refused),
		cmocka_unit_test(a_welcome_has_a_name_by_the_rule),
		cmocka_unit_test(every_cut_of_a_welcome_is_refused),
		cmocka_unit_test(a_reject_arrives_as_it_was_sent),
		cmocka_unit_test(the_text_of_a_reject_is_one_printable_line),
		cmocka_unit_test(
			the_text_of_a_reject_is_cut_where_it_is_too_long),
		cmocka_unit_test(
			a_reject_of_another_length_is_read_by_the_rule),
		cmocka_unit_test(every_code_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
