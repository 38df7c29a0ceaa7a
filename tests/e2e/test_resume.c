/* SPDX-License-Identifier: MIT */
/*
 * test_resume.c - a subscriber says where it goes on: it misses nothing that is
 * still in the ring, and is told exactly what is not.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include <bcast/bcast.h>

#include "subscriber.h"
#include "takers.h"

#define MIB  (1u << 20)
#define MOST 3000u

static struct daemon_fixture daemon_;
static struct subscriber subscriber;
static struct publishing publishing;

static void launch(void)
{
	const char *options[] = {"--ring-size", "1M",	    "--format",
				 "packet",	"--packet", "127.0.0.1:0",
				 "--heartbeat", "100ms",    "--idle-timeout",
				 "60s",		NULL};

	daemon_fixture_start(&daemon_, options);
}

static void open_publisher(void)
{
	publishing = (struct publishing){
		.name = daemon_.name,
		.id = "writer",
		.lease_wait_ms = DEADLINE_MS,
		.most = MOST,
	};
	assert_int_equal(publishing_try(&publishing), 0);
}

static void start(void)
{
	launch();
	open_publisher();
}

static void publish(uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		assert_int_equal(publishing_one(&publishing), 0);
}

static void publish_bytes(uint64_t bytes)
{
	uint64_t end = subscriber_place(publishing.next, MOST) + bytes;

	while (subscriber_place(publishing.next, MOST) < end)
		publish(1);
}

static void resume(uint64_t position, struct bc_welcome *welcome)
{
	struct bc_hello hello = subscriber_hello(position);

	subscriber_open(&subscriber, &daemon_, &hello, welcome);
}

static void leave(void)
{
	client_close(&subscriber.client);
}

static int prepare(void **state)
{
	(void)state;
	daemon_ = (struct daemon_fixture){0};
	subscriber = (struct subscriber){.most = MOST};
	publishing = (struct publishing){0};
	return 0;
}

static int close_all(void **state)
{
	leave();
	publishing_close(&publishing);
	return daemon_fixture_cleanup(state);
}

/* ---- What is there ----------------------------------------------------- */

static void young_stream_is_there_from_its_first_record(void **state)
{
	struct bc_hello hello = client_hello(BCAST_CLIENT_SUBSCRIBE);
	struct bc_welcome welcome;

	(void)state;
	start();
	publish(100);
	hello.fixed.from = BCAST_START_OLDEST;

	subscriber_open(&subscriber, &daemon_, &hello, &welcome);

	assert_int_equal(welcome.fixed.position, 0);
	assert_int_equal(welcome.fixed.sequence, 1);
	subscriber_take_to(&subscriber, 101);
	assert_int_equal(subscriber.taken, 100);
	daemon_fixture_stop(&daemon_);
}

static void every_record_is_a_place_to_go_on_at(void **state)
{
	(void)state;
	start();
	publish(200);
	for (uint64_t i = 1; i <= 201; i++) {
		struct bc_welcome welcome;

		resume(subscriber_place(i, MOST), &welcome);
		assert_int_equal(welcome.fixed.sequence, i);
		assert_int_equal(welcome.fixed.position,
				 subscriber_place(i, MOST));
		if (i % 50 == 1)
			subscriber_take_to(&subscriber, 201);
		leave();
	}
	assert_int_equal(subscriber.gaps, 0);
	daemon_fixture_stop(&daemon_);
}

/* From its very edge on: with nobody at it, nothing of it goes. */
static void whole_ring_is_there_to_be_had(void **state)
{
	uint64_t oldest = 1;
	uint64_t tail;

	(void)state;
	start();
	publish_bytes(3 * MIB);
	publishing_close(&publishing);
	tail = subscriber_place(publishing.next, MOST);
	/* what a publisher reserves before it needs it is a part of the ring */
	while (subscriber_place(oldest, MOST) < tail - MIB + MIB / 8)
		oldest++;

	resume(subscriber_place(oldest, MOST), NULL);

	subscriber_take_to(&subscriber, publishing.next);
	assert_int_equal(subscriber.gaps, 0);
	daemon_fixture_stop(&daemon_);
}

/* ---- What is not ------------------------------------------------------- */

