/* SPDX-License-Identifier: MIT */
/*
 * follow.h - how far the stream is, when somebody else writes it: a local
 * publisher moves the tail, and shows records beyond it by their headers, while
 * the daemon goes by daemon.tail, which changes here.
 */
#ifndef SRC_FOLLOW_H
#define SRC_FOLLOW_H

#include "src/daemon.h"

/*
 * follow_stream - bring daemon.tail up to date; if it has grown, receivers have
 * something to send. Does nothing while we have received bytes that are not
 * published yet.
 */
void follow_stream(struct daemon *daemon);

/* follow_has_news - would follow_stream() find something? */
bool follow_has_news(const struct daemon *daemon);

#endif
