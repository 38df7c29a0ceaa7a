/* SPDX-License-Identifier: MIT */
/* from.c - see from.h. */
#include <string.h>
#include <time.h>

#include "from.h"
#include "options.h"

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)
#define S_MAX	  (UINT64_MAX / NS_PER_S - 1)

/* Digits only, up to the end or a point. Returns where they end, or NULL. */
static const char *digits(const char *text, uint64_t most, uint64_t *value)
{
	uint64_t found = 0;

	if (*text < '0' || *text > '9')
		return NULL;
	for (; *text >= '0' && *text <= '9'; text++) {
		uint64_t digit = (uint64_t)(*text - '0');

		if (found > (most - digit) / 10)
			return NULL;
		found = found * 10 + digit;
	}
	*value = found;
	return text;
}

/* "SECONDS" or "SECONDS.FRACTION", of up to nine digits. */
static bool parse_seconds(const char *text, uint64_t *ns)
{
	uint64_t seconds, fraction = 0, unit = NS_PER_S;
	const char *end = digits(text, S_MAX, &seconds);

	if (!end || (*end != '\0' && (*end != '.' || end[1] == '\0')))
		return false;
	if (*end == '.')
		end++;
	for (; *end >= '0' && *end <= '9' && unit > 1; end++) {
		unit /= 10;
		fraction += (uint64_t)(*end - '0') * unit;
	}
	*ns = seconds * NS_PER_S + fraction;
	return *end == '\0';
}

static bool parse_time(const char *text, uint64_t now_ns, uint64_t *ns)
{
	uint64_t ago_ns;
	int ago_ms;

	if (*text == '@')
		return parse_seconds(text + 1, ns);
	if (*text != '-' || !options_time(text + 1, 1000, &ago_ms))
		return false;
	ago_ns = (uint64_t)ago_ms * NS_PER_MS;
	*ns = ago_ns < now_ns ? now_ns - ago_ns : 0;
	return true;
}

static bool is_number(const char *text, uint64_t *number)
{
	const char *end = digits(text, UINT64_MAX, number);

	return end && *end == '\0' && *number > 0;
}

bool from_parse(const char *text, uint64_t now_ns, enum bcast_from *from,
		uint64_t *what)
{
	enum bcast_from found = BCAST_FROM_POSITION;
	uint64_t value = 0;
	bool good = true;

	if (strcmp(text, "live") == 0) {
		found = BCAST_FROM_LIVE;
	} else if (strcmp(text, "oldest") == 0) {
		found = BCAST_FROM_OLDEST;
	} else if (strncmp(text, "seq:", 4) == 0) {
		found = BCAST_FROM_SEQUENCE;
		good = is_number(text + 4, &value);
	} else if (strncmp(text, "time:", 5) == 0) {
		found = BCAST_FROM_TIME;
		good = parse_time(text + 5, now_ns, &value);
	} else {
		good = options_size(text, &value);
	}
	if (!good)
		return false;
	*from = found;
	*what = value;
	return true;
}

uint64_t from_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}
