/* SPDX-License-Identifier: MIT */
/* test_event.c - client_event.c: when a reader's descriptor is readable. */
#include "events.h"

#include <errno.h>
#include <stdio.h>

#include "shm/notify.h"

/* How many are counted asleep, as a writer sees it. */
static uint32_t sleepers(const struct scene *scene)
{
	struct bc_node_table table;
	uint32_t count;

	test_nodes_attach(&scene->nodes, &table);
	count = atomic_load(&table.header->sleepers);
	bc_node_table_detach(&table);
	return count;
}

/* ---- One at a time ----------------------------------------------------- */

static void arming_finds_what_is_there_already(void **state)
{
	struct bcast_reader *plain;
	struct scene scene;

	(void)state;
	events_open(&scene, false, WRITER_DAEMON, false);
	assert_int_equal(bcast_event_fd(scene.reader), scene.fd);
	assert_int_equal(bcast_attach(scene.nodes.name, NULL, &plain), 0);
	assert_int_equal(bcast_event_arm(plain), -EINVAL);
	bcast_detach(plain);

	events_publish(&scene);
	assert_int_equal(bcast_event_arm(scene.reader), 1);
	assert_false(events_is_readable(scene.fd, 0));
	(void)events_take_all(scene.reader);
	assert_int_equal(bcast_event_arm(scene.reader), 0);
	events_publish(&scene);
	assert_true(events_is_readable(scene.fd, DEADLINE_MS));
	assert_int_equal(bcast_event_arm(scene.reader), 1);
	assert_false(events_is_readable(scene.fd, 0));
	events_close(&scene);
}

static void lap_is_told_by_the_arming(void **state)
{
	struct scene scene;

	(void)state;
	events_open(&scene, false, WRITER_DAEMON, false);
	for (unsigned i = 0; i < 2 * TEST_CAPACITY / RECORD_BYTES; i++)
		events_publish(&scene);
	assert_int_equal(bcast_event_arm(scene.reader), BCAST_ELAPPED);
	assert_true(bcast_loss(scene.reader).bytes > 0);
	assert_int_equal(bcast_event_arm(scene.reader), 1);
	events_close(&scene);
}

static void only_the_armed_are_counted(void **state)
{
	struct scene scene;

	(void)state;
	events_open(&scene, true, WRITER_LOCAL, false);
	assert_int_equal(sleepers(&scene), 0);
	assert_int_equal(bcast_event_arm(scene.reader), 0);
	assert_int_equal(sleepers(&scene), 1);
	assert_int_equal(bcast_event_arm(scene.reader), 0);
	assert_int_equal(sleepers(&scene), 1);
	events_publish(&scene);
	assert_true(events_is_readable(scene.fd, DEADLINE_MS));
	assert_int_equal(sleepers(&scene), 0);
	(void)events_take_all(scene.reader);
	assert_int_equal(bcast_event_arm(scene.reader), 0);
	/* a wait takes its place */
	assert_int_equal(bcast_wait(scene.reader, 1), 0);
	assert_int_equal(sleepers(&scene), 0);
	assert_int_equal(bcast_event_arm(scene.reader), 0);
	bcast_detach(scene.reader);
	scene.reader = NULL;
	assert_int_equal(sleepers(&scene), 0);
	events_close(&scene);
}

static void node_that_leaves_is_woken_and_goes_on(void **state)
{
	struct scene scene;

	(void)state;
	events_open(&scene, true, WRITER_LOCAL, false);
	assert_int_equal(bcast_event_arm(scene.reader), 0);
	bcast_leave(scene.node);
	scene.node = NULL;

	assert_int_equal(sleepers(&scene), 0);
	assert_true(events_is_readable(scene.fd, DEADLINE_MS));
	assert_int_equal(bcast_event_arm(scene.reader), 0);
	events_publish(&scene);
	assert_true(events_is_readable(scene.fd, DEADLINE_MS));
	assert_int_equal(bcast_event_arm(scene.reader), 1);
	events_close(&scene);
}

static void wakes_that_are_no_news_are_kept_from_the_loop(void **state)
{
	struct bc_head_shm *head;
	struct scene scene;

	(void)state;
	events_open(&scene, false, WRITER_DAEMON, true);
	head = scene.nodes.stream.segment.ring.head;
	assert_int_equal(bcast_event_arm(scene.reader), 0);
	for (unsigned i = 0; i < 100; i++) {
		atomic_fetch_add(&head->publish_count, 1);
		(void)bc_notify_wake(&head->publish_count);
		assert_false(events_is_readable(scene.fd, 1));
	}
	events_publish(&scene);
	assert_true(events_is_readable(scene.fd, DEADLINE_MS));
	events_close(&scene);
}

