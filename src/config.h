/* SPDX-License-Identifier: MIT */
/*
 * config.h - what the command line, the environment and a file ask bcastd to
 * do, checked and typed.
 *
 * The options are the rows of options.def and nothing else: names, defaults,
 * ranges, --help, error texts and the manual's list come from there. What is
 * checked here is what the words say; whether a port is free, a name resolves
 * or a congestion control exists is found by those who use it.
 */
#ifndef SRC_CONFIG_H
#define SRC_CONFIG_H

#include <bcast/bcast.h>
#include "src/log.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CONFIG_LISTEN_MAX 16 /* addresses of all kinds together */
#define CONFIG_READ_MAX	  (UINT64_C(1) << 20)

enum config_role {
	CONFIG_ROLE_ANY,    /* --listen: the first is the sender */
	CONFIG_ROLE_INGEST, /* --ingest: senders */
	CONFIG_ROLE_EGRESS, /* --egress: receivers */
	CONFIG_ROLE_PACKET, /* --packet: clients of the protocol in packet.h */
	CONFIG_ROLE_ECHO,   /* --echo: clients that get back what they send */
	CONFIG_ROLE_ADMIN,  /* --admin: HTTP, served by a thread of its own */
};

enum config_reassign {
	CONFIG_REASSIGN_NEW, /* the next new connection becomes the sender */
	CONFIG_REASSIGN_ANY, /* or a receiver that starts to send */
};

enum config_slow_policy {
	CONFIG_SLOW_DISCONNECT,
	CONFIG_SLOW_BLOCK,
	CONFIG_SLOW_SKIP,
};

enum config_format {
	CONFIG_FORMAT_RAW,
	CONFIG_FORMAT_PACKET,
};

enum config_publishers {
	CONFIG_PUBLISHERS_ONE,
	CONFIG_PUBLISHERS_MANY,
};

enum config_backend {
	CONFIG_BACKEND_AUTO,
	CONFIG_BACKEND_IO_URING,
	CONFIG_BACKEND_EPOLL,
};

enum config_zerocopy {
	CONFIG_ZEROCOPY_AUTO,
	CONFIG_ZEROCOPY_ON,
	CONFIG_ZEROCOPY_OFF,
};

enum config_echo {
	CONFIG_ECHO_IMMEDIATE,
	CONFIG_ECHO_BATCH,
};

enum config_rate {
	CONFIG_RATE_INGEST,  /* bytes */
	CONFIG_RATE_RECORDS, /* put in */
	CONFIG_RATE_EGRESS,  /* bytes */
	CONFIG_RATES,
};

/* user_timeout_ms, while it depends on the policy. */
#define CONFIG_AUTO UINT32_MAX

/* An address, and what holds for who comes in there. */
struct config_listen {
	enum config_role role;
	char address[256]; /* for bc_sockaddr_parse() */
	bool has_options;  /* of its own; the rest is as in struct config */
	enum config_slow_policy slow_policy;
	uint64_t max_lag_bytes;
	uint32_t send_timeout_ms;     /* 0: none */
	uint64_t rates[CONFIG_RATES]; /* a second and each; 0: no limit, or
					 nobody comes in there who has it */
	uint32_t sndbuf_bytes;
	uint32_t rcvbuf_bytes;
	uint32_t keepalive_ms;	  /* 0: none */
	uint32_t user_timeout_ms; /* 0: the system's */
	char congestion[16];
};

struct config {
	char name[BCAST_NAME_MAX + 1];
	bool takeover; /* from the running daemon of that name: upgrade.h */
	/* In the order given; at least one that is not for --admin. */
	struct config_listen listens[CONFIG_LISTEN_MAX];
	uint32_t listen_count;
	uint64_t ring_size_bytes;  /* a power of two */
	uint32_t nodes;		   /* slots of the registry */
	uint64_t inbox_size_bytes; /* of each; a power of two */
	enum config_format format;
	enum config_publishers publishers;
	uint32_t max_receivers;
	enum config_reassign reassign;
	enum config_slow_policy slow_policy;
	uint64_t max_lag_bytes; /* a percentage has been resolved */
	uint32_t send_timeout_ms;
	uint64_t rates[CONFIG_RATES];
	uint32_t drain_timeout_ms;
	uint32_t hello_timeout_ms; /* for a client's HELLO */
	uint32_t heartbeat_ms;	   /* we are silent for no longer; clients */
	uint32_t idle_timeout_ms;  /* who is silent for so long has gone */
	uint32_t keepalive_ms;
	uint32_t user_timeout_ms; /* CONFIG_AUTO if not given */
	enum config_backend backend;
	enum config_zerocopy zerocopy;
	uint32_t egress_threads; /* 0: the daemon's own thread serves all */
	char congestion[16];	 /* "auto", "system" or a name */
	uint32_t sndbuf_bytes;	 /* 0: the system's choice */
	uint32_t rcvbuf_bytes;	 /* likewise */
	uint32_t busy_poll_us;	 /* 0: sleep at once */
	int cpu;		 /* -1: not bound */
	int numa_node;		 /* -1: any */
	uint32_t mode;		 /* permission bits of the segment */
	char group[32];		 /* as given; "" for none */
	gid_t gid;		 /* of that group; (gid_t)-1 for none */
	enum config_echo echo_mode;
	uint32_t echo_batch_delay_us; /* 0: within a turn of the loop */
	uint64_t echo_max_bytes;      /* of a payload */
	uint64_t echo_budget_bytes;   /* owed to a client */
	uint32_t echo_max_clients;
	enum log_level log_level;
	enum log_format log_format;
	enum log_time log_time;
	char log_file[256]; /* "" for standard error */
	uint64_t log_rotate_bytes;
	uint32_t log_keep;
	uint32_t log_rate; /* lines a second and event */
	char config_file[256];
};

/* config_role_receives - do receivers come in there? */
bool config_role_receives(enum config_role role);

/* config_role_count - how many addresses have that role. */
uint32_t config_role_count(const struct config *config, enum config_role role);
/*
 * config_least_lag - the least --max-lag of all addresses where receivers come
 * in: nobody is to be too slow before the sender has been slowed down.
 */
uint64_t config_least_lag(const struct config *config);

/* config_echo_clients - how many can come; 0 where there is no --echo. */
uint32_t config_echo_clients(const struct config *config);

/*
 * config_has_clients - is there a --packet address? Its clients are received by
 * the daemon's own thread, also where egress threads serve subscribers.
 */
bool config_has_clients(const struct config *config);

/*
 * config_read_bytes - the most that is read from the sender at once into a
 * ring of this size. Part of the rules for --max-lag: what a receiver may lag
 * plus one read fits the ring, and one read alone makes nobody too slow.
 */
uint64_t config_read_bytes(uint64_t ring_size_bytes);

#endif
