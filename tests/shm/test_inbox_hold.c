/* SPDX-License-Identifier: MIT */
/*
 * test_inbox_hold.c - who may write: never robbed while it lives, robbed as
 * soon as it is dead, by whatever proof.
 */
#include "boxes.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "shm/clock.h"
#include "shm/inbox_hold.h"
#include "shm/inbox_pages.h"

static struct boxes boxes;

static int set_up(void **state)
{
	(void)state;
	boxes_open(&boxes, 2);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	boxes_close(&boxes);
	return 0;
}

/* In a child: join as "holder" (slot 2), and take the inbox of member 0. */
static void hold(bool writing)
{
	const struct bc_node_identity identity = {.id = "holder"};
	struct bc_node_table table;
	struct bc_inbox inbox = {0};
	struct bc_node node;
	uint64_t other;

	test_child_check(bc_node_table_attach(&table, boxes.nodes.name, true) ==
			 0);
	test_child_check(bc_node_join(&node, &table, &identity) == 0);
	test_child_check(bc_inbox_map(&inbox, &table, 0) == 0);
	test_child_check(bc_inbox_hold(&inbox, &node, 0, &other) == 0);
	if (writing)
		memset(inbox.bytes, 0x55, 100);
	test_child_ready();
	test_child_sleep();
}

static void hold_until_killed(void *argument)
{
	(void)argument;
	hold(false);
}

static void write_until_killed(void *argument)
{
	(void)argument;
	hold(true);
}

static void expect_to_rob(uint64_t word)
{
	struct bc_inbox_letter letter;
	uint32_t count = boxes_shm(&boxes)->count;

	boxes_shm(&boxes)->holder = word;

	assert_int_equal(boxes_send(&boxes, 1, 1, "x", 1), 0);

	/* for the dead, and for the message */
	assert_int_equal(boxes_shm(&boxes)->count, count + 2);
	assert_int_equal(boxes_shm(&boxes)->holder, 0);
	assert_int_equal(boxes_take(&boxes, &letter), 1);
}

static void killed_holder_is_robbed(void **state)
{
	struct test_child child = test_fork(write_until_killed, NULL);
	uint64_t word = boxes_shm(&boxes)->holder;

	(void)state;
	assert_int_not_equal(word, 0);
	test_kill(&child);

	expect_to_rob(word);
}

static void holder_of_a_slot_that_was_swept_is_robbed(void **state)
{
	struct test_child child = test_fork(hold_until_killed, NULL);
	uint64_t word = boxes_shm(&boxes)->holder;

	(void)state;
	test_kill(&child);
	assert_int_equal(test_nodes_list(&boxes.nodes, NULL, 0), 2);

	expect_to_rob(word);
}

static void holder_whose_slot_has_an_heir_is_robbed(void **state)
{
	struct test_child child = test_fork(hold_until_killed, NULL);
	uint64_t word = boxes_shm(&boxes)->holder;
	struct bcast_node *heir;

	(void)state;
	test_kill(&child);
	heir = test_nodes_join(&boxes.nodes, "heir");
	assert_int_equal(test_nodes_list(&boxes.nodes, NULL, 0), 3);

	expect_to_rob(word);
	bcast_leave(heir);
}

static void word_that_nobody_can_have_written_is_robbed(void **state)
{
	(void)state;

	expect_to_rob(UINT64_MAX);
	expect_to_rob(UINT64_C(5) << 32);		 /* no slot */
	expect_to_rob(UINT64_C(1) << 32 | 4);		 /* beyond the last */
	expect_to_rob(bc_inbox_word(&boxes.members[1])); /* ours */
	/* of a tenant before the one who lives in that slot */
	expect_to_rob(bc_inbox_word(&boxes.members[0]) - (UINT64_C(1) << 32));
}

static bool has_stopped(void *argument)
{
	const struct test_child *child = argument;
	int status;

	return waitpid(child->pid, &status, WUNTRACED | WNOHANG) ==
		       child->pid &&
	       WIFSTOPPED(status);
}

static void stopped_holder_is_named_and_not_robbed(void **state)
{
	struct test_child child = test_fork(hold_until_killed, NULL);
	uint64_t word = boxes_shm(&boxes)->holder;
	uint64_t start_ms;

	(void)state;
	assert_int_equal(kill(child.pid, SIGSTOP), 0);
	assert_true(test_within(DEADLINE_MS, has_stopped, &child));
	start_ms = test_now_ms();

	assert_int_equal(boxes_send(&boxes, 1, 1, "x", 1), -EBUSY);

	assert_in_range(test_now_ms() - start_ms, 19, DEADLINE_MS);
	assert_int_equal(boxes.holder, word);
	assert_int_equal(bc_inbox_word_slot(boxes.holder), 2);
	assert_int_equal(boxes_shm(&boxes)->holder, word);
	assert_int_equal(boxes_shm(&boxes)->tail, boxes_shm(&boxes)->head);
	test_kill(&child);
	assert_int_equal(boxes_send(&boxes, 1, 1, "x", 1), 0);
}

static void slot_whose_inbox_is_held_by_the_living_has_no_heir(void **state)
{
	struct test_child child = test_fork(hold_until_killed, NULL);
	uint64_t word = boxes_shm(&boxes)->holder;
	struct bcast_node *node, *other = NULL;

	(void)state;
	/* slot 0 is free now, and all others are taken */
	boxes_leave(&boxes, 0);

	assert_int_equal(bcast_join(boxes.nodes.name, "heir", NULL, &other),
			 BCAST_EFULL);

	/* of two, the other is taken */
	boxes_leave(&boxes, 1);
	node = test_nodes_join(&boxes.nodes, "heir");
	assert_int_equal(bcast_join(boxes.nodes.name, "two", NULL, &other),
			 BCAST_EFULL);
	test_kill(&child);
	other = test_nodes_join(&boxes.nodes, "two");
	bcast_leave(other);
	bcast_leave(node);
	assert_int_not_equal(word, 0);
	boxes_join(&boxes, 0);
	boxes_join(&boxes, 1);
}

static void word_that_is_not_ours_stays(void **state)
{
	uint64_t word = bc_inbox_word(&boxes.members[0]);

	(void)state;
	boxes_shm(&boxes)->holder = word;

	bc_inbox_let_go(&boxes.members[0].inbox.inbox, &boxes.members[1]);

	assert_int_equal(boxes_shm(&boxes)->holder, word);
	bc_inbox_let_go(&boxes.members[0].inbox.inbox, &boxes.members[0]);
	assert_int_equal(boxes_shm(&boxes)->holder, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(killed_holder_is_robbed),
		TEST(holder_of_a_slot_that_was_swept_is_robbed),
		TEST(holder_whose_slot_has_an_heir_is_robbed),
		TEST(word_that_nobody_can_have_written_is_robbed),
		TEST(stopped_holder_is_named_and_not_robbed),
		TEST(slot_whose_inbox_is_held_by_the_living_has_no_heir),
		TEST(word_that_is_not_ours_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
