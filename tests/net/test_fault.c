/* SPDX-License-Identifier: MIT */
/* Faults around a backend that only notes what it is asked for. */
#include <errno.h>
#include <string.h>

#include "support.h"

#include "net/fault.h"

#define EVENTS	 64u
#define REQUESTS 1000u

/* ---- The inner one: everything succeeds, with the next wait ------------ */

static struct bc_event done[2048];
static unsigned done_count;
static size_t last_size;
static unsigned passed_on;

static int complete(uint64_t token, int32_t result)
{
	done[done_count++] =
		(struct bc_event){.token = token, .result = result};
	passed_on++;
	return 0;
}

static int inner_accept(struct bc_backend *backend, int fd, uint64_t token)
{
	(void)backend;
	return complete(token, fd);
}

static int inner_recv(struct bc_backend *backend, int fd, void *buffer,
		      size_t size, int flags, uint64_t token)
{
	(void)backend;
	(void)fd;
	(void)buffer;
	(void)flags;
	last_size = size;
	return complete(token, (int32_t)size);
}

static int inner_send(struct bc_backend *backend, int fd, const void *bytes,
		      size_t size, uint64_t token)
{
	(void)backend;
	(void)fd;
	(void)bytes;
	last_size = size;
	return complete(token, (int32_t)size);
}

static int inner_wait(struct bc_backend *backend, struct bc_event *events,
		      unsigned max, int64_t timeout_ns, const sigset_t *mask)
{
	unsigned count = done_count < max ? done_count : max;

	(void)backend;
	(void)timeout_ns;
	(void)mask;
	memcpy(events, done, count * sizeof(done[0]));
	memmove(done, done + count, (done_count - count) * sizeof(done[0]));
	done_count -= count;
	return (int)count;
}

static void inner_close(struct bc_backend *backend)
{
	(void)backend;
}

static const struct bc_backend_ops inner_ops = {
	.name = "inner",
	.accept = inner_accept,
	.recv = inner_recv,
	.send = inner_send,
	.wait = inner_wait,
	.close = inner_close,
};

static struct bc_backend inner = {.ops = &inner_ops};
static struct bc_backend *backend;

static void wrap(const char *spec)
{
	done_count = 0;
	passed_on = 0;
	backend = &inner;
	assert_int_equal(bc_fault_wrap(&backend, 1024, spec), 0);
}

static int unwrap(void **state)
{
	(void)state;
	if (backend && backend != &inner)
		bc_backend_close(backend);
	backend = NULL;
	return 0;
}

/* Count the events of each token until nothing comes any more. */
static void collect(unsigned counts[REQUESTS + 1], int results[REQUESTS + 1])
{
	struct bc_event events[EVENTS];
	sigset_t mask;
	int count;

	sigemptyset(&mask);
	for (unsigned empty = 0; empty < 50; empty++) {
		count = bc_backend_wait(backend, events, EVENTS, 0, &mask);
		assert_true(count >= 0);
		for (int i = 0; i < count; i++) {
			assert_true(events[i].token <= REQUESTS);
			counts[events[i].token]++;
			results[events[i].token] = events[i].result;
			empty = 0;
		}
	}
}

/* ---- What is claimed --------------------------------------------------- */

static void each_request_gives_one_event_whatever_goes_wrong(void **state)
{
	unsigned counts[REQUESTS + 1] = {0}, failed = 0, cut = 0;
	int results[REQUESTS + 1];

	(void)state;
	wrap("seed=3,short=3,again=50,reset=20,pipe=30,nobufs=30,nomem=30,"
	     "delay=3,empty=3");
	for (uint64_t token = 1; token <= REQUESTS; token++)
		assert_int_equal(bc_backend_send(backend, 1, "", 300, token),
				 0);

	collect(counts, results);

	for (unsigned i = 1; i <= REQUESTS; i++) {
		assert_int_equal(counts[i], 1);
		failed += results[i] < 0;
		cut += results[i] == 100;
		assert_true(results[i] < 0 || results[i] == 100 ||
			    results[i] == 300);
	}
	assert_int_equal(passed_on + failed, REQUESTS);
	assert_true(failed > 50);
	assert_true(cut > 100);
}

