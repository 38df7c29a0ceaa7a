/* SPDX-License-Identifier: MIT */
/*
 * fuzz_publishing.c - a publisher's bytes, checked in place: received in pieces
 * of any sizes they leave the same records of the stream, the same records for
 * the daemon, and the same error, as in one; all that is left is good, tight
 * and stamped, and no byte beyond what has come is touched.
 *
 * Input: two bytes that say how it is cut, one of rules, two of data_max, then
 * what comes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shm/checksum.h"
#include "src/publish_span.h"

#define FIRST_SEQUENCE UINT64_C(1000)
#define NOW	       UINT64_C(77)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
	uint32_t published; /* checksums of what it came to */
	uint32_t controls;
	uint64_t accepted;
	uint64_t duplicates;
	int error;
};

/* All below `done` is as it is to be in the stream. */
static void check_good(const struct publish_span *span,
		       const struct publish_rules *rules, uint64_t sequence)
{
	const struct bcast_packet_header *header;
	size_t at = 0;

	while ((header = bcast_packet_in(span->bytes, span->done, at))) {
		const unsigned char *payload =
			(const unsigned char *)(header + 1);
		size_t whole = bcast_packet_size(header->length);

		if (header->type != BCAST_PACKET_DATA ||
		    header->sequence != sequence++ ||
		    header->source != rules->source ||
		    header->timestamp_ns == 0 ||
		    header->length > rules->limits.data_max ||
		    header->key_length > header->length)
			abort();
		if (header->crc32c != 0 &&
		    header->crc32c != bc_checksum(0, payload, header->length))
			abort();
		for (size_t i = sizeof(*header) + header->length; i < whole;
		     i++)
			if (span->bytes[at + i] != 0)
				abort();
		at += whole;
	}
	if (at != span->done || sequence != span->sequence)
		abort();
}

/* As publish_direct.c does it, into memory of just that size. */
static struct result run(const struct publish_rules *rules,
			 const uint8_t *bytes, size_t size, uint16_t cuts)
{
	struct result result = {0};
	unsigned char *kept = NULL;
	size_t have = 0, at = 0;
	uint64_t sequence = FIRST_SEQUENCE;
	uint32_t random = cuts;

	while (at < size && result.error == 0) {
		struct publish_span span = {
			.accepted = result.accepted,
			.sequence = sequence,
			.timestamp_ns = NOW,
			.most = UINT64_MAX,
		};
		struct bc_packet_frame control;
		size_t n = size - at;
		int ret;

		if (cuts > 0) {
			random = random * 1664525u + 1013904223u;
			n = 1 + (random >> 16) % (1u + cuts % 200u);
			n = n < size - at ? n : size - at;
		}
		span.bytes = malloc(have + n);
		if (have > 0)
			memcpy(span.bytes, kept, have);
		memcpy(span.bytes + have, bytes + at, n);
		span.have = have + n;
		at += n;
		while ((ret = publish_span_next(&span, rules, &control)) == 1) {
			result.controls =
				bc_checksum(result.controls, &control.header,
					    sizeof(control.header));
			if (control.header.length > 0)
				result.controls = bc_checksum(
					result.controls, control.payload,
					control.header.length);
		}
		if (span.done > span.have ||
		    (ret < 0 && span.have != span.done))
			abort();
		check_good(&span, rules, sequence);
		if (span.done > 0)
			result.published = bc_checksum(result.published,
						       span.bytes, span.done);
		result.error = ret;
		result.accepted = span.accepted;
		result.duplicates += span.duplicates;
		sequence = span.sequence;
		free(kept);
		have = span.have - span.done;
		kept = malloc(have);
		if (have > 0)
			memcpy(kept, span.bytes + span.done, have);
		free(span.bytes);
	}
	free(kept);
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct publish_rules rules = {.source = 3};
	struct result whole, cut;
	uint16_t head[2];
	uint8_t which;

	if (size < 5)
		return 0;
	memcpy(head, data, sizeof(head));
	which = data[4];
	data += 5;
	size -= 5;
	rules.checksums = which & 1;
	rules.limits = (struct bc_packet_limits){head[1] + UINT32_C(1),
						 BCAST_CONTROL_MAX};
	whole = run(&rules, data, size, 0);
	cut = run(&rules, data, size, head[0] | 1);
	if (whole.published != cut.published ||
	    whole.controls != cut.controls || whole.accepted != cut.accepted ||
	    whole.duplicates != cut.duplicates || whole.error != cut.error)
		abort();
	return 0;
}
