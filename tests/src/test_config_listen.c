/* SPDX-License-Identifier: MIT */
/*
 * test_config_listen.c - what stands behind an address: each option at its
 * edges, defaults from the daemon's own, and one telling line for the rest.
 */
#include "src/bucket.h"
#include "src/config_load.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define WORDS_MAX 16
#define MIB	  (UINT64_C(1024) * 1024)

static struct config config;
static char error[4096];

/* Parse `bcastd` with these words, NULL last. */
static int parse(const char *first, ...)
{
	FILE *err = fmemopen(error, sizeof(error), "w");
	char *words[WORDS_MAX] = {strdup("bcastd")};
	va_list arguments;
	int count = 1;
	int ret;

	assert_non_null(err);
	memset(error, 0, sizeof(error));
	va_start(arguments, first);
	for (const char *word = first; word != NULL;
	     word = va_arg(arguments, const char *)) {
		assert_in_range(count, 1, WORDS_MAX - 2);
		words[count++] = strdup(word);
	}
	va_end(arguments);
	ret = config_parse(&config, count, words, stdout, err);
	(void)fclose(err);
	while (count > 0)
		free(words[--count]);
	return ret;
}

static const struct config_listen *accepts(const char *option, const char *text)
{
	if (parse(option, text, NULL) != CONFIG_RUN)
		fail_msg("%s %s: %s", option, text, error);
	assert_string_equal(error, "");
	assert_int_equal(config.listen_count, 1);
	return &config.listens[0];
}

static void refuses(const char *option, const char *text, const char *part)
{
	const char *newline;

	assert_int_equal(parse(option, text, NULL), -EINVAL);
	newline = strchr(error, '\n');
	if (newline == NULL || newline[1] != '\0' ||
	    strncmp(error, "bcastd: --", 10) != 0)
		fail_msg("%s: not one line: %s", text, error);
	if (strstr(error, part) == NULL)
		fail_msg("%s: no '%s' in: %s", text, part, error);
}

static void each_option_is_taken(void **state)
{
	const struct config_listen *listen;

	(void)state;
	listen = accepts("--egress", "0.0.0.0:7401,slow-policy=skip,"
				     "max-lag=50%,send-timeout=10s,"
				     "sndbuf=256K,congestion=reno,"
				     "keepalive=1m,user-timeout=500ms");
	assert_string_equal(listen->address, "0.0.0.0:7401");
	assert_int_equal(listen->role, CONFIG_ROLE_EGRESS);
	assert_true(listen->has_options);
	assert_int_equal(listen->slow_policy, CONFIG_SLOW_SKIP);
	assert_int_equal(listen->max_lag_bytes, 128 * MIB);
	assert_int_equal(listen->send_timeout_ms, 10000);
	assert_int_equal(listen->sndbuf_bytes, 256 * 1024);
	assert_string_equal(listen->congestion, "reno");
	assert_int_equal(listen->keepalive_ms, 60000);
	assert_int_equal(listen->user_timeout_ms, 500);
	listen = accepts("--ingest", "[::1]:0,rcvbuf=1M,keepalive=0");
	assert_string_equal(listen->address, "[::1]:0");
	assert_int_equal(listen->rcvbuf_bytes, MIB);
	assert_int_equal(listen->keepalive_ms, 0);
	listen = accepts("--listen", "a:1,rcvbuf=0,sndbuf=0");
	assert_int_equal(listen->rcvbuf_bytes, 0);
	listen = accepts("--listen", "a:1,ingest-rate=10M,egress-rate=64K");
	assert_int_equal(listen->rates[CONFIG_RATE_INGEST], 10 * MIB);
	assert_int_equal(listen->rates[CONFIG_RATE_EGRESS], 64 * 1024);
	assert_int_equal(listen->rates[CONFIG_RATE_RECORDS], 0);
	listen = accepts("--egress", "unix:/run/a,slow-policy=block,sndbuf=1M");
	assert_string_equal(listen->address, "unix:/run/a");
	assert_int_equal(listen->slow_policy, CONFIG_SLOW_BLOCK);
}

static void admin_takes_nothing(void **state)
{
	(void)state;
	refuses("--admin", "a:1,max-lag=50%", "does not concern this address");
	refuses("--admin", "9464,keepalive=1m",
		"does not concern this address");
	refuses("--admin", "9464,nothing=1", "unknown option");
}

static void echo_takes_what_concerns_its_clients(void **state)
{
	const struct config_listen *listen;

	(void)state;
	listen = accepts("--echo", "a:1,sndbuf=64K,congestion=reno,"
				   "keepalive=1m,user-timeout=500ms");
	assert_int_equal(listen->role, CONFIG_ROLE_ECHO);
	assert_int_equal(listen->sndbuf_bytes, 64 * 1024);
	assert_string_equal(listen->congestion, "reno");
	assert_int_equal(listen->keepalive_ms, 60000);
	assert_int_equal(listen->user_timeout_ms, 500);
	assert_int_equal(config_echo_clients(&config), 10000);
	(void)accepts("--echo", "unix:/run/echo,sndbuf=1M");

	refuses("--echo", "a:1,slow-policy=skip", "is for receivers");
	refuses("--echo", "a:1,max-lag=50%", "is for receivers");
	refuses("--echo", "a:1,send-timeout=1s", "is for receivers");
	refuses("--echo", "a:1,rcvbuf=1M", "is for senders");
	refuses("--echo", "a:1,egress-rate=1M", "is for receivers");
	refuses("--echo", "unix:/run/echo,keepalive=1m", "is for TCP");
	(void)accepts("--listen", "a:1");
	assert_int_equal(config_echo_clients(&config), 0);
}

