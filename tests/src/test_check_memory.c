/* SPDX-License-Identifier: MIT */
/* test_check_memory.c - memory, its limits and its pages, as numbers. */
#include "check_stage.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "src/check_memory.h"
#include "src/descriptors.h"
#include "src/dev_shm.h"
#include "src/ipc_removal.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* ---- /dev/shm ---------------------------------------------------------- */

static void place_must_be_there_writable_in_memory_and_protected(void **state)
{
	struct dev_shm_place place = {
		.there = true, .memory = true, .writable = true, .mode = 01777};

	(void)state;
	dev_shm_judge_place(&place, &result);
	check_stage_is(CHECK_OK, "");
	place.mode = 0755;
	dev_shm_judge_place(&place, &result);
	check_stage_is(CHECK_OK, "");
	place.mode = 0777;
	dev_shm_judge_place(&place, &result);
	check_stage_is(CHECK_WARN, "chmod 1777 /dev/shm");
	place.memory = false;
	dev_shm_judge_place(&place, &result);
	check_stage_is(CHECK_WARN, "mount -t tmpfs ");
	place.writable = false;
	dev_shm_judge_place(&place, &result);
	check_stage_is(CHECK_FAIL, "chmod 1777 /dev/shm");
	place.there = false;
	dev_shm_judge_place(&place, &result);
	check_stage_is(CHECK_FAIL, "mount -t tmpfs ");
}

static void room_is_judged_to_the_byte(void **state)
{
	struct dev_shm_room room = {.total = GIB,
				    .available = 300 * MIB,
				    .needed = 300 * MIB,
				    .ring = 256 * MIB};

	(void)state;
	dev_shm_judge_room(&room, &result);
	check_stage_is(CHECK_OK, "");
	room.available--;
	dev_shm_judge_room(&room, &result);
	assert_non_null(strstr(result.means, "--ring-size 128M would fit"));
	assert_non_null(strstr(result.means, "--shm-size=364m"));
	check_stage_is(CHECK_FAIL, "mount -o remount,size=1325M /dev/shm");
	room.available = 0;
	dev_shm_judge_room(&room, &result);
	assert_null(strstr(result.means, "would fit"));
	check_stage_is(CHECK_FAIL, "remount");
	room.total = 0; /* of a size without limit */
	dev_shm_judge_room(&room, &result);
	check_stage_is(CHECK_OK, "");
}

static void room_for_all_inboxes_is_another_matter(void **state)
{
	struct dev_shm_room room = {.total = GIB,
				    .available = 364 * MIB,
				    .needed = 300 * MIB,
				    .ring = 256 * MIB,
				    .later = 64 * MIB};

	(void)state;
	dev_shm_judge_room(&room, &result);
	check_stage_is(CHECK_OK, "");
	room.available--;
	dev_shm_judge_room(&room, &result);
	check_stage_is(CHECK_WARN, "mount -o remount,size=");
}

/* ---- Memory ------------------------------------------------------------ */

static void memory_is_the_machines_or_the_groups(void **state)
{
	struct check_memory_facts facts = {
		.available = GIB, .left = UINT64_MAX, .needed = GIB};

	(void)state;
	check_memory_judge(&facts, &result);
	check_stage_is(CHECK_OK, "");
	facts.needed++;
	check_memory_judge(&facts, &result);
	check_stage_is(CHECK_WARN, "");
	facts.left = 100 * MIB;
	facts.needed = 100 * MIB;
	check_memory_judge(&facts, &result);
	check_stage_is(CHECK_OK, "");
	facts.needed++;
	check_memory_judge(&facts, &result);
	check_stage_is(CHECK_WARN, "docker update --memory 189m ");
}

static void narrowest_control_group_counts(void **state)
{
	struct check_memory_facts facts = {.needed = 1};

	(void)state;
	assert_false(check_memory_read(root_path, &facts));
	root_write("/proc/meminfo", "MemTotal: 9 kB\nMemAvailable:  1024 kB\n");
	assert_true(check_memory_read(root_path, &facts));
	assert_int_equal(facts.available, MIB);
	assert_true(facts.left == UINT64_MAX);

	/* version 2: ours, and one above it */
	root_write("/proc/self/cgroup", "1:name=x:/y\n0::/a/b\n");
	root_write("/sys/fs/cgroup/a/b/memory.max", "max\n");
	root_write("/sys/fs/cgroup/a/b/memory.current", "77\n");
	assert_true(check_memory_read(root_path, &facts));
	assert_true(facts.left == UINT64_MAX);
	root_write("/sys/fs/cgroup/a/memory.max", "5000\n");
	root_write("/sys/fs/cgroup/a/memory.current", "1000\n");
	assert_true(check_memory_read(root_path, &facts));
	assert_int_equal(facts.left, 4000);

	/* that of a container's own view */
	root_write("/sys/fs/cgroup/memory.max", "300\n");
	assert_true(check_memory_read(root_path, &facts));
	assert_int_equal(facts.left, 300);
	root_write("/sys/fs/cgroup/memory.current", "301\n");
	assert_true(check_memory_read(root_path, &facts));
	assert_int_equal(facts.left, 0);
}

