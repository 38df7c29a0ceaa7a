/* SPDX-License-Identifier: MIT */
/*
 * publisher_table.pml - the last number of a TCP publisher that is in the
 * stream: bc_publisher_table_prepare(), _accepted(), _settle() of
 * shm/publisher_table.c, and bc_lease_take(), which settles.
 *
 * Holders of the lease follow one another: daemons, which publish records of
 * one publisher and of others, several in one move of the tail, and local
 * publishers, which know of no table. Each may be killed between any two
 * stores. A daemon may also prepare, and then not publish. While a local
 * publisher has the lease, a daemon looks the number up at the same time.
 *
 * Sequentially consistent: there is one writer at a time, it changes hands by a
 * kernel lock, all its stores are release and all loads acquire, so that who
 * looks on sees them in their order, only later.
 *
 * Claims: at any time, which is also after death at any time, the number that
 * the entry gives is that of the publisher's last record below the tail; and so
 * is the one that a daemon finds while the entry is being settled.
 *
 * Broken on purpose, each must fail:
 *	NO_OLD			prepare: the old number is not stored
 *	AT_FIRST		prepare: at, old, new
 *	NEW_FIRST		prepare: old, new, at
 *	TAIL_FIRST		the tail moves, then it is prepared
 *	NO_SETTLE		who takes the lease settles nothing
 *	DAEMON_SETTLES		only daemons do
 *	SETTLE_LATE		the lease is used once before that
 *	SETTLE_AT_FIRST		settle: at, then new
 *	NOT_TAKEN_BACK		prepared, not published, and left so
 */
#define LAST	6 /* positions */
#define HOLDERS 4

byte tail;
byte at, old_number, new_number; /* the entry */
byte mine;			 /* known to this model only */
byte tenures;			 /* of daemons, so far */
bool by_daemon;

#define ACCEPTED (tail >= at -> new_number : old_number)
#define MAY_DIE \
	if \
	:: goto next \
	:: skip \
	fi

/* bc_publisher_table_settle */
inline settle()
{
	if
	:: at > tail ->
#ifdef SETTLE_AT_FIRST
		at = tail; MAY_DIE;
		new_number = old_number; MAY_DIE
#else
		new_number = old_number; MAY_DIE;
		at = tail; MAY_DIE
#endif
	:: else
	fi
}

/* bc_publisher_table_prepare */
inline prepare(number, to)
{
#ifdef AT_FIRST
	at = to; MAY_DIE;
	old_number = mine; MAY_DIE;
	new_number = number; MAY_DIE
#else
#ifndef NO_OLD
	old_number = ACCEPTED; MAY_DIE;
#endif
#ifdef NEW_FIRST
	new_number = number; MAY_DIE;
	at = to; MAY_DIE
#else
	at = to; MAY_DIE;
	new_number = number; MAY_DIE
#endif
#endif
}

/* bc_record_publish: one store is what counts */
inline move_tail(to, count)
{
	atomic { tail = to; mine = mine + count }
}

/* `size` records, `count` of them of our publisher */
inline publish()
{
	if
	:: tail < LAST -> size = 1
	:: tail + 1 < LAST -> size = 2
	fi;
	if
	:: count = 0
	:: count = 1
	:: size == 2 -> count = 2
	fi;
	to = tail + size;
	number = mine + count;
#ifdef TAIL_FIRST
	move_tail(to, count); MAY_DIE;
	if
	:: count > 0 -> prepare(number, to)
	:: else
	fi
#else
	if
	:: count > 0 -> prepare(number, to)
	:: else
	fi;
	if
	:: count > 0 ->		/* it comes to nothing after all */
#ifndef NOT_TAKEN_BACK
		settle()
#else
		skip
#endif
	:: move_tail(to, count); MAY_DIE
	fi
#endif
}

active proctype holders()
{
	byte n, size, count, number, to;

	do
	:: n == HOLDERS -> break
	:: else ->
		n++;
		/* bc_lease_take */
		if
		:: atomic { by_daemon = true; tenures++ }
		:: by_daemon = false
		fi;
#ifdef SETTLE_LATE
		if
		:: tail < LAST -> move_tail(tail + 1, 0); MAY_DIE
		:: else
		fi;
#endif
#ifdef DAEMON_SETTLES
		if
		:: by_daemon -> settle()
		:: else
		fi;
#else
#ifndef NO_SETTLE
		settle();
#endif
#endif
		do
		:: by_daemon && tail < LAST -> publish()
		:: !by_daemon && tail < LAST ->
			move_tail(tail + 1, 0); MAY_DIE
		:: break
		od;
next:		skip
	od
}

/* what whoever comes next would find, if the holder died now */
active proctype death()
{
end:
	do
	:: atomic { assert(ACCEPTED == mine) }
	od
}

/* bc_publisher_table_accepted, in a daemon that has not the lease */
active proctype daemon()
{
	byte seen_at, seen, before;

end:
	do
	:: atomic { !by_daemon -> before = tenures; seen_at = at };
	   if
	   :: tail >= seen_at -> seen = new_number
	   :: tail < seen_at -> seen = old_number
	   fi;
	   atomic {
		assert(seen == mine || tenures != before);
		seen = 0; seen_at = 0; before = 0
	   }
	od
}
