/* SPDX-License-Identifier: MIT */
/* log_segment.c - see log_segment.h. */
#include <bcast/monitor.h>
#include <pthread.h>

#include "shm/errors.h"
#include "src/log_segment.h"

_Static_assert((int)LOG_LEVEL_ERROR == (int)BCAST_LEVEL_ERROR &&
		       (int)LOG_LEVEL_WARN == (int)BCAST_LEVEL_WARN,
	       "levels are the same in the segment");

/* Of our own, while there is no segment. */
static struct bc_counter_shm own_counters[BC_COUNTER_COUNT];
static struct bc_error_shm own_errors[BC_ERROR_SLOTS];

static struct {
	pthread_mutex_t lock; /* the tables; and where they are, but for us */
	_Atomic(struct bc_counter_shm *) counters;
	struct bc_error_shm *errors;
	uint32_t error_count;
} state = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.counters = own_counters,
	.errors = own_errors,
	.error_count = BC_ERROR_SLOTS,
};

static const enum bc_counter ours[] = {
	BC_COUNTER_log_waiting,
	BC_COUNTER_log_dropped,
	BC_COUNTER_log_suppressed,
	BC_COUNTER_log_file_errors,
};

void log_segment_attach(struct bc_segment *segment)
{
	const struct bc_region *errors = &segment->regions[BC_REGION_ERRORS];
	struct bc_counter_shm *counters =
		(struct bc_counter_shm *)(void *)segment
			->regions[BC_REGION_COUNTERS]
			.base;

	(void)pthread_mutex_lock(&state.lock);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		bc_counter_add(counters, ours[i],
			       bc_counter_get(own_counters, ours[i]));
		bc_counter_set(own_counters, ours[i], 0);
	}
	atomic_store_explicit(&state.counters, counters, memory_order_relaxed);
	state.errors = (struct bc_error_shm *)(void *)errors->base;
	state.error_count = errors->count;
	bc_errors_move(own_errors, state.errors,
		       errors->count < BC_ERROR_SLOTS ? errors->count
						      : BC_ERROR_SLOTS);
	(void)pthread_mutex_unlock(&state.lock);
}

void log_segment_detach(void)
{
	const struct bc_counter_shm *counters =
		atomic_load_explicit(&state.counters, memory_order_relaxed);

	(void)pthread_mutex_lock(&state.lock);
	/* what is waiting goes on to be written */
	bc_counter_set(own_counters, BC_COUNTER_log_waiting,
		       bc_counter_get(counters, BC_COUNTER_log_waiting));
	atomic_store_explicit(&state.counters, own_counters,
			      memory_order_relaxed);
	state.errors = own_errors;
	state.error_count = BC_ERROR_SLOTS;
	(void)pthread_mutex_unlock(&state.lock);
}

void log_segment_note(const struct log_record *record)
{
	char cause[sizeof(own_errors[0].text)];
	const struct bc_error_note note = {
		.level = record->level,
		.event = record->event,
		.text = cause,
		.count = 1,
		.first_realtime_ns = record->realtime_ns,
		.last_realtime_ns = record->realtime_ns,
	};

	log_line_cause(record, cause, sizeof(cause));
	(void)pthread_mutex_lock(&state.lock);
	bc_errors_note(state.errors, state.error_count, &note);
	(void)pthread_mutex_unlock(&state.lock);
}

void log_segment_count(enum bc_counter counter, uint64_t amount)
{
	bc_counter_add(
		atomic_load_explicit(&state.counters, memory_order_relaxed),
		counter, amount);
}

/* Our thread lives across attach and detach: the table must not go away. */
void log_segment_count_late(enum bc_counter counter, uint64_t amount)
{
	(void)pthread_mutex_lock(&state.lock);
	log_segment_count(counter, amount);
	(void)pthread_mutex_unlock(&state.lock);
}
