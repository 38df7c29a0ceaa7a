/* SPDX-License-Identifier: MIT */
/*
 * pub_copy.c - bcast-pub's work: from files into the ring.
 *
 * Where the size of a publication is known before it is read, a local publisher
 * reads it straight into the ring (bcast_claim, read(2), bcast_commit): no copy
 * in user space. Lines are looked for in a buffer, and copied from there.
 *
 * Whatever has been published is seen at once by everybody; flushing, which
 * moves what statistics show, is done before each wait for more input.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "pub.h"

#define READ_BYTES	  ((size_t)256 << 10)
#define ROOM_SLICE_MS	  100
#define BURSTS_PER_SECOND 100

/*
 * What a step of the work came to: > 0 go on, 0 the file's end, else -EINTR, a
 * result of the library, -errno of the input, or an exit code that has been
 * explained.
 */
#define EXPLAINED(code) (-10000 - (code))

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- Pace -------------------------------------------------------------- */

/* `size` bytes have been published. Returns 1, or < 0. */
static int published(struct pub *pub, size_t size)
{
	uint64_t rest_ns, other_ns;
	int ret;

	pub->publications++;
	pub->bytes += size;
	if (pub->wish->progress)
		progress_show(&pub->progress, pub->publications, pub->bytes,
			      pub_door_position(pub));
	rest_ns = pub_pace_spend(&pub->bytes_pace, (double)size);
	other_ns = pub_pace_spend(&pub->publications_pace, 1);
	if (other_ns > rest_ns)
		rest_ns = other_ns;
	ret = pub_idle_rest(pub, rest_ns);
	if (ret == 0 && *pub->wish->interrupted)
		ret = -EINTR;
	return ret < 0 ? ret : 1;
}

/* ---- Room -------------------------------------------------------------- */

static int no_room(const struct pub *pub)
{
	fprintf(stderr,
		PUB_PROGRAM ": stream '%s': no room within %d ms: receivers "
			    "or gating readers have not taken what is in the "
			    "ring; see bcast-shmstat %s --receivers\n",
		pub->wish->name, pub->wish->wait_ms, pub->wish->name);
	return EXPLAINED(EX_TEMPFAIL);
}

/* There was no room for a slice of time. Returns 0 to try again, or < 0. */
static int wait_on(struct pub *pub, int64_t since_ms)
{
	const struct pub_wish *wish = pub->wish;

	if (wish->wait && wish->wait_ms >= 0 &&
	    now_ms() - since_ms >= wish->wait_ms)
		return no_room(pub);
	return pub_idle(pub);
}

static int claim(struct pub *pub, size_t size, void **data)
{
	int64_t since_ms = 0;
	int ret;

	for (;;) {
		ret = pub_door_claim(pub, size, data);
		if (ret != BCAST_EFULL)
			return ret;
		since_ms = since_ms ? since_ms : now_ms() - ROOM_SLICE_MS;
		ret = wait_on(pub, since_ms);
		if (ret < 0)
			return ret;
	}
}

/* The first `size` bytes of what was claimed. As a step, but that it is 0. */
static int commit(struct pub *pub, size_t size)
{
	int64_t since_ms = 0;
	int ret;

	for (;;) {
		ret = pub_door_commit(pub, size);
		if (ret != BCAST_EFULL)
			return ret;
		since_ms = since_ms ? since_ms : now_ms() - ROOM_SLICE_MS;
		ret = wait_on(pub, since_ms);
		if (ret < 0)
			return ret;
	}
}

/* Publish a copy. As a step. */
static int publish(struct pub *pub, const void *data, size_t size)
{
	void *room;
	int ret;

	ret = claim(pub, size, &room);
	if (ret < 0)
		return ret;
	memcpy(room, data, size);
	ret = commit(pub, size);
	return ret < 0 ? ret : published(pub, size);
}

/* ---- Cuts -------------------------------------------------------------- */

static int too_large(const struct pub *pub, const char *what, uint64_t size)
{
	fprintf(stderr,
		PUB_PROGRAM ": %s: %s %" PRIu64 " has %s%" PRIu64
			    " bytes; stream '%s' takes at most %zu at once: "
			    "cut it up, or start bcastd with a larger "
			    "--ring-size\n",
		pub->input.path, what, pub->publications + 1,
		size == UINT64_MAX ? "more than " : "",
		size == UINT64_MAX ? (uint64_t)pub->limit : size,
		pub->wish->name, pub->limit);
	return EXPLAINED(EX_DATAERR);
}

/* With a pace, no more at once than fits it. */
static size_t read_size(const struct pub *pub)
{
	size_t size = pub->limit < READ_BYTES ? pub->limit : READ_BYTES;
	double burst = pub->wish->bytes_per_second / BURSTS_PER_SECOND;

	if (burst >= (double)size || burst <= 0)
		return size;
	return burst > 1 ? (size_t)burst : 1;
}

