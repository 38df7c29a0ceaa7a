/* SPDX-License-Identifier: MIT */
/*
 * test_upgrade.c - hot upgrade: senders and receivers of bytes, and local
 * processes, notice nothing of it. Every byte is checked by its position.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <bcast/bcast.h>
#include <bcast/monitor.h>

#include "crowd.h"
#include "takers.h"
#include "upgrade_stage.h"

#define MIB	 (UINT64_C(1) << 20)
#define UPGRADES 20u

static struct crowd crowd;

static const char *const blocking[] = {
	"--listen",	 "127.0.0.1:0", "--ring-size", "8M",
	"--slow-policy", "block",	NULL,
};

/* ---- The stage --------------------------------------------------------- */

static int open_stage(void **state)
{
	(void)state;
	crowd_open(&crowd, NULL);
	return 0;
}

static int close_stage(void **state)
{
	crowd_close(&crowd);
	return upgrade_stage_close(state);
}

static void start(const char *const options[])
{
	upgrade_stage_start(options);
	crowd.daemon = daemon_now;
}

/* The sender never comes to its goal. */
static void saturate(void)
{
	if (crowd.goal - crowd.sent < 2 * MIB)
		crowd_send(&crowd, 4 * MIB);
	crowd_step(&crowd);
}

static void keep_moving(void)
{
	crowd_step(&crowd);
}

static void upgrade(const char *const options[], void (*move)(void))
{
	upgrade_stage_take(options, move);
	crowd.daemon = daemon_now;
}

static void assert_all_have_all(void)
{
	for (unsigned i = 0; i < crowd.count; i++) {
		const struct consumer *consumer = &crowd.consumers[i];

		assert_false(consumer->ended);
		assert_int_equal(consumer->position, crowd.sent);
	}
}

static void stop(void)
{
	daemon_fixture_stop(daemon_now);
}

static uint64_t counter(const char *name)
{
	return daemon_fixture_counter(daemon_now, name);
}

/* Open connections in the table, as others see them. */
static unsigned shown(uint32_t role)
{
	struct bcast_monitor *monitor;
	struct bcast_peer_info peer;
	uint32_t next = 0;
	unsigned count = 0;

	assert_int_equal(bcast_monitor_open(daemon_now->name, &monitor), 0);
	while (bcast_monitor_peer(monitor, &next, &peer) == 1)
		count += peer.role == role;
	bcast_monitor_close(monitor);
	return count;
}

/* ---- Claims ------------------------------------------------------------ */

static void sixteen_saturated_receivers_live_through_twenty(void **state)
{
	(void)state;
	start(blocking);
	crowd_send_from(&crowd, "any");
	for (unsigned i = 0; i < 16; i++)
		(void)crowd_receive(&crowd);
	(void)crowd_read_local(&crowd);

	for (unsigned i = 0; i < UPGRADES; i++)
		upgrade(blocking, saturate);
	crowd_settle(&crowd);

	assert_all_have_all();
	assert_int_equal(counter("upgrades"), UPGRADES);
	assert_int_equal(counter("upgrade_left_behind"), 0);
	assert_int_equal(counter("receivers"), 16);
	assert_int_equal(counter("receivers_joined"), 16);
	assert_int_equal(counter("senders"), 1);
	assert_int_equal(counter("bytes_in"), crowd.sent);
	/* what was sent is counted when the daemon gets to it */
	daemon_fixture_await(daemon_now, "bytes_out", 16 * crowd.sent);
	assert_int_equal(shown(BCAST_ROLE_RECEIVER), 16);
	assert_int_equal(shown(BCAST_ROLE_SENDER), 1);
	stop();
}

static void stalled_receiver_is_waited_for_as_before(void **state)
{
	struct consumer *stalled;

	(void)state;
	start(blocking);
	crowd_send_from(&crowd, "any");
	stalled = crowd_receive_small(&crowd);
	(void)crowd_receive(&crowd);
	stalled->stalled = true;
	for (unsigned i = 0; i < 3; i++)
		upgrade(blocking, saturate);

	stalled->stalled = false;
	crowd_settle(&crowd);

	assert_all_have_all();
	stop();
}

/* The first has gone, but not all of it is read: it stands in line yet. */
static void line_of_senders_stays(void **state)
{
	struct consumer *stalled;

	(void)state;
	start(blocking);
	crowd_send_from(&crowd, "any");
	stalled = crowd_receive_small(&crowd);
	stalled->stalled = true;
	crowd_send(&crowd, 9 * MIB);
	for (unsigned i = 0; i < 200; i++)
		crowd_step(&crowd);
	crowd.goal = crowd.sent;
	crowd_end_sender(&crowd);
	crowd_send_from(&crowd, "any");
	crowd_send(&crowd, MIB / 4);

	upgrade(blocking, keep_moving);
	assert_int_equal(counter("senders"), 2);
	stalled->stalled = false;
	crowd_settle(&crowd);

	assert_all_have_all();
	assert_int_equal(counter("senders"), 1);
	stop();
}

