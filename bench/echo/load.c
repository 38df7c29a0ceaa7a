/* SPDX-License-Identifier: MIT */
/*
 * load.c - clients of an echo server, from one thread: how many packets come
 * back in a second, and how long each was under way.
 *
 * Order of events: connect all; let each send; after the warm-up count and
 * measure for a while; send no more, and wait for what is still under way: what
 * then has not come is lost. One line of JSON on standard output.
 *
 * A round trip is measured from before its send until after the receive that
 * brought its last byte, so it contains the wait in this program's own turn:
 * with N clients and one packet each, its mean is N divided by the rate.
 */
#include "load.h"
#include "clock.h"

#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "socket.h"

#define EVENTS_MAX 512
#define SETTLE_S   5.0

/* ---- Spans ------------------------------------------------------------- */

static unsigned class_of(uint64_t nanoseconds)
{
	unsigned octave, step;

	if (nanoseconds < 64)
		return 0;
	octave = 63u - (unsigned)__builtin_clzll(nanoseconds);
	step = (unsigned)(nanoseconds >> (octave - 3)) & (SPANS_STEPS - 1);
	if (octave - 6 >= SPANS_CLASSES / SPANS_STEPS)
		return SPANS_CLASSES - 1;
	return (octave - 6) * SPANS_STEPS + step;
}

void spans_add(struct spans *spans, uint64_t nanoseconds)
{
	spans->counts[class_of(nanoseconds)]++;
	spans->count++;
	spans->sum_ns += nanoseconds;
	if (nanoseconds > spans->max_ns)
		spans->max_ns = nanoseconds;
}

double spans_quantile(const struct spans *spans, double part)
{
	uint64_t wanted = (uint64_t)(part * (double)spans->count);
	uint64_t seen = 0;

	for (unsigned i = 0; i < SPANS_CLASSES; i++) {
		double low = (double)(UINT64_C(64) << (i / SPANS_STEPS));
		double step = low / SPANS_STEPS;

		seen += spans->counts[i];
		if (seen > wanted)
			return (low + step * (i % SPANS_STEPS) + step / 2) /
			       1e3;
	}
	return (double)spans->max_ns / 1e3;
}

/* ---- The run ----------------------------------------------------------- */

static int serve(struct load *load, double until_s)
{
	struct epoll_event events[EVENTS_MAX];
	double left_s;

	while ((left_s = until_s - now_s()) > 0) {
		int count = epoll_wait(load->epoll, events, EVENTS_MAX,
				       left_s > 0.1 ? 100 : 1);

		for (int i = 0; i < count; i++) {
			struct client *client =
				&load->clients[events[i].data.u32];
			int ret = client_on_event(
				load, client,
				(events[i].events & ~(uint32_t)EPOLLOUT) != 0);

			if (ret < 0)
				return ret;
		}
		if (load->stopping && count == 0)
			return 0;
	}
	return 0;
}

static uint64_t under_way(const struct load *load)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < load->options.clients; i++)
		sum += load->clients[i].sent - load->clients[i].received;
	return sum;
}

static int connect_all(struct load *load)
{
	double from_s = now_s();

	for (unsigned i = 0; i < load->options.clients; i++) {
		int ret = client_open(load, i);

		if (ret < 0)
			return ret;
	}
	load->connect_s = now_s() - from_s;
	return 0;
}

static int measure(struct load *load)
{
	uint64_t before;
	double from_s;
	int ret = 0;

	for (unsigned i = 0; i < load->options.clients && ret == 0; i++)
		ret = client_fill(load, &load->clients[i]);
	if (ret == 0)
		ret = serve(load, now_s() + load->options.warmup_s);
	if (ret == 0)
		ret = usage_now(load->options.server, &load->first);
	if (ret < 0)
		return ret;
	load->counting = true;
	before = load->done;
	from_s = now_s();
	ret = serve(load, from_s + load->options.window_s);
	load->window_s = now_s() - from_s;
	load->window_done = load->done - before;
	load->counting = false;
	if (ret == 0)
		ret = usage_now(load->options.server, &load->last);
	load->stopping = true;
	from_s = now_s();
	while (ret == 0 && under_way(load) > 0 && now_s() < from_s + SETTLE_S)
		ret = serve(load, now_s() + 0.2);
	return ret;
}

/* A reset: ten thousand ends in order would leave no ports for the next run. */
static void tidy(struct load *load)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	for (unsigned i = 0; load->clients && i < load->options.clients; i++) {
		int fd = load->clients[i].fd;

		if (fd <= 0)
			continue;
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		(void)close(fd);
	}
	free(load->packet);
	free(load->clients);
	free(load->times);
}

