/* SPDX-License-Identifier: MIT */
/*
 * service_notify.c - see service_notify.h.
 *
 * A message is one datagram of lines KEY=value. Not by libsystemd: its
 * sd_notify() opens a socket for each message, so that a daemon out of
 * descriptors would be taken for dead, and it waits while the manager's queue
 * is full, in the one thread that serves everybody. That library also brings
 * three compressors along for what are two dozen lines here.
 *
 * The address is given with each message instead of once by connect(): a
 * manager that has made its socket anew is then found again.
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/counters.h"
#include "src/daemon.h"
#include "src/log.h"
#include "src/receivers.h"
#include "src/service_notify.h"

#define STATUS_NS ((uint64_t)BC_NS_PER_S)
#define US_NS	  UINT64_C(1000)
#define MS_US	  UINT64_C(1000)

/* What the end takes after the draining: to take the memory apart. */
#define END_US (UINT64_C(30) * 1000 * 1000)

/* ---- The socket -------------------------------------------------------- */

/* A path, or @ and a name that is in no file system. Returns 0 or -errno. */
static int find_manager(struct service_notify *notify, const char *address)
{
	size_t length = strlen(address);

	if (address[0] != '/' && address[0] != '@')
		return -EAFNOSUPPORT;
	if (length < 2 || length >= sizeof(notify->to.sun_path))
		return -EINVAL;
	notify->to = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(notify->to.sun_path, address, length);
	if (address[0] == '@')
		notify->to.sun_path[0] = '\0';
	/* the name is exactly as long as it is; a path ends in a zero */
	notify->to_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
					length + (address[0] == '/'));
	return 0;
}

static uint64_t number_of(const char *variable)
{
	const char *text = getenv(variable);
	char *end;
	unsigned long long number;

	if (!text || *text < '0' || *text > '9')
		return 0;
	errno = 0;
	number = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0' ? number : 0;
}

/* Who is watched may be said: then it is us, or not our business. */
static uint64_t watchdog_ns(void)
{
	uint64_t us = number_of("WATCHDOG_USEC");

	if (getenv("WATCHDOG_PID") &&
	    number_of("WATCHDOG_PID") != (uint64_t)getpid())
		return 0;
	return us < UINT64_MAX / US_NS ? us * US_NS : 0;
}

static void complain(struct service_notify *notify, int error)
{
	char quoted[sizeof(notify->to.sun_path) * 4 + 3];

	if (notify->complained)
		return;
	notify->complained = true;
	log_event(LOG_LEVEL_WARN, "service_notify_failed",
		  "address=%s error=\"%s\" fix=\"the service manager cannot "
		  "be told that we serve: Type=exec needs no telling\"",
		  log_quote(getenv("NOTIFY_SOCKET"), quoted, sizeof(quoted)),
		  strerror(error));
}

static void open_once(struct service_notify *notify)
{
	const char *address = getenv("NOTIFY_SOCKET");
	int ret;

	if (notify->fd >= 0 || notify->complained || !address)
		return;
	ret = find_manager(notify, address);
	if (ret < 0) {
		complain(notify, -ret);
		return;
	}
	notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (notify->fd < 0)
		complain(notify, errno);
	else
		notify->watchdog_ns = watchdog_ns();
}

static int tell(struct service_notify *notify, const char *message)
{
	int error;

	if (notify->fd < 0)
		return 0;
	if (sendto(notify->fd, message, strlen(message),
		   MSG_DONTWAIT | MSG_NOSIGNAL,
		   (const struct sockaddr *)&notify->to,
		   notify->to_length) >= 0)
		return 0;
	error = errno;
	/* a full queue is no news: it is being restarted, or is busy */
	if (error != EAGAIN && error != ENOBUFS)
		complain(notify, error);
	return -error;
}

/* What the manager has to know, sooner or later. */
static void insist(struct service_notify *notify, const char *message)
{
	char owed[SERVICE_MESSAGE_MAX] = "";

	if (tell(notify, message) < 0)
		(void)snprintf(owed, sizeof(owed), "%s", message);
	memcpy(notify->owed, owed, sizeof(owed));
}

