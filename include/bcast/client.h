/* SPDX-License-Identifier: MIT */
/*
 * client.h - a stream of packets through whichever door there is.
 *
 * One client, two doors: shared memory, if the stream is on this machine, and
 * TCP, to a `--packet` address of bcastd, from anywhere. The same calls, the
 * same records, the same positions: what (epoch, position) names at one door,
 * it names at the other.
 *
 *	bcast_open		by address; the address says which door
 *	bcast_client_next	subscribe: the next record, or why there is none
 *	bcast_client_publish	publish a record; bcast_client_flush(): all
 *				of them are in the ring
 *	bcast_client_send, _recv, _nodes	be a node: messages, who is there
 *	bcast_client_position	where to go on: store it, give it to the next
 *	bcast_client_fd		for poll, epoll and whatever waits so
 *
 * A subscriber: each record, and a newline.
 *
 *	#include <bcast/client.h>
 *	#include <stdio.h>
 *
 *	int main(void)
 *	{
 *		struct bcast_packet packet;
 *		struct bcast_client *client;
 *		int n = bcast_open("127.0.0.1:7400", NULL, &client);
 *
 *		while (n >= 0 || n == BCAST_ELAPPED) { // bcast_client_gap()
 *			n = bcast_client_next(client, &packet, -1);
 *			if (n == 1)
 *				printf("%.*s\n", (int)packet.length,
 *				       (const char *)packet.payload);
 *		}
 *		fprintf(stderr, "%s\n", bcast_strerror(n));
 *	}
 *
 * A publisher: each line of standard input, with its newline.
 *
 *	#include <bcast/client.h>
 *	#include <stdio.h>
 *	#include <string.h>
 *
 *	int main(void)
 *	{
 *		struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
 *		struct bcast_client *client;
 *		char line[1024];
 *		int n;
 *
 *		how.roles = BCAST_CLIENT_PUBLISH;
 *		n = bcast_open("127.0.0.1:7400", &how, &client);
 *		while (n == 0 && fgets(line, sizeof(line), stdin))
 *			n = bcast_client_publish(client, NULL, 0, line,
 *						 strlen(line), -1);
 *		if (n == 0)
 *			n = bcast_client_flush(client, -1);
 *		fprintf(stderr, "%s\n", bcast_strerror(n));
 *	}
 *
 * ADDRESSES.
 *	shm:NAME		shared memory
 *	tcp://HOST:PORT		TCP; a name, IPv4, or tcp://[::1]:7400
 *	unix:/path, unix:@name	the same protocol over a unix socket
 *	HOST:PORT		connects by TCP, and if the daemon proves to be
 *				on this machine, and permissions allow all that
 *				is asked for, goes on in shared memory. The
 *				proof: the daemon names stream and epoch, and
 *				a segment of that name here has that epoch,
 *				a random number of 64 bits
 * bcast_client_door() says which door it is, and bcast_client_why_tcp() why it
 * is not shared memory.
 *
 * NO LOSS, OR A REPORT. A subscriber gets each record once, in order, whatever
 * happens to the connection, the daemon or itself, as long as it is in the
 * ring; what is not there any more, it is told about exactly: BCAST_ELAPPED and
 * bcast_client_gap(). A publisher's records are numbered and kept until the
 * daemon says that they are in the ring; after a reconnect the client sends
 * just those that were not. In shared memory a record is in the ring when
 * bcast_client_publish() returns.
 *
 * CONNECTIONS. One that breaks is made again, at first after 20 ms, then after
 * an eighth of how long it has been broken, at most 2 s, each a random bit
 * less, for as long as options.give_up_ms says. A client that subscribes and
 * also publishes or is a node has two of them, so that neither waits for the
 * other. Both sides give a sign of life now and then, and end a connection on
 * which there is none.
 *
 * THREADS. A client belongs to one thread at a time. It has no thread of its
 * own (but for that of bcast_client_fd() in shared memory, see
 * bcast_event_fd()): all is done within its calls. So over TCP a client that
 * makes no call for longer than the daemon's idle timeout is disconnected, and
 * takes up where it was with its next call: no harm unless its records have
 * gone from the ring meanwhile. Unacknowledged records of a publisher stay in
 * its memory until such a call: bcast_client_flush() before a long pause.
 * After fork() only one of the two processes may go on using a client. No
 * function prints, exits or installs a signal handler, none raises SIGPIPE; a
 * signal does not end a wait early. Names are looked up (DNS) in
 * bcast_open() and when connecting again, and that may block for longer than
 * any timeout says; numeric addresses do not.
 *
 * TRUST. What comes is checked before it is used: lengths against limits,
 * positions and numbers against those before. What cannot be ends the
 * connection. There is no encryption and no password: see README.md.
 *
 * RESULTS are as in bcast.h, timeouts are in milliseconds: -1 no limit, 0 do
 * not wait. Structs begin with their size and grow at their end.
 */
