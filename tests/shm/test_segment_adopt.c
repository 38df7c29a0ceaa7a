/* SPDX-License-Identifier: MIT */
/*
 * test_segment_adopt.c - going on with a dead owner's segment: what stays, and
 * that the adopter may be killed at any instant. What is tidied up is in
 * test_segment_tidy.c, and what is not adopted in test_segment_refuse.c.
 */
#include "adopted.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "shm/clock.h"
#include "shm/counters.h"
#include "shm/facts.h"
#include "shm/peers.h"
#include "shm/text.h"

/* ---- What stays -------------------------------------------------------- */

static void stream_goes_on_where_it_stood(void **state)
{
	const struct bc_control_shm *control;
	uint64_t epoch = adopted_stream.segment.control->identity.epoch;
	struct bcast_reader *reader;

	(void)state;
	test_stream_write(&adopted_stream, 1000);
	adopted_die();

	adopted_adopt();

	control = adopted_stream.segment.control;
	assert_int_equal(control->identity.epoch, epoch);
	assert_int_equal(control->head.tail, 1000);
	assert_int_equal(control->owner.incarnation, 2);
	assert_int_equal(control->owner.state, BC_STATE_STARTING);
	assert_int_equal(control->owner.pid, getpid());
	assert_int_equal(control->owner.lock_offset, BC_OWNER_LOCK_BASE + 2);
	/* our own handle does not see our own lock */
	reader = adopted_attach(BCAST_FROM_LIVE);
	assert_int_equal(bcast_writer_alive(reader), 1);
	bcast_detach(reader);
}

static void attached_reader_reads_on_in_the_same_mapping(void **state)
{
	struct bcast_reader *reader = adopted_attach(BCAST_FROM_LIVE);

	(void)state;
	for (unsigned life = 0; life < 10; life++) {
		test_stream_write(&adopted_stream, TEST_CAPACITY / 4);
		adopted_die();
		assert_int_equal(bcast_writer_alive(reader), 0);
		adopted_adopt();
		assert_int_equal(bcast_writer_alive(reader), 1);
		assert_int_equal(bcast_wait(reader, 0), 1);
		adopted_read_all(reader);
		test_stream_write(&adopted_stream, 1234);
		adopted_read_all(reader);
	}
	assert_int_equal(bcast_loss(reader).laps, 0);
	bcast_detach(reader);
}

static void reader_that_was_told_of_the_death_may_go_on(void **state)
{
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;
	struct bcast_reader *reader;

	(void)state;
	options.gone_after_ms = 0;
	assert_int_equal(bcast_attach(adopted_stream.name, &options, &reader),
			 0);
	test_stream_write(&adopted_stream, 100);
	adopted_read_all(reader);
	adopted_die();
	assert_int_equal(bcast_wait(reader, DEADLINE_MS), BCAST_EABANDONED);

	adopted_adopt();

	assert_int_equal(bcast_wait(reader, 0), 0);
	test_stream_write(&adopted_stream, 100);
	assert_int_equal(bcast_wait(reader, 0), 1);
	adopted_read_all(reader);
	bcast_detach(reader);
}

static void oldest_byte_in_the_ring_stays(void **state)
{
	struct bcast_reader *reader;

	(void)state;
	test_stream_write(&adopted_stream, TEST_CAPACITY);
	test_stream_write(&adopted_stream, 100);
	adopted_die();

	adopted_adopt();

	reader = adopted_attach(BCAST_FROM_OLDEST);
	assert_int_equal(bcast_position(reader), 100);
	adopted_read_all(reader);
	bcast_detach(reader);
}

static void draining_owner_s_stream_is_adopted_too(void **state)
{
	(void)state;
	bc_segment_set_state(&adopted_stream.segment, BC_STATE_DRAINING);
	atomic_store(&adopted_stream.segment.control->owner.ended_realtime_ns,
		     1);
	atomic_store(&adopted_stream.segment.control->owner.end_reason,
		     SIGTERM);
	adopted_die();

	adopted_adopt();

	assert_int_equal(
		adopted_stream.segment.control->owner.ended_realtime_ns, 0);
	assert_int_equal(adopted_stream.segment.control->owner.end_reason, 0);
}

