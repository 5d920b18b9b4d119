#include "hz3/pages/fresh_runs.h"

#include <algorithm>

#include "hz3/base/words.h"

namespace hz3 {

bool FreshRuns::WillBeWritten(OsMemory& os) {
  if (watched_ != nullptr) Look(os);
  if (!expects_writes()) return false;
  if (populated_ + 1 < control_every_) {
    ++populated_;
    return true;
  }
  return false;
}

bool FreshRuns::WillBeWrittenAhead(OsMemory& os) {
  if (watched_ != nullptr) Look(os);
  if (!expects_writes()) return false;
  if (ahead_ + 1 < control_every_) {
    ++ahead_;
    return true;
  }
  populated_ = control_every_;
  return false;
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
