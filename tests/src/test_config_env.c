/* SPDX-License-Identifier: MIT */
/* test_config_env.c - options from variables, and what is said of others. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
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

static void set(const char *name, const char *value)
{
	assert_int_equal(setenv(name, value, 1), 0);
}

static void variables_are_options_in_capitals(void **state)
{
	(void)state;
	set("BCASTD_NAME", "feed");
	set("BCASTD_RING_SIZE", "1M");
	set("BCASTD_ECHO_MAX_CLIENTS", "7");
	assert_int_equal(stage_parse(&stage, no_words), CONFIG_RUN);

	assert_string_equal(stage.error, "");
	assert_string_equal(stage.config.name, "feed");
	assert_int_equal(stage.config.ring_size_bytes, MIB);
	assert_int_equal(stage.config.echo_max_clients, 7);
}

static void addresses_are_a_list_with_blanks(void **state)
{
	(void)state;
	set("BCASTD_EGRESS", "  127.0.0.1:1 127.0.0.1:2,max-lag=50%\t[::1]:3 ");
	assert_int_equal(stage_parse(&stage, no_words), CONFIG_RUN);

	assert_int_equal(stage.config.listen_count, 3);
	assert_string_equal(stage.config.listens[0].address, "127.0.0.1:1");
	assert_int_equal(stage.config.listens[1].max_lag_bytes, 128 * MIB);
	assert_string_equal(stage.config.listens[2].address, "[::1]:3");
}

static void an_empty_variable_says_nothing(void **state)
{
	(void)state;
	set("BCASTD_RING_SIZE", "");
	set("BCASTD_LISTEN", " ");
	assert_int_equal(stage_parse(&stage, no_words), CONFIG_RUN);

	assert_string_equal(stage.error, "");
	assert_int_equal(stage.config.ring_size_bytes, 256 * MIB);
	assert_int_equal(stage.config.listen_count, 1);
}

static void the_file_can_be_named_there(void **state)
{
	(void)state;
	stage_write(&stage, "cpu = 3\n");
	set("BCASTD_CONFIG", stage.path);
	assert_int_equal(stage_parse(&stage, no_words), CONFIG_RUN);
	assert_int_equal(stage.config.cpu, 3);
	set("BCASTD_CONFIG", "/tmp");
	assert_int_equal(stage_parse(&stage, no_words), -ENOENT);
	stage_says(&stage, "bcastd: BCASTD_CONFIG: /tmp: is a directory\n");
	assert_int_equal(stage_parse_file(&stage, no_words), CONFIG_RUN);
}

static void wrong_values_are_all_refused(void **state)
{
	(void)state;
	set("BCASTD_RING_SIZE", "3M");
	set("BCASTD_CPU", "x");
	set("BCASTD_LISTEN", "127.0.0.1:1 nonsense 127.0.0.1");
	assert_int_equal(stage_parse(&stage, no_words), -EBADMSG);

	assert_int_equal(stage_lines(&stage), 4);
	stage_says(&stage, "bcastd: BCASTD_RING_SIZE: 3M is not a power of two "
			   "(allowed: ");
	stage_says(&stage, "bcastd: BCASTD_CPU: x is not a whole number");
	stage_says(&stage, "bcastd: BCASTD_LISTEN: nonsense is not an address");
}

static void what_stands_behind_an_address_is_checked(void **state)
{
	(void)state;
	set("BCASTD_LISTEN", "a:1,max-lag=1");
	assert_int_equal(stage_parse(&stage, no_words), -EBADMSG);
	stage_says(&stage, "bcastd: BCASTD_LISTEN a:1: max-lag: 1 is out of");
}

static void unknown_variables_are_warned_of(void **state)
{
	(void)state;
	set("BCASTD_RIGN_SIZE", "1M");
	set("BCASTD_SERVICE_HOST", "10.0.0.1");
	set("BCASTD_HELP", "1");
	set("BCASTD_", "1");
	set("BCAST_RING_SIZE", "1M"); /* none of ours */
	set("BCASTD_Ring_size", "1M");
	assert_int_equal(stage_parse(&stage, no_words), CONFIG_RUN);

	assert_int_equal(stage_lines(&stage), 5);
	stage_says(&stage, "bcastd: warning: BCASTD_RIGN_SIZE in the "
			   "environment is no option's, and is ignored; did "
			   "you mean BCASTD_RING_SIZE?\n");
	stage_says(&stage, "BCASTD_SERVICE_HOST in the environment is no "
			   "option's, and is ignored\n");
	stage_says(&stage, "BCASTD_HELP in");
	stage_says(&stage,
		   "BCASTD_Ring_size in the environment is no option's, "
		   "and is ignored; did you mean BCASTD_RING_SIZE?\n");
	assert_int_equal(stage.config.ring_size_bytes, 256 * MIB);
	(void)unsetenv("BCAST_RING_SIZE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(variables_are_options_in_capitals,
					  end),
		cmocka_unit_test_teardown(addresses_are_a_list_with_blanks,
					  end),
		cmocka_unit_test_teardown(an_empty_variable_says_nothing, end),
		cmocka_unit_test_teardown(the_file_can_be_named_there, end),
		cmocka_unit_test_teardown(wrong_values_are_all_refused, end),
		cmocka_unit_test_teardown(
			what_stands_behind_an_address_is_checked, end),
		cmocka_unit_test_teardown(unknown_variables_are_warned_of, end),
	};

	return cmocka_run_group_tests_name("src/config_env", tests, NULL, NULL);
}
