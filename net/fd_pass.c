/* SPDX-License-Identifier: MIT */
/* fd_pass.c - see fd_pass.h. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "net/fd_pass.h"
#include "shm/assert.h"

#define CONTROL_BYTES CMSG_SPACE(BC_FD_PASS_MAX * sizeof(int))

int bc_fd_pass_send(int socket_fd, const void *bytes, size_t size,
		    const int *fds, unsigned count)
{
	_Alignas(struct cmsghdr) unsigned char control[CONTROL_BYTES] = {0};
	struct iovec vector = {.iov_len = size};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
	struct cmsghdr *head;

	BC_ASSERT(count <= BC_FD_PASS_MAX);
	/* sendmsg() does not write there, but cannot say so */
	memcpy(&vector.iov_base, &bytes, sizeof(vector.iov_base));
	if (count > 0) {
		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(head), fds, count * sizeof(int));
	}
	if (sendmsg(socket_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	/* so many on the way as the process may have open: some time later */
	return errno == ETOOMANYREFS || errno == EINTR ? -EAGAIN : -errno;
}

static unsigned take_descriptors(struct msghdr *message, int *fds)
{
	unsigned count = 0;

	for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head;
	     head = CMSG_NXTHDR(message, head)) {
		unsigned here;

		if (head->cmsg_level != SOL_SOCKET ||
		    head->cmsg_type != SCM_RIGHTS)
			continue;
		here = (unsigned)((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		/* the kernel makes one such head at most */
		BC_ASSERT(count + here <= BC_FD_PASS_MAX + 3);
		memcpy(fds + count, CMSG_DATA(head), here * sizeof(int));
		count += here;
	}
	return count;
}

int bc_fd_pass_receive(int socket_fd, void *bytes, size_t size, int *fds,
		       unsigned *count)
{
	_Alignas(struct cmsghdr) unsigned char control[CONTROL_BYTES];
	struct iovec vector = {.iov_base = bytes, .iov_len = size};
	struct msghdr message = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int taken[BC_FD_PASS_MAX + 3];
	unsigned have;
	ssize_t got;

	*count = 0;
	got = recvmsg(socket_fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (got < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	have = take_descriptors(&message, taken);
	if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
	    have > BC_FD_PASS_MAX) {
		while (have > 0)
			(void)close(taken[--have]);
		return -EMSGSIZE;
	}
	memcpy(fds, taken, have * sizeof(int));
	*count = have;
	return (int)got;
}
