/* SPDX-License-Identifier: MIT */
/*
 * upgrade_wire.c - see upgrade_wire.h.
 *
 * What comes is of a daemon of the same user, and yet it is bounded field by
 * field: a bug there, or half a build, must not become one here while the
 * connections hang in the balance.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bcast/bcast.h>
#include <bcast/monitor.h>

#include "src/session.h"
#include "src/upgrade_wire.h"

#define ROOM_FIRST ((size_t)64 * 1024)
#define ALIGNMENT  ((size_t)8)

_Static_assert(sizeof(struct upgrade_head_wire) == 16, "no padding");
_Static_assert(sizeof(struct upgrade_listener_wire) == 280, "no padding");
_Static_assert(sizeof(struct upgrade_stream_wire) == 152, "no padding");
_Static_assert(sizeof(struct upgrade_conn_wire) == 304, "no padding");

/* ---- Messages ---------------------------------------------------------- */

size_t upgrade_wire_head(unsigned char *to, enum upgrade_type type,
			 uint32_t count, uint32_t size)
{
	const struct upgrade_head_wire head = {
		.magic = UPGRADE_MAGIC,
		.version = UPGRADE_VERSION,
		.type = (uint16_t)type,
		.count = count,
		.size = size,
	};

	memcpy(to, &head, sizeof(head));
	return sizeof(head) + size;
}

int upgrade_wire_check(const unsigned char *bytes, size_t size,
		       struct upgrade_head_wire *head)
{
	struct upgrade_head_wire read;

	if (size < sizeof(read))
		return -EPROTO;
	memcpy(&read, bytes, sizeof(read));
	if (read.magic != UPGRADE_MAGIC)
		return -EPROTO;
	if (read.version != UPGRADE_VERSION)
		return BCAST_EVERSION;
	if (read.type < UPGRADE_HELLO || read.type > UPGRADE_REFUSED ||
	    read.size != size - sizeof(read))
		return -EPROTO;
	*head = read;
	return 0;
}

/* ---- Write an image ---------------------------------------------------- */

static size_t padded(size_t size)
{
	return (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
}

/* Where `size` bytes go, which are 0 yet; NULL: out of memory. */
static unsigned char *add(struct upgrade_image *image, size_t size)
{
	size_t room = image->room ? image->room : ROOM_FIRST;
	unsigned char *grown;

	while (room - image->size < size)
		room *= 2;
	if (room != image->room) {
		grown = realloc(image->bytes, room);
		if (!grown) {
			image->failed = true;
			return NULL;
		}
		image->bytes = grown;
		image->room = room;
	}
	grown = image->bytes + image->size;
	memset(grown, 0, size);
	image->size += size;
	return grown;
}

void upgrade_image_begin(struct upgrade_image *image)
{
	*image = (struct upgrade_image){0};
	(void)add(image, sizeof(struct upgrade_stream_wire));
}

void upgrade_image_conn(struct upgrade_image *image,
			const struct upgrade_conn_wire *conn,
			const void *const parts[UPGRADE_PARTS])
{
	unsigned char *to = add(image, sizeof(*conn));

	if (to)
		memcpy(to, conn, sizeof(*conn));
	for (unsigned i = 0; to && i < UPGRADE_PARTS; i++) {
		to = add(image, padded(conn->parts[i]));
		if (to && conn->parts[i] > 0)
			memcpy(to, parts[i], conn->parts[i]);
	}
}

int upgrade_image_end(struct upgrade_image *image,
		      const struct upgrade_stream_wire *stream)
{
	struct upgrade_stream_wire head = *stream;

	if (image->failed)
		return -ENOMEM;
	head.magic = UPGRADE_MAGIC;
	head.version = UPGRADE_VERSION;
	head.conn_size = sizeof(struct upgrade_conn_wire);
	head.size = image->size;
	memcpy(image->bytes, &head, sizeof(head));
	return 0;
}

void upgrade_image_fini(struct upgrade_image *image)
{
	free(image->bytes);
	*image = (struct upgrade_image){0};
}

/* ---- Read it ----------------------------------------------------------- */

int upgrade_reader_open(struct upgrade_reader *reader,
			const unsigned char *bytes, size_t size,
			struct upgrade_stream_wire *stream)
{
	struct upgrade_stream_wire head;

	if (size < sizeof(head))
		return -EPROTO;
	memcpy(&head, bytes, sizeof(head));
	if (head.magic != UPGRADE_MAGIC)
		return -EPROTO;
	if (head.version != UPGRADE_VERSION ||
	    head.conn_size != sizeof(struct upgrade_conn_wire))
		return BCAST_EVERSION;
	if (head.size != size || head.has_lease > 1 || head.unread > 1 ||
	    head.direct_have > INT64_MAX || head.tail > INT64_MAX ||
	    memchr(head.who, 0, sizeof(head.who)) == NULL)
		return -EPROTO;
	*reader = (struct upgrade_reader){
		.bytes = bytes,
		.size = size,
		.at = sizeof(head),
		.left = head.connections,
	};
	*stream = head;
	return 0;
}

static bool is_session(const struct upgrade_conn_wire *conn)
{
	if ((conn->flags & UPGRADE_SESSION) == 0)
		return (conn->flags & ~(UPGRADE_HALF_CLOSED | UPGRADE_OVERDUE |
					UPGRADE_COPIED)) == 0;
	return conn->session_state <= SESSION_LEAVING &&
	       conn->wish <= UINT16_MAX && conn->line == 0;
}

static bool is_role(const struct upgrade_conn_wire *conn)
{
	switch (conn->role) {
	case BCAST_ROLE_RECEIVER:
	case BCAST_ROLE_SENDER:
		return true;
	case BCAST_ROLE_WAITING:
		return (conn->flags & UPGRADE_SESSION) == 0;
	case BCAST_ROLE_GREETING:
	case BCAST_ROLE_CLIENT:
		return (conn->flags & UPGRADE_SESSION) != 0;
	default:
		return false;
	}
}

/* What follows from nothing else in here, the one who takes it checks. */
static bool is_sound(const struct upgrade_conn_wire *conn)
{
	return is_role(conn) && is_session(conn) &&
	       (conn->flags & ~UPGRADE_FLAGS) == 0 &&
	       conn->held <= conn->cursor && conn->cursor <= INT64_MAX &&
	       memchr(conn->peer, '\0', sizeof(conn->peer)) != NULL;
}

int upgrade_reader_next(struct upgrade_reader *reader,
			struct upgrade_conn_wire *conn,
			const unsigned char *parts[UPGRADE_PARTS])
{
	if (reader->left == 0)
		return reader->at == reader->size ? 0 : -EPROTO;
	if (reader->size - reader->at < sizeof(*conn))
		return -EPROTO;
	memcpy(conn, reader->bytes + reader->at, sizeof(*conn));
	reader->at += sizeof(*conn);
	reader->left--;
	if (!is_sound(conn))
		return -EPROTO;
	for (unsigned i = 0; i < UPGRADE_PARTS; i++) {
		size_t size = padded(conn->parts[i]);

		if (reader->size - reader->at < size)
			return -EPROTO;
		parts[i] = reader->bytes + reader->at;
		reader->at += size;
	}
	return 1;
}
