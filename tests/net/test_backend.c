/* SPDX-License-Identifier: MIT */
/* Every request of backend.h, one round trip each, by the real kernel. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends.h"

#include "shm/notify.h"

/* ---- Receive ----------------------------------------------------------- */

static void recv_takes_what_is_there_and_what_comes(void **state)
{
	char buffer[16] = "";

	(void)state;
	assert_int_equal(write(pair[1], "here", 4), 4);
	assert_int_equal(bc_backend_recv(backend, pair[0], buffer, 16, 0, 7),
			 0);
	assert_int_equal(one_result(7), 4);
	assert_memory_equal(buffer, "here", 4);

	assert_int_equal(bc_backend_recv(backend, pair[0], buffer, 16, 0, 8),
			 0);
	assert_no_event();
	assert_int_equal(write(pair[1], "later", 5), 5);
	assert_int_equal(one_result(8), 5);
	assert_memory_equal(buffer, "later", 5);
}

static void recv_at_the_end_gives_0(void **state)
{
	char buffer[16];

	(void)state;
	assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
	assert_int_equal(bc_backend_recv(backend, pair[0], buffer, 16, 0, 7),
			 0);
	assert_int_equal(one_result(7), 0);
}

static void peek_takes_nothing(void **state)
{
	char buffer[16] = "";

	(void)state;
	assert_int_equal(write(pair[1], "abc", 3), 3);
	assert_int_equal(
		bc_backend_recv(backend, pair[0], buffer, 1, MSG_PEEK, 7), 0);
	assert_int_equal(one_result(7), 1);
	assert_int_equal(bc_backend_recv(backend, pair[0], buffer, 16, 0, 8),
			 0);
	assert_int_equal(one_result(8), 3);
}

/* ---- TCP --------------------------------------------------------------- */

/* MSG_TRUNC throws bytes away on TCP only. */
static void truncating_recv_discards(void **state)
{
	int ours, theirs;
	char buffer[8];

	(void)state;
	connect_two(&ours, &theirs);
	assert_int_equal(write(theirs, "discarded", 9), 9);
	assert_int_equal(bc_backend_recv(backend, ours, NULL, 7, MSG_TRUNC, 7),
			 0);
	assert_int_equal(one_result(7), 7);
	assert_int_equal(bc_backend_recv(backend, ours, buffer, 8, 0, 8), 0);
	assert_int_equal(one_result(8), 2);
	assert_memory_equal(buffer, "ed", 2);
	(void)close(theirs);
	(void)close(ours);
}

static void accept_gives_one_event_for_each_of_100(void **state)
{
	struct sockaddr_in address;
	struct bc_event events[EVENTS];
	int listener = listen_on_loopback(&address);
	int theirs[100];
	unsigned accepted = 0;

	(void)state;
	assert_int_equal(bc_backend_accept(backend, listener, 9), 0);
	assert_no_event();
	for (unsigned i = 0; i < 100; i++)
		theirs[i] = connect_to(&address);

	for (unsigned tries = 0; accepted < 100 && tries < 200; tries++) {
		int count = wait_for(events, EVENTS, LONG_WAIT_NS);

		for (int i = 0; i < count; i++) {
			assert_int_equal(events[i].token, 9);
			assert_true(events[i].result >= 0);
			assert_int_equal(events[i].flags, BC_EVENT_MORE);
			(void)close(events[i].result);
			accepted++;
		}
	}

	assert_int_equal(accepted, 100);
	assert_int_equal(bc_backend_cancel(backend, 9), 0);
	assert_int_equal(wait_for(events, EVENTS, LONG_WAIT_NS), 1);
	assert_int_equal(events[0].result, -ECANCELED);
	assert_int_equal(events[0].flags, 0);
	for (unsigned i = 0; i < 100; i++)
		(void)close(theirs[i]);
	(void)close(listener);
}

/* ---- Send and cancel --------------------------------------------------- */

static void send_may_take_less_than_offered(void **state)
{
	int taken;

	(void)state;
	assert_int_equal(bc_backend_send(backend, pair[0], megabytes,
					 sizeof(megabytes), 7),
			 0);
	taken = one_result(7);
	assert_in_range(taken, 1, sizeof(megabytes) - 1);
}

static void send_to_nobody_is_an_error_and_no_signal(void **state)
{
	(void)state;
	(void)close(pair[1]);
	pair[1] = -1;
	assert_int_equal(bc_backend_send(backend, pair[0], "x", 1, 7), 0);
	assert_int_equal(one_result(7), -EPIPE);
}

