/* SPDX-License-Identifier: MIT */
/*
 * sub_copy.c - bcast-sub's work: from the client to standard output. See sub.h.
 *
 * Records are gathered in a buffer and written when it is full or nothing more
 * is there. In shared memory each is copied first and consumed after, which
 * says whether the copy is whole; only then it counts.
 *
 * The file of --resume says where to go on behind what write(2) has taken: at
 * most once a second, and at the end. So after SIGKILL the records since then
 * come again, and none is left out.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "progress.h"
#include "sub.h"

#define BUFFER_BYTES ((size_t)256 << 10)
#define SLICE_MS     100
#define SAVE_MS	     1000

struct sub {
	const struct sub_wish *wish;
	struct bcast_client *client;
	unsigned char *buffer;
	size_t room, used;
	uint64_t taken;			 /* records, also those in the buffer */
	struct bcast_client_place place; /* behind what was written */
	bool saved;			 /* the file says so */
	bool lost;			 /* something, at some time */
	uint64_t written;		 /* bytes */
	int64_t idle_since_ms, saved_ms;
	struct progress progress;
};

/* What a step came to: an exit code, or this. */
#define GO_ON (-1)

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- Standard output --------------------------------------------------- */

static int output_failed(void)
{
	if (errno == EPIPE)
		return EX_OK; /* whoever read our pipe has had enough */
	fprintf(stderr, SUB_PROGRAM ": standard output: %s\n", strerror(errno));
	return EX_IOERR;
}

static int write_all(struct sub *sub)
{
	size_t done = 0;

	while (done < sub->used) {
		struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
		ssize_t n = write(STDOUT_FILENO, sub->buffer + done,
				  sub->used - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno == EAGAIN)
			(void)poll(&out, 1, SLICE_MS); /* write(2) tells */
		else if (errno != EINTR)
			return output_failed();
		if (n < 0 && *sub->wish->interrupted)
			return EX_UNAVAILABLE;
	}
	sub->written += sub->used;
	sub->used = 0;
	return GO_ON;
}

static int save(struct sub *sub)
{
	if (!sub->wish->resume || sub->saved || sub->place.epoch == 0)
		return GO_ON;
	sub->saved_ms = now_ms();
	if (sub_place_write(sub->wish->resume, &sub->place) < 0)
		return EX_CANTCREAT;
	sub->saved = true;
	return GO_ON;
}

/* What is in the buffer is out; from here on it would go on there. */
static int flush(struct sub *sub)
{
	const struct bcast_client_place place =
		bcast_client_position(sub->client);
	int ret = write_all(sub);

	if (ret != GO_ON)
		return ret;
	if (memcmp(&place, &sub->place, sizeof(place)) != 0)
		sub->saved = false;
	sub->place = place;
	return now_ms() - sub->saved_ms >= SAVE_MS ? save(sub) : GO_ON;
}

/* ---- What may happen --------------------------------------------------- */

static int on_gap(struct sub *sub, int result)
{
	const struct bcast_client_gap gap = bcast_client_gap(sub->client);

	sub->lost = true;
	fprintf(stderr, SUB_PROGRAM ": %s: ", sub->wish->address);
	fprintf(stderr, result == -EBADMSG ? "damaged" : "lost");
	if (gap.records > 0)
		fprintf(stderr, " %" PRIu64 " records, %" PRIu64 " to %" PRIu64,
			gap.records, gap.from_sequence, gap.to_sequence - 1);
	else
		fprintf(stderr, " records");
	if (gap.bytes > 0)
		fprintf(stderr,
			", %" PRIu64 " bytes, positions %" PRIu64
			" to %" PRIu64,
			gap.bytes, gap.from, gap.to - 1);
	fprintf(stderr, "\n");
	return sub->wish->stop_on_loss ? EX_TEMPFAIL : GO_ON;
}

static int on_result(struct sub *sub, int result)
{
	const char *address = sub->wish->address;

	switch (result) {
	case BCAST_ELAPPED:
	case -EBADMSG:
		return on_gap(sub, result);
	case BCAST_EEPOCH:
		sub->lost = true;
		fprintf(stderr,
			SUB_PROGRAM ": %s: another stream is there now: it "
				    "begins with what is oldest there\n",
			address);
		return sub->wish->stop_on_loss ? EX_TEMPFAIL : GO_ON;
	case BCAST_ECLOSED:
		return EX_OK;
	case BCAST_EREFUSED:
		fprintf(stderr, SUB_PROGRAM ": %s: refused: %s\n", address,
			bcast_client_refusal(sub->client).text);
		return EX_UNAVAILABLE;
	case BCAST_EABANDONED:
		fprintf(stderr, SUB_PROGRAM ": %s: %s\n", address,
			bcast_strerror(result));
		return EX_UNAVAILABLE;
	case BCAST_EPROTO:
		fprintf(stderr, SUB_PROGRAM ": %s: %s\n", address,
			bcast_strerror(result));
		return EX_PROTOCOL;
	}
	fprintf(stderr, SUB_PROGRAM ": %s: %s\n", address,
		bcast_strerror(result));
	return EX_OSERR;
}

