/* SPDX-License-Identifier: MIT */
/*
 * daemon.h - all parts of a running bcastd, and who may touch what.
 *
 * One struct, made by start.c and taken apart by it in reverse. The
 * way of a byte through it:
 *
 *	loop.c      wait -> dispatch -> publish + wake -> pump -> arm -> tick
 *	ingest.c    recv event: the bytes are already in the ring
 *	            ingest_publish: tail moves, local readers wake
 *	egress.c    egress_pump: one send per idle receiver, from its cursor
 *	            sent event: cursor moves
 *	ingest.c    ingest_arm: the next recv, if backpressure.c admits it
 *
 * With records, clients publish in the sender's place:
 *
 *	publish_direct.c  recv event: records are in the ring; checked there
 *	publish_copy.c    or in a buffer: checked, and copied into the ring
 *	publishing.c      publishing_turn: tail moves, readers wake, ACKs
 *
 * Receivers are served by a lane (lane.h): ours, the home lane; or those of
 * --egress-threads, with which lanes.c deals: nobody else touches anything in
 * here but the daemon's own thread. What all receivers together mean for the
 * sender is receivers.c's business.
 *
 * While a local process publishes, local.c takes the place of ingest.c: it
 * follows the tail, and says how far the publisher may go.
 *
 * No byte goes through nodes.c, which watches the local nodes' processes, nor
 * through gating.c, which knows for which of them the sender has to wait.
 * Messages from and to nodes beyond TCP (remote_nodes.c) go through post.c, and
 * never through the ring.
 *
 * Nor does any of it concern echo.c, whose clients get back what they send; and
 * admin.c sees of all this only what stands in the segment.
 *
 * What kill -9 leaves at any line: sockets closed by the kernel, the locks
 * free, and the segment as it was: tail never says more than was written, and
 * the next daemon adopts it (takeover.h).
 */
#ifndef SRC_DAEMON_H
#define SRC_DAEMON_H

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/backend_open.h"
#include "net/sockaddr.h"
#include "net/unix_listener.h"
#include "shm/gate.h"
#include "shm/name_lock.h"
#include "shm/node_table.h"
#include "shm/segment.h"
#include "src/backpressure.h"
#include "src/config.h"
#include "src/echo.h"
#include "src/lane.h"
#include "src/service_notify.h"

#define DAEMON_LISTENERS_MAX 64u
#define DAEMON_SENDERS_MAX   16u /* one writes, the others wait their turn */

struct listener {
	int fd;
	enum config_role role;
	uint32_t door;	    /* its index in config.listens */
	bool armed;	    /* an accept is in flight */
	uint64_t failed_ns; /* when one failed last; 0: never */
	struct bc_sockaddr bound;
	struct bc_unix_file file; /* of a unix socket with a path */
	char address[BC_SOCKADDR_TEXT_MAX];
};

/* The sender's side. Only ingest.c writes it. */
struct ingest {
	struct bc_conn *line[DAEMON_SENDERS_MAX]; /* [0] writes */
	uint32_t line_count;
	bool receiving;		  /* a recv into the ring is in flight */
	uint64_t received;	  /* bytes at the tail, not yet published */
	uint64_t need_bytes;	  /* of the next read; see positions.need */
	uint64_t paused_since_ns; /* 0: not paused */
	bool given_up;	/* all receivers stalled: do not wait for them */
	bool has_lease; /* from the first in line to its last receive */
};

struct publisher;

/* Clients that publish. Only publish*.c and commit.c write it. */
struct publishing {
	struct publisher *all[BC_PUBLISHER_SLOTS];
	uint32_t count;
	uint64_t in_use[BC_PUBLISHER_SLOTS / 64]; /* slots of the table */
	uint64_t indexed;	  /* position of the last index entry */
	bool waited_for;	  /* a HELLO waits for a receive to end */
	bool held;		  /* publish_copy: receivers are in the way */
	bool more;		  /* publish_copy: not all was taken */
	uint32_t next;		  /* publish_copy: who is first */
	bool receiving;		  /* publish_direct: until the event is here */
	struct publisher *direct; /* publish_direct: who writes; or NULL */
	uint64_t have;		  /* publish_direct: bytes behind the tail */
	uint64_t done;		  /* publish_direct: of these, to publish */
	bool unread; /* publish_direct: records wait behind the tail */
};

