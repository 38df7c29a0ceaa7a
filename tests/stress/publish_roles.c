/* SPDX-License-Identifier: MIT */
/* publish_roles.c - see publish_roles.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "net/hello.h"
#include "publish_roles.h"
#include "published.h"

#define ID_BASE	 UINT64_C(0xabc000)
#define AHEAD	 UINT64_C(1000) /* of the slowest subscriber, in records */
#define BATCH	 64u
#define FRAMES	 (256u * 1024u)
#define PAUSE_MS 2
#define TURN	 100u /* records, when publishers take turns */

struct publish_board *publish_board_new(void)
{
	void *board =
		mmap(NULL, sizeof(struct publish_board), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(board != MAP_FAILED);
	return board;
}

void publish_board_free(struct publish_board *board)
{
	if (board)
		(void)munmap(board, sizeof(*board));
}

const struct publish_progress *publish_board_progress(
	const struct publish_board *board, unsigned index)
{
	const struct publish_taken *taken = &board->taken[index];

	return &taken->both[atomic_load(&taken->which) % 2];
}

static void __attribute__((format(printf, 2, 3)))
complain(struct publish_board *board, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	if (atomic_fetch_add(&board->wrong, 1) == 0)
		(void)vsnprintf(board->complaint, sizeof(board->complaint),
				format, arguments);
	va_end(arguments);
	_exit(1);
}

static void pause_ms(int ms)
{
	(void)poll(NULL, 0, ms);
}

/* ---- A connection ------------------------------------------------------ */

static int connect_to(uint16_t port)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address,
			       sizeof(address)) == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

