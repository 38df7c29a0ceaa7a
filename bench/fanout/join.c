/* SPDX-License-Identifier: MIT */
/*
 * join.c - everything before the first byte that counts.
 *
 * A message server confirms a subscription. A raw one says nothing when it has
 * accepted a connection, and one that is still in its queue misses what is
 * sent before; connect() succeeding proves nothing. So join_raw() ticks.
 */
#include "load.h"
#include "clock.h"
#include "socket.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define JOIN_DEADLINE_S 10.0
#define JOIN_PAUSE_NS	1000000
#define JOIN_TICK	't'
#define JOIN_LAST	'M'

static void *pages(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* Whole messages, together at least WRITE_MIN: small ones go in batches. */
static int make_batch(struct load *load)
{
	const struct protocol *protocol = load->options.protocol;
	const size_t payload = load->options.message_bytes;
	const size_t tail = strlen(protocol->tail);
	char head[PROTOCOL_HEAD_MAX];
	const size_t head_size = protocol->head(head, payload);
	const size_t message = head_size + payload + tail;
	const size_t count = (WRITE_MIN + payload - 1) / payload;
	uint8_t *out;

	load->batch_bytes = count * message;
	load->delivered_bytes = count * (payload + protocol->overhead(payload));
	load->batch = pages(load->batch_bytes);
	if (load->batch == NULL)
		return -ENOMEM;
	out = load->batch;
	for (size_t i = 0; i < count; i++) {
		memcpy(out, head, head_size);
		out += head_size;
		for (size_t k = 0; k < payload; k++)
			out[k] = (uint8_t)(k * 7 + i);
		out += payload;
		memcpy(out, protocol->tail, tail);
		out += tail;
	}
	return 0;
}

static int connect_receivers(struct load *load)
{
	const struct options *options = &load->options;
	int ret;

	for (unsigned i = 0; i < options->receivers; i++) {
		struct receiver *one = &load->receivers[i];

		one->buffer_bytes = options->buffer_bytes;
		one->buffer = pages(one->buffer_bytes);
		if (one->buffer == NULL)
			return -ENOMEM;
		one->fd = socket_connect(options->egress, options->congestion,
					 options->rcvbuf_bytes);
		if (one->fd < 0)
			return one->fd;
		if (options->protocol->subscribe == NULL)
			continue;
		ret = options->protocol->subscribe(one->fd);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static bool all_have_something(const struct load *load)
{
	for (unsigned i = 0; i < load->options.receivers; i++) {
		struct pollfd one = {.fd = load->receivers[i].fd,
				     .events = POLLIN};

		if (poll(&one, 1, 0) < 1)
			return false;
	}
	return true;
}

static int read_to_last(int fd)
{
	char bytes[4096];
	ssize_t n;

	do {
		n = recv(fd, bytes, sizeof(bytes), 0);
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ECONNRESET;
	} while (bytes[n - 1] != JOIN_LAST);
	return 0;
}

/*
 * Tick until everyone has got a tick; then send a last byte, and let everyone
 * read up to it. From then on all receive the same.
 */
static int join_raw(const struct load *load)
{
	const double deadline = now_s() + JOIN_DEADLINE_S;
	char byte = JOIN_TICK;
	int ret;

	while (!all_have_something(load)) {
		if (now_s() > deadline)
			return -ETIMEDOUT;
		if (send(load->fd, &byte, 1, MSG_NOSIGNAL) != 1)
			return -errno;
		pause_ns(JOIN_PAUSE_NS);
	}
	byte = JOIN_LAST;
	if (send(load->fd, &byte, 1, MSG_NOSIGNAL) != 1)
		return -errno;
	for (unsigned i = 0; i < load->options.receivers; i++) {
		ret = read_to_last(load->receivers[i].fd);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int connect_sender(struct load *load)
{
	const struct protocol *protocol = load->options.protocol;
	int ret = make_batch(load);

	if (ret < 0)
		return ret;
	load->fd = socket_connect(load->options.ingest,
				  load->options.congestion, 0);
	if (load->fd < 0)
		return load->fd;
	if (protocol->subscribe == NULL)
		return join_raw(load);
	return protocol->greet == NULL ? 0 : protocol->greet(load->fd);
}

int join_all(struct load *load)
{
	int ret = connect_receivers(load);

	if (ret < 0 || load->options.ingest == NULL)
		return ret;
	return connect_sender(load);
}
