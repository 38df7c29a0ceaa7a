/* SPDX-License-Identifier: MIT */
/*
 * upgrade_take.c - see upgrade.h: the side that takes.
 *
 * Whatever can fail or takes its time is done before GO: memory, threads, slots
 * for the connections. What comes after cannot fail, and is in the order of who
 * waits for it: the owner's words, the receivers and the sender, then the rest.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <bcast/bcast.h>
#include <bcast/monitor.h>

#include "net/peer_socket.h"
#include "shm/clock.h"
#include "shm/counters.h"
#include "shm/facts.h"
#include "shm/last_words.h"
#include "shm/peers.h"
#include "shm/segment_inherit.h"
#include "src/progress.h"
#include "src/gating.h"
#include "src/lanes.h"
#include "src/lanes_rest.h"
#include "src/local.h"
#include "src/log.h"
#include "src/log_segment.h"
#include "src/nodes.h"
#include "src/session.h"
#include "src/stream.h"
#include "src/upgrade.h"
#include "src/upgrade_state.h"
#include "src/zerocopy.h"

/* An image is connections, and what of them is half said: of each, a record. */
#define IMAGE_MAX ((off_t)1 << 32)

/* What has been taken, on its way to be ours. */
struct taking {
	struct upgrade_stream_wire stream;
	unsigned char *image;
	int *fds; /* those that no connection has yet are not -1 */
	uint32_t fd_count;
	struct upgrade_unpacked *all;
	uint32_t count;
	bool *stays; /* of each entry of the table of peers */
};

/* ---- Why not ----------------------------------------------------------- */

static int fail(const struct daemon *daemon, const char *why, const char *fix)
{
	log_event(LOG_LEVEL_ERROR, "upgrade_failed",
		  "name=%s reason=\"%s\" fix=\"%s; the running daemon goes "
		  "on\"",
		  daemon->config.name, why, fix);
	return EX_UNAVAILABLE;
}

static int fail_with(const struct daemon *daemon, int error)
{
	switch (error) {
	case -EPIPE:
		return fail(daemon, "the running daemon has hung up",
			    "see what it logs");
	case -ETIMEDOUT:
		return fail(daemon, "the running daemon does not answer",
			    "look whether it hangs");
	case BCAST_EVERSION:
		return fail(daemon, "the running daemon speaks another version",
			    "stop it, then start this one");
	case -EPROTO:
		return fail(daemon, "the running daemon says what cannot be",
			    "stop it, then start this one");
	case -ENOSPC:
		return fail(daemon, "it has more connections than may be here",
			    "raise --max-receivers");
	case -EXDEV:
		return fail(daemon,
			    "--publishers is another, and clients "
			    "publish",
			    "give the same");
	default:
		return fail(daemon, bcast_strerror(error), "try again");
	}
}

static int refused(const struct daemon *daemon,
		   const struct upgrade_message *message)
{
	char text[UPGRADE_TEXT_MAX], quoted[4 * UPGRADE_TEXT_MAX];
	size_t size = message->head.size;

	if (size > sizeof(text) - 1)
		size = sizeof(text) - 1;
	memcpy(text, message->bytes, size);
	text[size] = '\0';
	log_event(LOG_LEVEL_ERROR, "upgrade_failed",
		  "name=%s reason=%s fix=\"see what the running daemon logs; "
		  "it goes on\"",
		  daemon->config.name, log_quote(text, quoted, sizeof(quoted)));
	return EX_UNAVAILABLE;
}

/* ---- Words ------------------------------------------------------------- */

static int say(const struct daemon *daemon, enum upgrade_type type)
{
	const struct upgrade_head_wire head = {.type = (uint16_t)type};
	int ret = upgrade_say(daemon->upgrade->giver_fd, head, NULL, NULL, 0,
			      bc_monotonic_ns() + UPGRADE_PATIENCE_NS);

	return ret < 0 ? fail_with(daemon, ret) : 0;
}

/* The next message is to be of this type. Returns 0, or an exit code. */
static int hear(const struct daemon *daemon, enum upgrade_type type,
		struct upgrade_message *message)
{
	int ret = upgrade_hear(daemon->upgrade->giver_fd, message,
			       bc_monotonic_ns() + UPGRADE_PATIENCE_NS);

