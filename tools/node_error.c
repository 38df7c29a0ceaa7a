/* SPDX-License-Identifier: MIT */
/*
 * node_error.c - bcast-node: why the nodes of a stream cannot be reached, or
 * joined.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>
#include <time.h>

#include "attach_error.h"
#include "node.h"
#include "nodes.h"

int64_t node_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

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

static int id_in_use(const char *id, const struct bcast_refusal *refusal)
{
	if (refusal->holder_pid != 0)
		fprintf(stderr,
			NODE_PROGRAM ": id '%s' is in use by process %" PRIu32
				     " (%s): choose another\n",
			id, refusal->holder_pid,
			bcast_node_state_name(refusal->holder_state));
	else
		fprintf(stderr,
			NODE_PROGRAM ": id '%s' is in use: choose another\n",
			id);
	return EX_UNAVAILABLE;
}

int node_refused(const struct node_wish *wish, const char *id, int result,
		 const struct bcast_refusal *refusal)
{
	switch (result) {
	case -EEXIST:
		return id_in_use(id, refusal);
	case BCAST_EFULL:
		fprintf(stderr,
			NODE_PROGRAM ": all %" PRIu32 " places are taken: "
				     "start bcastd with a larger --nodes\n",
			refusal->node_limit);
		return EX_TEMPFAIL;
	case BCAST_ENAME:
		fprintf(stderr, NODE_PROGRAM ": '%s' or '%s' is %s\n",
			wish->name, id, bcast_strerror(result));
		return EX_USAGE;
	case -ENOSPC:
		fprintf(stderr, NODE_PROGRAM
			": no room in /dev/shm for another inbox: enlarge it "
			"(mount -o remount,size=SIZE /dev/shm; containers: "
			"--shm-size), or start bcastd with a smaller "
			"--inbox-size\n");
		return EX_OSERR;
	default:
		return node_error(wish, result, true);
	}
}