/* No claim while we wait for the first byte. */
static int begin(struct pub *pub, size_t size, void **data)
{
	int ret = pub_input_wait(pub);

	return ret < 0 ? ret : claim(pub, size, data);
}

/* What there is, as soon as it is there. */
static int step_read(struct pub *pub)
{
	void *data = NULL;
	int64_t n;
	int ret = begin(pub, read_size(pub), &data);

	if (ret < 0)
		return ret;
	n = pub_input_read(pub, data, read_size(pub));
	if (n <= 0) {
		pub_door_abort(pub);
		return (int)n;
	}
	ret = commit(pub, (size_t)n);
	return ret < 0 ? ret : published(pub, (size_t)n);
}

static int step_block(struct pub *pub)
{
	size_t size = (size_t)pub->wish->block_bytes;
	void *data = NULL;
	int64_t n;
	int ret = begin(pub, size, &data);

	if (ret < 0)
		return ret;
	n = pub_input_fill(pub, data, size);
	if (n <= 0) {
		pub_door_abort(pub);
		return (int)n;
	}
	ret = commit(pub, (size_t)n);
	return ret < 0 ? ret : published(pub, (size_t)n);
}

static int step_whole(struct pub *pub)
{
	unsigned char beyond;
	void *data = NULL;
	int64_t n, more;
	int ret = begin(pub, pub->limit, &data);

	if (ret < 0)
		return ret;
	n = pub_input_fill(pub, data, pub->limit);
	more = n < 0 ? n : pub_input_read(pub, &beyond, 1);
	if (more != 0) {
		pub_door_abort(pub);
		return more < 0 ? (int)more
				: too_large(pub, "publication", UINT64_MAX);
	}
	ret = commit(pub, (size_t)n);
	/* nothing is a record, too, but not a byte */
	if (ret == 0 && (n > 0 || pub->packets))
		ret = published(pub, (size_t)n);
	return ret < 0 ? ret : 0;
}

static int long_key(const struct pub *pub)
{
	fprintf(stderr,
		PUB_PROGRAM ": %s: the key of line %" PRIu64
			    " has %zu bytes, and may have %d\n",
		pub->input.path, pub->publications + 1, pub->key_size,
		UINT16_MAX);
	return EXPLAINED(EX_DATAERR);
}

/* Takes the key off the front of a line, if there is one. Returns its rest. */
static const unsigned char *take_key(struct pub *pub, const unsigned char *line,
				     size_t *length)
{
	const unsigned char *end = memchr(line, pub->wish->key_ends, *length);

	pub->key = line;
	pub->key_size = end ? (size_t)(end - line) : 0;
	if (!end)
		return line;
	*length -= pub->key_size + 1;
	return end + 1;
}

/* The line is [begin, begin + length) and ends with a newline, or the file. */
static int publish_line(struct pub *pub, size_t length, bool newline)
{
	struct pub_input *input = &pub->input;
	const unsigned char *line = input->buffer + input->begin;
	/* a stream of bytes has no other mark between them */
	size_t size = length + (newline && !pub->packets);

	if (size > pub->limit)
		return too_large(pub, "line", size);
	input->begin += length + newline;
	if (pub->wish->key_ends)
		line = take_key(pub, line, &size);
	if (pub->key_size > UINT16_MAX)
		return long_key(pub);
	return publish(pub, line, size);
}

static int step_line(struct pub *pub)
{
	struct pub_input *input = &pub->input;
	size_t seen = 0;

	for (;;) {
		size_t have = input->end - input->begin;
		const unsigned char *line = input->buffer + input->begin;
		const unsigned char *newline =
			memchr(line + seen, '\n', have - seen);
		int64_t n;

		if (newline)
			return publish_line(pub, (size_t)(newline - line),
					    true);
		if (have > pub->limit)
			return too_large(pub, "line", UINT64_MAX);
		seen = have;
		n = pub_input_more(pub);
		if (n < 0)
			return (int)n;
		if (n == 0)
			return have ? publish_line(pub, have, false) : 0;
	}
}

/* Until so many bytes are in the buffer. Returns 1, 0 at an end, or < 0. */
static int need(struct pub *pub, size_t size)
{
	struct pub_input *input = &pub->input;

	while (input->end - input->begin < size) {
		int64_t n = pub_input_more(pub);

		if (n < 0)
			return (int)n;
		if (n == 0 && input->end == input->begin)
			return 0;
		if (n == 0) {
			fprintf(stderr,
				PUB_PROGRAM ": %s ends within record %" PRIu64
					    "\n",
				input->path, pub->publications + 1);
			return EXPLAINED(EX_DATAERR);
		}
	}
	return 1;
}

