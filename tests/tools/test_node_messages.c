/* SPDX-License-Identifier: MIT */
/* test_node_messages.c - bcast-node send and recv, and what they say. */
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "run_program.h"
#include "shm/registry.h"
#include "support.h"
#include "tool_stream.h"

#define LIMIT (BC_PAGE - 96u)

/* What a test uses; freed whether it passes or not. */
struct mail {
	const char *name;
	struct bc_segment stream;
	struct run_program sender, receiver;
	struct bcast_node *node; /* "alice", in slot 0 */
	struct bcast_message message;
};

static int set_up(void **state)
{
	struct mail *mail = calloc(1, sizeof(*mail));

	*state = mail;
	if (!mail)
		return -1;
	mail->name = test_name();
	tool_stream_create(&mail->stream, mail->name);
	tool_stream_add_nodes(&mail->stream, mail->name, 4);
	assert_int_equal(bcast_join(mail->name, "alice", NULL, &mail->node), 0);
	return 0;
}

static int tear_down(void **state)
{
	struct mail *mail = *state;

	run_program_end(&mail->sender);
	run_program_end(&mail->receiver);
	bcast_leave(mail->node);
	tool_stream_remove_nodes(mail->name);
	tool_stream_destroy(&mail->stream);
	tool_stream_remove(mail->name);
	free(mail);
	return 0;
}

static void start(struct run_program *tool, const char *name, const char *a,
		  const char *b, const char *c, const char *d)
{
	const char *const argv[] = {TOOL, name, a, b, c, d, NULL};

	run_program_end(tool);
	assert_int_equal(run_program_start(tool, argv), 0);
}

/* Run "send" with these words. */
static int send(struct mail *mail, const char *a, const char *b, const char *c)
{
	start(&mail->sender, mail->name, "send", a, b, c);
	return run_program_wait(&mail->sender);
}

/* The same by a shell, with `input` printed to it. */
static int pipe_to(struct mail *mail, const char *input, const char *words)
{
	char command[512];
	const char *const argv[] = {"/bin/sh", "-c", command, NULL};

	snprintf(command, sizeof(command), "printf '%s' | %s %s send %s", input,
		 TOOL, mail->name, words);
	run_program_end(&mail->sender);
	assert_int_equal(run_program_start(&mail->sender, argv), 0);
	return run_program_wait(&mail->sender);
}

static void assert_said(const struct run_program *tool, const char *text)
{
	if (!strstr(tool->error.bytes, text))
		fail_msg("'%s' is not in '%s'", text, tool->error.bytes);
}

static void expect(struct mail *mail, const char *text, size_t size)
{
	assert_int_equal(bcast_recv(mail->node, &mail->message, 0), 1);
	assert_int_equal(mail->message.size, size);
	assert_memory_equal(mail->message.data, text, size);
}

/* ---- Send -------------------------------------------------------------- */

static void text_is_sent_as_asked(void **state)
{
	struct mail *mail = *state;

	assert_int_equal(send(mail, "alice", "--text=hello", "--type=7"), 0);
	expect(mail, "hello", 5);
	assert_int_equal(mail->message.type, 7);
	assert_memory_equal(mail->message.from, "bcast-node.", 11);

	assert_int_equal(send(mail, "alice", "--text=", "--from=bob"), 0);
	expect(mail, "", 0);
	assert_int_equal(mail->message.type, 0);
	assert_string_equal(mail->message.from, "bob");
}

static void lines_are_messages(void **state)
{
	struct mail *mail = *state;

	assert_int_equal(pipe_to(mail, "one\\n\\ntwo words\\nrest", "alice"),
			 0);

	expect(mail, "one", 3);
	expect(mail, "", 0);
	expect(mail, "two words", 9);
	expect(mail, "rest", 4);
	assert_int_equal(bcast_recv(mail->node, &mail->message, 0), 0);
}

static void input_is_sent_whole_if_asked(void **state)
{
	struct mail *mail = *state;

	assert_int_equal(pipe_to(mail, "one\\n\\000two\\n", "alice --whole"),
			 0);
	assert_int_equal(pipe_to(mail, "", "alice --whole"), 0);

	expect(mail, "one\n\0two\n", 9);
	expect(mail, "", 0);
}

static void broadcast_goes_to_all(void **state)
{
	struct mail *mail = *state;
	struct bcast_node *bob;

	assert_int_equal(bcast_join(mail->name, "bob", NULL, &bob), 0);

	assert_int_equal(send(mail, "--broadcast", "--text=x", NULL), 0);

	expect(mail, "x", 1);
	assert_int_equal(bcast_recv(bob, &mail->message, 0), 1);
	bcast_leave(bob);
}

