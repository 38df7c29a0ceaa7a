/* SPDX-License-Identifier: MIT */
/* What an echo client is owed comes out as it went in, and costs no more. */
#include <stdlib.h>
#include <string.h>

#include "src/echo_queue.h"
#include "support.h"

#define SEED UINT64_C(3)

static struct echo_store store;
static struct echo_queue queue;
static uint64_t added, taken;

static int prepare(void **state)
{
	(void)state;
	store = (struct echo_store){0};
	queue = (struct echo_queue){0};
	added = 0;
	taken = 0;
	return 0;
}

static int clean(void **state)
{
	(void)state;
	echo_queue_clear(&queue, &store);
	echo_store_fini(&store);
	return 0;
}

static void add(size_t size)
{
	unsigned char *bytes = malloc(size + 1);

	assert_non_null(bytes);
	test_pattern_fill(SEED, added, bytes, size);
	assert_int_equal(echo_queue_add(&queue, &store, bytes, size), 0);
	added += size;
	free(bytes);
}

/* Drop up to `most` of the first piece. Returns how many. */
static size_t take(size_t most)
{
	const unsigned char *bytes = NULL;
	size_t size = echo_queue_peek(&queue, &bytes);

	if (size > most)
		size = most;
	if (size > 0)
		assert_int_equal(test_pattern_check(SEED, taken, bytes, size),
				 -1);
	echo_queue_drop(&queue, &store, size);
	taken += size;
	return size;
}

static void empty_queue_has_nothing(void **state)
{
	(void)state;
	assert_int_equal(take(1), 0);
	assert_int_equal(queue.bytes, 0);
	assert_null(queue.first);
}

static void bytes_come_out_as_they_went_in(void **state)
{
	static const size_t sizes[] = {1,
				       ECHO_CHUNK_BYTES - 1,
				       ECHO_CHUNK_BYTES,
				       ECHO_CHUNK_BYTES + 1,
				       3 * ECHO_CHUNK_BYTES,
				       7};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		add(sizes[i]);
		(void)take(sizes[i] / 2);
		assert_int_equal(queue.bytes, added - taken);
	}

	while (take(1000) > 0)
		;

	assert_int_equal(taken, added);
	assert_int_equal(queue.bytes, 0);
}

static void what_is_peeked_at_stays_while_more_is_added(void **state)
{
	const unsigned char *bytes = NULL, *again = NULL;
	size_t size;

	(void)state;
	add(100);
	size = echo_queue_peek(&queue, &bytes);

	add(2 * ECHO_CHUNK_BYTES);

	assert_int_equal(size, 100);
	assert_int_equal(test_pattern_check(SEED, 0, bytes, size), -1);
	assert_int_equal(echo_queue_peek(&queue, &again), ECHO_CHUNK_BYTES);
	assert_ptr_equal(bytes, again);
}

static void empty_queue_has_given_its_memory_back(void **state)
{
	(void)state;
	add(3 * ECHO_CHUNK_BYTES);

	while (take(SIZE_MAX) > 0)
		;

	assert_null(queue.first);
	assert_null(queue.last);
	assert_int_equal(store.count, 3);
}

static void store_keeps_a_bounded_number(void **state)
{
	(void)state;
	add((ECHO_STORED_CHUNKS - 1) * (size_t)ECHO_CHUNK_BYTES);
	echo_queue_clear(&queue, &store);
	assert_int_equal(store.count, ECHO_STORED_CHUNKS - 1);

	add(ECHO_STORED_CHUNKS * (size_t)ECHO_CHUNK_BYTES);
	echo_queue_clear(&queue, &store);
	assert_int_equal(store.count, ECHO_STORED_CHUNKS);

	add((ECHO_STORED_CHUNKS + 1) * (size_t)ECHO_CHUNK_BYTES);
	echo_queue_clear(&queue, &store);
	assert_int_equal(store.count, ECHO_STORED_CHUNKS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(empty_queue_has_nothing,
						prepare, clean),
		cmocka_unit_test_setup_teardown(bytes_come_out_as_they_went_in,
						prepare, clean),
		cmocka_unit_test_setup_teardown(
			what_is_peeked_at_stays_while_more_is_added, prepare,
			clean),
		cmocka_unit_test_setup_teardown(
			empty_queue_has_given_its_memory_back, prepare, clean),
		cmocka_unit_test_setup_teardown(store_keeps_a_bounded_number,
						prepare, clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
