/* SPDX-License-Identifier: MIT */
/*
 * ping.h - bcast-ping: packets to a daemon and back, over TCP or a unix socket.
 *
 *	ping.c		the command line
 *	ping_run.c	connections, who is to send when, what is lost
 *	ping_connect.c	from an address to a connection
 *	ping_conn.c	one connection: packets out, answers in
 *	ping_echo.c	the protocol of --echo addresses
 *	ping_packet.c	that of --packet addresses
 *	ping_report.c	what is printed
 *
 * A payload begins with the packet's number, 8 bytes; the rest is the same in
 * all packets. Both protocols answer in order, so an answer says that those
 * before it which have none are lost.
 */
#ifndef TOOLS_PING_H
#define TOOLS_PING_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PING_PROGRAM	     "bcast-ping"
#define PING_NUMBER_BYTES    8u	 /* of a payload, at least */
#define PING_FRAME_EXTRA     64u /* header and padding, of either protocol */
#define PING_GREETING_MAX    256u
#define PING_CONNECTIONS_MAX 60000u
#define PING_PIPELINE_MAX    1024u
#define PING_TEXT_MAX	     256u

/* ---- Protocols --------------------------------------------------------- */

enum ping_kind {
	PING_NOTHING, /* nothing to us */
	PING_READY,   /* pings may be sent from now on */
	PING_ANSWER,  /* to one of them */
	PING_REFUSED, /* the daemon says why it will not, or goes */
};

/* What has come. */
struct ping_answer {
	enum ping_kind kind;
	const unsigned char *payload; /* of ANSWER */
	size_t size;
	char text[PING_TEXT_MAX]; /* of REFUSED */
};

struct ping_door {
	const char *name;
	size_t payload_max;
	/* what is to be sent first; returns its size; NULL: nothing */
	size_t (*greet)(unsigned char to[PING_GREETING_MAX]);
	/* the packet around a payload, which is there; returns its size */
	size_t (*make)(const unsigned char *payload, size_t size,
		       unsigned char *to);
	/*
	 * Look at what has come. Returns the size of the first packet, with
	 * *answer; 0: it is not whole; -EPROTO: it is not the protocol.
	 */
	int (*take)(const unsigned char *bytes, size_t have,
		    struct ping_answer *answer);
};

extern const struct ping_door ping_echo, ping_packet;

/* ---- What is asked ----------------------------------------------------- */

struct ping_wish {
	const char *address;
	const struct ping_door *door;
	uint64_t count; /* packets on each connection; 0: without end */
	int interval_ms;
	int timeout_ms; /* then it is lost */
	size_t size;	/* of a payload */
	unsigned connections;
	unsigned pipeline; /* sent at a time; with flood: under way */
	bool flood;	   /* the next as soon as one has come back */
	bool json;
	bool quiet; /* no line for each */
	const volatile sig_atomic_t *interrupted;
};

/* ---- Round trips ------------------------------------------------------- */

#define PING_STEPS   32u /* classes an octave: they are 3 % apart at most */
#define PING_CLASSES (PING_STEPS * 40u)

struct ping_spans {
	uint64_t counts[PING_CLASSES];
	uint64_t count;
	uint64_t sum_ns, min_ns, max_ns;
};

struct ping_totals {
	struct ping_spans spans;
	uint64_t sent, received, lost;
	uint64_t wrong;	 /* other bytes than were sent */
	unsigned broken; /* connections that ended early */
	double seconds;
};

void ping_spans_add(struct ping_spans *spans, uint64_t nanoseconds);

/* ping_spans_ms - the middle of the class where that part of all lies. */
double ping_spans_ms(const struct ping_spans *spans, double part);

/* ping_report_answer, ping_report_lost - a line, if they are wanted. */
void ping_report_answer(const struct ping_wish *wish, unsigned connection,
			uint64_t number, uint64_t nanoseconds);
void ping_report_lost(const struct ping_wish *wish, unsigned connection,
		      uint64_t number);

/* ping_report_totals - at the end. */
void ping_report_totals(const struct ping_wish *wish,
			const struct ping_totals *totals);

/* ---- Connections ------------------------------------------------------- */

struct ping_conn {
	int fd; /* -1: it has ended */
	bool ready;
	bool waits_for_room; /* to send */
	uint64_t begun;	     /* packets; the last is out but for `unsent` */
	uint64_t next;	     /* number of the oldest that has no answer */
	size_t unsent;	     /* bytes */
	uint64_t *sent_ns;   /* of those under way, by number % window */
	unsigned char *in;   /* what has come, and is not a whole packet */
	size_t have, room;
};

/* All that a run needs. */
struct ping {
	const struct ping_wish *wish;
	int epoll_fd;
	uint64_t window; /* packets that may be under way on a connection */
	unsigned char *payload;	 /* of the next to be sent */
	unsigned char *packet;	 /* made of it */
	unsigned char *expected; /* payload of an answer */
	struct ping_conn *conns;
	struct ping_totals totals;
};

uint64_t ping_now_ns(void);

/* ping_run - all of it. Returns the exit code. */
int ping_run(const struct ping_wish *wish);

/*
 * ping_connect - to HOST:PORT, [IPv6]:PORT, unix:/PATH or unix:@NAME. Returns a
 * descriptor, or the negative of an exit code after saying what is wrong.
 */
int ping_connect(const char *address, int timeout_ms);

/*
 * ping_conn_send - begin another packet, unless too many are under way. Returns
 * 1 if it has, 0, or -errno.
 */
int ping_conn_send(struct ping *ping, struct ping_conn *conn);

/* ping_conn_resume - go on with the one that was cut. Returns 0 or -errno. */
int ping_conn_resume(struct ping *ping, struct ping_conn *conn);

/*
 * ping_conn_receive - take what has come. Returns 0; -errno, -ECONNRESET for
 * the end; or -EPROTO after saying what has come instead of an answer.
 */
int ping_conn_receive(struct ping *ping, struct ping_conn *conn);

/* ping_conn_expire - those that are too old are lost. */
void ping_conn_expire(struct ping *ping, struct ping_conn *conn,
		      uint64_t now_ns);

#endif
