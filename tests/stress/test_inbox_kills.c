/* SPDX-License-Identifier: MIT */
/*
 * test_inbox_kills.c - senders killed at random instants, one receiver.
 *
 * Each sender is a process that sends without pause, and of each message the
 * bytes follow from who sent it and which one it was. Whatever instruction a
 * sender dies at, the receiver gets only whole messages, each of a sender's in
 * order and none twice, and the next sender is not held up. Every second kill
 * is aimed: it comes when the victim is seen to hold the inbox, or else it
 * would mostly find it waiting for room. BCAST_STRESS_KILLS sets the number of
 * kills.
 */
#include "nodes.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "shm/inbox_hold.h"
#include "shm/inbox_pages.h"

#define KILLS_DEFAULT 100u
#define SENDERS	      3u       /* odd: each is aimed at in turn */
#define LIFE_NS	      3000000u /* at most, once it sends */
#define LOOKS	      1000
#define INBOX_BYTES   (256u << 10)
#define SMALL_MAX     1500u
#define LARGE_MAX     60000u
#define MESSAGE_MAX   (LARGE_MAX + 8)

static struct test_nodes nodes;

static unsigned kill_count(void)
{
	const char *text = getenv("BCAST_STRESS_KILLS");
	int count = text ? atoi(text) : 0;

	return count > 0 ? (unsigned)count : KILLS_DEFAULT;
}

/* A sender's life: its id is "sNUMBER", which nobody else ever has. */
struct life {
	unsigned number;
};

static size_t size_of(unsigned number, uint64_t sequence)
{
	/* one in eight takes long enough to be caught at it */
	uint64_t limit = sequence % 8 == 0 ? LARGE_MAX : SMALL_MAX;

	return (size_t)(8 + (number * 7 + sequence * 4099) % limit);
}

/* All bytes follow from life and message number; the latter stands first. */
static void make(unsigned char *data, unsigned number, uint64_t sequence)
{
	test_pattern_fill(number, sequence << 16, data,
			  size_of(number, sequence));
	memcpy(data, &sequence, sizeof(sequence));
}

static void send_until_killed(void *argument)
{
	const struct life *life = argument;
	static unsigned char data[MESSAGE_MAX];
	struct bcast_node *node;
	char id[32];

	snprintf(id, sizeof(id), "s%u", life->number);
	test_child_check(bcast_join(nodes.name, id, NULL, &node) == 0);
	test_child_ready();
	for (uint64_t i = 1;; i++) {
		make(data, life->number, i);
		test_child_check(bcast_send(node, "receiver", 1, data,
					    size_of(life->number, i), -1) == 0);
	}
}

/* To see who holds the inbox of slot 0, the receiver's. */
struct sight {
	struct bc_node_table table;
	struct bc_inbox inbox;
};

/* What the receiver knows: the last message of each life. */
struct received {
	uint64_t *last;
	unsigned lives;
	uint64_t messages;
};

static void check(struct received *received,
		  const struct bcast_message *message)
{
	static unsigned char expected[MESSAGE_MAX];
	unsigned number;
	uint64_t sequence;

	assert_int_equal(sscanf(message->from, "s%u", &number), 1);
	assert_true(number < received->lives);
	assert_true(message->size >= sizeof(sequence));
	memcpy(&sequence, message->data, sizeof(sequence));
	/* those between went in, so none is missing either */
	assert_int_equal(sequence, received->last[number] + 1);
	received->last[number] = sequence;
	assert_int_equal(message->size, size_of(number, sequence));
	make(expected, number, sequence);
	assert_memory_equal(message->data, expected, message->size);
	received->messages++;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) +
	       (uint64_t)now.tv_nsec;
}

/* Take what comes for so long. */
static void receive_for(struct bcast_node *node, struct received *received,
			uint64_t duration_ns)
{
	uint64_t end_ns = now_ns() + duration_ns;
	struct bcast_message message;

	do {
		int ret = bcast_recv(node, &message, 0);

		assert_in_range(ret, 0, 1);
		if (ret == 1)
			check(received, &message);
	} while (now_ns() < end_ns);
}

static uint32_t pid_of(const struct sight *sight, uint64_t word)
{
	uint32_t slot = bc_inbox_word_slot(word);

	return slot < sight->table.geometry.node_count
		       ? bc_node_table_slot(&sight->table, slot)->pid
		       : 0;
}

/* Take what comes until that process holds the inbox, and kill it then. */
static void kill_when_it_holds(struct bcast_node *node,
			       struct received *received, int pid,
			       const struct sight *sight)
{
	uint64_t end_ns = now_ns() + LIFE_NS;

	do {
		for (unsigned look = 0; look < LOOKS; look++) {
			uint64_t word = sight->inbox.shm->holder;

			if (word == 0 || pid_of(sight, word) != (uint32_t)pid)
				continue;
			assert_int_equal(kill(pid, SIGKILL), 0);
			return;
		}
		receive_for(node, received, 0);
	} while (now_ns() < end_ns);
}

/* With all dead there is an end to it. */
static void receive_rest(struct bcast_node *node, struct received *received)
{
	struct bcast_message message;

	while (bcast_recv(node, &message, 0) == 1)
		check(received, &message);
}

