/* SPDX-License-Identifier: MIT */
/*
 * --admin beside a stream that flows: whatever its clients do, every byte
 * arrives, and the daemon goes on. What is answered: tests/src/test_admin.c,
 * tests/tools/admin.py.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crowd.h"
#include "http.h"

#define MIB	    (UINT64_C(1) << 20)
#define RECEIVERS   4
#define IDLE	    300 /* connections that say nothing */
#define ROUNDS	    60
#define DRIPS_MS    300
#define HANG_UP_MS  60000 /* after 5 s, by bcastd(8) */
#define SHUT_OUT_MS 20000

static struct daemon_fixture daemon_;
static struct crowd crowd;
static uint16_t port;

/* The ring holds all that is moved at a time: no local reader is waited for. */
static int prepare(void **state)
{
	static const char *const options[] = {
		"--ring-size",	 "32M",		"--ingest", "127.0.0.1:0",
		"--egress",	 "127.0.0.1:0", "--admin",  "127.0.0.1:0",
		"--slow-policy", "block",	NULL};

	(void)state;
	daemon_ = (struct daemon_fixture){0};
	crowd_open(&crowd, &daemon_);
	daemon_fixture_start(&daemon_, options);
	port = daemon_fixture_port(&daemon_, "admin");
	for (int i = 0; i < RECEIVERS; i++)
		(void)crowd_receive(&crowd);
	(void)crowd_read_local(&crowd);
	crowd_send_from(&crowd, "ingest");
	return 0;
}

static int close_all(void **state)
{
	crowd_close(&crowd);
	return daemon_fixture_cleanup(state);
}

/* All of it arrives, compared byte by byte. */
static void move(uint64_t bytes)
{
	crowd_send(&crowd, bytes);
	crowd_settle(&crowd);
}

static void finish(void)
{
	crowd_end_sender(&crowd);
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers_dropped"),
			 0);
	daemon_fixture_stop(&daemon_);
}

static bool is_served(void *argument)
{
	(void)argument;
	return http_status(port, "GET", "/healthz") == 200;
}

/* ---- Many, and those who say nothing ----------------------------------- */

static void idle_connections_disturb_nobody(void **state)
{
	int fds[IDLE];

	(void)state;
	for (int i = 0; i < IDLE; i++)
		fds[i] = http_connect(port);
	move(16 * MIB);
	assert_int_equal(daemon_fixture_counter(&daemon_, "accepts"),
			 RECEIVERS + 1);
	for (int i = 0; i < IDLE; i++)
		(void)close(fds[i]);

	assert_true(test_within(DEADLINE_MS, is_served, NULL));
	finish();
}

/* ---- Those who take nothing -------------------------------------------- */

/* Asks for more than its socket holds, again and again, and reads nothing. */
static int ask_and_stall(void)
{
	static const char request[] =
		"GET /stats.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
	const int small = 4096;
	int fd = http_connect(port);

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	for (int i = 0; i < 100; i++)
		if (send(fd, request, sizeof(request) - 1,
			 MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
	return fd;
}

static void clients_that_take_nothing_disturb_nobody(void **state)
{
	int fds[24];

	(void)state;
	for (int i = 0; i < 24; i++)
		fds[i] = ask_and_stall();
	move(16 * MIB);
	assert_true(test_within(DEADLINE_MS, is_served, NULL));
	move(16 * MIB);
	for (int i = 0; i < 24; i++)
		(void)close(fds[i]);
	finish();
}

/* ---- Those who ask for much --------------------------------------------- */

static void many_requests_disturb_nobody(void **state)
{
	static const char *const paths[] = {
		"/metrics", "/stats.json", "/receivers.json", "/",
		"/nothing", "/healthz",	   "/readyz"};

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct http_answer answer;

		crowd_send(&crowd, MIB / 2);
		http_ask(port, "GET", paths[i % 7], "", &answer);
		assert_int_equal(answer.status, i % 7 == 4 ? 404 : 200);
		http_free(&answer);
		crowd_settle(&crowd);
	}
	finish();
}

static void noise_disturbs_nobody(void **state)
{
	unsigned char noise[20000];

	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		int fd = http_connect(port);

		test_pattern_fill(i, 0, noise, sizeof(noise));
		(void)http_say(fd, noise, sizeof(noise));
		(void)close(fd);
		move(MIB / 4);
	}
	assert_true(test_within(SHUT_OUT_MS, is_served, NULL));
	finish();
}

/* ---- Those who never end ------------------------------------------------ */

struct drip {
	int fd;
	uint64_t next_ms;
	bool ended;
};

static bool has_ended(void *argument)
{
	struct drip *drip = argument;
	uint64_t now_ms = test_now_ms();
	char byte;

	if (now_ms >= drip->next_ms) {
		drip->next_ms = now_ms + DRIPS_MS;
		(void)send(drip->fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	return recv(drip->fd, &byte, 1, MSG_DONTWAIT) == 0 ||
	       (errno != EAGAIN && errno != EWOULDBLOCK);
}

static void request_that_comes_drop_by_drop_is_ended(void **state)
{
	static const char head[] = "GET /metrics HTTP/1.1\r\nX: ";
	struct drip drip = {.fd = http_connect(port)};
	uint64_t began_ms = test_now_ms();

	(void)state;
	assert_true(http_say(drip.fd, head, sizeof(head) - 1));

	assert_true(test_within(HANG_UP_MS, has_ended, &drip));

	assert_true(test_now_ms() - began_ms > 4000);
	move(4 * MIB);
	(void)close(drip.fd);
	finish();
}

/* ---- Its end ------------------------------------------------------------- */

static void stop_does_not_wait_for_clients(void **state)
{
	int fd = ask_and_stall();
	int idle = http_connect(port);

	(void)state;
	move(MIB);
	finish();
	(void)close(fd);
	(void)close(idle);
}

#define TEST(claim) cmocka_unit_test_setup_teardown(claim, prepare, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(idle_connections_disturb_nobody),
		TEST(clients_that_take_nothing_disturb_nobody),
		TEST(many_requests_disturb_nobody),
		TEST(noise_disturbs_nobody),
		TEST(request_that_comes_drop_by_drop_is_ended),
		TEST(stop_does_not_wait_for_clients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
