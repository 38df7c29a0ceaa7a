/* SPDX-License-Identifier: MIT */
/* check_memory.c - see check_memory.h. */
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "src/check_memory.h"
#include "src/descriptors.h"
#include "src/dev_shm.h"
#include "src/huge_pages.h"
#include "src/ipc_removal.h"
#include "src/placement.h"
#include "src/stream.h"

#define GROUP_PATH 256
#define HUGE_BYTES (UINT64_C(2) << 20)
#define NODE_LIST  "/sys/devices/system/node/online"

/* ---- /dev/shm ---------------------------------------------------------- */

void check_dev_shm(const struct check_plan *plan, struct check_result *result)
{
	struct dev_shm_place place;

	(void)plan;
	dev_shm_read_place(&place);
	dev_shm_judge_place(&place, result);
}

void check_room(const struct check_plan *plan, struct check_result *result)
{
	const struct config *config = plan->config;
	struct dev_shm_room room = {
		.needed = stream_size(config),
		.ring = config->ring_size_bytes,
		.later = config->nodes * config->inbox_size_bytes,
	};

	if (dev_shm_read_room(config->name, &room))
		dev_shm_judge_room(&room, result);
	else
		check_unknown(result, "/dev/shm");
}

void check_ipc_removal(const struct check_plan *plan,
		       struct check_result *result)
{
	uid_t user = geteuid();

	ipc_removal_judge(ipc_removal_expected(plan->root, user), user, result);
}

/* ---- Memory ------------------------------------------------------------ */

/* A line "MemAvailable:  123 kB". */
static bool available_memory(const char *root, uint64_t *bytes)
{
	char path[GROUP_PATH], line[128];
	uint64_t kilobytes;
	bool found = false;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/proc/meminfo", root);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file))
		found = sscanf(line, "MemAvailable: %" SCNu64, &kilobytes) == 1;
	(void)fclose(file);
	if (found)
		*bytes = kilobytes * 1024;
	return found;
}

/* What one group may still take; "max" is no number, and no limit. */
static uint64_t left_of(const char *root, const char *group, const char *limit,
			const char *used)
{
	char path[2 * GROUP_PATH];
	uint64_t most, present;

	(void)snprintf(path, sizeof(path), "%s/%s", group, limit);
	if (!check_numbers(root, path, &most, 1))
		return UINT64_MAX;
	(void)snprintf(path, sizeof(path), "%s/%s", group, used);
	if (!check_numbers(root, path, &present, 1))
		present = 0;
	return most > present ? most - present : 0;
}

/* The path of our group in the second version's tree: "" is its root. */
static void own_group(const char *root, char path[GROUP_PATH])
{
	char file_path[GROUP_PATH], line[GROUP_PATH];
	FILE *file;

	path[0] = '\0';
	(void)snprintf(file_path, sizeof(file_path), "%s/proc/self/cgroup",
		       root);
	file = fopen(file_path, "re");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::/", 4) == 0 && line[4])
			(void)snprintf(path, GROUP_PATH, "%s", line + 3);
	}
	(void)fclose(file);
}

/* What the group and those above it leave us. */
static uint64_t left_of_groups(const char *root)
{
	char own[GROUP_PATH], group[2 * GROUP_PATH];
	uint64_t least, left;

	/* the first version, as containers have it */
	least = left_of(root, "/sys/fs/cgroup/memory", "memory.limit_in_bytes",
			"memory.usage_in_bytes");
	own_group(root, own);
	for (;;) {
		char *slash = strrchr(own, '/');

		(void)snprintf(group, sizeof(group), "/sys/fs/cgroup%s", own);
		left = left_of(root, group, "memory.max", "memory.current");
		if (left < least)
			least = left;
		if (!slash)
			return least;
		*slash = '\0';
	}
}

bool check_memory_read(const char *root, struct check_memory_facts *facts)
{
	if (!available_memory(root, &facts->available))
		return false;
	facts->left = left_of_groups(root);
	return true;
}

void check_memory_judge(const struct check_memory_facts *facts,
			struct check_result *result)
{
	char text[3][CHECK_SIZE_MAX];
	bool grouped = facts->left < facts->available;
	uint64_t left = grouped ? facts->left : facts->available;

	check_found(result, "%s available%s, %s needed",
		    check_bytes(left, text[0]),
		    grouped ? " to this control group" : "",
		    check_bytes(facts->needed, text[1]));
	check_is(result, CHECK_OK, "");
	if (facts->needed <= left)
		return;
	check_is(result, CHECK_WARN,
		 "shared memory counts as memory: the kernel may kill bcastd, "
		 "or another process, when the ring is filled");
	if (grouped)
		check_fix(result,
			  "docker update --memory %" PRIu64
			  "m CONTAINER, or MemoryMax= of the unit",
			  (facts->needed >> 20) * 5 / 4 + 64);
}

void check_memory(const struct check_plan *plan, struct check_result *result)
{
	struct check_memory_facts facts = {.needed = stream_size(plan->config)};

	if (check_memory_read(plan->root, &facts))
		check_memory_judge(&facts, result);
	else
		check_unknown(result, "/proc/meminfo");
}

/* ---- Limits ------------------------------------------------------------ */

