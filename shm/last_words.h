/* SPDX-License-Identifier: MIT */
/*
 * last_words.h - what a daemon that dies of a bug of its own leaves in the
 * segment, for bcast-shmstat --postmortem.
 *
 * All of it is called with little left to stand on: in a signal handler, or
 * from a failed assertion. So it takes no lock, calls nothing but gettid(2),
 * prctl(2) and clock_gettime(2), and stores into memory that is mapped. Where
 * it stores to is global, since a handler has nothing else. The first thread
 * that dies has the word.
 */
#ifndef BC_LAST_WORDS_H
#define BC_LAST_WORDS_H

#include <stdint.h>

#include "shm/segment.h"

/*
 * bc_last_words_attach - leave them in this segment from now on, until
 * bc_last_words_detach(), which comes before it is unmapped. Owner only.
 */
void bc_last_words_attach(struct bc_segment *segment);
void bc_last_words_detach(void);

/* bc_last_words_text - an assertion does not hold; a signal will follow. */
void bc_last_words_text(const char *condition, const char *file, int line);

struct bc_last_words_signal {
	uint32_t number;
	int32_t code;	 /* si_code: > 0 if the kernel found the fault */
	uint64_t detail; /* si_addr then, else si_pid */
};

/* bc_last_words_signal - a signal that ends the process. */
void bc_last_words_signal(const struct bc_last_words_signal *signal);

/* What was left. Zeroed: nothing. */
struct bc_last_words {
	uint64_t realtime_ns;
	uint32_t incarnation;
	uint32_t signal;
	char text[256]; /* for people */
};

/* bc_last_words_read - of any segment. */
void bc_last_words_read(const struct bc_segment *segment,
			struct bc_last_words *words);

#endif
