/* SPDX-License-Identifier: MIT */
/* test_ping.c - the real bcast-ping, at a real daemon and at faulty ones. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include <bcast/echo.h>

#include "daemon_fixture.h"
#include "manual.h"
#include "run_program.h"

#define WORDS_MAX    24
#define PAYLOAD_MAX  4096u
#define FAULTY_COUNT 5u

static struct daemon_fixture daemon_;
static struct run_program tool;
static struct test_child server;

static int prepare(void **state)
{
	(void)state;
	daemon_ = (struct daemon_fixture){0};
	tool = (struct run_program){0};
	server = (struct test_child){0};
	return 0;
}

static int clean(void **state)
{
	run_program_end(&tool);
	test_kill(&server);
	return daemon_fixture_cleanup(state);
}

static void start_daemon(void)
{
	static const char *const options[] = {
		"--ring-size", "1M",	 "--format",	"packet", "--packet",
		"127.0.0.1:0", "--echo", "127.0.0.1:0", NULL};

	daemon_fixture_start(&daemon_, options);
}

/* Run it with these words, between blanks, and the address of that role. */
static int ping(const char *words, const char *host, uint16_t port)
{
	const char *argv[WORDS_MAX] = {TOOL};
	char copy[256], address[64], *rest = NULL;
	unsigned count = 1;

	run_program_end(&tool);
	tool = (struct run_program){0};
	snprintf(copy, sizeof(copy), "%s", words);
	for (char *word = strtok_r(copy, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest))
		argv[count++] = word;
	snprintf(address, sizeof(address), "%s:%u", host, port);
	argv[count++] = address;
	assert_true(count < WORDS_MAX);
	return run_program(&tool, argv);
}

static int ping_echo(const char *words)
{
	return ping(words, "127.0.0.1", daemon_fixture_port(&daemon_, "echo"));
}

static unsigned lines_with(const char *text)
{
	unsigned count = 0;

	for (const char *at = tool.out.bytes; (at = strstr(at, text)); at++)
		count++;
	return count;
}

static void assert_said(const char *text)
{
	if (!strstr(tool.out.bytes, text) && !strstr(tool.error.bytes, text))
		fail_msg("no '%s' in: %s%s", text, tool.out.bytes,
			 tool.error.bytes);
}

/* ---- A daemon ---------------------------------------------------------- */

static void every_packet_has_a_line(void **state)
{
	(void)state;
	start_daemon();

	assert_int_equal(ping_echo("--count 5 --interval 1ms --size 100"), 0);

	assert_int_equal(lines_with("100 bytes from 127.0.0.1:"), 5);
	assert_int_equal(lines_with(" seq=4 time="), 1);
	assert_said("5 sent, 5 received, 0 lost (0 %)");
	assert_said("min/mean/p50/p95/p99/max = ");
	assert_int_equal(daemon_fixture_counter(&daemon_, "echo_packets"), 5);
	daemon_fixture_stop(&daemon_);
}

static void flood_goes_over_many_connections(void **state)
{
	(void)state;
	start_daemon();

	assert_int_equal(ping_echo("--flood --count 200 --connections 20 "
				   "--pipeline 5 --size 3000"),
			 0);

	assert_said("4000 sent, 4000 received, 0 lost (0 %)");
	assert_int_equal(lines_with("bytes from"), 0);
	assert_int_equal(daemon_fixture_counter(&daemon_, "echo_joined"), 20);
	daemon_fixture_stop(&daemon_);
}

static void large_packets_come_back_as_well(void **state)
{
	(void)state;
	start_daemon();

	assert_int_equal(ping_echo("--flood --count 3 --size 4M"), 0);

	assert_said("3 sent, 3 received, 0 lost");
	daemon_fixture_stop(&daemon_);
}

