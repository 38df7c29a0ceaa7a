/* SPDX-License-Identifier: MIT */
/*
 * inbox_pages.c - see inbox_pages.h.
 *
 * A page that the object does not have yet is found at the first write to it,
 * or that write is a SIGBUS. So a tenant has all its pages before anybody can
 * address it, and they may go only when nobody is writing:
 *
 *	sender				who clears
 *	holder := mine			claim := SWEPT
 *	claim: still my addressee?	holder: 0?
 *	write				give back
 *
 * All in one order, so at least one of the two sees the other. A sender that
 * comes later goes no further than the header, whose page stays. If one is in
 * the middle, dead or alive, the pages stay as well, for the next tenant: it
 * cannot join before the word is free.
 *
 * The word is read by a system call, since who clears may be a daemon that has
 * not mapped this page and must not depend on its being there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/inbox_hold.h"
#include "shm/inbox_pages.h"
#include "shm/object.h"

/* A message is copied in less, except on a machine that is very busy. */
#define OPEN_PATIENCE_NS ((uint64_t)(2 * BC_NS_PER_MS))

static uint64_t offset_of(const struct bc_registry_geometry *geometry,
			  uint32_t slot)
{
	return geometry->inboxes_offset + slot * geometry->inbox_size;
}

int bc_inbox_map(struct bc_inbox *inbox, const struct bc_node_table *table,
		 uint32_t slot)
{
	const struct bc_registry_geometry *geometry = &table->geometry;
	unsigned char *base =
		mmap(NULL, geometry->inbox_size, PROT_READ | PROT_WRITE,
		     MAP_SHARED, table->fd, (off_t)offset_of(geometry, slot));

	if (base == MAP_FAILED)
		return -errno;
	*inbox = (struct bc_inbox){
		.shm = (struct bc_inbox_shm *)(void *)base,
		.bytes = base + BC_PAGE,
		.capacity = geometry->inbox_size - BC_PAGE,
	};
	return 0;
}

void bc_inbox_unmap(struct bc_inbox *inbox)
{
	if (inbox->shm)
		(void)munmap(inbox->shm, BC_PAGE + inbox->capacity);
	*inbox = (struct bc_inbox){0};
}

/* Under holder. What stands there may be anything. */
static void reset(struct bc_inbox_reader *reader)
{
	struct bc_inbox_shm *shm = reader->inbox.shm;
	uint64_t tail = atomic_load_explicit(&shm->tail, memory_order_relaxed) &
			~(uint64_t)(BC_INBOX_ALIGN - 1);

	reader->head = tail;
	atomic_store_explicit(&shm->tail, tail, memory_order_relaxed);
	atomic_store_explicit(&shm->head, tail, memory_order_relaxed);
	atomic_store_explicit(&shm->refused, 0, memory_order_relaxed);
	atomic_store_explicit(&shm->damaged, 0, memory_order_relaxed);
	atomic_store_explicit(&shm->room_awaited, 0, memory_order_relaxed);
	atomic_store_explicit(&shm->reader_sleeps, 0, memory_order_relaxed);
}

int bc_inbox_open(struct bc_inbox_reader *reader, const struct bc_node *me)
{
	const struct bc_node_table *table = me->table;
	uint64_t holder;
	int ret = bc_object_allocate(table->fd,
				     offset_of(&table->geometry, me->index),
				     table->geometry.inbox_size);

	if (ret == 0)
		ret = bc_inbox_map(&reader->inbox, table, me->index);
	if (ret < 0)
		return ret;
	ret = bc_inbox_hold(&reader->inbox, me, OPEN_PATIENCE_NS, &holder);
	if (ret < 0) {
		bc_inbox_unmap(&reader->inbox);
		return ret;
	}
	reset(reader);
	bc_inbox_let_go(&reader->inbox, me);
	return 0;
}

void bc_inbox_give_back(const struct bc_node_table *table, uint32_t slot)
{
	off_t offset = (off_t)offset_of(&table->geometry, slot);
	uint64_t holder;

	/* claim := SWEPT before, holder after: see the head of this file */
	atomic_thread_fence(memory_order_seq_cst);
	if (pread(table->fd, &holder, sizeof(holder), offset) !=
		    sizeof(holder) ||
	    holder != 0)
		return;
	/* if it cannot be, they wait for the next tenant */
	(void)fallocate(table->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			offset + (off_t)BC_PAGE,
			(off_t)(table->geometry.inbox_size - BC_PAGE));
}

struct bc_inbox_counts bc_inbox_count(const struct bc_node_table *table,
				      uint32_t slot)
{
	uint64_t words[offsetof(struct bc_inbox_shm, unused_reader) /
		       sizeof(uint64_t)];
	struct bc_inbox_shm shm = {0};
	uint64_t used, capacity = table->geometry.inbox_size - BC_PAGE;

	if (pread(table->fd, words, sizeof(words),
		  (off_t)offset_of(&table->geometry, slot)) != sizeof(words))
		return (struct bc_inbox_counts){0};
	memcpy(&shm, words, sizeof(words));
	used = shm.tail - shm.head;
	return (struct bc_inbox_counts){
		.used = used <= capacity ? used : 0,
		.refused = shm.refused,
		.damaged = shm.damaged,
	};
}
