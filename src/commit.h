/* SPDX-License-Identifier: MIT */
/*
 * commit.h - what both ways of publishing end in (publish_direct.h and
 * publish_copy.h): rates, room behind the tail, the move of the tail, and the
 * ACK.
 */
#ifndef SRC_COMMIT_H
#define SRC_COMMIT_H

#include "shm/record.h"
#include "src/publisher.h"

/*
 * commit_may_write - do receivers and gates let us write `bytes` behind the
 * tail now? If not, publishers are held up: counted, timed, and not idle.
 */
bool commit_may_write(struct daemon *daemon, uint64_t bytes);

/*
 * commit_read_size - how much to receive at most if `have` bytes of a record
 * have come: it and all else that comes is then never more than a local
 * publisher's largest record, for which there is room in the end.
 */
uint64_t commit_read_size(const struct daemon *daemon, uint64_t have);

/*
 * commit_bytes_allowed - how much of `size` may be received of it now, by its
 * rate? 0: it has to wait, and is not idle.
 */
uint64_t commit_bytes_allowed(struct daemon *daemon,
			      struct publisher *publisher, uint64_t size);

/* commit_records_allowed - likewise, how many records may be taken? */
uint64_t commit_records_allowed(struct daemon *daemon,
				struct publisher *publisher);

/*
 * commit_flush - publish by tail up to `to`: all that was found good. `to`
 * is beyond the tail, and reserved with a header more.
 */
void commit_flush(struct daemon *daemon, struct bc_record_place to);

/* commit_rest - nobody publishes any more: nothing is waited for. */
void commit_rest(struct daemon *daemon);

/* commit_acknowledge - tell it what is accepted, if it is to be told. */
void commit_acknowledge(struct daemon *daemon, struct publisher *publisher);

/* commit_refuse - its record was wrong: tell it how (publish_span_next). */
void commit_refuse(struct daemon *daemon, struct publisher *publisher,
		   int error);

#endif
