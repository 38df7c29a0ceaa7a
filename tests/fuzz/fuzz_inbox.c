/* SPDX-License-Identifier: MIT */
/*
 * fuzz_inbox.c - nothing that stands in an inbox makes its reader or a sender
 * look outside of it, or go on for ever; and when the reader has been through
 * it, messages arrive again.
 *
 * The input is laid over an inbox with two sound messages: first the words of
 * the three lines in use, then the records. Behind the records lies a page that
 * nobody may touch.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/inbox.h"
#include "shm/inbox_hold.h"
#include "shm/node_lock.h"

#define NODES	 4u
#define CAPACITY BC_PAGE
#define TAKES	 (CAPACITY / BC_INBOX_ALIGN + 8) /* each goes on by 32 */
#define WORDS	 384u /* of the header: three lines */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Slot 0 reads, 1 sends, in 2 somebody lives, in 3 nobody. */
static struct {
	struct bc_node_table table;
	struct bc_node reader, sender;
	unsigned char *memory; /* of the inbox */
	unsigned char buffer[CAPACITY];
} world;

static void must(bool condition)
{
	if (!condition)
		abort();
}

static void *map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(memory != MAP_FAILED);
	return memory;
}

/* Somebody else holds the byte of slot 2 for as long as we run. */
static void live_in_slot_2(int fd)
{
	char path[64];
	int other;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	other = open(path, O_RDWR | O_CLOEXEC);
	must(other >= 0 && bc_node_lock_try(other, bc_node_lock_life(2)) == 1);
}

static void make_world(void)
{
	struct bc_node_table *table = &world.table;

	table->fd = memfd_create("fuzz_inbox", MFD_CLOEXEC);
	must(table->fd >= 0);
	live_in_slot_2(table->fd);
	table->header = map((1 + NODES) * BC_PAGE);
	table->geometry.node_count = NODES;
	table->geometry.slots_offset = BC_PAGE;
	world.memory = map(BC_PAGE + CAPACITY + BC_PAGE);
	must(mprotect(world.memory + BC_PAGE + CAPACITY, BC_PAGE, PROT_NONE) ==
	     0);
	world.reader = (struct bc_node){.table = table, .index = 0};
	world.sender = (struct bc_node){.table = table, .index = 1};
	for (uint32_t i = 0; i < NODES; i++)
		atomic_store(&bc_node_table_slot(table, i)->claim,
			     bc_node_claim_make(BC_NODE_JOINED, i + 1));
	world.reader.claim = bc_node_claim_make(BC_NODE_JOINED, 1);
	world.sender.claim = bc_node_claim_make(BC_NODE_JOINED, 2);
}

static int put(const char *text)
{
	static uint64_t known_head; /* from the last input, even */
	const struct bc_inbox_addressee to = {
		&bc_node_table_slot(&world.table, 0)->claim, world.reader.claim,
		&known_head};
	struct bc_inbox_letter letter = {.id = "sender"};
	uint64_t holder;

	bc_inbox_seal(&letter, text, strlen(text));
	return bc_inbox_put(&world.reader.inbox.inbox, &world.sender, &to,
			    &letter, 0, &holder);
}

static int take(void)
{
	struct bc_inbox_letter letter;
	int ret = bc_inbox_take(&world.reader.inbox, &letter, world.buffer);

	must(ret == 0 || ret == 1 || ret == BCAST_EPROTO);
	if (ret == 1)
		must(letter.header.length <= bc_inbox_limit(CAPACITY) &&
		     letter.header.id_length < BC_NAME &&
		     memchr(letter.id, '\0', BC_NAME) != NULL);
	return ret;
}

static void take_all(void)
{
	unsigned count = 0;

	while (take() != 0)
		must(++count < TAKES);
}

static void lay_over(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size && i < WORDS + CAPACITY; i++)
		world.memory[i < WORDS ? i : i - WORDS + BC_PAGE] ^= data[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bc_inbox_shm *shm;
	uint64_t start = 0;
	int ret;

	if (!world.memory)
		make_world();
	/* so that the messages may wrap, and positions too */
	if (size > 0)
		start = UINT64_MAX - 31 - (data[0] & 127u) * BC_INBOX_ALIGN;
	memset(world.memory, 0, BC_PAGE + CAPACITY);
	shm = (struct bc_inbox_shm *)(void *)world.memory;
	world.reader.inbox = (struct bc_inbox_reader){
		.inbox = {shm, world.memory + BC_PAGE, CAPACITY},
		.head = start};
	atomic_store(&shm->head, start);
	atomic_store(&shm->tail, start);
	must(put("first") == 0 &&
	     put("second, and longer than thirty-two") == 0);
	if (size > 0)
		lay_over(data + 1, size - 1);

	ret = put("over it");
	must(ret == 0 || ret == BCAST_EFULL || ret == BCAST_EPROTO ||
	     ret == -EBUSY);
	take_all();
	/* its holder may be alive, and is not robbed then */
	if (bc_inbox_word_slot(shm->holder) != 2)
		must(put("after it") == 0 && take() == 1 && take() == 0);
	return 0;
}
