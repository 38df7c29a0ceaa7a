/* SPDX-License-Identifier: MIT */
/*
 * daemon_fixture.h - a real bcastd for the length of a test.
 *
 * It gets a name of its own, listens on ports that the kernel picks, and
 * writes its log into memory of ours, so a test may ask for a line at any time
 * and the daemon never waits for us. It is asked to stop when the test program
 * dies. What fails here fails the test.
 *
 * Every test has daemon_fixture_cleanup() as its teardown: a test that fails
 * in the middle then leaves nothing behind.
 */
#ifndef TESTS_DAEMON_FIXTURE_H
#define TESTS_DAEMON_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "support.h"

#define DAEMON_FIXTURE_OPTIONS 32u
#define DAEMON_FIXTURE_LATE    (-1) /* not ended within DEADLINE_MS */
#define DAEMON_FIXTURE_LOG_MAX (4u << 20)

struct daemon_fixture {
	const char *program;	  /* NULL: BCASTD_PATH */
	char name[32];		  /* "": a new one */
	void (*in_child)(void *); /* called before exec; may be NULL */
	void *in_child_argument;

	pid_t pid; /* 0: not running */
	int log_fd;
	char *log; /* what was written up to the last look */
};

/*
 * daemon_fixture_launch - start bcastd with these options (NULL at the end,
 * --name is added) and do not wait for anything.
 */
void daemon_fixture_launch(struct daemon_fixture *daemon,
			   const char *const options[]);

/* daemon_fixture_start - the same, and wait until it listens. */
void daemon_fixture_start(struct daemon_fixture *daemon,
			  const char *const options[]);

/*
 * daemon_fixture_port - the port of its first listener of this role;
 * daemon_fixture_port_of: of the one with this index among them, from 0.
 */
uint16_t daemon_fixture_port(struct daemon_fixture *daemon, const char *role);
uint16_t daemon_fixture_port_of(struct daemon_fixture *daemon, const char *role,
				unsigned index);

/* daemon_fixture_log - all that it has logged; valid until the next look. */
const char *daemon_fixture_log(struct daemon_fixture *daemon);

/* daemon_fixture_logged - how often `text` stands in the log. */
unsigned daemon_fixture_logged(struct daemon_fixture *daemon, const char *text);

/* daemon_fixture_await_log - wait until `text` stands there `times` times. */
void daemon_fixture_await_log(struct daemon_fixture *daemon, const char *text,
			      unsigned times);

/* daemon_fixture_counter - a counter or gauge, read from the segment. */
uint64_t daemon_fixture_counter(const struct daemon_fixture *daemon,
				const char *counter);

/* daemon_fixture_await - wait until it has this value, or more. */
void daemon_fixture_await(const struct daemon_fixture *daemon,
			  const char *counter, uint64_t value);
void daemon_fixture_await_at_least(const struct daemon_fixture *daemon,
				   const char *counter, uint64_t value);

/* What the kernel says of the process. */
unsigned daemon_fixture_descriptors(const struct daemon_fixture *daemon);
uint64_t daemon_fixture_private_bytes(const struct daemon_fixture *daemon);
uint64_t daemon_fixture_cpu_ns(const struct daemon_fixture *daemon);

/*
 * daemon_fixture_wait - its exit code, 128 + N for an end by signal N, or
 * DAEMON_FIXTURE_LATE.
 */
int daemon_fixture_wait(struct daemon_fixture *daemon);

/*
 * daemon_fixture_stop - ask it to end, and assert that it ends well: exit code
 * 0, nothing of it left in /dev/shm, no line of level error.
 */
void daemon_fixture_stop(struct daemon_fixture *daemon);

/* daemon_fixture_assert_clean - the last two of these, after any end. */
void daemon_fixture_assert_clean(struct daemon_fixture *daemon);

/* daemon_fixture_kill - SIGKILL, and remove what that leaves behind. */
void daemon_fixture_kill(struct daemon_fixture *daemon);

/* daemon_fixture_forget - free what a fixture that was waited for holds. */
void daemon_fixture_forget(struct daemon_fixture *daemon);

/* daemon_fixture_cleanup - cmocka's teardown: whatever still runs, ends. */
int daemon_fixture_cleanup(void **state);

/* Whether tests and daemon run under a sanitizer: memory is not its own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TEST_SANITIZED 1
#endif
#endif
#ifndef TEST_SANITIZED
#define TEST_SANITIZED 0
#endif

#endif
