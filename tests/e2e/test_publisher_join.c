/* SPDX-License-Identifier: MIT */
/*
 * test_publisher_join.c - a local publisher's bytes reach those receivers that
 * had all of them, also when it is a newcomer that made the daemon look.
 */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "crowd.h"

#include <bcast/bcast.h>

#define ROUNDS 300
#define TEXT   "eight by"
#define SIZE   8

static const char *const options[] = {"--ring-size", "1M", "--egress",
				      "127.0.0.1:0", NULL};

static struct daemon_fixture daemon_;

static int open_all(void **state)
{
	(void)state;
	daemon_ = (struct daemon_fixture){0};
	daemon_fixture_start(&daemon_, options);
	return 0;
}

/* Nothing else is published meanwhile: it must come by itself. */
static void assert_gets(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	char bytes[SIZE];

	assert_int_equal(poll(&poll_fd, 1, DEADLINE_MS / 4), 1);
	assert_int_equal(recv(fd, bytes, SIZE, MSG_WAITALL), SIZE);
	assert_memory_equal(bytes, TEXT, SIZE);
}

static void newcomer_keeps_nobody_from_the_news(void **state)
{
	struct bcast_publisher *publisher;
	uint16_t port = daemon_fixture_port(&daemon_, "egress");
	struct bcast_node *node;
	int first;

	(void)state;
	assert_int_equal(bcast_join(daemon_.name, "writer", NULL, &node), 0);
	assert_int_equal(bcast_publisher_open(node, NULL, &publisher), 0);
	first = crowd_connect(port, 0);
	daemon_fixture_await(&daemon_, "receivers", 1);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct timespec pause = {.tv_nsec = (long)i % 30 * 2000};
		int second = crowd_connect(port, 0);

		if (i % 30 > 0)
			(void)nanosleep(&pause, NULL);
		assert_int_equal(bcast_publish(publisher, TEXT, SIZE), 0);
		assert_gets(first);
		(void)close(second);
	}
	(void)close(first);
	bcast_publisher_close(publisher);
	bcast_leave(node);
	daemon_fixture_stop(&daemon_);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			newcomer_keeps_nobody_from_the_news, open_all,
			daemon_fixture_cleanup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
