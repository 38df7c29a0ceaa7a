/* SPDX-License-Identifier: MIT */
/*
 * sockaddr.c - HOST:PORT or unix:/path in, sockaddr out, and back.
 *
 * The text is taken apart here and only the host is given to getaddrinfo():
 * its service argument would accept "http", spaces and signs, and its errors
 * for a bad port are not ones to show. Its results are below zero like -errno
 * but mean other things, so they are moved below -6000 to share one int.
 */
#include "net/sockaddr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define EAI_BASE    (-6000)
#define UNIX_PREFIX "unix:"

_Static_assert(BC_SOCKADDR_PATH_MAX + 1 ==
		       sizeof(((struct sockaddr_un *)NULL)->sun_path),
	       "a path and its terminator fill sun_path");
_Static_assert(BC_SOCKADDR_PATH_MAX + sizeof(UNIX_PREFIX) <=
		       BC_SOCKADDR_TEXT_MAX,
	       "the text of any address fits");

static int parse_port(const char *text, uint16_t *port)
{
	size_t length = strlen(text);
	unsigned long value;

	if (length == 0 || length > 5 || strspn(text, "0123456789") != length)
		return -EINVAL;
	value = strtoul(text, NULL, 10);
	if (value > UINT16_MAX)
		return -EINVAL;
	*port = (uint16_t)value;
	return 0;
}

/* What no host is made of: blanks and control bytes, and URLs' marks. */
static bool plausible_host(const char *host, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)host[i];

		if (c <= ' ' || c == 127 || strchr("/[]@\"\\", c) != NULL)
			return false;
	}
	return length > 0 && length < BC_SOCKADDR_HOST_MAX;
}

int bc_sockaddr_split(const char *text, char host[BC_SOCKADDR_HOST_MAX],
		      uint16_t *port)
{
	const char *colon = strrchr(text, ':');
	const char *first = text;
	size_t length;
	bool bracketed;

	if (colon == NULL)
		return -EINVAL;
	length = (size_t)(colon - text);
	bracketed = length >= 2 && text[0] == '[' && colon[-1] == ']';
	if (bracketed) {
		first++;
		length -= 2;
	}
	/* Brackets are for IPv6 and IPv6 needs them: ::1:80 could be either. */
	if (bracketed != (memchr(first, ':', length) != NULL))
		return -EINVAL;
	if (!plausible_host(first, length) || parse_port(colon + 1, port) < 0)
		return -EINVAL;
	memcpy(host, first, length);
	host[length] = '\0';
	return 0;
}

/* ---- Unix sockets ------------------------------------------------------ */

/* Not "unix:7400", which is a port of the host named unix. */
static bool is_unix_text(const char *text)
{
	return strncmp(text, UNIX_PREFIX "/", sizeof(UNIX_PREFIX)) == 0 ||
	       strncmp(text, UNIX_PREFIX "@", sizeof(UNIX_PREFIX)) == 0;
}

static int check_unix(const char *path)
{
	size_t length = strlen(path);

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)path[i];

		if (c <= ' ' || c == 127 || strchr("\"\\,", c) != NULL)
			return -EINVAL;
	}
	if (length < 2)
		return -EINVAL;
	return length > BC_SOCKADDR_PATH_MAX ? -ENAMETOOLONG : 0;
}

static int parse_unix(const char *path, struct bc_sockaddr *out)
{
	struct sockaddr_un *address = (struct sockaddr_un *)&out->storage;
	size_t length = strlen(path);
	int ret = check_unix(path);

	if (ret < 0)
		return ret;
	*out = (struct bc_sockaddr){.storage.ss_family = AF_UNIX};
	memcpy(address->sun_path, path, length);
	out->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				  length + 1);
	if (path[0] == '@') {
		/* abstract: a zero in front, and the length ends it */
		address->sun_path[0] = '\0';
		out->length--;
	}
	return 1;
}

static void format_unix(const struct sockaddr_storage *storage, char *buffer,
			size_t size)
{
	const struct sockaddr_un *address = (const struct sockaddr_un *)storage;
	const char *path = address->sun_path;
	bool abstract = path[0] == '\0' && path[1] != '\0';

	(void)snprintf(buffer, size, UNIX_PREFIX "%s%.*s", abstract ? "@" : "",
		       BC_SOCKADDR_PATH_MAX, abstract ? path + 1 : path);
}

bool bc_sockaddr_is_unix(const struct bc_sockaddr *address)
{
	return address->storage.ss_family == AF_UNIX;
}

const char *bc_sockaddr_path(const struct bc_sockaddr *address)
{
	const struct sockaddr_un *named =
		(const struct sockaddr_un *)&address->storage;

	if (!bc_sockaddr_is_unix(address) || named->sun_path[0] == '\0')
		return NULL;
	return named->sun_path;
}

/* ---- HOST:PORT --------------------------------------------------------- */

int bc_sockaddr_check(const char *text)
{
	char host[BC_SOCKADDR_HOST_MAX];
	uint16_t port;

	if (is_unix_text(text))
		return check_unix(text + strlen(UNIX_PREFIX));
	return bc_sockaddr_split(text, host, &port);
}

uint16_t bc_sockaddr_port(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)address)->sin_port);
	if (address->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
	return 0;
}

