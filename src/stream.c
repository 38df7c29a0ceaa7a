/* SPDX-License-Identifier: MIT */
/* stream.c - see stream.h. */
#include <errno.h>
#include <sysexits.h>

#include <bcast/monitor.h>

#include "shm/registry.h"
#include "src/log.h"
#include "src/stream.h"
#include "src/takeover.h"

int stream_take_name(struct daemon *daemon)
{
	const char *name = daemon->config.name;
	int ret = takeover_name(&daemon->name_lock, name);

	if (ret == 0)
		return 0;
	if (ret == BCAST_EOWNED)
		log_event(LOG_LEVEL_ERROR, "start_failed",
			  "name=%s error=\"a live daemon owns this name\" "
			  "fix=\"stop it (see bcast-shmstat %s) or choose "
			  "another --name\"",
			  name, name);
	else
		log_event(LOG_LEVEL_ERROR, "start_failed",
			  "name=%s error=\"cannot lock /dev/shm/bcast.%s.lock: "
			  "%s\" fix=\"run as the user who owns it, or choose "
			  "another --name\"",
			  name, name, bcast_strerror(ret));
	return ret == -EACCES || ret == -EPERM ? EX_NOPERM : EX_CANTCREAT;
}

static int report_no_space(const char *name, uint64_t needed)
{
	uint64_t total = 0, available = 0;

	(void)bc_segment_space(&total, &available);
	log_event(LOG_LEVEL_ERROR, "start_failed",
		  "name=%s error=\"/dev/shm is too small\" needed_bytes=%llu "
		  "free_bytes=%llu size_bytes=%llu fix=\"lower --ring-size, "
		  "or enlarge it: mount -o remount,size=%lluM /dev/shm "
		  "(containers: --shm-size=%lluM)\"",
		  name, (unsigned long long)needed,
		  (unsigned long long)available, (unsigned long long)total,
		  (unsigned long long)((total + needed) >> 20) + 1,
		  (unsigned long long)(needed >> 20) + 64);
	return EX_CANTCREAT;
}

static int report_segment_error(const char *name, int error)
{
	bool denied = error == -EACCES || error == -EPERM;

	log_event(LOG_LEVEL_ERROR, "start_failed",
		  "name=%s error=\"cannot make /dev/shm/bcast.%s ours: %s\" "
		  "fix=\"%s\"",
		  name, name, bcast_strerror(error),
		  denied ? "it belongs to another user, or --group is not one "
			   "of ours: choose another --name, or remove it as "
			   "its owner"
			 : "see bcast-shmstat --list, and the system's limits");
	return denied ? EX_NOPERM : EX_CANTCREAT;
}

/* ---- The segment ------------------------------------------------------- */

static struct bc_segment_config wanted_segment(const struct config *config)
{
	return (struct bc_segment_config){
		.name = config->name,
		.capacity = config->ring_size_bytes,
		.format = BCAST_FORMAT_RAW,
		.max_receivers = config->max_receivers,
		.peer_slots = config->max_receivers + DAEMON_SENDERS_MAX,
		.mode = config->mode,
		.group = config->gid,
	};
}

int stream_adopt(struct daemon *daemon)
{
	struct bc_segment_config wanted = wanted_segment(&daemon->config);
	int ret = takeover_adopt(daemon, &wanted);

	return ret < 0 ? report_segment_error(daemon->config.name, ret) : 0;
}

static int create_segment(struct daemon *daemon)
{
	const struct config *config = &daemon->config;
	struct bc_segment_config wanted = wanted_segment(config);
	int ret = takeover_retire(daemon);

	if (ret >= 0)
		ret = bc_segment_create(&daemon->segment, &wanted);
	if (ret == -ENOSPC)
		return report_no_space(config->name, bc_segment_size(&wanted));
	if (ret < 0)
		return report_segment_error(config->name, ret);
	return 0;
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
	return ret < 0 ? report_segment_error(config->name, ret) : 0;
}

int stream_create(struct daemon *daemon)
{
	int ret = daemon->adopted ? 0 : create_segment(daemon);

	if (ret != 0)
		return ret;
	daemon->counters = (struct bc_counter_shm *)(void *)daemon->segment
				   .regions[BC_REGION_COUNTERS]
				   .base;
	return open_registry(daemon);
}

void stream_remove(struct daemon *daemon)
{
	if (daemon->segment.control) {
		bc_segment_set_state(&daemon->segment, BC_STATE_CLOSED);
		(void)bc_registry_unlink(daemon->segment.name);
		(void)bc_segment_unlink(&daemon->segment);
	}
	bc_segment_close(&daemon->segment);
	bc_name_lock_drop(&daemon->name_lock);
}
