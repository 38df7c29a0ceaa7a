/* SPDX-License-Identifier: MIT */
/*
 * packet.h - the record of a stream of packets, in the ring as on the wire.
 *
 * A stream with `bcastd --format packet` is a sequence of records and nothing
 * else. Each begins at a position that is a multiple of 32, with a header of 32
 * bytes, followed by the payload (the key, then the value) and zeros up to the
 * next multiple of 32:
 *
 *	 0       4     6     8              16              24     28    30   32
 *	+-------+-----+-----+--------------+---------------+------+-----+-----+
 *	| length| type|flags|   sequence   | timestamp_ns  |crc32c|src  |key  |
 *	+-------+-----+-----+--------------+---------------+------+-----+-----+
 *	| key (key_length bytes), value (length - key_length), zeros ...      |
 *	+---------------------------------------------------------------------+
 *
 * All integers are little-endian. What local readers find in the ring is what
 * TCP receivers get: the header is written once, where the record is born.
 *
 * length	bytes of payload, key included; at most BCAST_PAYLOAD_MAX, and
 *		with its header at most a quarter of the ring
 * type		enum bcast_packet_type; skip what you do not know
 * flags	0, or BCAST_PACKET_MUST; others are reserved
 * sequence	the record's number in the stream: 1 for the first, then one
 *		more each, whoever publishes. 0 stands for "no record here yet"
 * timestamp_ns	CLOCK_REALTIME when it was published, 0 if not stamped
 * crc32c	of the payload (Castagnoli), 0 if there is none
 * source	who published it: what a local publisher says of itself, 0 by
 *		default; of a TCP publisher, the number that its WELCOME told it
 * key_length	bytes of key at the beginning of the payload; <= length
 *
 * At an --egress or --listen address a receiver gets these records from the
 * tail on, and that is all there is to it. At a `--packet` address both sides
 * speak the protocol below; it is made of the same records.
 *
 * THE PROTOCOL. Everything that either side sends is a record as above. A type
 * without the bit BCAST_PACKET_CONTROL is of the stream, and takes up position
 * and sequence; one with it stands between records, is for this connection
 * only, and takes up neither. All its fields that are not named for its type
 * are 0.
 *
 *	client						bcastd
 *	HELLO		who I am, what I want, from where
 *			   where it begins, what I may		WELCOME
 *			   or why not; then it closes		REJECT
 *	DATA		publish; numbered by the publisher
 *			   all up to this number is published	ACK
 *			   records of the stream		DATA, PAD
 *			   these are gone			GAP
 *	HEARTBEAT	every heartbeat_ms without another	HEARTBEAT
 *	PING		answer this				PONG
 *	MESSAGE		to a node; from a node			MESSAGE
 *			   what became of that message		RESULT
 *	NODES		who is there?				NODES
 *			   it has ended in order		END
 *
 * Nothing is sent before HELLO by either side, and nothing after HELLO by the
 * client until it has WELCOME. Each side may answer PING, whoever sends it.
 *
 * POSITION. A subscriber counts: WELCOME says the position and the sequence of
 * the first record that comes; each record of the stream moves them on by its
 * size and by one; a GAP says where they go on. So (epoch, position), as it
 * stands after a record, is where another connection, or a reader in shared
 * memory, goes on.
 *
 * TOO SLOW. A subscriber that lags beyond --max-lag is skipped, which a GAP
 * tells, or its connection is reset. It gets no REJECT then: it stands in the
 * middle of a record, behind all that it has not read. It goes on where it was.
 *
 * PUBLISHING. A publisher draws a random publisher_id once, and numbers its
 * records 1, 2, 3 ... in `sequence`; type DATA, source 0, timestamp_ns 0 to be
 * stamped. The stream's own number, source and time are put in their place.
 * It keeps what is not acknowledged, and after a reconnect, with the same
 * publisher_id, goes on with the number after welcome.accepted: nothing is lost
 * or doubled, also not by kill -9 of the daemon. A number that leaves out one
 * is refused; one that was accepted before is dropped silently.
 *
 * VERSIONS. HELLO names the highest version that the client speaks, WELCOME the
 * one that holds, at most that one; BCAST_REJECT_VERSION says that there is
 * none. Structs grow at their end only: fixed_size says how long the sender's
 * is; what is longer than the reader knows is skipped, what is shorter is taken
 * as 0. A bit in `needs` that the daemon does not know is refused
 * (BCAST_REJECT_NEEDS), one in `wants` is ignored, and WELCOME says what is
 * granted. A record of an unknown type is skipped; with BCAST_PACKET_MUST in
 * its flags, the connection ends instead.
 *
 * The walks below are for spans that bcast_peek() has shown, and never read
 * beyond them, whatever stands there. As with all that is read in place, what
 * they find counts only if bcast_consume() says so afterwards.
 */
