/* SPDX-License-Identifier: MIT */
/* restart.c - see restart.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "restart.h"

#define SEED	    UINT64_C(11)
#define CHUNK	    65536u
#define AHEAD_BYTES (UINT64_C(1) << 20)

/* Below the ports that the kernel gives to others while nobody listens. */
#define PORT_FIRST 20000u
#define PORT_COUNT 12000u

/* ---- Name and ports ---------------------------------------------------- */

static struct sockaddr_in local_address(unsigned port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static bool is_free(unsigned port)
{
	struct sockaddr_in address = local_address(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool free_now;

	assert_true(fd >= 0);
	free_now = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	(void)close(fd);
	return free_now;
}

void restart_choose_address(char *text, size_t size)
{
	static unsigned next;

	for (unsigned i = 0; i < PORT_COUNT; i++) {
		unsigned port = PORT_FIRST +
				((unsigned)getpid() * 7 + next++) % PORT_COUNT;

		if (!is_free(port))
			continue;
		snprintf(text, size, "127.0.0.1:%u", port);
		return;
	}
	fail_msg("no free port");
}

void restart_open(struct restart *restart, const char *ring_size)
{
	*restart = (struct restart){
		.ring_size = ring_size,
		/* a sanitized daemon takes its time to start */
		.gone_after_ms = DEADLINE_MS / 2,
		.sender = -1,
		.receiver = -1,
	};
	snprintf(restart->name, sizeof(restart->name), "%s", test_name());
	restart_choose_address(restart->ingest, sizeof(restart->ingest));
	restart_choose_address(restart->egress, sizeof(restart->egress));
}

/* ---- Daemons ----------------------------------------------------------- */

static void set_options(const struct restart *restart, const char *options[8])
{
	options[0] = "--ring-size";
	options[1] = restart->ring_size;
	options[2] = "--ingest";
	options[3] = restart->ingest;
	options[4] = "--egress";
	options[5] = restart->egress;
	options[6] = NULL;
}

static void name_daemon(struct restart *restart)
{
	snprintf(restart->daemon.name, sizeof(restart->daemon.name), "%s",
		 restart->name);
	restart->life++;
}

void restart_launch(struct restart *restart)
{
	const char *options[8];

	set_options(restart, options);
	name_daemon(restart);
	daemon_fixture_launch(&restart->daemon, options);
}

static bool listens(void *argument)
{
	struct restart *restart = argument;

	return daemon_fixture_logged(&restart->daemon, "info listening ") == 2;
}

void restart_live(struct restart *restart)
{
	restart_launch(restart);
	/* longer than the daemon waits for the addresses of a dead one */
	if (!test_within(2 * DEADLINE_MS, listens, restart))
		fail_msg("it does not listen:\n%s", restart->daemon.log);
	restart->epoch = restart_info(restart).epoch;
}

void restart_kill(struct restart *restart)
{
	assert_int_equal(kill(restart->daemon.pid, SIGKILL), 0);
	assert_int_equal(daemon_fixture_wait(&restart->daemon), 128 + SIGKILL);
	if (strstr(daemon_fixture_log(&restart->daemon), "error "))
		fail_msg("it complains:\n%s", restart->daemon.log);
	daemon_fixture_forget(&restart->daemon);
}

struct bcast_stream_info restart_info(const struct restart *restart)
{
	struct bcast_monitor *monitor;
	struct bcast_stream_info info;

	assert_int_equal(bcast_monitor_open(restart->name, &monitor), 0);
	(void)bcast_monitor_stream(monitor, &info);
	bcast_monitor_close(monitor);
	return info;
}

/* ---- Local readers ----------------------------------------------------- */

static bool is_right(struct restart_reader *reader, const void *bytes, size_t n)
{
	if (test_pattern_check(SEED, reader->position, bytes, n) < 0)
		return true;
	reader->wrong = 1;
	return false;
}

/* One look; < 0 ends the reader. */
static int64_t peek(struct restart_reader *reader)
{
	const struct timespec pause = {.tv_nsec = 100000};
	const void *data;
	int64_t n = bcast_peek(reader->handle, &data);
	int ret;

	if (n > 0 && !is_right(reader, data, (size_t)n))
		return -EIO;
	if (n > 0) {
		ret = bcast_consume(reader->handle, (size_t)n);
		if (ret < 0)
			return ret;
		reader->position += (uint64_t)n;
	}
	if (n == 0)
		(void)nanosleep(&pause, NULL);
	return n;
}

static int64_t read_some(struct restart_reader *reader, unsigned char *buffer)
{
	int64_t n = bcast_read(reader->handle, buffer, CHUNK);

	if (n > 0 && !is_right(reader, buffer, (size_t)n))
		return -EIO;
	if (n > 0)
		reader->position += (uint64_t)n;
	return n;
}

static int64_t take(struct restart_reader *reader, unsigned char *buffer)
{
	int64_t n;

	if (reader->way == RESTART_PEEK)
		return peek(reader);
	n = read_some(reader, buffer);
	if (n != 0)
		return n;
	return bcast_wait(reader->handle,
			  reader->way == RESTART_READ ? 10 : -1);
}

static void *run_reader(void *argument)
{
	struct restart_reader *reader = argument;
	unsigned char buffer[CHUNK];
	int64_t n = 0;

	while (n >= 0 && !reader->stop)
		n = take(reader, buffer);
	reader->result = n < 0 ? (int)n : 1;
	return NULL;
}

static void start_reader(const struct restart *restart,
			 struct restart_reader *reader)
{
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;

	if (reader->way == RESTART_PARK)
		options.spin_ns = 0;
	if (restart->gone_after_ms > 0)
		options.gone_after_ms = restart->gone_after_ms;
	assert_int_equal(bcast_attach(restart->name, &options, &reader->handle),
			 0);
	reader->position = bcast_position(reader->handle);
	assert_int_equal(
		pthread_create(&reader->thread, NULL, run_reader, reader), 0);
	reader->running = 1;
}

void restart_attach(struct restart *restart)
{
	for (unsigned i = 0; i < RESTART_READERS; i++) {
		restart->readers[i].way = (enum restart_way)i;
		start_reader(restart, &restart->readers[i]);
	}
}

struct readers_wait {
	struct restart *restart;
	uint64_t tail;
};

static bool have_read_all(void *argument)
{
	const struct readers_wait *wait = argument;

	for (unsigned i = 0; i < RESTART_READERS; i++) {
		const struct restart_reader *reader =
			&wait->restart->readers[i];

		if (reader->result != 0)
			fail_msg("reader %u ended in life %u: %s%s", i,
				 wait->restart->life,
				 bcast_strerror(reader->result),
				 reader->wrong ? " (a wrong byte)" : "");
		if (reader->position < wait->tail)
			return false;
	}
	return true;
}

void restart_await_readers(struct restart *restart)
{
	struct readers_wait wait = {restart, restart_info(restart).tail};

	if (!test_within(DEADLINE_MS, have_read_all, &wait))
		fail_msg("readers at %llu %llu %llu, tail %llu",
			 (unsigned long long)restart->readers[0].position,
			 (unsigned long long)restart->readers[1].position,
			 (unsigned long long)restart->readers[2].position,
			 (unsigned long long)wait.tail);
}

static bool have_ended(void *argument)
{
	const struct restart *restart = argument;

	for (unsigned i = 0; i < RESTART_READERS; i++)
		if (restart->readers[i].result == 0)
			return false;
	return true;
}

void restart_assert_ended(struct restart *restart, int result, uint64_t tail)
{
	assert_true(test_within(DEADLINE_MS, have_ended, restart));
	for (unsigned i = 0; i < RESTART_READERS; i++) {
		assert_int_equal(restart->readers[i].result, result);
		assert_int_equal(restart->readers[i].position, tail);
	}
}

/* ---- TCP --------------------------------------------------------------- */

static int connect_to(const char *text)
{
	struct sockaddr_in address;
	unsigned port = 0;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(sscanf(text, "127.0.0.1:%u", &port), 1);
	address = local_address(port);
	assert_int_equal(
		connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

void restart_connect(struct restart *restart)
{
	restart->receiver = connect_to(restart->egress);
	daemon_fixture_await(&restart->daemon, "receivers", 1);
	restart->sender = connect_to(restart->ingest);
	daemon_fixture_await(&restart->daemon, "senders", 1);
	restart->sent = restart_info(restart).tail;
	restart->received = restart->sent;
}

static bool receive_some(struct restart *restart)
{
	static unsigned char buffer[CHUNK];
	ssize_t n =
		recv(restart->receiver, buffer, sizeof(buffer), MSG_DONTWAIT);

	if (n <= 0)
		return false;
	if (test_pattern_check(SEED, restart->received, buffer, (size_t)n) >= 0)
		fail_msg("the receiver has a wrong byte after %llu",
			 (unsigned long long)restart->received);
	restart->received += (uint64_t)n;
	return true;
}

static void send_some(struct restart *restart, uint64_t goal)
{
	static unsigned char buffer[CHUNK];
	size_t size = goal - restart->sent < CHUNK
			      ? (size_t)(goal - restart->sent)
			      : CHUNK;
	ssize_t n;

	test_pattern_fill(SEED, restart->sent, buffer, size);
	n = send(restart->sender, buffer, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		restart->sent += (uint64_t)n;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void restart_stream(struct restart *restart, uint64_t bytes)
{
	uint64_t goal = restart_info(restart).tail + bytes;
	uint64_t deadline_ms = now_ms() + DEADLINE_MS;

	while (restart_info(restart).tail < goal) {
		struct pollfd polled[] = {
			{.fd = restart->receiver, .events = POLLIN},
			{.fd = restart->sent < goal + AHEAD_BYTES
				       ? restart->sender
				       : -1,
			 .events = POLLOUT},
		};

		if (now_ms() > deadline_ms)
			fail_msg("too late; the daemon's log:\n%s",
				 daemon_fixture_log(&restart->daemon));
		(void)poll(polled, 2, 1);
		(void)receive_some(restart);
		if (polled[1].revents)
			send_some(restart, goal + AHEAD_BYTES);
	}
}

void restart_disconnect(struct restart *restart)
{
	while (receive_some(restart))
		;
	assert_true(restart->received <= restart_info(restart).tail);
	assert_true(restart_info(restart).tail <= restart->sent);
	(void)close(restart->receiver);
	(void)close(restart->sender);
	restart->receiver = -1;
	restart->sender = -1;
}

/* ---- The end ----------------------------------------------------------- */

void restart_close(struct restart *restart)
{
	void *no_state = NULL;

	if (restart->receiver >= 0)
		(void)close(restart->receiver);
	if (restart->sender >= 0)
		(void)close(restart->sender);
	/* an end in order is one that readers learn of at once */
	if (restart->daemon.pid > 0 && kill(restart->daemon.pid, SIGTERM) == 0)
		(void)daemon_fixture_wait(&restart->daemon);
	(void)daemon_fixture_cleanup(&no_state);
	daemon_fixture_forget(&restart->daemon);
	for (unsigned i = 0; i < RESTART_READERS; i++) {
		struct restart_reader *reader = &restart->readers[i];

		if (!reader->running)
			continue;
		reader->stop = 1;
		(void)pthread_join(reader->thread, NULL);
		bcast_detach(reader->handle);
		reader->running = 0;
	}
	snprintf(restart->daemon.name, sizeof(restart->daemon.name), "%s",
		 restart->name);
	daemon_fixture_kill(&restart->daemon);
}
