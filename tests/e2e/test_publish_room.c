/* SPDX-License-Identifier: MIT */
/*
 * test_publish_room.c - clients that publish, and those for whom they have to
 * wait: gating readers, receivers that lag, each other.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crowd.h"
#include "published.h"
#include "tcp_publisher.h"

#define ID	UINT64_C(0x5000)
#define KIB	1024u
#define RING	(64u * KIB)
#define LARGEST (RING / 4 - 32)
#define SLOTS	512u

static struct daemon_fixture daemon_;
static struct tcp_publisher publisher;
static struct bcast_node *node;
static struct bcast_reader *reader;

/* What it publishes, as the socket takes it. */
static struct {
	unsigned char frame[RING];
	size_t size, at;
	uint64_t last;
	size_t most;
} feed;

static void start(const char *publishers, const char *policy)
{
	const char *options[] = {"--ring-size",
				 "64K",
				 "--format",
				 "packet",
				 "--packet",
				 "127.0.0.1:0",
				 "--egress",
				 "127.0.0.1:0",
				 "--egress",
				 "127.0.0.1:0,slow-policy=block",
				 "--publishers",
				 publishers,
				 "--slow-policy",
				 policy,
				 "--max-lag",
				 "56K",
				 "--heartbeat",
				 "3600s",
				 "--idle-timeout",
				 "60s",
				 "--sndbuf",
				 "4K",
				 "--rcvbuf",
				 "64K",
				 NULL};

	daemon_fixture_start(&daemon_, options);
	tcp_publisher_open(&publisher, &daemon_, ID);
}

static int prepare(void **state)
{
	(void)state;
	daemon_ = (struct daemon_fixture){0};
	publisher = (struct tcp_publisher){0};
	memset(&feed, 0, sizeof(feed));
	return 0;
}

static int close_all(void **state)
{
	bcast_detach(reader);
	bcast_leave(node);
	reader = NULL;
	node = NULL;
	tcp_publisher_close(&publisher);
	return daemon_fixture_cleanup(state);
}

static void drop_what_it_is_told(void)
{
	char bytes[4096];

	while (recv(publisher.client.fd, bytes, sizeof(bytes), MSG_DONTWAIT) >
	       0)
		;
}

/* Returns whether the socket has taken something. */
static bool feed_more(void)
{
	ssize_t n;

	drop_what_it_is_told();
	if (feed.at == feed.size && publisher.next <= feed.last) {
		feed.size = tcp_publisher_frame(feed.frame, publisher.next++,
						feed.most);
		feed.at = 0;
	}
	if (feed.at == feed.size)
		return false;
	n = send(publisher.client.fd, feed.frame + feed.at, feed.size - feed.at,
		 MSG_DONTWAIT | MSG_NOSIGNAL);
	feed.at += n > 0 ? (size_t)n : 0;
	return n > 0;
}

/* ---- Gating readers ---------------------------------------------------- */

static bool is_gated(void *unused)
{
	(void)unused;
	while (feed_more())
		;
	return daemon_fixture_counter(&daemon_, "gate_waits") > 0;
}

/* Returns the number of the next record, all before it being right. */
static uint64_t read_some(uint64_t next)
{
	const void *span;
	int64_t n = bcast_peek(reader, &span);
	const struct bcast_packet_header *packet;
	size_t at = 0;

	assert_true(n >= 0);
	while ((packet = bcast_packet_in(span, (size_t)n, at))) {
		assert_int_equal(packet->sequence, next);
		assert_int_equal(packet->length,
				 published_length(next, feed.most));
		assert_int_equal(
			published_wrong(next, packet + 1, packet->length), -1);
		at += bcast_packet_size(packet->length);
		next++;
	}
	assert_int_equal(bcast_consume(reader, at), 0);
	return next;
}

