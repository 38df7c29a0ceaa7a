/* SPDX-License-Identifier: MIT */
/* test_segment_map.c - attaching: each failure by its own name. */
#include "stream.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bcast/bcast.h>

static struct test_stream stream;

static int open_stream(void **state)
{
	(void)state;
	return test_stream_open(&stream, test_name());
}

static int close_stream(void **state)
{
	(void)state;
	test_stream_close(&stream);
	return 0;
}

static int attach(const char *name)
{
	struct bc_segment segment = {.fd = -1};
	int ret = bc_segment_attach(&segment, name, BC_VIEW_ALL);

	if (ret < 0)
		assert_int_equal(segment.fd, -1); /* untouched */
	else
		bc_segment_close(&segment);
	return ret;
}

static void attached_segment_shows_the_same_bytes(void **state)
{
	struct bc_segment view;

	(void)state;
	test_stream_write(&stream, 1000);

	assert_int_equal(bc_segment_attach(&view, stream.name, BC_VIEW_ALL), 0);

	assert_int_equal(bc_ring_tail(&view.ring), 1000);
	assert_int_equal(test_pattern_check(TEST_SEED, 0, view.ring.base, 1000),
			 -1);
	assert_string_equal(view.name, stream.name);
	assert_false(view.writable);
	assert_int_equal(view.regions[BC_REGION_PEERS].count,
			 stream.segment.regions[BC_REGION_PEERS].count);
	assert_int_equal(bc_segment_owner_alive(&view), 1);
	bc_segment_close(&view);
	bc_segment_close(&view);
}

static void view_of_the_control_block_maps_no_ring(void **state)
{
	struct bc_segment view;

	(void)state;

	assert_int_equal(bc_segment_attach(&view, stream.name, BC_VIEW_CONTROL),
			 0);

	assert_null(view.ring.base);
	assert_int_equal(view.ring.capacity, TEST_CAPACITY);
	assert_int_equal(view.control->owner.state, BC_STATE_LIVE);
	bc_segment_close(&view);
}

static void whoever_has_it_mapped_keeps_it_after_the_unlink(void **state)
{
	struct bc_segment view;

	(void)state;
	assert_int_equal(bc_segment_attach(&view, stream.name, BC_VIEW_ALL), 0);

	assert_int_equal(bc_segment_unlink(&stream.segment), 0);
	test_stream_write(&stream, 10);

	assert_int_equal(attach(stream.name), -ENOENT);
	assert_int_equal(bc_ring_tail(&view.ring), 10);
	bc_segment_close(&view);
}

static void absent_and_misnamed_are_told_apart(void **state)
{
	(void)state;

	assert_int_equal(attach(test_name()), -ENOENT);
	assert_int_equal(attach("../etc/passwd"), BCAST_ENAME);
	assert_int_equal(attach(""), BCAST_ENAME);
	assert_int_equal(attach(NULL), BCAST_ENAME);
}

static void half_made_object_is_not_ready(void **state)
{
	const char *name = test_name();
	const uint64_t no_magic = 0;

	(void)state;

	test_object_create(name, "", 0);
	assert_int_equal(attach(name), BCAST_ENOTREADY);
	test_object_unlink(name, "");
	test_object_create(name, "", BC_PAGE);
	assert_int_equal(attach(name), BCAST_ENOTREADY);
	test_object_unlink(name, "");
	test_object_write(stream.name, "", 0, &no_magic, 8);
	assert_int_equal(attach(stream.name), BCAST_ENOTREADY);
}

static void object_of_less_than_a_page_is_too_small(void **state)
{
	static const uint64_t sizes[] = {1, BC_PAGE - 1};
	const char *name = test_name();

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		test_object_create(name, "", sizes[i]);
		assert_int_equal(attach(name), BCAST_ETOOSMALL);
		test_object_unlink(name, "");
	}
}

static void truncated_object_is_too_small(void **state)
{
	const off_t size = (off_t)stream.segment.segment_size;
	int fd = stream.segment.fd;

	(void)state;

	assert_int_equal(ftruncate(fd, size - 1), 0);
	assert_int_equal(attach(stream.name), BCAST_ETOOSMALL);
	assert_int_equal(ftruncate(fd, (off_t)BC_HUGE), 0);
	assert_int_equal(attach(stream.name), BCAST_ETOOSMALL);
	assert_int_equal(ftruncate(fd, BC_PAGE), 0);
	assert_int_equal(attach(stream.name), BCAST_ETOOSMALL);
	assert_int_equal(ftruncate(fd, size + 1), 0);
	assert_int_equal(attach(stream.name), 0);
}

