/* SPDX-License-Identifier: MIT */
/*
 * test_admin.c - admin.c and its files: what is answered, and to whom not. On a
 * stream of the test's own, so that its state is what the test says.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http.h"
#include "net/listener.h"
#include "shm/clock.h"
#include "shm/counters.h"
#include "src/admin.h"
#include "src/admin_page.h"
#include "stream.h"

#define MS	 ((uint64_t)BC_NS_PER_MS)
#define CLIENTS	 32 /* of one peer, as admin.c says */
#define BODY_MAX (64 << 10)

static struct test_stream stream;
static struct admin *admin;
static int listener;
static uint16_t port;
static struct http_answer answer;

static void beat(uint64_t age_ms)
{
	bc_segment_beat(&stream.segment, bc_monotonic_ns() - age_ms * MS);
}

static int set_up_door(bool loopback)
{
	const struct bc_listener_options options = {.congestion = ""};
	struct admin_door door = {.loopback = loopback};
	struct bc_sockaddr address;
	struct sockaddr_storage bound = {0};

	if (test_stream_open(&stream, test_name()) < 0 ||
	    bc_sockaddr_parse("127.0.0.1:0", &address, 1) != 1)
		return -1;
	beat(0);
	listener = bc_listener_open(&address, &options, &bound);
	port = bc_sockaddr_port(&bound);
	door.fd = listener;
	return admin_start(&admin, stream.name, &door, 1, NULL);
}

static int set_up(void **state)
{
	(void)state;
	return set_up_door(true);
}

static int set_up_open(void **state)
{
	(void)state;
	return set_up_door(false);
}

static int tear_down(void **state)
{
	(void)state;
	admin_stop(admin);
	admin = NULL;
	(void)close(listener);
	http_free(&answer);
	test_stream_close(&stream);
	return 0;
}

/* The body has all of these words. */
static void assert_answer(const char *path, int status, const char *words)
{
	http_free(&answer);
	http_ask(port, "GET", path, "", &answer);
	if (answer.status != status || !strstr(answer.body, words))
		fail_msg("%s: not %d with %s, but: %s%s", path, status, words,
			 answer.head, answer.body);
}

static void assert_works(void)
{
	assert_answer("/metrics", 200, "# TYPE bcast_stream_info gauge");
}

/* ---- Health ------------------------------------------------------------ */

static void healthy_while_the_loop_gives_signs_of_life(void **state)
{
	(void)state;
	beat(0);
	assert_answer("/healthz", 200, "{\"healthy\":true,\"reasons\":[]");
	assert_answer("/readyz", 200, "{\"ready\":true,\"reasons\":[]");
	beat(1900);
	assert_answer("/healthz", 200, "\"healthy\":true");
	beat(2000);
	assert_answer("/healthz", 503, "no sign of life for 2");
	assert_answer("/readyz", 503, "no sign of life for 2");
}

static void ready_only_while_live(void **state)
{
	(void)state;
	bc_segment_set_state(&stream.segment, BC_STATE_STARTING);
	assert_answer("/readyz", 503,
		      "\"reasons\":[\"the stream is starting\"]");
	bc_segment_set_state(&stream.segment, BC_STATE_DRAINING);
	assert_answer("/readyz", 503,
		      "\"reasons\":[\"the stream is draining\"]");
	beat(0);
	assert_answer("/healthz", 200, "\"state\":\"draining\"");
	bc_segment_set_state(&stream.segment, BC_STATE_LIVE);
	beat(0);
	assert_answer("/readyz", 200, "\"ready\":true");
}

static void all_reasons_are_told(void **state)
{
	(void)state;
	bc_segment_set_state(&stream.segment, BC_STATE_DRAINING);
	beat(5000);

	assert_answer("/readyz", 503, "no sign of life");
	assert_non_null(strstr(answer.body, "the stream is draining"));
}

/* ---- Texts ------------------------------------------------------------- */

static bool shows_two(void *argument)
{
	bool shown;

	(void)argument;
	http_free(&answer);
	http_get(port, "/metrics", &answer);
	shown = strstr(answer.body, "} 2\n") != NULL &&
		strstr(answer.body, "bcast_accepts_total{") != NULL;
	if (shown) {
		const char *line =
			strstr(answer.body, "\nbcast_accepts_total{");

		shown = line && strncmp(strchr(line, '}'), "} 2\n", 4) == 0;
	}
	return shown;
}

