/* SPDX-License-Identifier: MIT */
/* rights.h - who may do what with an object, in words. */
#ifndef TOOLS_RIGHTS_H
#define TOOLS_RIGHTS_H

#include <sys/types.h>

struct rights_name {
	char text[64];
};

/* rights_user, rights_group - the name of an id, or its number. */
struct rights_name rights_user(uid_t user);
struct rights_name rights_group(gid_t group);

/* rights_mode - as one types it: "0640". */
struct rights_name rights_mode(mode_t mode);

struct rights_text {
	char text[1024];
};

enum rights_use {
	RIGHTS_READ,	/* the stream or the registry */
	RIGHTS_JOIN,	/* the registry: read and write */
	RIGHTS_PUBLISH, /* the stream: read and write */
};

/*
 * rights_missing - what this process lacks to use the object at `path` like
 * this: whose it is, who we are, and what to do. To stand behind "PATH:
 * Permission denied: ".
 */
struct rights_text rights_missing(const char *path, enum rights_use use);

#endif
