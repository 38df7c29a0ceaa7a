/* SPDX-License-Identifier: MIT */
/* soak_roles.c - see soak_roles.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <bcast/bcast.h>
#include <bcast/monitor.h>

#include "soak_roles.h"

#define CHUNK	      (128u << 10)
#define KIB	      1024u
#define MIB	      (1024u * KIB)
#define PATIENCE_MS   50 /* nobody may be sending just now */
#define STALL_MS_MAX  300u
#define FLOOD	      24u
#define SMALL_RCVBUF  8192
#define PUBLISH_BYTES (64u * KIB)

#define check(condition)                               \
	do {                                           \
		if (!(condition))                      \
			give_up(#condition, __LINE__); \
	} while (0)

static _Noreturn void give_up(const char *condition, int line)
{
	(void)fprintf(stderr, "soak_roles.c:%d: %s does not hold (%s)\n", line,
		      condition, strerror(errno));
	_exit(1);
}

static void nap(unsigned ms)
{
	const struct timespec pause = {.tv_sec = ms / 1000,
				       .tv_nsec = (long)(ms % 1000) * 1000000};

	(void)nanosleep(&pause, NULL);
}

static int try_connect(uint16_t port, int rcvbuf_bytes)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const struct timeval patience = {.tv_usec = PATIENCE_MS * 1000};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	check(fd >= 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
			 sizeof(patience));
	if (rcvbuf_bytes > 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf_bytes,
				 sizeof(rcvbuf_bytes));
	check(connect(fd, (const struct sockaddr *)&address, sizeof(address)) ==
	      0);
	return fd;
}

static void reset(int fd)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	(void)close(fd);
}

/* ---- Receivers --------------------------------------------------------- */

struct visit {
	struct soak *soak;
	unsigned random;
	unsigned char *bytes; /* CHUNK */
	int fd;
	bool located;
	uint64_t position; /* of the next byte */
	size_t have;	   /* before it is located */
	bool ended;
};

static unsigned dice(struct visit *visit, unsigned sides)
{
	return (unsigned)rand_r(&visit->random) % sides;
}

/* True if `bytes` begins with enough to be found in the stream. */
static bool locate(struct visit *visit)
{
	int64_t found;

	if (visit->have < TEST_PATTERN_LOCATE)
		return false;
	found = test_pattern_locate(visit->soak->seed, visit->bytes);
	check(found >= 0);
	visit->position = (uint64_t)found;
	visit->located = true;
	return true;
}

/* One recv(), checked. 0: nothing came in time, or it is over. */
static size_t read_some(struct visit *visit)
{
	ssize_t n = recv(visit->fd, visit->bytes + visit->have,
			 CHUNK - visit->have, 0);

	if (n <= 0) {
		visit->ended = n == 0 || errno != EAGAIN;
		check(n == 0 || errno == EAGAIN || errno == ECONNRESET);
		return 0;
	}
	visit->have += (size_t)n;
	if (!visit->located && !locate(visit))
		return (size_t)n;
	check(test_pattern_check(visit->soak->seed, visit->position,
				 visit->bytes, visit->have) < 0);
	visit->position += visit->have;
	atomic_fetch_add(&visit->soak->checked, visit->have);
	visit->have = 0;
	return (size_t)n;
}

static void read_up_to(struct visit *visit, size_t bytes)
{
	size_t n;

	while (bytes > 0 && !atomic_load(&visit->soak->stop)) {
		n = read_some(visit);
		if (n == 0)
			return;
		bytes -= n < bytes ? n : bytes;
	}
}

/* Read, do nothing for some time, and read on, if we are still welcome. */
static void stall(struct visit *visit)
{
	read_up_to(visit, 64 * KIB);
	nap(dice(visit, STALL_MS_MAX));
	atomic_fetch_add(&visit->soak->stalls, 1);
	read_up_to(visit, 64 * MIB);
	if (visit->ended)
		atomic_fetch_add(&visit->soak->dropped, 1);
}

