/* SPDX-License-Identifier: MIT */
/* Listening unix sockets: whose file it is, and who may use it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

#include "net/unix_listener.h"

static const struct bc_unix_listener_options plain = {.mode = 0600,
						      .gid = (gid_t)-1};
static char directory[] = "/tmp/bcast-unix-XXXXXX";
static char path[64];
static struct bc_sockaddr address;
static struct bc_unix_file file;

static struct bc_sockaddr parsed(const char *prefix, const char *what)
{
	struct bc_sockaddr result;
	char text[128];

	snprintf(text, sizeof(text), "%s%s", prefix, what);
	assert_int_equal(bc_sockaddr_parse(text, &result, 1), 1);
	return result;
}

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

static int prepare(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s/socket", directory);
	address = parsed("unix:", path);
	return 0;
}

static int clean(void **state)
{
	(void)state;
	(void)unlink(path);
	return 0;
}

static bool is_there(void)
{
	struct stat info;

	return lstat(path, &info) == 0;
}

static int connect_to(const struct bc_sockaddr *to)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (connect(fd, (const struct sockaddr *)&to->storage, to->length) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* What a daemon leaves that was killed. */
static void leave_a_stale_socket(void)
{
	int fd = bc_unix_listener_open(&address, &plain, &file);

	assert_true(fd >= 0);
	(void)close(fd);
	assert_true(is_there());
}

static void path_can_be_connected_to_until_it_is_removed(void **state)
{
	int fd = bc_unix_listener_open(&address, &plain, &file);
	int client;

	(void)state;
	assert_true(fd >= 0);
	client = connect_to(&address);
	assert_true(client >= 0);

	bc_unix_listener_remove(&address, &file);

	assert_false(is_there());
	(void)close(client);
	(void)close(fd);
}

static void abstract_name_needs_no_file(void **state)
{
	struct bc_sockaddr name = parsed("unix:@", test_name());
	int fd = bc_unix_listener_open(&name, &plain, &file);
	int client;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(file.inode, 0);
	client = connect_to(&name);
	assert_true(client >= 0);
	assert_int_equal(bc_unix_listener_open(&name, &plain, &file),
			 -EADDRINUSE);

	bc_unix_listener_remove(&name, &file);
	(void)close(client);
	(void)close(fd);
	assert_int_equal(connect_to(&name), -1);
}

static void stale_socket_is_taken_over(void **state)
{
	int fd, client;

	(void)state;
	leave_a_stale_socket();

	fd = bc_unix_listener_open(&address, &plain, &file);

	assert_true(fd >= 0);
	client = connect_to(&address);
	assert_true(client >= 0);
	(void)close(client);
	(void)close(fd);
}

static void live_socket_is_left_alone_and_unasked(void **state)
{
	struct bc_unix_file other;
	int fd = bc_unix_listener_open(&address, &plain, &file);
	int client;

	(void)state;
	assert_true(fd >= 0);

	assert_int_equal(bc_unix_listener_open(&address, &plain, &other),
			 -EADDRINUSE);

	/* nobody has connected to it to find out */
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(accept(fd, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	client = connect_to(&address);
	assert_true(client >= 0);
	(void)close(client);
	(void)close(fd);
}

static void live_datagram_socket_is_left_alone(void **state)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(
		bind(fd, (struct sockaddr *)&address.storage, address.length),
		0);

	assert_int_equal(bc_unix_listener_open(&address, &plain, &file),
			 -EADDRINUSE);

	assert_true(is_there());
	(void)close(fd);
}

static void what_is_no_socket_is_never_removed(void **state)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(bc_unix_listener_open(&address, &plain, &file),
			 -ENOTSOCK);
	assert_true(is_there());
	(void)unlink(path);

	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(bc_unix_listener_open(&address, &plain, &file),
			 -ENOTSOCK);
	assert_int_equal(rmdir(path), 0);

	/* nor is it followed */
	assert_int_equal(symlink("/nowhere/at/all", path), 0);
	assert_int_equal(bc_unix_listener_open(&address, &plain, &file),
			 -ENOTSOCK);
	assert_true(is_there());
}

