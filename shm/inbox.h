/* SPDX-License-Identifier: MIT */
/*
 * inbox.h - an inbox as memory: put a message in, take one out (layout.h,
 * struct bc_inbox_shm). inbox_hold.h is how senders take turns, inbox_pages.h
 * where the memory comes from.
 *
 * Whoever may join may write to these pages, so all that is read there is
 * bounded first, on both sides. A message is copied out and then checked, and
 * the copy is what the caller gets: in place, a faulty process could change it
 * between the check and the use. That is also why the records are not mapped
 * twice in a row as the ring is: a copy in two pieces costs nothing, a second
 * mapping of each inbox that a node has ever sent to does.
 */
#ifndef BC_INBOX_H
#define BC_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/layout.h"

struct bc_node;

/* A mapped inbox; shm == NULL is none. */
struct bc_inbox {
	struct bc_inbox_shm *shm;
	unsigned char *bytes;
	uint64_t capacity; /* of bytes: a power of two, at least a page */
};

#define BC_INBOX_ALIGN 32u
/* The header, and the id with what it is filled up by. */
#define BC_INBOX_OVERHEAD (sizeof(struct bc_message_shm) + BC_NAME)

/* bc_inbox_limit - the longest payload; any id. */
static inline uint64_t bc_inbox_limit(uint64_t capacity)
{
	return capacity - BC_INBOX_OVERHEAD;
}

/* ---- Sender ------------------------------------------------------------ */

struct bc_inbox_letter {
	struct bc_message_shm header;
	char id[BC_NAME]; /* the sender's; all of it is defined */
	const void *data;
};

/*
 * bc_inbox_seal - complete the header of a letter with data and size, at most
 * the limit of where it goes, and with its checksum. The other fields of the
 * header, and id, are there.
 */
void bc_inbox_seal(struct bc_inbox_letter *letter, const void *data,
		   size_t size);

/*
 * For whom: the slot's claim word, and what it was when looked up. known_head:
 * where the reader was, at least, when this sender looked last; it looks again
 * when that leaves no room, for the line is the reader's. Begins as anything.
 */
struct bc_inbox_addressee {
	const bc_u64 *claim_word;
	uint64_t claim;
	uint64_t *known_head;
};

/*
 * bc_inbox_put - put a sealed letter in. `me` is who sends, by one thread at a
 * time.
 *
 * patience_ns	how long to wait for another sender that does not get on
 * holder	receives its holder word with -EBUSY
 *
 * Returns 0, -ENOENT (the addressee is gone), BCAST_EFULL, -EBUSY, or
 * BCAST_EPROTO (the inbox is damaged; its reader will repair it).
 */
int bc_inbox_put(const struct bc_inbox *inbox, const struct bc_node *me,
		 const struct bc_inbox_addressee *to,
		 const struct bc_inbox_letter *letter, uint64_t patience_ns,
		 uint64_t *holder);

/*
 * bc_inbox_await_room - sleep until the reader has taken something out, for at
 * most timeout_ns, unless there is room for the letter or the addressee is
 * gone. May return early for no reason.
 */
void bc_inbox_await_room(const struct bc_inbox *inbox,
			 const struct bc_inbox_addressee *to,
			 const struct bc_inbox_letter *letter,
			 uint64_t timeout_ns);

/* bc_inbox_give_up - count a send that found no room. */
void bc_inbox_give_up(const struct bc_inbox *inbox);

/* ---- Reader ------------------------------------------------------------ */

/* The one who reads; where it stands it knows better than the page. */
struct bc_inbox_reader {
	struct bc_inbox inbox;
	uint64_t head;
};

/*
 * bc_inbox_take - take the next message out: header and id to *letter, the
 * payload to `buffer`, which has room for bc_inbox_limit() bytes and becomes
 * letter.data.
 *
 * Returns 1, 0 (none there), or BCAST_EPROTO: something damaged was found and
 * done away with, one record where its length can be, else all. Never blocks.
 */
int bc_inbox_take(struct bc_inbox_reader *reader,
		  struct bc_inbox_letter *letter, void *buffer);

/*
 * bc_inbox_await_mail - sleep until something is put in, for at most
 * timeout_ns, unless something is there. May return early for no reason.
 */
void bc_inbox_await_mail(const struct bc_inbox_reader *reader,
			 uint64_t timeout_ns);

/*
 * bc_inbox_ask_to_be_woken - for a reader who sleeps elsewhere, until the count
 * of this inbox changes or is woken: have senders wake it from now on. Returns
 * false if something is there already. bc_inbox_need_no_wake() ends it.
 */
bool bc_inbox_ask_to_be_woken(const struct bc_inbox_reader *reader);
void bc_inbox_need_no_wake(const struct bc_inbox_reader *reader);

/* bc_inbox_has_mail - whether bc_inbox_take() would find something. */
bool bc_inbox_has_mail(const struct bc_inbox_reader *reader);

#endif
