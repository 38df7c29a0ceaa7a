/* SPDX-License-Identifier: MIT */
/*
 * lane_link.pml - an egress thread and the daemon's: src/lane_link.h,
 * receivers_positions() of receivers.c, report() and take_news() of
 * lane_thread.c.
 *
 * The daemon publishes one unit at a time, where the floor permits, and gives
 * the lane newcomers at the tail. The lane takes them, sends, loses receivers,
 * reports, and sleeps when it has nothing to send. No ticks: they are a second
 * net.
 *
 * Claims: no byte is overwritten that a receiver, taken or not, still needs;
 * and neither sleeps for ever while the other waits for it.
 *
 * Memory: a report of the floor and the wish for one are pending until memory()
 * shows them. The other words are release stores that nobody races with a load.
 *
 * Broken on purpose, each must fail:
 *	TAKEN_FIRST		counted as taken before the floor is lowered
 *	NO_NEWCOMERS		those not taken yet are not counted in
 *	FLOOR_FIRST		the floor is read before `taken`
 *	NO_LANE_FENCE		the wish may be looked for before the report
 *	NO_DAEMON_FENCE		the report may be read before the wish is seen
 *	NO_SECOND_LOOK		asleep with what was read before the wish
 *	SINCE_TOLD		told only what differs from what was last told
 *	SEEN_LATE		the lane's bell is read after the news
 */
#define C 2
#define LAST 5
#define NEWCOMERS 2
#define NONE 100

byte tail, bell, given, taken;
byte floor = NONE, floor_next = NONE;
bool floor_pending;
bool wanted, wanted_next, wanted_pending, told, over;
byte joined[NEWCOMERS];		/* where they were given */
byte cursor[NEWCOMERS] = NONE;	/* the truth: what each needs */

active proctype memory()
{
end:
	do
	:: atomic { floor_pending -> floor = floor_next; floor_pending = false }
	:: atomic { wanted_pending -> wanted = wanted_next;
		    wanted_pending = false }
	od
}

inline look(least, t)
{
#ifdef FLOOR_FIRST
	least = floor;
	t = taken;
#else
	t = taken;
	least = floor;
#endif
#ifndef NO_NEWCOMERS
	if
	:: t < given && joined[t] < least -> least = joined[t]
	:: else
	fi;
#endif
	skip
}

/* May the unit at the tail be written, over the one C before it? */
#define ROOM(least) (least == NONE || tail + 1 <= least + C)

active proctype daemon()
{
	byte least, t;

	do
	:: tail < LAST ->
		look(least, t);
		if
		:: !ROOM(least) ->
			atomic { !wanted_pending -> wanted_next = true;
				 wanted_pending = true };
#ifndef NO_DAEMON_FENCE
			!wanted_pending;
#endif
#ifndef NO_SECOND_LOOK
			look(least, t);
#endif
			if
			:: ROOM(least)
			:: else -> atomic { told -> told = false }
			fi
		:: else ->
			/* overwritten from here on */
			assert(cursor[0] == NONE || tail + 1 <= cursor[0] + C);
			assert(cursor[1] == NONE || tail + 1 <= cursor[1] + C);
			tail++;
			bell++
		fi
	:: given < NEWCOMERS ->
		atomic { joined[given] = tail; cursor[given] = tail };
		given++;
		bell++
	:: tail == LAST && given == NEWCOMERS -> break
	od;
	over = true;
	bell++
}

inline store_floor(value)
{
	atomic {
		!floor_pending ->
		if
		:: floor_next != value ->
			floor_next = value;
			floor_pending = true
		:: else
		fi
	}
}

/* The lane's own cursors, of those that it has taken. */
#define MINE(i) (i < taken && cursor[i] != NONE)

inline lowest(value)
{
	value = NONE;
	if
	:: MINE(0) -> value = cursor[0]
	:: else
	fi;
	if
	:: MINE(1) && cursor[1] < value -> value = cursor[1]
	:: else
	fi
}

inline take()
{
	do
	:: taken < given ->
#ifdef TAKEN_FIRST
		taken++;
		if
		:: joined[taken - 1] < floor_next ->
			store_floor(joined[taken - 1])
		:: else
		fi
#else
		if
		:: joined[taken] < floor_next -> store_floor(joined[taken])
		:: else
		fi;
		/* a release store: after the one before it */
		!floor_pending;
		taken++
#endif
	:: else -> break
	od
}

active proctype lane()
{
	byte seen, news, value, last = NONE;
	bool changed;

	do
	:: true ->
#ifndef SEEN_LATE
		seen = bell;
#endif
		take();
		news = tail;
#ifdef SEEN_LATE
		seen = bell;
#endif
		/* a send, or its end, or that of the receiver */
		do
		:: MINE(0) && cursor[0] < news -> cursor[0] = cursor[0] + 1
		:: MINE(1) && cursor[1] < news -> cursor[1] = cursor[1] + 1
		:: MINE(1) -> cursor[1] = NONE
		:: break
		od;
		lowest(value);
		changed = floor_next != value;
#ifdef SINCE_TOLD
		changed = last != value;
#endif
		store_floor(value);
#ifndef NO_LANE_FENCE
		!floor_pending;
#endif
		if
		:: wanted && changed ->
			last = value;
			atomic { !wanted_pending -> wanted_next = false;
				 wanted_pending = true };
			told = true
		:: else
		fi;
		if
		:: over && taken == given -> break
		/* with something to send it does not sleep */
		:: !over && !(MINE(0) && cursor[0] < news) &&
		   !(MINE(1) && cursor[1] < news) -> bell != seen
		:: else
		fi
	od
}
