/* SPDX-License-Identifier: MIT */
/* publisher.c - see publisher.h. */
#include <stdlib.h>

#include "src/publisher.h"
#include "src/session.h"

bool publisher_is_live(const struct publisher *publisher)
{
	return publisher->index != PUBLISHER_GONE &&
	       publisher->conn->state == BC_CONN_OPEN &&
	       publisher->conn->session->state == SESSION_SERVING;
}

void publisher_free(struct publisher *publisher)
{
	if (!publisher)
		return;
	free(publisher->buffer);
	free(publisher);
}

bool publisher_none(const struct daemon *daemon)
{
	return daemon->publishing.count == 0 && !daemon->publishing.receiving;
}
