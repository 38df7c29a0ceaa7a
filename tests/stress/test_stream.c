/* SPDX-License-Identifier: MIT */
/*
 * No byte ever wrong: a long stream through bcastd, checked by position at
 * every consumer. Sixteen receivers and two local readers stay for all of it;
 * others, of both kinds, join and leave all the time. One thread each, as they
 * would be processes.
 *
 * BCAST_STRESS_MIB in the environment is the length of each stream (default
 * 1024); 20480 is the long run.
 *
 * Threads cannot use cmocka's asserts: they end the program by check().
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "crowd.h"

#define STEADY	    16u
#define READERS	    2u
#define VISITORS    2u
#define CHUNK	    (256u << 10)
#define MIB	    (UINT64_C(1) << 20)
#define WAIT_MS	    100
#define DEFAULT_MIB 1024u

/* One stream. What threads share is constant, or atomic. */
struct stream {
	struct daemon_fixture daemon;
	uint64_t seed;
	uint64_t length;
	uint16_t ingest_port, egress_port;
	_Atomic bool sent;	  /* the sender has written all */
	_Atomic uint64_t checked; /* bytes, at all consumers */
	_Atomic uint64_t visits;
	_Atomic uint64_t lost; /* bytes local readers were told they lost */
};

static struct stream stream;

#define check(condition)                               \
	do {                                           \
		if (!(condition))                      \
			give_up(#condition, __LINE__); \
	} while (0)

static _Noreturn void give_up(const char *condition, int line)
{
	(void)fprintf(stderr, "test_stream.c:%d: %s does not hold; log:\n%s",
		      line, condition,
		      stream.daemon.log ? daemon_fixture_log(&stream.daemon)
					: "no daemon\n");
	_exit(1);
}

static void check_bytes(uint64_t position, const void *bytes, size_t size)
{
	check(test_pattern_check(stream.seed, position, bytes, size) < 0);
	atomic_fetch_add(&stream.checked, size);
}

/* ---- The sender -------------------------------------------------------- */

static void send_whole(int fd, const unsigned char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);

		check(n > 0);
		bytes += n;
		size -= (size_t)n;
	}
}

static void *send_stream(void *argument)
{
	unsigned char *bytes = malloc(CHUNK);
	int fd = crowd_connect(stream.ingest_port, 0);

	(void)argument;
	check(bytes);
	for (uint64_t at = 0; at < stream.length; at += CHUNK) {
		size_t size =
			stream.length - at < CHUNK ? stream.length - at : CHUNK;

		test_pattern_fill(stream.seed, at, bytes, size);
		send_whole(fd, bytes, size);
	}
	atomic_store(&stream.sent, true);
	(void)close(fd);
	free(bytes);
	return NULL;
}

/* ---- Receivers --------------------------------------------------------- */

/* There from the first byte to the last. */
static void *receive_all(void *argument)
{
	int fd = *(int *)argument;
	unsigned char *bytes = malloc(CHUNK);
	uint64_t position = 0;
	ssize_t n;

	check(bytes);
	while ((n = recv(fd, bytes, CHUNK, 0)) > 0) {
		check_bytes(position, bytes, (size_t)n);
		position += (uint64_t)n;
	}
	check(n == 0);
	check(position == stream.length);
	(void)close(fd);
	free(bytes);
	return NULL;
}

/* Take up to `limit` bytes from wherever the stream is now. */
static void visit(int fd, unsigned char *bytes, uint64_t limit)
{
	uint64_t position = 0, taken = 0;
	size_t have = 0;
	int64_t found;

	while (have < TEST_PATTERN_LOCATE) {
		ssize_t n = recv(fd, bytes + have, CHUNK - have, 0);

		if (n <= 0)
			return; /* it came after the last byte */
		have += (size_t)n;
	}
	found = test_pattern_locate(stream.seed, bytes);
	check(found >= 0);
	position = (uint64_t)found;
	while (have > 0) {
		ssize_t n;

		check_bytes(position, bytes, have);
		position += have;
		taken += have;
		if (taken >= limit)
			return;
		n = recv(fd, bytes, CHUNK, 0);
		have = n > 0 ? (size_t)n : 0;
	}
}

