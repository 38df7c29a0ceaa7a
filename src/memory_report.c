/* SPDX-License-Identifier: MIT */
/*
 * memory_report.c - see memory_report.h.
 *
 * The node is asked of some pages spread over the ring, not of all: one that is
 * full shows in what comes after it.
 */
#include <inttypes.h>
#include <stdio.h>

#include "shm/facts.h"
#include "shm/mapping.h"
#include "src/huge_pages.h"
#include "src/log.h"
#include "src/memory_report.h"

#define SAMPLES 64u
#define WORD	32u

/* The node of the whole ring: a number, "mixed", or "unknown". */
static void find_node(const struct bc_ring *ring, char *word, size_t size)
{
	int first = bc_mapping_node(ring->base);
	int seen = first;

	for (uint64_t i = 1; i < SAMPLES && seen == first; i++)
		seen = bc_mapping_node(ring->base +
				       ring->capacity / SAMPLES * i);
	if (first < 0 || seen < 0)
		(void)snprintf(word, size, "unknown");
	else if (seen != first)
		(void)snprintf(word, size, "mixed");
	else
		(void)snprintf(word, size, "%d", first);
}

static uint64_t find_huge(const struct bc_ring *ring)
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	int64_t bytes;

	if (!smaps)
		return 0;
	bytes = huge_pages_mapped(smaps, (uintptr_t)ring->base);
	(void)fclose(smaps);
	return bytes > 0 ? (uint64_t)bytes : 0;
}

static void find_setting(const char *path,
			 const char *(*read)(FILE *, char *, size_t),
			 char *word, size_t size)
{
	FILE *file = fopen(path, "re");

	(void)snprintf(word, size, "unknown");
	if (!file)
		return;
	(void)read(file, word, size);
	(void)fclose(file);
}

void memory_report(struct daemon *daemon)
{
	const struct bc_ring *ring = &daemon->segment.ring;
	uint64_t huge_bytes = find_huge(ring);
	char node[WORD], option[WORD], setting[WORD], number[WORD];
	char quoted[2][WORD * 4 + 8];
	const char *why;

	find_node(ring, node, sizeof(node));
	find_setting("/proc/self/mounts", huge_pages_mount_option, option,
		     sizeof(option));
	find_setting("/sys/kernel/mm/transparent_hugepage/shmem_enabled",
		     huge_pages_setting, setting, sizeof(setting));
	why = huge_pages_why(ring->capacity, huge_bytes, option, setting);
	log_event(LOG_LEVEL_INFO, "ring_memory",
		  "bytes=%" PRIu64 " huge_bytes=%" PRIu64
		  " numa_node=%s shm_huge=%s shmem_enabled=%s%s%s%s",
		  ring->capacity, huge_bytes, node,
		  log_quote(option, quoted[0], sizeof(quoted[0])),
		  log_quote(setting, quoted[1], sizeof(quoted[1])),
		  *why ? " why=\"" : "", why, *why ? "\"" : "");
	(void)snprintf(number, sizeof(number), "%" PRIu64, huge_bytes);
	(void)bc_facts_set(&daemon->segment, "huge_page_bytes", number);
	(void)bc_facts_set(&daemon->segment, "numa_node", node);
}
