/* SPDX-License-Identifier: MIT */
/*
 * word_watch.c - see word_watch.h.
 *
 * The thread sleeps on two words at once: the one in shared memory, which it
 * may be unable to write, and `command`, which counts the orders of its own
 * process. It looks at state and words under the lock only, sleeps without it,
 * and acts on what a sleep has brought only if no order came meanwhile: so a
 * signal always belongs to the arming in force, and a word is never touched
 * after its arming has ended.
 *
 * Rejected: a signal to end the sleep (a library must not take one); a pipe
 * (the thread can sleep on words or on descriptors, not on both); a condition
 * variable for the orders (it cannot be slept on beside a futex).
 */
#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "shm/assert.h"
#include "shm/clock.h"
#include "shm/notify.h"
#include "shm/word_watch.h"

#define STACK_BYTES (128u * 1024)

/* ---- The thread -------------------------------------------------------- */

static void fire(struct bc_word_watch *watch)
{
	/* cannot fail: at most one signal stands in the counter */
	(void)eventfd_write(watch->fd, 1);
	watch->state = BC_WORD_WATCH_FIRED;
}

static int64_t time_left(int64_t end_ns)
{
	int64_t left_ns;

	if (end_ns < 0)
		return -1;
	left_ns = end_ns - (int64_t)bc_monotonic_ns();
	return left_ns > 0 ? left_ns : 0;
}

static int64_t end_of(int64_t timeout_ns)
{
	int64_t end_ns;

	if (timeout_ns < 0 || __builtin_add_overflow((int64_t)bc_monotonic_ns(),
						     timeout_ns, &end_ns))
		return -1;
	return end_ns;
}

/* A sleep of the arming in force is over. With the lock. */
static void settle(struct bc_word_watch *watch)
{
	int64_t timeout_ns = -1;

	if (!watch->judge ||
	    watch->judge(watch->argument, &watch->seen, &timeout_ns))
		fire(watch);
	else
		watch->end_ns = end_of(timeout_ns);
}

/* With the lock, which is given up for the time of the sleep. */
static void sleep_once(struct bc_word_watch *watch)
{
	const enum bc_word_watch_state state = watch->state;
	const bc_u32 *const word = watch->word;
	const uint32_t seen = watch->seen;
	const int64_t end_ns = watch->end_ns;
	/* relaxed: all orders are given with the lock */
	const uint32_t command =
		atomic_load_explicit(&watch->command, memory_order_relaxed);
	int ret;

	(void)pthread_mutex_unlock(&watch->lock);
	if (state == BC_WORD_WATCH_ARMED)
		ret = bc_notify_wait_two(word, seen, &watch->command, command,
					 time_left(end_ns));
	else
		ret = bc_notify_wait(&watch->command, command, -1);
	(void)pthread_mutex_lock(&watch->lock);

	if (ret == -EINTR || watch->state != BC_WORD_WATCH_ARMED)
		return;
	/* any other answer is worth a look, an error too */
	if (atomic_load_explicit(&watch->command, memory_order_relaxed) ==
	    command)
		settle(watch);
}

static void *watch_words(void *argument)
{
	struct bc_word_watch *watch = argument;

	(void)pthread_mutex_lock(&watch->lock);
	while (watch->state != BC_WORD_WATCH_STOPPING)
		sleep_once(watch);
	(void)pthread_mutex_unlock(&watch->lock);
	return NULL;
}

/* ---- Orders ------------------------------------------------------------ */

/* Ends what was, with the lock. Returns whether it had fired. */
static bool enter(struct bc_word_watch *watch, enum bc_word_watch_state state)
{
	const bool fired = watch->state == BC_WORD_WATCH_FIRED;
	eventfd_t count;

	BC_ASSERT(watch->state != BC_WORD_WATCH_STOPPING);
	if (fired)
		(void)eventfd_read(watch->fd, &count); /* read: EAGAIN */
	watch->state = state;
	/* relaxed: for those who hold the lock, and for the kernel */
	(void)atomic_fetch_add_explicit(&watch->command, 1,
					memory_order_relaxed);
	return fired;
}

void bc_word_watch_arm_judged(struct bc_word_watch *watch, const bc_u32 *word,
			      uint32_t seen, int64_t timeout_ns,
			      bc_word_watch_judge *judge, void *argument)
{
	bool fires;

	(void)pthread_mutex_lock(&watch->lock);
	(void)enter(watch, BC_WORD_WATCH_ARMED);
	watch->word = word;
	watch->seen = seen;
	watch->end_ns = end_of(timeout_ns);
	watch->judge = judge;
	watch->argument = argument;
	/* acquire: what the word announces, released before it was changed */
	fires = !judge &&
		atomic_load_explicit(word, memory_order_acquire) != seen;
	if (fires)
		fire(watch);
	(void)pthread_mutex_unlock(&watch->lock);
	if (!fires)
		(void)bc_notify_wake(&watch->command);
}

void bc_word_watch_arm(struct bc_word_watch *watch, const bc_u32 *word,
		       uint32_t seen, int64_t timeout_ns)
{
	bc_word_watch_arm_judged(watch, word, seen, timeout_ns, NULL, NULL);
}

/* The thread may sleep on: what its sleep brings is out of date by now. */
bool bc_word_watch_disarm(struct bc_word_watch *watch)
{
	bool fired;

	(void)pthread_mutex_lock(&watch->lock);
	fired = enter(watch, BC_WORD_WATCH_IDLE);
	(void)pthread_mutex_unlock(&watch->lock);
	return fired;
}

/* ---- Open and close ---------------------------------------------------- */

static int create_thread(struct bc_word_watch *watch)
{
	pthread_attr_t attributes;
	int ret = pthread_attr_init(&attributes);

	if (ret != 0)
		return ret;
	(void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
	ret = pthread_create(&watch->thread, &attributes, watch_words, watch);
	(void)pthread_attr_destroy(&attributes);
	/* thread-local data of the whole program lie on the stack, too */
	if (ret == EINVAL)
		ret = pthread_create(&watch->thread, NULL, watch_words, watch);
	return ret;
}

/* The thread inherits the mask: it must never take a signal of the program. */
static int start_thread(struct bc_word_watch *watch)
{
	sigset_t all, before;
	int ret;

	(void)sigfillset(&all);
	ret = pthread_sigmask(SIG_SETMASK, &all, &before);
	if (ret != 0)
		return -ret;
	ret = create_thread(watch);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (ret == 0)
		(void)pthread_setname_np(watch->thread, "bcast-watch");
	return -ret;
}

int bc_word_watch_open(struct bc_word_watch *watch)
{
	int ret;

	*watch = (struct bc_word_watch){
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.owner = getpid(),
		.end_ns = -1,
	};
	if (watch->fd < 0)
		return -errno;
	(void)pthread_mutex_init(&watch->lock, NULL); /* cannot fail */
	ret = start_thread(watch);
	if (ret < 0) {
		(void)pthread_mutex_destroy(&watch->lock);
		(void)close(watch->fd);
	}
	return ret;
}

void bc_word_watch_close(struct bc_word_watch *watch)
{
	/* in a child, the lock may be held by the thread that is not there */
	if (watch->owner == getpid()) {
		(void)pthread_mutex_lock(&watch->lock);
		(void)enter(watch, BC_WORD_WATCH_STOPPING);
		(void)pthread_mutex_unlock(&watch->lock);
		(void)bc_notify_wake(&watch->command);
		(void)pthread_join(watch->thread, NULL);
		(void)pthread_mutex_destroy(&watch->lock);
	}
	(void)close(watch->fd);
}
