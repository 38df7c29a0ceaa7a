/* SPDX-License-Identifier: MIT */
/*
 * watch_terminal.c - see watch_terminal.h.
 *
 * newterm() and not initscr(), which ends the program where a terminal is
 * unknown. Blocks of the history are Unicode where the locale can, else ASCII.
 */
#include <curses.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <unistd.h>

/* term.h has macros for all that terminals can */
#undef columns

#include "watch_terminal.h"

/* ncurses has one terminal at a time itself. */
static SCREEN *screen;
static bool unicode;

static const char *const blocks[WATCH_LEVELS] = {
	"\u2581", "\u2582", "\u2583", "\u2584",
	"\u2585", "\u2586", "\u2587", "\u2588",
};
static const char *const ascii[WATCH_LEVELS] = {
	"_", ".", ":", "-", "=", "+", "*", "#",
};

static void set_colours(void)
{
	if (!has_colors() || start_color() == ERR)
		return;
	(void)use_default_colors();
	(void)init_pair(WATCH_GOOD, COLOR_GREEN, -1);
	(void)init_pair(WATCH_BAD, COLOR_RED, -1);
}

static attr_t attribute(uint8_t style)
{
	switch ((enum watch_style)style) {
	case WATCH_BOLD:
		return A_BOLD;
	case WATCH_FAINT:
		return A_DIM;
	case WATCH_TITLE:
		return A_REVERSE;
	case WATCH_GOOD:
		return (attr_t)COLOR_PAIR(WATCH_GOOD);
	case WATCH_BAD:
		return (attr_t)COLOR_PAIR(WATCH_BAD) | A_BOLD;
	case WATCH_PLAIN:
	case WATCH_STYLES:
		break;
	}
	return A_NORMAL;
}

const char *watch_terminal_open(void)
{
	const char *type = getenv("TERM");
	bool fit;
	int known;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return "standard input and output must be a terminal";
	if (!type || !type[0])
		return "TERM is not set";
	if (setupterm(type, STDOUT_FILENO, &known) == ERR)
		return "TERM names a terminal that is not in terminfo";
	fit = cursor_address && clear_screen;
	(void)del_curterm(cur_term); /* newterm() makes its own */
	if (!fit)
		return "TERM names a terminal that cannot place its cursor";
	(void)setlocale(LC_ALL, "");
	unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return "the terminal cannot be set up";
	set_colours();
	(void)cbreak();
	(void)noecho();
	(void)nonl();
	(void)curs_set(0);
	(void)keypad(stdscr, TRUE);
	(void)set_escdelay(25);
	return NULL;
}

void watch_terminal_close(void)
{
	(void)endwin();
	delscreen(screen);
	screen = NULL;
}

void watch_terminal_size(int *rows, int *columns)
{
	*rows = getmaxy(stdscr);
	*columns = getmaxx(stdscr);
}

void watch_terminal_show(const struct watch_canvas *canvas)
{
	(void)erase();
	for (int i = 0; i < canvas->rows * canvas->columns; i++) {
		const struct watch_cell *cell = &canvas->cells[i];
		int row = i / canvas->columns;
		int column = i % canvas->columns;

		(void)attrset((int)attribute(cell->style));
		if (cell->letter > 0 && cell->letter <= WATCH_LEVELS)
			(void)mvaddstr(
				row, column,
				(unicode ? blocks : ascii)[cell->letter - 1]);
		else if (cell->letter != ' ' || cell->style != WATCH_PLAIN)
			(void)mvaddch(row, column,
				      (chtype)(unsigned char)cell->letter);
	}
	(void)refresh();
}

static enum watch_key meaning(int key)
{
	switch (key) {
	case 'q':
	case 'Q':
		return WATCH_KEY_QUIT;
	case 'l':
		return WATCH_KEY_LAG;
	case 'r':
		return WATCH_KEY_RATE;
	case 'a':
		return WATCH_KEY_AGE;
	case 's':
		return WATCH_KEY_STATE;
	case 'i':
		return WATCH_KEY_INVERT;
	case 'z':
		return WATCH_KEY_ZOOM;
	case '\t':
		return WATCH_KEY_NEXT;
	case KEY_UP:
	case 'k':
		return WATCH_KEY_UP;
	case KEY_DOWN:
	case 'j':
		return WATCH_KEY_DOWN;
	case KEY_PPAGE:
		return WATCH_KEY_PAGE_UP;
	case KEY_NPAGE:
	case ' ':
		return WATCH_KEY_PAGE_DOWN;
	case KEY_HOME:
	case 'g':
		return WATCH_KEY_HOME;
	case KEY_END:
	case 'G':
		return WATCH_KEY_END;
	case KEY_RESIZE:
		return WATCH_KEY_RESIZE;
	}
	return WATCH_KEY_OTHER;
}

/* ncurses says ERR for a hangup as for a timeout, and that at once. */
static bool is_lost(void)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

	return poll(&input, 1, 0) > 0 &&
	       (input.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

enum watch_key watch_terminal_key(int timeout_ms)
{
	int key;

	timeout(timeout_ms);
	key = getch();
	if (key == ERR)
		return is_lost() ? WATCH_KEY_LOST : WATCH_KEY_NONE;
	return meaning(key);
}
