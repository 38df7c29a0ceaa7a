/* SPDX-License-Identifier: MIT */
/* test_lease.c - lease.c: one holder, free the instant it is dead. */
#include "nodes.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "shm/client_writer.h"
#include "shm/lease.h"
#include "shm/notify.h"

#define WORD (BC_LEASE_NODE | (UINT64_C(1) << BC_LEASE_SLOT_SHIFT) | 7)

static struct test_nodes nodes;
static struct bc_segment first, second;
static struct bc_lease_shm *lease;

static int open_stream(void **state)
{
	(void)state;
	test_nodes_open(&nodes, 4);
	assert_int_equal(bc_segment_attach(&first, nodes.name, BC_VIEW_WRITE),
			 0);
	assert_int_equal(bc_segment_attach(&second, nodes.name, BC_VIEW_WRITE),
			 0);
	lease = &nodes.stream.segment.control->lease;
	return 0;
}

static int close_stream(void **state)
{
	(void)state;
	bc_segment_close(&first);
	bc_segment_close(&second);
	test_nodes_close(&nodes);
	return 0;
}

static void word_says_kind_slot_and_generation(void **state)
{
	(void)state;
	assert_int_equal(bc_lease_word(BC_LEASE_NODE, 1, 7), WORD);
	assert_int_equal(bc_lease_word(BC_LEASE_DAEMON, UINT32_MAX, UINT32_MAX),
			 UINT64_C(0x01ffffffffffffff));
}

static void lease_is_one_descriptions_at_a_time(void **state)
{
	(void)state;
	assert_int_equal(bc_lease_held(&first), 0);
	assert_int_equal(bc_lease_take(&first, WORD), 1);
	assert_int_equal(lease->holder, WORD);
	assert_int_equal(lease->grants, 1);
	assert_true(lease->since_ns > 0);
	assert_int_equal(bc_lease_take(&second, WORD + 1), 0);
	assert_int_equal(lease->holder, WORD);
	assert_int_equal(bc_lease_held(&second), 1);
	assert_int_equal(bc_lease_held(&first), 0); /* not by another */
	bc_lease_give(&first);
	assert_int_equal(lease->holder, 0);
	assert_int_equal(bc_lease_held(&second), 0);
	assert_int_equal(bc_lease_take(&second, WORD + 1), 1);
	assert_int_equal(lease->grants, 2);
}

static void who_takes_it_announces_that_and_who_gives_it_wakes(void **state)
{
	uint32_t count = nodes.stream.segment.control->head.publish_count;
	uint32_t wanted = lease->wanted;

	(void)state;
	assert_int_equal(bc_lease_take(&first, WORD), 1);
	assert_int_equal(nodes.stream.segment.control->head.publish_count,
			 count + 1);
	assert_int_equal(lease->wanted, wanted);
	bc_lease_give(&first);
	assert_int_equal(lease->wanted, wanted + 1);
}

static void words_of_the_dead_keep_nobody_from_it(void **state)
{
	(void)state;
	/* who died on any line of take or give has left one of these */
	static const uint64_t words[] = {0, WORD, BC_LEASE_DAEMON, UINT64_MAX};

	for (unsigned i = 0; i < 4; i++) {
		atomic_store(&lease->holder, words[i]);
		assert_int_equal(bc_lease_held(&second), 0);
		assert_int_equal(bc_lease_take(&second, WORD), 1);
		bc_lease_give(&second);
	}
}

static void closing_the_description_gives_it_back(void **state)
{
	(void)state;
	assert_int_equal(bc_lease_take(&first, WORD), 1);
	bc_segment_close(&first);
	assert_int_equal(bc_lease_held(&second), 0);
	assert_int_equal(lease->holder, WORD); /* until somebody looks */
	assert_int_equal(bc_segment_attach(&first, nodes.name, BC_VIEW_WRITE),
			 0);
}

static void read_permission_suffices_to_ask(void **state)
{
	struct bc_segment looker;

	(void)state;
	assert_int_equal(bc_segment_attach(&looker, nodes.name, BC_VIEW_ALL),
			 0);
	assert_int_equal(bc_lease_held(&looker), 0);
	assert_int_equal(bc_lease_take(&first, WORD), 1);
	assert_int_equal(bc_lease_held(&looker), 1);
	bc_segment_close(&looker);
}

static void description_without_a_file_is_an_error(void **state)
{
	struct bc_segment none = {.fd = -1, .control = first.control};

	(void)state;
	assert_int_equal(bc_lease_held(&none), -EBADF);
	assert_int_equal(bc_lease_take(&none, WORD), -EBADF);
	assert_int_equal(bc_lease_take_patiently(&none, WORD, 100), -EBADF);
}

static void kind_tells_whether_it_is_local(void **state)
{
	(void)state;
	assert_int_equal(bc_lease_is_local(&first), 0);
	bc_lease_rename(&first, WORD);
	assert_int_equal(bc_lease_is_local(&first), 1);
	bc_lease_rename(&first, BC_LEASE_DAEMON | 3);
	assert_int_equal(bc_lease_is_local(&first), 0);
}

/* ---- Death and patience ------------------------------------------------ */

static void hold_until_killed(void *argument)
{
	struct bc_segment mine;

	(void)argument;
	test_child_check(bc_segment_attach(&mine, nodes.name, BC_VIEW_WRITE) ==
			 0);
	test_child_check(bc_lease_take(&mine, WORD) == 1);
	test_child_ready();
	test_child_sleep();
}

