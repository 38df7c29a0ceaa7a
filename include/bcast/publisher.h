/* SPDX-License-Identifier: MIT */
/*
 * publisher.h - write the stream from a local process.
 *
 * bcast_publisher_open(), bcast_publish() and bcast_publisher_close() are all
 * that is needed; bcast_claim() saves the copy, and bcast_batch_begin() most of
 * what many small records cost.
 *
 * A local process can write the stream itself, straight into the ring, with no
 * socket, no copy but its own, and no system call unless somebody sleeps. The
 * daemon sends what it publishes to the TCP receivers, as it does with a TCP
 * sender's bytes. A publisher needs write permission on /dev/shm/bcast.NAME
 * (`bcastd --mode 0660`, or the daemon's own user): it is trusted with the
 * stream as the daemon is.
 *
 * ONE AT A TIME. Who writes holds the stream's write lease: a publisher from
 * bcast_publisher_open() to bcast_publisher_close(), the daemon for a TCP
 * sender from its connecting to its leaving. The lease is a lock that the
 * kernel keeps: it is free the instant its holder is dead, by whatever death,
 * and never before. A dead publisher's last whole records stay published; of
 * the one it was writing nothing is seen by anybody.
 *
 * FORMATS. With `bcastd --format raw` a publication is any number of bytes,
 * appended to those before it. With `--format packet` it is the payload of one
 * record, whose header the library writes (packet.h).
 *
 * WAITING. Publishing never waits for plain readers: slow ones are lapped. It
 * waits for gating readers, and for TCP receivers as far as `--slow-policy` and
 * --max-lag say. It goes on while the daemon is dead, and does not notice a new
 * one's taking the stream over; what is published meanwhile is for local
 * readers, since TCP receivers join the new daemon at the live end. Only one
 * with other --nodes or --inbox-size makes another registry, in which the node
 * is not: publishing then answers BCAST_ECLOSED, within a 64th of the ring.
 */
#ifndef BCAST_PUBLISHER_H
#define BCAST_PUBLISHER_H

#include <stddef.h>
#include <stdint.h>

#include <bcast/base.h>
#include <bcast/node.h>
#include <bcast/packet.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Take the lease and publish ---------------------------------------- */

/* What timestamp_ns of a record holds. */
enum bcast_stamp {
	BCAST_STAMP_COARSE = 0, /* some ms coarse, a few ns dear */
	BCAST_STAMP_EXACT = 1,	/* some 30 ns dear */
	BCAST_STAMP_NONE = 2,	/* 0 */
};

/* publisher_options.flags */
#define BCAST_CHECKSUM 1u /* packets: header.crc32c is that of the payload */

struct bcast_writer_info; /* at the end of this file */

/* Start from BCAST_PUBLISHER_DEFAULTS and change what you need. */
struct bcast_publisher_options {
	uint32_t size; /* sizeof(struct bcast_publisher_options) */
	/* How long to wait for the lease: -1 for ever, 0 not at all. */
	int32_t lease_wait_ms;
	/*
	 * How long a claim waits for gating readers and TCP receivers that
	 * hold the ring's oldest bytes: -1 for ever, 0 not at all.
	 */
	int32_t room_wait_ms;
	uint16_t stamp;			  /* packets: enum bcast_stamp */
	uint16_t source;		  /* packets: header.source */
	struct bcast_writer_info *holder; /* NULL, or filled on -EBUSY */
	uint32_t flags;
	uint32_t reserved_zero;
};

#define BCAST_PUBLISHER_DEFAULTS                               \
	{                                                      \
		sizeof(struct bcast_publisher_options), 0, -1, \
			BCAST_STAMP_COARSE, 0, NULL, 0, 0      \
	}

struct bcast_publisher; /* opaque */

