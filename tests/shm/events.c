/* SPDX-License-Identifier: MIT */
/* events.c - see events.h. */
#include "events.h"

#include <poll.h>

static void attach(struct scene *scene, bool anonymous)
{
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;

	options.spin_ns = 0;
	options.gone_after_ms = 0;
	if (anonymous) {
		assert_int_equal(bcast_attach(scene->nodes.name, &options,
					      &scene->reader),
				 0);
	} else {
		scene->node = test_nodes_join(&scene->nodes, "reader");
		assert_int_equal(bcast_node_reader(scene->node, &options,
						   &scene->reader),
				 0);
	}
	scene->fd = bcast_event_fd(scene->reader);
	assert_true(scene->fd >= 0);
}

void events_open(struct scene *scene, bool packets, enum writer writer,
		 bool anonymous)
{
	*scene = (struct scene){.writer = writer};
	if (packets)
		test_nodes_open_packets(&scene->nodes, 4);
	else
		test_nodes_open(&scene->nodes, 4);
	if (writer == WRITER_LOCAL) {
		scene->publishing = test_nodes_join(&scene->nodes, "writer");
		assert_int_equal(bcast_publisher_open(scene->publishing, NULL,
						      &scene->publisher),
				 0);
	}
	attach(scene, anonymous);
}

void events_close(struct scene *scene)
{
	bcast_detach(scene->reader);
	bcast_leave(scene->node);
	bcast_publisher_close(scene->publisher);
	bcast_leave(scene->publishing);
	test_nodes_close(&scene->nodes);
}

void events_publish(struct scene *scene)
{
	static const char record[RECORD_BYTES];

	if (scene->writer == WRITER_LOCAL)
		(void)bcast_publish(scene->publisher, record, sizeof(record));
	else
		test_stream_write(&scene->nodes.stream, RECORD_BYTES);
}

uint64_t events_take_all(struct bcast_reader *reader)
{
	uint64_t bytes = 0;
	const void *data;
	int64_t n;

	while ((n = bcast_peek(reader, &data)) > 0) {
		assert_int_equal(bcast_consume(reader, (size_t)n), 0);
		bytes += (uint64_t)n;
	}
	assert_int_equal(n, 0);
	return bytes;
}

bool events_is_readable(int fd, int timeout_ms)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, timeout_ms) == 1;
}
