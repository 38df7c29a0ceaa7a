/* SPDX-License-Identifier: MIT */
/* test_publisher_lease.c - a local publisher and TCP senders: one at a time. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crowd.h"
#include "published.h"
#include "takers.h"

#define KIB 1024u
#define MIB (1024u * KIB)

static struct daemon_fixture daemon_;
static struct takers takers;
static struct publishing publishing;

static void start(const char *door)
{
	const char *options[] = {"--ring-size", "4M",	    door,
				 "127.0.0.1:0", "--egress", "127.0.0.1:0",
				 NULL};

	daemon_fixture_start(&daemon_, options);
	takers_open(&takers, &daemon_, false);
	publishing.name = daemon_.name;
}

static int prepare(void **state)
{
	(void)state;
	daemon_ = (struct daemon_fixture){0};
	takers = (struct takers){0};
	publishing = (struct publishing){.id = "writer", .most = 64 * KIB};
	return 0;
}

static int close_all(void **state)
{
	publishing_close(&publishing);
	takers_close(&takers);
	return daemon_fixture_cleanup(state);
}

static void publish(unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		assert_int_equal(publishing_one(&publishing), 0);
}

/* The stream's bytes [from, from + size), from a connection. */
static void send_bytes(int fd, uint64_t from, size_t size)
{
	static unsigned char piece[64 * KIB];

	for (size_t at = 0; at < size;) {
		size_t part =
			size - at < sizeof(piece) ? size - at : sizeof(piece);

		test_pattern_fill(PUBLISHED_SEED, from + at, piece, part);
		assert_int_equal(send(fd, piece, part, MSG_NOSIGNAL), part);
		at += part;
	}
}

static bool is_closed(void *argument)
{
	const int *fd = argument;
	char byte;

	return recv(*fd, &byte, 1, MSG_DONTWAIT) == 0 ||
	       (errno != EAGAIN && errno != EINTR);
}

static void sender_beside_a_publisher_is_refused(void **state)
{
	int fd;

	(void)state;
	start("--ingest");
	takers_receive(&takers, 0);
	assert_int_equal(publishing_try(&publishing), 0);
	publish(3);

	fd = crowd_connect(daemon_fixture_port(&daemon_, "ingest"), 0);

	assert_true(test_within(DEADLINE_MS, is_closed, &fd));
	daemon_fixture_await_log(&daemon_, "sender_refused", 1);
	assert_int_equal(
		daemon_fixture_logged(&daemon_, "reason=sender_active"), 1);
	publish(3);
	takers_settle(&takers, publishing.next);
	(void)close(fd);

	/* its place is free again with the publisher's going */
	publishing_close(&publishing);
	fd = crowd_connect(daemon_fixture_port(&daemon_, "ingest"), 0);
	daemon_fixture_await(&daemon_, "senders_joined", 1);
	(void)close(fd);
	daemon_fixture_stop(&daemon_);
}

static void newcomer_beside_a_publisher_receives(void **state)
{
	struct taker *newcomer;

	(void)state;
	start("--listen");
	assert_int_equal(publishing_try(&publishing), 0);

	newcomer = takers_adopt(
		&takers,
		crowd_connect(daemon_fixture_port(&daemon_, "any"), 0));
	daemon_fixture_await(&daemon_, "receivers_joined", 1);
	publish(10);

	takers_settle(&takers, publishing.next);
	assert_int_equal(newcomer->bytes, publishing.next);
	assert_int_equal(daemon_fixture_counter(&daemon_, "senders_joined"), 0);
	daemon_fixture_stop(&daemon_);
}

static void publisher_is_told_who_sends(void **state)
{
	struct bcast_publisher_options how = BCAST_PUBLISHER_DEFAULTS;
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	struct bcast_writer_info holder;
	struct bcast_publisher *publisher;
	struct bcast_monitor *monitor;
	struct bcast_node *node;
	char expected[32];
	int fd;

	(void)state;
	start("--ingest");
	fd = crowd_connect(daemon_fixture_port(&daemon_, "ingest"), 0);
	daemon_fixture_await(&daemon_, "senders_joined", 1);
	(void)getsockname(fd, (struct sockaddr *)&address, &length);
	snprintf(expected, sizeof(expected), "127.0.0.1:%u",
		 (unsigned)ntohs(address.sin_port));
	assert_int_equal(bcast_join(daemon_.name, "late", NULL, &node), 0);
	how.holder = &holder;

	assert_int_equal(bcast_publisher_open(node, &how, &publisher), -EBUSY);

	assert_int_equal(holder.kind, BCAST_WRITER_SENDER);
	assert_string_equal(holder.who, expected);
	assert_true(holder.since_realtime_ns != 0);
	assert_int_equal(bcast_monitor_open(daemon_.name, &monitor), 0);
	(void)bcast_monitor_writer(monitor, &holder);
	bcast_monitor_close(monitor);
	assert_string_equal(holder.who, expected);
	bcast_leave(node);
	(void)close(fd);
	daemon_fixture_stop(&daemon_);
}

/*
 * As soon as it has the lease the publisher writes: had the kernel still to
 * bring something of the sender's, one would overwrite the other.
 */
static void lease_is_free_after_the_senders_last_byte(void **state)
{
	(void)state;
	start("--ingest");
	takers_receive(&takers, 0);
	takers_read_local(&takers);
	publishing.lease_wait_ms = DEADLINE_MS;

	for (unsigned round = 0; round < 30; round++) {
		uint16_t port = daemon_fixture_port(&daemon_, "ingest");
		uint64_t from = publishing.next;
		size_t size = 200 * KIB + round * 1000;
		int fd = crowd_connect(port, 0);

		daemon_fixture_await(&daemon_, "senders_joined", round + 1);
		send_bytes(fd, from, size);
		(void)close(fd);
		assert_int_equal(publishing_try(&publishing), 0);

		assert_int_equal(publishing.next, from + size);
		publish(5);
		takers_settle(&takers, publishing.next);
		publishing_close(&publishing);
	}
	assert_int_equal(daemon_fixture_counter(&daemon_, "senders_refused"),
			 0);
	daemon_fixture_stop(&daemon_);
}

/* Packets are published by local processes only, as of now. */
static void stream_of_packets_takes_no_sender(void **state)
{
	static const char *const options[] = {
		"--ring-size", "1M",	      "--format", "packet",
		"--listen",    "127.0.0.1:0", NULL};

	(void)state;
	daemon_fixture_start(&daemon_, options);
	takers_open(&takers, &daemon_, true);
	publishing.name = daemon_.name;
	takers_adopt(&takers,
		     crowd_connect(daemon_fixture_port(&daemon_, "any"), 0));
	daemon_fixture_await(&daemon_, "receivers_joined", 1);
	assert_int_equal(send(takers.all[0].fd, "bytes", 5, MSG_NOSIGNAL), 5);
	assert_int_equal(publishing_try(&publishing), 0);
	publish(10);

	takers_settle(&takers, 11);
	daemon_fixture_await(&daemon_, "discarded_bytes", 5);
	daemon_fixture_stop(&daemon_);
}

int main(void)
{
#define LEASE_TEST(f) cmocka_unit_test_setup_teardown(f, prepare, close_all)
	const struct CMUnitTest tests[] = {
		LEASE_TEST(sender_beside_a_publisher_is_refused),
		LEASE_TEST(newcomer_beside_a_publisher_receives),
		LEASE_TEST(publisher_is_told_who_sends),
		LEASE_TEST(lease_is_free_after_the_senders_last_byte),
		LEASE_TEST(stream_of_packets_takes_no_sender),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
