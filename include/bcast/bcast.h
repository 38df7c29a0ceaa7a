/* SPDX-License-Identifier: MIT */
/*
 * bcast.h - read a bcast stream from shared memory.
 *
 * One stream in, every consumer out, from the same bytes. A sender's bytes go
 * into a ring buffer in a named POSIX shared-memory segment,
 * /dev/shm/bcast.NAME. A process on the same machine reads them there, in
 * place: no socket, no copy, no system call while data keeps coming. Readers
 * need only read permission on the segment, write nothing into it, and cannot
 * delay or harm the writer or each other, however slow, stopped or dead they
 * are. (Nodes can ask the writer to wait for them: bcast_gate().)
 *
 * A reader (all of the stream, in place, for as long as it lives):
 *
 *	struct bcast_reader *reader;
 *	int64_t n = bcast_attach("default", NULL, &reader);
 *
 *	while (n >= 0 || n == BCAST_ELAPPED) {
 *		const void *data;
 *
 *		n = bcast_peek(reader, &data);
 *		if (n > 0) {
 *			use(data, (size_t)n);
 *			n = bcast_consume(reader, (size_t)n);
 *		} else if (n == 0) {
 *			n = bcast_wait(reader, -1);
 *		}
 *		if (n == BCAST_ELAPPED)	// too slow: bytes were lost
 *			report(bcast_loss(reader).bytes);
 *	}
 *	fprintf(stderr, "%s\n", bcast_strerror((int)n));
 *
 * POSITIONS. Every byte of a stream has a position: the count of bytes before
 * it since the stream was born. Positions are 64 bits wide and never wrap.
 * (epoch, position) names a byte for ever; the epoch is a random number drawn
 * at the stream's birth. The ring keeps the newest `capacity` bytes, less up
 * to 1 MiB that the writer may be overwriting at the moment.
 *
 * LAPPED. The writer never waits for a reader, unless that is a node's and
 * asks for it (bcast_gate()). One that falls more than the
 * ring behind has been lapped: it is told so (BCAST_ELAPPED) together with the
 * exact bytes that it lost, and goes on further ahead. Because data is used in
 * place, the writer may overtake a reader in the middle of its use; that is why
 * bcast_consume() checks again, after the use. Until it has returned 0, treat
 * what was read as possibly torn: never act on a length or an index found in
 * it without a bound. bcast_read() copies and checks in one step.
 *
 * THE END. When the daemon stops in order, readers get all bytes up to the
 * last, then BCAST_ECLOSED. When it dies, readers get all bytes that it had
 * published, then, after `gone_after_ms`, BCAST_EABANDONED. A daemon that is
 * started again takes the same segment over: readers just read on, at the same
 * positions, and one that was told BCAST_EABANDONED may go on as well. If it
 * cannot take it over, they are told BCAST_ECLOSED. Deaths and ends are found by
 * looking at the state of the segment and at a lock that the kernel drops when
 * its holder dies; no process id is ever guessed at.
 *
 * TRUST. A reader trusts the stream's owner not to truncate the segment: that
 * would be SIGBUS, here as with any shared mapping. Nobody who has only read
 * permission can do it, and a segment that all may write to is refused; whose
 * it is says bcast_owner_uid(). All else found there is checked before it is
 * used.
 *
 * THREADS. A handle belongs to one thread at a time. Any number of handles, in
 * any number of processes, may read one stream. After fork() only one of the
 * two processes may go on using a handle. No function prints, exits, installs
 * a signal handler or starts a thread, but for bcast_event_fd(), whose thread
 * takes no signals; all are safe against signals arriving (a signal does not
 * end a wait early).
 *
 * RESULTS. A negative int is -errno, or one of enum bcast_error below -4095;
 * bcast_strerror() knows both. Pass errors on as they are: errno is not used.
 */
#ifndef BCAST_BCAST_H
#define BCAST_BCAST_H

#include <stddef.h>
#include <stdint.h>

#include <bcast/packet.h>

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
	BCAST_ELAPPED = -5001, /* the writer overtook: see bcast_loss() */
	BCAST_EABANDONED =
		-5002,		 /* the writer died: reattach once it is back */
	BCAST_EVERSION = -5003,	 /* the segment has another layout version */
	BCAST_EPROTO = -5004,	 /* a peer broke the protocol */
	BCAST_EFULL = -5005,	 /* a bounded channel or table is full */
	BCAST_ECLOSED = -5006,	 /* the stream ended in order */
	BCAST_ENOTREADY = -5007, /* the segment is being created: try again */
	BCAST_ELAYOUT = -5008,	 /* same version, other struct sizes */
	BCAST_ETOOSMALL = -5009, /* the object is shorter than it says */
	BCAST_EFOREIGN = -5010,	 /* not a bcast segment, or open to all */
	BCAST_ENAME = -5011,	 /* not a valid stream name, or node id */
	BCAST_EOWNED = -5012,	 /* a live daemon owns this name */
};

