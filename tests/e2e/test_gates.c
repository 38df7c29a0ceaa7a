/* SPDX-License-Identifier: MIT */
/*
 * Gating local readers and a TCP sender: it is not read while one of them needs
 * the room, for as long as that one lives and moves.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crowd_stage.h"

#define MIB (1u << 20)

static struct bcast_node *node;
static struct test_child child;

static void start(void)
{
	static const char *const options[] = {
		"--ring-size",	 "1M",		"--ingest", "127.0.0.1:0",
		"--egress",	 "127.0.0.1:0", "--rcvbuf", "256K",
		"--slow-policy", "block",	NULL};

	daemon_fixture_start(&daemon_, options);
	crowd_open(&crowd, &daemon_);
	crowd_send_from(&crowd, "ingest");
}

static int close_all(void **state)
{
	test_kill(&child);
	crowd_close(&crowd);
	bcast_leave(node);
	node = NULL;
	return daemon_fixture_cleanup(state);
}

static struct consumer *gating_reader(int timeout_ms)
{
	struct bcast_reader *reader;

	assert_int_equal(bcast_join(daemon_.name, "gate", NULL, &node), 0);
	assert_int_equal(bcast_node_reader(node, NULL, &reader), 0);
	assert_int_equal(bcast_gate(reader, timeout_ms), 0);
	return crowd_adopt_reader(&crowd, reader);
}

static void reader_that_dawdles_loses_nothing(void **state)
{
	struct consumer *slow, *plain, *receiver;

	(void)state;
	start();
	slow = gating_reader(DEADLINE_MS);
	slow->sip = 10000;
	plain = crowd_read_local(&crowd);
	receiver = crowd_receive(&crowd);

	crowd_send(&crowd, 12 * MIB);
	crowd_settle(&crowd);

	assert_int_equal(slow->bytes, 12 * MIB);
	assert_int_equal(plain->bytes, 12 * MIB);
	assert_int_equal(receiver->bytes, 12 * MIB);
	assert_int_equal(bcast_loss(slow->reader).laps, 0);
	assert_int_equal(bcast_loss(plain->reader).laps, 0);
	daemon_fixture_await_at_least(&daemon_, "gate_waits", 1);
	daemon_fixture_await_at_least(&daemon_, "gate_waited_ns", 1);
	assert_int_equal(daemon_fixture_counter(&daemon_, "gates_given_up"), 0);
	daemon_fixture_stop(&daemon_);
}

/* ---- In a process of its own ------------------------------------------- */

struct gate {
	const char *name;
	int timeout_ms;
};

/* Reads all, until it has lost something: then its gate must be gone. */
static void read_until_lapped(void *argument)
{
	const struct gate *gate = argument;
	struct bcast_reader *reader;
	struct bcast_node *joined;
	const void *data;
	int64_t n;

	test_child_check(bcast_join(gate->name, "gate", NULL, &joined) == 0);
	test_child_check(bcast_node_reader(joined, NULL, &reader) == 0);
	test_child_check(bcast_gate(reader, gate->timeout_ms) == 0);
	test_child_ready();
	do {
		n = bcast_wait(reader, DEADLINE_MS);
		if (n == 1)
			n = bcast_peek(reader, &data);
		if (n > 0)
			n = bcast_consume(reader, (size_t)n);
	} while (n == 0);
	test_child_check(n == BCAST_ELAPPED);
	test_child_check(bcast_gate_state(reader) == BCAST_GATE_GIVEN_UP);
	bcast_detach(reader);
	bcast_leave(joined);
}

static void fork_gate(int timeout_ms)
{
	struct gate gate = {.name = daemon_.name, .timeout_ms = timeout_ms};

	child = test_fork(read_until_lapped, &gate);
}

static bool is_held_up(void *argument)
{
	(void)argument;
	return daemon_fixture_counter(&daemon_, "gate_waits") > 0;
}

static void stopped_reader_is_given_up_and_others_lose_nothing(void **state)
{
	struct consumer *receiver;
	uint64_t start_ms;

	(void)state;
	start();
	fork_gate(400);
	receiver = crowd_receive(&crowd);
	assert_int_equal(kill(child.pid, SIGSTOP), 0);

	start_ms = test_now_ms();
	crowd_send(&crowd, 8 * MIB);
	crowd_settle(&crowd);

	assert_in_range(test_now_ms() - start_ms, 399, DEADLINE_MS);
	assert_int_equal(receiver->bytes, 8 * MIB);
	daemon_fixture_await(&daemon_, "gates_given_up", 1);
	daemon_fixture_await_log(&daemon_, "gate_given_up node=gate count=1",
				 1);
	daemon_fixture_await(&daemon_, "gate_waits", 1);
	daemon_fixture_await_at_least(&daemon_, "gate_waited_ns",
				      UINT64_C(399000000));
	assert_int_equal(kill(child.pid, SIGCONT), 0);
	assert_int_equal(test_join(&child), 0);
	daemon_fixture_stop(&daemon_);
}

struct growth {
	const struct consumer *receiver;
	uint64_t from;
};

static bool has_grown(void *argument)
{
	const struct growth *growth = argument;

	return growth->receiver->bytes > growth->from;
}

static void killed_reader_holds_the_sender_up_no_longer(void **state)
{
	struct growth growth;
	uint64_t start_ms;

	(void)state;
	start();
	fork_gate(BCAST_GATE_TIMEOUT_MS_MAX);
	growth.receiver = crowd_receive(&crowd);
	assert_int_equal(kill(child.pid, SIGSTOP), 0);
	crowd_send(&crowd, 8 * MIB);
	crowd_run_until(&crowd, is_held_up, NULL);
	growth.from = growth.receiver->bytes;
	assert_true(growth.from <= MIB);

	start_ms = test_now_ms();
	test_kill(&child);
	crowd_run_until(&crowd, has_grown, &growth);

	print_message("%u ms from the kill to more bytes\n",
		      (unsigned)(test_now_ms() - start_ms));
	assert_true(test_now_ms() - start_ms < 5000);
	crowd_settle(&crowd);
	assert_int_equal(daemon_fixture_counter(&daemon_, "gates_given_up"), 0);
	daemon_fixture_stop(&daemon_);
}

/* Any node can do that. The stream goes on, without gates. */
static void registry_cut_short_ends_the_wait_too(void **state)
{
	struct consumer *receiver;
	char object[64];
	int fd;

	(void)state;
	start();
	fork_gate(BCAST_GATE_TIMEOUT_MS_MAX);
	receiver = crowd_receive(&crowd);
	assert_int_equal(kill(child.pid, SIGSTOP), 0);
	crowd_send(&crowd, 8 * MIB);
	crowd_run_until(&crowd, is_held_up, NULL);

	snprintf(object, sizeof(object), "/bcast.%s.nodes", daemon_.name);
	fd = shm_open(object, O_RDWR, 0);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	(void)close(fd);
	crowd_settle(&crowd);

	assert_int_equal(receiver->bytes, 8 * MIB);
	daemon_fixture_await_log(&daemon_, "nodes_unwatched", 1);
	test_kill(&child);
	daemon_fixture_stop(&daemon_);
}

#define TEST(function) \
	cmocka_unit_test_setup_teardown(function, crowd_stage_open, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reader_that_dawdles_loses_nothing),
		TEST(stopped_reader_is_given_up_and_others_lose_nothing),
		TEST(killed_reader_holds_the_sender_up_no_longer),
		TEST(registry_cut_short_ends_the_wait_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
