/* SPDX-License-Identifier: MIT */
/* sleepers.c - see sleepers.h. The only membarrier(2). */
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shm/sleepers.h"

static bool membarrier(int command)
{
	return syscall(SYS_membarrier, command, 0, 0) == 0;
}

bool bc_sleepers_register(void)
{
	return membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED);
}

bool bc_sleepers_heavy_fence(void)
{
	atomic_thread_fence(memory_order_seq_cst);
	return membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED);
}
