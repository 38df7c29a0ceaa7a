/* SPDX-License-Identifier: MIT */
/* mail_watch.c - see mail_watch.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "shm/assert.h"
#include "src/last_words.h"
#include "src/mail_watch.h"

#define STACK_BYTES (128u * 1024)

/* Where the kernel cannot sleep on many words: look so often. */
#define SLICE_NS (INT64_C(5) * 1000 * 1000)

/* ---- The thread -------------------------------------------------------- */

/* The count as it stands; what was seen if it cannot be read. */
static uint32_t read_count(const struct mail_watch *watch,
			   const struct mail_word *word)
{
	const struct bc_registry_geometry *geometry = &watch->geometry;
	uint64_t offset = geometry->inboxes_offset +
			  word->slot * geometry->inbox_size +
			  offsetof(struct bc_inbox_shm, count);
	uint32_t count;

	if (pread(watch->registry, &count, sizeof(count), (off_t)offset) !=
	    sizeof(count))
		return word->seen;
	return count;
}

/* In one order with what mail_watch_want() does: one of us sees the other. */
static bool change(struct mail_watch *watch, uint32_t slot, uint32_t from,
		   uint32_t to)
{
	return atomic_compare_exchange_strong_explicit(
		&watch->states[slot], &from, to, memory_order_seq_cst,
		memory_order_relaxed);
}

static void report(struct mail_watch *watch, uint32_t slot)
{
	/* release: whoever takes it finds what the count announces */
	atomic_fetch_or_explicit(&watch->fired[slot / 64],
				 UINT64_C(1) << (slot % 64),
				 memory_order_release);
}

/* Is it to be reported? With the lock. */
static bool look_at(struct mail_group *group, struct mail_word *word)
{
	struct mail_watch *watch = group->watch;
	uint32_t count = read_count(watch, word);

	if (count == word->seen)
		return false;
	word->seen = count;
	if (!change(watch, word->slot, MAIL_WANTED, MAIL_REPORTED) &&
	    (change(watch, word->slot, MAIL_REPORTED, MAIL_LEFT_ALONE) ||
	     !change(watch, word->slot, MAIL_WANTED, MAIL_REPORTED)))
		return false;
	report(watch, word->slot);
	return true;
}

/* All from `first` to before `end`. With the lock. */
static void look(struct mail_group *group, uint32_t first, uint32_t end)
{
	bool changed = false;

	for (uint32_t i = first; i < end && i < group->count; i++)
		changed |= look_at(group, &group->words[i]);
	if (changed)
		(void)eventfd_write(group->watch->eventfd, 1);
}

static bool is_left_alone(const struct mail_group *group, uint32_t slot)
{
	/* relaxed: who changes that gives an order, with the lock */
	return atomic_load_explicit(&group->watch->states[slot],
				    memory_order_relaxed) == MAIL_LEFT_ALONE;
}

/* What to sleep on. */
struct sleep {
	struct bc_notify_item items[BC_NOTIFY_ITEMS_MAX]; /* [0]: the orders */
	uint32_t places[BC_NOTIFY_ITEMS_MAX];		  /* in group.words */
	uint32_t count;
};

/* relaxed: all orders are given with the lock */
static uint32_t orders_of(const struct mail_group *group)
{
	return atomic_load_explicit(&group->orders, memory_order_relaxed);
}

/* With the lock. */
static void collect(const struct mail_group *group, struct sleep *sleep)
{
	sleep->items[0] =
		(struct bc_notify_item){&group->orders, orders_of(group)};
	sleep->count = 1;
	for (uint32_t i = 0; i < group->count; i++) {
		const struct mail_word *word = &group->words[i];

		if (is_left_alone(group, word->slot))
			continue;
		sleep->items[sleep->count] =
			(struct bc_notify_item){word->word, word->seen};
		sleep->places[sleep->count++] = i;
	}
}

/*
 * Without the lock. Returns the index of the one that was woken, or 0 if all
 * have to be looked at.
 */
static uint32_t sleep_on(const struct sleep *sleep)
{
	const struct bc_notify_item *orders = &sleep->items[0];
	int ret;

	if (sleep->count == 1) {
		(void)bc_notify_wait(orders->word, orders->seen, -1);
		return 0;
	}
	ret = bc_notify_wait_any(sleep->items, sleep->count);
	/* EFAULT: the pages are gone; whoever uses them will find that out */
	if (ret == -EFAULT || ret == -ENOSYS)
		(void)bc_notify_wait(orders->word, orders->seen, SLICE_NS);
	return ret > 0 ? (uint32_t)ret : 0;
}

static void *watch_group(void *argument)
{
	struct mail_group *group = argument;
	struct sleep sleep;

	(void)pthread_mutex_lock(&group->lock);
	while (!group->stopping) {
		uint32_t woken;

		collect(group, &sleep);
		(void)pthread_mutex_unlock(&group->lock);
		woken = sleep_on(&sleep);
		(void)pthread_mutex_lock(&group->lock);
		/* after an order, it may be another's place */
		if (woken > 0 && sleep.items[0].seen == orders_of(group))
			look(group, sleep.places[woken],
			     sleep.places[woken] + 1);
		else
			look(group, 0, group->count);
	}
	(void)pthread_mutex_unlock(&group->lock);
	return NULL;
}

/* ---- Orders ------------------------------------------------------------ */

