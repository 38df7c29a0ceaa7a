/* SPDX-License-Identifier: MIT */
/*
 * fuzz_node_page.c - nothing that stands in the pages of slots misleads who
 * lists nodes, sweeps them, or waits for gating readers: texts end, times are
 * bounded, no living node is swept, and no dead one's claim outlives a sweep.
 *
 * The input is laid over two slots: in one somebody lives, in the other nobody.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/gate.h"
#include "shm/node_info.h"
#include "shm/node_lock.h"
#include "shm/node_sweep.h"
#include "shm/segment.h"

#define NODES	 4u
#define LIVING	 1u
#define DEAD	 3u
#define TAIL	 UINT64_C(5000)
#define RESERVED UINT64_C(5100)
#define CAPACITY UINT64_C(4096)

#define INBOX_BYTES BC_PAGE /* of each inbox */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	struct bc_node_table table;
	struct bc_control_shm *control;
	struct bc_segment segment;
} world;

static void must(bool condition)
{
	if (!condition)
		abort();
}

/* Somebody else holds its life byte for as long as we run. */
static void live_in(int fd, uint32_t slot)
{
	char path[64];
	int other;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	other = open(path, O_RDWR | O_CLOEXEC);
	must(other >= 0 &&
	     bc_node_lock_try(other, bc_node_lock_life(slot)) == 1);
}

static void make_world(void)
{
	const size_t size = (1 + NODES) * BC_PAGE;
	const size_t inbox_size = BC_PAGE + INBOX_BYTES;
	struct bc_node_table *table = &world.table;

	table->fd = memfd_create("fuzz_node_page", MFD_CLOEXEC);
	must(table->fd >= 0 &&
	     ftruncate(table->fd, (off_t)(size + NODES * inbox_size)) == 0);
	live_in(table->fd, LIVING);
	table->header = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			     table->fd, 0);
	must(table->header != MAP_FAILED);
	table->writable = true;
	table->geometry.node_count = NODES;
	table->geometry.slots_offset = BC_PAGE;
	table->geometry.slots_end = size;
	table->geometry.inboxes_offset = size;
	table->geometry.inbox_size = inbox_size;
	world.control = calloc(1, sizeof(*world.control));
	must(world.control != NULL);
	world.segment.control = world.control;
	world.segment.ring.capacity = CAPACITY;
	table->segment.control = world.control;
}

static void lay_over(uint32_t slot, const uint8_t *data, size_t size)
{
	unsigned char *page =
		(unsigned char *)bc_node_table_slot(&world.table, slot);

	memset(page, 0, BC_PAGE);
	memcpy(page, data, size < BC_PAGE ? size : BC_PAGE);
}

/* What is shown can be printed, whatever was there. */
static void read_infos(void)
{
	for (uint32_t slot = 0; slot < NODES; slot++) {
		struct bcast_node_info info;
		int ret = bc_node_info_read(&world.table, slot, false, &info);

		must(ret == 0 || ret == 1);
		if (ret == 0)
			continue;
		must(memchr(info.id, '\0', sizeof(info.id)) != NULL);
		for (const char *c = info.id; *c != '\0'; c++)
			must(*c >= ' ' && *c <= '~');
		must(strcmp(bcast_node_state_name(info.state), "unknown") != 0);
		must(info.latency_p50_ns <= info.latency_p99_ns);
		(void)bc_node_info_id_is(&world.table, slot, info.id);
	}
}

/* A floor that can be, and nobody is waited for longer than a minute. */
static void wait_for_gates(void)
{
	struct bc_gates gates = {0};
	uint64_t now_ns = 1;
	uint64_t floor;

	must(bc_gates_open(&gates, &world.table, &world.segment,
			   BC_GATE_NO_SLOT) == 0);
	floor = bc_gates_floor(&gates, TAIL, RESERVED);
	must(floor <= TAIL && floor + CAPACITY >= RESERVED);
	(void)bc_gates_press(&gates, TAIL, RESERVED, TAIL, now_ns);
	now_ns += BC_GATE_TIMEOUT_NS_MAX + 1;
	(void)bc_gates_press(&gates, TAIL, RESERVED, TAIL, now_ns);
	must(bc_gates_floor(&gates, TAIL, RESERVED) == TAIL);
	bc_gates_close(&gates);
}

static void sweep(void)
{
	static struct bc_node_census census;
	const bc_u64 *living = &bc_node_table_slot(&world.table, LIVING)->claim;
	uint64_t before = atomic_load(living);

	must(bc_node_sweep_all(&world.table, &census) == 0);
	must(atomic_load(living) == before);
	must(census.alive[DEAD] == 0);
	must(bc_node_claim_state(atomic_load(
		     &bc_node_table_slot(&world.table, DEAD)->claim)) ==
	     BC_NODE_FREE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t half = size / 2;

	if (!world.control)
		make_world();
	memset(world.table.header, 0, BC_PAGE);
	lay_over(LIVING, data, half);
	lay_over(DEAD, data + half, size - half);

	read_infos();
	wait_for_gates();
	sweep();
	return 0;
}