static bool gets_through(struct bcast_node *node, struct received *received)
{
	struct bcast_node *witness = test_nodes_join(&nodes, "witness");
	struct bcast_message message;
	int ret;

	receive_rest(node, received);
	ret = bcast_send(witness, "receiver", 2, "x", 1, 1000);
	bcast_leave(witness);
	return ret == 0 && bcast_recv(node, &message, 1000) == 1 &&
	       strcmp(message.from, "witness") == 0;
}

static void killed_senders_tear_lose_and_block_nothing(void **state)
{
	unsigned kills = kill_count();
	struct test_child children[SENDERS] = {{0}};
	struct received received = {.lives = kills + SENDERS};
	struct bcast_node *receiver;
	struct life life = {0};
	struct sight sight;

	(void)state;
	test_nodes_open_large(&nodes, SENDERS + 3, INBOX_BYTES);
	received.last = calloc(received.lives, sizeof(*received.last));
	assert_non_null(received.last);
	receiver = test_nodes_join(&nodes, "receiver");
	test_nodes_attach(&nodes, &sight.table);
	assert_int_equal(bc_inbox_map(&sight.inbox, &sight.table, 0), 0);
	for (; life.number < kills + SENDERS; life.number++) {
		struct test_child *child = &children[life.number % SENDERS];

		if (child->pid > 0) {
			receive_for(receiver, &received,
				    (uint64_t)random() % LIFE_NS);
			/* one that has failed a check has ended by itself */
			assert_int_equal(waitpid(child->pid, NULL, WNOHANG), 0);
			if (life.number % 2 == 0)
				kill_when_it_holds(receiver, &received,
						   child->pid, &sight);
			test_kill(child);
		}
		*child = test_fork(send_until_killed, &life);
	}
	for (unsigned i = 0; i < SENDERS; i++)
		test_kill(&children[i]);

	assert_true(gets_through(receiver, &received));
	assert_int_equal(test_nodes_list(&nodes, NULL, 0), 1);
	assert_true(received.messages > kills);
	/* count has one for each message, the witness's too, and each robbery
	 */
	printf("%u kills, %llu messages, %llu died holding the inbox\n", kills,
	       (unsigned long long)received.messages,
	       sight.inbox.shm->count - 1 -
		       (unsigned long long)received.messages);
	bc_inbox_unmap(&sight.inbox);
	bc_node_table_detach(&sight.table);
	bcast_leave(receiver);
	free(received.last);
	test_nodes_close(&nodes);
}

/* ---- The receiver dies ------------------------------------------------- */

static void receive_until_killed(void *argument)
{
	const struct life *life = argument;
	struct received received = {.lives = life->number};
	struct bcast_message message;
	struct bcast_node *node;

	received.last = calloc(received.lives, sizeof(*received.last));
	test_child_check(received.last != NULL);
	test_child_check(bcast_join(nodes.name, "receiver", NULL, &node) == 0);
	test_child_ready();
	for (;;) {
		static unsigned char expected[MESSAGE_MAX];
		unsigned number;
		uint64_t sequence;

		test_child_check(bcast_recv(node, &message, -1) == 1);
		test_child_check(sscanf(message.from, "s%u", &number) == 1);
		memcpy(&sequence, message.data, sizeof(sequence));
		/* what was sent to those before it is not for it */
		test_child_check(received.last[number] == 0 ||
				 sequence == received.last[number] + 1);
		received.last[number] = sequence;
		make(expected, number, sequence);
		test_child_check(message.size == size_of(number, sequence) &&
				 memcmp(message.data, expected, message.size) ==
					 0);
	}
}

static void send_whoever_receives(void *argument)
{
	const struct life *life = argument;
	static unsigned char data[MESSAGE_MAX];
	struct bcast_node *node;
	uint64_t sent = 0;
	char id[32];

	snprintf(id, sizeof(id), "s%u", life->number);
	test_child_check(bcast_join(nodes.name, id, NULL, &node) == 0);
	test_child_ready();
	for (;;) {
		int ret;

		make(data, life->number, sent + 1);
		ret = bcast_send(node, "receiver", 1, data,
				 size_of(life->number, sent + 1), -1);
		test_child_check(ret == 0 || ret == -ENOENT);
		sent += ret == 0;
	}
}

static void killed_receivers_leave_no_torn_mail_to_their_heirs(void **state)
{
	unsigned kills = kill_count();
	struct test_child receiver, senders[SENDERS];
	struct life life = {0};

	(void)state;
	test_nodes_open_large(&nodes, SENDERS + 2, INBOX_BYTES);
	for (; life.number < SENDERS; life.number++)
		senders[life.number] = test_fork(send_whoever_receives, &life);
	for (unsigned i = 0; i < kills; i++) {
		struct timespec pause = {.tv_nsec = random() % LIFE_NS};

		receiver = test_fork(receive_until_killed, &life);
		(void)nanosleep(&pause, NULL);
		assert_int_equal(waitpid(receiver.pid, NULL, WNOHANG), 0);
		test_kill(&receiver);
	}

	for (unsigned i = 0; i < SENDERS; i++) {
		assert_int_equal(waitpid(senders[i].pid, NULL, WNOHANG), 0);
		test_kill(&senders[i]);
	}
	assert_int_equal(test_nodes_list(&nodes, NULL, 0), 0);
	test_nodes_close(&nodes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_senders_tear_lose_and_block_nothing),
		cmocka_unit_test(
			killed_receivers_leave_no_torn_mail_to_their_heirs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