static bool send_all(int fd, const void *bytes, size_t size)
{
	const char *at = bytes;

	while (size > 0) {
		ssize_t n = send(fd, at, size, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		at += n;
		size -= (size_t)n;
	}
	return true;
}

static bool receive_all(int fd, void *bytes, size_t size)
{
	return size == 0 || recv(fd, bytes, size, MSG_WAITALL) == (ssize_t)size;
}

/* A record, payload with padding; false at the end of the connection. */
static bool next_record(int fd, struct bcast_packet_header *header,
			unsigned char *payload, size_t room)
{
	size_t size;

	if (!receive_all(fd, header, sizeof(*header)))
		return false;
	size = bcast_packet_size(header->length) - sizeof(*header);
	return size <= room && receive_all(fd, payload, size);
}

/* Connected and welcome, or -1: then the daemon is away, or is busy. */
static int join(uint16_t port, struct bc_hello *hello,
		struct bc_welcome *welcome)
{
	unsigned char bytes[BC_HELLO_FRAME_MAX];
	struct bc_packet_frame frame = {.payload = bytes};
	size_t size = bc_hello_write(bytes, hello);
	int fd = connect_to(port);

	if (fd < 0)
		return -1;
	if (send_all(fd, bytes, size) &&
	    next_record(fd, &frame.header, bytes, sizeof(bytes)) &&
	    frame.header.type == BCAST_PACKET_WELCOME &&
	    bc_welcome_read(&frame, welcome) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* ---- Publisher --------------------------------------------------------- */

/* No further than the ring holds for a subscriber that is just coming back. */
static uint64_t may_go_to(const struct publish_board *board, uint16_t source)
{
	uint64_t most = atomic_load(&board->goal);

	for (unsigned i = 0; i < PUBLISH_SUBSCRIBERS; i++) {
		uint64_t there =
			publish_board_progress(board, i)->number[source] +
			AHEAD;

		most = there < most ? there : most;
	}
	return most;
}

static size_t write_batch(unsigned char *to, uint64_t *number, uint64_t last)
{
	unsigned char payload[PUBLISH_MOST];
	size_t size = 0;

	for (unsigned i = 0; i < BATCH && *number <= last; i++) {
		struct bcast_packet_header header = {
			.length = (uint32_t)published_length(*number,
							     PUBLISH_MOST),
			.type = BCAST_PACKET_DATA,
			.sequence = *number,
		};

		published_payload(*number, payload, header.length);
		size += bc_packet_write(to + size, &header, payload);
		(*number)++;
	}
	return size;
}

/* What it is told is of no interest, as long as somebody is there. */
static bool is_there(int fd)
{
	char bytes[4096];
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void publish(struct publish_board *board, int fd,
		    const struct bcast_welcome *welcome)
{
	static unsigned char frames[FRAMES];
	uint64_t next = welcome->accepted + 1;
	uint64_t last = UINT64_MAX;

	if (atomic_load(&board->in_turns))
		last = welcome->accepted + TURN;
	while (is_there(fd) && next <= last) {
		size_t size = write_batch(frames, &next,
					  may_go_to(board, welcome->source));

		if (size == 0)
			pause_ms(1);
		else if (!send_all(fd, frames, size))
			return;
	}
}

void publish_role_publisher(void *argument)
{
	const struct publish_role *role = argument;

	test_child_ready();
	for (;;) {
		struct bc_hello hello = {
			.fixed.roles = BCAST_CLIENT_PUBLISH,
			.fixed.publisher_id = ID_BASE + role->index,
		};
		struct bc_welcome welcome;
		int fd = join(role->board->port, &hello, &welcome);

		if (fd < 0) {
			pause_ms(PAUSE_MS);
			continue;
		}
		publish(role->board, fd, &welcome.fixed);
		(void)close(fd);
		if (atomic_load(&role->board->in_turns))
			pause_ms(PAUSE_MS);
	}
}

/* ---- Local publisher --------------------------------------------------- */

/* Each record says by itself which it is. */
static void publish_locally(struct bcast_publisher *publisher)
{
	unsigned char payload[sizeof(uint64_t) + PUBLISH_MOST];

	for (uint64_t i = 0; i < TURN; i++) {
		size_t size = published_length(i, PUBLISH_MOST);

		memcpy(payload, &i, sizeof(i));
		published_payload(i, payload + sizeof(i), size);
		if (bcast_publish(publisher, payload, sizeof(i) + size) < 0)
			return;
	}
}

static bool is_local_record(const unsigned char *payload, uint32_t length)
{
	uint64_t number;

	if (length < sizeof(number))
		return false;
	memcpy(&number, payload, sizeof(number));
	length -= (uint32_t)sizeof(number);
	return length == published_length(number, PUBLISH_MOST) &&
	       published_wrong(number, payload + sizeof(number), length) == -1;
}

void publish_role_local(void *argument)
{
	const struct publish_role *role = argument;
	struct bcast_publisher_options how = BCAST_PUBLISHER_DEFAULTS;
	struct bcast_publisher *publisher;
	struct bcast_node *node;
	char id[32];

	how.lease_wait_ms = 100;
	how.source = PUBLISH_LOCAL;
	(void)snprintf(id, sizeof(id), "local-%d", (int)getpid());
	test_child_ready();
	for (;;) {
		if (bcast_join(role->board->name, id, NULL, &node) == 0) {
			if (bcast_publisher_open(node, &how, &publisher) == 0) {
				publish_locally(publisher);
				bcast_publisher_close(publisher);
			}
			bcast_leave(node);
		}
		pause_ms(PAUSE_MS);
	}
}

/* ---- Subscriber -------------------------------------------------------- */

static void check(const struct publish_role *role,
		  const struct publish_progress *now,
		  const struct bcast_packet_header *header,
		  const unsigned char *payload)
{
	uint64_t number;

	if (header->sequence != now->sequence)
		complain(role->board, "record %llu came instead of %llu",
			 (unsigned long long)header->sequence,
			 (unsigned long long)now->sequence);
	if (header->source == PUBLISH_LOCAL) {
		if (!is_local_record(payload, header->length))
			complain(role->board, "local record %llu is not right",
				 (unsigned long long)header->sequence);
		return;
	}
	if (header->source < 1 || header->source > PUBLISH_PUBLISHERS)
		complain(role->board, "record %llu is of source %u",
			 (unsigned long long)header->sequence, header->source);
	number = now->number[header->source];
	if (header->length != published_length(number, PUBLISH_MOST) ||
	    published_wrong(number, payload, header->length) != -1)
		complain(role->board, "record %llu is not number %llu of %u",
			 (unsigned long long)header->sequence,
			 (unsigned long long)number, header->source);
}

/* It has been taken, as of this store. */
static void note(struct publish_taken *taken, struct publish_progress *now,
		 const struct bcast_packet_header *header)
{
	uint32_t other = (atomic_load(&taken->which) + 1) % 2;

	now->position += bcast_packet_size(header->length);
	now->sequence++;
	if (header->source != PUBLISH_LOCAL)
		now->number[header->source]++;
	taken->both[other] = *now;
	atomic_store(&taken->which, other);
}

static void subscribe(const struct publish_role *role, int fd,
		      struct publish_progress now)
{
	unsigned char payload[2 * PUBLISH_MOST]; /* with padding */
	struct bcast_packet_header header;

	while (next_record(fd, &header, payload, sizeof(payload))) {
		if (header.type == BCAST_PACKET_GAP)
			complain(role->board, "a gap behind record %llu",
				 (unsigned long long)now.sequence - 1);
		if (header.type == BCAST_PACKET_REJECT)
			return;
		if (header.type & BCAST_PACKET_CONTROL)
			continue;
		check(role, &now, &header, payload);
		note(&role->board->taken[role->index], &now, &header);
	}
}

void publish_role_subscriber(void *argument)
{
	const struct publish_role *role = argument;

	test_child_ready();
	for (;;) {
		struct publish_progress now =
			*publish_board_progress(role->board, role->index);
		struct bc_hello hello = {
			.fixed.roles = BCAST_CLIENT_SUBSCRIBE,
			.fixed.from = BCAST_START_POSITION,
			.fixed.epoch = now.epoch,
			.fixed.position = now.position,
		};
		struct bc_welcome welcome;
		int fd = join(role->board->port, &hello, &welcome);

		if (fd < 0) {
			pause_ms(PAUSE_MS);
			continue;
		}
		if (now.epoch != 0 && welcome.fixed.epoch != now.epoch)
			complain(role->board, "another epoch");
		if (welcome.fixed.position != now.position ||
		    welcome.fixed.sequence != now.sequence)
			complain(role->board, "begins at %llu, not at %llu",
				 (unsigned long long)welcome.fixed.position,
				 (unsigned long long)now.position);
		now.epoch = welcome.fixed.epoch;
		subscribe(role, fd, now);
		(void)close(fd);
	}
}
