/* SPDX-License-Identifier: MIT */
/* log_rate.c - see log_rate.h. */
#include "src/log_rate.h"

#include <stddef.h>
#include <string.h>

static uint32_t hash(const char *text)
{
	uint32_t value = 2166136261u; /* FNV-1a */

	for (; *text != '\0'; text++)
		value = (value ^ (unsigned char)*text) * 16777619u;
	return value;
}

/*
 * The same word may stand in two files, so texts are compared. NULL: no room.
 */
static struct log_rate_event *find(struct log_rate *rate, const char *event)
{
	uint32_t first = hash(event);

	for (uint32_t i = 0; i < LOG_RATE_EVENTS; i++) {
		struct log_rate_event *entry =
			&rate->events[(first + i) % LOG_RATE_EVENTS];
		const char *known = atomic_load_explicit(&entry->event,
							 memory_order_acquire);

		if (known == NULL &&
		    atomic_compare_exchange_strong_explicit(
			    &entry->event, &known, event, memory_order_acq_rel,
			    memory_order_acquire))
			return entry;
		/* else it was taken in between, and is known now */
		if (known == event || strcmp(known, event) == 0)
			return entry;
	}
	return NULL;
}

/* Count a line in this second; false: there are enough. */
static bool admit(struct log_rate_event *entry, uint32_t limit, uint32_t now_s)
{
	uint64_t window =
		atomic_load_explicit(&entry->window, memory_order_relaxed);
	uint64_t next;

	do {
		bool same = window >> 32 == now_s;

		if (same && (uint32_t)window >= limit)
			return false;
		next = same ? window + 1 : (uint64_t)now_s << 32 | 1;
	} while (!atomic_compare_exchange_weak_explicit(
		&entry->window, &window, next, memory_order_relaxed,
		memory_order_relaxed));
	return true;
}

enum log_rate_verdict log_rate_ask(struct log_rate *rate, enum log_level level,
				   const char *event, uint64_t now_s)
{
	struct log_rate_event *entry;
	uint32_t limit =
		atomic_load_explicit(&rate->limit, memory_order_relaxed);

	if (limit == 0 || level == LOG_LEVEL_ERROR)
		return LOG_RATE_WRITE;
	entry = find(rate, event);
	if (!entry || admit(entry, limit, (uint32_t)now_s))
		return LOG_RATE_WRITE;
	atomic_store_explicit(&entry->level, level, memory_order_relaxed);
	if (atomic_fetch_add_explicit(&entry->left_out, 1,
				      memory_order_relaxed) > 0)
		return LOG_RATE_LEAVE_OUT;
	atomic_fetch_add_explicit(&rate->pending, 1, memory_order_release);
	return LOG_RATE_LEAVE_OUT_FIRST;
}

static bool is_over(const struct log_rate_event *entry, uint64_t now_s)
{
	return atomic_load_explicit(&entry->window, memory_order_relaxed) >>
		       32 !=
	       (uint32_t)now_s;
}

bool log_rate_take(struct log_rate *rate, uint64_t now_s, bool all,
		   struct log_rate_report *report)
{
	if (atomic_load_explicit(&rate->pending, memory_order_acquire) == 0)
		return false;
	for (uint32_t i = 0; i < LOG_RATE_EVENTS; i++) {
		struct log_rate_event *entry = &rate->events[i];

		if (atomic_load_explicit(&entry->left_out,
					 memory_order_relaxed) == 0 ||
		    (!all && !is_over(entry, now_s)))
			continue;
		report->left_out = atomic_exchange_explicit(
			&entry->left_out, 0, memory_order_relaxed);
		report->event = atomic_load_explicit(&entry->event,
						     memory_order_relaxed);
		report->level = (enum log_level)atomic_load_explicit(
			&entry->level, memory_order_relaxed);
		atomic_fetch_sub_explicit(&rate->pending, 1,
					  memory_order_relaxed);
		return true;
	}
	return false;
}
