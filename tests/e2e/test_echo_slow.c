/* SPDX-License-Identifier: MIT */
/* Echo clients that do not read what they are sent. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "echo_stage.h"

#define MIB (1u << 20)

static void slow_client_loses_whole_packets_and_only_its_own(void **state)
{
	static const char *const options[] = {"--echo-budget", "100K", NULL};
	struct echo_client slow, other;
	uint64_t dropped, number = 0, last;

	(void)state;
	echo_start(options);
	slow = echo_join_small();
	slow.may_lose = true;
	echo_flood(&slow, 5);
	echo_await_taken(slow.sent);
	dropped = daemon_fixture_counter(&daemon_, "echo_dropped");

	other = echo_join();
	echo_exchange(&other, 1024, 1000);
	for (uint64_t i = 0; i < slow.sent - dropped; i++) {
		uint64_t next = echo_receive_numbered(&slow);

		assert_true(i == 0 ? next == 0 : next > number);
		number = next;
	}

	/* it has taken all, and so loses nothing any more */
	last = slow.sent;
	slow.goal = last + 1;
	while (slow.sent < slow.goal)
		(void)echo_send(&slow);
	assert_int_equal(echo_receive_numbered(&slow), last);
	assert_int_equal(daemon_fixture_counter(&daemon_, "echo_dropped"),
			 dropped);
	assert_int_equal(daemon_fixture_counter(&daemon_, "echo_dropped_bytes"),
			 dropped * echo_packet_bytes(&slow));
	assert_int_equal(daemon_fixture_logged(&daemon_, "warn echo_dropped"),
			 1);
	echo_leave(&slow);
	daemon_fixture_await_log(&daemon_, "warn echo_left", 1);
	echo_leave(&other);
	daemon_fixture_stop(&daemon_);
}

/* Of a client that takes nothing: what it is owed, as the log says. */
static uint64_t owed_at_first_drop(void)
{
	const char *at;

	daemon_fixture_await_log(&daemon_, "warn echo_dropped", 1);
	at = strstr(daemon_fixture_log(&daemon_), "owed_bytes=");
	assert_non_null(at);
	return strtoull(at + strlen("owed_bytes="), NULL, 10);
}

static void send_sized(struct echo_client *client, size_t size)
{
	echo_ask(client, (uint32_t)(size - BCAST_ECHO_HEADER_BYTES), 1);
	while (client->sent < client->goal)
		(void)echo_send(client);
}

/* What a unix socket takes does not change by itself. */
static void budget_is_used_to_the_last_byte(void **state)
{
	const char *name = test_name();
	char option[64];
	const char *options[] = {"--echo", option, "--echo-budget", "100000",
				 NULL};
	struct echo_client client;
	uint64_t packets, left;

	(void)state;
	snprintf(option, sizeof(option), "unix:@%s", name);
	echo_start(options);
	client = echo_join_unix(name);
	client.may_lose = true;
	echo_flood(&client, 1);
	echo_await_taken(client.sent);
	packets = client.sent;
	left = 100000 - owed_at_first_drop();
	assert_in_range(left, 3 * BCAST_ECHO_HEADER_BYTES, 20007);

	/* one more than there is room for; all but a header; that; another */
	send_sized(&client, left + 1);
	send_sized(&client, left - BCAST_ECHO_HEADER_BYTES);
	send_sized(&client, BCAST_ECHO_HEADER_BYTES);
	send_sized(&client, BCAST_ECHO_HEADER_BYTES);
	echo_await_taken(packets + 4);

	assert_int_equal(
		daemon_fixture_counter(&daemon_, "echo_packets") +
			daemon_fixture_counter(&daemon_, "echo_dropped"),
		packets + 4);
	assert_int_equal(
		daemon_fixture_counter(&daemon_, "echo_dropped_bytes"),
		(daemon_fixture_counter(&daemon_, "echo_dropped") - 2) * 20008 +
			left + 1 + BCAST_ECHO_HEADER_BYTES);
	echo_leave_by_reset(&client);
	daemon_fixture_stop(&daemon_);
}

static void packet_larger_than_the_budget_is_not_lost(void **state)
{
	static const char *const options[] = {"--echo-budget", "4K", NULL};
	struct echo_client client;
	unsigned idle = 0;

	(void)state;
	echo_start(options);
	client = echo_join_small();
	echo_ask(&client, 16 * MIB, 1);

	/* as far as it goes without reading: until it has not for a while */
	while (client.sent < 1 && idle < 100) {
		idle = echo_send(&client) ? 0 : idle + 1;
		if (idle > 0)
			(void)poll(NULL, 0, 1);
	}
	echo_run(&client, 1);

	assert_int_equal(daemon_fixture_counter(&daemon_, "echo_dropped"), 0);
	echo_leave(&client);
	daemon_fixture_stop(&daemon_);
}

static void stopping_daemon_sends_what_it_owes(void **state)
{
	static const char *const options[] = {"--echo-budget", "100K",
					      "--drain-timeout", "60s", NULL};
	struct echo_client client, idle;
	unsigned char byte;
	uint64_t owed;

	(void)state;
	echo_start(options);
	idle = echo_join();
	client = echo_join_small();
	client.may_lose = true;
	echo_flood(&client, 3);
	echo_await_taken(client.sent);
	owed = client.sent - daemon_fixture_counter(&daemon_, "echo_dropped");

	assert_int_equal(kill(daemon_.pid, SIGTERM), 0);
	assert_int_equal(recv(idle.fd, &byte, 1, 0), 0);
	while (owed-- > 0)
		(void)echo_receive_numbered(&client);

	assert_int_equal(recv(client.fd, &byte, 1, 0), 0);
	assert_int_equal(daemon_fixture_wait(&daemon_), 0);
	daemon_fixture_assert_clean(&daemon_);
	daemon_fixture_forget(&daemon_);
	echo_leave(&client);
	echo_leave(&idle);
}

static void who_takes_nothing_holds_up_no_stop(void **state)
{
	static const char *const options[] = {"--echo-budget", "100K",
					      "--drain-timeout", "100ms", NULL};
	struct echo_client client;

	(void)state;
	echo_start(options);
	client = echo_join_small();
	client.may_lose = true;
	echo_flood(&client, 3);

	daemon_fixture_stop(&daemon_);

	echo_leave(&client);
}

#define TEST(name)                                              \
	cmocka_unit_test_setup_teardown(name, crowd_stage_open, \
					crowd_stage_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(slow_client_loses_whole_packets_and_only_its_own),
		TEST(budget_is_used_to_the_last_byte),
		TEST(packet_larger_than_the_budget_is_not_lost),
		TEST(stopping_daemon_sends_what_it_owes),
		TEST(who_takes_nothing_holds_up_no_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
