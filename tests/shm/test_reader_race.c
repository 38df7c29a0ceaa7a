/* SPDX-License-Identifier: MIT */
/*
 * test_reader_race.c - client_reader.c beside a writer process at full speed:
 * every byte is either right or counted as lost. And: a reader cannot write.
 */
#include "stream.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bcast/bcast.h>

#define STREAM_BYTES (UINT64_C(24) << 20)

static char name[64];
static struct test_child owner;

static int choose_name(void **state)
{
	(void)state;
	snprintf(name, sizeof(name), "%s", test_name());
	return 0;
}

static int clean_up(void **state)
{
	(void)state;
	test_kill(&owner);
	test_stream_erase(name);
	return 0;
}

static struct bcast_reader *reader_at(uint64_t position)
{
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;
	struct bcast_reader *reader = NULL;

	options.from = BCAST_FROM_POSITION;
	options.position = position;
	assert_int_equal(bcast_attach(name, &options, &reader), 0);
	return reader;
}

/* Ready after three rings: whoever begins at 0 has been lapped by then. */
static void write_at_full_speed(void *argument)
{
	struct test_stream stream;
	uint64_t tail = 0;
	bool ready = false;

	(void)argument;
	test_child_check(test_stream_open(&stream, name) == 0);
	for (uint64_t n = 0; tail < STREAM_BYTES; n++) {
		uint64_t size = 1 + n * 7919 % 20000;

		if (size > STREAM_BYTES - tail)
			size = STREAM_BYTES - tail;
		test_stream_write(&stream, size);
		tail += size;
		if (!ready && tail > 3 * TEST_CAPACITY) {
			test_child_ready();
			ready = true;
		}
	}
	bc_segment_set_state(&stream.segment, BC_STATE_CLOSED);
}

/* One step; returns bytes taken, or as bcast.h. */
typedef int64_t take(struct bcast_reader *reader);

static int64_t take_by_copy(struct bcast_reader *reader)
{
	static unsigned char bytes[30000];
	uint64_t at = bcast_position(reader);
	int64_t n = bcast_read(reader, bytes, 1 + at % sizeof(bytes));

	if (n > 0)
		assert_int_equal(
			test_pattern_check(TEST_SEED, at, bytes, (size_t)n),
			-1);
	return n;
}

static int64_t take_in_place(struct bcast_reader *reader)
{
	uint64_t at = bcast_position(reader);
	const void *data;
	int64_t n = bcast_peek(reader, &data);
	int64_t wrong;
	int ret;

	if (n <= 0)
		return n;
	n = 1 + n / 2;
	wrong = test_pattern_check(TEST_SEED, at, data, (size_t)n);
	ret = bcast_consume(reader, (size_t)n);
	if (ret < 0)
		return ret; /* torn, and told so: wrong or not */
	assert_int_equal(wrong, -1);
	return n;
}

static void read_all(take *take_some)
{
	struct bcast_reader *reader;
	uint64_t taken = 0, lost = 0;
	int64_t n = 0;

	owner = test_fork(write_at_full_speed, NULL);
	reader = reader_at(0);
	while (n != BCAST_ECLOSED) {
		uint64_t at = bcast_position(reader);

		n = take_some(reader);
		if (n == 0)
			n = bcast_wait(reader, DEADLINE_MS);
		else if (n > 0)
			taken += (uint64_t)n;
		if (n != BCAST_ELAPPED) {
			assert_true(n > 0 || n == BCAST_ECLOSED);
			continue;
		}
		assert_int_equal(bcast_loss(reader).from, at);
		assert_int_equal(bcast_loss(reader).to, bcast_position(reader));
		assert_true(bcast_loss(reader).bytes > 0);
		lost += bcast_loss(reader).bytes;
	}
	assert_int_equal(test_join(&owner), 0);

	assert_true(lost > 0);
	assert_int_equal(taken + lost, STREAM_BYTES);
	assert_int_equal(bcast_position(reader), STREAM_BYTES);
	assert_int_equal(bcast_reader_stats(reader).bytes, taken);
	assert_int_equal(bcast_loss(reader).total_bytes, lost);
	print_message("taken %llu, lost %llu in %llu laps\n",
		      (unsigned long long)taken, (unsigned long long)lost,
		      (unsigned long long)bcast_loss(reader).laps);
	bcast_detach(reader);
}

static void copied_bytes_and_loss_add_up_to_the_stream(void **state)
{
	(void)state;

	read_all(take_by_copy);
}

static void bytes_in_place_and_loss_add_up_to_the_stream(void **state)
{
	(void)state;

	read_all(take_in_place);
}

/* ---- Read-only --------------------------------------------------------- */

static void publish_and_sleep(void *argument)
{
	struct test_stream stream;

	(void)argument;
	test_child_check(test_stream_open(&stream, name) == 0);
	test_stream_write(&stream, 1000);
	test_child_check(fchown(stream.segment.fd, (uid_t)-1, 65534) == 0);
	test_child_check(fchmod(stream.segment.fd, 0440) == 0);
	test_child_ready();
	test_child_sleep();
}

static void read_as_nobody(void *argument)
{
	struct bcast_reader *reader;
	unsigned char bytes[1000];
	char path[128];

	(void)argument;
	test_child_check(setgroups(0, NULL) == 0);
	test_child_check(setgid(65534) == 0 && setuid(65534) == 0);
	snprintf(path, sizeof(path), "/dev/shm/bcast.%s", name);
	test_child_check(open(path, O_RDWR | O_CLOEXEC) < 0);
	test_child_check(bcast_attach(name, NULL, &reader) == 0);
	test_child_check(bcast_seek(reader, BCAST_FROM_OLDEST, 0) == 0);
	test_child_check(bcast_wait(reader, -1) == 1);
	test_child_check(bcast_read(reader, bytes, 1000) == 1000);
	test_child_check(test_pattern_check(TEST_SEED, 0, bytes, 1000) == -1);
	/* sleeping on the futex needs no write permission either */
	test_child_check(bcast_wait(reader, 50) == 0);
	test_child_check(bcast_writer_alive(reader) == 1);
	bcast_detach(reader);
}

static void read_permission_is_all_that_a_reader_needs(void **state)
{
	struct test_child child;

	(void)state;
	if (geteuid() != 0)
		skip();
	owner = test_fork(publish_and_sleep, NULL);
	child = test_fork(read_as_nobody, NULL);

	assert_int_equal(test_join(&child), 0);
}

static void write_to_what_was_peeked(void *argument)
{
	struct bcast_reader *reader = reader_at(0);
	const void *data = NULL;

	(void)argument;
	test_child_check(bcast_peek(reader, &data) == 1000);
	/* a sanitizer's handler would make something else of the fault */
	(void)signal(SIGSEGV, SIG_DFL);
	*(volatile unsigned char *)(uintptr_t)data = 1;
}

static void writing_through_a_peeked_pointer_faults(void **state)
{
	struct test_stream stream;
	struct test_child child;

	(void)state;
	assert_int_equal(test_stream_open(&stream, name), 0);
	test_stream_write(&stream, 1000);

	child = test_fork(write_to_what_was_peeked, NULL);

	assert_int_equal(test_join(&child), 128 + SIGSEGV);
	test_stream_close(&stream);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, choose_name, clean_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(copied_bytes_and_loss_add_up_to_the_stream),
		TEST(bytes_in_place_and_loss_add_up_to_the_stream),
		TEST(read_permission_is_all_that_a_reader_needs),
		TEST(writing_through_a_peeked_pointer_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