	if (ret < 0)
		return fail_with(daemon, ret);
	if (message->head.type == type)
		return 0;
	upgrade_drop_fds(message);
	if (message->head.type == UPGRADE_REFUSED)
		return refused(daemon, message);
	return fail_with(daemon, -EPROTO);
}

/* ---- Begin ------------------------------------------------------------- */

/* Returns a descriptor, or an exit code, negative. */
static int connect_to(const struct daemon *daemon,
		      const struct bc_segment *segment)
{
	struct sockaddr_un address;
	socklen_t length = upgrade_address(segment, &address);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);

	if (fd < 0)
		return -fail_with(daemon, -errno);
	if (connect(fd, (const struct sockaddr *)&address, length) == 0) {
		if (upgrade_is_trusted(fd))
			return fd;
		(void)close(fd);
		return -fail(daemon, "its control socket is another user's",
			     "find out whose (ss -xlp)");
	}
	(void)close(fd);
	return -fail(daemon,
		     errno == EAGAIN ? "the running daemon does not answer"
				     : "the running daemon cannot be taken "
				       "over from",
		     "stop it, then start this one");
}

/* 1: there is one, mapped; 0: there is none. */
static int find_owner(const struct daemon *daemon, struct bc_segment *segment)
{
	int ret = bc_segment_attach(segment, daemon->config.name,
				    BC_VIEW_CONTROL);

	if (ret == 0 && bc_segment_owner_alive(segment) == 1)
		return 1;
	if (ret == 0)
		bc_segment_close(segment);
	/* if that one lives, the name is taken, and the start says so */
	if (ret == BCAST_EVERSION || ret == BCAST_ELAYOUT)
		log_event(LOG_LEVEL_WARN, "upgrade_failed",
			  "name=%s reason=\"%s\" fix=\"stop the running "
			  "daemon, then start this one\"",
			  daemon->config.name, bcast_strerror(ret));
	else
		log_event(LOG_LEVEL_INFO, "upgrade_nobody",
			  "name=%s reason=\"no daemon of this name runs: an "
			  "ordinary start\"",
			  daemon->config.name);
	return 0;
}

static int inherit(struct daemon *daemon, const int *fds)
{
	struct bc_segment_config wanted = stream_wanted(&daemon->config);
	const char *reason = NULL;
	int ret =
		bc_segment_inherit(&daemon->segment, fds[0], &wanted, &reason);

	if (ret < 0)
		return fail_with(daemon, ret);
	if (ret == 1)
		return fail(daemon, reason,
			    "give the options of the running daemon, or stop "
			    "it first");
	ret = bc_name_lock_inherit(&daemon->name_lock, daemon->config.name,
				   fds[1]);
	if (ret < 0) {
		(void)close(fds[0]);
		daemon->segment.fd = -1;
		return fail_with(daemon, ret);
	}
	daemon->counters = (struct bc_counter_shm *)(void *)daemon->segment
				   .regions[BC_REGION_COUNTERS]
				   .base;
	daemon->home.tail = bc_ring_tail(&daemon->segment.ring);
	daemon->taking = true;
	return 0;
}

static void take_listener(struct upgrade_listener *taken,
			  const unsigned char *bytes, int fd)
{
	struct upgrade_listener_wire wire;

	memcpy(&wire, bytes, sizeof(wire));
	wire.given[sizeof(wire.given) - 1] = '\0';
	*taken = (struct upgrade_listener){
		.fd = fd,
		.role = (enum config_role)wire.role,
		.bound.length = sizeof(taken->bound.storage),
		.file = {.device = wire.device, .inode = wire.inode},
		.index = UPGRADE_UNUSED,
	};
	memcpy(taken->given, wire.given, sizeof(taken->given));
	(void)getsockname(fd, (struct sockaddr *)&taken->bound.storage,
			  &taken->bound.length);
}