/*
 * bcast_strerror - one line for any result of this library, -errno included.
 * Never NULL; a static string, except for an errno unknown to libc, whose text
 * is valid until the calling thread's next call. Any thread; does not block.
 */
BCAST_API const char *bcast_strerror(int result);

/* bcast_version - the library's version, such as "0.1.0". Static string. */
BCAST_API const char *bcast_version(void);

/* ---- Attach and detach ------------------------------------------------- */

/* Where a reader starts. */
enum bcast_from {
	BCAST_FROM_LIVE = 0,	 /* the tail: only what is yet to come */
	BCAST_FROM_OLDEST = 1,	 /* the oldest byte still in the ring */
	BCAST_FROM_POSITION = 2, /* attach_options.position */
};

/* attach_options.flags */
#define BCAST_MEASURE_LATENCY 1u /* fill bcast_reader_stats.latency_*_ns */

/*
 * spin_ns: let the library choose, by cores and by experience; or never sleep.
 *
 * A reader that polls takes a core, and sees data some 0.1 us after it was
 * published; one that sleeps takes nothing, and needs a wake-up: 2 to 50 us, in
 * virtual machines most. Give at most all cores but one to parties that poll,
 * the writer and the daemon included: with 2 cores, one. A polling reader beside
 * a busy writer on one core waits for the scheduler, milliseconds.
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
	 * the exact loss; one beyond the tail is refused with -EINVAL.
	 */
	uint64_t position;
	/* How long bcast_wait() polls before it sleeps: see above. */
	int64_t spin_ns;
	/*
	 * How long the writer must have been dead before a waiting reader is
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
 * The stream of a dead daemon can be attached: what it published is there.
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
 * bcast_wait - wait until there is something to read.
 *
 * timeout_ms	-1: no limit; 0: only look; else milliseconds
 *
 * Returns
 *	1			there is data: bcast_peek() or bcast_read() it
 *	0			nothing yet, the time is up
 *	BCAST_ELAPPED		see bcast_loss(); the reader has been moved on
 *	BCAST_ECLOSED		the stream ended, and all of it was consumed
 *	BCAST_EABANDONED	the writer died (gone_after_ms ago), and all
 *				that it published was consumed
 *	BCAST_EPROTO		the segment's numbers cannot be: damaged
 *
 * With timeout 0 it never blocks; with nothing to read it costs a look at the
 * clock, and ten times a second a system call. Else it polls for
 * options.spin_ns at most, then sleeps on a futex in the segment, which the
 * writer wakes at each publication. BCAST_EABANDONED is not final: if the
 * stream is taken over by a new daemon, later calls find data again.
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
 *			...		// use and bcast_consume(), as above
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

/*
 * bcast_peek - look at all data from the reader's position to the tail, in
 * place. The ring is mapped twice back to back, so this is always one piece.
 *
 * data		receives the address of the first byte; untouched unless the
 *		result is positive. Read-only: writing to it faults.
 *
 * Returns the number of bytes (up to the ring's capacity), 0 for nothing yet,
 * BCAST_ELAPPED (see bcast_loss(); call again), BCAST_ECLOSED, or BCAST_EPROTO
 * (the segment's numbers cannot be: damaged). It does not
 * look whether the writer is alive: bcast_wait() does. Never blocks, makes no
 * system call. The bytes stay readable until bcast_consume(), and keep their
 * content unless the reader is lapped meanwhile, which bcast_consume() tells.
 */
BCAST_API int64_t bcast_peek(struct bcast_reader *reader, const void **data);

/*
 * bcast_consume - say that n bytes have been used, and learn whether they were
 * whole. n is at most what the last bcast_peek() returned (else -EINVAL).
 *
 * Returns 0: those n bytes were intact during the whole use, and the position
 * has moved past them. BCAST_ELAPPED: the writer has overwritten some of them,
 * discard what you made of them; the position has moved on and bcast_loss()
 * counts these n bytes as lost. Never blocks, makes no system call.
 */
