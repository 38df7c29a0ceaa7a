/* SPDX-License-Identifier: MIT */
/* test_check_network.c - what TCP may take, as numbers and words. */
#include "check_stage.h"

#include <stdio.h>
#include <string.h>

#include "src/check_network.h"
#include "src/socket_memory.h"

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)

/* ---- Memory ------------------------------------------------------------ */

static void worst_case_is_held_against_the_pressure_line(void **state)
{
	struct socket_memory memory = {.calm_bytes = 30 * MIB,
				       .pressure_bytes = 40 * MIB,
				       .limit_bytes = 60 * MIB,
				       .largest_bytes = 4 * MIB};
	struct config config = {.max_receivers = 10,
				.sndbuf_bytes = 2 * MIB,
				.rcvbuf_bytes = 0};

	(void)state;
	socket_memory_judge(&memory, &config, &result);
	check_stage_is(CHECK_OK, "");
	config.max_receivers = 11;
	socket_memory_judge(&memory, &config, &result);
	check_stage_is(CHECK_WARN, "sysctl -w net.ipv4.tcp_mem='");
	socket_memory_judge(&(struct socket_memory){0}, &config, &result);
	check_stage_is(CHECK_UNKNOWN, "");
}

/* ---- Buffers ----------------------------------------------------------- */

static void receive_buffer_below_a_mebibyte_is_warned_of(void **state)
{
	struct check_buffers buffers = {
		.core = MIB, .grows = 6 * MIB, .asked = 4 * MIB};

	(void)state;
	check_receive_judge(&buffers, &result);
	check_stage_is(CHECK_OK, "");
	buffers.core = MIB - 1;
	check_receive_judge(&buffers, &result);
	check_stage_is(CHECK_WARN, "sysctl -w net.core.rmem_max=4194304");
	buffers.passes = true;
	check_receive_judge(&buffers, &result);
	check_stage_is(CHECK_OK, "");
	/* nobody has asked for more than there is */
	buffers.passes = false;
	buffers.asked = 64 * KIB;
	check_receive_judge(&buffers, &result);
	check_stage_is(CHECK_OK, "");
	buffers.asked = 0;
	check_receive_judge(&buffers, &result);
	check_stage_is(CHECK_OK, "");
	buffers.grows = MIB - 1;
	check_receive_judge(&buffers, &result);
	check_stage_is(CHECK_WARN, "net.ipv4.tcp_rmem");
}

static void send_buffer_that_is_cut_or_small_is_warned_of(void **state)
{
	struct check_buffers buffers = {.core = 64 * KIB, .grows = MIB};

	(void)state;
	check_send_judge(&buffers, &result);
	check_stage_is(CHECK_OK, "");
	buffers.grows--;
	check_send_judge(&buffers, &result);
	check_stage_is(CHECK_WARN, "net.ipv4.tcp_wmem");
	buffers.asked = 64 * KIB;
	check_send_judge(&buffers, &result);
	check_stage_is(CHECK_OK, "");
	buffers.asked++;
	check_send_judge(&buffers, &result);
	check_stage_is(CHECK_WARN, "net.core.wmem_max=65537");
}

/* ---- Connections ------------------------------------------------------- */

static void backlog_has_a_bound(void **state)
{
	(void)state;

	check_backlog_judge(4096, &result);
	check_stage_is(CHECK_OK, "");
	check_backlog_judge(4095, &result);
	check_stage_is(CHECK_WARN, "sysctl -w net.core.somaxconn=4096");
}

static void congestion_control_must_be_there_and_allowed(void **state)
{
	static const struct {
		struct check_congestions is;
		enum check_state state;
		const char *fix;
	} rows[] = {
		{{"cubic", "reno cubic", "reno", "auto", false}, CHECK_OK, ""},
		{{"bbr", "reno bbr cubic", "reno cubic", "auto", false},
		 CHECK_OK,
		 ""},
		{{"bbr", "reno bbr cubic", "reno bbr", "auto", true},
		 CHECK_OK,
		 ""},
		{{"bbr", "reno bbr cubic", "reno bbr", "auto", false},
		 CHECK_WARN,
		 "tcp_allowed_congestion_control='reno bbr cubic'"},
		{{"bbr", "reno bbr", "reno bbr", "auto", true},
		 CHECK_WARN,
		 "modprobe tcp_cubic"},
		{{"bbr", "bbr", "bbr", "system", false}, CHECK_OK, ""},
		{{"cubic", "reno cubic", "reno cubic", "reno", false},
		 CHECK_OK,
		 ""},
		/* a part of a word is none */
		{{"cubic", "reno cubic", "reno cubic", "ren", false},
		 CHECK_FAIL,
		 "modprobe tcp_ren"},
		{{"cubic", "reno cubic bbr", "reno cubic", "bbr", false},
		 CHECK_FAIL,
		 "tcp_allowed_congestion_control='reno cubic bbr'"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check_congestion_judge(&rows[i].is, &result);
		check_stage_is(rows[i].state, rows[i].fix);
	}
}

/* ---- Files ------------------------------------------------------------- */

static const struct config config = {
	.max_receivers = 1, .rcvbuf_bytes = 4 << 20, .congestion = "auto"};

static const struct check_plan plan = {.root = root_path, .config = &config};

static void what_cannot_be_read_is_unknown(void **state)
{
	(void)state;

	check_tcp_mem(&plan, &result);
	check_stage_is(CHECK_UNKNOWN, "");
	check_receive_buffer(&plan, &result);
	check_stage_is(CHECK_UNKNOWN, "");
	check_send_buffer(&plan, &result);
	check_stage_is(CHECK_UNKNOWN, "");
	check_backlog(&plan, &result);
	check_stage_is(CHECK_UNKNOWN, "");
	check_congestion(&plan, &result);
	check_stage_is(CHECK_UNKNOWN, "");
}

static void files_of_the_kernel_are_read(void **state)
{
	(void)state;
	root_write("/proc/sys/net/ipv4/tcp_mem", "10\t20\t30\n");
	root_write("/proc/sys/net/ipv4/tcp_wmem", "4096\t16384\t4194304\n");
	root_write("/proc/sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456\n");
	root_write("/proc/sys/net/core/rmem_max", "212992\n");
	root_write("/proc/sys/net/core/somaxconn", "128\n");
	root_write("/proc/sys/net/ipv4/tcp_congestion_control", "bbr\n");

	check_tcp_mem(&plan, &result);
	check_stage_is(CHECK_WARN, "sysctl");
	check_receive_buffer(&plan, &result);
	check_stage_is(CHECK_WARN, "net.core.rmem_max=4194304");
	/* a network namespace of its own has no wmem_max */
	check_send_buffer(&plan, &result);
	check_stage_is(CHECK_OK, "");
	check_backlog(&plan, &result);
	check_stage_is(CHECK_WARN, "somaxconn=4096");
	check_congestion(&plan, &result);
	check_stage_is(CHECK_WARN, "modprobe tcp_cubic");
}

#define TEST(name)                                              \
	cmocka_unit_test_setup_teardown(name, check_stage_open, \
					check_stage_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(worst_case_is_held_against_the_pressure_line),
		TEST(receive_buffer_below_a_mebibyte_is_warned_of),
		TEST(send_buffer_that_is_cut_or_small_is_warned_of),
		TEST(backlog_has_a_bound),
		TEST(congestion_control_must_be_there_and_allowed),
		TEST(what_cannot_be_read_is_unknown),
		TEST(files_of_the_kernel_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
