/* SPDX-License-Identifier: MIT */
/*
 * The clients that people have: nc, ncat, and bash's /dev/tcp, each as sender
 * and as receiver. Those that are not installed are left out.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crowd.h"

#define SIZE	    (4u << 20)
#define PATTERN	    UINT64_C(11)
#define COMMAND_MAX 512u

/* %u is the port, %s the file. */
struct client {
	const char *present; /* succeeds if it is installed */
	const char *send;
	const char *receive;
};

static const struct client clients[] = {
	{
		"nc -h 2>&1 | grep -q OpenBSD",
		"exec nc -N 127.0.0.1 %u <%s",
		"exec nc 127.0.0.1 %u </dev/null >%s",
	},
	{
		"ncat --version >/dev/null 2>&1",
		"exec ncat --send-only 127.0.0.1 %u <%s",
		"exec ncat 127.0.0.1 %u </dev/null >%s",
	},
	{
		"ncat --version >/dev/null 2>&1",
		"exec ncat 127.0.0.1 %u <%s",
		"exec ncat --recv-only 127.0.0.1 %u >%s",
	},
	{
		"bash -c : >/dev/null 2>&1",
		"exec bash -c 'exec cat >/dev/tcp/127.0.0.1/%u' <%s",
		"exec bash -c 'exec cat </dev/tcp/127.0.0.1/%u' >%s",
	},
};
#define CLIENTS (sizeof(clients) / sizeof(clients[0]))

static struct daemon_fixture daemon_;
static char folder[64];

static bool is_present(const struct client *client)
{
	/* the commands are constants above */
	return system(client->present) == 0; /* NOLINT */
}

static void path_of(unsigned number, char path[128])
{
	snprintf(path, 128, "%s/%u", folder, number);
}

static void write_pattern(const char *path)
{
	unsigned char *bytes = malloc(SIZE);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_non_null(bytes);
	test_pattern_fill(PATTERN, 0, bytes, SIZE);
	assert_int_equal(write(fd, bytes, SIZE), SIZE);
	(void)close(fd);
	free(bytes);
}

static void assert_pattern(const char *path)
{
	unsigned char *bytes = malloc(SIZE + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_non_null(bytes);
	assert_int_equal(read(fd, bytes, SIZE + 1), SIZE);
	assert_int_equal(test_pattern_check(PATTERN, 0, bytes, SIZE), -1);
	(void)close(fd);
	free(bytes);
}

static int prepare(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/bcast-test-XXXXXX");
	daemon_ = (struct daemon_fixture){0};
	return mkdtemp(folder) ? 0 : -1;
}

static int clean(void **state)
{
	char path[128];

	for (unsigned i = 0; i <= CLIENTS; i++) {
		path_of(i, path);
		(void)unlink(path);
	}
	(void)rmdir(folder);
	return daemon_fixture_cleanup(state);
}

static void run_command(void *argument)
{
	test_child_ready();
	(void)execl("/bin/sh", "sh", "-c", (const char *)argument, NULL);
	_exit(127);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static struct test_child spawn(const char *form, uint16_t port,
			       const char *path)
{
	char command[COMMAND_MAX];

	snprintf(command, sizeof(command), form, port, path);
	return test_fork(run_command, command);
}
#pragma GCC diagnostic pop

/* All present clients receive what this one sends. */
static void assert_all_receive_from(const struct client *from)
{
	static const char *const options[] = {
		"--ring-size", "16M",	      "--ingest", "127.0.0.1:0",
		"--egress",    "127.0.0.1:0", NULL};
	struct test_child receivers[CLIENTS], sender;
	unsigned count = 0;
	char path[128];

	daemon_fixture_start(&daemon_, options);
	for (unsigned i = 0; i < CLIENTS; i++) {
		if (!is_present(&clients[i]))
			continue;
		path_of(++count, path);
		receivers[count - 1] =
			spawn(clients[i].receive,
			      daemon_fixture_port(&daemon_, "egress"), path);
	}
	daemon_fixture_await(&daemon_, "receivers", count);
	path_of(0, path);
	write_pattern(path);

	sender = spawn(from->send, daemon_fixture_port(&daemon_, "ingest"),
		       path);
	daemon_fixture_await(&daemon_, "bytes_in", SIZE);

	daemon_fixture_stop(&daemon_);
	(void)test_join(&sender);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(test_join(&receivers[i]), 0);
		path_of(i + 1, path);
		assert_pattern(path);
	}
}

static void send_from(unsigned client)
{
	if (!is_present(&clients[client]))
		skip();
	assert_all_receive_from(&clients[client]);
}

static void nc_sends_to_all(void **state)
{
	(void)state;
	send_from(0);
}

static void ncat_sends_to_all(void **state)
{
	(void)state;
	send_from(1);
}

static void ncat_that_also_listens_sends_to_all(void **state)
{
	(void)state;
	send_from(2);
}

static void bash_sends_to_all(void **state)
{
	(void)state;
	send_from(3);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, prepare, clean)
	const struct CMUnitTest tests[] = {
		TEST(nc_sends_to_all),
		TEST(ncat_sends_to_all),
		TEST(ncat_that_also_listens_sends_to_all),
		TEST(bash_sends_to_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
