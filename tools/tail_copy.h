/* SPDX-License-Identifier: MIT */
/* tail_copy.h - bcast-tail's work: from the ring to standard output. */
#ifndef TOOLS_TAIL_COPY_H
#define TOOLS_TAIL_COPY_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include <bcast/bcast.h>

#include "tail_packet.h"

/* What the user asked for. */
struct tail_wish {
	const char *program;
	const char *name;
	enum bcast_from from;
	bool from_given;
	uint64_t position;  /* as in bcast_attach_options */
	uint64_t bytes_max; /* UINT64_MAX: all */
	enum tail_form form;
	int64_t spin_ns;
	int idle_timeout_ms; /* -1: none */
	int appear_ms;	     /* wait for the stream: 0 no, -1 for ever */
	bool follow;
	bool stop_on_loss;
	bool stats;
	const volatile sig_atomic_t *interrupted;
};

/*
 * tail_copy - copy the reader's stream to standard output until one of the
 * ends that the wish allows. Says on standard error what went wrong or was
 * lost, and with wish->stats what was done. Returns the exit code, from
 * sysexits.h. Blocks for as long as standard output and the stream do.
 */
int tail_copy(const struct tail_wish *wish, struct bcast_reader *reader);

#endif
