/* SPDX-License-Identifier: MIT */
/*
 * shmstat_text.c - the stream as text for people: what matters on one screen,
 * tables below it on request. Scripts take --json; this layout may change.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "format.h"
#include "rights.h"
#include "shmstat.h"

#define BYTES(n)    (format_bytes(n).text)
#define DURATION(n) (format_duration(n).text)
#define TIME(n)	    (format_time(n).text)

static uint64_t realtime_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) +
	       (uint64_t)now.tv_nsec;
}

/* Clocks are set back at times, and segments hold any number. */
static uint64_t age_ns(uint64_t then_ns)
{
	uint64_t now_ns = realtime_ns();

	return now_ns > then_ns ? now_ns - then_ns : 0;
}

static int wider(int width, const char *text)
{
	int length = (int)strlen(text);

	return length > width ? length : width;
}

/* The words on the left of the first screen, the daemon's facts included. */
static void label(const struct shmstat *stat, const char *name)
{
	int width = 9;

	for (size_t i = 0; i < stat->fact_count; i++)
		width = wider(width, stat->facts[i].key);
	printf("%-*s  ", width, name);
}

static bool runs(const struct bcast_stream_info *s)
{
	return s->writer_alive && s->state != BCAST_STREAM_CLOSED;
}

/* ---- The first screen -------------------------------------------------- */

static void print_death(const struct shmstat *stat)
{
	const struct bcast_stream_info *s = &stat->stream;

	printf("dead: daemon died, heartbeat %s ago\n",
	       DURATION(s->heartbeat_age_ns));
	if (s->fatal_incarnation != s->incarnation)
		return;
	label(stat, "fault");
	printf("signal %" PRIu32 ", %s\n", s->fatal_signal, s->fatal_text);
}

static void print_state(const struct shmstat *stat)
{
	const struct bcast_stream_info *s = &stat->stream;
	const char *state = bcast_condition_name(s);

	label(stat, "state");
	if (strcmp(state, "dead") == 0)
		print_death(stat);
	else if (strcmp(state, "stuck") == 0)
		printf("stuck: daemon is alive, but heartbeat %s ago\n",
		       DURATION(s->heartbeat_age_ns));
	else if (s->state == BCAST_STREAM_CLOSED)
		printf("closed: ended %s\n", TIME(s->ended_realtime_ns));
	else
		printf("%s\n", state);
}

static void print_identity(const struct shmstat *stat)
{
	const struct bcast_stream_info *s = &stat->stream;

	label(stat, "stream");
	printf("%s (%s)\n", s->name, bcast_format_name(s->format));
	print_state(stat);
	label(stat, "epoch");
	printf("0x%016" PRIx64 ", incarnation %" PRIu32 "\n", s->epoch,
	       s->incarnation);
	label(stat, "owner");
	printf("pid %" PRIu32, s->owner_pid);
	if (runs(s))
		printf(", up %s", DURATION(age_ns(s->started_realtime_ns)));
	printf(", started %s\n", TIME(s->started_realtime_ns));
	label(stat, "rights");
	printf("user %s, group %s, mode %s\n", rights_user(s->owner_uid).text,
	       rights_group(s->group_gid).text, rights_mode(s->mode).text);
	label(stat, "ring");
	printf("%s, holds %s: positions %" PRIu64 " to %" PRIu64 "\n",
	       BYTES(s->capacity), BYTES(s->tail - s->oldest), s->oldest,
	       s->tail);
	if (s->format == BCAST_FORMAT_PACKET) {
		label(stat, "records");
		printf("%" PRIu64 "\n", s->sequence ? s->sequence - 1 : 0);
	}
	label(stat, "born");
	printf("%s, %s ago\n", TIME(s->created_realtime_ns),
	       DURATION(age_ns(s->created_realtime_ns)));
}