static void cancelled_send_gives_its_event(void **state)
{
	(void)state;
	(void)fill(pair[0]);
	assert_int_equal(bc_backend_send(backend, pair[0], megabytes, 100, 7),
			 0);
	assert_no_event();
	assert_int_equal(bc_backend_cancel(backend, 7), 0);
	assert_int_equal(one_result(7), -ECANCELED);
	assert_no_event();
}

static void cancelled_recv_gives_its_event(void **state)
{
	char buffer[16];

	(void)state;
	assert_int_equal(bc_backend_recv(backend, pair[0], buffer, 16, 0, 7),
			 0);
	assert_no_event();
	assert_int_equal(bc_backend_cancel(backend, 7), 0);
	assert_int_equal(one_result(7), -ECANCELED);
	assert_no_event();
}

static void cancel_of_nothing_gives_no_event(void **state)
{
	(void)state;
	assert_int_equal(bc_backend_cancel(backend, 12345), 0);
	assert_no_event();
}

static void only_the_named_request_is_cancelled(void **state)
{
	char buffer[16];

	(void)state;
	(void)fill(pair[0]);
	assert_int_equal(bc_backend_send(backend, pair[0], megabytes, 100, 7),
			 0);
	assert_int_equal(bc_backend_recv(backend, pair[0], buffer, 16, 0, 8),
			 0);
	assert_no_event();
	assert_int_equal(bc_backend_cancel(backend, 7), 0);
	assert_int_equal(one_result(7), -ECANCELED);
	assert_int_equal(write(pair[1], "x", 1), 1);
	assert_int_equal(one_result(8), 1);
}

/* ---- Poll -------------------------------------------------------------- */

static void poll_tells_once_what_is_readable(void **state)
{
	(void)state;
	assert_int_equal(bc_backend_poll(backend, pair[0], 7), 0);
	assert_no_event();
	assert_int_equal(write(pair[1], "x", 1), 1);
	assert_true((one_result(7) & POLLIN) != 0);
	assert_int_equal(write(pair[1], "y", 1), 1);
	assert_no_event();

	assert_int_equal(bc_backend_poll(backend, pair[0], 8), 0);
	assert_true((one_result(8) & POLLIN) != 0);
}

static void cancelled_poll_gives_its_event(void **state)
{
	(void)state;
	assert_int_equal(bc_backend_poll(backend, pair[0], 7), 0);
	assert_no_event();
	assert_int_equal(bc_backend_cancel(backend, 7), 0);
	assert_int_equal(one_result(7), -ECANCELED);
	assert_no_event();
}

static void sleep_until_killed(void *argument)
{
	(void)argument;
	test_child_ready();
	test_child_sleep();
}

static void poll_of_a_process_ends_with_it(void **state)
{
	struct test_child child = test_fork(sleep_until_killed, NULL);
	int fd = pidfd_open(child.pid, 0);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(bc_backend_poll(backend, fd, 7), 0);
	assert_no_event();
	test_kill(&child);
	assert_true((one_result(7) & POLLIN) != 0);
	(void)close(fd);
}

/* ---- Wake -------------------------------------------------------------- */

static bc_u32 *word;

static void sleep_on_the_word(void *argument)
{
	(void)argument;
	test_child_ready();
	while (atomic_load_explicit(word, memory_order_acquire) == 0)
		(void)bc_notify_wait(word, 0, INT64_C(1000000000) * 60);
	_exit(0);
}

static void wake_reaches_who_sleeps_on_the_word(void **state)
{
	struct test_child child;
	struct bc_event event;

	(void)state;
	word = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(word != MAP_FAILED);
	child = test_fork(sleep_on_the_word, NULL);
	/* whether it sleeps by now or not, it must come back */
	atomic_store_explicit(word, 1, memory_order_release);
	assert_int_equal(bc_backend_wake(backend, word), 0);

	assert_int_equal(wait_for(&event, 1, SHORT_WAIT_NS), 0);

	assert_int_equal(test_join(&child), 0);
	(void)munmap(word, 4096);
}

/* ---- The queue and the wait -------------------------------------------- */

