/* SPDX-License-Identifier: MIT */
/*
 * test_config_file.c - what a file may look like, and what is said of one that
 * is wrong: where, what, and all of it.
 */
#include "src/config_source.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "config_stage.h"

#define MIB (UINT64_C(1024) * 1024)

static struct config_stage stage;
static const char *const no_words[] = {NULL};

static int end(void **state)
{
	(void)state;
	stage_end(&stage);
	return 0;
}

static void takes(const char *text)
{
	stage_write(&stage, text);
	if (stage_parse_file(&stage, no_words) != CONFIG_RUN)
		fail_msg("refused:\n%s\n%s", text, stage.error);
	assert_string_equal(stage.error, "");
}

/* In one line, which begins with FILE:line. */
static void refuses(const char *text, unsigned line, const char *part)
{
	char start[96];

	stage_write(&stage, text);
	assert_int_equal(stage_parse_file(&stage, no_words), -EBADMSG);
	(void)snprintf(start, sizeof(start), "%s:%u: ", stage.path, line);
	if (strncmp(stage.error, start, strlen(start)) != 0)
		fail_msg("not at %s: %s", start, stage.error);
	stage_says(&stage, part);
	assert_int_equal(stage_lines(&stage), 1);
}

static void keys_are_the_options_names(void **state)
{
	(void)state;
	takes("name = feed\n"
	      "ring-size=1M\n"
	      "max-lag   =   50%\n"
	      "cpu: 3\n"
	      "log-level = debug"); /* no newline at the end */

	assert_string_equal(stage.config.name, "feed");
	assert_int_equal(stage.config.ring_size_bytes, MIB);
	assert_int_equal(stage.config.max_lag_bytes, MIB / 2);
	assert_int_equal(stage.config.cpu, 3);
	assert_int_equal(stage.config.log_level, LOG_LEVEL_DEBUG);
}

static void an_empty_file_is_all_defaults(void **state)
{
	(void)state;
	takes("");
	assert_string_equal(stage.config.name, "default");
	takes("\n\n# nothing\n");
	assert_int_equal(stage.config.ring_size_bytes, 256 * MIB);
}

static void addresses_add_up(void **state)
{
	(void)state;
	takes("egress = 127.0.0.1:1\n"
	      "ingest = 127.0.0.1:2\n"
	      "egress = 127.0.0.1:3,slow-policy=skip\n");

	assert_int_equal(stage.config.listen_count, 3);
	assert_string_equal(stage.config.listens[0].address, "127.0.0.1:1");
	assert_int_equal(stage.config.listens[1].role, CONFIG_ROLE_INGEST);
	assert_string_equal(stage.config.listens[2].address, "127.0.0.1:3");
	assert_int_equal(stage.config.listens[2].slow_policy, CONFIG_SLOW_SKIP);
}

static void there_is_room_for_16_addresses(void **state)
{
	char text[1024] = "";

	(void)state;
	for (int i = 0; i < CONFIG_LISTEN_MAX; i++)
		(void)strcat(text, "listen = 127.0.0.1:0\n");
	takes(text);
	assert_int_equal(stage.config.listen_count, CONFIG_LISTEN_MAX);
	(void)strcat(text, "egress = 127.0.0.1:0\n");
	refuses(text, 17, "egress: 127.0.0.1:0 is one address too many");
}

static void of_a_key_given_twice_the_last_counts(void **state)
{
	(void)state;
	takes("cpu = 1\ncpu = 2\n");
	assert_int_equal(stage.config.cpu, 2);
}

static void comments_and_blanks_are_of_no_account(void **state)
{
	(void)state;
	takes("# a comment; cpu = 1\n"
	      "; another one\n"
	      "   # an indented one\n"
	      "\n"
	      "  \t \n"
	      "  cpu = 1   ; behind a value\n"
	      "\tnuma-node=2\t;here too\n"
	      "log-file = /tmp/a#b;c\r\n");

	assert_int_equal(stage.config.cpu, 1);
	assert_int_equal(stage.config.numa_node, 2);
	assert_string_equal(stage.config.log_file, "/tmp/a#b;c");
}

