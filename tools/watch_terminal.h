/* SPDX-License-Identifier: MIT */
/*
 * watch_terminal.h - the terminal: shows a canvas, gives keys. The only file
 * that includes ncurses.
 */
#ifndef TOOLS_WATCH_TERMINAL_H
#define TOOLS_WATCH_TERMINAL_H

#include "watch_canvas.h"

/* What a key means, or that there was none. */
enum watch_key {
	WATCH_KEY_NONE, /* time is up, or a signal */
	WATCH_KEY_OTHER,
	WATCH_KEY_QUIT,
	WATCH_KEY_LAG,
	WATCH_KEY_RATE,
	WATCH_KEY_AGE,
	WATCH_KEY_STATE,
	WATCH_KEY_INVERT,
	WATCH_KEY_ZOOM,
	WATCH_KEY_NEXT,
	WATCH_KEY_UP,
	WATCH_KEY_DOWN,
	WATCH_KEY_PAGE_UP,
	WATCH_KEY_PAGE_DOWN,
	WATCH_KEY_HOME,
	WATCH_KEY_END,
	WATCH_KEY_RESIZE,
	WATCH_KEY_LOST, /* the terminal is gone */
};

/*
 * watch_terminal_open - take the terminal over. Returns NULL, or why that
 * cannot be: nothing is changed then.
 */
const char *watch_terminal_open(void);

/* watch_terminal_close - give it back as it was. */
void watch_terminal_close(void);

void watch_terminal_size(int *rows, int *columns);
void watch_terminal_show(const struct watch_canvas *canvas);

/* watch_terminal_key - wait for a key, at most so long. */
enum watch_key watch_terminal_key(int timeout_ms);

#endif
