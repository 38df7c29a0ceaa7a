/* SPDX-License-Identifier: MIT */
/*
 * test_client_send.c - bcast_send() and bcast_broadcast(): who gets it, who
 * does not, and what the caller is told.
 */
#include "nodes.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/client_node.h"
#include "shm/clock.h"
#include "shm/inbox_hold.h"
#include "shm/inbox_pages.h"
#include "shm/registry.h"

#define LIMIT 4000u /* of an inbox of a page */

static struct test_nodes nodes;
static struct bcast_node *alice, *bob, *carol;
static unsigned char data[LIMIT + 1];

static int set_up(void **state)
{
	(void)state;
	test_nodes_open(&nodes, 4);
	alice = test_nodes_join(&nodes, "alice");
	bob = test_nodes_join(&nodes, "bob");
	carol = test_nodes_join(&nodes, "carol");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	bcast_leave(alice);
	bcast_leave(bob);
	bcast_leave(carol);
	test_nodes_close(&nodes);
	return 0;
}

static int send_x(struct bcast_node *from, const char *to)
{
	return bcast_send(from, to, 1, "x", 1, 0);
}

static void expect(struct bcast_node *node, const char *from)
{
	struct bcast_message message;

	assert_int_equal(bcast_recv(node, &message, 0), 1);
	assert_string_equal(message.from, from);
}

static void expect_nothing(struct bcast_node *node)
{
	struct bcast_message message;

	assert_int_equal(bcast_recv(node, &message, 0), 0);
}

static void fill(const char *id)
{
	int ret;

	do
		ret = bcast_send(alice, id, 1, data, 1000, 0);
	while (ret == 0);
	assert_int_equal(ret, BCAST_EFULL);
}

static void sent_message_reaches_its_addressee_only(void **state)
{
	(void)state;

	assert_int_equal(send_x(alice, "bob"), 0);
	assert_int_equal(send_x(bob, "alice"), 0);
	assert_int_equal(send_x(carol, "carol"), 0);

	expect(bob, "alice");
	expect(alice, "bob");
	expect(carol, "carol");
	expect_nothing(alice);
	expect_nothing(bob);
	expect_nothing(carol);
}

static void limit_is_what_it_says(void **state)
{
	struct bcast_message message;

	(void)state;
	assert_int_equal(bcast_message_limit(alice), LIMIT);

	assert_int_equal(bcast_send(alice, "bob", 1, data, LIMIT + 1, 0),
			 -EMSGSIZE);
	assert_int_equal(bcast_broadcast(alice, 1, data, LIMIT + 1, 0, NULL),
			 -EMSGSIZE);
	for (size_t size = LIMIT - 1; size <= LIMIT; size++) {
		test_pattern_fill(TEST_SEED, 0, data, size);
		assert_int_equal(bcast_send(alice, "bob", 1, data, size, 0), 0);
		assert_int_equal(bcast_recv(bob, &message, 0), 1);
		assert_int_equal(message.size, size);
		assert_int_equal(
			test_pattern_check(TEST_SEED, 0, message.data, size),
			-1);
	}
	expect_nothing(bob);
}

static void bad_arguments_are_refused(void **state)
{
	(void)state;

	assert_int_equal(send_x(alice, ""), BCAST_ENAME);
	assert_int_equal(send_x(alice, "a/b"), BCAST_ENAME);
	assert_int_equal(send_x(alice, "nobody"), -ENOENT);
	assert_int_equal(bcast_send(alice, "bob", 1, NULL, 1, 0), -EINVAL);
	assert_int_equal(bcast_send(alice, "bob", 1, NULL, 0, 0), 0);
	assert_int_equal(bcast_broadcast(alice, 1, NULL, 1, 0, NULL), -EINVAL);
}

static void full_inbox_is_told_at_once_or_in_time(void **state)
{
	uint64_t start_ms;

	(void)state;
	fill("bob");
	start_ms = test_now_ms();

	assert_int_equal(bcast_send(alice, "bob", 1, data, 1000, 0),
			 BCAST_EFULL);
	assert_in_range(test_now_ms() - start_ms, 0, DEADLINE_MS);
	start_ms = test_now_ms();
	assert_int_equal(bcast_send(alice, "bob", 1, data, 1000, 30),
			 BCAST_EFULL);
	assert_in_range(test_now_ms() - start_ms, 30, DEADLINE_MS);

	expect(bob, "alice");
	assert_int_equal(bcast_send(alice, "bob", 1, data, 1000, 0), 0);
}

static void *send_patiently(void *timeout_ms)
{
	static int result;

	result = bcast_send(alice, "bob", 7, data, 1000, *(int *)timeout_ms);
	return &result;
}

