// Threads that start and end while a leader broadcasts (hz3/thread/registry.cc: Start, Unlink, End,
// Broadcast, AwaitAnswers, IsAnswerDue; hz3/thread/tcache.cc: the constructor, Retire,
// AnswerBroadcast; hz3/thread/tcache_control.h: NoteAnswer; MetadataPool's blocks that are used
// again).
//
// Two threads start, cache a page, may answer a broadcast, and end, one of them twice; a third is
// there all the time and answers. A cache is a block of the pool, and whoever starts next may get
// the same block. The leader broadcasts once and has no cache of its own. It walks the list cache
// by cache under the registry's lease; a thread's visits to the list and to the pool are one step
// each (lease.pml). Lowered limits are in broadcast.pml: here a thread comes to the slow path by
// itself, or ends. Robbing is in rob.pml.
//
// Checked: the leader only touches caches of living threads, walks the list to its end, and never
// waits in vain although its wait has no time limit here; in the end the list is empty, every block
// is back in the pool, and every page is home.
//
// Memory order: links, and all of a cache but `limit` and `answered`, are changed under the
// registry's lease or before the block is linked. The answer, answers_ and waiting_ are as in
// broadcast.pml.
//
// Broken variants: BUG_NOTE_BEFORE_UNLINK, BUG_NO_NOTE, BUG_FREE_BEFORE_UNLINK,
// BUG_UNLINK_WITHOUT_LEASE, BUG_KEEPS_PAGES, BUG_STALE_LINKS.

#define THREADS 3
#define NIL 7

bool lease;  // the registry's
byte epoch;
byte answers;
bool waiting;
bool leader_asleep;

// By block of the pool.
bool in_pool[THREADS] = true;
bool linked[THREADS];  // what is true
byte answered[THREADS];
byte next[THREADS] = NIL;
byte previous[THREADS] = NIL;
bool cached[THREADS];
byte head = NIL;

byte pages_home = THREADS;  // one for each thread
byte done;

inline Lock() { atomic { !lease; lease = true } }
inline Unlock() { lease = false }

inline TakeBlock() {
  d_step {
    if
    :: in_pool[0] -> cache = 0
    :: !in_pool[0] && in_pool[1] -> cache = 1
    :: !in_pool[0] && !in_pool[1] && in_pool[2] -> cache = 2
    fi;
    in_pool[cache] = false
  }
}

// What was in the block is forgotten, which keeps the number of states down.
inline FreeBlock() {
  d_step {
    assert(!in_pool[cache]);
    in_pool[cache] = true;
    answered[cache] = 0;
    next[cache] = NIL;
#ifndef BUG_STALE_LINKS
    previous[cache] = NIL
#endif
  }
}

// Under the lease, in one step: nobody else looks while it is held.
inline Start() {
  TakeBlock();
  atomic {
    !lease;
    answered[cache] = epoch;
    next[cache] = head;
    if
    :: head != NIL -> previous[head] = cache
    :: else
    fi;
    head = cache;
    linked[cache] = true
  }
}

inline Unlink() {
  atomic {
#ifndef BUG_UNLINK_WITHOUT_LEASE
    !lease;
#endif
    if
    :: previous[cache] != NIL -> next[previous[cache]] = next[cache]
    :: else -> head = next[cache]
    fi;
    if
    :: next[cache] != NIL -> previous[next[cache]] = previous[cache]
    :: else
    fi;
    linked[cache] = false
  }
}

inline Answer() {
  answers++;
  if
  :: waiting -> leader_asleep = false
  :: else
  fi
}

// At the end of a thread.
inline NoteAnswer() {
#ifndef BUG_NO_NOTE
  Answer()
#else
  skip
#endif
}

inline Flush() {
  d_step {
    if
    :: cached[cache] -> cached[cache] = false; pages_home++
    :: else
    fi
  }
}

inline AnswerBroadcast() {
  seen = epoch;
  if
  :: seen == answered[cache]
  :: else ->
    Flush();
    answered[cache] = seen;
    Answer()
  fi;
  seen = 0
}

inline End() {
#ifndef BUG_KEEPS_PAGES
  Flush();
#endif
#ifdef BUG_NOTE_BEFORE_UNLINK
  NoteAnswer();
  Unlink();
  FreeBlock();
#else
#ifdef BUG_FREE_BEFORE_UNLINK
  FreeBlock();
  Unlink();
#else
  Unlink();
  FreeBlock();
#endif
  NoteAnswer();
#endif
  cache = 0
}

proctype Thread(byte lives) {
  byte cache, seen;
  do
  :: lives == 0 -> break
  :: else ->
    lives--;
    Start();
    d_step { cached[cache] = true; pages_home-- };
    if
    :: true -> AnswerBroadcast()
    :: true
    fi;
    End()
  od;
  done++
}

// A thread that was there before the others and stays until they are gone.
proctype LongThread() {
  byte cache, seen;
  Start();
  atomic {
    run Thread(1);
    run Thread(2);
    run Leader()
  }
  do
  :: epoch != answered[cache] -> AnswerBroadcast()
  :: done == THREADS - 1 -> break
  od;
  End();
  done++
}

inline Step() {
  assert(linked[at] && !in_pool[at]);
  steps++;
  assert(steps <= THREADS)
}

inline LowerLimits() {
  at = head;
  do
  :: at == NIL -> break
  :: else -> atomic { Step(); at = next[at] }
  od
}

inline LookForDue() {
  at = head;
  do
  :: at == NIL -> break
  :: else ->
    atomic {
      Step();
      due = due || answered[at] + 1 == epoch;
      at = next[at]
    }
  od
}

inline FutexWait() {
  atomic {
    if
    :: answers == seen -> leader_asleep = true
    :: else
    fi
  }
  !leader_asleep
}

inline Broadcast() {
  epoch++;
  Lock();
  LowerLimits();
  steps = 0;
  Unlock()
}

inline AwaitAnswers() {
  waiting = true;
  do
  :: true ->
    seen = answers;
    Lock();
    LookForDue();
    steps = 0;
    Unlock();
    if
    :: !due -> break
    :: else -> due = false
    fi;
    FutexWait()
  od;
  seen = 0;
  waiting = false
}

proctype Leader() {
  byte seen, steps, at = NIL;
  bool due;
  Broadcast();
  AwaitAnswers();
  done == THREADS;
  assert(head == NIL && pages_home == THREADS);
  assert(in_pool[0] && in_pool[1] && in_pool[2])
}

init { run LongThread() }
