#include "hz3/thread/tcache.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"
#include "hz3/config/config.h"
#include "hz3/objects/span.h"
#include "hz3/thread/registry.h"

namespace hz3 {
namespace {

constexpr size_t kArenaBytes = size_t{64} << 20;
const SizeClass kSmall = ClassOf(64);
const SizeClass kMedium = ClassOf(2 * kPageSize);

class TcacheTest : public ::testing::Test {
 protected:
  TcacheTest() {
    EXPECT_TRUE(arena_.Init(os_, kArenaBytes, false, sizeof(Span)));
    pool_.Init(os_);
    EXPECT_TRUE(shards_.Init(arena_, 2));
    registry_.Init(shards_, pool_);
    cache_ = registry_.Start();
    EXPECT_NE(cache_, nullptr);
  }
  ~TcacheTest() override {
    if (cache_ != nullptr) registry_.End(cache_);
    arena_.Destroy();
  }

  // malloc and free as the front door has them.
  static void* Allocate(Tcache& cache, SizeClass c) {
    void* p = cache.top[c.value()][-1];
    if (p == nullptr) return cache.Refill(c);
    --cache.top[c.value()];
    return p;
  }
  static void Free(Tcache& cache, SizeClass c, void* p) {
    Tcache::Top& top = cache.top[c.value()];
    if (top >= cache.limit[c.value()].load()) {
      cache.Accept(c, p);
    } else {
      *top++ = p;
    }
  }
  void* Allocate(SizeClass c) { return Allocate(*cache_, c); }
  void Free(SizeClass c, void* p) { Free(*cache_, c, p); }
  std::vector<void*> AllocateMany(Tcache& cache, SizeClass c, unsigned n) {
    std::vector<void*> objects;
    for (unsigned i = 0; i < n; ++i) objects.push_back(Allocate(cache, c));
    EXPECT_EQ(std::count(objects.begin(), objects.end(), nullptr), 0);
    return objects;
  }

  // The thread has done something before: its bins may grow.
  static void Season(Tcache& cache) { cache.refills.Add(32); }

  // What the bins of all classes have in any case, whatever the thread's part is.
  static size_t FirstBinsBytes() {
    size_t bytes = 0;
    for (unsigned i = 1; i < kClasses; ++i) {
      bytes += std::max(kPageSize, 2 * size_t{kClassTable[i].size});
    }
    return bytes;
  }

  void CollectEverything() {
    for (unsigned i = 0; i < shards_.count(); ++i) {
      LeaseHolder hold(shards_[i].lease());
      shards_[i].CollectAll();
      shards_[i].ReleaseEmptySegments();
    }
  }
  bool NothingIsInUse() {
    CollectEverything();
    return arena_.free_slots() == arena_.slots();
  }

