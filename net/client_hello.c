/* SPDX-License-Identifier: MIT */
/*
 * client_hello.c - a connection's life: connect, HELLO, WELCOME, and when it
 * breaks, all over again.
 *
 *	OFF -> IDLE -> CONNECTING -> HELLO -> WELCOMED -> UP
 *	        ^___________|__________|_________|_________|   bc_client_link_fail
 *	ENDED  <- from anywhere                                bc_client_link_end
 *
 * Nothing here waits: bc_client_link_work() does what can be done and says when
 * it wants to be called again. What WELCOME means for records and windows is
 * client_tcp.c's business, which makes UP of WELCOMED.
 *
 * All addresses of a name are tried one after the other, then there is a pause.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/client_parts.h"
#include "shm/clock.h"

#define SETTLED_NS	  ((uint64_t)BC_NS_PER_S) /* up for so long: all was well */
#define BEATS_PER_TIMEOUT 3u

void bc_client_link_init(struct bc_client_link *link,
			 struct bcast_client *client)
{
	*link = (struct bc_client_link){.client = client, .fd = -1};
}

static void drop_connection(struct bc_client_link *link)
{
	bc_client_fd_forget(link);
	if (link->fd >= 0)
		(void)close(link->fd);
	link->fd = -1;
	link->mute = false;
	link->in.begin = link->in.end = 0;
	link->out.begin = link->out.end = 0;
}

void bc_client_link_fini(struct bc_client_link *link)
{
	drop_connection(link);
	bc_client_bytes_free(&link->in);
	bc_client_bytes_free(&link->out);
	link->state = BC_LINK_OFF;
}

void bc_client_link_begin(struct bc_client_link *link, uint32_t roles)
{
	drop_connection(link);
	link->roles = roles;
	link->state = BC_LINK_IDLE;
	link->result = 0;
	link->rounds = 0;
	link->next_try_ns = 0;
	link->lost_since_ns = 0;
	link->broken_since_ns = bc_client_now();
}

/* ---- It is over -------------------------------------------------------- */

/*
 * An eighth of how long it has been broken: a daemon that is back is found
 * after little more than the time that it was away. Less a random quarter, so
 * that a thousand clients do not come at once.
 */
static uint64_t pause_ns(struct bc_client_link *link, uint64_t now_ns)
{
	uint64_t *random = &link->client->random;
	uint64_t pause = (now_ns - link->broken_since_ns) / 8;

	*random = *random * UINT64_C(6364136223846793005) +
		  UINT64_C(1442695040888963407);
	if (pause < BC_CLIENT_BACKOFF_MIN)
		pause = BC_CLIENT_BACKOFF_MIN;
	if (pause > BC_CLIENT_BACKOFF_MAX)
		pause = BC_CLIENT_BACKOFF_MAX;
	return pause - (*random >> 33) % (pause / 4);
}

static int result_of(int result)
{
	return result == -EPROTO || result == -EMSGSIZE ? BCAST_EPROTO : result;
}

static bool was_up(const struct bc_client_link *link)
{
	return link->state == BC_LINK_UP || link->state == BC_LINK_WELCOMED;
}

void bc_client_link_end(struct bc_client_link *link, int result,
			const char *text)
{
	bool lost = was_up(link);

	drop_connection(link);
	link->client->happened++;
	link->state = BC_LINK_ENDED;
	link->result = result;
	if (lost)
		bc_client_tell(link->client, BCAST_CLIENT_DISCONNECTED,
			       link->roles, result, text);
}

static void lose(struct bc_client_link *link, uint64_t now_ns, const char *text)
{
	/* one that breaks at once has been broken all the time */
	if (now_ns - link->up_since_ns >= SETTLED_NS)
		link->broken_since_ns = now_ns;
	link->lost_since_ns = now_ns;
	link->next_try_ns = now_ns + pause_ns(link, now_ns);
	link->address_next = 0;
	bc_client_tell(link->client, BCAST_CLIENT_DISCONNECTED, link->roles,
		       link->result, text);
}