static void talk(struct visit *visit)
{
	static const char nonsense[16 * KIB] = "GET / HTTP/1.1\r\n";

	for (unsigned i = dice(visit, 8); i > 0; i--)
		(void)send(visit->fd, nonsense, dice(visit, sizeof(nonsense)),
			   MSG_NOSIGNAL | MSG_DONTWAIT);
	atomic_fetch_add(&visit->soak->garbage, 1);
	read_up_to(visit, MIB);
}

static void flood(struct visit *visit)
{
	int fds[FLOOD];

	for (unsigned i = 0; i < FLOOD; i++)
		fds[i] = try_connect(visit->soak->egress_port, SMALL_RCVBUF);
	for (unsigned i = 0; i < FLOOD; i++) {
		if (i % 2)
			reset(fds[i]);
		else
			(void)close(fds[i]);
	}
	atomic_fetch_add(&visit->soak->floods, 1);
}

static void behave(struct visit *visit)
{
	switch (dice(visit, 8)) {
	case 0:
		break; /* not a word */
	case 1:
		stall(visit);
		break;
	case 2:
		talk(visit);
		break;
	case 3:
		(void)shutdown(visit->fd, SHUT_WR);
		read_up_to(visit, MIB);
		break;
	case 4:
		(void)shutdown(visit->fd, SHUT_RDWR);
		break;
	case 5:
		flood(visit);
		break;
	default:
		read_up_to(visit, 1 + dice(visit, 16 * MIB));
		break;
	}
}

void *soak_receivers(void *argument)
{
	const struct soak_role *role = argument;
	struct visit visit = {.soak = role->soak,
			      .random = 1 + role->number,
			      .bytes = malloc(CHUNK)};

	check(visit.bytes);
	while (!atomic_load(&role->soak->stop)) {
		visit.fd = try_connect(role->soak->egress_port,
				       dice(&visit, 2) ? SMALL_RCVBUF : 0);
		visit.located = visit.ended = false;
		visit.have = 0;
		visit.position = 0;
		behave(&visit);
		atomic_fetch_add(&role->soak->visits, 1);
		if (dice(&visit, 2)) {
			reset(visit.fd);
			atomic_fetch_add(&role->soak->resets, 1);
		} else {
			(void)close(visit.fd);
		}
	}
	free(visit.bytes);
	return NULL;
}

/* ---- Senders ----------------------------------------------------------- */

static uint64_t counter(const struct soak *soak, const char *name)
{
	struct bcast_counter_info info;
	struct bcast_monitor *monitor;
	uint64_t value = 0;
	uint32_t next = 0;

	check(bcast_monitor_open(soak->daemon.name, &monitor) == 0);
	while (bcast_monitor_counter(monitor, &next, &info) == 1)
		if (strcmp(info.name, name) == 0)
			value = info.value;
	bcast_monitor_close(monitor);
	return value;
}

/* All connections of senders are ours: the daemon knows just these. */
static void await_senders(const struct soak *soak, uint64_t count)
{
	const uint64_t end = test_now_ms() + DEADLINE_MS;

	while (counter(soak, "senders") != count) {
		check(test_now_ms() < end);
		nap(1);
	}
}

/* Nobody is writing: this is where the next one goes on. */
static uint64_t tail(const struct soak *soak)
{
	struct bcast_reader *reader;
	uint64_t position;

	check(bcast_attach(soak->daemon.name, NULL, &reader) == 0);
	position = bcast_position(reader);
	bcast_detach(reader);
	return position;
}

static void send_stretch(const struct soak *soak, int fd, uint64_t at,
			 uint64_t end, unsigned char *bytes)
{
	while (at < end && !atomic_load(&soak->stop)) {
		size_t size = end - at < CHUNK ? end - at : CHUNK;
		size_t done = 0;

		test_pattern_fill(soak->seed, at, bytes, size);
		while (done < size) {
			ssize_t n = send(fd, bytes + done, size - done,
					 MSG_NOSIGNAL);

			check(n > 0 || errno == EINTR);
			done += n > 0 ? (size_t)n : 0;
		}
		at += size;
	}
}

/* While somebody writes: is told to go. */
static void intrude(const struct soak *soak)
{
	const uint64_t end = test_now_ms() + DEADLINE_MS;
	int fd = try_connect(soak->ingest_port, 0);
	char byte = 'x';

	(void)send(fd, &byte, 1, MSG_NOSIGNAL);
	while (recv(fd, &byte, 1, 0) < 0 && errno == EAGAIN)
		check(test_now_ms() < end);
	(void)close(fd);
}

