// CheckedHeap: malloc and its relatives against a model of them. Each block is what its entry point
// promises (aligned, large enough, zeroed), overlaps no other live block, and holds every byte that
// was written to it until it is freed.
//
// Thread-safe; a Block belongs to one thread at a time. Uses no heap of its own. The first thing
// that is wrong is kept, and named by error(); the run should end then.
#ifndef TESTING_LIB_CHECKED_HEAP_H_
#define TESTING_LIB_CHECKED_HEAP_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "testing/lib/live_map.h"
#include "testing/lib/random.h"

namespace hz3::testlib {

// The ways to a block.
enum class Entry : uint8_t {
  kMalloc,
  kCalloc,
  kRealloc,  // of nullptr
  kReallocarray,
  kAlignedAlloc,
  kMemalign,
  kPosixMemalign,
  kValloc,
  kPvalloc,
  kNew,
  kNewArray,
  kAlignedNew,
};
inline constexpr unsigned kEntries = 12;

struct Block {
  char* data = nullptr;
  size_t size = 0;
  uint64_t key = 0;
  Entry entry = Entry::kMalloc;
  size_t align = 1;

  bool live() const { return data != nullptr; }
  // Whether realloc may have it: what new gave, it may not.
  bool resizable() const { return live() && entry < Entry::kNew; }
};

class CheckedHeap {
 public:
  // Whether an allocation may fail for want of memory. errno must be ENOMEM then.
  enum class Failures { kAllowed, kForbidden };
  explicit CheckedHeap(Failures failures = Failures::kForbidden) : failures_(failures) {}

  // `align` (a power of two) matters to the aligned entries only; no entry of C++ may fail. A
  // block that is not live is the answer when there is no memory. The contents follow from `key`.
  Block Allocate(Entry entry, size_t size, size_t align, uint64_t key);
  // With realloc, or reallocarray; size > 0. False when it failed: the block is as it was.
  bool Resize(Block& block, size_t size, bool array = false);
  // Checks the block and frees it in a way that suits its entry; it is not live afterwards.
  void Free(Block& block);
  // Whether the block is as it was written.
  bool Check(const Block& block);

  // One random allocation, of LogUniformSize up to `largest`.
  Block AllocateRandomly(Random& random, size_t largest, uint64_t key);

  void set_failures(Failures failures) { failures_ = failures; }
  uint64_t failed() const { return failed_.load(std::memory_order_relaxed); }
  bool ok() const { return !wrong_.load(std::memory_order_acquire); }
  // What was wrong first; "" so far.
  const char* error() const { return ok() ? "" : text_; }

 private:
  void* Call(Entry entry, size_t size, size_t align);
  void CheckFresh(const Block& block);
  void Fail(const char* what, const Block& block);
  void Refused(const Block& block, int error);

  LiveMap live_;
  Failures failures_;
  std::atomic<uint64_t> failed_{0};
  std::atomic<bool> claimed_{false};
  std::atomic<bool> wrong_{false};
  char text_[200] = {};
};

}  // namespace hz3::testlib

#endif  // TESTING_LIB_CHECKED_HEAP_H_
