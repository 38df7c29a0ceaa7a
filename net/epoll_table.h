/* SPDX-License-Identifier: MIT */
/*
 * epoll_table.h - the requests of the epoll backend, and where each one is.
 *
 * A request is a slot of one array, named by its index, and in one place:
 *
 *	free -> queue -> (the call is tried) ----------------> done -> free
 *	                          |                             ^
 *	                          +-> parked at its descriptor -+
 *
 * Parked ones are found by descriptor, when the kernel says that it is ready,
 * and by token, to cancel them. Plain memory: no system call but for memory,
 * and that only at the start and when a larger descriptor than ever comes.
 *
 * Rejected: a slot per descriptor and direction. A descriptor may have a peek,
 * a receive and a send at a time, and then each needs a list of its own.
 */
#ifndef NET_EPOLL_TABLE_H
#define NET_EPOLL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BC_EPOLL_NONE UINT32_MAX

enum bc_epoll_kind {
	BC_EPOLL_ACCEPT,
	BC_EPOLL_RECV,
	BC_EPOLL_RECV_EACH,
	BC_EPOLL_SEND,
	BC_EPOLL_POLL,
	BC_EPOLL_WORD,
	BC_EPOLL_CANCEL, /* of the request with this token; no event */
};

struct bc_epoll_request {
	uint64_t token;
	union {
		void *into;	  /* receives; NULL to throw away */
		const void *from; /* sends */
	};
	size_t size;
	int fd;
	enum bc_epoll_kind kind;
	int flags;	    /* of recv(2); when done, of the event */
	int32_t result;	    /* when done */
	uint32_t next;	    /* in the list that it is in */
	uint32_t next_hash; /* parked: with the same hash of the token */
};

/* First in, first out. */
struct bc_epoll_list {
	uint32_t head;
	uint32_t tail;
};

/* Parked at a descriptor, oldest first. */
struct bc_epoll_descriptor {
	struct bc_epoll_list readers; /* all that wait for bytes or peers */
	struct bc_epoll_list writers;
	int next_again; /* see epoll.c */
	bool again;
};

struct bc_epoll_table {
	struct bc_epoll_request *requests;
	uint32_t capacity; /* a power of two */
	uint32_t touched;  /* slots from here on were never used */
	uint32_t free;
	uint32_t *buckets; /* heads, by hash of the token */
	unsigned hash_shift;
	struct bc_epoll_descriptor *descriptors;
	int descriptor_count;
};

/* bc_epoll_table_init - for at least `requests`. Returns 0, or -ENOMEM. */
int bc_epoll_table_init(struct bc_epoll_table *table, uint32_t requests);

/* bc_epoll_table_fini - free it; a zeroed one is allowed. */
void bc_epoll_table_fini(struct bc_epoll_table *table);

/* bc_epoll_table_take - a free slot, or BC_EPOLL_NONE. */
uint32_t bc_epoll_table_take(struct bc_epoll_table *table);

/* bc_epoll_table_release - the slot is in no list. */
void bc_epoll_table_release(struct bc_epoll_table *table, uint32_t index);

/* An empty list; put at its end; take its first, or BC_EPOLL_NONE. */
struct bc_epoll_list bc_epoll_list_empty(void);
void bc_epoll_list_push(struct bc_epoll_table *table,
			struct bc_epoll_list *list, uint32_t index);
uint32_t bc_epoll_list_pop(struct bc_epoll_table *table,
			   struct bc_epoll_list *list);

static inline bool bc_epoll_list_is_empty(const struct bc_epoll_list *list)
{
	return list->head == BC_EPOLL_NONE;
}

/*
 * bc_epoll_table_descriptor - what is parked there; NULL if nothing ever was.
 * Valid until the next reserve.
 */
struct bc_epoll_descriptor *bc_epoll_table_descriptor(
	struct bc_epoll_table *table, int fd);

/*
 * bc_epoll_table_reserve - have room for this descriptor. Returns 0, -EBADF
 * for a negative one, or -ENOMEM.
 */
int bc_epoll_table_reserve(struct bc_epoll_table *table, int fd);

/* bc_epoll_table_park - last at its descriptor, which was reserved. */
void bc_epoll_table_park(struct bc_epoll_table *table, uint32_t index);

/* bc_epoll_table_unpark - it is in no list then. */
void bc_epoll_table_unpark(struct bc_epoll_table *table, uint32_t index);

/* bc_epoll_table_find - the parked request with this token, or NONE. */
uint32_t bc_epoll_table_find(const struct bc_epoll_table *table,
			     uint64_t token);

#endif
