/* SPDX-License-Identifier: MIT */
/*
 * hello.h - HELLO, WELCOME and REJECT (bcast/packet.h) as bytes and back.
 *
 * Both sides use it: what one writes the other reads, by the rules of VERSIONS
 * there. Nothing that comes is trusted: each length is bounded before use, and
 * texts are checked and terminated here. Pure; allocates nothing.
 */
#ifndef NET_HELLO_H
#define NET_HELLO_H

#include <stddef.h>
#include <stdint.h>

#include <bcast/base.h>
#include <bcast/node.h>
#include <bcast/packet.h>

#include "net/packet_stream.h"

#define BC_HELLO_KEY_MAX   128u
#define BC_HELLO_TEXT_MAX  200u			     /* of a REJECT */
#define BC_HELLO_FRAME_MAX (BCAST_CONTROL_MAX + 64u) /* any of the three */

/* A HELLO, taken apart. The lengths in `fixed` are those of the texts here. */
struct bc_hello {
	struct bcast_hello fixed;
	char name[BCAST_NAME_MAX + 1];
	char id[BCAST_NODE_ID_MAX + 1];
	unsigned char key[BC_HELLO_KEY_MAX];
};

struct bc_welcome {
	struct bcast_welcome fixed;
	char name[BCAST_NAME_MAX + 1];
};

struct bc_reject {
	uint32_t code; /* enum bcast_reject_code */
	uint32_t retry_after_ms;
	char text[BC_HELLO_TEXT_MAX]; /* printable, one line */
};

/*
 * bc_hello_write, bc_welcome_write, bc_reject_write - the whole record, at
 * `to`, which has BC_HELLO_FRAME_MAX bytes. magic, sizes and lengths are filled
 * in here, but for hello.key_length, which says how much of `key` counts;
 * version too, if it is 0. Returns its size.
 */
size_t bc_hello_write(unsigned char *to, const struct bc_hello *hello);
size_t bc_welcome_write(unsigned char *to, const struct bc_welcome *welcome);
size_t bc_reject_write(unsigned char *to, const struct bc_reject *reject);

/*
 * bc_hello_read - what a daemon makes of a client's first record. Returns 0, or
 * the code to reject it with (enum bcast_reject_code), *why then being a static
 * text, and *hello as it was:
 *	PROTOCOL	no HELLO, malformed, a PUBLISH without publisher_id, a
 *			key longer than BC_HELLO_KEY_MAX
 *	VERSION		0: any other is good, since WELCOME names ours
 *	NEEDS		a bit of `needs`, a `from` or a `policy` that we do not
 *			know
 *	ROLE		a bit of `roles` that we do not know
 *	STREAM		a name that no stream can have
 *	NODE_ID		an id that no node can have, or a NODE without one
 * What we do not know of `wants` is taken out; what stands in reserved fields,
 * or behind the key, is ignored. roles may be 0: such a client only PINGs.
 */
int bc_hello_read(const struct bc_packet_frame *frame, struct bc_hello *hello,
		  const char **why);

/*
 * bc_welcome_read, bc_reject_read - for clients. Return 0, or -EPROTO, also for
 * a version that is higher than we offer. A code that we do not know is passed
 * on; the text of a REJECT is made printable.
 */
int bc_welcome_read(const struct bc_packet_frame *frame,
		    struct bc_welcome *welcome);
int bc_reject_read(const struct bc_packet_frame *frame,
		   struct bc_reject *reject);

/*
 * bc_reject_name - a stable word for logs: "busy", "version"; "unknown" for
 * what is no code.
 */
const char *bc_reject_name(uint32_t code);

#endif
