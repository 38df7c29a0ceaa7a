/* SPDX-License-Identifier: MIT */
/*
 * epoll_table.c - see epoll_table.h.
 *
 * The array is as large as all requests can ever be, but only the pages that
 * were used exist: slots are handed out in order, and what came back last goes
 * first.
 */
#include <errno.h>
#include <stdlib.h>

#include "net/epoll_table.h"
#include "shm/assert.h"

#define DESCRIPTORS_MIN 1024

/* ---- Slots ------------------------------------------------------------- */

int bc_epoll_table_init(struct bc_epoll_table *table, uint32_t requests)
{
	*table = (struct bc_epoll_table){
		.capacity = 2,
		.hash_shift = 63,
		.free = BC_EPOLL_NONE,
	};
	while (table->capacity < requests) {
		table->capacity *= 2;
		table->hash_shift--;
	}
	table->requests = calloc(table->capacity, sizeof(*table->requests));
	table->buckets = calloc(table->capacity, sizeof(*table->buckets));
	if (table->requests && table->buckets)
		return 0;
	bc_epoll_table_fini(table);
	return -ENOMEM;
}

void bc_epoll_table_fini(struct bc_epoll_table *table)
{
	free(table->requests);
	free(table->buckets);
	free(table->descriptors);
	*table = (struct bc_epoll_table){0};
}

uint32_t bc_epoll_table_take(struct bc_epoll_table *table)
{
	uint32_t index = table->free;

	if (index != BC_EPOLL_NONE) {
		table->free = table->requests[index].next;
		return index;
	}
	if (table->touched == table->capacity)
		return BC_EPOLL_NONE;
	return table->touched++;
}

void bc_epoll_table_release(struct bc_epoll_table *table, uint32_t index)
{
	table->requests[index].next = table->free;
	table->free = index;
}

/* ---- Lists ------------------------------------------------------------- */

struct bc_epoll_list bc_epoll_list_empty(void)
{
	return (struct bc_epoll_list){BC_EPOLL_NONE, BC_EPOLL_NONE};
}

void bc_epoll_list_push(struct bc_epoll_table *table,
			struct bc_epoll_list *list, uint32_t index)
{
	table->requests[index].next = BC_EPOLL_NONE;
	if (list->head == BC_EPOLL_NONE)
		list->head = index;
	else
		table->requests[list->tail].next = index;
	list->tail = index;
}

uint32_t bc_epoll_list_pop(struct bc_epoll_table *table,
			   struct bc_epoll_list *list)
{
	uint32_t index = list->head;

	if (index != BC_EPOLL_NONE)
		list->head = table->requests[index].next;
	return index;
}

/* The first nearly always: there is one reader and one writer, or two. */
static void remove_from(struct bc_epoll_table *table,
			struct bc_epoll_list *list, uint32_t index)
{
	uint32_t before = list->head;

	if (before == index) {
		(void)bc_epoll_list_pop(table, list);
		return;
	}
	while (table->requests[before].next != index) {
		before = table->requests[before].next;
		BC_ASSERT(before != BC_EPOLL_NONE);
	}
	table->requests[before].next = table->requests[index].next;
	if (list->tail == index)
		list->tail = before;
}

/* ---- By descriptor ----------------------------------------------------- */

struct bc_epoll_descriptor *bc_epoll_table_descriptor(
	struct bc_epoll_table *table, int fd)
{
	if (fd < 0 || fd >= table->descriptor_count)
		return NULL;
	return &table->descriptors[fd];
}

int bc_epoll_table_reserve(struct bc_epoll_table *table, int fd)
{
	struct bc_epoll_descriptor *larger;
	int count = table->descriptor_count;

	if (fd < 0)
		return -EBADF;
	if (fd < count)
		return 0;
	if (count == 0)
		count = DESCRIPTORS_MIN;
	while (count <= fd)
		count *= 2; /* the kernel's limit is far from an int's */
	larger = reallocarray(table->descriptors, (size_t)count,
			      sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	for (int i = table->descriptor_count; i < count; i++)
		larger[i] = (struct bc_epoll_descriptor){
			.readers = bc_epoll_list_empty(),
			.writers = bc_epoll_list_empty(),
		};
	table->descriptors = larger;
	table->descriptor_count = count;
	return 0;
}

static struct bc_epoll_list *place_of(struct bc_epoll_table *table,
				      const struct bc_epoll_request *request)
{
	struct bc_epoll_descriptor *descriptor =
		bc_epoll_table_descriptor(table, request->fd);

	BC_ASSERT(descriptor);
	return request->kind == BC_EPOLL_SEND ? &descriptor->writers
					      : &descriptor->readers;
}

/* ---- By token ---------------------------------------------------------- */

/* Buckets hold index + 1: 0, as they begin, is nobody. */
static uint32_t *bucket_of(const struct bc_epoll_table *table, uint64_t token)
{
	const uint64_t golden_ratio = UINT64_C(0x9e3779b97f4a7c15);

	return &table->buckets[(token * golden_ratio) >> table->hash_shift];
}

void bc_epoll_table_park(struct bc_epoll_table *table, uint32_t index)
{
	struct bc_epoll_request *request = &table->requests[index];
	uint32_t *bucket = bucket_of(table, request->token);

	bc_epoll_list_push(table, place_of(table, request), index);
	request->next_hash = *bucket;
	*bucket = index + 1;
}

void bc_epoll_table_unpark(struct bc_epoll_table *table, uint32_t index)
{
	struct bc_epoll_request *request = &table->requests[index];
	uint32_t *link = bucket_of(table, request->token);

	while (*link != index + 1) {
		BC_ASSERT(*link != 0);
		link = &table->requests[*link - 1].next_hash;
	}
	*link = request->next_hash;
	remove_from(table, place_of(table, request), index);
}

uint32_t bc_epoll_table_find(const struct bc_epoll_table *table, uint64_t token)
{
	uint32_t link = *bucket_of(table, token);

	while (link != 0 && table->requests[link - 1].token != token)
		link = table->requests[link - 1].next_hash;
	return link == 0 ? BC_EPOLL_NONE : link - 1;
}
