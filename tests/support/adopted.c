/* SPDX-License-Identifier: MIT */
/* adopted.c - see adopted.h. */
#include <stdio.h>

#include "adopted.h"

#include "shm/clock.h"
#include "shm/peers.h"

struct test_stream adopted_stream;

/* ---- A death, and the life after it ------------------------------------ */

int adopted_prepare(void **state)
{
	(void)state;
	return test_stream_open(&adopted_stream, test_name());
}

int adopted_leave(void **state)
{
	(void)state;
	if (adopted_stream.segment.control)
		test_stream_close(&adopted_stream);
	test_stream_erase(adopted_stream.name);
	bc_name_lock_drop(&adopted_stream.lock);
	return 0;
}

/* The kernel takes the mappings and the lock, as with kill -9. */
void adopted_die(void)
{
	bc_segment_close(&adopted_stream.segment);
}

void adopted_adopt(void)
{
	const struct bc_segment_config config =
		test_stream_config(adopted_stream.name);
	const char *reason = "none";

	if (bc_segment_adopt(&adopted_stream.segment, &config, &reason) != 0)
		fail_msg("not adopted: %s", reason);
}

struct bcast_reader *adopted_attach(enum bcast_from from)
{
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;
	struct bcast_reader *reader;

	options.from = from;
	assert_int_equal(bcast_attach(adopted_stream.name, &options, &reader),
			 0);
	return reader;
}

/* Read to the tail, every byte by its position. */
void adopted_read_all(struct bcast_reader *reader)
{
	static unsigned char bytes[TEST_CAPACITY];
	uint64_t at = bcast_position(reader);
	int64_t n;

	while ((n = bcast_read(reader, bytes, sizeof(bytes))) > 0) {
		assert_int_equal(
			test_pattern_check(TEST_SEED, at, bytes, (size_t)n),
			-1);
		at += (uint64_t)n;
	}
	assert_int_equal(n, 0);
	assert_int_equal(at, bc_ring_tail(&adopted_stream.segment.ring));
}

struct bc_counter_shm *adopted_counters(void)
{
	return (struct bc_counter_shm *)(void *)adopted_stream.segment
		.regions[BC_REGION_COUNTERS]
		.base;
}

/* ---- What the dead one says of itself ---------------------------------- */

void adopted_open_peer(uint32_t slot, const char *peer)
{
	struct bc_peer_shm *entry =
		bc_peers_slot(&adopted_stream.segment, slot);
	const struct bc_peer_opening opening = {
		.role = BCAST_ROLE_RECEIVER,
		.peer = peer,
		.local = "127.0.0.1:1",
		.position = bc_ring_tail(&adopted_stream.segment.ring),
		.now_ns = bc_monotonic_ns(),
	};

	bc_peers_open(entry, &opening);
}

void adopted_remember(const char *peer, uint64_t connected_realtime_ns)
{
	bc_peers_remember(
		&adopted_stream.segment,
		&(struct bc_peer_closing){
			.role = BCAST_ROLE_RECEIVER,
			.reason = BCAST_CLOSE_PEER,
			.peer = peer,
			.connected_realtime_ns = connected_realtime_ns,
		});
}

/* Reasons of all that were remembered, newest first, as "peer reason\n". */
const char *adopted_closed_list(void)
{
	static char list[4096];
	struct bcast_monitor *monitor;
	struct bcast_closed_info info;
	uint32_t next = 0;
	size_t used = 0;

	list[0] = '\0';
	assert_int_equal(bcast_monitor_open(adopted_stream.name, &monitor), 0);
	while (bcast_monitor_closed(monitor, &next, &info) == 1)
		used += (size_t)snprintf(list + used, sizeof(list) - used,
					 "%s %s\n", info.peer,
					 bcast_close_reason_name(info.reason));
	bcast_monitor_close(monitor);
	return list;
}
