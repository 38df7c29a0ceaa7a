/* SPDX-License-Identifier: MIT */
/* echo_stage.c - see echo_stage.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "echo_stage.h"

#define WINDOW 65536u

void echo_start(const char *const more[])
{
	const char *options[DAEMON_FIXTURE_OPTIONS] = {
		"--ring-size", "1M",	 "--listen",
		"127.0.0.1:0", "--echo", "127.0.0.1:0"};
	unsigned count = 6;

	for (unsigned i = 0; more && more[i]; i++)
		options[count++] = more[i];
	daemon_fixture_start(&daemon_, options);
	crowd_open(&crowd, &daemon_);
}

void echo_start_plain(void)
{
	echo_start(NULL);
}

static struct echo_client adopt(int fd)
{
	const int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return (struct echo_client){.fd = fd};
}

struct echo_client echo_join(void)
{
	return adopt(crowd_connect(daemon_fixture_port(&daemon_, "echo"), 0));
}

struct echo_client echo_join_small(void)
{
	return adopt(
		crowd_connect(daemon_fixture_port(&daemon_, "echo"), 4096));
}

struct echo_client echo_join_unix(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(length < sizeof(address.sun_path));
	memcpy(address.sun_path + 1, name, length);
	length += offsetof(struct sockaddr_un, sun_path) + 1;
	assert_int_equal(connect(fd, (const struct sockaddr *)&address,
				 (socklen_t)length),
			 0);
	return adopt(fd);
}

void echo_leave(struct echo_client *client)
{
	(void)close(client->fd);
	free(client->packet);
	free(client->expected);
	*client = (struct echo_client){.fd = -1};
}

void echo_leave_by_reset(struct echo_client *client)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	echo_leave(client);
}

size_t echo_packet_bytes(const struct echo_client *client)
{
	return BCAST_ECHO_HEADER_BYTES + client->length;
}

/* Packets that may be lost carry their number. */
static void make(const struct echo_client *client, uint32_t type,
		 uint64_t number, unsigned char *packet)
{
	const struct bcast_echo_header header = {htonl(type),
						 htonl(client->length)};
	unsigned char *payload = packet + sizeof(header);

	memcpy(packet, &header, sizeof(header));
	test_pattern_fill(number, 0, payload, client->length);
	if (client->may_lose)
		memcpy(payload, &number, sizeof(number));
}

void echo_make_next(const struct echo_client *client)
{
	make(client, BCAST_ECHO_SEND, client->sent, client->packet);
}

static void expect_next(const struct echo_client *client)
{
	make(client, BCAST_ECHO_ECHO, client->received, client->expected);
}

void echo_ask(struct echo_client *client, uint32_t length, uint64_t goal)
{
	size_t room = BCAST_ECHO_HEADER_BYTES + length + sizeof(uint64_t);

	free(client->packet);
	free(client->expected);
	client->packet = malloc(room);
	client->expected = malloc(room);
	assert_non_null(client->packet);
	assert_non_null(client->expected);
	client->length = length;
	client->goal = goal;
	client->sent = 0;
	client->received = 0;
	client->sent_part = 0;
	client->received_part = 0;
	echo_make_next(client);
	expect_next(client);
}

bool echo_send(struct echo_client *client)
{
	size_t left = echo_packet_bytes(client) - client->sent_part;
	ssize_t count;

	if (client->sent == client->goal)
		return false;
	count = send(client->fd, client->packet + client->sent_part, left,
		     MSG_DONTWAIT | MSG_NOSIGNAL);
	if (count < 0) {
		assert_int_equal(errno, EAGAIN);
		return false;
	}
	client->sent_part += (size_t)count;
	if ((size_t)count == left) {
		client->sent++;
		client->sent_part = 0;
		echo_make_next(client);
	}
	return true;
}

