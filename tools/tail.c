/* SPDX-License-Identifier: MIT */
/*
 * tail.c - bcast-tail: a local reader to standard output.
 *
 * This file is the command line and the start; tail_copy.c does the work. It
 * sleeps by default instead of spinning (--spin): many of these may run beside
 * each other, and what they write to is a pipe or a file, not a deadline.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "attach_error.h"
#include "from.h"
#include "interrupt.h"
#include "options.h"
#include "output.h"
#include "tail_copy.h"

#define PROGRAM	    "bcast-tail"
#define SPIN_US_MAX 1000000
#define APPEAR_MS   20 /* between two looks for a stream to appear */

enum option {
	OPTION_FROM,
	OPTION_BYTES,
	OPTION_PAYLOAD,
	OPTION_LINES,
	OPTION_HEADERS,
	OPTION_NO_FOLLOW,
	OPTION_ON_LOSS,
	OPTION_TIMEOUT,
	OPTION_WAIT,
	OPTION_SPIN,
	OPTION_STATS,
	OPTION_VERSION,
	OPTION_HELP,
	OPTION_COUNT
};

static const struct options_row rows[] = {
	[OPTION_FROM] = {"from", 'f', false, FROM_ARGUMENT,
			 "where to start (live: at what comes next)"},
	[OPTION_BYTES] = {"bytes", 'n', false, "N",
			  "end after N bytes; suffixes K, M, G, T"},
	[OPTION_PAYLOAD] = {"payload", 'p', false, NULL,
			    "of packets: their payloads only"},
	[OPTION_LINES] = {"lines", 'l', false, NULL,
			  "of packets: each payload, and a newline"},
	[OPTION_HEADERS] = {"headers", 0, false, NULL,
			    "of packets: a line with number, time, source, "
			    "length, checksum"},
	[OPTION_NO_FOLLOW] = {"no-follow", 0, false, NULL,
			      "end at what is there now (from oldest)"},
	[OPTION_ON_LOSS] = {"on-loss", 0, false, "continue|stop",
			    "what to do when lapped (continue)"},
	[OPTION_TIMEOUT] = {"timeout", 't', false, "TIME",
			    "end when nothing came for TIME: 500, 500ms, 2s"},
	[OPTION_WAIT] = {"wait", 'w', true, "SECONDS",
			 "wait for the stream to appear; then from its start"},
	[OPTION_SPIN] = {"spin", 0, false, "US",
			 "poll so many microseconds before sleeping (0)"},
	[OPTION_STATS] = {"stats", 's', false, NULL,
			  "at the end, one line of JSON on standard error"},
	[OPTION_VERSION] = {"version", 'V', false, NULL,
			    "print the version and end"},
	[OPTION_HELP] = {"help", 'h', false, NULL, "print this and end"},
};

static const struct options options = {
	.program = PROGRAM,
	.operands = "NAME",
	.summary = "Copy a bcast stream from shared memory to standard output.",
	.rows = rows,
	.count = OPTION_COUNT,
};

/* ---- Command line ------------------------------------------------------ */

static bool take_from(struct tail_wish *wish, const char *text)
{
	wish->from_given = true;
	return from_parse(text, from_now_ns(), &wish->from, &wish->position);
}

static bool take_spin(struct tail_wish *wish, const char *text)
{
	uint64_t microseconds;

	if (!options_size(text, &microseconds) || microseconds > SPIN_US_MAX)
		return false;
	wish->spin_ns = (int64_t)microseconds * 1000;
	return true;
}

static bool take_on_loss(struct tail_wish *wish, const char *text)
{
	wish->stop_on_loss = strcmp(text, "stop") == 0;
	return wish->stop_on_loss || strcmp(text, "continue") == 0;
}

static bool take_wait(struct tail_wish *wish, const char *text)
{
	wish->appear_ms = -1;
	return !text || options_time(text, 1000, &wish->appear_ms);
}