static void miss(struct bc_client_link *link, uint64_t now_ns, const char *text)
{
	link->next_try_ns = now_ns;
	if (link->address_next >= link->address_count) {
		link->rounds++;
		link->address_count = link->address_next = 0;
		link->next_try_ns = now_ns + pause_ns(link, now_ns);
	}
	bc_client_tell(link->client, BCAST_CLIENT_TRY_FAILED, link->roles,
		       link->result, text);
}

void bc_client_link_fail(struct bc_client_link *link, int result,
			 const char *text)
{
	uint64_t now_ns = bc_client_now();
	bool lost = was_up(link);

	if (lost && bc_client_flag(link->client, BCAST_CLIENT_NO_RECONNECT)) {
		result = result_of(result);
		bc_client_link_end(link,
				   result == BCAST_EPROTO ? BCAST_EPROTO
							  : BCAST_EABANDONED,
				   text);
		return;
	}
	drop_connection(link);
	link->client->happened++;
	link->state = BC_LINK_IDLE;
	link->result = result_of(result);
	if (lost)
		lose(link, now_ns, text);
	else
		miss(link, now_ns, text);
}

/* What may be otherwise another time, whatever retry_after_ms says. */
static bool may_pass(const struct bc_reject *reject)
{
	switch (reject->code) {
	case BCAST_REJECT_BUSY:
	case BCAST_REJECT_LIMIT:
	case BCAST_REJECT_TIMEOUT:
	case BCAST_REJECT_ENDING:
	case BCAST_REJECT_SLOW:
		return true;
	}
	return reject->retry_after_ms != 0;
}

void bc_client_link_rejected(struct bc_client_link *link,
			     const struct bc_client_record *record)
{
	const struct bc_packet_frame frame = {record->header, record->payload};
	struct bcast_client *client = link->client;
	struct bc_reject reject;
	uint64_t until_ns;

	if (bc_reject_read(&frame, &reject) < 0) {
		bc_client_link_fail(link, -EPROTO, "a REJECT that is none");
		return;
	}
	bc_client_refuse(client, reject.code, reject.retry_after_ms,
			 reject.text);
	if (!may_pass(&reject)) {
		bc_client_link_end(link, BCAST_EREFUSED, client->refusal.text);
		return;
	}
	bc_client_link_fail(link, BCAST_EREFUSED, client->refusal.text);
	until_ns = bc_client_now() +
		   reject.retry_after_ms * (uint64_t)BC_NS_PER_MS;
	if (link->next_try_ns < until_ns)
		link->next_try_ns = until_ns;
}

/* ---- Connect ----------------------------------------------------------- */

static int resolve(struct bc_client_link *link)
{
	int count = bc_sockaddr_parse(link->client->address.text,
				      link->addresses, BC_CLIENT_ADDRESSES);

	if (count <= 0) {
		link->address_count = link->address_next = 0;
		bc_client_link_fail(link, -EHOSTUNREACH,
				    bc_sockaddr_strerror(count));
		return -EHOSTUNREACH;
	}
	link->address_count = (unsigned)count;
	link->address_next = 0;
	return 0;
}

static int connect_to(struct bc_client_link *link,
		      const struct bc_sockaddr *address)
{
	const int on = 1;
	int fd = socket(address->storage.ss_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	link->fd = fd;
	if (!bc_sockaddr_is_unix(address))
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (const struct sockaddr *)&address->storage,
		    address->length) == 0 ||
	    errno == EINPROGRESS)
		return 0;
	return -errno;
}

static void try_connect(struct bc_client_link *link, uint64_t now_ns)
{
	int ret;

	if (link->address_next >= link->address_count && resolve(link) < 0)
		return;
	link->attempt_until_ns = now_ns + BC_CLIENT_ATTEMPT_NS;
	ret = connect_to(link, &link->addresses[link->address_next++]);
	link->state = BC_LINK_CONNECTING;
	if (ret < 0)
		bc_client_link_fail(link, ret, bcast_strerror(ret));
}

