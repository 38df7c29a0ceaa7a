/* SPDX-License-Identifier: MIT */
/* takers.c - see takers.h. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crowd.h"
#include "published.h"
#include "takers.h"

#define PART_MAX    ((size_t)24 << 20) /* more than any record */
#define PIECE_BYTES ((size_t)1 << 20)
#define STEP_MS	    1

/* ---- What is taken is what was published ------------------------------- */

static void check_bytes(struct taker *taker, const uint8_t *bytes, size_t size)
{
	int64_t wrong =
		test_pattern_check(PUBLISHED_SEED, taker->next, bytes, size);

	if (wrong >= 0)
		fail_msg("byte %llu is wrong",
			 (unsigned long long)taker->next + wrong);
	taker->next += size;
}

static void check_record(struct taker *taker,
			 const struct bcast_packet_header *header)
{
	const uint8_t *payload = (const uint8_t *)(header + 1);
	size_t size = bcast_packet_size(header->length);

	if (taker->next != 0 && header->sequence != taker->next)
		fail_msg("record %llu came, and not %llu",
			 (unsigned long long)header->sequence,
			 (unsigned long long)taker->next);
	if (taker->most != 0)
		assert_int_equal(
			header->length,
			published_length(header->sequence, taker->most));
	assert_int_equal(header->type, BCAST_PACKET_DATA);
	assert_int_equal(header->flags, 0);
	assert_int_equal(header->crc32c, 0);
	assert_int_equal(header->source, 0);
	assert_int_equal(header->key_length, 0);
	assert_true(header->timestamp_ns > UINT64_C(1000000000));
	if (published_wrong(header->sequence, payload, header->length) >= 0)
		fail_msg("record %llu has a wrong payload",
			 (unsigned long long)header->sequence);
	for (size_t i = header->length; i < size - sizeof(*header); i++)
		assert_int_equal(payload[i], 0);
	taker->next = header->sequence + 1;
}

/* Takes whole records out of what has come; the rest waits for more. */
static void check_records(struct taker *taker, const uint8_t *bytes,
			  size_t size)
{
	const struct bcast_packet_header *header;
	size_t at = 0;

	assert_true(taker->part_size + size <= PART_MAX);
	memcpy(taker->part + taker->part_size, bytes, size);
	taker->part_size += size;
	while ((header = bcast_packet_in(taker->part, taker->part_size, at))) {
		check_record(taker, header);
		at += bcast_packet_size(header->length);
	}
	taker->part_size -= at;
	memmove(taker->part, taker->part + at, taker->part_size);
}

static void check(struct taker *taker, const uint8_t *bytes, size_t size)
{
	taker->bytes += size;
	if (taker->packets)
		check_records(taker, bytes, size);
	else
		check_bytes(taker, bytes, size);
}

/* ---- Coming and going -------------------------------------------------- */

void takers_open(struct takers *takers, struct daemon_fixture *daemon,
		 bool packets)
{
	*takers = (struct takers){.daemon = daemon, .packets = packets};
}

static void end(struct taker *taker, int error)
{
	taker->ended = true;
	taker->error = error;
	if (taker->fd >= 0)
		(void)close(taker->fd);
	taker->fd = -1;
}

void takers_close(struct takers *takers)
{
	for (unsigned i = 0; i < takers->count; i++) {
		end(&takers->all[i], 0);
		bcast_detach(takers->all[i].reader);
		free(takers->all[i].part);
	}
	takers->count = 0;
}

static struct taker *add(struct takers *takers)
{
	struct taker *taker = &takers->all[takers->count];

	assert_true(takers->count < TAKERS_MAX);
	*taker = (struct taker){
		.fd = -1,
		.packets = takers->packets,
		.most = takers->most,
	};
	if (taker->packets) {
		taker->part = malloc(PART_MAX);
		assert_non_null(taker->part);
	}
	takers->count++;
	return taker;
}

struct taker *takers_adopt(struct takers *takers, int fd)
{
	struct taker *taker = add(takers);

	taker->fd = fd;
	return taker;
}

