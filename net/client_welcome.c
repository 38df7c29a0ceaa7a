/* SPDX-License-Identifier: MIT */
/*
 * client_welcome.c - what WELCOME says: where a subscriber goes on, and what
 * the daemon has of a publisher.
 *
 * Numbers on the wire go on where the daemon says that it stands. It says so in
 * each WELCOME: what it has is dropped from the window, and the rest is sent
 * again under the numbers that it had. Only if the daemon knows less than it
 * once acknowledged (another stream, or it has forgotten us) does the rest get
 * new numbers: those that follow on what the daemon knows.
 */
#include <errno.h>

#include "net/client_parts.h"

/* ---- Subscriber -------------------------------------------------------- */

static void note_gap(struct bcast_client *client, uint64_t from,
		     uint64_t from_sequence)
{
	const struct bcast_welcome *welcome = &client->down.welcome.fixed;
	const struct bcast_gap gap = {
		.from = from,
		.to = welcome->position,
		.from_sequence = from_sequence,
		.to_sequence = welcome->sequence,
		.reason = BCAST_GAP_OVERWRITTEN,
	};

	bc_client_lost_pending(client, &gap);
}

/* Where it was asked to begin, and where it does. */
static int compare_places(struct bcast_client *client,
			  const struct bc_client_start *start)
{
	const struct bcast_welcome *welcome = &client->down.welcome.fixed;
	bool names_epoch = start->from == BCAST_START_POSITION ||
			   start->from == BCAST_START_SEQUENCE;

	if (names_epoch && start->epoch != 0 &&
	    start->epoch != welcome->epoch) {
		bc_client_epoch_pending(client);
		return 0;
	}
	if (start->from == BCAST_START_POSITION) {
		if (welcome->position < start->position)
			return -EPROTO;
		if (welcome->position > start->position)
			note_gap(client, start->position, start->sequence);
	}
	if (start->from == BCAST_START_SEQUENCE &&
	    welcome->sequence > start->sequence)
		note_gap(client, welcome->position, start->sequence);
	return 0;
}

int bc_client_welcome_down(struct bcast_client *client)
{
	const struct bcast_welcome *welcome = &client->down.welcome.fixed;
	const struct bc_client_start start = bc_client_start(client);
	struct bc_client_count *count = &client->down.count;
	int ret;

	if (welcome->position % BCAST_PACKET_ALIGN != 0 || welcome->epoch == 0)
		return -EPROTO;
	ret = compare_places(client, &start);
	if (ret < 0)
		return ret;
	client->place = (struct bcast_client_place){
		.epoch = welcome->epoch,
		.position = welcome->position,
		.sequence = welcome->sequence,
	};
	client->placed = true;
	client->stats.tail = welcome->tail;
	count->position = welcome->position;
	count->sequence = welcome->sequence;
	count->begun = false;
	count->limits.data_max = welcome->payload_max != 0
					 ? welcome->payload_max
					 : BCAST_PAYLOAD_MAX;
	return 0;
}

/* ---- Publisher --------------------------------------------------------- */

int bc_client_accept(struct bcast_client *client, uint64_t accepted)
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
		ret = bc_client_accept(client, accepted);
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

int bc_client_welcome_up(struct bcast_client *client)
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
