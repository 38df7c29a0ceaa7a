/* SPDX-License-Identifier: MIT */
/*
 * client_link.c - a connection's bytes, both ways.
 *
 * Down: recv(2) into one large buffer, from which records are used in place;
 * all are multiples of 32 bytes, and so stay aligned. What is moved is the
 * beginning of a record at the buffer's end, once, to its front. A record that
 * is larger than the buffer makes it grow, after its length has been judged.
 *
 * Up: control records from a buffer, published ones from the window, and never
 * one in the middle of another: whichever has been sent in part goes on first.
 *
 * Rejected: a thread that receives ahead. It would copy, or share a buffer by
 * locks, to hide a system call that brings a megabyte.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "net/client_parts.h"

#define PAGE		 4096u
#define UP_BUFFER	 ((size_t)64 << 10)
#define ANSWERS_MAX	 ((size_t)64 << 10)
#define RECEIVES_AT_ONCE 64 /* then others get their turn */

/* ---- Memory ------------------------------------------------------------ */

static int grow(struct bc_client_bytes *bytes, size_t room)
{
	size_t have = bytes->end - bytes->begin;
	void *at;

	room = (room + PAGE - 1) / PAGE * PAGE;
	if (posix_memalign(&at, PAGE, room) != 0)
		return -ENOMEM;
	if (have > 0)
		memcpy(at, bytes->at + bytes->begin, have);
	free(bytes->at);
	*bytes = (struct bc_client_bytes){at, room, 0, have};
	return 0;
}

static void move_to_front(struct bc_client_bytes *bytes)
{
	size_t have = bytes->end - bytes->begin;

	if (bytes->begin == 0)
		return;
	if (have > 0)
		memmove(bytes->at, bytes->at + bytes->begin, have);
	bytes->begin = 0;
	bytes->end = have;
}

int bc_client_bytes_reserve(struct bc_client_bytes *bytes, size_t size)
{
	size_t have = bytes->end - bytes->begin;
	size_t room = have + size;

	if (size <= bytes->room - bytes->end)
		return 0;
	if (room > bytes->room)
		return grow(bytes,
			    room > 2 * bytes->room ? room : 2 * bytes->room);
	move_to_front(bytes);
	return 0;
}

void bc_client_bytes_free(struct bc_client_bytes *bytes)
{
	free(bytes->at);
	*bytes = (struct bc_client_bytes){0};
}

/* ---- Down -------------------------------------------------------------- */

/* Room for the rest of the record, and for much behind it. */
static int make_room(struct bc_client_link *link, size_t need)
{
	struct bc_client_bytes *in = &link->in;
	size_t have = in->end - in->begin;

	if (in->room == 0)
		return grow(in, link == &link->client->down ? BC_CLIENT_BUFFER
							    : UP_BUFFER);
	if (have == 0)
		in->begin = in->end = 0;
	if (need > in->room)
		return grow(in, need);
	/* a short piece costs little to move, and a short recv(2) as much as a
	 * long one */
	if (in->room - in->begin < need ||
	    (in->room - in->end < in->room / 4 && have <= in->begin))
		move_to_front(in);
	return 0;
}

