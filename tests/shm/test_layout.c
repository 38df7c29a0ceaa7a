/* SPDX-License-Identifier: MIT */
/*
 * test_layout.c - the layout of version 3 in literal numbers, apart from
 * layout.h's own asserts: whoever changes a struct there, and its assert with
 * it, still has to come here, and is then reminded of BC_LAYOUT_VERSION.
 */
#include "support.h"

#include <string.h>

#include <bcast/bcast.h>

#include "shm/segment_check.h"

struct pin {
	const char *what;
	size_t is, shall;
};

#define SIZE(type, shall)                                   \
	{                                                   \
		"sizeof " #type, sizeof(struct type), shall \
	}
#define AT(type, field, shall)                                        \
	{                                                             \
#type "." #field, offsetof(struct type, field), shall \
	}

static void compare(const struct pin *pins, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (pins[i].is != pins[i].shall)
			fail_msg("%s is %zu, not %zu: bump BC_LAYOUT_VERSION",
				 pins[i].what, pins[i].is, pins[i].shall);
}

static void sizes_are_those_of_version_4(void **state)
{
	static const struct pin pins[] = {
		SIZE(bc_identity_shm, 128),   SIZE(bc_owner_shm, 128),
		SIZE(bc_head_shm, 128),	      SIZE(bc_lease_shm, 128),
		SIZE(bc_index_head_shm, 128), SIZE(bc_region_shm, 32),
		SIZE(bc_control_shm, 4096),   SIZE(bc_fact_shm, 256),
		SIZE(bc_counter_shm, 256),    SIZE(bc_error_shm, 256),
		SIZE(bc_closed_shm, 256),     SIZE(bc_peer_shm, 256),
		SIZE(bc_index_shm, 32),	      SIZE(bc_histogram_shm, 2048),
		SIZE(bc_registry_shm, 4096),  SIZE(bc_node_shm, 4096),
		SIZE(bc_inbox_shm, 4096),     SIZE(bc_message_shm, 32),
		SIZE(bc_publisher_shm, 64),   SIZE(bc_last_words_shm, 256),
	};

	(void)state;
	assert_int_equal(BC_LAYOUT_VERSION, 4);
	compare(pins, sizeof(pins) / sizeof(pins[0]));
}

static void offsets_of_the_control_block_are_those_of_version_4(void **state)
{
	static const struct pin pins[] = {
		AT(bc_control_shm, identity, 0),
		AT(bc_control_shm, owner, 128),
		AT(bc_control_shm, head, 256),
		AT(bc_control_shm, lease, 384),
		AT(bc_control_shm, index_head, 512),
		AT(bc_control_shm, last_words, 640),
		AT(bc_control_shm, regions, 1024),
		AT(bc_identity_shm, magic, 0),
		AT(bc_identity_shm, layout_version, 8),
		AT(bc_identity_shm, layout_id, 12),
		AT(bc_identity_shm, epoch, 16),
		AT(bc_identity_shm, capacity, 24),
		AT(bc_identity_shm, ring_offset, 32),
		AT(bc_identity_shm, segment_size, 40),
		AT(bc_identity_shm, created_realtime_ns, 48),
		AT(bc_identity_shm, format, 56),
		AT(bc_identity_shm, region_count, 60),
		AT(bc_identity_shm, name, 64),
		AT(bc_owner_shm, state, 0),
		AT(bc_owner_shm, incarnation, 4),
		AT(bc_owner_shm, pid, 8),
		AT(bc_owner_shm, zerocopy_owed, 12),
		AT(bc_owner_shm, start_ticks, 16),
		AT(bc_owner_shm, pid_namespace, 24),
		AT(bc_owner_shm, heartbeat_ns, 32),
		AT(bc_owner_shm, started_realtime_ns, 40),
		AT(bc_owner_shm, ended_realtime_ns, 48),
		AT(bc_owner_shm, lock_offset, 56),
		AT(bc_owner_shm, end_reason, 64),
		AT(bc_owner_shm, max_receivers, 68),
		AT(bc_head_shm, reserved, 0),
		AT(bc_head_shm, tail, 8),
		AT(bc_head_shm, published_ns, 16),
		AT(bc_head_shm, publish_count, 24),
		AT(bc_head_shm, publish_rule, 28),
		AT(bc_head_shm, sequence_before, 32),
		AT(bc_head_shm, sequence_after, 40),
		AT(bc_lease_shm, holder, 0),
		AT(bc_lease_shm, grants, 8),
		AT(bc_lease_shm, since_ns, 16),
		AT(bc_lease_shm, wanted, 24),
		AT(bc_lease_shm, daemon_sleeps, 28),
		AT(bc_lease_shm, limit, 32),
		AT(bc_lease_shm, room, 40),
		AT(bc_lease_shm, gate_waits, 48),
		AT(bc_lease_shm, gates_given_up, 64),
		AT(bc_last_words_shm, realtime_ns, 0),
		AT(bc_last_words_shm, incarnation, 8),
		AT(bc_last_words_shm, signal, 12),
		AT(bc_last_words_shm, code, 16),
		AT(bc_last_words_shm, detail, 24),
		AT(bc_last_words_shm, thread, 32),
		AT(bc_last_words_shm, text, 48),
		AT(bc_index_head_shm, written, 0),
		AT(bc_index_head_shm, step, 8),
		AT(bc_region_shm, id, 0),
		AT(bc_region_shm, entry_size, 4),
		AT(bc_region_shm, entry_count, 8),
		AT(bc_region_shm, offset, 16),
	};

	(void)state;
	compare(pins, sizeof(pins) / sizeof(pins[0]));
}

