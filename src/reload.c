/* SPDX-License-Identifier: MIT */
/*
 * reload.c - see reload.h.
 *
 * A thread that lives for one reload reads the file, which may lie on a disk
 * that hangs, and looks up the group; it checks all of it, the result for the
 * daemon that runs included, and hands over a whole struct config. The loop
 * never waits for it: the tick asks whether it is done. A SIGHUP that comes
 * meanwhile has it start again. Everything else happens in the daemon's thread,
 * which copies fields (options_is_live()) and tells those that need to be told:
 * the log, the listening sockets, the lanes (lane_link.h), the segment.
 *
 * --max-lag shrinks in two steps. Who was allowed to lag would be too slow at
 * once, even the fastest receiver, if the sender has not been slowed down
 * before. So the sender's pace follows at once, and who keeps up comes nearer;
 * GRACE_NS later the smaller lag holds for the receivers.
 */
#include "src/reload.h"
#include "shm/clock.h"
#include "src/config_listen.h"
#include "src/config_load.h"
#include "src/config_make.h"
#include "src/config_source.h"
#include "src/lane_time.h"
#include "src/lanes.h"
#include "src/listening.h"
#include "src/log.h"
#include "src/options.h"
#include "src/parse.h"
#include "src/progress.h"
#include "src/reload_merge.h"
#include "src/service_notify.h"
#include "src/signals.h"
#include "src/start.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define GRACE_NS   BACKPRESSURE_REPLAY_NS
#define QUOTED_MAX 300
#define LINE_MAX   900

/* One reading of the file. The thread's, until it is done. */
struct job {
	int argc;
	char *const *argv;
	const struct settings *running; /* does not change meanwhile */
	uint32_t receivers_max;
	struct settings wanted;
	struct settings merged;
	struct config config; /* of what is merged */
	struct reload_changes changes;
	char *said; /* what is wrong, in lines */
	int ret;
	atomic_bool done;
};

struct reload {
	struct settings running; /* what holds */
	int argc;
	char *const *argv;
	uint32_t receivers_max;
	struct job *job;      /* NULL: nothing is being read */
	bool again;	      /* SIGHUP has come meanwhile */
	bool lanes_due;	      /* they are to be told */
	uint64_t lags_due_ns; /* the second step; 0: there is none */
	uint64_t lags[CONFIG_LISTEN_MAX];
};

/* ---- The thread -------------------------------------------------------- */

static int read_all(struct job *job, FILE *err)
{
	int ret = config_load(&job->config, &job->wanted, job->argc, job->argv,
			      err, err);

	if (ret != CONFIG_RUN)
		return ret;
	reload_compare(job->running, &job->wanted, job->receivers_max,
		       &job->changes);
	ret = reload_merge(job->running, &job->wanted, &job->changes,
			   &job->merged);
	return ret < 0 ? ret : config_make(&job->config, &job->merged, err);
}

static void *run(void *argument)
{
	struct job *job = argument;
	size_t size = 0;
	FILE *err = open_memstream(&job->said, &size);

	job->ret = -ENOMEM;
	if (err) {
		job->ret = read_all(job, err);
		(void)fclose(err);
	}
	/* pairs with the acquire in is_done() */
	atomic_store_explicit(&job->done, true, memory_order_release);
	return NULL;
}

static bool is_done(const struct job *job)
{
	return atomic_load_explicit(&job->done, memory_order_acquire);
}

static int start_thread(struct job *job)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	pthread_t thread;
	int error = pthread_attr_init(&attributes);

	if (error != 0)
		return -error;
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, &attributes, run, job);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attributes);
	return -error;
}

static void free_job(struct job *job)
{
	settings_fini(&job->wanted);
	settings_fini(&job->merged);
	free(job->said);
	free(job);
}

static void begin(struct daemon *daemon)
{
	struct reload *reload = daemon->reload;
	struct job *job = calloc(1, sizeof(*job));
	int ret = job ? 0 : -ENOMEM;

	if (job) {
		job->argc = reload->argc;
		job->argv = reload->argv;
		job->running = &reload->running;
		job->receivers_max = reload->receivers_max;
		ret = start_thread(job);
	}
	if (ret == 0) {
		reload->job = job;
		service_notify_reloading(daemon);
		return;
	}
	free(job);
	log_event(LOG_LEVEL_WARN, "config_invalid", "error=\"%s\"",
		  strerror(-ret));
}

