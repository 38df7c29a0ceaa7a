/* SPDX-License-Identifier: MIT */
/* stream_error.c - see stream_error.h. */
#include <errno.h>
#include <stdbool.h>
#include <sysexits.h>

#include <bcast/bcast.h>

#include "shm/name.h"
#include "src/dev_shm.h"
#include "src/log.h"
#include "src/stream_error.h"

/* ---- What others have put there ---------------------------------------- */

static bool is_denied(int error)
{
	return error == -EACCES || error == -EPERM;
}

static const char *remedy_of_denial(const struct dev_shm_object *object,
				    int error)
{
	if (object->there && !object->ours)
		return "ask its owner to remove it, or choose another --name";
	/* it is ours or was about to be, so only its group can be forbidden */
	if (error == -EPERM)
		return "choose a --group that this user is in (see id)";
	if (object->there)
		return "remove it, or chmod u+rw";
	return "let this user write to /dev/shm: chmod 1777 /dev/shm";
}

static const char *remedy(const struct dev_shm_object *object, int error)
{
	switch (error) {
	case -EACCES:
	case -EPERM:
		return remedy_of_denial(object, error);
	case BCAST_EFOREIGN:
	case -EISDIR:
		return "it was not made by bcastd: remove it (root or its "
		       "owner can), or choose another --name";
	case BCAST_EOWNED:
		return "a process has it locked as a daemon does: see fuser, "
		       "or choose another --name";
	}
	return "see bcast-shmstat --list, and the system's limits";
}

int stream_error_object(const struct config *config, const char *suffix,
			int error)
{
	const struct dev_shm_object object =
		dev_shm_describe(config->name, suffix);

	log_event(LOG_LEVEL_ERROR, "start_failed",
		  "name=%s error=\"cannot make it ours: %s\" %s fix=\"%s\"",
		  config->name, bcast_strerror(error), object.pairs,
		  remedy(&object, error));
	return is_denied(error) ? EX_NOPERM : EX_CANTCREAT;
}

int stream_error_name(const struct config *config, int error)
{
	if (error != BCAST_EOWNED)
		return stream_error_object(config, BC_NAME_SUFFIX_LOCK, error);
	log_event(LOG_LEVEL_ERROR, "start_failed",
		  "name=%s error=\"a live daemon owns this name\" "
		  "fix=\"stop it (see bcast-shmstat %s) or choose "
		  "another --name\"",
		  config->name, config->name);
	return EX_CANTCREAT;
}

/* ---- No space ---------------------------------------------------------- */

int stream_error_space(const struct config *config, uint64_t needed)
{
	struct dev_shm_room room = {.needed = needed,
				    .ring = config->ring_size_bytes};
	struct check_result result = {0};

	(void)dev_shm_read_room(config->name, &room);
	dev_shm_too_small(&room, &result);
	log_event(LOG_LEVEL_ERROR, "start_failed",
		  "name=%s error=\"%s\" needed_bytes=%llu "
		  "free_bytes=%llu size_bytes=%llu fix=\"%s\"",
		  config->name, result.means, (unsigned long long)needed,
		  (unsigned long long)room.available,
		  (unsigned long long)room.total, result.fix);
	return EX_CANTCREAT;
}
