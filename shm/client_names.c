/* SPDX-License-Identifier: MIT */
/* client_names.c - monitor.h's words for its numbers. Stable: scripts match. */
#include <bcast/monitor.h>

const char *bcast_close_reason_name(uint32_t reason)
{
	switch ((enum bcast_close_reason)reason) {
	case BCAST_CLOSE_PEER:
		return "closed_by_peer";
	case BCAST_CLOSE_RESET:
		return "broken";
	case BCAST_CLOSE_SLOW:
		return "slow";
	case BCAST_CLOSE_LIMIT:
		return "max_receivers";
	case BCAST_CLOSE_BUSY:
		return "sender_active";
	case BCAST_CLOSE_SHUTDOWN:
		return "shutdown";
	case BCAST_CLOSE_DRAIN_LATE:
		return "drain_timeout";
	case BCAST_CLOSE_SETUP:
		return "setup";
	case BCAST_CLOSE_DAEMON_DIED:
		return "daemon_died";
	case BCAST_CLOSE_SEND_TIMEOUT:
		return "send_timeout";
	case BCAST_CLOSE_REJECTED:
		return "rejected";
	case BCAST_CLOSE_IDLE:
		return "idle";
	}
	return "unknown";
}

const char *bcast_role_name(uint32_t role)
{
	switch ((enum bcast_peer_role)role) {
	case BCAST_ROLE_SENDER:
		return "sender";
	case BCAST_ROLE_RECEIVER:
		return "receiver";
	case BCAST_ROLE_WAITING:
		return "waiting";
	case BCAST_ROLE_GREETING:
		return "greeting";
	case BCAST_ROLE_CLIENT:
		return "client";
	}
	return "unknown";
}

const char *bcast_state_name(uint32_t state)
{
	switch ((enum bcast_stream_state)state) {
	case BCAST_STREAM_STARTING:
		return "starting";
	case BCAST_STREAM_LIVE:
		return "live";
	case BCAST_STREAM_DRAINING:
		return "draining";
	case BCAST_STREAM_CLOSED:
		return "closed";
	}
	return "unknown";
}

const char *bcast_condition_name(const struct bcast_stream_info *stream)
{
	if (stream->state == BCAST_STREAM_CLOSED)
		return bcast_state_name(stream->state);
	if (!stream->writer_alive)
		return "dead";
	/* it beats every 100 ms: far beyond a busy machine's delays */
	if (stream->heartbeat_age_ns > BCAST_SILENCE_NS)
		return "stuck";
	return bcast_state_name(stream->state);
}

const char *bcast_counter_kind_name(uint32_t kind)
{
	return kind == BCAST_GAUGE ? "gauge" : "counter";
}

const char *bcast_format_name(uint32_t format)
{
	switch ((enum bcast_stream_format)format) {
	case BCAST_FORMAT_RAW:
		return "raw";
	case BCAST_FORMAT_PACKET:
		return "packet";
	}
	return "unknown";
}

const char *bcast_node_state_name(uint32_t state)
{
	switch ((enum bcast_node_state)state) {
	case BCAST_NODE_ALIVE:
		return "alive";
	case BCAST_NODE_STUCK:
		return "stuck";
	case BCAST_NODE_DEAD:
		return "dead";
	case BCAST_NODE_DAMAGED:
		return "damaged";
	}
	return "unknown";
}

const char *bcast_writer_kind_name(uint32_t kind)
{
	switch ((enum bcast_writer_kind)kind) {
	case BCAST_WRITER_NONE:
		return "nobody";
	case BCAST_WRITER_SENDER:
		return "sender";
	case BCAST_WRITER_NODE:
		return "node";
	}
	return "unknown";
}

const char *bcast_error_level_name(uint32_t level)
{
	switch ((enum bcast_error_level)level) {
	case BCAST_LEVEL_ERROR:
		return "error";
	case BCAST_LEVEL_WARN:
		return "warn";
	}
	return "unknown";
}
