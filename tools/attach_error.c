/* SPDX-License-Identifier: MIT */
/*
 * attach_error.c - see attach_error.h.
 *
 * Here, not in the library: the library says what is the case, a tool says
 * what a person can do about it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include <bcast/monitor.h>

#include "attach_error.h"
#include "rights.h"

#define NAMES_SHOWN 8

struct path {
	char text[sizeof("/dev/shm/bcast.") + BCAST_NAME_MAX];
};

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

static struct path segment_path(const char *name)
{
	struct path path;

	snprintf(path.text, sizeof(path.text), "/dev/shm/bcast.%s", name);
	return path;
}

static int no_permission(const char *program, const char *name, int result)
{
	const struct path path = segment_path(name);

	fprintf(stderr, "%s: %s: %s: %s\n", program, path.text,
		bcast_strerror(result),
		rights_missing(path.text, RIGHTS_READ).text);
	return EX_NOPERM;
}

/* Whoever put it there is to be asked, if it is not even ours to remove. */
static void explain_foreign(const char *name)
{
	const struct path path = segment_path(name);
	struct stat status;

	if (lstat(path.text, &status) < 0) {
		fprintf(stderr, "; choose another name\n");
		return;
	}
	fprintf(stderr, ": it belongs to user %s, mode %s",
		rights_user(status.st_uid).text,
		rights_mode(status.st_mode).text);
	if (S_ISREG(status.st_mode) && (status.st_mode & S_IWOTH) != 0)
		fprintf(stderr, ", and anybody may write to it (bcastd makes "
				"no such); chmod o-w or remove it, or choose "
				"another name\n");
	else
		fprintf(stderr, "; remove it, or choose another name\n");
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
		explain_foreign(name);
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
