/* SPDX-License-Identifier: MIT */
/*
 * send.c - the one sender: as fast as the slowest receiver takes, or by a plan.
 *
 * Fast: batches of up to 1 MiB, an eighth of the window, and within that window
 * of the slowest receiver, as in fanout. Paced: one update at a time, when it
 * is due. The last 60 us before that are waited for awake: a processor that
 * sleeps needs as long to wake up, and that time is not the server's.
 */
#include "scale.h"
#include "clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH_MAX	((size_t)1 << 20)
#define WINDOW_PAUSE_NS 500000
#define AWAKE_NS	60000u

/* Some whole messages, as they are sent. */
struct batch {
	size_t count;
	size_t message; /* bytes of one */
	size_t head;
	uint8_t *bytes;
};

uint64_t scale_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int make_batch(const struct scale *scale, size_t count,
		      struct batch *batch)
{
	const struct protocol *protocol = scale->options.joining.protocol;
	const size_t payload = scale->options.message_bytes;
	const size_t tail = strlen(protocol->tail);
	char head[PROTOCOL_HEAD_MAX];

	batch->count = count;
	batch->head = protocol->head(head, payload);
	batch->message = batch->head + payload + tail;
	batch->bytes = malloc(count * batch->message);
	if (batch->bytes == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		uint8_t *at = batch->bytes + i * batch->message;

		memcpy(at, head, batch->head);
		memcpy(at + batch->head + payload, protocol->tail, tail);
	}
	return 0;
}

/* The messages from `number` on. */
static bool send_batch(const struct scale *scale, const struct batch *batch,
		       uint64_t number)
{
	const size_t size = batch->count * batch->message;
	size_t done = 0;

	for (size_t i = 0; i < batch->count; i++)
		content_fill(&scale->content, number + i,
			     batch->bytes + i * batch->message + batch->head);
	while (done < size) {
		ssize_t n = send(scale->sender, batch->bytes + done,
				 size - done, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

/* Replies (Redis sends one per message) must not pile up at the server. */
static void drain_replies(const struct scale *scale)
{
	char replies[16384];

	if (scale->options.joining.protocol->subscribe == NULL)
		return;
	while (recv(scale->sender, replies, sizeof(replies), MSG_DONTWAIT) ==
	       (ssize_t)sizeof(replies))
		continue;
}

uint64_t send_slowest(const struct scale *scale)
{
	uint64_t slowest = UINT64_MAX;

	for (unsigned i = 0; i < scale->options.joining.receivers; i++) {
		const struct receiver *one = &scale->receivers[i];
		uint64_t bytes =
			atomic_load_explicit(&one->bytes, memory_order_relaxed);

		if (bytes < slowest && !atomic_load(&one->ended))
			slowest = bytes;
	}
	return slowest;
}

static bool send_fast(struct scale *scale, const struct batch *batch)
{
	const uint64_t size = batch->count * content_message(&scale->content);
	const uint64_t window = scale->options.window_bytes;
	uint64_t number = 0, sent = 0, slowest = 0;

	while (!atomic_load(&scale->stop)) {
		/* Looks at all receivers only if the last look refuses. */
		if (sent + size > slowest + window)
			slowest = send_slowest(scale);
		if (slowest == UINT64_MAX)
			return false;
		if (sent + size > slowest + window) {
			pause_ns(WINDOW_PAUSE_NS);
			continue;
		}
		if (!send_batch(scale, batch, number))
			return false;
		number += batch->count;
		sent += size;
		atomic_store(&scale->sent, sent);
		drain_replies(scale);
	}
	return true;
}

static void wait_until(uint64_t due_ns)
{
	const uint64_t nap_ns = due_ns - AWAKE_NS;
	const struct timespec until = {.tv_sec = (time_t)(nap_ns / 1000000000u),
				       .tv_nsec = (long)(nap_ns % 1000000000u)};

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	while (scale_now_ns() < due_ns)
		continue;
}

static bool send_paced(struct scale *scale, const struct batch *batch)
{
	const uint64_t start = scale_now_ns() + 10 * (uint64_t)AWAKE_NS;

	(void)prctl(PR_SET_TIMERSLACK, 1);
	atomic_store(&scale->start_ns, start);
	for (uint64_t i = 0; i < scale->updates; i++) {
		uint64_t due = start + i * scale->interval_ns;

		wait_until(due);
		if (atomic_load(&scale->over))
			return false;
		scale->lateness_us[i] =
			(float)((double)(scale_now_ns() - due) / 1e3);
		if (!send_batch(scale, batch, i))
			return false;
		atomic_store(&scale->sent,
			     (i + 1) * content_message(&scale->content));
		drain_replies(scale);
	}
	return true;
}

static size_t batch_count(const struct options *options)
{
	const size_t eighth = options->window_bytes / 8;
	const size_t bytes = eighth < BATCH_MAX ? eighth : BATCH_MAX;
	const size_t count = bytes / options->message_bytes;

	return count > 0 && options->updates_s <= 0 ? count : 1;
}

static void *run(void *argument)
{
	struct scale *scale = argument;
	const bool paced = scale->options.updates_s > 0;
	struct batch batch;
	int ret = make_batch(scale, batch_count(&scale->options), &batch);

	if (ret < 0 ||
	    !(paced ? send_paced(scale, &batch) : send_fast(scale, &batch)))
		atomic_store(&scale->failed, true);
	atomic_store(&scale->sent_all, true);
	return NULL;
}

int send_start(struct scale *scale)
{
	return -pthread_create(&scale->sending, NULL, run, scale);
}
