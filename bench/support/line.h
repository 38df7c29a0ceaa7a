/* SPDX-License-Identifier: MIT */
/*
 * line.h - how far apart two processors are at this moment: a cache line goes
 * back and forth between them for 20 ms.
 *
 * A hypervisor moves virtual processors. Measured on two: one way in about
 * 50 ns ("near") or in about 185 ("far"), flipping every few seconds, and with
 * it everything that two processes hand each other, up to tenfold. So this is
 * taken before and after each figure, and figures are compared only where
 * these agree.
 */
#ifndef BENCH_LINE_H
#define BENCH_LINE_H

struct line_state {
	double one_way_ns; /* median of half round trips; 0: one processor */
	/* What the second processor's counter is ahead of the first's. */
	double skew_ns;
};

/* 0 or -errno. The calling thread is left where it may run. */
int line_measure(int first, int second, double ticks_per_ns,
		 struct line_state *state);

#endif
