/* SPDX-License-Identifier: MIT */
/*
 * sub.c - bcast-sub: a stream of packets to standard output, through shared
 * memory or TCP. This file is the command line; see sub.h for the others.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "address.h"
#include "from.h"
#include "interrupt.h"
#include "options.h"
#include "sub.h"

enum option {
	OPTION_FROM,
	OPTION_RESUME,
	OPTION_KEY,
	OPTION_FORMAT,
	OPTION_COUNT_MAX,
	OPTION_TIMEOUT,
	OPTION_ON_LOSS,
	OPTION_CHECKSUM,
	OPTION_FOLLOW,
	OPTION_WAIT,
	OPTION_SHM,
	OPTION_TCP,
	OPTION_PROGRESS,
	OPTION_VERSION,
	OPTION_HELP,
	OPTION_COUNT
};

static const struct options_row rows[] = {
	[OPTION_FROM] = {"from", 'f', false, FROM_ARGUMENT,
			 "where to start (live: at what comes next)"},
	[OPTION_RESUME] = {"resume", 'r', false, "FILE",
			   "go on where FILE says, and keep it up to date"},
	[OPTION_KEY] = {"key", 'k', false, "PREFIX",
			"only records whose key begins with this"},
	[OPTION_FORMAT] = {"format", 'F', false, "FORMAT",
			   "lines (the default), payload, length-prefixed, "
			   "records or json"},
	[OPTION_COUNT_MAX] = {"count", 'n', false, "N", "end after N records"},
	[OPTION_TIMEOUT] = {"timeout", 't', false, "TIME",
			    "end when nothing came for TIME: 500, 500ms, 2s"},
	[OPTION_ON_LOSS] = {"on-loss", 0, false, "continue|stop",
			    "what to do when records are lost (continue)"},
	[OPTION_CHECKSUM] = {"checksum", 'c', false, NULL,
			     "verify records that have a checksum"},
	[OPTION_FOLLOW] = {"follow", 0, false, NULL,
			   "after the end, wait for the next stream there"},
	[OPTION_WAIT] = {"wait", 'w', true, "SECONDS",
			 "wait for the stream to appear"},
	[OPTION_SHM] = {"shm", 0, false, NULL,
			"by shared memory or not at all"},
	[OPTION_TCP] = {"tcp", 0, false, NULL, "by TCP, also on this machine"},
	[OPTION_PROGRESS] = {"progress", 'p', false, NULL,
			     "each second, a line on standard error"},
	[OPTION_VERSION] = {"version", 'V', false, NULL,
			    "print the version and end"},
	[OPTION_HELP] = {"help", 'h', false, NULL, "print this and end"},
};

static const struct options options = {
	.program = SUB_PROGRAM,
	.operands = "NAME|HOST:PORT|unix:/path",
	.summary = "Copy a stream of packets to standard output, through "
		   "shared memory or TCP.",
	.rows = rows,
	.count = OPTION_COUNT,
};

/* The command line in the making. */
struct asked {
	struct sub_wish wish;
	bool shm, tcp;
};

static bool take_on_loss(struct sub_wish *wish, const char *text)
{
	wish->stop_on_loss = strcmp(text, "stop") == 0;
	return wish->stop_on_loss || strcmp(text, "continue") == 0;
}

static bool take_wait(struct sub_wish *wish, const char *text)
{
	wish->wait_ms = -1;
	return !text || options_time(text, 1000, &wish->wait_ms);
}

static bool take_key(struct sub_wish *wish, const char *text)
{
	wish->key = text;
	return strlen(text) > 0 && strlen(text) <= BCAST_CLIENT_KEY_MAX;
}

static const char *or_must(bool is_good, const char *must)
{
	return is_good ? NULL : must;
}

/* Set what the option says; NULL, or what its argument should have been. */
static const char *take(void *to, int option, const char *text)
{
	struct asked *asked = to;
	struct sub_wish *wish = &asked->wish;

	switch ((enum option)option) {
	case OPTION_FROM:
		return or_must(from_parse(text, from_now_ns(), &wish->from,
					  &wish->from_what),
			       FROM_RANGE);
	case OPTION_RESUME:
		wish->resume = text;
		break;
	case OPTION_KEY:
		return or_must(take_key(wish, text), "1 to 128 bytes");
	case OPTION_FORMAT:
		return or_must(sub_form_parse(text, &wish->form),
			       "lines, payload, length-prefixed, records or "
			       "json");
	case OPTION_COUNT_MAX:
		return or_must(options_size(text, &wish->count),
			       "a number of records such as 100 or 64K");
	case OPTION_TIMEOUT:
		return or_must(options_time(text, 1, &wish->idle_ms),
			       "a time of up to a day such as 500ms or 2s");
	case OPTION_ON_LOSS:
		return or_must(take_on_loss(wish, text), "continue or stop");
	case OPTION_CHECKSUM:
		wish->checksum = true;
		break;
	case OPTION_FOLLOW:
		wish->follow = true;
		break;
	case OPTION_WAIT:
		return or_must(take_wait(wish, text), "0 to 86400 seconds");
	case OPTION_SHM:
		asked->shm = true;
		break;
	case OPTION_TCP:
		asked->tcp = true;
		break;
	case OPTION_PROGRESS:
		wish->progress = true;
		break;
	case OPTION_VERSION: /* options_read() answers these two */
	case OPTION_HELP:
	case OPTION_COUNT:
		break;
	}
	return NULL;
}

static int run(struct sub_wish *wish)
{
	struct bcast_client *client;
	int code = sub_open(wish, &client);

	if (code != EX_OK)
		return code;
	code = sub_copy(wish, client);
	bcast_close(client);
	return code;
}

static enum address_door door_of(const struct asked *asked)
{
	if (asked->shm)
		return ADDRESS_SHM;
	return asked->tcp ? ADDRESS_TCP : ADDRESS_ANY;
}

int main(int argc, char **argv)
{
	struct asked asked = {
		.wish.from = BCAST_FROM_LIVE,
		.wish.count = UINT64_MAX,
		.wish.idle_ms = -1,
	};
	char address[ADDRESS_MAX];
	int code = options_read(&options, argc, argv, take, &asked);

	if (code != OPTIONS_GO_ON)
		return code;
	if (argc - optind != 1)
		return options_misused(&options,
				       argc == optind ? "which stream?"
						      : "one stream at a time");
	if ((asked.shm && asked.tcp) ||
	    !address_of(argv[optind], door_of(&asked), address))
		return options_misused(
			&options,
			"--shm, --tcp and the address contradict each "
			"other");
	asked.wish.address = address;
	asked.wish.interrupted = interrupt_catch();
	code = run(&asked.wish);
	return interrupt_end(code);
}