static void anothers_file_is_not_removed(void **state)
{
	struct bc_unix_file second;
	int fd = bc_unix_listener_open(&address, &plain, &file);
	int other;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	other = bc_unix_listener_open(&address, &plain, &second);
	assert_true(other >= 0);

	bc_unix_listener_remove(&address, &file);
	assert_true(is_there());
	bc_unix_listener_remove(&address, &second);
	assert_false(is_there());
	(void)close(other);
	(void)close(fd);
}

static void mode_is_what_was_asked_for(void **state)
{
	static const mode_t modes[] = {0600, 0660, 0666};
	mode_t before = umask(077);

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		const struct bc_unix_listener_options options = {
			.mode = modes[i], .gid = getgid()};
		struct stat info;
		int fd = bc_unix_listener_open(&address, &options, &file);

		assert_true(fd >= 0);
		assert_int_equal(lstat(path, &info), 0);
		assert_int_equal(info.st_mode & 07777, modes[i]);
		assert_int_equal(info.st_gid, getgid());
		bc_unix_listener_remove(&address, &file);
		(void)close(fd);
	}
	(void)umask(before);
}

static void directory_must_be_there(void **state)
{
	struct bc_sockaddr nowhere = parsed("unix:", "/nowhere/at/all");

	(void)state;
	assert_int_equal(bc_unix_listener_open(&nowhere, &plain, &file),
			 -ENOENT);
}

/* Anybody who can read it can lock it: that must not keep us out for ever. */
static void locked_directory_is_not_waited_for_for_ever(void **state)
{
	int lock = open(directory, O_RDONLY | O_CLOEXEC);
	int fd;

	(void)state;
	assert_int_equal(flock(lock, LOCK_EX), 0);

	fd = bc_unix_listener_open(&address, &plain, &file);

	assert_true(fd >= 0);
	(void)close(fd);
	(void)close(lock);
}

static void try_to_listen(void *argument)
{
	int fd;

	test_child_ready();
	(void)argument;
	fd = bc_unix_listener_open(&address, &plain, &file);
	/* who listens goes on until all have tried */
	if (fd < 0)
		_exit(1);
	test_child_sleep();
}

#define RIVALS 4

static bool all_but_one_have_ended(void *argument)
{
	const struct test_child *children = argument;
	unsigned ended = 0;

	for (unsigned i = 0; i < RIVALS; i++) {
		siginfo_t info = {0};

		assert_int_equal(waitid(P_PID, (id_t)children[i].pid, &info,
					WEXITED | WNOHANG | WNOWAIT),
				 0);
		ended += info.si_pid != 0;
	}
	return ended == RIVALS - 1;
}

static void one_of_many_takes_a_stale_socket(void **state)
{
	struct test_child children[RIVALS];
	int client;

	(void)state;
	leave_a_stale_socket();

	for (unsigned i = 0; i < RIVALS; i++)
		children[i] = test_fork(try_to_listen, NULL);

	assert_true(test_within(DEADLINE_MS, all_but_one_have_ended, children));
	client = connect_to(&address);
	assert_true(client >= 0);
	(void)close(client);
	for (unsigned i = 0; i < RIVALS; i++)
		test_kill(&children[i]);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, prepare, clean)
	const struct CMUnitTest tests[] = {
		TEST(path_can_be_connected_to_until_it_is_removed),
		TEST(abstract_name_needs_no_file),
		TEST(stale_socket_is_taken_over),
		TEST(live_socket_is_left_alone_and_unasked),
		TEST(live_datagram_socket_is_left_alone),
		TEST(what_is_no_socket_is_never_removed),
		TEST(anothers_file_is_not_removed),
		TEST(mode_is_what_was_asked_for),
		TEST(directory_must_be_there),
		TEST(locked_directory_is_not_waited_for_for_ever),
		TEST(one_of_many_takes_a_stale_socket),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
