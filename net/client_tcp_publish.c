/* SPDX-License-Identifier: MIT */
/*
 * client_tcp_publish.c - the door of TCP: records into the window, and out of
 * it.
 *
 * Acknowledgements are read when there is no room, when a quarter of the window
 * has been published since, and when something is due anyway: a record that is
 * published costs one send(2), and no recv(2).
 */
#include <errno.h>

#include "net/client_parts.h"

#define BATCH_BYTES ((uint64_t)64 << 10)

static void send_now(struct bcast_client *client)
{
	if (client->up.state == BC_LINK_UP)
		bc_client_link_send(&client->up);
}

static int make_room(struct bcast_client *client, size_t size,
		     uint64_t deadline_ns)
{
	int ret;

	while (!bc_client_window_has_room(&client->window, size)) {
		send_now(client);
		ret = bc_client_tcp_wait(&client->up, deadline_ns);
		if (ret != 0)
			return ret == 1 ? BCAST_EFULL : ret;
	}
	return 0;
}

/* What is due now and then, beside publishing. */
static int look_around(struct bcast_client *client)
{
	/* one in the making, or that takes no more, is due at once */
	if (client->up.state != BC_LINK_UP || client->up.mute ||
	    client->batch_bytes >= client->window.room / 4 ||
	    bc_client_coarse() >= client->work_due_ns)
		bc_client_tcp_work(client);
	if (client->in_shm)
		return BC_CLIENT_AGAIN;
	if (client->publish_moved) {
		client->publish_moved = false;
		return BCAST_EEPOCH;
	}
	return bc_client_tcp_check(&client->up);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

size_t bc_client_tcp_limit(const struct bcast_client *client)
{
	uint64_t limit = BCAST_PAYLOAD_MAX;

	if (client->window.room > 0)
		limit = smaller(limit,
				client->window.room -
					sizeof(struct bcast_packet_header));
	if (client->up.welcome.fixed.payload_max != 0)
		limit = smaller(limit, client->up.welcome.fixed.payload_max);
	return limit;
}

int bc_client_tcp_publish(struct bcast_client *client,
			  const struct bc_client_payload *payload,
			  uint64_t deadline_ns)
{
	struct bc_client_window *window = &client->window;
	size_t size = payload->key_size + payload->size;
	int ret;

	if (size > bc_client_tcp_limit(client))
		return -EMSGSIZE;
	ret = look_around(client);
	if (ret == 0 && !bc_client_window_has_room(window, size)) {
		ret = make_room(client, size, deadline_ns);
		/* meanwhile it may have become another stream */
		if (ret == 0)
			ret = look_around(client);
	}
	if (ret < 0)
		return ret;
	bc_client_window_put(window, payload);
	client->published++;
	client->batch_bytes += bcast_packet_size((uint32_t)size);
	if (!bc_client_flag(client, BCAST_CLIENT_BATCH) ||
	    window->end - window->sent >= BATCH_BYTES)
		send_now(client);
	return 0;
}

int bc_client_tcp_flush(struct bcast_client *client, uint64_t deadline_ns)
{
	int ret = 0;

	bc_client_tcp_work(client); /* also if there is nothing to wait for */
	for (;;) {
		send_now(client);
		if (client->in_shm)
			return BC_CLIENT_AGAIN;
		if (client->publish_moved) {
			client->publish_moved = false;
			return BCAST_EEPOCH;
		}
		if (client->window.count == 0)
			return bc_client_tcp_check(&client->up);
		if (ret == 1)
			return -ETIMEDOUT;
		ret = bc_client_tcp_wait(&client->up, deadline_ns);
		if (ret < 0)
			return ret;
	}
}
