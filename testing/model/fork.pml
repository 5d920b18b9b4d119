// fork in a process whose other threads are busy (hz3/heap.cc: BeforeFork, AfterForkInParent,
// AfterForkInChild; hz3/shard/shard.cc: LockForFork, ResetAfterFork; hz3/thread/registry.cc:
// ResetAfterFork, End; hz3/thread/tcache.h: BusyScope, MarkEnding; hz3/policy/pressure.cc: Lead for
// the order of its leases).
//
// The forker takes the leases in BeforeFork's order and then goes on either as the parent, which
// gives them back, or as the child: from then on nobody else runs, and memory is what it was. Of
// shards, stashes and leases there is one for each rank. Beside it run
//   a climber, which holds the gate and takes the others within it, in turn, as the ladder does;
//   a worker, whose cache holds one page; it delivers it in the slow path or at its end, with the
//     busy flag as the code sets it. A delivery makes the page free in the bitmap first and takes
//     it out of the bin later;
//   a poster, which leaves two pages of its own in a mailbox, each with the steps of inbox.h.
// The child resets the leases in AfterForkInChild's order, links again whatever mail it finds,
// empties the caches that are left, except busy ones, and then uses everything: it takes each
// lease, posts a page to the same segment and collects.
//
// Checked: no deadlock in the parent nor in the child; no page becomes free twice; the page of a
// cache that was not busy is home, and so is every page that was left as mail.
//
// Memory order: what a thread has stored up to some instant of its own is in the child's memory,
// and nothing later; SetBusy says why its order against the bins is kept. What the leases guard is
// at rest, because the forker holds them.
//
// Broken variants: BUG_GATE_LAST, BUG_STASH_NOT_RESET, BUG_EMPTIES_BUSY, BUG_END_NOT_BUSY,
// BUG_BUSY_TOO_LATE, BUG_MAIL_NOT_RELINKED, BUG_LIST_UNLOCKED.

#define GATE 0
#define REGISTRY 1
#define SHARD 2
#define STASH 3
#define ARENA 4
#define POOL 5
#define CALLBACK 6
#define LEASES 7

bool lease[LEASES];
bool in_child;

// The worker's cache.
bool linked = true;
bool half_linked;  // a link has been changed, another not yet
bool busy;
bool in_bin = true;
bool in_bitmap;

// The segment's mailbox, with the bits of the poster's two pages and of the child's own one.
bool mail[3];
bool posted;
bool listed;
bool home[3];

inline Lock(l) { atomic { !lease[l]; lease[l] = true } }
inline Unlock(l) { d_step { assert(lease[l]); lease[l] = false } }

// Tcache::FlushAll(kBitmap) of the worker's cache.
inline Flush() {
  if
  :: in_bin ->
    Lock(SHARD);
    d_step { assert(!in_bitmap); in_bitmap = true };
    Unlock(SHARD);
    in_bin = false
  :: else
  fi
}

inline Unlink() {
#ifdef BUG_LIST_UNLOCKED
  half_linked = true;
  d_step { half_linked = false; linked = false }
#else
  Lock(REGISTRY);
  half_linked = true;
  d_step { half_linked = false; linked = false };
  Unlock(REGISTRY)
#endif
}

inline Post(page) {
  mail[page] = true;
  d_step { won = !posted; posted = true };
  if
  :: won -> d_step { assert(!listed); listed = true }
  :: else
  fi;
  won = false
}

inline Collect(page) {
  d_step {
    if
    :: mail[page] -> assert(!home[page]); mail[page] = false; home[page] = true
    :: else
    fi
  }
}

inline CollectMail() {
  Lock(SHARD);
  if
  :: listed ->
    listed = false;
    posted = false;
    Collect(0);
    Collect(1);
    Collect(2)
  :: else
  fi;
  Unlock(SHARD)
}

// A refill or a thread's start: each lease alone, or in the order of lease.h.
inline UseLeases() {
  Lock(STASH); Unlock(STASH);
  Lock(SHARD);
  Lock(STASH); Unlock(STASH);
  Lock(ARENA); Unlock(ARENA);
  Unlock(SHARD);
  Lock(POOL); Unlock(POOL);
  Lock(REGISTRY); Unlock(REGISTRY);
  Lock(CALLBACK); Unlock(CALLBACK)
}

inline Climb() {
  Lock(GATE);
  CollectMail();
  Lock(REGISTRY); Unlock(REGISTRY);
  UseLeases();
  Unlock(GATE)
}

// In the child the other threads do not exist.
proctype Climber() {
  { Climb() } unless { in_child }
}

inline SlowPath() {
#ifdef BUG_BUSY_TOO_LATE
  Flush();
  busy = true;
#else
  busy = true;
  Flush();
#endif
  busy = false
}

inline EndThread() {
#ifndef BUG_END_NOT_BUSY
  busy = true;
#endif
  Flush();
  Unlink();
  Lock(POOL); Unlock(POOL)
}

proctype Worker() {
  {
    if
    :: true -> SlowPath()
    :: true
    fi;
    EndThread()
  } unless { in_child }
}

proctype Poster() {
  bool won;
  { Post(0); Post(1) } unless { in_child }
}

inline BeforeFork() {
#ifndef BUG_GATE_LAST
  Lock(GATE);
#endif
  Lock(REGISTRY);
  Lock(SHARD);
  Lock(STASH);
  Lock(ARENA);
  Lock(POOL);
  Lock(CALLBACK);
#ifdef BUG_GATE_LAST
  Lock(GATE)
#endif
}

inline AfterForkInParent() {
  Unlock(CALLBACK);
  Unlock(POOL);
  Unlock(ARENA);
  Unlock(STASH);
  Unlock(SHARD);
  Unlock(REGISTRY);
  Unlock(GATE)
}

// A poster may have won the mark and not come to link, or not even to mark.
inline RelinkMail() {
  d_step {
    posted = mail[0] || mail[1];
    listed = posted
  }
}

inline ResetRegistry() {
  lease[REGISTRY] = false;
  assert(!half_linked);
  trusted = linked && !busy;
  if
#ifdef BUG_EMPTIES_BUSY
  :: linked -> Flush(); Unlink()
#else
  :: linked && !busy -> Flush(); Unlink()
  :: linked && busy -> linked = false
#endif
  :: else
  fi
}

inline AfterForkInChild() {
  lease[CALLBACK] = false;
  lease[POOL] = false;
  lease[ARENA] = false;
#ifndef BUG_STASH_NOT_RESET
  lease[STASH] = false;
#endif
  lease[SHARD] = false;
#ifndef BUG_MAIL_NOT_RELINKED
  RelinkMail();
#endif
  lease[GATE] = false;
  ResetRegistry()
}

inline CheckChild() {
  assert(!linked && (!trusted || in_bitmap));
  assert(!mail[0] && !mail[1] && !mail[2] && home[2])
}

active proctype Forker() {
  bool won, trusted;
  atomic {
    run Climber();
    run Worker();
    run Poster()
  }
  BeforeFork();
  if
  :: AfterForkInParent()
  :: in_child = true;
    AfterForkInChild();
    Post(2);
    Climb();
    CheckChild()
  fi
}
