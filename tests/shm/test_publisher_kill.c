/* SPDX-License-Identifier: MIT */
/*
 * test_publisher_kill.c - kill -9 of publishers at random instants, one after
 * the other, on a ring of 64 KiB. Readers that live through all of it check
 * each record by its number: none is lost but what they are told, none comes
 * twice, none is torn. BCAST_KILLS sets how many die (200).
 */
#include "nodes.h"
#include "records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "shm/lease.h"

#define KILLS	   200
#define READERS	   3
#define PER_BATCH  7
#define PAUSE_NS   1500000u
#define LENGTH_MAX 3000u

/* Two processes never agree on a length but by this. */
static uint32_t length_of(uint64_t sequence)
{
	uint64_t random;

	test_pattern_fill(sequence, 64, &random, sizeof(random));
	/* small ones mostly */
	return (uint32_t)(random % 16 == 0 ? random % LENGTH_MAX : random % 90);
}

/* ---- The victim -------------------------------------------------------- */

struct victim {
	struct bcast_publisher *publisher;
	uint64_t sequence; /* of its next record */
};

static int publish_one(struct victim *victim)
{
	unsigned char bytes[LENGTH_MAX];
	uint32_t length = length_of(victim->sequence);

	test_pattern_fill(victim->sequence++, 0, bytes, length);
	return bcast_publish(victim->publisher, bytes, length);
}

static int publish_in_place(struct victim *victim)
{
	uint32_t length = length_of(victim->sequence);
	void *data;
	int ret = bcast_claim(victim->publisher, LENGTH_MAX, &data);

	if (ret < 0)
		return ret;
	test_pattern_fill(victim->sequence++, 0, data, length);
	return bcast_commit(victim->publisher, length);
}

static int publish_batch(struct victim *victim)
{
	struct bcast_batch batch;
	int ret = bcast_batch_begin(victim->publisher, 12000, &batch);

	if (ret < 0)
		return ret;
	for (unsigned i = 0; i < PER_BATCH; i++) {
		uint32_t length = length_of(victim->sequence);
		void *data = bcast_batch_add(&batch, length);

		if (!data)
			break;
		test_pattern_fill(victim->sequence++, 0, data, length);
	}
	return bcast_batch_commit(victim->publisher, &batch);
}

/* Its own reader tells it where the stream is: the numbers go on. */
static uint64_t next_sequence(const struct test_nodes *nodes)
{
	struct bc_segment segment;
	struct bc_record_place place;

	test_child_check(
		bc_segment_attach(&segment, nodes->name, BC_VIEW_ALL) == 0);
	place = bc_record_tail(&segment.ring);
	bc_segment_close(&segment);
	test_child_check(place.sequence != 0);
	return place.sequence;
}

/* One in four may be killed before it has come to anything. */
struct birth {
	const struct test_nodes *nodes;
	unsigned number;
};

static void publish_until_killed(void *argument)
{
	struct bcast_publisher_options options = BCAST_PUBLISHER_DEFAULTS;
	const struct birth *birth = argument;
	const struct test_nodes *nodes = birth->nodes;
	struct bcast_node *node;
	struct victim victim;

	options.lease_wait_ms = DEADLINE_MS;
	test_child_check(bcast_join(nodes->name, "victim", NULL, &node) == 0);
	if (birth->number % 4 == 0)
		test_child_ready();
	for (unsigned life = 0;; life++) {
		test_child_check(bcast_publisher_open(node, &options,
						      &victim.publisher) == 0);
		victim.sequence = next_sequence(nodes);
		for (unsigned i = 0; i < 3000; i++) {
			int ret = i % 3 == 0   ? publish_one(&victim)
				  : i % 3 == 1 ? publish_in_place(&victim)
					       : publish_batch(&victim);

			test_child_check(ret == 0);
			if (birth->number % 4 != 0 && life == 0 && i == 0)
				test_child_ready();
			if (i % 50 == life % 50)
				test_child_check(
					bcast_flush(victim.publisher) == 0);
		}
		bcast_publisher_close(victim.publisher);
	}
}

/* ---- The witnesses ----------------------------------------------------- */

struct witness {
	struct bcast_reader *reader;
	uint64_t next; /* number of the record that must come; 0: any */
	uint64_t seen;
};

static void check(struct witness *witness, uint64_t sequence,
		  const void *payload, uint32_t length)
{
	if (witness->next == 0)
		witness->next = sequence;
	assert_int_equal(sequence, witness->next);
	assert_int_equal(length, length_of(sequence));
	assert_true(records_is_right(sequence, payload, length));
	witness->next++;
	witness->seen++;
}

