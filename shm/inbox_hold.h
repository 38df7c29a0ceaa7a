/* SPDX-License-Identifier: MIT */
/*
 * inbox_hold.h - the right to write to an inbox: its holder word.
 */
#ifndef BC_INBOX_HOLD_H
#define BC_INBOX_HOLD_H

#include <stdint.h>

#include "shm/inbox.h"
#include "shm/node.h"

/* bc_inbox_word - what a node writes into holder. */
uint64_t bc_inbox_word(const struct bc_node *node);

/* bc_inbox_word_slot - whose slot a holder word names; may be any number. */
uint32_t bc_inbox_word_slot(uint64_t word);

/*
 * bc_inbox_hold - take the word: from nobody, from the dead, never from the
 * living. Waits while others take turns, up to some seconds, and for one that
 * does not get on for patience_ns. Returns 0, or -EBUSY with its word in
 * *holder, or -errno.
 */
int bc_inbox_hold(const struct bc_inbox *inbox, const struct bc_node *me,
		  uint64_t patience_ns, uint64_t *holder);

/* bc_inbox_let_go - give it back, if it is still ours. */
void bc_inbox_let_go(const struct bc_inbox *inbox, const struct bc_node *me);

#endif
