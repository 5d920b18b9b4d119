#include "hz3/thread/registry.h"

#include <atomic>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"
#include "hz3/base/platform.h"
#include "hz3/base/thread_barrier.h"
#include "hz3/config/config.h"
#include "hz3/objects/size_classes.h"
#include "hz3/objects/span.h"
#include "hz3/thread/tcache.h"

namespace hz3 {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kShards = 3;

class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() { Init(size_t{64} << 20); }
  ~RegistryTest() override { arena_.Destroy(); }

  void Init(size_t arena_bytes) {
    EXPECT_TRUE(arena_.Init(os_, arena_bytes, false, sizeof(Span)));
    pool_.Init(os_);
    EXPECT_TRUE(shards_.Init(arena_, kShards));
    registry_.Init(shards_, pool_);
  }
  void UseArenaOf(size_t bytes) {
    arena_.Destroy();
    Init(bytes);
  }
  std::set<const Tcache*> Caches() {
    std::set<const Tcache*> caches;
    registry_.ForEach([&](const Tcache& cache) { caches.insert(&cache); });
    return caches;
  }
  void CollectEverything() {
    for (unsigned i = 0; i < kShards; ++i) {
      LeaseHolder hold(shards_[i].lease());
      shards_[i].CollectAll();
      shards_[i].ReleaseEmptySegments();
    }
  }
  // A malloc and a free of 64 bytes; the rest of the refill stays in the bin.
  static void UseBin(Tcache& cache) {
    const SizeClass c = ClassOf(64);
    void* p = cache.top[c.value()][-1];
    if (p != nullptr) {
      --cache.top[c.value()];
    } else {
      p = cache.Refill(c);
    }
    ASSERT_NE(p, nullptr);
    cache.Accept(c, p);
    EXPECT_GT(cache.CachedBytes(), 0u);
  }
  static int64_t Milliseconds(Clock::time_point since) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - since).count();
  }

  FakeOsMemory os_;
  Arena arena_;
  MetadataPool pool_;
  ShardTable shards_;
  Registry registry_;
};

TEST_F(RegistryTest, KnowsTheCachesThatLive) {
  EXPECT_EQ(registry_.threads(), 0u);
  Tcache* a = registry_.Start();
  Tcache* b = registry_.Start();
  Tcache* c = registry_.Start();
  EXPECT_EQ(registry_.threads(), 3u);
  EXPECT_EQ(Caches(), (std::set<const Tcache*>{a, b, c}));
  registry_.End(b);
  EXPECT_EQ(Caches(), (std::set<const Tcache*>{a, c}));
  registry_.End(c);
  EXPECT_EQ(Caches(), (std::set<const Tcache*>{a}));
  registry_.End(a);
  EXPECT_TRUE(Caches().empty());
  EXPECT_EQ(registry_.threads(), 0u);
}

TEST_F(RegistryTest, AThreadGoesToTheShardWithFewestThreads) {
  std::vector<Tcache*> caches;
  std::multiset<unsigned> shards;
  for (unsigned i = 0; i < 2 * kShards; ++i) {
    caches.push_back(registry_.Start());
    shards.insert(caches.back()->shard().value());
  }
  for (unsigned i = 0; i < kShards; ++i) EXPECT_EQ(shards.count(i), 2u);
  const ShardId left = caches[1]->shard();
  registry_.End(caches[1]);
  caches[1] = registry_.Start();
  EXPECT_EQ(caches[1]->shard(), left);
  for (Tcache* cache : caches) registry_.End(cache);
}

TEST_F(RegistryTest, WithoutMemoryThereIsNoCache) {
  os_.Refuse(FakeOsMemory::kReserve);
  EXPECT_EQ(registry_.Start(), nullptr);
  EXPECT_EQ(registry_.threads(), 0u);
  os_.Allow(FakeOsMemory::kReserve);
  Tcache* cache = registry_.Start();
  ASSERT_NE(cache, nullptr);
  registry_.End(cache);
}

