/* SPDX-License-Identifier: MIT */
/* crowd.c - see crowd.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crowd.h"

#define CHUNK	       262144
#define SMALL_BYTES    16384
#define TAKES_PER_STEP 8u

void crowd_open(struct crowd *crowd, struct daemon_fixture *daemon)
{
	memset(crowd, 0, sizeof(*crowd));
	crowd->daemon = daemon;
	crowd->seed = (uint64_t)getpid();
	crowd->sender = -1;
}

void crowd_close(struct crowd *crowd)
{
	for (unsigned i = 0; i < crowd->count; i++)
		crowd_leave(&crowd->consumers[i]);
	if (crowd->sender >= 0)
		crowd_end_sender(crowd);
}

/* ---- Coming ------------------------------------------------------------ */

int crowd_connect(uint16_t port, int rcvbuf_bytes)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (rcvbuf_bytes > 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf_bytes,
				 sizeof(rcvbuf_bytes));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail_msg("cannot connect to port %u: %s", port,
			 strerror(errno));
	return fd;
}

static struct consumer *add(struct crowd *crowd)
{
	struct consumer *consumer = &crowd->consumers[crowd->count];

	assert_true(crowd->count < CROWD_MAX);
	crowd->count++;
	*consumer = (struct consumer){.fd = -1};
	return consumer;
}

struct consumer *crowd_adopt(struct crowd *crowd, int fd)
{
	struct consumer *consumer = add(crowd);

	consumer->fd = fd;
	return consumer;
}

static struct consumer *receive(struct crowd *crowd, int rcvbuf_bytes)
{
	uint64_t before =
		daemon_fixture_counter(crowd->daemon, "receivers_joined");
	const char *role =
		strstr(daemon_fixture_log(crowd->daemon), " role=egress")
			? "egress"
			: "any";
	struct consumer *consumer = crowd_adopt(
		crowd, crowd_connect(daemon_fixture_port(crowd->daemon, role),
				     rcvbuf_bytes));

	daemon_fixture_await_at_least(crowd->daemon, "receivers_joined",
				      before + 1);
	return consumer;
}

struct consumer *crowd_receive(struct crowd *crowd)
{
	return receive(crowd, 0);
}

struct consumer *crowd_receive_small(struct crowd *crowd)
{
	return receive(crowd, SMALL_BYTES);
}

/* ---- As processes ------------------------------------------------------ */

struct errand {
	int fd;
	uint64_t seed;
	bool hold;
};

/* In the child: let go of all that is the test's, or it stays open. */
static void keep_only(int fd)
{
	test_child_ready();
	if (fd > STDERR_FILENO + 1)
		(void)close_range(STDERR_FILENO + 1, (unsigned)fd - 1, 0);
	(void)close_range((unsigned)fd + 1, UINT32_MAX, 0);
}

static void take_all(void *argument)
{
	static unsigned char bytes[CHUNK];
	const struct errand *errand = argument;

	keep_only(errand->fd);
	while (read(errand->fd, bytes, sizeof(bytes)) > 0)
		;
	if (errand->hold)
		test_child_sleep();
	_exit(0);
}

