/* SPDX-License-Identifier: MIT */
/*
 * pub_door.c - bcast-pub: where publications go: into the ring, by a local
 * publisher, or to an address, by a client of bcast/client.h. See pub.h.
 *
 * A local publisher's claim is the ring itself. A client's is a buffer, from
 * which bcast_client_publish() copies; so there is no waiting for room before
 * the commit.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "address.h"
#include "pub.h"

#define SLICE_MS 100
#define LAST_MS	 1000

static void on_event(void *context, const struct bcast_client_event *event)
{
	const struct pub_wish *wish = ((const struct pub *)context)->wish;

	if (event->happening == BCAST_CLIENT_DISCONNECTED)
		fprintf(stderr, PUB_PROGRAM ": %s: connection lost: %s\n",
			wish->name, event->text);
	if (event->happening == BCAST_CLIENT_FORGOTTEN)
		fprintf(stderr,
			PUB_PROGRAM ": %s: %s: some may be published twice\n",
			wish->name, event->text);
}

static int allocate(struct pub *pub)
{
	pub->packets = true;
	pub->limit = bcast_client_limit(pub->client);
	/* touched only as far as it is needed */
	pub->claim = malloc(pub->limit);
	if (pub->claim)
		return EX_OK;
	fprintf(stderr, PUB_PROGRAM ": %s\n", strerror(ENOMEM));
	return EX_OSERR;
}

int pub_door_open(struct pub *pub)
{
	const struct pub_wish *wish = pub->wish;
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client_refusal refusal = {0};
	char address[ADDRESS_MAX];
	int ret;

	how.roles = BCAST_CLIENT_PUBLISH;
	how.id = wish->id;
	how.refusal = &refusal;
	how.on_event = on_event;
	how.context = pub;
	how.flags = BCAST_CLIENT_BATCH;
	if (wish->flags & BCAST_CHECKSUM)
		how.flags |= BCAST_CLIENT_CHECKSUM;
	ret = -EINVAL;
	if (address_of(wish->name, ADDRESS_ANY, address))
		ret = address_open(address, &how,
				   wish->wait ? wish->wait_ms : 0,
				   wish->interrupted, &pub->client);
	if (ret >= 0)
		return allocate(pub);
	if (*wish->interrupted)
		return EX_UNAVAILABLE;
	return address_error(PUB_PROGRAM, wish->name, ret, &refusal);
}

void pub_door_close(struct pub *pub)
{
	/* also after a signal, what was published goes, if it can */
	if (pub->client && *pub->wish->interrupted)
		(void)bcast_client_flush(pub->client, LAST_MS);
	bcast_close(pub->client);
	free(pub->claim);
}

int pub_door_claim(struct pub *pub, size_t size, void **data)
{
	void *room;
	int ret;

	if (size > pub->limit)
		return -EMSGSIZE;
	*data = pub->claim;
	if (pub->client)
		return 0;
	ret = bcast_claim(pub->publisher, pub->key_size + size, &room);
	if (ret < 0)
		return ret;
	if (pub->key_size > 0)
		memcpy(room, pub->key, pub->key_size);
	*data = (unsigned char *)room + pub->key_size;
	return 0;
}

/* What is no end: told, and gone on with. */
static int tell(const struct pub *pub, int ret)
{
	if (ret != BCAST_EEPOCH)
		return ret;
	fprintf(stderr, PUB_PROGRAM ": %s: another stream is there now\n",
		pub->wish->name);
	return 0;
}

int pub_door_commit(struct pub *pub, size_t size)
{
	int ret;

	if (!pub->client)
		return pub->key_size > 0
			       ? bcast_commit_key(pub->publisher,
						  pub->key_size + size,
						  pub->key_size)
			       : bcast_commit(pub->publisher, size);
	do {
		ret = bcast_client_publish(pub->client, pub->key, pub->key_size,
					   pub->claim, size, SLICE_MS);
	} while (ret == BCAST_EEPOCH && tell(pub, ret) == 0);
	return ret;
}

void pub_door_abort(struct pub *pub)
{
	if (!pub->client)
		bcast_abort(pub->publisher);
}

int pub_door_idle(struct pub *pub)
{
	int ret;

	if (!pub->client) {
		(void)bcast_node_beat(pub->node); /* the flush tells */
		return bcast_flush(pub->publisher);
	}
	ret = tell(pub, bcast_client_flush(pub->client, 0));
	return ret == -ETIMEDOUT ? 0 : ret;
}

int pub_door_finish(struct pub *pub)
{
	int ret = 0;

	if (!pub->client)
		return 0;
	do {
		if (*pub->wish->interrupted)
			return -EINTR;
		ret = bcast_client_flush(pub->client, SLICE_MS);
		if (ret == BCAST_EEPOCH) {
			(void)tell(pub, ret);
			ret = -ETIMEDOUT;
		}
	} while (ret == -ETIMEDOUT);
	return ret;
}

uint64_t pub_door_position(const struct pub *pub)
{
	return pub->client ? bcast_client_stats(pub->client).tail
			   : bcast_publisher_position(pub->publisher);
}
