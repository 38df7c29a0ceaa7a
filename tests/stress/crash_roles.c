/* SPDX-License-Identifier: MIT */
/* crash_roles.c - see crash_roles.h. */
#include "crash_roles.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "record_pattern.h"
#include "support.h"

#define RETRY_NS      1000000
#define BURST	      64
#define BATCH_BYTES   16384u
#define LEASE_WAIT_MS DEADLINE_MS
#define GONE_AFTER_MS (2 * DEADLINE_MS)
#define RECEIVE_BYTES 65536u

struct board *board_new(void)
{
	struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(board != MAP_FAILED);
	return board;
}

void board_free(struct board *board)
{
	(void)munmap(board, sizeof(*board));
}

__attribute__((format(printf, 2, 3))) static void complain(struct board *board,
							   const char *format,
							   ...)
{
	va_list arguments;

	if (atomic_fetch_add(&board->wrong, 1) > 0)
		return;
	va_start(arguments, format);
	(void)vsnprintf(board->complaint, sizeof(board->complaint), format,
			arguments);
	va_end(arguments);
}

static void pause_shortly(void)
{
	const struct timespec pause = {.tv_nsec = RETRY_NS};

	(void)nanosleep(&pause, NULL);
}

/* A call that may be too early: nothing else is a reason to fail. */
static bool is_passing(int ret)
{
	return ret == BCAST_ENOTREADY || ret == -ENOENT || ret == -EEXIST;
}

static struct bcast_node *join(const struct role *role, const char *kind)
{
	struct bcast_node *node = NULL;
	char id[32];
	int ret;

	snprintf(id, sizeof(id), "%s-%u", kind, role->number);
	while ((ret = bcast_join(role->board->name, id, NULL, &node)) < 0 &&
	       is_passing(ret))
		pause_shortly();
	if (ret < 0)
		complain(role->board, "%s: join: %s", id, bcast_strerror(ret));
	test_child_check(ret == 0);
	return node;
}

/* ---- Publisher --------------------------------------------------------- */

static int publish_one(struct bcast_publisher *publisher)
{
	static unsigned char payload[TEST_RECORD_MAX];
	uint64_t sequence = bcast_publisher_sequence(publisher);

	test_record_fill(sequence, payload);
	return bcast_publish(publisher, payload, test_record_length(sequence));
}

static int publish_in_place(struct bcast_publisher *publisher)
{
	uint64_t sequence = bcast_publisher_sequence(publisher);
	void *payload;
	int ret = bcast_claim(publisher, TEST_RECORD_MAX, &payload);

	if (ret < 0)
		return ret;
	test_record_fill(sequence, payload);
	return bcast_commit(publisher, test_record_length(sequence));
}

static int publish_batch(struct bcast_publisher *publisher)
{
	struct bcast_batch batch;
	int ret = bcast_batch_begin(publisher, BATCH_BYTES, &batch);
	uint64_t sequence;
	void *payload;

	if (ret < 0)
		return ret;
	for (;;) {
		sequence = batch.sequence;
		payload = bcast_batch_add(&batch, test_record_length(sequence));
		if (!payload)
			return bcast_batch_commit(publisher, &batch);
		test_record_fill(sequence, payload);
	}
}

static int publish_burst(struct bcast_publisher *publisher)
{
	int ret = 0;

	for (int i = 0; i < BURST && ret == 0; i++)
		ret = i % 3 == 0 ? publish_one(publisher)
				 : publish_in_place(publisher);
	return ret < 0 ? ret : publish_batch(publisher);
}

void role_publisher(void *argument)
{
	const struct role *role = argument;
	struct bcast_publisher_options options = BCAST_PUBLISHER_DEFAULTS;
	struct bcast_node *node = join(role, "publisher");
	struct bcast_publisher *publisher = NULL;
	uint64_t before;
	int ret;

	options.lease_wait_ms = -1;
	test_child_ready();
	ret = bcast_publisher_open(node, &options, &publisher);
	while (ret == 0) {
		before = bcast_publisher_sequence(publisher);
		ret = publish_burst(publisher);
		atomic_fetch_add(&role->board->published,
				 bcast_publisher_sequence(publisher) - before);
		/* two cores: let the others read, mostly */
		if (before % 4 != 0)
			pause_shortly();
	}
	if (ret != BCAST_ECLOSED)
		complain(role->board, "publisher: %s", bcast_strerror(ret));
	bcast_publisher_close(publisher);
	bcast_leave(node);
}

