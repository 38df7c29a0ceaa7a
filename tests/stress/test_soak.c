/* SPDX-License-Identifier: MIT */
/*
 * A day in miniature: receivers join, stall, vanish, reset and talk, senders
 * come, change and break off, a local process publishes between them, local
 * readers attach and are killed; all at once, for BCAST_SOAK_SECONDS (15; the
 * long run is 600), half of them with egress threads. Every byte that anybody
 * gets is checked by its position, and the daemon stays as it was: the memory
 * and descriptors that it has after the first quarter are those it has at the
 * end, and when all have left it has the descriptors that it began with.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "soak_roles.h"

#define RECEIVERS      6u
#define READERS	       3u
#define TESTS	       2u
#define DEFAULT_S      15u
#define LOOK_MS	       100
#define SHOW_MS	       15000u
#define ANON_BYTES_MAX ((int64_t)512 << 10) /* may come on top of the warm */
#define RSS_BYTES_MAX  ((int64_t)2 << 20)

static struct soak soak;

/* What the daemon holds. */
struct look {
	unsigned descriptors;
	int64_t anon_bytes, rss_bytes;
};

static int64_t status_bytes(const char *field)
{
	char path[64], line[256];
	const size_t size = strlen(field);
	long kib = -1;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%ld/status",
		       (long)soak.daemon.pid);
	file = fopen(path, "re");
	assert_non_null(file);
	while (kib < 0 && fgets(line, sizeof(line), file))
		if (strncmp(line, field, size) == 0)
			kib = strtol(line + size, NULL, 10);
	(void)fclose(file);
	assert_true(kib >= 0);
	return (int64_t)kib * 1024;
}

static struct look look(void)
{
	return (struct look){
		.descriptors = daemon_fixture_descriptors(&soak.daemon),
		.anon_bytes = status_bytes("RssAnon:"),
		.rss_bytes = status_bytes("VmRSS:"),
	};
}

static void keep_largest(struct look *largest, const struct look *now)
{
	if (now->descriptors > largest->descriptors)
		largest->descriptors = now->descriptors;
	if (now->anon_bytes > largest->anon_bytes)
		largest->anon_bytes = now->anon_bytes;
	if (now->rss_bytes > largest->rss_bytes)
		largest->rss_bytes = now->rss_bytes;
}

static void show(const char *when, const struct look *now)
{
	print_message(
		"%s: %.1f GiB checked, %llu visits, %llu floods, %llu resets, "
		"%llu stalls (%llu dropped), %llu talked, %llu senders (%llu "
		"broken), %llu publishers; %u descriptors, %lld KiB anonymous, "
		"%lld KiB in all\n",
		when, (double)soak.checked / (double)(1u << 30),
		(unsigned long long)soak.visits,
		(unsigned long long)soak.floods,
		(unsigned long long)soak.resets,
		(unsigned long long)soak.stalls,
		(unsigned long long)soak.dropped,
		(unsigned long long)soak.garbage,
		(unsigned long long)soak.senders,
		(unsigned long long)soak.broken_senders,
		(unsigned long long)soak.publishers, now->descriptors,
		(long long)(now->anon_bytes >> 10),
		(long long)(now->rss_bytes >> 10));
}

/* ---- Local readers come and are killed --------------------------------- */

static void change_readers(struct test_child readers[READERS],
			   struct soak_role roles[READERS])
{
	static unsigned turn;
	const unsigned which = turn++ % READERS;

	if (readers[which].pid > 0) {
		/* had it found a wrong byte, it would be gone */
		assert_int_equal(waitpid(readers[which].pid, NULL, WNOHANG), 0);
		test_kill(&readers[which]);
	}
	roles[which] = (struct soak_role){.soak = &soak, .number = turn};
	readers[which] = test_fork(soak_reader, &roles[which]);
}

/* ---- All of it --------------------------------------------------------- */

static unsigned long seconds(void)
{
	const char *text = getenv("BCAST_SOAK_SECONDS");

	return text ? strtoul(text, NULL, 10) : DEFAULT_S;
}

static pthread_t start(void *(*what)(void *), struct soak_role *role)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, what, role), 0);
	return thread;
}

