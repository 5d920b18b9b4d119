// The broadcast: epoch, lowered limits, answers, the leader's wait (hz3/thread/registry.cc:
// Broadcast, AwaitAnswers, IsAnswerDue; hz3/thread/tcache.cc: AnswerBroadcast, RestoreLimit(s),
// LowerLimits, Refill, Accept, ShrinkBin; hz3/thread/tcache_control.h: NoteAnswer; the hot path of
// free).
//
// A leader broadcasts twice, memory being scarce from before each broadcast until after its wait.
// Each running thread has two bins. It frees for ever; a free comes to the slow path only when the
// bin's limit has been lowered, never because the bin is full. A bounded number of times it
// misses in malloc instead, and so is in the slow path at any moment of a broadcast. Whether
// anything is in its bins is one bit.
//
// Memory order: the stores to `limit` are relaxed and race with the leader's. They go through a
// store buffer, one entry for each bin, that drains in any order at any time, and before the
// thread's fence and read-modify-writes; this is weaker than x86-64. The thread's own loads see
// its buffer. All else that the protocol rests on is sequentially consistent in the code. The
// leader's own stores to the limits follow a read-modify-write of the epoch and precede one of the
// registry's lease, and nothing the leader reads in between matters: late stores are a slow leader.
//
// Checked: the leader never waits in vain, although in this model its wait has no time limit (under
// weak fairness: every thread that can run does); so no lowering is lost for ever and no wake-up
// is missed. When its wait ends, the bins of all threads that have answered are empty and stay so
// while memory is scarce.
//
// BLOCKED_THREAD: one of the threads never runs, and the leader's wait may time out in its first
// broadcast only: in the second it does not wait for that thread.
//
// Broken variants: BUG_NO_FENCE, BUG_LIMITS_BEFORE_EPOCH, BUG_PLAIN_SHRINK, BUG_NO_WAKE,
// BUG_WAITING_AFTER_LOOK, BUG_SEEN_AFTER_LOOK, BUG_ANSWER_BEFORE_FLUSH, BUG_SCARCE_AFTER_EPOCH,
// and with BLOCKED_THREAD: BUG_WAITS_FOR_ALL.

#ifdef BLOCKED_THREAD
#define THREADS 2
#else
#define THREADS 1
#endif
#define BINS 2
#define BROADCASTS 2
#define MISSES 2

#define LOW 0
#define HIGH 1
#define NOTHING 2

byte epoch;
bool scarce;
byte answers;
bool waiting;
bool leader_asleep;
bool leader_done;

byte answered[THREADS];
bool cached[THREADS];
byte limit[THREADS * BINS] = LOW;
byte buffer[THREADS * BINS] = NOTHING;

#define LIMIT(c) (me * BINS + (c))
// What the thread itself reads.
#define OWN(c) (buffer[LIMIT(c)] == NOTHING -> limit[LIMIT(c)] : buffer[LIMIT(c)])
#define DRAINED (buffer[LIMIT(0)] == NOTHING && buffer[LIMIT(1)] == NOTHING)

// The processor's, not the program's.
proctype StoreBuffer(byte me) {
end:
  do
  :: atomic { buffer[LIMIT(0)] != NOTHING ->
      limit[LIMIT(0)] = buffer[LIMIT(0)]; buffer[LIMIT(0)] = NOTHING }
  :: atomic { buffer[LIMIT(1)] != NOTHING ->
      limit[LIMIT(1)] = buffer[LIMIT(1)]; buffer[LIMIT(1)] = NOTHING }
  od
}

inline StoreLimit(c, value) { buffer[LIMIT(c)] = value }

inline LowerOwnLimits() {
  StoreLimit(0, LOW);
  StoreLimit(1, LOW)
}

inline RestoreLimit(c) {
  wanted = (scarce -> LOW : HIGH);
  if
  :: OWN(c) == wanted
  :: else ->
    StoreLimit(c, wanted);
#ifndef BUG_NO_FENCE
    DRAINED;
#endif
    if
    :: epoch != answered[me] -> LowerOwnLimits()
    :: else
    fi
  fi
}

