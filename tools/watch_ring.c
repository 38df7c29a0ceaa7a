/* SPDX-License-Identifier: MIT */
/*
 * watch_ring.c - the ring's window as a bar, and every cursor on it.
 *
 *	ring       64.0 KiB: 34464 oldest, 100000 tail, 100000 reserved
 *	           O=======================================================T
 *	receivers         1                        2                      9+
 *	nodes                                                              3
 *
 * From the oldest byte that the ring can hold (left) to what the writer has
 * reserved (right). A digit is how many cursors stand at that place, + is ten
 * or more. Most cursors are within a few KiB of the tail, in the last column;
 * zoomed, the tail is at the right, and a column is a factor and not a number
 * of bytes: each half of what is left takes an equal part of the bar.
 */
#include <inttypes.h>
#include <math.h>

#include "format.h"
#include "watch.h"

#define GUTTER 11 /* columns at the left, for words */

struct bar {
	uint64_t end;  /* position at the right edge */
	uint64_t span; /* bytes from edge to edge */
	int width;
	bool zoomed;
};

static struct bar measure(const struct watch *watch,
			  const struct watch_canvas *canvas)
{
	const struct bcast_stream_info *s = &watch->now.stream;
	struct bar bar = {
		.end = s->reserved > s->tail && !watch->view.zoomed
			       ? s->reserved
			       : s->tail,
		.span = s->capacity ? s->capacity : 1,
		.width = canvas->columns - GUTTER - 1,
		.zoomed = watch->view.zoomed,
	};

	/* a young stream has not filled its ring: it begins at the left */
	if (bar.end < bar.span && !bar.zoomed)
		bar.end = bar.span;
	return bar;
}

/* What lies beyond an edge is drawn at the edge. */
static int column_of(const struct bar *bar, uint64_t position)
{
	uint64_t back = position < bar->end ? bar->end - position : 0;
	double part;

	if (back > bar->span)
		back = bar->span;
	if (bar->zoomed)
		part = log2(1 + (double)back) / log2(1 + (double)bar->span);
	else
		part = (double)back / (double)bar->span;
	return GUTTER + (int)((1 - part) * (bar->width - 1) + 0.5);
}

static void draw_bar(const struct bar *bar, const struct bcast_stream_info *s,
		     struct watch_canvas *canvas, int row)
{
	int oldest = column_of(bar, s->oldest);
	int tail = column_of(bar, s->tail);
	int reserved = column_of(bar, s->reserved);

	for (int i = GUTTER; i < GUTTER + bar->width; i++) {
		bool filled = i >= oldest && i <= tail && s->tail > s->oldest;

		watch_canvas_put(canvas, row, i,
				 filled ? WATCH_BOLD : WATCH_FAINT,
				 filled			     ? '='
				 : i > tail && i <= reserved ? '+'
							     : '.');
	}
	watch_canvas_put(canvas, row, reserved, WATCH_BOLD, 'R');
	watch_canvas_put(canvas, row, oldest, WATCH_BOLD, 'O');
	watch_canvas_put(canvas, row, tail, WATCH_BOLD, 'T');
}

static char count_up(char letter)
{
	if (letter == ' ')
		return '1';
	return letter >= '1' && letter < '9' ? (char)(letter + 1) : '+';
}

static void draw_cursors(const struct bar *bar, const struct watch_rows *rows,
			 struct watch_canvas *canvas, int row)
{
	if (row >= canvas->rows)
		return;
	for (size_t i = 0; i < rows->count; i++) {
		const struct watch_row *one = &rows->rows[i];
		int column = column_of(bar, one->cursor);
		const struct watch_cell *cell;

		if (!one->reads || column < 0 || column >= canvas->columns)
			continue;
		cell = &canvas->cells[row * canvas->columns + column];
		watch_canvas_put(canvas, row, column,
				 one->alarming || cell->style == WATCH_BAD
					 ? WATCH_BAD
					 : WATCH_GOOD,
				 count_up(cell->letter));
	}
}

void watch_draw_ring(const struct watch *watch, struct watch_canvas *canvas,
		     int row)
{
	const struct bcast_stream_info *s = &watch->now.stream;
	const struct bar bar = measure(watch, canvas);

	watch_canvas_print(canvas, row, 0, WATCH_PLAIN,
			   "ring       %s%s: %" PRIu64 " oldest, %" PRIu64
			   " tail, %" PRIu64 " reserved",
			   format_bytes(s->capacity).text,
			   watch->view.zoomed ? " zoomed" : "", s->oldest,
			   s->tail, s->reserved);
	if (bar.width < 8)
		return;
	draw_bar(&bar, s, canvas, row + 1);
	watch_canvas_print(canvas, row + 2, 0, WATCH_PLAIN, "receivers");
	draw_cursors(&bar, &watch->peers, canvas, row + 2);
	watch_canvas_print(canvas, row + 3, 0, WATCH_PLAIN, "nodes");
	draw_cursors(&bar, &watch->nodes, canvas, row + 3);
}
