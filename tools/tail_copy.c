/* SPDX-License-Identifier: MIT */
/*
 * tail_copy.c - see tail_copy.h.
 *
 * Bytes given to standard output cannot be taken back, and a slow standard
 * output is just what gets a reader lapped. So a piece is first copied out of
 * the ring by bcast_read(), which checks after the copy that it was whole, and
 * written from the copy. Rejected: write(2) straight from the ring, one copy
 * less, where a lap is noticed only after torn bytes have left. What comes out
 * is therefore always a sequence of intact pieces, and what is missing between
 * two of them is told with exact positions.
 *
 * Waiting is done in slices, after which the signals, the idle time and the
 * reader of our pipe are looked at: the library resumes a wait after a signal.
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

#include "tail_copy.h"

#define PIECE_BYTES (256 * 1024)
#define SLICE_MS    100
/* glibc copies fast only to destinations that are so aligned */
#define ALIGNMENT 64

/* What a step of the work came to. */
enum step {
	STEP_GO_ON,
	STEP_END,     /* as asked for: all is well */
	STEP_SHORT,   /* ended before all that was asked for */
	STEP_GONE,    /* the daemon died */
	STEP_DAMAGED, /* shared memory cannot be right */
	STEP_OUTPUT,  /* standard output failed */
};

struct tail {
	const struct tail_wish *wish;
	struct bcast_reader *reader;
	unsigned char *buffer;
	size_t room;	    /* of it */
	uint64_t stop_at;   /* position; UINT64_MAX: follow */
	uint64_t written;   /* bytes */
	uint64_t unwritten; /* bytes of the last piece that were not written */
	bool packets;
	bool begun;		 /* it has found its place in the stream */
	uint64_t forgiven_bytes; /* passed over before that */
	uint64_t forgiven_packets;
	uint64_t forgiven_laps;
	int64_t idle_since_ms;
};

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool interrupted(const struct tail *tail)
{
	return *tail->wish->interrupted != 0;
}

/* ---- Standard output --------------------------------------------------- */

static enum step output_failed(const struct tail *tail)
{
	/* whoever read our pipe has had enough: an end like any other */
	if (errno == EPIPE)
		return STEP_END;
	fprintf(stderr, "%s: standard output: %s\n", tail->wish->program,
		strerror(errno));
	return STEP_OUTPUT;
}

/* Somebody else may have made our standard output non-blocking. */
static void wait_for_room(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};

	(void)poll(&out, 1, SLICE_MS); /* the next write tells */
}

static enum step write_piece(struct tail *tail, size_t size)
{
	const unsigned char *from = tail->buffer;

	tail->unwritten = size;
	while (tail->unwritten > 0) {
		ssize_t n = write(STDOUT_FILENO, from, tail->unwritten);

		if (n >= 0) {
			from += n;
			tail->written += (uint64_t)n;
			tail->unwritten -= (uint64_t)n;
			continue;
		}
		if (errno == EAGAIN)
			wait_for_room();
		else if (errno != EINTR)
			return output_failed(tail);
		if (interrupted(tail))
			return STEP_END;
	}
	return STEP_GO_ON;
}

/* An idle stream must not keep us from noticing that nobody reads us. */
static bool output_is_gone(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO};

	return poll(&out, 1, 0) == 1 && (out.revents & (POLLERR | POLLHUP));
}

/* ---- The ring ---------------------------------------------------------- */

static enum step on_lapped(struct tail *tail)
{
	const struct tail_wish *wish = tail->wish;
	struct bcast_loss loss = bcast_loss(tail->reader);

	/* what was the oldest byte when we asked may be gone when we read it */
	if (wish->from == BCAST_FROM_OLDEST && !tail->begun) {
		tail->forgiven_bytes += loss.bytes;
		tail->forgiven_packets += loss.packets;
		tail->forgiven_laps++;
		return STEP_GO_ON;
	}
	fprintf(stderr,
		"%s: lapped: lost %" PRIu64 " bytes, positions %" PRIu64
		" to %" PRIu64 "%s\n",
		wish->program, loss.bytes, loss.from, loss.to - 1,
		wish->stop_on_loss ? "" : ", going on after them");
	if (loss.packets > 0)
		fprintf(stderr, "%s: lapped: lost %" PRIu64 " records\n",
			wish->program, loss.packets);
	return wish->stop_on_loss ? STEP_SHORT : STEP_GO_ON;
}

