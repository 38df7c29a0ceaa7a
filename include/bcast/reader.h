/* SPDX-License-Identifier: MIT */
/*
 * reader.h - read a stream in place. Include <bcast/bcast.h>, which says what
 * holds for all of it: positions, being lapped, the end, trust, threads.
 *
 *	bcast_attach	join it
 *	bcast_read	copy bytes out; or, without a copy, bcast_peek(), use
 *			them, bcast_consume(); or bcast_next(), record by record
 *	bcast_wait	when there is nothing; or, in a loop that waits for
 *			descriptors, bcast_event_fd()
 *	bcast_loss	what has been missed
 */
#ifndef BCAST_READER_H
#define BCAST_READER_H

#include <stddef.h>
#include <stdint.h>

#include <bcast/base.h>
#include <bcast/packet.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Attach and detach ------------------------------------------------- */

/* Where a reader starts. */
enum bcast_from {
	BCAST_FROM_LIVE = 0,	 /* the tail: only what is yet to come */
	BCAST_FROM_OLDEST = 1,	 /* the oldest byte still in the ring */
	BCAST_FROM_POSITION = 2, /* attach_options.position */
	/* of packets only: attach_options.position is then ... */
	BCAST_FROM_SEQUENCE = 3, /* the number of a record */
	BCAST_FROM_TIME = 4,	 /* CLOCK_REALTIME, in nanoseconds */
};

/* attach_options.flags */
#define BCAST_MEASURE_LATENCY 1u /* fill bcast_reader_stats.latency_*_ns */

/*
 * attach_options.spin_ns: how long bcast_wait() polls before it sleeps.
 *
 * A reader that polls takes a core, and sees data some 0.1 us after it was
 * published; one that sleeps takes nothing, and needs a wake-up: 2 to 50 us, in
 * virtual machines most. Give at most all cores but one to parties that poll,
 * the writer and the daemon included: with 2 cores, one. A polling reader
 * beside a busy writer on one core waits for the scheduler, milliseconds.
 *
 *	0			many readers, or little data: sleep at once
 *	BCAST_SPIN_DEFAULT	polls for about what a wake-up costs here, as
 *				long as that helps; not with a single core
 *	some ns			a burst comes at known intervals
 *	BCAST_SPIN_FOREVER	a core of its own, for the lowest latency: no
 *				system call, and no clock but now and then
 */
#define BCAST_SPIN_DEFAULT (-1)
#define BCAST_SPIN_FOREVER INT64_MAX

/* Start from BCAST_ATTACH_DEFAULTS and change what you need. */
struct bcast_attach_options {
	uint32_t size; /* sizeof(struct bcast_attach_options) */
	uint32_t from; /* enum bcast_from */
	/*
	 * Used with BCAST_FROM_POSITION. A position that is no longer in the
	 * ring makes the first peek, read or wait answer BCAST_ELAPPED with
	 * the exact loss; one beyond the tail is refused with -EINVAL, as
	 * is, of packets, one where no record begins.
	 *
	 * With BCAST_FROM_SEQUENCE, the number of a record, at most that of
	 * the next one (else -EINVAL). One that is gone is told in the same
	 * way, exact in packets; its bytes are counted from the last record
	 * before it whose place is known, or from the stream's birth.
	 *
	 * With BCAST_FROM_TIME, the first record with timestamp_ns >= position,
	 * or the tail if there is none yet; of records that are not stamped,
	 * one published about then. If that is no longer in the ring, the
	 * oldest record that is: nothing is said to be lost.
	 *
	 * A stream of bytes has neither: -EOPNOTSUPP.
	 */
	uint64_t position;
	/* How long bcast_wait() polls: BCAST_SPIN_DEFAULT and so on. */
	int64_t spin_ns;
	/*
	 * How long the daemon must have been dead before a waiting reader is
	 * told BCAST_EABANDONED. The pause lets a daemon that is restarted at
	 * once take the stream over without its readers noticing. 0: as soon
	 * as it is seen, which is within about 100 ms.
	 */
	uint32_t gone_after_ms;
	uint32_t flags;
};

#define BCAST_ATTACH_DEFAULTS                                            \
	{                                                                \
		sizeof(struct bcast_attach_options), BCAST_FROM_LIVE, 0, \
			BCAST_SPIN_DEFAULT, 1000, 0                      \
	}

struct bcast_reader; /* opaque */