void check_memlock_judge(const struct check_memlock_facts *facts,
			 struct check_result *result)
{
	char text[2][CHECK_SIZE_MAX];

	check_is(result, CHECK_OK, "");
	if (facts->limit == UINT64_MAX)
		check_found(result, "unlimited");
	else
		check_found(result, "%s%s, for a ring of %s",
			    check_bytes(facts->limit, text[0]),
			    facts->unenforced ? " (this user may exceed it)"
					      : "",
			    check_bytes(facts->ring, text[1]));
	if (facts->unenforced || facts->limit > facts->ring)
		return;
	check_is(result, CHECK_WARN,
		 "sends without a copy, to receivers on other machines, are "
		 "slower; nothing else locks memory (LimitMEMLOCK= of a unit)");
	check_fix(result, "ulimit -l unlimited");
}

/* A namespace's root is refused what the machine's is not. */
static bool is_first_namespace(const char *root)
{
	uint64_t map[3];

	return check_numbers(root, "/proc/self/uid_map", map, 3) &&
	       map[0] == 0 && map[1] == 0 && map[2] == UINT32_MAX;
}

void check_memlock(const struct check_plan *plan, struct check_result *result)
{
	struct check_memlock_facts facts = {
		.unenforced = check_capability(plan->root, CAP_IPC_LOCK) &&
			      is_first_namespace(plan->root),
		.ring = plan->config->ring_size_bytes,
	};
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0) {
		check_unknown(result, "RLIMIT_MEMLOCK");
		return;
	}
	facts.limit =
		limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
	check_memlock_judge(&facts, result);
}

void check_descriptors(const struct check_plan *plan,
		       struct check_result *result)
{
	struct descriptors descriptors;

	if (descriptors_read(plan->config, &descriptors))
		descriptors_judge(&descriptors, result);
	else
		check_unknown(result, "RLIMIT_NOFILE");
}

/* ---- Pages ------------------------------------------------------------- */

void check_huge_pages_judge(uint64_t ring, const char *option,
			    const char *setting, struct check_result *result)
{
	bool denied = strcmp(setting, "deny") == 0;

	check_found(result, "/dev/shm: huge=%.32s, shmem_enabled: %.32s",
		    option, setting);
	check_is(result, CHECK_OK, "");
	if (strcmp(setting, "unknown") == 0) {
		check_unknown(result, "/sys/kernel/mm/transparent_hugepage");
		return;
	}
	if (strcmp(setting, "force") == 0 ||
	    (!denied && strcmp(option, "never") != 0))
		return;
	/* no warning: it is so nearly everywhere, and costs some percent */
	check_is(result, CHECK_OK,
		 "the ring is in small pages, which is well; a large ring in "
		 "huge ones is read a little faster");
	if (!denied && ring >= HUGE_BYTES)
		check_fix(result, "mount -o remount,huge=advise /dev/shm");
}

/* One of two files, as huge_pages.h reads them. */
static void read_word(const char *root, const char *path,
		      const char *(*read)(FILE *, char *, size_t), char *word,
		      size_t size)
{
	char whole[GROUP_PATH];
	FILE *file;

	(void)snprintf(word, size, "unknown");
	(void)snprintf(whole, sizeof(whole), "%s%s", root, path);
	file = fopen(whole, "re");
	if (!file)
		return;
	(void)read(file, word, size);
	(void)fclose(file);
}

void check_huge_pages(const struct check_plan *plan,
		      struct check_result *result)
{
	char option[32], setting[32];

	read_word(plan->root, "/proc/self/mounts", huge_pages_mount_option,
		  option, sizeof(option));
	read_word(plan->root,
		  "/sys/kernel/mm/transparent_hugepage/shmem_enabled",
		  huge_pages_setting, setting, sizeof(setting));
	check_huge_pages_judge(plan->config->ring_size_bytes, option, setting,
			       result);
}

/* ---- NUMA -------------------------------------------------------------- */

/* How many a list such as "0-1,3" has. */
static unsigned count_nodes(const char *list)
{
	unsigned count = 0;

	while (*list) {
		unsigned from, to;
		int taken = 0;

		if (sscanf(list, "%u%n", &from, &taken) != 1)
			break;
		to = from;
		list += taken;
		if (sscanf(list, "-%u%n", &to, &taken) == 1)
			list += taken;
		count += to >= from ? to - from + 1 : 0;
		list += *list == ',';
	}
	return count;
}

void check_numa_judge(const char *online, struct check_result *result)
{
	unsigned count = count_nodes(online);

	check_found(result, "%u node%s (%.64s)", count, count == 1 ? "" : "s",
		    online);
	check_is(result, CHECK_OK,
		 count > 1 ? "--numa-node and --cpu of the node that has the "
			     "network card keep the ring near it"
			   : "");
}

void check_numa(const struct check_plan *plan, struct check_result *result)
{
	char online[128];

	if (check_line(plan->root, NODE_LIST, online, sizeof(online)))
		check_numa_judge(online, result);
	else
		check_unknown(result, NODE_LIST);
	if (placement_is_possible(plan->config->numa_node))
		return;
	check_is(result, CHECK_FAIL,
		 "this machine has no such --numa-node, or may not use its "
		 "memory: bcastd does not start");
	check_fix(result, "numactl --hardware");
}
