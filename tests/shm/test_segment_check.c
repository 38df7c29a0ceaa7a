/* SPDX-License-Identifier: MIT */
/*
 * test_segment_check.c - control blocks of every kind of wrong. The page given
 * is exactly a page of the heap, so that a sanitizer sees any step beyond it.
 */
#include "support.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bcast/bcast.h>

#include "shm/segment_check.h"

#define RING	    BC_HUGE
#define CAPACITY    BCAST_RING_MIN
#define OBJECT_SIZE (RING + CAPACITY)

static struct bc_control_shm *control;

static int make_sound(void **state)
{
	struct bc_identity_shm *identity;

	(void)state;
	control = aligned_alloc(BC_PAGE, BC_PAGE);
	if (!control)
		return -1;
	memset(control, 0, BC_PAGE);
	identity = &control->identity;
	identity->magic = BC_MAGIC;
	identity->layout_version = BC_LAYOUT_VERSION;
	identity->layout_id = bc_layout_id();
	identity->epoch = 1;
	identity->capacity = CAPACITY;
	identity->ring_offset = RING;
	identity->segment_size = OBJECT_SIZE;
	identity->region_count = 2;
	control->regions[0] = (struct bc_region_shm){
		.id = BC_REGION_COUNTERS,
		.entry_size = sizeof(struct bc_counter_shm),
		.entry_count = 128,
		.offset = BC_PAGE,
	};
	control->regions[1] = (struct bc_region_shm){
		.id = BC_REGION_PEERS,
		.entry_size = sizeof(struct bc_peer_shm),
		.entry_count = 10,
		.offset = BC_PAGE + 128 * sizeof(struct bc_counter_shm),
	};
	return 0;
}

static int drop(void **state)
{
	(void)state;
	free(control);
	return 0;
}

static int check(void)
{
	struct bc_geometry geometry;

	return bc_segment_check(control, OBJECT_SIZE, &geometry);
}

static void sound_block_is_copied_out(void **state)
{
	struct bc_geometry geometry;

	(void)state;

	assert_int_equal(bc_segment_check(control, OBJECT_SIZE, &geometry), 0);
	assert_int_equal(geometry.capacity, CAPACITY);
	assert_int_equal(geometry.ring_offset, RING);
	assert_int_equal(geometry.segment_size, OBJECT_SIZE);
	assert_int_equal(geometry.regions[BC_REGION_COUNTERS].offset, BC_PAGE);
	assert_int_equal(geometry.regions[BC_REGION_COUNTERS].count, 128);
	assert_int_equal(geometry.regions[BC_REGION_PEERS].count, 10);
	assert_int_equal(geometry.regions[BC_REGION_FACTS].offset, 0);
}

static void failure_leaves_the_geometry_alone(void **state)
{
	struct bc_geometry geometry, before;

	(void)state;
	memset(&geometry, 0x5a, sizeof(geometry));
	before = geometry;
	control->regions[1].offset = 1;

	assert_int_equal(bc_segment_check(control, OBJECT_SIZE, &geometry),
			 BCAST_EFOREIGN);
	assert_memory_equal(&geometry, &before, sizeof(before));
}

static void wrong_magic_version_and_layout_are_told_apart(void **state)
{
	(void)state;

	control->identity.magic = 0;
	assert_int_equal(check(), BCAST_ENOTREADY);
	control->identity.magic = BC_MAGIC + 1;
	assert_int_equal(check(), BCAST_EFOREIGN);
	control->identity.magic = BC_REGISTRY_MAGIC;
	assert_int_equal(check(), BCAST_EFOREIGN);
	control->identity.magic = BC_MAGIC;
	control->identity.layout_version = BC_LAYOUT_VERSION + 1;
	assert_int_equal(check(), BCAST_EVERSION);
	control->identity.layout_version = BC_LAYOUT_VERSION - 1;
	assert_int_equal(check(), BCAST_EVERSION);
	control->identity.layout_version = BC_LAYOUT_VERSION;
	control->identity.layout_id ^= 1;
	assert_int_equal(check(), BCAST_ELAYOUT);
}

