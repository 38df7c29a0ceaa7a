/* SPDX-License-Identifier: MIT */
/*
 * client_tcp_read.c - the door of TCP: records and gaps out of what came.
 *
 * Where the client is (client->place) moves with what the caller has consumed;
 * the connection's own count (link->count) with what was taken out of its
 * buffer, at most one record ahead. The first goes into HELLO.
 */
#include <errno.h>
#include <string.h>

#include "net/client_parts.h"

#define SKIPS_AT_ONCE 1024 /* then the deadline is looked at */

static void move_to(struct bcast_client *client, uint64_t position,
		    uint64_t sequence)
{
	client->place.position = position;
	client->place.sequence = sequence;
}

void bc_client_tcp_consume(struct bcast_client *client)
{
	const struct bcast_packet *last = &client->last;

	if (last->size == 0)
		return;
	move_to(client, last->position + last->size, last->sequence + 1);
	client->last.size = 0;
}

static struct bcast_packet packet_of(const struct bc_client_record *record)
{
	const struct bcast_packet_header *header = &record->header;

	return (struct bcast_packet){
		.payload = record->payload,
		.position = record->position,
		.sequence = header->sequence,
		.timestamp_ns = header->timestamp_ns,
		.length = header->length,
		.size = (uint32_t)record->size,
		.crc32c = header->crc32c,
		.type = header->type,
		.flags = header->flags,
		.source = header->source,
		.key_length = header->key_length,
	};
}

static int damaged(struct bcast_client *client)
{
	const struct bcast_packet last = client->last;
	const struct bcast_gap gap = {
		.from = last.position,
		.to = last.position + last.size,
		.from_sequence = last.sequence,
		.to_sequence = last.sequence + 1,
		.reason = BCAST_CLIENT_GAP_DAMAGED,
	};

	client->last.size = 0;
	return bc_client_lost(client, &gap, -EBADMSG);
}

/* Returns 1 with it in client->last, 0 if it is none to hand out, or < 0. */
static int on_stream(struct bcast_client *client,
		     const struct bc_client_record *record)
{
	struct bcast_packet *last = &client->last;

	*last = packet_of(record);
	if (!bc_client_wants(client, last)) {
		bc_client_tcp_consume(client);
		client->stats.filtered++;
		return 0;
	}
	if (bc_client_flag(client, BCAST_CLIENT_CHECKSUM) &&
	    bcast_packet_verify(last) == 0)
		return damaged(client);
	client->stats.records++;
	client->stats.record_bytes += last->size;
	return 1;
}

static int on_gap(struct bcast_client *client,
		  const struct bc_client_record *record)
{
	const struct bcast_gap *gap = &record->gap;

	/* it was told when WELCOME came: see client_record.c */
	if (gap->to <= client->place.position)
		return 0;
	if (gap->reason != BCAST_GAP_FILTERED)
		return bc_client_lost(client, gap, BCAST_ELAPPED);
	move_to(client, gap->to, gap->to_sequence);
	if (gap->from_sequence != 0 && gap->to_sequence != 0)
		client->stats.filtered += gap->to_sequence - gap->from_sequence;
	return 0;
}

static int on_end(struct bcast_client *client)
{
	struct bc_client_link *link = &client->down;
	const char *text = bcast_strerror(BCAST_ECLOSED);

	if (bc_client_flag(client, BCAST_CLIENT_FOLLOW)) {
		bc_client_link_fail(link, BCAST_ECLOSED, text);
		return 0;
	}
	bc_client_link_end(link, BCAST_ECLOSED, text);
	return BCAST_ECLOSED;
}

static int on_record(struct bcast_client *client,
		     const struct bc_client_record *record)
{
	struct bc_client_link *link = &client->down;
	uint16_t type = record->header.type;

	if (!(type & BCAST_PACKET_CONTROL))
		return on_stream(client, record);
	switch (type) {
	case BCAST_PACKET_GAP:
		return on_gap(client, record);
	case BCAST_PACKET_END:
		return on_end(client);
	case BCAST_PACKET_REJECT:
		bc_client_link_rejected(link, record);
		return 0;
	case BCAST_PACKET_PONG:
		return bc_client_mail_hear(client, record);
	}
	bc_client_link_answer(link, record);
	return 0;
}

/* Returns 1 with one to hand out in client->last, 0 for none yet, or < 0. */
static int take(struct bcast_client *client)
{
	struct bc_client_link *link = &client->down;
	struct bc_client_record record;
	int ret;

	for (unsigned i = 0; i < SKIPS_AT_ONCE; i++) {
		if (link->state != BC_LINK_UP)
			return 0;
		ret = bc_client_link_next(link, &record);
		if (ret < 0)
			bc_client_link_fail(link, ret,
					    ret == -ECONNRESET
						    ? "the daemon has closed"
						    : bcast_strerror(ret));
		if (ret <= 0)
			return 0;
		ret = on_record(client, &record);
		if (ret != 0)
			return ret;
	}
	return 0;
}

int bc_client_tcp_next(struct bcast_client *client, struct bcast_packet *packet,
		       uint64_t deadline_ns)
{
	int ret;

	bc_client_tcp_consume(client);
	for (;;) {
		ret = bc_client_take_pending(client);
		if (ret < 0)
			return ret;
		if (bc_client_coarse() >= client->work_due_ns)
			bc_client_tcp_work(client);
		if (client->pending != 0)
			continue;
		ret = take(client);
		if (ret == 1)
			*packet = client->last;
		if (ret != 0)
			return ret;
		ret = bc_client_tcp_wait(&client->down, deadline_ns);
		if (ret != 0)
			return ret == 1 ? 0 : ret;
	}
}
