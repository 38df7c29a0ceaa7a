/* SPDX-License-Identifier: MIT */
/* test_client_open.c - addresses and options, good and bad. */
#include <errno.h>
#include <string.h>

#include "client_double.h"
#include "net/client_parts.h"

static void addresses_say_which_door(void **state)
{
	struct bc_client_address address;

	(void)state;
	assert_int_equal(bc_client_address_parse("shm:feed", &address), 0);
	assert_true(address.shm && !address.tcp);
	assert_string_equal(address.text, "feed");
	assert_int_equal(bc_client_address_parse("tcp://[::1]:7400", &address),
			 0);
	assert_true(!address.shm && address.tcp);
	assert_string_equal(address.text, "[::1]:7400");
	assert_int_equal(bc_client_address_parse("unix:/run/feed", &address),
			 0);
	assert_true(!address.shm && address.tcp);
	assert_int_equal(bc_client_address_parse("unix:@feed", &address), 0);
	assert_true(!address.shm && address.tcp);
	assert_int_equal(bc_client_address_parse("host:7400", &address), 0);
	assert_true(!address.shm && !address.tcp);
	assert_string_equal(address.text, "host:7400");
	/* a host of that name */
	assert_int_equal(bc_client_address_parse("unix:7400", &address), 0);
	assert_true(!address.shm && !address.tcp);
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const texts[] = {
		"",	   "feed",	 "shm:",       "shm:a/b",
		"shm:..",  "tcp://",	 "tcp://host", "host:0",
		"*:7400",  "host:99999", "unix:",      "::1:7400",
		"[::1]:",  ":7400",	 "tcp://:1",   "http://h:1",
		"shm:x:1", "tcp://*:1",
	};
	struct bcast_client *client = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(bcast_open(texts[i], NULL, &client), -EINVAL);
	assert_null(client);
}

/* Nobody is asked: options are judged before that. */
static int judged(const struct bcast_client_options *how)
{
	struct bcast_client *client = NULL;

	return bcast_open("shm:no-such-stream-here", how, &client);
}

static void options_are_judged(void **state)
{
	static const struct bcast_client_options good = BCAST_CLIENT_DEFAULTS;
	struct bcast_client_options how = good;

	(void)state;
	assert_int_equal(judged(&how), -ENOENT);
#define EXPECT(field, value, result)                      \
	do {                                              \
		how = good;                               \
		how.field = (value);                      \
		assert_int_equal(judged(&how), (result)); \
	} while (0)
	EXPECT(size, sizeof(how) - 1, -EINVAL);
	EXPECT(roles, 0, -EINVAL);
	EXPECT(roles, 8, -EINVAL);
	EXPECT(roles, BCAST_CLIENT_NODE, -EINVAL); /* and no id */
	EXPECT(roles, BCAST_CLIENT_PUBLISH, -ENOENT);
	EXPECT(id, "not an id", -EINVAL);
	EXPECT(id, "", -EINVAL);
	EXPECT(from, BCAST_START_TIME + 1, -EINVAL);
	EXPECT(flags, 16, -EINVAL);
	EXPECT(policy, BCAST_WISH_SKIP + 1, -EINVAL);
	EXPECT(key_size, 1, -EINVAL); /* and no key */
	EXPECT(heartbeat_ms, 0, -EINVAL);
	EXPECT(heartbeat_ms, 60001, -EINVAL);
	EXPECT(idle_timeout_ms, 999, -EINVAL);
	EXPECT(idle_timeout_ms, 1000, -ENOENT);
	EXPECT(open_ms, -2, -EINVAL);
	EXPECT(give_up_ms, -2, -EINVAL);
	EXPECT(window, 4095, -EINVAL);
	EXPECT(window, 4096, -ENOENT);
	EXPECT(publisher_id, 1, -EINVAL); /* and no publisher */
	how = good;
	how.key = "k";
	how.key_size = BCAST_CLIENT_KEY_MAX + 1;
	assert_int_equal(judged(&how), -EINVAL);
	how = good;
	how.roles = BCAST_CLIENT_PUBLISH;
	how.publisher_id = 1;
	assert_int_equal(judged(&how), -EOPNOTSUPP);
}