static void text_is_shared_for_a_moment_and_then_made_anew(void **state)
{
	struct bc_counter_shm *counters =
		(void *)stream.segment.regions[BC_REGION_COUNTERS].base;
	char *first;

	(void)state;
	http_get(port, "/stats.json", &answer);
	first = strdup(answer.body);
	http_free(&answer);
	http_get(port, "/stats.json", &answer);
	/* the age of the heartbeat would be another; unless we were slow */
	if (strcmp(first, answer.body) != 0)
		print_message("the first was not shared: a slow machine?\n");
	free(first);

	bc_counter_set(counters, BC_COUNTER_accepts, 2);
	assert_true(test_within(DEADLINE_MS, shows_two, NULL));
}

static void answers_say_what_they_are(void **state)
{
	static const struct {
		const char *path, *type;
	} paths[] = {
		{"/", "text/html; charset=utf-8\r\n"},
		{"/metrics", "text/plain; version=0.0.4; charset=utf-8\r\n"},
		{"/healthz", "application/json\r\n"},
		{"/readyz", "application/json\r\n"},
		{"/stats.json", "application/json\r\n"},
		{"/receivers.json?limit=7", "application/json\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		size_t length = strlen(paths[i].type);

		http_free(&answer);
		http_get(port, paths[i].path, &answer);
		assert_memory_equal(http_header(&answer, "Content-Type"),
				    paths[i].type, length);
		assert_memory_equal(http_header(&answer, "Cache-Control"),
				    "no-store\r", 9);
		assert_memory_equal(
			http_header(&answer, "X-Content-Type-Options"),
			"nosniff\r", 8);
		assert_memory_equal(
			http_header(&answer, "Content-Security-Policy"),
			"default-src 'none'", 18);
		assert_null(
			http_header(&answer, "Access-Control-Allow-Origin"));
	}
}

static void head_has_the_same_headers_and_no_body(void **state)
{
	struct http_answer got;

	(void)state;
	http_get(port, "/", &got);
	http_ask(port, "HEAD", "/", "", &answer);

	assert_int_equal(answer.status, 200);
	assert_int_equal(atoi(http_header(&answer, "Content-Length")),
			 got.body_bytes);
	assert_int_equal(answer.body_bytes, 0);
	assert_int_equal(http_status(port, "HEAD", "/metrics"), 200);
	assert_int_equal(http_status(port, "HEAD", "/nothing"), 404);
	http_free(&got);
}

static void page_needs_nothing_from_elsewhere(void **state)
{
	const char *at;

	(void)state;
	http_get(port, "/", &answer);

	assert_int_equal(answer.body_bytes, admin_page_bytes);
	for (at = answer.body; (at = strstr(at, "://")) != NULL; at++)
		assert_memory_equal(at - 4, "http://www.w3.org/2000/svg", 26);
	assert_null(strstr(answer.body, "src="));
	assert_null(strstr(answer.body, "@import"));
	assert_null(strstr(answer.body, "url("));
	assert_null(strstr(answer.body, "innerHTML"));
	assert_null(strstr(answer.body, " style=\""));
	assert_null(strstr(answer.body, " onclick="));
	assert_null(strstr(admin_page_policy, "unsafe"));
}

/* ---- What is refused --------------------------------------------------- */

static void unknown_path_is_told_the_known_ones(void **state)
{
	static const char *const paths[] = {
		"/nothing",	  "/metrics/", "/METRICS",     "//",
		"/../etc/passwd", "/%00",      "/metrics%00x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_answer(paths[i], 404,
			      "\"paths\":[\"/\",\"/metrics\",\"/healthz\","
			      "\"/readyz\",\"/stats.json\","
			      "\"/receivers.json\"]");
}

static void other_methods_are_told_which_are_allowed(void **state)
{
	static const char *const methods[] = {"POST",	 "PUT",	  "DELETE",
					      "OPTIONS", "TRACE", "PATCH",
					      "CONNECT", "get",	  "BREW"};

	(void)state;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		http_free(&answer);
		http_ask(port, methods[i], "/metrics", "", &answer);
		if (answer.status != 405)
			fail_msg("%s: %d", methods[i], answer.status);
		assert_memory_equal(http_header(&answer, "Allow"),
				    "GET, HEAD\r", 10);
	}
	assert_works();
}

