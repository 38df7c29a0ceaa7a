/* SPDX-License-Identifier: MIT */
/*
 * log_json.h - a line of the log as one JSON object (RFC 8259):
 *
 *	{"time":"2026-11-21T14:51:18.123456Z","level":"info",
 *	 "event":"listening","addr":"127.0.0.1:40123","role":"any"}
 *
 * on one line. What was a number in the call is a number here, digit by digit;
 * a text that looks like one (a node named 7) stays a text. Bytes that are no
 * UTF-8 become U+FFFD. What of a line is no pair, as where it was cut, is in
 * the member "text".
 */
#ifndef SRC_LOG_JSON_H
#define SRC_LOG_JSON_H

#include "src/log_line.h"

/* log_json_line - returns its length, newline included. */
size_t log_json_line(const struct log_record *record, bool with_time,
		     char line[LOG_OUT_MAX]);

#endif
