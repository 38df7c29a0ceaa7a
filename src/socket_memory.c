/* SPDX-License-Identifier: MIT */
/*
 * socket_memory.c - see socket_memory.h.
 *
 * Without --sndbuf the kernel lets the buffer of an accepted connection grow
 * to tcp_wmem[2], over loopback to 4 MiB at once. That is what makes few
 * receivers fast, and it is what lets some hundred stalled ones take all TCP
 * memory of the machine, so that everybody's connections stand still.
 *
 * The rule: tcp_mem[0], the line below which the kernel has no worries, is
 * divided among the receivers that there are, rounded up to a power of two.
 * While that gives each at least tcp_wmem[2], nothing is set and nothing
 * changes: up to 256 receivers where tcp_mem[0] is 1.1 GiB. From there on each
 * has its share, and when their number has doubled all are set anew: that is
 * two calls for a receiver, however many there are. Nobody gets less than 64
 * KiB, with which 10,000 receivers still stay below 1 GiB. A share does not
 * grow back for those who have it (their bytes would not come faster: so many
 * receivers are limited by the CPU); newcomers get more once three of four
 * have left.
 *
 * Each lane keeps its own plan, for as many as it has times the threads there
 * are: a lane's connections are touched by its thread alone.
 *
 * Rejected: to divide by --max-receivers, since the default of 1024 would then
 * cost 16 receivers a tenth of their throughput; to give newcomers a part of
 * what is left, since the last to come would be the slowest for good.
 */
#include <inttypes.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "src/lane.h"
#include "src/log.h"
#include "src/socket_memory.h"

/* The kernel counts its own records too, and so doubles what is asked for. */
#define KERNEL_FACTOR 2u

#define SOCKET_MEMORY_PAGES "/proc/sys/net/ipv4/tcp_mem"
#define SOCKET_MEMORY_SEND  "/proc/sys/net/ipv4/tcp_wmem"

uint64_t socket_memory_share(const struct socket_memory *memory,
			     uint32_t receivers)
{
	uint64_t share = receivers ? memory->calm_bytes / receivers : 0;

	if (receivers == 0 || share >= memory->largest_bytes)
		return 0;
	return share > SOCKET_MEMORY_SHARE_MIN ? share
					       : SOCKET_MEMORY_SHARE_MIN;
}

static uint32_t power_of_two(uint32_t least)
{
	uint32_t power = 1;

	while (power < least)
		power *= 2;
	return power;
}

bool socket_memory_plan(struct socket_memory *memory, uint32_t receivers)
{
	uint64_t before = memory->share_bytes;

	if (receivers <= memory->planned_for &&
	    receivers > memory->planned_for / 4)
		return false;
	memory->planned_for = power_of_two(receivers);
	memory->share_bytes = socket_memory_share(memory, memory->planned_for);
	return memory->share_bytes != 0 &&
	       (before == 0 || memory->share_bytes < before);
}

uint64_t socket_memory_worst(const struct socket_memory *memory,
			     const struct config *config)
{
	uint64_t each = (uint64_t)config->sndbuf_bytes * KERNEL_FACTOR;

	if (each == 0)
		each = socket_memory_share(memory,
					   power_of_two(config->max_receivers));
	if (each == 0)
		each = memory->largest_bytes;
	return config->max_receivers * each +
	       (uint64_t)config->rcvbuf_bytes * KERNEL_FACTOR;
}

/* ---- At the start ------------------------------------------------------ */

void socket_memory_ask(const char *root, struct socket_memory *memory)
{
	uint64_t pages[3], buffers[3];
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	*memory = (struct socket_memory){0};
	if (!check_numbers(root, SOCKET_MEMORY_PAGES, pages, 3) ||
	    !check_numbers(root, SOCKET_MEMORY_SEND, buffers, 3))
		return;
	memory->calm_bytes = pages[0] * page;
	memory->pressure_bytes = pages[1] * page;
	memory->limit_bytes = pages[2] * page;
	memory->largest_bytes = buffers[2];
}

