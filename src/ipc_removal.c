/* SPDX-License-Identifier: MIT */
/*
 * ipc_removal.c - see ipc_removal.h.
 *
 * logind's configuration is the main file, then the drop-ins of four
 * directories, sorted by their names whatever directory they are in; of two
 * with the same name that of the earlier directory counts. The last word wins.
 * Of the syntax only what one boolean needs is read: sections, comments,
 * key=value. Bounded: FILES_MAX drop-ins, lines of LINE_MAX_BYTES.
 */
#include <dirent.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "src/ipc_removal.h"
#include "src/log.h"

#define SYSTEM_UID_MAX 999 /* systemd's and Debian's */
#define NOBODY	       65534
#define FILES_MAX      64u
#define LINE_MAX_BYTES 1024
#define PATH_BYTES     1024

/* In the order in which they hide each other's files. */
static const char *const directories[] = {
	"/etc/systemd/logind.conf.d",
	"/run/systemd/logind.conf.d",
	"/usr/local/lib/systemd/logind.conf.d",
	"/usr/lib/systemd/logind.conf.d",
};

struct drop_in {
	char name[256];
	const char *directory;
};

/* ---- One file ---------------------------------------------------------- */

static char *trim(char *text)
{
	char *end;

	text += strspn(text, " \t\r\n");
	end = text + strlen(text);
	while (end > text && strchr(" \t\r\n", end[-1]))
		*--end = '\0';
	return text;
}

/* As systemd reads booleans; what is none changes nothing. */
static void apply_word(const char *word, bool *removes)
{
	static const char *const on[] = {"1", "yes", "y", "true", "t", "on"};
	static const char *const off[] = {"0", "no", "n", "false", "f", "off"};

	for (size_t i = 0; i < sizeof(on) / sizeof(on[0]); i++) {
		if (strcasecmp(word, on[i]) == 0)
			*removes = true;
		if (strcasecmp(word, off[i]) == 0)
			*removes = false;
	}
}

static void apply_file(const char *path, bool *removes)
{
	FILE *file = fopen(path, "re");
	char line[LINE_MAX_BYTES];
	bool login = false;

	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		char *text = trim(line);
		char *value = strchr(text, '=');

		if (*text == '[')
			login = strcmp(text, "[Login]") == 0;
		if (!login || !value || *text == '#' || *text == ';')
			continue;
		*value++ = '\0';
		if (strcmp(trim(text), "RemoveIPC") == 0)
			apply_word(trim(value), removes);
	}
	(void)fclose(file);
}

/* ---- All of them ------------------------------------------------------- */

static bool is_listed(const struct drop_in *files, unsigned count,
		      const char *name)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(files[i].name, name) == 0)
			return true;
	return false;
}

static unsigned list_directory(const char *root, const char *directory,
			       struct drop_in *files, unsigned count)
{
	const struct dirent *entry;
	char path[PATH_BYTES];
	DIR *stream;

	(void)snprintf(path, sizeof(path), "%s%s", root, directory);
	stream = opendir(path);
	if (!stream)
		return count;
	while (count < FILES_MAX && (entry = readdir(stream))) {
		size_t length = strlen(entry->d_name);

		if (length < 5 ||
		    strcmp(entry->d_name + length - 5, ".conf") != 0 ||
		    is_listed(files, count, entry->d_name))
			continue;
		(void)snprintf(files[count].name, sizeof(files[count].name),
			       "%s", entry->d_name);
		files[count++].directory = directory;
	}
	(void)closedir(stream);
	return count;
}

static int by_name(const void *first, const void *second)
{
	const struct drop_in *a = first, *b = second;

	return strcmp(a->name, b->name);
}

static bool is_configured(const char *root)
{
	static struct drop_in files[FILES_MAX];
	char path[PATH_BYTES];
	unsigned count = 0;
	bool removes = true;

	(void)snprintf(path, sizeof(path), "%s/etc/systemd/logind.conf", root);
	apply_file(path, &removes);
	for (size_t i = 0; i < sizeof(directories) / sizeof(*directories); i++)
		count = list_directory(root, directories[i], files, count);
	qsort(files, count, sizeof(files[0]), by_name);
	for (unsigned i = 0; i < count; i++) {
		(void)snprintf(path, sizeof(path), "%s%s/%.255s", root,
			       files[i].directory, files[i].name);
		apply_file(path, &removes);
	}
	return removes;
}

static bool exists(const char *root, const char *what)
{
	char path[PATH_BYTES];

	(void)snprintf(path, sizeof(path), "%s%s", root, what);
	return access(path, F_OK) == 0;
}

/* Its user record then stays, whether or not anybody is logged in. */
static bool lingers(const char *root, uid_t user)
{
	const struct passwd *entry = getpwuid(user);
	char path[PATH_BYTES];

	if (!entry)
		return false;
	(void)snprintf(path, sizeof(path), "/var/lib/systemd/linger/%s",
		       entry->pw_name);
	return exists(root, path);
}

bool ipc_removal_expected(const char *root, uid_t user)
{
	/* the directories may be there without it, but not without systemd */
	if (!exists(root, "/run/systemd/system") ||
	    !exists(root, "/run/systemd/users"))
		return false;
	if (user <= SYSTEM_UID_MAX || user == NOBODY)
		return false;
	return !lingers(root, user) && is_configured(root);
}

void ipc_removal_judge(bool expected, uid_t user, struct check_result *result)
{
	check_found(result, "segments of user %lu %s when it logs out",
		    (unsigned long)user, expected ? "go" : "stay");
	if (!expected) {
		check_is(result, CHECK_OK, "");
		return;
	}
	check_is(result, CHECK_WARN,
		 "systemd-logind deletes the segment when the last session of "
		 "this user ends: let the user linger, set RemoveIPC=no in "
		 "/etc/systemd/logind.conf, or run as a system user");
	check_fix(result, "loginctl enable-linger %lu", (unsigned long)user);
}

void ipc_removal_warn(void)
{
	struct check_result result = {0};

	ipc_removal_judge(ipc_removal_expected("", geteuid()), geteuid(),
			  &result);
	if (result.state == CHECK_WARN)
		log_event(LOG_LEVEL_WARN, "ipc_removal",
			  "uid=%lu error=\"%s\" fix=\"%s\"",
			  (unsigned long)geteuid(), result.means, result.fix);
}
