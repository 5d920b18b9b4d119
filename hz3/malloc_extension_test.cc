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
