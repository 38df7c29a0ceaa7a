/* SPDX-License-Identifier: MIT */
/*
 * test_publish_kills.c - publishers, subscribers and the daemon are killed at
 * random under load, thirty times; BCAST_KILLS sets another number. Every
 * subscriber ends with exactly what was published: each record once, in order.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bcast/monitor.h>

#include "publish_roles.h"
#include "restart.h"

#define KILLS_DEFAULT 30u
#define BETWEEN_NS    20000000 /* between two kills, at most */
#define LOCAL	      (PUBLISH_PUBLISHERS + PUBLISH_SUBSCRIBERS)
#define ROLES	      (LOCAL + 1)

static struct publish_board *board;
static struct publish_role roles[ROLES];
static struct test_child children[ROLES]; /* publishers first */
static unsigned publishers;
static bool with_local; /* a local publisher, in turns with the client */
static struct daemon_fixture daemon_;
static char name[32], address[32];

static int prepare(void **state)
{
	(void)state;
	board = publish_board_new();
	memset(children, 0, sizeof(children));
	daemon_ = (struct daemon_fixture){0};
	snprintf(name, sizeof(name), "%s", test_name());
	restart_choose_address(address, sizeof(address));
	snprintf(board->name, sizeof(board->name), "%s", name);
	board->port = (uint16_t)atoi(strchr(address, ':') + 1);
	return 0;
}

static int close_all(void **state)
{
	for (unsigned i = 0; i < ROLES; i++)
		test_kill(&children[i]);
	publish_board_free(board);
	board = NULL;
	return daemon_fixture_cleanup(state);
}

/* ---- Lives ------------------------------------------------------------- */

static void live(void)
{
	const char *options[] = {"--ring-size",
				 "16M",
				 "--format",
				 "packet",
				 "--packet",
				 address,
				 "--publishers",
				 publishers > 1 ? "many" : "one",
				 NULL};

	daemon_ = (struct daemon_fixture){0};
	snprintf(daemon_.name, sizeof(daemon_.name), "%s", name);
	daemon_fixture_start(&daemon_, options);
}

static void die(void)
{
	assert_int_equal(kill(daemon_.pid, SIGKILL), 0);
	assert_int_equal(daemon_fixture_wait(&daemon_), 128 + SIGKILL);
	if (strstr(daemon_fixture_log(&daemon_), "error "))
		fail_msg("it complains:\n%s", daemon_.log);
	daemon_fixture_forget(&daemon_);
}

static void send_out(unsigned index)
{
	void (*run)(void *) = publish_role_subscriber;

	roles[index] = (struct publish_role){.board = board, .index = index};
	if (index < PUBLISH_PUBLISHERS)
		run = publish_role_publisher;
	else if (index == LOCAL)
		run = publish_role_local;
	else
		roles[index].index -= PUBLISH_PUBLISHERS;
	children[index] = test_fork(run, &roles[index]);
}

static bool is_used(unsigned index)
{
	if (index == LOCAL)
		return with_local;
	return index < publishers || index >= PUBLISH_PUBLISHERS;
}

/* ---- Progress ---------------------------------------------------------- */

static void expect_no_complaint(void)
{
	if (atomic_load(&board->wrong) > 0)
		fail_msg("%s", board->complaint);
}

static bool all_are_at(void *argument)
{
	const uint64_t *sequence = argument;

	expect_no_complaint();
	for (unsigned i = 0; i < PUBLISH_SUBSCRIBERS; i++)
		if (publish_board_progress(board, i)->sequence < *sequence)
			return false;
	return true;
}

/* Something is under way again, and then some more. */
static void go_on_for_a_while(void)
{
	uint64_t sequence = publish_board_progress(board, 0)->sequence + 100;
	struct timespec pause = {.tv_nsec = random() % BETWEEN_NS};

	if (!test_within(2 * DEADLINE_MS, all_are_at, &sequence))
		fail_msg("nothing goes on; the daemon's log:\n%s",
			 daemon_fixture_log(&daemon_));
	(void)nanosleep(&pause, NULL);
}