/* ---- Local readers ----------------------------------------------------- */

struct reading {
	struct board *board;
	struct bcast_reader *reader;
	const char *kind;
	uint64_t expected; /* 0: not known yet */
};

/* The result of any reading call that is not data. False: it is over. */
static bool go_on(struct reading *reading, int ret)
{
	struct bcast_loss loss;

	if (ret >= 0)
		return true;
	if (ret == BCAST_ELAPPED) {
		loss = bcast_loss(reading->reader);
		atomic_fetch_add(&reading->board->lost, loss.packets);
		if (reading->expected != 0)
			reading->expected += loss.packets;
		return true;
	}
	if (ret != BCAST_ECLOSED)
		complain(reading->board, "%s: %s", reading->kind,
			 bcast_strerror(ret));
	return false;
}

/* Right if it counts: the caller asks bcast_consume() afterwards. */
static bool is_right(const struct reading *reading, uint64_t sequence,
		     const void *payload, uint32_t length)
{
	return (reading->expected == 0 || sequence == reading->expected) &&
	       test_record_check(sequence, payload, length);
}

static int read_record(struct reading *reading)
{
	struct bcast_packet packet;
	int ret = bcast_next(reading->reader, &packet);
	bool right;

	if (ret <= 0)
		return ret;
	right = is_right(reading, packet.sequence, packet.payload,
			 packet.length);
	ret = bcast_consume(reading->reader, packet.size);
	if (ret < 0)
		return ret;
	if (!right)
		complain(reading->board,
			 "%s: record %llu of %u bytes, expected %llu",
			 reading->kind, (unsigned long long)packet.sequence,
			 packet.length, (unsigned long long)reading->expected);
	reading->expected = packet.sequence + 1;
	atomic_fetch_add(&reading->board->read, 1);
	return 1;
}

static int read_span(struct reading *reading)
{
	const struct bcast_packet_header *header;
	const void *span;
	int64_t size = bcast_peek(reading->reader, &span);
	uint64_t count = 0, next = reading->expected;
	bool right = true;
	size_t at = 0;
	int ret;

	if (size <= 0)
		return (int)size;
	while ((header = bcast_packet_in(span, (size_t)size, at))) {
		right = right && (next == 0 || header->sequence == next) &&
			test_record_check(header->sequence, header + 1,
					  header->length);
		next = header->sequence + 1;
		at += bcast_packet_size(header->length);
		count++;
	}
	ret = bcast_consume(reading->reader, (size_t)size);
	if (ret < 0)
		return ret;
	if (!right || at != (size_t)size)
		complain(reading->board, "%s: a wrong span at %llu",
			 reading->kind,
			 (unsigned long long)bcast_position(reading->reader));
	reading->expected = next;
	atomic_fetch_add(&reading->board->read, count);
	return 1;
}

static void read_on(struct reading *reading, int (*step)(struct reading *))
{
	int ret;

	do {
		ret = step(reading);
		if (ret == 0)
			ret = bcast_wait(reading->reader, -1);
	} while (go_on(reading, ret));
}

static struct bcast_attach_options patient(void)
{
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;

	options.gone_after_ms = GONE_AFTER_MS;
	options.spin_ns = 0; /* there are more of us than cores */
	return options;
}

void role_node(void *argument)
{
	const struct role *role = argument;
	struct bcast_attach_options options = patient();
	struct bcast_node *node = join(role, "reader");
	struct reading reading = {.board = role->board, .kind = "node"};
	int ret;

	while ((ret = bcast_node_reader(node, &options, &reading.reader)) < 0 &&
	       is_passing(ret))
		pause_shortly();
	test_child_ready();
	if (go_on(&reading, ret))
		read_on(&reading, read_record);
	bcast_detach(reading.reader);
	bcast_leave(node);
}

void role_plain(void *argument)
{
	const struct role *role = argument;
	struct bcast_attach_options options = patient();
	struct reading reading = {.board = role->board, .kind = "plain"};
	int ret;

	while ((ret = bcast_attach(role->board->name, &options,
				   &reading.reader)) < 0 &&
	       is_passing(ret))
		pause_shortly();
	test_child_ready();
	if (go_on(&reading, ret))
		read_on(&reading, read_span);
	bcast_detach(reading.reader);
}

