/* SPDX-License-Identifier: MIT */
/*
 * pub.h - the parts of bcast-pub: pub.c is the command line, pub_open.c gets
 * the write lease, pub_door.c is where publications go, pub_input.c reads,
 * pub_copy.c cuts into publications, pub_pace.c holds the rate, pub_idle.c
 * looks after the rest meanwhile.
 */
#ifndef TOOLS_PUB_H
#define TOOLS_PUB_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bcast/bcast.h>
#include <bcast/client.h>

#include "progress.h"

#define PUB_PROGRAM "bcast-pub"

/* What becomes one publication. */
enum pub_cut {
	PUB_CUT_DEFAULT, /* packets: lines; bytes: reads */
	PUB_CUT_READ,	 /* what one read(2) brings */
	PUB_CUT_LINES,
	PUB_CUT_BLOCK,	/* block_bytes, and the rest of each file */
	PUB_CUT_WHOLE,	/* each file */
	PUB_CUT_LENGTH, /* what the length in front of it says */
};

/* What the command line asks for. */
struct pub_wish {
	const char *name; /* of the stream; or an address */
	const char *id;	  /* of our node */
	char *const *files;
	int file_count; /* 0: standard input */
	enum pub_cut cut;
	bool cuts_clash; /* more than one was asked for */
	uint64_t block_bytes;
	double bytes_per_second; /* 0: as fast as can be */
	double publications_per_second;
	const char *key; /* of each record; NULL: none */
	char key_ends;	 /* lines: what stands behind the key; 0: no key */
	uint16_t stamp;	 /* enum bcast_stamp */
	uint16_t source;
	uint32_t flags; /* of bcast_publisher_options */
	bool wait;	/* for stream and lease */
	int wait_ms;	/* with wait, for room too; -1: for ever */
	bool stats;
	bool progress;
	const volatile sig_atomic_t *interrupted;
};

/* ---- pub_pace.c -------------------------------------------------------- */

/*
 * Tokens are spent by publications and earned by time. The clock is read only
 * when they are used up, at most about a hundred times a second.
 */
struct pub_pace {
	double rate; /* tokens a second; 0: no pace */
	double budget;
	uint64_t since_ns; /* what was earned until then is in the budget */
};

/* pub_pace_start - so many tokens a second. */
void pub_pace_start(struct pub_pace *pace, double rate);

/* pub_pace_spend - returns for how many ns the caller should now rest. */
uint64_t pub_pace_spend(struct pub_pace *pace, double tokens);

/* ---- All of a run ------------------------------------------------------ */

/* Where we read: one file after the other. Only pub_input.c writes it. */
struct pub_input {
	int next; /* index of the next file */
	int fd;	  /* -1: none is open */
	const char *path;
	bool regular;	       /* reading it never waits for anybody */
	unsigned char *buffer; /* [begin, end) is read and not yet used */
	size_t room, begin, end;
};

struct pub {
	const struct pub_wish *wish;
	struct bcast_node *node;
	struct bcast_publisher *publisher;
	struct bcast_client *client; /* NULL: the two above */
	unsigned char *claim;	     /* with it: limit bytes */
	bool packets;
	size_t limit;	 /* of one publication, without the key of the wish */
	const void *key; /* of the next one */
	size_t key_size;
	struct pub_input input;
	struct pub_pace bytes_pace, publications_pace;
	uint64_t publications;
	uint64_t bytes;
	struct progress progress;
};

/* ---- pub_open.c -------------------------------------------------------- */

/*
 * pub_open - join the stream and take the lease. Returns EX_OK, or the exit
 * code after saying what is wrong and what to do. pub_close() in any case.
 */
int pub_open(struct pub *pub);
void pub_close(struct pub *pub);

/* ---- pub_door.c -------------------------------------------------------- */

/*
 * pub_door_open - to an address. As pub_open(). pub_door_close() in any case.
 */
int pub_door_open(struct pub *pub);
void pub_door_close(struct pub *pub);

/*
 * As bcast_claim() and so on, for one publication at a time, without its key,
 * which goes before it. BCAST_EFULL may come from either of the first two,
 * after 100 ms: it may be called again.
 */
int pub_door_claim(struct pub *pub, size_t size, void **data);
int pub_door_commit(struct pub *pub, size_t size);
void pub_door_abort(struct pub *pub);

/* pub_door_idle - a sign of life, and what is waiting goes. */
int pub_door_idle(struct pub *pub);

/* pub_door_finish - until all of it is published. 0, -EINTR, or < 0. */
int pub_door_finish(struct pub *pub);

/* pub_door_position - in the stream, after the last one. */
uint64_t pub_door_position(const struct pub *pub);

/* ---- pub_idle.c -------------------------------------------------------- */

/*
 * pub_idle - to be called now and then while nothing is published. Returns 0,
 * -EINTR if we are to end, or BCAST_ECLOSED.
 */
int pub_idle(struct pub *pub);

/* pub_idle_rest - sleep, in slices; results as pub_idle(). */
int pub_idle_rest(struct pub *pub, uint64_t ns);

/* ---- pub_input.c ------------------------------------------------------- */

/*
 * pub_input_next - open the next file. Returns 1, 0 if there is no other, or
 * -errno (input.path says of which).
 */
int pub_input_next(struct pub *pub);
void pub_input_close(struct pub_input *input);

/*
 * pub_input_wait - until read(2) would not wait. Returns 0, -EINTR if we are to
 * end, or what pub_idle() returned. What was published is flushed before we
 * sleep.
 */
int pub_input_wait(struct pub *pub);

/*
 * pub_input_read - read up to `size` bytes straight to where they are to go.
 * Returns how many, 0 at the file's end, or < 0 as above, or -errno.
 */
int64_t pub_input_read(struct pub *pub, void *to, size_t size);

/* pub_input_fill - the same until `size` bytes are there, or the end is. */
int64_t pub_input_fill(struct pub *pub, void *to, size_t size);

/* pub_input_more - read on into the buffer; results as pub_input_read(). */
int64_t pub_input_more(struct pub *pub);

/* ---- pub_copy.c -------------------------------------------------------- */

/*
 * pub_copy - publish all of the input. Returns the exit code after saying what
 * went wrong.
 */
int pub_copy(struct pub *pub);

#endif
