/* SPDX-License-Identifier: MIT */
/*
 * test_config.c - the command line: defaults, each option at its edges, and
 * one telling line for everything that is wrong.
 */
#include "src/config_load.h"
#include "src/options.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define WORDS_MAX 48
#define KIB	  UINT64_C(1024)
#define MIB	  (UINT64_C(1024) * 1024)

/* What one call of config_parse() did. */
static struct config config;
static char output[16384];
static char error[4096];

static int parse_list(char *const words[])
{
	FILE *out = fmemopen(output, sizeof(output), "w");
	FILE *err = fmemopen(error, sizeof(error), "w");
	int count = 0;
	int ret;

	assert_non_null(out);
	assert_non_null(err);
	memset(output, 0, sizeof(output));
	memset(error, 0, sizeof(error));
	memset(&config, 0xA5, sizeof(config));
	while (words[count] != NULL)
		count++;
	ret = config_parse(&config, count, words, out, err);
	(void)fclose(out);
	(void)fclose(err);
	return ret;
}

/* Parse `bcastd` with these words, NULL last. */
static int parse(const char *first, ...)
{
	char *words[WORDS_MAX] = {strdup("bcastd")};
	va_list arguments;
	int count = 1;
	int ret;

	va_start(arguments, first);
	for (const char *word = first; word != NULL;
	     word = va_arg(arguments, const char *)) {
		assert_in_range(count, 1, WORDS_MAX - 2);
		words[count++] = strdup(word);
	}
	va_end(arguments);
	ret = parse_list(words);
	while (count > 0)
		free(words[--count]);
	return ret;
}

/* The option takes the value, and nothing is printed. */
static void accepts(const char *option, const char *value)
{
	if (parse(option, value, NULL) != CONFIG_RUN)
		fail_msg("%s %s: %s", option, value, error);
	assert_string_equal(error, "");
	assert_string_equal(output, "");
}

/* Refused with exactly one line, which contains `part`. */
static void assert_one_line_with(const char *part)
{
	const char *newline = strchr(error, '\n');

	assert_non_null(newline);
	assert_string_equal(newline, "\n");
	assert_memory_equal(error, "bcastd: ", 8);
	assert_string_equal(output, "");
	if (strstr(error, part) == NULL)
		fail_msg("no \"%s\" in: %s", part, error);
}

static void refuses(const char *option, const char *value, const char *part)
{
	char start[300];

	assert_int_equal(parse(option, value, NULL), -EINVAL);
	assert_one_line_with(part);
	(void)snprintf(start, sizeof(start), "bcastd: %s: ", option);
	assert_memory_equal(error, start, strlen(start));
	assert_non_null(strstr(error, "(allowed: "));
}

static void no_options_give_the_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse(NULL), CONFIG_RUN);

	assert_string_equal(config.name, "default");
	assert_int_equal(config.listen_count, 1);
	assert_int_equal(config.listens[0].role, CONFIG_ROLE_ANY);
	assert_string_equal(config.listens[0].address, "127.0.0.1:7400");
	assert_int_equal(config.ring_size_bytes, 256 * MIB);
	assert_int_equal(config.max_receivers, 1024);
	assert_int_equal(config.nodes, 64);
	assert_int_equal(config.inbox_size_bytes, MIB);
	assert_int_equal(config.reassign, CONFIG_REASSIGN_NEW);
	assert_int_equal(config.slow_policy, CONFIG_SLOW_DISCONNECT);
	assert_int_equal(config.max_lag_bytes, 192 * MIB);
	assert_int_equal(config.drain_timeout_ms, 5000);
	assert_int_equal(config.backend, CONFIG_BACKEND_AUTO);
	assert_int_equal(config.zerocopy, CONFIG_ZEROCOPY_AUTO);
	assert_string_equal(config.congestion, "auto");
	assert_int_equal(config.sndbuf_bytes, 0);
	assert_int_equal(config.rcvbuf_bytes, 4 * MIB);
	assert_int_equal(config.cpu, -1);
	assert_int_equal(config.numa_node, -1);
	assert_int_equal(config.mode, 0640);
	assert_string_equal(config.group, "");
	assert_true(config.gid == (gid_t)-1);
	assert_int_equal(config.log_level, LOG_LEVEL_INFO);
	assert_int_equal(config.log_format, LOG_FORMAT_TEXT);
	assert_int_equal(config.log_time, LOG_TIME_AUTO);
	assert_string_equal(config.log_file, "");
	assert_int_equal(config.log_rotate_bytes, 64 * MIB);
	assert_int_equal(config.log_keep, 4);
	assert_int_equal(config.log_rate, 100);
}