#ifndef BCAST_PACKET_H
#define BCAST_PACKET_H

#include <stddef.h>
#include <stdint.h>

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "records are little-endian, and used in place"
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define BCAST_PACKET_ALIGN 32u
#define BCAST_PAYLOAD_MAX  (UINT32_C(16) << 20)

#define BCAST_PACKET_CONTROL 0x8000u /* in type: not of the stream */
#define BCAST_PACKET_MUST    1u	     /* in flags: do not skip what this is */
#define BCAST_CONTROL_MAX    1024u   /* payload, but for MESSAGE and NODES */

enum bcast_packet_type {
	BCAST_PACKET_DATA = 1,
	BCAST_PACKET_PAD = 2, /* has number and place, but no meaning */

	BCAST_PACKET_HELLO = 0x8001,	 /* struct bcast_hello and texts */
	BCAST_PACKET_WELCOME = 0x8002,	 /* struct bcast_welcome, a text */
	BCAST_PACKET_REJECT = 0x8003,	 /* struct bcast_reject, a text */
	BCAST_PACKET_HEARTBEAT = 0x8004, /* struct bcast_heartbeat */
	BCAST_PACKET_GAP = 0x8005,	 /* struct bcast_gap */
	BCAST_PACKET_ACK = 0x8006,	 /* struct bcast_ack */
	BCAST_PACKET_PING = 0x8007,	 /* up to BCAST_PING_MAX bytes */
	BCAST_PACKET_PONG = 0x8008,	 /* the same bytes, and sequence */
	BCAST_PACKET_MESSAGE = 0x8009,	 /* see below */
	BCAST_PACKET_RESULT = 0x800a,	 /* struct bcast_result */
	BCAST_PACKET_NODES = 0x800b,	 /* nothing; struct bcast_node_entry */
	BCAST_PACKET_END = 0x800c,	 /* struct bcast_end */
};

struct bcast_packet_header {
	uint32_t length;
	uint16_t type;
	uint16_t flags;
	uint64_t sequence;
	uint64_t timestamp_ns;
	uint32_t crc32c;
	uint16_t source;
	uint16_t key_length;
};

/* bcast_packet_size - bytes of the whole record for a payload of `length`. */
static inline size_t bcast_packet_size(uint32_t length)
{
	return sizeof(struct bcast_packet_header) +
	       (((size_t)length + BCAST_PACKET_ALIGN - 1) &
		~((size_t)BCAST_PACKET_ALIGN - 1));
}

/*
 * bcast_packet_in - the record at `offset` of a span of `size` bytes, or NULL
 * at its end, or where no whole record stands.
 *
 *	size_t at = 0;
 *	const struct bcast_packet_header *packet;
 *
 *	while ((packet = bcast_packet_in(span, size, at))) {
 *		use(packet + 1, packet->length);
 *		at += bcast_packet_size(packet->length);
 *	}
 */
static inline const struct bcast_packet_header *bcast_packet_in(
	const void *span, size_t size, size_t offset)
{
	const struct bcast_packet_header *header;

	/* a length that changed since it was judged leads beyond the end */
	if (offset > size || size - offset < sizeof(*header))
		return NULL;
	header =
		(const struct bcast_packet_header
			 *)(const void *)((const unsigned char *)span + offset);
	if (bcast_packet_size(header->length) > size - offset)
		return NULL;
	return header;
}

/* ---- The protocol: HELLO and its answers ------------------------------- */

#define BCAST_PROTOCOL_VERSION 1u
#define BCAST_HELLO_MAGIC      UINT32_C(0x74736362) /* "bcst" */

/* hello.roles, welcome.roles: bits. */
enum bcast_client_role {
	BCAST_CLIENT_SUBSCRIBE = 1,
	BCAST_CLIENT_PUBLISH = 2,
	BCAST_CLIENT_NODE = 4, /* join as a node: messages, being listed */
};

