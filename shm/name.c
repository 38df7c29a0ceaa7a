/* SPDX-License-Identifier: MIT */
/*
 * name.c - one rule for stream names, in one place.
 *
 * A name becomes a file name in /dev/shm and a word in logs, so it is kept to
 * letters, digits and three marks. A leading dot would hide the object, and
 * the endings of our own objects would let the stream "a.nodes" collide with
 * the registry of the stream "a". The letters are compared as bytes: isalnum()
 * would ask the locale.
 */
#include "shm/name.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static_assert(sizeof(BC_NAME_PREFIX) - 1 + BCAST_NAME_MAX +
			      sizeof(BC_NAME_SUFFIX_NODES) <=
		      BC_NAME_OBJECT_MAX,
	      "every object's name fits");
static_assert(BCAST_NODE_ID_MAX == BCAST_NAME_MAX, "one rule for both");

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			      "abcdefghijklmnopqrstuvwxyz"
			      "0123456789._-";

static bool ends_in(const char *text, size_t length, const char *ending)
{
	size_t n = strlen(ending);

	return length >= n && memcmp(text + length - n, ending, n) == 0;
}

bool bc_name_id_valid(const char *id)
{
	size_t length;

	if (id == NULL)
		return false;
	length = strnlen(id, BCAST_NODE_ID_MAX + 1);
	return length > 0 && length <= BCAST_NODE_ID_MAX &&
	       strspn(id, letters) == length;
}

bool bc_name_valid(const char *name)
{
	size_t length;

	/* the same letters and the same length, and then more */
	if (!bc_name_id_valid(name) || name[0] == '.')
		return false;
	length = strlen(name);
	return !ends_in(name, length, BC_NAME_SUFFIX_NODES) &&
	       !ends_in(name, length, BC_NAME_SUFFIX_LOCK);
}

int bc_name_object(char *buffer, size_t size, const char *name,
		   const char *suffix)
{
	size_t length;

	if (!bc_name_valid(name))
		return BCAST_ENAME;
	length = strlen(BC_NAME_PREFIX) + strlen(name) + strlen(suffix);
	if (length >= size)
		return -ENAMETOOLONG;
	return snprintf(buffer, size, BC_NAME_PREFIX "%s%s", name, suffix);
}
