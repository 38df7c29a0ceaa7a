/* SPDX-License-Identifier: MIT */
/* Who is the sender, and what comes after it. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crowd_stage.h"

#define MIB (1u << 20)

static void start_with_roles(void)
{
	static const char *const options[] = {
		"--ring-size", "4M",	      "--ingest", "127.0.0.1:0",
		"--egress",    "127.0.0.1:0", NULL};

	daemon_fixture_start(&daemon_, options);
}

static void start_with_listen(const char *reassign)
{
	/* threads have no receiver to give back; also if all tests have some */
	const char *options[] = {"--ring-size",	     "4M",	   "--listen",
				 "127.0.0.1:0",	     "--reassign", reassign,
				 "--egress-threads", "0",	   NULL};

	daemon_fixture_start(&daemon_, options);
}

/* ---- One after the other ----------------------------------------------- */

static void next_sender_goes_on_where_the_last_ended(void **state)
{
	(void)state;
	start_with_roles();
	crowd_receive(&crowd);
	crowd_read_local(&crowd);

	for (unsigned i = 0; i < 5; i++) {
		crowd_send_from(&crowd, "ingest");
		crowd_send(&crowd, MIB + i);
		crowd_settle(&crowd);
		crowd_end_sender(&crowd);
	}

	daemon_fixture_await(&daemon_, "senders_left", 5);
	assert_int_equal(daemon_fixture_counter(&daemon_, "senders_joined"), 5);
	assert_false(crowd.consumers[0].ended);
	daemon_fixture_stop(&daemon_);
}

/* What a reset sender's kernel had not delivered is lost; nothing else is. */
static void sender_that_breaks_leaves_whole_bytes(void **state)
{
	struct consumer *receiver;

	(void)state;
	start_with_roles();
	receiver = crowd_receive(&crowd);
	crowd_send_from(&crowd, "ingest");
	/* else its bytes may all wait in its kernel, and no daemon see them */
	daemon_fixture_await(&daemon_, "senders", 1);
	crowd_send(&crowd, 8 * MIB);
	while (crowd.sent < 4 * MIB)
		crowd_step(&crowd);

	crowd_reset_sender(&crowd);
	daemon_fixture_await(&daemon_, "senders", 0);
	/* the pattern goes on where the daemon stands */
	crowd.sent = daemon_fixture_counter(&daemon_, "bytes_in");
	crowd.goal = crowd.sent;
	crowd_send_from(&crowd, "ingest");
	crowd_send(&crowd, MIB);
	crowd_settle(&crowd);

	assert_int_equal(receiver->bytes, crowd.sent);
	daemon_fixture_await_log(&daemon_, "reason=broken", 1);
	daemon_fixture_stop(&daemon_);
}

static bool has_some(void *argument)
{
	return *(const uint64_t *)argument > 4 * MIB;
}

static void killed_sender_is_replaced(void **state)
{
	struct consumer *receiver;
	struct test_child sender;

	(void)state;
	start_with_roles();
	receiver = crowd_receive(&crowd);
	sender = crowd_spawn_sender(&crowd);
	crowd_run_until(&crowd, has_some, &receiver->bytes);

	test_kill(&sender);
	while (daemon_fixture_counter(&daemon_, "senders") > 0)
		crowd_step(&crowd);
	crowd.sent = daemon_fixture_counter(&daemon_, "bytes_in");
	crowd.goal = crowd.sent;
	crowd_send_from(&crowd, "ingest");
	crowd_send(&crowd, MIB);
	crowd_settle(&crowd);

	assert_int_equal(receiver->bytes, crowd.sent);
	daemon_fixture_stop(&daemon_);
}

static void second_sender_beside_a_live_one_is_refused(void **state)
{
	char byte;
	int fd;

	(void)state;
	start_with_roles();
	crowd_receive(&crowd);
	crowd_send_from(&crowd, "ingest");
	daemon_fixture_await(&daemon_, "senders", 1);

	fd = crowd_connect(daemon_fixture_port(&daemon_, "ingest"), 0);
	assert_true(read(fd, &byte, 1) <= 0);
	(void)close(fd);
	crowd_send(&crowd, MIB);
	crowd_settle(&crowd);

	daemon_fixture_await(&daemon_, "senders_refused", 1);
	daemon_fixture_await_log(&daemon_, "warn sender_refused peer=", 1);
	daemon_fixture_await_log(&daemon_, " reason=sender_active\n", 1);
	daemon_fixture_stop(&daemon_);
}

/*
 * `a; b`: the first has sent its end, but the receiver stalls and the policy
 * is to wait for it, so much of the first is still unread when b comes.
 */
static void sender_after_a_finished_one_waits_its_turn(void **state)
{
	static const char *const options[] = {
		"--ring-size", "64K",	      "--ingest",      "127.0.0.1:0",
		"--egress",    "127.0.0.1:0", "--slow-policy", "block",
		"--sndbuf",    "4K",	      "--max-lag",     "50%",
		NULL};
	struct consumer *receiver;

	(void)state;
	daemon_fixture_start(&daemon_, options);
	receiver = crowd_receive_small(&crowd);
	receiver->stalled = true;
	crowd_send_from(&crowd, "ingest");
	crowd_send(&crowd, MIB);
	while (crowd.sent < crowd.goal)
		crowd_step(&crowd);
	crowd_end_sender(&crowd);

	crowd_send_from(&crowd, "ingest");
	daemon_fixture_await(&daemon_, "senders", 2);
	crowd_send(&crowd, MIB);
	for (unsigned i = 0; i < 10; i++)
		crowd_step(&crowd);
	receiver->stalled = false;
	crowd_settle(&crowd);

	assert_int_equal(receiver->bytes, 2 * MIB);
	assert_int_equal(daemon_fixture_counter(&daemon_, "senders_refused"),
			 0);
	daemon_fixture_stop(&daemon_);
}

