/* SPDX-License-Identifier: MIT */
/*
 * lag.h - how far a receiver may lag, and what happens then: by the address
 * where it came in, by what a client has wished for, and by how long it has
 * been replaying (backpressure.h).
 */
#ifndef SRC_LAG_H
#define SRC_LAG_H

#include "src/lane.h"

/*
 * lag_policy - what happens to this receiver if it lags too far: as the address
 * says, or as it has wished, where it has a say. Now: both can change.
 */
enum config_slow_policy lag_policy(const struct lane *lane,
				   const struct bc_conn *conn);

/* lag_allowed - how many bytes that is, now. */
uint64_t lag_allowed(const struct lane *lane, const struct bc_conn *conn);

/* lag_is_excused - is that more than usual, because it replays, or did? */
bool lag_is_excused(const struct lane *lane, const struct bc_conn *conn);

/* lag_held - of one that replays: so far behind, the sender waits for it. */
uint64_t lag_held(const struct lane *lane, const struct bc_conn *conn);

/* lag_replays - does it replay? */
bool lag_replays(const struct bc_conn *conn);

/* lag_begin - it joins at its cursor: if that is far behind, it replays. */
void lag_begin(struct lane *lane, struct bc_conn *conn);

/* lag_would_replay - the same question of one that is to join there. */
bool lag_would_replay(const struct lane *lane, const struct bc_conn *conn,
		      uint64_t position);

/* lag_end - it replays no more, if it did. */
void lag_end(struct lane *lane, struct bc_conn *conn);

/* lag_has_caught_up - a replaying one: is it over? */
bool lag_has_caught_up(const struct lane *lane, const struct bc_conn *conn);

#endif