static void publish_past_a_gate(const char *publishers)
{
	uint64_t deadline_ms = test_now_ms() + 2 * DEADLINE_MS;
	uint64_t next = 1;

	start(publishers, "block");
	assert_int_equal(bcast_join(daemon_.name, "gate", NULL, &node), 0);
	assert_int_equal(bcast_node_reader(node, NULL, &reader), 0);
	assert_int_equal(bcast_gate(reader, DEADLINE_MS), 0);
	feed.last = 1000;
	feed.most = LARGEST;

	assert_true(test_within(DEADLINE_MS, is_gated, NULL));
	while (next <= feed.last && test_now_ms() < deadline_ms) {
		uint64_t before = next;
		bool fed = feed_more();

		next = read_some(next);
		if (!fed && next == before)
			(void)bcast_wait(reader, 1);
	}

	assert_int_equal(next, feed.last + 1);
	assert_int_equal(bcast_loss(reader).laps, 0);
	assert_int_equal(daemon_fixture_counter(&daemon_, "gates_given_up"), 0);
	tcp_publisher_close(&publisher);
	bcast_detach(reader);
	bcast_leave(node);
	reader = NULL;
	node = NULL;
	daemon_fixture_stop(&daemon_);
}

static void gate_holds_a_publisher(void **state)
{
	(void)state;
	publish_past_a_gate("one");
}

static void gate_holds_a_copied_publisher(void **state)
{
	(void)state;
	publish_past_a_gate("many");
}

/* ---- Receivers that lag ------------------------------------------------ */

/* At the first --egress address, or the second, where all is waited for. */
static int receive(unsigned door, int rcvbuf_bytes)
{
	uint64_t before = daemon_fixture_counter(&daemon_, "receivers_joined");
	int fd = crowd_connect(daemon_fixture_port_of(&daemon_, "egress", door),
			       rcvbuf_bytes);

	daemon_fixture_await(&daemon_, "receivers_joined", before + 1);
	return fd;
}

/* Small ones, and then one for which a quarter of the ring is needed. */
static size_t next_length(uint64_t number)
{
	return number % 40 == 0 ? LARGEST : 500 + number % 7 * 32;
}

static void write_next(uint64_t number)
{
	static unsigned char payload[LARGEST];
	const struct bcast_packet_header header = {
		.length = (uint32_t)next_length(number),
		.type = BCAST_PACKET_DATA,
		.sequence = number,
	};

	feed.size = bc_packet_write(feed.frame, &header, payload);
	feed.at = 0;
}

