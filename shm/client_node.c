/* SPDX-License-Identifier: MIT */
/*
 * client_node.c - node.h's node: a slot in the registry, and the reader that
 * shows itself there.
 */
#include <errno.h>
#include <stdlib.h>

#include <bcast/bcast.h>

#include "shm/client_node.h"
#include "shm/name.h"
#include "shm/text.h"

static int check_options(const struct bcast_join_options *options)
{
	const uint32_t allowed = BCAST_NODE_PUBLISHER | BCAST_NODE_REMOTE;

	if (options->size != sizeof(*options) ||
	    (options->roles & ~allowed) != 0 || options->reserved_zero != 0)
		return -EINVAL;
	return 0;
}

/* Say who or what was in the way. */
static void explain(const struct bc_node_table *table, const char *node_id,
		    int error, struct bcast_refusal *refusal)
{
	struct bcast_node_info holder;

	*refusal = (struct bcast_refusal){0};
	if (error == BCAST_EFULL)
		refusal->node_limit = table->geometry.node_count;
	if (error == -EEXIST && bc_node_holder(table, node_id, &holder) == 0) {
		refusal->holder_pid = holder.pid;
		refusal->holder_state = holder.state;
	}
}

static int join(struct bcast_node *made, const char *name, const char *node_id,
		const struct bcast_join_options *options)
{
	const struct bc_node_identity identity = {
		.id = node_id,
		.roles = options->roles,
		.stuck_after_ms = options->stuck_after_ms,
	};
	int ret = bc_node_table_attach(&made->table, name, true);

	if (ret < 0)
		return ret;
	ret = bc_node_join(&made->node, &made->table, &identity);
	if (ret == 0) {
		bc_client_message_init(made);
		ret = bc_client_send_init(made, node_id);
		if (ret == 0)
			return 0;
		bc_client_send_fini(made);
		bc_node_leave(&made->node);
	}
	if (options->refusal)
		explain(&made->table, node_id, ret, options->refusal);
	bc_node_table_detach(&made->table);
	return ret;
}

int bcast_join(const char *name, const char *node_id,
	       const struct bcast_join_options *options,
	       struct bcast_node **node)
{
	static const struct bcast_join_options defaults = BCAST_JOIN_DEFAULTS;
	struct bcast_node *made;
	int ret;

	if (!options)
		options = &defaults;
	ret = check_options(options);
	if (ret < 0)
		return ret;
	if (options->refusal)
		*options->refusal = (struct bcast_refusal){0};
	if (!bc_name_valid(name) || !bc_name_id_valid(node_id))
		return BCAST_ENAME;
	made = calloc(1, sizeof(*made));
	if (!made)
		return -ENOMEM;
	ret = join(made, name, node_id, options);
	if (ret < 0) {
		free(made);
		return ret;
	}
	made->report.node = &made->node;
	bc_text_set(made->name, sizeof(made->name), name);
	*node = made;
	return 0;
}

void bcast_leave(struct bcast_node *node)
{
	if (!node)
		return;
	if (node->report.reader)
		bc_client_reader_bind(node->report.reader, NULL);
	bc_client_send_fini(node);
	bc_client_message_fini(node);
	bc_node_leave(&node->node);
	bc_node_table_detach(&node->table);
	free(node);
}

int bcast_node_beat(struct bcast_node *node)
{
	if (!bc_node_is_ours(&node->node))
		return -ECHILD;
	bc_node_beat(&node->node);
	return bc_node_check(&node->node);
}

int bcast_node_reader(struct bcast_node *node,
		      const struct bcast_attach_options *options,
		      struct bcast_reader **reader)
{
	struct bcast_reader *made;
	int ret;

	if (!bc_node_is_ours(&node->node))
		return -ECHILD;
	if (node->report.reader)
		return -EBUSY;
	ret = bcast_attach(node->name, options, &made);
	if (ret < 0)
		return ret;
	if (bcast_epoch(made) != node->table.geometry.epoch) {
		bcast_detach(made);
		return BCAST_ECLOSED;
	}
	node->report.reader = made;
	bc_client_reader_bind(made, &node->report);
	atomic_fetch_or_explicit(&node->node.slot->role, BCAST_NODE_READER,
				 memory_order_relaxed);
	*reader = made;
	return 0;
}
