/* SPDX-License-Identifier: MIT */
/*
 * dev_shm.c - see dev_shm.h.
 *
 * By path, and with lstat(), which asks for no permission on the object and
 * follows nothing: opening would be refused by just what is to be described.
 */
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

#define BLOCK_BYTES 512u /* unit of st_blocks */
#define PATH_BYTES  (sizeof("/dev/shm") + BC_NAME_OBJECT_MAX)

static bool is_memory(void)
{
	struct statfs filesystem;

	return statfs("/dev/shm", &filesystem) == 0 &&
	       (filesystem.f_type == TMPFS_MAGIC ||
		filesystem.f_type == RAMFS_MAGIC);
}

void dev_shm_check(void)
{
	struct stat status;

	if (stat("/dev/shm", &status) < 0)
		return; /* the first use of it says so */
	if (!is_memory())
		log_event(LOG_LEVEL_WARN, "dev_shm",
			  "error=\"/dev/shm is not a tmpfs: the stream may be "
			  "written to a disk\" fix=\"mount -t tmpfs -o "
			  "mode=1777 tmpfs /dev/shm\"");
	if ((status.st_mode & S_IWOTH) != 0 && (status.st_mode & S_ISVTX) == 0)
		log_event(LOG_LEVEL_WARN, "dev_shm",
			  "mode=%04o error=\"any user can remove the segment, "
			  "or put another in its place\" fix=\"chmod 1777 "
			  "/dev/shm\"",
			  (unsigned)status.st_mode & 07777);
}

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

uint64_t dev_shm_missing(const char *name, uint64_t needed)
{
	uint64_t total = 0, room = 0;

	if (bc_segment_space(&total, &room) < 0 || total == 0)
		return 0;
	room += bytes_of(name, "") + bytes_of(name, BC_NAME_SUFFIX_NODES);
	return needed > room ? needed - room : 0;
}

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
