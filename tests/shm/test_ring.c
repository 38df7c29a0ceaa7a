/* SPDX-License-Identifier: MIT */
/*
 * test_ring.c - the ring's rules, with the positions set by hand: on a plain
 * array where no bytes matter, on a mirrored memfd where they do.
 */
#include "support.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/mapping.h"
#include "shm/ring.h"

#define CAPACITY (UINT64_C(1) << 16)

static struct bc_head_shm head;
static unsigned char memory[2 * CAPACITY];
static const struct bc_ring ring = {&head, memory, CAPACITY};

/* Positions at which 32-bit or signed arithmetic would go wrong. */
static const uint64_t bases[] = {
	0,
	CAPACITY,
	(UINT64_C(1) << 31) - 5,
	(UINT64_C(1) << 32) - 5,
	(UINT64_C(1) << 32) + CAPACITY,
	(UINT64_C(1) << 63) - 5,
	(UINT64_C(1) << 63) + CAPACITY,
};
#define BASES (sizeof(bases) / sizeof(bases[0]))

static void set(uint64_t tail, uint64_t reserved)
{
	atomic_store(&head.tail, tail);
	atomic_store(&head.reserved, reserved);
}

static int clear(void **state)
{
	(void)state;
	memset(&head, 0, sizeof(head));
	return 0;
}

/* ---- Writer ------------------------------------------------------------ */

static void address_is_position_modulo_capacity(void **state)
{
	(void)state;

	assert_ptr_equal(bc_ring_address(&ring, 0), memory);
	assert_ptr_equal(bc_ring_address(&ring, CAPACITY - 1),
			 memory + CAPACITY - 1);
	assert_ptr_equal(bc_ring_address(&ring, CAPACITY), memory);
	assert_ptr_equal(bc_ring_address(&ring, (UINT64_C(1) << 63) + 9),
			 memory + 9);
}

static void reserve_announces_before_anything_is_published(void **state)
{
	(void)state;
	for (size_t i = 0; i < BASES; i++) {
		set(bases[i], bases[i]);

		assert_ptr_equal(bc_ring_reserve(&ring, 100),
				 bc_ring_address(&ring, bases[i]));

		assert_int_equal(head.reserved, bases[i] + 100);
		assert_int_equal(head.tail, bases[i]);
	}
}

static void publish_of_less_than_reserved_leaves_reserved(void **state)
{
	(void)state;
	for (size_t i = 0; i < BASES; i++) {
		set(bases[i], bases[i]);
		bc_ring_reserve(&ring, 100);

		bc_ring_publish(&ring, 60, 1234);

		assert_int_equal(head.tail, bases[i] + 60);
		assert_int_equal(head.reserved, bases[i] + 100);
		assert_int_equal(head.published_ns, 1234);
		/* and what is left of it covers the next reservation */
		bc_ring_reserve(&ring, 40);
		assert_int_equal(head.reserved, bases[i] + 100);
		bc_ring_reserve(&ring, 41);
		assert_int_equal(head.reserved, bases[i] + 101);
	}
}

static void smaller_reservation_takes_nothing_back(void **state)
{
	(void)state;
	set(1000, 1000);
	bc_ring_reserve(&ring, 100);

	/* the first may have been written in part already */
	bc_ring_reserve(&ring, 99);
	assert_int_equal(head.reserved, 1100);
	bc_ring_reserve(&ring, 0);
	assert_int_equal(head.reserved, 1100);
	bc_ring_publish(&ring, 100, 0);
	assert_int_equal(head.tail, 1100);
}

static void each_publish_counts_and_the_count_wraps(void **state)
{
	(void)state;
	atomic_store(&head.publish_count, UINT32_MAX);

	bc_ring_publish(&ring, 0, 1);
	assert_int_equal(head.publish_count, 0);
	bc_ring_publish(&ring, 0, 2);
	assert_int_equal(head.publish_count, 1);
	assert_int_equal(head.tail, 0);
}

static void whole_capacity_can_be_reserved_and_published(void **state)
{
	(void)state;
	for (size_t i = 0; i < BASES; i++) {
		uint64_t length;

		set(bases[i], bases[i]);
		bc_ring_reserve(&ring, CAPACITY);
		bc_ring_publish(&ring, CAPACITY, 0);

		assert_int_equal(bc_ring_look(&ring, bases[i], &length),
				 BC_RING_DATA);
		assert_int_equal(length, CAPACITY);
	}
}

