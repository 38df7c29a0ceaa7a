/* SPDX-License-Identifier: MIT */
/*
 * The kernel goes wrong (net/fault.h): whatever it does to one connection, all
 * others get every byte, and the daemon ends as it should.
 */
#include <errno.h>
#include <stdlib.h>

#include "crowd_stage.h"

#define MIB	  (1u << 20)
#define RECEIVERS 8u

static const char *threads = "0";
static const char *zerocopy = "auto";

static void set_faults(void *argument)
{
	(void)setenv("BCAST_FAULTS", argument, 1);
}

static void start(const char *spec)
{
	const char *options[] = {"--ring-size",
				 "4M",
				 "--ingest",
				 "127.0.0.1:0",
				 "--egress",
				 "127.0.0.1:0",
				 "--slow-policy",
				 "block",
				 "--sndbuf",
				 "256K",
				 "--rcvbuf",
				 "256K",
				 "--egress-threads",
				 threads,
				 "--zerocopy",
				 zerocopy,
				 NULL};
	union {
		const char *text;
		void *argument;
	} both = {.text = spec};

	daemon_.in_child = set_faults;
	daemon_.in_child_argument = both.argument;
	daemon_fixture_start(&daemon_, options);
	crowd_open(&crowd, &daemon_);
}

static int prepare(void **state)
{
	threads = "0";
	zerocopy = "auto";
	return crowd_stage_open(state);
}

static void stream(uint64_t bytes)
{
	for (unsigned i = 0; i < RECEIVERS; i++)
		crowd_receive(&crowd);
	crowd_read_local(&crowd);
	crowd_send_from(&crowd, "ingest");
	crowd_send(&crowd, bytes);
	crowd_settle(&crowd);
}

static void assert_counted(const char *counter)
{
	assert_true(daemon_fixture_counter(&daemon_, counter) > 0);
}

/* Everybody has everything; who was cut off is counted as gone. */
static void assert_complete(unsigned lost, uint64_t bytes)
{
	unsigned ended = 0, complete = 0;

	for (unsigned i = 0; i < crowd.count; i++) {
		ended += crowd.consumers[i].ended;
		complete += crowd.consumers[i].bytes == bytes;
	}
	assert_int_equal(ended, lost);
	assert_int_equal(complete, crowd.count - lost);
	daemon_fixture_await(&daemon_, "receivers", RECEIVERS - lost);
}

/* The counter, if any, shows that it went wrong at all. */
static void nothing_is_lost(const char *spec, const char *counter)
{
	start(spec);

	stream(16 * MIB);

	assert_complete(0, 16 * MIB);
	if (counter)
		assert_counted(counter);
	daemon_fixture_stop(&daemon_);
}

static void short_sends_and_receives_lose_nothing(void **state)
{
	(void)state;
	nothing_is_lost("short=1", "short_sends");
}

static void storms_of_eagain_lose_nothing(void **state)
{
	(void)state;
	nothing_is_lost("again=4,seed=2", NULL);
}

static void late_events_and_empty_waits_lose_nothing(void **state)
{
	(void)state;
	nothing_is_lost("delay=2,empty=3,seed=3", NULL);
}

static void all_of_these_at_once_lose_nothing(void **state)
{
	(void)state;
	nothing_is_lost("short=3,again=20,delay=4,empty=5,seed=4",
			"short_sends");
}

/* Late notifications too, so room is given back late. One try is spared. */
static void sends_without_a_copy_lose_nothing_either(void **state)
{
	(void)state;
	zerocopy = "on";
	nothing_is_lost("after=1,short=3,again=20,delay=2,empty=5,seed=6",
			"zerocopy_sends");
}

static void accepting_without_descriptors_is_tried_again(void **state)
{
	(void)state;
	/* two listeners, each asked again every tenth of a second */
	nothing_is_lost("emfile=2,seed=5", "accept_errors");
}

static bool has_lost(void *argument)
{
	const unsigned *wanted = argument;
	unsigned ended = 0;

	for (unsigned i = 0; i < crowd.count; i++)
		ended += crowd.consumers[i].ended;
	return ended == *wanted;
}

/* Three sends fail for good: who loses is chance, that others do not is not. */
static void three_lose(const char *spec)
{
	unsigned lost = 3;

	start(spec);

	stream(16 * MIB);
	crowd_run_until(&crowd, has_lost, &lost);

	assert_complete(lost, 16 * MIB);
	daemon_fixture_await_log(&daemon_, "receiver_left ", lost);
	for (unsigned i = 0; i < crowd.count; i++)
		if (crowd.consumers[i].ended)
			assert_int_equal(crowd.consumers[i].error, -ECONNRESET);
	daemon_fixture_stop(&daemon_);
}

static void reset_receivers_do_not_harm_the_others(void **state)
{
	(void)state;
	three_lose("reset=10,times=3,on=send,after=20");
}

static void receivers_without_buffers_do_not_harm_the_others(void **state)
{
	(void)state;
	three_lose("nobufs=10,times=3,on=send,after=20,short=3,delay=5");
}

static void broken_pipes_and_no_memory_do_not_harm_the_others(void **state)
{
	(void)state;
	three_lose("pipe=15,nomem=15,times=3,on=send,after=20,again=30");
}

static void egress_threads_lose_nothing_either(void **state)
{
	(void)state;
	threads = "2";
	nothing_is_lost("short=3,again=20,delay=4,empty=5,seed=6",
			"short_sends");
}

static void unreadable_faults_are_refused(void **state)
{
	static const char *const options[] = {"--listen", "127.0.0.1:0", NULL};
	static char spec[] = "frobnicate=1";

	(void)state;
	daemon_.in_child = set_faults;
	daemon_.in_child_argument = spec;
	daemon_fixture_launch(&daemon_, options);

	assert_int_equal(daemon_fixture_wait(&daemon_), 71);
	assert_int_equal(daemon_fixture_logged(&daemon_, "start_failed"), 1);
	daemon_fixture_forget(&daemon_);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, prepare, crowd_stage_close)
	const struct CMUnitTest tests[] = {
		TEST(short_sends_and_receives_lose_nothing),
		TEST(storms_of_eagain_lose_nothing),
		TEST(late_events_and_empty_waits_lose_nothing),
		TEST(all_of_these_at_once_lose_nothing),
		TEST(sends_without_a_copy_lose_nothing_either),
		TEST(accepting_without_descriptors_is_tried_again),
		TEST(reset_receivers_do_not_harm_the_others),
		TEST(receivers_without_buffers_do_not_harm_the_others),
		TEST(broken_pipes_and_no_memory_do_not_harm_the_others),
		TEST(egress_threads_lose_nothing_either),
		TEST(unreadable_faults_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
