/* SPDX-License-Identifier: MIT */
/*
 * client_tcp.c - the connections of a client together: which there are, what
 * WELCOME means, time, and waiting.
 *
 * A subscriber has the link `down`; who publishes or is a node has `up`. So
 * records that nobody has taken yet stand in no acknowledgement's way.
 *
 * HOST:PORT is undecided at first: one of the links asks, as a subscriber, and
 * by its WELCOME the stream is looked for on this machine.
 *
 * The record that was handed out last lies in the buffer of `down`. So this is
 * not connected again before that record is consumed, which is also what tells
 * HELLO the right position.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "net/client_parts.h"
#include "shm/clock.h"

#define UP_ROLES      (BCAST_CLIENT_PUBLISH | BCAST_CLIENT_NODE)
#define TURNS_AT_ONCE 16

struct bc_client_link *bc_client_tcp_up(struct bcast_client *client)
{
	return &client->up;
}

/* ---- Which links there are --------------------------------------------- */

static void begin_links(struct bcast_client *client)
{
	uint32_t roles = client->options.roles;

	if ((roles & BCAST_CLIENT_SUBSCRIBE) &&
	    client->down.state == BC_LINK_OFF)
		bc_client_link_begin(&client->down, BCAST_CLIENT_SUBSCRIBE);
	if ((roles & UP_ROLES) && client->up.state == BC_LINK_OFF)
		bc_client_link_begin(&client->up, roles & UP_ROLES);
}

static struct bc_client_link *scout_of(struct bcast_client *client)
{
	return bc_client_has(client, BCAST_CLIENT_SUBSCRIBE) ? &client->down
							     : &client->up;
}

void bc_client_tcp_begin(struct bcast_client *client)
{
	client->undecided =
		!client->address.tcp && client->options.publisher_id == 0;
	if (client->undecided)
		bc_client_link_begin(scout_of(client), BCAST_CLIENT_SUBSCRIBE);
	else
		begin_links(client);
}

/* ---- On this machine? -------------------------------------------------- */

static void say_why(struct bcast_client *client, const char *name, int result)
{
	const char *text = bcast_strerror(result);

	if (result == -ENOENT)
		text = "not on this machine";
	if (result == BCAST_EEPOCH)
		text = "the one of this machine is of another daemon";
	if (result == -EBUSY)
		text = "somebody else publishes";
	snprintf(client->why_tcp, sizeof(client->why_tcp),
		 "/dev/shm/bcast.%s: %s", name, text);
}

static bool is_here(struct bcast_client *client,
		    const struct bc_welcome *welcome)
{
	struct bc_client_start start;
	int ret;

	if (welcome->name[0] == '\0') {
		snprintf(client->why_tcp, sizeof(client->why_tcp),
			 "the daemon does not say which stream it is");
		return false;
	}
	start = bc_client_start(client);
	ret = bc_client_shm_open(client, welcome->name, welcome->fixed.epoch,
				 &start);
	if (ret < 0)
		say_why(client, welcome->name, ret);
	return ret == 0;
}

/* The scout is in: go on there, or stay. */
static void decide(struct bcast_client *client, struct bc_client_link *scout)
{
	bool reads = scout == &client->down;

	/* what is not known to be lost yet is not, at the oldest record */
	bool forgiving =
		client->pending == BCAST_EEPOCH ||
		(!client->placed && client->options.from == BCAST_START_OLDEST);

	if (reads && bc_client_welcome_down(client) < 0) {
		bc_client_link_fail(scout, -EPROTO,
				    "WELCOME has an impossible position");
		return;
	}
	client->undecided = false;
	if (is_here(client, &scout->welcome)) {
		client->forgiving = forgiving;
		client->why_tcp[0] = '\0';
		bc_client_link_fini(scout);
		return;
	}
	if (reads)
		scout->state = BC_LINK_UP;
	else
		bc_client_link_fini(scout);
	begin_links(client);
}

/* The daemon would not have a subscriber: then as what we are. */
static void give_up_scouting(struct bcast_client *client)
{
	snprintf(client->why_tcp, sizeof(client->why_tcp),
		 "the daemon did not say which stream it is: %s",
		 bcast_strerror(client->up.result));
	client->undecided = false;
	bc_client_link_fini(&client->up);
	begin_links(client);
}

/* ---- Work -------------------------------------------------------------- */

static void on_welcome(struct bcast_client *client, struct bc_client_link *link)
{
	int ret;

	client->happened++;
	if (client->undecided) {
		decide(client, link);
	} else {
		ret = link == &client->down ? bc_client_welcome_down(client)
					    : bc_client_welcome_up(client);
		if (ret < 0) {
			bc_client_link_fail(link, ret,
					    "WELCOME says what cannot be");
			return;
		}
		link->state = BC_LINK_UP;
	}
	if (link->state != BC_LINK_UP)
		return;
	client->stats.connects++;
	bc_client_tell(client, BCAST_CLIENT_CONNECTED, link->roles, 0,
		       client->address.text);
}

