/* SPDX-License-Identifier: MIT */
/* cut_text.c - see cut_text.h. */
#include <string.h>

#include "shm/cut_text.h"

void bc_cut_text_add(struct bc_cut_text *text, const char *bytes, size_t n)
{
	/* one byte is kept for the terminator */
	if (text->length + n < text->size)
		memcpy(text->buffer + text->length, bytes, n);
	else if (text->length + 1 < text->size)
		memcpy(text->buffer + text->length, bytes,
		       text->size - 1 - text->length);
	text->length += n;
}

size_t bc_cut_text_end(struct bc_cut_text *text)
{
	if (text->size > 0)
		text->buffer[text->length < text->size ? text->length
						       : text->size - 1] = '\0';
	return text->length;
}
