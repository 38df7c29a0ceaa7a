/* SPDX-License-Identifier: MIT */
/* test_pub.c - the real bcast-pub: what becomes of its input, what it says. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "manual.h"
#include "run_program.h"
#include "support.h"
#include "tool_stream.h"

#define LIMIT	      (TOOL_STREAM_RING / 4 - 32)
#define ARGUMENTS_MAX 8

/* What a test uses; freed whether it passes or not. */
struct pubbed {
	const char *name;
	struct bc_segment stream;
	struct run_program tool, second;
	struct bcast_reader *reader;
	struct bcast_node *node;
	struct bcast_publisher *publisher;
	char folder[32];
	char files[2][48];
	int fifo;
};

static int set_up(void **state)
{
	struct pubbed *pubbed = calloc(1, sizeof(*pubbed));

	*state = pubbed;
	if (!pubbed)
		return -1;
	pubbed->name = test_name();
	pubbed->fifo = -1;
	snprintf(pubbed->folder, sizeof(pubbed->folder), "/tmp/t-pub-XXXXXX");
	if (!mkdtemp(pubbed->folder))
		return -1;
	for (int i = 0; i < 2; i++)
		snprintf(pubbed->files[i], sizeof(pubbed->files[i]), "%s/%d",
			 pubbed->folder, i);
	return 0;
}

static int tear_down(void **state)
{
	struct pubbed *pubbed = *state;

	run_program_end(&pubbed->tool);
	run_program_end(&pubbed->second);
	bcast_detach(pubbed->reader);
	bcast_publisher_close(pubbed->publisher);
	bcast_leave(pubbed->node);
	tool_stream_remove_nodes(pubbed->name);
	tool_stream_destroy(&pubbed->stream);
	tool_stream_remove(pubbed->name);
	if (pubbed->fifo >= 0)
		(void)close(pubbed->fifo);
	for (int i = 0; i < 2; i++)
		(void)unlink(pubbed->files[i]);
	(void)rmdir(pubbed->folder);
	free(pubbed);
	return 0;
}

static void open_stream(struct pubbed *pubbed, bool packets)
{
	if (packets)
		tool_stream_create_packets(&pubbed->stream, pubbed->name);
	else
		tool_stream_create(&pubbed->stream, pubbed->name);
	tool_stream_add_nodes(&pubbed->stream, pubbed->name, 4);
	assert_int_equal(bcast_attach(pubbed->name, NULL, &pubbed->reader), 0);
}

static void write_file(const char *path, const void *bytes, size_t size)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	(void)close(fd);
}

/* `bcast-pub options... NAME FILE FILE`, without those that are NULL. */
static void start(struct pubbed *pubbed, struct run_program *tool,
		  const char *options, const char *first, const char *second)
{
	const char *argv[ARGUMENTS_MAX + 5] = {TOOL};
	char words[128];
	char *rest = NULL;
	size_t count = 1;

	snprintf(words, sizeof(words), "%s", options);
	for (char *word = strtok_r(words, " ", &rest);
	     word && count < ARGUMENTS_MAX; word = strtok_r(NULL, " ", &rest))
		argv[count++] = word;
	argv[count++] = pubbed->name;
	argv[count++] = first;
	argv[count++] = first ? second : NULL;
	run_program_end(tool);
	assert_int_equal(run_program_start(tool, argv), 0);
}

static int run(struct pubbed *pubbed, const char *options, const char *first,
	       const char *second)
{
	start(pubbed, &pubbed->tool, options, first, second);
	return run_program_wait(&pubbed->tool);
}

/* The first file holds this text; run on it. */
static int run_text(struct pubbed *pubbed, const char *options,
		    const char *text)
{
	write_file(pubbed->files[0], text, strlen(text));
	return run(pubbed, options, pubbed->files[0], NULL);
}

static void assert_said(const struct run_program *tool, const char *text)
{
	if (!strstr(tool->error.bytes, text))
		fail_msg("it does not say '%s' but:\n%s", text,
			 tool->error.bytes);
}

static struct bcast_packet expect_record(struct pubbed *pubbed,
					 const char *payload)
{
	struct bcast_packet packet;

	assert_int_equal(bcast_next(pubbed->reader, &packet), 1);
	assert_int_equal(packet.length, strlen(payload));
	assert_memory_equal(packet.payload, payload, packet.length);
	assert_int_equal(bcast_consume(pubbed->reader, packet.size), 0);
	return packet;
}

static void expect_nothing(struct pubbed *pubbed)
{
	const void *data;

	assert_int_equal(bcast_peek(pubbed->reader, &data), 0);
}

