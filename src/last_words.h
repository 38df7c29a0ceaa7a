/* SPDX-License-Identifier: MIT */
/*
 * last_words.h - signals that end the daemon for a bug of its own: SIGSEGV,
 * SIGBUS, SIGABRT, SIGFPE, SIGILL.
 *
 * What was the matter is left in the segment (shm/last_words.h), and then the
 * signal takes its course, by the handler that was there before, or with a core
 * dump of where it happened.
 */
#ifndef SRC_LAST_WORDS_H
#define SRC_LAST_WORDS_H

#include <signal.h>

/* last_words_open - catch them. Once, after whoever else wants to. */
void last_words_open(void);

/*
 * last_words_leave - in a handler that was installed later, for a signal that
 * it has no use for: leave the words, and put the handler of before back.
 */
void last_words_leave(int number, const siginfo_t *info);

/*
 * last_words_unblock - take them out of a set of signals to be blocked. One
 * that is blocked ends the process without a word.
 */
void last_words_unblock(sigset_t *set);

#endif
