/* SPDX-License-Identifier: MIT */
/* pause.h - what somebody does who polls. */
#ifndef BC_PAUSE_H
#define BC_PAUSE_H

/* bc_pause - tell the processor that we are polling. */
static inline void bc_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb" ::: "memory");
#else
	__asm__ volatile("" ::: "memory");
#endif
}

#endif
