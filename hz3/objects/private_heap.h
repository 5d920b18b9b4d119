// PrivateHeap: spans and runs that belong to one first-class heap: in no shard's lists and no
// thread's bins, so that all of them can be given back at once, whatever lives in them. The pages
// are runs that the process's heap handed out as large blocks; while they are here their tag is
// kTagPrivate, which no bin serves, so the hot path knows nothing of this, and a plain free finds
// its way here through the slow path.
//
// A small block is an object of a span, found by fullness as in a shard; everything else is a run
// of its own. What is free is known by bits outside of the blocks.
//
// Under its lease, which several heaps may share; nobody takes another lease while holding it. Slow
// path. Failure travels up as a value: without room the caller brings a run. Allocating and freeing
// take constant time, giving everything back takes time by the number of runs.
#ifndef HZ3_OBJECTS_PRIVATE_HEAP_H_
#define HZ3_OBJECTS_PRIVATE_HEAP_H_

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "hz3/base/lease.h"
#include "hz3/base/thread_annotations.h"
#include "hz3/base/words.h"
#include "hz3/objects/central.h"
#include "hz3/objects/size_classes.h"
#include "hz3/objects/span.h"
#include "hz3/pages/arena.h"

namespace hz3 {

class PrivateHeap {
 public:
  PrivateHeap(Arena& arena, Lease& lease) : arena_(arena), lease_(lease) {}
  PrivateHeap(const PrivateHeap&) = delete;
  PrivateHeap& operator=(const PrivateHeap&) = delete;

  Lease& lease() HZ3_THREAD_ANNOTATION(lock_returned(lease_)) { return lease_; }

  // Whose block `p` is, any pointer at all; nullptr: none's. Without the lease: a live block keeps
  // its pages' records as they are.
  static PrivateHeap* Of(Arena& arena, const void* p);
  // Bytes of the live block at `p`, which is of some private heap.
  static size_t UsableSize(Arena& arena, const void* p);

  // -- With the lease ---------------------------------------------------------------------------

  // An object of small class c; nullptr when no span has one.
  void* Take(SizeClass c) HZ3_REQUIRES(lease_);
  // The large block `run`, of as many pages as spans of c have, becomes a span of this heap.
  void AddSpan(SizeClass c, void* run) HZ3_REQUIRES(lease_);
  // The large block `run` of n pages becomes a block of this heap.
  void AddRun(void* run, size_t n) HZ3_REQUIRES(lease_);
  // The block at `p`, of this heap, becomes free. Returns a run that the heap has no more use for,
  // which is a large block of the process's heap again, or nullptr. Reports misuse and aborts.
  void* Free(void* p) HZ3_REQUIRES(lease_);
  // Takes any run away from the heap, with the blocks in it; nullptr when there is none left.
  void* RemoveRun() HZ3_REQUIRES(lease_);

  // For callers that want to notice that the heap is gone.
  bool IsAlive() const { return alive_ == kAlive; }
  void MarkDead() { alive_ = 0; }

 private:
  // What is known of a run beside its span: it lies in words of the mailbox of its first page,
  // because these pages get no mail.
  enum SpareWord : unsigned { kOwner, kLinks, kRun };
  struct Links {
    uint32_t next, previous;  // of the same heap, by first page
  };
  struct Run {
    uint32_t pages;
    uint32_t tag;  // of the first page, while the run was a large block
  };
  static constexpr uint32_t kAlive = 0x68656170;

  static PageIndex FirstPageOfRun(Arena& arena, const void* p);
  // Nobody but the owner of their segment may number the records of pages, so these have their own.
  Span* spans() { return arena_.page_records<Span>(); }
  Span& At(PageIndex page) { return spans()[page.value()]; }
  SpanMail& MailAt(PageIndex page) { return arena_.page_mail<SpanMail>(page); }
  // Relaxed, all of these: a live block's run is as it was when the block was handed out, and the
  // links are changed and read under the lease.
  template <typename T>
  static T Get(SpanMail& mail, SpareWord word) {
    return std::bit_cast<T>(mail.spare_word(word).load(std::memory_order_relaxed));
  }
  template <typename T>
  static void Set(SpanMail& mail, SpareWord word, T value) {
    mail.spare_word(word).store(std::bit_cast<uint64_t>(value), std::memory_order_relaxed);
  }
  void SetNext(uint32_t page, uint32_t next) HZ3_REQUIRES(lease_);
  void SetPrevious(uint32_t page, uint32_t previous) HZ3_REQUIRES(lease_);
  void Link(PageIndex page, size_t pages) HZ3_REQUIRES(lease_);
  void* Unlink(PageIndex page) HZ3_REQUIRES(lease_);
  void* FreeObject(PageIndex page, void* p) HZ3_REQUIRES(lease_);

  Arena& arena_;
  Lease& lease_;
  Central central_[kSmallClasses + 1] HZ3_GUARDED_BY(lease_);
  uint32_t first_ HZ3_GUARDED_BY(lease_) = kNoIndex;
  uint32_t alive_ = kAlive;
};

}  // namespace hz3

#endif  // HZ3_OBJECTS_PRIVATE_HEAP_H_
