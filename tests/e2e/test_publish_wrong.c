/* SPDX-License-Identifier: MIT */
/*
 * test_publish_wrong.c - what a client that publishes may get wrong: it is told
 * so, and what was good before it stays; nothing of the rest is seen by
 * anybody, and the stream goes on.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "published.h"
#include "shm/checksum.h"
#include "publish_stage.h"

#define ID    UINT64_C(0x77)
#define OTHER UINT64_C(0x78)

static void start(const char *publishers)
{
	const char *options[] = {
		"--ring-size",	  "1M",		 "--format",	"packet",
		"--packet",	  "127.0.0.1:0", "--egress",	"127.0.0.1:0",
		"--publishers",	  publishers,	 "--heartbeat", "3600s",
		"--idle-timeout", "60s",	 NULL};

	daemon_ = (struct daemon_fixture){0};
	daemon_fixture_start(&daemon_, options);
	publish_stage_begin(ID);
}

/* Three good ones, this, and one more that is of no use, all in one piece. */
static void say_between_good_ones(const void *wrong, size_t size)
{
	unsigned char bytes[8192];
	size_t at = 0;

	for (unsigned i = 0; i < 3; i++)
		at += tcp_publisher_frame(bytes + at, publisher.next++, 200);
	memcpy(bytes + at, wrong, size);
	at += size;
	at += tcp_publisher_frame(bytes + at, publisher.next + 1, 200);
	client_say_bytes(&publisher.client, bytes, at);
}

/* Only what was good came through; another one goes on. */
static void expect_refused(uint32_t code)
{
	uint64_t first = publisher.next - 3;
	uint64_t last = publisher.next - 1;

	witness_expect_run(&witness, publisher.welcome.source, first, 3, 200);
	tcp_publisher_settle(&publisher);
	client_expect_reject(&publisher.client, code);
	witness_expect_nothing(&witness, &daemon_);
	tcp_publisher_close(&publisher);

	daemon_fixture_await(&daemon_, "publishers", 0);
	tcp_publisher_open(&publisher, &daemon_, ID);
	assert_int_equal(publisher.accepted, last);
	tcp_publisher_say(&publisher, "good", 4);
	witness_expect(&witness, publisher.welcome.source, "good", 4);
}

static void refuse_record(const struct bcast_packet_header *header,
			  uint32_t code)
{
	unsigned char bytes[1024];

	say_between_good_ones(bytes,
			      bc_packet_write(bytes, header, "of no use"));
	expect_refused(code);
}

static void wrong_records(const char *publishers)
{
	const struct bcast_packet_header good = {
		.length = 9,
		.type = BCAST_PACKET_DATA,
	};
	struct bcast_packet_header wrong = good;

	start(publishers);
	wrong.sequence = publisher.next + 3;
	wrong.crc32c = 12345;
	refuse_record(&wrong, BCAST_REJECT_CHECKSUM);

	wrong = good;
	wrong.sequence = publisher.next + 4;
	refuse_record(&wrong, BCAST_REJECT_SEQUENCE);

	wrong = good;
	wrong.sequence = publisher.next + 3;
	wrong.key_length = 10;
	refuse_record(&wrong, BCAST_REJECT_PROTOCOL);

	wrong = good;
	wrong.sequence = publisher.next + 3;
	wrong.flags = 0x8000;
	refuse_record(&wrong, BCAST_REJECT_PROTOCOL);

	wrong = good;
	wrong.sequence = publisher.next + 3;
	wrong.type = BCAST_PACKET_PAD;
	refuse_record(&wrong, BCAST_REJECT_PROTOCOL);

	wrong = good;
	wrong.sequence = 0;
	refuse_record(&wrong, BCAST_REJECT_PROTOCOL);
	publish_stage_end();
}

static void wrong_records_are_refused(void **state)
{
	(void)state;
	wrong_records("one");
}

static void wrong_copied_records_are_refused(void **state)
{
	(void)state;
	wrong_records("many");
}

static void rubbish(const char *publishers)
{
	static const char http[64] = "GET / HTTP/1.1\r\nHost: localhost\r\n";
	struct bcast_packet_header absurd = {
		.length = UINT32_MAX,
		.type = BCAST_PACKET_DATA,
	};
	unsigned char shifted[256];

	start(publishers);
	say_between_good_ones(http, sizeof(http));
	expect_refused(BCAST_REJECT_PROTOCOL);

	absurd.sequence = publisher.next + 3;
	say_between_good_ones(&absurd, sizeof(absurd));
	expect_refused(BCAST_REJECT_SIZE);

	/* good records, but not where records begin */
	memset(shifted, 0xff, 8);
	say_between_good_ones(
		shifted,
		8 + tcp_publisher_frame(shifted + 8, publisher.next + 3, 100));
	expect_refused(BCAST_REJECT_PROTOCOL);
	publish_stage_end();
}

static void rubbish_is_refused(void **state)
{
	(void)state;
	rubbish("one");
}

static void rubbish_is_refused_where_records_are_copied(void **state)
{
	(void)state;
	rubbish("many");
}