/*
 * bcast_attach - join a stream as a reader, read-only.
 *
 * name		the stream's name, as in `bcastd --name`
 * options	NULL: the defaults (BCAST_ATTACH_DEFAULTS)
 * reader	receives the handle; untouched on failure
 *
 * Returns 0, or
 *	-ENOENT			no stream of that name on this machine
 *	-EACCES			no read permission on /dev/shm/bcast.NAME
 *	BCAST_ENOTREADY		the daemon is just creating it; try again
 *	BCAST_EFOREIGN		what has this name is no segment of ours, or its
 *				mode lets all users write to it: any of them
 *				could truncate it under its readers
 *	BCAST_EVERSION, BCAST_ELAYOUT, BCAST_ETOOSMALL
 *				made by another version; cut short
 *	BCAST_ENAME, -EINVAL	a bad name; bad options
 *	-ENOMEM, -EMFILE, -ENFILE	out of address space, memory,
 *				descriptors
 *
 * The stream of a dead daemon can be attached: what was published is there.
 * Uses twice the ring's capacity of address space, and one descriptor. Does
 * not block. The handle is freed by bcast_detach().
 */
BCAST_API int bcast_attach(const char *name,
			   const struct bcast_attach_options *options,
			   struct bcast_reader **reader);

/*
 * bcast_detach - leave the stream and free the handle. Pointers obtained from
 * bcast_peek() become invalid. NULL is allowed. Does not block.
 */
BCAST_API void bcast_detach(struct bcast_reader *reader);

/* ---- Reading ----------------------------------------------------------- */

/*
 * bcast_peek - look at all data from the reader's position to the tail, in
 * place. The ring is mapped twice back to back, so this is always one piece.
 *
 * data		receives the address of the first byte; untouched unless the
 *		result is positive. Read-only: writing to it faults.
 *
 * Returns the number of bytes (up to the ring's capacity), 0 for nothing yet,
 * BCAST_ELAPPED (see bcast_loss(); call again), BCAST_ECLOSED, or BCAST_EPROTO
 * (the segment's numbers cannot be: damaged). It does not look whether the
 * daemon is alive: bcast_wait() does. The bytes stay readable until
 * bcast_consume(), and keep their content unless the reader is lapped
 * meanwhile, which bcast_consume() tells.
 *
 * Never blocks, makes no system call. On a stream of packets, this and
 * bcast_next() may pause for 6 us before they return 0: when they have caught
 * up with a publisher of small records (below 512 bytes) at 1.5 bytes a
 * nanosecond or more. At its heels, both would go at a third of their speed.
 * Slower streams never come to that.
 */
BCAST_API int64_t bcast_peek(struct bcast_reader *reader, const void **data);

/*
 * bcast_consume - say that n bytes have been used, and learn whether they were
 * whole. n is at most what the last bcast_peek() returned (else -EINVAL).
 *
 * Returns 0: those n bytes were intact during the whole use, and the position
 * has moved past them. BCAST_ELAPPED: the writer has overwritten some of them,
 * discard what you made of them; the position has moved on and bcast_loss()
 * counts these n bytes as lost. BCAST_EPROTO: likewise, but the numbers that
 * say where to go on cannot be: damaged; the position stays. Never blocks,
 * makes no system call.
 */
BCAST_API int bcast_consume(struct bcast_reader *reader, size_t n);

/*
 * bcast_read - copy up to size bytes out of the ring and move past them.
 *
 * Returns the number of bytes copied (> 0: intact, checked after the copy), 0
 * for nothing yet, or as bcast_peek(); after BCAST_ELAPPED nothing was
 * delivered. Of packets, whole records only, headers included; -EMSGSIZE if not
 * even the first has room. What the buffer holds after a result <= 0 is
 * unspecified. Never blocks; makes no system call.
 */
BCAST_API int64_t bcast_read(struct bcast_reader *reader, void *buffer,
			     size_t size);

/*
 * bcast_seek - go to another place: BCAST_FROM_LIVE, BCAST_FROM_OLDEST or, with
 * `position` as in attach_options, BCAST_FROM_POSITION, BCAST_FROM_SEQUENCE or
 * BCAST_FROM_TIME. Returns 0, or -EINVAL for a position beyond the tail or, of
 * packets, one where no record begins; -EOPNOTSUPP for a number or a time in a
 * stream of bytes. A place no longer in the ring is reported as lapped by the
 * next call that reads. Skipping on purpose does not count as loss.
 */
BCAST_API int bcast_seek(struct bcast_reader *reader, enum bcast_from from,
			 uint64_t position);

/* ---- Packets ----------------------------------------------------------- */

/* One record of a stream of packets, in place; see packet.h for the fields. */
struct bcast_packet {
	const void *payload; /* key, then value; 32-byte aligned */
	uint64_t position;   /* of its header */
	uint64_t sequence;
	uint64_t timestamp_ns;
	uint32_t length; /* of the payload */
	uint32_t size;	 /* of the whole record, for bcast_consume() */
	uint32_t crc32c;
	uint16_t type; /* enum bcast_packet_type */
	uint16_t flags;
	uint16_t source;
	uint16_t key_length;
};

