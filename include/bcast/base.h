/* SPDX-License-Identifier: MIT */
/*
 * base.h - what all parts of <bcast/bcast.h> share: limits, results, the
 * version. Include that one: its head says what holds for all of them.
 */
#ifndef BCAST_BASE_H
#define BCAST_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BCAST_API __attribute__((visibility("default")))

/*
 * A stream's name: 1 to 63 characters of A-Z a-z 0-9 . _ -, not starting with
 * a dot and not ending in ".nodes" or ".lock".
 */
#define BCAST_NAME_MAX 63

/* The ring's capacity in bytes: a power of two between these. */
#define BCAST_RING_MIN (UINT64_C(1) << 16)
#define BCAST_RING_MAX (UINT64_C(1) << 40)

/* Results below the range of errno. */
enum bcast_error {
	BCAST_ELAPPED = -5001,	  /* the writer overtook: see bcast_loss() */
	BCAST_EABANDONED = -5002, /* the daemon died, and none has followed */
	BCAST_EVERSION = -5003,	  /* the segment has another layout version */
	BCAST_EPROTO = -5004,	  /* shared memory is damaged */
	BCAST_EFULL = -5005,	  /* no room: ring, inbox, or table */
	BCAST_ECLOSED = -5006,	  /* the stream ended in order */
	BCAST_ENOTREADY = -5007,  /* the segment is being created: try again */
	BCAST_ELAYOUT = -5008,	  /* same version, other struct sizes */
	BCAST_ETOOSMALL = -5009,  /* the object is shorter than it says */
	BCAST_EFOREIGN = -5010,	  /* not a bcast segment, or open to all */
	BCAST_ENAME = -5011,	  /* not a valid stream name, or node id */
	BCAST_EOWNED = -5012,	  /* a live daemon owns this name */
	BCAST_EEPOCH = -5013,	  /* it is another stream now: client.h */
	BCAST_EREFUSED = -5014,	  /* the daemon said no: client.h */
};

/*
 * bcast_strerror - one line for any result of this library, -errno included.
 * Never NULL; a static string, except for an errno unknown to libc, whose text
 * is valid until the calling thread's next call. Any thread; does not block.
 */
BCAST_API const char *bcast_strerror(int result);

/* bcast_version - the library's version, such as "0.1.0". Static string. */
BCAST_API const char *bcast_version(void);

#ifdef __cplusplus
}
#endif
#endif