BCAST_API int bcast_consume(struct bcast_reader *reader, size_t n);

/*
 * bcast_read - copy up to size bytes out of the ring and move past them.
 *
 * Returns the number of bytes copied (> 0: intact, checked after the copy), 0
 * for nothing yet, or as bcast_peek(); after BCAST_ELAPPED nothing was
 * delivered. What the buffer holds after a result <= 0 is unspecified.
 * Never blocks; makes no system call.
 */
BCAST_API int64_t bcast_read(struct bcast_reader *reader, void *buffer,
			     size_t size);

/*
 * bcast_seek - go to another place: BCAST_FROM_LIVE, BCAST_FROM_OLDEST or, with
 * `position`, BCAST_FROM_POSITION. Returns 0, or -EINVAL for a position beyond
 * the tail. A position no longer in the ring is reported as lapped by the next
 * call that reads. Skipping on purpose does not count as loss.
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
 * untouched unless the result is 1. Never blocks, makes no system call.
 *
 * A reader of packets is always at the beginning of one: it starts there, also
 * after having been lapped, and bcast_consume() refuses (-EINVAL) an n that
 * ends within a record. bcast_read() copies whole records only, and says
 * -EMSGSIZE if not even the first has room.
 */
BCAST_API int bcast_next(struct bcast_reader *reader,
			 struct bcast_packet *packet);

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
 * than the capacity means that it has been lapped and will be told.
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
	 * BCAST_MEASURE_LATENCY; a sample costs a reading of the clock.
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

/* ---- Nodes ------------------------------------------------------------- */

/*
 * A node is a local process (or a part of one) that is known to the others by
 * an id. The stream's registry, /dev/shm/bcast.NAME.nodes, has a slot for each:
 * who it is, how far it has read, when it last gave a sign of life. Joining
 * needs read and write permission on the registry (`bcastd --mode`, `--group`);
 * plain readers need not join at all.
 *
 * Whether a node is alive is a fact that the kernel knows: it holds a lock
 * which ends with the process, by whatever death, and which is seen from other
 * pid namespaces and containers too. The slots of the dead are swept by whoever
 * joins, lists or watches; no daemon has to run for that. A node that is alive
 * but has not given a sign of life for longer than it said is 'stuck': it is
 * shown as such, and nobody takes its place or its id.
 *
 * Who may join may also write garbage into the registry. The others survive
 * that, and a slot that was hit is shown as damaged; the stream's bytes are out
 * of reach. Truncating the registry, though, ends all who have it mapped by
 * SIGBUS: let in only whom you would trust that far.
 *
 * FORK. A child inherits its parent's lock, and would keep its slot alive after
 * the parent's death. exec() ends that; a child that goes on without exec()
 * calls bcast_leave() on its copy of each node, which in the child only frees
 * the copy. All other functions refuse the copy with -ECHILD, and a reader of
 * the node goes on in the child without showing itself.
 */

/* A node's id: 1 to 63 characters of A-Z a-z 0-9 . _ - */
#define BCAST_NODE_ID_MAX 63

/* What a node does; bits. */
enum bcast_node_role {
	BCAST_NODE_READER = 1,	  /* set by bcast_node_reader() */
	BCAST_NODE_PUBLISHER = 2, /* says that it means to publish */
	BCAST_NODE_GATING = 4,	  /* writers wait for it: bcast_gate() */
};
#define BCAST_NODE_ROLES \
	(BCAST_NODE_READER | BCAST_NODE_PUBLISHER | BCAST_NODE_GATING)

#define BCAST_STUCK_AFTER_MS 5000

/* Why bcast_join() refused, for a message that helps. Only on failure. */
struct bcast_refusal {
	uint32_t holder_pid;   /* -EEXIST: who has the id, in its own pid
				  namespace; 0: it is just joining or leaving */
	uint32_t holder_state; /* -EEXIST: enum bcast_node_state, or 0 */
	uint32_t node_limit;   /* BCAST_EFULL: how many slots there are */
	uint32_t reserved_zero;
};

/* Start from BCAST_JOIN_DEFAULTS and change what you need. */
struct bcast_join_options {
	uint32_t size;	/* sizeof(struct bcast_join_options) */
	uint32_t roles; /* 0 or BCAST_NODE_PUBLISHER */
	/*
	 * How long a silence means that this node is stuck, in milliseconds; 0:
	 * however long. bcast_node_beat() is the sign of life, and so is each
	 * bcast_wait() of the node's reader, however long it sleeps.
	 */
	uint32_t stuck_after_ms;
	uint32_t reserved_zero;
	struct bcast_refusal *refusal; /* NULL, or filled on failure */
};

