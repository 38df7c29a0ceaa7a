/* SPDX-License-Identifier: MIT */
/*
 * Rate limits of clients of --packet: each record of a publisher arrives
 * exactly once and in order, at its rate, whichever way it takes; a record
 * larger than all that may go at once passes; a limited subscriber gets all.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "published.h"
#include "publish_stage.h"

#define ID   UINT64_C(0x77)
#define MOST 300u

static void launch(const char *publishers, const char *ring,
		   const char *idle_timeout, const char *option,
		   const char *value)
{
	const char *options[] = {"--ring-size",
				 ring,
				 "--format",
				 "packet",
				 "--packet",
				 "127.0.0.1:0",
				 "--egress",
				 "127.0.0.1:0",
				 "--publishers",
				 publishers,
				 "--slow-policy",
				 "block",
				 "--heartbeat",
				 "3600s",
				 "--idle-timeout",
				 idle_timeout,
				 option,
				 value,
				 NULL};

	daemon_fixture_start(&daemon_, options);
}

static void start(const char *publishers, const char *ring, const char *option,
		  const char *value)
{
	launch(publishers, ring, "60s", option, value);
	publish_stage_begin(ID);
}

static uint64_t counter(const char *name)
{
	return daemon_fixture_counter(&daemon_, name);
}

static void assert_rate(uint64_t count, uint64_t ms, uint64_t rate)
{
	uint64_t measured = count * 1000 / (ms > 0 ? ms : 1);

	if (measured < rate / 2 || measured > rate / 10 * 11)
		fail_msg("%llu in %llu ms are not %llu a second",
			 (unsigned long long)count, (unsigned long long)ms,
			 (unsigned long long)rate);
}

/* ---- Records ----------------------------------------------------------- */

/* Said at once, so that they come in a few receives. */
static void records_at_a_rate(const char *publishers)
{
	const unsigned count = 500;
	uint64_t began_ms;

	start(publishers, "1M", "--ingest-packets", "200");

	began_ms = test_now_ms();
	tcp_publisher_run(&publisher, count, MOST);
	for (unsigned i = 0; i < count; i += 50)
		witness_expect_run(&witness, 1, i + 1, 50, MOST);

	assert_rate(count, test_now_ms() - began_ms, 200);
	tcp_publisher_settle(&publisher);
	assert_int_equal(counter("records_in"), count);
	assert_int_equal(counter("records_duplicate"), 0);
	assert_true(counter("ingest_rate_waits") > 0);
	publish_stage_end();
}

static void records_are_taken_at_their_rate_where_they_stand(void **state)
{
	(void)state;
	records_at_a_rate("one");
}

static void records_are_taken_at_their_rate_from_a_buffer(void **state)
{
	(void)state;
	records_at_a_rate("many");
}

/* It is not read, and so cannot be heard. */
static void publisher_that_waits_is_not_idle(void **state)
{
	const unsigned count = 300;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		launch(i == 0 ? "one" : "many", "1M", "500ms",
		       "--ingest-packets", "200");
		tcp_publisher_open(&publisher, &daemon_, ID);

		tcp_publisher_run(&publisher, count, MOST);
		tcp_publisher_settle(&publisher);

		assert_int_equal(counter("records_in"), count);
		assert_int_equal(counter("clients_rejected"), 0);
		publish_stage_end();
	}
}

/* Slower than its neighbour says its own: who waits is not waited for. */
static void each_publisher_has_a_rate_of_its_own(void **state)
{
	struct tcp_publisher other = {0};
	uint64_t seen[3] = {0, 0, 0}, began_ms;

	(void)state;
	start("many", "1M", "--ingest-packets", "200");
	tcp_publisher_open(&other, &daemon_, ID + 1);

	began_ms = test_now_ms();
	tcp_publisher_run(&publisher, 300, MOST);
	tcp_publisher_run(&other, 300, MOST);
	for (unsigned i = 0; i < 600; i++) {
		const struct bcast_packet_header *header =
			witness_next(&witness);
		uint64_t number;

		assert_in_range(header->source, 1, 2);
		number = ++seen[header->source];
		assert_int_equal(header->length,
				 published_length(number, MOST));
		assert_int_equal(
			published_wrong(number, header + 1, header->length),
			-1);
	}

	assert_rate(600, test_now_ms() - began_ms, 400);
	assert_int_equal(seen[1], 300);
	tcp_publisher_close(&other);
	publish_stage_end();
}

