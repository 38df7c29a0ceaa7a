/* SPDX-License-Identifier: MIT */
/* doctor_print.h - results of checks, for people and for programs. */
#ifndef SRC_DOCTOR_PRINT_H
#define SRC_DOCTOR_PRINT_H

#include "src/checks.h"

struct doctor_style {
	bool json;
	bool quiet;  /* only what is not well */
	bool colour; /* of the states */
};

/*
 * doctor_print - print the results of all checks, in order, on standard output.
 * Returns 0, or -ENOMEM; errors of output show when it is closed.
 */
int doctor_print(const struct check_result results[CHECKS_COUNT],
		 const struct doctor_style *style);

#endif
