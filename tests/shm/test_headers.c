/* SPDX-License-Identifier: MIT */
/* test_headers.c - that strict C11 can include the public headers, those
 * that stand alone first. Only compiled, never run. */
#include <bcast/client.h>
#include <bcast/monitor.h>
#include <bcast/bcast.h>
#include <bcast/echo.h>

int bcast_c11_opens(struct bcast_client **client);
int bcast_c11_reads(struct bcast_reader *reader);

int bcast_c11_reads(struct bcast_reader *reader)
{
	const struct bcast_attach_options options = BCAST_ATTACH_DEFAULTS;

	return bcast_seek(reader, (enum bcast_from)options.from, 0);
}

int bcast_c11_opens(struct bcast_client **client)
{
	const struct bcast_client_options options = BCAST_CLIENT_DEFAULTS;

	return bcast_open("shm:default", &options, client);
}