/* ---- What holds -------------------------------------------------------- */

static void tell_lanes(struct daemon *daemon)
{
	daemon->reload->lanes_due = !lanes_configure(daemon);
}

static void apply_options(struct config *running, const struct config *wanted)
{
	for (int i = 0; i < OPTIONS_COUNT; i++) {
		const struct option_row *row = &options_table[i];

		if (options_is_live(row))
			memcpy((char *)running + row->field,
			       (const char *)wanted + row->field,
			       row->field_size);
	}
}

static void apply_address(struct daemon *daemon, uint32_t i,
			  const struct config_listen *wanted)
{
	struct reload *reload = daemon->reload;
	struct config_listen *listen = &daemon->config.listens[i];
	uint64_t lag_bytes = listen->max_lag_bytes;
	bool known = reload->lags[i] == wanted->max_lag_bytes;

	config_listen_take_live(listen, wanted);
	reload->lags[i] = wanted->max_lag_bytes;
	if (lag_bytes <= wanted->max_lag_bytes)
		return;
	listen->max_lag_bytes = lag_bytes;
	/* not later for a SIGHUP that brings nothing new */
	if (!known || reload->lags_due_ns == 0)
		reload->lags_due_ns = daemon->home.now_ns + GRACE_NS;
}

static void apply(struct daemon *daemon, const struct config *wanted)
{
	struct config *config = &daemon->config;

	apply_options(config, wanted);
	for (uint32_t i = 0; i < config->listen_count; i++)
		apply_address(daemon, i, &wanted->listens[i]);
	daemon->limits =
		backpressure_limits(config->ring_size_bytes,
				    config_read_bytes(config->ring_size_bytes),
				    config_least_lag(wanted));
	log_limit(config->log_rate);
	listening_retune(daemon);
	progress_refresh(&daemon->home);
	lane_time_changed(&daemon->home);
	tell_lanes(daemon);
	daemon_state_facts(daemon);
}

/* The sender has been slowed down for long enough. */
static void shrink_lags(struct daemon *daemon)
{
	struct reload *reload = daemon->reload;

	reload->lags_due_ns = 0;
	for (uint32_t i = 0; i < daemon->config.listen_count; i++)
		daemon->config.listens[i].max_lag_bytes = reload->lags[i];
	progress_refresh(&daemon->home);
	tell_lanes(daemon);
	daemon_state_facts(daemon);
}

/* ---- What is said of it ------------------------------------------------ */

static void tell_mistakes(const struct job *job)
{
	static const char warning[] = CONFIG_WARNING;
	const char *line = job->said ? job->said : "";
	char text[LINE_MAX], quoted[LINE_MAX];

	if (*line == '\0')
		log_event(LOG_LEVEL_WARN, "config_invalid", "error=\"%s\"",
			  strerror(-job->ret));
	while (*line) {
		size_t length = strcspn(line, "\n");

		(void)snprintf(text, sizeof(text), "%.*s", (int)length, line);
		if (strncmp(text, warning, sizeof(warning) - 1) != 0)
			log_event(LOG_LEVEL_WARN, "config_invalid", "error=%s",
				  log_quote(text, quoted, sizeof(quoted)));
		line += length;
		line += *line == '\n';
	}
}

static void tell_change(const struct reload_change *change)
{
	char from[QUOTED_MAX], to[QUOTED_MAX];

	(void)log_quote(change->from, from, sizeof(from));
	(void)log_quote(change->to, to, sizeof(to));
	if (change->kept)
		log_event(LOG_LEVEL_WARN, "config_kept",
			  "option=%s running=%s wanted=%s fix=restart",
			  change->row->name, from, to);
	else
		log_event(LOG_LEVEL_INFO, "config_changed",
			  "option=%s from=%s to=%s", change->row->name, from,
			  to);
}

