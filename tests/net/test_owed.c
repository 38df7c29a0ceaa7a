/* SPDX-License-Identifier: MIT */
/*
 * What zero-copy sends still claim of the ring: by hand, and then every order
 * in which a few sends can be asked for, fail and be notified of, held against
 * a list that keeps everything.
 */
#include <string.h>

#include "support.h"

#include "net/owed.h"
#include "net/token.h"

#define SEND_BYTES 10u

/* ---- By hand ----------------------------------------------------------- */

static void nothing_owed_claims_nothing(void **state)
{
	const struct bc_owed owed = {0};

	(void)state;
	assert_int_equal(bc_owed_floor(&owed, 77), 77);
	assert_false(bc_owed_is_full(&owed));
}

static void send_claims_its_bytes_until_it_is_settled(void **state)
{
	struct bc_owed owed = {0};
	uint32_t number = bc_owed_add(&owed, 100);

	(void)state;
	assert_int_equal(bc_owed_newest(&owed), number);
	assert_int_equal(bc_owed_floor(&owed, 100), 100);
	assert_int_equal(bc_owed_floor(&owed, 150), 100);

	assert_true(bc_owed_settle(&owed, number));

	assert_int_equal(bc_owed_floor(&owed, 150), 150);
	assert_int_equal(owed.count, 0);
}

static void notification_of_a_later_send_frees_nothing_before_it(void **state)
{
	struct bc_owed owed = {0};
	uint32_t first = bc_owed_add(&owed, 100);
	uint32_t second = bc_owed_add(&owed, 110);
	uint32_t third = bc_owed_add(&owed, 120);

	(void)state;
	(void)bc_owed_settle(&owed, second);
	assert_int_equal(bc_owed_floor(&owed, 130), 100);
	(void)bc_owed_settle(&owed, first);
	assert_int_equal(bc_owed_floor(&owed, 130), 120);
	(void)bc_owed_settle(&owed, third);
	assert_int_equal(bc_owed_floor(&owed, 130), 130);
}

static void there_are_16_numbers_each_given_once(void **state)
{
	struct bc_owed owed = {0};
	uint32_t given = 0;

	(void)state;
	for (uint64_t i = 0; i < BC_OWED_MAX; i++) {
		uint32_t number;

		assert_false(bc_owed_is_full(&owed));
		number = bc_owed_add(&owed, i);
		assert_in_range(number, 0, BC_TOKEN_NUMBERS - 1);
		assert_int_equal(given & 1u << number, 0);
		given |= 1u << number;
	}
	assert_true(bc_owed_is_full(&owed));

	/* one in the middle makes no room: the numbers go round */
	(void)bc_owed_settle(&owed, 7);
	assert_true(bc_owed_is_full(&owed));
	(void)bc_owed_settle(&owed, 0);
	assert_false(bc_owed_is_full(&owed));
	assert_int_equal(bc_owed_add(&owed, 99), 0);
	assert_true(bc_owed_is_full(&owed));
}

static void send_that_was_not_asked_for_is_taken_back(void **state)
{
	struct bc_owed owed = {0};

	(void)state;
	(void)bc_owed_add(&owed, 100);
	(void)bc_owed_add(&owed, 110);
	bc_owed_take_back(&owed);
	assert_int_equal(owed.count, 1);
	bc_owed_take_back(&owed);
	assert_int_equal(bc_owed_floor(&owed, 110), 110);
}

static void empty_send_is_told_when_it_is_settled(void **state)
{
	struct bc_owed owed = {0};
	uint32_t empty = bc_owed_add(&owed, 100);
	uint32_t full = bc_owed_add(&owed, 100);

	(void)state;
	bc_owed_note_empty(&owed, empty);
	assert_int_equal(bc_owed_floor(&owed, 110), 100);
	assert_true(bc_owed_settle(&owed, full));
	assert_false(bc_owed_settle(&owed, empty));
}

static void number_used_again_remembers_nothing(void **state)
{
	struct bc_owed owed = {0};

	(void)state;
	for (uint64_t i = 0; i < BC_OWED_MAX; i++) {
		uint32_t number = bc_owed_add(&owed, i);

		bc_owed_note_empty(&owed, number);
		assert_false(bc_owed_settle(&owed, number));
	}
	for (uint64_t i = 0; i < BC_OWED_MAX; i++)
		assert_true(bc_owed_settle(&owed, bc_owed_add(&owed, i)));
}

/* ---- Every order ------------------------------------------------------- */

