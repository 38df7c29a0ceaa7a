/* SPDX-License-Identifier: MIT */
/*
 * libuv.c - the same echo server on libuv, the event loop of Node.js.
 *
 * As fast as it can be with that library: one buffer for all reads, and
 * uv_try_write() before anything is allocated. Only what the socket does not
 * take at once is copied and left to uv_write().
 */
#include "flip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

#define BUFFER_BYTES (256u << 10)
#define BACKLOG	     4096

struct client {
	uv_tcp_t tcp;
	struct flip flip;
};

struct rest {
	uv_write_t request;
	char bytes[];
};

static unsigned char buffer[FLIP_HEADER_BYTES + BUFFER_BYTES];

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void leave(struct client *client)
{
	if (!uv_is_closing((uv_handle_t *)&client->tcp))
		uv_close((uv_handle_t *)&client->tcp, on_closed);
}

static void on_written(uv_write_t *request, int status)
{
	struct client *client = request->handle->data;

	free(request->data);
	if (status < 0)
		leave(client);
}

static void write_rest(struct client *client, const unsigned char *bytes,
		       size_t size)
{
	struct rest *rest = malloc(sizeof(*rest) + size);
	uv_buf_t copy;

	if (rest == NULL) {
		leave(client);
		return;
	}
	memcpy(rest->bytes, bytes, size);
	rest->request.data = rest;
	copy = uv_buf_init(rest->bytes, (unsigned)size);
	if (uv_write(&rest->request, (uv_stream_t *)&client->tcp, &copy, 1,
		     on_written) < 0) {
		free(rest);
		leave(client);
	}
}

static void on_room_wanted(uv_handle_t *handle, size_t size, uv_buf_t *room)
{
	(void)handle;
	(void)size;
	*room = uv_buf_init((char *)buffer + FLIP_HEADER_BYTES, BUFFER_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *room)
{
	struct client *client = stream->data;
	unsigned char *bytes = (unsigned char *)room->base;
	size_t size = (size_t)count;
	uv_buf_t whole;
	int written;

	if (count == 0)
		return;
	if (count < 0 || !flip(&client->flip, &bytes, &size)) {
		leave(client);
		return;
	}
	whole = uv_buf_init((char *)bytes, (unsigned)size);
	written = size > 0 ? uv_try_write(stream, &whole, 1) : 0;
	if (written < 0)
		written = 0; /* what it is, uv_write() will say */
	if ((size_t)written < size)
		write_rest(client, bytes + written, size - (size_t)written);
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct client *client;

	if (status < 0)
		return;
	client = calloc(1, sizeof(*client));
	if (client == NULL)
		return;
	(void)uv_tcp_init(listener->loop, &client->tcp);
	client->tcp.data = client;
	if (uv_accept(listener, (uv_stream_t *)&client->tcp) < 0) {
		leave(client);
		return;
	}
	(void)uv_tcp_nodelay(&client->tcp, 1);
	(void)uv_read_start((uv_stream_t *)&client->tcp, on_room_wanted,
			    on_read);
}

static void on_signal(uv_signal_t *signal, int number)
{
	(void)number;
	uv_stop(signal->loop);
}

static int listen_at(uv_tcp_t *listener, const char *host, int port)
{
	struct sockaddr_in address;
	int size = sizeof(address);
	int ret = uv_ip4_addr(host, port, &address);

	if (ret == 0)
		ret = uv_tcp_bind(listener, (const struct sockaddr *)&address,
				  0);
	if (ret == 0)
		ret = uv_listen((uv_stream_t *)listener, BACKLOG,
				on_connection);
	if (ret == 0)
		ret = uv_tcp_getsockname(listener, (struct sockaddr *)&address,
					 &size);
	if (ret == 0)
		(void)fprintf(stderr, "info listening addr=%s:%u role=echo\n",
			      host, ntohs(address.sin_port));
	return ret;
}

int main(void)
{
	struct rlimit limit;
	uv_loop_t *loop = uv_default_loop();
	uv_signal_t stop;
	uv_tcp_t listener;
	int ret;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	(void)uv_signal_init(loop, &stop);
	(void)uv_signal_start(&stop, on_signal, SIGTERM);
	(void)uv_tcp_init(loop, &listener);
	ret = listen_at(&listener, "127.0.0.1", 0);
	if (ret < 0) {
		(void)fprintf(stderr, "libuv: %s\n", uv_strerror(ret));
		return 1;
	}
	return uv_run(loop, UV_RUN_DEFAULT) < 0;
}
