/* SPDX-License-Identifier: MIT */
/*
 * admin_reply.h - answers with the headers that all of them have: not to be
 * stored, to be taken for nothing else, and to load nothing from anywhere.
 */
#ifndef SRC_ADMIN_REPLY_H
#define SRC_ADMIN_REPLY_H

#include <microhttpd.h>
#include <stddef.h>

#define ADMIN_REPLY_JSON "application/json"

/* These return NULL if there is no memory. */

/* admin_reply_text - of a text (malloc), which it frees in any case. */
struct MHD_Response *admin_reply_text(char *text, size_t length,
				      const char *type);

/* admin_reply_json - of a copy of this text. */
struct MHD_Response *admin_reply_json(const char *text);

/* admin_reply_page - the page at "/". */
struct MHD_Response *admin_reply_page(void);

/* admin_reply_once - give this answer, and forget it. NULL: hang up. */
enum MHD_Result admin_reply_once(struct MHD_Connection *connection,
				 unsigned status,
				 struct MHD_Response *response);

#endif
