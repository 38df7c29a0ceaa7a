/* SPDX-License-Identifier: MIT */
/*
 * node_info.h - what a slot says of its node, bounded and cleaned, to be shown.
 */
#ifndef BC_NODE_INFO_H
#define BC_NODE_INFO_H

#include <stdbool.h>
#include <stdint.h>

#include <bcast/bcast.h>

#include "shm/node_table.h"

/*
 * bc_node_info_read - describe the node in a slot. `alive`: it is known to be
 * so; else the kernel is asked. Returns 1, 0 if nobody is there (or is just
 * coming or going), or -errno.
 */
int bc_node_info_read(const struct bc_node_table *table, uint32_t index,
		      bool alive, struct bcast_node_info *info);

/*
 * bc_node_info_id_is - whether `id` stands in a slot; not whether it should.
 */
bool bc_node_info_id_is(const struct bc_node_table *table, uint32_t index,
			const char *id);

#endif
