/* SPDX-License-Identifier: MIT */
/*
 * config.c - from argv to struct config, or to one line that says what is
 * wrong.
 *
 * getopt_long() only takes argv apart, silenced and without its reordering; all
 * checks and words come from the rows of options.def. Each kind of option has
 * one function that stores a text's value or returns the reason why not, such
 * as "is not a size". Defaults go the same way, as if typed first. --max-lag
 * depends on --ring-size, so it is kept aside until all has been read.
 */
#include "src/config.h"
#include "net/sockaddr.h"
#include "shm/name.h"
#include "src/options.h"
#include "src/parse.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
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
};

static const char not_in_range[] = "is out of range";

uint64_t config_read_bytes(uint64_t ring_size_bytes)
{
	return ring_size_bytes / 8 < CONFIG_READ_MAX ? ring_size_bytes / 8
						     : CONFIG_READ_MAX;
}

/* ---- One value ---- */

static void store(struct config *config, const struct option_row *row,
		  uint64_t value)
{
	char *field = (char *)config + row->field;
	uint32_t narrow = (uint32_t)value;

	if (row->field_size == sizeof(value))
		memcpy(field, &value, sizeof(value));
	else
		memcpy(field, &narrow, sizeof(narrow));
}

static void store_text(struct config *config, const struct option_row *row,
		       const char *text)
{
	(void)snprintf((char *)config + row->field, row->field_size, "%s",
		       text);
}

/* `ret` is a parser's result; `form` says what it would have been. */
static const char *store_in_range(struct config *config,
				  const struct option_row *row, int ret,
				  uint64_t value, const char *form)
{
	if (ret == -ERANGE)
		return not_in_range;
	if (ret < 0)
		return form;
	if (value < (uint64_t)row->minimum || value > (uint64_t)row->maximum)
		return not_in_range;
	store(config, row, value);
	return NULL;
}

static const char *set_ring(struct config *config, const struct option_row *row,
			    const char *text)
{
	uint64_t bytes = 0;
	int ret = parse_size(text, &bytes);

	if (ret == 0 && (bytes & (bytes - 1)) != 0)
		return "is not a power of two";
	return store_in_range(config, row, ret, bytes, "is not a size");
}

static const char *set_size(struct config *config, const struct option_row *row,
			    const char *text)
{
	uint64_t bytes = 0;
	int ret = parse_size(text, &bytes);

	if (ret == 0 && bytes == 0) {
		store(config, row, 0);
		return NULL;
	}
	return store_in_range(config, row, ret, bytes, "is not a size");
}

static const char *set_duration(struct config *config,
				const struct option_row *row, const char *text)
{
	uint64_t milliseconds = 0;
	int ret = parse_duration(text, &milliseconds);

	return store_in_range(config, row, ret, milliseconds,
			      "is not a duration with ms, s or m");
}

static const char *set_number(struct config *config,
			      const struct option_row *row, const char *text)
{
	int64_t value;
	int ret = parse_number(text, &value);

	if (ret == -EINVAL)
		return "is not a whole number";
	if (ret < 0 || value < row->minimum || value > row->maximum)
		return not_in_range;
	store(config, row, (uint64_t)value);
	return NULL;
}

static const char *set_mode(struct config *config, const struct option_row *row,
			    const char *text)
{
	uint32_t mode = 0;
	int ret = parse_octal(text, &mode);

	if (ret == -EINVAL)
		return "is not an octal mode";
	if (ret < 0 || (mode & ~(uint32_t)row->maximum) != 0)
		return "gives too much";
	if ((mode & (uint32_t)row->minimum) != (uint32_t)row->minimum)
		return "gives the owner too little";
	store(config, row, mode);
	return NULL;
}

static const char *set_word(struct config *config, const struct option_row *row,
			    const char *text)
{
	const char *words = row->argument;
	size_t length = strlen(text);

	for (uint64_t index = 0; *words != '\0'; index++) {
		size_t word_length = strcspn(words, "|");

		if (length == word_length && memcmp(words, text, length) == 0) {
			store(config, row, index);
			return NULL;
		}
		words += word_length;
		words += *words == '|';
	}
	return "is none of its values";
}

static const char *set_name(struct config *config, const struct option_row *row,
			    const char *text)
{
	if (!bc_name_valid(text))
		return "is not a stream's name";
	store_text(config, row, text);
	return NULL;
}

