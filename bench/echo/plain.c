/* SPDX-License-Identifier: MIT */
/*
 * plain.c - the echo server that anybody would write first: one thread, epoll,
 * level-triggered; read, change the type in place, write the same bytes.
 *
 * It is fast, since it does nothing else: no limit on what a client may leave
 * lying, no counters, no log. One receive per client and wake-up into one
 * buffer for all, which stays in the cache; what the client's socket does not
 * take is kept aside until it does, and the client is not read meanwhile.
 */
#include "flip.h"
#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_BYTES (256u << 10)
#define EVENTS_MAX   512

struct client {
	int fd;
	struct flip flip;
	unsigned char *rest;  /* what could not be written */
	size_t rest_size, at; /* how much, and what of it went out */
};

static unsigned char buffer[FLIP_HEADER_BYTES + BUFFER_BYTES];
static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static void leave(struct client *client)
{
	(void)close(client->fd);
	free(client->rest);
	free(client);
}

static void watch(int epoll, struct client *client, int op, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = client};

	(void)epoll_ctl(epoll, op, client->fd, &event);
}

/* Returns false if it is over. */
static bool write_out(int epoll, struct client *client, unsigned char *bytes,
		      size_t size)
{
	ssize_t sent = send(client->fd, bytes, size, MSG_NOSIGNAL);

	if (sent < 0 && errno != EAGAIN)
		return false;
	if (sent < 0)
		sent = 0;
	if ((size_t)sent == size)
		return true;
	client->rest_size = size - (size_t)sent;
	client->rest = malloc(client->rest_size);
	if (client->rest == NULL)
		return false;
	memcpy(client->rest, bytes + sent, client->rest_size);
	client->at = 0;
	watch(epoll, client, EPOLL_CTL_MOD, EPOLLOUT);
	return true;
}

static bool on_writable(int epoll, struct client *client)
{
	ssize_t sent = send(client->fd, client->rest + client->at,
			    client->rest_size - client->at, MSG_NOSIGNAL);

	if (sent < 0)
		return errno == EAGAIN;
	client->at += (size_t)sent;
	if (client->at < client->rest_size)
		return true;
	free(client->rest);
	client->rest = NULL;
	watch(epoll, client, EPOLL_CTL_MOD, EPOLLIN);
	return true;
}

static bool on_readable(int epoll, struct client *client)
{
	unsigned char *bytes = buffer + FLIP_HEADER_BYTES;
	ssize_t count = recv(client->fd, bytes, BUFFER_BYTES, 0);
	size_t size = (size_t)count;

	if (count < 0)
		return errno == EAGAIN;
	if (count == 0 || !flip(&client->flip, &bytes, &size))
		return false;
	return size == 0 || write_out(epoll, client, bytes, size);
}

static void on_connections(int epoll, int listener)
{
	static const int one = 1;
	int fd;

	while ((fd = accept4(listener, NULL, NULL,
			     SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct client *client = calloc(1, sizeof(*client));

		if (client == NULL) {
			(void)close(fd);
			return;
		}
		client->fd = fd;
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
				 sizeof(one));
		watch(epoll, client, EPOLL_CTL_ADD, EPOLLIN);
	}
}

static void serve(int epoll, int listener)
{
	struct epoll_event events[EVENTS_MAX];

	while (!stopped) {
		int count = epoll_wait(epoll, events, EVENTS_MAX, -1);

		for (int i = 0; i < count; i++) {
			struct client *client = events[i].data.ptr;
			bool goes_on;

			if (client == NULL) {
				on_connections(epoll, listener);
				continue;
			}
			goes_on = events[i].events & EPOLLOUT
					  ? on_writable(epoll, client)
					  : on_readable(epoll, client);
			if (!goes_on)
				leave(client);
		}
	}
}

static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char *argv[])
{
	const char *address = argc > 1 ? argv[1] : "127.0.0.1:0";
	const char *congestion = argc > 2 ? argv[2] : NULL;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int listener = socket_listen(address, congestion, "echo");

	if (epoll < 0 || listener < 0) {
		(void)fprintf(stderr, "plain: cannot listen at %s\n", address);
		return 1;
	}
	allow_descriptors();
	(void)signal(SIGTERM, on_signal);
	(void)signal(SIGINT, on_signal);
	(void)fcntl(listener, F_SETFL, O_NONBLOCK);
	(void)epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
	serve(epoll, listener);
	return 0;
}
