// Taking what a sleeping thread has in its bins, while it may wake at any moment
// (hz3/thread/registry.cc: RobOthers, End; hz3/thread/tcache.cc: Rob, SettleBins, AwaitThief;
// hz3/thread/tcache.h: BusyScope, MarkEnding; hz3/heap.cc: OwnCache, EndThread; the hot paths of
// malloc and free, load by load and store by store).
//
// One thread with a bin for three of four objects mallocs, frees, goes to the slow path on its own,
// and ends; a thief robs it, more than once. A slow path empties the bin, or refills an empty one.
// The thief holds the registry's lease all the time, as the code does; a lease is one atomic step
// (lease.pml).
//
// Memory order: `busy`, `top` and the entries are stored by plain stores of the owner. They go
// through a store buffer that is first in, first out, and of which the owner sees its own stores:
// x86-64. The barrier on all threads is the step at which the buffer is empty. Loads happen in
// their order. Where hardware reorders more, the fences of SetBusy, the release of the handle and
// the acquire of IsRevoked stand for what the model takes for granted.
//
// Checked: no object is handed out, or made free, twice; each is in the bin, live, or free, and the
// bin holds what it should when both are done; no deadlock.
//
// Broken variants: BUG_NO_BARRIER, BUG_BUSY_BEFORE_BARRIER, BUG_TAKES_LAST, BUG_NO_END_BELOW,
// BUG_BUSY_UNCHECKED, BUG_UNSETTLED, BUG_END_KEEPS_HANDLE.

#define OPERATIONS 4
#define ROBBERIES 2
#define OBJECTS 4
#define CAPACITY 3
#define NOTHING 0  // the nullptr below the lowest entry
#define LOWEST 1   // bin.base; entries[0] is below it

// Shared words that the owner stores through its buffer.
#define BUSY 0
#define TOP 1
#define ENTRY(i) (2 + (i))
#define WORDS (ENTRY(CAPACITY) + 1)

byte memory[WORDS];
byte pending[WORDS];
byte newest[WORDS];
chan buffer = [8] of { byte, byte };

#define OWN(w) (pending[w] > 0 -> newest[w] : memory[w])

inline Store(w, value) {
  atomic { buffer!w(value); newest[w] = value; pending[w]++ }
}

active proctype StoreBuffer() {
  byte w, value;
end:
  do
  :: atomic { buffer?w, value -> memory[w] = value; pending[w]--; w = 0; value = 0 }
  od
}

bool lease;
bool revoked;
bool has_handle = true;
byte taken;
bool robbed;
bool ended;

#define IN_BIN 0
#define LIVE 1
#define FREE 2

byte where[OBJECTS + 1];

inline Lock() { atomic { !lease; lease = true } }
inline Unlock() { lease = false }

inline Move(object, from, to) {
  assert(object != NOTHING && where[object] == from);
  where[object] = to
}

// ---- the owner

inline AwaitThief() { Lock(); Unlock() }

// OwnCache, then BusyScope.
inline EnterSlowPath() {
  do
  :: revoked -> AwaitThief()
  :: !revoked -> break
  od;
  Store(BUSY, true);
#ifndef BUG_BUSY_UNCHECKED
  do
  :: !revoked -> break
  :: revoked ->
    Store(BUSY, false);
    AwaitThief();
    Store(BUSY, true)
  od;
#endif
  Settle()
}

inline Settle() {
  if
#ifndef BUG_UNSETTLED
  :: robbed ->
    top = OWN(TOP);
    i = LOWEST;
    do
    :: i + taken == top -> break
    :: else -> object = OWN(ENTRY(i + taken)); Store(ENTRY(i), object); i++
    od;
    Store(TOP, i);
    d_step { object = 0; i = 0; top = 0; taken = 0; robbed = false }
#endif
  :: else
  fi
}

// FlushAll: into the bitmaps first, then out of the bin.
inline Flush() {
  top = OWN(TOP);
  i = LOWEST;
  do
  :: i == top -> break
  :: else -> d_step { object = OWN(ENTRY(i)); Move(object, IN_BIN, FREE); object = 0; i++ }
  od;
  Store(TOP, LOWEST);
  d_step { i = 0; top = 0 }
}

