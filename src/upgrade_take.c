/* SPDX-License-Identifier: MIT */
/*
 * upgrade_take.c - see upgrade.h: the side that takes.
 *
 * Whatever can fail or takes its time is done before GO: memory, threads, slots
 * for the connections. What comes after cannot fail (upgrade_own.c).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <bcast/bcast.h>
#include <bcast/monitor.h>

#include "shm/clock.h"
#include "shm/facts.h"
#include "shm/last_words.h"
#include "shm/segment_inherit.h"
#include "src/lanes.h"
#include "src/lanes_rest.h"
#include "src/log.h"
#include "src/log_segment.h"
#include "src/progress.h"
#include "src/session.h"
#include "src/stream.h"
#include "src/upgrade_taking.h"

/* An image is connections, and what of them is half said: of each, a record. */
#define IMAGE_MAX ((off_t)1 << 32)

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
		return -upgrade_fail_with(daemon, -errno);
	if (connect(fd, (const struct sockaddr *)&address, length) == 0) {
		if (upgrade_is_trusted(fd))
			return fd;
		(void)close(fd);
		return -upgrade_fail(daemon,
				     "its control socket is another user's",
				     "find out whose (ss -xlp)");
	}
	(void)close(fd);
	return -upgrade_fail(daemon,
			     errno == EAGAIN
				     ? "the running daemon does not answer"
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
		return upgrade_fail_with(daemon, ret);
	if (ret == 1)
		return upgrade_fail(
			daemon, reason,
			"give the options of the running daemon, or stop "
			"it first");
	ret = bc_name_lock_inherit(&daemon->name_lock, daemon->config.name,
				   fds[1]);
	if (ret < 0) {
		(void)close(fds[0]);
		daemon->segment.fd = -1;
		return upgrade_fail_with(daemon, ret);
	}
	daemon->counters = (struct bc_counter_shm *)(void *)daemon->segment
				   .regions[BC_REGION_COUNTERS]
				   .base;
	daemon->home.tail = bc_ring_tail(&daemon->segment.ring);
	daemon->taking = true;
	return 0;
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
		return upgrade_fail_with(daemon, -EPROTO);
	}
	ret = inherit(daemon, welcome->fds);
	if (ret != 0) {
		upgrade_drop_fds(welcome);
		return ret;
	}
	for (uint32_t i = 0; i < count; i++)
		upgrade_take_listener(&daemon->upgrade->listeners[i],
				      welcome->bytes + i * size,
				      welcome->fds[2 + i]);
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
		return upgrade_fail_with(daemon, ret);
	}
	ret = connect_to(daemon, &owned);
	bc_segment_close(&owned);
	if (ret < 0)
		return -ret;
	daemon->upgrade->giver_fd = ret;
	ret = upgrade_ask_say(daemon, UPGRADE_HELLO);
	if (ret == 0)
		ret = upgrade_ask_hear(daemon, UPGRADE_WELCOME, &welcome);
	return ret == 0 ? take_welcome(daemon, &welcome) : ret;
}

/* ---- The state --------------------------------------------------------- */

static int read_image(struct upgrade_taking *taking, int fd)
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

static int hear_state(const struct daemon *daemon,
		      struct upgrade_taking *taking)
{
	struct upgrade_message message;
	uint32_t count;
	int ret = upgrade_ask_hear(daemon, UPGRADE_STATE, &message);

	if (ret != 0)
		return ret;
	ret = message.fd_count == 1 ? read_image(taking, message.fds[0])
				    : -EPROTO;
	upgrade_drop_fds(&message);
	count = taking->stream.connections;
	if (ret == 0 && message.head.count != count)
		ret = -EPROTO;
	if (ret < 0)
		return upgrade_fail_with(daemon, ret);
	taking->fds = calloc(count + 1, sizeof(taking->fds[0]));
	taking->all = calloc(count + 1, sizeof(taking->all[0]));
	taking->stays = calloc(daemon->segment.regions[BC_REGION_PEERS].count,
			       sizeof(taking->stays[0]));
	return taking->fds && taking->all && taking->stays
		       ? 0
		       : upgrade_fail_with(daemon, -ENOMEM);
}

