/* SPDX-License-Identifier: MIT */
/*
 * A reset at every state of a connection: it is noticed, counted, and costs
 * nobody else a byte. Every receiver that stays has every byte compared.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crowd_stage.h"

#define MIB    (1u << 20)
#define ROUNDS 40

static struct consumer *witness; /* it is there all the time */
static unsigned descriptors;	 /* with nobody but the witness */

static void start(const char *ring_size, const char *policy)
{
	const char *options[] = {"--ring-size", ring_size,	 "--ingest",
				 "127.0.0.1:0", "--egress",	 "127.0.0.1:0",
				 "--sndbuf",	"64K",		 "--rcvbuf",
				 "256K",	"--slow-policy", policy,
				 NULL};

	daemon_fixture_start(&daemon_, options);
	crowd_open(&crowd, &daemon_);
	witness = crowd_receive(&crowd);
	descriptors = daemon_fixture_descriptors(&daemon_);
}

static void reset(int fd)
{
	const struct linger abort_now = {.l_onoff = 1, .l_linger = 0};

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort_now,
				    sizeof(abort_now)),
			 0);
	(void)close(fd);
}

static bool only_the_witness_is_left(void *argument)
{
	(void)argument;
	return daemon_fixture_counter(&daemon_, "receivers") == 1 &&
	       daemon_fixture_counter(&daemon_, "senders") == 0 &&
	       daemon_fixture_descriptors(&daemon_) <= descriptors;
}

/* The witness has all, and nothing of the others is left. */
static void assert_unharmed(void)
{
	if (crowd.sender >= 0) {
		crowd_settle(&crowd);
		crowd_end_sender(&crowd);
	}
	crowd_run_until(&crowd, only_the_witness_is_left, NULL);
	assert_int_equal(witness->bytes,
			 daemon_fixture_counter(&daemon_, "bytes_in"));
	daemon_fixture_stop(&daemon_);
}

static uint16_t egress_port(void)
{
	return daemon_fixture_port(&daemon_, "egress");
}

/* ---- Receivers --------------------------------------------------------- */

static void before_the_first_byte(void **state)
{
	(void)state;
	start("4M", "block");
	crowd_send_from(&crowd, "ingest");
	for (unsigned i = 0; i < ROUNDS; i++) {
		/* perhaps before it has been accepted, perhaps after */
		reset(crowd_connect(egress_port(), 0));
		crowd_send(&crowd, 10000);
		crowd_step(&crowd);
	}
	daemon_fixture_await(&daemon_, "accepts", 2 + ROUNDS);
	assert_unharmed();
}

static void in_the_middle_of_a_send(void **state)
{
	(void)state;
	start("16M", "disconnect");
	crowd_send_from(&crowd, "ingest");
	for (unsigned i = 0; i < ROUNDS / 4; i++) {
		struct consumer *stalled = crowd_receive_small(&crowd);

		stalled->stalled = true;
		crowd_send(&crowd, MIB);
		crowd_settle(&crowd);
		crowd_leave_by_reset(stalled);
	}
	assert_unharmed();
}

/* By then it has sent its end, and is owed bytes. */
static void after_the_half_close(void **state)
{
	(void)state;
	start("16M", "disconnect");
	crowd_send_from(&crowd, "ingest");
	for (unsigned i = 0; i < ROUNDS / 4; i++) {
		struct consumer *half = crowd_receive_small(&crowd);

		half->stalled = true;
		assert_int_equal(shutdown(half->fd, SHUT_WR), 0);
		crowd_send(&crowd, MIB);
		crowd_settle(&crowd);
		crowd_leave_by_reset(half);
	}
	assert_unharmed();
}

static void with_bytes_that_nobody_has_read(void **state)
{
	static unsigned char garbage[200000];

	(void)state;
	start("4M", "block");
	crowd_send_from(&crowd, "ingest");
	for (unsigned i = 0; i < ROUNDS; i++) {
		int fd = crowd_connect(egress_port(), 0);

		(void)send(fd, garbage, sizeof(garbage), MSG_DONTWAIT);
		crowd_send(&crowd, 100000);
		crowd_step(&crowd);
		if (i % 2 == 0)
			reset(fd);
		else /* a reset too, since it has not read what it was sent */
			(void)close(fd);
	}
	daemon_fixture_await(&daemon_, "accepts", 2 + ROUNDS);
	assert_unharmed();
}

/* Its send has been cancelled, and is on its way back. */
static void while_it_is_being_dropped(void **state)
{
	(void)state;
	start("1M", "disconnect");
	crowd_send_from(&crowd, "ingest");
	for (unsigned i = 0; i < ROUNDS / 4; i++) {
		uint64_t dropped =
			daemon_fixture_counter(&daemon_, "receivers_dropped");
		struct consumer *stalled = crowd_receive_small(&crowd);

		stalled->stalled = true;
		while (daemon_fixture_counter(&daemon_, "receivers_dropped") ==
		       dropped) {
			crowd_send(&crowd, 100000);
			crowd_settle(&crowd);
		}
		crowd_leave_by_reset(stalled);
	}
	assert_unharmed();
}