/* ---- The status -------------------------------------------------------- */

/* Bytes a second since then, with a unit: "1.2 GB/s". */
static void print_rate(char *text, size_t size, uint64_t bytes, uint64_t ns)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
	double rate = (double)bytes * (double)BC_NS_PER_S / (double)ns;
	unsigned unit = 0;

	while (rate >= 999.5 && unit < 4) {
		rate /= 1000;
		unit++;
	}
	(void)snprintf(text, size,
		       rate < 9.95 && unit ? "%.1f %s/s" : "%.0f %s/s", rate,
		       units[unit]);
}

static void print_status(struct daemon *daemon, char *text, size_t size)
{
	struct service_notify *notify = &daemon->service;
	uint64_t now_ns = daemon->home.now_ns;
	uint64_t in = bc_counter_get(daemon->counters, BC_COUNTER_bytes_in);
	uint64_t out = bc_counter_get(daemon->counters, BC_COUNTER_bytes_out);
	uint64_t ns = now_ns - notify->status_ns;
	char in_rate[32], out_rate[32];

	print_rate(in_rate, sizeof(in_rate), in - notify->bytes_in, ns);
	print_rate(out_rate, sizeof(out_rate), out - notify->bytes_out, ns);
	(void)snprintf(text, size,
		       "STATUS=receivers %" PRIu32 ", nodes %" PRIu32
		       "; in %s, out %s",
		       receivers_count(daemon), daemon->nodes.joined, in_rate,
		       out_rate);
	notify->bytes_in = in;
	notify->bytes_out = out;
	notify->status_ns = now_ns;
}

static void tell_status(struct daemon *daemon)
{
	struct service_notify *notify = &daemon->service;
	bool has_rates = notify->status_ns > 0;
	char text[SERVICE_MESSAGE_MAX] = "";

	if (daemon->home.now_ns - notify->status_ns < STATUS_NS)
		return;
	print_status(daemon, text, sizeof(text));
	if (!has_rates || strcmp(text, notify->status) == 0 ||
	    tell(notify, text) < 0)
		return;
	memcpy(notify->status, text, sizeof(text));
}

/* ---- What there is to tell --------------------------------------------- */

void service_notify_ready(struct daemon *daemon)
{
	struct service_notify *notify = &daemon->service;

	open_once(notify);
	insist(notify, "READY=1");
}

void service_notify_reloading(struct daemon *daemon)
{
	char text[64];

	/* the time is for Type=notify-reload, of systemd 253 */
	(void)snprintf(text, sizeof(text),
		       "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		       bc_monotonic_ns() / US_NS);
	(void)tell(&daemon->service, text);
}

void service_notify_stopping(struct daemon *daemon)
{
	char text[SERVICE_MESSAGE_MAX];

	(void)snprintf(
		text, sizeof(text),
		"STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=%" PRIu64,
		daemon->config.drain_timeout_ms * MS_US + END_US);
	insist(&daemon->service, text);
}

void service_notify_tick(struct daemon *daemon)
{
	struct service_notify *notify = &daemon->service;

	if (notify->fd < 0)
		return;
	if (notify->owed[0])
		insist(notify, notify->owed);
	if (notify->watchdog_ns > 0 &&
	    daemon->home.now_ns >= notify->next_watchdog_ns &&
	    tell(notify, "WATCHDOG=1") == 0)
		notify->next_watchdog_ns =
			daemon->home.now_ns + notify->watchdog_ns / 2;
	if (daemon->phase == DAEMON_RUNNING)
		tell_status(daemon);
}

void service_notify_close(struct daemon *daemon)
{
	if (daemon->service.fd >= 0)
		(void)close(daemon->service.fd);
	daemon->service.fd = -1;
}

int service_notify_main_pid(struct daemon *daemon, pid_t pid)
{
	char text[32];
	int ret;

	(void)snprintf(text, sizeof(text), "MAINPID=%d", (int)pid);
	ret = tell(&daemon->service, text);
	if (ret == 0)
		service_notify_close(daemon);
	return ret;
}
