/* SPDX-License-Identifier: MIT */
/*
 * test_publish_tcp.c - what a client of --packet publishes arrives at all
 * doors, byte for byte, numbered and stamped; once by way of the ring itself,
 * once by way of a buffer.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "crowd.h"
#include "published.h"
#include "publish_stage.h"

#define KIB 1024u
#define ID  UINT64_C(0x1234567890)

static void start_with(const char *publishers, const char *ring,
		       const char *option, const char *value)
{
	const char *options[] = {"--ring-size",
				 ring,
				 "--format",
				 "packet",
				 "--packet",
				 "127.0.0.1:0",
				 "--egress",
				 "127.0.0.1:0",
				 "--publishers",
				 publishers,
				 "--slow-policy",
				 "block",
				 option,
				 value,
				 NULL};

	daemon_ = (struct daemon_fixture){0};
	daemon_fixture_start(&daemon_, options);
}

static void start(const char *publishers, const char *ring)
{
	start_with(publishers, ring, "--heartbeat", "3600s");
	publish_stage_begin(ID);
}

/* ---- All of it arrives ------------------------------------------------- */

static void publish_and_compare(const char *publishers)
{
	struct timespec now;

	start(publishers, "1M");
	assert_int_equal(publisher.welcome.accepted, 0);
	assert_int_equal(publisher.welcome.source, 1);

	for (unsigned i = 0; i < 40; i++) {
		uint64_t first = publisher.next;

		tcp_publisher_run(&publisher, 20, 3 * KIB);
		witness_expect_run(&witness, 1, first, 20, 3 * KIB);
	}
	tcp_publisher_settle(&publisher);

	(void)clock_gettime(CLOCK_REALTIME, &now);
	tcp_publisher_say(&publisher, "last", 4);
	assert_true(witness_next(&witness)->timestamp_ns >=
		    (uint64_t)now.tv_sec * 1000000000u);
	assert_int_equal(daemon_fixture_counter(&daemon_, "records_in"), 801);
	assert_int_equal(daemon_fixture_counter(&daemon_, "publishers"), 1);
	publish_stage_end();
}

static void records_arrive_at_all_doors(void **state)
{
	(void)state;
	publish_and_compare("one");
}

static void copied_records_arrive_at_all_doors(void **state)
{
	(void)state;
	publish_and_compare("many");
}

/* The stamp of a publisher that sets one is its own. */
static void publisher_s_own_time_is_kept(void **state)
{
	const struct bcast_packet_header header = {
		.length = 4,
		.type = BCAST_PACKET_DATA,
		.sequence = 1,
		.timestamp_ns = 12345,
		.key_length = 2,
	};
	const struct bcast_packet_header *got;

	(void)state;
	start("one", "1M");
	client_say(&publisher.client, &header, "keyv");

	got = witness_next(&witness);
	assert_int_equal(got->timestamp_ns, 12345);
	assert_int_equal(got->key_length, 2);
	publish_stage_end();
}

/* Two records and a PING, sent in two parts, cut at every byte. */
static size_t write_some(unsigned char *to)
{
	const struct bcast_packet_header ping = {
		.length = 4,
		.type = BCAST_PACKET_PING,
		.sequence = publisher.next,
	};
	size_t size = tcp_publisher_frame(to, publisher.next, 100);

	size += bc_packet_write(to + size, &ping, "ping");
	return size + tcp_publisher_frame(to + size, publisher.next + 1, 100);
}

static void publish_in_two_parts(size_t cut)
{
	uint64_t receives = daemon_fixture_counter(&daemon_, "receives");
	uint64_t first = publisher.next;
	unsigned char bytes[4 * 160];
	size_t size = write_some(bytes);

	cut = cut < size ? cut : size;
	client_say_bytes(&publisher.client, bytes, cut);
	if (cut > 0)
		daemon_fixture_await_at_least(&daemon_, "receives",
					      receives + 1);
	client_say_bytes(&publisher.client, bytes + cut, size - cut);
	witness_expect_run(&witness, 1, first, 2, 100);
	publisher.next += 2;
	do
		assert_true(client_next(&publisher.client));
	while (publisher.client.header.type == BCAST_PACKET_ACK);
	assert_int_equal(publisher.client.header.type, BCAST_PACKET_PONG);
	assert_int_equal(publisher.client.header.sequence, first);
}

