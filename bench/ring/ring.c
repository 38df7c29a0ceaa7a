/* SPDX-License-Identifier: MIT */
/*
 * ring.c - bench_ring: how many messages a second go from one writer to its
 * readers through memory, for one system, once. run.py runs all in turns.
 *
 * What counts is the slowest reader within the window. One line of JSON.
 */
#include "ring.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

static const struct ring_system *const systems[] = {
	&ring_bare_each,   &ring_bare_header,	 &ring_bare_batch,
	&ring_bcast_each,  &ring_bcast_each_crc, &ring_bcast_each_span,
	&ring_bcast_claim, &ring_bcast_batch,	 &ring_bcast_batch_next,
#ifdef BENCH_AERON
	&ring_aeron,
#endif
};

#define SYSTEMS (sizeof(systems) / sizeof(systems[0]))

enum {
	OPTION_SYSTEM = 1,
	OPTION_STREAM,
	OPTION_FOLDER,
	OPTION_SIZE,
	OPTION_RING,
	OPTION_READERS,
	OPTION_DEPTH,
	OPTION_LOSSY,
	OPTION_WARM_UP,
	OPTION_WINDOW,
	OPTION_REAL_TIME,
	OPTION_LIST,
};

static const struct option options[] = {
	{"system", required_argument, NULL, OPTION_SYSTEM},
	{"stream", required_argument, NULL, OPTION_STREAM},
	{"folder", required_argument, NULL, OPTION_FOLDER},
	{"size", required_argument, NULL, OPTION_SIZE},
	{"ring", required_argument, NULL, OPTION_RING},
	{"readers", required_argument, NULL, OPTION_READERS},
	{"depth", required_argument, NULL, OPTION_DEPTH},
	{"lossy", no_argument, NULL, OPTION_LOSSY},
	{"warm-up", required_argument, NULL, OPTION_WARM_UP},
	{"window", required_argument, NULL, OPTION_WINDOW},
	{"real-time", no_argument, NULL, OPTION_REAL_TIME},
	{"list", no_argument, NULL, OPTION_LIST},
	{0},
};

static int list(void)
{
	for (size_t i = 0; i < SYSTEMS; i++)
		(void)printf("%-18s %s\n", systems[i]->name, systems[i]->about);
	return 0;
}

static const struct ring_system *find(const char *name)
{
	for (size_t i = 0; i < SYSTEMS; i++) {
		if (strcmp(systems[i]->name, name) == 0)
			return systems[i];
	}
	return NULL;
}

/* One option into the task; false: unknown. */
static bool take(struct ring_task *task, int option)
{
	switch (option) {
	case OPTION_SYSTEM:
		task->system = optarg;
		return true;
	case OPTION_STREAM:
		task->stream = optarg;
		return true;
	case OPTION_FOLDER:
		task->folder = optarg;
		return true;
	case OPTION_SIZE:
		task->size = session_number(optarg, 8, MESSAGE_MAX);
		return true;
	case OPTION_RING:
		task->ring_bytes = session_number(optarg, 1u << 20, 1u << 30);
		return true;
	case OPTION_READERS:
		task->readers = session_number(optarg, 1, CREW_READERS_MAX);
		return true;
	case OPTION_DEPTH:
		task->depth = session_number(optarg, 0, 1) == 0 ? MESSAGE_HEAD
								: MESSAGE_LINES;
		return true;
	case OPTION_LOSSY:
		task->lossy = true;
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

static int work(struct crew_member *me, void *context)
{
	struct ring_task *task = context;
	const struct ring_system *system = find(task->system);

	if (me == me->crew->members)
		return system->write(me, task);
	return system->read(me, task);
}

static int run(struct ring_task *task, const struct ring_system *system)
{
	const struct session_plan plan = {
		.readers = task->readers,
		.warm_up_ms = task->warm_up_ms,
		.window_ms = task->window_ms,
		.real_time = task->real_time,
		.work = work,
		.context = task,
	};
	struct session session;
	int ret = system->prepare != NULL ? system->prepare(task) : 0;

	if (ret < 0) {
		(void)fprintf(stderr, "%s: %s\n", task->system, strerror(-ret));
		return ret;
	}
	ret = session_init(&session, &plan);
	if (ret >= 0)
		ret = session_run(&session, &plan);
	if (ret >= 0) {
		(void)printf("{\"system\": \"%s\", \"size\": %zu, "
			     "\"ring_bytes\": %lu, \"depth\": %d, "
			     "\"lossy\": %s, ",
			     task->system, task->size, task->ring_bytes,
			     task->depth == MESSAGE_LINES,
			     task->lossy ? "true" : "false");
		session_print(&session, &plan, stdout);
		(void)printf("}\n");
	}
	session_fini(&session);
	return ret;
}

int main(int argc, char **argv)
{
	struct ring_task task = {
		.system = "bare-batch",
		.stream = "default",
		.size = 64,
		.ring_bytes = 4u << 20,
		.readers = 1,
		.warm_up_ms = 50,
		.window_ms = 200,
	};
	const struct ring_system *system;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (!take(&task, option))
			return 64;
	}
	system = find(task.system);
	if (system == NULL || (task.lossy && !system->can_lose) ||
	    (task.ring_bytes & (task.ring_bytes - 1)) != 0) {
		(void)fprintf(stderr,
			      "bench_ring: no system %s%s, or --ring is not "
			      "a power of two\n",
			      task.system, task.lossy ? " that loses" : "");
		return 64;
	}
	return run(&task, system) < 0 ? 1 : 0;
}
