/* SPDX-License-Identifier: MIT */
/*
 * layout.h - every byte that two processes must agree on.
 *
 * This is the specification of the two shared-memory objects of a stream. Only
 * shm/ and its tests include it. Two processes that never met, built at other
 * times by other compilers, agree on memory because of what stands here: each
 * field says who writes it, who reads it, and in which order; layout_pins.c
 * asserts each offset and size; and a segment carries a version and a hash of
 * all sizes, so that differing builds refuse each other instead of misreading.
 *
 * /dev/shm/bcast.NAME, mode 0640: written by the owner (the daemon, or in its
 * place the holder of the write lease), mapped PROT_READ by everyone else, so
 * that no reader can damage a byte of it. File offsets:
 *
 *	0x000000  +-----------------------------+
 *	          | control block, one page     |  what, who, where, tail
 *	0x001000  +-----------------------------+
 *	          | regions, in any order, as   |  facts, counters, errors,
 *	          | the control block lists them|  closed, peers, index,
 *	          |                             |  publishers
 *	          +-----------------------------+
 *	          | (unused, to 2 MiB)          |
 *	0x200000  +-----------------------------+  a multiple of 2 MiB,
 *	          | ring: capacity bytes, byte  |  mapped twice in a row, so
 *	          | p of the stream stands at   |  that any span of up to
 *	          | p & (capacity - 1)          |  capacity is contiguous
 *	          +-----------------------------+
 *
 * /dev/shm/bcast.NAME.nodes, mode 0660: the registry, written by every node. A
 * faulty node can damage these pages, never the payload.
 *
 *	0x000000  +-----------------------------+
 *	          | registry header, one page   |
 *	0x001000  +-----------------------------+
 *	          | node_count slots of a page  |  one writer each: the node
 *	          +-----------------------------+
 *	          | node_count inboxes: a page  |  many writers, one reader;
 *	          | of header, then bytes       |  pages allocated on claim
 *	          +-----------------------------+
 *
 * POSITIONS. head.tail: every byte before it is published. head.reserved:
 * bytes before it may already be in the course of being overwritten; so the
 * byte at p is intact iff reserved - p <= capacity. Writer: reserved := tail+n,
 * release fence, bytes, tail := ... (release), publish_count += 1, wake.
 * Reader: tail (acquire), use, acquire fence, reserved. The fence pairs with
 * the fence: a reader that saw any new byte sees the new reserved as well.
 *
 * LIVENESS is a kernel fact. The owner holds an OFD write lock on one byte of
 * the object, at owner.lock_offset, from before the object can be opened by
 * others until it dies. A reader asks with F_OFD_GETLK. No pid is trusted.
 * Each node holds two in the registry object: on byte BC_NODE_LOCK_BASE + slot,
 * which is its life, and on byte BC_NODE_ID_BASE + hash of its id, which is why
 * no second one can have that id. A slot's life byte is taken, and a slot of
 * the dead is cleared, only under the lock on its guard byte
 * (BC_NODE_GUARD_BASE + slot), held for an instant: so a life byte that is
 * locked is a node that lives, never somebody who is cleaning up.
 *
 * WRITER. At any time at most one process writes to the ring and moves the
 * head: the one that holds the write lock on byte BC_LEASE_LOCK of the
 * segment's object, the lease. The kernel gives it and takes it back at death;
 * nothing that stands in memory does. A process's writes end before its locks
 * do, so the next holder finds all that the dead one stored, and nothing more
 * to come.
 *
 * RECORDS. In a stream of packets (bcast/packet.h) every record starts with a
 * header of 32 bytes at a multiple of 32, and each header has its sequence: the
 * number of the record in the stream, from 1. What is written is announced in
 * two ways. By tail, as bytes are. By header, while a local process holds the
 * lease and the rule says so: the header after the record is made invalid
 * (sequence 0), then the record's own sequence is stored (release); a reader
 * that stands there, and knows which number comes next, needs no other line.
 * tail follows now and then: see head below, and record.h.
 *
 * LIFE. Creation makes the object 0600, takes the lock, fills everything,
 * stores magic last (release), then opens the permissions. kill -9 before
 * magic: the name is free again, since nobody holds the lock and no magic is
 * there. kill -9 after: the object stays readable, and the next daemon
 * adopts it: it locks the next owner's byte, adds 1 to incarnation, and goes on
 * from tail (segment_adopt.c). Where it cannot, it sets state CLOSED, wakes
 * all, unlinks the object and makes another.
 *
 * Rules for change: natural alignment only, fixed-width types, no pointer, no
 * bool, no enum, no bit-field; padding is named and zero. Any change to a
 * struct bumps BC_LAYOUT_VERSION. All integers are in the machine's byte order
 * (a segment never leaves its machine).
 */
