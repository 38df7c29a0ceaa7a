/* SPDX-License-Identifier: MIT */
/* echo_conn.c - see echo_conn.h. */
#include <errno.h>
#include <sys/socket.h>

#include "net/peer_socket.h"
#include "src/echo_conn.h"
#include "src/log.h"

/* From here on a copy would cost more than a system call. */
#define GATHER_BYTES_MAX 16384u

/* Pieces from here on are large; so many smaller ones make a small client. */
#define LARGE_BYTES (BC_BACKEND_EACH_BYTES / 2)
#define SMALL_ROW   8u

/* Adjacent bytes that are to go back. */
struct run {
	const unsigned char *bytes;
	size_t size;
};

static bool is_live(const struct echo_conn *conn)
{
	return conn->state == ECHO_OPEN || conn->state == ECHO_LAST;
}

static bool is_batch(const struct daemon *daemon)
{
	return daemon->config.echo_mode == CONFIG_ECHO_BATCH;
}

uint64_t echo_conn_token(const struct daemon *daemon,
			 const struct echo_conn *conn, enum bc_op op)
{
	return bc_token_pack(op, (uint32_t)(conn - daemon->echo.conns),
			     conn->generation);
}

void echo_conn_arm(struct daemon *daemon, struct echo_conn *conn)
{
	uint64_t token = echo_conn_token(daemon, conn, BC_OP_ECHO_RECV);
	int ret;

	if (conn->state != ECHO_OPEN || conn->receiving || conn->paused)
		return;
	conn->polling = conn->large;
	if (conn->large)
		ret = bc_backend_poll(daemon->backend, conn->fd, token);
	else
		ret = bc_backend_recv_each(daemon->backend, conn->fd, token);
	if (ret == 0)
		conn->receiving = true;
	else
		echo_conn_end(daemon, conn, ECHO_REASON_ERROR, ret);
}

static void stop_receiving(struct daemon *daemon, const struct echo_conn *conn)
{
	if (conn->receiving)
		(void)bc_backend_cancel(
			daemon->backend,
			echo_conn_token(daemon, conn, BC_OP_ECHO_RECV));
}

/* ---- Sends ------------------------------------------------------------- */

/* Returns what the socket has taken, maybe 0; or -errno: it is broken. */
static ssize_t send_now(struct daemon *daemon, const struct echo_conn *conn,
			const unsigned char *bytes, size_t size)
{
	ssize_t sent = send(conn->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0)
		return errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM
			       ? 0
			       : -errno;
	bc_tally_add(&daemon->home.tally, BC_COUNTER_echo_sends, 1);
	bc_tally_add(&daemon->home.tally, BC_COUNTER_echo_bytes,
		     (uint64_t)sent);
	return sent;
}

/* The queue's first bytes, once the socket takes some. */
static void send_later(struct daemon *daemon, struct echo_conn *conn)
{
	const unsigned char *bytes;
	size_t size = echo_queue_peek(&conn->queue, &bytes);
	int ret;

	if (conn->sending || size == 0)
		return;
	ret = bc_backend_send(daemon->backend, conn->fd, bytes, size,
			      echo_conn_token(daemon, conn, BC_OP_ECHO_SEND));
	if (ret == 0)
		conn->sending = true;
	else
		echo_conn_end(daemon, conn, ECHO_REASON_ERROR, ret);
}

/* As much of the queue as the socket takes now, unless a send is under way. */
static void push(struct daemon *daemon, struct echo_conn *conn)
{
	const unsigned char *bytes;
	size_t size;

	while (!conn->sending &&
	       (size = echo_queue_peek(&conn->queue, &bytes)) > 0) {
		ssize_t sent = send_now(daemon, conn, bytes, size);

		if (sent < 0) {
			echo_conn_end(daemon, conn, ECHO_REASON_ERROR,
				      (int)sent);
			return;
		}
		echo_queue_drop(&conn->queue, &daemon->echo.store,
				(size_t)sent);
		if ((size_t)sent < size)
			return;
	}
}

