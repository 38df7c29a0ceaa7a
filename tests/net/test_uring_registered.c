/* SPDX-License-Identifier: MIT */
/*
 * The memory that zero-copy sends are from: registered, in one buffer or
 * several, not registered, and where next to nothing may be locked.
 */
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "zerocopy_stage.h"

#include "net/zerocopy.h"

/* ---- Memory ------------------------------------------------------------ */

static void registered_memory_is_sent_from(void **state)
{
	uint64_t taken;

	(void)state;
	assert_int_equal(bc_backend_register_memory(stage.backend, stage.memory,
						    STAGE_MEMORY_BYTES),
			 0);
	taken = stage_stall(7);
	memset(stage.memory, 'B', STAGE_MEMORY_BYTES);
	assert_true(stage_count(taken, 'B') > taken / 2);
	stage_notified(7);
}

static void send_stops_at_the_end_of_registered_memory(void **state)
{
	static const size_t before_end[] = {1, 4095, 4096, 4097};

	(void)state;
	assert_int_equal(bc_backend_register_memory(stage.backend, stage.memory,
						    64 * 1024),
			 0);
	memset(stage.memory, 'A', STAGE_MEMORY_BYTES);
	stage_connect(0);
	for (unsigned i = 0; i < 4; i++) {
		const unsigned char *from =
			stage.memory + 64 * 1024 - before_end[i];

		/* one less, as much, one more */
		for (size_t size = before_end[i] - (before_end[i] > 1);
		     size <= before_end[i] + 1; size++) {
			size_t fits =
				size < before_end[i] ? size : before_end[i];

			assert_int_equal(stage_send(from, size, 7), fits);
			stage_notified(7);
			assert_int_equal(stage_count(fits, 'A'), fits);
		}
	}
}

static void send_from_other_memory_works_too(void **state)
{
	(void)state;
	assert_int_equal(bc_backend_register_memory(stage.backend, stage.memory,
						    64 * 1024),
			 0);
	memset(stage.memory, 'A', STAGE_MEMORY_BYTES);
	stage_connect(0);
	assert_int_equal(stage_send(stage.memory + 64 * 1024, 100, 7), 100);
	stage_notified(7);
	assert_int_equal(stage_count(100, 'A'), 100);
}

