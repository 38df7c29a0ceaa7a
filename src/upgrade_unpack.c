/* SPDX-License-Identifier: MIT */
/*
 * upgrade_unpack.c - upgrade_state.h: out of the image.
 *
 * A connection gets the slot it had, if there is such a one here and it is
 * free: with the same options nothing moves in the tables that others read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <bcast/monitor.h>

#include "shm/record.h"
#include "src/send_queue.h"
#include "src/lag.h"
#include "src/lanes_rest.h"
#include "src/post.h"
#include "src/progress.h"
#include "src/publish_copy.h"
#include "src/publishers.h"
#include "src/rates.h"
#include "src/session.h"
#include "src/upgrade_state.h"

#define HELLO_ROOM (sizeof(struct bcast_packet_header) + BCAST_HELLO_MAX)

/* One of the image, on its way into struct bc_conn. */
struct unpacking {
	struct daemon *daemon;
	const struct upgrade_conn_wire *wire;
	const unsigned char *const *parts;
	struct lane *lane;
	struct bc_conn *conn;
};

static bool has(const struct unpacking *it, uint32_t flag)
{
	return (it->wire->flags & flag) != 0;
}

/* ---- Its place --------------------------------------------------------- */

static bool is_for_threads(const struct unpacking *it)
{
	return it->daemon->lanes.count > 0 &&
	       it->wire->role == BCAST_ROLE_RECEIVER &&
	       (!has(it, UPGRADE_SESSION) ||
		it->wire->roles == BCAST_CLIENT_SUBSCRIBE);
}

static bool open_in(struct unpacking *it, struct lane *lane, int fd)
{
	uint32_t at = it->wire->shown - lane->first_slot;

	it->lane = lane;
	if (it->wire->shown >= lane->first_slot && at < lane->conns.count)
		it->conn = bc_conn_open_at(&lane->conns, fd, at);
	return it->conn != NULL;
}

static void open_somewhere(struct unpacking *it, struct lane *lane, int fd)
{
	it->lane = lane;
	it->conn = bc_conn_open(&lane->conns, fd);
}

static int open_conn(struct unpacking *it, int fd)
{
	struct daemon *daemon = it->daemon;
	uint32_t index = 0;

	if (!is_for_threads(it)) {
		if (!open_in(it, &daemon->home, fd))
			open_somewhere(it, &daemon->home, fd);
		return it->conn ? 0 : -ENOSPC;
	}
	while (index < daemon->lanes.count &&
	       !open_in(it, lanes_lane(daemon, index), fd))
		index++;
	if (!it->conn) {
		index = lanes_least(daemon);
		open_somewhere(it, lanes_lane(daemon, index), fd);
	}
	if (!it->conn)
		return -ENOSPC;
	lanes_count_in(daemon, index);
	return 0;
}

/* ---- A client ---------------------------------------------------------- */

static int copy_part(const struct unpacking *it, enum upgrade_part part,
		     size_t room, unsigned char **to)
{
	*to = malloc(room);
	if (!*to)
		return -ENOMEM;
	memcpy(*to, it->parts[part], it->wire->parts[part]);
	return 0;
}

static int unpack_outbox(const struct unpacking *it)
{
	struct outbox *outbox = &it->conn->session->outbox;
	const uint32_t *sizes = it->wire->parts;
	int ret = 0;

	if (sizes[UPGRADE_PART_FLYING] > 0)
		ret = outbox_add_first(outbox, it->parts[UPGRADE_PART_FLYING],
				       sizes[UPGRADE_PART_FLYING]);
	if (ret == 0 && sizes[UPGRADE_PART_WAITING] > 0)
		ret = outbox_add_bytes(outbox, it->parts[UPGRADE_PART_WAITING],
				       sizes[UPGRADE_PART_WAITING]);
	return ret;
}

/* As if it came now: it was judged before, and is again. */
static int unpack_begun(const struct unpacking *it)
{
	struct session *session = it->conn->session;
	struct bc_packet_piece piece = {it->parts[UPGRADE_PART_IN],
					it->wire->parts[UPGRADE_PART_IN]};
	struct bc_packet_frame frame;
	int ret;

	if (piece.size == 0)
		return 0;
	if (session->publisher)
		session->in.limits.data_max =
			session->publisher->rules.limits.data_max;
	ret = bc_packet_stream_next(&session->in, &piece, &frame);
	return ret == 1 ? -EPROTO : ret;
}

static int unpack_hello(const struct unpacking *it)
{
	struct session *session = it->conn->session;

	if (session->state != SESSION_GREETING)
		return 0;
	if (it->wire->parts[UPGRADE_PART_HELLO] > HELLO_ROOM)
		return -EPROTO;
	session->hello_have = it->wire->parts[UPGRADE_PART_HELLO];
	session->waits = has(it, UPGRADE_WAITS);
	if (session->waits)
		it->daemon->publishing.waited_for = true;
	return copy_part(it, UPGRADE_PART_HELLO, HELLO_ROOM, &session->hello);
}

