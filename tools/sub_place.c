/* SPDX-License-Identifier: MIT */
/*
 * sub_place.c - bcast-sub: the file of --resume. See sub.h.
 *
 * One line: the epoch in 16 hexadecimal digits, the position, the number of the
 * record there (0: not known). It is replaced as a whole, by rename(2), after
 * it has come to the disk, so that it is never half of two.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "sub.h"

#define LINE_MAX   80
#define FIELDS	   "%16" SCNx64 " %20" SCNu64 " %20" SCNu64
#define PATH_LIMIT 4000

static int complain(const char *path, const char *what)
{
	fprintf(stderr, SUB_PROGRAM ": %s: %s\n", path, what);
	return -EX_DATAERR;
}

static int parse(const char *path, const char *line,
		 struct bcast_client_place *place)
{
	int end = 0;

	if (sscanf(line, FIELDS "%n", &place->epoch, &place->position,
		   &place->sequence, &end) != 3 ||
	    strcmp(line + end, "\n") != 0 || place->epoch == 0 ||
	    place->position % BCAST_PACKET_ALIGN != 0)
		return complain(path, "not what --resume has written: remove "
				      "it to begin anew");
	return 1;
}

int sub_place_read(const char *path, struct bcast_client_place *place)
{
	char line[LINE_MAX] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0) {
		complain(path, strerror(errno));
		return -EX_NOINPUT;
	}
	n = read(fd, line, sizeof(line) - 1);
	(void)close(fd);
	if (n < 0)
		return complain(path, strerror(errno));
	return parse(path, line, place);
}

static int write_beside(const char *path, const char *line, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	int error = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, line, size);
	if (n != (ssize_t)size)
		error = n < 0 ? errno : ENOSPC;
	else if (fdatasync(fd) < 0)
		error = errno;
	if (close(fd) < 0 && error == 0)
		error = errno;
	return -error;
}

int sub_place_write(const char *path, const struct bcast_client_place *place)
{
	char beside[PATH_LIMIT + sizeof(".new")];
	char line[LINE_MAX];
	int size = snprintf(line, sizeof(line),
			    "%016" PRIx64 " %" PRIu64 " %" PRIu64 "\n",
			    place->epoch, place->position, place->sequence);
	int ret = -ENAMETOOLONG;

	if (strlen(path) <= PATH_LIMIT) {
		snprintf(beside, sizeof(beside), "%s.new", path);
		ret = write_beside(beside, line, (size_t)size);
		if (ret == 0 && rename(beside, path) < 0)
			ret = -errno;
	}
	if (ret < 0)
		fprintf(stderr, SUB_PROGRAM ": %s: %s\n", path, strerror(-ret));
	return ret;
}