/*
 * bcast_next - the record at the reader's position, in place.
 *
 *	while ((n = bcast_next(reader, &packet)) == 1) {
 *		use(packet.payload, packet.length);
 *		n = bcast_consume(reader, packet.size);
 *		...
 *
 * This is the fastest way to a single record: with a local publisher it is seen
 * by its own header, with no other memory shared between the two. To use many
 * at once, bcast_peek() shows all that there are, and packet.h walks them.
 *
 * Returns 1, 0 for nothing yet, or as bcast_peek(); -EOPNOTSUPP on a stream of
 * bytes; BCAST_EPROTO if what stands there cannot be a record. The fields of
 * `packet` are whole; the payload is as with bcast_peek(): what was made of it
 * counts only if bcast_consume(reader, packet->size) returns 0. `packet` is
 * untouched unless the result is 1. Never blocks, makes no system call; see
 * bcast_peek() for a pause of 6 us.
 *
 * A reader of packets is always at the beginning of one: it starts there, also
 * after having been lapped, and bcast_consume() refuses (-EINVAL) an n that
 * ends within a record.
 */
BCAST_API int bcast_next(struct bcast_reader *reader,
			 struct bcast_packet *packet);

/*
 * bcast_packet_verify - is the payload the one that its crc32c was made of? 1,
 * also if it has none (crc32c is 0), or 0. As with all that is made of a
 * payload, it counts only if bcast_consume() then returns 0: of one that is
 * being overwritten it says 0 as well. Some 0.05 us per KiB; does not block.
 */
BCAST_API int bcast_packet_verify(const struct bcast_packet *packet);

/* ---- Waiting ----------------------------------------------------------- */

/*
 * bcast_wait - wait until there is something to read.
 *
 * timeout_ms	-1: no limit; 0: only look; else milliseconds
 *
 * Returns
 *	1			there is data: bcast_peek() or bcast_read() it
 *	0			nothing yet, the time is up
 *	BCAST_ELAPPED		see bcast_loss(); the reader has been moved on
 *	BCAST_ECLOSED		the stream ended, and all of it was consumed
 *	BCAST_EABANDONED	the daemon died (gone_after_ms ago), and all
 *				that was published is consumed
 *	BCAST_EPROTO		the segment's numbers cannot be: damaged
 *	-errno			the kernel does not say whether the daemon lives
 *
 * With timeout 0 it never blocks; with nothing to read it costs a look at the
 * clock, and ten times a second a system call. Else it polls as options.spin_ns
 * says, then sleeps on a futex in the segment. The daemon wakes it at each
 * publication; a local publisher wakes the readers of nodes only, and others
 * look every millisecond while one has the lease. BCAST_EABANDONED is not
 * final: if the stream is taken over by a new daemon, or a local publisher goes
 * on, later calls find data again.
 */
BCAST_API int bcast_wait(struct bcast_reader *reader, int timeout_ms);

/*
 * bcast_event_fd - a descriptor that becomes readable when there is news: for
 * poll, epoll, io_uring, libuv, asyncio, and whatever waits for descriptors.
 * The same one each time. It belongs to the reader: bcast_detach() closes it.
 *
 *	struct epoll_event event = {.events = EPOLLIN};
 *
 *	epoll_ctl(loop, EPOLL_CTL_ADD, bcast_event_fd(reader), &event);
 *	for (;;) {
 *		while ((n = bcast_peek(reader, &data)) > 0)
 *			...		// use it, bcast_consume()
 *		n = bcast_event_arm(reader);
 *		if (n == 0)		// nothing yet: let the loop wait
 *			epoll_wait(loop, &event, 1, -1);
 *		else if (n < 0 && n != BCAST_ELAPPED)
 *			break;
 *	}
 *
 * Starts a thread, which sleeps in place of the caller: news takes two changes
 * of thread instead of one. Uses one descriptor. Returns it, or -errno; -ECHILD
 * in a child after fork().
 */
BCAST_API int bcast_event_fd(struct bcast_reader *reader);

/*
 * bcast_event_arm - look once more, and if there is nothing, let the descriptor
 * become readable as soon as there is: data, a lap, the end, or the owner's
 * death (within 100 ms, and then ten times a second, so that the calls of this
 * that follow can say BCAST_EABANDONED after gone_after_ms).
 *
 * Returns 0: armed, go and wait. Else it is not armed, and the result is as of
 * bcast_wait(reader, 0): 1 (there is data), or an error. Also -EINVAL without
 * bcast_event_fd(), and -ECHILD.
 *
 * Readable once, for each arming; arming again, or a bcast_wait() that has to
 * wait, ends the last one and takes its signal back: nobody need read from the
 * descriptor, and nobody but poll and the like should. It may become readable
 * for no reason. What is consumed in between does not disarm it. Never blocks;
 * some us. While a local publisher has the lease the thread looks every
 * millisecond, unless the reader is a node's.
 */
