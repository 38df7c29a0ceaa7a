/* SPDX-License-Identifier: MIT */
/*
 * uring_why.h - io_uring cannot be had: why, and what to do about it.
 *
 * The kernel answers with the same few errors whoever is in the way, so the
 * error is held against what the system says of itself. The judgement is pure,
 * and apart from the reading.
 */
#ifndef NET_URING_WHY_H
#define NET_URING_WHY_H

#include <stdbool.h>
#include <stddef.h>

enum bc_uring_cause {
	BC_URING_SYSCTL,      /* kernel.io_uring_disabled */
	BC_URING_FILTERED,    /* denied or hidden, by a seccomp filter */
	BC_URING_FORBIDDEN,   /* by something else: a security module */
	BC_URING_OLD,	      /* before Linux 6.1 */
	BC_URING_LEFT_OUT,    /* of the kernel's build */
	BC_URING_LOCKED,      /* memory: RLIMIT_MEMLOCK */
	BC_URING_DESCRIPTORS, /* too many open files */
	BC_URING_OTHER,
};

/* What the system says of itself. */
struct bc_uring_setting {
	int disabled;	  /* kernel.io_uring_disabled; 0 if there is none */
	bool filtered;	  /* this process has a seccomp filter */
	char release[65]; /* the kernel's, as uname(2) has it */
};

/*
 * bc_uring_why_read - `root` stands before all paths: "", or a directory for
 * tests. The release is this kernel's in any case.
 */
void bc_uring_why_read(const char *root, struct bc_uring_setting *setting);

/* bc_uring_why_judge - what this -errno of setting a ring up comes from. */
enum bc_uring_cause bc_uring_why_judge(int error,
				       const struct bc_uring_setting *setting);

/* bc_uring_why_explain - one line on what this error means, and the fix. */
void bc_uring_why_explain(int error, char *why, size_t size);

/* bc_uring_why_is_old - a release before 6.1, or one that cannot be read. */
bool bc_uring_why_is_old(const char *release);

#endif
