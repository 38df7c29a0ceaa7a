/* SPDX-License-Identifier: MIT */
/*
 * start.c - start and stop: all parts, in order, and in reverse.
 *
 * What can be refused cheaply is asked first (the name, the addresses), the
 * memory next, and the ring of requests last, since it belongs to this very
 * process. Only a dead daemon's segment is adopted before the addresses, see
 * takeover.c. "listening" is logged when all of it stands: who waits for that
 * line can connect and attach.
 */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "net/fault.h"
#include "shm/facts.h"
#include "shm/last_words.h"
#include "src/admin_open.h"
#include "src/busy_poll.h"
#include "src/descriptors.h"
#include "src/dev_shm.h"
#include "src/gating.h"
#include "src/ingest.h"
#include "src/ipc_removal.h"
#include "src/lanes.h"
#include "src/listening.h"
#include "src/local.h"
#include "src/log.h"
#include "src/log_segment.h"
#include "src/memory_report.h"
#include "src/nodes.h"
#include "src/placement.h"
#include "src/remote_nodes.h"
#include "src/roles.h"
#include "src/start.h"
#include "src/stream.h"
#include "src/upgrade.h"
#include "src/zerocopy.h"

/* ---- The process ------------------------------------------------------- */

static int bind_to_cpu(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return 0;
	CPU_ZERO(&set);
	CPU_SET((unsigned)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) == 0)
		return 0;
	log_event(LOG_LEVEL_ERROR, "start_failed",
		  "option=--cpu value=%d error=\"%s\" "
		  "fix=\"choose one of the CPUs that nproc counts\"",
		  cpu, strerror(errno));
	return EX_UNAVAILABLE;
}

/* ---- The rest ---------------------------------------------------------- */

static enum bc_backend_which wanted_backend(const struct config *config)
{
	switch (config->backend) {
	case CONFIG_BACKEND_AUTO:
		return BC_BACKEND_AUTO;
	case CONFIG_BACKEND_IO_URING:
		return BC_BACKEND_IO_URING;
	case CONFIG_BACKEND_EPOLL:
		return BC_BACKEND_EPOLL;
	}
	return BC_BACKEND_AUTO;
}

static int open_backend(struct daemon *daemon)
{
	static const char *const names[] = {"auto", "io_uring", "epoll"};
	enum bc_backend_which which = wanted_backend(&daemon->config);
	int ret = bc_backend_open(&daemon->backend, which,
				  daemon_home_slots(&daemon->config) +
					  config_echo_clients(&daemon->config),
				  daemon->backend_why);

	if (ret == 0)
		ret = bc_fault_from_environment(&daemon->backend,
						daemon->home.conns.count);
	daemon->home.backend = daemon->backend;
	if (ret == 0)
		return 0;
	log_event(LOG_LEVEL_ERROR, "start_failed",
		  "option=--backend value=%s error=\"%s\"", names[which],
		  daemon->backend_why[0] ? daemon->backend_why
					 : strerror(-ret));
	return EX_OSERR;
}

static int init_parts(struct daemon *daemon)
{
	const struct config *config = &daemon->config;

	daemon->limits =
		backpressure_limits(config->ring_size_bytes,
				    config_read_bytes(config->ring_size_bytes),
				    config_least_lag(config));
	daemon->home.daemon = daemon;
	daemon->home.left = roles_left;
	daemon->home.segment = &daemon->segment;
	daemon->home.config = config;
	daemon->home.limits = &daemon->limits;
	daemon->home.counters = daemon->counters;
	daemon->home.closed_lock = &daemon->lanes.closed_lock;
	if (lane_init(&daemon->home, daemon_home_slots(config)) == 0 &&
	    echo_start(daemon) == 0)
		return 0;
	log_event(LOG_LEVEL_ERROR, "start_failed",
		  "option=--max-receivers value=%" PRIu32
		  " error=\"not enough memory for that many connections\" "
		  "fix=\"lower it, or --echo-max-clients\"",
		  config->max_receivers);
	return EX_OSERR;
}