static void no_arguments_at_all_are_no_options(void **state)
{
	char *none[] = {NULL};

	(void)state;
	assert_int_equal(parse_list(none), CONFIG_RUN);
	assert_string_equal(config.name, "default");
}

static void every_option_reaches_its_field(void **state)
{
	(void)state;
	assert_int_equal(
		parse("--name", "s1", "--ring-size=1M", "--max-receivers", "7",
		      "--reassign", "any", "--slow-policy", "skip", "--max-lag",
		      "50%", "--drain-timeout", "250ms", "--backend",
		      "io_uring", "--congestion", "cubic", "--sndbuf", "64K",
		      "--rcvbuf", "0", "--cpu", "1", "--mode", "0600",
		      "--group", "0", "--log-level", "debug", "--log-format",
		      "json", "--log-time", "on", "--log-file", "/var/log/x",
		      "--log-rotate", "1G", "--log-keep", "0", "--log-rate",
		      "7", "--ingest-rate", "3M", "--egress-rate", "1", NULL),
		CONFIG_RUN);

	assert_string_equal(config.name, "s1");
	assert_int_equal(config.ring_size_bytes, MIB);
	assert_int_equal(config.max_receivers, 7);
	assert_int_equal(config.reassign, CONFIG_REASSIGN_ANY);
	assert_int_equal(config.slow_policy, CONFIG_SLOW_SKIP);
	assert_int_equal(config.max_lag_bytes, MIB / 2);
	assert_int_equal(config.drain_timeout_ms, 250);
	assert_int_equal(config.backend, CONFIG_BACKEND_IO_URING);
	assert_string_equal(config.congestion, "cubic");
	assert_int_equal(config.sndbuf_bytes, 64 * KIB);
	assert_int_equal(config.rcvbuf_bytes, 0);
	assert_int_equal(config.cpu, 1);
	assert_int_equal(config.mode, 0600);
	assert_string_equal(config.group, "0");
	assert_int_equal(config.gid, 0);
	assert_int_equal(config.log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(config.log_format, LOG_FORMAT_JSON);
	assert_int_equal(config.log_time, LOG_TIME_ON);
	assert_string_equal(config.log_file, "/var/log/x");
	assert_int_equal(config.log_rotate_bytes, 1024 * MIB);
	assert_int_equal(config.log_keep, 0);
	assert_int_equal(config.log_rate, 7);
	assert_int_equal(config.rates[CONFIG_RATE_INGEST], 3 * MIB);
	assert_int_equal(config.rates[CONFIG_RATE_EGRESS], 1);
}

static void words_stand_for_their_values(void **state)
{
	static const char *const levels[] = {"error", "warn", "info", "debug"};
	static const char *const policies[] = {"disconnect", "block", "skip"};

	(void)state;
	for (int i = 0; i < 4; i++) {
		accepts("--log-level", levels[i]);
		assert_int_equal(config.log_level, LOG_LEVEL_ERROR + i);
	}
	for (int i = 0; i < 3; i++) {
		accepts("--slow-policy", policies[i]);
		assert_int_equal(config.slow_policy,
				 CONFIG_SLOW_DISCONNECT + i);
	}
	accepts("--reassign", "new");
	assert_int_equal(config.reassign, CONFIG_REASSIGN_NEW);
	accepts("--zerocopy", "on");
	assert_int_equal(config.zerocopy, CONFIG_ZEROCOPY_ON);
	accepts("--zerocopy", "off");
	assert_int_equal(config.zerocopy, CONFIG_ZEROCOPY_OFF);
	accepts("--backend", "auto");
	assert_int_equal(config.backend, CONFIG_BACKEND_AUTO);
	accepts("--backend", "epoll");
	assert_int_equal(config.backend, CONFIG_BACKEND_EPOLL);
}

static void words_must_be_whole(void **state)
{
	(void)state;
	refuses("--slow-policy", "bloc", "bloc is none");
	refuses("--slow-policy", "blocks", "disconnect, block or skip)");
	refuses("--slow-policy", "block|skip", "disconnect, block or skip)");
	refuses("--slow-policy", "", "\"\" is none");
	refuses("--slow-policy", "BLOCK", "disconnect, block or skip)");
	refuses("--reassign", "old", "(allowed: new or any)");
	refuses("--zerocopy", "yes", "(allowed: auto, on or off)");
	refuses("--backend", "kqueue", "auto, io_uring or epoll)");
	refuses("--log-level", "2", "error, warn, info or debug)");
}

static void the_ring_is_a_power_of_two_from_64k_to_1t(void **state)
{
	(void)state;
	accepts("--ring-size", "64K");
	assert_int_equal(config.ring_size_bytes, 64 * KIB);
	accepts("--ring-size", "1T");
	assert_true(config.ring_size_bytes == BCAST_RING_MAX);
	refuses("--ring-size", "65535", "not a power of two");
	refuses("--ring-size", "65537", "not a power of two");
	refuses("--ring-size", "32K", "32K is out of range");
	refuses("--ring-size", "2T", "a power of two from 64K to 1T)");
	refuses("--ring-size", "0", "out of range");
	refuses("--ring-size", "99999999999999999999", "out of range");
	refuses("--ring-size", "-64K", "not a size");
	refuses("--ring-size", "big", "big is not a size");
	refuses("--ring-size", "100M",
		"--ring-size: 100M is not a power of two (allowed: a power of "
		"two from 64K to 1T)");
}

static void log_files_are_bounded(void **state)
{
	char path[300];

	(void)state;
	memset(path, 'a', sizeof(path));
	path[255] = '\0';
	accepts("--log-file", path);
	path[255] = 'a';
	path[256] = '\0';
	refuses("--log-file", path, "is too long (allowed: a path");
	refuses("--log-file", "", "is not a path");
	accepts("--log-rotate", "0");
	accepts("--log-rotate", "4K");
	accepts("--log-rotate", "1T");
	refuses("--log-rotate", "4095", "from 4K to 1T, or 0 for no limit)");
	refuses("--log-rotate", "2T", "out of range");
	accepts("--log-keep", "1000");
	refuses("--log-keep", "1001", "from 0 to 1000)");
	accepts("--log-rate", "1000000");
	refuses("--log-rate", "1000001", "from 0 to 1000000)");
	refuses("--log-format", "xml", "text or json)");
	refuses("--log-time", "utc", "auto, on or off)");
}

static void counts_keep_to_their_range(void **state)
{
	(void)state;
	accepts("--nodes", "1");
	accepts("--nodes", "4095");
	accepts("--nodes", "4096");
	refuses("--nodes", "0", "from 1 to 4096)");
	refuses("--nodes", "4097", "out of range");
	accepts("--inbox-size", "4K");
	accepts("--inbox-size", "1G");
	assert_int_equal(config.inbox_size_bytes, 1024 * MIB);
	refuses("--inbox-size", "2K", "a power of two from 4K to 1G)");
	refuses("--inbox-size", "2G", "out of range");
	refuses("--inbox-size", "4097", "not a power of two");
	accepts("--max-receivers", "1");
	accepts("--max-receivers", "65535");
	accepts("--max-receivers", "65536");
	assert_int_equal(config.max_receivers, 65536);
	refuses("--max-receivers", "0", "from 1 to 65536)");
	refuses("--max-receivers", "65537", "out of range");
	refuses("--max-receivers", "4294967297", "out of range");
	refuses("--max-receivers", "1K", "not a whole number");
	accepts("--numa-node", "-1");
	accepts("--numa-node", "0");
	assert_int_equal(config.numa_node, 0);
	accepts("--numa-node", "1023");
	assert_int_equal(config.numa_node, 1023);
	refuses("--numa-node", "-2", "from -1 to 1023)");
	refuses("--numa-node", "1024", "out of range");
	accepts("--cpu", "-1");
	assert_int_equal(config.cpu, -1);
	accepts("--cpu", "0");
	accepts("--cpu", "1023");
	refuses("--cpu", "-2", "from -1 to 1023)");
	refuses("--cpu", "1024", "out of range");
}

static void echo_options_are_in_range(void **state)
{
	(void)state;
	accepts("--echo-mode", "batch");
	assert_int_equal(config.echo_mode, CONFIG_ECHO_BATCH);
	assert_int_equal(config.echo_max_bytes, 16 * MIB);
	assert_int_equal(config.echo_budget_bytes, MIB);
	assert_int_equal(config.echo_max_clients, 10000);
	refuses("--echo-mode", "both", "immediate or batch");
	accepts("--echo-batch-delay", "0");
	accepts("--echo-batch-delay", "99999us");
	accepts("--echo-batch-delay", "100ms");
	assert_int_equal(config.echo_batch_delay_us, 100000);
	refuses("--echo-batch-delay", "100001us", "out of range");
	accepts("--echo-max", "0");
	accepts("--echo-max", "1G");
	refuses("--echo-max", "1073741825", "from 0 to 1G)");
	accepts("--echo-budget", "4096");
	accepts("--echo-budget", "4097");
	accepts("--echo-budget", "1G");
	refuses("--echo-budget", "4095", "from 4K to 1G)");
	refuses("--echo-budget", "0", "out of range");
	refuses("--echo-budget", "much", "is not a size");
	accepts("--echo-max-clients", "1");
	accepts("--echo-max-clients", "65536");
	refuses("--echo-max-clients", "0", "from 1 to 65536)");
	refuses("--echo-max-clients", "65537", "out of range");
}

static void buffers_are_zero_or_in_range(void **state)
{
	static const char *const options[] = {"--sndbuf", "--rcvbuf"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		accepts(options[i], "0");
		accepts(options[i], "4096");
		accepts(options[i], "1G");
		refuses(options[i], "4095", "or 0 for the system's choice)");
		refuses(options[i], "1073741825", "from 4K to 1G");
		refuses(options[i], "4096G", "out of range");
	}
}

static void the_drain_timeout_is_up_to_10_minutes(void **state)
{
	(void)state;
	accepts("--drain-timeout", "0");
	assert_int_equal(config.drain_timeout_ms, 0);
	accepts("--drain-timeout", "10m");
	assert_int_equal(config.drain_timeout_ms, 600000);
	refuses("--drain-timeout", "600001ms", "from 0 to 10m");
	refuses("--drain-timeout", "5", "not a duration");
	refuses("--busy-poll", "5", "not a duration");
	refuses("--busy-poll", "1000001us", "out of range");
	refuses("--drain-timeout", "-1s", "not a duration");
}

static void modes_let_the_owner_write_and_others_not(void **state)
{
	(void)state;
	accepts("--mode", "0600");
	accepts("--mode", "0664");
	accepts("--mode", "644");
	assert_int_equal(config.mode, 0644);
	refuses("--mode", "0666", "gives too much");
	refuses("--mode", "0641", "gives too much");
	refuses("--mode", "0700", "gives too much");
	refuses("--mode", "04640", "gives too much");
	refuses("--mode", "0440", "the owner too little");
	refuses("--mode", "0200", "the owner too little");
	refuses("--mode", "0", "the owner too little");
	refuses("--mode", "rw", "not an octal mode");
	refuses("--mode", "0680", "not an octal mode");
}

static void groups_go_by_name_or_number(void **state)
{
	const struct group *root = getgrgid(0);
	char name[32] = "";

	(void)state;
	if (root != NULL) /* the next look-up overwrites it */
		(void)snprintf(name, sizeof(name), "%s", root->gr_name);
	accepts("--group", "4294967294");
	assert_true(config.gid == (gid_t)4294967294U);
	refuses("--group", "4294967295", "out of range");
	refuses("--group", "-1", "out of range");
	refuses("--group", "no-such-group-here", "not a group");
	refuses("--group", "", "not a group");
	refuses("--group", "a-group-with-a-name-of-32-letters", "too long");
	if (name[0] == '\0')
		skip();
	accepts("--group", name);
	assert_int_equal(config.gid, 0);
	assert_string_equal(config.group, name);
}

static void congestion_controls_have_short_plain_names(void **state)
{
	(void)state;
	accepts("--congestion", "system");
	accepts("--congestion", "x23456789012345");
	assert_string_equal(config.congestion, "x23456789012345");
	refuses("--congestion", "x234567890123456", "not a congestion");
	refuses("--congestion", "", "not a congestion");
	refuses("--congestion", "a/b", "not a congestion");
	refuses("--congestion", "a b", "\"a b\" is not a congestion");
}

static void names_follow_the_rule_of_the_segment(void **state)
{
	(void)state;
	accepts("--name", "a.b_c-9");
	refuses("--name", "", "not a stream's name");
	refuses("--name", "../x", "not a stream's name");
	refuses("--name", "x.nodes", "no dot first");
	refuses("--name", "a\nb", "\"a\\nb\" is not");
}

static void addresses_add_up_in_order_with_their_roles(void **state)
{
	(void)state;
	assert_int_equal(parse("--egress", "[::1]:0", "--listen", "localhost:1",
			       "--ingest", "*:2", "--listen", "1.2.3.4:65535",
			       NULL),
			 CONFIG_RUN);

	assert_int_equal(config.listen_count, 4);
	assert_int_equal(config.listens[0].role, CONFIG_ROLE_EGRESS);
	assert_string_equal(config.listens[0].address, "[::1]:0");
	assert_int_equal(config.listens[1].role, CONFIG_ROLE_ANY);
	assert_string_equal(config.listens[1].address, "localhost:1");
	assert_int_equal(config.listens[2].role, CONFIG_ROLE_INGEST);
	assert_string_equal(config.listens[2].address, "*:2");
	assert_int_equal(config.listens[3].role, CONFIG_ROLE_ANY);
	assert_string_equal(config.listens[3].address, "1.2.3.4:65535");
}

static void any_listener_replaces_the_default_one(void **state)
{
	(void)state;
	accepts("--egress", "127.0.0.1:0");
	assert_int_equal(config.listen_count, 1);
	assert_int_equal(config.listens[0].role, CONFIG_ROLE_EGRESS);
}

static void admin_adds_to_the_default_listener(void **state)
{
	(void)state;
	accepts("--admin", "9464");
	assert_int_equal(config.listen_count, 2);
	assert_int_equal(config.listens[0].role, CONFIG_ROLE_ANY);
	assert_string_equal(config.listens[0].address, "127.0.0.1:7400");
	assert_int_equal(config.listens[1].role, CONFIG_ROLE_ADMIN);
	assert_int_equal(config_role_count(&config, CONFIG_ROLE_ADMIN), 1);
}

static void admin_without_a_host_is_for_this_machine(void **state)
{
	static const char *const given[] = {"9464",  ":9464",	       "0",
					    "65535", "[::1]:9464",     "*:9464",
					    "box:1", "unix:/run/admin"};
	static const char *const meant[] = {
		"127.0.0.1:9464",  "127.0.0.1:9464", "127.0.0.1:0",
		"127.0.0.1:65535", "[::1]:9464",     "*:9464",
		"box:1",	   "unix:/run/admin"};

	(void)state;
	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
		accepts("--admin", given[i]);
		assert_string_equal(config.listens[1].address, meant[i]);
	}
	refuses("--admin", "", "is not an address");
	refuses("--admin", ":", "is not an address");
	refuses("--admin", "65536", "is not an address");
	refuses("--admin", "94 64", "is not an address");
	refuses("--admin", "box", "is not an address");
}