/*
 * The oracle: all sends there ever were, in the order they were asked for. At
 * most one has no result yet, as the daemon does it.
 */
#define STEPS_MAX 9u
struct oracle_send {
	uint64_t begin;
	uint32_t number;
	bool has_result;
	bool empty;
	bool settled;
};
struct world {
	struct bc_owed owed;
	struct oracle_send sends[STEPS_MAX];
	unsigned count;
	uint64_t cursor;
};

static uint64_t worlds_seen;

static void assert_floor_is_right(const struct world *world)
{
	uint64_t floor = world->cursor;
	unsigned open = 0;

	for (unsigned i = 0; i < world->count; i++) {
		const struct oracle_send *send = &world->sends[i];

		if (send->settled)
			continue;
		open++;
		if (send->begin < floor)
			floor = send->begin;
	}
	assert_int_equal(bc_owed_floor(&world->owed, world->cursor), floor);
	assert_int_equal(world->owed.count == 0, open == 0);
}

static struct oracle_send *in_flight(struct world *world)
{
	if (world->count == 0 || world->sends[world->count - 1].has_result)
		return NULL;
	return &world->sends[world->count - 1];
}

static void settle(struct world *world, struct oracle_send *send)
{
	assert_int_equal(bc_owed_settle(&world->owed, send->number),
			 !send->empty);
	send->settled = true;
}

/* What the kernel can say of the send in flight. */
enum result {
	TAKEN_NOTIFIED, /* MORE: a notification follows */
	TAKEN_DONE,	/* copied at once: none follows */
	FAILED_NOTIFIED,
	FAILED_DONE,
	RESULTS,
};

static void give_result(struct world *world, enum result result)
{
	struct oracle_send *send = in_flight(world);

	send->has_result = true;
	send->empty = result == FAILED_NOTIFIED || result == FAILED_DONE;
	if (!send->empty)
		world->cursor += SEND_BYTES;
	if (send->empty)
		bc_owed_note_empty(&world->owed, send->number);
	if (result == TAKEN_DONE || result == FAILED_DONE)
		settle(world, send);
}

static void ask(struct world *world)
{
	struct oracle_send *send = &world->sends[world->count++];

	*send = (struct oracle_send){
		.begin = world->cursor,
		.number = bc_owed_add(&world->owed, world->cursor),
	};
	assert_int_equal(bc_owed_newest(&world->owed), send->number);
	for (unsigned i = 0; i + 1 < world->count; i++)
		assert_true(world->sends[i].settled ||
			    world->sends[i].number != send->number);
}

static void explore(const struct world *world, unsigned steps);

static void explore_results(const struct world *world, unsigned steps)
{
	for (enum result result = 0; result < RESULTS; result++) {
		struct world next = *world;

		give_result(&next, result);
		explore(&next, steps);
	}
}

static void explore_notifications(const struct world *world, unsigned steps)
{
	for (unsigned i = 0; i < world->count; i++) {
		struct world next = *world;

		if (!next.sends[i].has_result || next.sends[i].settled)
			continue;
		settle(&next, &next.sends[i]);
		explore(&next, steps);
	}
}

static void explore(const struct world *world, unsigned steps)
{
	struct world next = *world;

	worlds_seen++;
	assert_floor_is_right(world);
	if (steps == 0)
		return;
	explore_notifications(world, steps - 1);
	if (in_flight(&next)) {
		explore_results(world, steps - 1);
		return;
	}
	/* moved to live, or copied instead */
	next.cursor += SEND_BYTES;
	explore(&next, steps - 1);
	next = *world;
	ask(&next);
	explore(&next, steps - 1);
}

static void in_every_order_the_floor_is_the_oldest_byte_owed(void **state)
{
	(void)state;
	/* numbers that go round, too */
	for (uint8_t oldest = 0; oldest < BC_OWED_MAX; oldest += 5) {
		const struct world start = {.owed = {.oldest = oldest}};

		explore(&start, STEPS_MAX);
	}
	assert_true(worlds_seen > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_owed_claims_nothing),
		cmocka_unit_test(send_claims_its_bytes_until_it_is_settled),
		cmocka_unit_test(
			notification_of_a_later_send_frees_nothing_before_it),
		cmocka_unit_test(there_are_16_numbers_each_given_once),
		cmocka_unit_test(send_that_was_not_asked_for_is_taken_back),
		cmocka_unit_test(empty_send_is_told_when_it_is_settled),
		cmocka_unit_test(number_used_again_remembers_nothing),
		cmocka_unit_test(
			in_every_order_the_floor_is_the_oldest_byte_owed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
