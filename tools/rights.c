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
#include <stdbool.h>
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

/* What a use takes, and the --mode that gives it to the group. */
struct need {
	mode_t bits; /* as for others: S_IROTH, and S_IWOTH */
	const char *right;
	const char *mode;
};

static struct need need_of(enum rights_use use)
{
	const mode_t both = S_IROTH | S_IWOTH;

	switch (use) {
	case RIGHTS_READ:
		return (struct need){S_IROTH, "read", "0640"};
	case RIGHTS_JOIN:
		return (struct need){both, "read and write", "0640"};
	case RIGHTS_PUBLISH:
		return (struct need){both, "read and write", "0660"};
	}
	return (struct need){both, "read and write", "0660"};
}

/* Neither its owner nor of its group. */
static void advise_stranger(struct advice *advice, const struct stat *status,
			    const struct need *need)
{
	bool group_may = (status->st_mode & need->bits << 3) == need->bits << 3;
	char join[128] = "";

	/* nobody is to become a member of root's group for this */
	if (group_may && status->st_gid != 0)
		snprintf(join, sizeof(join),
			 "join group %s and log in anew, or ",
			 rights_group(status->st_gid).text);
	snprintf(advice->text, sizeof(advice->text),
		 "%sask %s to start bcastd with --group %s%s%s%s", join,
		 rights_user(status->st_uid).text, rights_group(getegid()).text,
		 group_may ? "" : " --mode ", group_may ? "" : need->mode,
		 need->bits & S_IWOTH ? "" : ", or with --mode 0644");
}

static struct advice advise(const struct stat *status, const struct need *need)
{
	struct advice advice;
	mode_t mode = status->st_mode;

	if (status->st_uid == geteuid()) {
		if ((mode & need->bits << 6) != need->bits << 6) {
			snprintf(advice.text, sizeof(advice.text),
				 "it is yours: chmod u+%s",
				 need->bits & S_IWOTH ? "rw" : "r");
			return advice;
		}
	} else if (is_our_group(status->st_gid)) {
		if ((mode & need->bits << 3) != need->bits << 3) {
			snprintf(advice.text, sizeof(advice.text),
				 "ask %s to start bcastd with --mode %s",
				 rights_user(status->st_uid).text, need->mode);
			return advice;
		}
	} else if ((mode & need->bits) != need->bits) {
		advise_stranger(&advice, status, need);
		return advice;
	}
	snprintf(advice.text, sizeof(advice.text),
		 "the mode gives it to you, so something else forbids it: an "
		 "access control list, SELinux or AppArmor");
	return advice;
}

struct rights_text rights_missing(const char *path, enum rights_use use)
{
	const struct need need = need_of(use);
	struct rights_text told;
	struct stat status;

	if (stat(path, &status) < 0) {
		snprintf(told.text, sizeof(told.text),
			 "it takes %s permission, and cannot even be looked "
			 "at: %s",
			 need.right, strerror(errno));
		return told;
	}
	snprintf(told.text, sizeof(told.text),
		 "it has mode %s, user %s, group %s; you need %s permission, "
		 "and are user %s, group %s: %s",
		 rights_mode(status.st_mode).text,
		 rights_user(status.st_uid).text,
		 rights_group(status.st_gid).text, need.right,
		 rights_user(geteuid()).text, rights_group(getegid()).text,
		 advise(&status, &need).text);
	return told;
}
