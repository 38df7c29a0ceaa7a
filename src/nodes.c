/* SPDX-License-Identifier: MIT */
/*
 * nodes.c - see nodes.h.
 *
 * A pidfd of each node's process is polled by the backend. It only says when to
 * look: whether a node is dead, the locks decide (shm/node_lock.h), and the
 * kernel drops a process's locks before its pidfd becomes readable. So a pid
 * that is a lie, or a child that has inherited its parent's slot, costs no
 * living node its slot. Nodes without a pidfd (another pid namespace, too few
 * descriptors) are asked after by the tick, in turn.
 *
 * Budgets. A question about a lock goes through a list of all of them, some 40
 * us with 4096 nodes. Between two ticks there are at most LOOKS_PER_TICK; who
 * dies beyond that is found by the tick's round.
 *
 * SIGBUS. Any node may cut the registry short at any time, and pages that are
 * gone cannot be read or written: a look at the size before helps little. So
 * all that touches these pages, here or in one of the mappings of remote nodes
 * (remote_nodes.c), runs inside guarded(), and a SIGBUS jumps out of there; the
 * registry is then given up. What else is touched inside is our own memory,
 * which raises none.
 * What the jump leaves half done is a lock on a guard byte, and that ends with
 * the descriptor. Rejected: pread() and pwrite() for each word, which would
 * need a second way to sweep, without atomic changes of the claim.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "shm/assert.h"
#include "shm/node_info.h"
#include "shm/node_sweep.h"
#include "shm/process.h"
#include "shm/text.h"
#include "src/last_words.h"
#include "src/log.h"
#include "src/nodes.h"
#include "src/remote_node.h"

#define LOOKS_PER_TICK 64u

/* ---- SIGBUS ------------------------------------------------------------ */

static sigjmp_buf escape;
static volatile sig_atomic_t may_escape;

static void on_bus_error(int number, siginfo_t *info, void *context)
{
	(void)context;
	/* only the daemon's own thread jumps */
	if (may_escape && gettid() == getpid())
		siglongjmp(escape, 1);
	last_words_leave(number, info);
}

/* Nothing is saved in the jump buffer but registers: no system call. */
static void catch_bus_errors(void)
{
	struct sigaction action = {
		.sa_sigaction = on_bus_error,
		.sa_flags = SA_SIGINFO | SA_NODEFER,
	};

	(void)sigaction(SIGBUS, &action, NULL);
}

/* What `work` returns, or BCAST_ETOOSMALL if pages were gone. */
static int guarded(int (*work)(struct daemon *, uint32_t),
		   struct daemon *daemon, uint32_t argument)
{
	int ret;

	if (sigsetjmp(escape, 0) != 0) {
		may_escape = 0;
		return BCAST_ETOOSMALL;
	}
	may_escape = 1;
	atomic_signal_fence(memory_order_seq_cst);
	ret = work(daemon, argument);
	atomic_signal_fence(memory_order_seq_cst);
	may_escape = 0;
	return ret;
}

/* ---- Polls ------------------------------------------------------------- */

static uint64_t token_of(const struct nodes *nodes,
			 const struct node_watch *watch)
{
	return bc_token_pack(BC_OP_NODE, (uint32_t)(watch - nodes->watches), 0);
}

static void close_pidfd(struct node_watch *watch)
{
	if (watch->pidfd >= 0)
		(void)close(watch->pidfd);
	watch->pidfd = -1;
}

/* The event will close it. */
static void stop_polling(struct daemon *daemon, struct node_watch *watch)
{
	if (watch->armed)
		(void)bc_backend_cancel(daemon->backend,
					token_of(&daemon->nodes, watch));
	else
		close_pidfd(watch);
}

static void stop_all_polls(struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->nodes.count; i++)
		stop_polling(daemon, &daemon->nodes.watches[i]);
}

/* ---- Come and go ------------------------------------------------------- */

static uint64_t claim_of(const struct nodes *nodes, uint32_t slot)
{
	/* pairs with the release stores of whoever joins and clears */
	return atomic_load_explicit(
		&bc_node_table_slot(&nodes->table, slot)->claim,
		memory_order_acquire);
}

/* Last, so that who sees it can rely on the rest. */
static void gauge(struct daemon *daemon)
{
	bc_counter_set(daemon->counters, BC_COUNTER_nodes,
		       daemon->nodes.joined);
}

static void gone(struct daemon *daemon, struct node_watch *watch, bool died)
{
	char quoted[4 * BCAST_NODE_ID_MAX + 3];

	watch->claim = 0;
	daemon->nodes.joined--;
	bc_counter_add(daemon->counters,
		       died ? BC_COUNTER_nodes_died : BC_COUNTER_nodes_left, 1);
	log_event(LOG_LEVEL_INFO, "node_left", "id=%s slot=%u reason=%s",
		  log_quote(watch->id, quoted, sizeof(quoted)),
		  (unsigned)(watch - daemon->nodes.watches),
		  died ? "died" : "left");
	stop_polling(daemon, watch);
	gauge(daemon);
}