/* What a negative result of the library means for us. */
static enum step on_result(struct tail *tail, int result)
{
	const struct tail_wish *wish = tail->wish;

	switch (result) {
	case BCAST_ELAPPED:
		return on_lapped(tail);
	case BCAST_ECLOSED:
		return STEP_END;
	case BCAST_EABANDONED:
		fprintf(stderr,
			"%s: stream '%s': its daemon died at position %" PRIu64
			"; start it again with: bcastd --name %s\n",
			wish->program, wish->name, bcast_position(tail->reader),
			wish->name);
		return STEP_GONE;
	}
	fprintf(stderr, "%s: stream '%s': %s\n", wish->program, wish->name,
		bcast_strerror(result));
	return STEP_DAMAGED;
}

static enum step on_nothing_yet(const struct tail *tail)
{
	const struct tail_wish *wish = tail->wish;
	int64_t idle_ms = now_ms() - tail->idle_since_ms;

	if (wish->idle_timeout_ms >= 0 && idle_ms >= wish->idle_timeout_ms)
		return wish->bytes_max == UINT64_MAX ? STEP_END : STEP_SHORT;
	return output_is_gone() ? STEP_END : STEP_GO_ON;
}

static int slice_ms(const struct tail *tail)
{
	int64_t left_ms;

	if (tail->wish->idle_timeout_ms < 0)
		return SLICE_MS;
	left_ms = tail->idle_since_ms + tail->wish->idle_timeout_ms - now_ms();
	if (left_ms < 0)
		return 0;
	return left_ms < SLICE_MS ? (int)left_ms : SLICE_MS;
}

static enum step wait_step(struct tail *tail)
{
	int ret = bcast_wait(tail->reader, slice_ms(tail));

	if (ret < 0)
		return on_result(tail, ret);
	return ret == 0 ? on_nothing_yet(tail) : STEP_GO_ON;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Records in another form than theirs. */
static enum step gather_step(struct tail *tail, uint64_t wanted)
{
	size_t size;
	int ret = tail_packet_gather(tail->reader, tail->wish->form,
				     tail->stop_at, tail->buffer, tail->room,
				     &size);
	enum step result = write_piece(tail, min_u64(size, wanted));

	tail->begun |= ret >= 0 || size > 0;
	/* positions do not count what we write */
	tail->unwritten = 0;
	if (result != STEP_GO_ON)
		return result;
	if (ret < 0)
		return on_result(tail, ret);
	return ret == 0 ? wait_step(tail) : STEP_GO_ON;
}

/* The ring's bytes. Of packets only whole ones are read, to be cut here. */
static enum step copy_step(struct tail *tail, uint64_t wanted)
{
	uint64_t left = tail->stop_at - bcast_position(tail->reader);
	uint64_t room = min_u64(left, tail->room);
	enum step result;
	int64_t n;

	if (!tail->packets)
		room = min_u64(room, wanted);
	n = bcast_read(tail->reader, tail->buffer, room);
	if (n < 0)
		return on_result(tail, (int)n);
	tail->begun = true;
	if (n == 0)
		return wait_step(tail);
	result = write_piece(tail, min_u64((uint64_t)n, wanted));
	if ((uint64_t)n > wanted)
		tail->unwritten += (uint64_t)n - wanted;
	return result;
}

static enum step step(struct tail *tail)
{
	uint64_t position = bcast_position(tail->reader);
	uint64_t wanted = tail->wish->bytes_max - tail->written;
	enum step result;

