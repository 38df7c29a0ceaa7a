/* SPDX-License-Identifier: MIT */
/* settings.c - see settings.h. */
#include "src/settings.h"
#include "shm/assert.h"
#include "src/config_value.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Room for a value in a message; what is longer is cut. */
#define QUOTED_MAX 320

/* ---- In ---------------------------------------------------------------- */

/* Of one source; a value that is said again takes the place of the old one. */
static struct setting *find_same(struct settings *settings,
				 const struct setting *setting)
{
	for (size_t i = 0; i < settings->count; i++)
		if (settings->all[i].row == setting->row &&
		    settings->all[i].origin == setting->origin)
			return &settings->all[i];
	return NULL;
}

static unsigned count_addresses(const struct settings *settings,
				enum setting_origin origin)
{
	unsigned count = 0;

	for (size_t i = 0; i < settings->count; i++)
		count += settings->all[i].origin == origin &&
			 options_is_address(settings->all[i].row);
	return count;
}

static struct setting *make_room(struct settings *settings,
				 enum setting_origin origin)
{
	size_t at = settings->count;

	BC_ASSERT(settings->count < SETTINGS_MAX);
	while (at > 0 && settings->all[at - 1].origin > origin)
		at--;
	memmove(&settings->all[at + 1], &settings->all[at],
		(settings->count++ - at) * sizeof(settings->all[0]));
	settings->all[at] = (struct setting){.copy = NULL};
	return &settings->all[at];
}

const char *settings_add(struct settings *settings,
			 const struct setting *setting)
{
	bool address = options_is_address(setting->row);
	struct setting added = *setting;
	struct config scratch = {.name = ""};
	struct setting *old = NULL;
	const char *why;

	why = config_value_set(&scratch, setting->row, setting->text);
	if (why)
		return why;
	if (address &&
	    count_addresses(settings, setting->origin) == CONFIG_LISTEN_MAX)
		return "is one address too many";
	added.copy = strdup(setting->text);
	if (!added.copy)
		return "does not fit into memory";
	added.text = added.copy;
	if (!address)
		old = find_same(settings, setting);
	if (!old)
		old = make_room(settings, setting->origin);
	free(old->copy);
	*old = added;
	return NULL;
}

void settings_fini(struct settings *settings)
{
	for (size_t i = 0; i < settings->count; i++)
		free(settings->all[i].copy);
	memset(settings, 0, sizeof(*settings));
}

bool settings_have_listener(const struct settings *settings)
{
	for (size_t i = 0; i < settings->count; i++)
		if (options_is_address(settings->all[i].row) &&
		    settings->all[i].row->kind != OPTION_ADMIN)
			return true;
	return false;
}

/* ---- Out --------------------------------------------------------------- */

bool settings_counts(const struct settings *settings,
		     const struct setting *setting)
{
	for (size_t i = 0; i < settings->count; i++)
		if (settings->all[i].row == setting->row &&
		    settings->all[i].origin > setting->origin)
			return false;
	return true;
}

const struct setting *settings_next(const struct settings *settings,
				    const struct option_row *row,
				    const struct setting *after)
{
	size_t first = after ? (size_t)(after - settings->all) + 1 : 0;

	for (size_t i = first; i < settings->count; i++)
		if (settings->all[i].row == row &&
		    settings_counts(settings, &settings->all[i]))
			return &settings->all[i];
	return NULL;
}

const struct setting *settings_file(const struct settings *settings)
{
	for (int i = 0; i < OPTIONS_COUNT; i++)
		if (options_table[i].kind == OPTION_CONFIG)
			return settings_next(settings, &options_table[i], NULL);
	return NULL;
}

bool settings_are_typed(const struct settings *settings)
{
	for (size_t i = 0; i < settings->count; i++)
		if (settings->all[i].origin != SETTING_COMMAND_LINE)
			return false;
	return true;
}

/* ---- In words ---------------------------------------------------------- */

const char *settings_variable(const struct option_row *row,
			      char buffer[SETTINGS_VARIABLE_MAX])
{
	(void)snprintf(buffer, SETTINGS_VARIABLE_MAX, "BCASTD_%s", row->name);
	for (char *letter = buffer; *letter; letter++)
		*letter = *letter == '-' ? '_' : (char)toupper(*letter);
	return buffer;
}

void settings_say_where(const struct settings *settings,
			const struct setting *setting, FILE *err)
{
	const struct setting *file;
	char variable[SETTINGS_VARIABLE_MAX], quoted[QUOTED_MAX];

	switch (setting->origin) {
	case SETTING_FILE:
		file = settings_file(settings);
		(void)fprintf(err, "%s:%u: %s",
			      log_quote(file ? file->text : "", quoted,
					sizeof(quoted)),
			      setting->line, setting->row->name);
		return;
	case SETTING_ENVIRONMENT:
		(void)fprintf(err, "bcastd: %s",
			      settings_variable(setting->row, variable));
		return;
	case SETTING_DEFAULT:
	case SETTING_COMMAND_LINE:
		break;
	}
	(void)fprintf(err, "bcastd: --%s", setting->row->name);
}

void settings_refuse(const struct settings *settings,
		     const struct setting *setting, const char *why, FILE *err)
{
	char allowed[OPTIONS_TEXT_MAX];
	char quoted[QUOTED_MAX];

	settings_say_where(settings, setting, err);
	(void)fprintf(err, ": %s %s (allowed: %s)\n",
		      log_quote(setting->text, quoted, sizeof(quoted)), why,
		      options_allowed(setting->row, allowed, sizeof(allowed)));
}
