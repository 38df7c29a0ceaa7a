/* SPDX-License-Identifier: MIT */
/*
 * pub_open.c - bcast-pub: join the stream, take its write lease, or say who has
 * it. See pub.h.
 *
 * All waiting is done in slices, so that a signal ends it. Even without --wait
 * the lease is tried for a moment: the sender that has just ended, or a dead
 * publisher, may still be in the daemon's hands.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <bcast/monitor.h>

#include "address.h"
#include "attach_error.h"
#include "format.h"
#include "pub.h"
#include "rights.h"

#define SLICE_MS     50
#define ROOM_WAIT_MS 100 /* one slice of pub_copy.c */

/* For how long we wait for stream and lease, together. */
static int64_t patience_ms(const struct pub_wish *wish)
{
	if (!wish->wait)
		return 0;
	return wish->wait_ms < 0 ? INT64_MAX : wish->wait_ms;
}

/* ---- What went wrong --------------------------------------------------- */

/* Which of the two objects may we not write to? */
static int forbidden(const struct pub_wish *wish)
{
	char path[sizeof("/dev/shm/bcast..nodes") + BCAST_NAME_MAX];
	enum rights_use use = RIGHTS_PUBLISH;

	snprintf(path, sizeof(path), "/dev/shm/bcast.%s", wish->name);
	if (access(path, R_OK) < 0)
		return attach_error(PUB_PROGRAM, wish->name, -EACCES);
	if (access(path, W_OK) == 0) {
		use = RIGHTS_JOIN;
		snprintf(path, sizeof(path), "/dev/shm/bcast.%s.nodes",
			 wish->name);
	}
	fprintf(stderr, PUB_PROGRAM ": %s: %s: %s\n", path,
		bcast_strerror(-EACCES), rights_missing(path, use).text);
	return EX_NOPERM;
}

static int failed(const struct pub_wish *wish, int result)
{
	if (result == -EINTR)
		return EX_UNAVAILABLE; /* and the signal ends us */
	if (result == -EACCES)
		return forbidden(wish);
	if (result == BCAST_ECLOSED) {
		fprintf(stderr,
			PUB_PROGRAM ": stream '%s' has ended, or its daemon is "
				    "stopping\n",
			wish->name);
		return EX_UNAVAILABLE;
	}
	return attach_error(PUB_PROGRAM, wish->name, result);
}

static int refused(const struct pub_wish *wish, int result,
		   const struct bcast_refusal *refusal)
{
	switch (result) {
	case -EEXIST:
		fprintf(stderr,
			PUB_PROGRAM ": id '%s' is in use by process %" PRIu32
				    ": choose another with --id\n",
			wish->id, refusal->holder_pid);
		return EX_UNAVAILABLE;
	case BCAST_EFULL:
		fprintf(stderr,
			PUB_PROGRAM ": all %" PRIu32
				    " places of nodes are taken: start bcastd "
				    "with a larger --nodes\n",
			refusal->node_limit);
		return EX_TEMPFAIL;
	case BCAST_ENAME:
		fprintf(stderr, PUB_PROGRAM ": '%s' or '%s' is %s\n",
			wish->name, wish->id, bcast_strerror(result));
		return EX_USAGE;
	}
	return failed(wish, result);
}

static int held(const struct pub_wish *wish,
		const struct bcast_writer_info *holder)
{
	const struct format_text since = format_time(holder->since_realtime_ns);

	fprintf(stderr, PUB_PROGRAM ": stream '%s' is being written by ",
		wish->name);
	switch (holder->kind) {
	case BCAST_WRITER_SENDER:
		fprintf(stderr, "the TCP sender %s since %s", holder->who,
			since.text);
		break;
	case BCAST_WRITER_NODE:
		fprintf(stderr,
			"the local publisher '%s', pid %" PRIu32 ", since %s",
			holder->who, holder->pid, since.text);
		break;
	default:
		fprintf(stderr, "somebody else");
		break;
	}
	fprintf(stderr, "; one at a time: wait for its end with --wait\n");
	return EX_TEMPFAIL;
}

/* ---- Open -------------------------------------------------------------- */

static int join(struct pub *pub, struct bcast_refusal *refusal)
{
	struct bcast_join_options how = BCAST_JOIN_DEFAULTS;

	how.roles = BCAST_NODE_PUBLISHER;
	how.refusal = refusal;
	return bcast_join(pub->wish->name, pub->wish->id, &how, &pub->node);
}

