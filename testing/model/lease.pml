// Lease (hz3/base/lease.h, lease.cc): mutual exclusion, no missed wake-up, no deadlock.
//
// Follows Lock, TryLock, LockSlow and Unlock, one step for each atomic and each system call. The
// spinning is one look that may be left out: a bound on it changes nothing. FUTEX_WAIT compares and
// falls asleep in one step, as the kernel does under its bucket's lock, and may return in vain (a
// signal). WakeOne wakes any one sleeper, or nobody when none sleeps.
//
// Checked: at most one holder; the search for invalid end states finds every state in which all are
// blocked, so a thread that sleeps while the lease is free and nobody will wake it is an error.
//
// Memory order: state_ is a single word, whose modifications all agree about; what the lease
// protects is ordered by the acquire of each taking and the release of each giving back.
//
// Broken variants: BUG_NO_WAKE, BUG_TAKES_AS_HELD, BUG_SLEEPS_UNSEEN, BUG_TORN_TRY.

#define THREADS 3
#define ROUNDS 2

#define FREE 0
#define HELD 1
#define CONTENDED 2

byte state = FREE;
byte holders;
bool asleep[THREADS];

// state_.compare_exchange_strong(kFree, kHeld)
inline TryWord(got) {
#ifdef BUG_TORN_TRY
  got = (state == FREE);
  if
  :: got -> state = HELD
  :: else
  fi
#else
  d_step {
    got = (state == FREE);
    if
    :: got -> state = HELD
    :: else
    fi
  }
#endif
}

inline FutexWait() {
  atomic {
    if
#ifdef BUG_SLEEPS_UNSEEN
    :: true -> asleep[_pid] = true
#else
    :: state == CONTENDED -> asleep[_pid] = true
#endif
    :: true
    fi
  }
  !asleep[_pid]
}

inline WakeOne() {
  atomic {
    if
    :: asleep[0] -> asleep[0] = false
    :: asleep[1] -> asleep[1] = false
    :: asleep[2] -> asleep[2] = false
    :: !asleep[0] && !asleep[1] && !asleep[2]
    fi
  }
}

inline LockSlow() {
  if
  :: state == FREE -> TryWord(got)
  :: true
  fi;
  do
  :: got -> break
  :: else ->
    d_step {
      got = (state == FREE);
#ifdef BUG_TAKES_AS_HELD
      state = (got -> HELD : CONTENDED)
#else
      state = CONTENDED
#endif
    }
    if
    :: got
    :: else -> FutexWait()
    fi
  od
}

inline Unlock() {
  d_step {
    before = state;
    state = FREE
  }
  if
#ifndef BUG_NO_WAKE
  :: before == CONTENDED -> WakeOne()
#endif
  :: else
  fi
}

active [THREADS] proctype Thread() {
  byte round, before;
  bool got;
  do
  :: round < ROUNDS ->
    round++;
    TryWord(got);
    if
    :: !got -> LockSlow()
    :: !got -> goto skipped  // TryLock
    :: got
    fi;
    holders++;
    assert(holders == 1);
    holders--;
    Unlock();
skipped:
    got = false;
    before = 0
  :: else -> break
  od
}
