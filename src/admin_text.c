/* SPDX-License-Identifier: MIT */
/*
 * admin_text.c - see admin_text.h.
 *
 * A text costs from 20 us to, with ten thousand receivers or thousands of
 * nodes, 100 ms. So it is kept for 20 times as long as it took: however many
 * ask however often, making texts takes no more than 5 % of a processor each.
 */
#include <errno.h>
#include <stdlib.h>

#include "shm/clock.h"
#include "src/admin_reply.h"
#include "src/admin_text.h"

#define KEEP_NS		(100 * (uint64_t)BC_NS_PER_MS)
#define KEEP_PER_MAKING 20u
#define ROOM_FIRST	((size_t)64 << 10)
#define TRIES		8u /* receivers come between two of them */

static int make(struct admin_text *text, const struct bcast_monitor *monitor,
		struct MHD_Response **made)
{
	for (unsigned i = 0; i < TRIES; i++) {
		char *buffer = malloc(text->room);
		int64_t length;

		if (!buffer)
			return -ENOMEM;
		length =
			text->make(monitor, text->sections, buffer, text->room);
		if (length >= 0 && length < (int64_t)text->room) {
			*made = admin_reply_text(buffer, (size_t)length,
						 text->type);
			return *made ? 0 : -ENOMEM;
		}
		free(buffer);
		if (length < 0)
			return (int)length;
		text->room = (size_t)length + (size_t)length / 4;
	}
	return -EAGAIN;
}

int admin_text_get(struct admin_text *text, const struct bcast_monitor *monitor,
		   uint64_t now_ns, struct MHD_Response **response)
{
	uint64_t keep_ns;
	int ret;

	if (text->response && now_ns < text->until_ns) {
		*response = text->response;
		return 0;
	}
	admin_text_drop(text);
	if (text->room == 0)
		text->room = ROOM_FIRST;
	ret = make(text, monitor, &text->response);
	if (ret < 0)
		return ret;
	keep_ns = (bc_monotonic_ns() - now_ns) * KEEP_PER_MAKING;
	text->until_ns = now_ns + (keep_ns > KEEP_NS ? keep_ns : KEEP_NS);
	*response = text->response;
	return 0;
}

void admin_text_drop(struct admin_text *text)
{
	if (text->response)
		MHD_destroy_response(text->response);
	text->response = NULL;
}
