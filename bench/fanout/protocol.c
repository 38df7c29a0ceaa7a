/* SPDX-License-Identifier: MIT */
/*
 * protocol.c - raw bytes, Redis (RESP 2), NATS and MQTT 3.1.1, as far as one
 * topic at QoS 0 needs them.
 *
 * Each subscribe() waits until the server has confirmed, so that no message is
 * sent before all are listening. Client libraries were not used: they parse
 * and copy in the receivers, each in its own way, and what would be compared
 * is then the libraries. A server's own PINGs (NATS: 6 bytes, once or twice a
 * run) are counted as payload; that is less than a millionth.
 */
#include "protocol.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* One letter, the same everywhere. */
#define TOPIC	    "c"
#define TOPIC_BYTES 1u
#define ANSWER_MAX  4096u

static int say(int fd, const void *bytes, size_t size)
{
	ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);

	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EIO;
}

/* Read until what has come ends in `end`. The socket has a receive timeout. */
static int await(int fd, const char *end)
{
	const size_t end_size = strlen(end);
	char answer[ANSWER_MAX];
	size_t size = 0;

	while (size < sizeof(answer)) {
		ssize_t n = recv(fd, answer + size, sizeof(answer) - size, 0);

		if (n < 0)
			return -errno;
		if (n == 0)
			return -ECONNRESET;
		size += (size_t)n;
		if (size >= end_size &&
		    memcmp(answer + size - end_size, end, end_size) == 0)
			return 0;
	}
	return -EPROTO;
}

static size_t decimal_digits(size_t n)
{
	size_t digits = 1;

	while (n >= 10) {
		n /= 10;
		digits++;
	}
	return digits;
}

/* ---- raw: the bytes are the payload ------------------------------------ */

static size_t raw_head(char *out, size_t payload)
{
	(void)payload;
	out[0] = '\0';
	return 0;
}

static size_t raw_overhead(size_t payload)
{
	(void)payload;
	return 0;
}

/* ---- Redis ------------------------------------------------------------- */

static int redis_subscribe(int fd)
{
	static const char command[] =
		"*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\n" TOPIC "\r\n";
	int ret = say(fd, command, sizeof(command) - 1);

	return ret < 0 ? ret : await(fd, "$1\r\n" TOPIC "\r\n:1\r\n");
}

static size_t redis_head(char *out, size_t payload)
{
	return (size_t)snprintf(
		out, PROTOCOL_HEAD_MAX,
		"*3\r\n$7\r\nPUBLISH\r\n$1\r\n" TOPIC "\r\n$%zu\r\n", payload);
}

/* "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$65536\r\n" payload "\r\n" */
static size_t redis_overhead(size_t payload)
{
	static const char fixed[] =
		"*3\r\n$7\r\nmessage\r\n$1\r\n" TOPIC "\r\n$\r\n\r\n";

	return sizeof(fixed) - 1 + decimal_digits(payload);
}

/* ---- NATS -------------------------------------------------------------- */

#define NATS_CONNECT \
	"CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"c\"}\r\n"

static int nats_subscribe(int fd)
{
	static const char command[] =
		NATS_CONNECT "SUB " TOPIC " 1\r\nPING\r\n";
	int ret = await(fd, "\r\n");

	if (ret < 0)
		return ret;
	ret = say(fd, command, sizeof(command) - 1);
	return ret < 0 ? ret : await(fd, "PONG\r\n");
}

/* Its first PING, some 2 s after CONNECT; the next follows ping_interval. */
static int nats_settle(int fd)
{
	return await(fd, "PING\r\n");
}

static int nats_greet(int fd)
{
	static const char command[] = NATS_CONNECT "PING\r\n";
	int ret = await(fd, "\r\n");

	if (ret < 0)
		return ret;
	ret = say(fd, command, sizeof(command) - 1);
	return ret < 0 ? ret : await(fd, "PONG\r\n");
}

static size_t nats_head(char *out, size_t payload)
{
	return (size_t)snprintf(out, PROTOCOL_HEAD_MAX, "PUB " TOPIC " %zu\r\n",
				payload);
}

