/* SPDX-License-Identifier: MIT */
/*
 * monitor.h - look at a stream from outside: its state, counters, connections.
 *
 * Everything bcastd knows about itself stands in the segment,
 * /dev/shm/bcast.NAME, beside the ring. This header reads it, for tools such as
 * bcast-shmstat, for exporters and for tests. It needs read permission only,
 * costs the daemon nothing, and works just the same after the daemon's death:
 * the segment is then the evidence.
 *
 * All values are snapshots taken field by field while the daemon runs: two
 * fields of one struct may be an instant apart. Texts are never torn, and are
 * always terminated. Strings in the segment are treated as untrusted bytes:
 * what comes out of here is printable ASCII.
 *
 * THREADS, RESULTS: as in bcast.h. No function here blocks.
 */
#ifndef BCAST_MONITOR_H
#define BCAST_MONITOR_H

#include <bcast/bcast.h>

#ifdef __cplusplus
extern "C" {
#endif

/* stream_info.state */
enum bcast_stream_state {
	BCAST_STREAM_STARTING = 1, /* being created or adopted */
	BCAST_STREAM_LIVE = 2,
	BCAST_STREAM_DRAINING = 3, /* asked to stop, receivers being served */
	BCAST_STREAM_CLOSED = 4,   /* ended in order, or replaced */
};

/* stream_info.format */
enum bcast_stream_format {
	BCAST_FORMAT_RAW = 0,
	BCAST_FORMAT_PACKET = 1,
};

struct bcast_stream_info {
	char name[BCAST_NAME_MAX + 1];
	uint64_t epoch;
	uint32_t incarnation;  /* daemons that have owned this segment */
	uint32_t state;	       /* enum bcast_stream_state */
	uint32_t format;       /* enum bcast_stream_format */
	uint32_t writer_alive; /* 1: a daemon holds the owner's lock, now */
	uint32_t owner_pid;    /* in the daemon's own pid namespace */
	uint32_t owner_uid;    /* whose object the segment is */
	uint64_t capacity;     /* of the ring, bytes */
	uint64_t segment_size; /* of the whole object, bytes */
	uint64_t tail;	       /* position: everything before it is published */
	uint64_t reserved;  /* position: the writer may be writing up to it */
	uint64_t oldest;    /* position of the oldest byte in the ring */
	uint64_t publishes; /* publications, modulo 2^32 */
	uint64_t created_realtime_ns; /* CLOCK_REALTIME at the stream's birth */
	uint64_t started_realtime_ns; /* and of this incarnation */
	uint64_t ended_realtime_ns;   /* 0, or when it was closed in order */
	uint64_t heartbeat_age_ns;    /* since the daemon's last sign of life */
	uint32_t max_receivers;
	uint32_t peer_slots; /* size of the connection table */
	uint32_t group_gid;  /* the object's group */
	uint32_t mode;	     /* its permission bits, such as 0640 */
	uint64_t sequence;   /* packets: of the record that begins at tail */
	uint32_t end_signal; /* the signal that asked it to end; 0: none yet */
	/*
	 * The last of its daemons that died of a bug of its own, if any could
	 * say so: which incarnation, by which signal, when, and what it was.
	 */
	uint32_t fatal_incarnation; /* 0: none */
	uint32_t fatal_signal;
	uint32_t reserved_zero;
	uint64_t fatal_realtime_ns;
	char fatal_text[256];
};

/* counter_info.kind */
enum bcast_counter_kind {
	/*
	 * Only ever grows. It goes on when a new daemon takes the segment over
	 * from a dead one (incarnation += 1), unless that daemon is another
	 * build with other counters: then all begin again at 0.
	 */
	BCAST_COUNTER = 0,
	BCAST_GAUGE = 1, /* goes up and down */
};

struct bcast_counter_info {
	char name[48];	/* such as "bytes_in" */
	char unit[16];	/* such as "bytes"; "" for a plain count */
	char help[176]; /* one sentence */
	uint32_t kind;	/* enum bcast_counter_kind */
	uint32_t reserved_zero;
	uint64_t value;
};

/* peer_info.role */
enum bcast_peer_role {
	BCAST_ROLE_SENDER = 1,	 /* holds the write lease */
	BCAST_ROLE_RECEIVER = 2, /* is sent the stream */
	BCAST_ROLE_WAITING = 3,	 /* next sender, once the last one is read */
	BCAST_ROLE_GREETING =
		4,	       /* at --packet: has not said yet what it wants */
	BCAST_ROLE_CLIENT = 5, /* at --packet: all but those that receive */
};

/* A connection of the daemon, while it is open. */
struct bcast_peer_info {
	uint32_t slot;		 /* its place in the table */
	uint32_t role;		 /* enum bcast_peer_role */
	char peer[64];		 /* address, such as "10.0.0.2:4100" */
	char local[48];		 /* the address it came in at */
	uint64_t cursor;	 /* next position to be sent (received) */
	uint64_t lag;		 /* tail - cursor; 0 for a sender */
	uint64_t lag_max;	 /* largest lag seen */
	uint64_t start_position; /* where it joined */
	uint64_t bytes;		 /* sent to it (received from it) */
	uint64_t operations;	 /* sends (receives) completed */
	uint64_t short_sends;	 /* sends that took less than was offered */
	uint64_t discarded;	 /* bytes a receiver sent us, thrown away */
	uint64_t skipped; /* bytes it was not sent (--slow-policy skip) */
	uint64_t connected_realtime_ns;
	uint64_t idle_ns;  /* since its last progress */
	uint64_t held;	   /* bytes behind cursor that zero-copy sends need */
	uint32_t zerocopy; /* 0 no, 1 yes, 2 no more: the kernel copied */
	uint32_t reserved_zero;
};

/* closed_info.reason */
enum bcast_close_reason {
	BCAST_CLOSE_PEER = 1,	       /* the peer closed */
	BCAST_CLOSE_RESET = 2,	       /* the connection broke: see error */
	BCAST_CLOSE_SLOW = 3,	       /* beyond --max-lag */
	BCAST_CLOSE_LIMIT = 4,	       /* --max-receivers reached */
	BCAST_CLOSE_BUSY = 5,	       /* a sender, while another one writes */
	BCAST_CLOSE_SHUTDOWN = 6,      /* drained, daemon stopped */
	BCAST_CLOSE_DRAIN_LATE = 7,    /* not drained by --drain-timeout */
	BCAST_CLOSE_SETUP = 8,	       /* socket options could not be set */
	BCAST_CLOSE_DAEMON_DIED = 9,   /* its daemon; noted by the next one */
	BCAST_CLOSE_SEND_TIMEOUT = 10, /* took nothing for --send-timeout */
	BCAST_CLOSE_REJECTED = 11,     /* a client: it was told why */
	BCAST_CLOSE_IDLE = 12,	       /* a client: silent for --idle-timeout */
};

/* bcast_close_reason_name - a stable word such as "slow", for logs and JSON. */
BCAST_API const char *bcast_close_reason_name(uint32_t reason);

/* bcast_role_name, bcast_state_name, bcast_format_name - likewise. */
BCAST_API const char *bcast_role_name(uint32_t role);
BCAST_API const char *bcast_state_name(uint32_t state);
BCAST_API const char *bcast_format_name(uint32_t format);

/*
 * bcast_condition_name - the state as it is judged: "starting", "live",
 * "draining" or "closed" as the daemon has written it; "dead" if it died
 * before it could write that; "stuck" if it is alive, but has given no sign of
 * life for BCAST_SILENCE_NS.
 */
#define BCAST_SILENCE_NS UINT64_C(2000000000)
BCAST_API const char *bcast_condition_name(
	const struct bcast_stream_info *stream);

/* bcast_counter_kind_name - "counter" or "gauge". */
BCAST_API const char *bcast_counter_kind_name(uint32_t kind);

/* A connection that has ended. The segment remembers the last 1024. */
struct bcast_closed_info {
	uint32_t role;	 /* enum bcast_peer_role */
	uint32_t reason; /* enum bcast_close_reason */
	int32_t error;	 /* -errno, or 0 */
	uint32_t reserved_zero;
	char peer[64];
	uint64_t cursor;
	uint64_t lag; /* at the end */
	uint64_t bytes;
	uint64_t connected_realtime_ns;
	uint64_t closed_realtime_ns;
};

/* Something worth telling that is not a number: "backend" = "io_uring". */
struct bcast_fact {
	char key[32];
	char value[216];
};

/* error_info.level */
enum bcast_error_level {
	BCAST_LEVEL_ERROR =
		0, /* the daemon could not go on, or lost something */
	BCAST_LEVEL_WARN = 1, /* someone will want to know why */
};

/* bcast_error_level_name - "error" or "warn". */
BCAST_API const char *bcast_error_level_name(uint32_t level);

/*
 * Something that the daemon has complained of in its log, once or again and
 * again. The segment keeps the 64 that were seen last, also after its daemon's
 * death.
 */
struct bcast_error_info {
	uint32_t level; /* enum bcast_error_level */
	uint32_t reserved_zero;
	char event[32]; /* such as "receiver_dropped" */
	char text[192]; /* such as "reason=slow": what tells it from others */
	uint64_t count;
	uint64_t first_realtime_ns;
	uint64_t last_realtime_ns;
};

struct bcast_monitor; /* opaque */

/*
 * bcast_monitor_open - map a stream's segment for looking at it. Results as
 * for bcast_attach(). Maps everything but the ring.
 */
BCAST_API int bcast_monitor_open(const char *name,
				 struct bcast_monitor **monitor);

/* bcast_monitor_close - unmap and free. NULL is allowed. */
BCAST_API void bcast_monitor_close(struct bcast_monitor *monitor);

/* bcast_monitor_stream - fill *info. Returns 0. */
BCAST_API int bcast_monitor_stream(const struct bcast_monitor *monitor,
				   struct bcast_stream_info *info);

/*
 * bcast_monitor_writer - who has the write lease, now (struct bcast_writer_info
 * is in publisher.h). A node's id and pid come from the registry; where that
 * may not be read, `who` says its slot. Returns 0. A handful of system calls.
 */
BCAST_API int bcast_monitor_writer(const struct bcast_monitor *monitor,
				   struct bcast_writer_info *info);

/*
 * The five lists. Set *next to 0, then call until the result is 0; each call
 * that returns 1 has filled *info and advanced *next. Nothing is held between
 * calls. Closed connections come newest first; one that is added between two
 * calls makes the next call repeat an entry.
 */
BCAST_API int bcast_monitor_counter(const struct bcast_monitor *monitor,
				    uint32_t *next,
				    struct bcast_counter_info *info);
BCAST_API int bcast_monitor_peer(const struct bcast_monitor *monitor,
				 uint32_t *next, struct bcast_peer_info *info);
BCAST_API int bcast_monitor_closed(const struct bcast_monitor *monitor,
				   uint32_t *next,
				   struct bcast_closed_info *info);
BCAST_API int bcast_monitor_fact(const struct bcast_monitor *monitor,
				 uint32_t *next, struct bcast_fact *fact);
BCAST_API int bcast_monitor_error(const struct bcast_monitor *monitor,
				  uint32_t *next,
				  struct bcast_error_info *info);

/* The totals of a stream, for one line. */
struct bcast_summary_info {
	uint64_t bytes_in;
	uint64_t bytes_out;
	uint64_t receives;
	uint64_t sends;
	uint64_t short_sends;
	uint64_t dropped; /* receivers, for being too slow */
	uint64_t refused; /* receivers, there being too many */
	uint64_t senders; /* connected, the waiting one included */
	uint64_t receivers;
	uint64_t lag_max; /* of a receiver, now */
};

/* bcast_monitor_summary - from counters and connections. Returns 0. */
BCAST_API int bcast_monitor_summary(const struct bcast_monitor *monitor,
				    struct bcast_summary_info *info);

/* What bcast_monitor_prometheus() tells besides stream and counters: bits. */
#define BCAST_METRICS_PEERS 1u /* of each open connection */
#define BCAST_METRICS_NODES 2u /* of each local node, with its latencies */

/*
 * bcast_monitor_prometheus - all of it as metrics, in Prometheus's text format
 * (version 0.0.4): for the textfile collector, and to be served as /metrics.
 *
 * sections	0, or BCAST_METRICS_... : some 1.5 KiB for each connection, up
 *		to 5 KiB for each node
 * buffer	gets a terminated text, cut if it has no room
 *
 * The names are made of those in <bcast/fields.def> and of the counters', by
 * one rule: bcast_, then stream_, peer_, node_ (a counter: nothing), the name
 * without its unit, the unit (bytes or seconds), and _total if it only grows:
 * sender_paused_ns is bcast_sender_paused_seconds_total. Numbers are exact:
 * integers, or decimals with all digits.
 *
 * Returns the length of the whole text, as snprintf() does: if it is not less
 * than `size`, it was cut; give it more room. Or -ENOMEM, or as
 * bcast_nodes_open() if the nodes cannot be read. Does not block; 20 us, and
 * what the nodes cost (see bcast_nodes_list(): the dead are swept).
 */
BCAST_API int64_t bcast_monitor_prometheus(const struct bcast_monitor *monitor,
					   uint32_t sections, char *buffer,
					   size_t size);

/* What bcast_monitor_json() tells besides the stream itself: bits. */
#define BCAST_JSON_RECEIVERS 1u /* of each open connection but the senders */
#define BCAST_JSON_CLOSED    2u /* connections that ended, newest first */
#define BCAST_JSON_ERRORS    4u /* what the daemon complained of, newest first */
#define BCAST_JSON_COUNTERS  8u	 /* each with its unit and meaning */
#define BCAST_JSON_NODES     16u /* local nodes, or "nodes_error": why not */

/*
 * bcast_monitor_json - the stream as one object of JSON, on one line: stream,
 * writer, facts, summary, senders, and the sections asked for (BCAST_JSON_...).
 * The keys are those of <bcast/fields.def>; numbers have all 64 bits. What
 * `bcast-shmstat --json` prints, and bcastd serves at --admin.
 *
 * buffer and result as of bcast_monitor_prometheus(), but that nodes out of
 * reach are no error. Does not block, except on the system's data base of
 * users, for the name of the segment's owner.
 */
BCAST_API int64_t bcast_monitor_json(const struct bcast_monitor *monitor,
				     uint32_t sections, char *buffer,
				     size_t size);

/*
 * bcast_list - the names of the streams on this machine, live or dead, sorted.
 * Fills up to `max` entries and returns how many streams there are (which may
 * be more), or -errno if /dev/shm cannot be read.
 */
BCAST_API int bcast_list(char (*names)[BCAST_NAME_MAX + 1], int max);

#ifdef __cplusplus
}
#endif
#endif