static void two_readers_have_a_descriptor_each(void **state)
{
	struct bcast_reader *other;
	struct scene scene;
	int fd;

	(void)state;
	events_open(&scene, true, WRITER_LOCAL, false);
	assert_int_equal(bcast_attach(scene.nodes.name, NULL, &other), 0);
	fd = bcast_event_fd(other);
	assert_true(fd >= 0 && fd != scene.fd);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(bcast_event_arm(scene.reader), 0);
		assert_int_equal(bcast_event_arm(other), 0);
		events_publish(&scene);
		assert_true(events_is_readable(scene.fd, DEADLINE_MS));
		assert_true(events_is_readable(fd, DEADLINE_MS));
		(void)events_take_all(scene.reader);
		(void)events_take_all(other);
	}
	bcast_detach(other);
	events_close(&scene);
}

static void closing_makes_it_readable(void **state)
{
	struct scene scene;

	(void)state;
	events_open(&scene, false, WRITER_DAEMON, false);
	assert_int_equal(bcast_event_arm(scene.reader), 0);
	bc_segment_set_state(&scene.nodes.stream.segment, BC_STATE_CLOSED);
	assert_true(events_is_readable(scene.fd, DEADLINE_MS));
	assert_int_equal(bcast_event_arm(scene.reader), BCAST_ECLOSED);
	events_close(&scene);
}

/* ---- Death and children ------------------------------------------------ */

static void own_a_stream(void *name)
{
	struct test_stream stream;

	test_child_check(test_stream_open(&stream, name) == 0);
	test_child_ready();
	test_child_sleep();
}

static void death_of_the_owner_makes_it_readable(void **state)
{
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;
	struct bcast_reader *reader;
	struct test_child child;
	char name[64];
	int fd, ret;

	(void)state;
	snprintf(name, sizeof(name), "%s", test_name());
	child = test_fork(own_a_stream, name);
	options.gone_after_ms = 250;
	assert_int_equal(bcast_attach(name, &options, &reader), 0);
	fd = bcast_event_fd(reader);
	assert_int_equal(bcast_event_arm(reader), 0);
	test_kill(&child);
	do
		assert_true(events_is_readable(fd, DEADLINE_MS));
	while ((ret = bcast_event_arm(reader)) == 0);
	assert_int_equal(ret, BCAST_EABANDONED);
	bcast_detach(reader);
	test_stream_erase(name);
}

static void arm_and_sleep(void *argument)
{
	const struct scene *scene = argument;
	struct bcast_reader *reader;
	struct bcast_node *node;

	test_child_check(bcast_join(scene->nodes.name, "mortal", NULL, &node) ==
			 0);
	test_child_check(bcast_node_reader(node, NULL, &reader) == 0);
	test_child_check(bcast_event_fd(reader) >= 0);
	test_child_check(bcast_event_arm(reader) == 0);
	test_child_ready();
	test_child_sleep();
}

static void who_dies_armed_is_counted_no_more(void **state)
{
	struct test_child child;
	struct scene scene = {0};

	/* no reader of ours: no thread to be there at the fork */
	(void)state;
	test_nodes_open(&scene.nodes, 4);
	child = test_fork(arm_and_sleep, &scene);
	assert_int_equal(sleepers(&scene), 1);
	test_kill(&child);
	assert_int_equal(test_nodes_state(&scene.nodes, "mortal"), 0);
	assert_int_equal(sleepers(&scene), 0);
	test_nodes_close(&scene.nodes);
}

static void drop_the_copy(void *argument)
{
	struct scene *scene = argument;

	test_child_check(bcast_event_fd(scene->reader) == -ECHILD);
	test_child_check(bcast_event_arm(scene->reader) == -ECHILD);
	bcast_detach(scene->reader);
	bcast_leave(scene->node);
}

static void child_that_detaches_leaves_the_parents_armed(void **state)
{
	struct test_child child;
	struct scene scene;

	(void)state;
	events_open(&scene, true, WRITER_LOCAL, false);
	assert_int_equal(bcast_event_arm(scene.reader), 0);
	child = test_fork(drop_the_copy, &scene);
	assert_int_equal(test_join(&child), 0);
	assert_int_equal(sleepers(&scene), 1);
	assert_false(events_is_readable(scene.fd, 0));
	events_publish(&scene);
	assert_true(events_is_readable(scene.fd, DEADLINE_MS));
	events_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arming_finds_what_is_there_already),
		cmocka_unit_test(lap_is_told_by_the_arming),
		cmocka_unit_test(only_the_armed_are_counted),
		cmocka_unit_test(node_that_leaves_is_woken_and_goes_on),
		cmocka_unit_test(wakes_that_are_no_news_are_kept_from_the_loop),
		cmocka_unit_test(two_readers_have_a_descriptor_each),
		cmocka_unit_test(closing_makes_it_readable),
		cmocka_unit_test(death_of_the_owner_makes_it_readable),
		cmocka_unit_test(who_dies_armed_is_counted_no_more),
		cmocka_unit_test(child_that_detaches_leaves_the_parents_armed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
