/* SPDX-License-Identifier: MIT */
/* client_node.h - bcast.h's node, for the parts of the client that extend it. */
#ifndef BC_CLIENT_NODE_H
#define BC_CLIENT_NODE_H

#include <bcast/bcast.h>

#include "shm/client_reader.h"
#include "shm/node.h"

struct bcast_node {
	struct bc_node_table table;
	struct bc_node node;
	struct bc_node_report report;
	struct bcast_publisher *publisher; /* NULL: none */
	char name[BC_NAME];		   /* of the stream */
};

#endif
