/* SPDX-License-Identifier: MIT */
/*
 * fuzz_sockaddr.c - taking HOST:PORT apart: whatever is accepted fits, is
 * terminated, and is accepted again when it is put together.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/sockaddr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A unix socket's address, which asks nobody, comes back as it was. */
static void check_whole(const char *text)
{
	char again[BC_SOCKADDR_TEXT_MAX];
	struct bc_sockaddr address;

	if (bc_sockaddr_check(text) != 0 || strncmp(text, "unix:", 5) != 0 ||
	    (text[5] != '/' && text[5] != '@'))
		return;
	if (bc_sockaddr_parse(text, &address, 1) != 1 ||
	    strcmp(bc_sockaddr_format(&address.storage, again, sizeof(again)),
		   text) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char host[BC_SOCKADDR_HOST_MAX], again_host[BC_SOCKADDR_HOST_MAX];
	char again[BC_SOCKADDR_HOST_MAX + 16];
	uint16_t port, again_port;
	char *text = calloc(1, size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	if (bc_sockaddr_split(text, host, &port) == 0) {
		snprintf(again, sizeof(again),
			 strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
		if (bc_sockaddr_split(again, again_host, &again_port) != 0 ||
		    strcmp(host, again_host) != 0 || port != again_port)
			abort();
	}
	check_whole(text);
	free(text);
	return 0;
}
