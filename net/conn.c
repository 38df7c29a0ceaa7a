/* SPDX-License-Identifier: MIT */
/* conn.c - see conn.h. */
#include <errno.h>
#include <stdlib.h>

#include "net/conn.h"
#include "shm/assert.h"

#define FREE_LIST_ID 1u

int bc_conn_table_init(struct bc_conn_table *table, uint32_t count)
{
	BC_ASSERT(count < BC_TOKEN_SLOTS);
	table->conns = calloc(count, sizeof(table->conns[0]));
	if (!table->conns)
		return -ENOMEM;
	table->count = count;
	table->ended = BC_CONN_NONE;
	bc_conn_list_init(&table->free, FREE_LIST_ID);
	for (uint32_t slot = 0; slot < count; slot++)
		bc_conn_list_push(table, &table->free, &table->conns[slot]);
	return 0;
}

void bc_conn_table_fini(struct bc_conn_table *table)
{
	free(table->conns);
	*table = (struct bc_conn_table){0};
}

/* The slot is in no list. */
static void make_open(struct bc_conn_table *table, struct bc_conn *conn, int fd)
{
	uint32_t generation = conn->generation;

	table->used++;
	*conn = (struct bc_conn){
		.fd = fd,
		.generation = generation,
		.state = BC_CONN_OPEN,
	};
}

struct bc_conn *bc_conn_open(struct bc_conn_table *table, int fd)
{
	struct bc_conn *conn = bc_conn_list_pop(table, &table->free);

	if (conn)
		make_open(table, conn, fd);
	return conn;
}

struct bc_conn *bc_conn_open_at(struct bc_conn_table *table, int fd,
				uint32_t slot)
{
	struct bc_conn *conn = &table->conns[slot];

	BC_ASSERT(slot < table->count);
	if (conn->state != BC_CONN_FREE)
		return NULL;
	bc_conn_list_remove(table, &table->free, conn);
	make_open(table, conn, fd);
	return conn;
}

void bc_conn_end(struct bc_conn_table *table, struct bc_conn *conn,
		 uint32_t reason, int error)
{
	if (conn->state != BC_CONN_OPEN)
		return;
	conn->state = BC_CONN_ENDED;
	conn->close_reason = reason;
	conn->close_error = error;
	conn->next_ended = table->ended;
	table->ended = bc_conn_slot(table, conn);
}

struct bc_conn *bc_conn_take_ended(struct bc_conn_table *table)
{
	struct bc_conn *conn;

	if (table->ended == BC_CONN_NONE)
		return NULL;
	conn = &table->conns[table->ended];
	table->ended = conn->next_ended;
	return conn;
}

void bc_conn_begin_close(struct bc_conn *conn)
{
	BC_ASSERT(conn->state == BC_CONN_ENDED);
	BC_ASSERT(conn->list == 0);
	conn->state = BC_CONN_CLOSING;
}

static void make_free(struct bc_conn_table *table, struct bc_conn *conn)
{
	BC_ASSERT(conn->in_flight == 0);
	BC_ASSERT(conn->owed.count == 0);
	conn->state = BC_CONN_FREE;
	conn->fd = -1;
	conn->generation++;
	table->used--;
	table->released++;
	bc_conn_list_push(table, &table->free, conn);
}

void bc_conn_release(struct bc_conn_table *table, struct bc_conn *conn)
{
	BC_ASSERT(conn->state == BC_CONN_CLOSING);
	make_free(table, conn);
}

void bc_conn_withdraw(struct bc_conn_table *table, struct bc_conn *conn)
{
	BC_ASSERT(conn->state == BC_CONN_OPEN);
	make_free(table, conn);
}

struct bc_conn *bc_conn_by_token(const struct bc_conn_table *table,
				 struct bc_token token)
{
	struct bc_conn *conn;

	if (token.slot >= table->count)
		return NULL;
	conn = &table->conns[token.slot];
	if (conn->state == BC_CONN_FREE || conn->generation != token.generation)
		return NULL;
	return conn;
}

/* ---- Lists ------------------------------------------------------------- */

void bc_conn_list_init(struct bc_conn_list *list, uint32_t id)
{
	BC_ASSERT(id > 0);
	*list = (struct bc_conn_list){
		.id = id,
		.head = BC_CONN_NONE,
		.tail = BC_CONN_NONE,
	};
}

void bc_conn_list_push(struct bc_conn_table *table, struct bc_conn_list *list,
		       struct bc_conn *conn)
{
	uint32_t slot = bc_conn_slot(table, conn);

	BC_ASSERT(conn->list == 0);
	conn->list = list->id;
	conn->next = BC_CONN_NONE;
	conn->prev = list->tail;
	if (list->tail == BC_CONN_NONE)
		list->head = slot;
	else
		table->conns[list->tail].next = slot;
	list->tail = slot;
}

void bc_conn_list_remove(struct bc_conn_table *table, struct bc_conn_list *list,
			 struct bc_conn *conn)
{
	if (conn->list != list->id)
		return;
	if (conn->prev == BC_CONN_NONE)
		list->head = conn->next;
	else
		table->conns[conn->prev].next = conn->next;
	if (conn->next == BC_CONN_NONE)
		list->tail = conn->prev;
	else
		table->conns[conn->next].prev = conn->prev;
	conn->list = 0;
}

struct bc_conn *bc_conn_list_pop(struct bc_conn_table *table,
				 struct bc_conn_list *list)
{
	struct bc_conn *conn;

	if (list->head == BC_CONN_NONE)
		return NULL;
	conn = &table->conns[list->head];
	bc_conn_list_remove(table, list, conn);
	return conn;
}