static void addresses_must_be_host_and_port(void **state)
{
	static const char *const options[] = {"--listen", "--ingest",
					      "--egress"};
	char longest[300];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	memcpy(longest + 253, ":1", 3);
	accepts("--listen", longest);
	assert_string_equal(config.listens[0].address, longest);
	memcpy(longest + 253, "a:1", 4);
	refuses("--listen", longest, "not an address");
	for (int i = 0; i < 3; i++) {
		refuses(options[i], "1.2.3.4", "1.2.3.4 is not an address");
		refuses(options[i], "h:65536", "the port from 0 to 65535");
		refuses(options[i], ":7400", "not an address");
		refuses(options[i], "", "not an address");
	}
}

static void there_is_room_for_16_addresses(void **state)
{
	char *words[2 + CONFIG_LISTEN_MAX];
	char program[] = "bcastd";
	char word[] = "--listen=127.0.0.1:0";

	(void)state;
	words[0] = program;
	for (int i = 1; i <= CONFIG_LISTEN_MAX; i++)
		words[i] = word;
	words[CONFIG_LISTEN_MAX + 1] = NULL;
	assert_int_equal(parse_list(words), CONFIG_RUN);
	assert_int_equal(config.listen_count, CONFIG_LISTEN_MAX);
}

static void a_17th_address_is_refused(void **state)
{
	char *words[3 + CONFIG_LISTEN_MAX];
	char program[] = "bcastd";
	char word[] = "--ingest=127.0.0.1:0";

	(void)state;
	words[0] = program;
	for (int i = 1; i <= CONFIG_LISTEN_MAX + 1; i++)
		words[i] = word;
	words[CONFIG_LISTEN_MAX + 2] = NULL;
	assert_int_equal(parse_list(words), -EINVAL);
	assert_one_line_with("one address too many");
}

