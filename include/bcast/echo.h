/* SPDX-License-Identifier: MIT */
/*
 * bcast/echo.h - what is spoken at an --echo address of bcastd.
 *
 * A packet is a header of 8 bytes and `length` bytes of payload:
 *
 *	 0               4               8                    8 + length
 *	+---------------+---------------+----------------------+
 *	| type, u32     | length, u32   | payload              |
 *	+---------------+---------------+----------------------+
 *	  both big-endian
 *
 * Each SEND comes back as an ECHO with the same length and payload, in the
 * order in which they were sent. The beginning of a packet may come back
 * before its end has been sent: a client has to read while it writes whatever
 * is more than the sockets' buffers hold. There is no greeting, and no end but
 * that of the connection: a client that shuts down its own side gets all its
 * echoes, and then the end.
 *
 * What breaks the rules ends the connection, with a reset: another type than
 * SEND, or a length beyond what the daemon takes (--echo-max, 16 MiB unless it
 * was told otherwise).
 *
 * A client that does not read what it is sent loses packets, each one whole:
 * while a packet would make what is owed to the client more than --echo-budget
 * (1 MiB), it is dropped. The daemon counts that and says it in its log; the
 * client sees it from what comes back, so it should number its payloads. What
 * the kernel's buffers hold is not part of what is owed. A packet that is
 * larger than the budget comes back if nothing is owed when it begins.
 */
#ifndef BCAST_ECHO_H
#define BCAST_ECHO_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BCAST_ECHO_HEADER_BYTES 8u

enum bcast_echo_type {
	BCAST_ECHO_SEND = 1, /* to the daemon */
	BCAST_ECHO_ECHO = 2, /* from it */
};

/* As on the wire: htonl() and ntohl() of <arpa/inet.h> convert. */
struct bcast_echo_header {
	uint32_t type_be;   /* enum bcast_echo_type */
	uint32_t length_be; /* of the payload, in bytes; may be 0 */
};

#ifdef __cplusplus
}
#endif
#endif
