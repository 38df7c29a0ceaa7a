/* SPDX-License-Identifier: MIT */
/*
 * doctor_print.c - see doctor_print.h.
 *
 *	warn     memlock         8M, for a ring of 256M
 *	         sends without a copy, to receivers on other machines, are
 *	         slower; nothing else locks memory
 *	         fix: ulimit -l unlimited
 *
 * What it means is folded; the fix never is, so that it can be pasted.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "src/doctor_print.h"

#define NAME_WIDTH   16
#define INDENT	     9
#define INDENT_TEXT  "         "
#define LINE_COLUMNS 79

/* What is unknown is nothing to be done about. */
static bool is_well(enum check_state state)
{
	return state == CHECK_OK || state == CHECK_UNKNOWN;
}

/* ---- For people -------------------------------------------------------- */

static const char *colour_of(enum check_state state)
{
	switch (state) {
	case CHECK_OK:
		return "\033[32m";
	case CHECK_WARN:
		return "\033[33m";
	case CHECK_FAIL:
		return "\033[1;31m";
	case CHECK_UNKNOWN:
		return "\033[36m";
	}
	return "";
}

static void print_state(enum check_state state, bool colour)
{
	const char *name = check_state_name(state);

	printf("%s%s%s%*s", colour ? colour_of(state) : "", name,
	       colour ? "\033[0m" : "", INDENT - (int)strlen(name), "");
}

/* Words, as many as fit on a line. */
static void print_folded(const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t word = strcspn(text, " ");

		if (column == 0)
			printf("%s", INDENT_TEXT);
		else if (INDENT + column + 1 + word > LINE_COLUMNS)
			printf("\n%s", INDENT_TEXT);
		else
			(void)putchar(' ');
		if (column == 0 || INDENT + column + 1 + word > LINE_COLUMNS)
			column = word;
		else
			column += 1 + word;
		printf("%.*s", (int)word, text);
		text += word;
		text += strspn(text, " ");
	}
	if (column > 0)
		(void)putchar('\n');
}

static void print_result(const char *name, const struct check_result *result,
			 bool colour)
{
	print_state(result->state, colour);
	printf("%-*s%s\n", NAME_WIDTH, name, result->found);
	print_folded(result->means);
	if (result->fix[0])
		printf("%sfix: %s\n", INDENT_TEXT, result->fix);
}

static void print_summary(const struct check_result results[CHECKS_COUNT])
{
	unsigned counts[CHECK_UNKNOWN + 1] = {0};

	for (unsigned i = 0; i < CHECKS_COUNT; i++)
		counts[results[i].state]++;
	printf("\n%u ok, %u warn, %u fail, %u unknown. For 10 Gbit/s and more: "
	       "tools/tune.sh\n",
	       counts[CHECK_OK], counts[CHECK_WARN], counts[CHECK_FAIL],
	       counts[CHECK_UNKNOWN]);
}

/* ---- For programs ------------------------------------------------------ */

static bool add_text(struct json_object *object, const char *key,
		     const char *text)
{
	struct json_object *value = json_object_new_string(text);

	return value && json_object_object_add(object, key, value) == 0;
}

static struct json_object *object_of(const char *name,
				     const struct check_result *result)
{
	struct json_object *object = json_object_new_object();

	if (object && add_text(object, "check", name) &&
	    add_text(object, "state", check_state_name(result->state)) &&
	    add_text(object, "found", result->found) &&
	    add_text(object, "means", result->means) &&
	    add_text(object, "fix", result->fix))
		return object;
	json_object_put(object);
	return NULL;
}

static int print_json(const struct check_result results[CHECKS_COUNT],
		      bool quiet)
{
	struct json_object *list = json_object_new_array();
	const char *text;

	for (unsigned i = 0; list && i < CHECKS_COUNT; i++) {
		struct json_object *object;

		if (quiet && is_well(results[i].state))
			continue;
		object = object_of(checks_table[i].name, &results[i]);
		if (!object || json_object_array_add(list, object) < 0) {
			json_object_put(object);
			json_object_put(list);
			return -ENOMEM;
		}
	}
	text = json_object_to_json_string_ext(
		list, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
			      JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text)
		(void)puts(text);
	json_object_put(list);
	return text ? 0 : -ENOMEM;
}

/* ---- Both -------------------------------------------------------------- */

int doctor_print(const struct check_result results[CHECKS_COUNT],
		 const struct doctor_style *style)
{
	if (style->json)
		return print_json(results, style->quiet);
	for (unsigned i = 0; i < CHECKS_COUNT; i++)
		if (!style->quiet || !is_well(results[i].state))
			print_result(checks_table[i].name, &results[i],
				     style->colour);
	if (!style->quiet)
		print_summary(results);
	return 0;
}
