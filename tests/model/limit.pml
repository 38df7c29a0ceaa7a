/* SPDX-License-Identifier: MIT */
/*
 * limit.pml - lease.limit against head.reserved: reserve() of shm/writer.c,
 * local_admit() and set_limit() of src/local.c.
 *
 * A publisher writes without asking, up to its bound: the less of what it has
 * reserved and of the limit that the daemon last told it. While nobody is sent
 * to there is no limit. Then a receiver connects. The daemon tells the limit
 * that the tail it knows allows, fences, and looks for the tail again: there the
 * receiver begins. The publisher stores reserved, fences, and looks at the limit
 * again. One of them sees the other: the publisher stays below, or the daemon
 * begins so far on that all that was reserved before is behind it.
 *
 * Positions are units; the unit at p overwrites the one at p - CAPACITY. Stores
 * of both sides stay pending until a fence, so both may look before the other's
 * store is seen. What the daemon looks at is the tail, which the publisher has
 * flushed before it reserves: nothing is reserved that is more than a ring
 * behind it.
 *
 * Claim: no unit is overwritten that the receiver has not got yet.
 *
 * Broken on purpose, each must fail:
 *	NO_WRITER_FENCE		the publisher looks at the limit before its
 *				tail can be seen
 *	NO_DAEMON_FENCE		the daemon looks for the tail before its limit
 *				can be seen
 *	NO_SECOND_LOOK		the publisher does not look at the limit again
 *	NO_NEW_TAIL		the receiver begins at the tail known before
 *	NO_FLUSH		the publisher reserves from where it is, and its
 *				tail follows later
 *	LIMIT_EARLY		the limit grows before the send is over
 */
#define CAPACITY 4
#define STEP	 3
#define LAST	 9 /* positions */
#define NONE	 99

byte tail, reserved, limit = NONE;
bool tail_pending, reserved_pending, limit_pending;
byte tail_next, reserved_next, limit_next;

#define MIN(a, b) ((a) < (b) -> (a) : (b))

#define STORE(word, v) \
	atomic { \
		!word##_pending; \
		word##_next = v; word##_pending = true \
	}
#define SEE(word) \
	atomic { \
		word##_pending -> word = word##_next; \
		word##_next = 0; word##_pending = false \
	}

byte cursor = NONE; /* of the receiver; NONE: nobody is sent to */

active proctype memory()
{
end:
	do
	:: SEE(tail)
	:: SEE(limit)
	:: SEE(reserved)
	od
}

/* bc_writer_room, bc_writer_show; a flush now and then */
active proctype publisher()
{
	byte at = 0, bound = 0, my_reserved = 0, told, wanted;

	do
	:: at == LAST -> STORE(tail, at); break
	:: at < LAST && at + 1 <= bound ->
		/* the write */
		assert(cursor == NONE || at < CAPACITY ||
		       at - CAPACITY < cursor);
		at++;
		if
		:: STORE(tail, at)
		:: skip	/* later */
		fi
	:: at < LAST && at + 1 > bound ->
#ifndef NO_FLUSH
		STORE(tail, at);
#endif
		told = limit;
		if
		:: at + 1 > told -> goto next
		:: else
		fi;
		/* reserve(): from the flushed tail on */
		wanted = MIN(MIN(at + 1 + STEP, told), at + CAPACITY);
		if
		:: wanted > my_reserved ->
			my_reserved = wanted;
			STORE(reserved, wanted)
		:: else
		fi;
#ifndef NO_WRITER_FENCE
		!tail_pending && !reserved_pending;
#endif
#ifdef NO_SECOND_LOOK
		bound = wanted;
#else
		bound = MIN(wanted, limit);
#endif
next:		skip;
		d_step { told = 0; wanted = 0 }
	od
}

/* egress_join, local_admit; then sends of a unit each, and local_pace */
active proctype daemon()
{
	byte known, i = 0;

	/* local_follow, some time ago */
	known = tail;
	STORE(limit, known + CAPACITY);
#ifndef NO_DAEMON_FENCE
	!limit_pending;
#endif
#ifndef NO_NEW_TAIL
	known = tail;
#endif
	cursor = known;
	do
	:: cursor < LAST ->
		tail > cursor;	/* something to send */
#ifdef LIMIT_EARLY
		STORE(limit, cursor + 1 + CAPACITY);
		cursor++
#else
		cursor++;
		STORE(limit, cursor + CAPACITY)
#endif
	:: else -> break
	od
}
