/* SPDX-License-Identifier: MIT */
/*
 * client_parts.h - bcast/client.h's client, for the files that it is made of.
 * Each calls only those above it in this list:
 *
 *	client_record.c, client_window.c  pure: what came, what is to be sent
 *	client_address.c	what the address says
 *	client_note.c		places, gaps, refusals, events: told in one way
 *	client_fd.c		a descriptor for event loops
 *	client_link.c		a connection: its bytes, both ways
 *	client_hello.c		a connection: connect, HELLO, WELCOME, again
 *	client_welcome.c	what WELCOME says
 *	client_mail.c		messages and answers that have come
 *	client_up.c		what comes for publishers and nodes
 *	client_shm.c		the door of shared memory: open, read
 *	client_shm_node.c	the same: publish, messages
 *	client_tcp.c		the connections of a client together: time, waiting
 *	client_tcp_read.c	records and gaps out of what came
 *	client_tcp_publish.c	records into the window
 *	client_tcp_node.c	messages, questions, PING
 *	client.c		options, and which door a call goes through
 *
 * Times are CLOCK_MONOTONIC in ns; UINT64_MAX is never.
 */
#ifndef NET_CLIENT_PARTS_H
#define NET_CLIENT_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bcast/bcast.h>
#include <bcast/client.h>

#include "net/client_record.h"
#include "net/client_window.h"
#include "net/hello.h"
#include "net/sockaddr.h"

#define BC_CLIENT_ADDRESSES    8u
#define BC_CLIENT_WHY_MAX      200u
#define BC_CLIENT_BUFFER       ((size_t)1 << 20)
#define BC_CLIENT_MESSAGES_MAX ((size_t)1 << 20)
#define BC_CLIENT_ATTEMPT_NS   (UINT64_C(5) * 1000000000)
#define BC_CLIENT_BACKOFF_MIN  (UINT64_C(20) * 1000000)
#define BC_CLIENT_BACKOFF_MAX  (UINT64_C(2000) * 1000000)

/* Of the functions here: the door has changed, look again. */
#define BC_CLIENT_AGAIN (-5999)

struct bc_client_address {
	bool shm; /* shared memory, or nothing */
	bool tcp; /* TCP, or nothing; neither of them: find out */
	char text[BC_SOCKADDR_HOST_MAX + 16]; /* name, or HOST:PORT */
};

enum bc_link_state {
	BC_LINK_OFF = 0,    /* not needed */
	BC_LINK_IDLE,	    /* waits for next_try_ns */
	BC_LINK_CONNECTING, /* for the socket */
	BC_LINK_HELLO,	    /* for WELCOME */
	BC_LINK_WELCOMED,   /* client_tcp.c makes UP of it */
	BC_LINK_UP,
	BC_LINK_ENDED, /* for good: see result */
};

/* Bytes in memory that grows; [begin, end) of them are there. */
struct bc_client_bytes {
	unsigned char *at;
	size_t room, begin, end;
};

struct bc_client_link {
	struct bcast_client *client;
	uint32_t roles; /* what HELLO asks for; 0 with state OFF */
	enum bc_link_state state;
	int fd;		 /* -1: none */
	int result;	 /* why the last attempt failed, or it ended */
	unsigned rounds; /* attempts at all addresses, in vain */
	bool mute;	 /* sending has failed */
	bool watched;	 /* by the descriptor of client_fd.c */
	bool watched_out;
	struct bc_sockaddr addresses[BC_CLIENT_ADDRESSES];
	unsigned address_count, address_next;
	uint64_t next_try_ns;
	uint64_t attempt_until_ns;
	uint64_t broken_since_ns;
	uint64_t up_since_ns;
	uint64_t lost_since_ns; /* 0: it is up, or was never */
	uint64_t heard_ns, said_ns;
	uint64_t beat_ns; /* say something that often */
	struct bc_welcome welcome;
	struct bc_client_count count;
	struct bc_client_bytes in, out; /* out: all but what is published */
};

/* A message that waits for bcast_client_recv(). */
struct bc_client_letter {
	struct bc_client_letter *next;
	size_t size; /* of all of it */
	struct bcast_message message;
	_Alignas(64) unsigned char bytes[];
};

/* What was asked over TCP, one question at a time. */
struct bc_client_question {
	uint64_t sequence; /* of the last one */
	bool answered;
	int32_t result;
	struct bcast_node_entry *entries;
	int max, count;
	uint64_t sent_ns, answered_ns;
};