static int take_welcome(struct daemon *daemon, struct upgrade_message *welcome)
{
	const size_t size = sizeof(struct upgrade_listener_wire);
	uint32_t count = welcome->head.count;
	int ret;

	if (count > DAEMON_LISTENERS_MAX ||
	    welcome->head.size != count * size ||
	    welcome->fd_count != count + 2) {
		upgrade_drop_fds(welcome);
		return fail_with(daemon, -EPROTO);
	}
	ret = inherit(daemon, welcome->fds);
	if (ret != 0) {
		upgrade_drop_fds(welcome);
		return ret;
	}
	for (uint32_t i = 0; i < count; i++)
		take_listener(&daemon->upgrade->listeners[i],
			      welcome->bytes + i * size, welcome->fds[2 + i]);
	daemon->upgrade->listener_count = count;
	return 0;
}

int upgrade_begin(struct daemon *daemon)
{
	struct upgrade_message welcome;
	struct bc_segment owned;
	int ret;

	if (find_owner(daemon, &owned) == 0)
		return 0;
	ret = upgrade_make(daemon);
	if (ret < 0) {
		bc_segment_close(&owned);
		return fail_with(daemon, ret);
	}
	ret = connect_to(daemon, &owned);
	bc_segment_close(&owned);
	if (ret < 0)
		return -ret;
	daemon->upgrade->giver_fd = ret;
	ret = say(daemon, UPGRADE_HELLO);
	if (ret == 0)
		ret = hear(daemon, UPGRADE_WELCOME, &welcome);
	return ret == 0 ? take_welcome(daemon, &welcome) : ret;
}

/* ---- Listeners --------------------------------------------------------- */

static bool is_same(const struct bc_sockaddr *a, const struct bc_sockaddr *b)
{
	char text[2][BC_SOCKADDR_TEXT_MAX];

	bc_sockaddr_format(&a->storage, text[0], sizeof(text[0]));
	bc_sockaddr_format(&b->storage, text[1], sizeof(text[1]));
	return strcmp(text[0], text[1]) == 0;
}

/* Any port will do, so the one that there is does. */
static bool is_same_but_port(const struct bc_sockaddr *a,
			     const struct bc_sockaddr *b)
{
	struct bc_sockaddr other = *b;

	if (a->storage.ss_family != b->storage.ss_family)
		return false;
	bc_sockaddr_set_port(&other, 0);
	return is_same(a, &other);
}

static bool suits(const struct upgrade_listener *taken,
		  const struct config_listen *listen,
		  const struct listener *made)
{
	if (taken->index != UPGRADE_UNUSED)
		return false;
	if (bc_sockaddr_is_unix(&made->bound) ||
	    bc_sockaddr_port(&made->bound.storage) != 0)
		return is_same(&made->bound, &taken->bound);
	return taken->role == listen->role &&
	       strcmp(taken->given, listen->address) == 0 &&
	       is_same_but_port(&made->bound, &taken->bound);
}

int upgrade_listener(struct daemon *daemon, const struct config_listen *listen,
		     struct listener *made)
{
	struct upgrade *upgrade = daemon->upgrade;

	if (!daemon->taking)
		return -1;
	for (uint32_t i = 0; i < upgrade->listener_count; i++) {
		struct upgrade_listener *taken = &upgrade->listeners[i];

		if (!suits(taken, listen, made))
			continue;
		taken->index = daemon->listener_count;
		made->bound = taken->bound;
		made->file = taken->file;
		return taken->fd;
	}
	return -1;
}

/*
 * Where connections belong that came in at the old one's listener `index`: if
 * there is no such address any more, to one of the same role, or to any.
 */
static uint32_t listener_for(const struct daemon *daemon, uint32_t index)
{
	const struct upgrade_listener *taken =
		&daemon->upgrade->listeners[index];

	if (taken->index != UPGRADE_UNUSED)
		return taken->index;
	for (uint32_t i = 0; i < daemon->listener_count; i++)
		if (daemon->listeners[i].role == taken->role)
			return i;
	return 0;
}

