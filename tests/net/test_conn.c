/* SPDX-License-Identifier: MIT */
/* Slots, their one way through life, and lists of them. */
#include <signal.h>

#include "support.h"

#include <bcast/monitor.h>

#include "net/conn.h"

#define SLOTS 4u

static struct bc_conn_table table;

static int open_table(void **state)
{
	(void)state;
	return bc_conn_table_init(&table, SLOTS);
}

static int close_table(void **state)
{
	(void)state;
	bc_conn_table_fini(&table);
	return 0;
}

static void end_and_release(struct bc_conn *conn)
{
	bc_conn_end(&table, conn, BCAST_CLOSE_PEER, 0);
	assert_ptr_equal(bc_conn_take_ended(&table), conn);
	bc_conn_begin_close(conn);
	bc_conn_release(&table, conn);
}

/* ---- Slots ------------------------------------------------------------- */

static void slot_that_is_free_can_be_chosen(void **state)
{
	struct bc_conn *conn = bc_conn_open_at(&table, 7, 2);

	(void)state;
	assert_ptr_equal(conn, &table.conns[2]);
	assert_int_equal(conn->fd, 7);
	assert_int_equal(table.used, 1);
	assert_null(bc_conn_open_at(&table, 8, 2));

	/* nobody else gets it, until it is free again */
	for (unsigned i = 1; i < SLOTS; i++)
		assert_ptr_not_equal(bc_conn_open(&table, 9), conn);
	assert_null(bc_conn_open(&table, 9));
	end_and_release(conn);
	assert_ptr_equal(bc_conn_open_at(&table, 7, 2), conn);
}

static void there_are_as_many_slots_as_asked_for(void **state)
{
	struct bc_conn *conns[SLOTS];

	(void)state;
	for (unsigned i = 0; i < SLOTS; i++) {
		conns[i] = bc_conn_open(&table, (int)i);
		assert_non_null(conns[i]);
	}
	assert_null(bc_conn_open(&table, 99));

	end_and_release(conns[2]);

	assert_ptr_equal(bc_conn_open(&table, 99), conns[2]);
	assert_null(bc_conn_open(&table, 99));
}

/* Whoever has it now closes it. */
static void slot_of_one_that_was_withdrawn_is_free_again(void **state)
{
	struct bc_conn *conn = bc_conn_open(&table, 7);
	uint64_t token = bc_conn_token(&table, conn, BC_OP_RECV);

	(void)state;
	bc_conn_withdraw(&table, conn);

	assert_int_equal(table.used, 0);
	assert_null(bc_conn_by_token(&table, bc_token_unpack(token)));
	for (unsigned i = 0; i < SLOTS; i++)
		assert_non_null(bc_conn_open(&table, (int)i));
}

static void new_tenant_finds_nothing_of_the_last(void **state)
{
	struct bc_conn *conn = bc_conn_open(&table, 7);
	uint32_t generation = conn->generation;

	(void)state;
	conn->cursor = 1;
	conn->bytes = 2;
	conn->half_closed = true;
	conn->skip = true;
	conn->role = BCAST_ROLE_SENDER;
	end_and_release(conn);
	for (unsigned i = 0; i < SLOTS; i++)
		conn = bc_conn_open(&table, 8);

	assert_int_equal(conn->generation, generation + 1);
	assert_int_equal(conn->fd, 8);
	assert_int_equal(conn->state, BC_CONN_OPEN);
	assert_int_equal(conn->cursor + conn->bytes + conn->role, 0);
	assert_false(conn->half_closed || conn->skip);
}

static void late_event_does_not_reach_the_next_tenant(void **state)
{
	struct bc_conn *conn = bc_conn_open(&table, 7);
	uint64_t token = bc_conn_token(&table, conn, BC_OP_SEND);

	(void)state;
	assert_ptr_equal(bc_conn_by_token(&table, bc_token_unpack(token)),
			 conn);
	end_and_release(conn);
	assert_null(bc_conn_by_token(&table, bc_token_unpack(token)));

	for (unsigned i = 0; i < SLOTS; i++)
		(void)bc_conn_open(&table, 8);

	assert_null(bc_conn_by_token(&table, bc_token_unpack(token)));
}

static void events_reach_a_connection_that_is_closing(void **state)
{
	struct bc_conn *conn = bc_conn_open(&table, 7);
	uint64_t token = bc_conn_token(&table, conn, BC_OP_SEND);

	(void)state;
	bc_conn_end(&table, conn, BCAST_CLOSE_SLOW, 0);
	(void)bc_conn_take_ended(&table);
	bc_conn_begin_close(conn);

	assert_ptr_equal(bc_conn_by_token(&table, bc_token_unpack(token)),
			 conn);
	bc_conn_release(&table, conn);
}

static void token_of_no_slot_is_nobodys(void **state)
{
	struct bc_token token = {.op = BC_OP_SEND, .slot = SLOTS - 1};

	(void)state;
	assert_null(bc_conn_by_token(&table, token)); /* free */
	token.slot = SLOTS;
	assert_null(bc_conn_by_token(&table, token));
	token.slot = BC_TOKEN_SLOTS - 1;
	assert_null(bc_conn_by_token(&table, token));
}

/* ---- The end ----------------------------------------------------------- */

