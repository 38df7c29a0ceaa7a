/* SPDX-License-Identifier: MIT */
/*
 * watch_events.c - see watch.h: what happened, worked out from two looks.
 *
 * Nobody tells: what is in one look and not in the other has come or gone in
 * between. Why a connection has ended stands in the segment's memory of closed
 * connections, which also has those that came and went between the looks. Words
 * for roles, reasons and states are the library's. A storm of connections is
 * told by the first few, and a number.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "format.h"
#include "watch.h"

#define TOLD_PER_KIND 20 /* in one look */

static void tell(struct watch *watch, uint64_t realtime_ns,
		 enum watch_style style, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void tell(struct watch *watch, uint64_t realtime_ns,
		 enum watch_style style, const char *format, ...)
{
	struct watch_event *event =
		&watch->events[watch->event_count++ % WATCH_EVENTS];
	va_list arguments;

	event->realtime_ns = realtime_ns;
	event->style = style;
	va_start(arguments, format);
	(void)vsnprintf(event->text, sizeof(event->text), format, arguments);
	va_end(arguments);
}

static void tell_rest(struct watch *watch, size_t count, const char *what)
{
	if (count > TOLD_PER_KIND)
		tell(watch, watch->realtime_ns, WATCH_PLAIN, "and %zu more %s",
		     count - TOLD_PER_KIND, what);
}

/* ---- The stream -------------------------------------------------------- */

static void compare_state(struct watch *watch)
{
	const struct bcast_stream_info *now = &watch->now.stream;
	const char *state = bcast_condition_name(now);
	const char *before = bcast_condition_name(&watch->before.stream);
	bool is_dead = strcmp(state, "dead") == 0;

	if (now->incarnation != watch->before.stream.incarnation)
		tell(watch, watch->realtime_ns, WATCH_GOOD,
		     "daemon %" PRIu32 " has taken the stream over "
		     "(incarnation %" PRIu32 ")",
		     now->owner_pid, now->incarnation);
	if (strcmp(state, before) == 0)
		return;
	if (is_dead && now->fatal_incarnation == now->incarnation)
		tell(watch, watch->dead_since_ns, WATCH_BAD,
		     "daemon %" PRIu32 " died: signal %" PRIu32 ", %s",
		     now->owner_pid, now->fatal_signal, now->fatal_text);
	else if (is_dead)
		tell(watch, watch->dead_since_ns, WATCH_BAD,
		     "daemon %" PRIu32 " died", now->owner_pid);
	else
		tell(watch, watch->realtime_ns,
		     strcmp(state, "live") == 0 ? WATCH_GOOD : WATCH_BAD,
		     "the stream is %s", state);
}

static void compare_writer(struct watch *watch)
{
	const struct bcast_writer_info *now = &watch->now.writer;
	const struct bcast_writer_info *before = &watch->before.writer;

	if (now->kind == before->kind && now->grants == before->grants &&
	    strcmp(now->who, before->who) == 0)
		return;
	if (now->kind == BCAST_WRITER_NONE)
		tell(watch, watch->realtime_ns, WATCH_PLAIN,
		     "%s %s writes no more",
		     bcast_writer_kind_name(before->kind), before->who);
	else
		tell(watch, watch->realtime_ns, WATCH_PLAIN, "%s %s writes",
		     bcast_writer_kind_name(now->kind), now->who);
}

/* ---- Connections ------------------------------------------------------- */

static const struct bcast_peer_info *peer_before(
	const struct watch *watch, const struct bcast_peer_info *p,
	size_t *from)
{
	const struct shmstat *before = &watch->before;

	while (*from < before->peer_count &&
	       before->peers[*from].slot < p->slot)
		(*from)++;
	if (*from < before->peer_count &&
	    before->peers[*from].slot == p->slot &&
	    before->peers[*from].connected_realtime_ns ==
		    p->connected_realtime_ns)
		return &before->peers[*from];
	return NULL;
}

static void compare_peers(struct watch *watch)
{
	size_t joined = 0;
	size_t from = 0;

	for (size_t i = 0; i < watch->now.peer_count; i++) {
		const struct bcast_peer_info *p = &watch->now.peers[i];
		const struct bcast_peer_info *before =
			peer_before(watch, p, &from);
		const char *role = bcast_role_name(p->role);

		if (!before && ++joined <= TOLD_PER_KIND)
			tell(watch, p->connected_realtime_ns, WATCH_GOOD,
			     "%s %s joined", role, p->peer);
		else if (before && before->role != p->role)
			tell(watch, watch->realtime_ns, WATCH_PLAIN,
			     "%s %s is a %s now", bcast_role_name(before->role),
			     p->peer, role);
		if (before && p->skipped > before->skipped)
			tell(watch, watch->realtime_ns, WATCH_BAD,
			     "%s %s was too slow: skipped %s", role, p->peer,
			     format_bytes(p->skipped - before->skipped).text);
	}
	tell_rest(watch, joined, "joined");
}

static void tell_closed(struct watch *watch, const struct bcast_closed_info *c)
{
	bool by_itself = c->reason == BCAST_CLOSE_PEER;

	tell(watch, c->closed_realtime_ns, by_itself ? WATCH_PLAIN : WATCH_BAD,
	     "%s %s left: %s%s%s, lag %s, %s", bcast_role_name(c->role),
	     c->peer, bcast_close_reason_name(c->reason),
	     c->error < 0 ? ": " : "",
	     c->error < 0 ? bcast_strerror(c->error) : "",
	     format_bytes(c->lag).text, format_bytes(c->bytes).text);
}

/* Newest first: the last of a storm are told, in their order. */
static void compare_closed(struct watch *watch)
{
	size_t count = watch->now.closed_count;

	/* at the very first look there is nothing to compare with */
	if (!watch->has_closed)
		return;
	tell_rest(watch, count, "left");
	for (size_t i = count < TOLD_PER_KIND ? count : TOLD_PER_KIND; i > 0;
	     i--)
		tell_closed(watch, &watch->now.closed[i - 1]);
}

/* ---- Nodes ------------------------------------------------------------- */

static const struct bcast_node_info *find_node(
	const struct nodes *nodes, const struct bcast_node_info *node)
{
	for (int i = 0; i < nodes->count; i++)
		if (nodes->entries[i].slot == node->slot &&
		    nodes->entries[i].joined_realtime_ns ==
			    node->joined_realtime_ns)
			return &nodes->entries[i];
	return NULL;
}

static void compare_node(struct watch *watch, const struct bcast_node_info *now,
			 const struct bcast_node_info *before)
{
	if (now->state != before->state)
		tell(watch, watch->realtime_ns,
		     now->state == BCAST_NODE_ALIVE ? WATCH_GOOD : WATCH_BAD,
		     "node %s is %s", now->id,
		     bcast_node_state_name(now->state));
	if (now->laps > before->laps)
		tell(watch, watch->realtime_ns, WATCH_BAD,
		     "node %s was overtaken: lost %s", now->id,
		     format_bytes(now->lost_bytes - before->lost_bytes).text);
	if (now->gates_given_up > before->gates_given_up)
		tell(watch, watch->realtime_ns, WATCH_BAD,
		     "node %s stood still: writers wait for it no more",
		     now->id);
}

static void compare_nodes(struct watch *watch)
{
	const struct nodes *now = &watch->now.nodes;
	const struct nodes *before = &watch->before.nodes;
	size_t joined = 0;
	size_t gone = 0;

	if (watch->now.nodes_problem.text[0] ||
	    watch->before.nodes_problem.text[0])
		return;
	for (int i = 0; i < now->count; i++) {
		const struct bcast_node_info *n = &now->entries[i];
		const struct bcast_node_info *was = find_node(before, n);

		if (was)
			compare_node(watch, n, was);
		else if (++joined <= TOLD_PER_KIND)
			tell(watch, n->joined_realtime_ns, WATCH_GOOD,
			     "node %s joined", n->id);
	}
	tell_rest(watch, joined, "joined");
	for (int i = 0; i < before->count; i++)
		if (!find_node(now, &before->entries[i]) &&
		    ++gone <= TOLD_PER_KIND)
			tell(watch, watch->realtime_ns, WATCH_PLAIN,
			     "node %s is gone", before->entries[i].id);
	tell_rest(watch, gone, "gone");
}

/* ---- What the daemon complains of -------------------------------------- */

static uint64_t count_before(const struct watch *watch,
			     const struct bcast_error_info *error)
{
	const struct shmstat *before = &watch->before;

	for (size_t i = 0; i < before->error_count; i++)
		if (before->errors[i].first_realtime_ns ==
			    error->first_realtime_ns &&
		    strcmp(before->errors[i].event, error->event) == 0 &&
		    strcmp(before->errors[i].text, error->text) == 0)
			return before->errors[i].count;
	return 0;
}

/* They come newest first, and are told in their order. */
static void compare_errors(struct watch *watch)
{
	for (size_t i = watch->now.error_count; i > 0; i--) {
		const struct bcast_error_info *error =
			&watch->now.errors[i - 1];
		uint64_t before = count_before(watch, error);

		if (error->count > before)
			tell(watch, error->last_realtime_ns, WATCH_BAD,
			     "log: %s %s %s (%" PRIu64 " times)",
			     bcast_error_level_name(error->level), error->event,
			     error->text, error->count);
	}
}

void watch_compare(struct watch *watch)
{
	if (watch->another) {
		tell(watch, watch->realtime_ns, WATCH_GOOD,
		     "a new stream of this name: daemon %" PRIu32
		     ", epoch 0x%016" PRIx64,
		     watch->now.stream.owner_pid, watch->now.stream.epoch);
		return;
	}
	compare_state(watch);
	compare_writer(watch);
	compare_peers(watch);
	compare_closed(watch);
	compare_nodes(watch);
	compare_errors(watch);
}
