/* SPDX-License-Identifier: MIT */
/*
 * uring.c - the io_uring backend.
 *
 * One ring for one thread: SINGLE_ISSUER and DEFER_TASKRUN, so that completion
 * work runs only inside our own wait and never interrupts the loop; requests
 * are executed inline at submission, in queue order, which is how "wake local
 * readers, then send" keeps its order. The wake is a FUTEX_WAKE request where
 * the kernel has it (6.7), for 0.2 us instead of 0.5, else the system call.
 * Likewise the wait for a word: a FUTEX_WAIT request, else a poll request for
 * the descriptor of a thread that sleeps on the word (word_watch.h).
 *
 * Rejected: SQPOLL (it excludes DEFER_TASKRUN and needs a core of its own; on
 * two, the same work took 1.4 times the CPU with 16 receivers of 1 MiB, and 1.7
 * times with 1000 of 256 bytes), multishot receive into the ring in shared
 * memory (it takes the decision where bytes land away from us; for recv_each it
 * is right), registered files (nothing to gain).
 *
 * The submission queue may be full when a request is added; it is then handed
 * to the kernel at once, so adding never fails but by the ring being broken.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/backend.h"
#include "net/signal_gap.h"
#include "net/uring_compat.h"
#include "net/uring_setup.h"
#include "net/uring_why.h"
#include "shm/assert.h"
#include "shm/clock.h"
#include "shm/notify.h"
#include "shm/word_watch.h"

#define QUEUE_ENTRIES	     1024u
#define COMPLETIONS_MIN	     4096u
#define COMPLETIONS_MAX	     65536u
#define COMPLETIONS_PER_PEER 6u /* send, watch, a cancel of each, 2 notified */
#define REGISTERED_MAX	     (UINT64_C(1) << 30) /* bytes a buffer, by Linux */
#define REGISTERED_COUNT     64u
#define COMPLETIONS_OTHER    2u /* the wait for a word, and a cancel of it */
#define RING_FLAGS                                                 \
	(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | \
	 IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |   \
	 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP)
#define POOL_BUFFERS  64u /* a power of two */
#define POOL_GROUP    0
#define SMALL_ENTRIES 8u

struct uring {
	struct bc_backend backend;
	struct io_uring ring;
	struct io_uring_buf_ring *pool_ring; /* what the kernel may fill */
	unsigned char *pool;		     /* buffers, by number */
	uint16_t lent[POOL_BUFFERS];	     /* to the caller */
	unsigned lent_count;
	bool has_futex;		    /* requests to wake and to wait */
	struct bc_word_watch watch; /* if not */
	uint64_t word_token;	    /* of the wait for a word; 0: none */
	uintptr_t registered;	    /* memory for zero copy; its address */
	uint64_t registered_size;   /* 0: none */
	unsigned busy_waits;	    /* see signal_gap.h */
};

static struct uring *uring_of(struct bc_backend *backend)
{
	return (struct uring *)backend;
}

static struct io_uring_sqe *next_sqe(struct uring *uring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);

	if (sqe)
		return sqe;
	if (io_uring_submit(&uring->ring) < 0)
		return NULL;
	return io_uring_get_sqe(&uring->ring);
}

/* ---- Requests ---------------------------------------------------------- */

static int uring_accept(struct bc_backend *backend, int fd, uint64_t token)
{
	struct io_uring_sqe *sqe = next_sqe(uring_of(backend));

	if (!sqe)
		return -EBUSY;
	io_uring_prep_multishot_accept(sqe, fd, NULL, NULL, SOCK_CLOEXEC);
	io_uring_sqe_set_data64(sqe, token);
	return 0;
}

static int uring_recv(struct bc_backend *backend, int fd, void *buffer,
		      size_t size, int flags, uint64_t token)
{
	struct io_uring_sqe *sqe = next_sqe(uring_of(backend));

	if (!sqe)
		return -EBUSY;
	io_uring_prep_recv(sqe, fd, buffer, size, flags);
	io_uring_sqe_set_data64(sqe, token);
	return 0;
}

static int uring_recv_each(struct bc_backend *backend, int fd, uint64_t token)
{
	struct io_uring_sqe *sqe = next_sqe(uring_of(backend));

	if (!sqe)
		return -EBUSY;
	io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = POOL_GROUP;
	io_uring_sqe_set_data64(sqe, token);
	return 0;
}

static int uring_send(struct bc_backend *backend, int fd, const void *bytes,
		      size_t size, uint64_t token)
{
	struct io_uring_sqe *sqe = next_sqe(uring_of(backend));

	if (!sqe)
		return -EBUSY;
	/* io_uring implies MSG_NOSIGNAL */
	io_uring_prep_send(sqe, fd, bytes, size, 0);
	io_uring_sqe_set_data64(sqe, token);
	return 0;
}