/* ---- Over TCP ---------------------------------------------------------- */

static int connect_to(const char *address)
{
	struct sockaddr_in peer = {.sin_family = AF_INET};
	const char *colon = strchr(address, ':');
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	peer.sin_port = htons((uint16_t)atoi(colon + 1));
	if (connect(fd, (struct sockaddr *)&peer, sizeof(peer)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* One connection's life: from a record's beginning, without a gap. */
static void receive(struct board *board, int fd)
{
	static unsigned char bytes[RECEIVE_BYTES];
	struct test_record_stream stream = {0};
	uint64_t counted = 0;
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
		if (!test_record_take(&stream, bytes, (size_t)n)) {
			complain(board, "receiver: wrong bytes at record %llu",
				 (unsigned long long)stream.expected);
			return;
		}
		atomic_fetch_add(&board->received, stream.count - counted);
		counted = stream.count;
	}
}

void role_receiver(void *argument)
{
	const struct role *role = argument;

	test_child_ready();
	for (;;) {
		int fd = connect_to(role->board->address);

		if (fd < 0) {
			pause_shortly();
			continue;
		}
		receive(role->board, fd);
		(void)close(fd);
	}
}

/* ---- Messages ---------------------------------------------------------- */

#define WORDS_MAX     500u
#define TALK_TIME_MS  2
#define DIFFERS_BY(n) ((n)*UINT64_C(0x9e3779b97f4a7c15))

/* A message: of whom, its number among those to this addressee, and so on. */
struct talk {
	uint64_t pid;
	uint64_t number;
	uint64_t words[WORDS_MAX];
};

static size_t talk_size(uint64_t number)
{
	return sizeof(struct talk) -
	       (number * 7 % WORDS_MAX) * sizeof(uint64_t);
}

static uint64_t talk_word(const struct talk *talk, size_t i)
{
	return DIFFERS_BY(talk->number) ^ talk->pid ^ i;
}

static int talk_to(struct bcast_node *node, unsigned to, uint64_t number)
{
	static struct talk talk;
	char id[32];

	talk.pid = (uint64_t)getpid();
	talk.number = number;
	for (size_t i = 0; i < WORDS_MAX; i++)
		talk.words[i] = talk_word(&talk, i);
	snprintf(id, sizeof(id), "talker-%u", to);
	return bcast_send(node, id, 1, &talk, talk_size(number), TALK_TIME_MS);
}

/* The last that came from each; a life that has just begun expects any. */
static bool is_next(const struct talk *talk, size_t size, uint64_t last[2])
{
	bool right = size == talk_size(talk->number) &&
		     (last[0] != talk->pid || talk->number == last[1] + 1);
	size_t words = size / sizeof(uint64_t) - 2;

	for (size_t i = 0; i < words && right; i++)
		right = talk->words[i] == talk_word(talk, i);
	last[0] = talk->pid;
	last[1] = talk->number;
	return right;
}

static void listen_to_all(struct board *board, struct bcast_node *node,
			  uint64_t last[TALKERS][2])
{
	struct bcast_message message;
	unsigned from;
	int ret;

	while ((ret = bcast_recv(node, &message, 1)) == 1) {
		from = (unsigned)atoi(strchr(message.from, '-') + 1) % TALKERS;
		if (!is_next(message.data, message.size, last[from]))
			complain(board, "message %llu of %s is wrong",
				 (unsigned long long)last[from][1],
				 message.from);
		atomic_fetch_add(&board->messages, 1);
	}
	if (ret < 0 && ret != BCAST_ECLOSED)
		complain(board, "recv: %s", bcast_strerror(ret));
}

void role_talker(void *argument)
{
	const struct role *role = argument;
	uint64_t sent[TALKERS] = {0}, last[TALKERS][2] = {{0}};
	struct bcast_node *node = join(role, "talker");
	int ret = 0;

	test_child_ready();
	for (unsigned turn = 0; ret != BCAST_ECLOSED; turn++) {
		unsigned to = turn % TALKERS;

		if (to == role->number) {
			listen_to_all(role->board, node, last);
			continue;
		}
		ret = talk_to(node, to, sent[to] + 1);
		if (ret == 0)
			sent[to]++;
		else if (ret != -ENOENT && ret != BCAST_EFULL)
			complain(role->board, "send: %s", bcast_strerror(ret));
	}
	bcast_leave(node);
}
