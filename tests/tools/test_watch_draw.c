/* SPDX-License-Identifier: MIT */
/*
 * test_watch_draw.c - bcast-shmstat --watch without a terminal: two looks put
 * there by hand, the events that are made of them, and the screen.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"
#include "watch.h"

#define PEERS 25

static struct watch watch;
static struct watch_canvas canvas;
static struct watch_row rows[2 * PEERS];
static struct bcast_peer_info peers[PEERS];
static struct bcast_node_info nodes_now[1];
static struct bcast_node_info nodes_before[1];
static char screen[300 * 301];

static int set_up(void **state)
{
	struct bcast_stream_info *s = &watch.now.stream;

	(void)state;
	memset(&watch, 0, sizeof(watch));
	memset(peers, 0, sizeof(peers));
	memset(rows, 0, sizeof(rows));
	memset(nodes_now, 0, sizeof(nodes_now));
	watch.realtime_ns = UINT64_C(1000000000000);
	snprintf(s->name, sizeof(s->name), "prices");
	s->state = BCAST_STREAM_LIVE;
	s->writer_alive = 1;
	s->capacity = 65536;
	s->oldest = 34464;
	s->tail = 100000;
	s->reserved = 100000;
	watch.before.stream = *s;
	watch.has_before = true;
	watch.has_closed = true;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	watch_canvas_free(&canvas);
	return 0;
}

static void draw(int lines, int columns)
{
	char *to = screen;

	assert_true(watch_canvas_clear(&canvas, lines, columns));
	watch_draw(&watch, &canvas);
	for (int i = 0; i < lines * columns; i++) {
		*to++ = canvas.cells[i].letter;
		if ((i + 1) % columns == 0)
			*to++ = '\n';
	}
	*to = '\0';
}

static void assert_drawn(const char *text)
{
	if (!strstr(screen, text))
		fail_msg("no '%s' in:\n%s", text, screen);
}

static void assert_told(uint64_t index, const char *text)
{
	assert_true(index < watch.event_count);
	if (!strstr(watch.events[index].text, text))
		fail_msg("no '%s' in: %s", text, watch.events[index].text);
}

/* ---- The screen -------------------------------------------------------- */

static void latencies_of_a_node_are_shown(void **state)
{
	(void)state;
	rows[0] = (struct watch_row){
		.name = "reader",
		.state = "alive",
		.reads = true,
		.lag = 2048,
		.rate = 1536,
		.laps = 3,
		.latency_count = 1,
		.latency_p50_ns = 25100,
		.latency_p99_ns = 1200000,
		.latency_max_ns = UINT64_C(12000000000),
		.since_realtime_ns = watch.realtime_ns - UINT64_C(200000000000),
	};
	watch.nodes = (struct watch_rows){.rows = rows, .count = 1};

	draw(24, 80);

	assert_drawn("reader           alive    2.00 KiB  1.50 KiB/s    3 "
		     "25.1us  1.2ms    12s  3m20s");
	assert_drawn("NODES 1 ");
}

static const char *line_of(const char *word)
{
	const char *at = strstr(screen, word);

	assert_non_null(at);
	return at;
}

/* The bar has 80 - 12 columns, from 11 on. */
static void cursors_stand_under_their_place_in_the_ring(void **state)
{
	(void)state;
	for (int i = 0; i < 12; i++)
		rows[i] = (struct watch_row){.name = "r",
					     .role = "receiver",
					     .state = "live",
					     .reads = true,
					     .cursor = 100000};
	rows[0].cursor = 34464; /* the oldest byte */
	rows[1].cursor = 17;	/* overtaken long ago */
	watch.peers = (struct watch_rows){.rows = rows, .count = 12};

	draw(24, 80);

	assert_int_equal(line_of("receivers ")[11], '2');
	assert_int_equal(line_of("receivers ")[11 + 67], '+');
	assert_int_equal(line_of("O==")[67], 'T');
	watch.peers.count = 11; /* one less is nine at the tail */
	draw(24, 80);
	assert_int_equal(line_of("receivers ")[11 + 67], '9');
}

