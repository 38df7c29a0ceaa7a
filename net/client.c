/* SPDX-License-Identifier: MIT */
/*
 * client.c - bcast/client.h: options, and which door a call goes through.
 *
 * Each door answers as client.h says, or with BC_CLIENT_AGAIN: the stream is
 * not behind that door any more. Then the client is at no door, and what
 * follows finds the next one: shared memory of that name, or the connections.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "net/client_parts.h"
#include "shm/checksum.h"
#include "shm/clock.h"
#include "shm/name.h"

#define HEARTBEAT_MS_MAX 60000u
#define WINDOW_MIN	 ((uint64_t)4096)
#define WINDOW_MAX	 ((uint64_t)1 << 32)
#define ROLES                                                       \
	((uint32_t)(BCAST_CLIENT_SUBSCRIBE | BCAST_CLIENT_PUBLISH | \
		    BCAST_CLIENT_NODE))
#define FLAGS                                                           \
	((uint32_t)(BCAST_CLIENT_CHECKSUM | BCAST_CLIENT_NO_RECONNECT | \
		    BCAST_CLIENT_FOLLOW | BCAST_CLIENT_BATCH))

/* ---- Options ----------------------------------------------------------- */

static bool are_times_sound(const struct bcast_client_options *options)
{
	return options->open_ms >= -1 && options->give_up_ms >= -1 &&
	       options->heartbeat_ms > 0 &&
	       options->heartbeat_ms <= HEARTBEAT_MS_MAX &&
	       options->idle_timeout_ms >= options->heartbeat_ms;
}

static bool are_roles_sound(const struct bcast_client_options *options)
{
	if (options->roles == 0 || (options->roles & ~ROLES))
		return false;
	if ((options->roles & BCAST_CLIENT_NODE) && !options->id)
		return false;
	if (options->publisher_id != 0 &&
	    !(options->roles & BCAST_CLIENT_PUBLISH))
		return false;
	return !options->id || bc_name_id_valid(options->id);
}

static int check_options(const struct bcast_client_options *options)
{
	if (options->size != sizeof(*options) || !are_roles_sound(options) ||
	    !are_times_sound(options) || options->from > BCAST_START_TIME ||
	    (options->flags & ~FLAGS) || options->policy > BCAST_WISH_SKIP ||
	    options->key_size > BCAST_CLIENT_KEY_MAX ||
	    (options->key_size > 0 && !options->key) ||
	    options->window < WINDOW_MIN || options->window > WINDOW_MAX)
		return -EINVAL;
	return 0;
}

static int draw(void *number, size_t size)
{
	return getrandom(number, size, 0) == (ssize_t)size ? 0 : -EIO;
}

static int draw_numbers(struct bcast_client *client)
{
	int ret = draw(&client->random, sizeof(client->random));

	client->publisher_id = client->options.publisher_id;
	while (ret == 0 && client->publisher_id == 0)
		ret = draw(&client->publisher_id, sizeof(uint64_t));
	return ret;
}

static void take_options(struct bcast_client *client,
			 const struct bcast_client_options *options)
{
	client->options = *options;
	if (options->id)
		snprintf(client->id, sizeof(client->id), "%s", options->id);
	else
		snprintf(client->id, sizeof(client->id), "client-%ld-%08x",
			 (long)getpid(), (unsigned)client->random);
	if (options->key_size > 0)
		memcpy(client->key, options->key, options->key_size);
	client->options.id = client->id;
	client->options.key = client->key;
}

static int make(const struct bcast_client_options *options,
		const struct bc_client_address *address,
		struct bcast_client **client)
{
	struct bcast_client *made = calloc(1, sizeof(*made));
	/* room for the largest record, whatever the window */
	uint64_t window = options->window + sizeof(struct bcast_packet_header);
	int ret;

	if (!made)
		return -ENOMEM;
	made->address = *address;
	made->epoll_fd = made->timer_fd = made->shm_event_fd = -1;
	made->letters_end = &made->letters;
	bc_client_link_init(&made->down, made);
	bc_client_link_init(&made->up, made);
	made->options = *options;
	ret = draw_numbers(made);
	if (ret == 0 && !address->shm &&
	    bc_client_has(made, BCAST_CLIENT_PUBLISH))
		ret = bc_client_window_init(&made->window, window);
	if (ret < 0) {
		free(made);
		return ret;
	}
	take_options(made, options);
	*client = made;
	return 0;
}

/* ---- Open and close ---------------------------------------------------- */

static int open_shm(struct bcast_client *client)
{
	int32_t open_ms = client->options.open_ms;
	int ret;

	snprintf(client->why_tcp, sizeof(client->why_tcp), "%s", "");
	if (client->options.publisher_id != 0)
		return -EOPNOTSUPP;
	ret = bc_client_shm_reopen(client, bc_client_deadline(open_ms));
	return ret == 1 ? client->shm_result : ret;
}

/* The link that is not up yet; NULL: all are. */
static struct bc_client_link *missing(struct bcast_client *client)
{
	struct bc_client_link *links[] = {&client->down, &client->up};