static void offsets_of_the_entries_are_those_of_version_4(void **state)
{
	static const struct pin pins[] = {
		AT(bc_fact_shm, sequence, 0),
		AT(bc_fact_shm, key, 8),
		AT(bc_fact_shm, value, 40),
		AT(bc_counter_shm, value, 0),
		AT(bc_counter_shm, kind, 8),
		AT(bc_counter_shm, name, 16),
		AT(bc_counter_shm, unit, 64),
		AT(bc_counter_shm, help, 80),
		AT(bc_error_shm, level, 4),
		AT(bc_error_shm, count, 8),
		AT(bc_error_shm, event, 32),
		AT(bc_error_shm, text, 64),
		AT(bc_closed_shm, role, 4),
		AT(bc_closed_shm, reason, 8),
		AT(bc_closed_shm, error, 12),
		AT(bc_closed_shm, number, 16),
		AT(bc_closed_shm, cursor, 24),
		AT(bc_closed_shm, lag, 32),
		AT(bc_closed_shm, bytes, 40),
		AT(bc_closed_shm, connected_realtime_ns, 48),
		AT(bc_closed_shm, closed_realtime_ns, 56),
		AT(bc_closed_shm, peer, 64),
		AT(bc_peer_shm, role, 4),
		AT(bc_peer_shm, cursor, 8),
		AT(bc_peer_shm, release, 16),
		AT(bc_peer_shm, bytes, 24),
		AT(bc_peer_shm, operations, 32),
		AT(bc_peer_shm, short_sends, 40),
		AT(bc_peer_shm, lag_max, 48),
		AT(bc_peer_shm, last_progress_ns, 56),
		AT(bc_peer_shm, start_position, 64),
		AT(bc_peer_shm, discarded, 72),
		AT(bc_peer_shm, skipped, 80),
		AT(bc_peer_shm, connected_realtime_ns, 88),
		AT(bc_peer_shm, zerocopy, 96),
		AT(bc_peer_shm, last_error, 100),
		AT(bc_peer_shm, peer, 128),
		AT(bc_peer_shm, local, 192),
		AT(bc_index_shm, position, 0),
		AT(bc_index_shm, sequence, 8),
		AT(bc_index_shm, timestamp_ns, 16),
	};

	(void)state;
	compare(pins, sizeof(pins) / sizeof(pins[0]));
}

