/* SPDX-License-Identifier: MIT */
/*
 * The ring outlives the daemon: kill -9 in mid-stream, another daemon, and
 * those who read in shared memory do not notice.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "restart.h"

#define KIB	 UINT64_C(1024)
#define RESTARTS 20

static struct restart restart;

static int prepare(void **state)
{
	(void)state;
	restart_open(&restart, "16M");
	return 0;
}

static int leave(void **state)
{
	(void)state;
	restart_close(&restart);
	return 0;
}

static void readers_do_not_notice_that_the_daemon_is_killed(void **state)
{
	uint64_t epoch, tail;

	(void)state;
	restart_live(&restart);
	restart_attach(&restart);
	epoch = restart.epoch;

	for (unsigned i = 0; i < RESTARTS; i++) {
		restart_connect(&restart);
		restart_stream(&restart, (uint64_t)random() % (512 * KIB));
		restart_kill(&restart);
		restart_disconnect(&restart);
		restart_await_readers(&restart);
		tail = restart_info(&restart).tail;
		restart_live(&restart);

		assert_int_equal(restart.epoch, epoch);
		assert_int_equal(restart_info(&restart).incarnation, i + 2);
		assert_int_equal(restart_info(&restart).tail, tail);
		assert_int_equal(restart_info(&restart).state,
				 BCAST_STREAM_LIVE);
	}

	restart_connect(&restart);
	restart_stream(&restart, 512 * KIB);
	restart_await_readers(&restart);
	restart_disconnect(&restart);
	daemon_fixture_await(&restart.daemon, "senders", 0);
	tail = restart_info(&restart).tail;
	daemon_fixture_stop(&restart.daemon);
	restart_assert_ended(&restart, BCAST_ECLOSED, tail);
}

static void adoption_is_logged_with_the_position(void **state)
{
	char line[160];

	(void)state;
	restart_live(&restart);
	restart_connect(&restart);
	restart_stream(&restart, 100 * KIB);
	restart_kill(&restart);
	restart_disconnect(&restart);

	restart_live(&restart);

	snprintf(line, sizeof(line),
		 "warn segment_adopted name=%s epoch=0x%016llx incarnation=2 "
		 "position=%llu ",
		 restart.name, (unsigned long long)restart.epoch,
		 (unsigned long long)restart_info(&restart).tail);
	assert_int_equal(daemon_fixture_logged(&restart.daemon, line), 1);
}

static void connections_of_the_dead_are_shown_as_closed(void **state)
{
	struct bcast_monitor *monitor;
	struct bcast_closed_info closed;
	struct bcast_peer_info peer;
	uint32_t next = 0, died = 0;

	(void)state;
	restart_live(&restart);
	restart_connect(&restart);
	restart_stream(&restart, 100 * KIB);
	restart_kill(&restart);
	restart_disconnect(&restart);

	restart_live(&restart);

	assert_int_equal(bcast_monitor_open(restart.name, &monitor), 0);
	assert_int_equal(bcast_monitor_peer(monitor, &next, &peer), 0);
	next = 0;
	while (bcast_monitor_closed(monitor, &next, &closed) == 1)
		died += closed.reason == BCAST_CLOSE_DAEMON_DIED;
	bcast_monitor_close(monitor);
	assert_int_equal(died, 2);
	assert_int_equal(daemon_fixture_counter(&restart.daemon, "receivers"),
			 0);
	assert_int_equal(
		daemon_fixture_counter(&restart.daemon, "receivers_joined"), 1);
}

static ino_t registry_inode(void)
{
	struct stat status;
	char path[96];

	snprintf(path, sizeof(path), "/dev/shm/bcast.%s.nodes", restart.name);
	assert_int_equal(stat(path, &status), 0);
	return status.st_ino;
}

static void registry_of_nodes_stays_too(void **state)
{
	ino_t before;

	(void)state;
	restart_live(&restart);
	before = registry_inode();
	restart_kill(&restart);

	restart_live(&restart);

	assert_int_equal(registry_inode(), before);
}

static void messages_pass_without_a_daemon_and_through_its_return(void **state)
{
	struct bcast_node *alice, *bob;
	struct bcast_message message;

	(void)state;
	restart_live(&restart);
	assert_int_equal(bcast_join(restart.name, "alice", NULL, &alice), 0);
	assert_int_equal(bcast_join(restart.name, "bob", NULL, &bob), 0);
	assert_int_equal(bcast_send(alice, "bob", 1, "x", 1, 0), 0);
	restart_kill(&restart);

	assert_int_equal(bcast_send(alice, "bob", 2, "x", 1, 0), 0);
	assert_int_equal(bcast_recv(bob, &message, 0), 1);
	assert_int_equal(message.type, 1);
	restart_live(&restart);

	assert_int_equal(bcast_recv(bob, &message, 0), 1);
	assert_int_equal(message.type, 2);
	assert_int_equal(bcast_send(bob, "alice", 3, "x", 1, 0), 0);
	assert_int_equal(bcast_recv(alice, &message, -1), 1);
	assert_string_equal(message.from, "bob");
	bcast_leave(alice);
	bcast_leave(bob);
}

static void other_ring_size_makes_another_stream(void **state)
{
	uint64_t epoch, tail;

	(void)state;
	restart_live(&restart);
	restart_attach(&restart);
	epoch = restart.epoch;
	restart_connect(&restart);
	restart_stream(&restart, 100 * KIB);
	restart_kill(&restart);
	restart_disconnect(&restart);
	tail = restart_info(&restart).tail;

	restart.ring_size = "8M";
	restart_live(&restart);

	assert_int_not_equal(restart.epoch, epoch);
	assert_int_equal(restart_info(&restart).incarnation, 1);
	assert_int_equal(restart_info(&restart).tail, 0);
	restart_assert_ended(&restart, BCAST_ECLOSED, tail);
	assert_int_equal(daemon_fixture_logged(&restart.daemon,
					       "not adopted: the ring size is "
					       "another now"),
			 1);
}

/* An idle stream moves no tail: the deaths are still counted apart. */
static void idle_readers_survive_many_deaths_in_a_row(void **state)
{
	(void)state;
	restart_live(&restart);
	restart_attach(&restart);
	for (unsigned i = 0; i < RESTARTS; i++) {
		restart_kill(&restart);
		restart_live(&restart);
	}

	restart_connect(&restart);
	restart_stream(&restart, 100 * KIB);
	restart_await_readers(&restart);
}