static void reserve_too_much(void *argument)
{
	(void)argument;
	/* the message is what is expected: not part of the test's output */
	(void)close(STDERR_FILENO);
	bc_ring_reserve(&ring, CAPACITY + 1);
}

static void publish_too_much(void *argument)
{
	(void)argument;
	(void)close(STDERR_FILENO);
	bc_ring_reserve(&ring, 10);
	bc_ring_publish(&ring, 11, 0);
}

static void writer_that_breaks_its_own_rules_aborts(void **state)
{
	struct test_child child;

	(void)state;

	child = test_fork(reserve_too_much, NULL);
	assert_int_equal(test_join(&child), 128 + 6);
	child = test_fork(publish_too_much, NULL);
	assert_int_equal(test_join(&child), 128 + 6);
}

/* ---- Reader ------------------------------------------------------------ */

static void intact_up_to_capacity_behind_reserved(void **state)
{
	(void)state;
	for (size_t i = 0; i < BASES; i++) {
		uint64_t position = bases[i];

		set(position, position + CAPACITY - 1);
		assert_true(bc_ring_intact(&ring, position));
		set(position, position + CAPACITY);
		assert_true(bc_ring_intact(&ring, position));
		set(position, position + CAPACITY + 1);
		assert_false(bc_ring_intact(&ring, position));
	}
}

static void oldest_is_capacity_behind_reserved_but_not_negative(void **state)
{
	(void)state;

	set(0, CAPACITY - 1);
	assert_int_equal(bc_ring_oldest(&ring), 0);
	set(0, CAPACITY);
	assert_int_equal(bc_ring_oldest(&ring), 0);
	set(0, CAPACITY + 1);
	assert_int_equal(bc_ring_oldest(&ring), 1);
	set(0, (UINT64_C(1) << 63) + CAPACITY);
	assert_int_equal(bc_ring_oldest(&ring), UINT64_C(1) << 63);
}

static void look_tells_data_from_nothing_and_from_lapped(void **state)
{
	(void)state;
	for (size_t i = 0; i < BASES; i++) {
		uint64_t at = bases[i], length = 99;

		set(at, at);
		assert_int_equal(bc_ring_look(&ring, at, &length),
				 BC_RING_EMPTY);
		set(at, at + 1000);
		assert_int_equal(bc_ring_look(&ring, at, &length),
				 BC_RING_EMPTY);
		set(at + CAPACITY, at + CAPACITY + 1);
		assert_int_equal(bc_ring_look(&ring, at, &length),
				 BC_RING_LAPPED);
		assert_int_equal(length, 99);
		set(at + 1, at + 1);
		assert_int_equal(bc_ring_look(&ring, at, &length),
				 BC_RING_DATA);
		assert_int_equal(length, 1);
		set(at + CAPACITY, at + CAPACITY);
		assert_int_equal(bc_ring_look(&ring, at, &length),
				 BC_RING_DATA);
		assert_int_equal(length, CAPACITY);
	}
}

static void empty_is_said_before_lapped(void **state)
{
	uint64_t length;

	(void)state;
	/* the writer reserves a whole ring: a reader at the tail lost nothing
	 */
	set(1000, 1000 + CAPACITY);

	assert_int_equal(bc_ring_look(&ring, 1000, &length), BC_RING_EMPTY);
}

static void damaged_head_is_nonsense(void **state)
{
	const uint64_t at = UINT64_C(1) << 40;
	uint64_t length = 99;

	(void)state;

	/* the tail went back */
	set(at - 1, at + 10);
	assert_int_equal(bc_ring_look(&ring, at, &length), BC_RING_NONSENSE);
	set(0, 0);
	assert_int_equal(bc_ring_look(&ring, at, &length), BC_RING_NONSENSE);
	/* the tail ran away from reserved */
	set(at + CAPACITY + 1, at + 10);
	assert_int_equal(bc_ring_look(&ring, at, &length), BC_RING_NONSENSE);
	set(UINT64_MAX, at);
	assert_int_equal(bc_ring_look(&ring, at, &length), BC_RING_NONSENSE);
	assert_int_equal(length, 99);
}