/* ---- HELLO ------------------------------------------------------------- */

/* Whose only purpose it is to ask whether the stream is on this machine. */
static bool is_scout(const struct bc_client_link *link)
{
	return link == &link->client->up && link->client->undecided;
}

static void hello_subscriber(const struct bcast_client *client,
			     struct bc_hello *hello)
{
	const struct bc_client_start start = bc_client_start(client);
	uint32_t key_size = client->options.key_size;

	hello->fixed.from = start.from;
	hello->fixed.policy = (uint16_t)client->options.policy;
	hello->fixed.epoch = start.epoch;
	hello->fixed.position = start.position;
	hello->fixed.sequence = start.sequence;
	hello->fixed.time_ns = start.time_ns;
	hello->fixed.key_length = (uint16_t)key_size;
	memcpy(hello->key, client->key, key_size);
}

static void say_hello(struct bc_client_link *link)
{
	const struct bcast_client *client = link->client;
	struct bc_hello hello = {
		.fixed.roles = link->roles,
		.fixed.heartbeat_ms = client->options.heartbeat_ms,
	};
	int ret;

	if ((link->roles & BCAST_CLIENT_SUBSCRIBE) && !is_scout(link))
		hello_subscriber(client, &hello);
	/* a node that comes again takes the place of its dead connection */
	if (link->roles & (BCAST_CLIENT_PUBLISH | BCAST_CLIENT_NODE))
		hello.fixed.publisher_id = client->publisher_id;
	if ((link->roles & BCAST_CLIENT_PUBLISH) &&
	    bc_client_flag(client, BCAST_CLIENT_CHECKSUM))
		hello.fixed.wants |= BCAST_FEATURE_CHECKSUM;
	if (link->roles & BCAST_CLIENT_NODE)
		snprintf(hello.id, sizeof(hello.id), "%s", client->id);
	ret = bc_client_bytes_reserve(&link->out, BC_HELLO_FRAME_MAX);
	if (ret == 0) {
		link->out.end += bc_hello_write(link->out.at, &hello);
		link->state = BC_LINK_HELLO;
		/* nothing of the stream comes before WELCOME */
		link->count = (struct bc_client_count){.limits.message_max = 0};
		bc_client_link_send(link);
	}
	if (ret < 0)
		bc_client_link_fail(link, ret, bcast_strerror(ret));
}

static void on_connected(struct bc_client_link *link)
{
	struct pollfd out = {.fd = link->fd, .events = POLLOUT};
	socklen_t length = sizeof(int);
	int error = 0;

	if (poll(&out, 1, 0) <= 0)
		return;
	if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		error = errno;
	if (error != 0)
		bc_client_link_fail(link, -error, bcast_strerror(-error));
	else
		say_hello(link);
}

/* ---- WELCOME ----------------------------------------------------------- */

static uint32_t at_least(uint32_t value, uint32_t least)
{
	return value > least ? value : least;
}

static void note_welcome(struct bc_client_link *link)
{
	const struct bcast_welcome *fixed = &link->welcome.fixed;
	uint64_t beat_ms = link->client->options.heartbeat_ms;
	uint32_t timeout_ms = fixed->idle_timeout_ms;

	if (timeout_ms != 0 && beat_ms > timeout_ms / BEATS_PER_TIMEOUT)
		beat_ms = timeout_ms / BEATS_PER_TIMEOUT;
	link->beat_ns = (beat_ms > 0 ? beat_ms : 1) * (uint64_t)BC_NS_PER_MS;
	link->up_since_ns = link->heard_ns = bc_client_now();
	link->lost_since_ns = 0;
	link->state = BC_LINK_WELCOMED;
	link->count.limits.message_max =
		at_least(fixed->message_max, UINT16_MAX) + BCAST_NODE_ID_MAX;
}

