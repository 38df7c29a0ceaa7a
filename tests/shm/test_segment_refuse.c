/* SPDX-License-Identifier: MIT */
/*
 * test_segment_refuse.c - a dead owner's segment that is not adopted: each
 * reason, said in words, and nothing changed in the object.
 */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bcast/monitor.h>

static struct test_stream stream;
static char path[128];

/* What a dead owner has left. */
static int prepare(void **state)
{
	(void)state;
	if (test_stream_open(&stream, test_name()) != 0)
		return -1;
	snprintf(path, sizeof(path), "/dev/shm/bcast.%s", stream.name);
	test_stream_write(&stream, 1000);
	bc_segment_close(&stream.segment);
	return 0;
}

static int leave(void **state)
{
	(void)state;
	bc_segment_close(&stream.segment);
	(void)rmdir(path);
	test_stream_erase(stream.name);
	bc_name_lock_drop(&stream.lock);
	return 0;
}

static int adopt_as(const struct bc_segment_config *config, const char **reason)
{
	*reason = "none";
	return bc_segment_adopt(&stream.segment, config, reason);
}

static int adopt(const char **reason)
{
	const struct bc_segment_config config = test_stream_config(stream.name);

	return adopt_as(&config, reason);
}

static void assert_refused(const char *part_of_reason)
{
	const char *reason;

	assert_int_equal(adopt(&reason), 1);
	if (!strstr(reason, part_of_reason))
		fail_msg("'%s' does not say '%s'", reason, part_of_reason);
	assert_null(stream.segment.control);
}

/* Put a number there, see what comes of it, put the old one back. */
static void assert_refused_with(size_t offset, uint64_t value, size_t size,
				const char *part_of_reason)
{
	uint64_t old = 0;

	test_object_read(stream.name, "", offset, &old, size);
	test_object_write(stream.name, "", offset, &value, size);
	assert_refused(part_of_reason);
	test_object_write(stream.name, "", offset, &old, size);
}

static void assert_adopted(void)
{
	const char *reason;

	if (adopt(&reason) != 0)
		fail_msg("not adopted: %s", reason);
	assert_int_equal(bc_ring_tail(&stream.segment.ring), 1000);
}

/* ---- Nothing to adopt -------------------------------------------------- */

static void nothing_is_not_adopted(void **state)
{
	const char *reason;

	(void)state;
	test_object_unlink(stream.name, "");

	assert_int_equal(adopt(&reason), -ENOENT);
}

static void live_owner_keeps_its_segment(void **state)
{
	const struct bc_segment_config config = test_stream_config(stream.name);
	struct bc_segment other = {.fd = -1};
	const char *reason;

	(void)state;
	assert_adopted();

	assert_int_equal(bc_segment_adopt(&other, &config, &reason),
			 BCAST_EOWNED);

	assert_int_equal(other.fd, -1);
}

static void bad_configuration_is_refused_as_such(void **state)
{
	struct bc_segment_config config = test_stream_config(stream.name);
	const char *reason;

	(void)state;
	config.capacity = TEST_CAPACITY + 1;
	assert_int_equal(adopt_as(&config, &reason), -EINVAL);
	config = test_stream_config("a/b");
	assert_int_equal(adopt_as(&config, &reason), BCAST_ENAME);
}

/* ---- Not what we would make -------------------------------------------- */

static void assert_refused_as(const struct bc_segment_config *config,
			      const char *part_of_reason)
{
	const char *reason;

	assert_int_equal(adopt_as(config, &reason), 1);
	assert_non_null(strstr(reason, part_of_reason));
}

static void other_sizes_are_refused(void **state)
{
	struct bc_segment_config config;

	(void)state;
	config = test_stream_config(stream.name);
	config.capacity *= 2;
	assert_refused_as(&config, "ring size");
	config = test_stream_config(stream.name);
	config.format = 1;
	assert_refused_as(&config, "format");
	config = test_stream_config(stream.name);
	config.peer_slots++;
	assert_refused_as(&config, "--max-receivers");
	config = test_stream_config(stream.name);
	config.index_entries = 1;
	assert_refused_as(&config, "table");
	assert_adopted();
	assert_int_equal(stream.segment.control->owner.incarnation, 2);
}

#define AT(field)    offsetof(struct bc_control_shm, field)
#define WIDTH(field) sizeof(((struct bc_control_shm *)0)->field)
#define REFUSED(field, value, reason) \
	assert_refused_with(AT(field), value, WIDTH(field), reason)

