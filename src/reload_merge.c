/* SPDX-License-Identifier: MIT */
/* reload_merge.c - see reload_merge.h. */
#include "src/reload_merge.h"
#include "src/config_value.h"
#include "src/options.h"

#include <errno.h>
#include <string.h>

/* ---- Options ----------------------------------------------------------- */

static const char *text_of(const struct settings *settings,
			   const struct option_row *row)
{
	const struct setting *setting = settings_next(settings, row, NULL);

	return setting ? setting->text : row->preset;
}

/* 64K is 65536. What depends on other options is compared as a text. */
static bool is_same(const struct option_row *row, const char *one,
		    const char *other)
{
	struct config values[2] = {{.name = ""}, {.name = ""}};

	if (strcmp(one, other) == 0)
		return true;
	if (row->kind == OPTION_LAG || one[0] == '\0' || other[0] == '\0')
		return false;
	(void)config_value_set(&values[0], row, one);
	(void)config_value_set(&values[1], row, other);
	return memcmp((char *)&values[0] + row->field,
		      (char *)&values[1] + row->field, row->field_size) == 0;
}

/* The tables of connections are as large as they were made. */
static bool is_beyond(const struct option_row *row, const char *text,
		      uint32_t receivers_max)
{
	struct config value = {.name = ""};

	if (row->field != offsetof(struct config, max_receivers))
		return false;
	(void)config_value_set(&value, row, text);
	return value.max_receivers > receivers_max;
}

static bool is_compared(const struct option_row *row)
{
	return options_has_value(row) && !options_is_address(row) &&
	       row->kind != OPTION_CONFIG;
}

static void note(struct reload_changes *changes, const struct option_row *row,
		 const char *from, const char *to, bool kept)
{
	changes->all[changes->count++] = (struct reload_change){
		.row = row,
		.from = from,
		.to = to,
		.kept = kept,
	};
}

static void compare_options(const struct settings *running,
			    const struct settings *wanted,
			    uint32_t receivers_max,
			    struct reload_changes *changes)
{
	for (int i = 0; i < OPTIONS_COUNT; i++) {
		const struct option_row *row = &options_table[i];
		const char *from, *to;

		if (!is_compared(row))
			continue;
		from = text_of(running, row);
		to = text_of(wanted, row);
		if (!is_same(row, from, to))
			note(changes, row, from, to,
			     !options_is_live(row) ||
				     is_beyond(row, to, receivers_max));
	}
}

/* ---- Addresses --------------------------------------------------------- */

static bool is_address(const struct settings *settings, size_t i)
{
	return options_is_address(settings->all[i].row) &&
	       settings_counts(settings, &settings->all[i]);
}

static bool is_same_address(const struct setting *one,
			    const struct setting *other)
{
	size_t length = strcspn(one->text, ",");

	return one->row == other->row && length == strcspn(other->text, ",") &&
	       memcmp(one->text, other->text, length) == 0;
}

/* Of equal ones before it. */
static unsigned rank_of(const struct settings *settings, size_t index)
{
	unsigned rank = 0;

	for (size_t i = 0; i < index; i++)
		rank += is_address(settings, i) &&
			is_same_address(&settings->all[i],
					&settings->all[index]);
	return rank;
}

/*
 * The first goes with the first, and so on. NULL: there is none in the other.
 */
static const struct setting *find_in(const struct settings *other,
				     const struct settings *settings,
				     size_t index)
{
	unsigned rank = rank_of(settings, index);

	for (size_t i = 0; i < other->count; i++)
		if (is_address(other, i) &&
		    is_same_address(&other->all[i], &settings->all[index]) &&
		    rank-- == 0)
			return &other->all[i];
	return NULL;
}

static void compare_addresses(const struct settings *running,
			      const struct settings *wanted,
			      struct reload_changes *changes)
{
	for (size_t i = 0; i < running->count; i++) {
		const struct setting *old = &running->all[i];
		const struct setting *new;

		if (!is_address(running, i))
			continue;
		new = find_in(wanted, running, i);
		if (!new || strcmp(old->text, new->text) != 0)
			note(changes, old->row, old->text, new ? new->text : "",
			     !new);
	}
	for (size_t i = 0; i < wanted->count; i++)
		if (is_address(wanted, i) && !find_in(running, wanted, i))
			note(changes, wanted->all[i].row, "",
			     wanted->all[i].text, true);
}

void reload_compare(const struct settings *running,
		    const struct settings *wanted, uint32_t receivers_max,
		    struct reload_changes *changes)
{
	changes->count = 0;
	compare_options(running, wanted, receivers_max, changes);
	compare_addresses(running, wanted, changes);
}

/* ---- Both -------------------------------------------------------------- */

static bool is_kept(const struct reload_changes *changes,
		    const struct option_row *row)
{
	for (size_t i = 0; i < changes->count; i++)
		if (changes->all[i].row == row)
			return changes->all[i].kept;
	return false;
}

int reload_merge(const struct settings *running, const struct settings *wanted,
		 const struct reload_changes *changes, struct settings *merged)
{
	for (int i = 0; i < OPTIONS_COUNT; i++) {
		const struct option_row *row = &options_table[i];
		const struct setting *setting;

		if (options_is_address(row))
			continue;
		setting = settings_next(
			is_kept(changes, row) ? running : wanted, row, NULL);
		if (setting && settings_add(merged, setting))
			return -ENOMEM;
	}
	for (size_t i = 0; i < running->count; i++) {
		struct setting setting = running->all[i];
		const struct setting *new;

		if (!is_address(running, i))
			continue;
		new = find_in(wanted, running, i);
		if (new) {
			setting.text = new->text;
			setting.line = new->line;
		}
		if (settings_add(merged, &setting))
			return -ENOMEM;
	}
	return 0;
}
