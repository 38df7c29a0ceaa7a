/* SPDX-License-Identifier: MIT */
/*
 * test_segment_space.c - a /dev/shm that is too small: a tmpfs of our own is
 * mounted over it, in a mount namespace of our own. Needs root; else skipped.
 */
#include "stream.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include <bcast/bcast.h>

#include "shm/registry.h"

#define SKIPPED 77

static void mount_space(uint64_t bytes)
{
	char options[64];

	snprintf(options, sizeof(options), "size=%llu",
		 (unsigned long long)bytes);
	assert_int_equal(mount("test", "/dev/shm", "tmpfs", 0, options), 0);
}

static void unmount_space(void)
{
	assert_int_equal(umount2("/dev/shm", MNT_DETACH), 0);
}

static unsigned count_objects(void)
{
	DIR *directory = opendir("/dev/shm");
	const struct dirent *entry;
	unsigned count = 0;

	assert_non_null(directory);
	while ((entry = readdir(directory)) != NULL)
		count += entry->d_name[0] != '.';
	(void)closedir(directory);
	return count;
}

static void segment_fits_to_the_page_or_leaves_nothing(void **state)
{
	const struct bc_segment_config config = test_stream_config("s");
	const uint64_t size = bc_segment_size(&config);
	const struct {
		uint64_t space;
		int result;
	} cases[] = {
		{BC_PAGE, -ENOSPC},	   {size / 2, -ENOSPC},
		{size - BC_PAGE, -ENOSPC}, {size, 0},
		{size + BC_PAGE, 0},
	};
	struct bc_segment segment;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		mount_space(cases[i].space);
		assert_int_equal(bc_segment_create(&segment, &config),
				 cases[i].result);
		if (cases[i].result == 0) {
			assert_int_equal(bc_segment_unlink(&segment), 0);
			bc_segment_close(&segment);
		}
		assert_int_equal(count_objects(), 0);
		unmount_space();
	}
}

static void failed_creation_gives_the_memory_back(void **state)
{
	struct bc_segment_config config = test_stream_config("s");
	struct bc_segment segment;
	uint64_t total, free_before, free_after;

	(void)state;
	mount_space(4 * BC_HUGE);
	config.capacity = 16 * BC_HUGE;
	assert_int_equal(bc_segment_space(&total, &free_before), 0);

	assert_int_equal(bc_segment_create(&segment, &config), -ENOSPC);

	assert_int_equal(bc_segment_space(&total, &free_after), 0);
	assert_int_equal(total, 4 * BC_HUGE);
	assert_int_equal(free_after, free_before);
	unmount_space();
}

static void registry_without_space_leaves_nothing(void **state)
{
	const struct bc_registry_config config = {
		.name = "s",
		.node_count = 64,
		.inbox_bytes = BC_INBOX_BYTES_DEFAULT,
		.mode = 0660,
		.group = (gid_t)-1,
	};

	(void)state;

	assert_int_equal(bc_registry_size(64), 65 * BC_PAGE);
	mount_space(64 * BC_PAGE);
	assert_int_equal(bc_registry_create(&config), -ENOSPC);
	assert_int_equal(count_objects(), 0);
	unmount_space();
	mount_space(65 * BC_PAGE);
	assert_int_equal(bc_registry_create(&config), 0);
	assert_int_equal(bc_registry_unlink("s"), 0);
	unmount_space();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segment_fits_to_the_page_or_leaves_nothing),
		cmocka_unit_test(failed_creation_gives_the_memory_back),
		cmocka_unit_test(registry_without_space_leaves_nothing),
	};

	if (unshare(CLONE_NEWNS) < 0 ||
	    mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		print_message("no mount namespace of our own: skipped\n");
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
