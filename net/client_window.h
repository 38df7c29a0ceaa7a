/* SPDX-License-Identifier: MIT */
/*
 * client_window.h - a publisher's records until they are acknowledged.
 *
 * A ring of bytes that holds whole records, as they are sent, in the order of
 * their numbers:
 *
 *	begin ......... boundary .. sent ............. end
 *	  sent, not acknowledged  |  not sent yet
 *
 * These count bytes since the window was made and never wrap; the place in
 * memory is the remainder by `room`. A record may lie across the end of memory
 * (its header never does: all is in steps of 32), so what is to be sent is one
 * or two pieces. Whenever it is empty it begins at the front again, so that who
 * sends little uses little memory. Pure: no system call.
 */
#ifndef NET_CLIENT_WINDOW_H
#define NET_CLIENT_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <bcast/packet.h>

struct bc_client_window {
	unsigned char *bytes;
	uint64_t room; /* a multiple of 32 */
	uint64_t begin, boundary, sent, end;
	uint64_t first; /* number of the record at begin, on the wire */
	uint64_t count; /* records between begin and end */
};

/* bc_client_window_init - with room for `bytes` at least. 0 or -ENOMEM. */
int bc_client_window_init(struct bc_client_window *window, uint64_t bytes);
void bc_client_window_fini(struct bc_client_window *window);

/* bc_client_window_has_room - for a record with so much payload? */
bool bc_client_window_has_room(const struct bc_client_window *window,
			       size_t length);

/* What is to be published. */
struct bc_client_payload {
	const void *key, *data;
	size_t key_size, size;
	uint32_t crc32c;
};

/* bc_client_window_put - append a record; the caller has seen that it fits. */
void bc_client_window_put(struct bc_client_window *window,
			  const struct bc_client_payload *payload);

/*
 * bc_client_window_unsent - what is to be sent: 0, 1 or 2 pieces.
 * bc_client_window_was_sent - so much of it was.
 */
int bc_client_window_unsent(const struct bc_client_window *window,
			    struct iovec pieces[2]);
void bc_client_window_was_sent(struct bc_client_window *window, size_t size);

/*
 * bc_client_window_torn - bytes of the record that has been sent in part, still
 * to be sent before anything else may be. 0: we are between records.
 */
size_t bc_client_window_torn(struct bc_client_window *window);

/*
 * bc_client_window_accept - all up to this number is acknowledged. Returns how
 * many records left by that, or -EPROTO: a number that was never sent.
 */
int64_t bc_client_window_accept(struct bc_client_window *window,
				uint64_t accepted);

/*
 * bc_client_window_rewind - a new connection: all that is there is to be sent
 * (again), and the first gets this number. Returns how many had been sent.
 */
uint64_t bc_client_window_rewind(struct bc_client_window *window,
				 uint64_t first);

#endif