static void print_writer(const struct shmstat *stat)
{
	const char *separator = " from ";

	for (size_t i = 0; i < stat->peer_count; i++) {
		const struct bcast_peer_info *peer = &stat->peers[i];

		if (!shmstat_is_sender(peer))
			continue;
		printf("%s%s%s", separator, peer->peer,
		       peer->role == BCAST_ROLE_WAITING ? " (waiting)" : "");
		separator = ", ";
	}
	if (stat->writer.kind == BCAST_WRITER_NODE)
		printf("%slocal publisher %s, pid %" PRIu32 ", since %s\n",
		       separator, stat->writer.who, stat->writer.pid,
		       TIME(stat->writer.since_realtime_ns));
	else
		printf("%s\n", stat->totals.senders == 0 ? ", no sender" : "");
}

static void print_traffic(const struct shmstat *stat)
{
	const struct bcast_summary_info *t = &stat->totals;

	label(stat, "in");
	printf("%s in %" PRIu64 " receives", BYTES(t->bytes_in), t->receives);
	print_writer(stat);
	label(stat, "out");
	printf("%s in %" PRIu64 " sends, %" PRIu64 " of them short\n",
	       BYTES(t->bytes_out), t->sends, t->short_sends);
	label(stat, "receivers");
	printf("%" PRIu64 " of %" PRIu32 "%s, lag max %s; %" PRIu64
	       " dropped, %" PRIu64 " refused\n",
	       t->receivers, stat->stream.max_receivers,
	       runs(&stat->stream) ? "" : " at the end", BYTES(t->lag_max),
	       t->dropped, t->refused);
}

/* Nothing if they are out of reach: --nodes says why. */
static void print_node_totals(const struct shmstat *stat)
{
	const struct nodes *nodes = &stat->nodes;
	int states[BCAST_NODE_DAMAGED + 1] = {0};
	uint64_t lag_max = 0;

	if (stat->nodes_problem.text[0])
		return;
	for (int i = 0; i < nodes->count; i++) {
		const struct bcast_node_info *n = &nodes->entries[i];

		if (n->state <= BCAST_NODE_DAMAGED)
			states[n->state]++;
		if (n->state != BCAST_NODE_DEAD && n->lag > lag_max)
			lag_max = n->lag;
	}
	label(stat, "nodes");
	printf("%d of %" PRIu32 ", lag max %s; %d stuck, %d damaged, %d dead\n",
	       nodes->count - states[BCAST_NODE_DEAD], nodes->limit,
	       BYTES(lag_max), states[BCAST_NODE_STUCK],
	       states[BCAST_NODE_DAMAGED], states[BCAST_NODE_DEAD]);
}

static void print_facts(const struct shmstat *stat)
{
	for (size_t i = 0; i < stat->fact_count; i++) {
		label(stat, stat->facts[i].key);
		printf("%s\n", stat->facts[i].value);
	}
}

/* ---- Tables ------------------------------------------------------------ */

static void print_peers(const struct shmstat *stat)
{
	int peer_width = 4, local_width = 5;

	for (size_t i = 0; i < stat->peer_count; i++) {
		peer_width = wider(peer_width, stat->peers[i].peer);
		local_width = wider(local_width, stat->peers[i].local);
	}
	printf("\n%5s %-*s %-*s %-8s %8s %8s %8s %10s %8s %11s %11s\n", "SLOT",
	       peer_width, "PEER", local_width, "LOCAL", "ROLE", "LAG",
	       "LAG_MAX", "BYTES", "OPS", "SHORT", "AGE", "IDLE");
	for (size_t i = 0; i < stat->peer_count; i++) {
		const struct bcast_peer_info *p = &stat->peers[i];

		printf("%5" PRIu32 " %-*s %-*s %-8s %8s %8s %8s %10" PRIu64
		       " %8" PRIu64 " %11s %11s\n",
		       p->slot, peer_width, p->peer, local_width, p->local,
		       bcast_role_name(p->role), BYTES(p->lag),
		       BYTES(p->lag_max), BYTES(p->bytes), p->operations,
		       p->short_sends,
		       DURATION(age_ns(p->connected_realtime_ns)),
		       DURATION(p->idle_ns));
	}
}

