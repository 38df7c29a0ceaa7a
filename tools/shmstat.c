/* SPDX-License-Identifier: MIT */
/*
 * shmstat.c - bcast-shmstat: look at a stream from outside.
 *
 * Everything shown stands in shared memory (bcast/monitor.h), so this works on
 * a busy, a stuck and a dead daemon alike, and asks none of them. One look,
 * one print; rates need two, and are for --watch (watch.c).
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "attach_error.h"
#include "options.h"
#include "output.h"
#include "postmortem.h"
#include "shmstat.h"
#include "watch.h"

#define PROGRAM "bcast-shmstat"

#define INTERVAL_MS	500
#define INTERVAL_MIN_MS 20
#define INTERVAL_MAX_MS 3600000

enum option {
	OPTION_LIST,
	OPTION_JSON,
	OPTION_RECEIVERS,
	OPTION_CLOSED,
	OPTION_ERRORS,
	OPTION_COUNTERS,
	OPTION_NODES,
	OPTION_FIELDS,
	OPTION_PROMETHEUS,
	OPTION_WATCH,
	OPTION_INTERVAL,
	OPTION_POSTMORTEM,
	OPTION_PACKETS,
	OPTION_VERSION,
	OPTION_HELP,
	OPTION_COUNT
};

static const struct options_row rows[] = {
	[OPTION_LIST] = {"list", 'l', false, NULL,
			 "all streams of this machine, one a line"},
	[OPTION_JSON] = {"json", 'j', false, NULL,
			 "as JSON, all numbers exact"},
	[OPTION_RECEIVERS] = {"receivers", 'r', false, NULL,
			      "add the table of open connections"},
	[OPTION_CLOSED] = {"closed", 'c', false, NULL,
			   "add the last connections that ended, and why"},
	[OPTION_ERRORS] = {"errors", 'e', false, NULL,
			   "add what the daemon has complained of, how often"},
	[OPTION_COUNTERS] = {"counters", 'C', false, NULL,
			     "add the daemon's counters, with their meaning"},
	[OPTION_NODES] = {"nodes", 'n', false, NULL,
			  "add the table of local nodes: lag, laps, latency"},
	[OPTION_FIELDS] = {"fields", 'F', false, NULL,
			   "each field on a line: value, unit, meaning"},
	[OPTION_PROMETHEUS] = {"prometheus", 'P', false, NULL,
			       "as metrics for Prometheus (also with -r, -n)"},
	[OPTION_WATCH] = {"watch", 'w', false, NULL,
			  "show it live in this terminal, until q"},
	[OPTION_INTERVAL] = {"interval", 'i', false, "TIME",
			     "watch: time between looks (500ms)"},
	[OPTION_POSTMORTEM] = {"postmortem", 'p', false, NULL,
			       "how it ended, and all that is left (also -j)"},
	[OPTION_PACKETS] = {"packets", 'N', false, "N",
			    "postmortem: show the last N records (10)"},
	[OPTION_VERSION] = {"version", 'V', false, NULL,
			    "print the version and end"},
	[OPTION_HELP] = {"help", 'h', false, NULL, "print this and end"},
};

static const struct options options = {
	.program = PROGRAM,
	.operands = "[NAME]",
	.summary = "Show a bcast stream: its state, its ring, its connections. "
		   "NAME: \"default\".",
	.rows = rows,
	.count = OPTION_COUNT,
};

struct wish {
	const char *name;
	bool list;
	bool json;
	bool fields;
	bool prometheus;
	bool watch;
	int interval_ms; /* 0: not given */
	bool postmortem;
	int64_t packets; /* -1: not given */
	struct shmstat_sections sections;
};

static const char *take_interval(struct wish *wish, const char *argument)
{
	if (options_time(argument, 1000, &wish->interval_ms) &&
	    wish->interval_ms >= INTERVAL_MIN_MS &&
	    wish->interval_ms <= INTERVAL_MAX_MS)
		return NULL;
	return "a time from 20ms to 3600s: 100ms, 2s, 2";
}

static const char *take_packets(struct wish *wish, const char *argument)
{
	uint64_t packets;

	if (!options_size(argument, &packets) ||
	    packets > POSTMORTEM_PACKETS_MAX)
		return "a number from 0 to 100000";
	wish->packets = (int64_t)packets;
	return NULL;
}

/* As options_take. */
static const char *take(void *to, int option, const char *argument)
{
	struct wish *wish = to;

	switch ((enum option)option) {
	case OPTION_LIST:
		wish->list = true;
		break;
	case OPTION_JSON:
		wish->json = true;
		break;
	case OPTION_RECEIVERS:
		wish->sections.receivers = true;
		break;
	case OPTION_CLOSED:
		wish->sections.closed = true;
		break;
	case OPTION_ERRORS:
		wish->sections.errors = true;
		break;
	case OPTION_COUNTERS:
		wish->sections.counters = true;
		break;
	case OPTION_NODES:
		wish->sections.nodes = true;
		break;
	case OPTION_FIELDS:
		wish->fields = true;
		break;
	case OPTION_PROMETHEUS:
		wish->prometheus = true;
		break;
	case OPTION_WATCH:
		wish->watch = true;
		break;
	case OPTION_INTERVAL:
		return take_interval(wish, argument);
	case OPTION_POSTMORTEM:
		wish->postmortem = true;
		break;
	case OPTION_PACKETS:
		return take_packets(wish, argument);
	case OPTION_VERSION: /* options_read() answers these two */
	case OPTION_HELP:
	case OPTION_COUNT:
		break;
	}
	return NULL;
}

