/* SPDX-License-Identifier: MIT */
/* check.c - see check.h. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "src/check.h"

#define PATH_BYTES 512

const char *check_state_name(enum check_state state)
{
	switch (state) {
	case CHECK_OK:
		return "ok";
	case CHECK_WARN:
		return "warn";
	case CHECK_FAIL:
		return "fail";
	case CHECK_UNKNOWN:
		return "unknown";
	}
	return "unknown";
}

/* ---- Results ----------------------------------------------------------- */

/* A double quote would end a value of the log. */
__attribute__((format(printf, 2, 0))) static void put(char text[CHECK_TEXT],
						      const char *format,
						      va_list arguments)
{
	(void)vsnprintf(text, CHECK_TEXT, format, arguments);
	for (char *quote = strchr(text, '"'); quote; quote = strchr(quote, '"'))
		*quote = '\'';
}

void check_is(struct check_result *result, enum check_state state,
	      const char *means)
{
	result->state = state;
	(void)snprintf(result->means, sizeof(result->means), "%s", means);
}

void check_found(struct check_result *result, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	put(result->found, format, arguments);
	va_end(arguments);
}

void check_fix(struct check_result *result, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	put(result->fix, format, arguments);
	va_end(arguments);
}

void check_unknown(struct check_result *result, const char *what)
{
	check_is(result, CHECK_UNKNOWN, "");
	check_found(result, "cannot read %s", what);
}

/* ---- Reading ----------------------------------------------------------- */

bool check_line(const char *root, const char *path, char *line, size_t size)
{
	char whole[PATH_BYTES];
	FILE *file;
	bool good;

	line[0] = '\0';
	(void)snprintf(whole, sizeof(whole), "%s%s", root, path);
	file = fopen(whole, "re");
	if (!file)
		return false;
	good = fgets(line, (int)size, file) != NULL;
	(void)fclose(file);
	line[strcspn(line, "\n")] = '\0';
	return good;
}

bool check_numbers(const char *root, const char *path, uint64_t *numbers,
		   unsigned count)
{
	char line[256];
	const char *at = line;

	if (!check_line(root, path, line, sizeof(line)))
		return false;
	for (unsigned i = 0; i < count; i++) {
		int taken = 0;

		if (sscanf(at, "%" SCNu64 "%n", &numbers[i], &taken) != 1)
			return false;
		at += taken;
	}
	return true;
}

const char *check_bytes(uint64_t bytes, char text[CHECK_SIZE_MAX])
{
	static const char units[] = " KMGTPE";
	double value = (double)bytes;
	unsigned unit = 0;

	while (value >= 1024 && units[unit + 1]) {
		value /= 1024;
		unit++;
	}
	if (unit == 0)
		(void)snprintf(text, CHECK_SIZE_MAX, "%.0f B", value);
	else
		(void)snprintf(text, CHECK_SIZE_MAX, "%.*f%c",
			       value < 10 && value != (double)(int)value, value,
			       units[unit]);
	return text;
}

bool check_capability(const char *root, unsigned capability)
{
	char path[PATH_BYTES], line[256];
	uint64_t effective = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/proc/self/status", root);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "CapEff: %" SCNx64, &effective) == 1)
			break;
	(void)fclose(file);
	return (effective >> capability & 1) != 0;
}