static void configured_mode_is_applied(void **state)
{
	struct bc_segment_config config =
		test_stream_config(adopted_stream.name);
	struct stat status;
	const char *reason;

	(void)state;
	adopted_die();
	config.mode = 0604;

	assert_int_equal(
		bc_segment_adopt(&adopted_stream.segment, &config, &reason), 0);

	assert_int_equal(fstat(adopted_stream.segment.fd, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0604);
}

/* ---- What was half done ------------------------------------------------ */

static void bytes_reserved_and_not_published_are_nobody_s(void **state)
{
	struct bcast_reader *reader = adopted_attach(BCAST_FROM_LIVE);
	struct bcast_reader *late;

	(void)state;
	test_stream_write(&adopted_stream, TEST_CAPACITY);
	adopted_read_all(reader);
	memset(bc_ring_reserve(&adopted_stream.segment.ring, 5000), 0xee, 5000);
	adopted_die();

	adopted_adopt();

	assert_int_equal(bcast_wait(reader, 0), 0);
	late = adopted_attach(BCAST_FROM_OLDEST);
	assert_int_equal(bcast_position(late), 5000);
	adopted_read_all(late);
	/* less than was reserved, then more */
	test_stream_write(&adopted_stream, 100);
	adopted_read_all(reader);
	adopted_read_all(late);
	test_stream_write(&adopted_stream, 8000);
	adopted_read_all(reader);
	adopted_read_all(late);
	assert_int_equal(bcast_loss(reader).laps + bcast_loss(late).laps, 0);
	bcast_detach(reader);
	bcast_detach(late);
}

/* ---- kill -9 at any instant -------------------------------------------- */

#define KILLS	   100
#define FORKS_MAX  2000
#define PEERS_OPEN 3

/* Shared with the child that adopts. */
struct progress {
	_Atomic int begun, done;
};

static void adopt_and_tell(struct progress *progress)
{
	const struct bc_segment_config config =
		test_stream_config(adopted_stream.name);
	const char *reason;
	int ret;

	atomic_store(&progress->begun, 1);
	ret = bc_segment_adopt(&adopted_stream.segment, &config, &reason);
	atomic_store(&progress->done, 1);
	_exit(ret != 0);
}

/* Returns whether it was killed while it adopted. */
static bool kill_an_adopter(struct progress *progress, uint64_t after_ns)
{
	uint64_t deadline_ms = test_now_ms() + DEADLINE_MS;
	uint64_t until_ns;
	int status;
	pid_t pid;

	atomic_store(&progress->begun, 0);
	atomic_store(&progress->done, 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		adopt_and_tell(progress);
	while (!atomic_load(&progress->begun) && test_now_ms() < deadline_ms)
		sched_yield();
	until_ns = bc_monotonic_ns() + after_ns;
	while (bc_monotonic_ns() < until_ns)
		;
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!atomic_load(&progress->done))
		return true;
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	return false;
}

static void killed_adopter_leaves_what_can_be_adopted(void **state)
{
	struct progress *progress =
		mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct bcast_reader *reader = adopted_attach(BCAST_FROM_LIVE);
	uint64_t epoch = bcast_epoch(reader);
	unsigned kills = 0, forks = 0;

	(void)state;
	assert_true(progress != MAP_FAILED);
	test_stream_write(&adopted_stream, TEST_CAPACITY);
	bc_counter_add(adopted_counters(), BC_COUNTER_bytes_in, 77);
	(void)bc_facts_set(&adopted_stream.segment, "key", "value");
	for (uint32_t i = 0; i < PEERS_OPEN; i++)
		adopted_open_peer(i, "10.0.0.2:2");
	adopted_die();

	for (; kills < KILLS && forks < FORKS_MAX; forks++) {
		/* sooner and sooner, should the adopter be quicker than us */
		uint64_t limit_ns = 1 + 1000000u / (1 + forks / KILLS);

		kills += kill_an_adopter(progress,
					 (uint64_t)random() % limit_ns);
		assert_true(bcast_wait(reader, 0) >= 0);
	}

	printf("killed in the middle: %u of %u\n", kills, forks);
	assert_true(kills > 0);
	adopted_adopt();
	assert_int_equal(adopted_stream.segment.control->identity.epoch, epoch);
	assert_int_equal(
		bc_counter_get(adopted_counters(), BC_COUNTER_bytes_in), 77);
	assert_string_equal(adopted_closed_list(), "10.0.0.2:2 daemon_died\n"
						   "10.0.0.2:2 daemon_died\n"
						   "10.0.0.2:2 daemon_died\n");
	adopted_read_all(reader);
	test_stream_write(&adopted_stream, 1000);
	adopted_read_all(reader);
	bcast_detach(reader);
	(void)munmap(progress, sizeof(*progress));
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, adopted_prepare, adopted_leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(stream_goes_on_where_it_stood),
		TEST(attached_reader_reads_on_in_the_same_mapping),
		TEST(reader_that_was_told_of_the_death_may_go_on),
		TEST(oldest_byte_in_the_ring_stays),
		TEST(draining_owner_s_stream_is_adopted_too),
		TEST(configured_mode_is_applied),
		TEST(bytes_reserved_and_not_published_are_nobody_s),
		TEST(killed_adopter_leaves_what_can_be_adopted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
