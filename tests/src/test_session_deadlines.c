/* SPDX-License-Identifier: MIT */
/* Each deadline of a client at n-1, n and n+1; the clock is ours. */
#include "lane_stage.h"

#include "src/outbox.h"
#include "src/session_deadlines.h"

#define HELLO	  (STAGE_HELLO_MS * MS)
#define IDLE	  (STAGE_IDLE_MS * MS)
#define HEARTBEAT (STAGE_HEARTBEAT_MS * MS)
#define GOODBYE	  (1000 * MS) /* for its last words */

static struct bc_conn *conn;

/* Returns when to look again, in ns since the stage was opened. */
static uint64_t look_at(uint64_t since_ns)
{
	uint64_t due_ns;

	lane_stage_at(since_ns);
	due_ns = session_look_after(&lane_, conn);
	return due_ns == TIMERS_NEVER ? TIMERS_NEVER : due_ns - STAGE_BEGIN;
}

static void hears_at(uint64_t since_ns)
{
	lane_stage_at(since_ns);
	conn->session->heard_ns = lane_.now_ns;
}

static void is_sent_at(uint64_t since_ns)
{
	lane_stage_at(since_ns);
	conn->session->spoke_ns = lane_.now_ns;
}

/* It is asked to look soon, and then to look at the end of the last words. */
static void assert_leaving(uint64_t since_ns)
{
	assert_int_equal(conn->state, BC_CONN_OPEN);
	assert_int_equal(conn->session->state, SESSION_LEAVING);
	assert_true(timers_next(&lane_.timers) <= lane_.now_ns + 1);
	assert_int_equal(look_at(since_ns), since_ns + GOODBYE);
}

/* ---- HELLO ------------------------------------------------------------- */

static void silent_client_has_until_the_hello_timeout(void **state)
{
	(void)state;
	conn = lane_stage_client(SESSION_GREETING);

	assert_int_equal(look_at(0), HELLO);
	assert_int_equal(look_at(HELLO - 1), HELLO);
	assert_int_equal(conn->session->state, SESSION_GREETING);
	assert_true(look_at(HELLO) == TIMERS_NEVER);
	assert_leaving(HELLO);
	assert_int_equal(lane_stage_hear(conn), BCAST_PACKET_REJECT);
	assert_int_equal(conn->state, BC_CONN_ENDED);
	assert_int_equal(conn->close_reason, BCAST_CLOSE_IDLE);
}

static void late_look_finds_it_silent_too(void **state)
{
	(void)state;
	conn = lane_stage_client(SESSION_GREETING);

	assert_true(look_at(HELLO + 1) == TIMERS_NEVER);
	assert_leaving(HELLO + 1);
}

/* A byte of the HELLO is no sign of life: greeting.c notes none. */
static void client_that_drips_has_no_more_time(void **state)
{
	(void)state;
	conn = lane_stage_client(SESSION_GREETING);
	for (uint64_t at = 0; at < HELLO; at += 1000 * MS) {
		conn->session->hello_have++;
		assert_int_equal(look_at(at), HELLO);
	}

	assert_true(look_at(HELLO) == TIMERS_NEVER);
	assert_leaving(HELLO);
}

/* ---- Silence of the client --------------------------------------------- */

static void client_that_says_nothing_is_taken_for_gone(void **state)
{
	(void)state;
	conn = lane_stage_client(SESSION_SERVING);
	is_sent_at(IDLE - 1);

	assert_int_equal(look_at(IDLE - 1), IDLE);
	assert_int_equal(conn->session->state, SESSION_SERVING);
	assert_true(look_at(IDLE) == TIMERS_NEVER);
	assert_leaving(IDLE);
	assert_int_equal(lane_stage_hear(conn), BCAST_PACKET_REJECT);
	assert_int_equal(conn->close_reason, BCAST_CLOSE_IDLE);
}

static void whatever_it_says_puts_that_off(void **state)
{
	(void)state;
	conn = lane_stage_client(SESSION_SERVING);
	hears_at(IDLE - 1);
	is_sent_at(2 * IDLE - 2);

	assert_int_equal(look_at(2 * IDLE - 2), 2 * IDLE - 1);
	assert_int_equal(conn->session->state, SESSION_SERVING);
	assert_true(look_at(2 * IDLE - 1) == TIMERS_NEVER);
	assert_leaving(2 * IDLE - 1);
}

/* ---- Silence of ours --------------------------------------------------- */

static void silence_is_filled_after_exactly_the_heartbeat(void **state)
{
	(void)state;
	conn = lane_stage_client(SESSION_SERVING);

	assert_int_equal(look_at(HEARTBEAT - 1), HEARTBEAT);
	assert_int_equal(lane_stage_hear(conn), 0);
	assert_int_equal(look_at(HEARTBEAT), 2 * HEARTBEAT);
	assert_int_equal(lane_stage_hear(conn), BCAST_PACKET_HEARTBEAT);
	assert_int_equal(lane_stage_hear(conn), 0);
}

