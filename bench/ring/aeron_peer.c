/* SPDX-License-Identifier: MIT */
/*
 * aeron_peer.c - a peer: Aeron's C client over IPC, exclusive publication,
 * offer() and poll(). Built only where CMake is shown an installed Aeron by
 * -DAERON_ROOT; its media driver is started by run.py.
 *
 * Aeron loses nothing here: its publication waits for the slowest subscriber
 * within its terms (64 MiB each by default, touched beforehand), whatever
 * --ring says. The largest frame is asked for, so that 64 KiB take two, which
 * the assembler joins; one-frame messages pass it by.
 */
#include "ring.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include <aeronc.h>

#define CHANNEL	       "aeron:ipc?mtu=65504"
#define FRAGMENT_LIMIT 64
#define PATIENCE_MS    8000

struct client {
	aeron_context_t *context;
	aeron_t *aeron;
};

/* Its own for each run: what an earlier one left lingers for a while. */
static int32_t stream_id(void)
{
	return getppid();
}

static void nap(void)
{
	const struct timespec nap = {.tv_nsec = 1000000};

	(void)nanosleep(&nap, NULL);
}

static int fail(struct crew_member *me, const char *what)
{
	return crew_fail(me, what, aeron_errmsg());
}

static int client_open(struct crew_member *me, const struct ring_task *task,
		       struct client *client)
{
	if (aeron_context_init(&client->context) < 0 ||
	    aeron_context_set_dir(client->context, task->folder) < 0 ||
	    aeron_context_set_pre_touch_mapped_memory(client->context, true) <
		    0 ||
	    aeron_init(&client->aeron, client->context) < 0 ||
	    aeron_start(client->aeron) < 0)
		return fail(me, "aeron_start");
	return 0;
}

static void client_close(struct client *client)
{
	(void)aeron_close(client->aeron);
	(void)aeron_context_close(client->context);
}

/* ---- Writing ----------------------------------------------------------- */

static int publication_open(struct crew_member *me, aeron_t *aeron,
			    aeron_exclusive_publication_t **publication)
{
	aeron_async_add_exclusive_publication_t *async;
	int ret = aeron_async_add_exclusive_publication(&async, aeron, CHANNEL,
							stream_id());

	*publication = NULL;
	for (unsigned ms = 0; ret >= 0 && ms < PATIENCE_MS; ms++) {
		if (*publication == NULL)
			ret = aeron_async_add_exclusive_publication_poll(
				publication, async);
		else if (aeron_exclusive_publication_is_connected(*publication))
			return 0;
		nap();
	}
	return fail(me, "the publication did not connect");
}

static __attribute__((noinline)) int offer_all(
	struct crew_member *me, aeron_exclusive_publication_t *publication,
	struct message_source *source, size_t size)
{
	const void *message = message_next(source);
	uint64_t written = 0;

	while (!crew_over(me)) {
		const int64_t position = aeron_exclusive_publication_offer(
			publication, message, size, NULL, NULL);

		if (position < 0) {
			if (position != AERON_PUBLICATION_BACK_PRESSURED &&
			    position != AERON_PUBLICATION_ADMIN_ACTION)
				return fail(me, "offer");
			ticks_pause();
			continue;
		}
		atomic_store_explicit(&me->messages, ++written,
				      memory_order_relaxed);
		message = message_next(source);
	}
	return 0;
}

static int write_aeron(struct crew_member *me, void *context)
{
	static struct message_source source;
	const struct ring_task *task = context;
	aeron_exclusive_publication_t *publication;
	struct client client;
	int ret = client_open(me, task, &client);

	if (ret < 0)
		return ret;
	message_start(&source, task->size);
	ret = publication_open(me, client.aeron, &publication);
	if (ret >= 0 && crew_begin(me))
		ret = offer_all(me, publication, &source, task->size);
	client_close(&client);
	return ret;
}

/* ---- Reading ----------------------------------------------------------- */

struct seen {
	struct ring_tally tally;
	enum message_depth depth;
};

static void on_fragment(void *context, const uint8_t *buffer, size_t length,
			aeron_header_t *header)
{
	struct seen *seen = context;

	(void)header;
	ring_follow(&seen->tally, message_touch(buffer, length, seen->depth));
}

static aeron_image_t *image_open(aeron_t *aeron,
				 aeron_subscription_t **subscription)
{
	aeron_async_add_subscription_t *async;
	int ret = aeron_async_add_subscription(
		&async, aeron, CHANNEL, stream_id(), NULL, NULL, NULL, NULL);

	*subscription = NULL;
	for (unsigned ms = 0; ret >= 0 && ms < PATIENCE_MS; ms++) {
		if (*subscription == NULL)
			ret = aeron_async_add_subscription_poll(subscription,
								async);
		else if (aeron_subscription_image_count(*subscription) > 0)
			return aeron_subscription_image_at_index(*subscription,
								 0);
		nap();
	}
	return NULL;
}

static __attribute__((noinline)) int poll_all(
	struct crew_member *me, const struct ring_task *task,
	aeron_image_t *image, aeron_image_fragment_assembler_t *assembler,
	const struct seen *seen)
{
	struct processor_idle idle = ring_idle(task);

	while (!crew_over(me)) {
		const int n = aeron_image_poll(
			image, aeron_image_fragment_assembler_handler,
			assembler, FRAGMENT_LIMIT);

		if (n < 0)
			return fail(me, "poll");
		if (n > 0)
			ring_tell(me, &seen->tally);
		else
			processor_relax(&idle);
	}
	return 0;
}

static int read_aeron(struct crew_member *me, void *context)
{
	const struct ring_task *task = context;
	struct seen seen = {.depth = task->depth};
	aeron_image_fragment_assembler_t *assembler;
	aeron_subscription_t *subscription;
	aeron_image_t *image;
	struct client client;
	int ret = client_open(me, task, &client);

	if (ret < 0)
		return ret;
	image = image_open(client.aeron, &subscription);
	if (image == NULL)
		ret = fail(me, "no image");
	else if (aeron_image_fragment_assembler_create(&assembler, on_fragment,
						       &seen) < 0)
		ret = fail(me, "assembler");
	else if (crew_begin(me))
		ret = poll_all(me, task, image, assembler, &seen);
	client_close(&client);
	return ret;
}

const struct ring_system ring_aeron = {
	.name = "aeron",
	.about = "Aeron C, exclusive IPC publication, offer and poll",
	.write = write_aeron,
	.read = read_aeron,
};
