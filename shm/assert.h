/* SPDX-License-Identifier: MIT */
/*
 * assert.h - BC_ASSERT: what only a bug of ours could break. It stays on in
 * every build. Bytes of a peer, a file or another process are never asserted:
 * they are checked, and answered with an error.
 */
#ifndef BC_ASSERT_H
#define BC_ASSERT_H

/* Prints where and what to stderr, then aborts. */
_Noreturn void bc_assert_failed(const char *condition, const char *file,
				int line);

#define BC_ASSERT(condition)   \
	((condition) ? (void)0 \
		     : bc_assert_failed(#condition, __FILE__, __LINE__))

#endif
