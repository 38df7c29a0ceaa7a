/* SPDX-License-Identifier: MIT */
/*
 * upgrade_give.c - see upgrade.h: the side that gives.
 *
 * The talk up to ASK goes on beside the loop. From ASK on the loop serves until
 * no zero-copy send is owed; then upgrade_turn() does the rest in one go, in at
 * most UPGRADE_STILL_NS, and the loop goes on only if it has failed.
 *
 * SIGTERM within that time: the daemon was told to end, so it does not hand
 * over; it goes on, and so finds the signal. SIGHUP waits, or is lost with us:
 * the new one has opened its files just now.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "shm/clock.h"
#include "src/lane_time.h"
#include "src/lanes_rest.h"
#include "src/log.h"
#include "src/receivers.h"
#include "src/service_notify.h"
#include "src/upgrade_hand_over.h"

#define BACKLOG	    4
#define ACCEPTS_MAX 16u

/* ---- Who asks ---------------------------------------------------------- */

/* As long as its poll is in flight, the descriptor stays. */
static void drop_taker(struct daemon *daemon)
{
	struct upgrade *upgrade = daemon->upgrade;

	if (upgrade->taker_fd < 0)
		return;
	if (upgrade->stage == UPGRADE_ASKED) {
		daemon->home.zerocopy.held = false;
		lanes_settle(daemon, false);
	}
	upgrade->stage = UPGRADE_NOBODY;
	if (upgrade->taker_armed) {
		/* so it is over for the other side at once */
		(void)shutdown(upgrade->taker_fd, SHUT_RDWR);
		upgrade->taker_dropped = true;
		(void)bc_backend_cancel(daemon->backend,
					bc_token_pack(BC_OP_UPGRADE, 1, 0));
		return;
	}
	(void)close(upgrade->taker_fd);
	upgrade->taker_fd = -1;
	upgrade->taker_dropped = false;
}

static void refuse(int fd, const char *why)
{
	const struct upgrade_head_wire head = {
		.type = UPGRADE_REFUSED,
		.size = (uint32_t)strlen(why),
	};

	/* if there is no room for it, the end says the same */
	(void)upgrade_say(fd, head, why, NULL, 0, 0);
}

static void fail(struct daemon *daemon, const char *why, const char *fix)
{
	bool met = daemon->upgrade->stage != UPGRADE_MET;

	log_event(met ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "upgrade_failed",
		  "name=%s reason=\"%s\" fix=\"%s\"", daemon->config.name, why,
		  fix);
	refuse(daemon->upgrade->taker_fd, why);
	drop_taker(daemon);
}

static void take_in(struct daemon *daemon, int fd)
{
	struct upgrade *upgrade = daemon->upgrade;

	if (upgrade->taker_fd < 0 && daemon->phase == DAEMON_RUNNING &&
	    upgrade_is_trusted(fd)) {
		upgrade->taker_fd = fd;
		upgrade->stage = UPGRADE_MET;
		upgrade->deadline_ns =
			daemon->home.now_ns + UPGRADE_PATIENCE_NS;
		return;
	}
	refuse(fd, !upgrade_is_trusted(fd) ? "of another user"
		   : upgrade->taker_fd >= 0
			   ? "another process is about to take over"
			   : "the daemon is stopping");
	(void)close(fd);
}