static void object_must_be_as_long_as_it_says(void **state)
{
	struct bc_geometry geometry;

	(void)state;

	assert_int_equal(bc_segment_check(control, 0, &geometry),
			 BCAST_ETOOSMALL);
	assert_int_equal(bc_segment_check(control, BC_PAGE - 1, &geometry),
			 BCAST_ETOOSMALL);
	assert_int_equal(bc_segment_check(control, BC_PAGE, &geometry),
			 BCAST_ETOOSMALL);
	assert_int_equal(bc_segment_check(control, OBJECT_SIZE - 1, &geometry),
			 BCAST_ETOOSMALL);
	assert_int_equal(bc_segment_check(control, OBJECT_SIZE, &geometry), 0);
	assert_int_equal(bc_segment_check(control, OBJECT_SIZE + 1, &geometry),
			 0);
}

struct bound {
	uint64_t value;
	int result;
};

/* Give one field each value, and compare with what is to be said to it. */
static void try_each(uint64_t *field, const struct bound *bounds, size_t count)
{
	uint64_t sound = *field;

	for (size_t i = 0; i < count; i++) {
		*field = bounds[i].value;
		if (check() != bounds[i].result)
			fail_msg("%llx is answered with %d",
				 (unsigned long long)bounds[i].value, check());
		*field = sound;
	}
	assert_int_equal(check(), 0);
}

static void capacity_is_a_power_of_two_within_its_bounds(void **state)
{
	static const struct bound bounds[] = {
		{0, BCAST_EFOREIGN},
		{1, BCAST_EFOREIGN},
		{BCAST_RING_MIN / 2, BCAST_EFOREIGN},
		{BCAST_RING_MIN - 1, BCAST_EFOREIGN},
		{BCAST_RING_MIN, 0},
		{BCAST_RING_MIN + 1, BCAST_EFOREIGN},
		/* a valid capacity, but more than the object has */
		{BCAST_RING_MIN * 2, BCAST_EFOREIGN},
		{BCAST_RING_MAX, BCAST_EFOREIGN},
		{BCAST_RING_MAX * 2, BCAST_EFOREIGN},
		{UINT64_C(1) << 63, BCAST_EFOREIGN},
		{UINT64_MAX, BCAST_EFOREIGN},
	};

	(void)state;

	try_each(&control->identity.capacity, bounds,
		 sizeof(bounds) / sizeof(bounds[0]));
}

static void largest_ring_is_accepted(void **state)
{
	struct bc_geometry geometry;

	(void)state;
	control->identity.capacity = BCAST_RING_MAX;
	control->identity.segment_size = RING + BCAST_RING_MAX;

	assert_int_equal(
		bc_segment_check(control, RING + BCAST_RING_MAX, &geometry), 0);
	assert_int_equal(
		bc_segment_check(control, RING + BCAST_RING_MAX - 1, &geometry),
		BCAST_ETOOSMALL);
}

static void ring_offset_is_bounded_and_aligned(void **state)
{
	static const struct bound bounds[] = {
		{0, BCAST_EFOREIGN},
		{BC_PAGE, BCAST_EFOREIGN},
		{BC_HUGE - 1, BCAST_EFOREIGN},
		{BC_HUGE, 0},
		{BC_HUGE + 1, BCAST_EFOREIGN},
		{2 * BC_HUGE, BCAST_EFOREIGN}, /* beyond segment_size */
		{BCAST_RING_MAX, BCAST_EFOREIGN},
		{BCAST_RING_MAX + BC_HUGE, BCAST_EFOREIGN},
		{UINT64_C(1) << 63, BCAST_EFOREIGN},
		{~(BC_HUGE - 1), BCAST_EFOREIGN},
	};

	(void)state;

	try_each(&control->identity.ring_offset, bounds,
		 sizeof(bounds) / sizeof(bounds[0]));
}

static void offset_and_capacity_that_overflow_are_refused(void **state)
{
	struct bc_geometry geometry;

	(void)state;
	/* their sum is small again */
	control->identity.capacity = BCAST_RING_MAX;
	control->identity.ring_offset = ~(BC_HUGE - 1);
	control->identity.segment_size = BCAST_RING_MAX;

	assert_int_equal(bc_segment_check(control, BCAST_RING_MAX, &geometry),
			 BCAST_EFOREIGN);
}

