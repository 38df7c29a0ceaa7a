/* SPDX-License-Identifier: MIT */
/*
 * load.c - one sender and N receivers around a server, and what got through.
 *
 * Every server is measured by this one program. Each receiver is a thread with
 * a blocking recv() into a buffer of its own: it really copies, and it waits
 * the way most clients do. One epoll thread for all of them would cost less
 * processor but serve one receiver at a time, which hides a server that is
 * unfair. One more thread sends. Buffers are page aligned: a copy to a place
 * that is not 32-byte aligned is many times slower on some machines.
 *
 * The sender keeps within a window (32 MiB) of the slowest receiver. So no
 * server buffers without bound, none drops a slow consumer, and all of them
 * have the same amount to juggle with.
 *
 * Order of events: connect and subscribe all; start sending; after the warm-up
 * read all counters and the CPU times, after the window once more; the
 * differences are the result, one line of JSON. Payload is computed from bytes
 * and message size (protocol.h). Without --ingest nobody sends: the server is
 * expected to do so by itself (limit.c).
 */
#include "load.h"
#include "clock.h"
#include "socket.h"
#include "usage.h"

#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What is read at both ends of the window. */
struct snapshot {
	double at_s;
	struct usage usage;
	uint64_t bytes[RECEIVERS_MAX];
};

/* ---- The window -------------------------------------------------------- */

static int look(const struct load *load, struct snapshot *snapshot)
{
	snapshot->at_s = now_s();
	for (unsigned i = 0; i < load->options.joining.receivers; i++)
		snapshot->bytes[i] = atomic_load(&load->receivers[i].bytes);
	return usage_now(load->options.server, &snapshot->usage);
}

static unsigned count_ended(const struct load *load)
{
	unsigned ended = 0;

	for (unsigned i = 0; i < load->options.joining.receivers; i++)
		ended += atomic_load(&load->receivers[i].ended);
	return ended;
}

static void print_socket(const struct load *load)
{
	const int fd = load->receivers[0].fd;
	char congestion[16] = "unknown";
	socklen_t size = sizeof(congestion) - 1;
	int rcvbuf = 0;
	socklen_t rcvbuf_size = sizeof(rcvbuf);

	(void)getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, &size);
	(void)getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, &rcvbuf_size);
	(void)printf("\"congestion\": \"%s\", \"receiver_rcvbuf_bytes\": %d, ",
		     congestion, rcvbuf);
}

static void print_result(const struct load *load, const struct snapshot *first,
			 const struct snapshot *last)
{
	const struct options *options = &load->options;
	const double seconds = last->at_s - first->at_s;
	const double server_s = last->usage.server_s - first->usage.server_s;
	const double own_s = last->usage.own_s - first->usage.own_s;
	const double busy_s = last->usage.busy_s - first->usage.busy_s;
	uint64_t total = 0, slowest = UINT64_MAX, fastest = 0;
	double gbit;

	for (unsigned i = 0; i < options->joining.receivers; i++) {
		uint64_t payload =
			protocol_payload(options->joining.protocol,
					 last->bytes[i] - first->bytes[i],
					 options->message_bytes);

		total += payload;
		slowest = payload < slowest ? payload : slowest;
		fastest = payload > fastest ? payload : fastest;
	}
	gbit = (double)total * 8 / 1e9;
	(void)printf("{\"protocol\": \"%s\", \"receivers\": %u, ",
		     options->joining.protocol->name,
		     options->joining.receivers);
	(void)printf("\"message_bytes\": %zu, \"window_bytes\": %zu, ",
		     options->message_bytes, options->window_bytes);
	(void)printf("\"buffer_bytes\": %zu, ", options->buffer_bytes);
	print_socket(load);
	(void)printf("\"seconds\": %.4f, \"payload_bytes\": %llu, ", seconds,
		     (unsigned long long)total);
	(void)printf("\"slowest_bytes\": %llu, \"fastest_bytes\": %llu, ",
		     (unsigned long long)slowest, (unsigned long long)fastest);
	(void)printf("\"egress_gbit_s\": %.3f, ", gbit / seconds);
	(void)printf("\"server_cpu_s\": %.2f, ", server_s);
	(void)printf("\"server_cpu_s_per_gbit\": %.5f, ",
		     gbit > 0 ? server_s / gbit : 0.0);
	(void)printf("\"load_cpu_s\": %.2f, \"other_cpu_s\": %.2f, ", own_s,
		     busy_s - own_s - server_s);
	(void)printf("\"steal_s\": %.2f, ",
		     last->usage.steal_s - first->usage.steal_s);
	(void)printf("\"stalled\": %u, \"stalled_dropped\": %u, ",
		     options->stalled, atomic_load(&load->stalled.dropped));
	(void)printf("\"ended_receivers\": %u, \"sender_failed\": %s}\n",
		     count_ended(load),
		     atomic_load(&load->failed) ? "true" : "false");
}

static int measure(const struct load *load)
{
	static struct snapshot first, last;
	int ret;

	pause_ns((long)(load->options.warmup_s * 1e9));
	ret = look(load, &first);
	if (ret < 0)
		return ret;
	pause_ns((long)(load->options.window_s * 1e9));
	ret = look(load, &last);
	if (ret < 0)
		return ret;
	print_result(load, &first, &last);
	return count_ended(load) > 0 || atomic_load(&load->failed) ? -ECONNRESET
								   : 0;
}

/* ------------------------------------------------------------------------ */

