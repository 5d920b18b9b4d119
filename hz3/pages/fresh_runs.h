// FreshRuns: whether runs that were never used before will be written to, judged by those handed
// out before. Then one system call for all their pages is cheaper than a page fault for each;
// otherwise it would take memory that nobody needs.
//
// A run is looked at (mincore(2)) before the next ones are handed out. Only those that were not
// populated tell anything, so one decision in two, later in kControlEvery, leaves them alone for
// ever.
//
// Not thread-safe: its shard's, under the lease. Slow path.
#ifndef HZ3_PAGES_FRESH_RUNS_H_
#define HZ3_PAGES_FRESH_RUNS_H_

#include <cstddef>

#include "hz3/base/os_memory.h"

namespace hz3 {

class FreshRuns {
 public:
  // So many runs in a row, looked at one after the other, have to be found written.
  static constexpr unsigned kEnough = 3;
  // After one that was not, so many decisions pass before a run is looked at again.
  static constexpr unsigned kPause = 4;
  static constexpr unsigned kControlEvery = 8;

  // Whether the runs that are about to be handed out will be written to. No stands, for others too,
  // until one of them was handed out to be watched.
  bool WillBeWritten(OsMemory& os);
  // The same for pages from which many runs will be cut: as often as that says yes, so does this, and
  // when it says no, the next run is one to be watched.
  bool WillBeWrittenAhead(OsMemory& os);
  // As it was judged the last time, for controls too.
  bool expects_writes() const { return written_ == kEnough; }
  // One of those that are not being populated: it counts as written when at least `least` of its
  // pages are found to be (1 <= least <= pages).
  void HandOut(void* run, unsigned pages, unsigned least);

 private:
  static constexpr unsigned kFirstControl = 2;
  void Look(OsMemory& os);
  bool Decide(OsMemory& os, unsigned* since_control);

  void* watched_ = nullptr;
  unsigned watched_pages_ = 0;
  unsigned least_ = 0;
  unsigned written_ = 0;    // in a row, at most kEnough
  unsigned paused_ = 0;     // decisions since a run was watched, while written_ is 0
  unsigned populated_ = 0;  // decisions since the last control; control_every_: one is due
  unsigned ahead_ = 0;      // the same for those of WillBeWrittenAhead
  unsigned control_every_ = kFirstControl;
};

}  // namespace hz3

#endif  // HZ3_PAGES_FRESH_RUNS_H_