static void on_first_record(struct bc_client_link *link,
			    const struct bc_client_record *record)
{
	const struct bc_packet_frame frame = {record->header, record->payload};

	if (record->header.type == BCAST_PACKET_REJECT) {
		bc_client_link_rejected(link, record);
		return;
	}
	if (bc_welcome_read(&frame, &link->welcome) < 0 ||
	    (link->welcome.fixed.roles & link->roles) != link->roles) {
		bc_client_link_fail(link, -EPROTO, "no WELCOME came first");
		return;
	}
	note_welcome(link);
}

static void await_welcome(struct bc_client_link *link)
{
	struct bc_client_record record;
	int ret;

	bc_client_link_send(link);
	ret = bc_client_link_next(link, &record);
	if (ret < 0)
		bc_client_link_fail(link, ret, bcast_strerror(ret));
	else if (ret == 1)
		on_first_record(link, &record);
}

/* ---- Signs of life ----------------------------------------------------- */

static int say_beat(struct bc_client_link *link)
{
	const struct bcast_client_place *place = &link->client->place;
	const struct bcast_heartbeat beat = {place->position, place->sequence};
	const struct bcast_packet_header header = {
		.length = sizeof(beat),
		.type = BCAST_PACKET_HEARTBEAT,
	};

	/* what could not be sent yet is sign enough, once it can be */
	if (link->out.end > link->out.begin)
		return 0;
	return bc_client_link_say(link, &header, &beat);
}

/* Who was away for long finds what has come meanwhile. */
static bool has_come(struct bc_client_link *link)
{
	char byte;

	return recv(link->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
	       errno != EAGAIN;
}

static uint64_t look_after(struct bc_client_link *link, uint64_t now_ns)
{
	uint64_t idle_ns =
		link->client->options.idle_timeout_ms * (uint64_t)BC_NS_PER_MS;
	int ret = 0;

	if (now_ns >= link->heard_ns + idle_ns) {
		if (!has_come(link)) {
			bc_client_link_fail(link, -ETIMEDOUT,
					    "the daemon is silent");
			return 0;
		}
		link->heard_ns = now_ns;
	}
	if (now_ns >= link->said_ns + link->beat_ns) {
		ret = say_beat(link);
		link->said_ns = now_ns;
	}
	if (ret < 0) {
		bc_client_link_fail(link, ret, bcast_strerror(ret));
		return 0;
	}
	bc_client_link_send(link);
	return link->said_ns + link->beat_ns < link->heard_ns + idle_ns
		       ? link->said_ns + link->beat_ns
		       : link->heard_ns + idle_ns;
}

static uint64_t attempt(struct bc_client_link *link, uint64_t now_ns)
{
	if (link->state == BC_LINK_CONNECTING)
		on_connected(link);
	if (link->state == BC_LINK_HELLO)
		await_welcome(link);
	if (link->state != BC_LINK_CONNECTING && link->state != BC_LINK_HELLO)
		return 0;
	if (now_ns < link->attempt_until_ns)
		return link->attempt_until_ns;
	bc_client_link_fail(link, -ETIMEDOUT, "no answer in time");
	return 0;
}

uint64_t bc_client_link_work(struct bc_client_link *link, uint64_t now_ns)
{
	switch (link->state) {
	case BC_LINK_OFF:
	case BC_LINK_ENDED:
		return UINT64_MAX;
	case BC_LINK_IDLE:
		if (now_ns < link->next_try_ns)
			return link->next_try_ns;
		try_connect(link, now_ns);
		return 0;
	case BC_LINK_CONNECTING:
	case BC_LINK_HELLO:
		return attempt(link, now_ns);
	case BC_LINK_WELCOMED:
		return 0;
	case BC_LINK_UP:
		return look_after(link, now_ns);
	}
	return UINT64_MAX;
}
