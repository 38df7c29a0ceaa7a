/* SPDX-License-Identifier: MIT */
/*
 * config.c - from argv to struct config, or to one line that says what is
 * wrong.
 *
 * getopt_long() only takes argv apart, silenced and without its reordering; all
 * checks and words come from the rows of options.def, and config_value.c turns
 * texts into values. Defaults go the same way, as if typed first. --max-lag
 * depends on --ring-size, so it is kept aside until all has been read.
 */
#include "src/config.h"
#include "src/config_listen.h"
#include "src/config_value.h"
#include "src/options.h"
#include "src/parse.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

/* What getopt_long() returns for row i: FIRST_OPTION + i, beyond any char. */
#define FIRST_OPTION 256

/* What is known only once all options have been read. */
struct request {
	struct config *config;
	FILE *out;
	FILE *err;
	const char *max_lag; /* as given */
	/* of each address, what stands behind it, or NULL */
	const char *listen_options[CONFIG_LISTEN_MAX];
};

uint64_t config_read_bytes(uint64_t ring_size_bytes)
{
	return ring_size_bytes / 8 < CONFIG_READ_MAX ? ring_size_bytes / 8
						     : CONFIG_READ_MAX;
}

bool config_role_receives(enum config_role role)
{
	switch (role) {
	case CONFIG_ROLE_ANY:
	case CONFIG_ROLE_EGRESS:
	case CONFIG_ROLE_PACKET:
		return true;
	case CONFIG_ROLE_INGEST:
	case CONFIG_ROLE_ECHO:
	case CONFIG_ROLE_ADMIN:
		break;
	}
	return false;
}

uint32_t config_role_count(const struct config *config, enum config_role role)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < config->listen_count; i++)
		count += config->listens[i].role == role;
	return count;
}

uint32_t config_echo_clients(const struct config *config)
{
	return config_role_count(config, CONFIG_ROLE_ECHO) > 0
		       ? config->echo_max_clients
		       : 0;
}

bool config_has_clients(const struct config *config)
{
	return config_role_count(config, CONFIG_ROLE_PACKET) > 0;
}

/* ---- The one line ---- */

/* Room for a value in a message; what is longer is cut. */
#define QUOTED_MAX 320

static int refuse_value(const struct request *request,
			const struct option_row *row, const char *value,
			const char *why)
{
	char quoted[QUOTED_MAX];
	char allowed[OPTIONS_TEXT_MAX];

	(void)fprintf(request->err, "bcastd: --%s: %s %s (allowed: %s)\n",
		      row->name, log_quote(value, quoted, sizeof(quoted)), why,
		      options_allowed(row, allowed, sizeof(allowed)));
	return -EINVAL;
}

static int refuse_missing(const struct request *request,
			  const struct option_row *row)
{
	char allowed[OPTIONS_TEXT_MAX];

	(void)fprintf(request->err,
		      "bcastd: --%s: needs a value (allowed: %s)\n", row->name,
		      options_allowed(row, allowed, sizeof(allowed)));
	return -EINVAL;
}

/* An argument that getopt_long() did not know, or that took no value. */
static int refuse_option(const struct request *request, const char *word)
{
	const char *name = word + strspn(word, "-");
	const struct option_row *nearest;
	char quoted[QUOTED_MAX];
	char typed[64];

	(void)snprintf(typed, sizeof(typed), "%.*s", (int)strcspn(name, "="),
		       name);
	nearest = options_nearest(typed);
	if (nearest != NULL && nearest->argument == NULL &&
	    strchr(word, '=') != NULL && strcmp(typed, nearest->name) == 0)
		return refuse_value(request, nearest, strchr(word, '=') + 1,
				    "is one too many");
	(void)snprintf(typed, sizeof(typed), "%.*s", (int)strcspn(word, "="),
		       word);
	(void)fprintf(request->err, "bcastd: unknown option %s",
		      log_quote(typed, quoted, sizeof(quoted)));
	if (nearest != NULL)
		(void)fprintf(request->err, "; did you mean --%s?",
			      nearest->name);
	(void)fputs(" (bcastd --help lists all)\n", request->err);
	return -EINVAL;
}

