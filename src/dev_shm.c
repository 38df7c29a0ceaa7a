/* SPDX-License-Identifier: MIT */
/*
 * dev_shm.c - see dev_shm.h.
 *
 * By path, and with lstat(), which asks for no permission on the object and
 * follows nothing: opening would be refused by just what is to be described.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "shm/name.h"
#include "shm/segment.h"
#include "src/dev_shm.h"
#include "src/log.h"
#include "src/parse.h"

#define BLOCK_BYTES 512u /* unit of st_blocks */
#define PATH_BYTES  (sizeof("/dev/shm") + BC_NAME_OBJECT_MAX)

/* ---- The place --------------------------------------------------------- */

void dev_shm_read_place(struct dev_shm_place *place)
{
	struct statfs filesystem;
	struct stat status;

	*place = (struct dev_shm_place){.there = false};
	if (stat("/dev/shm", &status) < 0 || !S_ISDIR(status.st_mode))
		return;
	place->there = true;
	place->mode = status.st_mode & 07777;
	place->memory = statfs("/dev/shm", &filesystem) == 0 &&
			(filesystem.f_type == TMPFS_MAGIC ||
			 filesystem.f_type == RAMFS_MAGIC);
	place->writable =
		faccessat(AT_FDCWD, "/dev/shm", W_OK | X_OK, AT_EACCESS) == 0;
}

static bool is_unprotected(const struct dev_shm_place *place)
{
	return (place->mode & S_IWOTH) != 0 && (place->mode & S_ISVTX) == 0;
}

void dev_shm_judge_place(const struct dev_shm_place *place,
			 struct check_result *result)
{
	static const char mount[] =
		"mount -t tmpfs -o mode=1777 tmpfs /dev/shm";

	check_found(result, "%s, mode %04o",
		    place->memory ? "tmpfs" : "not a tmpfs", place->mode);
	if (!place->there) {
		check_found(result, "no directory");
		check_is(result, CHECK_FAIL,
			 "there is no shared memory: bcastd cannot start");
		check_fix(result, mount);
	} else if (!place->writable) {
		check_is(result, CHECK_FAIL,
			 "this user may not write there: bcastd cannot start");
		check_fix(result, "chmod 1777 /dev/shm");
	} else if (!place->memory) {
		check_is(result, CHECK_WARN,
			 "/dev/shm is not a tmpfs: the stream may be written "
			 "to a disk");
		check_fix(result, mount);
	} else if (is_unprotected(place)) {
		check_is(result, CHECK_WARN,
			 "any user can remove the segment, or put another in "
			 "its place");
		check_fix(result, "chmod 1777 /dev/shm");
	} else {
		check_is(result, CHECK_OK, "");
	}
}

void dev_shm_check(void)
{
	struct check_result result = {0};
	struct dev_shm_place place;

	dev_shm_read_place(&place);
	dev_shm_judge_place(&place, &result);
	if (result.state == CHECK_WARN)
		log_event(LOG_LEVEL_WARN, "dev_shm",
			  "mode=%04o error=\"%s\" fix=\"%s\"", place.mode,
			  result.means, result.fix);
}

/* ---- The room ---------------------------------------------------------- */

static const char *path_of(const char *name, const char *suffix,
			   char path[PATH_BYTES])
{
	(void)snprintf(path, PATH_BYTES, "/dev/shm" BC_NAME_PREFIX "%s%s", name,
		       suffix);
	return path;
}

static uint64_t bytes_of(const char *name, const char *suffix)
{
	char path[PATH_BYTES];
	struct stat status;

	if (lstat(path_of(name, suffix, path), &status) < 0)
		return 0;
	return (uint64_t)status.st_blocks * BLOCK_BYTES;
}

bool dev_shm_read_room(const char *name, struct dev_shm_room *room)
{
	if (bc_segment_space(&room->total, &room->available) < 0)
		return false;
	if (name)
		room->available += bytes_of(name, "") +
				   bytes_of(name, BC_NAME_SUFFIX_NODES);
	return true;
}

/* The largest ring for which there is room: "" if there is for none. */
static const char *largest_ring(const struct dev_shm_room *room, char *buffer,
				size_t size)
{
	uint64_t missing = room->needed > room->available
				   ? room->needed - room->available
				   : 0;

	/* the tables stay as they are, whatever the ring */
	for (uint64_t less = room->ring / 2; less >= BCAST_RING_MIN; less /= 2)
		if (room->ring - less >= missing)
			return parse_print_size(less, buffer, size);
	return "";
}

void dev_shm_too_small(const struct dev_shm_room *room,
		       struct check_result *result)
{
	char text[PARSE_TEXT_MAX], means[CHECK_TEXT];
	const char *ring = largest_ring(room, text, sizeof(text));

	(void)snprintf(means, sizeof(means),
		       "/dev/shm is too small: %s%s%senlarge it (containers: "
		       "docker run --shm-size=%" PRIu64 "m)",
		       *ring ? "--ring-size " : "", ring,
		       *ring ? " would fit; or " : "",
		       (room->needed >> 20) + 64);
	check_is(result, CHECK_FAIL, means);
	check_fix(result, "mount -o remount,size=%" PRIu64 "M /dev/shm",
		  ((room->total + room->needed) >> 20) + 1);
}

void dev_shm_judge_room(const struct dev_shm_room *room,
			struct check_result *result)
{
	char available[CHECK_SIZE_MAX], total[CHECK_SIZE_MAX];
	char needed[CHECK_SIZE_MAX];

	check_found(result, "%s free of %s, %s needed",
		    check_bytes(room->available, available),
		    check_bytes(room->total, total),
		    check_bytes(room->needed, needed));
	if (room->total == 0) {
		check_found(result, "not limited, %s needed", needed);
		check_is(result, CHECK_OK, "");
	} else if (room->needed > room->available) {
		dev_shm_too_small(room, result);
	} else if (room->later > room->available - room->needed) {
		check_is(result, CHECK_WARN,
			 "the stream fits, but not the inboxes of all nodes: "
			 "the last ones to join will be refused");
		check_fix(result, "mount -o remount,size=%" PRIu64 "M /dev/shm",
			  ((room->total + room->later) >> 20) + 1);
	} else {
		check_is(result, CHECK_OK, "");
	}
}

/* ---- What stands there ------------------------------------------------- */

static const char *kind_of(mode_t mode)
{
	if (S_ISREG(mode))
		return "file";
	if (S_ISLNK(mode))
		return "link";
	if (S_ISDIR(mode))
		return "directory";
	if (S_ISFIFO(mode))
		return "pipe";
	if (S_ISSOCK(mode))
		return "socket";
	return "device";
}

struct dev_shm_object dev_shm_describe(const char *name, const char *suffix)
{
	char path[PATH_BYTES], quoted[96];
	const struct passwd *owner;
	struct dev_shm_object object = {.there = false};
	struct stat status;

	if (lstat(path_of(name, suffix, path), &status) < 0) {
		(void)snprintf(object.pairs, sizeof(object.pairs),
			       "object=%s kind=nothing", path);
		return object;
	}
	object.there = true;
	object.ours = status.st_uid == geteuid();
	owner = getpwuid(status.st_uid);
	if (owner)
		(void)log_quote(owner->pw_name, quoted, sizeof(quoted));
	else
		(void)snprintf(quoted, sizeof(quoted), "%lu",
			       (unsigned long)status.st_uid);
	(void)snprintf(object.pairs, sizeof(object.pairs),
		       "object=%s kind=%s owner=%s mode=%04o", path,
		       kind_of(status.st_mode), quoted,
		       (unsigned)status.st_mode & 07777);
	return object;
}
