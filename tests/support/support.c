/* SPDX-License-Identifier: MIT */
/* support.c - see support.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support.h"

const char *test_name(void)
{
	static char names[8][32];
	static unsigned next;
	char *name = names[next % 8];

	snprintf(name, sizeof(names[0]), "t-%ld-%u", (long)getpid(), next);
	next++;
	return name;
}

uint64_t test_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool test_within(unsigned deadline_ms, bool (*condition)(void *),
		 void *argument)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	uint64_t end = test_now_ms() + deadline_ms;

	while (!condition(argument)) {
		if (test_now_ms() > end)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

/* splitmix64 of the number of the 8-byte word: every byte by its place. */
static uint64_t pattern_word(uint64_t seed, uint64_t index)
{
	uint64_t z = seed + (index + 1) * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

void test_pattern_fill(uint64_t seed, uint64_t position, void *bytes,
		       size_t size)
{
	unsigned char *to = bytes;

	while (size > 0) {
		uint64_t word = pattern_word(seed, position / 8);
		size_t skip = position % 8;
		size_t n = 8 - skip < size ? 8 - skip : size;

		memcpy(to, (const unsigned char *)&word + skip, n);
		to += n;
		position += n;
		size -= n;
	}
}

/* How many bytes at the start are right, found a word at a time. */
static size_t right_words(uint64_t seed, uint64_t position, const void *bytes,
			  size_t size)
{
	const unsigned char *from = bytes;
	size_t done = 0;

	if (position % 8 != 0)
		return 0;
	for (; size - done >= 8; done += 8) {
		uint64_t word;

		memcpy(&word, from + done, 8);
		if (word != pattern_word(seed, (position + done) / 8))
			break;
	}
	return done;
}

int64_t test_pattern_check(uint64_t seed, uint64_t position, const void *bytes,
			   size_t size)
{
	const unsigned char *from = bytes;
	size_t done = 0;

	while (done < size) {
		uint64_t word = pattern_word(seed, (position + done) / 8);
		const unsigned char *right = (const unsigned char *)&word;
		size_t skip = (position + done) % 8;
		size_t n = 8 - skip < size - done ? 8 - skip : size - done;

		for (size_t i = 0; i < n; i++)
			if (from[done + i] != right[skip + i])
				return (int64_t)(done + i);
		done += n;
		done += right_words(seed, position + done, from + done,
				    size - done);
	}
	return -1;
}

/* Undo z ^= z >> shift. */
static uint64_t unshift(uint64_t z, unsigned shift)
{
	uint64_t result = z;

	for (unsigned done = shift; done < 64; done += shift)
		result = z ^ (result >> shift);
	return result;
}

/* The inverse modulo 2^64 of an odd number, by Newton's iteration. */
static uint64_t inverse(uint64_t odd)
{
	uint64_t x = odd;

	for (unsigned i = 0; i < 6; i++)
		x *= 2 - odd * x;
	return x;
}

/* The number of the word: pattern_word() turned back. */
static uint64_t pattern_index(uint64_t seed, uint64_t word)
{
	uint64_t z = unshift(word, 31);

	z = unshift(z * inverse(UINT64_C(0x94d049bb133111eb)), 27);
	z = unshift(z * inverse(UINT64_C(0xbf58476d1ce4e5b9)), 30);
	return (z - seed) * inverse(UINT64_C(0x9e3779b97f4a7c15)) - 1;
}

int64_t test_pattern_locate(uint64_t seed,
			    const unsigned char bytes[TEST_PATTERN_LOCATE])
{
	for (unsigned skip = 0; skip < 8; skip++) {
		uint64_t word, index, position;

		memcpy(&word, bytes + skip, 8);
		index = pattern_index(seed, word);
		position = index * 8 - skip;
		if (index < UINT64_C(1) << 59 && index * 8 >= skip &&
		    test_pattern_check(seed, position, bytes,
				       TEST_PATTERN_LOCATE) < 0)
			return (int64_t)position;
	}
	return -1;
}

/* ---- Children ---------------------------------------------------------- */

static int child_ready_fd = -1;

struct test_child test_fork(void (*function)(void *), void *argument)
{
	struct test_child child;
	struct pollfd ready = {.events = POLLIN};
	pid_t parent = getpid();
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fflush(NULL);
	child.pid = fork();
	assert_true(child.pid >= 0);
	if (child.pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		(void)close(ends[0]);
		child_ready_fd = ends[1];
		function(argument);
		_exit(0);
	}
	(void)close(ends[1]);
	child.ready_fd = ends[0];
	ready.fd = ends[0];
	if (poll(&ready, 1, DEADLINE_MS) != 1) {
		test_kill(&child);
		fail_msg("the child was not ready in time");
	}
	return child;
}

void test_child_ready(void)
{
	char byte = 1;

	test_child_check(write(child_ready_fd, &byte, 1) == 1);
}

void test_child_check_at(bool condition, const char *text, const char *file,
			 int line)
{
	if (condition)
		return;
	fprintf(stderr, "%s:%d: in the child: %s does not hold\n", file, line,
		text);
	_exit(1);
}

void test_child_sleep(void)
{
	for (;;)
		pause();
}

static void forget(struct test_child *child)
{
	child->pid = 0;
	(void)close(child->ready_fd);
}

void test_kill(struct test_child *child)
{
	if (child->pid <= 0)
		return;
	(void)kill(child->pid, SIGKILL);
	while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		;
	forget(child);
}

struct join {
	pid_t pid;
	int status;
};

static bool has_ended(void *argument)
{
	struct join *join = argument;

	return waitpid(join->pid, &join->status, WNOHANG) == join->pid;
}

int test_join(struct test_child *child)
{
	struct join join = {.pid = child->pid};

	if (!test_within(DEADLINE_MS, has_ended, &join)) {
		test_kill(child);
		fail_msg("the child did not end in time");
	}
	forget(child);
	if (WIFSIGNALED(join.status))
		return 128 + WTERMSIG(join.status);
	return WEXITSTATUS(join.status);
}

/* ---- Objects ----------------------------------------------------------- */

static const char *object_path(const char *name, const char *suffix)
{
	static char path[128];

	snprintf(path, sizeof(path), "/dev/shm/bcast.%s%s", name, suffix);
	return path;
}

void test_object_write(const char *name, const char *suffix, uint64_t offset,
		       const void *bytes, size_t size)
{
	int fd = open(object_path(name, suffix), O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, size, (off_t)offset), size);
	(void)close(fd);
}

void test_object_read(const char *name, const char *suffix, uint64_t offset,
		      void *bytes, size_t size)
{
	int fd = open(object_path(name, suffix), O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, bytes, size, (off_t)offset), size);
	(void)close(fd);
}

void test_object_create(const char *name, const char *suffix, uint64_t size)
{
	int fd = open(object_path(name, suffix),
		      O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	(void)close(fd);
}

void test_object_unlink(const char *name, const char *suffix)
{
	(void)unlink(object_path(name, suffix));
}

bool test_object_exists(const char *name, const char *suffix)
{
	return access(object_path(name, suffix), F_OK) == 0;
}
