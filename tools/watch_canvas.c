/* SPDX-License-Identifier: MIT */
/* watch_canvas.c - see watch_canvas.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "watch_canvas.h"

bool watch_canvas_clear(struct watch_canvas *canvas, int rows, int columns)
{
	const struct watch_cell blank = {' ', WATCH_PLAIN};
	size_t count = (size_t)rows * (size_t)columns;

	if (rows != canvas->rows || columns != canvas->columns) {
		watch_canvas_free(canvas);
		canvas->cells = calloc(count ? count : 1, sizeof(blank));
		if (!canvas->cells)
			return false;
		canvas->rows = rows;
		canvas->columns = columns;
	}
	for (size_t i = 0; i < count; i++)
		canvas->cells[i] = blank;
	return true;
}

void watch_canvas_free(struct watch_canvas *canvas)
{
	free(canvas->cells);
	*canvas = (struct watch_canvas){0};
}

void watch_canvas_put(struct watch_canvas *canvas, int row, int column,
		      enum watch_style style, char letter)
{
	struct watch_cell *cell;

	if (row < 0 || row >= canvas->rows || column < 0 ||
	    column >= canvas->columns)
		return;
	cell = &canvas->cells[row * canvas->columns + column];
	cell->letter = letter;
	cell->style = (uint8_t)style;
}

void watch_canvas_print(struct watch_canvas *canvas, int row, int column,
			enum watch_style style, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	for (const char *at = text; *at; at++)
		watch_canvas_put(canvas, row, column++, style, *at);
}

void watch_canvas_fill(struct watch_canvas *canvas, int row,
		       enum watch_style style)
{
	for (int column = 0; column < canvas->columns; column++)
		if (row >= 0 && row < canvas->rows)
			canvas->cells[row * canvas->columns + column].style =
				(uint8_t)style;
}
