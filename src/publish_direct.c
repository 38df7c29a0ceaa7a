/* SPDX-License-Identifier: MIT */
/* publish_direct.c - see publish_direct.h. */
#include <errno.h>

#include "shm/clock.h"
#include "src/commit.h"
#include "src/gating.h"
#include "src/publish_direct.h"
#include "src/publisher.h"
#include "src/rates.h"
#include "src/receivers.h"
#include "src/request.h"
#include "src/session_input.h"

static struct publish_span span_of(const struct daemon *daemon,
				   const struct publisher *publisher,
				   uint64_t have, uint64_t most)
{
	return (struct publish_span){
		.bytes = bc_ring_address(&daemon->segment.ring,
					 daemon_tail(daemon)),
		.have = have,
		.accepted = publisher->taken,
		.sequence = daemon->local.sequence,
		.timestamp_ns = bc_realtime_ns(),
		.most = most,
	};
}

/* What is for us in between is said to us, as long as we listen. */
static int check(struct daemon *daemon, struct publisher *publisher,
		 struct publish_span *span)
{
	struct bc_packet_frame control;
	int ret;

	while ((ret = publish_span_next(span, &publisher->rules, &control)) ==
	       1) {
		session_take(&daemon->home, publisher->conn, &control);
		if (!publisher_is_live(publisher))
			break;
	}
	return ret;
}

void publish_direct_take(struct daemon *daemon, struct publisher *publisher,
			 uint64_t bytes)
{
	struct publishing *publishing = &daemon->publishing;
	struct publish_span span;
	int ret;

	BC_ASSERT(publisher == publishing->direct && publishing->done == 0);
	span = span_of(daemon, publisher, publishing->have + bytes,
		       commit_records_allowed(daemon, publisher));
	ret = check(daemon, publisher, &span);
	publishing->have = span.have;
	publishing->done = span.done;
	publishing->unread = span.left;
	rates_take(&daemon->home, publisher->conn, CONFIG_RATE_RECORDS,
		   span.accepted - publisher->taken);
	publisher->taken = span.accepted;
	bc_counter_add(daemon->counters, BC_COUNTER_records_duplicate,
		       span.duplicates);
	if (ret >= 0)
		return;
	/* told in this order */
	if (publish_direct_publish(daemon))
		receivers_published(daemon);
	commit_refuse(daemon, publisher, ret);
}

bool publish_direct_publish(struct daemon *daemon)
{
	struct publishing *publishing = &daemon->publishing;
	const struct publisher *publisher = publishing->direct;

	if (publishing->done == 0)
		return false;
	commit_flush(daemon, (struct bc_record_place){
				     daemon_tail(daemon) + publishing->done,
				     daemon->local.sequence + publisher->taken -
					     publisher->accepted,
			     });
	publishing->have -= publishing->done;
	publishing->done = 0;
	return true;
}

void publish_direct_go_on(struct daemon *daemon)
{
	struct publishing *publishing = &daemon->publishing;

	if (publishing->unread && publisher_is_live(publishing->direct))
		publish_direct_take(daemon, publishing->direct, 0);
}

static bool wants_to_read(const struct daemon *daemon)
{
	return !daemon->publishing.receiving && !daemon->publishing.unread &&
	       daemon->phase == DAEMON_RUNNING &&
	       publisher_is_live(daemon->publishing.direct);
}

void publish_direct_arm(struct daemon *daemon)
{
	struct publishing *publishing = &daemon->publishing;
	uint64_t size = 0, need;
	unsigned char *at;

	if (wants_to_read(daemon))
		size = commit_bytes_allowed(
			daemon, publishing->direct,
			commit_read_size(daemon, publishing->have));
	if (size == 0) {
		gating_pass(daemon);
		return;
	}
	/* the header behind it is written too: bc_record_publish() */
	need = publishing->have + size + BC_RECORD_HEADER;
	if (!commit_may_write(daemon, need))
		return;
	at = bc_ring_reserve(&daemon->segment.ring, need);
	if (request_recv(&daemon->home, publishing->direct->conn,
			 at + publishing->have, size) == 0)
		publishing->receiving = true;
}
