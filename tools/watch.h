/* SPDX-License-Identifier: MIT */
/*
 * watch.h - a stream watched over time: bcast-shmstat --watch.
 *
 *	watch_look.c	a look: a snapshot, rates since the one before, rows
 *	watch_events.c	what has happened between the two
 *	watch_draw.c	the whole of it onto a canvas (watch_canvas.h)
 *	watch_ring.c	of that, the ring with all cursors
 *	watch_terminal.c  the canvas onto a terminal, and keys from it (ncurses)
 *	watch.c		look, draw, wait for a key or the next look
 *
 * The segment stays mapped from look to look, also when its daemon is dead or
 * its name gone: the last values then stand there still. Each look asks by
 * stat(2) whether the name stands for another object by now.
 */
#ifndef TOOLS_WATCH_H
#define TOOLS_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <bcast/monitor.h>

#include "shmstat.h"
#include "watch_canvas.h"

#define WATCH_HISTORY 512 /* samples of throughput */
#define WATCH_EVENTS  512 /* events that are remembered */

/* A connection or a node, as a line of its table. */
struct watch_row {
	const char *name; /* in the snapshot that it was made of */
	const char *role; /* of a connection */
	const char *state;
	uint32_t slot;
	bool reads; /* it has a cursor that lags */
	bool alarming;
	uint64_t cursor;
	uint64_t lag;
	uint64_t bytes;
	uint64_t since_realtime_ns;
	double rate; /* bytes a second */
	/* of a connection */
	uint64_t idle_ns;
	uint64_t lag_max;
	uint64_t short_sends;
	/* of a node */
	uint64_t laps;
	uint64_t latency_count;
	uint64_t latency_p50_ns;
	uint64_t latency_p99_ns;
	uint64_t latency_max_ns;
};

struct watch_rows {
	struct watch_row *rows;
	size_t count;
	size_t room;
};

enum watch_sort {
	WATCH_BY_LAG,
	WATCH_BY_RATE,
	WATCH_BY_AGE,
	WATCH_BY_STATE,
};

/* What can be scrolled. */
enum watch_pane {
	WATCH_PEERS,
	WATCH_NODES,
	WATCH_LOG,
	WATCH_PANES
};

struct watch_event {
	uint64_t realtime_ns;
	enum watch_style style;
	char text[160];
};

struct watch_throughput {
	double in;	/* bytes published a second */
	double out;	/* bytes sent to receivers a second */
	double records; /* a second, in a stream of packets */
};

/* How the user wants it. */
struct watch_view {
	enum watch_sort sort;
	bool inverted;
	bool zoomed; /* the ring by the logarithm of the distance to its end */
	enum watch_pane focus;
	int scrolled[WATCH_PANES];
	int page; /* lines of the focused pane, as last drawn */
};

/* Zeroed, but for name, is: not looked yet. */
struct watch {
	const char *name;
	int interval_ms;
	struct bcast_monitor *monitor;
	struct bcast_nodes *node_view;
	ino_t inode;
	bool gone;	 /* there is no such name any more */
	bool another;	 /* this look found another segment than the last */
	int problem;	 /* the name stands for what cannot be read: why */
	uint64_t now_ns; /* CLOCK_MONOTONIC of the looks */
	uint64_t before_ns;
	uint64_t realtime_ns;
	uint64_t nodes_due_ns;
	struct shmstat now;
	struct shmstat before;
	bool has_before;
	struct bcast_closed_info newest_closed;
	bool has_closed;
	uint64_t dead_since_ns; /* CLOCK_REALTIME; 0: is alive */
	struct watch_throughput throughput;
	struct watch_throughput history[WATCH_HISTORY]; /* a ring */
	uint64_t samples;
	struct watch_rows peers;
	struct watch_rows nodes;
	struct watch_event events[WATCH_EVENTS]; /* a ring */
	uint64_t event_count;
	struct watch_view view;
};

/* ---- watch_look.c -------------------------------------------------------- */

/*
 * watch_look - look again. Returns 0; as bcast_monitor_open() if there never
 * was a stream to look at; or -ENOMEM.
 */
int watch_look(struct watch *watch);
void watch_free(struct watch *watch);

/* watch_sort - put the rows into the order that the view says. */
void watch_sort(struct watch *watch);

/* ---- watch_events.c ------------------------------------------------------ */

/* watch_compare - find out what happened since the last look. */
void watch_compare(struct watch *watch);

/* ---- watch_ring.c, watch_draw.c ------------------------------------------ */

#define WATCH_RING_LINES 4
void watch_draw_ring(const struct watch *watch, struct watch_canvas *canvas,
		     int row);
void watch_draw(struct watch *watch, struct watch_canvas *canvas);

/* ---- watch.c ------------------------------------------------------------- */

/* watch_run - until q is pressed. Returns the exit code. */
int watch_run(const char *program, const char *name, int interval_ms);

#endif
