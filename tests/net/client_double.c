/* SPDX-License-Identifier: MIT */
/* client_double.c - see client_double.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client_double.h"

#define CHECK test_child_check

static void run(void *argument)
{
	struct client_double *daemon = argument;

	test_child_ready();
	daemon->script(daemon);
	double_hang_up(daemon);
	free(daemon->payload);
}

void double_start(struct client_double *daemon,
		  void (*script)(struct client_double *))
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t length = sizeof(address);

	*daemon = (struct client_double){
		.script = script,
		.fd = -1,
		.sequence = 1,
		.welcome.name = "",
	};
	daemon->welcome.fixed = (struct bcast_welcome){
		.epoch = DOUBLE_EPOCH,
		.capacity = 1 << 20,
		.payload_max = 1 << 18,
		.message_max = 1 << 16,
		.heartbeat_ms = 1000,
		.idle_timeout_ms = 10000,
	};
	daemon->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(daemon->listener >= 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(daemon->listener, (struct sockaddr *)&address,
			      sizeof(address)),
			 0);
	assert_int_equal(listen(daemon->listener, 16), 0);
	assert_int_equal(getsockname(daemon->listener,
				     (struct sockaddr *)&address, &length),
			 0);
	snprintf(daemon->address, sizeof(daemon->address), "tcp://127.0.0.1:%u",
		 ntohs(address.sin_port));
	daemon->child = test_fork(run, daemon);
	/* once the script has ended nobody listens there any more */
	close(daemon->listener);
}

void double_join(struct client_double *daemon)
{
	assert_int_equal(test_join(&daemon->child), 0);
}

/* ---- Read -------------------------------------------------------------- */

static bool await(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, DEADLINE_MS) == 1;
}

/* False at the end, which may only be between records. */
static bool read_all(int fd, void *bytes, size_t size)
{
	char *at = bytes;

	for (size_t have = 0; have < size;) {
		ssize_t n;

		CHECK(await(fd));
		n = recv(fd, at + have, size - have, 0);
		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	return true;
}

bool double_read(struct client_double *daemon)
{
	size_t size;

	if (!read_all(daemon->fd, &daemon->header, sizeof(daemon->header)))
		return false;
	CHECK(daemon->header.length <= BCAST_PAYLOAD_MAX);
	size = bcast_packet_size(daemon->header.length) -
	       sizeof(daemon->header);
	free(daemon->payload);
	daemon->payload = malloc(size + 1);
	CHECK(daemon->payload != NULL);
	return read_all(daemon->fd, daemon->payload, size);
}

void double_expect(struct client_double *daemon, uint16_t type)
{
	do
		CHECK(double_read(daemon));
	while (daemon->header.type == BCAST_PACKET_HEARTBEAT &&
	       type != BCAST_PACKET_HEARTBEAT);
	CHECK(daemon->header.type == type);
}

void double_expect_data(struct client_double *daemon, uint64_t sequence,
			uint64_t number)
{
	struct bcast_packet packet;

	double_expect(daemon, BCAST_PACKET_DATA);
	packet = (struct bcast_packet){
		.payload = daemon->payload,
		.length = daemon->header.length,
		.key_length = daemon->header.key_length,
	};
	CHECK(daemon->header.sequence == sequence);
	CHECK(numbered_of(&packet) == number);
}

void double_await_close(struct client_double *daemon)
{
	while (double_read(daemon))
		;
}

/* ---- Connections ------------------------------------------------------- */

void double_accept(struct client_double *daemon)
{
	struct bc_packet_frame frame;
	const char *why;

	double_hang_up(daemon);
	CHECK(await(daemon->listener));
	daemon->fd = accept(daemon->listener, NULL, NULL);
	CHECK(daemon->fd >= 0);
	CHECK(double_read(daemon));
	frame = (struct bc_packet_frame){daemon->header, daemon->payload};
	CHECK(bc_hello_read(&frame, &daemon->hello, &why) == 0);
}

void double_welcome(struct client_double *daemon)
{
	unsigned char frame[BC_HELLO_FRAME_MAX];
	struct bc_welcome welcome = daemon->welcome;

	welcome.fixed.roles = daemon->hello.fixed.roles;
	welcome.fixed.position = daemon->position;
	welcome.fixed.sequence = daemon->sequence;
	welcome.fixed.tail = daemon->position;
	double_say_bytes(daemon, frame, bc_welcome_write(frame, &welcome));
}

void double_greet(struct client_double *daemon)
{
	double_accept(daemon);
	double_welcome(daemon);
}

void double_hang_up(struct client_double *daemon)
{
	if (daemon->fd >= 0)
		close(daemon->fd);
	daemon->fd = -1;
}

void double_reset(struct client_double *daemon)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	CHECK(setsockopt(daemon->fd, SOL_SOCKET, SO_LINGER, &now,
			 sizeof(now)) == 0);
	double_hang_up(daemon);
}

