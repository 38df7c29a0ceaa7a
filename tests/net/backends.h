/* SPDX-License-Identifier: MIT */
/*
 * backends.h - the same claims for every backend, and what they stand on.
 *
 * A suite is run once for each: io_uring, epoll, and both as they are on older
 * kernels. Where this kernel has no io_uring, that is said and left out.
 */
#ifndef TESTS_BACKENDS_H
#define TESTS_BACKENDS_H

#include <netinet/in.h>
#include <signal.h>

#include "support.h"

#include "net/backend.h"

#define EVENTS	      512u
#define SHORT_WAIT_NS INT64_C(1000000)
#define LONG_WAIT_NS  (INT64_C(1000000) * DEADLINE_MS)

typedef int backends_open(struct bc_backend **backend, unsigned connections,
			  unsigned flags, char *why, size_t why_size);

struct backends_kind {
	const char *name;
	backends_open *open;
	unsigned flags;
	bool has_thread; /* a child of fork() cannot use it */
};

/* The one that the suite runs on now, and one that is open. */
extern const struct backends_kind *kind;
extern struct bc_backend *backend;
extern int pair[2]; /* of AF_UNIX: ours, theirs */
extern sigset_t no_change;

/* cmocka's setup and teardown: backend and pair. */
int open_all(void **state);
int close_all(void **state);

/* Only the backend. */
int open_backend(void);

/*
 * backends_run - the suite on every backend. Returns what main() returns: the
 * number of failures, or 77 if there is no backend at all.
 */
int backends_run(const struct CMUnitTest *tests, size_t count);

#define BACKENDS_TEST(f) cmocka_unit_test_setup_teardown(f, open_all, close_all)

int wait_for(struct bc_event *events, unsigned max, int64_t timeout_ns);

/* The only event that comes; it must have this token. */
struct bc_event one_event(uint64_t token);

/* Its result; it must be the request's last. */
int one_result(uint64_t token);

void assert_no_event(void);

/* TCP on loopback. */
int listen_on_loopback(struct sockaddr_in *address);
int connect_to(const struct sockaddr_in *address);
void connect_two(int *ours, int *theirs);

/* Closes with a reset. */
void reset(int fd);

/* Write until nothing more fits; returns how much that was. */
size_t fill(int fd);

extern char megabytes[4 << 20];

#endif
