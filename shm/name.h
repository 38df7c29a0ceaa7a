/* SPDX-License-Identifier: MIT */
/*
 * name.h - stream names, and the names of the shm objects made from them.
 */
#ifndef SHM_NAME_H
#define SHM_NAME_H

#include <bcast/bcast.h>

#include <stdbool.h>
#include <stddef.h>

#define BC_NAME_PREFIX	     "/bcast."
#define BC_NAME_SUFFIX_NODES ".nodes"
#define BC_NAME_SUFFIX_LOCK  ".lock"

/* Room for any object's name: prefix, name, suffix, terminator. */
#define BC_NAME_OBJECT_MAX 80

/*
 * bc_name_valid - is this a stream's name by the rule at BCAST_NAME_MAX? NULL
 * is not. Names that are valid never leave /dev/shm and never collide with
 * another stream's objects.
 */
bool bc_name_valid(const char *name);

/*
 * bc_name_id_valid - is this a node's id: 1 to BCAST_NODE_ID_MAX of the letters
 * that names are made of, in any order? NULL is not.
 */
bool bc_name_id_valid(const char *id);

/*
 * bc_name_object - write "/bcast.NAME" + suffix for shm_open(). The suffix is
 * "" or one of the above.
 *
 * Returns the length written, BCAST_ENAME for a name that is not valid, or
 * -ENAMETOOLONG if it does not fit; the buffer is then untouched.
 */
int bc_name_object(char *buffer, size_t size, const char *name,
		   const char *suffix);

#endif
