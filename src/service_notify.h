/* SPDX-License-Identifier: MIT */
/*
 * service_notify.h - tell the service manager how we are: sd_notify(3).
 *
 * Who started us as a service of Type=notify has put the address of a socket
 * into NOTIFY_SOCKET. It is told when we serve, that we still do (WATCHDOG=1,
 * if it asked for it by WATCHDOG_USEC), what we do (a line in systemctl
 * status), and that we end. Without that variable nothing here does anything.
 *
 * Nothing here blocks or allocates. What the manager does not take at once is
 * told again with the next tick, if it matters then.
 *
 * The environment is left as it is: a daemon that is started by this one, to
 * take over, may need it.
 */
#ifndef SRC_SERVICE_NOTIFY_H
#define SRC_SERVICE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#define SERVICE_MESSAGE_MAX 128

struct daemon;

/* Only service_notify.c uses it. */
struct service_notify {
	int fd; /* -1: nobody wants to be told */
	struct sockaddr_un to;
	socklen_t to_length;
	uint64_t watchdog_ns; /* 0: not asked for */
	uint64_t next_watchdog_ns;
	char owed[SERVICE_MESSAGE_MAX]; /* was not taken yet; or "" */
	bool complained;
	uint64_t status_ns;	      /* when the status was made; 0: never */
	uint64_t bytes_in, bytes_out; /* as they were then */
	char status[SERVICE_MESSAGE_MAX];
};

/*
 * service_notify_ready - we serve; also after service_notify_reloading(). The
 * first call reads the environment.
 */
void service_notify_ready(struct daemon *daemon);

/* service_notify_reloading - the configuration is being read again. */
void service_notify_reloading(struct daemon *daemon);

/* service_notify_stopping - the end has begun, and how long it may take. */
void service_notify_stopping(struct daemon *daemon);

/*
 * service_notify_tick - with every tick: the watchdog, at half of its time;
 * the status, once a second and only if it is another; what is still owed.
 */
void service_notify_tick(struct daemon *daemon);

/*
 * service_notify_main_pid - from now on process `pid` is the service, and we
 * tell nothing more. To be called by who gives over to a successor, as the
 * manager believes only the service itself. The successor tells if it has
 * NOTIFY_SOCKET and WATCHDOG_USEC in its environment, and no WATCHDOG_PID that
 * is another's. Returns 0, or -errno and nothing has changed; -EAGAIN: the
 * manager takes nothing just now.
 */
int service_notify_main_pid(struct daemon *daemon, pid_t pid);

/* service_notify_close - safe on one that was never opened, if fd is -1. */
void service_notify_close(struct daemon *daemon);

#endif
