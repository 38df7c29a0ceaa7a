/* SPDX-License-Identifier: MIT */
/*
 * test_client_break.c - a subscriber over TCP, and connections that break,
 * peers that say what cannot be, and those that refuse.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client_double.h"

static struct client_double double_;

static int teardown(void **state)
{
	(void)state;
	test_kill(&double_.child);
	return 0;
}

/* ---- Broken connections ------------------------------------------------ */

static void script_cut(struct client_double *daemon)
{
	for (unsigned i = 0; i < 5; i++) {
		unsigned char bytes[NUMBERED_MAX + 64];
		size_t size;

		double_accept(daemon);
		if (i > 0) {
			test_child_check(daemon->hello.fixed.from ==
					 BCAST_START_POSITION);
			test_child_check(daemon->hello.fixed.epoch ==
					 DOUBLE_EPOCH);
			test_child_check(daemon->hello.fixed.position ==
					 daemon->position);
		}
		double_welcome(daemon);
		double_records(daemon, 10);
		/* a record that is cut comes again, whole */
		size = double_record_bytes(daemon, bytes);
		double_say_bytes(daemon, bytes, i % 2 ? 16 : size - 8);
		/* what was sent must have been taken before the RST */
		double_expect(daemon, BCAST_PACKET_HEARTBEAT);
		if (i % 2)
			double_reset(daemon);
		else
			double_hang_up(daemon);
	}
	double_greet(daemon);
	double_records(daemon, 10);
	double_end(daemon);
}

static void a_broken_connection_is_gone_on_with(void **state)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_cut);
	how.heartbeat_ms = 20;
	client = double_open(&double_, &how);

	numbered_expect(client, 1, 60);

	assert_int_equal(double_next(client), BCAST_ECLOSED);
	assert_int_equal(bcast_client_stats(client).connects, 6);
	assert_int_equal(bcast_client_gap(client).gaps, 0);
	bcast_close(client);
	double_join(&double_);
}

static void script_one_then_hang_up(struct client_double *daemon)
{
	double_greet(daemon);
	double_records(daemon, 1);
	double_hang_up(daemon);
}

static void without_reconnecting_a_break_is_the_end(void **state)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_one_then_hang_up);
	how.flags = BCAST_CLIENT_NO_RECONNECT;
	client = double_open(&double_, &how);
	numbered_expect(client, 1, 1);

	assert_int_equal(double_next(client), BCAST_EABANDONED);

	assert_int_equal(bcast_client_door(client), BCAST_DOOR_NONE);
	bcast_close(client);
	double_join(&double_);
}

static void a_daemon_that_stays_away_is_given_up(void **state)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client *client;
	uint64_t since_ms;

	(void)state;
	double_start(&double_, script_one_then_hang_up);
	how.give_up_ms = 200;
	client = double_open(&double_, &how);
	numbered_expect(client, 1, 1);
	since_ms = test_now_ms();

	assert_int_equal(double_next(client), BCAST_EABANDONED);

	assert_true(test_now_ms() - since_ms >= 150);
	/* calling again tries again */
	assert_int_equal(double_next(client), BCAST_EABANDONED);
	bcast_close(client);
	double_join(&double_);
}

static void script_silence(struct client_double *daemon)
{
	double_greet(daemon);
	double_records(daemon, 1);
	double_await_close(daemon); /* silent, but reading */
	double_greet(daemon);
	test_child_check(daemon->hello.fixed.position == daemon->position);
	double_records(daemon, 1);
	double_await_close(daemon);
}

static void silence_is_a_dead_connection(void **state)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_silence);
	how.heartbeat_ms = 20;
	how.idle_timeout_ms = 150;
	client = double_open(&double_, &how);

	numbered_expect(client, 1, 2);

	assert_int_equal(bcast_client_stats(client).connects, 2);
	bcast_close(client);
	double_join(&double_);
}

static void script_beats(struct client_double *daemon)
{
	daemon->welcome.fixed.idle_timeout_ms = 90;
	double_greet(daemon);
	for (unsigned i = 0; i < 5; i++) {
		double_expect(daemon, BCAST_PACKET_HEARTBEAT);
		test_child_check(daemon->header.length ==
				 sizeof(struct bcast_heartbeat));
	}
	double_records(daemon, 1);
	double_await_close(daemon);
}

static void a_client_that_waits_gives_signs_of_life(void **state)
{
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_beats);
	client = double_open(&double_, NULL);

	numbered_expect(client, 1, 1);

	bcast_close(client);
	double_join(&double_);
}

/* ---- What cannot be ---------------------------------------------------- */

/* What a script says in place of a record; then it is met again. */
static void (*offence)(struct client_double *daemon);

static void script_offence(struct client_double *daemon)
{
	double_greet(daemon);
	double_records(daemon, 2);
	offence(daemon);
	double_await_close(daemon);
	double_greet(daemon);
	test_child_check(daemon->hello.fixed.position == daemon->position);
	double_records(daemon, 2);
	double_await_close(daemon);
}

static void expect_survived(void (*what)(struct client_double *daemon))
{
	struct bcast_client *client;

	offence = what;
	double_start(&double_, script_offence);
	client = double_open(&double_, NULL);
	numbered_expect(client, 1, 4);
	assert_int_equal(bcast_client_stats(client).connects, 2);
	bcast_close(client);
	double_join(&double_);
}

