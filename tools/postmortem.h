/* SPDX-License-Identifier: MIT */
/*
 * postmortem.h - bcast-shmstat --postmortem: what a dead daemon has left.
 *
 * postmortem.c is the report; postmortem_data.c the last of the stream itself.
 */
#ifndef TOOLS_POSTMORTEM_H
#define TOOLS_POSTMORTEM_H

#include <stdint.h>

#include <bcast/bcast.h>

#include "shmstat.h"

#define POSTMORTEM_PACKETS     10
#define POSTMORTEM_PACKETS_MAX 100000

/*
 * postmortem - print all of it, and the last so many records (of a stream of
 * bytes: lines of 16). Returns 0, or as bcast_monitor_open(), or -ENOMEM.
 */
int postmortem(const char *name, uint32_t packets);

/*
 * postmortem_data - the last records, or bytes, of the stream. Returns 0, or as
 * bcast_attach() and bcast_next(), after what could be read.
 */
int postmortem_data(const struct bcast_stream_info *stream, uint32_t packets);

#endif