static void one_read_is_an_eighth_of_the_ring_up_to_1_mib(void **state)
{
	(void)state;
	assert_int_equal(config_read_bytes(64 * KIB), 8 * KIB);
	assert_int_equal(config_read_bytes(4 * MIB), MIB / 2);
	assert_int_equal(config_read_bytes(8 * MIB), MIB);
	assert_int_equal(config_read_bytes(16 * MIB), MIB);
	assert_int_equal(config_read_bytes(BCAST_RING_MAX), MIB);
}

static int parse_lag(uint64_t ring, uint64_t lag)
{
	char ring_text[32];
	char lag_text[32];

	(void)snprintf(ring_text, sizeof(ring_text), "%" PRIu64, ring);
	(void)snprintf(lag_text, sizeof(lag_text), "%" PRIu64, lag);
	return parse("--ring-size", ring_text, "--max-lag", lag_text, NULL);
}

static void the_lag_and_one_read_fit_any_ring(void **state)
{
	(void)state;
	for (uint64_t ring = BCAST_RING_MIN; ring <= BCAST_RING_MAX;
	     ring *= 2) {
		uint64_t low = 2 * config_read_bytes(ring);
		uint64_t high = ring / 8 * 7;

		assert_int_equal(parse_lag(ring, low - 1), -EINVAL);
		assert_int_equal(parse_lag(ring, low), CONFIG_RUN);
		assert_true(config.max_lag_bytes == low);
		assert_int_equal(parse_lag(ring, low + 1), CONFIG_RUN);
		assert_int_equal(parse_lag(ring, high - 1), CONFIG_RUN);
		assert_int_equal(parse_lag(ring, high), CONFIG_RUN);
		assert_true(config.max_lag_bytes == high);
		assert_true(high + config_read_bytes(ring) <= ring);
		assert_int_equal(parse_lag(ring, high + 1), -EINVAL);
	}
}