static void expect_bytes(struct pubbed *pubbed, const char *bytes)
{
	char buffer[256];

	assert_int_equal(bcast_read(pubbed->reader, buffer, sizeof(buffer)),
			 strlen(bytes));
	assert_memory_equal(buffer, bytes, strlen(bytes));
}

/* ---- Cuts -------------------------------------------------------------- */

static void lines_become_records(void **state)
{
	struct pubbed *pubbed = *state;

	open_stream(pubbed, true);
	write_file(pubbed->files[0], "one\n\nthree", 10);
	write_file(pubbed->files[1], "of another file\n", 16);

	assert_int_equal(run(pubbed, "", pubbed->files[0], pubbed->files[1]),
			 0);

	expect_record(pubbed, "one");
	expect_record(pubbed, "");
	expect_record(pubbed, "three");
	assert_int_equal(expect_record(pubbed, "of another file").sequence, 4);
	expect_nothing(pubbed);
	assert_string_equal(pubbed->tool.error.bytes, "");
}

static void bytes_stay_as_they_are(void **state)
{
	struct pubbed *pubbed = *state;

	open_stream(pubbed, false);
	assert_int_equal(run_text(pubbed, "", "one\n\nthree"), 0);
	expect_bytes(pubbed, "one\n\nthree");
	assert_int_equal(run_text(pubbed, "--lines", "four\nfive"), 0);
	expect_bytes(pubbed, "four\nfive");
	assert_int_equal(run_text(pubbed, "--whole", ""), 0);
	expect_nothing(pubbed);
}

static void blocks_are_of_one_size(void **state)
{
	struct pubbed *pubbed = *state;

	open_stream(pubbed, true);
	assert_int_equal(run_text(pubbed, "--block 4", "0123456789"), 0);
	expect_record(pubbed, "0123");
	expect_record(pubbed, "4567");
	expect_record(pubbed, "89");
	assert_int_equal(run_text(pubbed, "--block 5", "0123456789"), 0);
	expect_record(pubbed, "01234");
	expect_record(pubbed, "56789");
	expect_nothing(pubbed);
}

static void whole_files_are_records(void **state)
{
	struct pubbed *pubbed = *state;

	open_stream(pubbed, true);
	write_file(pubbed->files[0], "a\nb", 3);
	write_file(pubbed->files[1], "", 0);
	assert_int_equal(
		run(pubbed, "--whole", pubbed->files[0], pubbed->files[1]), 0);
	expect_record(pubbed, "a\nb");
	expect_record(pubbed, "");
	expect_nothing(pubbed);
}

static void lengths_stand_before_records(void **state)
{
	static const char bytes[] = "\0\0\0\3abc\0\0\0\0\0\0\0\4d";
	struct pubbed *pubbed = *state;

	open_stream(pubbed, true);
	write_file(pubbed->files[0], bytes, 11);
	assert_int_equal(
		run(pubbed, "--length-prefixed", pubbed->files[0], NULL), 0);
	expect_record(pubbed, "abc");
	expect_record(pubbed, "");

	write_file(pubbed->files[0], bytes, sizeof(bytes) - 1);
	assert_int_equal(
		run(pubbed, "--length-prefixed", pubbed->files[0], NULL),
		EX_DATAERR);
	assert_said(&pubbed->tool, "ends within record 3");
	expect_record(pubbed, "abc");
	expect_record(pubbed, "");
	expect_nothing(pubbed);
}

/* A file of `size` bytes x in one of the three forms that have a size. */
static int run_size(struct pubbed *pubbed, const char *options, size_t size)
{
	static unsigned char bytes[LIMIT + 8];
	bool prefixed = strstr(options, "prefixed") != NULL;

	memset(bytes, 'x', sizeof(bytes));
	bytes[0] = bytes[1] = 0;
	bytes[2] = (unsigned char)(size >> 8);
	bytes[3] = (unsigned char)size;
	write_file(pubbed->files[0], prefixed ? bytes : bytes + 4,
		   prefixed ? size + 4 : size);
	return run(pubbed, options, pubbed->files[0], NULL);
}

