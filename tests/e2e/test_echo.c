/* SPDX-License-Identifier: MIT */
/* --echo: what clients send comes back, whatever they and others do. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <bcast/echo.h>

#include "crowd.h"

#define MIB	      (1u << 20)
#define WINDOW	      65536u
#define CLIENTS_MANY  2000u
#define MANY_VARIABLE "BCAST_TEST_ECHO_CLIENTS"

/*
 * A client. All that it sends, and all that is to come back, is a function of
 * what it was asked for: packets of one length, numbered from 0, whose payload
 * is the pattern with the number as its seed.
 */
struct client {
	int fd;
	uint32_t length;
	uint64_t goal; /* packets */
	uint64_t sent, received;
	size_t sent_part, received_part; /* bytes of the next ones */
	bool may_lose;			 /* whole packets */
	unsigned char *packet;		 /* that is being sent */
	unsigned char *expected;	 /* that is coming back */
};

static struct daemon_fixture daemon_;
static struct crowd crowd;

static void start(const char *const more[])
{
	const char *options[DAEMON_FIXTURE_OPTIONS] = {
		"--ring-size", "1M",	 "--listen",
		"127.0.0.1:0", "--echo", "127.0.0.1:0"};
	unsigned count = 6;

	for (unsigned i = 0; more && more[i]; i++)
		options[count++] = more[i];
	daemon_fixture_start(&daemon_, options);
	crowd_open(&crowd, &daemon_);
}

static void start_plain(void)
{
	start(NULL);
}

static int prepare(void **state)
{
	(void)state;
	daemon_ = (struct daemon_fixture){0};
	crowd = (struct crowd){.sender = -1};
	return 0;
}

static int clean(void **state)
{
	crowd_close(&crowd);
	return daemon_fixture_cleanup(state);
}

/* ---- Clients ----------------------------------------------------------- */

static struct client adopt(int fd)
{
	const int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return (struct client){.fd = fd};
}

static struct client join(void)
{
	return adopt(crowd_connect(daemon_fixture_port(&daemon_, "echo"), 0));
}

static struct client join_small(void)
{
	return adopt(
		crowd_connect(daemon_fixture_port(&daemon_, "echo"), 4096));
}

static void leave(struct client *client)
{
	(void)close(client->fd);
	free(client->packet);
	free(client->expected);
	*client = (struct client){.fd = -1};
}

static void leave_by_reset(struct client *client)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	leave(client);
}

static size_t packet_bytes(const struct client *client)
{
	return BCAST_ECHO_HEADER_BYTES + client->length;
}

/* Packets that may be lost carry their number. */
static void make(const struct client *client, uint32_t type, uint64_t number,
		 unsigned char *packet)
{
	const struct bcast_echo_header header = {htonl(type),
						 htonl(client->length)};
	unsigned char *payload = packet + sizeof(header);

	memcpy(packet, &header, sizeof(header));
	test_pattern_fill(number, 0, payload, client->length);
	if (client->may_lose)
		memcpy(payload, &number, sizeof(number));
}

static void make_next(const struct client *client)
{
	make(client, BCAST_ECHO_SEND, client->sent, client->packet);
}

static void expect_next(const struct client *client)
{
	make(client, BCAST_ECHO_ECHO, client->received, client->expected);
}

/* From now on: so many packets of this length, numbered from 0. */
static void ask(struct client *client, uint32_t length, uint64_t goal)
{
	size_t room = BCAST_ECHO_HEADER_BYTES + length + sizeof(uint64_t);

	free(client->packet);
	free(client->expected);
	*client = (struct client){
		.fd = client->fd,
		.length = length,
		.goal = goal,
		.may_lose = client->may_lose,
		.packet = malloc(room),
		.expected = malloc(room),
	};
	assert_non_null(client->packet);
	assert_non_null(client->expected);
	make_next(client);
	expect_next(client);
}

