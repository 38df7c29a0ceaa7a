/* SPDX-License-Identifier: MIT */
/*
 * upgrade_listeners.c - listening sockets of the old daemon: which of them are
 * those that the new one wants. By their addresses; and of port 0, by what was
 * asked for.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/upgrade_taking.h"

void upgrade_take_listener(struct upgrade_listener *taken,
			   const unsigned char *bytes, int fd)
{
	struct upgrade_listener_wire wire;

	memcpy(&wire, bytes, sizeof(wire));
	wire.given[sizeof(wire.given) - 1] = '\0';
	*taken = (struct upgrade_listener){
		.fd = fd,
		.role = (enum config_role)wire.role,
		.bound.length = sizeof(taken->bound.storage),
		.file = {.device = wire.device, .inode = wire.inode},
		.index = UPGRADE_UNUSED,
	};
	memcpy(taken->given, wire.given, sizeof(taken->given));
	(void)getsockname(fd, (struct sockaddr *)&taken->bound.storage,
			  &taken->bound.length);
}

static bool is_same(const struct bc_sockaddr *a, const struct bc_sockaddr *b)
{
	char text[2][BC_SOCKADDR_TEXT_MAX];

	bc_sockaddr_format(&a->storage, text[0], sizeof(text[0]));
	bc_sockaddr_format(&b->storage, text[1], sizeof(text[1]));
	return strcmp(text[0], text[1]) == 0;
}

/* Any port will do, so the one that there is does. */
static bool is_same_but_port(const struct bc_sockaddr *a,
			     const struct bc_sockaddr *b)
{
	struct bc_sockaddr other = *b;

	if (a->storage.ss_family != b->storage.ss_family)
		return false;
	bc_sockaddr_set_port(&other, 0);
	return is_same(a, &other);
}

static bool suits(const struct upgrade_listener *taken,
		  const struct config_listen *listen,
		  const struct listener *made)
{
	if (taken->index != UPGRADE_UNUSED)
		return false;
	if (bc_sockaddr_is_unix(&made->bound) ||
	    bc_sockaddr_port(&made->bound.storage) != 0)
		return is_same(&made->bound, &taken->bound);
	return taken->role == listen->role &&
	       strcmp(taken->given, listen->address) == 0 &&
	       is_same_but_port(&made->bound, &taken->bound);
}

int upgrade_listener(struct daemon *daemon, const struct config_listen *listen,
		     struct listener *made)
{
	struct upgrade *upgrade = daemon->upgrade;

	if (!daemon->taking)
		return -1;
	for (uint32_t i = 0; i < upgrade->listener_count; i++) {
		struct upgrade_listener *taken = &upgrade->listeners[i];

		if (!suits(taken, listen, made))
			continue;
		taken->index = daemon->listener_count;
		made->bound = taken->bound;
		made->file = taken->file;
		return taken->fd;
	}
	return -1;
}

uint32_t upgrade_listener_for(const struct daemon *daemon, uint32_t index)
{
	const struct upgrade_listener *taken =
		&daemon->upgrade->listeners[index];

	if (taken->index != UPGRADE_UNUSED)
		return taken->index;
	for (uint32_t i = 0; i < daemon->listener_count; i++)
		if (daemon->listeners[i].role == taken->role)
			return i;
	return 0;
}

void upgrade_close_unused(struct upgrade *upgrade)
{
	for (uint32_t i = 0; i < upgrade->listener_count; i++) {
		struct upgrade_listener *taken = &upgrade->listeners[i];

		if (taken->index != UPGRADE_UNUSED)
			continue;
		bc_unix_listener_remove(&taken->bound, &taken->file);
		(void)close(taken->fd);
	}
	upgrade->listener_count = 0;
}
