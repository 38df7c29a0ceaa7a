/* SPDX-License-Identifier: MIT */
/*
 * json_text.h - JSON written into a buffer that may be too small: the length
 * goes on, as with snprintf().
 *
 *	bc_json_begin(&text, NULL, '{');
 *	bc_json_NUMBER(&text, "lag_bytes", lag);
 *	bc_json_begin(&text, "facts", '[');	// in an array, keys are NULL
 *	bc_json_TEXT(&text, NULL, "io_uring");
 *	bc_json_end(&text, ']');
 *	bc_json_end(&text, '}');
 *
 * It is as short as can be, for programs; who shows it to people parses it and
 * prints it at leisure. Not by a library for JSON, since every reader of a
 * stream would load that too. Numbers have all 64 bits.
 */
#ifndef BC_JSON_TEXT_H
#define BC_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/cut_text.h"

struct bc_json_text {
	struct bc_cut_text out; /* buffer and size are set by the caller */
	bool follows;		/* what comes next needs a comma */
};

/* bc_json_finish - terminate what had room. Returns the length. */
size_t bc_json_finish(struct bc_json_text *text);

/* bc_json_begin, _end - an object, '{' and '}', or an array, '[' and ']'. */
void bc_json_begin(struct bc_json_text *text, const char *key, char bracket);
void bc_json_end(struct bc_json_text *text, char bracket);

/* The types of bcast/fields.def. */
void bc_json_NUMBER(struct bc_json_text *text, const char *key, uint64_t value);
void bc_json_HEX(struct bc_json_text *text, const char *key, uint64_t value);
void bc_json_BOOL(struct bc_json_text *text, const char *key, uint64_t value);

/* Bytes beyond ASCII stand there as they are: what has none is JSON. */
void bc_json_TEXT(struct bc_json_text *text, const char *key,
		  const char *value);

#endif