static void control_groups_of_version_1_count_too(void **state)
{
	struct check_memory_facts facts = {.needed = 1};

	(void)state;
	root_write("/proc/meminfo", "MemAvailable:  1024 kB\n");
	root_write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "500\n");
	root_write("/sys/fs/cgroup/memory/memory.usage_in_bytes", "100\n");

	assert_true(check_memory_read(root_path, &facts));

	assert_int_equal(facts.left, 400);
}

/* ---- Limits ------------------------------------------------------------ */

static void locked_memory_must_be_more_than_the_ring(void **state)
{
	struct check_memlock_facts facts = {.limit = GIB + 1, .ring = GIB};

	(void)state;
	check_memlock_judge(&facts, &result);
	check_stage_is(CHECK_OK, "");
	facts.limit = GIB;
	check_memlock_judge(&facts, &result);
	check_stage_is(CHECK_WARN, "ulimit -l unlimited");
	facts.unenforced = true;
	check_memlock_judge(&facts, &result);
	check_stage_is(CHECK_OK, "");
	facts.unenforced = false;
	facts.limit = UINT64_MAX;
	check_memlock_judge(&facts, &result);
	check_stage_is(CHECK_OK, "");
}

static void descriptors_are_counted_by_what_may_come(void **state)
{
	struct descriptors descriptors = {.soft = 1024, .hard = 4096};
	struct config config = {.max_receivers = 1000, .nodes = 64};
	uint64_t few = descriptors_needed(&config);

	(void)state;
	config.max_receivers++;
	assert_int_equal(descriptors_needed(&config), few + 1);
	config.nodes++;
	assert_int_equal(descriptors_needed(&config), few + 3);
	config.egress_threads++;
	assert_int_equal(descriptors_needed(&config), few + 7);

	descriptors.needed = 4096;
	descriptors_judge(&descriptors, &result);
	check_stage_is(CHECK_OK, "");
	descriptors.needed = 4097;
	descriptors_judge(&descriptors, &result);
	check_stage_is(CHECK_WARN, "ulimit -n 4097");
}

static void removal_by_logind_is_warned_of(void **state)
{
	(void)state;

	ipc_removal_judge(false, 1000, &result);
	check_stage_is(CHECK_OK, "");
	ipc_removal_judge(true, 1000, &result);
	check_stage_is(CHECK_WARN, "loginctl enable-linger 1000");
}

/* ---- Pages ------------------------------------------------------------- */

static void huge_pages_are_a_hint_and_never_a_warning(void **state)
{
	static const struct {
		uint64_t ring;
		const char *option, *setting, *fix;
	} rows[] = {
		{GIB, "never", "never", "mount -o remount,huge=advise "},
		{GIB, "never", "advise", "mount -o remount,huge=advise "},
		{GIB, "advise", "never", ""},
		{GIB, "never", "force", ""},
		{GIB, "always", "deny", ""},
		{2 * MIB, "never", "never", "mount -o remount,"},
		{2 * MIB - 1, "never", "never", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check_huge_pages_judge(rows[i].ring, rows[i].option,
				       rows[i].setting, &result);
		assert_int_equal(result.fix[0] != '\0', rows[i].fix[0] != '\0');
		check_stage_is(CHECK_OK, rows[i].fix);
	}
	check_huge_pages_judge(GIB, "never", "unknown", &result);
	check_stage_is(CHECK_UNKNOWN, "");
}

static void nodes_are_counted_from_the_kernels_list(void **state)
{
	static const struct {
		const char *list, *found;
	} rows[] = {
		{"0", "1 node (0)"},
		{"0-1", "2 nodes (0-1)"},
		{"0,2", "2 nodes (0,2)"},
		{"0-3,8-9,12", "7 nodes (0-3,8-9,12)"},
		{"", "0 nodes ()"},
		{"x", "0 nodes (x)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check_numa_judge(rows[i].list, &result);
		assert_string_equal(result.found, rows[i].found);
		check_stage_is(CHECK_OK, "");
	}
}

/* A container that shows nothing. */
static void what_cannot_be_read_is_unknown(void **state)
{
	const struct config config = {.ring_size_bytes = MIB};
	const struct check_plan plan = {.root = root_path, .config = &config};

	(void)state;
	check_memory(&plan, &result);
	check_stage_is(CHECK_UNKNOWN, "");
	check_huge_pages(&plan, &result);
	check_stage_is(CHECK_UNKNOWN, "");
	check_numa(&plan, &result);
	assert_non_null(strstr(result.found, "cannot read /sys/"));
	check_stage_is(CHECK_UNKNOWN, "");
}

#define TEST(name)                                              \
	cmocka_unit_test_setup_teardown(name, check_stage_open, \
					check_stage_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(place_must_be_there_writable_in_memory_and_protected),
		TEST(room_is_judged_to_the_byte),
		TEST(room_for_all_inboxes_is_another_matter),
		TEST(memory_is_the_machines_or_the_groups),
		TEST(narrowest_control_group_counts),
		TEST(control_groups_of_version_1_count_too),
		TEST(locked_memory_must_be_more_than_the_ring),
		TEST(descriptors_are_counted_by_what_may_come),
		TEST(removal_by_logind_is_warned_of),
		TEST(huge_pages_are_a_hint_and_never_a_warning),
		TEST(nodes_are_counted_from_the_kernels_list),
		TEST(what_cannot_be_read_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