static void publish_cut_at_every_byte(const char *publishers)
{
	const int on = 1;

	start(publishers, "64K");
	assert_int_equal(setsockopt(publisher.client.fd, IPPROTO_TCP,
				    TCP_NODELAY, &on, sizeof(on)),
			 0);
	for (size_t cut = 0; cut < 300; cut++)
		publish_in_two_parts(cut);
	publish_stage_end();
}

static void records_may_be_cut_anywhere(void **state)
{
	(void)state;
	publish_cut_at_every_byte("one");
}

static void copied_records_may_be_cut_anywhere(void **state)
{
	(void)state;
	publish_cut_at_every_byte("many");
}

/* ---- How large --------------------------------------------------------- */

static void publish_up_to_the_limit(const char *publishers, const char *ring,
				    uint32_t payload_max)
{
	unsigned char *payload = malloc(payload_max + 1);
	struct bcast_packet_header header = {
		.length = payload_max + 1,
		.type = BCAST_PACKET_DATA,
	};

	assert_non_null(payload);
	published_payload(1, payload, payload_max + 1);
	start(publishers, ring);
	assert_int_equal(publisher.welcome.payload_max, payload_max);
	for (unsigned i = 0; i < 3; i++) {
		tcp_publisher_say(&publisher, payload, payload_max - 1);
		witness_expect(&witness, 1, payload, payload_max - 1);
		tcp_publisher_say(&publisher, payload, payload_max);
		witness_expect(&witness, 1, payload, payload_max);
	}
	tcp_publisher_settle(&publisher);

	header.sequence = publisher.next;
	client_say_bytes(&publisher.client, &header, sizeof(header));
	client_expect_reject(&publisher.client, BCAST_REJECT_SIZE);
	witness_expect_nothing(&witness, &daemon_);
	free(payload);
	publish_stage_end();
}

static void records_have_a_largest_size(void **state)
{
	(void)state;
	publish_up_to_the_limit("one", "64K", 16 * KIB - 32);
}

static void copied_records_have_a_largest_size(void **state)
{
	(void)state;
	publish_up_to_the_limit("many", "64K", 16 * KIB - 32);
}

static void largest_record_of_all_is_16_mib(void **state)
{
	(void)state;
	publish_up_to_the_limit("one", "128M", BCAST_PAYLOAD_MAX);
}

static void largest_copied_record_is_16_mib(void **state)
{
	(void)state;
	publish_up_to_the_limit("many", "128M", BCAST_PAYLOAD_MAX);
}

/* ---- At the publisher's end -------------------------------------------- */

/* Told of many at once, and never of the same one twice. */
static void batch_is_acknowledged_up_to_its_last(const char *publishers)
{
	start(publishers, "1M");
	witness_close(&witness);
	tcp_publisher_run(&publisher, 20000, 200);
	tcp_publisher_settle(&publisher);
	assert_int_equal(daemon_fixture_counter(&daemon_, "records_in"), 20000);
	publish_stage_end();
}

static void batches_are_acknowledged(void **state)
{
	(void)state;
	batch_is_acknowledged_up_to_its_last("one");
}

static void copied_batches_are_acknowledged(void **state)
{
	(void)state;
	batch_is_acknowledged_up_to_its_last("many");
}

static void publisher_that_closes_its_side_gets_the_last_ack(void **state)
{
	(void)state;
	start("one", "1M");
	tcp_publisher_run(&publisher, 100, 3 * KIB);
	assert_int_equal(shutdown(publisher.client.fd, SHUT_WR), 0);

	witness_expect_run(&witness, 1, 1, 100, 3 * KIB);
	tcp_publisher_settle(&publisher);
	client_expect_end(&publisher.client);
	publish_stage_end();
}

