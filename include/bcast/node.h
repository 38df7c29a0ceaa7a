/* SPDX-License-Identifier: MIT */
/*
 * node.h - be known to the stream's other local processes, and see them.
 *
 * A node is a local process (or a part of one) that is known to the others by
 * an id. The stream's registry, /dev/shm/bcast.NAME.nodes, has a slot for each:
 * who it is, how far it has read, when it last gave a sign of life. Joining
 * needs read permission on the stream; bcastd gives those who have it read and
 * write permission on the registry (`bcastd --mode`, `--group`). Plain readers
 * need not join at all; publishers, gating readers and those who exchange
 * messages do. A node's reader is also woken sooner by a local publisher: see
 * bcast_wait(). A client at a --packet address of bcastd can be a node, too:
 * the daemon joins for it (BCAST_NODE_REMOTE).
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
#ifndef BCAST_NODE_H
#define BCAST_NODE_H

#include <stddef.h>
#include <stdint.h>

#include <bcast/base.h>
#include <bcast/reader.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A node's id: 1 to 63 characters of A-Z a-z 0-9 . _ - */
#define BCAST_NODE_ID_MAX 63

/* What a node does; bits. */
enum bcast_node_role {
	BCAST_NODE_READER = 1,	  /* set by bcast_node_reader() */
	BCAST_NODE_PUBLISHER = 2, /* says that it means to publish */
	BCAST_NODE_GATING = 4,	  /* writers wait for it: bcast_gate() */
	BCAST_NODE_REMOTE = 8,	  /* joined for a client beyond TCP: pid is
				     that of bcastd, the sign of life is the
				     client's */
};
#define BCAST_NODE_ROLES                                                \
	(BCAST_NODE_READER | BCAST_NODE_PUBLISHER | BCAST_NODE_GATING | \
	 BCAST_NODE_REMOTE)

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
	uint32_t roles; /* BCAST_NODE_PUBLISHER, BCAST_NODE_REMOTE, or 0 */
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

#ifdef __cplusplus
}
#endif
#endif
