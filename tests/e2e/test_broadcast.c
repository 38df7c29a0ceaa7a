/* SPDX-License-Identifier: MIT */
/*
 * The main job: whatever the sender writes, every receiver and every local
 * reader gets, whole and in order, from where it joined.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crowd.h"

#define MIB (1u << 20)

static const char *const options[] = {"--ring-size", "16M",	 "--ingest",
				      "127.0.0.1:0", "--egress", "127.0.0.1:0",
				      NULL};

static struct daemon_fixture daemon_;
static struct crowd crowd;

static int open_all(void **state)
{
	(void)state;
	daemon_ = (struct daemon_fixture){0};
	daemon_fixture_start(&daemon_, options);
	crowd_open(&crowd, &daemon_);
	return 0;
}

static int close_all(void **state)
{
	crowd_close(&crowd);
	return daemon_fixture_cleanup(state);
}

static void everybody_gets_identical_bytes(void **state)
{
	const uint64_t bytes = 64 * MIB + 12345;

	(void)state;
	for (unsigned i = 0; i < 16; i++)
		crowd_receive(&crowd);
	crowd_read_local(&crowd);
	crowd_read_local(&crowd);
	crowd_send_from(&crowd, "ingest");

	crowd_send(&crowd, bytes);
	crowd_settle(&crowd);

	for (unsigned i = 0; i < 18; i++) {
		assert_int_equal(crowd.consumers[i].start, 0);
		assert_int_equal(crowd.consumers[i].bytes, bytes);
	}
	crowd_end_sender(&crowd);
	assert_int_equal(daemon_fixture_counter(&daemon_, "bytes_in"), bytes);
	/* counted when the kernel says so, which is after it has arrived */
	daemon_fixture_await(&daemon_, "bytes_out", 16 * bytes);
	daemon_fixture_stop(&daemon_);
}

static void each_piece_arrives_however_small(void **state)
{
	(void)state;
	crowd_receive(&crowd);
	crowd_read_local(&crowd);
	crowd_send_from(&crowd, "ingest");
	crowd_send(&crowd, TEST_PATTERN_LOCATE);
	crowd_settle(&crowd);

	for (unsigned i = 0; i < 300; i++) {
		crowd_send(&crowd, 1 + i % 3);
		crowd_settle(&crowd);
	}

	daemon_fixture_stop(&daemon_);
}

static void late_joiner_starts_at_the_live_end(void **state)
{
	struct consumer *late, *late_reader;

	(void)state;
	crowd_receive(&crowd);
	crowd_send_from(&crowd, "ingest");
	crowd_send(&crowd, 3 * MIB + 7);
	crowd_settle(&crowd);

	late = crowd_receive(&crowd);
	late_reader = crowd_read_local(&crowd);
	crowd_send(&crowd, 9 * MIB);
	crowd_settle(&crowd);

	assert_int_equal(late->start, 3 * MIB + 7);
	assert_int_equal(late->bytes, 9 * MIB);
	assert_int_equal(late_reader->start, 3 * MIB + 7);
	daemon_fixture_stop(&daemon_);
}

static void receivers_that_join_while_it_flows_get_whole_bytes(void **state)
{
	(void)state;
	crowd_send_from(&crowd, "ingest");

	for (unsigned i = 0; i < 40; i++) {
		crowd_receive(&crowd);
		crowd_send(&crowd, MIB);
		for (unsigned step = 0; step < 4; step++)
			crowd_step(&crowd);
	}
	crowd_settle(&crowd);

	daemon_fixture_stop(&daemon_);
}

/* Nobody waits for the daemon here: connect() returns, then write(). */
static void connected_before_the_write_misses_nothing(void **state)
{
	uint16_t port = daemon_fixture_port(&daemon_, "egress");

	(void)state;
	crowd_send_from(&crowd, "ingest");
	daemon_fixture_await(&daemon_, "senders", 1);

	for (unsigned i = 0; i < 100; i++) {
		struct consumer *receiver =
			crowd_adopt(&crowd, crowd_connect(port, 0));
		uint64_t before = crowd.sent;

		crowd_send(&crowd, 100);
		crowd_settle(&crowd);

		assert_int_equal(receiver->start, before);
	}
	daemon_fixture_stop(&daemon_);
}

/* As `nc host port </dev/null` does it. */
static void half_closed_receiver_is_served_on(void **state)
{
	struct consumer *half;

	(void)state;
	half = crowd_receive(&crowd);
	crowd_receive(&crowd);
	crowd_send_from(&crowd, "ingest");
	crowd_send(&crowd, MIB);
	crowd_settle(&crowd);

	assert_int_equal(shutdown(half->fd, SHUT_WR), 0);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t passes =
			daemon_fixture_counter(&daemon_, "loop_passes");

		crowd_send(&crowd, MIB);
		crowd_settle(&crowd);
		/* a tick or more has asked after it */
		daemon_fixture_await_at_least(&daemon_, "loop_passes",
					      passes + 3);
	}

	assert_false(half->ended);
	assert_int_equal(half->bytes, 4 * MIB);
	daemon_fixture_stop(&daemon_);
}

static void stream_longer_than_many_rings_is_intact(void **state)
{
	(void)state;
	crowd_receive(&crowd);
	crowd_receive_small(&crowd);
	crowd_read_local(&crowd);
	crowd_send_from(&crowd, "ingest");

	/* sizes that meet the wrap at every remainder */
	for (unsigned i = 0; i < 64; i++)
		crowd_send(&crowd, 2 * MIB + 4093);
	crowd_settle(&crowd);

	daemon_fixture_stop(&daemon_);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_all, close_all)
	const struct CMUnitTest tests[] = {
		TEST(everybody_gets_identical_bytes),
		TEST(each_piece_arrives_however_small),
		TEST(late_joiner_starts_at_the_live_end),
		TEST(receivers_that_join_while_it_flows_get_whole_bytes),
		TEST(connected_before_the_write_misses_nothing),
		TEST(half_closed_receiver_is_served_on),
		TEST(stream_longer_than_many_rings_is_intact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
