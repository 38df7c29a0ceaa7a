/* SPDX-License-Identifier: MIT */
/* uring_setup.c - see uring_setup.h. */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "net/uring_setup.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Everything that is needed came with Linux 6.1 or before. */
static const uint8_t needed[] = {
	IORING_OP_ACCEPT,   IORING_OP_RECV,	    IORING_OP_SEND,
	IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL,
};

static const uint8_t useful[] = {
	BC_IORING_OP_FUTEX_WAIT, BC_IORING_OP_FUTEX_WAKE, IORING_OP_SEND_ZC,
	IORING_OP_TIMEOUT,	 IORING_OP_POLL_REMOVE,
};

static const uint8_t registrations[] = {
	IORING_REGISTER_BUFFERS,     IORING_REGISTER_BUFFERS2,
	IORING_UNREGISTER_BUFFERS,   IORING_REGISTER_PBUF_RING,
	IORING_UNREGISTER_PBUF_RING,
};

/* ---- Make -------------------------------------------------------------- */

static int probe(struct bc_uring_setup *setup)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(setup->ring);

	if (!probe)
		return -ENOMEM;
	for (unsigned op = 0; op < BC_URING_SETUP_OPS; op++)
		setup->known[op] = io_uring_opcode_supported(probe, (int)op);
	io_uring_free_probe(probe);
	for (size_t i = 0; i < COUNT(needed); i++)
		if (!setup->known[needed[i]])
			return -ENOSYS;
	setup->has_futex = setup->known[BC_IORING_OP_FUTEX_WAIT] &&
			   setup->known[BC_IORING_OP_FUTEX_WAKE];
	return 0;
}

int bc_uring_setup_make(struct bc_uring_setup *setup, unsigned entries,
			struct io_uring_params *params)
{
	int ret;

	params->flags |= IORING_SETUP_R_DISABLED;
	ret = io_uring_queue_init_params(entries, setup->ring, params);
	if (ret < 0)
		return ret;
	ret = probe(setup);
	if (ret < 0)
		io_uring_queue_exit(setup->ring);
	return ret;
}

/* ---- Enable ------------------------------------------------------------ */

static unsigned allow_operations(const struct bc_uring_setup *setup,
				 struct io_uring_restriction *list,
				 const uint8_t *operations, size_t count)
{
	unsigned used = 0;

	/* one that the kernel does not know would spoil the whole list */
	for (size_t i = 0; i < count; i++)
		if (setup->known[operations[i]])
			list[used++] = (struct io_uring_restriction){
				.opcode = IORING_RESTRICTION_SQE_OP,
				.sqe_op = operations[i],
			};
	return used;
}

/* Debian 12's liburing declares these two calls, but does not export them. */
static int call_register(const struct bc_uring_setup *setup, unsigned what,
			 const void *argument, unsigned count)
{
	long ret = syscall(__NR_io_uring_register, setup->ring->ring_fd, what,
			   argument, count);

	return ret < 0 ? -errno : 0;
}

static int restrict_to_list(const struct bc_uring_setup *setup)
{
	struct io_uring_restriction
		list[COUNT(needed) + COUNT(useful) + COUNT(registrations) + 1];
	unsigned count = allow_operations(setup, list, needed, COUNT(needed));

	count += allow_operations(setup, list + count, useful, COUNT(useful));
	for (size_t i = 0; i < COUNT(registrations); i++)
		list[count++] = (struct io_uring_restriction){
			.opcode = IORING_RESTRICTION_REGISTER_OP,
			.register_op = registrations[i],
		};
	list[count++] = (struct io_uring_restriction){
		.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED,
		.sqe_flags = IOSQE_CQE_SKIP_SUCCESS | IOSQE_BUFFER_SELECT,
	};
	return call_register(setup, IORING_REGISTER_RESTRICTIONS, list, count);
}

int bc_uring_setup_enable(struct bc_uring_setup *setup)
{
	setup->restricted = restrict_to_list(setup) == 0;
	return call_register(setup, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}