static void an_indented_key_is_no_part_of_the_value_before(void **state)
{
	(void)state;
	takes("log-file = /tmp/a\n  cpu = 5\n");
	assert_string_equal(stage.config.log_file, "/tmp/a");
	assert_int_equal(stage.config.cpu, 5);
}

static void values_can_stand_in_quotes(void **state)
{
	(void)state;
	takes("name = \"feed\"\nlog-file = ' /tmp/a ;b '\n");
	assert_string_equal(stage.config.name, "feed");
	assert_string_equal(stage.config.log_file, " /tmp/a ;b ");
	takes("log-file = \"/tmp/it's\" ; \"comment\"\n");
	assert_string_equal(stage.config.log_file, "/tmp/it's");
	refuses("\nname = \"feed\n", 2, "name has a quote that is not closed");
	refuses("name = \"a\"b\n", 1, "name goes on behind its quotes");
	refuses("name = \"\n", 1, "not closed");
}

static void an_empty_value_says_nothing(void **state)
{
	(void)state;
	takes("group =\nring-size = ; nothing\nlisten =\nlog-file = \"\"\n");
	assert_string_equal(stage.config.group, "");
	assert_int_equal(stage.config.ring_size_bytes, 256 * MIB);
	assert_int_equal(stage.config.listen_count, 1);
}

static void a_backslash_lets_a_value_go_on(void **state)
{
	(void)state;
	takes("egress = 127.0.0.1:1,\\\n"
	      "\t slow-policy=skip,\\\n"
	      "# in between\n"
	      "max-lag=50% ; the end\n"
	      "cpu = 4\n");

	assert_int_equal(stage.config.listen_count, 1);
	assert_int_equal(stage.config.listens[0].slow_policy, CONFIG_SLOW_SKIP);
	assert_int_equal(stage.config.listens[0].max_lag_bytes, 128 * MIB);
	assert_int_equal(stage.config.cpu, 4);
	takes("cpu = 1 ; \\\nnuma-node = 2\n");
	assert_int_equal(stage.config.cpu, 1);
	takes("cpu = 1\\\n\nnuma-node = 2\n");
	assert_int_equal(stage.config.numa_node, 2);
	takes("cpu = 1\n\\\n2\nnuma-node = 2\n\\");
	assert_int_equal(stage.config.cpu, 1);
	refuses("log-file = \"/tmp/a;\\\n;b\\\n", 1, "not closed");
	refuses("cpu = 1\\\nname = x\n", 1, "\"1name = x\" is not a whole");
	takes("log-file = \"/tmp/a ;\\\n;b\"\n");
	assert_string_equal(stage.config.log_file, "/tmp/a ;;b");
}

static void lines_have_up_to_190_bytes(void **state)
{
	static const char key[] = "log-file = /";
	char line[400];

	(void)state;
	memset(line, 'a', sizeof(line));
	memcpy(line, key, sizeof(key) - 1);
	for (size_t length = CONFIG_LINE_MAX - 1; length <= CONFIG_LINE_MAX;
	     length++) {
		(void)strcpy(line + length, "\n");
		takes(line);
		assert_int_equal(strlen(stage.config.log_file),
				 length - (sizeof(key) - 2));
		line[length] = 'a';
		line[length + 1] = 'a';
	}
	(void)strcpy(line + CONFIG_LINE_MAX + 1, "\ncpu = 1\n");
	refuses(line, 1, "is longer than 190 bytes");
}

static void a_comment_may_be_long(void **state)
{
	char line[1000];

	(void)state;
	memset(line, 'a', sizeof(line));
	line[0] = '#';
	(void)strcpy(line + 900, "\ncpu = 1\n");
	takes(line);
	assert_int_equal(stage.config.cpu, 1);
}

static void a_mark_of_utf_8_is_passed_over(void **state)
{
	(void)state;
	takes("\xEF\xBB\xBF"
	      "cpu = 1\nlog-file = /tmp/\xC3\xA4\n");
	assert_int_equal(stage.config.cpu, 1);
	assert_string_equal(stage.config.log_file, "/tmp/\xC3\xA4");
}

