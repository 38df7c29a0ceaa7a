/* SPDX-License-Identifier: MIT */
/*
 * client_shm_node.c - the door of shared memory: publish, messages, nodes.
 *
 * A record goes out as a batch of one, which is the way of publisher.h to write
 * a header of one's own: with a key and a checksum.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/client_parts.h"
#include "shm/client_publisher.h"
#include "shm/clock.h"

#define BEAT_NS ((uint64_t)BC_NS_PER_S)

/* The third word of a header after length and sequence; see packet.h. */
static uint64_t header_word(const struct bc_client_payload *payload)
{
	return (uint64_t)payload->crc32c | (uint64_t)payload->key_size << 48;
}

static void beat(struct bcast_client *client)
{
	uint64_t now_ns = bc_client_coarse();

	if (!client->node || now_ns < client->shm_beat_ns)
		return;
	client->shm_beat_ns = now_ns + BEAT_NS;
	(void)bcast_node_beat(client->node); /* whoever uses it is told more */
}

/* ---- Publish ----------------------------------------------------------- */

static void copy(unsigned char *to, const struct bc_client_payload *payload)
{
	if (payload->key_size > 0)
		memcpy(to, payload->key, payload->key_size);
	if (payload->size > 0)
		memcpy(to + payload->key_size, payload->data, payload->size);
}

static int publish(struct bcast_client *client,
		   const struct bc_client_payload *payload)
{
	size_t size = payload->key_size + payload->size;
	struct bcast_batch batch;
	int ret;

	if (size > bcast_publisher_limit(client->publisher))
		return -EMSGSIZE;
	ret = bcast_batch_begin(client->publisher,
				bcast_packet_size((uint32_t)size), &batch);
	if (ret != 0)
		return ret;
	batch.words[2] = header_word(payload);
	copy(bcast_batch_add(&batch, (uint32_t)size), payload);
	return bcast_batch_commit(client->publisher, &batch);
}

int bc_client_shm_publish(struct bcast_client *client,
			  const struct bc_client_payload *payload,
			  uint64_t deadline_ns)
{
	int ret;

	if (client->publish_moved) {
		client->publish_moved = false;
		return BCAST_EEPOCH;
	}
	beat(client);
	bc_client_publisher_patience(client->publisher, 0);
	ret = publish(client, payload);
	if (ret == BCAST_EFULL && deadline_ns > bc_client_now()) {
		bc_client_publisher_patience(client->publisher,
					     bc_client_left_ms(deadline_ns));
		ret = publish(client, payload);
	}
	if (ret == BCAST_ECLOSED)
		return bc_client_shm_ended(client);
	if (ret < 0)
		return ret;
	client->published++;
	client->accepted++;
	return 0;
}

int bc_client_shm_flush(struct bcast_client *client)
{
	int ret;

	beat(client);
	if (!client->publisher)
		return 0;
	ret = bcast_flush(client->publisher);
	client->stats.tail = bcast_publisher_position(client->publisher);
	return ret == BCAST_ECLOSED ? bc_client_shm_ended(client) : ret;
}

/* ---- Messages ---------------------------------------------------------- */

int bc_client_shm_send(struct bcast_client *client, const char *to_id,
		       uint16_t type, const void *data, size_t size,
		       int timeout_ms)
{
	if (strcmp(to_id, "*") == 0)
		return bcast_broadcast(client->node, type, data, size,
				       timeout_ms, NULL);
	return bcast_send(client->node, to_id, type, data, size, timeout_ms);
}

int bc_client_shm_recv(struct bcast_client *client,
		       struct bcast_message *message, int timeout_ms)
{
	int ret = bcast_recv(client->node, message, timeout_ms);

	return ret == BCAST_ECLOSED ? bc_client_shm_ended(client) : ret;
}

static struct bcast_node_entry entry_of(const struct bcast_node_info *info)
{
	struct bcast_node_entry entry = {
		.state = info->state,
		.roles = info->roles,
		.slot = info->slot,
		.remote = (info->roles & BCAST_NODE_REMOTE) != 0,
		.cursor = info->cursor,
		.lag = info->lag,
		.joined_realtime_ns = info->joined_realtime_ns,
		.heartbeat_age_ns = info->heartbeat_age_ns,
	};

	memcpy(entry.id, info->id, sizeof(info->id));
	return entry;
}

int bc_client_shm_nodes(struct bcast_client *client,
			struct bcast_node_entry *entries, int max)
{
	struct bcast_node_info *infos;
	int count;

	if (!client->nodes) {
		count = bcast_nodes_open(client->name, &client->nodes);
		if (count < 0)
			return count;
	}
	infos = calloc((size_t)max + 1, sizeof(*infos));
	if (!infos)
		return -ENOMEM;
	count = bcast_nodes_list(client->nodes, infos, max);
	for (int i = 0; i < count && i < max; i++)
		entries[i] = entry_of(&infos[i]);
	free(infos);
	return count;
}
