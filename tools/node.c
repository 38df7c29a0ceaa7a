/* SPDX-License-Identifier: MIT */
/*
 * node.c - bcast-node: the command line. node_join.c is a node, node_list.c
 * looks at them, node_send.c and node_recv.c exchange messages.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "interrupt.h"
#include "node.h"
#include "options.h"
#include "output.h"

enum option {
	OPTION_BROADCAST,
	OPTION_COUNT,
	OPTION_FROM,
	OPTION_JSON,
	OPTION_RAW,
	OPTION_READ,
	OPTION_STUCK_AFTER,
	OPTION_TEXT,
	OPTION_TIMEOUT,
	OPTION_TYPE,
	OPTION_WHOLE,
	OPTION_VERSION,
	OPTION_HELP,
	OPTIONS
};

static const struct options_row rows[] = {
	[OPTION_BROADCAST] = {"broadcast", 'b', false, NULL,
			      "send: to all other nodes, instead of one"},
	[OPTION_COUNT] = {"count", 'n', false, "N",
			  "recv: end after N messages"},
	[OPTION_FROM] = {"from", 'f', false, "ID", "send: as the node ID"},
	[OPTION_JSON] = {"json", 'j', false, NULL,
			 "list, watch, recv: as JSON (one line an event)"},
	[OPTION_RAW] = {"raw", 0, false, NULL,
			"recv: the bytes of the messages, and nothing else"},
	[OPTION_READ] = {"read", 'r', false, NULL,
			 "join: read the stream too, and show how far"},
	[OPTION_STUCK_AFTER] = {"stuck-after", 0, false, "TIME",
				"join, recv: be called stuck after such a "
				"silence"},
	[OPTION_TEXT] = {"text", 0, false, "TEXT",
			 "send: this, instead of what is on standard input"},
	[OPTION_TIMEOUT] = {"timeout", 't', false, "TIME",
			    "join, watch, recv: end after TIME: 500ms, 2s; "
			    "send: wait for room"},
	[OPTION_TYPE] = {"type", 0, false, "N",
			 "send: the number that says what it is, 0 to 65535"},
	[OPTION_WHOLE] = {"whole", 'w', false, NULL,
			  "send: standard input as one message, not by lines"},
	[OPTION_VERSION] = {"version", 'V', false, NULL,
			    "print the version and end"},
	[OPTION_HELP] = {"help", 'h', false, NULL, "print this and end"},
};

static const struct options options = {
	.program = NODE_PROGRAM,
	.operands = "NAME list|watch|join ID|send ID|recv ID",
	.summary = "See the local nodes of a bcast stream, be one, exchange "
		   "messages.",
	.rows = rows,
	.count = OPTIONS,
};

static bool take_number(const char *argument, uint64_t limit, uint64_t *number)
{
	return options_size(argument, number) && *number <= limit;
}

/* Set what the option says; NULL, or what its argument should have been. */
static const char *take(void *to, int option, const char *argument)
{
	struct node_wish *wish = to;
	static const char time[] = "a time such as 500, 500ms or 2s";
	uint64_t number;

	wish->given |= UINT32_C(1) << option;
	switch ((enum option)option) {
	case OPTION_BROADCAST:
		break;
	case OPTION_COUNT:
		if (!take_number(argument, UINT64_MAX, &number) || number == 0)
			return "a number from 1";
		wish->count = number;
		break;
	case OPTION_FROM:
		wish->from = argument;
		break;
	case OPTION_JSON:
		wish->json = true;
		break;
	case OPTION_RAW:
		wish->raw = true;
		break;
	case OPTION_READ:
		wish->read = true;
		break;
	case OPTION_STUCK_AFTER:
		if (!options_time(argument, 1, &wish->stuck_after_ms))
			return time;
		break;
	case OPTION_TEXT:
		wish->text = argument;
		break;
	case OPTION_TIMEOUT:
		if (!options_time(argument, 1, &wish->timeout_ms))
			return time;
		break;
	case OPTION_TYPE:
		if (!take_number(argument, UINT16_MAX, &number))
			return "a number from 0 to 65535";
		wish->type = (uint16_t)number;
		break;
	case OPTION_WHOLE:
		wish->whole = true;
		break;
	case OPTION_VERSION: /* options_read() answers these two */
	case OPTION_HELP:
	case OPTIONS:
		break;
	}
	return NULL;
}

