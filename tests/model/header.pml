/* SPDX-License-Identifier: MIT */
/*
 * header.pml - packets by record header: what a local publisher does instead of
 * storing tail for each record (BC_RULE_HEADER in layout.h; shm/record.h).
 *
 * The ring is units of 32 bytes. A record is a header, with or without one
 * unit of payload. A reader that stands at a position expects a sequence; the
 * header says that the record is there when it carries it. Payload is whatever
 * a peer likes, so read as a header it may carry any sequence: FORGED.
 *
 * Holders of the lease follow one another: publishers, who may be killed at
 * any step and whose tail lags behind, and the daemon with a TCP sender, whose
 * receive writes unchecked bytes at tail before anybody can look at them.
 * Memory is that of ring.pml: stores pending, seen in any order.
 *
 * Claims: no reader accepts a record that was not published; what one holder
 * has published, the next does not write again.
 *
 * The rule that this needs: publish_rule is not the rule alone but counts its
 * changes as well, and a reader reads it before the header and after it, and
 * believes the header only if both agree.
 * To look once, after the header, is not enough: a forged header can be loaded
 * in a time of 'by tail', and the rule in the next time of 'by header'.
 *
 * Broken on purpose, each must fail:
 *	RULE_AFTER_ONLY		the rule is read after the header only
 *	RULE_BEFORE_ONLY	the rule is read before the header only
 *	RULE_UNCOUNTED		read twice, but the word says the rule only
 *	RULE_LATE		'by tail' is stored after the receive
 *	NEXT_NOT_MARKED		the next header is not made invalid first
 *	SWITCH_NOT_MARKED	nor that at tail, before 'by header' begins
 *	RESERVED_SHORT		reserved does not cover the marked header
 *	TAIL_TOO_FAR		tail lags behind reserved by more than the
 *				capacity: the taker finds nothing to walk
 *	NO_WALK			a taker begins at tail, not behind the records
 *				that the dead had published
 */
#define UNITS 4
#ifndef LAST
#define LAST 6	   /* publishing stops at or beyond */
#endif
#define HOLDERS 3

#define INVALID 0
#define HEADER(seq, size) (1 + (seq) * 2 + (size) - 1)
#define PAYLOAD(p) (64 + (p))
#define FORGED(v) ((v) >= 64)
#define SEQUENCE(v) (((v) - 1) / 2)
#define SIZE(v) (FORGED(v) -> 1 : ((v) - 1) % 2 + 1)
#define CARRIES(v, seq) (FORGED(v) || ((v) > 0 && SEQUENCE(v) == (seq)))

/* As everybody sees them. */
byte ring[UNITS], reserved, tail;
byte rule = 1; /* twice the changes, + 1: by header */
#define BY_HEADER(r) ((r) % 2 == 1)

byte pending;
bool reserved_pending, tail_pending, rule_pending, ring_pending[UNITS];
byte reserved_next, tail_next, rule_next, ring_next[UNITS];

/*
 * The sequence that belongs to tail. In the code two words around tail, read as
 * one with it (tail.pml); here they are one.
 */
byte tail_sequence, tail_sequence_next;

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
#define STORE_UNIT(p, v) \
	atomic { \
		!ring_pending[(p) % UNITS]; \
		ring_next[(p) % UNITS] = v; \
		ring_pending[(p) % UNITS] = true; pending++ \
	}
#define SEE_UNIT(at) \
	atomic { \
		ring_pending[at] -> ring[at] = ring_next[at]; \
		ring_next[at] = 0; ring_pending[at] = false; pending-- \
	}
#define RELEASE (pending == 0)

active proctype memory()
{
end:
	do
	:: SEE(reserved)
	:: atomic {
		tail_pending -> tail = tail_next;
		tail_sequence = tail_sequence_next;
		tail_next = 0; tail_sequence_next = 0;
		tail_pending = false; pending--
	   }
	:: SEE(rule)
	:: SEE_UNIT(0)
	:: SEE_UNIT(1)
	:: SEE_UNIT(2)
	:: SEE_UNIT(3)
	od
}

inline reserve(limit)
{
	if
	:: limit > my_reserved -> my_reserved = limit; STORE(reserved, limit)
	:: else
	fi;
	RELEASE
}

inline flush()
{
	RELEASE;
	my_tail = at;
	atomic {
		!tail_pending;
		tail_next = at; tail_sequence_next = sequence;
		tail_pending = true; pending++
	}
}

#ifdef RULE_UNCOUNTED
#define RULE(count, by_header) (by_header)
#else
#define RULE(count, by_header) (2 * (count) + (by_header))
#endif

