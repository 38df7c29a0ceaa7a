/* SPDX-License-Identifier: MIT */
/*
 * test_publish_turns.c - who may publish, and what happens when it is another's
 * turn: clients among themselves, clients and local publishers, and daemons.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "published.h"
#include "tcp_publisher.h"

#define ID    UINT64_C(0x1111)
#define OTHER UINT64_C(0x2222)
#define MOST  300u

static struct daemon_fixture daemon_;
static struct tcp_publisher first, second;
static struct witness witness;
static struct bcast_node *node;
static struct bcast_publisher *local;
static char address[32];

static void launch(const char *publishers)
{
	const char *options[] = {
		"--ring-size",	  "1M",	      "--format",    "packet",
		"--packet",	  address,    "--egress",    "127.0.0.1:0",
		"--publishers",	  publishers, "--heartbeat", "3600s",
		"--idle-timeout", "60s",      NULL};

	daemon_fixture_start(&daemon_, options);
}

static void start(const char *publishers)
{
	snprintf(address, sizeof(address), "127.0.0.1:0");
	launch(publishers);
	witness_open(&witness, &daemon_);
}

static void close_clients(void)
{
	bcast_publisher_close(local);
	bcast_leave(node);
	local = NULL;
	node = NULL;
	witness_close(&witness);
	tcp_publisher_close(&first);
	tcp_publisher_close(&second);
}

static void stop(void)
{
	close_clients();
	daemon_fixture_stop(&daemon_);
}

static int prepare(void **state)
{
	(void)state;
	daemon_ = (struct daemon_fixture){0};
	first = (struct tcp_publisher){0};
	second = (struct tcp_publisher){0};
	witness = (struct witness){0};
	return 0;
}

static int close_all(void **state)
{
	close_clients();
	return daemon_fixture_cleanup(state);
}

/* ---- Clients among themselves ------------------------------------------ */

static void second_publisher_is_told_who_is_there(void **state)
{
	(void)state;
	start("one");
	tcp_publisher_open(&first, &daemon_, ID);

	tcp_publisher_refused(&daemon_, OTHER, BCAST_REJECT_BUSY);

	daemon_fixture_await_log(&daemon_, "another client publishes: 127.", 1);
	tcp_publisher_run(&first, 3, MOST);
	witness_expect_run(&witness, 1, 1, 3, MOST);
	tcp_publisher_close(&first);
	daemon_fixture_await(&daemon_, "publishers", 0);
	tcp_publisher_open(&second, &daemon_, OTHER);
	assert_int_equal(second.welcome.source, 2);
	tcp_publisher_say(&second, "now", 3);
	witness_expect(&witness, 2, "now", 3);
	stop();
}

/* Each record is whole, each in the order of its publisher. */
static void many_publish_at_a_time(void **state)
{
	uint64_t expected[3] = {0, 1, 1};
	const unsigned count = 300;

	(void)state;
	start("many");
	tcp_publisher_open(&first, &daemon_, ID);
	tcp_publisher_open(&second, &daemon_, OTHER);
	assert_int_equal(daemon_fixture_counter(&daemon_, "publishers"), 2);
	for (unsigned i = 0; i < count; i += 10) {
		tcp_publisher_run(&first, 10, MOST);
		tcp_publisher_run(&second, 10, MOST);
	}
	tcp_publisher_settle(&first);
	tcp_publisher_settle(&second);

	for (unsigned i = 0; i < 2 * count; i++) {
		const struct bcast_packet_header *header =
			witness_next(&witness);
		uint64_t number;

		assert_in_range(header->source, 1, 2);
		number = expected[header->source]++;
		assert_int_equal(header->length,
				 published_length(number, MOST));
		assert_int_equal(
			published_wrong(number, header + 1, header->length),
			-1);
	}
	assert_int_equal(expected[1], count + 1);
	assert_int_equal(expected[2], count + 1);
	stop();
}

