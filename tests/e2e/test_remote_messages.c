/* SPDX-License-Identifier: MIT */
/* Messages between nodes here and nodes beyond TCP: all ways, all sizes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "crowd.h"
#include "deny.h"
#include "remote_stage.h"

#define MANY 1000u
#define SEED UINT64_C(0x707463)

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

/* ---- Ways -------------------------------------------------------------- */

static void local_node_reaches_a_remote_one(void **state)
{
	struct bcast_node *here;

	(void)state;
	remote_start(NULL, NULL, NULL, NULL);
	here = local_join(0, "here");
	remote_join(&remotes[0], "there");

	assert_int_equal(bcast_send(here, "there", 7, "hello", 5, 0), 0);

	remote_expect(&remotes[0], "here", 7, "hello", 5);
	daemon_fixture_await(&daemon_, "messages_down", 1);
	daemon_fixture_stop(&daemon_);
}

static void remote_node_reaches_a_local_one(void **state)
{
	struct bcast_node *here;

	(void)state;
	remote_start(NULL, NULL, NULL, NULL);
	here = local_join(0, "here");
	remote_join(&remotes[0], "there");

	remote_send(&remotes[0], "here", 9, 1, "hello", 5);

	local_expect(here, "there", 9, "hello", 5);
	assert_int_equal(remote_result(&remotes[0], 1), 0);
	daemon_fixture_stop(&daemon_);
}

static void remote_nodes_reach_each_other_and_themselves(void **state)
{
	(void)state;
	remote_start(NULL, NULL, NULL, NULL);
	remote_join(&remotes[0], "a");
	remote_join(&remotes[1], "b");

	remote_send(&remotes[0], "b", 1, 0, "from a", 6);
	remote_expect(&remotes[1], "a", 1, "from a", 6);
	remote_send(&remotes[1], "a", 2, 0, "from b", 6);
	remote_expect(&remotes[0], "b", 2, "from b", 6);

	remote_send(&remotes[0], "a", 3, 0, "to me", 5);
	remote_expect(&remotes[0], "a", 3, "to me", 5);
	daemon_fixture_stop(&daemon_);
}

static void broadcast_reaches_all_but_its_sender(void **state)
{
	struct bcast_node *here;

	(void)state;
	remote_start(NULL, NULL, NULL, NULL);
	here = local_join(0, "here");
	remote_join(&remotes[0], "a");
	remote_join(&remotes[1], "b");

	assert_int_equal(bcast_broadcast(here, 1, "all", 3, 0, NULL), 2);
	remote_expect(&remotes[0], "here", 1, "all", 3);
	remote_expect(&remotes[1], "here", 1, "all", 3);

	remote_send(&remotes[0], "*", 2, 5, "ALL", 3);
	assert_int_equal(remote_result(&remotes[0], 5), 2);
	remote_expect(&remotes[1], "a", 2, "ALL", 3);
	local_expect(here, "a", 2, "ALL", 3);
	daemon_fixture_stop(&daemon_);
}

/* Old kernels have no such call, and old containers forbid it. */
static void deny_futex_waitv(void *argument)
{
	const long call = SYS_futex_waitv;

	deny_calls(&call, 1, *(const int *)argument);
}

static void mail_is_found_without_futex_waitv_too(void **state)
{
	static int error;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		error = i == 0 ? ENOSYS : EPERM;
		daemon_.in_child = deny_futex_waitv;
		daemon_.in_child_argument = &error;
		remote_start(NULL, NULL, NULL, NULL);
		remote_join(&remotes[0], "a");
		remote_join(&remotes[1], "b");

		for (unsigned n = 0; n < 20; n++) {
			remote_send(&remotes[0], "b", 1, 0, &n, sizeof(n));
			remote_expect(&remotes[1], "a", 1, &n, sizeof(n));
		}
		daemon_fixture_stop(&daemon_);
		client_close(&remotes[0]);
		client_close(&remotes[1]);
	}
}

/* ---- Sizes and ids ----------------------------------------------------- */

static void messages_of_all_sizes_pass_up_to_the_limit(void **state)
{
	struct bc_hello hello = remote_hello("there");
	struct bcast_node *here;
	struct bc_welcome welcome;
	unsigned char *bytes;
	size_t limit;

	(void)state;
	remote_start(NULL, NULL, NULL, NULL);
	here = local_join(0, "here");
	client_connect(&remotes[0], &daemon_);
	client_greet(&remotes[0], &hello, &welcome);
	limit = bcast_message_limit(here);
	assert_int_equal(welcome.fixed.message_max, limit);
	bytes = malloc(limit + 1);
	assert_non_null(bytes);
	test_pattern_fill(SEED, 0, bytes, limit + 1);

	for (unsigned i = 0; i < 4; i++) {
		const size_t sizes[] = {0, 1, limit - 1, limit};

		assert_int_equal(bcast_send(here, "there", 1, bytes, sizes[i],
					    DEADLINE_MS),
				 0);
		remote_expect(&remotes[0], "here", 1, bytes, sizes[i]);
		remote_send(&remotes[0], "here", 2, 1, bytes, sizes[i]);
		assert_int_equal(remote_result(&remotes[0], 1), 0);
		local_expect(here, "there", 2, bytes, sizes[i]);
	}
	assert_int_equal(bcast_send(here, "there", 1, bytes, limit + 1, 0),
			 -EMSGSIZE);
	remote_send(&remotes[0], "here", 2, 1, bytes, limit + 1);
	client_expect_reject(&remotes[0], BCAST_REJECT_SIZE);

	free(bytes);
	daemon_fixture_stop(&daemon_);
}

