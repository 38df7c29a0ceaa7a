/* SPDX-License-Identifier: MIT */
/* test_metric_text.c - metric_text.c: names by rule, exact numbers, bounds. */
#include <stdio.h>
#include <string.h>

#include "shm/metric_text.h"
#include "support.h"

static char buffer[512];

static void show(const struct bc_metric *metric, uint64_t value)
{
	struct bc_metric_text text = {
		.out = {.buffer = buffer, .size = sizeof(buffer)}};

	bc_metric_sample(&text, metric, "");
	bc_metric_value(&text, metric, value);
	assert_true(bc_metric_end(&text) < sizeof(buffer));
}

static void unit_stands_at_the_end_of_the_name(void **state)
{
	static const struct {
		const char *section, *key, *unit, *line;
		enum bc_metric_kind kind;
	} cases[] = {
		{"", "bytes_in", "bytes", "bcast_in_bytes_total 17\n",
		 BC_METRIC_COUNTER},
		{"", "lag_max_bytes", "bytes", "bcast_lag_max_bytes 17\n",
		 BC_METRIC_GAUGE},
		{"peer", "bytes", "bytes", "bcast_peer_bytes_total 17\n",
		 BC_METRIC_COUNTER},
		{"", "paused_ns", "ns",
		 "bcast_paused_seconds_total 0.000000017\n", BC_METRIC_COUNTER},
		{"node", "gate_ms", "ms", "bcast_node_gate_seconds 0.017\n",
		 BC_METRIC_GAUGE},
		{"", "receives", "", "bcast_receives_total 17\n",
		 BC_METRIC_COUNTER},
		{"", "of what?", "", "bcast_of_what_ 17\n", BC_METRIC_GAUGE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct bc_metric metric = {cases[i].section, cases[i].key,
						 cases[i].unit, "",
						 cases[i].kind};

		show(&metric, 17);

		assert_string_equal(buffer, cases[i].line);
	}
}

static void numbers_are_exact(void **state)
{
	const struct bc_metric bytes = {"", "x", "bytes", "", BC_METRIC_GAUGE};
	const struct bc_metric time = {"", "x", "ns", "", BC_METRIC_GAUGE};

	(void)state;
	show(&bytes, UINT64_MAX);
	assert_string_equal(buffer, "bcast_x_bytes 18446744073709551615\n");
	show(&bytes, 0);
	assert_string_equal(buffer, "bcast_x_bytes 0\n");
	show(&time, UINT64_MAX);
	assert_string_equal(buffer, "bcast_x_seconds 18446744073.709551615\n");
	show(&time, 1000000000);
	assert_string_equal(buffer, "bcast_x_seconds 1.000000000\n");
	show(&time, 999999999);
	assert_string_equal(buffer, "bcast_x_seconds 0.999999999\n");
	show(&time, 0);
	assert_string_equal(buffer, "bcast_x_seconds 0.000000000\n");
}

static void what_has_a_meaning_is_escaped(void **state)
{
	const struct bc_metric metric = {"", "x", "", "a\\b\nc\"",
					 BC_METRIC_GAUGE};
	struct bc_metric_text text = {
		.out = {.buffer = buffer, .size = sizeof(buffer)}};

	(void)state;
	bc_metric_head(&text, &metric);
	bc_metric_sample(&text, &metric, "");
	bc_metric_label(&text, "peer", "a\\b\nc\"");
	bc_metric_label_number(&text, "slot", 3);
	bc_metric_label_HEX(&text, "epoch", 0x1f);
	bc_metric_count(&text, 1);
	(void)bc_metric_end(&text);

	assert_string_equal(buffer,
			    "# HELP bcast_x a\\\\b\\nc\"\n"
			    "# TYPE bcast_x gauge\n"
			    "bcast_x{peer=\"a\\\\b\\nc\\\"\",slot=\"3\","
			    "epoch=\"0x000000000000001f\"} 1\n");
}

/* "bcast_x 1\n" has 10 characters. */
static void text_is_cut_to_its_room_and_tells_its_length(void **state)
{
	const struct bc_metric metric = {"", "x", "", "", BC_METRIC_GAUGE};

	(void)state;
	for (size_t size = 0; size <= 12; size++) {
		struct bc_metric_text text = {
			.out = {.buffer = buffer, .size = size}};
		size_t room = size > 0 ? size - 1 : 0;

		memset(buffer, '!', sizeof(buffer));
		bc_metric_sample(&text, &metric, "");
		bc_metric_count(&text, 1);

		assert_int_equal(bc_metric_end(&text), 10);
		if (size > 0)
			assert_int_equal(strlen(buffer), room < 10 ? room : 10);
		assert_int_equal(buffer[size], '!');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unit_stands_at_the_end_of_the_name),
		cmocka_unit_test(numbers_are_exact),
		cmocka_unit_test(what_has_a_meaning_is_escaped),
		cmocka_unit_test(text_is_cut_to_its_room_and_tells_its_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
