/* SPDX-License-Identifier: MIT */
/* upgrade_stage.c - see upgrade_stage.h. */
#include <string.h>

#include "upgrade_stage.h"

static struct daemon_fixture daemons[2];
struct daemon_fixture *daemon_now;

void upgrade_stage_start(const char *const options[])
{
	memset(daemons, 0, sizeof(daemons));
	daemon_now = &daemons[0];
	daemon_fixture_start(daemon_now, options);
}

static struct daemon_fixture *launch(const char *const options[])
{
	const char *all[DAEMON_FIXTURE_OPTIONS] = {"--takeover"};
	struct daemon_fixture *next =
		&daemons[daemon_now == &daemons[0] ? 1 : 0];

	for (unsigned i = 0; options[i]; i++)
		all[i + 1] = options[i];
	*next = (struct daemon_fixture){.pid = 0};
	memcpy(next->name, daemon_now->name, sizeof(next->name));
	daemon_fixture_launch(next, all);
	return next;
}

struct awaited {
	struct daemon_fixture *daemon;
	const char *text;
	void (*move)(void);
};

static bool has_said(void *argument)
{
	const struct awaited *awaited = argument;

	if (awaited->move)
		awaited->move();
	return daemon_fixture_logged(awaited->daemon, awaited->text) > 0;
}

void upgrade_stage_take(const char *const options[], void (*move)(void))
{
	struct daemon_fixture *old = daemon_now;
	struct daemon_fixture *next = launch(options);
	struct awaited taken = {next, "info upgrade_taken ", move};

	if (!test_within(DEADLINE_MS, has_said, &taken))
		fail_msg("no upgrade; the new one:\n%s\nthe old one:\n%s",
			 next->log, daemon_fixture_log(old));
	daemon_now = next;
	daemon_fixture_await_log(next, "info listening ", 1);
	assert_int_equal(daemon_fixture_wait(old), 0);
	assert_int_equal(daemon_fixture_logged(old, "error "), 0);
	assert_int_equal(daemon_fixture_logged(old, "info upgrade_given "), 1);
	daemon_fixture_forget(old);
}

int upgrade_stage_try(const char *const options[], void (*move)(void))
{
	struct daemon_fixture *next = launch(options);
	struct awaited failed = {next, "error ", move};
	int code;

	if (!test_within(DEADLINE_MS, has_said, &failed))
		fail_msg("it did not fail:\n%s", next->log);
	code = daemon_fixture_wait(next);
	daemon_fixture_forget(next);
	return code;
}

int upgrade_stage_close(void **state)
{
	return daemon_fixture_cleanup(state);
}