/*
 * Clear the slot if its node is dead. It was the one we know if its claim is
 * still the same, since nobody can move in before the slot has been cleared.
 * Returns 1 if it was cleared, 0, or -errno.
 */
static int bury(struct daemon *daemon, uint32_t slot)
{
	struct nodes *nodes = &daemon->nodes;
	struct node_watch *watch = &nodes->watches[slot];
	uint64_t claim = claim_of(nodes, slot);
	int ret;

	if (nodes->budget == 0)
		return 0;
	nodes->budget--;
	ret = bc_node_table_is_alive(&nodes->table, slot);
	if (ret != 0)
		return ret < 0 ? ret : 0;
	ret = bc_node_sweep_slot(&nodes->table, slot);
	if (ret == 1 && watch->claim != 0 && watch->claim == claim)
		gone(daemon, watch, true);
	return ret;
}

/*
 * Poll the process that stands in the page. It is the node's if the node is
 * alive after we have it: then no other process had that pid in between.
 */
static void watch_process(struct daemon *daemon, uint32_t slot, uint32_t pid)
{
	struct nodes *nodes = &daemon->nodes;
	struct node_watch *watch = &nodes->watches[slot];

	/* no need of one for ourselves */
	if (pid == 0 || pid > INT32_MAX || remote_node_in(daemon, slot))
		return;
	watch->pidfd = pidfd_open((pid_t)pid, 0);
	if (watch->pidfd < 0)
		return;
	if (bc_node_table_is_alive(&nodes->table, slot) != 1 ||
	    claim_of(nodes, slot) != watch->claim ||
	    bc_backend_poll(daemon->backend, watch->pidfd,
			    token_of(nodes, watch)) < 0) {
		close_pidfd(watch);
		return;
	}
	watch->armed = true;
	nodes->armed++;
}

static void welcome(struct daemon *daemon, uint32_t slot, uint64_t claim)
{
	struct nodes *nodes = &daemon->nodes;
	struct node_watch *watch = &nodes->watches[slot];
	char quoted[4 * BCAST_NODE_ID_MAX + 3];
	struct bcast_node_info info;

	if (bc_node_info_read(&nodes->table, slot, true, &info) != 1 ||
	    claim_of(nodes, slot) != claim)
		return;
	watch->claim = claim;
	bc_text_set(watch->id, sizeof(watch->id), info.id);
	nodes->joined++;
	if (!nodes->inherited) {
		bc_counter_add(daemon->counters, BC_COUNTER_nodes_joined, 1);
		log_event(LOG_LEVEL_INFO, "node_joined", "id=%s slot=%u pid=%u",
			  log_quote(watch->id, quoted, sizeof(quoted)), slot,
			  info.pid);
	}
	if (info.pid_namespace == nodes->pid_namespace)
		watch_process(daemon, slot, info.pid);
	gauge(daemon);
}

/* Has anybody come or gone there? Neither dead nor alive is asked for. */
static void look(struct daemon *daemon, uint32_t slot)
{
	struct nodes *nodes = &daemon->nodes;
	struct node_watch *watch = &nodes->watches[slot];
	uint64_t claim = claim_of(nodes, slot);

	if (watch->claim != 0 && watch->claim != claim)
		gone(daemon, watch, false);
	/* a cancelled poll first gives its event, which brings us back */
	if (watch->claim != 0 || watch->armed || nodes->budget == 0 ||
	    bc_node_claim_state(claim) != BC_NODE_JOINED)
		return;
	nodes->budget--;
	welcome(daemon, slot, claim);
}

/* ---- The tick ---------------------------------------------------------- */

/* Somebody says that he came or went: compare all claims. */
static void look_at_changes(struct daemon *daemon)
{
	struct nodes *nodes = &daemon->nodes;
	uint32_t membership = atomic_load_explicit(
		&nodes->table.header->membership, memory_order_acquire);

	if (membership == nodes->membership && !nodes->unfinished)
		return;
	nodes->membership = membership;
	for (uint32_t i = 0; i < nodes->count; i++)
		look(daemon, i);
	nodes->unfinished = nodes->budget == 0;
	nodes->inherited = nodes->inherited && nodes->unfinished;
}

/* Goes round all slots, some each time, for what nobody says. */
static int look_around(struct daemon *daemon)
{
	struct nodes *nodes = &daemon->nodes;
	bool cleared = false;
	int ret = 0;

	nodes->budget = LOOKS_PER_TICK;
	for (uint32_t i = 0; i < nodes->count && i < LOOKS_PER_TICK; i++) {
		uint32_t slot = nodes->next;

		nodes->next = (slot + 1) % nodes->count;
		look(daemon, slot);
		if (nodes->watches[slot].pidfd >= 0 ||
		    remote_node_in(daemon, slot) ||
		    bc_node_claim_state(claim_of(nodes, slot)) == BC_NODE_FREE)
			continue;
		ret = bury(daemon, slot);
		if (ret < 0)
			break;
		cleared |= ret == 1;
	}
	if (cleared)
		bc_node_table_changed(&nodes->table);
	return ret < 0 ? ret : 0;
}

