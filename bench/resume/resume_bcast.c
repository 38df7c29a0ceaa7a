/* SPDX-License-Identifier: MIT */
/* resume_bcast.c - see resume.h: by bcast/client.h, through either door. */
#include "resume.h"

#include "clock.h"

#include <string.h>

#include <bcast/client.h>

void resume_publish(const struct resume_options *options)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	unsigned char payload[RESUME_PAYLOAD] = {0};
	struct resume_message message = {0};
	struct bcast_client *client;
	int ret;

	how.roles = BCAST_CLIENT_PUBLISH;
	how.open_ms = -1;
	if (strncmp(options->address, "shm:", 4) != 0)
		how.publisher_id = options->publisher_id;
	ret = bcast_open(options->address, &how, &client);
	if (ret == 0)
		message.number = bcast_client_published(client);
	/* in shared memory a record is there or not; no need to be told */
	if (ret == 0 && how.publisher_id == 0)
		message.number = atomic_load(&options->shared->published);
	while (ret == 0 || ret == BCAST_EEPOCH) {
		message.number++;
		message.sent_ns = (uint64_t)(now_s() * 1e9);
		memcpy(payload, &message, sizeof(message));
		ret = bcast_client_publish(client, NULL, 0, payload,
					   sizeof(payload), -1);
		atomic_store(&options->shared->published, message.number);
		pause_ns((long)options->pause_us * 1000);
	}
	atomic_store(&options->shared->failed, ret);
}

static int open_subscriber(const struct resume_options *options,
			   struct bcast_client **client)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;

	how.open_ms = -1;
	how.flags = BCAST_CLIENT_FOLLOW;
	how.epoch = atomic_load(&options->shared->epoch);
	how.position = atomic_load(&options->shared->position);
	if (how.epoch != 0)
		how.from = BCAST_START_POSITION;
	return bcast_open(options->address, &how, client);
}

void resume_subscribe(const struct resume_options *options)
{
	struct resume_shared *shared = options->shared;
	struct resume_message message;
	struct bcast_packet packet;
	struct bcast_client *client;
	int ret = open_subscriber(options, &client);

	while (ret >= 0 || ret == BCAST_ELAPPED || ret == BCAST_EEPOCH) {
		struct bcast_client_place place;

		ret = bcast_client_next(client, &packet, -1);
		if (ret != 1 || packet.length != RESUME_PAYLOAD)
			continue;
		memcpy(&message, packet.payload, sizeof(message));
		ret = bcast_client_consume(client);
		place = bcast_client_position(client);
		/* a kill in between shows as one doubled: not the stream's */
		resume_note(shared, &message);
		atomic_store(&shared->epoch, place.epoch);
		atomic_store(&shared->position, place.position);
	}
	atomic_store(&shared->failed, ret);
}
