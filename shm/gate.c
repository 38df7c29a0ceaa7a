/* SPDX-License-Identifier: MIT */
/* gate.c - see gate.h. */
#include <errno.h>
#include <stdlib.h>

#include "shm/gate.h"
#include "shm/notify.h"

static uint64_t get(const bc_u64 *word)
{
	return atomic_load_explicit(word, memory_order_acquire);
}

static uint32_t get32(const bc_u32 *word)
{
	return atomic_load_explicit(word, memory_order_acquire);
}

/* A word that only the holder of the lease writes. */
static void add(bc_u64 *word, uint64_t n)
{
	uint64_t old = atomic_load_explicit(word, memory_order_relaxed);

	atomic_store_explicit(word, old + n, memory_order_relaxed);
}

/* ---- Arithmetic -------------------------------------------------------- */

bool bc_gate_is_late(struct bc_gate *gate, uint64_t cursor, uint64_t timeout_ns,
		     uint64_t now_ns)
{
	if (timeout_ns > BC_GATE_TIMEOUT_NS_MAX)
		timeout_ns = BC_GATE_TIMEOUT_NS_MAX;
	if (gate->since_ns == 0 || cursor != gate->cursor) {
		gate->cursor = cursor;
		gate->since_ns = now_ns;
	}
	return now_ns - gate->since_ns > timeout_ns;
}

uint64_t bc_gate_needs(uint64_t cursor, uint64_t tail, uint64_t reserved,
		       uint64_t capacity)
{
	if (cursor >= tail)
		return tail;
	return reserved - cursor > capacity ? tail : cursor;
}

/* ---- The list ---------------------------------------------------------- */

int bc_gates_open(struct bc_gates *gates, const struct bc_node_table *table,
		  const struct bc_segment *segment, uint32_t own)
{
	uint32_t slots = table->geometry.node_count;
	struct bc_gates made = {
		.table = table,
		.lease = &segment->control->lease,
		.capacity = segment->ring.capacity,
		.own = own,
		.gates = calloc(slots, sizeof(*made.gates)),
		.list = calloc(slots, sizeof(*made.list)),
		/* not what it is: the first look makes the list */
		.changes = get32(&table->header->gate_changes) - 1,
	};

	if (!made.gates || !made.list) {
		bc_gates_close(&made);
		return -ENOMEM;
	}
	*gates = made;
	return 0;
}

void bc_gates_close(struct bc_gates *gates)
{
	free(gates->gates);
	free(gates->list);
	*gates = (struct bc_gates){0};
}

static bool is_gating(const struct bc_node_shm *slot, uint64_t claim)
{
	return bc_node_claim_state(claim) == BC_NODE_JOINED &&
	       (get32(&slot->role) & BCAST_NODE_GATING) != 0;
}

/* Times and deaths are forgotten only with the node that they are of. */
static void make_list(struct bc_gates *gates)
{
	gates->count = 0;
	for (uint32_t i = 0; i < gates->table->geometry.node_count; i++) {
		const struct bc_node_shm *slot =
			bc_node_table_slot(gates->table, i);
		uint64_t claim = get(&slot->claim);

		if (i == gates->own || !is_gating(slot, claim)) {
			gates->gates[i].since_ns = 0;
			continue;
		}
		if (gates->gates[i].claim != claim)
			gates->gates[i] = (struct bc_gate){.claim = claim};
		gates->list[gates->count++] = i;
	}
}

static void refresh(struct bc_gates *gates)
{
	const struct bc_registry_shm *header = gates->table->header;
	uint32_t membership = get32(&header->membership);
	uint32_t changes = get32(&header->gate_changes);

	if (membership == gates->membership && changes == gates->changes)
		return;
	gates->membership = membership;
	gates->changes = changes;
	make_list(gates);
}

/* What a listed slot needs; `tail` if its node is not there any more. */
static uint64_t needs(const struct bc_gates *gates, uint32_t index,
		      uint64_t tail, uint64_t reserved)
{
	const struct bc_node_shm *slot =
		bc_node_table_slot(gates->table, index);
	const struct bc_gate *gate = &gates->gates[index];
	/* acquire: all uses of the bytes before it came before */
	uint64_t cursor = get(&slot->cursor);

	if (gate->dead || get(&slot->claim) != gate->claim ||
	    !is_gating(slot, gate->claim))
		return tail;
	return bc_gate_needs(cursor, tail, reserved, gates->capacity);
}

/* ---- The writer -------------------------------------------------------- */

uint64_t bc_gates_floor(struct bc_gates *gates, uint64_t tail,
			uint64_t reserved)
{
	uint64_t floor = tail;

	if (!gates->gates || !gates->table->header)
		return tail;
	refresh(gates);
	for (uint32_t i = 0; i < gates->count; i++) {
		uint64_t position =
			needs(gates, gates->list[i], tail, reserved);

		if (position < floor)
			floor = position;
	}
	return floor;
}

static void give_up(struct bc_gates *gates, uint32_t index)
{
	struct bc_node_shm *slot = bc_node_table_slot(gates->table, index);

	atomic_fetch_and_explicit(&slot->role, ~(uint32_t)BCAST_NODE_GATING,
				  memory_order_seq_cst);
	atomic_fetch_add_explicit(&slot->gates_given_up, 1,
				  memory_order_relaxed);
	gates->gates[index].since_ns = 0;
	gates->given_up = index;
	add(&gates->lease->gates_given_up, 1);
	bc_gate_changed(gates->table);
}

/* One that is in the way. Returns whether it is no more. */
static bool press_one(struct bc_gates *gates, uint32_t index, uint64_t now_ns)
{
	const struct bc_node_shm *slot =
		bc_node_table_slot(gates->table, index);
	struct bc_gate *gate = &gates->gates[index];

	if (bc_node_table_is_alive(gates->table, index) == 0) {
		gate->dead = true;
		return true;
	}
	if (!bc_gate_is_late(gate, get(&slot->cursor),
			     get(&slot->gate_timeout_ns), now_ns))
		return false;
	give_up(gates, index);
	return true;
}

bool bc_gates_press(struct bc_gates *gates, uint64_t tail, uint64_t reserved,
		    uint64_t needed, uint64_t now_ns)
{
	bool any = false;

	if (!gates->gates || !gates->table->header)
		return false;
	if (gates->waiting_since_ns == 0) {
		gates->waiting_since_ns = now_ns;
		add(&gates->lease->gate_waits, 1);
	}
	refresh(gates);
	for (uint32_t i = 0; i < gates->count; i++)
		if (needs(gates, gates->list[i], tail, reserved) < needed)
			any |= press_one(gates, gates->list[i], now_ns);
	return any;
}

void bc_gates_passed(struct bc_gates *gates, uint64_t now_ns)
{
	if (gates->waiting_since_ns == 0)
		return;
	add(&gates->lease->gate_waited_ns, now_ns - gates->waiting_since_ns);
	gates->waiting_since_ns = 0;
}

void bc_gate_changed(const struct bc_node_table *table)
{
	struct bc_registry_shm *header = table->header;

	atomic_fetch_add_explicit(&header->gate_changes, 1,
				  memory_order_seq_cst);
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&header->gate_wanted, memory_order_relaxed) ==
	    0)
		return;
	atomic_fetch_add_explicit(&header->gate_moved, 1, memory_order_release);
	(void)bc_notify_wake(&header->gate_moved);
}