static int usage(const char *problem)
{
	fprintf(stderr, PROGRAM ": %s: see " PROGRAM " --help\n", problem);
	return EX_USAGE;
}

static int show_list(const struct wish *wish)
{
	struct shmstat_listed *listed = NULL;
	int count = shmstat_list(&listed);
	int ret = 0;

	if (count < 0) {
		fprintf(stderr, PROGRAM ": /dev/shm: %s\n",
			bcast_strerror(count));
		return EX_OSERR;
	}
	if (wish->json)
		ret = shmstat_json_list(listed, count);
	else
		shmstat_text_list(listed, count);
	free(listed);
	if (count == 0)
		fprintf(stderr,
			PROGRAM ": no streams on this machine; start one with: "
				"bcastd --name default\n");
	return ret < 0 ? EX_OSERR : EX_OK;
}

static int show_metrics(const struct wish *wish)
{
	struct nodes_problem problem = {0};
	int ret = shmstat_prometheus(wish->name, &wish->sections, &problem);

	if (ret < 0)
		return attach_error(PROGRAM, wish->name, ret);
	if (!problem.text[0])
		return EX_OK;
	fprintf(stderr, PROGRAM ": nodes cannot be shown: %s\n", problem.text);
	return EX_NOPERM;
}

static int show_end(const struct wish *wish)
{
	uint32_t packets = wish->packets >= 0 ? (uint32_t)wish->packets
					      : POSTMORTEM_PACKETS;
	int ret = postmortem(wish->name, packets, wish->json);

	return ret < 0 ? attach_error(PROGRAM, wish->name, ret) : EX_OK;
}

static int show_json(const struct wish *wish)
{
	int ret = shmstat_json(wish->name, &wish->sections);

	return ret < 0 ? attach_error(PROGRAM, wish->name, ret) : EX_OK;
}

static int show_one(const struct wish *wish)
{
	struct shmstat stat;
	int ret = shmstat_read(wish->name, &stat);

	if (ret < 0) {
		shmstat_free(&stat);
		return attach_error(PROGRAM, wish->name, ret);
	}
	/* text has their number on its first screen */
	shmstat_read_nodes(wish->name, &stat);
	if (wish->fields)
		shmstat_fields(&stat);
	else
		shmstat_text(&stat, &wish->sections);
	shmstat_free(&stat);
	return EX_OK;
}

/* NULL, or why these options do not go together. */
static const char *conflict(const struct wish *wish, int operands)
{
	const struct shmstat_sections *sections = &wish->sections;
	bool tables = sections->receivers || sections->closed ||
		      sections->errors || sections->counters || sections->nodes;
	int others = wish->fields + wish->prometheus + wish->watch;
	int reports = others + (wish->json || wish->postmortem);

	if (operands > 1)
		return "one stream at a time";
	if (wish->list &&
	    (operands > 0 || tables || others > 0 || wish->postmortem))
		return "--list goes with --json only";
	if (reports > 1)
		return "one of --json, --fields, --prometheus, --watch and "
		       "--postmortem, of which the last goes with --json";
	if ((wish->watch || wish->postmortem) && tables)
		return "--watch and --postmortem show all tables by themselves";
	if (wish->packets >= 0 && !wish->postmortem)
		return "--packets goes with --postmortem";
	if (wish->interval_ms && !wish->watch)
		return "--interval goes with --watch";
	if (wish->prometheus &&
	    (sections->closed || sections->errors || sections->counters))
		return "--prometheus goes with --receivers and --nodes only";
	return NULL;
}

static int run(struct wish *wish, int operands, char **operand)
{
	const char *problem = conflict(wish, operands);

	if (problem)
		return usage(problem);
	if (operands == 1)
		wish->name = operand[0];
	if (wish->list)
		return show_list(wish);
	if (wish->watch)
		return watch_run(PROGRAM, wish->name,
				 wish->interval_ms ? wish->interval_ms
						   : INTERVAL_MS);
	if (wish->postmortem)
		return show_end(wish);
	if (wish->json)
		return show_json(wish);
	return wish->prometheus ? show_metrics(wish) : show_one(wish);
}

int main(int argc, char **argv)
{
	struct wish wish = {.name = "default", .packets = -1};
	int code;

	/* a closed pipe is seen by output_finish() */
	(void)signal(SIGPIPE, SIG_IGN);
	code = options_read(&options, argc, argv, take, &wish);
	if (code != OPTIONS_GO_ON)
		return code;
	return output_finish(PROGRAM, run(&wish, argc - optind, argv + optind));
}
