/* SPDX-License-Identifier: MIT */
/*
 * http.h - a client of HTTP as simple as can be: it says what the test wants,
 * right or wrong, and reads what comes. What does not come within DEADLINE_MS
 * fails the test.
 */
#ifndef TESTS_HTTP_H
#define TESTS_HTTP_H

#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_MAX 4095

/* Zeroed is none. */
struct http_answer {
	int status;		      /* 0: there was no answer */
	char head[HTTP_HEAD_MAX + 1]; /* status line and headers, terminated */
	char *body;		      /* terminated, as if it were a string */
	size_t body_bytes;
};

/* http_connect - to a port of 127.0.0.1. The caller closes it. */
int http_connect(uint16_t port);

/* http_say - send all of it; false if the other side has hung up. */
int http_say(int fd, const void *bytes, size_t size);

/*
 * http_read - one answer from a connection: headers, and as much of a body as
 * they say (none for HEAD), or up to the end of the connection.
 */
void http_read(int fd, const char *method, struct http_answer *answer);

/*
 * http_ask - METHOD PATH on a connection of its own, with these further lines.
 */
void http_ask(uint16_t port, const char *method, const char *path,
	      const char *lines, struct http_answer *answer);

/* http_get - GET PATH; fails the test if the status is not 200. */
void http_get(uint16_t port, const char *path, struct http_answer *answer);

/* http_status - of METHOD PATH. */
int http_status(uint16_t port, const char *method, const char *path);

/* http_header - the value of a header, up to its end of line; NULL: none. */
const char *http_header(const struct http_answer *answer, const char *name);

void http_free(struct http_answer *answer);

#endif