struct bcast_client {
	struct bcast_client_options options; /* id, key: point to these */
	char id[BCAST_NODE_ID_MAX + 1];
	unsigned char key[BCAST_CLIENT_KEY_MAX];
	struct bc_client_address address;
	bool undecided; /* HOST:PORT: is it on this machine? */
	char why_tcp[BC_CLIENT_WHY_MAX];

	/* What the caller is to know. */
	struct bcast_client_refusal refusal;
	struct bcast_client_gap gap;
	struct bcast_client_stats stats;

	/* Subscriber. */
	bool placed; /* place is known */
	struct bcast_client_place place;
	struct bcast_packet last; /* handed out; size 0: consumed */
	int pending;		  /* result of the next call; 0: none */

	/* Publisher. */
	uint64_t published, accepted;
	uint64_t publish_epoch; /* 0: none yet */
	bool publish_moved;	/* BCAST_EEPOCH is to be said */

	/* Shared memory; reader, node and publisher as the roles ask for. */
	bool in_shm;
	char name[BCAST_NAME_MAX + 1];
	struct bcast_reader *reader;
	struct bcast_node *node;
	struct bcast_publisher *publisher;
	struct bcast_nodes *nodes;
	bool forgiving; /* at the oldest record: losing it is no loss */
	uint64_t shm_epoch, ended_epoch;
	int shm_result; /* of the last attempt to open it again */
	uint64_t shm_try_ns, shm_lost_ns, shm_beat_ns;

	/* TCP. */
	struct bc_client_link down, up;
	struct bc_client_window window;
	uint64_t publisher_id;
	uint64_t work_due_ns;
	uint64_t happened;    /* goes up when a caller that waits should look */
	uint64_t batch_bytes; /* published since the last look at the socket */
	struct bc_client_letter *letters, **letters_end, *read_letter;
	size_t letter_bytes;
	struct bc_client_question question;
	uint64_t random; /* for jitter */

	int epoll_fd, timer_fd; /* -1: nobody has asked */
	int shm_event_fd;
};

static inline bool bc_client_has(const struct bcast_client *client,
				 uint32_t role)
{
	return (client->options.roles & role) != 0;
}

static inline bool bc_client_flag(const struct bcast_client *client,
				  uint32_t flag)
{
	return (client->options.flags & flag) != 0;
}

/* ---- client_address.c -------------------------------------------------- */

/* bc_client_address_parse - 0 or -EINVAL. Asks nobody. */
int bc_client_address_parse(const char *text,
			    struct bc_client_address *address);

/* ---- client_note.c ----------------------------------------------------- */

uint64_t bc_client_now(void);	 /* exact */
uint64_t bc_client_coarse(void); /* some ms behind, a few ns dear */

/* bc_client_deadline - of a timeout in ms; -1 is UINT64_MAX. */
uint64_t bc_client_deadline(int timeout_ms);

/* bc_client_left_ms - until then, rounded up; -1: for ever; 0: passed. */
int bc_client_left_ms(uint64_t deadline_ns);

/* bc_client_tell - on_event(), if there is one. role 0: all. */
void bc_client_tell(struct bcast_client *client, uint32_t happening,
		    uint32_t role, int result, const char *text);

void bc_client_refuse(struct bcast_client *client, uint32_t code,
		      uint32_t retry_after_ms, const char *text);

/* bc_client_lost - note a gap, and go on behind it. Returns `result`. */
int bc_client_lost(struct bcast_client *client, const struct bcast_gap *gap,
		   int result);

/* bc_client_lost_pending - the same, told by the next call. */
void bc_client_lost_pending(struct bcast_client *client,
			    const struct bcast_gap *gap);

/* The stream is another one now: the next call says so. */
void bc_client_epoch_pending(struct bcast_client *client);

/* A publisher's: is this another stream than the last one? */
void bc_client_publish_epoch(struct bcast_client *client, uint64_t epoch);

/* bc_client_take_pending - the result that is due, or 0. */
int bc_client_take_pending(struct bcast_client *client);

/* Where a subscriber begins, or goes on. */
struct bc_client_start {
	uint16_t from; /* enum bcast_start */
	uint64_t epoch, position, sequence, time_ns;
};
struct bc_client_start bc_client_start(const struct bcast_client *client);

