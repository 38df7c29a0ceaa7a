/* SPDX-License-Identifier: MIT */
/*
 * zerocopy.h - sends straight from the ring's pages: for whom, and what they
 * leave behind.
 *
 * The kernel reads the bytes when it transmits them, and again if a packet is
 * lost, so they must stay until the peer has acknowledged them. Then a
 * notification comes (net/owed.h). What follows from that elsewhere:
 *
 * - egress.c: room in the ring ends where the oldest such send begins, not at
 *   the cursor; and who does not acknowledge is as slow as who does not take.
 * - closing.c: a connection's slot and bytes stay claimed until its last
 *   notification, which may be after its descriptor was closed.
 * - the segment says that something is owed, since the ring of a daemon that
 *   died in the middle must not be written to (shm/segment_adopt.c).
 *
 * auto: where it can pay. Not on this machine, where the kernel makes the copy
 * after all, only later; not for small sends; and not with --slow-policy skip,
 * since what the kernel has taken cannot be skipped.
 */
#ifndef SRC_ZEROCOPY_H
#define SRC_ZEROCOPY_H

#include <stdbool.h>
#include <sys/socket.h>

#include "src/daemon.h"

/* auto: sends smaller than this are copied. */
#define ZEROCOPY_BYTES_MIN (UINT64_C(16) << 10)

/*
 * zerocopy_start - find out whether it can be used, and say so in the log and
 * in daemon->zerocopy_mode. Nothing is in flight yet. Returns 0, or an exit
 * code if it was asked for and cannot be had.
 */
int zerocopy_start(struct daemon *daemon);

/* zerocopy_introduce - a receiver is there: may it be sent to like that? */
void zerocopy_introduce(struct lane *lane, struct bc_conn *conn,
			const struct sockaddr_storage *local,
			const struct sockaddr_storage *peer);

/*
 * zerocopy_choose - the same, by another thread than the lane's, which stands
 * still: zerocopy_resume() follows, by its own.
 */
void zerocopy_choose(const struct lane *lane, struct bc_conn *conn,
		     const struct sockaddr_storage *local,
		     const struct sockaddr_storage *peer);
void zerocopy_resume(struct lane *lane);

/* zerocopy_suits - this one, with so many bytes, now? */
bool zerocopy_suits(const struct lane *lane, struct bc_conn *conn,
		    uint64_t size);

/*
 * zerocopy_send - as request_send(), from the cursor on; until it is settled,
 * bc_conn_floor() stays there.
 */
int zerocopy_send(struct lane *lane, struct bc_conn *conn, const void *bytes,
		  size_t size);

/* zerocopy_show - put conn->zerocopy into its entry in the segment. */
void zerocopy_show(const struct bc_conn *conn);

/* zerocopy_tick - ten times a second: tell the segment if nothing is owed. */
void zerocopy_tick(struct lane *lane);

#endif