bool echo_receive(struct echo_client *client)
{
	static unsigned char bytes[65536];
	size_t left = echo_packet_bytes(client) - client->received_part;
	ssize_t count;

	if (client->received == client->goal)
		return false;
	count = recv(client->fd, bytes,
		     left < sizeof(bytes) ? left : sizeof(bytes), MSG_DONTWAIT);
	if (count < 0) {
		assert_int_equal(errno, EAGAIN);
		return false;
	}
	assert_int_not_equal(count, 0);
	assert_memory_equal(bytes, client->expected + client->received_part,
			    (size_t)count);
	client->received_part += (size_t)count;
	if ((size_t)count == left) {
		client->received++;
		client->received_part = 0;
		expect_next(client);
	}
	return true;
}

/* Who reads is not to be taken for one who does not: not too much at once. */
static bool has_window(const struct echo_client *client)
{
	return client->sent_part > 0 || client->sent == client->received ||
	       (client->sent + 1 - client->received) *
			       echo_packet_bytes(client) <=
		       WINDOW;
}

void echo_run(struct echo_client *clients, unsigned count)
{
	uint64_t end_ms = test_now_ms() + DEADLINE_MS;
	bool unfinished = true;

	while (unfinished && test_now_ms() < end_ms) {
		bool moved = false;

		unfinished = false;
		for (unsigned i = 0; i < count; i++) {
			if (has_window(&clients[i]))
				moved |= echo_send(&clients[i]);
			moved |= echo_receive(&clients[i]);
			unfinished |= clients[i].received < clients[i].goal;
		}
		if (!moved)
			(void)poll(NULL, 0, 1);
	}
	assert_false(unfinished);
}

void echo_exchange(struct echo_client *client, uint32_t length, uint64_t goal)
{
	echo_ask(client, length, goal);
	echo_run(client, 1);
}

void echo_write(const struct echo_client *client, const void *bytes,
		size_t size)
{
	assert_int_equal(send(client->fd, bytes, size, MSG_NOSIGNAL), size);
}

void echo_send_header(const struct echo_client *client, uint32_t type,
		      uint32_t length)
{
	const struct bcast_echo_header header = {htonl(type), htonl(length)};

	echo_write(client, &header, sizeof(header));
}

void echo_assert_closed(struct echo_client *client)
{
	unsigned char byte;
	ssize_t count = recv(client->fd, &byte, 1, 0);

	assert_true(count == 0 || (count < 0 && errno == ECONNRESET));
	echo_leave(client);
}

void echo_flood(struct echo_client *client, uint64_t dropped)
{
	uint64_t end_ms = test_now_ms() + DEADLINE_MS;

	echo_ask(client, 20000, UINT64_MAX);
	while (daemon_fixture_counter(&daemon_, "echo_dropped") < dropped &&
	       test_now_ms() < end_ms)
		for (unsigned i = 0; i < 10; i++)
			(void)echo_send(client);
	while (client->sent_part > 0 && test_now_ms() < end_ms)
		(void)echo_send(client);
	assert_int_equal(client->sent_part, 0);
}

uint64_t echo_receive_numbered(struct echo_client *client)
{
	size_t size = echo_packet_bytes(client);
	unsigned char *bytes = malloc(size);
	uint64_t number;

	assert_non_null(bytes);
	assert_int_equal(recv(client->fd, bytes, size, MSG_WAITALL), size);
	memcpy(&number, bytes + BCAST_ECHO_HEADER_BYTES, sizeof(number));
	make(client, BCAST_ECHO_ECHO, number, client->expected);
	assert_memory_equal(bytes, client->expected, size);
	free(bytes);
	return number;
}

void echo_await_taken(uint64_t packets)
{
	uint64_t end_ms = test_now_ms() + DEADLINE_MS;

	while (daemon_fixture_counter(&daemon_, "echo_packets") +
			       daemon_fixture_counter(&daemon_,
						      "echo_dropped") <
		       packets &&
	       test_now_ms() < end_ms)
		(void)poll(NULL, 0, 1);
}