/* Send what goes without waiting. Returns false when nothing did. */
static bool send_some(struct client *client)
{
	size_t left = packet_bytes(client) - client->sent_part;
	ssize_t count;

	if (client->sent == client->goal)
		return false;
	count = send(client->fd, client->packet + client->sent_part, left,
		     MSG_DONTWAIT | MSG_NOSIGNAL);
	if (count < 0) {
		assert_int_equal(errno, EAGAIN);
		return false;
	}
	client->sent_part += (size_t)count;
	if ((size_t)count == left) {
		client->sent++;
		client->sent_part = 0;
		make_next(client);
	}
	return true;
}

/* Returns false when nothing had come. The end is a failure. */
static bool receive_some(struct client *client)
{
	static unsigned char bytes[65536];
	size_t left = packet_bytes(client) - client->received_part;
	ssize_t count;

	if (client->received == client->goal)
		return false;
	count = recv(client->fd, bytes,
		     left < sizeof(bytes) ? left : sizeof(bytes), MSG_DONTWAIT);
	if (count < 0) {
		assert_int_equal(errno, EAGAIN);
		return false;
	}
	assert_int_not_equal(count, 0);
	assert_memory_equal(bytes, client->expected + client->received_part,
			    (size_t)count);
	client->received_part += (size_t)count;
	if ((size_t)count == left) {
		client->received++;
		client->received_part = 0;
		expect_next(client);
	}
	return true;
}

/* Who reads is not to be taken for one who does not: not too much at once. */
static bool has_window(const struct client *client)
{
	return client->sent_part > 0 || client->sent == client->received ||
	       (client->sent + 1 - client->received) * packet_bytes(client) <=
		       WINDOW;
}

/* Move all of them until each has back what it was to send. */
static void run(struct client *clients, unsigned count)
{
	uint64_t end_ms = test_now_ms() + DEADLINE_MS;
	bool unfinished = true;

	while (unfinished && test_now_ms() < end_ms) {
		bool moved = false;

		unfinished = false;
		for (unsigned i = 0; i < count; i++) {
			if (has_window(&clients[i]))
				moved |= send_some(&clients[i]);
			moved |= receive_some(&clients[i]);
			unfinished |= clients[i].received < clients[i].goal;
		}
		if (!moved)
			(void)poll(NULL, 0, 1);
	}
	assert_false(unfinished);
}

static void exchange(struct client *client, uint32_t length, uint64_t goal)
{
	ask(client, length, goal);
	run(client, 1);
}

static void write_all(const struct client *client, const void *bytes,
		      size_t size)
{
	assert_int_equal(send(client->fd, bytes, size, MSG_NOSIGNAL), size);
}

/* ---- Round trips ------------------------------------------------------- */

static void assert_all_lengths_come_back(void)
{
	static const uint32_t lengths[] = {
		0,    1,     7,	    8,	   9,	  64,	 1024,	 4096,
		8184, 16376, 16377, 16384, 65528, 65536, 131073, 1048576,
	};
	struct client client = join();

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		exchange(&client, lengths[i], lengths[i] < 100000 ? 100 : 5);
	exchange(&client, 4 * MIB, 2);
	exchange(&client, 1, 200);
	leave(&client);
}

static void every_byte_comes_back_in_order(void **state)
{
	(void)state;
	start_plain();

	assert_all_lengths_come_back();

	daemon_fixture_await(&daemon_, "echo_clients", 0);
	assert_int_equal(daemon_fixture_counter(&daemon_, "echo_packets"),
			 14 * 100 + 2 * 5 + 2 + 200 + 0);
	daemon_fixture_stop(&daemon_);
}

static void every_byte_comes_back_in_batches_too(void **state)
{
	static const char *const batch[] = {"--echo-mode", "batch", NULL};
	static const char *const delay[] = {
		"--echo-mode", "batch", "--echo-batch-delay", "200us", NULL};

	(void)state;
	start(batch);
	assert_all_lengths_come_back();
	daemon_fixture_stop(&daemon_);
	crowd_close(&crowd);
	daemon_ = (struct daemon_fixture){0};
	start(delay);
	assert_all_lengths_come_back();
	daemon_fixture_stop(&daemon_);
}