#ifndef BC_LAYOUT_H
#define BC_LAYOUT_H

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define BC_MAGIC	  UINT64_C(0x0a01747361636207) /* "\7bcast\1\n" */
#define BC_REGISTRY_MAGIC UINT64_C(0x0a02747361636207)
#define BC_LAYOUT_VERSION 4u

#define BC_LINE		   128u /* two cache lines: prefetched in pairs */
#define BC_PAGE		   4096u
#define BC_HUGE		   (UINT64_C(2) << 20)
#define BC_NAME		   64u /* a name and its terminator */
#define BC_ADDRESS	   64u
#define BC_LOCAL	   48u
#define BC_OWNER_LOCK_BASE (UINT64_C(1) << 62) /* + incarnation */
#define BC_LEASE_LOCK	   (UINT64_C(1) << 61) /* in the segment's object */
#define BC_NODE_LOCK_BASE  (UINT64_C(1) << 61) /* + slot */
#define BC_NODE_GUARD_BASE (UINT64_C(3) << 60) /* + slot */
#define BC_NODE_ID_BASE	   (UINT64_C(1) << 60) /* + 60 bits of a hash */

typedef _Atomic uint32_t bc_u32;
typedef _Atomic uint64_t bc_u64;

/* control.owner.state; values are those of enum bcast_stream_state. */
enum bc_state {
	BC_STATE_STARTING = 1,
	BC_STATE_LIVE = 2,
	BC_STATE_DRAINING = 3,
	BC_STATE_CLOSED = 4,
};

/*
 * head.publish_rule: how a local reader learns of new bytes, in the low bit. It
 * counts its changes, += 1 each: a reader that goes by a header reads the rule
 * before and after the header, and may believe it only if both are the same
 * and say HEADER. The header at the tail is made invalid before a change to
 * HEADER (tests/model/header.pml).
 */
enum bc_publish_rule {
	BC_RULE_TAIL = 0,   /* by head.tail */
	BC_RULE_HEADER = 1, /* packets, local publisher: by record header */
};

/* ---- Control block ----------------------------------------------------- */

/*
 * Identity. Written once by the creator; read by everyone after magic has been
 * seen (acquire). Constant for the life of the object.
 */
struct bc_identity_shm {
	bc_u64 magic;		 /* BC_MAGIC, stored last (release) */
	uint32_t layout_version; /* BC_LAYOUT_VERSION */
	uint32_t layout_id;	 /* bc_layout_id(): hash of all sizes */
	uint64_t epoch;		 /* random, not 0 */
	uint64_t capacity;	 /* of the ring: a power of two, bytes */
	uint64_t ring_offset;	 /* in the object: a multiple of 2 MiB */
	uint64_t segment_size;	 /* of the object, bytes */
	uint64_t created_realtime_ns;
	uint32_t format;       /* enum bcast_stream_format */
	uint32_t region_count; /* entries of control.regions in use */
	char name[BC_NAME];    /* the stream's, terminated */
};

/*
 * Owner. Written by the owner; everyone reads. state is stored with release
 * after what it announces, and read with acquire; the rest is information.
 */
struct bc_owner_shm {
	bc_u32 state;	      /* enum bc_state */
	bc_u32 incarnation;   /* daemons that have owned this object, from 1 */
	bc_u32 pid;	      /* in the owner's pid namespace: to be shown */
	bc_u32 zerocopy_owed; /* threads whose sends the kernel still reads */
	bc_u64 start_ticks;   /* /proc/PID/stat field 22 of the owner */
	bc_u64 pid_namespace; /* inode of /proc/PID/ns/pid */
	bc_u64 heartbeat_ns;  /* CLOCK_MONOTONIC, about every 100 ms */
	bc_u64 started_realtime_ns;
	bc_u64 ended_realtime_ns; /* 0 until closed in order */
	bc_u64 lock_offset;	  /* the byte that the owner keeps locked */
	bc_u32 end_reason;	  /* 0, or the signal that ended it */
	bc_u32 max_receivers;
	uint64_t unused[7];
};

