/* SPDX-License-Identifier: MIT */
/* Peers that reset, vanish or stall; numbers used again; no descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends.h"

#define REUSES 200u

/* ---- Parked, and then ------------------------------------------------- */

static void reset_ends_a_parked_recv(void **state)
{
	int ours, theirs;
	char buffer[8];

	(void)state;
	connect_two(&ours, &theirs);
	assert_int_equal(bc_backend_recv(backend, ours, buffer, 8, 0, 7), 0);
	assert_no_event();

	reset(theirs);

	assert_int_equal(one_result(7), -ECONNRESET);
	(void)close(ours);
}

static void reset_ends_a_parked_send(void **state)
{
	int ours, theirs;
	int result;

	(void)state;
	connect_two(&ours, &theirs);
	(void)fill(ours);
	assert_int_equal(
		bc_backend_send(backend, ours, megabytes, sizeof(megabytes), 7),
		0);
	assert_no_event();

	reset(theirs);

	result = one_result(7);
	assert_true(result == -ECONNRESET || result == -EPIPE);
	(void)close(ours);
}

static void end_of_the_peer_ends_a_parked_recv(void **state)
{
	int ours, theirs;
	char buffer[8];

	(void)state;
	connect_two(&ours, &theirs);
	assert_int_equal(bc_backend_recv(backend, ours, buffer, 8, 0, 7), 0);
	assert_no_event();

	assert_int_equal(shutdown(theirs, SHUT_WR), 0);

	assert_int_equal(one_result(7), 0);
	(void)close(ours);
	(void)close(theirs);
}

static void bytes_and_then_the_end_are_both_seen(void **state)
{
	int ours, theirs;
	char buffer[8];

	(void)state;
	connect_two(&ours, &theirs);
	assert_int_equal(bc_backend_recv(backend, ours, buffer, 8, 0, 7), 0);
	assert_no_event();

	assert_int_equal(write(theirs, "last", 4), 4);
	(void)close(theirs);

	assert_int_equal(one_result(7), 4);
	assert_int_equal(bc_backend_recv(backend, ours, buffer, 8, 0, 8), 0);
	assert_int_equal(one_result(8), 0);
	(void)close(ours);
}

static void drain(int fd)
{
	static char buffer[1 << 20];

	while (recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) > 0)
		;
}

static void parked_send_goes_on_when_there_is_room(void **state)
{
	struct bc_event event;
	int ours, theirs, count = 0;

	(void)state;
	connect_two(&ours, &theirs);
	(void)fill(ours);
	assert_int_equal(bc_backend_send(backend, ours, megabytes, 1000, 7), 0);
	assert_no_event();

	for (unsigned i = 0; i < 1000 && count == 0; i++) {
		drain(theirs);
		count = wait_for(&event, 1, SHORT_WAIT_NS);
	}

	assert_int_equal(count, 1);
	assert_int_equal(event.token, 7);
	assert_in_range(event.result, 1, 1000);
	(void)close(ours);
	(void)close(theirs);
}

static void three_may_be_parked_at_one_descriptor(void **state)
{
	char byte, buffer[8];
	struct bc_event events[EVENTS];
	int count = 0;

	(void)state;
	(void)fill(pair[0]);
	assert_int_equal(
		bc_backend_recv(backend, pair[0], &byte, 1, MSG_PEEK, 7), 0);
	assert_int_equal(bc_backend_send(backend, pair[0], megabytes, 100, 8),
			 0);
	assert_int_equal(bc_backend_poll(backend, pair[0], 9), 0);
	assert_no_event();

	assert_int_equal(write(pair[1], "x", 1), 1);

	while (count < 2)
		count += wait_for(events + count, EVENTS - 2, LONG_WAIT_NS);
	assert_int_equal(count, 2);
	assert_int_equal(events[0].token + events[1].token, 7 + 9);
	assert_no_event();
	assert_int_equal(bc_backend_cancel(backend, 8), 0);
	assert_int_equal(one_result(8), -ECANCELED);
	assert_int_equal(bc_backend_recv(backend, pair[0], buffer, 8, 0, 7), 0);
	assert_int_equal(one_result(7), 1);
}

