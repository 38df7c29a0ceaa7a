/* SPDX-License-Identifier: MIT */
/*
 * backend.h - how the daemon asks the kernel for input and output.
 *
 * A completion interface: requests are queued, bc_backend_wait() hands them to
 * the kernel in one go and brings back what has completed. The caller decodes
 * the token and acts; nothing here calls up. io_uring implements it directly
 * (uring.c); epoll does the call when it would succeed (epoll.c).
 *
 * Rules for both sides
 * - A request's memory, and the descriptor, stay valid until its event.
 * - Each request gives exactly one event, also when cancelled; accept gives
 *   one per connection and recv_each one per arrival, and each has ended at
 *   the first without BC_EVENT_MORE. A zero-copy send gives a second one if
 *   its first has BC_EVENT_MORE: its memory, but not the descriptor, stays
 *   valid until that one.
 * - At most one send and one receive per descriptor are in flight: two sends
 *   could be reordered by the kernel (io_uring_prep_send(3)).
 * - A descriptor is closed only after all its events: cancel, reap, close.
 * - One thread: the one that opened the backend.
 */
#ifndef NET_BACKEND_H
#define NET_BACKEND_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/layout.h"

/* Something has completed. */
struct bc_event {
	uint64_t token; /* as given with the request */
	int32_t result; /* bytes or descriptor, >= 0, or -errno */
	uint32_t flags;
	void *bytes; /* of recv_each, else NULL */
};
#define BC_EVENT_MORE	1u /* the request goes on; a send is notified of */
#define BC_EVENT_NOTIF	2u /* the notification: its bytes are free again */
#define BC_EVENT_COPIED 4u /* with it: the kernel has copied them after all */

/* The most that one event of recv_each brings. */
#define BC_BACKEND_EACH_BYTES 16384u

/*
 * From one of the buffers to the next: a page and a line more, so that their
 * beginnings, which is all that small messages use, do not fall into the same
 * sets of the caches.
 */
#define BC_BACKEND_EACH_STRIDE (BC_BACKEND_EACH_BYTES + 4096u + 64u)

struct bc_backend;

struct bc_backend_ops {
	const char *name;
	int (*accept)(struct bc_backend *backend, int fd, uint64_t token);
	int (*recv)(struct bc_backend *backend, int fd, void *buffer,
		    size_t size, int flags, uint64_t token);
	int (*recv_each)(struct bc_backend *backend, int fd, uint64_t token);
	int (*send)(struct bc_backend *backend, int fd, const void *bytes,
		    size_t size, uint64_t token);
	int (*send_zc)(struct bc_backend *backend, int fd, const void *bytes,
		       size_t size, uint64_t token);
	int (*register_memory)(struct bc_backend *backend, void *base,
			       size_t size);
	int (*poll)(struct bc_backend *backend, int fd, uint64_t token);
	int (*cancel)(struct bc_backend *backend, uint64_t token);
	void (*forget)(struct bc_backend *backend, int fd); /* or NULL */
	int (*wake)(struct bc_backend *backend, const bc_u32 *word);
	int (*wait_word)(struct bc_backend *backend, const bc_u32 *word,
			 uint32_t seen, uint64_t token);
	int (*wait)(struct bc_backend *backend, struct bc_event *events,
		    unsigned max, int64_t timeout_ns, const sigset_t *mask);
	void (*close)(struct bc_backend *backend);
};

/* What a backend can do beyond what all can. */
#define BC_BACKEND_ZEROCOPY 1u /* send_zc; see zerocopy.h before using it */

/* The head of each implementation's own struct. */
struct bc_backend {
	const struct bc_backend_ops *ops;
	uint32_t features; /* BC_BACKEND_... */
};

/* For bc_uring_open: do as if the kernel had no futex requests (before 6.7). */
#define BC_URING_NO_FUTEX 1u

/* With queues so short that they overflow: for tests. */
#define BC_URING_SMALL 2u

/*
 * bc_uring_open - the io_uring backend, for up to `connections` connections.
 * flags: BC_URING_... . Without futex requests it starts a thread,
 * for bc_backend_wait_word().
 *
 * Returns 0, or -errno with one line in `why` that says what stands in the way
 * and what to do about it (sysctl, seccomp, kernel too old, memlock). The ring
 * belongs to the calling thread; fork() after this loses it.
 */
int bc_uring_open(struct bc_backend **backend, unsigned connections,
		  unsigned flags, char *why, size_t why_size);

/* For bc_epoll_open: do as if there was no epoll_pwait2 (before 5.11). */
#define BC_EPOLL_COARSE 1u

/*
 * bc_epoll_open - the epoll backend. flags: 0, or BC_EPOLL_COARSE. It starts a
 * thread, for bc_backend_wait_word(). Returns and fails as bc_uring_open does.
 */
int bc_epoll_open(struct bc_backend **backend, unsigned connections,
		  unsigned flags, char *why, size_t why_size);

/*
 * bc_backend_accept - accept connections at a listening socket, until ended.
 * The socket may become a nonblocking one by this.
 */
static inline int bc_backend_accept(struct bc_backend *backend, int fd,
				    uint64_t token)
{
	return backend->ops->accept(backend, fd, token);
}