static void ids_that_nobody_has_are_answered(void **state)
{
	static const char *const bad[] = {"", "a b", "**", "\x01\x02",
					  "../../etc/passwd"};
	char text[201] = {0};

	(void)state;
	remote_start(NULL, NULL, NULL, NULL);
	remote_join(&remotes[0], "there");

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		remote_send(&remotes[0], bad[i], 1, 1 + i, "x", 1);
		assert_int_equal(remote_result(&remotes[0], 1 + i),
				 BCAST_ENAME);
	}
	memset(text, 'x', 200);
	for (unsigned length = 62; length <= 200;
	     length += length == 64 ? 136 : 1) {
		text[length] = '\0';
		remote_send(&remotes[0], text, 1, length, "x", 1);
		assert_int_equal(remote_result(&remotes[0], length),
				 length <= 63 ? -ENOENT : BCAST_ENAME);
		text[length] = 'x';
	}
	/* a terminator within */
	client_say(&remotes[0],
		   &(struct bcast_packet_header){
			   .length = 6,
			   .type = BCAST_PACKET_MESSAGE,
			   .sequence = 99,
			   .key_length = 6,
		   },
		   "there\0");
	assert_int_equal(remote_result(&remotes[0], 99), BCAST_ENAME);
	daemon_fixture_stop(&daemon_);
}

static void message_with_a_wrong_checksum_ends_its_sender(void **state)
{
	const struct bcast_packet_header header = {
		.length = 6,
		.type = BCAST_PACKET_MESSAGE,
		.crc32c = 1,
		.key_length = 5,
	};

	(void)state;
	remote_start(NULL, NULL, NULL, NULL);
	remote_join(&remotes[0], "there");

	client_say(&remotes[0], &header, "therex");

	client_expect_reject(&remotes[0], BCAST_REJECT_CHECKSUM);
	daemon_fixture_await(&daemon_, "remote_nodes", 0);
	daemon_fixture_stop(&daemon_);
}

/* ---- Many -------------------------------------------------------------- */

static void send_many_up(void *argument)
{
	struct client client = {0};

	(void)argument;
	remote_join(&client, "child");
	for (unsigned i = 0; i < MANY; i++)
		remote_send(&client, "here", 1, 0, &i, sizeof(i));
	test_child_ready();
	test_child_sleep();
}

static void thousand_messages_come_in_order_each_way(void **state)
{
	struct test_child child;
	struct bcast_node *here;

	(void)state;
	remote_start(NULL, NULL, NULL, NULL);
	here = local_join(0, "here");
	remote_join(&remotes[0], "there");
	child = test_fork(send_many_up, NULL);

	for (unsigned i = 0; i < MANY; i++)
		local_expect(here, "child", 1, &i, sizeof(i));
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(bcast_send(here, "there", 2, &i, sizeof(i),
					    DEADLINE_MS),
				 0);
	for (unsigned i = 0; i < MANY; i++)
		remote_expect(&remotes[0], "here", 2, &i, sizeof(i));

	test_kill(&child);
	daemon_fixture_await(&daemon_, "remote_nodes", 1);
	daemon_fixture_stop(&daemon_);
}

/* ---- Beside the stream ------------------------------------------------- */

