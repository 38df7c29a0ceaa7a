/* SPDX-License-Identifier: MIT */
/*
 * client_reader.c - bcast.h's reader: a position over a read-only mapping.
 *
 * The fast path is bcast_peek -> bc_ring_look and bcast_consume ->
 * bc_ring_intact: two loads each from the head line, no system call, no store
 * to shared memory. Everything slow is reached only when there is no data:
 *
 *	look -> spin -> look at the state -> park on the futex, in slices
 *
 * The owner's lock vanishes without a wake-up, so the kernel is asked for it
 * every 100 ms of having nothing to read, be that in one long sleep, in many
 * short waits, or in polling: the handle remembers when it is due.
 *
 * The futex word is read before the last look for data, so a publication in
 * between makes the wait return at once (notify.h); the state changes wake
 * the same word.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <bcast/bcast.h>

#include "shm/client_reader.h"
#include "shm/clock.h"
#include "shm/histogram.h"
#include "shm/notify.h"
#include "shm/mapping.h"
#include "shm/segment.h"

#define SPIN_DEFAULT_NS	  (50 * INT64_C(1000))
#define SPINS_PER_LOOK	  16 /* pauses between two looks at the clock */
#define LIVENESS_SLICE_NS (100 * BC_NS_PER_MS)

struct bcast_reader {
	struct bc_segment segment;
	struct bc_ring ring; /* copy of segment.ring, one load nearer */
	uint64_t position;
	uint64_t peeked; /* bytes that the last peek showed */
	uint64_t epoch;
	int64_t spin_ns;
	uint64_t gone_after_ns;
	uint64_t next_check_ns; /* when to ask for the owner again */
	uint64_t gone_since_ns; /* owner found dead at; 0: alive */
	uint32_t gone_count;	/* and the publish count was this then */
	bool measure;
	struct bcast_loss loss;
	uint64_t bytes, waits, parks;
	uint64_t latency_max_ns;
	struct bc_histogram_shm latency;
	struct bc_node_report *report; /* NULL: not a node's */
};

/* ---- Attach ------------------------------------------------------------ */

static int check_options(const struct bcast_attach_options *options)
{
	if (options->size != sizeof(*options) ||
	    options->from > BCAST_FROM_POSITION ||
	    options->spin_ns < BCAST_SPIN_DEFAULT ||
	    (options->flags & ~BCAST_MEASURE_LATENCY) != 0)
		return -EINVAL;
	return 0;
}

/* Polling pays only while another core can run the writer. */
static int64_t default_spin_ns(void)
{
	cpu_set_t usable;

	if (sched_getaffinity(0, sizeof(usable), &usable) < 0)
		return 0;
	return CPU_COUNT(&usable) > 1 ? SPIN_DEFAULT_NS : 0;
}

static void apply_options(struct bcast_reader *reader,
			  const struct bcast_attach_options *options)
{
	reader->spin_ns = options->spin_ns == BCAST_SPIN_DEFAULT
				  ? default_spin_ns()
				  : options->spin_ns;
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
	if (reader->report)
		bc_node_report_end(reader->report);
	bc_segment_close(&reader->segment);
	free(reader);
}

void bc_client_reader_bind(struct bcast_reader *reader,
			   struct bc_node_report *report)
{
	reader->report = report;
	if (report)
		bc_node_report_progress(report, reader->position, 0);
}

/* ---- Reading ----------------------------------------------------------- */

/* Note the loss of everything up to where the reader goes on. */
static int lapped(struct bcast_reader *reader)
{
	struct bcast_loss *loss = &reader->loss;

	loss->from = reader->position;
	loss->to = bc_ring_resync(&reader->ring, reader->position);
	loss->bytes = loss->to - loss->from;
	loss->total_bytes += loss->bytes;
	loss->laps++;
	reader->position = loss->to;
	reader->peeked = 0;
	if (reader->report)
		bc_node_report_lapped(reader->report, loss);
	return BCAST_ELAPPED;
}