/*
 * The memory is one buffer per GiB. A send stays within one, so it may be cut
 * short where the next begins, or the memory ends.
 */
static int uring_send_zc(struct bc_backend *backend, int fd, const void *bytes,
			 size_t size, uint64_t token)
{
	struct uring *uring = uring_of(backend);
	struct io_uring_sqe *sqe = next_sqe(uring);
	uint64_t offset = (uintptr_t)bytes - uring->registered;
	uint64_t room = uring->registered_size - offset;

	if (!sqe)
		return -EBUSY;
	if (offset >= uring->registered_size) {
		io_uring_prep_send_zc(sqe, fd, bytes, size, 0,
				      IORING_SEND_ZC_REPORT_USAGE);
	} else {
		if (room > REGISTERED_MAX - offset % REGISTERED_MAX)
			room = REGISTERED_MAX - offset % REGISTERED_MAX;
		io_uring_prep_send_zc_fixed(
			sqe, fd, bytes, size < room ? size : room, 0,
			IORING_SEND_ZC_REPORT_USAGE,
			(unsigned)(offset / REGISTERED_MAX));
	}
	io_uring_sqe_set_data64(sqe, token);
	return 0;
}

static int uring_register_memory(struct bc_backend *backend, void *base,
				 size_t size)
{
	struct uring *uring = uring_of(backend);
	struct iovec buffers[REGISTERED_COUNT];
	unsigned count = 0;
	int ret;

	BC_ASSERT(uring->registered_size == 0);
	if (size > REGISTERED_MAX * REGISTERED_COUNT)
		return -E2BIG;
	for (size_t at = 0; at < size; at += REGISTERED_MAX)
		buffers[count++] = (struct iovec){
			.iov_base = (char *)base + at,
			.iov_len = size - at < REGISTERED_MAX ? size - at
							      : REGISTERED_MAX,
		};
	ret = io_uring_register_buffers(&uring->ring, buffers, count);
	if (ret < 0)
		return ret;
	uring->registered = (uintptr_t)base;
	uring->registered_size = size;
	return 0;
}

static int uring_poll(struct bc_backend *backend, int fd, uint64_t token)
{
	struct io_uring_sqe *sqe = next_sqe(uring_of(backend));

	if (!sqe)
		return -EBUSY;
	io_uring_prep_poll_add(sqe, fd, POLLIN);
	io_uring_sqe_set_data64(sqe, token);
	return 0;
}

static int uring_cancel(struct bc_backend *backend, uint64_t token)
{
	struct io_uring_sqe *sqe = next_sqe(uring_of(backend));

	if (!sqe)
		return -EBUSY;
	io_uring_prep_cancel64(sqe, token, 0);
	io_uring_sqe_set_data64(sqe, 0); /* its own result tells us nothing */
	return 0;
}

static int uring_wake(struct bc_backend *backend, const bc_u32 *word)
{
	struct uring *uring = uring_of(backend);
	struct io_uring_sqe *sqe;

	if (!uring->has_futex) {
		(void)bc_notify_wake(word);
		return 0;
	}
	sqe = next_sqe(uring);
	if (!sqe)
		return -EBUSY;
	io_uring_prep_rw(BC_IORING_OP_FUTEX_WAKE, sqe, (int)BC_FUTEX2_SIZE_U32,
			 word, 0, INT_MAX);
	sqe->addr3 = UINT32_MAX; /* the mask: everybody */
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	io_uring_sqe_set_data64(sqe, 0);
	return 0;
}

/* sqe->fd is flags of futex2, sqe->addr3 the mask: woken by everybody. */
static void prepare_futex_wait(struct io_uring_sqe *sqe, const bc_u32 *word,
			       uint32_t seen)
{
	io_uring_prep_rw(BC_IORING_OP_FUTEX_WAIT, sqe, (int)BC_FUTEX2_SIZE_U32,
			 word, 0, seen);
	sqe->addr3 = UINT32_MAX;
}

static int uring_wait_word(struct bc_backend *backend, const bc_u32 *word,
			   uint32_t seen, uint64_t token)
{
	struct uring *uring = uring_of(backend);
	struct io_uring_sqe *sqe;

	BC_ASSERT(uring->word_token == 0);
	BC_ASSERT(token != 0);
	sqe = next_sqe(uring);
	if (!sqe)
		return -EBUSY;
	if (uring->has_futex) {
		prepare_futex_wait(sqe, word, seen);
	} else {
		bc_word_watch_arm(&uring->watch, word, seen, -1);
		io_uring_prep_poll_add(sqe, bc_word_watch_fd(&uring->watch),
				       POLLIN);
	}
	io_uring_sqe_set_data64(sqe, token);
	uring->word_token = token;
	return 0;
}