static void the_default_lag_suits_any_ring(void **state)
{
	(void)state;
	for (uint64_t ring = BCAST_RING_MIN; ring <= BCAST_RING_MAX;
	     ring *= 2) {
		char text[32];

		(void)snprintf(text, sizeof(text), "%" PRIu64, ring);
		accepts("--ring-size", text);
		assert_true(config.max_lag_bytes == ring / 4 * 3);
	}
}

static void percentages_of_lag_follow_the_ring(void **state)
{
	(void)state;
	/* In either order. */
	assert_int_equal(parse("--max-lag=50%", "--ring-size=4M", NULL),
			 CONFIG_RUN);
	assert_int_equal(config.max_lag_bytes, 2 * MIB);
	assert_int_equal(parse("--ring-size=4M", "--max-lag=87%", NULL),
			 CONFIG_RUN);
	assert_int_equal(config.max_lag_bytes, 4 * MIB * 87 / 100);
	refuses("--max-lag", "88%", "from 2M to 224M for a ring of 256M");
	refuses("--max-lag", "0%", "out of range");
	refuses("--max-lag", "101%", "out of range");
	refuses("--max-lag", "1M", "1M is out of range");
	refuses("--max-lag", "lots", "neither a size nor a percentage");
}

static void of_an_option_given_twice_the_last_counts(void **state)
{
	(void)state;
	assert_int_equal(parse("--name=a", "--ring-size=1M", "--name=b",
			       "--ring-size=2M", "--max-lag=1M",
			       "--max-lag=75%", NULL),
			 CONFIG_RUN);

	assert_string_equal(config.name, "b");
	assert_int_equal(config.ring_size_bytes, 2 * MIB);
	assert_int_equal(config.max_lag_bytes, 3 * MIB / 2);
}

