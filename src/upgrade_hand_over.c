/* SPDX-License-Identifier: MIT */
/* upgrade_hand_over.c - see upgrade_hand_over.h. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "shm/clock.h"
#include "shm/last_words.h"
#include "shm/notify.h"
#include "src/closing.h"
#include "src/ingest.h"
#include "src/lane_still.h"
#include "src/lanes_rest.h"
#include "src/log_segment.h"
#include "src/publishing.h"
#include "src/receivers.h"
#include "src/upgrade_hand_over.h"
#include "src/zerocopy.h"

#define EVENTS_PER_LOOK 256u
#define LOOK_NS		((int64_t)BC_NS_PER_MS)

/* ---- Standing still ---------------------------------------------------- */

/* Accepts that are in flight end by their events. */
static bool listeners_are_still(struct daemon *daemon)
{
	bool still = true;

	for (uint32_t i = 0; i < daemon->listener_count; i++) {
		if (!daemon->listeners[i].armed)
			continue;
		still = false;
		(void)bc_backend_cancel(daemon->backend,
					bc_token_pack(BC_OP_ACCEPT, i, 0));
	}
	return still;
}

/* What has been received is published. */
static void publish_all(struct daemon *daemon)
{
	daemon->phase = DAEMON_STILL;
	if (ingest_publish(daemon) || publishing_turn(daemon)) {
		receivers_published(daemon);
		/* what the backend has queued may never be handed in */
		(void)bc_notify_wake(&daemon->segment.ring.head->publish_count);
	}
	daemon->phase = DAEMON_RUNNING;
}

static int look(struct daemon *daemon, upgrade_dispatch *dispatch)
{
	struct bc_event events[EVENTS_PER_LOOK];
	sigset_t mask;
	int count;

	/* as it is: signals wait */
	(void)sigprocmask(SIG_BLOCK, NULL, &mask);
	count = bc_backend_wait(daemon->backend, events, EVENTS_PER_LOOK,
				LOOK_NS, &mask);
	daemon->home.now_ns = bc_monotonic_ns();
	for (int i = 0; i < count; i++) {
		if (!lane_still_swallow(&daemon->home, &events[i]))
			dispatch(daemon, &events[i]);
		closing_run(&daemon->home);
	}
	return count < 0 ? count : 0;
}

/* Returns 0, -ETIMEDOUT, or -errno of the backend. */
static int stand_still(struct daemon *daemon, upgrade_dispatch *dispatch,
		       uint64_t deadline_ns)
{
	int ret = 0;

	while (ret == 0) {
		bool still = lane_still_press(&daemon->home);

		still = listeners_are_still(daemon) && still;
		if (still) {
			publish_all(daemon);
			if (lane_still_press(&daemon->home))
				return 0;
		}
		if (bc_monotonic_ns() >= deadline_ns)
			return -ETIMEDOUT;
		ret = look(daemon, dispatch);
	}
	return ret;
}

/* ---- All of it --------------------------------------------------------- */

/* The image in a file without a name. Returns its descriptor, or -errno. */
static int make_file(const struct upgrade_image *image)
{
	int fd = memfd_create("bcast.upgrade", MFD_CLOEXEC);
	size_t done = 0;

	if (fd < 0)
		return -errno;
	while (done < image->size) {
		ssize_t n = write(fd, image->bytes + done, image->size - done);

		if (n < 0 && errno != EINTR) {
			int error = errno;

			(void)close(fd);
			return -error;
		}
		done += n > 0 ? (size_t)n : 0;
	}
	return fd;
}

static int send_sockets(int socket_fd, const struct upgrade_packed *packed,
			uint64_t deadline_ns)
{
	int ret = 0;

	for (uint32_t at = 0; ret == 0 && at < packed->count;
	     at += BC_FD_PASS_MAX) {
		uint32_t left = packed->count - at;
		uint32_t count = left < BC_FD_PASS_MAX ? left : BC_FD_PASS_MAX;
		const struct upgrade_head_wire head = {
			.type = UPGRADE_SOCKETS,
			.count = count,
		};

		ret = upgrade_say(socket_fd, head, NULL, packed->fds + at,
				  count, deadline_ns);
	}
	return ret;
}

static int send_state(int socket_fd, const struct upgrade_packed *packed,
		      uint64_t deadline_ns)
{
	const struct upgrade_head_wire head = {
		.type = UPGRADE_STATE,
		.count = packed->count,
	};
	int fd = make_file(&packed->image);
	int ret;

	if (fd < 0)
		return fd;
	ret = upgrade_say(socket_fd, head, NULL, &fd, 1, deadline_ns);
	(void)close(fd);
	return ret == 0 ? send_sockets(socket_fd, packed, deadline_ns) : ret;
}

static bool is_told_to_end(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 &&
	       (sigismember(&pending, SIGTERM) == 1 ||
		sigismember(&pending, SIGINT) == 1);
}

/* The last word. Before it, nothing of ours is in the segment's pages. */
static int say_go(struct daemon *daemon)
{
	const struct upgrade_head_wire head = {.type = UPGRADE_GO};
	int ret;

	zerocopy_tick(&daemon->home);
	bc_tally_flush(&daemon->home.tally, daemon->counters);
	log_segment_detach();
	bc_last_words_detach();
	ret = upgrade_say(daemon->upgrade->taker_fd, head, NULL, NULL, 0, 0);
	if (ret < 0) {
		log_segment_attach(&daemon->segment);
		bc_last_words_attach(&daemon->segment);
	}
	return ret;
}

static int await_ready(int socket_fd, uint64_t deadline_ns)
{
	struct upgrade_message message;
	int ret = upgrade_hear(socket_fd, &message, deadline_ns);

	if (ret < 0)
		return ret;
	upgrade_drop_fds(&message);
	return message.head.type == UPGRADE_READY ? 0 : -EPROTO;
}

int upgrade_hand_over(struct daemon *daemon, upgrade_dispatch *dispatch,
		      uint64_t stopped_ns, struct upgrade_packed *packed)
{
	int socket_fd = daemon->upgrade->taker_fd;
	uint64_t deadline_ns = stopped_ns + UPGRADE_STILL_NS;
	int ret;

	/* in this order: who comes in meanwhile may be the threads' */
	ret = stand_still(daemon, dispatch, deadline_ns);
	if (ret == 0)
		lanes_rest(daemon);
	if (ret == 0)
		ret = lanes_await_rest(daemon, deadline_ns);
	if (ret == 0)
		ret = upgrade_state_pack(daemon, stopped_ns, packed);
	if (ret == 0)
		ret = send_state(socket_fd, packed, deadline_ns);
	if (ret == 0)
		ret = await_ready(socket_fd, deadline_ns);
	if (ret == 0 && is_told_to_end())
		ret = -EINTR;
	return ret == 0 ? say_go(daemon) : ret;
}
