/* SPDX-License-Identifier: MIT */
/*
 * test_memory.c - the memory that a daemon gets and what it says of it: a
 * /dev/shm that is too small, that others could harm, or that has huge pages,
 * each mounted over the real one in a mount namespace of our own. Needs root;
 * else skipped.
 */
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "crowd_stage.h"
#include "shm/registry.h"
#include "shm/segment.h"

#define SKIPPED	       77
#define SENDERS_MAX    16u /* as in src/daemon.h */
#define RECEIVERS      4u
#define RECEIVERS_TEXT "4"
#define HUGE_RING      (UINT64_C(8) << 20)

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define LISTEN	     "--listen", "127.0.0.1:0", "--max-receivers", RECEIVERS_TEXT

static bool mounted;

static void mount_shm(const char *options)
{
	assert_int_equal(mount("test", "/dev/shm", "tmpfs", 0, options), 0);
	mounted = true;
}

static void unmount_shm(void)
{
	if (mounted)
		(void)umount2("/dev/shm", MNT_DETACH);
	mounted = false;
}

static int close_all(void **state)
{
	int ret;

	crowd_close(&crowd);
	ret = daemon_fixture_cleanup(state);
	unmount_shm();
	return ret;
}

static void assert_logged(const char *text)
{
	if (!strstr(daemon_fixture_log(&daemon_), text))
		fail_msg("no '%s' in: %s", text, daemon_.log);
}

static void assert_not_logged(const char *text)
{
	if (strstr(daemon_fixture_log(&daemon_), text))
		fail_msg("'%s' in: %s", text, daemon_.log);
}

static void assert_nothing_left(void)
{
	assert_false(test_object_exists(daemon_.name, ""));
	assert_false(test_object_exists(daemon_.name, ".nodes"));
	assert_false(test_object_exists(daemon_.name, ".lock"));
}

/* ---- Too small --------------------------------------------------------- */

static void assert_refused_in(const char *mount_options,
			      const char *const options[], const char *words)
{
	mount_shm(mount_options);
	daemon_fixture_launch(&daemon_, options);
	assert_int_equal(daemon_fixture_wait(&daemon_), EX_CANTCREAT);
	assert_logged("error start_failed name=");
	assert_logged("/dev/shm is too small");
	assert_logged(words);
	assert_nothing_left();
	daemon_fixture_forget(&daemon_);
	unmount_shm();
}

static void default_ring_in_a_container_is_refused_with_what_fits(void **state)
{
	(void)state;
	assert_refused_in(
		"size=64M", OPTIONS("--listen", "127.0.0.1:0"),
		"too small: --ring-size 32M would fit; or enlarge it");
	assert_refused_in("size=64M", OPTIONS("--listen", "127.0.0.1:0"),
			  "fix=\"mount -o remount,size=32");
	assert_refused_in("size=64M", OPTIONS("--listen", "127.0.0.1:0"),
			  "docker run --shm-size=32");

	/* and it does */
	mount_shm("size=64M");
	daemon_fixture_start(&daemon_, OPTIONS("--listen", "127.0.0.1:0",
					       "--ring-size", "32M"));
	daemon_fixture_stop(&daemon_);
}

static uint64_t needed_for(uint64_t ring)
{
	const struct bc_segment_config config = {
		.capacity = ring,
		.peer_slots = RECEIVERS + SENDERS_MAX,
	};

	return bc_segment_size(&config) + bc_registry_size(BC_NODES_DEFAULT);
}

static void it_fits_to_the_page(void **state)
{
	const uint64_t needed = needed_for(1 << 20);
	const uint64_t half = needed_for(1 << 19);
	const uint64_t least = needed_for(BCAST_RING_MIN);
	const char *const *options = OPTIONS("--ring-size", "1M", LISTEN);
	char size[64];

	(void)state;
	for (uint64_t room = needed; room <= needed + BC_PAGE;
	     room += BC_PAGE) {
		snprintf(size, sizeof(size), "size=%llu",
			 (unsigned long long)room);
		mount_shm(size);
		daemon_fixture_start(&daemon_, options);
		daemon_fixture_stop(&daemon_);
		unmount_shm();
	}
	snprintf(size, sizeof(size), "size=%llu",
		 (unsigned long long)(needed - BC_PAGE));
	assert_refused_in(size, options, "--ring-size 512K would fit");
	snprintf(size, sizeof(size), "size=%llu", (unsigned long long)half);
	assert_refused_in(size, options, "--ring-size 512K would fit");
	snprintf(size, sizeof(size), "size=%llu",
		 (unsigned long long)(half - BC_PAGE));
	assert_refused_in(size, options, "--ring-size 256K would fit");
	snprintf(size, sizeof(size), "size=%llu", (unsigned long long)least);
	assert_refused_in(size, options, "--ring-size 64K would fit");
	snprintf(size, sizeof(size), "size=%llu",
		 (unsigned long long)(least - BC_PAGE));
	assert_refused_in(size, options, "too small: enlarge it (c");
}