/* Nothing at the position: is it the end, or only not yet? */
static int empty(const struct bcast_reader *reader)
{
	if (bc_segment_state(&reader->segment) != BC_STATE_CLOSED)
		return 0;
	/* the last publication came before the state: look once more */
	return bc_ring_tail(&reader->ring) == reader->position ? BCAST_ECLOSED
							       : 0;
}

/* 1 data (*length bytes of it), 0 nothing yet, < 0 as bcast_peek(). */
static int look(struct bcast_reader *reader, uint64_t *length)
{
	switch (bc_ring_look(&reader->ring, reader->position, length)) {
	case BC_RING_DATA:
		return 1;
	case BC_RING_EMPTY:
		return empty(reader);
	case BC_RING_LAPPED:
		return lapped(reader);
	case BC_RING_NONSENSE:
		break;
	}
	return BCAST_EPROTO;
}

int64_t bcast_peek(struct bcast_reader *reader, const void **data)
{
	uint64_t length;
	int ret;

	reader->peeked = 0;
	ret = look(reader, &length);
	if (ret <= 0)
		return ret;
	*data = bc_ring_address(&reader->ring, reader->position);
	reader->peeked = length;
	return (int64_t)length;
}

int bcast_consume(struct bcast_reader *reader, size_t n)
{
	if (n > reader->peeked)
		return -EINVAL;
	if (!bc_ring_intact(&reader->ring, reader->position))
		return lapped(reader);
	reader->position += n;
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
	size_t n;
	int ret;

	if (available <= 0)
		return available;
	n = (uint64_t)available < size ? (size_t)available : size;
	memcpy(buffer, data, n);
	ret = bcast_consume(reader, n);
	return ret < 0 ? ret : (int64_t)n;
}