/* What the kernel shall allow instead, in its own proportions. */
static void propose(uint64_t worst, struct check_result *result)
{
	uint64_t pages = worst / (uint64_t)sysconf(_SC_PAGESIZE) + 1;

	check_fix(result,
		  "sysctl -w net.ipv4.tcp_mem='%" PRIu64 " %" PRIu64 " %" PRIu64
		  "'",
		  pages / 4 * 3, pages, pages / 2 * 3);
}

void socket_memory_judge(const struct socket_memory *memory,
			 const struct config *config,
			 struct check_result *result)
{
	uint64_t worst = socket_memory_worst(memory, config);
	char text[2][CHECK_SIZE_MAX];

	if (memory->largest_bytes == 0) {
		check_unknown(result, SOCKET_MEMORY_PAGES);
		return;
	}
	check_found(result,
		    "pressure from %s on, %s at worst for %" PRIu32
		    " receivers",
		    check_bytes(memory->pressure_bytes, text[0]),
		    check_bytes(worst, text[1]), config->max_receivers);
	check_is(result, CHECK_OK, "");
	if (worst <= memory->pressure_bytes)
		return;
	check_is(result, CHECK_WARN,
		 "stalled receivers can hold up every TCP connection of this "
		 "machine: lower --max-receivers or --sndbuf, or raise tcp_mem "
		 "(see tools/tune.sh)");
	propose(worst, result);
}

void socket_memory_check(const struct config *config)
{
	struct check_result result = {0};
	struct socket_memory memory;

	socket_memory_ask("", &memory);
	socket_memory_judge(&memory, config, &result);
	if (result.state == CHECK_WARN)
		log_event(LOG_LEVEL_WARN, "little_socket_memory",
			  "max_receivers=%" PRIu32 " worst_bytes=%" PRIu64
			  " tcp_mem_pressure_bytes=%" PRIu64
			  " tcp_mem_limit_bytes=%" PRIu64
			  " error=\"%s\" fix=\"%s\"",
			  config->max_receivers,
			  socket_memory_worst(&memory, config),
			  memory.pressure_bytes, memory.limit_bytes,
			  result.means, result.fix);
}

/* ---- Receivers --------------------------------------------------------- */

/* Should the kernel refuse, the receiver just keeps what it has. */
static void set_buffer(int fd, uint64_t share)
{
	int bytes = (int)(share / KERNEL_FACTOR);

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

/* A buffer of tcp_mem whose size nobody has asked for. */
static bool is_shared_out(const struct lane *lane, const struct bc_conn *conn)
{
	return !conn->unix_socket &&
	       lane->config->listens[conn->door].sndbuf_bytes == 0;
}

static void set_all(const struct lane *lane, uint64_t share)
{
	for (uint32_t slot = 0; slot < lane->conns.count; slot++) {
		const struct bc_conn *conn = &lane->conns.conns[slot];

		if (conn->state == BC_CONN_OPEN &&
		    conn->role == BCAST_ROLE_RECEIVER &&
		    is_shared_out(lane, conn))
			set_buffer(conn->fd, share);
	}
}

/* Receivers are dealt out to the threads evenly. */
static uint32_t receivers_of_all(const struct lane *lane)
{
	uint32_t threads = lane->config->egress_threads;

	return (lane->egress.receivers + 1) * (threads > 0 ? threads : 1);
}

void socket_memory_admit(struct lane *lane, const struct bc_conn *conn)
{
	struct socket_memory *memory = &lane->socket_memory;

	if (!is_shared_out(lane, conn) || memory->largest_bytes == 0)
		return;
	if (socket_memory_plan(memory, receivers_of_all(lane))) {
		set_all(lane, memory->share_bytes);
		log_event(LOG_LEVEL_INFO, "send_buffers",
			  "receivers=%" PRIu32 " bytes=%" PRIu64
			  " reason=\"more would be too much for "
			  "net.ipv4.tcp_mem\"",
			  memory->planned_for, memory->share_bytes);
	}
	if (memory->share_bytes > 0)
		set_buffer(conn->fd, memory->share_bytes);
}
