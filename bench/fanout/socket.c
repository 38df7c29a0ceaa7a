/* SPDX-License-Identifier: MIT */
/* socket.c - connect, listen, and read sizes; see socket.h. */
#include "socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER_TIMEOUT_S 10
#define BACKLOG		 1024

uint64_t socket_size(const char *text)
{
	char *end;
	uint64_t size = strtoull(text, &end, 10);

	if (end == text)
		return 0;
	switch (*end) {
	case 'K':
		return end[1] == '\0' ? size << 10 : 0;
	case 'M':
		return end[1] == '\0' ? size << 20 : 0;
	case 'G':
		return end[1] == '\0' ? size << 30 : 0;
	case '\0':
		return size;
	}
	return 0;
}

static int parse(const char *text, struct sockaddr_in *address)
{
	char host[INET_ADDRSTRLEN];
	const char *colon = strrchr(text, ':');
	unsigned long port;
	char *end;

	if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	port = strtoul(colon + 1, &end, 10);
	if (end == colon + 1 || *end != '\0' || port > 65535)
		return -EINVAL;
	*address = (struct sockaddr_in){.sin_family = AF_INET,
					.sin_port = htons((uint16_t)port)};
	return inet_pton(AF_INET, host, &address->sin_addr) == 1 ? 0 : -EINVAL;
}

static int new_socket(const char *congestion)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0)
		return -errno;
	if (congestion == NULL)
		return fd;
	if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion,
		       (socklen_t)strlen(congestion)) < 0) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

int socket_connect(const char *address, const char *congestion,
		   size_t rcvbuf_bytes)
{
	const struct timeval limit = {.tv_sec = ANSWER_TIMEOUT_S};
	const int rcvbuf = (int)rcvbuf_bytes;
	struct sockaddr_in peer;
	int ret = parse(address, &peer);
	int fd;

	if (ret < 0)
		return ret;
	fd = new_socket(congestion);
	if (fd < 0)
		return fd;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) <
		    0 ||
	    (rcvbuf > 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf,
				      sizeof(rcvbuf)) < 0) ||
	    connect(fd, (const struct sockaddr *)&peer, sizeof(peer)) < 0) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

static int listen_at(int fd, struct sockaddr_in *address)
{
	const int on = 1;
	socklen_t size = sizeof(*address);

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (const struct sockaddr *)address, size) < 0 ||
	    listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)address, &size) < 0)
		return -errno;
	return 0;
}

int socket_listen(const char *address, const char *congestion, const char *role)
{
	struct sockaddr_in local;
	char host[INET_ADDRSTRLEN];
	int ret = parse(address, &local);
	int fd;

	if (ret < 0)
		return ret;
	fd = new_socket(congestion);
	if (fd < 0)
		return fd;
	ret = listen_at(fd, &local);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	(void)inet_ntop(AF_INET, &local.sin_addr, host, sizeof(host));
	(void)fprintf(stderr, "info listening addr=%s:%u role=%s\n", host,
		      ntohs(local.sin_port), role);
	return fd;
}