static void mirrored_mapping_of_shared_memory_can_be_registered(void **state)
{
	const size_t size = 1 << 20;
	int fd = memfd_create("ring", MFD_CLOEXEC);
	unsigned char *mirror = mmap(NULL, 2 * size, PROT_NONE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_true(mmap(mirror + i * size, size,
				 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
				 fd, 0) != MAP_FAILED);
	assert_int_equal(
		bc_backend_register_memory(stage.backend, mirror, 2 * size), 0);
	memset(mirror, 'A', size);
	stage_connect(0);
	assert_int_equal(stage_send(mirror + size - 500, 1000, 7), 1000);
	stage_notified(7);
	assert_int_equal(stage_count(1000, 'A'), 1000);
	(void)munmap(mirror, 2 * size);
	(void)close(fd);
}

/*
 * The kernel's limit of one buffer; here of the same few pages again and again.
 */
#define BUFFER_MAX ((size_t)1 << 30)
#define PIECE	   ((size_t)2 << 20)

static void larger_memory_is_several_buffers(void **state)
{
	const size_t size = BUFFER_MAX + PIECE;
	int fd = memfd_create("ring", MFD_CLOEXEC);
	unsigned char *base =
		mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char *edge = base + BUFFER_MAX;

	(void)state;
	assert_int_equal(ftruncate(fd, (off_t)PIECE), 0);
	for (size_t at = 0; at < size; at += PIECE)
		assert_true(mmap(base + at, PIECE, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED);
	memset(base, 'A', PIECE);
	assert_int_equal(bc_backend_register_memory(stage.backend, base, size),
			 0);
	stage_connect(0);

	/* up to the edge, over it, and from it on */
	assert_int_equal(stage_send(edge - 100, 99, 7), 99);
	stage_notified(7);
	assert_int_equal(stage_send(edge - 100, 100, 7), 100);
	stage_notified(7);
	assert_int_equal(stage_send(edge - 100, 101, 7), 100);
	stage_notified(7);
	assert_int_equal(stage_send(edge, 101, 7), 101);
	stage_notified(7);
	assert_int_equal(stage_send(base + size - 5, 6, 7), 5);
	stage_notified(7);
	assert_int_equal(stage_count(405, 'A'), 405);
	(void)munmap(base, size);
	(void)close(fd);
}

/* ---- Without the right to lock memory ---------------------------------- */

static void limit_locked(rlim_t bytes)
{
	const struct rlimit limit = {bytes, 1 << 20};

	test_child_check(setrlimit(RLIMIT_MEMLOCK, &limit) == 0);
}

static void drop_rights(void)
{
	limit_locked(1 << 20);
	if (getuid() != 0)
		return;
	test_child_check(setgroups(0, NULL) == 0);
	test_child_check(setresgid(65534, 65534, 65534) == 0);
	test_child_check(setresuid(65534, 65534, 65534) == 0);
}

static int child_event(struct bc_event *event)
{
	for (unsigned i = 0; i < 10; i++)
		if (bc_backend_wait(stage.backend, event, 1, STAGE_LONG_WAIT_NS,
				    &stage.no_change) == 1)
			return 1;
	return 0;
}

/* A ring of its own: the inherited one is its parent's. */
static void child_without_memory(void *argument)
{
	struct bc_event event;
	char why[256] = "";

	(void)argument;
	drop_rights();
	test_child_ready();
	/* newer kernels count the ring of requests too */
	test_child_check(
		bc_uring_open(&stage.backend, 8, 0, why, sizeof(why)) == 0);
	limit_locked(0);
	test_child_check(bc_zerocopy_check(stage.backend, why, sizeof(why)) ==
			 0);
	test_child_check(bc_backend_register_memory(stage.backend, stage.memory,
						    STAGE_MEMORY_BYTES) ==
			 -ENOMEM);
	test_child_check(bc_backend_send_zc(stage.backend, stage.ours,
					    stage.memory, 8192, 7) == 0);
	test_child_check(child_event(&event) == 1);
	test_child_check(event.result == -ENOMEM);
	if (event.flags & BC_EVENT_MORE)
		test_child_check(child_event(&event) == 1);
	test_child_check(bc_backend_send(stage.backend, stage.ours,
					 stage.memory, 8192, 8) == 0);
	test_child_check(child_event(&event) == 1);
	test_child_check(event.token == 8 && event.result == 8192);
	bc_backend_close(stage.backend);
	_exit(0);
}

static void child_with_some_memory(void *argument)
{
	struct bc_event event;
	char why[256] = "";

	(void)argument;
	drop_rights();
	test_child_ready();
	test_child_check(
		bc_uring_open(&stage.backend, 8, 0, why, sizeof(why)) == 0);
	test_child_check(bc_backend_register_memory(stage.backend, stage.memory,
						    STAGE_MEMORY_BYTES) ==
			 -ENOMEM);
	test_child_check(bc_backend_send_zc(stage.backend, stage.ours,
					    stage.memory, 8192, 7) == 0);
	test_child_check(child_event(&event) == 1);
	test_child_check(event.result == 8192);
	test_child_check(child_event(&event) == 1);
	test_child_check((event.flags & BC_EVENT_NOTIF) != 0);
	bc_backend_close(stage.backend);
	_exit(0);
}

static void without_locked_memory_a_plain_send_still_does(void **state)
{
	struct test_child child;

	(void)state;
	stage_connect(0);
	child = test_fork(child_without_memory, NULL);
	assert_int_equal(test_join(&child), 0);
}

static void with_a_little_locked_memory_unregistered_sends_do(void **state)
{
	struct test_child child;

	(void)state;
	stage_connect(0);
	child = test_fork(child_with_some_memory, NULL);
	assert_int_equal(test_join(&child), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, stage_open, stage_close)
	const struct CMUnitTest tests[] = {
		TEST(registered_memory_is_sent_from),
		TEST(send_stops_at_the_end_of_registered_memory),
		TEST(send_from_other_memory_works_too),
		TEST(mirrored_mapping_of_shared_memory_can_be_registered),
		TEST(larger_memory_is_several_buffers),
		TEST(without_locked_memory_a_plain_send_still_does),
		TEST(with_a_little_locked_memory_unregistered_sends_do),
	};

	if (!stage_works_here())
		return STAGE_SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
