/* SPDX-License-Identifier: MIT */
/* client_up.c - what comes by the link up: ACK, and what is of nodes. */
#include <errno.h>
#include <string.h>

#include "net/client_parts.h"

static int on_ack(struct bcast_client *client,
		  const struct bc_client_record *record)
{
	struct bcast_ack ack;

	if (record->header.length < sizeof(ack) ||
	    !bc_client_has(client, BCAST_CLIENT_PUBLISH))
		return -EPROTO;
	memcpy(&ack, record->payload, sizeof(ack));
	client->stats.tail = ack.position;
	return bc_client_accept(client, ack.accepted);
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
		return bc_client_mail_hear(client, record);
	}
	bc_client_link_answer(link, record);
	return 0;
}

void bc_client_up_read(struct bcast_client *client)
{
	struct bc_client_link *link = &client->up;
	struct bc_client_record record;
	int ret = 1;

	client->batch_bytes = 0;
	while (ret > 0 && link->state == BC_LINK_UP &&
	       !bc_client_mail_is_full(client)) {
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