static struct client_double double_;

static int teardown(void **state)
{
	(void)state;
	test_kill(&double_.child);
	return 0;
}

static void script_no_bcastd(struct client_double *daemon)
{
	static const char text[] = "220 mail.example.net ESMTP and so on\r\n";

	double_accept(daemon);
	double_say_bytes(daemon, text, sizeof(text));
	double_await_close(daemon);
}

static void somebody_else_is_not_taken_for_a_daemon(void **state)
{
	struct bcast_client *client = NULL;

	(void)state;
	double_start(&double_, script_no_bcastd);

	assert_int_equal(bcast_open(double_.address, NULL, &client),
			 BCAST_EPROTO);

	double_join(&double_);
}

static void script_closes(struct client_double *daemon)
{
	double_accept(daemon);
	double_hang_up(daemon);
	double_accept(daemon);
	double_hang_up(daemon);
	double_greet(daemon);
	double_await_close(daemon);
}

static void opening_has_as_much_patience_as_it_is_given(void **state)
{
	struct bcast_client_options how = BCAST_CLIENT_DEFAULTS;
	struct bcast_client *client = NULL;

	(void)state;
	double_start(&double_, script_closes);
	assert_int_equal(bcast_open(double_.address, &how, &client),
			 -ECONNRESET);
	how.open_ms = DEADLINE_MS;

	assert_int_equal(bcast_open(double_.address, &how, &client), 0);

	assert_int_equal(bcast_client_door(client), BCAST_DOOR_TCP);
	assert_string_equal(bcast_client_why_tcp(client),
			    "the address asks for TCP");
	bcast_close(client);
	double_join(&double_);
}

static void script_named(struct client_double *daemon)
{
	strcpy(daemon->welcome.name, "no-such-stream-here");
	double_greet(daemon);
	double_records(daemon, 1);
	double_await_close(daemon);
}

static void a_stream_of_another_machine_is_read_over_tcp(void **state)
{
	struct bcast_client *client = NULL;

	(void)state;
	double_start(&double_, script_named);

	assert_int_equal(
		bcast_open(double_.address + strlen("tcp://"), NULL, &client),
		0);

	assert_int_equal(bcast_client_door(client), BCAST_DOOR_TCP);
	assert_string_equal(bcast_client_why_tcp(client),
			    "/dev/shm/bcast.no-such-stream-here: not on this "
			    "machine");
	numbered_expect(client, 1, 1);
	bcast_close(client);
	double_join(&double_);
}

static void script_no_subscribers(struct client_double *daemon)
{
	double_accept(daemon);
	test_child_check(daemon->hello.fixed.roles == BCAST_CLIENT_SUBSCRIBE);
	double_reject(daemon, BCAST_REJECT_ROLE, 0);
	double_greet(daemon);
	test_child_check(daemon->hello.fixed.roles == BCAST_CLIENT_PUBLISH);
	double_await_close(daemon);
}

static void a_publisher_that_may_not_look_publishes_all_the_same(void **state)
{
	struct bcast_client *client;

	(void)state;
	double_start(&double_, script_no_subscribers);

	client = numbered_open(double_.address + strlen("tcp://"),
			       BCAST_CLIENT_PUBLISH, 0);

	assert_int_equal(bcast_client_door(client), BCAST_DOOR_TCP);
	bcast_close(client);
	double_join(&double_);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_say_which_door),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(options_are_judged),
		CASE(somebody_else_is_not_taken_for_a_daemon),
		CASE(opening_has_as_much_patience_as_it_is_given),
		CASE(a_stream_of_another_machine_is_read_over_tcp),
		CASE(a_publisher_that_may_not_look_publishes_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
