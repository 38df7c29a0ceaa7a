/* SPDX-License-Identifier: MIT */
/*
 * config_env.c - see config_source.h.
 *
 * A variable that is unknown is no error, though a key of a file is: others put
 * variables there. To a pod beside a service called bcastd, Kubernetes gives
 * BCASTD_PORT and BCASTD_SERVICE_HOST, and the daemon would not start for it.
 */
#include "src/config_source.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUOTED_MAX 320

static const char prefix[] = "BCASTD_";
#define PREFIX_LENGTH (sizeof(prefix) - 1)

static int add(struct settings *settings, const struct option_row *row,
	       const char *text, FILE *err)
{
	const struct setting setting = {
		.row = row,
		.text = text,
		.origin = SETTING_ENVIRONMENT,
	};
	const char *why = settings_add(settings, &setting);

	if (!why)
		return 0;
	settings_refuse(settings, &setting, why, err);
	return -EBADMSG;
}

static int add_list(struct settings *settings, const struct option_row *row,
		    const char *text, FILE *err)
{
	char *words = strdup(text);
	char *rest = words;
	const char *word;
	int ret = words ? 0 : -EBADMSG;

	while (rest && (word = strtok_r(rest, " \t\n", &rest)) != NULL)
		if (add(settings, row, word, err) < 0)
			ret = -EBADMSG;
	free(words);
	return ret;
}

static int read_row(struct settings *settings, const struct option_row *row,
		    FILE *err)
{
	char name[SETTINGS_VARIABLE_MAX];
	const char *text;

	if (!options_has_value(row))
		return 0;
	text = getenv(settings_variable(row, name));
	if (!text || text[0] == '\0')
		return 0;
	return options_is_address(row) ? add_list(settings, row, text, err)
				       : add(settings, row, text, err);
}

/* ---- What is no option's ----------------------------------------------- */

/* "RING_SIZE" as "ring-size". */
static void option_name(const char *variable, size_t length, char *name,
			size_t size)
{
	(void)snprintf(name, size, "%.*s", (int)length, variable);
	for (char *letter = name; *letter; letter++)
		*letter = *letter == '_' ? '-' : (char)tolower(*letter);
}

static bool is_known(const char *variable, size_t length)
{
	for (int i = 0; i < OPTIONS_COUNT; i++) {
		char name[SETTINGS_VARIABLE_MAX];

		if (!options_has_value(&options_table[i]))
			continue;
		settings_variable(&options_table[i], name);
		if (strlen(name) == length &&
		    memcmp(name, variable, length) == 0)
			return true;
	}
	return false;
}

static void warn(const char *variable, size_t length, FILE *err)
{
	char name[SETTINGS_VARIABLE_MAX], quoted[QUOTED_MAX], whole[128];
	const struct option_row *nearest;

	option_name(variable + PREFIX_LENGTH, length - PREFIX_LENGTH, name,
		    sizeof(name));
	nearest = options_nearest(name);
	(void)snprintf(whole, sizeof(whole), "%.*s", (int)length, variable);
	(void)fprintf(err,
		      CONFIG_WARNING "%s in the environment is no "
				     "option's, and is ignored",
		      log_quote(whole, quoted, sizeof(quoted)));
	if (nearest && options_has_value(nearest))
		(void)fprintf(err, "; did you mean %s?",
			      settings_variable(nearest, name));
	(void)fputc('\n', err);
}

int config_env_read(struct settings *settings, FILE *err)
{
	int ret = 0;

	for (char **entry = environ; entry && *entry; entry++) {
		size_t length = strcspn(*entry, "=");

		if (strncmp(*entry, prefix, PREFIX_LENGTH) == 0 &&
		    !is_known(*entry, length))
			warn(*entry, length, err);
	}
	for (int i = 0; i < OPTIONS_COUNT; i++)
		if (read_row(settings, &options_table[i], err) < 0)
			ret = -EBADMSG;
	return ret;
}