#ifndef BCAST_CLIENT_H
#define BCAST_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include <bcast/base.h>
#include <bcast/message.h>
#include <bcast/packet.h>
#include <bcast/reader.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Open and close ---------------------------------------------------- */

/* options.flags */
enum bcast_client_flag {
	/*
	 * End to end: records that come with a checksum are verified, and what
	 * is published gets one. crc32c; some 10 to 20 GB/s.
	 */
	BCAST_CLIENT_CHECKSUM = 1,
	/* A connection that breaks is the end: BCAST_EABANDONED. */
	BCAST_CLIENT_NO_RECONNECT = 2,
	/*
	 * A subscriber whose stream has ended in order waits for the next one
	 * of that name, or at that address, and goes on with it: BCAST_EEPOCH
	 * instead of BCAST_ECLOSED.
	 */
	BCAST_CLIENT_FOLLOW = 4,
	/*
	 * Over TCP a published record waits for others, until they are 64 KiB,
	 * or for bcast_client_flush(), or any call of this client that waits.
	 * Without this each call sends what it published before it returns.
	 */
	BCAST_CLIENT_BATCH = 8,
};

/* What on_event() is told. */
enum bcast_client_happening {
	BCAST_CLIENT_CONNECTED = 1,    /* also again, and through which door */
	BCAST_CLIENT_DISCONNECTED = 2, /* result, text: why; it tries again */
	BCAST_CLIENT_TRY_FAILED = 3,   /* an attempt; it will try again */
	BCAST_CLIENT_LOST = 4,	       /* BCAST_ELAPPED is being returned */
	BCAST_CLIENT_OTHER_EPOCH = 5,  /* BCAST_EEPOCH is being returned */
	/*
	 * The daemon does not know any more what it has accepted from this
	 * publisher: of what was not acknowledged, some may be published twice.
	 */
	BCAST_CLIENT_FORGOTTEN = 6,
};

struct bcast_client_event {
	uint32_t happening; /* enum bcast_client_happening */
	uint32_t door;	    /* enum bcast_door */
	uint32_t role;	    /* the bits of the connection that it is about */
	int32_t result;
	const char *text; /* one line for a person; never NULL */
};

typedef void bcast_client_on_event(void *context,
				   const struct bcast_client_event *event);

/* A REJECT of the daemon, or what is the same in shared memory. */
struct bcast_client_refusal {
	uint32_t code; /* enum bcast_reject_code; 0: none */
	uint32_t retry_after_ms;
	char text[200]; /* printable, one line */
};

/* Start from BCAST_CLIENT_DEFAULTS and change what you need. */
struct bcast_client_options {
	uint32_t size;	/* sizeof(struct bcast_client_options) */
	uint32_t roles; /* enum bcast_client_role, bits; at least one */
	uint32_t from;	/* enum bcast_start: where a subscriber begins */
	uint32_t flags; /* enum bcast_client_flag, bits */
	/*
	 * Used with START_POSITION and START_SEQUENCE: epoch, or 0 for whatever
	 * it is now. Not that of the stream: it begins at the oldest record,
	 * and the first result is BCAST_EEPOCH. With START_TIME: time_ns,
	 * CLOCK_REALTIME.
	 */
	uint64_t epoch;
	uint64_t position;
	uint64_t sequence;
	uint64_t time_ns;
	/*
	 * NODE: the id to be known by. A local publisher needs one too, and is
	 * "client-PID-N" if it has none.
	 */
	const char *id;
	/* Only records whose key begins with this; NULL, 0: all. */
	const void *key;
	uint32_t key_size; /* up to BCAST_CLIENT_KEY_MAX */
	uint32_t policy;   /* enum bcast_wish: when it lags; TCP */
	/*
	 * For how long bcast_open() goes on trying if there is no such stream
	 * or daemon yet, or somebody else publishes. 0: one attempt, which may
	 * take 5 s. -1: for ever.
	 */
	int32_t open_ms;
	/*
	 * For how long a lost daemon is waited for, counted from the break,
	 * before calls return BCAST_EABANDONED. -1: for ever.
	 */
	int32_t give_up_ms;
	/* TCP: a sign of life at least that often, both ways. 1 to 60000 */
	uint32_t heartbeat_ms;
	/* TCP: nothing came for so long: the connection is dead. */
	uint32_t idle_timeout_ms;
	/* TCP publishers: bytes of records that are not acknowledged yet. */
	uint64_t window;
	/*
	 * 0: a random one. A publisher that wants to go on with what it, or the
	 * process before it, published, gives the same again, and learns from
	 * bcast_client_accepted() how many records there were. TCP only.
	 */
	uint64_t publisher_id;
	bcast_client_on_event *on_event; /* called within calls; may be NULL */
	void *context;
	/* NULL, or filled when bcast_open() returns BCAST_EREFUSED. */
	struct bcast_client_refusal *refusal;
};

