/* SPDX-License-Identifier: MIT */
/* remote_stage.c - see remote_stage.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote_stage.h"

#include "shm/checksum.h"

struct daemon_fixture daemon_;
struct client remotes[REMOTES_MAX];
struct bcast_node *locals[2];

int remote_stage_open(void **state)
{
	(void)state;
	daemon_ = (struct daemon_fixture){0};
	memset(remotes, 0, sizeof(remotes));
	memset(locals, 0, sizeof(locals));
	return 0;
}

int remote_stage_close(void **state)
{
	for (unsigned i = 0; i < REMOTES_MAX; i++)
		client_close(&remotes[i]);
	for (unsigned i = 0; i < 2; i++)
		bcast_leave(locals[i]);
	return daemon_fixture_cleanup(state);
}

void remote_start(const char *option, const char *value, const char *option_2,
		  const char *value_2)
{
	const char *options[] = {"--ring-size", "1M",	    "--format",
				 "packet",	"--packet", "127.0.0.1:0",
				 option,	value,	    option_2,
				 value_2,	NULL};

	daemon_fixture_start(&daemon_, options);
}

struct bc_hello remote_hello(const char *id)
{
	struct bc_hello hello = client_hello(BCAST_CLIENT_NODE);

	(void)snprintf(hello.id, sizeof(hello.id), "%s", id);
	return hello;
}

void remote_join(struct client *client, const char *id)
{
	struct bc_hello hello = remote_hello(id);
	struct bc_welcome welcome;

	client_connect(client, &daemon_);
	client_greet(client, &hello, &welcome);
}

void remote_refused(const struct bc_hello *hello, uint32_t code)
{
	unsigned char bytes[BC_HELLO_FRAME_MAX];
	struct client client;

	client_connect(&client, &daemon_);
	client_say_bytes(&client, bytes, bc_hello_write(bytes, hello));
	client_expect_reject(&client, code);
	client_close(&client);
}

struct bcast_node *local_join(unsigned which, const char *id)
{
	assert_int_equal(bcast_join(daemon_.name, id, NULL, &locals[which]), 0);
	return locals[which];
}

void remote_send(struct client *client, const char *to, uint16_t type,
		 uint64_t sequence, const void *data, size_t size)
{
	size_t key = strlen(to);
	struct bcast_packet_header header = {
		.length = (uint32_t)(key + size),
		.type = BCAST_PACKET_MESSAGE,
		.sequence = sequence,
		.source = type,
		.key_length = (uint16_t)key,
	};
	char *payload = malloc(key + size + 1);

	assert_non_null(payload);
	memcpy(payload, to, key);
	if (size > 0)
		memcpy(payload + key, data, size);
	header.crc32c = bc_checksum(0, payload, header.length);
	client_say(client, &header, payload);
	free(payload);
}

int remote_result(struct client *client, uint64_t sequence)
{
	struct bcast_result result;

	client_expect(client, BCAST_PACKET_RESULT);
	assert_int_equal(client->header.length, sizeof(result));
	memcpy(&result, client->payload, sizeof(result));
	assert_int_equal(result.sequence, sequence);
	return result.result;
}

void remote_expect(struct client *client, const char *from, uint16_t type,
		   const void *data, size_t size)
{
	size_t key = strlen(from);

	client_expect(client, BCAST_PACKET_MESSAGE);
	assert_int_equal(client->header.key_length, key);
	assert_memory_equal(client->payload, from, key);
	assert_int_equal(client->header.source, type);
	assert_int_equal(client->header.length, key + size);
	assert_true(client->header.timestamp_ns != 0);
	assert_int_equal(
		client->header.crc32c,
		bc_checksum(0, client->payload, client->header.length));
	if (size > 0)
		assert_memory_equal(client->payload + key, data, size);
}

void local_expect(struct bcast_node *node, const char *from, uint16_t type,
		  const void *data, size_t size)
{
	struct bcast_message message;

	assert_int_equal(bcast_recv(node, &message, DEADLINE_MS), 1);
	assert_string_equal(message.from, from);
	assert_int_equal(message.type, type);
	assert_int_equal(message.size, size);
	if (size > 0)
		assert_memory_equal(message.data, data, size);
}