static void bytes_may_come_one_by_one(void **state)
{
	struct client client;

	(void)state;
	start_plain();
	client = join();
	ask(&client, 5, 20);

	while (client.sent < client.goal) {
		for (size_t i = 0; i < packet_bytes(&client); i++)
			write_all(&client, client.packet + i, 1);
		client.sent++;
		make_next(&client);
	}
	run(&client, 1);

	leave(&client);
	daemon_fixture_stop(&daemon_);
}

static void clients_do_not_mix(void **state)
{
	struct client clients[50];

	(void)state;
	start_plain();
	for (unsigned i = 0; i < 50; i++) {
		clients[i] = join();
		ask(&clients[i], i * i * 40, 40);
	}

	run(clients, 50);

	for (unsigned i = 0; i < 50; i++)
		leave(&clients[i]);
	daemon_fixture_await(&daemon_, "echo_clients", 0);
	daemon_fixture_stop(&daemon_);
}

static void batch_gathers_what_comes_within_the_delay(void **state)
{
	static const char *const options[] = {
		"--echo-mode", "batch", "--echo-batch-delay", "50ms", NULL};
	struct client client;

	(void)state;
	start(options);
	client = join();

	exchange(&client, 16, 1000);

	assert_true(daemon_fixture_counter(&daemon_, "echo_sends") < 500);
	leave(&client);
	daemon_fixture_stop(&daemon_);
}

/* A client at a socket in the abstract namespace. */
static struct client join_unix(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(length < sizeof(address.sun_path));
	memcpy(address.sun_path + 1, name, length);
	length += offsetof(struct sockaddr_un, sun_path) + 1;
	assert_int_equal(connect(fd, (const struct sockaddr *)&address,
				 (socklen_t)length),
			 0);
	return adopt(fd);
}

static void unix_sockets_echo_as_well(void **state)
{
	char option[64];
	const char *name = test_name();
	const char *options[] = {"--echo", option, NULL};
	struct client client;

	(void)state;
	snprintf(option, sizeof(option), "unix:@%s", name);
	start(options);
	client = join_unix(name);

	exchange(&client, 1, 100);
	exchange(&client, 300000, 10);

	leave(&client);
	daemon_fixture_await(&daemon_, "echo_clients", 0);
	daemon_fixture_stop(&daemon_);
}

/* ---- Those who do not read --------------------------------------------- */

/* Send without reading, until the daemon has dropped some of it. */
static void flood(struct client *client, uint64_t dropped)
{
	uint64_t end_ms = test_now_ms() + DEADLINE_MS;

	ask(client, 20000, UINT64_MAX);
	while (daemon_fixture_counter(&daemon_, "echo_dropped") < dropped &&
	       test_now_ms() < end_ms)
		for (unsigned i = 0; i < 10; i++)
			(void)send_some(client);
	while (client->sent_part > 0 && test_now_ms() < end_ms)
		(void)send_some(client);
	assert_int_equal(client->sent_part, 0);
}

/* A whole packet. Returns its number. */
static uint64_t receive_numbered(struct client *client)
{
	size_t size = packet_bytes(client);
	unsigned char *bytes = malloc(size);
	uint64_t number;

	assert_non_null(bytes);
	assert_int_equal(recv(client->fd, bytes, size, MSG_WAITALL), size);
	memcpy(&number, bytes + BCAST_ECHO_HEADER_BYTES, sizeof(number));
	make(client, BCAST_ECHO_ECHO, number, client->expected);
	assert_memory_equal(bytes, client->expected, size);
	free(bytes);
	return number;
}

static void await_taken(uint64_t packets)
{
	uint64_t end_ms = test_now_ms() + DEADLINE_MS;

	while (daemon_fixture_counter(&daemon_, "echo_packets") +
			       daemon_fixture_counter(&daemon_,
						      "echo_dropped") <
		       packets &&
	       test_now_ms() < end_ms)
		(void)poll(NULL, 0, 1);
}