static int step_length(struct pub *pub)
{
	const size_t prefix = 4;
	struct pub_input *input = &pub->input;
	const unsigned char *at;
	uint32_t length;
	int ret = need(pub, prefix);

	if (ret <= 0)
		return ret;
	at = input->buffer + input->begin;
	length = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
		 (uint32_t)at[2] << 8 | at[3];
	if (length > pub->limit)
		return too_large(pub, "record", length);
	ret = need(pub, prefix + length);
	if (ret <= 0)
		return ret;
	at = input->buffer + input->begin + prefix;
	input->begin += prefix + length;
	return publish(pub, at, length);
}

static int step(struct pub *pub, enum pub_cut cut)
{
	switch (cut) {
	case PUB_CUT_READ:
		return step_read(pub);
	case PUB_CUT_BLOCK:
		return step_block(pub);
	case PUB_CUT_WHOLE:
		return step_whole(pub);
	case PUB_CUT_LINES:
		return step_line(pub);
	case PUB_CUT_LENGTH:
		return step_length(pub);
	case PUB_CUT_DEFAULT:
		break;
	}
	return pub->packets ? step_line(pub) : step_read(pub);
}

/* ---- The whole --------------------------------------------------------- */

static int explain(const struct pub *pub, int ret)
{
	const struct pub_wish *wish = pub->wish;

	if (ret == -EINTR)
		return EX_UNAVAILABLE; /* and the signal ends us */
	if (ret <= EXPLAINED(0))
		return EXPLAINED(0) - ret;
	if (ret == BCAST_ECLOSED) {
		fprintf(stderr,
			PUB_PROGRAM ": stream '%s' has ended, or its daemon is "
				    "stopping; %" PRIu64
				    " bytes were published\n",
			wish->name, pub->bytes);
		return EX_UNAVAILABLE;
	}
	if (ret == BCAST_EREFUSED) {
		fprintf(stderr, PUB_PROGRAM ": %s: refused: %s\n", wish->name,
			bcast_client_refusal(pub->client).text);
		return EX_UNAVAILABLE;
	}
	if (ret > -4096) {
		fprintf(stderr, PUB_PROGRAM ": %s: %s\n", pub->input.path,
			bcast_strerror(ret));
		return pub->input.fd < 0 ? EX_NOINPUT : EX_IOERR;
	}
	fprintf(stderr, PUB_PROGRAM ": stream '%s': %s\n", wish->name,
		bcast_strerror(ret));
	return EX_OSERR;
}

static void print_stats(const struct pub *pub, int64_t since_ms)
{
	fprintf(stderr,
		"{\"publications\":%" PRIu64 ",\"bytes\":%" PRIu64
		",\"position\":%" PRIu64 ",\"milliseconds\":%" PRIi64 "}\n",
		pub->publications, pub->bytes, pub_door_position(pub),
		now_ms() - since_ms);
}

static int copy_files(struct pub *pub)
{
	int ret;

	while ((ret = pub_input_next(pub)) > 0) {
		do
			ret = step(pub, pub->wish->cut);
		while (ret > 0);
		if (ret < 0)
			return explain(pub, ret);
	}
	return ret < 0 ? explain(pub, ret) : EX_OK;
}

/* What came before an error stays published. */
static int copy_all(struct pub *pub)
{
	int code = copy_files(pub);
	int ret;

	if (code == EX_UNAVAILABLE || code == EX_OSERR)
		return code;
	ret = pub_door_finish(pub);
	return ret < 0 && code == EX_OK ? explain(pub, ret) : code;
}

int pub_copy(struct pub *pub)
{
	const struct pub_wish *wish = pub->wish;
	int64_t since_ms = now_ms();
	int code;

	if (wish->cut == PUB_CUT_BLOCK && wish->block_bytes > pub->limit) {
		fprintf(stderr,
			PUB_PROGRAM ": option --block: stream '%s' takes at "
				    "most %zu bytes at once\n",
			wish->name, pub->limit);
		return EX_USAGE;
	}
	pub->input = (struct pub_input){.fd = -1};
	/* 4: a length in front; touched only as far as it is needed */
	pub->input.room = 4 + pub->limit + READ_BYTES;
	pub->input.buffer = malloc(pub->input.room);
	if (!pub->input.buffer) {
		fprintf(stderr, PUB_PROGRAM ": %s\n", strerror(ENOMEM));
		return EX_OSERR;
	}
	pub_pace_start(&pub->bytes_pace, wish->bytes_per_second);
	pub_pace_start(&pub->publications_pace, wish->publications_per_second);
	code = copy_all(pub);
	pub_input_close(&pub->input);
	free(pub->input.buffer);
	if (wish->stats)
		print_stats(pub, since_ms);
	return code;
}
