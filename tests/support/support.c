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

bool test_object_exists(const char *name, const char *suffix)
{
	char path[128];

	snprintf(path, sizeof(path), "/dev/shm/bcast.%s%s", name, suffix);
	return access(path, F_OK) == 0;
}
