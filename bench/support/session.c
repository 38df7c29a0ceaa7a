/* SPDX-License-Identifier: MIT */
/* session.c - see session.h. */
#include "session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "processor.h"
#include "ticks.h"

struct look {
	uint64_t ns;
	uint64_t waited_ns;
	uint64_t counts[CREW_MAX];
};

static void nap(unsigned milliseconds)
{
	const struct timespec nap = {.tv_sec = milliseconds / 1000,
				     .tv_nsec = milliseconds % 1000 * 1000000};

	(void)nanosleep(&nap, NULL);
}

/* The most of those that have a processor to themselves. */
static uint64_t waited_ns(const struct crew *crew)
{
	const bool crowded = crew->count > processor_count();
	uint64_t most = crew_waited_ns(&crew->members[0]);

	for (unsigned i = 1; !crowded && i < crew->count; i++) {
		const uint64_t ns = crew_waited_ns(&crew->members[i]);

		most = ns > most ? ns : most;
	}
	return most;
}

/* The clock and the counts close together; the rest after them. */
static void look(const struct crew *crew, struct look *look)
{
	look->ns = ticks_clock_ns();
	for (unsigned i = 0; i < crew->count; i++)
		look->counts[i] = atomic_load(&crew->members[i].messages);
	look->waited_ns = waited_ns(crew);
}

static int start_all(struct crew *crew, const struct session_plan *plan)
{
	int ret = 0;

	for (unsigned i = 0; ret >= 0 && i <= plan->readers; i++)
		ret = crew_start(crew, processor_of(i), plan->work,
				 plan->context);
	if (ret < 0) {
		(void)fprintf(stderr, "fork: %s\n", strerror(-ret));
		return ret;
	}
	return crew_ready(crew);
}

static void measure(struct session *session, const struct session_plan *plan)
{
	struct crew *crew = session->crew;
	struct look first = {0};
	struct look final = {0};

	crew_go(crew);
	nap(plan->warm_up_ms);
	look(crew, &first);
	atomic_store(&crew->measuring, true);
	nap(plan->window_ms);
	atomic_store(&crew->measuring, false);
	look(crew, &final);
	session->window_ns = final.ns - first.ns;
	session->waited_ns = final.waited_ns - first.waited_ns;
	for (unsigned i = 0; i < crew->count; i++)
		session->counted[i] = final.counts[i] - first.counts[i];
}

static int take_distance(const struct session *session,
			 struct line_state *state)
{
	const int ret = line_measure(processor_of(0), processor_of(1),
				     session->ticks_per_ns, state);

	if (ret < 0)
		(void)fprintf(stderr, "cache line: %s\n", strerror(-ret));
	return ret;
}

int session_init(struct session *session, const struct session_plan *plan)
{
	int ret;

	*session = (struct session){.crew = crew_create()};
	if (session->crew == NULL) {
		(void)fprintf(stderr, "mmap: %s\n", strerror(errno));
		return -ENOMEM;
	}
	if (plan->real_time) {
		ret = processor_real_time(PROCESSOR_PARENT);
		if (ret < 0) {
			(void)fprintf(stderr, "--real-time: %s\n",
				      strerror(-ret));
			return ret;
		}
		session->crew->real_time = true;
	}
	session->ticks_per_ns = ticks_per_ns();
	return 0;
}

int session_run(struct session *session, const struct session_plan *plan)
{
	int ret = take_distance(session, &session->before);
	int ended;

	if (ret < 0)
		return ret;
	ret = start_all(session->crew, plan);
	if (ret >= 0)
		measure(session, plan);
	ended = crew_finish(session->crew);
	if (ret < 0 || ended < 0)
		return ret < 0 ? ret : ended;
	return take_distance(session, &session->after);
}

void session_fini(struct session *session)
{
	if (session->crew != NULL)
		crew_destroy(session->crew);
}

void session_print(const struct session *session,
		   const struct session_plan *plan, FILE *out)
{
	const struct crew *crew = session->crew;
	uint64_t slowest = UINT64_MAX;
	uint64_t lost = 0;
	uint64_t wrong = 0;

	for (unsigned i = 1; i < crew->count; i++) {
		slowest = session->counted[i] < slowest ? session->counted[i]
							: slowest;
		lost += atomic_load(&crew->members[i].lost);
		wrong += atomic_load(&crew->members[i].wrong);
	}
	(void)fprintf(out,
		      "\"readers\": %u, \"seconds\": %.6f, \"written\": %lu, "
		      "\"slowest\": %lu, \"lost\": %lu, \"wrong\": %lu, "
		      "\"waited_s\": %.6f, \"line_before_ns\": %.1f, "
		      "\"line_after_ns\": %.1f, \"skew_ns\": %.1f",
		      plan->readers, (double)session->window_ns / 1e9,
		      session->counted[0], slowest, lost, wrong,
		      (double)session->waited_ns / 1e9,
		      session->before.one_way_ns, session->after.one_way_ns,
		      session->after.skew_ns);
}

unsigned session_number(const char *text, unsigned low, unsigned high)
{
	char *end;
	const unsigned long value = strtoul(text, &end, 10);

	if (*text == 0 || *end != 0 || value < low || value > high) {
		(void)fprintf(stderr, "%s: not in %u..%u\n", text, low, high);
		exit(64);
	}
	return (unsigned)value;
}