#define BCAST_CLIENT_KEY_MAX 128
#define BCAST_CLIENT_WINDOW  (UINT64_C(16) << 20)

#define BCAST_CLIENT_DEFAULTS                                                \
	{                                                                    \
		sizeof(struct bcast_client_options), BCAST_CLIENT_SUBSCRIBE, \
			BCAST_START_LIVE, 0, 0, 0, 0, 0, NULL, NULL, 0,      \
			BCAST_WISH_DEFAULT, 0, -1, 1000, 10000,              \
			BCAST_CLIENT_WINDOW, 0, NULL, NULL, NULL             \
	}

struct bcast_client; /* opaque */

/*
 * bcast_open - open a stream of packets at an address.
 *
 * options	NULL: the defaults (BCAST_CLIENT_DEFAULTS), a live subscriber
 * client	receives the handle; untouched on failure
 *
 * Returns 0, or
 *	-EINVAL		not an address, or bad options
 *	-ENOENT		shm: no stream of that name on this machine
 *	-EACCES		shm: no permission for one of the roles
 *	-EBUSY		shm: somebody else publishes
 *	-EOPNOTSUPP	shm: a stream of bytes, or a publisher_id
 *	-ECONNREFUSED, -ETIMEDOUT, ...	TCP: nobody there
 *	-EHOSTUNREACH	TCP: also a name that does not resolve
 *	BCAST_EREFUSED	the daemon said no: options.refusal says why
 *	BCAST_EPROTO	who answers there is not bcastd
 *	else		shm: as bcast_attach(), bcast_join(),
 *			bcast_publisher_open()
 *	-ENOMEM, -EMFILE
 *
 * Waits as options.open_ms says. Freed by bcast_close().
 */
BCAST_API int bcast_open(const char *address,
			 const struct bcast_client_options *options,
			 struct bcast_client **client);

/*
 * bcast_close - leave, and free the client; what it handed out is no more. What
 * is not acknowledged may be lost: bcast_client_flush() first. NULL is
 * allowed. Does not block.
 */
BCAST_API void bcast_close(struct bcast_client *client);

enum bcast_door {
	BCAST_DOOR_NONE = 0, /* between two connections */
	BCAST_DOOR_SHM = 1,
	BCAST_DOOR_TCP = 2,
};

/* bcast_client_door - which one it is now: enum bcast_door. */
BCAST_API int bcast_client_door(const struct bcast_client *client);

/* bcast_client_why_tcp - why not shared memory, in a line; "" if it is. */
BCAST_API const char *bcast_client_why_tcp(const struct bcast_client *client);

/* bcast_client_refusal - the last one of this client. */
BCAST_API struct bcast_client_refusal bcast_client_refusal(
	const struct bcast_client *client);

/* ---- Subscribe --------------------------------------------------------- */

