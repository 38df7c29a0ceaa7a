/* SPDX-License-Identifier: MIT */
/*
 * pub_idle.c - bcast-pub: while nothing is published. See pub.h.
 *
 * Below those who have to wait, be it for input (pub_input.c), for room or for
 * the pace (pub_copy.c): all of them do so in slices, and call here in between.
 */
#include <errno.h>
#include <time.h>

#include "pub.h"

#define REST_SLICE_NS UINT64_C(100000000)
#define NS_PER_S      UINT64_C(1000000000)

int pub_idle(struct pub *pub)
{
	if (*pub->wish->interrupted)
		return -EINTR;
	return pub_door_idle(pub);
}

int pub_idle_rest(struct pub *pub, uint64_t ns)
{
	int ret = 0;

	while (ns > 0 && ret == 0) {
		uint64_t slice = ns < REST_SLICE_NS ? ns : REST_SLICE_NS;
		const struct timespec pause = {
			.tv_sec = (time_t)(slice / NS_PER_S),
			.tv_nsec = (long)(slice % NS_PER_S),
		};

		ret = pub_idle(pub);
		if (ret == 0)
			(void)nanosleep(&pause, NULL);
		ns -= slice;
	}
	return ret;
}
