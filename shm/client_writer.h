/* SPDX-License-Identifier: MIT */
/* client_writer.h - who has the write lease, for people. */
#ifndef BC_CLIENT_WRITER_H
#define BC_CLIENT_WRITER_H

#include <bcast/bcast.h>

#include "shm/node_table.h"
#include "shm/segment.h"

/*
 * bc_client_writer_info - describe the holder of the lease. table: to look up a
 * node's id and pid; NULL: its slot has to do. All of it is what the words say,
 * which may be an instant out of date; kind NONE if the lock is free.
 */
void bc_client_writer_info(const struct bc_segment *segment,
			   const struct bc_node_table *table,
			   struct bcast_writer_info *info);

#endif
