/* SPDX-License-Identifier: MIT */
/* test_segment.c - create, own, retire: the owner's side of a segment. */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bcast/bcast.h>

#include "shm/clock.h"
#include "shm/facts.h"
#include "shm/notify.h"
#include "shm/peers.h"
#include "shm/registry.h"
#include "shm/pause.h"

static void new_segment_is_whole_and_live(void **state)
{
	const char *name = test_name();
	const struct bc_control_shm *control;
	struct test_stream stream;

	(void)state;
	assert_int_equal(test_stream_open(&stream, name), 0);
	control = stream.segment.control;

	assert_int_equal(control->identity.magic, BC_MAGIC);
	assert_int_equal(control->identity.layout_version, BC_LAYOUT_VERSION);
	assert_int_equal(control->identity.capacity, TEST_CAPACITY);
	assert_string_equal(control->identity.name, name);
	assert_int_equal(control->owner.state, BC_STATE_LIVE);
	assert_int_equal(control->owner.incarnation, 1);
	assert_int_equal(control->owner.pid, getpid());
	assert_int_equal(control->owner.ended_realtime_ns, 0);
	assert_int_equal(control->head.tail, 0);
	assert_int_equal(control->head.reserved, 0);
	assert_int_equal(stream.segment.regions[BC_REGION_FACTS].count,
			 BC_FACT_SLOTS);
	assert_int_equal(stream.segment.regions[BC_REGION_CLOSED].count,
			 BC_CLOSED_SLOTS);
	assert_int_equal(stream.segment.regions[BC_REGION_PEERS].count, 8);
	assert_int_equal(stream.segment.regions[BC_REGION_INDEX].count, 0);
	test_stream_close(&stream);
	assert_false(test_object_exists(name, ""));
}

static void each_stream_has_an_epoch_of_its_own(void **state)
{
	struct test_stream first, second;

	(void)state;
	assert_int_equal(test_stream_open(&first, test_name()), 0);
	assert_int_equal(test_stream_open(&second, test_name()), 0);

	assert_int_not_equal(first.segment.control->identity.epoch, 0);
	assert_int_not_equal(first.segment.control->identity.epoch,
			     second.segment.control->identity.epoch);
	test_stream_close(&first);
	test_stream_close(&second);
}

static void all_memory_is_there_from_the_start(void **state)
{
	struct test_stream stream;
	struct bc_segment_config config;
	struct stat status;

	(void)state;
	assert_int_equal(test_stream_open(&stream, test_name()), 0);
	config = test_stream_config(stream.name);

	assert_int_equal(fstat(stream.segment.fd, &status), 0);
	assert_int_equal(status.st_size, bc_segment_size(&config));
	assert_true(status.st_blocks * 512 >= status.st_size);
	test_stream_close(&stream);
}

static void mode_and_group_are_as_asked_whatever_the_umask(void **state)
{
	const char *name = test_name();
	struct bc_segment_config config = test_stream_config(name);
	struct bc_segment segment;
	struct stat status;
	mode_t old = umask(077);

	(void)state;
	config.mode = 0664;
	config.group = geteuid() == 0 ? 12345 : getegid();

	assert_int_equal(bc_segment_create(&segment, &config), 0);

	(void)umask(old);
	assert_int_equal(fstat(segment.fd, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0664);
	assert_int_equal(status.st_gid, config.group);
	assert_int_equal(bc_segment_unlink(&segment), 0);
	bc_segment_close(&segment);
}

static void impossible_configurations_leave_nothing(void **state)
{
	static const struct {
		uint64_t capacity;
		uint32_t peer_slots;
		int result;
	} cases[] = {
		{BCAST_RING_MIN / 2, 8, -EINVAL},
		{BCAST_RING_MIN - 1, 8, -EINVAL},
		{BCAST_RING_MIN, 8, 0},
		{BCAST_RING_MIN + 1, 8, -EINVAL},
		{BCAST_RING_MIN * 3, 8, -EINVAL},
		{BCAST_RING_MAX * 2, 8, -EINVAL},
		{0, 8, -EINVAL},
		{BCAST_RING_MIN, 0, -EINVAL},
		{BCAST_RING_MIN, 1, 0},
	};
	const char *name = test_name();
	struct bc_segment_config config = test_stream_config(name);
	struct bc_segment segment;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		config.capacity = cases[i].capacity;
		config.peer_slots = cases[i].peer_slots;
		assert_int_equal(bc_segment_create(&segment, &config),
				 cases[i].result);
		assert_int_equal(test_object_exists(name, ""),
				 cases[i].result == 0);
		if (cases[i].result < 0)
			continue;
		assert_int_equal(bc_segment_unlink(&segment), 0);
		bc_segment_close(&segment);
	}
	config = test_stream_config("a/b");
	assert_int_equal(bc_segment_create(&segment, &config), BCAST_ENAME);
}

