/* SPDX-License-Identifier: MIT */
/*
 * word_watch.h - a descriptor that becomes readable when a word in shared
 * memory changes: for event loops, which can wait for descriptors only.
 *
 * A thread sleeps on the word, as notify.h has it, and signals an eventfd. It
 * costs two changes of thread for each signal (arm, and the wake), and it is
 * for those who have no better way: io_uring can wait on the word itself since
 * Linux 6.7, and nothing else in the kernel can.
 *
 * One arming at a time, and one signal for each. Readable means that the
 * arming in force has fired; arm and disarm take a signal back that nobody has
 * read. Any thread may call; open and close once, with nobody else inside.
 *
 * A forked child has the descriptor but not the thread: bc_word_watch_close()
 * is the only call it may make, and that leaves the parent's watch alone.
 */
#ifndef BC_WORD_WATCH_H
#define BC_WORD_WATCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "shm/layout.h"

enum bc_word_watch_state {
	BC_WORD_WATCH_IDLE,
	BC_WORD_WATCH_ARMED,
	BC_WORD_WATCH_FIRED, /* and neither armed anew nor disarmed since */
	BC_WORD_WATCH_STOPPING,
};

/*
 * Is it worth a signal? Called by the thread, with the lock, when the word has
 * changed, was woken, or the time is over: true fires. Else the thread sleeps
 * on until *word differs from *seen, or *timeout_ns is over, both set by this
 * before it looked at anything.
 */
typedef bool bc_word_watch_judge(void *argument, uint32_t *seen,
				 int64_t *timeout_ns);

/* Stays where it is while open: the thread has its address. */
struct bc_word_watch {
	pthread_t thread;
	pthread_mutex_t lock; /* of all below but command, fd and owner */
	bc_u32 command;	      /* counts the orders; the thread sleeps on it */
	int fd;
	pid_t owner;
	enum bc_word_watch_state state;
	const bc_u32 *word; /* of the last arming, like these */
	uint32_t seen;
	int64_t end_ns;		    /* CLOCK_MONOTONIC, < 0: none */
	bc_word_watch_judge *judge; /* NULL: everything is */
	void *argument;
};

/*
 * bc_word_watch_open - make the descriptor and start the thread, which blocks
 * all signals. Returns 0, or -errno.
 */
int bc_word_watch_open(struct bc_word_watch *watch);

/* bc_word_watch_fd - the eventfd; valid until close. Poll it for reading. */
static inline int bc_word_watch_fd(const struct bc_word_watch *watch)
{
	return watch->fd;
}

/*
 * bc_word_watch_arm - make the descriptor readable once *word differs from
 * `seen`, or is woken while the thread sleeps on it, or timeout_ns is over
 * (< 0: never). At once if it differs already. Replaces the last arming.
 *
 * The word stays mapped, for reading at least, until the arming has fired, has
 * been replaced, or is disarmed.
 */
void bc_word_watch_arm(struct bc_word_watch *watch, const bc_u32 *word,
		       uint32_t seen, int64_t timeout_ns);

/*
 * bc_word_watch_arm_judged - the same, but ask `judge` before it fires, also
 * if the word differs already. What `argument` refers to belongs to the thread
 * until the arming has ended in one of those ways.
 */
void bc_word_watch_arm_judged(struct bc_word_watch *watch, const bc_u32 *word,
			      uint32_t seen, int64_t timeout_ns,
			      bc_word_watch_judge *judge, void *argument);

/*
 * bc_word_watch_disarm - end the arming: on return the descriptor is not
 * readable and stays so. Returns whether the arming had fired.
 */
bool bc_word_watch_disarm(struct bc_word_watch *watch);

/*
 * bc_word_watch_close - end the thread, wait for it (not longer than
 * BC_NOTIFY_SLICE_NS where it has to be waited for), close the descriptor.
 */
void bc_word_watch_close(struct bc_word_watch *watch);

#endif
