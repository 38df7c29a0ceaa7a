/* SPDX-License-Identifier: MIT */
/*
 * client_shm.c - the client's door of shared memory: open it, and read.
 *
 * All roles are had, or none: a node for those who publish or exchange
 * messages, a reader, the write lease. A reader beside a node is the node's,
 * and so is woken sooner by a local publisher.
 *
 * A reader that starts at the oldest record can lose just that one before it
 * has come to it. That is no loss of anybody who asked for whatever there is,
 * so it is not told until there has been a record.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "net/client_parts.h"
#include "shm/client_parts.h"
#include "shm/clock.h"

#define RETRY_NS	  ((uint64_t)(50 * BC_NS_PER_MS))
#define FILTERED_PER_LOOK 1024 /* records, between two looks at the clock */
#define GONE_AFTER_MS	  1000
#define FOREVER_MS	  UINT32_MAX

/* ---- Open -------------------------------------------------------------- */

/* A stream of packets, and of this epoch? */
static int check_stream(const char *name, uint64_t *epoch)
{
	struct bcast_stream_info info;
	struct bcast_monitor *monitor;
	int ret = bcast_monitor_open(name, &monitor);

	if (ret < 0)
		return ret;
	(void)bcast_monitor_stream(monitor, &info);
	bcast_monitor_close(monitor);
	if (info.format != BCAST_FORMAT_PACKET)
		return -EOPNOTSUPP;
	if (*epoch != 0 && info.epoch != *epoch)
		return BCAST_EEPOCH;
	*epoch = info.epoch;
	return 0;
}

static int open_node(struct bcast_client *client, const char *name)
{
	struct bcast_join_options how = BCAST_JOIN_DEFAULTS;

	if (!bc_client_has(client, BCAST_CLIENT_PUBLISH | BCAST_CLIENT_NODE))
		return 0;
	if (bc_client_has(client, BCAST_CLIENT_PUBLISH))
		how.roles = BCAST_NODE_PUBLISHER;
	/* who makes no calls is not stuck, as far as anybody knows */
	how.stuck_after_ms = 0;
	return bcast_join(name, client->id, &how, &client->node);
}

static int open_reader(struct bcast_client *client, const char *name)
{
	const struct bcast_client_options *options = &client->options;
	struct bcast_attach_options how = BCAST_ATTACH_DEFAULTS;

	if (!bc_client_has(client, BCAST_CLIENT_SUBSCRIBE))
		return 0;
	how.gone_after_ms = GONE_AFTER_MS;
	if (!bc_client_flag(client, BCAST_CLIENT_NO_RECONNECT))
		how.gone_after_ms = options->give_up_ms < 0
					    ? FOREVER_MS
					    : (uint32_t)options->give_up_ms;
	if (client->node)
		return bcast_node_reader(client->node, &how, &client->reader);
	return bcast_attach(name, &how, &client->reader);
}

static int open_publisher(struct bcast_client *client)
{
	if (!bc_client_has(client, BCAST_CLIENT_PUBLISH))
		return 0;
	return bcast_publisher_open(client->node, NULL, &client->publisher);
}

/* ---- Find the place ---------------------------------------------------- */

static int refuse_place(struct bcast_client *client)
{
	bc_client_refuse(client, BCAST_REJECT_POSITION, 0,
			 "beyond the newest record, or no record begins there");
	return BCAST_EREFUSED;
}

static int seek_oldest(struct bcast_client *client)
{
	client->forgiving = true;
	return bcast_seek(client->reader, BCAST_FROM_OLDEST, 0);
}

static bool names_another(const struct bc_client_start *start, uint64_t epoch)
{
	return (start->from == BCAST_START_POSITION ||
		start->from == BCAST_START_SEQUENCE) &&
	       start->epoch != 0 && start->epoch != epoch;
}

static int seek(struct bcast_client *client,
		const struct bc_client_start *start)
{
	int ret;

	if (names_another(start, bcast_epoch(client->reader))) {
		bc_client_epoch_pending(client);
		return seek_oldest(client);
	}
	switch ((enum bcast_start)start->from) {
	case BCAST_START_LIVE:
		return bcast_seek(client->reader, BCAST_FROM_LIVE, 0);
	case BCAST_START_OLDEST:
		return seek_oldest(client);
	case BCAST_START_POSITION:
		ret = bcast_seek(client->reader, BCAST_FROM_POSITION,
				 start->position);
		return ret == -EINVAL ? refuse_place(client) : ret;
	case BCAST_START_SEQUENCE:
		ret = bcast_seek(client->reader, BCAST_FROM_SEQUENCE,
				 start->sequence);
		return ret == -EINVAL ? refuse_place(client) : ret;
	case BCAST_START_TIME:
		client->forgiving = true; /* it may be gone meanwhile, too */
		return bcast_seek(client->reader, BCAST_FROM_TIME,
				  start->time_ns);
	}
	return -EINVAL;
}

