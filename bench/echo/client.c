/* SPDX-License-Identifier: MIT */
/*
 * client.c - one client of the load: packets out, the same packets back.
 *
 * All clients send from one packet and receive into one buffer, so that ten
 * thousand of them need no memory to speak of. The payload begins with the
 * packet's number and the client's; the rest is the same for all. Number,
 * client and length of every packet are checked, and every byte of every 16th.
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "socket.h"

#define TYPE_SEND   1u
#define TYPE_ECHO   2u
#define WHOLE_EVERY 16u /* a power of two */

static unsigned char buffer[BUFFER_BYTES];

uint64_t load_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t *begun_of(const struct load *load, const struct client *client,
			  uint64_t number)
{
	return &client->begun_ns[number % load->options.pipeline];
}

static size_t stamp_bytes(const struct load *load)
{
	return load->options.payload < STAMP_BYTES ? load->options.payload
						   : STAMP_BYTES;
}

/* Write the header and the stamp of a packet as it is to be. */
static void stamp(const struct load *load, const struct client *client,
		  uint64_t number, uint32_t type, unsigned char *packet)
{
	const uint32_t header[2] = {htonl(type),
				    htonl((uint32_t)load->options.payload)};
	const uint64_t text[2] = {number, (uint64_t)(client - load->clients)};

	memcpy(packet, header, HEADER_BYTES);
	memcpy(packet + HEADER_BYTES, text, stamp_bytes(load));
}

int client_open(struct load *load, unsigned index)
{
	struct client *client = &load->clients[index];
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
	const int on = 1;

	client->fd = socket_connect(load->options.address,
				    load->options.congestion, 0);
	if (client->fd < 0)
		return client->fd;
	client->begun_ns = load->times + (size_t)index * load->options.pipeline;
	stamp(load, client, 0, TYPE_ECHO, client->stamp);
	(void)setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, client->fd, &event) < 0)
		return -errno;
	return 0;
}

static int watch_writable(struct load *load, struct client *client, bool on)
{
	struct epoll_event event = {
		.events = EPOLLIN | (on ? EPOLLOUT : 0),
		.data.u32 = (uint32_t)(client - load->clients),
	};

	return epoll_ctl(load->epoll, EPOLL_CTL_MOD, client->fd, &event) < 0
		       ? -errno
		       : 0;
}

/* What is left of the packet with the highest number. */
static int send_rest(struct load *load, struct client *client)
{
	const bool waited = client->unsent < load->packet_bytes;
	ssize_t sent;

	stamp(load, client, client->sent - 1, TYPE_SEND, load->packet);
	sent = send(client->fd,
		    load->packet + load->packet_bytes - client->unsent,
		    client->unsent, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0 && errno != EAGAIN)
		return -errno;
	if (sent > 0)
		client->unsent -= (size_t)sent;
	if (client->unsent > 0)
		return watch_writable(load, client, true);
	return waited ? watch_writable(load, client, false) : 0;
}

int client_fill(struct load *load, struct client *client)
{
	int ret = 0;

	while (ret == 0 && client->unsent == 0 && !load->stopping &&
	       client->sent - client->received < load->options.pipeline) {
		*begun_of(load, client, client->sent) = load_now_ns();
		client->sent++;
		client->unsent = load->packet_bytes;
		ret = send_rest(load, client);
	}
	return ret;
}

static void on_packet(struct load *load, struct client *client, uint64_t now_ns)
{
	const uint64_t span_ns =
		now_ns - *begun_of(load, client, client->received);

	client->received++;
	client->have = 0;
	load->done++;
	if (load->counting)
		spans_add(&load->spans, span_ns);
	stamp(load, client, client->received, TYPE_ECHO, client->stamp);
}

static bool is_right(const struct load *load, const struct client *client,
		     const unsigned char *bytes, size_t size)
{
	const size_t head = HEADER_BYTES + stamp_bytes(load);
	size_t from = client->have, part = 0;

	if (from < head) {
		part = size < head - from ? size : head - from;
		if (memcmp(bytes, client->stamp + from, part) != 0)
			return false;
	}
	if (client->received % WHOLE_EVERY != 0)
		return true;
	return memcmp(bytes + part, load->packet + from + part, size - part) ==
	       0;
}

static int receive(struct load *load, struct client *client)
{
	ssize_t count = recv(client->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
	const uint64_t now_ns = load_now_ns();
	size_t at = 0;

	if (count < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (count == 0)
		return -ECONNRESET;
	while (at < (size_t)count) {
		size_t part = (size_t)count - at;

		if (client->received == client->sent)
			return -EPROTO; /* nobody has sent that */
		if (part > load->packet_bytes - client->have)
			part = load->packet_bytes - client->have;
		if (!is_right(load, client, buffer + at, part))
			load->wrong++;
		client->have += part;
		at += part;
		if (client->have == load->packet_bytes)
			on_packet(load, client, now_ns);
	}
	return 0;
}

int client_on_event(struct load *load, struct client *client, bool readable)
{
	int ret = readable ? receive(load, client) : 0;

	if (ret == 0 && client->unsent > 0)
		ret = send_rest(load, client);
	return ret == 0 ? client_fill(load, client) : ret;
}
