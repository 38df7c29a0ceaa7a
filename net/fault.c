/* SPDX-License-Identifier: MIT */
/*
 * fault.c - see fault.h.
 *
 * A request that is to fail is not passed on: its event is put aside and given
 * by the next wait, so that each request has its one event, as backend.h
 * promises, and the connection below is left in a state that it can really be
 * in. Events of the inner backend that are late are put aside likewise. While
 * anything is, no wait waits.
 *
 * An event with BC_EVENT_MORE is never late, since others of the same request
 * must not overtake it. A cancelled request that was put aside gives the event
 * that it was going to give.
 */
#ifndef BCAST_FAULTS /* linters look at it in a Release, too */
#define BCAST_FAULTS
#endif

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "net/fault.h"
#include "shm/assert.h"

#define STORM_LENGTH   8u
#define TURNS_MAX      4u
#define SHORT_DIVISOR  3u
#define ASIDE_PER_PEER 4u    /* requests of one connection */
#define ASIDE_OTHERS   8192u /* nodes, listeners, a word */

struct rule {
	const char *name;
	size_t field;
};

/* Each is "one of so many"; 0: never. */
struct spec {
	uint64_t seed, once_short, once_again, once_reset, once_pipe,
		once_nobufs, once_nomem, times, after, once_emfile, once_delay,
		once_empty;
	bool no_sends, no_receives;
};

static const struct rule rules[] = {
	{"seed", offsetof(struct spec, seed)},
	{"short", offsetof(struct spec, once_short)},
	{"again", offsetof(struct spec, once_again)},
	{"reset", offsetof(struct spec, once_reset)},
	{"pipe", offsetof(struct spec, once_pipe)},
	{"nobufs", offsetof(struct spec, once_nobufs)},
	{"nomem", offsetof(struct spec, once_nomem)},
	{"times", offsetof(struct spec, times)},
	{"after", offsetof(struct spec, after)},
	{"emfile", offsetof(struct spec, once_emfile)},
	{"delay", offsetof(struct spec, once_delay)},
	{"empty", offsetof(struct spec, once_empty)},
};

struct aside {
	struct bc_event event;
	unsigned turns; /* still to wait */
};

struct fault {
	struct bc_backend backend;
	struct bc_backend *inner;
	struct spec spec;
	uint64_t random;
	unsigned storm; /* -EAGAIN left to give */
	unsigned count, room;
	struct aside aside[];
};

static struct fault *fault_of(struct bc_backend *backend)
{
	return (struct fault *)backend;
}

/* ---- Chance ------------------------------------------------------------ */

/* xorshift64*: good enough, and the same everywhere. */
static uint64_t next_random(struct fault *fault)
{
	fault->random ^= fault->random >> 12;
	fault->random ^= fault->random << 25;
	fault->random ^= fault->random >> 27;
	return (fault->random * UINT64_C(0x2545f4914f6cdd1d)) >> 32;
}

static bool is_hit(struct fault *fault, uint64_t once)
{
	return once > 0 && next_random(fault) % once == 0;
}

static bool is_counted_hit(struct fault *fault, uint64_t once)
{
	if (fault->spec.times == 0 || !is_hit(fault, once))
		return false;
	fault->spec.times--;
	return true;
}

/* The error that a send or receive is to give; 0: none. */
static int choose_error(struct fault *fault, bool spared)
{
	if (fault->spec.after > 0) {
		fault->spec.after--;
		return 0;
	}
	if (spared)
		return 0;
	if (fault->storm == 0 && is_hit(fault, fault->spec.once_again))
		fault->storm = STORM_LENGTH;
	if (fault->storm > 0) {
		fault->storm--;
		return -EAGAIN;
	}
	if (is_counted_hit(fault, fault->spec.once_reset))
		return -ECONNRESET;
	if (is_counted_hit(fault, fault->spec.once_pipe))
		return -EPIPE;
	if (is_counted_hit(fault, fault->spec.once_nobufs))
		return -ENOBUFS;
	if (is_counted_hit(fault, fault->spec.once_nomem))
		return -ENOMEM;
	return 0;
}

static size_t choose_size(struct fault *fault, bool spared, size_t size)
{
	if (spared || size < SHORT_DIVISOR ||
	    !is_hit(fault, fault->spec.once_short))
		return size;
	return size / SHORT_DIVISOR;
}

