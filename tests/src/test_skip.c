/* SPDX-License-Identifier: MIT */
/*
 * What clients that skip may cost all together: of a record that was begun, the
 * rest is copied, within a limit. It is tested at n-1, n and n+1.
 */
#include <string.h>

#include "lane_stage.h"

#include "shm/record.h"
#include "src/skip.h"

#define RECORD 4096u
#define SENT   64u
#define REST   (RECORD - SENT)

/* One record stands in the ring. */
static int prepare(void **state)
{
	const struct bcast_packet_header header = {
		.length = RECORD - sizeof(header),
		.type = BCAST_PACKET_DATA,
		.sequence = 1,
	};

	if (lane_stage_open(state) < 0)
		return -1;
	memcpy(bc_ring_address(&stream_.segment.ring, 0), &header,
	       sizeof(header));
	lane_.tail = RECORD;
	return 0;
}

/* A subscriber that was sent the beginning of the record. */
static struct bc_conn *begun(void)
{
	struct bc_conn *conn = lane_stage_client(SESSION_SERVING);

	conn->role = BCAST_ROLE_RECEIVER;
	lane_.subscribers++;
	conn->cursor = SENT;
	conn->held = SENT;
	conn->session->span_end = RECORD;
	return conn;
}

static void rests_are_kept_up_to_a_limit(void **state)
{
	struct bc_conn *conn = begun();

	(void)state;
	lane_.rests_bytes = SKIP_RESTS_MAX - REST - 1;
	skip_client(&lane_, conn);
	assert_int_equal(conn->state, BC_CONN_OPEN);
	assert_int_equal(lane_.rests_bytes, SKIP_RESTS_MAX - 1);

	conn = begun();
	lane_.rests_bytes = SKIP_RESTS_MAX - REST;
	skip_client(&lane_, conn);
	assert_int_equal(conn->state, BC_CONN_OPEN);
	assert_true(conn->session->skips);
	assert_int_equal(lane_.rests_bytes, SKIP_RESTS_MAX);
}

static void beyond_it_a_client_is_too_slow(void **state)
{
	struct bc_conn *conn = begun();

	(void)state;
	lane_.rests_bytes = SKIP_RESTS_MAX - REST + 1;
	skip_client(&lane_, conn);

	assert_int_equal(conn->state, BC_CONN_ENDED);
	assert_int_equal(conn->close_reason, BCAST_CLOSE_SLOW);
	assert_int_equal(lane_.rests_bytes, SKIP_RESTS_MAX - REST + 1);
	assert_true(outbox_is_empty(&conn->session->outbox));
}

static void one_between_records_needs_none(void **state)
{
	struct bc_conn *conn = begun();

	(void)state;
	conn->cursor = 0;
	conn->held = 0;
	lane_.rests_bytes = SKIP_RESTS_MAX;
	skip_client(&lane_, conn);

	assert_int_equal(conn->state, BC_CONN_OPEN);
	assert_int_equal(lane_.rests_bytes, SKIP_RESTS_MAX);
}

static void rest_that_was_sent_counts_no_more(void **state)
{
	struct bc_conn *conn = begun();

	(void)state;
	skip_client(&lane_, conn);
	assert_int_equal(lane_.rests_bytes, REST);
	/* again, while it has not landed */
	skip_client(&lane_, conn);
	assert_int_equal(lane_.rests_bytes, REST);

	(void)lane_stage_hear(conn);
	assert_int_equal(lane_.rests_bytes, 0);
}

static void rest_of_one_that_goes_counts_no_more(void **state)
{
	struct bc_conn *conn = begun();
	struct bc_conn *other = begun();

	(void)state;
	skip_client(&lane_, conn);
	skip_client(&lane_, other);
	assert_int_equal(lane_.rests_bytes, 2 * REST);

	session_end(&lane_, conn);
	assert_int_equal(lane_.rests_bytes, REST);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, prepare, lane_stage_close)
	const struct CMUnitTest tests[] = {
		TEST(rests_are_kept_up_to_a_limit),
		TEST(beyond_it_a_client_is_too_slow),
		TEST(one_between_records_needs_none),
		TEST(rest_that_was_sent_counts_no_more),
		TEST(rest_of_one_that_goes_counts_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
