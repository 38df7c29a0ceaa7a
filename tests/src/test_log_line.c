/* SPDX-License-Identifier: MIT */
/* A line as text, with its time; and what makes two errors the same. */
#include <string.h>

#include "support.h"

#include "src/log_line.h"

static struct log_record record;

static void time_is_utc_with_microseconds(void **state)
{
	char text[LOG_TIME_MAX];

	(void)state;
	assert_int_equal(log_line_time(0, text), 27);
	assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
	log_line_time(UINT64_C(1795272678999999999), text);
	assert_string_equal(text, "2026-11-21T14:51:18.999999Z");
}

static void text_has_the_time_only_if_asked(void **state)
{
	char line[LOG_OUT_MAX];

	(void)state;
	log_line_make(&record, LOG_LEVEL_WARN, "event", "a=%d", 1);
	record.realtime_ns = 0;

	line[log_line_text(&record, false, line)] = '\0';
	assert_string_equal(line, "warn event a=1\n");
	line[log_line_text(&record, true, line)] = '\0';
	assert_string_equal(line, "time=1970-01-01T00:00:00.000000Z "
				  "warn event a=1\n");
}

static const char *cause_of(const char *pairs)
{
	static char cause[192];

	log_line_make(&record, LOG_LEVEL_WARN, "event", "%s", pairs);
	log_line_cause(&record, cause, sizeof(cause));
	return cause;
}

static void cause_is_without_what_varies(void **state)
{
	(void)state;
	assert_string_equal(cause_of("peer=10.0.0.2:4 lag_bytes=7 reason=slow"),
			    "reason=slow");
	assert_string_equal(cause_of("reason=broken peer=x error=\"gone away\" "
				     "position=7"),
			    "reason=broken error=\"gone away\"");
	assert_string_equal(cause_of("peer=x reasons=7"), "");
	assert_string_equal(cause_of(""), "");
}

static void cause_is_cut_to_its_room(void **state)
{
	char cause[16];

	(void)state;
	log_line_make(&record, LOG_LEVEL_WARN, "event", "reason=%s",
		      "0123456789");
	for (size_t size = 1; size <= sizeof(cause); size++) {
		memset(cause, '#', sizeof(cause));
		log_line_cause(&record, cause, size);
		assert_int_equal(strlen(cause), size - 1);
		assert_memory_equal(cause, "reason=0123456789", size - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_is_utc_with_microseconds),
		cmocka_unit_test(text_has_the_time_only_if_asked),
		cmocka_unit_test(cause_is_without_what_varies),
		cmocka_unit_test(cause_is_cut_to_its_room),
	};

	return cmocka_run_group_tests_name("src/log_line", tests, NULL, NULL);
}
