/* SPDX-License-Identifier: MIT */
/*
 * rights.c - see rights.h.
 *
 * The remedy follows from the one class of the mode that counts for us: the
 * owner's, the group's or that of the others. How bcastd gives rights decides
 * the rest: --mode for the stream, and for the registry the same with writing
 * for whoever of owner and group may read, never for others.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rights.h"

#define GROUPS_MAX 4096 /* more are not looked at */

struct rights_name rights_user(uid_t user)
{
	const struct passwd *entry = getpwuid(user);
	struct rights_name name;

	if (entry)
		snprintf(name.text, sizeof(name.text), "%s", entry->pw_name);
	else
		snprintf(name.text, sizeof(name.text), "%lu",
			 (unsigned long)user);
	return name;
}

struct rights_name rights_group(gid_t group)
{
	const struct group *entry = getgrgid(group);
	struct rights_name name;

	if (entry)
		snprintf(name.text, sizeof(name.text), "%s", entry->gr_name);
	else
		snprintf(name.text, sizeof(name.text), "%lu",
			 (unsigned long)group);
	return name;
}

struct rights_name rights_mode(mode_t mode)
{
	struct rights_name name;

	snprintf(name.text, sizeof(name.text), "%04o", (unsigned)mode & 07777);
	return name;
}

/* What to do. */
struct advice {
	char text[480];
};

static bool is_our_group(gid_t group)
{
	static gid_t groups[GROUPS_MAX];
	int count = getgroups(GROUPS_MAX, groups);

	for (int i = 0; i < count; i++)
		if (groups[i] == group)
			return true;
	return group == getegid();
}

/* What a member of its group needs of the daemon, if anything. */
static const char *group_mode(mode_t mode, mode_t needed)
{
	return (mode & needed << 3) == needed << 3 ? "" : " --mode 0640";
}

/* Neither its owner nor of its group. */
static void advise_stranger(struct advice *advice, const struct stat *status,
			    mode_t needed)
{
	const char *mode = group_mode(status->st_mode, needed);
	char join[128] = "";

	/* nobody is to become a member of root's group for this */
	if (mode[0] == '\0' && status->st_gid != 0)
		snprintf(join, sizeof(join),
			 "join group %s and log in anew, or ",
			 rights_group(status->st_gid).text);
	snprintf(advice->text, sizeof(advice->text),
		 "%sask %s to start bcastd with --group %s%s%s", join,
		 rights_user(status->st_uid).text, rights_group(getegid()).text,
		 mode, needed & S_IWOTH ? "" : ", or with --mode 0644");
}

/* `needed`: S_IROTH, or with S_IWOTH. */
static struct advice advise(const struct stat *status, mode_t needed)
{
	struct advice advice;
	mode_t mode = status->st_mode;

	if (status->st_uid == geteuid()) {
		if ((mode & needed << 6) != needed << 6) {
			snprintf(advice.text, sizeof(advice.text),
				 "it is yours: chmod u+%s",
				 needed & S_IWOTH ? "rw" : "r");
			return advice;
		}
	} else if (is_our_group(status->st_gid)) {
		if ((mode & needed << 3) != needed << 3) {
			snprintf(advice.text, sizeof(advice.text),
				 "ask %s to start bcastd with --mode 0640",
				 rights_user(status->st_uid).text);
			return advice;
		}
	} else if ((mode & needed) != needed) {
		advise_stranger(&advice, status, needed);
		return advice;
	}
	snprintf(advice.text, sizeof(advice.text),
		 "the mode gives it to you, so something else forbids it: an "
		 "access control list, SELinux or AppArmor");
	return advice;
}

struct rights_text rights_missing(const char *path, bool to_write)
{
	const char *right = to_write ? "read and write" : "read";
	struct rights_text told;
	struct stat status;

	if (stat(path, &status) < 0) {
		snprintf(told.text, sizeof(told.text),
			 "it takes %s permission, and /dev/shm cannot be "
			 "searched: %s",
			 right, strerror(errno));
		return told;
	}
	snprintf(told.text, sizeof(told.text),
		 "it has mode %s, user %s, group %s; you need %s permission, "
		 "and are user %s, group %s: %s",
		 rights_mode(status.st_mode).text,
		 rights_user(status.st_uid).text,
		 rights_group(status.st_gid).text, right,
		 rights_user(geteuid()).text, rights_group(getegid()).text,
		 advise(&status, S_IROTH | (to_write ? S_IWOTH : 0)).text);
	return told;
}
