/* SPDX-License-Identifier: MIT */
/* upgrade.c - see upgrade.h: what both sides need. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "shm/clock.h"
#include "src/greeting.h"
#include "src/lane_still.h"
#include "src/session.h"
#include "src/upgrade.h"

int upgrade_make(struct daemon *daemon)
{
	if (daemon->upgrade)
		return 0;
	daemon->upgrade = calloc(1, sizeof(*daemon->upgrade));
	if (!daemon->upgrade)
		return -ENOMEM;
	daemon->upgrade->control_fd = -1;
	daemon->upgrade->taker_fd = -1;
	daemon->upgrade->giver_fd = -1;
	return 0;
}

socklen_t upgrade_address(const struct bc_segment *segment,
			  struct sockaddr_un *address)
{
	const struct bc_control_shm *control = segment->control;
	int length;

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	length = snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1,
			  "bcast.%s.%016llx.%u", control->identity.name,
			  (unsigned long long)control->identity.epoch,
			  atomic_load_explicit(&control->owner.incarnation,
					       memory_order_relaxed));
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			   (size_t)length);
}

/* Who has not said yet what it wants is asked on, the others by the lane. */
void upgrade_resume(struct daemon *daemon)
{
	struct lane *home = &daemon->home;

	lane_still_resume(home);
	for (uint32_t slot = 0; slot < home->conns.count; slot++) {
		struct bc_conn *conn = &home->conns.conns[slot];

		if (conn->state == BC_CONN_OPEN && conn->session &&
		    conn->session->state == SESSION_GREETING &&
		    !conn->session->waits)
			greeting_on_recv(daemon, conn, -EAGAIN);
	}
}

bool upgrade_is_trusted(int fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

/* ---- Messages ---------------------------------------------------------- */

/* Returns 0 when it may be tried again, or -ETIMEDOUT. */
static int wait_for(int socket_fd, short events, uint64_t deadline_ns)
{
	struct pollfd poll_fd = {.fd = socket_fd, .events = events};
	uint64_t now_ns = bc_monotonic_ns();

	if (now_ns >= deadline_ns)
		return -ETIMEDOUT;
	/* for room for more descriptors on the way, poll does not wait */
	if (events == POLLOUT && poll(&poll_fd, 1, 0) == 1)
		(void)poll(NULL, 0, 1);
	else
		(void)poll(&poll_fd, 1,
			   (int)((deadline_ns - now_ns) / BC_NS_PER_MS + 1));
	return 0;
}

int upgrade_say(int socket_fd, struct upgrade_head_wire head, const void *body,
		const int *fds, unsigned fd_count, uint64_t deadline_ns)
{
	unsigned char bytes[UPGRADE_MESSAGE_MAX];
	size_t size;
	int ret;

	BC_ASSERT(head.size <= sizeof(bytes) - sizeof(head));
	size = upgrade_wire_head(bytes, head.type, head.count, head.size);
	if (head.size > 0)
		memcpy(bytes + sizeof(head), body, head.size);
	ret = bc_fd_pass_send(socket_fd, bytes, size, fds, fd_count);
	while (ret == -EAGAIN) {
		ret = wait_for(socket_fd, POLLOUT, deadline_ns);
		if (ret == 0)
			ret = bc_fd_pass_send(socket_fd, bytes, size, fds,
					      fd_count);
	}
	return ret;
}

void upgrade_drop_fds(struct upgrade_message *message)
{
	while (message->fd_count > 0)
		(void)close(message->fds[--message->fd_count]);
}

static int hear_one(int socket_fd, struct upgrade_message *message)
{
	unsigned char bytes[UPGRADE_MESSAGE_MAX];
	int ret = bc_fd_pass_receive(socket_fd, bytes, sizeof(bytes),
				     message->fds, &message->fd_count);
	size_t size;

	/* closed without having read all that we said: its last word is behind
	 * that error */
	if (ret == -ECONNRESET)
		ret = bc_fd_pass_receive(socket_fd, bytes, sizeof(bytes),
					 message->fds, &message->fd_count);
	size = (size_t)ret;
	if (ret <= 0)
		return ret == 0 || ret == -ECONNRESET ? -EPIPE : ret;
	ret = upgrade_wire_check(bytes, size, &message->head);
	if (ret < 0)
		upgrade_drop_fds(message);
	else
		memcpy(message->bytes, bytes + sizeof(message->head),
		       size - sizeof(message->head));
	return ret;
}

int upgrade_hear(int socket_fd, struct upgrade_message *message,
		 uint64_t deadline_ns)
{
	int ret = hear_one(socket_fd, message);

	while (ret == -EAGAIN && deadline_ns > 0) {
		ret = wait_for(socket_fd, POLLIN, deadline_ns);
		if (ret == 0)
			ret = hear_one(socket_fd, message);
	}
	return ret;
}