/* Start a patient sender, and see it sleep. */
static pthread_t start_waiting(int *timeout_ms, struct bc_inbox *inbox,
			       struct bc_node_table *table)
{
	pthread_t thread;
	uint64_t end_ms = test_now_ms() + DEADLINE_MS;

	test_nodes_attach(&nodes, table);
	assert_int_equal(bc_inbox_map(inbox, table, 1), 0);
	assert_int_equal(
		pthread_create(&thread, NULL, send_patiently, timeout_ms), 0);
	while (inbox->shm->room_awaited == 0)
		assert_true(test_now_ms() < end_ms);
	return thread;
}

static void expect_end(pthread_t thread, int expected, struct bc_inbox *inbox,
		       struct bc_node_table *table)
{
	void *result;

	assert_int_equal(pthread_join(thread, &result), 0);
	assert_int_equal(*(int *)result, expected);
	bc_inbox_unmap(inbox);
	bc_node_table_detach(table);
}

static void patient_sender_gets_the_room_that_is_made(void **state)
{
	struct bc_node_table table;
	struct bc_inbox inbox;
	int timeout_ms = DEADLINE_MS;
	pthread_t thread;

	(void)state;
	fill("bob");
	thread = start_waiting(&timeout_ms, &inbox, &table);

	expect(bob, "alice");

	expect_end(thread, 0, &inbox, &table);
}

static void patient_sender_is_told_when_the_addressee_leaves(void **state)
{
	struct bc_node_table table;
	struct bc_inbox inbox;
	int timeout_ms = -1;
	pthread_t thread;

	(void)state;
	fill("bob");
	thread = start_waiting(&timeout_ms, &inbox, &table);

	bcast_leave(bob);
	bob = NULL;

	expect_end(thread, -ENOENT, &inbox, &table);
}

static void patient_sender_is_told_when_the_registry_goes(void **state)
{
	struct bc_node_table table;
	struct bc_inbox inbox;
	int timeout_ms = -1;
	pthread_t thread;

	(void)state;
	fill("bob");
	thread = start_waiting(&timeout_ms, &inbox, &table);

	assert_int_equal(bc_registry_unlink(nodes.name), 0);

	expect_end(thread, BCAST_ECLOSED, &inbox, &table);
}

static void addressee_is_found_again_after_it_came_back(void **state)
{
	struct bcast_node *other;

	(void)state;
	assert_int_equal(send_x(alice, "bob"), 0);
	bcast_leave(bob);
	assert_int_equal(send_x(alice, "bob"), -ENOENT);
	other = test_nodes_join(&nodes, "other"); /* in bob's slot */

	assert_int_equal(send_x(alice, "bob"), -ENOENT);
	bob = test_nodes_join(&nodes, "bob");
	assert_int_equal(send_x(alice, "bob"), 0);

	expect_nothing(other);
	expect(bob, "alice");
	expect_nothing(bob);
	bcast_leave(other);
}

static void death_of_the_addressee_is_noticed(void **state)
{
	struct test_nodes_child dave = {.nodes = &nodes, .id = "dave"};
	struct test_child child = test_fork(test_nodes_member, &dave);
	uint64_t end_ms = test_now_ms() + DEADLINE_MS;
	int ret;

	(void)state;
	assert_int_equal(send_x(alice, "dave"), 0);
	test_kill(&child);

	/* nobody sweeps here; and it may fill before it is asked for */
	do
		ret = bcast_send(alice, "dave", 1, NULL, 0, -1);
	while (ret == 0 && test_now_ms() < end_ms);

	assert_int_equal(ret, -ENOENT);
	assert_int_equal(send_x(alice, "dave"), -ENOENT);
	assert_int_equal(send_x(alice, "bob"), 0);
}

/* ---- Held -------------------------------------------------------------- */

static void hold_bobs_inbox(void *argument)
{
	const struct bc_node_identity identity = {.id = "holder"};
	struct bc_node_table table;
	struct bc_inbox inbox;
	struct bc_node node;
	uint64_t other;

	(void)argument;
	test_child_check(bc_node_table_attach(&table, nodes.name, true) == 0);
	test_child_check(bc_node_join(&node, &table, &identity) == 0);
	test_child_check(bc_inbox_map(&inbox, &table, 1) == 0);
	test_child_check(bc_inbox_hold(&inbox, &node, 0, &other) == 0);
	test_child_ready();
	test_child_sleep();
}

