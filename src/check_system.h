/* SPDX-License-Identifier: MIT */
/* check_system.h - the kernel and the processors; see check.h. */
#ifndef SRC_CHECK_SYSTEM_H
#define SRC_CHECK_SYSTEM_H

#include "src/check.h"

void check_kernel(const struct check_plan *plan, struct check_result *result);
void check_io_uring(const struct check_plan *plan, struct check_result *result);
void check_zerocopy(const struct check_plan *plan, struct check_result *result);
void check_calls(const struct check_plan *plan, struct check_result *result);
void check_time_namespace(const struct check_plan *plan,
			  struct check_result *result);
void check_clock(const struct check_plan *plan, struct check_result *result);
void check_processors(const struct check_plan *plan,
		      struct check_result *result);
void check_governor(const struct check_plan *plan, struct check_result *result);

/* For tests. */
void check_kernel_judge(const char *release, struct check_result *result);

/* `error`: 0, or -errno; `why`: as bc_backend_open() has it. */
struct check_io_uring_facts {
	int error;
	const char *why;
	int cause; /* enum bc_uring_cause */
	enum config_backend wanted;
};
void check_io_uring_judge(const struct check_io_uring_facts *facts,
			  struct check_result *result);

/* `error`: 0, or -errno; `why`: as bc_zerocopy_check() has it. */
void check_zerocopy_judge(enum config_zerocopy wanted, int error,
			  const char *why, struct check_result *result);

struct check_calls_facts {
	bool locks;	 /* of open file descriptions, in /dev/shm */
	bool pidfd;	 /* pidfd_open(2) */
	bool membarrier; /* membarrier(2) of all registered processes */
};
void check_calls_judge(const struct check_calls_facts *facts,
		       struct check_result *result);

void check_clock_judge(const char *source, double cost_ns,
		       struct check_result *result);

struct check_processors_facts {
	unsigned online;
	unsigned usable;
	bool busy_poll; /* asked for */
	bool barred;	/* from the one of --cpu */
};
void check_processors_judge(const struct check_processors_facts *facts,
			    struct check_result *result);
bool check_processors_read(const struct config *config,
			   struct check_processors_facts *facts);

#endif
