/* SPDX-License-Identifier: MIT */
/*
 * client_fd.c - a client as one descriptor, for event loops.
 *
 * An epoll descriptor is itself readable while one of those that it watches is
 * ready: so sockets and the reader's event can come and go behind one number. A
 * timer in it stands for what is due without anything having come.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "net/client_parts.h"
#include "shm/clock.h"

static int watch(int epoll_fd, int how, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	return epoll_ctl(epoll_fd, how, fd, &event) < 0 ? -errno : 0;
}

static int open_both(struct bcast_client *client)
{
	int ret;

	client->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (client->epoll_fd < 0)
		return -errno;
	client->timer_fd =
		timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (client->timer_fd < 0) {
		ret = -errno;
		bc_client_fd_close(client);
		return ret;
	}
	ret = watch(client->epoll_fd, EPOLL_CTL_ADD, client->timer_fd, EPOLLIN);
	if (ret < 0)
		bc_client_fd_close(client);
	return ret;
}

int bcast_client_fd(struct bcast_client *client)
{
	int ret;

	if (client->in_shm && !client->reader)
		return -EOPNOTSUPP;
	if (client->epoll_fd >= 0)
		return client->epoll_fd;
	ret = open_both(client);
	if (ret < 0)
		return ret;
	/* a first look is due: nobody has armed it yet */
	bc_client_fd_wake_at(client, 1);
	return client->epoll_fd;
}

void bc_client_fd_close(struct bcast_client *client)
{
	if (client->timer_fd >= 0)
		(void)close(client->timer_fd);
	if (client->epoll_fd >= 0)
		(void)close(client->epoll_fd);
	client->timer_fd = client->epoll_fd = -1;
}

/* ---- What is watched --------------------------------------------------- */

void bc_client_fd_wake_at(struct bcast_client *client, uint64_t when_ns)
{
	struct itimerspec when = {{0, 0}, {0, 0}};

	if (when_ns != UINT64_MAX) {
		/* zero would be never */
		when_ns = when_ns > 0 ? when_ns : 1;
		when.it_value.tv_sec =
			(time_t)(when_ns / (uint64_t)BC_NS_PER_S);
		when.it_value.tv_nsec = (long)(when_ns % (uint64_t)BC_NS_PER_S);
	}
	(void)timerfd_settime(client->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void watch_link(struct bcast_client *client, struct bc_client_link *link)
{
	bool wants_out = link->state == BC_LINK_CONNECTING ||
			 bc_client_link_has_unsent(link);
	uint32_t events = wants_out ? EPOLLIN | EPOLLOUT : EPOLLIN;

	if (link->fd < 0 || (link->watched && link->watched_out == wants_out))
		return;
	if (watch(client->epoll_fd,
		  link->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, link->fd,
		  events) < 0)
		return;
	link->watched = true;
	link->watched_out = wants_out;
}

void bc_client_fd_forget(struct bc_client_link *link)
{
	if (link->watched)
		(void)epoll_ctl(link->client->epoll_fd, EPOLL_CTL_DEL, link->fd,
				NULL);
	link->watched = link->watched_out = false;
}

void bc_client_fd_forget_shm(struct bcast_client *client)
{
	if (client->shm_event_fd >= 0)
		(void)epoll_ctl(client->epoll_fd, EPOLL_CTL_DEL,
				client->shm_event_fd, NULL);
	client->shm_event_fd = -1;
}

/* ---- Arm --------------------------------------------------------------- */

static int arm_shm(struct bcast_client *client)
{
	int fd;

	bc_client_fd_wake_at(client, UINT64_MAX);
	if (!client->reader)
		return 0;
	if (client->shm_event_fd < 0) {
		fd = bcast_event_fd(client->reader);
		if (fd < 0 ||
		    watch(client->epoll_fd, EPOLL_CTL_ADD, fd, EPOLLIN) < 0)
			return 1;
		client->shm_event_fd = fd;
	}
	return bcast_event_arm(client->reader) != 0;
}

int bc_client_fd_arm(struct bcast_client *client)
{
	if (client->epoll_fd < 0)
		return 0;
	if (client->in_shm)
		return arm_shm(client);
	watch_link(client, &client->down);
	watch_link(client, &client->up);
	bc_client_fd_wake_at(client, client->address.shm ? client->shm_try_ns
							 : client->work_due_ns);
	return 0;
}