static void create_with_a_group_not_ours(void *name)
{
	struct bc_segment_config config = test_stream_config(name);
	const struct bc_registry_config nodes = {
		.name = name,
		.node_count = 1,
		.inbox_bytes = BC_INBOX_BYTES_DEFAULT,
		.mode = 0660,
		.group = 0,
	};
	struct bc_segment segment;

	test_child_check(setgroups(0, NULL) == 0);
	test_child_check(setgid(65534) == 0 && setuid(65534) == 0);
	config.group = 0;
	test_child_check(bc_segment_create(&segment, &config) == -EPERM);
	test_child_check(bc_registry_create(&nodes) == -EPERM);
}

static void forbidden_group_leaves_nothing(void **state)
{
	char name[64];
	struct test_child child;

	(void)state;
	if (geteuid() != 0)
		skip();
	snprintf(name, sizeof(name), "%s", test_name());

	child = test_fork(create_with_a_group_not_ours, name);

	assert_int_equal(test_join(&child), 0);
	assert_false(test_object_exists(name, ""));
	assert_false(test_object_exists(name, ".nodes"));
}

static void closing_what_was_never_opened_closes_nothing(void **state)
{
	struct bc_segment zeroed, failed;

	(void)state;
	memset(&zeroed, 0, sizeof(zeroed));
	memset(&failed, 0, sizeof(failed));
	assert_int_equal(bc_segment_attach(&failed, test_name(), BC_VIEW_ALL),
			 -ENOENT);

	bc_segment_close(&zeroed);
	bc_segment_close(&failed);
	bc_segment_close(&failed);

	assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
}

static void state_changes_wake_and_closing_notes_the_time(void **state)
{
	struct test_stream stream;
	const struct bc_control_shm *control;
	uint32_t before;

	(void)state;
	assert_int_equal(test_stream_open(&stream, test_name()), 0);
	control = stream.segment.control;
	before = control->head.publish_count;

	bc_segment_set_state(&stream.segment, BC_STATE_DRAINING);
	assert_int_equal(bc_segment_state(&stream.segment), BC_STATE_DRAINING);
	assert_int_equal(control->head.publish_count, before + 1);
	assert_int_equal(control->owner.ended_realtime_ns, 0);
	bc_segment_set_state(&stream.segment, BC_STATE_CLOSED);
	assert_int_equal(control->head.publish_count, before + 2);
	assert_true(control->owner.ended_realtime_ns > 0);
	bc_segment_beat(&stream.segment, 42);
	assert_int_equal(control->owner.heartbeat_ns, 42);
	test_stream_close(&stream);
}

/* ---- Owners, live and dead --------------------------------------------- */

static void name_of_a_live_owner_is_neither_taken_nor_retired(void **state)
{
	const char *name = test_name();
	const struct bc_segment_config config = test_stream_config(name);
	struct test_stream stream;
	struct bc_segment second;

	(void)state;
	assert_int_equal(test_stream_open(&stream, name), 0);

	assert_int_equal(bc_segment_create(&second, &config), -EEXIST);
	assert_int_equal(bc_segment_retire(name), BCAST_EOWNED);

	assert_true(test_object_exists(name, ""));
	assert_int_equal(bc_segment_state(&stream.segment), BC_STATE_LIVE);
	test_stream_close(&stream);
}

static void retiring_nothing_is_no_error(void **state)
{
	(void)state;

	assert_int_equal(bc_segment_retire(test_name()), 0);
	assert_int_equal(bc_segment_retire(".x"), BCAST_ENAME);
}