/* "MSG c 1 65536\r\n" payload "\r\n" */
static size_t nats_overhead(size_t payload)
{
	static const char fixed[] = "MSG " TOPIC " 1 \r\n\r\n";

	return sizeof(fixed) - 1 + decimal_digits(payload);
}

/* ---- MQTT 3.1.1 -------------------------------------------------------- */

/* CONNECT: clean session, no keep-alive, the server names the client. */
static int mqtt_greet(int fd)
{
	static const char connect[] = {0x10, 12, 0, 4, 'M', 'Q', 'T',
				       'T',  4,	 2, 0, 0,   0,	 0};
	static const char accepted[] = {0x20, 2, 0, 0};
	char answer[sizeof(accepted)];
	int ret = say(fd, connect, sizeof(connect));

	if (ret < 0)
		return ret;
	if (recv(fd, answer, sizeof(answer), MSG_WAITALL) !=
	    (ssize_t)sizeof(answer))
		return -EPROTO;
	return memcmp(answer, accepted, sizeof(accepted)) == 0 ? 0 : -EPROTO;
}

static int mqtt_subscribe(int fd)
{
	static const char subscribe[] = {(char)0x82, 6,		  0,	    1,
					 0,	     TOPIC_BYTES, TOPIC[0], 0};
	static const char granted[] = {(char)0x90, 3, 0, 1, 0};
	char answer[sizeof(granted)];
	int ret = mqtt_greet(fd);

	if (ret < 0)
		return ret;
	ret = say(fd, subscribe, sizeof(subscribe));
	if (ret < 0)
		return ret;
	if (recv(fd, answer, sizeof(answer), MSG_WAITALL) !=
	    (ssize_t)sizeof(answer))
		return -EPROTO;
	return memcmp(answer, granted, sizeof(granted)) == 0 ? 0 : -EPROTO;
}

/* PUBLISH at QoS 0 looks the same on its way in and on its way out. */
static size_t mqtt_head(char *out, size_t payload)
{
	size_t remaining = 2 + TOPIC_BYTES + payload;
	size_t size = 0;

	out[size++] = 0x30;
	do {
		unsigned digit = remaining & 0x7f;

		remaining >>= 7;
		out[size++] = (char)(digit | (remaining > 0 ? 0x80u : 0u));
	} while (remaining > 0);
	out[size++] = 0;
	out[size++] = TOPIC_BYTES;
	out[size++] = TOPIC[0];
	return size;
}

static size_t mqtt_overhead(size_t payload)
{
	char head[PROTOCOL_HEAD_MAX];

	return mqtt_head(head, payload);
}

/* ------------------------------------------------------------------------ */

static const struct protocol protocols[] = {
	{.name = "raw", .head = raw_head, .tail = "", .overhead = raw_overhead},
	{.name = "redis",
	 .subscribe = redis_subscribe,
	 .head = redis_head,
	 .tail = "\r\n",
	 .overhead = redis_overhead},
	{.name = "nats",
	 .subscribe = nats_subscribe,
	 .settle = nats_settle,
	 .greet = nats_greet,
	 .head = nats_head,
	 .tail = "\r\n",
	 .overhead = nats_overhead},
	{.name = "mqtt",
	 .subscribe = mqtt_subscribe,
	 .greet = mqtt_greet,
	 .head = mqtt_head,
	 .tail = "",
	 .overhead = mqtt_overhead},
};

static const struct protocol *const own[] = {&protocol_packet,
					     &protocol_packet_crc};

const struct protocol *protocol_find(const char *name)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		if (strcmp(protocols[i].name, name) == 0)
			return &protocols[i];
	}
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strcmp(own[i]->name, name) == 0)
			return own[i];
	return NULL;
}

uint64_t protocol_payload(const struct protocol *protocol, uint64_t bytes,
			  size_t payload)
{
	const size_t overhead = protocol->overhead(payload);

	if (overhead == 0)
		return bytes;
	return (uint64_t)((double)bytes * (double)payload /
			  (double)(payload + overhead));
}
