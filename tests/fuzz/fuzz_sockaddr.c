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
	free(text);
	return 0;
}
