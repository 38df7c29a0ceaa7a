/* SPDX-License-Identifier: MIT */
/*
 * upgrade_wire.h - what a daemon and the one that takes over from it tell each
 * other: messages over the control socket, and the image of all connections.
 * Pure: bytes in, bytes out. Who talks when stands in upgrade.h.
 *
 * Both are of one machine, so integers are in its byte order; but they may be
 * of two builds. Each message and the image say their version, and another one
 * is refused: a connection that is understood by halves loses bytes.
 *
 *	message:  head | count entries of the type, or text
 *	image:    head | connection | its parts | connection | ...
 *
 * The image is one buffer, passed on as a memory file: a client may have a
 * MESSAGE of 16 MiB half received. Parts are padded to 8 bytes.
 */
#ifndef SRC_UPGRADE_WIRE_H
#define SRC_UPGRADE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/segment.h"

#define UPGRADE_MAGIC	 UINT32_C(0x75706362) /* "bcpu" */
#define UPGRADE_VERSION	 1u
#define UPGRADE_TEXT_MAX 200u

/* In this order; REFUSED instead of any of the old one's. */
enum upgrade_type {
	UPGRADE_HELLO = 1,   /* new: I would take over */
	UPGRADE_WELCOME = 2, /* old: segment, name lock, listeners; goes on */
	UPGRADE_ASK = 3,     /* new: all is ready, stop */
	UPGRADE_STATE = 4,   /* old: the image; it stands still from here on */
	UPGRADE_SOCKETS = 5, /* old: connections' descriptors, by their order */
	UPGRADE_READY = 6,   /* new: I have them all */
	UPGRADE_GO = 7,	     /* old: they are yours. My last word */
	UPGRADE_REFUSED = 8, /* old: no, and why. I go on */
};

struct upgrade_head_wire {
	uint32_t magic;
	uint16_t version;
	uint16_t type;	/* enum upgrade_type */
	uint32_t count; /* listeners, connections, or sockets in here */
	uint32_t size;	/* of what follows */
};

/* A listener of a WELCOME. Its descriptor comes with the message. */
struct upgrade_listener_wire {
	uint32_t role; /* enum config_role */
	uint32_t pad;
	uint64_t device, inode; /* of a unix socket's file; 0: none */
	char given[256];	/* the address as it was asked for */
};

#define UPGRADE_MESSAGE_MAX (64u * 1024u)

/*
 * upgrade_wire_head - begin a message; `size` bytes are to follow. Returns the
 * size of the whole.
 */
size_t upgrade_wire_head(unsigned char *to, enum upgrade_type type,
			 uint32_t count, uint32_t size);

/*
 * upgrade_wire_check - is this a message? Returns 0 with *head, BCAST_EVERSION
 * if it is one of another version, or -EPROTO.
 */
int upgrade_wire_check(const unsigned char *bytes, size_t size,
		       struct upgrade_head_wire *head);

/* ---- The image --------------------------------------------------------- */

/* What is there beside the connections. */
struct upgrade_stream_wire {
	uint32_t magic;
	uint16_t version;
	uint16_t conn_size;   /* of struct upgrade_conn_wire */
	uint64_t size;	      /* of the image */
	uint64_t tail;	      /* as the old one sees it */
	uint64_t sequence;    /* packets: of the record there */
	uint64_t indexed;     /* publishing.indexed */
	uint64_t direct_have; /* publishing.have */
	uint64_t closed_count;
	uint64_t stopped_ns; /* CLOCK_MONOTONIC: it stands still since */
	uint32_t connections;
	uint32_t left_behind; /* those that are not among them */
	uint32_t has_lease;
	uint32_t unread; /* publishing.unread */
	uint64_t
		holder; /* the local publisher that it knows of; and who it is */
	char who[BC_NAME];
};

