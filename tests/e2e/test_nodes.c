/* SPDX-License-Identifier: MIT */
/*
 * The daemon and local nodes: it sees them come, leave and die, by their
 * processes and, where it has none to watch, by its round of the slots.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "crowd_stage.h"

#include "shm/clock.h"
#include "shm/node_table.h"
#include "shm/notify.h"

#define KILLS_DEFAULT 50u
#define KILLS_MAX     2000u
#define MANY	      150u

static struct test_child child;
static struct bc_node_table table;

static const char *const any_port[] = {"--ring-size", "4M", "--listen",
				       "127.0.0.1:0", NULL};

static int prepare(void **state)
{
	child = (struct test_child){0};
	table = (struct bc_node_table){.fd = -1, .segment.fd = -1};
	return crowd_stage_open(state);
}

static int close_all(void **state)
{
	test_kill(&child);
	bc_node_table_detach(&table);
	return crowd_stage_close(state);
}

/* ---- Nodes ------------------------------------------------------------- */

static const char *forked_id;
static int lifeline[2]; /* the test has the second, until it ends */

static struct bcast_node *join_in_child(void)
{
	struct bcast_node *node;

	test_child_check(bcast_join(daemon_.name, forked_id, NULL, &node) == 0);
	return node;
}

static void join_and_sleep(void *argument)
{
	(void)argument;
	(void)join_in_child();
	test_child_ready();
	test_child_sleep();
}

static struct bcast_node *join_until_told(void)
{
	struct bcast_node *node;
	sigset_t set;
	int number;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	node = join_in_child();
	test_child_ready();
	test_child_check(sigwait(&set, &number) == 0);
	return node;
}

static void join_and_leave(void *argument)
{
	(void)argument;
	bcast_leave(join_until_told());
	_exit(0);
}

/* The node's process ends, but its slot lives on in a process of its own. */
static void join_and_be_survived(void *argument)
{
	char byte;

	(void)argument;
	(void)close(lifeline[1]);
	(void)join_until_told();
	if (fork() != 0)
		_exit(0);
	_exit(read(lifeline[0], &byte, 1) == 0 ? 0 : 1);
}

static void fork_node(void (*function)(void *), const char *id)
{
	forked_id = id;
	child = test_fork(function, NULL);
	daemon_fixture_await_at_least(&daemon_, "nodes", 1);
}

static bool has_descriptors(void *count)
{
	return daemon_fixture_descriptors(&daemon_) == *(unsigned *)count;
}

static void await_descriptors(unsigned count)
{
	assert_true(test_within(DEADLINE_MS, has_descriptors, &count));
}

static void assert_counts(unsigned joined, unsigned left, unsigned died)
{
	daemon_fixture_await(&daemon_, "nodes", joined - left - died);
	daemon_fixture_await(&daemon_, "nodes_joined", joined);
	daemon_fixture_await(&daemon_, "nodes_left", left);
	daemon_fixture_await(&daemon_, "nodes_died", died);
}

/* ---- Death ------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Until slot 0 is free, woken as a watcher is; and without a sweep of ours. */
static void await_free_slot(void)
{
	const bc_u32 *word = &table.header->membership;
	uint64_t start_ms = test_now_ms();

	for (;;) {
		uint32_t seen =
			atomic_load_explicit(word, memory_order_acquire);
		uint64_t claim = atomic_load_explicit(
			&bc_node_table_slot(&table, 0)->claim,
			memory_order_acquire);

		if (bc_node_claim_state(claim) == BC_NODE_FREE)
			return;
		assert_true(test_now_ms() - start_ms < DEADLINE_MS);
		(void)bc_notify_wait(word, seen, 100 * BC_NS_PER_MS);
	}
}

/* BCAST_KILLS sets another number. */
static unsigned kill_count(void)
{
	const char *text = getenv("BCAST_KILLS");
	int count = text ? atoi(text) : 0;

	return count > 0 && count <= (int)KILLS_MAX ? (unsigned)count
						    : KILLS_DEFAULT;
}

