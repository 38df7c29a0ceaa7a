/* SPDX-License-Identifier: MIT */
/*
 * upgrade_state.c - see upgrade_state.h: into the image.
 *
 * Of a session everything goes over that cannot be found out anew; not the
 * times when it was heard and spoken to, which the pause makes unfair.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bcast/monitor.h>

#include "shm/peers.h"
#include "src/lanes_rest.h"
#include "src/publishers.h"
#include "src/session.h"
#include "src/upgrade_state.h"

/* A connection, as it is put into the image. */
struct packing {
	const struct bc_conn *conn;
	struct upgrade_conn_wire wire;
	const void *parts[UPGRADE_PARTS];
	unsigned char *begun; /* of a record, to be freed */
	bool failed;
};

static void set_part(struct packing *packing, enum upgrade_part part,
		     const void *bytes, size_t size)
{
	packing->parts[part] = bytes;
	packing->wire.parts[part] = (uint32_t)size;
}

/* Header, payload and padding, as they came. */
static void pack_begun(struct packing *packing,
		       const struct bc_packet_stream *in)
{
	const size_t header = sizeof(in->header);
	size_t payload;

	if (in->have == 0)
		return;
	packing->begun = calloc(1, in->have);
	if (!packing->begun) {
		packing->failed = true;
		return;
	}
	memcpy(packing->begun, &in->header,
	       in->have < header ? in->have : header);
	if (in->have > header) {
		payload = in->have - header;
		if (payload > in->header.length)
			payload = in->header.length;
		memcpy(packing->begun + header, in->kept, payload);
	}
	set_part(packing, UPGRADE_PART_IN, packing->begun, in->have);
}

static void pack_publisher(struct packing *packing,
			   const struct publisher *publisher)
{
	struct upgrade_conn_wire *wire = &packing->wire;

	/* it has been dropped, and has last words to be told */
	if (!publisher || publisher->index == PUBLISHER_GONE)
		return;
	wire->flags |= UPGRADE_PUBLISHER;
	wire->flags |= publisher->direct ? UPGRADE_DIRECT : 0;
	wire->flags |= publisher->rules.checksums ? UPGRADE_CHECKSUMS : 0;
	wire->publisher_id = publisher->id;
	wire->publisher_slot = publisher->slot;
	wire->publisher_order = publisher->index;
	wire->taken = publisher->taken;
	wire->accepted = publisher->accepted;
	wire->acked = publisher->acked;
	set_part(packing, UPGRADE_PART_PIECE, publisher->piece.bytes,
		 publisher->piece.size);
}

static void set_place(uint64_t to[2], struct bc_record_place place)
{
	to[0] = place.position;
	to[1] = place.sequence;
}

static void pack_session(struct packing *packing, const struct session *session)
{
	struct upgrade_conn_wire *wire = &packing->wire;
	const struct outbox *outbox = &session->outbox;

	wire->flags |= UPGRADE_SESSION;
	wire->flags |= session->waits ? UPGRADE_WAITS : 0;
	wire->flags |= session->replays ? UPGRADE_REPLAYS : 0;
	wire->flags |= session->skips ? UPGRADE_SKIPS : 0;
	wire->session_state = session->state;
	wire->roles = session->roles;
	wire->wish = session->wish;
	wire->leave_reason = session->leave_reason;
	wire->heartbeat_ns = session->heartbeat_ns;
	wire->idle_ns = session->idle_ns;
	wire->leave_by_ns = session->leave_by_ns;
	wire->span_end = session->span_end;
	wire->replay_since_ns = session->replay_since_ns;
	wire->rest_bytes = session->rest_bytes;
	set_place(wire->skip_from, session->skip_from);
	set_place(wire->filtered_from, session->filtered_from);
	set_place(wire->filtered_to, session->filtered_to);
	if (session->hello)
		set_part(packing, UPGRADE_PART_HELLO, session->hello,
			 session->hello_have);
	if (outbox->flying_size > 0)
		set_part(packing, UPGRADE_PART_FLYING,
			 outbox->flying + outbox->flown,
			 outbox->flying_size - outbox->flown);
	set_part(packing, UPGRADE_PART_WAITING, outbox->waiting,
		 outbox->waiting_size);
	set_part(packing, UPGRADE_PART_KEY, session->key, session->key_length);
	pack_begun(packing, &session->in);
	pack_publisher(packing, session->publisher);
}