static void owe(struct daemon *daemon, struct echo_conn *conn,
		const unsigned char *bytes, size_t size)
{
	int ret =
		echo_queue_add(&conn->queue, &daemon->echo.store, bytes, size);

	if (ret < 0)
		echo_conn_end(daemon, conn, ECHO_REASON_MEMORY, ret);
}

/* May end the client. */
static void send_run(struct daemon *daemon, struct echo_conn *conn,
		     struct run *run)
{
	bool gathers = is_batch(daemon) && run->size < GATHER_BYTES_MAX;
	ssize_t sent = 0;

	if (run->size == 0)
		return;
	if (conn->queue.bytes == 0 && !gathers)
		sent = send_now(daemon, conn, run->bytes, run->size);
	if (sent < 0)
		echo_conn_end(daemon, conn, ECHO_REASON_ERROR, (int)sent);
	else if ((size_t)sent < run->size)
		owe(daemon, conn, run->bytes + sent, run->size - (size_t)sent);
	run->size = 0;
}

/* ---- Gathered ones ----------------------------------------------------- */

static void gather(struct daemon *daemon, struct echo_conn *conn)
{
	struct echo *echo = &daemon->echo;

	if (conn->gathered)
		return;
	/* all wait equally long, so the last to come is the last to go */
	conn->due_ns = daemon->home.now_ns +
		       (uint64_t)daemon->config.echo_batch_delay_us * 1000;
	conn->gathered = true;
	conn->next = NULL;
	conn->prev = echo->gathered_last;
	if (echo->gathered_last)
		echo->gathered_last->next = conn;
	else
		echo->gathered = conn;
	echo->gathered_last = conn;
}

void echo_conn_ungather(struct echo *echo, struct echo_conn *conn)
{
	if (!conn->gathered)
		return;
	conn->gathered = false;
	if (conn->prev)
		conn->prev->next = conn->next;
	else
		echo->gathered = conn->next;
	if (conn->next)
		conn->next->prev = conn->prev;
	else
		echo->gathered_last = conn->prev;
}

void echo_conn_flush(struct daemon *daemon, struct echo_conn *conn)
{
	echo_conn_ungather(&daemon->echo, conn);
	send_later(daemon, conn);
}

/* ---- What comes -------------------------------------------------------- */

static void drop(struct daemon *daemon, struct echo_conn *conn, uint64_t size)
{
	char peer[BC_SOCKADDR_TEXT_MAX];

	conn->dropping = true;
	bc_tally_add(&daemon->home.tally, BC_COUNTER_echo_dropped, 1);
	bc_tally_add(&daemon->home.tally, BC_COUNTER_echo_dropped_bytes, size);
	if (conn->dropped++ > 0)
		return;
	log_event(LOG_LEVEL_WARN, "echo_dropped",
		  "peer=%s packet_bytes=%llu owed_bytes=%llu "
		  "budget_bytes=%llu fix=\"a client has to read what it is "
		  "sent, or raise --echo-budget\"",
		  bc_peer_socket_describe(conn->fd, peer, sizeof(peer)),
		  (unsigned long long)size,
		  (unsigned long long)conn->queue.bytes,
		  (unsigned long long)daemon->config.echo_budget_bytes);
}

static bool fits(const struct daemon *daemon, uint64_t owed, uint64_t size)
{
	return owed == 0 || owed + size <= daemon->config.echo_budget_bytes;
}

/* May what is owed grow by such a packet? What can go goes first. */
static bool admit(struct daemon *daemon, struct echo_conn *conn,
		  struct run *run, uint64_t size)
{
	if (fits(daemon, conn->queue.bytes + run->size, size))
		return true;
	send_run(daemon, conn, run);
	if (is_live(conn) && conn->gathered)
		push(daemon, conn);
	return is_live(conn) && fits(daemon, conn->queue.bytes, size);
}

static void add_to_run(struct run *run, const struct bc_echo_part *part)
{
	if (run->size == 0)
		run->bytes = part->bytes;
	run->size += part->size;
}

