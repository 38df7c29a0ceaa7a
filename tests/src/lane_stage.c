/* SPDX-License-Identifier: MIT */
/* lane_stage.c - see lane_stage.h. */
#include <stdlib.h>
#include <string.h>

#include "lane_stage.h"

#include "src/closing.h"
#include "src/log.h"
#include "src/send_queue.h"
#include "src/session_speak.h"

struct lane lane_;
struct config config_;
struct test_stream stream_;

static struct backpressure_limits limits;
static struct bc_peer_shm shown[STAGE_SLOTS];
static pthread_mutex_t closed_lock = PTHREAD_MUTEX_INITIALIZER;

int lane_stage_open(void **state)
{
	(void)state;
	log_open(LOG_LEVEL_ERROR);
	config_ = (struct config){
		.listen_count = 1,
		.listens[0].max_lag_bytes = TEST_CAPACITY / 2,
		.hello_timeout_ms = STAGE_HELLO_MS,
	};
	limits = backpressure_limits(TEST_CAPACITY, 4096, TEST_CAPACITY / 2);
	if (test_stream_open(&stream_, test_name()) < 0)
		return -1;
	lane_ = (struct lane){
		.segment = &stream_.segment,
		.config = &config_,
		.limits = &limits,
		.closed_lock = &closed_lock,
	};
	lane_stage_at(0);
	return lane_init(&lane_, STAGE_SLOTS);
}

int lane_stage_close(void **state)
{
	(void)state;
	for (uint32_t slot = 0; slot < STAGE_SLOTS; slot++)
		session_free(&lane_.conns.conns[slot]);
	lane_fini(&lane_);
	test_stream_close(&stream_);
	return 0;
}

void lane_stage_at(uint64_t since_ns)
{
	lane_.now_ns = STAGE_BEGIN + since_ns;
}

static struct bc_conn *open_one(void)
{
	struct bc_conn *conn = bc_conn_open(&lane_.conns, -1);

	assert_non_null(conn);
	conn->shown = &shown[bc_conn_slot(&lane_.conns, conn)];
	(void)strcpy(conn->peer, "nobody");
	return conn;
}

struct bc_conn *lane_stage_receiver(void)
{
	struct bc_conn *conn = open_one();

	conn->role = BCAST_ROLE_RECEIVER;
	conn->cursor = lane_.tail;
	lane_.egress.receivers++;
	send_queue_put(&lane_, conn);
	lane_look_soon(&lane_, conn);
	return conn;
}

struct bc_conn *lane_stage_client(enum session_state state)
{
	struct bc_conn *conn = open_one();

	conn->role = BCAST_ROLE_CLIENT;
	assert_int_equal(session_open(&lane_, conn), 0);
	conn->session->state = state;
	conn->session->heartbeat_ns = STAGE_HEARTBEAT_MS * MS;
	conn->session->idle_ns = STAGE_IDLE_MS * MS;
	return conn;
}

uint16_t lane_stage_hear(struct bc_conn *conn)
{
	struct bcast_packet_header header;
	const void *bytes;
	size_t size = 0;

	if (!outbox_is_empty(&conn->session->outbox))
		size = outbox_next(&conn->session->outbox, &bytes);
	if (size == 0)
		return 0;
	assert_true(size >= sizeof(header));
	memcpy(&header, bytes, sizeof(header));
	send_queue_remove(&lane_, conn);
	session_on_spoken(&lane_, conn, (int)size);
	send_queue_nudge(&lane_, conn);
	return header.type;
}
