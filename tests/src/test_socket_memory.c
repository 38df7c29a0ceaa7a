/* SPDX-License-Identifier: MIT */
/* test_socket_memory.c - shares of tcp_mem, as numbers; one on real sockets. */
#include "support.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "src/lane.h"
#include "src/socket_memory.h"

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* A machine on which 256 receivers can have all they like. */
static struct socket_memory machine(void)
{
	return (struct socket_memory){
		.calm_bytes = GIB,
		.pressure_bytes = GIB / 3 * 4,
		.limit_bytes = GIB * 2,
		.largest_bytes = 4 * MIB,
	};
}

/* ---- The share --------------------------------------------------------- */

static void share_is_the_systems_choice_until_it_would_be_too_much(void **state)
{
	static const struct {
		uint32_t receivers;
		uint64_t share;
	} rows[] = {
		{0, 0},
		{1, 0},
		{16, 0},
		{255, 0},
		{256, 0},
		{257, GIB / 257},
		{512, 2 * MIB},
		{1024, MIB},
		{16383, GIB / 16383},
		{16384, 64 * KIB},
		{16385, 64 * KIB},
		{65536, 64 * KIB},
	};
	const struct socket_memory memory = machine();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(
			socket_memory_share(&memory, rows[i].receivers),
			rows[i].share);
}

static void those_from_before_are_set_when_the_number_doubles(void **state)
{
	struct socket_memory memory = machine();
	unsigned times = 0;

	(void)state;
	for (uint32_t n = 1; n <= 10000; n++) {
		times += socket_memory_plan(&memory, n);
		/* all with their share, and a sender, stay below the line */
		if (memory.share_bytes > 0)
			assert_true(n * memory.share_bytes <= GIB);
	}

	/* at 257, 513, 1025, 2049, 4097, 8193 */
	assert_int_equal(times, 6);
	assert_int_equal(memory.planned_for, 16384);
	assert_int_equal(memory.share_bytes, 64 * KIB);
}

static void share_does_not_swing_when_receivers_come_and_go(void **state)
{
	struct socket_memory memory = machine();

	(void)state;
	assert_true(socket_memory_plan(&memory, 513));
	for (unsigned i = 0; i < 10; i++) {
		assert_false(socket_memory_plan(&memory, 512));
		assert_false(socket_memory_plan(&memory, 513));
		assert_false(socket_memory_plan(&memory, 257));
	}
	assert_int_equal(memory.share_bytes, MIB);

	/* a quarter: newcomers get more, and nobody has too much */
	assert_false(socket_memory_plan(&memory, 256));
	assert_int_equal(memory.share_bytes, 0);
}

/* ---- The worst --------------------------------------------------------- */

static void worst_is_all_buffers_full(void **state)
{
	const struct socket_memory memory = machine();
	struct config config = {.max_receivers = 16, .rcvbuf_bytes = 4 << 20};

	(void)state;
	assert_int_equal(socket_memory_worst(&memory, &config), 72 * MIB);
	config.max_receivers = 1024; /* each has its share */
	assert_int_equal(socket_memory_worst(&memory, &config), GIB + 8 * MIB);
	config.max_receivers = 65536; /* each has the least there is */
	assert_int_equal(socket_memory_worst(&memory, &config),
			 4 * GIB + 8 * MIB);
	config.max_receivers = 1000;
	config.sndbuf_bytes = 1 << 20; /* of which the kernel makes 2 MiB */
	assert_int_equal(socket_memory_worst(&memory, &config), 2008 * MIB);
}

/* ---- Of the kernel ----------------------------------------------------- */

static uint64_t buffer_of(int fd)
{
	int bytes = 0;
	socklen_t length = sizeof(bytes);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &length),
			 0);
	return (uint64_t)bytes;
}

/* Room for 4 KiB, 64 KiB a share: the second receiver is one too many. */
static void first_receiver_is_set_when_the_second_comes(void **state)
{
	struct config config = {.max_receivers = 2};
	struct lane lane = {.config = &config,
			    .socket_memory = {.calm_bytes = 4 * KIB,
					      .largest_bytes = 4 * KIB}};
	int fds[2][2];
	uint64_t before;

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC,
					    0, fds[i]),
				 0);
	assert_int_equal(bc_conn_table_init(&lane.conns, 2), 0);
	before = buffer_of(fds[0][0]);

	socket_memory_admit(&lane, &(struct bc_conn){.fd = fds[0][0]});
	assert_int_equal(buffer_of(fds[0][0]), before);
	bc_conn_open(&lane.conns, fds[0][0])->role = BCAST_ROLE_RECEIVER;
	lane.egress.receivers = 1;
	socket_memory_admit(&lane, &(struct bc_conn){.fd = fds[1][0]});

	assert_int_equal(buffer_of(fds[0][0]), 64 * KIB);
	assert_int_equal(buffer_of(fds[1][0]), 64 * KIB);
	bc_conn_table_fini(&lane.conns);
	for (unsigned i = 0; i < 4; i++)
		(void)close(fds[i / 2][i % 2]);
}

/* Four threads with one receiver each are four receivers. */
static void lane_counts_for_all_threads(void **state)
{
	struct config config = {.max_receivers = 8, .egress_threads = 4};
	struct lane lane = {.config = &config,
			    .socket_memory = {.calm_bytes = 16 * KIB,
					      .largest_bytes = 8 * KIB}};
	int fds[2];

	(void)state;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);

	socket_memory_admit(&lane, &(struct bc_conn){.fd = fds[0]});

	assert_int_equal(lane.socket_memory.planned_for, 4);
	assert_int_equal(buffer_of(fds[0]), 64 * KIB);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void chosen_buffer_is_left_alone(void **state)
{
	struct config config = {.max_receivers = 2,
				.listens = {{.sndbuf_bytes = 1 << 20}}};
	struct lane lane = {.config = &config,
			    .egress.receivers = 999,
			    .socket_memory = {.calm_bytes = 4 * KIB,
					      .largest_bytes = 8 * KIB}};
	int fds[2];
	uint64_t before;

	(void)state;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	before = buffer_of(fds[0]);

	socket_memory_admit(&lane, &(struct bc_conn){.fd = fds[0]});

	assert_int_equal(buffer_of(fds[0]), before);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			share_is_the_systems_choice_until_it_would_be_too_much),
		cmocka_unit_test(
			those_from_before_are_set_when_the_number_doubles),
		cmocka_unit_test(
			share_does_not_swing_when_receivers_come_and_go),
		cmocka_unit_test(worst_is_all_buffers_full),
		cmocka_unit_test(first_receiver_is_set_when_the_second_comes),
		cmocka_unit_test(lane_counts_for_all_threads),
		cmocka_unit_test(chosen_buffer_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
