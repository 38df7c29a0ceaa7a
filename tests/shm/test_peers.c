/* SPDX-License-Identifier: MIT */
/* test_peers.c - the table of open connections, the memory of closed ones. */
#include "stream.h"

#include <string.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "shm/clock.h"
#include "shm/peers.h"

#define PEERS  3u
#define CLOSED 4u

static struct bc_peer_shm peers[PEERS];
static struct bc_closed_shm closed[CLOSED];
static struct bc_segment segment;

static int clear(void **state)
{
	(void)state;
	memset(peers, 0, sizeof(peers));
	memset(closed, 0, sizeof(closed));
	segment = (struct bc_segment){.fd = -1};
	segment.regions[BC_REGION_PEERS].base = (unsigned char *)peers;
	segment.regions[BC_REGION_PEERS].count = PEERS;
	segment.regions[BC_REGION_CLOSED].base = (unsigned char *)closed;
	segment.regions[BC_REGION_CLOSED].count = CLOSED;
	return 0;
}

static const struct bc_peer_opening opening = {
	.role = BCAST_ROLE_RECEIVER,
	.peer = "[2001:db8:85a3:8d3:1319:8a2e:370:7348%interface0]:65535",
	.local = "127.0.0.1:7400",
	.position = (UINT64_C(1) << 33) + 5,
	.now_ns = 77,
};

static void slots_are_entries_of_the_table(void **state)
{
	(void)state;

	assert_ptr_equal(bc_peers_slot(&segment, 0), &peers[0]);
	assert_ptr_equal(bc_peers_slot(&segment, PEERS - 1), &peers[PEERS - 1]);
}

static void ask_beyond_the_table(void *argument)
{
	(void)argument;
	(void)close(STDERR_FILENO); /* its last words are expected */
	(void)bc_peers_slot(&segment, PEERS);
}

static void slot_beyond_the_table_is_our_bug(void **state)
{
	struct test_child child = test_fork(ask_beyond_the_table, NULL);

	(void)state;

	assert_int_equal(test_join(&child), 128 + 6);
}

static void opened_connection_starts_from_nothing(void **state)
{
	struct bc_peer_shm *peer = bc_peers_slot(&segment, 1);

	(void)state;
	memset(peer, 0x55, sizeof(*peer)); /* what the last one left */

	bc_peers_open(peer, &opening);

	assert_int_equal(peer->role, BCAST_ROLE_RECEIVER);
	assert_string_equal(peer->peer, opening.peer);
	assert_string_equal(peer->local, opening.local);
	assert_int_equal(peer->cursor, opening.position);
	assert_int_equal(peer->release, opening.position);
	assert_int_equal(peer->start_position, opening.position);
	assert_int_equal(peer->bytes, 0);
	assert_int_equal(peer->operations, 0);
	assert_int_equal(peer->short_sends, 0);
	assert_int_equal(peer->lag_max, 0);
	assert_int_equal(peer->discarded, 0);
	assert_int_equal(peer->skipped, 0);
	assert_int_equal(peer->last_progress_ns, 77);
	assert_int_equal(peer->zerocopy, 0);
	assert_int_equal(peer->last_error, 0);
	assert_int_equal(peer->sequence % 2, 0);
}

static void progress_counts_and_moves_the_cursor(void **state)
{
	struct bc_peer_shm *peer = bc_peers_slot(&segment, 0);

	(void)state;
	bc_peers_open(peer, &opening);

	bc_peers_progress(peer, opening.position + 10, 10, 100);
	bc_peers_progress(peer, opening.position + 30, 20, 200);
	bc_peers_set_release(peer, opening.position + 20);

	assert_int_equal(peer->cursor, opening.position + 30);
	assert_int_equal(peer->release, opening.position + 20);
	assert_int_equal(peer->bytes, 30);
	assert_int_equal(peer->operations, 2);
	assert_int_equal(peer->last_progress_ns, 200);
}

static void maximum_only_rises(void **state)
{
	struct bc_peer_shm *peer = bc_peers_slot(&segment, 0);

	(void)state;

	bc_peers_max(&peer->lag_max, 10);
	bc_peers_max(&peer->lag_max, 9);
	bc_peers_add(&peer->discarded, 4);
	bc_peers_add(&peer->discarded, 5);

	assert_int_equal(peer->lag_max, 10);
	assert_int_equal(peer->discarded, 9);
}

static void new_role_counts_anew(void **state)
{
	struct bc_peer_shm *peer = bc_peers_slot(&segment, 0);

	(void)state;
	bc_peers_open(peer, &opening);
	bc_peers_progress(peer, opening.position + 10, 10, 100);

	bc_peers_set_role(peer, BCAST_ROLE_SENDER, 9);

	assert_int_equal(peer->role, BCAST_ROLE_SENDER);
	assert_int_equal(peer->cursor, 9);
	assert_int_equal(peer->release, 9);
	assert_int_equal(peer->start_position, 9);
	assert_int_equal(peer->bytes, 0);
	assert_int_equal(peer->operations, 0);
	assert_string_equal(peer->peer, opening.peer);
}

static void closed_connection_frees_its_slot(void **state)
{
	struct bc_peer_shm *peer = bc_peers_slot(&segment, 0);

	(void)state;
	bc_peers_open(peer, &opening);

	bc_peers_close(peer);

	assert_int_equal(peer->role, 0);
}

static void remember(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const struct bc_peer_closing closing = {
			.role = BCAST_ROLE_RECEIVER,
			.reason = BCAST_CLOSE_SLOW,
			.error = -32,
			.peer = "10.0.0.2:4100",
			.cursor = 1000 + i,
			.lag = i,
			.bytes = 2 * i,
			.connected_realtime_ns = 5,
		};

		bc_peers_remember(&segment, &closing);
	}
}

static void last_words_are_kept_whole(void **state)
{
	uint64_t before = bc_realtime_ns();

	(void)state;

	remember(2);

	assert_int_equal(closed[1].number, 1);
	assert_int_equal(closed[1].role, BCAST_ROLE_RECEIVER);
	assert_int_equal(closed[1].reason, BCAST_CLOSE_SLOW);
	assert_int_equal(closed[1].error, -32);
	assert_int_equal(closed[1].cursor, 1001);
	assert_int_equal(closed[1].lag, 1);
	assert_int_equal(closed[1].bytes, 2);
	assert_int_equal(closed[1].connected_realtime_ns, 5);
	assert_true(closed[1].closed_realtime_ns >= before);
	assert_string_equal(closed[1].peer, "10.0.0.2:4100");
	assert_int_equal(closed[2].sequence, 0);
}

static void newest_overwrites_oldest(void **state)
{
	(void)state;

	remember(CLOSED - 1);
	assert_int_equal(closed[CLOSED - 1].sequence, 0);
	remember(1);
	assert_int_equal(closed[CLOSED - 1].number, CLOSED - 1);
	assert_int_equal(closed[0].number, 0);
	remember(1);
	assert_int_equal(closed[0].number, CLOSED);
	assert_int_equal(closed[1].number, 1);
}

#define TEST(name) cmocka_unit_test_setup(name, clear)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(slots_are_entries_of_the_table),
		TEST(slot_beyond_the_table_is_our_bug),
		TEST(opened_connection_starts_from_nothing),
		TEST(progress_counts_and_moves_the_cursor),
		TEST(maximum_only_rises),
		TEST(new_role_counts_anew),
		TEST(closed_connection_frees_its_slot),
		TEST(last_words_are_kept_whole),
		TEST(newest_overwrites_oldest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