static void note_place(struct bcast_client *client)
{
	const struct bcast_reader *reader = client->reader;

	client->place = (struct bcast_client_place){
		.epoch = bcast_epoch(reader),
		.position = bcast_position(reader),
		.sequence = reader->sequence,
	};
	client->placed = true;
}

static int find_place(struct bcast_client *client,
		      const struct bc_client_start *start)
{
	uint64_t epoch;
	int ret;

	if (!client->reader)
		return 0;
	epoch = bcast_epoch(client->reader);
	client->forgiving = false;
	ret = seek(client, start);
	if (ret < 0)
		return ret;
	note_place(client);
	/* a record that is gone has a number all the same */
	if (client->place.sequence == 0 && !names_another(start, epoch) &&
	    (start->from == BCAST_START_POSITION ||
	     start->from == BCAST_START_SEQUENCE))
		client->place.sequence = start->sequence;
	return 0;
}

static int open_all(struct bcast_client *client, const char *name,
		    uint64_t *epoch, const struct bc_client_start *start)
{
	int ret = check_stream(name, epoch);

	if (ret == 0)
		ret = open_node(client, name);
	if (ret == 0)
		ret = open_reader(client, name);
	/* another daemon may have come in between */
	if (ret == 0 && client->reader && bcast_epoch(client->reader) != *epoch)
		ret = BCAST_ENOTREADY;
	if (ret == 0)
		ret = open_publisher(client);
	if (ret == 0)
		ret = find_place(client, start);
	return ret;
}

int bc_client_shm_open(struct bcast_client *client, const char *name,
		       uint64_t epoch, const struct bc_client_start *start)
{
	int ret = open_all(client, name, &epoch, start);

	if (ret < 0) {
		bc_client_shm_close(client);
		return ret;
	}
	snprintf(client->name, sizeof(client->name), "%s", name);
	client->in_shm = true;
	client->stats.connects++;
	client->shm_epoch = epoch;
	if (client->publisher)
		bc_client_publish_epoch(client, epoch);
	bc_client_tell(client, BCAST_CLIENT_CONNECTED, 0, 0, "shared memory");
	return 0;
}

void bc_client_shm_close(struct bcast_client *client)
{
	bc_client_fd_forget_shm(client);
	bcast_publisher_close(client->publisher);
	bcast_detach(client->reader);
	bcast_leave(client->node);
	bcast_nodes_close(client->nodes);
	client->publisher = NULL;
	client->reader = NULL;
	client->node = NULL;
	client->nodes = NULL;
	client->last.size = 0;
	client->in_shm = false;
}

/* ---- The end, and after it --------------------------------------------- */

int bc_client_shm_ended(struct bcast_client *client)
{
	bool follows = bc_client_flag(client, BCAST_CLIENT_FOLLOW);

	/* who only publishes has nothing left to read in the old one */
	if (!bc_client_has(client, BCAST_CLIENT_SUBSCRIBE) &&
	    !bc_client_flag(client, BCAST_CLIENT_NO_RECONNECT))
		follows = true;
	if (!follows)
		return BCAST_ECLOSED;
	bc_client_shm_close(client);
	client->ended_epoch = client->shm_epoch;
	client->shm_lost_ns = bc_client_now();
	client->shm_try_ns = 0;
	bc_client_tell(client, BCAST_CLIENT_DISCONNECTED, 0, BCAST_ECLOSED,
		       bcast_strerror(BCAST_ECLOSED));
	return BC_CLIENT_AGAIN;
}

/* What passes by itself. */
static bool is_passing(int result)
{
	return result == -ENOENT || result == -EBUSY || result == -EEXIST ||
	       result == BCAST_ENOTREADY || result == BCAST_ECLOSED ||
	       result == BCAST_EFULL;
}

static int try_open(struct bcast_client *client)
{
	const struct bc_client_start start = bc_client_start(client);
	uint64_t epoch = 0;
	int ret = check_stream(client->address.text, &epoch);

	if (ret == 0 && epoch == client->ended_epoch)
		ret = -ENOENT; /* it is not quite away yet */
	if (ret == 0)
		ret = bc_client_shm_open(client, client->address.text, epoch,
					 &start);
	client->shm_result = ret;
	return ret < 0 && is_passing(ret) ? 1 : ret;
}

static bool has_given_up(const struct bcast_client *client, uint64_t now_ns)
{
	int32_t give_up_ms = client->options.give_up_ms;

	return client->shm_lost_ns != 0 && give_up_ms >= 0 &&
	       now_ns - client->shm_lost_ns >=
		       (uint64_t)give_up_ms * (uint64_t)BC_NS_PER_MS;
}

