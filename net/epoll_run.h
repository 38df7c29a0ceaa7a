/* SPDX-License-Identifier: MIT */
/*
 * epoll_run.h - the epoll backend at work: requests are tried, parked, tried
 * again, and end. epoll.c has the interface, and sleeps.
 *
 * A request is tried as soon as it is handed over, in the order of the queue:
 * most succeed, and "wake local readers, send, receive" keeps its order. What
 * would block is parked at its descriptor until the kernel tells that it is
 * ready. So a request costs the one system call that it is about, sometimes
 * twice.
 *
 * A descriptor is registered when something is parked there and nothing was:
 * edge-triggered, for both directions, and never changed. That it may be
 * registered already is not remembered but asked, since the descriptor may
 * have been closed and its number given to another file; while something is
 * parked it is not closed, so then nothing is asked. An edge that comes when
 * nothing is parked need not be kept: the next request is tried first. A late
 * event of a file that is gone makes one try too many, and no harm.
 *
 * Accept and recv_each stay parked and do a bounded number of calls at a time;
 * if there may be more, their descriptor is put on the `again` list, which the
 * next wait goes through. Each call of theirs takes a slot for its event.
 *
 * An edge can be missing: a send that finds no memory for sockets in the whole
 * system would block, though nothing of its own is under way whose arrival
 * could wake it. So parked sends are tried again in a slow round, without any.
 *
 * Rejected: a level-triggered set with a change for each request (one more
 * system call each); O_NONBLOCK, a flag that whoever shares the file would see
 * (MSG_DONTWAIT is ours), but for listeners, whose peer may have gone.
 */
#ifndef NET_EPOLL_RUN_H
#define NET_EPOLL_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "net/backend.h"
#include "net/epoll_table.h"
#include "shm/word_watch.h"

#define BC_EPOLL_POOL_BUFFERS 64u
#define BC_EPOLL_NOBODY	      (-1)

struct bc_epoll {
	struct bc_backend backend;
	int fd;
	bool coarse;	   /* no epoll_pwait2: timeouts in milliseconds */
	bool short_is_all; /* a receive that is not full has all there is */
	struct bc_epoll_table table;
	struct bc_epoll_list queue; /* not yet tried */
	struct bc_epoll_list done;  /* events for the caller */
	int again;		    /* first descriptor to look at again */
	unsigned busy_waits;	    /* see signal_gap.h */
	struct bc_word_watch watch;
	const bc_u32 *word; /* that is waited for; NULL: none */
	uint32_t word_seen;
	int sweep_at; /* descriptor where the next sweep begins */
	uint64_t next_sweep_ns;
	unsigned char *pool; /* buffers of recv_each, by number */
	uint8_t pool_free[BC_EPOLL_POOL_BUFFERS];
	uint8_t pool_lent[BC_EPOLL_POOL_BUFFERS]; /* until the next wait */
	unsigned free_count, lent_count;
};

/* bc_epoll_run_queue - try all that is queued, in order. */
void bc_epoll_run_queue(struct bc_epoll *epoll);

/* bc_epoll_run_again - go on where the last wait had enough. */
void bc_epoll_run_again(struct bc_epoll *epoll);

/* bc_epoll_run_ready - the kernel tells of a descriptor: EPOLLIN, ... */
void bc_epoll_run_ready(struct bc_epoll *epoll, int fd, uint32_t events);

/* bc_epoll_run_sweep - ten times a second, the next part of the slow round. */
void bc_epoll_run_sweep(struct bc_epoll *epoll, uint64_t now_ns);

/* bc_epoll_run_deliver - events that are done, up to `max`. */
int bc_epoll_run_deliver(struct bc_epoll *epoll, struct bc_event *events,
			 unsigned max);

#endif
