/* SPDX-License-Identifier: MIT */
/*
 * log_thread.c - see log_thread.h.
 *
 * SLEEP. The thread says that it sleeps, then looks at the ring once more; who
 * logs puts the line in, then looks whether it sleeps. Both have a full fence
 * in between, so one of them sees the other. While it writes nobody pays for a
 * wake, which is when lines come thick.
 *
 * DEATH. A signal that ends the process for a bug of ours (an assertion, a bad
 * address) is caught once, to give this thread a moment to write what led to
 * it; then it takes its course. kill -9 loses what is in the ring.
 */
#include "src/log_thread.h"
#include "shm/clock.h"
#include "shm/notify.h"
#include "src/last_words.h"
#include "src/log_ring.h"
#include "src/log_segment.h"
#include "src/log_sink.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#define STACK_BYTES   ((size_t)256 << 10)
#define LAST_LOOK_MS  250 /* for a write that blocks all the same */
#define LAST_WORDS_MS 250
#define NS_PER_MS     ((uint64_t)BC_NS_PER_MS)
#define SLEEP_FOREVER INT64_C(-1)

static struct {
	struct log_ring ring;
	struct log_sink sink;
	struct log_rate *rate;
	pthread_t thread;
	bc_u32 done;   /* futex word: 1 as it ends */
	bc_u32 asleep; /* futex word: 1 while it does, or is about to */
	uint64_t lost; /* lines, and that was not said yet */
	atomic_bool stop;
	atomic_bool reopen;
} state;

/* ---- The thread -------------------------------------------------------- */

static bool write_record(const struct log_record *record)
{
	if (log_sink_write(&state.sink, record))
		return true;
	log_segment_count_late(BC_COUNTER_log_dropped, 1);
	return false;
}

static void write_lost(uint64_t more)
{
	struct log_record record;

	state.lost += more;
	if (state.lost == 0)
		return;
	log_line_make(&record, LOG_LEVEL_WARN, "log_dropped", "count=%llu",
		      (unsigned long long)state.lost);
	if (!log_sink_write(&state.sink, &record))
		return;
	log_segment_note(&record);
	state.lost = 0;
}

static void write_left_out(uint64_t now_s, bool all)
{
	struct log_rate_report report;
	struct log_record record;

	while (log_rate_take(state.rate, now_s, all, &report)) {
		log_line_make(&record, report.level, report.event,
			      "suppressed=%u", report.left_out);
		(void)write_record(&record);
	}
}

static void write_first(const struct log_record *record)
{
	write_lost(record->dropped);
	write_left_out(record->realtime_ns / (uint64_t)BC_NS_PER_S, false);
	if (!write_record(record))
		state.lost++;
	log_ring_advance(&state.ring);
	log_segment_count_late(BC_COUNTER_log_waiting, (uint64_t)-1);
}

/* What is due without a line. */
static void service(void)
{
	uint64_t now_s = bc_realtime_ns() / (uint64_t)BC_NS_PER_S;
	bool last = atomic_load_explicit(&state.stop, memory_order_acquire);

	if (atomic_exchange_explicit(&state.reopen, false,
				     memory_order_acq_rel))
		log_sink_reopen(&state.sink);
	write_left_out(now_s, last);
	write_lost(log_ring_lost(&state.ring));
}

/* Until the second is over of which there is something to report. */
static int64_t sleep_ns(void)
{
	if (atomic_load_explicit(&state.rate->pending, memory_order_acquire) ==
	    0)
		return SLEEP_FOREVER;
	return BC_NS_PER_S -
	       (int64_t)(bc_realtime_ns() % (uint64_t)BC_NS_PER_S);
}

static bool is_due(void)
{
	return log_ring_first(&state.ring) ||
	       atomic_load_explicit(&state.reopen, memory_order_relaxed) ||
	       atomic_load_explicit(&state.stop, memory_order_relaxed);
}

static void sleep_until_woken(void)
{
	int64_t timeout_ns;

	atomic_store_explicit(&state.asleep, 1, memory_order_relaxed);
	/* pairs with the fence in wake() */
	atomic_thread_fence(memory_order_seq_cst);
	timeout_ns = sleep_ns();
	if (!is_due())
		(void)bc_notify_wait(&state.asleep, 1, timeout_ns);
	atomic_store_explicit(&state.asleep, 0, memory_order_relaxed);
}