static void expect_the_end(void (*what)(struct client_double *daemon))
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client *client;

	offence = what;
	double_start(&double_, script_offence);
	how.flags = BCAST_CLIENT_NO_RECONNECT;
	client = double_open(&double_, &how);
	numbered_expect(client, 1, 2);
	assert_int_equal(double_next(client), BCAST_EPROTO);
	assert_int_equal(double_next(client), BCAST_EPROTO);
	bcast_close(client);
	test_kill(&double_.child);
}

static void garbage(struct client_double *daemon)
{
	static const char text[64] = "HTTP/1.1 400 Bad Request\r\n\r\n";

	double_say_bytes(daemon, text, sizeof(text));
}

static void oversized(struct client_double *daemon)
{
	const struct bcast_packet_header header = {
		.length = daemon->welcome.fixed.payload_max + 1,
		.type = BCAST_PACKET_DATA,
		.sequence = daemon->sequence,
	};

	double_say_bytes(daemon, &header, sizeof(header));
}

static void number_left_out(struct client_double *daemon)
{
	const struct bcast_packet_header header = {
		.type = BCAST_PACKET_DATA,
		.sequence = daemon->sequence + 1,
	};

	double_say_bytes(daemon, &header, sizeof(header));
}

static void gap_backwards(struct client_double *daemon)
{
	const struct bcast_gap gap = {
		.from = daemon->position,
		.to = daemon->position - 32,
		.reason = BCAST_GAP_SKIPPED,
	};

	double_say(daemon, BCAST_PACKET_GAP, &gap, sizeof(gap));
}

static void gap_elsewhere(struct client_double *daemon)
{
	const struct bcast_gap gap = {
		.from = daemon->position + 32,
		.to = daemon->position + 320,
		.reason = BCAST_GAP_SKIPPED,
	};

	double_say(daemon, BCAST_PACKET_GAP, &gap, sizeof(gap));
}

static void end_elsewhere(struct client_double *daemon)
{
	const struct bcast_end end = {daemon->position + 32, 0};

	double_say(daemon, BCAST_PACKET_END, &end, sizeof(end));
}

static void must_be_understood(struct client_double *daemon)
{
	const struct bcast_packet_header header = {
		.type = 0x8ffe,
		.flags = BCAST_PACKET_MUST,
	};

	double_say_bytes(daemon, &header, sizeof(header));
}

static void what_cannot_be_ends_the_connection_and_nothing_else(void **state)
{
	(void)state;
	expect_survived(garbage);
	expect_survived(oversized);
	expect_survived(number_left_out);
	expect_survived(gap_backwards);
	expect_survived(gap_elsewhere);
	expect_survived(end_elsewhere);
	expect_survived(must_be_understood);
}

static void without_reconnecting_it_is_a_violation(void **state)
{
	(void)state;
	expect_the_end(garbage);
	expect_the_end(gap_backwards);
}

static void script_backwards_after_break(struct client_double *daemon)
{
	double_greet(daemon);
	double_records(daemon, 5);
	double_hang_up(daemon);
	/* once wrong, then right */
	double_accept(daemon);
	daemon->position -= 32;
	double_welcome(daemon);
	double_await_close(daemon);
	daemon->position += 32;
	double_greet(daemon);
	double_records(daemon, 5);
	double_await_close(daemon);
}

static void a_position_that_goes_back_is_not_believed(void **state)
{
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_backwards_after_break);
	client = double_open(&double_, NULL);

	numbered_expect(client, 1, 10);

	bcast_close(client);
	double_join(&double_);
}

/* ---- Refused ----------------------------------------------------------- */

static void script_slow_then_no(struct client_double *daemon)
{
	double_greet(daemon);
	double_records(daemon, 1);
	double_reject(daemon, BCAST_REJECT_SLOW, 0);
	double_greet(daemon);
	double_records(daemon, 1);
	double_reject(daemon, BCAST_REJECT_ROLE, 0);
}

static void a_reject_that_passes_is_waited_for_and_another_not(void **state)
{
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_slow_then_no);
	client = double_open(&double_, NULL);

	numbered_expect(client, 1, 2);

	assert_int_equal(double_next(client), BCAST_EREFUSED);
	assert_int_equal(bcast_client_refusal(client).code, BCAST_REJECT_ROLE);
	assert_string_equal(bcast_client_refusal(client).text, "no");
	assert_int_equal(double_next(client), BCAST_EREFUSED);
	bcast_close(client);
	double_join(&double_);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_broken_connection_is_gone_on_with),
		CASE(without_reconnecting_a_break_is_the_end),
		CASE(a_daemon_that_stays_away_is_given_up),
		CASE(silence_is_a_dead_connection),
		CASE(a_client_that_waits_gives_signs_of_life),
		CASE(what_cannot_be_ends_the_connection_and_nothing_else),
		CASE(without_reconnecting_it_is_a_violation),
		CASE(a_position_that_goes_back_is_not_believed),
		CASE(a_reject_that_passes_is_waited_for_and_another_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
