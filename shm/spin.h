/* SPDX-License-Identifier: MIT */
/*
 * spin.h - how long to poll before going to sleep. Pure arithmetic.
 *
 * Whoever polls for as long as a sleep and a wake-up cost, and then sleeps,
 * never pays more than twice what the best choice would have cost. So the
 * budget is the measured cost of a wake: an average in which each new sample
 * counts an eighth, between bounds, since one preemption is no measurement.
 *
 * Where data comes later than that, polling is all loss. After SPIN_MISSES
 * waits in a row that polling did not end, only every SPIN_PROBE-th wait polls,
 * for the whole budget, and one success brings back the rest. (Rejected: an
 * eighth of the budget each time. It costs as much, and never learns of data
 * that comes after a half of it.) With one core nobody could publish while we
 * poll, so we do not.
 */
#ifndef BC_SPIN_H
#define BC_SPIN_H

#include <stdbool.h>
#include <stdint.h>

#define BC_SPIN_WAKE_NS_FIRST UINT64_C(50000)
#define BC_SPIN_WAKE_NS_MIN   UINT64_C(5000)
#define BC_SPIN_WAKE_NS_MAX   UINT64_C(200000)
#define BC_SPIN_MISSES	      8u
#define BC_SPIN_PROBE	      8u

struct bc_spin {
	bool adaptive;
	uint64_t fixed_ns; /* not adaptive: the budget */
	uint64_t wake_ns;  /* what a wake costs, on average */
	uint32_t misses;   /* waits in a row that outlasted the polling */
	uint64_t hits;	   /* waits that polling has ended */
};

/*
 * bc_spin_init - spin_ns as in bcast_attach_options; `cores`: how many may run
 * this process.
 */
void bc_spin_init(struct bc_spin *spin, int64_t spin_ns, unsigned cores);

/* bc_spin_is_endless - poll, and never sleep. */
bool bc_spin_is_endless(const struct bc_spin *spin);

/* bc_spin_budget - how long the next wait polls; 0: not at all. */
uint64_t bc_spin_budget(const struct bc_spin *spin);

/* bc_spin_hit, bc_spin_miss - data came while polling; it came later. */
void bc_spin_hit(struct bc_spin *spin);
void bc_spin_miss(struct bc_spin *spin);

/* bc_spin_woken - a wake has taken this long, from publication to awake. */
void bc_spin_woken(struct bc_spin *spin, uint64_t cost_ns);

#endif
