/* SPDX-License-Identifier: MIT */
/*
 * inbox.pml - struct bc_inbox_shm: many senders, one reader, one bounded ring.
 *
 * Two senders, of which one may be killed between any two steps, and the
 * node that the inbox belongs to, which may be killed as well and whose slot
 * then gets a new tenant. A message is two cells; a message of which the cells
 * differ is torn.
 *
 * Claims: no torn message is taken out; none twice; none by another tenant
 * than it was sent to; whatever bcast_send() called sent is taken out, if that
 * tenant lives; no death leaves anybody waiting (else: invalid end state).
 *
 * How a holder is proved dead is lease.pml's subject: here the word names a
 * process for good, as it does with a generation in it.
 *
 * The rule for a new tenant (inbox_pages.c): with its new generation in
 * node.claim, not yet JOINED, it takes the inbox's holder word like a sender,
 * sets head to tail, gives the word back, and then says JOINED. A sender
 * compares node.claim with the one that it looked up after it has taken the
 * word. So a message to a node that is gone cannot reach its heir.
 *
 * The cells have memory while there is a tenant (bc_inbox_give_back()): who
 * clears the slot of the dead changes node.claim, and takes the memory back if
 * the word is 0 then; the next tenant has it again before it takes the word.
 * Nobody writes to a cell without memory: that would be SIGBUS.
 *
 * With -DFENCED senders may rob a living holder (one that is stopped, say) and
 * the robbed is fenced off as well as can be: tail and holder are changed by
 * compare-and-swap, a message carries a checksum and the generation that it is
 * for, and the reader drops what does not fit. Nothing torn is taken then and
 * nobody waits for a stopped process, but messages that were called sent get
 * lost, since nothing can keep the robbed from writing into cells that are
 * another's by now.
 *
 * Broken on purpose, each must fail:
 *	STEAL_LIVING		the word is taken from a living holder
 *	FENCED			likewise; fails by a lost message only, and
 *				with FORGIVE_LOSS does not fail
 *	TAIL_FIRST		tail is stored before the message
 *	NO_ROOM_CHECK		a full inbox is written over
 *	HEAD_FIRST		the reader gives the cells back, then copies
 *	NO_STEAL		a dead holder's word stays
 *	RESET_UNHELD		the new tenant empties without the word
 *	CLAIM_CHECKED_EARLY	node.claim is looked at, then the word taken
 *	DEAD_HEIR		the sender does not look at node.claim at all
 *	GIVE_BACK_BLINDLY	memory goes whoever holds the word
 *	GIVE_BACK_EARLY		the word is looked at, then node.claim changed
 */
#define SENDERS 2
#define CELLS 4	   /* two messages */
#define MESSAGES 3 /* one of the first sender, who may die; two of the other */
#ifndef TENANTS
#define TENANTS 2
#endif

#define TENANT_WORD(t) (SENDERS + 1 + (t))

/* Words in shared memory. */
byte holder;	  /* inbox.holder: process + 1 */
byte head, tail;  /* in cells */
byte cell[CELLS];
byte claim;	  /* node.claim: 2 * generation, + 1 when JOINED */
bool memory = true; /* the cells have some */
#ifdef FENCED
#define HAS_MEMORY true /* another thing that cannot be had with it */
#else
#define HAS_MEMORY memory
#endif

/* What the kernel knows: whose lock is free. Indexed by holder word. */
bool dead[SENDERS + 1 + TENANTS];

/* What only this model knows. */
bool sent[MESSAGES], taken[MESSAGES];
byte sent_to[MESSAGES];
byte tenant_now;

#define JOINED(t) (2 * (t) + 1)

/*
 * Wait until the word is ours. `seen` is what it was at the first look; the
 * proof of death and the swap are steps of their own.
 */
inline take_word(word)
{
	do
	:: seen = holder;
	   if
	   :: seen == 0
#ifndef NO_STEAL
	   :: seen != 0 && dead[seen]
#endif
#if defined(STEAL_LIVING) || defined(FENCED)
	   :: seen != 0
#endif
	   :: else ->
		/* a bounded wait in the code; here until it may go on */
		holder != seen || dead[seen];
#ifdef NO_STEAL
		holder != seen;
#endif
		goto again
	   fi;
	   atomic {
		if
		:: holder == seen -> holder = word; seen = 0; break
		:: else
		fi
	   };
again:	   skip;
	   seen = 0
	od
}

#ifdef FENCED
#define GIVE_WORD(word) \
	atomic { \
		if \
		:: holder == word -> holder = 0 \
		:: else \
		fi \
	}
#else
#define GIVE_WORD(word) holder = 0
#endif

