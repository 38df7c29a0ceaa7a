/* SPDX-License-Identifier: MIT */
/* test_headers.cpp - that C++ can include and use the public headers. Only
 * compiled, never run. */
#include <bcast/bcast.h>
#include <bcast/client.h>
#include <bcast/echo.h>
#include <bcast/monitor.h>

int bcast_cxx_opens(bcast_client **client);
int bcast_cxx_reads(const char *name);

int bcast_cxx_reads(const char *name)
{
	bcast_attach_options options = BCAST_ATTACH_DEFAULTS;
	bcast_reader *reader = nullptr;
	const void *data = nullptr;
	int ret;

	options.from = BCAST_FROM_OLDEST;
	ret = bcast_attach(name, &options, &reader);
	if (ret < 0)
		return ret;
	if (bcast_wait(reader, 0) == 1 && bcast_peek(reader, &data) > 0)
		ret = bcast_consume(reader, 1);
	bcast_detach(reader);
	return ret == BCAST_ELAPPED ? BCAST_STREAM_CLOSED : ret;
}

int bcast_cxx_opens(bcast_client **client)
{
	bcast_client_options options = BCAST_CLIENT_DEFAULTS;

	options.roles = BCAST_CLIENT_SUBSCRIBE | BCAST_CLIENT_PUBLISH;
	return bcast_open("shm:default", &options, client);
}
