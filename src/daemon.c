/* SPDX-License-Identifier: MIT */
/*
 * daemon.c - start and stop: all parts, in order, and in reverse.
 *
 * What can be refused cheaply is asked first (the name, the addresses), the
 * memory next, and the ring of requests last, since it belongs to this very
 * process. "listening" is logged when all of it stands: who waits for that
 * line can connect and attach.
 */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "net/listener.h"
#include "shm/clock.h"
#include "shm/facts.h"
#include "shm/name.h"
#include "shm/registry.h"
#include "src/daemon.h"
#include "src/egress.h"
#include "src/log.h"

#define DESCRIPTORS_SPARE 64u

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

/* A descriptor a connection: take what we may, and say if it will not do. */
static void raise_descriptor_limit(uint32_t max_receivers)
{
	rlim_t needed = max_receivers + DAEMON_SENDERS_MAX + DESCRIPTORS_SPARE;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < needed)
		log_event(LOG_LEVEL_WARN, "few_descriptors",
			  "limit=%llu needed=%llu fix=\"raise ulimit -n "
			  "(LimitNOFILE=) or lower --max-receivers\"",
			  (unsigned long long)limit.rlim_max,
			  (unsigned long long)needed);
}

/* ---- The name and the segment ------------------------------------------ */

static int take_name(struct daemon *daemon)
{
	const char *name = daemon->config.name;
	int ret = bc_name_lock_take(&daemon->name_lock, name);

	if (ret == 0)
		return 0;
	if (ret == BCAST_EOWNED)
		log_event(LOG_LEVEL_ERROR, "start_failed",
			  "name=%s error=\"a live daemon owns this name\" "
			  "fix=\"stop it (see bcast-shmstat %s) or choose "
			  "another --name\"",
			  name, name);
	else
		log_event(LOG_LEVEL_ERROR, "start_failed",
			  "name=%s error=\"cannot lock /dev/shm/bcast.%s.lock: "
			  "%s\" fix=\"run as the user who owns it, or choose "
			  "another --name\"",
			  name, name, bcast_strerror(ret));
	return ret == -EACCES || ret == -EPERM ? EX_NOPERM : EX_CANTCREAT;
}

static int report_no_space(const char *name, uint64_t needed)
{
	uint64_t total = 0, available = 0;

	(void)bc_segment_space(&total, &available);
	log_event(LOG_LEVEL_ERROR, "start_failed",
		  "name=%s error=\"/dev/shm is too small\" needed_bytes=%llu "
		  "free_bytes=%llu size_bytes=%llu fix=\"lower --ring-size, "
		  "or enlarge it: mount -o remount,size=%lluM /dev/shm "
		  "(containers: --shm-size=%lluM)\"",
		  name, (unsigned long long)needed,
		  (unsigned long long)available, (unsigned long long)total,
		  (unsigned long long)((total + needed) >> 20) + 1,
		  (unsigned long long)(needed >> 20) + 64);
	return EX_CANTCREAT;
}

static int report_segment_error(const char *name, int error)
{
	bool denied = error == -EACCES || error == -EPERM;

	log_event(LOG_LEVEL_ERROR, "start_failed",
		  "name=%s error=\"cannot create /dev/shm/bcast.%s: %s\" "
		  "fix=\"%s\"",
		  name, name, bcast_strerror(error),
		  denied ? "it belongs to another user, or --group is not one "
			   "of ours: choose another --name, or remove it as "
			   "its owner"
			 : "see bcast-shmstat --list, and the system's limits");
	return denied ? EX_NOPERM : EX_CANTCREAT;
}

static int create_segment(struct daemon *daemon)
{
	const struct config *config = &daemon->config;
	struct bc_segment_config wanted = {
		.name = config->name,
		.capacity = config->ring_size_bytes,
		.format = BCAST_FORMAT_RAW,
		.max_receivers = config->max_receivers,
		.peer_slots = config->max_receivers + DAEMON_SENDERS_MAX,
		.mode = config->mode,
		.group = config->gid,
	};
	int ret = bc_segment_retire(config->name);

	if (ret == 1)
		log_event(LOG_LEVEL_WARN, "segment_replaced",
			  "name=%s reason=\"its daemon had died; readers are "
			  "told to reattach\"",
			  config->name);
	if (ret >= 0)
		ret = bc_segment_create(&daemon->segment, &wanted);
	if (ret == -ENOSPC)
		return report_no_space(config->name, bc_segment_size(&wanted));
	if (ret < 0)
		return report_segment_error(config->name, ret);
	daemon->counters = (struct bc_counter_shm *)(void *)daemon->segment
				   .regions[BC_REGION_COUNTERS]
				   .base;
	return 0;
}

