/* SPDX-License-Identifier: MIT */
/* backpressure.c - see backpressure.h. */
#include "shm/assert.h"
#include "src/backpressure.h"

#define RECORD_SPARE 64u /* the header behind it, and its own */

struct backpressure_limits backpressure_limits(uint64_t capacity,
					       uint64_t read_bytes,
					       uint64_t max_lag_bytes)
{
	BC_ASSERT(read_bytes <= capacity / 2);
	BC_ASSERT(max_lag_bytes + read_bytes <= capacity);
	return (struct backpressure_limits){
		.capacity = capacity,
		.read_bytes = read_bytes,
		/* half of the permitted lag is left to those behind it */
		.pace_bytes = max_lag_bytes / 2,
		.record_bytes = capacity / 4 + RECORD_SPARE,
	};
}

/* How far behind the tail somebody may be while a read is posted. */
static uint64_t room_for_read(const struct backpressure_limits *limits,
			      const struct backpressure_positions *at)
{
	return limits->capacity -
	       (at->need != 0 ? at->need : limits->read_bytes);
}

/* Is there no room for a read before what a send, or a blocker, needs? */
static bool is_held(const struct backpressure_limits *limits,
		    const struct backpressure_positions *at)
{
	return at->tail - at->floor > room_for_read(limits, at) ||
	       (at->hold != 0 && at->tail > at->hold);
}

enum backpressure_verdict backpressure_admit(
	const struct backpressure_limits *limits,
	const struct backpressure_positions *at, bool stalled)
{
	BC_ASSERT(at->floor <= at->tail && at->leader <= at->tail);
	BC_ASSERT(at->gate <= at->tail && at->hold_floor <= at->tail);
	if (at->tail - at->gate > room_for_read(limits, at))
		return BACKPRESSURE_GATED;
	if (is_held(limits, at))
		return BACKPRESSURE_NO_ROOM;
	if (!stalled && at->tail - at->leader > limits->pace_bytes)
		return BACKPRESSURE_TOO_FAST;
	return BACKPRESSURE_READ;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* How far beyond the fastest receiver a local publisher may be. */
static uint64_t pace_room(const struct backpressure_limits *limits)
{
	return max_u64(limits->pace_bytes + limits->read_bytes,
		       limits->record_bytes);
}

/*
 * Up to where there is room. Before blockers for what a sender could have sent
 * too, or for the largest record, whatever their --max-lag.
 */
static uint64_t room_end(const struct backpressure_limits *limits,
			 const struct backpressure_positions *at)
{
	uint64_t end = at->floor + limits->capacity;

	if (at->hold == 0)
		return end;
	return min_u64(end, max_u64(at->hold + limits->read_bytes,
				    at->hold_floor + limits->record_bytes));
}

bool backpressure_will_do(const struct backpressure_limits *limits,
			  const struct backpressure_positions *at, bool local)
{
	if (!local)
		return !is_held(limits, at);
	return room_end(limits, at) >= at->tail + limits->record_bytes;
}

uint64_t backpressure_limit(const struct backpressure_limits *limits,
			    const struct backpressure_positions *at,
			    bool stalled)
{
	uint64_t room = room_end(limits, at);
	uint64_t pace = pace_room(limits) + at->leader;
	uint64_t limit = !stalled && pace < room ? pace : room;

	return limit > at->tail ? limit : at->tail;
}

uint64_t backpressure_lag_for_record(const struct backpressure_limits *limits,
				     const struct backpressure_positions *at,
				     bool stalled)
{
	uint64_t ahead = at->tail - at->leader;

	if (!stalled && ahead + limits->record_bytes > pace_room(limits))
		return UINT64_MAX;
	return limits->capacity - limits->record_bytes;
}

/* In thousandths: no ring is too large for the product (BCAST_RING_MAX). */
uint64_t backpressure_replay_lag(const struct backpressure_limits *limits,
				 uint64_t max_lag_bytes, uint64_t age_ns)
{
	uint64_t extra = limits->capacity - max_lag_bytes;
	uint64_t gone = age_ns / (BACKPRESSURE_REPLAY_NS / 1000);

	if (gone >= 1000)
		return max_lag_bytes;
	return max_lag_bytes + extra * (1000 - gone) / 1000;
}

uint64_t backpressure_replay_hold(const struct backpressure_limits *limits,
				  uint64_t max_lag_bytes, uint64_t lag_bytes)
{
	uint64_t shrinks = (limits->capacity - max_lag_bytes) / 16;
	uint64_t early = 2 * limits->read_bytes + shrinks;

	return max_u64(lag_bytes > early ? lag_bytes - early : 0,
		       limits->read_bytes);
}

bool backpressure_is_slow(uint64_t max_lag_bytes, uint64_t tail,
			  uint64_t cursor)
{
	return tail - cursor > max_lag_bytes;
}

bool backpressure_is_stalled(uint64_t now_ns, uint64_t waiting_since_ns,
			     uint64_t last_progress_ns)
{
	uint64_t since_ns = waiting_since_ns > last_progress_ns
				    ? waiting_since_ns
				    : last_progress_ns;

	/* an egress thread's clock may have been read after ours */
	return waiting_since_ns != 0 && now_ns > since_ns &&
	       now_ns - since_ns >= BACKPRESSURE_STALL_NS;
}
