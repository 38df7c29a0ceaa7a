/* SPDX-License-Identifier: MIT */
/*
 * parse.c - strict numbers with units.
 *
 * strtoull() accepts blanks, signs ("-1" becomes 2^64-1) and an empty text, and
 * has to be wrapped in checks for each; reading the digits ourselves is shorter
 * and says what is accepted.
 */
#include "src/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct unit {
	const char *name;
	uint64_t factor;
};

/* Largest first, for the printers. The nameless one ends each table. */
static const struct unit size_units[] = {
	{"T", UINT64_C(1) << 40},
	{"G", UINT64_C(1) << 30},
	{"M", UINT64_C(1) << 20},
	{"K", UINT64_C(1) << 10},
	{"", 1},
};

static const struct unit duration_units[] = {
	{"m", 60000},
	{"s", 1000},
	{"ms", 1},
	{"", 0},
};

static const struct unit interval_units[] = {
	{"s", 1000000},
	{"ms", 1000},
	{"us", 1},
	{"", 0},
};

/* Read all digits of `base` (8 or 10) at *text and move *text past them. */
static int scan(const char **text, unsigned int base, uint64_t *value)
{
	const char *digit = *text;
	uint64_t sum = 0;

	while (*digit >= '0' && *digit < (char)('0' + base)) {
		if (__builtin_mul_overflow(sum, base, &sum) ||
		    __builtin_add_overflow(sum, (uint64_t)(*digit - '0'), &sum))
			return -ERANGE;
		digit++;
	}
	if (digit == *text)
		return -EINVAL;
	*text = digit;
	*value = sum;
	return 0;
}

static const struct unit *find_unit(const struct unit *units, const char *name)
{
	while (units->name[0] != '\0' && strcasecmp(units->name, name) != 0)
		units++;
	return strcasecmp(units->name, name) == 0 ? units : NULL;
}

int parse_number(const char *text, int64_t *value)
{
	int negative = *text == '-';
	uint64_t magnitude;
	int ret;

	text += negative;
	ret = scan(&text, 10, &magnitude);
	if (ret < 0)
		return ret;
	if (*text != '\0')
		return -EINVAL;
	if (magnitude > INT64_MAX)
		return -ERANGE;
	*value = negative ? -(int64_t)magnitude : (int64_t)magnitude;
	return 0;
}

int parse_size(const char *text, uint64_t *bytes)
{
	const struct unit *unit;
	uint64_t count;
	int ret = scan(&text, 10, &count);

	if (ret < 0)
		return ret;
	unit = find_unit(size_units, text);
	if (unit == NULL)
		return -EINVAL;
	if (count > UINT64_MAX / unit->factor)
		return -ERANGE;
	*bytes = count * unit->factor;
	return 0;
}

/* Only 0 is the same in all units, and so needs none. */
static int parse_time(const struct unit *units, const char *text,
		      uint64_t *value)
{
	const struct unit *unit;
	uint64_t count;
	int ret = scan(&text, 10, &count);

	if (ret < 0)
		return ret;
	unit = find_unit(units, text);
	if (unit == NULL || (unit->factor == 0 && count != 0))
		return -EINVAL;
	if (unit->factor != 0 && count > UINT64_MAX / unit->factor)
		return -ERANGE;
	*value = count * unit->factor;
	return 0;
}

int parse_duration(const char *text, uint64_t *milliseconds)
{
	return parse_time(duration_units, text, milliseconds);
}

int parse_interval(const char *text, uint64_t *microseconds)
{
	return parse_time(interval_units, text, microseconds);
}

int parse_percent(const char *text, uint32_t *percent)
{
	uint64_t value;
	int ret = scan(&text, 10, &value);

	if (ret < 0)
		return ret;
	if (strcmp(text, "%") != 0)
		return -EINVAL;
	if (value > 100)
		return -ERANGE;
	*percent = (uint32_t)value;
	return 0;
}

int parse_octal(const char *text, uint32_t *value)
{
	uint64_t wide;
	int ret = scan(&text, 8, &wide);

	if (ret < 0)
		return ret;
	if (*text != '\0')
		return -EINVAL;
	if (wide > UINT32_MAX)
		return -ERANGE;
	*value = (uint32_t)wide;
	return 0;
}

/* The largest unit that leaves no remainder; 0 needs none. */
static const char *print(const struct unit *units, uint64_t value, char *buffer,
			 size_t size)
{
	const char *name = "";

	while (units->factor > 1 && value % units->factor != 0)
		units++;
	if (value != 0) {
		name = units->name;
		value /= units->factor;
	}
	(void)snprintf(buffer, size, "%" PRIu64 "%s", value, name);
	return buffer;
}

const char *parse_print_size(uint64_t bytes, char *buffer, size_t size)
{
	return print(size_units, bytes, buffer, size);
}

const char *parse_print_duration(uint64_t milliseconds, char *buffer,
				 size_t size)
{
	return print(duration_units, milliseconds, buffer, size);
}

const char *parse_print_interval(uint64_t microseconds, char *buffer,
				 size_t size)
{
	return print(interval_units, microseconds, buffer, size);
}
