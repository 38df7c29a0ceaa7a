/* SPDX-License-Identifier: MIT */
/*
 * test_settings.c - of all options: which source counts, and that what
 * --check-config prints is a file that says the same.
 */
#include "src/settings.h"
#include "src/config_source.h"
#include "src/parse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "config_stage.h"

#define VALUE_MAX 64
#define BOTH_MAX  (2 * VALUE_MAX)

static struct config_stage stage;
static const char *const no_words[] = {NULL};

static int end(void **state)
{
	(void)state;
	stage_end(&stage);
	return 0;
}

static void word(const struct option_row *row, unsigned which, char *value)
{
	const char *words = row->argument;

	while (which-- > 0)
		words = strchr(words, '|') + 1;
	(void)snprintf(value, VALUE_MAX, "%.*s", (int)strcspn(words, "|"),
		       words);
}

/* One of two values that a row takes. */
static void value_of(const struct option_row *row, unsigned which, char *value)
{
	uint64_t least = row->minimum > 0 ? (uint64_t)row->minimum : 1;

	switch (row->kind) {
	case OPTION_LISTEN:
	case OPTION_INGEST:
	case OPTION_EGRESS:
	case OPTION_PACKET:
	case OPTION_ECHO:
	case OPTION_ADMIN:
		(void)snprintf(value, VALUE_MAX, "127.0.0.1:%u", which);
		return;
	case OPTION_RING:
	case OPTION_SIZE:
	case OPTION_LIMIT:
	case OPTION_BYTES:
		(void)snprintf(value, VALUE_MAX, "%llu",
			       (unsigned long long)least << which);
		return;
	case OPTION_LAG:
		(void)snprintf(value, VALUE_MAX, "%u%%", 60 + which);
		return;
	case OPTION_DURATION:
		parse_print_duration(least + which, value, VALUE_MAX);
		return;
	case OPTION_INTERVAL:
		parse_print_interval(least + which, value, VALUE_MAX);
		return;
	case OPTION_NUMBER:
		(void)snprintf(value, VALUE_MAX, "%lld",
			       (long long)row->minimum + which);
		return;
	case OPTION_WORD:
		word(row, which, value);
		return;
	case OPTION_MODE:
		(void)snprintf(value, VALUE_MAX, "%s", which ? "0640" : "0600");
		return;
	case OPTION_FILE:
	case OPTION_CONFIG:
		(void)snprintf(value, VALUE_MAX, "/tmp/%u", which);
		return;
	case OPTION_NAME:
	case OPTION_CONGESTION:
		(void)snprintf(value, VALUE_MAX, "name%u", which);
		return;
	case OPTION_GROUP:
		(void)snprintf(value, VALUE_MAX, "%u", which);
		return;
	case OPTION_HEADING:
	case OPTION_CHECK:
	case OPTION_FLAG:
	case OPTION_HELP:
	case OPTION_VERSION:
		break;
	}
	fail_msg("%s has no value", row->name);
}

static bool is_asked(const struct option_row *row)
{
	return options_has_value(row) && row->kind != OPTION_CONFIG;
}

/* Clients need records. */
static void write_file(const struct option_row *row, const char *value)
{
	char text[BOTH_MAX + VALUE_MAX] = "";

	if (row->kind == OPTION_PACKET)
		(void)strcpy(text, "format = packet\n");
	if (value)
		(void)snprintf(text + strlen(text), BOTH_MAX, "%s = %s\n",
			       row->name, value);
	stage_write(&stage, text);
}

static void set_variable(const struct option_row *row, const char *value)
{
	char name[SETTINGS_VARIABLE_MAX];

	settings_variable(row, name);
	assert_int_equal(value ? setenv(name, value, 1) : unsetenv(name), 0);
}

/* What comes of it; NULL: that source says nothing. */
static struct config parse(const struct option_row *row, const char *file,
			   const char *variable, const char *typed)
{
	char option[BOTH_MAX];
	const char *words[] = {typed ? option : NULL, NULL};

	(void)snprintf(option, sizeof(option), "--%s=%s", row->name,
		       typed ? typed : "");
	write_file(row, file);
	set_variable(row, variable);
	if (stage_parse_file(&stage, words) != CONFIG_RUN)
		fail_msg("%s: %s", row->name, stage.error);
	assert_string_equal(stage.error, "");
	set_variable(row, NULL);
	return stage.config;
}

static void same(const struct option_row *row, const struct config *one,
		 const struct config *other)
{
	if (memcmp(one, other, sizeof(*one)) != 0)
		fail_msg("%s differs", row->name);
}

