/* SPDX-License-Identifier: MIT */
/*
 * listening.h - open what --listen, --ingest, --egress and the like ask for,
 * and say in plain words why it cannot be.
 */
#ifndef SRC_LISTENING_H
#define SRC_LISTENING_H

#include "src/daemon.h"

/*
 * listening_open - resolve and open all of them; a name may give several. An
 * address family that this machine lacks is left out if another one works. All
 * addresses of a text with port 0 get the same port. Returns 0, or an exit code
 * of sysexits.h after logging why. May block for seconds: on name service, and
 * on addresses in use.
 */
int listening_open(struct daemon *daemon);

/*
 * listening_retune - those who come in from now on have the keepalive and the
 * user timeout that daemon->config says.
 */
void listening_retune(const struct daemon *daemon);

/* listening_close - close them, and remove our sockets' files. Idempotent. */
void listening_close(struct daemon *daemon);

/* listening_is_loopback - is it for this machine only? */
bool listening_is_loopback(const struct sockaddr_storage *storage);

/* listening_role_name - "any", "ingest", "egress", ... */
const char *listening_role_name(enum config_role role);

#endif
