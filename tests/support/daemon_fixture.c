/* SPDX-License-Identifier: MIT */
/* daemon_fixture.c - see daemon_fixture.h. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "daemon_fixture.h"

#define FIXTURES_MAX   8
#define LOG_SETTLES_MS 1000

/* Those whose process may still run. */
static struct daemon_fixture *running[FIXTURES_MAX];

static void enlist(struct daemon_fixture *daemon)
{
	for (unsigned i = 0; i < FIXTURES_MAX; i++) {
		if (running[i])
			continue;
		running[i] = daemon;
		return;
	}
	fail_msg("more than %d daemons at a time", FIXTURES_MAX);
}

static void delist(const struct daemon_fixture *daemon)
{
	for (unsigned i = 0; i < FIXTURES_MAX; i++)
		if (running[i] == daemon)
			running[i] = NULL;
}

/* ---- Start ------------------------------------------------------------- */

static void become(const struct daemon_fixture *daemon, const char *argv[])
{
	char *const *arguments;

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)dup2(daemon->log_fd, STDERR_FILENO);
	if (daemon->in_child)
		daemon->in_child(daemon->in_child_argument);
	/* execv does not change them, but cannot say so */
	memcpy(&arguments, &argv, sizeof(arguments));
	(void)execv(argv[0], arguments);
	_exit(127);
}

/*
 * BCAST_TEST_OPTIONS: options for every daemon, between spaces, before those of
 * the test, so that a whole suite can be run with them.
 */
static unsigned add_common_options(const char *argv[], unsigned count)
{
	static char words[256];
	const char *given = getenv("BCAST_TEST_OPTIONS");
	char *rest = words;

	if (!given)
		return count;
	snprintf(words, sizeof(words), "%s", given);
	while (count < DAEMON_FIXTURE_OPTIONS - 1) {
		const char *word = strtok_r(rest, " ", &rest);

		if (!word)
			break;
		argv[count++] = word;
	}
	return count;
}

void daemon_fixture_launch(struct daemon_fixture *daemon,
			   const char *const options[])
{
	const char *argv[DAEMON_FIXTURE_OPTIONS] = {
		daemon->program ? daemon->program : BCASTD_PATH, "--name",
		daemon->name};
	unsigned count = add_common_options(argv, 3);

	if (daemon->name[0] == '\0')
		snprintf(daemon->name, sizeof(daemon->name), "%s", test_name());
	while (*options && count < DAEMON_FIXTURE_OPTIONS - 1)
		argv[count++] = *options++;
	daemon->log_fd = memfd_create("bcastd.log", MFD_CLOEXEC);
	assert_true(daemon->log_fd >= 0);
	/* its threads would overwrite each other: a memfd does not lock the
	 * position that they share */
	assert_int_equal(fcntl(daemon->log_fd, F_SETFL, O_APPEND), 0);
	daemon->log = calloc(1, DAEMON_FIXTURE_LOG_MAX + 1);
	assert_non_null(daemon->log);
	daemon->pid = fork();
	assert_true(daemon->pid >= 0);
	if (daemon->pid == 0)
		become(daemon, argv);
	enlist(daemon);
}

void daemon_fixture_start(struct daemon_fixture *daemon,
			  const char *const options[])
{
	unsigned listeners = 0;

	daemon_fixture_launch(daemon, options);
	for (const char *const *option = options; *option; option++)
		if (strcmp(*option, "--listen") == 0 ||
		    strcmp(*option, "--ingest") == 0 ||
		    strcmp(*option, "--egress") == 0 ||
		    strcmp(*option, "--packet") == 0 ||
		    strcmp(*option, "--echo") == 0 ||
		    strcmp(*option, "--admin") == 0)
			listeners++;
	daemon_fixture_await_log(daemon, "info listening ", listeners);
}

uint16_t daemon_fixture_port(struct daemon_fixture *daemon, const char *role)
{
	return daemon_fixture_port_of(daemon, role, 0);
}

uint16_t daemon_fixture_port_of(struct daemon_fixture *daemon, const char *role,
				unsigned index)
{
	const char *line = daemon_fixture_log(daemon);
	unsigned port;
	char found[16];

	while ((line = strstr(line, "info listening addr="))) {
		if (sscanf(line, "info listening addr=127.0.0.1:%u role=%15s",
			   &port, found) == 2 &&
		    strcmp(found, role) == 0 && index-- == 0)
			return (uint16_t)port;
		line++;
	}
	fail_msg("no listener of role %s in:\n%s", role, daemon->log);
	return 0;
}