static void while_the_daemon_drains(void **state)
{
	struct consumer *stalled[3];

	(void)state;
	start("16M", "disconnect");
	crowd_send_from(&crowd, "ingest");
	for (unsigned i = 0; i < 3; i++) {
		stalled[i] = crowd_receive_small(&crowd);
		stalled[i]->stalled = true;
	}
	crowd_send(&crowd, 4 * MIB);
	crowd_settle(&crowd);

	assert_int_equal(kill(daemon_.pid, SIGTERM), 0);
	daemon_fixture_await_log(&daemon_, "info draining", 1);
	for (unsigned i = 0; i < 3; i++)
		crowd_leave_by_reset(stalled[i]);
	crowd_run_to_end(&crowd);

	/* it does not wait for those that are gone */
	assert_int_equal(witness->error, 0);
	assert_int_equal(witness->bytes, 4 * MIB);
	assert_int_equal(daemon_fixture_wait(&daemon_), 0);
	assert_int_equal(daemon_fixture_logged(&daemon_, "drain_timeout"), 0);
	daemon_fixture_assert_clean(&daemon_);
	daemon_fixture_forget(&daemon_);
}

/* ---- Senders ----------------------------------------------------------- */

static void sender_before_its_first_byte(void **state)
{
	(void)state;
	start("4M", "block");
	for (unsigned i = 0; i < ROUNDS; i++)
		reset(crowd_connect(daemon_fixture_port(&daemon_, "ingest"),
				    0));
	daemon_fixture_await(&daemon_, "accepts", 1 + ROUNDS);
	daemon_fixture_await(&daemon_, "senders", 0);
	crowd_send_from(&crowd, "ingest");
	crowd_send(&crowd, MIB);
	assert_unharmed();
}

/*
 * What had come stays; the witness has exactly that, and then the next one's.
 */
static void sender_in_the_middle_of_a_receive(void **state)
{
	(void)state;
	start("4M", "block");
	for (unsigned i = 0; i < ROUNDS / 4; i++) {
		uint64_t in;

		crowd_send_from(&crowd, "ingest");
		crowd_send(&crowd, MIB);
		for (unsigned step = 0; step < 3; step++)
			crowd_step(&crowd);
		crowd_reset_sender(&crowd);
		daemon_fixture_await(&daemon_, "senders", 0);
		/* the next goes on behind what has arrived */
		in = daemon_fixture_counter(&daemon_, "bytes_in");
		crowd.sent = in;
		crowd.goal = in;
	}
	crowd_send_from(&crowd, "ingest");
	crowd_send(&crowd, MIB);
	assert_unharmed();
}

static bool is_paused(void *argument)
{
	uint64_t *last = argument;
	uint64_t before = *last;

	*last = daemon_fixture_counter(&daemon_, "bytes_in");
	return *last == before && *last >= MIB &&
	       daemon_fixture_counter(&daemon_, "sender_pauses") > 0;
}

/* The first has finished but is not read out, so the second waits its turn. */
static void waiting_sender(void **state)
{
	uint64_t last = 0;
	int waiting;

	(void)state;
	start("2M", "block");
	crowd_send_from(&crowd, "ingest");
	witness->stalled = true;
	crowd_send(&crowd, 4 * MIB);
	crowd_run_until(&crowd, is_paused, &last);
	crowd.goal = crowd.sent;
	crowd_end_sender(&crowd);
	waiting = crowd_connect(daemon_fixture_port(&daemon_, "ingest"), 0);
	daemon_fixture_await(&daemon_, "senders", 2);

	reset(waiting);
	witness->stalled = false;
	crowd_settle(&crowd);

	assert_int_equal(witness->bytes, crowd.sent);
	daemon_fixture_await(&daemon_, "senders", 0);
	crowd_send_from(&crowd, "ingest");
	crowd_send(&crowd, MIB);
	assert_unharmed();
}

int main(void)
{
#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, crowd_stage_open, crowd_stage_close)
	const struct CMUnitTest tests[] = {
		TEST(before_the_first_byte),
		TEST(in_the_middle_of_a_send),
		TEST(after_the_half_close),
		TEST(with_bytes_that_nobody_has_read),
		TEST(while_it_is_being_dropped),
		TEST(while_the_daemon_drains),
		TEST(sender_before_its_first_byte),
		TEST(sender_in_the_middle_of_a_receive),
		TEST(waiting_sender),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
