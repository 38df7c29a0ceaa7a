/* SPDX-License-Identifier: MIT */
/*
 * scarce.c - see scarce.h. The linker's --wrap has our code call __wrap_X
 * instead of X, and knows the true one as __real_X.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "scarce.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void __wrap_free(void *memory);

static unsigned left; /* until one fails; 0: none will */
static bool failed;
static unsigned live;

void scarce_at(unsigned n)
{
	left = n;
	failed = false;
}

bool scarce_has_failed(void)
{
	return failed;
}

unsigned scarce_live(void)
{
	return live;
}

__attribute__((constructor)) static void read_environment(void)
{
	const char *number = getenv("SCARCE_ALLOCATION");

	if (number)
		scarce_at((unsigned)strtoul(number, NULL, 10));
}

static bool runs_out(void)
{
	if (left == 0 || --left > 0)
		return false;
	failed = true;
	if (getenv("SCARCE_ALLOCATION"))
		(void)fputs("debug scarce failed=now\n", stderr);
	errno = ENOMEM;
	return true;
}

static void *counted(void *memory)
{
	live += memory != NULL;
	return memory;
}

void *__wrap_malloc(size_t size)
{
	return runs_out() ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
	return runs_out() ? NULL : counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *old, size_t size)
{
	void *memory = runs_out() ? NULL : __real_realloc(old, size);

	live += !old && memory;
	return memory;
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return runs_out() ? NULL
			  : counted(__real_aligned_alloc(alignment, size));
}

void __wrap_free(void *memory)
{
	live -= memory != NULL;
	__real_free(memory);
}
