/* SPDX-License-Identifier: MIT */
/* Lines in memory: in order, none torn, and each that is lost is counted. */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "support.h"

#include "src/log_ring.h"

static struct log_ring ring;

static int set_up(void **state)
{
	(void)state;
	log_ring_init(&ring);
	return 0;
}

static bool put(unsigned number)
{
	struct log_record record;

	log_line_make(&record, LOG_LEVEL_INFO, "line", "n=%u", number);
	return log_ring_put(&ring, &record);
}

static void assert_next_is(unsigned number)
{
	const struct log_record *record = log_ring_first(&ring);
	char text[64];

	assert_non_null(record);
	snprintf(text, sizeof(text), "info line n=%u\n", number);
	assert_int_equal(record->length, strlen(text));
	assert_memory_equal(record->text, text, strlen(text));
	log_ring_advance(&ring);
}

static void lines_come_out_as_they_went_in(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3 * LOG_RING_SLOTS; i += 2) {
		assert_true(log_ring_is_empty(&ring));
		assert_true(put(i));
		assert_true(put(i + 1));
		assert_false(log_ring_is_empty(&ring));
		assert_next_is(i);
		assert_next_is(i + 1);
		assert_null(log_ring_first(&ring));
	}
}

static void full_ring_drops_the_newest_and_counts(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LOG_RING_SLOTS; i++)
		assert_true(put(i));
	for (unsigned i = 0; i < 5; i++)
		assert_false(put(1000));

	assert_int_equal(log_ring_first(&ring)->dropped, 0);
	assert_next_is(0);
	assert_true(put(LOG_RING_SLOTS));
	assert_false(put(1000));
	for (unsigned i = 1; i < LOG_RING_SLOTS; i++)
		assert_next_is(i);
	/* said where they are missing */
	assert_int_equal(log_ring_first(&ring)->dropped, 5);
	assert_next_is(LOG_RING_SLOTS);
	assert_int_equal(log_ring_lost(&ring), 1);
	assert_int_equal(log_ring_lost(&ring), 0);
}

#define PRODUCERS 3u
#define LINES	  20000u

struct producer {
	unsigned id;
	uint64_t put;
	uint64_t refused;
};

static void *produce(void *argument)
{
	struct producer *self = argument;
	struct log_record record;

	for (unsigned i = 0; i < LINES; i++) {
		log_line_make(&record, LOG_LEVEL_INFO, "line", "p=%u n=%u",
			      self->id, i);
		if (log_ring_put(&ring, &record))
			self->put++;
		else
			self->refused++;
	}
	return NULL;
}

struct seen {
	uint64_t lines;
	uint64_t lost;
	unsigned next[PRODUCERS];
	bool wrong;
};

static void look_at(const struct log_record *record, struct seen *seen)
{
	unsigned id = PRODUCERS, number = 0;

	if (sscanf(record->text, "info line p=%u n=%u\n", &id, &number) != 2 ||
	    id >= PRODUCERS || number < seen->next[id]) {
		seen->wrong = true;
		return;
	}
	seen->next[id] = number + 1;
	seen->lines++;
	seen->lost += record->dropped;
}

static void producers_keep_their_order_and_the_sum_is_right(void **state)
{
	struct producer producers[PRODUCERS] = {{0}};
	struct seen seen = {0};
	pthread_t threads[PRODUCERS];
	uint64_t put_in = 0, refused = 0;
	uint64_t until_ms = test_now_ms() + DEADLINE_MS;

	(void)state;
	for (unsigned i = 0; i < PRODUCERS; i++) {
		producers[i].id = i;
		assert_int_equal(pthread_create(&threads[i], NULL, produce,
						&producers[i]),
				 0);
	}
	while (seen.lines + seen.lost < PRODUCERS * LINES &&
	       test_now_ms() < until_ms) {
		const struct log_record *record = log_ring_first(&ring);

		if (record) {
			look_at(record, &seen);
			log_ring_advance(&ring);
		} else {
			seen.lost += log_ring_lost(&ring);
			(void)sched_yield();
		}
	}
	for (unsigned i = 0; i < PRODUCERS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		put_in += producers[i].put;
		refused += producers[i].refused;
	}

	assert_false(seen.wrong);
	assert_int_equal(seen.lines, put_in);
	assert_int_equal(seen.lost, refused);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, set_up)
	const struct CMUnitTest tests[] = {
		TEST(lines_come_out_as_they_went_in),
		TEST(full_ring_drops_the_newest_and_counts),
		TEST(producers_keep_their_order_and_the_sum_is_right),
	};

	return cmocka_run_group_tests_name("src/log_ring", tests, NULL, NULL);
}
