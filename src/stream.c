/* SPDX-License-Identifier: MIT */
/* stream.c - see stream.h. */
#include <errno.h>

#include <bcast/monitor.h>

#include "shm/last_words.h"
#include "shm/record_index.h"
#include "shm/registry.h"
#include "src/dev_shm.h"
#include "src/log_segment.h"
#include "src/placement.h"
#include "src/stream.h"
#include "src/stream_error.h"
#include "src/takeover.h"

int stream_take_name(struct daemon *daemon)
{
	const struct config *config = &daemon->config;
	int ret = takeover_name(&daemon->name_lock, config->name);

	return ret < 0 ? stream_error_name(config, ret) : 0;
}

/* ---- The segment ------------------------------------------------------- */

struct bc_segment_config stream_wanted(const struct config *config)
{
	bool packets = config->format == CONFIG_FORMAT_PACKET;

	return (struct bc_segment_config){
		.name = config->name,
		.capacity = config->ring_size_bytes,
		.format = packets ? BCAST_FORMAT_PACKET : BCAST_FORMAT_RAW,
		.index_entries = packets ? BC_RECORD_INDEX_ENTRIES : 0,
		.max_receivers = config->max_receivers,
		.peer_slots =
			daemon_home_slots(config) +
			(config->egress_threads > 0 ? config->max_receivers
						    : 0),
		.mode = config->mode,
		.group = config->gid,
	};
}

int stream_adopt(struct daemon *daemon)
{
	struct bc_segment_config wanted = stream_wanted(&daemon->config);
	int ret = takeover_adopt(daemon, &wanted);

	return ret < 0 ? stream_error_object(&daemon->config, "", ret) : 0;
}

uint64_t stream_size(const struct config *config)
{
	struct bc_segment_config wanted = stream_wanted(config);

	return bc_segment_size(&wanted) + bc_registry_size(config->nodes);
}

static bool has_room(const struct config *config, uint64_t needed)
{
	struct dev_shm_room room = {.needed = needed};
	struct check_result result = {0};

	if (!dev_shm_read_room(config->name, &room))
		return true; /* making it will tell */
	dev_shm_judge_room(&room, &result);
	return result.state != CHECK_FAIL;
}

static int create_segment(struct daemon *daemon)
{
	const struct config *config = &daemon->config;
	struct bc_segment_config wanted = stream_wanted(config);
	uint64_t needed = stream_size(config);
	struct placement placement = {.changed = false};
	int ret;

	/* before the dead daemon's is gone, which is the evidence */
	if (!has_room(config, needed))
		return stream_error_space(config, needed);
	ret = takeover_retire(daemon);
	if (ret >= 0) {
		placement_begin(&placement, config->numa_node);
		ret = bc_segment_create(&daemon->segment, &wanted);
		placement_end(&placement);
	}
	if (ret == -ENOSPC)
		return stream_error_space(config, needed);
	return ret < 0 ? stream_error_object(config, "", ret) : 0;
}

/* ---- The registry ------------------------------------------------------ */

static int open_registry(struct daemon *daemon)
{
	const struct config *config = &daemon->config;
	struct bc_registry_config wanted = {
		.name = config->name,
		.epoch = daemon->segment.control->identity.epoch,
		.node_count = config->nodes,
		.inbox_bytes = config->inbox_size_bytes,
		/* who may read the stream may join it */
		.mode = config->mode | (config->mode & 0440) >> 1,
		.group = config->gid,
	};
	int ret = daemon->adopted ? bc_registry_adopt(&wanted) : 1;

	if (ret == 1)
		ret = bc_registry_create(&wanted);
	if (ret == -ENOSPC)
		return stream_error_space(config,
					  bc_registry_size(config->nodes));
	return ret < 0 ? stream_error_object(config, BC_NAME_SUFFIX_NODES, ret)
		       : 0;
}

int stream_create(struct daemon *daemon)
{
	int ret = daemon->adopted ? 0 : create_segment(daemon);

	if (ret != 0)
		return ret;
	daemon->counters = (struct bc_counter_shm *)(void *)daemon->segment
				   .regions[BC_REGION_COUNTERS]
				   .base;
	log_segment_attach(&daemon->segment);
	bc_last_words_attach(&daemon->segment);
	return open_registry(daemon);
}

/*
 * Only what is ours: once somebody has removed the lock's object, another
 * daemon may have taken the name.
 */
static void unlink_both(const struct daemon *daemon)
{
	if (!bc_name_lock_is_held(&daemon->name_lock) &&
	    bc_segment_is_named(&daemon->segment) != 1)
		return;
	(void)bc_registry_unlink(daemon->segment.name);
	(void)bc_segment_unlink(&daemon->segment);
}

void stream_remove(struct daemon *daemon)
{
	log_segment_detach();
	bc_last_words_detach();
	if (daemon->segment.control) {
		bc_segment_set_state(&daemon->segment, BC_STATE_CLOSED);
		unlink_both(daemon);
	}
	bc_segment_close(&daemon->segment);
	bc_name_lock_drop(&daemon->name_lock);
}
