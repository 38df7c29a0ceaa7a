/* SPDX-License-Identifier: MIT */
/* test_registry_check.c - which headers are believed, and that no garbage is.
 */
#include "support.h"

#include <string.h>

#include <bcast/bcast.h>

#include "shm/registry.h"
#include "shm/registry_check.h"

static const uint64_t size_of_4 =
	BC_PAGE + 4 * BC_PAGE + 4 * (BC_PAGE + BC_INBOX_BYTES_DEFAULT);

static void sound(struct bc_registry_shm *header)
{
	memset(header, 0, sizeof(*header));
	header->magic = BC_REGISTRY_MAGIC;
	header->layout_version = BC_LAYOUT_VERSION;
	header->layout_id = bc_layout_id();
	header->epoch = 77;
	header->object_size = size_of_4;
	header->node_count = 4;
	header->slot_size = sizeof(struct bc_node_shm);
	header->slots_offset = BC_PAGE;
	header->inboxes_offset = 5 * BC_PAGE;
	header->inbox_size = BC_PAGE + BC_INBOX_BYTES_DEFAULT;
}

static void sound_header_is_taken_as_it_is(void **state)
{
	struct bc_registry_shm header;
	struct bc_registry_geometry geometry;

	(void)state;
	sound(&header);

	assert_int_equal(bc_registry_check(&header, size_of_4, &geometry), 0);

	assert_int_equal(geometry.epoch, 77);
	assert_int_equal(geometry.node_count, 4);
	assert_int_equal(geometry.slots_offset, BC_PAGE);
	assert_int_equal(geometry.slots_end, 5 * BC_PAGE);
	assert_int_equal(geometry.inboxes_offset, 5 * BC_PAGE);
	assert_int_equal(geometry.inbox_size, BC_PAGE + BC_INBOX_BYTES_DEFAULT);
}

/* A sound header but for this one field. */
#define REFUSED(field, value, code)                                       \
	do {                                                              \
		sound(&header);                                           \
		header.field = (value);                                   \
		assert_int_equal(                                         \
			bc_registry_check(&header, size_of_4, &geometry), \
			(code));                                          \
	} while (0)

static void each_wrong_field_is_refused_by_its_own_code(void **state)
{
	struct bc_registry_shm header;
	struct bc_registry_geometry geometry;

	(void)state;
	REFUSED(magic, 0, BCAST_ENOTREADY);
	REFUSED(magic, BC_MAGIC, BCAST_EFOREIGN);
	REFUSED(layout_version, BC_LAYOUT_VERSION + 1, BCAST_EVERSION);
	REFUSED(layout_id, 1, BCAST_ELAYOUT);
	REFUSED(node_count, 0, BCAST_EFOREIGN);
	REFUSED(node_count, 3, BCAST_EFOREIGN);
	REFUSED(node_count, 5, BCAST_EFOREIGN);
	REFUSED(node_count, UINT32_MAX, BCAST_EFOREIGN);
	REFUSED(slot_size, 4095, BCAST_EFOREIGN);
	REFUSED(slots_offset, 0, BCAST_EFOREIGN);
	REFUSED(inboxes_offset, 6 * BC_PAGE, BCAST_EFOREIGN);
	REFUSED(inbox_size, BC_PAGE, BCAST_EFOREIGN);
	REFUSED(inbox_size, 0, BCAST_EFOREIGN);
	REFUSED(inbox_size, UINT64_MAX, BCAST_EFOREIGN);
	REFUSED(object_size, size_of_4 - 1, BCAST_EFOREIGN);
	REFUSED(object_size, UINT64_MAX, BCAST_EFOREIGN);
}

static void object_must_be_as_long_as_it_says(void **state)
{
	struct bc_registry_shm header;
	struct bc_registry_geometry geometry;

	(void)state;
	sound(&header);

	assert_int_equal(bc_registry_check(&header, 0, &geometry),
			 BCAST_ENOTREADY);
	assert_int_equal(bc_registry_check(&header, BC_PAGE - 1, &geometry),
			 BCAST_ETOOSMALL);
	assert_int_equal(bc_registry_check(&header, size_of_4 - 1, &geometry),
			 BCAST_ETOOSMALL);
	assert_int_equal(bc_registry_check(&header, size_of_4, &geometry), 0);
	assert_int_equal(bc_registry_check(&header, size_of_4 + 1, &geometry),
			 0);
}

/* Whatever is accepted lies within the object. */
static void garbage_is_never_believed(void **state)
{
	struct bc_registry_shm header;
	struct bc_registry_geometry geometry;
	uint64_t accepted = 0;

	(void)state;
	for (uint64_t round = 0; round < 200000; round++) {
		uint64_t random[2];
		size_t at;

		test_pattern_fill(round, 0, random, sizeof(random));
		sound(&header);
		at = random[0] % (offsetof(struct bc_registry_shm, membership) -
				  sizeof(uint64_t));
		memcpy((unsigned char *)&header + at, &random[1],
		       1 + random[0] / 256 % sizeof(uint64_t));
		if (bc_registry_check(&header, size_of_4, &geometry) != 0)
			continue;
		accepted++;
		assert_int_equal(geometry.node_count, 4);
		assert_true(geometry.slots_end <= size_of_4);
		assert_true(geometry.inboxes_offset +
				    geometry.node_count * geometry.inbox_size <=
			    size_of_4);
	}
	/* changes of epoch and of unused fields, so not none */
	assert_true(accepted > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sound_header_is_taken_as_it_is),
		cmocka_unit_test(each_wrong_field_is_refused_by_its_own_code),
		cmocka_unit_test(object_must_be_as_long_as_it_says),
		cmocka_unit_test(garbage_is_never_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