/* hello.from: where a subscriber begins. */
enum bcast_start {
	BCAST_START_LIVE = 0,	  /* the tail */
	BCAST_START_OLDEST = 1,	  /* the oldest record that is there */
	BCAST_START_POSITION = 2, /* (epoch, position), where a record begins */
	BCAST_START_SEQUENCE = 3, /* (epoch, sequence) */
	BCAST_START_TIME = 4,	  /* the first with timestamp_ns >= time_ns */
};

/* hello.policy: what happens when this subscriber lags too far. */
enum bcast_wish {
	BCAST_WISH_DEFAULT = 0,	   /* what holds at this address */
	BCAST_WISH_DISCONNECT = 1, /* granted unless the address says block */
	BCAST_WISH_SKIP = 2, /* likewise: it gets a GAP, and goes on live */
};

/* hello.needs, hello.wants, welcome.granted: bits. */
#define BCAST_FEATURE_CHECKSUM 1u /* every DATA sent up has its crc32c */

/*
 * HELLO: this, then name, id and key, without terminators. All in all at most
 * BCAST_HELLO_MAX bytes of payload.
 *
 * epoch	with START_POSITION and START_SEQUENCE: of that position, or 0
 *		for whatever it is now. If the stream has another epoch, it is
 *		another stream: the subscriber begins at its oldest record, and
 *		welcome.flags say so
 * publisher_id	publishers: random, not 0, the same for life. A node that has
 *		one, not 0, takes the place of its own earlier connection
 *		(BCAST_REJECT_REPLACED there); without, its id is refused for
 *		as long as that one is not known to be dead
 * heartbeat_ms	send me something at least that often; 0: as the daemon likes
 * name		the stream; empty: whatever is served here
 * id		NODE: the node's id
 * key		SUBSCRIBE: only records whose key begins with this; the others
 *		come as a GAP with reason FILTERED
 */
#define BCAST_HELLO_MAX 512u
struct bcast_hello {
	uint32_t magic; /* BCAST_HELLO_MAGIC */
	uint16_t version;
	uint16_t fixed_size; /* sizeof(struct bcast_hello) */
	uint32_t needs;
	uint32_t wants;
	uint32_t roles;	 /* enum bcast_client_role */
	uint16_t from;	 /* enum bcast_start */
	uint16_t policy; /* enum bcast_wish */
	uint64_t epoch;
	uint64_t position;
	uint64_t sequence;
	uint64_t time_ns; /* CLOCK_REALTIME */
	uint64_t publisher_id;
	uint32_t heartbeat_ms;
	uint16_t name_length;
	uint16_t id_length;
	uint16_t key_length;
	uint16_t reserved_zero[3];
};

/* welcome.flags */
#define BCAST_WELCOME_OTHER_EPOCH 1u /* not the epoch that was asked for */

/*
 * WELCOME: this, then the stream's name. A client on the same machine can tell:
 * it attaches that name, and finds the same epoch.
 *
 * position, sequence	subscribers: of the first record that will come
 * accepted		publishers: the last number of this publisher_id that was
 *			published; 0 if there is none, or it is forgotten
 * source		publishers: what stands in the records' source
 * idle_timeout_ms	say something that often, or be disconnected
 */
struct bcast_welcome {
	uint16_t version;
	uint16_t fixed_size;
	uint32_t flags;
	uint32_t roles; /* granted: all that were asked for */
	uint32_t granted;
	uint64_t epoch;
	uint64_t position;
	uint64_t sequence;
	uint64_t tail;
	uint64_t accepted;
	uint64_t capacity; /* of the ring */
	uint32_t payload_max;
	uint32_t message_max;
	uint32_t heartbeat_ms;
	uint32_t idle_timeout_ms;
	uint16_t source;
	uint16_t name_length;
	uint32_t reserved_zero;
};

