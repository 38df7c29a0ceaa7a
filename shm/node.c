/* SPDX-License-Identifier: MIT */
/*
 * node.c - see node.h.
 *
 * To join is to get, in this order: the byte of the id (who has it, has the
 * id), the guard byte of a free slot (nobody sweeps or takes it meanwhile), the
 * slot's life byte; then the guard goes, the page is filled, and claim becomes
 * JOINED. All locks are tried and never waited for, so a process that is
 * stopped in the middle blocks nobody; one that is killed loses all of them at
 * once, and what it left in the page is swept.
 *
 * A forked child shares the locks, since it shares the open file description.
 * It must not write to its parent's slot; so a page that the kernel wipes in
 * children says who we are, at the price of one load. getpid() would be a
 * system call each time.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/inbox_pages.h"
#include "shm/node.h"
#include "shm/node_info.h"
#include "shm/node_lock.h"
#include "shm/node_sweep.h"
#include "shm/process.h"
#include "shm/text.h"

#define ATTEMPTS_MAX 16

static void set(bc_u64 *field, uint64_t value)
{
	atomic_store_explicit(field, value, memory_order_relaxed);
}

static void set32(bc_u32 *field, uint32_t value)
{
	atomic_store_explicit(field, value, memory_order_relaxed);
}

static uint32_t state_of(const struct bc_node_shm *slot)
{
	/* pairs with the release store in bc_node_sweep_clear() */
	return bc_node_claim_state(
		atomic_load_explicit(&slot->claim, memory_order_acquire));
}

/* ---- Fork -------------------------------------------------------------- */