	if (wanted == 0 || position >= tail->stop_at || interrupted(tail))
		return STEP_END;
	result = tail->wish->form == TAIL_FORM_ALL ? copy_step(tail, wanted)
						   : gather_step(tail, wanted);
	/* the time that standard output takes is not the stream's */
	if (tail->wish->idle_timeout_ms >= 0 &&
	    bcast_position(tail->reader) != position)
		tail->idle_since_ms = now_ms();
	return result;
}

/* ---- The end ----------------------------------------------------------- */

static void print_stats(const struct tail *tail)
{
	struct bcast_reader_stats stats = bcast_reader_stats(tail->reader);

	fprintf(stderr,
		"{\"bytes\":%" PRIu64 ",\"epoch\":\"0x%016" PRIx64
		"\",\"position\":%" PRIu64 ",\"laps\":%" PRIu64
		",\"lost_bytes\":%" PRIu64 ",\"lost_packets\":%" PRIu64
		",\"waits\":%" PRIu64 ",\"parks\":%" PRIu64
		",\"latency_count\":%" PRIu64 ",\"latency_p50_ns\":%" PRIu64
		",\"latency_p90_ns\":%" PRIu64 ",\"latency_p99_ns\":%" PRIu64
		",\"latency_p999_ns\":%" PRIu64 ",\"latency_max_ns\":%" PRIu64
		"}\n",
		tail->written, bcast_epoch(tail->reader),
		bcast_position(tail->reader) - tail->unwritten,
		stats.laps - tail->forgiven_laps,
		stats.lost_bytes - tail->forgiven_bytes,
		bcast_loss(tail->reader).total_packets - tail->forgiven_packets,
		stats.waits, stats.parks, stats.latency_count,
		stats.latency_p50_ns, stats.latency_p90_ns,
		stats.latency_p99_ns, stats.latency_p999_ns,
		stats.latency_max_ns);
}

static int exit_code(const struct tail *tail, enum step last)
{
	switch (last) {
	case STEP_GONE:
		return EX_UNAVAILABLE;
	case STEP_DAMAGED:
		return EX_PROTOCOL;
	case STEP_OUTPUT:
		return EX_IOERR;
	case STEP_SHORT:
		return EX_TEMPFAIL;
	case STEP_GO_ON:
	case STEP_END:
		break;
	}
	return bcast_loss(tail->reader).laps > tail->forgiven_laps ? EX_TEMPFAIL
								   : EX_OK;
}

/* Where the stream is now: with a publisher, that may be beyond its tail. */
static uint64_t live_end(const struct tail *tail)
{
	uint64_t end = bcast_position(tail->reader) + bcast_lag(tail->reader);
	struct bcast_reader *other;

	if (bcast_attach(tail->wish->name, NULL, &other) < 0)
		return end;
	if (bcast_epoch(other) == bcast_epoch(tail->reader) &&
	    bcast_position(other) > end)
		end = bcast_position(other);
	bcast_detach(other);
	return end;
}

/* Room for a piece, and for the largest record. */
static int prepare(struct tail *tail)
{
	uint64_t capacity = bcast_capacity(tail->reader);
	uint64_t record = BCAST_PAYLOAD_MAX + TAIL_PACKET_ROOM(0);

	tail->packets = tail_packet_format(tail->wish->name);
	if (!tail->packets && tail->wish->form != TAIL_FORM_ALL) {
		fprintf(stderr,
			"%s: stream '%s' is of bytes, not of packets: leave "
			"out --payload, --lines and --headers\n",
			tail->wish->program, tail->wish->name);
		return EX_USAGE;
	}
	tail->room = PIECE_BYTES;
	if (tail->packets)
		tail->room += min_u64(record, TAIL_PACKET_ROOM(capacity)) /
			      ALIGNMENT * ALIGNMENT;
	/* touched only as far as records are long */
	tail->buffer = aligned_alloc(ALIGNMENT, tail->room);
	if (tail->buffer)
		return EX_OK;
	fprintf(stderr, "%s: %s\n", tail->wish->program, strerror(ENOMEM));
	return EX_OSERR;
}

int tail_copy(const struct tail_wish *wish, struct bcast_reader *reader)
{
	struct tail tail = {
		.wish = wish,
		.reader = reader,
		.stop_at = UINT64_MAX,
		.idle_since_ms = now_ms(),
	};
	enum step last;
	int code = prepare(&tail);

	if (code != EX_OK)
		return code;
	if (!wish->follow)
		tail.stop_at = live_end(&tail);
	do
		last = step(&tail);
	while (last == STEP_GO_ON);
	if (wish->stats)
		print_stats(&tail);
	free(tail.buffer);
	return exit_code(&tail, last);
}