/*
 * bc_backend_recv - receive up to `size` bytes into `buffer`; 0 is the end.
 * flags: MSG_PEEK, or MSG_TRUNC with a NULL buffer to throw bytes away.
 */
static inline int bc_backend_recv(struct bc_backend *backend, int fd,
				  void *buffer, size_t size, int flags,
				  uint64_t token)
{
	return backend->ops->recv(backend, fd, buffer, size, flags, token);
}

/*
 * bc_backend_recv_each - receive whatever comes, in buffers of the backend's
 * own: for messages. An event says how many bytes are at event.bytes; they are
 * the caller's, to change as well, until the next wait. Not for what is thrown
 * away: MSG_TRUNC does that for a third of the time a byte, and needs no more
 * for small pieces.
 *
 * Ends by 0 (the end), an error, a cancel, or -ENOBUFS when others have all
 * the buffers: ask again. Its last event may bring bytes like any other.
 */
static inline int bc_backend_recv_each(struct bc_backend *backend, int fd,
				       uint64_t token)
{
	return backend->ops->recv_each(backend, fd, token);
}

/* bc_backend_send - send up to `size` bytes; may take fewer. No SIGPIPE. */
static inline int bc_backend_send(struct bc_backend *backend, int fd,
				  const void *bytes, size_t size,
				  uint64_t token)
{
	return backend->ops->send(backend, fd, bytes, size, token);
}

/*
 * bc_backend_send_zc - send up to `size` bytes from where they are. For
 * backends with BC_BACKEND_ZEROCOPY only.
 *
 * The result comes first. If it has BC_EVENT_MORE (whatever it says: failed
 * sends have it too) the kernel may read the bytes until the notification, an
 * event with the same token, BC_EVENT_NOTIF and result 0. Until the result,
 * this counts as the descriptor's one send. Notifications come when the peer
 * has acknowledged, or at a reset; maybe never while neither happens.
 *
 * Results of its own: -EOPNOTSUPP (not a TCP socket), -ENOMEM (not enough
 * memory may be locked). A plain send does in both cases.
 */
static inline int bc_backend_send_zc(struct bc_backend *backend, int fd,
				     const void *bytes, size_t size,
				     uint64_t token)
{
	return backend->ops->send_zc(backend, fd, bytes, size, token);
}

/*
 * bc_backend_register_memory - let zero-copy sends from this memory skip the
 * look-up of its pages. It stays mapped, and writable, until the backend is
 * closed; its pages are pinned. At most once. A send that would run over its
 * end stops there.
 *
 * Returns 0, or -errno: -ENOMEM if RLIMIT_MEMLOCK is smaller. It can be done
 * without.
 */
static inline int bc_backend_register_memory(struct bc_backend *backend,
					     void *base, size_t size)
{
	return backend->ops->register_memory(backend, base, size);
}

/*
 * bc_backend_poll - tell when a descriptor becomes readable, once. The result
 * is what poll(2) would say, POLLIN among it.
 */
static inline int bc_backend_poll(struct bc_backend *backend, int fd,
				  uint64_t token)
{
	return backend->ops->poll(backend, fd, token);
}

/*
 * bc_backend_cancel - ask the request with this token to end now. It gives its
 * event as ever: -ECANCELED, or what it had done by then.
 */
static inline int bc_backend_cancel(struct bc_backend *backend, uint64_t token)
{
	return backend->ops->cancel(backend, token);
}

/*
 * bc_backend_forget - another backend, of another thread, is to serve this
 * descriptor from now on. No request of it is in flight. One that is closed
 * need not be forgotten.
 */
static inline void bc_backend_forget(struct bc_backend *backend, int fd)
{
	if (backend->ops->forget)
		backend->ops->forget(backend, fd);
}

/* bc_backend_wake - wake all that sleep on a futex word. Gives no event. */
static inline int bc_backend_wake(struct bc_backend *backend,
				  const bc_u32 *word)
{
	return backend->ops->wake(backend, word);
}

/*
 * bc_backend_wait_word - tell, once, when a futex word in shared memory is
 * woken (by anybody, in any process) or differs from `seen`, then or already.
 * The result is 0. May tell for no reason: look at the word. A wake that
 * changes nothing counts only once the request is with the kernel.
 *
 * The word's mapping is a shared one and may be read-only; it stays until the
 * event. One such request at a time (asserted), with a token of its own.
 */
static inline int bc_backend_wait_word(struct bc_backend *backend,
				       const bc_u32 *word, uint32_t seen,
				       uint64_t token)
{
	return backend->ops->wait_word(backend, word, seen, token);
}

/*
 * bc_backend_wait - submit what was queued, and wait for the first event, for
 * timeout_ns, or for a signal that `mask` lets through. With a timeout of 0 a
 * signal may go unnoticed.
 *
 * Returns the number of events written (up to max; the rest is kept for the
 * next call), 0 for none, or -errno if the backend is broken.
 */
static inline int bc_backend_wait(struct bc_backend *backend,
				  struct bc_event *events, unsigned max,
				  int64_t timeout_ns, const sigset_t *mask)
{
	return backend->ops->wait(backend, events, max, timeout_ns, mask);
}

/* bc_backend_close - end all requests and free it. NULL is allowed. */
static inline void bc_backend_close(struct bc_backend *backend)
{
	if (backend)
		backend->ops->close(backend);
}

#endif
