/* SPDX-License-Identifier: MIT */
/*
 * rates.h - the rate limits of connections: --ingest-rate, --ingest-packets and
 * --egress-rate, as the address says where they came in.
 *
 * Each connection has a bucket (bucket.h) for each of them. Who may do less now
 * than is worth a system call waits until it may, and nothing is lost: a sender
 * is not read, so that TCP holds it up; a receiver is not sent to, and lags.
 * What has gone is counted when it has, not when it was asked for: so who was
 * given leave long ago has not saved up more than a burst meanwhile.
 *
 * The rate is read at each look, so that it can be changed (reload.h) for
 * whoever is connected. Without one, it is this read and a branch.
 *
 * Local publishers have none. They write the ring by themselves and are trusted
 * with it; all that the daemon can say to them is how far they may go
 * (lease.limit), and they wait for as much as their next publication needs,
 * which only they know. To let a limit grow until a record of any size fits is
 * to give leave for as much in small ones.
 */
#ifndef SRC_RATES_H
#define SRC_RATES_H

#include <stdint.h>

#include "src/bucket.h"
#include "src/lane.h"

/* Times to go on are multiples of this: many go on together. */
#define RATES_GRAIN_NS (UINT64_C(10) * 1000 * 1000)

/* rates_begin - a connection is there: its buckets are full. */
void rates_begin(struct lane *lane, const struct bc_conn *conn);

/* rates_of - what is configured for it; 0: no limit. */
static inline uint64_t rates_of(const struct lane *lane,
				const struct bc_conn *conn,
				enum config_rate kind)
{
	return lane->config->listens[conn->door].rates[kind];
}

/* rates_look - rates_allow() where there is a limit. */
uint64_t rates_look(struct lane *lane, const struct bc_conn *conn,
		    enum config_rate kind, uint64_t wanted);

/*
 * rates_allow - how much may it do now, of `wanted`? 0: it has to wait,
 * counted; the loop wakes when it need not any more, by LANE_READ or LANE_HELD.
 */
static inline uint64_t rates_allow(struct lane *lane,
				   const struct bc_conn *conn,
				   enum config_rate kind, uint64_t wanted)
{
	if (rates_of(lane, conn, kind) == 0)
		return wanted;
	return rates_look(lane, conn, kind, wanted);
}

/*
 * rates_at_once - of so much, how much can go at once at most? For who makes a
 * plan that is not to take long.
 */
static inline uint64_t rates_at_once(const struct lane *lane,
				     const struct bc_conn *conn,
				     enum config_rate kind, uint64_t most)
{
	uint64_t rate = rates_of(lane, conn, kind);
	uint64_t burst;

	if (rate == 0)
		return most;
	burst = bucket_burst(rate);
	return burst < most ? burst : most;
}

/* rates_take - it has done so much, which it was allowed. */
void rates_take(struct lane *lane, const struct bc_conn *conn,
		enum config_rate kind, uint64_t amount);

#endif
