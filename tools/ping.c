/* SPDX-License-Identifier: MIT */
/*
 * ping.c - bcast-ping: round trips to a daemon. This file is the command line;
 * see ping.h for the others.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "interrupt.h"
#include "options.h"
#include "output.h"
#include "ping.h"

#define SIZE_PRESET 56u

enum option {
	OPTION_COUNT_OF,
	OPTION_INTERVAL,
	OPTION_SIZE,
	OPTION_CONNECTIONS,
	OPTION_PIPELINE,
	OPTION_FLOOD,
	OPTION_TIMEOUT,
	OPTION_PROTOCOL,
	OPTION_QUIET,
	OPTION_JSON,
	OPTION_VERSION,
	OPTION_HELP,
	OPTION_COUNT
};

static const struct options_row rows[] = {
	[OPTION_COUNT_OF] = {"count", 'c', false, "N",
			     "packets on each connection (until interrupted)"},
	[OPTION_INTERVAL] = {"interval", 'i', false, "TIME",
			     "time between two: 1s, 10ms (1s)"},
	[OPTION_SIZE] = {"size", 's', false, "SIZE",
			 "payload of a packet, from 8; suffixes K, M (56)"},
	[OPTION_CONNECTIONS] = {"connections", 'n', false, "N",
				"so many connections at a time (1)"},
	[OPTION_PIPELINE] = {"pipeline", 'p', false, "N",
			     "packets sent at a time on each connection (1)"},
	[OPTION_FLOOD] = {"flood", 'f', false, NULL,
			  "the next as soon as one has come back"},
	[OPTION_TIMEOUT] = {"timeout", 'W', false, "TIME",
			    "a packet without an answer by then is lost (2s)"},
	[OPTION_PROTOCOL] = {"protocol", 'P', false, "echo|packet",
			     "what is spoken there: --echo or --packet (echo)"},
	[OPTION_QUIET] = {"quiet", 'q', false, NULL, "only the summary"},
	[OPTION_JSON] = {"json", 'j', false, NULL,
			 "only the summary, as one line of JSON"},
	[OPTION_VERSION] = {"version", 'V', false, NULL,
			    "print the version and end"},
	[OPTION_HELP] = {"help", 'h', false, NULL, "print this and end"},
};

static const struct options options = {
	.program = PING_PROGRAM,
	.operands = "ADDRESS",
	.summary = "Measure round trips to an --echo or --packet address of "
		   "bcastd.",
	.rows = rows,
	.count = OPTION_COUNT,
};

/* ---- Command line ------------------------------------------------------ */

static bool take_number(const char *text, uint64_t most, unsigned *number)
{
	uint64_t found;

	if (!options_size(text, &found) || found == 0 || found > most)
		return false;
	*number = (unsigned)found;
	return true;
}

static bool take_size(struct ping_wish *wish, const char *text)
{
	uint64_t size;

	if (!options_size(text, &size) || size < PING_NUMBER_BYTES ||
	    size > ping_echo.payload_max)
		return false;
	wish->size = (size_t)size;
	return true;
}

static bool take_protocol(struct ping_wish *wish, const char *text)
{
	static const struct ping_door *const doors[] = {&ping_echo,
							&ping_packet};

	for (size_t i = 0; i < sizeof(doors) / sizeof(doors[0]); i++) {
		if (strcmp(text, doors[i]->name) == 0) {
			wish->door = doors[i];
			return true;
		}
	}
	return false;
}

static bool take_time(const char *text, int *milliseconds)
{
	return options_time(text, 1000, milliseconds) && *milliseconds > 0;
}

/* Set what the option says; NULL, or what its argument should have been. */
static const char *take(void *to, int option, const char *text)
{
	struct ping_wish *wish = to;

	switch ((enum option)option) {
	case OPTION_COUNT_OF:
		return options_size(text, &wish->count) && wish->count > 0
			       ? NULL
			       : "a number of packets, from 1";
	case OPTION_INTERVAL:
		return take_time(text, &wish->interval_ms)
			       ? NULL
			       : "a time from 1ms to a day such as 1s or 10ms";
	case OPTION_SIZE:
		return take_size(wish, text) ? NULL : "from 8 to 1G bytes";
	case OPTION_CONNECTIONS:
		return take_number(text, PING_CONNECTIONS_MAX,
				   &wish->connections)
			       ? NULL
			       : "1 to 60000";
	case OPTION_PIPELINE:
		return take_number(text, PING_PIPELINE_MAX, &wish->pipeline)
			       ? NULL
			       : "1 to 1024";
	case OPTION_FLOOD:
		wish->flood = true;
		break;
	case OPTION_TIMEOUT:
		return take_time(text, &wish->timeout_ms)
			       ? NULL
			       : "a time from 1ms to a day such as 2s or 500ms";
	case OPTION_PROTOCOL:
		return take_protocol(wish, text) ? NULL : "echo or packet";
	case OPTION_QUIET:
		wish->quiet = true;
		break;
	case OPTION_JSON:
		wish->json = true;
		break;
	case OPTION_VERSION: /* options_read() answers these two */
	case OPTION_HELP:
	case OPTION_COUNT:
		break;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct ping_wish wish = {
		.door = &ping_echo,
		.interval_ms = 1000,
		.timeout_ms = 2000,
		.size = SIZE_PRESET,
		.connections = 1,
		.pipeline = 1,
	};
	int code = options_read(&options, argc, argv, take, &wish);

	if (code != OPTIONS_GO_ON)
		return code;
	if (argc != optind + 1)
		return options_misused(&options, "which address?");
	if (wish.size > wish.door->payload_max)
		return options_misused(
			&options, "a PING of the protocol packet has up to 64 "
				  "bytes");
	wish.address = argv[optind];
	wish.quiet |= wish.flood || wish.json;
	wish.interrupted = interrupt_catch();
	code = ping_run(&wish);
	code = output_finish(PING_PROGRAM, code);
	return interrupt_end(code);
}