/* Its records go into the ring, its messages into inboxes, in one row. */
static void publish_and_send(const char *publishers)
{
	struct bc_hello hello = remote_hello("there");
	struct bcast_packet_header data = {
		.length = 6,
		.type = BCAST_PACKET_DATA,
	};
	struct bc_welcome welcome;
	struct bcast_node *here;
	unsigned char *bytes;
	uint32_t limit;

	remote_start("--publishers", publishers, NULL, NULL);
	here = local_join(0, "here");
	hello.fixed.roles |= BCAST_CLIENT_PUBLISH;
	hello.fixed.publisher_id = 4711;
	client_connect(&remotes[0], &daemon_);
	client_greet(&remotes[0], &hello, &welcome);
	assert_int_equal(welcome.fixed.message_max, bcast_message_limit(here));
	limit = welcome.fixed.payload_max - (uint32_t)strlen("here");
	bytes = malloc(limit + 1);
	assert_non_null(bytes);
	test_pattern_fill(SEED, 0, bytes, limit + 1);

	for (unsigned i = 1; i <= 20; i++) {
		size_t size = i % 5 == 0 ? limit : i;

		data.sequence = i;
		client_say(&remotes[0], &data, "record");
		remote_send(&remotes[0], "here", 1, 0, bytes, size);
		assert_int_equal(bcast_send(here, "there", 2, &i, sizeof(i),
					    DEADLINE_MS),
				 0);
		local_expect(here, "there", 1, bytes, size);
	}
	for (unsigned i = 1; i <= 20; i++) {
		do
			assert_true(client_next(&remotes[0]));
		while (remotes[0].header.type != BCAST_PACKET_MESSAGE);
		assert_memory_equal(remotes[0].payload + 4, &i, sizeof(i));
	}
	daemon_fixture_await(&daemon_, "bytes_in", 20 * bcast_packet_size(6));

	remote_send(&remotes[0], "here", 1, 0, bytes, limit + 1);
	do
		assert_true(client_next(&remotes[0]));
	while (remotes[0].header.type != BCAST_PACKET_REJECT);
	daemon_fixture_await(&daemon_, "remote_nodes", 0);
	free(bytes);
	daemon_fixture_stop(&daemon_);
}

static void single_publisher_may_be_a_node_too(void **state)
{
	(void)state;
	publish_and_send("one");
}

static void one_of_many_publishers_may_be_a_node_too(void **state)
{
	(void)state;
	publish_and_send("many");
}

/* ---- Death ------------------------------------------------------------- */

static void remote_that_dies_in_a_message_has_sent_nothing(void **state)
{
	const struct bcast_packet_header header = {
		.length = 100004,
		.type = BCAST_PACKET_MESSAGE,
		.key_length = 4,
	};
	struct bcast_message message;
	struct bcast_node *here;

	(void)state;
	remote_start(NULL, NULL, NULL, NULL);
	here = local_join(0, "here");
	remote_join(&remotes[0], "there");

	client_say_bytes(&remotes[0], &header, sizeof(header));
	client_say_bytes(&remotes[0], "here and on", 11);
	client_close(&remotes[0]);

	daemon_fixture_await(&daemon_, "remote_nodes", 0);
	assert_int_equal(bcast_recv(here, &message, 0), 0);
	assert_int_equal(bcast_send(here, "there", 1, "x", 1, 0), -ENOENT);
	daemon_fixture_stop(&daemon_);
}

static void send_without_end(void *argument)
{
	static unsigned char bytes[200000];
	struct bcast_node *node;

	(void)argument;
	test_child_check(bcast_join(daemon_.name, "mortal", NULL, &node) == 0);
	test_child_ready();
	for (;;)
		(void)bcast_send(node, "there", 1, bytes, sizeof(bytes), -1);
}

static void local_that_dies_in_sending_hinders_nobody(void **state)
{
	struct bcast_node *here;

	(void)state;
	remote_start(NULL, NULL, NULL, NULL);
	here = local_join(0, "here");
	remote_join(&remotes[0], "there");

	for (unsigned round = 0; round < 5; round++) {
		struct test_child child = test_fork(send_without_end, NULL);

		for (unsigned i = 0; i < 5; i++)
			client_expect(&remotes[0], BCAST_PACKET_MESSAGE);
		test_kill(&child);
		assert_int_equal(
			bcast_send(here, "there", 2, "x", 1, DEADLINE_MS), 0);
		do
			client_expect(&remotes[0], BCAST_PACKET_MESSAGE);
		while (remotes[0].header.source != 2);
	}
	daemon_fixture_stop(&daemon_);
}

#define REMOTE_TEST(f)                                        \
	cmocka_unit_test_setup_teardown(f, remote_stage_open, \
					remote_stage_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REMOTE_TEST(local_node_reaches_a_remote_one),
		REMOTE_TEST(remote_node_reaches_a_local_one),
		REMOTE_TEST(remote_nodes_reach_each_other_and_themselves),
		REMOTE_TEST(broadcast_reaches_all_but_its_sender),
		REMOTE_TEST(mail_is_found_without_futex_waitv_too),
		REMOTE_TEST(messages_of_all_sizes_pass_up_to_the_limit),
		REMOTE_TEST(ids_that_nobody_has_are_answered),
		REMOTE_TEST(message_with_a_wrong_checksum_ends_its_sender),
		REMOTE_TEST(thousand_messages_come_in_order_each_way),
		REMOTE_TEST(single_publisher_may_be_a_node_too),
		REMOTE_TEST(one_of_many_publishers_may_be_a_node_too),
		REMOTE_TEST(remote_that_dies_in_a_message_has_sent_nothing),
		REMOTE_TEST(local_that_dies_in_sending_hinders_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