TEST_F(RegistryTest, CachesOfThreadsThatEndedAreUsedAgain) {
  const auto live_once = [this] {
    Tcache* cache = registry_.Start();
    UseBin(*cache);
    registry_.End(cache);
  };
  live_once();
  const size_t metadata = pool_.bytes();
  for (int i = 0; i < 1000; ++i) live_once();
  EXPECT_EQ(pool_.bytes(), metadata);
  CollectEverything();
  EXPECT_EQ(arena_.free_slots(), arena_.slots());
}

TEST_F(RegistryTest, ASmallArenaBoundsWhatAllThreadsTogetherMayHide) {
  std::vector<Tcache*> caches;
  for (size_t n = 1; n <= 20; ++n) {
    caches.push_back(registry_.Start());
    EXPECT_LE(registry_.ThreadBytes() * n, arena_.bytes() / TcacheControl::kArenaPart) << n;
    EXPECT_GT(registry_.ThreadBytes(), 0u);
  }
  for (Tcache* cache : caches) registry_.End(cache);
}

TEST_F(RegistryTest, InALargeArenaAThreadsPartShrinksAsThreadsBecomeManyDownToTheLeast) {
  UseArenaOf(size_t{64} << 30);
  EXPECT_EQ(registry_.ThreadBytes(), kConfig.tcache_max_bytes) << "no thread counts as one";
  std::vector<Tcache*> caches;
  size_t before = kConfig.tcache_max_bytes;
  for (size_t n = 1; n <= 300; ++n) {
    caches.push_back(registry_.Start());
    const size_t part = registry_.ThreadBytes();
    ASSERT_LE(part, before);
    ASSERT_GE(part, kConfig.tcache_min_bytes);
    ASSERT_TRUE(part * n <= kConfig.tcache_total_bytes || part == kConfig.tcache_min_bytes) << n;
    before = part;
  }
  EXPECT_LT(before, kConfig.tcache_max_bytes);
  for (Tcache* cache : caches) registry_.End(cache);
  EXPECT_EQ(registry_.ThreadBytes(), kConfig.tcache_max_bytes);
}

TEST_F(RegistryTest, EndReturnsWhatTheCacheHeld) {
  Tcache* cache = registry_.Start();
  UseBin(*cache);
  CollectEverything();
  EXPECT_LT(arena_.free_slots(), arena_.slots());
  registry_.End(cache);
  CollectEverything();
  EXPECT_EQ(arena_.free_slots(), arena_.slots());
}

TEST_F(RegistryTest, ScarceIsARememberedHint) {
  EXPECT_FALSE(registry_.scarce());
  registry_.set_scarce(true);
  EXPECT_TRUE(registry_.scarce());
  registry_.set_scarce(false);
  EXPECT_FALSE(registry_.scarce());
}

TEST_F(RegistryTest, ABroadcastWithoutThreadsDoesNotWait) {
  const Clock::time_point start = Clock::now();
  registry_.Broadcast(nullptr);
  registry_.AwaitAnswers(5000000);
  EXPECT_LT(Milliseconds(start), 2000);
  EXPECT_EQ(registry_.epoch(), 1u);
}

TEST_F(RegistryTest, TheLeaderItselfHasAnswered) {
  Tcache* self = registry_.Start();
  UseBin(*self);
  const Clock::time_point start = Clock::now();
  registry_.Broadcast(self);
  registry_.AwaitAnswers(5000000);
  EXPECT_LT(Milliseconds(start), 2000);
  EXPECT_EQ(self->answered_epoch(), registry_.epoch());
  EXPECT_EQ(self->CachedBytes(), 0u);
  registry_.End(self);
}

TEST_F(RegistryTest, ABroadcastLowersTheLimitsOfTheOthersSoThatTheirNextFreeIsSlow) {
  Tcache* self = registry_.Start();
  Tcache* other = registry_.Start();
  UseBin(*other);
  const unsigned c = ClassOf(64).value();
  ASSERT_LT(other->top[c], other->limit[c].load());
  registry_.Broadcast(self);
  registry_.AwaitAnswers(0);
  EXPECT_GE(other->top[c], other->limit[c].load());
  EXPECT_NE(other->answered_epoch(), registry_.epoch());
  other->AnswerBroadcast();
  EXPECT_EQ(other->CachedBytes(), 0u);
  EXPECT_EQ(other->answered_epoch(), registry_.epoch());
  EXPECT_LT(other->top[c], other->limit[c].load()) << "caching goes on";
  registry_.End(self);
  registry_.End(other);
}

