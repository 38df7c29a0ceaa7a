/* SPDX-License-Identifier: MIT */
/*
 * client_reader.c - reader.h's reader: a position over a read-only mapping.
 *
 * The fast path is bcast_peek -> bc_ring_look and bcast_consume ->
 * bc_ring_intact: two loads each from the head line, no system call, no store
 * to shared memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bcast/monitor.h>

#include "shm/client_parts.h"
#include "shm/client_reader.h"
#include "shm/client_report.h"
#include "shm/clock.h"
#include "shm/mapping.h"

/* ---- Attach ------------------------------------------------------------ */

static int check_options(const struct bcast_attach_options *options)
{
	if (options->size != sizeof(*options) ||
	    options->from > BCAST_FROM_TIME ||
	    options->spin_ns < BCAST_SPIN_DEFAULT ||
	    (options->flags & ~BCAST_MEASURE_LATENCY) != 0)
		return -EINVAL;
	return 0;
}

static void apply_options(struct bcast_reader *reader,
			  const struct bcast_attach_options *options)
{
	bc_client_wait_init(reader, options->spin_ns);
	reader->gone_after_ns = options->gone_after_ms * (uint64_t)BC_NS_PER_MS;
	reader->measure = (options->flags & BCAST_MEASURE_LATENCY) != 0;
}

int bcast_attach(const char *name, const struct bcast_attach_options *options,
		 struct bcast_reader **reader)
{
	static const struct bcast_attach_options defaults =
		BCAST_ATTACH_DEFAULTS;
	struct bcast_reader *made;
	int ret;

	if (!options)
		options = &defaults;
	ret = check_options(options);
	if (ret < 0)
		return ret;
	made = calloc(1, sizeof(*made));
	if (!made)
		return -ENOMEM;
	ret = bc_segment_attach(&made->segment, name, BC_VIEW_ALL);
	if (ret < 0) {
		free(made);
		return ret;
	}
	made->ring = made->segment.ring;
	made->epoch = made->segment.control->identity.epoch;
	made->packets =
		made->segment.control->identity.format == BCAST_FORMAT_PACKET;
	apply_options(made, options);
	ret = bcast_seek(made, (enum bcast_from)options->from,
			 options->position);
	if (ret < 0) {
		bcast_detach(made);
		return ret;
	}
	*reader = made;
	return 0;
}

void bcast_detach(struct bcast_reader *reader)
{
	if (!reader)
		return;
	bc_client_event_close(reader);
	if (reader->report)
		bc_node_report_end(reader->report);
	bc_segment_close(&reader->segment);
	free(reader);
}

void bc_client_reader_bind(struct bcast_reader *reader,
			   struct bc_node_report *report)
{
	if (!report && reader->report) {
		bc_client_event_unbind(reader);
		bc_node_report_gate_end(reader->report);
	}
	reader->report = report;
	if (report)
		bc_node_report_progress(report, reader->position, 0);
}

/* ---- Reading ----------------------------------------------------------- */

int64_t bcast_peek(struct bcast_reader *reader, const void **data)
{
	uint64_t length;
	int ret;

	reader->peeked = 0;
	ret = bc_client_look(reader, &length);
	if (ret == 1 && reader->packets)
		ret = bc_client_packet_peek(reader, &length);
	if (ret <= 0)
		return ret;
	*data = bc_ring_address(&reader->ring, reader->position);
	reader->peeked = length;
	return (int64_t)length;
}

int bcast_consume(struct bcast_reader *reader, size_t n)
{
	uint64_t sequence = reader->peeked_sequence;
	bool whole = true;

	if (n > reader->peeked)
		return -EINVAL;
	/* also where the tail was being moved, and told no number */
	if (reader->packets && (n < reader->peeked || sequence == 0))
		whole = bc_client_packet_whole(reader, n, &sequence) == n;
	if (!bc_ring_intact(&reader->ring, reader->position))
		return bc_client_look_lapped(reader);
	if (!whole && n < reader->peeked)
		return -EINVAL;
	reader->position += n;
	reader->sequence = whole ? sequence : 0;
	reader->peeked -= n;
	reader->bytes += n;
	if (reader->report)
		bc_node_report_progress(reader->report, reader->position,
					reader->bytes);
	return 0;
}