static void thousands_of_requests_in_one_go_all_come_back(void **state)
{
	static char buffers[5000];
	struct bc_event events[EVENTS];
	bool seen[5000] = {false};
	unsigned total = 0;

	(void)state;
	assert_int_equal(send(pair[1], megabytes, sizeof(buffers), 0),
			 sizeof(buffers));
	for (unsigned i = 0; i < 5000; i++)
		assert_int_equal(bc_backend_recv(backend, pair[0], buffers + i,
						 1, 0, i + 1),
				 0);

	for (unsigned tries = 0; total < 5000 && tries < 5000; tries++) {
		int count = wait_for(events, EVENTS, LONG_WAIT_NS);

		for (int i = 0; i < count; i++) {
			assert_in_range(events[i].token, 1, 5000);
			assert_false(seen[events[i].token - 1]);
			seen[events[i].token - 1] = true;
			assert_int_equal(events[i].result, 1);
		}
		total += (unsigned)count;
	}

	assert_int_equal(total, 5000);
	assert_no_event();
}

static void what_does_not_fit_the_array_is_kept(void **state)
{
	struct bc_event events[2];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(
			bc_backend_send(backend, pair[0], "x", 1, i + 1), 0);

	assert_int_equal(wait_for(events, 2, LONG_WAIT_NS), 2);
	assert_int_equal(wait_for(events, 2, LONG_WAIT_NS), 1);
}

static void wait_ends_by_its_timeout(void **state)
{
	uint64_t start_ms = test_now_ms();
	struct bc_event event;

	(void)state;
	assert_int_equal(wait_for(&event, 1, INT64_C(200000000)), 0);
	assert_in_range(test_now_ms() - start_ms, 150, DEADLINE_MS);
	assert_int_equal(wait_for(&event, 1, 0), 0);
}

static volatile sig_atomic_t signalled;

static void on_signal(int number)
{
	signalled = number;
}

static void signal_let_in_by_the_mask_ends_the_wait(void **state)
{
	const struct sigaction action = {.sa_handler = on_signal};
	uint64_t start_ms = test_now_ms();
	struct bc_event event;
	sigset_t blocked;

	(void)state;
	signalled = 0;
	(void)sigaction(SIGUSR1, &action, NULL);
	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &blocked, NULL);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(signalled, 0);

	assert_int_equal(wait_for(&event, 1, LONG_WAIT_NS), 0);

	assert_int_equal(signalled, SIGUSR1);
	assert_true(test_now_ms() - start_ms < DEADLINE_MS / 2);
	(void)sigprocmask(SIG_UNBLOCK, &blocked, NULL);
}

/* ---- Without waiting --------------------------------------------------- */

static bool has_come(void *argument)
{
	return wait_for(argument, 1, 0) == 1;
}

/* What ends outside of a wait is worked on inside of one only. */
static void looking_without_waiting_finds_what_has_ended(void **state)
{
	struct bc_event event;
	char byte = 'a', got = 0;

	(void)state;
	assert_int_equal(bc_backend_recv(backend, pair[0], &got, 1, 0, 7), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(wait_for(&event, 1, 0), 0);
	assert_int_equal(write(pair[1], &byte, 1), 1);

	assert_true(test_within(DEADLINE_MS, has_come, &event));

	assert_int_equal(event.token, 7);
	assert_int_equal(event.result, 1);
	assert_int_equal(got, 'a');
	assert_int_equal(wait_for(&event, 1, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BACKENDS_TEST(recv_takes_what_is_there_and_what_comes),
		BACKENDS_TEST(recv_at_the_end_gives_0),
		BACKENDS_TEST(peek_takes_nothing),
		BACKENDS_TEST(truncating_recv_discards),
		BACKENDS_TEST(accept_gives_one_event_for_each_of_100),
		BACKENDS_TEST(send_may_take_less_than_offered),
		BACKENDS_TEST(send_to_nobody_is_an_error_and_no_signal),
		BACKENDS_TEST(cancelled_send_gives_its_event),
		BACKENDS_TEST(cancelled_recv_gives_its_event),
		BACKENDS_TEST(cancel_of_nothing_gives_no_event),
		BACKENDS_TEST(only_the_named_request_is_cancelled),
		BACKENDS_TEST(poll_tells_once_what_is_readable),
		BACKENDS_TEST(cancelled_poll_gives_its_event),
		BACKENDS_TEST(poll_of_a_process_ends_with_it),
		BACKENDS_TEST(wake_reaches_who_sleeps_on_the_word),
		BACKENDS_TEST(thousands_of_requests_in_one_go_all_come_back),
		BACKENDS_TEST(what_does_not_fit_the_array_is_kept),
		BACKENDS_TEST(wait_ends_by_its_timeout),
		BACKENDS_TEST(signal_let_in_by_the_mask_ends_the_wait),
		BACKENDS_TEST(looking_without_waiting_finds_what_has_ended),
	};

	return backends_run(tests, sizeof(tests) / sizeof(tests[0]));
}
