/* SPDX-License-Identifier: MIT */
/* last_words.c - see last_words.h. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/last_words.h"
#include "shm/text.h"

static _Atomic(struct bc_control_shm *) control;
static atomic_uint speaker; /* thread id of the first that died; 0: none */

void bc_last_words_attach(struct bc_segment *segment)
{
	atomic_store_explicit(&speaker, 0, memory_order_relaxed);
	atomic_store_explicit(&control, segment->control, memory_order_release);
}

void bc_last_words_detach(void)
{
	atomic_store_explicit(&control, NULL, memory_order_release);
}

/* ---- Dying ------------------------------------------------------------- */

/* What was left before is taken back until this is whole. */
static struct bc_last_words_shm *begin(void)
{
	struct bc_control_shm *block =
		atomic_load_explicit(&control, memory_order_acquire);
	unsigned self = (unsigned)gettid(), first = 0;
	struct bc_last_words_shm *words;

	if (!block)
		return NULL;
	words = &block->last_words;
	if (atomic_compare_exchange_strong_explicit(&speaker, &first, self,
						    memory_order_relaxed,
						    memory_order_relaxed)) {
		atomic_store_explicit(&words->realtime_ns, 0,
				      memory_order_relaxed);
		atomic_thread_fence(memory_order_release);
		words->text[0] = '\0';
	} else if (first != self) {
		return NULL;
	}
	atomic_store_explicit(&words->incarnation,
			      atomic_load_explicit(&block->owner.incarnation,
						   memory_order_relaxed),
			      memory_order_relaxed);
	(void)prctl(PR_GET_NAME, words->thread);
	return words;
}

/* Pairs with the acquire load in bc_last_words_read(). */
static void end(struct bc_last_words_shm *words)
{
	atomic_store_explicit(&words->realtime_ns, bc_realtime_ns(),
			      memory_order_release);
}

static size_t append(char *text, size_t size, size_t at, const char *more)
{
	while (*more && at + 1 < size)
		text[at++] = *more++;
	text[at] = '\0';
	return at;
}

/* The folder and the file, of a path that depends on where it was built. */
static const char *shorten(const char *file)
{
	const char *name = file, *folder = file;

	for (const char *at = file; *at; at++)
		if (*at == '/') {
			folder = name;
			name = at + 1;
		}
	return folder;
}

/* snprintf() may take locks. */
void bc_last_words_text(const char *condition, const char *file, int line)
{
	struct bc_last_words_shm *words = begin();
	char digits[12];
	char *digit = digits + sizeof(digits) - 1;
	size_t size, at;

	if (!words)
		return;
	size = sizeof(words->text);
	*digit = '\0';
	for (; line > 0 && digit > digits; line /= 10)
		*--digit = (char)('0' + line % 10);
	at = append(words->text, size, 0, shorten(file));
	at = append(words->text, size, at, ":");
	at = append(words->text, size, at, digit);
	at = append(words->text, size, at, ": ");
	at = append(words->text, size, at, condition);
	(void)append(words->text, size, at, " does not hold");
	atomic_store_explicit(&words->signal, 0, memory_order_relaxed);
	end(words);
}

void bc_last_words_signal(const struct bc_last_words_signal *signal)
{
	struct bc_last_words_shm *words = begin();

	if (!words)
		return;
	atomic_store_explicit(&words->signal, signal->number,
			      memory_order_relaxed);
	atomic_store_explicit(&words->code, (uint32_t)signal->code,
			      memory_order_relaxed);
	atomic_store_explicit(&words->detail, signal->detail,
			      memory_order_relaxed);
	end(words);
}

/* ---- Reading ----------------------------------------------------------- */

static void describe(const struct bc_last_words_shm *shared,
		     struct bc_last_words *words)
{
	char text[sizeof(shared->text) + 1], thread[sizeof(shared->thread) + 1];
	int32_t code = (int32_t)atomic_load_explicit(&shared->code,
						     memory_order_relaxed);
	uint64_t detail =
		atomic_load_explicit(&shared->detail, memory_order_relaxed);

	bc_text_get(text, sizeof(text), shared->text, sizeof(shared->text));
	bc_text_get(thread, sizeof(thread), shared->thread,
		    sizeof(shared->thread));
	if (text[0])
		(void)snprintf(words->text, sizeof(words->text),
			       "%s, in thread %s", text, thread);
	else if (code > 0)
		(void)snprintf(words->text, sizeof(words->text),
			       "at address 0x%" PRIx64 ", in thread %s", detail,
			       thread);
	else
		(void)snprintf(words->text, sizeof(words->text),
			       "sent by process %" PRIu64, detail);
}

void bc_last_words_read(const struct bc_segment *segment,
			struct bc_last_words *words)
{
	const struct bc_last_words_shm *shared = &segment->control->last_words;

	*words = (struct bc_last_words){
		.realtime_ns = atomic_load_explicit(&shared->realtime_ns,
						    memory_order_acquire),
	};
	if (words->realtime_ns == 0)
		return;
	words->incarnation = atomic_load_explicit(&shared->incarnation,
						  memory_order_relaxed);
	words->signal =
		atomic_load_explicit(&shared->signal, memory_order_relaxed);
	describe(shared, words);
}