static void begin_packet(struct daemon *daemon, struct echo_conn *conn,
			 struct run *run, const struct bc_echo_part *part)
{
	uint64_t size = (uint64_t)part->size + part->length;

	if (!admit(daemon, conn, run, size)) {
		if (is_live(conn))
			drop(daemon, conn, size);
		return;
	}
	conn->dropping = false;
	bc_tally_add(&daemon->home.tally, BC_COUNTER_echo_packets, 1);
	if (part->bytes != conn->stream.header) {
		add_to_run(run, part);
		return;
	}
	/* it came in two pieces: nothing came before it in this one */
	owe(daemon, conn, part->bytes, part->size);
}

static void refuse(struct daemon *daemon, struct echo_conn *conn, int error)
{
	echo_conn_end(daemon, conn,
		      error == -EMSGSIZE ? ECHO_REASON_LENGTH
					 : ECHO_REASON_TYPE,
		      error);
}

/* What is owed, now that the piece is at its end. */
static void settle(struct daemon *daemon, struct echo_conn *conn)
{
	const uint64_t budget = daemon->config.echo_budget_bytes;

	if (conn->queue.bytes == 0)
		return;
	if (is_batch(daemon) && !conn->sending &&
	    conn->queue.bytes < ECHO_CHUNK_BYTES) {
		gather(daemon, conn);
		return;
	}
	if (conn->gathered) {
		echo_conn_ungather(&daemon->echo, conn);
		push(daemon, conn);
	}
	if (is_live(conn))
		send_later(daemon, conn);
	if (!is_live(conn) || conn->queue.bytes <= budget || conn->paused)
		return;
	conn->paused = true;
	stop_receiving(daemon, conn);
}

int32_t echo_conn_receive(struct daemon *daemon, const struct echo_conn *conn)
{
	ssize_t count = recv(conn->fd, daemon->echo.buffer, ECHO_BUFFER_BYTES,
			     MSG_DONTWAIT);

	return count < 0 ? -errno : (int32_t)count;
}

/* How is it to be received from, with such pieces? */
static void note_size(struct daemon *daemon, struct echo_conn *conn,
		      size_t size)
{
	if (size >= LARGE_BYTES) {
		if (!conn->large)
			stop_receiving(daemon, conn);
		conn->large = true;
		conn->small_pieces = 0;
	} else if (conn->large && ++conn->small_pieces == SMALL_ROW) {
		conn->large = false;
		conn->small_pieces = 0;
	}
}

void echo_conn_take(struct daemon *daemon, struct echo_conn *conn,
		    unsigned char *bytes, size_t size)
{
	struct run run = {0};
	struct bc_echo_part part;

	note_size(daemon, conn, size);
	while (size > 0 && is_live(conn)) {
		int found =
			bc_echo_stream_next(&conn->stream, bytes, size, &part);

		if (found < 0) {
			send_run(daemon, conn, &run);
			refuse(daemon, conn, found);
			return;
		}
		if (found == BC_ECHO_PACKET)
			begin_packet(daemon, conn, &run, &part);
		else if (found == BC_ECHO_PAYLOAD && !conn->dropping)
			add_to_run(&run, &part);
		bytes += part.taken;
		size -= part.taken;
	}
	if (is_live(conn))
		send_run(daemon, conn, &run);
	if (is_live(conn))
		settle(daemon, conn);
}

void echo_conn_sent(struct daemon *daemon, struct echo_conn *conn, size_t size)
{
	echo_queue_drop(&conn->queue, &daemon->echo.store, size);
	bc_tally_add(&daemon->home.tally, BC_COUNTER_echo_sends, 1);
	bc_tally_add(&daemon->home.tally, BC_COUNTER_echo_bytes, size);
	send_later(daemon, conn);
	if (!conn->paused ||
	    conn->queue.bytes > daemon->config.echo_budget_bytes / 2)
		return;
	conn->paused = false;
	echo_conn_arm(daemon, conn);
}