static void gap_says_what_is_gone(void **state)
{
	struct bc_welcome welcome;
	uint64_t asked;

	(void)state;
	start();
	publish_bytes(3 * MIB);
	asked = subscriber_place(10, MOST);

	resume(asked, &welcome);

	subscriber_expect_gap(&subscriber, BCAST_GAP_OVERWRITTEN);
	assert_int_equal(subscriber.gap.from, asked);
	assert_int_equal(subscriber.gap.from_sequence, 0);
	assert_int_equal(subscriber.gap.to, welcome.fixed.position);
	assert_int_equal(subscriber.gap.to_sequence, welcome.fixed.sequence);
	/* no more than is gone, and an eighth */
	assert_true(welcome.fixed.tail - welcome.fixed.position > MIB / 2);
	subscriber_take_to(&subscriber, publishing.next);
	assert_int_equal(subscriber.gaps, 1);
	daemon_fixture_stop(&daemon_);
}

static void expect_rejected(uint64_t position)
{
	struct bc_hello hello = subscriber_hello(position);
	unsigned char bytes[BC_HELLO_FRAME_MAX];

	client_connect(&subscriber.client, &daemon_);
	client_say_bytes(&subscriber.client, bytes,
			 bc_hello_write(bytes, &hello));
	client_expect_reject(&subscriber.client, BCAST_REJECT_POSITION);
	leave();
}

static void positions_that_cannot_be_are_rejected(void **state)
{
	uint64_t tail;
	struct bc_welcome welcome;

	(void)state;
	start();
	publish(100);
	tail = subscriber_place(101, MOST);

	resume(tail, &welcome);
	assert_int_equal(welcome.fixed.position, tail);
	leave();
	expect_rejected(tail + 32);
	expect_rejected(tail - 1);
	expect_rejected(UINT64_MAX);
	expect_rejected(UINT64_MAX - 31);
	/* within the largest */
	expect_rejected(subscriber_place(19, MOST) + 32);
	daemon_fixture_stop(&daemon_);
}

/* ---- By number, by time ------------------------------------------------ */

static struct bc_hello hello_at(uint16_t from, uint64_t sequence,
				uint64_t time_ns)
{
	struct bc_hello hello = client_hello(BCAST_CLIENT_SUBSCRIBE);

	hello.fixed.from = from;
	hello.fixed.sequence = sequence;
	hello.fixed.time_ns = time_ns;
	return hello;
}

static void number_leads_to_its_record(void **state)
{
	static const uint64_t numbers[] = {1, 2, 99, 300, 400, 401};

	(void)state;
	start();
	publish(400);
	for (unsigned i = 0; i < 6; i++) {
		struct bc_hello hello =
			hello_at(BCAST_START_SEQUENCE, numbers[i], 0);
		struct bc_welcome welcome;

		subscriber_open(&subscriber, &daemon_, &hello, &welcome);
		assert_int_equal(welcome.fixed.sequence, numbers[i]);
		assert_int_equal(welcome.fixed.position,
				 subscriber_place(numbers[i], MOST));
		leave();
	}
	daemon_fixture_stop(&daemon_);
}

static void number_that_is_gone_is_told(void **state)
{
	struct bc_hello hello = hello_at(BCAST_START_SEQUENCE, 7, 0);
	struct bc_welcome welcome;

	(void)state;
	start();
	publish_bytes(3 * MIB);

	subscriber_open(&subscriber, &daemon_, &hello, &welcome);

	subscriber_expect_gap(&subscriber, BCAST_GAP_OVERWRITTEN);
	assert_int_equal(subscriber.gap.from_sequence, 7);
	assert_int_equal(subscriber.gap.to_sequence, welcome.fixed.sequence);
	assert_int_equal(subscriber.gap.from, subscriber.gap.to);
	subscriber_take_to(&subscriber, publishing.next);
	daemon_fixture_stop(&daemon_);
}

static void number_that_is_to_come_is_rejected(void **state)
{
	struct bc_hello hello = hello_at(BCAST_START_SEQUENCE, 102, 0);
	unsigned char bytes[BC_HELLO_FRAME_MAX];

	(void)state;
	start();
	publish(100);
	client_connect(&subscriber.client, &daemon_);
	client_say_bytes(&subscriber.client, bytes,
			 bc_hello_write(bytes, &hello));

	client_expect_reject(&subscriber.client, BCAST_REJECT_POSITION);
	daemon_fixture_stop(&daemon_);
}

