/* SPDX-License-Identifier: MIT */
/*
<<<<<<< HEAD
 * client_reader.h - bcast.h's reader, for those who make one part of more. What
 * it is made of itself: client_parts.h.
=======
 * client_reader.h - reader.h's reader, for the files that it is made of:
 *
 *	client_reader.c	attach, peek, consume, read, seek
 *	client_packet.c	the same for streams of packets, and bcast_next()
 *	client_wait.c	everything that happens when there is nothing to read
 *	client_event.c	the same for event loops: a descriptor
 *	client_gate.c	let the writer wait for it
>>>>>>> 3f98d25
 */
#ifndef BC_CLIENT_READER_H
#define BC_CLIENT_READER_H

#include "shm/client_parts.h"
#include "shm/client_report.h"

/* bc_client_reader_bind - let the reader report; NULL: let it stop. */
void bc_client_reader_bind(struct bcast_reader *reader,
			   struct bc_node_report *report);

#endif