static void stopped_sender_is_named(void **state)
{
	struct test_child child = test_fork(hold_bobs_inbox, NULL);
	struct bcast_delivery delivery;
	struct bcast_holder holder;

	(void)state;

	assert_int_equal(send_x(alice, "bob"), -EBUSY);

	holder = bcast_holder(alice);
	assert_string_equal(holder.id, "holder");
	assert_int_equal(holder.pid, child.pid);
	assert_int_not_equal(holder.state, 0);
	assert_int_equal(send_x(alice, "carol"), 0);
	assert_int_equal(bcast_broadcast(alice, 1, "x", 1, 0, &delivery), 2);
	assert_int_equal(delivery.held, 1);
	assert_int_equal(delivery.reached, 2);
	test_kill(&child);
	assert_int_equal(send_x(alice, "bob"), 0);
	expect(bob, "alice");
	expect_nothing(bob);
}

/* ---- At once ----------------------------------------------------------- */

static void event_loop_is_not_kept_by_a_stopped_sender(void **state)
{
	struct test_child child = test_fork(hold_bobs_inbox, NULL);
	uint64_t start_ns = bc_monotonic_ns(), least_ns = UINT64_MAX;

	(void)state;

	/* of some, since the machine may be busy */
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(bc_client_send_now(alice, "bob", 1, "x", 1),
				 -EBUSY);
		if (bc_monotonic_ns() - start_ns < least_ns)
			least_ns = bc_monotonic_ns() - start_ns;
		start_ns = bc_monotonic_ns();
	}

	assert_true(least_ns < 10 * (uint64_t)BC_NS_PER_MS);
	assert_string_equal(bcast_holder(alice).id, "holder");
	assert_int_equal(bc_client_send_now(alice, "carol", 1, "x", 1), 0);
	assert_int_equal(bc_client_broadcast_now(alice, 1, "x", 1), 2);
	test_kill(&child);
	assert_int_equal(bc_client_send_now(alice, "bob", 1, "x", 1), 0);
}

static void event_loop_is_told_what_stands_in_the_way(void **state)
{
	(void)state;
	fill("bob");

	assert_int_equal(bc_client_send_now(alice, "bob", 1, data, 1000),
			 BCAST_EFULL);
	assert_int_equal(bc_client_send_now(alice, "nobody", 1, "x", 1),
			 -ENOENT);
	assert_int_equal(bc_client_send_now(alice, "no id", 1, "x", 1),
			 BCAST_ENAME);
	assert_int_equal(bc_client_send_now(alice, "bob", 1, data, LIMIT + 1),
			 -EMSGSIZE);
	/* to all who have room */
	assert_int_equal(bc_client_broadcast_now(alice, 1, data, 1000), 1);
}

static void nodes_of_a_thread_can_share_their_boxes(void **state)
{
	uint32_t count = alice->table.geometry.node_count;
	struct bc_peer_box *boxes = calloc(count, sizeof(*boxes));

	(void)state;
	assert_non_null(boxes);
	bc_client_send_share(alice, boxes);
	bc_client_send_share(carol, boxes);

	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(send_x(alice, "bob"), 0);
		assert_int_equal(send_x(carol, "bob"), 0);
		expect(bob, "alice");
		expect(bob, "carol");
		assert_int_equal(send_x(alice, "alice"), 0);
		assert_int_equal(send_x(carol, "alice"), 0);
		expect(alice, "alice");
		expect(alice, "carol");
	}

	bc_client_send_share(alice, NULL);
	bc_client_send_share(carol, NULL);
	bc_client_boxes_free(boxes, count);
}

/* ---- Broadcast --------------------------------------------------------- */

static void broadcast_reaches_all_others_once(void **state)
{
	struct bcast_delivery delivery;

	(void)state;

	assert_int_equal(bcast_broadcast(alice, 5, "x", 1, 0, &delivery), 2);

	assert_int_equal(delivery.reached, 2);
	assert_int_equal(delivery.full + delivery.held + delivery.damaged, 0);
	expect(bob, "alice");
	expect(carol, "alice");
	expect_nothing(alice);
	expect_nothing(bob);
	expect_nothing(carol);
	assert_int_equal(bcast_broadcast(alice, 5, "x", 1, 0, NULL), 2);
}

static void broadcast_tells_who_had_no_room(void **state)
{
	struct bcast_delivery delivery;
	uint64_t start_ms;

	(void)state;
	fill("bob");
	start_ms = test_now_ms();

	assert_int_equal(bcast_broadcast(alice, 5, data, 1000, 30, &delivery),
			 1);

	assert_in_range(test_now_ms() - start_ms, 30, DEADLINE_MS);
	assert_int_equal(delivery.reached, 1);
	assert_int_equal(delivery.full, 1);
	expect(carol, "alice");
	expect(bob, "alice");
	assert_int_equal(bcast_broadcast(alice, 5, data, 1000, 0, &delivery),
			 2);
}

