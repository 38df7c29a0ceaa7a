/* SPDX-License-Identifier: MIT */
/* ping_connect.c - from an address to a connection. See ping.h. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "ping.h"

#define HOST_MAX 256

static int complain(const char *address, const char *why, int code)
{
	fprintf(stderr, PING_PROGRAM ": %s: %s\n", address, why);
	return -code;
}

static int try(int family, const struct sockaddr *to, socklen_t length,
	       int timeout_ms)
{
	const struct timeval limit = {
		.tv_sec = timeout_ms / 1000,
		.tv_usec = timeout_ms % 1000 * 1000,
	};
	const int on = 1;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, to, length) < 0) {
		ret = errno == EINPROGRESS ? -ETIMEDOUT : -errno;
		(void)close(fd);
		return ret;
	}
	if (family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static int connect_unix(const char *address, int timeout_ms)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	const char *path = strchr(address, ':') + 1;
	size_t length = strlen(path);
	int fd;

	if (length < 2 || length >= sizeof(to.sun_path))
		return complain(address, "not an address", EX_USAGE);
	memcpy(to.sun_path, path, length);
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	else
		length++;
	fd = try(AF_UNIX, (const struct sockaddr *)&to,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length),
		 timeout_ms);
	return fd < 0 ? complain(address, strerror(-fd), EX_UNAVAILABLE) : fd;
}

/* "[::1]:7400", "host:7400": cut in two. */
static const char *split(const char *address, char host[HOST_MAX])
{
	const char *colon = strrchr(address, ':');
	const char *begin = address, *end = colon;

	if (!colon || colon[1] == '\0')
		return NULL;
	if (address[0] == '[') {
		if (colon[-1] != ']')
			return NULL;
		begin++;
		end--;
	} else if (memchr(address, ':', (size_t)(colon - address))) {
		return NULL;
	}
	if (end <= begin || end - begin >= HOST_MAX)
		return NULL;
	memcpy(host, begin, (size_t)(end - begin));
	host[end - begin] = '\0';
	return colon + 1;
}

int ping_connect(const char *address, int timeout_ms)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				       .ai_flags = AI_NUMERICSERV};
	struct addrinfo *found;
	char host[HOST_MAX];
	const char *port;
	int ret, fd = -EADDRNOTAVAIL;

	if (strncmp(address, "unix:/", 6) == 0 ||
	    strncmp(address, "unix:@", 6) == 0)
		return connect_unix(address, timeout_ms);
	port = split(address, host);
	if (!port)
		return complain(address,
				"not an address (HOST:PORT, [IPv6]:PORT, "
				"unix:/PATH or unix:@NAME)",
				EX_USAGE);
	ret = getaddrinfo(host, port, &hints, &found);
	if (ret != 0)
		return complain(address, gai_strerror(ret), EX_NOHOST);
	for (const struct addrinfo *at = found; at && fd < 0; at = at->ai_next)
		fd = try(at->ai_family, at->ai_addr, at->ai_addrlen,
			 timeout_ms);
	freeaddrinfo(found);
	return fd < 0 ? complain(address, strerror(-fd), EX_UNAVAILABLE) : fd;
}
