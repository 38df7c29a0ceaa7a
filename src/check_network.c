/* SPDX-License-Identifier: MIT */
/*
 * check_network.c - see check_network.h.
 *
 * Only what bcastd runs into is judged. What else holds up 10 Gbit/s between
 * machines (queues, pacing, interrupts) tools/tune.sh knows, sets and takes
 * back.
 */
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#include "net/listener.h"
#include "src/check_network.h"
#include "src/socket_memory.h"

#define CORE "/proc/sys/net/core/"
#define IPV4 "/proc/sys/net/ipv4/"

/* A sender's connection with less was slower; a receiver's, too. */
#define BUFFER_GOOD (UINT64_C(1) << 20)

void check_tcp_mem(const struct check_plan *plan, struct check_result *result)
{
	struct socket_memory memory;

	socket_memory_ask(plan->root, &memory);
	socket_memory_judge(&memory, plan->config, result);
}

/* ---- Buffers ----------------------------------------------------------- */

/* What a socket that asks for a size gets. */
static uint64_t granted(const struct check_buffers *buffers)
{
	if (buffers->passes || buffers->asked < buffers->core)
		return buffers->asked;
	return buffers->core;
}

static void tell_buffers(const struct check_buffers *buffers, const char *word,
			 struct check_result *result)
{
	char text[3][CHECK_SIZE_MAX];

	if (buffers->asked == 0)
		check_found(result, "%s grows to %s by itself", word,
			    check_bytes(buffers->grows, text[0]));
	else
		check_found(result, "%s is %s of %s asked for (%cmem_max %s)",
			    word, check_bytes(granted(buffers), text[0]),
			    check_bytes(buffers->asked, text[1]),
			    word[2] == 'v' ? 'r' : 'w',
			    check_bytes(buffers->core, text[2]));
}

void check_receive_judge(const struct check_buffers *buffers,
			 struct check_result *result)
{
	tell_buffers(buffers, "rcvbuf", result);
	check_is(result, CHECK_OK, "");
	if (buffers->asked == 0 && buffers->grows < BUFFER_GOOD) {
		check_is(result, CHECK_WARN,
			 "a TCP sender is read in small pieces, more slowly");
		check_fix(result,
			  "sysctl -w net.ipv4.tcp_rmem='4096 131072 6291456'");
	} else if (buffers->asked > 0 && granted(buffers) < buffers->asked &&
		   granted(buffers) < BUFFER_GOOD) {
		check_is(result, CHECK_WARN,
			 "--rcvbuf is cut down to net.core.rmem_max: a TCP "
			 "sender is read more slowly");
		check_fix(result, "sysctl -w net.core.rmem_max=%" PRIu64,
			  buffers->asked);
	}
}

void check_send_judge(const struct check_buffers *buffers,
		      struct check_result *result)
{
	tell_buffers(buffers, "sndbuf", result);
	check_is(result, CHECK_OK, "");
	if (buffers->asked == 0 && buffers->grows < BUFFER_GOOD) {
		check_is(result, CHECK_WARN,
			 "a receiver's connection cannot be full: 256K make "
			 "11 % less than 4M over loopback, 64K a third less");
		check_fix(result,
			  "sysctl -w net.ipv4.tcp_wmem='4096 16384 4194304'");
	} else if (buffers->asked > 0 && granted(buffers) < buffers->asked) {
		check_is(result, CHECK_WARN,
			 "--sndbuf is cut down to net.core.wmem_max");
		check_fix(result, "sysctl -w net.core.wmem_max=%" PRIu64,
			  buffers->asked);
	}
}

static void check_buffers(const struct check_plan *plan, char letter,
			  uint64_t asked,
			  void (*judge)(const struct check_buffers *,
					struct check_result *),
			  struct check_result *result)
{
	char core[64], grows[64];
	uint64_t three[3];
	struct check_buffers buffers = {
		.asked = asked,
		.passes = check_capability(plan->root, CAP_NET_ADMIN),
	};

