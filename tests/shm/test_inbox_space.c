/* SPDX-License-Identifier: MIT */
/*
 * test_inbox_space.c - a /dev/shm that has no room for another inbox: a tmpfs
 * of our own is mounted over it, in a mount namespace of our own. Needs root;
 * else skipped.
 */
#include "nodes.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#define SKIPPED	    77
#define INBOX_BYTES (UINT64_C(256) << 10)
#define FREE_BYTES  (2 * (BC_PAGE + INBOX_BYTES) + INBOX_BYTES / 2)

static void mount_space(const char *options)
{
	assert_int_equal(mount("test", "/dev/shm", "tmpfs", 0, options), 0);
}

/* Leave room for two inboxes and a half. */
static void shrink_space(void)
{
	uint64_t total, available;
	char options[64];

	assert_int_equal(bc_segment_space(&total, &available), 0);
	snprintf(options, sizeof(options), "size=%llu",
		 (unsigned long long)(total - available + FREE_BYTES));
	assert_int_equal(
		mount("test", "/dev/shm", "tmpfs", MS_REMOUNT, options), 0);
}

static void node_without_room_for_its_inbox_is_told(void **state)
{
	struct bcast_node *joined[3] = {NULL};
	struct test_nodes nodes;

	(void)state;
	mount_space("size=64M");
	test_nodes_open_large(&nodes, 4, INBOX_BYTES);
	shrink_space();
	joined[0] = test_nodes_join(&nodes, "a");
	joined[1] = test_nodes_join(&nodes, "b");

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(bcast_join(nodes.name, "c", NULL, &joined[2]),
				 -ENOSPC);

	/* nothing was left of it, and those who are there can fill theirs */
	assert_int_equal(test_nodes_list(&nodes, NULL, 0), 2);
	for (unsigned i = 0; i < 1000; i++) {
		static unsigned char data[4000];

		(void)bcast_send(joined[0], "b", 1, data, sizeof(data), 0);
	}
	bcast_leave(joined[0]);
	joined[2] = test_nodes_join(&nodes, "c");
	bcast_leave(joined[2]);
	bcast_leave(joined[1]);
	test_nodes_close(&nodes);
	assert_int_equal(umount2("/dev/shm", MNT_DETACH), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(node_without_room_for_its_inbox_is_told),
	};

	if (unshare(CLONE_NEWNS) < 0 ||
	    mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		print_message("no mount namespace of our own: skipped\n");
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
