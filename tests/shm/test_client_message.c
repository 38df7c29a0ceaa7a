/* SPDX-License-Identifier: MIT */
/*
 * test_client_message.c - bcast_recv() and bcast_dispatch(), and the memory
 * that an inbox takes.
 */
#include "nodes.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "shm/inbox_pages.h"
#include "shm/registry.h"

static struct test_nodes nodes;
static struct bcast_node *alice, *bob;

static int set_up(void **state)
{
	(void)state;
	test_nodes_open(&nodes, 4);
	alice = test_nodes_join(&nodes, "alice");
	bob = test_nodes_join(&nodes, "bob");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	bcast_leave(alice);
	bcast_leave(bob);
	test_nodes_close(&nodes);
	return 0;
}

static void message_says_all_about_itself(void **state)
{
	struct bcast_message first, second;

	(void)state;
	assert_int_equal(bcast_send(alice, "bob", 65535, "abc", 3, 0), 0);
	assert_int_equal(bcast_send(alice, "bob", 0, NULL, 0, 0), 0);

	assert_int_equal(bcast_recv(bob, &first, 0), 1);
	assert_memory_equal(first.data, "abc", 3);
	assert_int_equal((uintptr_t)first.data % 64, 0);
	assert_int_equal(bcast_recv(bob, &second, 0), 1);

	assert_string_equal(first.from, "alice");
	assert_int_equal(first.from_slot, 0);
	assert_int_equal(first.type, 65535);
	assert_int_equal(first.size, 3);
	assert_int_equal(second.type, 0);
	assert_int_equal(second.size, 0);
	assert_true(second.sequence > first.sequence);
	assert_true(second.sent_ns >= first.sent_ns);
	assert_in_range(test_now_ms() - first.sent_ns / 1000000, 0,
			DEADLINE_MS);
}

static void sender_that_has_left_is_still_named(void **state)
{
	struct bcast_message message;
	struct bcast_node *other;

	(void)state;
	assert_int_equal(bcast_send(alice, "bob", 1, "x", 1, 0), 0);
	bcast_leave(alice);
	alice = NULL;
	other = test_nodes_join(&nodes, "other"); /* in its slot */

	assert_int_equal(bcast_recv(bob, &message, 0), 1);

	assert_string_equal(message.from, "alice");
	bcast_leave(other);
}

