/* SPDX-License-Identifier: MIT */
/* node_error.c - bcast-node: why the nodes of a stream cannot be reached. */
#include <stdio.h>
#include <sysexits.h>

#include "attach_error.h"
#include "node.h"
#include "nodes.h"

int node_error(const struct node_wish *wish, int result, bool to_write)
{
	struct nodes_problem problem;

	if (result == BCAST_ECLOSED) {
		fprintf(stderr,
			NODE_PROGRAM ": stream '%s' has ended or was replaced; "
				     "start again\n",
			wish->name);
		return EX_UNAVAILABLE;
	}
	if (!nodes_forbidden(wish->name, result, to_write, &problem))
		return attach_error(NODE_PROGRAM, wish->name, result);
	fprintf(stderr, NODE_PROGRAM ": %s\n", problem.text);
	return EX_NOPERM;
}
