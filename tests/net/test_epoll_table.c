/* SPDX-License-Identifier: MIT */
/* Requests are found by descriptor and by token, in the order they came. */
#include <errno.h>

#include "support.h"

#include "net/epoll_table.h"

static struct bc_epoll_table table;

static int init(void **state)
{
	(void)state;
	return bc_epoll_table_init(&table, 8);
}

static int fini(void **state)
{
	(void)state;
	bc_epoll_table_fini(&table);
	return 0;
}

static uint32_t parked(uint64_t token, int fd, enum bc_epoll_kind kind)
{
	uint32_t index = bc_epoll_table_take(&table);

	assert_true(index != BC_EPOLL_NONE);
	table.requests[index] = (struct bc_epoll_request){
		.token = token, .fd = fd, .kind = kind};
	assert_int_equal(bc_epoll_table_reserve(&table, fd), 0);
	bc_epoll_table_park(&table, index);
	return index;
}

static void there_are_as_many_slots_as_asked_for_and_no_more(void **state)
{
	bool taken[8] = {false};

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		uint32_t index = bc_epoll_table_take(&table);

		assert_in_range(index, 0, 7);
		assert_false(taken[index]);
		taken[index] = true;
	}
	assert_int_equal(bc_epoll_table_take(&table), BC_EPOLL_NONE);

	bc_epoll_table_release(&table, 3);

	assert_int_equal(bc_epoll_table_take(&table), 3);
	assert_int_equal(bc_epoll_table_take(&table), BC_EPOLL_NONE);
}

static void list_gives_back_in_order(void **state)
{
	struct bc_epoll_list list = bc_epoll_list_empty();

	(void)state;
	assert_true(bc_epoll_list_is_empty(&list));
	for (uint32_t i = 0; i < 3; i++)
		bc_epoll_list_push(&table, &list, i);

	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(bc_epoll_list_pop(&table, &list), i);

	assert_int_equal(bc_epoll_list_pop(&table, &list), BC_EPOLL_NONE);
	bc_epoll_list_push(&table, &list, 5);
	assert_int_equal(bc_epoll_list_pop(&table, &list), 5);
}

static void parked_request_is_found_by_its_token_only(void **state)
{
	uint32_t first = parked(7, 3, BC_EPOLL_RECV);
	uint32_t second = parked(8, 3, BC_EPOLL_SEND);

	(void)state;
	assert_int_equal(bc_epoll_table_find(&table, 7), first);
	assert_int_equal(bc_epoll_table_find(&table, 8), second);
	assert_int_equal(bc_epoll_table_find(&table, 9), BC_EPOLL_NONE);

	bc_epoll_table_unpark(&table, first);

	assert_int_equal(bc_epoll_table_find(&table, 7), BC_EPOLL_NONE);
	assert_int_equal(bc_epoll_table_find(&table, 8), second);
}

static void any_of_several_readers_can_go(void **state)
{
	const struct bc_epoll_descriptor *there;

	(void)state;
	for (unsigned gone = 0; gone < 3; gone++) {
		uint32_t readers[3], last;

		for (unsigned i = 0; i < 3; i++)
			readers[i] = parked(i + 1, 3, BC_EPOLL_RECV);
		bc_epoll_table_unpark(&table, readers[gone]);
		last = parked(9, 3, BC_EPOLL_POLL);

		there = bc_epoll_table_descriptor(&table, 3);
		assert_int_equal(there->readers.tail, last);
		assert_int_equal(there->readers.head,
				 gone == 0 ? readers[1] : readers[0]);
		assert_true(bc_epoll_list_is_empty(&there->writers));

		for (unsigned i = 0; i < 3; i++)
			if (i != gone)
				bc_epoll_table_unpark(&table, readers[i]);
		bc_epoll_table_unpark(&table, last);
		for (unsigned i = 0; i < 3; i++)
			bc_epoll_table_release(&table, readers[i]);
		bc_epoll_table_release(&table, last);
		assert_true(bc_epoll_list_is_empty(&there->readers));
	}
}

static void descriptors_of_any_size_have_a_place(void **state)
{
	static const int descriptors[] = {0, 1023, 1024, 1025, 70000};

	(void)state;
	assert_null(bc_epoll_table_descriptor(&table, 0));
	for (unsigned i = 0; i < 5; i++)
		(void)parked(i, descriptors[i], BC_EPOLL_SEND);

	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(
			bc_epoll_table_descriptor(&table, descriptors[i])
				->writers.head,
			bc_epoll_table_find(&table, i));
	assert_int_equal(bc_epoll_table_reserve(&table, -1), -EBADF);
	assert_null(bc_epoll_table_descriptor(&table, -1));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, init, fini)
	const struct CMUnitTest tests[] = {
		TEST(there_are_as_many_slots_as_asked_for_and_no_more),
		TEST(list_gives_back_in_order),
		TEST(parked_request_is_found_by_its_token_only),
		TEST(any_of_several_readers_can_go),
		TEST(descriptors_of_any_size_have_a_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