static int hear_sockets(const struct daemon *daemon,
			struct upgrade_taking *taking)
{
	while (taking->fd_count < taking->stream.connections) {
		struct upgrade_message message;
		uint32_t left = taking->stream.connections - taking->fd_count;
		int ret = upgrade_ask_hear(daemon, UPGRADE_SOCKETS, &message);

		if (ret != 0)
			return ret;
		if (message.fd_count == 0 || message.fd_count > left) {
			upgrade_drop_fds(&message);
			return upgrade_fail_with(daemon, -EPROTO);
		}
		memcpy(taking->fds + taking->fd_count, message.fds,
		       message.fd_count * sizeof(message.fds[0]));
		taking->fd_count += message.fd_count;
	}
	return 0;
}

static int unpack_next(struct daemon *daemon, struct upgrade_taking *taking,
		       struct upgrade_reader *reader)
{
	const unsigned char *parts[UPGRADE_PARTS];
	struct upgrade_conn_wire wire;
	int ret = upgrade_reader_next(reader, &wire, parts);

	if (ret <= 0)
		return ret;
	BC_ASSERT(taking->fds && taking->all); /* hear_state() */
	if (wire.listener >= daemon->upgrade->listener_count ||
	    wire.shown >= daemon->segment.regions[BC_REGION_PEERS].count)
		return -EPROTO;
	ret = upgrade_state_unpack(daemon, &wire, parts,
				   taking->fds[taking->count],
				   upgrade_listener_for(daemon, wire.listener),
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
static int unpack_all(struct daemon *daemon, struct upgrade_taking *taking)
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
	if (ret == 0 && (!is_in_order(daemon) ||
			 stream->direct_have > daemon->limits.record_bytes))
		ret = -EPROTO;
	daemon->publishing.indexed = stream->indexed;
	if (daemon->publishing.direct) {
		daemon->publishing.have = stream->direct_have;
		daemon->publishing.unread = stream->unread != 0;
	}
	each_lane(daemon, finish_lane);
	return ret;
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
		return upgrade_fail_with(daemon, ret);
	upgrade_drop_fds(&message);
	if (message.head.type == UPGRADE_GO)
		return 0;
	return message.head.type == UPGRADE_REFUSED
		       ? upgrade_refused(daemon, &message)
		       : upgrade_fail_with(daemon, -EPROTO);
}

static int take(struct daemon *daemon, struct upgrade_taking *taking)
{
	/* our own threads, which wait for what is to come */
	int ret = lanes_await_rest(daemon,
				   bc_monotonic_ns() + UPGRADE_PATIENCE_NS);

	if (ret < 0)
		return upgrade_fail(daemon,
				    "an egress thread does not come to rest",
				    "try again");
	ret = upgrade_ask_say(daemon, UPGRADE_ASK);
	if (ret == 0)
		ret = hear_state(daemon, taking);
	if (ret == 0)
		ret = hear_sockets(daemon, taking);
	if (ret != 0)
		return ret;
	ret = unpack_all(daemon, taking);
	if (ret < 0)
		return upgrade_fail_with(daemon, ret);
	ret = upgrade_ask_say(daemon, UPGRADE_READY);
	return ret == 0 ? await_go(daemon) : ret;
}

static uint64_t us_since(uint64_t then_ns)
{
	return (bc_monotonic_ns() - then_ns) / 1000;
}

int upgrade_finish(struct daemon *daemon)
{
	struct upgrade_taking taking = {.stream.left_behind = 0};
	uint64_t pause_us;
	int ret = take(daemon, &taking);

	if (ret == 0) {
		upgrade_own(daemon, &taking);
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