static void late_one_counts_from_when_it_was_sent(void **state)
{
	(void)state;
	conn = lane_stage_client(SESSION_SERVING);

	assert_int_equal(look_at(HEARTBEAT + 1), 2 * HEARTBEAT + 1);
	lane_stage_at(HEARTBEAT + 5);
	assert_int_equal(lane_stage_hear(conn), BCAST_PACKET_HEARTBEAT);

	assert_int_equal(look_at(2 * HEARTBEAT + 1), 2 * HEARTBEAT + 5);
	assert_int_equal(lane_stage_hear(conn), 0);
	(void)look_at(2 * HEARTBEAT + 5);
	assert_int_equal(lane_stage_hear(conn), BCAST_PACKET_HEARTBEAT);
}

static void none_is_sent_while_data_flows(void **state)
{
	(void)state;
	conn = lane_stage_client(SESSION_SERVING);
	for (uint64_t at = 0; at < 5 * HEARTBEAT; at += HEARTBEAT / 3) {
		is_sent_at(at);
		assert_int_equal(look_at(at), at + HEARTBEAT);
		assert_int_equal(lane_stage_hear(conn), 0);
	}
}

static void none_is_sent_while_a_send_is_in_flight(void **state)
{
	(void)state;
	conn = lane_stage_client(SESSION_SERVING);
	conn->in_flight = BC_CONN_SEND;

	assert_int_equal(look_at(HEARTBEAT), 2 * HEARTBEAT);
	conn->in_flight = 0;
	assert_int_equal(lane_stage_hear(conn), 0);
	(void)look_at(2 * HEARTBEAT);
	assert_int_equal(lane_stage_hear(conn), BCAST_PACKET_HEARTBEAT);
}

static void none_is_sent_to_one_behind_the_tail(void **state)
{
	(void)state;
	conn = lane_stage_client(SESSION_SERVING);
	conn->role = BCAST_ROLE_RECEIVER;
	lane_.tail = 64;

	assert_int_equal(look_at(HEARTBEAT), 2 * HEARTBEAT);
	assert_int_equal(lane_stage_hear(conn), 0);
	conn->cursor = 64;
	conn->session->span_end = 64;
	(void)look_at(2 * HEARTBEAT);
	assert_int_equal(lane_stage_hear(conn), BCAST_PACKET_HEARTBEAT);
}

/* ---- Last words -------------------------------------------------------- */

static void client_that_does_not_take_its_last_words_goes_anyway(void **state)
{
	(void)state;
	conn = lane_stage_client(SESSION_LEAVING);
	conn->session->leave_by_ns = STAGE_BEGIN + GOODBYE;
	conn->session->leave_reason = BCAST_CLOSE_SHUTDOWN;

	assert_int_equal(look_at(GOODBYE - 1), GOODBYE);
	assert_int_equal(conn->state, BC_CONN_OPEN);
	assert_true(look_at(GOODBYE) == TIMERS_NEVER);
	assert_int_equal(conn->state, BC_CONN_ENDED);
	assert_int_equal(conn->close_reason, BCAST_CLOSE_SHUTDOWN);
}

/* ---- Skips ------------------------------------------------------------- */

static void one_that_cannot_land_tries_again(void **state)
{
	(void)state;
	conn = lane_stage_client(SESSION_SERVING);
	conn->role = BCAST_ROLE_RECEIVER;
	conn->session->skips = true;
	conn->in_flight = BC_CONN_SEND;

	assert_int_equal(look_at(7), 7 + 100 * MS);
	conn->session->skips = false;
	assert_int_equal(look_at(8), HEARTBEAT);
}

int main(void)
{
#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, lane_stage_open, lane_stage_close)
	const struct CMUnitTest tests[] = {
		TEST(silent_client_has_until_the_hello_timeout),
		TEST(late_look_finds_it_silent_too),
		TEST(client_that_drips_has_no_more_time),
		TEST(client_that_says_nothing_is_taken_for_gone),
		TEST(whatever_it_says_puts_that_off),
		TEST(silence_is_filled_after_exactly_the_heartbeat),
		TEST(late_one_counts_from_when_it_was_sent),
		TEST(none_is_sent_while_data_flows),
		TEST(none_is_sent_while_a_send_is_in_flight),
		TEST(none_is_sent_to_one_behind_the_tail),
		TEST(client_that_does_not_take_its_last_words_goes_anyway),
		TEST(one_that_cannot_land_tries_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
