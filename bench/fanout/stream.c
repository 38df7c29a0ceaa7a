/* SPDX-License-Identifier: MIT */
/*
 * stream.c - the threads that move the bytes.
 *
 * The sender keeps within a window of the slowest receiver; when it is closed
 * the sender looks again every half millisecond. Waking it precisely would
 * take a shared condition that every receiver touches at every recv(); with a
 * window of many writes there is always more than half a millisecond of work
 * left, so nothing is lost by looking late.
 */
#include "load.h"
#include "clock.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define WINDOW_PAUSE_NS 500000
#define THREAD_STACK	((size_t)256 << 10)

static void *pages(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* Whole messages, together at least WRITE_MIN: small ones go in batches. */
static int make_batch(struct load *load)
{
	const struct protocol *protocol = load->options.joining.protocol;
	const size_t payload = load->options.message_bytes;
	const size_t tail = strlen(protocol->tail);
	char head[PROTOCOL_HEAD_MAX];
	const size_t head_size = protocol->head(head, payload);
	const size_t message = head_size + payload + tail;
	const size_t count = (WRITE_MIN + payload - 1) / payload;
	uint8_t *out;

	load->batch_bytes = count * message;
	load->message_bytes = message;
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
		if (protocol->seal != NULL)
			protocol->seal(out - head_size, payload);
		out += payload;
		memcpy(out, protocol->tail, tail);
		out += tail;
	}
	return 0;
}

int stream_prepare(struct load *load)
{
	for (unsigned i = 0; i < load->options.joining.receivers; i++) {
		struct receiver *one = &load->receivers[i];

		one->buffer_bytes = load->options.buffer_bytes;
		one->buffer = pages(one->buffer_bytes);
		if (one->buffer == NULL)
			return -ENOMEM;
	}
	return load->options.joining.ingest == NULL ? 0 : make_batch(load);
}

static void *receive(void *argument)
{
	struct receiver *me = argument;
	uint64_t bytes = 0;

	for (;;) {
		ssize_t n = recv(me->fd, me->buffer, me->buffer_bytes, 0);

		/* EAGAIN: the time limit that was set for the handshake. */
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			break;
		bytes += (uint64_t)n;
		atomic_store_explicit(&me->bytes, bytes, memory_order_relaxed);
	}
	atomic_store(&me->ended, true);
	return NULL;
}

static uint64_t slowest_bytes(const struct load *load)
{
	uint64_t slowest = UINT64_MAX;

	for (unsigned i = 0; i < load->options.joining.receivers; i++) {
		const struct receiver *one = &load->receivers[i];
		uint64_t bytes =
			atomic_load_explicit(&one->bytes, memory_order_relaxed);

		if (bytes < slowest && !atomic_load(&one->ended))
			slowest = bytes;
	}
	return slowest;
}

/* Replies (Redis sends one per message) must not pile up at the server. */
static void drain_replies(int fd)
{
	char replies[16384];

	while (recv(fd, replies, sizeof(replies), MSG_DONTWAIT) ==
	       (ssize_t)sizeof(replies))
		continue;
}

/* The same messages again, but for their numbers. */
static void number_batch(struct load *load)
{
	const struct protocol *protocol = load->options.joining.protocol;

	for (size_t at = 0; at < load->batch_bytes; at += load->message_bytes)
		protocol->number(load->batch + at, ++load->numbered);
}

static bool send_batch(struct load *load)
{
	size_t done = 0;

	if (load->options.joining.protocol->number != NULL)
		number_batch(load);
	while (done < load->batch_bytes) {
		ssize_t n = send(load->fd, load->batch + done,
				 load->batch_bytes - done, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

static void *transmit(void *argument)
{
	struct load *load = argument;
	const size_t window = load->options.window_bytes;
	uint64_t sent = 0;
	uint64_t slowest = 0;

	while (!atomic_load(&load->stop)) {
		/* Looks at all receivers only if the last look refuses. */
		if (sent + load->delivered_bytes > slowest + window) {
			slowest = slowest_bytes(load);
			if (slowest == UINT64_MAX)
				break;
		}
		if (sent + load->delivered_bytes > slowest + window) {
			pause_ns(WINDOW_PAUSE_NS);
			continue;
		}
		if (!send_batch(load)) {
			atomic_store(&load->failed, !atomic_load(&load->stop));
			break;
		}
		sent += load->delivered_bytes;
		atomic_store_explicit(&load->sent, sent, memory_order_relaxed);
		if (load->options.joining.protocol->subscribe != NULL)
			drain_replies(load->fd);
	}
	return NULL;
}

static int start(pthread_t *thread, void *(*run)(void *), void *argument)
{
	pthread_attr_t attributes;
	int ret = pthread_attr_init(&attributes);

	if (ret != 0)
		return -ret;
	ret = pthread_attr_setstacksize(&attributes, THREAD_STACK);
	if (ret == 0)
		ret = pthread_create(thread, &attributes, run, argument);
	(void)pthread_attr_destroy(&attributes);
	return -ret;
}

int stream_start(struct load *load)
{
	int ret;

	for (unsigned i = 0; i < load->options.joining.receivers; i++) {
		struct receiver *one = &load->receivers[i];

		ret = start(&one->thread, receive, one);
		if (ret < 0)
			return ret;
	}
	if (load->options.joining.ingest == NULL)
		return 0;
	return start(&load->thread, transmit, load);
}