static int tick_inside(struct daemon *daemon, uint32_t unused)
{
	int ret = bc_node_table_is_current(&daemon->nodes.table);

	(void)unused;
	if (ret < 0)
		return ret;
	daemon->nodes.budget = LOOKS_PER_TICK;
	look_at_changes(daemon);
	ret = look_around(daemon);
	daemon->nodes.budget = LOOKS_PER_TICK;
	return ret;
}

/* ---- The poll's event -------------------------------------------------- */

static int event_inside(struct daemon *daemon, uint32_t slot)
{
	int ret = 0;

	if (daemon->nodes.watches[slot].claim != 0)
		ret = bury(daemon, slot);
	if (ret < 0)
		return ret;
	if (ret == 1)
		bc_node_table_changed(&daemon->nodes.table);
	look(daemon, slot);
	return 0;
}

/* ---- Interface --------------------------------------------------------- */

static void unwatched(struct daemon *daemon, int error)
{
	log_event(LOG_LEVEL_WARN, "nodes_unwatched",
		  "error=\"%s\" fix=\"none needed for the stream; restart the "
		  "daemon to let processes join again\"",
		  bcast_strerror(error));
	stop_all_polls(daemon);
	bc_node_table_detach(&daemon->nodes.table);
	daemon->nodes.joined = 0;
	gauge(daemon);
}

static int attach_inside(struct daemon *daemon, uint32_t unused)
{
	(void)unused;
	return bc_node_table_attach(&daemon->nodes.table, daemon->config.name,
				    true);
}

static int start(struct daemon *daemon)
{
	struct nodes *nodes = &daemon->nodes;
	uint32_t count;
	int ret;

	catch_bus_errors();
	ret = guarded(attach_inside, daemon, 0);
	if (ret < 0)
		return ret;
	count = nodes->table.geometry.node_count;
	BC_ASSERT(count > 0); /* the registry was checked */
	nodes->watches = calloc(count, sizeof(*nodes->watches));
	if (!nodes->watches)
		return -ENOMEM;
	nodes->count = count;
	for (uint32_t i = 0; i < nodes->count; i++)
		nodes->watches[i].pidfd = -1;
	nodes->pid_namespace = bc_process_pid_namespace();
	nodes->unfinished = true; /* the first look is at all */
	nodes->inherited = daemon->taking;
	return 0;
}

void nodes_start(struct daemon *daemon)
{
	int ret;

	daemon->nodes = (struct nodes){
		.table = {.fd = -1, .segment.fd = -1},
	};
	ret = start(daemon);
	if (ret < 0)
		unwatched(daemon, ret);
}

void nodes_tick(struct daemon *daemon)
{
	int ret;

	if (!daemon->nodes.table.header || daemon->phase != DAEMON_RUNNING)
		return;
	ret = guarded(tick_inside, daemon, 0);
	if (ret < 0)
		unwatched(daemon, ret);
}

bool nodes_guarded(struct daemon *daemon,
		   int (*work)(struct daemon *, uint32_t), uint32_t argument)
{
	int ret;

	if (!daemon->nodes.table.header)
		return false;
	ret = guarded(work, daemon, argument);
	if (ret < 0)
		unwatched(daemon, ret);
	return ret >= 0;
}

void nodes_on_event(struct daemon *daemon, uint32_t slot)
{
	struct node_watch *watch = &daemon->nodes.watches[slot];
	int ret;

	watch->armed = false;
	daemon->nodes.armed--;
	close_pidfd(watch);
	if (!daemon->nodes.table.header || daemon->phase != DAEMON_RUNNING)
		return;
	ret = guarded(event_inside, daemon, slot);
	if (ret < 0)
		unwatched(daemon, ret);
}

void nodes_drain(struct daemon *daemon)
{
	stop_all_polls(daemon);
}

void nodes_stop(struct daemon *daemon)
{
	struct nodes *nodes = &daemon->nodes;

	for (uint32_t i = 0; i < nodes->count; i++)
		close_pidfd(&nodes->watches[i]);
	free(nodes->watches);
	nodes->watches = NULL;
	nodes->count = 0;
	bc_node_table_detach(&nodes->table);
}

void nodes_name(const struct daemon *daemon, uint32_t slot, char *text,
		size_t size)
{
	const struct nodes *nodes = &daemon->nodes;

	if (slot < nodes->count && nodes->watches &&
	    nodes->watches[slot].claim != 0)
		bc_text_set(text, size, nodes->watches[slot].id);
	else
		(void)snprintf(text, size, "slot-%u", slot);
}
