/* SPDX-License-Identifier: MIT */
/* Which kernels zero copy is trusted to, and the try at start. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "support.h"

#include "net/zerocopy.h"

static void kernels_with_the_bug_are_refused_and_others_are_not(void **state)
{
	static const struct {
		const char *release;
		bool sound;
	} table[] = {
		{"6.1.0-25-amd64", true},
		{"6.1-rc1", true},
		{"6.9.12", true},
		{"6.9.2000", true},
		{"6.10.0", false},
		{"6.11.0-9-generic", false},
		{"6.12", false},
		{"6.12.47", false},
		{"6.12.48", true},
		{"6.12.48+deb13-amd64", true},
		{"6.12.101", true},
		{"6.13.0", false},
		{"6.14.11", false},
		{"6.15.9999", false},
		{"6.16.7", false},
		{"6.16.8", true},
		{"6.17.0-rc1", true},
		{"6.18.44-fc-v669", true},
		{"7.0.0", true},
		{"", false},
		{"6", false},
		{"unknown", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (bc_zerocopy_is_sound(table[i].release) != table[i].sound)
			fail_msg("%s", table[i].release);
}

/* ---- A backend that answers as told ------------------------------------ */

/* What comes of the one send: events in order, flags 0 and result 1 to end. */
static struct bc_event answers[3];
static unsigned answered;

static int fake_send_zc(struct bc_backend *backend, int fd, const void *bytes,
			size_t size, uint64_t token)
{
	(void)backend;
	(void)fd;
	(void)bytes;
	(void)size;
	for (unsigned i = 0; i < 3; i++)
		answers[i].token = token;
	return 0;
}

static int fake_wait(struct bc_backend *backend, struct bc_event *events,
		     unsigned max, int64_t timeout_ns, const sigset_t *mask)
{
	(void)backend;
	(void)timeout_ns;
	(void)mask;
	assert_int_equal(max, 1);
	assert_true(answered < 3);
	events[0] = answers[answered++];
	return 1;
}

static const struct bc_backend_ops fake_ops = {
	.name = "fake",
	.send_zc = fake_send_zc,
	.wait = fake_wait,
};

/* The version is judged before the try. */
static void skip_on_unsound_kernel(void)
{
	struct utsname system;

	(void)uname(&system);
	if (!bc_zerocopy_is_sound(system.release))
		skip();
}

static int check_with(const struct bc_event *first,
		      const struct bc_event *second, uint32_t *features,
		      char *why, size_t size)
{
	struct bc_backend backend = {
		.ops = &fake_ops,
		.features = BC_BACKEND_ZEROCOPY,
	};
	int ret;

	answers[0] = *first;
	if (second)
		answers[1] = *second;
	answered = 0;
	ret = bc_zerocopy_check(&backend, why, size);
	*features = backend.features;
	return ret;
}

static const struct bc_event notified = {.flags = BC_EVENT_NOTIF};

static void send_that_is_notified_of_passes(void **state)
{
	const struct bc_event result = {.result = 4096, .flags = BC_EVENT_MORE};
	uint32_t features;
	char why[256];

	(void)state;
	skip_on_unsound_kernel();
	assert_int_equal(
		check_with(&result, &notified, &features, why, sizeof(why)), 0);
	assert_int_equal(features, BC_BACKEND_ZEROCOPY);
	assert_int_equal(answered, 2);
}

static void refused_flag_is_an_old_kernel(void **state)
{
	const struct bc_event result = {.result = -EINVAL};
	uint32_t features;
	char why[256];

	(void)state;
	skip_on_unsound_kernel();
	assert_int_equal(check_with(&result, NULL, &features, why, sizeof(why)),
			 -EINVAL);
	assert_int_equal(features, 0);
	assert_non_null(strstr(why, "6.2 or newer"));
}

/* Errors are notified of too: both are taken, or the second comes later. */
static void failure_with_a_notification_takes_both(void **state)
{
	const struct bc_event result = {.result = -EINVAL,
					.flags = BC_EVENT_MORE};
	uint32_t features;
	char why[256];

	(void)state;
	skip_on_unsound_kernel();
	assert_int_equal(
		check_with(&result, &notified, &features, why, sizeof(why)),
		-EINVAL);
	assert_int_equal(answered, 2);
}

static void too_little_memory_to_lock_is_no_reason(void **state)
{
	const struct bc_event result = {.result = -ENOMEM};
	uint32_t features;
	char why[256];

	(void)state;
	skip_on_unsound_kernel();
	assert_int_equal(check_with(&result, NULL, &features, why, sizeof(why)),
			 0);
	assert_int_equal(features, BC_BACKEND_ZEROCOPY);
}

static void backend_without_it_is_named(void **state)
{
	struct bc_backend backend = {.ops = &fake_ops};
	char why[256];

	(void)state;
	assert_true(bc_zerocopy_check(&backend, why, sizeof(why)) < 0);
	assert_non_null(strstr(why, "fake"));
}

static void this_kernel_passes_or_says_why_not(void **state)
{
	struct bc_backend *backend;
	struct bc_event event;
	sigset_t mask;
	char why[256] = "";

	(void)state;
	if (bc_uring_open(&backend, 8, 0, why, sizeof(why)) < 0)
		skip();
	(void)sigprocmask(SIG_BLOCK, NULL, &mask);
	if (bc_zerocopy_check(backend, why, sizeof(why)) < 0) {
		print_message("no zero copy here: %s\n", why);
		assert_true(why[0] != '\0');
		assert_int_equal(backend->features & BC_BACKEND_ZEROCOPY, 0);
	} else {
		assert_true((backend->features & BC_BACKEND_ZEROCOPY) != 0);
	}
	/* it leaves nothing in flight */
	assert_int_equal(bc_backend_wait(backend, &event, 1, 1000000, &mask),
			 0);
	bc_backend_close(backend);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			kernels_with_the_bug_are_refused_and_others_are_not),
		cmocka_unit_test(send_that_is_notified_of_passes),
		cmocka_unit_test(refused_flag_is_an_old_kernel),
		cmocka_unit_test(failure_with_a_notification_takes_both),
		cmocka_unit_test(too_little_memory_to_lock_is_no_reason),
		cmocka_unit_test(backend_without_it_is_named),
		cmocka_unit_test(this_kernel_passes_or_says_why_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
