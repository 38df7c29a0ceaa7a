/* SPDX-License-Identifier: MIT */
/*
 * mixed.c - how late does a local reader see a byte, while whatever else goes
 * on around the daemon?
 *
 * One sender, over TCP or as a local publisher, sends updates by a plan; one
 * thread, alone on its processor, polls the ring and takes the time whenever it
 * has seen all of an update. Two delays come out of it: from when the update
 * *was due*, which counts whatever held it up, the sender's own turn at a busy
 * processor included; and from when the sender called send(), which is the
 * daemon's part. Every byte is checked by its position (scale/content.h).
 *
 * The stream is one of bytes, and nobody has sent anything before us.
 */
#include "clock.h"
#include "content.h"
#include "socket.h"

#include <bcast/bcast.h>

#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define AWAKE_NS    60000u
#define UPDATES_MAX 10000000u
#define SETTLE_S    20.0
#define SETTLE_NS   1000000
#define LOOKS	    4096u /* of the reader, until it asks if it is over */

struct options {
	const char *name;
	const char *ingest; /* NULL: a local publisher */
	const char *congestion;
	size_t message_bytes;
	double updates_s;
	double warmup_s, window_s;
	int reader_cpu; /* -1: any */
};

struct mixed {
	struct options options;
	struct content content;
	uint64_t updates, counted_from, interval_ns;
	struct bcast_reader *reader;
	uint64_t base; /* position of the first update */
	pthread_t reading;
	int sender; /* TCP */
	struct bcast_node *node;
	struct bcast_publisher *publisher;
	void *payload;
	uint64_t *seen_ns;	   /* by update; 0: lost */
	uint64_t *sent_ns;	   /* when send() was called */
	_Atomic uint64_t start_ns; /* update 0 is due */
	_Atomic uint64_t position; /* the reader's, from base */
	atomic_bool over, wrong;
	uint64_t laps;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- The reader -------------------------------------------------------- */

static void pin(int processor)
{
	cpu_set_t set;

	if (processor < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	/* Without it the figures are worse, no more. */
	(void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static void note(struct mixed *mixed, uint64_t from, uint64_t to)
{
	const size_t message = mixed->options.message_bytes;
	const uint64_t end = to / message;
	uint64_t now;

	if (from / message == end)
		return;
	now = now_ns();
	for (uint64_t i = from / message; i < end && i < mixed->updates; i++)
		mixed->seen_ns[i] = now;
}

static int take(struct mixed *mixed)
{
	const uint64_t from = bcast_position(mixed->reader) - mixed->base;
	const void *data = NULL;
	int64_t n = bcast_peek(mixed->reader, &data);
	bool right;
	int ret;

	if (n == 0)
		return 0;
	if (n > 0) {
		note(mixed, from, from + (uint64_t)n);
		right = content_right(&mixed->content, from, data, (size_t)n);
		ret = bcast_consume(mixed->reader, (size_t)n);
		if (ret == 0 && !right)
			atomic_store(&mixed->wrong, true);
		n = ret;
	}
	if (n == BCAST_ELAPPED)
		mixed->laps++;
	else if (n < 0)
		return (int)n;
	atomic_store_explicit(&mixed->position,
			      bcast_position(mixed->reader) - mixed->base,
			      memory_order_relaxed);
	return 0;
}

static void *spin(void *argument)
{
	struct mixed *mixed = argument;

	pin(mixed->options.reader_cpu);
	while (!atomic_load_explicit(&mixed->over, memory_order_relaxed)) {
		for (unsigned i = 0; i < LOOKS; i++)
			if (take(mixed) < 0)
				return NULL;
	}
	return NULL;
}

/* ---- The sender -------------------------------------------------------- */

static int send_one(const struct mixed *mixed)
{
	const size_t size = mixed->options.message_bytes;
	size_t done = 0;

	if (mixed->publisher != NULL)
		return bcast_publish(mixed->publisher, mixed->payload, size);
	while (done < size) {
		ssize_t n =
			send(mixed->sender, (const char *)mixed->payload + done,
			     size - done, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

static void wait_until(uint64_t due_ns)
{
	const uint64_t nap_ns = due_ns - AWAKE_NS;
	const struct timespec until = {.tv_sec = (time_t)(nap_ns / 1000000000u),
				       .tv_nsec = (long)(nap_ns % 1000000000u)};

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	while (now_ns() < due_ns)
		continue;
}

static int send_all(struct mixed *mixed)
{
	const uint64_t start = now_ns() + 1000000;
	int ret = 0;

	(void)prctl(PR_SET_TIMERSLACK, 1);
	atomic_store(&mixed->start_ns, start);
	for (uint64_t i = 0; i < mixed->updates && ret == 0; i++) {
		content_fill(&mixed->content, i, mixed->payload);
		wait_until(start + i * mixed->interval_ns);
		mixed->sent_ns[i] = now_ns();
		ret = send_one(mixed);
	}
	return ret;
}

/* ---- The result -------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print_spread(const char *name, double *values, size_t count)
{
	qsort(values, count, sizeof(*values), by_size);
	(void)printf("\"%s_us\": {\"p50\": %.3f, \"p90\": %.3f, "
		     "\"p99\": %.3f, \"p999\": %.3f, \"max\": %.3f}, ",
		     name, values[count / 2], values[count * 9 / 10],
		     values[count * 99 / 100], values[count * 999 / 1000],
		     values[count - 1]);
}

static int print_result(const struct mixed *mixed)
{
	const uint64_t start = atomic_load(&mixed->start_ns);
	const uint64_t first = mixed->counted_from;
	const size_t count = mixed->updates - first;
	double *due = calloc(count, sizeof(double));
	double *sent = calloc(count, sizeof(double));
	double *late = calloc(count, sizeof(double));
	size_t seen = 0;

	for (uint64_t i = first; due && sent && late && i < mixed->updates;
	     i++) {
		double at = (double)(start + i * mixed->interval_ns);

		late[i - first] = ((double)mixed->sent_ns[i] - at) / 1e3;
		if (mixed->seen_ns[i] == 0)
			continue;
		due[seen] = ((double)mixed->seen_ns[i] - at) / 1e3;
		sent[seen++] = ((double)mixed->seen_ns[i] -
				(double)mixed->sent_ns[i]) /
			       1e3;
	}
	if (seen > 0) {
		(void)printf("{\"message_bytes\": %zu, \"updates_s\": %.1f, ",
			     mixed->options.message_bytes,
			     mixed->options.updates_s);
		(void)printf("\"updates\": %zu, \"seen\": %zu, ", count, seen);
		print_spread("due", due, seen);
		print_spread("sent", sent, seen);
		print_spread("late", late, count);
		(void)printf("\"laps\": %llu}\n",
			     (unsigned long long)mixed->laps);
	}
	free(due);
	free(sent);
	free(late);
	return seen > 0 ? 0 : -ENODATA;
}

/* ------------------------------------------------------------------------ */

static int open_sender(struct mixed *mixed)
{
	const struct options *options = &mixed->options;
	const int on = 1;
	int ret;

	if (options->ingest == NULL) {
		ret = bcast_join(options->name, "mixed", NULL, &mixed->node);
		return ret < 0 ? ret
			       : bcast_publisher_open(mixed->node, NULL,
						      &mixed->publisher);
	}
	mixed->sender = socket_connect(options->ingest, options->congestion, 0);
	if (mixed->sender < 0)
		return mixed->sender;
	(void)setsockopt(mixed->sender, IPPROTO_TCP, TCP_NODELAY, &on,
			 sizeof(on));
	return 0;
}

static int prepare(struct mixed *mixed)
{
	const struct options *options = &mixed->options;
	struct bcast_attach_options attach = BCAST_ATTACH_DEFAULTS;
	int ret;

	mixed->content =
		(struct content){.payload_bytes = options->message_bytes};
	mixed->interval_ns = (uint64_t)(1e9 / options->updates_s);
	mixed->counted_from =
		(uint64_t)(options->warmup_s * options->updates_s);
	mixed->updates = mixed->counted_from + 1 +
			 (uint64_t)(options->window_s * options->updates_s);
	if (mixed->updates > UPDATES_MAX)
		return -E2BIG;
	mixed->seen_ns = calloc(mixed->updates, sizeof(uint64_t));
	mixed->sent_ns = calloc(mixed->updates, sizeof(uint64_t));
	mixed->payload = aligned_alloc(4096, (options->message_bytes + 4095) &
						     ~(size_t)4095);
	if (!mixed->seen_ns || !mixed->sent_ns || !mixed->payload)
		return -ENOMEM;
	attach.spin_ns = BCAST_SPIN_FOREVER;
	ret = bcast_attach(options->name, &attach, &mixed->reader);
	if (ret < 0)
		return ret;
	mixed->base = bcast_position(mixed->reader);
	return open_sender(mixed);
}

static int run(struct mixed *mixed)
{
	const uint64_t end = mixed->updates * mixed->options.message_bytes;
	double deadline;
	int ret = -pthread_create(&mixed->reading, NULL, spin, mixed);

	if (ret < 0)
		return ret;
	ret = send_all(mixed);
	deadline = now_s() + SETTLE_S;
	while (ret == 0 && now_s() < deadline &&
	       atomic_load(&mixed->position) < end)
		pause_ns(SETTLE_NS);
	atomic_store(&mixed->over, true);
	(void)pthread_join(mixed->reading, NULL);
	if (ret < 0)
		return ret;
	ret = print_result(mixed);
	return ret == 0 && atomic_load(&mixed->wrong) ? -EBADMSG : ret;
}

static const char usage_text[] =
	"usage: bench_mixed --name STREAM [--ingest H:P] [options]\n"
	"  --message SIZE             of an update, a multiple of 8 (64K)\n"
	"  --updates PER_S            (1000)\n"
	"  --warmup S, --seconds S    (0.5, 2)\n"
	"  --reader-cpu N             the reader's processor (any)\n"
	"  --congestion NAME          of the sender's socket (the system's)\n"
	"Without --ingest a local publisher sends. Prints one line of JSON.\n";

static const struct option option_table[] = {
	{"name", required_argument, NULL, 'n'},
	{"ingest", required_argument, NULL, 'i'},
	{"message", required_argument, NULL, 'm'},
	{"updates", required_argument, NULL, 'U'},
	{"warmup", required_argument, NULL, 'u'},
	{"seconds", required_argument, NULL, 's'},
	{"reader-cpu", required_argument, NULL, 'r'},
	{"congestion", required_argument, NULL, 'c'},
	{NULL, 0, NULL, 0},
};

static bool set_option(struct options *options, int letter)
{
	if (letter == 'n')
		options->name = optarg;
	else if (letter == 'i')
		options->ingest = optarg;
	else if (letter == 'm')
		options->message_bytes = socket_size(optarg);
	else if (letter == 'U')
		options->updates_s = strtod(optarg, NULL);
	else if (letter == 'u')
		options->warmup_s = strtod(optarg, NULL);
	else if (letter == 's')
		options->window_s = strtod(optarg, NULL);
	else if (letter == 'r')
		options->reader_cpu = (int)strtol(optarg, NULL, 10);
	else if (letter == 'c')
		options->congestion = optarg;
	return letter != '?';
}

static bool sound(const struct options *options)
{
	return options->name != NULL && options->message_bytes >= 8 &&
	       options->message_bytes % 8 == 0 && options->updates_s > 0 &&
	       options->updates_s <= 1e6 && options->window_s > 0 &&
	       options->window_s <= 3600 && options->warmup_s >= 0 &&
	       options->warmup_s <= 3600;
}

int main(int argc, char **argv)
{
	static struct mixed mixed = {
		.options = {.message_bytes = 65536,
			    .updates_s = 1000,
			    .warmup_s = 0.5,
			    .window_s = 2,
			    .reader_cpu = -1},
		.sender = -1,
	};
	bool good = true;
	int letter;
	int ret;

	while ((letter = getopt_long(argc, argv, "", option_table, NULL)) != -1)
		good = set_option(&mixed.options, letter) && good;
	if (!good || optind != argc || !sound(&mixed.options)) {
		(void)fputs(usage_text, stderr);
		return 64;
	}
	ret = prepare(&mixed);
	if (ret == 0)
		ret = run(&mixed);
	bcast_publisher_close(mixed.publisher);
	bcast_leave(mixed.node);
	bcast_detach(mixed.reader);
	if (ret < 0)
		(void)fprintf(stderr, "bench_mixed: %s\n", bcast_strerror(ret));
	return ret < 0 ? 1 : 0;
}