static void leave(int fd, bool by_reset)
{
	const struct linger abort_now = {.l_onoff = 1, .l_linger = 0};

	if (by_reset)
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort_now,
				 sizeof(abort_now));
	(void)close(fd);
}

static void *come_and_go(void *argument)
{
	unsigned random = 1 + *(unsigned *)argument;
	unsigned char *bytes = malloc(CHUNK);
	const struct timeval patience = {.tv_usec = WAIT_MS * 1000};

	check(bytes);
	while (!atomic_load(&stream.sent)) {
		int fd = crowd_connect(stream.egress_port, 0);

		/* nothing more may come */
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
				 sizeof(patience));
		visit(fd, bytes, (unsigned)rand_r(&random) % (16 * MIB));
		leave(fd, rand_r(&random) % 2);
		atomic_fetch_add(&stream.visits, 1);
	}
	free(bytes);
	return NULL;
}

/* ---- Local readers ----------------------------------------------------- */

/* One piece; false at the end. `lost` counts what the reader was told. */
static bool read_piece(struct bcast_reader *reader, uint64_t *lost)
{
	uint64_t position;
	const void *data = NULL;
	int64_t n;
	int ret = bcast_wait(reader, WAIT_MS);

	if (ret == BCAST_ECLOSED)
		return false;
	if (ret == 0)
		return true;
	position = bcast_position(reader);
	n = ret == 1 ? bcast_peek(reader, &data) : ret;
	if (n > (int64_t)CHUNK)
		n = CHUNK;
	if (n > 0) {
		/* a lap is found out after the use: judge only then */
		int64_t wrong = test_pattern_check(stream.seed, position, data,
						   (size_t)n);

		ret = bcast_consume(reader, (size_t)n);
		check(ret == BCAST_ELAPPED || (ret == 0 && wrong < 0));
		if (ret == 0)
			atomic_fetch_add(&stream.checked, (uint64_t)n);
	}
	if (n == BCAST_ELAPPED || ret == BCAST_ELAPPED)
		*lost += bcast_loss(reader).bytes;
	else
		check(n > 0);
	return true;
}

static void *read_all(void *argument)
{
	struct bcast_reader *reader = *(struct bcast_reader **)argument;
	uint64_t lost = 0;

	while (read_piece(reader, &lost))
		;
	check(bcast_reader_stats(reader).bytes + lost == stream.length);
	atomic_fetch_add(&stream.lost, lost);
	bcast_detach(reader);
	return NULL;
}

static void *attach_and_detach(void *argument)
{
	unsigned random = 1 + *(unsigned *)argument;

	while (!atomic_load(&stream.sent)) {
		struct bcast_reader *reader;
		uint64_t lost = 0;

		check(bcast_attach(stream.daemon.name, NULL, &reader) == 0);
		for (int i = rand_r(&random) % 100; i >= 0; i--)
			check(read_piece(reader, &lost));
		bcast_detach(reader);
		atomic_fetch_add(&stream.visits, 1);
	}
	return NULL;
}

/* ---- All of it --------------------------------------------------------- */

static uint64_t largest_lag(void)
{
	struct bcast_monitor *monitor;
	struct bcast_peer_info peer;
	uint64_t largest = 0;
	uint32_t next = 0;

	assert_int_equal(bcast_monitor_open(stream.daemon.name, &monitor), 0);
	while (bcast_monitor_peer(monitor, &next, &peer) == 1)
		if (peer.lag_max > largest)
			largest = peer.lag_max;
	bcast_monitor_close(monitor);
	return largest;
}

static bool all_is_delivered(void *argument)
{
	struct bcast_monitor *monitor;
	struct bcast_peer_info peer;
	uint32_t next = 0;
	bool delivered = true;

	(void)argument;
	if (daemon_fixture_counter(&stream.daemon, "bytes_in") != stream.length)
		return false;
	assert_int_equal(bcast_monitor_open(stream.daemon.name, &monitor), 0);
	while (bcast_monitor_peer(monitor, &next, &peer) == 1)
		if (peer.lag > 0)
			delivered = false;
	bcast_monitor_close(monitor);
	return delivered;
}