static void damaged_identity_is_refused(void **state)
{
	(void)state;
	REFUSED(identity.magic, 0, "while it made it");
	REFUSED(identity.magic, 1, bcast_strerror(BCAST_EFOREIGN));
	REFUSED(identity.layout_version, 99, bcast_strerror(BCAST_EVERSION));
	REFUSED(identity.layout_id, 99, bcast_strerror(BCAST_ELAYOUT));
	REFUSED(identity.epoch, 0, "epoch");
	REFUSED(identity.capacity, 3, bcast_strerror(BCAST_EFOREIGN));
	REFUSED(identity.capacity, TEST_CAPACITY * 2,
		bcast_strerror(BCAST_EFOREIGN));
	REFUSED(identity.ring_offset, BC_HUGE * 2,
		bcast_strerror(BCAST_EFOREIGN));
	REFUSED(identity.segment_size, BC_HUGE * 4,
		bcast_strerror(BCAST_ETOOSMALL));
	REFUSED(identity.region_count, BC_REGION_MAX + 1,
		bcast_strerror(BCAST_EFOREIGN));
	REFUSED(identity.region_count, 1, "table");
	REFUSED(identity.name[0], 'x', "another stream's");
	REFUSED(regions[0].entry_count, 1, "table");
	REFUSED(regions[0].offset, 1, bcast_strerror(BCAST_EFOREIGN));
	REFUSED(regions[0].id, 77, "table");
	assert_adopted();
}

static void damaged_owner_is_refused(void **state)
{
	(void)state;
	REFUSED(owner.state, 0, "state");
	REFUSED(owner.state, BC_STATE_CLOSED, "ended");
	REFUSED(owner.state, BC_STATE_CLOSED + 1, "state");
	REFUSED(owner.incarnation, 0, "incarnation");
	REFUSED(owner.incarnation, UINT32_MAX - 1, "incarnation");
	REFUSED(owner.incarnation, UINT32_MAX, "incarnation");
	REFUSED(owner.zerocopy_owed, 1, "zero-copy");
	assert_adopted();
}

static void last_incarnation_but_one_is_adopted(void **state)
{
	const uint32_t incarnation = UINT32_MAX - 2;
	struct bcast_reader *reader;

	(void)state;
	test_object_write(stream.name, "", AT(owner.incarnation), &incarnation,
			  sizeof(incarnation));

	assert_adopted();

	assert_int_equal(stream.segment.control->owner.incarnation,
			 UINT32_MAX - 1);
	assert_int_equal(bcast_attach(stream.name, NULL, &reader), 0);
	assert_int_equal(bcast_writer_alive(reader), 1);
	bcast_detach(reader);
}

static void positions_that_cannot_be_are_refused(void **state)
{
	const uint64_t reserved = 1000 + TEST_CAPACITY;

	(void)state;
	REFUSED(head.reserved, 999, "positions");
	REFUSED(head.reserved, reserved + 1, "positions");
	REFUSED(head.tail, 1001, "positions");
	REFUSED(head.tail, UINT64_MAX, "positions");
	test_object_write(stream.name, "", AT(head.reserved), &reserved,
			  sizeof(reserved));
	assert_adopted();
}

static void positions_near_the_end_of_numbers_are_refused(void **state)
{
	uint64_t position = (uint64_t)INT64_MAX + 1;
	const char *reason;

	(void)state;
	test_object_write(stream.name, "", AT(head.reserved), &position, 8);
	test_object_write(stream.name, "", AT(head.tail), &position, 8);
	assert_refused("positions");

	position--;
	test_object_write(stream.name, "", AT(head.tail), &position, 8);
	test_object_write(stream.name, "", AT(head.reserved), &position, 8);
	assert_int_equal(adopt(&reason), 0);
}

/* ---- Anything at all --------------------------------------------------- */

#define DAMAGES 2000

/* Some bytes of the block are others: refused, or adopted and sound. */
static void no_damage_to_the_block_harms_the_adopter(void **state)
{
	static unsigned char good[BC_PAGE], bad[BC_PAGE];
	unsigned adopted = 0;
	const char *reason;

	(void)state;
	test_object_read(stream.name, "", 0, good, sizeof(good));
	srandom(1);
	for (unsigned i = 0; i < DAMAGES; i++) {
		memcpy(bad, good, sizeof(bad));
		for (long n = random() % 4; n >= 0; n--)
			bad[random() % (AT(regions) + 256)] =
				(unsigned char)random();
		test_object_write(stream.name, "", 0, bad, sizeof(bad));

		if (adopt(&reason) != 0)
			continue;
		adopted++;
		assert_true(bc_ring_tail(&stream.segment.ring) <=
			    stream.segment.ring.head->reserved);
		test_stream_write(&stream, 10);
		bc_segment_close(&stream.segment);
	}
	assert_true(adopted > 0);
	assert_true(adopted < DAMAGES);
}