/* ---- Put aside --------------------------------------------------------- */

static void put_aside(struct fault *fault, const struct bc_event *event,
		      unsigned turns)
{
	BC_ASSERT(fault->count < fault->room);
	fault->aside[fault->count++] =
		(struct aside){.event = *event, .turns = turns};
}

static int fail(struct fault *fault, uint64_t token, int error)
{
	const struct bc_event event = {.token = token, .result = error};

	put_aside(fault, &event, 0);
	return 0;
}

/* Those whose time has come, in the order in which they were put aside. */
static unsigned take_due(struct fault *fault, struct bc_event *events,
			 unsigned max)
{
	unsigned taken = 0, left = 0;

	for (unsigned i = 0; i < fault->count; i++) {
		struct aside *aside = &fault->aside[i];

		if (aside->turns == 0 && taken < max) {
			events[taken++] = aside->event;
			continue;
		}
		aside->turns -= aside->turns > 0;
		fault->aside[left++] = *aside;
	}
	fault->count = left;
	return taken;
}

/* ---- The interface ----------------------------------------------------- */

static int fault_accept(struct bc_backend *backend, int fd, uint64_t token)
{
	struct fault *fault = fault_of(backend);

	if (is_hit(fault, fault->spec.once_emfile))
		return fail(fault, token, -EMFILE);
	return bc_backend_accept(fault->inner, fd, token);
}

static int fault_recv(struct bc_backend *backend, int fd, void *buffer,
		      size_t size, int flags, uint64_t token)
{
	struct fault *fault = fault_of(backend);
	bool spared = fault->spec.no_receives;
	int error = choose_error(fault, spared);

	if (error < 0)
		return fail(fault, token, error);
	return bc_backend_recv(fault->inner, fd, buffer,
			       choose_size(fault, spared, size), flags, token);
}

/* Its bytes last until the next wait only, and events may be put off. */
static int fault_recv_each(struct bc_backend *backend, int fd, uint64_t token)
{
	(void)fd;
	return fail(fault_of(backend), token, -ENOBUFS);
}

static int fault_send(struct bc_backend *backend, int fd, const void *bytes,
		      size_t size, uint64_t token)
{
	struct fault *fault = fault_of(backend);
	bool spared = fault->spec.no_sends;
	int error = choose_error(fault, spared);

	if (error < 0)
		return fail(fault, token, error);
	return bc_backend_send(fault->inner, fd, bytes,
			       choose_size(fault, spared, size), token);
}

/* One that fails here is not notified of, as a backend may do it. */
static int fault_send_zc(struct bc_backend *backend, int fd, const void *bytes,
			 size_t size, uint64_t token)
{
	struct fault *fault = fault_of(backend);
	bool spared = fault->spec.no_sends;
	int error = choose_error(fault, spared);

	if (error < 0)
		return fail(fault, token, error);
	return bc_backend_send_zc(fault->inner, fd, bytes,
				  choose_size(fault, spared, size), token);
}

static int fault_register_memory(struct bc_backend *backend, void *base,
				 size_t size)
{
	return bc_backend_register_memory(fault_of(backend)->inner, base, size);
}

static int fault_poll(struct bc_backend *backend, int fd, uint64_t token)
{
	return bc_backend_poll(fault_of(backend)->inner, fd, token);
}

static int fault_cancel(struct bc_backend *backend, uint64_t token)
{
	return bc_backend_cancel(fault_of(backend)->inner, token);
}

static void fault_forget(struct bc_backend *backend, int fd)
{
	bc_backend_forget(fault_of(backend)->inner, fd);
}

static int fault_wake(struct bc_backend *backend, const bc_u32 *word)
{
	return bc_backend_wake(fault_of(backend)->inner, word);
}

static int fault_wait_word(struct bc_backend *backend, const bc_u32 *word,
			   uint32_t seen, uint64_t token)
{
	return bc_backend_wait_word(fault_of(backend)->inner, word, seen,
				    token);
}