static const char *set_congestion(struct config *config,
				  const struct option_row *row,
				  const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_-";
	size_t length = strlen(text);

	if (length < (size_t)row->minimum || length > (size_t)row->maximum ||
	    strspn(text, letters) != length)
		return "is not a congestion control's name";
	store_text(config, row, text);
	return NULL;
}

static const char *set_group(struct config *config,
			     const struct option_row *row, const char *text)
{
	const struct group *group;
	int64_t number;

	if (strlen(text) >= row->field_size)
		return "is too long";
	if (parse_number(text, &number) == 0) {
		/* The last gid means "leave it" to chown(2). */
		if (number < 0 || number >= (int64_t)(gid_t)-1)
			return not_in_range;
		config->gid = (gid_t)number;
	} else {
		group = getgrnam(text);
		if (group == NULL)
			return "is not a group of this system";
		config->gid = group->gr_gid;
	}
	store_text(config, row, text);
	return NULL;
}

static const char *add_listen(struct config *config, enum config_role role,
			      const char *text)
{
	char host[BC_SOCKADDR_HOST_MAX];
	struct config_listen *listen;
	uint16_t port;

	if (bc_sockaddr_split(text, host, &port) < 0 ||
	    strlen(text) >= sizeof(listen->address))
		return "is not an address";
	if (config->listen_count == CONFIG_LISTEN_MAX)
		return "is one address too many";
	listen = &config->listens[config->listen_count++];
	listen->role = role;
	(void)snprintf(listen->address, sizeof(listen->address), "%s", text);
	return NULL;
}

static const char *check_lag(const char *text)
{
	uint64_t bytes;
	uint32_t percent;
	int ret = parse_percent(text, &percent);

	if (ret == -EINVAL)
		ret = parse_size(text, &bytes);
	if (ret == -EINVAL)
		return "is neither a size nor a percentage";
	return ret < 0 ? not_in_range : NULL;
}

/* Store what `text` says, or return what is wrong with it. */
static const char *set(struct request *request, const struct option_row *row,
		       const char *text)
{
	struct config *config = request->config;

	switch (row->kind) {
	case OPTION_NAME:
		return set_name(config, row, text);
	case OPTION_LISTEN:
		return add_listen(config, CONFIG_ROLE_ANY, text);
	case OPTION_INGEST:
		return add_listen(config, CONFIG_ROLE_INGEST, text);
	case OPTION_EGRESS:
		return add_listen(config, CONFIG_ROLE_EGRESS, text);
	case OPTION_RING:
		return set_ring(config, row, text);
	case OPTION_SIZE:
		return set_size(config, row, text);
	case OPTION_LAG:
		request->max_lag = text;
		return check_lag(text);
	case OPTION_DURATION:
		return set_duration(config, row, text);
	case OPTION_NUMBER:
		return set_number(config, row, text);
	case OPTION_WORD:
		return set_word(config, row, text);
	case OPTION_MODE:
		return set_mode(config, row, text);
	case OPTION_GROUP:
		return set_group(config, row, text);
	case OPTION_CONGESTION:
		return set_congestion(config, row, text);
	case OPTION_HEADING:
	case OPTION_HELP:
	case OPTION_VERSION:
		break;
	}
	return "takes no value";
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

static void start(struct config *config)
{
	memset(config, 0, sizeof(*config));
	config->gid = (gid_t)-1;
}

static bool is_listener(const struct option_row *row)
{
	return row->kind == OPTION_LISTEN || row->kind == OPTION_INGEST ||
	       row->kind == OPTION_EGRESS;
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

/*
 * At least two reads, so that one read alone makes nobody too slow; and room
 * for one more read behind the slowest receiver.
 */
static int resolve_lag(struct request *request)
{
	struct config *config = request->config;
	uint64_t ring = config->ring_size_bytes;
	uint64_t low = 2 * config_read_bytes(ring);
	uint64_t high = ring / 8 * 7;
	char quoted[QUOTED_MAX];
	char text[3][PARSE_TEXT_MAX];
	uint64_t bytes = 0;
	uint32_t percent;

	if (parse_percent(request->max_lag, &percent) == 0)
		bytes = ring * percent / 100;
	else if (parse_size(request->max_lag, &bytes) < 0)
		return -EINVAL; /* set() has looked: not reached */
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
	if (config->listen_count == 0)
		ret = apply_defaults(&request, true);
	return ret < 0 ? ret : resolve_lag(&request);
}
