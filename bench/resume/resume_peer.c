/* SPDX-License-Identifier: MIT */
/*
 * resume_peer.c - see resume.h: Redis and NATS, by a client as quick as one can
 * be: it tries again every millisecond, and resends what failed. They number
 * nothing, so what was on its way is lost, and counted by the subscriber.
 */
#include "resume.h"

#include "clock.h"
#include "protocol.h"
#include "socket.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRY_AGAIN_NS 1000000

/* Connected, and greeted or subscribed. */
static int get_in(const struct resume_options *options, int (*greet)(int fd))
{
	for (;;) {
		int fd = socket_connect(options->address, NULL, 0);

		if (fd >= 0 && (greet == NULL || greet(fd) >= 0))
			return fd;
		if (fd >= 0)
			(void)close(fd);
		pause_ns(TRY_AGAIN_NS);
	}
}

static size_t fill(char *out, const struct protocol *protocol,
		   const struct resume_message *message)
{
	const size_t tail = strlen(protocol->tail);
	size_t size = protocol->head(out, RESUME_PAYLOAD);

	memset(out + size, 0, RESUME_PAYLOAD);
	memcpy(out + size, message, sizeof(*message));
	size += RESUME_PAYLOAD;
	memcpy(out + size, protocol->tail, tail);
	return size + tail;
}

/* What the server says: it is of no interest, but must not pile up. */
static void drain(int fd)
{
	char replies[4096];

	while (recv(fd, replies, sizeof(replies), MSG_DONTWAIT) > 0)
		continue;
}

void resume_publish_peer(const struct resume_options *options)
{
	const struct protocol *protocol = protocol_find(options->protocol);
	char bytes[PROTOCOL_HEAD_MAX + RESUME_PAYLOAD + 8];
	struct resume_message message;
	int fd = get_in(options, protocol->greet);

	message.number = atomic_load(&options->shared->published);
	for (;;) {
		size_t size;

		message.number++;
		message.sent_ns = (uint64_t)(now_s() * 1e9);
		size = fill(bytes, protocol, &message);
		while (send(fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size) {
			(void)close(fd);
			fd = get_in(options, protocol->greet);
		}
		atomic_store(&options->shared->published, message.number);
		drain(fd);
		pause_ns((long)options->pause_us * 1000);
	}
}

/* NATS says PING and INFO now and then, a line each: they are passed. */
static bool skip_lines(int fd)
{
	char byte;

	while (recv(fd, &byte, 1, MSG_PEEK) == 1) {
		if (byte != 'P' && byte != 'I' && byte != '+')
			return true;
		do
			if (recv(fd, &byte, 1, 0) != 1)
				return false;
		while (byte != '\n');
	}
	return false;
}

/* The whole of it, or false at the end. The handshake's time limit is over. */
static bool take(int fd, char *bytes, size_t size)
{
	size_t have = 0;

	while (have < size) {
		ssize_t n = recv(fd, bytes + have, size - have, 0);

		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	return true;
}

void resume_subscribe_peer(const struct resume_options *options)
{
	const struct protocol *protocol = protocol_find(options->protocol);
	const size_t tail = strlen(protocol->tail);
	const size_t size = protocol->overhead(RESUME_PAYLOAD) + RESUME_PAYLOAD;
	struct resume_message message;
	char bytes[512];

	for (;;) {
		int fd = get_in(options, protocol->subscribe);

		while (skip_lines(fd) && take(fd, bytes, size)) {
			memcpy(&message, bytes + size - tail - RESUME_PAYLOAD,
			       sizeof(message));
			resume_note(options->shared, &message);
		}
		(void)close(fd);
	}
}
