/* SPDX-License-Identifier: MIT */
/* crew.c - see crew.h. */
#include "crew.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "processor.h"
#include "ticks.h"

#define READY_MS 10000
#define END_MS	 3000

static void nap_ms(long milliseconds)
{
	const struct timespec nap = {.tv_nsec = milliseconds * 1000000};

	(void)nanosleep(&nap, NULL);
}

struct crew *crew_create(void)
{
	struct crew *crew =
		mmap(NULL, sizeof(*crew), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return crew == MAP_FAILED ? NULL : crew;
}

void crew_destroy(struct crew *crew)
{
	(void)munmap(crew, sizeof(*crew));
}

int crew_start(struct crew *crew, int processor, crew_work *work, void *context)
{
	struct crew_member *member = &crew->members[crew->count];
	pid_t pid;

	if (crew->count == CREW_MAX)
		return -E2BIG;
	member->crew = crew;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)processor_pin(processor);
		if (crew->real_time)
			(void)processor_real_time(PROCESSOR_MEMBER);
		_exit(work(member, context) < 0 ? 1 : 0);
	}
	member->pid = pid;
	crew->count++;
	return 0;
}

/* Has it ended before its time? */
static bool gone(struct crew_member *member)
{
	if (member->pid == 0 || waitpid(member->pid, NULL, WNOHANG) == 0)
		return member->pid == 0;
	member->pid = 0;
	return true;
}

int crew_ready(struct crew *crew)
{
	for (unsigned i = 0; i < crew->count; i++) {
		struct crew_member *member = &crew->members[i];

		for (unsigned ms = 0; !atomic_load(&member->ready); ms++) {
			if (gone(member) || ms == READY_MS) {
				(void)fprintf(stderr, "member %u: %s\n", i,
					      member->error[0] != 0
						      ? member->error
						      : "did not get ready");
				return -EIO;
			}
			nap_ms(1);
		}
	}
	return 0;
}

void crew_go(struct crew *crew)
{
	atomic_store(&crew->going, true);
}

/* Reap one; true if it ended well. */
static bool reap(struct crew_member *member, uint64_t deadline_ns)
{
	int status = 0;
	pid_t pid;

	if (member->pid == 0)
		return false;
	for (;;) {
		pid = waitpid(member->pid, &status, WNOHANG);
		if (pid != 0 || ticks_clock_ns() >= deadline_ns)
			break;
		nap_ms(1);
	}
	if (pid == 0) {
		(void)kill(member->pid, SIGKILL);
		(void)waitpid(member->pid, &status, 0);
	}
	member->pid = 0;
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int crew_finish(struct crew *crew)
{
	const uint64_t deadline_ns =
		ticks_clock_ns() + (uint64_t)END_MS * 1000000;
	int ret = 0;

	atomic_store(&crew->over, true);
	/* Who has not begun yet must see that it is over. */
	atomic_store(&crew->going, true);
	for (unsigned i = 0; i < crew->count; i++) {
		struct crew_member *member = &crew->members[i];

		if (reap(member, deadline_ns) || ret < 0)
			continue;
		(void)fprintf(stderr, "member %u: %s\n", i,
			      member->error[0] != 0 ? member->error
						    : "did not end");
		ret = -EIO;
	}
	return ret;
}

uint64_t crew_waited_ns(const struct crew_member *member)
{
	unsigned long waited = 0;
	char path[64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/schedstat", member->pid);
	file = fopen(path, "re");
	if (file == NULL)
		return 0; /* a kernel without it */
	if (fscanf(file, "%*u %lu", &waited) != 1)
		waited = 0;
	(void)fclose(file);
	return waited;
}

bool crew_begin(struct crew_member *me)
{
	atomic_store(&me->ready, true);
	while (!atomic_load_explicit(&me->crew->going, memory_order_acquire))
		nap_ms(1);
	return !crew_over(me);
}

int crew_fail(struct crew_member *me, const char *what, const char *why)
{
	(void)snprintf(me->error, sizeof(me->error), "%s: %s", what, why);
	return -EIO;
}