static void segment_size_holds_the_ring_and_fits_the_object(void **state)
{
	static const struct bound bounds[] = {
		{0, BCAST_EFOREIGN},
		{OBJECT_SIZE - 1, BCAST_EFOREIGN},
		{OBJECT_SIZE, 0},
		{OBJECT_SIZE + 1, BCAST_ETOOSMALL},
		{UINT64_MAX, BCAST_ETOOSMALL},
	};

	(void)state;

	try_each(&control->identity.segment_size, bounds,
		 sizeof(bounds) / sizeof(bounds[0]));
}

static void region_count_is_bounded_by_the_directory(void **state)
{
	(void)state;

	control->identity.region_count = BC_REGION_MAX;
	assert_int_equal(check(), 0);
	control->identity.region_count = BC_REGION_MAX + 1;
	assert_int_equal(check(), BCAST_EFOREIGN);
	control->identity.region_count = UINT32_MAX;
	assert_int_equal(check(), BCAST_EFOREIGN);
	control->identity.region_count = 0;
	assert_int_equal(check(), 0);
}

static void regions_lie_between_control_block_and_ring(void **state)
{
	static const struct bound offsets[] = {
		{0, BCAST_EFOREIGN},
		{BC_PAGE - BC_LINE, BCAST_EFOREIGN},
		{BC_PAGE, 0},
		{BC_PAGE + 1, BCAST_EFOREIGN},
		{BC_PAGE + BC_LINE, 0},
		{RING - 10 * 256 - BC_LINE, 0},
		{RING - 10 * 256, 0},
		{RING - 10 * 256 + BC_LINE, BCAST_EFOREIGN},
		{RING, BCAST_EFOREIGN},
		{RING + BC_LINE, BCAST_EFOREIGN},
		{UINT64_MAX - BC_LINE + 1, BCAST_EFOREIGN},
	};

	(void)state;

	try_each(&control->regions[1].offset, offsets,
		 sizeof(offsets) / sizeof(offsets[0]));
}

static void region_counts_that_overflow_are_refused(void **state)
{
	const uint64_t most = (RING - control->regions[1].offset) /
			      sizeof(struct bc_peer_shm);
	const struct bound counts[] = {
		{0, 0},
		{most - 1, 0},
		{most, 0},
		{most + 1, BCAST_EFOREIGN},
		{UINT32_MAX, BCAST_EFOREIGN},
		{UINT64_C(1) << 32, BCAST_EFOREIGN},
		/* times 256 these are small again */
		{UINT64_C(1) << 56, BCAST_EFOREIGN},
		{(UINT64_C(1) << 56) + 1, BCAST_EFOREIGN},
		{UINT64_MAX, BCAST_EFOREIGN},
	};

	(void)state;

	try_each(&control->regions[1].entry_count, counts,
		 sizeof(counts) / sizeof(counts[0]));
}

static void entries_of_another_size_are_another_layout(void **state)
{
	(void)state;

	control->regions[1].entry_size = 255;
	assert_int_equal(check(), BCAST_ELAYOUT);
	control->regions[1].entry_size = 0;
	assert_int_equal(check(), BCAST_ELAYOUT);
	control->regions[1].entry_size = 257;
	assert_int_equal(check(), BCAST_ELAYOUT);
}

static void regions_of_unknown_id_are_passed_over(void **state)
{
	static const uint32_t ids[] = {0, 8, BC_REGION_MAX, UINT32_MAX};
	struct bc_geometry geometry;

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		memset(&control->regions[1], 0xff, sizeof(control->regions[1]));
		control->regions[1].id = ids[i];

		assert_int_equal(
			bc_segment_check(control, OBJECT_SIZE, &geometry), 0);
		assert_int_equal(geometry.regions[BC_REGION_PEERS].count, 0);
	}
	for (uint32_t id = 1; id <= 7; id++)
		assert_true(bc_segment_entry_size(id) > 0);
	assert_int_equal(bc_segment_entry_size(0), 0);
	assert_int_equal(bc_segment_entry_size(8), 0);
}

