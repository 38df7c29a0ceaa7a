/* SPDX-License-Identifier: MIT */
/*
 * config_listen.c - see config_listen.h.
 *
 * A key is an option of the same name, and its value is checked as that
 * option's is, by setting it in a copy of the configuration. Which options
 * these are, and where they mean something, is the table below.
 */
#include "src/config_listen.h"
#include "src/config_value.h"
#include "src/options.h"
#include "src/parse.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define RECEIVERS  1u
#define SENDERS	   2u
#define ECHOES	   4u
#define PUBLISHERS 8u

#define QUOTED_MAX 320
#define VALUE_MAX  64

static const struct key {
	const char *name;
	unsigned whose; /* whose connections it is about */
	bool tcp_only;
} keys[] = {
	{"slow-policy", RECEIVERS, false},
	{"max-lag", RECEIVERS, false},
	{"send-timeout", RECEIVERS, false},
	{"ingest-rate", SENDERS, false},
	{"ingest-packets", PUBLISHERS, false},
	{"egress-rate", RECEIVERS, false},
	{"sndbuf", RECEIVERS | ECHOES, false},
	{"rcvbuf", SENDERS, true},
	{"congestion", RECEIVERS | ECHOES, true},
	{"keepalive", RECEIVERS | SENDERS | ECHOES, true},
	{"user-timeout", RECEIVERS | ECHOES, true},
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

/* One key=value, while it is looked at. */
struct clause {
	const struct config *config;
	struct config_listen *listen;
	const struct settings *settings;
	const struct setting *setting;
	char name[VALUE_MAX];
	char value[VALUE_MAX];
	FILE *err;
};

static bool is_unix(const struct config_listen *listen)
{
	return strncmp(listen->address, "unix:/", 6) == 0 ||
	       strncmp(listen->address, "unix:@", 6) == 0;
}

static unsigned who_comes(const struct config_listen *listen)
{
	switch (listen->role) {
	case CONFIG_ROLE_INGEST:
		return SENDERS;
	case CONFIG_ROLE_EGRESS:
		return RECEIVERS;
	case CONFIG_ROLE_ECHO:
		return ECHOES;
	case CONFIG_ROLE_ADMIN:
		return 0;
	case CONFIG_ROLE_PACKET:
		return SENDERS | RECEIVERS | PUBLISHERS;
	case CONFIG_ROLE_ANY:
		break;
	}
	return SENDERS | RECEIVERS;
}

/* ---- The one line ------------------------------------------------------ */

static void begin_line(const struct clause *clause)
{
	char quoted[QUOTED_MAX];

	settings_say_where(clause->settings, clause->setting, clause->err);
	(void)fprintf(
		clause->err, " %s: ",
		log_quote(clause->listen->address, quoted, sizeof(quoted)));
}

static int refuse_key(const struct clause *clause)
{
	const struct option_row *nearest = options_nearest(clause->name);
	char quoted[QUOTED_MAX];

	begin_line(clause);
	(void)fprintf(clause->err, "unknown option %s",
		      log_quote(clause->name, quoted, sizeof(quoted)));
	for (size_t i = 0; nearest && i < KEYS; i++)
		if (strcmp(keys[i].name, nearest->name) == 0)
			(void)fprintf(clause->err, "; did you mean %s?",
				      keys[i].name);
	(void)fputs(" (allowed:", clause->err);
	for (size_t i = 0; i < KEYS; i++)
		(void)fprintf(clause->err, "%s %s", i > 0 ? "," : "",
			      keys[i].name);
	(void)fputs(", each with =VALUE)\n", clause->err);
	return -EINVAL;
}

static int refuse_value(const struct clause *clause, const char *why,
			const char *allowed)
{
	char quoted[QUOTED_MAX];

	begin_line(clause);
	(void)fprintf(clause->err, "%s: %s %s (allowed: %s)\n", clause->name,
		      log_quote(clause->value, quoted, sizeof(quoted)), why,
		      allowed);
	return -EINVAL;
}

static int refuse_place(const struct clause *clause, const char *why)
{
	begin_line(clause);
	(void)fprintf(clause->err, "%s %s\n", clause->name, why);
	return -EINVAL;
}

/* ---- One key=value ----------------------------------------------------- */

static int set_lag(const struct clause *clause)
{
	uint64_t ring = clause->config->ring_size_bytes;
	char text[3][PARSE_TEXT_MAX], allowed[OPTIONS_TEXT_MAX];
	uint64_t bytes = 0, low, high;

	(void)config_value_lag(clause->value, ring, &bytes);
	config_value_lag_range(ring, &low, &high);
	if (bytes >= low && bytes <= high) {
		clause->listen->max_lag_bytes = bytes;
		return 0;
	}
	(void)snprintf(allowed, sizeof(allowed),
		       "from %s to %s for a ring of %s, in bytes or as a "
		       "percentage",
		       parse_print_size(low, text[0], sizeof(text[0])),
		       parse_print_size(high, text[1], sizeof(text[1])),
		       parse_print_size(ring, text[2], sizeof(text[2])));
	return refuse_value(clause, "is out of range", allowed);
}

static void take_from(struct config_listen *listen, const struct config *from)
{
	listen->slow_policy = from->slow_policy;
	listen->send_timeout_ms = from->send_timeout_ms;
	listen->sndbuf_bytes = from->sndbuf_bytes;
	listen->rcvbuf_bytes = from->rcvbuf_bytes;
	listen->keepalive_ms = from->keepalive_ms;
	listen->user_timeout_ms = from->user_timeout_ms;
	memcpy(listen->rates, from->rates, sizeof(listen->rates));
	memcpy(listen->congestion, from->congestion,
	       sizeof(listen->congestion));
}

static void give_to(struct config *to, const struct config_listen *listen)
{
	to->slow_policy = listen->slow_policy;
	to->send_timeout_ms = listen->send_timeout_ms;
	to->sndbuf_bytes = listen->sndbuf_bytes;
	to->rcvbuf_bytes = listen->rcvbuf_bytes;
	to->keepalive_ms = listen->keepalive_ms;
	to->user_timeout_ms = listen->user_timeout_ms;
	memcpy(to->rates, listen->rates, sizeof(to->rates));
	memcpy(to->congestion, listen->congestion, sizeof(to->congestion));
}

static int set(const struct clause *clause, const struct option_row *row)
{
	struct config copy = *clause->config;
	char allowed[OPTIONS_TEXT_MAX];
	const char *why;

	give_to(&copy, clause->listen);
	why = config_value_set(&copy, row, clause->value);
	if (why != NULL)
		return refuse_value(
			clause, why,
			options_allowed(row, allowed, sizeof(allowed)));
	if (row->kind == OPTION_LAG)
		return set_lag(clause);
	take_from(clause->listen, &copy);
	return 0;
}

static const char *whom(const struct key *key)
{
	if (key->whose == SENDERS)
		return "is for senders";
	return key->whose == PUBLISHERS ? "is for clients of --packet"
					: "is for receivers";
}

static int apply(const struct clause *clause)
{
	const struct key *key = NULL;

	for (size_t i = 0; i < KEYS; i++)
		if (strcmp(keys[i].name, clause->name) == 0)
			key = &keys[i];
	if (key == NULL)
		return refuse_key(clause);
	if (who_comes(clause->listen) == 0)
		return refuse_place(clause, "does not concern this address");
	if ((key->whose & who_comes(clause->listen)) == 0)
		return refuse_place(clause, whom(key));
	if (key->tcp_only && is_unix(clause->listen))
		return refuse_place(clause, "is for TCP");
	/* its name is that of a row, so the nearest is it */
	return set(clause, options_nearest(clause->name));
}

/* ---- All --------------------------------------------------------------- */

/* Copies the clause at `text`; returns where the next one begins, or NULL. */
static const char *cut(struct clause *clause, const char *text)
{
	size_t length = strcspn(text, ",");
	size_t name = strcspn(text, "=,");
	size_t value = name < length ? length - name - 1 : 0;

	(void)snprintf(clause->name, sizeof(clause->name), "%.*s", (int)name,
		       text);
	(void)snprintf(clause->value, sizeof(clause->value), "%.*s", (int)value,
		       text + length - value);
	return text[length] == ',' ? text + length : NULL;
}

/*
 * The half-dead are dropped where stalling receivers are dropped as well. To
 * the kernel one that takes nothing is the same as one that does not answer,
 * and with the other policies that one is to stay.
 */
static uint32_t usual_user_timeout_ms(const struct config_listen *listen)
{
	return listen->slow_policy == CONFIG_SLOW_DISCONNECT
		       ? 2 * listen->keepalive_ms
		       : 0;
}

/* Of the daemon's rates, those of others. */
static void drop_foreign_rates(struct config_listen *listen)
{
	unsigned who = who_comes(listen);

	if ((who & SENDERS) == 0)
		listen->rates[CONFIG_RATE_INGEST] = 0;
	if ((who & PUBLISHERS) == 0)
		listen->rates[CONFIG_RATE_RECORDS] = 0;
	if ((who & RECEIVERS) == 0)
		listen->rates[CONFIG_RATE_EGRESS] = 0;
}

int config_listen_resolve(struct config *config, uint32_t index,
			  const struct settings *settings,
			  const struct setting *setting, FILE *err)
{
	struct config_listen *listen = &config->listens[index];
	const char *text = strchr(setting->text, ',');
	struct clause clause = {
		.config = config,
		.listen = listen,
		.settings = settings,
		.setting = setting,
		.err = err,
	};
	int ret = 0;

	take_from(listen, config);
	listen->max_lag_bytes = config->max_lag_bytes;
	listen->has_options = text != NULL;
	while (text != NULL && ret == 0) {
		text = cut(&clause, text + 1);
		ret = apply(&clause);
	}
	if (listen->user_timeout_ms == CONFIG_AUTO)
		listen->user_timeout_ms = usual_user_timeout_ms(listen);
	drop_foreign_rates(listen);
	return ret;
}

void config_listen_take_live(struct config_listen *listen,
			     const struct config_listen *from)
{
	listen->has_options = from->has_options;
	listen->slow_policy = from->slow_policy;
	listen->max_lag_bytes = from->max_lag_bytes;
	listen->send_timeout_ms = from->send_timeout_ms;
	listen->keepalive_ms = from->keepalive_ms;
	listen->user_timeout_ms = from->user_timeout_ms;
	memcpy(listen->rates, from->rates, sizeof(listen->rates));
}
