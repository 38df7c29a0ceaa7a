/* SPDX-License-Identifier: MIT */
/*
 * successor.c - see successor.h.
 *
 * By posix_spawn(), which does not copy the page tables of a process that has a
 * large ring mapped, as fork() might: the loop stands still for the time of an
 * exec only. What the child is not to have is closed by it (O_CLOEXEC). How it
 * ends is not waited for: SIGCHLD is ignored, so it leaves no zombie.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/log.h"
#include "src/signals.h"
#include "src/successor.h"

#define TAKEOVER "--takeover"

static char *const *command_line;

void successor_remember(char *const argv[])
{
	command_line = argv;
}

/* As we were started; but a second --takeover would be one too many. */
static char **make_arguments(void)
{
	static char takeover[] = TAKEOVER;
	size_t count = 0, kept = 0;
	char **arguments;

	while (command_line[count])
		count++;
	arguments = calloc(count + 2, sizeof(*arguments));
	if (!arguments)
		return NULL;
	for (size_t i = 0; i < count; i++)
		if (i == 0 || strcmp(command_line[i], TAKEOVER) != 0)
			arguments[kept++] = command_line[i];
	arguments[kept] = takeover;
	return arguments;
}

/* Signals as they were before we came. */
static int set_signals(posix_spawnattr_t *how)
{
	sigset_t defaults;
	int error;

	(void)sigemptyset(&defaults);
	(void)sigaddset(&defaults, SIGPIPE);
	(void)sigaddset(&defaults, SIGCHLD);
	error = posix_spawnattr_setsigdefault(how, &defaults);
	if (error == 0)
		error = posix_spawnattr_setsigmask(how, signals_wait_mask());
	if (error == 0)
		error = posix_spawnattr_setflags(
			how, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	return error;
}

static int start(char *const arguments[], pid_t *pid)
{
	posix_spawnattr_t how;
	int error = posix_spawnattr_init(&how);

	if (error != 0)
		return error;
	error = set_signals(&how);
	/* which one the service manager watches, it will be told */
	(void)unsetenv("WATCHDOG_PID");
	if (error == 0)
		error = posix_spawnp(pid, arguments[0], NULL, &how, arguments,
				     environ);
	(void)posix_spawnattr_destroy(&how);
	return error;
}

void successor_start(void)
{
	char **arguments = make_arguments();
	char quoted[256];
	pid_t pid;
	int error = arguments ? start(arguments, &pid) : ENOMEM;

	(void)log_quote(command_line[0], quoted, sizeof(quoted));
	if (error == 0)
		log_event(LOG_LEVEL_INFO, "successor_started",
			  "pid=%d program=%s", (int)pid, quoted);
	else
		log_event(LOG_LEVEL_WARN, "successor_failed",
			  "program=%s error=\"%s\" "
			  "fix=\"start it by hand, with " TAKEOVER "\"",
			  quoted, strerror(error));
	free(arguments);
}
