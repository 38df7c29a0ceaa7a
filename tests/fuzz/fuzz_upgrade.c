/* SPDX-License-Identifier: MIT */
/*
 * fuzz_upgrade.c - whatever comes as a message or as an image of connections:
 * an answer, no byte beyond the end is read, and what is accepted is sound.
 */
#include <stdlib.h>
#include <string.h>

#include "src/upgrade_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* So that most inputs come beyond the head. */
static void mend(unsigned char *bytes, size_t size)
{
	struct upgrade_stream_wire head;

	if (size < sizeof(head))
		return;
	memcpy(&head, bytes, sizeof(head));
	head.magic = UPGRADE_MAGIC;
	head.version = UPGRADE_VERSION;
	head.conn_size = sizeof(struct upgrade_conn_wire);
	head.size = size;
	memcpy(bytes, &head, sizeof(head));
}

static void read_image(const unsigned char *bytes, size_t size)
{
	const unsigned char *parts[UPGRADE_PARTS];
	struct upgrade_stream_wire stream;
	struct upgrade_conn_wire conn;
	struct upgrade_reader reader;
	volatile unsigned char sum = 0;

	if (upgrade_reader_open(&reader, bytes, size, &stream) < 0)
		return;
	while (upgrade_reader_next(&reader, &conn, parts) == 1) {
		if (conn.held > conn.cursor || strlen(conn.peer) >= BC_ADDRESS)
			abort();
		for (unsigned i = 0; i < UPGRADE_PARTS; i++)
			for (uint32_t at = 0; at < conn.parts[i]; at++)
				sum = (unsigned char)(sum + parts[i][at]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct upgrade_head_wire head;
	unsigned char *bytes = malloc(size + 1);

	if (!bytes)
		return 0;
	memcpy(bytes, data, size);
	(void)upgrade_wire_check(bytes, size, &head);
	read_image(bytes, size);
	mend(bytes, size);
	read_image(bytes, size);
	free(bytes);
	return 0;
}