/* The peer may have died without a word; its number may not. */
static void come_again(const char *publishers)
{
	unsigned char frame[1024];
	size_t size;

	start(publishers);
	for (unsigned i = 0; i < 20; i++) {
		tcp_publisher_open(&first, &daemon_, ID);
		assert_int_equal(first.accepted, i * 5);
		tcp_publisher_run(&first, 5, MOST);
		tcp_publisher_settle(&first);
		size = tcp_publisher_frame(frame, first.next, MOST);
		client_say_bytes(&first.client, frame, size / 2);

		tcp_publisher_open(&second, &daemon_, ID);

		assert_int_equal(second.accepted, i * 5 + 5);
		client_expect_reject(&first.client, BCAST_REJECT_REPLACED);
		tcp_publisher_close(&first);
		tcp_publisher_close(&second);
	}
	witness_expect_run(&witness, 1, 1, 100, MOST);
	witness_expect_nothing(&witness, &daemon_);
	stop();
}

static void same_publisher_takes_its_own_place(void **state)
{
	(void)state;
	come_again("one");
}

static void same_publisher_takes_its_own_place_among_many(void **state)
{
	(void)state;
	come_again("many");
}

/* ---- Local publishers -------------------------------------------------- */

static int open_local(int wait_ms)
{
	struct bcast_publisher_options how = BCAST_PUBLISHER_DEFAULTS;

	how.lease_wait_ms = wait_ms;
	if (!node)
		assert_int_equal(
			bcast_join(daemon_.name, "local-one", NULL, &node), 0);
	return bcast_publisher_open(node, &how, &local);
}

static void close_local(void)
{
	bcast_publisher_close(local);
	local = NULL;
}

static void local_publisher_and_clients_exclude_each_other(void **state)
{
	(void)state;
	start("many");
	assert_int_equal(open_local(0), 0);
	tcp_publisher_refused(&daemon_, ID, BCAST_REJECT_BUSY);
	daemon_fixture_await_log(&daemon_, "a local process publishes: ", 1);

	close_local();
	tcp_publisher_open(&first, &daemon_, ID);
	assert_int_equal(open_local(0), -EBUSY);
	assert_int_equal(open_local(20), -EBUSY);

	tcp_publisher_close(&first);
	assert_int_equal(open_local(DEADLINE_MS), 0);
	stop();
}

/* Nobody who reads notices: neither by header nor by tail. */
static void hand_over(const char *publishers)
{
	uint64_t number = 1;
	char text[32];

	start(publishers);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(open_local(DEADLINE_MS), 0);
		for (unsigned j = 0; j < 5; j++) {
			snprintf(text, sizeof(text), "local %u %u", i, j);
			assert_int_equal(
				bcast_publish(local, text, strlen(text)), 0);
			witness_expect(&witness, 0, text, strlen(text));
		}
		close_local();
		tcp_publisher_open(&first, &daemon_, ID);
		tcp_publisher_run(&first, 5, MOST);
		witness_expect_run(&witness, 1, number, 5, MOST);
		number += 5;
		tcp_publisher_close(&first);
	}
	stop();
}

static void lease_goes_to_and_fro(void **state)
{
	(void)state;
	hand_over("one");
}

static void lease_goes_to_and_fro_with_many(void **state)
{
	(void)state;
	hand_over("many");
}

/* It dies with records that only their headers announce. */
static void die_publishing(void *name)
{
	struct bcast_publisher *publisher;
	struct bcast_node *dying;

	test_child_check(bcast_join(name, "dying", NULL, &dying) == 0);
	test_child_check(bcast_publisher_open(dying, NULL, &publisher) == 0);
	for (unsigned i = 0; i < 10; i++)
		test_child_check(bcast_publish(publisher, &i, sizeof(i)) == 0);
	test_child_ready();
	test_child_sleep();
}

static void client_goes_on_behind_a_dead_local_publisher(void **state)
{
	struct test_child child;

	(void)state;
	start("one");
	child = test_fork(die_publishing, daemon_.name);
	test_kill(&child);

	tcp_publisher_open(&first, &daemon_, ID);
	tcp_publisher_run(&first, 10, MOST);

	for (unsigned i = 0; i < 10; i++)
		witness_expect(&witness, 0, &i, sizeof(i));
	witness_expect_run(&witness, 1, 1, 10, MOST);
	stop();
}

/* ---- Daemons ----------------------------------------------------------- */