/* `x` of that many bytes, on standard input. */
static int pipe_bytes(struct mail *mail, size_t size, const char *words)
{
	char command[512];
	const char *const argv[] = {"/bin/sh", "-c", command, NULL};

	snprintf(command, sizeof(command),
		 "head -c %zu /dev/zero | tr '\\000' x | %s %s send %s", size,
		 TOOL, mail->name, words);
	run_program_end(&mail->sender);
	assert_int_equal(run_program_start(&mail->sender, argv), 0);
	return run_program_wait(&mail->sender);
}

static void message_that_is_too_long_names_the_limit(void **state)
{
	struct mail *mail = *state;

	for (size_t size = LIMIT - 1; size <= LIMIT; size++) {
		assert_int_equal(pipe_bytes(mail, size, "alice"), 0);
		assert_int_equal(bcast_recv(mail->node, &mail->message, 0), 1);
		assert_int_equal(mail->message.size, size);
	}
	assert_int_equal(pipe_bytes(mail, LIMIT + 1, "alice"), EX_DATAERR);
	assert_said(&mail->sender, "message 1");
	assert_said(&mail->sender, "4000 bytes");
	assert_said(&mail->sender, "--inbox-size");
	assert_int_equal(pipe_bytes(mail, LIMIT + 1, "alice --whole"),
			 EX_DATAERR);
	assert_int_equal(bcast_recv(mail->node, &mail->message, 0), 0);
}

static void full_inbox_is_told(void **state)
{
	struct mail *mail = *state;

	assert_int_equal(pipe_bytes(mail, LIMIT, "alice"), 0);

	assert_int_equal(send(mail, "alice", "--text=x", "--timeout=10"),
			 EX_TEMPFAIL);
	assert_said(&mail->sender, "message 1");
	assert_said(&mail->sender, "'alice' is full");
	assert_int_equal(send(mail, "--broadcast", "--text=x", "--timeout=10"),
			 EX_TEMPFAIL);
	assert_said(&mail->sender, "reached 0 nodes");
	assert_said(&mail->sender, "full inbox (1)");
}

static void sender_waits_for_room_unless_told_otherwise(void **state)
{
	struct mail *mail = *state;

	assert_int_equal(pipe_bytes(mail, LIMIT, "alice"), 0);
	start(&mail->sender, mail->name, "send", "alice", "--text=x", NULL);
	assert_int_equal(bcast_recv(mail->node, &mail->message, 0), 1);

	assert_int_equal(run_program_wait(&mail->sender), 0);

	expect(mail, "x", 1);
}

static void addressee_that_is_not_there_is_told(void **state)
{
	struct mail *mail = *state;

	assert_int_equal(send(mail, "nobody", "--text=x", NULL),
			 EX_UNAVAILABLE);
	assert_said(&mail->sender, "no living node 'nobody'");
	assert_said(&mail->sender, " list");
	assert_int_equal(send(mail, "a/b", "--text=x", NULL), EX_USAGE);
	assert_int_equal(send(mail, "alice", "--text=x", "--from=alice"),
			 EX_UNAVAILABLE);
	assert_said(&mail->sender, "in use by process");
}

/* ---- Receive ----------------------------------------------------------- */

static bool bob_is_there(void *argument)
{
	struct mail *mail = argument;

	return bcast_send(mail->node, "bob", 7, "a\n\\\x01 z", 6, 0) == 0;
}

/* "recv bob" with these words, after which it gets one message. */
static void receive(struct mail *mail, const char *a, const char *b)
{
	start(&mail->receiver, mail->name, "recv", "bob", a, b);
	assert_true(test_within(DEADLINE_MS, bob_is_there, mail));
}

static void message_is_a_line_whatever_is_in_it(void **state)
{
	struct mail *mail = *state;

	receive(mail, "--count=2", NULL);
	assert_int_equal(
		bcast_send(mail->node, "bob", 0, "gr\xc3\xbc\xc3\x9f", 6, 0),
		0);

	assert_int_equal(run_program_wait(&mail->receiver), 0);

	assert_string_equal(mail->receiver.out.bytes,
			    "alice 7 a\\x0a\\\\\\x01 z\n"
			    "alice 0 gr\xc3\xbc\xc3\x9f\n");
}

