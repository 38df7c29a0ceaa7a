/* SPDX-License-Identifier: MIT */
/* result.c - what came out, as one line of JSON. */
#include "scale.h"
#include "protocol.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int by_size(const void *a, const void *b)
{
	const float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static void print_spread(const char *name, float *values, size_t count)
{
	qsort(values, count, sizeof(*values), by_size);
	(void)printf(
		"\"%s_us\": {\"p50\": %.1f, \"p90\": %.1f, "
		"\"p99\": %.1f, \"max\": %.1f}, ",
		name, (double)values[count / 2], (double)values[count * 9 / 10],
		(double)values[count * 99 / 100], (double)values[count - 1]);
}

/* By update: the first, median and last receiver that had it. */
static void print_delays(struct scale *scale)
{
	const size_t n = scale->options.joining.receivers;
	const size_t count = scale->updates - scale->counted_from;
	float *rows[3];
	bool room = true;

	for (unsigned i = 0; i < 3; i++) {
		rows[i] = malloc(count * sizeof(float));
		room = room && rows[i] != NULL;
	}
	for (size_t i = 0; room && i < count; i++) {
		float *row = scale->delays_us + (scale->counted_from + i) * n;

		qsort(row, n, sizeof(float), by_size);
		rows[0][i] = row[0];
		rows[1][i] = row[n / 2];
		rows[2][i] = row[n - 1];
	}
	if (room) {
		(void)printf("\"updates\": %zu, ", count);
		print_spread("first", rows[0], count);
		print_spread("median", rows[1], count);
		print_spread("last", rows[2], count);
		print_spread("late", scale->lateness_us + scale->counted_from,
			     count);
	}
	for (unsigned i = 0; i < 3; i++)
		free(rows[i]);
}

static void print_memory(const struct scale *scale)
{
	const double n = scale->options.joining.receivers;
	const struct memory *before = &scale->before, *loaded = &scale->loaded;

	(void)printf("\"user_bytes\": %lld, \"user_per_receiver\": %.0f, ",
		     (long long)loaded->user_bytes,
		     (double)(loaded->user_bytes - before->user_bytes) / n);
	(void)printf("\"joined_user_per_receiver\": %.0f, ",
		     (double)(scale->joined.user_bytes - before->user_bytes) /
			     n);
	(void)printf("\"private_per_receiver\": %.0f, ",
		     (double)(loaded->private_bytes - before->private_bytes) /
			     n);
	(void)printf("\"socket_bytes_per_receiver\": %.0f, ",
		     (double)(loaded->socket_bytes - before->socket_bytes) / n);
}

static void print_socket(const struct scale *scale)
{
	const int fd = scale->receivers[0].fd;
	char congestion[16] = "unknown";
	socklen_t size = sizeof(congestion) - 1;
	int rcvbuf = 0;
	socklen_t rcvbuf_size = sizeof(rcvbuf);

	(void)getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, &size);
	(void)getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, &rcvbuf_size);
	(void)printf("\"congestion\": \"%s\", \"receiver_rcvbuf_bytes\": %d, ",
		     congestion, rcvbuf);
}

static void print_window(const struct scale *scale)
{
	const struct options *options = &scale->options;
	const double seconds = scale->last.at_s - scale->first.at_s;
	const double server_s =
		scale->last.usage.server_s - scale->first.usage.server_s;
	const double own_s = scale->last.usage.own_s - scale->first.usage.own_s;
	const double busy_s =
		scale->last.usage.busy_s - scale->first.usage.busy_s;
	uint64_t total = 0, slowest = UINT64_MAX, fastest = 0;

	for (unsigned i = 0; i < options->joining.receivers; i++) {
		uint64_t payload = protocol_payload(
			options->joining.protocol,
			scale->last.bytes[i] - scale->first.bytes[i],
			options->message_bytes);

		total += payload;
		slowest = payload < slowest ? payload : slowest;
		fastest = payload > fastest ? payload : fastest;
	}
	(void)printf("\"seconds\": %.4f, \"payload_bytes\": %llu, ", seconds,
		     (unsigned long long)total);
	(void)printf("\"slowest_bytes\": %llu, \"fastest_bytes\": %llu, ",
		     (unsigned long long)slowest, (unsigned long long)fastest);
	(void)printf("\"egress_gbit_s\": %.4f, ",
		     (double)total * 8 / 1e9 / seconds);
	(void)printf("\"server_cpu_s\": %.2f, ", server_s);
	(void)printf("\"server_cpu_s_per_gb\": %.5f, ",
		     total > 0 ? server_s / ((double)total / 1e9) : 0.0);
	(void)printf("\"deliveries\": %.0f, ",
		     (double)total / (double)options->message_bytes);
	(void)printf("\"cpu_us_per_delivery\": %.4f, ",
		     total > 0
			     ? server_s * 1e6 * (double)options->message_bytes /
				       (double)total
			     : 0.0);
	(void)printf("\"load_cpu_s\": %.2f, \"other_cpu_s\": %.2f, ", own_s,
		     busy_s - own_s - server_s);
	(void)printf("\"steal_s\": %.2f, ",
		     scale->last.usage.steal_s - scale->first.usage.steal_s);
}

static void print_phases(const struct scale *scale)
{
	const struct options *options = &scale->options;

	(void)printf("\"phases\": [");
	for (unsigned i = 0; i < options->phases; i++) {
		const struct phase *phase = &scale->phases[i];
		const double payload = (double)protocol_payload(
			options->joining.protocol, phase->bytes,
			options->message_bytes);

		(void)printf(
			"%s{\"stalled\": %s, \"egress_gbit_s\": %.4f, "
			"\"server_cpu_s_per_gb\": %.5f}",
			i > 0 ? ", " : "", phase->stalled ? "true" : "false",
			payload * 8 / 1e9 / phase->seconds,
			payload > 0 ? phase->server_s / (payload / 1e9) : 0.0);
	}
	(void)printf("], ");
}

void result_print(struct scale *scale, bool complete)
{
	const struct options *options = &scale->options;
	const bool checked =
		!options->unchecked && options->joining.ingest != NULL;
	unsigned ended = 0, wrong = 0;

	for (unsigned i = 0; i < options->joining.receivers; i++) {
		ended += atomic_load(&scale->receivers[i].ended);
		wrong += atomic_load(&scale->receivers[i].wrong);
	}
	(void)printf("{\"protocol\": \"%s\", \"receivers\": %u, ",
		     options->joining.protocol->name,
		     options->joining.receivers);
	(void)printf("\"message_bytes\": %zu, \"updates_s\": %.3f, ",
		     options->message_bytes, options->updates_s);
	(void)printf("\"window_bytes\": %zu, ", options->window_bytes);
	print_socket(scale);
	print_window(scale);
	print_memory(scale);
	if (scale->delays_us != NULL)
		print_delays(scale);
	if (options->phases > 0)
		print_phases(scale);
	(void)printf("\"stalled\": %u, \"sip_bytes\": %u, "
		     "\"stalled_dropped\": %u, ",
		     options->stalled, options->sip_bytes,
		     atomic_load(&scale->stalled.dropped));
	(void)printf("\"checked\": %s, \"wrong_receivers\": %u, ",
		     checked ? "true" : "false", checked ? wrong : 0);
	(void)printf("\"ended_receivers\": %u, \"complete\": %s, ", ended,
		     complete && !options->leaves ? "true" : "false");
	(void)printf("\"sender_failed\": %s}\n",
		     atomic_load(&scale->failed) ? "true" : "false");
}
