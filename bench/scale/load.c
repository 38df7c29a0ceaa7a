/* SPDX-License-Identifier: MIT */
/*
 * load.c - one sender and up to 16,384 receivers around a server.
 *
 * fanout/load.c for thousands: a few threads receive for all (receive.c), every
 * byte is checked by its position (content.h), and a paced run notes when each
 * receiver had each update. Memory of the server is read with no receiver,
 * with all, and under load.
 *
 * Order of events: connect and subscribe all; start sending; after the warm-up
 * read all counters and the CPU times, after the window once more; stop
 * sending; wait until everybody has everything. Without --ingest nobody sends:
 * the server does so by itself (fanout/limit.c); its bytes are looked at as
 * well, so that the load is the same, but nobody knows what they should be.
 */
#include "scale.h"
#include "clock.h"
#include "socket.h"

#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define SETTLE_S   30.0
#define SETTLE_NS  2000000
#define DELAYS_MAX (64u << 20)

static int look(const struct scale *scale, struct snapshot *snapshot)
{
	snapshot->at_s = now_s();
	for (unsigned i = 0; i < scale->options.joining.receivers; i++)
		snapshot->bytes[i] = atomic_load(&scale->receivers[i].bytes);
	return usage_now(scale->options.server, &snapshot->usage);
}

static int window(struct scale *scale)
{
	int ret;

	pause_ns((long)(scale->options.warmup_s * 1e9));
	ret = look(scale, &scale->first);
	if (ret < 0)
		return ret;
	pause_ns((long)(scale->options.window_s * 1e9));
	return look(scale, &scale->last);
}

static struct phase this_phase(const struct scale *scale, bool stalled)
{
	const struct snapshot *first = &scale->first, *last = &scale->last;
	struct phase phase = {.stalled = stalled,
			      .seconds = last->at_s - first->at_s,
			      .server_s = last->usage.server_s -
					  first->usage.server_s};

	for (unsigned i = 0; i < scale->options.joining.receivers; i++)
		phase.bytes += last->bytes[i] - first->bytes[i];
	return phase;
}

/* Without, with, with, without ...: a drift meets both alike. */
static int alternate(struct scale *scale)
{
	int ret = 0;

	for (unsigned i = 0; i < scale->options.phases && ret >= 0; i++) {
		const bool stalled = i % 4 == 1 || i % 4 == 2;

		if (stalled)
			ret = stall_start(&scale->stalled);
		if (ret >= 0)
			ret = window(scale);
		scale->phases[i] = this_phase(scale, stalled);
		stall_stop(&scale->stalled);
	}
	return ret;
}

static int measure(struct scale *scale)
{
	int ret;

	if (scale->options.phases > 0) {
		ret = alternate(scale);
	} else {
		ret = stall_start(&scale->stalled);
		if (ret >= 0)
			ret = window(scale);
	}
	return ret < 0 ? ret
		       : memory_now(scale->options.server, &scale->loaded);
}

/* Wait until all has been sent, and everybody has it. */
static bool settle(struct scale *scale)
{
	const double deadline = now_s() + SETTLE_S;

	atomic_store(&scale->stop, true);
	while (now_s() < deadline) {
		if (atomic_load(&scale->sent_all) &&
		    send_slowest(scale) == atomic_load(&scale->sent))
			return true;
		pause_ns(SETTLE_NS);
	}
	return false;
}

static bool all_are_well(const struct scale *scale)
{
	for (unsigned i = 0; i < scale->options.joining.receivers; i++)
		if (atomic_load(&scale->receivers[i].ended) ||
		    (scale->options.joining.ingest != NULL &&
		     atomic_load(&scale->receivers[i].wrong)))
			return false;
	return !atomic_load(&scale->failed);
}

/* ------------------------------------------------------------------------ */

static int prepare_pace(struct scale *scale)
{
	const struct options *options = &scale->options;

	if (options->updates_s <= 0)
		return 0;
	scale->interval_ns = (uint64_t)(1e9 / options->updates_s);
	scale->counted_from =
		(uint64_t)(options->warmup_s * options->updates_s);
	scale->updates = scale->counted_from + 1 +
			 (uint64_t)(options->window_s * options->updates_s);
	if (scale->updates * options->joining.receivers > DELAYS_MAX)
		return -E2BIG;
	scale->delays_us = calloc(scale->updates * options->joining.receivers,
				  sizeof(float));
	scale->lateness_us = calloc(scale->updates, sizeof(float));
	return scale->delays_us == NULL || scale->lateness_us == NULL ? -ENOMEM
								      : 0;
}

