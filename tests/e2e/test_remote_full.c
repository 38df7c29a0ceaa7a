/* SPDX-License-Identifier: MIT */
/*
 * Who does not read, here or beyond TCP: the others are told, and nothing
 * grows.
 */
#include <sys/socket.h>

#include "remote_stage.h"

#define SEED UINT64_C(0x707463)

static unsigned fill_box(struct bcast_node *here, const void *bytes,
			 size_t size)
{
	unsigned sent = 0;
	int ret;

	while ((ret = bcast_send(here, "there", 1, bytes, size, 200)) == 0) {
		sent++;
		assert_true(sent < 10000);
	}
	assert_int_equal(ret, BCAST_EFULL);
	return sent;
}

static void remote_that_does_not_read_is_full_and_costs_little(void **state)
{
	static unsigned char bytes[32768];
	struct bcast_node *here;
	uint64_t before;
	unsigned sent;

	(void)state;
	remote_start("--sndbuf", "64K", "--idle-timeout", "60s");
	here = local_join(0, "here");
	remote_join(&remotes[0], "there");
	remote_join(&remotes[1], "other");
	test_pattern_fill(SEED, 0, bytes, sizeof(bytes));
	before = daemon_fixture_private_bytes(&daemon_);

	sent = fill_box(here, bytes, sizeof(bytes));

	remote_send(&remotes[1], "there", 1, 1, bytes, sizeof(bytes));
	assert_int_equal(remote_result(&remotes[1], 1), BCAST_EFULL);
	if (!TEST_SANITIZED)
		assert_true(daemon_fixture_private_bytes(&daemon_) <
			    before + (2u << 20));
	/* nothing is lost of what was taken in */
	for (unsigned i = 0; i < sent; i++)
		remote_expect(&remotes[0], "here", 1, bytes, sizeof(bytes));
	remote_send(&remotes[1], "there", 1, 2, bytes, sizeof(bytes));
	assert_int_equal(remote_result(&remotes[1], 2), 0);
	remote_expect(&remotes[0], "other", 1, bytes, sizeof(bytes));
	daemon_fixture_stop(&daemon_);
}

static void local_that_does_not_read_is_full_for_remotes_too(void **state)
{
	static unsigned char bytes[65536];
	struct bcast_node *here;
	unsigned sent = 0;
	int ret = 0;

	(void)state;
	remote_start(NULL, NULL, NULL, NULL);
	here = local_join(0, "here");
	remote_join(&remotes[0], "there");

	while (ret == 0 && sent < 100) {
		remote_send(&remotes[0], "here", 1, ++sent, bytes,
			    sizeof(bytes));
		ret = remote_result(&remotes[0], sent);
	}
	assert_int_equal(ret, BCAST_EFULL);
	assert_int_equal(sent, 16);

	local_expect(here, "there", 1, bytes, sizeof(bytes));
	remote_send(&remotes[0], "here", 1, 77, bytes, sizeof(bytes));
	assert_int_equal(remote_result(&remotes[0], 77), 0);
	daemon_fixture_stop(&daemon_);
}

static void client_that_reads_no_results_is_rejected(void **state)
{
	int small = 4096;
	unsigned sent = 0;

	(void)state;
	remote_start("--sndbuf", "16K", NULL, NULL);
	remote_join(&remotes[0], "there");
	(void)setsockopt(remotes[0].fd, SOL_SOCKET, SO_RCVBUF, &small,
			 sizeof(small));

	/* until the connection breaks, or the daemon says so */
	while (sent++ < 1000000 &&
	       (sent % 1000 != 0 ||
		daemon_fixture_counter(&daemon_, "clients_rejected") == 0)) {
		struct bcast_packet_header header = {
			.length = 1,
			.type = BCAST_PACKET_MESSAGE,
			.sequence = sent,
			.key_length = 1,
		};
		unsigned char frame[64];
		size_t size = bc_packet_write(frame, &header, "x");

		if (send(remotes[0].fd, frame, size, MSG_NOSIGNAL) < 0)
			break;
	}

	daemon_fixture_await(&daemon_, "clients_rejected", 1);
	daemon_fixture_await(&daemon_, "remote_nodes", 0);
	daemon_fixture_stop(&daemon_);
}

#define REMOTE_TEST(f)                                        \
	cmocka_unit_test_setup_teardown(f, remote_stage_open, \
					remote_stage_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REMOTE_TEST(remote_that_does_not_read_is_full_and_costs_little),
		REMOTE_TEST(local_that_does_not_read_is_full_for_remotes_too),
		REMOTE_TEST(client_that_reads_no_results_is_rejected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
