/* SPDX-License-Identifier: MIT */
/* test_client_publish.c - a publisher over TCP: nothing lost, nothing twice. */
#include <errno.h>
#include <string.h>

#include "client_double.h"

static struct client_double double_;
static unsigned forgotten, other_epochs;

static void on_event(void *context, const struct bcast_client_event *event)
{
	(void)context;
	assert_non_null(event->text);
	forgotten += event->happening == BCAST_CLIENT_FORGOTTEN;
	other_epochs += event->happening == BCAST_CLIENT_OTHER_EPOCH;
}

static int teardown(void **state)
{
	(void)state;
	test_kill(&double_.child);
	return 0;
}

static struct bcast_client_options publisher(void)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;

	forgotten = other_epochs = 0;
	how.roles = BCAST_CLIENT_PUBLISH;
	how.on_event = on_event;
	return how;
}

static void script_take_100(struct client_double *daemon)
{
	double_greet(daemon);
	test_child_check(daemon->hello.fixed.roles == BCAST_CLIENT_PUBLISH);
	test_child_check(daemon->hello.fixed.publisher_id != 0);
	for (uint64_t i = 1; i <= 100; i++) {
		double_expect_data(daemon, i, i);
		test_child_check(daemon->header.timestamp_ns == 0);
		test_child_check(daemon->header.source == 0);
		if (i % 10 == 0)
			double_ack(daemon, i);
	}
	double_await_close(daemon);
}

static void records_are_numbered_and_acknowledged(void **state)
{
	struct bcast_client_options how = publisher();
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_take_100);
	client = double_open(&double_, &how);

	numbered_publish(client, 1, 100);
	assert_int_equal(bcast_client_flush(client, DEADLINE_MS), 0);

	assert_int_equal(bcast_client_published(client), 100);
	assert_int_equal(bcast_client_accepted(client), 100);
	assert_int_equal(bcast_client_stats(client).resent, 0);
	bcast_close(client);
	double_join(&double_);
}

static void script_no_ack(struct client_double *daemon)
{
	double_greet(daemon);
	double_await_close(daemon);
}

static void nothing_is_flushed_before_it_is_acknowledged(void **state)
{
	struct bcast_client_options how = publisher();
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_no_ack);
	client = double_open(&double_, &how);
	numbered_publish(client, 1, 1);

	assert_int_equal(bcast_client_flush(client, 0), -ETIMEDOUT);
	assert_int_equal(bcast_client_flush(client, 30), -ETIMEDOUT);

	assert_int_equal(bcast_client_accepted(client), 0);
	bcast_close(client);
	double_join(&double_);
}

/* The window has room for so many records of 64 bytes. */
#define SLOTS 128u

static void a_full_window_is_told(void **state)
{
	struct bcast_client_options how = publisher();
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_no_ack);
	how.window = (uint64_t)(SLOTS - 1) * 64 + 32;
	client = double_open(&double_, &how);
	for (unsigned i = 0; i < SLOTS; i++)
		assert_int_equal(
			bcast_client_publish(client, NULL, 0, "x", 1, 0), 0);

	assert_int_equal(bcast_client_publish(client, NULL, 0, "x", 1, 0),
			 BCAST_EFULL);
	assert_int_equal(bcast_client_publish(client, NULL, 0, "x", 1, 30),
			 BCAST_EFULL);

	assert_int_equal(bcast_client_published(client), SLOTS);
	bcast_close(client);
	double_join(&double_);
}

static void script_slow_acks(struct client_double *daemon)
{
	double_greet(daemon);
	for (uint64_t i = 1; i <= 1000; i++) {
		double_expect_data(daemon, i, i);
		if (i % 5 == 0)
			double_ack(daemon, i);
	}
	double_await_close(daemon);
}

static void a_small_window_goes_round_and_round(void **state)
{
	struct bcast_client_options how = publisher();
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_slow_acks);
	how.window = 4096 + 32 * 7; /* so that records lie across its end */
	client = double_open(&double_, &how);

	numbered_publish(client, 1, 1000);
	assert_int_equal(bcast_client_flush(client, DEADLINE_MS), 0);

	bcast_close(client);
	double_join(&double_);
}

