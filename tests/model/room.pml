/* SPDX-License-Identifier: MIT */
/*
 * room.pml - who sleeps on an inbox's room, and how it is woken: room_awaited
 * and room of struct bc_inbox_shm; bc_inbox_await_room() and set_head().
 *
 * Two senders that need one and three cells of a full inbox of four, one reader
 * that takes a cell at a time and then stops. It wakes when two are free, or
 * all. Sleeping is as the kernel does it: the word is compared and the sleeper
 * queued in one step.
 *
 * Claim: once the reader has taken all, nobody sleeps (else: invalid end
 * state). In the code a sleep that nobody ends is one of 100 ms, so this is
 * about speed; and it is what lets the flag be a flag and not a count, which a
 * sender that dies asleep would leave too high for ever.
 *
 * Each step is one access to memory, and steps are in one order: all that
 * matters stands on both sides of a full fence, or of an atomic addition.
 *
 * Broken on purpose, each must fail:
 *	SEEN_LATE	the sender sets the flag, then reads the word
 *	LOOK_FIRST	the sender looks for room, then sets the flag
 *	CLEAR_LATE	the reader counts and wakes, then clears the flag
 *	CLEAR_EARLY	the reader clears the flag although it does not wake
 */
#define SENDERS 2
#define CELLS 4

byte used = CELLS;
byte room;
bool awaited;
bool asleep[SENDERS];

inline look()
{
	free = CELLS - used
}

active [SENDERS] proctype sender()
{
	byte need = 2 * _pid + 1;
	byte seen, free;

	do
	:: true ->
#ifdef LOOK_FIRST
		look();
		if
		:: free >= need -> break
		:: else
		fi;
#endif
#ifdef SEEN_LATE
		awaited = true;
		seen = room;
#else
		seen = room;
		awaited = true;
#endif
#ifndef LOOK_FIRST
		look();
		if
		:: free >= need -> break
		:: else
		fi;
#endif
		/* FUTEX_WAIT */
		atomic {
			if
			:: room == seen -> asleep[_pid] = true
			:: else
			fi
		};
		!asleep[_pid];
		d_step { seen = 0; free = 0 }
	od
}

active proctype reader()
{
	do
	:: used == 0 -> break
	:: else ->
		used = used - 1;
		if
		:: !awaited
		:: awaited && used != 0 && CELLS - used < 2 ->
#ifdef CLEAR_EARLY
			awaited = false
#else
			skip
#endif
		:: awaited && (used == 0 || CELLS - used >= 2) ->
#ifndef CLEAR_LATE
			awaited = false;
#endif
			room = room + 1;
			/* FUTEX_WAKE */
			atomic {
				asleep[0] = false;
				asleep[1] = false
			};
#ifdef CLEAR_LATE
			awaited = false
#endif
		fi
	od
}