/*
 * bcast_client_next - the next record. The one before it is consumed.
 *
 * packet	filled with result 1, else untouched. payload is 32-byte
 *		aligned, read-only, and there until the next call of this
 *		function. Over TCP it stays as it is; in shared memory the
 *		writer may overtake: bcast_client_consume() tells. Until then
 *		never act on a length or an index found in it without a bound.
 *
 * Returns
 *	1		a record
 *	0		none in that time
 *	BCAST_ELAPPED	records are lost: bcast_client_gap() says which. In
 *			shared memory the last one handed out may be the first
 *			of them. The next call goes on behind them
 *	BCAST_EEPOCH	it is another stream now, of another epoch: the next
 *			call goes on with its oldest record. Positions of the
 *			old one mean nothing there
 *	BCAST_ECLOSED	the stream has ended in order, and all of it was handed
 *			out
 *	BCAST_EABANDONED  the daemon is gone, and was waited for as options say.
 *			Calling again tries again
 *	BCAST_EREFUSED	the daemon refuses to take this client back, and no
 *			waiting helps: bcast_client_refusal()
 *	-EBADMSG	BCAST_CLIENT_CHECKSUM: the next record is damaged.
 *			bcast_client_gap() says which; it is passed over
 *	BCAST_EPROTO	a damaged segment; or, without reconnecting, a peer that
 *			violates the protocol
 *	-EOPNOTSUPP	no subscriber
 *	-ENOMEM, -EMFILE ...
 *
 * Records of other keys than options.key come at neither door, and are no loss.
 */
BCAST_API int bcast_client_next(struct bcast_client *client,
				struct bcast_packet *packet, int timeout_ms);

/*
 * bcast_client_consume - the last record has been used: was it whole all that
 * time? 0: yes. BCAST_ELAPPED (shared memory only): discard what was made of
 * it; bcast_client_gap() counts it as lost. 0 with nothing to consume. Does not
 * block. Who does not call it is told by the next bcast_client_next().
 */
BCAST_API int bcast_client_consume(struct bcast_client *client);

/* gap.reason beside enum bcast_gap_reason */
#define BCAST_CLIENT_GAP_DAMAGED 64u /* -EBADMSG */

struct bcast_client_gap {
	uint64_t from; /* positions [from, to) */
	uint64_t to;
	uint64_t from_sequence; /* numbers [from, to); 0: not known */
	uint64_t to_sequence;
	uint64_t bytes;	  /* to - from; 0 if from is not known */
	uint64_t records; /* 0: not known */
	uint32_t reason;  /* enum bcast_gap_reason, or the one above */
	uint32_t reserved_zero;
	uint64_t total_bytes; /* of this client until now */
	uint64_t total_records;
	uint64_t gaps;
};

/* bcast_client_gap - the last one that was reported. All zero before it. */
BCAST_API struct bcast_client_gap bcast_client_gap(
	const struct bcast_client *client);

struct bcast_client_place {
	uint64_t epoch;
	uint64_t position;
	uint64_t sequence; /* of the record that begins there; 0: not known */
};

/*
 * bcast_client_position - behind the last record that was consumed: with
 * BCAST_START_POSITION, another client goes on right there, at either door,
 * and nothing is lost or repeated.
 */
BCAST_API struct bcast_client_place bcast_client_position(
	const struct bcast_client *client);

/* ---- Publish ----------------------------------------------------------- */

/*
 * bcast_client_publish - publish one record: the key, then the data.
 *
 * key		up to 65535 bytes; may be NULL with key_size 0
 * data		copied; may be NULL with size 0
 * timeout_ms	how long to wait for room: in the window, or in the ring
 *
 * Returns 0: it will be published, once and in order (TCP), or has been (shared
 * memory). Otherwise nothing of it will be:
 *	BCAST_EFULL	no room in that time; over TCP: nothing is acknowledged
 *	-EMSGSIZE	more than bcast_client_limit() in all
 *	BCAST_EEPOCH	it is another stream now; call again. What was not
 *			acknowledged goes into the new one
 *	BCAST_EABANDONED, BCAST_EREFUSED, BCAST_EPROTO	as bcast_client_next()
 *	BCAST_ECLOSED	shm:NAME without reconnecting: the stream has ended
 *	-EOPNOTSUPP	no publisher
 *	-EINVAL, -ENOMEM, -EMFILE ...
 *
 * Over TCP records gather in the window while there is no connection.
 */
BCAST_API int bcast_client_publish(struct bcast_client *client, const void *key,
				   size_t key_size, const void *data,
				   size_t size, int timeout_ms);

/*
 * bcast_client_flush - wait until all that was published stands in the ring.
 * Returns 0; -ETIMEDOUT: not yet; or as bcast_client_publish().
 */
BCAST_API int bcast_client_flush(struct bcast_client *client, int timeout_ms);