static void request_and_cancel_in_one_batch_give_one_event(void **state)
{
	char buffer[8];

	(void)state;
	assert_int_equal(bc_backend_recv(backend, pair[0], buffer, 8, 0, 7), 0);
	assert_int_equal(bc_backend_cancel(backend, 7), 0);

	assert_int_equal(one_result(7), -ECANCELED);
	assert_no_event();
}

static void bad_descriptor_is_an_error_event(void **state)
{
	char buffer[8];
	int closed = fcntl(pair[0], F_DUPFD_CLOEXEC, 100);

	(void)state;
	(void)close(closed);
	assert_int_equal(bc_backend_recv(backend, closed, buffer, 8, 0, 7), 0);
	assert_int_equal(one_result(7), -EBADF);
	assert_int_equal(bc_backend_send(backend, closed, buffer, 8, 8), 0);
	assert_int_equal(one_result(8), -EBADF);
	assert_int_equal(bc_backend_poll(backend, closed, 9), 0);
	assert_int_equal(one_result(9), -EBADF);
	assert_int_equal(bc_backend_accept(backend, closed, 10), 0);
	assert_int_equal(one_result(10), -EBADF);
}

/* ---- A number that is used again --------------------------------------- */

/* Each of the files was registered, had news at its end, and is gone. */
static void new_file_under_an_old_number_is_served(void **state)
{
	int number = -1;

	(void)state;
	for (unsigned i = 0; i < REUSES; i++) {
		int ours, theirs;
		char buffer[8];

		connect_two(&ours, &theirs);
		if (number >= 0)
			assert_int_equal(ours, number);
		number = ours;
		assert_int_equal(
			bc_backend_recv(backend, ours, buffer, 8, 0, i + 1), 0);
		assert_no_event();
		assert_int_equal(write(theirs, "xy", 2), 2);
		assert_int_equal(one_result(i + 1), 2);
		if (i % 2 == 0)
			assert_int_equal(write(theirs, "late", 4), 4);
		(void)close(ours);
		(void)close(theirs);
	}
}

/* The old file lives on elsewhere, and still has news. */
static void late_news_of_an_old_file_disturb_nobody(void **state)
{
	int ours, theirs, elsewhere;
	char buffer[8];

	(void)state;
	connect_two(&ours, &theirs);
	assert_int_equal(bc_backend_recv(backend, ours, buffer, 8, 0, 7), 0);
	assert_no_event();
	assert_int_equal(bc_backend_cancel(backend, 7), 0);
	assert_int_equal(one_result(7), -ECANCELED);
	elsewhere = fcntl(ours, F_DUPFD_CLOEXEC, 200);
	assert_int_equal(dup3(pair[0], ours, O_CLOEXEC), ours);
	assert_int_equal(bc_backend_recv(backend, ours, buffer, 8, 0, 8), 0);
	assert_no_event();

	assert_int_equal(write(theirs, "late", 4), 4);
	assert_no_event();
	assert_int_equal(write(pair[1], "xy", 2), 2);

	assert_int_equal(one_result(8), 2);
	(void)close(ours);
	(void)close(theirs);
	(void)close(elsewhere);
}

/* ---- No edge ----------------------------------------------------------- */

/* As if the system had had no memory for sockets, and has it again. */
static void send_that_nobody_wakes_is_tried_again(void **state)
{
	int fresh[2];

	(void)state;
	if (kind->open != bc_epoll_open)
		skip();
	(void)fill(pair[0]);
	assert_int_equal(bc_backend_send(backend, pair[0], "x", 1, 7), 0);
	assert_no_event();

	/* what the number stands for now can be written to, and has no edges */
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fresh), 0);
	assert_int_equal(dup3(fresh[0], pair[0], O_CLOEXEC), pair[0]);

	for (unsigned i = 0; i < 1000; i++) {
		struct bc_event event;

		if (wait_for(&event, 1, 10 * SHORT_WAIT_NS) == 0)
			continue;
		assert_int_equal(event.token, 7);
		assert_int_equal(event.result, 1);
		(void)close(fresh[0]);
		(void)close(fresh[1]);
		return;
	}
	fail_msg("no event");
}