/* As nc -N does, and many who only listen. */
static void receiver_that_sends_no_more_goes_on(void **state)
{
	struct consumer *half;

	(void)state;
	start(blocking);
	crowd_send_from(&crowd, "any");
	half = crowd_receive(&crowd);
	assert_int_equal(shutdown(half->fd, SHUT_WR), 0);
	upgrade(blocking, saturate);
	upgrade(blocking, saturate);

	crowd_settle(&crowd);

	assert_all_have_all();
	stop();
}

/* What it says is nobody's business, before and after. */
static struct consumer *talks;

static void saturate_and_talk(void)
{
	static const char words[4096];

	for (unsigned i = 0; i < 16; i++)
		(void)send(talks->fd, words, sizeof(words), MSG_DONTWAIT);
	saturate();
}

static void receiver_that_talks_all_the_time_goes_on(void **state)
{
	(void)state;
	start(blocking);
	crowd_send_from(&crowd, "any");
	talks = crowd_receive(&crowd);
	for (unsigned i = 0; i < 4; i++)
		upgrade(blocking, saturate_and_talk);

	crowd_settle(&crowd);

	assert_all_have_all();
	stop();
}

static void who_comes_later_is_served_like_the_others(void **state)
{
	(void)state;
	start(blocking);
	crowd_send_from(&crowd, "any");
	(void)crowd_receive(&crowd);
	upgrade(blocking, saturate);
	crowd_settle(&crowd);

	(void)crowd_receive(&crowd);
	upgrade(blocking, saturate);
	(void)crowd_read_local(&crowd);
	crowd_settle(&crowd);

	assert_all_have_all();
	assert_int_equal(counter("receivers"), 2);
	assert_int_equal(counter("receivers_joined"), 2);
	stop();
}

/* Another backend, threads and none, and other limits. */
static void options_may_be_others(void **state)
{
	static const char *const ways[][3] = {
		{"--backend", "epoll", NULL},
		{"--egress-threads", "2", NULL},
		{"--backend", "auto", NULL},
		{"--egress-threads", "1", NULL},
		{"--send-timeout", "20s", NULL},
	};
	const char *first[] = {
		"--listen",
		"127.0.0.1:0",
		"--ring-size",
		"8M",
		"--slow-policy",
		"block",
		"--egress-threads",
		"3",
		"--max-receivers",
		"100",
		NULL,
	};

	(void)state;
	start(first);
	crowd_send_from(&crowd, "any");
	for (unsigned i = 0; i < 5; i++)
		(void)crowd_receive(&crowd);
	for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		const char *options[] = {
			"--egress-threads",
			"0",
			"--backend",
			"io_uring",
			"--listen",
			"127.0.0.1:0",
			"--ring-size",
			"8M",
			"--slow-policy",
			"block",
			"--max-receivers",
			"50",
			ways[i][0],
			ways[i][1],
			NULL,
		};

		upgrade(options, saturate);
	}
	crowd_settle(&crowd);

	assert_all_have_all();
	assert_int_equal(shown(BCAST_ROLE_RECEIVER), 5);
	assert_int_equal(shown(BCAST_ROLE_SENDER), 1);
	assert_int_equal(counter("receivers"), 5);
	stop();
}

