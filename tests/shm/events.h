/* SPDX-License-Identifier: MIT */
/*
 * events.h - for the tests of bcast_event_fd(): a stream, a reader with a
 * descriptor, and a writer that wakes always or only those who are counted.
 */
#ifndef TESTS_EVENTS_H
#define TESTS_EVENTS_H

#include "nodes.h"

#include <bcast/bcast.h>

#define RECORD_BYTES 64u

enum writer {
	WRITER_DAEMON, /* publishes, and wakes each time */
	WRITER_LOCAL,
};

struct scene {
	struct test_nodes nodes;
	enum writer writer;
	struct bcast_node *publishing;
	struct bcast_publisher *publisher;
	struct bcast_node *node; /* NULL: an anonymous reader */
	struct bcast_reader *reader;
	int fd;
};

/* events_open - a stream, its writer, and a reader that has a descriptor. */
void events_open(struct scene *scene, bool packets, enum writer writer,
		 bool anonymous);
void events_close(struct scene *scene);

/* events_publish - one record; may be called by a thread of the writer's. */
void events_publish(struct scene *scene);

/* events_take_all - consume all that there is. Returns how many bytes. */
uint64_t events_take_all(struct bcast_reader *reader);

/* events_is_readable - whether the descriptor is, or becomes so in time. */
bool events_is_readable(int fd, int timeout_ms);

#endif
