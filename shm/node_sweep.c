/* SPDX-License-Identifier: MIT */
/*
 * node_sweep.c - see node_sweep.h.
 *
 * A slot is swept under its guard byte, by whoever finds that its life byte is
 * free. Nodes take the life byte only under the guard too, so between the look
 * at the life byte and the end of the clearing nobody can move in. A second
 * sweeper fails to get the guard and goes on; one that dies loses it and leaves
 * a slot that is neither FREE nor alive, which is what the next sweep looks
 * for. Sweeping with the life byte itself was rejected: a sweeper that is
 * stopped in the middle would pass for a living node.
 */
#include <string.h>

#include "shm/inbox_pages.h"
#include "shm/node_lock.h"
#include "shm/node_sweep.h"

#define PAGE_WORDS (sizeof(struct bc_node_shm) / sizeof(bc_u64))

void bc_node_sweep_wipe(struct bc_node_shm *slot)
{
	bc_u64 *words = (bc_u64 *)(void *)slot;

	/* pairs with the acquire fence in bc_node_info_read() */
	atomic_thread_fence(memory_order_release);
	for (size_t i = 1; i < PAGE_WORDS; i++)
		atomic_store_explicit(&words[i], 0, memory_order_relaxed);
}

void bc_node_sweep_clear(const struct bc_node_table *table, uint32_t index)
{
	struct bc_node_shm *slot = bc_node_table_slot(table, index);
	uint64_t claim =
		atomic_load_explicit(&slot->claim, memory_order_relaxed);

	atomic_store_explicit(&slot->claim,
			      bc_node_claim_make(BC_NODE_SWEPT, claim),
			      memory_order_relaxed);
	/* who died asleep is counted no more (registry.sleepers) */
	if (atomic_load_explicit(&slot->waiting, memory_order_acquire) == 1)
		atomic_fetch_sub_explicit(&table->header->sleepers, 1,
					  memory_order_relaxed);
	bc_inbox_give_back(table, index);
	bc_node_sweep_wipe(slot);
	/* pairs with the acquire load of the next claimer */
	atomic_store_explicit(&slot->claim,
			      bc_node_claim_make(BC_NODE_FREE, claim),
			      memory_order_release);
}

static bool is_free(const struct bc_node_shm *slot)
{
	return bc_node_claim_state(atomic_load_explicit(
		       &slot->claim, memory_order_acquire)) == BC_NODE_FREE;
}

int bc_node_sweep_slot(const struct bc_node_table *table, uint32_t index)
{
	uint64_t guard = bc_node_lock_guard(index);
	int ret = bc_node_lock_try(table->fd, guard);

	if (ret <= 0)
		return ret;
	ret = bc_node_table_is_alive(table, index);
	if (ret == 0 && !is_free(bc_node_table_slot(table, index))) {
		bc_node_sweep_clear(table, index);
		atomic_fetch_add_explicit(&table->header->leaves, 1,
					  memory_order_relaxed);
		ret = 1;
	} else if (ret == 1) {
		ret = 0;
	}
	bc_node_lock_drop(table->fd, guard);
	return ret;
}

/* A number for (slot, claim): the finisher of splitmix64. */
static uint64_t mix(uint32_t index, uint64_t claim)
{
	uint64_t z = claim ^ ((uint64_t)index << 33);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* One slot of a census. Returns 0 or -errno. */
static int visit(const struct bc_node_table *table, uint32_t index,
		 struct bc_node_census *census)
{
	const struct bc_node_shm *slot = bc_node_table_slot(table, index);
	uint64_t claim =
		atomic_load_explicit(&slot->claim, memory_order_acquire);
	int ret;

	if (bc_node_claim_state(claim) == BC_NODE_FREE)
		return 0;
	ret = bc_node_table_is_alive(table, index);
	if (ret < 0)
		return ret;
	if (ret == 1) {
		census->alive[index] = 1;
		if (bc_node_claim_state(claim) == BC_NODE_JOINED)
			census->fingerprint += mix(index, claim);
		return 0;
	}
	if (!table->writable)
		return 0;
	ret = bc_node_sweep_slot(table, index);
	if (ret < 0)
		return ret;
	census->swept += (uint32_t)ret;
	return 0;
}

int bc_node_sweep_all(const struct bc_node_table *table,
		      struct bc_node_census *census)
{
	int ret = 0;

	memset(census, 0, sizeof(*census));
	for (uint32_t i = 0; i < table->geometry.node_count && ret == 0; i++)
		ret = visit(table, i, census);
	if (census->swept > 0)
		bc_node_table_changed(table);
	return ret;
}