/* Put aside those that are to be late; returns how many are left. */
static unsigned delay(struct fault *fault, struct bc_event *events,
		      unsigned count)
{
	unsigned left = 0;

	for (unsigned i = 0; i < count; i++) {
		if ((events[i].flags & BC_EVENT_MORE) == 0 &&
		    is_hit(fault, fault->spec.once_delay))
			put_aside(fault, &events[i],
				  (unsigned)(next_random(fault) % TURNS_MAX));
		else
			events[left++] = events[i];
	}
	return left;
}

static int fault_wait(struct bc_backend *backend, struct bc_event *events,
		      unsigned max, int64_t timeout_ns, const sigset_t *mask)
{
	struct fault *fault = fault_of(backend);
	unsigned due;
	int count;

	if (is_hit(fault, fault->spec.once_empty))
		return 0;
	due = take_due(fault, events, max);
	if (due == max)
		return (int)due;
	if (due > 0 || fault->count > 0)
		timeout_ns = 0;
	count = bc_backend_wait(fault->inner, events + due, max - due,
				timeout_ns, mask);
	if (count < 0)
		return due > 0 ? (int)due : count;
	return (int)(due + delay(fault, events + due, (unsigned)count));
}

static void fault_close(struct bc_backend *backend)
{
	bc_backend_close(fault_of(backend)->inner);
	free(backend);
}

static const struct bc_backend_ops fault_ops = {
	.name = "faults",
	.accept = fault_accept,
	.recv = fault_recv,
	.recv_each = fault_recv_each,
	.send = fault_send,
	.send_zc = fault_send_zc,
	.register_memory = fault_register_memory,
	.poll = fault_poll,
	.cancel = fault_cancel,
	.forget = fault_forget,
	.wake = fault_wake,
	.wait_word = fault_wait_word,
	.wait = fault_wait,
	.close = fault_close,
};

/* ---- The specification ------------------------------------------------- */

static int read_number(struct spec *spec, const char *name, size_t length,
		       const char *value)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		uint64_t number;
		char *end;

		if (strlen(rules[i].name) != length ||
		    strncmp(rules[i].name, name, length) != 0)
			continue;
		number = strtoull(value, &end, 10);
		if (end == value || (*end != ',' && *end != '\0'))
			return -EINVAL;
		memcpy((char *)spec + rules[i].field, &number, sizeof(number));
		return 0;
	}
	return -EINVAL;
}

/* One of name=value. */
static int read_rule(struct spec *spec, const char *text)
{
	size_t length = strcspn(text, "=,");
	const char *value = text + length + 1;
	size_t value_length;

	if (text[length] != '=')
		return -EINVAL;
	value_length = strcspn(value, ",");
	if (length != 2 || strncmp(text, "on", 2) != 0)
		return read_number(spec, text, length, value);
	if (value_length != 4)
		return -EINVAL;
	spec->no_receives = strncmp(value, "send", 4) == 0;
	spec->no_sends = strncmp(value, "recv", 4) == 0;
	return spec->no_receives || spec->no_sends ? 0 : -EINVAL;
}

static int read_spec(struct spec *spec, const char *text)
{
	*spec = (struct spec){.seed = 1, .times = UINT64_MAX};
	while (*text) {
		int ret = read_rule(spec, text);

		if (ret < 0)
			return ret;
		text += strcspn(text, ",");
		text += *text == ',';
	}
	return spec->seed > 0 ? 0 : -EINVAL;
}

int bc_fault_wrap(struct bc_backend **backend, unsigned connections,
		  const char *spec)
{
	unsigned room = connections * ASIDE_PER_PEER + ASIDE_OTHERS;
	struct fault *fault;
	struct spec read;

	if (read_spec(&read, spec) < 0)
		return -EINVAL;
	fault = calloc(1, sizeof(*fault) + room * sizeof(fault->aside[0]));
	if (!fault)
		return -ENOMEM;
	fault->backend.ops = &fault_ops;
	fault->backend.features = (*backend)->features;
	fault->inner = *backend;
	fault->spec = read;
	fault->random = read.seed;
	fault->room = room;
	*backend = &fault->backend;
	return 0;
}

int bc_fault_from_environment(struct bc_backend **backend, unsigned connections)
{
	const char *spec = getenv("BCAST_FAULTS");

	return spec ? bc_fault_wrap(backend, connections, spec) : 0;
}
