/* SPDX-License-Identifier: MIT */
/* scene.h - one publisher and one reader of a stream, in one process. */
#ifndef TESTS_SCENE_H
#define TESTS_SCENE_H

#include "nodes.h"

struct scene {
	struct test_nodes nodes;
	struct bcast_node *node;
	struct bcast_publisher *publisher;
	struct bcast_reader *reader;
};

void scene_open(struct scene *scene, bool packets);
void scene_close(struct scene *scene);

/* scene_expect - the next record is number `sequence` and says `text`. */
void scene_expect(struct bcast_reader *reader, uint64_t sequence,
		  const char *text);

/* scene_say - publish `text`, which must succeed. */
void scene_say(struct scene *scene, const char *text);

#endif
