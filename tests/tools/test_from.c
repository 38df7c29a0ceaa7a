/* SPDX-License-Identifier: MIT */
/* test_from.c - where to begin, in all the ways to say it. */
#include "from.h"
#include "support.h"

#define S   UINT64_C(1000000000)
#define NOW (UINT64_C(1700000000) * S)

static void assert_is(const char *text, enum bcast_from from, uint64_t what)
{
	enum bcast_from found = (enum bcast_from)99;
	uint64_t value = 99;

	assert_true(from_parse(text, NOW, &found, &value));
	assert_int_equal(found, from);
	assert_int_equal(value, what);
}

static void words_and_positions(void **state)
{
	(void)state;
	assert_is("live", BCAST_FROM_LIVE, 0);
	assert_is("oldest", BCAST_FROM_OLDEST, 0);
	assert_is("0", BCAST_FROM_POSITION, 0);
	assert_is("64K", BCAST_FROM_POSITION, 65536);
}

static void numbers_of_records(void **state)
{
	(void)state;
	assert_is("seq:1", BCAST_FROM_SEQUENCE, 1);
	assert_is("seq:18446744073709551615", BCAST_FROM_SEQUENCE, UINT64_MAX);
}

static void times(void **state)
{
	(void)state;
	assert_is("time:@0", BCAST_FROM_TIME, 0);
	assert_is("time:@1700000000", BCAST_FROM_TIME, NOW);
	assert_is("time:@5.25", BCAST_FROM_TIME, 5 * S + S / 4);
	assert_is("time:@5.000000001", BCAST_FROM_TIME, 5 * S + 1);
	assert_is("time:@18446744072", BCAST_FROM_TIME,
		  UINT64_C(18446744072) * S);
	assert_is("time:-30s", BCAST_FROM_TIME, NOW - 30 * S);
	assert_is("time:-30", BCAST_FROM_TIME, NOW - 30 * S);
	assert_is("time:-500ms", BCAST_FROM_TIME, NOW - S / 2);
	assert_is("time:-0", BCAST_FROM_TIME, NOW);
}

static void what_says_nothing_is_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		"yesterday",
		"-1",
		"seq:",
		"seq:0",
		"seq:-1",
		"seq:1K",
		"seq: 1",
		"seq:18446744073709551616",
		"time:",
		"time:5",
		"time:@",
		"time:@.5",
		"time:@5.",
		"time:@5.1234567890",
		"time:@5.5s",
		"time:@-5",
		"time:@18446744073",
		"time:-",
		"time:-2h",
		"time:--5s",
		"time:-86401",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		enum bcast_from from;
		uint64_t what;

		if (from_parse(wrong[i], NOW, &from, &what))
			fail_msg("'%s' was taken", wrong[i]);
	}
}

static void a_time_before_1970_is_1970(void **state)
{
	enum bcast_from from;
	uint64_t what = 99;

	(void)state;
	assert_true(from_parse("time:-5s", 4 * S, &from, &what));
	assert_int_equal(what, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_and_positions),
		cmocka_unit_test(numbers_of_records),
		cmocka_unit_test(times),
		cmocka_unit_test(what_says_nothing_is_refused),
		cmocka_unit_test(a_time_before_1970_is_1970),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