static void prepare_content(struct scale *scale)
{
	const struct protocol *protocol = scale->options.joining.protocol;
	const size_t payload = scale->options.message_bytes;
	const size_t tail = strlen(protocol->tail);

	/* what ends a message on its way in ends it on its way out */
	scale->content = (struct content){
		.head_bytes = protocol->overhead(payload) - tail,
		.payload_bytes = payload,
		.tail_bytes = tail};
}

static int join_all(struct scale *scale)
{
	static int fds[RECEIVERS_MAX];
	const struct joining *joining = &scale->options.joining;
	const int on = 1;
	int ret = memory_now(scale->options.server, &scale->before);

	if (ret >= 0)
		ret = join_receivers(joining, fds);
	for (unsigned i = 0; i < joining->receivers && ret >= 0; i++) {
		scale->receivers[i].fd = fds[i];
		if (joining->protocol->settle != NULL)
			ret = joining->protocol->settle(fds[i]);
	}
	if (ret < 0)
		return ret;
	if (joining->ingest != NULL) {
		scale->sender = join_sender(joining, fds);
		if (scale->sender < 0)
			return scale->sender;
		(void)setsockopt(scale->sender, IPPROTO_TCP, TCP_NODELAY, &on,
				 sizeof(on));
	}
	return memory_now(scale->options.server, &scale->joined);
}

static void prepare_stalled(struct scale *scale)
{
	const struct options *options = &scale->options;

	scale->stalled.joining = options->joining;
	scale->stalled.joining.receivers = options->stalled;
	scale->stalled.sip_bytes = options->sip_bytes;
}

static int run(struct scale *scale)
{
	const bool sends = scale->options.joining.ingest != NULL;
	bool complete = true;
	int ret;

	prepare_content(scale);
	ret = prepare_pace(scale);
	if (ret >= 0)
		ret = join_all(scale);
	prepare_stalled(scale);
	if (ret >= 0)
		ret = receive_start(scale);
	if (ret >= 0 && sends)
		ret = send_start(scale);
	if (ret >= 0)
		ret = measure(scale);
	if (ret < 0)
		return ret;
	if (sends && !scale->options.leaves)
		complete = settle(scale);
	/* The process ends here, and its threads and sockets with it. */
	atomic_store(&scale->over, true);
	for (unsigned i = 0; i < scale->options.threads; i++)
		(void)pthread_join(scale->receiving[i], NULL);
	result_print(scale, complete);
	if (!complete)
		return -ETIMEDOUT;
	return all_are_well(scale) ? 0 : -EBADMSG;
}

static const char usage_text[] =
	"usage: bench_scale_load --egress H:P [--ingest H:P] [options]\n"
	"  --protocol raw|redis|nats|mqtt  (raw)\n"
	"  --receivers N                   1..16384 (16)\n"
	"  --threads N                     that receive, 1..16 (1)\n"
	"  --stalled N                     and as many that never read (0)\n"
	"  --sip BYTES                     but take that many a second (0)\n"
	"  --phases N                      windows without and with those, in\n"
	"                                  turns (one, with them)\n"
	"  --message SIZE                  payload of an update, a multiple "
	"of\n"
	"                                  8 (64K)\n"
	"  --updates PER_S                 at this pace (as fast as it goes)\n"
	"  --window SIZE                   how far the sender may be ahead of\n"
	"                                  the slowest receiver (32M)\n"
	"  --buffer SIZE                   of each thread (256K)\n"
	"  --warmup S, --seconds S         (0.5, 3)\n"
	"  --server-pid PID                whose CPU time, memory to report\n"
	"  --congestion NAME               for own sockets (the system's)\n"
	"  --rcvbuf SIZE                   of the receivers' sockets (grows)\n"
	"  --unchecked                     do not look at the bytes\n"
	"  --leave                         at the window's end, instead of "
	"when\n"
	"                                  everybody has everything\n"
	"Without --ingest nobody sends. Prints one line of JSON. Exit code 1 "
	"if\n"
	"a byte was wrong or missing, or a receiver was disconnected.\n";