/*
 * Head: the one line that changes with each publication. One writer (whoever
 * holds the lease), all readers. See POSITIONS above for the order.
 *
 * publish_count is what sleepers sleep on. The daemon adds 1 and wakes after
 * each publication of its own. A local publisher does so only if somebody may
 * be asleep: registry.sleepers or lease.daemon_sleeps (WAKING, below).
 *
 * sequence_before and sequence_after bracket tail: both are the number of the
 * record that begins at tail. The writer stores before, tail, after, each with
 * release; a reader loads after, tail, before, each with acquire: if the two
 * are the same, they go with that tail. While they differ nobody but the next
 * holder of the lease, who finds no other writer, can know.
 */
struct bc_head_shm {
	bc_u64 reserved;      /* position; never decreases */
	bc_u64 tail;	      /* position; never decreases; <= reserved */
	bc_u64 published_ns;  /* CLOCK_MONOTONIC of the last publication that
				 woke; stored before publish_count, relaxed */
	bc_u32 publish_count; /* futex word; += 1 after tail */
	bc_u32 publish_rule; /* changes so far; low bit: enum bc_publish_rule */
	bc_u64 sequence_before; /* packets: of the record at tail */
	bc_u64 sequence_after;
	uint64_t unused[10];
};

/*
 * The write lease. What gives it is the lock on byte BC_LEASE_LOCK (WRITER,
 * above); holder only says who has it, to be shown, and may be out of date for
 * an instant or, after a death, until the next holder. Rejected: to hold it by
 * compare-and-swap of this word, with the holder's life read from a lock of its
 * own. It needs a generation in the word and trust in the registry's pages,
 * which any node can damage.
 *
 * limit: a local publisher reserves no byte from this position on, since the
 * daemon's sends still need those that it would overwrite. Written by the
 * daemon; UINT64_MAX while it sends nothing. Both sides store their own word
 * (limit; head.reserved), fence (seq_cst), then look at the other's, so that
 * one of them sees: the publisher waits before it writes, or the daemon lets
 * its newcomer begin further on.
 *
 * GATES. A node whose role has the bit BCAST_NODE_GATING is not lapped: who
 * holds the lease reserves nothing beyond its cursor + capacity, as long as the
 * node lives and moves (gate.h). The node sets the bit, adds to
 * registry.gate_changes, fences, then looks at head.reserved; the holder stores
 * head.reserved, fences, then looks at gate_changes: so at most the one
 * reservation that is just being made can still miss a new gate. The holder
 * ends a gate that it has waited for too long, by clearing the bit.
 *
 * WAKING. A local publisher publishes, then looks whether anybody sleeps; a
 * sleeper counts itself, then looks for data, then sleeps on publish_count. In
 * between both need a full fence. The sleeper pays for both, by membarrier(2),
 * for which the publisher registers; if it cannot, it fences itself. A sleeper
 * that may not use membarrier, or not write to the registry, sleeps in slices
 * of a millisecond while a local publisher holds the lease (sleepers.h).
 */
struct bc_lease_shm {
	bc_u64 holder;	      /* 0, or kind << 56 | slot << 32 | generation */
	bc_u64 grants;	      /* how often it was taken; += 1 by each taker */
	bc_u64 since_ns;      /* CLOCK_REALTIME */
	bc_u32 wanted;	      /* futex word: += 1 at release, to wake waiters */
	bc_u32 daemon_sleeps; /* 1: wake the daemon too; by the daemon */
	bc_u64 limit;	      /* position; by the daemon */
	bc_u32 room;	      /* futex word: += 1 when limit grows */
	bc_u32 room_wanted;   /* 1: a publisher waits for the daemon's room; by
				 it, and 0 by who buries it, and the next one */
	bc_u64 gate_waits;    /* how often holders have waited for gates */
	bc_u64 gate_waited_ns;
	bc_u64 gates_given_up;
	uint64_t unused[7];
};
#define BC_LEASE_DAEMON	    (UINT64_C(1) << 56) /* slot: in the peers table */
#define BC_LEASE_NODE	    (UINT64_C(2) << 56) /* slot: in the registry */
#define BC_LEASE_SLOT_SHIFT 32

/* Packet index: entries [written - count, written) are there. Owner writes. */
struct bc_index_head_shm {
	bc_u64 written; /* entries ever written; stored after the entry */
	bc_u64 step;	/* bytes of stream between entries, about */
	uint64_t unused[14];
};

/*
 * What a daemon could still say when it died of a bug of its own. Written by
 * it, out of a signal handler; realtime_ns is stored last (release), and read
 * first (acquire). The next daemon leaves it: incarnation says whose death it
 * was.
 */
