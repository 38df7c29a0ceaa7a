/* SPDX-License-Identifier: MIT */
/*
 * resume.c - how long until it goes on: a server, a publisher and a subscriber,
 * one of whom is killed again and again, and started again at once.
 *
 * Measured from the SIGKILL to when the subscriber has a message that was
 * published after it. So it contains the start of the new process, its
 * connecting, and whatever the others need to notice. Numbers tell what was
 * lost or came twice. The server's command line comes last, behind `--`.
 */
#include "resume.h"

#include "clock.h"
#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILLS_MAX  1000u
#define DEADLINE_S 20.0

enum who {
	SERVER,
	PUBLISHER,
	SUBSCRIBER,
	ALL
};

static const char *const names[ALL] = {"server", "publisher", "subscriber"};

struct run {
	struct resume_options options;
	char **server; /* its command line */
	enum who victim;
	unsigned kills;
	double settle_s; /* between a recovery and the next kill */
	pid_t pids[ALL];
};

void resume_note(struct resume_shared *shared,
		 const struct resume_message *message)
{
	uint64_t last = atomic_load(&shared->number);

	if (message->number <= last) {
		atomic_fetch_add(&shared->doubled, 1);
		return;
	}
	/* what was published before the first one came was not meant for it */
	if (last > 0)
		atomic_fetch_add(&shared->lost, message->number - last - 1);
	atomic_store(&shared->number, message->number);
	atomic_store(&shared->seen_ns, (uint64_t)(now_s() * 1e9));
	atomic_store(&shared->sent_ns, message->sent_ns);
}

/* ---- Processes --------------------------------------------------------- */

static void become_server(const struct run *run)
{
	int null = open("/dev/null", O_RDWR);

	(void)dup2(null, STDOUT_FILENO);
	(void)dup2(null, STDERR_FILENO);
	(void)execvp(run->server[0], run->server);
}

static void become(const struct run *run, enum who who)
{
	bool bcast = strcmp(run->options.protocol, "bcast") == 0;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (who == SERVER)
		become_server(run);
	else if (who == PUBLISHER && bcast)
		resume_publish(&run->options);
	else if (who == PUBLISHER)
		resume_publish_peer(&run->options);
	else if (bcast)
		resume_subscribe(&run->options);
	else
		resume_subscribe_peer(&run->options);
	_exit(1);
}

static void start(struct run *run, enum who who)
{
	run->pids[who] = fork();
	if (run->pids[who] == 0)
		become(run, who);
}

static void end(struct run *run, enum who who)
{
	(void)kill(run->pids[who], SIGKILL);
	(void)waitpid(run->pids[who], NULL, 0);
}

/* ---- Kills ------------------------------------------------------------- */