/* ---- Say --------------------------------------------------------------- */

void double_say_bytes(struct client_double *daemon, const void *bytes,
		      size_t size)
{
	const char *at = bytes;

	while (size > 0) {
		ssize_t n = send(daemon->fd, at, size, MSG_NOSIGNAL);

		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return; /* the client had enough: so it may */
		CHECK(n > 0);
		at += n;
		size -= (size_t)n;
	}
}

void double_say_header(struct client_double *daemon,
		       const struct bcast_packet_header *header,
		       const void *payload)
{
	unsigned char *frame = malloc(bcast_packet_size(header->length));

	CHECK(frame != NULL);
	double_say_bytes(daemon, frame,
			 bc_packet_write(frame, header, payload));
	free(frame);
}

void double_say(struct client_double *daemon, uint16_t type,
		const void *payload, size_t size)
{
	const struct bcast_packet_header header = {
		.length = (uint32_t)size,
		.type = type,
	};

	double_say_header(daemon, &header, payload);
}

size_t double_record_bytes(const struct client_double *daemon,
			   unsigned char bytes[NUMBERED_MAX + 64])
{
	unsigned char payload[NUMBERED_MAX];
	const struct bcast_packet_header header = {
		.length = (uint32_t)numbered_fill(daemon->sequence, payload),
		.type = BCAST_PACKET_DATA,
		.sequence = daemon->sequence,
	};

	return bc_packet_write(bytes, &header, payload);
}

void double_records(struct client_double *daemon, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		unsigned char bytes[NUMBERED_MAX + 64];
		size_t size = double_record_bytes(daemon, bytes);

		double_say_bytes(daemon, bytes, size);
		daemon->sequence++;
		daemon->position += size;
	}
}

void double_gap(struct client_double *daemon, unsigned count, uint32_t reason)
{
	const struct bcast_gap gap = {
		.from = daemon->position,
		.to = daemon->position + count * UINT64_C(64),
		.from_sequence = daemon->sequence,
		.to_sequence = daemon->sequence + count,
		.reason = reason,
	};

	double_say(daemon, BCAST_PACKET_GAP, &gap, sizeof(gap));
	daemon->position = gap.to;
	daemon->sequence = gap.to_sequence;
}

void double_reject(struct client_double *daemon, uint32_t code,
		   uint32_t retry_after_ms)
{
	unsigned char frame[BC_HELLO_FRAME_MAX];
	const struct bc_reject reject = {code, retry_after_ms, "no"};

	double_say_bytes(daemon, frame, bc_reject_write(frame, &reject));
	double_hang_up(daemon);
}

void double_end(struct client_double *daemon)
{
	const struct bcast_end end = {daemon->position, daemon->sequence};

	double_say(daemon, BCAST_PACKET_END, &end, sizeof(end));
	double_hang_up(daemon);
}

void double_ack(struct client_double *daemon, uint64_t accepted)
{
	const struct bcast_ack ack = {accepted, daemon->position};

	double_say(daemon, BCAST_PACKET_ACK, &ack, sizeof(ack));
}

struct bcast_client *double_open(const struct client_double *daemon,
				 const struct bcast_client_options *how)
{
	struct bcast_client *client = NULL;

	assert_int_equal(bcast_open(daemon->address, how, &client), 0);
	return client;
}

int double_next(struct bcast_client *client)
{
	struct bcast_packet packet;

	return bcast_client_next(client, &packet, DEADLINE_MS);
}
