/* SPDX-License-Identifier: MIT */
/* publishing.c - takers.h's publishers. */
#include <string.h>

#include "published.h"
#include "takers.h"

/* Of bytes: chunks of many sizes, the largest among them. */
static size_t chunk_size(uint64_t position, size_t most)
{
	return published_length(position / 7 + 1, most - 1) + 1;
}

/* Where it stands is known to who has the lease. */
static int find_place(struct publishing *publishing)
{
	struct bcast_stream_info info;
	struct bcast_monitor *monitor;
	int ret = bcast_monitor_open(publishing->name, &monitor);

	if (ret < 0)
		return ret;
	(void)bcast_monitor_stream(monitor, &info);
	bcast_monitor_close(monitor);
	publishing->packets = info.format == BCAST_FORMAT_PACKET;
	publishing->next =
		publishing->packets
			? info.sequence
			: bcast_publisher_position(publishing->publisher);
	if (publishing->most == 0)
		publishing->most = bcast_publisher_limit(publishing->publisher);
	return 0;
}

int publishing_try(struct publishing *publishing)
{
	struct bcast_publisher_options how = BCAST_PUBLISHER_DEFAULTS;
	int ret = 0;

	if (!publishing->node)
		ret = bcast_join(publishing->name, publishing->id, NULL,
				 &publishing->node);
	if (ret < 0)
		return ret;
	how.lease_wait_ms = publishing->lease_wait_ms;
	if (publishing->impatient)
		how.room_wait_ms = 0;
	ret = bcast_publisher_open(publishing->node, &how,
				   &publishing->publisher);
	return ret < 0 ? ret : find_place(publishing);
}

int publishing_one(struct publishing *publishing)
{
	size_t size =
		publishing->packets
			? published_length(publishing->next, publishing->most)
			: chunk_size(publishing->next, publishing->most);
	void *data;
	int ret = bcast_claim(publishing->publisher, size, &data);

	if (ret < 0)
		return ret;
	if (publishing->packets)
		published_payload(publishing->next, data, size);
	else
		test_pattern_fill(PUBLISHED_SEED, publishing->next, data, size);
	ret = bcast_commit(publishing->publisher, size);
	if (ret == 0)
		publishing->next += publishing->packets ? 1 : size;
	return ret;
}

void publishing_close(struct publishing *publishing)
{
	bcast_publisher_close(publishing->publisher);
	bcast_leave(publishing->node);
	publishing->publisher = NULL;
	publishing->node = NULL;
}

static void claim_and_wait(struct publishing *publishing)
{
	void *data;

	test_child_check(bcast_claim(publishing->publisher, publishing->most,
				     &data) == 0);
	memset(data, 0xee, publishing->most / 2);
	test_child_ready();
	test_child_sleep();
}

void publishing_child(void *argument)
{
	struct publishing *publishing = argument;
	int ret;

	test_child_check(publishing_try(publishing) == 0);
	if (publishing->die_claiming)
		claim_and_wait(publishing);
	test_child_ready();
	for (uint64_t i = 0; i < publishing->count; i++) {
		ret = publishing_one(publishing);
		if (ret == BCAST_ECLOSED)
			break;
		test_child_check(ret == 0);
	}
	publishing_close(publishing);
}