/* Has it hung up, without our having heard of it yet? */
static bool is_gone(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLRDHUP};

	return poll(&poll_fd, 1, 0) == 1 &&
	       (poll_fd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* Whoever has gone is in nobody's way. */
static void make_way(struct daemon *daemon)
{
	const struct upgrade *upgrade = daemon->upgrade;

	if (upgrade->taker_fd >= 0 && !upgrade->taker_dropped &&
	    is_gone(upgrade->taker_fd))
		fail(daemon, "it has gone", "see what it said");
}

static void accept_all(struct daemon *daemon)
{
	const struct upgrade *upgrade = daemon->upgrade;

	for (unsigned i = 0; i < ACCEPTS_MAX; i++) {
		int fd;

		make_way(daemon);
		if (upgrade->taker_dropped)
			return; /* with the next look its place is free */
		fd = accept4(upgrade->control_fd, NULL, NULL,
			     SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			return;
		take_in(daemon, fd);
	}
}

/* ---- What it says ------------------------------------------------------ */

static void fill_listener(struct upgrade_listener_wire *wire,
			  const struct daemon *daemon,
			  const struct listener *listener)
{
	const struct config_listen *door =
		&daemon->config.listens[listener->door];

	_Static_assert(sizeof(wire->given) == sizeof(door->address),
		       "an address fits");
	wire->role = listener->role;
	wire->device = listener->file.device;
	wire->inode = listener->file.inode;
	memcpy(wire->given, door->address, sizeof(wire->given));
}

static void welcome(struct daemon *daemon)
{
	struct upgrade_listener_wire wires[DAEMON_LISTENERS_MAX] = {0};
	int fds[DAEMON_LISTENERS_MAX + 2] = {
		daemon->segment.fd,
		daemon->name_lock.fd,
	};
	const struct upgrade_head_wire head = {
		.type = UPGRADE_WELCOME,
		.count = daemon->listener_count,
		.size = (uint32_t)(daemon->listener_count * sizeof(wires[0])),
	};
	int ret;

	for (uint32_t i = 0; i < daemon->listener_count; i++) {
		fill_listener(&wires[i], daemon, &daemon->listeners[i]);
		fds[2 + i] = daemon->listeners[i].fd;
	}
	ret = upgrade_say(daemon->upgrade->taker_fd, head, wires, fds,
			  2 + daemon->listener_count, 0);
	if (ret < 0) {
		fail(daemon, strerror(-ret), "try again");
		return;
	}
	daemon->upgrade->stage = UPGRADE_GREETED;
	daemon->upgrade->deadline_ns = daemon->home.now_ns + UPGRADE_PREPARE_NS;
}

static void begin_to_settle(struct daemon *daemon)
{
	daemon->upgrade->stage = UPGRADE_ASKED;
	daemon->upgrade->deadline_ns = daemon->home.now_ns + UPGRADE_SETTLE_NS;
	daemon->home.zerocopy.held = true;
	lanes_settle(daemon, true);
	log_event(LOG_LEVEL_INFO, "upgrade_asked",
		  "name=%s receivers=%u owed=%u", daemon->config.name,
		  receivers_count(daemon), daemon->home.zerocopy.owed);
}

static void on_message(struct daemon *daemon, struct upgrade_message *message)
{
	enum upgrade_stage stage = daemon->upgrade->stage;

	upgrade_drop_fds(message);
	if (message->head.type == UPGRADE_HELLO && stage == UPGRADE_MET)
		welcome(daemon);
	else if (message->head.type == UPGRADE_ASK && stage == UPGRADE_GREETED)
		begin_to_settle(daemon);
	else
		fail(daemon, "it said what was not its turn to say",
		     "report this as a bug");
}

static void hear_taker(struct daemon *daemon)
{
	struct upgrade_message message;
	int ret = upgrade_hear(daemon->upgrade->taker_fd, &message, 0);

	if (ret == 0)
		on_message(daemon, &message);
	else if (ret == BCAST_EVERSION)
		fail(daemon, "it speaks another version",
		     "stop this daemon, then start the other");
	else if (ret == -EPIPE)
		fail(daemon, "it has gone", "see what it said");
	else if (ret != -EAGAIN)
		fail(daemon,
		     ret == -EPROTO ? "that is no message" : strerror(-ret),
		     "try again");
}

/* ---- All of it --------------------------------------------------------- */

static void go_on(struct daemon *daemon)
{
	lanes_resume(daemon);
	upgrade_resume(daemon);
	/* the accepts, with the next tick: which is now */
	lane_arm(&daemon->home, LANE_TICK, 0);
}

static const char *reason_of(int error)
{
	switch (error) {
	case -ETIMEDOUT:
		return "it took too long";
	case -EPIPE:
	case -ECONNRESET:
		return "it has gone";
	case -EINTR:
		return "this daemon was told to end";
	case BCAST_EVERSION:
	case -EPROTO:
		return "it said what was not its turn to say";
	default:
		return strerror(-error);
	}
}

/* Who is the service now; it believes us only, and only while we are. */
static void tell_manager(struct daemon *daemon)
{
	struct ucred peer = {.pid = 0};
	socklen_t length = sizeof(peer);

	if (getsockopt(daemon->upgrade->taker_fd, SOL_SOCKET, SO_PEERCRED,
		       &peer, &length) == 0 &&
	    peer.pid > 0)
		(void)service_notify_main_pid(daemon, peer.pid);
}

static void give(struct daemon *daemon, upgrade_dispatch *dispatch)
{
	struct upgrade_packed packed = {0};
	uint64_t stopped_ns = bc_monotonic_ns();
	int ret;

	daemon->upgrade->giving = true;
	ret = upgrade_hand_over(daemon, dispatch, stopped_ns, &packed);
	daemon->upgrade->giving = false;
	if (ret == 0) {
		daemon->phase = DAEMON_GIVEN;
		tell_manager(daemon);
		log_event(
			LOG_LEVEL_INFO, "upgrade_given",
			"name=%s connections=%u left_behind=%u ms=%llu",
			daemon->config.name, packed.count, packed.left_behind,
			(unsigned long long)((bc_monotonic_ns() - stopped_ns) /
					     BC_NS_PER_MS));
	} else {
		fail(daemon, reason_of(ret),
		     "none needed here: this daemon goes on");
		go_on(daemon);
	}
	upgrade_state_fini(&packed);
}

/* ---- Beside the loop --------------------------------------------------- */

void upgrade_on_event(struct daemon *daemon, uint32_t slot)
{
	struct upgrade *upgrade = daemon->upgrade;

	if (slot == 0)
		upgrade->control_armed = false;
	else
		upgrade->taker_armed = false;
	if (upgrade->giving)
		return; /* that listens by itself */
	if (slot == 0)
		accept_all(daemon);
	else if (upgrade->taker_dropped)
		drop_taker(daemon);
	else
		hear_taker(daemon);
}

static void poll_taker(struct daemon *daemon)
{
	struct upgrade *upgrade = daemon->upgrade;

	if (upgrade->taker_fd < 0 || upgrade->taker_armed ||
	    upgrade->taker_dropped)
		return;
	if (bc_backend_poll(daemon->backend, upgrade->taker_fd,
			    bc_token_pack(BC_OP_UPGRADE, 1, 0)) == 0)
		upgrade->taker_armed = true;
}

/* No more often than this, whoever knocks. */
static void poll_control(struct daemon *daemon)
{
	struct upgrade *upgrade = daemon->upgrade;

	if (upgrade->control_fd < 0 || upgrade->control_armed ||
	    daemon->home.now_ns < upgrade->next_look_ns ||
	    daemon->phase != DAEMON_RUNNING)
		return;
	upgrade->next_look_ns = daemon->home.now_ns + LANE_TICK_NS;
	if (bc_backend_poll(daemon->backend, upgrade->control_fd,
			    bc_token_pack(BC_OP_UPGRADE, 0, 0)) == 0)
		upgrade->control_armed = true;
}

static void check_time(struct daemon *daemon)
{
	struct upgrade *upgrade = daemon->upgrade;
	bool asked = upgrade->stage == UPGRADE_ASKED;

	if (daemon->phase != DAEMON_RUNNING)
		fail(daemon, "the daemon is stopping", "start the other");
	else if (daemon->home.now_ns >= upgrade->deadline_ns)
		fail(daemon,
		     asked ? "zero-copy sends are not acknowledged"
			   : "it took too long",
		     asked ? "try again, or drop who takes nothing "
			     "(--send-timeout)"
			   : "try again");
}

void upgrade_turn(struct daemon *daemon,
		  void (*dispatch)(struct daemon *daemon,
				   const struct bc_event *event))
{
	struct upgrade *upgrade = daemon->upgrade;

	if (!upgrade)
		return;
	poll_control(daemon);
	if (upgrade->taker_fd < 0 || upgrade->taker_dropped)
		return;
	if (upgrade->stage == UPGRADE_ASKED &&
	    daemon->phase == DAEMON_RUNNING &&
	    daemon->home.zerocopy.owed == 0 && !lanes_owe(daemon))
		give(daemon, dispatch);
	else
		check_time(daemon);
	if (daemon->phase != DAEMON_GIVEN)
		poll_taker(daemon);
}

static int open_control(const struct bc_segment *segment)
{
	struct sockaddr_un address;
	socklen_t length = upgrade_address(segment, &address);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);
	int error;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, length) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	error = errno;
	(void)close(fd);
	return -error;
}

void upgrade_open(struct daemon *daemon)
{
	int fd = upgrade_make(daemon);

	if (fd == 0)
		fd = open_control(&daemon->segment);
	if (fd < 0)
		log_event(LOG_LEVEL_WARN, "upgrade_unavailable",
			  "name=%s error=\"%s\" fix=\"none needed for the "
			  "stream; bcastd --takeover will not find this "
			  "daemon\"",
			  daemon->config.name, strerror(-fd));
	else
		daemon->upgrade->control_fd = fd;
}

/* The backend is closed, and nothing in flight. */
void upgrade_close(struct daemon *daemon)
{
	struct upgrade *upgrade = daemon->upgrade;

	if (!upgrade)
		return;
	if (upgrade->control_fd >= 0)
		(void)close(upgrade->control_fd);
	if (upgrade->taker_fd >= 0)
		(void)close(upgrade->taker_fd);
	if (upgrade->giver_fd >= 0)
		(void)close(upgrade->giver_fd);
	free(upgrade);
	daemon->upgrade = NULL;
}