TEST_F(RegistryTest, TheWaitForABlockedThreadIsBoundedAndItIsNotWaitedForAgain) {
  Tcache* blocked = registry_.Start();
  Clock::time_point start = Clock::now();
  registry_.Broadcast(nullptr);
  registry_.AwaitAnswers(30000);
  EXPECT_GE(Milliseconds(start), 15);
  EXPECT_LT(Milliseconds(start), 5000);
  start = Clock::now();
  registry_.Broadcast(nullptr);
  registry_.AwaitAnswers(10000000);
  EXPECT_LT(Milliseconds(start), 5000) << "it did not answer the broadcast before";
  blocked->AnswerBroadcast();
  start = Clock::now();
  registry_.Broadcast(nullptr);
  registry_.AwaitAnswers(30000);
  EXPECT_GE(Milliseconds(start), 15) << "it has answered, so it is expected to again";
  registry_.End(blocked);
}

TEST_F(RegistryTest, ARunningThreadAnswersAndItsBinsAreEmptyForTheLeadersSweep) {
  std::atomic<bool> started{false};
  std::atomic<bool> done{false};
  std::atomic<size_t> held_at_answer{1};
  std::thread runner([&] {
    Tcache* cache = registry_.Start();
    UseBin(*cache);
    started = true;
    const unsigned c = ClassOf(64).value();
    // As free does: it looks at the limit only.
    while (cache->top[c] < cache->limit[c].load(std::memory_order_relaxed)) {
      std::this_thread::yield();
    }
    cache->AnswerBroadcast();
    held_at_answer = cache->CachedBytes();
    while (!done) std::this_thread::yield();
    registry_.End(cache);
  });
  while (!started) std::this_thread::yield();
  const Clock::time_point start = Clock::now();
  registry_.Broadcast(nullptr);
  registry_.AwaitAnswers(20000000);
  EXPECT_LT(Milliseconds(start), 15000) << "the answer ends the wait";
  CollectEverything();
  EXPECT_EQ(arena_.free_slots(), arena_.slots()) << "what it cached can be had";
  done = true;
  runner.join();
  EXPECT_EQ(held_at_answer, 0u);
}

TEST_F(RegistryTest, AThreadThatEndsEndsTheWaitForIt) {
  Tcache* cache = registry_.Start();
  std::thread ender([&] {
    while (registry_.epoch() == 0) std::this_thread::yield();
    registry_.End(cache);
  });
  const Clock::time_point start = Clock::now();
  registry_.Broadcast(nullptr);
  registry_.AwaitAnswers(20000000);
  EXPECT_LT(Milliseconds(start), 15000);
  ender.join();
}

TEST_F(RegistryTest, AThreadThatStartsAfterABroadcastHasNothingToAnswer) {
  registry_.Broadcast(nullptr);
  registry_.AwaitAnswers(0);
  Tcache* cache = registry_.Start();
  EXPECT_EQ(cache->answered_epoch(), registry_.epoch());
  UseBin(*cache);
  const size_t held = cache->CachedBytes();
  cache->AnswerBroadcast();
  EXPECT_EQ(cache->CachedBytes(), held);
  registry_.End(cache);
}

// -- robbing ------------------------------------------------------------------------------------

// A thread as the front door sees it: its handle, and malloc and free of 64 bytes.
class Owner {
 public:
  explicit Owner(Registry& registry) : registry_(registry), cache_(registry.Start(&handle_)) {}
  ~Owner() {
    if (cache_ != nullptr) registry_.End(cache_);
  }