/* bcast_client_limit - bytes that a record can have, key included. */
BCAST_API size_t bcast_client_limit(const struct bcast_client *client);

/*
 * bcast_client_published - how many records bcast_client_publish() has taken,
 * bcast_client_accepted - how many of them are known to stand in the ring. With
 * an options.publisher_id, both begin with what the daemon had of it before.
 */
BCAST_API uint64_t bcast_client_published(const struct bcast_client *client);
BCAST_API uint64_t bcast_client_accepted(const struct bcast_client *client);

/* ---- Be a node --------------------------------------------------------- */

/*
 * bcast_client_send - put a message into the inbox of the node `to_id`, or,
 * with "*", of all others. Local nodes and those who came by TCP are all the
 * same.
 *
 * Returns 0 (with "*": how many got it) or as bcast_send() and
 * bcast_broadcast(). Over TCP it waits for the daemon's answer, whatever
 * timeout_ms says, up to 5 s longer; then -ETIMEDOUT, or -ECONNRESET when the
 * connection broke: it may have arrived, or not. -ENOTCONN: it did not, there
 * was no connection in that time. -EOPNOTSUPP: no node.
 */
BCAST_API int bcast_client_send(struct bcast_client *client, const char *to_id,
				uint16_t type, const void *data, size_t size,
				int timeout_ms);

/*
 * bcast_client_recv - the next message for this node. As bcast_recv(), whose
 * data stays until the next bcast_client_recv(). Over TCP from_slot, sequence
 * and sent_ns are 0, and up to 1 MiB of messages wait here before the daemon
 * has to keep them: who publishes too but never calls this is at last not told
 * about its acknowledgements. Also -EOPNOTSUPP (no node), and as
 * bcast_client_next().
 */
BCAST_API int bcast_client_recv(struct bcast_client *client,
				struct bcast_message *message, int timeout_ms);

/*
 * bcast_client_nodes - who is there: fill up to `max` entries. Returns how many
 * nodes there are (which may be more), -ETIMEDOUT, -ENOTCONN, or as
 * bcast_nodes_list(). NODE only over TCP, everybody in shared memory.
 */
BCAST_API int bcast_client_nodes(struct bcast_client *client,
				 struct bcast_node_entry *entries, int max,
				 int timeout_ms);

/* ---- Wait, look, measure ----------------------------------------------- */

/*
 * bcast_client_fd - a descriptor that becomes readable when there is something
 * to do, for poll, epoll, io_uring and so on. The same one for life, whatever
 * happens to connections and doors. It belongs to the client.
 *
 * The rule: call bcast_client_next() with timeout 0 until it returns something
 * else than 1, and handle that; on 0 wait until the descriptor is readable, and
 * call again. Who only publishes calls bcast_client_flush() instead, a node
 * also bcast_client_recv(). It is readable for signs of life and for connecting
 * again, too, so a call may find nothing. Nobody should read from it.
 *
 * Returns it, or -errno; -EOPNOTSUPP in shared memory without SUBSCRIBE.
 */
BCAST_API int bcast_client_fd(struct bcast_client *client);

/*
 * bcast_client_ping - over TCP: send a PING, wait for its PONG. Returns 0 with
 * the time that it took, -ETIMEDOUT, -ENOTCONN, -EOPNOTSUPP in shared memory,
 * or as bcast_client_next(). A client that only subscribes gets the PONG behind
 * the records which are on the way: up to 1 MiB of them are looked through,
 * then it is -EBUSY. Its last record is consumed by that.
 */
BCAST_API int bcast_client_ping(struct bcast_client *client, int timeout_ms,
				uint64_t *round_trip_ns);

/* What a client has done since it was opened. */
struct bcast_client_stats {
	uint64_t records;      /* handed out */
	uint64_t record_bytes; /* of stream, headers and padding included */
	uint64_t filtered;     /* records left out by options.key; at most */
	uint64_t connects;     /* how often it got in, through either door */
	uint64_t receives;     /* recv(2) calls that brought something */
	uint64_t sends;	       /* send(2) calls that took something */
	uint64_t resent;       /* records published that were sent again */
	uint64_t tail;	       /* position, as far as the daemon has said */
};

/* bcast_client_stats - a snapshot of the above. Does not block. */
BCAST_API struct bcast_client_stats bcast_client_stats(
	const struct bcast_client *client);

#ifdef __cplusplus
}
#endif
#endif
