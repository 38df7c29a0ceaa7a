/* SPDX-License-Identifier: MIT */
/*
 * notify.pml - sleeping on head.publish_count and being woken: shm/notify.c,
 * park() of shm/client_wait.c, bc_ring_publish(), bc_segment_set_state().
 *
 * Claim: once nothing more can happen, no reader is asleep while there are
 * bytes, or a state, that it has not seen. Nobody has a time-out here: in the
 * code the slices of park() are a second net, not the proof.
 *
 * Three sorts of processes write the word: a publisher that holds the lease
 * and may die between any two steps; the daemon, which announces a state; and
 * whoever notices the publisher's death (its reaper). So the word is increased
 * by an atomic add. A load and a store, enough while all of them are one
 * thread, lose an increment: PLAIN_COUNT.
 *
 * The kernel: futex wait takes the bucket lock, reads the word again, and
 * queues; futex wake has a full barrier in front, takes the lock, empties the
 * queue.
 *
 * Memory: a store of the publisher is pending until memory() shows it, in any
 * order; "pending == 0" is the release of a release store, the barrier of the
 * system call and a seq_cst fence. Loads do not wait for pending stores, so
 * the store-buffer outcome (both sides miss each other) is there.
 *
 * With -DGATED the publisher adds to the count and wakes only if the sleeper
 * count says so, as local publishers do (shm/writer.h). A reader reads the word,
 * counts itself, then looks for the last time. Both need a full fence between
 * their own store and their look at the other's. With -DHEAVY the publisher has
 * none: the reader's membarrier(2) makes the publisher's stores seen, or finds
 * it before its look (shm/sleepers.h). A publisher that cannot register for
 * that has its own (GATED alone). With TAKEOVER the lease comes from the daemon,
 * which wakes always, to a publisher, which does so for who is counted; only
 * while one has the lease do readers fence. A victim is there
 * too: a reader that dies while it goes to sleep or wakes, and a sweeper that
 * takes it out of the count if its `waiting` is set. The count may then stay
 * one too high for ever (a wake too many), but it is never too low.
 *
 * Broken on purpose, each must fail:
 *	LOOK_FIRST		the word is read after the look for data
 *	WAKE_FIRST		wake, then store
 *	COUNT_RELAXED		the count can be seen before the tail
 *	PLAIN_COUNT		the count increased by a load and a store
 *	NO_REAPER		nobody wakes after a publisher's death
 *	NO_KERNEL_CHECK		the kernel queues without looking at the word
 * and with GATED:
 *	COUNTED_LATE		the reader counts itself after its last look
 *	NO_WRITER_SEQ_CST	no full fence between data and sleeper count
 *	NO_READER_SEQ_CST	the reader's counting may be seen later
 *	NO_HEAVY		with HEAVY: nobody has a fence
 *	HEAVY_FIRST		with HEAVY: the reader's comes before it counts
 *				itself
 *	NO_ANNOUNCE		with TAKEOVER: who takes the lease does not move
 *				the word
 *	WAITING_FIRST		`waiting` is set before the sleepers are
 *				counted, so the sweeper takes out too many
 */
/* one is enough with GATED: there is the victim as well */
#ifdef GATED
#define READERS 1
#else
#define READERS 2
#endif
#ifdef NO_REAPER
#define FIRST_READER 3 /* the _pid of the first of them: see below */
#else
#define FIRST_READER 4
#endif
#define MESSAGES 2

byte tail, count, state;
short sleepers;
#ifdef TAKEOVER
bool by_node; /* the lease is a local publisher's */
#else
bool by_node = true;
#endif
bool by_node_pending;
byte position[READERS], known[READERS];

byte pending;
bool tail_pending, count_pending;
byte tail_next, count_next;
byte uncounted;	/* readers whose counting nobody has seen yet */

bool bucket;	/* the kernel's lock */
bool queued[READERS];
bool publisher_dead;

#define VISIBLE (pending == 0)

active proctype memory()
{
end:
	do
	:: atomic {
		tail_pending -> tail = tail_next;
		tail_pending = false; pending--
	   }
	:: atomic {
		count_pending -> count = count_next;
		count_pending = false; pending--
	   }
	:: atomic {
		by_node_pending -> by_node = true;
		by_node_pending = false; pending--
	   }
	:: atomic { uncounted > 0 -> uncounted--; sleepers++ }
	od
}

/* bc_notify_wake */
inline wake()
{
	VISIBLE;
	atomic { !bucket -> bucket = true };
	d_step { queued[0] = false; queued[READERS - 1] = false };
	bucket = false
}

/* atomic_fetch_add(&head->publish_count, 1, release) */
inline add_count(loaded)
{
#ifdef PLAIN_COUNT
	VISIBLE;
	loaded = count;
	count = loaded + 1;
	loaded = 0
#else
	atomic { VISIBLE -> count++ }
#endif
}