/* The tables are what the dead one says of itself: shown, never trusted. */
static void no_damage_to_the_tables_harms_the_adopter(void **state)
{
	static uint64_t noise[(BC_HUGE - BC_PAGE) / 8];
	struct bcast_monitor *monitor;
	struct bcast_peer_info peer;
	struct bcast_fact fact;
	const char *reason;
	uint32_t next = 0;

	(void)state;
	srandom(1);
	for (size_t i = 0; i < sizeof(noise) / sizeof(noise[0]); i++)
		noise[i] = (uint64_t)random() << 33 ^ (uint64_t)random();
	test_object_write(stream.name, "", BC_PAGE, noise, sizeof(noise));

	assert_int_equal(adopt(&reason), 0);

	assert_int_equal(bc_ring_tail(&stream.segment.ring), 1000);
	assert_int_equal(bcast_monitor_open(stream.name, &monitor), 0);
	assert_int_equal(bcast_monitor_fact(monitor, &next, &fact), 0);
	assert_int_equal(bcast_monitor_peer(monitor, &next, &peer), 0);
	bcast_monitor_close(monitor);
	bc_segment_close(&stream.segment);
	assert_int_equal(adopt(&reason), 0);
}

/* ---- The object itself ------------------------------------------------- */

static void missing_pages_are_refused(void **state)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	(void)state;
	assert_int_equal(fallocate(fd,
				   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   BC_HUGE, BC_PAGE),
			 0);
	(void)close(fd);

	assert_refused("pages");
}

static void other_lengths_are_refused(void **state)
{
	struct stat status;

	(void)state;
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(truncate(path, status.st_size + 1), 0);
	assert_refused("longer");
	assert_int_equal(truncate(path, status.st_size - 1), 0);
	assert_refused(bcast_strerror(BCAST_ETOOSMALL));
	assert_int_equal(truncate(path, BC_PAGE - 1), 0);
	assert_refused(bcast_strerror(BCAST_ETOOSMALL));
	assert_int_equal(truncate(path, 0), 0);
	assert_refused("while it made it");
}

static void object_that_others_may_write_to_is_refused(void **state)
{
	struct bc_segment_config config = test_stream_config(stream.name);

	(void)state;
	assert_int_equal(chmod(path, 0660), 0);
	assert_refused("write to it");
	assert_int_equal(chmod(path, 0642), 0);
	assert_refused("write to it");
	/* unless we are told to let them */
	assert_int_equal(chmod(path, 0660), 0);
	config.mode = 0660;
	assert_int_equal(adopt_as(&config, &(const char *){NULL}), 0);
}

static void object_of_another_user_is_refused(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(path, 65534, (gid_t)-1), 0);

	assert_refused("another user");
}

static void object_with_two_names_is_refused(void **state)
{
	char second[sizeof(path) + 8];

	(void)state;
	snprintf(second, sizeof(second), "%s.2", path);
	assert_int_equal(link(path, second), 0);
	assert_refused("more than one name");
	assert_int_equal(unlink(second), 0);
	assert_adopted();
}

static void what_is_no_object_is_refused(void **state)
{
	const char *reason;

	(void)state;
	test_object_unlink(stream.name, "");
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_refused("regular file");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/dev/shm/elsewhere", path), 0);
	assert_int_equal(adopt(&reason), BCAST_EFOREIGN);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(adopt(&reason), BCAST_EFOREIGN);
}

/* ---- A hostile reader -------------------------------------------------- */

static int read_lock(uint64_t byte)
{
	struct flock lock = {
		.l_type = F_RDLCK,
		.l_whence = SEEK_SET,
		.l_start = (off_t)byte,
		.l_len = 1,
	};
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
	return fd;
}

static void reader_s_lock_on_the_next_byte_prevents_it(void **state)
{
	int fd = read_lock(BC_OWNER_LOCK_BASE + 2);

	(void)state;
	assert_refused("a reader has a lock");
	/* and neither looks like an owner nor keeps us from retiring */
	assert_int_equal(bc_segment_retire(stream.name), 1);
	(void)close(fd);
}

static void reader_s_locks_elsewhere_do_not_matter(void **state)
{
	int below = read_lock(BC_OWNER_LOCK_BASE + 1);
	int above = read_lock(BC_OWNER_LOCK_BASE + 3);

	(void)state;
	assert_adopted();
	(void)close(below);
	(void)close(above);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, prepare, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_not_adopted),
		TEST(live_owner_keeps_its_segment),
		TEST(bad_configuration_is_refused_as_such),
		TEST(other_sizes_are_refused),
		TEST(damaged_identity_is_refused),
		TEST(damaged_owner_is_refused),
		TEST(last_incarnation_but_one_is_adopted),
		TEST(positions_that_cannot_be_are_refused),
		TEST(positions_near_the_end_of_numbers_are_refused),
		TEST(no_damage_to_the_block_harms_the_adopter),
		TEST(no_damage_to_the_tables_harms_the_adopter),
		TEST(missing_pages_are_refused),
		TEST(other_lengths_are_refused),
		TEST(object_that_others_may_write_to_is_refused),
		TEST(object_of_another_user_is_refused),
		TEST(object_with_two_names_is_refused),
		TEST(what_is_no_object_is_refused),
		TEST(reader_s_lock_on_the_next_byte_prevents_it),
		TEST(reader_s_locks_elsewhere_do_not_matter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
