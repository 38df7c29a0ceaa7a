/* SPDX-License-Identifier: MIT */
/* A client of --packet: its HELLO, what it gets for it, and how it goes on. */
#include <string.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "client.h"

static struct daemon_fixture daemon_;
static struct client client;

#define CROWD 200u

static struct client crowd_[CROWD];

static void leave_all(void)
{
	for (unsigned i = 0; i < CROWD; i++)
		client_close(&crowd_[i]);
}

static void start(const char *option, const char *value)
{
	const char *options[] = {"--ring-size", "1M",	    "--format",
				 "packet",	"--packet", "127.0.0.1:0",
				 "--heartbeat", "100ms",    option,
				 value,		NULL};

	daemon_fixture_start(&daemon_, options);
	client_connect(&client, &daemon_);
}

static void greet(uint32_t roles)
{
	struct bc_hello hello = client_hello(roles);
	struct bc_welcome welcome;

	client_greet(&client, &hello, &welcome);
}

static int prepare(void **state)
{
	(void)state;
	daemon_ = (struct daemon_fixture){0};
	client = (struct client){0};
	return 0;
}

static int close_all(void **state)
{
	client_close(&client);
	leave_all();
	return daemon_fixture_cleanup(state);
}

/* ---- Being welcome ----------------------------------------------------- */

static void subscriber_gets_the_records_from_where_it_was_told(void **state)
{
	struct bc_hello hello = client_hello(BCAST_CLIENT_SUBSCRIBE);
	struct bcast_publisher *publisher;
	struct bcast_node *node;
	struct bc_welcome welcome;

	(void)state;
	start(NULL, NULL);
	assert_int_equal(bcast_join(daemon_.name, "writer", NULL, &node), 0);
	assert_int_equal(bcast_publisher_open(node, NULL, &publisher), 0);
	assert_int_equal(bcast_publish(publisher, "before", 6), 0);

	client_greet(&client, &hello, &welcome);
	assert_int_equal(welcome.fixed.sequence, 2);
	assert_int_equal(welcome.fixed.position, bcast_packet_size(6));
	assert_string_equal(welcome.name, daemon_.name);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(bcast_publish(publisher, &i, sizeof(i)), 0);
	for (unsigned i = 0; i < 1000; i++) {
		client_expect(&client, BCAST_PACKET_DATA);
		assert_memory_equal(client.payload, &i, sizeof(i));
	}

	bcast_publisher_close(publisher);
	bcast_leave(node);
	daemon_fixture_stop(&daemon_);
}

static void hello_may_come_byte_by_byte(void **state)
{
	struct bc_hello hello = client_hello(BCAST_CLIENT_SUBSCRIBE);
	unsigned char bytes[BC_HELLO_FRAME_MAX];
	size_t size = bc_hello_write(bytes, &hello);

	(void)state;
	start(NULL, NULL);
	for (size_t i = 0; i < size; i++)
		client_say_bytes(&client, bytes + i, 1);

	client_expect(&client, BCAST_PACKET_WELCOME);
	daemon_fixture_stop(&daemon_);
}

static void ping_is_answered_with_its_own_bytes(void **state)
{
	const struct bcast_packet_header ping = {
		.length = 5,
		.type = BCAST_PACKET_PING,
		.sequence = 77,
	};

	(void)state;
	start(NULL, NULL);
	greet(0);
	client_say(&client, &ping, "hello");

	client_expect(&client, BCAST_PACKET_PONG);
	assert_int_equal(client.header.sequence, 77);
	assert_memory_equal(client.payload, "hello", 5);
	daemon_fixture_stop(&daemon_);
}

static void silence_is_filled_with_heartbeats(void **state)
{
	(void)state;
	start(NULL, NULL);
	greet(BCAST_CLIENT_SUBSCRIBE);

	for (unsigned i = 0; i < 3; i++) {
		assert_true(client_next(&client));
		assert_int_equal(client.header.type, BCAST_PACKET_HEARTBEAT);
	}
	daemon_fixture_stop(&daemon_);
}