/* ---- Log --------------------------------------------------------------- */

/* Nothing that it has logged is still on its way; or there is no telling. */
static bool has_written(void *argument)
{
	const struct daemon_fixture *daemon = argument;
	struct bcast_counter_info info;
	struct bcast_monitor *monitor;
	uint64_t waiting = 0;
	uint32_t next = 0;

	if (bcast_monitor_open(daemon->name, &monitor) < 0)
		return true;
	while (bcast_monitor_counter(monitor, &next, &info) == 1)
		if (strcmp(info.name, "log_waiting") == 0)
			waiting = info.value;
	bcast_monitor_close(monitor);
	return waiting == 0;
}

const char *daemon_fixture_log(struct daemon_fixture *daemon)
{
	ssize_t n;

	/* a thread of it writes the log, soon after the fact */
	if (daemon->pid > 0)
		(void)test_within(LOG_SETTLES_MS, has_written, daemon);
	/* its own offset is the daemon's, shared: leave it alone */
	n = pread(daemon->log_fd, daemon->log, DAEMON_FIXTURE_LOG_MAX, 0);
	daemon->log[n > 0 ? n : 0] = '\0';
	return daemon->log;
}

unsigned daemon_fixture_logged(struct daemon_fixture *daemon, const char *text)
{
	const char *at = daemon_fixture_log(daemon);
	unsigned times = 0;

	while ((at = strstr(at, text))) {
		times++;
		at++;
	}
	return times;
}

struct awaited_text {
	struct daemon_fixture *daemon;
	const char *text;
	unsigned times;
};

static bool has_logged(void *argument)
{
	struct awaited_text *wait = argument;

	return daemon_fixture_logged(wait->daemon, wait->text) >= wait->times;
}

void daemon_fixture_await_log(struct daemon_fixture *daemon, const char *text,
			      unsigned times)
{
	struct awaited_text wait = {daemon, text, times};

	if (!test_within(DEADLINE_MS, has_logged, &wait))
		fail_msg("'%s' is not %u times in:\n%s", text, times,
			 daemon->log);
}

/* ---- Counters and the process ------------------------------------------ */

uint64_t daemon_fixture_counter(const struct daemon_fixture *daemon,
				const char *counter)
{
	struct bcast_counter_info info;
	struct bcast_monitor *monitor;
	uint64_t value = UINT64_MAX;
	uint32_t next = 0;

	assert_int_equal(bcast_monitor_open(daemon->name, &monitor), 0);
	while (bcast_monitor_counter(monitor, &next, &info) == 1)
		if (strcmp(info.name, counter) == 0)
			value = info.value;
	bcast_monitor_close(monitor);
	if (value == UINT64_MAX)
		fail_msg("there is no counter %s", counter);
	return value;
}

struct awaited_counter {
	const struct daemon_fixture *daemon;
	const char *counter;
	uint64_t value;
	uint64_t seen;
};

static bool has_value(void *argument)
{
	struct awaited_counter *wait = argument;

	wait->seen = daemon_fixture_counter(wait->daemon, wait->counter);
	return wait->seen == wait->value;
}

static bool has_reached(void *argument)
{
	struct awaited_counter *wait = argument;

	wait->seen = daemon_fixture_counter(wait->daemon, wait->counter);
	return wait->seen >= wait->value;
}

/* Into memory that nobody frees: the test is failing. */
static char *read_log(const struct daemon_fixture *daemon)
{
	char *text = calloc(1, DAEMON_FIXTURE_LOG_MAX + 1);

	if (text)
		(void)!pread(daemon->log_fd, text, DAEMON_FIXTURE_LOG_MAX, 0);
	return text;
}

static void await_counter(const struct daemon_fixture *daemon,
			  bool (*condition)(void *), const char *counter,
			  uint64_t value)
{
	struct awaited_counter wait = {daemon, counter, value, 0};

	if (!test_within(DEADLINE_MS, condition, &wait))
		fail_msg("%s is %llu, not %llu; the log:\n%s", counter,
			 (unsigned long long)wait.seen,
			 (unsigned long long)value, read_log(daemon));
}

