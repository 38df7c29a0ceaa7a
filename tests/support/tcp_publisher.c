/* SPDX-License-Identifier: MIT */
/* tcp_publisher.c - see tcp_publisher.h. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "crowd.h"
#include "published.h"
#include "tcp_publisher.h"

#define HEADER sizeof(struct bcast_packet_header)

/* ---- Publisher --------------------------------------------------------- */

void tcp_publisher_open_as(struct tcp_publisher *publisher,
			   struct daemon_fixture *daemon, uint64_t id,
			   uint32_t roles, uint32_t needs)
{
	struct bc_hello hello = client_hello(roles);
	struct bc_welcome welcome;

	*publisher = (struct tcp_publisher){0};
	hello.fixed.publisher_id = id;
	hello.fixed.needs = needs;
	client_connect(&publisher->client, daemon);
	client_greet(&publisher->client, &hello, &welcome);
	publisher->welcome = welcome.fixed;
	publisher->accepted = welcome.fixed.accepted;
	publisher->next = welcome.fixed.accepted + 1;
}

void tcp_publisher_open(struct tcp_publisher *publisher,
			struct daemon_fixture *daemon, uint64_t id)
{
	tcp_publisher_open_as(publisher, daemon, id, BCAST_CLIENT_PUBLISH, 0);
}

void tcp_publisher_refused(struct daemon_fixture *daemon, uint64_t id,
			   uint32_t code)
{
	struct bc_hello hello = client_hello(BCAST_CLIENT_PUBLISH);
	unsigned char bytes[BC_HELLO_FRAME_MAX];
	struct client client;

	hello.fixed.publisher_id = id;
	client_connect(&client, daemon);
	client_say_bytes(&client, bytes, bc_hello_write(bytes, &hello));
	client_expect_reject(&client, code);
	client_close(&client);
}

void tcp_publisher_close(struct tcp_publisher *publisher)
{
	client_close(&publisher->client);
}

void tcp_publisher_reset(struct tcp_publisher *publisher)
{
	const struct linger abort_now = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(publisher->client.fd, SOL_SOCKET, SO_LINGER,
			 &abort_now, sizeof(abort_now));
	client_close(&publisher->client);
}

void tcp_publisher_say(struct tcp_publisher *publisher, const void *payload,
		       size_t size)
{
	const struct bcast_packet_header header = {
		.length = (uint32_t)size,
		.type = BCAST_PACKET_DATA,
		.sequence = publisher->next++,
	};

	client_say(&publisher->client, &header, payload);
}

size_t tcp_publisher_frame(unsigned char *to, uint64_t number, size_t most)
{
	size_t size = published_length(number, most);
	const struct bcast_packet_header header = {
		.length = (uint32_t)size,
		.type = BCAST_PACKET_DATA,
		.sequence = number,
	};
	unsigned char *payload = malloc(size + 1);
	size_t written;

	assert_non_null(payload);
	published_payload(number, payload, size);
	written = bc_packet_write(to, &header, payload);
	free(payload);
	return written;
}

void tcp_publisher_run(struct tcp_publisher *publisher, uint64_t count,
		       size_t most)
{
	unsigned char *frame = malloc(bcast_packet_size((uint32_t)most));

	assert_non_null(frame);
	for (uint64_t i = 0; i < count; i++)
		client_say_bytes(
			&publisher->client, frame,
			tcp_publisher_frame(frame, publisher->next++, most));
	free(frame);
}

void tcp_publisher_settle(struct tcp_publisher *publisher)
{
	struct bcast_ack ack;

	while (publisher->accepted + 1 < publisher->next) {
		client_expect(&publisher->client, BCAST_PACKET_ACK);
		memcpy(&ack, publisher->client.payload, sizeof(ack));
		assert_true(ack.accepted > publisher->accepted);
		assert_true(ack.accepted < publisher->next);
		publisher->accepted = ack.accepted;
	}
}

/* ---- Witnesses --------------------------------------------------------- */

