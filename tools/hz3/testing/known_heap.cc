#include "tools/hz3/testing/known_heap.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "hz3/base/os_memory.h"
#include "hz3/objects/span.h"
#include "hz3/objects/watched_blocks.h"
#include "hz3/pages/arena.h"
#include "hz3/pages/large.h"
#include "hz3/shard/shard_table.h"

namespace hz3::tool {
namespace {

constexpr size_t kArenaBytes = size_t{64} << 20;

[[noreturn]] void Die(const char* what) {
  std::fprintf(stderr, "known_heap: %s\n", what);
  std::exit(1);
}

class Maker {
 public:
  Maker() {
    if (!arena_.Init(SystemMemory(), kArenaBytes, false, sizeof(Span)) ||
        !shards_.Init(arena_, 1)) {
      Die("no memory");
    }
  }

  void Fill() {
    using K = KnownHeap;
    watched_.Init(arena_);
    TakeObjects(K::kSmallSize, K::kSmallLive);
    void* mailed[K::kMailObjects];
    const SizeClass mail_class = ClassOf(K::kMailSize);
    Take(mail_class, mailed, K::kMailObjects);
    for (unsigned i = 0; i < K::kMediumRuns; ++i) {
      void* run = TakeRun(K::kMediumPages, MediumTag());
      // A heap profile makes no difference to who looks.
      if (i == 0) watched_.Watch(run, MediumTag());
    }
    void* dirty = TakeRun(K::kDirtyPages, kTagLarge);
    TakeRun(K::kLargePages, kTagLarge);
    void* in_mail = TakeRun(K::kMailPages, kTagLarge);
    {
      LeaseHolder hold(shards_[0].lease());
      shards_[0].FreeRun(dirty);
    }
    if (Large(arena_, kTagHuge).Allocate(K::kHugeBytes, kPageSize, false) == nullptr) {
      Die("no whole slots");
    }
    // Last: whoever takes something collects the mail first.
    shards_[0].PostObjects(mail_class, mailed, K::kMailObjects);
    shards_[0].PostRun(in_mail);
  }

  HeapLayout Layout() const {
    HeapLayout layout = hz3_heap_layout;
    layout.arena = &arena_;
    layout.shard_table = &shards_;
    layout.first_cache = &no_cache_;
    return layout;
  }

 private:
  static Tag MediumTag() {
    return static_cast<Tag>(kFirstMediumClass + KnownHeap::kMediumPages - 1);
  }

  void Take(SizeClass c, void** out, unsigned n) {
    LeaseHolder hold(shards_[0].lease());
    if (shards_[0].Refill(c, out, n, kFullEffort) != n) Die("no objects");
  }
  void TakeObjects(size_t size, unsigned n) {
    void* out[kMaxObjects];
    const SizeClass c = ClassOf(size);
    Take(c, out, n);
    watched_.Watch(out[0], c.value());
  }
  void* TakeRun(unsigned pages, Tag tag) {
    LeaseHolder hold(shards_[0].lease());
    bool clean;
    void* run = shards_[0].AllocateRun(pages, 1, tag, kFullEffort, &clean);
    if (run == nullptr) Die("no run");
    return run;
  }

  Arena arena_;
  ShardTable shards_;
  WatchedBlocks watched_;
  void* no_cache_ = nullptr;
};

}  // namespace

const HeapLayout& MakeKnownHeap() {
  static HeapLayout layout = [] {
    static Maker maker;
    maker.Fill();
    return maker.Layout();
  }();
  return layout;
}

void ExportKnownHeap() {
  const HeapLayout layout = MakeKnownHeap();
  void* constant = const_cast<HeapLayout*>(&hz3_heap_layout);
  const uintptr_t page = reinterpret_cast<uintptr_t>(constant) & ~(kPageSize - 1);
  if (mprotect(reinterpret_cast<void*>(page), 2 * kPageSize, PROT_READ | PROT_WRITE) != 0) {
    Die("cannot change hz3_heap_layout");
  }
  std::memcpy(constant, &layout, sizeof(layout));
}

}  // namespace hz3::tool
