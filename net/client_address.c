/* SPDX-License-Identifier: MIT */
/*
 * client_address.c - what bcast_open()'s address says, without asking anybody.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/client_parts.h"
#include "shm/name.h"

#define SHM_PREFIX "shm:"
#define TCP_PREFIX "tcp://"

static bool begins(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_unix(const char *text)
{
	return begins(text, "unix:/") || begins(text, "unix:@");
}

/* A port that nobody can listen at is a mistake. */
static bool is_reachable(const char *text)
{
	char host[BC_SOCKADDR_HOST_MAX];
	uint16_t port;

	if (bc_sockaddr_check(text) < 0)
		return false;
	if (is_unix(text))
		return true;
	return bc_sockaddr_split(text, host, &port) == 0 && port != 0 &&
	       strcmp(host, "*") != 0;
}

int bc_client_address_parse(const char *text, struct bc_client_address *address)
{
	struct bc_client_address found = {.shm = begins(text, SHM_PREFIX)};
	const char *rest = text;

	if (found.shm)
		rest += strlen(SHM_PREFIX);
	else if (begins(text, TCP_PREFIX))
		rest += strlen(TCP_PREFIX);
	found.tcp = !found.shm && (rest != text || is_unix(text));
	if (strlen(rest) >= sizeof(found.text))
		return -EINVAL;
	if (found.shm ? !bc_name_valid(rest) : !is_reachable(rest))
		return -EINVAL;
	memcpy(found.text, rest, strlen(rest) + 1);
	*address = found;
	return 0;
}
