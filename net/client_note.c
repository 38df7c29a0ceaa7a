/* SPDX-License-Identifier: MIT */
/*
 * client_note.c - time, and what the caller is told, in the same way whichever
 * door it happened at: gaps, another epoch, refusals, events.
 */
#include <stdio.h>
#include <string.h>

#include "net/client_parts.h"
#include "shm/clock.h"

/* ---- Time -------------------------------------------------------------- */

uint64_t bc_client_now(void)
{
	return bc_monotonic_ns();
}

uint64_t bc_client_coarse(void)
{
	return bc_clock_ns(CLOCK_MONOTONIC_COARSE);
}

uint64_t bc_client_deadline(int timeout_ms)
{
	if (timeout_ms < 0)
		return UINT64_MAX;
	return bc_client_now() + (uint64_t)timeout_ms * (uint64_t)BC_NS_PER_MS;
}

int bc_client_left_ms(uint64_t deadline_ns)
{
	uint64_t now_ns, left_ms;

	if (deadline_ns == UINT64_MAX)
		return -1;
	now_ns = bc_client_now();
	if (deadline_ns <= now_ns)
		return 0;
	left_ms = (deadline_ns - now_ns + (uint64_t)BC_NS_PER_MS - 1) /
		  (uint64_t)BC_NS_PER_MS;
	return left_ms > INT32_MAX ? INT32_MAX : (int)left_ms;
}

/* ---- Events ------------------------------------------------------------ */

void bc_client_tell(struct bcast_client *client, uint32_t happening,
		    uint32_t role, int result, const char *text)
{
	const struct bcast_client_event event = {
		.happening = happening,
		.door = client->in_shm ? BCAST_DOOR_SHM : BCAST_DOOR_TCP,
		.role = role ? role : client->options.roles,
		.result = result,
		.text = text,
	};

	if (client->options.on_event)
		client->options.on_event(client->options.context, &event);
}

void bc_client_refuse(struct bcast_client *client, uint32_t code,
		      uint32_t retry_after_ms, const char *text)
{
	client->refusal = (struct bcast_client_refusal){
		.code = code,
		.retry_after_ms = retry_after_ms,
	};
	snprintf(client->refusal.text, sizeof(client->refusal.text), "%s",
		 text);
}

/* ---- Gaps -------------------------------------------------------------- */

static uint64_t records_of(const struct bcast_gap *gap)
{
	if (gap->from_sequence == 0 || gap->to_sequence <= gap->from_sequence)
		return 0;
	return gap->to_sequence - gap->from_sequence;
}

int bc_client_lost(struct bcast_client *client, const struct bcast_gap *gap,
		   int result)
{
	const struct bcast_client_gap before = client->gap;
	struct bcast_client_gap *noted = &client->gap;

	*noted = (struct bcast_client_gap){
		.from = gap->from,
		.to = gap->to,
		.from_sequence = gap->from_sequence,
		.to_sequence = gap->to_sequence,
		.bytes = gap->to - gap->from,
		.records = records_of(gap),
		.reason = gap->reason,
		.gaps = before.gaps + 1,
	};
	noted->total_bytes = before.total_bytes + noted->bytes;
	noted->total_records = before.total_records + noted->records;
	client->place.position = gap->to;
	client->place.sequence = gap->to_sequence;
	bc_client_tell(client, BCAST_CLIENT_LOST, BCAST_CLIENT_SUBSCRIBE,
		       result, bcast_strerror(result));
	return result;
}

void bc_client_lost_pending(struct bcast_client *client,
			    const struct bcast_gap *gap)
{
	client->pending = bc_client_lost(client, gap, BCAST_ELAPPED);
}

void bc_client_epoch_pending(struct bcast_client *client)
{
	client->pending = BCAST_EEPOCH;
	bc_client_tell(client, BCAST_CLIENT_OTHER_EPOCH, BCAST_CLIENT_SUBSCRIBE,
		       BCAST_EEPOCH, bcast_strerror(BCAST_EEPOCH));
}

void bc_client_publish_epoch(struct bcast_client *client, uint64_t epoch)
{
	if (client->publish_epoch != 0 && client->publish_epoch != epoch) {
		client->publish_moved = true;
		bc_client_tell(client, BCAST_CLIENT_OTHER_EPOCH,
			       BCAST_CLIENT_PUBLISH, BCAST_EEPOCH,
			       bcast_strerror(BCAST_EEPOCH));
	}
	client->publish_epoch = epoch;
}

int bc_client_take_pending(struct bcast_client *client)
{
	int pending = client->pending;

	client->pending = 0;
	return pending;
}

/* ---- Where, and what --------------------------------------------------- */

struct bc_client_start bc_client_start(const struct bcast_client *client)
{
	const struct bcast_client_options *options = &client->options;

	if (client->placed)
		return (struct bc_client_start){
			.from = BCAST_START_POSITION,
			.epoch = client->place.epoch,
			.position = client->place.position,
			.sequence = client->place.sequence,
		};
	return (struct bc_client_start){
		.from = (uint16_t)options->from,
		.epoch = options->epoch,
		.position = options->position,
		.sequence = options->sequence,
		.time_ns = options->time_ns,
	};
}

bool bc_client_wants(const struct bcast_client *client,
		     const struct bcast_packet *packet)
{
	uint32_t size = client->options.key_size;

	if (packet->type != BCAST_PACKET_DATA)
		return false;
	return size == 0 || (packet->key_length >= size &&
			     memcmp(packet->payload, client->key, size) == 0);
}