void bc_sockaddr_set_port(struct bc_sockaddr *address, uint16_t port)
{
	if (address->storage.ss_family == AF_INET)
		((struct sockaddr_in *)&address->storage)->sin_port =
			htons(port);
	else
		((struct sockaddr_in6 *)&address->storage)->sin6_port =
			htons(port);
}

/* /etc/hosts may name one address twice; it can be bound only once. */
static bool listed(const struct bc_sockaddr *list, size_t count,
		   const struct bc_sockaddr *address)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i].length == address->length &&
		    memcmp(&list[i].storage, &address->storage,
			   address->length) == 0)
			return true;
	}
	return false;
}

static size_t take(const struct addrinfo *found, uint16_t port,
		   struct bc_sockaddr *out, size_t max)
{
	size_t count = 0;

	for (; found != NULL && count < max; found = found->ai_next) {
		struct bc_sockaddr address = {.length = found->ai_addrlen};

		if (found->ai_family != AF_INET && found->ai_family != AF_INET6)
			continue;
		memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
		bc_sockaddr_set_port(&address, port);
		if (!listed(out, count, &address))
			out[count++] = address;
	}
	return count;
}

int bc_sockaddr_parse(const char *text, struct bc_sockaddr *out, size_t max)
{
	struct addrinfo hints = {
		.ai_flags = AI_PASSIVE,
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *found = NULL;
	char host[BC_SOCKADDR_HOST_MAX];
	uint16_t port;
	size_t count;
	int ret;

	if (max > 0 && is_unix_text(text))
		return parse_unix(text + strlen(UNIX_PREFIX), out);
	if (max == 0 || bc_sockaddr_split(text, host, &port) < 0)
		return -EINVAL;
	if (strchr(host, ':') != NULL) {
		hints.ai_family = AF_INET6;
		hints.ai_flags |= AI_NUMERICHOST;
	}
	/* getaddrinfo() wants a service when it has no host. */
	ret = getaddrinfo(strcmp(host, "*") == 0 ? NULL : host, "0", &hints,
			  &found);
	if (ret == EAI_SYSTEM)
		return errno > 0 ? -errno : -EIO;
	if (ret == EAI_MEMORY)
		return -ENOMEM;
	if (ret != 0)
		return EAI_BASE + ret;
	count = take(found, port, out, max);
	freeaddrinfo(found);
	return count > 0 ? (int)count : EAI_BASE + EAI_NONAME;
}

const char *bc_sockaddr_strerror(int result)
{
	if (result >= 0)
		return "Success";
	if (result == -EINVAL)
		return "not HOST:PORT, such as 127.0.0.1:7400, [::1]:7400 or "
		       "*:7400, nor unix:/path";
	if (result == -ENAMETOOLONG)
		return "a unix socket's path may have 107 bytes";
	if (result < EAI_BASE)
		return gai_strerror(result - EAI_BASE);
	return strerror(-result);
}

/* An IPv4 address in IPv6 clothes is brought back; else a plain copy. */
static struct sockaddr_storage unmapped(const struct sockaddr_storage *address)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
	struct sockaddr_storage result = *address;
	struct sockaddr_in four = {.sin_family = AF_INET};

	if (address->ss_family != AF_INET6 ||
	    !IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		return result;
	four.sin_port = six->sin6_port;
	memcpy(&four.sin_addr, &six->sin6_addr.s6_addr[12], 4);
	memset(&result, 0, sizeof(result));
	memcpy(&result, &four, sizeof(four));
	return result;
}

const char *bc_sockaddr_format(const struct sockaddr_storage *address,
			       char *buffer, size_t size)
{
	struct sockaddr_storage plain = unmapped(address);
	char host[INET6_ADDRSTRLEN + 17];
	char port[8];

	if (address->ss_family == AF_UNIX) {
		format_unix(address, buffer, size);
		return buffer;
	}
	if ((plain.ss_family != AF_INET && plain.ss_family != AF_INET6) ||
	    getnameinfo((struct sockaddr *)&plain,
			plain.ss_family == AF_INET
				? sizeof(struct sockaddr_in)
				: sizeof(struct sockaddr_in6),
			host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		(void)snprintf(buffer, size, "unknown");
	else if (plain.ss_family == AF_INET)
		(void)snprintf(buffer, size, "%s:%s", host, port);
	else
		(void)snprintf(buffer, size, "[%s]:%s", host, port);
	return buffer;
}

bool bc_sockaddr_same_host(const struct sockaddr_storage *local,
			   const struct sockaddr_storage *peer)
{
	struct sockaddr_storage here = unmapped(local);
	struct sockaddr_storage there = unmapped(peer);
	const struct sockaddr_in6 *here6 = (struct sockaddr_in6 *)&here;
	const struct sockaddr_in6 *there6 = (struct sockaddr_in6 *)&there;
	in_addr_t here4 = ((struct sockaddr_in *)&here)->sin_addr.s_addr;
	in_addr_t there4 = ((struct sockaddr_in *)&there)->sin_addr.s_addr;

	if (there.ss_family == AF_UNIX)
		return true;
	if (there.ss_family == AF_INET)
		return ntohl(there4) >> 24 == IN_LOOPBACKNET ||
		       (here.ss_family == AF_INET && here4 == there4);
	if (there.ss_family != AF_INET6)
		return false;
	return IN6_IS_ADDR_LOOPBACK(&there6->sin6_addr) ||
	       (here.ss_family == AF_INET6 &&
		IN6_ARE_ADDR_EQUAL(&here6->sin6_addr, &there6->sin6_addr));
}