int64_t bcast_read(struct bcast_reader *reader, void *buffer, size_t size)
{
	const void *data;
	int64_t available = bcast_peek(reader, &data);
	uint64_t sequence;
	size_t n;
	int ret;

	if (available <= 0)
		return available;
	n = (uint64_t)available < size ? (size_t)available : size;
	if (reader->packets && n < (uint64_t)available) {
		n = bc_client_packet_whole(reader, n, &sequence);
		if (n == 0)
			return bc_ring_intact(&reader->ring, reader->position)
				       ? -EMSGSIZE
				       : bc_client_look_lapped(reader);
	}
	memcpy(buffer, data, n);
	ret = bcast_consume(reader, n);
	return ret < 0 ? ret : (int64_t)n;
}

static int seek_byte(struct bcast_reader *reader, enum bcast_from from,
		     uint64_t position)
{
	uint64_t tail = bc_ring_tail(&reader->ring);
	uint64_t oldest;

	switch (from) {
	case BCAST_FROM_LIVE:
		reader->position = tail;
		return 0;
	case BCAST_FROM_OLDEST:
		oldest = bc_ring_oldest(&reader->ring);
		reader->position = oldest < tail ? oldest : tail;
		return 0;
	case BCAST_FROM_POSITION:
		if (position > tail)
			return -EINVAL;
		reader->position = position;
		return 0;
	case BCAST_FROM_SEQUENCE:
	case BCAST_FROM_TIME:
		return -EOPNOTSUPP;
	}
	return -EINVAL;
}

int bcast_seek(struct bcast_reader *reader, enum bcast_from from,
	       uint64_t position)
{
	int ret = reader->packets ? bc_client_place_seek(reader, from, position)
				  : seek_byte(reader, from, position);

	if (ret < 0)
		return ret;
	reader->peeked = 0;
	if (reader->report)
		bc_node_report_progress(reader->report, reader->position,
					reader->bytes);
	return 0;
}

/* ---- Asking ------------------------------------------------------------ */

struct bcast_loss bcast_loss(const struct bcast_reader *reader)
{
	return reader->loss;
}

uint64_t bcast_position(const struct bcast_reader *reader)
{
	return reader->position;
}

uint64_t bcast_lag(const struct bcast_reader *reader)
{
	uint64_t tail = bc_ring_tail(&reader->ring);

	/* records shown by header are ahead of the tail */
	return tail > reader->position ? tail - reader->position : 0;
}

uint64_t bcast_epoch(const struct bcast_reader *reader)
{
	return reader->epoch;
}

uint64_t bcast_capacity(const struct bcast_reader *reader)
{
	return reader->ring.capacity;
}

int bcast_writer_alive(const struct bcast_reader *reader)
{
	return bc_segment_owner_alive(&reader->segment);
}

int64_t bcast_owner_uid(const struct bcast_reader *reader)
{
	struct bc_segment_rights rights;
	int ret = bc_segment_rights(&reader->segment, &rights);

	return ret < 0 ? ret : (int64_t)rights.owner;
}

int bcast_ring_node(const struct bcast_reader *reader)
{
	return bc_mapping_node(reader->segment.ring.base);
}

struct bcast_reader_stats bcast_reader_stats(const struct bcast_reader *reader)
{
	const struct bc_histogram_shm *latency = &reader->latency;

	return (struct bcast_reader_stats){
		.bytes = reader->bytes,
		.waits = reader->waits,
		.parks = reader->parks,
		.laps = reader->loss.laps,
		.lost_bytes = reader->loss.total_bytes,
		.latency_count = bc_histogram_total(latency),
		.latency_p50_ns = bc_histogram_quantile(latency, 500),
		.latency_p90_ns = bc_histogram_quantile(latency, 900),
		.latency_p99_ns = bc_histogram_quantile(latency, 990),
		.latency_p999_ns = bc_histogram_quantile(latency, 999),
		.latency_max_ns = reader->latency_max_ns,
		.spin_ns = bc_spin_budget(&reader->spin),
		.spin_hits = reader->spin.hits,
		.wake_ns = reader->spin.wake_ns,
	};
}