static void random_heads_never_yield_an_over_long_span(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 200000; i++) {
		uint64_t words[4], position, length = 0;

		test_pattern_fill(11, i * sizeof(words), words, sizeof(words));
		position = words[0] >> words[3] % 64;
		set(position + (words[1] >> (words[3] >> 8) % 64),
		    position + (words[2] >> (words[3] >> 16) % 64));
		if (bc_ring_look(&ring, position, &length) != BC_RING_DATA)
			continue;
		assert_true(length > 0 && length <= CAPACITY);
		assert_int_equal(position + length, head.tail);
		assert_true(head.reserved >= head.tail);
	}
}

/* ---- Going on after a lap ---------------------------------------------- */

static void resync_goes_an_eighth_beyond_the_oldest(void **state)
{
	(void)state;
	for (size_t i = 0; i < BASES; i++) {
		uint64_t end = bases[i] + 2 * CAPACITY;

		set(end, end);

		assert_int_equal(bc_ring_resync(&ring, bases[i]),
				 end - CAPACITY + CAPACITY / 8);
	}
}

static void resync_never_goes_beyond_the_tail(void **state)
{
	const uint64_t end = 4 * CAPACITY;

	(void)state;

	set(end, end + CAPACITY - CAPACITY / 8 - 1);
	assert_int_equal(bc_ring_resync(&ring, 0), end - 1);
	set(end, end + CAPACITY - CAPACITY / 8);
	assert_int_equal(bc_ring_resync(&ring, 0), end);
	set(end, end + CAPACITY - CAPACITY / 8 + 1);
	assert_int_equal(bc_ring_resync(&ring, 0), end);
}

static void resync_never_goes_backwards(void **state)
{
	const uint64_t end = 4 * CAPACITY;
	const uint64_t target = end - CAPACITY + CAPACITY / 8;

	(void)state;
	set(end, end);

	assert_int_equal(bc_ring_resync(&ring, target - 1), target);
	assert_int_equal(bc_ring_resync(&ring, target), target);
	assert_int_equal(bc_ring_resync(&ring, target + 1), target + 1);
	set(0, 0);
	assert_int_equal(bc_ring_resync(&ring, 77), 77);
}

static void lapped_is_always_followed_by_progress(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 100000; i++) {
		uint64_t words[3], length;

		test_pattern_fill(13, i * sizeof(words), words, sizeof(words));
		set(words[0] >> 1 >> words[2] % 63,
		    words[1] >> (words[2] >> 8) % 64);
		if (bc_ring_look(&ring, i, &length) == BC_RING_LAPPED)
			assert_true(bc_ring_resync(&ring, i) > i);
	}
}

/* ---- With bytes -------------------------------------------------------- */

static unsigned char *map_mirror(void)
{
	int fd = memfd_create("ring", MFD_CLOEXEC);
	unsigned char *base = NULL;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, CAPACITY), 0);
	assert_int_equal(bc_mapping_mirror(&base, fd, 0, CAPACITY, true), 0);
	(void)close(fd);
	return base;
}

static void bytes_are_whole_over_the_wrap_and_over_2_to_the_32(void **state)
{
	const struct bc_ring real = {&head, map_mirror(), CAPACITY};

	(void)state;
	for (size_t i = 0; i < BASES; i++) {
		uint64_t at = bases[i];

		set(at, at);
		/* a third of the ring each: the wrap falls in the middle */
		for (unsigned n = 0; n < 7; n++) {
			uint64_t size = CAPACITY / 3 + n, length = 0;
			unsigned char *to = bc_ring_reserve(&real, size);

			test_pattern_fill(5, at, to, size);
			bc_ring_publish(&real, size, 0);
			assert_int_equal(bc_ring_look(&real, at, &length),
					 BC_RING_DATA);
			assert_int_equal(length, size);
			assert_int_equal(
				test_pattern_check(5, at,
						   bc_ring_address(&real, at),
						   length),
				-1);
			assert_true(bc_ring_intact(&real, at));
			at += size;
		}
	}
	bc_mapping_unmirror(real.base, CAPACITY);
}

/* ---- Two threads ------------------------------------------------------- */

#define STREAM_BYTES (UINT64_C(8) << 20)