static void dead_holders_lease_is_free_at_once(void **state)
{
	struct test_child child = test_fork(hold_until_killed, NULL);

	(void)state;
	assert_int_equal(bc_lease_take(&first, WORD), 0);
	assert_int_equal(kill(child.pid, SIGSTOP), 0);
	assert_int_equal(bc_lease_take(&first, WORD), 0); /* stopped is alive */
	test_kill(&child);
	assert_int_equal(bc_lease_take(&first, WORD), 1);
}

static void patience_ends_when_its_time_is_up(void **state)
{
	uint64_t begin_ms = test_now_ms();

	(void)state;
	assert_int_equal(bc_lease_take(&first, WORD), 1);
	assert_int_equal(bc_lease_take_patiently(&second, WORD, 0), 0);
	assert_int_equal(bc_lease_take_patiently(&second, WORD, 20), 0);
	assert_in_range(test_now_ms() - begin_ms, 20, DEADLINE_MS);
}

static void patience_ends_with_the_stream(void **state)
{
	(void)state;
	assert_int_equal(bc_lease_take(&first, WORD), 1);
	bc_segment_set_state(&nodes.stream.segment, BC_STATE_DRAINING);
	assert_int_equal(bc_lease_take_patiently(&second, WORD, -1),
			 BCAST_ECLOSED);
}

static void *take_with_patience(void *result)
{
	*(int *)result = bc_lease_take_patiently(&second, WORD, DEADLINE_MS);
	return NULL;
}

static bool sleeps_on_wanted(void *argument)
{
	(void)argument;
	return bc_notify_wake(&lease->wanted) > 0;
}

static void who_waits_gets_it_when_it_is_given(void **state)
{
	pthread_t thread;
	int result = -1;

	(void)state;
	assert_int_equal(bc_lease_take(&first, WORD), 1);
	assert_int_equal(
		pthread_create(&thread, NULL, take_with_patience, &result), 0);
	assert_true(test_within(DEADLINE_MS, sleeps_on_wanted, NULL));
	bc_lease_give(&first);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(result, 1);
}

static void who_waits_gets_it_from_the_dead(void **state)
{
	struct test_child child = test_fork(hold_until_killed, NULL);
	pthread_t thread;
	int result = -1;

	(void)state;
	assert_int_equal(
		pthread_create(&thread, NULL, take_with_patience, &result), 0);
	assert_true(test_within(DEADLINE_MS, sleeps_on_wanted, NULL));
	test_kill(&child);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(result, 1);
}

/* ---- For people -------------------------------------------------------- */

static void holder_is_described_as_far_as_it_is_known(void **state)
{
	struct bcast_node *node = test_nodes_join(&nodes, "somebody");
	struct bcast_writer_info info;
	struct bc_node_table table;

	(void)state;
	test_nodes_attach(&nodes, &table);
	assert_int_equal(
		bc_lease_take(&first, bc_lease_word(BC_LEASE_NODE, 0, 1)), 1);
	bc_client_writer_info(&second, &table, &info);
	assert_int_equal(info.kind, BCAST_WRITER_NODE);
	assert_string_equal(info.who, "somebody");
	assert_int_equal(info.pid, getpid());
	bc_client_writer_info(&second, NULL, &info);
	assert_string_equal(info.who, "slot 0");
	bc_lease_rename(&first, bc_lease_word(BC_LEASE_NODE, 0xffffff, 1));
	bc_client_writer_info(&second, &table, &info);
	assert_string_equal(info.who, "slot 16777215");
	bc_lease_rename(&first, bc_lease_word(BC_LEASE_DAEMON, 0xffffff, 1));
	bc_client_writer_info(&second, &table, &info);
	assert_int_equal(info.kind, BCAST_WRITER_SENDER);
	assert_string_equal(info.who, "");
	bc_lease_rename(&first, 0);
	bc_client_writer_info(&second, &table, &info);
	assert_int_equal(info.kind, BCAST_WRITER_NONE);
	bc_lease_rename(&first, WORD);
	bc_segment_close(&first);
	bc_client_writer_info(&second, &table, &info);
	assert_int_equal(info.kind, BCAST_WRITER_NONE);
	assert_int_equal(info.grants, 5);
	assert_int_equal(bc_segment_attach(&first, nodes.name, BC_VIEW_WRITE),
			 0);
	bc_node_table_detach(&table);
	bcast_leave(node);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, open_stream, close_stream)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(word_says_kind_slot_and_generation),
		TEST(lease_is_one_descriptions_at_a_time),
		TEST(who_takes_it_announces_that_and_who_gives_it_wakes),
		TEST(words_of_the_dead_keep_nobody_from_it),
		TEST(closing_the_description_gives_it_back),
		TEST(read_permission_suffices_to_ask),
		TEST(description_without_a_file_is_an_error),
		TEST(kind_tells_whether_it_is_local),
		TEST(dead_holders_lease_is_free_at_once),
		TEST(patience_ends_when_its_time_is_up),
		TEST(patience_ends_with_the_stream),
		TEST(who_waits_gets_it_when_it_is_given),
		TEST(who_waits_gets_it_from_the_dead),
		TEST(holder_is_described_as_far_as_it_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