static void dead_daemon_s_segment_outlives_a_ring_that_cannot_be(void **state)
{
	struct bcast_reader *reader;
	char name[32];

	(void)state;
	mount_shm("size=16M");
	daemon_fixture_start(&daemon_, OPTIONS("--ring-size", "1M", LISTEN));
	snprintf(name, sizeof(name), "%s", daemon_.name);
	crowd_send_from(&crowd, "any");
	crowd_send(&crowd, 1000);
	crowd_settle(&crowd);
	daemon_fixture_await(&daemon_, "bytes_in", 1000);
	assert_int_equal(kill(daemon_.pid, SIGKILL), 0);
	assert_int_equal(daemon_fixture_wait(&daemon_), 128 + SIGKILL);
	daemon_fixture_forget(&daemon_);

	memcpy(daemon_.name, name, sizeof(name));
	daemon_fixture_launch(&daemon_, OPTIONS("--ring-size", "16M", LISTEN));
	assert_int_equal(daemon_fixture_wait(&daemon_), EX_CANTCREAT);
	assert_logged("--ring-size 8M would fit");
	daemon_fixture_forget(&daemon_);

	/* what there was can still be read, and adopted */
	assert_int_equal(bcast_attach(name, NULL, &reader), 0);
	assert_int_equal(bcast_position(reader), 1000);
	bcast_detach(reader);
	memcpy(daemon_.name, name, sizeof(name));
	daemon_fixture_start(&daemon_, OPTIONS("--ring-size", "1M", LISTEN));
	assert_logged("segment_adopted");
	daemon_fixture_stop(&daemon_);
}

static void room_of_the_dead_is_counted_as_free(void **state)
{
	char name[32];

	(void)state;
	mount_shm("size=16M");
	daemon_fixture_start(&daemon_, OPTIONS("--ring-size", "8M", LISTEN));
	snprintf(name, sizeof(name), "%s", daemon_.name);
	assert_int_equal(kill(daemon_.pid, SIGKILL), 0);
	assert_int_equal(daemon_fixture_wait(&daemon_), 128 + SIGKILL);
	daemon_fixture_forget(&daemon_);

	memcpy(daemon_.name, name, sizeof(name));
	daemon_fixture_start(&daemon_, OPTIONS("--ring-size", "8M", "--listen",
					       "127.0.0.1:0"));

	assert_logged("segment_replaced");
	daemon_fixture_stop(&daemon_);
}

/* ---- The place --------------------------------------------------------- */

static void dev_shm_without_sticky_bit_is_warned_of(void **state)
{
	(void)state;
	mount_shm("size=16M,mode=0777");
	daemon_fixture_start(&daemon_, OPTIONS("--ring-size", "1M", LISTEN));
	assert_logged("warn dev_shm mode=0777 error=\"any user can remove");
	assert_logged("fix=\"chmod 1777 /dev/shm\"");
	daemon_fixture_stop(&daemon_);
	unmount_shm();

	mount_shm("size=16M,mode=0755");
	daemon_fixture_start(&daemon_, OPTIONS("--ring-size", "1M", LISTEN));
	assert_not_logged("warn ");
	daemon_fixture_stop(&daemon_);
	unmount_shm();

	mount_shm("size=16M,mode=1777");
	daemon_fixture_start(&daemon_, OPTIONS("--ring-size", "1M", LISTEN));
	assert_not_logged("warn ");
	daemon_fixture_stop(&daemon_);
}