static void zoomed_half_of_the_bar_is_the_last_bytes(void **state)
{
	(void)state;
	rows[0] = (struct watch_row){.name = "r",
				     .role = "receiver",
				     .state = "behind",
				     .reads = true,
				     .cursor = 100000 - 255};
	watch.peers = (struct watch_rows){.rows = rows, .count = 1};
	watch.view.zoomed = true;

	draw(24, 80);

	/* 256 is the square root of 65536 */
	assert_int_equal(line_of("receivers ")[11 + 34], '1');
}

static void every_size_can_be_drawn(void **state)
{
	(void)state;
	for (int i = 0; i < PEERS; i++)
		rows[i] = (struct watch_row){.name = "10.0.0.1:65535",
					     .role = "receiver",
					     .state = "stalled",
					     .reads = true,
					     .alarming = true,
					     .rate = 1e30,
					     .lag = UINT64_MAX,
					     .cursor = UINT64_MAX - 1};
	watch.peers = (struct watch_rows){.rows = rows, .count = PEERS};
	watch.nodes = (struct watch_rows){.rows = rows, .count = PEERS};
	watch.samples = 3;
	watch.history[1].in = 1e300;
	for (int lines = 1; lines < 60; lines++)
		for (int columns = 1; columns < 200; columns += 3)
			draw(lines, columns);
	watch.now.stream = (struct bcast_stream_info){.tail = UINT64_MAX};
	draw(24, 80);
}

/* ---- Events ------------------------------------------------------------ */

static void storm_is_told_by_the_first_and_a_number(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < PEERS; i++) {
		peers[i].slot = i;
		peers[i].role = BCAST_ROLE_RECEIVER;
		snprintf(peers[i].peer, sizeof(peers[i].peer), "peer-%u", i);
	}
	watch.now.peers = peers;
	watch.now.peer_count = PEERS;

	watch_compare(&watch);

	assert_int_equal(watch.event_count, 21);
	assert_told(0, "receiver peer-0 joined");
	assert_told(20, "and 5 more joined");
}

static void same_slot_with_another_connection_is_a_newcomer(void **state)
{
	struct bcast_peer_info before = {.role = BCAST_ROLE_RECEIVER,
					 .connected_realtime_ns = 1};

	(void)state;
	peers[0] = before;
	watch.before.peers = &before;
	watch.before.peer_count = 1;
	watch.now.peers = peers;
	watch.now.peer_count = 1;
	watch_compare(&watch);
	assert_int_equal(watch.event_count, 0);

	peers[0].connected_realtime_ns = 2;
	watch_compare(&watch);

	assert_int_equal(watch.event_count, 1);
	assert_told(0, "joined");
}

static void end_of_a_connection_is_told_with_reason_and_error(void **state)
{
	struct bcast_closed_info closed = {.role = BCAST_ROLE_RECEIVER,
					   .reason = BCAST_CLOSE_SLOW,
					   .error = -104,
					   .peer = "10.0.0.2:4100",
					   .lag = 2048,
					   .bytes = 17};

	(void)state;
	watch.now.closed = &closed;
	watch.now.closed_count = 1;

	watch_compare(&watch);

	assert_told(0, "receiver 10.0.0.2:4100 left: slow: Connection reset by "
		       "peer, lag 2.00 KiB, 17 B");
}

