/* SPDX-License-Identifier: MIT */
/*
 * latency.c - bench_latency: how long a message takes from one process to the
 * others, for one system, once. run.py runs all in turns. One line of JSON.
 */
#include "latency.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "session.h"

static const struct latency_system *const systems[] = {
	&latency_line,	     &latency_futex,	  &latency_bare,
	&latency_bare_futex, &latency_bcast_spin, &latency_bcast_wait,
	&latency_bcast_park,
};

#define SYSTEMS (sizeof(systems) / sizeof(systems[0]))

enum {
	OPTION_SYSTEM = 1,
	OPTION_STREAM,
	OPTION_BACK,
	OPTION_SCHEDULE,
	OPTION_SIZE,
	OPTION_READERS,
	OPTION_WARM_UP,
	OPTION_WINDOW,
	OPTION_REAL_TIME,
	OPTION_LIST,
};

static const struct option options[] = {
	{"system", required_argument, NULL, OPTION_SYSTEM},
	{"stream", required_argument, NULL, OPTION_STREAM},
	{"back", required_argument, NULL, OPTION_BACK},
	{"schedule", required_argument, NULL, OPTION_SCHEDULE},
	{"size", required_argument, NULL, OPTION_SIZE},
	{"readers", required_argument, NULL, OPTION_READERS},
	{"warm-up", required_argument, NULL, OPTION_WARM_UP},
	{"window", required_argument, NULL, OPTION_WINDOW},
	{"real-time", no_argument, NULL, OPTION_REAL_TIME},
	{"list", no_argument, NULL, OPTION_LIST},
	{0},
};

static int list(void)
{
	for (size_t i = 0; i < SYSTEMS; i++)
		(void)printf("%-12s %-5s %s\n", systems[i]->name,
			     systems[i]->parks ? "parks" : "polls",
			     systems[i]->about);
	return 0;
}

static const struct latency_system *find(const char *name)
{
	for (size_t i = 0; i < SYSTEMS; i++) {
		if (strcmp(systems[i]->name, name) == 0)
			return systems[i];
	}
	return NULL;
}

/* One option into the task; false: unknown. */
static bool take(struct latency_task *task, int option)
{
	switch (option) {
	case OPTION_SYSTEM:
		task->system = optarg;
		return true;
	case OPTION_STREAM:
		task->stream = optarg;
		return true;
	case OPTION_BACK:
		task->back = optarg;
		return true;
	case OPTION_SCHEDULE:
		task->schedule = true;
		task->interval_ns = session_number(optarg, 100, 1000000000);
		return true;
	case OPTION_SIZE:
		task->size = session_number(
			optarg, sizeof(struct latency_stamp), MESSAGE_MAX);
		return true;
	case OPTION_READERS:
		task->readers = session_number(optarg, 1, CREW_READERS_MAX);
		return true;
	case OPTION_WARM_UP:
		task->warm_up_ms = session_number(optarg, 0, 60000);
		return true;
	case OPTION_WINDOW:
		task->window_ms = session_number(optarg, 1, 60000);
		return true;
	case OPTION_REAL_TIME:
		task->real_time = true;
		return true;
	case OPTION_LIST:
		exit(list());
	default:
		return false;
	}
}

static void print(const struct latency_task *task,
		  const struct session *session,
		  const struct session_plan *plan)
{
	const struct crew *crew = session->crew;
	struct spread *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return;
	for (unsigned i = 0; i < crew->count; i++)
		spread_merge(all, &crew->members[i].times);
	(void)printf("{\"system\": \"%s\", \"size\": %zu, \"mode\": \"%s\", "
		     "\"interval_ns\": %u, ",
		     task->system, task->size,
		     task->schedule ? "schedule" : "round-trip",
		     task->interval_ns);
	session_print(session, plan, stdout);
	(void)printf(", ");
	spread_print(all, session->ticks_per_ns, stdout);
	(void)printf("}\n");
	free(all);
}

static int run(struct latency_task *task, const struct latency_system *system)
{
	const struct session_plan plan = {
		.readers = task->readers,
		.warm_up_ms = task->warm_up_ms,
		.window_ms = task->window_ms,
		.real_time = task->real_time,
		.work = system->work,
		.context = task,
	};
	struct session session;
	int ret = system->prepare != NULL ? system->prepare(task) : 0;

	if (ret < 0) {
		(void)fprintf(stderr, "%s: %s\n", task->system, strerror(-ret));
		return ret;
	}
	ret = session_init(&session, &plan);
	task->ticks_per_ns = session.ticks_per_ns;
	if (ret >= 0)
		ret = session_run(&session, &plan);
	if (ret >= 0)
		print(task, &session, &plan);
	session_fini(&session);
	return ret;
}

int main(int argc, char **argv)
{
	struct latency_task task = {
		.system = "bare",
		.stream = "default",
		.back = "back",
		.size = 64,
		.readers = 1,
		.warm_up_ms = 20,
		.window_ms = 100,
	};
	const struct latency_system *system;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (!take(&task, option))
			return 64;
	}
	system = find(task.system);
	if (system == NULL) {
		(void)fprintf(stderr, "bench_latency: no system %s\n",
			      task.system);
		return 64;
	}
	return run(&task, system) < 0 ? 1 : 0;
}