inline RefillOne(o) {
  if
  :: where[o] == FREE && i < LOWEST + CAPACITY ->
    where[o] = IN_BIN;
    Store(ENTRY(i), o);
    i++
  :: else
  fi
}

inline Refill() {
  i = LOWEST;
  RefillOne(1);
  RefillOne(2);
  RefillOne(3);
  RefillOne(4);
  Store(TOP, i);
  i = 0
}

inline SlowPath() {
  EnterSlowPath();
  if
  :: OWN(TOP) == LOWEST -> Refill()
  :: OWN(TOP) != LOWEST -> Flush()
  fi;
  Store(BUSY, false)
}

inline Malloc() {
  if
  :: revoked -> SlowPath()
  :: !revoked ->
    top = OWN(TOP);
    object = OWN(ENTRY(top - 1));
    if
    :: object == NOTHING -> top = 0; SlowPath()
    :: object != NOTHING ->
      Move(object, IN_BIN, LIVE);
      Store(TOP, top - 1);
      d_step { object = 0; top = 0 }
    fi
  fi
}

inline Free(o) {
  if
  :: revoked -> SlowPath()
  :: !revoked ->
    top = OWN(TOP);
    if
    :: top == LOWEST + CAPACITY -> top = 0; SlowPath()
    :: top != LOWEST + CAPACITY ->
      Move(o, LIVE, IN_BIN);
      Store(ENTRY(top), o);
      Store(TOP, top + 1);
      top = 0
    fi
  fi
}

inline End() {
  do
  :: revoked -> AwaitThief()
  :: !revoked -> break
  od;
#ifndef BUG_END_KEEPS_HANDLE
  Lock();
  has_handle = false;
  Unlock();
#endif
  Store(BUSY, true);
  Settle();
  Flush();
  ended = true
}

active proctype Owner() {
  byte operation, top, object, i;
  Lock();
  d_step {
    where[4] = LIVE;
    memory[TOP] = LOWEST + CAPACITY;
    memory[ENTRY(1)] = 1;
    memory[ENTRY(2)] = 2;
    memory[ENTRY(3)] = 3
  }
  Unlock();
  do
  :: operation == OPERATIONS -> break
  :: operation < OPERATIONS -> operation++; Malloc()
  :: operation < OPERATIONS && where[1] == LIVE -> operation++; Free(1)
  :: operation < OPERATIONS && where[2] == LIVE -> operation++; Free(2)
  :: operation < OPERATIONS && where[3] == LIVE -> operation++; Free(3)
  :: operation < OPERATIONS && where[4] == LIVE -> operation++; Free(4)
  :: operation < OPERATIONS -> operation++; SlowPath()
  od;
  End();
  empty(buffer);
  for (i : 1 .. OBJECTS) {
    assert(where[i] != IN_BIN)
  }
}

// ---- the thief

inline Barrier() {
#ifdef BUG_NO_BARRIER
  ordered = true
#else
  empty(buffer) -> ordered = true
#endif
}

inline TakeEntry() {
  d_step { object = memory[ENTRY(at)]; Move(object, IN_BIN, FREE); object = 0; at++ }
}

#ifdef BUG_TAKES_LAST
#define LEFT 0
#else
#define LEFT 1
#endif

inline Rob() {
  last = memory[TOP];
  at = LOWEST + taken;
  if
  :: last < at + LEFT + 1
  :: else ->
    do
    :: at == last - LEFT -> break
    :: else -> TakeEntry()
    od;
#ifdef BUG_NO_END_BELOW
    skip;
#else
    memory[ENTRY(at - 1)] = NOTHING;
#endif
    d_step { taken = at - LOWEST; robbed = true }
  fi;
  d_step { last = 0; at = 0 }
}

inline RobIfIdle() {
  revoked = true;
#ifdef BUG_BUSY_BEFORE_BARRIER
  idle = !memory[BUSY];
  Barrier();
#else
  Barrier();
  idle = !memory[BUSY];
#endif
  if
  :: idle -> Rob()
  :: else
  fi;
  d_step { revoked = false; idle = false; ordered = false }
}

active proctype Thief() {
  byte robberies, last, at, object;
  bool idle, ordered;
  do
  :: robberies == ROBBERIES -> break
  :: else ->
    robberies++;
    Lock();
    if
    :: has_handle && !ended -> RobIfIdle()
    :: else
    fi;
    Unlock()
  od
}