static void own_and_sleep(void *name)
{
	struct test_stream stream;

	test_child_check(test_stream_open(&stream, name) == 0);
	test_stream_write(&stream, 1000);
	test_child_ready();
	test_child_sleep();
}

/* Sleeps until the stream is closed, however long that takes. */
static void sleep_until_closed(void *name)
{
	struct bc_segment segment;
	const bc_u32 *word;

	test_child_check(bc_segment_attach(&segment, name, BC_VIEW_CONTROL) ==
			 0);
	word = &segment.control->head.publish_count;
	test_child_ready();
	for (;;) {
		uint32_t seen = atomic_load(word);

		if (bc_segment_state(&segment) == BC_STATE_CLOSED)
			break;
		(void)bc_notify_wait(word, seen, -1);
	}
}

static void readers_of_a_dead_owner_are_told_closed_and_woken(void **state)
{
	char name[64];
	struct bc_segment before;
	struct test_child owner, reader;

	(void)state;
	snprintf(name, sizeof(name), "%s", test_name());
	owner = test_fork(own_and_sleep, name);
	reader = test_fork(sleep_until_closed, name);
	assert_int_equal(bc_segment_attach(&before, name, BC_VIEW_ALL), 0);
	assert_int_equal(bc_segment_owner_alive(&before), 1);
	test_kill(&owner);
	assert_int_equal(bc_segment_owner_alive(&before), 0);

	assert_int_equal(bc_segment_retire(name), 1);

	assert_int_equal(test_join(&reader), 0);
	assert_int_equal(bc_segment_state(&before), BC_STATE_CLOSED);
	assert_true(before.control->owner.ended_realtime_ns > 0);
	assert_int_equal(bc_ring_tail(&before.ring), 1000);
	assert_false(test_object_exists(name, ""));
	bc_segment_close(&before);
	test_stream_erase(name);
}

static void end_that_was_noted_is_not_noted_again(void **state)
{
	const char *name = test_name();
	struct test_stream stream;
	struct bc_segment view;
	uint64_t ended;

	(void)state;
	assert_int_equal(test_stream_open(&stream, name), 0);
	assert_int_equal(bc_segment_attach(&view, name, BC_VIEW_CONTROL), 0);
	bc_segment_set_state(&stream.segment, BC_STATE_CLOSED);
	ended = view.control->owner.ended_realtime_ns;
	bc_segment_close(&stream.segment); /* died before it unlinked */

	assert_int_equal(bc_segment_retire(name), 1);

	assert_int_equal(view.control->owner.ended_realtime_ns, ended);
	bc_segment_close(&view);
	bc_name_lock_drop(&stream.lock);
}

static void locks_of_readers_do_not_look_like_an_owner(void **state)
{
	const char *name = test_name();
	struct test_stream stream;
	struct bc_segment view, other;
	struct flock lock = {.l_type = F_RDLCK}; /* all of the object */

	(void)state;
	assert_int_equal(test_stream_open(&stream, name), 0);
	assert_int_equal(bc_segment_attach(&view, name, BC_VIEW_CONTROL), 0);
	assert_int_equal(bc_segment_attach(&other, name, BC_VIEW_CONTROL), 0);
	bc_segment_close(&stream.segment);

	assert_int_equal(fcntl(view.fd, F_OFD_SETLK, &lock), 0);

	assert_int_equal(bc_segment_owner_alive(&other), 0);
	assert_int_equal(bc_segment_retire(name), 1);
	bc_segment_close(&view);
	bc_segment_close(&other);
	bc_name_lock_drop(&stream.lock);
}

static void debris_of_every_kind_is_cleared_away(void **state)
{
	static const uint64_t sizes[] = {0,	  1,	       BC_PAGE - 1,
					 BC_PAGE, BC_PAGE + 1, BC_HUGE};
	const char *name = test_name();
	const uint64_t magic = BC_MAGIC;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		/* zeroes only; then with magic and nothing behind it */
		test_object_create(name, "", sizes[i]);
		assert_int_equal(bc_segment_retire(name), 1);
		test_object_create(name, "", sizes[i]);
		test_object_write(name, "", 0, &magic, sizeof(magic));
		assert_int_equal(bc_segment_retire(name), 1);
		assert_false(test_object_exists(name, ""));
	}
}

