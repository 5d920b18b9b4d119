// The ladder and what it remembers (hz3/policy/pressure.cc: FailedBefore, Remember, Climb, Lead,
// the beginning and end of scarcity; hz3/heap.cc: AllocateRun, FreeSlow, Housekeeping;
// hz3/shard/shard_table.h: Releases; hz3/shard/shard.cc: NotePost and the other counts of
// releases; hz3/thread/tcache.cc: Accept, AnswerBroadcast).
//
// One run of pages that every request asks for, one shard, two threads, or with THIRD_THREAD three
// that do less. A thread that has the run frees it: on the hot path into its bin, unless its limits
// are lowered, or on the slow path; and while memory is scarce past the bin, into the bitmap or as
// mail. A thread asks for the run as for a large block, which no bin serves, so it may ask while it
// has the run in its own bin, or come to the slow path for something else and answer a broadcast.
// Any thread may make memory scarce before anything fails, and end scarcity once at any moment.
// Leases and the posting of mail are single steps (lease.pml, mail_list.pml), the limits are one
// bit that is not lost (broadcast.pml), and the bounded wait may end at any moment, or when all who
// are waited for have answered. The leader sweeps as often as the code does. Left out: what rung 5
// gives up, and robbing (rob.pml), which only adds a sweep.
//
// Checked: no deadlock; and a request that fails, at the ladder's end or from memory, could not
// have been served at some instant of the call. It could have been when the run was
//   in the bitmap, or left as mail by a free that is over;
//   in a bin of the caller;
//   in a bin of a thread that has not yet been waited for in vain since it last answered.
//
// Memory order: interleaving is enough. Counts of releases are relaxed: those that are made under
// a lease come before what they count, so who misses the count finds no run that he could have
// known of, and a count seen early makes the leader wait for the lease. NotePost comes after the
// mail: on x86-64 its read-modify-write is seen no earlier than the mail (elsewhere it needs
// release, and Releases acquire). Scarce is set before the epoch moves on, see registry.h.
//
// Broken variants: BUG_MEMORY_BEFORE_OWN_BINS, BUG_MEMORY_OUTLIVES_SCARCITY,
// BUG_SETS_SCARCE_AGAIN, BUG_WATCH_WITHOUT_GATE, BUG_SCARCE_AFTER_COUNT, BUG_COUNT_AFTER_SWEEP,
// BUG_UNCOUNTED_POST, BUG_NOTE_BEFORE_POST, BUG_REMEMBERS_WITHOUT_SCARCITY, BUG_UNBOUNDED_WAIT.

#ifdef THIRD_THREAD
#define THREADS 3
#else
#define THREADS 2
#endif
#define RELAXATIONS 1
#define NOBODY 7

// Where the run is.
#define LIVE 0
#define BIN 1
#define BITMAP 2
#define MAIL 3

byte place = LIVE;
byte whose = 0;    // of LIVE and BIN
byte poster = NOBODY;  // of MAIL, as long as his free is not over

bool gate;
bool shard;  // its lease
byte releases;
byte failed;  // Releases() + 1 of the failure that is remembered
bool scarce;
byte epoch;
byte asked_epoch;  // the last one whose answers a leader has waited for; the gate's
byte answered[THREADS];
bool lowered[THREADS] = true;
bool at_gate[THREADS];

// What is true.
bool unreachable[THREADS];  // waited for in vain
bool in_call[THREADS];
bool excused[THREADS];  // the run could not be had at some instant of the call

#define COULD_BE_HAD(t) (poster == NOBODY && (place == BITMAP || place == MAIL || \
    (place == BIN && (whose == t || !unreachable[whose]))))

// After every step that moves the run or makes it unreachable.
inline Note() {
  excused[0] = in_call[0] && (excused[0] || !COULD_BE_HAD(0));
  excused[1] = in_call[1] && (excused[1] || !COULD_BE_HAD(1));
#ifdef THIRD_THREAD
  excused[2] = in_call[2] && (excused[2] || !COULD_BE_HAD(2));
#endif
}

inline Lock(l) { atomic { !l; l = true } }
inline Unlock(l) { l = false }

// Delivery::kBitmap, under the lease or by post.
inline Deliver() {
  if
  :: Lock(shard);
    releases++;
    d_step { place = BITMAP; Note() };
    Unlock(shard)
  :: true ->
#ifdef BUG_NOTE_BEFORE_POST
    releases++;
#endif
    d_step { place = MAIL; poster = me; Note() };
#if !defined(BUG_UNCOUNTED_POST) && !defined(BUG_NOTE_BEFORE_POST)
    releases++;
#endif
    d_step {
      if
      :: poster == me -> poster = NOBODY
      :: else
      fi
    }
  fi
}

inline FlushOwn() {
  if
  :: place == BIN && whose == me -> Deliver()
  :: else
  fi
}

inline RestoreLimits() {
  d_step { lowered[me] = scarce || answered[me] != epoch }
}

inline AnswerBroadcast() {
  seen = epoch;
  if
  :: seen == answered[me]
  :: else ->
    FlushOwn();
    d_step { answered[me] = seen; unreachable[me] = false };
    RestoreLimits()
  fi;
  seen = 0
}

inline IntoBin() {
  d_step { place = BIN; Note() }
}

inline FreeSlow() {
  AnswerBroadcast();
  if
  :: scarce -> Deliver()
  :: else -> IntoBin(); RestoreLimits()
  fi
}

