/* SPDX-License-Identifier: MIT */
/*
 * test_reload_merge.c - of all options: which of them can change while a daemon
 * runs, and what then holds.
 */
#include "src/reload_merge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define RECEIVERS_MAX 1024

static struct settings running, wanted, merged;
static struct reload_changes changes;

static int end(void **state)
{
	(void)state;
	settings_fini(&running);
	settings_fini(&wanted);
	settings_fini(&merged);
	return 0;
}

static void say(struct settings *settings, const char *option, const char *text)
{
	const struct setting setting = {
		.row = options_find(option),
		.text = text,
		.origin = SETTING_FILE,
		.line = 1,
	};

	assert_non_null(setting.row);
	assert_null(settings_add(settings, &setting));
}

static void compare(void)
{
	reload_compare(&running, &wanted, RECEIVERS_MAX, &changes);
	assert_int_equal(reload_merge(&running, &wanted, &changes, &merged), 0);
}

static const char *merged_text(const char *option)
{
	const struct setting *setting =
		settings_next(&merged, options_find(option), NULL);

	return setting ? setting->text : "";
}

static void is_change(size_t i, const char *option, const char *from,
		      const char *to, bool kept)
{
	assert_true(i < changes.count);
	assert_string_equal(changes.all[i].row->name, option);
	assert_string_equal(changes.all[i].from, from);
	assert_string_equal(changes.all[i].to, to);
	assert_int_equal(changes.all[i].kept, kept);
}

static void what_is_the_same_is_no_change(void **state)
{
	(void)state;
	say(&running, "ring-size", "64K");
	say(&running, "cpu", "3");
	say(&running, "egress", "a:1,max-lag=50%");
	say(&wanted, "ring-size", "65536");
	say(&wanted, "cpu", "03");
	say(&wanted, "log-rate", "100"); /* the default */
	say(&wanted, "egress", "a:1,max-lag=50%");
	compare();
	assert_int_equal(changes.count, 0);
}

static void live_options_are_taken_others_kept(void **state)
{
	(void)state;
	say(&running, "ring-size", "1M");
	say(&running, "log-level", "debug");
	say(&running, "user-timeout", "3s");
	say(&wanted, "ring-size", "2M");
	say(&wanted, "slow-policy", "skip");
	compare();

	assert_int_equal(changes.count, 4);
	is_change(0, "ring-size", "1M", "2M", true);
	is_change(1, "slow-policy", "disconnect", "skip", false);
	is_change(2, "user-timeout", "3s", "", false);
	is_change(3, "log-level", "debug", "info", false);
	assert_string_equal(merged_text("ring-size"), "1M");
	assert_string_equal(merged_text("slow-policy"), "skip");
	assert_string_equal(merged_text("user-timeout"), "");
	assert_string_equal(merged_text("log-level"), "");
}

static void receivers_are_bounded_by_the_start(void **state)
{
	static const char *const numbers[] = {"1023", "1024", "1025"};

	(void)state;
	say(&running, "max-receivers", "10");
	for (int i = 0; i < 3; i++) {
		say(&wanted, "max-receivers", numbers[i]);
		compare();
		is_change(0, "max-receivers", "10", numbers[i], i == 2);
		settings_fini(&merged);
	}
}

static void addresses_keep_their_places(void **state)
{
	const struct option_row *egress = options_find("egress");
	const struct setting *first, *second;

	(void)state;
	say(&running, "egress", "a:1,slow-policy=skip");
	say(&running, "egress", "a:2");
	say(&running, "ingest", "a:3");
	say(&wanted, "ingest", "a:4");
	say(&wanted, "egress", "a:2,max-lag=50%");
	say(&wanted, "egress", "a:1");
	say(&wanted, "listen", "a:3");
	compare();

	assert_int_equal(changes.count, 5);
	is_change(0, "egress", "a:1,slow-policy=skip", "a:1", false);
	is_change(1, "egress", "a:2", "a:2,max-lag=50%", false);
	is_change(2, "ingest", "a:3", "", true);
	first = settings_next(&merged, egress, NULL);
	second = settings_next(&merged, egress, first);
	assert_string_equal(first->text, "a:1");
	assert_string_equal(second->text, "a:2,max-lag=50%");
	assert_string_equal(merged_text("ingest"), "a:3");
	assert_string_equal(merged_text("listen"), "");
}

static void equal_addresses_go_by_their_order(void **state)
{
	const struct option_row *egress = options_find("egress");
	const struct setting *setting;

	(void)state;
	say(&running, "egress", "a:0,max-lag=50%");
	say(&running, "egress", "a:0,max-lag=60%");
	say(&wanted, "egress", "a:0,max-lag=50%");
	say(&wanted, "egress", "a:0,max-lag=70%");
	say(&wanted, "egress", "a:0");
	compare();

	assert_int_equal(changes.count, 2);
	is_change(0, "egress", "a:0,max-lag=60%", "a:0,max-lag=70%", false);
	is_change(1, "egress", "", "a:0", true);
	setting = settings_next(&merged, egress, NULL);
	assert_string_equal(setting->text, "a:0,max-lag=50%");
	setting = settings_next(&merged, egress, setting);
	assert_string_equal(setting->text, "a:0,max-lag=70%");
	assert_null(settings_next(&merged, egress, setting));
}

/* Without one, the default is open. */
static void the_default_address_stays_open(void **state)
{
	(void)state;
	say(&wanted, "listen", "a:1");
	compare();
	assert_int_equal(changes.count, 1);
	is_change(0, "listen", "", "a:1", true);
	assert_string_equal(merged_text("listen"), "");
}

static void there_is_room_for_all_changes(void **state)
{
	char address[16];

	(void)state;
	for (unsigned i = 0; i < CONFIG_LISTEN_MAX; i++) {
		(void)snprintf(address, sizeof(address), "a:%u", i);
		say(&running, "egress", address);
		(void)snprintf(address, sizeof(address), "b:%u", i);
		say(&wanted, "egress", address);
	}
	compare();
	assert_int_equal(changes.count, 2 * CONFIG_LISTEN_MAX);
}

/* Each is the field of a row, and of one only. */
static void live_options_are_these(void **state)
{
	static const char *const names[] = {
		"max-receivers", "reassign",	     "slow-policy",
		"max-lag",	 "send-timeout",     "drain-timeout",
		"hello-timeout", "heartbeat",	     "idle-timeout",
		"echo-mode",	 "echo-batch-delay", "echo-max",
		"echo-budget",	 "keepalive",	     "user-timeout",
		"log-level",	 "log-rate",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!options_is_live(options_find(names[i])))
			fail_msg("%s is not live", names[i]);
	for (int i = 0; i < OPTIONS_COUNT; i++)
		if (options_is_live(&options_table[i]))
			assert_false(options_is_address(&options_table[i]));
	assert_false(options_is_live(options_find("ring-size")));
	assert_false(options_is_live(options_find("help")));
	assert_false(options_is_live(options_find("name")));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, end)
	const struct CMUnitTest tests[] = {
		TEST(what_is_the_same_is_no_change),
		TEST(live_options_are_taken_others_kept),
		TEST(receivers_are_bounded_by_the_start),
		TEST(addresses_keep_their_places),
		TEST(equal_addresses_go_by_their_order),
		TEST(the_default_address_stays_open),
		TEST(there_is_room_for_all_changes),
		TEST(live_options_are_these),
	};

	return cmocka_run_group_tests_name("src/reload_merge", tests, NULL,
					   NULL);
}