static uint64_t now_realtime_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void time_leads_to_what_came_after(void **state)
{
	struct bc_welcome welcome;
	struct bc_hello hello;
	uint64_t time_ns;

	(void)state;
	start();
	publish(50);
	time_ns = now_realtime_ns();
	publish(50);
	hello = hello_at(BCAST_START_TIME, 0, time_ns);
	subscriber_open(&subscriber, &daemon_, &hello, &welcome);
	/* a coarse clock may have stamped it somewhat earlier */
	assert_in_range(welcome.fixed.sequence, 51, 101);
	subscriber_take_to(&subscriber, 101);
	leave();

	hello = hello_at(BCAST_START_TIME, 0, UINT64_MAX);
	subscriber_open(&subscriber, &daemon_, &hello, &welcome);
	assert_int_equal(welcome.fixed.sequence, 101);
	leave();

	hello = hello_at(BCAST_START_TIME, 0, 0);
	subscriber_open(&subscriber, &daemon_, &hello, &welcome);
	assert_int_equal(welcome.fixed.sequence, 1);
	subscriber_take_to(&subscriber, 101);
	assert_int_equal(subscriber.gaps, 0);
	daemon_fixture_stop(&daemon_);
}

static void time_before_the_ring_is_told(void **state)
{
	struct bc_hello hello = hello_at(BCAST_START_TIME, 0, 1);

	(void)state;
	start();
	publish_bytes(3 * MIB);

	subscriber_open(&subscriber, &daemon_, &hello, NULL);

	subscriber_expect_gap(&subscriber, BCAST_GAP_OVERWRITTEN);
	assert_int_equal(subscriber.gap.from, subscriber.gap.to);
	assert_int_equal(subscriber.gap.from_sequence, 0);
	subscriber_take_to(&subscriber, publishing.next);
	daemon_fixture_stop(&daemon_);
}

/* ---- Under load -------------------------------------------------------- */

static _Atomic bool enough;

static void *publish_on(void *argument)
{
	struct publishing *on = argument;

	while (!atomic_load(&enough))
		if (publishing_one(on) != 0)
			break;
	return NULL;
}

/*
 * Whoever publishes runs on while nobody is there, so gaps are to be expected.
 */
static void nothing_is_missed_but_what_is_told(void **state)
{
	uint64_t position = 0;
	pthread_t thread;

	(void)state;
	start();
	atomic_store(&enough, false);
	publish(1);
	assert_int_equal(pthread_create(&thread, NULL, publish_on, &publishing),
			 0);
	for (unsigned round = 0; round < 60; round++) {
		uint64_t until;

		resume(position, NULL);
		until = subscriber.client.sequence + 50 + 20 * (round % 40);
		/* as it was asked for, or a GAP from there on */
		if (subscriber.client.position != position) {
			subscriber_expect_gap(&subscriber,
					      BCAST_GAP_OVERWRITTEN);
			assert_int_equal(subscriber.gap.from, position);
		}
		subscriber_take_to(&subscriber, until);
		position = subscriber.client.position;
		assert_int_equal(
			position,
			subscriber_place(subscriber.client.sequence, MOST));
		leave();
	}
	atomic_store(&enough, true);
	(void)pthread_join(thread, NULL);
	assert_int_equal(daemon_fixture_counter(&daemon_, "receivers_dropped"),
			 0);
	daemon_fixture_stop(&daemon_);
}

/*
 * It is far behind, and the publisher never rests: it catches up all the same.
 */
static void who_replays_is_waited_for(void **state)
{
	struct bc_hello hello = client_hello(BCAST_CLIENT_SUBSCRIBE);
	struct bc_welcome welcome;
	pthread_t thread;

	(void)state;
	start();
	publish_bytes(3 * MIB);
	atomic_store(&enough, false);
	assert_int_equal(pthread_create(&thread, NULL, publish_on, &publishing),
			 0);
	hello.fixed.from = BCAST_START_OLDEST;

	subscriber_open(&subscriber, &daemon_, &hello, &welcome);
	subscriber_take_to(&subscriber, welcome.fixed.sequence + 5000);

	assert_int_equal(subscriber.gaps, 0);
	atomic_store(&enough, true);
	leave();
	(void)pthread_join(thread, NULL);
	daemon_fixture_stop(&daemon_);
}

