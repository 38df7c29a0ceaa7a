/* SPDX-License-Identifier: MIT */
/* spin.c - see spin.h. */
#include <bcast/bcast.h>

#include "shm/spin.h"

#define SAMPLE_WEIGHT 8 /* a sample counts 1 / 8 */

void bc_spin_init(struct bc_spin *spin, int64_t spin_ns, unsigned cores)
{
	*spin = (struct bc_spin){.wake_ns = BC_SPIN_WAKE_NS_FIRST};
	if (spin_ns != BCAST_SPIN_DEFAULT)
		spin->fixed_ns = (uint64_t)spin_ns;
	else
		spin->adaptive = cores > 1;
}

bool bc_spin_is_endless(const struct bc_spin *spin)
{
	return spin->fixed_ns == (uint64_t)BCAST_SPIN_FOREVER;
}

uint64_t bc_spin_budget(const struct bc_spin *spin)
{
	if (!spin->adaptive)
		return spin->fixed_ns;
	if (spin->misses < BC_SPIN_MISSES ||
	    spin->misses == BC_SPIN_MISSES + BC_SPIN_PROBE - 1)
		return spin->wake_ns;
	return 0;
}

void bc_spin_hit(struct bc_spin *spin)
{
	spin->misses = 0;
	spin->hits++;
}

void bc_spin_miss(struct bc_spin *spin)
{
	/* goes round within "now and then" */
	if (++spin->misses == BC_SPIN_MISSES + BC_SPIN_PROBE)
		spin->misses = BC_SPIN_MISSES;
}

static uint64_t bounded(uint64_t ns)
{
	if (ns < BC_SPIN_WAKE_NS_MIN)
		return BC_SPIN_WAKE_NS_MIN;
	return ns < BC_SPIN_WAKE_NS_MAX ? ns : BC_SPIN_WAKE_NS_MAX;
}

void bc_spin_woken(struct bc_spin *spin, uint64_t cost_ns)
{
	uint64_t sample = bounded(cost_ns);

	spin->wake_ns = bounded((spin->wake_ns * (SAMPLE_WEIGHT - 1) + sample) /
				SAMPLE_WEIGHT);
}
