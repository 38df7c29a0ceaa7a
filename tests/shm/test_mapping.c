/* SPDX-License-Identifier: MIT */
/* test_mapping.c - the same pages twice in a row, and what cannot be mapped. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/layout.h"
#include "shm/mapping.h"

#define CAPACITY (UINT64_C(1) << 16)
#define OFFSET	 BC_HUGE

static int memory_fd = -1;

static int open_memory(void **state)
{
	(void)state;
	memory_fd = memfd_create("ring", MFD_CLOEXEC);
	return memory_fd < 0 || ftruncate(memory_fd, OFFSET + CAPACITY) < 0;
}

static int close_memory(void **state)
{
	(void)state;
	return close(memory_fd);
}

static void byte_written_in_one_half_is_read_in_the_other(void **state)
{
	unsigned char *ring = NULL;

	(void)state;
	assert_int_equal(
		bc_mapping_mirror(&ring, memory_fd, OFFSET, CAPACITY, true), 0);

	ring[0] = 1;
	ring[2 * CAPACITY - 1] = 2;

	assert_int_equal(ring[CAPACITY], 1);
	assert_int_equal(ring[CAPACITY - 1], 2);
	bc_mapping_unmirror(ring, CAPACITY);
}

static void span_over_the_wrap_is_one_piece(void **state)
{
	static unsigned char bytes[1000];
	unsigned char *ring = NULL;

	(void)state;
	assert_int_equal(
		bc_mapping_mirror(&ring, memory_fd, OFFSET, CAPACITY, true), 0);

	test_pattern_fill(3, 0, ring + CAPACITY - 500, 1000);

	/* half of it at the end of the file, half at the ring's start */
	assert_int_equal(pread(memory_fd, bytes, 500, OFFSET + CAPACITY - 500),
			 500);
	assert_int_equal(pread(memory_fd, bytes + 500, 500, OFFSET), 500);
	assert_int_equal(test_pattern_check(3, 0, bytes, 1000), -1);
	bc_mapping_unmirror(ring, CAPACITY);
}

static void address_is_aligned_to_2_mib(void **state)
{
	unsigned char *rings[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(bc_mapping_mirror(&rings[i], memory_fd, OFFSET,
						   CAPACITY, false),
				 0);
		assert_int_equal((uintptr_t)rings[i] % BC_HUGE, 0);
	}
	for (unsigned i = 0; i < 3; i++)
		bc_mapping_unmirror(rings[i], CAPACITY);
}

static unsigned count_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	unsigned count = 0;

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		count++;
	(void)fclose(maps);
	return count;
}

static void nothing_stays_mapped_after_undoing_or_failing(void **state)
{
	unsigned char *ring = NULL;
	unsigned before;

	(void)state;
	count_mappings(); /* stdio's buffer comes first */
	before = count_mappings();

	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(bc_mapping_mirror(&ring, memory_fd, OFFSET,
						   CAPACITY, true),
				 0);
		bc_mapping_unmirror(ring, CAPACITY);
		assert_true(bc_mapping_mirror(&ring, -1, OFFSET, CAPACITY,
					      true) < 0);
	}

	assert_true(count_mappings() <= before + 2);
}

static void writable_mapping_of_read_only_descriptor_is_refused(void **state)
{
	unsigned char *ring = NULL;
	char path[64];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory_fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);

	assert_int_equal(bc_mapping_mirror(&ring, fd, OFFSET, CAPACITY, true),
			 -EACCES);
	assert_null(ring);
	assert_int_equal(bc_mapping_mirror(&ring, fd, OFFSET, CAPACITY, false),
			 0);

	bc_mapping_unmirror(ring, CAPACITY);
	(void)close(fd);
}

static void node_of_a_page_is_the_kernel_s_word(void **state)
{
	unsigned char *ring = NULL;
	int node;

	(void)state;
	assert_int_equal(
		bc_mapping_mirror(&ring, memory_fd, OFFSET, CAPACITY, true), 0);
	bc_mapping_want_huge(ring, CAPACITY);
	assert_int_equal(bc_mapping_populate(ring, CAPACITY), 0);
	node = bc_mapping_node(ring);

	/* a kernel without NUMA, or a filter, does not say */
	assert_true(node >= 0 || node == -ENOSYS || node == -EPERM);
	assert_int_equal(bc_mapping_node(ring + CAPACITY), node);
	bc_mapping_unmirror(ring, CAPACITY);
	if (node >= 0)
		assert_int_equal(bc_mapping_node(NULL), -EFAULT);
}

static void impossible_sizes_and_offsets_are_errors(void **state)
{
	unsigned char *ring = NULL;

	(void)state;

	assert_int_equal(bc_mapping_mirror(&ring, memory_fd, OFFSET,
					   UINT64_C(1) << 60, false),
			 -ENOMEM);
	assert_int_equal(bc_mapping_mirror(&ring, memory_fd, OFFSET + 1,
					   CAPACITY, false),
			 -EINVAL);
	assert_int_equal(bc_mapping_mirror(&ring, -1, OFFSET, CAPACITY, false),
			 -EBADF);
	assert_null(ring);
	bc_mapping_unmirror(NULL, CAPACITY);
}

static void populating_makes_pages_resident(void **state)
{
	unsigned char resident[CAPACITY / BC_PAGE];
	unsigned char *ring = NULL;

	(void)state;
	assert_int_equal(
		bc_mapping_mirror(&ring, memory_fd, OFFSET, CAPACITY, true), 0);

	assert_int_equal(bc_mapping_populate(ring, 2 * CAPACITY), 0);

	assert_int_equal(mincore(ring, CAPACITY, resident), 0);
	for (size_t i = 0; i < sizeof(resident); i++)
		assert_true(resident[i] & 1);
	bc_mapping_unmirror(ring, CAPACITY);
}

static void populating_beyond_the_file_is_an_error_and_no_signal(void **state)
{
	unsigned char *ring = NULL;

	(void)state;
	assert_int_equal(
		bc_mapping_mirror(&ring, memory_fd, OFFSET, 4 * CAPACITY, true),
		0);

	assert_int_equal(bc_mapping_populate(ring, 4 * CAPACITY), -EFAULT);

	bc_mapping_unmirror(ring, 4 * CAPACITY);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, open_memory, close_memory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(byte_written_in_one_half_is_read_in_the_other),
		TEST(span_over_the_wrap_is_one_piece),
		TEST(address_is_aligned_to_2_mib),
		TEST(nothing_stays_mapped_after_undoing_or_failing),
		TEST(writable_mapping_of_read_only_descriptor_is_refused),
		TEST(impossible_sizes_and_offsets_are_errors),
		TEST(node_of_a_page_is_the_kernel_s_word),
		TEST(populating_makes_pages_resident),
		TEST(populating_beyond_the_file_is_an_error_and_no_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
