/* SPDX-License-Identifier: MIT */
/*
 * config_make.c - see config_make.h.
 *
 * Defaults go the way of all texts, as if they had been said first. --max-lag
 * depends on --ring-size, and what stands behind an address on all the rest, so
 * these come last.
 */
#include "src/config_make.h"
#include "src/config_listen.h"
#include "src/config_value.h"
#include "src/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

/* Room for a value in a message; what is longer is cut. */
#define QUOTED_MAX 320

struct request {
	struct config *config;
	const struct settings *settings;
	FILE *err;
	struct setting max_lag;
	struct setting doors[CONFIG_LISTEN_MAX]; /* as config.listens */
};

static void start(struct config *config)
{
	memset(config, 0, sizeof(*config));
	config->gid = (gid_t)-1;
	config->user_timeout_ms = CONFIG_AUTO;
}

/* Its form was checked when it was added. */
static int set(struct request *request, const struct setting *setting)
{
	uint32_t before = request->config->listen_count;
	const char *why;

	if (setting->row->kind == OPTION_LAG)
		request->max_lag = *setting;
	why = config_value_set(request->config, setting->row, setting->text);
	if (request->config->listen_count > before)
		request->doors[before] = *setting;
	if (!why)
		return 0;
	settings_refuse(request->settings, setting, why, request->err);
	return -EINVAL;
}

static int set_default(struct request *request, const struct option_row *row)
{
	const struct setting setting = {
		.row = row,
		.text = row->preset,
		.origin = SETTING_DEFAULT,
	};

	if (!options_has_value(row) || row->preset[0] == '\0')
		return 0;
	return set(request, &setting);
}

/* Addresses wait: they would add up. */
static int set_defaults(struct request *request)
{
	int ret = 0;

	for (int i = 0; i < OPTIONS_COUNT && ret == 0; i++)
		if (!options_is_address(&options_table[i]))
			ret = set_default(request, &options_table[i]);
	return ret;
}

static int set_all(struct request *request)
{
	const struct settings *settings = request->settings;
	bool listeners = settings_have_listener(settings);
	int ret = 0;

	for (int i = 0; i < OPTIONS_COUNT && !listeners && ret == 0; i++)
		if (options_is_address(&options_table[i]))
			ret = set_default(request, &options_table[i]);
	for (size_t i = 0; i < settings->count && ret == 0; i++)
		if (settings_counts(settings, &settings->all[i]))
			ret = set(request, &settings->all[i]);
	return ret;
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
	(void)config_value_lag(request->max_lag.text, ring, &bytes);
	if (bytes >= low && bytes <= high) {
		config->max_lag_bytes = bytes;
		return 0;
	}
	settings_say_where(request->settings, &request->max_lag, request->err);
	(void)fprintf(request->err,
		      ": %s is out of range (allowed: from %s to %s "
		      "for a ring of %s, in bytes or as a percentage)\n",
		      log_quote(request->max_lag.text, quoted, sizeof(quoted)),
		      parse_print_size(low, text[0], sizeof(text[0])),
		      parse_print_size(high, text[1], sizeof(text[1])),
		      parse_print_size(ring, text[2], sizeof(text[2])));
	return -EINVAL;
}

/* Of a command line only the first mistake is told. */
static int resolve_listens(struct request *request)
{
	int ret = 0;

	for (uint32_t i = 0; i < request->config->listen_count; i++) {
		const struct setting *door = &request->doors[i];

		if (config_listen_resolve(request->config, i, request->settings,
					  door, request->err) == 0)
			continue;
		ret = -EINVAL;
		if (door->origin == SETTING_COMMAND_LINE)
			break;
	}
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

int config_make(struct config *config, const struct settings *settings,
		FILE *err)
{
	struct request request = {
		.config = config,
		.settings = settings,
		.err = err,
	};
	int ret;

	start(config);
	ret = set_defaults(&request);
	if (ret == 0)
		ret = set_all(&request);
	if (ret == 0)
		ret = resolve_lag(&request);
	if (ret == 0)
		ret = resolve_listens(&request);
	if (ret == 0)
		ret = check_format(&request);
	if (ret == 0)
		ret = check_threads(&request);
	return ret < 0 && !settings_are_typed(settings) ? -EBADMSG : ret;
}