static void successor_may_start_before_the_dead_is_taken_apart(void **state)
{
	struct daemon_fixture dead;

	(void)state;
	restart_live(&restart);
	restart_attach(&restart);
	dead = restart.daemon;
	restart.daemon = (struct daemon_fixture){0};

	assert_int_equal(kill(dead.pid, SIGKILL), 0);
	restart_live(&restart);

	assert_int_equal(waitpid(dead.pid, NULL, 0), dead.pid);
	(void)close(dead.log_fd);
	free(dead.log);
	assert_int_equal(restart_info(&restart).incarnation, 2);
	restart_connect(&restart);
	restart_stream(&restart, 100 * KIB);
	restart_await_readers(&restart);
}

static void failed_start_leaves_the_stream_to_the_next_try(void **state)
{
	char address[sizeof(restart.ingest)];
	uint64_t epoch;

	(void)state;
	restart_live(&restart);
	restart_attach(&restart);
	epoch = restart.epoch;
	restart_kill(&restart);

	memcpy(address, restart.egress, sizeof(address));
	/* an address for documents, no machine's */
	strcpy(restart.egress, "192.0.2.1:7401");
	restart_launch(&restart);
	assert_int_equal(daemon_fixture_wait(&restart.daemon), EX_UNAVAILABLE);
	daemon_fixture_forget(&restart.daemon);
	memcpy(restart.egress, address, sizeof(address));
	restart_live(&restart);

	assert_int_equal(restart.epoch, epoch);
	assert_int_equal(restart_info(&restart).incarnation, 3);
	restart_connect(&restart);
	restart_stream(&restart, 100 * KIB);
	restart_await_readers(&restart);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, prepare, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(readers_do_not_notice_that_the_daemon_is_killed),
		TEST(adoption_is_logged_with_the_position),
		TEST(connections_of_the_dead_are_shown_as_closed),
		TEST(registry_of_nodes_stays_too),
		TEST(messages_pass_without_a_daemon_and_through_its_return),
		TEST(other_ring_size_makes_another_stream),
		TEST(idle_readers_survive_many_deaths_in_a_row),
		TEST(successor_may_start_before_the_dead_is_taken_apart),
		TEST(failed_start_leaves_the_stream_to_the_next_try),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