static void close_unused(struct upgrade *upgrade)
{
	for (uint32_t i = 0; i < upgrade->listener_count; i++) {
		struct upgrade_listener *taken = &upgrade->listeners[i];

		if (taken->index != UPGRADE_UNUSED)
			continue;
		bc_unix_listener_remove(&taken->bound, &taken->file);
		(void)close(taken->fd);
	}
	upgrade->listener_count = 0;
}

/* ---- The state --------------------------------------------------------- */

static int read_image(struct taking *taking, int fd)
{
	struct stat status;
	size_t size, done = 0;

	if (fstat(fd, &status) < 0 || status.st_size <= 0 ||
	    status.st_size > IMAGE_MAX)
		return -EPROTO;
	size = (size_t)status.st_size;
	taking->image = malloc(size);
	if (!taking->image)
		return -ENOMEM;
	while (done < size) {
		ssize_t n = pread(fd, taking->image + done, size - done,
				  (off_t)done);

		if (n <= 0)
			return n < 0 ? -errno : -EPROTO;
		done += (size_t)n;
	}
	return upgrade_reader_open(&(struct upgrade_reader){0}, taking->image,
				   size, &taking->stream);
}

static int hear_state(const struct daemon *daemon, struct taking *taking)
{
	struct upgrade_message message;
	uint32_t count;
	int ret = hear(daemon, UPGRADE_STATE, &message);

	if (ret != 0)
		return ret;
	ret = message.fd_count == 1 ? read_image(taking, message.fds[0])
				    : -EPROTO;
	upgrade_drop_fds(&message);
	count = taking->stream.connections;
	if (ret == 0 && message.head.count != count)
		ret = -EPROTO;
	if (ret < 0)
		return fail_with(daemon, ret);
	taking->fds = calloc(count + 1, sizeof(taking->fds[0]));
	taking->all = calloc(count + 1, sizeof(taking->all[0]));
	taking->stays = calloc(daemon->segment.regions[BC_REGION_PEERS].count,
			       sizeof(taking->stays[0]));
	return taking->fds && taking->all && taking->stays
		       ? 0
		       : fail_with(daemon, -ENOMEM);
}

static int hear_sockets(const struct daemon *daemon, struct taking *taking)
{
	while (taking->fd_count < taking->stream.connections) {
		struct upgrade_message message;
		uint32_t left = taking->stream.connections - taking->fd_count;
		int ret = hear(daemon, UPGRADE_SOCKETS, &message);

		if (ret != 0)
			return ret;
		if (message.fd_count == 0 || message.fd_count > left) {
			upgrade_drop_fds(&message);
			return fail_with(daemon, -EPROTO);
		}
		memcpy(taking->fds + taking->fd_count, message.fds,
		       message.fd_count * sizeof(message.fds[0]));
		taking->fd_count += message.fd_count;
	}
	return 0;
}

static int unpack_next(struct daemon *daemon, struct taking *taking,
		       struct upgrade_reader *reader)
{
	const unsigned char *parts[UPGRADE_PARTS];
	struct upgrade_conn_wire wire;
	int ret = upgrade_reader_next(reader, &wire, parts);

	if (ret <= 0)
		return ret;
	if (wire.listener >= daemon->upgrade->listener_count ||
	    wire.shown >= daemon->segment.regions[BC_REGION_PEERS].count)
		return -EPROTO;
	ret = upgrade_state_unpack(daemon, &wire, parts,
				   taking->fds[taking->count],
				   listener_for(daemon, wire.listener),
				   &taking->all[taking->count]);
	if (ret < 0)
		return ret;
	taking->count++;
	return 1;
}

/* Nobody has a gap before him in the line, nor among those who publish. */
static bool is_in_order(const struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->ingest.line_count; i++)
		if (!daemon->ingest.line[i])
			return false;
	for (uint32_t i = 0; i < daemon->publishing.count; i++)
		if (!daemon->publishing.all[i])
			return false;
	return true;
}

static void begin_lane(const struct daemon *daemon, struct lane *lane)
{
	lane->now_ns = bc_monotonic_ns();
	lane->tail = daemon_tail(daemon);
	lane->egress.last_progress_ns = lane->now_ns;
}

static void finish_lane(struct lane *lane)
{
	lane->egress.steady_ns = lane->now_ns;
	lane->egress.leader_valid = false;
	progress_refresh(lane);
}