/*
 * bcast_publisher_open - take the write lease for this node.
 *
 * options	NULL: the defaults (BCAST_PUBLISHER_DEFAULTS)
 * publisher	receives the handle; untouched on failure
 *
 * Returns 0, or
 *	-EBUSY		somebody else has the lease: see options.holder
 *	-EACCES		no write permission on /dev/shm/bcast.NAME
 *	-EALREADY	the node has a publisher already
 *	BCAST_ECLOSED	the stream has ended, or is about to
 *	BCAST_EPROTO	the segment's numbers cannot be: damaged
 *	-ECHILD, -EINVAL, -ENOMEM, -EMFILE, ... as bcast_join()
 *
 * Waits for at most lease_wait_ms; of several that wait, any may be next. A
 * dead holder's lease is taken within milliseconds. The node and its publisher
 * belong to one thread at a time together, and the node outlives it.
 */
BCAST_API int bcast_publisher_open(
	struct bcast_node *node, const struct bcast_publisher_options *options,
	struct bcast_publisher **publisher);

/*
 * bcast_publisher_close - give the lease back and free the handle. What was
 * claimed and not committed is dropped. NULL is allowed. Does not block.
 */
BCAST_API void bcast_publisher_close(struct bcast_publisher *publisher);

/*
 * bcast_publish - publish `size` bytes: one record, or so many bytes.
 *
 * Returns 0: every local reader can see them, and sleepers are being woken. Or
 *	-EMSGSIZE	more than bcast_publisher_limit()
 *	BCAST_EFULL	room_wait_ms have passed and there is still no room
 *	BCAST_ECLOSED	the stream has ended, or its daemon is stopping
 *	-ECHILD		in a child, see FORK in node.h; -EBUSY: a claim is open
 * in which case nothing was published. A size of 0 is a record without payload,
 * or nothing.
 */
BCAST_API int bcast_publish(struct bcast_publisher *publisher, const void *data,
			    size_t size);

/*
 * bcast_claim - get room for up to `size` bytes in the ring itself, to be
 * written in place; bcast_commit() publishes the first `size` of them (no more
 * than were claimed), bcast_abort() gives them up. One claim at a time.
 *
 * data		receives where to write: the payload, 32-byte aligned for
 *		packets. Valid until commit or abort. It holds old bytes.
 *
 * Results as bcast_publish(); bcast_commit() also -EINVAL (nothing claimed, or
 * more than that). Dying in between publishes nothing.
 */
BCAST_API int bcast_claim(struct bcast_publisher *publisher, size_t size,
			  void **data);
BCAST_API int bcast_commit(struct bcast_publisher *publisher, size_t size);
BCAST_API void bcast_abort(struct bcast_publisher *publisher);

/*
 * bcast_commit_key - bcast_commit() of a record whose first `key_size` of
 * `size` bytes, up to 65535, are its key. -EINVAL for a longer one, and
 * -EOPNOTSUPP on a stream of bytes: the claim is then still open.
 */
BCAST_API int bcast_commit_key(struct bcast_publisher *publisher, size_t size,
			       size_t key_size);

/* ---- Many small records ------------------------------------------------ */

/*
 * Many records at once: written one after the other in place, seen by others
 * all at once. The highest rate, and the latency of the last for each.
 *
 *	bcast_batch_begin(publisher, 65536, &batch);
 *	while (more && (payload = bcast_batch_add(&batch, length)))
 *		fill(payload, length);
 *	bcast_batch_commit(publisher, &batch);
 */
struct bcast_batch {
	unsigned char *next; /* where the next header goes */
	unsigned char *end;  /* of what was claimed */
	uint64_t sequence;   /* of the next record */
	uint64_t number;     /* what its header gets: that, or 0 if the first */
	uint64_t words[3];   /* the header's others, but for the length */
};

/*
 * What the functions below are made of: use those. A batch whose address no
 * other function sees stays in registers, which is half of what it costs.
 */
BCAST_API int bcast_batch_claim(struct bcast_publisher *publisher, size_t size,
				struct bcast_batch *batch);
BCAST_API int bcast_batch_publish(struct bcast_publisher *publisher,
				  struct bcast_batch batch);