	for (size_t i = 0; i < 2; i++)
		if (links[i]->state != BC_LINK_OFF &&
		    links[i]->state != BC_LINK_UP)
			return links[i];
	return NULL;
}

static int open_tcp(struct bcast_client *client)
{
	uint64_t deadline_ns = bc_client_deadline(client->options.open_ms);
	bool once = client->options.open_ms == 0;
	struct bc_client_link *link;
	int ret = 0;

	if (once)
		deadline_ns = UINT64_MAX; /* an attempt has one of its own */
	bc_client_tcp_begin(client);
	while (!client->in_shm && (link = missing(client)) != NULL) {
		if (once && link->rounds > 0)
			return link->result;
		if (ret == 1)
			return link->result ? link->result : -ETIMEDOUT;
		ret = bc_client_tcp_wait(link, deadline_ns);
		if (ret < 0 && ret != BC_CLIENT_AGAIN)
			return ret;
	}
	return 0;
}

static void explain_tcp(struct bcast_client *client)
{
	const char *text = "";

	if (client->address.tcp)
		text = "the address asks for TCP";
	else if (client->options.publisher_id != 0)
		text = "a publisher_id is known over TCP only";
	snprintf(client->why_tcp, sizeof(client->why_tcp), "%s", text);
}

int bcast_open(const char *address, const struct bcast_client_options *options,
	       struct bcast_client **client)
{
	static const struct bcast_client_options defaults =
		BCAST_CLIENT_DEFAULTS;
	struct bc_client_address where;
	struct bcast_client *made = NULL;
	int ret;

	if (!options)
		options = &defaults;
	ret = check_options(options);
	if (ret == 0)
		ret = bc_client_address_parse(address, &where);
	if (ret == 0)
		ret = make(options, &where, &made);
	if (ret != 0)
		return ret;
	explain_tcp(made);
	ret = where.shm ? open_shm(made) : open_tcp(made);
	if (ret < 0) {
		if (options->refusal)
			*options->refusal = made->refusal;
		bcast_close(made);
		return ret;
	}
	*client = made;
	return 0;
}

void bcast_close(struct bcast_client *client)
{
	if (!client)
		return;
	if (client->in_shm)
		bc_client_shm_close(client);
	bc_client_link_fini(&client->down);
	bc_client_link_fini(&client->up);
	bc_client_window_fini(&client->window);
	bc_client_mail_forget(client);
	bc_client_fd_close(client);
	free(client);
}

/* ---- At no door -------------------------------------------------------- */

/* shm:NAME, between two streams. As bc_client_shm_reopen(). */
static bool is_lost(const struct bcast_client *client)
{
	return client->address.shm && !client->in_shm;
}

/* Behind another door? HOST:PORT that has left shared memory connects. */
static bool goes_on(struct bcast_client *client, int result)
{
	if (result != BC_CLIENT_AGAIN)
		return false;
	if (!client->in_shm && !client->address.shm)
		bc_client_tcp_begin(client);
	return true;
}

/* ---- Subscribe --------------------------------------------------------- */

static int next(struct bcast_client *client, struct bcast_packet *packet,
		uint64_t deadline_ns)
{
	int ret;

	do {
		if (is_lost(client)) {
			ret = bc_client_shm_reopen(client, deadline_ns);
			if (ret != 0)
				return ret == 1 ? 0 : ret;
		}
		if (client->in_shm) {
			ret = bc_client_take_pending(client);
			if (ret == 0)
				ret = bc_client_shm_next(client, packet,
							 deadline_ns);
		} else {
			ret = bc_client_tcp_next(client, packet, deadline_ns);
		}
	} while (goes_on(client, ret));
	return ret;
}

int bcast_client_next(struct bcast_client *client, struct bcast_packet *packet,
		      int timeout_ms)
{
	uint64_t deadline_ns =
		timeout_ms == 0 ? 0 : bc_client_deadline(timeout_ms);
	int ret;

	if (!bc_client_has(client, BCAST_CLIENT_SUBSCRIBE))
		return -EOPNOTSUPP;
	ret = next(client, packet, deadline_ns);
	if (ret == 0 && bc_client_fd_arm(client) == 1) {
		ret = next(client, packet, 0);
		if (ret == 0)
			bc_client_fd_wake_at(client, 1);
	}
	return ret;
}

int bcast_client_consume(struct bcast_client *client)
{
	if (client->in_shm)
		return bc_client_shm_consume(client);
	bc_client_tcp_consume(client);
	return 0;
}

/* ---- Publish ----------------------------------------------------------- */