static void stopping_daemon_tells_what_it_has(const char *publishers)
{
	unsigned char frame[1024];
	struct bcast_end end;

	start(publishers);
	tcp_publisher_open(&first, &daemon_, ID);
	tcp_publisher_run(&first, 50, MOST);
	client_say_bytes(&first.client, frame,
			 tcp_publisher_frame(frame, 51, MOST) - 32);
	witness_expect_run(&witness, 1, 1, 50, MOST);

	assert_int_equal(kill(daemon_.pid, SIGTERM), 0);

	tcp_publisher_settle(&first);
	client_expect(&first.client, BCAST_PACKET_END);
	memcpy(&end, first.client.payload, sizeof(end));
	assert_int_equal(end.sequence, 51);
	client_expect_end(&first.client);
	client_expect(&witness.subscriber, BCAST_PACKET_END);
	close_clients();
	assert_int_equal(daemon_fixture_wait(&daemon_), 0);
	daemon_fixture_assert_clean(&daemon_);
	daemon_fixture_forget(&daemon_);
}

static void end_of_the_daemon_is_told(void **state)
{
	(void)state;
	stopping_daemon_tells_what_it_has("one");
}

static void end_of_the_daemon_is_told_to_many(void **state)
{
	(void)state;
	stopping_daemon_tells_what_it_has("many");
}

/* The numbers are in the segment, and the segment stays. */
static void next_daemon_knows_what_was_accepted(const char *publishers)
{
	struct bcast_reader *reader;
	const void *span;
	uint64_t expected = 1;
	char name[sizeof(daemon_.name)];

	snprintf(address, sizeof(address), "127.0.0.1:0");
	launch(publishers);
	snprintf(name, sizeof(name), "%s", daemon_.name);
	assert_int_equal(bcast_attach(name, NULL, &reader), 0);
	for (unsigned life = 0; life < 5; life++) {
		const struct bcast_packet_header *packet;
		size_t at = 0;
		int64_t n;

		tcp_publisher_open(&first, &daemon_, ID);
		assert_true(first.accepted >= life * 10);
		tcp_publisher_run(&first, 10, MOST);
		tcp_publisher_settle(&first);
		/* and some more, of which it may or may not have something */
		tcp_publisher_run(&first, 20, MOST);
		assert_int_equal(kill(daemon_.pid, SIGKILL), 0);
		assert_int_equal(daemon_fixture_wait(&daemon_), 128 + SIGKILL);
		tcp_publisher_close(&first);
		daemon_fixture_forget(&daemon_);
		snprintf(daemon_.name, sizeof(daemon_.name), "%s", name);
		launch(publishers);
		tcp_publisher_open(&first, &daemon_, ID);
		n = bcast_peek(reader, &span);
		assert_true(n > 0);
		while ((packet = bcast_packet_in(span, (size_t)n, at))) {
			assert_int_equal(packet->length,
					 published_length(expected, MOST));
			assert_int_equal(published_wrong(expected, packet + 1,
							 packet->length),
					 -1);
			expected++;
			at += bcast_packet_size(packet->length);
		}
		assert_int_equal(at, n);
		assert_true(bcast_consume(reader, at) >= 0);
		assert_int_equal(first.accepted + 1, expected);
		tcp_publisher_close(&first);
	}
	bcast_detach(reader);
	daemon_fixture_stop(&daemon_);
}

static void accepted_numbers_outlive_the_daemon(void **state)
{
	(void)state;
	next_daemon_knows_what_was_accepted("one");
}

static void accepted_numbers_of_many_outlive_the_daemon(void **state)
{
	(void)state;
	next_daemon_knows_what_was_accepted("many");
}

#define TURN_TEST(f) cmocka_unit_test_setup_teardown(f, prepare, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TURN_TEST(second_publisher_is_told_who_is_there),
		TURN_TEST(many_publish_at_a_time),
		TURN_TEST(same_publisher_takes_its_own_place),
		TURN_TEST(same_publisher_takes_its_own_place_among_many),
		TURN_TEST(local_publisher_and_clients_exclude_each_other),
		TURN_TEST(lease_goes_to_and_fro),
		TURN_TEST(lease_goes_to_and_fro_with_many),
		TURN_TEST(client_goes_on_behind_a_dead_local_publisher),
		TURN_TEST(end_of_the_daemon_is_told),
		TURN_TEST(end_of_the_daemon_is_told_to_many),
		TURN_TEST(accepted_numbers_outlive_the_daemon),
		TURN_TEST(accepted_numbers_of_many_outlive_the_daemon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