  void* Malloc() {
    Tcache* cache = handle_.load(std::memory_order_relaxed);
    void** top = cache->top[kClass.value()];
    void* p = top[-1];
    if (p == nullptr) return MallocSlow();
    cache->top[kClass.value()] = top - 1;
    return p;
  }
  void Free(void* p) {
    Tcache* cache = handle_.load(std::memory_order_relaxed);
    void** top = cache->top[kClass.value()];
    if (Tcache::IsFull(&cache->top[kClass.value()], top)) return FreeSlow(p);
    *top = p;
    cache->top[kClass.value()] = top + 1;
  }
  Tcache& cache() { return *cache_; }

  static constexpr SizeClass kClass = ClassOf(64);

 private:
  void* MallocSlow() {
    Tcache::BusyScope busy(*cache_);
    cache_->AnswerBroadcast();
    if (cache_->CachedObjects(kClass) > 0) return *--cache_->top[kClass.value()];
    return cache_->Refill(kClass);
  }
  void FreeSlow(void* p) {
    Tcache::BusyScope busy(*cache_);
    cache_->AnswerBroadcast();
    cache_->Accept(kClass, p);
  }

  Registry& registry_;
  std::atomic<Tcache*> handle_{nullptr};
  Tcache* cache_;
};

TEST_F(RegistryTest, ASleepingThreadIsRobbedOfAllButTheLastObjectOfABin) {
  Owner sleeper(registry_);
  std::vector<void*> blocks;
  for (int i = 0; i < 60; ++i) blocks.push_back(sleeper.Malloc());
  for (void* p : blocks) sleeper.Free(p);
  ASSERT_GT(sleeper.cache().CachedObjects(Owner::kClass), 2u);
  if (!BarrierOnAllThreads()) GTEST_SKIP() << "membarrier is not to be had here";
  EXPECT_GT(registry_.RobOthers(nullptr), 1u);
  EXPECT_EQ(sleeper.cache().CachedObjects(Owner::kClass), 1u);
  EXPECT_EQ(sleeper.cache().CachedBytes(), 64u);
  CollectEverything();
  EXPECT_EQ(arena_.free_slots() + 1, arena_.slots()) << "the one that is left holds a segment";
  // It wakes: first the one that it has, then a refill; what it frees is cached again.
  EXPECT_EQ(sleeper.Malloc(), blocks.back());
  void* p = sleeper.Malloc();
  ASSERT_NE(p, nullptr);
  EXPECT_NE(p, blocks.back());
  sleeper.Free(blocks.back());
  sleeper.Free(p);
}

TEST_F(RegistryTest, WhoIsRobbedTwiceStillKeepsTheLastObject) {
  Owner sleeper(registry_);
  std::vector<void*> blocks;
  for (int i = 0; i < 40; ++i) blocks.push_back(sleeper.Malloc());
  for (void* p : blocks) sleeper.Free(p);
  if (!BarrierOnAllThreads()) GTEST_SKIP() << "membarrier is not to be had here";
  EXPECT_GT(registry_.RobOthers(nullptr), 1u);
  void* last = sleeper.Malloc();
  EXPECT_EQ(last, blocks.back());
  sleeper.Free(last);
  sleeper.Free(sleeper.Malloc());
  registry_.RobOthers(nullptr);
  EXPECT_EQ(sleeper.cache().CachedObjects(Owner::kClass), 1u);
  std::set<void*> all;
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(all.insert(sleeper.Malloc()).second) << i;
  for (void* p : all) sleeper.Free(p);
}

TEST_F(RegistryTest, NeitherTheLeaderNorABusyThreadIsRobbed) {
  Owner self(registry_);
  Owner busy(registry_);
  for (Owner* owner : {&self, &busy}) {
    std::vector<void*> blocks;
    for (int i = 0; i < 40; ++i) blocks.push_back(owner->Malloc());
    for (void* p : blocks) owner->Free(p);
  }
  const size_t held = busy.cache().CachedBytes();
  ASSERT_GT(held, 64u);
  Tcache::BusyScope scope(busy.cache());
  registry_.RobOthers(&self.cache());
  EXPECT_EQ(self.cache().CachedBytes(), held);
  EXPECT_EQ(busy.cache().CachedBytes(), held);
}