static void unknown_options_are_named_with_the_likely_one(void **state)
{
	(void)state;
	assert_int_equal(parse("--lisen", "127.0.0.1:0", NULL), -EINVAL);
	assert_string_equal(error, "bcastd: unknown option --lisen; did you "
				   "mean --listen? (bcastd --help lists "
				   "all)\n");
	assert_int_equal(parse("--rign-size=1M", NULL), -EINVAL);
	assert_one_line_with("--rign-size; did you mean --ring-size?");
	assert_int_equal(parse("-help", NULL), -EINVAL);
	assert_one_line_with("unknown option -help; did you mean --help?");
	assert_int_equal(parse("--sideways=auto", NULL), -EINVAL);
	assert_string_equal(error, "bcastd: unknown option --sideways (bcastd "
				   "--help lists all)\n");
	assert_int_equal(parse("-x", NULL), -EINVAL);
	assert_one_line_with("unknown option -x (");
	assert_int_equal(parse("-xyz", NULL), -EINVAL);
	assert_one_line_with("unknown option -xyz (");
	assert_int_equal(parse("--max", "1", NULL), -EINVAL);
	assert_one_line_with("did you mean --max-");
	assert_int_equal(parse("--=1", NULL), -EINVAL);
	assert_one_line_with("unknown option");
	assert_int_equal(parse("--e\nvil", NULL), -EINVAL);
	assert_one_line_with("\"--e\\nvil\"");
}