static void ipv6_addresses_are_in_brackets(void **state)
{
	static const char *const options[] = {"--ring-size", "1M", "--echo",
					      "[::1]:0", NULL};
	const char *port;

	(void)state;
	if (access("/proc/net/if_inet6", F_OK) != 0)
		skip(); /* cmocka goes on with the next test */
	daemon_fixture_start(&daemon_, options);
	port = strstr(daemon_fixture_log(&daemon_), "addr=[::1]:");
	assert_non_null(port);

	assert_int_equal(ping("-c 2 -i 1ms", "[::1]",
			      (uint16_t)strtoul(port + 11, NULL, 10)),
			 0);

	assert_said("2 received");
	daemon_fixture_stop(&daemon_);
}

static void packet_addresses_answer_too(void **state)
{
	uint16_t port;

	(void)state;
	start_daemon();
	port = daemon_fixture_port(&daemon_, "packet");

	assert_int_equal(ping("-P packet -c 3 -i 1ms", "127.0.0.1", port), 0);
	assert_said("3 sent, 3 received");
	assert_int_equal(
		ping("-P packet -c 100 -f -n 5 -s 64", "127.0.0.1", port), 0);
	assert_said("500 sent, 500 received");

	assert_int_equal(ping("-P packet -c 3 -s 65", "127.0.0.1", port),
			 EX_USAGE);
	daemon_fixture_stop(&daemon_);
}

static void json_is_one_line(void **state)
{
	(void)state;
	start_daemon();

	assert_int_equal(ping_echo("--json -f -c 10"), 0);

	assert_int_equal(lines_with("\n"), 1);
	assert_int_equal(strncmp(tool.out.bytes, "{\"protocol\": \"echo\"", 19),
			 0);
	assert_said("\"sent\": 10, \"received\": 10, \"lost\": 0");
	assert_said("\"p99_ms\": ");
	daemon_fixture_stop(&daemon_);
}

static void interrupted_one_says_what_there_was(void **state)
{
	char address[64];
	const char *argv[] = {TOOL, "-i", "1ms", address, NULL};

	(void)state;
	start_daemon();
	snprintf(address, sizeof(address), "127.0.0.1:%u",
		 daemon_fixture_port(&daemon_, "echo"));
	assert_int_equal(run_program_start(&tool, argv), 0);
	assert_true(run_program_read_out(&tool, 200));

	assert_int_equal(kill(tool.pid, SIGINT), 0);

	assert_int_equal(run_program_wait(&tool), RUN_PROGRAM_SIGNAL(SIGINT));
	assert_said(" 0 lost (0 %)");
	daemon_fixture_stop(&daemon_);
}

static void wrong_protocol_is_said(void **state)
{
	(void)state;
	start_daemon();

	assert_int_equal(ping("-c 1", "127.0.0.1",
			      daemon_fixture_port(&daemon_, "packet")),
			 EX_UNAVAILABLE);
	assert_said("does not speak the protocol echo");
	assert_int_equal(ping_echo("-c 1 -P packet"), EX_UNAVAILABLE);
	assert_said("connection was closed");
	daemon_fixture_stop(&daemon_);
}

/* ---- Faulty servers ---------------------------------------------------- */

struct faulty {
	int listener;
	unsigned loses; /* the packet with this number */
	unsigned spoils;
};

static void read_whole(int fd, void *bytes, size_t size)
{
	if (recv(fd, bytes, size, MSG_WAITALL) != (ssize_t)size)
		_exit(0);
}

static void serve_faultily(void *argument)
{
	const struct faulty *faulty = argument;
	unsigned char payload[PAYLOAD_MAX];
	struct bcast_echo_header header;
	int fd;

	test_child_ready();
	fd = accept(faulty->listener, NULL, NULL);
	test_child_check(fd >= 0);
	for (unsigned number = 0;; number++) {
		size_t size;

		read_whole(fd, &header, sizeof(header));
		size = ntohl(header.length_be);
		test_child_check(size <= sizeof(payload));
		read_whole(fd, payload, size);
		header.type_be = htonl(BCAST_ECHO_ECHO);
		if (number == faulty->loses)
			continue;
		if (number == faulty->spoils)
			payload[size - 1] ^= 1;
		(void)send(fd, &header, sizeof(header), MSG_NOSIGNAL);
		(void)send(fd, payload, size, MSG_NOSIGNAL);
	}
}

