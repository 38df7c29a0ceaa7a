/* SPDX-License-Identifier: MIT */
/* address.c - see address.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "address.h"
#include "attach_error.h"

#define SHM "shm:"
#define TCP "tcp://"

#define SLICE_MS 100

static bool begins(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool address_is_name(const char *text)
{
	return strchr(text, ':') == NULL;
}

bool address_of(const char *text, enum address_door door,
		char address[ADDRESS_MAX])
{
	bool is_shm = address_is_name(text) || begins(text, SHM);
	const char *prefix = "";

	if ((door == ADDRESS_SHM && !is_shm) || (door == ADDRESS_TCP && is_shm))
		return false;
	if (address_is_name(text))
		prefix = SHM;
	else if (door == ADDRESS_TCP && !begins(text, TCP) &&
		 !begins(text, "unix:/") && !begins(text, "unix:@"))
		prefix = TCP;
	return snprintf(address, ADDRESS_MAX, "%s%s", prefix, text) <
	       ADDRESS_MAX;
}

/* Will it be otherwise another time? */
static bool may_pass(int result, const struct bcast_client_refusal *refusal)
{
	if (result == BCAST_EREFUSED)
		return refusal->retry_after_ms != 0;
	return result != -EINVAL && result != -EACCES &&
	       result != -EOPNOTSUPP && result != BCAST_ENAME;
}

int address_open(const char *address, const struct bcast_client_options *how,
		 int wait_ms, const volatile sig_atomic_t *interrupted,
		 struct bcast_client **client)
{
	const struct timespec pause = {.tv_nsec = SLICE_MS * 1000000L};
	int64_t left_ms = wait_ms < 0 ? INT64_MAX : wait_ms;
	int ret = bcast_open(address, how, client);

	while (ret < 0 && may_pass(ret, how->refusal) && left_ms > 0 &&
	       !*interrupted) {
		(void)nanosleep(&pause, NULL);
		left_ms -= SLICE_MS;
		ret = bcast_open(address, how, client);
	}
	return ret;
}

static int refused(const char *program, const char *address,
		   const struct bcast_client_refusal *refusal)
{
	fprintf(stderr, "%s: %s: refused: %s%s\n", program, address,
		refusal->text,
		refusal->retry_after_ms ? "; wait for it with --wait" : "");
	return refusal->retry_after_ms ? EX_TEMPFAIL : EX_UNAVAILABLE;
}

int address_error(const char *program, const char *address, int result,
		  const struct bcast_client_refusal *refusal)
{
	const char *text = bcast_strerror(result);

	if (result == BCAST_EREFUSED)
		return refused(program, address, refusal);
	if (result == -EOPNOTSUPP)
		text = "a stream of bytes: this tool is for bcastd --format "
		       "packet";
	else if (begins(address, SHM))
		return attach_error(program, address + strlen(SHM), result);
	if (result == -EINVAL)
		text = "not an address: a stream's NAME, HOST:PORT, "
		       "tcp://HOST:PORT or unix:/path";
	if (result == BCAST_EPROTO)
		text = "who answers there is no --packet address of bcastd";
	fprintf(stderr, "%s: %s: %s\n", program, address, text);
	if (result == -EINVAL || result == -EOPNOTSUPP)
		return EX_USAGE;
	return result == BCAST_EPROTO ? EX_PROTOCOL : EX_UNAVAILABLE;
}