static void each_lane(struct daemon *daemon, void (*work)(struct lane *))
{
	work(&daemon->home);
	for (uint32_t i = 0; i < daemon->lanes.count; i++)
		work(lanes_lane(daemon, i));
}

/* The connections come to life, in memory only. Returns 0 or -errno. */
static int unpack_all(struct daemon *daemon, struct taking *taking)
{
	const struct upgrade_stream_wire *stream = &taking->stream;
	struct upgrade_stream_wire ignored;
	struct upgrade_reader reader;
	int ret = upgrade_reader_open(&reader, taking->image,
				      (size_t)stream->size, &ignored);

	daemon->home.tail = stream->tail;
	daemon->ingest.has_lease = stream->has_lease != 0;
	begin_lane(daemon, &daemon->home);
	for (uint32_t i = 0; i < daemon->lanes.count; i++)
		begin_lane(daemon, lanes_lane(daemon, i));
	if (ret == 0)
		ret = 1;
	while (ret == 1)
		ret = unpack_next(daemon, taking, &reader);
	if (ret == 0 && !is_in_order(daemon))
		ret = -EPROTO;
	daemon->publishing.indexed = stream->indexed;
	if (daemon->publishing.direct) {
		daemon->publishing.have = stream->direct_have;
		daemon->publishing.unread = stream->unread != 0;
	}
	each_lane(daemon, finish_lane);
	return ret;
}

/* ---- It is ours -------------------------------------------------------- */