#define BCAST_JOIN_DEFAULTS                                                    \
	{                                                                      \
		sizeof(struct bcast_join_options), 0, BCAST_STUCK_AFTER_MS, 0, \
			NULL                                                   \
	}

struct bcast_node; /* opaque */

/*
 * bcast_join - be known to the stream's other nodes as `node_id`.
 *
 * options	NULL: the defaults (BCAST_JOIN_DEFAULTS)
 * node		receives the handle; untouched on failure
 *
 * Returns 0, or
 *	-EEXIST		a living node has this id: see options.refusal. Of any
 *			number that try at once, exactly one gets it
 *	BCAST_EFULL	all slots are taken by the living (`bcastd --nodes`)
 *	-EACCES		no permission to read /dev/shm/bcast.NAME, or to read
 *			and write /dev/shm/bcast.NAME.nodes
 *	-ENOENT		no stream of that name on this machine
 *	BCAST_ENOTREADY	the daemon is just creating it; try again
 *	BCAST_ENAME	a bad name or id
 *	BCAST_EFOREIGN, BCAST_EVERSION, BCAST_ELAYOUT, BCAST_ETOOSMALL
 *			not ours, damaged, or made by another version
 *	-ENOSPC		no room in /dev/shm for the inbox: enlarge it, or start
 *			bcastd with a smaller --inbox-size
 *	-EINVAL, -ENOMEM, -EMFILE, -ENFILE
 *
 * A process may join as several nodes, and the stream of a dead daemon can be
 * joined. Uses two descriptors, and `bcastd --inbox-size` bytes of /dev/shm for
 * the inbox. Does not wait for anybody, but may take some 50 ms while the last
 * free slots are being swept. Freed by bcast_leave().
 */
BCAST_API int bcast_join(const char *name, const char *node_id,
			 const struct bcast_join_options *options,
			 struct bcast_node **node);

/*
 * bcast_leave - give the slot and the id back and free the handle. A reader of
 * the node stays, as a plain reader. NULL is allowed. Does not block.
 */
BCAST_API void bcast_leave(struct bcast_node *node);

/*
 * bcast_node_beat - give a sign of life, and learn whether all is well. Call it
 * a few times within stuck_after_ms, unless the node's reader waits for data.
 *
 * Returns 0, BCAST_ECLOSED (the registry is gone: the daemon stopped, or made a
 * new one; leave, and join again), BCAST_EPROTO (a faulty process has written
 * over this node's slot; likewise), BCAST_ETOOSMALL (or truncated it), or
 * -ECHILD (in a child, see FORK). One system call; does not block. May be
 * called by any thread while another uses the node's reader.
 */
BCAST_API int bcast_node_beat(struct bcast_node *node);

/*
 * bcast_node_reader - attach a reader, as bcast_attach() does, whose position,
 * waits, parks, laps, losses and latencies stand in the node's slot for all to
 * see. It costs a few stores to a page of the node's own. Latencies are shown
 * with BCAST_MEASURE_LATENCY only.
 *
 * Returns as bcast_attach(), or -EBUSY (the node has a reader already),
 * BCAST_ECLOSED (the stream is another than the one that was joined), -ECHILD.
 * The reader is freed by bcast_detach(), before or after bcast_leave(); node
 * and reader belong to one thread at a time together.
 */
BCAST_API int bcast_node_reader(struct bcast_node *node,
				const struct bcast_attach_options *options,
				struct bcast_reader **reader);

/*
 * bcast_gate - let the writer wait for this reader: it is not lapped any more.
 * For a reader of a node only.
 *
 * timeout_ms	how long it may stand still while a writer waits for it, 1 to
 *		BCAST_GATE_TIMEOUT_MS_MAX; 0: be a plain reader again
 *
 * A writer, local publisher or TCP sender, then waits rather than overwrite
 * what lies before this reader's position: until it moves, leaves, or is dead,
 * which is noticed within milliseconds. If it stays where it is for longer than
 * timeout_ms while it is waited for, the gate is given up: it is a plain reader
 * from then on, as bcast_gate_state() says, and told BCAST_ELAPPED if it loses
 * anything by that. It is counted, in its own node's gates_given_up and in the
 * daemon's counters. Calling bcast_gate() again sets the gate up anew; nothing
 * else does, so that who crawls cannot hold the stream up again and again.
 *
 * Returns 0, BCAST_ELAPPED (it had been lapped before; from where it goes on
 * the gate is set), -EOPNOTSUPP (not a node's reader), -EINVAL, -ECHILD. Does
 * not block. May be called at any time, to change the timeout too. It holds
 * from the return on; only a reader that is further behind than two thirds of
 * the ring can be overtaken once more, by what is just being written. The same
 * goes for a bcast_seek() that far back.
 *
 * All who wait for a writer wait for its slowest gate: keep timeouts short.
 * The publisher of a node does not wait for the reader of the same node, which
 * belongs to its own thread and could never move meanwhile.
 */