static void lines_of_another_form_are_refused(void **state)
{
	(void)state;
	refuses("ring-size\n", 1, "ring-size is not of the form key = value");
	refuses("listen 127.0.0.1:1\n", 1, "not of the form key = value");
	refuses("= 3\n", 1, "not of the form key = value");
	refuses("\n[feed]\n", 2, "[feed] is a section: there are none");
	refuses("cpu = 1\x07\n", 1, "\"cpu = 1\\x07\" has a control character");
	refuses("cpu = 1 \r 2\n", 1, "has a control character");
	refuses("cpu = 1\x01\n", 1, "is not text");
}

static void unknown_keys_come_with_the_likely_one(void **state)
{
	(void)state;
	refuses("rign-size = 1M\n", 1,
		"rign-size is no option; did you mean "
		"ring-size?\n");
	refuses("ring_size = 1M\n", 1, "did you mean ring-size?\n");
	refuses("--cpu = 1\n", 1, "--cpu is no option; did you mean cpu?\n");
	refuses("sideways = 1\n", 1,
		"sideways is no option (bcastd --help "
		"lists all)\n");
}

static void what_is_for_the_command_line_is_refused(void **state)
{
	static const char *const keys[] = {"config", "check-config", "help",
					   "version"};

	(void)state;
	for (int i = 0; i < 4; i++) {
		char text[64];

		(void)snprintf(text, sizeof(text), "%s = yes\n", keys[i]);
		refuses(text, 1, "is for the command line");
	}
}

static void values_are_refused_as_options_are(void **state)
{
	(void)state;
	refuses("#\nring-size = 100M\n", 2,
		": ring-size: 100M is not a power of two (allowed: a power of "
		"two from 64K to 1T)\n");
	refuses("cpu = 1 # mine\n", 1, "\"1 # mine\" is not a whole number");
	refuses("cpu = 1024\n", 1, "cpu: 1024 is out of range");
	refuses("max-lag = 88%\n", 1,
		"max-lag: 88% is out of range (allowed: from 2M to 224M");
	refuses("cpu=1\negress = a:1,slow-polcy=skip\n", 2,
		": egress a:1: unknown option slow-polcy; did you mean "
		"slow-policy?");
}

static void what_does_not_count_is_checked_all_the_same(void **state)
{
	const char *const words[] = {"--cpu", "3", NULL};

	(void)state;
	stage_write(&stage, "cpu = lots\n");
	assert_int_equal(stage_parse_file(&stage, words), -EBADMSG);
	stage_says(&stage, "lots is not a whole number");
}

static void all_mistakes_are_told(void **state)
{
	(void)state;
	stage_write(&stage, "cpu = x\nname = a\nnodes = 0\n[s]\nfoo = 1\n");
	assert_int_equal(stage_parse_file(&stage, no_words), -EBADMSG);
	assert_int_equal(stage_lines(&stage), 4);
	stage_says(&stage, ":1: cpu: ");
	stage_says(&stage, ":3: nodes: ");
	stage_says(&stage, ":4: [s] ");
	stage_says(&stage, ":5: foo ");
	stage_write(&stage, "listen = a:1,x=1\nlisten = b:1,y=1\n");
	assert_int_equal(stage_parse_file(&stage, no_words), -EBADMSG);
	assert_int_equal(stage_lines(&stage), 2);
}

static void but_no_more_than_20(void **state)
{
	char text[1024] = "";

	(void)state;
	for (unsigned i = 0; i < CONFIG_ERRORS_MAX; i++)
		(void)strcat(text, "foo = 1\n");
	stage_write(&stage, text);
	assert_int_equal(stage_parse_file(&stage, no_words), -EBADMSG);
	assert_int_equal(stage_lines(&stage), CONFIG_ERRORS_MAX);
	(void)strcat(text, "foo = 1\ncpu = x\n");
	stage_write(&stage, text);
	assert_int_equal(stage_parse_file(&stage, no_words), -EBADMSG);
	assert_int_equal(stage_lines(&stage), CONFIG_ERRORS_MAX + 1);
	stage_says(&stage, ": 2 more mistakes\n");
}

static void garbage_is_no_text(void **state)
{
	char bytes[64];

	(void)state;
	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, "cpu = 1\nna", 10);
	stage_write_bytes(&stage, bytes, sizeof(bytes));
	assert_int_equal(stage_parse_file(&stage, no_words), -EBADMSG);
	assert_int_equal(stage_lines(&stage), 1);
	stage_says(&stage, ":2: ");
	stage_says(&stage, "is not text: it has a byte 0 or 1");
}