/* A local publisher, as we see it. Only local.c writes it. */
struct local {
	uint64_t holder;   /* lease.holder, as last seen */
	uint64_t sequence; /* packets: of the record at daemon.tail */
	uint64_t limit;	   /* lease.limit, as we have stored it */
	bool armed;	   /* a wait for head.publish_count is in flight */
	uint64_t slept_at; /* the tail when we last went to sleep */
	char who[BCAST_NODE_ID_MAX + 1];
};

/* What the daemon knows of a slot of the registry. */
struct node_watch {
	uint64_t claim; /* of the node that was there; 0: nobody */
	int pidfd;	/* of its process; -1: none */
	bool armed;	/* a poll of pidfd is in flight */
	char id[BCAST_NODE_ID_MAX + 1];
};

/* Local nodes. Only nodes.c writes it. */
struct nodes {
	struct bc_node_table table; /* header NULL: not watched */
	struct node_watch *watches; /* one a slot; NULL: never attached */
	uint32_t count;		    /* slots */
	uint32_t joined;
	uint32_t armed;
	uint32_t budget; /* lock queries left until the next tick */
	uint32_t next;	 /* where the tick's round goes on */
	uint32_t membership;
	bool unfinished; /* the last look at a change ran out of budget */
	bool inherited;	 /* who is found now was known before an upgrade */
	uint64_t pid_namespace;
};

/* Local readers that the sender waits for. Only gating.c writes it. */
struct gating {
	struct bc_gates gates;	/* none while nodes are not watched */
	bool waiting;		/* the sender is not read because of them */
	uint64_t next_press_ns; /* when to look after them again */
	uint64_t floor;		/* of the last look */
};

struct admin;
struct remote_nodes;
struct upgrade;
struct reload;
struct lane_thread;
struct lane_news;

/* The egress threads. Only lanes.c writes it. */
struct lanes {
	struct lane_thread *threads;
	struct lane_news *news;
	uint32_t count;
	int eventfd;		     /* threads call us by it */
	bool armed;		     /* a poll of it is in flight */
	cpu_set_t cpus;		     /* where the process may run */
	pthread_mutex_t closed_lock; /* see lane.h */
};

/* Whether the segment still has its name. Only name_watch.c writes it. */
struct name_watch {
	uint64_t next_ns; /* when to look again */
	bool lost;	  /* it has not, and the log has it */
};

enum daemon_phase {
	DAEMON_RUNNING,
	DAEMON_STILL, /* for an instant: nothing new is asked for */
	DAEMON_DRAINING,
	DAEMON_STOPPED,
	DAEMON_GIVEN, /* another process goes on with all of it: upgrade.h */
};

struct daemon {
	struct config config;
	struct bc_name_lock name_lock;
	struct listener listeners[DAEMON_LISTENERS_MAX];
	uint32_t listener_count;
	struct bc_segment segment;
	struct upgrade *upgrade;	 /* upgrade*.c; NULL: there is none */
	bool taking;			 /* from a living daemon */
	bool adopted;			 /* the segment was a dead daemon's */
	const char *not_adopted;	 /* or why not, if there was one */
	struct bc_counter_shm *counters; /* in the segment */
	struct bc_backend *backend;
	char backend_why[BC_BACKEND_WHY_MAX]; /* not io_uring; or empty */
	const char *zerocopy_mode;
	char zerocopy_why[200];
	struct backpressure_limits limits;
	struct lane home;
	struct lanes lanes;
	struct ingest ingest;
	struct publishing publishing;
	struct local local;
	struct nodes nodes;
	struct remote_nodes *remote; /* NULL: there has been none */
	struct gating gating;
	struct echo echo;
	struct name_watch name_watch;
	struct admin *admin;   /* --admin's thread; NULL: there is none */
	struct reload *reload; /* NULL: no reload by SIGHUP */
	struct service_notify service;
	enum daemon_phase phase;
	uint64_t drain_began_ns;
	uint64_t drain_deadline_ns;
};

/*
 * daemon_home_slots - connections of the home lane. With egress threads these
 * are senders and, before they are handed over or if they do more than
 * subscribe, clients.
 */
static inline uint32_t daemon_home_slots(const struct config *config)
{
	bool receivers =
		config->egress_threads == 0 || config_has_clients(config);

	return DAEMON_SENDERS_MAX + (receivers ? config->max_receivers : 0);
}

/*
 * daemon_tail - the position up to which the stream is published. A local
 * publisher moves it all the time; we go on with what we saw once a turn.
 */
static inline uint64_t daemon_tail(const struct daemon *daemon)
{
	return daemon->home.tail;
}

#endif
