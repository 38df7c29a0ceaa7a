/* SPDX-License-Identifier: MIT */
/*
 * node_claim.pml - a slot of the registry: claim, the OFD locks on its life
 * and guard bytes, and on the byte of the id. shm/node.c, shm/node_sweep.c.
 *
 * Processes join (sweeping the dead that are in the way) and leave; each can
 * be killed between any two steps, also while it sweeps. A lister without a
 * slot sweeps as well. An observer (bc_node_info_read) takes no lock.
 *
 * Claims: a slot has at most one living tenant; nobody changes claim while
 * another is at it (asserted at each change, also where the code stores
 * blindly); what the observer accepts as the id of a tenancy (slot,
 * generation) is that tenant's whole id; no two living nodes have one id; when
 * all is quiet every slot that no living node has can be made FREE.
 *
 * The id changes only while claim is not JOINED, so the observer is safe if it
 * reads claim, the id, and claim again: same word, same tenancy. It needs no
 * sequence. Where there is nothing but a sequence (shm/text.c: facts, peers,
 * errors; -DTRUST_SEQUENCE) the writer has to begin with sequence | 1, not
 * with += 1: a dead one may have left it odd.
 *
 * Broken on purpose, each must fail:
 *	ONLY_JOINED		only JOINED is swept: what died as CLAIMED or
 *				SWEPT is lost for ever
 *	NO_GUARD		life bytes are taken, and slots swept, without
 *				the guard byte
 *	CLAIM_UNLOCKED		FREE -> CLAIMED first, then the life byte
 *	SWEEPS_ITSELF		a node sweeps through its own description, to
 *				which its own lock is no obstacle
 *	LEAVE_UNLOCKS_FIRST	a leaver gives the life byte back, then clears
 *	STATE_ONLY		the observer compares states, not generations
 *	SEQUENCE_PLUS_ONE	with TRUST_SEQUENCE: += 1 before and after
 *	SCAN_ONLY		ids are looked for in the slots, not locked
 */
#ifndef LIVES
#define LIVES 2
#endif
#ifndef SLOTS
#define SLOTS 1
#endif
#ifndef DEATHS
#define DEATHS 2
#endif

#define FREE 0
#define CLAIMED 1
#define JOINED 2
#define SWEPT 3

#define WORD(state, generation) ((generation) * 4 + (state))
#define STATE(word) ((word) % 4)
#define GENERATION(word) ((word) / 4)

/* Process 1 wants the id that process 0 has; an id is two equal bytes. */
#define ID(process) ((process) < 2 -> 1 : (process))

/* Words in shared memory. */
byte claim[SLOTS];
byte sequence[SLOTS];
byte id_first[SLOTS], id_last[SLOTS];

/* What the kernel knows: 0, or process + 1. */
byte life[SLOTS], guard[SLOTS], id_lock[LIVES + 2];

/* What only this model knows. */
bool killed[LIVES], finished[LIVES], lister_done;
byte tenant[SLOTS];	/* living, joined: process + 1 */
byte tenancy_id[16];	/* by generation: of slot 0 */
byte named[LIVES + 2];	/* living nodes with that id */

#define SWAP(s, from, to) \
	atomic { assert(claim[s] == from); claim[s] = to }

#ifdef SEQUENCE_PLUS_ONE
#define BEGIN_CHANGE(s) sequence[s] = sequence[s] + 1
#else
#define BEGIN_CHANGE(s) sequence[s] = sequence[s] | 1
#endif
#define END_CHANGE(s) sequence[s] = sequence[s] + 1

/* bc_node_sweep_wipe and fill, as far as they matter here. */
inline write_id(s, value)
{
#ifdef TRUST_SEQUENCE
	BEGIN_CHANGE(s);
#endif
	id_first[s] = value;
	id_last[s] = value;
#ifdef TRUST_SEQUENCE
	END_CHANGE(s)
#endif
}

#define TRY(lock) atomic { lock == 0 -> lock = me + 1 }

/* bc_node_sweep_clear */
inline clear_slot(s)
{
	word = claim[s];
	SWAP(s, word, WORD(SWEPT, GENERATION(word)));
	word = WORD(SWEPT, GENERATION(word));
	write_id(s, 0);
	SWAP(s, word, WORD(FREE, GENERATION(word)));
	word = 0
}

#ifdef ONLY_JOINED
#define MUST_GO(s) (STATE(claim[s]) == JOINED)
#else
#define MUST_GO(s) (STATE(claim[s]) != FREE)
#endif

/* bc_node_sweep_slot */
inline sweep(s)
{
	if
#ifdef NO_GUARD
	:: true ->
#else
	:: TRY(guard[s]);
#endif
		if	/* F_OFD_GETLK: is there another's lock? */
#ifdef SWEEPS_ITSELF
		:: life[s] == me + 1 -> clear_slot(s)
#endif
		:: life[s] == 0 ->
			if
			:: MUST_GO(s) -> clear_slot(s)
			:: else
			fi
		:: else
		fi;
#ifndef NO_GUARD
		guard[s] = 0
	:: else
#endif
	fi
}

