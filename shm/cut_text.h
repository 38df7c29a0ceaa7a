/* SPDX-License-Identifier: MIT */
/*
 * cut_text.h - a text written piece by piece into a buffer that may be too
 * small: what has no room is left out, and the length goes on, as with
 * snprintf().
 */
#ifndef BC_CUT_TEXT_H
#define BC_CUT_TEXT_H

#include <stddef.h>

struct bc_cut_text {
	char *buffer;
	size_t size;
	size_t length; /* of the whole, whatever had room */
};

/* bc_cut_text_add - `n` bytes more. */
void bc_cut_text_add(struct bc_cut_text *text, const char *bytes, size_t n);

/* bc_cut_text_end - terminate what had room. Returns the length. */
size_t bc_cut_text_end(struct bc_cut_text *text);

#endif