static void the_limit_is_exact(void **state)
{
	static unsigned char bytes[8192];
	struct bcast_client_options how = publisher();
	struct bcast_client *client;
	size_t limit;

	(void)state;
	double_start(&double_, script_no_ack);
	how.window = 4096;
	client = double_open(&double_, &how);
	limit = bcast_client_limit(client);
	assert_int_equal(limit, 4096);

	assert_int_equal(
		bcast_client_publish(client, bytes, 1, bytes, limit, 0),
		-EMSGSIZE);
	assert_int_equal(
		bcast_client_publish(client, bytes, 1, bytes, limit - 1, 0), 0);

	bcast_close(client);
	double_join(&double_);
}

/* ---- Broken connections ------------------------------------------------ */

static void script_breaks(struct client_double *daemon)
{
	uint64_t id, next = 1;

	double_greet(daemon);
	id = daemon->hello.fixed.publisher_id;
	for (unsigned i = 0; i < 4; i++) {
		/* 50 are published, but only 20 of them acknowledged */
		for (unsigned j = 0; j < 50; j++, next++) {
			double_expect_data(daemon, next, next);
			if (j == 20)
				double_ack(daemon, next);
		}
		double_reset(daemon);
		double_accept(daemon);
		test_child_check(daemon->hello.fixed.publisher_id == id);
		daemon->welcome.fixed.accepted = next - 1;
		double_welcome(daemon);
	}
	while (next <= 1000) {
		double_expect_data(daemon, next, next);
		double_ack(daemon, next++);
	}
	double_await_close(daemon);
}

static void what_was_published_is_not_sent_again(void **state)
{
	struct bcast_client_options how = publisher();
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_breaks);
	client = double_open(&double_, &how);

	numbered_publish(client, 1, 1000);
	assert_int_equal(bcast_client_flush(client, DEADLINE_MS), 0);

	assert_int_equal(bcast_client_accepted(client), 1000);
	assert_int_equal(forgotten, 0);
	bcast_close(client);
	double_join(&double_);
}

static void script_lost_on_the_way(struct client_double *daemon)
{
	double_greet(daemon);
	double_expect_data(daemon, 1, 1);
	double_ack(daemon, 1);
	double_expect_data(daemon, 2, 2);
	/* 2 and 3 were never published */
	double_reset(daemon);
	daemon->welcome.fixed.accepted = 1;
	double_greet(daemon);
	for (uint64_t i = 2; i <= 3; i++)
		double_expect_data(daemon, i, i);
	double_ack(daemon, 3);
	double_await_close(daemon);
}

static void what_was_not_is_sent_again_in_order(void **state)
{
	struct bcast_client_options how = publisher();
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_lost_on_the_way);
	client = double_open(&double_, &how);

	numbered_publish(client, 1, 3);
	assert_int_equal(bcast_client_flush(client, DEADLINE_MS), 0);

	assert_in_range(bcast_client_stats(client).resent, 1, 2);
	bcast_close(client);
	double_join(&double_);
}

static void script_breaks_once(struct client_double *daemon)
{
	double_greet(daemon);
	double_expect_data(daemon, 1, 1);
	double_reset(daemon);
	daemon->welcome.fixed.accepted = 1;
	double_greet(daemon);
	double_expect_data(daemon, 2, 2);
	double_await_close(daemon);
}

static void who_only_publishes_is_connected_again(void **state)
{
	struct bcast_client_options how = publisher();
	uint64_t until_ms = test_now_ms() + DEADLINE_MS;
	struct bcast_client *client;
	int ret = 0;

	(void)state;
	double_start(&double_, script_breaks_once);
	how.window = 4096;
	client = double_open(&double_, &how);
	numbered_publish(client, 1, 2);

	/* no call here ever waits */
	while (bcast_client_stats(client).connects < 2 &&
	       test_now_ms() < until_ms)
		ret = bcast_client_publish(client, NULL, 0, "x", 1, 0);

	assert_int_equal(bcast_client_stats(client).connects, 2);
	assert_true(ret == 0 || ret == BCAST_EFULL);
	bcast_close(client);
	double_join(&double_);
}

