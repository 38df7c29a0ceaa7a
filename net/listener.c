/* SPDX-License-Identifier: MIT */
/* listener.c - see listener.h. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net/listener.h"

#define BIND_ATTEMPTS 200
#define BIND_PAUSE_MS 10
#define KEEPALIVES    3

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno
									: 0;
}

/* FORCE passes net.core.?mem_max, and needs CAP_NET_ADMIN. */
static int set_buffer(int fd, int option, int force_option, uint32_t bytes)
{
	if (bytes == 0)
		return 0;
	if (set_int(fd, SOL_SOCKET, force_option, (int)bytes) == 0)
		return 0;
	return set_int(fd, SOL_SOCKET, option, (int)bytes);
}

static int set_congestion(int fd, const char *name)
{
	if (name[0] == '\0')
		return 0;
	return setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name,
			  (socklen_t)strlen(name)) < 0
		       ? -errno
		       : 0;
}

/* So that a peer that vanished without a word is noticed, after twice that. */
static int set_keepalive(int fd, uint32_t milliseconds)
{
	int idle = (int)((milliseconds + 999) / 1000);
	int ret;

	if (idle == 0)
		return 0;
	ret = set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	if (ret == 0)
		ret = set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle);
	if (ret == 0)
		ret = set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL,
			      idle < KEEPALIVES ? 1 : idle / KEEPALIVES);
	if (ret == 0)
		ret = set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVES);
	return ret;
}

static int set_user_timeout(int fd, uint32_t milliseconds)
{
	if (milliseconds == 0)
		return 0;
	return set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)milliseconds);
}

int bc_listener_retune(int fd, uint32_t keepalive_ms, uint32_t user_timeout_ms)
{
	int ret = set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 0);

	if (ret == 0)
		ret = set_keepalive(fd, keepalive_ms);
	/* here 0 is as good as any: the system's */
	if (ret == 0)
		ret = set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
			      (int)user_timeout_ms);
	return ret;
}

static int set_options(int fd, int family,
		       const struct bc_listener_options *options)
{
	int ret = set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);

	/* so that [::] and 0.0.0.0 can both be listened to */
	if (ret == 0 && family == AF_INET6)
		ret = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (ret == 0)
		ret = set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (ret == 0)
		ret = set_keepalive(fd, options->keepalive_ms);
	if (ret == 0)
		ret = set_user_timeout(fd, options->user_timeout_ms);
	if (ret == 0)
		ret = set_buffer(fd, SO_SNDBUF, SO_SNDBUFFORCE,
				 options->sndbuf_bytes);
	if (ret == 0)
		ret = set_buffer(fd, SO_RCVBUF, SO_RCVBUFFORCE,
				 options->rcvbuf_bytes);
	if (ret == 0)
		ret = set_congestion(fd, options->congestion);
	/* a network card is asked, if it can be and if we may */
	if (options->busy_poll_us > 0)
		(void)set_int(fd, SOL_SOCKET, SO_BUSY_POLL,
			      (int)options->busy_poll_us);
	return ret;
}

static int bind_patiently(int fd, const struct bc_sockaddr *address,
			  const struct bc_listener_options *options)
{
	const struct timespec pause = {.tv_nsec = BIND_PAUSE_MS * 1000000};
	unsigned attempts = options->impatient
				    ? 0
				    : BIND_ATTEMPTS + options->extra_wait_ms /
							      BIND_PAUSE_MS;
	bool bound = false;

	for (unsigned attempt = 0;; attempt++) {
		/* SO_REUSEADDR lets two bind; listen() then finds out */
		if (!bound)
			bound = bind(fd,
				     (const struct sockaddr *)&address->storage,
				     address->length) == 0;
		if (bound && listen(fd, BC_LISTENER_BACKLOG) == 0)
			return 0;
		if (errno != EADDRINUSE || attempt == attempts)
			return -errno;
		(void)nanosleep(&pause, NULL);
	}
}

int bc_listener_open(const struct bc_sockaddr *address,
		     const struct bc_listener_options *options,
		     struct sockaddr_storage *bound)
{
	int family = address->storage.ss_family;
	socklen_t length = sizeof(*bound);
	int fd, ret;

	fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	ret = set_options(fd, family, options);
	if (ret == 0)
		ret = bind_patiently(fd, address, options);
	if (ret == 0 && getsockname(fd, (struct sockaddr *)bound, &length) < 0)
		ret = -errno;
	if (ret < 0) {
		(void)close(fd);
		return ret;
	}
	return fd;
}

unsigned bc_listener_backlog(void)
{
	FILE *file = fopen("/proc/sys/net/core/somaxconn", "re");
	unsigned limit = BC_LISTENER_BACKLOG;

	if (!file)
		return limit;
	if (fscanf(file, "%u", &limit) != 1 || limit > BC_LISTENER_BACKLOG)
		limit = BC_LISTENER_BACKLOG;
	(void)fclose(file);
	return limit;
}