/* Set what the option says; NULL, or what its argument should have been. */
static const char *take(void *to, int option, const char *text)
{
	struct tail_wish *wish = to;

	switch ((enum option)option) {
	case OPTION_FROM:
		return take_from(wish, text) ? NULL : FROM_RANGE;
	case OPTION_BYTES:
		return options_size(text, &wish->bytes_max)
			       ? NULL
			       : "a number of bytes such as 100 or 64K";
	case OPTION_PAYLOAD:
		wish->form = TAIL_FORM_PAYLOAD;
		break;
	case OPTION_LINES:
		wish->form = TAIL_FORM_LINE;
		break;
	case OPTION_HEADERS:
		wish->form = TAIL_FORM_HEADER;
		break;
	case OPTION_NO_FOLLOW:
		wish->follow = false;
		break;
	case OPTION_ON_LOSS:
		return take_on_loss(wish, text) ? NULL : "continue or stop";
	case OPTION_TIMEOUT:
		return options_time(text, 1, &wish->idle_timeout_ms)
			       ? NULL
			       : "a time of up to a day such as 500ms or 2s";
	case OPTION_WAIT:
		return take_wait(wish, text) ? NULL : "0 to 86400 seconds";
	case OPTION_SPIN:
		return take_spin(wish, text) ? NULL : "0 to 1000000 us";
	case OPTION_STATS:
		wish->stats = true;
		break;
	case OPTION_VERSION: /* options_read() answers these two */
	case OPTION_HELP:
	case OPTION_COUNT:
		break;
	}
	return NULL;
}

/* ---- Start ------------------------------------------------------------- */

static int attach(const struct tail_wish *wish, struct bcast_reader **reader)
{
	struct bcast_attach_options how = BCAST_ATTACH_DEFAULTS;

	how.from = wish->from;
	how.position = wish->position;
	how.spin_ns = wish->spin_ns;
	how.flags = wish->stats ? BCAST_MEASURE_LATENCY : 0;
	return bcast_attach(wish->name, &how, reader);
}

/*
 * Try until the stream is there. Who waited for a stream to be born wants it
 * whole: from position 0 then, unless another place was asked for.
 */
static int attach_patiently(struct tail_wish *wish,
			    struct bcast_reader **reader)
{
	const struct timespec pause = {.tv_nsec = APPEAR_MS * 1000000L};
	int64_t left_ms = wish->appear_ms < 0 ? INT64_MAX : wish->appear_ms;
	int ret = attach(wish, reader);

	if (ret == -ENOENT && left_ms > 0)
		fprintf(stderr, PROGRAM ": waiting for stream '%s'\n",
			wish->name);
	while ((ret == -ENOENT || ret == BCAST_ENOTREADY) && left_ms > 0 &&
	       !*wish->interrupted) {
		if (!wish->from_given) {
			wish->from = BCAST_FROM_POSITION;
			wish->position = 0;
		}
		(void)nanosleep(&pause, NULL);
		left_ms -= APPEAR_MS;
		ret = attach(wish, reader);
	}
	return ret;
}

static int no_such_place(const struct tail_wish *wish, int result)
{
	if (result == -EOPNOTSUPP)
		fprintf(stderr,
			PROGRAM ": stream '%s' is of bytes, not of packets: "
				"begin at a position\n",
			wish->name);
	else
		fprintf(stderr,
			PROGRAM ": %s %" PRIu64 " is beyond the tail of "
				"stream '%s': see bcast-shmstat %s\n",
			wish->from == BCAST_FROM_SEQUENCE ? "record"
							  : "position",
			wish->position, wish->name, wish->name);
	return EX_USAGE;
}

static int run(struct tail_wish *wish)
{
	struct bcast_reader *reader;
	int ret = attach_patiently(wish, &reader);

	if (ret == -EINVAL || ret == -EOPNOTSUPP)
		return no_such_place(wish, ret);
	if (ret < 0)
		return *wish->interrupted
			       ? EX_UNAVAILABLE
			       : attach_error(PROGRAM, wish->name, ret);
	ret = tail_copy(wish, reader);
	bcast_detach(reader);
	return ret;
}

/* The command line into *wish. As options_read(). */
static int parse(struct tail_wish *wish, int argc, char **argv)
{
	int code = options_read(&options, argc, argv, take, wish);

	if (code != OPTIONS_GO_ON)
		return code;
	if (argc - optind == 1)
		return OPTIONS_GO_ON;
	fprintf(stderr, PROGRAM ": %s: see " PROGRAM " --help\n",
		argc == optind ? "which stream?" : "one stream at a time");
	return EX_USAGE;
}

int main(int argc, char **argv)
{
	struct tail_wish wish = {
		.program = PROGRAM,
		.from = BCAST_FROM_LIVE,
		.bytes_max = UINT64_MAX,
		.idle_timeout_ms = -1,
		.follow = true,
		.interrupted = interrupt_catch(),
	};
	int code = parse(&wish, argc, argv);

	if (code != OPTIONS_GO_ON)
		return code;
	wish.name = argv[optind];
	if (!wish.follow && !wish.from_given) {
		wish.from = BCAST_FROM_OLDEST;
		wish.from_given = true;
	}
	code = run(&wish);
	return interrupt_end(code);
}
