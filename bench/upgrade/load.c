/* SPDX-License-Identifier: MIT */
/*
 * load.c - one sender and N receivers that do all they can, and check each
 * byte; and the longest time in which one of them got nothing.
 *
 *	bench_upgrade_load ADDRESS RECEIVERS
 *
 * Each line on standard input ends a window and is answered by one line: the
 * window's seconds, the bytes of all receivers, and the longest pause that
 * began or went on in it, in milliseconds. The end of the input ends it all:
 * the sender closes, the receivers take the rest, and the last line says how
 * many bytes were sent, and that all had them, or what was wrong.
 *
 * The stream is the numbers from 0, in 8 bytes each: whoever has counted his
 * bytes knows the next. Knows bcast by its sockets only.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "socket.h"

#define PIECE	      (256u * 1024u)
#define RECEIVERS_MAX 256u

struct receiver {
	pthread_t thread;
	int fd;
	_Atomic uint64_t bytes;
	_Atomic double since; /* of its last bytes */
	_Atomic double worst; /* pause, since the window began */
	const char *wrong;
};

static struct receiver receivers[RECEIVERS_MAX];
static unsigned count;
static int sender_fd;
static _Atomic bool over;
static _Atomic uint64_t sent;

/* ---- The stream -------------------------------------------------------- */

/* Bytes of the stream from `position` on. */
static void fill(uint64_t position, unsigned char *bytes, size_t size)
{
	for (size_t done = 0; done < size; done += sizeof(uint64_t)) {
		uint64_t number = (position + done) / sizeof(number);

		memcpy(bytes + done, &number, sizeof(number));
	}
}

static bool is_byte(uint64_t position, unsigned char byte)
{
	uint64_t number = position / sizeof(number);
	unsigned char bytes[sizeof(number)];

	memcpy(bytes, &number, sizeof(number));
	return byte == bytes[position % sizeof(number)];
}

/* The odd bytes at both ends by themselves. */
static bool is_right(uint64_t position, const unsigned char *bytes, size_t size)
{
	uint64_t differ = 0;

	while (size > 0 && position % sizeof(uint64_t) != 0) {
		if (!is_byte(position++, *bytes++))
			return false;
		size--;
	}
	for (; size >= sizeof(uint64_t); size -= sizeof(uint64_t)) {
		uint64_t number;

		memcpy(&number, bytes, sizeof(number));
		differ |= number ^ (position / sizeof(number));
		position += sizeof(number);
		bytes += sizeof(number);
	}
	while (size-- > 0)
		if (!is_byte(position++, *bytes++))
			return false;
	return differ == 0;
}

/* ---- Threads ----------------------------------------------------------- */

static void note_pause(struct receiver *self, double now)
{
	double pause = now - atomic_load(&self->since);

	atomic_store(&self->since, now);
	if (pause > atomic_load(&self->worst))
		atomic_store(&self->worst, pause);
}

static void *receive(void *argument)
{
	struct receiver *self = argument;
	unsigned char *buffer = malloc(PIECE);
	uint64_t position = 0;
	ssize_t n;

	while (buffer && (n = recv(self->fd, buffer, PIECE, 0)) > 0) {
		note_pause(self, now_s());
		if (!is_right(position, buffer, (size_t)n)) {
			self->wrong = "a wrong byte";
			break;
		}
		position += (uint64_t)n;
		atomic_store(&self->bytes, position);
	}
	if (!self->wrong && (!buffer || n < 0))
		self->wrong = "the connection was lost";
	if (!self->wrong && !atomic_load(&over))
		self->wrong = "the stream has ended";
	free(buffer);
	return NULL;
}

static void *send_all(void *argument)
{
	unsigned char *buffer = malloc(2 * PIECE);
	uint64_t position = 0;

	(void)argument;
	while (buffer && !atomic_load(&over)) {
		size_t odd = position % PIECE;
		ssize_t n;

		/* from a whole piece on, so that numbers are not cut */
		fill(position - odd, buffer, 2 * PIECE);
		n = send(sender_fd, buffer + odd, 2 * PIECE - odd,
			 MSG_NOSIGNAL);
		if (n <= 0)
			break;
		position += (uint64_t)n;
		atomic_store(&sent, position);
	}
	free(buffer);
	(void)shutdown(sender_fd, SHUT_WR);
	return NULL;
}

/* ---- Windows ----------------------------------------------------------- */

static uint64_t all_bytes(void)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < count; i++)
		bytes += atomic_load(&receivers[i].bytes);
	return bytes;
}

/* Also one that is not over yet. */
static double worst_pause(double now)
{
	double worst = 0;

	for (unsigned i = 0; i < count; i++) {
		double one = atomic_exchange(&receivers[i].worst, 0.0);
		double open = now - atomic_load(&receivers[i].since);

		worst = one > worst ? one : worst;
		worst = open > worst ? open : worst;
	}
	return worst;
}

static void answer_windows(void)
{
	double began = now_s();
	uint64_t before = all_bytes();
	char line[64];

	(void)worst_pause(began);
	while (fgets(line, sizeof(line), stdin)) {
		double now = now_s();
		uint64_t bytes = all_bytes();

		printf("%.6f %" PRIu64 " %.3f\n", now - began, bytes - before,
		       worst_pause(now) * 1e3);
		(void)fflush(stdout);
		began = now;
		before = bytes;
	}
}

static int start(const char *address)
{
	sender_fd = socket_connect(address, "cubic", 0);
	if (sender_fd < 0)
		return sender_fd;
	pause_ns(200000000); /* to be the first one, which sends */
	for (unsigned i = 0; i < count; i++) {
		receivers[i].fd = socket_connect(address, "cubic", 0);
		if (receivers[i].fd < 0)
			return receivers[i].fd;
	}
	pause_ns(200000000); /* to be there before the first byte */
	for (unsigned i = 0; i < count; i++) {
		atomic_store(&receivers[i].since, now_s());
		if (pthread_create(&receivers[i].thread, NULL, receive,
				   &receivers[i]) != 0)
			return -1;
	}
	return 0;
}

/*
 * The stream does not end with its sender: so they do, when they have it all.
 */
static void await_all(uint64_t bytes)
{
	double deadline = now_s() + 30;

	for (unsigned i = 0; i < count; i++) {
		while (atomic_load(&receivers[i].bytes) < bytes &&
		       now_s() < deadline)
			pause_ns(1000000);
		(void)shutdown(receivers[i].fd, SHUT_RDWR);
	}
}

static int verdict(void)
{
	uint64_t bytes = atomic_load(&sent);
	const char *wrong = NULL;

	await_all(bytes);
	for (unsigned i = 0; i < count; i++) {
		(void)pthread_join(receivers[i].thread, NULL);
		if (!wrong && receivers[i].wrong)
			wrong = receivers[i].wrong;
		if (!wrong && atomic_load(&receivers[i].bytes) != bytes)
			wrong = "not all of it came";
	}
	printf("sent %" PRIu64 " %s\n", bytes, wrong ? wrong : "all right");
	return wrong ? 1 : 0;
}

int main(int argc, char *argv[])
{
	pthread_t sender;

	count = argc == 3 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	if (count == 0 || count > RECEIVERS_MAX) {
		fputs("usage: bench_upgrade_load ADDRESS RECEIVERS\n", stderr);
		return 64;
	}
	if (start(argv[1]) < 0 ||
	    pthread_create(&sender, NULL, send_all, NULL) != 0) {
		fputs("bench_upgrade_load: cannot connect\n", stderr);
		return 69;
	}
	answer_windows();
	atomic_store(&over, true);
	(void)pthread_join(sender, NULL);
	return verdict();
}