static void raw_is_the_bytes_alone(void **state)
{
	struct mail *mail = *state;

	receive(mail, "--count=1", "--raw");

	assert_int_equal(run_program_wait(&mail->receiver), 0);

	assert_int_equal(mail->receiver.out.size, 6);
	assert_memory_equal(mail->receiver.out.bytes, "a\n\\\x01 z", 6);
}

static struct json_object *get(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	assert_true(json_object_object_get_ex(object, key, &value));
	return value;
}

static void json_has_text_or_hex(void **state)
{
	struct mail *mail = *state;
	struct json_object *object;
	const char *second;

	receive(mail, "--count=2", "--json");
	assert_int_equal(bcast_send(mail->node, "bob", 0, "\xff\x00\xc3", 3, 0),
			 0);
	assert_int_equal(run_program_wait(&mail->receiver), 0);
	second = strchr(mail->receiver.out.bytes, '\n');
	assert_non_null(second);

	object = json_tokener_parse(mail->receiver.out.bytes);
	assert_string_equal(json_object_get_string(get(object, "from")),
			    "alice");
	assert_int_equal(json_object_get_int(get(object, "type")), 7);
	assert_int_equal(json_object_get_int(get(object, "size")), 6);
	assert_true(json_object_get_int64(get(object, "sent_ns")) > 0);
	assert_true(json_object_get_int64(get(object, "sequence")) > 0);
	assert_string_equal(json_object_get_string(get(object, "text")),
			    "a\n\\\x01 z");
	json_object_put(object);
	object = json_tokener_parse(second + 1);
	assert_string_equal(json_object_get_string(get(object, "hex")),
			    "ff00c3");
	json_object_put(object);
}

static void receiver_ends_in_time_or_by_a_signal(void **state)
{
	struct mail *mail = *state;

	start(&mail->receiver, mail->name, "recv", "bob", "--timeout=10", NULL);
	assert_int_equal(run_program_wait(&mail->receiver), 0);

	receive(mail, NULL, NULL);
	assert_int_equal(kill(mail->receiver.pid, SIGTERM), 0);
	assert_int_equal(run_program_wait(&mail->receiver),
			 RUN_PROGRAM_SIGNAL(SIGTERM));
}

static void end_of_the_registry_ends_the_receiver(void **state)
{
	struct mail *mail = *state;

	receive(mail, NULL, NULL);

	assert_int_equal(bc_registry_unlink(mail->name), 0);

	assert_int_equal(run_program_wait(&mail->receiver), EX_UNAVAILABLE);
	assert_said(&mail->receiver, "ended");
}

static void wrong_command_lines_are_told(void **state)
{
	struct mail *mail = *state;

	assert_int_equal(send(mail, NULL, NULL, NULL), EX_USAGE);
	assert_said(&mail->sender, "--broadcast");
	assert_int_equal(send(mail, "a", "b", NULL), EX_USAGE);
	assert_int_equal(send(mail, "a", "--broadcast", NULL), EX_USAGE);
	assert_int_equal(send(mail, "a", "--text=x", "--whole"), EX_USAGE);
	assert_int_equal(send(mail, "a", "--type=65536", NULL), EX_USAGE);
	assert_said(&mail->sender, "0 to 65535");
	assert_int_equal(send(mail, "a", "--count=1", NULL), EX_USAGE);
	assert_said(&mail->sender, "--count is not for send");
	start(&mail->receiver, mail->name, "recv", "a", "--raw", "--json");
	assert_int_equal(run_program_wait(&mail->receiver), EX_USAGE);
	start(&mail->receiver, mail->name, "recv", "a", "--count=0", NULL);
	assert_int_equal(run_program_wait(&mail->receiver), EX_USAGE);
	start(&mail->receiver, mail->name, "recv", NULL, NULL, NULL);
	assert_int_equal(run_program_wait(&mail->receiver), EX_USAGE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(text_is_sent_as_asked),
		TEST(lines_are_messages),
		TEST(input_is_sent_whole_if_asked),
		TEST(broadcast_goes_to_all),
		TEST(message_that_is_too_long_names_the_limit),
		TEST(full_inbox_is_told),
		TEST(sender_waits_for_room_unless_told_otherwise),
		TEST(addressee_that_is_not_there_is_told),
		TEST(message_is_a_line_whatever_is_in_it),
		TEST(raw_is_the_bytes_alone),
		TEST(json_has_text_or_hex),
		TEST(receiver_ends_in_time_or_by_a_signal),
		TEST(end_of_the_registry_ends_the_receiver),
		TEST(wrong_command_lines_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
