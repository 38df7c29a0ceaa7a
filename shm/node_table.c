/* SPDX-License-Identifier: MIT */
/*
 * node_table.c - see node_table.h.
 *
 * Sweeping. A slot is swept under its guard byte, by whoever finds that its
 * life byte is free. Nodes take the life byte only under the guard too, so
 * between the look at the life byte and the end of the clearing nobody can move
 * in. A second sweeper fails to get the guard and goes on; one that dies loses
 * it and leaves a slot that is neither FREE nor alive, which is what the next
 * sweep looks for. Sweeping with the life byte itself was rejected: a sweeper
 * that is stopped in the middle would pass for a living node.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/histogram.h"
#include "shm/inbox_pages.h"
#include "shm/name.h"
#include "shm/node_lock.h"
#include "shm/node_table.h"
#include "shm/notify.h"
#include "shm/object.h"
#include "shm/text.h"

#define GENERATION_MASK UINT64_C(0xffffffff)
#define PAGE_WORDS	(sizeof(struct bc_node_shm) / sizeof(bc_u64))

/* ---- Attach ------------------------------------------------------------ */

/* The header through a mapping of its own, then header and slots. */
static int check_and_map(struct bc_node_table *table)
{
	int protection = PROT_READ | (table->writable ? PROT_WRITE : 0);
	struct stat status;
	void *page, *map;
	int ret;

	if (fstat(table->fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode) || (status.st_mode & S_IWOTH) != 0)
		return BCAST_EFOREIGN;
	if (status.st_size < (off_t)BC_PAGE)
		return status.st_size == 0 ? BCAST_ENOTREADY : BCAST_ETOOSMALL;
	page = mmap(NULL, BC_PAGE, PROT_READ, MAP_SHARED, table->fd, 0);
	if (page == MAP_FAILED)
		return -errno;
	ret = bc_registry_check(page, (uint64_t)status.st_size,
				&table->geometry);
	(void)munmap(page, BC_PAGE);
	if (ret < 0)
		return ret;
	map = mmap(NULL, table->geometry.slots_end, protection, MAP_SHARED,
		   table->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	table->header = map;
	return 0;
}

/* The two objects must be of one stream and of one owner. */
static int check_pair(const struct bc_node_table *table)
{
	struct stat segment, registry;

	if (table->segment.control->identity.epoch != table->geometry.epoch)
		return BCAST_ENOTREADY;
	if (fstat(table->segment.fd, &segment) < 0 ||
	    fstat(table->fd, &registry) < 0)
		return -errno;
	return segment.st_uid == registry.st_uid ? 0 : BCAST_EFOREIGN;
}

static int open_registry(struct bc_node_table *table, const char *object,
			 bool need_write)
{
	table->fd = bc_object_open(object, O_RDWR);
	table->writable = table->fd >= 0;
	if (table->fd == -EACCES && !need_write)
		table->fd = bc_object_open(object, O_RDONLY);
	return table->fd < 0 ? table->fd : 0;
}

int bc_node_table_attach(struct bc_node_table *table, const char *name,
			 bool need_write)
{
	struct bc_node_table made = {.fd = -1, .segment.fd = -1};
	char object[BC_NAME_OBJECT_MAX];
	int ret = bc_name_object(object, sizeof(object), name,
				 BC_NAME_SUFFIX_NODES);

	if (ret < 0)
		return ret;
	ret = bc_segment_attach(&made.segment, name, BC_VIEW_CONTROL);
	if (ret < 0)
		return ret;
	ret = open_registry(&made, object, need_write);
	/* the segment is there first: its registry is yet to come */
	if (ret == -ENOENT)
		ret = BCAST_ENOTREADY;
	if (ret == 0)
		ret = check_and_map(&made);
	if (ret == 0)
		ret = check_pair(&made);
	if (ret < 0) {
		bc_node_table_detach(&made);
		return ret;
	}
	*table = made;
	return 0;
}

void bc_node_table_detach(struct bc_node_table *table)
{
	bc_segment_close(&table->segment);
	if (table->header)
		(void)munmap(table->header, table->geometry.slots_end);
	if (table->fd >= 0)
		(void)close(table->fd);
	*table = (struct bc_node_table){.fd = -1, .segment.fd = -1};
}

int bc_node_table_is_current(const struct bc_node_table *table)
{
	struct stat status;

	if (fstat(table->fd, &status) < 0)
		return -errno;
	if (status.st_nlink == 0)
		return BCAST_ECLOSED;
	if ((uint64_t)status.st_size < table->geometry.slots_end)
		return BCAST_ETOOSMALL;
	return 0;
}

struct bc_node_shm *bc_node_table_slot(const struct bc_node_table *table,
				       uint32_t index)
{
	unsigned char *base = (unsigned char *)table->header;

	return (struct bc_node_shm *)(void *)(base +
					      table->geometry.slots_offset) +
	       index;
}

uint32_t bc_node_claim_state(uint64_t claim)
{
	return (uint32_t)(claim >> 56);
}

uint64_t bc_node_claim_make(enum bc_node_state state, uint64_t generation)
{
	return (uint64_t)state << 56 | (generation & GENERATION_MASK);
}

int bc_node_table_is_alive(const struct bc_node_table *table, uint32_t index)
{
	return bc_node_lock_held(table->fd, bc_node_lock_life(index));
}

/* ---- Sweep ------------------------------------------------------------- */

void bc_node_table_wipe(struct bc_node_shm *slot)
{
	bc_u64 *words = (bc_u64 *)(void *)slot;

	/* pairs with the acquire fence in bc_node_table_read() */
	atomic_thread_fence(memory_order_release);
	for (size_t i = 1; i < PAGE_WORDS; i++)
		atomic_store_explicit(&words[i], 0, memory_order_relaxed);
}

void bc_node_table_clear(const struct bc_node_table *table, uint32_t index)
{
	struct bc_node_shm *slot = bc_node_table_slot(table, index);
	uint64_t claim =
		atomic_load_explicit(&slot->claim, memory_order_relaxed);

	atomic_store_explicit(&slot->claim,
			      bc_node_claim_make(BC_NODE_SWEPT, claim),
			      memory_order_relaxed);
	/* who died asleep is counted no more (registry.sleepers) */
	if (atomic_load_explicit(&slot->waiting, memory_order_acquire) == 1)
		atomic_fetch_sub_explicit(&table->header->sleepers, 1,
					  memory_order_relaxed);
	bc_inbox_give_back(table, index);
	bc_node_table_wipe(slot);
	/* pairs with the acquire load of the next claimer */
	atomic_store_explicit(&slot->claim,
			      bc_node_claim_make(BC_NODE_FREE, claim),
			      memory_order_release);
}

void bc_node_table_changed(const struct bc_node_table *table)
{
	atomic_fetch_add_explicit(&table->header->membership, 1,
				  memory_order_release);
	(void)bc_notify_wake(&table->header->membership);
}

static bool is_free(const struct bc_node_shm *slot)
{
	return bc_node_claim_state(atomic_load_explicit(
		       &slot->claim, memory_order_acquire)) == BC_NODE_FREE;
}

int bc_node_table_sweep_slot(const struct bc_node_table *table, uint32_t index)
{
	uint64_t guard = bc_node_lock_guard(index);
	int ret = bc_node_lock_try(table->fd, guard);

	if (ret <= 0)
		return ret;
	ret = bc_node_table_is_alive(table, index);
	if (ret == 0 && !is_free(bc_node_table_slot(table, index))) {
		bc_node_table_clear(table, index);
		atomic_fetch_add_explicit(&table->header->leaves, 1,
					  memory_order_relaxed);
		ret = 1;
	} else if (ret == 1) {
		ret = 0;
	}
	bc_node_lock_drop(table->fd, guard);
	return ret;
}

/* A number for (slot, claim): the finisher of splitmix64. */
static uint64_t mix(uint32_t index, uint64_t claim)
{
	uint64_t z = claim ^ ((uint64_t)index << 33);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* One slot of a census. Returns 0 or -errno. */
static int visit(const struct bc_node_table *table, uint32_t index,
		 struct bc_node_census *census)
{
	const struct bc_node_shm *slot = bc_node_table_slot(table, index);
	uint64_t claim =
		atomic_load_explicit(&slot->claim, memory_order_acquire);
	int ret;

	if (bc_node_claim_state(claim) == BC_NODE_FREE)
		return 0;
	ret = bc_node_table_is_alive(table, index);
	if (ret < 0)
		return ret;
	if (ret == 1) {
		census->alive[index] = 1;
		if (bc_node_claim_state(claim) == BC_NODE_JOINED)
			census->fingerprint += mix(index, claim);
		return 0;
	}
	if (!table->writable)
		return 0;
	ret = bc_node_table_sweep_slot(table, index);
	if (ret < 0)
		return ret;
	census->swept += (uint32_t)ret;
	return 0;
}

int bc_node_table_sweep(const struct bc_node_table *table,
			struct bc_node_census *census)
{
	int ret = 0;

	memset(census, 0, sizeof(*census));
	for (uint32_t i = 0; i < table->geometry.node_count && ret == 0; i++)
		ret = visit(table, i, census);
	if (census->swept > 0)
		bc_node_table_changed(table);
	return ret;
}

/* ---- Read -------------------------------------------------------------- */

static uint64_t get(const bc_u64 *field)
{
	return atomic_load_explicit(field, memory_order_relaxed);
}

static uint32_t get32(const bc_u32 *field)
{
	return atomic_load_explicit(field, memory_order_relaxed);
}

/* Whether it is an id. What is not is cut and cleaned, to be shown. */
static bool read_id(const struct bc_node_shm *slot,
		    char id[BCAST_NODE_ID_MAX + 1])
{
	const bc_u64 *words = (const bc_u64 *)(const void *)slot->id;
	char raw[BC_NAME];

	for (size_t i = 0; i < sizeof(raw) / sizeof(uint64_t); i++) {
		uint64_t word = get(&words[i]);

		memcpy(raw + i * sizeof(word), &word, sizeof(word));
	}
	bc_text_get(id, BCAST_NODE_ID_MAX + 1, raw, sizeof(raw));
	return raw[BC_NAME - 1] == '\0' && bc_name_id_valid(raw);
}

static void read_counts(const struct bc_node_shm *slot,
			struct bcast_node_info *info)
{
	info->pid = get32(&slot->pid);
	info->pid_namespace = get(&slot->pid_namespace);
	info->start_ticks = get(&slot->start_ticks);
	info->joined_realtime_ns = get(&slot->joined_realtime_ns);
	info->stuck_after_ms = get32(&slot->stuck_after_ms);
	info->roles = get32(&slot->role) & BCAST_NODE_ROLES;
	info->waiting = get32(&slot->waiting) != 0;
	info->cursor = get(&slot->cursor);
	info->bytes = get(&slot->bytes);
	info->waits = get(&slot->waits);
	info->parks = get(&slot->parks);
	info->laps = get(&slot->laps);
	info->lost_bytes = get(&slot->lost_bytes);
	info->messages_sent = get(&slot->messages_sent);
	info->messages_received = get(&slot->messages_received);
	info->latency_count = bc_histogram_total(&slot->latency);
	info->latency_p50_ns = bc_histogram_quantile(&slot->latency, 500);
	info->latency_p99_ns = bc_histogram_quantile(&slot->latency, 990);
	info->latency_max_ns = get(&slot->latency_max_ns);
}

static void read_inbox(const struct bc_node_table *table,
		       struct bcast_node_info *info)
{
	const struct bc_inbox_counts counts = bc_inbox_count(table, info->slot);

	info->inbox_used = counts.used;
	info->inbox_size = table->geometry.inbox_size - BC_PAGE;
	info->inbox_refused = counts.refused;
	info->inbox_damaged = counts.damaged;
}

static void read_ages(const struct bc_node_table *table,
		      const struct bc_node_shm *slot,
		      struct bcast_node_info *info)
{
	uint64_t beat_ns = get(&slot->heartbeat_ns);
	uint64_t now_ns = bc_monotonic_ns();
	uint64_t tail;

	info->heartbeat_age_ns = now_ns > beat_ns ? now_ns - beat_ns : 0;
	tail = get(&table->segment.control->head.tail);
	if ((info->roles & BCAST_NODE_READER) != 0 && info->cursor < tail)
		info->lag = tail - info->cursor;
}

static uint32_t judge(const struct bcast_node_info *info, bool alive,
		      bool sound)
{
	uint64_t limit_ns = info->stuck_after_ms * (uint64_t)BC_NS_PER_MS;

	if (!alive)
		return BCAST_NODE_DEAD;
	if (!sound)
		return BCAST_NODE_DAMAGED;
	if (info->stuck_after_ms != 0 && info->heartbeat_age_ns > limit_ns)
		return BCAST_NODE_STUCK;
	return BCAST_NODE_ALIVE;
}

bool bc_node_table_id_is(const struct bc_node_table *table, uint32_t index,
			 const char *id)
{
	char found[BCAST_NODE_ID_MAX + 1];

	return read_id(bc_node_table_slot(table, index), found) &&
	       strcmp(found, id) == 0;
}

int bc_node_table_read(const struct bc_node_table *table, uint32_t index,
		       bool alive, struct bcast_node_info *info)
{
	const struct bc_node_shm *slot = bc_node_table_slot(table, index);
	struct bcast_node_info found = {.slot = index};
	/* pairs with the release store in bc_node_join() */
	uint64_t claim =
		atomic_load_explicit(&slot->claim, memory_order_acquire);
	uint32_t state = bc_node_claim_state(claim);
	bool sound;

	if (state == BC_NODE_FREE || state == BC_NODE_CLAIMED ||
	    state == BC_NODE_SWEPT)
		return 0;
	if (!alive) {
		int ret = bc_node_table_is_alive(table, index);

		if (ret < 0)
			return ret;
		alive = ret == 1;
	}
	sound = read_id(slot, found.id) && state == BC_NODE_JOINED;
	read_counts(slot, &found);
	read_ages(table, slot, &found);
	read_inbox(table, &found);
	found.state = judge(&found, alive, sound);
	/* pairs with the release fence in bc_node_table_wipe() */
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load_explicit(&slot->claim, memory_order_relaxed) != claim)
		return 0;
	*info = found;
	return 1;
}
