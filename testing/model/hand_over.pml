// A slot that changes hands while there is mail (hz3/shard/shard.cc: PostPages, PostRuns,
// CollectMail, CollectSegment, FreeRun, Uncarved, ReturnEmptySegments, Grow; hz3/pages/arena.h:
// owner, set_owner; Segment::Open, Close).
//
// One slot with two runs (in different words of the mailbox) and two shards. Every thread may hold
// one run; it gives it back by post, step by step and at any pace, or under the owner's lease. It
// takes one from either shard, under that shard's lease, and collects the shard's mail first, as
// Refill does. An empty segment goes back to the arena at once (retained_segments = 0, the hardest
// case) and either shard may take the slot again.
//
// A lease is one atomic step (lease.pml). Push and TakeAll are one step each, since with one
// segment the list is a bit (mail_list.pml); that it holds a segment twice is an error. What only
// the lease's holder touches, and only he reads, is changed together with the atomic beside it.
//
// Checked: a run is handed out once; a segment is changed only under its owner's lease; a run does
// not become free twice. In the end, with all threads gone: a walk of the ladder over the shards,
// in either order, finds everything or is seen to have moved mail on (so its failure is not
// remembered); the next one finds everything.
//
// Memory order: use and the owner are relaxed. Whoever reads them after ClearPosted has the
// values that the poster knew, or later ones: the poster's MarkPosted releases and ClearPosted
// acquires. A hint that comes late has no such poster; for it the owner has to be in place before
// use says kSegment, and be seen in that order (on x86-64 it is; elsewhere use needs release and
// acquire).
//
// Broken variants: BUG_OPEN_BEFORE_OWNER, BUG_RETURN_IN_WALK, BUG_NO_FORWARD,
// BUG_LOOK_BEFORE_CLEAR, BUG_UNCOUNTED_FORWARD.

#define THREADS 3
#define OPERATIONS 3
#define SHARDS 2
#define RUNS 2
#define NONE 7

#define UNUSED 0
#define SEGMENT 1

// The arena, and what any thread may read of the slot.
bool slot_free;
byte use = SEGMENT;
byte owner;

// The inbox.
bool mail[RUNS];
bool posted;

// Each shard's, by the lease but for `listed`.
bool lease[SHARDS];
bool listed[SHARDS];   // the slot is in the shard's MailList
bool in_set[SHARDS];   // the shard has the segment
bool free_run[RUNS];   // the segment's bitmap
byte releases;         // ShardTable::Releases

// What is true.
byte holder[RUNS] = NONE;
byte done;

inline Lock(s) { atomic { !lease[s]; lease[s] = true } }
inline Unlock(s) { lease[s] = false }

inline Push(s) {
  d_step {
    assert(!listed[0] && !listed[1]);
    listed[s] = true
  }
}

// Close, then ReturnSlots.
inline ReturnIfEmpty(s) {
  if
  :: in_set[s] && free_run[0] && free_run[1] ->
    d_step { in_set[s] = false; use = UNUSED };
    slot_free = true
  :: else
  fi
}

inline FreeRun(s, r) {
  d_step {
    assert(owner == s && in_set[s]);
    assert(!free_run[r]);
    free_run[r] = true;
    releases++
  }
}

inline CollectRun(s, r) {
  if
  :: !mail[r]
  :: else ->
    mail[r] = false;
    FreeRun(s, r);
#ifdef BUG_RETURN_IN_WALK
    ReturnIfEmpty(s)
#endif
  fi
}

inline CollectMail(s) {
  if
  :: !listed[s]
  :: else ->
    listed[s] = false;
#ifdef BUG_LOOK_BEFORE_CLEAR
    seen_use = use;
    posted = false;
#else
    posted = false;
    seen_use = use;
#endif
    if
    :: seen_use != SEGMENT
    :: else ->
      seen_owner = owner;
      if
      :: seen_owner == s ->
        CollectRun(s, 0);
        CollectRun(s, 1)
#ifndef BUG_NO_FORWARD
      :: seen_owner != s && (mail[0] || mail[1]) ->
        // MarkPosted; this shard may be any by now.
        d_step { won = !posted; posted = true };
        if
        :: won ->
          Push(seen_owner);
#ifndef BUG_UNCOUNTED_FORWARD
          releases++
#endif
        :: else
        fi
#endif
      :: else
      fi;
      seen_owner = 0
    fi;
    seen_use = 0;
    won = false
  fi;
  ReturnIfEmpty(s)
}

inline Grow(s) {
  atomic {
    if
    :: !in_set[s] && slot_free -> slot_free = false; growing = true
    :: else
    fi
  }
  if
  :: growing ->
#ifdef BUG_OPEN_BEFORE_OWNER
    d_step { free_run[0] = true; free_run[1] = true; use = SEGMENT };
    d_step { owner = s; in_set[s] = true };
#else
    owner = s;
    d_step { free_run[0] = true; free_run[1] = true; use = SEGMENT; in_set[s] = true };
#endif
    growing = false
  :: else
  fi
}

inline Carve(s) {
  d_step {
    if
    :: in_set[s] && free_run[0] -> has = 0
    :: in_set[s] && !free_run[0] && free_run[1] -> has = 1
    :: else
    fi;
    if
    :: has != NONE ->
      assert(owner == s);
      assert(holder[has] == NONE && !mail[has]);
      free_run[has] = false;
      holder[has] = me
    :: else
    fi
  }
}

inline Allocate(s) {
  Lock(s);
  CollectMail(s);
  Grow(s);
  Carve(s);
  Unlock(s)
}

inline Post(s) {
  d_step { holder[has] = NONE; mail[has] = true };
  d_step { won = !posted; posted = true };
  if
  :: won -> Push(s)
  :: else
  fi;
  d_step { won = false; releases++ }
}

inline FreeByLease(s) {
  d_step { holder[has] = NONE };
  FreeRun(s, has);
  ReturnIfEmpty(s);
  Unlock(s)
}

inline Free() {
  s = owner;
  if
  :: atomic { !lease[s] -> lease[s] = true }; FreeByLease(s)
  :: Post(s)
  fi;
  d_step { has = NONE; s = 0 }
}

proctype Thread(byte me; byte has) {
  byte operation, s, seen_use, seen_owner;
  bool won, growing;
  do
  :: operation == OPERATIONS -> break
  :: else ->
    operation++;
    if
    :: has != NONE -> Free()
    :: has == NONE -> Allocate(0)
    :: has == NONE -> Allocate(1)
    fi
  od;
  done++
}

inline Visit(s) {
  Lock(s);
  CollectMail(s);
  Unlock(s)
}

// One sweep over the shards from `first` on; what it may leave behind is mail on its way.
inline Sweep(first) {
  before = releases;
  Visit(first);
  Visit(1 - first);
  assert(!(mail[0] || mail[1]) || releases != before)
}

inline CheckHome(r) {
  assert(!mail[r]);
  assert(holder[r] != NONE || slot_free || free_run[r])
}

proctype Ladder() {
  byte before, seen_use, seen_owner, from;
  bool won;
  done == THREADS;
  if
  :: from = 0
  :: from = 1
  fi;
  Sweep(from);
  Sweep(from);
  CheckHome(0);
  CheckHome(1);
  assert(!slot_free == (holder[0] != NONE || holder[1] != NONE))
}

init {
  atomic {
    in_set[0] = true;
    holder[0] = 0;
    holder[1] = 1;
    run Thread(0, 0);
    run Thread(1, 1);
    run Thread(2, NONE);
    run Ladder()
  }
}
