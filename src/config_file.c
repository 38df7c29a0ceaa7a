/* SPDX-License-Identifier: MIT */
/*
 * config_file.c - see config_source.h.
 *
 * libinih takes lines apart; it is given them by a reader of ours, because of
 * what it does by itself with some: a line of more than 199 bytes is cut in
 * two, an indented one is the value of the key above once more, and of all
 * mistakes it tells one line's number. So lines are counted, checked and
 * refused here, their blanks removed, sections refused (a file is one
 * stream's), and a long value can go on behind a backslash: to the library the
 * rest is an indented line.
 *
 * In quotes a ; is no comment. The library knows none, so it is shown another
 * byte there.
 */
#include "src/config_source.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUOTED_MAX  320
#define BLANKS	    " \t\r\v\f"
#define HIDDEN	    '\1' /* a ; that is no comment */
#define VALUE_MAX   (CONFIG_FILE_MAX + 2)
#define SPARE_BYTES 3 /* an indent, a newline and a NUL */

struct reader {
	struct settings *settings;
	const char *path;
	FILE *err;
	char *text;	 /* of the file */
	char *rest;	 /* of it, not yet looked at; NULL: none */
	unsigned line;	 /* the last one of what has been looked at */
	unsigned errors; /* also those that are not told */
	bool goes_on;	 /* it ended in a backslash */
	bool skips;	 /* what it belongs to has been refused */
	char quote;	 /* that is open at its end; or 0 */

	/* what has come of a value; it is judged when all has */
	char key[CONFIG_LINE_MAX + 1]; /* "": nothing */
	char *value;		       /* VALUE_MAX, as is the text */
	unsigned key_line;
};

/* ---- Mistakes ---------------------------------------------------------- */

/* Returns where to tell it; NULL: enough were told. */
static FILE *complain(struct reader *reader)
{
	return reader->errors++ < CONFIG_ERRORS_MAX ? reader->err : NULL;
}

static void refuse(struct reader *reader, unsigned line, const char *what,
		   const char *why)
{
	char path[QUOTED_MAX], quoted[QUOTED_MAX];
	FILE *err = complain(reader);

	if (err)
		(void)fprintf(err, "%s:%u: %s %s\n",
			      log_quote(reader->path, path, sizeof(path)), line,
			      log_quote(what, quoted, sizeof(quoted)), why);
}

static void refuse_key(struct reader *reader)
{
	const char *name = reader->key + strspn(reader->key, "-");
	const struct option_row *nearest = options_nearest(name);
	char why[128];

	if (nearest && options_has_value(nearest))
		(void)snprintf(why, sizeof(why),
			       "is no option; did you mean %s?", nearest->name);
	else
		(void)snprintf(why, sizeof(why),
			       "is no option (bcastd --help lists all)");
	refuse(reader, reader->key_line, reader->key, why);
}

/* ---- A value ----------------------------------------------------------- */

/* Returns NULL, or what is wrong with it. */
static const char *unquote(char *value)
{
	size_t length = strlen(value);
	const char *end;

	for (char *letter = value; *letter; letter++)
		if (*letter == HIDDEN)
			*letter = ';';
	if (value[0] != '"' && value[0] != '\'')
		return NULL;
	end = strchr(value + 1, value[0]);
	if (!end)
		return "has a quote that is not closed";
	if (end[1] != '\0')
		return "goes on behind its quotes";
	memmove(value, value + 1, length - 2);
	value[length - 2] = '\0';
	return NULL;
}

static void take(struct reader *reader)
{
	const struct option_row *row = options_find(reader->key);
	struct setting setting = {
		.row = row,
		.text = reader->value,
		.origin = SETTING_FILE,
		.line = reader->key_line,
	};
	const char *why = unquote(reader->value);
	FILE *err;

	if (why) {
		refuse(reader, reader->key_line, reader->key, why);
	} else if (!row) {
		refuse_key(reader);
	} else if (!options_has_value(row) || row->kind == OPTION_CONFIG) {
		refuse(reader, reader->key_line, row->name,
		       "is for the command line");
	} else if (reader->value[0] != '\0') {
		why = settings_add(reader->settings, &setting);
		err = why ? complain(reader) : NULL;
		if (err)
			settings_refuse(reader->settings, &setting, why, err);
	}
}

