/* SPDX-License-Identifier: MIT */
/* rates.c - see rates.h. */
#include "src/rates.h"

static struct rates_state *state_of(struct lane *lane,
				    const struct bc_conn *conn,
				    enum config_rate kind)
{
	return &lane->rates[bc_conn_slot(&lane->conns, conn)].states[kind];
}

void rates_begin(struct lane *lane, const struct bc_conn *conn)
{
	lane->rates[bc_conn_slot(&lane->conns, conn)] = (struct rates){0};
}

static void begin_to_wait(struct lane *lane, struct rates_state *state,
			  enum config_rate kind)
{
	if (state->waits)
		return;
	state->waits = true;
	bc_tally_add(&lane->tally,
		     kind == CONFIG_RATE_EGRESS ? BC_COUNTER_egress_rate_waits
						: BC_COUNTER_ingest_rate_waits,
		     1);
}

static uint64_t later(uint64_t ns)
{
	return (ns + RATES_GRAIN_NS - 1) / RATES_GRAIN_NS * RATES_GRAIN_NS;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t rates_look(struct lane *lane, const struct bc_conn *conn,
		    enum config_rate kind, uint64_t wanted)
{
	struct rates_state *state = state_of(lane, conn, kind);
	uint64_t rate = rates_of(lane, conn, kind);
	uint64_t allowed, worth;

	if (rate == 0) /* since just now */
		return wanted;
	allowed = bucket_allows(&state->bucket, rate, lane->now_ns);
	worth = min_u64(wanted, bucket_portion(rate));
	if (allowed >= worth) {
		state->waits = false;
		return min_u64(allowed, wanted);
	}
	begin_to_wait(lane, state, kind);
	lane_arm_by(lane, kind == CONFIG_RATE_EGRESS ? LANE_HELD : LANE_READ,
		    later(bucket_ready_ns(&state->bucket, rate, worth)));
	return 0;
}

void rates_take(struct lane *lane, const struct bc_conn *conn,
		enum config_rate kind, uint64_t amount)
{
	if (rates_of(lane, conn, kind) != 0)
		bucket_take(&state_of(lane, conn, kind)->bucket, amount);
}