static unsigned tell_kept_of(const char *option, const char *address,
			     const char *running, const char *wanted)
{
	char quoted[QUOTED_MAX];

	if (strcmp(running, wanted) == 0)
		return 0;
	log_event(LOG_LEVEL_WARN, "config_kept",
		  "option=%s addr=%s running=%s wanted=%s fix=restart", option,
		  log_quote(address, quoted, sizeof(quoted)), running, wanted);
	return 1;
}

static unsigned tell_kept_size(const char *option, const char *address,
			       uint32_t running, uint32_t wanted)
{
	char from[PARSE_TEXT_MAX], to[PARSE_TEXT_MAX];

	return tell_kept_of(option, address,
			    parse_print_size(running, from, sizeof(from)),
			    parse_print_size(wanted, to, sizeof(to)));
}

/* Of what stands behind an address, that which is of its socket. */
static unsigned tell_kept_there(const struct config_listen *running,
				const struct config_listen *wanted)
{
	const char *address = running->address;

	return tell_kept_size("sndbuf", address, running->sndbuf_bytes,
			      wanted->sndbuf_bytes) +
	       tell_kept_size("rcvbuf", address, running->rcvbuf_bytes,
			      wanted->rcvbuf_bytes) +
	       tell_kept_of("congestion", address, running->congestion,
			    wanted->congestion);
}

static void tell_changes(const struct daemon *daemon, const struct job *job)
{
	size_t kept = 0, more = 0;

	for (size_t i = 0; i < job->changes.count; i++) {
		tell_change(&job->changes.all[i]);
		kept += job->changes.all[i].kept;
	}
	for (uint32_t i = 0; i < daemon->config.listen_count; i++)
		more += tell_kept_there(&daemon->config.listens[i],
					&job->config.listens[i]);
	log_event(LOG_LEVEL_INFO, "config_reloaded", "changed=%zu kept=%zu",
		  job->changes.count - kept, kept + more);
}

static enum log_level wordier(enum log_level one, enum log_level other)
{
	return one > other ? one : other;
}

static void finish(struct daemon *daemon, struct job *job)
{
	struct reload *reload = daemon->reload;

	if (job->ret != CONFIG_RUN) {
		tell_mistakes(job);
		return;
	}
	/* what is said holds when it is said, and either level lets it out */
	log_open(wordier(daemon->config.log_level, job->config.log_level));
	apply(daemon, &job->config);
	tell_changes(daemon, job);
	log_open(daemon->config.log_level);
	settings_fini(&reload->running);
	reload->running = job->merged;
	memset(&job->merged, 0, sizeof(job->merged));
}

/* ---- The daemon's side ------------------------------------------------- */

struct reload *reload_open(const struct config *config,
			   struct settings *settings, int argc,
			   char *const argv[])
{
	struct reload *reload = calloc(1, sizeof(*reload));

	if (!reload) {
		log_event(LOG_LEVEL_WARN, "no_reload", "error=\"%s\"",
			  strerror(ENOMEM));
		return NULL;
	}
	reload->running = *settings;
	memset(settings, 0, sizeof(*settings));
	reload->argc = argc;
	reload->argv = argv;
	reload->receivers_max = config->max_receivers;
	return reload;
}

static void look_at_job(struct daemon *daemon)
{
	struct reload *reload = daemon->reload;
	struct job *job = reload->job;

	if (job && is_done(job)) {
		reload->job = NULL;
		finish(daemon, job);
		free_job(job);
		service_notify_ready(daemon);
	}
	if (!reload->again || reload->job)
		return;
	reload->again = false;
	begin(daemon);
}

void reload_tick(struct daemon *daemon)
{
	struct reload *reload = daemon->reload;
	bool hung_up = signals_take_hangup();

	if (hung_up)
		log_reopen();
	if (!reload || daemon->phase != DAEMON_RUNNING)
		return;
	reload->again = reload->again || hung_up;
	look_at_job(daemon);
	if (reload->lags_due_ns != 0 &&
	    daemon->home.now_ns >= reload->lags_due_ns)
		shrink_lags(daemon);
	if (reload->lanes_due)
		tell_lanes(daemon);
}

void reload_close(struct reload *reload)
{
	if (!reload || (reload->job && !is_done(reload->job)))
		return;
	if (reload->job)
		free_job(reload->job);
	settings_fini(&reload->running);
	free(reload);
}
