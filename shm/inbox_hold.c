/* SPDX-License-Identifier: MIT */
/*
 * inbox_hold.c - see inbox_hold.h.
 *
 * A lock that death opens, for a few hundred nanoseconds at a time. Not a lock
 * byte of the kernel: that would be two system calls a message. Not a robust
 * futex: the kernel's list of them is the C library's, and is not kept across
 * containers. So it is a word that names its holder, and whether that one lives
 * is asked only by who finds it taken for longer than a message takes.
 *
 * The word has the generation of the slot, so that a dead holder is not taken
 * for the living heir of its slot. What no node can have written names nobody
 * who lives.
 *
 * Who robs the dead does not know how far it came: if the tail is stored, the
 * reader may not have been woken. So it is woken anyway.
 *
 * Tested against its model: tests/model/inbox.pml, take_word().
 */
#include <errno.h>
#include <time.h>

#include "shm/clock.h"
#include "shm/inbox_hold.h"
#include "shm/notify.h"
#include "shm/pause.h"

#define SPINS	     100
#define PAUSE_NS     50000
#define TURNS_MAX_NS ((uint64_t)(4 * BC_NS_PER_S)) /* others' turns */

uint64_t bc_inbox_word(const struct bc_node *node)
{
	return (node->claim & UINT32_MAX) << 32 | (node->index + 1);
}

uint32_t bc_inbox_word_slot(uint64_t word)
{
	return (uint32_t)word - 1;
}

static bool swap(const struct bc_inbox *inbox, uint64_t seen, uint64_t word)
{
	/*
	 * Acquire pairs with the release in bc_inbox_let_go(). In one order
	 * with the look at claim that follows: see bc_inbox_give_back().
	 */
	return atomic_compare_exchange_strong_explicit(
		&inbox->shm->holder, &seen, word, memory_order_seq_cst,
		memory_order_relaxed);
}

static bool has_other_tenant(const struct bc_node_table *table, uint32_t slot,
			     uint64_t word)
{
	const bc_u64 *claim = &bc_node_table_slot(table, slot)->claim;

	return (uint32_t)atomic_load_explicit(claim, memory_order_acquire) !=
	       (uint32_t)(word >> 32);
}

/* 1: whoever this names cannot be at it any more. 0: it may. Or -errno. */
static int is_dead(const struct bc_node *me, uint64_t word)
{
	const struct bc_node_table *table = me->table;
	uint32_t slot = bc_inbox_word_slot(word);
	int ret;

	if (slot >= table->geometry.node_count)
		return 1;
	/* we are not at it, and those before us in our slot are dead */
	if (slot == me->index || has_other_tenant(table, slot, word))
		return 1;
	ret = bc_node_table_is_alive(table, slot);
	if (ret <= 0)
		return ret < 0 ? ret : 1;
	/* perhaps it is the heir that lives */
	return has_other_tenant(table, slot, word);
}

/* Take it from the dead, and do what they may have left undone. */
static bool rob(const struct bc_inbox *inbox, uint64_t seen, uint64_t word)
{
	if (!swap(inbox, seen, word))
		return false;
	atomic_fetch_add_explicit(&inbox->shm->count, 1, memory_order_release);
	(void)bc_notify_wake(&inbox->shm->count);
	return true;
}

/* Whether it is ours now; else *seen is what stood there last. */
static bool spin(const struct bc_inbox *inbox, uint64_t word, uint64_t *seen)
{
	for (unsigned i = 0; i < SPINS; i++) {
		*seen = atomic_load_explicit(&inbox->shm->holder,
					     memory_order_relaxed);
		if (*seen == 0 && swap(inbox, 0, word))
			return true;
		bc_pause();
	}
	return false;
}

/* Since when nothing has moved. */
struct standstill {
	uint64_t holder, tail, since_ns;
};

static uint64_t stands_for(struct standstill *still,
			   const struct bc_inbox *inbox, uint64_t holder,
			   uint64_t now_ns)
{
	uint64_t tail =
		atomic_load_explicit(&inbox->shm->tail, memory_order_relaxed);

	if (holder != still->holder || tail != still->tail)
		*still = (struct standstill){holder, tail, now_ns};
	return now_ns - still->since_ns;
}

int bc_inbox_hold(const struct bc_inbox *inbox, const struct bc_node *me,
		  uint64_t patience_ns, uint64_t *holder)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	uint64_t word = bc_inbox_word(me);
	struct standstill still = {0};
	uint64_t start_ns = 0, now_ns, seen;
	int ret;

	while (!spin(inbox, word, &seen)) {
		ret = seen == 0 ? 0 : is_dead(me, seen);
		if (ret < 0)
			return ret;
		if (ret == 1 && rob(inbox, seen, word))
			return 0;
		now_ns = bc_monotonic_ns();
		if (start_ns == 0)
			start_ns = now_ns;
		if (stands_for(&still, inbox, seen, now_ns) >= patience_ns ||
		    now_ns - start_ns >= patience_ns + TURNS_MAX_NS) {
			*holder = seen;
			return -EBUSY;
		}
		if (ret == 0)
			(void)nanosleep(&pause, NULL);
	}
	return 0;
}

void bc_inbox_let_go(const struct bc_inbox *inbox, const struct bc_node *me)
{
	uint64_t word = bc_inbox_word(me);

	/* if it is another's by now, a faulty process has made it so */
	(void)atomic_compare_exchange_strong_explicit(
		&inbox->shm->holder, &word, 0, memory_order_release,
		memory_order_relaxed);
}