/* Returns its port. */
static uint16_t start_faulty(unsigned loses, unsigned spoils)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t length = sizeof(address);
	struct faulty faulty = {.loses = loses, .spoils = spoils};

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	faulty.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(faulty.listener >= 0);
	assert_int_equal(bind(faulty.listener,
			      (const struct sockaddr *)&address, length),
			 0);
	assert_int_equal(listen(faulty.listener, 1), 0);
	assert_int_equal(getsockname(faulty.listener,
				     (struct sockaddr *)&address, &length),
			 0);
	server = test_fork(serve_faultily, &faulty);
	(void)close(faulty.listener);
	return ntohs(address.sin_port);
}

static void lost_packet_is_seen_by_the_next(void **state)
{
	uint16_t port = start_faulty(1, FAULTY_COUNT);

	(void)state;
	assert_int_equal(ping("-c 5 -i 1ms -W 60s", "127.0.0.1", port), 1);

	assert_said("5 sent, 4 received, 1 lost (20 %)");
	assert_int_equal(lines_with("no answer from"), 1);
	assert_int_equal(lines_with(" seq=1\n"), 1);
}

static void lost_packet_at_the_end_is_seen_in_time(void **state)
{
	uint16_t port = start_faulty(FAULTY_COUNT - 1, FAULTY_COUNT);

	(void)state;
	assert_int_equal(ping("-c 5 -i 1ms -W 100ms", "127.0.0.1", port), 1);

	assert_said("1 lost (20 %)");
	assert_int_equal(lines_with(" seq=4\n"), 1);
}

static void spoilt_packet_is_seen(void **state)
{
	uint16_t port = start_faulty(FAULTY_COUNT, 2);

	(void)state;
	assert_int_equal(ping("-c 5 -i 1ms -W 100ms -s 4K", "127.0.0.1", port),
			 EX_PROTOCOL);

	assert_said("1 wrong");
	assert_said("4 received");
}

/* ---- Command line ------------------------------------------------------ */

static void bad_options_are_told(void **state)
{
	(void)state;
	assert_int_equal(ping("-s 7", "127.0.0.1", 1), EX_USAGE);
	assert_int_equal(ping("-c 0", "127.0.0.1", 1), EX_USAGE);
	assert_int_equal(ping("-n 0", "127.0.0.1", 1), EX_USAGE);
	assert_int_equal(ping("-p 1025", "127.0.0.1", 1), EX_USAGE);
	assert_int_equal(ping("-i 0", "127.0.0.1", 1), EX_USAGE);
	assert_int_equal(ping("-P tcp", "127.0.0.1", 1), EX_USAGE);
	assert_said("echo or packet");
	assert_int_equal(ping("-c 1", "::1", 1), EX_USAGE);
	assert_said("not an address");
	assert_int_equal(ping("a:1", "127.0.0.1", 1), EX_USAGE);
}

static void nobody_there_is_told(void **state)
{
	(void)state;
	assert_int_equal(ping("-c 1", "127.0.0.1", 1), EX_UNAVAILABLE);
	assert_said("Connection refused");
	assert_int_equal(ping("-c 1", "unix:@bcast-no-such", 1),
			 EX_UNAVAILABLE);
}

static void manual_has_all_options(void **state)
{
	(void)state;
	manual_agrees(TOOL, MANUAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, prepare, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_packet_has_a_line),
		TEST(flood_goes_over_many_connections),
		TEST(large_packets_come_back_as_well),
		TEST(ipv6_addresses_are_in_brackets),
		TEST(packet_addresses_answer_too),
		TEST(json_is_one_line),
		TEST(interrupted_one_says_what_there_was),
		TEST(wrong_protocol_is_said),
		TEST(lost_packet_is_seen_by_the_next),
		TEST(lost_packet_at_the_end_is_seen_in_time),
		TEST(spoilt_packet_is_seen),
		TEST(bad_options_are_told),
		TEST(nobody_there_is_told),
		TEST(manual_has_all_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