static void script_forgets(struct client_double *daemon)
{
	double_greet(daemon);
	for (uint64_t i = 1; i <= 5; i++)
		double_expect_data(daemon, i, i);
	double_ack(daemon, 3);
	double_reset(daemon);
	/* accepted is 0: 4 and 5 come again, under the first numbers */
	double_greet(daemon);
	double_expect_data(daemon, 1, 4);
	double_expect_data(daemon, 2, 5);
	double_ack(daemon, 2);
	double_expect_data(daemon, 3, 6);
	double_ack(daemon, 3);
	double_await_close(daemon);
}

static void a_daemon_that_has_forgotten_is_told_of(void **state)
{
	struct bcast_client_options how = publisher();
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_forgets);
	client = double_open(&double_, &how);

	numbered_publish(client, 1, 5);
	assert_int_equal(bcast_client_flush(client, DEADLINE_MS), 0);
	numbered_publish(client, 6, 1);
	assert_int_equal(bcast_client_flush(client, DEADLINE_MS), 0);

	assert_int_equal(forgotten, 1);
	assert_int_equal(other_epochs, 0);
	assert_int_equal(bcast_client_accepted(client), 6);
	bcast_close(client);
	double_join(&double_);
}

static void script_other_epoch(struct client_double *daemon)
{
	double_greet(daemon);
	double_expect_data(daemon, 1, 1);
	double_ack(daemon, 1);
	double_expect_data(daemon, 2, 2);
	double_reset(daemon);
	daemon->welcome.fixed.epoch++;
	double_greet(daemon);
	double_expect_data(daemon, 1, 2);
	double_ack(daemon, 1);
	double_await_close(daemon);
}

static void another_stream_is_said_and_gets_the_rest(void **state)
{
	struct bcast_client_options how = publisher();
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_other_epoch);
	client = double_open(&double_, &how);
	numbered_publish(client, 1, 2);

	assert_int_equal(bcast_client_flush(client, DEADLINE_MS), BCAST_EEPOCH);

	assert_int_equal(bcast_client_flush(client, DEADLINE_MS), 0);
	assert_int_equal(other_epochs, 1);
	assert_int_equal(forgotten, 0);
	bcast_close(client);
	double_join(&double_);
}

static void script_known(struct client_double *daemon)
{
	daemon->welcome.fixed.accepted = 41;
	double_greet(daemon);
	test_child_check(daemon->hello.fixed.publisher_id == 77);
	double_expect_data(daemon, 42, 42);
	double_ack(daemon, 42);
	double_await_close(daemon);
}

static void a_publisher_goes_on_where_another_process_was(void **state)
{
	struct bcast_client_options how = publisher();
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_known);
	how.publisher_id = 77;
	client = double_open(&double_, &how);
	assert_int_equal(bcast_client_accepted(client), 41);

	numbered_publish(client, bcast_client_published(client) + 1, 1);

	assert_int_equal(bcast_client_flush(client, DEADLINE_MS), 0);
	bcast_close(client);
	double_join(&double_);
}

/* ---- What cannot be, and the rest -------------------------------------- */

static void script_impossible_acks(struct client_double *daemon)
{
	double_greet(daemon);
	double_expect_data(daemon, 1, 1);
	double_ack(daemon, 2);
	double_await_close(daemon);
	daemon->welcome.fixed.accepted = 5;
	double_greet(daemon);
	double_await_close(daemon);
	daemon->welcome.fixed.accepted = 1;
	double_greet(daemon);
	double_await_close(daemon);
}

static void acknowledgements_of_what_was_never_sent_are_not_believed(
	void **state)
{
	struct bcast_client_options how = publisher();
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_impossible_acks);
	client = double_open(&double_, &how);

	numbered_publish(client, 1, 1);

	assert_int_equal(bcast_client_flush(client, DEADLINE_MS), 0);
	bcast_close(client);
	double_join(&double_);
}