/* bc_client_wants - of the key asked for? In place, so it may be torn. */
bool bc_client_wants(const struct bcast_client *client,
		     const struct bcast_packet *packet);

/* ---- client_link.c ----------------------------------------------------- */

/* bc_client_bytes_reserve - room for `size` more behind end. 0 or -ENOMEM. */
int bc_client_bytes_reserve(struct bc_client_bytes *bytes, size_t size);
void bc_client_bytes_free(struct bc_client_bytes *bytes);

/*
 * bc_client_link_receive - what has come, without waiting. `need`: bytes that
 * the record at in.begin takes, at least. Returns how many bytes more, 0, or
 * -errno if the connection is broken (-ECONNRESET: also if it was closed).
 */
int64_t bc_client_link_receive(struct bc_client_link *link, size_t need);

/*
 * bc_client_link_next - the next whole record of what has come. As
 * bc_client_record_next(); receives as long as there is none. The record stays
 * in place until the next call.
 */
int bc_client_link_next(struct bc_client_link *link,
			struct bc_client_record *record);

/* bc_client_link_say - put a control record where it is sent from. */
int bc_client_link_say(struct bc_client_link *link,
		       const struct bcast_packet_header *header,
		       const void *payload);

/*
 * bc_client_link_send - what can be sent now. If the daemon has closed, nothing
 * can any more; that the connection is over is found by receiving, at its end.
 */
void bc_client_link_send(struct bc_client_link *link);
bool bc_client_link_has_unsent(const struct bc_client_link *link);

/* bc_client_link_answer - PING, HEARTBEAT, and what is to be skipped. */
void bc_client_link_answer(struct bc_client_link *link,
			   const struct bc_client_record *record);

/* ---- client_hello.c ---------------------------------------------------- */

void bc_client_link_init(struct bc_client_link *link,
			 struct bcast_client *client);
void bc_client_link_fini(struct bc_client_link *link);

/* bc_client_link_begin - be connected, with these roles, from now on. */
void bc_client_link_begin(struct bc_client_link *link, uint32_t roles);

/* bc_client_link_fail - the connection, or the attempt, is over: try again. */
void bc_client_link_fail(struct bc_client_link *link, int result,
			 const char *text);

/* bc_client_link_rejected - the daemon has said why. */
void bc_client_link_rejected(struct bc_client_link *link,
			     const struct bc_client_record *record);

/* bc_client_link_end - over for good, with this result. */
void bc_client_link_end(struct bc_client_link *link, int result,
			const char *text);

/*
 * bc_client_link_work - whatever is due, without waiting: connect, HELLO, signs
 * of life, sending. Returns when something is due next.
 */
uint64_t bc_client_link_work(struct bc_client_link *link, uint64_t now_ns);

/* ---- client_welcome.c -------------------------------------------------- */

/* bc_client_welcome_down - a subscriber goes on there. 0 or -EPROTO. */
int bc_client_welcome_down(struct bcast_client *client);

/* bc_client_welcome_up - the daemon has this of a publisher. 0 or -EPROTO. */
int bc_client_welcome_up(struct bcast_client *client);

/* bc_client_accept - and this, by an ACK. 0 or -EPROTO. */
int bc_client_accept(struct bcast_client *client, uint64_t accepted);

/* ---- client_mail.c ----------------------------------------------------- */

/* bc_client_mail_hear - MESSAGE, RESULT, NODES or PONG. 0, -EPROTO, -ENOMEM. */
int bc_client_mail_hear(struct bcast_client *client,
			const struct bc_client_record *record);

/* bc_client_mail_answered - the question has its answer. */
void bc_client_mail_answered(struct bcast_client *client, int32_t result);

/* bc_client_mail_is_full - no more is to be read until some are taken. */
bool bc_client_mail_is_full(const struct bcast_client *client);

/* bc_client_mail_take - the first; its data is there until the next call. */
bool bc_client_mail_take(struct bcast_client *client,
			 struct bcast_message *message);
void bc_client_mail_forget(struct bcast_client *client);

/* ---- client_up.c ------------------------------------------------------- */

/* bc_client_up_read - all that has come by the link up. */
void bc_client_up_read(struct bcast_client *client);

/* ---- client_shm.c ------------------------------------------------------ */

/*
 * bc_client_shm_open - all roles, in the stream `name`; of this epoch, unless
 * it is 0. 0, or what stands at bcast_open(); then nothing is open.
 */
