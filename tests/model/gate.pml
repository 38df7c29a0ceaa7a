/* SPDX-License-Identifier: MIT */
/*
 * gate.pml - a gating reader: shm/gate.c, reserve() and sleep_for_gates() of
 * shm/writer.c, bcast_gate() and bc_node_report_cursor().
 *
 * The writer publishes one unit at a time and waits where a gate needs the
 * room. The reader sets its gate up at any moment, at the tail or behind it,
 * reads on, and at any moment ends the gate. No time-outs: the slices of the
 * code are a second net. (Nor is the writer woken less often than for each
 * unit, as it is in the code, where the slices stand for the rest.)
 *
 * Claims: a gating reader that had room for one reservation more when it
 * looked at head.reserved is never lapped, and never uses a byte that is being
 * overwritten; the writer does not sleep for ever.
 *
 * Memory: stores are pending until memory() shows them, in any order; an
 * atomic read-modify-write waits for the pending stores of its process, as
 * does a full fence. The heavy fence waits for those of both (sleepers.h).
 *
 * Broken on purpose, each must fail:
 *	NO_WRITER_FENCE		reserved may be seen after the look at gates
 *	NO_READER_FENCE		the gate may be seen after the look at reserved
 *	NO_HEAVY_FENCE		the writer's wish may be seen after its look
 *	CURSOR_EARLY		the cursor is stored before the use
 *	NO_WAKE_AT_END		who ends its gate wakes nobody
 *	NO_MARGIN		claimed without that room
 */
#define C 3
#define LAST 6
#define ALL 100

byte reserved, tail, cursor, moved;
bool gating, wanted, queued;
byte written;	/* the truth: the writer has begun to write up to here */

byte reserved_next, tail_next, cursor_next;
bool reserved_pending, tail_pending, wanted_pending, wanted_next;
bool cursor_pending, gating_pending;

#define WRITER_VISIBLE (!reserved_pending && !tail_pending && !wanted_pending)
#define READER_VISIBLE (!cursor_pending && !gating_pending)

active proctype memory()
{
end:
	do
	:: atomic { reserved_pending -> reserved = reserved_next;
		    reserved_pending = false }
	/* a release store: after those before it */
	:: atomic { tail_pending && !reserved_pending -> tail = tail_next;
		    tail_pending = false }
	:: atomic { wanted_pending -> wanted = wanted_next;
		    wanted_pending = false }
	:: atomic { cursor_pending -> cursor = cursor_next;
		    cursor_pending = false }
	:: atomic { gating_pending -> gating = true;
		    gating_pending = false }
	od
}

/* bc_gates_floor() + capacity; who was lapped holds nobody up. */
inline look(limit)
{
	if
	:: !gating -> limit = ALL
	:: gating ->
		limit = cursor;
		if
		:: reserved_next > limit + C -> limit = ALL
		:: else -> limit = limit + C
		fi
	fi
}

inline want(value)
{
	atomic { !wanted_pending -> wanted_next = value;
		 wanted_pending = true }
}

active proctype writer()
{
	byte at = 0, limit, seen;

	do
	:: at == LAST -> break
	:: at < LAST ->
again:
		look(limit);
		if
		:: at + 1 > limit ->
			seen = moved;
			want(true);
#ifndef NO_HEAVY_FENCE
			WRITER_VISIBLE && READER_VISIBLE;
#endif
			look(limit);
			if
			:: at + 1 > limit ->
				atomic {
					if
					:: moved == seen -> queued = true
					:: else
					fi
				};
				!queued
			:: else
			fi;
			want(false);
			goto again
		:: else
		fi;
		atomic {
			if
			:: at + 1 > reserved_next ->
				reserved_next = at + 1;
				reserved_pending = true
			:: else
			fi };
#ifndef NO_WRITER_FENCE
		WRITER_VISIBLE;
#endif
		look(limit);
		if
		:: at + 1 > limit -> goto again
		:: else
		fi;
		written = at + 1;
		at++;
		atomic { tail_next = at; tail_pending = true }
	od
}

inline tell()
{
	atomic { READER_VISIBLE -> moved++; queued = false }
}

active proctype reader()
{
	byte position, last;
	bool sure;

	if
	:: position = 0
	:: position = tail
	fi;
	cursor_next = position;
	cursor_pending = true;
#ifdef NO_READER_FENCE
	cursor_pending == false;
	gating_pending = true;
#else
	atomic { READER_VISIBLE -> gating = true };
#endif
	last = reserved;
	if
	:: last > position + C -> goto leave
	:: else
	fi;
#ifdef NO_MARGIN
	sure = true;
#else
	sure = last + 1 <= position + C;
#endif
	do
	:: break /* it is done, or has had enough */
	:: position < LAST && tail > position ->
#ifdef CURSOR_EARLY
		atomic { !cursor_pending -> cursor_next = position + 1;
			 cursor_pending = true };
#endif
		assert(!sure || written <= position + C);
		assert(!sure || written <= position + C);
		last = reserved;
		assert(!sure || last <= position + C);
		if
		:: last > position + C -> break
		:: else
		fi;
		position++;
#ifndef CURSOR_EARLY
		atomic { !cursor_pending -> cursor_next = position;
			 cursor_pending = true };
#endif
		if
		:: wanted -> tell()
		:: else
		fi
	od;
leave:
	atomic { READER_VISIBLE -> gating = false };
#ifndef NO_WAKE_AT_END
	if
	:: wanted -> tell()
	:: else
	fi
#endif
}