struct duel {
	struct bc_ring ring;
	bc_u64 read_to; /* what the reader is done with */
	bool gated;	/* the writer waits for the reader */
};

static void *write_stream(void *argument)
{
	struct duel *duel = argument;
	uint64_t tail = 0;

	for (unsigned n = 0; tail < STREAM_BYTES; n++) {
		uint64_t size = 1 + n * 97 % 5000;

		if (size > STREAM_BYTES - tail)
			size = STREAM_BYTES - tail;
		while (duel->gated &&
		       tail + size -
				       atomic_load_explicit(
					       &duel->read_to,
					       memory_order_acquire) >
			       CAPACITY)
			sched_yield();
		test_pattern_fill(9, tail, bc_ring_reserve(&duel->ring, size),
				  size);
		bc_ring_publish(&duel->ring, size, 0);
		tail += size;
	}
	return NULL;
}

/* What one look of the reader came to. Returns the position to go on at. */
static uint64_t read_some(struct duel *duel, uint64_t at, uint64_t *lost)
{
	static unsigned char copy[CAPACITY];
	uint64_t length, to;

	switch (bc_ring_look(&duel->ring, at, &length)) {
	case BC_RING_EMPTY:
		sched_yield();
		return at;
	case BC_RING_DATA:
		memcpy(copy, bc_ring_address(&duel->ring, at), length);
		if (bc_ring_intact(&duel->ring, at)) {
			assert_int_equal(
				test_pattern_check(9, at, copy, length), -1);
			return at + length;
		}
		break;
	case BC_RING_LAPPED:
		break;
	case BC_RING_NONSENSE:
		fail_msg("nonsense from a sound writer");
	}
	to = bc_ring_resync(&duel->ring, at);
	assert_true(to > at);
	*lost += to - at;
	return to;
}

static uint64_t fight(struct duel *duel)
{
	uint64_t end_ms = test_now_ms() + 2 * DEADLINE_MS;
	uint64_t at = 0, lost = 0;
	pthread_t writer;

	duel->ring = (struct bc_ring){&head, map_mirror(), CAPACITY};
	assert_int_equal(pthread_create(&writer, NULL, write_stream, duel), 0);
	while (at < STREAM_BYTES && test_now_ms() < end_ms) {
		at = read_some(duel, at, &lost);
		atomic_store_explicit(&duel->read_to, at, memory_order_release);
	}
	assert_int_equal(at, STREAM_BYTES);
	assert_int_equal(pthread_join(writer, NULL), 0);
	bc_mapping_unmirror(duel->ring.base, CAPACITY);
	return lost;
}

static void gated_reader_gets_every_byte(void **state)
{
	struct duel duel = {.gated = true};

	(void)state;

	assert_int_equal(fight(&duel), 0);
}

static void free_running_writer_never_slips_a_wrong_byte_through(void **state)
{
	struct duel duel = {.gated = false};

	(void)state;

	/* each byte is either lost and counted, or right: fight() asserts */
	assert_true(fight(&duel) <= STREAM_BYTES);
}

#define TEST(name) cmocka_unit_test_setup(name, clear)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(address_is_position_modulo_capacity),
		TEST(reserve_announces_before_anything_is_published),
		TEST(publish_of_less_than_reserved_leaves_reserved),
		TEST(smaller_reservation_takes_nothing_back),
		TEST(each_publish_counts_and_the_count_wraps),
		TEST(whole_capacity_can_be_reserved_and_published),
		TEST(writer_that_breaks_its_own_rules_aborts),
		TEST(intact_up_to_capacity_behind_reserved),
		TEST(oldest_is_capacity_behind_reserved_but_not_negative),
		TEST(look_tells_data_from_nothing_and_from_lapped),
		TEST(empty_is_said_before_lapped),
		TEST(damaged_head_is_nonsense),
		TEST(random_heads_never_yield_an_over_long_span),
		TEST(resync_goes_an_eighth_beyond_the_oldest),
		TEST(resync_never_goes_beyond_the_tail),
		TEST(resync_never_goes_backwards),
		TEST(lapped_is_always_followed_by_progress),
		TEST(bytes_are_whole_over_the_wrap_and_over_2_to_the_32),
		TEST(gated_reader_gets_every_byte),
		TEST(free_running_writer_never_slips_a_wrong_byte_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