/* ---- No descriptors left ----------------------------------------------- */

static unsigned accept_all(uint64_t token, unsigned wanted, int *last_error)
{
	uint64_t end_ms = test_now_ms() + DEADLINE_MS;
	struct bc_event event;
	unsigned accepted = 0;

	*last_error = 0;
	while (accepted < wanted && test_now_ms() < end_ms) {
		if (wait_for(&event, 1, LONG_WAIT_NS) == 0)
			continue;
		assert_int_equal(event.token, token);
		if (event.result >= 0) {
			(void)close(event.result);
			accepted++;
		}
		if ((event.flags & BC_EVENT_MORE) == 0) {
			*last_error = event.result < 0 ? event.result : 0;
			return accepted;
		}
	}
	return accepted;
}

static void accept_without_descriptors_ends_and_can_be_asked_again(void **state)
{
	struct sockaddr_in address;
	struct rlimit before, none;
	int listener = listen_on_loopback(&address);
	int theirs[3], error;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		theirs[i] = connect_to(&address);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(bc_backend_accept(backend, listener, 7), 0);

	assert_int_equal(accept_all(7, 1, &error), 0);

	assert_int_equal(error, -EMFILE);
	assert_no_event();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_no_event();
	assert_int_equal(bc_backend_accept(backend, listener, 7), 0);
	assert_int_equal(accept_all(7, 3, &error), 3);
	for (unsigned i = 0; i < 3; i++)
		(void)close(theirs[i]);
	assert_int_equal(bc_backend_cancel(backend, 7), 0);
	assert_int_equal(one_result(7), -ECANCELED);
	(void)close(listener);
}

/* ---- Signals ----------------------------------------------------------- */

static volatile sig_atomic_t signalled;

static void on_signal(int number)
{
	signalled = number;
}

static void signal_comes_in_although_there_are_always_events(void **state)
{
	const struct sigaction action = {.sa_handler = on_signal};
	struct bc_event events[EVENTS];
	sigset_t blocked;
	char byte;

	(void)state;
	signalled = 0;
	(void)sigaction(SIGUSR1, &action, NULL);
	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &blocked, NULL);
	assert_int_equal(write(pair[1], "x", 1), 1);
	assert_int_equal(raise(SIGUSR1), 0);

	for (unsigned i = 0; i < 1000 && !signalled; i++) {
		assert_int_equal(bc_backend_recv(backend, pair[0], &byte, 1,
						 MSG_PEEK, 7),
				 0);
		while (wait_for(events, EVENTS, LONG_WAIT_NS) == 0)
			;
	}

	assert_int_equal(signalled, SIGUSR1);
	(void)sigprocmask(SIG_UNBLOCK, &blocked, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BACKENDS_TEST(reset_ends_a_parked_recv),
		BACKENDS_TEST(reset_ends_a_parked_send),
		BACKENDS_TEST(end_of_the_peer_ends_a_parked_recv),
		BACKENDS_TEST(bytes_and_then_the_end_are_both_seen),
		BACKENDS_TEST(parked_send_goes_on_when_there_is_room),
		BACKENDS_TEST(three_may_be_parked_at_one_descriptor),
		BACKENDS_TEST(request_and_cancel_in_one_batch_give_one_event),
		BACKENDS_TEST(bad_descriptor_is_an_error_event),
		BACKENDS_TEST(new_file_under_an_old_number_is_served),
		BACKENDS_TEST(late_news_of_an_old_file_disturb_nobody),
		BACKENDS_TEST(send_that_nobody_wakes_is_tried_again),
		BACKENDS_TEST(
			accept_without_descriptors_ends_and_can_be_asked_again),
		BACKENDS_TEST(signal_comes_in_although_there_are_always_events),
	};

	return backends_run(tests, sizeof(tests) / sizeof(tests[0]));
}
