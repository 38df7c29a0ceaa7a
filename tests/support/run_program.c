/* SPDX-License-Identifier: MIT */
/*
 * run_program.c - see run_program.h.
 *
 * Output is only taken in when a test asks for it, so a test that does not ask
 * is a slow reader of the program, which is what some tests need.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "run_program.h"
#include "support.h"

#define CHUNK 65536

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool make_room(struct run_output *output)
{
	size_t room = output->room ? 2 * output->room : 2 * (size_t)CHUNK;
	char *bigger;

	if (output->room - output->size > CHUNK)
		return true;
	bigger = realloc(output->bytes, room);
	if (!bigger)
		return false;
	if (output->size == 0)
		bigger[0] = '\0';
	output->bytes = bigger;
	output->room = room;
	return true;
}

/* ---- Start ------------------------------------------------------------- */

/* In the child: become the program, or die. */
static void become(const char *const argv[], const int to[2])
{
	int nothing = open("/dev/null", O_RDONLY);
	char *const *arguments;

	/* execv does not change them, but cannot say so */
	memcpy(&arguments, &argv, sizeof(arguments));
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 &&
	    dup2(to[0], STDOUT_FILENO) >= 0 && dup2(to[1], STDERR_FILENO) >= 0)
		(void)execv(argv[0], arguments);
	_exit(127);
}

int run_program_start(struct run_program *program, const char *const argv[])
{
	int out[2], error[2];
	int to[2];

	memset(program, 0, sizeof(*program));
	/* never NULL from here on */
	if (!make_room(&program->out) || !make_room(&program->error))
		return -ENOMEM;
	if (pipe2(out, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(error, O_CLOEXEC) < 0) {
		(void)close(out[0]);
		(void)close(out[1]);
		return -EMFILE;
	}
	to[0] = out[1];
	to[1] = error[1];
	program->pid = fork();
	if (program->pid == 0)
		become(argv, to);
	(void)close(out[1]);
	(void)close(error[1]);
	program->pipes[0] = out[0];
	program->pipes[1] = error[0];
	if (program->pid > 0)
		return 0;
	program->pid = 0;
	run_program_end(program);
	return -EAGAIN;
}

/* ---- Take in ----------------------------------------------------------- */

static void take_in(int *pipe_end, struct run_output *output)
{
	ssize_t n = -1;

	if (make_room(output))
		n = read(*pipe_end, output->bytes + output->size, CHUNK);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		(void)close(*pipe_end);
		*pipe_end = -1;
		return;
	}
	output->size += (size_t)n;
	output->bytes[output->size] = '\0';
}

/* One look at the pipes in `which`; false when those are all closed. */
static bool take_in_some(struct run_program *program, const bool which[2])
{
	struct pollfd polled[2];

	for (int i = 0; i < 2; i++)
		polled[i] = (struct pollfd){
			.fd = which[i] ? program->pipes[i] : -1,
			.events = POLLIN,
		};
	if (polled[0].fd < 0 && polled[1].fd < 0)
		return false;
	(void)poll(polled, 2, 50);
	if (polled[0].revents)
		take_in(&program->pipes[0], &program->out);
	if (polled[1].revents)
		take_in(&program->pipes[1], &program->error);
	return true;
}

bool run_program_read_out(struct run_program *program, size_t size)
{
	static const bool both[2] = {true, true};
	int64_t end_ms = now_ms() + DEADLINE_MS;

	while (program->out.size < size)
		if (now_ms() > end_ms || !take_in_some(program, both))
			return false;
	return true;
}

bool run_program_read_error(struct run_program *program, const char *text)
{
	static const bool error_only[2] = {false, true};
	int64_t end_ms = now_ms() + DEADLINE_MS;

	while (!strstr(program->error.bytes, text))
		if (now_ms() > end_ms || !take_in_some(program, error_only))
			return false;
	return true;
}

void run_program_deafen(struct run_program *program)
{
	if (program->pipes[0] >= 0)
		(void)close(program->pipes[0]);
	program->pipes[0] = -1;
}

/* ---- The end ----------------------------------------------------------- */

static int code_of(int status)
{
	return WIFSIGNALED(status) ? RUN_PROGRAM_SIGNAL(WTERMSIG(status))
				   : WEXITSTATUS(status);
}

int run_program_wait(struct run_program *program)
{
	static const bool both[2] = {true, true};
	const struct timespec pause = {.tv_nsec = 1000000};
	int64_t end_ms = now_ms() + DEADLINE_MS;
	int status;

	program->code = RUN_PROGRAM_LATE;
	while (now_ms() <= end_ms && take_in_some(program, both))
		;
	while (program->pid > 0 && now_ms() <= end_ms) {
		if (waitpid(program->pid, &status, WNOHANG) != program->pid) {
			(void)nanosleep(&pause, NULL);
			continue;
		}
		program->pid = 0;
		program->code = code_of(status);
	}
	return program->code;
}

void run_program_end(struct run_program *program)
{
	if (program->pid > 0) {
		(void)kill(program->pid, SIGKILL);
		(void)waitpid(program->pid, NULL, 0);
	}
	for (int i = 0; i < 2; i++)
		if (program->pipes[i] > 0)
			(void)close(program->pipes[i]);
	free(program->out.bytes);
	free(program->error.bytes);
	memset(program, 0, sizeof(*program));
}

int run_program(struct run_program *program, const char *const argv[])
{
	int ret = run_program_start(program, argv);

	return ret < 0 ? ret : run_program_wait(program);
}