struct bc_last_words_shm {
	bc_u64 realtime_ns; /* 0: none */
	bc_u32 incarnation; /* as of the owner that died */
	bc_u32 signal;	    /* 0: not yet by one */
	bc_u32 code;	    /* siginfo.si_code, as int32_t */
	bc_u32 unused;
	bc_u64 detail;	 /* the address; or, if it was sent, the sender's pid */
	char thread[16]; /* name of the thread, terminated */
	char text[208];	 /* of an assertion: what did not hold; or "" */
};

/* Which regions there are. Written once, before magic. */
enum bc_region_id {
	BC_REGION_FACTS = 1,	  /* struct bc_fact_shm */
	BC_REGION_COUNTERS = 2,	  /* struct bc_counter_shm */
	BC_REGION_ERRORS = 3,	  /* struct bc_error_shm */
	BC_REGION_CLOSED = 4,	  /* struct bc_closed_shm */
	BC_REGION_PEERS = 5,	  /* struct bc_peer_shm */
	BC_REGION_INDEX = 6,	  /* struct bc_index_shm */
	BC_REGION_PUBLISHERS = 7, /* struct bc_publisher_shm */
};

struct bc_region_shm {
	uint32_t id;	     /* enum bc_region_id */
	uint32_t entry_size; /* bytes */
	uint64_t entry_count;
	uint64_t offset; /* in the object, a multiple of BC_LINE */
	uint64_t unused;
};
#define BC_REGION_MAX 16u

struct bc_control_shm {
	struct bc_identity_shm identity;
	struct bc_owner_shm owner;
	struct bc_head_shm head;
	struct bc_lease_shm lease;
	struct bc_index_head_shm index_head;
	struct bc_last_words_shm last_words;
	uint64_t unused[16];
	struct bc_region_shm regions[BC_REGION_MAX];
	uint64_t unused_to_page[320];
};

/* ---- Regions ----------------------------------------------------------- */

/*
 * The entries below hold texts that change while others read. Each has a
 * sequence: odd while the owner changes a text, += 1 before (then a release
 * fence) and after (release). A reader copies, then checks that it was even
 * and is unchanged (acquire fence between), and tries again a few times.
 */

/* A fact about the daemon: key and value, as text. Slots fill from 0. */
struct bc_fact_shm {
	bc_u32 sequence; /* 0: unused */
	uint32_t pad;
	char key[32];
	char value[216];
};

/*
 * A counter, self-describing. Texts are written before magic, and again only
 * by an adopter of another build, which has other counters. Exactly one thread
 * writes a value: load + store, relaxed; readers load relaxed.
 */
struct bc_counter_shm {
	bc_u64 value;
	uint32_t kind; /* enum bcast_counter_kind */
	uint32_t pad;
	char name[48];
	char unit[16];
	char help[176];
};

/*
 * An error that happened, counted: see errors.h. For the log's last words after
 * a crash. The numbers change by themselves, the rest with the sequence.
 */
struct bc_error_shm {
	bc_u32 sequence; /* 0: unused */
	uint32_t level;
	bc_u64 count;
	bc_u64 first_realtime_ns;
	bc_u64 last_realtime_ns;
	char event[32];
	char text[192];
};

/* A connection that has ended: entry n (from 0) is in slot n % entry_count. */
struct bc_closed_shm {
	bc_u32 sequence; /* 0: unused */
	uint32_t role;	 /* enum bcast_peer_role */
	uint32_t reason; /* enum bcast_close_reason */
	int32_t error;	 /* -errno or 0 */
	uint64_t number; /* n */
	uint64_t cursor;
	uint64_t lag;
	uint64_t bytes;
	uint64_t connected_realtime_ns;
	uint64_t closed_realtime_ns;
	char peer[BC_ADDRESS];
	uint64_t unused[16];
};

/*
 * An open connection. The first line changes with every send; it and the
 * second are written by the thread that serves the connection, relaxed. role
 * is stored last on opening (release) and set to 0 first on closing.
 */
struct bc_peer_shm {
	bc_u32 sequence; /* covers peer, local */
	bc_u32 role;	 /* enum bcast_peer_role; 0: slot is free */
	bc_u64 cursor;	 /* next position to be sent; a sender's: received */
	bc_u64 release;	 /* bytes before it are no longer needed by sends */
	bc_u64 bytes;
	bc_u64 operations; /* sends or receives completed */
	bc_u64 short_sends;
	bc_u64 lag_max;
	bc_u64 last_progress_ns; /* CLOCK_MONOTONIC */

