/* SPDX-License-Identifier: MIT */
/*
 * client_publisher.c - publisher.h: claims and records over a writer.
 *
 * The way of a record: checks and room (one comparison each), the header, the
 * payload by the caller or memcpy, the next header made invalid, the sequence:
 * seen. No clock but the coarse one, no system call, unless somebody sleeps.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bcast/bcast.h>

#include "shm/checksum.h"
#include "shm/client_node.h"
#include "shm/client_publisher.h"
#include "shm/client_writer.h"
#include "shm/clock.h"
#include "shm/writer.h"

#define COPY_INLINE_MAX 256u

struct bcast_publisher {
	struct bc_writer writer;
	struct bcast_node *owner;
	const struct bc_node *node;
	bool claimed;
	size_t claim_size;	  /* as asked for */
	unsigned char *batch_end; /* NULL: the claim is not a batch */
	uint16_t stamp;
	uint16_t source;
	bool checksum;
};

/* ---- Open and close ---------------------------------------------------- */

static int check_options(const struct bcast_publisher_options *options)
{
	if (options->size != sizeof(*options) || options->lease_wait_ms < -1 ||
	    options->room_wait_ms < -1 || options->stamp > BCAST_STAMP_NONE ||
	    (options->flags & ~BCAST_CHECKSUM) != 0 ||
	    options->reserved_zero != 0)
		return -EINVAL;
	return 0;
}

static int open_writer(struct bcast_publisher *made, struct bcast_node *node,
		       const struct bcast_publisher_options *options)
{
	int ret;

	made->owner = node;
	made->node = &node->node;
	made->stamp = options->stamp;
	made->source = options->source;
	made->checksum = (options->flags & BCAST_CHECKSUM) != 0;
	ret = bc_writer_open(&made->writer, node->name, made->node,
			     options->lease_wait_ms);
	if (ret == -EBUSY && options->holder)
		bc_client_writer_info(&made->node->table->segment,
				      made->node->table, options->holder);
	made->writer.room_wait_ms = options->room_wait_ms;
	return ret;
}

int bcast_publisher_open(struct bcast_node *node,
			 const struct bcast_publisher_options *options,
			 struct bcast_publisher **publisher)
{
	static const struct bcast_publisher_options defaults =
		BCAST_PUBLISHER_DEFAULTS;
	struct bcast_publisher *made;
	int ret;

	if (!options)
		options = &defaults;
	ret = check_options(options);
	if (ret < 0)
		return ret;
	if (options->holder)
		*options->holder = (struct bcast_writer_info){0};
	if (!bc_node_is_ours(&node->node))
		return -ECHILD;
	if (node->publisher)
		return -EALREADY;
	made = calloc(1, sizeof(*made));
	if (!made)
		return -ENOMEM;
	ret = open_writer(made, node, options);
	if (ret < 0) {
		free(made);
		return ret;
	}
	node->publisher = made;
	*publisher = made;
	return 0;
}

void bcast_publisher_close(struct bcast_publisher *publisher)
{
	if (!publisher)
		return;
	/* in a child, the lease and the ring are the parent's */
	if (bc_node_is_ours(publisher->node))
		bc_writer_close(&publisher->writer);
	else
		bc_writer_forget(&publisher->writer);
	publisher->owner->publisher = NULL;
	free(publisher);
}

/* ---- Claims ------------------------------------------------------------ */

/* May we publish, and is there room for `size` bytes of ring? */
static inline __attribute__((always_inline)) int prepare(
	struct bcast_publisher *publisher, uint64_t size)
{
	struct bc_writer *writer = &publisher->writer;

	if (publisher->claimed)
		return -EBUSY;
	if (size > writer->size_max)
		return -EMSGSIZE;
	if (!bc_node_is_ours(publisher->node))
		return -ECHILD;
	if (!bc_writer_is_open(writer))
		return BCAST_ECLOSED;
	return bc_writer_room(writer, size);
}

static uint64_t ring_size(const struct bc_writer *writer, uint64_t size)
{
	/* what no publication can have is refused, not cut to 32 bits */
	if (size > writer->size_max - BC_RECORD_HEADER)
		return UINT64_MAX;
	return writer->packets ? bcast_packet_size((uint32_t)size) : size;
}

static unsigned char *payload_at(const struct bc_writer *writer)
{
	unsigned char *at = bc_ring_address(&writer->ring, writer->at.position);

	return writer->packets ? at + BC_RECORD_HEADER : at;
}