static void open_soak(const char *egress_threads)
{
	const char *options[] = {
		"--ring-size",	   "32M",      "--ingest",
		"127.0.0.1:0",	   "--egress", "127.0.0.1:0",
		"--max-receivers", "256",      "--egress-threads",
		egress_threads,	   NULL};

	memset(&soak, 0, sizeof(soak));
	daemon_fixture_start(&soak.daemon, options);
	soak.seed = (uint64_t)soak.daemon.pid;
	soak.ingest_port = daemon_fixture_port(&soak.daemon, "ingest");
	soak.egress_port = daemon_fixture_port(&soak.daemon, "egress");
}

/* Look on until the time is up. What it holds at most, warm and later. */
static void look_on(struct look *warm, struct look *later)
{
	const uint64_t start_ms = test_now_ms();
	const uint64_t length_ms = seconds() * 1000 / TESTS;
	const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};
	struct test_child readers[READERS] = {0};
	struct soak_role roles[READERS];
	uint64_t shown_ms = 0, now_ms;

	while ((now_ms = test_now_ms() - start_ms) < length_ms) {
		struct look now = look();

		keep_largest(now_ms < length_ms / 4 ? warm : later, &now);
		change_readers(readers, roles);
		if (now_ms - shown_ms >= SHOW_MS) {
			show("so far", &now);
			shown_ms = now_ms;
		}
		(void)nanosleep(&pause, NULL);
	}
	for (unsigned i = 0; i < READERS; i++) {
		if (readers[i].pid <= 0)
			continue;
		assert_int_equal(waitpid(readers[i].pid, NULL, WNOHANG), 0);
		test_kill(&readers[i]);
	}
}

static bool all_is_as_at_start(void *argument)
{
	const struct look *baseline = argument;

	/* at first it may have had one open for an instant: src/name_watch.c */
	return look().descriptors <= baseline->descriptors;
}

/* Else nobody could say what was left. */
static void assert_descriptors_are_back(const struct look *baseline)
{
	struct look at_first = *baseline;
	char command[128];

	if (test_within(DEADLINE_MS, all_is_as_at_start, &at_first))
		return;
	(void)snprintf(command, sizeof(command), "ls -l /proc/%ld/fd >&2",
		       (long)soak.daemon.pid);
	(void)!system(command);
	fail_msg("%u descriptors, %u at first", look().descriptors,
		 baseline->descriptors);
}

static void day_of_churn(const char *egress_threads)
{
	struct soak_role roles[RECEIVERS + 1];
	pthread_t threads[RECEIVERS + 1];
	struct look baseline, warm = {0}, later = {0}, end;

	open_soak(egress_threads);
	baseline = look();
	for (unsigned i = 0; i <= RECEIVERS; i++)
		roles[i] = (struct soak_role){.soak = &soak, .number = i};
	threads[RECEIVERS] = start(soak_senders, &roles[RECEIVERS]);
	for (unsigned i = 0; i < RECEIVERS; i++)
		threads[i] = start(soak_receivers, &roles[i]);

	look_on(&warm, &later);
	atomic_store(&soak.stop, true);
	for (unsigned i = 0; i <= RECEIVERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);

	daemon_fixture_await(&soak.daemon, "receivers", 0);
	daemon_fixture_await(&soak.daemon, "senders", 0);
	daemon_fixture_await(&soak.daemon, "nodes", 0);
	assert_descriptors_are_back(&baseline);
	end = look();
	show("at the end", &end);
	assert_true(soak.checked > 0);
	assert_true(soak.broken_senders > 0 && soak.resets > 0);
	if (!TEST_SANITIZED) {
		assert_in_range(later.anon_bytes, 0,
				warm.anon_bytes + ANON_BYTES_MAX);
		assert_in_range(later.rss_bytes, 0,
				warm.rss_bytes + RSS_BYTES_MAX);
		assert_in_range(end.rss_bytes, 0,
				warm.rss_bytes + RSS_BYTES_MAX);
	}
	assert_int_equal(
		daemon_fixture_counter(&soak.daemon, "receivers_joined"),
		daemon_fixture_counter(&soak.daemon, "receivers_left") +
			daemon_fixture_counter(&soak.daemon,
					       "receivers_dropped"));
	daemon_fixture_stop(&soak.daemon);
}

static void after_a_day_of_churn_the_daemon_is_as_it_was(void **state)
{
	(void)state;
	day_of_churn("0");
}

static void with_egress_threads_it_is_too(void **state)
{
	(void)state;
	day_of_churn("2");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, daemon_fixture_cleanup)
	const struct CMUnitTest tests[TESTS] = {
		TEST(after_a_day_of_churn_the_daemon_is_as_it_was),
		TEST(with_egress_threads_it_is_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
