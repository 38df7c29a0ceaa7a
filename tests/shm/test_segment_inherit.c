/* SPDX-License-Identifier: MIT */
/*
 * test_segment_inherit.c - a segment, and the name, go from owner to owner
 * while both live: there is an owner at every moment, and only who was given
 * the lock can become it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bcast/bcast.h>
#include <bcast/monitor.h>

#include "shm/object.h"
#include "shm/segment_inherit.h"
#include "stream.h"

static struct test_stream stream;
static struct bc_segment heir;

static int open_stream(void **state)
{
	(void)state;
	heir = (struct bc_segment){.fd = -1};
	return test_stream_open(&stream, test_name());
}

static int close_stream(void **state)
{
	(void)state;
	bc_segment_close(&heir);
	if (stream.segment.control)
		test_stream_close(&stream);
	bc_name_lock_drop(&stream.lock);
	/* what is left where the test itself let the lock go */
	test_stream_erase(stream.name);
	return 0;
}

/* Returns what bc_segment_inherit() does with this descriptor. */
static int inherit(int fd, const struct bc_segment_config *wanted,
		   const char **reason)
{
	int ret = bc_segment_inherit(&heir, fd, wanted, reason);

	if (ret != 0)
		(void)close(fd);
	return ret;
}

static int pass_on(void)
{
	return fcntl(stream.segment.fd, F_DUPFD_CLOEXEC, 3);
}

static int open_by_name(void)
{
	char object[96];

	(void)snprintf(object, sizeof(object), "/bcast.%s", stream.name);
	return bc_object_open(object, O_RDWR);
}

static void owner_is_alive_until_both_are_gone(void **state)
{
	const struct bc_segment_config wanted = test_stream_config(stream.name);
	struct bc_segment look;
	const char *reason;

	(void)state;
	assert_int_equal(bc_segment_attach(&look, stream.name, BC_VIEW_CONTROL),
			 0);
	assert_int_equal(inherit(pass_on(), &wanted, &reason), 0);
	bc_segment_become_owner(&heir, 4, 17);

	bc_segment_close(&stream.segment);
	assert_int_equal(bc_segment_owner_alive(&look), 1);
	assert_int_equal(bc_segment_state(&look), BC_STATE_LIVE);
	bc_segment_close(&heir);
	assert_int_equal(bc_segment_owner_alive(&look), 0);
	bc_segment_close(&look);
}

static void new_owner_says_who_it_is(void **state)
{
	const struct bc_segment_config wanted = test_stream_config(stream.name);
	const struct bc_owner_shm *owner;
	const char *reason;

	(void)state;
	assert_int_equal(inherit(pass_on(), &wanted, &reason), 0);
	owner = &heir.control->owner;
	assert_int_equal(owner->incarnation, 1);
	bc_segment_become_owner(&heir, 3, 17);

	assert_int_equal(owner->incarnation, 2);
	assert_int_equal(owner->lock_offset, BC_OWNER_LOCK_BASE + 2);
	assert_int_equal(owner->max_receivers, 3);
	assert_int_equal(heir.closed_count, 17);
}

static void positions_stay(void **state)
{
	const struct bc_segment_config wanted = test_stream_config(stream.name);
	const char *reason;

	(void)state;
	test_stream_write(&stream, 1000);
	assert_int_equal(inherit(pass_on(), &wanted, &reason), 0);

	assert_int_equal(bc_ring_tail(&heir.ring), 1000);
	assert_memory_equal(heir.ring.base, stream.segment.ring.base, 1000);
}

static void who_has_only_the_name_gets_nothing(void **state)
{
	const struct bc_segment_config wanted = test_stream_config(stream.name);
	const char *reason = "";

	(void)state;
	assert_int_equal(inherit(open_by_name(), &wanted, &reason), 1);
	assert_string_equal(reason, "it does not come with its owner's lock");
}

static void segment_of_a_dead_owner_is_not_inherited(void **state)
{
	const struct bc_segment_config wanted = test_stream_config(stream.name);
	const char *reason = "";

	(void)state;
	bc_segment_close(&stream.segment);
	assert_int_equal(inherit(open_by_name(), &wanted, &reason), 1);
	assert_string_equal(reason, "it does not come with its owner's lock");
}

static void refuse(struct bc_segment_config wanted)
{
	const char *reason = NULL;

	assert_int_equal(inherit(pass_on(), &wanted, &reason), 1);
	assert_non_null(reason);
}

static void what_it_is_not_is_refused(void **state)
{
	struct bc_segment_config wanted = test_stream_config(stream.name);
	const char *reason;

	(void)state;
	wanted.capacity *= 2;
	refuse(wanted);
	wanted = test_stream_config(stream.name);
	wanted.format = BCAST_FORMAT_PACKET;
	refuse(wanted);
	wanted = test_stream_config(stream.name);
	wanted.peer_slots++;
	refuse(wanted);
	wanted.peer_slots -= 2;
	assert_int_equal(inherit(pass_on(), &wanted, &reason), 0);
}

static void one_that_is_stopping_is_refused(void **state)
{
	(void)state;
	bc_segment_set_state(&stream.segment, BC_STATE_DRAINING);
	refuse(test_stream_config(stream.name));
}

static void one_that_has_lost_its_name_is_refused(void **state)
{
	(void)state;
	assert_int_equal(bc_segment_unlink(&stream.segment), 0);
	assert_true(bc_segment_inherit(&heir, stream.segment.fd,
				       &(struct bc_segment_config){
					       .name = stream.name,
					       .capacity = TEST_CAPACITY,
					       .peer_slots = 8,
				       },
				       &(const char *){NULL}) != 0);
}

/* ---- The name ---------------------------------------------------------- */

static void name_is_held_until_both_have_dropped_it(void **state)
{
	struct bc_name_lock other, lock = {.fd = -1};
	int fd = fcntl(stream.lock.fd, F_DUPFD_CLOEXEC, 3);

	(void)state;
	assert_int_equal(bc_name_lock_inherit(&lock, stream.name, fd), 0);
	(void)close(stream.lock.fd);
	stream.lock.fd = -1;

	assert_int_equal(bc_name_lock_take(&other, stream.name), BCAST_EOWNED);
	bc_name_lock_drop(&lock);
	assert_int_equal(bc_name_lock_take(&other, stream.name), 0);
	bc_name_lock_drop(&other);
}

static void descriptor_that_is_not_the_lock_is_no_name(void **state)
{
	struct bc_name_lock lock = {.fd = -1};

	(void)state;
	assert_int_equal(
		bc_name_lock_inherit(&lock, stream.name, stream.segment.fd),
		BCAST_EFOREIGN);
	assert_int_equal(lock.fd, -1);
}

int main(void)
{
#define CLAIM(claim) \
	cmocka_unit_test_setup_teardown(claim, open_stream, close_stream)
	const struct CMUnitTest claims[] = {
		CLAIM(owner_is_alive_until_both_are_gone),
		CLAIM(new_owner_says_who_it_is),
		CLAIM(positions_stay),
		CLAIM(who_has_only_the_name_gets_nothing),
		CLAIM(segment_of_a_dead_owner_is_not_inherited),
		CLAIM(what_it_is_not_is_refused),
		CLAIM(one_that_is_stopping_is_refused),
		CLAIM(one_that_has_lost_its_name_is_refused),
		CLAIM(name_is_held_until_both_have_dropped_it),
		CLAIM(descriptor_that_is_not_the_lock_is_no_name),
	};

	return cmocka_run_group_tests(claims, NULL, NULL);
}
