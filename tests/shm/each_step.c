/* SPDX-License-Identifier: MIT */
/*
 * each_step.c - see each_step.h. By ptrace(2), which needs no privilege here.
 */
#include "each_step.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

#define STEPS_MAX 20000000u

_Noreturn static void be_child(void (*act)(void *), void *argument)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(77);
	(void)raise(SIGSTOP);
	act(argument);
	_exit(0);
}

/* Returns whether it has stopped, and not ended; *status is waitpid()'s. */
static int has_stopped(pid_t child, int *status)
{
	pid_t ret;

	do
		ret = waitpid(child, status, 0);
	while (ret < 0 && errno == EINTR);
	return ret == child && WIFSTOPPED(*status);
}

unsigned each_step(void (*act)(void *), void (*look)(void *), void *argument)
{
	pid_t child = fork();
	unsigned steps = 0;
	int status = 0;

	assert_true(child >= 0);
	if (child == 0)
		be_child(act, argument);
	look(argument);
	while (has_stopped(child, &status)) {
		look(argument);
		if (++steps > STEPS_MAX ||
		    ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) < 0) {
			(void)kill(child, SIGKILL);
			(void)waitpid(child, NULL, 0);
			fail_msg("no end after %u steps", steps);
		}
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	look(argument);
	return steps;
}
