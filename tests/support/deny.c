/* SPDX-License-Identifier: MIT */
/* deny.c - see deny.h. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "deny.h"

#define CALLS_MAX 8u

void deny_calls(const long calls[], size_t count, int error)
{
	const struct sock_filter load = BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	const struct sock_filter allow =
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	const struct sock_filter deny =
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error);
	struct sock_filter filter[CALLS_MAX + 3] = {load};
	struct sock_fprog program = {
		.len = (unsigned short)(count + 3),
		.filter = filter,
	};

	/* each that is equal jumps over the rest of them and over `allow` */
	for (size_t i = 0; i < count && i < CALLS_MAX; i++)
		filter[1 + i] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i],
			(unsigned char)(count - i), 0);
	filter[count + 1] = allow;
	filter[count + 2] = deny;
	if (count > CALLS_MAX || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(77);
}
