/* SPDX-License-Identifier: MIT */
/* address.h - what people write for a stream, and what goes wrong with it. */
#ifndef TOOLS_ADDRESS_H
#define TOOLS_ADDRESS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include <bcast/client.h>

#define ADDRESS_MAX 320

/*
 * address_is_name - a stream of this machine by its name, and no address?
 * Names have no colon.
 */
bool address_is_name(const char *text);

/* Which door is asked for beside the address. */
enum address_door {
	ADDRESS_ANY,
	ADDRESS_SHM,
	ADDRESS_TCP
};

/*
 * address_of - as bcast_open() takes it: a name becomes shm:NAME, HOST:PORT
 * gets a tcp:// in front if that door is asked for. False: they contradict each
 * other, or it is too long.
 */
bool address_of(const char *text, enum address_door door,
		char address[ADDRESS_MAX]);

/*
 * address_open - bcast_open(), again and again for wait_ms (-1: for ever) while
 * it may yet succeed, in slices, so that a signal ends it. As bcast_open().
 */
int address_open(const char *address, const struct bcast_client_options *how,
		 int wait_ms, const volatile sig_atomic_t *interrupted,
		 struct bcast_client **client);

/*
 * address_error - say why it could not be opened, and what to do. Returns the
 * exit code.
 */
int address_error(const char *program, const char *address, int result,
		  const struct bcast_client_refusal *refusal);

#endif