static void feed_and_take(int fast)
{
	static char bytes[RING];
	struct pollfd fds[2] = {
		{.fd = fast, .events = POLLIN},
		{.fd = publisher.client.fd, .events = POLLIN},
	};
	bool any;

	if (feed.at == feed.size && publisher.next <= feed.last)
		write_next(publisher.next++);
	else if (feed.at < feed.size)
		fds[1].events |= POLLOUT;
	any = feed_more();
	while (recv(fast, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		any = true;
	if (!any)
		(void)poll(fds, 2, 1);
}

static bool all_is_in(void *fast)
{
	for (unsigned i = 0; i < 100; i++)
		feed_and_take(*(int *)fast);
	return daemon_fixture_counter(&daemon_, "records_in") == feed.last;
}

/*
 * It lags, but not so much that --max-lag would have it out; and the largest
 * record does not fit before what it needs.
 */
static void publish_past_the_stalled(const char *publishers)
{
	int fast, stalled[4];

	start(publishers, "disconnect");
	fast = receive(1, 0);
	for (unsigned i = 0; i < 4; i++) {
		stalled[i] = receive(0, 4096);
		feed.last += 2000;
		assert_true(test_within(2 * DEADLINE_MS, all_is_in, &fast));
		daemon_fixture_await(&daemon_, "receivers_dropped", i + 1);
	}

	for (unsigned i = 0; i < 4; i++)
		(void)close(stalled[i]);
	(void)close(fast);
	tcp_publisher_close(&publisher);
	daemon_fixture_stop(&daemon_);
}

static void who_lags_does_not_keep_out_large_records(void **state)
{
	(void)state;
	publish_past_the_stalled("one");
}

static void who_lags_does_not_keep_out_large_copied_records(void **state)
{
	(void)state;
	publish_past_the_stalled("many");
}

/* ---- Each other -------------------------------------------------------- */

static bool flood_for_a_while(void *until_ms)
{
	for (unsigned i = 0; i < 50 && feed_more(); i++)
		;
	return test_now_ms() > *(uint64_t *)until_ms;
}

/* A record of one is not kept back by the flood of another. */
static void publishers_take_turns(void **state)
{
	struct tcp_publisher other;

	(void)state;
	start("many", "disconnect");
	tcp_publisher_open(&other, &daemon_, ID + 1);
	feed.last = UINT64_MAX / 2;
	feed.most = 3000;
	for (unsigned i = 0; i < 20; i++) {
		uint64_t until_ms = test_now_ms() + 2;

		tcp_publisher_say(&other, "mine", 4);
		assert_true(
			test_within(DEADLINE_MS, flood_for_a_while, &until_ms));
		tcp_publisher_settle(&other);
	}
	assert_true(daemon_fixture_counter(&daemon_, "records_in") > 40);

	tcp_publisher_close(&other);
	tcp_publisher_close(&publisher);
	daemon_fixture_stop(&daemon_);
}

/* As many as the segment remembers. */
static void publishers_have_a_limit(void **state)
{
	static struct tcp_publisher all[SLOTS];

	(void)state;
	start("many", "disconnect");
	for (unsigned i = 1; i < SLOTS; i++) {
		tcp_publisher_open(&all[i], &daemon_, ID + i);
		assert_int_equal(all[i].welcome.source, i + 1);
	}

	tcp_publisher_refused(&daemon_, ID + SLOTS, BCAST_REJECT_LIMIT);

	tcp_publisher_close(&all[7]);
	daemon_fixture_await(&daemon_, "publishers", SLOTS - 1);
	tcp_publisher_open(&all[7], &daemon_, ID + SLOTS);
	assert_int_equal(all[7].welcome.source, 8);
	tcp_publisher_say(&all[7], "one more", 8);
	tcp_publisher_settle(&all[7]);
	for (unsigned i = 1; i < SLOTS; i++)
		tcp_publisher_close(&all[i]);
	tcp_publisher_close(&publisher);
	daemon_fixture_stop(&daemon_);
}

/* For the daemon, and longer than anything that the ring can take. */
static void message_of_no_node(const char *publishers)
{
	struct bcast_packet_header header = {
		.length = RING - 64,
		.type = BCAST_PACKET_MESSAGE,
		.key_length = 1,
	};
	static unsigned char payload[RING];
	uint32_t code;

	start(publishers, "disconnect");
	tcp_publisher_run(&publisher, 10, 3000);
	tcp_publisher_settle(&publisher);
	payload[0] = '*';
	memcpy(feed.frame, &header, sizeof(header));
	(void)send(publisher.client.fd, &header, sizeof(header), MSG_NOSIGNAL);
	(void)send(publisher.client.fd, payload, RING - 64, MSG_NOSIGNAL);

	client_expect(&publisher.client, BCAST_PACKET_REJECT);
	code = publisher.client.payload[0];
	assert_true(code == BCAST_REJECT_SIZE || code == BCAST_REJECT_PROTOCOL);
	tcp_publisher_close(&publisher);
	daemon_fixture_await(&daemon_, "publishers", 0);
	tcp_publisher_open(&publisher, &daemon_, ID);
	assert_int_equal(publisher.accepted, 10);
	tcp_publisher_close(&publisher);
	daemon_fixture_stop(&daemon_);
}

static void message_needs_no_room(void **state)
{
	(void)state;
	message_of_no_node("one");
}

static void message_needs_no_room_among_many(void **state)
{
	(void)state;
	message_of_no_node("many");
}

#define ROOM_TEST(f) cmocka_unit_test_setup_teardown(f, prepare, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROOM_TEST(gate_holds_a_publisher),
		ROOM_TEST(gate_holds_a_copied_publisher),
		ROOM_TEST(who_lags_does_not_keep_out_large_records),
		ROOM_TEST(who_lags_does_not_keep_out_large_copied_records),
		ROOM_TEST(publishers_take_turns),
		ROOM_TEST(publishers_have_a_limit),
		ROOM_TEST(message_needs_no_room),
		ROOM_TEST(message_needs_no_room_among_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