static int refuse_stray(const struct request *request, const char *word)
{
	char quoted[QUOTED_MAX];

	(void)fprintf(request->err,
		      "bcastd: unexpected argument %s: there are only options "
		      "(bcastd --help lists all)\n",
		      log_quote(word, quoted, sizeof(quoted)));
	return -EINVAL;
}

/* ---- All of it ---- */

static const char *set(struct request *request, const struct option_row *row,
		       const char *text)
{
	uint32_t before = request->config->listen_count;
	const char *why;

	if (row->kind == OPTION_LAG)
		request->max_lag = text;
	why = config_value_set(request->config, row, text);
	if (request->config->listen_count > before)
		request->listen_options[before] = strchr(text, ',');
	return why;
}

static void start(struct config *config)
{
	memset(config, 0, sizeof(*config));
	config->gid = (gid_t)-1;
	config->user_timeout_ms = CONFIG_AUTO;
}

static bool is_listener(const struct option_row *row)
{
	return row->kind == OPTION_LISTEN || row->kind == OPTION_INGEST ||
	       row->kind == OPTION_EGRESS || row->kind == OPTION_PACKET ||
	       row->kind == OPTION_ECHO || row->kind == OPTION_ADMIN;
}

/* --admin alone would be a look at a stream that nobody can reach. */
static bool has_listener(const struct config *config)
{
	return config->listen_count >
	       config_role_count(config, CONFIG_ROLE_ADMIN);
}

/* As if each default had been typed. Addresses wait: they would add up. */
static int apply_defaults(struct request *request, bool listeners)
{
	for (int i = 0; i < OPTIONS_COUNT; i++) {
		const struct option_row *row = &options_table[i];
		const char *why;

		if (row->kind == OPTION_HEADING || row->preset[0] == '\0' ||
		    is_listener(row) != listeners)
			continue;
		why = set(request, row, row->preset);
		if (why != NULL)
			return refuse_value(request, row, row->preset, why);
	}
	return 0;
}

static int resolve_lag(struct request *request)
{
	struct config *config = request->config;
	uint64_t ring = config->ring_size_bytes;
	char quoted[QUOTED_MAX];
	char text[3][PARSE_TEXT_MAX];
	uint64_t bytes = 0; /* if not a lag at all, which set() has refused */
	uint64_t low, high;

	config_value_lag_range(ring, &low, &high);
	(void)config_value_lag(request->max_lag, ring, &bytes);
	if (bytes >= low && bytes <= high) {
		config->max_lag_bytes = bytes;
		return 0;
	}
	(void)fprintf(
		request->err,
		"bcastd: --max-lag: %s is out of range (allowed: from %s to %s "
		"for a ring of %s, in bytes or as a percentage)\n",
		log_quote(request->max_lag, quoted, sizeof(quoted)),
		parse_print_size(low, text[0], sizeof(text[0])),
		parse_print_size(high, text[1], sizeof(text[1])),
		parse_print_size(ring, text[2], sizeof(text[2])));
	return -EINVAL;
}

static int resolve_listens(struct request *request)
{
	int ret = 0;

	for (uint32_t i = 0; i < request->config->listen_count && ret == 0; i++)
		ret = config_listen_resolve(request->config, i,
					    request->listen_options[i],
					    request->err);
	return ret;
}

/* Who is no client cannot be told. */
static bool any_skips(const struct config *config)
{
	for (uint32_t i = 0; i < config->listen_count; i++)
		if (config->listens[i].slow_policy == CONFIG_SLOW_SKIP &&
		    config->listens[i].role != CONFIG_ROLE_PACKET)
			return true;
	return false;
}

/* What a stream of bytes cannot have. */
static int check_no_clients(const struct request *request)
{
	const struct config *config = request->config;

	for (uint32_t i = 0; i < config->listen_count; i++) {
		if (config->listens[i].role != CONFIG_ROLE_PACKET)
			continue;
		(void)fprintf(request->err,
			      "bcastd: --packet: clients need records "
			      "(allowed: with --format packet)\n");
		return -EINVAL;
	}
	return 0;
}