	bc_u64 start_position;
	bc_u64 discarded;
	bc_u64 skipped;
	bc_u64 connected_realtime_ns;
	bc_u32 zerocopy; /* 0 no, 1 yes, 2 switched off: the kernel copied */
	bc_u32 last_error;
	uint64_t unused[3];

	char peer[BC_ADDRESS];
	char local[BC_LOCAL];
	uint64_t unused_to_line[2];
};

/* Where packets begin: sparse, newest overwrite oldest. Raw: no entries. */
struct bc_index_shm {
	bc_u64 position; /* stored last (release); 0 while being changed */
	bc_u64 sequence;
	bc_u64 timestamp_ns;
	uint64_t unused;
};

/*
 * A TCP publisher that is remembered. Packets only. The number of its last
 * record below the tail is new_number if head.tail >= at, else old_number: the
 * store of the tail that publishes a record is what accepts it. Written by the
 * daemon, in the order of publisher_table.h; where at is beyond the tail, by
 * who takes the lease.
 */
struct bc_publisher_shm {
	bc_u64 id; /* publisher_id, random; 0: free. Stored last */
	bc_u64 at; /* position; also when it was last used */
	bc_u64 old_number;
	bc_u64 new_number;
	bc_u32 source; /* of its records: the slot + 1 */
	uint32_t pad;
	uint64_t unused[3];
};
#define BC_PUBLISHER_SLOTS 512u

/* ---- Registry object --------------------------------------------------- */

/* Log-linear: 8 buckets an octave, so 12.5 % wide; up to 2^34 ns. */
#define BC_HISTOGRAM_BUCKETS 256u
struct bc_histogram_shm {
	bc_u64 buckets[BC_HISTOGRAM_BUCKETS]; /* one writer, relaxed */
};

/* Written once by the creator, except the two words at the end. */
struct bc_registry_shm {
	bc_u64 magic; /* BC_REGISTRY_MAGIC, stored last (release) */
	uint32_t layout_version;
	uint32_t layout_id;
	uint64_t epoch; /* of the segment it belongs to */
	uint64_t object_size;
	uint32_t node_count; /* slots, default 64, up to 4096 */
	uint32_t slot_size;
	uint64_t slots_offset;
	uint64_t inboxes_offset;
	uint64_t inbox_size; /* header page + bytes (a power of two) */
	uint64_t unused[8];
	/* own line: changes when a node joins or leaves; futex word */
	bc_u32 membership;
	uint32_t pad;
	bc_u64 joins;
	bc_u64 leaves;
	uint64_t unused_membership[13];
	/*
	 * own line: nodes' readers that sleep on head.publish_count; += 1
	 * before, -= 1 after, and -= 1 by who sweeps a slot with waiting set.
	 * One too many costs a system call a publication, never a wake.
	 */
	bc_u32 sleepers;
	bc_u32 gate_wanted;  /* 1: a writer sleeps on gate_moved; by it */
	bc_u32 gate_moved;   /* futex word: += 1 as a gating reader goes on */
	bc_u32 gate_changes; /* += 1 when a gate has been set up or ended */
	uint64_t unused_sleepers[14];
	uint64_t unused_to_page[464];
};

/* node.claim: state in the top byte, generation in the low 32 bits. */
enum bc_node_state {
	BC_NODE_FREE = 0,
	BC_NODE_CLAIMED = 1, /* being filled in by its claimer */
	BC_NODE_JOINED = 2,
	BC_NODE_SWEPT = 3, /* being cleared by a sweeper */
};

/*
 * A node. claim changes by compare-and-swap: FREE -> CLAIMED -> JOINED by the
 * node, which has the slot's life byte; JOINED -> SWEPT -> FREE by the node as
 * it leaves; anything -> SWEPT -> FREE by whoever found the life byte free,
 * under the guard byte (see LIVENESS). Each time a slot becomes CLAIMED its
 * generation grows by one, so an unchanged claim around a look at the other
 * fields says that they all were of one node. All else: the node writes.
 */