static pthread_t start(void *(*what)(void *), void *argument)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, what, argument), 0);
	return thread;
}

static void open_stream(const char *policy)
{
	const char *options[] = {"--ring-size",	  "256M",     "--ingest",
				 "127.0.0.1:0",	  "--egress", "127.0.0.1:0",
				 "--slow-policy", policy,     NULL};
	const char *mib = getenv("BCAST_STRESS_MIB");

	memset(&stream, 0, sizeof(stream));
	daemon_fixture_start(&stream.daemon, options);
	stream.seed = (uint64_t)getpid();
	stream.length = (mib ? strtoull(mib, NULL, 10) : DEFAULT_MIB) * MIB + 7;
	stream.ingest_port = daemon_fixture_port(&stream.daemon, "ingest");
	stream.egress_port = daemon_fixture_port(&stream.daemon, "egress");
}

static void report(const char *policy, uint64_t start_ms)
{
	double seconds = (double)(test_now_ms() - start_ms) / 1000;

	print_message(
		"%s: %.1f GiB in, %.1f GiB checked, %llu visits, "
		"%.1f s (%.1f Gbit/s out), largest lag %llu MiB, "
		"%llu MiB lost by local readers\n",
		policy, (double)stream.length / (double)(1024 * MIB),
		(double)stream.checked / (double)(1024 * MIB),
		(unsigned long long)stream.visits, seconds,
		(double)daemon_fixture_counter(&stream.daemon, "bytes_out") *
			8e-9 / seconds,
		(unsigned long long)(largest_lag() / MIB),
		(unsigned long long)(stream.lost / MIB));
}

static void every_byte_is_right(const char *policy)
{
	pthread_t steady[STEADY + READERS], others[1 + 2 * VISITORS];
	struct bcast_reader *readers[READERS];
	unsigned numbers[2 * VISITORS];
	int fds[STEADY];
	uint64_t start_ms;

	open_stream(policy);
	for (unsigned i = 0; i < STEADY; i++) {
		fds[i] = crowd_connect(stream.egress_port, 0);
		steady[i] = start(receive_all, &fds[i]);
	}
	for (unsigned i = 0; i < READERS; i++) {
		assert_int_equal(
			bcast_attach(stream.daemon.name, NULL, &readers[i]), 0);
		steady[STEADY + i] = start(read_all, &readers[i]);
	}
	daemon_fixture_await(&stream.daemon, "receivers", STEADY);
	start_ms = test_now_ms();
	others[0] = start(send_stream, NULL);
	for (unsigned i = 0; i < 2 * VISITORS; i++) {
		numbers[i] = i;
		others[1 + i] =
			start(i < VISITORS ? come_and_go : attach_and_detach,
			      &numbers[i]);
	}

	for (unsigned i = 0; i < 1 + 2 * VISITORS; i++)
		assert_int_equal(pthread_join(others[i], NULL), 0);
	assert_true(test_within(3 * DEADLINE_MS, all_is_delivered, NULL));
	report(policy, start_ms);
	assert_int_equal(
		daemon_fixture_counter(&stream.daemon, "receivers_dropped"), 0);
	daemon_fixture_stop(&stream.daemon);
	for (unsigned i = 0; i < STEADY + READERS; i++)
		assert_int_equal(pthread_join(steady[i], NULL), 0);
}

static void with_policy_disconnect_every_byte_is_right(void **state)
{
	(void)state;
	every_byte_is_right("disconnect");
}

static void with_policy_block_every_byte_is_right(void **state)
{
	(void)state;
	every_byte_is_right("block");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, daemon_fixture_cleanup)
	const struct CMUnitTest tests[] = {
		TEST(with_policy_disconnect_every_byte_is_right),
		TEST(with_policy_block_every_byte_is_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