static void limit_is_named_where_it_is_exceeded(void **state)
{
	static const char *const cuts[] = {"--lines", "--whole",
					   "--length-prefixed"};
	struct pubbed *pubbed = *state;
	struct bcast_packet packet;
	char limit[32];

	open_stream(pubbed, true);
	snprintf(limit, sizeof(limit), "at most %llu ",
		 (unsigned long long)LIMIT);
	for (int i = 0; i < 3; i++) {
		for (size_t size = LIMIT - 1; size <= LIMIT; size++) {
			assert_int_equal(run_size(pubbed, cuts[i], size), 0);
			assert_int_equal(bcast_next(pubbed->reader, &packet),
					 1);
			assert_int_equal(packet.length, size);
			assert_int_equal(
				bcast_consume(pubbed->reader, packet.size), 0);
		}
		assert_int_equal(run_size(pubbed, cuts[i], LIMIT + 1),
				 EX_DATAERR);
		assert_said(&pubbed->tool, limit);
		expect_nothing(pubbed);
	}
	assert_int_equal(run_text(pubbed, "--block 16353", "x"), EX_USAGE);
	assert_said(&pubbed->tool, limit);
	assert_int_equal(run_text(pubbed, "--block 16352", "x"), 0);
}

static void headers_say_what_was_asked_for(void **state)
{
	struct pubbed *pubbed = *state;
	struct bcast_packet packet;

	open_stream(pubbed, true);
	assert_int_equal(run_text(pubbed, "--source 65535 --stamp none", "x"),
			 0);
	packet = expect_record(pubbed, "x");
	assert_int_equal(packet.source, 65535);
	assert_int_equal(packet.timestamp_ns, 0);
	assert_int_equal(run_text(pubbed, "--stamp exact", "y"), 0);
	packet = expect_record(pubbed, "y");
	assert_int_equal(packet.source, 0);
	assert_true(packet.timestamp_ns > UINT64_C(1000000000));
}

static void rate_is_held(void **state)
{
	struct pubbed *pubbed = *state;
	uint64_t begin_ms = test_now_ms();

	open_stream(pubbed, true);
	/* the first of the 21 is free */
	assert_int_equal(run_text(pubbed, "--rate 100/s --stats",
				  "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"),
			 0);
	assert_true(test_now_ms() - begin_ms >= 190);
	assert_said(&pubbed->tool, "{\"publications\":21,\"bytes\":0,");

	begin_ms = test_now_ms();
	assert_int_equal(
		run_size(pubbed, "--rate 50KB/s --block 1K", 11 * 1024), 0);
	assert_true(test_now_ms() - begin_ms >= 190);
}

/* ---- Others ------------------------------------------------------------ */

static void holder_of_the_lease_is_named(void **state)
{
	struct pubbed *pubbed = *state;
	char pid[32];

	open_stream(pubbed, true);
	assert_int_equal(bcast_join(pubbed->name, "busy", NULL, &pubbed->node),
			 0);
	assert_int_equal(
		bcast_publisher_open(pubbed->node, NULL, &pubbed->publisher),
		0);
	snprintf(pid, sizeof(pid), "pid %d", (int)getpid());

	assert_int_equal(run_text(pubbed, "", "x"), EX_TEMPFAIL);
	assert_said(&pubbed->tool, "'busy'");
	assert_said(&pubbed->tool, pid);
	assert_int_equal(run_text(pubbed, "--wait=100ms", "x"), EX_TEMPFAIL);
	assert_said(&pubbed->tool, "waiting for the end of busy");

	start(pubbed, &pubbed->second, "--wait", pubbed->files[0], NULL);
	assert_true(run_program_read_error(&pubbed->second, "waiting"));
	bcast_publisher_close(pubbed->publisher);
	pubbed->publisher = NULL;
	assert_int_equal(run_program_wait(&pubbed->second), 0);
	expect_record(pubbed, "x");
}

static void id_in_use_is_refused(void **state)
{
	struct pubbed *pubbed = *state;

	open_stream(pubbed, true);
	assert_int_equal(bcast_join(pubbed->name, "mine", NULL, &pubbed->node),
			 0);
	assert_int_equal(run_text(pubbed, "--id mine", "x"), EX_UNAVAILABLE);
	assert_said(&pubbed->tool, "id 'mine' is in use by process");
	assert_int_equal(run_text(pubbed, "--id not/so", "x"), EX_USAGE);
}

static bool has_data(void *argument)
{
	const void *data;

	return bcast_peek(argument, &data) > 0;
}

/* A pipe that we write to, as if typing. */
static void start_typing(struct pubbed *pubbed, const char *options)
{
	assert_int_equal(mkfifo(pubbed->files[0], 0600), 0);
	start(pubbed, &pubbed->tool, options, pubbed->files[0], NULL);
	pubbed->fifo = open(pubbed->files[0], O_WRONLY | O_CLOEXEC);
	assert_true(pubbed->fifo >= 0);
}

