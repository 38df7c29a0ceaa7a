/* SPDX-License-Identifier: MIT */
/*
 * peer_socket.c - see peer_socket.h.
 *
 * "Not found" has two causes: the peer is elsewhere, or its socket is gone for
 * good. They are told apart by the addresses: only for one of our own machine's
 * does the second apply.
 */
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/peer_socket.h"
#include "net/sockaddr.h"

struct question {
	struct nlmsghdr header;
	struct inet_diag_req_v2 request;
};

int bc_peer_socket_open(struct bc_peer_socket *diag)
{
	diag->fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC,
			  NETLINK_SOCK_DIAG);
	return diag->fd < 0 ? -errno : 0;
}

void bc_peer_socket_close(struct bc_peer_socket *diag)
{
	if (diag->fd >= 0)
		(void)close(diag->fd);
	diag->fd = -1;
}

static void put_address(const struct sockaddr_storage *address, __be32 *ip,
			__be16 *port)
{
	const struct sockaddr_in *v4 = (const void *)address;
	const struct sockaddr_in6 *v6 = (const void *)address;

	if (address->ss_family == AF_INET) {
		memcpy(ip, &v4->sin_addr, sizeof(v4->sin_addr));
		*port = v4->sin_port;
		return;
	}
	memcpy(ip, &v6->sin6_addr, sizeof(v6->sin6_addr));
	*port = v6->sin6_port;
}

/* The connection as its other end sees it: source is the peer. */
static struct question ask(const struct sockaddr_storage *local,
			   const struct sockaddr_storage *peer)
{
	struct question question = {
		.header =
			{
				.nlmsg_len = sizeof(question),
				.nlmsg_type = SOCK_DIAG_BY_FAMILY,
				.nlmsg_flags = NLM_F_REQUEST,
			},
		.request =
			{
				.sdiag_family = (__u8)peer->ss_family,
				.sdiag_protocol = IPPROTO_TCP,
				.idiag_states = UINT32_MAX,
				.id.idiag_cookie = {INET_DIAG_NOCOOKIE,
						    INET_DIAG_NOCOOKIE},
			},
	};

	put_address(peer, question.request.id.idiag_src,
		    &question.request.id.idiag_sport);
	put_address(local, question.request.id.idiag_dst,
		    &question.request.id.idiag_dport);
	return question;
}

/* 1 held, 0 not held, or -errno as the kernel answered. */
static int judge(const unsigned char *answer, size_t size)
{
	const struct nlmsghdr *header = (const void *)answer;
	const struct nlmsgerr *error = (const void *)(answer + NLMSG_HDRLEN);
	const struct inet_diag_msg *found =
		(const void *)(answer + NLMSG_HDRLEN);

	if (size >= NLMSG_HDRLEN + sizeof(*error) &&
	    header->nlmsg_type == NLMSG_ERROR)
		return error->error;
	if (size < NLMSG_HDRLEN + sizeof(*found) ||
	    header->nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return -EBADMSG;
	return found->idiag_inode != 0 && found->idiag_state != TCP_LISTEN;
}

static int converse(int netlink_fd, const struct question *question)
{
	/* aligned for the structs laid over it */
	_Alignas(struct nlmsghdr) unsigned char answer[4096];
	ssize_t size;

	if (send(netlink_fd, question, sizeof(*question), 0) < 0)
		return -errno;
	size = recv(netlink_fd, answer, sizeof(answer), MSG_DONTWAIT);
	return size < 0 ? -errno : judge(answer, (size_t)size);
}

/* The peer's close has shut down both ways of our end, at once. */
static int unix_held(int fd)
{
	struct pollfd poll_fd = {.fd = fd};

	if (poll(&poll_fd, 1, 0) < 0)
		return -errno;
	return (poll_fd.revents & (POLLHUP | POLLERR)) == 0;
}

int bc_peer_socket_held(const struct bc_peer_socket *diag, int fd)
{
	struct sockaddr_storage local, peer;
	socklen_t local_length = sizeof(local), peer_length = sizeof(peer);
	struct question question;
	int ret;

	/* whole: the kernel fills in no more than the family has */
	memset(&local, 0, sizeof(local));
	memset(&peer, 0, sizeof(peer));
	if (getsockname(fd, (struct sockaddr *)&local, &local_length) < 0 ||
	    getpeername(fd, (struct sockaddr *)&peer, &peer_length) < 0)
		return -errno;
	if (local.ss_family == AF_UNIX)
		return unix_held(fd);
	if (diag->fd < 0)
		return -EBADF;
	question = ask(&local, &peer);
	ret = converse(diag->fd, &question);
	if (ret == -ENOENT && bc_sockaddr_same_host(&local, &peer)) {
		/* is there an answer at all? ask for our own end */
		question = ask(&peer, &local);
		return converse(diag->fd, &question) == 1 ? 0 : -EOPNOTSUPP;
	}
	return ret;
}

const char *bc_peer_socket_describe(int fd, char *buffer, size_t size)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);
	struct ucred who;
	socklen_t who_length = sizeof(who);

	memset(&peer, 0, sizeof(peer));
	(void)getpeername(fd, (struct sockaddr *)&peer, &length);
	if (peer.ss_family == AF_UNIX &&
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &who_length) == 0)
		(void)snprintf(buffer, size, "unix:pid=%d,uid=%u", (int)who.pid,
			       (unsigned)who.uid);
	else
		bc_sockaddr_format(&peer, buffer, size);
	return buffer;
}
