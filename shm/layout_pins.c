/* SPDX-License-Identifier: MIT */
/*
 * layout_pins.c - layout.h holds, byte by byte: sizes and offsets as they are
 * in segments that exist. A change here needs another BC_LAYOUT_VERSION.
 */
#include "shm/layout.h"

#define BC_PIN(type, field, at) \
	static_assert(offsetof(struct type, field) == (at), #type "." #field)
#define BC_SIZE(type, size) static_assert(sizeof(struct type) == (size), #type)

static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2,
	      "shared words must be lock-free");
static_assert(sizeof(bc_u32) == 4 && sizeof(bc_u64) == 8, "plain words");

BC_SIZE(bc_identity_shm, BC_LINE);
BC_SIZE(bc_owner_shm, BC_LINE);
BC_SIZE(bc_head_shm, BC_LINE);
BC_SIZE(bc_lease_shm, BC_LINE);
BC_SIZE(bc_index_head_shm, BC_LINE);
BC_SIZE(bc_last_words_shm, 256);
BC_SIZE(bc_region_shm, 32);
BC_SIZE(bc_control_shm, BC_PAGE);
BC_SIZE(bc_fact_shm, 256);
BC_SIZE(bc_counter_shm, 256);
BC_SIZE(bc_error_shm, 256);
BC_SIZE(bc_closed_shm, 256);
BC_SIZE(bc_peer_shm, 256);
BC_SIZE(bc_index_shm, 32);
BC_SIZE(bc_publisher_shm, 64);
BC_SIZE(bc_histogram_shm, 2048);
BC_SIZE(bc_registry_shm, BC_PAGE);
BC_SIZE(bc_node_shm, BC_PAGE);
BC_SIZE(bc_inbox_shm, BC_PAGE);
BC_SIZE(bc_message_shm, 32);

BC_PIN(bc_control_shm, identity, 0);
BC_PIN(bc_control_shm, owner, 128);
BC_PIN(bc_control_shm, head, 256);
BC_PIN(bc_control_shm, lease, 384);
BC_PIN(bc_control_shm, index_head, 512);
BC_PIN(bc_control_shm, last_words, 640);
BC_PIN(bc_control_shm, regions, 1024);
BC_PIN(bc_identity_shm, magic, 0);
BC_PIN(bc_identity_shm, layout_version, 8);
BC_PIN(bc_identity_shm, layout_id, 12);
BC_PIN(bc_identity_shm, epoch, 16);
BC_PIN(bc_identity_shm, capacity, 24);
BC_PIN(bc_identity_shm, ring_offset, 32);
BC_PIN(bc_identity_shm, segment_size, 40);
BC_PIN(bc_identity_shm, created_realtime_ns, 48);
BC_PIN(bc_identity_shm, format, 56);
BC_PIN(bc_identity_shm, region_count, 60);
BC_PIN(bc_identity_shm, name, 64);
BC_PIN(bc_owner_shm, state, 0);
BC_PIN(bc_owner_shm, incarnation, 4);
BC_PIN(bc_owner_shm, pid, 8);
BC_PIN(bc_owner_shm, zerocopy_owed, 12);
BC_PIN(bc_owner_shm, start_ticks, 16);
BC_PIN(bc_owner_shm, pid_namespace, 24);
BC_PIN(bc_owner_shm, heartbeat_ns, 32);
BC_PIN(bc_owner_shm, started_realtime_ns, 40);
BC_PIN(bc_owner_shm, ended_realtime_ns, 48);
BC_PIN(bc_owner_shm, lock_offset, 56);
BC_PIN(bc_owner_shm, end_reason, 64);
BC_PIN(bc_owner_shm, max_receivers, 68);
BC_PIN(bc_head_shm, reserved, 0);
BC_PIN(bc_head_shm, tail, 8);
BC_PIN(bc_head_shm, published_ns, 16);
BC_PIN(bc_head_shm, publish_count, 24);
BC_PIN(bc_head_shm, publish_rule, 28);
BC_PIN(bc_head_shm, sequence_before, 32);
BC_PIN(bc_head_shm, sequence_after, 40);
BC_PIN(bc_lease_shm, holder, 0);
BC_PIN(bc_lease_shm, grants, 8);
BC_PIN(bc_lease_shm, since_ns, 16);
BC_PIN(bc_lease_shm, wanted, 24);
BC_PIN(bc_lease_shm, daemon_sleeps, 28);
BC_PIN(bc_lease_shm, limit, 32);
BC_PIN(bc_lease_shm, room, 40);
BC_PIN(bc_last_words_shm, realtime_ns, 0);
BC_PIN(bc_last_words_shm, incarnation, 8);
BC_PIN(bc_last_words_shm, signal, 12);
BC_PIN(bc_last_words_shm, code, 16);
BC_PIN(bc_last_words_shm, detail, 24);
BC_PIN(bc_last_words_shm, thread, 32);
BC_PIN(bc_last_words_shm, text, 48);
BC_PIN(bc_counter_shm, value, 0);
BC_PIN(bc_counter_shm, kind, 8);
BC_PIN(bc_counter_shm, name, 16);
BC_PIN(bc_counter_shm, unit, 64);
BC_PIN(bc_counter_shm, help, 80);
BC_PIN(bc_fact_shm, key, 8);
BC_PIN(bc_fact_shm, value, 40);
BC_PIN(bc_error_shm, event, 32);
BC_PIN(bc_error_shm, text, 64);
BC_PIN(bc_closed_shm, number, 16);
BC_PIN(bc_closed_shm, peer, 64);
BC_PIN(bc_peer_shm, role, 4);
BC_PIN(bc_peer_shm, cursor, 8);
BC_PIN(bc_peer_shm, last_progress_ns, 56);
BC_PIN(bc_peer_shm, start_position, 64);
BC_PIN(bc_peer_shm, zerocopy, 96);
BC_PIN(bc_peer_shm, peer, 128);
BC_PIN(bc_peer_shm, local, 192);
BC_PIN(bc_publisher_shm, id, 0);
BC_PIN(bc_publisher_shm, at, 8);
BC_PIN(bc_publisher_shm, old_number, 16);
BC_PIN(bc_publisher_shm, new_number, 24);
BC_PIN(bc_publisher_shm, source, 32);
BC_PIN(bc_registry_shm, membership, 128);
BC_PIN(bc_registry_shm, sleepers, 256);
BC_PIN(bc_node_shm, claim, 0);
BC_PIN(bc_node_shm, role, 12);
BC_PIN(bc_node_shm, pid, 16);
BC_PIN(bc_node_shm, stuck_after_ms, 20);
BC_PIN(bc_node_shm, start_ticks, 24);
BC_PIN(bc_node_shm, joined_realtime_ns, 40);
BC_PIN(bc_node_shm, id, 48);
BC_PIN(bc_node_shm, cursor, 128);
BC_PIN(bc_node_shm, latency, 256);
BC_PIN(bc_inbox_shm, tail, 128);
BC_PIN(bc_inbox_shm, reader_sleeps, 140);
BC_PIN(bc_inbox_shm, head, 256);
BC_PIN(bc_message_shm, sequence, 8);
BC_PIN(bc_message_shm, from_slot, 24);
