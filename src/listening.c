/* SPDX-License-Identifier: MIT */
/* listening.c - see listening.h. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "net/listener.h"
#include "net/unix_listener.h"
#include "src/check_network.h"
#include "src/listening.h"
#include "src/log.h"
#include "src/upgrade.h"

#define DEAD_WAIT_MS  30000u
#define PORT_ATTEMPTS 16u /* to find one that is free for all families */

const char *listening_role_name(enum config_role role)
{
	switch (role) {
	case CONFIG_ROLE_ANY:
		return "any";
	case CONFIG_ROLE_INGEST:
		return "ingest";
	case CONFIG_ROLE_EGRESS:
		return "egress";
	case CONFIG_ROLE_PACKET:
		return "packet";
	case CONFIG_ROLE_ECHO:
		return "echo";
	case CONFIG_ROLE_ADMIN:
		return "admin";
	}
	return "unknown";
}

static int report_listen_error(const char *address, const char *error,
			       const char *fix, int code)
{
	char quoted[300];

	log_event(LOG_LEVEL_ERROR, "start_failed",
		  "addr=%s error=\"%s\" fix=\"%s\"",
		  log_quote(address, quoted, sizeof(quoted)), error, fix);
	return code;
}

static int explain_listen_error(const struct config_listen *listen, int error)
{
	const char *address = listen->address;
	char text[160];

	if (error == -EADDRINUSE)
		return report_listen_error(
			address, "the address is in use",
			"stop what listens there (ss -ltnp), or choose "
			"another port, or 0 for a free one",
			EX_UNAVAILABLE);
	if (error == -EACCES)
		return report_listen_error(address,
					   "not permitted to listen there",
					   "use a port from 1024 up, or grant "
					   "CAP_NET_BIND_SERVICE",
					   EX_NOPERM);
	if (error == -ENOENT || error == -EPERM) {
		snprintf(text, sizeof(text), "congestion control %s is not %s",
			 listen->congestion,
			 error == -ENOENT ? "there" : "permitted");
		return report_listen_error(
			address, text,
			"choose one of sysctl "
			"net.ipv4.tcp_allowed_congestion_control",
			EX_UNAVAILABLE);
	}
	return report_listen_error(address, strerror(-error),
				   "give an address of this machine",
				   EX_UNAVAILABLE);
}

static int explain_unix_error(const char *address, int error)
{
	if (error == -EADDRINUSE)
		return report_listen_error(
			address, "somebody listens there",
			"stop what listens there (ss -lxp), or choose another "
			"path",
			EX_UNAVAILABLE);
	if (error == -ENOTSOCK)
		return report_listen_error(
			address, "something that is not a socket is there",
			"remove it, or choose another path", EX_CANTCREAT);
	if (error == -EPERM || error == -EACCES || error == -EROFS)
		return report_listen_error(
			address, strerror(-error),
			"choose a directory that the daemon may write to, and "
			"a --group that it is in",
			EX_NOPERM);
	return report_listen_error(address, strerror(-error),
				   "give a path in a directory that exists",
				   EX_CANTCREAT);
}

/* ---- One address ------------------------------------------------------- */

static const char *inherited_congestion(const struct config_listen *listen)
{
	if (strcmp(listen->congestion, "auto") == 0 ||
	    strcmp(listen->congestion, "system") == 0)
		return "";
	return listen->congestion;
}

/*
 * A ring of requests keeps the sockets of a process that was killed until the
 * kernel has taken it apart, which needs a grace period of RCU: 10 ms, but
 * more than 8 s were seen where a dozen processes fought for two cores.
 */
static uint32_t extra_wait_ms(const struct daemon *daemon)
{
	return daemon->adopted || daemon->not_adopted ? DEAD_WAIT_MS : 0;
}

/*
 * To connect to a unix socket is to write to it. At --egress that is for those
 * who may read the stream, and so are --echo and --admin. Elsewhere one can
 * become the sender: that is for those who may write to the segment, and so
 * publish.
 */
