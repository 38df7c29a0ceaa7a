/* SPDX-License-Identifier: MIT */
/*
 * fuzz_hello.c - HELLO, WELCOME and REJECT from anybody: what is taken is
 * terminated, within its limits, and the same when it is written and read once
 * more.
 *
 * Input: a byte that says which of the three, then the payload.
 */
#include <stdlib.h>
#include <string.h>

#include "net/hello.h"
#include "shm/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bc_packet_frame frame_of(const unsigned char *bytes)
{
	struct bc_packet_frame frame = {.payload = bytes + 32};

	memcpy(&frame.header, bytes, sizeof(frame.header));
	return frame;
}

static void try_hello(const struct bc_packet_frame *frame)
{
	unsigned char bytes[BC_HELLO_FRAME_MAX];
	struct bc_packet_frame written;
	struct bc_hello once, again;
	const char *why = NULL;
	int ret = bc_hello_read(frame, &once, &why);

	if (ret != 0) {
		if (ret < 0 || !why ||
		    strcmp(bc_reject_name((uint32_t)ret), "unknown") == 0)
			abort();
		return;
	}
	if ((once.name[0] && !bc_name_valid(once.name)) ||
	    (once.id[0] && !bc_name_id_valid(once.id)) ||
	    once.fixed.key_length > BC_HELLO_KEY_MAX)
		abort();
	(void)bc_hello_write(bytes, &once);
	written = frame_of(bytes);
	once.fixed.fixed_size = sizeof(once.fixed);
	if (bc_hello_read(&written, &again, &why) != 0 ||
	    memcmp(&once, &again, sizeof(once)) != 0)
		abort();
}

static void try_welcome(const struct bc_packet_frame *frame)
{
	unsigned char bytes[BC_HELLO_FRAME_MAX];
	struct bc_packet_frame written;
	struct bc_welcome once, again;

	if (bc_welcome_read(frame, &once) != 0)
		return;
	if (once.name[0] && !bc_name_valid(once.name))
		abort();
	(void)bc_welcome_write(bytes, &once);
	written = frame_of(bytes);
	once.fixed.fixed_size = sizeof(once.fixed);
	if (bc_welcome_read(&written, &again) != 0 ||
	    memcmp(&once, &again, sizeof(once)) != 0)
		abort();
}

static void try_reject(const struct bc_packet_frame *frame)
{
	unsigned char bytes[BC_HELLO_FRAME_MAX];
	struct bc_packet_frame written;
	struct bc_reject once, again;

	if (bc_reject_read(frame, &once) != 0)
		return;
	(void)bc_reject_write(bytes, &once);
	written = frame_of(bytes);
	if (bc_reject_read(&written, &again) != 0 || once.code != again.code ||
	    once.retry_after_ms != again.retry_after_ms ||
	    strcmp(once.text, again.text) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t types[] = {
		BCAST_PACKET_HELLO,
		BCAST_PACKET_WELCOME,
		BCAST_PACKET_REJECT,
	};
	struct bc_packet_frame frame = {.payload = NULL};
	unsigned char *own;

	if (size < 1 || size > 1 + BCAST_CONTROL_MAX)
		return 0;
	own = malloc(size - 1); /* so that a byte too far is seen */
	if (size > 1)
		memcpy(own, data + 1, size - 1);
	frame.header.type = types[data[0] % 3];
	frame.header.length = (uint32_t)(size - 1);
	frame.payload = own;
	try_hello(&frame);
	try_welcome(&frame);
	try_reject(&frame);
	free(own);
	return 0;
}
