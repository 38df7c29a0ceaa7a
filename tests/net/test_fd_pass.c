/* SPDX-License-Identifier: MIT */
/* Messages with descriptors: whole, in order, and none is lost or leaked. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/fd_pass.h"
#include "support.h"

static int ends[2];
static int fds[BC_FD_PASS_MAX + 3];
static unsigned count;

static int open_ends(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

static int close_ends(void **state)
{
	(void)state;
	(void)close(ends[0]);
	(void)close(ends[1]);
	return 0;
}

static unsigned open_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned open = 0;

	assert_non_null(directory);
	while (readdir(directory))
		open++;
	(void)closedir(directory);
	return open;
}

static void drop_all(void)
{
	while (count > 0)
		(void)close(fds[--count]);
}

static void message_comes_whole_with_its_descriptor(void **state)
{
	int pipe_ends[2];
	char bytes[16];

	(void)state;
	assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
	assert_int_equal(bc_fd_pass_send(ends[0], "words", 5, &pipe_ends[1], 1),
			 0);

	assert_int_equal(
		bc_fd_pass_receive(ends[1], bytes, sizeof(bytes), fds, &count),
		5);
	assert_memory_equal(bytes, "words", 5);
	assert_int_equal(count, 1);
	assert_int_equal(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	assert_int_equal(write(fds[0], "x", 1), 1);
	assert_int_equal(read(pipe_ends[0], bytes, 1), 1);
	drop_all();
	(void)close(pipe_ends[0]);
	(void)close(pipe_ends[1]);
}

static void as_many_as_a_message_takes_arrive(void **state)
{
	int many[BC_FD_PASS_MAX];
	unsigned before = open_descriptors();
	char byte;

	(void)state;
	for (unsigned n = BC_FD_PASS_MAX - 1; n <= BC_FD_PASS_MAX; n++) {
		for (unsigned i = 0; i < n; i++)
			many[i] = ends[i % 2];
		assert_int_equal(bc_fd_pass_send(ends[0], "x", 1, many, n), 0);
		assert_int_equal(
			bc_fd_pass_receive(ends[1], &byte, 1, fds, &count), 1);
		assert_int_equal(count, n);
		drop_all();
	}
	assert_int_equal(open_descriptors(), before);
}

static void message_that_is_too_long_leaves_no_descriptor(void **state)
{
	unsigned before = open_descriptors();
	char bytes[4];

	(void)state;
	assert_int_equal(bc_fd_pass_send(ends[0], "12345", 5, ends, 2), 0);

	assert_int_equal(
		bc_fd_pass_receive(ends[1], bytes, sizeof(bytes), fds, &count),
		-EMSGSIZE);
	assert_int_equal(count, 0);
	assert_int_equal(open_descriptors(), before);
}

static void neither_side_waits(void **state)
{
	static unsigned char bytes[32768];
	int ret = 0;

	(void)state;
	assert_int_equal(
		bc_fd_pass_receive(ends[1], bytes, sizeof(bytes), fds, &count),
		-EAGAIN);
	for (unsigned i = 0; i < 1000 && ret == 0; i++)
		ret = bc_fd_pass_send(ends[0], bytes, sizeof(bytes), NULL, 0);
	assert_int_equal(ret, -EAGAIN);
}

static void end_is_told(void **state)
{
	char byte;

	(void)state;
	assert_int_equal(shutdown(ends[0], SHUT_RDWR), 0);
	assert_int_equal(bc_fd_pass_receive(ends[1], &byte, 1, fds, &count), 0);
	assert_int_equal(bc_fd_pass_send(ends[1], "x", 1, NULL, 0), -EPIPE);
}

int main(void)
{
#define CLAIM(claim) \
	cmocka_unit_test_setup_teardown(claim, open_ends, close_ends)
	const struct CMUnitTest claims[] = {
		CLAIM(message_comes_whole_with_its_descriptor),
		CLAIM(as_many_as_a_message_takes_arrive),
		CLAIM(message_that_is_too_long_leaves_no_descriptor),
		CLAIM(neither_side_waits),
		CLAIM(end_is_told),
	};

	return cmocka_run_group_tests(claims, NULL, NULL);
}