static int mark_here(struct bc_node *node)
{
	unsigned char *page = mmap(NULL, BC_PAGE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return -errno;
	if (madvise(page, BC_PAGE, MADV_WIPEONFORK) < 0) {
		int error = errno;

		(void)munmap(page, BC_PAGE);
		return -error;
	}
	*page = 1;
	node->here = page;
	return 0;
}

static void unmark_here(struct bc_node *node)
{
	if (node->here)
		(void)munmap(node->here, BC_PAGE);
	node->here = NULL;
}

/* ---- Join -------------------------------------------------------------- */

/* The life byte, under the guard. 1 if it is ours, 0 if not, or -errno. */
static int take_life(const struct bc_node_table *table, uint32_t index)
{
	int fd = table->fd;
	int ret = bc_node_lock_try(fd, bc_node_lock_guard(index));

	if (ret <= 0)
		return ret;
	ret = bc_node_lock_try(fd, bc_node_lock_life(index));
	bc_node_lock_drop(fd, bc_node_lock_guard(index));
	return ret;
}

static void fill_id(struct bc_node_shm *slot, const char *id)
{
	bc_u64 *words = (bc_u64 *)(void *)slot->id;
	char raw[BC_NAME];

	bc_text_set(raw, sizeof(raw), id);
	for (size_t i = 0; i < sizeof(raw) / sizeof(uint64_t); i++) {
		uint64_t word;

		memcpy(&word, raw + i * sizeof(word), sizeof(word));
		set(&words[i], word);
	}
}

static void fill(struct bc_node_shm *slot, const struct bc_node_table *table,
		 const struct bc_node_identity *identity)
{
	const bc_u64 *tail = &table->segment.control->head.tail;

	fill_id(slot, identity->id);
	set32(&slot->role, identity->roles);
	set32(&slot->pid, (uint32_t)getpid());
	set32(&slot->stuck_after_ms, identity->stuck_after_ms);
	set(&slot->start_ticks, bc_process_start_ticks());
	set(&slot->pid_namespace, bc_process_pid_namespace());
	set(&slot->joined_realtime_ns, bc_realtime_ns());
	set(&slot->heartbeat_ns, bc_monotonic_ns());
	set(&slot->cursor, atomic_load_explicit(tail, memory_order_relaxed));
}

/*
 * The life byte is ours. Only a process that ignores all rules can change claim
 * now; the slot is then left to it. 1, 0 if the slot cannot be had, or -errno.
 */
static int settle(struct bc_node *node, const struct bc_node_identity *identity)
{
	struct bc_node_shm *slot = node->slot;
	uint64_t claim =
		atomic_load_explicit(&slot->claim, memory_order_relaxed);
	uint64_t mine = bc_node_claim_make(BC_NODE_CLAIMED, claim + 1);
	int ret;

	if (bc_node_claim_state(claim) != BC_NODE_FREE ||
	    !atomic_compare_exchange_strong_explicit(&slot->claim, &claim, mine,
						     memory_order_acquire,
						     memory_order_relaxed))
		return 0;
	/* again: anybody may have written to it since it was swept */
	bc_node_sweep_wipe(slot);
	fill(slot, node->table, identity);
	node->claim = mine;
	ret = bc_inbox_open(&node->inbox, node);
	if (ret < 0) {
		bc_node_sweep_clear(node->table, node->index);
		return ret == -EBUSY ? 0 : ret;
	}
	node->claim = bc_node_claim_make(BC_NODE_JOINED, mine);
	/* pairs with the acquire load in bc_node_info_read() */
	if (atomic_compare_exchange_strong_explicit(
		    &slot->claim, &mine, node->claim, memory_order_release,
		    memory_order_relaxed))
		return 1;
	bc_inbox_unmap(&node->inbox.inbox);
	return 0;
}

/* 1 if this slot has become ours, 0 if not, or -errno. */
static int try_slot(struct bc_node *node, uint32_t index,
		    const struct bc_node_identity *identity)
{
	int ret = take_life(node->table, index);

	if (ret <= 0)
		return ret;
	node->index = index;
	node->slot = bc_node_table_slot(node->table, index);
	ret = settle(node, identity);
	if (ret == 1)
		return 1;
	node->slot = NULL;
	bc_node_lock_drop(node->table->fd, bc_node_lock_life(index));
	return ret;
}

/*
 * 1: a slot is ours. 0: all are taken. -EAGAIN: at least one is in transit,
 * being swept or taken by somebody else just now.
 */
static int try_all(struct bc_node *node,
		   const struct bc_node_identity *identity)
{
	const struct bc_node_table *table = node->table;
	bool in_transit = false;

	for (uint32_t i = 0; i < table->geometry.node_count; i++) {
		int ret;

		if (state_of(bc_node_table_slot(table, i)) != BC_NODE_FREE)
			continue;
		ret = try_slot(node, i, identity);
		if (ret != 0)
			return ret;
		in_transit = true;
	}
	return in_transit ? -EAGAIN : 0;
}

/* The same after the dead have gone; those who could not be swept may yet. */
static int sweep_and_try_all(struct bc_node *node,
			     const struct bc_node_identity *identity)
{
	const struct bc_node_table *table = node->table;
	struct bc_node_census census;
	uint32_t alive = 0;
	int ret = bc_node_sweep_all(table, &census);

	if (ret < 0)
		return ret;
	ret = try_all(node, identity);
	if (ret != 0)
		return ret;
	for (uint32_t i = 0; i < table->geometry.node_count; i++)
		alive += census.alive[i];
	return alive < table->geometry.node_count ? -EAGAIN : 0;
}

static int find_slot(struct bc_node *node,
		     const struct bc_node_identity *identity)
{
	const struct timespec pause = {.tv_nsec = BC_NS_PER_MS};
	int ret = try_all(node, identity);

	if (ret == 1)
		return 0;
	for (unsigned attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
		ret = sweep_and_try_all(node, identity);
		if (ret == 1)
			return 0;
		if (ret == 0)
			return BCAST_EFULL;
		if (ret != -EAGAIN)
			return ret;
		(void)nanosleep(&pause, NULL);
	}
	return BCAST_EFULL;
}

/* What a dead node of our id has left would make two of us in the list. */
static int sweep_namesakes(const struct bc_node_table *table, const char *id)
{
	for (uint32_t i = 0; i < table->geometry.node_count; i++) {
		int ret;

		if (state_of(bc_node_table_slot(table, i)) == BC_NODE_FREE ||
		    !bc_node_info_id_is(table, i, id))
			continue;
		ret = bc_node_sweep_slot(table, i);
		if (ret < 0)
			return ret;
	}
	return 0;
}

int bc_node_join(struct bc_node *node, const struct bc_node_table *table,
		 const struct bc_node_identity *identity)
{
	struct bc_node made = {
		.table = table,
		.id_byte = bc_node_lock_id(identity->id),
	};
	int ret = bc_node_lock_try(table->fd, made.id_byte);

	if (ret <= 0)
		return ret == 0 ? -EEXIST : ret;
	ret = mark_here(&made);
	if (ret == 0)
		ret = sweep_namesakes(table, identity->id);
	if (ret == 0)
		ret = find_slot(&made, identity);
	if (ret < 0) {
		unmark_here(&made);
		bc_node_lock_drop(table->fd, made.id_byte);
		return ret;
	}
	*node = made;
	atomic_fetch_add_explicit(&table->header->joins, 1,
				  memory_order_relaxed);
	bc_node_table_changed(table);
	return 0;
}

/* ---- Stay and leave ---------------------------------------------------- */

void bc_node_leave(struct bc_node *node)
{
	const struct bc_node_table *table = node->table;

	if (!node->slot)
		return;
	if (bc_node_is_ours(node)) {
		/* whatever stands in claim: the life byte is ours */
		bc_node_sweep_clear(table, node->index);
		bc_node_lock_drop(table->fd, bc_node_lock_life(node->index));
		bc_node_lock_drop(table->fd, node->id_byte);
		atomic_fetch_add_explicit(&table->header->leaves, 1,
					  memory_order_relaxed);
		bc_node_table_changed(table);
	}
	bc_inbox_unmap(&node->inbox.inbox);
	unmark_here(node);
	node->slot = NULL;
}

void bc_node_beat(const struct bc_node *node)
{
	/* a few ms coarse, and a quarter of the price */
	set(&node->slot->heartbeat_ns, bc_clock_ns(CLOCK_MONOTONIC_COARSE));
}

int bc_node_check(const struct bc_node *node)
{
	int ret = bc_node_table_is_current(node->table);

	if (ret < 0)
		return ret;
	return atomic_load_explicit(&node->slot->claim, memory_order_relaxed) ==
			       node->claim
		       ? 0
		       : BCAST_EPROTO;
}

int bc_node_holder(const struct bc_node_table *table, const char *id,
		   struct bcast_node_info *info)
{
	for (uint32_t i = 0; i < table->geometry.node_count; i++) {
		int ret;

		if (!bc_node_info_id_is(table, i, id))
			continue;
		ret = bc_node_info_read(table, i, false, info);
		if (ret < 0)
			return ret;
		if (ret == 1 && info->state != BCAST_NODE_DEAD)
			return 0;
	}
	return -ENOENT;
}
