/* SPDX-License-Identifier: MIT */
/*
 * Receivers that look like another machine's: in a network namespace of the
 * test's own, whose loopback interface has two more addresses, one for the
 * daemon and one for its receivers. With --zerocopy auto they are sent to
 * without a copy; the kernel copies there all the same, which turns it off.
 *
 * Taking the receivers' address away makes them half dead: what is sent to them
 * is lost, and nobody acknowledges. Given back, it is sent again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "zerocopy_daemon.h"

#define SKIPPED	 77
#define MIB	 (UINT64_C(1) << 20)
#define OUR_SIDE "10.99.99.1"
#define OUR_DOOR "10.99.99.1:0"
#define FAR_SIDE "10.99.99.2"
#define SMALL	 100u
#define REPEATS	 20u

static void start(const char *policy, const char *zerocopy)
{
	const char *options[] = {"--ring-size",	  "1M",	      "--ingest",
				 "127.0.0.1:0",	  "--egress", OUR_DOOR,
				 "--slow-policy", policy,     "--zerocopy",
				 zerocopy,	  "--sndbuf", "256K",
				 "--max-lag",	  "85%",      NULL};

	daemon_fixture_start(&daemon_, options);
	crowd_open(&crowd, &daemon_);
	crowd_send_from(&crowd, "ingest");
}

static struct sockaddr_in address(const char *host, unsigned port)
{
	struct sockaddr_in result = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
	};

	assert_int_equal(inet_pton(AF_INET, host, &result.sin_addr), 1);
	return result;
}

/* That address alone: loopback would take all of its network for its own. */
static bool name_address(int fd, const char *name, const char *host)
{
	struct ifreq request = {0};
	struct sockaddr_in given = address(host, 0);
	struct sockaddr_in mask = address("255.255.255.255", 0);

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	memcpy(&request.ifr_addr, &given, sizeof(given));
	if (ioctl(fd, SIOCSIFADDR, &request) < 0)
		return false;
	memcpy(&request.ifr_netmask, &mask, sizeof(mask));
	return ioctl(fd, SIOCSIFNETMASK, &request) == 0;
}

static void change_far_side(bool there)
{
	struct ifreq down = {.ifr_name = "lo:2"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (there)
		assert_true(name_address(fd, "lo:2", FAR_SIDE));
	else
		assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &down), 0);
	(void)close(fd);
}

static struct consumer *receive_from(const char *host)
{
	const char *line =
		strstr(daemon_fixture_log(&daemon_), "addr=" OUR_SIDE ":");
	struct sockaddr_in here, there;
	struct consumer *consumer;
	unsigned port = 0;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_non_null(line);
	assert_int_equal(sscanf(line, "addr=" OUR_SIDE ":%u", &port), 1);
	here = address(host, 0);
	there = address(OUR_SIDE, port);
	assert_int_equal(bind(fd, (struct sockaddr *)&here, sizeof(here)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&there, sizeof(there)),
			 0);
	consumer = crowd_adopt(&crowd, fd);
	daemon_fixture_await(&daemon_, "receivers_joined", crowd.count);
	return consumer;
}

/* Both take the first bytes: in pieces, lest the slower start be dropped. */
static void send_to_both(void)
{
	for (unsigned i = 0; i < 4; i++) {
		crowd_send(&crowd, MIB / 4);
		crowd_settle(&crowd);
	}
}

static bool is_given_up(void *argument)
{
	(void)argument;
	return zerocopy_receiver().zerocopy == 2;
}

static void it_is_given_up_at_the_first_copy(void **state)
{
	struct consumer *receiver;
	uint64_t sends;

	(void)state;
	start("disconnect", "auto");
	receiver = receive_from(FAR_SIDE);
	assert_int_equal(zerocopy_receiver().zerocopy, 1);
	crowd_send(&crowd, 2 * MIB);
	crowd_settle(&crowd);
	assert_true(test_within(DEADLINE_MS, is_given_up, NULL));
	sends = daemon_fixture_counter(&daemon_, "zerocopy_sends");
	assert_true(sends > 0);
	assert_true(daemon_fixture_counter(&daemon_, "zerocopy_copied") > 0);

	crowd_send(&crowd, 8 * MIB);
	crowd_settle(&crowd);

	assert_int_equal(daemon_fixture_counter(&daemon_, "zerocopy_sends"),
			 sends);
	assert_int_equal(receiver->bytes, 10 * MIB);
	assert_int_equal(daemon_fixture_logged(&daemon_, "info zerocopy_off "),
			 1);
	daemon_fixture_stop(&daemon_);
}

