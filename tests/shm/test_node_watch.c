/* SPDX-License-Identifier: MIT */
/* test_node_watch.c - who comes and goes is noticed, and nothing else. */
#include "nodes.h"

#include <errno.h>
#include <pthread.h>

#include "shm/clock.h"
#include "shm/notify.h"

struct watch {
	struct test_nodes nodes;
	struct bcast_nodes *view;
};

static void watch_open(struct watch *watch)
{
	test_nodes_open(&watch->nodes, 8);
	assert_int_equal(bcast_nodes_open(watch->nodes.name, &watch->view), 0);
}

static void watch_close(struct watch *watch)
{
	bcast_nodes_close(watch->view);
	test_nodes_close(&watch->nodes);
}

static void nothing_new_is_told_as_such(void **state)
{
	struct watch watch;
	struct bcast_node *node;
	uint64_t start_ms;

	(void)state;
	watch_open(&watch);
	assert_int_equal(bcast_nodes_watch(watch.view, 0), 0);
	node = test_nodes_join(&watch.nodes, "a");
	assert_int_equal(bcast_nodes_list(watch.view, NULL, 0), 1);

	/* listed is known */
	start_ms = test_now_ms();
	assert_int_equal(bcast_nodes_watch(watch.view, 150), 0);
	assert_true(test_now_ms() - start_ms >= 149);

	bcast_leave(node);
	watch_close(&watch);
}

static void change_before_the_call_is_told_at_once_and_once(void **state)
{
	struct watch watch;
	struct bcast_node *node;

	(void)state;
	watch_open(&watch);

	node = test_nodes_join(&watch.nodes, "a");
	assert_int_equal(bcast_nodes_watch(watch.view, -1), 1);
	assert_int_equal(bcast_nodes_watch(watch.view, 0), 0);

	/* the same id in the same slot, yet another node */
	bcast_leave(node);
	node = test_nodes_join(&watch.nodes, "a");
	assert_int_equal(bcast_nodes_watch(watch.view, -1), 1);
	bcast_leave(node);
	assert_int_equal(bcast_nodes_watch(watch.view, -1), 1);
	assert_int_equal(bcast_nodes_watch(watch.view, 0), 0);
	watch_close(&watch);
}

static void *watch_once(void *argument)
{
	struct watch *watch = argument;

	return (void *)(intptr_t)bcast_nodes_watch(watch->view, DEADLINE_MS);
}

static void start_watching(struct watch *watch, pthread_t *thread)
{
	assert_int_equal(pthread_create(thread, NULL, watch_once, watch), 0);
}

static void join_and_leave_wake_a_watcher(void **state)
{
	struct watch watch;
	struct bcast_node *node;
	pthread_t thread;
	void *result;

	(void)state;
	watch_open(&watch);
	start_watching(&watch, &thread);

	node = test_nodes_join(&watch.nodes, "a");

	assert_int_equal(pthread_join(thread, &result), 0);
	assert_int_equal((intptr_t)result, 1);
	start_watching(&watch, &thread);

	bcast_leave(node);

	assert_int_equal(pthread_join(thread, &result), 0);
	assert_int_equal((intptr_t)result, 1);
	watch_close(&watch);
}

static void *sleep_on_membership(void *argument)
{
	const struct bc_node_table *table = argument;
	const bc_u32 *word = &table->header->membership;
	uint32_t seen = atomic_load(word);
	intptr_t late = 0;

	while (atomic_load(word) == seen && !late)
		late = bc_notify_wait(word, seen, DEADLINE_MS * BC_NS_PER_MS) ==
		       -ETIMEDOUT;
	return (void *)late;
}

static bool somebody_sleeps(void *argument)
{
	const struct bc_node_table *table = argument;

	/* a false alarm, after which it sleeps again */
	return bc_notify_wake(&table->header->membership) > 0;
}

/* Seen from below, where there are no slices that end a sleep anyhow. */
static void word_is_woken_by_joining_leaving_and_sweeping(void **state)
{
	struct watch watch;
	struct test_nodes_child wish = {&watch.nodes, "b", 0};
	struct bc_node_table table;
	struct bcast_node *node = NULL;
	struct test_child child;

	(void)state;
	watch_open(&watch);
	test_nodes_attach(&watch.nodes, &table);
	child = test_fork(test_nodes_member, &wish);
	test_kill(&child);
	for (int act = 0; act < 3; act++) {
		pthread_t thread;
		void *late;

		assert_int_equal(pthread_create(&thread, NULL,
						sleep_on_membership, &table),
				 0);
		assert_true(test_within(DEADLINE_MS, somebody_sleeps, &table));

		if (act == 0)
			node = test_nodes_join(&watch.nodes, "a");
		else if (act == 1)
			bcast_leave(node);
		else
			(void)test_nodes_list(&watch.nodes, NULL, 0);

		assert_int_equal(pthread_join(thread, &late), 0);
		assert_null(late);
	}
	bc_node_table_detach(&table);
	watch_close(&watch);
}

