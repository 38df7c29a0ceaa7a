/* SPDX-License-Identifier: MIT */
/*
 * upgrade.h - hot upgrade: a new process takes everything over from a daemon
 * that lives, and no connection notices but by a short pause.
 *
 *	new (--takeover)                old
 *	HELLO  ------------------------>
 *	       <------------------------ WELCOME  segment, name lock, listeners
 *	maps the ring, opens its backend, starts its threads, opens addresses
 *	of its own; the old one serves on
 *	ASK    ------------------------>
 *	                                 no more zero-copy sends, until none is
 *	                                 owed: it serves on
 *	                                 stands still: nothing is in flight
 *	       <------------------------ STATE, SOCKETS ...
 *	READY  ------------------------>
 *	       <------------------------ GO, and ends, touching nothing
 *	owns the segment, goes on where each connection stood
 *
 * GO is the one word that decides. The old one says it last of all, once it has
 * READY; before that it may at any time refuse, or find the other gone, and
 * goes on as if nothing had been: it has given away copies of descriptors, no
 * more. The new one writes nothing, neither to the segment nor to a socket,
 * before it has read GO; if it loses patience it first shuts its side, so that
 * GO either was there by then or cannot be said any more. kill -9 of either at
 * any line is the kill of one daemon: the locks are held by both through the
 * same open file descriptions, so they are free when both are gone and not an
 * instant earlier, and the one that is left goes on, or ends.
 *
 * The control socket is of the abstract name space: no file to be left behind.
 * Its name has the epoch and the incarnation, so each owner has its own. The
 * old one lets in its own user and root, by SO_PEERCRED. The new one does not
 * go by the pid of the owner, which is a number in memory: the descriptor it is
 * given must be that of the segment of this name, and bring the owner's lock
 * (shm/segment_inherit.h), which no stranger has.
 *
 * What goes over: listeners, receivers, senders in their line, and clients of
 * --packet, whatever they are saying, but for those that are nodes. These, and
 * echo clients, are left behind: the old one's end closes them, and they come
 * again. Rejected: to have them all, since a remote node is a slot, an inbox
 * and a thread's attention; and to carry zero-copy sends over, which only the
 * process that has posted them is told about.
 */
#ifndef SRC_UPGRADE_H
#define SRC_UPGRADE_H

#include <sys/un.h>

#include "net/fd_pass.h"
#include "src/daemon.h"
#include "src/upgrade_wire.h"

/* What the new one may take for all it does between WELCOME and ASK. */
#define UPGRADE_PREPARE_NS ((uint64_t)60 * BC_NS_PER_S)
/* For the zero-copy sends that are owed; the old one serves meanwhile. */
#define UPGRADE_SETTLE_NS ((uint64_t)2 * BC_NS_PER_S)
/* And how long it stands still at most. */
#define UPGRADE_STILL_NS ((uint64_t)2 * BC_NS_PER_S)
/* How long the new one waits for each word of the old one. */
#define UPGRADE_PATIENCE_NS ((uint64_t)6 * BC_NS_PER_S)

enum upgrade_stage {
	UPGRADE_NOBODY,
	UPGRADE_MET,	 /* somebody has connected */
	UPGRADE_GREETED, /* has what it needs to prepare */
	UPGRADE_ASKED,	 /* wants it now */
};

/* A listener that comes from the old one. */
struct upgrade_listener {
	int fd; /* -1: no more */
	enum config_role role;
	struct bc_sockaddr bound;
	struct bc_unix_file file;
	char given[256];
	uint32_t index; /* in daemon->listeners, or UPGRADE_UNUSED */
};
#define UPGRADE_UNUSED UINT32_MAX

struct upgrade {
	/* the side that gives: upgrade_give.c */
	int control_fd; /* -1: nobody can take over */
	bool control_armed;
	int taker_fd; /* -1: nobody wants to */
	bool taker_armed;
	bool taker_dropped; /* to be closed by the event of its poll */
	bool giving;
	enum upgrade_stage stage;
	uint64_t deadline_ns;
	uint64_t next_look_ns; /* at the control socket */