static void what_is_typed_is_seen_at_once(void **state)
{
	struct pubbed *pubbed = *state;

	open_stream(pubbed, true);
	start_typing(pubbed, "--stats");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(write(pubbed->fifo, "a line\nand a pa", 15),
				 15);
		assert_true(test_within(DEADLINE_MS, has_data, pubbed->reader));
		expect_record(pubbed, i ? "and a paa line" : "a line");
	}
	expect_nothing(pubbed);

	/* half a line is no line */
	assert_int_equal(kill(pubbed->tool.pid, SIGTERM), 0);
	assert_int_equal(run_program_wait(&pubbed->tool),
			 RUN_PROGRAM_SIGNAL(SIGTERM));
	assert_said(&pubbed->tool, "{\"publications\":3,");
	expect_nothing(pubbed);
}

static void end_of_the_stream_ends_it(void **state)
{
	struct pubbed *pubbed = *state;

	open_stream(pubbed, false);
	start_typing(pubbed, "");
	assert_int_equal(write(pubbed->fifo, "abc", 3), 3);
	assert_true(test_within(DEADLINE_MS, has_data, pubbed->reader));

	bc_segment_set_state(&pubbed->stream, BC_STATE_DRAINING);

	assert_int_equal(run_program_wait(&pubbed->tool), EX_UNAVAILABLE);
	assert_said(&pubbed->tool, "has ended, or its daemon is stopping; 3 "
				   "bytes");
	write_file(pubbed->files[1], "", 0);
	assert_int_equal(run(pubbed, "", pubbed->files[1], NULL),
			 EX_UNAVAILABLE);
}

static void absent_stream_is_waited_for_if_asked(void **state)
{
	struct pubbed *pubbed = *state;

	assert_int_equal(run_text(pubbed, "", "x"), EX_UNAVAILABLE);
	assert_said(&pubbed->tool, "no stream");
	assert_int_equal(run_text(pubbed, "--wait=100ms", "x"), EX_UNAVAILABLE);
	start(pubbed, &pubbed->tool, "--wait", pubbed->files[0], NULL);
	assert_true(run_program_read_error(&pubbed->tool, "waiting for"));
	open_stream(pubbed, false);
	assert_int_equal(run_program_wait(&pubbed->tool), 0);
	assert_true(has_data(pubbed->reader) ||
		    bcast_position(pubbed->reader) == 1);
}

/* ---- What is wrong ----------------------------------------------------- */

static void bad_command_lines_are_refused(void **state)
{
	static const char *const bad[] = {
		"--source 65536", "--source x",	  "--stamp now",
		"--rate 10",	  "--rate 0/s",	  "--rate B/s",
		"--rate /s",	  "--rate 5MB",	  "--block 0",
		"--block x",	  "--wait=1h",	  "--lines --whole",
		"--nonsense",	  "--block 1 -l",
	};
	struct pubbed *pubbed = *state;
	const char *const no_stream[] = {TOOL, NULL};

	open_stream(pubbed, true);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(run_text(pubbed, bad[i], "x"), EX_USAGE);
		assert_int_equal(pubbed->tool.out.size, 0);
	}
	run_program_end(&pubbed->tool);
	assert_int_equal(run_program(&pubbed->tool, no_stream), EX_USAGE);
	expect_nothing(pubbed);
}

static void absent_file_is_refused(void **state)
{
	struct pubbed *pubbed = *state;

	open_stream(pubbed, true);
	assert_int_equal(run(pubbed, "", "/nonexistent/file", NULL),
			 EX_NOINPUT);
	assert_said(&pubbed->tool, "/nonexistent/file: No such file");
	assert_int_equal(run(pubbed, "", pubbed->folder, NULL), EX_IOERR);
	assert_said(&pubbed->tool, "Is a directory");
}

static void help_and_manual_agree(void **state)
{
	(void)state;
	manual_agrees(TOOL, MANUAL);
}

int main(void)
{
#define PUB_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		PUB_TEST(lines_become_records),
		PUB_TEST(bytes_stay_as_they_are),
		PUB_TEST(blocks_are_of_one_size),
		PUB_TEST(whole_files_are_records),
		PUB_TEST(lengths_stand_before_records),
		PUB_TEST(limit_is_named_where_it_is_exceeded),
		PUB_TEST(headers_say_what_was_asked_for),
		PUB_TEST(rate_is_held),
		PUB_TEST(holder_of_the_lease_is_named),
		PUB_TEST(id_in_use_is_refused),
		PUB_TEST(what_is_typed_is_seen_at_once),
		PUB_TEST(end_of_the_stream_ends_it),
		PUB_TEST(absent_stream_is_waited_for_if_asked),
		PUB_TEST(bad_command_lines_are_refused),
		PUB_TEST(absent_file_is_refused),
		PUB_TEST(help_and_manual_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
