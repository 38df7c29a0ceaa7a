/* SPDX-License-Identifier: MIT */
/*
 * backpressure.h - may the sender be read now? Which receiver is too slow?
 *
 * Pure arithmetic on positions, so that every rule can be tested as a table.
 *
 *	floor      leader           tail      + read size
 *	  |          |               |           |
 *	--+----------+---------------+-----------+---->  position
 *	  |<------- hold ----------->|           |
 *	  |<---------- must be <= capacity ----->|
 *
 * floor: the oldest byte that a send still needs. leader: how far the fastest
 * receiver has got. gate: the oldest byte that a gating local reader still
 * needs; it limits the sender like the floor, but by the capacity alone, and
 * how long it is heeded is shm/gate.h's business. Three rules for receivers:
 *
 * 1. Room. A read is posted only if all of it fits without overwriting what a
 *    send still needs. It is whole or not at all, so reads stay large. For
 *    receivers with policy block, the sender is held earlier: as soon as one of
 *    them lags more than its --max-lag, so that local readers keep the rest of
 *    the ring. What others lag does not count there.
 * 2. Pace. The sender is read no faster than the fastest receiver takes: once
 *    even that one is `pace_bytes` behind, reading on would only make all of
 *    them too slow, in a burst that none of them could have kept up with. If
 *    no receiver takes anything for STALL_NS, they are all stalled, and the
 *    sender is no longer held up for them.
 * 3. Lag. A receiver further behind than its --max-lag is too slow; what is
 *    done about it is its policy's business. With policy block nobody gets
 *    there, but for the last read.
 *
 * Policy and --max-lag are those of the address where a receiver came in.
 *
 * Replay. Who begins further back than rule 2 would let the fastest receiver be
 * cannot be judged by these rules at once: it would be too slow before it has
 * been sent a byte, or the sender would stand still until it has caught up. So
 * it replays: it leads nobody (2), and what it may lag (3) begins with the
 * whole ring and shrinks to its --max-lag within REPLAY_NS. Meanwhile the
 * sender is held as if for a receiver with policy block, but so that it does
 * not get there as long as it takes what is sent. It has caught up when it is
 * no further behind than the fastest may be; after REPLAY_NS it is one like the
 * others.
 */
#ifndef SRC_BACKPRESSURE_H
#define SRC_BACKPRESSURE_H

#include <stdbool.h>
#include <stdint.h>

#define BACKPRESSURE_STALL_NS  (UINT64_C(1) * 1000 * 1000 * 1000)
#define BACKPRESSURE_REPLAY_NS (UINT64_C(5) * 1000 * 1000 * 1000)

/* Constant while the daemon runs. */
struct backpressure_limits {
	uint64_t capacity;
	uint64_t read_bytes; /* one read from the sender */
	uint64_t pace_bytes;
	uint64_t record_bytes; /* a local publication is smaller */
};

/*
 * Where everybody is. floor, leader and gate equal tail when there is nobody.
 * Of receivers with policy block: hold is the least of cursor + --max-lag, so
 * how far the tail may be if a read is to follow; and hold_floor the least
 * cursor. Both are 0 if there is none. need: bytes behind the tail that the
 * read is to have room for, where that is not read_bytes; else 0.
 */
struct backpressure_positions {
	uint64_t tail;
	uint64_t floor;
	uint64_t leader;
	uint64_t gate;
	uint64_t hold;
	uint64_t hold_floor;
	uint64_t need;
};

enum backpressure_verdict {
	BACKPRESSURE_READ,     /* post a read of read_bytes */
	BACKPRESSURE_NO_ROOM,  /* rule 1 */
	BACKPRESSURE_TOO_FAST, /* rule 2 */
	BACKPRESSURE_GATED,    /* a local reader needs the room */
};

/*
 * backpressure_limits - the limits that follow from the ring and from
 * --max-lag, the least one if there are several: nobody is to be too slow
 * before the sender has been slowed down.
 */
struct backpressure_limits backpressure_limits(uint64_t capacity,
					       uint64_t read_bytes,
					       uint64_t max_lag_bytes);

/* backpressure_admit - gates, rules 1, 2. `stalled`: nobody takes anything. */
enum backpressure_verdict backpressure_admit(
	const struct backpressure_limits *limits,
	const struct backpressure_positions *at, bool stalled);

/*
 * backpressure_limit - rules 1 and 2 for a local publisher, who asks nobody:
 * the position up to which it may write. Never less than the tail; and a single
 * publication of the largest size always comes through in the end.
 */
uint64_t backpressure_limit(const struct backpressure_limits *limits,
			    const struct backpressure_positions *at,
			    bool stalled);

/*
 * backpressure_will_do - may a floor and a hold that are perhaps too low be
 * used, or would they keep out a read, or a local publisher's largest record?
 */
bool backpressure_will_do(const struct backpressure_limits *limits,
			  const struct backpressure_positions *at, bool local);

/*
 * backpressure_lag_for_record - rule 3 while a local publisher waits for room:
 * a lag that is too much then, whatever --max-lag is, since a receiver so far
 * behind would keep the largest record out for ever. UINT64_MAX: none is; it
 * is the fastest receiver that the publisher waits for, which comes first.
 */
uint64_t backpressure_lag_for_record(const struct backpressure_limits *limits,
				     const struct backpressure_positions *at,
				     bool stalled);

/*
 * backpressure_replay_lag - what a receiver may lag that has been replaying for
 * so long: the capacity at first, in the end its --max-lag.
 */
uint64_t backpressure_replay_lag(const struct backpressure_limits *limits,
				 uint64_t max_lag_bytes, uint64_t age_ns);

/*
 * backpressure_replay_hold - how far behind the tail it may be if a read is to
 * follow: early enough that it does not get to `lag_bytes`, what it may lag,
 * before we look again, a tenth of a second later.
 */
uint64_t backpressure_replay_hold(const struct backpressure_limits *limits,
				  uint64_t max_lag_bytes, uint64_t lag_bytes);

/* backpressure_is_slow - rule 3, for one receiver. */
bool backpressure_is_slow(uint64_t max_lag_bytes, uint64_t tail,
			  uint64_t cursor);

/*
 * backpressure_is_stalled - have receivers that are waited for since
 * waiting_since_ns (0: they are not) taken nothing for STALL_NS?
 */
bool backpressure_is_stalled(uint64_t now_ns, uint64_t waiting_since_ns,
			     uint64_t last_progress_ns);

#endif
