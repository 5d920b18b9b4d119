// Beside the C library's malloc: the extension's functions are this process's only callers of hz3,
// so that its figures are the test's own.

#include "hz3/malloc_extension.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/config/config.h"
#include "hz3/heap.h"
#include "hz3/policy/cgroup.h"

namespace hz3 {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

using StatsFunction = size_t (*)(char*, size_t);
constexpr StatsFunction kFormats[] = {hz3_stats_text, hz3_stats_json, hz3_stats_prometheus};

std::string Whole(StatsFunction stats) {
  std::string text(stats(nullptr, 0) + 1000, '#');
  const size_t length = stats(text.data(), text.size());
  EXPECT_LT(length, text.size());
  text.resize(length);
  return text;
}

TEST(MallocExtension, SaysWhatItIs) {
  EXPECT_STREQ(hz3_lane(), kLaneName);
  int major, minor, patch;
  EXPECT_EQ(sscanf(hz3_version(), "%d.%d.%d", &major, &minor, &patch), 3) << hz3_version();
}

TEST(MallocExtension, CommittedBytesFollowTheBlocksAndThePeakStays) {
  EXPECT_GE(hz3_arena_bytes(), kSegmentSize);
  const size_t before = hz3_committed_bytes();
  void* p = heap.AllocateLarge(8 * kMiB, kPageSize, false);
  ASSERT_NE(p, nullptr);
  EXPECT_EQ(hz3_committed_bytes(), before + 8 * kMiB);
  heap.FreeSlow(p);
  EXPECT_EQ(hz3_purge(), 8 * kMiB);
  EXPECT_EQ(hz3_committed_bytes(), before);
  EXPECT_EQ(hz3_peak_committed_bytes(), before + 8 * kMiB);
}

TEST(MallocExtension, ALimitIsKeptInWholePagesAndHolds) {
  EXPECT_EQ(hz3_limit(), SIZE_MAX);
  const size_t limit = hz3_committed_bytes() + 4 * kMiB;
  EXPECT_EQ(hz3_set_limit(limit + 100), 0);
  EXPECT_EQ(hz3_limit(), limit);
  errno = 0;
  EXPECT_EQ(heap.AllocateLarge(5 * kMiB, kPageSize, false), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  EXPECT_LE(hz3_committed_bytes(), limit);
  EXPECT_EQ(hz3_set_limit(SIZE_MAX), 0);
  EXPECT_EQ(hz3_limit(), SIZE_MAX);
  void* p = heap.AllocateLarge(5 * kMiB, kPageSize, false);
  EXPECT_NE(p, nullptr);
  heap.FreeSlow(p);
}

TEST(MallocExtension, ASoftLimitIsKeptInWholePagesAndFailsNothing) {
  EXPECT_EQ(hz3_soft_limit(), SIZE_MAX);
  EXPECT_EQ(hz3_set_soft_limit(4 * kMiB + 100), 0);
  EXPECT_EQ(hz3_soft_limit(), 4 * kMiB);
  std::vector<void*> blocks;
  for (int i = 0; i < 8; ++i) blocks.push_back(heap.AllocateLarge(5 * kMiB, kPageSize, false));
  for (void* p : blocks) EXPECT_NE(p, nullptr);
  EXPECT_GE(hz3_committed_bytes(), 40 * kMiB);
  for (void* p : blocks) heap.FreeSlow(p);
  heap.FreeSlow(heap.AllocateLarge(100 * kMiB, kPageSize, false));
  EXPECT_LE(hz3_committed_bytes(), 4 * kMiB) << "above the limit free slots go back at once";
  EXPECT_EQ(hz3_set_soft_limit(SIZE_MAX), 0);
  EXPECT_EQ(hz3_soft_limit(), SIZE_MAX);
}

TEST(MallocExtension, TheShareOfACgroupIsRefusedWhereItMakesNoSense) {
  using Set = int (*)(unsigned);
  for (Set set : {Set{hz3_set_limit_from_cgroup}, Set{hz3_set_soft_limit_from_cgroup}}) {
    for (unsigned percent : {0u, 101u, ~0u}) {
      errno = 0;
      EXPECT_EQ(set(percent), -1);
      EXPECT_EQ(errno, EINVAL);
    }
  }
  EXPECT_EQ(hz3_limit(), SIZE_MAX);
  EXPECT_EQ(hz3_soft_limit(), SIZE_MAX);
}

TEST(MallocExtension, TheShareOfACgroupIsSetOrThereIsNone) {
  const size_t limit = CgroupMemoryLimit();
  errno = 0;
  if (limit == kNoCgroupLimit) {
    EXPECT_EQ(hz3_set_limit_from_cgroup(90), -1);
    EXPECT_EQ(errno, ENOENT);
    EXPECT_EQ(hz3_set_soft_limit_from_cgroup(75), -1);
    EXPECT_EQ(hz3_limit(), SIZE_MAX);
  } else {
    EXPECT_EQ(hz3_set_limit_from_cgroup(90), 0);
    EXPECT_EQ(hz3_set_soft_limit_from_cgroup(75), 0);
    EXPECT_NEAR(static_cast<double>(hz3_limit()), 0.9 * static_cast<double>(limit), 4096);
    EXPECT_NEAR(static_cast<double>(hz3_soft_limit()), 0.75 * static_cast<double>(limit), 4096);
    hz3_set_limit(SIZE_MAX);
    hz3_set_soft_limit(SIZE_MAX);
  }
}

TEST(MallocExtension, TheHalfLifeIsWhatWasSetLast) {
  const size_t built = hz3_decay_half_life_ms();
  EXPECT_EQ(built, kConfig.decay_half_life_ms);
  for (size_t ms : {size_t{0}, size_t{250}, HZ3_NO_DECAY, built}) {
    EXPECT_EQ(hz3_set_decay_half_life_ms(ms), 0);
    EXPECT_EQ(hz3_decay_half_life_ms(), ms);
  }
}

// A cache of the program's own, dropped a block at a time when memory is short.
struct ProgramsCache {
  std::vector<void*> blocks;
  std::vector<size_t> asked;

  static int DropOne(size_t bytes, void* arg) {
    auto* cache = static_cast<ProgramsCache*>(arg);
    cache->asked.push_back(bytes);
    if (cache->blocks.empty()) return 0;
    heap.FreeSlow(cache->blocks.back());
    cache->blocks.pop_back();
    return 1;
  }
  void Fill(size_t bytes, int count) {
    for (int i = 0; i < count; ++i) blocks.push_back(heap.AllocateSlow(bytes));
  }
};

class PressureCallback : public ::testing::Test {
 protected:
  void SetUp() override {
    hz3_purge();
    ASSERT_EQ(hz3_set_pressure_callback(ProgramsCache::DropOne, &cache_), 0);
    ASSERT_EQ(hz3_set_limit(hz3_committed_bytes() + 16 * kMiB), 0);
  }
  void TearDown() override {
    hz3_set_pressure_callback(nullptr, nullptr);
    hz3_set_limit(SIZE_MAX);
  }

  ProgramsCache cache_;
};

TEST_F(PressureCallback, DropsWhatTheProgramCachesSoThatTheAllocationSucceeds) {
  cache_.Fill(5 * kMiB, 3);
  EXPECT_TRUE(cache_.asked.empty());
  void* p = heap.AllocateLarge(4 * kMiB, kPageSize, false);
  EXPECT_NE(p, nullptr);
  EXPECT_EQ(cache_.asked, std::vector<size_t>{4 * kMiB});
  EXPECT_EQ(cache_.blocks.size(), 2u);
  void* q = heap.AllocateSlow(3 * kMiB);
  EXPECT_NE(q, nullptr);
  heap.FreeSlow(p);
  heap.FreeSlow(q);
}

TEST_F(PressureCallback, ServesSmallBlocksToo) {
  cache_.Fill(5 * kMiB, 3);
  std::vector<void*> blocks;
  while (cache_.asked.empty()) {
    blocks.push_back(heap.AllocateSlow(2000));
    ASSERT_NE(blocks.back(), nullptr);
  }
  EXPECT_EQ(cache_.blocks.size(), 2u);
  EXPECT_GE(cache_.asked[0], 2000u);
  for (void* p : blocks) heap.FreeSlow(p);
}

TEST_F(PressureCallback, IsNotAskedAgainAndAgainForWhatCannotBeHad) {
  ASSERT_TRUE(cache_.blocks.empty());
  void* most = heap.AllocateLarge(15 * kMiB, kPageSize, false);
  for (int i = 0; i < 1000; ++i) {
    errno = 0;
    ASSERT_EQ(heap.AllocateLarge(2 * kMiB, kPageSize, false), nullptr);
    ASSERT_EQ(errno, ENOMEM);
  }
  EXPECT_EQ(cache_.asked.size(), 1u);
  heap.FreeSlow(most);
  void* p = heap.AllocateLarge(2 * kMiB, kPageSize, false);
  EXPECT_NE(p, nullptr);
  heap.FreeSlow(p);
}

TEST_F(PressureCallback, MayAllocateAndRaiseTheLimit) {
  hz3_set_pressure_callback(
      [](size_t bytes, void*) {
        heap.FreeSlow(heap.AllocateSlow(100));
        EXPECT_EQ(heap.AllocateLarge(bytes, kPageSize, false), nullptr) << "still short in here";
        return hz3_set_limit(hz3_limit() + bytes) == 0 ? 1 : 0;
      },
      nullptr);
  void* most = heap.AllocateLarge(15 * kMiB, kPageSize, false);
  void* more = heap.AllocateLarge(3 * kMiB, kPageSize, false);
  EXPECT_NE(more, nullptr);
  heap.FreeSlow(most);
  heap.FreeSlow(more);
}

TEST(MallocExtension, ReleaseThreadMakesItsBinsFreeForOthers) {
  std::vector<void*> blocks;
  for (int i = 0; i < 1000; ++i) blocks.push_back(heap.AllocateSlow(500));
  for (void* p : blocks) heap.FreeSlow(p);
  EXPECT_GT(heap.GetStats().cached_bytes, 0u);
  hz3_release_thread();
  EXPECT_EQ(Heap::thread_cache()->CachedBytes(), 0u);
}

TEST(MallocExtension, StatisticsAreCutToTheBufferAsBySnprintf) {
  heap.FreeSlow(heap.AllocateSlow(100));
  for (StatsFunction stats : kFormats) {
    const std::string whole = Whole(stats);
    EXPECT_GT(whole.size(), 500u);
    for (size_t size : {size_t{1}, size_t{2}, size_t{100}, whole.size(), whole.size() + 1}) {
      std::string buffer(whole.size() + 64, '#');
      EXPECT_EQ(stats(buffer.data(), size), whole.size());
      const size_t fits = std::min(size - 1, whole.size());
      EXPECT_EQ(buffer.substr(0, fits), whole.substr(0, fits));
      EXPECT_EQ(buffer[fits], '\0');
      EXPECT_EQ(buffer.find_first_not_of('#', size), std::string::npos);
    }
  }
}

TEST(MallocExtension, StatisticsComeInTheFormatsTheyAreNamedAfter) {
  const std::string json = Whole(hz3_stats_json);
  EXPECT_EQ(json.front(), '{');
  EXPECT_NE(json.find("\"arena_bytes\": " + std::to_string(hz3_arena_bytes())), std::string::npos);
  EXPECT_NE(Whole(hz3_stats_prometheus).find("\nhz3_arena_bytes "), std::string::npos);
  EXPECT_NE(Whole(hz3_stats_text).find("arena_bytes " + std::to_string(hz3_arena_bytes())),
            std::string::npos);
}

TEST(MallocExtension, NoneOfThemTouchesErrno) {
  const std::function<void()> functions[] = {
      [] { hz3_version(); },
      [] { hz3_lane(); },
      [] { hz3_arena_bytes(); },
      [] { hz3_committed_bytes(); },
      [] { hz3_set_limit(SIZE_MAX); },
      [] { hz3_limit(); },
      [] { hz3_set_soft_limit(SIZE_MAX); },
      [] { hz3_soft_limit(); },
      [] { hz3_set_decay_half_life_ms(hz3_decay_half_life_ms()); },
      [] { hz3_set_pressure_callback(nullptr, nullptr); },
      [] { hz3_release_thread(); },
      [] { hz3_purge(); },
      [] { hz3_stats_json(nullptr, 0); },
  };
  for (const auto& function : functions) {
    errno = 4711;
    function();
    EXPECT_EQ(errno, 4711);
  }
}

}  // namespace
}  // namespace hz3
