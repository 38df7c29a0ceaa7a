/* SPDX-License-Identifier: MIT */
/*
 * client_tcp_publish.c - the door of TCP: the window and its acknowledgements.
 *
 * Numbers on the wire go on where the daemon says that it stands. It says so in
 * each WELCOME: what it has is dropped from the window, and the rest is sent
 * again under the numbers that it had. Only if the daemon knows less than it
 * once acknowledged (another stream, or it has forgotten us) does the rest get
 * new numbers: those that follow on what the daemon knows.
 *
 * Acknowledgements are read when there is no room, when a quarter of the window
 * has been published since, and when something is due anyway: a record that is
 * published costs one send(2), and no recv(2).
 */
#include <errno.h>
#include <string.h>

#include "net/client_parts.h"

#define BATCH_BYTES ((uint64_t)64 << 10)

/* ---- WELCOME and ACK --------------------------------------------------- */

static int accept_up_to(struct bcast_client *client, uint64_t accepted)
{
	int64_t left = bc_client_window_accept(&client->window, accepted);

	if (left < 0)
		return (int)left;
	client->accepted += (uint64_t)left;
	return 0;
}

static int go_on_at(struct bcast_client *client, uint64_t accepted)
{
	struct bc_client_window *window = &client->window;
	int ret;

	if (accepted >= window->first - 1) {
		ret = accept_up_to(client, accepted);
		if (ret < 0)
			return ret;
	} else {
		bc_client_tell(client, BCAST_CLIENT_FORGOTTEN,
			       BCAST_CLIENT_PUBLISH, 0,
			       "the daemon has forgotten this publisher");
	}
	client->stats.resent += bc_client_window_rewind(window, accepted + 1);
	return 0;
}

int bc_client_tcp_welcome_up(struct bcast_client *client)
{
	const struct bcast_welcome *welcome = &client->up.welcome.fixed;
	bool is_first = client->publish_epoch == 0;
	bool is_same = client->publish_epoch == welcome->epoch;

	if (!bc_client_has(client, BCAST_CLIENT_PUBLISH))
		return 0;
	if (welcome->epoch == 0)
		return -EPROTO;
	bc_client_publish_epoch(client, welcome->epoch);
	if (is_same)
		return go_on_at(client, welcome->accepted);
	if (is_first)
		client->published = client->accepted = welcome->accepted;
	client->stats.resent +=
		bc_client_window_rewind(&client->window, welcome->accepted + 1);
	return 0;
}

static int on_ack(struct bcast_client *client,
		  const struct bc_client_record *record)
{
	struct bcast_ack ack;

	if (record->header.length < sizeof(ack) ||
	    !bc_client_has(client, BCAST_CLIENT_PUBLISH))
		return -EPROTO;
	memcpy(&ack, record->payload, sizeof(ack));
	client->stats.tail = ack.position;
	return accept_up_to(client, ack.accepted);
}

static int on_record(struct bcast_client *client,
		     const struct bc_client_record *record)
{
	struct bc_client_link *link = &client->up;

	switch (record->header.type) {
	case BCAST_PACKET_ACK:
		return on_ack(client, record);
	case BCAST_PACKET_REJECT:
		bc_client_link_rejected(link, record);
		return 0;
	case BCAST_PACKET_END:
		bc_client_link_fail(link, BCAST_ECLOSED,
				    bcast_strerror(BCAST_ECLOSED));
		return 0;
	case BCAST_PACKET_MESSAGE:
	case BCAST_PACKET_RESULT:
	case BCAST_PACKET_NODES:
	case BCAST_PACKET_PONG:
		return bc_client_tcp_hear(client, record);
	}
	bc_client_link_answer(link, record);
	return 0;
}

void bc_client_tcp_read_up(struct bcast_client *client)
{
	struct bc_client_link *link = &client->up;
	struct bc_client_record record;
	int ret = 1;

	client->batch_bytes = 0;
	while (ret > 0 && link->state == BC_LINK_UP &&
	       !bc_client_tcp_is_full(client)) {
		ret = bc_client_link_next(link, &record);
		client->happened += ret > 0;
		if (ret > 0 && on_record(client, &record) < 0)
			ret = -EPROTO;
	}
	if (ret < 0)
		bc_client_link_fail(link, ret,
				    ret == -ECONNRESET ? "the daemon has closed"
						       : bcast_strerror(ret));
}

/* ---- Publish ----------------------------------------------------------- */

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

int bc_client_tcp_publish(struct bcast_client *client,
			  const struct bc_client_payload *payload,
			  uint64_t deadline_ns)
{
	struct bc_client_window *window = &client->window;
	size_t size = payload->key_size + payload->size;
	int ret;

	if (size > bcast_client_limit(client))
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
