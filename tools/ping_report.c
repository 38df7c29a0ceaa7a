/* SPDX-License-Identifier: MIT */
/* ping_report.c - what bcast-ping prints. See ping.h. */
#include <inttypes.h>
#include <stdio.h>

#include "ping.h"

#define NS_PER_MS    1e6
#define FIRST_OCTAVE 5u /* below 32 ns all is one */

/* ---- Spans ------------------------------------------------------------- */

static unsigned class_of(uint64_t nanoseconds)
{
	unsigned octave, class;

	if (nanoseconds < UINT64_C(1) << FIRST_OCTAVE)
		return 0;
	octave = 63u - (unsigned)__builtin_clzll(nanoseconds);
	class = (octave - FIRST_OCTAVE) * PING_STEPS +
		(unsigned)((nanoseconds >> (octave - FIRST_OCTAVE)) &
			   (PING_STEPS - 1));
	return class < PING_CLASSES ? class : PING_CLASSES - 1;
}

void ping_spans_add(struct ping_spans *spans, uint64_t nanoseconds)
{
	if (spans->count == 0 || nanoseconds < spans->min_ns)
		spans->min_ns = nanoseconds;
	if (nanoseconds > spans->max_ns)
		spans->max_ns = nanoseconds;
	spans->counts[class_of(nanoseconds)]++;
	spans->sum_ns += nanoseconds;
	spans->count++;
}

static double middle_ms(unsigned class)
{
	double octave =
		(double)(UINT64_C(1) << (class / PING_STEPS + FIRST_OCTAVE));

	return (octave + octave / PING_STEPS * (class % PING_STEPS + 0.5)) /
	       NS_PER_MS;
}

double ping_spans_ms(const struct ping_spans *spans, double part)
{
	double least = (double)spans->min_ns / NS_PER_MS;
	double most = (double)spans->max_ns / NS_PER_MS;
	uint64_t wanted = (uint64_t)(part * (double)spans->count);
	uint64_t seen = 0;
	double found = most;

	for (unsigned i = 0; i < PING_CLASSES; i++) {
		seen += spans->counts[i];
		if (seen <= wanted)
			continue;
		found = middle_ms(i);
		break;
	}
	if (found > most)
		return most;
	return found < least ? least : found;
}

/* ---- Lines ------------------------------------------------------------- */

static void say_where(const struct ping_wish *wish, unsigned connection,
		      uint64_t number)
{
	if (wish->connections > 1)
		printf(" connection=%u", connection);
	printf(" seq=%" PRIu64, number);
}

void ping_report_answer(const struct ping_wish *wish, unsigned connection,
			uint64_t number, uint64_t nanoseconds)
{
	if (wish->quiet)
		return;
	printf("%zu bytes from %s:", wish->size, wish->address);
	say_where(wish, connection, number);
	printf(" time=%.3f ms\n", (double)nanoseconds / NS_PER_MS);
}

void ping_report_lost(const struct ping_wish *wish, unsigned connection,
		      uint64_t number)
{
	if (wish->quiet)
		return;
	printf("no answer from %s:", wish->address);
	say_where(wish, connection, number);
	putchar('\n');
}

/* ---- The end ----------------------------------------------------------- */

static double loss_percent(const struct ping_totals *totals)
{
	return totals->sent > 0
		       ? 100.0 * (double)totals->lost / (double)totals->sent
		       : 0.0;
}

static double mean_ms(const struct ping_spans *spans)
{
	return spans->count > 0 ? (double)spans->sum_ns / (double)spans->count /
					  NS_PER_MS
				: 0.0;
}

static double rate(const struct ping_totals *totals)
{
	return totals->seconds > 0 ? (double)totals->received / totals->seconds
				   : 0.0;
}

static void print_json(const struct ping_wish *wish,
		       const struct ping_totals *totals)
{
	const struct ping_spans *spans = &totals->spans;

	printf("{\"protocol\": \"%s\", \"size\": %zu, \"connections\": %u, "
	       "\"sent\": %" PRIu64 ", \"received\": %" PRIu64
	       ", \"lost\": %" PRIu64 ", \"wrong\": %" PRIu64
	       ", \"broken\": %u, \"seconds\": %.3f, \"rate\": %.1f, "
	       "\"min_ms\": %.6f, \"mean_ms\": %.6f, \"p50_ms\": %.6f, "
	       "\"p95_ms\": %.6f, \"p99_ms\": %.6f, \"max_ms\": %.6f}\n",
	       wish->door->name, wish->size, wish->connections, totals->sent,
	       totals->received, totals->lost, totals->wrong, totals->broken,
	       totals->seconds, rate(totals), (double)spans->min_ns / NS_PER_MS,
	       mean_ms(spans), ping_spans_ms(spans, 0.5),
	       ping_spans_ms(spans, 0.95), ping_spans_ms(spans, 0.99),
	       (double)spans->max_ns / NS_PER_MS);
}

void ping_report_totals(const struct ping_wish *wish,
			const struct ping_totals *totals)
{
	const struct ping_spans *spans = &totals->spans;

	if (wish->json) {
		print_json(wish, totals);
		return;
	}
	printf("%s--- %s: %" PRIu64 " sent, %" PRIu64 " received, %" PRIu64
	       " lost (%.3g %%)",
	       wish->quiet ? "" : "\n", wish->address, totals->sent,
	       totals->received, totals->lost, loss_percent(totals));
	if (totals->wrong > 0)
		printf(", %" PRIu64 " wrong", totals->wrong);
	if (totals->broken > 0)
		printf(", %u connections broken", totals->broken);
	printf(", %.1f a second\n", rate(totals));
	if (spans->count > 0)
		printf("min/mean/p50/p95/p99/max = "
		       "%.3f/%.3f/%.3f/%.3f/%.3f/%.3f ms\n",
		       (double)spans->min_ns / NS_PER_MS, mean_ms(spans),
		       ping_spans_ms(spans, 0.5), ping_spans_ms(spans, 0.95),
		       ping_spans_ms(spans, 0.99),
		       (double)spans->max_ns / NS_PER_MS);
}