static void print_closed(const struct shmstat *stat)
{
	int peer_width = 4;

	for (size_t i = 0; i < stat->closed_count; i++)
		peer_width = wider(peer_width, stat->closed[i].peer);
	printf("\n%-23s %-*s %-8s %-14s %8s %8s %s\n", "CLOSED", peer_width,
	       "PEER", "ROLE", "REASON", "LAG", "BYTES", "ERROR");
	for (size_t i = 0; i < stat->closed_count; i++) {
		const struct bcast_closed_info *c = &stat->closed[i];

		printf("%-23s %-*s %-8s %-14s %8s %8s %s\n",
		       TIME(c->closed_realtime_ns), peer_width, c->peer,
		       bcast_role_name(c->role),
		       bcast_close_reason_name(c->reason), BYTES(c->lag),
		       BYTES(c->bytes),
		       c->error < 0 ? bcast_strerror(c->error) : "-");
	}
}

static void print_errors(const struct shmstat *stat)
{
	printf("\n%-23s %-23s %10s %-5s %s\n", "LAST", "FIRST", "COUNT",
	       "LEVEL", "EVENT");
	for (size_t i = 0; i < stat->error_count; i++) {
		const struct bcast_error_info *e = &stat->errors[i];

		printf("%-23s %-23s %10" PRIu64 " %-5s %s%s%s\n",
		       TIME(e->last_realtime_ns), TIME(e->first_realtime_ns),
		       e->count, bcast_error_level_name(e->level), e->event,
		       e->text[0] ? " " : "", e->text);
	}
}

static void print_counters(const struct shmstat *stat)
{
	int width = 7;

	for (size_t i = 0; i < stat->counter_count; i++)
		width = wider(width, stat->counters[i].name);
	printf("\n%-*s %20s %-5s %s\n", width, "COUNTER", "VALUE", "UNIT",
	       "MEANING");
	for (size_t i = 0; i < stat->counter_count; i++) {
		const struct bcast_counter_info *n = &stat->counters[i];

		printf("%-*s %20" PRIu64 " %-5s %s\n", width, n->name, n->value,
		       n->unit, n->help);
	}
}

static void print_nodes(const struct shmstat *stat)
{
	(void)putchar('\n'); /* errors show when the stream is closed */
	if (stat->nodes_problem.text[0])
		printf("nodes cannot be shown: %s\n", stat->nodes_problem.text);
	else
		nodes_text(&stat->nodes);
}

void shmstat_text(const struct shmstat *stat,
		  const struct shmstat_sections *sections)
{
	print_identity(stat);
	print_traffic(stat);
	print_node_totals(stat);
	print_facts(stat);
	if (sections->receivers)
		print_peers(stat);
	if (sections->closed)
		print_closed(stat);
	if (sections->errors)
		print_errors(stat);
	if (sections->counters)
		print_counters(stat);
	if (sections->nodes)
		print_nodes(stat);
}

/* ---- --list ------------------------------------------------------------ */

void shmstat_text_list(const struct shmstat_listed *listed, int count)
{
	int width = 4;

	for (int i = 0; i < count; i++)
		width = wider(width, listed[i].name);
	if (count > 0)
		printf("%-*s %-8s %20s %9s\n", width, "NAME", "STATE", "TAIL",
		       "RECEIVERS");
	for (int i = 0; i < count; i++) {
		const struct shmstat_listed *one = &listed[i];

		if (one->error < 0)
			printf("%-*s %s\n", width, one->name,
			       bcast_strerror(one->error));
		else
			printf("%-*s %-8s %20" PRIu64 " %9" PRIu64 "\n", width,
			       one->name, bcast_condition_name(&one->stream),
			       one->stream.tail, one->totals.receivers);
	}
}
