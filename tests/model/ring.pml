/* SPDX-License-Identifier: MIT */
/*
 * ring.pml - shm/ring.h: one writer, readers that it does not know.
 *
 * Claims: a reader accepts no byte but the one that was published at that
 * position; what it is told it lost and what it accepted add up to what it
 * passed; a reported loss is never empty; bc_ring_look() never says NONSENSE
 * while the writer keeps its promises.
 *
 * Memory. spin runs one step at a time, so reordering is modelled by hand.
 * A store of the writer goes into a pending set, and memory() makes pending
 * stores visible in any order. A release fence, or the release of a release
 * store, is "go on when nothing is pending": for a thread that loads nothing
 * written by others this allows exactly the orders that the fence allows. A
 * release store does not hold back later stores, so the next `reserved` may be
 * seen before the last `tail`, as on real weak machines. On the reader's side
 * a load that no fence keeps back may be done before the loads in front of it.
 *
 * Readers write nothing shared, so that one shows all that two would; with
 * -DREADERS=2 -DCAPACITY=2 -DLAST=4 there are two all the same.
 *
 * Broken on purpose, each must fail:
 *	NO_WRITER_FENCE		no release fence after `reserved`
 *	NO_READER_FENCE		no acquire fence before the second `reserved`
 *	NO_TAIL_RELEASE		`tail` stored relaxed
 *	NO_TAIL_ACQUIRE		`tail` loaded relaxed
 *	RESERVED_LATE		`reserved` stored after the bytes
 *	TAIL_EARLY		`tail` stored before the bytes
 *	NO_RECHECK		the reader believes its first check
 *	OFF_BY_ONE		intact iff reserved - p <= capacity + 1
 *	LOSS_LOOKED_UP		the loss reported comes from another look at
 *				the head than the position moved to
 */
#ifndef CAPACITY
#define CAPACITY 4
#endif
#ifndef LAST
#define LAST 10	/* positions in all: two and a half laps */
#endif
#define LEAD 1	/* stands for capacity / 8 in bc_ring_resync() */
#ifndef READERS
#define READERS 1
#endif

#ifdef OFF_BY_ONE
#define INTACT_MAX (CAPACITY + 1)
#else
#define INTACT_MAX CAPACITY
#endif

/* The byte of position p; what is written but never published is JUNK. */
#define BYTE(p) ((p) + 1)
#define JUNK 99

/* As everybody sees them. */
byte ring[CAPACITY];
byte reserved, tail;

/* Stored by the writer and not yet seen by anybody else. */
byte pending;
bool reserved_pending, tail_pending, ring_pending[CAPACITY];
byte reserved_next, tail_next, ring_next[CAPACITY];

#define STORE_RESERVED(v) \
	atomic { \
		!reserved_pending; \
		reserved_next = v; reserved_pending = true; pending++ \
	}
#define STORE_TAIL(v) \
	atomic { \
		!tail_pending; \
		tail_next = v; tail_pending = true; pending++ \
	}
#define STORE_BYTE(at, v) \
	atomic { \
		!ring_pending[at]; \
		ring_next[at] = v; ring_pending[at] = true; pending++ \
	}
#define RELEASE (pending == 0)

#define SEE_BYTE(at) \
	atomic { \
		ring_pending[at] -> ring[at] = ring_next[at]; \
		ring_next[at] = 0; ring_pending[at] = false; pending-- \
	}

active proctype memory()
{
end:
	do
	:: atomic {
		reserved_pending -> reserved = reserved_next;
		reserved_next = 0; reserved_pending = false; pending--
	   }
	:: atomic {
		tail_pending -> tail = tail_next;
		tail_next = 0; tail_pending = false; pending--
	   }
	:: SEE_BYTE(0)
	:: SEE_BYTE(1)
#if CAPACITY > 2
	:: SEE_BYTE(2)
	:: SEE_BYTE(3)
#endif
	od
}