static int create_registry(struct daemon *daemon)
{
	const struct config *config = &daemon->config;
	struct bc_registry_config wanted = {
		.name = config->name,
		.epoch = daemon->segment.control->identity.epoch,
		.node_count = config->nodes,
		.inbox_bytes = BC_INBOX_BYTES_DEFAULT,
		/* who may read the stream may join it */
		.mode = config->mode | (config->mode & 0440) >> 1,
		.group = config->gid,
	};
	int ret = bc_registry_create(&wanted);

	return ret < 0 ? report_segment_error(config->name, ret) : 0;
}

/* ---- Listeners --------------------------------------------------------- */

static const char *role_name(enum config_role role)
{
	switch (role) {
	case CONFIG_ROLE_ANY:
		return "any";
	case CONFIG_ROLE_INGEST:
		return "ingest";
	case CONFIG_ROLE_EGRESS:
		return "egress";
	}
	return "unknown";
}

static int report_listen_error(const char *address, const char *error,
			       const char *fix, int code)
{
	char quoted[300];

	log_event(LOG_LEVEL_ERROR, "start_failed",
		  "addr=%s error=\"%s\" fix=\"%s\"",
		  log_quote(address, quoted, sizeof(quoted)), error, fix);
	return code;
}

static int explain_listen_error(const struct daemon *daemon,
				const char *address, int error)
{
	char text[160];

	if (error == -EADDRINUSE)
		return report_listen_error(
			address, "the address is in use",
			"stop what listens there (ss -ltnp), or choose "
			"another port, or 0 for a free one",
			EX_UNAVAILABLE);
	if (error == -EACCES)
		return report_listen_error(address,
					   "not permitted to listen there",
					   "use a port from 1024 up, or grant "
					   "CAP_NET_BIND_SERVICE",
					   EX_NOPERM);
	if (error == -ENOENT || error == -EPERM) {
		snprintf(text, sizeof(text), "congestion control %s is not %s",
			 daemon->config.congestion,
			 error == -ENOENT ? "there" : "permitted");
		return report_listen_error(
			address, text,
			"choose one of sysctl "
			"net.ipv4.tcp_allowed_congestion_control",
			EX_UNAVAILABLE);
	}
	return report_listen_error(address, strerror(-error),
				   "give an address of this machine",
				   EX_UNAVAILABLE);
}

static const char *inherited_congestion(const struct config *config)
{
	if (strcmp(config->congestion, "auto") == 0 ||
	    strcmp(config->congestion, "system") == 0)
		return "";
	return config->congestion;
}

static int open_listener(struct daemon *daemon,
			 const struct config_listen *listen,
			 const struct bc_sockaddr *address)
{
	const struct config *config = &daemon->config;
	struct bc_listener_options options = {
		.congestion = inherited_congestion(config),
		.sndbuf_bytes = config->sndbuf_bytes,
		/* a receiver's connection brings us next to nothing */
		.rcvbuf_bytes = listen->role == CONFIG_ROLE_EGRESS
					? 0
					: config->rcvbuf_bytes,
	};
	struct sockaddr_storage bound;
	struct listener *made;
	int fd = bc_listener_open(address, &options, &bound);

	if (fd < 0)
		return fd;
	made = &daemon->listeners[daemon->listener_count++];
	made->fd = fd;
	made->role = listen->role;
	bc_sockaddr_format(&bound, made->address, sizeof(made->address));
	return 0;
}

/* An address family that this machine lacks is left out, if another works. */
static bool is_absent(int error)
{
	return error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL;
}

static int open_addresses(struct daemon *daemon,
			  const struct config_listen *listen)
{
	struct bc_sockaddr addresses[DAEMON_LISTENERS_MAX];
	uint32_t room = DAEMON_LISTENERS_MAX - daemon->listener_count;
	uint32_t before = daemon->listener_count;
	int error = 0;
	int count = bc_sockaddr_parse(listen->address, addresses, room);

	if (count < 0)
		return report_listen_error(listen->address,
					   bc_sockaddr_strerror(count),
					   "give HOST:PORT with a host that "
					   "resolves, or a numeric address",
					   EX_UNAVAILABLE);
	for (int i = 0; i < count; i++) {
		int ret = open_listener(daemon, listen, &addresses[i]);

		if (ret < 0)
			error = ret;
		if (ret < 0 && !is_absent(ret))
			return explain_listen_error(daemon, listen->address,
						    ret);
	}
	if (daemon->listener_count == before)
		return explain_listen_error(daemon, listen->address, error);
	return 0;
}

