/* SPDX-License-Identifier: MIT */
/*
 * test_crash.c - everybody is killed, at random instants, over live traffic:
 * publishers that hold the lease, nodes and plain readers, TCP receivers, nodes
 * that send each other messages, the daemon itself. Each is started again at
 * once. Nobody who lives reads a wrong byte, misses a record without being told
 * how many, or gets one twice; nothing comes to a stop; and in the end nothing
 * is left: no slot, no lease, no descriptor, no object.
 */
#include "crash_roles.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bcast/monitor.h>

#include "restart.h"

#define KILLS_DEFAULT 150u
#define WAIT_MAX_NS   8000000

enum kind {
	PUBLISHER,
	NODE,
	PLAIN,
	RECEIVER,
	TALKER,
	KINDS
};

static const struct {
	void (*function)(void *);
	unsigned count;
	unsigned share; /* of a hundred deaths */
} kinds[KINDS] = {
	[PUBLISHER] = {role_publisher, 2, 30},
	[NODE] = {role_node, 2, 14},
	[PLAIN] = {role_plain, 1, 8},
	[RECEIVER] = {role_receiver, 2, 12},
	[TALKER] = {role_talker, TALKERS, 24},
};

#define CREW_MAX 16

/* Paced by its receivers, or at full speed through a ring that is too small. */
static struct {
	const char *ring_size, *slow_policy;
} stream;

static struct daemon_fixture daemon_fixture;
static struct board *board;
static struct crew {
	enum kind kind;
	struct role role;
	struct test_child child;
} crew[CREW_MAX];
static unsigned crew_size;

/* ---- Births and deaths ------------------------------------------------- */

static void launch_daemon(void)
{
	const char *options[] = {
		"--format",	  "packet",	      "--ring-size",
		stream.ring_size, "--listen",	      board->address,
		"--slow-policy",  stream.slow_policy, NULL};

	strcpy(daemon_fixture.name, board->name);
	daemon_fixture_launch(&daemon_fixture, options);
}

static bool listens(void *argument)
{
	(void)argument;
	return daemon_fixture_logged(&daemon_fixture, "info listening ") == 1;
}

static void await_daemon(void)
{
	if (!test_within(2 * DEADLINE_MS, listens, NULL))
		fail_msg("it does not listen:\n%s",
			 daemon_fixture_log(&daemon_fixture));
}

static void hire(enum kind kind, unsigned number)
{
	struct crew *member = &crew[crew_size++];

	member->kind = kind;
	member->role = (struct role){.board = board, .number = number};
	member->child = test_fork(kinds[kind].function, &member->role);
}

/* The daemon is not waited for: all others go on meanwhile. */
static void kill_daemon(void)
{
	assert_int_equal(kill(daemon_fixture.pid, SIGKILL), 0);
	assert_int_equal(daemon_fixture_wait(&daemon_fixture), 128 + SIGKILL);
	if (strstr(daemon_fixture_log(&daemon_fixture), "error "))
		fail_msg("it complains:\n%s", daemon_fixture.log);
	daemon_fixture_forget(&daemon_fixture);
	launch_daemon();
}

static void kill_member(enum kind kind)
{
	unsigned chosen = (unsigned)random() % kinds[kind].count;

	for (unsigned i = 0; i < crew_size; i++) {
		struct crew *member = &crew[i];

		if (member->kind != kind || chosen-- > 0)
			continue;
		test_kill(&member->child);
		member->child = test_fork(kinds[kind].function, &member->role);
		return;
	}
}

static void kill_somebody(void)
{
	unsigned drawn = (unsigned)random() % 100;

	for (unsigned kind = 0; kind < KINDS; kind++) {
		if (drawn < kinds[kind].share) {
			kill_member((enum kind)kind);
			return;
		}
		drawn -= kinds[kind].share;
	}
	kill_daemon();
}

static void wait_a_random_while(void)
{
	const struct timespec pause = {.tv_nsec = random() % WAIT_MAX_NS};

	(void)nanosleep(&pause, NULL);
}

/* ---- What must hold ---------------------------------------------------- */

static void assert_no_complaint(void)
{
	if (atomic_load(&board->wrong) > 0)
		fail_msg("%u complaints; the first: %s",
			 (unsigned)atomic_load(&board->wrong),
			 board->complaint);
}

struct progress {
	uint64_t published, read, received, messages;
};