active [SENDERS] proctype sender()
{
	byte word = _pid + 1;
	byte message = 0, seen, at, to, n = 0;
	bool ok;

	{
		do
		:: n == word -> break
		:: else ->
			message = word - 1 + n;
			n++;
			/* who is it for: looked up by node id */
			to = claim;
			if
			:: to % 2 == 0 -> goto next	/* nobody there */
			:: else
			fi;
#ifdef CLAIM_CHECKED_EARLY
			if
			:: claim != to -> goto next
			:: else
			fi;
#endif
			take_word(word);
			ok = true;
#if !defined(CLAIM_CHECKED_EARLY) && !defined(DEAD_HEIR)
			if
			:: claim != to -> ok = false
			:: else
			fi;
#endif
			at = tail;
#ifndef NO_ROOM_CHECK
			if
			:: ok && at + 2 - head > CELLS -> ok = false
			:: else
			fi;
#endif
			if
			:: !ok
			:: ok ->
				sent_to[message] = to / 2;
#ifdef TAIL_FIRST
				tail = at + 2;
#endif
				assert(HAS_MEMORY);
				cell[at % CELLS] = message + 1;
				assert(HAS_MEMORY);
				cell[(at + 1) % CELLS] = message + 1;
#ifdef FENCED
				atomic {
					if
					:: tail == at ->
						tail = at + 2;
						sent[message] = true
					:: else
					fi
				}
#else
#ifdef TAIL_FIRST
				sent[message] = true
#else
				atomic {
					tail = at + 2;
					sent[message] = true
				}
#endif
#endif
			fi;
			GIVE_WORD(word);
next:			skip;
			d_step { at = 0; to = 0; ok = false }
		od
	} unless {
		dead[word];
		d_step { seen = 0; at = 0; to = 0; ok = false; n = 0;
			message = 0 }
	}
}

/* bcast_recv: tenant t of the slot, for as long as it lives. */
active [TENANTS] proctype tenant()
{
	byte t = _pid - SENDERS;
	byte word = TENANT_WORD(t);
	byte seen, first, second;
	bool free_now;

	{
		skip;
		/* its slot's byte is free once the one before is dead */
end_outside:	t == 0 || dead[word - 1];
		/* bc_node_sweep_clear(), by whoever finds it dead */
		if
		:: t == 0
		:: else ->
#ifdef GIVE_BACK_EARLY
			free_now = holder == 0;
			claim = 2 * (t - 1);
#else
			claim = 2 * (t - 1);
			free_now = holder == 0;
#endif
#ifdef GIVE_BACK_BLINDLY
			free_now = true;
#endif
			if
			:: free_now -> memory = false
			:: else
			fi;
			free_now = false
		fi;
		/* bc_inbox_open() */
		tenant_now = t;
		claim = 2 * t;
		memory = true;
#ifndef RESET_UNHELD
		take_word(word);
#endif
		first = tail;
		head = first;
		first = 0;
#ifndef RESET_UNHELD
		GIVE_WORD(word);
#endif
		claim = JOINED(t);

end_idle:	do
		:: tail != head ->
#ifdef HEAD_FIRST
			head = head + 2;
			first = cell[(head - 2) % CELLS];
			second = cell[(head - 1) % CELLS];
#else
			first = cell[head % CELLS];
			second = cell[(head + 1) % CELLS];
#endif
			atomic {
				if
#ifdef FENCED
				/* the checksum does not fit: dropped */
				:: first != second || first == 0
				/* for the tenant before: it says so */
				:: first == second && first != 0 &&
				   sent_to[first - 1] != t
				:: else ->
#else
				:: true ->
					assert(first == second && first != 0);
#endif
					assert(!taken[first - 1]);
					assert(sent_to[first - 1] == t);
					taken[first - 1] = true
				fi;
				first = 0; second = 0
			};
#ifndef HEAD_FIRST
			head = head + 2
#endif
		od
	} unless {
		dead[word];
		d_step { seen = 0; first = 0; second = 0; free_now = false }
	}
}

/* SIGKILL, any time: one sender and the first tenant. */
active proctype killer()
{
end:
	do
	:: !dead[1] -> dead[1] = true
	:: !dead[TENANT_WORD(0)] && claim == JOINED(0) ->
		dead[TENANT_WORD(0)] = true
	od
}

#define LOST(m) \
	(sent[m] && !taken[m] && sent_to[m] == tenant_now && \
	 !dead[TENANT_WORD(tenant_now)])

active proctype monitor()
{
end:
	timeout;
#ifndef FORGIVE_LOSS
	assert(!LOST(0) && !LOST(1) && !LOST(2))
#endif
}