#define BCAST_GATE_TIMEOUT_MS_MAX 60000
BCAST_API int bcast_gate(struct bcast_reader *reader, int timeout_ms);

enum bcast_gate_state {
	BCAST_GATE_NONE = 0,
	BCAST_GATE_SET = 1,
	BCAST_GATE_GIVEN_UP = 2, /* it stood still for too long */
};

/* bcast_gate_state - one of these. Two loads. */
BCAST_API int bcast_gate_state(const struct bcast_reader *reader);

/* node_info.state */
enum bcast_node_state {
	BCAST_NODE_ALIVE = 1,
	BCAST_NODE_STUCK = 2,	/* alive, but silent for too long */
	BCAST_NODE_DEAD = 3,	/* seen where it cannot be swept: read-only */
	BCAST_NODE_DAMAGED = 4, /* alive, but its slot is overwritten */
};

/* A node as it is now. All but slot and state is what it says of itself. */
struct bcast_node_info {
	char id[BCAST_NODE_ID_MAX + 1]; /* printable whatever was there */
	uint32_t slot;
	uint32_t state; /* enum bcast_node_state */
	uint32_t roles; /* enum bcast_node_role, bits */
	uint32_t pid;	/* in its own pid namespace */
	uint32_t stuck_after_ms;
	uint32_t waiting;	/* 1: its reader sleeps, waiting for data */
	uint64_t pid_namespace; /* inode of /proc/PID/ns/pid */
	uint64_t start_ticks;	/* /proc/PID/stat, field 22 */
	uint64_t joined_realtime_ns;
	uint64_t heartbeat_age_ns; /* since its last sign of life */
	uint64_t cursor;	   /* next position it will read */
	uint64_t lag;		   /* tail - cursor; 0 without a reader */
	uint64_t bytes;		   /* read and used */
	uint64_t waits, parks;	   /* as in struct bcast_reader_stats */
	uint64_t laps, lost_bytes;
	uint64_t messages_sent, messages_received;
	uint64_t latency_count;
	uint64_t latency_p50_ns, latency_p99_ns, latency_max_ns;
	uint64_t gate_timeout_ms; /* BCAST_NODE_GATING: as in bcast_gate() */
	uint64_t gates_given_up;
	uint64_t inbox_used;	/* bytes that wait in its inbox */
	uint64_t inbox_size;	/* bytes that can */
	uint64_t inbox_refused; /* sends given up because it was full */
	uint64_t inbox_damaged; /* how often garbage was found there */
};

/* bcast_node_state_name - "alive", "stuck", "dead", "damaged". */
BCAST_API const char *bcast_node_state_name(uint32_t state);

struct bcast_nodes; /* opaque: a view of who is there, without joining */

/*
 * bcast_nodes_open - look at the nodes of a stream. Results as bcast_join(),
 * less those about ids. Read permission suffices; the dead are then shown as
 * BCAST_NODE_DEAD instead of being swept. Uses two descriptors. Freed by
 * bcast_nodes_close(). After fork() only one of the two may go on using it.
 */
BCAST_API int bcast_nodes_open(const char *name, struct bcast_nodes **nodes);

/* bcast_nodes_close - free the view. NULL is allowed. */
BCAST_API void bcast_nodes_close(struct bcast_nodes *nodes);

/* bcast_nodes_limit - how many nodes can be joined at a time. */
BCAST_API uint32_t bcast_nodes_limit(const struct bcast_nodes *nodes);

/*
 * bcast_nodes_list - sweep the dead, then fill up to `max` entries, by slot.
 * Each entry is a snapshot of its own. Returns how many nodes there are (which
 * may be more), BCAST_ECLOSED (as for bcast_node_beat()), BCAST_ETOOSMALL, or
 * -errno. Does not block; 64 nodes take some 0.1 ms, 4096 some 0.3 s.
 */