static bool all_have_moved(void *argument)
{
	const struct progress *from = argument;

	return atomic_load(&board->wrong) > 0 ||
	       (atomic_load(&board->published) > from->published &&
		atomic_load(&board->read) > from->read &&
		atomic_load(&board->received) > from->received &&
		atomic_load(&board->messages) > from->messages);
}

static void assert_nothing_is_stuck(void)
{
	struct progress from = {
		.published = atomic_load(&board->published),
		.read = atomic_load(&board->read),
		.received = atomic_load(&board->received),
		.messages = atomic_load(&board->messages),
	};

	if (!test_within(2 * DEADLINE_MS, all_have_moved, &from))
		fail_msg("stuck: published %llu, read %llu, received %llu, "
			 "messages %llu\n%s",
			 (unsigned long long)board->published,
			 (unsigned long long)board->read,
			 (unsigned long long)board->received,
			 (unsigned long long)board->messages,
			 daemon_fixture_log(&daemon_fixture));
	assert_no_complaint();
}

static int count_nodes(void)
{
	struct bcast_nodes *nodes;
	int joined;

	assert_int_equal(bcast_nodes_open(board->name, &nodes), 0);
	joined = bcast_nodes_list(nodes, NULL, 0);
	bcast_nodes_close(nodes);
	return joined;
}

static bool lease_is_free(void)
{
	struct bcast_publisher *publisher = NULL;
	struct bcast_node *node;
	int ret;

	assert_int_equal(bcast_join(board->name, "heir", NULL, &node), 0);
	ret = bcast_publisher_open(node, NULL, &publisher);
	bcast_publisher_close(publisher);
	bcast_leave(node);
	return ret == 0;
}

static bool nothing_is_held(void *argument)
{
	(void)argument;
	return lease_is_free() && count_nodes() == 0 &&
	       daemon_fixture_counter(&daemon_fixture, "receivers") == 0 &&
	       daemon_fixture_counter(&daemon_fixture, "nodes") == 0;
}

/* ---- The test ---------------------------------------------------------- */

static int prepare(void **state)
{
	(void)state;
	srandom((unsigned)time(NULL));
	board = board_new();
	strcpy(board->name, test_name());
	restart_choose_address(board->address, sizeof(board->address));
	return 0;
}

static int leave(void **state)
{
	for (unsigned i = 0; i < crew_size; i++)
		test_kill(&crew[i].child);
	daemon_fixture_cleanup(state);
	crew_size = 0;
	board_free(board);
	return 0;
}

static unsigned kill_count(void)
{
	const char *text = getenv("BCAST_KILLS");
	int count = text ? atoi(text) : 0;

	return count > 0 ? (unsigned)count : KILLS_DEFAULT;
}

static void kill_them_all(void)
{
	unsigned kills = kill_count(), descriptors;

	launch_daemon();
	await_daemon();
	descriptors = daemon_fixture_descriptors(&daemon_fixture);
	for (unsigned kind = 0; kind < KINDS; kind++)
		for (unsigned i = 0; i < kinds[kind].count; i++)
			hire((enum kind)kind, i);
	assert_nothing_is_stuck();

	for (unsigned i = 1; i <= kills; i++) {
		wait_a_random_while();
		kill_somebody();
		if (i % 50 == 0)
			assert_nothing_is_stuck();
		assert_no_complaint();
	}
	await_daemon();
	assert_nothing_is_stuck();
	for (unsigned i = 0; i < crew_size; i++)
		test_kill(&crew[i].child);

	assert_true(test_within(DEADLINE_MS, nothing_is_held, NULL));
	assert_int_equal(daemon_fixture_descriptors(&daemon_fixture),
			 descriptors);
	print_message("%u kills: %llu records published, %llu read, %llu told "
		      "as lost, %llu received, %llu messages\n",
		      kills, (unsigned long long)board->published,
		      (unsigned long long)board->read,
		      (unsigned long long)board->lost,
		      (unsigned long long)board->received,
		      (unsigned long long)board->messages);
	daemon_fixture_stop(&daemon_fixture);
}

static void nobody_is_harmed_by_any_death(void **state)
{
	(void)state;
	stream.ring_size = "4M";
	stream.slow_policy = "block";
	kill_them_all();
}

static void nor_where_the_slow_are_lapped_and_dropped(void **state)
{
	(void)state;
	stream.ring_size = "64K";
	stream.slow_policy = "disconnect";
	kill_them_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nobody_is_harmed_by_any_death,
						prepare, leave),
		cmocka_unit_test_setup_teardown(
			nor_where_the_slow_are_lapped_and_dropped, prepare,
			leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