static void killed_node_is_noticed_by_its_process(void **state)
{
	static uint64_t took_ns[KILLS_MAX];
	const unsigned kills = kill_count();

	(void)state;
	daemon_fixture_start(&daemon_, any_port);
	assert_int_equal(bc_node_table_attach(&table, daemon_.name, false), 0);
	for (unsigned i = 0; i < kills; i++) {
		uint64_t start_ns;

		fork_node(join_and_sleep, "victim");
		start_ns = bc_monotonic_ns();
		assert_int_equal(kill(child.pid, SIGKILL), 0);
		await_free_slot();
		took_ns[i] = bc_monotonic_ns() - start_ns;
		test_kill(&child);
		assert_counts(i + 1, 0, i + 1);
	}

	qsort(took_ns, kills, sizeof(took_ns[0]), compare);
	print_message("noticed after: p50 %" PRIu64 " p99 %" PRIu64
		      " max %" PRIu64 " us\n",
		      took_ns[kills / 2] / 1000,
		      took_ns[kills * 99 / 100] / 1000,
		      took_ns[kills - 1] / 1000);
	assert_int_equal(
		daemon_fixture_logged(
			&daemon_,
			"info node_left id=victim slot=0 reason=died\n"),
		kills);
	daemon_fixture_stop(&daemon_);
}

static void watchers_are_told_of_the_dead(void **state)
{
	struct bcast_nodes *nodes;

	(void)state;
	daemon_fixture_start(&daemon_, any_port);
	fork_node(join_and_sleep, "victim");
	assert_int_equal(bcast_nodes_open(daemon_.name, &nodes), 0);
	assert_int_equal(bcast_nodes_list(nodes, NULL, 0), 1);

	test_kill(&child);

	assert_int_equal(bcast_nodes_watch(nodes, DEADLINE_MS), 1);
	assert_int_equal(bcast_nodes_list(nodes, NULL, 0), 0);
	bcast_nodes_close(nodes);
	daemon_fixture_await(&daemon_, "nodes", 0);
	daemon_fixture_stop(&daemon_);
}

static void node_without_a_pidfd_is_found_by_the_round(void **state)
{
	struct rlimit none, before;
	unsigned descriptors;

	(void)state;
	daemon_fixture_start(&daemon_, any_port);
	descriptors = daemon_fixture_descriptors(&daemon_);
	assert_int_equal(prlimit(daemon_.pid, RLIMIT_NOFILE, NULL, &before), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
	assert_int_equal(prlimit(daemon_.pid, RLIMIT_NOFILE, &none, NULL), 0);

	fork_node(join_and_sleep, "victim");
	/* it may have had one more for a moment, to look for its name */
	assert_true(daemon_fixture_descriptors(&daemon_) <= descriptors);
	test_kill(&child);

	assert_counts(1, 0, 1);
	assert_int_equal(prlimit(daemon_.pid, RLIMIT_NOFILE, &before, NULL), 0);
	daemon_fixture_stop(&daemon_);
}

static void join_many_and_sleep(void *argument)
{
	struct bcast_node *node;
	char id[16];

	(void)argument;
	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(id, sizeof(id), "n%u", i);
		test_child_check(bcast_join(daemon_.name, id, NULL, &node) ==
				 0);
	}
	test_child_ready();
	test_child_sleep();
}

/* More than the daemon asks after between two ticks, in one turn. */
static void many_that_die_at_once_are_all_found(void **state)
{
	static const char *const options[] = {
		"--ring-size", "4M",	       "--nodes", "151", "--listen",
		"127.0.0.1:0", "--inbox-size", "4K",	  NULL};
	unsigned descriptors;

	(void)state;
	daemon_fixture_start(&daemon_, options);
	descriptors = daemon_fixture_descriptors(&daemon_);
	child = test_fork(join_many_and_sleep, NULL);
	daemon_fixture_await(&daemon_, "nodes", MANY);
	await_descriptors(descriptors + MANY);

	test_kill(&child);

	assert_counts(MANY, 0, MANY);
	await_descriptors(descriptors);
	daemon_fixture_stop(&daemon_);
}