static void script_busy_then_replaced(struct client_double *daemon)
{
	double_accept(daemon);
	double_reject(daemon, BCAST_REJECT_BUSY, 20);
	double_greet(daemon);
	double_expect_data(daemon, 1, 1);
	double_ack(daemon, 1);
	double_reject(daemon, BCAST_REJECT_REPLACED, 0);
}

static void who_has_patience_waits_for_the_other_publisher(void **state)
{
	struct bcast_client_options how = publisher();
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_busy_then_replaced);
	how.open_ms = DEADLINE_MS;
	client = double_open(&double_, &how);
	numbered_publish(client, 1, 1);
	while (bcast_client_flush(client, 10) != BCAST_EREFUSED)
		;

	assert_int_equal(bcast_client_publish(client, NULL, 0, "x", 1, 0),
			 BCAST_EREFUSED);
	assert_int_equal(bcast_client_refusal(client).code,
			 BCAST_REJECT_REPLACED);
	bcast_close(client);
	double_join(&double_);
}

static void script_busy(struct client_double *daemon)
{
	double_accept(daemon);
	double_reject(daemon, BCAST_REJECT_BUSY, 20);
}

static void who_has_none_is_refused(void **state)
{
	struct bcast_client_options how = publisher();
	struct bcast_client_refusal refusal;
	struct bcast_client *client = NULL;

	(void)state;
	double_start(&double_, script_busy);
	how.refusal = &refusal;

	assert_int_equal(bcast_open(double_.address, &how, &client),
			 BCAST_EREFUSED);

	assert_int_equal(refusal.code, BCAST_REJECT_BUSY);
	assert_int_equal(refusal.retry_after_ms, 20);
	assert_null(client);
	double_join(&double_);
}

static void script_checksums_and_keys(struct client_double *daemon)
{
	double_greet(daemon);
	test_child_check(daemon->hello.fixed.wants == BCAST_FEATURE_CHECKSUM);
	double_expect(daemon, BCAST_PACKET_DATA);
	test_child_check(daemon->header.crc32c == 0xe3069283);
	test_child_check(daemon->header.key_length == 4);
	test_child_check(memcmp(daemon->payload, "123456789", 9) == 0);
	double_ack(daemon, 1);
	double_await_close(daemon);
}

static void keys_and_checksums_go_along(void **state)
{
	struct bcast_client_options how = publisher();
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_checksums_and_keys);
	how.flags = BCAST_CLIENT_CHECKSUM;
	client = double_open(&double_, &how);

	assert_int_equal(bcast_client_publish(client, "1234", 4, "56789", 5, 0),
			 0);

	assert_int_equal(bcast_client_flush(client, DEADLINE_MS), 0);
	bcast_close(client);
	double_join(&double_);
}

static void a_batch_is_sent_with_one_call(void **state)
{
	struct bcast_client_options how = publisher();
	struct bcast_client *client;
	uint64_t sends;

	(void)state;
	double_start(&double_, script_take_100);
	how.flags = BCAST_CLIENT_BATCH;
	client = double_open(&double_, &how);
	sends = bcast_client_stats(client).sends;

	numbered_publish(client, 1, 100);
	assert_int_equal(bcast_client_flush(client, DEADLINE_MS), 0);

	assert_int_equal(bcast_client_stats(client).sends - sends, 1);
	bcast_close(client);
	double_join(&double_);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		CASE(records_are_numbered_and_acknowledged),
		CASE(nothing_is_flushed_before_it_is_acknowledged),
		CASE(a_full_window_is_told),
		CASE(a_small_window_goes_round_and_round),
		CASE(the_limit_is_exact),
		CASE(what_was_published_is_not_sent_again),
		CASE(what_was_not_is_sent_again_in_order),
		CASE(who_only_publishes_is_connected_again),
		CASE(a_daemon_that_has_forgotten_is_told_of),
		CASE(another_stream_is_said_and_gets_the_rest),
		CASE(a_publisher_goes_on_where_another_process_was),
		CASE(acknowledgements_of_what_was_never_sent_are_not_believed),
		CASE(who_has_patience_waits_for_the_other_publisher),
		CASE(who_has_none_is_refused),
		CASE(keys_and_checksums_go_along),
		CASE(a_batch_is_sent_with_one_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