static void troubles_of_a_node_are_told(void **state)
{
	(void)state;
	snprintf(nodes_now[0].id, sizeof(nodes_now[0].id), "reader");
	nodes_now[0].state = BCAST_NODE_ALIVE;
	nodes_before[0] = nodes_now[0];
	nodes_now[0].state = BCAST_NODE_STUCK;
	nodes_now[0].laps = 1;
	nodes_now[0].lost_bytes = 1024;
	nodes_now[0].gates_given_up = 1;
	watch.now.nodes = (struct nodes){nodes_now, 1, 1};
	watch.before.nodes = (struct nodes){nodes_before, 1, 1};

	watch_compare(&watch);

	assert_int_equal(watch.event_count, 3);
	assert_told(0, "node reader is stuck");
	assert_told(1, "node reader was overtaken: lost 1.00 KiB");
	assert_told(2, "node reader stood still");
}

static void writers_and_daemons_that_change_are_told(void **state)
{
	(void)state;
	watch.now.writer.kind = BCAST_WRITER_NODE;
	watch.now.writer.grants = 1;
	snprintf(watch.now.writer.who, sizeof(watch.now.writer.who), "pub-1");
	watch.now.stream.incarnation = 2;
	watch.now.stream.owner_pid = 17;
	watch.before.stream.writer_alive = 0;

	watch_compare(&watch);

	assert_int_equal(watch.event_count, 3);
	assert_told(0, "daemon 17 has taken the stream over (incarnation 2)");
	assert_told(1, "the stream is live");
	assert_told(2, "node pub-1 writes");
}

static void complaint_of_the_daemon_is_told_once_each_time(void **state)
{
	struct bcast_error_info now = {.level = BCAST_LEVEL_WARN,
				       .event = "accept_failed",
				       .text = "error=EMFILE",
				       .count = 2};
	struct bcast_error_info before = now;

	(void)state;
	watch.now.errors = &now;
	watch.now.error_count = 1;
	watch.before.errors = &before;
	watch.before.error_count = 1;
	watch_compare(&watch);
	assert_int_equal(watch.event_count, 0);

	now.count = 5;
	watch_compare(&watch);

	assert_int_equal(watch.event_count, 1);
	assert_told(0, "log: warn accept_failed error=EMFILE (5 times)");
}

/* ---- Order ------------------------------------------------------------- */

static void rows_are_sorted_by_what_is_asked_for(void **state)
{
	(void)state;
	rows[0] = (struct watch_row){.slot = 0,
				     .lag = 1,
				     .rate = 2,
				     .since_realtime_ns = 3,
				     .state = "live"};
	rows[1] = (struct watch_row){.slot = 1,
				     .lag = 2,
				     .rate = 1,
				     .since_realtime_ns = 2,
				     .state = "behind"};
	watch.peers = (struct watch_rows){.rows = rows, .count = 2};

	watch.view.sort = WATCH_BY_LAG;
	watch_sort(&watch);
	assert_int_equal(rows[0].slot, 1);
	watch.view.sort = WATCH_BY_RATE;
	watch_sort(&watch);
	assert_int_equal(rows[0].slot, 0);
	watch.view.sort = WATCH_BY_AGE;
	watch_sort(&watch);
	assert_int_equal(rows[0].slot, 1);
	watch.view.inverted = true;
	watch_sort(&watch);
	assert_int_equal(rows[0].slot, 0);
	watch.view.inverted = false;
	watch.view.sort = WATCH_BY_STATE;
	watch_sort(&watch);
	assert_int_equal(rows[0].slot, 1);
}

#define TEST(claim) cmocka_unit_test_setup_teardown(claim, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(latencies_of_a_node_are_shown),
		TEST(cursors_stand_under_their_place_in_the_ring),
		TEST(zoomed_half_of_the_bar_is_the_last_bytes),
		TEST(every_size_can_be_drawn),
		TEST(storm_is_told_by_the_first_and_a_number),
		TEST(same_slot_with_another_connection_is_a_newcomer),
		TEST(end_of_a_connection_is_told_with_reason_and_error),
		TEST(troubles_of_a_node_are_told),
		TEST(writers_and_daemons_that_change_are_told),
		TEST(complaint_of_the_daemon_is_told_once_each_time),
		TEST(rows_are_sorted_by_what_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
