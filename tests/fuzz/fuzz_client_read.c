/* SPDX-License-Identifier: MIT */
/*
 * fuzz_client_read.c - whatever a daemon sends: a client takes only whole
 * records of what is there, within its limits, and what it counts goes forwards
 * only, by just the records and gaps that it has seen. In pieces or at once is
 * all the same.
 *
 * Input: 16 bytes of limits and where it begins, then the connection.
 */
#include <stdlib.h>
#include <string.h>

#include "net/client_record.h"

#define PIECE_MAX 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
	if (!condition)
		abort();
}

/* Read all of it, so that a sanitizer looks at each byte. */
static void use(const unsigned char *bytes, size_t size)
{
	static volatile unsigned char sink;

	for (size_t i = 0; i < size; i += 16)
		sink ^= bytes[i];
	if (size > 0)
		sink ^= bytes[size - 1];
	(void)sink;
}

static void judge(const struct bc_client_count *before,
		  const struct bc_client_count *after,
		  const struct bc_client_record *record)
{
	uint16_t type = record->header.type;
	bool is_stream = !(type & BCAST_PACKET_CONTROL);

	must(record->size == bcast_packet_size(record->header.length));
	must(record->header.key_length <= record->header.length);
	use(record->payload, record->header.length);
	must(record->position == before->position);
	must(after->position >= before->position);
	if (is_stream) {
		must(before->limits.data_max > 0);
		must(record->header.length <= before->limits.data_max);
		must(after->position == before->position + record->size);
		must(after->sequence == record->header.sequence + 1);
	} else if (type != BCAST_PACKET_GAP) {
		must(after->position == before->position);
		must(after->sequence == before->sequence);
	} else if (after->position != before->position) {
		must(record->gap.from == before->position);
		must(record->gap.to == after->position);
	}
}

/* From an allocation of just that size, so that nothing beyond it is read. */
static int next(struct bc_client_count *count, const uint8_t *data, size_t size,
		struct bc_client_record *record, size_t *taken)
{
	unsigned char *bytes = malloc(size > 0 ? size : 1);
	struct bc_client_count before = *count;
	int ret;

	must(bytes != NULL);
	memcpy(bytes, data, size);
	ret = bc_client_record_next(count, bytes, size, record);
	if (ret == 1) {
		must(record->size <= size);
		must(record->payload == bytes + 32);
		judge(&before, count, record);
		*taken = record->size;
	} else if (ret == 0) {
		must(record->size > size);
		must(memcmp(&before, count, sizeof(before)) == 0);
	}
	free(bytes);
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bc_client_count count = {0};
	struct bc_client_record record;
	size_t taken = 0, shown = 0;
	uint32_t words[4];
	int ret = 1;

	if (size < sizeof(words))
		return 0;
	memcpy(words, data, sizeof(words));
	data += sizeof(words);
	size -= sizeof(words);
	count.limits.data_max = words[0] % (BCAST_PAYLOAD_MAX + 1);
	count.limits.message_max = words[1] % (BCAST_PAYLOAD_MAX + 1);
	count.position = (uint64_t)words[2] * BCAST_PACKET_ALIGN;
	count.sequence = words[3];
	while (ret >= 0 && (size > 0 || shown > 0)) {
		/* some more of it each time that it was not enough */
		ret = next(&count, data, shown, &record, &taken);
		if (ret == 1) {
			data += taken;
			size -= taken;
			shown -= taken;
		} else if (ret == 0) {
			if (shown == size)
				break;
			shown += 1 + (words[0] ^ shown) % PIECE_MAX;
			shown = shown < size ? shown : size;
		}
	}
	return 0;
}
