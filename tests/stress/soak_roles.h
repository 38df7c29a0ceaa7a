/* SPDX-License-Identifier: MIT */
/*
 * soak_roles.h - who comes and goes in the soak: receivers, senders and local
 * readers, each in ways that are good, bad and worse.
 *
 * All senders write one pattern stream: each waits until the one before has
 * left for good and goes on at the tail, so that the byte at every position is
 * known, however the last one ended. Every consumer finds its place by the
 * first bytes that it gets and checks all that follows.
 *
 * Roles are threads, but for local readers, who are processes, to be killed.
 * Threads cannot use cmocka's asserts: what is wrong ends the program with a
 * line that says so.
 */
#ifndef TESTS_SOAK_ROLES_H
#define TESTS_SOAK_ROLES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon_fixture.h"

struct soak {
	struct daemon_fixture daemon;
	uint64_t seed;
	uint16_t ingest_port, egress_port;
	_Atomic bool stop;
	/* what has been done, to be shown */
	_Atomic uint64_t checked; /* bytes, by TCP receivers */
	_Atomic uint64_t visits, floods, resets, stalls, garbage, dropped;
	_Atomic uint64_t senders, broken_senders, publishers;
};

/* A thread of a role; the number is its own. */
struct soak_role {
	struct soak *soak;
	unsigned number;
};

/* soak_receivers, soak_senders - thread functions, until soak.stop. */
void *soak_receivers(void *role);
void *soak_senders(void *role);

/* soak_reader - for test_fork(): attach, check what comes, until killed. */
void soak_reader(void *role);

#endif