static void same_seed_gives_the_same_faults(void **state)
{
	unsigned counts[2][REQUESTS + 1] = {{0}};
	int results[3][REQUESTS + 1];
	static const char *const specs[] = {"seed=5,reset=7,short=5",
					    "seed=5,reset=7,short=5",
					    "seed=6,reset=7,short=5"};

	(void)state;
	for (unsigned run = 0; run < 3; run++) {
		wrap(specs[run]);
		for (uint64_t token = 1; token <= REQUESTS; token++)
			bc_backend_send(backend, 1, "", 300, token);
		collect(counts[run / 2], results[run]);
		unwrap(NULL);
	}

	assert_memory_equal(&results[0][1], &results[1][1],
			    REQUESTS * sizeof(int));
	assert_memory_not_equal(&results[0][1], &results[2][1],
				REQUESTS * sizeof(int));
}

static int result_of_send(uint64_t token)
{
	struct bc_event event = {0};
	sigset_t mask;

	sigemptyset(&mask);
	assert_int_equal(bc_backend_send(backend, 1, "", 300, token), 0);
	assert_int_equal(bc_backend_wait(backend, &event, 1, 0, &mask), 1);
	assert_int_equal(event.token, token);
	return event.result;
}

static void errors_come_after_so_many_and_so_often(void **state)
{
	(void)state;
	wrap("reset=1,after=2,times=2");

	assert_int_equal(result_of_send(1), 300);
	assert_int_equal(result_of_send(2), 300);
	assert_int_equal(result_of_send(3), -ECONNRESET);
	assert_int_equal(result_of_send(4), -ECONNRESET);
	assert_int_equal(result_of_send(5), 300);
}

static void only_receives_go_wrong_if_so_asked(void **state)
{
	struct bc_event event;
	sigset_t mask;

	(void)state;
	sigemptyset(&mask);
	wrap("nobufs=1,on=recv");

	assert_int_equal(result_of_send(1), 300);
	assert_int_equal(bc_backend_recv(backend, 1, NULL, 300, 0, 2), 0);
	assert_int_equal(bc_backend_wait(backend, &event, 1, 0, &mask), 1);
	assert_int_equal(event.result, -ENOBUFS);
}

static void accepting_runs_out_of_descriptors(void **state)
{
	struct bc_event event;
	sigset_t mask;

	(void)state;
	sigemptyset(&mask);
	wrap("emfile=1");

	assert_int_equal(bc_backend_accept(backend, 9, 1), 0);
	assert_int_equal(bc_backend_wait(backend, &event, 1, 0, &mask), 1);
	assert_int_equal(event.result, -EMFILE);
	assert_int_equal(event.flags & BC_EVENT_MORE, 0);
}

static void unreadable_specs_are_refused(void **state)
{
	static const char *const specs[] = {
		"short",   "short=", "short=x", "short=3x",   "frob=1",
		"on=none", "seed=0", "=1",	"short=1,,x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		backend = &inner;
		assert_int_equal(bc_fault_wrap(&backend, 1, specs[i]), -EINVAL);
		assert_ptr_equal(backend, &inner);
	}
	wrap("");
	assert_int_equal(result_of_send(1), 300);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, unwrap)
	const struct CMUnitTest tests[] = {
		TEST(each_request_gives_one_event_whatever_goes_wrong),
		TEST(same_seed_gives_the_same_faults),
		TEST(errors_come_after_so_many_and_so_often),
		TEST(only_receives_go_wrong_if_so_asked),
		TEST(accepting_runs_out_of_descriptors),
		TEST(unreadable_specs_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
