/* SPDX-License-Identifier: MIT */
/*
 * check_system.c - see check_system.h.
 *
 * What can be tried is tried: a kernel says by its version what it could do,
 * and a container, a sysctl or a security module what it does not.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "net/backend_open.h"
#include "net/uring_why.h"
#include "net/zerocopy.h"
#include "shm/clock.h"
#include "shm/sleepers.h"
#include "src/check_system.h"

#define CLOCK_NAME \
	"/sys/devices/system/clocksource/clocksource0/current_clocksource"
#define GOVERNOR     "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
#define TIME_OFFSETS "/proc/self/timens_offsets"

/* ---- Kernel ------------------------------------------------------------ */

void check_kernel_judge(const char *release, struct check_result *result)
{
	int major, minor;

	if (sscanf(release, "%d.%d", &major, &minor) != 2) {
		check_unknown(result, "the kernel's release");
		return;
	}
	check_found(result, "Linux %.64s", release);
	if (bc_uring_why_is_old(release)) {
		check_is(result, CHECK_WARN,
			 "its io_uring is too old (6.1 is needed): epoll is "
			 "used, with the same guarantees");
		check_fix(result, "apt-get install "
				  "linux-image-$(dpkg --print-architecture)");
	} else if (major == 6 && minor < 7) {
		check_is(result, CHECK_OK,
			 "from 6.7 on, local readers are woken without a "
			 "system call of its own");
	} else {
		check_is(result, CHECK_OK, "");
	}
}

void check_kernel(const struct check_plan *plan, struct check_result *result)
{
	struct utsname kernel = {0};

	(void)plan;
	(void)uname(&kernel);
	check_kernel_judge(kernel.release, result);
}

/* ---- io_uring ---------------------------------------------------------- */

static void propose(enum bc_uring_cause cause, struct check_result *result)
{
	switch (cause) {
	case BC_URING_SYSCTL:
		check_fix(result, "sysctl -w kernel.io_uring_disabled=0");
		break;
	case BC_URING_FILTERED:
		check_fix(result,
			  "docker run --security-opt seccomp=unconfined ...");
		break;
	case BC_URING_OLD:
		check_fix(result, "apt-get install "
				  "linux-image-$(dpkg --print-architecture)");
		break;
	case BC_URING_LOCKED:
		check_fix(result, "ulimit -l unlimited");
		break;
	case BC_URING_DESCRIPTORS:
		check_fix(result, "ulimit -n 65536");
		break;
	case BC_URING_FORBIDDEN:
	case BC_URING_LEFT_OUT:
	case BC_URING_OTHER:
		break;
	}
}

void check_io_uring_judge(const struct check_io_uring_facts *facts,
			  struct check_result *result)
{
	if (facts->error == 0) {
		check_found(result, "works: each kind of request was tried");
		check_is(result, CHECK_OK, "");
		return;
	}
	check_found(result, "%s", facts->why);
	if (facts->wanted == CONFIG_BACKEND_IO_URING)
		check_is(result, CHECK_FAIL,
			 "with --backend io_uring bcastd does not start");
	else
		check_is(result, CHECK_WARN,
			 "epoll is used, with the same guarantees, a little "
			 "slower and without sends without a copy");
	propose((enum bc_uring_cause)facts->cause, result);
}

void check_io_uring(const struct check_plan *plan, struct check_result *result)
{
	struct bc_backend *backend = NULL;
	struct bc_uring_setting setting;
	char why[BC_BACKEND_WHY_MAX] = "";
	int error;

	if (plan->config->backend == CONFIG_BACKEND_EPOLL) {
		check_found(result, "not asked for (--backend epoll)");
		check_is(result, CHECK_OK, "");
		return;
	}
	error = bc_backend_open(&backend, BC_BACKEND_IO_URING,
				plan->config->max_receivers, why);
	if (error == 0)
		bc_backend_close(backend);
	bc_uring_why_read(plan->root, &setting);
	check_io_uring_judge(
		&(struct check_io_uring_facts){
			.error = error,
			.why = why,
			.cause = (int)bc_uring_why_judge(error, &setting),
			.wanted = plan->config->backend,
		},
		result);
}

