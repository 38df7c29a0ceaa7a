/* SPDX-License-Identifier: MIT */
/* pubbed.c - see pubbed.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pubbed.h"

#define ARGUMENTS_MAX 8

int pubbed_set_up(void **state)
{
	struct pubbed *pubbed = calloc(1, sizeof(*pubbed));

	*state = pubbed;
	if (!pubbed)
		return -1;
	pubbed->name = test_name();
	pubbed->fifo = -1;
	snprintf(pubbed->folder, sizeof(pubbed->folder), "/tmp/t-pub-XXXXXX");
	if (!mkdtemp(pubbed->folder))
		return -1;
	for (int i = 0; i < 2; i++)
		snprintf(pubbed->files[i], sizeof(pubbed->files[i]), "%s/%d",
			 pubbed->folder, i);
	return 0;
}

int pubbed_tear_down(void **state)
{
	struct pubbed *pubbed = *state;

	run_program_end(&pubbed->tool);
	run_program_end(&pubbed->second);
	bcast_detach(pubbed->reader);
	bcast_publisher_close(pubbed->publisher);
	bcast_leave(pubbed->node);
	tool_stream_remove_nodes(pubbed->name);
	tool_stream_destroy(&pubbed->stream);
	tool_stream_remove(pubbed->name);
	if (pubbed->fifo >= 0)
		(void)close(pubbed->fifo);
	for (int i = 0; i < 2; i++)
		(void)unlink(pubbed->files[i]);
	(void)rmdir(pubbed->folder);
	free(pubbed);
	return 0;
}

void pubbed_open(struct pubbed *pubbed, bool packets)
{
	if (packets)
		tool_stream_create_packets(&pubbed->stream, pubbed->name);
	else
		tool_stream_create(&pubbed->stream, pubbed->name);
	tool_stream_add_nodes(&pubbed->stream, pubbed->name, 4);
	assert_int_equal(bcast_attach(pubbed->name, NULL, &pubbed->reader), 0);
}

void pubbed_file(const char *path, const void *bytes, size_t size)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	(void)close(fd);
}

/* `bcast-pub options... NAME FILE FILE`, without those that are NULL. */
void pubbed_start(struct pubbed *pubbed, struct run_program *tool,
		  const char *options, const char *first, const char *second)
{
	const char *argv[ARGUMENTS_MAX + 5] = {TOOL};
	char words[128];
	char *rest = NULL;
	size_t count = 1;

	snprintf(words, sizeof(words), "%s", options);
	for (char *word = strtok_r(words, " ", &rest);
	     word && count < ARGUMENTS_MAX; word = strtok_r(NULL, " ", &rest))
		argv[count++] = word;
	argv[count++] = pubbed->name;
	argv[count++] = first;
	argv[count++] = first ? second : NULL;
	run_program_end(tool);
	assert_int_equal(run_program_start(tool, argv), 0);
}

int pubbed_run(struct pubbed *pubbed, const char *options, const char *first,
	       const char *second)
{
	pubbed_start(pubbed, &pubbed->tool, options, first, second);
	return run_program_wait(&pubbed->tool);
}

/* The first file holds this text; run on it. */
int pubbed_run_text(struct pubbed *pubbed, const char *options,
		    const char *text)
{
	pubbed_file(pubbed->files[0], text, strlen(text));
	return pubbed_run(pubbed, options, pubbed->files[0], NULL);
}

void pubbed_assert_said(const struct run_program *tool, const char *text)
{
	if (!strstr(tool->error.bytes, text))
		fail_msg("it does not say '%s' but:\n%s", text,
			 tool->error.bytes);
}

struct bcast_packet pubbed_expect_record(struct pubbed *pubbed,
					 const char *payload)
{
	struct bcast_packet packet;

	assert_int_equal(bcast_next(pubbed->reader, &packet), 1);
	assert_int_equal(packet.length, strlen(payload));
	assert_memory_equal(packet.payload, payload, packet.length);
	assert_int_equal(bcast_consume(pubbed->reader, packet.size), 0);
	return packet;
}

void pubbed_expect_nothing(struct pubbed *pubbed)
{
	const void *data;

	assert_int_equal(bcast_peek(pubbed->reader, &data), 0);
}
