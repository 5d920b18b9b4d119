// Inbox and MailList (hz3/pages/inbox.h) as Shard::PostPages, CollectMail and CollectSegment use
// them: no mail is lost, none is taken twice, the list never goes in a circle.
//
// Two segments of one shard; each poster leaves one run in each of them, in either order. Posting
// is followed atomic by atomic: Put, MarkPosted, and the three steps of Push (load the head, store
// next_, compare-exchange, which may fail in vain). So is collecting: Empty, the exchange of
// TakeAll, Next, ClearPosted, and the look and the exchange of Take. Who collects holds the lease,
// so there is one collector. Left out: the kinds of mail (span_hint.pml) and slots that change
// hands (hand_over.pml).
//
// Checked: a run is taken at most once; when all posters are done, one more walk leaves no mail
// and the list empty.
//
// Memory order: interleaving is enough. Put, MarkPosted, ClearPosted and the exchange of Take are
// acquire and release, and each pair that has to be ordered goes through one word (posted_, or the
// word of mail). next_ is relaxed: it is published by the release of Push and read after the
// acquire of TakeAll. The relaxed look of Take and that of Empty may be stale: mail that they do
// not see is announced again, which is what the model shows for any delay of the poster.
//
// Broken variants: BUG_MARK_BEFORE_PUT, BUG_TAKE_BEFORE_CLEAR, BUG_NEXT_AFTER_CLEAR,
// BUG_PLAIN_PUSH.

#define POSTERS 2
#define SEGMENTS 2
#define NONE 7

byte word[SEGMENTS];  // a bit for each poster's run
bool posted[SEGMENTS];
byte next[SEGMENTS] = NONE;
byte head = NONE;
byte home[SEGMENTS];  // bits that have been collected
byte done;

inline Put() {
  d_step {
    assert((word[s] & (1 << me)) == 0);
    word[s] = word[s] | (1 << me)
  }
}

inline MarkPosted(won) {
  d_step {
    won = !posted[s];
    posted[s] = true
  }
}

inline Push() {
  seen = head;
  do
  :: next[s] = seen;
#ifdef BUG_PLAIN_PUSH
    head = s;
    break
#else
    if
    :: atomic { head == seen -> head = s }; break
    :: seen = head
    fi
#endif
  od
}

inline Post() {
#ifdef BUG_MARK_BEFORE_PUT
  MarkPosted(won);
  if
  :: won -> Push()
  :: else
  fi;
  Put()
#else
  Put();
  MarkPosted(won);
  if
  :: won -> Push()
  :: else
  fi
#endif
}

proctype Poster(byte me) {
  byte s, seen;
  bool won;
  if
  :: s = 0
  :: s = 1
  fi;
  Post();
  s = 1 - s;
  Post();
  done++
}

inline Take() {
  if
  :: word[s] == 0
  :: else ->
    d_step {
      assert((home[s] & word[s]) == 0);
      home[s] = home[s] | word[s];
      word[s] = 0
    }
  fi
}

inline CollectMail() {
  if
  :: head == NONE -> s = NONE
  :: else -> d_step { s = head; head = NONE }
  fi;
  visited = 0;
  do
  :: s == NONE -> break
  :: else ->
    visited++;
    assert(visited <= SEGMENTS);
#ifdef BUG_NEXT_AFTER_CLEAR
    posted[s] = false;
    after = next[s];
    Take();
#else
    after = next[s];
#ifdef BUG_TAKE_BEFORE_CLEAR
    Take();
    posted[s] = false;
#else
    posted[s] = false;
    Take();
#endif
#endif
    s = after
  od
}

proctype Collector() {
  byte s, after, visited;
  do
  :: head != NONE -> CollectMail()
  :: done == POSTERS -> break
  od;
  CollectMail();
  assert(head == NONE);
  for (s : 0 .. SEGMENTS - 1) {
    assert(word[s] == 0 && !posted[s]);
    assert(home[s] == (1 << POSTERS) - 1)
  }
}

init {
  atomic {
    run Poster(0);
    run Poster(1);
    run Collector()
  }
}