BCAST_API int bcast_nodes_list(struct bcast_nodes *nodes,
			       struct bcast_node_info *entries, int max);

/*
 * bcast_nodes_watch - wait until others are joined than when this view was
 * opened, last listed, or last watched with result 1.
 *
 * timeout_ms	-1: no limit; 0: only look; else milliseconds
 *
 * Returns 1 (list them), 0 (the time is up), or as bcast_nodes_list(). Joins
 * and leaves wake it; a death is noticed within about 100 ms (of thousands of
 * nodes, seconds), or as soon as anybody sweeps. Getting stuck is no change.
 * Sleeps in between.
 */
BCAST_API int bcast_nodes_watch(struct bcast_nodes *nodes, int timeout_ms);

/* ---- Publishing -------------------------------------------------------- */

/*
 * A local process can write the stream itself, straight into the ring, with no
 * socket, no copy but its own, and no system call unless somebody sleeps. The
 * daemon sends what it publishes to the TCP receivers, as it does with a TCP
 * sender's bytes. A publisher needs write permission on /dev/shm/bcast.NAME
 * (`bcastd --mode 0660`, or the daemon's own user): it is trusted with the
 * stream as the daemon is.
 *
 * ONE AT A TIME. Who writes holds the stream's write lease: a publisher from
 * bcast_publisher_open() to bcast_publisher_close(), the daemon for a TCP sender
 * from its connecting to its leaving. The lease is a lock that the kernel
 * keeps: it is free the instant its holder is dead, by whatever death, and
 * never before. A dead publisher's last whole records stay published; of the
 * one it was writing nothing is seen by anybody.
 *
 * FORMATS. With `--format raw` a publication is any number of bytes, appended to
 * those before it. With `--format packet` it is the payload of one record, whose
 * header the library writes (packet.h).
 *
 * WAITING. Publishing never waits for plain readers: slow ones are lapped. It
 * waits for gating readers, and for TCP receivers as far as `--slow-policy` and
 * --max-lag say. It goes on while the daemon is dead, and does not notice a new
 * one's taking the stream over; what is published meanwhile is read by local
 * readers, and sent to receivers that connect before it leaves the ring: to
 * none, since they join live.
 */

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

/* What timestamp_ns of a record holds. */
enum bcast_stamp {
	BCAST_STAMP_COARSE = 0, /* some ms coarse, a few ns dear */
	BCAST_STAMP_EXACT = 1,	/* some 30 ns dear */
	BCAST_STAMP_NONE = 2,	/* 0 */
};

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
};