static void print(const struct load *load)
{
	const struct spans *spans = &load->spans;
	const double rate = (double)load->window_done / load->window_s;
	const double bytes = rate * (double)load->options.payload;
	const double window_s = load->window_s;

	printf("{\"clients\": %u, \"payload\": %zu, \"pipeline\": %u, "
	       "\"window_s\": %.3f, \"packets\": %llu, \"packets_s\": %.0f, "
	       "\"gb_s\": %.4f, \"mean_us\": %.1f, \"p50_us\": %.1f, "
	       "\"p95_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f, "
	       "\"lost\": %llu, \"wrong\": %llu, \"connect_s\": %.2f, "
	       "\"server_cpu\": %.3f, \"load_cpu\": %.3f, "
	       "\"other_cpu_s\": %.2f}\n",
	       load->options.clients, load->options.payload,
	       load->options.pipeline, window_s,
	       (unsigned long long)load->window_done, rate, bytes / 1e9,
	       spans->count ? (double)spans->sum_ns / (double)spans->count / 1e3
			    : 0.0,
	       spans_quantile(spans, 0.5), spans_quantile(spans, 0.95),
	       spans_quantile(spans, 0.99), (double)spans->max_ns / 1e3,
	       (unsigned long long)under_way(load),
	       (unsigned long long)load->wrong, load->connect_s,
	       (load->last.server_s - load->first.server_s) / window_s,
	       (load->last.own_s - load->first.own_s) / window_s,
	       load->last.busy_s - load->first.busy_s -
		       (load->last.server_s - load->first.server_s) -
		       (load->last.own_s - load->first.own_s));
}

/* ---- Start ------------------------------------------------------------- */

static int prepare(struct load *load)
{
	const struct options *options = &load->options;
	struct rlimit limit;
	cpu_set_t set;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (options->cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET((unsigned)options->cpu, &set);
		(void)sched_setaffinity(0, sizeof(set), &set);
	}
	load->packet_bytes = HEADER_BYTES + options->payload;
	load->packet = malloc(load->packet_bytes + STAMP_BYTES);
	load->clients = calloc(options->clients, sizeof(*load->clients));
	load->times = calloc((size_t)options->clients * options->pipeline,
			     sizeof(*load->times));
	load->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!load->packet || !load->clients || !load->times)
		return -ENOMEM;
	for (size_t i = 0; i < load->packet_bytes; i++)
		load->packet[i] = (unsigned char)(i * 167 + (i >> 8));
	return load->epoll < 0 ? -errno : 0;
}

static int usage(void)
{
	(void)fputs("Usage: bench_echo_load --address H:P --clients N "
		    "[--payload SIZE]\n"
		    "    [--pipeline N] [--warmup S] [--seconds S] [--cpu N] "
		    "[--congestion NAME]\n    [--server-pid PID]\n",
		    stderr);
	return 2;
}

static bool parse(struct options *options, int argc, char *argv[])
{
	static const struct option names[] = {
		{"address", required_argument, NULL, 'a'},
		{"clients", required_argument, NULL, 'n'},
		{"payload", required_argument, NULL, 'p'},
		{"pipeline", required_argument, NULL, 'd'},
		{"warmup", required_argument, NULL, 'w'},
		{"seconds", required_argument, NULL, 's'},
		{"cpu", required_argument, NULL, 'c'},
		{"congestion", required_argument, NULL, 'C'},
		{"server-pid", required_argument, NULL, 'P'},
		{NULL, 0, NULL, 0},
	};
	int found;

	while ((found = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (found) {
		case 'a':
			options->address = optarg;
			break;
		case 'n':
			options->clients = (unsigned)atoi(optarg);
			break;
		case 'p':
			options->payload = socket_size(optarg);
			break;
		case 'd':
			options->pipeline = (unsigned)atoi(optarg);
			break;
		case 'w':
			options->warmup_s = atof(optarg);
			break;
		case 's':
			options->window_s = atof(optarg);
			break;
		case 'c':
			options->cpu = atoi(optarg);
			break;
		case 'C':
			options->congestion = optarg;
			break;
		case 'P':
			options->server = (pid_t)atoi(optarg);
			break;
		default:
			return false;
		}
	}
	return options->address && options->clients > 0 &&
	       options->pipeline > 0 && options->pipeline <= PIPELINE_MAX &&
	       options->payload >= STAMP_BYTES && options->window_s > 0;
}

int main(int argc, char *argv[])
{
	struct load load = {
		.options = {.pipeline = 1,
			    .payload = 1024,
			    .warmup_s = 0.3,
			    .window_s = 1,
			    .cpu = -1},
	};
	int ret;

	if (!parse(&load.options, argc, argv))
		return usage();
	(void)signal(SIGPIPE, SIG_IGN);
	ret = prepare(&load);
	if (ret == 0)
		ret = connect_all(&load);
	if (ret == 0)
		ret = measure(&load);
	if (ret == 0)
		print(&load);
	tidy(&load);
	if (ret == 0)
		return 0;
	(void)fprintf(stderr, "bench_echo_load: %s\n", strerror(-ret));
	return 1;
}