int64_t bc_client_link_receive(struct bc_client_link *link, size_t need)
{
	struct bc_client_bytes *in = &link->in;
	int ret = make_room(link, need);
	ssize_t n;

	if (ret < 0)
		return ret;
	do
		n = recv(link->fd, in->at + in->end, in->room - in->end,
			 MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return -ECONNRESET;
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	in->end += (size_t)n;
	link->heard_ns = bc_client_coarse();
	link->client->stats.receives++;
	return n;
}

int bc_client_link_next(struct bc_client_link *link,
			struct bc_client_record *record)
{
	struct bc_client_bytes *in = &link->in;

	for (unsigned i = 0; i < RECEIVES_AT_ONCE; i++) {
		int64_t n;
		int ret = bc_client_record_next(
			&link->count, in->at ? in->at + in->begin : NULL,
			in->end - in->begin, record);

		if (ret == 1)
			in->begin += record->size;
		if (ret != 0)
			return ret;
		n = bc_client_link_receive(link, record->size);
		if (n <= 0)
			return (int)n;
	}
	return 0;
}

/* ---- Up ---------------------------------------------------------------- */

int bc_client_link_say(struct bc_client_link *link,
		       const struct bcast_packet_header *header,
		       const void *payload)
{
	struct bc_client_bytes *out = &link->out;
	int ret =
		bc_client_bytes_reserve(out, bcast_packet_size(header->length));

	if (ret < 0)
		return ret;
	out->end += bc_packet_write(out->at + out->end, header, payload);
	return 0;
}

static bool has_window(const struct bc_client_link *link)
{
	return link->state == BC_LINK_UP &&
	       (link->roles & BCAST_CLIENT_PUBLISH) != 0;
}

bool bc_client_link_has_unsent(const struct bc_client_link *link)
{
	const struct bc_client_window *window = &link->client->window;

	if (link->mute)
		return false;
	if (link->out.end > link->out.begin)
		return true;
	return has_window(link) && window->end > window->sent;
}

/* Returns what was taken, 0 if there is no room, or -errno. */
static int64_t send_pieces(struct bc_client_link *link, struct iovec *pieces,
			   int count)
{
	struct msghdr message = {
		.msg_iov = pieces,
		.msg_iovlen = (size_t)count,
	};
	ssize_t n;

	do
		n = sendmsg(link->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == ENOBUFS ? 0 : -errno;
	link->said_ns = bc_client_coarse();
	link->client->stats.sends++;
	return n;
}

static int64_t send_out(struct bc_client_link *link)
{
	struct bc_client_bytes *out = &link->out;
	struct iovec piece = {
		.iov_base = out->at + out->begin,
		.iov_len = out->end - out->begin,
	};
	int64_t n = send_pieces(link, &piece, 1);

	if (n > 0)
		out->begin += (size_t)n;
	if (out->begin == out->end)
		out->begin = out->end = 0;
	return n;
}

/* Up to `most` bytes of the window. */
static int64_t send_window(struct bc_client_link *link, size_t most)
{
	struct bc_client_window *window = &link->client->window;
	struct iovec pieces[2];
	int count = bc_client_window_unsent(window, pieces);
	int64_t n;

	if (pieces[0].iov_len >= most) {
		pieces[0].iov_len = most;
		count = 1;
	} else if (count == 2 && pieces[1].iov_len > most - pieces[0].iov_len) {
		pieces[1].iov_len = most - pieces[0].iov_len;
	}
	n = send_pieces(link, pieces, count);
	if (n > 0)
		bc_client_window_was_sent(window, (size_t)n);
	return n;
}

/* The next send(2): see the head of this file. */
static int64_t send_some(struct bc_client_link *link)
{
	struct bc_client_window *window = &link->client->window;
	struct bc_client_bytes *out = &link->out;
	bool has_out = out->end > out->begin;
	size_t torn = 0;

	if (has_out && out->begin > 0)
		return send_out(link);
	if (has_out && has_window(link))
		torn = bc_client_window_torn(window);
	if (torn > 0)
		return send_window(link, torn);
	if (has_out)
		return send_out(link);
	return send_window(link, SIZE_MAX);
}

void bc_client_link_send(struct bc_client_link *link)
{
	int64_t n = 1;

	while (n > 0 && bc_client_link_has_unsent(link))
		n = send_some(link);
	/* what has come is there all the same, and may say why */
	if (n < 0)
		link->mute = true;
}

/* ---- Both -------------------------------------------------------------- */

void bc_client_link_answer(struct bc_client_link *link,
			   const struct bc_client_record *record)
{
	const struct bcast_packet_header pong = {
		.length = record->header.length,
		.type = BCAST_PACKET_PONG,
		.sequence = record->header.sequence,
	};
	struct bcast_heartbeat beat;

	if (record->header.type == BCAST_PACKET_PING &&
	    link->out.end - link->out.begin < ANSWERS_MAX)
		(void)bc_client_link_say(link, &pong, record->payload);
	if (record->header.type == BCAST_PACKET_HEARTBEAT &&
	    record->header.length >= sizeof(beat)) {
		memcpy(&beat, record->payload, sizeof(beat));
		link->client->stats.tail = beat.position;
	}
}
