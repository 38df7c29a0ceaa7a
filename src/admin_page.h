/* SPDX-License-Identifier: MIT */
/* admin_page.h - admin_page.html, as admin_page.cmake puts it into C. */
#ifndef SRC_ADMIN_PAGE_H
#define SRC_ADMIN_PAGE_H

#include <stddef.h>

extern const char admin_page[];
extern const size_t admin_page_bytes;

/* Its Content-Security-Policy: only its own style and script, by hash. */
extern const char admin_page_policy[];

#endif