static void unknown_records_are_skipped_unless_they_must_be_understood(
	void **state)
{
	struct bcast_packet_header unknown = {.length = 40, .type = 0x8fff};
	const struct bcast_packet_header ping = {.type = BCAST_PACKET_PING};
	char bytes[40] = "from a later version";

	(void)state;
	start(NULL, NULL);
	greet(0);
	client_say(&client, &unknown, bytes);
	client_say(&client, &ping, NULL);
	client_expect(&client, BCAST_PACKET_PONG);

	unknown.flags = BCAST_PACKET_MUST;
	client_say(&client, &unknown, bytes);
	client_expect_reject(&client, BCAST_REJECT_PROTOCOL);
	daemon_fixture_stop(&daemon_);
}

static void end_in_order_is_told(void **state)
{
	(void)state;
	start(NULL, NULL);
	greet(BCAST_CLIENT_SUBSCRIBE);

	daemon_fixture_stop(&daemon_);
	client_expect(&client, BCAST_PACKET_END);
	client_expect_end(&client);
}

/* ---- Not being welcome ------------------------------------------------- */

static void hello_for_another_stream_is_rejected(void **state)
{
	struct bc_hello hello = client_hello(BCAST_CLIENT_SUBSCRIBE);
	unsigned char bytes[BC_HELLO_FRAME_MAX];

	(void)state;
	start(NULL, NULL);
	strcpy(hello.name, "some-other");
	client_say_bytes(&client, bytes, bc_hello_write(bytes, &hello));

	client_expect_reject(&client, BCAST_REJECT_STREAM);
	daemon_fixture_stop(&daemon_);
}

static void garbage_is_rejected(void **state)
{
	(void)state;
	start(NULL, NULL);
	client_say_bytes(&client, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
			 35);

	client_expect_reject(&client, BCAST_REJECT_PROTOCOL);
	daemon_fixture_stop(&daemon_);
}

static void hello_that_never_ends_has_a_deadline(void **state)
{
	(void)state;
	start("--hello-timeout", "200ms");
	client_say_bytes(&client, "\x20", 1);

	client_expect_reject(&client, BCAST_REJECT_TIMEOUT);
	daemon_fixture_await(&daemon_, "clients_rejected", 1);
	daemon_fixture_stop(&daemon_);
}

static void silent_client_is_taken_for_gone(void **state)
{
	(void)state;
	start("--idle-timeout", "300ms");
	greet(BCAST_CLIENT_SUBSCRIBE);

	client_expect_reject(&client, BCAST_REJECT_TIMEOUT);
	daemon_fixture_stop(&daemon_);
}

static void clients_count_as_receivers(void **state)
{
	struct client second, third;

	(void)state;
	start("--max-receivers", "2");
	greet(0);
	client_join(&second, &daemon_, BCAST_CLIENT_SUBSCRIBE);
	client_connect(&third, &daemon_);

	client_expect_end(&third);
	client_close(&second);
	client_close(&third);
	daemon_fixture_stop(&daemon_);
}

/* ---- Clients that mean no good ----------------------------------------- */

/* Byte by byte, each just in time to be no silence. */
static void hello_that_dribbles_has_the_same_deadline(void **state)
{
	struct bc_hello hello = client_hello(BCAST_CLIENT_SUBSCRIBE);
	unsigned char bytes[BC_HELLO_FRAME_MAX];
	uint64_t began_ms;
	size_t said = 0;

	(void)state;
	start("--hello-timeout", "500ms");
	(void)bc_hello_write(bytes, &hello);
	began_ms = test_now_ms();
	while (daemon_fixture_counter(&daemon_, "clients_rejected") == 0 &&
	       test_now_ms() - began_ms < DEADLINE_MS) {
		if (said < 32 && test_now_ms() - began_ms > 50 * said)
			client_say_bytes(&client, bytes + said++, 1);
	}

	client_expect_reject(&client, BCAST_REJECT_TIMEOUT);
	daemon_fixture_stop(&daemon_);
}

