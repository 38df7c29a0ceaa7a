/* SPDX-License-Identifier: MIT */
/* http.c - see http.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "http.h"
#include "support.h"

int http_connect(uint16_t port)
{
	const struct timeval patience = {.tv_sec = DEADLINE_MS / 1000};
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
			 sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
			 sizeof(patience));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail_msg("port %u: %s", port, strerror(errno));
	return fd;
}

int http_say(int fd, const void *bytes, size_t size)
{
	const char *at = bytes;

	while (size > 0) {
		ssize_t n = send(fd, at, size, MSG_NOSIGNAL);

		if (n < 0)
			return 0;
		at += n;
		size -= (size_t)n;
	}
	return 1;
}

/* 0: the end, of whatever kind; too late fails. */
static size_t take(int fd, void *bytes, size_t size)
{
	ssize_t n = recv(fd, bytes, size, 0);

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		fail_msg("no answer within %d ms", DEADLINE_MS);
	return n > 0 ? (size_t)n : 0;
}

static void read_head(int fd, struct http_answer *answer)
{
	size_t used = 0;

	while (used < HTTP_HEAD_MAX && !strstr(answer->head, "\r\n\r\n") &&
	       take(fd, answer->head + used, 1) == 1)
		used++;
	if (sscanf(answer->head, "HTTP/1.%*d %d", &answer->status) != 1)
		answer->status = 0;
}

void http_read(int fd, const char *method, struct http_answer *answer)
{
	const char *length;
	size_t n;

	*answer = (struct http_answer){0};
	read_head(fd, answer);
	length = http_header(answer, "Content-Length");
	answer->body_bytes = length ? strtoull(length, NULL, 10) : 0;
	if (strcmp(method, "HEAD") == 0)
		answer->body_bytes = 0;
	answer->body = calloc(1, answer->body_bytes + 1);
	assert_non_null(answer->body);
	for (size_t used = 0; used < answer->body_bytes; used += n) {
		n = take(fd, answer->body + used, answer->body_bytes - used);
		if (n == 0)
			fail_msg("the body ends after %zu of %zu bytes", used,
				 answer->body_bytes);
	}
}

void http_ask(uint16_t port, const char *method, const char *path,
	      const char *lines, struct http_answer *answer)
{
	int fd = http_connect(port);
	char request[2048];
	int length = snprintf(request, sizeof(request),
			      "%s %s HTTP/1.1\r\nHost: localhost\r\n"
			      "Connection: close\r\n%s\r\n",
			      method, path, lines);

	assert_true(length < (int)sizeof(request));
	(void)http_say(fd, request, (size_t)length);
	http_read(fd, method, answer);
	(void)close(fd);
}

void http_get(uint16_t port, const char *path, struct http_answer *answer)
{
	http_ask(port, "GET", path, "", answer);
	if (answer->status != 200)
		fail_msg("%s: %s%s", path, answer->head, answer->body);
}

int http_status(uint16_t port, const char *method, const char *path)
{
	struct http_answer answer;
	int status;

	http_ask(port, method, path, "", &answer);
	status = answer.status;
	http_free(&answer);
	return status;
}

const char *http_header(const struct http_answer *answer, const char *name)
{
	const char *line = strchr(answer->head, '\n');
	size_t length = strlen(name);

	for (; line; line = strchr(line, '\n')) {
		line++;
		if (strncasecmp(line, name, length) == 0 && line[length] == ':')
			return line + length + 1 +
			       strspn(line + length + 1, " ");
	}
	return NULL;
}

void http_free(struct http_answer *answer)
{
	free(answer->body);
	*answer = (struct http_answer){0};
}
