/* SPDX-License-Identifier: MIT */
/*
 * What a faulty local process can do to nodes beyond TCP: who is hit is told,
 * comes again, and all is well; the daemon and the stream do not care.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "remote_stage.h"

#include "shm/inbox_pages.h"
#include "shm/node_table.h"
#include "shm/notify.h"

static struct bc_node_table table;
static struct bc_inbox inbox;

static int prepare(void **state)
{
	table = (struct bc_node_table){.fd = -1, .segment.fd = -1};
	inbox = (struct bc_inbox){0};
	return remote_stage_open(state);
}

static int close_all(void **state)
{
	bc_inbox_unmap(&inbox);
	bc_node_table_detach(&table);
	return remote_stage_close(state);
}

/* A local node in slot 0, one beyond TCP in slot 1, and its pages. */
static struct bcast_node *start(void)
{
	struct bcast_node *here;

	remote_start(NULL, NULL, NULL, NULL);
	here = local_join(0, "here");
	remote_join(&remotes[0], "there");
	assert_int_equal(bc_node_table_attach(&table, daemon_.name, true), 0);
	assert_int_equal(bc_inbox_map(&inbox, &table, 1), 0);
	return here;
}

static void exchange(struct bcast_node *here, struct client *client)
{
	assert_int_equal(bcast_send(here, "there", 1, "down", 4, DEADLINE_MS),
			 0);
	remote_expect(client, "here", 1, "down", 4);
	remote_send(client, "here", 2, 1, "up", 2);
	assert_int_equal(remote_result(client, 1), 0);
	local_expect(here, "there", 2, "up", 2);
}

static void client_whose_slot_is_overwritten_comes_again(void **state)
{
	struct bcast_node *here = start();

	(void)state;
	atomic_store(&bc_node_table_slot(&table, 1)->claim, UINT64_MAX);

	client_expect_reject(&remotes[0], BCAST_REJECT_LIMIT);
	remote_join(&remotes[1], "there");
	exchange(here, &remotes[1]);
	daemon_fixture_stop(&daemon_);
}

static void inbox_that_is_overwritten_is_repaired(void **state)
{
	struct bcast_node *here = start();

	(void)state;
	exchange(here, &remotes[0]);
	atomic_fetch_add(&inbox.shm->tail, UINT64_C(1) << 40);
	atomic_fetch_add(&inbox.shm->count, 1);
	(void)bc_notify_wake(&inbox.shm->count);
	daemon_fixture_await_at_least(&daemon_, "messages_lost", 1);

	exchange(here, &remotes[0]);
	daemon_fixture_stop(&daemon_);
}

/* Whatever comes of it for this node, it ends with the node. */
static void scribble(struct bcast_node *here)
{
	bc_u64 *words = (bc_u64 *)(void *)inbox.shm;

	for (unsigned i = 0; i < 500; i++) {
		size_t at = (size_t)random() % (i % 2 == 0 ? 48 : 1024);

		atomic_store(&words[at], (uint64_t)random() << (i % 33));
		(void)bcast_send(here, "there", 1, "x", 1, 0);
		atomic_fetch_add(&inbox.shm->count, 1);
		(void)bc_notify_wake(&inbox.shm->count);
	}
}

static void daemon_outlives_any_scribbling(void **state)
{
	struct bcast_node *here = start();

	(void)state;
	for (unsigned round = 0; round < 5; round++) {
		scribble(here);
		client_close(&remotes[0]);
		daemon_fixture_await(&daemon_, "remote_nodes", 0);
		remote_join(&remotes[0], "there");
		exchange(here, &remotes[0]);
	}
	daemon_fixture_stop(&daemon_);
}

static void registry_that_is_cut_short_ends_remote_nodes_only(void **state)
{
	struct bc_hello hello = remote_hello("r2");
	char path[128];

	(void)state;
	remote_start(NULL, NULL, NULL, NULL);
	remote_join(&remotes[0], "r1");
	client_join(&remotes[1], &daemon_, BCAST_CLIENT_SUBSCRIBE);
	snprintf(path, sizeof(path), "/dev/shm/bcast.%s.nodes", daemon_.name);

	assert_int_equal(truncate(path, 4096), 0);

	client_expect_reject(&remotes[0], BCAST_REJECT_ROLE);
	remote_refused(&hello, BCAST_REJECT_ROLE);
	client_say(&remotes[1],
		   &(struct bcast_packet_header){.type = BCAST_PACKET_PING},
		   NULL);
	client_expect(&remotes[1], BCAST_PACKET_PONG);
	daemon_fixture_stop(&daemon_);
}

#define REMOTE_TEST(f) cmocka_unit_test_setup_teardown(f, prepare, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REMOTE_TEST(client_whose_slot_is_overwritten_comes_again),
		REMOTE_TEST(inbox_that_is_overwritten_is_repaired),
		REMOTE_TEST(daemon_outlives_any_scribbling),
		REMOTE_TEST(registry_that_is_cut_short_ends_remote_nodes_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