static void be_nobody(void *argument)
{
	(void)argument;
	if (setgroups(0, NULL) < 0 || setgid(65534) < 0 || setuid(65534) < 0)
		_exit(SKIPPED);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static void dev_shm_that_is_closed_to_the_daemon_is_told(void **state)
{
	(void)state;
	mount_shm("size=16M,mode=0755");
	daemon_.in_child = be_nobody;
	daemon_fixture_launch(&daemon_, OPTIONS("--ring-size", "1M", LISTEN));

	assert_int_equal(daemon_fixture_wait(&daemon_), EX_NOPERM);
	assert_logged(".lock kind=nothing ");
	assert_logged("fix=\"let this user write to /dev/shm: chmod 1777");
	daemon_fixture_forget(&daemon_);
}

static void dev_shm_on_a_disk_is_warned_of(void **state)
{
	char directory[] = "/var/tmp/bcast-disk-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(directory));
	assert_int_equal(mount(directory, "/dev/shm", NULL, MS_BIND, NULL), 0);
	mounted = true;

	daemon_fixture_start(&daemon_, OPTIONS("--ring-size", "64K", LISTEN));
	assert_logged("error=\"/dev/shm is not a tmpfs");
	daemon_fixture_stop(&daemon_);
	unmount_shm();
	assert_int_equal(rmdir(directory), 0);
}

/* ---- systemd-logind ---------------------------------------------------- */

#define REGULAR_USER 54321

/* A machine with logind and without any configuration of its own. */
static void with_logind(void *argument)
{
	(void)argument;
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount("test", "/run/systemd", "tmpfs", 0, "mode=755") < 0 ||
	    mount("test", "/etc/systemd", "tmpfs", 0, "mode=755") < 0 ||
	    mkdir("/run/systemd/system", 0755) < 0 ||
	    mkdir("/run/systemd/users", 0755) < 0)
		_exit(SKIPPED);
	if (setgid(REGULAR_USER) < 0 || setuid(REGULAR_USER) < 0)
		_exit(SKIPPED);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static void regular_user_is_warned_of_logind(void **state)
{
	(void)state;
	if (access("/run/systemd", F_OK) < 0 ||
	    access("/etc/systemd", F_OK) < 0)
		skip();
	daemon_.in_child = with_logind;
	daemon_fixture_start(&daemon_, OPTIONS("--ring-size", "1M", LISTEN));

	assert_int_equal(daemon_fixture_logged(&daemon_, "warn "), 1);
	assert_logged("warn ipc_removal uid=54321 error=\"systemd-logind ");
	assert_logged("fix=\"loginctl enable-linger 54321\"");
	daemon_fixture_stop(&daemon_);
}

/* ---- Huge pages, NUMA -------------------------------------------------- */

static const char *fact(const char *key)
{
	static struct bcast_fact found;
	struct bcast_monitor *monitor;
	uint32_t next = 0;
	int ret;

	assert_int_equal(bcast_monitor_open(daemon_.name, &monitor), 0);
	do
		ret = bcast_monitor_fact(monitor, &next, &found);
	while (ret == 1 && strcmp(found.key, key) != 0);
	bcast_monitor_close(monitor);
	if (ret != 1)
		fail_msg("no fact %s", key);
	return found.value;
}

static void ring_without_huge_pages_says_so_and_why(void **state)
{
	(void)state;
	mount_shm("size=32M,huge=never");

	daemon_fixture_start(&daemon_, OPTIONS("--ring-size", "8M", LISTEN));

	assert_logged("info ring_memory bytes=8388608 huge_bytes=0 numa_node=");
	assert_logged(" shm_huge=never ");
	assert_logged(" why=\"");
	assert_string_equal(fact("huge_page_bytes"), "0");
	daemon_fixture_stop(&daemon_);
}

static void assert_huge(const char *option)
{
	char mount_options[64], line[64];
	uint64_t huge_bytes;

	snprintf(mount_options, sizeof(mount_options), "size=64M,huge=%s",
		 option);
	if (mount("test", "/dev/shm", "tmpfs", 0, mount_options) < 0)
		skip(); /* a kernel without them */
	mounted = true;
	daemon_fixture_start(&daemon_, OPTIONS("--ring-size", "8M", LISTEN));
	snprintf(line, sizeof(line), " shm_huge=%s ", option);
	assert_logged(line);
	huge_bytes = strtoull(fact("huge_page_bytes"), NULL, 10);
	snprintf(line, sizeof(line), " huge_bytes=%llu ",
		 (unsigned long long)huge_bytes);
	assert_logged(line);
	/* the kernel may have run out, or deny them: then it says so */
	if (huge_bytes < HUGE_RING)
		assert_logged(" why=\"");
	else
		assert_not_logged(" why=");
	print_message("huge=%s gave %llu of %llu bytes\n", option,
		      (unsigned long long)huge_bytes,
		      (unsigned long long)HUGE_RING);

	crowd_send_from(&crowd, "any");
	(void)crowd_read_local(&crowd);
	(void)crowd_receive(&crowd);
	crowd_send(&crowd, 3 * HUGE_RING);
	crowd_settle(&crowd);
	crowd_close(&crowd);
	daemon_fixture_stop(&daemon_);
}

static void ring_takes_huge_pages_that_are_always_there(void **state)
{
	(void)state;
	assert_huge("always");
}

static void ring_takes_huge_pages_that_must_be_asked_for(void **state)
{
	(void)state;
	assert_huge("advise");
}

static void ring_s_node_is_told_to_readers(void **state)
{
	struct bcast_reader *reader;
	char node[16];

	(void)state;
	daemon_fixture_start(&daemon_, OPTIONS("--ring-size", "1M", LISTEN));

	assert_int_equal(bcast_attach(daemon_.name, NULL, &reader), 0);
	snprintf(node, sizeof(node), "%d", bcast_ring_node(reader));
	if (bcast_ring_node(reader) < 0)
		snprintf(node, sizeof(node), "unknown");
	bcast_detach(reader);
	if (strcmp(fact("numa_node"), "mixed") != 0)
		assert_string_equal(fact("numa_node"), node);
	daemon_fixture_stop(&daemon_);
}

static bool has_one_node(void)
{
	FILE *file = fopen("/sys/devices/system/node/online", "re");
	char line[64] = "";

	if (file) {
		(void)fgets(line, sizeof(line), file);
		(void)fclose(file);
	}
	return strcmp(line, "0\n") == 0;
}

static void only_node_of_a_machine_is_no_choice(void **state)
{
	char name[32];

	(void)state;
	if (!has_one_node())
		skip();
	daemon_fixture_start(&daemon_, OPTIONS("--ring-size", "1M",
					       "--numa-node", "0", LISTEN));
	assert_logged("info numa_node node=0 placed=no reason=\"");
	snprintf(name, sizeof(name), "%s", daemon_.name);
	assert_int_equal(kill(daemon_.pid, SIGKILL), 0);
	assert_int_equal(daemon_fixture_wait(&daemon_), 128 + SIGKILL);
	daemon_fixture_forget(&daemon_);

	/* nor is an adopted segment moved */
	memcpy(daemon_.name, name, sizeof(name));
	daemon_fixture_start(&daemon_, OPTIONS("--ring-size", "1M",
					       "--numa-node", "0", LISTEN));
	assert_logged("placed=no reason=\"an adopted segment stays");
	daemon_fixture_stop(&daemon_);
}

static void node_that_is_not_there_is_refused(void **state)
{
	(void)state;
	daemon_fixture_launch(&daemon_, OPTIONS("--ring-size", "1M",
						"--numa-node", "1023", LISTEN));

	assert_int_equal(daemon_fixture_wait(&daemon_), EX_UNAVAILABLE);
	assert_logged("error start_failed option=--numa-node value=1023 ");
	assert_logged("fix=");
	assert_nothing_left();
	daemon_fixture_forget(&daemon_);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, crowd_stage_open, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(default_ring_in_a_container_is_refused_with_what_fits),
		TEST(it_fits_to_the_page),
		TEST(dead_daemon_s_segment_outlives_a_ring_that_cannot_be),
		TEST(room_of_the_dead_is_counted_as_free),
		TEST(dev_shm_without_sticky_bit_is_warned_of),
		TEST(dev_shm_that_is_closed_to_the_daemon_is_told),
		TEST(dev_shm_on_a_disk_is_warned_of),
		TEST(regular_user_is_warned_of_logind),
		TEST(ring_without_huge_pages_says_so_and_why),
		TEST(ring_takes_huge_pages_that_are_always_there),
		TEST(ring_takes_huge_pages_that_must_be_asked_for),
		TEST(ring_s_node_is_told_to_readers),
		TEST(only_node_of_a_machine_is_no_choice),
		TEST(node_that_is_not_there_is_refused),
	};

	if (unshare(CLONE_NEWNS) < 0 ||
	    mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		print_message("no mount namespace of our own: skipped\n");
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
