/* SPDX-License-Identifier: MIT */
/*
 * uring_compat.h - io_uring constants newer than Debian 12's headers (liburing
 * 2.3, Linux 6.1). The numbers are the kernel's. Include this instead of
 * <liburing.h>; nothing but uring.c does.
 */
#ifndef NET_URING_COMPAT_H
#define NET_URING_COMPAT_H

#include <liburing.h>

#define BC_IORING_OP_FUTEX_WAIT 51 /* Linux 6.7 */
#define BC_IORING_OP_FUTEX_WAKE 52 /* Linux 6.7 */
#define BC_FUTEX2_SIZE_U32	2u

#ifndef IORING_RECVSEND_POLL_FIRST
#define IORING_RECVSEND_POLL_FIRST (1u << 0)
#endif

#ifndef IORING_SEND_ZC_REPORT_USAGE
#define IORING_SEND_ZC_REPORT_USAGE (1u << 3) /* Linux 6.2 */
#endif
#ifndef IORING_NOTIF_USAGE_ZC_COPIED
#define IORING_NOTIF_USAGE_ZC_COPIED (1u << 31)
#endif

#endif