static uint64_t stamp_of(const struct bcast_publisher *publisher)
{
	if (publisher->stamp == BCAST_STAMP_COARSE)
		return bc_clock_ns(CLOCK_REALTIME_COARSE);
	return publisher->stamp == BCAST_STAMP_EXACT ? bc_realtime_ns() : 0;
}

static inline struct bcast_packet_header *header_at(
	const struct bc_writer *writer)
{
	return bc_record_at(&writer->ring, writer->at.position);
}

/*
 * Everything but the sequence and the stamp. A record is written in the order
 * of its addresses, and only then is the next header made invalid and the
 * number stored (bc_writer_show()). A reader that polls takes the header's line
 * again and again; coming back to it after the payload would cost another
 * transfer there and back. 64 bytes at a time: 27 million a second with the
 * header last, 70 in this order.
 */
static inline void fill_header(const struct bcast_publisher *publisher,
			       uint32_t length, uint32_t crc32c)
{
	struct bcast_packet_header *header = header_at(&publisher->writer);

	header->length = length;
	header->type = BCAST_PACKET_DATA;
	header->flags = 0;
	header->timestamp_ns = 0;
	header->crc32c = crc32c;
	header->source = publisher->source;
	header->key_length = 0;
}

/* Of a payload, where it stands; 0 if none is wanted. */
static inline uint32_t checksum_of(const struct bcast_publisher *publisher,
				   const void *payload, size_t size)
{
	return publisher->checksum ? bc_checksum(0, payload, size) : 0;
}

static inline void stamp_header(const struct bcast_publisher *publisher)
{
	if (publisher->stamp != BCAST_STAMP_NONE)
		header_at(&publisher->writer)->timestamp_ns =
			stamp_of(publisher);
}

/* For a small one a call of memcpy() would be most of what it costs. */
static inline void copy_payload(unsigned char *to, const unsigned char *from,
				size_t size)
{
	if (size <= COPY_INLINE_MAX)
		for (; size >= BCAST_PACKET_ALIGN; size -= BCAST_PACKET_ALIGN) {
			memcpy(to, from, BCAST_PACKET_ALIGN);
			to += BCAST_PACKET_ALIGN;
			from += BCAST_PACKET_ALIGN;
		}
	/* nothing may be at NULL */
	if (size > 0)
		memcpy(to, from, size);
}

static inline void clear_padding(unsigned char *end, uint64_t size)
{
	if (size > 0)
		memset(end, 0, size);
}

/* `size` bytes stand at the payload's place, behind a header for as many. */
static inline void show(struct bcast_publisher *publisher, size_t size)
{
	struct bc_writer *writer = &publisher->writer;
	uint64_t ring_bytes = ring_size(writer, size);

	if (!writer->packets) {
		if (size > 0)
			bc_writer_show_bytes(writer, size);
		return;
	}
	clear_padding(payload_at(writer) + size,
		      ring_bytes - BC_RECORD_HEADER - size);
	bc_writer_show(writer, ring_bytes, 1);
}

int bcast_publish(struct bcast_publisher *publisher, const void *data,
		  size_t size)
{
	struct bc_writer *writer = &publisher->writer;
	int ret = prepare(publisher, ring_size(writer, size));

	if (ret < 0)
		return ret;
	if (writer->packets) {
		fill_header(publisher, (uint32_t)size,
			    checksum_of(publisher, data, size));
		stamp_header(publisher);
	}
	copy_payload(payload_at(writer), data, size);
	show(publisher, size);
	return 0;
}

int bcast_claim(struct bcast_publisher *publisher, size_t size, void **data)
{
	struct bc_writer *writer = &publisher->writer;
	int ret = prepare(publisher, ring_size(writer, size));

	if (ret < 0)
		return ret;
	publisher->claimed = true;
	publisher->claim_size = size;
	if (writer->packets)
		fill_header(publisher, (uint32_t)size, 0);
	*data = payload_at(writer);
	return 0;
}

/* The claim was a guess of how long it would be, and not of when. */
static void correct_header(const struct bcast_publisher *publisher, size_t size,
			   size_t key_size)
{
	struct bcast_packet_header *header = header_at(&publisher->writer);

	if (size < publisher->claim_size)
		header->length = (uint32_t)size;
	header->key_length = (uint16_t)key_size;
	header->crc32c = checksum_of(publisher, header + 1, size);
	stamp_header(publisher);
}