struct taker *takers_receive(struct takers *takers, int rcvbuf_bytes)
{
	struct daemon_fixture *daemon = takers->daemon;
	uint64_t joined = daemon_fixture_counter(daemon, "receivers_joined");
	uint16_t port = daemon_fixture_port(daemon, "egress");
	struct taker *taker =
		takers_adopt(takers, crowd_connect(port, rcvbuf_bytes));

	daemon_fixture_await_at_least(daemon, "receivers_joined", joined + 1);
	return taker;
}

struct taker *takers_read_local(struct takers *takers)
{
	struct taker *taker = add(takers);

	assert_int_equal(
		bcast_attach(takers->daemon->name, NULL, &taker->reader), 0);
	if (!taker->packets)
		taker->next = bcast_position(taker->reader);
	return taker;
}

/* ---- Taking ------------------------------------------------------------ */

static bool take_tcp(struct taker *taker)
{
	static uint8_t piece[PIECE_BYTES];
	ssize_t n = recv(taker->fd, piece, sizeof(piece), MSG_DONTWAIT);

	if (n > 0)
		check(taker, piece, (size_t)n);
	else if (n == 0)
		end(taker, 0);
	else if (errno != EAGAIN && errno != EINTR)
		end(taker, -errno);
	return n > 0;
}

/* What can still be read of a lapped reader's loss is the next record. */
static void on_lap(struct taker *taker)
{
	if (!taker->may_lap)
		fail_msg("lapped: lost %llu bytes",
			 (unsigned long long)bcast_loss(taker->reader).bytes);
	taker->laps++;
	taker->next = taker->packets ? 0 : bcast_position(taker->reader);
}

static bool take_local(struct taker *taker)
{
	static uint8_t copy[PART_MAX / 2];
	int64_t n = bcast_read(taker->reader, copy, sizeof(copy));

	if (n > 0)
		check(taker, copy, (size_t)n);
	else if (n == BCAST_ELAPPED)
		on_lap(taker);
	else if (n < 0)
		end(taker, (int)n);
	return n > 0;
}

/* Returns whether there was anything. */
static bool take(struct taker *taker)
{
	if (taker->ended || taker->stalled)
		return false;
	return taker->reader ? take_local(taker) : take_tcp(taker);
}

/* Local readers have no descriptor: they are looked at after a millisecond. */
static void wait_a_little(const struct takers *takers)
{
	struct pollfd fds[TAKERS_MAX];
	nfds_t count = 0;

	for (unsigned i = 0; i < takers->count; i++)
		if (takers->all[i].fd >= 0 && !takers->all[i].stalled)
			fds[count++] = (struct pollfd){.fd = takers->all[i].fd,
						       .events = POLLIN};
	(void)poll(fds, count, STEP_MS);
}

void takers_step(struct takers *takers)
{
	bool any = false;

	for (unsigned i = 0; i < takers->count; i++)
		any |= take(&takers->all[i]);
	if (!any)
		wait_a_little(takers);
}

void takers_run_until(struct takers *takers, bool (*condition)(void *),
		      void *argument)
{
	uint64_t deadline_ms = test_now_ms() + 2 * DEADLINE_MS;

	while (!condition(argument)) {
		if (test_now_ms() > deadline_ms)
			fail_msg("too late; the daemon's log:\n%s",
				 daemon_fixture_log(takers->daemon));
		takers_step(takers);
	}
}

struct settling {
	const struct takers *takers;
	uint64_t next;
};

static bool all_are_there(void *argument)
{
	const struct settling *settling = argument;
	const struct takers *takers = settling->takers;

	for (unsigned i = 0; i < takers->count; i++) {
		const struct taker *taker = &takers->all[i];

		if (!taker->ended && !taker->stalled &&
		    taker->next != settling->next)
			return false;
	}
	return true;
}

void takers_settle(struct takers *takers, uint64_t next)
{
	struct settling settling = {.takers = takers, .next = next};

	takers_run_until(takers, all_are_there, &settling);
}

static bool all_have_ended(void *argument)
{
	const struct takers *takers = argument;

	for (unsigned i = 0; i < takers->count; i++)
		if (!takers->all[i].ended && !takers->all[i].stalled)
			return false;
	return true;
}

void takers_run_to_end(struct takers *takers)
{
	takers_run_until(takers, all_have_ended, takers);
}