static void ask_with_body(const char *method, size_t size)
{
	char *body = calloc(1, size + 1);
	char head[256];
	int fd = http_connect(port);

	snprintf(head, sizeof(head),
		 "%s /metrics HTTP/1.1\r\nHost: localhost\r\n"
		 "Content-Length: %zu\r\n\r\n",
		 method, size);
	assert_non_null(body);
	memset(body, 'b', size);
	assert_true(http_say(fd, head, strlen(head)));
	(void)http_say(fd, body, size);
	http_free(&answer);
	http_read(fd, method, &answer);
	(void)close(fd);
	free(body);
}

static void body_is_refused_and_never_stored(void **state)
{
	(void)state;
	ask_with_body("GET", 1);
	assert_int_equal(answer.status, 413);
	ask_with_body("GET", BODY_MAX);
	assert_int_equal(answer.status, 413);
	ask_with_body("POST", 10);
	assert_int_equal(answer.status, 405);
	/* beyond that, we do not even read on */
	ask_with_body("GET", BODY_MAX + 1);
	assert_int_equal(answer.status, 0);
	ask_with_body("POST", 8 << 20);
	assert_int_equal(answer.status, 0);
	assert_works();
}

static int status_for_host(const char *host)
{
	char request[512];
	int fd = http_connect(port);

	snprintf(request, sizeof(request),
		 "GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n", host);
	assert_true(http_say(fd, request, strlen(request)));
	http_free(&answer);
	http_read(fd, "GET", &answer);
	(void)close(fd);
	return answer.status;
}

static void strange_host_is_refused_where_only_this_machine_is_served(
	void **state)
{
	static const char *const ours[] = {
		"localhost", "localhost:9464", "127.0.0.1",  "127.0.0.1:80",
		"[::1]",     "[::1]:9464",     "LocalHost:1"};
	static const char *const others[] = {"evil.example",
					     "evil.example:9464",
					     "localhost.evil.example",
					     "127.0.0.1.evil.example",
					     "1.2.3",
					     "127.0.0.1x"};

	(void)state;
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (status_for_host(ours[i]) != 200)
			fail_msg("%s: %d", ours[i], answer.status);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (status_for_host(others[i]) != 403)
			fail_msg("%s: %d", others[i], answer.status);
}

static void any_host_is_served_where_others_can_come(void **state)
{
	(void)state;
	assert_int_equal(status_for_host("monitored.example:9464"), 200);
}

/* ---- What is malformed ------------------------------------------------- */

static int hung_up[CLIENTS];
static unsigned hung_up_count;

/* Whether it is ended at once, or as one that says nothing more, may differ. */
static void say_and_hang_up(const char *text, size_t size)
{
	int fd = http_connect(port);

	(void)http_say(fd, text, size);
	(void)shutdown(fd, SHUT_WR);
	assert_true(hung_up_count < CLIENTS - 1);
	hung_up[hung_up_count++] = fd;
}

static void await_ends(void)
{
	char end[4096];

	while (hung_up_count > 0) {
		int fd = hung_up[--hung_up_count];

		while (recv(fd, end, sizeof(end), 0) > 0)
			;
		assert_true(errno != EAGAIN);
		(void)close(fd);
	}
}

static void say_a_long(const char *before, size_t count)
{
	size_t begin = strlen(before);
	char *text = malloc(begin + count + 5);

	assert_non_null(text);
	memcpy(text, before, begin);
	memset(text + begin, 'a', count);
	memcpy(text + begin + count, "\r\n\r\n", 5);
	say_and_hang_up(text, begin + count + 4);
	free(text);
}