static mode_t socket_mode(const struct config *config, enum config_role role)
{
	mode_t may = config->mode & 0666;

	if (role == CONFIG_ROLE_EGRESS || role == CONFIG_ROLE_ECHO ||
	    role == CONFIG_ROLE_ADMIN)
		return (may & 0444) | (may & 0444) >> 1;
	return (may & 0222) | (may & 0222) << 1;
}

static int open_unix(const struct daemon *daemon, struct listener *made)
{
	const struct config *config = &daemon->config;
	const struct bc_unix_listener_options options = {
		.mode = socket_mode(config, made->role),
		.gid = config->gid,
		.extra_wait_ms = extra_wait_ms(daemon),
	};

	return bc_unix_listener_open(&made->bound, &options, &made->file);
}

/* A receiver brings us next to nothing; of echo clients there are many. */
static uint32_t rcvbuf_bytes(const struct config_listen *listen)
{
	return listen->role == CONFIG_ROLE_EGRESS ||
			       listen->role == CONFIG_ROLE_ECHO ||
			       listen->role == CONFIG_ROLE_ADMIN
		       ? 0
		       : listen->rcvbuf_bytes;
}

bool listening_is_loopback(const struct sockaddr_storage *storage)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)storage;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)storage;

	if (storage->ss_family == AF_INET)
		return ntohl(four->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return storage->ss_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

/*
 * Whoever comes in there is of this machine, and gets cubic where nothing else
 * was asked for. It can be set when they have come (introduce.c, echo.c), and
 * has to be where others can come too; but a connection that began with bbr,
 * if that is the system's choice, keeps TCP's own pacing, a timer a connection.
 * With 16 or more of them, the same bytes cost half as much time again.
 */
static void prefer_cubic(const struct config_listen *listen, int fd,
			 const struct bc_sockaddr *address)
{
	static const char cubic[] = "cubic";

	if (fd >= 0 && listen->role != CONFIG_ROLE_INGEST &&
	    strcmp(listen->congestion, "auto") == 0 &&
	    listening_is_loopback(&address->storage))
		(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, cubic,
				 sizeof(cubic) - 1);
}

static int open_tcp(const struct daemon *daemon,
		    const struct config_listen *listen, struct listener *made,
		    bool impatient)
{
	const struct bc_listener_options options = {
		.congestion = inherited_congestion(listen),
		.sndbuf_bytes = listen->sndbuf_bytes,
		.rcvbuf_bytes = rcvbuf_bytes(listen),
		.busy_poll_us = daemon->config.busy_poll_us,
		.keepalive_ms = listen->keepalive_ms,
		.user_timeout_ms = listen->user_timeout_ms,
		.extra_wait_ms = extra_wait_ms(daemon),
		.impatient = impatient,
	};
	int fd;

	fd = bc_listener_open(&made->bound, &options, &made->bound.storage);
	prefer_cubic(listen, fd, &made->bound);
	return fd;
}

static int open_listener(struct daemon *daemon,
			 const struct config_listen *listen,
			 const struct bc_sockaddr *address, bool impatient)
{
	struct listener *made = &daemon->listeners[daemon->listener_count];
	int fd;

	*made = (struct listener){
		.role = listen->role,
		.door = (uint32_t)(listen - daemon->config.listens),
		.bound = *address,
	};
	fd = upgrade_listener(daemon, listen, made);
	if (fd < 0)
		fd = bc_sockaddr_is_unix(address)
			     ? open_unix(daemon, made)
			     : open_tcp(daemon, listen, made, impatient);
	if (fd < 0)
		return fd;
	made->fd = fd;
	bc_sockaddr_format(&made->bound.storage, made->address,
			   sizeof(made->address));
	daemon->listener_count++;
	return 0;
}

static void close_listeners(struct daemon *daemon, uint32_t first)
{
	while (daemon->listener_count > first) {
		struct listener *last =
			&daemon->listeners[--daemon->listener_count];

		bc_unix_listener_remove(&last->bound, &last->file);
		(void)close(last->fd);
	}
}

/* ---- One option -------------------------------------------------------- */

/* An address family that this machine lacks is left out, if another works. */
static bool is_absent(int error)
{
	return error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL;
}

/* All of them, or none. `share`: the port of the first is everybody's. */
static int open_all(struct daemon *daemon, const struct config_listen *listen,
		    struct bc_sockaddr *addresses, int count, bool share)
{
	uint32_t before = daemon->listener_count;
	int error = -EADDRNOTAVAIL;

	for (int i = 0; i < count; i++) {
		bool follows = share && daemon->listener_count > before;
		int ret;

		if (share)
			bc_sockaddr_set_port(
				&addresses[i],
				follows ? bc_sockaddr_port(
						  &daemon->listeners[before]
							   .bound.storage)
					: 0);
		ret = open_listener(daemon, listen, &addresses[i], follows);
		if (ret < 0)
			error = ret;
		if (ret < 0 && !is_absent(ret)) {
			close_listeners(daemon, before);
			return ret;
		}
	}
	return daemon->listener_count > before ? 0 : error;
}

static bool picks_a_port(const struct bc_sockaddr *address)
{
	return !bc_sockaddr_is_unix(address) &&
	       bc_sockaddr_port(&address->storage) == 0;
}

static int open_addresses(struct daemon *daemon,
			  const struct config_listen *listen)
{
	struct bc_sockaddr addresses[DAEMON_LISTENERS_MAX];
	uint32_t room = DAEMON_LISTENERS_MAX - daemon->listener_count;
	int count = bc_sockaddr_parse(listen->address, addresses, room);
	unsigned attempts = 1;
	bool share;
	int ret;

	if (count < 0)
		return report_listen_error(listen->address,
					   bc_sockaddr_strerror(count),
					   "give HOST:PORT with a host that "
					   "resolves, or a numeric address",
					   EX_UNAVAILABLE);
	share = picks_a_port(&addresses[0]);
	if (share)
		attempts = PORT_ATTEMPTS;
	do
		ret = open_all(daemon, listen, addresses, count, share);
	while (ret == -EADDRINUSE && --attempts > 0);
	if (ret < 0 && bc_sockaddr_is_unix(&addresses[0]))
		return explain_unix_error(listen->address, ret);
	return ret < 0 ? explain_listen_error(listen, ret) : 0;
}

/* ---- All --------------------------------------------------------------- */

static void warn_of_backlog(void)
{
	unsigned backlog = bc_listener_backlog();
	struct check_result result = {0};

	check_backlog_judge(backlog, &result);
	if (result.state == CHECK_WARN)
		log_event(LOG_LEVEL_WARN, "small_backlog",
			  "limit=%u wanted=%u fix=\"%s\"", backlog,
			  BC_LISTENER_BACKLOG, result.fix);
}

int listening_open(struct daemon *daemon)
{
	const struct config *config = &daemon->config;

	for (uint32_t i = 0; i < config->listen_count; i++) {
		int ret = open_addresses(daemon, &config->listens[i]);

		if (ret != 0)
			return ret;
	}
	warn_of_backlog();
	return 0;
}

void listening_retune(const struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->listener_count; i++) {
		const struct listener *listener = &daemon->listeners[i];
		const struct config_listen *door =
			&daemon->config.listens[listener->door];

		/* what the kernel took at the start it takes again */
		if (!bc_sockaddr_is_unix(&listener->bound))
			(void)bc_listener_retune(listener->fd,
						 door->keepalive_ms,
						 door->user_timeout_ms);
	}
}

void listening_close(struct daemon *daemon)
{
	close_listeners(daemon, 0);
}