static const struct option option_table[] = {
	{"protocol", required_argument, NULL, 'p'},
	{"receivers", required_argument, NULL, 'n'},
	{"threads", required_argument, NULL, 't'},
	{"stalled", required_argument, NULL, 'S'},
	{"sip", required_argument, NULL, 'I'},
	{"phases", required_argument, NULL, 'h'},
	{"egress", required_argument, NULL, 'e'},
	{"ingest", required_argument, NULL, 'i'},
	{"message", required_argument, NULL, 'm'},
	{"updates", required_argument, NULL, 'U'},
	{"window", required_argument, NULL, 'w'},
	{"buffer", required_argument, NULL, 'b'},
	{"warmup", required_argument, NULL, 'u'},
	{"seconds", required_argument, NULL, 's'},
	{"server-pid", required_argument, NULL, 'P'},
	{"congestion", required_argument, NULL, 'c'},
	{"rcvbuf", required_argument, NULL, 'r'},
	{"unchecked", no_argument, NULL, 'x'},
	{"leave", no_argument, NULL, 'l'},
	{NULL, 0, NULL, 0},
};

static unsigned number(const char *text)
{
	return (unsigned)strtoul(text, NULL, 10);
}

static void set_option(struct options *options, int letter, const char *value)
{
	switch (letter) {
	case 'p':
		options->joining.protocol = protocol_find(value);
		break;
	case 'n':
		options->joining.receivers = number(value);
		break;
	case 't':
		options->threads = number(value);
		break;
	case 'S':
		options->stalled = number(value);
		break;
	case 'I':
		options->sip_bytes = number(value);
		break;
	case 'h':
		options->phases = number(value);
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
	case 'U':
		options->updates_s = strtod(value, NULL);
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
	case 'x':
		options->unchecked = true;
		break;
	case 'l':
		options->leaves = true;
		break;
	default:
		options->joining.protocol = NULL;
		break;
	}
}

/* The window must hold two writes, or the sender and server take turns. */
static bool sound(const struct options *options)
{
	const struct joining *joining = &options->joining;

	return joining->protocol != NULL && joining->egress != NULL &&
	       joining->receivers >= 1 && joining->receivers <= RECEIVERS_MAX &&
	       options->threads >= 1 && options->threads <= THREADS_MAX &&
	       options->stalled <= STALLED_MAX &&
	       options->phases <= PHASES_MAX && options->message_bytes >= 8 &&
	       options->message_bytes % 8 == 0 &&
	       options->buffer_bytes >= 4096 &&
	       options->buffer_bytes % 4096 == 0 && options->updates_s >= 0 &&
	       options->updates_s <= 1e5 &&
	       options->window_bytes >= 2 * options->message_bytes &&
	       options->window_s > 0 && options->window_s <= 3600 &&
	       options->warmup_s >= 0 && options->warmup_s <= 3600 &&
	       (options->phases == 0 || options->updates_s <= 0);
}

/* Ten thousand of us: the soft limit would not do. */
static void raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
}

int main(int argc, char **argv)
{
	static struct scale scale = {
		.options = {.joining = {.receivers = 16},
			    .threads = 1,
			    .message_bytes = 65536,
			    .window_bytes = (size_t)32 << 20,
			    .buffer_bytes = (size_t)256 << 10,
			    .warmup_s = 0.5,
			    .window_s = 3},
		.sender = -1,
	};
	struct options *options = &scale.options;
	int letter;
	int ret;

	options->joining.protocol = protocol_find("raw");
	while ((letter = getopt_long(argc, argv, "", option_table, NULL)) != -1)
		set_option(options, letter, optarg);
	if (optind != argc || !sound(options)) {
		(void)fputs(usage_text, stderr);
		return 64;
	}
	raise_limits();
	(void)signal(SIGPIPE, SIG_IGN);
	ret = run(&scale);
	if (ret < 0)
		(void)fprintf(stderr, "bench_scale_load: %s\n", strerror(-ret));
	(void)fflush(stdout);
	_exit(ret < 0 ? 1 : 0);
}