/* What a connection may bring of bytes. */
enum upgrade_part {
	UPGRADE_PART_HELLO,   /* of a HELLO, as far as it has come */
	UPGRADE_PART_FLYING,  /* outbox: has been begun to be sent */
	UPGRADE_PART_WAITING, /* outbox: the rest */
	UPGRADE_PART_IN,      /* of a record that it says */
	UPGRADE_PART_KEY,     /* what it filters by */
	UPGRADE_PART_PIECE,   /* of a publisher: received, not looked at */
	UPGRADE_PARTS,
};

#define UPGRADE_HALF_CLOSED 1u
#define UPGRADE_OVERDUE	    2u
#define UPGRADE_COPIED	    4u /* zero copy was tried, and switched off */
#define UPGRADE_SESSION	    8u
#define UPGRADE_WAITS	    16u
#define UPGRADE_REPLAYS	    32u
#define UPGRADE_SKIPS	    64u
#define UPGRADE_PUBLISHER   128u /* publishes now */
#define UPGRADE_DIRECT	    256u
#define UPGRADE_CHECKSUMS   512u
#define UPGRADE_FLAGS	    1023u /* all of them */

/* A connection: as struct bc_conn, struct session, struct publisher. */
struct upgrade_conn_wire {
	uint64_t cursor;
	uint64_t held;
	uint64_t bytes;
	uint64_t connected_realtime_ns;
	uint64_t owed_since_ns;
	uint64_t heartbeat_ns;
	uint64_t idle_ns;
	uint64_t leave_by_ns;
	uint64_t span_end;
	uint64_t replay_since_ns;
	uint64_t rest_bytes;
	uint64_t skip_from[2]; /* position, sequence */
	uint64_t filtered_from[2];
	uint64_t filtered_to[2];
	uint64_t publisher_id;
	uint64_t taken;
	uint64_t accepted;
	uint64_t acked;
	uint32_t flags; /* UPGRADE_... */
	uint32_t role;	/* enum bcast_peer_role */
	uint32_t listener;
	uint32_t shown; /* its entry in the table of peers */
	uint32_t line;	/* a sender: its place in line, from 1 */
	uint32_t session_state;
	uint32_t roles;
	uint32_t wish;
	uint32_t leave_reason;
	uint32_t publisher_slot;
	uint32_t publisher_order; /* among those that publish */
	uint32_t pad;
	uint32_t parts[UPGRADE_PARTS]; /* bytes of each */
	char peer[BC_ADDRESS];
};

/* An image that is being made. `failed`: out of memory, somewhere. */
struct upgrade_image {
	unsigned char *bytes;
	size_t size;
	size_t room;
	bool failed;
};

/* upgrade_image_begin - leaves room for the head, which is known last. */
void upgrade_image_begin(struct upgrade_image *image);

/* upgrade_image_conn - a connection; its parts follow, in their order. */
void upgrade_image_conn(struct upgrade_image *image,
			const struct upgrade_conn_wire *conn,
			const void *const parts[UPGRADE_PARTS]);

/* upgrade_image_end - with the head. Returns 0 or -ENOMEM. */
int upgrade_image_end(struct upgrade_image *image,
		      const struct upgrade_stream_wire *stream);

/* upgrade_image_fini - free it. Safe on a zeroed one. */
void upgrade_image_fini(struct upgrade_image *image);

/* An image that is being read. */
struct upgrade_reader {
	const unsigned char *bytes;
	size_t size;
	size_t at;
	uint32_t left;
};

/*
 * upgrade_reader_open - look at the head of an image. Returns 0 with *stream,
 * BCAST_EVERSION, or -EPROTO.
 */
int upgrade_reader_open(struct upgrade_reader *reader,
			const unsigned char *bytes, size_t size,
			struct upgrade_stream_wire *stream);

/*
 * upgrade_reader_next - the next connection, and where its parts are (in the
 * image). Returns 1, 0 after the last one, if nothing is left then, or -EPROTO.
 */
int upgrade_reader_next(struct upgrade_reader *reader,
			struct upgrade_conn_wire *conn,
			const unsigned char *parts[UPGRADE_PARTS]);

#endif
