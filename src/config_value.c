/* SPDX-License-Identifier: MIT */
/*
 * config_value.c - one function for each kind of option: check the text, store
 * the value in the field that the row names, or say why not.
 */
#include "src/config_value.h"
#include "net/sockaddr.h"
#include "shm/name.h"
#include "src/parse.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <string.h>

static const char not_in_range[] = "is out of range";

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

static const char *set_bytes(struct config *config,
			     const struct option_row *row, const char *text)
{
	uint64_t bytes = 0;
	int ret = parse_size(text, &bytes);

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

static const char *set_interval(struct config *config,
				const struct option_row *row, const char *text)
{
	uint64_t microseconds = 0;
	int ret = parse_interval(text, &microseconds);

	return store_in_range(config, row, ret, microseconds,
			      "is not a duration with us, ms or s");
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

/* No line of a file could say it. */
static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

static const char *set_file(struct config *config, const struct option_row *row,
			    const char *text)
{
	size_t length = strlen(text);

	if (length < (size_t)row->minimum || has_control(text))
		return "is not a path";
	if (length > (size_t)row->maximum)
		return "is too long";
	store_text(config, row, text);
	return NULL;
}

static const char *add_listen(struct config *config, enum config_role role,
			      const char *text)
{
	char address[sizeof(((struct config_listen *)NULL)->address)] = "";
	/* its options begin there: see config_listen.h */
	size_t length = strcspn(text, ",");
	struct config_listen *listen;
	int ret;

	if (length >= sizeof(address) || has_control(text))
		return "is not an address";
	memcpy(address, text, length);
	address[length] = '\0';
	ret = bc_sockaddr_check(address);
	if (ret == -ENAMETOOLONG)
		return "is longer than a socket's path can be";
	if (ret < 0)
		return "is not an address";
	if (config->listen_count == CONFIG_LISTEN_MAX)
		return "is one address too many";
	listen = &config->listens[config->listen_count++];
	listen->role = role;
	memcpy(listen->address, address, sizeof(address));
	return NULL;
}

/* Without a host it is for this machine only. */
static const char *add_admin(struct config *config, const char *text)
{
	char local[sizeof(((struct config_listen *)NULL)->address)];
	const char *port = text + (text[0] == ':');

	if (strspn(port, "0123456789") != strcspn(port, ","))
		return add_listen(config, CONFIG_ROLE_ADMIN, text);
	(void)snprintf(local, sizeof(local), "127.0.0.1:%s", port);
	return add_listen(config, CONFIG_ROLE_ADMIN, local);
}

int config_value_lag(const char *text, uint64_t ring_size_bytes,
		     uint64_t *bytes)
{
	uint32_t percent;
	int ret = parse_percent(text, &percent);

	if (ret == 0)
		*bytes = ring_size_bytes * percent / 100;
	return ret == -EINVAL ? parse_size(text, bytes) : ret;
}

void config_value_lag_range(uint64_t ring_size_bytes, uint64_t *low,
			    uint64_t *high)
{
	*low = 2 * config_read_bytes(ring_size_bytes);
	*high = ring_size_bytes / 8 * 7;
}

static const char *check_lag(const char *text)
{
	uint64_t bytes;
	int ret = config_value_lag(text, 0, &bytes);

	if (ret == -EINVAL)
		return "is neither a size nor a percentage";
	return ret < 0 ? not_in_range : NULL;
}

const char *config_value_set(struct config *config,
			     const struct option_row *row, const char *text)
{
	switch (row->kind) {
	case OPTION_NAME:
		return set_name(config, row, text);
	case OPTION_LISTEN:
		return add_listen(config, CONFIG_ROLE_ANY, text);
	case OPTION_INGEST:
		return add_listen(config, CONFIG_ROLE_INGEST, text);
	case OPTION_EGRESS:
		return add_listen(config, CONFIG_ROLE_EGRESS, text);
	case OPTION_PACKET:
		return add_listen(config, CONFIG_ROLE_PACKET, text);
	case OPTION_ECHO:
		return add_listen(config, CONFIG_ROLE_ECHO, text);
	case OPTION_ADMIN:
		return add_admin(config, text);
	case OPTION_RING:
		return set_ring(config, row, text);
	case OPTION_SIZE:
	case OPTION_LIMIT:
		return set_size(config, row, text);
	case OPTION_FILE:
	case OPTION_CONFIG:
		return set_file(config, row, text);
	case OPTION_BYTES:
		return set_bytes(config, row, text);
	case OPTION_LAG:
		return check_lag(text);
	case OPTION_DURATION:
		return set_duration(config, row, text);
	case OPTION_INTERVAL:
		return set_interval(config, row, text);
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
	case OPTION_FLAG:
		*(bool *)((unsigned char *)config + row->field) = true;
		return NULL;
	case OPTION_HEADING:
	case OPTION_CHECK:
	case OPTION_HELP:
	case OPTION_VERSION:
		break;
	}
	return "takes no value";
}
