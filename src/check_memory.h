/* SPDX-License-Identifier: MIT */
/* check_memory.h - what becomes of the ring's memory here; see check.h. */
#ifndef SRC_CHECK_MEMORY_H
#define SRC_CHECK_MEMORY_H

#include "src/check.h"

void check_dev_shm(const struct check_plan *plan, struct check_result *result);
void check_room(const struct check_plan *plan, struct check_result *result);
void check_memory(const struct check_plan *plan, struct check_result *result);
void check_memlock(const struct check_plan *plan, struct check_result *result);
void check_descriptors(const struct check_plan *plan,
		       struct check_result *result);
void check_ipc_removal(const struct check_plan *plan,
		       struct check_result *result);
void check_huge_pages(const struct check_plan *plan,
		      struct check_result *result);
void check_numa(const struct check_plan *plan, struct check_result *result);

/* For tests; in bytes. */
struct check_memory_facts {
	uint64_t available; /* of the machine */
	uint64_t left;	    /* of the control group; UINT64_MAX: no limit */
	uint64_t needed;
};
void check_memory_judge(const struct check_memory_facts *facts,
			struct check_result *result);

/*
 * check_memory_read - `available` and `left`, below root. Of the control groups
 * that we are in, the narrowest counts, by version 2 or 1. False if the machine
 * does not even say the first.
 */
bool check_memory_read(const char *root, struct check_memory_facts *facts);

struct check_memlock_facts {
	uint64_t limit;	 /* UINT64_MAX: none */
	bool unenforced; /* CAP_IPC_LOCK of the machine, not of a namespace */
	uint64_t ring;
};
void check_memlock_judge(const struct check_memlock_facts *facts,
			 struct check_result *result);

void check_huge_pages_judge(uint64_t ring, const char *option,
			    const char *setting, struct check_result *result);

/* check_numa_judge - `online` is a list as of the kernel: "0-1,3". */
void check_numa_judge(const char *online, struct check_result *result);

#endif