static int unpack_key(const struct unpacking *it)
{
	uint32_t length = it->wire->parts[UPGRADE_PART_KEY];

	if (length == 0)
		return 0;
	if (length > UINT16_MAX)
		return -EPROTO;
	it->conn->session->key_length = (uint16_t)length;
	return copy_part(it, UPGRADE_PART_KEY, length, &it->conn->session->key);
}

/* ---- One that publishes ------------------------------------------------ */

static int enrol(const struct unpacking *it, struct publisher *publisher)
{
	struct publishing *publishing = &it->daemon->publishing;
	uint32_t order = it->wire->publisher_order;
	uint64_t bit = UINT64_C(1) << (publisher->slot % 64);

	if (order >= BC_PUBLISHER_SLOTS || publishing->all[order] ||
	    (publishing->in_use[publisher->slot / 64] & bit) != 0 ||
	    (publisher->direct && publishing->direct))
		return -EPROTO;
	publisher->index = order;
	publishing->all[order] = publisher;
	publishing->count++;
	publishing->in_use[publisher->slot / 64] |= bit;
	if (publisher->direct)
		publishing->direct = publisher;
	return 0;
}

static int unpack_piece(const struct unpacking *it, struct publisher *publisher)
{
	uint32_t size = it->wire->parts[UPGRADE_PART_PIECE];
	size_t room;
	int ret;

	if (publisher->direct)
		return size == 0 ? 0 : -EPROTO;
	ret = publish_copy_open(it->daemon, publisher);
	room = publisher->buffer_room;
	if (ret < 0 || size == 0)
		return ret;
	while (room < size)
		room *= 2;
	free(publisher->buffer);
	publisher->buffer_room = room;
	ret = copy_part(it, UPGRADE_PART_PIECE, room, &publisher->buffer);
	if (ret == 0)
		publisher->piece =
			(struct bc_packet_piece){publisher->buffer, size};
	return ret;
}

static int unpack_publisher(const struct unpacking *it)
{
	const struct upgrade_conn_wire *wire = it->wire;
	const struct daemon *daemon = it->daemon;
	struct publisher *publisher;
	int ret;

	if (!has(it, UPGRADE_PUBLISHER))
		return 0;
	/* records that are behind the tail by now belong to one only */
	if (has(it, UPGRADE_DIRECT) !=
	    (daemon->config.publishers == CONFIG_PUBLISHERS_ONE &&
	     wire->roles == BCAST_CLIENT_PUBLISH))
		return -EXDEV;
	if (wire->publisher_slot >= BC_PUBLISHER_SLOTS)
		return -EPROTO;
	publisher = calloc(1, sizeof(*publisher));
	if (!publisher)
		return -ENOMEM;
	it->conn->session->publisher = publisher;
	publisher->conn = it->conn;
	publisher->id = wire->publisher_id;
	publisher->slot = wire->publisher_slot;
	publisher->taken = wire->taken;
	publisher->accepted = wire->accepted;
	publisher->acked = wire->acked;
	publisher->direct = has(it, UPGRADE_DIRECT);
	publishers_set_rules(daemon, publisher, has(it, UPGRADE_CHECKSUMS));
	ret = unpack_piece(it, publisher);
	return ret == 0 ? enrol(it, publisher) : ret;
}

/* ---- A session --------------------------------------------------------- */

static struct bc_record_place place_of(const uint64_t from[2])
{
	return (struct bc_record_place){from[0], from[1]};
}

static void fill_session(const struct unpacking *it, struct session *session)
{
	const struct upgrade_conn_wire *wire = it->wire;

	session->state = (enum session_state)wire->session_state;
	session->roles = wire->roles;
	session->wish = (uint16_t)wire->wish;
	session->leave_reason = wire->leave_reason;
	session->heartbeat_ns = wire->heartbeat_ns;
	session->idle_ns = wire->idle_ns;
	session->leave_by_ns = wire->leave_by_ns;
	session->span_end = wire->span_end;
	session->skips = has(it, UPGRADE_SKIPS);
	session->skip_from = place_of(wire->skip_from);
	session->filtered_from = place_of(wire->filtered_from);
	session->filtered_to = place_of(wire->filtered_to);
	session->heard_ns = it->lane->now_ns;
	session->spoke_ns = it->lane->now_ns;
}