static void a_file_has_up_to_64_kib(void **state)
{
	char *text = malloc(CONFIG_FILE_MAX + 1);

	(void)state;
	assert_non_null(text);
	memset(text, '#', CONFIG_FILE_MAX + 1);
	memcpy(text, "cpu=1\n", 6);
	for (unsigned size = CONFIG_FILE_MAX - 1; size <= CONFIG_FILE_MAX;
	     size++) {
		stage_write_bytes(&stage, text, size);
		assert_int_equal(stage_parse_file(&stage, no_words),
				 CONFIG_RUN);
		assert_int_equal(stage.config.cpu, 1);
	}
	stage_write_bytes(&stage, text, CONFIG_FILE_MAX + 1);
	free(text);
	assert_int_equal(stage_parse_file(&stage, no_words), -ENOENT);
	stage_says(&stage, ": is larger than 64K\n");
}

static void no_file(const char *path, const char *part)
{
	const char *const words[] = {"--config", path, NULL};

	assert_int_equal(stage_parse(&stage, words), -ENOENT);
	assert_int_equal(stage_lines(&stage), 1);
	assert_memory_equal(stage.error, "bcastd: --config: ", 18);
	stage_says(&stage, part);
}

static void what_is_no_file_is_said_to_be_none(void **state)
{
	(void)state;
	no_file("/tmp", "/tmp: is a directory\n");
	no_file("/dev/null", "/dev/null: is not a file\n");
	no_file("/tmp/no-such-file-here", "No such file or directory\n");
	no_file("/dev/null/x", "Not a directory\n");
	stage_write(&stage, "");
	assert_int_equal(unlink(stage.path), 0);
	assert_int_equal(mkfifo(stage.path, 0600), 0);
	no_file(stage.path, "is not a file\n"); /* and it does not wait */
	assert_int_equal(chmod(stage.path, 0), 0);
	if (geteuid() != 0)
		no_file(stage.path, "Permission denied\n");
}

static void exit_codes_are_those_of_sysexits(void **state)
{
	(void)state;
	assert_int_equal(config_exit_code(CONFIG_DONE), 0);
	assert_int_equal(config_exit_code(-EINVAL), 64);
	assert_int_equal(config_exit_code(-ENOENT), 66);
	assert_int_equal(config_exit_code(-EBADMSG), 78);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_the_options_names),
		cmocka_unit_test(an_empty_file_is_all_defaults),
		cmocka_unit_test(addresses_add_up),
		cmocka_unit_test(there_is_room_for_16_addresses),
		cmocka_unit_test(of_a_key_given_twice_the_last_counts),
		cmocka_unit_test(comments_and_blanks_are_of_no_account),
		cmocka_unit_test(
			an_indented_key_is_no_part_of_the_value_before),
		cmocka_unit_test(values_can_stand_in_quotes),
		cmocka_unit_test(an_empty_value_says_nothing),
		cmocka_unit_test(a_backslash_lets_a_value_go_on),
		cmocka_unit_test(lines_have_up_to_190_bytes),
		cmocka_unit_test(a_comment_may_be_long),
		cmocka_unit_test(a_mark_of_utf_8_is_passed_over),
		cmocka_unit_test(lines_of_another_form_are_refused),
		cmocka_unit_test(unknown_keys_come_with_the_likely_one),
		cmocka_unit_test(what_is_for_the_command_line_is_refused),
		cmocka_unit_test(values_are_refused_as_options_are),
		cmocka_unit_test(what_does_not_count_is_checked_all_the_same),
		cmocka_unit_test(all_mistakes_are_told),
		cmocka_unit_test(but_no_more_than_20),
		cmocka_unit_test(garbage_is_no_text),
		cmocka_unit_test(a_file_has_up_to_64_kib),
		cmocka_unit_test(what_is_no_file_is_said_to_be_none),
		cmocka_unit_test(exit_codes_are_those_of_sysexits),
	};

	return cmocka_run_group_tests_name("src/config_file", tests, NULL, end);
}