static void kill_somebody(void)
{
	unsigned index = (unsigned)random() % (ROLES + 3);

	if (index >= ROLES) {
		die();
		live();
	} else if (is_used(index)) {
		test_kill(&children[index]);
		send_out(index);
	}
}

static struct bcast_stream_info stream_info(void)
{
	struct bcast_monitor *monitor;
	struct bcast_stream_info info;

	assert_int_equal(bcast_monitor_open(name, &monitor), 0);
	(void)bcast_monitor_stream(monitor, &info);
	bcast_monitor_close(monitor);
	return info;
}

/* All subscribers have all of the publishers' records, and the whole stream. */
static bool all_is_there(void *argument)
{
	const uint64_t *goal = argument;
	struct bcast_stream_info info = stream_info();

	expect_no_complaint();
	for (unsigned i = 0; i < PUBLISH_SUBSCRIBERS; i++) {
		const struct publish_progress *progress =
			publish_board_progress(board, i);

		for (unsigned j = 1; j <= publishers; j++)
			if (progress->number[j] != *goal + 1)
				return false;
		if (progress->position != info.tail ||
		    progress->sequence != info.sequence)
			return false;
	}
	return true;
}

/* Publishers come to the same number, and rest there. */
static void come_to_an_end(void)
{
	uint64_t goal = 0, sequence;

	for (unsigned i = 0; i < PUBLISH_SUBSCRIBERS; i++)
		for (unsigned j = 1; j <= publishers; j++)
			if (publish_board_progress(board, i)->number[j] > goal)
				goal = publish_board_progress(board, i)
					       ->number[j];
	goal += 2000;
	atomic_store(&board->goal, goal);
	test_kill(&children[LOCAL]);
	if (!test_within(2 * DEADLINE_MS, all_is_there, &goal))
		fail_msg("not all is there; the daemon's log:\n%s",
			 daemon_fixture_log(&daemon_));
	sequence = goal * publishers + 1;
	if (!with_local)
		assert_int_equal(stream_info().sequence, sequence);
}

static unsigned kill_count(void)
{
	const char *text = getenv("BCAST_KILLS");
	int count = text ? atoi(text) : 0;

	return count > 0 ? (unsigned)count : KILLS_DEFAULT;
}

static void kill_all_the_time(unsigned count, bool local)
{
	publishers = count;
	with_local = local;
	atomic_store(&board->in_turns, local);
	atomic_store(&board->goal, UINT64_MAX / 2);
	for (unsigned i = 0; i < PUBLISH_SUBSCRIBERS; i++)
		board->taken[i].both[0] = (struct publish_progress){
			.sequence = 1,
			.number = {0, 1, 1},
		};
	live();
	for (unsigned i = 0; i < ROLES; i++)
		if (is_used(i))
			send_out(i);

	for (unsigned i = 0; i < kill_count(); i++) {
		go_on_for_a_while();
		kill_somebody();
	}

	come_to_an_end();
	for (unsigned i = 0; i < ROLES; i++)
		test_kill(&children[i]);
	daemon_fixture_stop(&daemon_);
}

static void subscribers_have_exactly_what_one_has_published(void **state)
{
	(void)state;
	kill_all_the_time(1, false);
}

static void subscribers_have_exactly_what_two_have_published(void **state)
{
	(void)state;
	kill_all_the_time(2, false);
}

static void lease_is_taken_in_turns_whoever_dies(void **state)
{
	(void)state;
	kill_all_the_time(1, true);
}

#define KILL_TEST(f) cmocka_unit_test_setup_teardown(f, prepare, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KILL_TEST(subscribers_have_exactly_what_one_has_published),
		KILL_TEST(subscribers_have_exactly_what_two_have_published),
		KILL_TEST(lease_is_taken_in_turns_whoever_dies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
