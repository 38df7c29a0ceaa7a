/* SPDX-License-Identifier: MIT */
/* Who watches inboxes is told of mail: once, in time, and not for nothing. */
#include <poll.h>
#include <string.h>

#include "support.h"

#include "nodes.h"

#include "shm/inbox_pages.h"
#include "src/mail_watch.h"

#define SLOTS 300u

static struct test_nodes nodes;
static struct bc_node_table table;
static struct mail_watch watch;
static struct bc_inbox inboxes[SLOTS];
static unsigned found[SLOTS];

static int prepare(void **state)
{
	(void)state;
	memset(found, 0, sizeof(found));
	memset(inboxes, 0, sizeof(inboxes));
	test_nodes_open(&nodes, SLOTS);
	test_nodes_attach(&nodes, &table);
	return mail_watch_open(&watch, &table);
}

static int close_all(void **state)
{
	(void)state;
	mail_watch_close(&watch);
	for (uint32_t i = 0; i < SLOTS; i++)
		bc_inbox_unmap(&inboxes[i]);
	bc_node_table_detach(&table);
	test_nodes_close(&nodes);
	return 0;
}

static bc_u32 *count_of(uint32_t slot)
{
	return &inboxes[slot].shm->count;
}

static void add(uint32_t slot)
{
	assert_int_equal(bc_inbox_map(&inboxes[slot], &table, slot), 0);
	assert_int_equal(mail_watch_add(&watch, slot, count_of(slot)), 0);
}

/* Slot by slot, nobody else is there. */
static void want(uint32_t slot)
{
	mail_watch_want(&watch, slot, atomic_load(count_of(slot)));
}

static void put(uint32_t slot)
{
	atomic_fetch_add(count_of(slot), 1);
	(void)bc_notify_wake(count_of(slot));
}

static void note(void *context, uint32_t slot)
{
	(void)context;
	assert_true(slot < SLOTS);
	found[slot]++;
}

static bool is_found(void *slot)
{
	mail_watch_take(&watch, note, NULL);
	return found[*(const uint32_t *)slot] > 0;
}

static void await(uint32_t slot)
{
	assert_true(test_within(DEADLINE_MS, is_found, &slot));
	found[slot] = 0;
}

static bool is_readable(void)
{
	struct pollfd poll_fd = {.fd = watch.eventfd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) == 1;
}

static bool is_left_alone(void *slot)
{
	put(*(const uint32_t *)slot);
	return atomic_load(&watch.states[*(const uint32_t *)slot]) ==
	       MAIL_LEFT_ALONE;
}

static void mail_is_reported_each_time_it_is_wanted(void **state)
{
	(void)state;
	add(3);

	for (unsigned i = 0; i < 1000; i++) {
		want(3);
		put(3);
		await(3);
	}
	mail_watch_remove(&watch, 3);
}

static void mail_that_came_before_is_reported_too(void **state)
{
	uint32_t seen;

	(void)state;
	add(3);

	/* the first time by an order, then also without */
	for (unsigned i = 0; i < 100; i++) {
		seen = atomic_load(count_of(3));
		put(3);
		mail_watch_want(&watch, 3, seen);
		if (i > 0)
			put(3); /* a real sender would wake the sleeper */
		await(3);
	}
}

static void mail_that_is_not_wanted_is_left_alone(void **state)
{
	uint32_t slot = 3;

	(void)state;
	add(slot);
	want(slot);
	put(slot);
	await(slot);

	/* many come, while the loop is at it */
	assert_true(test_within(DEADLINE_MS, is_left_alone, &slot));
	put(slot);
	mail_watch_take(&watch, note, NULL);
	assert_int_equal(found[slot], 0);
	assert_false(is_readable());

	want(slot);
	put(slot);
	await(slot);
}

static void slots_of_several_threads_are_reported_apart(void **state)
{
	(void)state;
	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		add(slot);
		want(slot);
	}
	assert_int_equal(watch.group_count, 3);

	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		put(slot);
		await(slot);
		want(slot);
	}
	for (uint32_t slot = 0; slot < SLOTS; slot++)
		assert_int_equal(found[slot], 0);
}

static void room_of_those_who_went_is_used_again(void **state)
{
	(void)state;
	for (uint32_t slot = 0; slot < MAIL_WORDS; slot++)
		add(slot);
	assert_int_equal(watch.group_count, 1);
	mail_watch_remove(&watch, 5);
	bc_inbox_unmap(&inboxes[5]);

	add(200);
	assert_int_equal(watch.group_count, 1);
	want(200);
	want(126);
	put(200);
	await(200);
	put(126);
	await(126);
	add(201);
	assert_int_equal(watch.group_count, 2);
}

#define WATCH_TEST(f) cmocka_unit_test_setup_teardown(f, prepare, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WATCH_TEST(mail_is_reported_each_time_it_is_wanted),
		WATCH_TEST(mail_that_came_before_is_reported_too),
		WATCH_TEST(mail_that_is_not_wanted_is_left_alone),
		WATCH_TEST(slots_of_several_threads_are_reported_apart),
		WATCH_TEST(room_of_those_who_went_is_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