static int unpack_session(const struct unpacking *it)
{
	struct bc_packet_limits limits = {0};
	struct session *session;
	int ret;

	if (!has(it, UPGRADE_SESSION))
		return 0;
	if (it->daemon->config.format != CONFIG_FORMAT_PACKET)
		return -EPROTO;
	session = calloc(1, sizeof(*session));
	if (!session)
		return -ENOMEM;
	it->conn->session = session;
	fill_session(it, session);
	session->rest_bytes = it->wire->rest_bytes;
	it->lane->rests_bytes += session->rest_bytes;
	it->lane->clients++;
	if (it->conn->role == BCAST_ROLE_RECEIVER)
		it->lane->subscribers++;
	ret = unpack_hello(it);
	if (ret == 0)
		ret = unpack_key(it);
	if (ret == 0)
		ret = unpack_publisher(it);
	limits.message_max = post_payload_max(it->lane, it->conn);
	bc_packet_stream_init(&session->in, &limits);
	if (ret == 0)
		ret = unpack_outbox(it);
	return ret == 0 ? unpack_begun(it) : ret;
}

/* ---- A connection ------------------------------------------------------ */

static bool is_unix(int fd)
{
	struct sockaddr_storage local = {0};
	socklen_t length = sizeof(local);

	(void)getsockname(fd, (struct sockaddr *)&local, &length);
	return local.ss_family == AF_UNIX;
}

static void fill_conn(const struct unpacking *it, uint32_t listener)
{
	const struct upgrade_conn_wire *wire = it->wire;
	struct bc_conn *conn = it->conn;

	conn->role = wire->role;
	conn->listener = listener;
	conn->door = it->daemon->listeners[listener].door;
	conn->cursor = wire->cursor;
	conn->held = wire->held;
	conn->bytes = wire->bytes;
	conn->connected_realtime_ns = wire->connected_realtime_ns;
	conn->owed_since_ns = wire->owed_since_ns;
	conn->half_closed = has(it, UPGRADE_HALF_CLOSED);
	conn->overdue = has(it, UPGRADE_OVERDUE);
	conn->unix_socket = is_unix(conn->fd);
	memcpy(conn->peer, wire->peer, sizeof(conn->peer));
	conn->peer[sizeof(conn->peer) - 1] = '\0';
}

/* Who lagged, but did not replay, does not begin to. */
static void join_receivers(const struct unpacking *it)
{
	struct lane *lane = it->lane;
	struct bc_conn *conn = it->conn;

	progress_begin(lane, conn);
	if (conn->half_closed)
		lane->egress.half_closed++;
	if (!conn->session)
		return;
	if (!has(it, UPGRADE_REPLAYS))
		lag_end(lane, conn);
	conn->session->replay_since_ns = it->wire->replay_since_ns;
}

static int join_line(const struct unpacking *it)
{
	struct ingest *ingest = &it->daemon->ingest;
	uint32_t line = it->wire->line;

	if (line == 0 || line > DAEMON_SENDERS_MAX || ingest->line[line - 1])
		return -EPROTO;
	ingest->line[line - 1] = it->conn;
	ingest->line_count++;
	return 0;
}

/* Bytes that it needs are published, and still there. */
static bool is_in_ring(const struct unpacking *it)
{
	const struct upgrade_conn_wire *wire = it->wire;
	uint64_t tail = daemon_tail(it->daemon);
	uint64_t floor = wire->cursor - wire->held;

	return wire->cursor <= tail &&
	       tail - floor <= it->daemon->segment.ring.capacity &&
	       (!has(it, UPGRADE_SESSION) ||
		(wire->span_end >= wire->cursor && wire->span_end <= tail));
}

int upgrade_state_unpack(struct daemon *daemon,
			 const struct upgrade_conn_wire *wire,
			 const unsigned char *const parts[UPGRADE_PARTS],
			 int fd, uint32_t listener,
			 struct upgrade_unpacked *unpacked)
{
	struct unpacking it = {
		.daemon = daemon,
		.wire = wire,
		.parts = parts,
	};
	bool receives = wire->role == BCAST_ROLE_RECEIVER;
	int ret;

	if (receives && !is_in_ring(&it))
		return -EPROTO;
	ret = open_conn(&it, fd);
	if (ret < 0)
		return ret;
	fill_conn(&it, listener);
	ret = unpack_session(&it);
	if (ret == 0 && !receives && !it.conn->session)
		ret = join_line(&it);
	if (ret < 0)
		return ret;
	if (receives)
		join_receivers(&it);
	rates_begin(it.lane, it.conn);
	send_queue_nudge(it.lane, it.conn);
	lane_look_soon(it.lane, it.conn);
	*unpacked = (struct upgrade_unpacked){
		.lane = it.lane,
		.conn = it.conn,
		.shown = wire->shown,
		.copied = has(&it, UPGRADE_COPIED),
	};
	return 0;
}