/* Until the subscriber has what was sent after then: when, or 0. */
static uint64_t await_message_after(const struct run *run, uint64_t then_ns)
{
	const struct resume_shared *shared = run->options.shared;
	const double deadline = now_s() + DEADLINE_S;

	while (now_s() < deadline) {
		if (atomic_load(&shared->sent_ns) > then_ns)
			return atomic_load(&shared->seen_ns);
		if (atomic_load(&shared->failed) != 0)
			return 0;
		pause_ns(50000);
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void print(const struct run *run, uint64_t *taken_ns, unsigned count)
{
	const struct resume_shared *shared = run->options.shared;

	qsort(taken_ns, count, sizeof(*taken_ns), compare);
	(void)printf("{\"protocol\": \"%s\", \"victim\": \"%s\", "
		     "\"kills\": %u, \"of\": %u, ",
		     run->options.protocol, names[run->victim], count,
		     run->kills);
	if (count > 0)
		(void)printf("\"p50_ms\": %.2f, \"p90_ms\": %.2f, "
			     "\"max_ms\": %.2f, ",
			     (double)taken_ns[count / 2] / 1e6,
			     (double)taken_ns[count * 9 / 10] / 1e6,
			     (double)taken_ns[count - 1] / 1e6);
	(void)printf("\"messages\": %llu, \"lost\": %llu, \"doubled\": %llu, "
		     "\"failed\": %d}\n",
		     (unsigned long long)atomic_load(&shared->number),
		     (unsigned long long)atomic_load(&shared->lost),
		     (unsigned long long)atomic_load(&shared->doubled),
		     atomic_load(&shared->failed));
}

static int measure(struct run *run)
{
	static uint64_t taken_ns[KILLS_MAX];
	unsigned count = 0;

	if (await_message_after(run, 1) == 0)
		return -ETIMEDOUT;
	for (unsigned i = 0; i < run->kills; i++) {
		uint64_t then_ns, seen_ns;

		pause_ns((long)(run->settle_s * 1e9));
		then_ns = (uint64_t)(now_s() * 1e9);
		end(run, run->victim);
		start(run, run->victim);
		seen_ns = await_message_after(run, then_ns);
		if (seen_ns == 0)
			break;
		taken_ns[count++] = seen_ns - then_ns;
	}
	print(run, taken_ns, count);
	return count == run->kills ? 0 : -ETIMEDOUT;
}

/* ------------------------------------------------------------------------ */

static const char usage_text[] =
	"usage: bench_resume --address A [options] -- SERVER [ARGUMENT...]\n"
	"  --protocol bcast|redis|nats  (bcast: A is of bcast_open())\n"
	"  --victim server|publisher|subscriber  (server)\n"
	"  --kills N                    1..1000 (20)\n"
	"  --pause US                   between two messages (200)\n"
	"Prints one line of JSON.\n";

static const struct option option_table[] = {
	{"address", required_argument, NULL, 'a'},
	{"protocol", required_argument, NULL, 'p'},
	{"victim", required_argument, NULL, 'v'},
	{"kills", required_argument, NULL, 'k'},
	{"pause", required_argument, NULL, 'u'},
	{NULL, 0, NULL, 0},
};

static enum who find_who(const char *name)
{
	unsigned who = 0;

	while (who < ALL && strcmp(names[who], name) != 0)
		who++;
	return (enum who)who;
}

static bool set_option(struct run *run, int letter, const char *value)
{
	switch (letter) {
	case 'a':
		run->options.address = value;
		return true;
	case 'p':
		run->options.protocol = value;
		return true;
	case 'v':
		run->victim = find_who(value);
		return run->victim < ALL;
	case 'k':
		run->kills = (unsigned)strtoul(value, NULL, 10);
		return run->kills >= 1 && run->kills <= KILLS_MAX;
	case 'u':
		run->options.pause_us = (uint32_t)strtoul(value, NULL, 10);
		return true;
	default:
		return false;
	}
}

static int set_up(struct run *run)
{
	run->options.shared =
		mmap(NULL, sizeof(*run->options.shared), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (run->options.shared == MAP_FAILED)
		return -errno;
	if (getrandom(&run->options.publisher_id, sizeof(uint64_t), 0) !=
	    (ssize_t)sizeof(uint64_t))
		return -EIO;
	start(run, SERVER);
	start(run, SUBSCRIBER);
	start(run, PUBLISHER);
	return 0;
}

int main(int argc, char **argv)
{
	struct run run = {
		.options = {.protocol = "bcast", .pause_us = 200},
		.kills = 20,
		/* a client that breaks again within a second is patient */
		.settle_s = 1.2,
	};
	bool good = true;
	int letter, ret;

	while ((letter = getopt_long(argc, argv, "", option_table, NULL)) != -1)
		good = set_option(&run, letter, optarg) && good;
	run.server = argv + optind;
	if (!good || run.options.address == NULL || optind == argc) {
		(void)fputs(usage_text, stderr);
		return 64;
	}
	ret = set_up(&run);
	if (ret == 0)
		ret = measure(&run);
	end(&run, PUBLISHER);
	end(&run, SUBSCRIBER);
	end(&run, SERVER);
	if (ret < 0)
		(void)fprintf(stderr, "bench_resume: %s\n", strerror(-ret));
	return ret < 0 ? 1 : 0;
}