static void small_sends_are_copied_from_the_start(void **state)
{
	(void)state;
	start("disconnect", "auto");
	(void)receive_from(FAR_SIDE);
	for (unsigned i = 0; i < REPEATS; i++) {
		crowd_send(&crowd, SMALL);
		crowd_settle(&crowd);
	}
	assert_int_equal(daemon_fixture_counter(&daemon_, "zerocopy_sends"), 0);
	assert_int_equal(zerocopy_receiver().zerocopy, 1);
	daemon_fixture_stop(&daemon_);
}

static void it_is_not_used_where_receivers_skip(void **state)
{
	(void)state;
	start("skip", "auto");
	(void)receive_from(FAR_SIDE);
	crowd_send(&crowd, 2 * MIB);
	crowd_settle(&crowd);
	assert_int_equal(daemon_fixture_counter(&daemon_, "zerocopy_sends"), 0);
	assert_int_equal(zerocopy_receiver().zerocopy, 0);
	daemon_fixture_stop(&daemon_);
}

/* ---- Half dead --------------------------------------------------------- */

static bool all_is_with(void *argument)
{
	return ((const struct consumer *)argument)->bytes == crowd.goal;
}

static void half_dead_receiver_is_dropped_and_holds_nothing(void **state)
{
	struct consumer *near, *far;

	(void)state;
	start("disconnect", "on");
	near = receive_from(OUR_SIDE);
	far = receive_from(FAR_SIDE);
	send_to_both();

	change_far_side(false);
	crowd_send(&crowd, 32 * MIB);
	crowd_run_until(&crowd, all_is_with, near);

	assert_int_equal(near->bytes, 33 * MIB);
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers_dropped"),
			 1);
	assert_int_equal(far->bytes, MIB);
	far->stalled = true; /* it will never know */
	change_far_side(true);
	daemon_fixture_stop(&daemon_);
}

static bool is_held_up(void *argument)
{
	uint64_t *last = argument;
	uint64_t before = *last;

	*last = daemon_fixture_counter(&daemon_, "bytes_in");
	return *last == before &&
	       daemon_fixture_counter(&daemon_, "sender_pauses") > 0 &&
	       *last > MIB;
}

/* From the ring's pages, which therefore are still what they were. */
static void what_is_sent_again_is_right(void **state)
{
	struct consumer *near, *far;
	uint64_t last = 0;

	(void)state;
	start("block", "on");
	near = receive_from(OUR_SIDE);
	far = receive_from(FAR_SIDE);
	send_to_both();

	change_far_side(false);
	crowd_send(&crowd, 16 * MIB);
	crowd_run_until(&crowd, is_held_up, &last);
	change_far_side(true);
	crowd_settle(&crowd);

	assert_int_equal(near->bytes, 17 * MIB);
	assert_int_equal(far->bytes, 17 * MIB);
	daemon_fixture_stop(&daemon_);
}

/* A loopback interface of our own. */
static bool enter_namespace(void)
{
	struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	bool done;
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	done = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &up) == 0 &&
	       name_address(fd, "lo:1", OUR_SIDE) &&
	       name_address(fd, "lo:2", FAR_SIDE);
	(void)close(fd);
	return done;
}

static bool works_here(void)
{
	if (enter_namespace())
		return zerocopy_works_here();
	(void)fprintf(stderr, "skipped: no network namespace of our own\n");
	return false;
}

int main(void)
{
#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, crowd_stage_open, crowd_stage_close)
	const struct CMUnitTest tests[] = {
		TEST(it_is_given_up_at_the_first_copy),
		TEST(small_sends_are_copied_from_the_start),
		TEST(it_is_not_used_where_receivers_skip),
		TEST(half_dead_receiver_is_dropped_and_holds_nothing),
		TEST(what_is_sent_again_is_right),
	};

	if (!works_here())
		return SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
