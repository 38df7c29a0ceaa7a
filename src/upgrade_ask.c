/* SPDX-License-Identifier: MIT */
/*
 * upgrade_ask.c - see upgrade_taking.h: words of the one that takes, and why
 * not.
 */
#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include <bcast/bcast.h>

#include "shm/clock.h"
#include "src/log.h"
#include "src/upgrade_taking.h"

/* ---- Why not ----------------------------------------------------------- */

int upgrade_fail(const struct daemon *daemon, const char *why, const char *fix)
{
	log_event(LOG_LEVEL_ERROR, "upgrade_failed",
		  "name=%s reason=\"%s\" fix=\"%s; the running daemon goes "
		  "on\"",
		  daemon->config.name, why, fix);
	return EX_UNAVAILABLE;
}

int upgrade_fail_with(const struct daemon *daemon, int error)
{
	switch (error) {
	case -EPIPE:
		return upgrade_fail(daemon, "the running daemon has hung up",
				    "see what it logs");
	case -ETIMEDOUT:
		return upgrade_fail(daemon,
				    "the running daemon does not answer",
				    "look whether it hangs");
	case BCAST_EVERSION:
		return upgrade_fail(daemon,
				    "the running daemon speaks another version",
				    "stop it, then start this one");
	case -EPROTO:
		return upgrade_fail(daemon,
				    "the running daemon says what cannot be",
				    "stop it, then start this one");
	case -ENOSPC:
		return upgrade_fail(daemon,
				    "it has more connections than may be here",
				    "raise --max-receivers");
	case -EXDEV:
		return upgrade_fail(daemon,
				    "--publishers is another, and clients "
				    "publish",
				    "give the same");
	default:
		return upgrade_fail(daemon, bcast_strerror(error), "try again");
	}
}

int upgrade_refused(const struct daemon *daemon,
		    const struct upgrade_message *message)
{
	char text[UPGRADE_TEXT_MAX], quoted[4 * UPGRADE_TEXT_MAX];
	size_t size = message->head.size;

	if (size > sizeof(text) - 1)
		size = sizeof(text) - 1;
	memcpy(text, message->bytes, size);
	text[size] = '\0';
	log_event(LOG_LEVEL_ERROR, "upgrade_failed",
		  "name=%s reason=%s fix=\"see what the running daemon logs; "
		  "it goes on\"",
		  daemon->config.name, log_quote(text, quoted, sizeof(quoted)));
	return EX_UNAVAILABLE;
}

/* ---- Words ------------------------------------------------------------- */

int upgrade_ask_say(const struct daemon *daemon, enum upgrade_type type)
{
	const struct upgrade_head_wire head = {.type = (uint16_t)type};
	int ret = upgrade_say(daemon->upgrade->giver_fd, head, NULL, NULL, 0,
			      bc_monotonic_ns() + UPGRADE_PATIENCE_NS);

	return ret < 0 ? upgrade_fail_with(daemon, ret) : 0;
}

int upgrade_ask_hear(const struct daemon *daemon, enum upgrade_type type,
		     struct upgrade_message *message)
{
	int ret = upgrade_hear(daemon->upgrade->giver_fd, message,
			       bc_monotonic_ns() + UPGRADE_PATIENCE_NS);

	if (ret < 0)
		return upgrade_fail_with(daemon, ret);
	if (message->head.type == type)
		return 0;
	upgrade_drop_fds(message);
	if (message->head.type == UPGRADE_REFUSED)
		return upgrade_refused(daemon, message);
	return upgrade_fail_with(daemon, -EPROTO);
}