/* The reader's next record, copied. */
static void read_record(struct witness *witness)
{
	uint64_t deadline_ms = test_now_ms() + DEADLINE_MS;
	const struct bcast_packet_header *packet = NULL;
	const void *span;
	int64_t n;

	while ((n = bcast_peek(witness->reader, &span)) == 0) {
		assert_true(test_now_ms() < deadline_ms);
		(void)bcast_wait(witness->reader, 10);
	}
	assert_true(n > 0);
	packet = bcast_packet_in(span, (size_t)n, 0);
	assert_non_null(packet);
	witness->size = bcast_packet_size(packet->length);
	free(witness->bytes);
	witness->bytes = malloc(witness->size);
	assert_non_null(witness->bytes);
	memcpy(witness->bytes, packet, witness->size);
	assert_true(bcast_consume(witness->reader, witness->size) >= 0);
}

static void read_socket(int fd, unsigned char *bytes, size_t size)
{
	while (size > 0) {
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
		ssize_t n;

		assert_int_equal(poll(&poll_fd, 1, DEADLINE_MS), 1);
		n = recv(fd, bytes, size, 0);
		assert_true(n > 0);
		bytes += n;
		size -= (size_t)n;
	}
}

void witness_open(struct witness *witness, struct daemon_fixture *daemon)
{
	uint64_t before = daemon_fixture_counter(daemon, "receivers_joined");

	*witness = (struct witness){0};
	client_join(&witness->subscriber, daemon, BCAST_CLIENT_SUBSCRIBE);
	witness->sequence = witness->subscriber.sequence;
	witness->receiver.fd =
		crowd_connect(daemon_fixture_port(daemon, "egress"), 0);
	daemon_fixture_await(daemon, "receivers_joined", before + 2);
	assert_int_equal(bcast_attach(daemon->name, NULL, &witness->reader), 0);
	assert_int_equal(bcast_position(witness->reader),
			 witness->subscriber.position);
}

void witness_close(struct witness *witness)
{
	client_close(&witness->subscriber);
	client_close(&witness->receiver);
	bcast_detach(witness->reader);
	free(witness->bytes);
	*witness = (struct witness){0};
}

static void compare(const struct witness *witness, int fd)
{
	unsigned char *other = malloc(witness->size);

	assert_non_null(other);
	read_socket(fd, other, witness->size);
	assert_memory_equal(witness->bytes, other, witness->size);
	free(other);
}

const struct bcast_packet_header *witness_next(struct witness *witness)
{
	const struct bcast_packet_header *header;

	read_record(witness);
	compare(witness, witness->receiver.fd);
	compare(witness, witness->subscriber.fd);
	header = (const void *)witness->bytes;
	assert_int_equal(header->type, BCAST_PACKET_DATA);
	assert_int_equal(header->sequence, witness->sequence++);
	assert_true(header->timestamp_ns > 0);
	for (size_t i = HEADER + header->length; i < witness->size; i++)
		assert_int_equal(witness->bytes[i], 0);
	return header;
}

void witness_expect(struct witness *witness, uint16_t source,
		    const void *payload, size_t size)
{
	const struct bcast_packet_header *header = witness_next(witness);

	assert_int_equal(header->source, source);
	assert_int_equal(header->length, size);
	assert_memory_equal(header + 1, payload, size);
}

void witness_expect_run(struct witness *witness, uint16_t source,
			uint64_t first, uint64_t count, size_t most)
{
	for (uint64_t i = first; i < first + count; i++) {
		const struct bcast_packet_header *header =
			witness_next(witness);

		assert_int_equal(header->source, source);
		assert_int_equal(header->length, published_length(i, most));
		assert_int_equal(published_wrong(i, header + 1, header->length),
				 -1);
	}
}

void witness_expect_nothing(struct witness *witness,
			    struct daemon_fixture *daemon)
{
	struct bcast_stream_info info;
	struct bcast_monitor *monitor;

	assert_int_equal(bcast_monitor_open(daemon->name, &monitor), 0);
	(void)bcast_monitor_stream(monitor, &info);
	bcast_monitor_close(monitor);
	assert_int_equal(info.tail, bcast_position(witness->reader));
	assert_int_equal(info.sequence, witness->sequence);
}