static int open_listeners(struct daemon *daemon)
{
	const struct config *config = &daemon->config;

	for (uint32_t i = 0; i < config->listen_count; i++) {
		int ret = open_addresses(daemon, &config->listens[i]);

		if (ret != 0)
			return ret;
	}
	return 0;
}

/* ---- The rest ---------------------------------------------------------- */

static int open_backend(struct daemon *daemon)
{
	char why[256] = "";
	int ret =
		bc_uring_open(&daemon->backend,
			      daemon->config.max_receivers + DAEMON_SENDERS_MAX,
			      why, sizeof(why));

	if (ret == 0)
		return 0;
	log_event(LOG_LEVEL_ERROR, "start_failed",
		  "backend=io_uring error=\"%s\"",
		  why[0] ? why : strerror(-ret));
	return EX_OSERR;
}

static int init_parts(struct daemon *daemon)
{
	const struct config *config = &daemon->config;
	uint64_t read_bytes = config_read_bytes(config->ring_size_bytes);

	daemon->limits = backpressure_limits(
		config->ring_size_bytes, read_bytes, config->max_lag_bytes,
		config->slow_policy == CONFIG_SLOW_BLOCK);
	egress_init(&daemon->egress);
	/* without it, half-closed receivers are found out when sent to */
	(void)bc_peer_socket_open(&daemon->peer_socket);
	if (bc_conn_table_init(&daemon->conns,
			       config->max_receivers + DAEMON_SENDERS_MAX) < 0)
		return EX_OSERR;
	return 0;
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

static void state_facts(struct daemon *daemon)
{
	struct bc_segment *segment = &daemon->segment;
	char key[32], value[128];

	(void)bc_facts_set(segment, "version", BCAST_VERSION);
	(void)bc_facts_set(segment, "backend", daemon->backend->ops->name);
	(void)bc_facts_set(segment, "slow_policy",
			   policy_name(daemon->config.slow_policy));
	snprintf(value, sizeof(value), "%" PRIu64,
		 daemon->config.max_lag_bytes);
	(void)bc_facts_set(segment, "max_lag_bytes", value);
	(void)bc_facts_set(segment, "congestion", daemon->config.congestion);
	for (uint32_t i = 0; i < daemon->listener_count; i++) {
		const struct listener *listener = &daemon->listeners[i];

		snprintf(key, sizeof(key), "listener_%u", i);
		snprintf(value, sizeof(value), "%s %s",
			 role_name(listener->role), listener->address);
		(void)bc_facts_set(segment, key, value);
	}
}

static void announce(struct daemon *daemon)
{
	state_facts(daemon);
	bc_segment_set_state(&daemon->segment, BC_STATE_LIVE);
	log_event(LOG_LEVEL_INFO, "backend", "name=%s",
		  daemon->backend->ops->name);
	for (uint32_t i = 0; i < daemon->listener_count; i++)
		log_event(LOG_LEVEL_INFO, "listening", "addr=%s role=%s",
			  daemon->listeners[i].address,
			  role_name(daemon->listeners[i].role));
}

int daemon_start(struct daemon *daemon, const struct config *config)
{
	int ret;

	*daemon = (struct daemon){
		.config = *config,
		.name_lock.fd = -1,
		.segment.fd = -1,
		.peer_socket.fd = -1,
	};
	raise_descriptor_limit(config->max_receivers);
	ret = bind_to_cpu(config->cpu);
	if (ret == 0)
		ret = take_name(daemon);
	if (ret == 0)
		ret = open_listeners(daemon);
	if (ret == 0)
		ret = create_segment(daemon);
	if (ret == 0)
		ret = create_registry(daemon);
	if (ret == 0)
		ret = init_parts(daemon);
	if (ret == 0)
		ret = open_backend(daemon);
	if (ret != 0) {
		daemon_stop(daemon);
		return ret;
	}
	announce(daemon);
	return 0;
}

void daemon_stop(struct daemon *daemon)
{
	bc_backend_close(daemon->backend);
	daemon->backend = NULL;
	bc_conn_table_fini(&daemon->conns);
	bc_peer_socket_close(&daemon->peer_socket);
	for (uint32_t i = 0; i < daemon->listener_count; i++)
		(void)close(daemon->listeners[i].fd);
	daemon->listener_count = 0;
	if (daemon->segment.control) {
		bc_segment_set_state(&daemon->segment, BC_STATE_CLOSED);
		(void)bc_registry_unlink(daemon->segment.name);
		(void)bc_segment_unlink(&daemon->segment);
	}
	bc_segment_close(&daemon->segment);
	bc_name_lock_drop(&daemon->name_lock);
}
