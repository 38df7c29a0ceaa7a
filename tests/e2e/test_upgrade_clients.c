/* SPDX-License-Identifier: MIT */
/*
 * test_upgrade_clients.c - hot upgrade under clients of --packet: whoever is in
 * the middle of a record, of a HELLO or of being told something goes on there;
 * each record comes once. And who is left behind comes again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crowd.h"
#include "numbered.h"
#include "published.h"
#include "tcp_publisher.h"
#include "upgrade_stage.h"

#define KIB	1024u
#define ID	UINT64_C(0x1234567890)
#define MOST	(3 * KIB)
#define HALF	40u /* more than a header, less than any record */
#define RECORDS UINT64_C(40000)

static struct tcp_publisher publisher;
static struct witness witness;
static struct client client;
static struct test_child child;
static char address[64];

static int close_all(void **state)
{
	test_kill(&child);
	tcp_publisher_close(&publisher);
	witness_close(&witness);
	client_close(&client);
	return upgrade_stage_close(state);
}

/* ---- The stage --------------------------------------------------------- */

/* All doors; and nothing is said between the records. */
#define OPTIONS(...)                                                      \
	((const char *const[]){"--ring-size", "1M", "--format", "packet", \
			       "--packet", "127.0.0.1:0", "--egress",     \
			       "127.0.0.1:0", "--slow-policy", "block",   \
			       "--heartbeat", "3600s", __VA_ARGS__, NULL})

static void start(const char *const options[])
{
	upgrade_stage_start(options);
	snprintf(address, sizeof(address), "tcp://127.0.0.1:%u",
		 daemon_fixture_port(daemon_now, "packet"));
}

static uint64_t counter(const char *name)
{
	return daemon_fixture_counter(daemon_now, name);
}

static void stop(void)
{
	tcp_publisher_close(&publisher);
	witness_close(&witness);
	client_close(&client);
	daemon_fixture_stop(daemon_now);
}

/* ---- Publishers -------------------------------------------------------- */

/* The next record, but for its end, which comes back. */
static const unsigned char *say_half(size_t *left)
{
	static unsigned char frame[64 * KIB];
	size_t size = 0;

	while (size <= HALF) {
		size = tcp_publisher_frame(frame, publisher.next, MOST);
		if (size <= HALF)
			tcp_publisher_run(&publisher, 1, MOST);
	}
	publisher.next++;
	client_say_bytes(&publisher.client, frame, HALF);
	*left = size - HALF;
	return frame + HALF;
}

static void publish_through(const char *const options[], unsigned upgrades)
{
	uint64_t first = 1;

	start(options);
	tcp_publisher_open(&publisher, daemon_now, ID);
	witness_open(&witness, daemon_now);
	for (unsigned i = 0; i < upgrades; i++) {
		const unsigned char *rest;
		size_t left;

		tcp_publisher_run(&publisher, 20, MOST);
		rest = say_half(&left);
		upgrade_stage_take(options, NULL);
		client_say_bytes(&publisher.client, rest, left);
		witness_expect_run(&witness, 1, first, publisher.next - first,
				   MOST);
		first = publisher.next;
	}
	tcp_publisher_settle(&publisher);

	assert_int_equal(counter("records_in"), publisher.next - 1);
	assert_int_equal(counter("records_duplicate"), 0);
	assert_int_equal(counter("publishers"), 1);
	assert_int_equal(counter("publishers_joined"), 1);
	assert_int_equal(counter("clients_welcomed"), 2);
	stop();
}

static void half_a_record_in_the_ring_is_finished(void **state)
{
	(void)state;
	publish_through(OPTIONS("--publishers", "one"), 5);
}

static void half_a_record_in_a_buffer_is_finished(void **state)
{
	(void)state;
	publish_through(OPTIONS("--publishers", "many"), 5);
}

/* Records behind the tail are of the one way or the other. */
static void other_way_of_publishing_is_refused(void **state)
{
	(void)state;
	start(OPTIONS("--publishers", "one"));
	tcp_publisher_open(&publisher, daemon_now, ID);
	witness_open(&witness, daemon_now);

	assert_int_equal(
		upgrade_stage_try(OPTIONS("--publishers", "many"), NULL), 69);

	tcp_publisher_run(&publisher, 50, MOST);
	witness_expect_run(&witness, 1, 1, 50, MOST);
	tcp_publisher_settle(&publisher);
	assert_int_equal(
		daemon_fixture_logged(daemon_now, "warn upgrade_failed "), 1);
	stop();
}

/* ---- HELLO ------------------------------------------------------------- */

static void hello_that_is_half_said_is_finished(void **state)
{
	struct bc_hello hello = client_hello(BCAST_CLIENT_SUBSCRIBE);
	unsigned char frame[BC_HELLO_FRAME_MAX];
	size_t size = bc_hello_write(frame, &hello);

	(void)state;
	for (size_t half = 0; half < size; half += size / 4) {
		start(OPTIONS("--heartbeat", "100ms"));
		client_connect(&client, daemon_now);
		client_say_bytes(&client, frame, half);
		upgrade_stage_take(OPTIONS("--heartbeat", "100ms"), NULL);
		client_say_bytes(&client, frame + half, size - half);

		client_expect(&client, BCAST_PACKET_WELCOME);
		assert_int_equal(counter("clients_welcomed"), 1);
		stop();
	}
}