static void first_reason_for_the_end_counts(void **state)
{
	struct bc_conn *conn = bc_conn_open(&table, 7);

	(void)state;
	bc_conn_end(&table, conn, BCAST_CLOSE_SLOW, -1);
	bc_conn_end(&table, conn, BCAST_CLOSE_PEER, -2);

	assert_int_equal(conn->close_reason, BCAST_CLOSE_SLOW);
	assert_int_equal(conn->close_error, -1);
	assert_ptr_equal(bc_conn_take_ended(&table), conn);
	assert_null(bc_conn_take_ended(&table));
}

static void each_of_the_ended_is_taken_once(void **state)
{
	struct bc_conn *conns[SLOTS], *taken;
	unsigned seen = 0;

	(void)state;
	for (unsigned i = 0; i < SLOTS; i++)
		conns[i] = bc_conn_open(&table, (int)i);
	for (unsigned i = 0; i < SLOTS; i++)
		bc_conn_end(&table, conns[i], BCAST_CLOSE_PEER, 0);

	while ((taken = bc_conn_take_ended(&table)))
		seen |= 1u << bc_conn_slot(&table, taken);

	assert_int_equal(seen, (1u << SLOTS) - 1);
}

/* ---- Illegal edges ----------------------------------------------------- */

static void release_open_one(void *argument)
{
	bc_conn_release(&table, argument);
}

static void begin_close_of_open_one(void *argument)
{
	bc_conn_begin_close(argument);
}

static void release_with_a_request_in_flight(void *argument)
{
	struct bc_conn *conn = argument;

	bc_conn_end(&table, conn, BCAST_CLOSE_PEER, 0);
	(void)bc_conn_take_ended(&table);
	bc_conn_begin_close(conn);
	conn->in_flight = BC_CONN_SEND;
	bc_conn_release(&table, conn);
}

static void begin_close_while_in_a_list(void *argument)
{
	struct bc_conn *conn = argument;
	struct bc_conn_list list;

	bc_conn_list_init(&list, 5);
	bc_conn_list_push(&table, &list, conn);
	bc_conn_end(&table, conn, BCAST_CLOSE_PEER, 0);
	bc_conn_begin_close(conn);
}

static void push_twice(void *argument)
{
	struct bc_conn_list list;

	bc_conn_list_init(&list, 5);
	bc_conn_list_push(&table, &list, argument);
	bc_conn_list_push(&table, &list, argument);
}

static void illegal_edges_abort(void **state)
{
	static void (*const edges[])(void *) = {
		release_open_one, begin_close_of_open_one,
		release_with_a_request_in_flight, begin_close_while_in_a_list,
		push_twice};
	struct bc_conn *conn = bc_conn_open(&table, 7);

	(void)state;
	for (unsigned i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		struct test_child child = test_fork(edges[i], conn);

		assert_int_equal(test_join(&child), 128 + SIGABRT);
	}
}

/* ---- Lists ------------------------------------------------------------- */

static void list_is_first_in_first_out(void **state)
{
	struct bc_conn *conns[3];
	struct bc_conn_list list;

	(void)state;
	bc_conn_list_init(&list, 5);
	for (unsigned i = 0; i < 3; i++) {
		conns[i] = bc_conn_open(&table, (int)i);
		bc_conn_list_push(&table, &list, conns[i]);
	}

	for (unsigned i = 0; i < 3; i++)
		assert_ptr_equal(bc_conn_list_pop(&table, &list), conns[i]);
	assert_null(bc_conn_list_pop(&table, &list));
}

/* First, middle or last, and what remains is still in order. */
static void any_can_be_removed(void **state)
{
	struct bc_conn *conns[3];
	struct bc_conn_list list;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		conns[i] = bc_conn_open(&table, (int)i);
	for (unsigned out = 0; out < 3; out++) {
		bc_conn_list_init(&list, 5);
		for (unsigned i = 0; i < 3; i++)
			bc_conn_list_push(&table, &list, conns[i]);

		bc_conn_list_remove(&table, &list, conns[out]);
		bc_conn_list_remove(&table, &list, conns[out]);

		for (unsigned i = 0; i < 3; i++)
			if (i != out)
				assert_ptr_equal(
					bc_conn_list_pop(&table, &list),
					conns[i]);
		assert_null(bc_conn_list_pop(&table, &list));
	}
}

static void removal_from_another_list_does_nothing(void **state)
{
	struct bc_conn *conn = bc_conn_open(&table, 7);
	struct bc_conn_list mine, other;

	(void)state;
	bc_conn_list_init(&mine, 5);
	bc_conn_list_init(&other, 6);
	bc_conn_list_push(&table, &mine, conn);

	bc_conn_list_remove(&table, &other, conn);

	assert_ptr_equal(bc_conn_list_pop(&table, &mine), conn);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_table, close_table)
	const struct CMUnitTest tests[] = {
		TEST(slot_that_is_free_can_be_chosen),
		TEST(there_are_as_many_slots_as_asked_for),
		TEST(slot_of_one_that_was_withdrawn_is_free_again),
		TEST(new_tenant_finds_nothing_of_the_last),
		TEST(late_event_does_not_reach_the_next_tenant),
		TEST(events_reach_a_connection_that_is_closing),
		TEST(token_of_no_slot_is_nobodys),
		TEST(first_reason_for_the_end_counts),
		TEST(each_of_the_ended_is_taken_once),
		TEST(illegal_edges_abort),
		TEST(list_is_first_in_first_out),
		TEST(any_can_be_removed),
		TEST(removal_from_another_list_does_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