static uint32_t place_in_line(const struct daemon *daemon,
			      const struct bc_conn *conn)
{
	for (uint32_t i = 0; i < daemon->ingest.line_count; i++)
		if (daemon->ingest.line[i] == conn)
			return i + 1;
	return 0;
}

static void pack_conn(const struct daemon *daemon, struct packing *packing)
{
	const struct bc_conn *conn = packing->conn;
	struct upgrade_conn_wire *wire = &packing->wire;

	*wire = (struct upgrade_conn_wire){
		.cursor = conn->cursor,
		.held = conn->held,
		.bytes = conn->bytes,
		.connected_realtime_ns = conn->connected_realtime_ns,
		.owed_since_ns = conn->owed_since_ns,
		.role = conn->role,
		.listener = conn->listener,
		.shown = (uint32_t)(conn->shown -
				    bc_peers_slot(&daemon->segment, 0)),
		.line = place_in_line(daemon, conn),
	};
	wire->flags |= conn->half_closed ? UPGRADE_HALF_CLOSED : 0;
	wire->flags |= conn->overdue ? UPGRADE_OVERDUE : 0;
	wire->flags |=
		conn->zerocopy == BC_CONN_ZEROCOPY_COPIED ? UPGRADE_COPIED : 0;
	memcpy(wire->peer, conn->peer, sizeof(wire->peer));
	if (conn->session)
		pack_session(packing, conn->session);
}

static void pack_lane(const struct daemon *daemon, const struct lane *lane,
		      struct upgrade_packed *packed)
{
	for (uint32_t slot = 0; slot < lane->conns.count; slot++) {
		struct packing packing = {.conn = &lane->conns.conns[slot]};

		if (packing.conn->state != BC_CONN_OPEN)
			continue;
		if (packing.conn->session && packing.conn->session->node) {
			packed->left_behind++;
			continue;
		}
		pack_conn(daemon, &packing);
		upgrade_image_conn(&packed->image, &packing.wire,
				   packing.parts);
		packed->image.failed |= packing.failed;
		packed->fds[packed->count++] = packing.conn->fd;
		free(packing.begun);
	}
}

int upgrade_state_pack(const struct daemon *daemon, uint64_t stopped_ns,
		       struct upgrade_packed *packed)
{
	uint32_t most = daemon->home.conns.used;
	struct upgrade_stream_wire stream = {
		.tail = daemon_tail(daemon),
		.sequence = daemon->local.sequence,
		.indexed = daemon->publishing.indexed,
		.direct_have = daemon->publishing.have,
		.closed_count = daemon->segment.closed_count,
		.stopped_ns = stopped_ns,
		.has_lease = daemon->ingest.has_lease,
		.unread = daemon->publishing.unread,
		.holder = daemon->local.holder,
	};

	_Static_assert(sizeof(stream.who) == sizeof(daemon->local.who),
		       "a node's id fits");
	memcpy(stream.who, daemon->local.who, sizeof(stream.who));
	*packed = (struct upgrade_packed){.left_behind = daemon->echo.used};
	for (uint32_t i = 0; i < daemon->lanes.count; i++)
		most += lanes_lane(daemon, i)->conns.used;
	packed->fds = calloc(most + 1, sizeof(packed->fds[0]));
	if (!packed->fds)
		return -ENOMEM;
	upgrade_image_begin(&packed->image);
	pack_lane(daemon, &daemon->home, packed);
	for (uint32_t i = 0; i < daemon->lanes.count; i++)
		pack_lane(daemon, lanes_lane(daemon, i), packed);
	stream.connections = packed->count;
	stream.left_behind = packed->left_behind;
	return upgrade_image_end(&packed->image, &stream);
}

void upgrade_state_fini(struct upgrade_packed *packed)
{
	upgrade_image_fini(&packed->image);
	free(packed->fds);
	*packed = (struct upgrade_packed){0};
}