int bcast_client_publish(struct bcast_client *client, const void *key,
			 size_t key_size, const void *data, size_t size,
			 int timeout_ms)
{
	struct bc_client_payload payload = {key, data, key_size, size, 0};
	uint64_t deadline_ns =
		timeout_ms == 0 ? 0 : bc_client_deadline(timeout_ms);
	int ret;

	if (!bc_client_has(client, BCAST_CLIENT_PUBLISH))
		return -EOPNOTSUPP;
	if (key_size > UINT16_MAX)
		return -EINVAL;
	if (size > BCAST_PAYLOAD_MAX - key_size)
		return -EMSGSIZE;
	if (bc_client_flag(client, BCAST_CLIENT_CHECKSUM))
		payload.crc32c =
			bc_checksum(bc_checksum(0, key, key_size), data, size);
	do {
		if (is_lost(client)) {
			ret = bc_client_shm_reopen(client, deadline_ns);
			if (ret != 0)
				return ret == 1 ? BCAST_EFULL : ret;
		}
		if (client->in_shm)
			ret = bc_client_shm_publish(client, &payload,
						    deadline_ns);
		else
			ret = bc_client_tcp_publish(client, &payload,
						    deadline_ns);
	} while (goes_on(client, ret));
	return ret;
}

int bcast_client_flush(struct bcast_client *client, int timeout_ms)
{
	uint64_t deadline_ns =
		timeout_ms == 0 ? 0 : bc_client_deadline(timeout_ms);
	int ret;

	if (!bc_client_has(client, BCAST_CLIENT_PUBLISH))
		return -EOPNOTSUPP;
	do {
		if (is_lost(client)) {
			ret = bc_client_shm_reopen(client, deadline_ns);
			if (ret != 0)
				return ret == 1 ? -ETIMEDOUT : ret;
		}
		ret = client->in_shm ? bc_client_shm_flush(client)
				     : bc_client_tcp_flush(client, deadline_ns);
	} while (goes_on(client, ret));
	(void)bc_client_fd_arm(client); /* readers are next()'s to look after */
	return ret;
}

size_t bcast_client_limit(const struct bcast_client *client)
{
	return client->publisher ? bcast_publisher_limit(client->publisher)
				 : bc_client_tcp_limit(client);
}

uint64_t bcast_client_published(const struct bcast_client *client)
{
	return client->published;
}

uint64_t bcast_client_accepted(const struct bcast_client *client)
{
	return client->accepted;
}

/* ---- Be a node --------------------------------------------------------- */

int bcast_client_send(struct bcast_client *client, const char *to_id,
		      uint16_t type, const void *data, size_t size,
		      int timeout_ms)
{
	if (!bc_client_has(client, BCAST_CLIENT_NODE))
		return -EOPNOTSUPP;
	if (strcmp(to_id, "*") != 0 && !bc_name_id_valid(to_id))
		return BCAST_ENAME;
	if (is_lost(client))
		return -ENOTCONN;
	if (client->in_shm)
		return bc_client_shm_send(client, to_id, type, data, size,
					  timeout_ms);
	return bc_client_tcp_send(client, to_id, type, data, size, timeout_ms);
}

int bcast_client_recv(struct bcast_client *client,
		      struct bcast_message *message, int timeout_ms)
{
	uint64_t deadline_ns = bc_client_deadline(timeout_ms);
	int ret;

	if (!bc_client_has(client, BCAST_CLIENT_NODE))
		return -EOPNOTSUPP;
	do {
		if (is_lost(client)) {
			ret = bc_client_shm_reopen(client, deadline_ns);
			if (ret != 0)
				return ret == 1 ? 0 : ret;
		}
		if (client->in_shm)
			ret = bc_client_shm_recv(
				client, message,
				bc_client_left_ms(deadline_ns));
		else
			ret = bc_client_tcp_recv(client, message, deadline_ns);
	} while (goes_on(client, ret));
	if (ret == 0)
		(void)bc_client_fd_arm(client);
	return ret;
}

int bcast_client_nodes(struct bcast_client *client,
		       struct bcast_node_entry *entries, int max,
		       int timeout_ms)
{
	if (max < 0)
		return -EINVAL;
	if (is_lost(client))
		return -ENOTCONN;
	if (client->in_shm)
		return bc_client_shm_nodes(client, entries, max);
	if (!bc_client_has(client, BCAST_CLIENT_NODE))
		return -EOPNOTSUPP;
	return bc_client_tcp_nodes(client, entries, max, timeout_ms);
}

int bcast_client_ping(struct bcast_client *client, int timeout_ms,
		      uint64_t *round_trip_ns)
{
	if (client->in_shm || client->address.shm)
		return -EOPNOTSUPP;
	return bc_client_tcp_ping(client, timeout_ms, round_trip_ns);
}

/* ---- Asking ------------------------------------------------------------ */

int bcast_client_door(const struct bcast_client *client)
{
	if (client->in_shm)
		return BCAST_DOOR_SHM;
	if (client->down.state == BC_LINK_UP || client->up.state == BC_LINK_UP)
		return BCAST_DOOR_TCP;
	return BCAST_DOOR_NONE;
}

const char *bcast_client_why_tcp(const struct bcast_client *client)
{
	return client->in_shm ? "" : client->why_tcp;
}

struct bcast_client_refusal bcast_client_refusal(
	const struct bcast_client *client)
{
	return client->refusal;
}

struct bcast_client_gap bcast_client_gap(const struct bcast_client *client)
{
	return client->gap;
}

struct bcast_client_place bcast_client_position(
	const struct bcast_client *client)
{
	return client->place;
}

struct bcast_client_stats bcast_client_stats(const struct bcast_client *client)
{
	return client->stats;
}
