/* SPDX-License-Identifier: MIT */
/*
 * admin.c - see admin.h.
 *
 * libmicrohttpd parses and times out; the one thread is ours, so that what is
 * served needs no lock, and several addresses need no more threads. It sleeps
 * in poll(2) on an epoll descriptor for each address.
 *
 * WHO IS SLOW. libmicrohttpd ends a connection on which nothing moves. One that
 * sends, or takes, a byte now and then would stay for ever: so a request has to
 * be there within REQUEST_MS of the last answer, and its own answer has to be
 * taken within ANSWER_MS.
 *
 * WHO IS QUICK. The thread serves whoever is there, and then looks away for
 * ROUND_MS. So a thousand requests a second, or a flood of them, wake it no
 * more than 100 times a second, and who come together cost less each; nobody
 * minds 10 ms. It is also what keeps it from spinning where libmicrohttpd
 * would: out of descriptors it tries to accept again at once, for ever.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "shm/clock.h"
#include "src/admin.h"
#include "src/admin_routes.h"

#define IDLE_S	       5u /* nothing moves on a connection */
#define REQUEST_MS     5000u
#define ANSWER_MS      30000u
#define LOOK_MS	       250 /* at those who are slow */
#define ROUND_MS       10
#define RUNS_PER_ROUND 3 /* to accept, to read, to answer */
#define CLIENT_BYTES \
	((size_t)16 << 10) /* a head; browsers send all cookies of localhost */
#define CLIENTS_OF_PEER 32u
#define NICE		10

struct client {
	int fd;		   /* -1: free */
	uint64_t due_ns;   /* when it has to be further */
	size_t body_bytes; /* of this request so far */
};

struct door {
	struct admin *admin;
	struct MHD_Daemon *http;
	int poll_fd; /* http's */
	bool loopback;
	struct client clients[ADMIN_CLIENTS_MAX];
};

struct admin {
	struct admin_site *site;
	struct door doors[ADMIN_DOORS_MAX];
	unsigned door_count;
	unsigned clients;
	uint64_t next_look_ns;
	int stop_fd;
	pthread_t thread;
};

/* ---- Clients ----------------------------------------------------------- */

static void is_due_in(struct client *client, uint64_t ms)
{
	client->due_ns = bc_monotonic_ns() + ms * (uint64_t)BC_NS_PER_MS;
}

static void client_came(struct door *door, struct MHD_Connection *connection,
			void **context)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	for (unsigned i = 0; info && i < ADMIN_CLIENTS_MAX; i++) {
		if (door->clients[i].fd >= 0)
			continue;
		door->clients[i].fd = info->connect_fd;
		is_due_in(&door->clients[i], REQUEST_MS);
		door->admin->clients++;
		*context = &door->clients[i];
		return;
	}
}

static void client_went(struct door *door, void **context)
{
	struct client *client = *context;

	if (!client)
		return;
	client->fd = -1;
	door->admin->clients--;
	*context = NULL;
}

static struct client *client_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

/* As MHD_NotifyConnectionCallback. */
static void on_connection(void *argument, struct MHD_Connection *connection,
			  void **context,
			  enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		client_came(argument, connection, context);
	else
		client_went(argument, context);
}

/* As MHD_RequestCompletedCallback. */
static void on_completed(void *argument, struct MHD_Connection *connection,
			 void **request, enum MHD_RequestTerminationCode how)
{
	struct client *client = client_of(connection);

	(void)argument;
	(void)request;
	(void)how;
	if (client)
		is_due_in(client, REQUEST_MS);
}

/* As MHD_AccessHandlerCallback: first with the head alone. */
static enum MHD_Result on_request(void *argument,
				  struct MHD_Connection *connection,
				  const char *path, const char *method,
				  const char *version, const char *body,
				  size_t *body_bytes, void **request)
{
	const struct door *door = argument;
	struct client *client = client_of(connection);

	(void)version;
	(void)body;
	if (!client)
		return MHD_NO;
	if (!*request) {
		client->body_bytes = 0;
		is_due_in(client, ANSWER_MS);
		*request = client;
		return MHD_YES;
	}
	return admin_routes_answer(door->admin->site, connection,
				   &(const struct admin_request){
					   .path = path,
					   .method = method,
					   .loopback = door->loopback,
					   .thrown_away = &client->body_bytes,
				   },
				   body_bytes);
}

/* As UnescapeCallback: a path is taken as it stands, %00 and all. */
static size_t leave_escaped(void *argument, struct MHD_Connection *connection,
			    char *text)
{
	(void)argument;
	(void)connection;
	return strlen(text);
}

static void end_slow(struct admin *admin, uint64_t now_ns)
{
	if (now_ns < admin->next_look_ns)
		return;
	admin->next_look_ns = now_ns + LOOK_MS * (uint64_t)BC_NS_PER_MS;
	for (unsigned i = 0; i < admin->door_count; i++) {
		for (unsigned k = 0; k < ADMIN_CLIENTS_MAX; k++) {
			struct client *client = &admin->doors[i].clients[k];

			if (client->fd >= 0 && now_ns > client->due_ns)
				(void)shutdown(client->fd, SHUT_RDWR);
		}
	}
}