static void death_is_noticed_with_nobody_to_tell_of_it(void **state)
{
	struct watch watch;
	struct test_nodes_child wish = {&watch.nodes, "a", 0};
	struct bc_node_table table;
	struct test_child child;
	uint64_t start_ms;
	pthread_t thread;
	void *result;

	(void)state;
	watch_open(&watch);
	test_nodes_attach(&watch.nodes, &table);
	child = test_fork(test_nodes_member, &wish);
	assert_int_equal(bcast_nodes_list(watch.view, NULL, 0), 1);
	start_watching(&watch, &thread);
	assert_true(test_within(DEADLINE_MS, somebody_sleeps, &table));

	start_ms = test_now_ms();
	test_kill(&child);
	assert_int_equal(pthread_join(thread, &result), 0);

	assert_int_equal((intptr_t)result, 1);
	assert_true(test_now_ms() - start_ms < DEADLINE_MS / 2);
	assert_int_equal(bcast_nodes_list(watch.view, NULL, 0), 0);
	bc_node_table_detach(&table);
	watch_close(&watch);
}

static void swept_by_another_is_noticed_too(void **state)
{
	struct watch watch;
	struct test_nodes_child wish = {&watch.nodes, "a", 0};
	struct test_child child;

	(void)state;
	watch_open(&watch);
	child = test_fork(test_nodes_member, &wish);
	assert_int_equal(bcast_nodes_list(watch.view, NULL, 0), 1);
	test_kill(&child);
	assert_int_equal(test_nodes_list(&watch.nodes, NULL, 0), 0);

	assert_int_equal(bcast_nodes_watch(watch.view, 0), 1);

	watch_close(&watch);
}

struct noise {
	struct bc_node_table table;
	_Atomic uint32_t end;
};

static void *shake_the_word(void *argument)
{
	struct noise *noise = argument;

	while (!noise->end)
		bc_node_table_changed(&noise->table);
	return NULL;
}

static void false_alarms_neither_end_a_watch_nor_prolong_it(void **state)
{
	struct watch watch;
	struct noise noise = {.end = 0};
	uint64_t start_ms;
	pthread_t thread;

	(void)state;
	watch_open(&watch);
	test_nodes_attach(&watch.nodes, &noise.table);
	assert_int_equal(pthread_create(&thread, NULL, shake_the_word, &noise),
			 0);

	start_ms = test_now_ms();
	assert_int_equal(bcast_nodes_watch(watch.view, 100), 0);

	assert_true(test_now_ms() - start_ms >= 99);
	assert_true(test_now_ms() - start_ms < DEADLINE_MS);
	noise.end = 1;
	assert_int_equal(pthread_join(thread, NULL), 0);
	bc_node_table_detach(&noise.table);
	watch_close(&watch);
}

#define ROUNDS 200

static void *come_and_go(void *argument)
{
	const struct test_nodes *nodes = argument;
	intptr_t failures = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct bcast_node *node;

		if (bcast_join(nodes->name, "guest", NULL, &node) < 0) {
			failures++;
			continue;
		}
		failures += bcast_node_beat(node) != 0;
		bcast_leave(node);
	}
	return (void *)failures;
}

/* One process hosts both sides, for the thread sanitizer. */
static void lists_taken_while_others_come_and_go_are_sound(void **state)
{
	static struct bcast_node_info entries[8];
	struct watch watch;
	struct bcast_node *node;
	pthread_t thread;
	void *failures;

	(void)state;
	watch_open(&watch);
	node = test_nodes_join(&watch.nodes, "host");
	assert_int_equal(
		pthread_create(&thread, NULL, come_and_go, &watch.nodes), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		int count = bcast_nodes_list(watch.view, entries, 8);

		assert_in_range(count, 1, 2);
		assert_string_equal(entries[0].id, "host");
		assert_int_equal(entries[0].state, BCAST_NODE_ALIVE);
		if (count == 2)
			assert_string_equal(entries[1].id, "guest");
	}
	assert_int_equal(pthread_join(thread, &failures), 0);
	assert_null(failures);
	bcast_leave(node);
	watch_close(&watch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_new_is_told_as_such),
		cmocka_unit_test(
			change_before_the_call_is_told_at_once_and_once),
		cmocka_unit_test(join_and_leave_wake_a_watcher),
		cmocka_unit_test(word_is_woken_by_joining_leaving_and_sweeping),
		cmocka_unit_test(death_is_noticed_with_nobody_to_tell_of_it),
		cmocka_unit_test(swept_by_another_is_noticed_too),
		cmocka_unit_test(
			false_alarms_neither_end_a_watch_nor_prolong_it),
		cmocka_unit_test(
			lists_taken_while_others_come_and_go_are_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
