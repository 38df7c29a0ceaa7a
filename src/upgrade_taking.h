/* SPDX-License-Identifier: MIT */
/*
 * upgrade_taking.h - what upgrade_take.c has heard, for those that make it
 * ours, upgrade_listeners.c and upgrade_own.c; and how it talks, upgrade_ask.c.
 */
#ifndef SRC_UPGRADE_TAKING_H
#define SRC_UPGRADE_TAKING_H

#include "src/upgrade.h"
#include "src/upgrade_state.h"

/* What has been taken, on its way to be ours. */
struct upgrade_taking {
	struct upgrade_stream_wire stream;
	unsigned char *image;
	int *fds; /* those that no connection has yet are not -1 */
	uint32_t fd_count;
	struct upgrade_unpacked *all;
	uint32_t count;
	bool *stays; /* of each entry of the table of peers */
};

/* ---- Words (upgrade_ask.c) --------------------------------------------- */

/* upgrade_fail - log why there is no upgrade. Returns an exit code. */
int upgrade_fail(const struct daemon *daemon, const char *why, const char *fix);

/* upgrade_fail_with - the same for an error. */
int upgrade_fail_with(const struct daemon *daemon, int error);

/* upgrade_refused - the same, as the old daemon has said it. */
int upgrade_refused(const struct daemon *daemon,
		    const struct upgrade_message *message);

/* upgrade_ask_say - this word. Returns 0, or an exit code after logging why. */
int upgrade_ask_say(const struct daemon *daemon, enum upgrade_type type);

/*
 * upgrade_ask_hear - the next message, which is to be of this type. Likewise.
 */
int upgrade_ask_hear(const struct daemon *daemon, enum upgrade_type type,
		     struct upgrade_message *message);

/* ---- What comes of it -------------------------------------------------- */

/* upgrade_take_listener - one of a WELCOME, with its descriptor. */
void upgrade_take_listener(struct upgrade_listener *taken,
			   const unsigned char *bytes, int fd);

/*
 * upgrade_listener_for - where connections belong that came in at the old one's
 * listener `index`: if there is no such address any more, to one of the same
 * role, or to any.
 */
uint32_t upgrade_listener_for(const struct daemon *daemon, uint32_t index);

/* upgrade_close_unused - the addresses that only the old one wanted. */
void upgrade_close_unused(struct upgrade *upgrade);

/*
 * upgrade_own - GO was said: the segment, its tables and the connections are
 * ours, and go on. Cannot fail.
 */
void upgrade_own(struct daemon *daemon, struct upgrade_taking *taking);

#endif