/* Whatever is accepted must lie within the object, region by region. */
static void expect_sound(const struct bc_geometry *geometry, uint64_t size)
{
	assert_true(geometry->ring_offset + geometry->capacity <= size);
	for (uint32_t id = 0; id < BC_REGION_MAX; id++) {
		uint64_t bytes = (uint64_t)geometry->regions[id].count *
				 bc_segment_entry_size(id);

		assert_true(geometry->regions[id].offset + bytes <=
			    geometry->ring_offset);
	}
}

static void random_damage_is_never_accepted_out_of_bounds(void **state)
{
	struct bc_control_shm sound = *control;
	unsigned accepted = 0;

	(void)state;
	for (uint64_t i = 0; i < 100000; i++) {
		struct bc_geometry geometry;
		uint64_t dice[9];

		test_pattern_fill(17, i * sizeof(dice), dice, sizeof(dice));
		*control = sound;
		/* one to four words, anywhere in identity or regions */
		for (unsigned n = 0; n <= dice[8] % 4; n++) {
			uint64_t word = dice[n] % 24;
			uint64_t *at = (uint64_t *)(void *)control +
				       (word < 16 ? word : 128 + word - 16);

			*at = dice[4 + n] >> dice[n] / 24 % 64;
		}
		if (bc_segment_check(control, OBJECT_SIZE, &geometry) == 0) {
			expect_sound(&geometry, OBJECT_SIZE);
			accepted++;
		}
	}
	assert_true(accepted > 0);
}

static void pages_of_noise_are_foreign(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 1000; i++) {
		test_pattern_fill(19, i * BC_PAGE, control, BC_PAGE);

		assert_int_equal(check(), BCAST_EFOREIGN);
	}
}

static _Atomic bool stop;

/* A hostile owner: sound and unsound values in turns, while others look. */
static void *change_all_the_time(void *argument)
{
	volatile struct bc_region_shm *region = argument;
	volatile uint32_t *region_count =
		(volatile uint32_t *)&control->identity.region_count;

	while (!atomic_load(&stop)) {
		region->id = UINT32_MAX;
		region->offset = UINT64_MAX;
		*region_count = UINT32_MAX;
		region->entry_count = UINT64_MAX;
		region->id = BC_REGION_PEERS;
		region->offset = BC_PAGE;
		*region_count = 2;
		region->entry_count = 10;
	}
	return NULL;
}

static void page_that_changes_meanwhile_is_judged_as_copied(void **state)
{
	uint64_t end_ms = test_now_ms() + 200;
	struct bc_geometry geometry;
	pthread_t thread;

	(void)state;
	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&thread, NULL, change_all_the_time,
					&control->regions[1]),
			 0);

	while (test_now_ms() < end_ms)
		if (bc_segment_check(control, OBJECT_SIZE, &geometry) == 0)
			expect_sound(&geometry, OBJECT_SIZE);

	atomic_store(&stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_sound, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sound_block_is_copied_out),
		TEST(failure_leaves_the_geometry_alone),
		TEST(wrong_magic_version_and_layout_are_told_apart),
		TEST(object_must_be_as_long_as_it_says),
		TEST(capacity_is_a_power_of_two_within_its_bounds),
		TEST(largest_ring_is_accepted),
		TEST(ring_offset_is_bounded_and_aligned),
		TEST(offset_and_capacity_that_overflow_are_refused),
		TEST(segment_size_holds_the_ring_and_fits_the_object),
		TEST(region_count_is_bounded_by_the_directory),
		TEST(regions_lie_between_control_block_and_ring),
		TEST(region_counts_that_overflow_are_refused),
		TEST(entries_of_another_size_are_another_layout),
		TEST(regions_of_unknown_id_are_passed_over),
		TEST(random_damage_is_never_accepted_out_of_bounds),
		TEST(pages_of_noise_are_foreign),
		TEST(page_that_changes_meanwhile_is_judged_as_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