/* ---- Records ----------------------------------------------------------- */

static bool make_room(struct sub *sub, size_t size)
{
	size_t room = 2 * BUFFER_BYTES;
	unsigned char *buffer;

	if (size <= sub->room - sub->used)
		return true;
	while (room < sub->used + size)
		room *= 2;
	buffer = realloc(sub->buffer, room);
	if (!buffer)
		return false;
	sub->buffer = buffer;
	sub->room = room;
	return true;
}

/* What came before goes out before it is said. */
static int flush_and_tell(struct sub *sub, int result)
{
	int ret = flush(sub);

	return ret != GO_ON ? ret : on_result(sub, result);
}

static int take(struct sub *sub, const struct bcast_packet *packet)
{
	size_t size;
	int ret;

	if (!make_room(sub, sub_form_room(packet))) {
		fprintf(stderr, SUB_PROGRAM ": %s\n", strerror(ENOMEM));
		return EX_OSERR;
	}
	size = sub_form_put(sub->wish->form, packet, sub->buffer + sub->used);
	ret = bcast_client_consume(sub->client);
	if (ret < 0)
		return flush_and_tell(sub, ret);
	sub->used += size;
	sub->taken++;
	return sub->used >= BUFFER_BYTES ? flush(sub) : GO_ON;
}

static bool output_is_gone(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO};

	return poll(&out, 1, 0) == 1 && (out.revents & (POLLERR | POLLHUP));
}

static int on_nothing(struct sub *sub)
{
	const struct sub_wish *wish = sub->wish;

	if (wish->idle_ms >= 0 &&
	    now_ms() - sub->idle_since_ms >= wish->idle_ms)
		return wish->count == UINT64_MAX ? EX_OK : EX_TEMPFAIL;
	return output_is_gone() ? EX_OK : GO_ON;
}

static int slice_ms(const struct sub *sub)
{
	int64_t left_ms;

	if (sub->wish->idle_ms < 0)
		return SLICE_MS;
	left_ms = sub->idle_since_ms + sub->wish->idle_ms - now_ms();
	if (left_ms < 0)
		return 0;
	return left_ms < SLICE_MS ? (int)left_ms : SLICE_MS;
}

static void show_progress(struct sub *sub)
{
	if (sub->wish->progress)
		progress_show(&sub->progress, sub->taken, sub->written,
			      bcast_client_position(sub->client).position);
}

/* One record; or, if there is none, what there was goes out, and a wait. */
static int step(struct sub *sub)
{
	struct bcast_packet packet;
	int ret;

	if (*sub->wish->interrupted)
		return EX_UNAVAILABLE;
	if (sub->taken >= sub->wish->count)
		return EX_OK;
	ret = bcast_client_next(sub->client, &packet, 0);
	if (ret == 0) {
		ret = flush(sub);
		if (ret != GO_ON)
			return ret;
		ret = bcast_client_next(sub->client, &packet, slice_ms(sub));
	}
	show_progress(sub);
	if (ret == 0)
		return on_nothing(sub);
	sub->idle_since_ms = now_ms();
	if (ret == 1)
		return take(sub, &packet);
	return flush_and_tell(sub, ret);
}

int sub_copy(const struct sub_wish *wish, struct bcast_client *client)
{
	struct sub sub = {
		.wish = wish,
		.client = client,
		.idle_since_ms = now_ms(),
		.saved_ms = now_ms(),
		.progress = {SUB_PROGRAM, "records", 0},
	};
	int code, ret;

	do
		code = step(&sub);
	while (code == GO_ON);
	ret = code == EX_IOERR ? GO_ON : flush(&sub);
	if (ret == GO_ON)
		ret = save(&sub);
	free(sub.buffer);
	if (ret != GO_ON && code == EX_OK)
		code = ret;
	return code == EX_OK && sub.lost ? EX_TEMPFAIL : code;
}
