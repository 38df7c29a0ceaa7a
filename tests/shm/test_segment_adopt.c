/* SPDX-License-Identifier: MIT */
/*
 * test_segment_adopt.c - going on with a dead owner's segment: what stays, what
 * is tidied up, and that it may be killed at any instant. What is not adopted
 * is in test_segment_refuse.c.
 */
#include "stream.h"

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

static struct test_stream stream;

/* ---- A death, and the life after it ------------------------------------ */

static int prepare(void **state)
{
	(void)state;
	return test_stream_open(&stream, test_name());
}

static int leave(void **state)
{
	(void)state;
	if (stream.segment.control)
		test_stream_close(&stream);
	test_stream_erase(stream.name);
	bc_name_lock_drop(&stream.lock);
	return 0;
}

/* The kernel takes the mappings and the lock, as with kill -9. */
static void die(void)
{
	bc_segment_close(&stream.segment);
}

static void adopt(void)
{
	const struct bc_segment_config config = test_stream_config(stream.name);
	const char *reason = "none";

	if (bc_segment_adopt(&stream.segment, &config, &reason) != 0)
		fail_msg("not adopted: %s", reason);
}

static struct bcast_reader *attach(enum bcast_from from)
{
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;
	struct bcast_reader *reader;

	options.from = from;
	assert_int_equal(bcast_attach(stream.name, &options, &reader), 0);
	return reader;
}

/* Read to the tail, every byte by its position. */
static void read_all(struct bcast_reader *reader)
{
	static unsigned char bytes[TEST_CAPACITY];
	uint64_t at = bcast_position(reader);
	int64_t n;

	while ((n = bcast_read(reader, bytes, sizeof(bytes))) > 0) {
		assert_int_equal(
			test_pattern_check(TEST_SEED, at, bytes, (size_t)n),
			-1);
		at += (uint64_t)n;
	}
	assert_int_equal(n, 0);
	assert_int_equal(at, bc_ring_tail(&stream.segment.ring));
}

static struct bc_counter_shm *counters(void)
{
	return (struct bc_counter_shm *)(void *)stream.segment
		.regions[BC_REGION_COUNTERS]
		.base;
}

/* ---- What stays -------------------------------------------------------- */

static void stream_goes_on_where_it_stood(void **state)
{
	const struct bc_control_shm *control;
	uint64_t epoch = stream.segment.control->identity.epoch;
	struct bcast_reader *reader;

	(void)state;
	test_stream_write(&stream, 1000);
	die();

	adopt();

	control = stream.segment.control;
	assert_int_equal(control->identity.epoch, epoch);
	assert_int_equal(control->head.tail, 1000);
	assert_int_equal(control->owner.incarnation, 2);
	assert_int_equal(control->owner.state, BC_STATE_STARTING);
	assert_int_equal(control->owner.pid, getpid());
	assert_int_equal(control->owner.lock_offset, BC_OWNER_LOCK_BASE + 2);
	/* our own handle does not see our own lock */
	reader = attach(BCAST_FROM_LIVE);
	assert_int_equal(bcast_writer_alive(reader), 1);
	bcast_detach(reader);
}