static void slow_client_loses_whole_packets_and_only_its_own(void **state)
{
	static const char *const options[] = {"--echo-budget", "100K", NULL};
	struct client slow, other;
	uint64_t dropped, number = 0, last;

	(void)state;
	start(options);
	slow = join_small();
	slow.may_lose = true;
	flood(&slow, 5);
	await_taken(slow.sent);
	dropped = daemon_fixture_counter(&daemon_, "echo_dropped");

	other = join();
	exchange(&other, 1024, 1000);
	for (uint64_t i = 0; i < slow.sent - dropped; i++) {
		uint64_t next = receive_numbered(&slow);

		assert_true(i == 0 ? next == 0 : next > number);
		number = next;
	}

	/* it has taken all, and so loses nothing any more */
	last = slow.sent;
	slow.goal = last + 1;
	while (slow.sent < slow.goal)
		(void)send_some(&slow);
	assert_int_equal(receive_numbered(&slow), last);
	assert_int_equal(daemon_fixture_counter(&daemon_, "echo_dropped"),
			 dropped);
	assert_int_equal(daemon_fixture_counter(&daemon_, "echo_dropped_bytes"),
			 dropped * packet_bytes(&slow));
	assert_int_equal(daemon_fixture_logged(&daemon_, "warn echo_dropped"),
			 1);
	leave(&slow);
	daemon_fixture_await_log(&daemon_, "warn echo_left", 1);
	leave(&other);
	daemon_fixture_stop(&daemon_);
}

/* Of a client that takes nothing: what it is owed, as the log says. */
static uint64_t owed_at_first_drop(void)
{
	const char *at;

	daemon_fixture_await_log(&daemon_, "warn echo_dropped", 1);
	at = strstr(daemon_fixture_log(&daemon_), "owed_bytes=");
	assert_non_null(at);
	return strtoull(at + strlen("owed_bytes="), NULL, 10);
}

static void send_sized(struct client *client, size_t size)
{
	ask(client, (uint32_t)(size - BCAST_ECHO_HEADER_BYTES), 1);
	while (client->sent < client->goal)
		(void)send_some(client);
}

/* What a unix socket takes does not change by itself. */
static void budget_is_used_to_the_last_byte(void **state)
{
	const char *name = test_name();
	char option[64];
	const char *options[] = {"--echo", option, "--echo-budget", "100000",
				 NULL};
	struct client client;
	uint64_t packets, left;

	(void)state;
	snprintf(option, sizeof(option), "unix:@%s", name);
	start(options);
	client = join_unix(name);
	client.may_lose = true;
	flood(&client, 1);
	await_taken(client.sent);
	packets = client.sent;
	left = 100000 - owed_at_first_drop();
	assert_in_range(left, 3 * BCAST_ECHO_HEADER_BYTES, 20007);

	/* one more than there is room for; all but a header; that; another */
	send_sized(&client, left + 1);
	send_sized(&client, left - BCAST_ECHO_HEADER_BYTES);
	send_sized(&client, BCAST_ECHO_HEADER_BYTES);
	send_sized(&client, BCAST_ECHO_HEADER_BYTES);
	await_taken(packets + 4);

	assert_int_equal(
		daemon_fixture_counter(&daemon_, "echo_packets") +
			daemon_fixture_counter(&daemon_, "echo_dropped"),
		packets + 4);
	assert_int_equal(
		daemon_fixture_counter(&daemon_, "echo_dropped_bytes"),
		(daemon_fixture_counter(&daemon_, "echo_dropped") - 2) * 20008 +
			left + 1 + BCAST_ECHO_HEADER_BYTES);
	leave_by_reset(&client);
	daemon_fixture_stop(&daemon_);
}