/* Until the stream is there. */
static int join_patiently(struct pub *pub, int64_t *left_ms)
{
	const struct timespec pause = {.tv_nsec = SLICE_MS * 1000000L};
	struct bcast_refusal refusal = {0};
	int ret = join(pub, &refusal);

	if (ret == -ENOENT && *left_ms > 0)
		fprintf(stderr, PUB_PROGRAM ": waiting for stream '%s'\n",
			pub->wish->name);
	while ((ret == -ENOENT || ret == BCAST_ENOTREADY) && *left_ms > 0 &&
	       !*pub->wish->interrupted) {
		(void)nanosleep(&pause, NULL);
		*left_ms -= SLICE_MS;
		ret = join(pub, &refusal);
	}
	if (ret < 0 && *pub->wish->interrupted)
		ret = -EINTR;
	return ret < 0 ? refused(pub->wish, ret, &refusal) : EX_OK;
}

static int take_lease(struct pub *pub, int64_t left_ms)
{
	struct bcast_publisher_options how = BCAST_PUBLISHER_DEFAULTS;
	struct bcast_writer_info holder;
	bool told = left_ms <= 0;
	int ret;

	how.lease_wait_ms = SLICE_MS;
	how.room_wait_ms = ROOM_WAIT_MS;
	how.stamp = pub->wish->stamp;
	how.source = pub->wish->source;
	how.flags = pub->wish->flags;
	how.holder = &holder;
	for (;;) {
		ret = bcast_publisher_open(pub->node, &how, &pub->publisher);
		if (*pub->wish->interrupted)
			return failed(pub->wish, -EINTR);
		if (ret != -EBUSY)
			return ret < 0 ? failed(pub->wish, ret) : EX_OK;
		left_ms -= SLICE_MS;
		if (left_ms <= 0)
			return held(pub->wish, &holder);
		if (!told && holder.kind != BCAST_WRITER_NONE) {
			fprintf(stderr,
				PUB_PROGRAM ": waiting for the end of %s\n",
				holder.who);
			told = true;
		}
		(void)bcast_node_beat(pub->node);
	}
}

/* Packets or bytes? */
static int look_at_stream(struct pub *pub)
{
	struct bcast_stream_info info;
	struct bcast_monitor *monitor;
	int ret = bcast_monitor_open(pub->wish->name, &monitor);

	if (ret < 0)
		return failed(pub->wish, ret);
	(void)bcast_monitor_stream(monitor, &info);
	bcast_monitor_close(monitor);
	pub->packets = info.format == BCAST_FORMAT_PACKET;
	pub->limit = bcast_publisher_limit(pub->publisher);
	return EX_OK;
}

/* Which of the two keys has room, and is it a stream that has keys? */
static int prepare_key(struct pub *pub)
{
	const struct pub_wish *wish = pub->wish;

	if (!wish->key && !wish->key_ends)
		return EX_OK;
	if (!pub->packets) {
		fprintf(stderr,
			PUB_PROGRAM ": stream '%s' is of bytes: keys are for "
				    "records (bcastd --format packet)\n",
			wish->name);
		return EX_USAGE;
	}
	pub->key = wish->key;
	pub->key_size = wish->key ? strlen(wish->key) : 0;
	if (pub->key_size < pub->limit) {
		pub->limit -= pub->key_size;
		return EX_OK;
	}
	fprintf(stderr,
		PUB_PROGRAM ": option --key: a record of stream '%s' has at "
			    "most %zu bytes in all\n",
		wish->name, pub->limit);
	return EX_USAGE;
}

static int open_local(struct pub *pub)
{
	int64_t left_ms = patience_ms(pub->wish);
	int code = join_patiently(pub, &left_ms);

	if (code == EX_OK)
		code = take_lease(pub, left_ms);
	if (code == EX_OK)
		code = look_at_stream(pub);
	return code;
}

int pub_open(struct pub *pub)
{
	int code = address_is_name(pub->wish->name) ? open_local(pub)
						    : pub_door_open(pub);

	return code == EX_OK ? prepare_key(pub) : code;
}

void pub_close(struct pub *pub)
{
	pub_door_close(pub);
	bcast_publisher_close(pub->publisher);
	bcast_leave(pub->node);
}