static void very_long_words_make_one_line_too(void **state)
{
	char word[3000];

	(void)state;
	memset(word, 'x', sizeof(word));
	word[sizeof(word) - 1] = '\0';
	assert_int_equal(parse("--name", word, NULL), -EINVAL);
	assert_one_line_with("...\" is not a stream's name");
	assert_int_equal(parse(word, NULL), -EINVAL);
	assert_one_line_with("unexpected argument");
	word[0] = word[1] = '-';
	assert_int_equal(parse(word, NULL), -EINVAL);
	assert_one_line_with("unknown option --xxx");
}

static void stray_words_and_missing_values_are_refused(void **state)
{
	(void)state;
	assert_int_equal(parse("foo", NULL), -EINVAL);
	assert_one_line_with("unexpected argument foo");
	assert_int_equal(parse("--name=a", "foo", "--bad", NULL), -EINVAL);
	assert_one_line_with("unexpected argument foo");
	assert_int_equal(parse("--", "foo", NULL), -EINVAL);
	assert_one_line_with("unexpected argument foo");
	assert_int_equal(parse("-", NULL), -EINVAL);
	assert_one_line_with("unexpected argument -");
	assert_int_equal(parse("", NULL), -EINVAL);
	assert_one_line_with("unexpected argument \"\"");
	assert_int_equal(parse("--", NULL), CONFIG_RUN);
	assert_int_equal(parse("--ring-size", NULL), -EINVAL);
	assert_string_equal(error, "bcastd: --ring-size: needs a value "
				   "(allowed: a power of two from 64K to "
				   "1T)\n");
	assert_int_equal(parse("--help=all", NULL), -EINVAL);
	assert_one_line_with("--help: all is one too many");
}

