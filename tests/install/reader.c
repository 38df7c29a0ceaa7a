/* SPDX-License-Identifier: MIT */
/*
 * reader.c - a user's program: reads a stream until it ends, to standard
 * output. install.sh builds it against what was installed, so it is compiled
 * by the flags of pkg-config and by nothing of this tree.
 */
#include <bcast/bcast.h>
#include <stdio.h>

static int64_t copy(struct bcast_reader *reader)
{
	char piece[4096];
	int64_t n = bcast_read(reader, piece, sizeof(piece));

	if (n == 0)
		return bcast_wait(reader, 10000) == 0 ? BCAST_EABANDONED : 0;
	if (n > 0)
		fwrite(piece, 1, (size_t)n, stdout);
	return n < 0 ? n : 0;
}

int main(int argc, char *argv[])
{
	struct bcast_attach_options how = BCAST_ATTACH_DEFAULTS;
	struct bcast_reader *reader;
	int64_t ret;

	if (argc != 2)
		return 64;
	how.from = BCAST_FROM_OLDEST;
	ret = bcast_attach(argv[1], &how, &reader);
	if (ret < 0) {
		fprintf(stderr, "reader: %s\n", bcast_strerror((int)ret));
		return 1;
	}
	do
		ret = copy(reader);
	while (ret == 0);
	bcast_detach(reader);
	return ret == BCAST_ECLOSED && fflush(stdout) == 0 ? 0 : 1;
}
