/* SPDX-License-Identifier: MIT */
/*
 * test_filter.c - a subscriber gets the records of its key, all of them, and is
 * told where the others are.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <bcast/bcast.h>

#include "subscriber.h"

#define MIB (1u << 20)

static struct daemon_fixture daemon_;
static struct subscriber subscriber;
static struct bcast_node *node;
static struct bcast_publisher *publisher;
static uint64_t wanted; /* records, so far, with the key */

static void launch(const char *ring)
{
	const char *options[] = {"--ring-size", ring,	    "--format",
				 "packet",	"--packet", "127.0.0.1:0",
				 "--heartbeat", "100ms",    "--idle-timeout",
				 "60s",		NULL};

	daemon_fixture_start(&daemon_, options);
	assert_int_equal(bcast_join(daemon_.name, "writer", NULL, &node), 0);
	assert_int_equal(bcast_publisher_open(node, NULL, &publisher), 0);
}

/* The key, then so many bytes of value. */
static void publish(const char *key, size_t value)
{
	size_t length = strlen(key);
	void *payload;

	assert_int_equal(bcast_claim(publisher, length + value, &payload), 0);
	memcpy(payload, key, length);
	memset((char *)payload + length, 'v', value);
	assert_int_equal(bcast_commit_key(publisher, length + value, length),
			 0);
}

static struct bc_hello hello_for(const void *key, uint16_t length)
{
	struct bc_hello hello = client_hello(BCAST_CLIENT_SUBSCRIBE);

	memcpy(hello.key, key, length);
	hello.fixed.key_length = length;
	return hello;
}

static void subscribe(const char *key)
{
	struct bc_hello hello = hello_for(key, (uint16_t)strlen(key));

	hello.fixed.from = BCAST_START_OLDEST;
	subscriber_open(&subscriber, &daemon_, &hello, NULL);
}

/* The next that is not a GAP; what lies between has been told. */
static void expect(const char *key)
{
	uint16_t type;

	while ((type = subscriber_next(&subscriber)) == BCAST_PACKET_GAP)
		assert_int_equal(subscriber.gap.reason, BCAST_GAP_FILTERED);
	assert_int_equal(type, BCAST_PACKET_DATA);
	assert_int_equal(subscriber.client.header.key_length, strlen(key));
	assert_memory_equal(subscriber.client.payload, key, strlen(key));
}

static int prepare(void **state)
{
	(void)state;
	daemon_ = (struct daemon_fixture){0};
	subscriber = (struct subscriber){.keyed = true};
	node = NULL;
	publisher = NULL;
	return 0;
}

static int close_all(void **state)
{
	client_close(&subscriber.client);
	bcast_publisher_close(publisher);
	bcast_leave(node);
	return daemon_fixture_cleanup(state);
}

/* ---- What comes -------------------------------------------------------- */

static void only_what_begins_with_the_key_comes(void **state)
{
	(void)state;
	launch("1M");
	publish("other", 10);
	publish("pri", 10);
	publish("price", 10);
	publish("price.gold", 100);
	publish("pricf", 10);
	publish("", 10);
	publish("price.tin", 0);
	subscribe("price");

	expect("price");
	assert_int_equal(subscriber.gaps, 1);
	expect("price.gold");
	assert_int_equal(subscriber.gaps, 1);
	expect("price.tin");
	assert_int_equal(subscriber.gaps, 2);
	assert_int_equal(subscriber.client.sequence, 8);
	publish("price.iron", 3);
	expect("price.iron");
	daemon_fixture_stop(&daemon_);
}

/* So the client can say where it is, however long nothing comes for it. */
static void position_moves_where_nothing_matches(void **state)
{
	(void)state;
	launch("1M");
	subscribe("price");
	for (unsigned i = 0; i < 1000; i++)
		publish("other", i);

	while (subscriber.client.position !=
	       bcast_publisher_position(publisher))
		subscriber_expect_gap(&subscriber, BCAST_GAP_FILTERED);
	assert_int_equal(subscriber.client.sequence, 1001);
	daemon_fixture_stop(&daemon_);
}