static void of_every_option_the_higher_source_counts(void **state)
{
	(void)state;
	for (int i = 0; i < OPTIONS_COUNT; i++) {
		const struct option_row *row = &options_table[i];
		char low[VALUE_MAX], high[VALUE_MAX];
		struct config wanted, got;

		if (!is_asked(row))
			continue;
		value_of(row, 0, low);
		value_of(row, 1, high);
		wanted = parse(row, NULL, NULL, high);
		got = parse(row, high, NULL, NULL);
		same(row, &got, &wanted);
		got = parse(row, NULL, high, NULL);
		same(row, &got, &wanted);
		got = parse(row, low, high, NULL);
		same(row, &got, &wanted);
		got = parse(row, low, NULL, high);
		same(row, &got, &wanted);
		got = parse(row, NULL, low, high);
		same(row, &got, &wanted);
		got = parse(row, low, low, high);
		same(row, &got, &wanted);
		got = parse(row, low, NULL, NULL);
		assert_memory_not_equal(&got, &wanted, sizeof(got));
	}
}

static void a_list_is_replaced_as_a_whole(void **state)
{
	const char *const words[] = {"--egress", "127.0.0.1:9", NULL};

	(void)state;
	stage_write(&stage, "egress = 127.0.0.1:1\negress = 127.0.0.1:2\n"
			    "ingest = 127.0.0.1:3\n");
	assert_int_equal(stage_parse_file(&stage, words), CONFIG_RUN);
	assert_int_equal(stage.config.listen_count, 2);
	assert_int_equal(stage.config.listens[0].role, CONFIG_ROLE_INGEST);
	assert_string_equal(stage.config.listens[1].address, "127.0.0.1:9");
	assert_int_equal(setenv("BCASTD_EGRESS", "a:1 b:2 c:3", 1), 0);
	assert_int_equal(stage_parse_file(&stage, no_words), CONFIG_RUN);
	assert_int_equal(stage.config.listen_count, 4);
	(void)unsetenv("BCASTD_EGRESS");
}

static void sixteen_addresses_are_those_that_count(void **state)
{
	char text[1024] = "", list[1024] = "";

	(void)state;
	for (int i = 0; i < CONFIG_LISTEN_MAX; i++) {
		(void)strcat(text, "egress = 127.0.0.1:1\n");
		(void)strcat(list, "127.0.0.1:2 ");
	}
	stage_write(&stage, text);
	assert_int_equal(setenv("BCASTD_EGRESS", list, 1), 0);
	assert_int_equal(stage_parse_file(&stage, no_words), CONFIG_RUN);
	assert_int_equal(stage.config.listen_count, CONFIG_LISTEN_MAX);
	(void)unsetenv("BCASTD_EGRESS");
	assert_int_equal(setenv("BCASTD_INGEST", list, 1), 0);
	assert_int_equal(stage_parse_file(&stage, no_words), -EBADMSG);
	stage_says(&stage, "is one address too many");
	(void)unsetenv("BCASTD_INGEST");
}

/* ---- --check-config ---------------------------------------------------- */

static void checks(const char *const words[])
{
	if (stage_parse_file(&stage, words) != CONFIG_DONE)
		fail_msg("%s", stage.error);
	assert_string_equal(stage.error, "");
}

/* What was printed, as a file, says what `words` and the file have said. */
static void round_trip(const char *const words[])
{
	const char *checking[STAGE_WORDS_MAX] = {"--check-config"};
	struct config wanted;
	unsigned i;

	for (i = 0; words[i]; i++)
		checking[i + 1] = words[i];
	assert_int_equal(stage_parse_file(&stage, words), CONFIG_RUN);
	wanted = stage.config;
	checks(checking);
	stage_write(&stage, stage.output);
	if (stage_parse_file(&stage, no_words) != CONFIG_RUN)
		fail_msg("%s", stage.error);
	assert_memory_equal(&stage.config, &wanted, sizeof(wanted));
}

