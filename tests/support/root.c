/* SPDX-License-Identifier: MIT */
/* root.c - see root.h. */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "root.h"
#include "support.h"

char root_path[64];

void root_make(void)
{
	snprintf(root_path, sizeof(root_path), "/tmp/bcast-root-XXXXXX");
	assert_non_null(mkdtemp(root_path));
}

void root_write(const char *path, const char *text)
{
	char whole[512];
	FILE *file;

	snprintf(whole, sizeof(whole), "%s%s", root_path, path);
	for (char *slash = whole + strlen(root_path) + 1;
	     (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		assert_true(mkdir(whole, 0700) == 0 || errno == EEXIST);
		*slash = '/';
	}
	file = fopen(whole, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int remove_one(const char *path, const struct stat *status, int kind,
		      struct FTW *place)
{
	(void)status;
	(void)kind;
	(void)place;
	return remove(path);
}

void root_remove(void)
{
	assert_int_equal(nftw(root_path, remove_one, 8, FTW_DEPTH | FTW_PHYS),
			 0);
}