void check_zerocopy_judge(enum config_zerocopy wanted, int error,
			  const char *why, struct check_result *result)
{
	check_is(result, CHECK_OK, "");
	if (wanted == CONFIG_ZEROCOPY_OFF) {
		check_found(result, "not asked for (--zerocopy off)");
	} else if (error == 0) {
		check_found(result, "works");
	} else {
		check_found(result, "%s", why);
		if (wanted == CONFIG_ZEROCOPY_ON)
			check_is(result, CHECK_FAIL,
				 "with --zerocopy on bcastd does not start");
		else
			check_is(result, CHECK_WARN,
				 "what goes to other machines is copied by the "
				 "kernel");
	}
}

void check_zerocopy(const struct check_plan *plan, struct check_result *result)
{
	const struct config *config = plan->config;
	enum bc_backend_which which = config->backend == CONFIG_BACKEND_EPOLL
					      ? BC_BACKEND_EPOLL
					      : BC_BACKEND_AUTO;
	struct bc_backend *backend = NULL;
	char why[BC_BACKEND_WHY_MAX] = "";
	int error = 0;

	if (config->zerocopy != CONFIG_ZEROCOPY_OFF) {
		error = bc_backend_open(&backend, which, 1, why);
		if (error == 0) {
			error = bc_zerocopy_check(backend, why, sizeof(why));
			bc_backend_close(backend);
		}
	}
	check_zerocopy_judge(config->zerocopy, error, why, result);
}

/* ---- System calls ------------------------------------------------------ */

void check_calls_judge(const struct check_calls_facts *facts,
		       struct check_result *result)
{
	check_found(result, "file locks: %s, pidfd: %s, membarrier: %s",
		    facts->locks ? "yes" : "no", facts->pidfd ? "yes" : "no",
		    facts->membarrier ? "yes" : "no");
	if (!facts->locks)
		check_is(result, CHECK_FAIL,
			 "without locks of open file descriptions (fcntl(2)) "
			 "in /dev/shm nobody can tell who lives");
	else if (!facts->pidfd)
		check_is(result, CHECK_WARN,
			 "that a local process has died is noticed by looking "
			 "around, not within milliseconds");
	else if (!facts->membarrier)
		check_is(result, CHECK_WARN,
			 "each record of a local publisher costs a full fence, "
			 "and readers that sleep look once a millisecond");
	else
		check_is(result, CHECK_OK, "");
}

/* In a file without a name, where segments are. */
static bool try_lock(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_len = 1};
	int fd = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	bool good;

	if (fd < 0) /* then check_dev_shm says why */
		return true;
	good = fcntl(fd, F_OFD_SETLK, &lock) == 0;
	(void)close(fd);
	return good;
}

void check_calls(const struct check_plan *plan, struct check_result *result)
{
	struct check_calls_facts facts = {.locks = try_lock()};
	int fd = pidfd_open(getpid(), 0);

	(void)plan;
	facts.pidfd = fd >= 0;
	if (fd >= 0)
		(void)close(fd);
	facts.membarrier = bc_sleepers_register() && bc_sleepers_heavy_fence();
	check_calls_judge(&facts, result);
}

/* ---- Clocks ------------------------------------------------------------ */

/* Heartbeats and times of publication are on CLOCK_MONOTONIC. */
void check_time_namespace(const struct check_plan *plan,
			  struct check_result *result)
{
	char line[128];
	long long seconds = 0, nanoseconds = 0;