static void the_daemons_own_are_the_defaults(void **state)
{
	(void)state;
	/* wherever they stand */
	assert_int_equal(parse("--egress", "a:1,slow-policy=skip", "--egress",
			       "a:2", "--slow-policy", "block", "--max-lag",
			       "25%", "--send-timeout", "3s", "--ring-size",
			       "64M", NULL),
			 CONFIG_RUN);
	assert_int_equal(config.listens[0].slow_policy, CONFIG_SLOW_SKIP);
	assert_int_equal(config.listens[0].max_lag_bytes, 16 * MIB);
	assert_int_equal(config.listens[0].send_timeout_ms, 3000);
	assert_int_equal(config.listens[1].slow_policy, CONFIG_SLOW_BLOCK);
	assert_int_equal(config.listens[1].max_lag_bytes, 16 * MIB);
	assert_false(config.listens[1].has_options);
	/* and nothing of one address gets into another, or into the daemon's */
	assert_int_equal(config.slow_policy, CONFIG_SLOW_BLOCK);
	assert_int_equal(parse(NULL, NULL), CONFIG_RUN);
	assert_int_equal(config.listens[0].slow_policy, CONFIG_SLOW_DISCONNECT);
	assert_int_equal(config.listens[0].max_lag_bytes, 192 * MIB);
	assert_int_equal(config.listens[0].send_timeout_ms, 0);
	assert_int_equal(config.listens[0].keepalive_ms, 30000);
	assert_string_equal(config.listens[0].congestion, "auto");
}

static void the_last_of_a_name_counts(void **state)
{
	const struct config_listen *listen =
		accepts("--egress", "a:1,slow-policy=skip,slow-policy=block");

	(void)state;
	assert_int_equal(listen->slow_policy, CONFIG_SLOW_BLOCK);
}

static void who_stays_though_stalled_has_no_user_timeout(void **state)
{
	(void)state;
	assert_int_equal(accepts("--egress", "a:1")->user_timeout_ms, 60000);
	assert_int_equal(
		accepts("--egress", "a:1,keepalive=10s")->user_timeout_ms,
		20000);
	assert_int_equal(
		accepts("--egress", "a:1,keepalive=0")->user_timeout_ms, 0);
	assert_int_equal(
		accepts("--egress", "a:1,slow-policy=block")->user_timeout_ms,
		0);
	assert_int_equal(
		accepts("--egress", "a:1,slow-policy=skip")->user_timeout_ms,
		0);
	assert_int_equal(
		accepts("--egress", "a:1,slow-policy=skip,user-timeout=5s")
			->user_timeout_ms,
		5000);
	assert_int_equal(parse("--egress", "a:1", "--egress",
			       "a:2,slow-policy=skip", "--user-timeout", "7s",
			       NULL),
			 CONFIG_RUN);
	assert_int_equal(config.listens[0].user_timeout_ms, 7000);
	assert_int_equal(config.listens[1].user_timeout_ms, 7000);
}

static void unknown_options_are_named_with_the_nearest(void **state)
{
	(void)state;
	refuses("--egress", "a:1,slow-polcy=skip",
		"--egress a:1: unknown option slow-polcy; did you "
		"mean slow-policy? (allowed: slow-policy, max-lag");
	refuses("--egress", "a:1,format=raw", "unknown option format (");
	refuses("--egress", "a:1,", "unknown option \"\" (");
	refuses("--egress", "a:1,,max-lag=50%", "unknown option \"\" (");
	refuses("--egress", "a:1,=5", "unknown option \"\" (");
	refuses("--egress", "a:1,max-lag=50%,x", "unknown option x (");
	refuses("--listen", "a:1,--max-lag=50%", "unknown option --max");
}