TEST_F(RegistryTest, AThreadThatEndsAfterItWasRobbedLosesNothing) {
  {
    Owner owner(registry_);
    std::vector<void*> blocks;
    for (int i = 0; i < 60; ++i) blocks.push_back(owner.Malloc());
    for (void* p : blocks) owner.Free(p);
    registry_.RobOthers(nullptr);
  }
  CollectEverything();
  EXPECT_EQ(arena_.free_slots(), arena_.slots());
}

// Threads that run are robbed at every instant of their malloc and free: no object is ever handed
// out twice, and none is lost.
TEST_F(RegistryTest, RunningThreadsAreRobbedAndNothingIsHandedOutTwice) {
#if HZ3_UNDER_TSAN
  GTEST_SKIP() << "ThreadSanitizer does not know what membarrier orders";
#endif
  std::vector<std::atomic<uint8_t>> live(arena_.bytes() / 64);
  const auto base = reinterpret_cast<uintptr_t>(arena_.segmap().base());
  const auto index = [&](void* p) { return (reinterpret_cast<uintptr_t>(p) - base) / 64; };
  constexpr uint64_t kOps = 300000;
  constexpr uint64_t kRobberies = 1000;
  std::atomic<uint64_t> ops{0};
  std::atomic<bool> done{false};
  std::atomic<uint64_t> twice{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      Owner owner(registry_);
      std::vector<void*> blocks;
      uint64_t state = static_cast<uint64_t>(t) + 1;
      while (!done) {
        ops.fetch_add(1, std::memory_order_relaxed);
        state = state * 6364136223846793005u + 1442695040888963407u;
        if (blocks.size() < 200 && (state >> 40) % 100 < 55) {
          void* p = owner.Malloc();
          if (live[index(p)].exchange(1) != 0) ++twice;
          blocks.push_back(p);
        } else if (!blocks.empty()) {
          live[index(blocks.back())].store(0);
          owner.Free(blocks.back());
          blocks.pop_back();
        }
      }
      for (void* p : blocks) owner.Free(p);
    });
  }
  for (uint64_t n = 0; n < kRobberies || ops.load(std::memory_order_relaxed) < kOps; ++n) {
    if (n % 16 == 0) registry_.Broadcast(nullptr);
    registry_.RobOthers(nullptr);
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(twice, 0u);
  CollectEverything();
  EXPECT_EQ(arena_.free_slots(), arena_.slots());
}

TEST_F(RegistryTest, TheChildOfAForkKeepsItsOwnThreadAndEmptiesTheOthers) {
  Tcache* self = registry_.Start();
  Tcache* other = registry_.Start();
  Tcache* busy = registry_.Start();
  UseBin(*self);
  UseBin(*other);
  UseBin(*busy);
  const size_t kept = self->CachedBytes();
  {
    Tcache::BusyScope scope(*busy);
    registry_.LockForFork();
    registry_.ResetAfterFork(self);
  }
  EXPECT_EQ(Caches(), (std::set<const Tcache*>{self}));
  EXPECT_EQ(registry_.threads(), 1u);
  EXPECT_EQ(self->CachedBytes(), kept);
  EXPECT_GT(busy->CachedBytes(), 0u) << "half changed: not touched";
  registry_.End(self);
  CollectEverything();
  EXPECT_EQ(arena_.free_slots() + 1, arena_.slots()) << "only the busy one's segment stays";
}

TEST_F(RegistryTest, ThreadsComeAndGoWhileALeaderBroadcasts) {
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!done) {
        Tcache* cache = registry_.Start();
        for (int n = 0; n < 20; ++n) {
          UseBin(*cache);
          cache->AnswerBroadcast();
        }
        registry_.End(cache);
      }
    });
  }
  for (int i = 0; i < 200; ++i) {
    registry_.Broadcast(nullptr);
    registry_.AwaitAnswers(1000);
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(registry_.threads(), 0u);
  CollectEverything();
  EXPECT_EQ(arena_.free_slots(), arena_.slots()) << "nothing is lost";
}

}  // namespace
}  // namespace hz3
