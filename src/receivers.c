/* SPDX-License-Identifier: MIT */
/* receivers.c - see receivers.h. */
#include "shm/lease.h"
#include "src/egress.h"
#include "src/receivers.h"

uint32_t receivers_count(const struct daemon *daemon)
{
	return daemon->home.egress.receivers;
}

bool receivers_any(const struct daemon *daemon)
{
	return daemon->home.egress.receivers > 0 ||
	       daemon->home.egress.sending > 0;
}

static void take_claims(const struct lane *lane,
			struct backpressure_positions *at)
{
	at->floor = lane->egress.floor;
	at->hold = lane->egress.hold;
	at->hold_floor = lane->egress.hold_floor;
}

struct backpressure_positions receivers_positions(struct daemon *daemon)
{
	struct lane *home = &daemon->home;
	uint64_t tail = daemon_tail(daemon);
	struct backpressure_positions at = {
		.tail = tail,
		.leader = tail,
		.gate = tail,
	};

	take_claims(home, &at);
	/* closing connections can hold bytes after the last has left */
	if (!backpressure_will_do(&daemon->limits, &at,
				  !daemon->ingest.has_lease) ||
	    bc_lease_wants_room(&daemon->segment)) {
		egress_refresh_floor(home);
		take_claims(home, &at);
	}
	at.leader = egress_leader(home);
	return at;
}

uint64_t receivers_lag_limit(struct daemon *daemon)
{
	struct backpressure_positions at;

	/* a large record may want room before anybody lags that much */
	if (!bc_lease_wants_room(&daemon->segment))
		return UINT64_MAX;
	at = receivers_positions(daemon);
	return backpressure_lag_for_record(&daemon->limits, &at,
					   daemon->ingest.given_up);
}

uint64_t receivers_last_progress_ns(const struct daemon *daemon)
{
	return daemon->home.egress.last_progress_ns;
}

bool receivers_want_news(const struct daemon *daemon)
{
	return egress_has_caught_up(&daemon->home);
}

void receivers_published(struct daemon *daemon)
{
	egress_on_published(&daemon->home);
}

void receivers_tick(struct daemon *daemon)
{
	bc_counter_set(daemon->counters, BC_COUNTER_lag_max_bytes,
		       egress_lag_max(&daemon->home));
}