static int connect_unix(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(
		connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void unix_socket_keeps_its_file_and_its_clients(void **state)
{
	char path[64], given[80];
	const char *options[] = {
		"--ingest", "127.0.0.1:0",   "--egress", given, "--ring-size",
		"8M",	    "--slow-policy", "block",	 NULL,
	};
	struct stat before, after;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/%s.sock", test_name());
	snprintf(given, sizeof(given), "unix:%s", path);
	start(options);
	assert_int_equal(stat(path, &before), 0);
	(void)crowd_adopt(&crowd, connect_unix(path));
	daemon_fixture_await(daemon_now, "receivers", 1);
	crowd_send_from(&crowd, "ingest");
	upgrade(options, saturate);
	upgrade(options, saturate);

	(void)crowd_adopt(&crowd, connect_unix(path));
	daemon_fixture_await(daemon_now, "receivers", 2);
	crowd_settle(&crowd);

	assert_all_have_all();
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	stop();
	assert_int_not_equal(stat(path, &after), 0);
}

/* The old address goes, those who came in there stay. */
static void addresses_may_be_others(void **state)
{
	const char *more[] = {
		"--listen",	 "127.0.0.1:0", "--egress",
		"127.0.0.1:0",	 "--ring-size", "8M",
		"--slow-policy", "block",	NULL,
	};
	const char *less[] = {
		"--egress",	 "127.0.0.1:0", "--ring-size", "8M",
		"--slow-policy", "block",	NULL,
	};
	uint16_t port;

	(void)state;
	start(blocking);
	port = daemon_fixture_port(daemon_now, "any");
	crowd_send_from(&crowd, "any");
	(void)crowd_receive(&crowd);
	upgrade(more, saturate);
	daemon_fixture_await_log(daemon_now, "info listening ", 2);
	assert_int_equal(daemon_fixture_port(daemon_now, "any"), port);
	(void)crowd_adopt(
		&crowd,
		crowd_connect(daemon_fixture_port(daemon_now, "egress"), 0));
	daemon_fixture_await(daemon_now, "receivers", 2);
	upgrade(less, saturate);
	crowd_settle(&crowd);

	assert_all_have_all();
	assert_int_equal(daemon_fixture_logged(daemon_now, "listening "), 1);
	stop();
}

static void local_publisher_and_its_readers_go_on(void **state)
{
	static struct takers takers;
	static struct publishing publishing;
	const char *options[] = {
		"--egress",	 "127.0.0.1:0", "--ring-size", "8M",
		"--slow-policy", "block",	NULL,
	};

	(void)state;
	upgrade_stage_start(options);
	takers_open(&takers, daemon_now, false);
	publishing = (struct publishing){
		.name = daemon_now->name,
		.id = "writer",
		.lease_wait_ms = DEADLINE_MS,
	};
	assert_int_equal(publishing_try(&publishing), 0);
	(void)takers_receive(&takers, 0);
	(void)takers_read_local(&takers);
	daemon_fixture_await(daemon_now, "nodes_joined", 1);
	for (unsigned i = 0; i < 3; i++) {
		for (unsigned j = 0; j < 100; j++) {
			assert_int_equal(publishing_one(&publishing), 0);
			takers_step(&takers);
		}
		upgrade_stage_take(options, NULL);
		takers.daemon = daemon_now;
	}
	assert_int_equal(publishing_one(&publishing), 0);
	takers_settle(&takers, publishing.next);

	assert_int_equal(counter("publishers_joined"), 1);
	assert_int_equal(counter("publishers_left"), 0);
	assert_int_equal(counter("nodes_joined"), 1);
	assert_int_equal(counter("nodes"), 1);
	publishing_close(&publishing);
	takers_close(&takers);
	stop();
}

static void with_nobody_there_it_is_an_ordinary_start(void **state)
{
	const char *options[] = {
		"--takeover",  "--listen", "127.0.0.1:0",
		"--ring-size", "8M",	   NULL,
	};

	(void)state;
	start(options);

	assert_int_equal(
		daemon_fixture_logged(daemon_now, "info upgrade_nobody "), 1);
	crowd_send_from(&crowd, "any");
	(void)crowd_receive(&crowd);
	crowd_send(&crowd, MIB);
	crowd_settle(&crowd);
	stop();
}

/* The owner is another by then, and says so. */
static void owner_is_the_new_one(void **state)
{
	struct bcast_monitor *monitor;
	struct bcast_stream_info before, after;

	(void)state;
	start(blocking);
	assert_int_equal(bcast_monitor_open(daemon_now->name, &monitor), 0);
	bcast_monitor_stream(monitor, &before);
	upgrade(blocking, NULL);
	bcast_monitor_stream(monitor, &after);

	assert_int_equal(after.owner_pid, daemon_now->pid);
	assert_int_equal(after.epoch, before.epoch);
	assert_int_equal(after.incarnation, before.incarnation + 1);
	assert_true(after.writer_alive == 1);
	bcast_monitor_close(monitor);
	stop();
}

int main(void)
{
#define CLAIM(claim) \
	cmocka_unit_test_setup_teardown(claim, open_stage, close_stage)
	const struct CMUnitTest claims[] = {
		CLAIM(sixteen_saturated_receivers_live_through_twenty),
		CLAIM(stalled_receiver_is_waited_for_as_before),
		CLAIM(line_of_senders_stays),
		CLAIM(receiver_that_sends_no_more_goes_on),
		CLAIM(receiver_that_talks_all_the_time_goes_on),
		CLAIM(who_comes_later_is_served_like_the_others),
		CLAIM(options_may_be_others),
		CLAIM(unix_socket_keeps_its_file_and_its_clients),
		CLAIM(addresses_may_be_others),
		CLAIM(local_publisher_and_its_readers_go_on),
		CLAIM(with_nobody_there_it_is_an_ordinary_start),
		CLAIM(owner_is_the_new_one),
	};

	return cmocka_run_group_tests(claims, NULL, NULL);
}