static void strangers_object_is_removed_but_not_touched(void **state)
{
	const char *name = test_name();
	struct test_stream stream;
	struct bc_segment view;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(test_stream_open(&stream, name), 0);
	assert_int_equal(fchown(stream.segment.fd, 65534, 65534), 0);
	assert_int_equal(bc_segment_attach(&view, name, BC_VIEW_CONTROL), 0);
	bc_segment_close(&stream.segment);

	/* he could cut it short under our eyes: SIGBUS */
	assert_int_equal(bc_segment_retire(name), 1);

	assert_false(test_object_exists(name, ""));
	assert_int_equal(bc_segment_state(&view), BC_STATE_LIVE);
	bc_segment_close(&view);
	bc_name_lock_drop(&stream.lock);
}

/* ---- kill -9 anywhere -------------------------------------------------- */

static void own_for_ever(void *name)
{
	struct test_stream stream;

	test_child_ready();
	test_child_check(test_stream_open(&stream, name) == 0);
	test_child_sleep();
}

/* What a killed creator has left is either not to be attached, or whole. */
static bool is_whole_if_attachable(const char *name)
{
	struct bc_segment found;
	struct stat status;
	int ret = bc_segment_attach(&found, name, BC_VIEW_ALL);

	if (ret < 0) {
		assert_true(ret == -ENOENT || ret == BCAST_ENOTREADY);
		return false;
	}
	assert_string_equal(found.control->identity.name, name);
	assert_int_not_equal(found.control->identity.epoch, 0);
	assert_int_equal(fstat(found.fd, &status), 0);
	assert_true(status.st_blocks * 512 >= (off_t)found.segment_size);
	assert_int_equal(bc_segment_owner_alive(&found), 0);
	bc_segment_close(&found);
	return true;
}

static void creator_killed_at_any_instant_leaves_the_name_free(void **state)
{
	char name[64];
	unsigned whole = 0;

	(void)state;
	snprintf(name, sizeof(name), "%s", test_name());
	for (unsigned i = 0; i < 60; i++) {
		struct test_child child = test_fork(own_for_ever, name);
		uint64_t end_ns = bc_monotonic_ns() + i * UINT64_C(40000);
		struct test_stream next;

		while (bc_monotonic_ns() < end_ns)
			bc_pause();
		test_kill(&child);

		whole += is_whole_if_attachable(name);
		assert_true(bc_segment_retire(name) >= 0);
		assert_int_equal(test_stream_open(&next, name), 0);
		test_stream_close(&next);
	}
	assert_false(test_object_exists(name, ""));
	assert_false(test_object_exists(name, ".lock"));
	print_message("%u of 60 got as far as a whole segment\n", whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_segment_is_whole_and_live),
		cmocka_unit_test(each_stream_has_an_epoch_of_its_own),
		cmocka_unit_test(all_memory_is_there_from_the_start),
		cmocka_unit_test(
			mode_and_group_are_as_asked_whatever_the_umask),
		cmocka_unit_test(impossible_configurations_leave_nothing),
		cmocka_unit_test(forbidden_group_leaves_nothing),
		cmocka_unit_test(closing_what_was_never_opened_closes_nothing),
		cmocka_unit_test(state_changes_wake_and_closing_notes_the_time),
		cmocka_unit_test(
			name_of_a_live_owner_is_neither_taken_nor_retired),
		cmocka_unit_test(retiring_nothing_is_no_error),
		cmocka_unit_test(
			readers_of_a_dead_owner_are_told_closed_and_woken),
		cmocka_unit_test(end_that_was_noted_is_not_noted_again),
		cmocka_unit_test(locks_of_readers_do_not_look_like_an_owner),
		cmocka_unit_test(debris_of_every_kind_is_cleared_away),
		cmocka_unit_test(strangers_object_is_removed_but_not_touched),
		cmocka_unit_test(
			creator_killed_at_any_instant_leaves_the_name_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