#define BCAST_PUBLISHER_DEFAULTS                               \
	{                                                      \
		sizeof(struct bcast_publisher_options), 0, -1, \
			BCAST_STAMP_COARSE, 0, NULL            \
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
 *	-ECHILD		in a child, see FORK; -EBUSY: a claim is open
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
 * Many records at once: written one after the other in place, seen by others
 * all at once. The highest rate, and the latency of the last for each.
 *
 *	bcast_batch_begin(publisher, 65536, &batch);
 *	while (more && (payload = bcast_batch_add(&batch, length)))
 *		fill(payload, length);
 *	bcast_batch_commit(publisher, &batch);
 */
struct bcast_batch {
	unsigned char *next;		   /* where the next header goes */
	unsigned char *end;		   /* of what was claimed */
	uint64_t sequence;		   /* of the next record */
	struct bcast_packet_header common; /* what all their headers share */
};

/*
 * bcast_batch_begin - claim `size` bytes of records (headers and padding
 * included: see bcast_packet_size()). Results as bcast_claim(); -EOPNOTSUPP on
 * a stream of bytes. It is the publisher's one open claim.
 */
BCAST_API int bcast_batch_begin(struct bcast_publisher *publisher, size_t size,
				struct bcast_batch *batch);

/*
 * bcast_batch_add - append a record; returns where its payload goes, or NULL if
 * it does not fit in any more. All must be written before the commit.
 *
 * The header is made of words: a store for each field would be half of what a
 * small record costs. Readers look at the first record's sequence, which is 0
 * here and stored by the commit: it shows them all.
 */
static inline void *bcast_batch_add(struct bcast_batch *batch, uint32_t length)
{
	uint64_t *header = (uint64_t *)(void *)batch->next;
	size_t size = bcast_packet_size(length);
	uint64_t sizes, rest;

	if (size > (size_t)(batch->end - batch->next))
		return NULL;
	/* zeros behind a payload that does not fill its last block */
	if (length % BCAST_PACKET_ALIGN != 0)
		__builtin_memset(batch->next + size - BCAST_PACKET_ALIGN, 0,
				 BCAST_PACKET_ALIGN);
	/* length is the low half of the first word, and 0 in common */
	__builtin_memcpy(&sizes, &batch->common, sizeof(sizes));
	__builtin_memcpy(&rest, &batch->common.crc32c, sizeof(rest));
	header[0] = sizes + length;
	__atomic_store_n(&header[1], batch->common.sequence, __ATOMIC_RELAXED);
	header[2] = batch->common.timestamp_ns;
	header[3] = rest;
	batch->common.sequence = ++batch->sequence;
	batch->next += size;
	return header + 4;
}

/*
 * bcast_batch_commit - publish what was added. Results as bcast_commit();
 * -EINVAL if `batch` is not what bcast_batch_begin() made.
 */
BCAST_API int bcast_batch_commit(struct bcast_publisher *publisher,
				 const struct bcast_batch *batch);

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

/* ---- Messages between nodes -------------------------------------------- */

/*
 * Each node has an inbox in the registry, `bcastd --inbox-size` bytes large,
 * into which any other node puts messages and from which it alone takes them.
 * Messages never go through the stream's ring: the stream stays what its
 * sender made it, and no daemon has to run for a message to arrive.
 *
 * A node that echoes whatever it is sent:
 *
 *	static int echo(void *node, const struct bcast_message *message)
 *	{
 *		bcast_send(node, message->from, message->type, message->data,
 *			   message->size, 100);
 *		return 0;
 *	}
 *
 *	struct bcast_node *node;
 *	int n = bcast_join("default", "echo", NULL, &node);
 *
 *	while (n >= 0 || n == BCAST_EPROTO)
 *		n = bcast_dispatch(node, echo, node, 64, -1);
 *	fprintf(stderr, "%s\n", bcast_strerror(n));
 *
 * ORDER. The messages of one sender arrive in the order in which its calls
 * returned, none twice. Between senders there is no order.
 *
 * LOSS. A call that returned 0 has put the whole message into the inbox of a
 * node that was alive some 10 ms before. It is lost only if that node leaves or
 * dies before it takes it out, or if a faulty process writes over the inbox; a
 * later node of the same id does not get it. A call that failed has put nothing
 * there.
 *
 * DEATH. A sender that dies in bcast_send(), at whatever instruction, has sent
 * all of the message or nothing, and hinders nobody. One that is stopped there
 * (SIGSTOP, a debugger) hinders other senders to that inbox, since nothing can
 * keep it from writing once it goes on: they wait for a bounded time, and are
 * then told who it is.
 *
 * TRUST. Every message carries a crc32c, which the receiver checks, with all
 * lengths, on a copy of its own. A message that has been written over is
 * dropped, counted and reported (BCAST_EPROTO); if nobody can tell any more
 * where the next one begins, all that wait there are. Those sent later arrive.
 * Whom a message is from is what its sender says: who may join can pretend to
 * be others, or make senders believe that somebody holds an inbox (-EBUSY).
 *
 * THREADS. One thread at a time may send as a node, and one, perhaps another,
 * receive. fork(): see Nodes.
 */

/*
 * bcast_message_limit - the longest message in bytes: the inbox, which holds
 * one such message at a time, less 96 bytes for what belongs to it. 1048480
 * with the default size.
 */
BCAST_API size_t bcast_message_limit(const struct bcast_node *node);

/*
 * bcast_send - put a message into the inbox of the node `to_id`.
 *
 * type		the caller's to use, any number
 * data		size bytes, copied; may be NULL with size 0
 * timeout_ms	how long to wait for room: 0 not at all, -1 for as long as the
 *		addressee lives
 *
 * Returns 0, or
 *	BCAST_EFULL	no room in the inbox in that time
 *	-ENOENT		no living node has that id, or it went while we waited
 *	-EMSGSIZE	larger than bcast_message_limit()
 *	-EBUSY		another sender has stopped in the middle of writing to
 *			that inbox; bcast_holder() says who. Waited for at
 *			least 20 ms, at most a second; or others were faster
 *			for 4 s
 *	BCAST_EPROTO	a faulty process has written over that inbox, and its
 *			owner has not repaired it yet; or over this node's slot
 *			(then bcast_node_beat() says so too)
 *	BCAST_ECLOSED, BCAST_ETOOSMALL	as for bcast_node_beat()
 *	BCAST_ENAME	not a node id
 *	-EINVAL, -ENOMEM, -ECHILD
 *
 * A sign of life. No system call if the addressee was sent to within the last
 * 10 ms and is not asleep. The inbox of each addressee stays mapped until
 * bcast_leave(). A node may send to itself.
 */
BCAST_API int bcast_send(struct bcast_node *node, const char *to_id,
			 uint16_t type, const void *data, size_t size,
			 int timeout_ms);

/* Who was in the way, when the last -EBUSY was returned. */
struct bcast_holder {
	char id[BCAST_NODE_ID_MAX + 1]; /* "": it has gone since */
	uint32_t pid;			/* in its own pid namespace */
	uint32_t state;			/* enum bcast_node_state, or 0 */
};
BCAST_API struct bcast_holder bcast_holder(const struct bcast_node *node);

/* To how many nodes a broadcast came, and why not to others. */
struct bcast_delivery {
	uint32_t reached;
	uint32_t full;	  /* no room in the time given */
	uint32_t held;	  /* another sender has stopped there: -EBUSY */
	uint32_t damaged; /* BCAST_EPROTO */
};

/*
 * bcast_broadcast - put a message into the inbox of every other living node,
 * with or without a use for it. Those who have room get it at once; then the
 * others are waited for, one after the other, timeout_ms for all together.
 *
 * delivery	NULL, or filled, also when the result is an error after some
 *		were reached; zero if it is one of the arguments
 *
 * Returns how many got it, or an error that is not about one of them:
 * -EMSGSIZE, BCAST_EPROTO (this node's slot), BCAST_ECLOSED, BCAST_ETOOSMALL,
 * -EINVAL, -ENOMEM, -ECHILD.
 */
BCAST_API int bcast_broadcast(struct bcast_node *node, uint16_t type,
			      const void *data, size_t size, int timeout_ms,
			      struct bcast_delivery *delivery);

struct bcast_message {
	char from[BCAST_NODE_ID_MAX + 1]; /* the sender's id; never empty */
	uint32_t from_slot;		  /* the slot that it had */
	uint16_t type;
	uint16_t reserved_zero;
	size_t size;
	const void *data;  /* aligned to 64 bytes; see below */
	uint64_t sequence; /* grows with each message of that sender, to
			      whomever, also with those that failed */
	uint64_t sent_ns;  /* CLOCK_MONOTONIC */
};

/*
 * bcast_recv - take the next message out of the node's inbox.
 *
 * message	filled with result 1. Its data belongs to the node and stays
 *		as it is until the next bcast_recv(), bcast_dispatch() or
 *		bcast_leave().
 * timeout_ms	-1: no limit; 0: only look; else milliseconds
 *
 * Returns
 *	1		a message
 *	0		none in that time
 *	BCAST_EPROTO	something damaged was found and dropped, and the next
 *			call goes on behind it; or, if bcast_node_beat() says so
 *			too, this node's slot is damaged: leave, and join again
 *	BCAST_ECLOSED, BCAST_ETOOSMALL	as for bcast_node_beat(), after all
 *			messages that are there
 *	-EBUSY		called by a handler of bcast_dispatch()
 *	-ENOMEM		no room for the copy; -ECHILD
 *
 * A sign of life, however long it waits. Polls for some 50 us if more than one
 * core is usable, then sleeps.
 */
BCAST_API int bcast_recv(struct bcast_node *node, struct bcast_message *message,
			 int timeout_ms);

/* Returns 0 to go on, > 0 to stop after this message, < 0 to stop with that. */
typedef int bcast_handler(void *context, const struct bcast_message *message);

/*
 * bcast_dispatch - wait for a message as bcast_recv() does, then call the
 * handler for it and for those that are there behind it, at most `max` (> 0).
 *
 * Returns how many were handled, 0 when the time is up, what the handler
 * returned if that was negative, -EINVAL, or as bcast_recv(). The handler may
 * use all functions but bcast_recv(), bcast_dispatch() (both: -EBUSY) and
 * bcast_leave() of this node; message and data are valid until it returns.
 */
BCAST_API int bcast_dispatch(struct bcast_node *node, bcast_handler *handler,
			     void *context, int max, int timeout_ms);

#ifdef __cplusplus
}
#endif
#endif