static void packet_larger_than_the_budget_is_not_lost(void **state)
{
	static const char *const options[] = {"--echo-budget", "4K", NULL};
	struct client client;
	unsigned idle = 0;

	(void)state;
	start(options);
	client = join_small();
	ask(&client, 16 * MIB, 1);

	/* as far as it goes without reading: until it has not for a while */
	while (client.sent < 1 && idle < 100) {
		idle = send_some(&client) ? 0 : idle + 1;
		if (idle > 0)
			(void)poll(NULL, 0, 1);
	}
	run(&client, 1);

	assert_int_equal(daemon_fixture_counter(&daemon_, "echo_dropped"), 0);
	leave(&client);
	daemon_fixture_stop(&daemon_);
}

/* ---- What is not the protocol ------------------------------------------ */

static void assert_closed(struct client *client)
{
	unsigned char byte;
	ssize_t count = recv(client->fd, &byte, 1, 0);

	assert_true(count == 0 || (count < 0 && errno == ECONNRESET));
	leave(client);
}

static void send_header(const struct client *client, uint32_t type,
			uint32_t length)
{
	const struct bcast_echo_header header = {htonl(type), htonl(length)};

	write_all(client, &header, sizeof(header));
}

static void garbage_closes_that_one_only(void **state)
{
	struct client good, bad;

	(void)state;
	start_plain();
	good = join();
	exchange(&good, 10, 10);

	bad = join();
	write_all(&bad, "GET / HTTP/1.1\r\n\r\n", 18);
	assert_closed(&bad);
	bad = join();
	send_header(&bad, BCAST_ECHO_ECHO, 0);
	assert_closed(&bad);
	bad = join();
	exchange(&bad, 100, 3);
	send_header(&bad, 0, 0);
	assert_closed(&bad);

	daemon_fixture_await(&daemon_, "echo_invalid", 3);
	assert_int_equal(daemon_fixture_logged(&daemon_, "reason=type"), 3);
	exchange(&good, 10, 10);
	leave(&good);
	daemon_fixture_stop(&daemon_);
}

static void length_is_limited(void **state)
{
	static const char *const options[] = {"--echo-max", "1000", NULL};
	struct client client;

	(void)state;
	start(options);
	client = join();
	exchange(&client, 999, 2);
	exchange(&client, 1000, 2);

	send_header(&client, BCAST_ECHO_SEND, 1001);

	assert_closed(&client);
	daemon_fixture_await(&daemon_, "echo_invalid", 1);
	assert_int_equal(daemon_fixture_logged(
				 &daemon_, "reason=length type=1 length=1001"),
			 1);
	daemon_fixture_stop(&daemon_);
}

/* ---- Ends -------------------------------------------------------------- */

static void half_closed_client_gets_all_and_then_the_end(void **state)
{
	struct client client;
	unsigned char byte;

	(void)state;
	start_plain();
	client = join_small();
	ask(&client, 30000, 30);
	while (client.sent < client.goal)
		(void)send_some(&client);

	assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
	run(&client, 1);

	assert_int_equal(recv(client.fd, &byte, 1, 0), 0);
	leave(&client);
	daemon_fixture_await(&daemon_, "echo_clients", 0);
	assert_int_equal(daemon_fixture_counter(&daemon_, "echo_invalid"), 0);
	daemon_fixture_stop(&daemon_);
}

static void end_within_a_packet_is_an_end(void **state)
{
	struct client client;
	unsigned char bytes[8];

	(void)state;
	start_plain();
	client = join();
	send_header(&client, BCAST_ECHO_SEND, 100);

	assert_int_equal(shutdown(client.fd, SHUT_WR), 0);

	assert_int_equal(recv(client.fd, bytes, 8, MSG_WAITALL), 8);
	assert_int_equal(recv(client.fd, bytes, 1, 0), 0);
	leave(&client);
	daemon_fixture_await(&daemon_, "echo_clients", 0);
	daemon_fixture_stop(&daemon_);
}

