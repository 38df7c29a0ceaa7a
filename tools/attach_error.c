/* SPDX-License-Identifier: MIT */
/*
 * attach_error.c - see attach_error.h.
 *
 * Here, not in the library: the library says what is the case, a tool says
 * what a person can do about it.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include <bcast/monitor.h>

#include "attach_error.h"

#define NAMES_SHOWN 8

static int no_such_stream(const char *program, const char *name)
{
	char names[NAMES_SHOWN][BCAST_NAME_MAX + 1];
	int count = bcast_list(names, NAMES_SHOWN);

	fprintf(stderr, "%s: no stream '%s' on this machine", program, name);
	if (count <= 0) {
		fprintf(stderr,
			", nor any other; start one with: bcastd "
			"--name %s\n",
			name);
		return EX_UNAVAILABLE;
	}
	fprintf(stderr, "; there %s", count == 1 ? "is" : "are");
	for (int i = 0; i < count && i < NAMES_SHOWN; i++)
		fprintf(stderr, "%s '%s'", i ? "," : "", names[i]);
	if (count > NAMES_SHOWN)
		fprintf(stderr, " and %d more", count - NAMES_SHOWN);
	fprintf(stderr, "; or start it with: bcastd --name %s\n", name);
	return EX_UNAVAILABLE;
}

static int no_permission(const char *program, const char *name, int result)
{
	const struct passwd *owner;
	const struct group *group;
	char path[sizeof("/dev/shm/bcast.") + BCAST_NAME_MAX];
	struct stat status;

	snprintf(path, sizeof(path), "/dev/shm/bcast.%s", name);
	fprintf(stderr, "%s: %s: %s", program, path, bcast_strerror(result));
	if (stat(path, &status) < 0) {
		fprintf(stderr, "; reading it takes read permission\n");
		return EX_NOPERM;
	}
	owner = getpwuid(status.st_uid);
	group = getgrgid(status.st_gid);
	fprintf(stderr,
		": it has mode %04o, user %s, group %s; you need read "
		"permission: ",
		(unsigned)status.st_mode & 07777, owner ? owner->pw_name : "?",
		group ? group->gr_name : "?");
	if (status.st_mode & S_IRGRP)
		fprintf(stderr, "join the group, or start bcastd with --mode "
				"0644\n");
	else
		fprintf(stderr, "start bcastd with --group and --mode 0640\n");
	return EX_NOPERM;
}

static int unusable(const char *program, const char *name, int result)
{
	fprintf(stderr, "%s: /dev/shm/bcast.%s: %s", program, name,
		bcast_strerror(result));
	switch (result) {
	case BCAST_EVERSION:
	case BCAST_ELAYOUT:
		fprintf(stderr,
			" (this is version %s); use the tools that came with "
			"its bcastd\n",
			bcast_version());
		break;
	case BCAST_EFOREIGN:
		fprintf(stderr, "; remove it, or choose another name\n");
		break;
	default:
		fprintf(stderr, "; start bcastd --name %s anew\n", name);
		break;
	}
	return EX_PROTOCOL;
}

int attach_error(const char *program, const char *name, int result)
{
	switch (result) {
	case -ENOENT:
		return no_such_stream(program, name);
	case -EACCES:
	case -EPERM:
		return no_permission(program, name, result);
	case BCAST_EVERSION:
	case BCAST_ELAYOUT:
	case BCAST_EFOREIGN:
	case BCAST_ETOOSMALL:
		return unusable(program, name, result);
	case BCAST_ENOTREADY:
		fprintf(stderr,
			"%s: stream '%s' is still being created; try again in "
			"a second; if that does not help, start bcastd --name "
			"%s anew\n",
			program, name, name);
		return EX_TEMPFAIL;
	case BCAST_ENAME:
		fprintf(stderr, "%s: '%s' is %s\n", program, name,
			bcast_strerror(result));
		return EX_USAGE;
	}
	fprintf(stderr, "%s: stream '%s': %s\n", program, name,
		bcast_strerror(result));
	return EX_OSERR;
}