static void give_all(void *argument)
{
	static unsigned char bytes[CHUNK / 4];
	const struct errand *errand = argument;
	uint64_t sent = 0;
	ssize_t n;

	keep_only(errand->fd);
	do {
		test_pattern_fill(errand->seed, sent, bytes, sizeof(bytes));
		n = send(errand->fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
		sent += (uint64_t)n;
	} while (n > 0);
	_exit(0);
}

static struct test_child spawn(void (*what)(void *), struct errand *errand)
{
	struct test_child child = test_fork(what, errand);

	(void)close(errand->fd);
	return child;
}

struct test_child crowd_spawn_receiver(struct crowd *crowd, bool hold)
{
	struct errand errand = {
		.fd = crowd_connect(
			daemon_fixture_port(crowd->daemon, "egress"), 0),
		.hold = hold,
	};

	return spawn(take_all, &errand);
}

struct test_child crowd_spawn_sender(struct crowd *crowd)
{
	struct errand errand = {
		.fd = crowd_connect(
			daemon_fixture_port(crowd->daemon, "ingest"), 0),
		.seed = crowd->seed,
	};

	return spawn(give_all, &errand);
}

static void give_zeros(void *argument)
{
	static unsigned char bytes[CHUNK];
	const struct errand *errand = argument;

	keep_only(errand->fd);
	while (send(errand->fd, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0)
		;
	_exit(0);
}

struct test_child crowd_spawn_flood(struct crowd *crowd)
{
	struct errand errand = {
		.fd = crowd_connect(
			daemon_fixture_port(crowd->daemon, "ingest"), 0),
	};

	return spawn(give_zeros, &errand);
}

struct consumer *crowd_read_local(struct crowd *crowd)
{
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;
	struct bcast_reader *reader;

	options.spin_ns = 0;
	options.gone_after_ms = 0;
	assert_int_equal(bcast_attach(crowd->daemon->name, &options, &reader),
			 0);
	return crowd_adopt_reader(crowd, reader);
}

struct consumer *crowd_adopt_reader(struct crowd *crowd,
				    struct bcast_reader *reader)
{
	struct consumer *consumer = add(crowd);

	consumer->reader = reader;
	consumer->located = true;
	consumer->started = true;
	consumer->start = bcast_position(consumer->reader);
	consumer->position = consumer->start;
	return consumer;
}

void crowd_send_from(struct crowd *crowd, const char *role)
{
	uint64_t before = daemon_fixture_counter(crowd->daemon, "accepts");

	assert_int_equal(crowd->sender, -1);
	crowd->sender =
		crowd_connect(daemon_fixture_port(crowd->daemon, role), 0);
	crowd->send_error = false;
	daemon_fixture_await_at_least(crowd->daemon, "accepts", before + 1);
}

void crowd_send(struct crowd *crowd, uint64_t bytes)
{
	crowd->goal += bytes;
}

/* ---- Going ------------------------------------------------------------- */

static void close_by_reset(int fd)
{
	const struct linger abort_now = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort_now,
			 sizeof(abort_now));
	(void)close(fd);
}

void crowd_end_sender(struct crowd *crowd)
{
	(void)close(crowd->sender);
	crowd->sender = -1;
}

void crowd_reset_sender(struct crowd *crowd)
{
	close_by_reset(crowd->sender);
	crowd->sender = -1;
}

static void end(struct consumer *consumer, int error)
{
	if (consumer->fd >= 0)
		(void)close(consumer->fd);
	bcast_detach(consumer->reader);
	consumer->fd = -1;
	consumer->reader = NULL;
	consumer->ended = true;
	consumer->error = error;
}

void crowd_leave(struct consumer *consumer)
{
	if (!consumer->ended)
		end(consumer, 0);
}

void crowd_leave_by_reset(struct consumer *consumer)
{
	close_by_reset(consumer->fd);
	consumer->fd = -1;
	end(consumer, 0);
}

/* ---- Taking and checking ----------------------------------------------- */

/*
 * Where do these bytes stand? Takes some of them, up to the number that tells,
 * and returns how many.
 */
static size_t locate(const struct crowd *crowd, struct consumer *consumer,
		     const unsigned char *bytes, size_t size)
{
	size_t n = sizeof(consumer->head) - consumer->head_size;
	int64_t found;

	if (n > size)
		n = size;
	memcpy(consumer->head + consumer->head_size, bytes, n);
	consumer->head_size += n;
	if (consumer->head_size < sizeof(consumer->head))
		return n;
	found = test_pattern_locate(crowd->seed, consumer->head);
	if (found < 0 || (uint64_t)found < consumer->position)
		fail_msg("these bytes are not of this stream");
	if (consumer->started)
		consumer->skipped += (uint64_t)found - consumer->position;
	else
		consumer->start = (uint64_t)found;
	consumer->started = true;
	consumer->located = true;
	consumer->position = (uint64_t)found + consumer->head_size;
	consumer->head_size = 0;
	return n;
}

/* A byte is not the next one: another place, if that is to be expected. */
static void lose_place(const struct crowd *crowd, struct consumer *consumer)
{
	if (!consumer->may_jump)
		fail_msg("consumer %ld has a wrong byte at %llu",
			 (long)(consumer - crowd->consumers),
			 (unsigned long long)consumer->position);
	consumer->located = false;
}

static void check(const struct crowd *crowd, struct consumer *consumer,
		  const unsigned char *bytes, size_t size)
{
	consumer->bytes += size;
	while (size > 0) {
		size_t right = size;
		int64_t wrong;

		if (!consumer->located) {
			right = locate(crowd, consumer, bytes, size);
		} else {
			wrong = test_pattern_check(
				crowd->seed, consumer->position, bytes, size);
			if (wrong >= 0)
				right = (size_t)wrong;
			consumer->position += right;
			if (wrong >= 0)
				lose_place(crowd, consumer);
		}
		bytes += right;
		size -= right;
	}
}

static void take_tcp(const struct crowd *crowd, struct consumer *consumer)
{
	static unsigned char buffer[CHUNK];
	size_t size = consumer->sip ? consumer->sip : sizeof(buffer);

	for (unsigned i = 0; i < TAKES_PER_STEP; i++) {
		ssize_t n = recv(consumer->fd, buffer, size, MSG_DONTWAIT);

		if (n > 0) {
			check(crowd, consumer, buffer, (size_t)n);
		} else if (n == 0) {
			end(consumer, 0);
		} else if (errno != EAGAIN && errno != EINTR) {
			end(consumer, -errno);
		}
		if (n <= 0 || consumer->sip)
			return;
	}
}

static bool take_local(const struct crowd *crowd, struct consumer *consumer)
{
	const void *data;
	int64_t n;
	int ret = bcast_wait(consumer->reader, 0);

	if (ret == 0)
		return false;
	if (ret < 0) {
		end(consumer, ret);
		return true;
	}
	n = bcast_peek(consumer->reader, &data);
	assert_true(n > 0);
	if (consumer->sip != 0 && (size_t)n > consumer->sip)
		n = (int64_t)consumer->sip;
	check(crowd, consumer, data, (size_t)n);
	assert_int_equal(bcast_consume(consumer->reader, (size_t)n), 0);
	return true;
}

/* ---- The poll loop ----------------------------------------------------- */

static void send_some(struct crowd *crowd)
{
	static unsigned char buffer[CHUNK];
	uint64_t size = crowd->goal - crowd->sent;
	ssize_t n;

	if (size > sizeof(buffer))
		size = sizeof(buffer);
	test_pattern_fill(crowd->seed, crowd->sent, buffer, size);
	n = send(crowd->sender, buffer, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0) {
		crowd->sent += (uint64_t)n;
	} else if (errno != EAGAIN && errno != EINTR) {
		crowd_end_sender(crowd);
		crowd->send_error = true;
	}
}

void crowd_step(struct crowd *crowd)
{
	struct pollfd polled[CROWD_MAX + 1];
	bool moved = false;

	for (unsigned i = 0; i < crowd->count; i++) {
		struct consumer *consumer = &crowd->consumers[i];

		polled[i] = (struct pollfd){
			.fd = consumer->stalled ? -1 : consumer->fd,
			.events = POLLIN,
		};
		if (consumer->reader && !consumer->stalled)
			moved = take_local(crowd, consumer) || moved;
	}
	polled[crowd->count] = (struct pollfd){
		.fd = crowd->sent < crowd->goal ? crowd->sender : -1,
		.events = POLLOUT,
	};
	if (poll(polled, crowd->count + 1, moved ? 0 : 1) <= 0)
		return;
	for (unsigned i = 0; i < crowd->count; i++)
		if (polled[i].revents)
			take_tcp(crowd, &crowd->consumers[i]);
	if (polled[crowd->count].revents)
		send_some(crowd);
}

static void report(const struct crowd *crowd)
{
	print_error("sent %llu of %llu\n", (unsigned long long)crowd->sent,
		    (unsigned long long)crowd->goal);
	for (unsigned i = 0; i < crowd->count; i++) {
		const struct consumer *consumer = &crowd->consumers[i];

		if (!consumer->ended && consumer->position != crowd->goal)
			print_error("consumer %u%s is at %llu\n", i,
				    consumer->stalled ? " (stalled)" : "",
				    (unsigned long long)consumer->position);
	}
}

void crowd_run_until(struct crowd *crowd, bool (*condition)(void *),
		     void *argument)
{
	uint64_t deadline_ms = test_now_ms() + 3 * (uint64_t)DEADLINE_MS;

	while (!condition(argument)) {
		if (test_now_ms() > deadline_ms) {
			report(crowd);
			fail_msg("too late; the daemon's log:\n%s",
				 daemon_fixture_log(crowd->daemon));
		}
		crowd_step(crowd);
	}
}

static bool is_settled(void *argument)
{
	const struct crowd *crowd = argument;

	if (crowd->sent < crowd->goal)
		return false;
	for (unsigned i = 0; i < crowd->count; i++) {
		const struct consumer *consumer = &crowd->consumers[i];

		if (!consumer->ended && !consumer->stalled &&
		    consumer->position != crowd->goal)
			return false;
	}
	return true;
}

void crowd_settle(struct crowd *crowd)
{
	crowd_run_until(crowd, is_settled, crowd);
}

static bool all_have_ended(void *argument)
{
	const struct crowd *crowd = argument;

	for (unsigned i = 0; i < crowd->count; i++)
		if (!crowd->consumers[i].ended && !crowd->consumers[i].stalled)
			return false;
	return true;
}

void crowd_run_to_end(struct crowd *crowd)
{
	crowd_run_until(crowd, all_have_ended, crowd);
}
