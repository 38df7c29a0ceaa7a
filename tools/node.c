/* SPDX-License-Identifier: MIT */
/*
 * node.c - bcast-node: the command line. node_join.c is a node, node_list.c
 * looks at them.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "node.h"
#include "options.h"
#include "output.h"

enum option {
	OPTION_JSON,
	OPTION_READ,
	OPTION_STUCK_AFTER,
	OPTION_TIMEOUT,
	OPTION_VERSION,
	OPTION_HELP,
	OPTION_COUNT
};

static const struct options_row rows[] = {
	[OPTION_JSON] = {"json", 'j', false, NULL,
			 "list, watch: as JSON (watch: one line an event)"},
	[OPTION_READ] = {"read", 'r', false, NULL,
			 "join: read the stream too, and show how far"},
	[OPTION_STUCK_AFTER] = {"stuck-after", 0, false, "TIME",
				"join: be called stuck after such a silence"},
	[OPTION_TIMEOUT] = {"timeout", 't', false, "TIME",
			    "join, watch: end after TIME: 500, 500ms, 2s"},
	[OPTION_VERSION] = {"version", 'V', false, NULL,
			    "print the version and end"},
	[OPTION_HELP] = {"help", 'h', false, NULL, "print this and end"},
};

static const struct options options = {
	.program = NODE_PROGRAM,
	.operands = "NAME list|watch|join ID",
	.summary = "See the local nodes of a bcast stream, or be one.",
	.rows = rows,
	.count = OPTION_COUNT,
};

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
	caught = number;
}

/* No SA_RESTART: a write that blocks must return. A second signal kills. */
static void catch_signals(void)
{
	struct sigaction action = {.sa_flags = (int)SA_RESETHAND};

	action.sa_handler = on_signal;
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	/* a closed pipe is an error of write(2) */
	(void)signal(SIGPIPE, SIG_IGN);
}

/* Set what the option says; NULL, or what its argument should have been. */
static const char *take(void *to, int option, const char *argument)
{
	struct node_wish *wish = to;
	static const char time[] = "a time such as 500, 500ms or 2s";

	switch ((enum option)option) {
	case OPTION_JSON:
		wish->json = true;
		break;
	case OPTION_READ:
		wish->read = true;
		break;
	case OPTION_STUCK_AFTER:
		wish->stuck_after_given = true;
		if (!options_time(argument, 1, &wish->stuck_after_ms))
			return time;
		break;
	case OPTION_TIMEOUT:
		if (!options_time(argument, 1, &wish->timeout_ms))
			return time;
		break;
	case OPTION_VERSION: /* options_read() answers these two */
	case OPTION_HELP:
	case OPTION_COUNT:
		break;
	}
	return NULL;
}

static int misused(const char *problem)
{
	fprintf(stderr, NODE_PROGRAM ": %s: see " NODE_PROGRAM " --help\n",
		problem);
	return EX_USAGE;
}

static int run(struct node_wish *wish, int count, char **words)
{
	const char *verb;

	if (count == 0)
		return misused("which stream?");
	if (count == 1)
		return misused("do what: list, watch or join?");
	wish->name = words[0];
	verb = words[1];
	if (strcmp(verb, "join") == 0) {
		if (count != 3)
			return misused("join takes one id");
		if (wish->json)
			return misused("--json is for list and watch");
		wish->id = words[2];
		return node_join(wish);
	}
	if (wish->read || wish->stuck_after_given)
		return misused("--read and --stuck-after are for join");
	if (count != 2)
		return misused("list and watch take no more words");
	if (strcmp(verb, "list") == 0 && wish->timeout_ms < 0)
		return node_list(wish);
	if (strcmp(verb, "list") == 0)
		return misused("--timeout is for join and watch");
	if (strcmp(verb, "watch") == 0)
		return node_watch(wish);
	return misused("do what: list, watch or join?");
}

int main(int argc, char **argv)
{
	struct node_wish wish = {
		.timeout_ms = -1,
		.stuck_after_ms = BCAST_STUCK_AFTER_MS,
		.interrupted = &caught,
	};
	int code = options_read(&options, argc, argv, take, &wish);

	if (code != OPTIONS_GO_ON)
		return code;
	catch_signals();
	code = run(&wish, argc - optind, argv + optind);
	code = output_finish(NODE_PROGRAM, code);
	if (caught) {
		/* end as the signal ends a program: shells look at that */
		(void)signal(caught, SIG_DFL);
		(void)raise(caught);
	}
	return code;
}
