/* SPDX-License-Identifier: MIT */
/*
 * mail_watch.h - be woken when something is put into one of many inboxes.
 *
 * An inbox announces a message by its count, a futex word in the registry, and
 * the daemon's loop sleeps on descriptors. So there are threads that sleep on
 * the words, up to 127 each (the kernel's limit for futex_waitv(2), less one
 * for orders), and write to an eventfd. They are there only once somebody is to
 * be watched: most daemons never start one.
 *
 *	loop:   nothing there -> mail_watch_want(), look again, sleep
 *	sender: count += 1, wake (only if the reader sleeps: inbox.h)
 *	thread: woken -> which slot -> bit in `fired` -> eventfd
 *	loop:   eventfd -> mail_watch_take()
 *
 * A thread goes on sleeping on a word that it has reported, so that a message
 * now and then costs no order to the thread. If the word changes again before
 * the loop wants to know, many are coming: the thread leaves it alone until it
 * is ordered to watch it again, or it would spin. What has changed stays
 * reported until it is taken. A slot may be reported for nothing.
 *
 * A thread never touches the registry's pages: any node may cut it short, and
 * SIGBUS is dealt with by the daemon's own thread only (nodes.c). It sleeps by
 * addresses, which the kernel checks, and reads by pread(2).
 *
 * Rejected: futex requests of io_uring, which epoll does not have, nor a kernel
 * before 6.7; one thread an inbox; a timer, which would be late or burn CPU.
 *
 * kill -9 leaves nothing: the threads end with the process, and who is not
 * woken any more finds that its addressee is dead.
 */
#ifndef SRC_MAIL_WATCH_H
#define SRC_MAIL_WATCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "shm/node_table.h"
#include "shm/notify.h"

#define MAIL_WORDS  (BC_NOTIFY_ITEMS_MAX - 1)
#define MAIL_GROUPS ((BC_NODES_MAX + MAIL_WORDS - 1) / MAIL_WORDS)

struct mail_word {
	const bc_u32 *word; /* an inbox's count */
	uint32_t slot;
	uint32_t seen; /* by the thread, or when it was wanted */
};

/* What is to be done when a word changes. */
enum mail_state {
	MAIL_REPORTED = 0, /* the loop is at it: leave the word alone next */
	MAIL_WANTED,	   /* report it */
	MAIL_LEFT_ALONE,   /* nothing: the thread does not sleep on it */
};

struct mail_watch;

/* A thread, and what it sleeps on. */
struct mail_group {
	struct mail_watch *watch;
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows */
	struct mail_word words[MAIL_WORDS];
	uint32_t count;
	bool stopping;
	bc_u32 orders; /* futex word: += 1 after each change of these */
};

struct mail_watch {
	int eventfd;  /* readable: something was reported */
	int registry; /* a descriptor of our own */
	struct bc_registry_geometry geometry;
	struct mail_group *groups[MAIL_GROUPS];
	uint32_t group_count;
	bc_u64 fired[BC_NODES_MAX / 64]; /* a bit a slot */
	bc_u32 states[BC_NODES_MAX];	 /* enum mail_state */
};

/* mail_watch_open - watch nothing yet. Returns 0 or -errno. */
int mail_watch_open(struct mail_watch *watch,
		    const struct bc_node_table *table);

/*
 * mail_watch_add - be ready to watch the inbox of this slot too, whose count is
 * mapped at `word`. Returns 0 or -errno (no thread to be had).
 */
int mail_watch_add(struct mail_watch *watch, uint32_t slot, const bc_u32 *word);

/*
 * mail_watch_want - report the slot once its count is not `seen` any more. To
 * be called before the last look into the inbox, `seen` being read before it,
 * too.
 */
void mail_watch_want(struct mail_watch *watch, uint32_t slot, uint32_t seen);

/* mail_watch_remove - no more; the word may be unmapped after this. */
void mail_watch_remove(struct mail_watch *watch, uint32_t slot);

/*
 * mail_watch_take - the eventfd is readable, perhaps: call `found` for each
 * slot that was reported.
 */
void mail_watch_take(struct mail_watch *watch,
		     void (*found)(void *context, uint32_t slot),
		     void *context);

/* mail_watch_close - end the threads of one that was opened. */
void mail_watch_close(struct mail_watch *watch);

#endif
