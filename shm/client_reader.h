/* SPDX-License-Identifier: MIT */
/*
 * client_reader.h - reader.h's reader, for those who make one part of more.
 * What it is made of itself: client_parts.h.
 */
#ifndef BC_CLIENT_READER_H
#define BC_CLIENT_READER_H

#include "shm/client_parts.h"
#include "shm/client_report.h"

/* bc_client_reader_bind - let the reader report; NULL: let it stop. */
void bc_client_reader_bind(struct bcast_reader *reader,
			   struct bc_node_report *report);

#endif
