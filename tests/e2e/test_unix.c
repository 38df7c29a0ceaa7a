/* SPDX-License-Identifier: MIT */
/*
 * Unix sockets beside TCP: the same bytes, the same rules, and files that are
 * looked after.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "crowd.h"

#define MIB (1u << 20)

static struct daemon_fixture daemon_, second;
static struct crowd crowd;
static char directory[] = "/tmp/bcast-e2e-XXXXXX";
static char in_path[64], out_path[64];	   /* where the files are */
static char in_option[80], out_option[80]; /* as options say it */

static int make_directory(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(in_path, sizeof(in_path), "%s/in", directory);
	snprintf(out_path, sizeof(out_path), "%s/out", directory);
	snprintf(in_option, sizeof(in_option), "unix:%s", in_path);
	snprintf(out_option, sizeof(out_option), "unix:%s", out_path);
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

static int prepare(void **state)
{
	(void)state;
	daemon_ = (struct daemon_fixture){0};
	second = (struct daemon_fixture){0};
	crowd_open(&crowd, &daemon_);
	return 0;
}

static int close_all(void **state)
{
	crowd_close(&crowd);
	(void)daemon_fixture_cleanup(state);
	(void)unlink(in_path);
	(void)unlink(out_path);
	return 0;
}

static void start(const char *option, const char *value)
{
	const char *options[] = {"--ring-size", "4M",	       "--ingest",
				 in_option,	"--egress",    out_option,
				 "--egress",	"127.0.0.1:0", option,
				 value,		NULL};

	daemon_fixture_start(&daemon_, options);
	crowd_open(&crowd, &daemon_);
}

/* ---- Clients ----------------------------------------------------------- */

/* '@' in front: an abstract name. */
static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_in_range(length, 1, sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, length);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	length += offsetof(struct sockaddr_un, sun_path) + (path[0] != '@');
	if (connect(fd, (struct sockaddr *)&address, (socklen_t)length) < 0)
		fail_msg("cannot connect to %s: %s", path, strerror(errno));
	return fd;
}

static struct consumer *receive(const char *path)
{
	uint64_t before = daemon_fixture_counter(&daemon_, "receivers_joined");
	struct consumer *consumer = crowd_adopt(&crowd, connect_to(path));

	daemon_fixture_await(&daemon_, "receivers_joined", before + 1);
	return consumer;
}

static void send_from(const char *path)
{
	uint64_t before = daemon_fixture_counter(&daemon_, "senders_joined");

	crowd.sender = connect_to(path);
	daemon_fixture_await(&daemon_, "senders_joined", before + 1);
}

static bool has_ended(void *argument)
{
	return ((const struct consumer *)argument)->ended;
}

static mode_t mode_of(const char *path)
{
	struct stat info;

	if (lstat(path, &info) < 0)
		fail_msg("%s is not there", path);
	assert_true(S_ISSOCK(info.st_mode));
	return info.st_mode & 07777;
}

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

/* ---- The stream -------------------------------------------------------- */

static void same_bytes_by_unix_sockets_and_tcp(void **state)
{
	char expected[128];

	(void)state;
	start("--slow-policy", "block");
	snprintf(expected, sizeof(expected), "info listening addr=%s role=%s",
		 out_option, "egress\n");
	assert_int_equal(daemon_fixture_logged(&daemon_, expected), 1);
	receive(out_path);
	receive(out_path);
	crowd_receive(&crowd);
	send_from(in_path);
	snprintf(expected, sizeof(expected),
		 "info receiver_joined peer=unix:pid=%d,uid=%u position=0\n",
		 (int)getpid(), (unsigned)getuid());
	daemon_fixture_await_log(&daemon_, expected, 2);

	crowd_send(&crowd, 32 * MIB);
	crowd_settle(&crowd);

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(crowd.consumers[i].bytes, 32 * MIB);
	daemon_fixture_await(&daemon_, "bytes_out", 3 * 32 * MIB);
	assert_int_equal(kill(daemon_.pid, SIGTERM), 0);
	crowd_run_to_end(&crowd);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(crowd.consumers[i].error, 0);
	assert_int_equal(daemon_fixture_wait(&daemon_), 0);
	daemon_fixture_assert_clean(&daemon_);
	daemon_fixture_forget(&daemon_);
	assert_false(is_there(in_path));
	assert_false(is_there(out_path));
}