static int commit(struct bcast_publisher *publisher, size_t size,
		  size_t key_size)
{
	if (!bc_node_is_ours(publisher->node))
		return -ECHILD;
	if (!publisher->claimed || publisher->batch_end ||
	    size > publisher->claim_size)
		return -EINVAL;
	publisher->claimed = false;
	if (!bc_writer_is_open(&publisher->writer))
		return BCAST_ECLOSED;
	if (publisher->writer.packets)
		correct_header(publisher, size, key_size);
	show(publisher, size);
	return 0;
}

int bcast_commit(struct bcast_publisher *publisher, size_t size)
{
	return commit(publisher, size, 0);
}

int bcast_commit_key(struct bcast_publisher *publisher, size_t size,
		     size_t key_size)
{
	if (key_size > size || key_size > UINT16_MAX)
		return -EINVAL;
	if (!publisher->writer.packets)
		return -EOPNOTSUPP;
	return commit(publisher, size, key_size);
}

void bcast_abort(struct bcast_publisher *publisher)
{
	publisher->claimed = false;
	publisher->batch_end = NULL;
}

/* ---- Batches ----------------------------------------------------------- */

int bcast_batch_claim(struct bcast_publisher *publisher, size_t size,
		      struct bcast_batch *batch)
{
	struct bc_writer *writer = &publisher->writer;
	const struct bcast_packet_header common = {
		.type = BCAST_PACKET_DATA,
		.timestamp_ns = stamp_of(publisher),
		.source = publisher->source,
	};
	int ret;

	if (!writer->packets)
		return -EOPNOTSUPP;
	ret = prepare(publisher, size);
	if (ret < 0)
		return ret;
	publisher->claimed = true;
	*batch = (struct bcast_batch){.sequence = writer->at.sequence};
	batch->next = bc_ring_address(&writer->ring, writer->at.position);
	batch->end = batch->next + size;
	memcpy(&batch->words[0], &common.length, sizeof(uint64_t));
	batch->words[1] = common.timestamp_ns;
	memcpy(&batch->words[2], &common.crc32c, sizeof(uint64_t));
	publisher->batch_end = batch->end;
	return 0;
}

/* Now that all are written. False if they cannot be what was added. */
static bool add_checksums(unsigned char *at, const unsigned char *end)
{
	while (at < end) {
		struct bcast_packet_header *header = (void *)at;
		size_t size = bcast_packet_size(header->length);

		if (size > (size_t)(end - at))
			return false;
		header->crc32c = bc_checksum(0, header + 1, header->length);
		at += size;
	}
	return true;
}

int bcast_batch_publish(struct bcast_publisher *publisher,
			struct bcast_batch batch)
{
	struct bc_writer *writer = &publisher->writer;
	unsigned char *begin =
		bc_ring_address(&writer->ring, writer->at.position);
	uint64_t count = batch.sequence - writer->at.sequence;

	if (!bc_node_is_ours(publisher->node))
		return -ECHILD;
	if (!publisher->batch_end || batch.end != publisher->batch_end ||
	    batch.next < begin || batch.next > batch.end ||
	    (batch.next - begin) % BCAST_PACKET_ALIGN != 0)
		return -EINVAL;
	bcast_abort(publisher);
	if (!bc_writer_is_open(writer))
		return BCAST_ECLOSED;
	if (publisher->checksum && !add_checksums(begin, batch.next))
		return -EINVAL;
	if (count > 0)
		bc_writer_show(writer, (uint64_t)(batch.next - begin), count);
	return 0;
}

/* ---- The rest ---------------------------------------------------------- */

void bc_client_publisher_patience(struct bcast_publisher *publisher,
				  int32_t room_wait_ms)
{
	publisher->writer.room_wait_ms = room_wait_ms;
}

int bcast_flush(struct bcast_publisher *publisher)
{
	if (!bc_node_is_ours(publisher->node))
		return -ECHILD;
	bc_writer_flush(&publisher->writer);
	return bc_writer_is_open(&publisher->writer) ? 0 : BCAST_ECLOSED;
}

size_t bcast_publisher_limit(const struct bcast_publisher *publisher)
{
	const struct bc_writer *writer = &publisher->writer;

	return writer->size_max - BC_RECORD_HEADER;
}

uint64_t bcast_publisher_position(const struct bcast_publisher *publisher)
{
	return publisher->writer.at.position;
}

uint64_t bcast_publisher_sequence(const struct bcast_publisher *publisher)
{
	return publisher->writer.at.sequence;
}