/* ---- Many, all the time ------------------------------------------------ */

static void publish_all(void *argument)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client *source = NULL;

	(void)argument;
	how.roles = BCAST_CLIENT_PUBLISH;
	how.publisher_id = ID;
	test_child_check(bcast_open(address, &how, &source) == 0);
	test_child_ready();
	for (uint64_t i = 0; i < RECORDS; i++) {
		unsigned char bytes[NUMBERED_MAX];
		size_t length = numbered_fill(i, bytes);

		test_child_check(bcast_client_publish(source, NULL, 0, bytes,
						      length,
						      DEADLINE_MS) == 0);
	}
	test_child_check(bcast_client_flush(source, DEADLINE_MS) == 0);
	bcast_close(source);
}

static struct bcast_client *readers[4];
static uint64_t taken;

/* Each of them takes the next few; by name, so a wrong one fails here. */
static void take_some(void)
{
	uint64_t count = RECORDS - taken < 16 ? RECORDS - taken : 16;

	for (unsigned i = 0; i < 4; i++)
		numbered_expect(readers[i], taken, count);
	taken += count;
}

static void come_through(const char *const options[])
{
	taken = 0;
	start(options);
	for (unsigned i = 0; i < 4; i++)
		readers[i] = numbered_open(address, BCAST_CLIENT_SUBSCRIBE,
					   BCAST_START_LIVE);
	child = test_fork(publish_all, NULL);
	for (unsigned i = 0; i < 10; i++)
		upgrade_stage_take(options, take_some);
	while (taken < RECORDS)
		take_some();

	assert_int_equal(test_join(&child), 0);
	assert_int_equal(counter("clients_welcomed"), 5);
	assert_int_equal(counter("records_in"), RECORDS);
	for (unsigned i = 0; i < 4; i++)
		bcast_close(readers[i]);
	stop();
}

static void every_record_comes_once_through_ten_upgrades(void **state)
{
	(void)state;
	come_through(OPTIONS("--publishers", "one"));
}

static void every_record_comes_once_by_way_of_buffers_too(void **state)
{
	(void)state;
	come_through(OPTIONS("--publishers", "many"));
}

/* ---- Who is left behind ------------------------------------------------ */

static bool is_a_node_again(void *node)
{
	struct bcast_packet packet;

	(void)bcast_client_next(node, &packet, 10);
	return counter("remote_nodes") == 1;
}

static void node_is_left_behind_and_comes_again(void **state)
{
	struct bcast_client *node;
	struct bcast_packet packet;

	(void)state;
	start(OPTIONS("--heartbeat", "100ms"));
	node = numbered_open(address,
			     BCAST_CLIENT_NODE | BCAST_CLIENT_SUBSCRIBE,
			     BCAST_START_LIVE);
	tcp_publisher_open(&publisher, daemon_now, ID);
	upgrade_stage_take(OPTIONS("--heartbeat", "100ms"), NULL);

	assert_int_equal(counter("upgrade_left_behind"), 1);
	tcp_publisher_run(&publisher, 3, MOST);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(bcast_client_next(node, &packet, DEADLINE_MS),
				 1);
	/* the library comes back by itself, while it is called */
	assert_true(test_within(DEADLINE_MS, is_a_node_again, node));
	bcast_close(node);
	stop();
}

static void echo_client_is_left_behind(void **state)
{
	const char *const *options = OPTIONS("--echo", "127.0.0.1:0");
	char byte;
	int fd;

	(void)state;
	start(options);
	fd = crowd_connect(daemon_fixture_port(daemon_now, "echo"), 0);
	daemon_fixture_await(daemon_now, "echo_clients", 1);
	upgrade_stage_take(options, NULL);

	assert_true(recv(fd, &byte, 1, 0) <= 0);
	assert_int_equal(counter("upgrade_left_behind"), 1);
	assert_int_equal(counter("echo_clients"), 0);
	(void)close(fd);
	stop();
}

int main(void)
{
#define CLAIM(claim) cmocka_unit_test_teardown(claim, close_all)
	const struct CMUnitTest claims[] = {
		CLAIM(half_a_record_in_the_ring_is_finished),
		CLAIM(half_a_record_in_a_buffer_is_finished),
		CLAIM(other_way_of_publishing_is_refused),
		CLAIM(hello_that_is_half_said_is_finished),
		CLAIM(every_record_comes_once_through_ten_upgrades),
		CLAIM(every_record_comes_once_by_way_of_buffers_too),
		CLAIM(node_is_left_behind_and_comes_again),
		CLAIM(echo_client_is_left_behind),
	};

	return cmocka_run_group_tests(claims, NULL, NULL);
}
