/* SPDX-License-Identifier: MIT */
/*
 * last_words.c - see last_words.h.
 *
 * After the handler of before is back, a fault that the kernel found is just
 * met again, so that a core dump shows the very instruction; a signal that
 * somebody has sent (abort() does) is sent again.
 *
 * The main thread's own stack may be what has run out, so it has another one
 * for this.
 */
#include <stdbool.h>
#include <stddef.h>

#include "shm/last_words.h"
#include "src/last_words.h"

#define STACK_BYTES 16384u

static const int numbers[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};

#define COUNT (sizeof(numbers) / sizeof(numbers[0]))

static struct sigaction before[COUNT];
static bool caught[COUNT];

void last_words_leave(int number, const siginfo_t *info)
{
	const struct bc_last_words_signal signal = {
		.number = (uint32_t)number,
		.code = info->si_code,
		.detail = info->si_code > 0 ? (uint64_t)(uintptr_t)info->si_addr
					    : (uint64_t)info->si_pid,
	};

	bc_last_words_signal(&signal);
	for (size_t i = 0; i < COUNT; i++)
		if (numbers[i] == number && caught[i])
			(void)sigaction(number, &before[i], NULL);
	if (info->si_code <= 0)
		(void)raise(number);
}

static void on_fatal(int number, siginfo_t *info, void *context)
{
	(void)context;
	last_words_leave(number, info);
}

void last_words_open(void)
{
	static char stack[STACK_BYTES];
	const stack_t other = {.ss_sp = stack, .ss_size = sizeof(stack)};
	const struct sigaction action = {
		.sa_sigaction = on_fatal,
		.sa_flags = SA_SIGINFO | SA_ONSTACK,
	};
	stack_t now;

	/* a sanitizer has one of its own */
	if (sigaltstack(NULL, &now) == 0 && (now.ss_flags & SS_DISABLE) != 0)
		(void)sigaltstack(&other, NULL);
	for (size_t i = 0; i < COUNT; i++)
		caught[i] = sigaction(numbers[i], &action, &before[i]) == 0;
}

void last_words_unblock(sigset_t *set)
{
	for (size_t i = 0; i < COUNT; i++)
		(void)sigdelset(set, numbers[i]);
}