static void what_is_printed_says_the_same(void **state)
{
	char path[256];
	char address[180] = "unix:/";
	const char *const words[] = {"--name",
				     "feed",
				     "--mode",
				     "0600",
				     "--egress",
				     address,
				     "--log-file",
				     path,
				     "--max-lag",
				     "60%",
				     "--ingest",
				     "127.0.0.1:0",
				     "--user-timeout",
				     "3s",
				     "--congestion",
				     "x",
				     NULL};

	(void)state;
	stage_write(&stage, "");
	round_trip(no_words);
	memset(path, ' ', sizeof(path));
	memcpy(path, "/tmp/a ;b # c\\", 14);
	memset(path + 20, ';', 100);
	memset(path + 120, 'x', sizeof(path) - 121);
	path[255] = '\0';
	memset(address + 6, '#', 100);
	(void)strcpy(address + 106, ",slow-policy=skip,max-lag=3M,sndbuf=64K,"
				    "send-timeout=10s");
	stage_write(&stage, "ring-size = 64M\ncpu = 1\n");
	round_trip(words);
	path[10] = '\0';
	round_trip(words);
	(void)strcpy(path, "\"/tmp");
	round_trip(words);
	(void)strcpy(path, " 'a' ;");
	round_trip(words);
	(void)strcpy(path, "a\\");
	round_trip(words);
}

static void every_option_makes_the_trip(void **state)
{
	(void)state;
	for (int i = 0; i < OPTIONS_COUNT; i++) {
		const struct option_row *row = &options_table[i];
		char value[VALUE_MAX], option[BOTH_MAX];
		const char *const words[] = {option, "--format=packet", NULL};
		const char *const alone[] = {option, NULL};

		if (!is_asked(row))
			continue;
		value_of(row, 1, value);
		(void)snprintf(option, sizeof(option), "--%s=%s", row->name,
			       value);
		stage_write(&stage, "");
		round_trip(row->kind == OPTION_PACKET ? words : alone);
	}
}

static void whence_each_value_comes_stands_behind_it(void **state)
{
	const char *const words[] = {"--check-config", "--name", "feed", NULL};

	(void)state;
	stage_write(&stage, "\ncpu = 3\nname = other\n");
	assert_int_equal(setenv("BCASTD_RING_SIZE", "1M", 1), 0);
	checks(words);
	(void)unsetenv("BCASTD_RING_SIZE");

	assert_non_null(strstr(stage.output, "\nname = feed  "));
	assert_non_null(strstr(stage.output, "; command line\n"));
	assert_non_null(strstr(stage.output, "\ncpu = 3  "));
	assert_non_null(strstr(stage.output, "; line 2 of the file\n"));
	assert_non_null(strstr(stage.output, "\nring-size = 1M  "));
	assert_non_null(strstr(stage.output, "; BCASTD_RING_SIZE\n"));
	assert_non_null(strstr(stage.output, "; default\n"));
	assert_non_null(strstr(stage.output, "\n#group =\n"));
	assert_non_null(strstr(stage.output, stage.path));
}

static void a_wrong_configuration_is_not_printed(void **state)
{
	const char *const words[] = {"--check-config", NULL};

	(void)state;
	stage_write(&stage, "cpu = x\n");
	assert_int_equal(stage_parse_file(&stage, words), -EBADMSG);
	assert_string_equal(stage.output, "");
}

/* ---- The example ------------------------------------------------------- */

static void uncomment(char *text)
{
	for (char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (line[0] == '#' && line[1] >= 'a' && line[1] <= 'z')
			line[0] = ' ';
	}
}

static void the_example_says_the_defaults(void **state)
{
	static char text[CONFIG_FILE_MAX];
	FILE *out = fmemopen(text, sizeof(text), "w");
	struct config defaults;

	(void)state;
	assert_non_null(out);
	options_print_example(out);
	(void)fclose(out);
	assert_int_equal(stage_parse(&stage, no_words), CONFIG_RUN);
	defaults = stage.config;
	for (int i = 0; i < 2; i++) {
		stage_write(&stage, text);
		if (stage_parse_file(&stage, no_words) != CONFIG_RUN)
			fail_msg("%s", stage.error);
		memset(stage.config.config_file, 0,
		       sizeof(stage.config.config_file));
		assert_memory_equal(&stage.config, &defaults, sizeof(defaults));
		uncomment(text);
	}
	assert_non_null(strstr(text, "\n ring-size = 256M\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_every_option_the_higher_source_counts),
		cmocka_unit_test(a_list_is_replaced_as_a_whole),
		cmocka_unit_test(sixteen_addresses_are_those_that_count),
		cmocka_unit_test(what_is_printed_says_the_same),
		cmocka_unit_test(every_option_makes_the_trip),
		cmocka_unit_test(whence_each_value_comes_stands_behind_it),
		cmocka_unit_test(a_wrong_configuration_is_not_printed),
		cmocka_unit_test(the_example_says_the_defaults),
	};

	return cmocka_run_group_tests_name("src/settings", tests, NULL, end);
}