int bc_client_shm_open(struct bcast_client *client, const char *name,
		       uint64_t epoch, const struct bc_client_start *start);
void bc_client_shm_close(struct bcast_client *client);

/* As bcast_client_next(), _consume(), or BC_CLIENT_AGAIN. */
int bc_client_shm_next(struct bcast_client *client, struct bcast_packet *packet,
		       uint64_t deadline_ns);
int bc_client_shm_consume(struct bcast_client *client);

/* BCAST_ECLOSED; or BC_CLIENT_AGAIN: another one is waited for. */
int bc_client_shm_ended(struct bcast_client *client);

/*
 * bc_client_shm_reopen - at shm:NAME, until it is there. Returns 0, 1 when the
 * deadline has passed, BCAST_EABANDONED, or what will not pass by waiting.
 */
int bc_client_shm_reopen(struct bcast_client *client, uint64_t deadline_ns);

/* ---- client_shm_node.c ------------------------------------------------- */

int bc_client_shm_publish(struct bcast_client *client,
			  const struct bc_client_payload *payload,
			  uint64_t deadline_ns);
int bc_client_shm_flush(struct bcast_client *client);
int bc_client_shm_send(struct bcast_client *client, const char *to_id,
		       uint16_t type, const void *data, size_t size,
		       int timeout_ms);
int bc_client_shm_recv(struct bcast_client *client,
		       struct bcast_message *message, int timeout_ms);
int bc_client_shm_nodes(struct bcast_client *client,
			struct bcast_node_entry *entries, int max);

/* ---- client_tcp.c ------------------------------------------------------ */

/* bc_client_tcp_begin - connect as the roles, and what is undecided, ask for.
 */
void bc_client_tcp_begin(struct bcast_client *client);

/* bc_client_tcp_work - of both links, and what is undecided. */
void bc_client_tcp_work(struct bcast_client *client);

/*
 * bc_client_tcp_wait - work, until something has come by this link or can be
 * sent, or something was due. Returns 0; 1 when the deadline has passed; the
 * link's result if it has ended; BCAST_EABANDONED; BC_CLIENT_AGAIN.
 */
int bc_client_tcp_wait(struct bc_client_link *link, uint64_t deadline_ns);

/* bc_client_tcp_check - of that: the results below 0, without waiting. */
int bc_client_tcp_check(struct bc_client_link *link);

/* The link that publishes and exchanges messages. */
struct bc_client_link *bc_client_tcp_up(struct bcast_client *client);

/* ---- client_tcp_read.c ------------------------------------------------- */

int bc_client_tcp_next(struct bcast_client *client, struct bcast_packet *packet,
		       uint64_t deadline_ns);
void bc_client_tcp_consume(struct bcast_client *client);

/* ---- client_tcp_publish.c ---------------------------------------------- */

/* bc_client_tcp_limit - the largest payload with its key. */
size_t bc_client_tcp_limit(const struct bcast_client *client);

int bc_client_tcp_publish(struct bcast_client *client,
			  const struct bc_client_payload *payload,
			  uint64_t deadline_ns);
int bc_client_tcp_flush(struct bcast_client *client, uint64_t deadline_ns);

/* ---- client_tcp_node.c ------------------------------------------------- */

int bc_client_tcp_send(struct bcast_client *client, const char *to_id,
		       uint16_t type, const void *data, size_t size,
		       int timeout_ms);
int bc_client_tcp_recv(struct bcast_client *client,
		       struct bcast_message *message, uint64_t deadline_ns);
int bc_client_tcp_nodes(struct bcast_client *client,
			struct bcast_node_entry *entries, int max,
			int timeout_ms);
int bc_client_tcp_ping(struct bcast_client *client, int timeout_ms,
		       uint64_t *round_trip_ns);
/* ---- client_fd.c ------------------------------------------------------- */

/*
 * bc_client_fd_arm - nothing was found: let the descriptor tell when there is
 * something. Returns 0, or 1: look once more. All do nothing without one.
 */
int bc_client_fd_arm(struct bcast_client *client);
void bc_client_fd_wake_at(struct bcast_client *client, uint64_t when_ns);
void bc_client_fd_forget(struct bc_client_link *link);
void bc_client_fd_forget_shm(struct bcast_client *client);
void bc_client_fd_close(struct bcast_client *client);

#endif
