/* SPDX-License-Identifier: MIT */
/* A thousand at a time, and queues that are too short for them. */
#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends.h"

#define MANY  1000u
#define STORM 500u

static int ours[MANY], theirs[MANY];
static char buffers[MANY][8];
static unsigned results[MANY];

static int open_many(void **state)
{
	struct rlimit limit;

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	for (unsigned i = 0; i < MANY; i++) {
		int two[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, two) < 0)
			return -1;
		ours[i] = two[0];
		theirs[i] = two[1];
		results[i] = 0;
	}
	return open_all(state);
}

static int close_many(void **state)
{
	int ret = close_all(state);

	for (unsigned i = 0; i < MANY; i++) {
		(void)close(ours[i]);
		(void)close(theirs[i]);
	}
	return ret;
}

/* The same, with the shortest queues there are. */
static int open_many_short(void **state)
{
	char why[256];

	if (open_many(state) < 0)
		return -1;
	bc_backend_close(backend);
	return kind->open(&backend, 1, kind->flags | BC_URING_SMALL, why,
			  sizeof(why));
}

/* Takes in events of tokens 1 to MANY until there were `wanted`. */
static void collect(unsigned wanted, int32_t result)
{
	uint64_t end_ms = test_now_ms() + DEADLINE_MS;
	struct bc_event events[EVENTS];
	unsigned total = 0;

	while (total < wanted && test_now_ms() < end_ms) {
		int count = wait_for(events, EVENTS, LONG_WAIT_NS);

		assert_true(count >= 0);
		for (int i = 0; i < count; i++) {
			assert_in_range(events[i].token, 1, MANY);
			assert_int_equal(events[i].result, result);
			results[events[i].token - 1]++;
		}
		total += (unsigned)count;
	}
	assert_int_equal(total, wanted);
	assert_no_event();
}

static void assert_each_has(unsigned times)
{
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(results[i], times);
}

static void receive_at_all(void)
{
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(bc_backend_recv(backend, ours[i], buffers[i],
						 8, 0, i + 1),
				 0);
}

static void each_of_1000_gets_its_own_event(void **state)
{
	(void)state;
	receive_at_all();
	assert_no_event();
	for (unsigned i = MANY; i-- > 0;)
		assert_int_equal(write(theirs[i], &i, 4), 4);

	collect(MANY, 4);

	assert_each_has(1);
	for (unsigned i = 0; i < MANY; i++)
		assert_memory_equal(buffers[i], &i, 4);
}

static void each_of_1000_is_cancelled_once(void **state)
{
	(void)state;
	receive_at_all();
	assert_no_event();
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(bc_backend_cancel(backend, i + 1), 0);

	collect(MANY, -ECANCELED);

	assert_each_has(1);
}

static void sends_to_1000_go_out_in_one_batch(void **state)
{
	char byte;

	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(
			bc_backend_send(backend, ours[i], "x", 1, i + 1), 0);

	collect(MANY, 1);

	assert_each_has(1);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(recv(theirs[i], &byte, 1, MSG_DONTWAIT), 1);
}

/* Who floods the queue with what succeeds must not keep others waiting. */
static void parked_one_is_served_beside_busy_ones(void **state)
{
	struct bc_event events[EVENTS];
	bool served = false;
	char byte;

	(void)state;
	for (unsigned i = 0; i < MANY - 1; i++)
		assert_int_equal(write(theirs[i], "x", 1), 1);
	assert_int_equal(
		bc_backend_recv(backend, ours[MANY - 1], &byte, 1, 0, MANY), 0);
	assert_no_event();
	assert_int_equal(write(theirs[MANY - 1], "y", 1), 1);

	for (unsigned turn = 0; turn < 8 && !served; turn++) {
		int count;

		for (unsigned i = 0; i < 400; i++)
			assert_int_equal(bc_backend_recv(backend, ours[i],
							 buffers[i], 1,
							 MSG_PEEK, i + 1),
					 0);
		count = wait_for(events, EVENTS, LONG_WAIT_NS);
		for (int i = 0; i < count; i++)
			if (events[i].token == MANY)
				served = true;
	}

	assert_true(served);
}

/* ---- Accept ------------------------------------------------------------ */

/* As a daemon does it: when accept has ended, it is asked for again. */
static void storm_of_connections(void **state)
{
	uint64_t end_ms = test_now_ms() + DEADLINE_MS;
	struct bc_event events[EVENTS];
	struct sockaddr_in address;
	int listener = listen_on_loopback(&address);
	int clients[STORM];
	unsigned accepted = 0;
	bool armed = false;

	(void)state;
	for (unsigned i = 0; i < STORM; i++)
		clients[i] = connect_to(&address);
	while (accepted < STORM && test_now_ms() < end_ms) {
		int count;

		if (!armed)
			assert_int_equal(
				bc_backend_accept(backend, listener, 7), 0);
		armed = true;
		count = wait_for(events, EVENTS, LONG_WAIT_NS);
		for (int i = 0; i < count; i++) {
			assert_int_equal(events[i].token, 7);
			assert_true(events[i].result >= 0);
			(void)close(events[i].result);
			armed = (events[i].flags & BC_EVENT_MORE) != 0;
			accepted++;
		}
	}

	assert_int_equal(accepted, STORM);
	for (unsigned i = 0; i < STORM; i++)
		(void)close(clients[i]);
	(void)close(listener);
}

int main(void)
{
#define MANY_TEST(f) cmocka_unit_test_setup_teardown(f, open_many, close_many)
#define SHORT_TEST(f)                                                     \
	{                                                                 \
		"short queues: " #f, f, open_many_short, close_many, NULL \
	}
	const struct CMUnitTest tests[] = {
		MANY_TEST(each_of_1000_gets_its_own_event),
		MANY_TEST(each_of_1000_is_cancelled_once),
		MANY_TEST(sends_to_1000_go_out_in_one_batch),
		MANY_TEST(parked_one_is_served_beside_busy_ones),
		MANY_TEST(storm_of_connections),
		SHORT_TEST(each_of_1000_gets_its_own_event),
		SHORT_TEST(each_of_1000_is_cancelled_once),
		SHORT_TEST(sends_to_1000_go_out_in_one_batch),
		SHORT_TEST(storm_of_connections),
	};

	return backends_run(tests, sizeof(tests) / sizeof(tests[0]));
}