/* A false alarm: the locks say that it lives. */
static void slot_that_a_fork_keeps_is_not_cleared(void **state)
{
	unsigned descriptors;

	(void)state;
	daemon_fixture_start(&daemon_, any_port);
	descriptors = daemon_fixture_descriptors(&daemon_);
	assert_int_equal(pipe(lifeline), 0);
	fork_node(join_and_be_survived, "parent");
	assert_int_equal(kill(child.pid, SIGTERM), 0);
	assert_int_equal(test_join(&child), 0);
	await_descriptors(descriptors);

	assert_counts(1, 0, 0);

	(void)close(lifeline[1]);
	assert_counts(1, 0, 1);
	(void)close(lifeline[0]);
	daemon_fixture_stop(&daemon_);
}

/* ---- No death ---------------------------------------------------------- */

static void node_that_leaves_has_not_died(void **state)
{
	unsigned descriptors;

	(void)state;
	daemon_fixture_start(&daemon_, any_port);
	descriptors = daemon_fixture_descriptors(&daemon_);
	for (unsigned i = 0; i < 3; i++) {
		fork_node(join_and_leave, "guest");
		assert_int_equal(kill(child.pid, SIGTERM), 0);
		assert_int_equal(test_join(&child), 0);
		assert_counts(i + 1, i + 1, 0);
	}

	assert_int_equal(
		daemon_fixture_logged(
			&daemon_,
			"info node_left id=guest slot=0 reason=left\n"),
		3);
	await_descriptors(descriptors);
	daemon_fixture_stop(&daemon_);
}

/* It stays: a slot changes hands while the old poll is in flight. */
static void process_that_joins_again_is_watched_again(void **state)
{
	struct bcast_node *node;

	(void)state;
	daemon_fixture_start(&daemon_, any_port);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(bcast_join(daemon_.name, "again", NULL, &node),
				 0);
		daemon_fixture_await(&daemon_, "nodes_joined", i + 1);
		bcast_leave(node);
	}
	assert_counts(5, 5, 0);
	fork_node(join_and_sleep, "again");
	test_kill(&child);
	assert_counts(6, 5, 1);
	daemon_fixture_stop(&daemon_);
}

static void stop_with_nodes_joined_leaves_nothing(void **state)
{
	struct bcast_node *node;

	(void)state;
	daemon_fixture_start(&daemon_, any_port);
	assert_int_equal(bcast_join(daemon_.name, "stays", NULL, &node), 0);
	fork_node(join_and_sleep, "sleeps");
	daemon_fixture_await(&daemon_, "nodes", 2);

	daemon_fixture_stop(&daemon_);

	assert_int_equal(bcast_node_beat(node), BCAST_ECLOSED);
	bcast_leave(node);
}

/* ---- A faulty registry ------------------------------------------------- */

/* Which is SIGBUS for whoever has it mapped. Nodes here must not touch it. */
static void cut_short_registry_stops_only_the_watching(void **state)
{
	char path[64];

	(void)state;
	daemon_fixture_start(&daemon_, any_port);
	fork_node(join_and_sleep, "victim");
	(void)snprintf(path, sizeof(path), "/dev/shm/bcast.%s.nodes",
		       daemon_.name);

	assert_int_equal(truncate(path, 0), 0);
	/* by its death or by the tick, whichever comes first */
	test_kill(&child);
	daemon_fixture_await_log(&daemon_, "warn nodes_unwatched ", 1);

	daemon_fixture_await(&daemon_, "nodes", 0);
	crowd_send_from(&crowd, "any");
	crowd_receive(&crowd);
	crowd_send(&crowd, 1u << 20);
	crowd_settle(&crowd);
	daemon_fixture_stop(&daemon_);
}