	/* the side that takes: upgrade_take.c, until it has all */
	int giver_fd;
	uint32_t listener_count; /* of the old one */
	struct upgrade_listener listeners[DAEMON_LISTENERS_MAX];
};

/* ---- To give ----------------------------------------------------------- */

/* upgrade_open - from now on another process may ask to take over. */
void upgrade_open(struct daemon *daemon);

/* upgrade_close - no more, and free what there is of it. */
void upgrade_close(struct daemon *daemon);

/* upgrade_on_event - BC_OP_UPGRADE. */
void upgrade_on_event(struct daemon *daemon, uint32_t slot);

/*
 * upgrade_turn - at the end of a turn of the loop, of which there is one with
 * each tick: if it was asked for, and can be, hand everything over. The phase
 * is then DAEMON_GIVEN, and the process is to end without a further touch of
 * anything. What ends meanwhile is given to `dispatch`, the loop's.
 */
void upgrade_turn(struct daemon *daemon,
		  void (*dispatch)(struct daemon *daemon,
				   const struct bc_event *event));

/* ---- To take ----------------------------------------------------------- */

/*
 * upgrade_begin - is there a daemon of our name to take over from? Then
 * daemon->taking is set, and its segment and name are ours as well. Returns 0,
 * or an exit code of sysexits.h after logging why it cannot be.
 */
int upgrade_begin(struct daemon *daemon);

/*
 * upgrade_listener - the descriptor of the old one's listener of this address,
 * with *made completed; or -1. It is used once.
 */
int upgrade_listener(struct daemon *daemon, const struct config_listen *listen,
		     struct listener *made);

/*
 * upgrade_finish - all is ready: take it. Returns 0 with everything ours and
 * the connections going on, or an exit code after logging why not.
 */
int upgrade_finish(struct daemon *daemon);

/*
 * upgrade_abandon - the old one goes on: forget what is its, without a trace.
 * daemon_stop() is next.
 */
void upgrade_abandon(struct daemon *daemon);

/* ---- Both (upgrade.c) -------------------------------------------------- */

/* upgrade_make - daemon->upgrade is there, empty. Returns 0 or -ENOMEM. */
int upgrade_make(struct daemon *daemon);

/* upgrade_address - the control socket of this segment's owner. */
socklen_t upgrade_address(const struct bc_segment *segment,
			  struct sockaddr_un *address);

/* upgrade_resume - the home lane goes on from where it stands. */
void upgrade_resume(struct daemon *daemon);

/* upgrade_is_trusted - is the other side of our user, or root? */
bool upgrade_is_trusted(int fd);

/* A message that has come. */
struct upgrade_message {
	struct upgrade_head_wire head;
	unsigned char bytes[UPGRADE_MESSAGE_MAX]; /* what follows the head */
	int fds[BC_FD_PASS_MAX];
	unsigned fd_count;
};

/*
 * upgrade_say - a message of this type, `body` (head.size bytes) and fds. Waits
 * for room until the deadline. Returns 0, -ETIMEDOUT or -errno.
 */
int upgrade_say(int socket_fd, struct upgrade_head_wire head, const void *body,
		const int *fds, unsigned fd_count, uint64_t deadline_ns);

/*
 * upgrade_hear - the next message, waited for until the deadline (0: not at
 * all). Returns 0, -EAGAIN (0 only), -ETIMEDOUT, -EPIPE at the end,
 * BCAST_EVERSION, -EPROTO, or -errno: no descriptor is kept then.
 */
int upgrade_hear(int socket_fd, struct upgrade_message *message,
		 uint64_t deadline_ns);

/* upgrade_drop_fds - close what a message has brought. */
void upgrade_drop_fds(struct upgrade_message *message);

#endif