static void reset_in_any_state_harms_nobody(void **state)
{
	static const char *const options[] = {"--echo-budget", "100K", NULL};
	struct client good, bad;

	(void)state;
	start(options);
	good = join();
	for (unsigned round = 0; round < 5; round++) {
		bad = join(); /* has sent nothing */
		exchange(&good, 100, 2);
		leave_by_reset(&bad);
		bad = join(); /* within a header */
		write_all(&bad, "\0\0\0", 3);
		exchange(&good, 100, 2);
		leave_by_reset(&bad);
		bad = join(); /* within a payload */
		send_header(&bad, BCAST_ECHO_SEND, 100);
		exchange(&good, 100, 2);
		leave_by_reset(&bad);
		bad = join(); /* within a large one */
		ask(&bad, MIB, 1);
		for (unsigned i = 0; i < 4; i++)
			(void)send_some(&bad);
		exchange(&good, 100, 2);
		leave_by_reset(&bad);
	}
	bad = join_small(); /* it is owed a lot */
	bad.may_lose = true;
	flood(&bad, 1);
	leave_by_reset(&bad);
	bad = join_small(); /* and has ended its side */
	bad.may_lose = true;
	flood(&bad, 1 + daemon_fixture_counter(&daemon_, "echo_dropped"));
	assert_int_equal(shutdown(bad.fd, SHUT_WR), 0);
	leave_by_reset(&bad);

	exchange(&good, 1000, 100);
	daemon_fixture_await(&daemon_, "echo_clients", 1);
	leave(&good);
	daemon_fixture_stop(&daemon_);
}

/* ---- The daemon's end -------------------------------------------------- */

static void stopping_daemon_sends_what_it_owes(void **state)
{
	static const char *const options[] = {"--echo-budget", "100K",
					      "--drain-timeout", "60s", NULL};
	struct client client, idle;
	unsigned char byte;
	uint64_t owed;

	(void)state;
	start(options);
	idle = join();
	client = join_small();
	client.may_lose = true;
	flood(&client, 3);
	await_taken(client.sent);
	owed = client.sent - daemon_fixture_counter(&daemon_, "echo_dropped");

	assert_int_equal(kill(daemon_.pid, SIGTERM), 0);
	assert_int_equal(recv(idle.fd, &byte, 1, 0), 0);
	while (owed-- > 0)
		(void)receive_numbered(&client);

	assert_int_equal(recv(client.fd, &byte, 1, 0), 0);
	assert_int_equal(daemon_fixture_wait(&daemon_), 0);
	daemon_fixture_assert_clean(&daemon_);
	daemon_fixture_forget(&daemon_);
	leave(&client);
	leave(&idle);
}

static void who_takes_nothing_holds_up_no_stop(void **state)
{
	static const char *const options[] = {"--echo-budget", "100K",
					      "--drain-timeout", "100ms", NULL};
	struct client client;

	(void)state;
	start(options);
	client = join_small();
	client.may_lose = true;
	flood(&client, 3);

	daemon_fixture_stop(&daemon_);

	leave(&client);
}

/* ---- Many -------------------------------------------------------------- */

static void more_than_the_limit_are_refused(void **state)
{
	static const char *const options[] = {"--echo-max-clients", "2", NULL};
	struct client clients[2], third;

	(void)state;
	start(options);
	for (unsigned i = 0; i < 2; i++) {
		clients[i] = join();
		exchange(&clients[i], 10, 1);
	}
	for (unsigned i = 0; i < 3; i++) {
		third = join();
		assert_closed(&third);
	}

	daemon_fixture_await(&daemon_, "echo_refused", 3);
	assert_int_equal(daemon_fixture_logged(&daemon_, "echo_refused"), 1);
	assert_int_equal(daemon_fixture_logged(&daemon_, "reason=limit"), 1);
	leave(&clients[0]);
	daemon_fixture_await(&daemon_, "echo_clients", 1);
	third = join();
	exchange(&third, 10, 1);
	exchange(&clients[1], 10, 1);
	leave(&third);
	leave(&clients[1]);
	daemon_fixture_stop(&daemon_);
}