static void attached_reader_reads_on_in_the_same_mapping(void **state)
{
	struct bcast_reader *reader = attach(BCAST_FROM_LIVE);

	(void)state;
	for (unsigned life = 0; life < 10; life++) {
		test_stream_write(&stream, TEST_CAPACITY / 4);
		die();
		assert_int_equal(bcast_writer_alive(reader), 0);
		adopt();
		assert_int_equal(bcast_writer_alive(reader), 1);
		assert_int_equal(bcast_wait(reader, 0), 1);
		read_all(reader);
		test_stream_write(&stream, 1234);
		read_all(reader);
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
	assert_int_equal(bcast_attach(stream.name, &options, &reader), 0);
	test_stream_write(&stream, 100);
	read_all(reader);
	die();
	assert_int_equal(bcast_wait(reader, DEADLINE_MS), BCAST_EABANDONED);

	adopt();

	assert_int_equal(bcast_wait(reader, 0), 0);
	test_stream_write(&stream, 100);
	assert_int_equal(bcast_wait(reader, 0), 1);
	read_all(reader);
	bcast_detach(reader);
}

static void oldest_byte_in_the_ring_stays(void **state)
{
	struct bcast_reader *reader;

	(void)state;
	test_stream_write(&stream, TEST_CAPACITY);
	test_stream_write(&stream, 100);
	die();

	adopt();

	reader = attach(BCAST_FROM_OLDEST);
	assert_int_equal(bcast_position(reader), 100);
	read_all(reader);
	bcast_detach(reader);
}

static void draining_owner_s_stream_is_adopted_too(void **state)
{
	(void)state;
	bc_segment_set_state(&stream.segment, BC_STATE_DRAINING);
	atomic_store(&stream.segment.control->owner.ended_realtime_ns, 1);
	atomic_store(&stream.segment.control->owner.end_reason, SIGTERM);
	die();

	adopt();

	assert_int_equal(stream.segment.control->owner.ended_realtime_ns, 0);
	assert_int_equal(stream.segment.control->owner.end_reason, 0);
}

static void configured_mode_is_applied(void **state)
{
	struct bc_segment_config config = test_stream_config(stream.name);
	struct stat status;
	const char *reason;

	(void)state;
	die();
	config.mode = 0604;

	assert_int_equal(bc_segment_adopt(&stream.segment, &config, &reason),
			 0);

	assert_int_equal(fstat(stream.segment.fd, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0604);
}

/* ---- What was half done ------------------------------------------------ */

static void bytes_reserved_and_not_published_are_nobody_s(void **state)
{
	struct bcast_reader *reader = attach(BCAST_FROM_LIVE);
	struct bcast_reader *late;

	(void)state;
	test_stream_write(&stream, TEST_CAPACITY);
	read_all(reader);
	memset(bc_ring_reserve(&stream.segment.ring, 5000), 0xee, 5000);
	die();

	adopt();

	assert_int_equal(bcast_wait(reader, 0), 0);
	late = attach(BCAST_FROM_OLDEST);
	assert_int_equal(bcast_position(late), 5000);
	read_all(late);
	/* less than was reserved, then more */
	test_stream_write(&stream, 100);
	read_all(reader);
	read_all(late);
	test_stream_write(&stream, 8000);
	read_all(reader);
	read_all(late);
	assert_int_equal(bcast_loss(reader).laps + bcast_loss(late).laps, 0);
	bcast_detach(reader);
	bcast_detach(late);
}

static void publication_that_woke_nobody_is_announced(void **state)
{
	struct bc_head_shm *head = &stream.segment.control->head;
	uint32_t count = atomic_load(&head->publish_count);

	(void)state;
	atomic_store(&head->reserved, 10);
	atomic_store(&head->tail, 10);
	die();

	adopt();

	assert_int_not_equal(stream.segment.control->head.publish_count, count);
}

static void half_said_fact_is_forgotten_with_the_others(void **state)
{
	struct bc_fact_shm *fact = (struct bc_fact_shm *)(void *)stream.segment
					   .regions[BC_REGION_FACTS]
					   .base;
	struct bcast_monitor *monitor;
	struct bcast_fact found;
	uint32_t next = 0;

	(void)state;
	(void)bc_facts_set(&stream.segment, "old", "one");
	(void)bc_facts_set(&stream.segment, "torn", "two");
	bc_text_begin(&fact[1].sequence);
	die();

	adopt();

	assert_int_equal(bcast_monitor_open(stream.name, &monitor), 0);
	assert_int_equal(bcast_monitor_fact(monitor, &next, &found), 0);
	(void)bc_facts_set(&stream.segment, "new", "three");
	next = 0;
	assert_int_equal(bcast_monitor_fact(monitor, &next, &found), 1);
	assert_string_equal(found.key, "new");
	assert_int_equal(bcast_monitor_fact(monitor, &next, &found), 0);
	bcast_monitor_close(monitor);
}

static void open_peer(uint32_t slot, const char *peer)
{
	struct bc_peer_shm *entry = bc_peers_slot(&stream.segment, slot);
	const struct bc_peer_opening opening = {
		.role = BCAST_ROLE_RECEIVER,
		.peer = peer,
		.local = "127.0.0.1:1",
		.position = bc_ring_tail(&stream.segment.ring),
		.now_ns = bc_monotonic_ns(),
	};

	bc_peers_open(entry, &opening);
}

static void remember(const char *peer, uint64_t connected_realtime_ns)
{
	bc_peers_remember(
		&stream.segment,
		&(struct bc_peer_closing){
			.role = BCAST_ROLE_RECEIVER,
			.reason = BCAST_CLOSE_PEER,
			.peer = peer,
			.connected_realtime_ns = connected_realtime_ns,
		});
}

/* Reasons of all that were remembered, newest first, as "peer reason\n". */
static const char *closed_list(void)
{
	static char list[4096];
	struct bcast_monitor *monitor;
	struct bcast_closed_info info;
	uint32_t next = 0;
	size_t used = 0;

	list[0] = '\0';
	assert_int_equal(bcast_monitor_open(stream.name, &monitor), 0);
	while (bcast_monitor_closed(monitor, &next, &info) == 1)
		used += (size_t)snprintf(list + used, sizeof(list) - used,
					 "%s %s\n", info.peer,
					 bcast_close_reason_name(info.reason));
	bcast_monitor_close(monitor);
	return list;
}

static void connections_of_the_dead_are_remembered_as_closed(void **state)
{
	struct bcast_closed_info info;
	struct bcast_monitor *monitor;
	struct bcast_peer_info peer;
	uint32_t next = 0;

	(void)state;
	remember("10.0.0.1:1", 1);
	open_peer(0, "10.0.0.2:2");
	open_peer(7, "10.0.0.3:3");
	test_stream_write(&stream, 500);
	die();

	adopt();

	assert_string_equal(closed_list(), "10.0.0.3:3 daemon_died\n"
					   "10.0.0.2:2 daemon_died\n"
					   "10.0.0.1:1 closed_by_peer\n");
	assert_int_equal(stream.segment.closed_count, 3);
	assert_int_equal(bcast_monitor_open(stream.name, &monitor), 0);
	assert_int_equal(bcast_monitor_peer(monitor, &next, &peer), 0);
	next = 0;
	assert_int_equal(bcast_monitor_closed(monitor, &next, &info), 1);
	assert_int_equal(info.lag, 500);
	assert_int_equal(info.cursor, 0);
	bcast_monitor_close(monitor);
}

static void one_that_was_just_remembered_is_not_so_twice(void **state)
{
	(void)state;
	open_peer(3, "10.0.0.2:2");
	remember("10.0.0.2:2",
		 bc_peers_slot(&stream.segment, 3)->connected_realtime_ns);
	die();

	adopt();

	assert_string_equal(closed_list(), "10.0.0.2:2 closed_by_peer\n");
	assert_int_equal(bc_peers_slot(&stream.segment, 3)->role, 0);
}

static void half_written_memory_is_written_over(void **state)
{
	struct bc_closed_shm *closed =
		(struct bc_closed_shm *)(void *)stream.segment
			.regions[BC_REGION_CLOSED]
			.base;

	(void)state;
	for (unsigned i = 0; i < BC_CLOSED_SLOTS + 5; i++)
		remember("10.0.0.1:1", 1);
	bc_text_begin(&closed[5].sequence);
	closed[5].number = BC_CLOSED_SLOTS + 5;
	/* and one that damage has numbered */
	closed[9].number = UINT64_MAX - 1;
	open_peer(0, "10.0.0.2:2");
	die();

	adopt();

	assert_int_equal(stream.segment.closed_count, BC_CLOSED_SLOTS + 6);
	assert_int_equal(closed[5].number, BC_CLOSED_SLOTS + 5);
	assert_int_equal(closed[5].sequence % 2, 0);
	assert_int_equal(closed[5].reason, BCAST_CLOSE_DAEMON_DIED);
}

static void counters_go_on_and_gauges_begin_anew(void **state)
{
	(void)state;
	bc_counter_add(counters(), BC_COUNTER_bytes_in, 77);
	bc_counter_set(counters(), BC_COUNTER_receivers, 3);
	die();

	adopt();

	assert_int_equal(bc_counter_get(counters(), BC_COUNTER_bytes_in), 77);
	assert_int_equal(bc_counter_get(counters(), BC_COUNTER_receivers), 0);
}

static void counters_of_another_build_begin_anew(void **state)
{
	struct bc_counter_shm *table = counters();

	(void)state;
	bc_counter_add(table, BC_COUNTER_bytes_in, 77);
	bc_text_set(table[BC_COUNTER_sends].name, 48, "sends_of_old");
	bc_text_set(table[BC_COUNTER_COUNT].name, 48, "one_more");
	die();

	adopt();

	table = counters();
	assert_int_equal(bc_counter_get(table, BC_COUNTER_bytes_in), 0);
	assert_string_equal(table[BC_COUNTER_sends].name, "sends");
	assert_string_equal(table[BC_COUNTER_COUNT].name, "");
}

static void lease_of_the_dead_daemon_is_free(void **state)
{
	struct bc_lease_shm *lease = &stream.segment.control->lease;

	(void)state;
	atomic_store(&lease->holder, BC_LEASE_DAEMON | 3);
	die();

	adopt();

	lease = &stream.segment.control->lease;
	assert_int_equal(lease->holder, 0);
	assert_int_equal(lease->wanted, 1);
}

static void lease_of_a_local_publisher_stays(void **state)
{
	(void)state;
	atomic_store(&stream.segment.control->lease.holder, BC_LEASE_NODE | 5);
	die();

	adopt();

	assert_int_equal(stream.segment.control->lease.holder,
			 BC_LEASE_NODE | 5);
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
	const struct bc_segment_config config = test_stream_config(stream.name);
	const char *reason;
	int ret;

	atomic_store(&progress->begun, 1);
	ret = bc_segment_adopt(&stream.segment, &config, &reason);
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
	struct bcast_reader *reader = attach(BCAST_FROM_LIVE);
	uint64_t epoch = bcast_epoch(reader);
	unsigned kills = 0, forks = 0;

	(void)state;
	assert_true(progress != MAP_FAILED);
	test_stream_write(&stream, TEST_CAPACITY);
	bc_counter_add(counters(), BC_COUNTER_bytes_in, 77);
	(void)bc_facts_set(&stream.segment, "key", "value");
	for (uint32_t i = 0; i < PEERS_OPEN; i++)
		open_peer(i, "10.0.0.2:2");
	die();

	for (; kills < KILLS && forks < FORKS_MAX; forks++) {
		/* sooner and sooner, should the adopter be quicker than us */
		uint64_t limit_ns = 1 + 1000000u / (1 + forks / KILLS);

		kills += kill_an_adopter(progress,
					 (uint64_t)random() % limit_ns);
		assert_true(bcast_wait(reader, 0) >= 0);
	}

	printf("killed in the middle: %u of %u\n", kills, forks);
	assert_true(kills > 0);
	adopt();
	assert_int_equal(stream.segment.control->identity.epoch, epoch);
	assert_int_equal(bc_counter_get(counters(), BC_COUNTER_bytes_in), 77);
	assert_string_equal(closed_list(), "10.0.0.2:2 daemon_died\n"
					   "10.0.0.2:2 daemon_died\n"
					   "10.0.0.2:2 daemon_died\n");
	read_all(reader);
	test_stream_write(&stream, 1000);
	read_all(reader);
	bcast_detach(reader);
	(void)munmap(progress, sizeof(*progress));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, prepare, leave)

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
		TEST(publication_that_woke_nobody_is_announced),
		TEST(half_said_fact_is_forgotten_with_the_others),
		TEST(connections_of_the_dead_are_remembered_as_closed),
		TEST(one_that_was_just_remembered_is_not_so_twice),
		TEST(half_written_memory_is_written_over),
		TEST(counters_go_on_and_gauges_begin_anew),
		TEST(counters_of_another_build_begin_anew),
		TEST(lease_of_the_dead_daemon_is_free),
		TEST(lease_of_a_local_publisher_stays),
		TEST(killed_adopter_leaves_what_can_be_adopted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