static void take_pending(struct reader *reader)
{
	if (reader->key[0] != '\0')
		take(reader);
	reader->key[0] = '\0';
	reader->value[0] = '\0';
}

/* The library has found a key, or more of its value. */
static int on_pair(void *user, const char *section, const char *name,
		   const char *value)
{
	struct reader *reader = user;
	size_t have;

	(void)section;
	if (reader->key[0] == '\0') {
		(void)snprintf(reader->key, sizeof(reader->key), "%s", name);
		reader->key_line = reader->line;
	}
	have = strlen(reader->value);
	/* no more than the text, of which it is */
	(void)snprintf(reader->value + have, VALUE_MAX - have, "%s", value);
	return 1;
}

/* ---- A line ------------------------------------------------------------ */

static void trim(char *line, size_t length)
{
	while (length > 0 && strchr(BLANKS, line[length - 1]))
		length--;
	line[length] = '\0';
}

/* Cut from the text, without the blanks around it. NULL: there is none. */
static char *next_line(struct reader *reader)
{
	char *line = reader->rest;
	size_t length;

	if (!line || *line == '\0')
		return NULL;
	reader->line++;
	length = strcspn(line, "\n");
	reader->rest = line[length] == '\n' ? line + length + 1 : NULL;
	trim(line, length);
	return line + strspn(line, BLANKS);
}

static bool cut_backslash(char *line)
{
	size_t length = strlen(line);

	if (length == 0 || line[length - 1] != '\\')
		return false;
	trim(line, length - 1);
	return true;
}

static const char *wrong_with_key(const char *line)
{
	size_t length = strcspn(line, "=:");
	size_t word = strcspn(line, BLANKS "=:");

	if (line[0] == '[')
		return "is a section: there are none, since a file is one "
		       "stream's";
	if (line[length] == '\0' || length == 0 ||
	    word + strspn(line + word, BLANKS) != length)
		return "is not of the form key = value";
	return NULL;
}

/* `room`: of the library's buffer. NULL: nothing is. */
static const char *wrong_with(const char *line, bool begins, size_t room)
{
	for (const char *byte = line; *byte; byte++)
		if (((unsigned char)*byte < ' ' && *byte != '\t' &&
		     *byte != HIDDEN) ||
		    *byte == 0x7f)
			return "has a control character";
	if (strlen(line) > CONFIG_LINE_MAX || strlen(line) + SPARE_BYTES > room)
		return "is longer than 190 bytes (a \\ at its end lets a value "
		       "go on in the next line)";
	return begins ? wrong_with_key(line) : NULL;
}

/* Where a value begins; the end if there is none. */
static char *value_in(char *line)
{
	line += strcspn(line, "=:");
	line += *line != '\0';
	return line + strspn(line, BLANKS);
}

/*
 * Behind a blank, ; begins a comment, but not in quotes. (The library knows of
 * comments, but not in what goes on, nor of quotes.)
 */
static void strip_comment(struct reader *reader, char *line, bool begins)
{
	char *at = begins ? value_in(line) : line;

	if (begins)
		reader->quote = '\0';
	if (begins && (*at == '"' || *at == '\''))
		reader->quote = *at++;
	for (; *at; at++) {
		if (*at == reader->quote) {
			reader->quote = '\0';
		} else if (*at == ';' && reader->quote) {
			*at = HIDDEN;
		} else if (*at == ';' && strchr(BLANKS, at[-1])) {
			trim(line, (size_t)(at - line));
			return;
		}
	}
}

/* A line for the library? */
static bool is_good(struct reader *reader, char *line, bool begins, int size)
{
	const char *why = wrong_with(line, begins, (size_t)size);

	if (why)
		refuse(reader, reader->line, line, why);
	reader->skips = why != NULL;
	if (why && !begins)
		reader->key[0] = '\0';
	return why == NULL;
}