static void first_at_an_abstract_name_is_the_sender(void **state)
{
	char option[64], name[48];
	const char *options[] = {"--ring-size", "1M", "--listen", option, NULL};

	(void)state;
	snprintf(name, sizeof(name), "@%s", test_name());
	snprintf(option, sizeof(option), "unix:%s", name);
	daemon_fixture_start(&daemon_, options);
	send_from(name);
	receive(name);

	crowd_send(&crowd, MIB);
	crowd_settle(&crowd);

	assert_int_equal(crowd.consumers[0].bytes, MIB);
	daemon_fixture_stop(&daemon_);
}

/* The sender's end is taken from the sender that follows, at once. */
static void next_unix_sender_follows_the_last(void **state)
{
	(void)state;
	start(NULL, NULL);
	receive(out_path);
	for (unsigned i = 0; i < 20; i++) {
		send_from(in_path);
		crowd_send(&crowd, 100000);
		crowd_settle(&crowd);
		crowd_end_sender(&crowd);
	}

	assert_int_equal(crowd.consumers[0].bytes, 20 * 100000);
	assert_int_equal(daemon_fixture_counter(&daemon_, "senders_refused"),
			 0);
	daemon_fixture_stop(&daemon_);
}

static void receiver_that_starts_to_send_becomes_the_sender(void **state)
{
	const char *options[] = {"--listen", in_option, "--reassign", "any",
				 NULL};
	struct consumer *first;

	(void)state;
	daemon_fixture_start(&daemon_, options);
	crowd_open(&crowd, &daemon_);
	send_from(in_path);
	first = receive(in_path);
	receive(in_path);
	crowd_end_sender(&crowd);
	daemon_fixture_await(&daemon_, "senders", 0);

	crowd.sender = first->fd;
	first->fd = -1;
	first->ended = true;
	crowd_send(&crowd, MIB);
	crowd_settle(&crowd);

	assert_int_equal(crowd.consumers[1].bytes, MIB);
	daemon_fixture_stop(&daemon_);
}

/* ---- Receivers come and go --------------------------------------------- */

static void half_closed_is_served_and_closed_is_noticed(void **state)
{
	struct consumer *half, *gone;

	(void)state;
	start(NULL, NULL);
	half = receive(out_path);
	gone = receive(out_path);
	assert_int_equal(shutdown(half->fd, SHUT_WR), 0);
	send_from(in_path);

	crowd_leave(gone);
	daemon_fixture_await(&daemon_, "receivers", 1);
	crowd_send(&crowd, MIB);
	crowd_settle(&crowd);
	assert_int_equal(half->bytes, MIB);

	crowd_leave(half);
	daemon_fixture_await(&daemon_, "receivers", 0);
	daemon_fixture_await_log(&daemon_, " reason=closed_by_peer", 2);
	daemon_fixture_stop(&daemon_);
}

static void what_unix_receivers_send_is_discarded(void **state)
{
	static unsigned char garbage[100000];
	struct consumer *talker;
	uint64_t spoken = 0;

	(void)state;
	start(NULL, NULL);
	talker = receive(out_path);
	send_from(in_path);

	for (unsigned i = 0; i < 100; i++) {
		ssize_t n = send(talker->fd, garbage, sizeof(garbage),
				 MSG_DONTWAIT);

		if (n > 0)
			spoken += (uint64_t)n;
		crowd_send(&crowd, 50000);
		crowd_step(&crowd);
	}
	crowd_settle(&crowd);

	assert_true(spoken > 0);
	daemon_fixture_await(&daemon_, "discarded_bytes", spoken);
	assert_int_equal(talker->bytes, 100 * 50000);
	daemon_fixture_stop(&daemon_);
}

/* Unread bytes of the peer must not turn the orderly end into an error. */
static void talking_receiver_ends_in_order(void **state)
{
	static unsigned char garbage[50000];
	struct consumer *talker;

	(void)state;
	start(NULL, NULL);
	talker = receive(out_path);
	send_from(in_path);
	crowd_send(&crowd, 100000);
	crowd_settle(&crowd);

	(void)send(talker->fd, garbage, sizeof(garbage), MSG_DONTWAIT);
	assert_int_equal(kill(daemon_.pid, SIGTERM), 0);
	crowd_run_to_end(&crowd);

	assert_int_equal(talker->error, 0);
	assert_int_equal(talker->bytes, 100000);
	assert_int_equal(daemon_fixture_wait(&daemon_), 0);
	daemon_fixture_forget(&daemon_);
}