/* try_slot: `slot` is set if it has become ours. */
inline try_slot(s)
{
#ifdef CLAIM_UNLOCKED
	word = claim[s];
	if
	:: STATE(word) == FREE -> skip
	:: else -> goto not_this
	fi;
	atomic {
		if
		:: claim[s] == word ->
			word = WORD(CLAIMED, GENERATION(word) + 1);
			claim[s] = word
		:: else -> goto not_this
		fi
	};
	if
	:: TRY(life[s])
	:: else -> goto not_this
	fi;
	slot = s;
#else
	/* take_life */
#ifndef NO_GUARD
	if
	:: TRY(guard[s])
	:: else -> goto not_this
	fi;
#endif
	if
	:: TRY(life[s]) ; slot = s
	:: else
	fi;
#ifndef NO_GUARD
	guard[s] = 0;
#endif
	/* settle */
	if
	:: slot == s -> word = claim[s]
	:: else -> goto not_this
	fi;
	if
	:: STATE(word) == FREE ->
		SWAP(s, word, WORD(CLAIMED, GENERATION(word) + 1));
		word = WORD(CLAIMED, GENERATION(word) + 1)
	:: else -> slot = SLOTS; word = 0; life[s] = 0
	fi;
#endif
not_this: skip
}

/* bc_node_join */
inline join()
{
	/* one id, one node */
#ifdef SCAN_ONLY
	at = 0;
	do
	:: at < SLOTS ->
		if
		:: STATE(claim[at]) == JOINED && id_first[at] == ID(me) &&
		   life[at] != 0 -> goto refused
		:: else -> at++
		fi
	:: else -> at = 0; break
	od;
#else
	if
	:: TRY(id_lock[ID(me)])
	:: else -> goto refused
	fi;
#endif
	/* find_slot: each slot, and once more after a sweep of it */
	at = 0;
	do
	:: at == 2 * SLOTS -> goto refused
	:: at < 2 * SLOTS ->
		if
		:: at >= SLOTS -> sweep(at % SLOTS)
		:: else
		fi;
		if
		:: STATE(claim[at % SLOTS]) == FREE -> try_slot(at % SLOTS)
		:: else
		fi;
		if
		:: slot != SLOTS -> break
		:: else -> word = 0; at++
		fi
	od;
	/* settle, on */
	tenancy_id[GENERATION(word)] = ID(me);
	write_id(slot, ID(me));
	atomic {
		assert(claim[slot] == word);
		claim[slot] = WORD(JOINED, GENERATION(word));
		assert(tenant[slot] == 0);
		tenant[slot] = me + 1;
		named[ID(me)]++;
		assert(named[ID(me)] == 1);
		word = 0; at = 0
	}
}

/* bc_node_leave */
inline leave()
{
	assert(STATE(claim[slot]) == JOINED);
	d_step { tenant[slot] = 0; named[ID(me)]-- };
#ifdef LEAVE_UNLOCKS_FIRST
	life[slot] = 0;
	clear_slot(slot);
#else
	clear_slot(slot);
	life[slot] = 0;
#endif
	id_lock[ID(me)] = 0
}

active [LIVES] proctype process()
{
	byte me = _pid;
	byte slot = SLOTS, word = 0, at = 0;

	{
		join();
#ifdef SWEEPS_ITSELF
		sweep(slot);
#endif
		leave();
refused:	skip;
		d_step { finished[me] = true; slot = 0; word = 0; at = 0 }
	} unless {
		killed[me];
		d_step {
			/* the kernel gives the locks back */
			at = 0;
			do
			:: at < SLOTS ->
				if
				:: life[at] == me + 1 -> life[at] = 0
				:: else
				fi;
				if
				:: guard[at] == me + 1 -> guard[at] = 0
				:: else
				fi;
				if
				:: tenant[at] == me + 1 ->
					tenant[at] = 0;
					named[ID(me)]--
				:: else
				fi;
				at++
			:: else -> break
			od;
			if
			:: id_lock[ID(me)] == me + 1 -> id_lock[ID(me)] = 0
			:: else
			fi;
			finished[me] = true;
			slot = 0; word = 0; at = 0
		}
	}
}

/* A lister that has no slot sweeps as well: with no daemon somebody must. */
active proctype sweeper()
{
	byte me = LIVES, word = 0;

	sweep(0);
	lister_done = true
}

#define MAY_KILL(p) \
	atomic { \
		kills < DEATHS && !killed[p] && \
		(id_lock[ID(p)] == p + 1 || life[0] == p + 1 || \
		 life[SLOTS - 1] == p + 1) -> \
		kills++; killed[p] = true \
	}

/* Who holds no lock leaves nothing behind. */
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

#if defined(TRUST_SEQUENCE)
/* bc_facts_get and the like: an entry that has a sequence and no claim. */
active proctype observer()
{
	byte before, first, last;

	before = sequence[0];
	first = id_first[0];
	last = id_last[0];
	if
	:: before % 2 == 0 && sequence[0] == before -> assert(first == last)
	:: else
	fi
}
#elif !defined(NO_OBSERVER)
/* bcast_nodes: slot 0, no lock, once; not accepted is to try again. */
active proctype observer()
{
	byte word, first, last;

	word = claim[0];
	if
	:: STATE(word) != JOINED -> goto done
	:: else
	fi;
	first = id_first[0];
	last = id_last[0];
	if
#ifdef STATE_ONLY
	:: STATE(claim[0]) != JOINED -> goto done
#else
	:: claim[0] != word -> goto done
#endif
	:: else
	fi;
	assert(first == last && first == tenancy_id[GENERATION(word)]);
done:	skip
}
#endif

/* When all is quiet: is every slot good for use? */
active proctype final_joiner()
{
	byte me = LIVES + 1, word = 0, at = 0;

	finished[0] && finished[1] && finished[LIVES - 1] && lister_done;
	do
	:: at < SLOTS ->
		sweep(at);
		assert(life[at] != 0 || STATE(claim[at]) == FREE);
		at++
	:: else -> break
	od
}
