/* SPDX-License-Identifier: MIT */
/*
 * scrape.c - ask for /metrics so many times a second, for so long, and say how
 * often there was an answer.
 *
 * bench_admin_scrape PORT PATH RATE SECONDS
 *
 * Fifteen connections in turns, five at once, each with one request at a time,
 * whose answer is taken when its turn comes again: so the rate does not depend
 * on how long an answer takes, and there is as little work as can be. What this
 * program takes of the processors is taken from those that are measured.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S    UINT64_C(1000000000)
#define ANSWER_ROOM (1u << 20)
#define BURST	    5u	/* sent at once: fewer wake-ups of this program */
#define CONNECTIONS 15u /* of one peer 32 are served, those that end too */

static char answer[ANSWER_ROOM];

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void sleep_until(uint64_t then_ns)
{
	const struct timespec then = {.tv_sec = (time_t)(then_ns / NS_PER_S),
				      .tv_nsec = (long)(then_ns % NS_PER_S)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL) ==
	       EINTR)
		;
}

static int open_connection(uint16_t port)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&address,
			      sizeof(address)) < 0) {
		fprintf(stderr, "port %u: %s\n", port, strerror(errno));
		exit(1);
	}
	return fd;
}

/* How much there is of an answer with its body; 0: not known yet. */
static size_t whole(size_t have)
{
	const char *end, *length;

	answer[have] = '\0';
	end = strstr(answer, "\r\n\r\n");
	length = end ? strstr(answer, "Content-Length: ") : NULL;
	if (!length || length > end)
		return 0;
	return (size_t)(end - answer) + 4 + strtoull(length + 16, NULL, 10);
}

static bool read_answer(int fd)
{
	size_t have = 0, wanted = 0;

	do {
		ssize_t n = recv(fd, answer + have, ANSWER_ROOM - 1 - have, 0);

		if (n <= 0)
			return false;
		have += (size_t)n;
		if (wanted == 0)
			wanted = whole(have);
	} while (wanted == 0 || have < wanted);
	return memcmp(answer, "HTTP/1.1 200 ", 13) == 0;
}

int main(int argc, char **argv)
{
	char request[256];
	uint64_t begun_ns, end_ns, period_ns, asked = 0;
	int fds[CONNECTIONS], length;

	if (argc != 5 || atoi(argv[1]) <= 0 || atof(argv[3]) <= 0) {
		fprintf(stderr, "usage: %s PORT PATH RATE SECONDS\n", argv[0]);
		return 64;
	}
	length =
		snprintf(request, sizeof(request),
			 "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", argv[2]);
	for (unsigned i = 0; i < CONNECTIONS; i++)
		fds[i] = open_connection((uint16_t)atoi(argv[1]));
	period_ns = (uint64_t)((double)NS_PER_S * BURST / atof(argv[3]));
	begun_ns = now_ns();
	end_ns = begun_ns + (uint64_t)((double)NS_PER_S * atof(argv[4]));
	for (; now_ns() < end_ns; asked++) {
		int fd = fds[asked % CONNECTIONS];

		if (asked % BURST == 0)
			sleep_until(begun_ns + asked / BURST * period_ns);
		if ((asked >= CONNECTIONS && !read_answer(fd)) ||
		    send(fd, request, (size_t)length, MSG_NOSIGNAL) != length) {
			fprintf(stderr, "no answer\n");
			return 1;
		}
	}
	printf("{\"scrapes\": %" PRIu64 ", \"seconds\": %.3f}\n",
	       asked > CONNECTIONS ? asked - CONNECTIONS : 0,
	       (double)(now_ns() - begun_ns) / (double)NS_PER_S);
	return 0;
}