static void note_loss(struct witness *witness)
{
	struct bcast_loss loss = bcast_loss(witness->reader);

	if (witness->next == 0)
		return;
	assert_true(loss.packets > 0);
	witness->next += loss.packets;
}

/* A copy first: what it was is known only after bcast_consume(). */
static int64_t take_next(struct witness *witness)
{
	static unsigned char copy[1 << 14];
	struct bcast_packet packet;
	int ret = bcast_next(witness->reader, &packet);

	if (ret <= 0)
		return ret;
	assert_true(packet.length <= sizeof(copy));
	memcpy(copy, packet.payload, packet.length);
	ret = bcast_consume(witness->reader, packet.size);
	if (ret < 0)
		return ret;
	check(witness, packet.sequence, copy, packet.length);
	return 1;
}

static int64_t take_copy(struct witness *witness)
{
	static unsigned char copy[1 << 16];
	const struct bcast_packet_header *header;
	int64_t size = bcast_read(witness->reader, copy, sizeof(copy));
	size_t at = 0;

	if (size <= 0)
		return size;
	while ((header = bcast_packet_in(copy, (size_t)size, at))) {
		check(witness, header->sequence, header + 1, header->length);
		at += bcast_packet_size(header->length);
	}
	assert_int_equal(at, size);
	return size;
}

static void read_all(struct witness *witness, bool by_next)
{
	int64_t ret;

	do {
		ret = by_next ? take_next(witness) : take_copy(witness);
		if (ret == BCAST_ELAPPED)
			note_loss(witness);
		else
			assert_true(ret >= 0);
	} while (ret != 0);
}

/* ---- The test ---------------------------------------------------------- */

static unsigned kills(void)
{
	const char *text = getenv("BCAST_KILLS");

	return text ? (unsigned)strtoul(text, NULL, 10) : KILLS;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Read all along, until the instant has come. */
static void kill_within(struct test_child *child, uint64_t pause_ns,
			struct witness *witnesses)
{
	uint64_t begin_ns = now_ns();

	do
		for (unsigned i = 0; i < READERS; i++)
			read_all(&witnesses[i], i % 2 == 0);
	while (now_ns() - begin_ns < pause_ns);
	/* one that has failed a check has ended by itself */
	assert_int_equal(waitpid(child->pid, NULL, WNOHANG), 0);
	test_kill(child);
}

/* One comes anew each time, and finds its number by itself. */
static void attach_anew(const struct test_nodes *nodes, struct witness *witness)
{
	struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;

	bcast_detach(witness->reader);
	options.from = BCAST_FROM_OLDEST;
	assert_int_equal(bcast_attach(nodes->name, &options, &witness->reader),
			 0);
	witness->next = 0;
}

static void killed_publishers_lose_tear_and_repeat_nothing(void **state)
{
	struct witness witnesses[READERS] = {{.next = 1}, {.next = 1}, {0}};
	struct test_nodes nodes;
	struct test_child child;
	struct birth birth;
	uint64_t random, seen;

	(void)state;
	test_nodes_open_packets(&nodes, 8);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(
			bcast_attach(nodes.name, NULL, &witnesses[i].reader),
			0);
	for (unsigned i = 0; i < kills(); i++) {
		test_pattern_fill(i, 0, &random, sizeof(random));
		attach_anew(&nodes, &witnesses[2]);
		birth = (struct birth){&nodes, i};
		child = test_fork(publish_until_killed, &birth);
		kill_within(&child, random % PAUSE_NS, witnesses);
		assert_int_equal(bc_lease_held(&nodes.stream.segment), 0);
	}
	for (unsigned i = 0; i < READERS; i++)
		read_all(&witnesses[i], i % 2 == 0);
	/* all of them have come to the same end */
	assert_int_equal(witnesses[0].next, witnesses[1].next);
	if (witnesses[2].next != 0)
		assert_int_equal(witnesses[0].next, witnesses[2].next);
	seen = witnesses[0].seen;
	assert_true(seen > 0);
	print_message("%llu records, %llu seen by one, lapped %llu times\n",
		      (unsigned long long)witnesses[0].next - 1,
		      (unsigned long long)seen,
		      (unsigned long long)bcast_loss(witnesses[0].reader).laps);
	for (unsigned i = 0; i < READERS; i++)
		bcast_detach(witnesses[i].reader);
	test_nodes_close(&nodes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			killed_publishers_lose_tear_and_repeat_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