static int join_all(struct load *load)
{
	static int fds[RECEIVERS_MAX];
	int ret = stream_prepare(load);

	if (ret >= 0)
		ret = join_receivers(&load->options.joining, fds);
	if (ret < 0)
		return ret;
	for (unsigned i = 0; i < load->options.joining.receivers; i++)
		load->receivers[i].fd = fds[i];
	if (load->options.joining.ingest == NULL)
		return 0;
	load->fd = join_sender(&load->options.joining, fds);
	return load->fd < 0 ? load->fd : 0;
}

static int run(struct load *load)
{
	int ret = join_all(load);

	if (ret < 0)
		return ret;
	load->stalled.joining = load->options.joining;
	load->stalled.joining.receivers = load->options.stalled;
	load->stalled.joining.rcvbuf_bytes = 0;
	ret = stall_start(&load->stalled);
	if (ret < 0)
		return ret;
	ret = stream_start(load);
	if (ret < 0)
		return ret;
	ret = measure(load);
	/* The process ends here, and its threads and sockets with it. */
	atomic_store(&load->stop, true);
	return ret;
}

static const char usage_text[] =
	"usage: bench_fanout_load --egress H:P [--ingest H:P] [options]\n"
	"  --protocol raw|redis|nats|mqtt|packet|packet-crc  (raw)\n"
	"  --receivers N                   1..1024 (16)\n"
	"  --stalled N                     and as many that never read (0)\n"
	"  --message SIZE                  payload of a message (64K; raw 1M)\n"
	"  --window SIZE                   how far the sender may be ahead of\n"
	"                                  the slowest receiver (32M)\n"
	"  --buffer SIZE                   of each receiver (256K)\n"
	"  --warmup S, --seconds S         (0.5, 3)\n"
	"  --server-pid PID                whose CPU time to report\n"
	"  --congestion NAME               for own sockets (the system's)\n"
	"  --rcvbuf SIZE                   of the receivers' sockets (grows)\n"
	"Without --ingest nobody sends. Prints one line of JSON.\n";

static const struct option option_table[] = {
	{"protocol", required_argument, NULL, 'p'},
	{"receivers", required_argument, NULL, 'n'},
	{"stalled", required_argument, NULL, 'S'},
	{"egress", required_argument, NULL, 'e'},
	{"ingest", required_argument, NULL, 'i'},
	{"message", required_argument, NULL, 'm'},
	{"window", required_argument, NULL, 'w'},
	{"buffer", required_argument, NULL, 'b'},
	{"warmup", required_argument, NULL, 'u'},
	{"seconds", required_argument, NULL, 's'},
	{"server-pid", required_argument, NULL, 'P'},
	{"congestion", required_argument, NULL, 'c'},
	{"rcvbuf", required_argument, NULL, 'r'},
	{NULL, 0, NULL, 0},
};

static void set_option(struct options *options, int letter, const char *value)
{
	switch (letter) {
	case 'p':
		options->joining.protocol = protocol_find(value);
		break;
	case 'n':
		options->joining.receivers = (unsigned)strtoul(value, NULL, 10);
		break;
	case 'S':
		options->stalled = (unsigned)strtoul(value, NULL, 10);
		break;
	case 'e':
		options->joining.egress = value;
		break;
	case 'i':
		options->joining.ingest = value;
		break;
	case 'm':
		options->message_bytes = socket_size(value);
		break;
	case 'w':
		options->window_bytes = socket_size(value);
		break;
	case 'b':
		options->buffer_bytes = socket_size(value);
		break;
	case 'u':
		options->warmup_s = strtod(value, NULL);
		break;
	case 's':
		options->window_s = strtod(value, NULL);
		break;
	case 'P':
		options->server = (pid_t)strtol(value, NULL, 10);
		break;
	case 'c':
		options->joining.congestion = value;
		break;
	case 'r':
		options->joining.rcvbuf_bytes = socket_size(value);
		break;
	default:
		options->joining.protocol = NULL;
		break;
	}
}

/* The window must hold two writes, or the sender and server take turns. */
static bool sound(const struct options *options)
{
	const struct protocol *protocol = options->joining.protocol;

	return protocol != NULL &&
	       (protocol->multiple == 0 ||
		options->message_bytes % protocol->multiple == 0) &&
	       options->joining.egress != NULL &&
	       options->joining.receivers >= 1 &&
	       options->joining.receivers <= RECEIVERS_MAX &&
	       options->stalled <= STALLED_MAX && options->message_bytes >= 1 &&
	       options->buffer_bytes >= 4096 &&
	       options->window_bytes >= 2 * WRITE_MIN &&
	       options->window_bytes >= 2 * options->message_bytes &&
	       options->window_s > 0 && options->window_s <= 3600 &&
	       options->warmup_s >= 0 && options->warmup_s <= 3600;
}

int main(int argc, char **argv)
{
	static struct load load = {
		.options = {.joining = {.receivers = 16},
			    .window_bytes = (size_t)32 << 20,
			    .buffer_bytes = (size_t)256 << 10,
			    .warmup_s = 0.5,
			    .window_s = 3},
		.fd = -1,
	};
	struct options *options = &load.options;
	int letter;
	int ret;

	options->joining.protocol = protocol_find("raw");
	while ((letter = getopt_long(argc, argv, "", option_table, NULL)) != -1)
		set_option(options, letter, optarg);
	if (options->message_bytes == 0 && options->joining.protocol != NULL)
		options->message_bytes = options->joining.protocol->subscribe
						 ? 65536
						 : WRITE_MIN;
	if (optind != argc || !sound(options)) {
		(void)fputs(usage_text, stderr);
		return 64;
	}
	ret = run(&load);
	if (ret < 0)
		(void)fprintf(stderr, "bench_fanout_load: %s\n",
			      strerror(-ret));
	(void)fflush(stdout);
	_exit(ret < 0 ? 1 : 0);
}