/* A publisher with the lease: bc_ring_publish, then bc_notify_wake. */
active proctype publisher()
{
	byte i = 0, loaded = 0;

#ifdef TAKEOVER
	/* bc_lease_take: the word, then announce() */
	atomic { by_node_pending = true; pending++ };
#ifndef NO_ANNOUNCE
	add_count(loaded);
	wake();
#endif
#endif
	do
	:: i == MESSAGES -> break
	:: i < MESSAGES -> publisher_dead = true; break
	:: i < MESSAGES ->
		i++;
#ifdef WAKE_FIRST
		wake();
#endif
		atomic {
			!tail_pending -> tail_next = i;
			tail_pending = true; pending++
		};
		if
		:: publisher_dead = true; break
		:: skip
		fi;
#ifdef GATED
#ifndef NO_WRITER_SEQ_CST
#ifndef HEAVY
		VISIBLE;
#endif
#endif
		if
		:: sleepers > 0 -> skip
		:: else -> goto next
		fi;
#endif
#ifdef COUNT_RELAXED
		atomic {
			!count_pending -> count_next = count + 1;
			count_pending = true; pending++
		};
#else
		add_count(loaded);
#endif
		if
		:: publisher_dead = true; break
		:: skip
		fi;
#ifndef WAKE_FIRST
		wake();
#endif
#ifdef GATED
next:		skip
#endif
	od
}

/* The daemon: bc_segment_set_state. */
active proctype daemon()
{
	byte loaded = 0;

	state = 1;
	add_count(loaded);
	wake()
}

#ifndef NO_REAPER
/* Whoever finds the lease's holder dead: sweeper, daemon or next holder. */
active proctype reaper()
{
	byte loaded = 0;

end:
	publisher_dead && VISIBLE;
	add_count(loaded);
	wake()
}
#endif

/* bc_sleepers_heavy_fence: all the publisher's stores can be seen now */
inline heavy()
{
#ifdef HEAVY
#ifndef NO_HEAVY
	if
	:: by_node -> VISIBLE
	:: else
	fi
#else
	skip
#endif
#else
	skip
#endif
}

active [READERS] proctype reader()
{
	byte me = _pid - FIRST_READER;
	byte seen = 0;
	bool nothing = false;

	do
	::
		/* park: the word, the count, the look */
#ifndef LOOK_FIRST
		seen = count;
#endif
#ifdef GATED
#ifdef HEAVY_FIRST
		heavy();
#endif
#ifndef COUNTED_LATE
#ifdef NO_READER_SEQ_CST
		uncounted++;
#else
		sleepers++;
#endif
#endif
#ifndef HEAVY_FIRST
		heavy();
#endif
#endif
		atomic {
			nothing = tail == position[me];
			position[me] = tail
		};
		atomic {
			nothing = nothing && state == known[me];
			known[me] = state
		};
#ifdef LOOK_FIRST
		seen = count;
#endif
		if
		:: !nothing -> goto awake
		:: else
		fi;
#ifdef COUNTED_LATE
		sleepers++;
#endif
		/* bc_notify_wait */
#ifdef NO_READER_SEQ_CST
		uncounted == 0;	/* the system call is a barrier */
#endif
		atomic { !bucket -> bucket = true };
		if
#ifndef NO_KERNEL_CHECK
		:: count != seen -> bucket = false
		:: else ->
#else
		:: true ->
#endif
			queued[me] = true;
			bucket = false;
end:			!queued[me]
		fi;
#ifdef COUNTED_LATE
		sleepers--;
#endif
awake:		skip;
		d_step { seen = 0; nothing = false };
#ifdef GATED
#ifndef COUNTED_LATE
#ifdef NO_READER_SEQ_CST
		uncounted == 0;
#endif
		sleepers--
#endif
#endif
	od
}

#ifdef GATED
/* A reader that dies somewhere in park(), and the one who sweeps its slot. */
active proctype victim()
{
	bool waiting = false;

#ifdef WAITING_FIRST
	waiting = true;
	if
	:: goto dead
	:: skip
	fi;
	sleepers++;
#else
	sleepers++;
	if
	:: goto dead
	:: skip
	fi;
	waiting = true;
#endif
	if
	:: goto dead
	:: skip
	fi;
	waiting = false;
	if
	:: goto dead
	:: skip
	fi;
	sleepers--;
dead:
	if
	:: waiting -> sleepers--
	:: else
	fi
}
#endif

#define SLEEPS_ON_NEWS(r) \
	(queued[r] && (position[r] != tail || known[r] != state))

active proctype monitor()
{
end:
	timeout;
	assert(!SLEEPS_ON_NEWS(0) && !SLEEPS_ON_NEWS(READERS - 1))
}