/* What a stream of packets cannot have. */
static int check_format(const struct request *request)
{
	const struct config *config = request->config;
	const char *what = NULL;

	if (config->format == CONFIG_FORMAT_RAW)
		return check_no_clients(request);
	for (uint32_t i = 0; i < config->listen_count; i++)
		if (config->listens[i].role == CONFIG_ROLE_INGEST)
			what = "--ingest: senders (who publishes packets by "
			       "TCP comes in at --packet)";
	if (any_skips(config))
		what = "--slow-policy skip: it would cut a record in two "
		       "(allowed: disconnect, block; at --packet addresses, "
		       "skip)";
	if (what == NULL)
		return 0;
	(void)fprintf(request->err,
		      "bcastd: --format packet does not go with %s\n", what);
	return -EINVAL;
}

/* Threads cannot be without receivers, nor give one back to be a sender. */
static int check_threads(const struct request *request)
{
	const struct config *config = request->config;

	if (config->egress_threads == 0)
		return 0;
	if (config->reassign == CONFIG_REASSIGN_ANY) {
		(void)fprintf(request->err,
			      "bcastd: --egress-threads does not go with "
			      "--reassign any (allowed: new)\n");
		return -EINVAL;
	}
	if (config->egress_threads <= config->max_receivers)
		return 0;
	(void)fprintf(request->err,
		      "bcastd: --egress-threads %" PRIu32
		      ": not allowed (allowed: up to one a receiver, with "
		      "--max-receivers %" PRIu32 ")\n",
		      config->egress_threads, config->max_receivers);
	return -EINVAL;
}

static void fill_table(struct option table[OPTIONS_COUNT + 1])
{
	int used = 0;

	for (int i = 0; i < OPTIONS_COUNT; i++) {
		const struct option_row *row = &options_table[i];

		if (row->kind == OPTION_HEADING)
			continue;
		table[used++] = (struct option){
			.name = row->name,
			.has_arg = row->argument != NULL ? required_argument
							 : no_argument,
			.val = FIRST_OPTION + i,
		};
	}
	table[used] = (struct option){.name = NULL};
}

/* One option with its value. Returns CONFIG_RUN to go on. */
static int take(struct request *request, const struct option_row *row,
		const char *value)
{
	const char *why;

	if (row->kind == OPTION_HELP) {
		options_print_help(request->out);
		return CONFIG_DONE;
	}
	if (row->kind == OPTION_VERSION) {
		(void)fprintf(request->out, "bcastd %s\n", BCAST_VERSION);
		return CONFIG_DONE;
	}
	why = set(request, row, value);
	return why == NULL ? CONFIG_RUN
			   : refuse_value(request, row, value, why);
}

static int read_options(struct request *request, int argc, char *const argv[])
{
	struct option table[OPTIONS_COUNT + 1];

	fill_table(table);
	opterr = 0;
	optind = 0; /* glibc: forget what was read before */
	for (;;) {
		/* '+' keeps the order, so this is the word it will look at. */
		const char *word = argv[optind > 0 ? optind : 1];
		int found = getopt_long(argc, argv, "+:", table, NULL);
		int ret;

		if (found == -1)
			break;
		if (found == ':')
			return refuse_missing(
				request, &options_table[optopt - FIRST_OPTION]);
		if (found < FIRST_OPTION)
			return refuse_option(request, word);
		ret = take(request, &options_table[found - FIRST_OPTION],
			   optarg);
		if (ret != CONFIG_RUN)
			return ret;
	}
	return optind < argc ? refuse_stray(request, argv[optind]) : CONFIG_RUN;
}

int config_parse(struct config *config, int argc, char *const argv[], FILE *out,
		 FILE *err)
{
	struct request request = {.config = config, .out = out, .err = err};
	int ret;

	start(config);
	ret = apply_defaults(&request, false);
	/* An exec() without arguments leaves no argv[0] to step over. */
	if (ret == 0 && argc > 0)
		ret = read_options(&request, argc, argv);
	if (ret != CONFIG_RUN)
		return ret;
	if (!has_listener(config))
		ret = apply_defaults(&request, true);
	if (ret == 0)
		ret = resolve_lag(&request);
	if (ret == 0)
		ret = resolve_listens(&request);
	if (ret == 0)
		ret = check_format(&request);
	return ret < 0 ? ret : check_threads(&request);
}