static void bad_values_are_named_with_what_is_allowed(void **state)
{
	(void)state;
	refuses("--egress", "a:1,slow-policy=drop",
		"--egress a:1: slow-policy: drop is none of its values "
		"(allowed: disconnect, block or skip)");
	refuses("--listen", "a:1,slow-policy", "slow-policy: \"\" is none");
	refuses("--egress", "a:1,slow-policy=skip=skip", "skip=skip");
	refuses("--egress", "a:1,max-lag=x",
		"max-lag: x is neither a size nor a percentage");
	refuses("--egress", "a:1,max-lag=101%", "max-lag: 101% is out of");
	refuses("--egress", "a:1,max-lag=88%",
		"max-lag: 88% is out of range (allowed: from 2M to 224M "
		"for a ring of 256M, in bytes or as a percentage)");
	refuses("--egress", "a:1,max-lag=1M", "max-lag: 1M is out of");
	refuses("--egress", "a:1,send-timeout=5", "is not a duration");
	refuses("--egress", "a:1,send-timeout=3600001ms", "from 0 to 60m");
	refuses("--egress", "a:1,sndbuf=4095", "from 4K to 1G");
	refuses("--egress", "a:1,sndbuf=", "sndbuf: \"\" is not a size");
	refuses("--egress", "a:1,congestion=a.b", "congestion control's name");
	refuses("--egress", "a:1,keepalive=1h", "is not a duration");
	refuses("--egress", "a:1,user-timeout=-1s", "is not a duration");
	refuses("--egress", "a:1,egress-rate=x",
		"egress-rate: x is not a size");
	refuses("--egress", "a:1,egress-rate=101G",
		"from 1 to 100G, or 0 for no limit");
	refuses("--packet", "a:1,ingest-packets=1000000001",
		"from 0 to 1000000000");
}

static void options_of_the_other_side_are_refused(void **state)
{
	(void)state;
	refuses("--ingest", "a:1,slow-policy=skip",
		"--ingest a:1: slow-policy is for receivers\n");
	refuses("--ingest", "a:1,max-lag=50%", "max-lag is for receivers\n");
	refuses("--egress", "a:1,rcvbuf=1M", "rcvbuf is for senders\n");
	refuses("--egress", "a:1,ingest-rate=1M", "is for senders\n");
	refuses("--ingest", "a:1,egress-rate=1M", "is for receivers\n");
	refuses("--ingest", "a:1,ingest-packets=5",
		"ingest-packets is for clients of --packet\n");
	refuses("--egress", "unix:/a,congestion=cubic",
		"--egress unix:/a: congestion is for TCP\n");
	refuses("--egress", "unix:@a,keepalive=1s", "keepalive is for TCP\n");
	refuses("--listen", "unix:/a,user-timeout=1s", "is for TCP\n");
}

static void a_stream_of_packets_is_never_cut_in_two(void **state)
{
	(void)state;
	assert_int_equal(parse("--format", "packet", "--egress",
			       "a:1,slow-policy=skip", NULL),
			 -EINVAL);
	assert_non_null(strstr(error, "slow-policy skip"));
	assert_int_equal(parse("--format", "packet", "--egress",
			       "a:1,slow-policy=block", NULL),
			 CONFIG_RUN);
}

static void rates_hold_for_an_address_or_for_all(void **state)
{
	(void)state;
	assert_int_equal(parse("--format", "packet", "--packet",
			       "a:1,ingest-packets=7,egress-rate=0", "--egress",
			       "a:2", "--ingest-rate", "1K", "--ingest-packets",
			       "5", "--egress-rate", "100G", NULL),
			 CONFIG_RUN);
	assert_int_equal(config.listens[0].rates[CONFIG_RATE_RECORDS], 7);
	assert_int_equal(config.listens[0].rates[CONFIG_RATE_EGRESS], 0);
	assert_int_equal(config.listens[0].rates[CONFIG_RATE_INGEST], 1024);
	/* who puts in comes in elsewhere */
	assert_int_equal(config.listens[1].rates[CONFIG_RATE_INGEST], 0);
	assert_int_equal(config.listens[1].rates[CONFIG_RATE_RECORDS], 0);
	assert_int_equal(config.rates[CONFIG_RATE_RECORDS], 5);
	assert_int_equal(config.listens[1].rates[CONFIG_RATE_EGRESS],
			 BUCKET_RATE_MAX);
}

/* What getopt leaves to us may be of any length. */
static void long_texts_are_cut_in_the_line(void **state)
{
	char text[4096];

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "a:1,", 4);
	text[sizeof(text) - 1] = '\0';
	refuses("--egress", text, "unknown option xxxx");
	memcpy(text, "a:1,slow-policy=skip", 20);
	refuses("--egress", text, "slow-policy: skipxxx");
	memset(text, 'x', 300);
	refuses("--egress", text, "is not an address");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_option_is_taken),
		cmocka_unit_test(admin_takes_nothing),
		cmocka_unit_test(echo_takes_what_concerns_its_clients),
		cmocka_unit_test(the_daemons_own_are_the_defaults),
		cmocka_unit_test(the_last_of_a_name_counts),
		cmocka_unit_test(who_stays_though_stalled_has_no_user_timeout),
		cmocka_unit_test(unknown_options_are_named_with_the_nearest),
		cmocka_unit_test(bad_values_are_named_with_what_is_allowed),
		cmocka_unit_test(options_of_the_other_side_are_refused),
		cmocka_unit_test(a_stream_of_packets_is_never_cut_in_two),
		cmocka_unit_test(rates_hold_for_an_address_or_for_all),
		cmocka_unit_test(long_texts_are_cut_in_the_line),
	};

	return cmocka_run_group_tests_name("src/config_listen", tests, NULL,
					   NULL);
}