static void who_replays_and_takes_nothing_is_not_waited_for_long(void **state)
{
	struct bc_hello hello = client_hello(BCAST_CLIENT_SUBSCRIBE);
	uint64_t began_ms = test_now_ms();
	pthread_t thread;

	(void)state;
	start();
	publish_bytes(3 * MIB);
	atomic_store(&enough, false);
	assert_int_equal(pthread_create(&thread, NULL, publish_on, &publishing),
			 0);
	hello.fixed.from = BCAST_START_OLDEST;
	hello.fixed.policy = BCAST_WISH_DISCONNECT;

	subscriber_open(&subscriber, &daemon_, &hello, NULL);
	daemon_fixture_await(&daemon_, "receivers_dropped", 1);

	/* REPLAY_NS, and what a busy machine needs */
	assert_true(test_now_ms() - began_ms < 9000);
	atomic_store(&enough, true);
	(void)pthread_join(thread, NULL);
	daemon_fixture_stop(&daemon_);
}

/* ---- Other lives ------------------------------------------------------- */

/* What it leaves in /dev/shm is there for the next one of this name, or not. */
static void kill_daemon(bool leave_segment)
{
	char name[sizeof(daemon_.name)];

	strcpy(name, daemon_.name);
	if (leave_segment) {
		assert_int_equal(kill(daemon_.pid, SIGKILL), 0);
		assert_int_equal(daemon_fixture_wait(&daemon_), 128 + SIGKILL);
		daemon_fixture_forget(&daemon_);
	} else {
		daemon_fixture_kill(&daemon_);
	}
	daemon_ = (struct daemon_fixture){0};
	strcpy(daemon_.name, name);
}

static void position_outlives_the_daemon(void **state)
{
	struct bc_welcome before, after;
	struct bc_hello hello;

	(void)state;
	start();
	publish(100);
	resume(0, &before);
	subscriber_take_to(&subscriber, 50);
	leave();

	kill_daemon(true);
	launch();
	publishing_close(&publishing);
	open_publisher();
	publish(100);
	hello = subscriber_hello(subscriber_place(50, MOST));
	hello.fixed.epoch = before.fixed.epoch;
	subscriber_open(&subscriber, &daemon_, &hello, &after);

	assert_int_equal(after.fixed.epoch, before.fixed.epoch);
	assert_int_equal(after.fixed.flags, 0);
	assert_int_equal(after.fixed.sequence, 50);
	subscriber_take_to(&subscriber, 201);
	assert_int_equal(subscriber.gaps, 0);
	daemon_fixture_stop(&daemon_);
}

static void other_epoch_is_another_stream(void **state)
{
	struct bc_welcome before, after;
	struct bc_hello hello;

	(void)state;
	start();
	publish(100);
	resume(0, &before);
	subscriber_take_to(&subscriber, 90);
	leave();
	publishing_close(&publishing);

	kill_daemon(false);
	start();
	publish(20);
	hello = subscriber_hello(subscriber_place(90, MOST));
	hello.fixed.epoch = before.fixed.epoch;
	subscriber_open(&subscriber, &daemon_, &hello, &after);

	assert_int_not_equal(after.fixed.epoch, before.fixed.epoch);
	assert_int_equal(after.fixed.flags, BCAST_WELCOME_OTHER_EPOCH);
	assert_int_equal(after.fixed.position, 0);
	subscriber_take_to(&subscriber, 21);
	assert_int_equal(subscriber.gaps, 0);
	daemon_fixture_stop(&daemon_);
}

#define RESUME_TEST(f) cmocka_unit_test_setup_teardown(f, prepare, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RESUME_TEST(young_stream_is_there_from_its_first_record),
		RESUME_TEST(every_record_is_a_place_to_go_on_at),
		RESUME_TEST(whole_ring_is_there_to_be_had),
		RESUME_TEST(gap_says_what_is_gone),
		RESUME_TEST(positions_that_cannot_be_are_rejected),
		RESUME_TEST(number_leads_to_its_record),
		RESUME_TEST(number_that_is_gone_is_told),
		RESUME_TEST(number_that_is_to_come_is_rejected),
		RESUME_TEST(time_leads_to_what_came_after),
		RESUME_TEST(time_before_the_ring_is_told),
		RESUME_TEST(nothing_is_missed_but_what_is_told),
		RESUME_TEST(who_replays_is_waited_for),
		RESUME_TEST(
			who_replays_and_takes_nothing_is_not_waited_for_long),
		RESUME_TEST(position_outlives_the_daemon),
		RESUME_TEST(other_epoch_is_another_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