BCAST_API int bcast_event_arm(struct bcast_reader *reader);

/* ---- Where am I, what did I miss --------------------------------------- */

/* The bytes lost at the last BCAST_ELAPPED: [from, to). */
struct bcast_loss {
	uint64_t from;	      /* first lost position */
	uint64_t to;	      /* where the reader goes on */
	uint64_t bytes;	      /* to - from */
	uint64_t total_bytes; /* lost by this reader since it attached */
	uint64_t laps;	      /* how often it was lapped */
	/*
	 * Of a stream of packets: records lost. 0 also where nobody knows, for
	 * a reader that has come to no record yet.
	 */
	uint64_t packets;
	uint64_t total_packets;
};

/*
 * bcast_loss - what the last BCAST_ELAPPED cost, exactly. All zero before the
 * first. To not be lapped again at once, the reader goes on an eighth of the
 * ring after the oldest byte that is still there (or at the tail, if that is
 * nearer); the bytes left out by this are part of the count.
 */
BCAST_API struct bcast_loss bcast_loss(const struct bcast_reader *reader);

/* bcast_position - the position of the next byte that will be read. */
BCAST_API uint64_t bcast_position(const struct bcast_reader *reader);

/*
 * bcast_lag - bytes published but not yet consumed by this reader, now. More
 * than the capacity means that it has been lapped and will be told. Counted to
 * the tail, which a local publisher of packets moves now and then: see
 * bcast_flush().
 */
BCAST_API uint64_t bcast_lag(const struct bcast_reader *reader);

/* bcast_epoch - the stream's epoch: positions compare only within one. */
BCAST_API uint64_t bcast_epoch(const struct bcast_reader *reader);

/* bcast_capacity - the ring's capacity in bytes. */
BCAST_API uint64_t bcast_capacity(const struct bcast_reader *reader);

/*
 * bcast_writer_alive - ask the kernel whether a daemon owns the stream: 1, 0,
 * or -errno. One system call; does not block.
 */
BCAST_API int bcast_writer_alive(const struct bcast_reader *reader);

/*
 * bcast_owner_uid - whose stream it is: the user id of the segment's owner, or
 * -errno. /dev/shm is open to all, so any user can serve a stream under any
 * name that is free: a reader that must have a certain user's stream compares
 * this right after attaching. Only root can change it later. One system call;
 * does not block.
 */
BCAST_API int64_t bcast_owner_uid(const struct bcast_reader *reader);

/*
 * bcast_ring_node - the NUMA node that holds the ring (its first page), for a
 * reader that wants to run near it: numa_run_on_node() of libnuma takes it as
 * it is. 0 on a machine with one node. -ENOSYS or -EPERM: the kernel, or a
 * container's filter, does not say. One system call; does not block.
 */
BCAST_API int bcast_ring_node(const struct bcast_reader *reader);

/* What one reader has done since it attached. Times in nanoseconds. */
struct bcast_reader_stats {
	uint64_t bytes; /* consumed */
	uint64_t waits; /* bcast_wait() calls that found nothing at first */
	uint64_t parks; /* of these, how many slept in the kernel */
	uint64_t laps;	/* times lapped */
	uint64_t lost_bytes; /* bytes lost by that */
	/*
	 * From publication to this reader's return from bcast_wait(), for
	 * waits that found the reader caught up. Only with
	 * BCAST_MEASURE_LATENCY; a sample costs a reading of the clock. Of
	 * a local publisher's data, only waits that slept.
	 * Percentiles are upper bounds of buckets 1/8 of an octave wide.
	 */
	uint64_t latency_count;
	uint64_t latency_p50_ns;
	uint64_t latency_p90_ns;
	uint64_t latency_p99_ns;
	uint64_t latency_p999_ns;
	uint64_t latency_max_ns;
	uint64_t spin_ns;   /* for how long the next wait would poll */
	uint64_t spin_hits; /* waits that ended while polling */
	uint64_t wake_ns;   /* what a wake-up costs, on average: measured with
			       BCAST_SPIN_DEFAULT, from 5 to 200 us */
};

/* bcast_reader_stats - a snapshot of the above. Does not block. */
BCAST_API struct bcast_reader_stats bcast_reader_stats(
	const struct bcast_reader *reader);

#ifdef __cplusplus
}
#endif
#endif