/* The same with more than fits: its FIN waits behind its bytes, at its side. */
static void sender_after_a_closed_one_waits_its_turn(void **state)
{
	static const char *const options[] = {
		"--ring-size", "1M",	      "--ingest",      "127.0.0.1:0",
		"--egress",    "127.0.0.1:0", "--slow-policy", "block",
		"--sndbuf",    "64K",	      "--rcvbuf",      "64K",
		NULL};
	struct consumer *receiver;

	(void)state;
	daemon_fixture_start(&daemon_, options);
	receiver = crowd_receive_small(&crowd);
	receiver->stalled = true;
	crowd_send_from(&crowd, "ingest");
	crowd_send(&crowd, 2 * MIB);
	while (crowd.sent < crowd.goal)
		crowd_step(&crowd);
	crowd_end_sender(&crowd);

	crowd_send_from(&crowd, "ingest");
	daemon_fixture_await(&daemon_, "senders", 2);
	crowd_send(&crowd, MIB);
	receiver->stalled = false;
	crowd_settle(&crowd);

	assert_int_equal(receiver->bytes, 3 * MIB);
	daemon_fixture_stop(&daemon_);
}

/* ---- Roles of --listen ------------------------------------------------- */

static void first_connection_sends_and_later_ones_receive(void **state)
{
	(void)state;
	start_with_listen("new");
	crowd_send_from(&crowd, "any");

	crowd_receive(&crowd);
	crowd_receive(&crowd);
	crowd_send(&crowd, MIB);
	crowd_settle(&crowd);

	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers"), 2);
	daemon_fixture_stop(&daemon_);
}

static void next_new_connection_becomes_the_sender(void **state)
{
	(void)state;
	start_with_listen("new");
	crowd_send_from(&crowd, "any");
	crowd_receive(&crowd);
	crowd_send(&crowd, MIB);
	crowd_settle(&crowd);
	crowd_end_sender(&crowd);
	daemon_fixture_await(&daemon_, "senders", 0);

	/* an existing receiver that talks does not become it */
	assert_int_equal(send(crowd.consumers[0].fd, "x", 1, 0), 1);
	daemon_fixture_await(&daemon_, "discarded_bytes", 1);
	crowd_send_from(&crowd, "any");
	crowd_send(&crowd, MIB);
	crowd_settle(&crowd);

	assert_int_equal(crowd.consumers[0].bytes, 2 * MIB);
	daemon_fixture_stop(&daemon_);
}

static void receiver_that_starts_to_send_is_promoted(void **state)
{
	struct consumer *promoted, *stays;

	(void)state;
	start_with_listen("any");
	crowd_send_from(&crowd, "any");
	promoted = crowd_receive(&crowd);
	stays = crowd_receive(&crowd);
	crowd_send(&crowd, MIB);
	crowd_settle(&crowd);
	crowd_end_sender(&crowd);
	daemon_fixture_await(&daemon_, "senders", 0);

	/* from its first byte on, which is peeked at and not taken */
	crowd.sender = promoted->fd;
	promoted->fd = -1;
	promoted->ended = true;
	crowd_send(&crowd, 2 * MIB);
	crowd_settle(&crowd);

	assert_int_equal(stays->bytes, 3 * MIB);
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers"), 1);
	assert_int_equal(daemon_fixture_counter(&daemon_, "discarded_bytes"),
			 0);
	daemon_fixture_stop(&daemon_);
}

static void receiver_that_talks_beside_a_sender_stays_one(void **state)
{
	(void)state;
	start_with_listen("any");
	crowd_send_from(&crowd, "any");
	crowd_receive(&crowd);

	assert_int_equal(send(crowd.consumers[0].fd, "xyz", 3, 0), 3);
	daemon_fixture_await(&daemon_, "discarded_bytes", 3);
	crowd_send(&crowd, MIB);
	crowd_settle(&crowd);

	assert_int_equal(daemon_fixture_counter(&daemon_, "senders"), 1);
	daemon_fixture_stop(&daemon_);
}

static void reader_and_receivers_live_without_a_sender(void **state)
{
	uint64_t passes;

	(void)state;
	start_with_roles();
	crowd_receive(&crowd);
	crowd_read_local(&crowd);
	passes = daemon_fixture_counter(&daemon_, "loop_passes");
	daemon_fixture_await_at_least(&daemon_, "loop_passes", passes + 5);
	crowd_step(&crowd);

	assert_false(crowd.consumers[0].ended);
	assert_false(crowd.consumers[1].ended);
	daemon_fixture_stop(&daemon_);
}

int main(void)
{
#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, crowd_stage_open, crowd_stage_close)
	const struct CMUnitTest tests[] = {
		TEST(next_sender_goes_on_where_the_last_ended),
		TEST(sender_that_breaks_leaves_whole_bytes),
		TEST(killed_sender_is_replaced),
		TEST(second_sender_beside_a_live_one_is_refused),
		TEST(sender_after_a_finished_one_waits_its_turn),
		TEST(sender_after_a_closed_one_waits_its_turn),
		TEST(first_connection_sends_and_later_ones_receive),
		TEST(next_new_connection_becomes_the_sender),
		TEST(receiver_that_starts_to_send_is_promoted),
		TEST(receiver_that_talks_beside_a_sender_stays_one),
		TEST(reader_and_receivers_live_without_a_sender),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