void daemon_fixture_await(const struct daemon_fixture *daemon,
			  const char *counter, uint64_t value)
{
	await_counter(daemon, has_value, counter, value);
}

void daemon_fixture_await_at_least(const struct daemon_fixture *daemon,
				   const char *counter, uint64_t value)
{
	await_counter(daemon, has_reached, counter, value);
}

unsigned daemon_fixture_descriptors(const struct daemon_fixture *daemon)
{
	unsigned count = 0;
	char path[64];
	DIR *directory;

	snprintf(path, sizeof(path), "/proc/%ld/fd", (long)daemon->pid);
	directory = opendir(path);
	assert_non_null(directory);
	while (readdir(directory))
		count++;
	(void)closedir(directory);
	return count - 2; /* "." and ".." */
}

uint64_t daemon_fixture_private_bytes(const struct daemon_fixture *daemon)
{
	unsigned long kib = 0;
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/status", (long)daemon->pid);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "RssAnon: %lu kB", &kib) == 1)
			break;
	(void)fclose(file);
	return (uint64_t)kib * 1024;
}

uint64_t daemon_fixture_cpu_ns(const struct daemon_fixture *daemon)
{
	struct timespec used;
	clockid_t clock;

	assert_int_equal(clock_getcpuclockid(daemon->pid, &clock), 0);
	assert_int_equal(clock_gettime(clock, &used), 0);
	return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

/* ---- The end ----------------------------------------------------------- */

struct end {
	pid_t pid;
	int status;
};

static bool has_ended(void *argument)
{
	struct end *end = argument;

	return waitpid(end->pid, &end->status, WNOHANG) == end->pid;
}

int daemon_fixture_wait(struct daemon_fixture *daemon)
{
	struct end end = {.pid = daemon->pid};

	if (!test_within(DEADLINE_MS, has_ended, &end))
		return DAEMON_FIXTURE_LATE;
	delist(daemon);
	daemon->pid = 0;
	return WIFSIGNALED(end.status) ? 128 + WTERMSIG(end.status)
				       : WEXITSTATUS(end.status);
}

void daemon_fixture_assert_clean(struct daemon_fixture *daemon)
{
	static const char *const suffixes[] = {"", ".nodes", ".lock"};

	for (unsigned i = 0; i < 3; i++)
		if (test_object_exists(daemon->name, suffixes[i]))
			fail_msg("bcast.%s%s was left behind", daemon->name,
				 suffixes[i]);
	if (strncmp(daemon_fixture_log(daemon), "error ", 6) == 0 ||
	    strstr(daemon->log, "\nerror ") || strstr(daemon->log, "assert") ||
	    strstr(daemon->log, "Sanitizer"))
		fail_msg("the daemon complains:\n%s", daemon->log);
}

void daemon_fixture_stop(struct daemon_fixture *daemon)
{
	int code;

	assert_int_equal(kill(daemon->pid, SIGTERM), 0);
	code = daemon_fixture_wait(daemon);
	if (code != 0)
		fail_msg("exit code %d, log:\n%s", code,
			 daemon_fixture_log(daemon));
	daemon_fixture_assert_clean(daemon);
	daemon_fixture_forget(daemon);
}

static void remove_objects(const char *name)
{
	static const char *const suffixes[] = {"", ".nodes", ".lock"};
	char object[96];

	for (unsigned i = 0; i < 3; i++) {
		snprintf(object, sizeof(object), "/bcast.%s%s", name,
			 suffixes[i]);
		(void)shm_unlink(object);
	}
}

void daemon_fixture_kill(struct daemon_fixture *daemon)
{
	if (daemon->pid > 0) {
		(void)kill(daemon->pid, SIGKILL);
		(void)waitpid(daemon->pid, NULL, 0);
	}
	delist(daemon);
	remove_objects(daemon->name);
	daemon_fixture_forget(daemon);
}

void daemon_fixture_forget(struct daemon_fixture *daemon)
{
	if (daemon->log)
		(void)close(daemon->log_fd);
	free(daemon->log);
	*daemon = (struct daemon_fixture){0};
}

int daemon_fixture_cleanup(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FIXTURES_MAX; i++)
		if (running[i])
			daemon_fixture_kill(running[i]);
	return 0;
}
