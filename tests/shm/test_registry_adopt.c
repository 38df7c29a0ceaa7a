/* SPDX-License-Identifier: MIT */
/* test_registry_adopt.c - which registry an adopter keeps. */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "shm/layout.h"
#include "shm/registry.h"

static char name[32], path[128];

static struct bc_registry_config config_of(void)
{
	return (struct bc_registry_config){
		.name = name,
		.epoch = 0x1122334455667788,
		.node_count = 4,
		.inbox_bytes = BC_PAGE,
		.mode = 0660,
		.group = (gid_t)-1,
	};
}

static int prepare(void **state)
{
	struct bc_registry_config config;

	(void)state;
	snprintf(name, sizeof(name), "%s", test_name());
	snprintf(path, sizeof(path), "/dev/shm/bcast.%s.nodes", name);
	config = config_of();
	return bc_registry_create(&config);
}

static int leave(void **state)
{
	(void)state;
	return bc_registry_unlink(name);
}

static int adopt(void)
{
	const struct bc_registry_config config = config_of();

	return bc_registry_adopt(&config);
}

static void sound_registry_is_kept_as_it_is(void **state)
{
	struct stat before, after;
	const uint64_t claim = 7;

	(void)state;
	assert_int_equal(stat(path, &before), 0);
	test_object_write(name, ".nodes", BC_PAGE, &claim, sizeof(claim));

	assert_int_equal(adopt(), 0);

	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
}

static void mode_is_applied(void **state)
{
	struct bc_registry_config config = config_of();
	struct stat status;

	(void)state;
	config.mode = 0600;
	assert_int_equal(bc_registry_adopt(&config), 0);

	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
}

static void absent_registry_is_to_be_made(void **state)
{
	(void)state;
	assert_int_equal(unlink(path), 0);
	assert_int_equal(adopt(), 1);
	assert_int_equal(symlink("/dev/shm/elsewhere", path), 0);
	assert_int_equal(adopt(), 1);
}

static void other_epoch_and_sizes_are_not_kept(void **state)
{
	struct bc_registry_config config;

	(void)state;
	config = config_of();
	config.epoch++;
	assert_int_equal(bc_registry_adopt(&config), 1);
	config = config_of();
	config.node_count++;
	assert_int_equal(bc_registry_adopt(&config), 1);
	config = config_of();
	config.inbox_bytes *= 2;
	assert_int_equal(bc_registry_adopt(&config), 1);
}

/* A node may write anything to these pages. */
static void no_word_of_the_header_may_differ(void **state)
{
	static const size_t words[] = {
		offsetof(struct bc_registry_shm, magic),
		offsetof(struct bc_registry_shm, layout_version),
		offsetof(struct bc_registry_shm, layout_id),
		offsetof(struct bc_registry_shm, epoch),
		offsetof(struct bc_registry_shm, object_size),
		offsetof(struct bc_registry_shm, node_count),
		offsetof(struct bc_registry_shm, slot_size),
		offsetof(struct bc_registry_shm, slots_offset),
		offsetof(struct bc_registry_shm, inboxes_offset),
		offsetof(struct bc_registry_shm, inbox_size),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		unsigned char byte, other;

		test_object_read(name, ".nodes", words[i], &byte, 1);
		other = byte ^ 1;
		test_object_write(name, ".nodes", words[i], &other, 1);
		assert_int_equal(adopt(), 1);
		test_object_write(name, ".nodes", words[i], &byte, 1);
	}
	assert_int_equal(adopt(), 0);
}

static void cut_or_emptied_registry_is_not_kept(void **state)
{
	struct stat status;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	(void)state;
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(ftruncate(fd, status.st_size - 1), 0);
	assert_int_equal(adopt(), 1);
	/* longer again, but the slots have no memory */
	assert_int_equal(ftruncate(fd, BC_PAGE), 0);
	assert_int_equal(ftruncate(fd, status.st_size), 0);
	assert_int_equal(adopt(), 1);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(adopt(), 1);
	(void)close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, prepare, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sound_registry_is_kept_as_it_is),
		TEST(mode_is_applied),
		TEST(absent_registry_is_to_be_made),
		TEST(other_epoch_and_sizes_are_not_kept),
		TEST(no_word_of_the_header_may_differ),
		TEST(cut_or_emptied_registry_is_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