active proctype writer()
{
	byte my_tail = 0, my_reserved = 0;
	byte length, publish, i;

	do
	:: my_tail == LAST -> break
	:: else ->
		/* room for `length`, of which `publish` will have come */
		d_step { length = 0; publish = 0; i = 0 }
		if
		:: length = 1; publish = 1
		:: length = 2; publish = 1
		:: my_tail + 2 <= LAST -> length = 2; publish = 2
		:: length = CAPACITY; publish = 1
#if CAPACITY > 2
		:: my_tail + 3 <= LAST -> length = 3; publish = 3
#endif
		fi;

		/* bc_ring_reserve */
#ifndef RESERVED_LATE
		if
		:: my_tail + length > my_reserved ->
			my_reserved = my_tail + length;
			STORE_RESERVED(my_reserved)
		:: else
		fi;
#ifndef NO_WRITER_FENCE
		RELEASE;
#endif
#endif
#ifdef TAIL_EARLY
		my_tail = my_tail + publish;
		STORE_TAIL(my_tail);
		RELEASE;
		my_tail = my_tail - publish;
#endif
		/* the bytes, as a receive or a publisher writes them */
		do
		:: i < publish ->
			STORE_BYTE((my_tail + i) % CAPACITY,
				   BYTE(my_tail + i));
			i++
		:: i >= publish && i < length ->
			STORE_BYTE((my_tail + i) % CAPACITY, JUNK);
			i++
		:: i == length -> break
		od;
#ifdef RESERVED_LATE
		RELEASE;
		if
		:: my_tail + length > my_reserved ->
			my_reserved = my_tail + length;
			STORE_RESERVED(my_reserved)
		:: else
		fi;
#endif
		/* bc_ring_publish */
		my_tail = my_tail + publish;
#ifndef TAIL_EARLY
#ifndef NO_TAIL_RELEASE
		RELEASE;
#endif
		STORE_TAIL(my_tail)
#endif
	od
}

active [READERS] proctype reader()
{
	byte position = 0, accepted = 0, lost = 0;
	byte seen_tail, seen_reserved, n, i, target;
	bool wrong, early;

	do
	:: position == LAST -> break
	:: else ->
		d_step { wrong = false; early = false; i = 0; n = 0 }
#ifdef NO_TAIL_ACQUIRE
		/* the first byte may have been loaded before the tail */
		if
		:: early = true;
		   wrong = ring[position % CAPACITY] != BYTE(position)
		:: skip
		fi;
#endif
		/* bc_ring_look; EMPTY is to wait here */
		atomic { tail != position -> seen_tail = tail };
		assert(seen_tail > position);	/* else NONSENSE */
		seen_reserved = reserved;
		if
		:: seen_reserved - position > CAPACITY -> goto lapped
		:: else
		fi;
		assert(seen_tail - position <= CAPACITY);
		/* use some of the span, in place */
		if
		:: n = 1
		:: n = seen_tail - position
		fi;
#ifdef NO_TAIL_ACQUIRE
		if
		:: early -> i = 1
		:: else
		fi;
		early = false;
#endif
#ifdef NO_READER_FENCE
		/* nothing keeps this load behind those of the bytes */
		if
		:: early = true; seen_reserved = reserved
		:: skip
		fi;
#endif
		do
		:: i < n ->
			atomic {
				wrong = wrong || ring[(position + i) %
					CAPACITY] != BYTE(position + i);
				i++
			}
		:: else -> break
		od;
		/* bcast_consume: acquire fence, bc_ring_intact */
#ifndef NO_RECHECK
		if
		:: early
		:: else -> seen_reserved = reserved
		fi;
#endif
		if
		:: seen_reserved - position > INTACT_MAX -> goto lapped
		:: else
		fi;
		assert(!wrong);
		d_step {
			position = position + n;
			accepted = accepted + n;
			seen_tail = 0; seen_reserved = 0; target = 0
		};
		goto next;
lapped:
		/* bc_ring_resync: two loads, each by itself */
		target = reserved;
		target = (target > CAPACITY -> target - CAPACITY : 0) + LEAD;
		seen_tail = tail;
		if
		:: target > seen_tail -> target = seen_tail
		:: else
		fi;
		/* bc_client_look_lapped() */
		assert(target > position);
#ifdef LOSS_LOOKED_UP
		lost = lost + reserved - CAPACITY - position;
#else
		lost = lost + target - position;
#endif
		d_step {
			position = target;
			seen_tail = 0; seen_reserved = 0; target = 0
		};
next:		skip
	od;
	assert(accepted + lost == LAST)
}