static void removed_registry_stops_only_the_watching(void **state)
{
	(void)state;
	daemon_fixture_start(&daemon_, any_port);
	fork_node(join_and_sleep, "victim");

	test_object_unlink(daemon_.name, ".nodes");
	daemon_fixture_await_log(&daemon_, "warn nodes_unwatched ", 1);
	test_kill(&child);

	daemon_fixture_await(&daemon_, "nodes", 0);
	daemon_fixture_stop(&daemon_);
}

/* An id of its own making, before the daemon has looked at it. */
static void id_of_a_faulty_publisher_forges_no_field_of_the_log(void **state)
{
	static const char forged[] = "x reason=none";
	struct bcast_publisher *publisher;
	struct bcast_node *node;

	(void)state;
	daemon_fixture_start(&daemon_, any_port);
	assert_int_equal(kill(daemon_.pid, SIGSTOP), 0);
	assert_int_equal(bcast_join(daemon_.name, "faulty", NULL, &node), 0);
	assert_int_equal(bc_node_table_attach(&table, daemon_.name, true), 0);
	memcpy(bc_node_table_slot(&table, 0)->id, forged, sizeof(forged));
	assert_int_equal(bcast_publisher_open(node, NULL, &publisher), 0);
	assert_int_equal(kill(daemon_.pid, SIGCONT), 0);

	daemon_fixture_await_log(
		&daemon_, "publisher_joined node=\"x reason=none\" position=0",
		1);
	bcast_publisher_close(publisher);
	daemon_fixture_await_log(&daemon_,
				 "publisher_left node=\"x reason=none\" ", 1);
	bcast_leave(node);
	daemon_fixture_stop(&daemon_);
}

/* ---- Messages ---------------------------------------------------------- */

static void inboxes_are_as_large_as_the_daemon_says(void **state)
{
	static const char *const options[] = {
		"--ring-size", "4M", "--inbox-size", "64K", "--listen",
		"127.0.0.1:0", NULL};
	static unsigned char data[64 << 10];
	struct bcast_message message;
	struct bcast_node *node;
	size_t limit = sizeof(data) - 96;

	(void)state;
	daemon_fixture_start(&daemon_, options);
	assert_int_equal(bcast_join(daemon_.name, "self", NULL, &node), 0);

	assert_int_equal(bcast_message_limit(node), limit);
	assert_int_equal(bcast_send(node, "self", 1, data, limit + 1, 0),
			 -EMSGSIZE);
	assert_int_equal(bcast_send(node, "self", 1, data, limit, 0), 0);
	assert_int_equal(bcast_recv(node, &message, 0), 1);
	assert_int_equal(message.size, limit);

	bcast_leave(node);
	daemon_fixture_stop(&daemon_);
}

static void stop_of_the_daemon_is_told_after_the_messages(void **state)
{
	struct bcast_message message;
	struct bcast_node *node;

	(void)state;
	daemon_fixture_start(&daemon_, any_port);
	assert_int_equal(bcast_join(daemon_.name, "self", NULL, &node), 0);
	assert_int_equal(bcast_send(node, "self", 1, "x", 1, 0), 0);
	daemon_fixture_stop(&daemon_);

	assert_int_equal(bcast_recv(node, &message, -1), 1);

	assert_int_equal(bcast_recv(node, &message, -1), BCAST_ECLOSED);
	bcast_leave(node);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, prepare, close_all)
	const struct CMUnitTest tests[] = {
		TEST(killed_node_is_noticed_by_its_process),
		TEST(watchers_are_told_of_the_dead),
		TEST(node_without_a_pidfd_is_found_by_the_round),
		TEST(many_that_die_at_once_are_all_found),
		TEST(slot_that_a_fork_keeps_is_not_cleared),
		TEST(node_that_leaves_has_not_died),
		TEST(process_that_joins_again_is_watched_again),
		TEST(stop_with_nodes_joined_leaves_nothing),
		TEST(cut_short_registry_stops_only_the_watching),
		TEST(removed_registry_stops_only_the_watching),
		TEST(id_of_a_faulty_publisher_forges_no_field_of_the_log),
		TEST(inboxes_are_as_large_as_the_daemon_says),
		TEST(stop_of_the_daemon_is_told_after_the_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