struct bc_node_shm {
	bc_u64 claim;
	bc_u32 sequence;       /* 0: claim's generation covers id */
	bc_u32 role;	       /* bits: enum bcast_node_role */
	bc_u32 pid;	       /* in its own pid namespace: to be shown */
	bc_u32 stuck_after_ms; /* silence that it calls abnormal; 0: any is fine */
	bc_u64 start_ticks;
	bc_u64 pid_namespace;
	bc_u64 joined_realtime_ns;
	char id[BC_NAME];      /* read and written as eight relaxed words */
	bc_u64 gates_given_up; /* += 1 by a writer that waits no longer */
	uint64_t unused_identity;
	/* own line: changes as it reads */
	bc_u64 cursor;	     /* stored (release) after the use */
	bc_u64 heartbeat_ns; /* CLOCK_MONOTONIC */
	bc_u64 gate_timeout_ns;
	bc_u64 waits;
	bc_u64 parks;
	bc_u64 laps;
	bc_u64 lost_bytes;
	bc_u64 bytes;
	bc_u64 messages_sent;
	bc_u64 messages_received;
	bc_u64 latency_max_ns;
	bc_u32 waiting; /* 1 while asleep */
	bc_u32 pad_waiting;
	uint64_t unused_progress[4];
	struct bc_histogram_shm latency;
	uint64_t unused_to_page[216 + 8];
};

/*
 * An inbox: a bounded ring of records, many senders, one reader. A sender
 * takes holder by compare-and-swap from 0 or from one proved dead: the
 * generation in the slot's claim is another by now, or nobody has the slot's
 * life byte. Then it makes sure that the slot is still its addressee's, by the
 * generation in node.claim; writes the record, stores tail (release), adds to
 * count, wakes if reader_sleeps, clears holder. Dying in between leaves tail as
 * it was: nothing was sent, and whoever finds the holder dead may take its
 * place, and adds to count and wakes for it. A living holder is never robbed,
 * however long it is stopped: senders wait for a bounded time and then name it.
 *
 * A new tenant of the slot takes holder too, between CLAIMED and JOINED, to
 * set head := tail: it does not inherit mail (tests/model/inbox.pml). Before
 * that it has all pages allocated. Who clears the slot gives those of the
 * records back, if it sees holder 0 after it has changed claim: from then on
 * nobody gets past the look at claim. The page of the header stays.
 *
 * Each flag is set by who is about to sleep, before its last look; the other
 * side looks at it after what it has to announce, with a full fence on both.
 */
struct bc_inbox_shm {
	bc_u64 holder;	/* 0, or generation << 32 | slot + 1 */
	bc_u64 refused; /* sends given up because it was full */
	uint64_t unused_senders[14];
	/* own line: changes with each message; the reader polls it */
	bc_u64 tail;	      /* bytes ever put in; by the holder */
	bc_u32 count;	      /* futex word: += 1 after tail */
	bc_u32 reader_sleeps; /* 1: it sleeps on count; by the reader */
	uint64_t unused_tail[14];
	/* own line: the reader's */
	bc_u64 head;	     /* bytes ever taken out */
	bc_u32 room;	     /* futex word: += 1 after head, if awaited */
	bc_u32 room_awaited; /* 1: senders sleep on room; reader clears it */
	bc_u64 damaged;	     /* records and cursors found to be nonsense */
	uint64_t unused_reader[13];
	uint64_t unused_to_page[464];
};

/*
 * A message in an inbox, at a multiple of 32: this header, the sender's id,
 * zeros up to a multiple of 32, the payload, and so on up to a multiple of 32.
 * The id stands here since the sender may have left when it is read.
 */
struct bc_message_shm {
	uint32_t length; /* of the payload */
	uint32_t crc32c; /* of this header, with 0 here, the id, the payload */
	uint64_t sequence; /* of the sender's: grows */
	uint64_t sent_ns;  /* CLOCK_MONOTONIC */
	uint32_t from_slot;
	uint16_t type; /* the sender's to choose */
	uint16_t id_length;
};

/* FNV-1a over the sizes of all shared structs, in the order given here. */
static inline uint32_t bc_layout_id(void)
{
	static const uint32_t sizes[] = {
		sizeof(struct bc_control_shm),
		sizeof(struct bc_fact_shm),
		sizeof(struct bc_counter_shm),
		sizeof(struct bc_error_shm),
		sizeof(struct bc_closed_shm),
		sizeof(struct bc_peer_shm),
		sizeof(struct bc_index_shm),
		sizeof(struct bc_publisher_shm),
		sizeof(struct bc_registry_shm),
		sizeof(struct bc_node_shm),
		sizeof(struct bc_inbox_shm),
		sizeof(struct bc_message_shm),
		BC_REGION_MAX,
		offsetof(struct bc_node_shm, latency),
		BC_LINE,
	};
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		hash = (hash ^ sizes[i]) * 16777619u;
	return hash;
}

#endif
