/* SPDX-License-Identifier: MIT */
/*
 * tail.pml - the tail and its number: bc_record_flush(), bc_record_tail(),
 * bc_record_takeover(), bc_record_set_rule() of shm/record.c, and
 * bc_record_publish() of shm/record.h.
 *
 * Records are shown by their headers, and the tail follows in flushes: three
 * stores, sequence_before, tail, sequence_after. Holders of the lease follow one
 * another; each may be killed between any two stores, in a record, in a flush,
 * and in the takeover itself. Joiners read the three words at any time.
 *
 * A holder is a local publisher, whose records are shown so, or a daemon: into
 * its ring a receive writes bytes that nobody has checked, FORGED (below) for
 * all one knows; it stamps one record or two in place, marks the place behind
 * them, where more such bytes may stand, flushes, and puts back what stood
 * there. Its records are published by the tail alone.
 *
 * Every record is one unit, so record n begins at n - 1, and each number can be
 * told right from wrong. What stands in a unit before it is written is bytes of
 * an earlier lap: FORGED, which reads as whatever number is looked for. Memory
 * is that of ring.pml: stores pending, seen in any order; RELEASE waits until
 * none is. header.pml has tail and number as one; here is why it may.
 *
 * A taker's flush goes where the dead one's was going: that one published nothing
 * more. So a death in there leaves no third number.
 *
 * Claims: a joiner that is told a number at a place is told the right one; a
 * taker goes on right behind what was published, with the right number.
 *
 * Broken on purpose, each must fail:
 *	BEFORE_ONLY		a taker trusts sequence_before
 *	AFTER_ONLY		a taker trusts sequence_after
 *	NEXT_NOT_MARKED		the next header is not made invalid: a taker
 *				takes old bytes at the tail for its record
 *	DAEMON_MARKS_NONE	bc_record_publish() leaves what stands behind
 *	PUT_BACK_EARLY		it puts it back before sequence_after is stored
 *	SWITCH_NOT_MARKED	a daemon's successor shows by header, and does
 *				not mark the place at the tail
 *	RULE_KEPT		a daemon leaves the rule as it was
 *	TAIL_FIRST		flush: tail, before, after
 *	AFTER_FIRST		flush: before, after, tail
 *	NO_RELEASE		the stores of a flush may be seen in any order
 *	READ_FORWARD		a joiner reads before, tail, after
 */
#define LAST	4 /* records */
#define HOLDERS 4

#define INVALID 0
#define FORGED	99
#define CARRIES(at, n) (header[at] == (n) || header[at] == FORGED)

byte before = 1, tail, after = 1;
byte header[LAST + 1] = FORGED;

bool by_header;
byte published; /* known to this model only */

byte pending;
bool before_pending, tail_pending, after_pending;
byte before_next, tail_next, after_next;

#define STORE(word, v) \
	atomic { \
		!word##_pending; \
		word##_next = v; word##_pending = true; pending++ \
	}
#define SEE(word) \
	atomic { \
		word##_pending -> word = word##_next; \
		word##_next = 0; word##_pending = false; pending-- \
	}
#ifdef NO_RELEASE
#define RELEASE true
#else
#define RELEASE (pending == 0)
#endif
#define MAY_DIE \
	if \
	:: goto next \
	:: skip \
	fi

active proctype memory()
{
end:
	do
	:: SEE(before)
	:: SEE(tail)
	:: SEE(after)
	od
}

/* from here on joiners may be told of it, and takers must find it */
inline move_tail()
{
	atomic {
		STORE(tail, at);
		if
		:: published < at -> published = at
		:: else
		fi
	}
}

/* bc_record_flush */
inline flush()
{
	RELEASE;
#ifdef TAIL_FIRST
	move_tail(); RELEASE; MAY_DIE;
	STORE(before, number); RELEASE; MAY_DIE;
	STORE(after, number)
#else
#ifdef AFTER_FIRST
	STORE(before, number); RELEASE; MAY_DIE;
	STORE(after, number); RELEASE; MAY_DIE;
	move_tail()
#else
	STORE(before, number); RELEASE; MAY_DIE;
	move_tail(); RELEASE; MAY_DIE;
#ifdef PUT_BACK_EARLY
	header[at] = FORGED; MAY_DIE;
#endif
	STORE(after, number)
#endif
#endif
}

/* sequence_at_tail */
inline look_at_tail()
{
#ifdef BEFORE_ONLY
	number = before;
#else
#ifdef AFTER_ONLY
	number = after;
#else
	if
	:: before != after && CARRIES(at, after) -> number = after
	:: else -> number = before
	fi;
#endif
#endif
}

/* what a local publisher does with the lease */
inline show_records()
{
	/* bc_record_set_rule */
	if
	:: !by_header ->
#ifndef SWITCH_NOT_MARKED
		header[at] = INVALID; MAY_DIE;
#endif
		by_header = true; MAY_DIE
	:: else
	fi;
	do
	:: at < LAST ->
#ifndef NEXT_NOT_MARKED
		header[at + 1] = INVALID;
		MAY_DIE;
#endif
		atomic { header[at] = number; published++ };
		at++; number++;
		if
		:: flush()
		:: skip
		fi;
		MAY_DIE
	:: break
	od;
	if
	:: flush()	/* bc_writer_close */
	:: skip
	fi
}

inline stamp()
{
	header[at] = number; MAY_DIE;
	at++; number++
}

/* what a daemon does with it */
inline receive_records()
{
#ifndef RULE_KEPT
	by_header = false; MAY_DIE;
#endif
	do
	:: at < LAST ->
		i = at;
		d_step {
			do
			:: i <= LAST -> header[i] = FORGED; i++
			:: else -> break
			od;
			i = 0
		};
		MAY_DIE;
		stamp();
		if
		:: at < LAST -> stamp()
		:: skip
		fi;
		/* bc_record_publish */
#ifndef DAEMON_MARKS_NONE
		header[at] = INVALID; MAY_DIE;
#endif
		flush(); MAY_DIE;
		header[at] = FORGED
	:: break
	od
}

active proctype holders()
{
	byte at = 0, number = 1, n = 0, i;

	do
	:: n == HOLDERS -> break
	:: else ->
		n++;
		/* bc_record_takeover: the dead one's stores are all there */
		pending == 0;
		at = tail;
		look_at_tail();
		assert(number == at + 1);
		do
		:: by_header && at < LAST && CARRIES(at, number) ->
			at++; number++
		:: else -> break
		od;
		assert(at == published && number == at + 1);
		flush();
		MAY_DIE;
		if
		:: show_records()
		:: receive_records()
		fi;
next:		skip
	od
}

/* bc_record_tail */
active proctype joiner()
{
	byte first, place, final;

end:
	do
	:: d_step { first = 0; place = 0; final = 0 };
#ifdef READ_FORWARD
	   first = before;
	   place = tail;
	   final = after;
#else
	   first = after;
	   place = tail;
	   final = before;
#endif
	   assert(first != final || final == place + 1)
	od
}
