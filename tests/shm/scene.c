/* SPDX-License-Identifier: MIT */
/* scene.c - see scene.h. */
#include "scene.h"

#include <string.h>

void scene_open(struct scene *scene, bool packets)
{
	*scene = (struct scene){0};
	if (packets)
		test_nodes_open_packets(&scene->nodes, 4);
	else
		test_nodes_open(&scene->nodes, 4);
	scene->node = test_nodes_join(&scene->nodes, "writer");
	assert_int_equal(
		bcast_publisher_open(scene->node, NULL, &scene->publisher), 0);
	assert_int_equal(bcast_attach(scene->nodes.name, NULL, &scene->reader),
			 0);
}

void scene_close(struct scene *scene)
{
	bcast_detach(scene->reader);
	bcast_publisher_close(scene->publisher);
	bcast_leave(scene->node);
	test_nodes_close(&scene->nodes);
}

void scene_expect(struct bcast_reader *reader, uint64_t sequence,
		  const char *text)
{
	struct bcast_packet packet;

	assert_int_equal(bcast_next(reader, &packet), 1);
	assert_int_equal(packet.sequence, sequence);
	assert_int_equal(packet.type, BCAST_PACKET_DATA);
	assert_int_equal(packet.length, strlen(text));
	assert_memory_equal(packet.payload, text, packet.length);
	assert_int_equal((uintptr_t)packet.payload % BCAST_PACKET_ALIGN, 0);
	assert_int_equal(packet.size, bcast_packet_size(packet.length));
	assert_int_equal(bcast_consume(reader, packet.size), 0);
}

void scene_say(struct scene *scene, const char *text)
{
	assert_int_equal(bcast_publish(scene->publisher, text, strlen(text)),
			 0);
}