static void client_may_publish_and_subscribe(void **state)
{
	(void)state;
	start_with("one", "1M", "--heartbeat", "3600s");
	tcp_publisher_open_as(&publisher, &daemon_, ID,
			      BCAST_CLIENT_PUBLISH | BCAST_CLIENT_SUBSCRIBE, 0);
	tcp_publisher_say(&publisher, "to myself", 9);

	do
		assert_true(client_next(&publisher.client));
	while (publisher.client.header.type == BCAST_PACKET_ACK);
	assert_int_equal(publisher.client.header.type, BCAST_PACKET_DATA);
	assert_memory_equal(publisher.client.payload, "to myself", 9);
	publish_stage_end();
}

/* ---- Held up ----------------------------------------------------------- */

struct flow {
	unsigned char *frame;
	size_t size, at;
};

/* Until the socket takes no more, and the daemon says that it waits. */
static bool is_held_up(void *argument)
{
	struct flow *flow = argument;

	while (publisher.next < 100000) {
		ssize_t n;

		if (flow->at == flow->size) {
			flow->size = tcp_publisher_frame(
				flow->frame, publisher.next++, 3 * KIB);
			flow->at = 0;
		}
		n = send(publisher.client.fd, flow->frame + flow->at,
			 flow->size - flow->at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0)
			break;
		flow->at += (size_t)n;
	}
	return daemon_fixture_counter(&daemon_, "sender_pauses") > 0;
}

static bool time_is_over(void *argument)
{
	return test_now_ms() > *(uint64_t *)argument;
}

/* Its silence is our doing, then. */
static void publisher_waits_for_receivers(const char *publishers)
{
	struct flow flow = {.frame = malloc(4 * KIB)};
	uint64_t until_ms;
	struct client stalled = {0};

	assert_non_null(flow.frame);
	start_with(publishers, "64K", "--idle-timeout", "300ms");
	stalled.fd =
		crowd_connect(daemon_fixture_port(&daemon_, "egress"), 4096);
	stalled.sequence = 1;
	daemon_fixture_await(&daemon_, "receivers", 1);
	tcp_publisher_open(&publisher, &daemon_, ID);

	assert_true(test_within(DEADLINE_MS, is_held_up, &flow));
	until_ms = test_now_ms() + 600;
	(void)test_within(DEADLINE_MS, time_is_over, &until_ms);
	assert_int_equal(daemon_fixture_counter(&daemon_, "publishers"), 1);

	/* but for the last one, which the socket has cut */
	for (uint64_t i = 1; i + 1 < publisher.next; i++) {
		assert_true(client_next(&stalled));
		assert_int_equal(stalled.header.length,
				 published_length(i, 3 * KIB));
		assert_int_equal(published_wrong(i, stalled.payload,
						 stalled.header.length),
				 -1);
	}
	client_close(&stalled);
	free(flow.frame);
	publish_stage_end();
}

static void publisher_is_held_up_by_receivers(void **state)
{
	(void)state;
	publisher_waits_for_receivers("one");
}

static void copied_publisher_is_held_up_by_receivers(void **state)
{
	(void)state;
	publisher_waits_for_receivers("many");
}

#define PUBLISH_TEST(f)                                        \
	cmocka_unit_test_setup_teardown(f, publish_stage_open, \
					publish_stage_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PUBLISH_TEST(records_arrive_at_all_doors),
		PUBLISH_TEST(copied_records_arrive_at_all_doors),
		PUBLISH_TEST(publisher_s_own_time_is_kept),
		PUBLISH_TEST(records_may_be_cut_anywhere),
		PUBLISH_TEST(copied_records_may_be_cut_anywhere),
		PUBLISH_TEST(records_have_a_largest_size),
		PUBLISH_TEST(copied_records_have_a_largest_size),
		PUBLISH_TEST(largest_record_of_all_is_16_mib),
		PUBLISH_TEST(largest_copied_record_is_16_mib),
		PUBLISH_TEST(batches_are_acknowledged),
		PUBLISH_TEST(copied_batches_are_acknowledged),
		PUBLISH_TEST(publisher_that_closes_its_side_gets_the_last_ack),
		PUBLISH_TEST(client_may_publish_and_subscribe),
		PUBLISH_TEST(publisher_is_held_up_by_receivers),
		PUBLISH_TEST(copied_publisher_is_held_up_by_receivers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