static void broadcast_to_nobody_is_zero(void **state)
{
	(void)state;
	bcast_leave(bob);
	bcast_leave(carol);
	bob = carol = NULL;

	assert_int_equal(bcast_broadcast(alice, 5, "x", 1, -1, NULL), 0);
}

/* ---- Trouble ----------------------------------------------------------- */

static void end_of_the_registry_is_told(void **state)
{
	uint64_t end_ms = test_now_ms() + DEADLINE_MS;
	int ret;

	(void)state;
	assert_int_equal(send_x(alice, "bob"), 0);
	assert_int_equal(bc_registry_unlink(nodes.name), 0);

	do
		ret = bcast_send(alice, "bob", 1, NULL, 0, 0);
	while ((ret == 0 || ret == BCAST_EFULL) && test_now_ms() < end_ms);

	assert_int_equal(ret, BCAST_ECLOSED);
	assert_int_equal(send_x(alice, "nobody"), BCAST_ECLOSED);
	assert_int_equal(bcast_broadcast(alice, 1, "x", 1, 0, NULL),
			 BCAST_ECLOSED);
}

static void node_with_a_damaged_slot_does_not_send(void **state)
{
	struct bc_node_table table;
	bc_u64 *claim;

	(void)state;
	test_nodes_attach(&nodes, &table);
	claim = &bc_node_table_slot(&table, 0)->claim;

	atomic_fetch_add(claim, 1);

	assert_int_equal(send_x(alice, "bob"), BCAST_EPROTO);
	assert_int_equal(bcast_broadcast(alice, 1, "x", 1, 0, NULL),
			 BCAST_EPROTO);
	atomic_fetch_sub(claim, 1);
	bc_node_table_detach(&table);
}

static void damaged_inbox_is_told_until_its_owner_repairs_it(void **state)
{
	struct bcast_delivery delivery;
	struct bcast_message message;
	struct bc_node_table table;
	struct bc_inbox inbox;

	(void)state;
	test_nodes_attach(&nodes, &table);
	assert_int_equal(bc_inbox_map(&inbox, &table, 1), 0);

	atomic_fetch_add(&inbox.shm->tail, 1);

	assert_int_equal(send_x(alice, "bob"), BCAST_EPROTO);
	assert_int_equal(bcast_broadcast(alice, 1, "x", 1, 0, &delivery), 1);
	assert_int_equal(delivery.damaged, 1);
	assert_int_equal(bcast_recv(bob, &message, 0), BCAST_EPROTO);
	assert_int_equal(send_x(alice, "bob"), 0);
	expect(bob, "alice");
	bc_inbox_unmap(&inbox);
	bc_node_table_detach(&table);
}

static void send_in_a_child(void *argument)
{
	struct bcast_message message;

	(void)argument;
	test_child_check(send_x(alice, "bob") == -ECHILD);
	test_child_check(bcast_broadcast(alice, 1, "x", 1, 0, NULL) == -ECHILD);
	test_child_check(bcast_recv(alice, &message, 0) == -ECHILD);
	bcast_leave(alice);
}

static void child_of_a_node_is_not_the_node(void **state)
{
	struct test_child child = test_fork(send_in_a_child, NULL);

	(void)state;

	assert_int_equal(test_join(&child), 0);

	expect_nothing(bob);
	assert_int_equal(send_x(alice, "bob"), 0);
	assert_int_equal(send_x(bob, "alice"), 0);
	expect(alice, "bob");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(sent_message_reaches_its_addressee_only),
		TEST(limit_is_what_it_says),
		TEST(bad_arguments_are_refused),
		TEST(full_inbox_is_told_at_once_or_in_time),
		TEST(patient_sender_gets_the_room_that_is_made),
		TEST(patient_sender_is_told_when_the_addressee_leaves),
		TEST(patient_sender_is_told_when_the_registry_goes),
		TEST(addressee_is_found_again_after_it_came_back),
		TEST(death_of_the_addressee_is_noticed),
		TEST(stopped_sender_is_named),
		TEST(event_loop_is_not_kept_by_a_stopped_sender),
		TEST(event_loop_is_told_what_stands_in_the_way),
		TEST(nodes_of_a_thread_can_share_their_boxes),
		TEST(broadcast_reaches_all_others_once),
		TEST(broadcast_tells_who_had_no_room),
		TEST(broadcast_to_nobody_is_zero),
		TEST(end_of_the_registry_is_told),
		TEST(node_with_a_damaged_slot_does_not_send),
		TEST(damaged_inbox_is_told_until_its_owner_repairs_it),
		TEST(child_of_a_node_is_not_the_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