static void *run(void *unused)
{
	const struct log_record *record;
	bool stop = false;

	(void)unused;
	for (;;) {
		while ((record = log_ring_first(&state.ring))) {
			write_first(record);
			if (atomic_load_explicit(&state.reopen,
						 memory_order_relaxed))
				service();
		}
		service();
		if (stop)
			break;
		sleep_until_woken();
		/* what was put in before this was set is written above */
		stop = atomic_load_explicit(&state.stop, memory_order_acquire);
	}
	log_sink_close(&state.sink);
	/* pairs with the acquire in ends_within() */
	atomic_store_explicit(&state.done, 1, memory_order_release);
	(void)bc_notify_wake(&state.done);
	return NULL;
}

/* ---- Those who log ----------------------------------------------------- */

static void wake(void)
{
	/* pairs with the fence in sleep_until_woken() */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&state.asleep, memory_order_relaxed) == 0)
		return;
	if (atomic_exchange_explicit(&state.asleep, 0, memory_order_relaxed))
		(void)bc_notify_wake(&state.asleep);
}

bool log_thread_put(const struct log_record *record)
{
	log_segment_count(BC_COUNTER_log_waiting, 1);
	if (!log_ring_put(&state.ring, record)) {
		log_segment_count(BC_COUNTER_log_waiting, (uint64_t)-1);
		log_segment_count(BC_COUNTER_log_dropped, 1);
		return false;
	}
	wake();
	return true;
}

void log_thread_look(void)
{
	wake();
}

void log_thread_reopen(void)
{
	atomic_store_explicit(&state.reopen, true, memory_order_release);
	wake();
}

/* ---- The end ----------------------------------------------------------- */

static bool is_default(int number)
{
	struct sigaction now;

	return sigaction(number, NULL, &now) == 0 &&
	       (now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == SIG_DFL;
}

/* Only what may be called from a handler; nothing here takes a lock. */
static void on_fatal(int number)
{
	const struct timespec moment = {.tv_nsec = BC_NS_PER_MS};

	if (!pthread_equal(pthread_self(), state.thread)) {
		atomic_store_explicit(&state.stop, true, memory_order_release);
		wake();
		for (int i = 0; i < LAST_WORDS_MS; i++) {
			if (log_ring_is_empty(&state.ring))
				break;
			(void)nanosleep(&moment, NULL);
		}
	}
	(void)raise(number); /* the handler is gone: as it would have ended */
}

/* A sanitizer's own handlers stay. */
static void catch_fatal(void)
{
	static const int numbers[] = {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
	const struct sigaction action = {.sa_handler = on_fatal,
					 .sa_flags = SA_RESETHAND};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (is_default(numbers[i]))
			(void)sigaction(numbers[i], &action, NULL);
}

static int start_thread(void)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	int error;

	(void)sigfillset(&all);
	last_words_unblock(&all);
	error = pthread_attr_init(&attributes);
	if (error != 0)
		return -error;
	(void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&state.thread, &attributes, run, NULL);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attributes);
	return -error;
}

int log_thread_start(const struct log_options *options, struct log_rate *rate)
{
	int ret;

	log_ring_init(&state.ring);
	log_sink_open(&state.sink, options);
	state.rate = rate;
	state.lost = 0;
	atomic_store_explicit(&state.done, 0, memory_order_relaxed);
	atomic_store_explicit(&state.stop, false, memory_order_relaxed);
	atomic_store_explicit(&state.reopen, false, memory_order_relaxed);
	ret = start_thread();
	if (ret < 0)
		log_sink_close(&state.sink);
	else
		catch_fatal();
	return ret;
}

static bool ends_within(uint64_t ns)
{
	uint64_t until_ns = bc_monotonic_ns() + ns;
	uint64_t now_ns = bc_monotonic_ns();

	/* pairs with the release at the end of run() */
	while (atomic_load_explicit(&state.done, memory_order_acquire) == 0) {
		if (now_ns >= until_ns)
			return false;
		(void)bc_notify_wait(&state.done, 0,
				     (int64_t)(until_ns - now_ns));
		now_ns = bc_monotonic_ns();
	}
	return pthread_join(state.thread, NULL) == 0;
}

void log_thread_stop(void)
{
	atomic_store_explicit(&state.stop, true, memory_order_release);
	wake();
	if (ends_within(LOG_STOP_MS * NS_PER_MS))
		return;
	/* nobody reads: it shall not wait for that, and drop the rest */
	atomic_store_explicit(&state.sink.give_up, true, memory_order_relaxed);
	if (!ends_within(LAST_LOOK_MS * NS_PER_MS))
		(void)pthread_detach(state.thread);
}