/* One sender's life. What a reset has thrown away only the daemon knows. */
static void send_and_leave(struct soak *soak, unsigned *random,
			   unsigned char *bytes)
{
	const uint64_t at = tail(soak);
	const uint64_t size = 1 + (unsigned)rand_r(random) % (32 * MIB);
	int fd = try_connect(soak->ingest_port, 0);

	await_senders(soak, 1);
	if (rand_r(random) % 2)
		intrude(soak);
	send_stretch(soak, fd, at, at + size, bytes);
	if (rand_r(random) % 2) {
		reset(fd);
		atomic_fetch_add(&soak->broken_senders, 1);
	} else {
		(void)close(fd);
	}
	atomic_fetch_add(&soak->senders, 1);
	await_senders(soak, 0);
}

/* Nobody else sends: a local process takes the lease for a while. */
static void publish(struct soak *soak, unsigned *random, unsigned char *bytes)
{
	struct bcast_publisher_options options = BCAST_PUBLISHER_DEFAULTS;
	struct bcast_publisher *publisher;
	struct bcast_node *node;
	uint64_t at;
	int ret = 0;

	options.lease_wait_ms = DEADLINE_MS;
	check(bcast_join(soak->daemon.name, "soak-publisher", NULL, &node) ==
	      0);
	check(bcast_publisher_open(node, &options, &publisher) == 0);
	at = tail(soak);
	for (unsigned i = (unsigned)rand_r(random) % 200; i > 0; i--) {
		test_pattern_fill(soak->seed, at, bytes, PUBLISH_BYTES);
		ret = bcast_publish(publisher, bytes, PUBLISH_BYTES);
		check(ret == 0);
		at += PUBLISH_BYTES;
	}
	bcast_publisher_close(publisher);
	bcast_leave(node);
	atomic_fetch_add(&soak->publishers, 1);
}

void *soak_senders(void *argument)
{
	const struct soak_role *role = argument;
	struct soak *soak = role->soak;
	unsigned random = 1000 + role->number;
	unsigned char *bytes = malloc(CHUNK);

	check(bytes);
	while (!atomic_load(&soak->stop)) {
		send_and_leave(soak, &random, bytes);
		if (rand_r(&random) % 4 == 0)
			publish(soak, &random, bytes);
	}
	free(bytes);
	return NULL;
}

/* ---- Local readers ----------------------------------------------------- */

static void read_local(const struct soak *soak, struct bcast_reader *reader)
{
	const uint64_t position = bcast_position(reader);
	const void *data = NULL;
	int64_t n = bcast_peek(reader, &data);
	int64_t wrong;
	int ret;

	if (n > (int64_t)CHUNK)
		n = CHUNK;
	if (n > 0) {
		/* a lap is found out after the use: judge only then */
		wrong = test_pattern_check(soak->seed, position, data,
					   (size_t)n);
		ret = bcast_consume(reader, (size_t)n);
		test_child_check(ret == BCAST_ELAPPED ||
				 (ret == 0 && wrong < 0));
		return;
	}
	test_child_check(n == 0 || n == BCAST_ELAPPED);
	ret = bcast_wait(reader, PATIENCE_MS);
	test_child_check(ret >= 0 || ret == BCAST_ELAPPED);
}

void soak_reader(void *argument)
{
	const struct soak_role *role = argument;
	const struct soak *soak = role->soak;
	struct bcast_reader *reader;
	struct bcast_node *node;
	char id[32];

	if (role->number % 2) {
		(void)snprintf(id, sizeof(id), "soak-%ld", (long)getpid());
		test_child_check(
			bcast_join(soak->daemon.name, id, NULL, &node) == 0);
		test_child_check(bcast_node_reader(node, NULL, &reader) == 0);
	} else {
		test_child_check(
			bcast_attach(soak->daemon.name, NULL, &reader) == 0);
	}
	test_child_ready();
	for (;;)
		read_local(soak, reader);
}