/* With the lock; then, without it, wake(). */
static void order(struct mail_group *group)
{
	atomic_fetch_add_explicit(&group->orders, 1, memory_order_relaxed);
}

static void wake(struct mail_group *group)
{
	(void)bc_notify_wake(&group->orders);
}

/* The thread inherits the mask: it must never take a signal of the daemon. */
static int start_thread(struct mail_group *group)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	int ret = pthread_attr_init(&attributes);

	if (ret != 0)
		return -ret;
	(void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
	(void)sigfillset(&all);
	last_words_unblock(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&group->thread, &attributes, watch_group, group);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attributes);
	if (ret == 0)
		(void)pthread_setname_np(group->thread, "bcastd-mail");
	return -ret;
}

static int add_group(struct mail_watch *watch)
{
	struct mail_group *group = calloc(1, sizeof(*group));
	int ret;

	if (!group)
		return -ENOMEM;
	group->watch = watch;
	(void)pthread_mutex_init(&group->lock, NULL); /* cannot fail */
	ret = start_thread(group);
	if (ret < 0) {
		(void)pthread_mutex_destroy(&group->lock);
		free(group);
		return ret;
	}
	watch->groups[watch->group_count++] = group;
	return 0;
}

static struct mail_group *group_with_room(const struct mail_watch *watch)
{
	for (uint32_t i = 0; i < watch->group_count; i++)
		/* only this thread changes it */
		if (watch->groups[i]->count < MAIL_WORDS)
			return watch->groups[i];
	return NULL;
}

int mail_watch_add(struct mail_watch *watch, uint32_t slot, const bc_u32 *word)
{
	struct mail_word added = {.word = word, .slot = slot};
	struct mail_group *group = group_with_room(watch);

	if (!group) {
		int ret = add_group(watch);

		if (ret < 0)
			return ret;
		group = group_with_room(watch);
	}
	/* until it is wanted there is no need to sleep on it */
	atomic_store_explicit(&watch->states[slot], MAIL_LEFT_ALONE,
			      memory_order_relaxed);
	(void)pthread_mutex_lock(&group->lock);
	group->words[group->count++] = added;
	(void)pthread_mutex_unlock(&group->lock);
	return 0;
}

/* Where the slot is watched; only this thread changes who is where. */
static struct mail_group *find(const struct mail_watch *watch, uint32_t slot,
			       uint32_t *place)
{
	for (uint32_t i = 0; i < watch->group_count; i++) {
		struct mail_group *group = watch->groups[i];

		for (*place = 0; *place < group->count; ++*place)
			if (group->words[*place].slot == slot)
				return group;
	}
	return NULL;
}

void mail_watch_want(struct mail_watch *watch, uint32_t slot, uint32_t seen)
{
	struct mail_group *group;
	uint32_t place;

	if (atomic_exchange_explicit(&watch->states[slot], MAIL_WANTED,
				     memory_order_seq_cst) != MAIL_LEFT_ALONE)
		return;
	group = find(watch, slot, &place);
	BC_ASSERT(group); /* it was added */
	(void)pthread_mutex_lock(&group->lock);
	group->words[place].seen = seen;
	order(group);
	(void)pthread_mutex_unlock(&group->lock);
	wake(group);
}

void mail_watch_remove(struct mail_watch *watch, uint32_t slot)
{
	uint32_t place;
	struct mail_group *group = find(watch, slot, &place);

	if (!group)
		return;
	(void)pthread_mutex_lock(&group->lock);
	group->words[place] = group->words[--group->count];
	order(group);
	(void)pthread_mutex_unlock(&group->lock);
	wake(group);
}

void mail_watch_take(struct mail_watch *watch,
		     void (*found)(void *context, uint32_t slot), void *context)
{
	eventfd_t unused;

	/* first, so that what is reported from here on makes it readable */
	(void)eventfd_read(watch->eventfd, &unused);
	for (uint32_t i = 0; i < BC_NODES_MAX / 64; i++) {
		uint64_t bits;

		/* relaxed: the exchange below has what matters */
		if (atomic_load_explicit(&watch->fired[i],
					 memory_order_relaxed) == 0)
			continue;
		bits = atomic_exchange_explicit(&watch->fired[i], 0,
						memory_order_acquire);
		for (; bits != 0; bits &= bits - 1)
			found(context,
			      i * 64 + (uint32_t)__builtin_ctzll(bits));
	}
}

/* ---- Open and close ---------------------------------------------------- */

int mail_watch_open(struct mail_watch *watch, const struct bc_node_table *table)
{
	int error;

	memset(watch, 0, sizeof(*watch));
	watch->geometry = table->geometry;
	watch->registry = fcntl(table->fd, F_DUPFD_CLOEXEC, 0);
	if (watch->registry < 0)
		return -errno;
	watch->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (watch->eventfd >= 0)
		return 0;
	error = errno;
	(void)close(watch->registry);
	return -error;
}

static void end_group(struct mail_group *group)
{
	(void)pthread_mutex_lock(&group->lock);
	group->stopping = true;
	order(group);
	(void)pthread_mutex_unlock(&group->lock);
	wake(group);
	(void)pthread_join(group->thread, NULL);
	(void)pthread_mutex_destroy(&group->lock);
	free(group);
}

void mail_watch_close(struct mail_watch *watch)
{
	for (uint32_t i = 0; i < watch->group_count; i++)
		end_group(watch->groups[i]);
	(void)close(watch->registry);
	(void)close(watch->eventfd);
}
