/* SPDX-License-Identifier: MIT */
/* sub_open.c - bcast-sub: open the stream where it should begin. See sub.h. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "address.h"
#include "sub.h"

static void set_start(const struct sub_wish *wish,
		      struct bcast_client_options *how)
{
	/* the two enums say the same with the same numbers */
	how->from = (uint32_t)wish->from;
	how->position = wish->from_what;
	how->sequence = wish->from_what;
	how->time_ns = wish->from_what;
}

/* Where the file says. */
static int set_resume(const struct sub_wish *wish,
		      struct bcast_client_options *how)
{
	struct bcast_client_place place;
	int ret = wish->resume ? sub_place_read(wish->resume, &place) : 0;

	if (ret <= 0)
		return -ret;
	how->from = BCAST_START_POSITION;
	how->epoch = place.epoch;
	how->position = place.position;
	how->sequence = place.sequence;
	return EX_OK;
}

static void on_event(void *context, const struct bcast_client_event *event)
{
	const struct sub_wish *wish = context;

	/* the end in order is no news */
	if (event->happening == BCAST_CLIENT_DISCONNECTED &&
	    event->result != BCAST_ECLOSED)
		fprintf(stderr, SUB_PROGRAM ": %s: connection lost: %s\n",
			wish->address, event->text);
	if (event->happening == BCAST_CLIENT_CONNECTED && wish->progress)
		fprintf(stderr, SUB_PROGRAM ": %s: connected, by %s\n",
			wish->address,
			event->door == BCAST_DOOR_SHM ? "shared memory"
						      : "TCP");
}

int sub_open(struct sub_wish *wish, struct bcast_client **client)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client_refusal refusal = {0};
	int ret;

	how.refusal = &refusal;
	how.on_event = on_event;
	how.context = wish;
	if (wish->key) {
		how.key = wish->key;
		how.key_size = (uint32_t)strlen(wish->key);
	}
	how.flags |= wish->checksum ? BCAST_CLIENT_CHECKSUM : 0u;
	how.flags |= wish->follow ? BCAST_CLIENT_FOLLOW : 0u;
	set_start(wish, &how);
	ret = set_resume(wish, &how);
	if (ret != EX_OK)
		return ret;
	ret = address_open(wish->address, &how, wish->wait_ms,
			   wish->interrupted, client);
	if (ret >= 0)
		return EX_OK;
	if (*wish->interrupted)
		return EX_UNAVAILABLE;
	return address_error(SUB_PROGRAM, wish->address, ret, &refusal);
}
