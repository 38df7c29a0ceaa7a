/* SPDX-License-Identifier: MIT */
/* --echo: what clients send comes back, however many they are. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "echo_stage.h"

#define MIB	      (1u << 20)
#define CLIENTS_MANY  2000u
#define MANY_VARIABLE "BCAST_TEST_ECHO_CLIENTS"

static void assert_all_lengths_come_back(void)
{
	static const uint32_t lengths[] = {
		0,    1,     7,	    8,	   9,	  64,	 1024,	 4096,
		8184, 16376, 16377, 16384, 65528, 65536, 131073, 1048576,
	};
	struct echo_client client = echo_join();

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		echo_exchange(&client, lengths[i],
			      lengths[i] < 100000 ? 100 : 5);
	echo_exchange(&client, 4 * MIB, 2);
	echo_exchange(&client, 1, 200);
	echo_leave(&client);
}

static void every_byte_comes_back_in_order(void **state)
{
	(void)state;
	echo_start_plain();

	assert_all_lengths_come_back();

	daemon_fixture_await(&daemon_, "echo_clients", 0);
	assert_int_equal(daemon_fixture_counter(&daemon_, "echo_packets"),
			 14 * 100 + 2 * 5 + 2 + 200 + 0);
	daemon_fixture_stop(&daemon_);
}

static void every_byte_comes_back_in_batches_too(void **state)
{
	static const char *const batch[] = {"--echo-mode", "batch", NULL};
	static const char *const delay[] = {
		"--echo-mode", "batch", "--echo-batch-delay", "200us", NULL};

	(void)state;
	echo_start(batch);
	assert_all_lengths_come_back();
	daemon_fixture_stop(&daemon_);
	crowd_close(&crowd);
	daemon_ = (struct daemon_fixture){0};
	echo_start(delay);
	assert_all_lengths_come_back();
	daemon_fixture_stop(&daemon_);
}

static void bytes_may_come_one_by_one(void **state)
{
	struct echo_client client;

	(void)state;
	echo_start_plain();
	client = echo_join();
	echo_ask(&client, 5, 20);

	while (client.sent < client.goal) {
		for (size_t i = 0; i < echo_packet_bytes(&client); i++)
			echo_write(&client, client.packet + i, 1);
		client.sent++;
		echo_make_next(&client);
	}
	echo_run(&client, 1);

	echo_leave(&client);
	daemon_fixture_stop(&daemon_);
}

static void clients_do_not_mix(void **state)
{
	struct echo_client clients[50];

	(void)state;
	echo_start_plain();
	for (unsigned i = 0; i < 50; i++) {
		clients[i] = echo_join();
		echo_ask(&clients[i], i * i * 40, 40);
	}

	echo_run(clients, 50);

	for (unsigned i = 0; i < 50; i++)
		echo_leave(&clients[i]);
	daemon_fixture_await(&daemon_, "echo_clients", 0);
	daemon_fixture_stop(&daemon_);
}

static void batch_gathers_what_comes_within_the_delay(void **state)
{
	static const char *const options[] = {
		"--echo-mode", "batch", "--echo-batch-delay", "50ms", NULL};
	struct echo_client client;

	(void)state;
	echo_start(options);
	client = echo_join();

	echo_exchange(&client, 16, 1000);

	assert_true(daemon_fixture_counter(&daemon_, "echo_sends") < 500);
	echo_leave(&client);
	daemon_fixture_stop(&daemon_);
}

static void unix_sockets_echo_as_well(void **state)
{
	char option[64];
	const char *name = test_name();
	const char *options[] = {"--echo", option, NULL};
	struct echo_client client;

	(void)state;
	snprintf(option, sizeof(option), "unix:@%s", name);
	echo_start(options);
	client = echo_join_unix(name);

	echo_exchange(&client, 1, 100);
	echo_exchange(&client, 300000, 10);

	echo_leave(&client);
	daemon_fixture_await(&daemon_, "echo_clients", 0);
	daemon_fixture_stop(&daemon_);
}

static void more_than_the_limit_are_refused(void **state)
{
	static const char *const options[] = {"--echo-max-clients", "2", NULL};
	struct echo_client clients[2], third;

	(void)state;
	echo_start(options);
	for (unsigned i = 0; i < 2; i++) {
		clients[i] = echo_join();
		echo_exchange(&clients[i], 10, 1);
	}
	for (unsigned i = 0; i < 3; i++) {
		third = echo_join();
		echo_assert_closed(&third);
	}

	daemon_fixture_await(&daemon_, "echo_refused", 3);
	assert_int_equal(daemon_fixture_logged(&daemon_, "echo_refused"), 1);
	assert_int_equal(daemon_fixture_logged(&daemon_, "reason=limit"), 1);
	echo_leave(&clients[0]);
	daemon_fixture_await(&daemon_, "echo_clients", 1);
	third = echo_join();
	echo_exchange(&third, 10, 1);
	echo_exchange(&clients[1], 10, 1);
	echo_leave(&third);
	echo_leave(&clients[1]);
	daemon_fixture_stop(&daemon_);
}

static unsigned how_many(void)
{
	const char *text = getenv(MANY_VARIABLE);
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	return text ? (unsigned)strtoul(text, NULL, 10) : CLIENTS_MANY;
}

static void many_clients_are_served_and_idle_ones_cost_little(void **state)
{
	unsigned count = how_many();
	struct echo_client *clients = calloc(count, sizeof(*clients));
	uint64_t before, after;

	(void)state;
	assert_non_null(clients);
	echo_start_plain();
	before = daemon_fixture_private_bytes(&daemon_);
	for (unsigned i = 0; i < count; i++)
		clients[i] = echo_join();
	for (unsigned i = 0; i < count; i++)
		echo_ask(&clients[i], 100 + i % 1000, 5);

	echo_run(clients, count);

	daemon_fixture_await(&daemon_, "echo_clients", count);
	after = daemon_fixture_private_bytes(&daemon_);
	if (!TEST_SANITIZED)
		assert_true(after - before < MIB * 3 + count * 512ull);
	for (unsigned i = 0; i < count; i++)
		echo_leave(&clients[i]);
	daemon_fixture_await(&daemon_, "echo_clients", 0);
	daemon_fixture_stop(&daemon_);
	free(clients);
}

static void storm_of_short_visits_leaves_nothing(void **state)
{
	struct echo_client clients[100];

	(void)state;
	echo_start_plain();
	for (unsigned round = 0; round < 10; round++) {
		for (unsigned i = 0; i < 100; i++)
			clients[i] = echo_join();
		for (unsigned i = 0; i < 100; i++) {
			if (i % 3 == 0)
				echo_send_header(&clients[i], BCAST_ECHO_SEND,
						 8);
			if (i % 2 == 0)
				echo_leave_by_reset(&clients[i]);
			else
				echo_leave(&clients[i]);
		}
	}

	daemon_fixture_await(&daemon_, "echo_joined", 1000);
	daemon_fixture_await(&daemon_, "echo_clients", 0);
	daemon_fixture_stop(&daemon_);
}

static void streams_receivers_go_on_meanwhile(void **state)
{
	struct echo_client clients[20];

	(void)state;
	echo_start_plain();
	crowd_send_from(&crowd, "any");
	(void)crowd_receive(&crowd);
	for (unsigned i = 0; i < 20; i++) {
		clients[i] = echo_join();
		echo_ask(&clients[i], 1000 * i, 50);
	}

	for (unsigned round = 0; round < 20; round++) {
		crowd_send(&crowd, 30000);
		crowd_settle(&crowd);
		for (unsigned i = 0; i < 20; i++) {
			(void)echo_send(&clients[i]);
			(void)echo_receive(&clients[i]);
		}
	}
	echo_run(clients, 20);

	for (unsigned i = 0; i < 20; i++)
		echo_leave(&clients[i]);
	crowd_close(&crowd);
	daemon_fixture_stop(&daemon_);
}

#define TEST(name)                                              \
	cmocka_unit_test_setup_teardown(name, crowd_stage_open, \
					crowd_stage_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_byte_comes_back_in_order),
		TEST(every_byte_comes_back_in_batches_too),
		TEST(bytes_may_come_one_by_one),
		TEST(clients_do_not_mix),
		TEST(batch_gathers_what_comes_within_the_delay),
		TEST(unix_sockets_echo_as_well),
		TEST(more_than_the_limit_are_refused),
		TEST(many_clients_are_served_and_idle_ones_cost_little),
		TEST(storm_of_short_visits_leaves_nothing),
		TEST(streams_receivers_go_on_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