int bcast_seek(struct bcast_reader *reader, enum bcast_from from,
	       uint64_t position)
{
	uint64_t tail = bc_ring_tail(&reader->ring);
	uint64_t oldest;

	switch (from) {
	case BCAST_FROM_LIVE:
		position = tail;
		break;
	case BCAST_FROM_OLDEST:
		oldest = bc_ring_oldest(&reader->ring);
		position = oldest < tail ? oldest : tail;
		break;
	case BCAST_FROM_POSITION:
		if (position > tail)
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	reader->position = position;
	reader->peeked = 0;
	if (reader->report)
		bc_node_report_progress(reader->report, position,
					reader->bytes);
	return 0;
}

/* ---- Waiting ----------------------------------------------------------- */

/* Is there anything to read? As look(). */
static int look_only(struct bcast_reader *reader)
{
	uint64_t length;

	return look(reader, &length);
}

/*
 * A sample is taken when exactly one publication ended the wait: the stamp is
 * then that of the bytes which this reader waited for.
 */
static void measure(struct bcast_reader *reader)
{
	const struct bc_head_shm *head = reader->ring.head;
	uint64_t tail = bc_ring_tail(&reader->ring);
	uint64_t published =
		atomic_load_explicit(&head->published_ns, memory_order_relaxed);
	uint64_t now = bc_monotonic_ns();

	if (bc_ring_tail(&reader->ring) != tail || published == 0 ||
	    published > now)
		return;
	bc_histogram_record(&reader->latency, now - published);
	if (now - published > reader->latency_max_ns)
		reader->latency_max_ns = now - published;
	if (reader->report)
		bc_node_report_latency(reader->report, now - published,
				       reader->latency_max_ns);
}

/* Called when there was nothing to read: has the owner been dead too long? */
static int check_owner(struct bcast_reader *reader, uint64_t now_ns)
{
	int ret = bc_segment_owner_alive(&reader->segment);
	uint32_t count = atomic_load_explicit(&reader->ring.head->publish_count,
					      memory_order_relaxed);

	if (ret < 0)
		return ret;
	if (ret == 1) {
		reader->gone_since_ns = 0;
		return 0;
	}
	/* if it has moved since, a later owner did so: each one does */
	if (reader->gone_since_ns == 0 || reader->gone_count != count) {
		reader->gone_since_ns = now_ns;
		reader->gone_count = count;
	}
	if (now_ns - reader->gone_since_ns < reader->gone_after_ns)
		return 0;
	/* what it published before it died comes first */
	ret = look_only(reader);
	return ret == 0 ? BCAST_EABANDONED : ret;
}

/* Ask every 100 ms, and each time while the owner is missed. */
static int check_due(struct bcast_reader *reader, uint64_t now_ns)
{
	if (reader->report)
		bc_node_report_beat(reader->report);
	if (now_ns < reader->next_check_ns && reader->gone_since_ns == 0)
		return 0;
	reader->next_check_ns = now_ns + LIVENESS_SLICE_NS;
	return check_owner(reader, now_ns);
}

static int spin(struct bcast_reader *reader, uint64_t until_ns)
{
	uint64_t now_ns;
	int ret;

	do {
		for (unsigned i = 0; i < SPINS_PER_LOOK; i++) {
			ret = look_only(reader);
			if (ret != 0)
				return ret;
			bc_notify_pause();
		}
		now_ns = bc_monotonic_ns();
		ret = check_due(reader, now_ns);
		if (ret != 0)
			return ret;
	} while (now_ns < until_ns);
	return 0;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void sleep_on(const struct bcast_reader *reader, uint32_t seen,
		     uint64_t timeout_ns)
{
	if (reader->report)
		bc_node_report_waiting(reader->report, 1);
	(void)bc_notify_wait(&reader->ring.head->publish_count, seen,
			     (int64_t)timeout_ns);
	if (reader->report)
		bc_node_report_waiting(reader->report, 0);
}

/* Sleep until data, the deadline, the end, or the writer's death. */
static int park(struct bcast_reader *reader, uint64_t deadline_ns)
{
	const bc_u32 *word = &reader->ring.head->publish_count;

	reader->parks++;
	for (;;) {
		/* before the look: see the head of this file */
		uint32_t seen =
			atomic_load_explicit(word, memory_order_acquire);
		uint64_t now_ns = bc_monotonic_ns();
		int ret = look_only(reader);

		if (ret != 0)
			return ret;
		ret = check_due(reader, now_ns);
		if (ret != 0)
			return ret;
		if (now_ns >= deadline_ns)
			return 0;
		sleep_on(reader, seen,
			 min_u64(deadline_ns, reader->next_check_ns) - now_ns);
	}
}

static int wait_for_data(struct bcast_reader *reader, int timeout_ms)
{
	uint64_t start_ns = bc_monotonic_ns();
	uint64_t deadline_ns = UINT64_MAX;
	int ret;

	if (timeout_ms >= 0)
		deadline_ns = start_ns +
			      (uint64_t)timeout_ms * (uint64_t)BC_NS_PER_MS;
	if (reader->spin_ns > 0) {
		ret = spin(reader, min_u64(start_ns + (uint64_t)reader->spin_ns,
					   deadline_ns));
		if (ret != 0)
			return ret;
	}
	return park(reader, deadline_ns);
}

int bcast_wait(struct bcast_reader *reader, int timeout_ms)
{
	int ret = look_only(reader);

	if (reader->report)
		bc_node_report_beat(reader->report);
	if (ret != 0)
		return ret;
	if (timeout_ms == 0)
		return check_due(reader, bc_monotonic_ns());
	reader->waits++;
	ret = wait_for_data(reader, timeout_ms);
	if (reader->report)
		bc_node_report_waited(reader->report, reader->waits,
				      reader->parks);
	if (ret == 1 && reader->measure)
		measure(reader);
	return ret;
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
	return bc_ring_tail(&reader->ring) - reader->position;
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
	};
}
