/* SPDX-License-Identifier: MIT */
/*
 * A local publisher and receivers, when several things happen in one turn of
 * the daemon's loop: it is stopped, all of them happen, it goes on.
 */
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "crowd.h"

static struct daemon_fixture daemon_;
static struct bcast_node *node;
static struct bcast_publisher *publisher;
static int receivers[2];

static const char *const options[] = {"--ring-size", "4M",	 "--listen",
				      "127.0.0.1:0", "--format", "packet",
				      NULL};

static int connect_receiver(void)
{
	return crowd_connect(daemon_fixture_port(&daemon_, "any"), 0);
}

static int prepare(void **state)
{
	(void)state;
	daemon_ = (struct daemon_fixture){0};
	daemon_fixture_start(&daemon_, options);
	assert_int_equal(bcast_join(daemon_.name, "writer", NULL, &node), 0);
	assert_int_equal(bcast_publisher_open(node, NULL, &publisher), 0);
	receivers[0] = connect_receiver();
	receivers[1] = -1;
	daemon_fixture_await(&daemon_, "receivers", 1);
	return 0;
}

static int close_all(void **state)
{
	bcast_publisher_close(publisher);
	bcast_leave(node);
	for (int i = 0; i < 2; i++)
		if (receivers[i] >= 0)
			(void)close(receivers[i]);
	return daemon_fixture_cleanup(state);
}

/* The next record at this connection says `text`. */
static void expect(int fd, const char *text)
{
	struct timeval patience = {.tv_sec = DEADLINE_MS / 1000};
	struct bcast_packet_header header;
	unsigned char payload[64];

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
				    sizeof(patience)),
			 0);
	assert_int_equal(recv(fd, &header, sizeof(header), MSG_WAITALL),
			 sizeof(header));
	assert_int_equal(header.length, strlen(text));
	assert_int_equal(recv(fd, payload,
			      bcast_packet_size(header.length) - sizeof(header),
			      MSG_WAITALL),
			 bcast_packet_size(header.length) - sizeof(header));
	assert_memory_equal(payload, text, header.length);
}

static void say(const char *text)
{
	assert_int_equal(bcast_publish(publisher, text, strlen(text)), 0);
}

static void record_is_sent_on_though_somebody_joins_with_it(void **state)
{
	(void)state;
	say("first");
	expect(receivers[0], "first");

	assert_int_equal(kill(daemon_.pid, SIGSTOP), 0);
	receivers[1] = connect_receiver();
	say("second");
	assert_int_equal(kill(daemon_.pid, SIGCONT), 0);

	/* nothing else is published: nobody else would have it sent */
	expect(receivers[0], "second");
	daemon_fixture_await(&daemon_, "receivers", 2);
	say("third");
	expect(receivers[0], "third");
}

static void record_is_sent_though_its_publisher_left_at_once(void **state)
{
	(void)state;
	assert_int_equal(kill(daemon_.pid, SIGSTOP), 0);
	say("last words");
	bcast_publisher_close(publisher);
	publisher = NULL;
	assert_int_equal(kill(daemon_.pid, SIGCONT), 0);

	expect(receivers[0], "last words");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			record_is_sent_on_though_somebody_joins_with_it,
			prepare, close_all),
		cmocka_unit_test_setup_teardown(
			record_is_sent_though_its_publisher_left_at_once,
			prepare, close_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