/* epoll sets it by itself; io_uring would not wait for what has it. */
static void make_blocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0 && (flags & O_NONBLOCK) != 0)
		(void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

static void make_all_blocking(const struct daemon *daemon,
			      const struct taking *taking)
{
	if (bc_backend_which(daemon->backend) != BC_BACKEND_IO_URING)
		return;
	/* of --admin's, admin.c has its own ideas */
	for (uint32_t i = 0; i < daemon->listener_count; i++)
		if (daemon->listeners[i].role != CONFIG_ROLE_ADMIN)
			make_blocking(daemon->listeners[i].fd);
	for (uint32_t i = 0; i < taking->count; i++)
		make_blocking(taking->fds[i]);
}

static uint64_t get(const bc_u64 *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static void set(bc_u64 *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

/* An entry that moves: its numbers go with it. */
static void open_entry(struct bc_peer_shm *to, const struct bc_peer_shm *from,
		       uint64_t now_ns)
{
	const struct bc_peer_opening opening = {
		.role = atomic_load_explicit(&from->role, memory_order_relaxed),
		.peer = from->peer,
		.local = from->local,
		.position = get(&from->cursor),
		.now_ns = now_ns,
	};

	bc_peers_open(to, &opening);
	set(&to->release, get(&from->release));
	set(&to->bytes, get(&from->bytes));
	set(&to->operations, get(&from->operations));
	set(&to->short_sends, get(&from->short_sends));
	set(&to->lag_max, get(&from->lag_max));
	set(&to->start_position, get(&from->start_position));
	set(&to->discarded, get(&from->discarded));
	set(&to->skipped, get(&from->skipped));
	set(&to->connected_realtime_ns, get(&from->connected_realtime_ns));
}

/* Whom the old one's end has closed. */
static void bury_entry(struct daemon *daemon, struct bc_peer_shm *entry)
{
	char peer[BC_ADDRESS];

	memcpy(peer, entry->peer, sizeof(peer));
	peer[sizeof(peer) - 1] = '\0';
	lane_remember(&daemon->home,
		      &(struct bc_peer_closing){
			      .role = atomic_load_explicit(
				      &entry->role, memory_order_relaxed),
			      .reason = BCAST_CLOSE_SHUTDOWN,
			      .peer = peer,
			      .cursor = get(&entry->cursor),
			      .bytes = get(&entry->bytes),
			      .connected_realtime_ns =
				      get(&entry->connected_realtime_ns),
		      });
	bc_peers_close(entry);
}

static uint32_t entry_of(const struct upgrade_unpacked *one)
{
	return one->lane->first_slot +
	       bc_conn_slot(&one->lane->conns, one->conn);
}

static bool moves(const struct daemon *daemon,
		  const struct upgrade_unpacked *one)
{
	return one->conn->shown != bc_peers_slot(&daemon->segment, one->shown);
}

/* What will stand elsewhere is taken out of the table; what stays, is noted. */
static void lift(struct daemon *daemon, struct taking *taking,
		 struct upgrade_unpacked *one)
{
	struct bc_peer_shm *entry = bc_peers_slot(&daemon->segment, one->shown);

	one->conn->shown = bc_peers_slot(&daemon->segment, entry_of(one));
	if (!moves(daemon, one)) {
		taking->stays[one->shown] = true;
		return;
	}
	memcpy(&one->entry, entry, sizeof(one->entry));
	bc_peers_close(entry);
}

/* The table of connections: lift all that move, bury the rest, put down. */
static void show_all(struct daemon *daemon, struct taking *taking)
{
	uint32_t entries = daemon->segment.regions[BC_REGION_PEERS].count;

	for (uint32_t i = 0; i < taking->count; i++)
		lift(daemon, taking, &taking->all[i]);
	for (uint32_t slot = 0; slot < entries; slot++) {
		struct bc_peer_shm *entry =
			bc_peers_slot(&daemon->segment, slot);

		if (!taking->stays[slot] &&
		    atomic_load_explicit(&entry->role, memory_order_relaxed) !=
			    0)
			bury_entry(daemon, entry);
	}
	for (uint32_t i = 0; i < taking->count; i++) {
		const struct upgrade_unpacked *one = &taking->all[i];

		if (moves(daemon, one))
			open_entry(one->conn->shown, &one->entry,
				   one->lane->now_ns);
	}
}

static void introduce_zerocopy(const struct upgrade_unpacked *one)
{
	struct bc_conn *conn = one->conn;
	struct sockaddr_storage local = {0}, peer = {0};
	socklen_t local_length = sizeof(local), peer_length = sizeof(peer);

	conn->zerocopy = BC_CONN_ZEROCOPY_NO;
	if (conn->role == BCAST_ROLE_RECEIVER) {
		(void)getsockname(conn->fd, (struct sockaddr *)&local,
				  &local_length);
		(void)getpeername(conn->fd, (struct sockaddr *)&peer,
				  &peer_length);
		zerocopy_choose(one->lane, conn, &local, &peer);
		if (one->copied && conn->zerocopy == BC_CONN_ZEROCOPY_YES)
			conn->zerocopy = BC_CONN_ZEROCOPY_COPIED;
	}
	zerocopy_show(conn);
}

/* Gauges, which another daemon's words have been until now. */
static void gauge(struct daemon *daemon, const struct taking *taking)
{
	struct bc_counter_shm *counters = daemon->counters;
	uint64_t receivers = 0;

	for (uint32_t i = 0; i < taking->count; i++)
		receivers += taking->all[i].conn->role == BCAST_ROLE_RECEIVER;
	bc_counters_adopt(counters);
	bc_counter_set(counters, BC_COUNTER_receivers, receivers);
	bc_counter_set(counters, BC_COUNTER_senders, daemon->ingest.line_count);
	bc_counter_set(counters, BC_COUNTER_publishers,
		       daemon->publishing.count);
	bc_counter_add(counters, BC_COUNTER_upgrades, 1);
	bc_counter_add(counters, BC_COUNTER_upgrade_left_behind,
		       taking->stream.left_behind);
}

static void become_owner(struct daemon *daemon, struct taking *taking)
{
	const struct upgrade_stream_wire *stream = &taking->stream;
	struct local known = {
		.holder = stream->holder,
		.sequence = stream->sequence,
	};

	bc_segment_become_owner(&daemon->segment, daemon->config.max_receivers,
				stream->closed_count);
	memcpy(known.who, stream->who, sizeof(known.who));
	local_inherit(daemon, &known);
	daemon->home.tail = stream->tail;
	show_all(daemon, taking);
	gauge(daemon, taking);
	make_all_blocking(daemon, taking);
	for (uint32_t i = 0; i < taking->count; i++)
		introduce_zerocopy(&taking->all[i]);
	upgrade_resume(daemon);
	lanes_resume(daemon);
	close_unused(daemon->upgrade);
	(void)close(daemon->upgrade->giver_fd);
	daemon->upgrade->giver_fd = -1;
}

/* ---- GO ---------------------------------------------------------------- */

/*
 * Out of patience, it is made sure that GO cannot be said any more; only then
 * we go. What was said before that is still to be heard.
 */
static int await_go(const struct daemon *daemon)
{
	struct upgrade_message message;
	int fd = daemon->upgrade->giver_fd;
	int ret = upgrade_hear(fd, &message,
			       bc_monotonic_ns() + UPGRADE_PATIENCE_NS);

	if (ret == -ETIMEDOUT) {
		(void)shutdown(fd, SHUT_RDWR);
		ret = upgrade_hear(fd, &message, 0);
		if (ret == -EPIPE)
			ret = -ETIMEDOUT;
	}
	if (ret < 0)
		return fail_with(daemon, ret);
	upgrade_drop_fds(&message);
	if (message.head.type == UPGRADE_GO)
		return 0;
	return message.head.type == UPGRADE_REFUSED
		       ? refused(daemon, &message)
		       : fail_with(daemon, -EPROTO);
}

static int take(struct daemon *daemon, struct taking *taking)
{
	/* our own threads, which wait for what is to come */
	int ret = lanes_await_rest(daemon,
				   bc_monotonic_ns() + UPGRADE_PATIENCE_NS);

	if (ret < 0)
		return fail(daemon, "an egress thread does not come to rest",
			    "try again");
	ret = say(daemon, UPGRADE_ASK);
	if (ret == 0)
		ret = hear_state(daemon, taking);
	if (ret == 0)
		ret = hear_sockets(daemon, taking);
	if (ret != 0)
		return ret;
	ret = unpack_all(daemon, taking);
	if (ret < 0)
		return fail_with(daemon, ret);
	ret = say(daemon, UPGRADE_READY);
	return ret == 0 ? await_go(daemon) : ret;
}

static uint64_t us_since(uint64_t then_ns)
{
	return (bc_monotonic_ns() - then_ns) / 1000;
}

int upgrade_finish(struct daemon *daemon)
{
	struct taking taking = {.stream.left_behind = 0};
	uint64_t pause_us;
	int ret = take(daemon, &taking);

	if (ret == 0) {
		become_owner(daemon, &taking);
		pause_us = us_since(taking.stream.stopped_ns);
		log_segment_attach(&daemon->segment);
		bc_last_words_attach(&daemon->segment);
		bc_facts_clear(&daemon->segment);
		log_event(LOG_LEVEL_INFO, "upgrade_taken",
			  "name=%s connections=%" PRIu32 " left_behind=%" PRIu32
			  " position=%" PRIu64 " ms=%" PRIu64 ".%03" PRIu64,
			  daemon->config.name, taking.count,
			  taking.stream.left_behind, taking.stream.tail,
			  pause_us / 1000, pause_us % 1000);
	}
	free(taking.image);
	free(taking.fds);
	free(taking.all);
	free(taking.stays);
	return ret;
}

static void free_sessions(struct lane *lane)
{
	for (uint32_t slot = 0; slot < lane->conns.count; slot++)
		session_free(&lane->conns.conns[slot]);
}

/* What is shared with the old one is its: no unlink, no word, no shutdown. */
void upgrade_abandon(struct daemon *daemon)
{
	each_lane(daemon, free_sessions);
	lanes_stop(daemon);
	for (uint32_t i = 0; i < daemon->upgrade->listener_count; i++) {
		const struct upgrade_listener *taken =
			&daemon->upgrade->listeners[i];

		if (taken->index < daemon->listener_count)
			daemon->listeners[taken->index].file =
				(struct bc_unix_file){0};
	}
	bc_segment_close(&daemon->segment);
	if (daemon->name_lock.fd >= 0)
		(void)close(daemon->name_lock.fd);
	daemon->name_lock.fd = -1;
}
