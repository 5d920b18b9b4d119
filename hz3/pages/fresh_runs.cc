#include "hz3/pages/fresh_runs.h"

#include <algorithm>

#include "hz3/base/words.h"

namespace hz3 {

bool FreshRuns::WillBeWritten(OsMemory& os) { return Decide(os, &populated_); }

bool FreshRuns::WillBeWrittenAhead(OsMemory& os) {
  if (Decide(os, &ahead_)) return true;
  if (expects_writes()) populated_ = control_every_;
  return false;
}

bool FreshRuns::Decide(OsMemory& os, unsigned* since_control) {
  if (watched_ != nullptr) Look(os);
  if (!expects_writes() || *since_control + 1 >= control_every_) return false;
  ++*since_control;
  return true;
}

void FreshRuns::HandOut(void* run, unsigned pages, unsigned least) {
  if (written_ == 0 && ++paused_ < kPause) return;
  paused_ = 0;
  populated_ = 0;
  ahead_ = 0;
  watched_ = run;
  watched_pages_ = pages;
  least_ = least;
}

// Where the kernel does not say, nothing was written.
void FreshRuns::Look(OsMemory& os) {
  const size_t resident = os.ResidentPages(watched_, watched_pages_ * kPageSize).value_or(0);
  watched_ = nullptr;
  if (resident < least_) {
    written_ = 0;
    control_every_ = kFirstControl;
  } else if (written_ < kEnough) {
    ++written_;
  } else {
    control_every_ = std::min(control_every_ * 2, kControlEvery);
  }
}

}  // namespace hz3