/* ---- Verbs ------------------------------------------------------------- */

#define BIT(option) (UINT32_C(1) << OPTION_##option)

static const struct verb {
	const char *name;
	const char *operand; /* what stands behind it; NULL: nothing */
	uint32_t options;    /* those that it knows */
	int (*run)(const struct node_wish *wish);
} verbs[] = {
	{"list", NULL, BIT(JSON), node_list},
	{"watch", NULL, BIT(JSON) | BIT(TIMEOUT), node_watch},
	{"join", "one id", BIT(READ) | BIT(STUCK_AFTER) | BIT(TIMEOUT),
	 node_join},
	{"send", "the id of a node, or --broadcast",
	 BIT(BROADCAST) | BIT(FROM) | BIT(TEXT) | BIT(TIMEOUT) | BIT(TYPE) |
		 BIT(WHOLE),
	 node_send},
	{"recv", "one id",
	 BIT(COUNT) | BIT(JSON) | BIT(RAW) | BIT(STUCK_AFTER) | BIT(TIMEOUT),
	 node_recv},
};

/* Two that exclude each other were given. */
static bool both(const struct node_wish *wish, uint32_t one, uint32_t other)
{
	return (wish->given & one) != 0 && (wish->given & other) != 0;
}

static int check_options(const struct verb *verb, const struct node_wish *wish)
{
	for (int i = 0; i < OPTIONS; i++) {
		if ((wish->given & ~verb->options & UINT32_C(1) << i) == 0)
			continue;
		fprintf(stderr,
			NODE_PROGRAM ": --%s is not for %s: see " NODE_PROGRAM
				     " --help\n",
			rows[i].name, verb->name);
		return EX_USAGE;
	}
	if (both(wish, BIT(JSON), BIT(RAW)))
		return options_misused(&options, "--json or --raw, not both");
	if (both(wish, BIT(TEXT), BIT(WHOLE)))
		return options_misused(&options, "--text or --whole, not both");
	return EX_OK;
}

static int run_verb(const struct verb *verb, struct node_wish *wish, int count,
		    char **words)
{
	bool wants = verb->operand && !(wish->given & BIT(BROADCAST));
	int code = check_options(verb, wish);

	if (code != EX_OK)
		return code;
	if (count != (wants ? 1 : 0)) {
		fprintf(stderr,
			NODE_PROGRAM ": %s takes %s: see " NODE_PROGRAM
				     " --help\n",
			verb->name, wants ? verb->operand : "no more words");
		return EX_USAGE;
	}
	if (wants)
		wish->operand = words[0];
	return verb->run(wish);
}

static int run(struct node_wish *wish, int count, char **words)
{
	if (count == 0)
		return options_misused(&options, "which stream?");
	wish->name = words[0];
	for (size_t i = 0; count > 1 && i < sizeof(verbs) / sizeof(verbs[0]);
	     i++)
		if (strcmp(words[1], verbs[i].name) == 0)
			return run_verb(&verbs[i], wish, count - 2, words + 2);
	return options_misused(&options,
			       "do what: list, watch, join, send or recv?");
}

int main(int argc, char **argv)
{
	struct node_wish wish = {
		.timeout_ms = -1,
		.stuck_after_ms = BCAST_STUCK_AFTER_MS,
	};
	int code = options_read(&options, argc, argv, take, &wish);

	if (code != OPTIONS_GO_ON)
		return code;
	wish.interrupted = interrupt_catch();
	code = run(&wish, argc - optind, argv + optind);
	code = output_finish(NODE_PROGRAM, code);
	return interrupt_end(code);
}
