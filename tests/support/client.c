/* SPDX-License-Identifier: MIT */
/* client.c - see client.h. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "crowd.h"

void client_connect(struct client *client, struct daemon_fixture *daemon)
{
	*client = (struct client){0};
	client->fd = crowd_connect(daemon_fixture_port(daemon, "packet"), 0);
}

void client_close(struct client *client)
{
	if (client->fd > 0)
		(void)close(client->fd);
	free(client->payload);
	*client = (struct client){0};
}

void client_say_bytes(struct client *client, const void *bytes, size_t size)
{
	const char *at = bytes;

	while (size > 0) {
		ssize_t n = send(client->fd, at, size, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		assert_true(n > 0);
		at += n;
		size -= (size_t)n;
	}
}

void client_say(struct client *client, const struct bcast_packet_header *header,
		const void *payload)
{
	size_t size = bcast_packet_size(header->length);
	unsigned char *frame = malloc(size);

	assert_non_null(frame);
	client_say_bytes(client, frame,
			 bc_packet_write(frame, header, payload));
	free(frame);
}

/* 1, or 0 at the end (a reset is one, too). */
static int take(const struct client *client, void *bytes, size_t size)
{
	char *at = bytes;

	while (size > 0) {
		struct pollfd poll_fd = {.fd = client->fd, .events = POLLIN};
		ssize_t n;

		if (poll(&poll_fd, 1, DEADLINE_MS) != 1)
			fail_msg("nothing came");
		n = recv(client->fd, at, size, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		at += n;
		size -= (size_t)n;
	}
	return 1;
}

static bool is_of_stream(const struct client *client)
{
	return (client->header.type & BCAST_PACKET_CONTROL) == 0;
}

bool client_next(struct client *client)
{
	size_t size;

	free(client->payload);
	client->payload = NULL;
	if (take(client, &client->header, sizeof(client->header)) == 0)
		return false;
	size = bcast_packet_size(client->header.length);
	client->payload = malloc(size);
	assert_non_null(client->payload);
	if (take(client, client->payload, size - sizeof(client->header)) == 0)
		return false;
	if (is_of_stream(client)) {
		assert_int_equal(client->header.sequence, client->sequence);
		client->sequence++;
		client->position += size;
	}
	return true;
}

static bool next_but_heartbeats(struct client *client)
{
	do
		if (!client_next(client))
			return false;
	while (client->header.type == BCAST_PACKET_HEARTBEAT);
	return true;
}

void client_expect(struct client *client, uint16_t type)
{
	if (!next_but_heartbeats(client))
		fail_msg("the end came instead of type %x", type);
	if (client->header.type == BCAST_PACKET_REJECT &&
	    type != BCAST_PACKET_REJECT)
		fail_msg("rejected: %s", (const char *)client->payload +
						 sizeof(struct bcast_reject));
	assert_int_equal(client->header.type, type);
}

void client_expect_end(struct client *client)
{
	assert_false(next_but_heartbeats(client));
}

struct bc_hello client_hello(uint32_t roles)
{
	return (struct bc_hello){
		.fixed.roles = roles,
		.fixed.publisher_id = roles & BCAST_CLIENT_PUBLISH ? 4711 : 0,
	};
}

static struct bc_packet_frame frame_of(const struct client *client)
{
	return (struct bc_packet_frame){client->header, client->payload};
}

void client_greet(struct client *client, const struct bc_hello *hello,
		  struct bc_welcome *welcome)
{
	unsigned char bytes[BC_HELLO_FRAME_MAX];
	struct bc_packet_frame frame;

	client_say_bytes(client, bytes, bc_hello_write(bytes, hello));
	client_expect(client, BCAST_PACKET_WELCOME);
	frame = frame_of(client);
	assert_int_equal(bc_welcome_read(&frame, welcome), 0);
	client->position = welcome->fixed.position;
	client->sequence = welcome->fixed.sequence;
}

void client_join(struct client *client, struct daemon_fixture *daemon,
		 uint32_t roles)
{
	struct bc_hello hello = client_hello(roles);
	struct bc_welcome welcome;

	client_connect(client, daemon);
	client_greet(client, &hello, &welcome);
}

void client_expect_reject(struct client *client, uint32_t code)
{
	struct bc_packet_frame frame;
	struct bc_reject reject;

	client_expect(client, BCAST_PACKET_REJECT);
	frame = frame_of(client);
	assert_int_equal(bc_reject_read(&frame, &reject), 0);
	assert_int_equal(reject.code, code);
	assert_true(strlen(reject.text) > 0);
	client_expect_end(client);
}
