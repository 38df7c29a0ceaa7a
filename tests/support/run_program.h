/* SPDX-License-Identifier: MIT */
/*
 * run_program.h - run a program, catch what it prints, and how it ends.
 *
 * Everything has a deadline (DEADLINE_MS); a program that outlives it is
 * killed, and its end is then reported as RUN_PROGRAM_LATE. A program dies
 * with the test that started it.
 */
#ifndef TESTS_RUN_PROGRAM_H
#define TESTS_RUN_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* run_program.code: a signal, as shells write it; not ended in time. */
#define RUN_PROGRAM_SIGNAL(number) (128 + (number))
#define RUN_PROGRAM_LATE	   (-1)

/* What was printed; always terminated, as if it were a string. */
struct run_output {
	char *bytes;
	size_t size;
	size_t room;
};

/* Zeroed is none. */
struct run_program {
	pid_t pid; /* 0: not running */
	int code;
	int pipes[2]; /* of standard output and error; -1: closed */
	struct run_output out;
	struct run_output error;
};

/*
 * run_program_start - start argv[0] (a path, no search) with nothing to read.
 * Returns 0, or -errno. To be ended by run_program_end().
 */
int run_program_start(struct run_program *program, const char *const argv[]);

/*
 * run_program_read_out, _error - take in what it prints until there are at
 * least `size` bytes in all on standard output, or `text` stands in what it
 * printed on standard error. False: it ended, or was too late.
 */
bool run_program_read_out(struct run_program *program, size_t size);
bool run_program_read_error(struct run_program *program, const char *text);

/* run_program_deafen - close our end of its standard output. */
void run_program_deafen(struct run_program *program);

/* run_program_wait - take in the rest and wait for its end: program->code. */
int run_program_wait(struct run_program *program);

/* run_program_end - kill it if it still runs, and free everything. */
void run_program_end(struct run_program *program);

/* run_program - start and wait. */
int run_program(struct run_program *program, const char *const argv[]);

#endif