static void pause_until(uint64_t until_ns, uint64_t now_ns)
{
	uint64_t ns = until_ns > now_ns ? until_ns - now_ns : 0;
	struct timespec pause = {
		.tv_sec = (time_t)(ns / (uint64_t)BC_NS_PER_S),
		.tv_nsec = (long)(ns % (uint64_t)BC_NS_PER_S),
	};

	(void)nanosleep(&pause, NULL);
}

int bc_client_shm_reopen(struct bcast_client *client, uint64_t deadline_ns)
{
	for (;;) {
		uint64_t now_ns = bc_client_now();
		int ret;

		if (now_ns >= client->shm_try_ns) {
			client->shm_try_ns = now_ns + RETRY_NS;
			ret = try_open(client);
			if (ret <= 0)
				return ret;
		}
		if (has_given_up(client, now_ns)) {
			client->shm_lost_ns = now_ns;
			return BCAST_EABANDONED;
		}
		if (now_ns >= deadline_ns)
			return 1;
		pause_until(client->shm_try_ns < deadline_ns
				    ? client->shm_try_ns
				    : deadline_ns,
			    now_ns);
	}
}

/* ---- Read -------------------------------------------------------------- */

static int on_lapped(struct bcast_client *client)
{
	const struct bcast_loss loss = bcast_loss(client->reader);
	struct bcast_gap gap = {
		.from = loss.from,
		.to = loss.to,
		.from_sequence = client->place.sequence,
		.to_sequence = client->reader->sequence,
		.reason = BCAST_GAP_OVERWRITTEN,
	};

	if (client->forgiving) {
		note_place(client);
		return 0;
	}
	return bc_client_lost(client, &gap, BCAST_ELAPPED);
}

int bc_client_shm_consume(struct bcast_client *client)
{
	const struct bcast_packet last = client->last;
	int ret;

	client->last.size = 0;
	if (last.size == 0)
		return 0;
	ret = bcast_consume(client->reader, last.size);
	if (ret == BCAST_ELAPPED)
		return on_lapped(client);
	if (ret < 0)
		return ret;
	client->place.position = last.position + last.size;
	client->place.sequence = last.sequence + 1;
	return 0;
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
	int ret = bc_client_shm_consume(client);

	return ret < 0 ? ret : bc_client_lost(client, &gap, -EBADMSG);
}

/* What a result below 0 of the reader comes to. 0: nothing, go on. */
static int on_result(struct bcast_client *client, int result)
{
	if (result == BCAST_ELAPPED)
		return on_lapped(client);
	if (result == BCAST_ECLOSED)
		return bc_client_shm_ended(client);
	return result;
}

/* Returns 1 with a record in client->last, 0 for nothing, or < 0. */
static int take_any(struct bcast_client *client)
{
	int ret = bcast_next(client->reader, &client->last);

	return ret < 0 ? on_result(client, ret) : ret;
}

/* The same of one that is wanted; -ETIMEDOUT: the others took too long. */
static int take(struct bcast_client *client, uint64_t deadline_ns)
{
	for (unsigned skipped = 1;; skipped++) {
		int ret = take_any(client);

		if (ret <= 0 || bc_client_wants(client, &client->last))
			return ret;
		if (client->last.type != BCAST_PACKET_PAD &&
		    (client->last.flags & BCAST_PACKET_MUST))
			return BCAST_EPROTO;
		ret = bc_client_shm_consume(client);
		if (ret < 0)
			return ret;
		client->stats.filtered++;
		if (skipped % FILTERED_PER_LOOK == 0 &&
		    bc_client_now() >= deadline_ns)
			return -ETIMEDOUT;
	}
}

static int wait_for_more(struct bcast_client *client, uint64_t deadline_ns)
{
	int left_ms = bc_client_left_ms(deadline_ns);
	int ret = bcast_wait(client->reader, left_ms);

	if (ret < 0)
		return on_result(client, ret);
	return ret == 0 && left_ms == 0 ? -ETIMEDOUT : 0;
}

static int hand_out(struct bcast_client *client, struct bcast_packet *packet)
{
	const struct bcast_packet *last = &client->last;

	if (bc_client_flag(client, BCAST_CLIENT_CHECKSUM) &&
	    bcast_packet_verify(last) == 0)
		return damaged(client);
	client->forgiving = false;
	client->stats.records++;
	client->stats.record_bytes += last->size;
	*packet = *last;
	return 1;
}

int bc_client_shm_next(struct bcast_client *client, struct bcast_packet *packet,
		       uint64_t deadline_ns)
{
	int ret = bc_client_shm_consume(client);

	while (ret == 0) {
		ret = take(client, deadline_ns);
		if (ret == 1)
			return hand_out(client, packet);
		if (ret == 0)
			ret = wait_for_more(client, deadline_ns);
	}
	return ret == -ETIMEDOUT ? 0 : ret;
}