/* It has ended in order, and what it said is still being taken. */
static void what_a_publisher_has_said_outlives_it(void **state)
{
	(void)state;
	start("one", "1M", "--ingest-packets", "50");
	tcp_publisher_run(&publisher, 100, MOST);

	assert_int_equal(shutdown(publisher.client.fd, SHUT_WR), 0);

	witness_expect_run(&witness, 1, 1, 100, MOST);
	tcp_publisher_settle(&publisher);
	daemon_fixture_await(&daemon_, "publishers", 0);
	publish_stage_end();
}

/* ---- Bytes ------------------------------------------------------------- */

static void bytes_at_a_rate(const char *publishers)
{
	const unsigned count = 1000;
	const size_t most = 4096;
	uint64_t began_ms;

	start(publishers, "4M", "--ingest-rate", "1M");

	began_ms = test_now_ms();
	for (unsigned i = 0; i < count; i += 50) {
		tcp_publisher_run(&publisher, 50, most);
		witness_expect_run(&witness, 1, i + 1, 50, most);
	}

	assert_rate(counter("bytes_in"), test_now_ms() - began_ms, 1 << 20);
	tcp_publisher_settle(&publisher);
	assert_int_equal(counter("records_in"), count);
	assert_true(counter("ingest_rate_waits") > 0);
	publish_stage_end();
}

static void bytes_are_taken_at_their_rate_where_they_stand(void **state)
{
	(void)state;
	bytes_at_a_rate("one");
}

static void bytes_are_taken_at_their_rate_from_a_buffer(void **state)
{
	(void)state;
	bytes_at_a_rate("many");
}

/* A fifth of a second may go at once, and the record takes more. */
static void record_larger_than_the_burst_passes(const char *publishers,
						const char *option)
{
	const size_t size = 600000;
	unsigned char *payload = malloc(size);

	assert_non_null(payload);
	published_payload(1, payload, size);
	start(publishers, "4M", option, "1M");

	tcp_publisher_say(&publisher, payload, size);
	tcp_publisher_say(&publisher, "small", 5);

	witness_expect(&witness, 1, payload, size);
	witness_expect(&witness, 1, "small", 5);
	tcp_publisher_settle(&publisher);
	free(payload);
	publish_stage_end();
}

static void large_records_pass_in_pieces(void **state)
{
	(void)state;
	record_larger_than_the_burst_passes("one", "--ingest-rate");
	record_larger_than_the_burst_passes("many", "--ingest-rate");
	record_larger_than_the_burst_passes("one", "--egress-rate");
}

/* ---- Subscribers ------------------------------------------------------- */

/* Two receivers at the rate each; the sender waits for them: block. */
static void limited_subscribers_get_every_record(void **state)
{
	const unsigned count = 1000;
	const size_t most = 4096;
	uint64_t began_ms;

	(void)state;
	start("one", "4M", "--egress-rate", "1M");

	began_ms = test_now_ms();
	for (unsigned i = 0; i < count; i += 50) {
		tcp_publisher_run(&publisher, 50, most);
		witness_expect_run(&witness, 1, i + 1, 50, most);
	}

	assert_rate(counter("bytes_in"), test_now_ms() - began_ms, 1 << 20);
	daemon_fixture_await(&daemon_, "bytes_out", 2 * counter("bytes_in"));
	assert_true(counter("egress_rate_waits") > 0);
	publish_stage_end();
}

#define RATES_TEST(f)                                          \
	cmocka_unit_test_setup_teardown(f, publish_stage_open, \
					publish_stage_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RATES_TEST(records_are_taken_at_their_rate_where_they_stand),
		RATES_TEST(records_are_taken_at_their_rate_from_a_buffer),
		RATES_TEST(publisher_that_waits_is_not_idle),
		RATES_TEST(each_publisher_has_a_rate_of_its_own),
		RATES_TEST(what_a_publisher_has_said_outlives_it),
		RATES_TEST(bytes_are_taken_at_their_rate_where_they_stand),
		RATES_TEST(bytes_are_taken_at_their_rate_from_a_buffer),
		RATES_TEST(large_records_pass_in_pieces),
		RATES_TEST(limited_subscribers_get_every_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
