/* SPDX-License-Identifier: MIT */
/* node_info.c - see node_info.h. */
#include <string.h>

#include "shm/clock.h"
#include "shm/histogram.h"
#include "shm/inbox_pages.h"
#include "shm/name.h"
#include "shm/node_info.h"
#include "shm/text.h"

static uint64_t get(const bc_u64 *field)
{
	return atomic_load_explicit(field, memory_order_relaxed);
}

static uint32_t get32(const bc_u32 *field)
{
	return atomic_load_explicit(field, memory_order_relaxed);
}

/* Whether it is an id. What is not is cut and cleaned, to be shown. */
static bool read_id(const struct bc_node_shm *slot,
		    char id[BCAST_NODE_ID_MAX + 1])
{
	const bc_u64 *words = (const bc_u64 *)(const void *)slot->id;
	char raw[BC_NAME];

	for (size_t i = 0; i < sizeof(raw) / sizeof(uint64_t); i++) {
		uint64_t word = get(&words[i]);

		memcpy(raw + i * sizeof(word), &word, sizeof(word));
	}
	bc_text_get(id, BCAST_NODE_ID_MAX + 1, raw, sizeof(raw));
	return raw[BC_NAME - 1] == '\0' && bc_name_id_valid(raw);
}

static void read_counts(const struct bc_node_shm *slot,
			struct bcast_node_info *info)
{
	info->pid = get32(&slot->pid);
	info->pid_namespace = get(&slot->pid_namespace);
	info->start_ticks = get(&slot->start_ticks);
	info->joined_realtime_ns = get(&slot->joined_realtime_ns);
	info->stuck_after_ms = get32(&slot->stuck_after_ms);
	info->roles = get32(&slot->role) & BCAST_NODE_ROLES;
	info->waiting = get32(&slot->waiting) != 0;
	info->cursor = get(&slot->cursor);
	info->bytes = get(&slot->bytes);
	info->waits = get(&slot->waits);
	info->parks = get(&slot->parks);
	info->laps = get(&slot->laps);
	info->lost_bytes = get(&slot->lost_bytes);
	info->messages_sent = get(&slot->messages_sent);
	info->messages_received = get(&slot->messages_received);
	info->latency_count = bc_histogram_total(&slot->latency);
	info->latency_p50_ns = bc_histogram_quantile(&slot->latency, 500);
	info->latency_p99_ns = bc_histogram_quantile(&slot->latency, 990);
	info->latency_max_ns = get(&slot->latency_max_ns);
	info->gate_timeout_ms =
		get(&slot->gate_timeout_ns) / (uint64_t)BC_NS_PER_MS;
	info->gates_given_up = get(&slot->gates_given_up);
}

static void read_inbox(const struct bc_node_table *table,
		       struct bcast_node_info *info)
{
	const struct bc_inbox_counts counts = bc_inbox_count(table, info->slot);

	info->inbox_used = counts.used;
	info->inbox_size = table->geometry.inbox_size - BC_PAGE;
	info->inbox_refused = counts.refused;
	info->inbox_damaged = counts.damaged;
}

static void read_ages(const struct bc_node_table *table,
		      const struct bc_node_shm *slot,
		      struct bcast_node_info *info)
{
	uint64_t beat_ns = get(&slot->heartbeat_ns);
	uint64_t now_ns = bc_monotonic_ns();
	uint64_t tail;

	info->heartbeat_age_ns = now_ns > beat_ns ? now_ns - beat_ns : 0;
	tail = get(&table->segment.control->head.tail);
	if ((info->roles & BCAST_NODE_READER) != 0 && info->cursor < tail)
		info->lag = tail - info->cursor;
}

static uint32_t judge(const struct bcast_node_info *info, bool alive,
		      bool sound)
{
	uint64_t limit_ns = info->stuck_after_ms * (uint64_t)BC_NS_PER_MS;

	if (!alive)
		return BCAST_NODE_DEAD;
	if (!sound)
		return BCAST_NODE_DAMAGED;
	if (info->stuck_after_ms != 0 && info->heartbeat_age_ns > limit_ns)
		return BCAST_NODE_STUCK;
	return BCAST_NODE_ALIVE;
}

bool bc_node_info_id_is(const struct bc_node_table *table, uint32_t index,
			const char *id)
{
	char found[BCAST_NODE_ID_MAX + 1];

	return read_id(bc_node_table_slot(table, index), found) &&
	       strcmp(found, id) == 0;
}

int bc_node_info_read(const struct bc_node_table *table, uint32_t index,
		      bool alive, struct bcast_node_info *info)
{
	const struct bc_node_shm *slot = bc_node_table_slot(table, index);
	struct bcast_node_info found = {.slot = index};
	/* pairs with the release store in bc_node_join() */
	uint64_t claim =
		atomic_load_explicit(&slot->claim, memory_order_acquire);
	uint32_t state = bc_node_claim_state(claim);
	bool sound;

	if (state == BC_NODE_FREE || state == BC_NODE_CLAIMED ||
	    state == BC_NODE_SWEPT)
		return 0;
	if (!alive) {
		int ret = bc_node_table_is_alive(table, index);

		if (ret < 0)
			return ret;
		alive = ret == 1;
	}
	sound = read_id(slot, found.id) && state == BC_NODE_JOINED;
	read_counts(slot, &found);
	read_ages(table, slot, &found);
	read_inbox(table, &found);
	found.state = judge(&found, alive, sound);
	/* pairs with the release fence in bc_node_sweep_wipe() */
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load_explicit(&slot->claim, memory_order_relaxed) != claim)
		return 0;
	*info = found;
	return 1;
}
