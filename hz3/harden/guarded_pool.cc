#include "hz3/harden/guarded_pool.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "hz3/base/random.h"
#include "hz3/base/report.h"
#include "hz3/base/text.h"
#include "hz3/harden/checked_block.h"

namespace hz3 {
namespace {

pid_t ThreadId() { return static_cast<pid_t>(syscall(SYS_gettid)); }

// The pool's own function and the door's slow path above it say nothing.
constexpr unsigned kOwnFrames = 1;

// One line of a report, written in one piece.
class ReportLine {
 public:
  ~ReportLine() { WriteToStderr(buffer_, text_.written()); }
  template <typename T>
  ReportLine& operator<<(T value) {
    text_ << value;
    return *this;
  }
  ReportLine& Address(const void* address) {
    char hex[20];
    hex[FormatHex(reinterpret_cast<uintptr_t>(address), hex)] = '\0';
    text_ << hex;
    return *this;
  }

 private:
  char buffer_[256];
  Text text_{buffer_, sizeof(buffer_)};
};

}  // namespace

bool GuardedPool::Init(OsMemory& os) {
  LeaseHolder hold(lease_);
  if (ready()) return true;
  slots_ = static_cast<Slot*>(CommitBetweenGuards(os, kSlots * sizeof(Slot)));
  void* base = slots_ == nullptr ? nullptr : os.Reserve(kBytes, kPageSize);
  if (base == nullptr) return false;
  os_ = &os;
  base_.store(reinterpret_cast<uintptr_t>(base), std::memory_order_release);
  return true;
}

// The slot whose page is nearest to `p`: a guard page's halves belong to their neighbours.
unsigned GuardedPool::NearestSlot(const void* p) const {
  const uintptr_t offset = reinterpret_cast<uintptr_t>(p) - base_.load(std::memory_order_relaxed);
  const uintptr_t shifted = offset < kPageSize / 2 ? 0 : offset - kPageSize / 2;
  return std::min(static_cast<unsigned>(shifted / (2 * kPageSize)), kSlots - 1);
}

unsigned GuardedPool::OldestFree() const {
  unsigned oldest = kSlots;
  for (unsigned i = 0; i < kSlots; ++i) {
    if (slots_[i].state == State::kLive) continue;
    if (oldest == kSlots || slots_[i].freed_at < slots_[oldest].freed_at) oldest = i;
  }
  return oldest;
}

void* GuardedPool::Allocate(size_t bytes) {
  StackTrace stack;
  stack.Collect(kOwnFrames);
  LeaseHolder hold(lease_);
  const unsigned number = OldestFree();
  if (number == kSlots || !os_->Commit(PageOf(number), kPageSize)) return nullptr;
  Slot& slot = slots_[number];
  char* const page = PageOf(number);
  const size_t room = RoundUp(bytes, kMinAlign);
  slot.block = (NextRandom() & 1) != 0 ? page + kPageSize - room : page;
  slot.size = bytes;
  slot.allocated = {ThreadId(), stack};
  slot.state = State::kLive;
  CheckedBlock::FillSlack(slot.block + bytes, room - bytes);
  return slot.block;
}

GuardedPool::Slot& GuardedPool::LiveSlot(const void* p) {
  Slot& slot = slots_[NearestSlot(p)];
  if (slot.block != p) Report("free of a pointer that is no block", p);
  if (slot.state != State::kLive) Report("double free", p);
  return slot;
}

// Between the block's end and the page's, or before its start: the last 16 bytes at most are not
// behind a guard page but filled with a pattern; all else on the page is zero.
void GuardedPool::CheckSurroundings(const Slot& slot, unsigned number) {
  const char* const page = PageOf(number);
  const char* const end = slot.block + slot.size;
  const char* const rounded = slot.block + RoundUp(slot.size, kMinAlign);
  const auto is_zero = [](char c) { return c == 0; };
  if (!CheckedBlock::SlackIsWhole(end, static_cast<size_t>(rounded - end)) ||
      !std::all_of(rounded, page + kPageSize, is_zero)) {
    Report("overflow, the bytes behind a block were written", end);
  }
  if (!std::all_of(page, static_cast<const char*>(slot.block), is_zero)) {
    Report("underflow, the bytes before a block were written", slot.block - 1);
  }
}

void GuardedPool::Free(void* p) {
  StackTrace stack;
  stack.Collect(kOwnFrames);
  LeaseHolder hold(lease_);
  Slot& slot = LiveSlot(p);
  const unsigned number = NearestSlot(p);
  CheckSurroundings(slot, number);
  slot.freed = {ThreadId(), stack};
  slot.freed_at = ++frees_;
  slot.state = State::kFreed;
  // A page that cannot be made inaccessible stays: then the free goes without its benefit.
  os_->Purge(PageOf(number), kPageSize);
  os_->Protect(PageOf(number), kPageSize);
}

size_t GuardedPool::UsableSize(const void* p) {
  LeaseHolder hold(lease_);
  return LiveSlot(p).size;
}

void GuardedPool::Report(const char* what, const void* address) {
  Describe(what, address);
  abort();
}

void GuardedPool::ReportFault(const void* address) {
  const Slot& slot = slots_[NearestSlot(address)];
  const bool before = static_cast<const char*>(address) < slot.block;
  Describe(slot.state == State::kFreed ? "use after free"
           : before                    ? "underflow, an access before a block"
                                       : "overflow, an access behind a block",
           address);
}

void GuardedPool::Describe(const char* what, const void* address) {
  const Slot& slot = slots_[NearestSlot(address)];
  (ReportLine() << "hz3: " << what << ": ").Address(address) << "\n";
  if (slot.state == State::kUnused) return;
  (ReportLine() << "  the block of " << slot.size << " bytes at ").Address(slot.block)
      << ", thread " << static_cast<uint64_t>(ThreadId()) << " now\n";
  ReportLine() << "  allocated by thread " << static_cast<uint64_t>(slot.allocated.thread) << ":\n";
  slot.allocated.stack.Print();
  if (slot.state != State::kFreed) return;
  ReportLine() << "  freed by thread " << static_cast<uint64_t>(slot.freed.thread) << ":\n";
  slot.freed.stack.Print();
}

}  // namespace hz3
