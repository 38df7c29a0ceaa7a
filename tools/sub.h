/* SPDX-License-Identifier: MIT */
/*
 * sub.h - the parts of bcast-sub: sub.c is the command line, sub_open.c opens
 * the stream, sub_copy.c writes what comes, sub_form.c in which form,
 * sub_place.c remembers how far it came.
 */
#ifndef TOOLS_SUB_H
#define TOOLS_SUB_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bcast/client.h>

#define SUB_PROGRAM "bcast-sub"

/* What is written of a record. */
enum sub_form {
	SUB_FORM_LINES,	  /* the payload, less its key, and a newline */
	SUB_FORM_PAYLOAD, /* that without the newline */
	SUB_FORM_LENGTH,  /* that with 4 bytes of length in front */
	SUB_FORM_RECORDS, /* all of it, header and padding too */
	SUB_FORM_JSON,	  /* a line of JSON about it, without the value */
};

/* What the command line asks for. */
struct sub_wish {
	const char *address; /* as bcast_open() takes it */
	enum bcast_from from;
	uint64_t from_what;
	const char *key;
	const char *resume; /* a file; NULL: none */
	enum sub_form form;
	uint64_t count; /* UINT64_MAX: all */
	int idle_ms;	/* -1: none */
	int wait_ms;	/* for the stream: 0 no, -1 for ever */
	bool stop_on_loss;
	bool checksum;
	bool follow;
	bool progress;
	const volatile sig_atomic_t *interrupted;
};

/* ---- sub_form.c -------------------------------------------------------- */

/* sub_form_parse - by its name; false: none. */
bool sub_form_parse(const char *text, enum sub_form *form);

/* sub_form_room - no record in any form needs more. */
size_t sub_form_room(const struct bcast_packet *packet);

/*
 * sub_form_put - write the record to where there is that much room. Its bytes
 * may be torn, so nothing that is found in them is believed. Returns how many
 * bytes it took.
 */
size_t sub_form_put(enum sub_form form, const struct bcast_packet *packet,
		    unsigned char *to);

/* ---- sub_place.c ------------------------------------------------------- */

/*
 * sub_place_read - what the file remembers. Returns 1, 0 if there is no such
 * file, or the exit code, negative, after saying what is wrong with it.
 */
int sub_place_read(const char *path, struct bcast_client_place *place);

/*
 * sub_place_write - let the file say that, or what it said before, whatever
 * happens meanwhile: written beside it and renamed. 0, or -errno after saying
 * so.
 */
int sub_place_write(const char *path, const struct bcast_client_place *place);

/* ---- sub_open.c -------------------------------------------------------- */

/*
 * sub_open - EX_OK, or the exit code after saying what is wrong. The client
 * refers to *wish as long as it is open.
 */
int sub_open(struct sub_wish *wish, struct bcast_client **client);

/* ---- sub_copy.c -------------------------------------------------------- */

/* sub_copy - until an end. Returns the exit code. */
int sub_copy(const struct sub_wish *wish, struct bcast_client *client);

#endif