inline Free() {
  if
  :: atomic { !lowered[me] -> IntoBin() }
  :: FreeSlow()
  fi
}

// Attempt::TryShard; a plain attempt finds the same here.
inline TryShard() {
  Lock(shard);
  d_step {
    if
    :: place == MAIL -> place = BITMAP; poster = NOBODY; releases++
    :: else
    fi;
    if
    :: place == BITMAP -> place = LIVE; whose = me; served = true; Note()
    :: else
    fi
  }
  Unlock(shard)
}

// The caller's own shard may be another one than the run's.
inline TryHome() {
  if
  :: TryShard()
  :: true
  fi
}

inline FailedBefore(count) {
#ifdef BUG_SCARCE_AFTER_COUNT
  count = releases;
  known = scarce;
#else
#ifdef BUG_REMEMBERS_WITHOUT_SCARCITY
  known = true;
#else
  known = scarce;
#endif
  count = releases;
#endif
  known = known && failed == count + 1
}

// A thread that is behind by more than one epoch, or waits at the gate, is not waited for.
#define EXPECTED(t) (answered[t] + 1 == epoch && !at_gate[t])
#ifdef THIRD_THREAD
#define ALL_ANSWERED (!EXPECTED(0) && !EXPECTED(1) && !EXPECTED(2))
#else
#define ALL_ANSWERED (!EXPECTED(0) && !EXPECTED(1))
#endif

inline Lower(t) {
  if
  :: t != me -> lowered[t] = true
  :: else
  fi
}

inline GiveUp(t) {
  if
  :: answered[t] != epoch -> unreachable[t] = true
  :: else
  fi
}

inline Broadcast() {
  d_step { epoch++; answered[me] = epoch; unreachable[me] = false };
  RestoreLimits();
  Lower(0);
  Lower(1);
#ifdef THIRD_THREAD
  Lower(2)
#endif
}

inline AwaitAnswers() {
  if
  :: ALL_ANSWERED
#ifndef BUG_UNBOUNDED_WAIT
  :: true
#endif
  fi;
  d_step {
    GiveUp(0);
    GiveUp(1);
#ifdef THIRD_THREAD
    GiveUp(2);
#endif
    Note()
  }
}

// Only who holds the gate sets scarce, and only when it was not: else he could undo the end of
// scarcity that came in between, with no broadcast to follow. What failed in an earlier time of
// scarcity is void: bins were filled since.
inline BecomeScarce() {
  first_time = !scarce;
#ifdef BUG_SETS_SCARCE_AGAIN
  scarce = true;
#endif
  if
  :: first_time ->
#ifndef BUG_MEMORY_OUTLIVES_SCARCITY
    releases++;
#endif
    scarce = true;
    FlushOwn();
    Broadcast()
  :: else
  fi;
  first_time = false
}

// Makes memory scarce before anything failed; nobody is waited for.
inline Watch() {
#ifdef BUG_WATCH_WITHOUT_GATE
  BecomeScarce()
#else
  if
  :: atomic { !gate -> gate = true }; BecomeScarce(); Unlock(gate)
  :: gate  // a leader sees to it
  fi
#endif
}

inline Remember() {
#ifdef BUG_COUNT_AFTER_SWEEP
  count = releases;
#endif
  failed = count + 1
}

inline Lead() {
  FailedBefore(count);
  if
  :: known
  :: else ->
    TryShard();
    if
    :: served
    :: else -> BecomeScarce()
    fi;
    if
    :: !served && asked_epoch != epoch -> asked_epoch = epoch; AwaitAnswers(); TryShard()
    :: else
    fi;
    if
    :: served
    :: else -> count = releases; TryShard()
    fi;
    if
    :: served
    :: else -> Remember()
    fi
  fi
}

inline Climb() {
#ifndef BUG_MEMORY_BEFORE_OWN_BINS
  FlushOwn();
#endif
  FailedBefore(count);
  if
  :: known
  :: else ->
#ifdef BUG_MEMORY_BEFORE_OWN_BINS
    FlushOwn();
#endif
    TryHome();
    if
    :: served
    :: else ->
      at_gate[me] = true;
      Lock(gate);
      at_gate[me] = false;
      Lead();
      Unlock(gate)
    fi
  fi
}

inline Allocate() {
  d_step { in_call[me] = true; excused[me] = !COULD_BE_HAD(me) };
  TryHome();
  if
  :: served
  :: else -> Climb()
  fi;
  assert(served || excused[me]);
  d_step {
    in_call[me] = false;
    excused[me] = false;
    served = false;
    known = false;
    count = 0
  }
}

proctype Thread(byte me; byte operations) {
  byte count, seen;
  bool served, known, first_time;
  do
  :: operations == 0 -> break
  :: operations > 0 && place == LIVE && whose == me -> operations--; Free()
  :: operations > 0 && place == BIN && whose == me -> operations--; AnswerBroadcast()
  :: operations > 0 && !scarce && !(place == LIVE && whose == me) -> operations--; Watch()
  :: operations > 0 && !(place == LIVE && whose == me) -> operations--; Allocate()
  od
}

// Some time after the last failure; any thread does it.
proctype Relax() {
  byte left = RELAXATIONS;
end:
  do
  :: atomic { scarce && left > 0 -> scarce = false; left-- }
  od
}

init {
  atomic {
#ifdef THIRD_THREAD
    run Thread(0, 1);
    run Thread(1, 1);
    run Thread(2, 2);
#else
    run Thread(0, 3);
    run Thread(1, 3);
#endif
    run Relax()
  }
}
