/* SPDX-License-Identifier: MIT */
/* receivers.c - see receivers.h. */
#include "shm/lease.h"
#include "src/closing.h"
#include "src/egress.h"
#include "src/lane_link.h"
#include "src/lanes.h"
#include "src/progress.h"
#include "src/receivers.h"
#include "src/send_queue.h"

uint32_t receivers_count(const struct daemon *daemon)
{
	return daemon->home.egress.receivers + lanes_receivers(daemon);
}

bool receivers_any(const struct daemon *daemon)
{
	return receivers_count(daemon) > 0 || daemon->home.egress.sending > 0 ||
	       daemon->home.zerocopy.owed > 0;
}

/* ---- Where they are ---------------------------------------------------- */

static bool will_do(const struct daemon *daemon,
		    const struct backpressure_positions *at)
{
	return backpressure_will_do(&daemon->limits, at,
				    !daemon->ingest.has_lease) &&
	       !bc_lease_wants_room(&daemon->segment);
}

static struct backpressure_positions home_positions(struct daemon *daemon)
{
	struct lane *home = &daemon->home;
	uint64_t tail = daemon_tail(daemon);
	struct backpressure_positions at = {
		.tail = tail,
		.leader = tail,
		.gate = tail,
		.need = daemon->ingest.need_bytes,
	};

	progress_claims(home, &at);
	/* closing connections can hold bytes after the last has left */
	if (!will_do(daemon, &at)) {
		progress_refresh(home);
		progress_claims(home, &at);
	}
	at.leader = progress_leader(home);
	return at;
}

struct backpressure_positions receivers_positions(struct daemon *daemon)
{
	struct backpressure_positions home = home_positions(daemon);
	struct backpressure_positions at = home;
	bool has_leader = progress_has_leader(&daemon->home);

	if (daemon->lanes.count == 0)
		return at;
	lanes_narrow(daemon, &at, has_leader);
	if (!will_do(daemon, &at) ||
	    at.tail - at.leader > daemon->limits.pace_bytes) {
		/* who writes will have to wait: for their next report */
		lanes_want(daemon);
		at = home;
		lanes_narrow(daemon, &at, has_leader);
	}
	lanes_note(daemon, at.leader);
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
	uint64_t home_ns = daemon->home.egress.last_progress_ns;
	uint64_t lanes_ns = lanes_last_progress_ns(daemon);

	return home_ns > lanes_ns ? home_ns : lanes_ns;
}

/* ---- News -------------------------------------------------------------- */

bool receivers_want_news(const struct daemon *daemon)
{
	return send_queue_has_caught_up(&daemon->home) ||
	       lanes_receivers(daemon) > 0;
}

void receivers_published(struct daemon *daemon)
{
	send_queue_published(&daemon->home);
	lanes_publish(daemon);
}

/* ---- Now and then ------------------------------------------------------ */

void receivers_tick(struct daemon *daemon)
{
	uint64_t home_lag = progress_lag_max(&daemon->home);
	uint64_t lanes_lag = lanes_lag_max(daemon);

	bc_counter_set(daemon->counters, BC_COUNTER_lag_max_bytes,
		       home_lag > lanes_lag ? home_lag : lanes_lag);
}

void receivers_drain(struct daemon *daemon, bool late)
{
	egress_drain(&daemon->home, late);
	closing_run(&daemon->home);
	if (late)
		closing_press(&daemon->home);
	lanes_order(daemon, late ? LANE_HURRY : LANE_FINISH);
}

bool receivers_are_gone(const struct daemon *daemon)
{
	return egress_is_empty(&daemon->home) && lanes_are_quiet(daemon);
}