/* ---- Buffers of recv_each ---------------------------------------------- */

static unsigned char *buffer_of(const struct uring *uring, unsigned number)
{
	return uring->pool + (size_t)number * BC_BACKEND_EACH_STRIDE;
}

static void give_to_kernel(struct uring *uring, const uint16_t *numbers,
			   unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		io_uring_buf_ring_add(uring->pool_ring,
				      buffer_of(uring, numbers[i]),
				      BC_BACKEND_EACH_BYTES, numbers[i],
				      POOL_BUFFERS - 1, (int)i);
	io_uring_buf_ring_advance(uring->pool_ring, (int)count);
}

/* The bytes of a completion; they are the caller's until the next wait. */
static void *lend(struct uring *uring, uint32_t flags)
{
	unsigned number = flags >> IORING_CQE_BUFFER_SHIFT;

	if ((flags & IORING_CQE_F_BUFFER) == 0)
		return NULL;
	BC_ASSERT(uring->lent_count < POOL_BUFFERS);
	uring->lent[uring->lent_count++] = (uint16_t)number;
	return buffer_of(uring, number);
}

static int open_pool(struct uring *uring)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct io_uring_buf_reg registration = {
		.ring_entries = POOL_BUFFERS,
		.bgid = POOL_GROUP,
	};
	uint16_t all[POOL_BUFFERS];

	uring->pool_ring = aligned_alloc(page, page);
	uring->pool = malloc((size_t)POOL_BUFFERS * BC_BACKEND_EACH_STRIDE);
	if (!uring->pool_ring || !uring->pool)
		return -ENOMEM;
	memset(uring->pool_ring, 0, page);
	registration.ring_addr = (uintptr_t)uring->pool_ring;
	for (unsigned i = 0; i < POOL_BUFFERS; i++)
		all[i] = (uint16_t)i;
	give_to_kernel(uring, all, POOL_BUFFERS);
	return io_uring_register_buf_ring(&uring->ring, &registration, 0);
}

/* After the ring: the kernel may fill them for as long as it is there. */
static void close_pool(struct uring *uring)
{
	free(uring->pool_ring);
	free(uring->pool);
}

/* ---- Completions ------------------------------------------------------- */

/* What the end of the wait for a word is to the caller. */
static int32_t end_of_word(struct uring *uring, int32_t result)
{
	uring->word_token = 0;
	if (uring->has_futex)
		return result == -EAGAIN ? 0 : result; /* differed already */
	/* cancelled or not: the word may be unmapped once the caller knows */
	(void)bc_word_watch_disarm(&uring->watch);
	return result < 0 ? result : 0;
}

static uint32_t event_flags(const struct io_uring_cqe *cqe)
{
	uint32_t flags = cqe->flags & IORING_CQE_F_MORE ? BC_EVENT_MORE : 0;

	if (cqe->flags & IORING_CQE_F_NOTIF) {
		flags |= BC_EVENT_NOTIF;
		if ((uint32_t)cqe->res & IORING_NOTIF_USAGE_ZC_COPIED)
			flags |= BC_EVENT_COPIED;
	}
	return flags;
}

static unsigned reap(struct uring *uring, struct bc_event *events, unsigned max)
{
	struct io_uring_cqe *cqe;
	unsigned head, seen = 0, count = 0;

	io_uring_for_each_cqe(&uring->ring, head, cqe)
	{
		int32_t result = cqe->res;

		if (count == max)
			break;
		seen++;
		if (cqe->user_data == 0)
			continue;
		if (cqe->user_data == uring->word_token)
			result = end_of_word(uring, result);
		else if (cqe->flags & IORING_CQE_F_NOTIF)
			result = 0; /* it says how, not how much */
		events[count++] = (struct bc_event){
			.token = cqe->user_data,
			.result = result,
			.flags = event_flags(cqe),
			.bytes = lend(uring, cqe->flags),
		};
	}
	io_uring_cq_advance(&uring->ring, seen);
	return count;
}

/*
 * For a caller that looks again and again, without waiting: is there a reason
 * to enter the kernel? TASKRUN_FLAG has it tell us when there are completions
 * to be worked on, which happens only inside.
 */