inline NoteAnswer() {
  atomic { DRAINED -> answers++ };
#ifndef BUG_NO_WAKE
  if
  :: waiting -> leader_asleep = false
  :: else
  fi
#endif
}

inline AnswerBroadcast() {
  seen = epoch;
  if
  :: seen == answered[me]
  :: else ->
#ifdef BUG_ANSWER_BEFORE_FLUSH
    answered[me] = seen;
    cached[me] = false;
#else
    cached[me] = false;
    answered[me] = seen;
#endif
    NoteAnswer();
    RestoreLimit(0);
    RestoreLimit(1)
  fi
}

inline ShrinkBin(c) {
#ifdef BUG_PLAIN_SHRINK
  wanted = (scarce -> LOW : HIGH);
  StoreLimit(c, wanted)
#else
  RestoreLimit(c)
#endif
}

// free, with the bin of class c.
inline Free(c) {
  if
  :: OWN(c) == HIGH -> cached[me] = true
  :: else ->
    AnswerBroadcast();
    if
    :: scarce
    :: else ->
      if
      :: true -> ShrinkBin(c)
      :: true
      fi;
      cached[me] = true;
      RestoreLimit(c)
    fi
  fi
}

// malloc found the bin of class c empty.
inline Miss(c) {
  AnswerBroadcast();
  if
  :: scarce
  :: else -> cached[me] = true; ShrinkBin(1 - c)  // MakeRoom
  fi;
  RestoreLimit(c)
}

proctype Thread(byte me) {
  byte misses, seen, wanted;
#ifdef BLOCKED_THREAD
  if
  :: me == 1 -> cached[me] = true; goto end
  :: else
  fi;
#endif
  do
  :: true -> Free(0)
  :: true -> Free(1)
  :: misses < MISSES -> misses++; Miss(0)
  od;
end:
  false
}

#ifdef BUG_WAITS_FOR_ALL
#define EXPECTED(t) (answered[t] != epoch)
#else
#define EXPECTED(t) (answered[t] + 1 == epoch)
#endif
#ifdef BLOCKED_THREAD
#define ANSWER_DUE (EXPECTED(0) || EXPECTED(1))
#else
#define ANSWER_DUE EXPECTED(0)
#endif

inline LowerLimits() {
  for (i : 0 .. THREADS * BINS - 1) {
    limit[i] = LOW
  }
}

inline FutexWait() {
  atomic {
    if
    :: answers == seen -> leader_asleep = true
    :: else
    fi
  }
  if
  :: !leader_asleep
#ifdef BLOCKED_THREAD
  :: epoch == 1 && EXPECTED(1) -> leader_asleep = false; timed_out = true
#endif
  fi
}

inline Broadcast() {
#ifdef BUG_LIMITS_BEFORE_EPOCH
  LowerLimits();
  epoch++
#else
  epoch++;
#ifdef BUG_SCARCE_AFTER_EPOCH
  scarce = true;
#endif
  LowerLimits()
#endif
}

inline AwaitAnswers() {
#ifndef BUG_WAITING_AFTER_LOOK
  waiting = true;
#endif
  timed_out = false;
  do
  :: timed_out -> break
  :: else ->
#ifndef BUG_SEEN_AFTER_LOOK
    seen = answers;
#endif
    if
    :: !ANSWER_DUE -> break
    :: else
    fi;
#ifdef BUG_SEEN_AFTER_LOOK
    seen = answers;
#endif
    FutexWait();
#ifdef BUG_WAITING_AFTER_LOOK
    waiting = true
#endif
  od;
  for (i : 0 .. THREADS - 1) {
    assert(answered[i] != epoch || !cached[i])
  }
  waiting = false
}

proctype Leader() {
  byte seen, i;
  bool timed_out;
  do
  :: epoch == BROADCASTS -> break
  :: else ->
#ifndef BUG_SCARCE_AFTER_EPOCH
    scarce = true;
#endif
    Broadcast();
    AwaitAnswers();
    scarce = false
  od;
  leader_done = true
}

init {
  atomic {
    run Leader();
    run Thread(0);
    run StoreBuffer(0);
#ifdef BLOCKED_THREAD
    run Thread(1);
#endif
  }
}

ltl { <> leader_done }