/* Until there is nothing left that is due. Returns when something will be. */
static uint64_t work_link(struct bcast_client *client,
			  struct bc_client_link *link)
{
	uint64_t due_ns = 0;

	for (unsigned i = 0; i < TURNS_AT_ONCE && due_ns == 0; i++) {
		if (client->last.size != 0 && link == &client->down &&
		    link->state != BC_LINK_UP)
			return UINT64_MAX;
		due_ns = bc_client_link_work(link, bc_client_now());
		if (link->state == BC_LINK_WELCOMED)
			on_welcome(client, link);
		if (client->in_shm)
			return UINT64_MAX;
	}
	return due_ns;
}

void bc_client_tcp_work(struct bcast_client *client)
{
	uint64_t down_ns = work_link(client, &client->down);
	uint64_t up_ns;

	if (client->in_shm)
		return;
	if (client->up.state == BC_LINK_UP)
		bc_client_up_read(client);
	up_ns = work_link(client, &client->up);
	if (client->undecided && client->up.state == BC_LINK_ENDED)
		give_up_scouting(client);
	client->work_due_ns = down_ns < up_ns ? down_ns : up_ns;
}

/* ---- Wait -------------------------------------------------------------- */

int bc_client_tcp_check(struct bc_client_link *link)
{
	int32_t give_up_ms = link->client->options.give_up_ms;
	uint64_t now_ns;

	if (link->state == BC_LINK_ENDED)
		return link->result;
	if (link->lost_since_ns == 0 || give_up_ms < 0)
		return 0;
	now_ns = bc_client_now();
	if (now_ns - link->lost_since_ns <
	    (uint64_t)give_up_ms * (uint64_t)BC_NS_PER_MS)
		return 0;
	link->lost_since_ns = now_ns; /* calling again tries again */
	return BCAST_EABANDONED;
}

/* For what this link may be waited; all of it for whom we wait. */
static struct pollfd events_of(const struct bc_client_link *link,
			       bool is_waited_for)
{
	const struct bcast_client *client = link->client;
	struct pollfd events = {.fd = link->fd};

	if (link->state == BC_LINK_CONNECTING)
		events.events = POLLOUT;
	if (link->state == BC_LINK_HELLO)
		events.events = POLLIN;
	if (link->state == BC_LINK_UP &&
	    (is_waited_for ||
	     (link == &client->up && !bc_client_mail_is_full(client))))
		events.events = POLLIN;
	if (link->state == BC_LINK_UP && bc_client_link_has_unsent(link))
		events.events |= POLLOUT;
	/* a broken one would be an event again and again */
	if (events.events == 0)
		events.fd = -1;
	return events;
}

static void sleep_until(struct bc_client_link *link, uint64_t until_ns)
{
	struct bcast_client *client = link->client;
	struct pollfd events[2] = {
		events_of(&client->down, link == &client->down),
		events_of(&client->up, link == &client->up),
	};
	uint64_t now_ns = bc_client_now();
	uint64_t ns = until_ns > now_ns ? until_ns - now_ns : 0;
	const struct timespec timeout = {
		.tv_sec = (time_t)(ns / (uint64_t)BC_NS_PER_S),
		.tv_nsec = (long)(ns % (uint64_t)BC_NS_PER_S),
	};

	(void)ppoll(events, 2, until_ns == UINT64_MAX ? NULL : &timeout, NULL);
}

static uint64_t give_up_at(const struct bc_client_link *link)
{
	int32_t give_up_ms = link->client->options.give_up_ms;

	if (link->lost_since_ns == 0 || give_up_ms < 0)
		return UINT64_MAX;
	return link->lost_since_ns +
	       (uint64_t)give_up_ms * (uint64_t)BC_NS_PER_MS;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

int bc_client_tcp_wait(struct bc_client_link *link, uint64_t deadline_ns)
{
	struct bcast_client *client = link->client;
	uint64_t happened = client->happened;
	uint64_t until_ns;
	int ret;

	bc_client_tcp_work(client);
	if (client->in_shm)
		return BC_CLIENT_AGAIN;
	ret = bc_client_tcp_check(link);
	if (ret < 0)
		return ret;
	/* what the caller waits for may have come with it */
	if (client->happened != happened)
		return 0;
	if (deadline_ns != UINT64_MAX && bc_client_now() >= deadline_ns)
		return 1;
	until_ns = sooner(deadline_ns, client->work_due_ns);
	sleep_until(link, sooner(until_ns, give_up_at(link)));
	return 0;
}
