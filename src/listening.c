/* SPDX-License-Identifier: MIT */
/* listening.c - see listening.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "net/listener.h"
#include "src/listening.h"
#include "src/log.h"

#define DEAD_WAIT_MS 30000u

const char *listening_role_name(enum config_role role)
{
	switch (role) {
	case CONFIG_ROLE_ANY:
		return "any";
	case CONFIG_ROLE_INGEST:
		return "ingest";
	case CONFIG_ROLE_EGRESS:
		return "egress";
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

static int explain_listen_error(const struct daemon *daemon,
				const char *address, int error)
{
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
			 daemon->config.congestion,
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

static const char *inherited_congestion(const struct config *config)
{
	if (strcmp(config->congestion, "auto") == 0 ||
	    strcmp(config->congestion, "system") == 0)
		return "";
	return config->congestion;
}

/*
 * A ring of requests keeps the sockets of a process that was killed until the
 * kernel has taken it apart, which needs a grace period of RCU: 10 ms, but
 * more than 8 s were seen where a dozen processes fought for two cores.
 */
static bool found_a_dead_one(const struct daemon *daemon)
{
	return daemon->adopted || daemon->not_adopted;
}

static int open_listener(struct daemon *daemon,
			 const struct config_listen *listen,
			 const struct bc_sockaddr *address)
{
	const struct config *config = &daemon->config;
	struct bc_listener_options options = {
		.congestion = inherited_congestion(config),
		.sndbuf_bytes = config->sndbuf_bytes,
		/* a receiver's connection brings us next to nothing */
		.rcvbuf_bytes = listen->role == CONFIG_ROLE_EGRESS
					? 0
					: config->rcvbuf_bytes,
		.busy_poll_us = config->busy_poll_us,
		.extra_wait_ms = found_a_dead_one(daemon) ? DEAD_WAIT_MS : 0,
	};
	struct sockaddr_storage bound;
	struct listener *made;
	int fd = bc_listener_open(address, &options, &bound);

	if (fd < 0)
		return fd;
	made = &daemon->listeners[daemon->listener_count++];
	made->fd = fd;
	made->role = listen->role;
	bc_sockaddr_format(&bound, made->address, sizeof(made->address));
	return 0;
}

/* An address family that this machine lacks is left out, if another works. */
static bool is_absent(int error)
{
	return error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL;
}

static int open_addresses(struct daemon *daemon,
			  const struct config_listen *listen)
{
	struct bc_sockaddr addresses[DAEMON_LISTENERS_MAX];
	uint32_t room = DAEMON_LISTENERS_MAX - daemon->listener_count;
	uint32_t before = daemon->listener_count;
	int error = 0;
	int count = bc_sockaddr_parse(listen->address, addresses, room);

	if (count < 0)
		return report_listen_error(listen->address,
					   bc_sockaddr_strerror(count),
					   "give HOST:PORT with a host that "
					   "resolves, or a numeric address",
					   EX_UNAVAILABLE);
	for (int i = 0; i < count; i++) {
		int ret = open_listener(daemon, listen, &addresses[i]);

		if (ret < 0)
			error = ret;
		if (ret < 0 && !is_absent(ret))
			return explain_listen_error(daemon, listen->address,
						    ret);
	}
	if (daemon->listener_count == before)
		return explain_listen_error(daemon, listen->address, error);
	return 0;
}

int listening_open(struct daemon *daemon)
{
	const struct config *config = &daemon->config;

	for (uint32_t i = 0; i < config->listen_count; i++) {
		int ret = open_addresses(daemon, &config->listens[i]);

		if (ret != 0)
			return ret;
	}
	return 0;
}

void listening_close(struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->listener_count; i++)
		(void)close(daemon->listeners[i].fd);
	daemon->listener_count = 0;
}
