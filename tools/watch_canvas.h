/* SPDX-License-Identifier: MIT */
/*
 * watch_canvas.h - a screen of characters in memory. What is drawn is put here
 * first: so drawing needs no terminal, clips by itself at any size, and the
 * terminal is one file's business (watch_terminal.c).
 */
#ifndef TOOLS_WATCH_CANVAS_H
#define TOOLS_WATCH_CANVAS_H

#include <stdbool.h>
#include <stdint.h>

enum watch_style {
	WATCH_PLAIN,
	WATCH_BOLD,
	WATCH_FAINT,
	WATCH_TITLE, /* reverse */
	WATCH_GOOD,
	WATCH_BAD,
	WATCH_STYLES
};

/* letter: printable ASCII; or 1 to WATCH_LEVELS, a block of that height. */
#define WATCH_LEVELS 8
struct watch_cell {
	char letter;
	uint8_t style; /* enum watch_style */
};

/* Zeroed is none. */
struct watch_canvas {
	int rows;
	int columns;
	struct watch_cell *cells;
};

/* watch_canvas_clear - make it this large and blank. False: no memory. */
bool watch_canvas_clear(struct watch_canvas *canvas, int rows, int columns);
void watch_canvas_free(struct watch_canvas *canvas);

/* watch_canvas_put - one character; outside of the canvas, nothing. */
void watch_canvas_put(struct watch_canvas *canvas, int row, int column,
		      enum watch_style style, char letter);

/* watch_canvas_print - formatted; cut at the edge. */
void watch_canvas_print(struct watch_canvas *canvas, int row, int column,
			enum watch_style style, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* watch_canvas_fill - a whole row in one style, over what stands there. */
void watch_canvas_fill(struct watch_canvas *canvas, int row,
		       enum watch_style style);

#endif
