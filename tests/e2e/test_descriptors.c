/* SPDX-License-Identifier: MIT */
/* More peers than descriptors: those who are in are served, others wait. */
#include <sys/resource.h>
#include <unistd.h>

#include "crowd.h"

#define LIMIT  64u /* of which the daemon needs some itself */
#define PEERS  80u
#define LEAVE  56u
#define ROUNDS 3u

static struct daemon_fixture daemon_;

static void limit_descriptors(void *argument)
{
	const struct rlimit limit = {LIMIT, LIMIT};

	(void)argument;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int prepare(void **state)
{
	(void)state;
	daemon_ = (struct daemon_fixture){.in_child = limit_descriptors};
	return 0;
}

static void those_who_wait_come_in_when_others_leave(void **state)
{
	const char *const options[] = {"--ring-size", "1M", "--egress",
				       "127.0.0.1:0", NULL};
	int peers[PEERS];
	uint16_t port;

	(void)state;
	daemon_fixture_start(&daemon_, options);
	port = daemon_fixture_port(&daemon_, "egress");
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t errors =
			daemon_fixture_counter(&daemon_, "accept_errors");

		for (unsigned i = 0; i < PEERS; i++)
			peers[i] = crowd_connect(port, 0);
		daemon_fixture_await_at_least(&daemon_, "accept_errors",
					      errors + 1);

		for (unsigned i = 0; i < LEAVE; i++)
			(void)close(peers[i]);
		daemon_fixture_await(&daemon_, "accepts", PEERS * (round + 1));
		daemon_fixture_await(&daemon_, "receivers", PEERS - LEAVE);

		for (unsigned i = LEAVE; i < PEERS; i++)
			(void)close(peers[i]);
		daemon_fixture_await(&daemon_, "receivers", 0);
	}
	daemon_fixture_await_log(&daemon_, "warn accept_failed ", ROUNDS);
	daemon_fixture_stop(&daemon_);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			those_who_wait_come_in_when_others_leave, prepare,
			daemon_fixture_cleanup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