static void stalled_unix_receiver_is_dropped(void **state)
{
	struct consumer *stalled;

	(void)state;
	start("--sndbuf", "64K");
	stalled = receive(out_path);
	crowd_receive(&crowd);
	send_from(in_path);
	stalled->stalled = true;

	crowd_send(&crowd, 16 * MIB);
	crowd_settle(&crowd);

	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers_dropped"),
			 1);
	daemon_fixture_await_log(&daemon_,
				 "receiver_dropped peer=unix:pid=", 1);
	/* there is no reset: it gets what was on the way, and the end */
	stalled->stalled = false;
	crowd_run_until(&crowd, has_ended, stalled);
	assert_true(stalled->bytes < 4 * MIB);
	daemon_fixture_stop(&daemon_);
}

/* ---- Files ------------------------------------------------------------- */

static void killed_daemons_files_are_taken_over(void **state)
{
	(void)state;
	start(NULL, NULL);
	assert_int_equal(kill(daemon_.pid, SIGKILL), 0);
	assert_int_equal(daemon_fixture_wait(&daemon_), 128 + SIGKILL);
	assert_true(is_there(out_path));
	snprintf(second.name, sizeof(second.name), "%s", daemon_.name);
	daemon_fixture_forget(&daemon_);
	daemon_ = second;

	start(NULL, NULL);

	receive(out_path);
	send_from(in_path);
	crowd_send(&crowd, MIB);
	crowd_settle(&crowd);
	daemon_fixture_stop(&daemon_);
	assert_false(is_there(in_path));
	assert_false(is_there(out_path));
}

static void live_daemons_files_are_left_alone(void **state)
{
	const char *options[] = {"--egress", out_option, NULL};

	(void)state;
	start(NULL, NULL);

	daemon_fixture_launch(&second, options);

	assert_int_equal(daemon_fixture_wait(&second), EX_UNAVAILABLE);
	assert_int_equal(
		daemon_fixture_logged(&second, "somebody listens there"), 1);
	daemon_fixture_forget(&second);
	assert_int_equal(daemon_fixture_counter(&daemon_, "accepts"), 0);
	receive(out_path);
	daemon_fixture_stop(&daemon_);
}

static void other_files_are_left_alone(void **state)
{
	const char *options[] = {"--egress", out_option, NULL};
	int fd = open(out_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	(void)state;
	assert_int_equal(write(fd, "data", 4), 4);
	(void)close(fd);

	daemon_fixture_launch(&second, options);

	assert_int_equal(daemon_fixture_wait(&second), EX_CANTCREAT);
	assert_int_equal(daemon_fixture_logged(&second, "not a socket"), 1);
	assert_true(is_there(out_path));
	daemon_fixture_forget(&second);
}

static void file_of_another_is_not_removed_at_the_end(void **state)
{
	int fd;

	(void)state;
	start(NULL, NULL);
	assert_int_equal(unlink(out_path), 0);
	fd = open(out_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	(void)close(fd);

	daemon_fixture_stop(&daemon_);

	assert_true(is_there(out_path));
	assert_false(is_there(in_path));
}

static void may_connect(const char *mode, mode_t at_egress, mode_t at_ingest)
{
	start("--mode", mode);
	assert_int_equal(mode_of(out_path), at_egress);
	assert_int_equal(mode_of(in_path), at_ingest);
	daemon_fixture_stop(&daemon_);
}

static void who_may_read_may_connect_and_who_may_write_may_send(void **state)
{
	(void)state;
	may_connect("0600", 0600, 0600);
	may_connect("0640", 0660, 0600);
	may_connect("0660", 0660, 0660);
	may_connect("0644", 0666, 0600);
	may_connect("0664", 0666, 0660);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, prepare, close_all)
	const struct CMUnitTest tests[] = {
		TEST(same_bytes_by_unix_sockets_and_tcp),
		TEST(first_at_an_abstract_name_is_the_sender),
		TEST(next_unix_sender_follows_the_last),
		TEST(receiver_that_starts_to_send_becomes_the_sender),
		TEST(half_closed_is_served_and_closed_is_noticed),
		TEST(what_unix_receivers_send_is_discarded),
		TEST(talking_receiver_ends_in_order),
		TEST(stalled_unix_receiver_is_dropped),
		TEST(killed_daemons_files_are_taken_over),
		TEST(live_daemons_files_are_left_alone),
		TEST(other_files_are_left_alone),
		TEST(file_of_another_is_not_removed_at_the_end),
		TEST(who_may_read_may_connect_and_who_may_write_may_send),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