static void offsets_of_the_registry_are_those_of_version_4(void **state)
{
	static const struct pin pins[] = {
		AT(bc_registry_shm, magic, 0),
		AT(bc_registry_shm, layout_version, 8),
		AT(bc_registry_shm, layout_id, 12),
		AT(bc_registry_shm, epoch, 16),
		AT(bc_registry_shm, object_size, 24),
		AT(bc_registry_shm, node_count, 32),
		AT(bc_registry_shm, slot_size, 36),
		AT(bc_registry_shm, slots_offset, 40),
		AT(bc_registry_shm, inboxes_offset, 48),
		AT(bc_registry_shm, inbox_size, 56),
		AT(bc_registry_shm, membership, 128),
		AT(bc_registry_shm, joins, 136),
		AT(bc_registry_shm, leaves, 144),
		AT(bc_registry_shm, sleepers, 256),
		AT(bc_registry_shm, gate_wanted, 260),
		AT(bc_registry_shm, gate_moved, 264),
		AT(bc_registry_shm, gate_changes, 268),
		AT(bc_node_shm, claim, 0),
		AT(bc_node_shm, sequence, 8),
		AT(bc_node_shm, role, 12),
		AT(bc_node_shm, pid, 16),
		AT(bc_node_shm, start_ticks, 24),
		AT(bc_node_shm, pid_namespace, 32),
		AT(bc_node_shm, joined_realtime_ns, 40),
		AT(bc_node_shm, id, 48),
		AT(bc_node_shm, gates_given_up, 112),
		AT(bc_node_shm, cursor, 128),
		AT(bc_node_shm, heartbeat_ns, 136),
		AT(bc_node_shm, gate_timeout_ns, 144),
		AT(bc_node_shm, waiting, 216),
		AT(bc_node_shm, latency, 256),
		AT(bc_inbox_shm, holder, 0),
		AT(bc_inbox_shm, refused, 8),
		AT(bc_inbox_shm, tail, 128),
		AT(bc_inbox_shm, count, 136),
		AT(bc_inbox_shm, reader_sleeps, 140),
		AT(bc_inbox_shm, head, 256),
		AT(bc_inbox_shm, room, 264),
		AT(bc_inbox_shm, room_awaited, 268),
		AT(bc_inbox_shm, damaged, 272),
		AT(bc_message_shm, length, 0),
		AT(bc_message_shm, crc32c, 4),
		AT(bc_message_shm, sequence, 8),
		AT(bc_message_shm, sent_ns, 16),
		AT(bc_message_shm, from_slot, 24),
		AT(bc_message_shm, type, 28),
		AT(bc_message_shm, id_length, 30),
	};

	(void)state;
	compare(pins, sizeof(pins) / sizeof(pins[0]));
}

static void words_written_by_different_processes_share_no_line(void **state)
{
	(void)state;

	assert_int_equal(offsetof(struct bc_control_shm, head) % 128, 0);
	assert_int_equal(offsetof(struct bc_control_shm, lease) % 128, 0);
	assert_int_equal(offsetof(struct bc_node_shm, cursor) % 128, 0);
	assert_int_equal(offsetof(struct bc_inbox_shm, head) % 128, 0);
	assert_int_equal(offsetof(struct bc_registry_shm, sleepers) % 128, 0);
}

static void layout_id_is_that_of_version_4(void **state)
{
	(void)state;

	assert_int_equal(bc_layout_id(), 0xd93f757);
}

static void magics_are_what_od_shows(void **state)
{
	const uint64_t magic = BC_MAGIC;

	(void)state;

	/* a text that a person finds at the start of the object */
	assert_memory_equal(&magic, "\7bcast\1\n", 8);
	assert_true(BC_MAGIC != BC_REGISTRY_MAGIC);
}

static void page_of_zeroes_is_not_ready(void **state)
{
	static const struct bc_control_shm zeroes;
	struct bc_geometry geometry;

	(void)state;

	assert_int_equal(
		bc_segment_check(&zeroes, UINT64_C(1) << 30, &geometry),
		BCAST_ENOTREADY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_those_of_version_4),
		cmocka_unit_test(
			offsets_of_the_control_block_are_those_of_version_4),
		cmocka_unit_test(offsets_of_the_entries_are_those_of_version_4),
		cmocka_unit_test(
			offsets_of_the_registry_are_those_of_version_4),
		cmocka_unit_test(
			words_written_by_different_processes_share_no_line),
		cmocka_unit_test(layout_id_is_that_of_version_4),
		cmocka_unit_test(magics_are_what_od_shows),
		cmocka_unit_test(page_of_zeroes_is_not_ready),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
