/* SPDX-License-Identifier: MIT */
/* test_registry.c - the second object: its sizes, its memory, its permissions.
 */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "shm/layout.h"
#include "shm/registry.h"

static struct bc_registry_config config_for(const char *name)
{
	return (struct bc_registry_config){
		.name = name,
		.epoch = 0x1122334455667788,
		.node_count = BC_NODES_DEFAULT,
		.inbox_bytes = BC_INBOX_BYTES_DEFAULT,
		.mode = 0660,
		.group = (gid_t)-1,
	};
}

static struct stat status_of(const char *name)
{
	char path[128];
	struct stat status;

	snprintf(path, sizeof(path), "/dev/shm/bcast.%s.nodes", name);
	assert_int_equal(stat(path, &status), 0);
	return status;
}

static void header_says_what_was_asked_for(void **state)
{
	const char *name = test_name();
	struct bc_registry_config config = config_for(name);
	static struct bc_registry_shm header;

	(void)state;
	assert_int_equal(bc_registry_create(&config), 0);
	test_object_read(name, ".nodes", 0, &header, sizeof(header));

	assert_int_equal(header.magic, BC_REGISTRY_MAGIC);
	assert_int_equal(header.layout_version, BC_LAYOUT_VERSION);
	assert_int_equal(header.layout_id, bc_layout_id());
	assert_int_equal(header.epoch, config.epoch);
	assert_int_equal(header.node_count, 64);
	assert_int_equal(header.slot_size, 4096);
	assert_int_equal(header.slots_offset, 4096);
	assert_int_equal(header.inboxes_offset, 65 * 4096);
	assert_int_equal(header.inbox_size, 4096 + (1 << 20));
	assert_int_equal(header.object_size,
			 65 * 4096 + 64 * (4096 + (1 << 20)));
	assert_int_equal(status_of(name).st_size, header.object_size);
	assert_int_equal(bc_registry_unlink(name), 0);
}

static void inboxes_take_no_memory_yet(void **state)
{
	const char *name = test_name();
	struct bc_registry_config config = config_for(name);
	struct stat status;

	(void)state;
	assert_int_equal(bc_registry_create(&config), 0);
	status = status_of(name);

	/* header and slots are there; 64 MiB of inboxes are not */
	assert_int_equal(status.st_blocks * 512, 65 * 4096);
	assert_int_equal(bc_registry_unlink(name), 0);
}

static void mode_is_as_asked_whatever_the_umask(void **state)
{
	const char *name = test_name();
	struct bc_registry_config config = config_for(name);
	mode_t old = umask(077);

	(void)state;

	assert_int_equal(bc_registry_create(&config), 0);
	assert_int_equal(status_of(name).st_mode & 07777, 0660);

	(void)umask(old);
	assert_int_equal(bc_registry_unlink(name), 0);
}

static void group_is_as_asked(void **state)
{
	const char *name = test_name();
	struct bc_registry_config config = config_for(name);

	(void)state;
	if (geteuid() != 0)
		skip();
	config.group = 12345;

	assert_int_equal(bc_registry_create(&config), 0);

	assert_int_equal(status_of(name).st_gid, 12345);
	assert_int_equal(bc_registry_unlink(name), 0);
}

static void old_one_is_replaced_and_not_written_over(void **state)
{
	const char *name = test_name();
	struct bc_registry_config config = config_for(name);
	ino_t first;

	(void)state;
	assert_int_equal(bc_registry_create(&config), 0);
	first = status_of(name).st_ino;
	/* a node still has it open, and must not find it changed */
	config.node_count = 1;

	assert_int_equal(bc_registry_create(&config), 0);

	assert_int_not_equal(status_of(name).st_ino, first);
	assert_int_equal(status_of(name).st_size, 2 * 4096 + 4096 + (1 << 20));
	assert_int_equal(bc_registry_unlink(name), 0);
}

static void unlinking_nothing_is_no_error(void **state)
{
	(void)state;

	assert_int_equal(bc_registry_unlink(test_name()), 0);
	assert_int_equal(bc_registry_unlink("../etc/passwd"), BCAST_ENAME);
}

static void impossible_configurations_are_refused(void **state)
{
	static const struct {
		uint32_t node_count;
		uint64_t inbox_bytes;
		int result;
	} cases[] = {
		{0, 1 << 20, -EINVAL},
		{1, 1 << 20, 0},
		{4096, 1 << 20, 0},
		{4097, 1 << 20, -EINVAL},
		{1, 4095, -EINVAL},
		{1, 4096, 0},
		{1, 4097, -EINVAL},
		{1, 0, -EINVAL},
		{1, UINT64_C(1) << 30, 0},
		{1, UINT64_C(1) << 31, -EINVAL},
		{64, UINT64_C(1) << 63, -EINVAL},
	};
	const char *name = test_name();
	struct bc_registry_config config = config_for(name);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		config.node_count = cases[i].node_count;
		config.inbox_bytes = cases[i].inbox_bytes;

		assert_int_equal(bc_registry_create(&config), cases[i].result);
		assert_int_equal(test_object_exists(name, ".nodes"),
				 cases[i].result == 0);
		assert_int_equal(bc_registry_unlink(name), 0);
	}
	config = config_for("a/b");
	assert_int_equal(bc_registry_create(&config), BCAST_ENAME);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_says_what_was_asked_for),
		cmocka_unit_test(inboxes_take_no_memory_yet),
		cmocka_unit_test(mode_is_as_asked_whatever_the_umask),
		cmocka_unit_test(group_is_as_asked),
		cmocka_unit_test(old_one_is_replaced_and_not_written_over),
		cmocka_unit_test(unlinking_nothing_is_no_error),
		cmocka_unit_test(impossible_configurations_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
