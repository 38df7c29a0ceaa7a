/* SPDX-License-Identifier: MIT */
/*
 * admin_text.h - a text of libbcast's as an answer, kept for a moment: who asks
 * within that gets the very same one.
 */
#ifndef SRC_ADMIN_TEXT_H
#define SRC_ADMIN_TEXT_H

#include <microhttpd.h>
#include <stddef.h>
#include <stdint.h>

#include <bcast/monitor.h>

/* Zeroed, but for the first three, is one that was never made. */
struct admin_text {
	/* bcast_monitor_json() or _prometheus() */
	int64_t (*make)(const struct bcast_monitor *monitor, uint32_t sections,
			char *buffer, size_t size);
	uint32_t sections;
	const char *type; /* Content-Type */

	struct MHD_Response *response; /* those who read it hold it too */
	uint64_t until_ns;	       /* good till then */
	size_t room;		       /* that was enough */
};

/*
 * admin_text_get - the text as it is, or was up to 100 ms ago (longer if it
 * takes long to make). *response stays ours. Returns 0, or as `make`.
 */
int admin_text_get(struct admin_text *text, const struct bcast_monitor *monitor,
		   uint64_t now_ns, struct MHD_Response **response);

/* admin_text_drop - forget it. */
void admin_text_drop(struct admin_text *text);

#endif