  FakeOsMemory os_;
  Arena arena_;
  MetadataPool pool_;
  ShardTable shards_;
  Registry registry_;
  Tcache* cache_ = nullptr;
};

TEST_F(TcacheTest, ThreadsBeginWithBinsThatAreEmptyAndFullAtOnce) {
  static constexpr Tcache kUnstarted{Tcache::Unstarted{}};
  for (unsigned c = 0; c < kTags; ++c) {
    EXPECT_EQ(kUnstarted.top[c][-1], nullptr) << "malloc misses in class " << c;
    EXPECT_GE(kUnstarted.top[c], kUnstarted.limit[c].load()) << "free misses in class " << c;
    EXPECT_EQ(cache_->top[c][-1], nullptr) << c;
    EXPECT_GE(cache_->top[c], cache_->limit[c].load()) << c;
  }
  EXPECT_EQ(cache_->CachedBytes(), 0u);
  EXPECT_EQ(cache_->capacity_bytes(), 0u);
}

TEST_F(TcacheTest, RefillsUseUpScatteredPagesBeforeTheyCutIntoALargeHole) {
  if (!kConfig.spare_holes) GTEST_SKIP() << "switched off: refills cut into large holes";
  Shard& own = shards_[cache_->shard()];
  const auto run_of = [&](unsigned pages) {
    LeaseHolder hold(own.lease());
    bool clean;
    return own.AllocateRun(pages, 1, kTagLarge, kFullEffort, &clean);
  };
  const auto segment_of = [&](const void* p) { return SlotOf(arena_.segmap().PageOf(p)).value(); };
  // 32 pages that never held memory in one segment, a dirty hole of 300 in the next.
  void* const full = run_of(480);
  void* const hole = run_of(300);
  run_of(200);
  {
    LeaseHolder hold(own.lease());
    own.FreeRun(hole);
  }
  for (SizeClass c : {kSmall, kMedium}) {
    void* p = Allocate(c);
    EXPECT_EQ(segment_of(p), segment_of(full)) << InfoOf(c).size;
    Free(c, p);
  }
}

TEST_F(TcacheTest, TinyObjectsOfAnotherShardAreNotReusedNextToTheirNeighbours) {
  if (!kConfig.tiny_go_home) GTEST_SKIP() << "tiny_go_home is off";
  const SizeClass tiny = ClassOf(16);
  Tcache* other = registry_.Start();
  ASSERT_FALSE(other->shard() == cache_->shard());
  Season(*other);
  // As a thread that gets blocks from its parent, frees them and goes on with its own.
  const std::vector<void*> given = AllocateMany(*cache_, tiny, 16);
  for (size_t i = 0; i < given.size(); i += 2) Free(*other, tiny, given[i]);
  for (void* own : AllocateMany(*other, tiny, 16)) {
    EXPECT_TRUE(shards_.OwnerOf(own) == other->shard());
    Free(*other, tiny, own);
  }
  // A full bin sends away all that it holds, not the older half.
  for (void* p : AllocateMany(*cache_, tiny, Tcache::MaxCapacity(tiny) + 1)) Free(*other, tiny, p);
  EXPECT_LT(other->CachedObjects(tiny), Tcache::MaxCapacity(tiny) / 2);
  for (size_t i = 1; i < given.size(); i += 2) Free(tiny, given[i]);
  registry_.End(other);
}

// Times of looks that are far enough apart.
constexpr uint64_t kFirstLook = 1000;
constexpr uint64_t kNextLook = 1200;
constexpr uint64_t kThirdLook = 1400;

TEST_F(TcacheTest, ABinThatIsNotUsedGivesBackWhatItHolds) {
  Season(*cache_);
  for (void* p : AllocateMany(*cache_, kMedium, 16)) Free(kMedium, p);
  for (void* p : AllocateMany(*cache_, kSmall, 16)) Free(kSmall, p);
  const unsigned medium = cache_->CachedObjects(kMedium);
  ASSERT_GT(medium, 4u);
  const unsigned small = cache_->CachedObjects(kSmall);
  cache_->ShrinkIdleBins(kFirstLook);
  EXPECT_EQ(cache_->CachedObjects(kMedium), medium) << "it was used before";
  cache_->ShrinkIdleBins(kNextLook - 1);
  EXPECT_EQ(cache_->CachedObjects(kMedium), medium) << "too early for another look";
  cache_->ShrinkIdleBins(kNextLook);
  EXPECT_EQ(cache_->CachedObjects(kMedium), 0u);
  EXPECT_EQ(cache_->CachedObjects(kSmall), small) << "too little to be worth it";
  void* again = Allocate(kMedium);
  EXPECT_NE(again, nullptr);
  Free(kMedium, again);
}

TEST_F(TcacheTest, WhereMemoryIsLimitedABinThatIsNotUsedIsEmptiedAfterSoManySlowPathsToo) {
  constexpr uint64_t kMany = 512;
  Season(*cache_);
  for (void* p : AllocateMany(*cache_, kMedium, 16)) Free(kMedium, p);
  const unsigned medium = cache_->CachedObjects(kMedium);
  ASSERT_GT(medium, 4u);
  cache_->ShrinkIdleBins(kFirstLook);
  cache_->refills.Add(kMany);
  cache_->ShrinkIdleBins(kNextLook - 1);
  EXPECT_EQ(cache_->CachedObjects(kMedium), medium) << "there is no limit";
  arena_.meter().set_limit(kArenaBytes >> kPageShift);
  void* const used = Allocate(kMedium);
  cache_->ShrinkIdleBins(kNextLook - 1);
  EXPECT_EQ(cache_->CachedObjects(kMedium), medium - 1) << "it was used";
  cache_->refills.Add(kMany - 1);
  cache_->ShrinkIdleBins(kNextLook - 1);
  EXPECT_EQ(cache_->CachedObjects(kMedium), medium - 1) << "too early for another look";
  cache_->refills.Add(1);
  cache_->ShrinkIdleBins(kNextLook - 1);
  EXPECT_EQ(cache_->CachedObjects(kMedium), 0u);
  Free(kMedium, used);
}

TEST_F(TcacheTest, ABinThatIsUsedWithoutAMissLosesHalfOfItsRoomAtALook) {
  for (void* p : AllocateMany(*cache_, kMedium, 64)) Free(kMedium, p);
  const unsigned before = cache_->CachedObjects(kMedium);
  ASSERT_GT(before, 16u);
  cache_->ShrinkIdleBins(kFirstLook);
  std::vector<void*> taken = {Allocate(kMedium)};
  cache_->ShrinkIdleBins(kNextLook);
  const unsigned then = cache_->CachedObjects(kMedium);
  EXPECT_LE(then, Tcache::MaxCapacity(kMedium) / 2);
  EXPECT_LT(then, before - 1);
  EXPECT_GE(then, before / 4);
  cache_->ShrinkIdleBins(kThirdLook);
  EXPECT_EQ(cache_->CachedObjects(kMedium), 0u) << "not used since";
  for (void* p : taken) Free(kMedium, p);
}

TEST_F(TcacheTest, ABinThatMissesKeepsItsRoom) {
  for (void* p : AllocateMany(*cache_, kMedium, 64)) Free(kMedium, p);
  cache_->ShrinkIdleBins(kFirstLook);
  const size_t room = cache_->capacity_bytes();
  const unsigned more = cache_->CachedObjects(kMedium) + 1;
  for (void* p : AllocateMany(*cache_, kMedium, more)) Free(kMedium, p);
  cache_->ShrinkIdleBins(kNextLook);
  EXPECT_GE(cache_->capacity_bytes(), room);
}

TEST_F(TcacheTest, ALookPutsToTheTestAgainWhoAsksOften) {
  if (kConfig.pace_ns == 0) GTEST_SKIP() << "SKIP: built with pace_ns=0: everybody does";
  const auto opens = [](auto asks) {
    for (unsigned i = 0; i < 10000; ++i) {
      if (asks()) return true;
    }
    return false;
  };
  const auto uses_bins = [this] { return cache_->UsesWideBins(); };
  const auto gives_room = [this] { return cache_->GivesRoomToGrow(); };
  uint64_t now_ms = 1000;
  cache_->ShrinkIdleBins(now_ms);
  ASSERT_TRUE(opens(uses_bins));
  EXPECT_FALSE(gives_room()) << "that is another matter";
  ASSERT_TRUE(opens(gives_room));
  cache_->ShrinkIdleBins(now_ms + 1);
  EXPECT_TRUE(uses_bins() && gives_room()) << "it was too early for a look";
  cache_->ShrinkIdleBins(now_ms + 1000);
  EXPECT_FALSE(uses_bins());
  EXPECT_FALSE(gives_room());
  EXPECT_TRUE(opens(uses_bins));
}

TEST_F(TcacheTest, AThreadThatOnlyFreesKeepsLittle) {
  Tcache* consumer = registry_.Start();
  const std::vector<void*> blocks = AllocateMany(*cache_, kMedium, 1000);
  size_t most = 0;
  for (void* p : blocks) {
    Free(*consumer, kMedium, p);
    most = std::max(most, consumer->CachedBytes());
  }
  EXPECT_LE(most, kConfig.free_only_bin_bytes + RemoteStash::kMaxBytes);
  // From its first own allocation on the bin may grow.
  Free(*consumer, kMedium, Allocate(*consumer, kMedium));
  for (void* p : AllocateMany(*consumer, kMedium, 200)) Free(*consumer, kMedium, p);
  EXPECT_GT(consumer->CachedBytes(), kConfig.free_only_bin_bytes);
  registry_.End(consumer);
}

TEST_F(TcacheTest, AThreadThatAllocatedOnceAndThenOnlyFreesKeepsLittle) {
  Tcache* consumer = registry_.Start();
  const std::vector<void*> blocks = AllocateMany(*cache_, kMedium, 1000);
  Free(*consumer, kMedium, Allocate(*consumer, kMedium));
  size_t most = 0;
  for (void* p : blocks) {
    Free(*consumer, kMedium, p);
    most = std::max(most, consumer->CachedBytes());
  }
  EXPECT_LE(most, kConfig.free_only_bin_bytes + RemoteStash::kMaxBytes);
  registry_.End(consumer);
}

TEST_F(TcacheTest, AThreadThatOnlyAllocatesKeepsLessThanOneThatFreesToo) {
  constexpr SizeClass kWide(kFirstWideClass);
  const size_t size = InfoOf(kWide).size;
  std::vector<void*> blocks;
  size_t most = 0;
  for (size_t bytes = 0; bytes < 16 * kConfig.wide_bin_bytes; bytes += size) {
    blocks.push_back(Allocate(kWide));
    most = std::max(most, cache_->capacity_bytes());
  }
  EXPECT_LE(most, kConfig.refill_only_bin_bytes);
  for (unsigned round = 0; round < 8; ++round) {
    for (void* p : blocks) Free(kWide, p);
    for (void*& p : blocks) p = Allocate(kWide);
  }
  EXPECT_GT(cache_->capacity_bytes(), kConfig.refill_only_bin_bytes);
  for (void* p : blocks) Free(kWide, p);
}

TEST_F(TcacheTest, BinsOfTagsWithoutAClassStayFull) {
  for (unsigned i = 0; i < 1000; ++i) Free(kSmall, Allocate(kSmall));
  cache_->RestoreLimits();
  for (unsigned c : {0u, unsigned{kTagLarge}, unsigned{kTagHuge}}) {
    EXPECT_GE(cache_->top[c], cache_->limit[c].load()) << c;
    EXPECT_EQ(cache_->top[c][-1], nullptr) << c;
  }
}

TEST_F(TcacheTest, RefillHandsOutOneObjectAndLeavesMoreInTheBin) {
  for (SizeClass c : {kSmall, ClassOf(3000)}) {
    void* p = cache_->Refill(c);
    ASSERT_NE(p, nullptr);
    EXPECT_EQ(arena_.segmap().Lookup(p), c.value());
    const unsigned cached = cache_->CachedObjects(c);
    if (c == kSmall) {
      EXPECT_GT(cached, 0u);
    }
    for (unsigned i = 0; i < cached; ++i) EXPECT_NE(Allocate(c), nullptr);
    EXPECT_EQ(cache_->top[c.value()][-1], nullptr) << "below the lowest entry lies a nullptr";
    EXPECT_EQ(cache_->CachedObjects(c), 0u);
  }
  EXPECT_EQ(cache_->refills.Get(), 2u);
}

TEST_F(TcacheTest, ObjectsOfAClassAreAllDifferentAndOfThatClass) {
  for (unsigned i = 1; i < kClasses; ++i) {
    const SizeClass c(static_cast<uint8_t>(i));
    const size_t fit = kArenaBytes / 4 / InfoOf(c).size;
    std::vector<void*> objects =
        AllocateMany(*cache_, c, static_cast<unsigned>(std::min<size_t>(fit, 100)));
    std::sort(objects.begin(), objects.end());
    for (size_t n = 0; n + 1 < objects.size(); ++n) {
      ASSERT_GE(static_cast<char*>(objects[n + 1]) - static_cast<char*>(objects[n]),
                static_cast<ptrdiff_t>(InfoOf(c).size))
          << "class " << i;
    }
    for (void* p : objects) ASSERT_NE(arena_.segmap().Lookup(p), 0);
    for (void* p : objects) Free(c, p);
  }
}

TEST_F(TcacheTest, WhatWasFreedLastIsHandedOutFirst) {
  std::vector<void*> objects = AllocateMany(*cache_, kSmall, 3);
  for (void* p : objects) Free(kSmall, p);
  EXPECT_EQ(Allocate(kSmall), objects[2]);
  EXPECT_EQ(Allocate(kSmall), objects[1]);
  EXPECT_EQ(Allocate(kSmall), objects[0]);
}

TEST_F(TcacheTest, AnObjectThatIsAcceptedIsCachedAndNotWritten) {
  auto* p = static_cast<uint64_t*>(Allocate(kSmall));
  *p = 0x1234567890abcdefu;
  const size_t before = cache_->CachedBytes();
  cache_->Accept(kSmall, p);
  EXPECT_EQ(cache_->CachedBytes(), before + 64);
  EXPECT_EQ(*p, 0x1234567890abcdefu);
  cache_->FlushAll(Delivery::kBitmap);
  EXPECT_EQ(*p, 0x1234567890abcdefu);
}

TEST_F(TcacheTest, ABinGrowsWhileItMissesUpToTheBytesOfItsKind) {
  for (SizeClass c : {kSmall, kMedium}) {
    const size_t most = IsSmall(c.value()) ? kConfig.small_bin_bytes : kConfig.medium_bin_bytes;
    const size_t before = cache_->capacity_bytes();
    std::vector<void*> objects =
        AllocateMany(*cache_, c, static_cast<unsigned>(4 * most / InfoOf(c).size));
    EXPECT_GT(cache_->capacity_bytes() - before, most / 4);
    EXPECT_LE(cache_->capacity_bytes() - before, most);
    for (void* p : objects) Free(c, p);
    EXPECT_LE(cache_->CachedObjects(c) * size_t{InfoOf(c).size}, most);
    EXPECT_GT(cache_->CachedObjects(c) * size_t{InfoOf(c).size}, most / 4);
    EXPECT_GT(cache_->flushes.Get(), 0u);
  }
}

// But for the first of them, slots become usable while nobody holds a shard's lease.
TEST_F(TcacheTest, RefillsWaitForTheKernelOutsideOfTheLease) {
  Allocate(kMedium);
  unsigned outside = 0;
  unsigned inside = 0;
  os_.set_during(FakeOsMemory::kCommit, [&] {
    Lease& lease = shards_[cache_->shard()].lease();
    const bool is_free = lease.TryLock();
    if (is_free) lease.Unlock();
    ++(is_free ? outside : inside);
  });
  const uint32_t first_step = arena_.used_slots();
  while (arena_.used_slots() < arena_.slots()) ASSERT_NE(Allocate(kMedium), nullptr);
  os_.set_during(FakeOsMemory::kCommit, {});
  EXPECT_LT(first_step, arena_.slots());
  EXPECT_GT(outside, 0u);
  EXPECT_EQ(inside, 0u);
}

TEST_F(TcacheTest, BinsOfAThreadThatDoesLittleStayShort) {
  Tcache* other = registry_.Start();
  for (unsigned i = 0; i < 31; ++i) {
    void* p = other->Refill(kMedium);
    ASSERT_NE(p, nullptr);
    EXPECT_LE(other->CachedObjects(kMedium), 1u);
    Free(*other, kMedium, p);
    other->FlushAll(Delivery::kBitmap);
  }
  const size_t before = other->capacity_bytes();
  Free(*other, kMedium, other->Refill(kMedium));
  EXPECT_GT(other->capacity_bytes(), before);
  registry_.End(other);
}

TEST_F(TcacheTest, AllBinsTogetherKeepToTheThreadsPart) {
  std::mt19937 random(7);
  std::vector<std::pair<SizeClass, void*>> live;
  for (int round = 0; round < 40; ++round) {
    const SizeClass c(static_cast<uint8_t>(1 + random() % (kClasses - 1)));
    for (int i = 0; i < 300; ++i) {
      void* p = Allocate(c);
      if (p != nullptr) live.emplace_back(c, p);
    }
    std::shuffle(live.begin(), live.end(), random);
    while (live.size() > 400) {
      Free(live.back().first, live.back().second);
      live.pop_back();
    }
    ASSERT_LE(cache_->capacity_bytes(), registry_.ThreadBytes() + FirstBinsBytes());
    ASSERT_LE(cache_->CachedBytes(), cache_->capacity_bytes() + RemoteStash::kMaxBytes);
  }
  for (const auto& [c, p] : live) Free(c, p);
}

TEST_F(TcacheTest, AFullBinMovesItsOlderHalf) {
  std::vector<void*> objects = AllocateMany(*cache_, kSmall, 20000);
  for (void* p : objects) {
    const unsigned before = cache_->CachedObjects(kSmall);
    Free(kSmall, p);
    const unsigned after = cache_->CachedObjects(kSmall);
    ASSERT_EQ(cache_->top[kSmall.value()][-1], p) << "the newest stays";
    if (after != before + 1) {
      ASSERT_GE(after, before / 2);
      ASSERT_LE(after, before / 2 + 1);
    }
  }
}

TEST_F(TcacheTest, FlushToTheBitmapsMakesEverythingFreeAtOnce) {
  for (unsigned i = 1; i < kClasses; ++i) {
    const SizeClass c(static_cast<uint8_t>(i));
    for (void* p : AllocateMany(*cache_, c, IsWide(c.value()) ? 4 : 40)) Free(c, p);
  }
  ASSERT_GT(cache_->CachedBytes(), 0u);
  cache_->FlushAll(Delivery::kBitmap);
  EXPECT_EQ(cache_->CachedBytes(), 0u);
  EXPECT_TRUE(NothingIsInUse());
}

TEST_F(TcacheTest, FlushToTheStashLetsTheNextBinTakeTheObjectsPastTheBitmaps) {
  if (!kConfig.owner_stash) GTEST_SKIP() << "the owner stash is switched off";
  Tcache* other = registry_.Start();
  Tcache* same_shard = registry_.Start();
  ASSERT_EQ(same_shard->shard(), cache_->shard());
  for (void* p : AllocateMany(*cache_, kSmall, 10)) Free(kSmall, p);
  cache_->FlushAll(Delivery::kStash);
  EXPECT_EQ(cache_->CachedBytes(), 0u);
  const unsigned in_stash = shards_[cache_->shard()].stash(kSmall).count();
  EXPECT_GT(in_stash, 0u);
  EXPECT_NE(same_shard->Refill(kSmall), nullptr);
  EXPECT_LT(shards_[cache_->shard()].stash(kSmall).count(), in_stash);
  registry_.End(same_shard);
  registry_.End(other);
}

TEST_F(TcacheTest, ForeignObjectsGoHomeToTheirOwner) {
  Tcache* other = registry_.Start();
  ASSERT_NE(other->shard(), cache_->shard());
  for (SizeClass c : {kSmall, kMedium}) {
    for (unsigned n : {1u, 5u, 300u}) {
      const std::vector<void*> objects = AllocateMany(*other, c, n);
      for (void* p : objects) {
        ASSERT_EQ(shards_.OwnerOf(p), other->shard());
        Free(c, p);
      }
      cache_->FlushAll(Delivery::kBitmap);
      EXPECT_EQ(cache_->CachedBytes(), 0u);
    }
  }
  registry_.End(other);
  EXPECT_TRUE(NothingIsInUse());
}

TEST_F(TcacheTest, ForeignObjectsGoHomeByMailWhileTheirOwnerIsBusy) {
  Tcache* other = registry_.Start();
  const std::vector<void*> small = AllocateMany(*other, kSmall, 300);
  const std::vector<void*> medium = AllocateMany(*other, kMedium, 30);
  {
    LeaseHolder hold(shards_[other->shard()].lease());
    for (void* p : small) Free(kSmall, p);
    for (void* p : medium) Free(kMedium, p);
    cache_->FlushAll(Delivery::kBitmap);
    EXPECT_EQ(cache_->CachedBytes(), 0u);
    EXPECT_TRUE(shards_[other->shard()].HasMail());
  }
  registry_.End(other);
  EXPECT_TRUE(NothingIsInUse());
}

TEST_F(TcacheTest, WhileMemoryIsScarceFreesBecomeFreeAndRefillsTakeOne) {
  std::vector<void*> objects = AllocateMany(*cache_, kSmall, 100);
  cache_->FlushAll(Delivery::kBitmap);
  registry_.set_scarce(true);
  cache_->RestoreLimits();
  for (void* p : objects) Free(kSmall, p);
  EXPECT_EQ(cache_->CachedBytes(), 0u);
  void* p = Allocate(kSmall);
  ASSERT_NE(p, nullptr);
  EXPECT_EQ(cache_->CachedBytes(), 0u);
  Free(kSmall, p);
  EXPECT_TRUE(NothingIsInUse());
  registry_.set_scarce(false);
  Free(kSmall, Allocate(kSmall));
  EXPECT_GT(cache_->CachedBytes(), 0u) << "and are cached again afterwards";
}

TEST_F(TcacheTest, LoweredLimitsBringTheNextFreeToTheSlowPathAndAreRestored) {
  void* p = Allocate(kSmall);
  void* q = Allocate(kSmall);
  cache_->LowerLimits();
  EXPECT_GE(cache_->top[kSmall.value()], cache_->limit[kSmall.value()].load());
  const uint64_t before = cache_->flushes.Get();
  Free(kSmall, p);
  EXPECT_EQ(cache_->flushes.Get(), before + 1);
  Free(kSmall, q);
  EXPECT_EQ(cache_->flushes.Get(), before + 1) << "the limit is back";
}

TEST_F(TcacheTest, AThreadThatDoesLittleNeedsNoMoreMetadataThanItsCache) {
  Tcache* other = registry_.Start();
  const size_t metadata = pool_.bytes();
  os_.Refuse(FakeOsMemory::kReserve);
  std::vector<std::pair<SizeClass, void*>> blocks;
  for (unsigned n = 0; n < 18; ++n) {
    const SizeClass c(static_cast<uint8_t>(ClassOf(112).value() + n));
    blocks.emplace_back(c, Allocate(*other, c));
  }
  EXPECT_EQ(pool_.bytes(), metadata);
  for (const auto& [c, p] : blocks) {
    ASSERT_NE(p, nullptr);
    Free(*other, c, p);
    EXPECT_EQ(Allocate(*other, c), p);
    Free(*other, c, p);
  }
  os_.Allow(FakeOsMemory::kReserve);
  registry_.End(other);
  cache_->FlushAll(Delivery::kBitmap);
  EXPECT_TRUE(NothingIsInUse());
}

TEST_F(TcacheTest, AnArrayInTheCacheServesAnotherBinAfterTheFirstHasGrown) {
  constexpr unsigned kArrays = 18;
  Tcache* other = registry_.Start();
  const auto nth = [](unsigned n) {
    return SizeClass(static_cast<uint8_t>(ClassOf(112).value() + n));
  };
  const auto is_served = [&](unsigned n) {
    void* p = Allocate(*other, nth(n));
    if (p != nullptr) Free(*other, nth(n), p);
    return p != nullptr;
  };
  for (unsigned n = 0; n < kArrays; ++n) ASSERT_TRUE(is_served(n));
  const std::vector<void*> objects = AllocateMany(*other, nth(0), 200);
  for (void* p : objects) Free(*other, nth(0), p);
  // One is free now; there is no other memory for arrays.
  os_.Refuse(FakeOsMemory::kReserve);
  while (pool_.Allocate(MetadataPool::kMinBlock) != nullptr) {
  }
  EXPECT_TRUE(is_served(kArrays));
  EXPECT_FALSE(is_served(kArrays + 1));
  os_.Allow(FakeOsMemory::kReserve);
  registry_.End(other);
}

TEST_F(TcacheTest, WithoutMemoryForItsArraysABinPassesObjectsOn) {
  // The arrays in the cache itself are in use.
  for (unsigned i = kFirstWideClass; i < kClasses; ++i) {
    const SizeClass c(static_cast<uint8_t>(i));
    Free(c, Allocate(c));
  }
  void* p = Allocate(kSmall);
  os_.Refuse(FakeOsMemory::kReserve);
  os_.Refuse(FakeOsMemory::kCommit);
  // Uses up what the pool has left, so that no bin can be made.
  for (size_t bytes = MetadataPool::kMaxBlock; bytes >= MetadataPool::kMinBlock; bytes /= 2) {
    while (pool_.Allocate(bytes) != nullptr) {
    }
  }
  EXPECT_EQ(cache_->Refill(kMedium), nullptr);
  const SizeClass c = ClassOf(48);
  void* q;
  {
    Shard& shard = shards_[cache_->shard()];
    LeaseHolder hold(shard.lease());
    ASSERT_EQ(shard.Refill(c, &q, 1, kFullEffort), 1u);
  }
  cache_->Accept(c, q);
  EXPECT_EQ(cache_->CachedObjects(c), 0u);
  Free(kSmall, p);
  cache_->FlushAll(Delivery::kBitmap);
  EXPECT_TRUE(NothingIsInUse());
}

TEST_F(TcacheTest, RefillYieldsNullptrWhenTheArenaIsUsedUpAndServesAgainAfterAFree) {
  const SizeClass c = ClassOf(kMaxBinnedSize);
  std::vector<void*> objects;
  for (void* p; (p = Allocate(c)) != nullptr;) objects.push_back(p);
  EXPECT_EQ(objects.size(), kArenaBytes / kMaxBinnedSize);
  EXPECT_EQ(cache_->top[c.value()][-1], nullptr);
  Free(c, objects.back());
  EXPECT_EQ(Allocate(c), objects.back());
  for (void* p : objects) Free(c, p);
}

TEST_F(TcacheTest, RetireGivesObjectsAndArraysBack) {
  for (unsigned i = 1; i < kClasses; ++i) {
    const SizeClass c(static_cast<uint8_t>(i));
    for (void* p : AllocateMany(*cache_, c, 20)) Free(c, p);
  }
  cache_->Retire();
  EXPECT_EQ(cache_->CachedBytes(), 0u);
  EXPECT_EQ(cache_->capacity_bytes(), 0u);
  EXPECT_TRUE(NothingIsInUse());
  for (unsigned c = 0; c < kTags; ++c) EXPECT_EQ(cache_->top[c][-1], nullptr);
  for (unsigned c = 0; c < kTags; ++c) EXPECT_GE(cache_->top[c], cache_->limit[c].load());
  // The next thread's bins need no more metadata than this one's did.
  Tcache* next = registry_.Start();
  const size_t metadata = pool_.bytes();
  for (unsigned i = 1; i < kClasses; ++i) {
    const SizeClass c(static_cast<uint8_t>(i));
    for (void* p : AllocateMany(*next, c, 20)) Free(*next, c, p);
  }
  EXPECT_EQ(pool_.bytes(), metadata);
  registry_.End(next);
}

TEST_F(TcacheTest, BusyIsSetForTheScope) {
  EXPECT_FALSE(cache_->busy());
  {
    Tcache::BusyScope busy(*cache_);
    EXPECT_TRUE(cache_->busy());
  }
  EXPECT_FALSE(cache_->busy());
}

// Two caches of different shards, any order of allocating, freeing here and there, and flushing:
// no object is live twice, and in the end none is lost.
TEST_F(TcacheTest, RandomUseNeitherLosesNorDoublesAnObject) {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    Tcache* caches[] = {cache_, registry_.Start()};
    std::map<char*, SizeClass> live;
    std::vector<char*> order;
    for (int step = 0; step < 20000; ++step) {
      Tcache& cache = *caches[random() % 2];
      if (random() % 1000 == 0) {
        cache.FlushAll(random() % 2 == 0 ? Delivery::kBitmap : Delivery::kStash);
      } else if (random() % 2 == 0 || order.empty()) {
        const SizeClass c(static_cast<uint8_t>(1 + random() % (kClasses - 1)));
        char* p = static_cast<char*>(Allocate(cache, c));
        if (p == nullptr) continue;
        const auto [place, fresh] = live.emplace(p, c);
        ASSERT_TRUE(fresh) << "live twice";
        const auto after = std::next(place);
        ASSERT_TRUE(after == live.end() || p + InfoOf(c).size <= after->first) << "overlap";
        order.push_back(p);
      } else {
        std::swap(order[random() % order.size()], order.back());
        const auto place = live.find(order.back());
        Free(cache, place->second, order.back());
        live.erase(place);
        order.pop_back();
      }
    }
    for (const auto& [p, c] : live) Free(*caches[random() % 2], c, p);
    cache_->FlushAll(Delivery::kBitmap);
    registry_.End(caches[1]);
    ASSERT_TRUE(NothingIsInUse());
  }
}

// -- scarce --------------------------------------------------------------------------------------

TEST_F(TcacheTest, WhileMemoryIsScarceANeighboursOpenSpanServesBeforeANewOne) {
  Tcache* other = registry_.Start();
  ASSERT_FALSE(other->shard() == cache_->shard());
  std::vector<void*> theirs = AllocateMany(*other, kSmall, 8);
  other->FlushAll(Delivery::kBitmap);
  registry_.set_scarce(true);
  void* mine = Allocate(kSmall);
  EXPECT_EQ(shards_.OwnerOf(mine), other->shard());
  Free(kSmall, mine);
  for (void* p : theirs) Free(*other, kSmall, p);
  registry_.set_scarce(false);
  registry_.End(other);
}

TEST_F(TcacheTest, WhileMemoryIsScarceARunIsTakenFromTheShardWhereItFitsBest) {
  Tcache* other = registry_.Start();
  Shard& theirs = shards_[other->shard()];
  std::vector<void*> runs;
  bool clean;
  {
    LeaseHolder hold(theirs.lease());
    for (unsigned n : {2u, 1u, kPagesPerSegment - 3}) {
      runs.push_back(theirs.AllocateRun(n, 1, kTagLarge, kFullEffort, &clean));
    }
    theirs.FreeRun(runs[0]);
    // How long its longest run is was only known as an upper bound.
    ASSERT_EQ(theirs.AllocateRun(3, 1, kTagLarge, kNoGrowthEffort, &clean), nullptr);
  }
  void* whole = Allocate(kMedium);  // of a segment of its own shard, which has long runs
  registry_.set_scarce(true);
  cache_->FlushAll(Delivery::kBitmap);
  EXPECT_EQ(Allocate(kMedium), runs[0]);
  EXPECT_EQ(shards_.OwnerOf(Allocate(kMedium)), cache_->shard());
  registry_.set_scarce(false);
  Free(kMedium, whole);
  registry_.End(other);
}

}  // namespace
}  // namespace hz3