static void counters_stand_in_the_list(void **state)
{
	struct bcast_node_info entries[4];
	struct bcast_message message;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(bcast_send(alice, "bob", 1, "x", 1, 0), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(bcast_recv(bob, &message, 0), 1);
	assert_int_equal(bcast_broadcast(bob, 1, "x", 1, 0, NULL), 1);
	assert_int_equal(bcast_send(bob, "nobody", 1, "x", 1, 0), -ENOENT);

	assert_int_equal(test_nodes_list(&nodes, entries, 4), 2);

	assert_int_equal(entries[0].messages_sent, 3);
	assert_int_equal(entries[0].messages_received, 0);
	assert_int_equal(entries[1].messages_sent, 1);
	assert_int_equal(entries[1].messages_received, 2);
}

static void waiting_has_an_end(void **state)
{
	struct bcast_message message;
	uint64_t start_ms = test_now_ms();

	(void)state;

	assert_int_equal(bcast_recv(bob, &message, 0), 0);
	assert_int_equal(bcast_recv(bob, &message, 30), 0);

	assert_in_range(test_now_ms() - start_ms, 30, DEADLINE_MS);
}

static void *receive(void *message)
{
	static int result;

	result = bcast_recv(bob, message, -1);
	return &result;
}

static void sleeping_receiver_gets_what_is_sent(void **state)
{
	struct bcast_message message;
	struct bc_node_table table;
	struct bc_inbox inbox;
	uint64_t end_ms = test_now_ms() + DEADLINE_MS;
	pthread_t thread;
	void *result;

	(void)state;
	test_nodes_attach(&nodes, &table);
	assert_int_equal(bc_inbox_map(&inbox, &table, 1), 0);
	assert_int_equal(pthread_create(&thread, NULL, receive, &message), 0);
	while (inbox.shm->reader_sleeps == 0)
		assert_true(test_now_ms() < end_ms);

	assert_int_equal(bcast_send(alice, "bob", 3, "abc", 3, 0), 0);

	assert_int_equal(pthread_join(thread, &result), 0);
	assert_int_equal(*(int *)result, 1);
	assert_int_equal(message.type, 3);
	assert_memory_equal(message.data, "abc", 3);
	bc_inbox_unmap(&inbox);
	bc_node_table_detach(&table);
}

static void messages_come_before_the_end(void **state)
{
	struct bcast_message message;

	(void)state;
	assert_int_equal(bcast_send(alice, "bob", 1, "x", 1, 0), 0);
	assert_int_equal(bc_registry_unlink(nodes.name), 0);

	assert_int_equal(bcast_recv(bob, &message, -1), 1);

	assert_int_equal(bcast_recv(bob, &message, -1), BCAST_ECLOSED);
}

static void damage_is_reported_once(void **state)
{
	struct bcast_message message;
	struct bc_node_table table;
	struct bc_inbox inbox;

	(void)state;
	test_nodes_attach(&nodes, &table);
	assert_int_equal(bc_inbox_map(&inbox, &table, 1), 0);
	assert_int_equal(bcast_send(alice, "bob", 1, "abc", 3, 0), 0);
	assert_int_equal(bcast_send(alice, "bob", 2, "abc", 3, 0), 0);

	inbox.bytes[64] ^= 1;

	assert_int_equal(bcast_recv(bob, &message, -1), BCAST_EPROTO);
	assert_int_equal(bcast_recv(bob, &message, -1), 1);
	assert_int_equal(message.type, 2);
	assert_int_equal(inbox.shm->damaged, 1);
	bc_inbox_unmap(&inbox);
	bc_node_table_detach(&table);
}

static void inbox_shows_how_full_it_is(void **state)
{
	static unsigned char data[1000];
	struct bcast_node_info entries[4];
	struct bcast_message message;
	struct bc_node_table table;
	struct bc_inbox inbox;
	uint64_t used;

	(void)state;
	test_nodes_attach(&nodes, &table);
	assert_int_equal(bc_inbox_map(&inbox, &table, 1), 0);
	for (used = 0; bcast_send(alice, "bob", 1, data, 1000, 0) == 0;)
		used += 32 + 32 + 1024;

	assert_int_equal(test_nodes_list(&nodes, entries, 4), 2);

	assert_int_equal(entries[0].inbox_used, 0);
	assert_int_equal(entries[1].inbox_used, used);
	assert_int_equal(entries[1].inbox_size, BC_PAGE);
	assert_int_equal(entries[1].inbox_refused, 1);
	assert_int_equal(entries[1].inbox_damaged, 0);
	/* numbers that cannot be are not shown */
	inbox.shm->tail += BC_PAGE;
	assert_int_equal(test_nodes_list(&nodes, entries, 4), 2);
	assert_int_equal(entries[1].inbox_used, 0);
	assert_int_equal(bcast_recv(bob, &message, 0), BCAST_EPROTO);
	assert_int_equal(test_nodes_list(&nodes, entries, 4), 2);
	assert_int_equal(entries[1].inbox_damaged, 1);
	bc_inbox_unmap(&inbox);
	bc_node_table_detach(&table);
}

/* ---- Dispatch ---------------------------------------------------------- */

struct seen {
	unsigned count;
	uint16_t types[8];
	int result; /* of the handler, from message `at` on */
	unsigned at;
};

static int note(void *context, const struct bcast_message *message)
{
	struct seen *seen = context;

	assert_in_range(seen->count, 0, 7);
	seen->types[seen->count++] = message->type;
	return seen->count >= seen->at ? seen->result : 0;
}

static void send_types(uint16_t first, uint16_t last)
{
	for (uint16_t type = first; type <= last; type++)
		assert_int_equal(bcast_send(alice, "bob", type, "x", 1, 0), 0);
}

static void dispatch_hands_out_what_is_there_up_to_a_limit(void **state)
{
	struct seen seen = {0};

	(void)state;
	send_types(1, 5);

	assert_int_equal(bcast_dispatch(bob, note, &seen, 3, 0), 3);
	assert_int_equal(bcast_dispatch(bob, note, &seen, 3, -1), 2);
	assert_int_equal(bcast_dispatch(bob, note, &seen, 3, 0), 0);
	assert_int_equal(bcast_dispatch(bob, note, &seen, 0, 0), -EINVAL);

	assert_int_equal(seen.count, 5);
	for (uint16_t i = 0; i < 5; i++)
		assert_int_equal(seen.types[i], i + 1);
}

static void handler_can_stop_a_dispatch(void **state)
{
	struct seen seen = {.result = 1, .at = 2};

	(void)state;
	send_types(1, 5);

	assert_int_equal(bcast_dispatch(bob, note, &seen, 8, 0), 2);
	seen = (struct seen){.result = -77, .at = 2};
	assert_int_equal(bcast_dispatch(bob, note, &seen, 8, 0), -77);
	assert_int_equal(seen.types[0], 3);
	assert_int_equal(bcast_dispatch(bob, note, &seen, 8, 0), -77);
	assert_int_equal(seen.count, 3);
}

static int echo(void *context, const struct bcast_message *message)
{
	struct bcast_message other;

	assert_int_equal(bcast_recv(context, &other, 0), -EBUSY);
	assert_int_equal(bcast_dispatch(context, echo, context, 1, 0), -EBUSY);
	return bcast_send(context, message->from, message->type, message->data,
			  message->size, 0);
}

static void handler_may_send(void **state)
{
	struct bcast_message message;

	(void)state;
	assert_int_equal(bcast_send(alice, "bob", 9, "abc", 3, 0), 0);

	assert_int_equal(bcast_dispatch(bob, echo, bob, 8, 0), 1);

	assert_int_equal(bcast_recv(alice, &message, 0), 1);
	assert_string_equal(message.from, "bob");
	assert_int_equal(message.type, 9);
	assert_memory_equal(message.data, "abc", 3);
	assert_int_equal(bcast_recv(bob, &message, 0), 0);
}

static void damage_between_messages_is_told_after_them(void **state)
{
	struct seen seen = {0};
	struct bc_node_table table;
	struct bc_inbox inbox;

	(void)state;
	test_nodes_attach(&nodes, &table);
	assert_int_equal(bc_inbox_map(&inbox, &table, 1), 0);
	send_types(1, 3);
	inbox.bytes[96 + 64] ^= 1;

	assert_int_equal(bcast_dispatch(bob, note, &seen, 8, 0), 1);
	assert_int_equal(bcast_dispatch(bob, note, &seen, 8, 0), BCAST_EPROTO);
	assert_int_equal(bcast_dispatch(bob, note, &seen, 8, 0), 1);

	assert_int_equal(seen.types[1], 3);
	bc_inbox_unmap(&inbox);
	bc_node_table_detach(&table);
}

/* ---- Memory ------------------------------------------------------------ */

static uint64_t used_bytes(const struct bc_node_table *table)
{
	struct stat status;

	assert_int_equal(fstat(table->fd, &status), 0);
	return (uint64_t)status.st_blocks * 512;
}

static void inbox_has_memory_while_its_slot_is_taken(void **state)
{
	struct bcast_node *carol, *dave;
	struct bc_node_table table;
	uint64_t before;

	(void)state;
	test_nodes_attach(&nodes, &table);
	before = used_bytes(&table);

	carol = test_nodes_join(&nodes, "carol");
	assert_int_equal(used_bytes(&table), before + 2 * BC_PAGE);
	dave = test_nodes_join(&nodes, "dave");
	assert_int_equal(used_bytes(&table), before + 4 * BC_PAGE);
	bcast_leave(carol);
	bcast_leave(dave);

	/* the pages of the headers stay */
	assert_int_equal(used_bytes(&table), before + 2 * BC_PAGE);
	bc_node_table_detach(&table);
}

static void memory_of_the_dead_is_given_back_by_who_sweeps(void **state)
{
	struct test_nodes_child member = {.nodes = &nodes, .id = "carol"};
	struct bc_node_table table;
	struct test_child child;
	uint64_t before;

	(void)state;
	test_nodes_attach(&nodes, &table);
	before = used_bytes(&table);
	child = test_fork(test_nodes_member, &member);
	assert_int_equal(used_bytes(&table), before + 2 * BC_PAGE);

	test_kill(&child);
	assert_int_equal(test_nodes_list(&nodes, NULL, 0), 2);

	assert_int_equal(used_bytes(&table), before + BC_PAGE);
	bc_node_table_detach(&table);
}

static void memory_of_a_held_inbox_stays_for_the_next(void **state)
{
	struct bcast_node *carol = test_nodes_join(&nodes, "carol");
	struct bc_node_table table;
	struct bc_inbox inbox;
	uint64_t before;

	(void)state;
	test_nodes_attach(&nodes, &table);
	assert_int_equal(bc_inbox_map(&inbox, &table, 2), 0);
	before = used_bytes(&table);
	inbox.shm->holder = UINT64_C(9) << 32 | 2; /* one who is dead */

	bcast_leave(carol);

	assert_int_equal(used_bytes(&table), before);
	carol = test_nodes_join(&nodes, "carol");
	assert_int_equal(inbox.shm->holder, 0);
	bcast_leave(carol);
	assert_int_equal(used_bytes(&table), before - BC_PAGE);
	bc_inbox_unmap(&inbox);
	bc_node_table_detach(&table);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(message_says_all_about_itself),
		TEST(sender_that_has_left_is_still_named),
		TEST(counters_stand_in_the_list),
		TEST(waiting_has_an_end),
		TEST(sleeping_receiver_gets_what_is_sent),
		TEST(messages_come_before_the_end),
		TEST(damage_is_reported_once),
		TEST(inbox_shows_how_full_it_is),
		TEST(dispatch_hands_out_what_is_there_up_to_a_limit),
		TEST(handler_can_stop_a_dispatch),
		TEST(handler_may_send),
		TEST(damage_between_messages_is_told_after_them),
		TEST(inbox_has_memory_while_its_slot_is_taken),
		TEST(memory_of_the_dead_is_given_back_by_who_sweeps),
		TEST(memory_of_a_held_inbox_stays_for_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
