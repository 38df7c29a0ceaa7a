/* SPDX-License-Identifier: MIT */
/* check_network.h - what TCP may take on this machine; see check.h. */
#ifndef SRC_CHECK_NETWORK_H
#define SRC_CHECK_NETWORK_H

#include "src/check.h"

void check_tcp_mem(const struct check_plan *plan, struct check_result *result);
void check_receive_buffer(const struct check_plan *plan,
			  struct check_result *result);
void check_send_buffer(const struct check_plan *plan,
		       struct check_result *result);
void check_backlog(const struct check_plan *plan, struct check_result *result);
void check_congestion(const struct check_plan *plan,
		      struct check_result *result);

/* check_backlog_judge - connections that may wait to be accepted. */
void check_backlog_judge(uint64_t limit, struct check_result *result);

/* For tests: sizes in bytes. */
struct check_buffers {
	uint64_t core;	/* net.core.?mem_max: of those who ask for a size */
	uint64_t grows; /* tcp_?mem[2]: of those who do not */
	uint64_t asked; /* --rcvbuf, --sndbuf; 0: not */
	bool passes;	/* CAP_NET_ADMIN: core does not count */
};
void check_receive_judge(const struct check_buffers *buffers,
			 struct check_result *result);
void check_send_judge(const struct check_buffers *buffers,
		      struct check_result *result);

/*
 * check_congestion_judge - `present`: the system's choice; `available` and
 * `allowed`: lists with blanks between; `asked`: --congestion.
 */
struct check_congestions {
	const char *present;
	const char *available;
	const char *allowed; /* to those without CAP_NET_ADMIN */
	const char *asked;
	bool passes;
};
void check_congestion_judge(const struct check_congestions *congestions,
			    struct check_result *result);

#endif