/*
 * bcast_batch_begin - claim `size` bytes of records (headers and padding
 * included: see bcast_packet_size()). Results as bcast_claim(); -EOPNOTSUPP on
 * a stream of bytes. It is the publisher's one open claim.
 */
static inline int bcast_batch_begin(struct bcast_publisher *publisher,
				    size_t size, struct bcast_batch *batch)
{
	struct bcast_batch claimed;
	int ret = bcast_batch_claim(publisher, size, &claimed);

	if (ret == 0)
		*batch = claimed;
	return ret;
}

/*
 * bcast_batch_add - append a record; returns where its payload goes, or NULL if
 * it does not fit in any more. All must be written before the commit. Readers
 * look at the first record's sequence, which is 0 until the commit stores it:
 * it shows them all.
 */
static inline void *bcast_batch_add(struct bcast_batch *batch, uint32_t length)
{
	uint64_t *header = (uint64_t *)(void *)batch->next;
	size_t size = bcast_packet_size(length);

	if (size > (size_t)(batch->end - batch->next))
		return NULL;
	/* zeros behind a payload that does not fill its last block */
	if (length % BCAST_PACKET_ALIGN != 0)
		__builtin_memset(batch->next + size - BCAST_PACKET_ALIGN, 0,
				 BCAST_PACKET_ALIGN);
	header[0] = batch->words[0] | length;
	__atomic_store_n(&header[1], batch->number, __ATOMIC_RELAXED);
	header[2] = batch->words[1];
	header[3] = batch->words[2];
	batch->number = ++batch->sequence;
	batch->next += size;
	return header + 4;
}

/*
 * bcast_batch_commit - publish what was added. Results as bcast_commit();
 * -EINVAL if `batch` is not what bcast_batch_begin() made.
 */
static inline int bcast_batch_commit(struct bcast_publisher *publisher,
				     const struct bcast_batch *batch)
{
	return bcast_batch_publish(publisher, *batch);
}

/* ---- Where am I -------------------------------------------------------- */

/*
 * bcast_flush - bring the tail up to what was published by header. Never needed
 * for anybody to see a record; bcast_lag() of others, shmstat, and joiners'
 * starting points follow the tail, which otherwise follows by itself, some
 * 256 KiB of stream behind at most. Does not block.
 */
BCAST_API int bcast_flush(struct bcast_publisher *publisher);

/*
 * bcast_publisher_limit - the largest size of one publication: a quarter of the
 * ring less a header, at most BCAST_PAYLOAD_MAX.
 */
BCAST_API size_t bcast_publisher_limit(const struct bcast_publisher *publisher);

/*
 * bcast_publisher_position, bcast_publisher_sequence - where the next
 * publication will stand, and, of packets, its number (else 0).
 */
BCAST_API uint64_t
bcast_publisher_position(const struct bcast_publisher *publisher);
BCAST_API uint64_t
bcast_publisher_sequence(const struct bcast_publisher *publisher);

/* ---- Who writes -------------------------------------------------------- */

/* Who has the lease. */
enum bcast_writer_kind {
	BCAST_WRITER_NONE = 0,
	BCAST_WRITER_SENDER = 1, /* a TCP sender, by way of the daemon */
	BCAST_WRITER_NODE = 2,	 /* a local publisher */
};

struct bcast_writer_info {
	uint32_t kind; /* enum bcast_writer_kind */
	uint32_t slot; /* in the connection table, or of the node */
	uint32_t pid;  /* node: in its own pid namespace */
	uint32_t reserved_zero;
	uint64_t since_realtime_ns;
	uint64_t grants; /* how often the lease was taken until now */
	char who[64];	 /* the node's id, or the sender's address */
};

/* bcast_writer_kind_name - "nobody", "sender", "node". */
BCAST_API const char *bcast_writer_kind_name(uint32_t kind);

#ifdef __cplusplus
}
#endif
#endif