/* In place of fgets(). Comments and empty lines are no business of others. */
static char *give_line(char *buffer, int size, void *stream)
{
	struct reader *reader = stream;
	char *line;

	while ((line = next_line(reader)) != NULL) {
		bool begins = !reader->goes_on;

		if (line[0] == '#' ||
		    (line[0] == ';' && (begins || !reader->quote)))
			continue;
		strip_comment(reader, line, begins);
		reader->goes_on = cut_backslash(line);
		if (begins) {
			take_pending(reader);
			reader->skips = line[0] == '\0';
		}
		if (line[0] == '\0' || (!begins && reader->skips) ||
		    !is_good(reader, line, begins, size))
			continue;
		(void)snprintf(buffer, (size_t)size, "%s%s\n",
			       begins ? "" : " ", line);
		return buffer;
	}
	return NULL;
}

/* ---- A file ------------------------------------------------------------ */

/* Returns how many bytes there are, or -errno; *why is then what to say. */
static ssize_t read_whole(int fd, char *text, const char **why)
{
	size_t have = 0;
	struct stat status;

	*why = NULL;
	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode)) {
		*why = S_ISDIR(status.st_mode) ? "is a directory"
					       : "is not a file";
		return -EINVAL;
	}
	while (have <= CONFIG_FILE_MAX) {
		ssize_t n = read(fd, text + have, CONFIG_FILE_MAX + 1 - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return (ssize_t)have;
		have += (size_t)n;
	}
	*why = "is larger than 64K";
	return -EFBIG;
}

static int refuse_file(const struct settings *settings, const char *why,
		       FILE *err)
{
	const struct setting *file = settings_file(settings);
	char quoted[QUOTED_MAX];

	settings_say_where(settings, file, err);
	(void)fprintf(err, ": %s: %s\n",
		      log_quote(file->text, quoted, sizeof(quoted)), why);
	return -ENOENT;
}

/* Who wrote it may have taken another file for this one. */
static bool is_text(struct reader *reader, size_t size)
{
	unsigned line = 1;

	for (size_t i = 0; i < size; i++) {
		line += reader->text[i] == '\n';
		if (reader->text[i] != '\0' && reader->text[i] != HIDDEN)
			continue;
		refuse(reader, line, reader->path,
		       "is not text: it has a byte 0 or 1");
		return false;
	}
	return true;
}

static void parse(struct reader *reader, size_t size)
{
	static const char mark[] = "\xEF\xBB\xBF"; /* UTF-8, of some editors */

	if (!is_text(reader, size))
		return;
	reader->rest = reader->text;
	if (strncmp(reader->text, mark, sizeof(mark) - 1) == 0)
		reader->rest += sizeof(mark) - 1;
	if (ini_parse_stream(give_line, reader, on_pair, reader) != 0)
		refuse(reader, reader->line, reader->path, "is not understood");
	take_pending(reader);
}

static int read_into(struct reader *reader)
{
	int fd = open(reader->path,
		      O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	const char *why;
	ssize_t size;

	if (fd < 0)
		return refuse_file(reader->settings, strerror(errno),
				   reader->err);
	size = read_whole(fd, reader->text, &why);
	(void)close(fd);
	if (size < 0)
		return refuse_file(reader->settings,
				   why ? why : strerror((int)-size),
				   reader->err);
	parse(reader, (size_t)size);
	if (reader->errors > CONFIG_ERRORS_MAX)
		(void)fprintf(reader->err, "%s: %u more mistakes\n",
			      reader->path, reader->errors - CONFIG_ERRORS_MAX);
	return reader->errors > 0 ? -EBADMSG : 0;
}

int config_file_read(struct settings *settings, FILE *err)
{
	const struct setting *file = settings_file(settings);
	struct reader reader = {.settings = settings, .err = err};
	char path[sizeof(((struct config *)NULL)->config_file)];
	int ret = -ENOENT;

	if (!file)
		return 0;
	/* settings move when one is said again */
	(void)snprintf(path, sizeof(path), "%s", file->text);
	reader.path = path;
	reader.text = calloc(1, VALUE_MAX);
	reader.value = calloc(1, VALUE_MAX);
	if (reader.text && reader.value)
		ret = read_into(&reader);
	else
		(void)refuse_file(settings, strerror(ENOMEM), err);
	free(reader.text);
	free(reader.value);
	return ret;
}
