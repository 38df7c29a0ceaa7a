/* SPDX-License-Identifier: MIT */
/* client_publisher.h - publisher.h's publisher, for the client of client.h. */
#ifndef BC_CLIENT_PUBLISHER_H
#define BC_CLIENT_PUBLISHER_H

#include <stdint.h>

#include <bcast/bcast.h>

/*
 * bc_client_publisher_patience - how long claims wait for room from now on: as
 * options.room_wait_ms, for each call anew.
 */
void bc_client_publisher_patience(struct bcast_publisher *publisher,
				  int32_t room_wait_ms);

#endif
