/* SPDX-License-Identifier: MIT */
/*
 * daemon_sleep.pml - the daemon sleeps until a local process publishes:
 * local_sleep(), local_awake(), arm() of src/local.c; bc_writer_shown() of
 * shm/writer.h; announce() and give of shm/lease.c.
 *
 * The daemon's wait for the word is a request to the kernel. It stays armed
 * across turns of the loop, with the value that the word had when it was made,
 * while other events wake the daemon and send it to sleep again. A publisher
 * adds to the word and wakes only while daemon_sleeps says so; who takes the
 * lease does so in any case, since the daemon counts itself only while a local
 * process has it.
 *
 * Fences. The publisher's between its record and its look at daemon_sleeps is
 * light: its stores stay pending. The daemon's heavy one (membarrier) waits
 * until none of the publisher's is. If the publisher cannot register, its own
 * is full (UNREGISTERED), and the daemon, whose heavy fence then does not reach
 * it, has a full one of its own.
 *
 * Claim: once nothing more can happen, the daemon is not asleep while there is
 * a record that it has not seen. No time-out: the tick is a second net.
 *
 * Broken on purpose, each must fail:
 *	NO_HEAVY		no fence between counting and the last look
 *	HEAVY_FIRST		the fence, then the counting
 *	LOOK_FIRST		the last look before the counting
 *	NO_ANNOUNCE		taking the lease does not move the word
 *	LOCAL_FIRST		is one local? asked before the word is read
 *	SEEN_LATE		the word is read after the last look
 *	NEVER_DISARMED		the end of the wait is not noted
 *	LIGHT_UNREGISTERED	a publisher that is not registered, with a light
 *				fence
 */
#define RECORDS 3
#define OTHERS	2 /* events that wake the daemon without news */

byte shown, count, sleeps;
bool by_node; /* the holder's word: a local process */
bool shown_pending;
byte shown_next;

/* the kernel's side of the one wait */
bool armed, event;
byte armed_at;
bool asleep;
byte known; /* records that the daemon has seen */

#ifdef LIGHT_UNREGISTERED
#define UNREGISTERED
#endif

active proctype memory()
{
end:
	do
	:: atomic {
		shown_pending -> shown = shown_next;
		shown_next = 0; shown_pending = false
	   }
	od
}

/* count += 1 (a read-modify-write: pending stores first), futex wake */
inline move_count()
{
	atomic { !shown_pending -> count++ };
	atomic {
		if
		:: armed -> armed = false; event = true
		:: else
		fi
	}
}

active proctype publisher()
{
	byte i = 0;

	/* bc_lease_take: the holder's word, then announce() */
	by_node = true;
#ifndef NO_ANNOUNCE
	move_count();
#endif
	do
	:: i == RECORDS -> break
	:: else ->
		i++;
		atomic {
			!shown_pending -> shown_next = i; shown_pending = true
		};
#ifdef UNREGISTERED
#ifndef LIGHT_UNREGISTERED
		!shown_pending;
#endif
#endif
		if
		:: sleeps == 1 -> move_count()
		:: else
		fi
	od
}

inline heavy()
{
#ifndef NO_HEAVY
#ifdef UNREGISTERED
	skip
#else
	if
	:: is_local -> !shown_pending
	:: else
	fi
#endif
#else
	skip
#endif
}

/* The last things before the sleep, and what they find. */
inline count_itself()
{
#ifdef HEAVY_FIRST
	heavy();
#endif
	if
	:: is_local -> sleeps = 1
	:: else
	fi;
#ifndef HEAVY_FIRST
	heavy()
#else
	skip
#endif
}

active proctype daemon()
{
	byte seen, others;
	bool is_local, news, believes_armed = false;

	if
	:: others = 0
	:: others = OTHERS
	fi;
	do
	:: /* a turn: dispatch, follow */
	   sleeps = 0;
	   if
#ifndef NEVER_DISARMED
	   :: event -> event = false; believes_armed = false
#else
	   :: event -> event = false
#endif
	   :: else
	   fi;
	   known = shown;
	   /* local_sleep */
#ifdef LOCAL_FIRST
	   is_local = by_node;
#endif
#ifndef SEEN_LATE
	   seen = count;
#endif
#ifndef LOCAL_FIRST
	   is_local = by_node;
#endif
#ifdef LOOK_FIRST
	   news = shown != known;
	   count_itself();
#else
	   count_itself();
	   news = shown != known;
#endif
#ifdef SEEN_LATE
	   seen = count;
#endif
	   if
	   :: news -> goto again
	   :: else
	   fi;
	   /* arm: the kernel compares under its lock */
	   if
	   :: believes_armed
	   :: else ->
		believes_armed = true;
		atomic {
			if
			:: count == seen -> armed = true; armed_at = seen
			:: else -> event = true
			fi
		}
	   fi;
	   asleep = true;
end_asleep:
	   if
	   :: atomic { event -> asleep = false }
	   :: atomic { others > 0 -> others--; asleep = false }
	   fi;
again:	   skip;
	   d_step { seen = 0; is_local = false; news = false }
	od
}

active proctype monitor()
{
end:
	timeout;
	assert(!asleep || known == shown)
}