/* Far more than is looked at in one turn, and than the ring holds. */
static void all_of_a_long_stream_is_accounted_for(void **state)
{
	uint64_t seen = 0;

	(void)state;
	wanted = 0;
	launch("8M");
	subscribe("w");
	for (unsigned i = 0; i < 40000; i++) {
		bool of_key = i % 97 == 0 || (i / 1000) % 7 == 3;

		publish(of_key ? "wanted" : "unwanted", i % 300);
		wanted += of_key;
		if (i % 1000 != 999)
			continue;
		while (seen < wanted) {
			expect("wanted");
			seen++;
		}
	}

	while (subscriber.client.sequence < 40001)
		subscriber_expect_gap(&subscriber, BCAST_GAP_FILTERED);
	assert_int_equal(seen, wanted);
	daemon_fixture_stop(&daemon_);
}

static void end_comes_after_the_last_gap(void **state)
{
	uint16_t type;

	(void)state;
	launch("1M");
	subscribe("price");
	publish("price", 1);
	expect("price");
	for (unsigned i = 0; i < 10; i++)
		publish("other", 1);
	bcast_publisher_close(publisher);
	publisher = NULL;

	assert_int_equal(kill(daemon_.pid, SIGTERM), 0);
	while ((type = subscriber_next(&subscriber)) == BCAST_PACKET_GAP)
		;

	assert_int_equal(type, BCAST_PACKET_END);
	assert_int_equal(subscriber.client.sequence, 12);
	assert_int_equal(daemon_fixture_wait(&daemon_), 0);
	daemon_fixture_assert_clean(&daemon_);
	daemon_fixture_forget(&daemon_);
}

/* ---- Bounds ------------------------------------------------------------ */

static void key_has_a_longest(void **state)
{
	char key[BC_HELLO_KEY_MAX + 1];
	struct bc_hello hello;

	(void)state;
	memset(key, 'k', sizeof(key));
	key[BC_HELLO_KEY_MAX] = '\0';
	launch("1M");
	hello = hello_for(key, BC_HELLO_KEY_MAX);
	subscriber_open(&subscriber, &daemon_, &hello, NULL);
	publish("k", 1);
	publish(key, 1);
	expect(key);
	client_close(&subscriber.client);

	hello = hello_for(key, BC_HELLO_KEY_MAX - 1);
	subscriber_open(&subscriber, &daemon_, &hello, NULL);
	publish(key, 1);
	expect(key);
	daemon_fixture_stop(&daemon_);
}

/* Made by hand, since who writes one by the rules cannot. */
static void longer_key_is_rejected(void **state)
{
	unsigned char bytes[BC_HELLO_FRAME_MAX] = {0};
	struct bc_hello hello = hello_for("k", 1);
	struct bcast_packet_header header;
	struct bcast_hello fixed;

	(void)state;
	launch("1M");
	(void)bc_hello_write(bytes, &hello);
	memcpy(&header, bytes, sizeof(header));
	memcpy(&fixed, bytes + sizeof(header), sizeof(fixed));
	fixed.key_length = BC_HELLO_KEY_MAX + 1;
	header.length = sizeof(fixed) + BC_HELLO_KEY_MAX + 1;
	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), &fixed, sizeof(fixed));
	client_connect(&subscriber.client, &daemon_);
	client_say_bytes(&subscriber.client, bytes,
			 bcast_packet_size(header.length));

	client_expect_reject(&subscriber.client, BCAST_REJECT_PROTOCOL);
	daemon_fixture_stop(&daemon_);
}

#define FILTER_TEST(f) cmocka_unit_test_setup_teardown(f, prepare, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILTER_TEST(only_what_begins_with_the_key_comes),
		FILTER_TEST(position_moves_where_nothing_matches),
		FILTER_TEST(all_of_a_long_stream_is_accounted_for),
		FILTER_TEST(end_comes_after_the_last_gap),
		FILTER_TEST(key_has_a_longest),
		FILTER_TEST(longer_key_is_rejected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