static bool has_work(const struct io_uring *ring)
{
	unsigned flags = __atomic_load_n(ring->sq.kflags, __ATOMIC_ACQUIRE);

	return io_uring_sq_ready(ring) > 0 ||
	       (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

static int uring_wait(struct bc_backend *backend, struct bc_event *events,
		      unsigned max, int64_t timeout_ns, const sigset_t *mask)
{
	struct uring *uring = uring_of(backend);
	struct __kernel_timespec timeout = {
		.tv_sec = timeout_ns / BC_NS_PER_S,
		.tv_nsec = timeout_ns % BC_NS_PER_S,
	};
	struct io_uring_cqe *cqe;
	sigset_t wait_mask = *mask;
	int ret;

	give_to_kernel(uring, uring->lent, uring->lent_count);
	uring->lent_count = 0;
	if (timeout_ns == 0 && !has_work(&uring->ring)) {
		bc_signal_gap(&uring->busy_waits, mask);
		return (int)reap(uring, events, max);
	}
	ret = io_uring_submit_and_wait_timeout(&uring->ring, &cqe, 1, &timeout,
					       &wait_mask);
	/* busy: completions overflowed; taking some makes room */
	if (ret < 0 && ret != -ETIME && ret != -EINTR && ret != -EAGAIN &&
	    ret != -EBUSY)
		return ret;
	ret = (int)reap(uring, events, max);
	if (ret > 0)
		bc_signal_gap(&uring->busy_waits, mask);
	return ret;
}

static void uring_close(struct bc_backend *backend)
{
	struct uring *uring = uring_of(backend);

	io_uring_queue_exit(&uring->ring);
	close_pool(uring);
	if (!uring->has_futex)
		bc_word_watch_close(&uring->watch);
	free(uring);
}

static const struct bc_backend_ops uring_ops = {
	.name = "io_uring",
	.accept = uring_accept,
	.recv = uring_recv,
	.recv_each = uring_recv_each,
	.send = uring_send,
	.send_zc = uring_send_zc,
	.register_memory = uring_register_memory,
	.poll = uring_poll,
	.cancel = uring_cancel,
	.wake = uring_wake,
	.wait_word = uring_wait_word,
	.wait = uring_wait,
	.close = uring_close,
};

/* ---- Open -------------------------------------------------------------- */

static unsigned completion_entries(unsigned connections)
{
	unsigned entries = COMPLETIONS_MIN;

	while (entries < COMPLETIONS_MAX &&
	       entries < connections * COMPLETIONS_PER_PEER + COMPLETIONS_OTHER)
		entries *= 2;
	return entries;
}

/* The ring and, without futex requests, the thread. */
static int init(struct uring *uring, unsigned connections, bool small,
		char *why, size_t why_size)
{
	struct io_uring_params params = {
		.flags = RING_FLAGS,
		.cq_entries = small ? SMALL_ENTRIES * 2
				    : completion_entries(connections),
	};
	struct bc_uring_setup setup = {.ring = &uring->ring};
	int ret = bc_uring_setup_make(
		&setup, small ? SMALL_ENTRIES : QUEUE_ENTRIES, &params);

	if (ret < 0) {
		bc_uring_why_explain(ret, why, why_size);
		return ret;
	}
	uring->has_futex = uring->has_futex && setup.has_futex;
	if (setup.known[IORING_OP_SEND_ZC])
		uring->backend.features |= BC_BACKEND_ZEROCOPY;
	ret = open_pool(uring);
	if (ret == 0)
		ret = bc_uring_setup_enable(&setup);
	if (ret < 0)
		bc_uring_why_explain(ret, why, why_size);
	if (ret == 0 && !uring->has_futex) {
		ret = bc_word_watch_open(&uring->watch);
		if (ret < 0)
			snprintf(why, why_size,
				 "a thread to wait for local publishers, which "
				 "this kernel needs, cannot be started: %s",
				 strerror(-ret));
	}
	if (ret < 0)
		io_uring_queue_exit(&uring->ring);
	return ret;
}

int bc_uring_open(struct bc_backend **backend, unsigned connections,
		  unsigned flags, char *why, size_t why_size)
{
	struct uring *uring = calloc(1, sizeof(*uring));
	int ret;

	if (!uring) {
		bc_uring_why_explain(-ENOMEM, why, why_size);
		return -ENOMEM;
	}
	uring->backend.ops = &uring_ops;
	uring->has_futex = !(flags & BC_URING_NO_FUTEX);
	ret = init(uring, connections, (flags & BC_URING_SMALL) != 0, why,
		   why_size);
	if (ret < 0) {
		close_pool(uring);
		free(uring);
		return ret;
	}
	*backend = &uring->backend;
	return 0;
}