	(void)snprintf(core, sizeof(core), CORE "%cmem_max", letter);
	(void)snprintf(grows, sizeof(grows), IPV4 "tcp_%cmem", letter);
	if (!check_numbers(plan->root, grows, three, 3)) {
		check_unknown(result, grows);
		return;
	}
	buffers.grows = three[2];
	/* network namespaces other than the first do not have it */
	if (!check_numbers(plan->root, core, &buffers.core, 1)) {
		if (asked > 0 && !buffers.passes) {
			check_unknown(result, core);
			return;
		}
		buffers.core = UINT32_MAX;
	}
	judge(&buffers, result);
}

void check_receive_buffer(const struct check_plan *plan,
			  struct check_result *result)
{
	check_buffers(plan, 'r', plan->config->rcvbuf_bytes,
		      check_receive_judge, result);
}

void check_send_buffer(const struct check_plan *plan,
		       struct check_result *result)
{
	check_buffers(plan, 'w', plan->config->sndbuf_bytes, check_send_judge,
		      result);
}

/* ---- Connections ------------------------------------------------------- */

void check_backlog_judge(uint64_t limit, struct check_result *result)
{
	check_found(result, "%" PRIu64 " connections may wait, %u wanted",
		    limit, BC_LISTENER_BACKLOG);
	check_is(result, CHECK_OK, "");
	if (limit >= BC_LISTENER_BACKLOG)
		return;
	check_is(result, CHECK_WARN,
		 "when very many come at once, some have to try again");
	check_fix(result, "sysctl -w net.core.somaxconn=%u",
		  BC_LISTENER_BACKLOG);
}

void check_backlog(const struct check_plan *plan, struct check_result *result)
{
	uint64_t limit;

	if (check_numbers(plan->root, CORE "somaxconn", &limit, 1))
		check_backlog_judge(limit, result);
	else
		check_unknown(result, CORE "somaxconn");
}

/* ---- Congestion control ------------------------------------------------ */

static bool is_listed(const char *list, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = list; *at;) {
		size_t word = strcspn(at, " \t");

		if (word == length && strncmp(at, name, length) == 0)
			return true;
		at += word;
		at += strspn(at, " \t");
	}
	return false;
}

void check_congestion_judge(const struct check_congestions *congestions,
			    struct check_result *result)
{
	const char *present = congestions->present;
	const char *wanted = congestions->asked;
	const char *may = congestions->passes ? congestions->available
					      : congestions->allowed;

	check_found(result, "%.32s, of %.160s", present,
		    congestions->available);
	check_is(result, CHECK_OK, "");
	if (strcmp(wanted, "system") == 0)
		return;
	if (strcmp(wanted, "auto") == 0) {
		if (strcmp(present, "cubic") == 0 || is_listed(may, "cubic"))
			return;
		wanted = "cubic";
		check_is(result, CHECK_WARN,
			 "cubic cannot be had: receivers on this machine get "
			 "the system's choice, which paces, and half the "
			 "throughput if it is bbr");
	} else if (is_listed(may, wanted)) {
		return;
	} else {
		check_is(result, CHECK_FAIL,
			 "--congestion cannot be had: bcastd does not start");
	}
	if (is_listed(congestions->available, wanted))
		check_fix(result,
			  "sysctl -w net.ipv4.tcp_allowed_congestion_control="
			  "'%.160s %s'",
			  congestions->allowed, wanted);
	else
		check_fix(result, "modprobe tcp_%s", wanted);
}

void check_congestion(const struct check_plan *plan,
		      struct check_result *result)
{
	char present[64], available[256], allowed[256];

	if (!check_line(plan->root, IPV4 "tcp_congestion_control", present,
			sizeof(present))) {
		check_unknown(result, IPV4 "tcp_congestion_control");
		return;
	}
	/* these two are of the first network namespace only */
	if (!check_line(plan->root, IPV4 "tcp_available_congestion_control",
			available, sizeof(available)))
		(void)snprintf(available, sizeof(available), "%s", present);
	if (!check_line(plan->root, IPV4 "tcp_allowed_congestion_control",
			allowed, sizeof(allowed)))
		(void)snprintf(allowed, sizeof(allowed), "%s", available);
	check_congestion_judge(
		&(struct check_congestions){
			.present = present,
			.available = available,
			.allowed = allowed,
			.asked = plan->config->congestion,
			.passes = check_capability(plan->root, CAP_NET_ADMIN),
		},
		result);
}
