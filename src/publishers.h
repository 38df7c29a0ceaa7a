/* SPDX-License-Identifier: MIT */
/*
 * publishers.h - clients of --packet that publish: who may, under which number,
 * and how they go.
 *
 * The lease is taken for the first of them, and given back when the last has
 * gone (ingest_release). A local publisher has it or they do, never both.
 *
 * Which of its records a publisher has in the stream is remembered in the
 * segment (shm/publisher_table.h), and changes with the tail itself. So what
 * stands there when a daemon is killed is what the next one tells.
 *
 * Who does not serve any more, or says the same publisher_id as a newer one, is
 * dropped at once; what has come of its next record is not used.
 */
#ifndef SRC_PUBLISHERS_H
#define SRC_PUBLISHERS_H

#include "net/hello.h"
#include "src/daemon.h"
#include "src/publisher.h"

/*
 * publishers_admit - may this client have the roles that it asks for? If it
 * does not ask to publish, it may. Returns false if it was rejected, or if it
 * has to wait for an instant, which session->waits then says: its HELLO is to
 * be taken up again by greeting_resume(). Else fills in its part of WELCOME.
 */
bool publishers_admit(struct daemon *daemon, struct bc_conn *conn,
		      const struct bc_hello *hello,
		      struct bcast_welcome *welcome);

/*
 * publishers_set_rules - what its records must be like; its slot is known, and
 * whether it has promised checksums.
 */
void publishers_set_rules(const struct daemon *daemon,
			  struct publisher *publisher, bool checksums);

/* publishers_left - the client is going: if it publishes, no more. */
void publishers_left(struct daemon *daemon, struct bc_conn *conn);

/* publishers_drop - it publishes no more, though its connection goes on. */
void publishers_drop(struct daemon *daemon, struct publisher *publisher);

#endif
