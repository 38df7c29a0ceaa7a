/* SPDX-License-Identifier: MIT */
/* What connections are allowed by the limits of their addresses. */
#include "support.h"

#include "src/rates.h"

#define START_NS (UINT64_C(1000) * 1000 * 1000 * 1000)
#define MS	 (UINT64_C(1000) * 1000)

static struct config config;
static struct lane lane;
static struct bc_conn *first, *second; /* at addresses 0 and 1 */

static int setup(void **state)
{
	(void)state;
	config = (struct config){.listen_count = 2};
	lane = (struct lane){
		.config = &config,
		.now_ns = START_NS,
		.peer_socket.fd = -1,
	};
	if (lane_init(&lane, 4) < 0)
		return -1;
	first = bc_conn_open(&lane.conns, -1);
	second = bc_conn_open(&lane.conns, -1);
	second->door = 1;
	rates_begin(&lane, first);
	rates_begin(&lane, second);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	lane_fini(&lane);
	return 0;
}

static uint64_t due(enum lane_timer timer)
{
	return timers_due(&lane.timers, lane.conns.count + timer);
}

static uint64_t allow(const struct bc_conn *conn, uint64_t wanted)
{
	return rates_allow(&lane, conn, CONFIG_RATE_EGRESS, wanted);
}

static void take(const struct bc_conn *conn, uint64_t amount)
{
	rates_take(&lane, conn, CONFIG_RATE_EGRESS, amount);
}

static void no_limit_allows_all_that_is_wanted(void **state)
{
	(void)state;
	assert_int_equal(allow(first, UINT64_MAX), UINT64_MAX);
	take(first, UINT64_MAX);
	assert_int_equal(allow(first, 1), 1);
	assert_int_equal(due(LANE_HELD), TIMERS_NEVER);
}

static void limit_is_that_of_the_address_and_of_its_kind(void **state)
{
	(void)state;
	config.listens[1].rates[CONFIG_RATE_EGRESS] = 1000;

	assert_int_equal(allow(first, 5000), 5000);
	assert_int_equal(allow(second, 5000), bucket_burst(1000));
	assert_int_equal(rates_allow(&lane, second, CONFIG_RATE_INGEST, 5000),
			 5000);
}

/* Of a rate of 1000 a portion is 25. */
static void less_than_a_portion_is_waited_for(void **state)
{
	(void)state;
	config.listens[0].rates[CONFIG_RATE_EGRESS] = 1000;
	(void)allow(first, 1000);
	take(first, bucket_burst(1000) - 24);

	assert_int_equal(allow(first, 1000), 0);
	assert_int_equal(due(LANE_HELD), START_NS + RATES_GRAIN_NS);
	take(first, 24);
	lane_arm(&lane, LANE_HELD, TIMERS_NEVER);
	assert_int_equal(allow(first, 1000), 0);
	/* 25 ms, in grains */
	assert_int_equal(due(LANE_HELD), START_NS + 30 * MS);
	assert_false(lane_is_due(&lane, LANE_HELD));
	lane.now_ns = due(LANE_HELD);
	assert_true(lane_is_due(&lane, LANE_HELD));
	assert_int_equal(allow(first, 1000), 30);
	assert_int_equal(due(LANE_READ), TIMERS_NEVER);
}

/* What there is suffices for one that wants no more. */
static void little_is_not_waited_for_in_vain(void **state)
{
	(void)state;
	config.listens[0].rates[CONFIG_RATE_EGRESS] = 1000;
	(void)allow(first, 1000);
	take(first, bucket_burst(1000) - 3);

	assert_int_equal(allow(first, 4), 0);
	assert_int_equal(allow(first, 3), 3);
}

static void the_earliest_of_several_is_told(void **state)
{
	(void)state;
	config.listens[0].rates[CONFIG_RATE_EGRESS] = 10;
	config.listens[1].rates[CONFIG_RATE_EGRESS] = 1000;
	(void)allow(first, 1000);
	(void)allow(second, 1000);
	take(first, 1000);
	take(second, 1000);

	assert_int_equal(allow(first, 1000), 0);
	assert_int_equal(due(LANE_HELD), START_NS + 100 * MS);
	assert_int_equal(allow(second, 1000), 0);
	assert_int_equal(due(LANE_HELD), START_NS + 30 * MS);
	assert_int_equal(allow(first, 1000), 0);
	assert_int_equal(due(LANE_HELD), START_NS + 30 * MS);
}

static void who_puts_in_is_woken_for_by_another_timer(void **state)
{
	(void)state;
	config.listens[0].rates[CONFIG_RATE_RECORDS] = 1000;
	rates_take(&lane, first, CONFIG_RATE_RECORDS,
		   rates_allow(&lane, first, CONFIG_RATE_RECORDS, 1000));

	assert_int_equal(rates_allow(&lane, first, CONFIG_RATE_RECORDS, 1000),
			 0);

	assert_int_equal(due(LANE_READ), START_NS + 30 * MS);
	assert_int_equal(due(LANE_HELD), TIMERS_NEVER);
	assert_int_equal(lane.tally.counts[BC_COUNTER_ingest_rate_waits], 1);
}

static void a_wait_is_counted_once_however_often_it_is_looked_at(void **state)
{
	(void)state;
	config.listens[0].rates[CONFIG_RATE_EGRESS] = 1000;
	for (unsigned i = 1; i <= 3; i++) {
		lane.now_ns += 1000 * MS;
		take(first, allow(first, 1000));

		assert_int_equal(allow(first, 1000), 0);
		assert_int_equal(allow(first, 1000), 0);

		assert_int_equal(
			lane.tally.counts[BC_COUNTER_egress_rate_waits], i);
	}
	assert_int_equal(lane.tally.counts[BC_COUNTER_ingest_rate_waits], 0);
}

static void the_next_one_in_a_slot_begins_with_a_full_bucket(void **state)
{
	(void)state;
	config.listens[0].rates[CONFIG_RATE_EGRESS] = 1000;
	take(first, allow(first, 1000));

	rates_begin(&lane, first);

	assert_int_equal(allow(first, 1000), bucket_burst(1000));
}

static void a_limit_can_come_change_and_go(void **state)
{
	uint64_t *rate = &config.listens[0].rates[CONFIG_RATE_EGRESS];

	(void)state;
	take(first, allow(first, 1000000));
	*rate = 1000;
	take(first, allow(first, 1000));
	assert_int_equal(allow(first, 1000), 0);
	*rate = 100000;
	lane.now_ns += 50 * MS;
	assert_int_equal(allow(first, 1000000), 5000);
	*rate = 0;
	assert_int_equal(allow(first, 1000000), 1000000);
}

#define RATES_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RATES_TEST(no_limit_allows_all_that_is_wanted),
		RATES_TEST(limit_is_that_of_the_address_and_of_its_kind),
		RATES_TEST(less_than_a_portion_is_waited_for),
		RATES_TEST(little_is_not_waited_for_in_vain),
		RATES_TEST(the_earliest_of_several_is_told),
		RATES_TEST(who_puts_in_is_woken_for_by_another_timer),
		RATES_TEST(
			a_wait_is_counted_once_however_often_it_is_looked_at),
		RATES_TEST(the_next_one_in_a_slot_begins_with_a_full_bucket),
		RATES_TEST(a_limit_can_come_change_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