static void those_who_say_nothing_make_room(void **state)
{
	(void)state;
	start("--hello-timeout", "300ms");
	client_close(&client);
	for (unsigned i = 0; i < CROWD; i++)
		client_connect(&crowd_[i], &daemon_);
	daemon_fixture_await(&daemon_, "clients_rejected", CROWD);

	client_connect(&client, &daemon_);
	greet(BCAST_CLIENT_SUBSCRIBE);
	for (unsigned i = 0; i < CROWD; i++)
		client_expect_reject(&crowd_[i], BCAST_REJECT_TIMEOUT);
	leave_all();
	daemon_fixture_stop(&daemon_);
}

/* Of all PONGs it gets those that fit; it does not get to fill our memory. */
static void flood_of_pings_costs_no_memory(void **state)
{
	const struct bcast_packet_header ping = {
		.length = BCAST_PING_MAX,
		.type = BCAST_PACKET_PING,
	};
	unsigned char frame[96], flood[96 * 512];
	uint64_t before;

	(void)state;
	start("--sndbuf", "32K");
	greet(BCAST_CLIENT_SUBSCRIBE);
	(void)bc_packet_write(frame, &ping, flood);
	for (unsigned i = 0; i < 512; i++)
		memcpy(flood + 96 * (size_t)i, frame, 96);
	for (unsigned i = 0; i < 40; i++)
		client_say_bytes(&client, flood, sizeof(flood));
	before = daemon_fixture_private_bytes(&daemon_);
	for (unsigned i = 0; i < 400; i++)
		client_say_bytes(&client, flood, sizeof(flood));

	/* of 19 MiB; the buffers to receive in are 1.3 MiB */
	if (!TEST_SANITIZED)
		assert_true(daemon_fixture_private_bytes(&daemon_) <
			    before + (2u << 20));
	client_expect(&client, BCAST_PACKET_PONG);
	daemon_fixture_stop(&daemon_);
}

static void client_costs_little_memory(void **state)
{
	uint64_t before, each;

	(void)state;
	start(NULL, NULL);
	greet(BCAST_CLIENT_SUBSCRIBE);
	before = daemon_fixture_private_bytes(&daemon_);
	for (unsigned i = 0; i < CROWD; i++)
		client_join(&crowd_[i], &daemon_, BCAST_CLIENT_SUBSCRIBE);

	each = (daemon_fixture_private_bytes(&daemon_) - before) / CROWD;
	print_message("a subscriber costs %llu bytes of the daemon's\n",
		      (unsigned long long)each);
	if (!TEST_SANITIZED)
		assert_true(each < 4096);
	leave_all();
	daemon_fixture_stop(&daemon_);
}

#define GREETING_TEST(f) cmocka_unit_test_setup_teardown(f, prepare, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		GREETING_TEST(
			subscriber_gets_the_records_from_where_it_was_told),
		GREETING_TEST(hello_may_come_byte_by_byte),
		GREETING_TEST(ping_is_answered_with_its_own_bytes),
		GREETING_TEST(silence_is_filled_with_heartbeats),
		GREETING_TEST(
			unknown_records_are_skipped_unless_they_must_be_understood),
		GREETING_TEST(end_in_order_is_told),
		GREETING_TEST(hello_for_another_stream_is_rejected),
		GREETING_TEST(garbage_is_rejected),
		GREETING_TEST(hello_that_never_ends_has_a_deadline),
		GREETING_TEST(silent_client_is_taken_for_gone),
		GREETING_TEST(clients_count_as_receivers),
		GREETING_TEST(hello_that_dribbles_has_the_same_deadline),
		GREETING_TEST(those_who_say_nothing_make_room),
		GREETING_TEST(flood_of_pings_costs_no_memory),
		GREETING_TEST(client_costs_little_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
