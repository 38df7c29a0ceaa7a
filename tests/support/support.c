/* SPDX-License-Identifier: MIT */
/* support.c - see support.h. */
#include <stdio.h>
#include <string.h>
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

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool test_within(unsigned deadline_ms, bool (*condition)(void *),
		 void *argument)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	uint64_t end = now_ms() + deadline_ms;

	while (!condition(argument)) {
		if (now_ms() > end)
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
	}
	return -1;
}

bool test_object_exists(const char *name, const char *suffix)
{
	char path[128];

	snprintf(path, sizeof(path), "/dev/shm/bcast.%s%s", name, suffix);
	return access(path, F_OK) == 0;
}