static void promised_checksums(const char *publishers)
{
	struct bcast_packet_header header = {
		.length = 5,
		.type = BCAST_PACKET_DATA,
		.sequence = 1,
		.crc32c = bc_checksum(0, "right", 5),
	};

	start(publishers);
	tcp_publisher_close(&publisher);
	daemon_fixture_await(&daemon_, "publishers", 0);
	tcp_publisher_open_as(&publisher, &daemon_, ID, BCAST_CLIENT_PUBLISH,
			      BCAST_FEATURE_CHECKSUM);
	assert_int_equal(publisher.welcome.granted, BCAST_FEATURE_CHECKSUM);
	client_say(&publisher.client, &header, "right");
	assert_int_equal(witness_next(&witness)->crc32c, header.crc32c);
	publisher.next++;
	tcp_publisher_settle(&publisher);

	tcp_publisher_say(&publisher, "none", 4);
	client_expect_reject(&publisher.client, BCAST_REJECT_CHECKSUM);
	witness_expect_nothing(&witness, &daemon_);
	publish_stage_end();
}

static void promised_checksums_must_come(void **state)
{
	(void)state;
	promised_checksums("one");
}

static void promised_checksums_must_come_to_be_copied(void **state)
{
	(void)state;
	promised_checksums("many");
}

/* ---- Twice ------------------------------------------------------------- */

static void say_numbers(uint64_t first, uint64_t last)
{
	publisher.next = first;
	tcp_publisher_run(&publisher, last - first + 1, 200);
}

static void send_again(const char *publishers)
{
	start(publishers);
	say_numbers(1, 10);
	say_numbers(5, 15);
	say_numbers(15, 15);
	say_numbers(1, 20);

	witness_expect_run(&witness, 1, 1, 20, 200);
	tcp_publisher_settle(&publisher);
	assert_int_equal(daemon_fixture_counter(&daemon_, "records_in"), 20);
	assert_int_equal(daemon_fixture_counter(&daemon_, "records_duplicate"),
			 6 + 1 + 15);
	witness_expect_nothing(&witness, &daemon_);
	publish_stage_end();
}

static void what_comes_again_is_dropped(void **state)
{
	(void)state;
	send_again("one");
}

static void what_comes_again_is_not_copied(void **state)
{
	(void)state;
	send_again("many");
}

/* ---- Half a record ----------------------------------------------------- */

static void die_in_mid_record(void (*die)(struct tcp_publisher *))
{
	unsigned char frame[4096];
	uint64_t first = publisher.next;
	uint64_t receives = daemon_fixture_counter(&daemon_, "receives");
	size_t size;

	tcp_publisher_run(&publisher, 2, 200);
	witness_expect_run(&witness, publisher.welcome.source, first, 2, 200);
	tcp_publisher_settle(&publisher);
	size = tcp_publisher_frame(frame, 3, 2000);
	assert_true(size > 100);
	client_say_bytes(&publisher.client, frame, size - 32);
	daemon_fixture_await_at_least(&daemon_, "receives", receives + 2);
	die(&publisher);
	daemon_fixture_await(&daemon_, "publishers", 0);
	witness_expect_nothing(&witness, &daemon_);

	tcp_publisher_open(&publisher, &daemon_, ID);
	assert_int_equal(publisher.accepted, first + 1);
}

static void die_in_all_ways(const char *publishers)
{
	start(publishers);
	die_in_mid_record(tcp_publisher_close);
	die_in_mid_record(tcp_publisher_reset);
	tcp_publisher_run(&publisher, 10, 200);
	witness_expect_run(&witness, 1, 5, 10, 200);
	publish_stage_end();
}

static void half_a_record_is_seen_by_nobody(void **state)
{
	(void)state;
	die_in_all_ways("one");
}

static void half_a_record_is_copied_for_nobody(void **state)
{
	(void)state;
	die_in_all_ways("many");
}

/* Its place is another's as soon as it is told so. */
static void silent_publisher_is_taken_for_gone(void **state)
{
	const char *options[] = {"--ring-size",	   "1M",       "--format",
				 "packet",	   "--packet", "127.0.0.1:0",
				 "--idle-timeout", "300ms",    NULL};

	(void)state;
	daemon_fixture_start(&daemon_, options);
	tcp_publisher_open(&publisher, &daemon_, ID);
	client_expect_reject(&publisher.client, BCAST_REJECT_TIMEOUT);

	daemon_fixture_await(&daemon_, "publishers", 0);
	tcp_publisher_close(&publisher);
	tcp_publisher_open(&publisher, &daemon_, OTHER);
	tcp_publisher_say(&publisher, "mine", 4);
	tcp_publisher_settle(&publisher);
	tcp_publisher_close(&publisher);
	daemon_fixture_stop(&daemon_);
}

#define WRONG_TEST(f)                                          \
	cmocka_unit_test_setup_teardown(f, publish_stage_open, \
					publish_stage_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WRONG_TEST(wrong_records_are_refused),
		WRONG_TEST(wrong_copied_records_are_refused),
		WRONG_TEST(rubbish_is_refused),
		WRONG_TEST(rubbish_is_refused_where_records_are_copied),
		WRONG_TEST(promised_checksums_must_come),
		WRONG_TEST(promised_checksums_must_come_to_be_copied),
		WRONG_TEST(what_comes_again_is_dropped),
		WRONG_TEST(what_comes_again_is_not_copied),
		WRONG_TEST(half_a_record_is_seen_by_nobody),
		WRONG_TEST(half_a_record_is_copied_for_nobody),
		WRONG_TEST(silent_publisher_is_taken_for_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
