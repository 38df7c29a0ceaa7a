/* SPDX-License-Identifier: MIT */
/* How echo clients end, in order and out of it; what is not the protocol. */
#include <sys/socket.h>

#include "echo_stage.h"

#define MIB (1u << 20)

static void garbage_closes_that_one_only(void **state)
{
	struct echo_client good, bad;

	(void)state;
	echo_start_plain();
	good = echo_join();
	echo_exchange(&good, 10, 10);

	bad = echo_join();
	echo_write(&bad, "GET / HTTP/1.1\r\n\r\n", 18);
	echo_assert_closed(&bad);
	bad = echo_join();
	echo_send_header(&bad, BCAST_ECHO_ECHO, 0);
	echo_assert_closed(&bad);
	bad = echo_join();
	echo_exchange(&bad, 100, 3);
	echo_send_header(&bad, 0, 0);
	echo_assert_closed(&bad);

	daemon_fixture_await(&daemon_, "echo_invalid", 3);
	assert_int_equal(daemon_fixture_logged(&daemon_, "reason=type"), 3);
	echo_exchange(&good, 10, 10);
	echo_leave(&good);
	daemon_fixture_stop(&daemon_);
}

static void length_is_limited(void **state)
{
	static const char *const options[] = {"--echo-max", "1000", NULL};
	struct echo_client client;

	(void)state;
	echo_start(options);
	client = echo_join();
	echo_exchange(&client, 999, 2);
	echo_exchange(&client, 1000, 2);

	echo_send_header(&client, BCAST_ECHO_SEND, 1001);

	echo_assert_closed(&client);
	daemon_fixture_await(&daemon_, "echo_invalid", 1);
	assert_int_equal(daemon_fixture_logged(
				 &daemon_, "reason=length type=1 length=1001"),
			 1);
	daemon_fixture_stop(&daemon_);
}

static void half_closed_client_gets_all_and_then_the_end(void **state)
{
	struct echo_client client;
	unsigned char byte;

	(void)state;
	echo_start_plain();
	client = echo_join_small();
	echo_ask(&client, 30000, 30);
	while (client.sent < client.goal)
		(void)echo_send(&client);

	assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
	echo_run(&client, 1);

	assert_int_equal(recv(client.fd, &byte, 1, 0), 0);
	echo_leave(&client);
	daemon_fixture_await(&daemon_, "echo_clients", 0);
	assert_int_equal(daemon_fixture_counter(&daemon_, "echo_invalid"), 0);
	daemon_fixture_stop(&daemon_);
}

static void end_within_a_packet_is_an_end(void **state)
{
	struct echo_client client;
	unsigned char bytes[8];

	(void)state;
	echo_start_plain();
	client = echo_join();
	echo_send_header(&client, BCAST_ECHO_SEND, 100);

	assert_int_equal(shutdown(client.fd, SHUT_WR), 0);

	assert_int_equal(recv(client.fd, bytes, 8, MSG_WAITALL), 8);
	assert_int_equal(recv(client.fd, bytes, 1, 0), 0);
	echo_leave(&client);
	daemon_fixture_await(&daemon_, "echo_clients", 0);
	daemon_fixture_stop(&daemon_);
}

static void reset_in_any_state_harms_nobody(void **state)
{
	static const char *const options[] = {"--echo-budget", "100K", NULL};
	struct echo_client good, bad;

	(void)state;
	echo_start(options);
	good = echo_join();
	for (unsigned round = 0; round < 5; round++) {
		bad = echo_join(); /* has sent nothing */
		echo_exchange(&good, 100, 2);
		echo_leave_by_reset(&bad);
		bad = echo_join(); /* within a header */
		echo_write(&bad, "\0\0\0", 3);
		echo_exchange(&good, 100, 2);
		echo_leave_by_reset(&bad);
		bad = echo_join(); /* within a payload */
		echo_send_header(&bad, BCAST_ECHO_SEND, 100);
		echo_exchange(&good, 100, 2);
		echo_leave_by_reset(&bad);
		bad = echo_join(); /* within a large one */
		echo_ask(&bad, MIB, 1);
		for (unsigned i = 0; i < 4; i++)
			(void)echo_send(&bad);
		echo_exchange(&good, 100, 2);
		echo_leave_by_reset(&bad);
	}
	bad = echo_join_small(); /* it is owed a lot */
	bad.may_lose = true;
	echo_flood(&bad, 1);
	echo_leave_by_reset(&bad);
	bad = echo_join_small(); /* and has ended its side */
	bad.may_lose = true;
	echo_flood(&bad, 1 + daemon_fixture_counter(&daemon_, "echo_dropped"));
	assert_int_equal(shutdown(bad.fd, SHUT_WR), 0);
	echo_leave_by_reset(&bad);

	echo_exchange(&good, 1000, 100);
	daemon_fixture_await(&daemon_, "echo_clients", 1);
	echo_leave(&good);
	daemon_fixture_stop(&daemon_);
}

#define TEST(name)                                              \
	cmocka_unit_test_setup_teardown(name, crowd_stage_open, \
					crowd_stage_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(garbage_closes_that_one_only),
		TEST(length_is_limited),
		TEST(half_closed_client_gets_all_and_then_the_end),
		TEST(end_within_a_packet_is_an_end),
		TEST(reset_in_any_state_harms_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
