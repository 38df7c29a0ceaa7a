/* SPDX-License-Identifier: MIT */
/* checks.c - see checks.h. What keeps bcastd from starting stands first. */
#include "src/check_memory.h"
#include "src/check_network.h"
#include "src/check_system.h"
#include "src/checks.h"

const struct checks_row checks_table[CHECKS_COUNT] = {
	{"dev_shm", check_dev_shm},
	{"dev_shm_room", check_room},
	{"memory", check_memory},
	{"ipc_removal", check_ipc_removal},
	{"system_calls", check_calls},
	{"kernel", check_kernel},
	{"io_uring", check_io_uring},
	{"zerocopy", check_zerocopy},
	{"nofile", check_descriptors},
	{"memlock", check_memlock},
	{"congestion", check_congestion},
	{"tcp_mem", check_tcp_mem},
	{"receive_buffer", check_receive_buffer},
	{"send_buffer", check_send_buffer},
	{"somaxconn", check_backlog},
	{"huge_pages", check_huge_pages},
	{"numa", check_numa},
	{"cpus", check_processors},
	{"cpu_governor", check_governor},
	{"clock", check_clock},
	{"time_namespace", check_time_namespace},
};
