/* SPDX-License-Identifier: MIT */
/*
 * lease.pml - the write lease: struct bc_lease_shm, shm/lease.c, one writer at a
 * time.
 *
 * Processes join a slot (they hold its OFD lock for life), take the lease,
 * write a record, give the lease back, leave or stay; each can be killed
 * between any two steps. Slots are fewer than processes, so they are used
 * again. A daemon is the same thing: its slot is the owner's byte, its
 * generation the incarnation.
 *
 * The lease is an OFD lock on a byte of its own (BC_LEASE_LOCK). The word says
 * who has it, to be shown: nothing has to be proved, and no page can lie. It
 * costs a system call at taking and giving, none at a record.
 *
 * Claims: never two living processes that both believe to hold the lease; no
 * reader sees a record that was not written to its end; when all is quiet and
 * nobody alive holds the lease, whoever asks gets it; and the word of a holder
 * stays until it gives the lease back.
 *
 * Broken on purpose, each must fail:
 *	NO_LOCK			a taker asks whether it is locked, and believes
 *				the answer for longer than it is true
 *	UNLOCKS_FIRST		give: the lock, then the word: the next one's
 *	FREED_BLINDLY		with ADOPTER: an adopting daemon that finds the
 *				holder dead stores 0 instead of swapping it in
 *	TAIL_FIRST		tail before the bytes: a death in between
 *
 * Rejected: the word as the lease, taken by compare-and-swap from 0 or from a
 * holder proved dead by its slot's lock and generation. It held in this model;
 * but node.claim is in pages that every node can write, so a faulty one could
 * have a living holder declared dead.
 */
#ifndef LIVES
#define LIVES 3 /* processes */
#endif
#ifndef ROUNDS
#define ROUNDS 1 /* times that each asks */
#endif
#define SLOTS 2
#ifndef DEATHS
#define DEATHS 2
#endif

#define CELLS (2 * LIVES * ROUNDS + 2)

/* Words in shared memory. */
byte holder;		 /* lease.holder */
byte tail;		 /* head.tail, in cells */
byte cell[CELLS];	 /* the ring; a record is two cells */
byte generation[SLOTS + 1]; /* node.claim's low half */

/* What the kernel knows. */
byte slot_lock[SLOTS + 1]; /* 0, or process + 1 */
byte lease_lock;

/* What only this model knows. Process LIVES is the last one, who checks. */
bool killed[LIVES], finished[LIVES], believes[LIVES + 1];
byte believers;

#define WORD(s, g) ((g) * 4 + (s) + 1)
#define WORD_SLOT(w) (((w) - 1) % 4)

#define BELIEVE(id) \
	believes[id] = true; believers++; assert(believers == 1)

/* Take a free slot's byte (F_OFD_SETLK), then make the tenancy known. */
inline join(id)
{
	if
	:: atomic { slot_lock[0] == 0 -> slot = 0; slot_lock[0] = id + 1 }
	:: atomic { slot_lock[1] == 0 -> slot = 1; slot_lock[1] = id + 1 }
	:: slot_lock[0] != 0 && slot_lock[1] != 0 -> goto gone /* full */
	fi;
	generation[slot]++;
	my_word = WORD(slot, generation[slot])
}

/* Leaves `got` as 1 when the lease is ours, 0 when it is another's. */
inline take(id)
{
#ifdef NO_LOCK
	got = lease_lock == 0;		/* F_OFD_GETLK */
	if
	:: got -> atomic { lease_lock = id + 1; BELIEVE(id) }
	:: else
	fi;
#else
	atomic {	/* F_OFD_SETLK */
		if
		:: lease_lock == 0 -> lease_lock = id + 1; got = true;
			BELIEVE(id)
		:: else -> got = false
		fi
	};
#endif
	if
	:: got -> holder = my_word
	:: else
	fi
}

inline give(id)
{
	atomic {
		assert(holder == my_word);
		believes[id] = false; believers--
	};
#ifdef UNLOCKS_FIRST
	lease_lock = 0;
	holder = 0
#else
	holder = 0;
	lease_lock = 0
#endif
}

/* One record: bc_ring_reserve, bytes, bc_ring_publish. */
inline write(id)
{
	at = tail;
#ifdef TAIL_FIRST
	tail = at + 2;
#endif
	cell[at] = id + 1;
	cell[at + 1] = id + 1;
#ifndef TAIL_FIRST
	tail = at + 2;
#endif
	at = 0
}

active [LIVES] proctype process()
{
	byte id = _pid;
	byte slot, my_word, at, round = 0;
	bool got;

	{
		join(id);
		do
		:: round < ROUNDS ->
			round++;
			take(id);
			if
			:: !got
			:: got ->
				write(id);
				give(id)
			fi
		:: break
		od;
		if
		:: slot_lock[slot] = 0	/* leaves */
		:: skip			/* stays, and is alive */
		fi;
gone:		skip;
		d_step {
			finished[id] = true; slot = 0; my_word = 0;
			got = false; round = 0
		}
	} unless {
		/* the kernel: no more stores, then the locks go */
		killed[id];
		d_step {
			believers = believers - believes[id];
			believes[id] = false;
			if
			:: slot_lock[0] == id + 1 -> slot_lock[0] = 0
			:: slot_lock[1] == id + 1 -> slot_lock[1] = 0
			:: else
			fi;
			if
			:: lease_lock == id + 1 -> lease_lock = 0
			:: else
			fi;
			finished[id] = true;
			slot = 0; my_word = 0;
			at = 0; got = false; round = 0
		}
	}
}

/* SIGKILL, any time: who holds no lock leaves nothing behind anyhow. */
#define MAY_KILL(id) \
	atomic { \
		kills < DEATHS && !killed[id] && \
		(slot_lock[0] == id + 1 || slot_lock[1] == id + 1) -> \
		kills++; killed[id] = true \
	}

active proctype killer()
{
	byte kills = 0;

end:
	do
	:: MAY_KILL(0)
	:: MAY_KILL(1)
#if LIVES > 2
	:: MAY_KILL(2)
#endif
	od
}

/* What any reader would see of the newest record. */
active proctype reader()
{
end:
	do
	:: atomic {
		tail != 0 && (cell[tail - 1] == 0 ||
			      cell[tail - 1] != cell[tail - 2]) ->
		assert(false)	/* torn */
	   }
	od
}

#ifdef ADOPTER
bool adopted;

/* A daemon that takes over and tidies up; it does not want the lease itself. */
active proctype adopter()
{
	byte seen;

	seen = holder;
	if
	:: seen == 0 -> skip
	:: seen != 0 && slot_lock[WORD_SLOT(seen)] == 0 -> skip
	:: else -> goto done
	fi;
#ifdef FREED_BLINDLY
	holder = 0;
#else
	atomic {
		if
		:: holder == seen -> holder = 0
		:: else
		fi
	};
#endif
done:	adopted = true
}
#endif

/* When all is quiet: in a slot of its own, asks once. */
active proctype last()
{
	byte slot = SLOTS, my_word;
	bool got;

	finished[0] && finished[1] && finished[LIVES - 1];
#ifdef ADOPTER
	adopted;
#endif
	slot_lock[slot] = LIVES + 1;
	generation[slot]++;
	my_word = WORD(slot, generation[slot]);
	take(LIVES);
	assert(got)
}