static void foreign_bytes_versions_and_layouts_are_told_apart(void **state)
{
	const char *name = stream.name;
	const uint64_t elf = 0x00010102464c457f, magic = BC_MAGIC;
	const uint32_t other = 99, version = BC_LAYOUT_VERSION;

	(void)state;

	test_object_write(name, "", 0, &elf, 8);
	assert_int_equal(attach(name), BCAST_EFOREIGN);
	test_object_write(name, "", 0, &magic, 8);
	test_object_write(name, "", 8, &other, 4);
	assert_int_equal(attach(name), BCAST_EVERSION);
	test_object_write(name, "", 8, &version, 4);
	assert_int_equal(attach(name), 0);
	test_object_write(name, "", 12, &other, 4);
	assert_int_equal(attach(name), BCAST_ELAYOUT);
}

static void what_is_no_file_is_foreign_and_blocks_nobody(void **state)
{
	const char *name = test_name();
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "/dev/shm/bcast.%s", name);

	/* opening a pipe waits for a writer that never comes */
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(attach(name), BCAST_EFOREIGN);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(attach(name), BCAST_EFOREIGN);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(attach(name), BCAST_EFOREIGN);
	assert_int_equal(unlink(path), 0);
}

static void object_that_all_may_write_to_is_foreign(void **state)
{
	(void)state;

	assert_int_equal(fchmod(stream.segment.fd, 0666), 0);
	assert_int_equal(attach(stream.name), BCAST_EFOREIGN);
	assert_int_equal(fchmod(stream.segment.fd, 0602), 0);
	assert_int_equal(attach(stream.name), BCAST_EFOREIGN);
	assert_int_equal(fchmod(stream.segment.fd, 0664), 0);
	assert_int_equal(attach(stream.name), 0);
}

static void segment_is_known_by_its_name_and_rights(void **state)
{
	struct bc_segment_rights rights;
	char path[128], elsewhere[144];

	(void)state;
	snprintf(path, sizeof(path), "/dev/shm/bcast.%s", stream.name);
	snprintf(elsewhere, sizeof(elsewhere), "%s.x", path);
	assert_int_equal(fchmod(stream.segment.fd, 0604), 0);
	assert_int_equal(bc_segment_rights(&stream.segment, &rights), 0);
	assert_int_equal(rights.owner, geteuid());
	assert_int_equal(rights.group, getegid());
	assert_int_equal(rights.mode, 0604);

	assert_int_equal(bc_segment_is_named(&stream.segment), 1);
	assert_int_equal(rename(path, elsewhere), 0);
	assert_int_equal(bc_segment_is_named(&stream.segment), 0);
	test_object_create(stream.name, "", BC_PAGE);
	assert_int_equal(bc_segment_is_named(&stream.segment), 0);
	assert_int_equal(rename(elsewhere, path), 0);
	assert_int_equal(bc_segment_is_named(&stream.segment), 1);
}

static void attach_as_nobody(void *name)
{
	test_child_check(setgroups(0, NULL) == 0);
	test_child_check(setgid(65534) == 0 && setuid(65534) == 0);
	test_child_check(attach(name) == -EACCES);
}

static void missing_permission_is_told(void **state)
{
	struct test_child child;

	(void)state;
	if (geteuid() != 0)
		skip();
	child = test_fork(attach_as_nobody, (void *)(uintptr_t)stream.name);

	assert_int_equal(test_join(&child), 0);
}

static unsigned count_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(directory);
	while (readdir(directory))
		count++;
	(void)closedir(directory);
	return count;
}

static void no_descriptor_leaks_on_any_path(void **state)
{
	unsigned before = count_descriptors();
	const uint32_t other = 99;

	(void)state;

	assert_int_equal(attach(stream.name), 0);
	assert_int_equal(attach(test_name()), -ENOENT);
	test_object_write(stream.name, "", 8, &other, 4);
	assert_int_equal(attach(stream.name), BCAST_EVERSION);

	assert_int_equal(count_descriptors(), before);
}

static void running_out_of_descriptors_is_told(void **state)
{
	const int free_fd = dup(STDIN_FILENO);
	struct rlimit limit, none;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = (rlim_t)free_fd;
	(void)close(free_fd);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);

	assert_int_equal(attach(stream.name), -EMFILE);

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(attach(stream.name), 0);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, open_stream, close_stream)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(attached_segment_shows_the_same_bytes),
		TEST(view_of_the_control_block_maps_no_ring),
		TEST(whoever_has_it_mapped_keeps_it_after_the_unlink),
		TEST(absent_and_misnamed_are_told_apart),
		TEST(half_made_object_is_not_ready),
		TEST(object_of_less_than_a_page_is_too_small),
		TEST(truncated_object_is_too_small),
		TEST(foreign_bytes_versions_and_layouts_are_told_apart),
		TEST(what_is_no_file_is_foreign_and_blocks_nobody),
		TEST(object_that_all_may_write_to_is_foreign),
		TEST(segment_is_known_by_its_name_and_rights),
		TEST(missing_permission_is_told),
		TEST(running_out_of_descriptors_is_told),
		TEST(no_descriptor_leaks_on_any_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