/* ---- The thread -------------------------------------------------------- */

static int wait_ms(const struct admin *admin)
{
	int wait = admin->clients > 0 ? LOOK_MS : -1;

	for (unsigned i = 0; i < admin->door_count; i++) {
		MHD_UNSIGNED_LONG_LONG due;

		if (MHD_get_timeout(admin->doors[i].http, &due) == MHD_YES &&
		    (wait < 0 || due < (MHD_UNSIGNED_LONG_LONG)wait))
			wait = (int)due;
	}
	return wait;
}

static void serve(struct admin *admin)
{
	for (unsigned n = 0; n < RUNS_PER_ROUND; n++) {
		for (unsigned i = 0; i < admin->door_count; i++)
			(void)MHD_run(admin->doors[i].http);
		if (wait_ms(admin) != 0)
			break;
	}
	end_slow(admin, bc_monotonic_ns());
}

static void *run(void *argument)
{
	struct admin *admin = argument;
	struct pollfd fds[ADMIN_DOORS_MAX + 1];
	nfds_t count = 1;

	/* of this thread: who looks shall not delay what is looked at */
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
	fds[0] = (struct pollfd){.fd = admin->stop_fd, .events = POLLIN};
	for (unsigned i = 0; i < admin->door_count; i++)
		fds[count++] = (struct pollfd){.fd = admin->doors[i].poll_fd,
					       .events = POLLIN};
	for (;;) {
		int ready = poll(fds, count, wait_ms(admin));

		if (fds[0].revents != 0 || (ready < 0 && errno != EINTR))
			return NULL;
		serve(admin);
		(void)poll(fds, 1, ROUND_MS);
	}
}

/* ---- Start and end ----------------------------------------------------- */

static int open_door(struct door *door, int fd)
{
	const union MHD_DaemonInfo *info;
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (own < 0)
		return -errno;
	(void)fcntl(own, F_SETFL, O_NONBLOCK);
	door->http = MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, on_request, door,
		MHD_OPTION_LISTEN_SOCKET, own, MHD_OPTION_CONNECTION_LIMIT,
		ADMIN_CLIENTS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
		CLIENTS_OF_PEER, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, CLIENT_BYTES,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK,
		leave_escaped, NULL, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, door, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
		door, MHD_OPTION_END);
	if (!door->http) {
		(void)close(own);
		return -ENOMEM;
	}
	info = MHD_get_daemon_info(door->http, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info)
		return -ENOSYS;
	door->poll_fd = info->epoll_fd;
	return 0;
}

static int open_doors(struct admin *admin, const struct admin_door *doors,
		      unsigned count)
{
	int ret = 0;

	for (unsigned i = 0; i < count && ret == 0; i++) {
		struct door *door = &admin->doors[i];

		door->admin = admin;
		door->loopback = doors[i].loopback;
		for (unsigned k = 0; k < ADMIN_CLIENTS_MAX; k++)
			door->clients[k].fd = -1;
		admin->door_count++;
		ret = open_door(door, doors[i].fd);
	}
	return ret;
}

static void take_apart(struct admin *admin)
{
	for (unsigned i = 0; i < admin->door_count; i++)
		if (admin->doors[i].http)
			MHD_stop_daemon(admin->doors[i].http);
	admin_routes_close(admin->site);
	if (admin->stop_fd >= 0)
		(void)close(admin->stop_fd);
	free(admin);
}

/* The thread inherits the mask: it must never take a signal of the daemon. */
static int start_thread(struct admin *admin, const pthread_attr_t *attributes)
{
	sigset_t all, before;
	int ret;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&admin->thread, attributes, run, admin);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (ret == 0)
		(void)pthread_setname_np(admin->thread, "bcastd-admin");
	return -ret;
}

int admin_start(struct admin **admin, const char *stream,
		const struct admin_door *doors, unsigned count,
		const pthread_attr_t *attributes)
{
	struct admin *made = calloc(1, sizeof(*made));
	int ret;

	if (!made)
		return -ENOMEM;
	made->stop_fd = eventfd(0, EFD_CLOEXEC);
	ret = made->stop_fd < 0 ? -errno
				: admin_routes_open(&made->site, stream);
	if (ret == 0)
		ret = open_doors(made, doors, count);
	if (ret == 0)
		ret = start_thread(made, attributes);
	if (ret < 0) {
		take_apart(made);
		return ret;
	}
	*admin = made;
	return 0;
}

void admin_stop(struct admin *admin)
{
	const uint64_t one = 1;

	if (!admin)
		return;
	while (write(admin->stop_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	(void)pthread_join(admin->thread, NULL);
	take_apart(admin);
}