/* The holders of the lease, one after the other. */
active proctype holders()
{
	byte at = 0, sequence = 0, my_tail = 0, my_reserved = 0;
	byte changes = 0, size, n = 0;
	byte published = 0; /* known to this model only: where it ends */

	do
	:: n == HOLDERS || at >= LAST -> break
	:: else ->
		n++;
		/*
		 * Take over. The dead's stores are all there. Behind tail
		 * there may be records; by the header rule readers have them.
		 */
		RELEASE;
		at = tail; sequence = tail_sequence; my_tail = at;
#ifndef NO_WALK
		do
		:: BY_HEADER(rule) && CARRIES(ring[at % UNITS], sequence) ->
			at = at + SIZE(ring[at % UNITS]);
			sequence++
		:: else -> break
		od;
#endif
		assert(at == published);
		if
		:: goto publisher
		:: goto receiver
		fi;

publisher:	/* bcast_claim, bcast_commit */
		if
		:: BY_HEADER(rule)
		:: else ->
#ifndef SWITCH_NOT_MARKED
			reserve(at + 1);
			STORE_UNIT(at, INVALID);
#endif
			RELEASE;
			changes++;
			STORE(rule, RULE(changes, 1));
			RELEASE
		fi;
		do
		:: at < LAST ->
			if
			:: size = 1
			:: size = 2
			fi;
#ifndef TAIL_TOO_FAR
			if
			:: at + size + 1 - my_tail > UNITS -> flush()
			:: else
			fi;
#endif
#ifdef RESERVED_SHORT
			reserve(at + size);
#else
			reserve(at + size + 1);
#endif
			if
			:: size == 2 -> STORE_UNIT(at + 1, PAYLOAD(at + 1))
			:: else
			fi;
#ifndef NEXT_NOT_MARKED
			STORE_UNIT(at + size, INVALID);
#endif
			if
			:: break	/* killed, or aborted */
			:: skip
			fi;
			RELEASE;
			STORE_UNIT(at, HEADER(sequence, size));
			at = at + size; sequence++; published = at;
			/* tail follows, now or later */
			if
			:: flush()
			:: skip
			fi
		:: break	/* gives back, or is killed */
		od;
		size = 0;
		goto next;

receiver:	/* ingest: the rule, the receive, the check in place */
		if
		:: !BY_HEADER(rule)
		:: else ->
			flush();
#ifndef RULE_LATE
			RELEASE;
			changes++;
			STORE(rule, RULE(changes, 0))
#endif
		fi;
		reserve(at + 2);
		STORE_UNIT(at, PAYLOAD(at));
		STORE_UNIT(at + 1, PAYLOAD(at + 1));
#ifdef RULE_LATE
		RELEASE;
		if
		:: !BY_HEADER(rule)
		:: else -> changes++; STORE(rule, RULE(changes, 0))
		fi;
#endif
		if
		:: STORE_UNIT(at, HEADER(sequence, 2));
		   RELEASE;
		   at = at + 2; sequence++; published = at;
		   flush()
		:: skip	/* a bad packet: the connection is closed */
		fi;
next:		skip
	od
}

/* bcast_peek and bcast_consume of a stream of packets. */
active proctype reader()
{
	byte position = 0, sequence = 0;
	byte before, header, payload;

end:
	do
	:: d_step { before = 0; header = 0; payload = 0 };
	   before = rule;
end_nothing:
	   if
#ifdef RULE_AFTER_ONLY
	   :: true ->
#else
	   :: BY_HEADER(before) ->
#endif
		header = ring[position % UNITS];
		if
		:: CARRIES(header, sequence)
		:: else -> goto next	/* nothing yet, or lapped */
		fi;
#ifdef RULE_AFTER_ONLY
		if
		:: BY_HEADER(rule)
		:: else -> goto next
		fi
#else
#ifndef RULE_BEFORE_ONLY
		if
		:: rule == before
		:: else -> goto next
		fi
#endif
#endif
#ifdef RULE_AFTER_ONLY
	   :: tail > position ->
#else
	   :: !BY_HEADER(before) && tail > position ->
#endif
		header = ring[position % UNITS]
	   :: position < tail && reserved - position > UNITS ->
		goto lapped
	   fi;
	   if
	   :: SIZE(header) == 2 -> payload = ring[(position + 1) % UNITS]
	   :: else
	   fi;
	   if
	   :: reserved - position > UNITS -> goto lapped
	   :: else
	   fi;
	   atomic {
		assert(!FORGED(header) && header == HEADER(sequence, 1) ||
		       header == HEADER(sequence, 2) &&
		       payload == PAYLOAD(position + 1));
		position = position + SIZE(header); sequence++
	   }
	   goto next;
lapped:	   atomic { position = tail; sequence = tail_sequence };
next:	   skip
	od
}