static const char *policy_name(enum config_slow_policy policy)
{
	switch (policy) {
	case CONFIG_SLOW_DISCONNECT:
		return "disconnect";
	case CONFIG_SLOW_BLOCK:
		return "block";
	case CONFIG_SLOW_SKIP:
		return "skip";
	}
	return "unknown";
}

#define OWN_OPTIONS_MAX 192

/* " egress_rate=10485760": the limits of who comes in there. */
static void add_rates(const struct config_listen *door, char *text, size_t size)
{
	static const struct {
		const char *name;
		enum config_rate rate;
	} all[] = {
		{"ingest_rate", CONFIG_RATE_INGEST},
		{"ingest_packets", CONFIG_RATE_RECORDS},
		{"egress_rate", CONFIG_RATE_EGRESS},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		size_t used = strlen(text);

		if (door->rates[all[i].rate] != 0)
			snprintf(text + used, size - used, " %s=%" PRIu64,
				 all[i].name, door->rates[all[i].rate]);
	}
}

/*
 * What holds for receivers there, if it was said of this address; and rates,
 * wherever they were.
 */
static const char *own_options(const struct daemon *daemon,
			       const struct listener *listener, char *text,
			       size_t size)
{
	const struct config_listen *door =
		&daemon->config.listens[listener->door];

	text[0] = '\0';
	if (door->has_options && config_role_receives(door->role))
		snprintf(text, size,
			 " slow_policy=%s max_lag_bytes=%" PRIu64
			 " send_timeout_ms=%" PRIu32,
			 policy_name(door->slow_policy), door->max_lag_bytes,
			 door->send_timeout_ms);
	add_rates(door, text, size);
	return text;
}

void daemon_state_facts(struct daemon *daemon)
{
	struct bc_segment *segment = &daemon->segment;
	char key[32], value[256], own[OWN_OPTIONS_MAX];

	(void)bc_facts_set(segment, "version", BCAST_VERSION);
	(void)bc_facts_set(segment, "backend", daemon->backend->ops->name);
	if (daemon->backend_why[0])
		(void)bc_facts_set(segment, "backend_why", daemon->backend_why);
	(void)bc_facts_set(segment, "slow_policy",
			   policy_name(daemon->config.slow_policy));
	snprintf(value, sizeof(value), "%" PRIu64,
		 daemon->config.max_lag_bytes);
	(void)bc_facts_set(segment, "max_lag_bytes", value);
	(void)bc_facts_set(segment, "zerocopy", daemon->zerocopy_mode);
	(void)bc_facts_set(segment, "zerocopy_why", daemon->zerocopy_why);
	(void)bc_facts_set(segment, "congestion", daemon->config.congestion);
	snprintf(value, sizeof(value), "%" PRIu32,
		 daemon->config.egress_threads);
	(void)bc_facts_set(segment, "egress_threads", value);
	for (uint32_t i = 0; i < daemon->listener_count; i++) {
		const struct listener *listener = &daemon->listeners[i];

		snprintf(key, sizeof(key), "listener_%u", i);
		snprintf(value, sizeof(value), "%s %s%s",
			 listening_role_name(listener->role), listener->address,
			 own_options(daemon, listener, own, sizeof(own)));
		(void)bc_facts_set(segment, key, value);
	}
}

static void announce_listener(const struct daemon *daemon,
			      const struct listener *listener)
{
	char own[OWN_OPTIONS_MAX];

	log_event(LOG_LEVEL_INFO, "listening", "addr=%s role=%s%s",
		  listener->address, listening_role_name(listener->role),
		  own_options(daemon, listener, own, sizeof(own)));
}