static void help_lists_every_option_within_80_columns(void **state)
{
	size_t column = 0;

	(void)state;
	assert_int_equal(parse("--help", NULL), CONFIG_DONE);

	assert_string_equal(error, "");
	for (int i = 0; i < OPTIONS_COUNT; i++) {
		char entry[64];

		(void)snprintf(entry, sizeof(entry), "%s%s",
			       options_table[i].kind == OPTION_HEADING
				       ? "\n\n"
				       : "\n  --",
			       options_table[i].name);
		assert_non_null(strstr(output, entry));
	}
	for (const char *c = output; *c != '\0'; c++) {
		column = *c == '\n' ? 0 : column + 1;
		assert_in_range(column, 0, 80);
	}
	assert_int_equal(column, 0);
}

static void version_is_one_line(void **state)
{
	(void)state;
	assert_int_equal(parse("--version", NULL), CONFIG_DONE);
	assert_string_equal(output, "bcastd " BCAST_VERSION "\n");
	assert_string_equal(error, "");
}

static void every_row_fits_what_is_made_of_it(void **state)
{
	(void)state;
	for (int i = 0; i < OPTIONS_COUNT; i++) {
		const struct option_row *row = &options_table[i];
		char allowed[OPTIONS_TEXT_MAX];

		options_allowed(row, allowed, sizeof(allowed));
		assert_in_range(strlen(allowed), 1, OPTIONS_TEXT_MAX - 2);
		if (row->kind == OPTION_HEADING)
			continue;
		/* Of equal names getopt_long() would find the first. */
		assert_ptr_equal(options_nearest(row->name), row);
		assert_in_range(strlen(row->help), 1, OPTIONS_TEXT_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_options_give_the_defaults),
		cmocka_unit_test(no_arguments_at_all_are_no_options),
		cmocka_unit_test(log_files_are_bounded),
		cmocka_unit_test(every_option_reaches_its_field),
		cmocka_unit_test(words_stand_for_their_values),
		cmocka_unit_test(words_must_be_whole),
		cmocka_unit_test(the_ring_is_a_power_of_two_from_64k_to_1t),
		cmocka_unit_test(counts_keep_to_their_range),
		cmocka_unit_test(echo_options_are_in_range),
		cmocka_unit_test(buffers_are_zero_or_in_range),
		cmocka_unit_test(the_drain_timeout_is_up_to_10_minutes),
		cmocka_unit_test(modes_let_the_owner_write_and_others_not),
		cmocka_unit_test(groups_go_by_name_or_number),
		cmocka_unit_test(congestion_controls_have_short_plain_names),
		cmocka_unit_test(names_follow_the_rule_of_the_segment),
		cmocka_unit_test(addresses_add_up_in_order_with_their_roles),
		cmocka_unit_test(any_listener_replaces_the_default_one),
		cmocka_unit_test(admin_adds_to_the_default_listener),
		cmocka_unit_test(admin_without_a_host_is_for_this_machine),
		cmocka_unit_test(addresses_must_be_host_and_port),
		cmocka_unit_test(there_is_room_for_16_addresses),
		cmocka_unit_test(a_17th_address_is_refused),
		cmocka_unit_test(one_read_is_an_eighth_of_the_ring_up_to_1_mib),
		cmocka_unit_test(the_lag_and_one_read_fit_any_ring),
		cmocka_unit_test(the_default_lag_suits_any_ring),
		cmocka_unit_test(percentages_of_lag_follow_the_ring),
		cmocka_unit_test(of_an_option_given_twice_the_last_counts),
		cmocka_unit_test(unknown_options_are_named_with_the_likely_one),
		cmocka_unit_test(very_long_words_make_one_line_too),
		cmocka_unit_test(stray_words_and_missing_values_are_refused),
		cmocka_unit_test(help_lists_every_option_within_80_columns),
		cmocka_unit_test(version_is_one_line),
		cmocka_unit_test(every_row_fits_what_is_made_of_it),
	};

	return cmocka_run_group_tests_name("src/config", tests, NULL, NULL);
}