static unsigned how_many(void)
{
	const char *text = getenv(MANY_VARIABLE);
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	return text ? (unsigned)strtoul(text, NULL, 10) : CLIENTS_MANY;
}

static void many_clients_are_served_and_idle_ones_cost_little(void **state)
{
	unsigned count = how_many();
	struct client *clients = calloc(count, sizeof(*clients));
	uint64_t before, after;

	(void)state;
	assert_non_null(clients);
	start_plain();
	before = daemon_fixture_private_bytes(&daemon_);
	for (unsigned i = 0; i < count; i++)
		clients[i] = join();
	for (unsigned i = 0; i < count; i++)
		ask(&clients[i], 100 + i % 1000, 5);

	run(clients, count);

	daemon_fixture_await(&daemon_, "echo_clients", count);
	after = daemon_fixture_private_bytes(&daemon_);
	if (!TEST_SANITIZED)
		assert_true(after - before < MIB * 3 + count * 512ull);
	for (unsigned i = 0; i < count; i++)
		leave(&clients[i]);
	daemon_fixture_await(&daemon_, "echo_clients", 0);
	daemon_fixture_stop(&daemon_);
	free(clients);
}

static void storm_of_short_visits_leaves_nothing(void **state)
{
	struct client clients[100];

	(void)state;
	start_plain();
	for (unsigned round = 0; round < 10; round++) {
		for (unsigned i = 0; i < 100; i++)
			clients[i] = join();
		for (unsigned i = 0; i < 100; i++) {
			if (i % 3 == 0)
				send_header(&clients[i], BCAST_ECHO_SEND, 8);
			if (i % 2 == 0)
				leave_by_reset(&clients[i]);
			else
				leave(&clients[i]);
		}
	}

	daemon_fixture_await(&daemon_, "echo_joined", 1000);
	daemon_fixture_await(&daemon_, "echo_clients", 0);
	daemon_fixture_stop(&daemon_);
}

static void streams_receivers_go_on_meanwhile(void **state)
{
	struct client clients[20];

	(void)state;
	start_plain();
	crowd_send_from(&crowd, "any");
	(void)crowd_receive(&crowd);
	for (unsigned i = 0; i < 20; i++) {
		clients[i] = join();
		ask(&clients[i], 1000 * i, 50);
	}

	for (unsigned round = 0; round < 20; round++) {
		crowd_send(&crowd, 30000);
		crowd_settle(&crowd);
		for (unsigned i = 0; i < 20; i++) {
			(void)send_some(&clients[i]);
			(void)receive_some(&clients[i]);
		}
	}
	run(clients, 20);

	for (unsigned i = 0; i < 20; i++)
		leave(&clients[i]);
	crowd_close(&crowd);
	daemon_fixture_stop(&daemon_);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, prepare, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_byte_comes_back_in_order),
		TEST(every_byte_comes_back_in_batches_too),
		TEST(bytes_may_come_one_by_one),
		TEST(clients_do_not_mix),
		TEST(batch_gathers_what_comes_within_the_delay),
		TEST(unix_sockets_echo_as_well),
		TEST(slow_client_loses_whole_packets_and_only_its_own),
		TEST(budget_is_used_to_the_last_byte),
		TEST(packet_larger_than_the_budget_is_not_lost),
		TEST(garbage_closes_that_one_only),
		TEST(length_is_limited),
		TEST(half_closed_client_gets_all_and_then_the_end),
		TEST(end_within_a_packet_is_an_end),
		TEST(reset_in_any_state_harms_nobody),
		TEST(stopping_daemon_sends_what_it_owes),
		TEST(who_takes_nothing_holds_up_no_stop),
		TEST(more_than_the_limit_are_refused),
		TEST(many_clients_are_served_and_idle_ones_cost_little),
		TEST(storm_of_short_visits_leaves_nothing),
		TEST(streams_receivers_go_on_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
