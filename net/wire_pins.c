/* SPDX-License-Identifier: MIT */
/*
 * wire_pins.c - the structs of bcast/packet.h, pinned: sizes, offsets, numbers.
 *
 * They are sent as they stand in memory, so a compiler that laid one out
 * otherwise, or an edit that moved a field, would be another protocol. Nothing
 * here makes code; the file need only compile. Structs may grow at their end:
 * then a size changes here, and nothing else.
 */
#include <assert.h>
#include <stddef.h>

#include <bcast/node.h>
#include <bcast/packet.h>

#define AT(type, field, at) \
	static_assert(offsetof(struct type, field) == (at), #type "." #field)
#define SIZE(type, size) static_assert(sizeof(struct type) == (size), #type)

AT(bcast_packet_header, length, 0);
AT(bcast_packet_header, type, 4);
AT(bcast_packet_header, flags, 6);
AT(bcast_packet_header, sequence, 8);
AT(bcast_packet_header, timestamp_ns, 16);
AT(bcast_packet_header, crc32c, 24);
AT(bcast_packet_header, source, 28);
AT(bcast_packet_header, key_length, 30);
SIZE(bcast_packet_header, 32);
static_assert(BCAST_PACKET_ALIGN == 32, "records are aligned to headers");

AT(bcast_hello, magic, 0);
AT(bcast_hello, version, 4);
AT(bcast_hello, fixed_size, 6);
AT(bcast_hello, needs, 8);
AT(bcast_hello, wants, 12);
AT(bcast_hello, roles, 16);
AT(bcast_hello, from, 20);
AT(bcast_hello, policy, 22);
AT(bcast_hello, epoch, 24);
AT(bcast_hello, position, 32);
AT(bcast_hello, sequence, 40);
AT(bcast_hello, time_ns, 48);
AT(bcast_hello, publisher_id, 56);
AT(bcast_hello, heartbeat_ms, 64);
AT(bcast_hello, name_length, 68);
AT(bcast_hello, id_length, 70);
AT(bcast_hello, key_length, 72);
AT(bcast_hello, reserved_zero, 74);
SIZE(bcast_hello, 80);

AT(bcast_welcome, version, 0);
AT(bcast_welcome, fixed_size, 2);
AT(bcast_welcome, flags, 4);
AT(bcast_welcome, roles, 8);
AT(bcast_welcome, granted, 12);
AT(bcast_welcome, epoch, 16);
AT(bcast_welcome, position, 24);
AT(bcast_welcome, sequence, 32);
AT(bcast_welcome, tail, 40);
AT(bcast_welcome, accepted, 48);
AT(bcast_welcome, capacity, 56);
AT(bcast_welcome, payload_max, 64);
AT(bcast_welcome, message_max, 68);
AT(bcast_welcome, heartbeat_ms, 72);
AT(bcast_welcome, idle_timeout_ms, 76);
AT(bcast_welcome, source, 80);
AT(bcast_welcome, name_length, 82);
AT(bcast_welcome, reserved_zero, 84);
SIZE(bcast_welcome, 88);

AT(bcast_reject, code, 0);
AT(bcast_reject, fixed_size, 2);
AT(bcast_reject, retry_after_ms, 4);
SIZE(bcast_reject, 8);

AT(bcast_heartbeat, position, 0);
AT(bcast_heartbeat, sequence, 8);
SIZE(bcast_heartbeat, 16);

AT(bcast_gap, from, 0);
AT(bcast_gap, to, 8);
AT(bcast_gap, from_sequence, 16);
AT(bcast_gap, to_sequence, 24);
AT(bcast_gap, reason, 32);
AT(bcast_gap, reserved_zero, 36);
SIZE(bcast_gap, 40);

AT(bcast_ack, accepted, 0);
AT(bcast_ack, position, 8);
SIZE(bcast_ack, 16);

AT(bcast_result, sequence, 0);
AT(bcast_result, result, 8);
AT(bcast_result, reserved_zero, 12);
SIZE(bcast_result, 16);

AT(bcast_node_entry, id, 0);
AT(bcast_node_entry, state, 64);
AT(bcast_node_entry, roles, 68);
AT(bcast_node_entry, slot, 72);
AT(bcast_node_entry, remote, 76);
AT(bcast_node_entry, cursor, 80);
AT(bcast_node_entry, lag, 88);
AT(bcast_node_entry, joined_realtime_ns, 96);
AT(bcast_node_entry, heartbeat_age_ns, 104);
AT(bcast_node_entry, reserved_zero, 112);
SIZE(bcast_node_entry, 128);
static_assert(BCAST_NODE_ID_MAX < 64, "an id and its end fit an entry");

AT(bcast_end, position, 0);
AT(bcast_end, sequence, 8);
SIZE(bcast_end, 16);