/* reject.code */
enum bcast_reject_code {
	BCAST_REJECT_PROTOCOL = 1,  /* what was sent is not this protocol */
	BCAST_REJECT_VERSION = 2,   /* none that both speak */
	BCAST_REJECT_NEEDS = 3,	    /* a feature that is not there */
	BCAST_REJECT_STREAM = 4,    /* no stream of that name here */
	BCAST_REJECT_ROLE = 5,	    /* nobody can have that role here */
	BCAST_REJECT_BUSY = 6,	    /* somebody else publishes; try again */
	BCAST_REJECT_LIMIT = 7,	    /* too many are there; try again */
	BCAST_REJECT_NODE_ID = 8,   /* not an id, or another node has it */
	BCAST_REJECT_POSITION = 9,  /* beyond the tail, or no record there */
	BCAST_REJECT_TIMEOUT = 10,  /* no whole HELLO, or nothing, in time */
	BCAST_REJECT_ENDING = 11,   /* the daemon is stopping; try again */
	BCAST_REJECT_SEQUENCE = 12, /* a publisher's number left out some */
	BCAST_REJECT_CHECKSUM = 13, /* crc32c is not that of the payload */
	BCAST_REJECT_SIZE = 14,	    /* larger than a record may be */
	BCAST_REJECT_REPLACED = 15, /* the same publisher_id came again */
	BCAST_REJECT_SLOW = 16,	    /* does not take its RESULTs */
};

/* REJECT: this, then a text of one line for a person. The sender closes. */
struct bcast_reject {
	uint16_t code; /* enum bcast_reject_code */
	uint16_t fixed_size;
	uint32_t retry_after_ms; /* 0: no use in trying again */
};

/* ---- The protocol: the rest -------------------------------------------- */

/* HEARTBEAT: where the sender of it is. */
struct bcast_heartbeat {
	uint64_t position; /* downwards: the tail; upwards: read so far */
	uint64_t sequence; /* of the record that begins there */
};

/* gap.reason */
enum bcast_gap_reason {
	BCAST_GAP_OVERWRITTEN =
		1,		/* gone from the ring when it was asked for */
	BCAST_GAP_SKIPPED = 2,	/* too slow, by policy skip */
	BCAST_GAP_FILTERED = 3, /* not of the key asked for: no loss */
};

/*
 * GAP: the records in [from, to) do not come. After START_SEQUENCE the position
 * of what is gone is not known: `from` is `to` then. After START_TIME its
 * sequence is not either: some may be gone, or none.
 */
struct bcast_gap {
	uint64_t from; /* positions */
	uint64_t to;
	uint64_t from_sequence; /* 0: not known, for what lay long ago */
	uint64_t to_sequence;
	uint32_t reason; /* enum bcast_gap_reason */
	uint32_t reserved_zero;
};

/* ACK: cumulative; what it covers stands in the ring. */
struct bcast_ack {
	uint64_t accepted; /* the publisher's number */
	uint64_t position; /* the tail behind it */
};

#define BCAST_PING_MAX 64u

/*
 * MESSAGE: up, key is the addressee's id (1 to 63 bytes; "*": all nodes), down,
 * that of who sent it; value is the message, at most welcome.message_max bytes
 * (and what a publisher sends, with its key, at most welcome.payload_max),
 * source the message's type. Up, a `sequence` other than 0 asks for a RESULT;
 * down, timestamp_ns says when it was sent (CLOCK_REALTIME), 0 if not known.
 *
 * The daemon never waits for room on a client's behalf: BCAST_EFULL and -EBUSY
 * are answered at once, and mean that the client may try again. A client that
 * does not take its messages has them wait in its inbox, until that is full and
 * those who send to it get BCAST_EFULL; one that does not take its RESULTs is
 * rejected (BCAST_REJECT_SLOW). A message that is on its way to a client when
 * the connection ends is lost, as one that a local node had taken out is lost
 * with it.
 */
struct bcast_result {
	uint64_t sequence;
	int32_t result; /* of bcast_send(), or bcast_broadcast() */
	uint32_t reserved_zero;
};

/*
 * NODES: up, an empty question with a `sequence`; down, the same sequence and
 * any number of these, in as many records as it takes. The last has no entry.
 * One question is answered after the other; BCAST_QUESTIONS_MAX may wait.
 */
#define BCAST_QUESTIONS_MAX 8u
struct bcast_node_entry {
	char id[64];
	uint32_t state; /* enum bcast_node_state */
	uint32_t roles; /* enum bcast_node_role */
	uint32_t slot;
	uint32_t remote; /* 1: by way of TCP */
	uint64_t cursor;
	uint64_t lag;
	uint64_t joined_realtime_ns;
	uint64_t heartbeat_age_ns;
	uint64_t reserved_zero[2];
};

/* END: all up to `position` has been sent, and no more will come. */
struct bcast_end {
	uint64_t position;
	uint64_t sequence;
};

#ifdef __cplusplus
}
#endif
#endif