static void announce(struct daemon *daemon)
{
	daemon_state_facts(daemon);
	bc_segment_set_state(&daemon->segment, BC_STATE_LIVE);
	memory_report(daemon);
	if (daemon->backend_why[0])
		log_event(LOG_LEVEL_WARN, "backend", "name=%s reason=\"%s\"",
			  daemon->backend->ops->name, daemon->backend_why);
	else
		log_event(LOG_LEVEL_INFO, "backend", "name=%s",
			  daemon->backend->ops->name);
	for (uint32_t i = 0; i < daemon->listener_count; i++)
		announce_listener(daemon, &daemon->listeners[i]);
}

/* What serves, whether the stream is there already or not. */
static int open_parts(struct daemon *daemon)
{
	int ret = init_parts(daemon);

	if (ret == 0)
		ret = open_backend(daemon);
	return ret == 0 ? zerocopy_start(daemon) : ret;
}

/* On our own. Returns 0 or an exit code. */
static int start_anew(struct daemon *daemon)
{
	int ret = stream_take_name(daemon);

	if (ret == 0)
		ret = stream_adopt(daemon);
	if (ret == 0)
		ret = listening_open(daemon);
	if (ret == 0)
		ret = stream_create(daemon);
	if (ret == 0)
		ret = open_parts(daemon);
	if (ret != 0)
		return ret;
	nodes_start(daemon);
	gating_start(daemon);
	local_start(daemon);
	ret = lanes_start(daemon);
	return ret == 0 ? admin_open(daemon) : ret;
}

/* From a daemon that lives: all that takes time before it stands still. */
static int start_taking(struct daemon *daemon)
{
	int ret = listening_open(daemon);

	if (ret == 0)
		ret = open_parts(daemon);
	if (ret == 0)
		ret = lanes_start(daemon);
	/* beside that of the old one, as long as both are there */
	if (ret == 0)
		ret = admin_open(daemon);
	if (ret == 0)
		ret = upgrade_finish(daemon);
	if (ret != 0)
		return ret;
	nodes_start(daemon);
	gating_start(daemon);
	return 0;
}

/* The stream is not over because this try has failed. */
static int give_up(struct daemon *daemon, int ret)
{
	if (daemon->taking) {
		upgrade_abandon(daemon);
	} else if (daemon->adopted) {
		log_segment_detach();
		bc_last_words_detach();
		bc_segment_close(&daemon->segment);
	}
	daemon_stop(daemon);
	return ret;
}

int daemon_start(struct daemon *daemon, const struct config *config)
{
	int ret;

	*daemon = (struct daemon){
		.config = *config,
		.name_lock.fd = -1,
		.segment.fd = -1,
		.home.peer_socket.fd = -1,
		.nodes.table = {.fd = -1, .segment.fd = -1},
		.service.fd = -1,
		.lanes.eventfd = -1,
		.lanes.closed_lock = PTHREAD_MUTEX_INITIALIZER,
	};
	(void)sched_getaffinity(0, sizeof(daemon->lanes.cpus),
				&daemon->lanes.cpus);
	descriptors_raise(config);
	socket_memory_check(config);
	dev_shm_check();
	busy_poll_check(config);
	ret = bind_to_cpu(config->cpu);
	if (ret == 0)
		ret = placement_check(config->numa_node);
	if (ret == 0 && config->takeover)
		ret = upgrade_begin(daemon);
	if (ret == 0)
		ret = daemon->taking ? start_taking(daemon)
				     : start_anew(daemon);
	if (ret != 0)
		return give_up(daemon, ret);
	daemon->taking = false;
	ipc_removal_warn();
	upgrade_open(daemon);
	announce(daemon);
	service_notify_ready(daemon);
	return 0;
}

void daemon_stop(struct daemon *daemon)
{
	service_notify_close(daemon);
	admin_close(daemon);
	lanes_stop(daemon);
	remote_nodes_stop(daemon);
	bc_backend_close(daemon->backend);
	daemon->backend = NULL;
	gating_stop(daemon);
	nodes_stop(daemon);
	echo_stop(daemon);
	lane_fini(&daemon->home);
	listening_close(daemon);
	upgrade_close(daemon);
	stream_remove(daemon);
}