	check_is(result, CHECK_OK, "");
	if (!check_line(plan->root, TIME_OFFSETS, line, sizeof(line))) {
		check_unknown(result, TIME_OFFSETS);
		return;
	}
	(void)sscanf(line, "monotonic %lld %lld", &seconds, &nanoseconds);
	if (seconds == 0 && nanoseconds == 0) {
		check_found(result, "the machine's clock");
		return;
	}
	check_found(result, "the clock is %lld s off the machine's", seconds);
	check_is(
		result, CHECK_WARN,
		"to processes outside of this time namespace, heartbeats and "
		"latencies are wrong by that: run all of them inside, or none");
}

void check_clock_judge(const char *source, double cost_ns,
		       struct check_result *result)
{
	check_found(result, "%.32s, %.0f ns a reading", source, cost_ns);
	check_is(result, CHECK_OK, "");
	if (cost_ns < 250)
		return;
	check_is(result, CHECK_WARN,
		 "each reading of the clock is a system call: records of local "
		 "publishers, and latencies, take that much longer");
	check_fix(result, "echo tsc >" CLOCK_NAME);
}

/* The least of several, so that others on the machine do not count. */
static double clock_cost_ns(void)
{
	double least = 1e9;

	for (unsigned round = 0; round < 16; round++) {
		uint64_t from = bc_monotonic_ns();

		for (unsigned i = 0; i < 255; i++)
			(void)bc_monotonic_ns();
		from = bc_monotonic_ns() - from;
		if ((double)from / 256 < least)
			least = (double)from / 256;
	}
	return least;
}

void check_clock(const struct check_plan *plan, struct check_result *result)
{
	char source[64];

	if (check_line(plan->root, CLOCK_NAME, source, sizeof(source)))
		check_clock_judge(source, clock_cost_ns(), result);
	else
		check_unknown(result, CLOCK_NAME);
}

/* ---- Processors -------------------------------------------------------- */

void check_processors_judge(const struct check_processors_facts *facts,
			    struct check_result *result)
{
	check_found(result, "%u of %u may be used", facts->usable,
		    facts->online);
	check_is(result, CHECK_OK, "");
	if (facts->barred) {
		check_is(result, CHECK_FAIL,
			 "not the one of --cpu: bcastd does not start");
		check_fix(result, "nproc");
		return;
	}
	if (facts->usable > 1)
		return;
	check_is(result, CHECK_OK,
		 "publisher, bcastd and readers take turns: leave out "
		 "--busy-poll and --egress-threads");
	if (!facts->busy_poll)
		return;
	check_is(result, CHECK_WARN,
		 "there is one CPU: what is waited for cannot run meanwhile");
	check_fix(result, "drop --busy-poll");
}

bool check_processors_read(const struct config *config,
			   struct check_processors_facts *facts)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t usable;

	if (sched_getaffinity(0, sizeof(usable), &usable) < 0)
		return false;
	*facts = (struct check_processors_facts){
		.online = online > 0 ? (unsigned)online : 0,
		.usable = (unsigned)CPU_COUNT(&usable),
		.busy_poll = config->busy_poll_us > 0,
		.barred = config->cpu >= 0 &&
			  !CPU_ISSET((unsigned)config->cpu, &usable),
	};
	return true;
}

void check_processors(const struct check_plan *plan,
		      struct check_result *result)
{
	struct check_processors_facts facts;

	if (check_processors_read(plan->config, &facts))
		check_processors_judge(&facts, result);
	else
		check_unknown(result, "the CPUs that may be used");
}

void check_governor(const struct check_plan *plan, struct check_result *result)
{
	char governor[64];

	check_is(result, CHECK_OK, "");
	if (!check_line(plan->root, GOVERNOR, governor, sizeof(governor))) {
		check_unknown(result,
			      GOVERNOR " (a virtual machine's host decides)");
		return;
	}
	check_found(result, "%.32s", governor);
	if (strcmp(governor, "performance") == 0)
		return;
	check_is(result, CHECK_WARN,
		 "a CPU that first has to speed up delays what comes after a "
		 "pause");
	check_fix(result,
		  "echo performance | tee /sys/devices/system/cpu/cpu*/cpufreq/"
		  "scaling_governor");
}
