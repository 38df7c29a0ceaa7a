/* SPDX-License-Identifier: MIT */
/*
 * watch.c - see watch.h: look and draw, until somebody has seen enough.
 *
 * A key is answered at once from the last look; looks keep their times, so that
 * the history is even. Nothing is written to the segment, and nobody is asked.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "attach_error.h"
#include "interrupt.h"
#include "watch.h"
#include "watch_terminal.h"

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- Keys -------------------------------------------------------------- */

static void sort_by(struct watch *watch, enum watch_sort sort)
{
	watch->view.sort = sort;
	watch->view.inverted = false;
	watch_sort(watch);
}

static void scroll_to(struct watch_view *view, int to)
{
	view->scrolled[view->focus] = to > 0 ? to : 0; /* drawing bounds it */
}

static void scroll_by(struct watch_view *view, int lines)
{
	scroll_to(view, view->scrolled[view->focus] + lines);
}

static void obey(struct watch *watch, enum watch_key key)
{
	struct watch_view *view = &watch->view;

	switch (key) {
	case WATCH_KEY_LAG:
		sort_by(watch, WATCH_BY_LAG);
		break;
	case WATCH_KEY_RATE:
		sort_by(watch, WATCH_BY_RATE);
		break;
	case WATCH_KEY_AGE:
		sort_by(watch, WATCH_BY_AGE);
		break;
	case WATCH_KEY_STATE:
		sort_by(watch, WATCH_BY_STATE);
		break;
	case WATCH_KEY_INVERT:
		view->inverted = !view->inverted;
		watch_sort(watch);
		break;
	case WATCH_KEY_ZOOM:
		view->zoomed = !view->zoomed;
		break;
	case WATCH_KEY_NEXT:
		view->focus =
			(enum watch_pane)((view->focus + 1) % WATCH_PANES);
		break;
	case WATCH_KEY_UP:
		scroll_by(view, -1);
		break;
	case WATCH_KEY_DOWN:
		scroll_by(view, 1);
		break;
	case WATCH_KEY_PAGE_UP:
		scroll_by(view, -view->page);
		break;
	case WATCH_KEY_PAGE_DOWN:
		scroll_by(view, view->page);
		break;
	case WATCH_KEY_HOME:
		scroll_to(view, 0);
		break;
	case WATCH_KEY_END:
		scroll_to(view, 1 << 30);
		break;
	case WATCH_KEY_NONE:
	case WATCH_KEY_OTHER:
	case WATCH_KEY_QUIT:
	case WATCH_KEY_RESIZE:
	case WATCH_KEY_LOST:
		break;
	}
}

/* ---- The loop ---------------------------------------------------------- */

static bool show(struct watch *watch, struct watch_canvas *canvas)
{
	int rows, columns;

	watch_terminal_size(&rows, &columns);
	if (!watch_canvas_clear(canvas, rows, columns))
		return false;
	watch_draw(watch, canvas);
	watch_terminal_show(canvas);
	return true;
}

/* Keys, until it is time to look again. False: that was all. */
static bool wait_until(struct watch *watch, struct watch_canvas *canvas,
		       uint64_t due_ms, const volatile sig_atomic_t *caught)
{
	for (;;) {
		uint64_t now = now_ms();
		enum watch_key key;

		if (*caught)
			return false;
		if (now >= due_ms)
			return true;
		key = watch_terminal_key((int)(due_ms - now));
		if (key == WATCH_KEY_QUIT || key == WATCH_KEY_LOST)
			return false;
		obey(watch, key);
		if (key != WATCH_KEY_NONE && !show(watch, canvas))
			return false;
	}
}

static int go_on(struct watch *watch, const volatile sig_atomic_t *caught)
{
	struct watch_canvas canvas = {0};
	uint64_t due_ms = now_ms();
	int ret = 0;

	for (;;) {
		if (!show(watch, &canvas))
			break;
		/* after a stop, go on from now: nothing is to be made up for */
		due_ms += (uint64_t)watch->interval_ms;
		if (due_ms < now_ms())
			due_ms = now_ms();
		if (!wait_until(watch, &canvas, due_ms, caught))
			break;
		ret = watch_look(watch);
		if (ret < 0)
			break;
	}
	watch_canvas_free(&canvas);
	return ret;
}

int watch_run(const char *program, const char *name, int interval_ms)
{
	static struct watch watch; /* large; zeroed */
	const volatile sig_atomic_t *caught;
	const char *problem;
	int ret;

	watch.name = name;
	watch.interval_ms = interval_ms;
	ret = watch_look(&watch);
	if (ret < 0) {
		watch_free(&watch);
		return attach_error(program, name, ret);
	}
	caught = interrupt_catch();
	problem = watch_terminal_open();
	if (problem) {
		watch_free(&watch);
		fprintf(stderr,
			"%s: --watch: %s; without --watch it shows the stream "
			"once, on anything\n",
			program, problem);
		return EX_UNAVAILABLE;
	}
	ret = go_on(&watch, caught);
	watch_terminal_close();
	watch_free(&watch);
	if (ret == 0)
		return interrupt_end(EX_OK);
	fprintf(stderr, "%s: %s\n", program, bcast_strerror(ret));
	return EX_OSERR;
}
