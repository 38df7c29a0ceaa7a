/* SPDX-License-Identifier: MIT */
/* The ring does what it is for, and refuses everything else. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "support.h"

#include "net/uring_setup.h"

#define SKIPPED 77
#define ENTRIES 8u

static struct io_uring ring;
static struct bc_uring_setup setup;

static int open_ring(void **state)
{
	struct io_uring_params params = {0};
	int ret;

	(void)state;
	setup = (struct bc_uring_setup){.ring = &ring};
	ret = bc_uring_setup_make(&setup, ENTRIES, &params);
	return ret == 0 ? bc_uring_setup_enable(&setup) : ret;
}

static int close_ring(void **state)
{
	(void)state;
	io_uring_queue_exit(&ring);
	return 0;
}

static int32_t result_of(void (*prepare)(struct io_uring_sqe *sqe))
{
	struct io_uring_cqe *cqe;
	int32_t result;

	prepare(io_uring_get_sqe(&ring));
	assert_int_equal(io_uring_submit_and_wait(&ring, 1), 1);
	assert_int_equal(io_uring_peek_cqe(&ring, &cqe), 0);
	result = cqe->res;
	io_uring_cqe_seen(&ring, cqe);
	return result;
}

static void cancel_nothing(struct io_uring_sqe *sqe)
{
	io_uring_prep_cancel64(sqe, 12345, 0);
}

static void open_a_file(struct io_uring_sqe *sqe)
{
	io_uring_prep_openat(sqe, -1, "/dev/null", 0, 0);
}

static void only_listed_operations_are_taken(void **state)
{
	(void)state;
	if (!setup.restricted)
		skip();

	assert_int_equal(result_of(cancel_nothing), -ENOENT);
	assert_int_equal(result_of(open_a_file), -EACCES);
}

static void only_listed_registrations_are_taken(void **state)
{
	int none = -1;

	(void)state;
	if (!setup.restricted)
		skip();

	assert_int_equal(io_uring_register_files(&ring, &none, 1), -EACCES);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_ring, close_ring)
	const struct CMUnitTest tests[] = {
		TEST(only_listed_operations_are_taken),
		TEST(only_listed_registrations_are_taken),
	};
	int ret = open_ring(NULL);

	if (ret < 0) {
		(void)fprintf(stderr, "skipped: no io_uring: %s\n",
			      strerror(-ret));
		return SKIPPED;
	}
	(void)close_ring(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
