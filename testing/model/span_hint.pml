// The two kinds of mail: a run that is free, and a hint that a span has mail, which may come when
// the span is gone (hz3/pages/inbox.h Kind; hz3/shard/shard.cc: PostObjects, PostRuns,
// CollectSegment, CollectSpan, FreeRun, SpanGained, OpenSpan, CloseSpan; Span::Post, Collect).
//
// One segment that stays its shard's, of one run of pages, which in turn is free, a span of two
// objects, or a run that was handed out whole. Threads take objects and runs under the lease, and
// give them back by post, step by step, or under the lease. A span without live objects is closed
// at once. A lease is one atomic step (lease.pml), and so is the list (mail_list.pml).
//
// Checked: nothing is handed out that somebody has, no object and no run becomes free twice, and
// when all threads are done one walk makes the pages free.
//
// Memory order: the mail of a span is ordered before its hint by the release of Inbox::Put and the
// acquire of Take, whoever else's bits lie between (read-modify-writes continue a release
// sequence). The tag and the span's record are written under the lease only.
//
// Broken variants: BUG_ONE_BITMAP, BUG_HINT_BEFORE_MAIL, BUG_TRUSTS_HINT.

#define THREADS 3
#define OPERATIONS 2
#define NONE 7
#define RUN 2  // beside objects 0 and 1

#define FREE 0
#define SMALL 1
#define WHOLE 2

bool lease;
byte tag = FREE;
bool free_object[2];
bool object_mail[2];  // Span::mail_
bool hint;            // Inbox, kSpan
bool run_mail;        // Inbox, kRun
bool posted;
bool listed;

byte holder[3] = NONE;  // of each object and of the run
byte done;

#ifdef BUG_ONE_BITMAP
#define SET_HINT run_mail = true
#else
#define SET_HINT hint = true
#endif

inline Lock() { atomic { !lease; lease = true } }
inline Unlock() { lease = false }

inline Announce() {
  d_step { won = !posted; posted = true };
  if
  :: won -> d_step { assert(!listed); listed = true }
  :: else
  fi;
  won = false
}

inline CloseIfEmpty() {
  d_step {
    if
    :: tag == SMALL && free_object[0] && free_object[1] -> tag = FREE
    :: else
    fi
  }
}

inline FreeRun() {
  d_step { assert(tag == WHOLE); tag = FREE }
}

inline CollectObject(i) {
  d_step {
    if
    :: object_mail[i] ->
      assert(!free_object[i]);
      object_mail[i] = false;
      free_object[i] = true
    :: else
    fi
  }
}

inline CollectSpan() {
  if
  :: tag == SMALL -> CollectObject(0); CollectObject(1); CloseIfEmpty()
#ifdef BUG_TRUSTS_HINT
  :: tag == WHOLE -> FreeRun()
#endif
  :: else
  fi
}

inline TakeRunMail() {
  if
  :: run_mail ->
    run_mail = false;
#ifdef BUG_ONE_BITMAP
    if
    :: tag == SMALL -> CollectSpan()
    :: tag == WHOLE -> FreeRun()
    :: else
    fi
#else
    FreeRun()
#endif
  :: else
  fi
}

inline CollectMail() {
  if
  :: !listed
  :: else ->
    listed = false;
    posted = false;
    if
    :: hint -> hint = false; CollectSpan()
    :: else
    fi;
    TakeRunMail()
  fi
}

inline Hand(what) {
  assert(holder[what] == NONE && holder[RUN] == NONE);
  has = what;
  holder[what] = me
}

inline AllocateObject() {
  d_step {
    if
    :: tag == FREE -> tag = SMALL; free_object[0] = true; free_object[1] = true
    :: else
    fi;
    if
    :: tag == SMALL && free_object[0] -> free_object[0] = false; Hand(0)
    :: tag == SMALL && !free_object[0] && free_object[1] -> free_object[1] = false; Hand(1)
    :: else
    fi
  }
}

inline AllocateRun() {
  d_step {
    if
    :: tag == FREE ->
      assert(holder[0] == NONE && holder[1] == NONE);
      tag = WHOLE;
      Hand(RUN)
    :: else
    fi
  }
}

inline Allocate() {
  Lock();
  CollectMail();
  if
  :: AllocateObject()
  :: AllocateRun()
  fi;
  Unlock()
}

inline PostObject() {
#ifdef BUG_HINT_BEFORE_MAIL
  SET_HINT;
  Announce();
  d_step { holder[has] = NONE; object_mail[has] = true }
#else
  d_step { holder[has] = NONE; object_mail[has] = true };
  SET_HINT;
  Announce()
#endif
}

inline PostRun() {
  d_step { holder[RUN] = NONE; assert(!run_mail); run_mail = true };
  Announce()
}

inline FreeByLease() {
  Lock();
  d_step {
    holder[has] = NONE;
    if
    :: has == RUN -> assert(tag == WHOLE); tag = FREE
    :: else -> assert(tag == SMALL && !free_object[has]); free_object[has] = true
    fi
  }
  CloseIfEmpty();
  Unlock()
}

inline Free() {
  if
  :: FreeByLease()
  :: has == RUN -> PostRun()
  :: has != RUN -> PostObject()
  fi;
  has = NONE
}

proctype Thread(byte me; byte has) {
  byte operation;
  bool won;
  do
  :: operation < OPERATIONS && has == NONE -> operation++; Allocate()
  :: operation < OPERATIONS && has != NONE -> operation++; Free()
  :: operation == OPERATIONS -> break
  od;
  if
  :: has != NONE -> Free()
  :: else
  fi;
  done++
}

proctype Ladder() {
  done == THREADS;
  Lock();
  CollectMail();
  Unlock();
  assert(tag == FREE);
  assert(!object_mail[0] && !object_mail[1] && !run_mail && !listed && !posted)
}

init {
  atomic {
    tag = SMALL;
    holder[0] = 0;
    holder[1] = 1;
    run Thread(0, 0);
    run Thread(1, 1);
    run Thread(2, NONE);
    run Ladder()
  }
}
