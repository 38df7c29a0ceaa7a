/* SPDX-License-Identifier: MIT */
/* recv_each: whatever comes, in the backend's own buffers, until it ends. */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends.h"

#define SEED	 UINT64_C(42)
#define FLOODERS 100u

static void each_arrival_is_an_event_with_its_bytes(void **state)
{
	struct bc_event event;

	(void)state;
	assert_int_equal(bc_backend_recv_each(backend, pair[0], 7), 0);
	assert_no_event();
	for (unsigned i = 0; i < 200; i++) {
		char text[16];
		size_t size = (size_t)snprintf(text, sizeof(text), "n%u", i);

		assert_int_equal(write(pair[1], text, size), (ssize_t)size);

		event = one_event(7);
		assert_int_equal(event.flags, BC_EVENT_MORE);
		assert_int_equal(event.result, size);
		assert_memory_equal(event.bytes, text, size);
	}
}

static void what_is_there_already_comes_at_once(void **state)
{
	struct bc_event event;

	(void)state;
	assert_int_equal(write(pair[1], "here", 4), 4);

	assert_int_equal(bc_backend_recv_each(backend, pair[0], 7), 0);

	event = one_event(7);
	assert_int_equal(event.result, 4);
	assert_memory_equal(event.bytes, "here", 4);
}

static void the_end_of_the_peer_is_the_last_event(void **state)
{
	struct bc_event event;

	(void)state;
	assert_int_equal(bc_backend_recv_each(backend, pair[0], 7), 0);
	assert_no_event();
	assert_int_equal(write(pair[1], "last", 4), 4);
	assert_int_equal(shutdown(pair[1], SHUT_WR), 0);

	event = one_event(7);
	assert_int_equal(event.result, 4);
	if (event.flags & BC_EVENT_MORE)
		assert_int_equal(one_result(7), 0);
	assert_no_event();
}

static void reset_is_the_last_event(void **state)
{
	int ours, theirs;

	(void)state;
	connect_two(&ours, &theirs);
	assert_int_equal(bc_backend_recv_each(backend, ours, 7), 0);
	assert_no_event();

	reset(theirs);

	assert_int_equal(one_result(7), -ECONNRESET);
	(void)close(ours);
}

static void cancel_ends_it_once(void **state)
{
	(void)state;
	assert_int_equal(bc_backend_recv_each(backend, pair[0], 7), 0);
	assert_no_event();

	assert_int_equal(bc_backend_cancel(backend, 7), 0);

	assert_int_equal(one_result(7), -ECANCELED);
	assert_int_equal(write(pair[1], "x", 1), 1);
	assert_no_event();
}

/* ---- More than there are buffers --------------------------------------- */

struct flooder {
	int ours;
	int theirs;
	uint64_t received;
};

static struct flooder flooders[FLOODERS];
static char pattern[16384];

static void take_in(const struct bc_event *event)
{
	struct flooder *flooder = &flooders[event->token - 1];

	assert_in_range(event->token, 1, FLOODERS);
	if (event->result > 0) {
		assert_in_range(event->result, 1, BC_BACKEND_EACH_BYTES);
		assert_int_equal(
			test_pattern_check(event->token, flooder->received,
					   event->bytes, (size_t)event->result),
			-1);
		flooder->received += (uint64_t)event->result;
	} else {
		assert_int_equal(event->result, -ENOBUFS);
	}
	if ((event->flags & BC_EVENT_MORE) == 0)
		assert_int_equal(bc_backend_recv_each(backend, flooder->ours,
						      event->token),
				 0);
}

static void flood_comes_whole_though_buffers_run_out(void **state)
{
	uint64_t end_ms = test_now_ms() + DEADLINE_MS;
	struct bc_event events[EVENTS];
	uint64_t total = 0;

	(void)state;
	for (unsigned i = 0; i < FLOODERS; i++) {
		struct flooder *flooder = &flooders[i];

		flooder->received = 0;
		connect_two(&flooder->ours, &flooder->theirs);
		test_pattern_fill(i + 1, 0, pattern, sizeof(pattern));
		assert_int_equal(
			write(flooder->theirs, pattern, sizeof(pattern)),
			sizeof(pattern));
		assert_int_equal(
			bc_backend_recv_each(backend, flooder->ours, i + 1), 0);
	}

	while (total < FLOODERS * sizeof(pattern) && test_now_ms() < end_ms) {
		int count = wait_for(events, EVENTS, LONG_WAIT_NS);

		for (int i = 0; i < count; i++)
			take_in(&events[i]);
		total = 0;
		for (unsigned i = 0; i < FLOODERS; i++)
			total += flooders[i].received;
	}

	assert_int_equal(total, FLOODERS * sizeof(pattern));
	for (unsigned i = 0; i < FLOODERS; i++) {
		(void)close(flooders[i].ours);
		(void)close(flooders[i].theirs);
	}
}

static void buffers_come_back_with_the_next_wait(void **state)
{
	struct bc_event events[4];
	uint64_t received = 0;

	(void)state;
	assert_int_equal(bc_backend_recv_each(backend, pair[0], 7), 0);
	for (unsigned round = 0; round < 500; round++) {
		uint64_t until = (uint64_t)(round + 1) * 4096;

		test_pattern_fill(SEED, until - 4096, pattern, 4096);
		assert_int_equal(write(pair[1], pattern, 4096), 4096);
		while (received < until) {
			int count = wait_for(events, 4, LONG_WAIT_NS);

			for (int i = 0; i < count; i++) {
				assert_int_equal(events[i].flags,
						 BC_EVENT_MORE);
				assert_int_equal(
					test_pattern_check(
						SEED, received, events[i].bytes,
						(size_t)events[i].result),
					-1);
				received += (uint64_t)events[i].result;
			}
		}
	}
	assert_no_event();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BACKENDS_TEST(each_arrival_is_an_event_with_its_bytes),
		BACKENDS_TEST(what_is_there_already_comes_at_once),
		BACKENDS_TEST(the_end_of_the_peer_is_the_last_event),
		BACKENDS_TEST(reset_is_the_last_event),
		BACKENDS_TEST(cancel_ends_it_once),
		BACKENDS_TEST(flood_comes_whole_though_buffers_run_out),
		BACKENDS_TEST(buffers_come_back_with_the_next_wait),
	};

	return backends_run(tests, sizeof(tests) / sizeof(tests[0]));
}