static void nonsense_of_every_kind_is_survived(void **state)
{
	static const char *const texts[] = {
		"",
		"\r\n\r\n",
		"GET\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n", /* no host */
		"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
		"GET / HTTP/1.1\r\nHost localhost\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
		"-1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: localhost\r\n"
		"Content-Length: 99999999999999999999999\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: localhost\r\n"
		"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
		"GET / HTTP/1.1\r\nHost: localhost\r\n"
		"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx",
		"POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
		"Content-Length: 5\r\n\r\nhello",
		"GET http://elsewhere/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /%zz%%% HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"\xff\xfe\xfd\xfc\x80\x81\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	};
	char noise[8192];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		say_and_hang_up(texts[i], strlen(texts[i]));
	test_pattern_fill(7, 0, noise, sizeof(noise));
	say_and_hang_up(noise, sizeof(noise));
	say_a_long("GET /", 100000);
	say_a_long("GET / HTTP/1.1\r\nHost: localhost\r\nX: ", 1000000);
	say_a_long("GET / HTTP/1.1\r\nHost: ", 15000);
	assert_works();
	errno = 0;
	await_ends();
	assert_works();
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	static const char requests[] =
		"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
		"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
		"HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
		"GET /readyz HTTP/1.1\r\nHost: localhost\r\n"
		"Connection: close\r\n\r\n";
	static const char *const methods[] = {"GET", "GET", "HEAD", "GET"};
	static const int statuses[] = {200, 404, 200, 200};
	int fd = http_connect(port);

	(void)state;
	assert_true(http_say(fd, requests, sizeof(requests) - 1));

	for (unsigned i = 0; i < 4; i++) {
		http_free(&answer);
		http_read(fd, methods[i], &answer);
		assert_int_equal(answer.status, statuses[i]);
	}
	(void)close(fd);
}

/* ---- Who takes room ---------------------------------------------------- */

static bool is_served(void *argument)
{
	struct http_answer one;
	bool served;

	(void)argument;
	http_ask(port, "GET", "/healthz", "", &one);
	served = one.status == 200;
	http_free(&one);
	return served;
}

static void one_peer_has_so_many_connections_and_no_more(void **state)
{
	int fds[CLIENTS];

	(void)state;
	for (unsigned i = 0; i < CLIENTS - 1; i++)
		fds[i] = http_connect(port);
	assert_true(is_served(NULL));
	fds[CLIENTS - 1] = http_connect(port);
	/* it has to have come before the next one */
	assert_true(
		http_say(fds[CLIENTS - 1], "GET /healthz HTTP/1.0\r\n", 23));
	assert_false(is_served(NULL) && is_served(NULL));
	for (unsigned i = 0; i < CLIENTS; i++)
		(void)close(fds[i]);

	assert_true(test_within(DEADLINE_MS, is_served, NULL));
}

static void half_a_request_is_not_waited_for_for_ever(void **state)
{
	uint64_t began_ms = test_now_ms();
	int fd = http_connect(port);

	(void)state;
	assert_true(http_say(fd, "GET /metrics HT", 15));
	http_read(fd, "GET", &answer); /* fails if it takes too long */
	(void)close(fd);

	assert_int_not_equal(answer.status, 200);
	assert_true(test_now_ms() - began_ms >= 2500);
	assert_works();
}

static void stops_at_once_whoever_is_connected(void **state)
{
	int fd = http_connect(port);
	uint64_t began_ms;

	(void)state;
	assert_works();
	assert_true(http_say(fd, "GET /metrics HT", 15));
	began_ms = test_now_ms();
	admin_stop(admin);
	admin = NULL;

	assert_true(test_now_ms() - began_ms < 5000);
	(void)close(fd);
}

#define TEST(claim) cmocka_unit_test_setup_teardown(claim, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(healthy_while_the_loop_gives_signs_of_life),
		TEST(ready_only_while_live),
		TEST(all_reasons_are_told),
		TEST(text_is_shared_for_a_moment_and_then_made_anew),
		TEST(answers_say_what_they_are),
		TEST(head_has_the_same_headers_and_no_body),
		TEST(page_needs_nothing_from_elsewhere),
		TEST(unknown_path_is_told_the_known_ones),
		TEST(other_methods_are_told_which_are_allowed),
		TEST(body_is_refused_and_never_stored),
		TEST(strange_host_is_refused_where_only_this_machine_is_served),
		cmocka_unit_test_setup_teardown(
			any_host_is_served_where_others_can_come, set_up_open,
			tear_down),
		TEST(nonsense_of_every_kind_is_survived),
		TEST(pipelined_requests_are_answered_in_order),
		TEST(one_peer_has_so_many_connections_and_no_more),
		TEST(half_a_request_is_not_waited_for_for_ever),
		TEST(stops_at_once_whoever_is_connected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
