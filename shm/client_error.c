/* SPDX-License-Identifier: MIT */
/* client_error.c - every result of the library as one line of text. */
#include <string.h>

#include <bcast/bcast.h>

#define ERRNO_MIN (-4095) /* what the kernel can return; ours are below */

/* Our own codes; NULL for a number that is none of them. */
static const char *describe(int result)
{
	switch ((enum bcast_error)result) {
	case BCAST_ELAPPED:
		return "lapped: the writer overtook this reader";
	case BCAST_EABANDONED:
		return "the stream's daemon died, and no other has come yet";
	case BCAST_EVERSION:
		return "the segment was made by another version of bcast";
	case BCAST_EPROTO:
		return "protocol violated, or shared memory damaged";
	case BCAST_EFULL:
		return "full: a bounded table or channel has no room";
	case BCAST_ECLOSED:
		return "the stream has ended; reattach for the next one";
	case BCAST_ENOTREADY:
		return "the segment is still being created; try again";
	case BCAST_ELAYOUT:
		return "the segment was made by an incompatible build of bcast";
	case BCAST_ETOOSMALL:
		return "the segment is shorter than it says: truncated";
	case BCAST_EFOREIGN:
		return "not a bcast segment";
	case BCAST_ENAME:
		return "not a valid name (1 to 63 of A-Z a-z 0-9 . _ -)";
	case BCAST_EOWNED:
		return "a live daemon owns this name";
	case BCAST_EEPOCH:
		return "another stream has taken this one's place";
	case BCAST_EREFUSED:
		return "refused by the daemon";
	}
	return NULL;
}

const char *bcast_strerror(int result)
{
	const char *text = describe(result);

	if (text)
		return text;
	if (result >= 0)
		return "success";
	if (result < ERRNO_MIN)
		return "unknown result";
	return strerror(-result);
}

const char *bcast_version(void)
{
	return BCAST_VERSION;
}
