/* SPDX-License-Identifier: MIT */
/*
 * manual.c - see manual.h.
 *
 * In --help an option is a line that begins with blanks and, before any text,
 * has "--name"; in the man page, the line after .TP that has "\-\-name".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "manual.h"
#include "run_program.h"
#include "support.h"

static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

char *manual_file(const char *path)
{
	FILE *file = fopen(path, "re");
	size_t room = 1 << 20;
	char *text = malloc(room);
	size_t size;

	assert_non_null(file);
	assert_non_null(text);
	size = fread(text, 1, room - 1, file);
	assert_true(size > 0 && size < room - 1);
	text[size] = '\0';
	(void)fclose(file);
	return text;
}

/* The characters of a man page without the backslashes. */
static void plain(char *text)
{
	char *to = text;

	for (; *text; text++)
		if (*text != '\\')
			*to++ = *text;
	*to = '\0';
}

static void add_name(struct manual_names *list, const char *line)
{
	const char *dashes = strstr(line, "--");
	size_t length;

	if (!dashes)
		return;
	length = strspn(dashes + 2, letters);
	assert_true(list->count < 128 && length > 0 && length < 48);
	memcpy(list->names[list->count], dashes + 2, length);
	list->names[list->count++][length] = '\0';
}

static void names_of_help(char *help, struct manual_names *list)
{
	char *rest = NULL;

	for (char *line = strtok_r(help, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest))
		if (strncmp(line, "  -", 3) == 0 ||
		    strncmp(line, "      --", 8) == 0)
			add_name(list, line);
}

static void names_of_manual(char *manual, struct manual_names *list)
{
	char *section = strstr(manual, ".SH OPTIONS\n");
	char *rest = NULL;
	int after_tp = 0;

	assert_non_null(section);
	plain(section);
	for (char *line =
		     strtok_r(section + strlen(".SH OPTIONS\n"), "\n", &rest);
	     line && strncmp(line, ".SH", 3) != 0;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (after_tp)
			add_name(list, line);
		after_tp = strcmp(line, ".TP") == 0;
	}
}

void manual_agrees(const char *tool, const char *manual)
{
	const char *const argv[] = {tool, "--help", NULL};
	struct manual_names helped = {0};
	struct manual_names described = {0};
	struct run_program program;
	char *text = manual_file(manual);

	assert_int_equal(run_program(&program, argv), 0);
	names_of_help(program.out.bytes, &helped);
	names_of_manual(text, &described);

	assert_true(helped.count > 5);
	assert_int_equal(helped.count, described.count);
	for (size_t i = 0; i < helped.count; i++)
		assert_string_equal(helped.names[i], described.names[i]);
	run_program_end(&program);
	free(text);
}
